import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '../../server/features/auth/service.ts'
import type { ItemResult } from '../../server/lib/items.ts'
import {
  assignmentItem,
  associateItem,
  identityItem,
  lineItem,
  linkItem,
  LONG_BEFORE,
  memberItem,
  mergeItem,
  orderItem,
  PAID,
  refundItem,
  storeItem,
  touchItem,
  without,
} from '../builders/items.ts'
import { openBrand } from '../builders/permutations.ts'
import { all, startTestService, TEST_KEY, type TestService } from '../support/service.ts'

type Fields = Record<string, unknown>

let service: TestService
beforeAll(async () => {
  service = await startTestService()
  await service.ingest('stores', [storeItem(), storeItem({ storeCode: 'S2' })])
  await service.ingest('associates', [associateItem(), associateItem({ associateId: 'A2' })])
})
afterAll(() => service.close())

let count = 0
/** A key that no other test has. */
const own = (name: string) => `${name}-${++count}`
const statuses = (results: readonly ItemResult[]) =>
  results.map(({ status, error }) => (error ? `${status} ${error.code} ${error.field ?? ''}`.trim() : status))
const tell = async (kind: string, ...items: Fields[]) => statuses(await service.ingest(kind, items))
const call = async (method: 'GET' | 'POST', path: string, payload?: string | object, key: string | null = TEST_KEY) =>
  await service.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(typeof payload === 'string' ? { 'content-type': 'application/json' } : {}),
    },
    ...(payload === undefined ? {} : { payload }),
  })
type Answer = Awaited<ReturnType<typeof call>>

/** RFC 9457, with a stable code. */
function expectProblem(answer: Answer, status: number, code: string): void {
  expect([answer.statusCode, answer.json<Fields>()['code']]).toEqual([status, code])
  expect(answer.headers['content-type']).toContain('application/problem+json')
  expect(answer.json()).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) })
}

// ------------------------------------------------------------------------------------------- every call

/** One valid item of every call, the key it is answered under, and the same item with other content. */
const CALLS: Record<string, { item: () => Fields; key: (item: Fields) => string; other: Fields; then: string }> = {
  stores: {
    item: () => storeItem({ storeCode: own('S') }),
    key: it => it['storeCode'] as string,
    other: { name: 'Other' },
    then: 'updated',
  },
  associates: {
    item: () => associateItem({ associateId: own('A') }),
    key: it => it['associateId'] as string,
    other: { name: 'Other' },
    then: 'updated',
  },
  members: {
    item: () => memberItem({ memberNo: own('M') }),
    key: it => it['memberNo'] as string,
    other: { level: 'gold' },
    then: 'updated',
  },
  'member-merges': {
    item: () => mergeItem({ memberNo: own('M') }),
    key: it => `${it['memberNo'] as string}/2026-03-17T04:00:00.000Z`,
    other: { into: 'M-other' },
    then: 'rejected conflict into',
  },
  products: {
    item: () => ({ sku: own('sku'), name: 'Shoe', priceFen: 100 }),
    key: it => it['sku'] as string,
    other: { priceFen: 200 },
    then: 'updated',
  },
  coupons: {
    item: () => ({ couponCode: own('c'), name: 'Ten off', kind: 'amount', amountFen: 1000 }),
    key: it => it['couponCode'] as string,
    other: { amountFen: 900 },
    then: 'updated',
  },
  'coupon-events': {
    item: () => ({ eventId: own('e'), couponCode: 'c', kind: 'claimed', memberNo: 'M1', at: PAID }),
    key: it => it['eventId'] as string,
    other: { kind: 'redeemed' },
    then: 'rejected conflict eventId',
  },
  targets: {
    item: () => ({ month: `${2100 + ++count}-01`, storeCode: 'S1', netSalesFen: 100 }),
    key: it => `${it['month'] as string}/S1`,
    other: { netSalesFen: 200 },
    then: 'updated',
  },
  groups: {
    item: () => ({ chatId: own('g'), name: 'Group', storeCode: 'S1' }),
    key: it => it['chatId'] as string,
    other: { name: 'Other' },
    then: 'updated',
  },
  identities: {
    item: () => identityItem({ value: own('v') }),
    key: it => `visitor/${it['value'] as string}/2026-03-17T04:00:00.000Z`,
    other: { memberNo: 'M-other' },
    then: 'created',
  },
  'member-assignments': {
    item: () => assignmentItem({ memberNo: own('M') }),
    key: it => `${it['memberNo'] as string}/2019-12-31T16:00:00.000Z`,
    other: { attributedAssociate: 'A2' },
    then: 'rejected conflict attributedAssociate',
  },
  'share-links': {
    item: () => linkItem({ linkCode: own('L') }),
    key: it => it['linkCode'] as string,
    other: { channel: 'poster' },
    then: 'rejected conflict channel',
  },
  touches: {
    item: () => touchItem({ touchId: own('t') }),
    key: it => it['touchId'] as string,
    other: { kind: 'scan' },
    then: 'rejected conflict touchId',
  },
  orders: {
    item: () => orderItem({ orderNo: own('o') }),
    key: it => `mall/${it['orderNo'] as string}`,
    other: { cancelled: true },
    then: 'rejected conflict revision',
  },
  refunds: {
    item: () => refundItem({ refundNo: own('r') }),
    key: it => `mall/${it['refundNo'] as string}`,
    other: { lines: [] },
    then: 'rejected conflict revision',
  },
  'friend-events': {
    item: () => ({ associateId: 'A1', externalUserid: own('wm'), kind: 'ended', at: PAID, endedBy: 'customer' }),
    key: it => `A1/${it['externalUserid'] as string}/ended/2026-03-20T04:00:00.000Z`,
    other: { endedBy: 'associate' },
    then: 'rejected conflict endedBy',
  },
  'task-events': {
    item: () => ({ taskId: own('t'), kind: 'done', at: PAID, associateId: 'A1', task: 'call_back', memberNo: 'M1' }),
    key: it => `${it['taskId'] as string}/done/2026-03-20T04:00:00.000Z`,
    other: { task: 'visit' },
    then: 'rejected conflict task',
  },
}

