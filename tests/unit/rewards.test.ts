import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { identityKey, type Associate, type Identity, type Store } from '../../server/features/attribution/domain.ts'
import type { Plan, Reward } from '../../server/features/commissions/domain.ts'
import {
  decideRewards,
  friendKey,
  type DecidedEvent,
  type Enrolment,
  type Friendship,
  type RewardEvidence,
  type Task,
} from '../../server/features/commissions/rewards/domain.ts'
import { DAY_MS, formatInstant, type Instant } from '../../server/lib/time.ts'
import { anAssociate, aPlan, aStore } from '../builders/evidence.ts'

/** Rewards for events, as docs/commission.md tells them: one row is one rule. */

const AT: Instant = Date.parse('2026-03-20T12:00:00+08:00')
const day = (days: number): Instant => AT + days * DAY_MS

const aReward = (over: Partial<Reward> & Pick<Reward, 'event'>): Reward => ({
  id: over.event,
  amountFen: 500,
  to: 'associate',
  bearer: 'headquarters',
  ...over,
})
const REWARDS: readonly Reward[] = [
  aReward({ event: 'member_enrolled', amountFen: 1000 }),
  aReward({ event: 'friend_added', amountFen: 300, keepDays: 7 }),
  aReward({ event: 'task_done', amountFen: 200 }),
]
const planWith = (rewards: readonly Reward[], over: Partial<Plan> = {}) => aPlan({ holdDays: 3, rewards, ...over })

const joined = (memberNo: string, joinedAt: Instant | null, openingAssociate: string | null): Enrolment => ({
  memberNo,
  joinedAt,
  openingAssociate,
})
const added = (associateId: string, externalUserid: string, at: Instant): Friendship => ({
  associateId,
  externalUserid,
  kind: 'added',
  at,
})
const ended = (associateId: string, externalUserid: string, at: Instant): Friendship => ({
  ...added(associateId, externalUserid, at),
  kind: 'ended',
})
const transferred = (associateId: string, externalUserid: string, at: Instant): Friendship => ({
  ...ended(associateId, externalUserid, at),
  endedBy: 'transfer',
})
const done = (taskId: string, at: Instant, over: Partial<Task> = {}): Task => ({
  taskId,
  kind: 'done',
  at,
  associateId: 'A1',
  task: 'call_back',
  memberNo: null,
  ...over,
})
const linked = (value: string, memberNo: string, at: Instant = AT): Identity => ({
  kind: 'external_userid',
  value,
  memberNo,
  at,
})

interface Parts {
  enrolments?: readonly Enrolment[]
  friendships?: readonly Friendship[]
  tasks?: readonly Task[]
  identities?: readonly Identity[]
  merges?: Readonly<Record<string, string>>
  associates?: readonly Associate[]
  stores?: readonly Store[]
}

/** A1 and A2 work in S1, A3 in S2, which is a franchise. */
function evidenceOf(parts: Parts): RewardEvidence {
  const identities = new Map<string, Identity[]>()
  for (const identity of parts.identities ?? []) {
    const key = identityKey(identity.kind, identity.value)
    identities.set(key, [...(identities.get(key) ?? []), identity])
  }
  const associates = [anAssociate('A1'), anAssociate('A2'), anAssociate('A3', { storeCode: 'S2' })]
  const stores = [aStore('S1'), aStore('S2', { types: [{ value: 'franchise', from: null }] })]
  return {
    people: { identities, mergedInto: new Map(Object.entries(parts.merges ?? {})) },
    enrolments: parts.enrolments ?? [],
    friendships: parts.friendships ?? [],
    tasks: parts.tasks ?? [],
    associates: new Map([...associates, ...(parts.associates ?? [])].map(one => [one.associateId, one])),
    stores: new Map([...stores, ...(parts.stores ?? [])].map(store => [store.storeCode, store])),
  }
}

const decided = (parts: Parts, plans: readonly Plan[] = [planWith(REWARDS)]) => decideRewards(evidenceOf(parts), plans)
/** `A1 paid 300`: whose event, why, and how much. */
const told = ({ associateId, reason, owed }: DecidedEvent) =>
  [associateId ?? 'nobody', reason, ...(owed ? [owed.amountFen] : [])].join(' ')
