import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  assignmentItem,
  associateItem,
  lineItem,
  linkItem,
  orderItem,
  planBody,
  storeItem,
  touchItem,
  without,
} from '../builders/items.ts'
import { startTestService, type TestService } from '../support/service.ts'

type Fields = Record<string, unknown>
interface Fault {
  path: string
  code: string
}

let service: TestService
let versions = 100
beforeAll(async () => {
  service = await startTestService()
  await service.ingest('stores', [storeItem(), storeItem({ storeCode: 'S2' })])
  await service.ingest(
    'associates',
    ['A1', 'A2', 'A3'].map(associateId => associateItem({ associateId })),
  )
  await service.ingest('associates', [associateItem({ associateId: 'A4', storeCode: 'S2', invitedBy: 'A3' })])
  await service.ingest('share-links', [linkItem(), linkItem({ linkCode: 'L2', associateId: 'A2' })])
})
afterAll(() => service.close())

const rule = (over: Fields = {}) => ({ id: 'r', role: 'sharer', rateBps: 100, bearer: 'headquarters', ...over })
const reward = (over: Fields = {}) => ({
  id: 'welcome',
  event: 'member_enrolled',
  amountFen: 1000,
  to: 'associate',
  bearer: 'headquarters',
  ...over,
})
const tiers = (steps: Fields[], over: Fields = {}) => ({
  roles: ['sharer'],
  mode: 'marginal',
  bearer: 'headquarters',
  steps,
  ...over,
})
/** A plan for a time when nothing else happens. */
const future = (over: Fields = {}) => planBody({ version: ++versions, effectiveFrom: '2090-01-01T00:00:00Z', ...over })

