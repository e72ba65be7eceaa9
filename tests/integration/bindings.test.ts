import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool } from '../../server/database.ts'
import { readPerson, recognise } from '../../server/features/attribution/service.ts'
import { startReconcileWorker } from '../../server/workers/reconcile.ts'
import {
  assignmentItem,
  associateItem,
  identityItem,
  linkItem,
  memberItem,
  mergeItem,
  orderItem,
  planBody,
  refundItem,
  storeItem,
  touchItem,
  without,
} from '../builders/items.ts'
import { openBrand, type BrandClient } from '../support/brand.ts'
import { startTestService, type TestService } from '../support/service.ts'

/**
 * Whose customer somebody becomes by the brand's binding policy, and what his orders owe for it, whatever came when.
 * After each test the audit finds nothing.
 */

type Item = Record<string, unknown>

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service.close())

const march = (day: number) => `2026-03-${String(day).padStart(2, '0')}T04:00:00.000Z`
const afterMarch = (day: number) => `2026-03-${String(day).padStart(2, '0')}T04:00:00.001Z`

const enrolled = (day: number, openingAssociate: string, over: Item = {}) =>
  memberItem({ joinedAt: march(day), openingAssociate, ...over })
const friend = (day: number, associateId: string, over: Item = {}): Item => ({
  associateId,
  externalUserid: 'wm1',
  kind: 'added',
  at: march(day),
  ...over,
})
const contact = (over: Item = {}) => identityItem({ kind: 'external_userid', value: 'wm1', at: march(1), ...over })
/** Of the associate at the till. */
const sale = (day: number, orderNo: string, closer: string | null, over: Item = {}) =>
  orderItem({
    orderNo,
    channel: 'in_store',
    sellingStore: 'S1',
    paidAt: march(day),
    ...(closer === null ? {} : { closer }),
    ...over,
  })
const told = (day: number, attributedAssociate: string | null, over: Item = {}) =>
  assignmentItem({ from: march(day), attributedAssociate, ...over })

const ALL = ['enrol', 'friend_added', 'first_purchase']
const FIRST = { on: ALL, mode: 'first' }
const latest = (protectDays: number) => ({ on: ALL, mode: 'latest', protectDays })

/** A brand with associates A1 to A4, whose plan pays 1 % to the attributed associate; L1 and so on are their links. */
async function open(policy: object | null = FIRST): Promise<BrandClient> {
  const brand = await openBrand(service)
  const rule = { id: 'care', role: 'attributed', rateBps: 100, bearer: 'headquarters' }
  expect(await brand.post('/plans', { ...planBody({ rules: [rule] }), retroactive: true })).toBe(201)
  await brand.tell('stores', [storeItem()])
  await brand.tell('associates', ['A1', 'A2', 'A3', 'A4'].map(associateId => associateItem({ associateId }))) // prettier-ignore
  if (policy) await put(brand, policy)
  return brand
}

async function put(brand: BrandClient, policy: object): Promise<Item> {
  const { status, body } = await brand.send('PUT', '/settings/binding', policy)
  expect(status).toBe(200)
  return body
}

/** `M1 A1 from 2026-03-05T… by enrol M1`, once all is booked and the audit finds nothing. */
async function bound(brand: BrandClient): Promise<string[]> {
  await brand.settled()
  expect(await brand.get('/audit?limit=500')).toMatchObject({ items: [], nextCursor: null })
  const rows = await service.pool<Record<string, unknown>[]>`
    SELECT member_no, associate_id, from_at, event_kind, event_id FROM derived_assignments
    WHERE brand_id = ${brand.brandId} ORDER BY member_no, from_at`
  return rows.map(
    row =>
      `${row['member_no'] as string} ${row['associate_id'] as string} from ` +
      `${new Date(row['from_at'] as number).toISOString()} by ${row['event_kind'] as string} ${row['event_id'] as string}`,
  )
}

/** `o-1 A1`: whom an order pays as the attributed associate. */
async function paid(brand: BrandClient): Promise<string[]> {
  const { items } = await brand.get<{ items: Item[] }>('/entitlements?limit=500')
  return items
    .filter(row => row['role'] === 'attributed')
    .map(row => `${row['orderNo'] as string} ${row['payee'] as string}`)
}

const rowsOf = async (brand: BrandClient, table: string) =>
  (await service.pool`SELECT FROM ${service.pool(table)} WHERE brand_id = ${brand.brandId}`).length

