import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPerson, lastMemberNo, type MemberAssignment } from '../../server/features/attribution/domain.ts'
import {
  replay,
  type BindingEvent,
  type BindingPolicy,
  type DerivedAssignment,
} from '../../server/features/bindings/domain.ts'
import { decide } from '../../server/features/commissions/domain.ts'
import { compareBytes } from '../../server/lib/text.ts'
import { DAY_MS, formatInstant, parseInstant } from '../../server/lib/time.ts'
import { history, ORIGIN, plan, randomOf, shuffled, type History, type Item, type Told } from '../builders/histories.ts'
import { Memory, owedBy, plansOfBodies, sortedText, type Decided, type OwedRow } from '../builders/memory.ts'
import { prefixed } from '../builders/permutations.ts'
import { openBrand, type BrandClient } from '../support/brand.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { isThorough } from '../support/thorough.ts'

/**
 * Random histories of people who enrol, become friends and buy, under policies that change meanwhile: each told three
 * times, in its own sequence. All end in the assignments that a replay in memory gives, and in what `decide` makes of
 * them.
 */

const TELLINGS = ['a', 'b', 'c']

const ASSOCIATES = ['A1', 'A-2', 'A3', 'Ａ4', '\u{1F600}5']
const MEMBERS = ['M1', 'M-2', 'M3', 'M\u{1F600}', 'M～']
const CONTACTS = ['e1', 'e2']

const instantText = fc
  .tuple(fc.integer({ min: -12, max: 12 }), fc.constantFrom(0, 0, 0, 1, 3_600_000))
  .map(([days, besideMs]) => formatInstant(ORIGIN + days * DAY_MS + besideMs))
const oneOf = <T>(values: readonly T[]) => fc.constantFrom(...values)

const enrolments: fc.Arbitrary<Told[]> = fc
  .uniqueArray(
    fc.record({ memberNo: oneOf(MEMBERS), joinedAt: instantText, openingAssociate: oneOf(ASSOCIATES) }),
    { maxLength: 3, selector: item => item.memberNo }, // prettier-ignore
  )
  .map(all => all.map(item => ({ kind: 'members', item })))
const friends: fc.Arbitrary<Told[]> = fc
  .uniqueArray(
    fc.record({
      associateId: oneOf(ASSOCIATES),
      externalUserid: oneOf(CONTACTS),
      kind: oneOf(['added', 'added', 'added', 'ended']),
      at: instantText,
    }),
    { maxLength: 5, size: 'large', selector: item => JSON.stringify(item) },
  )
  .map(all => all.map(item => ({ kind: 'friend-events', item })))
const contacts: fc.Arbitrary<Told[]> = fc
  .array(
    fc.record({
      kind: fc.constant('external_userid'),
      value: oneOf(CONTACTS),
      memberNo: oneOf(MEMBERS),
      at: instantText,
    }),
    { maxLength: 3 },
  )
  .map(all => all.map(item => ({ kind: 'identities', item })))
const lives = fc.record({ history, enrolments, friends, contacts })

interface PolicyBody {
  on: BindingPolicy['on'][number][]
  mode: BindingPolicy['mode']
  protectDays: number
  effectiveFrom: string | null
}
const policies: fc.Arbitrary<PolicyBody[]> = fc.uniqueArray(
  fc.record({
    on: fc.subarray(['enrol', 'first_purchase', 'friend_added'] as const, { minLength: 2 }).map(on => [...on]),
    mode: oneOf(['first', 'latest', 'latest'] as const),
    protectDays: oneOf([0, 0, 1, 5]),
    effectiveFrom: fc.option(instantText),
  }),
  { minLength: 1, maxLength: 3, selector: body => JSON.stringify(body) },
)

interface Life {
  history: History
  friends: readonly Told[]
}