describe.each(Object.entries(CALLS))('POST /%s', (kind, { item: make, key, other, then }) => {
  test('answers created, then unchanged, then what other content makes of it', async () => {
    const item = make()
    expect(await service.ingest(kind, [item])).toMatchObject([{ key: key(item), status: 'created' }])
    expect(await service.ingest(kind, [item])).toMatchObject([{ key: key(item), status: 'unchanged' }])
    expect(await tell(kind, { ...item, ...other })).toEqual([then])
  })
  test('does the same within one batch', async () => {
    const item = make()
    expect(await tell(kind, item, item, { ...item, ...other })).toEqual(['created', 'unchanged', then])
  })
  test('refuses an unknown field by name, and takes the others of the batch', async () => {
    const [before, bad, after] = [make(), { ...make(), piadFen: 1 }, make()]
    const results = await service.ingest(kind, [before, bad, after])
    expect(statuses(results)).toEqual(['created', 'rejected unknown_field piadFen', 'created'])
    expect(results[1]!.error!.message).toContain('piadFen')
    expect(await tell(kind, before, without(bad, 'piadFen'), after)).toEqual(['unchanged', 'created', 'unchanged'])
  })
  test('refuses what is no object, or lacks a field, each for itself', async () => {
    const item = make()
    const results = await tell(kind, null as never, 'text' as never, [] as never, {}, item)
    expect(results.slice(0, 3)).toEqual(Array(3).fill('rejected invalid_type'))
    expect(results[3]).toContain('rejected missing_field')
    expect(results[4]).toBe('created')
  })
})

// -------------------------------------------------------------------------------------------- no coercion

describe('a field is taken as it is or refused', () => {
  const order = (line: Fields) => orderItem({ orderNo: own('o'), lines: [lineItem(line)] })
  test.each<[string, unknown, string]>([
    ['a text for a number', '100', 'invalid_type'],
    ['half a fen', 1.5, 'invalid_type'],
    ['true for a number', true, 'invalid_type'],
    ['a list', [100], 'invalid_type'],
    ['below 0', -1, 'out_of_range'],
    ['above 10^12', 1_000_000_000_001, 'out_of_range'],
    ['beyond 2^53', 2 ** 60, 'out_of_range'],
  ])('paidFen: %s', async (_name, paidFen, code) => {
    expect(await tell('orders', order({ paidFen }))).toEqual([`rejected ${code} lines[0].paidFen`])
  })
  test('paidFen: 0 and 10^12 are taken', async () => {
    expect(await tell('orders', order({ paidFen: 0 }), order({ paidFen: 10 ** 12 }))).toEqual(['created', 'created'])
  })
  test.each<[string, string, Fields, string]>([
    [
      'quantity of an order line is 1 or more',
      'orders',
      orderItem({ lines: [lineItem({ quantity: 0 })] }),
      'out_of_range lines[0].quantity',
    ],
    ['lineNo is 1 or more', 'orders', orderItem({ lines: [lineItem({ lineNo: 0 })] }), 'out_of_range lines[0].lineNo'],
    ['lineNo is whole', 'orders', orderItem({ lines: [lineItem({ lineNo: 1.5 })] }), 'invalid_type lines[0].lineNo'],
    [
      'refundFen is 0 or more',
      'refunds',
      refundItem({ lines: [{ lineNo: 1, quantity: 0, refundFen: -1 }] }),
      'out_of_range lines[0].refundFen',
    ],
    ['cancelled is true or false', 'orders', orderItem({ cancelled: 'false' }), 'invalid_type cancelled'],
    ['channel is one of two', 'orders', orderItem({ channel: 'Online' }), 'invalid_value channel'],
    ['kind of touch', 'touches', touchItem({ kind: 'tap' }), 'invalid_value kind'],
    ['memberNo is a text', 'orders', orderItem({ memberNo: 7 }), 'invalid_type memberNo'],
    ['memberNo is not empty', 'orders', orderItem({ memberNo: '' }), 'invalid_value memberNo'],
    ['an instant has an offset', 'orders', orderItem({ paidAt: '2026-03-20T12:00:00' }), 'invalid_instant paidAt'],
    ['an instant is no number', 'orders', orderItem({ paidAt: 1_774_000_000_000 }), 'invalid_type paidAt'],
    ['a day that there is', 'orders', orderItem({ paidAt: '2026-02-30T12:00:00Z' }), 'invalid_instant paidAt'],
    ['no half of a character', 'orders', orderItem({ memberNo: 'M\ud800' }), 'invalid_text memberNo'],
    ['no NUL', 'orders', orderItem({ memberNo: 'M\u0000' }), 'invalid_text memberNo'],
    [
      'an unknown field of a line',
      'orders',
      orderItem({ lines: [lineItem({ paidfen: 1 })] }),
      'unknown_field lines[0].paidfen',
    ],
    [
      'an unknown field of a target',
      'share-links',
      linkItem({ target: { kind: 'product', ref: 'r', uri: '' } }),
      'unknown_field target.uri',
    ],
    [
      'an unknown field of consents',
      'members',
      memberItem({ consents: { track: true } }),
      'unknown_field consents.track',
    ],
    [
      'an unknown field of a page',
      'touches',
      touchItem({ page: { kind: 'p', ref: 'r', x: 1 } }),
      'unknown_field page.x',
    ],
    [
      'a misspelt name before the missing one',
      'orders',
      { ...without(orderItem(), 'paidAt'), payedAt: PAID },
      'unknown_field payedAt',
    ],
    ['a birthday that there is', 'members', memberItem({ birthday: '02-30' }), 'invalid_value birthday'],
    ['a month that there is', 'targets', { month: '2026-13', storeCode: 'S1', netSalesFen: 1 }, 'invalid_value month'],
    [
      'a target of one of the two',
      'targets',
      { month: '2026-01', storeCode: 'S1', associateId: 'A1', netSalesFen: 1 },
      'invalid_value storeCode',
    ],
    ['a phone is one', 'members', memberItem({ phone: 'call me' }), 'invalid_phone phone'],
    ['also on an order', 'orders', orderItem({ phone: '12' }), 'invalid_phone phone'],
  ])('%s', async (_name, kind, item, expected) => {
    expect(await tell(kind, item)).toEqual([`rejected ${expected}`])
  })
  test('instants are cut off to the millisecond before anything is compared', async () => {
    const touch = touchItem({ touchId: own('t'), at: '2026-03-17T12:00:00.1239999+08:00' })
    expect(await tell('touches', touch, { ...touch, at: '2026-03-17T04:00:00.123Z' })).toEqual(['created', 'unchanged'])
    expect(await tell('touches', { ...touch, at: '2026-03-17T04:00:00.124Z' })).toEqual(['rejected conflict touchId'])
  })
  test('in orders, refunds, touches and identities null equals absent, at every level', async () => {
    const order = orderItem({ orderNo: own('o') })
    const nulls = { revision: null, unionid: null, closer: null, shareCode: null, cancelled: null, completedAt: null }
    expect(
      await tell('orders', order, { ...order, ...nulls, lines: [{ ...lineItem(), category: null, closer: null }] }),
    ).toEqual(['created', 'unchanged'])
    const touch = touchItem({ touchId: own('t') })
    expect(await tell('touches', touch, { ...touch, openid: null, page: null })).toEqual(['created', 'unchanged'])
    const refund = refundItem({ refundNo: own('r'), lines: [] })
    expect(await tell('refunds', refund, { ...refund, lines: null, revision: null })).toEqual(['created', 'unchanged'])
    expect(await tell('orders', orderItem({ paidAt: null }))).toEqual(['rejected missing_field paidAt'])
  })
  test('nothing else is a fault: what lies in the future or the past, out of order, above list, or far away', async () => {
    const order = (over: Fields) => orderItem({ orderNo: own('o'), ...over })
    const results = await tell(
      'orders',
      order({ paidAt: '2100-01-01T00:00:00Z' }),
      order({ paidAt: '1970-01-01T00:00:00Z', completedAt: '1969-01-01T00:00:00Z' }),
      order({ lines: [lineItem({ paidFen: 200, listFen: 100 })] }),
      order({ lines: [] }),
      order({ paidAt: '9999-12-29T00:00:00Z' }),
      order({ paidAt: '0001-01-03T00:00:00Z' }),
    )
    expect(results).toEqual(Array(6).fill('created'))
    expect(
      await tell(
        'touches',
        touchItem({ touchId: own('t'), at: '2099-01-01T00:00:00Z' }),
        touchItem({ touchId: own('t'), at: '1999-01-01T00:00:00Z' }),
      ),
    ).toEqual(['created', 'created'])
  })
})

