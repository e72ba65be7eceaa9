import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ACTIONS,
  counterScanMinutes,
  habitOf,
  isSoonAfter,
  keep,
  ORDERS_PER_FINDING,
  rolesToVacate,
  statusAfter,
  type Action,
  type FindingStatus,
  type Found,
  type FoundOrder,
  type Kept,
} from '../../server/features/risks/domain.ts'
import { decide } from '../../server/features/commissions/domain.ts'
import {
  aLink,
  anAssociate,
  anOrder,
  aPlan,
  aTouch,
  evidenceOf,
  PAID_AT,
  type EvidenceParts,
} from '../builders/evidence.ts'

const DAY_MS = 86_400_000
const START = Date.parse('2026-03-01T00:00:00Z')

const orderAt = (day: number, orderNo = `o-${day}`): FoundOrder => ({
  source: 'till',
  orderNo,
  paidAt: new Date(START + day * DAY_MS).toISOString(),
  concerned: [{ role: 'sharer', associateId: 'a1' }],
  facts: {},
})
const found = (orders: readonly FoundOrder[], over: Partial<Found> = {}): Found => ({
  kind: 'counter_scan',
  about: ['a1', 'S1'],
  associateId: 'a1',
  storeCode: 'S1',
  facts: {},
  orders,
  ...over,
})
/** What is kept after each of these was found, one after another. */
function keptAfter(all: readonly Found[], before: readonly Kept[] = []): Kept[] {
  const rounds = new Map(before.map(round => [round.round, round]))
  for (const one of all) for (const round of keep([...rounds.values()], one)) rounds.set(round.round, round)
  return [...rounds.values()]
}
const numbersOf = (kept: readonly Kept[], status: FindingStatus) =>
  kept
    .filter(round => round.status === status)
    .flatMap(round => round.orders.map(order => order.orderNo))
    .sort()

describe('a habit', () => {
  test.each<[string, number[], number[]]>([
    ['two', [0, 1], []],
    ['three on one day', [0, 0.1, 0.2], [0, 0.1, 0.2]],
    ['three within 30 days, both ends', [0, 15, 30], [0, 15, 30]],
    ['three in more than 30 days', [0, 15, 30.001], []],
    ['three, and one long before', [-40, 0, 15, 30], [0, 15, 30]],
    ['a chain of habits', [0, 20, 25, 45, 50], [0, 20, 25, 45, 50]],
    ['a pair beside a habit', [0, 1, 2, 60, 61], [0, 1, 2]],
  ])('%s', (_, days, expected) => {
    expect(habitOf(days.map(day => orderAt(day))).map(order => order.orderNo)).toEqual(expected.map(day => `o-${day}`))
  })
})

const someOrders = fc.uniqueArray(fc.integer({ min: 0, max: 200 }), { maxLength: 25 })
const someKind = fc.constantFrom('counter_scan', 'shared_phone', 'click_flood', 'refund_after_settlement')

describe('what is kept', () => {
  test('found again is the same', () => {
    fc.assert(
      fc.property(someOrders, someKind, (days, kind) => {
        const one = found(
          days.map(day => orderAt(day)),
          { kind },
        )
        expect(keep(keptAfter([one]), one)).toEqual([])
      }),
    )
  })

  test('is the same in whichever sequence, and in whichever heaps, it is found', () => {
    const sequences = someOrders.chain(days =>
      fc.tuple(
        fc.shuffledSubarray(days, { minLength: days.length }),
        fc.constant(days),
        fc.integer({ min: 1, max: 5 }),
      ),
    )
    fc.assert(
      fc.property(sequences, ([shuffled, days, size]) => {
        const heaps: Found[] = []
        for (let i = 0; i < shuffled.length; i += size) {
          heaps.push(found(shuffled.slice(i, i + size).map(day => orderAt(day))))
        }
        const kept = keptAfter(heaps)
        const habit = habitOf(days.map(day => orderAt(day))).map(order => order.orderNo)
        expect(numbersOf(kept, 'open')).toEqual(habit.sort())
        expect([...numbersOf(kept, 'open'), ...numbersOf(kept, 'watched')].sort()).toEqual(
          days.map(day => `o-${day}`).sort(),
        )
      }),
    )
  })

  test('stays in the finding that was decided, and what comes after begins another', () => {
    fc.assert(
      fc.property(
        someOrders,
        someOrders,
        fc.constantFrom<FindingStatus>('held', 'released', 'reversed', 'dismissed'),
        (first, second, status) => {
          const decided = keptAfter([found(first.map(day => orderAt(day)))]).map(round =>
            round.status === 'open' ? { ...round, status } : round,
          )
          const after = keptAfter([found(second.map(day => orderAt(day)))], decided)
          expect(numbersOf(after, status)).toEqual(numbersOf(decided, status))
          const everywhere = after.flatMap(round => round.orders.map(order => order.orderNo))
          expect(new Set(everywhere).size).toBe(everywhere.length)
        },
      ),
    )
  })

  test('is no larger than a decision can book at once', () => {
    const many = Array.from({ length: 2 * ORDERS_PER_FINDING + 1 }, (_, i) => orderAt(i / 100, `o-${i}`))
    const kept = keptAfter([found(many.slice(0, 50)), found(many)])
    expect(kept.map(round => [round.round, round.status, round.orders.length])).toEqual([
      [1, 'open', ORDERS_PER_FINDING],
      [2, 'open', ORDERS_PER_FINDING],
      [3, 'open', 1],
    ])
  })

  test('of one phone stays dismissed; of a flood is its height, also without an order', () => {
    const phone = found([orderAt(1)], { kind: 'shared_phone' })
    const dismissed = keptAfter([phone]).map(round => ({ ...round, status: 'dismissed' as const }))
    expect(keep(dismissed, found([orderAt(2)], { kind: 'shared_phone' }))).toEqual([])
    const flood = (clicksPerHour: number, orders: FoundOrder[] = []) =>
      found(orders, { kind: 'click_flood', facts: { clicksPerHour, linkCode: 'L' } })
    const kept = keptAfter([flood(200), flood(350), flood(210)])
    expect(kept).toEqual([{ round: 1, status: 'open', facts: { clicksPerHour: 350, linkCode: 'L' }, orders: [] }])
    const held = kept.map(round => ({ ...round, status: 'held' as const }))
    expect(keep(held, flood(400))).toEqual([])
    expect(keep(held, flood(400, [orderAt(1)]))).toMatchObject([{ round: 2, status: 'open' }])
  })
})

