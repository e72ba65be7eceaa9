import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrand, type BrandClient } from '../support/brand.ts'
import { associateItem, storeItem } from '../builders/items.ts'
import { book, type RowToBook } from '../support/ledger.ts'
import { startTestService, type TestService } from '../support/service.ts'

/** Drafts, approvals and payments over a ledger: whatever came into it, each row is settled once. */

const DAY_MS = 86_400_000
const AVAILABLE = '2026-03-27T04:00:00.000Z'
const NOW = Date.parse('2026-05-01T04:00:00Z')
/** Two things done in one millisecond would have no order. */
let clock = NOW
const UNKNOWN = '018f0000-0000-7000-8000-000000000001'

let service: TestService
beforeAll(async () => {
  service = await startTestService({ now: () => clock, worker: false })
})
afterAll(() => service.close())

interface Settlement {
  settlementId: string
  status: string
  totalFen: number
  statementCount: number
  carriedCount: number
  rowCount: number
}
interface Statement {
  payeeKind: string
  payee: string
  totalFen: number
  rowCount: number
  carried: boolean
  payment: string
  payments: Record<string, unknown>[]
  parts: { bearer: string; purpose: string; totalFen: number; rowCount: number }[]
}

/** A brand with the stores S1 and S2 and the associates A1 to A4. */
async function aBrand() {
  const brand = await openBrand(service)
  await brand.tell('stores', [storeItem(), storeItem({ storeCode: 'S2', type: 'franchise', franchiseeId: 'F1' })])
  await brand.tell('associates', [
    associateItem({ payeeType: 'employee' }),
    associateItem({ associateId: 'A2', payeeType: 'individual' }),
    associateItem({ associateId: 'A3', storeCode: 'S2' }),
    associateItem({ associateId: 'A4', storeCode: 'S2' }),
  ])
  return Object.assign(brand, settlementsOf(brand))
}

function settlementsOf(brand: BrandClient) {
  const draft = async (cutoff: string | number = NOW): Promise<Settlement> => {
    const { status, body } = await brand.send('POST', '/settlements', { cutoff: new Date(cutoff).toISOString() })
    expect([status, body]).toEqual([201, expect.objectContaining({ status: 'draft' })])
    return body as unknown as Settlement
  }
  const step = async (settlement: Settlement, what: 'approve' | 'pay', body?: object): Promise<Settlement> => {
    const answer = await brand.send('POST', `/settlements/${settlement.settlementId}/${what}`, body)
    expect([answer.status, answer.body]).toEqual([200, expect.objectContaining({})])
    return answer.body as unknown as Settlement
  }
  const list = async <T>(path: string, limit = 500): Promise<T[]> => {
    const items: T[] = []
    let cursor: string | null = null
    do {
      const page: { items: T[]; nextCursor: string | null } = await brand.get(
        `${path}?limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`,
      )
      items.push(...page.items)
      cursor = page.nextCursor
    } while (cursor !== null)
    return items
  }
  return {
    draft,
    list,
    approve: (settlement: Settlement) => step(settlement, 'approve'),
    pay: (settlement: Settlement, body?: object) => step(settlement, 'pay', body),
    discard: async (settlement: Settlement) => {
      expect((await brand.send('DELETE', `/settlements/${settlement.settlementId}`)).status).toBe(204)
    },
    statements: (settlement: Settlement, limit?: number) =>
      list<Statement>(`/settlements/${settlement.settlementId}/statements`, limit),
    rowsOf: (settlement: Settlement, payee: string, payeeKind = 'associate', limit?: number) =>
      list<{ rowId: string; amountFen: number; bookedAt: string }>(
        `/settlements/${settlement.settlementId}/statements/${payeeKind}/${payee}`,
        limit,
      ),
    balance: (payee: string) =>
      brand.get<{ pendingFen: number; availableFen: number; settledFen: number }>(`/balances?payee=${payee}`),
    book: (...rows: RowToBook[]) => book(service.pool, brand.brandId, rows),
  }
}

const statementOf = (statements: readonly Statement[], payee: string) => statements.find(one => one.payee === payee)

