import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool } from '../../server/database.ts'
import { runBacktest } from '../../server/features/commissions/backtests/service.ts'
import { history, plan, plans, type PlanBody } from '../builders/histories.ts'
import { associateItem, lineItem, orderItem, planBody, storeItem } from '../builders/items.ts'
import { prefixed } from '../builders/permutations.ts'
import { openBrand, type BrandClient } from '../support/brand.ts'
import { startTestService, type TestService } from '../support/service.ts'

type Fields = Record<string, unknown>

interface Job {
  status: string
  done: number
  total: number
  error?: string
  result?: Result
}
interface Sums {
  nowFen: number
  thenFen: number
}
interface Result {
  orders: number
  lines: number
  now: { totalFen: number; bonusFen?: number }
  then: { totalFen: number; bonusFen?: number }
  bonusMonths: string[]
  perRole: (Sums & { role: string })[]
  perStore: (Sums & { storeCode: string | null })[]
  perAssociate: (Sums & { associateId: string; bonusNowFen: number; bonusThenFen: number })[]
  associateCount: number
  mostDifferent: (Sums & { source: string; orderNo: string; paidAt: string })[]
  pendingOrders: number
}

/** Threads have no vitest to read TypeScript for them. */
const LOADER = ['--import', new URL('../../server/cli/typescript.mjs', import.meta.url).href]
const MARCH = { from: '2026-03-01T00:00:00+08:00', to: '2026-04-01T00:00:00+08:00' }

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service.close())

async function start(brand: BrandClient, body: Fields): Promise<string> {
  const { status, body: answer } = await brand.send('POST', '/plans/backtest', body)
  expect([status, typeof answer['jobId']]).toEqual([202, 'string'])
  return answer['jobId'] as string
}