describe('a plan that holds for ever', () => {
  test.each(['9999-12-29T00:00:00Z', '0001-01-03T00:00:00Z'])('pays an order of %s, and explains it', async paidAt => {
    const brand = await openBrand(service)
    const plan = {
      code: 'p',
      version: 1,
      effectiveFrom: '0001-01-02T00:00:00Z',
      attribution: { model: 'last_touch', windowDays: 15 },
      holdDays: 7,
      rules: [{ id: 'till', role: 'closer', rateBps: 100, bearer: 'headquarters' }],
      monthlyTiers: {
        roles: ['closer'],
        mode: 'whole',
        bearer: 'headquarters',
        steps: [{ fromFen: 0, rateBps: 50 }],
      },
      retroactive: true,
    }
    expect(await brand.post('/plans', plan)).toBe(201)
    await brand.tell('stores', [storeItem()])
    await brand.tell('associates', [associateItem()])
    await brand.tell('orders', [orderItem({ paidAt, closer: 'A1' })])
    await brand.settled()
    const { items } = await brand.get<{ items: { amountFen: number }[] }>('/entitlements')
    expect(items.map(row => row.amountFen)).toEqual([100])
    expect(await brand.get('/orders/mall/o-1/commission')).toMatchObject({ netFen: 10_000 })
    expect(await brand.get('/audit')).toMatchObject({ items: [] })
  })
})

// ------------------------------------------------------------------------------------------- bad input