describe('an event binds', () => {
  test('enrolment, from its instant on, and orders that were there before it are left', async () => {
    const brand = await open()
    await brand.tell('orders', [sale(4, 'o-1', null), sale(5, 'o-2', null), sale(6, 'o-3', null)])
    await brand.tell('members', [enrolled(5, 'A1')])
    expect(await bound(brand)).toEqual([`M1 A1 from ${march(5)} by enrol M1`])
    expect(await paid(brand)).toEqual(['o-2 A1', 'o-3 A1'])
  })

  test('a friend added, though told late, and known by an identity that comes later still', async () => {
    const brand = await open()
    await brand.tell('orders', [sale(6, 'o-1', null)])
    await brand.tell('friend-events', [friend(5, 'A2')])
    expect(await bound(brand)).toEqual([])
    await brand.tell('identities', [contact({ at: march(20) })])
    expect(await bound(brand)).toEqual([`M1 A2 from ${march(5)} by friend_added A2/wm1`])
    expect(await paid(brand)).toEqual(['o-1 A2'])
    await brand.tell('friend-events', [friend(3, 'A3'), friend(4, 'A4', { kind: 'ended', endedBy: 'customer' })])
    expect(await bound(brand)).toEqual([`M1 A3 from ${march(3)} by friend_added A3/wm1`])
    expect(await paid(brand)).toEqual(['o-1 A3'])
  })

  test('a contact that turns out to be somebody else’s takes its friends along', async () => {
    const brand = await open()
    await brand.tell('orders', [sale(6, 'o-1', null), sale(6, 'o-2', null, { memberNo: 'M2' })])
    await brand.tell('friend-events', [friend(5, 'A2')])
    await brand.tell('identities', [contact()])
    expect(await bound(brand)).toEqual([`M1 A2 from ${march(5)} by friend_added A2/wm1`])
    await brand.tell('identities', [contact({ memberNo: 'M2', at: march(2) })])
    expect(await bound(brand)).toEqual([`M2 A2 from ${march(5)} by friend_added A2/wm1`])
    expect(await paid(brand)).toEqual(['o-2 A2'])
  })

  test('a first purchase, to its sharer, for what is paid after it', async () => {
    const brand = await open()
    await brand.tell('share-links', [linkItem({ linkCode: `L-${brand.brandId}`, associateId: 'A1' })])
    await brand.tell('orders', [
      sale(5, 'o-1', 'A2', { shareCode: `L-${brand.brandId}` }),
      sale(5, 'o-2', 'A2'),
      sale(6, 'o-3', 'A2'),
    ])
    expect(await bound(brand)).toEqual([`M1 A1 from ${afterMarch(5)} by first_purchase mall/o-1`])
    expect(await paid(brand)).toEqual(['o-3 A1'])
  })

  test('a first purchase without a sharer, to the order’s closer, else that of its first line; else to nobody', async () => {
    const brand = await open()
    const lines = [
      { lineNo: 2, sku: 'k', quantity: 1, paidFen: 100, closer: 'A3' },
      { lineNo: 1, sku: 'k', quantity: 1, paidFen: 100, closer: 'A4' },
      { lineNo: 3, sku: 'k', quantity: 1, paidFen: 100 },
    ]
    await brand.tell('orders', [
      sale(5, 'o-1', 'A2', { lines }),
      sale(5, 'o-2', null, { lines, memberNo: 'M2' }),
      sale(5, 'o-3', null, { memberNo: 'M3' }),
      sale(6, 'o-4', 'A1', { memberNo: 'M3' }),
    ])
    expect(await bound(brand)).toEqual([
      `M1 A2 from ${afterMarch(5)} by first_purchase mall/o-1`,
      `M2 A4 from ${afterMarch(5)} by first_purchase mall/o-2`,
    ])
  })

  test('away from somebody who does not work here any more, until it turns out that he does', async () => {
    const brand = await open(latest(30))
    await brand.tell('identities', [contact()])
    await brand.tell('friend-events', [friend(7, 'A2')])
    await brand.tell('orders', [sale(4, 'o-1', 'A1'), sale(8, 'o-2', null)])
    expect(await bound(brand)).toEqual([`M1 A1 from ${afterMarch(4)} by first_purchase mall/o-1`])
    await brand.tell('associates', [{ associateId: 'A1', activeTo: march(5) }])
    expect(await bound(brand)).toEqual([
      `M1 A1 from ${afterMarch(4)} by first_purchase mall/o-1`,
      `M1 A2 from ${march(7)} by friend_added A2/wm1`,
    ])
    expect(await paid(brand)).toEqual(['o-2 A2'])
    await brand.tell('associates', [{ associateId: 'A1', activeTo: null }])
    expect(await bound(brand)).toEqual([`M1 A1 from ${afterMarch(4)} by first_purchase mall/o-1`])
    expect(await paid(brand)).toEqual(['o-2 A1'])
  })

  test('nothing where nothing was told, and nothing is written for it', async () => {
    const brand = await open(null)
    await brand.tell('members', [enrolled(5, 'A1')])
    await brand.tell('identities', [contact()])
    await brand.tell('friend-events', [friend(6, 'A2')])
    await brand.tell('orders', [sale(4, 'o-1', 'A1'), sale(8, 'o-2', null)])
    expect(await rowsOf(brand, 'binding_marks')).toBe(0)
    expect(await bound(brand)).toEqual([])
    expect(await paid(brand)).toEqual([])
  })
})