describe('a plan is refused, each fault by its path', () => {
  test.each<[string, Fields, string[]]>([
    ['an unknown key', { windowDays: 15 }, ['windowDays unknown_field']],
    [
      'an unknown key of attribution',
      { attribution: { model: 'last_touch', windowDays: 1, days: 1 } },
      ['attribution.days unknown_field'],
    ],
    ['an unknown role', { rules: [rule({ role: 'boss' })] }, ['rules[0].role invalid_value']],
    ['an unknown bearer', { rules: [rule({ bearer: 'opening_store' })] }, ['rules[0].bearer invalid_value']],
    ['an unknown when key', { rules: [rule({ when: { store: ['S1'] } })] }, ['rules[0].when.store unknown_field']],
    [
      'an unknown value of a list',
      { rules: [rule({ when: { channels: ['shop'] } })] },
      ['rules[0].when.channels[0] invalid_value'],
    ],
    ['an empty list', { rules: [rule({ when: { skus: [] } })] }, ['rules[0].when.skus invalid_value']],
    [
      'an empty list of kinds',
      { attribution: { model: 'last_touch', windowDays: 1, kinds: [] } },
      ['attribution.kinds invalid_value'],
    ],
    ['a rule id twice', { rules: [rule(), rule({ role: 'closer' })] }, ['rules[1].id duplicate_id']],
    ['neither amount', { rules: [without(rule(), 'rateBps')] }, ['rules[0] one_amount']],
    ['both amounts', { rules: [rule({ perUnitFen: 1 })] }, ['rules[0] one_amount']],
    ['a rate above the whole', { rules: [rule({ rateBps: 10_001 })] }, ['rules[0].rateBps out_of_range']],
    ['a rate below 0', { rules: [rule({ rateBps: -1 })] }, ['rules[0].rateBps out_of_range']],
    ['half a basis point', { rules: [rule({ rateBps: 0.5 })] }, ['rules[0].rateBps invalid_type']],
    ['a rate as text', { rules: [rule({ rateBps: '100' })] }, ['rules[0].rateBps invalid_type']],
    [
      'windowDays below 0',
      { attribution: { model: 'last_touch', windowDays: -1 } },
      ['attribution.windowDays out_of_range'],
    ],
    [
      'windowDays with a fraction',
      { attribution: { model: 'last_touch', windowDays: 1.5 } },
      ['attribution.windowDays invalid_type'],
    ],
    ['holdDays below 0', { holdDays: -1 }, ['holdDays out_of_range']],
    ['holdDays with a fraction', { holdDays: 0.5 }, ['holdDays invalid_type']],
    ['an unknown model', { attribution: { model: 'linear', windowDays: 1 } }, ['attribution.model invalid_value']],
    [
      'steps that do not begin at 0',
      { monthlyTiers: tiers([{ fromFen: 1, rateBps: 0 }]) },
      ['monthlyTiers.steps[0].fromFen steps_order'],
    ],
    [
      'steps that stand still',
      {
        monthlyTiers: tiers([
          { fromFen: 0, rateBps: 0 },
          { fromFen: 0, rateBps: 1 },
        ]),
      },
      ['monthlyTiers.steps[1].fromFen steps_order'],
    ],
    [
      'steps of two measures',
      {
        monthlyTiers: tiers([
          { fromFen: 0, rateBps: 0 },
          { fromAttainmentBps: 1, rateBps: 1 },
        ]),
      },
      ['monthlyTiers.steps[0] one_amount', 'monthlyTiers.steps[1].fromAttainmentBps'],
    ],
    [
      'a store’s role in tiers',
      { monthlyTiers: tiers([{ fromFen: 0, rateBps: 0 }], { roles: ['selling_store'] }) },
      ['monthlyTiers.roles[0] invalid_value'],
    ],
    [
      'a reward of an unknown event, for nothing, to or borne by somebody else',
      { rewards: [reward({ event: 'birthday', amountFen: 0, to: 'store', bearer: 'selling_store' })] },
      [
        'rewards[0].event invalid_value',
        'rewards[0].amountFen out_of_range',
        'rewards[0].to invalid_value',
        'rewards[0].bearer invalid_value',
      ],
    ],
    ['an unknown key of a reward', { rewards: [reward({ rateBps: 1 })] }, ['rewards[0].rateBps unknown_field']],
    [
      'an unknown when key of a reward',
      { rewards: [reward({ when: { sellingStores: ['S1'] } })] },
      ['rewards[0].when.sellingStores unknown_field'],
    ],
    [
      'an empty list of a reward',
      { rewards: [reward({ when: { stores: [] } })] },
      ['rewards[0].when.stores invalid_value'],
    ],
    [
      'an id of two rewards, or of a rule and a reward',
      { rules: [rule()], rewards: [reward(), reward(), reward({ id: 'r' })] },
      ['rewards[1].id duplicate_id', 'rewards[2].id duplicate_id'],
    ],
    [
      'days that somebody who is no friend has to stay, and tasks of what is no task',
      {
        rewards: [
          reward({ keepDays: 7 }),
          reward({ id: 'x', event: 'friend_added', when: { tasks: ['t'] } }),
          reward({ id: 'y', event: 'friend_added', keepDays: 0 }),
        ],
      },
      ['rewards[0].keepDays not_for_event', 'rewards[1].when.tasks not_for_event', 'rewards[2].keepDays out_of_range'],
    ],
    [
      'a store that would pay itself',
      { rewards: [reward({ to: 'associate_store', bearer: 'associate_store' })] },
      ['rewards[0].bearer bearer_is_payee'],
    ],
    ['effectiveTo at effectiveFrom', { effectiveTo: '2090-01-01T00:00:00Z' }, ['effectiveTo out_of_order']],
    ['effectiveFrom without offset', { effectiveFrom: '2090-01-01T00:00:00' }, ['effectiveFrom invalid_instant']],
    [
      'effectiveFrom in the past, not called retroactive',
      { effectiveFrom: '2020-01-01T00:00:00Z' },
      ['effectiveFrom in_the_past'],
    ],
    [
      'several at once',
      { holdDays: -1, rules: [rule({ role: 'boss' }), rule({ rateBps: 1.5 }), rule({ id: 'x', perUnitFen: 1 })] },
      [
        'holdDays out_of_range',
        'rules[0].role invalid_value',
        'rules[1].rateBps invalid_type',
        'rules[1].id duplicate_id',
        'rules[2] one_amount',
      ],
    ],
  ])('%s', async (_name, over, expected) => {
    const { status, body } = await service.post('/plans', future(over))
    expect([status, body['code']]).toEqual([422, 'invalid_plan'])
    const told = (body['errors'] as Fault[]).map(fault => `${fault.path} ${fault.code}`)
    for (const fault of expected)
      expect(
        told.some(one => one.startsWith(fault)),
        `${fault} in ${told.join()}`,
      ).toBe(true)
  })
  test('what is no plan at all is 422 too', async () => {
    for (const body of [{}, []]) expect((await service.post('/plans', body)).status).toBe(422)
  })
  test('bounds are taken: windowDays 0, holdDays 0, rates 0 and 10 000, a null effectiveTo', async () => {
    const plan = future({
      attribution: { model: 'first_touch', windowDays: 0, minMinutesInStore: 0 },
      holdDays: 0,
      lineCapBps: 0,
      rules: [
        rule({ rateBps: 0 }),
        rule({ id: 's', rateBps: 10_000 }),
        without(rule({ id: 't', perUnitFen: 0 }), 'rateBps'),
      ],
    })
    expect((await service.post('/plans', plan)).status).toBe(201)
  })
})