describe('a draft', () => {
  test('gathers what became available strictly before the cut-off, of every payee', async () => {
    const brand = await aBrand()
    await brand.book(
      { payee: 'A1', amountFen: 100, availableAt: AVAILABLE },
      { payee: 'A1', amountFen: 20, availableAt: '2026-03-27T03:59:59.999Z' },
      { payee: 'A2', amountFen: 7, availableAt: '2026-03-27T04:00:00.001Z' },
      { payeeKind: 'store', payee: 'S2', amountFen: 5, availableAt: '2026-01-01T00:00:00Z' },
      {
        payeeKind: 'headquarters',
        payee: 'headquarters',
        bearer: 'S2',
        amountFen: 3,
        availableAt: '2026-01-01T00:00:00Z',
      },
    )
    const settlement = await brand.draft(AVAILABLE)
    expect(settlement).toEqual({
      settlementId: expect.any(String),
      status: 'draft',
      cutoff: AVAILABLE,
      totalFen: 28,
      statementCount: 3,
      carriedCount: 0,
      rowCount: 3,
      createdAt: new Date(NOW).toISOString(),
      createdBy: 'key:test',
      approvedAt: null,
      approvedBy: null,
      paidAt: null,
    })
    expect((await brand.statements(settlement)).map(one => [one.payeeKind, one.payee, one.totalFen])).toEqual([
      ['associate', 'A1', 20],
      ['headquarters', 'headquarters', 3],
      ['store', 'S2', 5],
    ])
    // The next takes what is left.
    expect((await brand.statements(await brand.draft())).map(one => [one.payee, one.totalFen])).toEqual([
      ['A1', 100],
      ['A2', 7],
    ])
    expect(await brand.draft()).toMatchObject({ statementCount: 0, rowCount: 0, totalFen: 0 })
  })

  test('groups a statement by bearer and purpose, and says how its payee is paid', async () => {
    const brand = await aBrand()
    await brand.book(
      { payee: 'A1', amountFen: 100, role: 'sharer' },
      { payee: 'A1', amountFen: -30, role: 'sharer' },
      { payee: 'A1', amountFen: 10, role: 'sharer', bearer: 'S1' },
      { payee: 'A1', amountFen: 5, role: 'closer', bearer: 'S1' },
      { payee: 'A1', amountFen: 1000, subject: 'bonus' },
      { payee: 'A1', amountFen: 200, subject: 'event' },
      { payee: 'A1', amountFen: -15, subject: 'adjustment' },
      { payee: 'A3', amountFen: 1 },
      { payeeKind: 'store', payee: 'S2', role: 'home_store', amountFen: 2 },
      { payeeKind: 'headquarters', payee: 'headquarters', role: 'headquarters', bearer: 'S2', amountFen: 3 },
    )
    const settlement = await brand.draft()
    const statements = await brand.statements(settlement)
    expect(statementOf(statements, 'A1')).toEqual({
      payeeKind: 'associate',
      payee: 'A1',
      payeeName: 'Associate',
      payeeType: 'employee',
      totalFen: 1270,
      taxBasis: 'before_tax',
      rowCount: 7,
      carried: false,
      payment: 'none',
      payments: [],
      parts: [
        { bearerKind: 'headquarters', bearer: 'headquarters', purpose: 'adjustment', totalFen: -15, rowCount: 1 },
        { bearerKind: 'headquarters', bearer: 'headquarters', purpose: 'bonus', totalFen: 1000, rowCount: 1 },
        { bearerKind: 'headquarters', bearer: 'headquarters', purpose: 'event', totalFen: 200, rowCount: 1 },
        { bearerKind: 'headquarters', bearer: 'headquarters', purpose: 'sharer', totalFen: 70, rowCount: 2 },
        { bearerKind: 'store', bearer: 'S1', purpose: 'closer', totalFen: 5, rowCount: 1 },
        { bearerKind: 'store', bearer: 'S1', purpose: 'sharer', totalFen: 10, rowCount: 1 },
      ],
    })
    expect(statements.map(one => [one.payee, (one as { payeeType?: unknown }).payeeType])).toEqual([
      ['A1', 'employee'],
      ['A3', null],
      ['headquarters', null],
      ['S2', 'company'],
    ])
    // What is told later changes nothing of it.
    await brand.tell('associates', [{ associateId: 'A1', payeeType: 'company' }])
    expect(statementOf(await brand.statements(settlement), 'A1')).toMatchObject({ payeeType: 'employee' })
    // One by one it is the same.
    expect(await brand.statements(settlement, 1)).toEqual(await brand.statements(settlement))
  })

  test('shows each statement’s rows, as the ledger has them', async () => {
    const brand = await aBrand()
    await brand.book(
      ...Array.from({ length: 7 }, (_, i) => ({
        payee: 'A1',
        amountFen: 10 + i,
        bookedAt: `2026-03-20T0${6 - i}:00:00Z`,
      })),
      { payee: 'A2', amountFen: 1 },
    )
    const settlement = await brand.draft()
    const ledger = await brand.list<{ payee: string }>('/ledger')
    const own = ledger.filter(row => row.payee === 'A1')
    expect(own).toHaveLength(7)
    expect(await brand.rowsOf(settlement, 'A1')).toEqual(own)
    expect(await brand.rowsOf(settlement, 'A1', 'associate', 2)).toEqual(own)
  })

  test.each([
    [{ cutoff: new Date(NOW + 1).toISOString() }, 'settlement.cutoff_in_future', 'cutoff'],
    [{ cutoff: '2026-03-01T00:00:00' }, 'invalid_body', 'cutoff'],
    [{}, 'invalid_body', 'cutoff'],
    [{ cutoff: AVAILABLE, cutof: AVAILABLE }, 'invalid_body', 'cutof'],
  ])('is refused with %j: %s', async (body, code, path) => {
    const brand = await aBrand()
    await brand.book({ payee: 'A1', amountFen: 1 })
    const answer = await brand.send('POST', '/settlements', body)
    expect([answer.status, answer.body]).toEqual([422, expect.objectContaining({ code })])
    expect((answer.body['errors'] as { path: string }[]).map(fault => fault.path)).toEqual([path])
    expect(await brand.list('/settlements')).toEqual([])
  })

  test('of an account with more rows than one transaction takes is whole, and carried where it is negative', async () => {
    const brand = await aBrand()
    const rows = (payee: string, amountFen: number): RowToBook[] =>
      Array.from({ length: 12_345 }, (_, i) => ({
        payee,
        amountFen,
        role: i % 2 ? 'sharer' : 'closer',
        // Also at instants that thousands share.
        availableAt: new Date(Date.parse(AVAILABLE) + Math.floor(i / 5000)).toISOString(),
        bookedAt: new Date(Date.parse('2026-03-20T00:00:00Z') + (i % 700)).toISOString(),
      }))
    await brand.book(...rows('A1', 3), ...rows('A2', -2))
    const settlement = await brand.draft()
    const whole = [
      { payee: 'A1', totalFen: 37_035, rowCount: 12_345, carried: false },
      { payee: 'A2', totalFen: -24_690, rowCount: 12_345, carried: true },
    ]
    const statements = await brand.statements(settlement)
    expect(statements).toMatchObject(whole)
    expect(statements[0]!.parts.map(part => [part.purpose, part.totalFen, part.rowCount])).toEqual([
      ['closer', 18_519, 6173],
      ['sharer', 18_516, 6172],
    ])
    expect(new Set((await brand.rowsOf(settlement, 'A2')).map(row => row.rowId)).size).toBe(12_345)
    await brand.book({ payee: 'A2', amountFen: 30_000 })
    const next = await brand.draft()
    expect(await brand.statements(next)).toMatchObject([
      { payee: 'A2', totalFen: 5310, rowCount: 12_346, carried: false },
    ])
    await brand.discard(settlement)
    await brand.discard(next)
    await brand.approve(await brand.draft())
    expect(await brand.balance('A1')).toMatchObject({ settledFen: 37_035, availableFen: 0 })
    expect(await brand.balance('A2')).toMatchObject({ settledFen: 5310, availableFen: 0 })
  })
})

