import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { bookBonuses, rebookStep, reconcileStep } from '../../server/features/commissions/service.ts'
import { associateItem, lineItem, orderItem, planBody, refundItem, storeItem } from '../builders/items.ts'
import { openBrand, type BrandClient } from '../support/brand.ts'
import { startTestService, type TestService } from '../support/service.ts'

type Fields = Record<string, unknown>

/** More than one step of a re-booking takes. */
const ORDERS = 1200
const MARCH = { effectiveFrom: '2026-03-01T00:00:00+08:00', effectiveTo: '2026-04-01T00:00:00+08:00' }
const TIERS = { roles: ['closer'], mode: 'whole', bearer: 'headquarters', steps: [{ fromFen: 0, rateBps: 100 }] }
const till = (rateBps: number) => [{ id: 'till', role: 'closer', rateBps, bearer: 'headquarters' }]

let service: TestService
let pool: Pool
beforeAll(async () => {
  service = await startTestService({ worker: false })
  ;({ pool } = service)
})
afterAll(() => service.close())

/** A brand with orders under a plan of 3 %. */
async function filledBrand(): Promise<BrandClient> {
  const brand = await openBrand(service)
  await brand.post('/plans', planBody({ rules: till(300), monthlyTiers: TIERS, retroactive: true }))
  await brand.tell('stores', [storeItem()])
  await brand.tell('associates', [associateItem(), associateItem({ associateId: 'A2' })])
  const orders = Array.from({ length: ORDERS }, (_, i) => order(i))
  for (let i = 0; i < ORDERS; i += 600) await brand.tell('orders', orders.slice(i, i + 600))
  await work(brand)
  return brand
}
const order = (n: number, over: Fields = {}) =>
  orderItem({
    orderNo: `o-${n}`,
    memberNo: `M-${n % 500}`,
    closer: n % 2 === 0 ? 'A1' : 'A2',
    paidAt: new Date(Date.parse('2026-03-02T00:00:00Z') + n * 60_000).toISOString(),
    lines: [lineItem({ paidFen: 10_000 })],
    ...over,
  })

const step = (brand: BrandClient, on = pool) => rebookStep(on, brand.brandId, Date.now())

/** What the worker does, until nothing is left. */
async function work(brand: BrandClient): Promise<void> {
  while ((await brand.get<{ pendingOrders: number }>('/health/reconcile')).pendingOrders > 0) {
    await reconcileStep(pool, brand.brandId, Date.now())
    await step(brand)
    await bookBonuses(pool, brand.brandId, Date.now())
  }
}

async function publish(brand: BrandClient, over: Fields = {}): Promise<string> {
  const plan = planBody({ version: 2, ...MARCH, rules: till(500), monthlyTiers: TIERS, retroactive: true, ...over })
  const { status, body } = await brand.send('POST', '/plans', plan)
  expect([status, typeof body['jobId']]).toEqual([201, 'string'])
  return body['jobId'] as string
}

