import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  assignmentInForce,
  isActive,
  type Associate,
  type MemberAssignment,
} from '../../server/features/attribution/domain.ts'
import {
  differencesOf,
  NO_BINDING,
  policyAt,
  replay,
  type BindingEvent,
  type BindingPolicy,
  type DerivedAssignment,
} from '../../server/features/bindings/domain.ts'
import { DAY_MS, type Instant } from '../../server/lib/time.ts'
import { randomOf, shuffled } from '../builders/histories.ts'

/** Whose customer a person becomes by which event: docs/commission.md, "Binding policy". */

const START: Instant = Date.parse('2026-03-01T00:00:00+08:00')
const day = (days: number): Instant => START + days * DAY_MS
const ALL = ['enrol', 'first_purchase', 'friend_added'] as const

const policy = (over: Partial<BindingPolicy> = {}): BindingPolicy => ({
  on: ALL,
  mode: 'first',
  protectDays: 0,
  effectiveFrom: null,
  ...over,
})
const latest = (protectDays = 0, over: Partial<BindingPolicy> = {}) => policy({ mode: 'latest', protectDays, ...over })

const enrol = (at: Instant, associateId: string): BindingEvent => ({ kind: 'enrol', id: 'M1', at, associateId })
const friend = (at: Instant, associateId: string): BindingEvent => ({
  kind: 'friend_added',
  id: `${associateId}/wm1`,
  at,
  associateId,
})
/** WeCom gave him over from others. */
const given = (at: Instant, associateId: string, ...givenBy: string[]): BindingEvent => ({
  ...friend(at, associateId),
  givenBy,
})
const purchase = (at: Instant, associateId: string): BindingEvent => ({
  kind: 'first_purchase',
  id: 'mall/o-1',
  at,
  associateId,
})
const tell = (from: Instant, attributedAssociate: string | null, memberNo = 'M1'): MemberAssignment => ({
  memberNo,
  from,
  attributedAssociate,
})

const always = [{ activeFrom: day(-1000), activeTo: null }]
/** A, B and C always work here; L until day 10, and again from day 20. */
const ASSOCIATES = new Map<string, Pick<Associate, 'employments'>>([
  ...['A', 'B', 'C'].map(id => [id, { employments: always }] as const),
  ['L', { employments: [{ activeFrom: day(-1000), activeTo: day(10) }, { activeFrom: day(20), activeTo: null }] }],
]) // prettier-ignore

/** `A from +0 by enrol`, days after the start, milliseconds beside them. */
const shown = (rows: readonly DerivedAssignment[]) =>
  rows.map(({ from, associateId, event }) => {
    const days = Math.floor((from - START) / DAY_MS)
    const rest = from - day(days)
    return `${associateId} from ${days}${rest === 0 ? '' : `+${rest}ms`} by ${event}`
  })

const bound = (
  policies: BindingPolicy | readonly BindingPolicy[],
  events: readonly BindingEvent[],
  told: readonly MemberAssignment[] = [],
) => shown(replay({ events, told, policies: [policies].flat(), associates: ASSOCIATES }))

describe('which events bind', () => {
  test.each<[string, BindingPolicy | BindingPolicy[], BindingEvent[], string[]]>([
    ['enrolment, from its instant on', policy(), [enrol(day(1), 'A')], ['A from 1 by enrol']],
    ['a friend added, from its instant on', policy(), [friend(day(1), 'A')], ['A from 1 by friend_added']],
    ['a first purchase, for what is paid after it', policy(), [purchase(day(1), 'A')], ['A from 1+1ms by first_purchase']],
    ['none where nothing was told', [], [enrol(day(1), 'A')], []],
    ['none where it was turned off', [policy(), policy({ on: [] })], [enrol(day(1), 'A')], []],
    ['those that the policy names alone', policy({ on: ['friend_added'] }), [enrol(day(1), 'A'), friend(day(2), 'B')], ['B from 2 by friend_added']],
    ['with somebody who does not work here then too: he holds no role', policy(), [friend(day(10), 'L'), friend(day(12), 'B')], ['L from 10 by friend_added']],
    ['with somebody who is back', policy(), [friend(day(20), 'L')], ['L from 20 by friend_added']],
    ['none with somebody unknown', policy(), [friend(day(1), 'nobody')], []],
  ])('%s', (_name, policies, events, expected) => {
    expect(bound(policies, events)).toEqual(expected)
  })
}) // prettier-ignore