describe('a negative total', () => {
  test('is carried, and the next settlement nets it', async () => {
    const brand = await aBrand()
    await brand.book({ payee: 'A1', amountFen: 100 }, { payee: 'A1', amountFen: -160 }, { payee: 'A2', amountFen: 5 })
    const first = await brand.approve(await brand.draft())
    expect(first).toMatchObject({ totalFen: 5, statementCount: 2, carriedCount: 1, rowCount: 1 })
    expect(await brand.statements(first)).toMatchObject([
      { payee: 'A1', totalFen: -60, rowCount: 2, carried: true },
      { payee: 'A2', totalFen: 5, rowCount: 1, carried: false },
    ])
    expect(await brand.rowsOf(first, 'A1')).toHaveLength(2)
    expect(await brand.balance('A1')).toMatchObject({ availableFen: -60, settledFen: 0 })

    await brand.book({ payee: 'A1', amountFen: 25 })
    expect(await brand.statements(await brand.approve(await brand.draft()))).toMatchObject([
      { payee: 'A1', totalFen: -35, rowCount: 3, carried: true },
    ])
    await brand.book({ payee: 'A1', amountFen: 75 })
    const third = await brand.approve(await brand.draft())
    expect(await brand.statements(third)).toMatchObject([{ payee: 'A1', totalFen: 40, rowCount: 4, carried: false }])
    expect(await brand.balance('A1')).toMatchObject({ availableFen: 0, settledFen: 40 })
    // The first still shows what it carried.
    expect(await brand.rowsOf(first, 'A1')).toHaveLength(2)
  })

  test('of exactly 0 is listed, settled and not carried', async () => {
    const brand = await aBrand()
    await brand.book({ payee: 'A1', amountFen: 60 }, { payee: 'A1', amountFen: -60 })
    const settlement = await brand.approve(await brand.draft())
    expect(await brand.statements(settlement)).toMatchObject([{ totalFen: 0, rowCount: 2, carried: false }])
    expect(await brand.draft()).toMatchObject({ statementCount: 0 })
    expect(await brand.pay(settlement)).toMatchObject({ status: 'paid' })
    expect(await brand.statements(settlement)).toMatchObject([{ payment: 'none' }])
  })
})