const toldOf = (parts: Parts, plans?: readonly Plan[]) => decided(parts, plans).map(told)

describe('a new member', () => {
  test.each<[string, Parts, string[]]>([
    ['pays whoever enrolled him', { enrolments: [joined('M1', AT, 'A1')] }, ['A1 paid 1000']],
    ['who never joined is no event', { enrolments: [joined('M1', null, 'A1')] }, []],
    ['enrolled by nobody pays nobody', { enrolments: [joined('M1', AT, null)] }, ['nobody no_associate']],
    [
      'of two numbers pays once, by the record of the last',
      { enrolments: [joined('M1', AT, 'A1'), joined('M2', day(1), 'A2')], merges: { M1: 'M2' } },
      ['A1 merged', 'A2 paid 1000'],
    ],
    [
      'whose last number was enrolled by nobody pays nobody',
      { enrolments: [joined('M1', AT, 'A1'), joined('M2', null, null)], merges: { M1: 'M2' } },
      ['A1 merged', 'nobody no_associate'],
    ],
    [
      'who is the associate himself pays nothing',
      { enrolments: [joined('M1', AT, 'A9')], associates: [anAssociate('A9', { memberNo: 'M1' })] },
      ['A9 self'],
    ],
    [
      'who is the associate himself under an older number pays nothing',
      {
        enrolments: [joined('M1', null, null), joined('M2', AT, 'A9')],
        merges: { M1: 'M2' },
        associates: [anAssociate('A9', { memberNo: 'M1' })],
      },
      ['A9 self'],
    ],
    [
      'enrolled by somebody who did not work yet pays nothing',
      {
        enrolments: [joined('M1', AT, 'A9')],
        associates: [anAssociate('A9', { employments: [{ activeFrom: AT + 1, activeTo: null }] })],
      },
      ['A9 inactive'],
    ],
    [
      'enrolled in the last instant of work pays',
      {
        enrolments: [joined('M1', AT, 'A9'), joined('M2', AT + 1, 'A9')],
        associates: [anAssociate('A9', { employments: [{ activeFrom: AT, activeTo: AT + 1 }] })],
      },
      ['A9 paid 1000', 'A9 inactive'],
    ],
  ])('%s', (_name, parts, expected) => {
    expect(toldOf(parts).sort()).toEqual([...expected].sort())
  })

  test('joined when he first did, under whichever number', () => {
    const [event] = decided({
      enrolments: [joined('M1', day(-5), 'A1'), joined('M2', AT, 'A2')],
      merges: { M1: 'M2' },
    }).filter(({ reason }) => reason === 'paid')
    expect(event).toMatchObject({ at: day(-5), associateId: 'A2', subjectKey: 'member_enrolled/M2', memberNo: 'M2' })
    expect(event!.owed!.availableAt).toBe(day(-2))
  })
})

