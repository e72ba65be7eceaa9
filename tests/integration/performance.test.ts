import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Summary, Trend } from '../../server/features/performance/schema.ts'
import { all, startTestService, type TestService } from '../support/service.ts'
import { signedIn, startTestWecom, type TestWecom } from '../support/wecom.ts'

/**
 * A small brand made by a fixed seed. Who holds what and which share won are read from each order's explanation; every
 * figure is summed again from those and from what was told.
 */
const NOW = Date.parse('2026-06-10T12:00:00+08:00')
const SINCE = '2025-01-01T00:00:00+08:00'
const DAY_MS = 86_400_000
const FROM = Date.parse('2026-05-01T00:00:00+08:00')
const TO = Date.parse('2026-06-01T00:00:00+08:00')

let seed = 77
const random = () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}
const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
const some = (part: number) => random() < part
const iso = (at: number) => new Date(at).toISOString()
const between = (from: number, to: number) => Math.floor(from + random() * (to - from))

const STORES = ['S1', 'S2', 'S3'] as const
const REGION: Record<string, string> = { S1: 'east', S2: 'east', S3: 'west' }
const associates = STORES.flatMap(storeCode =>
  ['a', 'b'].map(letter => ({
    associateId: `${storeCode}-${letter}`,
    name: `导购 ${storeCode}${letter}`,
    storeCode,
    activeFrom: SINCE,
  })),
)
const storeOf = new Map<string, string>(associates.map(one => [one.associateId, one.storeCode]))
const members = Array.from({ length: 40 }, (_, i) => ({
  memberNo: `m${String(i).padStart(2, '0')}`,
  joinedAt: iso(between(FROM - 60 * DAY_MS, TO + 5 * DAY_MS)),
  openingStore: pick(STORES),
  openingAssociate: pick(associates).associateId,
}))
const memberNos = members.map(member => member.memberNo)
const merges = [{ memberNo: 'm38', into: 'm01', at: iso(FROM) }]
const lastOf = (memberNo: string) => (memberNo === 'm38' ? 'm01' : memberNo)
const identities = memberNos.flatMap((memberNo, i) =>
  (['unionid', 'visitor'] as const).flatMap(kind =>
    some(0.5) ? [] : { kind, value: `${kind}-${i}`, memberNo, at: iso(FROM) },
  ),
)
const links = Array.from({ length: 24 }, (_, i) => ({
  linkCode: `performance${i}`,
  associateId: pick(associates).associateId,
  target: some(0.5)
    ? { kind: 'product', ref: pick(['k0', 'k1']), title: '一件' }
    : { kind: 'page', ref: 'pages/home', title: '首页' },
  channel: pick(['single_chat', 'group_chat', 'moments']),
  ...(some(0.3) ? { sentTo: { chatId: pick(['wr1', 'wr2']) } } : {}),
  createdAt: iso(between(FROM - 10 * DAY_MS, TO)),
}))
const linkOf = new Map(links.map(link => [link.linkCode, link]))
const touches = Array.from({ length: 160 }, (_, i) => {
  const link = pick(links)
  const k = Math.floor(random() * 44)
  return {
    touchId: `t${i}`,
    linkCode: link.linkCode,
    at: iso(between(Date.parse(link.createdAt), TO + 2 * DAY_MS)),
    kind: pick(['click', 'visit', 'sent', 'scan']),
    ...(some(0.3) && k < 40 ? { memberNo: `m${String(k).padStart(2, '0')}` } : {}),
    ...(some(0.5) ? { unionid: `unionid-${k}` } : {}),
    visitorId: `visitor-${k}`,
    ...(some(0.2) ? { chatId: pick(['wr1', 'wr3']) } : {}),
  }
}) as { touchId: string; linkCode: string; at: string; kind: string; memberNo?: string; unionid?: string; visitorId: string; chatId?: string }[] // prettier-ignore
const orders = Array.from({ length: 120 }, (_, i) => {
  const isOnline = some(0.4)
  return {
    source: 'pos',
    orderNo: `o${i}`,
    channel: isOnline ? 'online' : 'in_store',
    ...(isOnline && some(0.7) ? {} : { sellingStore: pick(STORES) }),
    ...(isOnline || some(0.2) ? {} : { closer: pick(associates).associateId }),
    ...(some(0.9) ? { memberNo: pick(memberNos) } : {}),
    paidAt: iso(some(0.05) ? pick([FROM, TO]) : between(FROM - 20 * DAY_MS, TO + 9 * DAY_MS)),
    ...(some(0.05) ? { cancelled: true } : {}),
    lines: Array.from({ length: 1 + Math.floor(random() * 3) }, (_line, k) => ({
      lineNo: k + 1,
      sku: `k${k}`,
      quantity: 1 + Math.floor(random() * 3),
      paidFen: between(100, 90_000),
      ...(!isOnline && some(0.2) ? { closer: pick(associates).associateId } : {}),
    })),
  }
}) as {
  orderNo: string
  channel: string
  sellingStore?: string
  closer?: string
  paidAt: string
  cancelled?: boolean
  lines: { lineNo: number; sku: string; quantity: number; paidFen: number; closer?: string }[]
}[]
const refunds = orders.flatMap((order, i) =>
  some(0.25)
    ? {
        source: 'pos',
        refundNo: `r${i}`,
        orderNo: order.orderNo,
        refundedAt: iso(between(FROM, TO + 9 * DAY_MS)),
        lines: order.lines.map(line => ({
          lineNo: line.lineNo,
          quantity: pick([0, 1]),
          refundFen: Math.floor(line.paidFen * pick([0.5, 1, 1.2])),
        })),
      }
    : [],
)
const friendEvents = Array.from({ length: 60 }, (_, i) => {
  const { associateId } = pick(associates)
  const at = between(FROM - 20 * DAY_MS, TO)
  const event = { associateId, externalUserid: `wm${i}` }
  return [
    { ...event, kind: 'added', at: iso(at) },
    ...(some(0.4) ? [{ ...event, kind: 'ended', at: iso(at + DAY_MS), endedBy: pick(['customer', 'associate']) }] : []),
  ]
}).flat() as { associateId: string; kind: string; at: string; endedBy?: string }[]
/** WeCom gave customers from one to the other: neither has a new friend or a lost one by it. */
const givenOver = Array.from({ length: 5 }, (_, i) => {
  const at = between(FROM, TO)
  const externalUserid = `wmGiven${i}`
  const [from, to] = [associates[i]!, associates[i + 1]!]
  return [
    { associateId: from.associateId, externalUserid, kind: 'ended', at: iso(at), endedBy: 'transfer' },
    { associateId: to.associateId, externalUserid, kind: 'added', at: iso(at + i * 1000) },
  ]
}).flat()

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