describe('approving and discarding', () => {
  test('a row is settled once its settlement is approved, and not before', async () => {
    const brand = await aBrand()
    await brand.book({ payee: 'A1', amountFen: 100 })
    const settlement = await brand.draft()
    expect(await brand.balance('A1')).toMatchObject({ availableFen: 100, settledFen: 0 })
    const approved = await brand.approve(settlement)
    expect(approved).toMatchObject({
      status: 'approved',
      approvedAt: new Date(NOW).toISOString(),
      approvedBy: 'key:test',
    })
    expect(await brand.balance('A1')).toMatchObject({ availableFen: 0, settledFen: 100 })
    // Again: unchanged, and told once.
    expect(await brand.approve(settlement)).toEqual(approved)
    const deeds = await brand.get<{ items: { action: string }[] }>(
      `/activity?subject=settlements/${settlement.settlementId}`,
    )
    expect(deeds.items.map(deed => deed.action).sort()).toEqual(['settlement.approved', 'settlement.drafted'])
  })

  test('a discarded draft frees its rows, and is not there any more', async () => {
    const brand = await aBrand()
    await brand.book({ payee: 'A1', amountFen: 100 }, { payee: 'A2', amountFen: -1 })
    const settlement = await brand.draft()
    await brand.discard(settlement)
    expect(await brand.list('/settlements')).toEqual([])
    const address = `/settlements/${settlement.settlementId}`
    for (const path of [address, `${address}/statements`, `${address}/statements/associate/A1`]) {
      await expect(brand.get(path)).rejects.toThrow('404')
    }
    expect((await brand.send('DELETE', address)).status).toBe(404)
    expect((await brand.send('POST', `${address}/approve`)).status).toBe(404)
    expect((await brand.send('POST', `${address}/pay`)).status).toBe(404)
    expect(await leftovers(brand.brandId)).toEqual({ settlements: 0, statements: 0, parts: 0, rows: 0 })
    expect(await brand.statements(await brand.draft())).toMatchObject([{ totalFen: 100 }, { totalFen: -1 }])
  })

  test('one that is approved or paid cannot be discarded; a draft cannot be paid', async () => {
    const brand = await aBrand()
    await brand.book({ payee: 'A1', amountFen: 100 })
    const settlement = await brand.draft()
    const address = `/settlements/${settlement.settlementId}`
    expect(await brand.send('POST', `${address}/pay`)).toMatchObject({
      status: 409,
      body: { code: 'settlement.not_approved' },
    })
    await brand.approve(settlement)
    expect(await brand.send('DELETE', address)).toMatchObject({ status: 409, body: { code: 'settlement.not_draft' } })
    await brand.pay(settlement)
    expect((await brand.send('DELETE', address)).status).toBe(409)
    expect(await brand.statements(settlement)).toMatchObject([{ payment: 'paid' }])
  })

  test('what is not there, not theirs, or no id at all is 404', async () => {
    const [brand, other] = [await aBrand(), await aBrand()]
    await other.book({ payee: 'A1', amountFen: 100 })
    const foreign = await other.draft()
    for (const id of [UNKNOWN, foreign.settlementId, 'x', '%F0%9F%98%80']) {
      for (const path of [
        '',
        '/statements',
        '/statements/associate/A1',
        '/invoices',
        '/franchises',
        '/franchises/F1',
      ]) {
        await expect(brand.get(`/settlements/${id}${path}`)).rejects.toThrow('404')
      }
      expect((await brand.send('POST', `/settlements/${id}/approve`)).status).toBe(404)
      expect((await brand.send('POST', `/settlements/${id}/pay`)).status).toBe(404)
      expect((await brand.send('DELETE', `/settlements/${id}`)).status).toBe(404)
    }
    await expect(brand.get(`/clearing?settlementId=${foreign.settlementId}`)).rejects.toThrow('404')
    for (const payee of ['associate/A9', 'store/A1', 'nobody/A1', 'associate/%00']) {
      await expect(other.get(`/settlements/${foreign.settlementId}/statements/${payee}`)).rejects.toThrow(/40[04]/)
    }
    expect(await other.list('/settlements')).toHaveLength(1)
  })

  test('what comes after the approval is in the next', async () => {
    const brand = await aBrand()
    await brand.book({ payee: 'A1', amountFen: 100 })
    await brand.pay(await brand.approve(await brand.draft()))
    await brand.book({ payee: 'A1', amountFen: -100 }, { payee: 'A1', amountFen: 130 })
    expect(await brand.balance('A1')).toMatchObject({ availableFen: 30, settledFen: 100 })
    expect(await brand.statements(await brand.draft())).toMatchObject([{ totalFen: 30, rowCount: 2 }])
  })

  test('the list is newest first, page by page', async () => {
    const brand = await aBrand()
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.push((await brand.draft(NOW - i * DAY_MS)).settlementId)
    await service.pool`
      UPDATE settlements SET created_at = created_at + (interval '1 second' * array_position(${ids}::uuid[], settlement_id))
      WHERE brand_id = ${brand.brandId}`
    const newest = [...ids].reverse()
    expect((await brand.list<Settlement>('/settlements')).map(one => one.settlementId)).toEqual(newest)
    expect((await brand.list<Settlement>('/settlements', 2)).map(one => one.settlementId)).toEqual(newest)
  })
})