describe('what an event was may change', () => {
  test('a corrected enrolment', async () => {
    const brand = await open()
    await brand.tell('members', [enrolled(5, 'A1')])
    await brand.tell('orders', [sale(4, 'o-1', null), sale(6, 'o-2', null)])
    expect(await bound(brand)).toEqual([`M1 A1 from ${march(5)} by enrol M1`])
    expect(await paid(brand)).toEqual(['o-2 A1'])
    await brand.tell('members', [{ memberNo: 'M1', openingAssociate: 'A2' }])
    expect(await bound(brand)).toEqual([`M1 A2 from ${march(5)} by enrol M1`])
    expect(await paid(brand)).toEqual(['o-2 A2'])
    await brand.tell('members', [{ memberNo: 'M1', joinedAt: march(3) }])
    expect(await bound(brand)).toEqual([`M1 A2 from ${march(3)} by enrol M1`])
    expect(await paid(brand)).toEqual(['o-1 A2', 'o-2 A2'])
    await brand.tell('members', [{ memberNo: 'M1', joinedAt: null }])
    expect(await bound(brand)).toEqual([])
    expect(await paid(brand)).toEqual([])
  })

  test('a merge: one person, of whose records the last counts', async () => {
    const brand = await open()
    await brand.tell('members', [enrolled(5, 'A1'), enrolled(3, 'A2', { memberNo: 'M2' })])
    await brand.tell('friend-events', [friend(2, 'A3')])
    await brand.tell('identities', [contact()])
    await brand.tell('orders', [sale(1, 'o-1', 'A4'), sale(9, 'o-2', null), sale(9, 'o-3', null, { memberNo: 'M2' })])
    expect(await bound(brand)).toEqual([
      `M1 A4 from ${afterMarch(1)} by first_purchase mall/o-1`,
      `M2 A2 from ${march(3)} by enrol M2`,
    ])
    expect(await paid(brand)).toEqual(['o-2 A4', 'o-3 A2'])
    await brand.tell('member-merges', [mergeItem({ memberNo: 'M1', into: 'M2', at: march(10) })])
    expect(await bound(brand)).toEqual([`M2 A4 from ${afterMarch(1)} by first_purchase mall/o-1`])
    expect(await paid(brand)).toEqual(['o-2 A4', 'o-3 A4'])
    // Corrected: the two are two again, and M1 is M3.
    await brand.tell('member-merges', [mergeItem({ memberNo: 'M1', into: 'M3', at: march(11) })])
    expect(await bound(brand)).toEqual([
      `M2 A2 from ${march(3)} by enrol M2`,
      `M3 A4 from ${afterMarch(1)} by first_purchase mall/o-1`,
    ])
    expect(await paid(brand)).toEqual(['o-2 A4', 'o-3 A2'])
  })

  test('a merge of two of whom nothing but their enrolment is known, and what was told', async () => {
    const brand = await open()
    await brand.tell('members', [enrolled(5, 'A1'), enrolled(6, 'A2', { memberNo: 'M2' })])
    expect(await bound(brand)).toHaveLength(2)
    await brand.tell('member-merges', [mergeItem()])
    expect(await bound(brand)).toEqual([`M2 A2 from ${march(6)} by enrol M2`])
    await brand.tell('member-assignments', [told(1, 'A3', { memberNo: 'M7' })])
    await brand.tell('member-merges', [mergeItem({ memberNo: 'M7' })])
    expect(await bound(brand)).toEqual([])
    await brand.tell('member-merges', [mergeItem({ into: 'M3', at: march(20) })])
    expect(await bound(brand)).toEqual([])
  })

  test('a merge that decides to whom a contact belongs', async () => {
    const brand = await open()
    await brand.tell('identities', [contact({ memberNo: 'M2' }), contact({ memberNo: 'M5' })])
    await brand.tell('friend-events', [friend(2, 'A3')])
    expect(await bound(brand)).toEqual([`M5 A3 from ${march(2)} by friend_added A3/wm1`])
    await brand.tell('member-merges', [mergeItem({ memberNo: 'M2', into: 'M9', at: march(10) })])
    expect(await bound(brand)).toEqual([`M9 A3 from ${march(2)} by friend_added A3/wm1`])
  })

  test('a first order that comes late: another one was the first', async () => {
    const brand = await open()
    await brand.tell('orders', [sale(5, 'o-1', 'A1'), sale(9, 'o-2', null)])
    expect(await bound(brand)).toEqual([`M1 A1 from ${afterMarch(5)} by first_purchase mall/o-1`])
    await brand.tell('orders', [sale(3, 'o-0', 'A2')])
    expect(await bound(brand)).toEqual([`M1 A2 from ${afterMarch(3)} by first_purchase mall/o-0`])
    expect(await paid(brand)).toEqual(['o-1 A2', 'o-2 A2'])
  })

  test('a first order that is cancelled is none, one that is refunded is', async () => {
    const brand = await open()
    await brand.tell('orders', [sale(3, 'o-0', 'A1'), sale(5, 'o-1', 'A2'), sale(9, 'o-2', null)])
    await brand.tell('refunds', [
      refundItem({ orderNo: 'o-0', lines: [{ lineNo: 1, quantity: 1, refundFen: 10_000 }] }),
    ])
    expect(await bound(brand)).toEqual([`M1 A1 from ${afterMarch(3)} by first_purchase mall/o-0`])
    await brand.tell('orders', [sale(3, 'o-0', 'A1', { revision: 2, cancelled: true })])
    expect(await bound(brand)).toEqual([`M1 A2 from ${afterMarch(5)} by first_purchase mall/o-1`])
    expect(await paid(brand)).toEqual(['o-2 A2'])
  })

  test('a revision of the first order: when it was paid, by whom, at whose till', async () => {
    const brand = await open()
    await brand.tell('orders', [sale(3, 'o-0', 'A1'), sale(9, 'o-2', null)])
    expect(await bound(brand)).toEqual([`M1 A1 from ${afterMarch(3)} by first_purchase mall/o-0`])
    await brand.tell('orders', [sale(4, 'o-0', 'A1', { revision: 2 })])
    expect(await bound(brand)).toEqual([`M1 A1 from ${afterMarch(4)} by first_purchase mall/o-0`])
    await brand.tell('orders', [sale(4, 'o-0', 'A2', { revision: 3 })])
    expect(await bound(brand)).toEqual([`M1 A2 from ${afterMarch(4)} by first_purchase mall/o-0`])
    expect(await paid(brand)).toEqual(['o-2 A2'])
    await brand.tell('orders', [sale(4, 'o-0', 'A2', { revision: 4, memberNo: 'M2' })])
    expect(await bound(brand)).toEqual([`M2 A2 from ${afterMarch(4)} by first_purchase mall/o-0`])
    expect(await paid(brand)).toEqual([])
  })

  test('a touch that gives the first order a sharer, and a decision by hand that gives it another', async () => {
    const brand = await open()
    await brand.tell('share-links', [linkItem({ linkCode: `L-${brand.brandId}`, associateId: 'A1' })])
    await brand.tell('orders', [sale(5, 'o-1', 'A2'), sale(9, 'o-2', null)])
    expect(await bound(brand)).toEqual([`M1 A2 from ${afterMarch(5)} by first_purchase mall/o-1`])
    await brand.tell('touches', [touchItem({ linkCode: `L-${brand.brandId}`, at: march(4) })])
    expect(await bound(brand)).toEqual([`M1 A1 from ${afterMarch(5)} by first_purchase mall/o-1`])
    const override = { source: 'mall', orderNo: 'o-1', role: 'sharer', associateId: 'A3', reason: 'she served him' }
    expect(await brand.post('/overrides', override)).toBe(201)
    expect(await bound(brand)).toEqual([`M1 A3 from ${afterMarch(5)} by first_purchase mall/o-1`])
    expect(await paid(brand)).toEqual(['o-2 A3'])
  })

  test('an identity that says whose first order it was', async () => {
    const brand = await open()
    await brand.tell('orders', [
      without(sale(5, 'o-1', 'A1', { visitorId: 'v-1' }), 'memberNo'),
      sale(6, 'o-2', 'A2'),
      sale(9, 'o-3', null),
    ])
    expect(await bound(brand)).toEqual([`M1 A2 from ${afterMarch(6)} by first_purchase mall/o-2`])
    await brand.tell('identities', [identityItem()])
    expect(await bound(brand)).toEqual([`M1 A1 from ${afterMarch(5)} by first_purchase mall/o-1`])
    expect(await paid(brand)).toEqual(['o-2 A1', 'o-3 A1'])
  })
})

