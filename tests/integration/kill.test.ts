import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, templateDatabase, type TestDatabase } from '../support/postgres.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

const KEY = 'kill-test-key'
const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** The service as a process of its own, as it is run. */
function startService(port: number, database: TestDatabase): ChildProcess {
  return spawn(process.execPath, serviceArguments(), {
    cwd: root,
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      DATABASE_URL: database.url,
      DATA_KEY: Buffer.alloc(32, 3).toString('base64'),
      SESSION_SECRET: 'a secret for the kill test that is long enough',
      BOOTSTRAP_API_KEY: KEY,
      RATE_LIMIT: '0',
      LOG_LEVEL: 'silent',
    },
  })
}

/** What was built where it is of these sources, since it starts faster; else the sources. */
function serviceArguments(): string[] {
  const built = join(root, 'dist', 'server', 'main.js')
  const newest = Math.max(
    ...['server', 'drizzle'].flatMap(folder =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .map(entry => statSync(join(entry.parentPath, entry.name)).mtimeMs),
    ),
  )
  const isCurrent = existsSync(built) && statSync(built).mtimeMs > newest
  return isCurrent ? [built] : ['--import', 'tsx', join(root, 'server', 'main.ts')]
}

const exitOf = (child: ChildProcess) =>
  new Promise<number | null>(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode)
    else child.once('exit', code => resolve(code))
  })

describe('the service is killed in the middle of its work, twenty times', () => {
  let database: TestDatabase
  let port: number
  let child: ChildProcess
  const url = (path: string) => `http://127.0.0.1:${port}/api/v1${path}`

  const ready = async () => {
    for (let i = 0; i < 400; i++) {
      const isReady = await fetch(`http://127.0.0.1:${port}/readyz`).then(
        answer => answer.ok,
        () => false,
      )
      if (isReady) return
      await sleep(50)
    }
    throw new Error('the service did not become ready')
  }
  const post = async (path: string, body: unknown) => {
    const answer = await fetch(url(path), { method: 'POST', headers, body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
    return (await answer.json()) as { status: string }[]
  }
  const get = async <T>(path: string) => (await (await fetch(url(path), { headers })).json()) as T

  beforeAll(async () => {
    database = await createTestDatabase({ template: templateDatabase })
    port = await freePort()
    child = startService(port, database)
    await ready()
    await post('/stores', [{ storeCode: 'S1', name: '一店', type: 'direct' }])
    await post('/associates', [
      { associateId: 'a1', name: '导购', storeCode: 'S1', activeFrom: '2025-01-01T00:00:00+08:00' },
    ])
    await post('/plans', {
      code: 'p',
      version: 1,
      effectiveFrom: '2026-01-01T00:00:00+08:00',
      attribution: { model: 'last_touch', windowDays: 15 },
      holdDays: 7,
      rules: [
        { id: 'share', role: 'sharer', rateBps: 400, bearer: 'headquarters' },
        { id: 'till', role: 'closer', rateBps: 300, bearer: 'headquarters' },
      ],
      retroactive: true,
    })
    await post('/share-links', [
      { linkCode: 'L1', associateId: 'a1', target: { kind: 'product', ref: 'k1' }, channel: 'other' },
    ])
  })
  afterAll(async () => {
    child.kill('SIGKILL')
    await exitOf(child)
    await database.drop()
  })

  test('nothing that was answered is lost, and nothing is booked twice', async () => {
    const answered = new Set<string>()
    const sent: object[][] = []
    const batch = (n: number) =>
      Array.from({ length: 5 }, (_, i) => ({
        source: 'pos',
        orderNo: `O${n}-${i}`,
        channel: 'in_store',
        sellingStore: 'S1',
        closer: 'a1',
        memberNo: `m${(n * 5 + i) % 50}`,
        paidAt: new Date(Date.UTC(2026, 4, 1, 0, n, i)).toISOString(),
        lines: [{ lineNo: 1, sku: 'k1', quantity: 1, paidFen: 10_000 + i }],
      }))
    let next = 0
    for (let round = 0; round < 20; round++) {
      let isAlive = true
      const workers = Array.from({ length: 4 }, async () => {
        while (isAlive) {
          const n = next++
          const orders = batch(n)
          sent.push(orders)
          const touches = orders.map(order => ({
            touchId: `t-${order.orderNo}`,
            linkCode: 'L1',
            at: new Date(Date.parse(order.paidAt) - 60_000).toISOString(),
            kind: 'click',
            memberNo: order.memberNo,
          }))
          try {
            await post('/touches', touches)
            await post('/orders', orders)
            for (const order of orders) answered.add(order.orderNo)
          } catch {
            return // killed: what was not answered is sent again at the end
          }
        }
      })
      // Into the middle of the work: once something of this round was answered, and a little later.
      const before = answered.size
      for (let i = 0; i < 500 && answered.size === before; i++) await sleep(10)
      await sleep((round * 37) % 120)
      child.kill('SIGKILL')
      await exitOf(child)
      isAlive = false
      await Promise.all(workers)
      child = startService(port, database)
      await ready()
    }
    const total = await countOrders(database)
    expect(total).toBeGreaterThanOrEqual(answered.size)
    expect(answered.size).toBeGreaterThan(100)

    // Whoever got no answer sends again: the same, harmlessly.
    for (const orders of sent) {
      const results = await post('/orders', orders)
      for (const [i, result] of results.entries()) {
        const { orderNo } = orders[i] as { orderNo: string }
        expect(['created', 'unchanged']).toContain(result.status)
        if (answered.has(orderNo)) expect(result.status).toBe('unchanged')
      }
    }
    await expect
      .poll(async () => (await get<{ pendingOrders: number }>('/health/reconcile')).pendingOrders, { timeout: 60_000 })
      .toBe(0)
    const audit = await get<{ items: unknown[]; checkedOrders: number }>('/audit')
    expect(audit.items).toEqual([])
    expect(audit.checkedOrders).toBe(sent.length * 5)
    const balance = await get<{ pendingFen: number; availableFen: number }>(
      '/balances?payee=a1&at=2026-04-01T00:00:00Z',
    )
    const tillFen = sent.flat().reduce((sum, order) => {
      const { lines } = order as { lines: { paidFen: number }[] }
      return sum + Math.floor((lines[0]!.paidFen * 300 + 5_000) / 10_000)
    }, 0)
    expect(balance.pendingFen).toBeGreaterThanOrEqual(tillFen)
  }, 240_000)

  test('asked to end, it ends within ten seconds and says 0', async () => {
    const startedAt = Date.now()
    child.kill('SIGTERM')
    expect(await exitOf(child)).toBe(0)
    expect(Date.now() - startedAt).toBeLessThan(10_000)
  })
})

/** How many orders there are, asked past the service. */
async function countOrders(database: TestDatabase): Promise<number> {
  const sql = postgres(database.url, { max: 1 })
  const [row] = await sql<{ count: number }[]>`SELECT count(*)::int AS count FROM orders WHERE revision IS NOT NULL`
  await sql.end()
  return row!.count
}