describe('paying', () => {
  async function approved() {
    const brand = await aBrand()
    await brand.book(
      { payee: 'A1', amountFen: 100 },
      { payee: 'A2', amountFen: 50 },
      { payee: 'A3', amountFen: -5 },
      { payeeKind: 'store', payee: 'S2', amountFen: 20 },
      { payeeKind: 'headquarters', payee: 'headquarters', bearer: 'S2', amountFen: 0 },
    )
    return { brand, settlement: await brand.approve(await brand.draft()) }
  }
  const paymentRows = async (brandId: number) =>
    (
      await service.pool<{ n: number }[]>`
      SELECT count(*) AS n FROM settlement_payments WHERE brand_id = ${brandId}`
    )[0]!.n

  test('without a list pays everything that is to be paid, once', async () => {
    const { brand, settlement } = await approved()
    const paid = await brand.pay(settlement, { reference: 'bank-7' })
    expect(paid).toMatchObject({ status: 'paid', paidAt: new Date(NOW).toISOString() })
    expect((await brand.statements(settlement)).map(one => [one.payee, one.payment])).toEqual([
      ['A1', 'paid'],
      ['A2', 'paid'],
      ['A3', 'none'],
      ['headquarters', 'none'],
      ['S2', 'paid'],
    ])
    expect(statementOf(await brand.statements(settlement), 'A1')!.payments).toEqual([
      {
        status: 'paid',
        amountFen: 100,
        reference: 'bank-7',
        reason: null,
        at: new Date(NOW).toISOString(),
        recordedBy: 'key:test',
      },
    ])
    // Again, in whatever form: unchanged.
    expect(await brand.pay(settlement)).toEqual(paid)
    const again = { payments: [{ payeeKind: 'associate', payee: 'A1', status: 'paid', reference: 'bank-8' }] }
    expect(await brand.pay(settlement, again)).toEqual(paid)
    expect(await paymentRows(brand.brandId)).toBe(3)
    const deeds = await brand.get<{ items: unknown[] }>('/activity?action=settlement.payments_recorded')
    expect(deeds.items).toHaveLength(1)
  })

  test('one by one, failed ones tried again', async () => {
    const { brand, settlement } = await approved()
    const failed = {
      payments: [
        { payeeKind: 'associate', payee: 'A1', status: 'paid', reference: 'p-1', at: '2026-04-30T12:00:00+08:00' },
        { payeeKind: 'associate', payee: 'A2', status: 'failed', reason: '户名不符' },
      ],
    }
    expect(await brand.pay(settlement, failed)).toMatchObject({ status: 'approved', paidAt: null })
    expect((await brand.statements(settlement)).map(one => one.payment)).toEqual([
      'paid',
      'failed',
      'none',
      'none',
      'none',
    ])
    await brand.pay(settlement, failed) // a retry of the call is no new try
    expect(await paymentRows(brand.brandId)).toBe(2)
    const second = { payments: [{ payeeKind: 'associate', payee: 'A2', status: 'failed', reason: '卡已注销' }] }
    clock = NOW + 1
    expect(await brand.pay(settlement, second)).toMatchObject({ status: 'approved' })
    clock = NOW + 2
    expect(await brand.pay(settlement, { reference: 'rest' })).toMatchObject({ status: 'paid' })
    clock = NOW
    const statements = await brand.statements(settlement)
    expect(statementOf(statements, 'A2')).toMatchObject({
      payment: 'paid',
      payments: [{ reason: '户名不符' }, { reason: '卡已注销' }, { status: 'paid', reference: 'rest' }],
    })
    expect(statementOf(statements, 'A1')!.payments).toMatchObject([
      { reference: 'p-1', at: '2026-04-30T04:00:00.000Z' },
    ])
  })

  test.each([
    ['somebody who has no statement', { payee: 'A9' }, 422, 'settlement.unpayable', 'payments[1].payee'],
    ['a carried statement', { payee: 'A3' }, 422, 'settlement.unpayable', 'payments[1].payee'],
    [
      'a total of 0',
      { payeeKind: 'headquarters', payee: 'headquarters' },
      422,
      'settlement.unpayable',
      'payments[1].payee',
    ],
    [
      'a failure after the payment',
      { payee: 'A1', status: 'failed' },
      409,
      'settlement.paid_already',
      'payments[1].status',
    ],
    ['an unknown word', { payee: 'A2', status: 'maybe' }, 422, 'invalid_body', 'payments.1.status'],
  ])('is refused as a whole for %s', async (_, wrong, status, code, path) => {
    const { brand, settlement } = await approved()
    const payment = { payeeKind: 'associate', payee: 'A1', status: 'paid' }
    const body = { payments: [payment, { ...payment, ...wrong }] }
    const answer = await brand.send('POST', `/settlements/${settlement.settlementId}/pay`, body)
    expect([answer.status, answer.body]).toEqual([status, expect.objectContaining({ code })])
    expect((answer.body['errors'] as { path: string }[]).map(fault => fault.path)).toEqual([path])
    expect(await paymentRows(brand.brandId)).toBe(0)
  })

  test('at once by several pays once', async () => {
    const { brand, settlement } = await approved()
    const answers = await Promise.all([1, 2, 3, 4].map(n => brand.pay(settlement, { reference: `bank-${n}` })))
    expect(answers.map(answer => answer.status)).toEqual(['paid', 'paid', 'paid', 'paid'])
    expect(await paymentRows(brand.brandId)).toBe(3)
  })
})