describe('who takes over', () => {
  test('in latest whoever comes at least protectDays later, to the millisecond', async () => {
    const brand = await open(latest(10))
    await brand.tell('identities', [contact()])
    await brand.tell('members', [enrolled(5, 'A1')])
    await brand.tell('friend-events', [friend(14, 'A2'), friend(14, 'A3', { at: '2026-03-15T03:59:59.999Z' })])
    expect(await bound(brand)).toEqual([`M1 A1 from ${march(5)} by enrol M1`])
    await brand.tell('friend-events', [friend(15, 'A4')])
    await brand.tell('orders', [sale(15, 'o-1', null)])
    expect(await bound(brand)).toEqual([
      `M1 A1 from ${march(5)} by enrol M1`,
      `M1 A4 from ${march(15)} by friend_added A4/wm1`,
    ])
    expect(await paid(brand)).toEqual(['o-1 A4'])
  })

  test('and within them from one who has left, also where that is told later', async () => {
    const brand = await open(latest(100))
    await brand.tell('identities', [contact()])
    await brand.tell('members', [enrolled(5, 'A1')])
    await brand.tell('friend-events', [friend(15, 'A2')])
    await brand.tell('orders', [sale(16, 'o-1', null)])
    expect(await bound(brand)).toEqual([`M1 A1 from ${march(5)} by enrol M1`])
    await brand.tell('associates', [{ associateId: 'A1', activeTo: march(15) }])
    expect(await bound(brand)).toEqual([
      `M1 A1 from ${march(5)} by enrol M1`,
      `M1 A2 from ${march(15)} by friend_added A2/wm1`,
    ])
    expect(await paid(brand)).toEqual(['o-1 A2'])
    await brand.tell('associates', [{ associateId: 'A1', activeTo: march(16) }])
    expect(await bound(brand)).toEqual([`M1 A1 from ${march(5)} by enrol M1`])
    expect(await paid(brand)).toEqual([])
  })

  test('what was told in between, though it is told last; nobody is nobody', async () => {
    const brand = await open()
    await brand.tell('identities', [contact()])
    await brand.tell('friend-events', [friend(5, 'A1'), friend(9, 'A2')])
    await brand.tell('orders', [sale(6, 'o-1', null), sale(10, 'o-2', null)])
    expect(await bound(brand)).toEqual([`M1 A1 from ${march(5)} by friend_added A1/wm1`])
    await brand.tell('member-assignments', [told(4, 'A3')])
    expect(await bound(brand)).toEqual([])
    expect(await paid(brand)).toEqual(['o-1 A3', 'o-2 A3'])
    await brand.tell('member-assignments', [told(8, null)])
    expect(await bound(brand)).toEqual([`M1 A2 from ${march(9)} by friend_added A2/wm1`])
    expect(await paid(brand)).toEqual(['o-1 A3', 'o-2 A2'])
    // A home store alone says nothing about whose he is.
    await brand.tell('member-assignments', [without(told(9, null, { homeStore: 'S1' }), 'attributedAssociate')])
    expect(await bound(brand)).toEqual([`M1 A2 from ${march(9)} by friend_added A2/wm1`])
  })

  test('who was given over by a transfer goes from the giver alone, in whatever sequence that is told', async () => {
    const brand = await open(latest(0))
    const givenAt = { kind: 'ended', endedBy: 'transfer', at: new Date(Date.parse(march(8)) - 60_000).toISOString() }
    await brand.tell('members', [enrolled(5, 'A1'), enrolled(5, 'A3', { memberNo: 'M2' })])
    await brand.tell('identities', [contact(), contact({ value: 'wm2', memberNo: 'M2' })])
    await brand.tell('friend-events', [friend(8, 'A2'), friend(8, 'A2', { externalUserid: 'wm2' })])
    const before = [`M1 A1 from ${march(5)} by enrol M1`, `M1 A2 from ${march(8)} by friend_added A2/wm1`]
    const third = `M2 A3 from ${march(5)} by enrol M2`
    expect(await bound(brand)).toEqual([...before, third, `M2 A2 from ${march(8)} by friend_added A2/wm2`])
    await brand.tell('friend-events', [
      friend(8, 'A1', givenAt),
      friend(8, 'A1', { ...givenAt, externalUserid: 'wm2' }),
    ])
    expect(await bound(brand)).toEqual([...before, third])
  })

  test('at one instant what was told, also under a number that was merged', async () => {
    const brand = await open(latest(0))
    await brand.tell('identities', [contact({ memberNo: 'M2' })])
    await brand.tell('friend-events', [friend(5, 'A1')])
    await brand.tell('orders', [sale(6, 'o-1', null, { memberNo: 'M2' })])
    expect(await bound(brand)).toEqual([`M2 A1 from ${march(5)} by friend_added A1/wm1`])
    await brand.tell('member-assignments', [told(5, 'A3')])
    await brand.tell('member-merges', [mergeItem({ at: march(1) })])
    expect(await bound(brand)).toEqual([])
    expect(await paid(brand)).toEqual(['o-1 A3'])
  })
})