describe('a new friend', () => {
  test.each<[string, Parts, string[]]>([
    ['pays the associate', { friendships: [added('A1', 'x', AT)] }, ['A1 paid 300']],
    [
      'pays once per person: the earliest',
      { friendships: [added('A2', 'x', day(1)), added('A1', 'x', AT), added('A3', 'x', day(2))] },
      ['A1 paid 300', 'A2 not_first', 'A3 not_first'],
    ],
    [
      'at one instant the smaller associateId by bytes',
      {
        friendships: [added('😀', 'x', AT), added('Ａ', 'x', AT)],
        associates: ['Ａ', '😀'].map(id => anAssociate(id)),
      },
      ['Ａ paid 300', '😀 not_first'],
    ],
    [
      'is one person under two ids that are linked to one member',
      {
        friendships: [added('A1', 'x', AT), added('A2', 'y', day(1))],
        identities: [linked('x', 'M1'), linked('y', 'M2')],
        merges: { M1: 'M2' },
      },
      ['A1 paid 300', 'A2 not_first'],
    ],
    [
      'is another person where the id was linked anew',
      {
        friendships: [added('A1', 'x', AT), added('A2', 'y', day(1))],
        identities: [linked('x', 'M1'), linked('y', 'M1'), linked('y', 'M2', day(1))],
      },
      ['A1 paid 300', 'A2 paid 300'],
    ],
    [
      'who was a member already pays nothing',
      {
        friendships: [added('A1', 'x', AT)],
        identities: [linked('x', 'M1', day(9))],
        enrolments: [joined('M1', AT - 1, null)],
      },
      ['nobody no_associate', 'A1 was_member'],
    ],
    [
      'who became a member in the same instant pays',
      {
        friendships: [added('A1', 'x', AT)],
        identities: [linked('x', 'M1')],
        enrolments: [joined('M1', AT, 'A1')],
      },
      ['A1 paid 1000', 'A1 paid 300'],
    ],
    [
      'who was a member under a number that was merged away pays nothing',
      {
        friendships: [added('A1', 'x', AT)],
        identities: [linked('x', 'M2')],
        enrolments: [joined('M1', day(-1), 'A2'), joined('M2', null, null)],
        merges: { M1: 'M2' },
      },
      ['A1 was_member', 'A2 merged', 'nobody no_associate'],
    ],
    [
      'who goes a moment before the last day is over pays nothing',
      { friendships: [added('A1', 'x', AT), ended('A1', 'x', day(7) - 1)] },
      ['A1 gone_within'],
    ],
    [
      'who goes when the last day is over stayed long enough',
      { friendships: [added('A1', 'x', AT), ended('A1', 'x', day(7))] },
      ['A1 paid 300'],
    ],
    [
      'who goes at once pays nothing',
      { friendships: [added('A1', 'x', AT), ended('A1', 'x', AT)] },
      ['A1 gone_within'],
    ],
    [
      'whose end lies before the beginning is still there',
      { friendships: [added('A1', 'x', AT), ended('A1', 'x', AT - 1)] },
      ['A1 paid 300'],
    ],
    [
      'who left another associate is still there',
      { friendships: [added('A1', 'x', AT), ended('A2', 'x', day(1))] },
      ['A1 paid 300'],
    ],
    [
      'who was gone within the days leaves the next one to be the first',
      { friendships: [added('A1', 'x', AT), ended('A1', 'x', day(1)), added('A2', 'x', day(2))] },
      ['A1 gone_within', 'A2 paid 300'],
    ],
    [
      'whom WeCom gave to a colleague has not gone, and is no new friend there',
      { friendships: [added('A1', 'x', AT), transferred('A1', 'x', day(1)), added('A2', 'x', day(1) + 2000)] },
      ['A1 paid 300', 'A2 not_first'],
    ],
    [
      'who went before WeCom gave him to a colleague has gone, and is no new friend there',
      {
        friendships: [
          added('A1', 'x', AT),
          ended('A1', 'x', day(1)),
          transferred('A1', 'x', day(2)),
          added('A2', 'x', day(2)),
        ],
      },
      ['A1 gone_within', 'A2 not_first'],
    ],
    [
      'whom a walk misses after WeCom gave him to a colleague has not gone',
      { friendships: [added('A1', 'x', AT), ended('A1', 'x', day(2)), transferred('A1', 'x', day(1))] },
      ['A1 paid 300'],
    ],
    [
      'who comes to the colleague long after may be new',
      { friendships: [added('A1', 'x', AT), ended('A1', 'x', day(1)), transferred('A1', 'x', day(2)), added('A2', 'x', day(3))] }, // prettier-ignore
      ['A1 gone_within', 'A2 paid 300'],
    ],
    [
      'who comes back to the same associate may stay then',
      { friendships: [added('A1', 'x', AT), ended('A1', 'x', day(1)), added('A1', 'x', day(2))] },
      ['A1 gone_within', 'A1 paid 300'],
    ],
    [
      'who stayed, left and comes back is not new',
      { friendships: [added('A1', 'x', AT), ended('A1', 'x', day(30)), added('A1', 'x', day(40))] },
      ['A1 paid 300', 'A1 not_first'],
    ],
    [
      'who is the associate himself pays nothing, and a colleague may befriend him',
      {
        friendships: [added('A9', 'x', AT), added('A2', 'x', day(1))],
        identities: [linked('x', 'M9')],
        associates: [anAssociate('A9', { memberNo: 'M9' })],
      },
      ['A9 self', 'A2 paid 300'],
    ],
    [
      'of somebody who does not work here is none',
      {
        friendships: [added('A9', 'x', AT), added('A2', 'x', day(1))],
        associates: [anAssociate('A9', { employments: [{ activeFrom: day(-9), activeTo: AT }] })],
      },
      ['A9 inactive', 'A2 paid 300'],
    ],
  ])('%s', (_name, parts, expected) => {
    expect(toldOf(parts).sort()).toEqual([...expected].sort())
  })

  test('who was one before there were rewards is not new afterwards', () => {
    const friendships = [added('A1', 'x', day(-10)), added('A2', 'x', AT)]
    const plans = [planWith(REWARDS, { effectiveFrom: AT })]
    expect(toldOf({ friendships }, plans)).toEqual(['A1 no_plan', 'A2 not_first'])
    const older = planWith([], { version: 0, effectiveFrom: 0, effectiveTo: AT })
    expect(toldOf({ friendships }, [older, ...plans])).toEqual(['A1 no_rule', 'A2 not_first'])
  })

  test('becomes available when both the hold and the days are over', () => {
    const release = (plan: Plan) => decided({ friendships: [added('A1', 'x', AT)] }, [plan])[0]!.owed!.availableAt
    expect(release(planWith(REWARDS))).toBe(day(7))
    expect(release(planWith(REWARDS, { holdDays: 30 }))).toBe(day(30))
    expect(formatInstant(release(planWith(REWARDS, { effectiveTo: null, holdDays: 36_500 })))).toMatch(/^2126/)
  })

  test('stays the same event whoever he turns out to be', () => {
    const event = added('A1', 'x', AT)
    const [before] = decided({ friendships: [event] })
    const [after] = decided({ friendships: [event], identities: [linked('x', 'M1')] })
    expect(after).toEqual({ ...before, memberNo: 'M1' })
  })
})

