import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { identityKey, type Identity } from '../../server/features/attribution/domain.ts'
import type { Plan } from '../../server/features/commissions/domain.ts'
import { decideRewards, rewardKey, type RewardEvidence } from '../../server/features/commissions/rewards/domain.ts'
import { DAY_MS, formatInstant, parseInstant } from '../../server/lib/time.ts'
import type { Worker } from '../../server/workers/loop.ts'
import { startReconcileWorker } from '../../server/workers/reconcile.ts'
import { anAssociate, aStore } from '../builders/evidence.ts'
import { randomOf, shuffled } from '../builders/histories.ts'
import { associateItem, planBody, storeItem } from '../builders/items.ts'
import { openBrand, type BrandClient } from '../support/brand.ts'
import { startTestService, type TestService } from '../support/service.ts'

/**
 * Whatever is told about events, in any sequence, however often, and by calls that are under way together: what is owed
 * in the end is what the pure rules make of all of it, and the ledger adds up to it.
 */

type Item = Record<string, unknown>
interface Told {
  kind: string
  item: Item
}

const START = Date.parse('2026-03-01T00:00:00Z')
const day = (days: number) => formatInstant(START + days * DAY_MS)

const REWARDS = [
  { id: 'enrol', event: 'member_enrolled', amountFen: 1000, to: 'associate', bearer: 'headquarters' },
  { id: 'f2', event: 'friend_added', amountFen: 400, to: 'associate_store', bearer: 'headquarters', keepDays: 3, when: { stores: ['S2'] } },
  { id: 'friend', event: 'friend_added', amountFen: 300, to: 'associate', bearer: 'associate_store', keepDays: 7 },
  { id: 'task', event: 'task_done', amountFen: 200, to: 'associate', bearer: 'headquarters' },
] // prettier-ignore
const PLANS = [
  { version: 1, effectiveFrom: day(2), holdDays: 5, rules: [], rewards: REWARDS },
  { version: 2, effectiveFrom: day(10), holdDays: 1, rules: [], rewards: REWARDS.map(one => ({ ...one, amountFen: one.amountFen + 1 })) },
] // prettier-ignore

const someone = fc.constantFrom('A1', 'A2', 'A3', 'A4')
const contact = fc.constantFrom('x', 'y', 'z', 'w')
const instant = fc.integer({ min: 0, max: 20 }).map(day)
const numbers = ['M1', 'M2', 'M3', 'M4', 'M5']
const number = fc.constantFrom(...numbers)

/** Members, tasks and friendships by their own keys, so that nothing told contradicts another. */
const history = fc
  .record({
    members: fc.uniqueArray(
      fc.record({ memberNo: number, joinedAt: fc.option(instant), openingAssociate: fc.option(someone) }),
      { selector: one => one.memberNo, minLength: 2 },
    ),
    friends: fc.uniqueArray(
      fc.record({
        associateId: someone,
        externalUserid: contact,
        kind: fc.constantFrom('added', 'added', 'ended'),
        at: instant,
      }),
      { selector: one => JSON.stringify(one), minLength: 4, maxLength: 14 },
    ),
    tasks: fc.uniqueArray(
      fc.record({
        taskId: fc.constantFrom('t', 'u'),
        kind: fc.constantFrom('done', 'undone'),
        at: instant,
        associateId: someone,
      }),
      { selector: one => `${one.taskId} ${one.kind} ${one.at}`, maxLength: 5 },
    ),
    identities: fc.uniqueArray(fc.record({ value: contact, memberNo: number, at: instant }), {
      selector: one => JSON.stringify(one),
      maxLength: 7,
    }),
    // Upwards alone, so that no sequence makes a circle.
    merges: fc.uniqueArray(
      fc
        .tuple(number, number, instant)
        .filter(([from, into]) => from < into)
        .map(([memberNo, into, at]) => ({ memberNo, into, at })),
      { selector: one => `${one.memberNo} ${one.at}`, maxLength: 4 },
    ),
  })
  .map(({ members, friends, tasks, identities, merges }) => ({
    members,
    friends,
    tasks: tasks.map(task => ({ ...task, task: 'call_back' })),
    identities: identities.map(identity => ({ kind: 'external_userid', ...identity })),
    merges,
  }))
type History = typeof history extends fc.Arbitrary<infer T> ? T : never

const toldOf = ({ members, friends, tasks, identities, merges }: History): Told[] => [
  ...members.map(item => ({ kind: 'members', item })),
  ...friends.map(item => ({ kind: 'friend-events', item })),
  ...tasks.map(item => ({ kind: 'task-events', item })),
  ...identities.map(item => ({ kind: 'identities', item })),
  ...merges.map(item => ({ kind: 'member-merges', item })),
]