describe('the policy', () => {
  test('is told by faults, each by its path', async () => {
    const brand = await open(null)
    const faults = async (body: object) => {
      const answer = await brand.send('PUT', '/settings/binding', body)
      expect([answer.status, answer.body['code']]).toEqual([422, 'invalid_body'])
      return (answer.body['errors'] as { path: string; code: string }[]).map(({ path, code }) => `${path} ${code}`)
    }
    expect(await faults({})).toEqual(['on missing_field', 'mode missing_field'])
    expect(await faults({ on: ['enrol', 'enrol'], mode: 'first' })).toEqual(['on invalid_value'])
    expect(await faults({ on: ['birth'], mode: 'last', protectDays: -1, until: 1 })).toEqual([
      'until unknown_field',
      'on[0] invalid_value',
      'mode invalid_value',
      'protectDays out_of_range',
    ])
    expect(await faults({ on: [], mode: 'first', protectDays: 0.5 })).toEqual(['protectDays invalid_type'])
    expect(await faults({ on: [], mode: 'first', effectiveFrom: '2026-03-01' })).toEqual(['effectiveFrom invalid_instant'])
    expect(await rowsOf(brand, 'binding_policies')).toBe(0)
  }) // prettier-ignore

  test('is shown as it is in force, and those that begin later', async () => {
    const brand = await open(null)
    const nothing = { on: [], mode: 'first', protectDays: 0 }
    expect(await brand.get('/settings/binding')).toEqual(nothing)
    expect(await put(brand, nothing)).toEqual(nothing)
    expect(await rowsOf(brand, 'binding_policies')).toBe(0)
    const answer = await put(brand, { on: ['friend_added', 'enrol'], mode: 'latest', protectDays: 30 })
    expect(answer).toMatchObject({ on: ['enrol', 'friend_added'], mode: 'latest', protectDays: 30, toldBy: 'key:test' })
    expect(await brand.get('/settings/binding')).toEqual(answer)
    const later = await put(brand, { ...FIRST, effectiveFrom: '2126-01-01T00:00:00+08:00' })
    expect(later).toMatchObject({ mode: 'first', effectiveFrom: '2125-12-31T16:00:00.000Z' })
    expect(await brand.get('/settings/binding')).toEqual({ ...answer, upcoming: [later] })
    const { items } = await brand.get<{ items: Item[] }>('/activity?action=binding.changed')
    expect(items).toMatchObject([
      { subject: 'settings/binding', details: { mode: 'first', effectiveFrom: '2125-12-31T16:00:00.000Z' } },
      { subject: 'settings/binding', details: { mode: 'latest', protectDays: 30 } },
    ])
  })

  test('told again changes nothing, in whichever sequence its events are named', async () => {
    const brand = await open(null)
    const first = await put(brand, { on: ['enrol', 'friend_added'], mode: 'first' })
    const again = { on: ['friend_added', 'enrol'], mode: 'first', protectDays: 0, effectiveFrom: null }
    expect(await put(brand, again)).toEqual(first)
    expect(await rowsOf(brand, 'binding_policies')).toBe(1)
    const both = await Promise.all([put(brand, latest(3)), put(brand, latest(3))])
    expect(both[0]).toEqual(both[1])
    expect(await rowsOf(brand, 'binding_policies')).toBe(2)
  })

  test('told without a beginning replaces all that was, for everybody; turned off, nothing is left', async () => {
    const brand = await open(null)
    const members = Array.from({ length: 250 }, (_, i) => `N${String(i).padStart(3, '0')}`)
    await brand.tell('members', members.map(memberNo => enrolled(5, 'A1', { memberNo }))) // prettier-ignore
    await brand.tell('identities', [contact({ memberNo: 'N007' })])
    await brand.tell('friend-events', [friend(6, 'A2')])
    await brand.tell('orders', [sale(9, 'o-1', null, { memberNo: 'N007' }), sale(9, 'o-2', null, { memberNo: 'N249' })])
    await brand.settled()
    await put(brand, FIRST)
    expect(await bound(brand)).toHaveLength(250)
    expect(await paid(brand)).toEqual(['o-1 A1', 'o-2 A1'])
    await put(brand, { ...latest(0), on: ['enrol', 'friend_added'] })
    expect(await bound(brand)).toHaveLength(251)
    expect(await paid(brand)).toEqual(['o-1 A2', 'o-2 A1'])
    await put(brand, { on: ['friend_added'], mode: 'first' })
    expect(await bound(brand)).toEqual([`N007 A2 from ${march(6)} by friend_added A2/wm1`])
    await put(brand, { on: [], mode: 'first' })
    expect(await bound(brand)).toEqual([])
    expect(await paid(brand)).toEqual([])
  })

  test('told with a beginning leaves earlier events theirs', async () => {
    const brand = await open({ on: ['enrol'], mode: 'first' })
    await brand.tell('identities', [contact()])
    await brand.tell('members', [enrolled(2, 'A1')])
    await brand.tell('friend-events', [friend(4, 'A2'), friend(8, 'A3')])
    await brand.tell('orders', [sale(3, 'o-1', null), sale(5, 'o-2', null), sale(9, 'o-3', null)])
    expect(await bound(brand)).toEqual([`M1 A1 from ${march(2)} by enrol M1`])
    await put(brand, { on: ['friend_added'], mode: 'latest', effectiveFrom: march(8) })
    expect(await bound(brand)).toEqual([
      `M1 A1 from ${march(2)} by enrol M1`,
      `M1 A3 from ${march(8)} by friend_added A3/wm1`,
    ])
    expect(await paid(brand)).toEqual(['o-1 A1', 'o-2 A1', 'o-3 A3'])
    await put(brand, { on: ['friend_added'], mode: 'latest', effectiveFrom: march(1) })
    expect(await bound(brand)).toEqual([
      `M1 A2 from ${march(4)} by friend_added A2/wm1`,
      `M1 A3 from ${march(8)} by friend_added A3/wm1`,
    ])
    expect(await paid(brand)).toEqual(['o-2 A2', 'o-3 A3'])
  })
})

