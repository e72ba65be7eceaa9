import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selectCreditedSales, selectStoreSales } from '../../server/features/attainment/queries.ts'
import { exportAttainment, listAttainment, totalAttainment } from '../../server/features/attainment/service.ts'
import type { Caller } from '../../server/features/auth/domain.ts'
import { listBehind } from '../../server/features/drill-down/service.ts'
import { SORTS } from '../../server/features/performance/domain.ts'
import { exportTable, listTable, readSummary, readTrend } from '../../server/features/performance/service.ts'
import {
  markOrders,
  netSalesSummed,
  rebuildSums,
  refreshStatistics,
  sumAll,
  sumStep,
} from '../../server/features/rollups/service.ts'
import { resolveOpengids } from '../../server/features/touches/service.ts'
import type { Wecom } from '../../server/features/wecom/service.ts'
import { startTestService, type TestService } from '../support/service.ts'

/**
 * Histories made by a seed, told late, again and in any sequence. After each step whatever is read from sums is what
 * evidence gives, and the sums are those that are made anew.
 */
const DAY_MS = 86_400_000
const NOW = Date.parse('2026-06-10T12:00:00+08:00')
const FROM = Date.parse('2026-05-01T00:00:00+08:00')
const ZONE = 'Asia/Shanghai'
const SEED = Number(process.env['ROLLUPS_SEED'] ?? 5)
const STEPS = Number(process.env['ROLLUPS_STEPS'] ?? 3)

let seed = SEED
const random = () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}
const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
const some = (part: number) => random() < part
const below = (count: number) => Math.floor(random() * count)
const times = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i))
/** Mostly in the span that is looked at, sometimes a year before; often at a midnight. */
const instant = (days = 16) => {
  const day = FROM + (some(0.15) ? -pick([30, 340, 364, 400]) : below(days)) * DAY_MS
  return new Date(some(0.1) ? day : day + below(DAY_MS)).toISOString()
}

const STORES = ['S1', 'S2', 'S3', 'S4'] as const
const associates = STORES.flatMap(storeCode =>
  ['a', 'b'].map(letter => ({
    associateId: `${storeCode}-${letter}`,
    name: `导购 ${storeCode}${letter}`,
    storeCode,
    activeFrom: '2024-01-01T00:00:00+08:00',
  })),
)
const CHATS = ['wrA', 'wrB', 'wrC'] as const
const anyone = () => pick(associates).associateId
const member = () => `m${below(14)}`
const plan = {
  code: 'p',
  version: 1,
  effectiveFrom: '2024-01-01T00:00:00+08:00',
  effectiveTo: null,
  attribution: { model: 'last_touch', windowDays: 15 },
  holdDays: 7,
  rules: [
    { id: 'share', role: 'sharer', rateBps: 400, bearer: 'headquarters' },
    { id: 'till', role: 'closer', rateBps: 300, bearer: 'selling_store' },
    { id: 'home', role: 'home_store', rateBps: 700, bearer: 'headquarters' },
  ],
  monthlyTiers: { roles: ['sharer', 'closer'], mode: 'whole', bearer: 'headquarters', steps: [{ fromFen: 0, rateBps: 100 }] },
  retroactive: true,
} // prettier-ignore

const revisions = new Map<string, number>()
const nextRevision = (key: string) => {
  const revision = (revisions.get(key) ?? 0) + 1 + (some(0.2) ? 1 : 0)
  revisions.set(key, revision)
  return some(0.1) ? Math.max(1, revision - 2) : revision
}
let touchNo = 0