describe('a task done', () => {
  const paid = (tasks: readonly Task[], rewards = REWARDS) => toldOf({ tasks }, [planWith(rewards)])
  test.each<[string, readonly Task[], string[]]>([
    ['pays who did it', [done('t', AT)], ['A1 paid 200']],
    ['pays once, as it was told last', [done('t', AT), done('t', day(1), { associateId: 'A2' })], ['A2 paid 200']],
    ['that was not after all pays nothing', [done('t', AT), done('t', day(1), { kind: 'undone' })], ['A1 undone']],
    [
      'is not done where both are told of one instant',
      [done('t', AT, { kind: 'undone' }), done('t', AT)],
      ['A1 undone'],
    ],
    ['may be done after all', [done('t', AT, { kind: 'undone' }), done('t', day(1))], ['A1 paid 200']],
    ['pays each task', [done('t', AT), done('u', AT, { associateId: 'A2' })], ['A1 paid 200', 'A2 paid 200']],
  ])('%s', (_name, tasks, expected) => {
    expect(paid(tasks)).toEqual(expected)
    expect(paid([...tasks].reverse())).toEqual(expected)
  })

  test('of a kind that no reward names pays nothing', () => {
    const rewards = [aReward({ event: 'task_done', when: { tasks: ['birthday', 'call_back'] } })]
    expect(paid([done('t', AT), done('u', AT, { task: 'visit' })], rewards)).toEqual(['A1 paid 500', 'A1 no_rule'])
  })
})