/** What follows from a history, in memory. */
function bindings(life: Life, decided: readonly Decided[], told: readonly BindingPolicy[]) {
  const { people, associates } = decided[0]!.evidence
  const last = (memberNo: string) => lastMemberNo(memberNo, people.mergedInto)
  const events = new Map<string, BindingEvent[]>()
  const add = (memberNo: string, event: BindingEvent) => events.set(memberNo, [...(events.get(memberNo) ?? []), event])
  const records = new Map<string, Item>()
  for (const { kind, item } of [...life.history.master, ...life.history.lateMaster]) {
    if (kind === 'members') records.set(item['memberNo'] as string, { ...records.get(item['memberNo'] as string), ...item }) // prettier-ignore
  }
  for (const [memberNo, record] of records) {
    if (last(memberNo) !== memberNo || record['joinedAt'] == null || record['openingAssociate'] == null) continue
    const at = parseInstant(record['joinedAt'] as string)!
    add(memberNo, { kind: 'enrol', id: memberNo, at, associateId: record['openingAssociate'] as string })
  }
  for (const { item } of life.friends.filter(one => one.item['kind'] === 'added')) {
    const { associateId, externalUserid, at } = item as Record<string, string>
    const person = findPerson({ visitorIds: { external_userid: externalUserid! } }, people)
    const id = `${associateId}/${externalUserid}`
    if (person) add(person.memberNo, { kind: 'friend_added', id, at: parseInstant(at!)!, associateId: associateId! })
  }
  const firsts = new Map<string, Decided>()
  for (const one of decided) {
    const { buyer, isFirstOrder } = one.decision.attribution
    if (buyer && isFirstOrder && !one.evidence.order.cancelled) firsts.set(buyer.memberNo, one)
  }
  for (const [memberNo, { evidence, decision }] of firsts) {
    const { holdings, closers } = decision.attribution
    const ofLines = [...closers].sort(([a], [b]) => a - b).map(([, closer]) => closer.holder)
    const associateId = holdings.sharer.holder ?? holdings.closer.holder ?? ofLines.find(holder => holder !== null)
    const { source, orderNo, paidAt } = evidence.order
    if (associateId) add(memberNo, { kind: 'first_purchase', id: `${source}/${orderNo}`, at: paidAt, associateId })
  }
  const assignments = life.history.evidence
    .filter(({ kind, item }) => kind === 'member-assignments' && 'attributedAssociate' in item)
    .map(({ item }): MemberAssignment => ({
      memberNo: item['memberNo'] as string,
      from: parseInstant(item['from'] as string)!,
      attributedAssociate: item['attributedAssociate'] as string | null,
    }))
  return new Map(
    [...events].map(([memberNo, own]) => [
      memberNo,
      replay({
        events: own,
        told: assignments.filter(entry => last(entry.memberNo) === memberNo),
        policies: told,
        associates,
      }),
    ]),
  )
}

/** The orders decided again, by whose customers people became. */
const decideBound = (decided: readonly Decided[], bound: ReadonlyMap<string, readonly DerivedAssignment[]>) =>
  decided.map(({ evidence, plan, decision }): Decided => {
    const memberNo = decision.attribution.buyer?.memberNo
    const derived = (memberNo === undefined ? [] : (bound.get(memberNo) ?? [])).map((row): MemberAssignment => ({
      memberNo: memberNo!,
      from: row.from,
      attributedAssociate: row.associateId,
      event: row.event,
    }))
    const all = { ...evidence, assignments: [...evidence.assignments, ...derived] }
    return { evidence: all, plan, decision: decide(all, plan) }
  })

const shown = (memberNo: string, { from, associateId, event, eventId }: DerivedAssignment) =>
  `${memberNo} ${associateId} from ${formatInstant(from)} by ${event} ${eventId}`

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service.close())

async function tellAll(brand: BrandClient, kind: string, told: readonly Told[]): Promise<void> {
  const items = told.filter(one => one.kind === kind).map(one => one.item)
  if (items.length > 0) await brand.tell(kind, items)
}