describe('at once', () => {
  test('two drafts are both made, without a row in common', async () => {
    const brand = await aBrand()
    await brand.book(...['A1', 'A2', 'A3', 'A4'].map(payee => ({ payee, amountFen: 10 })))
    const drafts = await Promise.all([brand.draft(), brand.draft(), brand.draft()])
    expect(drafts.map(draft => draft.rowCount).sort()).toEqual([0, 0, 4])
    expect(new Set(drafts.map(draft => draft.settlementId)).size).toBe(3)
  })

  test('approving and discarding: one of them wins, and the rows are either settled or free', async () => {
    for (let i = 0; i < 5; i++) {
      const brand = await aBrand()
      await brand.book({ payee: 'A1', amountFen: 10 })
      const { settlementId } = await brand.draft()
      const [approve, discard] = await Promise.all([
        brand.send('POST', `/settlements/${settlementId}/approve`),
        brand.send('DELETE', `/settlements/${settlementId}`),
      ])
      expect([[200, 409], [404, 204]]).toContainEqual([approve.status, discard.status]) // prettier-ignore
      const free = discard.status === 204
      expect(await brand.balance('A1')).toMatchObject(free ? { availableFen: 10 } : { settledFen: 10 })
      expect(await brand.draft()).toMatchObject({ rowCount: free ? 1 : 0 })
    }
  })

  test('drafts, discards and bookings of several brands do not keep each other waiting', async () => {
    const brands = await Promise.all([1, 2, 3, 4, 5, 6, 7].map(aBrand))
    await Promise.all(
      brands.map(async brand => {
        await brand.book({ payee: 'A1', amountFen: 10 })
        const [draft] = await Promise.all([brand.draft(), brand.draft(), brand.book({ payee: 'A2', amountFen: 1 })])
        await brand.discard(draft)
        await brand.draft()
      }),
    )
    for (const brand of brands) {
      const rows = (await brand.list<Settlement>('/settlements')).reduce((sum, one) => sum + one.rowCount, 0)
      expect(rows).toBe(2)
    }
  })
})