interface Explained {
  orderNo: string
  channel: string
  paidAt: string
  cancelled: boolean
  sellingStore: string | null
  memberNo: string | null
  netFen: number
  commissionFen: number
  relation: string | null
  attributed: boolean
  roles: Record<string, string | string[]>
  won: { linkCode: string; touchId: string | null } | null
}

let wecom: TestWecom
let service: TestService
let explained: Explained[]
let owed: { orderNo: string; lineNo: number; payeeKind: string; payee: string; amountFen: number }[]
let bonuses: { associateId: string; amountFen: number }[]

beforeAll(async () => {
  const tell = async (kind: string, items: readonly object[]) => {
    const refused = (await service.ingest(kind, items)).filter(one => one.status === 'rejected')
    expect(refused).toEqual([])
  }
  wecom = await startTestWecom({ staff: ['hq', 'S1-a', 'S1-m', 'fr'] })
  service = await startTestService({ now: () => NOW, env: wecom.env })
  const typeOf = (storeCode: string) =>
    storeCode === 'S3' ? { type: 'franchise', franchiseeId: 'F1' } : { type: 'direct' }
  await service.ingest('stores', STORES.map(storeCode => ({ storeCode, name: storeCode, region: REGION[storeCode], ...typeOf(storeCode) }))) // prettier-ignore
  await service.ingest('associates', [
    ...associates,
    { associateId: 'hq', name: '总部', kind: 'office', role: 'headquarters', activeFrom: SINCE },
    { associateId: 'fr', name: '加盟商', kind: 'office', role: 'franchisee', franchiseeId: 'F1', activeFrom: SINCE },
    { associateId: 'S1-m', name: '店长', storeCode: 'S1', role: 'manager', activeFrom: SINCE },
  ])
  expect((await service.post('/plans', plan)).status).toBe(201)
  await tell('members', members)
  await tell('member-merges', merges)
  await tell('identities', identities)
  await tell('share-links', links)
  await tell('touches', touches)
  await tell('friend-events', [...friendEvents, ...givenOver])
  await tell('orders', orders)
  await tell('refunds', refunds)
  await service.settled()
  const listed = await all<Omit<Explained, 'won'>>(service, '/orders')
  explained = await Promise.all(
    listed.map(async order => {
      const { candidates } = await service.get<{ candidates: { outcome: string; linkCode: string; touchId: string | null }[] }>(
        `/orders/pos/${order.orderNo}/commission`,
      ) // prettier-ignore
      return { ...order, won: candidates.find(one => one.outcome === 'won') ?? null }
    }),
  )
  owed = await all(service, '/entitlements')
  bonuses = (await service.get<{ items: typeof bonuses }>('/bonuses?month=2026-05')).items
}, 120_000)
afterAll(async () => {
  await service.close()
  await wecom.close()
})

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const isIn = (at: string, from: number, to: number) => Date.parse(at) >= from && Date.parse(at) < to
const rawOf = new Map(orders.map(order => [order.orderNo, order]))
const backOf = (orderNo: string, lineNo: number) =>
  refunds.filter(refund => refund.orderNo === orderNo).flatMap(refund => refund.lines).filter(line => line.lineNo === lineNo) // prettier-ignore