const EVIDENCE: Record<string, () => object> = {
  orders: () => {
    const orderNo = `o${below(90)}`
    const isOnline = some(0.4)
    return {
      source: 'pos',
      orderNo,
      revision: nextRevision(`order ${orderNo}`),
      channel: isOnline ? 'online' : 'in_store',
      ...(isOnline && some(0.7) ? {} : { sellingStore: pick(STORES) }),
      ...(isOnline || some(0.2) ? {} : { closer: anyone() }),
      ...(some(0.6) ? { memberNo: member() } : some(0.7) ? { unionid: `u${below(12)}` } : {}),
      ...(some(0.2) ? { shareCode: `rollups${below(20)}` } : {}),
      paidAt: instant(),
      ...(some(0.08) ? { cancelled: true } : {}),
      lines: times(1 + below(2), i => ({ lineNo: i + 1, sku: `k${i}`, quantity: 1 + below(2), paidFen: 100 + below(9000) })),
    } // prettier-ignore
  },
  refunds: () => {
    const refundNo = `r${below(30)}`
    return {
      source: 'pos',
      refundNo,
      revision: nextRevision(`refund ${refundNo}`),
      orderNo: `o${below(95)}`,
      refundedAt: instant(),
      lines: [{ lineNo: 1 + below(2), quantity: below(2), refundFen: below(5000) }],
    }
  },
  'share-links': () => ({
    linkCode: `rollups${below(20)}`,
    associateId: anyone(),
    target: some(0.5) ? { kind: 'page', ref: 'pages/home', title: '首页' } : { kind: 'product', ref: `k${below(2)}` },
    channel: pick(['single_chat', 'group_chat', 'moments']),
    ...(some(0.6) ? { sentTo: { chatId: pick(CHATS) } } : {}),
    createdAt: instant(),
  }),
  touches: () => ({
    touchId: `t${some(0.9) ? touchNo++ : below(touchNo + 1)}`,
    linkCode: `rollups${below(20)}`,
    at: instant(),
    kind: pick(['click', 'visit', 'sent']),
    ...(some(0.3) ? { memberNo: member() } : {}),
    ...(some(0.5) ? { unionid: `u${below(12)}` } : {}),
    ...(some(0.3) ? { chatId: pick(CHATS) } : some(0.6) ? { opengid: `g${below(6)}` } : {}),
    visitorId: `v${below(12)}`,
  }),
  identities: () => ({
    kind: pick(['unionid', 'visitor']),
    value: `${pick(['u', 'v'])}${below(12)}`,
    memberNo: member(),
    at: instant(),
  }),
  'member-merges': () => ({ memberNo: member(), into: member(), at: instant() }),
  members: () => ({
    memberNo: member(),
    ...(some(0.8) ? { joinedAt: instant() } : {}),
    ...(some(0.8) ? { openingStore: pick(STORES) } : {}),
    ...(some(0.8) ? { openingAssociate: anyone() } : {}),
  }),
  'friend-events': () => ({ associateId: anyone(), externalUserid: `wm${below(9)}`, kind: 'added', at: instant() }),
  'member-assignments': () => ({ memberNo: member(), attributedAssociate: anyone(), homeStore: pick(STORES), from: instant() }),
} // prettier-ignore

/** WeCom, which knows each group's chat. */
const wecom = { call: async (_: string, { body }: { body: { opengid: string } }) => ({ chat_id: CHATS[Number(body.opengid.slice(1)) % CHATS.length] }) } as unknown as Wecom // prettier-ignore

/** What changes figures without being an order of its own. */
const DOINGS: (() => Promise<unknown>)[] = [
  () => service.pool`UPDATE group_opengids SET due_at = now() + interval '9 years' WHERE random() < 0.5`.then(() => resolveOpengids(service.pool, { wecom, brandId: 1, now: () => NOW })),
  () => service.post('/overrides', { source: 'pos', orderNo: `o${below(90)}`, role: pick(['sharer', 'closer']), associateId: some(0.2) ? null : anyone(), reason: '核对' }),
  () => service.ingest('associates', [{ ...pick(associates), storeCode: pick(STORES) }]),
  () => service.ingest('stores', [{ storeCode: pick(STORES), name: '店', type: 'direct', region: pick(['east', 'west']), effectiveFrom: instant() }]),
] // prettier-ignore

let service: TestService
let ended: Promise<unknown>
beforeAll(async () => {
  service = await startTestService({ now: () => NOW })
  await service.ingest('stores', STORES.map((storeCode, i) => ({ storeCode, name: storeCode, region: i < 2 ? 'east' : 'west', type: 'direct' }))) // prettier-ignore
  await service.ingest('associates', associates)
  expect((await service.post('/plans', plan)).status).toBe(201)
  for (const kind of ['share-links', 'touches', 'identities']) await service.ingest(kind, times(40, EVIDENCE[kind]!))
}, 60_000)
afterAll(async () => {
  await service.close()
})

const brand = { brandId: 1, zone: ZONE, now: NOW }
const callerOf = (scope: Caller['scope']): Caller => ({ brandId: 1, zone: ZONE, actor: 'key:test', id: 'key:test', scopes: new Set(), scope, person: null }) // prettier-ignore
const everybody = callerOf({ brandId: 1, reach: 'brand' })

async function tellSomething() {
  for (let i = 0; i < 9; i++) {
    if (some(0.15)) await pick(DOINGS)()
    const kind = some(0.4) ? 'orders' : pick([...Object.keys(EVIDENCE), 'refunds', 'refunds', 'refunds'])
    await service.ingest(kind, times(1 + below(12), EVIDENCE[kind]!))
  }
  await service.settled()
}

const KEYS = {
  stores: STORES,
  regions: ['east', 'west'],
  links: times(20, i => `rollups${i}`),
  channels: ['single_chat', 'group_chat', 'moments'],
  groups: CHATS,
} as const
const KEYED = ['channels', 'links', 'groups', 'products'] as const
const day = (at: number) => new Date(at + 8 * 3_600_000).toISOString().slice(0, 10)