/** What the rules make of a history, by the key of what is booked. */
function owedBy({ members, friends, tasks, identities, merges }: History): Record<string, number> {
  const links = new Map<string, Identity[]>()
  for (const { value, memberNo, at } of identities) {
    const key = identityKey('external_userid', value)
    links.set(key, [...(links.get(key) ?? []), { kind: 'external_userid', value, memberNo, at: parseInstant(at)! }])
  }
  const latest = [...merges].sort((a, b) => (a.at < b.at ? -1 : 1))
  const evidence: RewardEvidence = {
    people: { identities: links, mergedInto: new Map(latest.map(({ memberNo, into }) => [memberNo, into])) },
    enrolments: numbers.map(memberNo => {
      const told = members.find(one => one.memberNo === memberNo)
      return {
        memberNo,
        joinedAt: told?.joinedAt == null ? null : parseInstant(told.joinedAt),
        openingAssociate: told?.openingAssociate ?? null,
      }
    }),
    friendships: friends.map(one => ({ ...one, kind: one.kind as 'added', at: parseInstant(one.at)! })),
    tasks: tasks.map(one => ({ ...one, kind: one.kind as 'done', at: parseInstant(one.at)!, memberNo: null })),
    associates: new Map(
      [
        anAssociate('A1'),
        anAssociate('A2', { memberNo: 'M1' }),
        anAssociate('A3', { storeCode: 'S2' }),
        anAssociate('A4', { employments: [{ activeFrom: parseInstant(day(4))!, activeTo: parseInstant(day(12)) }] }),
      ].map(one => [one.associateId, one]),
    ),
    stores: new Map([aStore('S1'), aStore('S2')].map(one => [one.storeCode, one])),
  }
  const plans = PLANS.map(plan => ({
    ...planBody(plan),
    effectiveFrom: parseInstant(plan.effectiveFrom)!,
  })) as unknown as Plan[]
  const rows = decideRewards(evidence, plans).flatMap(({ owed }) => owed ?? [])
  return Object.fromEntries(rows.map(row => [rewardKey(row), row.amountFen]))
}

let service: TestService
let second: Worker
const errors: unknown[] = []
beforeAll(async () => {
  service = await startTestService()
  // As where two processes run.
  second = startReconcileWorker({ pool: service.pool, now: Date.now, onError: error => errors.push(error) })
})
afterAll(async () => {
  await second.stop()
  await service.close()
})

async function publish(brand: BrandClient, plan: Item): Promise<void> {
  expect(await brand.post('/plans', planBody({ ...plan, retroactive: true }))).toBe(201)
}

/** Tells a history to a new brand; some items again, several calls at a time, the second plan in the middle. */
async function tellShuffled(told: readonly Told[], seed: number): Promise<BrandClient> {
  const random = randomOf(seed)
  const brand = await openBrand(service)
  await brand.tell('stores', [storeItem(), storeItem({ storeCode: 'S2' })])
  await brand.tell('associates', [
    associateItem({ associateId: 'A1' }),
    associateItem({ associateId: 'A2' }),
    associateItem({ associateId: 'A3' }),
    associateItem({ associateId: 'A4', activeFrom: day(4), activeTo: day(12) }),
  ])
  const late = [
    () => publish(brand, PLANS[0]!),
    () => publish(brand, PLANS[1]!),
    () => brand.tell('associates', [{ associateId: 'A2', memberNo: 'M1' }]),
    () => brand.tell('associates', [{ associateId: 'A3', storeCode: 'S2' }]),
  ].map(what => ({ what, when: random() }))
  const items = shuffled(told, random, 4)
  for (let i = 0; i < items.length;) {
    const calls: Promise<void>[] = []
    const size = 1 + Math.floor(random() * 6)
    for (const { kind, item } of items.slice(i, i + size)) calls.push(brand.tell(kind, [item]))
    i += size
    for (const one of late.filter(({ when }) => when < i / items.length)) {
      calls.push(one.what())
      late.splice(late.indexOf(one), 1)
    }
    await Promise.all(calls)
    if (random() < 0.2) await brand.settled()
  }
  await Promise.all(late.map(({ what }) => what()))
  await brand.settled()
  return brand
}

interface BookedRow {
  subject: string
  subjectKey: string
  payeeKind: string
  payee: string
  bearerKind: string
  bearer: string
  ruleId: string
  planCode: string
  planVersion: number
  availableAt: string
  amountFen: number
}

async function sums(brand: BrandClient, path: string): Promise<Record<string, number>> {
  const { items, nextCursor } = await brand.get<{ items: BookedRow[]; nextCursor: string | null }>(path)
  expect(nextCursor).toBeNull()
  const all = new Map<string, number>()
  for (const row of items) {
    const key = rewardKey({ ...row, availableAt: parseInstant(row.availableAt)! } as Parameters<typeof rewardKey>[0])
    all.set(key, (all.get(key) ?? 0) + row.amountFen)
  }
  return Object.fromEntries([...all].filter(([, amount]) => amount !== 0))
}

test('in any sequence, however often, and all at once: the same is owed and booked', async () => {
  const histories = fc.sample(history, { seed: 20_260_301, numRuns: 12 })
  let owedCount = 0
  for (const [i, one] of histories.entries()) {
    const expected = owedBy(one)
    owedCount += Object.keys(expected).length
    const brands = await Promise.all([1, 2, 3].map(side => tellShuffled(toldOf(one), i * 10 + side)))
    for (const brand of brands) {
      expect(await sums(brand, '/rewards?limit=500'), `history ${i}`).toEqual(expected)
      expect(await sums(brand, '/ledger?limit=500'), `history ${i}`).toEqual(expected)
      expect(await brand.get('/audit')).toMatchObject({ items: [] })
    }
  }
  expect(owedCount).toBeGreaterThan(30) // else the histories say nothing
  expect(errors).toEqual([])
}, 300_000)
