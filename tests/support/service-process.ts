import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import type { ItemResult } from '../../server/lib/items.ts'

/** The service as it is run: a process of its own, which can be killed and told to end. */

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
export const SERVICE_KEY = 'test-key-with-all-scopes'
/** What a service needs beside its database and port. */
export const SERVICE_SETTINGS = {
  DATA_KEY: Buffer.alloc(32, 7).toString('base64'),
  SESSION_SECRET: 'a secret for tests that is long enough',
  BOOTSTRAP_API_KEY: SERVICE_KEY,
  RATE_LIMIT: '0',
  LOG_LEVEL: 'error',
}

export interface ServiceProcess {
  child: ChildProcess
  url: string
  /** What it has written so far. */
  output: () => string
  /** The exit code; null where a signal ended it. */
  ended: Promise<number | null>
}

const running = new Set<ServiceProcess>()

/**
 * Bundles the service once: thirty starts that each compile it would take minutes.
 *
 * @param name of the folder it is put into; files that run at the same time each have their own
 * @returns the file to start
 */
export async function bundleService(name: string): Promise<string> {
  const outDir = join(ROOT, 'node_modules', '.cache', `daogou-${name}`)
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    build: { ssr: 'server/main.ts', outDir, target: 'node20', sourcemap: true, emptyOutDir: true },
  })
  return join(outDir, 'main.js')
}

/** Starts it with these settings and no others, and waits for nothing. */
export function runService(bundle: string, env: Record<string, string>, url = ''): ServiceProcess {
  const { PATH, HOME, TMPDIR } = process.env
  const child = spawn(process.execPath, ['--enable-source-maps', bundle], {
    cwd: ROOT,
    env: Object.fromEntries(Object.entries({ PATH, HOME, TMPDIR, ...env }).filter(([, value]) => value !== undefined)),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()))
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  const self: ServiceProcess = { child, url, output: () => output, ended }
  running.add(self)
  void ended.then(() => running.delete(self))
  return self
}

/**
 * Starts the service and waits until it can work.
 *
 * @param port any that is free, unless told
 */
export async function startService(
  bundle: string,
  options: { databaseUrl: string; port?: number; env?: Record<string, string> },
): Promise<ServiceProcess> {
  const { databaseUrl, port = await freePort(), env = {} } = options
  const settings = { ...SERVICE_SETTINGS, DATABASE_URL: databaseUrl, PORT: String(port), ...env }
  const service = runService(bundle, settings, `http://127.0.0.1:${port}`)
  while (!(await isReady(service))) {
    if (hasEnded(service)) throw new Error(`it ended: ${service.output()}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return service
}

export const isReady = (service: ServiceProcess) =>
  fetch(`${service.url}/readyz`).then(
    answer => answer.ok,
    () => false,
  )
export const hasEnded = ({ child }: ServiceProcess) => child.exitCode !== null || child.signalCode !== null

/** kill -9. */
export async function killService(service: ServiceProcess): Promise<void> {
  service.child.kill('SIGKILL')
  await service.ended
}

/** kill -9 for every service that was started here and still runs. */
export async function killServices(): Promise<void> {
  await Promise.all([...running].map(killService))
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

const headers = { authorization: `Bearer ${SERVICE_KEY}`, 'content-type': 'application/json' }

/** A call with all rights. */
export async function call(
  service: { url: string },
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Response> {
  return await fetch(`${service.url}/api/v1${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

/** Sends a batch and gives each item's status; throws where the whole was refused. */
export async function tell(service: { url: string }, kind: string, items: readonly object[]): Promise<string[]> {
  const answer = await call(service, 'POST', `/${kind}`, items)
  if (!answer.ok) throw new Error(`${kind}: ${answer.status} ${await answer.text()}`)
  return ((await answer.json()) as ItemResult[]).map(result => result.status)
}

export async function read<T>(service: { url: string }, path: string): Promise<T> {
  return (await (await call(service, 'GET', path)).json()) as T
}

/** Waits until everything is booked. */
export async function settle(service: { url: string }, patienceMs = 30_000): Promise<void> {
  for (const until = performance.now() + patienceMs; performance.now() < until;) {
    if ((await read<{ pendingOrders: number }>(service, '/health/reconcile')).pendingOrders === 0) return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('not everything was booked in time')
}
