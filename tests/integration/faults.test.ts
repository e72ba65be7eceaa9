import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import type { ItemResult } from '../../server/lib/items.ts'
import { associateItem, linkItem, orderItem, planBody, storeItem, touchItem } from '../builders/items.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { isThorough } from '../support/thorough.ts'

/** The service as it is run: a process of its own, which is killed, told to end, or loses its database. */

const KEY = 'test-key-with-all-scopes'
const KILLS = isThorough ? 20 : 4
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Where the service is bundled to, once: thirty starts that each compile it would take minutes. */
const OUT_DIR = join(ROOT, 'node_modules', '.cache', 'daogou-faults')
const SETTINGS = {
  DATA_KEY: Buffer.alloc(32, 7).toString('base64'),
  SESSION_SECRET: 'a secret for tests that is long enough',
  BOOTSTRAP_API_KEY: KEY,
  RATE_LIMIT: '0',
  LOG_LEVEL: 'error',
}

interface Run {
  child: ChildProcess
  url: string
  output: () => string
  /** The exit code; null where a signal ended it. */
  ended: Promise<number | null>
}

const running = new Set<Run>()

function run(env: Record<string, string>, url = ''): Run {
  const { PATH, HOME, TMPDIR } = process.env
  const child = spawn(process.execPath, ['--enable-source-maps', join(OUT_DIR, 'main.js')], {
    cwd: ROOT,
    env: Object.fromEntries(Object.entries({ PATH, HOME, TMPDIR, ...env }).filter(([, value]) => value !== undefined)),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()))
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  const self: Run = { child, url, output: () => output, ended }
  running.add(self)
  void ended.then(() => running.delete(self))
  return self
}

