import { connect, createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { associateItem, linkItem, orderItem, planBody, storeItem, touchItem } from '../builders/items.ts'
import { runChaos, showTable } from '../chaos/chaos.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import {
  bundleService,
  call,
  freePort,
  killServices,
  read,
  runService,
  SERVICE_SETTINGS,
  settle,
  startService,
  tell,
  type ServiceProcess,
} from '../support/service-process.ts'

/** The service as it is run: a process of its own, which is killed, told to end, or loses its database. */

let bundle = ''
const start = (databaseUrl: string) => startService(bundle, { databaseUrl })

const RULES = [
  { id: 'share', role: 'sharer', rateBps: 1000, bearer: 'headquarters' },
  { id: 'till', role: 'closer', rateBps: 300, bearer: 'headquarters' },
]
async function prepare(service: ServiceProcess): Promise<void> {
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
  bundle = await bundleService('faults')
  database = await createTestDatabase()
  pool = openPool(database.url, { max: 4, asOwner: true })
})
afterEach(killServices)
afterAll(async () => {
  await pool.end()
  await database.drop()
})

// ------------------------------------------------------------------------------------------------- kill -9

test('kill -9 of the service and of its database, while many write: nothing is lost, nothing twice', async () => {
  const { table, faults } = await runChaos({ seed: 1, serviceKills: 3, databaseKills: 1, bundle })
  console.log(showTable(table))
  expect(faults).toEqual([])
}, 240_000)

// --------------------------------------------------------------------------------------------------- ends

describe('SIGTERM', () => {
  /** Milliseconds until it ended, and its exit code. */
  async function end(service: ServiceProcess): Promise<{ code: number | null; tookMs: number }> {
    const began = performance.now()
    service.child.kill('SIGTERM')
    const code = await service.ended
    return { code, tookMs: performance.now() - began }
  }

  test('ends with 0 within 10 s where nothing is to do', async () => {
    const { code, tookMs } = await end(await start(database.url))
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(10_000)
  })

  test('lets the requests under way end', async () => {
    const service = await start(database.url)
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
    const service = await start(database.url)
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
    const service = runService(bundle, wrong)
    expect(await service.ended).toBe(2)
    for (const name of [...Object.keys(wrong), 'SESSION_SECRET']) expect(service.output()).toContain(name)
  })
  test('a database that nobody named is one', async () => {
    const { DATA_KEY, SESSION_SECRET } = SERVICE_SETTINGS
    const service = runService(bundle, { DATA_KEY, SESSION_SECRET })
    expect(await service.ended).toBe(2)
    expect(service.output()).toContain('DATABASE_URL')
  })
  test('a misspelt one does not stand for the embedded database', async () => {
    const service = runService(bundle, { DATABASE_URL: 'embeded' })
    expect(await service.ended).toBe(2)
    expect(service.output()).toContain('DATABASE_URL')
  })
})

// ------------------------------------------------------------------------------------------ database gone

describe('while the database is away', () => {
  test('it is 503 with Retry-After, nothing is half-booked, and it comes back by itself', async () => {
    const own = await createTestDatabase()
    const line = await openLine(own.url)
    const service = await start(line.url)
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