describe('whatever happens', () => {
  const PAYEES = ['A1', 'A2', 'A3', 'S1', 'headquarters'] as const
  const kindOf = (payee: string) => (payee === 'headquarters' ? payee : payee.startsWith('S') ? 'store' : 'associate')
  const RUNS = Number(process.env['RUNS'] ?? 12)

  const action = fc.oneof(
    fc.record({
      do: fc.constant('book' as const),
      rows: fc.array(
        fc.record({
          payee: fc.constantFrom(...PAYEES),
          amountFen: fc.integer({ min: -50, max: 60 }),
          day: fc.integer({ min: 1, max: 20 }),
        }),
        { minLength: 1, maxLength: 6 },
      ),
    }),
    fc.record({ do: fc.constant('draft' as const), day: fc.integer({ min: 1, max: 21 }) }),
    fc.record({ do: fc.constantFrom('approve' as const, 'discard' as const, 'pay' as const), which: fc.nat(5) }),
  )

  test(`every row is in one settlement, and statements are sums of the ledger (${RUNS} histories)`, async () => {
    const day = (n: number) => NOW - (21 - n) * DAY_MS
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 4, maxLength: 14 }), async actions => {
        const brand = await aBrand()
        for (const step of actions) {
          if (step.do === 'book') {
            await brand.book(
              ...step.rows.map(row => ({
                payee: row.payee,
                payeeKind: kindOf(row.payee),
                bearer: row.payee === 'headquarters' ? 'S2' : 'headquarters',
                amountFen: row.amountFen,
                availableAt: new Date(day(row.day)).toISOString(),
              })),
            )
          } else if (step.do === 'draft') await brand.draft(day(step.day))
          else {
            const settlements = await brand.list<Settlement>('/settlements')
            const one = settlements[step.which]
            if (one?.status === 'draft' && step.do === 'discard') await brand.discard(one)
            if (one && step.do === 'approve') await brand.approve(one)
            if (one && one.status !== 'draft' && step.do === 'pay') await brand.pay(one)
          }
        }
        await brand.draft()
        for (const one of await brand.list<Settlement>('/settlements')) await brand.approve(one)
        await checkBooks(brand)
      }),
      { numRuns: RUNS, seed: Number(process.env['SEED'] ?? 7) },
    )
  }, 240_000)

  /** With every settlement approved: what the statements say is what the ledger holds, row by row. */
  async function checkBooks(brand: Awaited<ReturnType<typeof aBrand>>) {
    const ledger = await brand.list<{ rowId: string; payee: string; amountFen: number }>('/ledger')
    const settledIn = new Map<string, string>()
    const settledFen = new Map<string, number>()
    for (const settlement of await brand.list<Settlement>('/settlements')) {
      const statements = await brand.statements(settlement)
      const counted = statements.filter(one => !one.carried)
      expect(settlement).toMatchObject({
        statementCount: statements.length,
        carriedCount: statements.length - counted.length,
        totalFen: counted.reduce((sum, one) => sum + one.totalFen, 0),
        rowCount: counted.reduce((sum, one) => sum + one.rowCount, 0),
      })
      for (const one of statements) {
        const rows = await brand.rowsOf(settlement, one.payee, one.payeeKind)
        expect(rows.length).toBe(one.rowCount)
        expect(rows.reduce((sum, row) => sum + row.amountFen, 0)).toBe(one.totalFen)
        expect(one.parts.reduce((sum, part) => sum + part.totalFen, 0)).toBe(one.totalFen)
        expect(one.carried).toBe(one.totalFen < 0)
        if (one.carried) continue
        for (const row of rows) {
          expect(settledIn.has(row.rowId)).toBe(false)
          settledIn.set(row.rowId, settlement.settlementId)
        }
        settledFen.set(one.payee, (settledFen.get(one.payee) ?? 0) + one.totalFen)
      }
    }
    for (const payee of PAYEES) {
      const own = ledger.filter(row => row.payee === payee)
      const open = own.filter(row => !settledIn.has(row.rowId))
      const openFen = open.reduce((sum, row) => sum + row.amountFen, 0)
      // All is settled but for whoever owes more than he earned.
      expect(open.length === 0 || openFen < 0).toBe(true)
      expect(await brand.balance(payee)).toMatchObject({
        settledFen: settledFen.get(payee) ?? 0,
        availableFen: openFen,
        pendingFen: 0,
      })
    }
  }
})