/** Steps until so many orders are re-booked. */
async function rebook(brand: BrandClient, jobId: string, orders: number): Promise<Fields> {
  for (let i = 0; i < 500; i++) {
    await step(brand)
    const job = await brand.get<Fields>(`/jobs/${jobId}`)
    if ((job['done'] as number) >= orders) return job
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  throw new Error('it did not come so far')
}

/** How much is booked under each plan version, and in all. */
async function sums(brand: BrandClient) {
  const rows = await pool<{ version: number; fen: number }[]>`
    SELECT plan_version AS version, sum(amount_fen)::int AS fen FROM entitlements
    WHERE brand_id = ${brand.brandId} GROUP BY 1 ORDER BY 1`
  const [ledger] = await pool<{ fen: number }[]>`
    SELECT sum(amount_fen)::int AS fen FROM ledger_rows WHERE brand_id = ${brand.brandId} AND subject = 'order_line'`
  const [bonus] = await pool<{ fen: number }[]>`
    SELECT COALESCE(sum(amount_fen), 0)::int AS fen FROM ledger_rows WHERE brand_id = ${brand.brandId} AND subject = 'bonus'`
  return {
    versions: Object.fromEntries(rows.map(row => [row.version, row.fen])),
    ledger: ledger!.fen,
    bonus: bonus!.fen,
  }
}

describe('a retroactive plan', () => {
  test('is booked step by step, and says how far it is', async () => {
    const brand = await filledBrand()
    const jobId = await publish(brand)
    expect(await brand.get(`/jobs/${jobId}`)).toMatchObject({ status: 'waiting', done: 0 })
    expect(await rebook(brand, jobId, 1)).toMatchObject({ status: 'running', done: 500, total: ORDERS })
    await work(brand)
    expect(await brand.get(`/jobs/${jobId}`)).toMatchObject({ status: 'done', done: ORDERS, total: ORDERS })
    expect(await sums(brand)).toEqual({ versions: { 2: 500 * ORDERS }, ledger: 500 * ORDERS, bonus: 100 * ORDERS })
    expect(await brand.get('/audit')).toMatchObject({ items: [] })
  })

  test('whose process dies in the middle of a step is gone on with by another', async () => {
    const brand = await filledBrand()
    const jobId = await publish(brand)
    await rebook(brand, jobId, 500)
    const dying = openPool(service.databaseUrl, { max: 2 })
    const owner = openPool(service.databaseUrl, { max: 2, asOwner: true })
    const [before] = await owner<{ count: number }[]>`SELECT count(*)::int AS count FROM ledger_rows`
    // It may begin anew in each process: that costs a look or two before the step that dies.
    let died: unknown = null
    await owner.begin(async tx => {
      await tx`LOCK TABLE ledger_rows IN EXCLUSIVE MODE`
      const end = (async () => {
        for (;;) await step(brand, dying)
      })().catch((error: unknown) => (died = error))
      for (let waiting = 0; waiting === 0;) {
        const rows = await owner`
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%ledger_rows%'`
        waiting = rows.length
      }
      await end
    })
    expect(died).not.toBeNull()
    const [after] = await owner<{ count: number }[]>`SELECT count(*)::int AS count FROM ledger_rows`
    expect(after).toEqual(before)
    await dying.end({ timeout: 1 })
    await owner.end()
    expect(await brand.get(`/jobs/${jobId}`)).toMatchObject({ status: 'running', done: 500 })
    await work(brand)
    expect(await brand.get(`/jobs/${jobId}`)).toMatchObject({ status: 'done', done: ORDERS })
    expect(await sums(brand)).toMatchObject({ versions: { 2: 500 * ORDERS }, ledger: 500 * ORDERS })
    expect(await brand.get('/audit')).toMatchObject({ items: [] })
  })
})

describe('a retroactive plan that is cancelled while it is being booked', () => {
  test('is withdrawn, and all is as without it, also what came meanwhile', async () => {
    const brand = await filledBrand()
    const before = await sums(brand)
    const jobId = await publish(brand)
    await rebook(brand, jobId, 500)
    // Under the plan that is to go: before and after what is re-booked.
    const late = { paidAt: '2026-03-30T00:00:00Z', memberNo: 'M-new' }
    await brand.tell('orders', [order(9001, { paidAt: '2026-03-01T12:00:00Z' }), order(9002, late)])
    expect((await sums(brand)).versions[2]).toBe(500 * 502)

    const cancelled = await brand.send('DELETE', `/jobs/${jobId}`)
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelling', done: 0 } })
    expect(await brand.send('DELETE', `/jobs/${jobId}`)).toMatchObject({ status: 200, body: { status: 'cancelling' } })
    expect((await brand.get<Fields>('/health/reconcile'))['pendingOrders']).toBeGreaterThan(0)
    // What comes now is decided as without it.
    await brand.tell('orders', [order(9003, late)])
    await brand.tell('refunds', [refundItem({ orderNo: 'o-10', refundNo: 'r-10' })])
    const { items } = await brand.get<{ items: Fields[] }>('/entitlements?source=mall&orderNo=o-10')
    expect(items).toMatchObject([{ planVersion: 1, amountFen: 180 }])

    await work(brand)
    expect(await brand.get(`/jobs/${jobId}`)).toMatchObject({
      status: 'cancelled',
      done: ORDERS + 3,
      total: ORDERS + 3,
    })
    const withLate = before.ledger + 3 * 300 - 120
    expect(await sums(brand)).toEqual({
      versions: { 1: withLate },
      ledger: withLate,
      bonus: before.bonus + 3 * 100 - 40,
    })
    expect(await brand.get('/audit')).toMatchObject({ items: [] })
    expect(await brand.send('DELETE', `/jobs/${jobId}`)).toMatchObject({ status: 200, body: { status: 'cancelled' } })
  })

  test('stays in the list with when and by whom; its number is taken, another one is not', async () => {
    const brand = await filledBrand()
    const jobId = await publish(brand)
    await brand.send('DELETE', `/jobs/${jobId}`)
    await work(brand)
    const { items } = await brand.get<{ items: Fields[] }>('/plans')
    expect(items.map(plan => [plan['version'], typeof plan['withdrawnAt'], plan['withdrawnBy']])).toEqual([
      [1, 'undefined', undefined],
      [2, 'string', 'key:test'],
    ])
    expect(await brand.get('/plans/standard/versions/2')).toMatchObject({ withdrawnBy: 'key:test' })
    const again = { ...MARCH, version: 2, rules: till(500), monthlyTiers: TIERS, retroactive: true }
    for (const body of [planBody(again), planBody({ ...again, holdDays: 9 })]) {
      expect(await brand.send('POST', '/plans', body)).toMatchObject({ status: 409, body: { code: 'conflict' } })
    }
    await publish(brand, { version: 3 })
    await work(brand)
    expect((await sums(brand)).versions).toEqual({ 3: 500 * ORDERS })
    expect(await brand.get('/audit')).toMatchObject({ items: [] })
    const { items: deeds } = await brand.get<{ items: Fields[] }>('/activity?action=plan.withdrawn')
    expect(deeds).toMatchObject([{ actor: 'key:test', subject: 'plans/standard/versions/2', details: { jobId } }])
  })

  test('waits for whoever may still book by it', async () => {
    const brand = await filledBrand()
    const jobId = await publish(brand)
    await rebook(brand, jobId, 500)
    const others = openPool(service.databaseUrl, { max: 1 })
    await others.begin(async tx => {
      await tx`SELECT pg_current_xact_id()` // somebody who has read the plans, and not ended
      await brand.send('DELETE', `/jobs/${jobId}`)
      for (let i = 0; i < 5; i++) await step(brand)
      expect(await brand.get(`/jobs/${jobId}`)).toMatchObject({ status: 'cancelling', done: 0 })
    })
    await others.end()
    await work(brand)
    expect(await brand.get(`/jobs/${jobId}`)).toMatchObject({ status: 'cancelled' })
  })
})

describe('what cannot be cancelled is 409, and stays', () => {
  test('a plan that is booked already, and one that is not for the past', async () => {
    const brand = await filledBrand()
    const jobId = await publish(brand)
    await work(brand)
    expect(await brand.send('DELETE', `/jobs/${jobId}`)).toMatchObject({ status: 409, body: { code: 'conflict' } })
    const future = planBody({ version: 3, effectiveFrom: '2090-01-01T00:00:00Z' })
    expect((await brand.send('POST', '/plans', future)).status).toBe(201)
    const [job] = await pool<{ jobId: string }[]>`
      SELECT job_id AS "jobId" FROM jobs WHERE brand_id = ${brand.brandId} ORDER BY job_id DESC LIMIT 1`
    expect((await brand.send('DELETE', `/jobs/${job!.jobId}`)).status).toBe(409)
    expect((await sums(brand)).versions).toEqual({ 2: 500 * ORDERS })
    expect(await brand.get('/plans/standard/versions/2')).not.toHaveProperty('withdrawnAt')
  })
  test('a job that is not there, or another brand’s, is 404', async () => {
    const brand = await filledBrand()
    const jobId = await publish(brand)
    const other = await openBrand(service)
    expect((await other.send('DELETE', `/jobs/${jobId}`)).status).toBe(404)
    expect((await brand.send('DELETE', '/jobs/018f0000-0000-7000-8000-000000000001')).status).toBe(404)
    expect(await brand.get(`/jobs/${jobId}`)).toMatchObject({ status: 'waiting' })
  })
})
