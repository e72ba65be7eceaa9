import { execFile } from 'node:child_process'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool } from '../../server/database.ts'
import { paysOut, writeOffOf, type UnsettledSum } from '../../server/features/adjustments/domain.ts'
import type { Adjustment } from '../../server/features/adjustments/schema.ts'
import { createKey } from '../../server/features/auth/service.ts'
import { associateItem, lineItem, orderItem, planBody, refundItem, storeItem } from '../builders/items.ts'
import { openOtherBrand } from '../support/people.ts'
import { all, startTestService, TEST_KEY, type TestService } from '../support/service.ts'

let service: TestService
/** Three callers who may propose and confirm. */
let keys: string[]
const START = Date.parse('2026-05-20T12:00:00+08:00')
const DAY_MS = 86_400_000
let now = START
beforeAll(async () => {
  service = await startTestService({ now: () => now })
  const scopes = ['ingest', 'read', 'admin'] as const
  // One name for both: it is the key that counts.
  keys = [TEST_KEY]
  for (let i = 0; i < 2; i++) keys.push(await createKey(service.pool, { brandId: 1, name: 'finance', scopes, now }))
  await service.ingest('stores', [storeItem(), storeItem({ storeCode: 'S2' })])
  await service.ingest(
    'associates',
    ['A1', 'A2', 'A3'].map(associateId => associateItem({ associateId })),
  )
})
afterAll(() => service.close())

type Body = Record<string, unknown>