describe('looking at it', () => {
  test('a preview tells what the draft will hold, page by page; the review what it holds and what moved', async () => {
    const brand = await aBrand()
    await brand.book({ payee: 'A1', amountFen: 100, availableAt: '2026-02-01T00:00:00Z' })
    const first = await brand.approve(await brand.draft('2026-02-02T00:00:00Z'))
    await brand.book(
      { payee: 'A1', amountFen: 400, availableAt: AVAILABLE },
      { payee: 'A2', amountFen: -30, availableAt: AVAILABLE },
      { payee: 'A2', amountFen: 5, availableAt: '2026-02-01T00:00:00Z', bookedAt: '2026-04-01T00:00:00Z' },
      { payee: 'A3', amountFen: 7, availableAt: '2026-06-01T00:00:00Z' },
      { payeeKind: 'store', payee: 'S2', amountFen: 50, availableAt: AVAILABLE },
    )
    const kinds = new Map<string, Record<string, number>>()
    let cursor: string | null = null
    do {
      const page: { items: ({ payeeKind: string } & Record<string, number>)[]; nextCursor: string | null } =
        await brand.get(`/settlements/preview?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`)
      for (const { payeeKind, ...item } of page.items) {
        const sum = kinds.get(payeeKind) ?? {}
        for (const [name, value] of Object.entries(item)) sum[name] = (sum[name] ?? 0) + (value as number)
        kinds.set(payeeKind, sum)
      }
      cursor = page.nextCursor
    } while (cursor !== null)
    expect(Object.fromEntries(kinds)).toEqual({
      associate: { accountCount: 4, dueCount: 1, dueFen: 400, carriedCount: 1, carriedFen: -25, laterFen: 7 },
      headquarters: { accountCount: 1, dueCount: 0, dueFen: 0, carriedCount: 0, carriedFen: 0, laterFen: 0 },
      store: { accountCount: 2, dueCount: 1, dueFen: 50, carriedCount: 0, carriedFen: 0, laterFen: 0 },
    })
    expect(await brand.get('/settlements/gathering')).toEqual({ gathering: null })

    // Of two of one millisecond neither would be the one before.
    clock = NOW + 1
    const settlement = await brand.draft()
    clock = NOW
    expect(settlement).toMatchObject({ totalFen: 450, statementCount: 3, carriedCount: 1 })
    expect(await brand.get(`/settlements/${settlement.settlementId}/review`)).toMatchObject({
      groups: [
        { payeeKind: 'associate', payeeType: 'employee', statementCount: 1, totalFen: 400, openCount: 1 },
        { payeeKind: 'associate', payeeType: 'individual', statementCount: 0, carriedCount: 1, carriedFen: -25 },
        { payeeKind: 'store', payeeType: 'company', statementCount: 1, totalFen: 50, paidCount: 0 },
      ],
      bearers: [{ bearerKind: 'headquarters', bearerCount: 1, totalFen: 450 }],
      before: { settlementId: first.settlementId, totalFen: 100 },
      moved: [
        { payee: 'A1', totalFen: 400, beforeFen: 100, changeFen: 300 },
        { payee: 'S2', totalFen: 50, beforeFen: null, changeFen: 50 },
        { payee: 'A2', totalFen: -25, beforeFen: null, changeFen: -25 },
      ],
    })
  })

  test('statements are found by name, kind, type, franchisee, and what became of them', async () => {
    const brand = await aBrand()
    await brand.tell('associates', [associateItem({ associateId: 'A3', name: '王小明', storeCode: 'S2' })])
    await brand.book(
      { payee: 'A1', amountFen: 100 },
      { payee: 'A2', amountFen: -30 },
      { payee: 'A3', amountFen: 7 },
      { payeeKind: 'store', payee: 'S2', amountFen: 50 },
    )
    const settlement = await brand.approve(await brand.draft())
    const found = async (query: string) => {
      const page: { items: Statement[] } = await brand.get(
        `/settlements/${settlement.settlementId}/statements?${query}`,
      )
      return page.items.map(one => one.payee)
    }
    expect(await found(`q=${encodeURIComponent('小明')}`)).toEqual(['A3'])
    expect(await found('q=a1')).toEqual(['A1'])
    expect(await found('payeeKind=store')).toEqual(['S2'])
    expect(await found('payee=A2&payeeKind=associate')).toEqual(['A2'])
    expect(await found('payeeType=unknown')).toEqual(['A3'])
    expect(await found('payeeType=employee')).toEqual(['A1'])
    expect(await found('carried=true')).toEqual(['A2'])
    expect(await found('franchiseeId=F1')).toEqual(['A3', 'S2'])
    expect(await found('franchiseeId=F9')).toEqual([])
    const report = (payee: string, status: string) => ({ payeeKind: 'associate', payee, status })
    await brand.pay(settlement, { payments: [report('A1', 'paid'), report('A3', 'failed')] })
    expect(await found('payment=paid')).toEqual(['A1'])
    expect(await found('payment=failed')).toEqual(['A3'])
    expect(await found('payment=open')).toEqual(['A3', 'S2'])
  })
})

/** What is in the tables of settlements of a brand. */
async function leftovers(brandId: number) {
  const [row] = await service.pool<Record<string, number>[]>`
    SELECT (SELECT count(*) FROM settlements WHERE brand_id = ${brandId}) AS settlements,
      (SELECT count(*) FROM settlement_statements WHERE brand_id = ${brandId}) AS statements,
      (SELECT count(*) FROM settlement_parts WHERE brand_id = ${brandId}) AS parts,
      (SELECT count(*) FROM settlement_rows WHERE brand_id = ${brandId}) AS rows`
  return row
}