async function expectSame(isOfMonths = some(0.4)) {
  // Whole months too, with days before and after.
  const from = isOfMonths ? FROM - below(3) * DAY_MS : FROM + (below(16) - 3) * DAY_MS
  const to = isOfMonths ? FROM + (31 + below(9)) * DAY_MS : from + (1 + below(some(0.2) ? 300 : 20)) * DAY_MS
  const span = { from: day(from), to: day(to) }
  const region = pick(['east', 'west'])
  const isRegion = (await service.get<{ items: { region: string }[] }>(`/performance/regions?from=${span.from}&to=${span.to}`)).items.some(row => row.region === region) // prettier-ignore
  for (const [caller, scope] of [
    [everybody, {}],
    [everybody, { storeCode: pick(STORES) }],
    [everybody, isRegion ? { region } : {}],
    [callerOf({ brandId: 1, reach: 'stores', storeCodes: ['S1', pick(STORES)] }), {}],
  ] as const) {
    const asking = { caller, now: NOW, query: { ...span, ...scope } }
    const told = JSON.stringify({ seed: SEED, ...asking.query, reach: caller.scope.reach })
    const summary = await readSummary(service.pool, asking, 'evidence')
    expect(await readSummary(service.pool, asking), told).toEqual(summary)
    for (const grain of [pick(['day', 'week', 'month'] as const)]) {
      const query = { ...asking.query, grain }
      const trend = await readTrend(service.pool, { ...asking, query }, 'evidence')
      expect(await readTrend(service.pool, { ...asking, query }), `${told} ${grain}`).toEqual(trend)
      const figures = SORTS.filter(() => some(0.2)).concat(pick(SORTS))
      const fewer = { ...asking, query: { ...query, figures: figures.join(',') } }
      expect(await readTrend(service.pool, fewer), `${told} ${grain} ${fewer.query.figures}`).toEqual({
        ...trend,
        items: trend.items.map(item => Object.fromEntries(Object.entries(item).filter(([name]) => name === 'day' || figures.includes(name as never)))), // prettier-ignore
      })
    }
    for (const table of ['stores', 'regions', 'associates', ...KEYED] as const) {
      const sort = pick(['netSalesFen', 'repeatBps', 'visitors', 'linkBuyers', 'commissionFen', 'closerFen', 'privateDomainBps', 'clicks'] as const) // prettier-ignore
      const query = { ...asking.query, sort, order: pick(['asc', 'desc'] as const), limit: pick([2, 100]) }
      const rows = await listTable(service.pool, { ...asking, query, table }, 'evidence')
      expect(await listTable(service.pool, { ...asking, query, table }), `${told} ${table} ${sort}`).toEqual(rows)
      const figures = SORTS.filter(() => some(0.2)).concat(pick(SORTS))
      const others = SORTS.filter(name => !figures.includes(name))
      const fewer = { ...asking, query: { ...query, figures: figures.join(',') }, table }
      expect(await listTable(service.pool, fewer), `${told} ${table} ${sort} ${fewer.query.figures}`).toEqual({
        ...rows,
        items: rows.items.map(row => Object.fromEntries(Object.entries(row).filter(([name]) => !others.includes(name as never)))), // prettier-ignore
      })
    }
    const rows = [{}, ...(['stores', 'regions', 'links', 'channels', 'groups'] as const).flatMap(table => [{ table }, { table, key: pick(KEYS[table]) }])] // prettier-ignore
    for (const row of rows) {
      for (const figure of ['orders', 'netSalesFen', 'unattributedOrders', 'unattributedFen'] as const) {
        const drilled = { ...asking, query: { ...asking.query, ...row, figure, limit: 1 } }
        const behind = await listBehind(service.pool, drilled, 'evidence').catch(String)
        expect(await listBehind(service.pool, drilled).catch(String), `${told} ${JSON.stringify(row)} ${figure}`).toEqual(behind) // prettier-ignore
      }
    }
  }
}

/** What targets are held against. */
async function expectSameSales() {
  const from = FROM + (below(16) - 3) * DAY_MS
  const someDays = { from: day(from), to: day(from + (1 + below(20)) * DAY_MS) }
  const days = {
    ...(some(0.5) ? someDays : { from: '2026-05-01', to: '2026-06-01' }),
    monthlessUntil: null,
    daysAfter: 0,
  }
  const at = (text: string) => Date.parse(`${text}T00:00:00+08:00`)
  const span = { from: at(days.from), to: at(days.to) }
  const associates = await service.pool<{ id: string }[]>`SELECT associate_id AS id FROM associates WHERE brand_id = 1`
  const associateIds = associates.map(({ id }) => id)
  const without = (sales: ReadonlyMap<string, number>) => Object.fromEntries([...sales].filter(([, fen]) => fen !== 0))
  const told = JSON.stringify({ seed: SEED, ...days })
  const ofStores = await selectStoreSales(service.pool, { brandId: 1, storeCodes: STORES, ...span })
  const ofStoresSummed = await netSalesSummed(service.pool, { brandId: 1, days, kind: 'store', subjects: STORES })
  expect(without(ofStoresSummed), told).toEqual(without(ofStores))
  const scope = { brandId: 1, reach: 'brand' } as const
  const credited = await selectCreditedSales(service.pool, { scope, associateIds, ...span })
  const summed = await netSalesSummed(service.pool, { brandId: 1, days, kind: 'associate', subjects: associateIds })
  expect(without(summed), told).toEqual(without(credited))
  return credited.size > 0 && ofStores.size > 0
}