describe('one bad item never costs the others', () => {
  test.each<[string, string]>([
    ['a field whose name holds NUL', '{"a\\u0000b": 1}'],
    ['a field whose name holds half a character', '{"a\\ud800b": 1}'],
    ['a key that holds NUL', '{"source":"mall","orderNo":"a\\u0000b"}'],
    ['a key that holds half a character', '{"source":"mall","orderNo":"a\\ud800b"}'],
    ['lists within lists, ten thousand deep', `{"source":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
    ['a number beyond all bounds', '{"source":1e999}'],
    ['a huge text', `{"source":"${'x'.repeat(200_000)}"}`],
  ])('%s', async (_name, bad) => {
    const good = orderItem({ orderNo: own('o') })
    const answer = await call('POST', '/orders', `[${bad},${JSON.stringify(good)}]`)
    expect(answer.statusCode).toBe(200)
    const results = answer.json<ItemResult[]>()
    expect(results.map(result => result.status)).toEqual(['rejected', 'created'])
    expect((await call('GET', '/rejected-items?limit=1')).statusCode).toBe(200)
  })

  test('keys of 384 bytes in every place are taken, and longer ones refused for themselves', async () => {
    const long = (seed: number) =>
      Array.from({ length: 128 }, (_, i) => String.fromCodePoint(0x4e00 + ((i * 7919 + seed * 104_729) % 20_000))).join(
        '',
      )
    const brand = await openBrand(service)
    const plan = {
      code: long(1),
      version: 1,
      effectiveFrom: LONG_BEFORE,
      attribution: { model: 'last_touch', windowDays: 15 },
      holdDays: 7,
      rules: [{ id: long(2), role: 'closer', rateBps: 100, bearer: 'selling_store' }],
      retroactive: true,
    }
    expect(await brand.post('/plans', plan)).toBe(201)
    await brand.tell('stores', [storeItem({ storeCode: long(3) })])
    await brand.tell('associates', [associateItem({ associateId: long(4), storeCode: long(3) })])
    await brand.tell('orders', [
      orderItem({ source: long(5), orderNo: long(6), closer: long(4), sellingStore: long(3) }),
    ])
    const { items } = await brand.get<{ items: unknown[] }>('/entitlements')
    expect(items).toHaveLength(1)
    const results = await tell('orders', orderItem({ orderNo: `${long(7)}x` }), orderItem({ orderNo: 'x'.repeat(257) }))
    expect(results).toEqual(['rejected invalid_text orderNo', 'rejected invalid_value orderNo'])
    expect(await tell('orders', orderItem({ orderNo: own('x'.repeat(250)) }))).toEqual(['created'])
  })

  test('a refused item is kept, masked, and listed newest first with its reason', async () => {
    const phone = '13912345678'
    const orderNo = own('o')
    const bad = orderItem({ orderNo, phone, channel: 'in_store', lines: [lineItem({ name: phone })] })
    expect(await tell('orders', bad)).toEqual(['rejected missing_field sellingStore'])
    const { items } = await service.get<{ items: Fields[] }>('/rejected-items?kind=orders&limit=1')
    expect(items[0]).toMatchObject({
      kind: 'orders',
      itemKey: `mall/${orderNo}`,
      code: 'missing_field',
      field: 'sellingStore',
      position: 0,
      sentBy: 'key:bootstrap',
      item: { orderNo, phone: '139****5678' },
    })
    expect(JSON.stringify(items)).not.toContain(phone)
  })

  test('references to what is not there: unknown_store and unknown_associate, by field', async () => {
    const cases: [string, Fields, string][] = [
      ['orders', orderItem({ sellingStore: 'S9' }), 'unknown_store sellingStore'],
      ['orders', orderItem({ closer: 'A9' }), 'unknown_associate closer'],
      ['orders', orderItem({ lines: [lineItem({ closer: 'A9' })] }), 'unknown_associate lines[0].closer'],
      ['associates', associateItem({ associateId: own('A'), storeCode: 'S9' }), 'unknown_store storeCode'],
      ['associates', associateItem({ associateId: own('A'), invitedBy: 'A9' }), 'unknown_associate invitedBy'],
      ['members', memberItem({ openingStore: 'S9' }), 'unknown_store openingStore'],
      ['members', memberItem({ openingAssociate: 'A9' }), 'unknown_associate openingAssociate'],
      ['member-assignments', assignmentItem({ attributedAssociate: 'A9' }), 'unknown_associate attributedAssociate'],
      ['member-assignments', assignmentItem({ homeStore: 'S9' }), 'unknown_store homeStore'],
      ['share-links', linkItem({ linkCode: own('L'), associateId: 'A9' }), 'unknown_associate associateId'],
      ['share-links', linkItem({ linkCode: own('L'), storeCode: 'S9' }), 'unknown_store storeCode'],
      ['targets', { month: '2026-01', storeCode: 'S9', netSalesFen: 1 }, 'unknown_store storeCode'],
      ['targets', { month: '2026-01', associateId: 'A9', netSalesFen: 1 }, 'unknown_associate associateId'],
      ['groups', { chatId: own('g'), name: 'G', storeCode: 'S9' }, 'unknown_store storeCode'],
      ['groups', { chatId: own('g'), name: 'G', storeCode: 'S1', owner: 'A9' }, 'unknown_associate owner'],
    ]
    for (const [kind, item, expected] of cases) expect(await tell(kind, item)).toEqual([`rejected ${expected}`])
  })

  test('a later item may name what an earlier one of the batch made', async () => {
    const [first, second] = [own('A'), own('A')]
    const results = await tell(
      'associates',
      associateItem({ associateId: first }),
      associateItem({ associateId: second, invitedBy: first }),
    )
    expect(results).toEqual(['created', 'created'])
    const [third, fourth] = [own('A'), own('A')]
    expect(
      await tell(
        'associates',
        associateItem({ associateId: third, invitedBy: fourth }),
        associateItem({ associateId: fourth }),
      ),
    ).toEqual(['rejected unknown_associate invitedBy', 'created'])
  })

  test('an unknown member is made wherever he is named', async () => {
    const name = () => own('M-bare')
    const named: [string, (memberNo: string) => Fields][] = [
      ['orders', memberNo => orderItem({ orderNo: own('o'), memberNo })],
      ['touches', memberNo => touchItem({ touchId: own('t'), memberNo })],
      ['identities', memberNo => identityItem({ value: own('v'), memberNo })],
      ['member-assignments', memberNo => assignmentItem({ memberNo })],
      ['member-merges', memberNo => mergeItem({ memberNo })],
      ['member-merges', into => mergeItem({ memberNo: own('M'), into })],
      ['coupon-events', memberNo => ({ eventId: own('e'), couponCode: 'c', kind: 'issued', memberNo, at: PAID })],
      ['associates', memberNo => associateItem({ associateId: own('A'), memberNo })],
      [
        'task-events',
        memberNo => ({ taskId: own('t'), kind: 'done', at: PAID, associateId: 'A1', task: 't', memberNo }),
      ],
    ]
    for (const [kind, item] of named) {
      const memberNo = name()
      expect(await tell(kind, item(memberNo))).toEqual(['created'])
      expect((await call('GET', `/orders?memberNo=${memberNo}`)).statusCode).toBe(200)
    }
    expectProblem(await call('GET', '/orders?memberNo=M-nobody'), 404, 'not_found')
  })
})

// ------------------------------------------------------------------------------- what each kind promises

describe('orders', () => {
  test('the highest revision counts, whenever it came; a lower one that comes later is unchanged', async () => {
    const orderNo = own('o')
    const revision = (number: number, paidFen: number) =>
      orderItem({ orderNo, revision: number, lines: [lineItem({ paidFen })] })
    expect(await tell('orders', revision(3, 300))).toEqual(['created'])
    expect(await tell('orders', revision(2, 200))).toEqual(['unchanged'])
    expect(await tell('orders', revision(2, 201))).toEqual(['rejected conflict revision'])
    expect(await tell('orders', revision(4, 400), revision(5, 500))).toEqual(['updated', 'updated'])
    expect(await service.get(`/orders/mall/${orderNo}/commission`)).toMatchObject({ revision: 5, netFen: 500 })
  })
  test('a revision is the whole order: what it leaves out is gone', async () => {
    const orderNo = own('o')
    await tell('orders', orderItem({ orderNo, closer: 'A1', lines: [lineItem(), lineItem({ lineNo: 2 })] }))
    await tell('orders', without(orderItem({ orderNo, revision: 2 }), 'memberNo'))
    const told = await service.get<{ buyer: unknown; lines: { closer: { holder: unknown } }[] }>(
      `/orders/mall/${orderNo}/commission`,
    )
    expect(told.buyer).toBeNull()
    expect(told.lines.map(line => line.closer.holder)).toEqual([null])
  })
  test('revision 1 is what an order without one is; the sequence of lines says nothing', async () => {
    const order = orderItem({ orderNo: own('o'), lines: [lineItem(), lineItem({ lineNo: 2 })] })
    const same = { ...order, revision: 1, cancelled: false, lines: [lineItem({ lineNo: 2 }), lineItem()] }
    expect(await tell('orders', order, same)).toEqual(['created', 'unchanged'])
  })
  test('a line number twice is refused, and so is an in_store order without its store', async () => {
    expect(
      await tell('orders', orderItem({ orderNo: own('o'), lines: [lineItem(), lineItem({ sku: 'other' })] })),
    ).toEqual(['rejected duplicate_line lines[1].lineNo'])
    expect(await tell('orders', orderItem({ orderNo: own('o'), channel: 'in_store' }))).toEqual([
      'rejected missing_field sellingStore',
    ])
  })
  test('the same number of another source is another order', async () => {
    const orderNo = own('o')
    expect(await tell('orders', orderItem({ orderNo }), orderItem({ orderNo, source: 'till' }))).toEqual([
      'created',
      'created',
    ])
  })
})

describe('refunds', () => {
  const net = async (orderNo: string) =>
    (await service.get<{ netFen: number }>(`/orders/mall/${orderNo}/commission`)).netFen
  test('may come before their order, and count when it comes', async () => {
    const orderNo = own('o')
    expect(await tell('refunds', refundItem({ refundNo: own('r'), orderNo }))).toEqual(['created'])
    expectProblem(await call('GET', `/orders/mall/${orderNo}/commission`), 404, 'not_found')
    expect(await tell('orders', orderItem({ orderNo }))).toEqual(['created'])
    expect(await net(orderNo)).toBe(6_000)
  })
  test('the highest revision counts; one without lines takes the refund back', async () => {
    const orderNo = own('o')
    const refund = refundItem({ refundNo: own('r'), orderNo })
    await tell('orders', orderItem({ orderNo }))
    expect(
      await tell('refunds', { ...refund, revision: 2, lines: [{ lineNo: 1, quantity: 0, refundFen: 1_000 }] }, refund),
    ).toEqual(['created', 'unchanged'])
    expect(await net(orderNo)).toBe(9_000)
    expect(await tell('refunds', { ...without(refund, 'lines'), revision: 3 })).toEqual(['updated'])
    expect(await net(orderNo)).toBe(10_000)
  })
  test('that move leave their first order', async () => {
    const [left, right] = [own('o'), own('o')]
    const refund = refundItem({ refundNo: own('r'), orderNo: left })
    await tell('orders', orderItem({ orderNo: left }), orderItem({ orderNo: right }))
    expect(await tell('refunds', refund, { ...refund, revision: 2, orderNo: right })).toEqual(['created', 'updated'])
    expect([await net(left), await net(right)]).toEqual([10_000, 6_000])
  })
  test('of another source are not this order’s', async () => {
    const orderNo = own('o')
    await tell('orders', orderItem({ orderNo }))
    await tell('refunds', refundItem({ refundNo: own('r'), orderNo, source: 'till' }))
    expect(await net(orderNo)).toBe(10_000)
  })
})

describe('share links', () => {
  test('are answered with how they are handed out; a code is made where there is none', async () => {
    const target = { kind: 'product', ref: 'sku-1', path: 'pages/goods?id=1' }
    const [result] = (await service.ingest('share-links', [without(linkItem({ target }), 'linkCode')])) as (ItemResult &
      Fields)[]
    const code = result!['linkCode'] as string
    expect(code).toMatch(/^[0-9A-Za-z]{12}$/)
    expect(result).toEqual({
      key: code,
      status: 'created',
      linkCode: code,
      url: `http://127.0.0.1:8686/s/${code}`,
      miniProgramPath: `pages/goods?id=1&dg=${code}`,
      scene: code,
    })
    const [again] = (await service.ingest('share-links', [linkItem({ linkCode: code, target })])) as (ItemResult &
      Fields)[]
    expect(again).toEqual({ ...result, status: 'unchanged' })
  })
  test('without storeCode get their associate’s store, and keep it', async () => {
    const [associateId, linkCode] = [own('A'), own('L')]
    await tell('associates', associateItem({ associateId }))
    await tell('share-links', linkItem({ linkCode, associateId }))
    await tell('associates', { associateId, storeCode: 'S2' })
    expect(
      await tell(
        'share-links',
        linkItem({ linkCode, associateId }),
        linkItem({ linkCode, associateId, storeCode: 'S1' }),
      ),
    ).toEqual(['unchanged', 'unchanged'])
    expect(await tell('share-links', linkItem({ linkCode, associateId, storeCode: 'S2' }))).toEqual([
      'rejected conflict storeCode',
    ])
  })
  test('stay as created; revokedAt may be added once', async () => {
    const link = linkItem({ linkCode: own('L'), createdAt: LONG_BEFORE })
    expect(await tell('share-links', link)).toEqual(['created'])
    for (const [field, value] of Object.entries({
      associateId: 'A2',
      target: { kind: 'page', ref: 'x' },
      channel: 'poster',
      createdAt: PAID,
    })) {
      expect(await tell('share-links', { ...link, [field]: value })).toEqual([`rejected conflict ${field}`])
    }
    expect(await tell('share-links', { linkCode: link['linkCode'], revokedAt: PAID })).toEqual(['updated'])
    expect(await tell('share-links', { ...link, revokedAt: PAID }, link)).toEqual(['unchanged', 'unchanged'])
    expect(await tell('share-links', { ...link, revokedAt: LONG_BEFORE })).toEqual(['rejected conflict revokedAt'])
  })
  test('of a code that another brand has are refused: link_code_taken', async () => {
    const brand = await openBrand(service)
    const linkCode = own('L')
    await brand.tell('stores', [storeItem()])
    await brand.tell('associates', [associateItem()])
    await brand.tell('share-links', [linkItem({ linkCode })])
    expect(await tell('share-links', linkItem({ linkCode }))).toEqual(['rejected link_code_taken linkCode'])
  })
  test('that were refused do not keep their code', async () => {
    const brand = await openBrand(service)
    const linkCode = own('L')
    expect(await tell('share-links', linkItem({ linkCode, associateId: 'A9' }))).toEqual([
      'rejected unknown_associate associateId',
    ])
    await brand.tell('stores', [storeItem()])
    await brand.tell('associates', [associateItem()])
    await brand.tell('share-links', [linkItem({ linkCode })])
  })
})

