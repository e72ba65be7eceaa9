import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decideOrder } from '../../server/features/commissions/service.ts'
import { monthsEnded, spanAround } from '../../server/features/earnings/domain.ts'
import type { EarnedOrder, Earnings, EarningsSpan } from '../../server/features/earnings/schema.ts'
import { readEarnings } from '../../server/features/earnings/service.ts'
import { at, brand, daysAgo, minutesAgo, NOW, standardPlan } from '../builders/brand.ts'
import { history, ORIGIN, plans } from '../builders/histories.ts'
import { openOtherBrand, personAt, tell, tellHistory } from '../support/people.ts'
import { all, startTestService, type TestService } from '../support/service.ts'
import { signedIn, startTestWecom, type TestWecom } from '../support/wecom.ts'

let service: TestService
let wecom: TestWecom

async function earningsOf(
  associateId: string,
  span: EarningsSpan = 'month',
  more: { cursor?: string; limit?: number; now?: number; brandId?: number } = {},
): Promise<Earnings> {
  const { now = NOW, brandId = 1, ...query } = more
  return await readEarnings(service.pool, await personAt(service, associateId, NOW, brandId), {
    query: { span, ...query },
    now,
  })
}
async function orderOf(associateId: string, orderNo: string): Promise<EarnedOrder> {
  const { orders } = await earningsOf(associateId, 'month', { limit: 50 })
  const order = orders.find(one => one.orderNo === orderNo)
  if (!order) throw new Error(`${associateId} has no order ${orderNo}`)
  return order
}

const line = (lineNo: number, paidFen: number, more: object = {}) => ({
  lineNo,
  sku: `SKU-${lineNo}`,
  name: `商品 ${lineNo}`,
  quantity: 1,
  paidFen,
  ...more,
})
const online = (orderNo: string, paidAt: string, lines: object[], more: object = {}) => ({
  source: 'mall',
  orderNo,
  channel: 'online',
  memberNo: 'GOLD',
  paidAt,
  lines,
  ...more,
})
const inStore = (orderNo: string, paidAt: string, lines: object[], more: object = {}) => ({
  ...online(orderNo, paidAt, lines),
  source: 'till',
  channel: 'in_store',
  sellingStore: 'S1',
  ...more,
})

