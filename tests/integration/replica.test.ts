import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Summary } from '../../server/features/performance/schema.ts'
import { associateItem, orderItem, planBody, storeItem } from '../builders/items.ts'
import { NATIVE_DIR } from '../support/postgres-15.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { startPrimaryAndStandby, type PrimaryAndStandby } from '../support/standby.ts'

/** What is said of figures; the replica is left before they could be older. */
const STALE_MS = 5000

let databases: PrimaryAndStandby
let service: TestService
let orders = 0

beforeAll(async () => {
  const isOnPostgres15 = process.env['TEST_DATABASE_URL'] !== undefined
  databases = await startPrimaryAndStandby(isOnPostgres15 ? NATIVE_DIR : undefined)
  service = await startTestService({
    databaseUrl: databases.primaryUrl,
    env: { DATABASE_REPLICA_URL: databases.standbyUrl, LOG_LEVEL: 'silent' },
  })
  await service.ingest('stores', [storeItem()])
  await service.ingest('associates', [associateItem()])
  await service.post('/plans', planBody())
}, 240_000)

afterAll(async () => {
  await service.close()
  await databases.stop()
})

const sell = () => service.ingest('orders', [orderItem({ orderNo: `O${++orders}` })])

const ordersShown = async () =>
  (await service.get<Summary>('/performance/summary?from=2026-03-01&to=2026-03-31')).orders

/** How often figures were read from where. */
async function reads(from: 'primary' | 'replica'): Promise<number> {
  const { body } = await service.app.inject({ url: '/metrics' })
  return Number(new RegExp(`^daogou_figures_reads_total\\{from="${from}"\\} (\\d+)`, 'm').exec(body)?.[1] ?? 0)
}

async function isReadFrom(source: 'primary' | 'replica'): Promise<boolean> {
  const before = await reads(source)
  await ordersShown()
  return (await reads(source)) === before + 1
}

describe('figures of performance', () => {
  test('are read from the replica, which follows within what is said', async () => {
    await vi.waitFor(async () => expect(await isReadFrom('replica')).toBe(true), { timeout: 5000 })
    await sell()
    await vi.waitFor(async () => expect(await ordersShown()).toBe(orders), { timeout: STALE_MS })
    expect(await isReadFrom('replica')).toBe(true)
  })

  test('are never older than that: a replica that lags is left, and used again when it has caught up', async () => {
    await databases.hold()
    await sell()
    const soldAt = performance.now()
    // The replica does not have it, however long it is asked.
    while (performance.now() - soldAt < STALE_MS) await ordersShown()
    expect(await ordersShown()).toBe(orders)
    expect(await isReadFrom('primary')).toBe(true)
    await databases.letGo()
    await vi.waitFor(async () => expect(await isReadFrom('replica')).toBe(true), { timeout: 5000 })
    expect(await ordersShown()).toBe(orders)
  }, 20_000)

  test('are there while the replica is not', async () => {
    await databases.stopStandby()
    await sell()
    expect(await ordersShown()).toBe(orders)
    expect(await isReadFrom('primary')).toBe(true)
    await databases.startStandby()
    await vi.waitFor(async () => expect(await isReadFrom('replica')).toBe(true), { timeout: 10_000 })
    expect(await ordersShown()).toBe(orders)
  }, 40_000)

  test('are the primary’s where the address names no replica', async () => {
    const misled = await startTestService({
      databaseUrl: databases.primaryUrl,
      env: { DATABASE_REPLICA_URL: databases.primaryUrl },
      worker: false,
    })
    try {
      await new Promise(resolve => setTimeout(resolve, 300))
      const { body } = await misled.app.inject({ url: '/metrics' })
      expect(body).toMatch(/^daogou_replica_stale_seconds -1$/m)
    } finally {
      await misled.close()
    }
  })
})