const netOf = (orderNo: string, line: { lineNo: number; paidFen: number }) =>
  Math.max(0, line.paidFen - sum(backOf(orderNo, line.lineNo).map(part => part.refundFen)))
const unitsOf = (orderNo: string, line: { lineNo: number; quantity: number }) =>
  Math.max(0, line.quantity - sum(backOf(orderNo, line.lineNo).map(part => part.quantity)))
const isClick = (touch: { kind: string }) => touch.kind !== 'sent'

function personOf(touch: (typeof touches)[number]): string {
  if (touch.memberNo) return lastOf(touch.memberNo)
  const ids = [['unionid', touch.unionid], ['visitor', touch.visitorId]] as const // prettier-ignore
  for (const [kind, value] of ids) {
    const link = identities.find(one => one.kind === kind && one.value === value)
    if (link) return lastOf(link.memberNo)
  }
  const [kind, value] = ids.find(([, id]) => id !== undefined)!
  return `${kind} ${value}`
}

/** The whole of some orders, links, clicks and people, in a span. */
function expected(options: {
  from: number
  to: number
  isOrder?: (order: Explained) => boolean
  isLink?: (link: (typeof links)[number]) => boolean
  isClickOf?: (touch: (typeof touches)[number]) => boolean
}) {
  const { from, to, isOrder = () => true, isLink = () => true } = options
  const { isClickOf = (touch: (typeof touches)[number]) => isLink(linkOf.get(touch.linkCode)!) } = options
  const paid = explained.filter(order => isIn(order.paidAt, from, to) && isOrder(order))
  const counted = paid.filter(order => !order.cancelled && order.netFen > 0)
  const fen = (wanted: (order: Explained) => boolean) => sum(counted.filter(wanted).map(order => order.netFen))
  const buyers = [...new Set(counted.flatMap(order => order.memberNo ?? []))]
  const made = links.filter(link => isLink(link) && isIn(link.createdAt, from, to))
  const codes = new Set(made.map(link => link.linkCode))
  const opened = touches.filter(touch => isClick(touch) && codes.has(touch.linkCode) && Date.parse(touch.at) <= NOW)
  const clicks = touches.filter(touch => isClick(touch) && isIn(touch.at, from, to) && isClickOf(touch))
  const visitors = [...new Set(opened.map(personOf))]
  const wonBy = new Set(
    explained
      .filter(order => !order.cancelled && order.netFen > 0 && order.won && codes.has(order.won.linkCode))
      .map(order => order.memberNo),
  )
  return {
    orders: counted.length,
    netSalesFen: fen(() => true),
    netQuantity: sum(
      counted.flatMap(order => rawOf.get(order.orderNo)!.lines.map(line => unitsOf(order.orderNo, line))),
    ),
    onlineFen: fen(order => order.channel === 'online'),
    inStoreFen: fen(order => order.channel === 'in_store'),
    directFen: fen(order => order.relation === 'direct'),
    indirectFen: fen(order => order.relation === 'indirect'),
    unattributedFen: fen(order => !order.attributed),
    buyers: buyers.length,
    unknownBuyerOrders: counted.filter(order => order.memberNo === null).length,
    repeatBuyers: buyers.filter(buyer =>
      explained.some(order => order.memberNo === buyer && !order.cancelled && order.netFen > 0 && isIn(order.paidAt, from - 365 * DAY_MS, from)),
    ).length, // prettier-ignore
    shares: made.length,
    sharesClicked: made.filter(link => opened.some(touch => touch.linkCode === link.linkCode)).length,
    clicks: clicks.length,
    visitors: new Set(clicks.map(personOf)).size,
    linkVisitors: visitors.length,
    linkBuyers: visitors.filter(visitor => wonBy.has(visitor)).length,
  }
}

