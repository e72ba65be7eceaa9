import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrand } from '../support/brand.ts'
import {
  associateItem,
  lineItem,
  linkItem,
  memberItem,
  orderItem,
  planBody,
  refundItem,
  storeItem,
  touchItem,
} from '../builders/items.ts'
import { startTestService, type TestService } from '../support/service.ts'

/**
 * Whole stories of money, told through the API as a brand lives them: what was shared, sold, refunded, settled, paid,
 * disputed and corrected. After each, the audit finds nothing, every row is in one settlement, and what the statements
 * say is what the ledger holds.
 */

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service.close())

type Item = Record<string, unknown>
interface Statement {
  payeeKind: string
  payee: string
  totalFen: number
  rowCount: number
  carried: boolean
}
interface LedgerRow {
  rowId: string
  payeeKind: string
  payee: string
  amountFen: number
}

const RULES = [
  { id: 'share', role: 'sharer', rateBps: 1000, bearer: 'headquarters' },
  { id: 'till', role: 'closer', when: { channels: ['in_store'] }, rateBps: 500, bearer: 'selling_store' },
  { id: 'care', role: 'attributed', rateBps: 100, bearer: 'home_store' },
  {
    id: 'home',
    role: 'home_store',
    when: { channels: ['online'], homeStoreTypes: ['franchise'] },
    rateBps: 1500,
    bearer: 'headquarters',
  },
  {
    id: 'fee',
    role: 'headquarters',
    when: { sellingStoreTypes: ['franchise'] },
    rateBps: 200,
    bearer: 'selling_store',
  },
]
const TIERS = {
  roles: ['sharer', 'closer'],
  mode: 'whole',
  bearer: 'headquarters',
  steps: [
    { fromFen: 0, rateBps: 0 },
    { fromFen: 1_000_000, rateBps: 100 },
  ],
}

let codes = 0
const DAY_MS = 86_400_000
/** So many days ago, at noon. */
const daysAgo = (days: number) => new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS - days * DAY_MS).toISOString()