describe('sums', () => {
  test('are what evidence gives, for whatever comes in whatever sequence, and what is made anew', async () => {
    let hasSales = false
    for (let step = 0; step < STEPS; step++) {
      await tellSomething()
      await sumAll(service.pool, brand)
      await expectSame()
      hasSales = (await expectSameSales()) || hasSales
      const { days, differing } = await rebuildSums(service.pool, brand)
      expect({ step, differing }).toEqual({ step, differing: 0 })
      expect(days).toBeGreaterThan(0)
    }
    expect(hasSales).toBe(true)
    const [row] = await service.pool<
      {
        all: number
        sold: number
        opened: number
        won: number
        served: number
        kinds: number
        keyed: number
        months: number
      }[]
    >`
      SELECT count(*) AS all, count(*) FILTER (WHERE part = 'sales') AS sold,
        count(*) FILTER (WHERE shares_clicked > 0) AS opened,
        (SELECT count(*) FROM rollup_people WHERE kind = 'winner') AS won,
        (SELECT count(*) FROM rollup_associates WHERE closer_fen > 0) AS served,
        (SELECT count(DISTINCT kind) FROM rollup_associate_people) AS kinds,
        (SELECT count(DISTINCT (dimension, part)) FROM rollup_keys WHERE key <> '' AND (part = 'refunds' OR people IS NOT NULL)) AS keyed,
        (SELECT count(*) FROM rollup_key_totals WHERE block = 'month') AS months FROM rollup_days`
    expect(row!.sold).toBeGreaterThan(20)
    expect(row!.opened).toBeGreaterThan(0)
    expect(row!.won).toBeGreaterThan(0)
    expect(row!.served).toBeGreaterThan(0)
    expect(row!.kinds).toBe(4)
    // Sales, links and clicks of each, and refunds of products.
    expect(row!.keyed).toBe(13)
    expect(row!.months).toBeGreaterThan(20)
  }, 120_000)

  test('leave marks that cannot be seen yet, and are read only where they are new enough', async () => {
    const order = (orderNo: string, paidAt = '2026-05-03T12:00:00+08:00') => ({
      source: 'pos',
      orderNo,
      channel: 'online',
      paidAt,
      lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 1000 }],
    })
    const asking = { caller: everybody, now: NOW, query: { from: '2026-05-03', to: '2026-05-04' } }
    const read = async () => (await readSummary(service.pool, asking)).netSalesFen
    // The day and the next have orders, whatever the seed.
    await service.ingest('orders', [order('early'), order('next', '2026-05-04T12:00:00+08:00')])
    await service.settled()
    await sumAll(service.pool, brand)
    const before = await read()
    await service.ingest('orders', [order('late1')])
    await service.settled()
    expect(await read()).toBe(before + 1000)
    // Of a chain's day, whose evidence nobody waits for, the sums are read for a few seconds more.
    const addOrders = (more: number) => service.pool`
      UPDATE rollup_totals SET orders = orders + ${more} WHERE part = 'sales' AND day = '2026-05-03'`
    await addOrders(100_000)
    expect(await readSummary(service.pool, asking)).toMatchObject({ netSalesFen: before, summedUntil: null })
    // After that it is said until when they hold, of whatever is read from them.
    await service.pool`UPDATE rollup_marks SET marked_at = marked_at - interval '5 seconds'`
    const [oldest] = await service.pool<{ at: number }[]>`SELECT min(marked_at) AS at FROM rollup_marks`
    const summedUntil = new Date(oldest!.at).toISOString()
    const month = { caller: everybody, now: NOW, query: { month: '2026-05', everyone: 'true' } } as const
    expect(await readSummary(service.pool, asking)).toMatchObject({ netSalesFen: before, summedUntil })
    expect(await readTrend(service.pool, asking)).toMatchObject({ items: [{ netSalesFen: before }], summedUntil })
    const table = { ...asking, table: 'channels' } as const
    expect(await listTable(service.pool, table)).toMatchObject({ summedUntil })
    const file = await exportTable(service.pool, service.pool, table)
    expect(file.name).toBe(`performance-channels-2026-05-03-2026-05-03-until-${summedUntil.replace(/\.\d+|[-:]/g, '')}`)
    const behind = { ...asking, query: { ...asking.query, figure: 'netSalesFen' } } as const
    expect((await listBehind(service.pool, behind)).totals).toMatchObject({ figure: before, summedUntil })
    expect(await listAttainment(service.pool, month)).toMatchObject({ summedUntil })
    const targets = await exportAttainment(service.pool, { ...month, format: 'csv' })
    expect(targets.name).toBe(`attainment-2026-05-until-${summedUntil.replace(/\.\d+|[-:]/g, '')}`)
    expect(await totalAttainment(service.pool, month)).toMatchObject({ summedUntil })
    // A day of a brand whose evidence is more than memory holds is too much sooner.
    await addOrders(-90_000)
    expect(await readSummary(service.pool, asking)).toMatchObject({ netSalesFen: before + 1000, summedUntil: null })
    const addOthers = (more: number) => service.pool`
      UPDATE rollup_totals SET orders = orders + ${more} WHERE part = 'sales' AND day = '2026-05-04'`
    await addOthers(1_000_000)
    expect(await readSummary(service.pool, asking)).toMatchObject({ netSalesFen: before, summedUntil })
    await addOthers(-1_000_000)
    await addOrders(-10_000)
    expect(await readSummary(service.pool, asking)).toMatchObject({ netSalesFen: before + 1000, summedUntil: null })
    expect(await listTable(service.pool, table)).toMatchObject({ summedUntil: null })
    expect(await totalAttainment(service.pool, month)).toMatchObject({ summedUntil: null })

    let commit = () => {}
    const isWritten = new Promise<void>(written => {
      const isCommitted = new Promise<void>(resolve => (commit = resolve))
      ended = service.pool.begin(async tx => {
        await markOrders(tx, { brandId: 1, now: NOW, orders: [{ source: 'pos', orderNo: 'late1' }] })
        written()
        await isCommitted
      })
    })
    await isWritten
    await sumAll(service.pool, brand)
    expect(await read()).toBe(before + 1000)
    commit()
    await ended
    const marks = await service.pool`SELECT FROM rollup_marks`
    expect(marks).toHaveLength(1)
  })

  test('are made of many marks at once where these speak of the same days, and else of few', async () => {
    await sumAll(service.pool, brand)
    const orders = times(100, () => ({ source: 'pos', orderNo: 'early' }))
    for (let i = 0; i < 25; i++) await markOrders(service.pool, { brandId: 1, now: NOW + i, orders })
    expect(await sumStep(service.pool, brand)).toBe(2500)
    await service.pool`
      INSERT INTO rollup_marks (brand_id, mark_id, kind, keys, ids, instants, stores, links, marked_at)
      SELECT 1, gen_random_uuid(), 'order', '{pos}', ARRAY['none' || i], ARRAY[('2016-01-01'::date + i)::text], '{S1}',
        '{NULL}', now() FROM generate_series(1, 3000) AS i`
    expect(await sumStep(service.pool, brand)).toBe(1000)
    await service.pool`DELETE FROM rollup_marks`
    // Of more cells than the first thousand by half, and yet of no more than a thousand.
    await service.pool`
      INSERT INTO rollup_marks (brand_id, mark_id, kind, keys, ids, instants, stores, links, marked_at)
      SELECT 1, ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, 'order', '{pos}', ARRAY['none' || i],
        ARRAY[('2016-01-01'::date + CASE WHEN i <= 1000 THEN i % 500 ELSE 500 + i % 450 END)::text], '{S1}', '{NULL}', now()
      FROM generate_series(1, 2000) AS i`
    expect(await sumStep(service.pool, brand)).toBe(2000)
    await service.pool`DELETE FROM rollup_marks`
    expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
  }, 120_000)

  test('are made anew where they are not right, and it is said', async () => {
    await sumAll(service.pool, brand)
    await service.pool`UPDATE rollup_days SET net_sales_fen = net_sales_fen + 1 WHERE part = 'sales' AND day = '2026-05-03'`
    await service.pool`DELETE FROM rollup_people WHERE kind = 'buyer' AND day = '2026-05-04'`
    await service.pool`UPDATE rollup_gaps SET people = people + 1 WHERE kind = 'visitor' AND day = '2026-05-05'`
    expect((await rebuildSums(service.pool, brand)).differing).toBeGreaterThan(2)
    await service.pool`UPDATE rollup_associates SET closer_fen = closer_fen + 1 WHERE part = 'sales'`
    expect((await rebuildSums(service.pool, brand)).differing).toBeGreaterThan(0)
    await service.pool`DELETE FROM rollup_associate_people WHERE kind = 'visitor'`
    expect((await rebuildSums(service.pool, brand)).differing).toBeGreaterThan(0)
    await service.pool`UPDATE rollup_keys SET people = array_append(people, 'nobody') WHERE dimension = 'product' AND part = 'sales'`
    expect((await rebuildSums(service.pool, brand)).differing).toBeGreaterThan(0)
    for (const block of ['day', 'month']) {
      await service.pool`UPDATE rollup_key_totals SET clicks = clicks + 1 WHERE dimension = 'group' AND block = ${block}`
      expect((await rebuildSums(service.pool, brand)).differing).toBeGreaterThan(0)
    }
    await service.pool`UPDATE rollup_associate_months SET commission_fen = commission_fen + 1 WHERE part = 'pay'`
    expect((await rebuildSums(service.pool, brand)).differing).toBeGreaterThan(0)
    await service.pool`DELETE FROM rollup_associate_months WHERE part = 'sales' AND month = '2026-05-01'`
    expect((await rebuildSums(service.pool, brand)).differing).toBeGreaterThan(0)
    await service.pool`UPDATE rollup_store_months SET clicks = clicks + 1 WHERE part = 'clicks'`
    expect((await rebuildSums(service.pool, brand)).differing).toBeGreaterThan(0)
    expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
    await expectSame()
  })

  test('of days that a version before summed are not read where it knew nothing of them, and are summed again', async () => {
    await sumAll(service.pool, brand)
    await service.pool`DELETE FROM rollup_keys WHERE day >= '2026-05-04'`
    await service.pool`DELETE FROM rollup_key_totals WHERE day >= '2026-05-04' OR block = 'month'`
    await service.pool`UPDATE rollup_totals SET version = 0 WHERE day >= '2026-05-04'`
    await expectSame()
    await sumAll(service.pool, brand)
    const old = await service.pool`SELECT FROM rollup_totals WHERE version < 2`
    expect(old).toHaveLength(0)
    await service.pool`UPDATE rollup_totals SET version = 0 WHERE day < '2026-05-04'`
    await service.pool`DELETE FROM rollup_keys WHERE day < '2026-05-04'`
    await service.pool`DELETE FROM rollup_key_totals WHERE day < '2026-05-04' AND block = 'day'`
    await sumAll(service.pool, brand)
    expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
    await expectSame()
  }, 120_000)

  test('stay of a version before where one store of a day is summed anew', async () => {
    await sumAll(service.pool, brand)
    await service.pool`DELETE FROM rollup_keys`
    await service.pool`DELETE FROM rollup_key_totals`
    await service.pool`UPDATE rollup_totals SET version = 0`
    const [order] = await service.pool<{ source: string; orderNo: string }[]>`
      SELECT source, order_no AS "orderNo" FROM orders WHERE source = 'pos' AND order_no = 'early'`
    await service.pool.begin(async tx => await markOrders(tx, { brandId: 1, now: NOW, orders: [order!] }))
    await sumStep(service.pool, brand)
    expect(await service.pool`SELECT DISTINCT version FROM rollup_totals`).toEqual([{ version: 0 }])
    await expectSame()
    await sumAll(service.pool, brand)
    expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
  }, 120_000)

  describe('of the links that a store made on a day', () => {
    const span = { from: '2025-09-01', to: '2025-09-02' }
    const order = (more: object) => service.ingest('orders', [{ source: 'pos', orderNo: 'pair', channel: 'in_store', sellingStore: 'S1', closer: 'S1-a', memberNo: 'pair', paidAt: '2025-09-01T12:00:00+08:00', lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 700 }], ...more }]) // prettier-ignore
    const sumMarked = async () => {
      await service.settled()
      while ((await service.pool`SELECT FROM rollup_marks`).length > 0) await sumStep(service.pool, brand)
    }
    const buyersOf = async (table: 'links' | 'stores' | 'associates' | 'channels') => {
      const asking = { caller: everybody, now: NOW, query: { ...span, sort: 'linkBuyers', limit: 100 }, table } as const
      const page = await listTable(service.pool, asking)
      expect(page).toEqual(await listTable(service.pool, asking, 'evidence'))
      return page.items.map(row => [row['key'] ?? row['linkCode'] ?? row['channel'] ?? row['associateId'] ?? row['storeCode'], row['linkVisitors'], row['linkBuyers']]) // prettier-ignore
    }
    beforeAll(async () => {
      const links = ['pairA', 'pairB', 'pairC']
      await service.ingest('share-links', links.map(linkCode => ({ linkCode, associateId: 'S1-a', target: { kind: 'page', ref: 'pages/home', title: '首页' }, channel: 'moments', createdAt: '2025-09-01T09:00:00+08:00' }))) // prettier-ignore
      await service.ingest('touches', links.map((linkCode, i) => ({ touchId: linkCode, linkCode, at: `2025-09-01T1${i}:00:00+08:00`, kind: 'click', memberNo: i < 2 ? 'pair' : 'other' }))) // prettier-ignore
      await sumMarked()
    })

    test('those stay of which nothing was told, and who bought by another comes and goes with the order', async () => {
      expect(await buyersOf('links')).toEqual([['pairA', 1, 0], ['pairB', 1, 0], ['pairC', 1, 0]]) // prettier-ignore
      const kept = async () =>
        await service.pool`SELECT ctid, key FROM rollup_keys WHERE dimension = 'link' AND part = 'links' AND key IN ('pairA', 'pairC')`
      const before = await kept()
      expect(await order({})).toMatchObject([{ status: 'created' }])
      await sumMarked()
      expect(await buyersOf('links')).toEqual([['pairB', 1, 1], ['pairA', 1, 0], ['pairC', 1, 0]]) // prettier-ignore
      expect(await buyersOf('stores')).toContainEqual(['S1', 2, 1])
      expect(await order({ revision: 2, cancelled: true })).toMatchObject([{ status: 'updated' }])
      await sumMarked()
      expect(await buyersOf('links')).toEqual([['pairA', 1, 0], ['pairB', 1, 0], ['pairC', 1, 0]]) // prettier-ignore
      expect(before).toHaveLength(2)
      expect(await kept()).toEqual(before)
      expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
    })

    test('who bought by one is added to it, and goes, and nothing else of that day is looked at again for it', async () => {
      const others = async () => [
        ...(await service.pool`SELECT ctid, part FROM rollup_days WHERE part = 'links' AND day = '2025-09-01'`),
        ...(await service.pool`
          SELECT ctid, person FROM rollup_associate_people WHERE kind = 'opener' AND day = '2025-09-01' ORDER BY person`),
      ]
      const before = await others()
      expect(before).toHaveLength(3)
      const told = async (more: object) => {
        expect(await order(more)).toMatchObject([{ status: expect.stringMatching(/^(created|updated)$/) }])
        await sumMarked()
      }
      await told({ orderNo: 'pair2' })
      // Another of the same buyer changes nothing of it, nor that one of both is gone.
      await told({ orderNo: 'pair3', paidAt: '2025-09-01T12:30:00+08:00' })
      await told({ orderNo: 'pair3', revision: 2, cancelled: true })
      expect(await buyersOf('links')).toEqual([['pairB', 1, 1], ['pairA', 1, 0], ['pairC', 1, 0]]) // prettier-ignore
      expect(await buyersOf('stores')).toContainEqual(['S1', 2, 1])
      expect(await buyersOf('associates')).toContainEqual(['S1-a', 2, 1])
      expect(await buyersOf('channels')).toContainEqual(['moments', 2, 1])
      expect(await others()).toEqual(before)
      expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
      await told({ orderNo: 'pair2', revision: 2, memberNo: 'other', paidAt: '2025-09-01T13:00:00+08:00' })
      expect(await buyersOf('links')).toEqual([['pairC', 1, 1], ['pairA', 1, 0], ['pairB', 1, 0]]) // prettier-ignore
      await told({ orderNo: 'pair2', revision: 3, cancelled: true })
      expect(await buyersOf('channels')).toContainEqual(['moments', 2, 0])
      expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
    })

    test('none is taken from what is kept of a day that a version summed which knew nothing of links', async () => {
      await service.pool`
        UPDATE rollup_keys SET people = '{member nobody}'
        WHERE dimension = 'link' AND part = 'links' AND key = 'pairC'`
      await service.pool`UPDATE rollup_totals SET version = 0 WHERE day = '2025-09-01'`
      expect(await order({ revision: 3 })).toMatchObject([{ status: 'updated' }])
      await sumMarked()
      expect(await buyersOf('stores')).toContainEqual(['S1', 2, 1])
      const [row] = await service.pool<{ people: string[] }[]>`
        SELECT people FROM rollup_keys WHERE dimension = 'link' AND part = 'links' AND key = 'pairC'`
      expect(row!.people).toEqual(['member other'])
      await sumAll(service.pool, brand)
      expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
    })

    test('one whose buyer is gone is looked at again with those that are clicked at the same time', async () => {
      await order({ orderNo: 'pair5', memberNo: 'other', paidAt: '2025-09-01T13:00:00+08:00' })
      await sumMarked()
      expect(await buyersOf('links')).toContainEqual(['pairC', 1, 1])
      await service.ingest('touches', [
        { touchId: 'pairY', linkCode: 'pairA', at: '2025-09-01T14:00:00+08:00', kind: 'click', memberNo: 'pair' },
      ])
      await order({ orderNo: 'pair5', revision: 2, cancelled: true, paidAt: '2025-09-01T13:00:00+08:00' })
      await sumMarked()
      expect(await buyersOf('links')).toContainEqual(['pairC', 1, 0])
      expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
    })

    test('nobody is added to one of whom it is told at once that he never came by it', async () => {
      const isOf = (memberNo: string, at: string) => ({ kind: 'unionid', value: 'pair-unionid', memberNo, at })
      await service.ingest('touches', [
        {
          touchId: 'pairX',
          linkCode: 'pairA',
          at: '2025-09-01T10:30:00+08:00',
          kind: 'click',
          unionid: 'pair-unionid',
        },
      ])
      await service.ingest('identities', [isOf('taken', '2025-09-01T10:30:00+08:00')])
      await sumMarked()
      expect(await buyersOf('links')).toContainEqual(['pairA', 2, 0])
      await service.ingest('identities', [isOf('given', '2025-09-01T10:31:00+08:00')])
      await order({ orderNo: 'pair4', memberNo: 'taken', shareCode: 'pairA' })
      await sumMarked()
      const [row] = await service.pool<{ link: string; buyer: string }[]>`
        SELECT sharer_link AS link, buyer FROM orders WHERE order_no = 'pair4'`
      expect(row).toEqual({ link: 'pairA', buyer: 'taken' })
      expect(await buyersOf('links')).toContainEqual(['pairA', 2, 0])
      expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
    })
  })

  test('of months of days that a version before summed are added up behind, and not read until then', async () => {
    await sumAll(service.pool, brand)
    await service.pool`UPDATE rollup_totals SET version = 1`
    for (const table of ['rollup_associate_months', 'rollup_store_months']) {
      await service.pool`UPDATE ${service.pool(table)} SET net_sales_fen = net_sales_fen + 1, cells = cells + 1`
    }
    // What changes meanwhile is added to a month that is no sum yet.
    await tellSomething()
    while ((await service.pool`SELECT FROM rollup_marks`).length > 0) await sumStep(service.pool, brand)
    await expectSame(true)
    await sumAll(service.pool, brand)
    const versions = await service.pool`SELECT DISTINCT version FROM rollup_totals`
    expect(versions).toEqual([{ version: 2 }])
    expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
    await expectSame(true)
  }, 120_000)

  test('of a month that is no sum yet are not read, whatever comes and goes in it meanwhile', async () => {
    const told = (paidAt: string, revision: number) =>
      service.ingest('orders', [{ source: 'pos', orderNo: 'lonely', revision, channel: 'in_store', sellingStore: 'S1', closer: 'S1-a', paidAt, lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 700 }] }]) // prettier-ignore
    const expectRight = async () => {
      for (const table of ['stores', 'associates'] as const) {
        const asking = {
          caller: everybody,
          now: NOW,
          query: { from: '2025-07-01', to: '2025-08-01', limit: 100 },
          table,
        }
        expect(await listTable(service.pool, asking)).toEqual(await listTable(service.pool, asking, 'evidence'))
      }
    }
    expect(await told('2025-07-10T12:00:00+08:00', 1)).toMatchObject([{ status: 'created' }])
    await service.settled()
    await sumAll(service.pool, brand)
    await service.pool`UPDATE rollup_totals SET version = 1 WHERE day >= '2025-07-01' AND day < '2025-08-01'`
    for (const table of ['rollup_associate_months', 'rollup_store_months']) {
      await service.pool`DELETE FROM ${service.pool(table)} WHERE month = '2025-07-01'`
    }
    // All that the month has moves within it, then out of it, then back.
    for (const [i, paidAt] of ['2025-07-12', '2025-03-05', '2025-07-14'].entries()) {
      expect(await told(`${paidAt}T12:00:00+08:00`, i + 2)).toMatchObject([{ status: 'updated' }])
      await service.settled()
      while ((await service.pool`SELECT FROM rollup_marks`).length > 0) await sumStep(service.pool, brand)
      await expectRight()
    }
    await sumAll(service.pool, brand)
    await expectRight()
    expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
  }, 120_000)

  test('of a month are not read for some of its days either where another of them is of a version before', async () => {
    const order = (orderNo: string, paidAt: string) => ({ source: 'pos', orderNo, channel: 'in_store', sellingStore: 'S1', closer: 'S1-a', paidAt, lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 700 }] }) // prettier-ignore
    await service.ingest('orders', [
      order('first', '2025-01-04T12:00:00+08:00'),
      order('last', '2025-01-30T12:00:00+08:00'),
    ])
    await service.settled()
    await sumAll(service.pool, brand)
    await service.pool`UPDATE rollup_totals SET version = 1 WHERE day = '2025-01-30'`
    for (const table of ['rollup_associate_months', 'rollup_store_months']) {
      await service.pool`DELETE FROM ${service.pool(table)} WHERE month = '2025-01-01'`
    }
    for (const table of ['stores', 'associates'] as const) {
      const query = { from: '2025-01-02', to: '2025-01-29', limit: 100 }
      const page = await listTable(service.pool, { caller: everybody, now: NOW, query, table })
      expect(page).toEqual(await listTable(service.pool, { caller: everybody, now: NOW, query, table }, 'evidence'))
      expect(page.items).toContainEqual(expect.objectContaining({ netSalesFen: 700 }))
    }
    await sumAll(service.pool, brand)
    expect((await rebuildSums(service.pool, brand)).differing).toBe(0)
  }, 120_000)

  test('are summed from the first day on, some days at a time, and anew by another calendar', async () => {
    for (const zone of ['America/Los_Angeles', ZONE]) {
      // Something is told of days that are still to be summed as a whole: it is left for that, and is in it.
      const asked = { ...brand, zone, daysMost: 9 }
      await sumStep(service.pool, asked)
      const [toSum] = await service.pool<{ count: number }[]>`SELECT count(*) FROM rollup_marks WHERE kind = 'day'`
      expect(toSum!.count).toBeGreaterThan(5)
      await sumStep(service.pool, asked)
      await tellSomething()
      await sumAll(service.pool, asked)
      expect((await rebuildSums(service.pool, asked)).differing).toBe(0)
    }
    await expectSame()
  }, 120_000)

  test('the planner is told of tables that changed much, by a role that owns none', async () => {
    const one = await service.pool.reserve()
    await one`
      INSERT INTO rollup_gaps (brand_id, kind, day, before, people)
      SELECT 2, 'buyer', '2026-01-01'::date + i, '-infinity', 1 FROM generate_series(1, 5000) AS i`
    await one`SELECT pg_stat_force_next_flush()`
    one.release()
    const names: (string | null)[] = []
    for (let i = 0; i < 20 && names.at(-1) !== null; i++) names.push(await refreshStatistics(service.pool))
    expect(names).toContain('rollup_gaps')
    expect(names.at(-1)).toBeNull()
  })
})