const span = `from=2026-05-01&to=2026-06-01`
const refundsIn = (isOrder: (orderNo: string) => boolean) =>
  sum(
    refunds
      .filter(refund => isIn(refund.refundedAt, FROM, TO) && isOrder(refund.orderNo))
      .flatMap(refund => refund.lines.map(line => line.refundFen)),
  )
const owedIn = (isWanted: (row: (typeof owed)[number]) => boolean) => {
  const inSpan = new Set(explained.filter(order => isIn(order.paidAt, FROM, TO)).map(order => order.orderNo))
  return sum(owed.filter(row => inSpan.has(row.orderNo) && isWanted(row)).map(row => row.amountFen))
}
const bonusOf = (isWanted: (associateId: string) => boolean) =>
  sum(bonuses.filter(bonus => isWanted(bonus.associateId)).map(bonus => bonus.amountFen))

describe('the summary', () => {
  test('is what was told and decided, beside the span before it', async () => {
    const summary = await service.get<Summary>(`/performance/summary?${span}`)
    expect(summary).toMatchObject(expected({ from: FROM, to: TO }))
    expect(summary.before).toMatchObject(expected({ from: FROM - (TO - FROM), to: FROM }))
    expect(summary.netSalesFen).toBeGreaterThan(0)
    expect(summary.linkBuyers).toBeGreaterThan(0)
    expect(summary.refundFen).toBe(refundsIn(() => true))
    expect(summary.commissionFen).toBe(owedIn(() => true) + bonusOf(() => true))
    expect(summary.averageTicketFen).toBe(Math.round(summary.netSalesFen / summary.orders))
    expect(summary.newMembers).toBe(members.filter(member => member.memberNo !== 'm38' && isIn(member.joinedAt, FROM, TO)).length) // prettier-ignore
  })

  test('of a store is what it sold, and of its links and people', async () => {
    for (const storeCode of STORES) {
      const isOwn = (associateId: string) => storeOf.get(associateId) === storeCode
      const summary = await service.get<Summary>(`/performance/summary?${span}&storeCode=${storeCode}`)
      expect(summary).toMatchObject(
        expected({
          from: FROM,
          to: TO,
          isOrder: order => order.sellingStore === storeCode,
          isLink: link => isOwn(link.associateId),
        }),
      )
      expect(summary.newFriends).toBe(friendEvents.filter(event => event.kind === 'added' && isOwn(event.associateId) && isIn(event.at, FROM, TO)).length) // prettier-ignore
      expect(summary.lostFriends).toBe(friendEvents.filter(event => event.endedBy === 'customer' && isOwn(event.associateId) && isIn(event.at, FROM, TO)).length) // prettier-ignore
    }
  })

  test('is compared with the same days of a month before where that is chosen', async () => {
    const summary = await service.get<Summary>(`/performance/summary?${span}&before=month`)
    expect(summary.before).toMatchObject({ from: '2026-03-31T16:00:00.000Z', to: '2026-04-30T16:00:00.000Z' })
    const { before } = await service.get<Summary>(`/performance/summary?from=2026-03-01&to=2026-03-31&before=month`)
    expect(before).toMatchObject({ from: '2026-01-31T16:00:00.000Z', to: '2026-02-27T16:00:00.000Z' })
  })
})