describe('which reward of which plan', () => {
  const one = (rewards: readonly Reward[], over: Partial<Associate> = {}, stores: readonly Store[] = []) =>
    decided({ enrolments: [joined('M1', AT, 'A9')], associates: [anAssociate('A9', over)], stores }, [
      planWith(rewards),
    ])[0]!
  const enrolled = (over: Partial<Reward>) => aReward({ event: 'member_enrolled', ...over })

  test.each<[string, readonly Reward[], Partial<Associate>, string]>([
    [
      'the first that matches, in the plan’s order',
      [
        enrolled({ id: 'office', when: { associateKinds: ['office'] } }),
        enrolled({ id: 'first' }),
        enrolled({ id: 'second', amountFen: 9 }),
      ],
      {},
      'first',
    ],
    [
      'by the kind at the event',
      [enrolled({ id: 'office', when: { associateKinds: ['office'] } }), enrolled({ id: 'other' })],
      { kinds: [{ value: 'store', from: null }, { value: 'office', from: AT }] }, // prettier-ignore
      'office',
    ],
    [
      'by the store as last told',
      [enrolled({ id: 'S1', when: { stores: ['S1'] } }), enrolled({ id: 'S2', when: { stores: ['S3', 'S2'] } })],
      { storeCode: 'S2' },
      'S2',
    ],
    [
      'by its type at the event',
      [enrolled({ id: 'franchise', when: { storeTypes: ['franchise'] } })],
      { storeCode: 'S2' },
      'franchise',
    ],
    [
      'by its region at the event',
      [enrolled({ id: 'east', when: { regions: ['east'] } })],
      { storeCode: 'S5' },
      'east',
    ],
    [
      'nothing where one key does not match',
      [enrolled({ id: 'both', when: { stores: ['S1'], storeTypes: ['franchise'] } })],
      {},
      'none',
    ],
    [
      'nothing where there is no store',
      [enrolled({ id: 'r', when: { storeTypes: ['direct'] } })],
      { storeCode: null },
      'none',
    ],
    ['nothing for another event', [aReward({ event: 'task_done' })], {}, 'none'],
  ])('%s', (_name, rewards, associate, expected) => {
    const east = aStore('S5', { regions: [{ value: 'west', from: null }, { value: 'east', from: AT }, { value: 'north', from: AT + 1 }] }) // prettier-ignore
    const event = one(rewards, associate, [east])
    expect(event.owed?.ruleId ?? 'none').toBe(expected)
    expect(event.reason).toBe(expected === 'none' ? 'no_rule' : 'paid')
  })

  test('the plan in force at the event, and nothing where there is none', () => {
    const plans = [
      planWith([enrolled({ amountFen: 1 })], { version: 1, effectiveFrom: day(-9), effectiveTo: AT }),
      planWith([enrolled({ amountFen: 2 })], { version: 2, effectiveFrom: AT }),
    ]
    const enrolments = [joined('M1', day(-10), 'A1'), joined('M2', AT - 1, 'A1'), joined('M3', AT, 'A1')]
    expect(toldOf({ enrolments }, plans)).toEqual(['A1 no_plan', 'A1 paid 1', 'A1 paid 2'])
  })

  test.each<[Partial<Reward>, string | null, string, string]>([
    [{}, 'S1', 'associate A9', 'headquarters headquarters'],
    [{ bearer: 'associate_store' }, 'S1', 'associate A9', 'store S1'],
    [{ bearer: 'associate_store' }, null, 'associate A9', 'headquarters headquarters'],
    [{ to: 'associate_store' }, 'S1', 'store S1', 'headquarters headquarters'],
  ])('%o of somebody of store %s is paid to %s and borne by %s', (over, storeCode, payee, bearer) => {
    const { owed } = one([enrolled(over)], { storeCode })
    expect([`${owed!.payeeKind} ${owed!.payee}`, `${owed!.bearerKind} ${owed!.bearer}`]).toEqual([payee, bearer])
  })

  test('for a store that there is not is nobody’s', () => {
    expect(one([enrolled({ to: 'associate_store' })], { storeCode: null })).toMatchObject({
      reason: 'no_store',
      owed: null,
    })
  })
})

test('two friendships never have one key', () => {
  const keys = [added('a/b', 'c', AT), added('a', 'b/c', AT), added('a%2Fb', 'c', AT), added('a', 'b', AT)].map(
    friendKey,
  )
  expect(new Set(keys).size).toBe(4)
})

// ------------------------------------------------------------------------------------------------ properties

const someone = fc.constantFrom('A1', 'A2', 'A9')
const number = fc.constantFrom('M1', 'M2', 'M3', 'M9')
const contact = fc.constantFrom('x', 'y', 'z')
const instant = fc.integer({ min: -6, max: 12 }).map(day)
const parts = fc.record({
  enrolments: fc.uniqueArray(fc.tuple(number, fc.option(instant), fc.option(someone)), { selector: ([no]) => no }),
  friendships: fc.uniqueArray(
    fc.record({
      associateId: someone,
      externalUserid: contact,
      kind: fc.constantFrom('added' as const, 'added' as const, 'ended' as const),
      at: instant,
    }),
    { selector: event => JSON.stringify(event), maxLength: 12 },
  ),
  tasks: fc.uniqueArray(fc.tuple(fc.constantFrom('t', 'u'), fc.boolean(), instant, someone), {
    selector: ([id, isDone, at]) => `${id} ${isDone} ${at}`,
    maxLength: 6,
  }),
  identities: fc.uniqueArray(fc.tuple(contact, number, instant), { selector: String, maxLength: 5 }),
  // Upwards alone, so that nothing goes round in a circle.
  merges: fc.constantFrom<Record<string, string>>({}, { M1: 'M2' }, { M1: 'M3', M2: 'M3' }, { M1: 'M2', M2: 'M9' }),
  ownNumber: fc.option(number),
})
type Sample = typeof parts extends fc.Arbitrary<infer T> ? T : never