describe('a published version', () => {
  test('is answered with its name, is there to read, and never changes', async () => {
    const plan = future({ code: 'kept' })
    const { version } = plan as { version: number }
    expect(await service.post('/plans', plan)).toMatchObject({
      status: 201,
      body: { code: 'kept', version, warnings: [] },
    })
    expect(await service.post('/plans', plan)).toMatchObject({ status: 200, body: { status: 'unchanged' } })
    expect(await service.post('/plans', { ...plan, effectiveFrom: '2090-01-01T08:00:00+08:00' })).toMatchObject({
      status: 200,
    })
    expect(await service.post('/plans', { ...plan, holdDays: 8 })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    })
    expect(await service.get(`/plans/kept/versions/${version}`)).toMatchObject({ code: 'kept', version, holdDays: 7 })
    const { items } = await service.get<{ items: Fields[] }>('/plans?limit=500')
    expect(items.filter(one => one['code'] === 'kept')).toHaveLength(1)
  })
  test('is the same again also once it lies in the past', async () => {
    const plan = planBody({
      code: 'past',
      version: 1,
      effectiveFrom: '1990-01-01T00:00:00Z',
      effectiveTo: '1990-02-01T00:00:00Z',
    })
    expect((await service.post('/plans', { ...plan, retroactive: true })).status).toBe(201)
    expect((await service.post('/plans', plan)).status).toBe(200)
  })
  test('without tiers at the end of a month that has some is published with a warning', async () => {
    const steps = tiers([{ fromFen: 0, rateBps: 10 }])
    const month = { effectiveFrom: '2091-01-01T00:00:00+08:00', effectiveTo: '2091-02-01T00:00:00+08:00' }
    expect((await service.post('/plans', future({ ...month, monthlyTiers: steps }))).body['warnings']).toEqual([])
    const late = future({ ...month, effectiveFrom: '2091-01-20T00:00:00+08:00' })
    expect((await service.post('/plans', late)).body['warnings']).toMatchObject([
      { code: 'month_without_tiers', month: '2091-01' },
    ])
    const early = future({
      effectiveFrom: '2091-03-01T00:00:00+08:00',
      effectiveTo: '2091-03-20T00:00:00+08:00',
      monthlyTiers: steps,
    })
    expect((await service.post('/plans', early)).body['warnings']).toMatchObject([{ month: '2091-03' }])
  })
})

describe('a retroactive version', () => {
  test('re-books by a job after the answer; an order from then on is under it at once', async () => {
    const span = { effectiveFrom: '2025-06-01T00:00:00Z', effectiveTo: '2025-07-01T00:00:00Z', code: 'retro' }
    const till = (rateBps: number) => [{ id: 'till', role: 'closer', rateBps, bearer: 'headquarters' }]
    const orders = Array.from({ length: 250 }, (_, i) =>
      orderItem({ orderNo: `retro-${i}`, paidAt: '2025-06-10T00:00:00Z', closer: 'A1', memberNo: `M-${i}` }),
    )
    await service.ingest('orders', orders)
    const { status, body } = await service.post('/plans', planBody({ ...span, rules: till(100), retroactive: true }))
    expect([status, typeof body['jobId']]).toEqual([201, 'string'])
    await service.ingest('orders', [orderItem({ orderNo: 'retro-new', paidAt: '2025-06-10T00:00:00Z', closer: 'A1' })])
    const { items } = await service.get<{ items: Fields[] }>('/entitlements?source=mall&orderNo=retro-new')
    expect(items).toMatchObject([{ amountFen: 100, planCode: 'retro' }])
    await service.settled()
    const job = await service.get<Fields>(`/jobs/${body['jobId'] as string}`)
    expect(job).toMatchObject({ status: 'done', kind: 'rebook' })
    expect(job['done']).toBe(job['total'])
    const balance = await service.get<Fields>('/balances?payee=A1')
    expect(balance['availableFen']).toBe(251 * 100)
    expect(await service.get('/audit')).toMatchObject({ items: [] })

    await service.post('/plans', planBody({ ...span, version: 2, rules: till(50), retroactive: true }))
    await service.settled()
    expect(await service.get('/balances?payee=A1')).toMatchObject({ availableFen: 251 * 50 })
    expect(await service.get('/audit')).toMatchObject({ items: [] })
  })
})