test('the trend adds up to the span, whatever the grain, and has days without anything', async () => {
  const summary = await service.get<Summary>(`/performance/summary?${span}`)
  for (const [grain, count] of [
    ['day', 31],
    ['week', 5],
    ['month', 1],
  ] as const) {
    const { items } = await service.get<Trend>(`/performance/trend?${span}&grain=${grain}`)
    expect(items).toHaveLength(count)
    for (const name of [
      'netSalesFen',
      'orders',
      'shares',
      'clicks',
      'refundFen',
      'commissionFen',
      'newFriends',
    ] as const) {
      expect(sum(items.map(item => item[name]!))).toBe(summary[name])
    }
  }
})

type Row = Record<string, number | string | null>

describe('tables', () => {
  const rowsOf = async (table: string, more = '') =>
    (await service.get<{ items: Row[] }>(`/performance/${table}?${span}&limit=500${more}`)).items

  test('by store, region and channel: each row is its own sum, and together they are the summary', async () => {
    const summary = await service.get<Summary>(`/performance/summary?${span}`)
    const stores = await rowsOf('stores')
    for (const storeCode of [...STORES, null]) {
      const row = stores.find(one => one['storeCode'] === storeCode)!
      const isOwn = (link: { associateId: string }) => storeOf.get(link.associateId) === storeCode
      expect(row).toMatchObject(
        expected({ from: FROM, to: TO, isOrder: order => order.sellingStore === storeCode, isLink: isOwn }),
      )
    }
    const regions = await rowsOf('regions')
    expect(regions.map(row => row['region'])).toEqual(expect.arrayContaining(['east', 'west', null]))
    const channels = await rowsOf('channels')
    for (const row of channels) {
      const channelOf = (linkCode: string | undefined) =>
        linkCode === undefined ? null : linkOf.get(linkCode)!.channel
      expect(row).toMatchObject(
        expected({
          from: FROM,
          to: TO,
          isOrder: order => channelOf(order.won?.linkCode) === row['channel'],
          isLink: link => link.channel === row['channel'],
        }),
      )
    }
    for (const rows of [
      stores,
      regions,
      channels,
      await rowsOf('links'),
      await rowsOf('groups'),
      await rowsOf('products'),
    ]) {
      expect(sum(rows.map(row => row['netSalesFen'] as number))).toBe(summary.netSalesFen)
      expect(sum(rows.map(row => row['clicks'] as number))).toBeLessThanOrEqual(summary.clicks)
    }
    expect(sum(stores.map(row => row['commissionFen'] as number))).toBe(summary.commissionFen)
    expect(sum((await rowsOf('products')).map(row => row['refundFen'] as number))).toBe(summary.refundFen)
    expect(sum((await rowsOf('products')).map(row => row['commissionFen'] as number))).toBe(owedIn(() => true))
  })

  test('by link and by group', async () => {
    const links = await rowsOf('links')
    // What the console opens behind these figures adds up to them.
    const summary = await service.get<Summary>(`/performance/summary?${span}`)
    for (const name of ['shares', 'sharesClicked', 'clicks'] as const) {
      expect([name, sum(links.map(row => row[name] as number))]).toEqual([name, summary[name]])
    }
    for (const row of links) {
      const code = row['linkCode']
      expect(row).toMatchObject(
        expected({
          from: FROM,
          to: TO,
          isOrder: order => (order.won?.linkCode ?? null) === code,
          isLink: link => link.linkCode === code,
        }),
      )
    }
    const touchOf = new Map(touches.map(touch => [touch.touchId, touch]))
    const chatOf = (linkCode: string, touchId: string | null) =>
      touchOf.get(touchId ?? '')?.chatId ?? linkOf.get(linkCode)!.sentTo?.chatId ?? null
    for (const row of await rowsOf('groups')) {
      const { orders: _, ...figures } = expected({
        from: FROM,
        to: TO,
        isOrder: order => (order.won ? chatOf(order.won.linkCode, order.won.touchId) : null) === row['chatId'],
        isLink: link => (link.sentTo?.chatId ?? null) === row['chatId'],
        isClickOf: touch => (touch.chatId ?? linkOf.get(touch.linkCode)!.sentTo?.chatId ?? null) === row['chatId'],
      })
      expect(row).toMatchObject(figures)
    }
  })

  test('by product: lines, units, and what they pay', async () => {
    for (const row of await rowsOf('products')) {
      const sold = explained.filter(order => isIn(order.paidAt, FROM, TO) && !order.cancelled && order.netFen > 0)
      const lines = sold.flatMap(order =>
        rawOf.get(order.orderNo)!.lines.filter(line => line.sku === row['sku']).map(line => ({ order, line })),
      ) // prettier-ignore
      expect(row['netSalesFen']).toBe(sum(lines.map(({ order, line }) => netOf(order.orderNo, line))))
      expect(row['netQuantity']).toBe(sum(lines.map(({ order, line }) => unitsOf(order.orderNo, line))))
      const keys = new Set(lines.map(({ order, line }) => `${order.orderNo} ${line.lineNo}`))
      expect(row['commissionFen']).toBe(owedIn(one => keys.has(`${one.orderNo} ${one.lineNo}`)))
    }
  })

  test('by associate: credited sales, each line once', async () => {
    const rows = await rowsOf('associates')
    for (const { associateId } of associates) {
      const row = rows.find(one => one['associateId'] === associateId)!
      const held = explained.filter(order => isIn(order.paidAt, FROM, TO) && !order.cancelled && order.netFen > 0)
      const closerOf = (order: Explained, line: { closer?: string }) => line.closer ?? rawOf.get(order.orderNo)!.closer
      const isCloser = (order: Explained, line: { closer?: string }) =>
        closerOf(order, line) === associateId && [order.roles['closer'] ?? []].flat().includes(associateId)
      const lines = held.flatMap(order => rawOf.get(order.orderNo)!.lines.map(line => ({ order, line })))
      const fenOf = (wanted: (typeof lines)[number][]) =>
        sum(wanted.map(({ order, line }) => netOf(order.orderNo, line)))
      const asSharer = lines.filter(({ order }) => order.roles['sharer'] === associateId)
      const asCloser = lines.filter(({ order, line }) => isCloser(order, line))
      expect(row).toMatchObject({
        netSalesFen: fenOf(lines.filter(one => asSharer.includes(one) || asCloser.includes(one))),
        directFen: fenOf(asSharer.filter(({ order }) => order.channel === 'online')),
        indirectFen: fenOf(asSharer.filter(({ order }) => order.channel === 'in_store')),
        closerFen: fenOf(asCloser),
        attributedFen: sum(held.filter(order => order.roles['attributed'] === associateId).map(order => order.netFen)),
        shares: links.filter(link => link.associateId === associateId && isIn(link.createdAt, FROM, TO)).length,
        commissionFen:
          owedIn(one => one.payeeKind === 'associate' && one.payee === associateId) +
          bonusOf(one => one === associateId),
      })
    }
  })

  test('sort by any figure, page by page, each row once', async () => {
    const values = (rows: Row[], name: string) => rows.map(row => row[name])
    for (const [sort, order] of [
      ['clickBps', 'asc'],
      ['commissionFen', 'desc'],
      ['privateDomainBps', 'desc'],
    ] as const) {
      // prettier-ignore
      const whole = await rowsOf('associates', `&sort=${sort}&order=${order}`)
      const known = values(whole, sort).filter(value => value !== null) as number[]
      expect(known).toEqual([...known].sort((a, b) => (order === 'asc' ? a - b : b - a)))
      const paged: Row[] = []
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: { items: Row[]; nextCursor: string | null } = await service.get(
          `/performance/associates?${span}&limit=2&sort=${sort}&order=${order}${cursor && `&cursor=${cursor}`}`,
        )
        paged.push(...page.items)
        cursor = page.nextCursor
      }
      expect(paged).toEqual(whole)
    }
  })

  test('with the figures that are asked for and no others', async () => {
    type Rows = { items: Record<string, unknown>[] }
    const whole = await service.get<Rows>(`/performance/stores?${span}`)
    const some = await service.get<Rows>(`/performance/stores?${span}&figures=orders,repeatBps`)
    expect(some.items.length).toBeGreaterThan(0)
    expect(some.items).toEqual(
      whole.items.map(({ storeCode, name, type, region, orders, repeatBps }) => ({
        ...{ storeCode, name, type, region, orders, repeatBps },
      })),
    )
  })

  test('as a file: the whole, in yuan', async () => {
    const { app } = service
    const answer = await app.inject({
      method: 'GET',
      url: `/api/v1/performance/stores?${span}&limit=1`,
      headers: { authorization: 'Bearer test-key-with-all-scopes', accept: 'text/csv' },
    })
    expect(answer.headers['content-type']).toContain('text/csv')
    const lines = answer.body.trim().split('\r\n')
    expect(lines).toHaveLength(5)
    expect(lines[0]).toContain('净销售额（元）')
  })
})