describe('merges', () => {
  test('into oneself, or in a circle of any length, are refused', async () => {
    const [a, b, c] = [own('M'), own('M'), own('M')]
    const merge = (memberNo: string, into: string, at = PAID) => mergeItem({ memberNo, into, at })
    expect(await tell('member-merges', merge(a, a))).toEqual(['rejected merge_circle into'])
    expect(await tell('member-merges', merge(a, b), merge(b, a))).toEqual(['created', 'rejected merge_circle into'])
    expect(await tell('member-merges', merge(b, c), merge(c, a))).toEqual(['created', 'rejected merge_circle into'])
  })
  test('that are corrected may close what was a circle before, and not what is one', async () => {
    const [a, b, c] = [own('M'), own('M'), own('M')]
    const merge = (memberNo: string, into: string, at: string) => mergeItem({ memberNo, into, at })
    expect(
      await tell('member-merges', merge(a, b, '2026-01-01T00:00:00Z'), merge(a, c, '2026-01-02T00:00:00Z')),
    ).toEqual(['created', 'created'])
    expect(await tell('member-merges', merge(b, a, PAID))).toEqual(['created'])
    expect(await tell('member-merges', merge(c, b, PAID))).toEqual(['rejected merge_circle into'])
  })
})

describe('assignments', () => {
  test('of one member and instant merge their fields; a different value is a conflict', async () => {
    const memberNo = own('M')
    const at = { memberNo, from: PAID }
    expect(
      await tell(
        'member-assignments',
        { ...at, attributedAssociate: 'A1' },
        { ...at, homeStore: 'S1' },
        { ...at, attributedAssociate: 'A1', homeStore: 'S1' },
      ),
    ).toEqual(['created', 'updated', 'unchanged'])
    expect(await tell('member-assignments', { ...at, homeStore: 'S2' }, { ...at, attributedAssociate: null })).toEqual([
      'rejected conflict homeStore',
      'rejected conflict attributedAssociate',
    ])
  })
})

