import { afterAll, beforeAll, expect, test } from 'vitest'
import { ORDER_FIGURES, ROW_TABLES, type BehindPage } from '../../server/features/drill-down/schema.ts'
import { all, startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import { signedIn, startTestWecom, type TestWecom } from '../support/wecom.ts'

/** A small brand made by a fixed seed; every figure of every table is held against the orders that it opens. */
const NOW = Date.parse('2026-06-10T12:00:00+08:00')
const SINCE = '2025-01-01T00:00:00+08:00'
const DAY_MS = 86_400_000
const FROM = Date.parse('2026-05-01T00:00:00+08:00')
const TO = Date.parse('2026-06-01T00:00:00+08:00')
const SPAN = 'from=2026-05-01&to=2026-06-01'

let seed = 31
const random = () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}
const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
const some = (part: number) => random() < part
const iso = (at: number) => new Date(at).toISOString()
const between = (from: number, to: number) => Math.floor(from + random() * (to - from))

const STORES = ['S1', 'S2', 'S3', 'S4'] as const
const REGION = { S1: 'east', S2: 'east', S3: 'west', S4: null } as const
const PEOPLE = STORES.flatMap(store => [`${store}-a`, `${store}-b`])
const MEMBERS = Array.from({ length: 25 }, (_, i) => `m${i}`)
const LINKS = Array.from({ length: 16 }, (_, i) => ({
  linkCode: `drill${i}`,
  associateId: pick(PEOPLE),
  target: { kind: 'product', ref: pick(['k0', 'k1']) },
  channel: pick(['single_chat', 'group_chat', 'moments']),
  ...(some(0.4) ? { sentTo: { chatId: pick(['wr1', 'wr2']) } } : {}),
  createdAt: iso(FROM - 30 * DAY_MS),
}))
const TOUCHES = Array.from({ length: 120 }, (_, i) => ({
  touchId: `t${i}`,
  linkCode: pick(LINKS).linkCode,
  at: iso(between(FROM - 10 * DAY_MS, TO)),
  kind: 'click',
  memberNo: pick(MEMBERS),
  ...(some(0.3) ? { chatId: 'wr3' } : {}),
}))
const ORDERS = Array.from({ length: 110 }, (_, i) => {
  const isOnline = some(0.4)
  return {
    source: 'pos',
    orderNo: `o${i}`,
    channel: isOnline ? 'online' : 'in_store',
    ...(isOnline && some(0.6) ? {} : { sellingStore: pick(STORES) }),
    ...(some(isOnline ? 0.2 : 0.7) ? { closer: pick(PEOPLE) } : {}),
    ...(some(0.85) ? { memberNo: pick(MEMBERS) } : {}),
    paidAt: iso(between(FROM - 20 * DAY_MS, TO + 5 * DAY_MS)),
    ...(some(0.06) ? { cancelled: true } : {}),
    lines: Array.from({ length: 1 + Math.floor(random() * 3) }, (_line, k) => ({
      lineNo: k + 1,
      sku: `k${Math.floor(random() * 3)}`,
      quantity: 1 + Math.floor(random() * 3),
      paidFen: between(100, 90_000),
      ...(some(0.2) ? { closer: pick(PEOPLE) } : {}),
    })),
  }
})
const REFUNDS = ORDERS.flatMap((order, i) =>
  some(0.3)
    ? {
        source: 'pos',
        refundNo: `r${i}`,
        orderNo: order.orderNo,
        refundedAt: iso(between(FROM, TO + 9 * DAY_MS)),
        lines: order.lines.map(({ lineNo, paidFen }) => {
          return { lineNo, quantity: pick([0, 1]), refundFen: Math.floor(paidFen * pick([0.5, 1, 1.2])) }
        }),
      }
    : [],
)

const plan = {
  code: 'p',
  version: 1,
  effectiveFrom: '2026-01-01T00:00:00+08:00',
  effectiveTo: null,
  attribution: { model: 'last_touch', windowDays: 15 },
  holdDays: 7,
  rules: [
    { id: 'share', role: 'sharer', rateBps: 400, bearer: 'headquarters' },
    { id: 'till', role: 'closer', rateBps: 300, bearer: 'selling_store' },
    { id: 'care', role: 'attributed', rateBps: 100, bearer: 'headquarters' },
    { id: 'home', role: 'home_store', rateBps: 700, bearer: 'headquarters' },
  ],
  monthlyTiers: {
    roles: ['sharer', 'closer'],
    mode: 'whole',
    bearer: 'headquarters',
    steps: [{ fromFen: 0, rateBps: 100 }],
  },
  retroactive: true,
}

let service: TestService
let wecom: TestWecom