describe('overrides', () => {
  const make = async (body: Fields) => await service.post('/overrides', body)
  beforeAll(async () => {
    const roles = ['sharer', 'closer', 'attributed', 'inviter', 'sharer_store']
    const rules = roles.map((role, i) => ({ id: role, role, rateBps: 100 * (i + 1), bearer: 'headquarters' }))
    const span = { effectiveFrom: '2026-03-01T00:00:00Z', effectiveTo: '2026-04-01T00:00:00Z', code: 'overrides' }
    expect((await service.post('/plans', planBody({ ...span, rules, retroactive: true }))).status).toBe(201)
    await service.ingest('touches', [touchItem()])
    await service.ingest('member-assignments', [assignmentItem({ attributedAssociate: 'A3' })])
    await service.ingest('orders', [orderItem({ orderNo: 'over', closer: 'A2' })])
    await service.settled()
  })
  const owed = async () => {
    const { items } = await service.get<{ items: Fields[] }>('/entitlements?source=mall&orderNo=over')
    return items.map(row => `${row['role'] as string} ${row['payee'] as string} ${row['amountFen'] as number}`)
  }
  const before = ['attributed A3 300', 'closer A2 200', 'sharer A1 100', 'sharer_store S1 500']

  test('are refused: an unknown order 404, a store’s role, an unknown role, associate or field 422', async () => {
    const sharer = { source: 'mall', orderNo: 'over', role: 'sharer', associateId: 'A2', reason: 'r' }
    const cases: [Fields, number, string][] = [
      [{ ...sharer, orderNo: 'nobody' }, 404, 'not_found'],
      [{ ...sharer, role: 'home_store' }, 422, 'store_role'],
      [{ ...sharer, role: 'headquarters' }, 422, 'store_role'],
      [{ ...sharer, role: 'boss' }, 422, 'invalid_body'],
      [{ ...sharer, associateId: 'A9' }, 422, 'unknown_associate'],
      [{ ...sharer, associate: 'A2' }, 422, 'invalid_body'],
      [without(sharer, 'reason'), 422, 'invalid_body'],
      [without(sharer, 'associateId'), 422, 'invalid_body'],
      [{ ...sharer, withdraw: true }, 422, 'invalid_body'],
      [{ ...sharer, associateId: 7 }, 422, 'invalid_body'],
    ]
    for (const [body, status, code] of cases) {
      expect(await make(body), JSON.stringify(body)).toMatchObject({ status, body: { code } })
    }
    await service.ingest('refunds', [
      { source: 'mall', refundNo: 'early', orderNo: 'not-yet', refundedAt: '2026-03-20T00:00:00Z' },
    ])
    expect((await make({ ...sharer, orderNo: 'not-yet' })).status).toBe(404)
    expect(await owed()).toEqual(before)
  })
  test('are booked before the answer, stay when the order is revised, and are withdrawn', async () => {
    const sharer = { source: 'mall', orderNo: 'over', role: 'sharer', reason: 'the customer said so' }
    expect(await make({ ...sharer, associateId: 'A4' })).toMatchObject({
      status: 201,
      body: { role: 'sharer', associateId: 'A4', withdrawn: false, madeBy: 'key:bootstrap' },
    })
    const named = ['attributed A3 300', 'closer A2 200', 'inviter A3 400', 'sharer A4 100', 'sharer_store S2 500']
    expect(await owed()).toEqual(named)
    await service.ingest('orders', [orderItem({ orderNo: 'over', closer: 'A2', revision: 2 })])
    expect(await owed()).toEqual(named)
    // His store was that when the override was made.
    await service.ingest('associates', [{ associateId: 'A4', storeCode: 'S1' }])
    await service.settled()
    expect(await owed()).toEqual(named)
    expect((await make({ ...sharer, associateId: null })).status).toBe(201)
    expect(await owed()).toEqual(['attributed A3 300', 'closer A2 200'])
    expect(await make({ ...sharer, withdraw: true })).toMatchObject({ status: 201, body: { withdrawn: true } })
    expect(await owed()).toEqual(before)
    expect(await service.get('/audit')).toMatchObject({ items: [] })
  })
  test('made at the same moment: the latest counts', async () => {
    const frozen = await startTestService({ now: () => Date.parse('2026-11-01T00:00:00Z') })
    await frozen.ingest('stores', [storeItem()])
    await frozen.ingest('associates', ['A1', 'A2', 'A3'].map(associateId => associateItem({ associateId }))) // prettier-ignore
    await frozen.ingest('orders', [orderItem()])
    for (const associateId of ['A1', 'A2', 'A3', 'A1', 'A2']) {
      expect(
        (await frozen.post('/overrides', { source: 'mall', orderNo: 'o-1', role: 'closer', associateId, reason: 'r' }))
          .status,
      ).toBe(201)
      const { roles } = await frozen.get<{ roles: Fields[] }>('/orders/mall/o-1/commission')
      expect(roles.find(role => role['role'] === 'closer')).toMatchObject({ holder: associateId, because: 'override' })
    }
    await frozen.close()
  })
})