describe('associates', () => {
  const active = async (associateId: string, paidAt: string) => {
    const orderNo = own('o')
    const memberNo = own('M')
    await tell('member-assignments', assignmentItem({ memberNo, attributedAssociate: associateId }))
    await tell('orders', orderItem({ orderNo, memberNo, paidAt }))
    const told = await service.get<{ roles: { role: string; holder: string | null }[] }>(
      `/orders/mall/${orderNo}/commission`,
    )
    return told.roles.find(role => role.role === 'attributed')!.holder !== null
  }
  test('are employed in intervals: one who comes back takes nothing back', async () => {
    const associateId = own('A')
    await tell('associates', associateItem({ associateId, activeFrom: '2024-01-01T00:00:00Z' }))
    await tell('associates', { associateId, activeTo: '2025-01-01T00:00:00Z' })
    expect(await tell('associates', { associateId, activeFrom: '2026-01-01T00:00:00Z' })).toEqual(['updated'])
    const days = ['2023-12-31', '2024-06-01', '2025-01-01', '2025-06-01', '2026-01-01', '2027-01-01']
    const seen = []
    for (const day of days) seen.push(await active(associateId, `${day}T00:00:00Z`))
    expect(seen).toEqual([false, true, false, false, true, true])
    expect(await tell('associates', associateItem({ associateId, activeFrom: '2024-01-01T00:00:00Z' }))).toEqual([
      'unchanged',
    ])
  })
  test('of kind store need a store, nobody invites himself, and a part of the record keeps the rest', async () => {
    const associateId = own('A')
    expect(await tell('associates', without(associateItem({ associateId }), 'storeCode'))).toEqual([
      'rejected missing_field storeCode',
    ])
    expect(await tell('associates', without(associateItem({ associateId, kind: 'office' }), 'storeCode'))).toEqual([
      'created',
    ])
    expect(await tell('associates', { associateId, invitedBy: associateId })).toEqual([
      'rejected invites_himself invitedBy',
    ])
    expect(await tell('associates', { associateId, payeeType: 'individual' }, { associateId })).toEqual([
      'updated',
      'unchanged',
    ])
  })
})

describe('phones', () => {
  test('are accepted as typed, found, never answered whole, and nowhere in the database', async () => {
    const digits = '13798765432'
    const memberNo = own('M')
    const orderNo = own('o')
    expect(await tell('members', memberItem({ memberNo, name: 'Somebody', phone: '+86 137-9876 5432' }))).toEqual([
      'created',
    ])
    expect(await tell('members', memberItem({ memberNo, phone: '１３７９８７６５４３２' }))).toEqual(['unchanged'])
    expect(await tell('orders', without(orderItem({ orderNo, phone: '0086 13798765432' }), 'memberNo'))).toEqual([
      'created',
    ])
    const explained = await call('GET', `/orders/mall/${orderNo}/commission`)
    expect(explained.json()).toMatchObject({ buyer: { memberNo, recognisedBy: 'phone' } })
    expect(await tell('orders', orderItem({ orderNo: own('o'), phone: digits, channel: 'in_store' }))).toEqual([
      'rejected missing_field sellingStore',
    ])
    expect(
      await tell('members', memberItem({ memberNo: own('M'), phone: digits, name: digits, birthday: 'x' })),
    ).toEqual(['rejected invalid_value birthday'])
    for (const path of [
      `/orders/mall/${orderNo}/commission`,
      `/orders?memberNo=${memberNo}`,
      '/rejected-items?limit=500',
    ]) {
      expect((await call('GET', path)).body).not.toContain(digits)
    }
    expect(await columnsWith(digits)).toEqual([])
    expect(await columnsWith('Somebody')).toEqual(['members.name']) // the search does find things
  })

  /** Every column of text, lists or JSON that holds the text. */
  async function columnsWith(text: string): Promise<string[]> {
    const columns = await service.pool<{ table: string; column: string }[]>`
      SELECT c.table_name AS table, c.column_name AS column FROM information_schema.columns AS c
      JOIN information_schema.tables AS t USING (table_schema, table_name)
      WHERE table_schema = 'public' AND c.data_type IN ('text', 'jsonb', 'json', 'ARRAY', 'character varying', 'bytea')
        AND c.table_name NOT SIMILAR TO '%[0-9]{4}_[0-9]{2}|%_other'`
    const found: string[] = []
    for (const { table, column } of columns) {
      const rows = await service.pool`
        SELECT 1 FROM ${service.pool(table)}
        WHERE ${service.pool(column)}::text LIKE ${`%${text}%`}
          OR ${service.pool(column)}::text LIKE ${`%${Buffer.from(text).toString('hex')}%`} LIMIT 1`
      if (rows.length > 0) found.push(`${table}.${column}`)
    }
    return found
  }
})