/** A brand with two stores, S2 of a franchisee, four associates, and a member M1 whose home S2 is and who is A3's. */
async function aBrand(plan: Item = {}) {
  const brand = await openBrand(service)
  const linkCode = `story-${codes++}`
  await brand.tell('stores', [
    storeItem(),
    storeItem({ storeCode: 'S2', type: 'franchise', franchiseeId: 'F1', region: 'east' }),
  ])
  await brand.tell('associates', [
    ...['A1', 'A2'].map(associateId => associateItem({ associateId })),
    ...['A3', 'A4'].map(associateId => associateItem({ associateId, storeCode: 'S2' })),
  ])
  await brand.tell('members', [memberItem({ openingStore: 'S2', openingAssociate: 'A3' })])
  await brand.tell('member-assignments', [
    { memberNo: 'M1', from: '2020-01-01T00:00:00Z', attributedAssociate: 'A3', homeStore: 'S2' },
  ])
  await brand.tell('share-links', [linkItem({ linkCode })])
  expect(await brand.post('/plans', { ...planBody({ rules: RULES, monthlyTiers: TIERS, ...plan }), retroactive: true })).toBe(201) // prettier-ignore
  await brand.settled()

  const balance = (payee: string) =>
    brand.get<{ pendingFen: number; availableFen: number; settledFen: number; bonusFen: number }>(
      `/balances?payeeKind=associate&payee=${payee}`,
    )
  const pages = async <T>(path: string): Promise<T[]> => {
    const items: T[] = []
    let cursor: string | null = null
    do {
      const joiner = path.includes('?') ? '&' : '?'
      const page: { items: T[]; nextCursor: string | null } = await brand.get(
        `${path}${joiner}limit=500${cursor ? `&cursor=${cursor}` : ''}`,
      )
      items.push(...page.items)
      cursor = page.nextCursor
    } while (cursor)
    return items
  }
  const settle = async (cutoff = new Date().toISOString()) => {
    const draft = await brand.send('POST', '/settlements', { cutoff })
    expect(draft.status).toBe(201)
    const settlementId = draft.body['settlementId'] as string
    const statements = await pages<Statement>(`/settlements/${settlementId}/statements`)
    expect((await brand.send('POST', `/settlements/${settlementId}/approve`)).status).toBe(200)
    const of = (payee: string) => statements.find(statement => statement.payee === payee)
    return { settlementId, statements, of }
  }
  const pay = async (settlementId: string) =>
    expect((await brand.send('POST', `/settlements/${settlementId}/pay`, { reference: 'bank-1' })).status).toBe(200)

  /** Settles all that is there, and holds statements, settlements and ledger against each other. */
  const closeBooks = async () => {
    await brand.settled()
    expect(await brand.get('/audit')).toMatchObject({ items: [], nextCursor: null })
    await settle()
    const ledger = await pages<LedgerRow>('/ledger')
    const inSettlement = new Map<string, string>()
    const settled = new Map<string, number>()
    const add = (sums: Map<string, number>, row: { payeeKind: string; payee: string }, fen: number) => {
      const key = `${row.payeeKind}/${row.payee}`
      sums.set(key, (sums.get(key) ?? 0) + fen)
    }
    for (const { settlementId } of await pages<{ settlementId: string }>('/settlements')) {
      for (const statement of await pages<Statement>(`/settlements/${settlementId}/statements`)) {
        const rows = await pages<LedgerRow>(
          `/settlements/${settlementId}/statements/${statement.payeeKind}/${statement.payee}`,
        )
        expect(rows).toHaveLength(statement.rowCount)
        expect(rows.reduce((sum, row) => sum + row.amountFen, 0)).toBe(statement.totalFen)
        expect(statement.carried).toBe(statement.totalFen < 0)
        if (statement.carried) continue
        for (const row of rows) {
          expect(inSettlement.has(row.rowId)).toBe(false)
          inSettlement.set(row.rowId, settlementId)
        }
        add(settled, statement, statement.totalFen)
      }
    }
    const booked = new Map<string, number>()
    const waiting = new Map<string, number>()
    for (const row of ledger) add(inSettlement.has(row.rowId) ? booked : waiting, row, row.amountFen)
    expect(Object.fromEntries(booked)).toEqual(Object.fromEntries(settled))
    for (const row of ledger) {
      const { payeeKind, payee } = row
      const held = await brand.get<{ pendingFen: number; availableFen: number; settledFen: number }>(
        `/balances?payeeKind=${payeeKind}&payee=${payee}`,
      )
      expect(held.settledFen).toBe(settled.get(`${payeeKind}/${payee}`) ?? 0)
      expect(held.pendingFen + held.availableFen).toBe(waiting.get(`${payeeKind}/${payee}`) ?? 0)
    }
  }
  return { ...brand, tell: brand.tell.bind(brand), brand, linkCode, balance, pages, settle, pay, closeBooks }
}

const sale = (over: Item = {}) => orderItem({ paidAt: daysAgo(40), lines: [lineItem({ paidFen: 100_000 })], ...over })
const inStore = (over: Item = {}) => sale({ channel: 'in_store', sellingStore: 'S2', closer: 'A4', ...over })

describe('a share, a sale, a refund, a settlement, and a refund after the payment', () => {
  test('what was paid is taken back from the next statement', async () => {
    const { brand, linkCode, balance, settle, pay, closeBooks } = await aBrand()
    await brand.tell('touches', [touchItem({ linkCode, at: daysAgo(41) })])
    await brand.tell('orders', [sale(), sale({ orderNo: 'o-2', memberNo: 'M2' })])
    await brand.tell('refunds', [
      refundItem({ refundedAt: daysAgo(38), lines: [{ lineNo: 1, quantity: 0, refundFen: 40_000 }] }),
    ])
    await brand.settled()
    expect(await balance('A1')).toMatchObject({ pendingFen: 0, availableFen: 6_000, settledFen: 0 })
    const first = await settle(daysAgo(20))
    expect(first.of('A1')).toMatchObject({ totalFen: 6_000, carried: false })
    expect(first.of('A3')).toMatchObject({ totalFen: 600 })
    expect(first.of('S2')).toMatchObject({ payeeKind: 'store', totalFen: 9_000 })
    expect(await balance('A1')).toMatchObject({ availableFen: 0, settledFen: 6_000 })
    await pay(first.settlementId)

    // Everything comes back after it was paid: A1 owes, and nobody pays him a negative sum.
    await brand.tell('refunds', [
      refundItem({ refundNo: 'r-2', refundedAt: daysAgo(3), lines: [{ lineNo: 1, quantity: 1, refundFen: 60_000 }] }),
    ])
    expect(await balance('A1')).toMatchObject({ availableFen: -6_000, settledFen: 6_000 })
    const second = await settle()
    expect(second.of('A1')).toMatchObject({ totalFen: -6_000, carried: true })
    expect(await balance('A1')).toMatchObject({ availableFen: -6_000, settledFen: 6_000 })

    // The next sale nets it.
    await brand.tell('touches', [touchItem({ touchId: 't-2', linkCode, at: daysAgo(30) })])
    await brand.tell('orders', [sale({ orderNo: 'o-3', paidAt: daysAgo(29) })])
    await brand.settled()
    const third = await settle()
    expect(third.of('A1')).toMatchObject({ totalFen: 4_000, carried: false, rowCount: 2 })
    await closeBooks()
  })
})