beforeAll(async () => {
  wecom = await startTestWecom({ staff: ['S1-m', 'fr', 'S1-a'] })
  service = await startTestService({ now: () => NOW, env: wecom.env })
  const tell = async (kind: string, items: readonly object[]) => {
    expect((await service.ingest(kind, items)).filter(one => one.status === 'rejected')).toEqual([])
  }
  const typeOf = (store: string) => (store > 'S2' ? { type: 'franchise', franchiseeId: 'F1' } : { type: 'direct' })
  const stores = STORES.map(storeCode => ({
    storeCode,
    name: storeCode,
    region: REGION[storeCode],
    ...typeOf(storeCode),
  }))
  await tell('stores', stores)
  await tell('associates', [
    ...PEOPLE.map(associateId => ({ associateId, name: associateId, storeCode: associateId.slice(0, 2), activeFrom: SINCE })), // prettier-ignore
    { associateId: 'fr', name: '加盟商', kind: 'office', role: 'franchisee', franchiseeId: 'F1', activeFrom: SINCE },
    { associateId: 'S1-m', name: '店长', storeCode: 'S1', role: 'manager', activeFrom: SINCE },
  ])
  expect((await service.post('/plans', plan)).status).toBe(201)
  await tell('members', MEMBERS.map(memberNo => ({ memberNo, openingStore: pick(STORES), openingAssociate: pick(PEOPLE) }))) // prettier-ignore
  await tell('member-assignments', MEMBERS.filter(() => some(0.4)).map(memberNo => ({ memberNo, from: SINCE, attributedAssociate: pick(PEOPLE) }))) // prettier-ignore
  await tell('share-links', LINKS)
  await tell('touches', TOUCHES)
  await tell('orders', ORDERS)
  await tell('refunds', REFUNDS)
  for (const i of [3, 8, 21, 40]) {
    const body = { source: 'pos', orderNo: `o${i}`, role: 'closer', associateId: pick(PEOPLE), reason: '核实' }
    expect((await service.post('/overrides', body)).status).toBe(201)
  }
  await service.settled()
}, 120_000)
afterAll(async () => {
  await service.close()
  await wecom.close()
})

type Row = Record<string, number | string | null>
const KEYS = {
  associates: 'associateId',
  stores: 'storeCode',
  regions: 'region',
  links: 'linkCode',
  channels: 'channel',
  products: 'sku',
  groups: 'chatId',
} as const
const FIGURES = ORDER_FIGURES.filter(name => name !== 'privateDomainFen')

/** Every cell of every table that a scope has: what its orders add up to. */
async function expectCellsToAddUp(
  get: <T>(path: string) => Promise<T>,
  scope: string,
  tables = ROW_TABLES as readonly (typeof ROW_TABLES)[number][],
) {
  // prettier-ignore
  let nonZero = 0
  for (const table of tables) {
    const { items } = await get<{ items: Row[] }>(`/performance/${table}?${SPAN}${scope}&limit=500`)
    for (const row of items) {
      const key = row[KEYS[table]]
      const told: Row = {}
      const behind: Row = {}
      for (const figure of FIGURES) {
        if (row[figure] === 0) continue
        const of = key === null ? '' : `&key=${encodeURIComponent(String(key))}`
        const page = await get<BehindPage>(
          `/performance/orders?${SPAN}${scope}&table=${table}${of}&figure=${figure}&limit=500`,
        )
        nonZero++
        told[figure] = row[figure]!
        behind[figure] = page.totals!.figure
        const added = page.items.reduce((sum, order) => sum + order.amount, 0)
        expect([added, page.items.length]).toEqual([page.totals!.amount, page.totals!.orders])
      }
      expect({ table, key, ...behind }).toEqual({ table, key, ...told })
    }
  }
  return nonZero
}

test('every figure of every table opens orders that add up to it', async () => {
  expect(await expectCellsToAddUp(service.get, '')).toBeGreaterThan(300)
}, 120_000)

test('so does every figure of a narrower scope, and the headline', async () => {
  await expectCellsToAddUp(service.get, '&storeCode=S1', ['associates', 'links', 'channels'])
  await expectCellsToAddUp(service.get, '&region=west', ['stores', 'products', 'groups'])
  await expectCellsToAddUp(service.get, '&associate=S2-a', ['associates', 'links', 'products'])
  for (const scope of ['', '&storeCode=S1', '&region=east', '&associate=S1-a']) {
    const summary = await service.get<Row>(`/performance/summary?${SPAN}${scope}`)
    for (const figure of FIGURES) {
      const page = await service.get<BehindPage>(`/performance/orders?${SPAN}${scope}&figure=${figure}`)
      expect({ scope, figure, sum: page.totals!.figure }).toEqual({ scope, figure, sum: summary[figure] })
    }
  }
}, 120_000)

test('people see what is behind their own figures', async () => {
  for (const [userid, tables] of [
    ['S1-m', ['associates', 'stores', 'links']],
    ['fr', ['stores', 'regions', 'products']],
    ['S1-a', ['associates', 'channels']],
  ] as const) {
    const { browser } = await signedIn(service, userid)
    const get = async <T>(path: string) => {
      const answer = await browser.call('GET', `/api/v1${path}`)
      expect([path, answer.status]).toEqual([path, 200])
      return answer.json() as T
    }
    await expectCellsToAddUp(get, '', tables)
  }
}, 120_000)

test('pages follow each other, and the file holds the whole', async () => {
  const path = `/performance/orders?${SPAN}&figure=netSalesFen`
  const whole = await service.get<BehindPage>(`${path}&limit=500`)
  const page = await service.get<BehindPage>(`${path}&limit=7`)
  expect(page.totals).toEqual(whole.totals)
  const next = await service.get<BehindPage>(`${path}&limit=7&cursor=${page.nextCursor}`)
  expect([...page.items, ...next.items]).toEqual(whole.items.slice(0, 14))
  expect(next.totals).toBeNull()
  expect(await all(service, path)).toEqual(whole.items)
  const file = await service.app.inject({
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${TEST_KEY}`, accept: 'text/csv' },
  })
  expect(file.headers['content-type']).toMatch('text/csv')
  expect(file.body.trim().split('\r\n')).toHaveLength(whole.items.length + 1)
  const [deed] = (await service.get<{ items: { action: string }[] }>('/activity?action=orders.exported')).items
  expect(deed).toMatchObject({ action: 'orders.exported' })
})