// ---------------------------------------------------------------------------------------- the whole call

describe('a call as a whole', () => {
  test.each<[string, string, number, string]>([
    ['no JSON', '{"orderNo"', 400, 'malformed_json'],
    ['an object', '{}', 422, 'not_an_array'],
    ['null', 'null', 422, 'not_an_array'],
    ['a text', '"orders"', 422, 'not_an_array'],
    ['nothing in it', '[]', 422, 'empty_batch'],
    ['1001 items', JSON.stringify(Array(1001).fill({})), 413, 'too_many_items'],
    ['17 MB', `["${'x'.repeat(17 * 1024 * 1024)}"]`, 413, 'too_large'],
  ])('%s is refused whole, and nothing is taken', async (_name, body, status, code) => {
    expectProblem(await call('POST', '/orders', body), status, code)
  })
  test('1000 items are taken', async () => {
    const items = Array.from({ length: 1000 }, () => ({ sku: own('sku'), name: 'x', priceFen: 1 }))
    const results = await service.ingest('products', items)
    expect(results.map(result => result.key)).toEqual(items.map(item => item.sku))
    expect(new Set(statuses(results))).toEqual(new Set(['created']))
  })
  test('another content type is 415', async () => {
    const answer = await service.app.inject({
      method: 'POST',
      url: '/api/v1/orders',
      headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'text/csv' },
      payload: 'a,b',
    })
    expectProblem(answer, 415, 'unsupported_media_type')
  })
  test('no key, a wrong key, a key of no brand: 401, before the body is looked at', async () => {
    for (const key of [
      null,
      'wrong',
      'dg_1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      'dg_999_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    ]) {
      expectProblem(await call('POST', '/orders', '{', key), 401, 'unauthorized')
      expectProblem(await call('GET', '/entitlements', undefined, key), 401, 'unauthorized')
      expectProblem(await call('POST', '/plans', '{', key), 401, 'unauthorized')
    }
  })
  test('a key without the scope: 403, before the body is looked at', async () => {
    const key = async (...scopes: ('ingest' | 'read' | 'admin')[]) =>
      await createKey(service.pool, { brandId: 1, name: own('key'), scopes, now: Date.now() })
    const [ingest, read, admin] = [await key('ingest'), await key('read'), await key('admin')]
    for (const wrong of [read, admin]) expectProblem(await call('POST', '/orders', '{', wrong), 403, 'forbidden')
    for (const wrong of [ingest, admin]) expectProblem(await call('GET', '/ledger', undefined, wrong), 403, 'forbidden')
    for (const wrong of [ingest, read]) {
      expectProblem(await call('POST', '/plans', '{', wrong), 403, 'forbidden')
      expectProblem(await call('POST', '/overrides', '{', wrong), 403, 'forbidden')
    }
    expect((await call('POST', '/products', [{ sku: own('sku'), name: 'x', priceFen: 1 }], ingest)).statusCode).toBe(
      200,
    )
    expect((await call('GET', '/ledger', undefined, read)).statusCode).toBe(200)
    expect((await call('GET', '/health/reconcile', undefined, ingest)).statusCode).toBe(200)
  })
  test('a path that is not there is 404', async () => {
    expectProblem(await call('POST', '/oders', '[]'), 404, 'not_found')
    expectProblem(await call('GET', '/orders/mall/nobody/commission'), 404, 'not_found')
  })
  test('another brand’s order, account and plan are not there', async () => {
    const brand = await openBrand(service)
    await brand.tell('stores', [storeItem({ storeCode: 'S-private' })])
    await brand.tell('orders', [orderItem({ orderNo: 'o-private' })])
    expectProblem(await call('GET', '/orders/mall/o-private/commission'), 404, 'not_found')
    expectProblem(await call('GET', '/balances?payee=S-private'), 404, 'not_found')
    expectProblem(await call('GET', '/orders?storeCode=S-private'), 404, 'not_found')
  })
})

// ------------------------------------------------------------------------------------------------ lists