describe('who takes over', () => {
  test.each<[string, BindingPolicy, BindingEvent[], MemberAssignment[], string[]]>([
    ['first: nobody, once somebody has him', policy(), [enrol(day(1), 'A'), friend(day(90), 'B')], [], ['A from 1 by enrol']],
    ['first: not even from one who has left', policy(), [enrol(day(1), 'L'), friend(day(15), 'B')], [], ['L from 1 by enrol']],
    ['latest: the next one', latest(), [enrol(day(1), 'A'), friend(day(2), 'B')], [], ['A from 1 by enrol', 'B from 2 by friend_added']],
    ['latest: not within the protected days', latest(30), [enrol(day(1), 'A'), friend(day(30), 'B')], [], ['A from 1 by enrol']],
    ['latest: a millisecond before they end, no', latest(30), [enrol(day(1), 'A'), friend(day(31) - 1, 'B')], [], ['A from 1 by enrol']],
    ['latest: at their end, yes', latest(30), [enrol(day(1), 'A'), friend(day(31), 'B')], [], ['A from 1 by enrol', 'B from 31 by friend_added']],
    ['latest: the days begin with the purchase', latest(30), [purchase(day(1), 'A'), friend(day(31), 'B')], [], ['A from 1+1ms by first_purchase', 'B from 31 by friend_added']],
    ['latest: the days begin anew with each', latest(30), [enrol(day(1), 'A'), friend(day(31), 'B'), friend(day(60), 'C')], [], ['A from 1 by enrol', 'B from 31 by friend_added']],
    ['latest: from one who has left, also within them', latest(30), [enrol(day(1), 'L'), friend(day(10), 'B')], [], ['L from 1 by enrol', 'B from 10 by friend_added']],
    ['latest: not from one who leaves later', latest(30), [enrol(day(1), 'L'), friend(day(9), 'B')], [], ['L from 1 by enrol']],
    ['latest: not from one who is back', latest(60), [enrol(day(1), 'L'), friend(day(21), 'B')], [], ['L from 1 by enrol']],
    ['latest: the same one begins anew', latest(), [enrol(day(1), 'A'), friend(day(2), 'A')], [], ['A from 1 by enrol', 'A from 2 by friend_added']],
    ['latest: not within his own protected days', latest(30), [enrol(day(1), 'A'), friend(day(2), 'A'), friend(day(31), 'B')], [], ['A from 1 by enrol', 'B from 31 by friend_added']],
    ['latest: after them, and is protected again', latest(30), [enrol(day(1), 'A'), friend(day(31), 'A'), friend(day(60), 'B')], [], ['A from 1 by enrol', 'A from 31 by friend_added']],
    ['a told one in force counts', policy(), [friend(day(5), 'B')], [tell(day(1), 'A')], []],
    ['a told one later does not', policy(), [friend(day(5), 'B')], [tell(day(6), 'A')], ['B from 5 by friend_added']],
    ['told nobody: nobody has him', policy(), [enrol(day(1), 'A'), friend(day(5), 'B')], [tell(day(3), null)], ['A from 1 by enrol', 'B from 5 by friend_added']],
    ['latest: told ones are protected as well', latest(30), [friend(day(30), 'B'), friend(day(31), 'C')], [tell(day(1), 'A')], ['C from 31 by friend_added']],
    ['told in between, then the next event', latest(5), [enrol(day(1), 'A'), friend(day(12), 'C')], [tell(day(8), 'B')], ['A from 1 by enrol']],
    ['told at the same instant wins', latest(), [enrol(day(1), 'A'), friend(day(2), 'B')], [tell(day(2), 'C')], ['A from 1 by enrol']],
    ['told nobody at the same instant wins', policy(), [friend(day(2), 'B')], [tell(day(2), null)], []],
    ['latest: given over, from the giver', latest(), [enrol(day(1), 'A'), given(day(2), 'B', 'A')], [], ['A from 1 by enrol', 'B from 2 by friend_added']],
    ['latest: given over, not from a third person', latest(), [enrol(day(1), 'C'), given(day(2), 'B', 'A')], [], ['C from 1 by enrol']],
    ['latest: given over, not from a third person who was told', latest(), [given(day(2), 'B', 'A')], [tell(day(1), 'C')], []],
    ['latest: given over, whom nobody has', latest(), [given(day(2), 'B', 'A')], [], ['B from 2 by friend_added']],
    ['told at the instant of a purchase wins', latest(), [purchase(day(2), 'B')], [tell(day(2), 'C')], []],
    ['told when a purchase would take effect wins', latest(), [purchase(day(2), 'B')], [tell(day(2) + 1, 'C')], []],
    ['told under two numbers at one instant: the greater number', policy(), [friend(day(2), 'B')], [tell(day(1), 'A', 'M1'), tell(day(1), null, 'M2')], ['B from 2 by friend_added']],
    ['at one instant by kind: the last of them holds', latest(), [friend(day(1), 'B'), enrol(day(1), 'A')], [], ['B from 1 by friend_added']],
    ['at one instant, back to whom told was in force', latest(), [friend(day(2), 'A'), enrol(day(2), 'B')], [tell(day(1), 'A')], ['A from 2 by friend_added']],
    ['at one instant by kind: the first of them holds', policy(), [friend(day(1), 'B'), enrol(day(1), 'A')], [], ['A from 1 by enrol']],
    ['at one instant, a purchase that another event follows', latest(), [friend(day(1), 'B'), purchase(day(1), 'A')], [], ['B from 1 by friend_added']],
    ['at one instant, a purchase comes before a friend', policy(), [friend(day(1), 'B'), purchase(day(1), 'A')], [], ['A from 1+1ms by first_purchase']],
    ['at one instant and kind, by the bytes of the id', policy(), [friend(day(1), 'B'), friend(day(1), 'A')], [], ['A from 1 by friend_added']],
  ])('%s', (_name, one, events, told, expected) => {
    expect(bound(one, events, told)).toEqual(expected)
  })
}) // prettier-ignore