describe('who sees what', () => {
  test('a manager and a franchisee their stores, an associate himself', async () => {
    const read = async (userid: string, path: string) => {
      const { browser } = await signedIn(service, userid)
      const answer = await browser.call('GET', `/api/v1/performance/${path}`)
      return { status: answer.status, body: answer.json() as Record<string, unknown> & { items: Row[] } }
    }
    const ofS1 = expected({
      from: FROM,
      to: TO,
      isOrder: order => order.sellingStore === 'S1',
      isLink: link => storeOf.get(link.associateId) === 'S1',
    })
    expect((await read('S1-m', `summary?${span}`)).body).toMatchObject(ofS1)
    expect((await read('S1-m', `stores?${span}`)).body.items.map(row => row['storeCode'])).toEqual(['S1'])
    expect((await read('fr', `stores?${span}`)).body.items.map(row => row['storeCode'])).toEqual(['S3'])
    const franchise = (await read('fr', `associates?${span}`)).body.items.map(row => row['associateId'])
    expect(new Set(franchise)).toEqual(new Set(['S3-a', 'S3-b']))
    const own = (await read('S1-a', `associates?${span}`)).body.items
    expect(own.map(row => row['associateId'])).toEqual(['S1-a'])
    expect((await read('S1-a', `summary?${span}`)).body).toMatchObject({
      shares: links.filter(link => link.associateId === 'S1-a' && isIn(link.createdAt, FROM, TO)).length,
      commissionFen: own[0]!['commissionFen'],
    })
    for (const [userid, path] of [
      ['S1-a', 'stores'],
      ['S1-a', `summary?storeCode=S1`],
      ['S1-a', `summary?associate=S1-b`],
      ['S1-m', `summary?storeCode=S2`],
      ['S1-m', `summary?associate=S2-a`],
      ['fr', `summary?region=east`],
      ['hq', `summary?region=nowhere`],
      ['hq', `summary?storeCode=S9`],
    ] as const) {
      expect((await read(userid, path)).status, `${userid} ${path}`).toBe(404)
    }
  })

  test('what cannot be read is said', async () => {
    const status = async (query: string) => {
      const url = `/api/v1/performance/${query}`
      const headers = { authorization: 'Bearer test-key-with-all-scopes' }
      const answer = await service.app.inject({ method: 'GET', url, headers })
      return `${answer.statusCode} ${answer.json<{ code: string }>().code}`
    }
    expect(await status('summary?from=yesterday')).toBe('400 invalid_query')
    expect(await status('summary?from=2026-06-02&to=2026-06-01')).toBe('400 invalid_query')
    expect(await status('summary?from=0001-01-05&to=0001-01-06&before=year')).toBe('400 invalid_query')
    expect(await status('stores?sort=beauty')).toMatch(/^400/)
    expect(await status('stores?cursor=nonsense')).toBe('400 malformed_cursor')
    expect(await status('stores?figures=orders,beauty')).toBe('400 invalid_query')
  })
})