describe('lists', () => {
  const orderNos = Array.from({ length: 7 }, (_, i) => `list-${i}`)
  beforeAll(async () => {
    const plan = {
      code: 'lists',
      version: 1,
      effectiveFrom: '2030-01-01T00:00:00Z',
      effectiveTo: '2030-02-01T00:00:00Z',
      attribution: { model: 'last_touch', windowDays: 1 },
      holdDays: 0,
      rules: [{ id: 'till', role: 'closer', rateBps: 100, bearer: 'headquarters' }],
    }
    expect((await service.post('/plans', plan)).status).toBe(201)
    const day = (i: number) => `2030-01-0${(i % 3) + 1}T00:00:00Z`
    await service.ingest('orders', orderNos.map((orderNo, i) => orderItem({ orderNo, memberNo: 'M-list', paidAt: day(i), closer: 'A2', lines: [lineItem({ name: '×' })] }))) // prettier-ignore
    await service.settled()
  })
  const LISTS = [
    '/entitlements?payee=A2&from=2030-01-01T00:00:00Z',
    '/ledger?payee=A2',
    '/orders?memberNo=M-list',
    '/rejected-items?kind=orders',
    '/plans?limit=1',
  ]
  test.each(LISTS)('%s: pages of any size hold everything once', async path => {
    const keyOf = (row: Fields) => JSON.stringify(row)
    const whole = (await all<Fields>(service, path.replace(/[?&]limit=1/, ''))).map(keyOf)
    expect(new Set(whole).size).toBe(whole.length)
    const paged: string[] = []
    let cursor: string | null = null
    do {
      const bare = path.replace(/[?&]limit=1/, '')
      const url = `${bare}${bare.includes('?') ? '&' : '?'}limit=2${cursor ? `&cursor=${cursor}` : ''}`
      const page: { items: Fields[]; nextCursor: string | null } = await service.get(url)
      expect(page.items.length).toBeLessThanOrEqual(2)
      if (page.nextCursor !== null) expect(page.nextCursor).toMatch(/^[A-Za-z0-9_-]+$/)
      paged.push(...page.items.map(keyOf))
      cursor = page.nextCursor
    } while (cursor)
    expect(paged).toEqual(whole)
  })
  test.each(['/entitlements', '/ledger', '/orders', '/rejected-items', '/plans', '/audit'])(
    '%s: a limit of 0, 501 or text, and an unknown filter, are 400',
    async path => {
      for (const query of ['limit=0', 'limit=501', 'limit=ten', 'limit=1.5', 'paye=A1']) {
        expectProblem(await call('GET', `${path}?${query}`), 400, 'invalid_query')
      }
      expect((await call('GET', `${path}?limit=500`)).statusCode).toBe(200)
    },
  )
  test.each(['/entitlements', '/ledger', '/orders', '/rejected-items', '/plans', '/audit'])(
    '%s: a cursor that is none is 400',
    async path => {
      const forged = (...parts: unknown[]) => Buffer.from(JSON.stringify(parts)).toString('base64url')
      const cursors = ['x', '%00', forged(), forged(1, 2), forged('a', 'b'), forged('a', 'b', 'c'), forged('\u0000', 'b'), forged('\u0000', 'b', 'c'), forged(null, null, null), forged(...Array(12).fill('a')), forged(...Array(12).fill(1))] // prettier-ignore
      for (const cursor of cursors)
        expectProblem(await call('GET', `${path}?cursor=${cursor}`), 400, 'malformed_cursor')
    },
  )
  test('an instant without offset is 400', async () => {
    for (const path of ['/entitlements?from=', '/ledger?to=', '/orders?from=', '/balances?at=', '/audit?to=']) {
      expectProblem(await call('GET', `${path}2026-01-01T00:00:00`), 400, 'invalid_query')
    }
  })
  test('a filter that names what is not there is 404', async () => {
    for (const path of [
      '/entitlements?payee=A9',
      '/ledger?payee=A9',
      '/balances?payee=A9',
      '/balances?payeeKind=store&payee=A1',
      '/orders?storeCode=S9',
      '/orders?associate=A9',
      '/orders?memberNo=M9999',
      '/jobs/00000000-0000-0000-0000-000000000000',
      '/plans/nobody/versions/1',
    ]) {
      // prettier-ignore
      expectProblem(await call('GET', path), 404, 'not_found')
    }
  })
  test('nothing that a path or query can say is our fault', async () => {
    for (const path of [
      '/plans/lists/versions/99999999999',
      '/plans/%00/versions/1',
      '/orders?storeCode=%00',
      '/balances?payee=%00',
      '/entitlements?payee=%00',
      '/orders/%00/x/commission',
      '/entitlements?source=%00',
      '/entitlements?orderNo=%00',
      '/jobs/x',
      '/rejected-items?kind=%00',
      '/orders?from=9999-12-29T00:00:00Z',
      '/balances?at=0001-01-03T00:00:00Z',
    ]) {
      // prettier-ignore
      expect((await call('GET', path)).statusCode, path).toBeLessThan(500)
    }
  })
  test('/orders filters by time, store, associate and member', async () => {
    const list = async (query: string) => (await all<Fields>(service, `/orders?${query}`)).map(row => row['orderNo'])
    expect(await list('from=2030-01-02T00:00:00Z&to=2030-01-03T00:00:00Z&associate=A2')).toEqual(['list-4', 'list-1'])
    expect(await list('memberNo=M-list&associate=A1')).toEqual([])
    expect(await list('memberNo=M-list')).toHaveLength(7)
  })
  test('/balances as of an instant splits pending from available', async () => {
    const at = async (instant: string) =>
      await service.get<Fields>(`/balances?payeeKind=associate&payee=A2&at=${instant}`)
    expect(await at('2029-12-31T23:59:59Z')).toEqual({ pendingFen: 700, availableFen: 0, settledFen: 0, bonusFen: 0 })
    expect(await at('2030-01-01T00:00:00Z')).toEqual({ pendingFen: 400, availableFen: 300, settledFen: 0, bonusFen: 0 })
    expect(await at('2030-01-03T00:00:00Z')).toEqual({ pendingFen: 0, availableFen: 700, settledFen: 0, bonusFen: 0 })
  })
  test('/audit names no more orders than it is asked for', async () => {
    const brand = await openBrand(service)
    await brand.tell('orders', [1, 2, 3].map(i => orderItem({ orderNo: `o-${i}` }))) // prettier-ignore
    await service.pool`
      INSERT INTO ledger_rows (brand_id, row_id, booked_at, subject, source, order_no, line_no, role, payee_kind, payee,
        bearer_kind, bearer, rule_id, plan_code, plan_version, amount_fen, reason, available_at)
      SELECT brand_id, gen_random_uuid(), now(), 'order_line', source, order_no, 1, 'closer', 'associate', 'A1',
        'headquarters', 'headquarters', 'forged', 'p', 1, 5, 'sale', now()
      FROM orders WHERE brand_id = (SELECT max(brand_id) FROM brands)`
    const seen: unknown[] = []
    let cursor: string | null = null
    do {
      const page: { items: Fields[]; nextCursor: string | null } = await brand.get(
        `/audit?limit=1${cursor ? `&cursor=${cursor}` : ''}`,
      )
      expect(page.items.length).toBeLessThanOrEqual(1)
      seen.push(...page.items.map(item => item['orderNo']))
      cursor = page.nextCursor
    } while (cursor)
    expect(seen).toEqual(['o-1', 'o-2', 'o-3'])
  })
})