function evidenceOfSample(sample: Sample, shuffle: <T>(items: readonly T[]) => T[] = items => [...items]) {
  return evidenceOf({
    enrolments: shuffle(sample.enrolments.map(([no, at, by]) => joined(no, at, by))),
    friendships: shuffle(sample.friendships),
    tasks: shuffle(
      sample.tasks.map(([id, isDone, at, by]) =>
        done(id, at, { kind: isDone ? 'done' : 'undone', ...(isDone ? { associateId: by } : {}) }),
      ),
    ),
    identities: shuffle(sample.identities.map(([value, memberNo, at]) => linked(value, memberNo, at))),
    merges: sample.merges,
    associates: [
      anAssociate('A9', { memberNo: sample.ownNumber, employments: [{ activeFrom: day(-4), activeTo: day(8) }] }),
    ],
  })
}

describe('whatever is told', () => {
  const plans = [planWith(REWARDS, { effectiveFrom: day(-5) })]

  test('in any sequence ends in the same', () => {
    fc.assert(
      fc.property(parts, fc.infiniteStream(fc.nat(1000)), (sample, random) => {
        const shuffle = <T>(items: readonly T[]) =>
          items
            .map(item => [random.next().value as number, item] as const)
            .sort(([a], [b]) => a - b)
            .map(([, item]) => item)
        expect(decideRewards(evidenceOfSample(sample, shuffle), plans)).toEqual(
          decideRewards(evidenceOfSample(sample), plans),
        )
      }),
      { numRuns: 300 },
    )
  })

  test('nobody is a new member or a new friend twice, and every event has one reason', () => {
    let owedSomewhere = 0
    fc.assert(
      fc.property(parts, sample => {
        const events = decideRewards(evidenceOfSample(sample), plans)
        const personOf = (event: DecidedEvent) => event.memberNo ?? `contact ${event.externalUserid}`
        for (const kind of ['member_enrolled', 'friend_added']) {
          const paid = events.filter(({ event, owed }) => event === kind && owed !== null).map(personOf)
          expect(paid).toEqual([...new Set(paid)])
        }
        expect(events.map(({ subjectKey }) => subjectKey)).toEqual([...new Set(events.map(one => one.subjectKey))])
        for (const { reason, owed, subjectKey, at } of events) {
          expect((reason === 'paid') === (owed !== null)).toBe(true)
          if (owed) expect([owed.subjectKey, owed.availableAt > at]).toEqual([subjectKey, true])
          if (owed) owedSomewhere++
        }
        // A friend who is paid for came before he joined, and nothing ended it within the days.
        const joinedFirst = new Map<string, Instant>()
        const last = (no: string): string => (sample.merges[no] === undefined ? no : last(sample.merges[no]))
        for (const [no, at] of sample.enrolments) {
          if (at !== null) joinedFirst.set(last(no), Math.min(at, joinedFirst.get(last(no)) ?? at))
        }
        for (const event of events.filter(one => one.event === 'friend_added' && one.owed)) {
          expect(event.memberNo !== null && (joinedFirst.get(event.memberNo) ?? Infinity) < event.at).toBe(false)
          expect(
            sample.friendships.some(
              ({ kind, associateId, externalUserid, at }) =>
                kind === 'ended' &&
                associateId === event.associateId &&
                externalUserid === event.externalUserid &&
                at >= event.at &&
                at < event.at + 7 * DAY_MS,
            ),
          ).toBe(false)
        }
      }),
      { numRuns: 500 },
    )
    expect(owedSomewhere).toBeGreaterThan(500)
  })
})