describe('which policy an event follows', () => {
  const a = policy({ on: ['enrol'] })
  const b = policy({ on: ['friend_added'], effectiveFrom: day(10) })
  const c = policy({ on: [], effectiveFrom: day(5) })
  test.each<[string, BindingPolicy[], Instant, BindingPolicy]>([
    ['none', [], day(1), NO_BINDING],
    ['none that has begun', [b], day(9), NO_BINDING],
    ['the one before the next begins', [a, b], day(10) - 1, a],
    ['the next from its beginning', [a, b], day(10), b],
    ['told later wins over all that it covers', [a, b, c], day(12), c],
    ['and over no more', [a, b, c], day(4), a],
    ['without a beginning it replaces all', [a, b, c, { ...a, on: [] }], day(12), { ...a, on: [] }],
  ])('%s', (_name, policies, at, expected) => {
    expect(policyAt(policies, at)).toEqual(expected)
  })
  test('events before keep theirs', () => {
    const policies = [policy({ on: ['friend_added'] }), latest(0, { effectiveFrom: day(10) })]
    expect(bound(policies, [enrol(day(1), 'A'), friend(day(2), 'B'), friend(day(3), 'C'), purchase(day(11), 'C')])).toEqual(
      ['B from 2 by friend_added', 'C from 11+1ms by first_purchase'],
    ) // prettier-ignore
  })
})

describe('which assignment is in force', () => {
  const derived: MemberAssignment = { memberNo: 'M9', from: day(1), attributedAssociate: 'B', event: 'enrol' }
  test.each<[string, MemberAssignment[], { value: string | null; from: Instant; event?: string }]>([
    ['what an event made, and which', [derived], { value: 'B', from: day(1), event: 'enrol' }],
    ['the later one', [tell(day(0), 'A'), derived], { value: 'B', from: day(1), event: 'enrol' }],
    ['at one instant what was told', [tell(day(1), 'A'), derived], { value: 'A', from: day(1) }],
    ['also where it says nobody', [derived, tell(day(1), null)], { value: null, from: day(1) }],
    ['the told home store says nothing of it', [derived, { memberNo: 'M1', from: day(2), homeStore: 'S1' }], { value: 'B', from: day(1), event: 'enrol' }],
  ])('%s', (_name, entries, expected) => {
    expect(assignmentInForce(entries, 'attributedAssociate', day(3))).toEqual(expected)
    expect(assignmentInForce(entries.toReversed(), 'attributedAssociate', day(3))).toEqual(expected)
  })
  test('an event says nothing of the home store', () => {
    expect(assignmentInForce([derived], 'homeStore', day(3))).toBeNull()
  })
}) // prettier-ignore

describe('what is kept', () => {
  const row = (over: Partial<DerivedAssignment> = {}): DerivedAssignment => ({
    from: day(1),
    associateId: 'A',
    event: 'enrol',
    eventId: 'M1',
    ...over,
  })
  test('the difference alone, and from when on orders may have changed', () => {
    expect(differencesOf([row()], [row()])).toEqual({ gone: [], come: [], changedFrom: null })
    const later = row({ from: day(3), associateId: 'B' })
    expect(differencesOf([row(), later], [row()])).toEqual({ gone: [later], come: [], changedFrom: day(3) })
    const other = row({ associateId: 'B' })
    expect(differencesOf([row()], [other])).toEqual({ gone: [row()], come: [other], changedFrom: day(1) })
  })
  test('another event of the same associate and instant changes no order', () => {
    const other = row({ event: 'friend_added', eventId: 'A/wm1' })
    expect(differencesOf([row()], [other])).toEqual({ gone: [row()], come: [other], changedFrom: null })
  })
})

// ---------------------------------------------------------------------------------------------- properties

const instant = fc
  .tuple(fc.integer({ min: -3, max: 30 }), fc.constantFrom(0, 0, 0, -1, 1))
  .map(([days, besideMs]) => day(days) + besideMs)