/** @returns how many assignments there were, so that a test sees that something happened */
async function check(seed: number, count: number): Promise<number> {
  const random = randomOf(seed)
  const brand = await openBrand(service)
  const [[body], bodies, all] = [
    fc.sample(plan(1), { seed, numRuns: 1 }),
    fc.sample(policies, { seed, numRuns: 1 })[0]!,
    fc.sample(lives, { seed, numRuns: count }),
  ]
  // Whatever else the plan pays: it pays the attributed associate.
  const care = { id: 'care', role: 'attributed', bearer: 'headquarters', when: {}, rateBps: 777 }
  const published = { ...body!, rules: [care, ...(body!['rules'] as Item[])] }
  expect(await brand.post('/plans', { ...published, retroactive: true })).toBe(201)
  const streams = all.flatMap(({ history, enrolments, friends, contacts }, i) =>
    TELLINGS.map(side => {
      const prefix = `${brand.brandId.toString(36)}${i.toString(36).padStart(2, '0')}${side}`
      const own = prefixed({ ...history, master: [...history.master, ...enrolments] }, prefix)
      const evidence = [...own.evidence, ...prefixed([...friends, ...contacts], prefix)]
      return { prefix, history: own, left: shuffled(evidence, random, 3) }
    }),
  )
  const put = async (policy: PolicyBody) => {
    expect((await brand.send('PUT', '/settings/binding', policy)).status).toBe(200)
  }
  // The first policy is told before all, the last after all, others while things are told.
  const [first, ...others] = bodies
  if (random() < 0.7) await put(first!)
  else others.unshift(first!)
  for (const kind of ['stores', 'associates', 'members']) {
    await tellAll(brand, kind, streams.flatMap(stream => stream.history.master)) // prettier-ignore
  }
  while (streams.some(stream => stream.left.length > 0)) {
    const told = streams.flatMap(stream => stream.left.splice(0, Math.floor(random() * 6)))
    const kinds = shuffled([...new Set(told.map(one => one.kind))], random)
    await Promise.all(kinds.map(kind => tellAll(brand, kind, told)))
    if (others.length > 1 && random() < 0.3) await put(others.shift()!)
  }
  for (const command of streams.flatMap(stream => stream.history.overrides)) await brand.post('/overrides', command)
  for (const stream of streams) {
    for (const late of stream.history.lateMaster) await tellAll(brand, late.kind, [late])
  }
  for (const policy of others) await put(policy)
  await brand.settled()
  expect(await brand.get('/audit?limit=500')).toMatchObject({ items: [], nextCursor: null })

  const kept = await service.pool<{ memberNo: string; from: number; associateId: string; event: 'enrol'; eventId: string }[]>`
    SELECT member_no AS "memberNo", from_at AS "from", associate_id AS "associateId", event_kind AS event, event_id AS "eventId"
    FROM derived_assignments WHERE brand_id = ${brand.brandId}` // prettier-ignore
  const entitlements: OwedRow[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: { items: (OwedRow & { availableAt: unknown })[]; nextCursor: string | null } = await brand.get(
      `/entitlements?limit=500${cursor ? `&cursor=${cursor}` : ''}`,
    )
    entitlements.push(...page.items.map(row => ({ ...row, availableAt: parseInstant(String(row.availableAt))! })))
    cursor = page.nextCursor
  }
  const told = bodies.map(({ effectiveFrom, ...rest }): BindingPolicy => ({
    ...rest,
    effectiveFrom: effectiveFrom === null ? null : parseInstant(effectiveFrom),
  }))
  for (const [i, life] of all.entries()) {
    const master = [...life.history.master, ...life.enrolments]
    const own = { ...life.history, master, evidence: [...life.history.evidence, ...life.contacts] }
    const memory = new Memory().take(master).take(own.evidence).override(own.overrides).take(own.lateMaster)
    const decided = memory.decide(plansOfBodies([published]))
    const bound = bindings({ history: own, friends: life.friends }, decided, told)
    const expected = [...bound].flatMap(([memberNo, rows]) => rows.map(row => shown(memberNo, row))).sort(compareBytes)
    const owed = sortedText(owedBy(decideBound(decided, bound)))
    for (const { prefix } of streams.slice(i * TELLINGS.length, (i + 1) * TELLINGS.length)) {
      const plain = (text: string) => text.replaceAll(prefix, '')
      const rows = kept.filter(row => row.memberNo.startsWith(prefix)).map(row => plain(shown(row.memberNo, row)))
      expect([i, prefix, rows.sort(compareBytes)]).toEqual([i, prefix, expected])
      const booked = entitlements
        .filter(row => row.orderNo.startsWith(prefix))
        .map(row => ({ ...row, orderNo: plain(row.orderNo), payee: plain(row.payee), bearer: plain(row.bearer) }))
      expect(sortedText(booked)).toEqual(owed)
    }
  }
  const off = await service.pool`
    SELECT * FROM (
      SELECT payee_kind, payee, available_at, sum(amount_fen) AS booked FROM ledger_rows
      WHERE brand_id = ${brand.brandId} GROUP BY 1, 2, 3
    ) AS ledger
    FULL JOIN (
      SELECT payee_kind, payee, available_at, sum(amount_fen) AS owed FROM entitlements
      WHERE brand_id = ${brand.brandId} GROUP BY 1, 2, 3
    ) AS owed USING (payee_kind, payee, available_at)
    WHERE COALESCE(booked, 0) <> COALESCE(owed, 0)`
  expect([...off]).toEqual([])
  return kept.length
}

describe('random histories bind the same, in whatever sequence they come', () => {
  test.each(isThorough ? [1, 2, 3, 4] : [1, 2])(
    '12 histories, each told three times in its own sequence (seed %i)',
    async seed => {
      expect(await check(seed, 12)).toBeGreaterThan(10)
    },
  )
})