async function call(who: number, method: 'GET' | 'POST', path: string, payload?: object) {
  const answer = await service.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${keys[who]!}` },
    ...(payload === undefined ? {} : { payload }),
  })
  return { status: answer.statusCode, body: answer.json<Body>() }
}
const proposal = (over: Body = {}): Body => ({
  payeeKind: 'associate',
  payee: 'A1',
  amountFen: 5_000,
  reason: '春节值班',
  ...over,
})
async function propose(over: Body = {}, who = 0): Promise<Adjustment> {
  const { status, body } = await call(who, 'POST', '/adjustments', proposal(over))
  expect(status).toBe(201)
  return body as unknown as Adjustment
}
const confirm = (id: string, who = 1) => call(who, 'POST', `/adjustments/${id}/confirm`)
const rowsOf = async (id: string) =>
  (await all<Body>(service, '/ledger')).filter(row => row['subject'] === 'adjustment' && row['subjectKey'] === id)
const balanceOf = (payee: string, at?: number) =>
  service.get<Body>(`/balances?payee=${payee}${at === undefined ? '' : `&at=${new Date(at).toISOString()}`}`)
const iso = (at: number) => new Date(at).toISOString()

describe('a proposal', () => {
  test('moves nothing until somebody else confirms it; then it is one row, that the payee sees with its reason', async () => {
    const made = await propose({ kind: 'bonus' })
    expect(made).toMatchObject({
      kind: 'bonus',
      status: 'proposed',
      payeeKind: 'associate',
      payee: 'A1',
      bearerKind: 'headquarters',
      bearer: 'headquarters',
      amountFen: 5_000,
      availableAt: null,
      madeBy: 'key:bootstrap',
      madeAt: iso(now),
      decidedBy: null,
    })
    expect(await rowsOf(made.adjustmentId)).toEqual([])
    now += 1000
    const confirmed = await confirm(made.adjustmentId)
    expect(confirmed).toMatchObject({
      status: 200,
      body: { status: 'confirmed', decidedBy: 'key:finance', decidedAt: iso(now), availableAt: iso(now) },
    })
    expect(await rowsOf(made.adjustmentId)).toMatchObject([
      {
        payee: 'A1',
        bearerKind: 'headquarters',
        amountFen: 5_000,
        reason: 'adjustment',
        adjustmentReason: '春节值班',
        availableAt: iso(now),
        bookedAt: iso(now),
        ruleId: null,
      },
    ])
    const activity = await all<Body>(service, `/activity?subject=adjustments/${made.adjustmentId}`)
    expect(activity.map(row => [row['action'], row['actor']])).toEqual([
      ['adjustment.confirmed', 'key:finance'],
      ['adjustment.proposed', 'key:bootstrap'],
    ])
  })

  test('is not confirmed by its maker; by a key of the same name it is, since that is somebody else', async () => {
    const made = await propose({}, 1)
    const before = await all(service, '/ledger')
    expect(await confirm(made.adjustmentId, 1)).toMatchObject({
      status: 409,
      body: { code: 'adjustment.confirmed_by_maker' },
    })
    expect(await all(service, '/ledger')).toEqual(before)
    expect(await service.get(`/adjustments/${made.adjustmentId}`)).toMatchObject({ status: 'proposed' })
    expect((await confirm(made.adjustmentId, 2)).status).toBe(200)
    expect(await rowsOf(made.adjustmentId)).toHaveLength(1)
  })

  test('is booked once, however often it is confirmed, by whom, and how many at once', async () => {
    const made = await propose({ availableAt: iso(START + 30 * DAY_MS) })
    const answers = await Promise.all([1, 2, 1, 2, 1].map(who => confirm(made.adjustmentId, who)))
    expect(answers.map(answer => answer.status)).toEqual([200, 200, 200, 200, 200])
    expect((await confirm(made.adjustmentId, 0)).body).toEqual(answers[0]!.body)
    expect(await rowsOf(made.adjustmentId)).toMatchObject([{ availableAt: iso(START + 30 * DAY_MS) }])
  })

  test('told again under its number is the same; with other content it is a conflict', async () => {
    const first = await propose({ adjustmentNo: 'N-1' })
    expect(await call(1, 'POST', '/adjustments', proposal({ adjustmentNo: 'N-1' }))).toEqual({
      status: 200,
      body: first,
    })
    const other = await call(0, 'POST', '/adjustments', proposal({ adjustmentNo: 'N-1', amountFen: 1 }))
    expect(other).toMatchObject({ status: 409, body: { code: 'conflict' } })
    await confirm(first.adjustmentId)
    expect(await call(0, 'POST', '/adjustments', proposal({ adjustmentNo: 'N-1' }))).toMatchObject({
      status: 200,
      body: { adjustmentId: first.adjustmentId, status: 'confirmed' },
    })
    const race = await Promise.all(
      [0, 1, 2].map(who => call(who, 'POST', '/adjustments', proposal({ adjustmentNo: 'N-2' }))),
    )
    expect(race.map(answer => answer.status).sort()).toEqual([200, 200, 201])
    expect(new Set(race.map(answer => answer.body['adjustmentId'])).size).toBe(1)
  })

  test('to a store or to headquarters, borne by a store', async () => {
    const store = await propose({ payeeKind: 'store', payee: 'S1', bearerKind: 'store', bearer: 'S2', amountFen: -7 })
    const brand = await propose({ payeeKind: 'headquarters', payee: 'headquarters', bearerKind: 'store', bearer: 'S2' })
    for (const { adjustmentId } of [store, brand]) expect((await confirm(adjustmentId)).status).toBe(200)
    expect(await balanceOf('S1')).toMatchObject({ availableFen: -7 })
    expect(await balanceOf('headquarters')).toMatchObject({ availableFen: 5_000 })
  })

  test.each<[string, Body, string, string]>([
    ['an unknown associate', { payee: 'nobody' }, 'payee', 'unknown_associate'],
    ['an unknown store', { payeeKind: 'store', payee: 'S9' }, 'payee', 'unknown_store'],
    [
      'a payee of kind headquarters with another name',
      { payeeKind: 'headquarters', payee: 'hq' },
      'payee',
      'unknown_account',
    ],
    ['a bearer of kind store without a name', { bearerKind: 'store' }, 'bearer', 'unknown_store'],
    ['an unknown bearer', { bearerKind: 'store', bearer: 'S9' }, 'bearer', 'unknown_store'],
    ['an associate as bearer', { bearerKind: 'associate', bearer: 'A2' }, 'bearerKind', 'invalid_value'],
    [
      'a store that pays itself',
      { payeeKind: 'store', payee: 'S1', bearerKind: 'store', bearer: 'S1' },
      'bearer',
      'bearer_is_payee',
    ],
    [
      'headquarters that pays itself',
      { payeeKind: 'headquarters', payee: 'headquarters' },
      'bearer',
      'bearer_is_payee',
    ],
    ['nothing', { amountFen: 0 }, 'amountFen', 'out_of_range'],
    ['more than a million million', { amountFen: -1_000_000_000_001 }, 'amountFen', 'invalid_value'],
    ['half a fen', { amountFen: 0.5 }, 'amountFen', 'invalid_value'],
    ['an amount as text', { amountFen: '5' }, 'amountFen', 'invalid_value'],
    ['a blank reason', { reason: '  ' }, 'reason', 'invalid_value'],
    ['a reason of 1001 characters', { reason: 'x'.repeat(1001) }, 'reason', 'invalid_value'],
    ['a kind that has a call of its own', { kind: 'write_off' }, 'kind', 'invalid_value'],
    ['an instant without offset', { availableAt: '2026-01-01T00:00:00' }, 'availableAt', 'invalid_value'],
    ['a field that is not known', { amountfen: 1 }, 'amountfen', 'unknown_field'],
  ])('of %s is refused by its path', async (_, over, path, code) => {
    const before = await all(service, '/adjustments')
    const { status, body } = await call(0, 'POST', '/adjustments', proposal(over))
    expect([status, body['errors']]).toEqual([422, [expect.objectContaining({ path, code })]])
    expect(await all(service, '/adjustments')).toEqual(before)
  })
})

describe('a decision', () => {
  test('to reject is final: by a second person, or by the maker, who takes it back', async () => {
    for (const who of [0, 1]) {
      const made = await propose()
      const rejected = await call(who, 'POST', `/adjustments/${made.adjustmentId}/reject`, { reason: '重复了' })
      expect(rejected).toMatchObject({ status: 200, body: { status: 'rejected', decisionReason: '重复了' } })
      const again = await call(2, 'POST', `/adjustments/${made.adjustmentId}/reject`, { reason: 'another' })
      expect(again).toEqual(rejected)
      expect(await confirm(made.adjustmentId)).toMatchObject({ status: 409, body: { code: 'conflict' } })
      expect(await rowsOf(made.adjustmentId)).toEqual([])
    }
  })

  test('to confirm is final: it is not rejected any more', async () => {
    const made = await propose()
    await confirm(made.adjustmentId)
    expect((await call(2, 'POST', `/adjustments/${made.adjustmentId}/reject`, { reason: 'late' })).status).toBe(409)
    expect(await rowsOf(made.adjustmentId)).toHaveLength(1)
  })

  test('of two at once one way is taken', async () => {
    for (let i = 0; i < 5; i++) {
      const made = await propose()
      const [confirmed, rejected] = await Promise.all([
        confirm(made.adjustmentId),
        call(2, 'POST', `/adjustments/${made.adjustmentId}/reject`, { reason: 'no' }),
      ])
      expect([confirmed.status, rejected.status].sort()).toEqual([200, 409])
      expect(await rowsOf(made.adjustmentId)).toHaveLength(confirmed.status === 200 ? 1 : 0)
    }
  })

  test('about many is one about each', async () => {
    const [mine, good, rejected, done] = [await propose({}, 1), await propose(), await propose(), await propose()]
    await call(0, 'POST', `/adjustments/${rejected.adjustmentId}/reject`, { reason: 'no' })
    await confirm(done.adjustmentId)
    const unknown = '018f0000-0000-7000-8000-000000000001'
    const adjustmentIds = [mine, good, rejected, done, good].map(one => one.adjustmentId)
    const { status, body } = await call(1, 'POST', '/adjustments/confirm', {
      adjustmentIds: [...adjustmentIds, unknown],
    })
    expect(status).toBe(200)
    expect(
      (body['items'] as Body[]).map(item => [item['status'], (item['error'] as Body | undefined)?.['code']]),
    ).toEqual([
      ['refused', 'adjustment.confirmed_by_maker'],
      ['confirmed', undefined],
      ['refused', 'conflict'],
      ['unchanged', undefined],
      ['unchanged', undefined],
      ['refused', 'not_found'],
    ])
    expect(await rowsOf(good.adjustmentId)).toHaveLength(1)
    expect(await rowsOf(mine.adjustmentId)).toEqual([])
    expect((await call(1, 'POST', '/adjustments/confirm', { adjustmentIds: Array(501).fill(unknown) })).status).toBe(
      422,
    )
  })

  test('about what is not there is 404', async () => {
    const unknown = '018f0000-0000-7000-8000-000000000001'
    expect((await confirm(unknown)).status).toBe(404)
    expect((await call(0, 'POST', `/adjustments/${unknown}/reject`, { reason: 'no' })).status).toBe(404)
    expect((await call(0, 'POST', `/adjustments/${unknown}/reverse`, { reason: 'no' })).status).toBe(404)
  })
})

describe('a reversal', () => {
  const reverse = (id: string, reason = '发错了', who = 0) =>
    call(who, 'POST', `/adjustments/${id}/reverse`, { reason })

  test('is the opposite row, confirmed by a second person, pending and available as what it takes back', async () => {
    const before = await balanceOf('A2')
    const due = START + 40 * DAY_MS
    const made = await propose({ payee: 'A2', availableAt: iso(due) })
    expect((await reverse(made.adjustmentId)).status).toBe(409) // not confirmed yet
    await confirm(made.adjustmentId)
    const opposite = await reverse(made.adjustmentId)
    expect(opposite).toMatchObject({
      status: 201,
      body: { kind: 'reversal', reverses: made.adjustmentId, amountFen: -5_000, payee: 'A2', availableAt: iso(due) },
    })
    const id = opposite.body['adjustmentId'] as string
    expect(await service.get(`/adjustments/${made.adjustmentId}`)).toMatchObject({
      reversedBy: id,
      status: 'confirmed',
    })
    expect(await balanceOf('A2')).toMatchObject({ pendingFen: 5_000 })
    expect((await confirm(id, 0)).status).toBe(409)
    expect((await confirm(id, 1)).status).toBe(200)
    for (const at of [now, due - 1, due, due + DAY_MS]) expect(await balanceOf('A2', at)).toEqual(before)
    expect((await reverse(id)).status).toBe(409) // a reversal is not reversed
  })

  test('of what had no instant nets from the moment of its confirmation, however late it is made', async () => {
    const before = await balanceOf('A2')
    const made = await propose({ payee: 'A2' })
    await confirm(made.adjustmentId)
    const booked = now
    now += 3 * DAY_MS
    const { body } = await reverse(made.adjustmentId)
    expect(body['availableAt']).toBe(iso(booked))
    await confirm(body['adjustmentId'] as string)
    for (const at of [booked - 1, booked, now]) expect(await balanceOf('A2', at)).toEqual(before)
  })

  test('is there once: told again it is the same, otherwise refused; after a rejection another may be made', async () => {
    const made = await propose({ payee: 'A2' })
    await confirm(made.adjustmentId)
    const race = await Promise.all([0, 1, 2].map(who => reverse(made.adjustmentId, 'once', who)))
    expect(race.map(answer => answer.status).sort()).toEqual([200, 200, 201])
    const first = race[0]!.body['adjustmentId'] as string
    expect(new Set(race.map(answer => answer.body['adjustmentId']))).toEqual(new Set([first]))
    expect((await reverse(made.adjustmentId, 'another reason')).status).toBe(409)
    await call(0, 'POST', `/adjustments/${first}/reject`, { reason: 'no' })
    const second = await reverse(made.adjustmentId, 'another reason')
    expect(second.status).toBe(201)
    expect(second.body['adjustmentId']).not.toBe(first)
  })
})

describe('the list', () => {
  test('is newest first, page by page, by status, payee and span', async () => {
    now += DAY_MS
    const from = now
    const made: Adjustment[] = []
    for (let i = 0; i < 5; i++) {
      now += 1
      made.push(await propose({ payee: 'A3', amountFen: i + 1 }))
    }
    await confirm(made[1]!.adjustmentId)
    await call(1, 'POST', `/adjustments/${made[2]!.adjustmentId}/reject`, { reason: 'no' })
    const amounts = async (query: string) =>
      (await all<Adjustment>(service, `/adjustments?from=${iso(from)}${query}`)).map(row => row.amountFen)
    expect(await amounts('')).toEqual([5, 4, 3, 2, 1])
    expect(await amounts('&status=proposed&payee=A3')).toEqual([5, 4, 1])
    expect(await amounts('&status=confirmed')).toEqual([2])
    expect(await amounts('&status=rejected&payeeKind=associate')).toEqual([3])
    expect(await amounts('&payeeKind=store')).toEqual([])
    expect(await amounts(`&to=${made[2]!.madeAt}`)).toEqual([2, 1])
    const page = await service.get<{ items: Adjustment[]; nextCursor: string }>('/adjustments?limit=2')
    const next = await service.get<{ items: Adjustment[] }>(`/adjustments?limit=2&cursor=${page.nextCursor}`)
    expect([...page.items, ...next.items].map(row => row.amountFen)).toEqual([5, 4, 3, 2])
    expect((await call(0, 'GET', '/adjustments?payee=nobody')).status).toBe(404)
    expect((await call(0, 'GET', '/adjustments?cursor=x')).status).toBe(400)
  })
})

describe('another brand', () => {
  test('sees and decides nothing of it', async () => {
    const made = await propose({ adjustmentNo: 'N-3' })
    const other = await openOtherBrand(service, 2, now)
    expect(await all(other, '/adjustments')).toEqual([])
    await expect(other.get(`/adjustments/${made.adjustmentId}`)).rejects.toThrow('404')
    for (const deed of ['confirm', 'reject', 'reverse']) {
      expect((await other.post(`/adjustments/${made.adjustmentId}/${deed}`, { reason: 'theirs' })).status).toBe(404)
    }
    expect((await other.post('/adjustments', proposal())).status).toBe(422) // A1 is not theirs
    expect(await service.get(`/adjustments/${made.adjustmentId}`)).toMatchObject({ status: 'proposed' })
  })
})

describe('opening balances', () => {
  const item = (over: Body = {}) => ({
    balanceNo: 'OB-1',
    payeeKind: 'associate',
    payee: 'A3',
    amountFen: -900,
    ...over,
  })

  test('come in as proposals that a person confirms; again they are unchanged, otherwise a conflict', async () => {
    const results = await service.ingest('opening-balances', [
      item(),
      item({ balanceNo: 'OB-2', bearerKind: 'store', bearer: 'S1', amountFen: 12, reason: '旧系统余额' }),
      item({ balanceNo: 'OB-1' }),
      item({ balanceNo: 'OB-2' }),
      item({ balanceNo: 'OB-3', payee: 'nobody' }),
      item({ balanceNo: 'OB-4', amountFen: 0 }),
      item({ balanceNo: 'OB-5', amountfen: 1 }),
    ])
    expect(results.map(({ key, status, error }) => [key, status, error?.code])).toEqual([
      ['OB-1', 'created', undefined],
      ['OB-2', 'created', undefined],
      ['OB-1', 'unchanged', undefined],
      ['OB-2', 'rejected', 'conflict'],
      ['OB-3', 'rejected', 'unknown_associate'],
      ['OB-4', 'rejected', 'out_of_range'],
      ['OB-5', 'rejected', 'unknown_field'],
    ])
    expect((await service.ingest('opening-balances', [item()]))[0]).toMatchObject({ status: 'unchanged' })
    const open = (await all<Adjustment>(service, '/adjustments?status=proposed&payee=A3')).filter(row => row.kind === 'opening_balance') // prettier-ignore
    expect(open.map(row => [row.adjustmentNo, row.amountFen, row.reason]).sort()).toEqual([
      ['OB-1', -900, 'Opening balance'],
      ['OB-2', 12, '旧系统余额'],
    ])
    const before = (await balanceOf('A3'))['availableFen'] as number
    expect((await confirm(open[0]!.adjustmentId, 0)).status).toBe(409) // sent with this key
    for (const row of open) expect((await confirm(row.adjustmentId)).status).toBe(200)
    expect((await balanceOf('A3'))['availableFen']).toBe(before - 888)
    expect((await service.ingest('opening-balances', [item()]))[0]).toMatchObject({ status: 'unchanged' })
  })
})

describe('what a leaver owes', () => {
  const PAID = START - 30 * DAY_MS
  const order = (orderNo: string, sellingStore: string, paidFen: number, closer: string) =>
    orderItem({
      orderNo,
      source: 'till',
      channel: 'in_store',
      sellingStore,
      closer,
      paidAt: iso(PAID),
      lines: [lineItem({ paidFen })],
    })
  const writeOff = (associateId: string, who = 0, reason = '离职欠款核销') =>
    call(who, 'POST', '/adjustments/write-offs', { associateId, reason })
  const parts = (answer: { body: Body }) => answer.body['adjustments'] as Adjustment[]

  beforeAll(async () => {
    const rules = [{ id: 'till', role: 'closer', rateBps: 1000, bearer: 'selling_store' }]
    expect((await service.post('/plans', { ...planBody({ rules }), retroactive: true })).status).toBe(201)
  })

  /** An associate who left, with settled commission that a refund has taken back since. */
  async function leaver(associateId: string, sales: Record<string, number>) {
    await service.ingest('associates', [associateItem({ associateId })])
    for (const [storeCode, paidFen] of Object.entries(sales)) {
      const orderNo = `${associateId}-${storeCode}`
      await service.ingest('orders', [order(orderNo, storeCode, paidFen, associateId)])
    }
    await settleRows(associateId)
    for (const [storeCode, paidFen] of Object.entries(sales)) {
      const orderNo = `${associateId}-${storeCode}`
      const lines = [{ lineNo: 1, quantity: 1, refundFen: paidFen }]
      await service.ingest('refunds', [refundItem({ source: 'till', refundNo: orderNo, orderNo, lines })])
    }
    await service.ingest('associates', [{ associateId, activeTo: iso(now - DAY_MS) }])
    await service.settled()
  }

  test('is written off bearer by bearer, by two people, and never twice', async () => {
    await leaver('L1', { S1: 30_000, S2: 10_000 })
    expect(await balanceOf('L1')).toMatchObject({ availableFen: -4_000, settledFen: 4_000 })
    const made = await writeOff('L1')
    expect(made.status).toBe(201)
    expect(parts(made).map(row => [row.kind, row.bearer, row.amountFen, row.availableAt])).toEqual([
      ['write_off', 'S1', 3_000, null],
      ['write_off', 'S2', 1_000, null],
    ])
    expect(await writeOff('L1', 1)).toEqual({ status: 200, body: made.body }) // a retry
    expect((await writeOff('L1', 1, 'another reason')).status).toBe(409) // they are open
    const ids = parts(made).map(row => row.adjustmentId)
    expect((await confirm(ids[0]!, 0)).status).toBe(409)
    const { body } = await call(1, 'POST', '/adjustments/confirm', { adjustmentIds: ids })
    expect((body['items'] as Body[]).map(item => item['status'])).toEqual(['confirmed', 'confirmed'])
    expect(await balanceOf('L1')).toMatchObject({ pendingFen: 0, availableFen: 0, settledFen: 4_000 })
    expect(await writeOff('L1')).toMatchObject({ status: 409, body: { code: 'conflict' } })
  })

  test('is not written off where he owes less by then: it would pay him', async () => {
    await leaver('L2', { S1: 20_000 })
    const [made] = parts(await writeOff('L2')) as [Adjustment]
    expect(made.amountFen).toBe(2_000)
    const correction = await propose({ payee: 'L2', amountFen: 1, reason: 'found' })
    await confirm(correction.adjustmentId)
    const before = await balanceOf('L2')
    expect(await confirm(made.adjustmentId)).toMatchObject({ status: 409, body: { code: 'adjustment.pays_out' } })
    expect(await balanceOf('L2')).toEqual(before)
    await call(0, 'POST', `/adjustments/${made.adjustmentId}/reject`, { reason: 'less by now' })
    const again = await writeOff('L2')
    expect(parts(again).map(row => row.amountFen)).toEqual([1_999])
    expect((await confirm(parts(again)[0]!.adjustmentId)).status).toBe(200)
    expect(await balanceOf('L2')).toMatchObject({ availableFen: 0 })
  })

  test('of somebody who works here, is unknown, or owes nothing is refused in words', async () => {
    expect(await writeOff('A1')).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'associateId', code: 'still_employed' }] },
    })
    expect(await writeOff('nobody')).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'associateId', code: 'unknown_associate' }] },
    })
    await service.ingest('associates', [associateItem({ associateId: 'L3', activeTo: iso(now - DAY_MS) })])
    expect(await writeOff('L3')).toMatchObject({ status: 409, body: { code: 'conflict' } })
  })

  test('never becomes money, whatever is pending; what is given up adds up to the debt', () => {
    const sum = fc.record({
      bearerKind: fc.constant('store'),
      bearer: fc.constantFrom('S1', 'S2', 'S3'),
      availableAt: fc.integer({ min: 0, max: 6 }),
      amountFen: fc.integer({ min: -50, max: 30 }),
    })
    const heldAt = (sums: readonly UnsettledSum[], at: number) =>
      sums.filter(row => row.availableAt <= at).reduce((total, row) => total + row.amountFen, 0)
    let written = 0
    fc.assert(
      fc.property(fc.array(sum, { maxLength: 12 }), sums => {
        const debt = -heldAt(sums, 9)
        const writeOff = writeOffOf(sums)
        expect(writeOff === null).toBe(debt <= 0)
        if (!writeOff) return
        written++
        expect(writeOff.parts.reduce((total, part) => total + part.amountFen, 0)).toBe(debt)
        for (const part of writeOff.parts) {
          const owed = -heldAt(sums.filter(row => row.bearer === part.bearer), 9) // prettier-ignore
          expect(part.amountFen).toBeGreaterThan(0)
          expect(part.amountFen).toBeLessThanOrEqual(owed)
        }
        for (let at = 0; at < 9; at++) {
          const isTooEarly = Array.from({ length: 9 - at }, (_, i) => heldAt(sums, at + i) + debt).some(fen => fen > 0)
          expect(paysOut(sums, { amountFen: debt, availableAt: at })).toBe(isTooEarly)
          if (at === writeOff.availableAt) expect(isTooEarly).toBe(false)
        }
        const earlier = sums.map(row => row.availableAt).filter(at => at < writeOff.availableAt)
        for (const at of earlier) expect(paysOut(sums, { amountFen: debt, availableAt: at })).toBe(true)
      }),
      { numRuns: 1_000 },
    )
    expect(written).toBeGreaterThan(300)
  })

  /** As if a settlement with all rows of an associate had been approved. */
  async function settleRows(payee: string) {
    const settlementId = crypto.randomUUID()
    await service.pool`
      INSERT INTO settlements (brand_id, settlement_id, cutoff, status, total_fen, statement_count, carried_count, row_count,
        created_at, created_by)
      VALUES (1, ${settlementId}, ${now}, 'approved', 0, 0, 0, 0, ${now}, 'test')`
    await service.pool`
      INSERT INTO settlement_rows (brand_id, settlement_id, payee_kind, payee, row_id, booked_at, carried)
      SELECT 1, ${settlementId}, payee_kind, payee, row_id, booked_at, false
      FROM ledger_rows WHERE brand_id = 1 AND payee_kind = 'associate' AND payee = ${payee}`
  }
})

describe('random sequences of proposing, confirming, rejecting, reversing and telling again', () => {
  test('end with one row for each confirmed adjustment and with nothing else', async () => {
    const accounts = ['R1', 'R2', 'R3']
    await service.ingest('associates', accounts.map(associateId => associateItem({ associateId }))) // prettier-ignore
    const pick = fc.nat({ max: 30 })
    const who = fc.nat({ max: 2 })
    const step = fc.oneof(
      fc.record({ do: fc.constant('propose' as const), who, no: fc.option(fc.nat({ max: 9 })), payee: fc.constantFrom(...accounts), fen: fc.integer({ min: -9, max: 9 }) }), // prettier-ignore
      fc.record({ do: fc.constantFrom('confirm', 'confirm', 'reject', 'reverse'), who, which: pick }),
      fc.record({
        do: fc.constant('confirmMany' as const),
        who,
        which: fc.array(pick, { minLength: 1, maxLength: 5 }),
      }),
    )
    let booked = 0
    let round = 0
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 12 }), async waves => {
        round++
        const known: string[] = []
        const idOf = (which: number) => known[which % Math.max(1, known.length)]
        // The calls of a wave are under way at once.
        for (const wave of waves) {
          const answers = await Promise.all(
            wave.map(async one => {
              if (one.do === 'propose') {
                const number = one.no === null ? {} : { adjustmentNo: `r${round}-${one.no}` }
                return await call(
                  one.who,
                  'POST',
                  '/adjustments',
                  proposal({ payee: one.payee, amountFen: one.fen, ...number }),
                )
              }
              const ids = [one.which].flat().map(idOf).filter(id => id !== undefined) // prettier-ignore
              if (ids.length === 0) return null
              if (one.do === 'confirmMany') {
                return await call(one.who, 'POST', '/adjustments/confirm', { adjustmentIds: ids })
              }
              return await call(one.who, 'POST', `/adjustments/${ids[0]}/${one.do}`, { reason: 'random' })
            }),
          )
          for (const answer of answers) {
            if (answer) expect(answer.status).toBeLessThan(500)
            const id = answer?.status === 201 ? (answer.body['adjustmentId'] as string) : undefined
            if (id !== undefined) known.push(id)
          }
        }
        const told = new Map<string, Adjustment>()
        for (const id of known) told.set(id, await service.get<Adjustment>(`/adjustments/${id}`))
        const rows = (await all<Body>(service, '/ledger')).filter(row => told.has(row['subjectKey'] as string))
        const confirmed = [...told.values()].filter(row => row.status === 'confirmed')
        expect(rows.map(row => [row['subjectKey'], row['payee'], row['amountFen'], row['availableAt']]).sort()).toEqual(
          confirmed.map(row => [row.adjustmentId, row.payee, row.amountFen, row.availableAt]).sort(),
        )
        for (const row of confirmed) {
          const activity = await all<Body>(service, `/activity?subject=adjustments/${row.adjustmentId}`)
          expect(new Set(activity.map(deed => deed['action'])).size).toBe(2)
          const reversal = row.reversedBy === null ? null : told.get(row.reversedBy)!
          if (reversal) expect([reversal.amountFen, reversal.reverses]).toEqual([-row.amountFen, row.adjustmentId])
        }
        booked += rows.length
      }),
      { numRuns: 40 },
    )
    // Random sequences: some are of nothing but proposals.
    expect(booked).toBeGreaterThan(5)
    for (const payee of accounts) {
      const sum = (rows: readonly Body[]) => rows.reduce((total, row) => total + (row['amountFen'] as number), 0)
      const confirmed = await all<Body>(service, `/adjustments?status=confirmed&payee=${payee}`)
      expect((await balanceOf(payee))['availableFen']).toBe(sum(confirmed))
      expect(sum(await all<Body>(service, `/ledger?payee=${payee}`))).toBe(sum(confirmed))
    }
  }, 120_000)
})

describe('the audit', () => {
  test('finds nothing after all of this, and each row that is missing, doubled or wrong', async () => {
    await service.settled()
    expect(await service.get('/audit')).toMatchObject({ items: [] })
    expect(await auditByCommand()).toMatchObject({ code: 0 })
    const [missing, doubled, wrong, alone] = [await propose(), await propose(), await propose(), await propose()].map(
      made => made.adjustmentId,
    ) as [string, string, string, string]
    for (const id of [missing, doubled, wrong]) await confirm(id)
    const owner = openPool(service.databaseUrl, { max: 1, asOwner: true })
    const copyOf = (id: string, key: string) => owner`
      INSERT INTO ledger_rows (brand_id, row_id, booked_at, subject, subject_key, payee_kind, payee, bearer_kind, bearer,
        amount_fen, reason, available_at)
      SELECT brand_id, gen_random_uuid(), booked_at, subject, ${key}, payee_kind, payee, bearer_kind, bearer, amount_fen,
        reason, available_at
      FROM ledger_rows WHERE brand_id = 1 AND subject_key = ${id}`
    await copyOf(doubled, doubled)
    await copyOf(doubled, alone) // nobody has confirmed that one
    await owner`DELETE FROM ledger_rows WHERE brand_id = 1 AND subject_key = ${missing}`
    await owner`UPDATE ledger_rows SET payee = 'A2' WHERE brand_id = 1 AND subject_key = ${wrong}`
    await owner.end()
    const { items } = await service.get<{ items: Body[] }>('/audit')
    const found = items.map(row => [row['adjustmentId'], row['payee'], row['confirmedFen'], row['ledgerFen'], row['rowCount']]) // prettier-ignore
    expect(found.sort()).toEqual(
      [
        [missing, 'A1', 5_000, 0, 0],
        [doubled, 'A1', 5_000, 10_000, 2],
        [wrong, 'A1', 5_000, 0, 0],
        [wrong, 'A2', 0, 5_000, 1],
        [alone, 'A1', 0, 10_000, 2],
      ].sort(),
    )
    const told = await auditByCommand()
    expect(told.code).toBe(1)
    for (const id of [missing, doubled, wrong, alone]) expect(told.text).toContain(`adjustment ${id} of associate A`)
  })
})

/** `npm run audit`, as somebody runs it beside the service. */
async function auditByCommand(): Promise<{ code: number; text: string }> {
  const env = {
    ...process.env,
    DATABASE_URL: service.databaseUrl,
    DATA_KEY: Buffer.alloc(32, 7).toString('base64'),
    SESSION_SECRET: 'a secret for tests that is long enough',
  }
  return await new Promise(resolve => {
    execFile(process.execPath, ['--import', 'tsx', 'server/cli/audit.ts'], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr }),
    )
  })
}