describe('a counter scan', () => {
  const minutesOf = (parts: EvidenceParts) => {
    const evidence = evidenceOf({
      links: [aLink('A1')],
      associates: [anAssociate('A1')],
      ...parts,
    })
    return counterScanMinutes({ evidence, decision: decide(evidence, aPlan()) })
  }
  const link = aLink('A1').linkCode
  const inStore = { channel: 'in_store', sellingStore: 'S1' } as const
  const touchBefore = (ms: number) => [aTouch({ linkCode: link, at: PAID_AT - ms })]
  test.each<[string, number, number | null]>([
    ['at the till', 0, 0],
    ['a moment before', 59_999, 0],
    ['ten minutes before', 600_000, 10],
    ['longer before', 600_001, null],
  ])('%s', (_, ms, expected) => {
    expect(minutesOf({ order: anOrder(inStore), touches: touchBefore(ms) })).toBe(expected)
  })
  test('is one by the order’s own share code too, and none online or where it lost', () => {
    expect(minutesOf({ order: anOrder({ ...inStore, shareCode: link }) })).toBe(0)
    expect(minutesOf({ order: anOrder({ channel: 'online' }), touches: touchBefore(0) })).toBeNull()
    expect(minutesOf({ order: anOrder({ ...inStore, cancelled: true }), touches: touchBefore(0) })).toBeNull()
    expect(minutesOf({ order: anOrder(inStore), touches: [] })).toBeNull()
  })
})

describe('a decision', () => {
  const STATUSES: FindingStatus[] = ['watched', 'open', 'held', 'released', 'reversed', 'dismissed']
  const allowed: Partial<Record<FindingStatus, Partial<Record<Action, FindingStatus>>>> = {
    open: { hold: 'held', reverse: 'reversed', dismiss: 'dismissed' },
    held: { hold: 'held', release: 'released', reverse: 'reversed' },
    released: { release: 'released' },
    reversed: { reverse: 'reversed' },
    dismissed: { dismiss: 'dismissed' },
  }
  test.each(STATUSES.flatMap(status => ACTIONS.map(action => [status, action] as const)))(
    '%s, %s',
    (status, action) => {
      expect(statusAfter(status, action)).toBe(allowed[status]?.[action] ?? null)
    },
  )

  test('takes from him alone, and only what he holds whole', () => {
    const his = (role: 'sharer' | 'closer' | 'attributed') => ({ role, associateId: 'a1' })
    const roles = { sharer: 'a1', closer: ['a1', 'a2'], attributed: 'a3' }
    expect(rolesToVacate([his('sharer'), his('closer'), his('attributed')], roles)).toEqual(['sharer'])
    expect(rolesToVacate([his('closer')], { closer: ['a1'] })).toEqual(['closer'])
    expect(rolesToVacate([his('closer')], {})).toEqual([])
  })
})

test('soon after a settlement is within seven days of its approval, both ends', () => {
  expect(isSoonAfter(START, START)).toBe(true)
  expect(isSoonAfter(START + 7 * DAY_MS, START)).toBe(true)
  expect(isSoonAfter(START + 7 * DAY_MS + 1, START)).toBe(false)
  expect(isSoonAfter(START - 1, START)).toBe(false)
})
