import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { DATA_KEY } from './bench.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const STARTS_MS = 60_000
/** Of one processor it takes so little, for so long, where it has nothing to do; it is waited for no longer than that. */
const QUIET_PART = 0.05
const QUIET_MS = 10_000
const QUIET_MOST_MS = 10 * 60_000

/** The service as it is run, with all its workers, in a process of its own. */
export interface BenchService {
  port: number
  pid: number
  /** A key with all scopes. */
  key: string
  /** What it keeps in memory. */
  rssMb(): number
  /** Until it has little to do by itself: what is done at night, or follows from what it was told, is done. */
  rests(): Promise<void>
  stop(): Promise<void>
}

/** @param options.args more arguments for Node.js, such as `--cpu-prof` */
export async function startService(
  databaseUrl: string,
  options: { env?: Record<string, string>; args?: readonly string[] } = {},
): Promise<BenchService> {
  const port = await freePort()
  const key = 'bench-key-that-nobody-else-knows'
  const child = spawn(
    process.execPath,
    [...(options.args ?? []), '--import', './server/cli/typescript.mjs', 'server/main.ts'],
    {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        DATABASE_URL: databaseUrl,
        DATA_KEY: DATA_KEY.toString('base64'),
        SESSION_SECRET: 'of no use to a bench, but asked for',
        BOOTSTRAP_API_KEY: key,
        RATE_LIMIT: '1000000000', // counted all the same
        HOST: '127.0.0.1',
        PORT: String(port),
        ...options.env,
      },
    },
  )
  await becomesReady(child, port)
  return {
    port,
    pid: child.pid!,
    key,
    rssMb: () => Math.round(residentKb(child.pid!) / 1024),
    rests: () => becomesQuiet(child.pid!),
    async stop() {
      const ended = new Promise(resolve => child.once('exit', resolve))
      if (child.exitCode === null && child.kill('SIGTERM')) await ended
    },
  }
}

async function becomesReady(child: ChildProcess, port: number): Promise<void> {
  const until = performance.now() + STARTS_MS
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null)
    await answer?.arrayBuffer()
    if (answer?.ok) return
    if (child.exitCode !== null || performance.now() > until) throw new Error('the service did not start')
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

async function becomesQuiet(pid: number): Promise<void> {
  for (const until = performance.now() + QUIET_MOST_MS; performance.now() < until;) {
    const before = processorMs(pid)
    await new Promise(resolve => setTimeout(resolve, QUIET_MS))
    if ((processorMs(pid) - before) / QUIET_MS < QUIET_PART) return
  }
}

/** Processor time so far; 0 where the system does not tell. */
function processorMs(pid: number): number {
  try {
    const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ').slice(11, 13)
    return (Number(user) + Number(system)) * 10
  } catch {
    return 0
  }
}

/** 0 where the system does not tell. */
function residentKb(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  return await new Promise(resolve => {
    probe.listen({ port: 0, host: '127.0.0.1' }, () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