describe('a dispute that is won after the settlement', () => {
  test('takes from the one and gives to the other in the next statement', async () => {
    const { brand, balance, settle, pay, closeBooks } = await aBrand()
    await brand.tell('orders', [inStore()])
    const first = await settle()
    expect(first.of('A4')).toMatchObject({ totalFen: 5_000 })
    await pay(first.settlementId)
    const filed = await brand.send('POST', '/disputes', {
      source: 'mall',
      orderNo: 'o-1',
      role: 'closer',
      associateId: 'A3',
      text: 'I served her; A4 only rang it up.',
    })
    expect(filed.status).toBe(201)
    const decided = await brand.send('POST', `/disputes/${filed.body['disputeId'] as string}/decide`, {
      outcome: 'upheld',
      reason: 'The camera shows it.',
    })
    expect(decided.status).toBe(200)
    expect(await balance('A4')).toMatchObject({ availableFen: -5_000, settledFen: 5_000 })
    const second = await settle()
    expect(second.of('A4')).toMatchObject({ totalFen: -5_000, carried: true })
    expect(second.of('A3')).toMatchObject({ totalFen: 5_000, carried: false })
    await closeBooks()
  })
})

describe('a plan that is corrected for the past', () => {
  test('leaves what was settled alone and books the difference', async () => {
    const { brand, balance, settle, closeBooks } = await aBrand()
    await brand.tell('orders', [inStore(), inStore({ orderNo: 'o-2', paidAt: daysAgo(2) })])
    await settle()
    expect(await balance('A4')).toMatchObject({ pendingFen: 5_000, settledFen: 5_000 })
    const corrected = RULES.map(rule => (rule.id === 'till' ? { ...rule, rateBps: 800 } : rule))
    const body = { ...planBody({ rules: corrected, version: 2 }), retroactive: true }
    expect(await brand.post('/plans', body)).toBe(201)
    await brand.settled()
    // The settled order's row under the old version is taken back, and one under the new version given.
    expect(await balance('A4')).toMatchObject({ pendingFen: 8_000, availableFen: 3_000, settledFen: 5_000 })
    expect((await settle()).of('A4')).toMatchObject({ totalFen: 3_000, rowCount: 2 })
    await closeBooks()
  })
})

describe('a monthly bonus', () => {
  test('that a refund brings below its step is taken back', async () => {
    const { brand, balance, settle, closeBooks } = await aBrand()
    const month = new Date(Date.now() - 100 * DAY_MS).toISOString().slice(0, 7)
    const paidAt = `${month}-10T04:00:00Z`
    await brand.tell('orders', [
      inStore({ paidAt, lines: [lineItem({ paidFen: 600_000 })] }),
      inStore({ orderNo: 'o-2', paidAt, lines: [lineItem({ paidFen: 400_000 })] }),
    ])
    await brand.settled()
    expect(await balance('A4')).toMatchObject({ availableFen: 60_000, bonusFen: 10_000 })
    expect((await settle()).of('A4')).toMatchObject({ totalFen: 60_000 })
    await brand.tell('refunds', [
      refundItem({ refundedAt: daysAgo(1), lines: [{ lineNo: 1, quantity: 0, refundFen: 1 }] }),
    ])
    await brand.settled()
    expect(await balance('A4')).toMatchObject({ availableFen: -10_000, settledFen: 60_000, bonusFen: 0 })
    expect((await settle()).of('A4')).toMatchObject({ totalFen: -10_000, carried: true })
    await closeBooks()
  })
})

