import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { associateItem, linkItem, orderItem, planBody, refundItem, storeItem, touchItem } from '../builders/items.ts'
import { startTestService, type TestService } from '../support/service.ts'

describe('what comes late is booked', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService()
    const till = { id: 'till', role: 'closer', rateBps: 300, bearer: 'headquarters' }
    const plan = planBody({ rules: [...(planBody()['rules'] as object[]), till] })
    expect((await service.post('/plans', { ...plan, retroactive: true })).status).toBe(201)
    await service.ingest('stores', [storeItem()])
    await service.ingest('associates', [associateItem()])
    await service.ingest('share-links', [linkItem()])
    await service.ingest('orders', [orderItem()])
    await service.settled()
  })
  afterAll(() => service.close())

  test('also to an order that was being taken when it came, and that could not see it', async () => {
    const others = openPool(service.databaseUrl, { max: 3, asOwner: true })
    try {
      await service.ingest('members', [{ memberNo: 'M-race' }])
      const marks = await lockTable(others, 'reconcile_marks') // the touch cannot end
      const ledger = await lockTable(others, 'ledger_rows') // nor can the order, once it has looked for touches
      const touch = service.ingest('touches', [touchItem({ touchId: 't-race', memberNo: 'M-race' })])
      await waitUntil(async () => (await countWaiting(others)) >= 1)
      const waiting = await countWaiting(others)
      const order = service.ingest('orders', [
        orderItem({ orderNo: 'o-race', memberNo: 'M-race', channel: 'in_store', sellingStore: 'S1', closer: 'A1' }),
      ])
      await waitUntil(async () => (await countWaiting(others)) > waiting)
      marks.release()
      await touch
      // The worker looks at the touch's mark now, and must not do away with it before the order has ended.
      for (let i = 0; i < 50; i++) await service.get('/health/reconcile')
      ledger.release()
      await order
      await service.settled()
    } finally {
      await others.end()
    }
    const { items } = await service.get<{ items: { role: string }[] }>('/entitlements?source=mall&orderNo=o-race')
    expect(items.map(row => row.role)).toEqual(['closer', 'sharer'])
    expect(await service.get('/audit')).toMatchObject({ items: [] })
  })

  test('a refund that moves to another order while its first revision is being taken leaves the first order', async () => {
    const others = openPool(service.databaseUrl, { max: 2, asOwner: true })
    const inStore = { channel: 'in_store', sellingStore: 'S1', closer: 'A1', memberNo: 'M-refund' }
    await service.ingest('orders', [
      orderItem({ orderNo: 'o-left', ...inStore }),
      orderItem({ orderNo: 'o-right', ...inStore }),
    ])
    try {
      const ledger = await lockTable(others, 'ledger_rows')
      const first = service.ingest('refunds', [refundItem({ refundNo: 'r-moves', orderNo: 'o-left' })])
      await waitUntil(async () => (await countWaiting(others)) >= 1)
      const waiting = await countWaiting(others)
      const second = service.ingest('refunds', [refundItem({ refundNo: 'r-moves', orderNo: 'o-right', revision: 2 })])
      await waitUntil(async () => (await countWaiting(others)) > waiting)
      ledger.release()
      await Promise.all([first, second])
      await service.settled()
    } finally {
      await others.end()
    }
    expect(await service.get('/audit')).toMatchObject({ items: [] })
    const { items } = await service.get<{ items: Record<string, unknown>[] }>('/entitlements?payee=A1')
    const owed = items.filter(row => row['role'] === 'closer').map(row => [row['orderNo'], row['amountFen']])
    expect(owed).toEqual(expect.arrayContaining([['o-left', 300], ['o-right', 180]])) // prettier-ignore
  })

  test('a month whose rows went to the default partition can still be written to', async () => {
    const owner = openPool(service.databaseUrl, { max: 1, asOwner: true })
    await owner`
      INSERT INTO touches (brand_id, touch_id, at, kind, by_associate, received_at)
      VALUES (1, 't-far', '2025-07-01T00:00:00Z', 'click', false, now())`
    await owner.end()
    const results = await service.ingest('touches', [touchItem({ touchId: 't-near', at: '2025-07-02T00:00:00Z' })])
    expect(results).toEqual([{ key: 't-near', status: 'created' }])
  })

  test('while transactions overlap so that the database is never without one', async () => {
    const others = openPool(service.databaseUrl, { max: 3 })
    let isOver = false
    const busy = Promise.all(
      [0.06, 0.07, 0.08].map(async seconds => {
        while (!isOver) await others`SELECT pg_current_xact_id(), pg_sleep(${seconds})`
      }),
    )
    try {
      await service.ingest('touches', [touchItem()])
      const plan = planBody({
        version: 2,
        rules: [{ id: 'more', role: 'sharer', rateBps: 2000, bearer: 'headquarters' }],
      })
      expect((await service.post('/plans', { ...plan, retroactive: true })).status).toBe(201)
      await service.settled()
    } finally {
      isOver = true
      await busy
      await others.end()
    }
    const { items } = await service.get<{ items: { amountFen: number }[] }>('/entitlements?source=mall&orderNo=o-1')
    expect(items.map(row => row.amountFen)).toEqual([2000])
  }, 20_000)
})

/** Keeps everybody from writing to a table until it is released; readers go on. */
async function lockTable(pool: Pool, table: string): Promise<{ release: () => void }> {
  let release = () => {}
  const released = new Promise<void>(resolve => (release = resolve))
  await new Promise<void>((resolve, reject) => {
    pool
      .begin(async tx => {
        await tx`LOCK TABLE ${tx(table)} IN EXCLUSIVE MODE`
        resolve()
        await released
      })
      .catch(reject)
  })
  return { release }
}

/** How many sessions of this database wait for a lock. */
async function countWaiting(pool: Pool): Promise<number> {
  const [row] = await pool<{ count: number }[]>`
    SELECT count(*)::int AS count FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`
  return row!.count
}

async function waitUntil(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 5000; i++) if (await isSo()) return
  throw new Error('it did not come to that')
}