const associateId = fc.constantFrom('A', 'B', 'C', 'L', 'nobody')

const event: fc.Arbitrary<BindingEvent> = fc.record({
  kind: fc.constantFrom(...ALL),
  id: fc.constantFrom('1', '2', '～', '\u{1F600}'),
  at: instant,
  associateId,
})
const events = fc.array(event, { maxLength: 8, size: 'large' })
const told = fc.uniqueArray(
  fc
    .record({ memberNo: fc.constantFrom('M1', 'M2'), from: instant, value: fc.option(associateId) })
    .map(({ memberNo, from, value }): MemberAssignment => tell(from, value, memberNo)),
  { maxLength: 4, selector: entry => `${entry.memberNo} ${entry.from}` },
)
const onePolicy: fc.Arbitrary<BindingPolicy> = fc.record({
  on: fc.subarray([...ALL]),
  mode: fc.constantFrom('first', 'latest'),
  protectDays: fc.constantFrom(0, 0, 1, 7, 30),
  effectiveFrom: fc.option(instant),
})
const policies = fc.array(onePolicy, { minLength: 1, maxLength: 3 })
const history = fc.record({ events, told, policies })
type History = typeof history extends fc.Arbitrary<infer T> ? T : never

const derive = (one: History) => replay({ ...one, associates: ASSOCIATES })
const asTold = (rows: readonly DerivedAssignment[]) =>
  rows.map(({ from, associateId, event }): MemberAssignment => ({
    memberNo: 'M1',
    from,
    attributedAssociate: associateId,
    event,
  }))

const check = (holds: (one: History, derived: DerivedAssignment[]) => void, numRuns = 3_000) => {
  let seen = 0
  fc.assert(
    fc.property(history, one => {
      const derived = derive(one)
      seen += derived.length
      holds(one, derived)
    }),
    { numRuns },
  )
  expect(seen).toBeGreaterThan(numRuns / 4) // else the histories say nothing
}

describe('of random histories', () => {
  test('the sequence in which things were told does not matter, but for policies', () => {
    fc.assert(
      fc.property(history, fc.integer(), (one, seed) => {
        const random = randomOf(seed)
        const again = { ...one, events: shuffled(one.events, random, 2), told: shuffled(one.told, random, 2) }
        expect(derive(again)).toEqual(derive(one))
      }),
      { numRuns: 3_000 },
    )
  })

  test('they come oldest first, one at an instant, and none where something was told', () => {
    check(({ told }, derived) => {
      for (const [i, row] of derived.entries()) {
        if (i > 0) expect(row.from).toBeGreaterThan(derived[i - 1]!.from)
        expect(told.some(entry => entry.from === row.from)).toBe(false)
      }
    })
  })

  test('each follows from an event of the policy that covers it, with somebody who is known', () => {
    check((one, derived) => {
      for (const row of derived) {
        const at = row.event === 'first_purchase' ? row.from - 1 : row.from
        const named = { kind: row.event, id: row.eventId, at, associateId: row.associateId }
        expect(one.events).toContainEqual(named)
        expect(policyAt(one.policies, at).on).toContain(row.event)
        expect(ASSOCIATES.has(row.associateId)).toBe(true)
      }
    })
  })

  test('nobody takes over in mode first, nor from one who is protected', () => {
    check((one, derived) => {
      for (const [i, row] of derived.entries()) {
        const at = row.event === 'first_purchase' ? row.from - 1 : row.from
        const entries = [...one.told, ...asTold(derived.slice(0, i))]
        const before = assignmentInForce(entries, 'attributedAssociate', row.from)
        if (!before || before.value === null) continue
        const { mode, protectDays } = policyAt(one.policies, at)
        expect(mode).toBe('latest')
        const began = before.event === 'first_purchase' ? before.from - 1 : before.from
        const holder = ASSOCIATES.get(before.value)
        expect(at - began >= protectDays * DAY_MS || !holder || !isActive(holder, at)).toBe(true)
      }
    })
  })

  test('whoever is told of what was derived derives nothing more', () => {
    const kinds = ALL.filter(kind => kind !== 'first_purchase') // whose assignments begin a millisecond after it
    check((one, _derived) => {
      const plain = { ...one, policies: one.policies.map(each => ({ ...each, on: each.on.filter(k => kinds.some(l => l === k)) })) }
      const derived = derive(plain)
      const again = derive({ ...plain, told: [...plain.told, ...asTold(derived).map(({ event: _, ...rest }) => rest)] })
      expect(again).toEqual([])
    }) // prettier-ignore
  })

  test('turned off for all, it leaves nothing', () => {
    check(one => {
      expect(derive({ ...one, policies: [...one.policies, policy({ on: [] })] })).toEqual([])
    }, 500)
  })
})