async function waitFor(brand: BrandClient, jobId: string): Promise<Job> {
  for (let i = 0; i < 3000; i++) {
    const job = await brand.get<Job>(`/jobs/${jobId}`)
    if (job.status !== 'waiting' && job.status !== 'running') return job
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('the back-test did not end in time')
}

async function backtest(brand: BrandClient, body: Fields): Promise<Result> {
  const job = await waitFor(brand, await start(brand, body))
  expect(job).toMatchObject({ status: 'done', done: job.total })
  return job.result!
}

const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

async function allOf<T>(brand: BrandClient, path: string): Promise<T[]> {
  const items: T[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const joiner = path.includes('?') ? '&' : '?'
    const page: { items: T[]; nextCursor: string | null } = await brand.get(
      `${path}${joiner}limit=500${cursor === '' ? '' : `&cursor=${cursor}`}`,
    )
    items.push(...page.items)
    cursor = page.nextCursor
  }
  return items
}

/** Sums of what is owed for orders of the span, as the back-test names them; zero sums left out. */
async function owed(brand: BrandClient) {
  const query = `from=${encodeURIComponent(MARCH.from)}&to=${encodeURIComponent(MARCH.to)}`
  const rows = await allOf<Fields>(brand, `/entitlements?${query}`)
  const sumBy = (keyOf: (row: Fields) => string | null) => {
    const sums = new Map<string, number>()
    for (const row of rows) {
      const key = keyOf(row)
      if (key !== null) sums.set(key, (sums.get(key) ?? 0) + (row['amountFen'] as number))
    }
    return sorted(sums)
  }
  return {
    total: rows.reduce((sum, row) => sum + (row['amountFen'] as number), 0),
    roles: sumBy(row => row['role'] as string),
    associates: sumBy(row => (row['payeeKind'] === 'associate' ? (row['payee'] as string) : null)),
    orders: sumBy(row => `${row['source'] as string}/${row['orderNo'] as string}`),
  }
}

const sorted = (sums: Iterable<readonly [string, number]>) =>
  [...sums].filter(([, fen]) => fen !== 0).sort(([a], [b]) => (a < b ? -1 : 1))

/** One side of a result in the same form. */
const side = (result: Result, column: 'nowFen' | 'thenFen') => ({
  total: result[column === 'nowFen' ? 'now' : 'then'].totalFen,
  roles: sorted(result.perRole.map(row => [row.role, row[column]])),
  associates: sorted(result.perAssociate.map(row => [row.associateId, row[column]])),
})

async function bonusesOfMarch(brand: BrandClient) {
  const rows = await allOf<{ associateId: string; amountFen: number }>(brand, '/bonuses?month=2026-03')
  return sorted(rows.map(row => [row.associateId, row.amountFen]))
}

/** Everything that a booking would leave behind. */
async function tracesOf(brand: BrandClient) {
  const [row] = await service.pool<Fields[]>`
    SELECT (SELECT count(*) FROM ledger_rows WHERE brand_id = ${brand.brandId})::int AS ledger,
      (SELECT count(*) FROM entitlements WHERE brand_id = ${brand.brandId})::int AS entitlements,
      (SELECT count(*) FROM tier_bases WHERE brand_id = ${brand.brandId})::int AS bases,
      (SELECT count(*) FROM plans WHERE brand_id = ${brand.brandId})::int AS plans,
      (SELECT count(*) FROM reconcile_marks WHERE brand_id = ${brand.brandId})::int AS marks,
      (SELECT count(*) FROM bonus_marks WHERE brand_id = ${brand.brandId})::int AS months`
  return row!
}

const TIERS = {
  roles: ['sharer', 'closer'],
  mode: 'marginal',
  bearer: 'headquarters',
  steps: [
    { fromFen: 0, rateBps: 100 },
    { fromFen: 20_000, rateBps: 300 },
  ],
}

describe('what a back-test says comes true when the plan is published', () => {
  test.each([11, 12])('for random histories and plans (seed %i)', async seed => {
    const brand = await openBrand(service)
    const [bodies] = fc.sample(plans, { seed, numRuns: 1 }) as [PlanBody[]]
    for (const [i, body] of bodies.entries()) {
      const tiers = i === 0 ? { monthlyTiers: { ...TIERS, mode: 'whole' } } : {}
      expect(await brand.post('/plans', { ...body, ...tiers, retroactive: true })).toBe(201)
    }
    for (const [i, told] of fc.sample(history, { seed, numRuns: 30 }).entries()) {
      const own = prefixed(told, `${brand.brandId}-${i}-`)
      const items = [...own.master, ...own.evidence, ...own.lateMaster]
      for (const { kind, item } of items) await brand.tell(kind, [item])
      for (const command of own.overrides) await brand.post('/overrides', command)
    }
    await brand.settled()
    const before = { ...(await owed(brand)), bonuses: await bonusesOfMarch(brand) }
    const traces = await tracesOf(brand)

    const [candidate] = fc.sample(plan(9), { seed, numRuns: 1 }) as [PlanBody]
    const tried = { ...candidate, effectiveFrom: '2020-01-01T00:00:00Z', effectiveTo: null, monthlyTiers: TIERS }
    const result = await backtest(brand, { plan: tried, ...MARCH })
    expect(result.orders).toBeGreaterThan(50)
    expect(result.pendingOrders).toBe(0)
    expect(await tracesOf(brand)).toEqual(traces)
    const { orders: ordersBefore, bonuses: bonusesBefore, ...sumsBefore } = before
    expect(side(result, 'nowFen')).toEqual(sumsBefore)
    expect(sorted(result.perAssociate.map(row => [row.associateId, row.bonusNowFen]))).toEqual(bonusesBefore)

    // A later start wins: where another plan begins within the span, the candidate begins anew.
    const within = bodies.map(body => body['effectiveFrom'] as string).filter(from => Date.parse(from) > Date.parse(MARCH.from)) // prettier-ignore
    for (const [i, effectiveFrom] of [MARCH.from, ...new Set(within)].entries()) {
      const published = { ...tried, version: 99 + i, effectiveFrom, effectiveTo: MARCH.to, retroactive: true }
      expect(await brand.post('/plans', published)).toBe(201)
    }
    await brand.settled()
    const { orders: ordersAfter, ...sumsAfter } = await owed(brand)
    expect(side(result, 'thenFen')).toEqual(sumsAfter)
    expect(result.bonusMonths).toEqual(['2026-03'])
    const bonusesAfter = await bonusesOfMarch(brand)
    expect(sorted(result.perAssociate.map(row => [row.associateId, row.bonusThenFen]))).toEqual(bonusesAfter)
    expect(result.then.bonusFen).toBe(bonusesAfter.reduce((sum, [, fen]) => sum + fen, 0))
    expect(result.perStore.reduce((sum, row) => sum + row.thenFen, 0)).toBe(sumsAfter.total)

    const [was, is] = [new Map(ordersBefore), new Map(ordersAfter)]
    const differing = [...new Set([...was.keys(), ...is.keys()])]
      .map(key => [key, was.get(key) ?? 0, is.get(key) ?? 0] as const)
      .filter(([, now, then]) => now !== then)
    const told = result.mostDifferent.map(row => [`${row.source}/${row.orderNo}`, row.nowFen, row.thenFen] as const)
    expect(told).toHaveLength(Math.min(100, differing.length))
    const sizes = differing.map(([, now, then]) => Math.abs(then - now)).sort((a, b) => b - a)
    expect(told.map(([, now, then]) => Math.abs(then - now))).toEqual(sizes.slice(0, 100))
    for (const [key, now, then] of told) expect([was.get(key) ?? 0, is.get(key) ?? 0]).toEqual([now, then])
  })

  test('under the plan that is in force nothing differs, and a span without orders is empty', async () => {
    const brand = await openBrand(service)
    const body = planBody({ rules: [{ id: 'till', role: 'closer', rateBps: 300, bearer: 'headquarters' }] })
    await brand.post('/plans', { ...body, retroactive: true })
    await brand.tell('stores', [storeItem()])
    await brand.tell('associates', [associateItem()])
    await brand.tell('orders', [orderItem({ closer: 'A1' })])
    const same = await backtest(brand, { plan: body, ...MARCH })
    expect(same).toMatchObject({ orders: 1, now: { totalFen: 300 }, then: { totalFen: 300 }, mostDifferent: [] })
    const empty = await backtest(brand, { plan: body, from: '2024-01-01T00:00:00Z', to: '2024-02-01T00:00:00Z' })
    expect(empty).toMatchObject({ orders: 0, lines: 0, now: { totalFen: 0 }, perAssociate: [], bonusMonths: [] })
    expect(empty.now.bonusFen).toBeUndefined()
    // [from, to): the order's own instant is in, as the end it is out.
    const paidAt = '2026-03-20T12:00:00+08:00'
    expect((await backtest(brand, { plan: body, from: paidAt, to: MARCH.to })).orders).toBe(1)
    expect((await backtest(brand, { plan: body, from: MARCH.from, to: paidAt })).orders).toBe(0)
  })
})

describe('a back-test is refused', () => {
  const plan = planBody()
  test.each<[string, unknown, string, string[]]>([
    [
      'faults of the plan by their path',
      { plan: { ...plan, holdDays: -1 }, ...MARCH },
      'invalid_plan',
      ['plan.holdDays'],
    ],
    ['no plan', { ...MARCH }, 'invalid_plan', ['plan']],
    ['from at to', { plan, from: MARCH.from, to: MARCH.from }, 'invalid_body', ['to']],
    ['from after to', { plan, from: MARCH.to, to: MARCH.from }, 'invalid_body', ['to']],
    ['no span', { plan }, 'invalid_body', ['from', 'to']],
    ['an instant without offset', { plan, ...MARCH, to: '2026-04-01T00:00:00' }, 'invalid_body', ['to']],
    ['an unknown field', { plan, ...MARCH, until: MARCH.to }, 'invalid_body', ['until']],
    ['no object', [], 'invalid_plan', ['plan', 'from', 'to']],
  ])('%s', async (_name, body, code, paths) => {
    const { status, body: answer } = await service.post('/plans/backtest', body)
    expect([status, answer['code']]).toEqual([422, code])
    const told = (answer['errors'] as { path: string }[]).map(fault => fault.path)
    for (const path of paths) expect(told).toContain(path)
    const [row] = await service.pool<{ count: number }[]>`
      SELECT count(*)::int AS count FROM jobs WHERE brand_id = 1`
    expect(row!.count).toBe(0)
  })
})

describe('a long back-test', () => {
  let own: TestService
  let brand: BrandClient
  let body: Fields
  beforeAll(async () => {
    own = await startTestService({ worker: false })
    brand = await openBrand(own)
    const till = (rateBps: number) => [{ id: 'till', role: 'closer', rateBps, bearer: 'headquarters' }]
    await brand.post('/plans', planBody({ rules: till(300), monthlyTiers: TIERS, retroactive: true }))
    body = { plan: planBody({ rules: till(500), monthlyTiers: TIERS }), ...MARCH }
    await brand.tell('stores', [storeItem()])
    await brand.tell('associates', [associateItem(), associateItem({ associateId: 'A2' })])
    for (let i = 0; i < 3; i++) {
      const orders = Array.from({ length: 900 }, (_, k) =>
        orderItem({
          orderNo: `o-${i}-${k}`,
          memberNo: `M-${k}`,
          closer: k % 3 === 0 ? 'A1' : 'A2',
          paidAt: new Date(Date.parse('2026-03-05T00:00:00Z') + (k * 2000 + i) * 1000).toISOString(),
          lines: [lineItem({ paidFen: 1000 + k }), lineItem({ lineNo: 2, paidFen: 500 })],
        }),
      )
      await brand.tell('orders', orders)
    }
  })
  afterAll(() => own.close())
  const now = Date.now
  const run = (isStopped: () => boolean, pool = own.pool) => runBacktest(pool, { now, isStopped, ordersPerSlice: 1000 })
  /** Says stop when it is asked the n-th time. */
  const stopAt = (n: number) => {
    let asked = 0
    return () => ++asked >= n
  }

  test('that is stopped half-way is gone on with by another process, and ends the same', async () => {
    const whole = await start(brand, body)
    expect(await run(() => false)).toBe(true)
    const expected = (await brand.get<Job>(`/jobs/${whole}`)).result!
    expect(expected).toMatchObject({ orders: 2700, lines: 5400 })

    const jobId = await start(brand, body)
    expect(await run(stopAt(2))).toBe(true)
    const half = await brand.get<Job>(`/jobs/${jobId}`)
    expect(half).toMatchObject({ status: 'running', total: 2700 })
    const other = openPool(own.databaseUrl, { max: 2 })
    expect(await run(() => false, other)).toBe(true)
    await other.end()
    const job = await brand.get<Job>(`/jobs/${jobId}`)
    expect(job).toMatchObject({ status: 'done', done: 2700, total: 2700 })
    expect(job.result).toEqual(expected)
  })

  test('is folded by threads to the same', async () => {
    const whole = await start(brand, body)
    expect(await run(() => false)).toBe(true)
    const jobId = await start(brand, body)
    const threads = { databaseUrl: own.databaseUrl, count: 2, execArgv: LOADER }
    expect(await runBacktest(own.pool, { now, isStopped: () => false, threads, ordersPerSlice: 400 })).toBe(true)
    const [one, other] = [await brand.get<Job>(`/jobs/${whole}`), await brand.get<Job>(`/jobs/${jobId}`)]
    expect(other).toMatchObject({ status: 'done', done: 2700, total: 2700 })
    expect(other.result).toEqual(one.result)
  })

  test('whose thread fails says why', async () => {
    const jobId = await start(brand, body)
    const databaseUrl = own.databaseUrl.replace(/[^/]*$/, 'not_there')
    const threads = { databaseUrl, count: 2, execArgv: LOADER }
    const running = runBacktest(own.pool, { now, isStopped: () => false, threads, ordersPerSlice: 400 })
    await expect(running).rejects.toThrow('not_there')
    const job = await brand.get<Job>(`/jobs/${jobId}`)
    expect([job.status, job.error]).toEqual(['failed', expect.stringContaining('not_there')])
  })

  test('whose process dies is taken over when its lease has run out, not before, and from where it was', async () => {
    const jobId = await start(brand, body)
    expect(await run(stopAt(2))).toBe(true)
    // As if it had died right then: the lease still runs.
    await own.pool`UPDATE jobs SET leased_until = clock_timestamp() + interval '10 seconds' WHERE job_id = ${jobId}`
    expect(await run(() => false)).toBe(false)
    await own.pool`UPDATE jobs SET leased_until = clock_timestamp() - interval '1 second' WHERE job_id = ${jobId}`
    const [kept] = await own.pool<{ cursor: { fold: { orders: number } } }[]>`
      SELECT cursor FROM jobs WHERE job_id = ${jobId}`
    expect(kept!.cursor.fold.orders).toBe(1000)
    expect(await run(() => false)).toBe(true)
    expect(await brand.get<Job>(`/jobs/${jobId}`)).toMatchObject({ status: 'done', result: { orders: 2700 } })
  })

  test('is run by one of two processes', async () => {
    const jobId = await start(brand, body)
    const other = openPool(own.databaseUrl, { max: 2 })
    const ran = await Promise.all([run(() => false), run(() => false, other)])
    await other.end()
    expect(ran.filter(Boolean)).toHaveLength(1)
    expect(await brand.get<Job>(`/jobs/${jobId}`)).toMatchObject({ status: 'done', result: { orders: 2700 } })
  })

  test('that is cancelled ends so, before it begins and in the middle, and says nothing', async () => {
    const waiting = await start(brand, body)
    expect(await brand.send('DELETE', `/jobs/${waiting}`)).toMatchObject({ status: 200, body: { status: 'cancelled' } })
    expect(await run(() => false)).toBe(false)

    const jobId = await start(brand, body)
    expect(await run(stopAt(2))).toBe(true)
    expect(await brand.send('DELETE', `/jobs/${jobId}`)).toMatchObject({ status: 200, body: { status: 'cancelled' } })
    expect(await run(() => false)).toBe(false)
    const job = await brand.get<Job>(`/jobs/${jobId}`)
    expect([job.status, job.result]).toEqual(['cancelled', undefined])
    expect(await brand.send('DELETE', `/jobs/${jobId}`)).toMatchObject({ status: 200, body: { status: 'cancelled' } })
  })

  test('that is cancelled while it runs stops at its next look, and does not come back', async () => {
    const jobId = await start(brand, body)
    const owner = openPool(own.databaseUrl, { max: 1, asOwner: true })
    const running: Promise<boolean>[] = []
    let slices = 0
    await owner.begin(async tx => {
      await tx`LOCK TABLE order_revisions IN ACCESS EXCLUSIVE MODE` // it waits for its first slice
      running.push(run(() => ++slices > 1_000_000))
      while ((await brand.get<Job>(`/jobs/${jobId}`)).status !== 'running') await sleep(10)
      await brand.send('DELETE', `/jobs/${jobId}`)
      await sleep(1100) // its lease has to be renewed
    })
    await Promise.all(running)
    await owner.end()
    expect(slices).toBeLessThanOrEqual(1)
    const job = await brand.get<Job>(`/jobs/${jobId}`)
    expect([job.status, job.result]).toEqual(['cancelled', undefined])
  })

  test('does not know an unpublished plan’s number, and is not counted as a booking to come', async () => {
    const before = await brand.get('/health/reconcile')
    const jobId = await start(brand, body)
    expect(await brand.get('/health/reconcile')).toEqual(before)
    await run(() => false)
    expect((await brand.get<Job>(`/jobs/${jobId}`)).status).toBe('done')
    expect((await allOf<Fields>(brand, '/plans')).map(plan => plan['version'])).toEqual([1])
  })
})