describe('the explanation of an order', () => {
  test('says who bought, who holds which role and why, what every candidate came to, and what was booked', async () => {
    const span = { effectiveFrom: '2026-05-01T00:00:00Z', effectiveTo: '2026-06-01T00:00:00Z', code: 'explained' }
    const rules = [
      { id: 'share', role: 'sharer', rateBps: 400, bearer: 'headquarters' },
      { id: 'till', role: 'closer', rateBps: 300, bearer: 'selling_store' },
    ]
    expect(
      (await service.post('/plans', planBody({ ...span, rules, lineCapBps: 500, retroactive: true }))).status,
    ).toBe(201)
    const touch = (touchId: string, over: Fields) =>
      touchItem({ touchId, memberNo: 'M-why', at: '2026-05-10T00:00:00Z', ...over })
    await service.ingest('touches', [
      touch('e-won', { linkCode: 'L2' }),
      touch('e-superseded', { at: '2026-05-09T00:00:00Z' }),
      touch('e-early', { at: '2026-04-01T00:00:00Z' }),
      touch('e-late', { at: '2026-05-12T00:00:00Z' }),
      touch('e-sent', { kind: 'sent' }),
      touch('e-unknown', { linkCode: 'nobody' }),
      without(touch('e-view', {}), 'linkCode'),
      touch('e-somebody', { memberNo: 'M-else' }),
    ])
    const order = orderItem({
      orderNo: 'why',
      memberNo: 'M-why',
      channel: 'in_store',
      sellingStore: 'S1',
      closer: 'A1',
      paidAt: '2026-05-11T00:00:00Z',
      lines: [lineItem({ paidFen: 10_005 })],
    })
    await service.ingest('orders', [order])
    await service.ingest('refunds', [
      {
        source: 'mall',
        refundNo: 'why',
        orderNo: 'why',
        refundedAt: '2026-05-12T00:00:00Z',
        lines: [
          { lineNo: 1, quantity: 0, refundFen: 5 },
          { lineNo: 9, quantity: 1, refundFen: 5 },
        ],
      },
    ])
    await service.settled()
    const told = await service.get<Fields>('/orders/mall/why/commission')
    expect(told).toMatchObject({
      buyer: { memberNo: 'M-why', recognisedBy: 'member_no' },
      plan: { code: 'explained', version: 1 },
      relation: 'indirect',
      firstOrder: true,
      netFen: 10_000,
      availableAt: '2026-05-18T00:00:00.000Z',
      anomalies: [{ code: 'refund_of_unknown_line', lineNo: 9, refundNo: 'why' }],
    })
    const candidates = told['candidates'] as Fields[]
    expect(Object.fromEntries(candidates.map(one => [one['touchId'], one['outcome']]))).toEqual({
      'e-won': 'won',
      'e-superseded': 'superseded',
      'e-early': 'outside_window',
      'e-late': 'outside_window',
      'e-sent': 'kind_not_counted',
      'e-unknown': 'unknown_link',
    })
    expect(candidates.find(one => one['touchId'] === 'e-won')).toMatchObject({ associateId: 'A2', linkCode: 'L2' })
    const roles = Object.fromEntries(
      (told['roles'] as Fields[]).map(one => [one['role'], [one['holder'], one['because']]]),
    )
    expect(roles).toMatchObject({
      sharer: ['A2', 'touch'],
      closer: ['A1', 'ticket'],
      attributed: [null, 'not_assigned'],
      inviter: [null, 'nobody_invited'],
      selling_store: ['S1', 'order'],
      sharer_store: ['S1', 'sharing_link'],
      headquarters: ['headquarters', 'brand'],
    })
    const [line] = told['lines'] as Fields[]
    expect(line).toMatchObject({ netFen: 10_000, refundedFen: 5, limitFen: 500 })
    expect((line!['roles'] as Fields[]).slice(0, 2)).toMatchObject([
      { role: 'sharer', ruleId: 'share', rateBps: 400, amountFen: 400, afterSameAssociateFen: 400, afterCapFen: 286 },
      { role: 'closer', ruleId: 'till', rateBps: 300, amountFen: 300, afterSameAssociateFen: 300, afterCapFen: 214 },
    ])
    const booked = told['booked'] as Fields[]
    expect(booked.every(row => row['orderNo'] === 'why' && typeof row['rowId'] === 'string')).toBe(true)
    expect(booked.reduce((sum, row) => sum + (row['amountFen'] as number), 0)).toBe(500)
    expect(booked[0]).toMatchObject({ reason: 'sale' })
  })

  test('of an order without a plan says so, and pays nobody', async () => {
    await service.ingest('orders', [orderItem({ orderNo: 'unplanned', paidAt: '1985-01-01T00:00:00Z', closer: 'A1' })])
    expect(await service.get('/orders/mall/unplanned/commission')).toMatchObject({
      plan: null,
      entitlements: [],
      booked: [],
      availableAt: null,
      anomalies: [{ code: 'no_plan' }],
    })
  })

  test('sums beyond 2^31 and products beyond 2^53 come out to the fen', async () => {
    const span = { effectiveFrom: '2026-07-01T00:00:00Z', effectiveTo: '2026-08-01T00:00:00Z', code: 'large' }
    const rules = [
      { id: 'share', role: 'sharer', rateBps: 9_999, bearer: 'headquarters' },
      { id: 'till', role: 'closer', rateBps: 10_000, bearer: 'headquarters' },
    ]
    await service.post('/plans', planBody({ ...span, rules, lineCapBps: 9_999, retroactive: true }))
    await service.ingest('associates', [associateItem({ associateId: 'A-large' })])
    const lines = [1, 2, 3].map(lineNo => lineItem({ lineNo, paidFen: 999_999_999_999, quantity: 1_000_000_000 }))
    const order = orderItem({
      orderNo: 'large',
      paidAt: '2026-07-05T00:00:00Z',
      shareCode: 'L1',
      closer: 'A-large',
      lines,
    })
    await service.ingest('orders', [order])
    await service.settled()
    const { items } = await service.get<{ items: Fields[] }>('/entitlements?source=mall&orderNo=large')
    const limit = (999_999_999_999n * 9_999n) / 10_000n
    const share = (999_999_999_999n * 9_999n * 2n + 10_000n) / 20_000n
    const closer = (limit * 999_999_999_999n) / (share + 999_999_999_999n)
    const fens = items.filter(row => row['role'] === 'closer').map(row => BigInt(row['amountFen'] as number))
    expect(fens).toHaveLength(3)
    for (const fen of fens) expect([closer, closer + 1n]).toContain(fen)
    const total = items.reduce((sum, row) => sum + BigInt(row['amountFen'] as number), 0n)
    expect(total).toBe(3n * limit)
    const balance = await service.get<{ availableFen: number }>('/balances?payee=A-large')
    expect(BigInt(balance.availableFen)).toBe(fens.reduce((sum, fen) => sum + fen, 0n))
  })
})