describe('at the same moment', () => {
  test('evidence that was being taken when no policy was told yet is found when one is', async () => {
    const brand = await open(null)
    const others = openPool(service.databaseUrl, { max: 2, asOwner: true })
    let release = () => {}
    const released = new Promise<void>(resolve => (release = resolve))
    let isLocked = () => {}
    const locked = new Promise<void>(resolve => (isLocked = resolve))
    const lock = others.begin(async tx => {
      await tx`LOCK TABLE rejected_items IN EXCLUSIVE MODE`
      isLocked()
      await released
    })
    try {
      await locked
      // It has looked for a policy and found none, and cannot end.
      const taking = brand.send('POST', '/members', [enrolled(5, 'A1'), { memberNo: 'refused', born: 1 }])
      for (let waiting = 0; waiting === 0;) {
        const [row] = await others<{ count: number }[]>`
          SELECT count(*)::int AS count FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`
        waiting = row!.count
      }
      await put(brand, FIRST)
      for (let i = 0; i < 50; i++) await brand.get('/health/reconcile') // the worker sees the policy meanwhile
      release()
      expect((await taking).status).toBe(200)
      expect(await bound(brand)).toEqual([`M1 A1 from ${march(5)} by enrol M1`])
    } finally {
      release()
      await lock
      await others.end()
    }
  })

  test('two workers and evidence of one person in many calls', async () => {
    const brand = await open(latest(1))
    const second = startReconcileWorker({ pool: service.pool, now: Date.now, onError: () => {} })
    try {
      const calls = [
        ...Array.from({ length: 8 }, (_, i) => () => brand.tell('friend-events', [friend(i + 2, `A${(i % 4) + 1}`)])),
        ...Array.from({ length: 8 }, (_, i) => () => brand.tell('orders', [sale(i + 2, `o-${i}`, `A${(i % 4) + 1}`)])),
        () => brand.tell('identities', [contact()]),
        () => brand.tell('members', [enrolled(7, 'A2')]),
        () => brand.tell('member-assignments', [told(9, 'A3')]),
        () => put(brand, latest(2)),
      ]
      await Promise.all(calls.map(call => call()))
      expect(await bound(brand)).toEqual([
        `M1 A1 from ${afterMarch(2)} by first_purchase mall/o-0`,
        `M1 A3 from ${march(4)} by friend_added A3/wm1`,
        `M1 A1 from ${march(6)} by friend_added A1/wm1`,
        `M1 A3 from ${march(8)} by friend_added A3/wm1`,
      ])
    } finally {
      await second.stop()
    }
  })
})