/** Starts the service and waits until it can work. */
async function startService(databaseUrl: string): Promise<Run> {
  const port = await freePort()
  const service = run({ ...SETTINGS, DATABASE_URL: databaseUrl, PORT: String(port) }, `http://127.0.0.1:${port}`)
  const isReady = () => fetch(`${service.url}/readyz`).then(answer => answer.ok, () => false) // prettier-ignore
  while (!(await isReady())) {
    if (service.child.exitCode !== null) throw new Error(`it ended: ${service.output()}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return service
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
const call = async (service: Run, method: 'GET' | 'POST', path: string, body?: unknown) =>
  await fetch(`${service.url}/api/v1${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
async function tell(service: Run, kind: string, items: readonly object[]): Promise<string[]> {
  const answer = await call(service, 'POST', `/${kind}`, items)
  if (!answer.ok) throw new Error(`${kind}: ${answer.status} ${await answer.text()}`)
  return ((await answer.json()) as ItemResult[]).map(result => result.status)
}
const read = async <T>(service: Run, path: string) => (await (await call(service, 'GET', path)).json()) as T

async function settle(service: Run): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if ((await read<{ pendingOrders: number }>(service, '/health/reconcile')).pendingOrders === 0) return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('not everything was booked in time')
}

const RULES = [
  { id: 'share', role: 'sharer', rateBps: 1000, bearer: 'headquarters' },
  { id: 'till', role: 'closer', rateBps: 300, bearer: 'headquarters' },
]
async function prepare(service: Run): Promise<void> {
  expect((await call(service, 'POST', '/plans', planBody({ rules: RULES, retroactive: true }))).status).toBe(201)
  await tell(service, 'stores', [storeItem()])
  await tell(service, 'associates', [associateItem(), associateItem({ associateId: 'A2' })])
  await tell(service, 'share-links', [linkItem()])
}
const order = (n: number) => orderItem({ orderNo: `o-${n}`, memberNo: `M-${n}`, closer: 'A2' })
const touch = (n: number) => touchItem({ touchId: `t-${n}`, memberNo: `M-${n}` })

let database: TestDatabase
let pool: Pool
beforeAll(async () => {
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    build: { ssr: 'server/main.ts', outDir: OUT_DIR, target: 'node20', sourcemap: true, emptyOutDir: true },
  })
  database = await createTestDatabase()
  pool = openPool(database.url, { max: 4, asOwner: true })
})
afterEach(async () => {
  for (const service of running) {
    service.child.kill('SIGKILL')
    await service.ended
  }
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

// ------------------------------------------------------------------------------------------------- kill -9

test(`kill -9 in the middle of ingest, ${KILLS} times: nothing answered is lost, nothing is booked twice`, async () => {
  const ORDERS_PER_CALL = 15
  let next = 0
  /** Calls that were answered, and those of which nobody knows. */
  const answered = new Set<number>()
  const unknown = new Set<number>()
  const send = async (service: Run, first: number) => {
    const numbers = Array.from({ length: ORDERS_PER_CALL }, (_, i) => first + i)
    unknown.add(first)
    await tell(service, 'touches', numbers.map(touch))
    await tell(service, 'orders', numbers.map(order))
    unknown.delete(first)
    answered.add(first)
  }
  let kills = 0
  while (kills < KILLS) {
    const service = await startService(database.url)
    if (kills === 0) await prepare(service)
    // Without knowing what became of a call, it is sent again.
    for (const first of unknown) await send(service, first)
    const wanted = answered.size + (kills % 4) // now and then before anything was answered
    let isKilled = false
    const clients = [0, 1, 2].map(async () => {
      try {
        for (;;) {
          const first = next
          next += ORDERS_PER_CALL
          await send(service, first)
        }
      } catch (error) {
        if (!isKilled) throw error
      }
    })
    while (answered.size < wanted) await new Promise(resolve => setTimeout(resolve, 1))
    await new Promise(resolve => setTimeout(resolve, (kills * 7) % 40))
    isKilled = true
    service.child.kill('SIGKILL')
    await service.ended
    await Promise.all(clients)
    kills++
  }

  const service = await startService(database.url)
  const there = await pool<{ orderNo: string }[]>`SELECT order_no AS "orderNo" FROM orders WHERE revision IS NOT NULL`
  const orders = new Set(there.map(row => row.orderNo))
  const lost = [...answered].flatMap(first => Array.from({ length: ORDERS_PER_CALL }, (_, i) => `o-${first + i}`)).filter(orderNo => !orders.has(orderNo)) // prettier-ignore
  expect(lost).toEqual([])
  for (const first of unknown) await send(service, first)
  await settle(service)

  const total = answered.size * ORDERS_PER_CALL
  const [sums] = await pool<Record<string, number>[]>`
    SELECT count(*)::int AS rows, sum(amount_fen)::int AS fen, count(DISTINCT (order_no, role))::int AS keys FROM ledger_rows`
  expect(sums).toEqual({ rows: 2 * total, fen: 1300 * total, keys: 2 * total })
  expect(await read(service, '/audit')).toMatchObject({ items: [], nextCursor: null, checkedOrders: total })
  expect(await read(service, '/balances?payee=A1')).toMatchObject({ availableFen: 1000 * total })
}, 240_000)

// --------------------------------------------------------------------------------------------------- ends

describe('SIGTERM', () => {
  /** Milliseconds until it ended, and its exit code. */
  async function end(service: Run): Promise<{ code: number | null; tookMs: number }> {
    const began = performance.now()
    service.child.kill('SIGTERM')
    const code = await service.ended
    return { code, tookMs: performance.now() - began }
  }

  test('ends with 0 within 10 s where nothing is to do', async () => {
    const { code, tookMs } = await end(await startService(database.url))
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(10_000)
  })

  test('lets the requests under way end', async () => {
    const service = await startService(database.url)
    await prepare(service).catch(() => {}) // another test may have done so
    const lock = await lockTable('ledger_rows')
    const under = call(service, 'POST', '/orders', [order(900_001)])
    await waitUntil(async () => (await countWaiting()) > 0)
    const ended = end(service)
    await waitUntil(() => fetch(`${service.url}/healthz`).then(() => false, () => true)) // prettier-ignore
    lock.release()
    expect((await under).status).toBe(200)
    const { code, tookMs } = await ended
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(10_000)
  })

  test('ends with 0 within 10 s also where a request cannot end', async () => {
    const service = await startService(database.url)
    const lock = await lockTable('ledger_rows')
    const under = call(service, 'POST', '/orders', [order(900_002)]).catch(() => null)
    await waitUntil(async () => (await countWaiting()) > 0)
    const { code, tookMs } = await end(service)
    lock.release()
    await under
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(10_000)
  })
})

describe('wrong settings', () => {
  test('end it with 2, all of them named at once', async () => {
    const wrong = {
      DATABASE_URL: 'mysql://localhost/x',
      PORT: 'eighty',
      MIGRATE: 'yes',
      LOG_LEVEL: 'loud',
      RATE_LIMIT: '-1',
      BRAND_TIMEZONE: 'Mars/Olympus',
      PUBLIC_URL: 'ftp://x',
      DATA_KEY: 'short',
      TRUST_PROXY: 'everybody',
      WECOM_CORP_ID: 'alone',
      WECOM_CALLBACK_AES_KEY: 'short',
      WECOM_API_URL: 'https://example.com/path',
    }
    const service = run(wrong)
    expect(await service.ended).toBe(2)
    for (const name of [...Object.keys(wrong), 'SESSION_SECRET']) expect(service.output()).toContain(name)
  })
  test('a database that nobody named is one', async () => {
    const { DATA_KEY, SESSION_SECRET } = SETTINGS
    const service = run({ DATA_KEY, SESSION_SECRET })
    expect(await service.ended).toBe(2)
    expect(service.output()).toContain('DATABASE_URL')
  })
  test('a misspelt one does not stand for the embedded database', async () => {
    const service = run({ DATABASE_URL: 'embeded' })
    expect(await service.ended).toBe(2)
    expect(service.output()).toContain('DATABASE_URL')
  })
})

// ------------------------------------------------------------------------------------------ database gone

describe('while the database is away', () => {
  test('it is 503 with Retry-After, nothing is half-booked, and it comes back by itself', async () => {
    const own = await createTestDatabase()
    const line = await openLine(own.url)
    const service = await startService(line.url)
    await prepare(service)
    await tell(service, 'orders', [order(1)])
    const direct = openPool(own.url, { max: 2, asOwner: true })

    await line.cut()
    const began = performance.now()
    for (const answer of [
      await call(service, 'POST', '/orders', [order(2)]),
      await call(service, 'GET', '/balances'),
    ]) {
      expect(answer.status).toBe(503)
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      expect(answer.headers.get('content-type')).toContain('application/problem+json')
      expect(await answer.json()).toMatchObject({ code: 'database_unavailable' })
    }
    expect((await fetch(`${service.url}/readyz`)).status).toBe(503)
    expect(performance.now() - began).toBeLessThan(10_000) // nobody waits long to hear it
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200)

    await line.mend()
    await waitUntil(async () => (await fetch(`${service.url}/readyz`)).status === 200, 20)
    expect(await tell(service, 'orders', [order(2)])).toEqual(['created'])
    // Also the worker has come back: what comes late is booked.
    await tell(service, 'touches', [touch(1), touch(2)])
    await settle(service)

    // In the middle of a transaction: all or nothing.
    const lock = await lockTable('ledger_rows', direct)
    const under = call(service, 'POST', '/orders', [order(3)])
    await waitUntil(async () => (await countWaiting(direct)) > 0)
    await line.cut()
    expect((await under).status).toBe(503)
    lock.release()
    await line.mend()
    await waitUntil(async () => (await fetch(`${service.url}/readyz`)).status === 200, 20)
    await waitUntil(async () => (await countWaiting(direct)) === 0)
    const [half] = await direct<{ orders: number; rows: number }[]>`
      SELECT (SELECT count(*)::int FROM orders WHERE order_no = 'o-3') AS orders,
        (SELECT count(*)::int FROM ledger_rows WHERE order_no = 'o-3') AS rows`
    expect(half).toEqual({ orders: 0, rows: 0 })
    expect(await tell(service, 'orders', [order(3)])).toEqual(['created'])

    // Connections that the server ends, as when it restarts.
    await direct`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'daogou'
        AND backend_type = 'client backend' AND query NOT LIKE '%pg_terminate_backend%'`
    await waitUntil(async () => (await call(service, 'GET', '/balances')).status === 200, 20)
    await tell(service, 'touches', [touch(3)])
    await settle(service)
    expect(await read(service, '/balances?payee=A1')).toMatchObject({ availableFen: 3000 })
    expect(await read(service, '/audit')).toMatchObject({ items: [], checkedOrders: 3 })
    service.child.kill('SIGTERM')
    expect(await service.ended).toBe(0)
    await direct.end()
    await line.close()
    await own.drop()
  }, 120_000)
})

/** A line to the database that can be cut and mended: connections are refused while it is cut. */
async function openLine(databaseUrl: string) {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  const port = await freePort()
  let server: Server | null = null
  const mend = async () => {
    server = createServer(socket => {
      const upstream = connect(Number(target.port), target.hostname)
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        // prettier-ignore
        sockets.add(one)
        one.on('error', () => other.destroy())
        one.on('close', () => {
          sockets.delete(one)
          other.destroy()
        })
        one.pipe(other)
      }
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  const cut = async () => {
    const closed = once(server!, 'close')
    server!.close()
    for (const socket of sockets) socket.resetAndDestroy()
    await closed
  }
  await mend()
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return { url: url.href, cut, mend, close: cut }
}

/** Keeps everybody from writing to a table until it is released; readers go on. */
async function lockTable(table: string, on: Pool = pool): Promise<{ release: () => void }> {
  let release = () => {}
  const released = new Promise<void>(resolve => (release = resolve))
  await new Promise<void>((resolve, reject) => {
    on.begin(async tx => {
      await tx`LOCK TABLE ${tx(table)} IN EXCLUSIVE MODE`
      resolve()
      await released
    }).catch(reject)
  })
  return { release }
}

async function countWaiting(on: Pool = pool): Promise<number> {
  const [row] = await on<{ count: number }[]>`
    SELECT count(*)::int AS count FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`
  return row!.count
}

async function waitUntil(isSo: () => Promise<boolean>, seconds = 10): Promise<void> {
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    if (await isSo()) return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('it did not come to that')
}