describe('a member', () => {
  test('merged after the settlement: his orders are another person’s, who is another associate’s customer', async () => {
    const { brand, balance, settle, closeBooks } = await aBrand()
    await brand.tell('members', [memberItem({ memberNo: 'M9' })])
    await brand.tell('member-assignments', [
      { memberNo: 'M9', from: '2020-01-02T00:00:00Z', attributedAssociate: 'A2', homeStore: 'S1' },
    ])
    await brand.tell('orders', [inStore()])
    await settle()
    expect(await balance('A3')).toMatchObject({ settledFen: 1_000 })
    await brand.tell('member-merges', [{ memberNo: 'M1', into: 'M9', at: daysAgo(1) }])
    await brand.settled()
    expect(await balance('A3')).toMatchObject({ availableFen: -1_000, settledFen: 1_000 })
    expect(await balance('A2')).toMatchObject({ availableFen: 1_000 })
    await closeBooks()
  })
})

describe('a store', () => {
  test('that turns franchise in mid-month pays and bears from that day on, and not for before', async () => {
    const { brand, settle, closeBooks } = await aBrand()
    const at = (days: number, orderNo: string) =>
      sale({ channel: 'in_store', sellingStore: 'S1', closer: 'A1', memberNo: 'M5', orderNo, paidAt: daysAgo(days) })
    await brand.tell('orders', [at(40, 'before'), at(30, 'after')])
    await brand.tell('stores', [{ storeCode: 'S1', type: 'franchise', franchiseeId: 'F2', effectiveFrom: daysAgo(35) }])
    await brand.settled()
    const { of, settlementId } = await settle()
    expect(of('headquarters')).toMatchObject({ totalFen: 2_000, rowCount: 1 })
    expect(of('A1')).toMatchObject({ totalFen: 10_000, rowCount: 2 })
    const { items } = await brand.get<{ items: Item[] }>(`/clearing?settlementId=${settlementId}`)
    expect(items).toContainEqual(
      expect.objectContaining({ bearerKind: 'store', bearer: 'S1', payeeKind: 'headquarters', totalFen: 2_000 }),
    )
    await closeBooks()
  })
})

describe('a leaver', () => {
  test('keeps what he earned, earns nothing while away, and again when he is back', async () => {
    const { brand, balance, settle, closeBooks } = await aBrand()
    const care = (days: number, orderNo: string) => sale({ orderNo, paidAt: daysAgo(days) })
    await brand.tell('orders', [care(60, 'o-1'), care(45, 'o-2'), care(20, 'o-3')])
    await brand.settled()
    expect(await balance('A3')).toMatchObject({ availableFen: 3_000 })
    await brand.tell('associates', [{ associateId: 'A3', activeTo: daysAgo(50) }])
    await brand.settled()
    expect(await balance('A3')).toMatchObject({ availableFen: 1_000 })
    await settle()
    await brand.tell('associates', [{ associateId: 'A3', activeFrom: daysAgo(30) }])
    await brand.settled()
    expect(await balance('A3')).toMatchObject({ availableFen: 1_000, settledFen: 1_000 })
    await closeBooks()
  })

  test('who owes has it written off by two people', async () => {
    const { brand, balance, settle, closeBooks } = await aBrand()
    await brand.tell('orders', [inStore()])
    await settle()
    await brand.tell('refunds', [
      refundItem({ refundedAt: daysAgo(1), lines: [{ lineNo: 1, quantity: 1, refundFen: 100_000 }] }),
    ])
    await brand.tell('associates', [{ associateId: 'A4', activeTo: daysAgo(1) }])
    await brand.settled()
    expect(await balance('A4')).toMatchObject({ availableFen: -5_000, settledFen: 5_000 })
    const made = await brand.send('POST', '/adjustments/write-offs', { associateId: 'A4', reason: 'Left, owes.' })
    expect(made.status).toBe(201)
    const [{ adjustmentId }] = made.body['adjustments'] as [{ adjustmentId: string }]
    const own = await brand.send('POST', `/adjustments/${adjustmentId}/confirm`)
    expect(own.status).toBeGreaterThanOrEqual(400)
    expect(own.status).toBeLessThan(500)
    expect(await balance('A4')).toMatchObject({ availableFen: -5_000 })
    const second = await brand.another()
    expect((await second.send('POST', `/adjustments/${adjustmentId}/confirm`)).status).toBe(200)
    expect(await balance('A4')).toMatchObject({ availableFen: 0, settledFen: 5_000 })
    await closeBooks()
  })
})