describe('what is kept', () => {
  test('is seen by the audit where a row was changed, is missing, or is too much', async () => {
    const brand = await open()
    const { brandId } = brand
    await brand.tell('members', [enrolled(5, 'A1'), enrolled(6, 'A2', { memberNo: 'M2' })])
    await bound(brand)
    const audit = async () => (await brand.get<{ items: Item[] }>('/audit')).items
    const enrolment = { associateId: 'A1', event: 'enrol', eventId: 'M1', from: march(5) }
    await service.pool`UPDATE derived_assignments SET associate_id = 'A3' WHERE brand_id = ${brandId} AND member_no = 'M1'`
    expect(await audit()).toEqual([
      { memberNo: 'M1', derived: [enrolment], kept: [{ ...enrolment, associateId: 'A3' }] },
    ])
    await service.pool`DELETE FROM derived_assignments WHERE brand_id = ${brandId}`
    expect(await audit()).toMatchObject([
      { memberNo: 'M1', kept: [] },
      { memberNo: 'M2', kept: [] },
    ])
    const other = await open(null)
    await service.pool`
      INSERT INTO derived_assignments (brand_id, member_no, from_at, associate_id, event_kind, event_id)
      VALUES (${other.brandId}, 'M9', ${march(5)}::text::timestamptz, 'A1', 'enrol', 'M9')`
    expect((await other.get<{ items: Item[] }>('/audit')).items).toMatchObject([{ memberNo: 'M9', derived: [] }])
  })

  test('is the reason that a card shows', async () => {
    const brand = await open()
    await brand.tell('identities', [contact()])
    await brand.tell('friend-events', [friend(5, 'A1')])
    await bound(brand)
    const { brandId } = brand
    const memberNo = await recognise(service.pool, { brandId, visitorIds: { external_userid: 'wm1' } })
    const person = await readPerson(service.pool, { brandId, memberNo: memberNo! })
    expect(person.assignments).toEqual([
      {
        memberNo: 'M1',
        from: Date.parse(march(5)),
        attributedAssociate: 'A1',
        event: 'friend_added',
        reason: 'friend_added',
      },
    ])
  })

  test('is the reason that an order shows', async () => {
    const brand = await open()
    await brand.tell('members', [enrolled(5, 'A1')])
    await brand.tell('orders', [sale(6, 'o-1', null)])
    await bound(brand)
    const { roles } = await brand.get<{ roles: Item[] }>('/orders/mall/o-1/commission')
    expect(roles.find(role => role['role'] === 'attributed')).toEqual({
      role: 'attributed',
      holder: 'A1',
      because: 'assignment',
      since: march(5),
      event: 'enrol',
    })
  })

  test('follows an associate who leaves and comes back, as orders do', async () => {
    const brand = await open()
    await brand.tell('identities', [contact()])
    await brand.tell('friend-events', [friend(5, 'A1')])
    await brand.tell('orders', [sale(6, 'o-1', null), sale(9, 'o-2', null)])
    expect(await bound(brand)).toHaveLength(1)
    await brand.tell('associates', [{ associateId: 'A1', activeTo: march(8) }])
    expect(await bound(brand)).toHaveLength(1)
    expect(await paid(brand)).toEqual(['o-1 A1'])
    await brand.tell('associates', [{ associateId: 'A1', activeFrom: march(9) }])
    expect(await bound(brand)).toHaveLength(1)
    expect(await paid(brand)).toEqual(['o-1 A1', 'o-2 A1'])
  })
})