beforeAll(async () => {
  wecom = await startTestWecom({ staff: ['a1', 'auditor'] })
  service = await startTestService({ env: wecom.env, now: () => NOW })
  await tell(service, {
    ...brand,
    members: [
      { memberNo: 'GOLD', name: '陈晓', openingStore: 'S3', openingAssociate: 'f1' },
      { memberNo: 'OTHER', name: '周敏' },
    ],
    'member-assignments': [
      {
        memberNo: 'GOLD',
        from: at('2026-01-05T00:00:00'),
        attributedAssociate: 'a1',
        homeStore: 'S1',
        reason: 'enrol',
      },
    ],
    'share-links': [
      {
        linkCode: 'coat-a1',
        associateId: 'a1',
        target: { kind: 'product', ref: 'COAT', title: '羊毛大衣' },
        channel: 'single_chat',
        createdAt: at('2026-04-20T10:00:00'),
      },
      {
        linkCode: 'live-a2',
        associateId: 'a2',
        target: { kind: 'live', ref: 'room' },
        channel: 'group_chat',
      },
    ],
    touches: [
      { touchId: 't-1', at: at('2026-05-17T21:14:00'), kind: 'click', memberNo: 'GOLD', linkCode: 'coat-a1' },
      { touchId: 't-1b', at: at('2026-05-17T20:00:00'), kind: 'click', memberNo: 'GOLD', linkCode: 'coat-a1' },
      { touchId: 't-1c', at: at('2026-05-17T19:00:00'), kind: 'sent', memberNo: 'GOLD', linkCode: 'coat-a1' },
      { touchId: 't-2', at: at('2026-05-12T20:30:00'), kind: 'scan', memberNo: 'GOLD', linkCode: 'live-a2' },
      { touchId: 't-3', at: at('2026-04-02T20:30:00'), kind: 'click', memberNo: 'GOLD', linkCode: 'unknown' },
    ],
    orders: [
      online('M-1', minutesAgo(60), [line(1, 29_900, { category: 'shoes' })]),
      inStore('T-1', at('2026-05-18T17:20:00'), [line(1, 19_999), line(2, 0)], { closer: 'a2' }),
      online('M-2', at('2026-05-18T09:00:00'), [line(1, 29_900, { category: 'shoes' })]),
      online('M-3', at('2026-05-18T10:00:00'), [line(1, 10_000)], { cancelled: true }),
      inStore('T-2', at('2026-05-06T12:00:00'), [line(1, 10_000), line(2, 5_000, { closer: 'a1' }), line(3, 700)], {
        memberNo: 'OTHER',
      }),
      inStore('T-3', at('2026-05-07T12:00:00'), [line(1, 100_000)], { memberNo: undefined, closer: 'a3' }),
      online('M-4', at('2026-04-30T23:59:59'), [line(1, 9_000)], { memberNo: undefined, shareCode: 'coat-a1' }),
      inStore('T-4', at('2026-04-28T12:00:00'), [line(1, 6_000_000)], { memberNo: undefined, closer: 'a1' }),
    ],
    refunds: [
      {
        source: 'mall',
        refundNo: 'R-1',
        orderNo: 'M-2',
        refundedAt: at('2026-05-19T10:00:00'),
        lines: [{ lineNo: 1, quantity: 0, refundFen: 10_000 }],
      },
      {
        source: 'till',
        refundNo: 'R-2',
        orderNo: 'T-2',
        refundedAt: at('2026-05-19T11:00:00'),
        lines: [
          { lineNo: 1, quantity: 1, refundFen: 4_000 },
          { lineNo: 2, quantity: 1, refundFen: 1_000 },
        ],
      },
    ],
  })
  expect((await service.post('/plans', standardPlan)).status).toBe(201)
  await service.settled()
  expect(
    (
      await service.post('/overrides', {
        source: 'till',
        orderNo: 'T-3',
        role: 'closer',
        associateId: 'a1',
        reason: '换班',
      })
    ).status,
  ).toBe(201)
  await service.settled()
  const other = await openOtherBrand(service, 2, NOW)
  await tell(other, {
    stores: [{ storeCode: 'S1', name: '别家', type: 'direct' }],
    associates: [{ associateId: 'a1', name: '别家导购', storeCode: 'S1', activeFrom: daysAgo(100) }],
  })
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

describe('the figures', () => {
  test('of a month: credited sales of each line once, and what is owed for them', async () => {
    const { figures, from, to } = await earningsOf('a1')
    expect([from, to]).toEqual([at('2026-05-01T00:00:00'), at('2026-06-01T00:00:00')])
    // M-1 and what is left of M-2 and T-1 as sharer, the own line of T-2 as closer, T-3 by hand
    expect(figures).toMatchObject({
      creditedFen: 29_900 + 19_900 + 19_999 + 4_000 + 100_000,
      directFen: 29_900 + 19_900,
      indirectFen: 19_999,
      orderCount: 5,
    })
    // share-shoes 6 %, share 4 %, till 3 %, care 1 %
    const owed = 1_794 + 299 + (1_194 + 199) + (800 + 200) + 120 + 3_000
    expect(figures).toMatchObject({
      commissionFen: owed,
      pendingFen: owed - 120 - 3_000,
      availableFen: 120 + 3_000,
      settledFen: 0,
    })
  })

  test('of today and of this week count by paidAt, in the brand’s days', async () => {
    expect((await earningsOf('a1', 'today')).figures).toMatchObject({ creditedFen: 29_900, commissionFen: 2_093 })
    const week = await earningsOf('a1', 'week')
    expect(week.from).toBe(at('2026-05-18T00:00:00'))
    expect(week.figures).toMatchObject({ creditedFen: 29_900 + 19_900 + 19_999, orderCount: 3 })
  })

  test('a till’s closer is credited with his own lines alone', async () => {
    const { figures } = await earningsOf('a2')
    expect(figures).toMatchObject({ creditedFen: 19_999, directFen: 0, indirectFen: 0, commissionFen: 600 })
  })

  test('an attributed associate’s sales of others earn him commission, and credit him with nothing', async () => {
    await tell(service, {
      orders: [inStore('T-9', at('2026-05-02T12:00:00'), [line(1, 5_000)], { closer: 'a3', memberNo: 'GOLD' })],
    })
    await service.settled()
    expect(await orderOf('a1', 'T-9')).toMatchObject({
      credit: 'none',
      amountFen: 50,
      roles: [{ role: 'attributed' }],
      others: [
        { role: 'closer', name: '导购 a3' },
        { role: 'opener', name: '导购 f1' },
      ],
    })
    const { figures } = await earningsOf('a1')
    expect(figures.creditedFen).toBe(173_799)
    await tell(service, {
      orders: [
        {
          ...inStore('T-9', at('2026-05-02T12:00:00'), [line(1, 5_000)], { closer: 'a3', memberNo: 'GOLD' }),
          revision: 2,
          cancelled: true,
        },
      ],
    })
    await service.settled()
    expect(await orderOf('a1', 'T-9')).toMatchObject({ amountFen: 0, takenBackFen: 50, isCancelled: true })
  })

  test('tell how far the month’s tiers have come, and date a bonus by the end of its month', async () => {
    expect((await earningsOf('a1')).tier).toEqual({
      basisFen: 173_799,
      bonusFen: 0,
      rateBps: 0,
      nextFromFen: 5_000_000,
      nextRateBps: 50,
    })
    // April: 6 000 000 + 9 000, of which 1 009 000 lie in the second step
    const [row] = await all<{ amountFen: number }>(service, '/bonuses?month=2026-04&associate=a1')
    expect(row?.amountFen).toBe(5_045)
    const friday = Date.parse(at('2026-05-01T09:00:00'))
    const week = await earningsOf('a1', 'week', { now: friday })
    expect(week.extras).toEqual([
      {
        kind: 'bonus',
        at: at('2026-04-30T23:59:59.999'),
        amountFen: 5_045,
        note: '2026-04',
        state: 'pending',
      },
    ])
    expect(week.figures.commissionFen).toBe(180_000 + 360 + 5_045)
    const thursday = await earningsOf('a1', 'week', { now: Date.parse(at('2026-04-30T23:00:00')) })
    expect(thursday.extras).toEqual([])
    expect((await earningsOf('a1', 'today', { now: friday })).tier).toBeNull()
  })

  test('of another brand, and of who earned nothing, are empty', async () => {
    for (const empty of [await earningsOf('a1', 'month', { brandId: 2 }), await earningsOf('auditor')]) {
      expect(empty).toMatchObject({ orders: [], ordersTotal: 0, extras: [], nextCursor: null })
      expect(Object.values(empty.figures)).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
    }
  })
})

describe('an order', () => {
  test('is explained from the touch to the fen', async () => {
    expect(await orderOf('a1', 'M-1')).toEqual({
      source: 'mall',
      orderNo: 'M-1',
      paidAt: minutesAgo(60),
      channel: 'online',
      credit: 'direct',
      storeName: null,
      buyerName: '陈晓',
      title: '商品 1',
      itemCount: 1,
      paidFen: 29_900,
      netFen: 29_900,
      isCancelled: false,
      amountFen: 2_093,
      state: 'pending',
      availableAt: new Date(NOW - 3_600_000 + 7 * 86_400_000).toISOString(),
      plan: { code: 'standard', version: 1, windowDays: 15 },
      roles: [
        {
          role: 'sharer',
          ground: {
            kind: 'touch',
            touchKind: 'click',
            at: at('2026-05-17T21:14:00'),
            linkCode: 'coat-a1',
            linkTitle: '羊毛大衣',
            linkChannel: 'single_chat',
            linkCreatedAt: at('2026-04-20T10:00:00'),
          },
        },
        {
          role: 'attributed',
          ground: { kind: 'assignment', since: at('2026-01-05T00:00:00'), reason: 'enrol' },
        },
      ],
      others: [{ role: 'opener', name: '导购 f1' }],
      lines: [
        {
          lineNo: 1,
          name: '商品 1',
          quantity: 1,
          netQuantity: 1,
          paidFen: 29_900,
          netFen: 29_900,
          parts: [
            {
              role: 'sharer',
              ruleId: 'share-shoes',
              rateBps: 600,
              perUnitFen: null,
              ruleFen: 1_794,
              amountFen: 1_794,
              reducedBy: null,
            },
            {
              role: 'attributed',
              ruleId: 'care',
              rateBps: 100,
              perUnitFen: null,
              ruleFen: 299,
              amountFen: 299,
              reducedBy: null,
            },
          ],
        },
      ],
      lineCapBps: 1200,
      refunds: [],
      takenBackFen: 0,
      losers: [
        {
          associateName: '导购 a2',
          isMe: false,
          touchKind: 'scan',
          at: at('2026-05-12T20:30:00'),
          linkChannel: 'group_chat',
          reason: 'superseded',
        },
        {
          associateName: null,
          isMe: false,
          touchKind: 'click',
          at: at('2026-04-02T20:30:00'),
          linkChannel: null,
          reason: 'outside_window',
        },
      ],
    })
  })

  test('says what a refund and a cancellation took back', async () => {
    expect(await orderOf('a1', 'M-2')).toMatchObject({
      netFen: 19_900,
      amountFen: 1_393,
      takenBackFen: 2_093 - 1_393,
      refunds: [{ refundedAt: at('2026-05-19T10:00:00'), refundFen: 10_000 }],
    })
    expect(await orderOf('a1', 'M-3')).toMatchObject({
      isCancelled: true,
      netFen: 0,
      amountFen: 0,
      takenBackFen: 500,
      refunds: [],
    })
  })

  test('says who closed what: the ticket, the line, or a decision by hand', async () => {
    expect((await orderOf('a2', 'T-1')).roles).toEqual([{ role: 'closer', ground: { kind: 'named', where: 'order' } }])
    expect(await orderOf('a1', 'T-2')).toMatchObject({
      storeName: '静安店',
      buyerName: '周敏',
      credit: 'none',
      roles: [{ role: 'closer', ground: { kind: 'named', where: 'line' } }],
      lines: [{ lineNo: 2, netFen: 4_000, parts: [{ role: 'closer', amountFen: 120 }] }],
      amountFen: 120,
      state: 'available',
    })
    expect((await orderOf('a1', 'T-3')).roles).toEqual([
      {
        role: 'closer',
        ground: { kind: 'override', byName: 'key:bootstrap', at: new Date(NOW).toISOString(), reason: '换班' },
      },
    ])
  })

  test('tells the sharer’s loser why, in his own earnings', async () => {
    const { losers, others } = await orderOf('a2', 'T-1')
    expect(others).toContainEqual({ role: 'sharer', name: '导购 a1' })
    expect(losers[0]).toMatchObject({ isMe: true, reason: 'superseded' })
  })

  test('knows how far each fen is: held, pending, available, settled', async () => {
    // What became available before: T-3 and T-2 of this month, and what April's orders earned.
    const cutoff = at('2026-05-14T12:00:00.001')
    const { status, body } = await service.post('/settlements', { cutoff })
    expect(status).toBe(201)
    expect((await orderOf('a1', 'T-3')).state).toBe('available') // a draft settles nothing
    const approved = await service.post(`/settlements/${String(body['settlementId'])}/approve`, {})
    expect(approved.body).toMatchObject({ status: 'approved' })
    expect((await orderOf('a1', 'T-3')).state).toBe('settled')
    expect((await earningsOf('a1')).figures).toMatchObject({ settledFen: 3_120, availableFen: 0 })
    // A refund of what was settled is taken back from what comes next.
    await tell(service, {
      refunds: [
        {
          source: 'till',
          refundNo: 'R-9',
          orderNo: 'T-3',
          refundedAt: minutesAgo(5),
          lines: [{ lineNo: 1, quantity: 1, refundFen: 50_000 }],
        },
      ],
    })
    expect(await orderOf('a1', 'T-3')).toMatchObject({ amountFen: 1_500, state: 'available', takenBackFen: 1_500 })
    expect((await earningsOf('a1')).figures).toMatchObject({ settledFen: 3_120, availableFen: -1_500 })
  })

  test.each([1, 2, 3, 7])('comes page by page, each once (%i at a time)', async limit => {
    const whole = await earningsOf('a1', 'month', { limit: 50 })
    const orders: EarnedOrder[] = []
    let cursor: string | undefined
    do {
      const page: Earnings = await earningsOf('a1', 'month', { limit, ...(cursor === undefined ? {} : { cursor }) })
      expect(page.figures).toEqual(whole.figures)
      expect(page.ordersTotal).toBe(whole.orders.length)
      orders.push(...page.orders)
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined)
    expect(orders).toEqual(whole.orders)
  })

  test('and a cursor that is none is refused', async () => {
    await expect(earningsOf('a1', 'month', { cursor: 'x' })).rejects.toMatchObject({ code: 'malformed_cursor' })
  })
})

describe('everything adds up, whatever was recorded', () => {
  const RUNS = Number(process.env['RUNS'] ?? 30)
  const SEED = Number(process.env['SEED'] ?? 5)

  let nextBrandId = 1000

  test('commission is the entitlements and the orders below it; credited sales are the lines decided', async () => {
    let ordersSeen = 0
    let closersAlone = 0
    await fc.assert(
      fc.asyncProperty(plans, history, async (bodies, told) => {
        const brandId = nextBrandId++
        const one = await openOtherBrand(service, brandId, ORIGIN)
        const { pool } = service
        await tellHistory(one, brandId, [...told.master, ...told.evidence, ...told.lateMaster])
        for (const body of bodies) await one.post('/plans', { ...body, retroactive: true })
        for (const override of told.overrides) await one.post('/overrides', override)
        await one.settled()
        const { from, to } = spanAround('month', ORIGIN, 'Asia/Shanghai')
        const orders = (await all<{ source: string; orderNo: string; paidAt: string }>(one, '/orders')).filter(
          ({ paidAt }) => Date.parse(paidAt) >= from && Date.parse(paidAt) < to,
        )
        const associates = await pool<{ associateId: string; name: string; storeCode: string | null }[]>`
            SELECT associate_id AS "associateId", name, store_code AS "storeCode" FROM associates WHERE brand_id = ${brandId}`
        for (const associate of associates) {
          const { associateId } = associate
          const earnings = await readEarnings(
            pool,
            {
              brandId,
              zone: 'Asia/Shanghai',
              actor: associateId,
              id: `person:${associateId}`,
              scopes: new Set(),
              scope: { brandId, reach: 'self', associateId },
              person: { ...associate, role: 'associate' },
            },
            { query: { span: 'month', limit: 50 }, now: ORIGIN },
          )
          const { figures } = earnings
          const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
          const span = `from=${new Date(from).toISOString()}&to=${new Date(to).toISOString()}`
          const owed = await all<{ amountFen: number }>(
            one,
            `/entitlements?payeeKind=associate&payee=${encodeURIComponent(associateId)}&${span}`,
          )
          expect(figures.commissionFen).toBe(sum(owed.map(row => row.amountFen)))
          expect(figures.commissionFen).toBe(sum(earnings.orders.map(order => order.amountFen)))
          expect(figures.commissionFen).toBe(figures.pendingFen + figures.availableFen + figures.settledFen)
          expect(sum(earnings.days.map(day => day.commissionFen))).toBe(figures.commissionFen)
          for (const order of earnings.orders) {
            expect(sum(order.lines.flatMap(row => row.parts.map(part => part.amountFen)))).toBe(order.amountFen)
          }

          const expected = { creditedFen: 0, directFen: 0, indirectFen: 0, orderCount: 0 }
          for (const key of orders) {
            const decided = await decideOrder(pool, { brandId, order: key })
            const { decision, loaded } = decided!
            const { channel } = loaded.evidence.order
            const isSharer = decision.attribution.holdings.sharer.holder === associateId
            const fen = sum(
              decision.lines
                .filter(({ lineNo }) => isSharer || decision.attribution.closers.get(lineNo)?.holder === associateId)
                .map(({ netFen }) => netFen),
            )
            expected.creditedFen += fen
            if (isSharer && channel === 'online') expected.directFen += fen
            if (isSharer && channel === 'in_store') expected.indirectFen += fen
            if (fen > 0) expected.orderCount += 1
            if (fen > 0 && !isSharer && fen < decision.netFen) closersAlone += 1
          }
          expect(figures).toMatchObject(expected)
          ordersSeen += earnings.orders.length
        }
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    )
    expect(ordersSeen).toBeGreaterThan(10)
    expect(closersAlone).toBeGreaterThan(3)
  }, 900_000)
})

describe('through HTTP', () => {
  test('it is the same, and nobody’s but the one’s who is signed in', async () => {
    const { browser } = await signedIn(service, 'a1')
    const answer = await browser.call('GET', '/api/v1/earnings?span=month&limit=50')
    expect(answer.status).toBe(200)
    expect(answer.json()).toEqual(await earningsOf('a1', 'month', { limit: 50 }))
    const anonymous = await service.app.inject({ method: 'GET', url: '/api/v1/earnings?span=month' })
    expect(anonymous.statusCode).toBe(401)
    expect((await browser.call('GET', '/api/v1/earnings?span=year')).status).toBe(400)
  })
})

describe('spans', () => {
  test.each([
    ['today', '2026-05-20T12:00:00+08:00', '2026-05-20T00:00:00+08:00', '2026-05-21T00:00:00+08:00'],
    ['today', '2026-05-19T23:30:00Z', '2026-05-20T00:00:00+08:00', '2026-05-21T00:00:00+08:00'],
    ['week', '2026-05-18T00:00:00+08:00', '2026-05-18T00:00:00+08:00', '2026-05-25T00:00:00+08:00'],
    ['week', '2026-05-24T23:59:59+08:00', '2026-05-18T00:00:00+08:00', '2026-05-25T00:00:00+08:00'],
    ['week', '2026-01-01T08:00:00+08:00', '2025-12-29T00:00:00+08:00', '2026-01-05T00:00:00+08:00'],
    ['month', '2026-12-31T23:59:59+08:00', '2026-12-01T00:00:00+08:00', '2027-01-01T00:00:00+08:00'],
  ] as const)('%s of %s is %s to %s', (span, now, from, to) => {
    expect(spanAround(span, Date.parse(now), 'Asia/Shanghai')).toEqual({ from: Date.parse(from), to: Date.parse(to) })
  })

  test('a day on which the clock is changed has its own length', () => {
    const { from, to } = spanAround('today', Date.parse('2026-03-29T12:00:00Z'), 'Europe/Berlin')
    expect(to - from).toBe(23 * 3_600_000)
  })

  test('a month ends in the span of its last instant, once that is over', () => {
    const zone = 'Asia/Shanghai'
    const [from, to] = [Date.parse(at('2026-04-27T00:00:00')), Date.parse(at('2026-05-04T00:00:00'))]
    const end = Date.parse(at('2026-05-01T00:00:00'))
    expect(monthsEnded(from, to, end, zone)).toEqual([{ month: '2026-04', at: end - 1 }])
    expect(monthsEnded(from, to, end - 1, zone)).toEqual([])
    expect(monthsEnded(end, to, to, zone)).toEqual([])
  })
})
