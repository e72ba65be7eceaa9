import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { canonicalJson, withoutNulls } from '../../lib/items.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { compileCheck } from '../../lib/validate.ts'
import { insertActivity } from '../activity/service.ts'
import { findPersons, lockBuyers } from '../attribution/service.ts'
import { haveEnded } from '../commissions/service.ts'
import { insertMarks, takeTurns, type Mark } from '../evidence/service.ts'
import { selectAssociates } from '../stores/service.ts'
import {
  differencesOf,
  NO_BINDING,
  plainPolicy,
  policyAt,
  replay,
  type BindingEvent,
  type BindingPolicy,
  type DerivedAssignment,
} from './domain.ts'
import {
  deleteKept,
  deleteMarks,
  insertKept,
  insertMarkOfEverybody,
  insertMemberMarksOf,
  insertPolicy,
  selectFirstPurchases,
  selectFriendsAdded,
  selectKept,
  selectLastNumbers,
  selectMarksToResolve,
  selectMemberNosAfter,
  selectNumbersOf,
  selectNumbersToAudit,
  selectPolicies,
  selectTold,
  takeMarks,
  takeMemberMarks,
  updateMarkKey,
  type ToldPolicy,
} from './queries.ts'
import { BindingBody } from './schema.ts'

export type { DerivedAssignment } from './domain.ts'

// ------------------------------------------------------------------------------------------------- policies

const checkBody = compileCheck(BindingBody)

/**
 * Tells the brand's policy anew. Everybody's events are replayed after the answer.
 *
 * @throws AppError invalid_body with every fault by its path
 */
export async function tellPolicy(pool: Pool, options: { brandId: number; actor: string; body: unknown; now: Instant }) {
  const { brandId, actor, now } = options
  const body = withoutNulls(options.body)
  const faults = checkBody(body)
  if (faults.length > 0) throw new AppError('invalid_body', 'The policy cannot be kept as it is.', faults)
  const { on, mode, protectDays = 0, effectiveFrom } = body as BindingBody
  const policy = plainPolicy({
    on,
    mode,
    protectDays,
    effectiveFrom: effectiveFrom === undefined ? null : parseInstant(effectiveFrom),
  })
  return await transact(pool, async tx => {
    await takeTurns(tx, brandId, 'binding-policy')
    const last = (await selectPolicies(tx, { brandId })).at(-1)
    if (canonicalJson(plainPolicy(last ?? NO_BINDING)) === canonicalJson(policy)) return shownPolicy(last ?? policy)
    // Told later is told later, also by a clock that is behind.
    const told = { ...policy, toldBy: actor, toldAt: Math.max(now, (last?.toldAt ?? 0) + 1) }
    await insertPolicy(tx, { brandId, policy: told })
    await insertMarkOfEverybody(tx, { brandId, now })
    const { toldBy: _by, toldAt: _at, ...details } = shownPolicy(told)
    await insertActivity(tx, { brandId, now, actor, action: 'binding.changed', subject: 'settings/binding', details })
    return shownPolicy(told)
  })
}

/** The policy that events follow now, and those that were told to begin later. */
export async function policyInForce(db: Db, brandId: number, now: Instant) {
  const policies = await selectPolicies(db, { brandId })
  const inForce: BindingPolicy | ToldPolicy = policyAt(policies, now)
  const upcoming = policies.filter(({ effectiveFrom }) => effectiveFrom !== null && effectiveFrom > now)
  return { ...shownPolicy(inForce), ...(upcoming.length > 0 ? { upcoming: upcoming.map(shownPolicy) } : {}) }
}

const shownPolicy = (policy: BindingPolicy | ToldPolicy) => ({
  on: policy.on,
  mode: policy.mode,
  protectDays: policy.protectDays,
  ...(policy.effectiveFrom === null ? {} : { effectiveFrom: formatInstant(policy.effectiveFrom) }),
  ...('toldAt' in policy ? { toldBy: policy.toldBy, toldAt: formatInstant(policy.toldAt) } : {}),
})

// ------------------------------------------------------------------------------------------------- replaying

/** What follows from the events of these numbers; a number that is nobody's last has none of its own. */
async function deriveFor(
  db: Db,
  { brandId, memberNos }: { brandId: number; memberNos: readonly string[] },
): Promise<Map<string, DerivedAssignment[]>> {
  const [policies, numbers] = await Promise.all([
    selectPolicies(db, { brandId }),
    selectNumbersOf(db, { brandId, lastMemberNos: memberNos }),
  ])
  const all = numbers.map(row => row.memberNo)
  const lastOf = new Map(numbers.map(row => [row.memberNo, row.lastMemberNo]))
  const [toldRows, added, purchases] = await Promise.all([
    selectTold(db, { brandId, memberNos: all }),
    selectFriendsAdded(db, { brandId, memberNos: all }),
    selectFirstPurchases(db, { brandId, buyers: memberNos }),
  ])
  const persons = await findPersons(db, {
    brandId,
    seen: added.map(({ externalUserid }) => ({ visitorIds: { external_userid: externalUserid } })),
  })

  const events = new Map<string, BindingEvent[]>(memberNos.map(memberNo => [memberNo, []]))
  for (const { memberNo, lastMemberNo, joinedAt, openingAssociate } of numbers) {
    if (memberNo !== lastMemberNo || joinedAt === null || openingAssociate === null) continue
    events.get(memberNo)!.push({ kind: 'enrol', id: memberNo, at: joinedAt, associateId: openingAssociate })
  }
  for (const [i, { associateId, externalUserid, at, givenBy }] of added.entries()) {
    const id = `${associateId}/${externalUserid}`
    const given = givenBy === null ? {} : { givenBy }
    events.get(persons[i] ?? '')?.push({ kind: 'friend_added', id, at, associateId, ...given })
  }
  for (const { buyer, source, orderNo, paidAt, associateId } of purchases) {
    events.get(buyer)!.push({ kind: 'first_purchase', id: `${source}/${orderNo}`, at: paidAt, associateId })
  }
  const told = new Map<string, (typeof toldRows)[number][]>(memberNos.map(memberNo => [memberNo, []]))
  for (const row of toldRows) told.get(lastOf.get(row.memberNo)!)!.push(row)

  const named = [
    ...[...events.values()].flat().map(event => event.associateId),
    ...toldRows.flatMap(row => row.attributedAssociate ?? []),
  ]
  const associateRows = await selectAssociates(db, { brandId, associateIds: [...new Set(named)] })
  const associates = new Map(
    associateRows.map(({ associateId, employments }) => [
      associateId,
      {
        employments: employments.map(({ activeFrom, activeTo }) => ({
          activeFrom: parseInstant(activeFrom)!,
          activeTo: activeTo === null ? null : parseInstant(activeTo),
        })),
      },
    ]),
  )
  return new Map(
    memberNos.map(memberNo => [
      memberNo,
      replay({ events: events.get(memberNo)!, told: told.get(memberNo)!, policies, associates }),
    ]),
  )
}

async function keptFor(
  db: Db,
  { brandId, memberNos }: { brandId: number; memberNos: readonly string[] },
): Promise<Map<string, DerivedAssignment[]>> {
  const kept = new Map<string, DerivedAssignment[]>(memberNos.map(memberNo => [memberNo, []]))
  for (const { memberNo, ...row } of await selectKept(db, { brandId, memberNos })) kept.get(memberNo)!.push(row)
  return kept
}

/**
 * Brings what is kept for these numbers to what follows from their events, by the difference alone, and marks the orders
 * that it can change. One transaction at a time does so for a person, and everything is read under his lock: the last
 * one has seen all that the others did.
 */
async function rebind(
  tx: Tx,
  { brandId, memberNos, now }: { brandId: number; memberNos: readonly string[]; now: Instant },
): Promise<void> {
  if (memberNos.length === 0) return
  await lockBuyers(tx, { brandId, buyers: memberNos })
  const derived = await deriveFor(tx, { brandId, memberNos })
  const kept = await keptFor(tx, { brandId, memberNos })
  const marks: Mark[] = []
  const changes = memberNos.map(memberNo => {
    const { gone, come, changedFrom } = differencesOf(kept.get(memberNo)!, derived.get(memberNo)!)
    if (changedFrom !== null) marks.push({ kind: 'member', key: memberNo, paidFrom: changedFrom })
    const own = (rows: readonly DerivedAssignment[]) => rows.map(row => ({ ...row, memberNo }))
    return { gone: own(gone), come: own(come) }
  })
  await deleteKept(tx, { brandId, rows: changes.flatMap(({ gone }) => gone) })
  await insertKept(tx, { brandId, rows: changes.flatMap(({ come }) => come) })
  await insertMarks(tx, { brandId, marks, reason: 'evidence', now })
}

// --------------------------------------------------------------------------------------------- the worker

const MARKS_PER_STEP = 500
/** How many people one transaction replays: small, since it holds their locks. */
const PEOPLE_PER_STEP = 200

/**
 * Works on what was marked: first finds the members that contacts and associates have to do with, then replays them.
 *
 * @returns whether there was something to do, so that the caller comes again at once
 */
export async function bindStep(pool: Pool, brandId: number, now: Instant): Promise<boolean> {
  const isResolved = await resolveMarks(pool, brandId, now)
  const isReplayed = await transact(pool, async tx => {
    const marks = await takeMemberMarks(tx, { brandId, limit: PEOPLE_PER_STEP })
    if (marks.length === 0) return false
    const named = [...new Set(marks.map(mark => mark.key))]
    await rebind(tx, { brandId, memberNos: await selectLastNumbers(tx, { brandId, memberNos: named }), now })
    await deleteMarks(tx, { brandId, markIds: marks.map(mark => mark.markId) })
    return true
  })
  return isResolved || isReplayed
}

/**
 * Marks of a brand that wait for the transactions that were under way when they were first seen: one that wrote evidence
 * when no policy was told yet left no mark of its own.
 */
interface Wave {
  markIds: string[]
  underWay: string
}

const wavesByPool = new WeakMap<object, Map<number, Wave>>()

async function resolveMarks(pool: Pool, brandId: number, now: Instant): Promise<boolean> {
  const waves = wavesByPool.get(pool) ?? new Map<number, Wave>()
  wavesByPool.set(pool, waves)
  const wave = waves.get(brandId) ?? (await nextWave(pool, brandId))
  if (!wave) return false
  waves.set(brandId, wave)
  if (!(await haveEnded(pool, wave.underWay))) return false
  const isTaken = await transact(pool, async tx => {
    const marks = await takeMarks(tx, { brandId, markIds: wave.markIds })
    const everybody = marks.find(mark => mark.kind === 'everybody')
    const others = marks.filter(mark => mark !== everybody)
    if (others.length > 0) {
      await insertMemberMarksOf(tx, { brandId, marks: others, now })
      await deleteMarks(tx, { brandId, markIds: others.map(mark => mark.markId) })
    }
    if (everybody) {
      const memberNos = await selectMemberNosAfter(tx, { brandId, after: everybody.key, limit: PEOPLE_PER_STEP })
      await rebind(tx, { brandId, memberNos, now })
      if (memberNos.length < PEOPLE_PER_STEP) await deleteMarks(tx, { brandId, markIds: [everybody.markId] })
      else await updateMarkKey(tx, { brandId, markId: everybody.markId, key: memberNos.at(-1)! })
    }
    return marks.length > 0
  })
  waves.delete(brandId)
  return isTaken
}

async function nextWave(pool: Pool, brandId: number): Promise<Wave | null> {
  const marks = await selectMarksToResolve(pool, { brandId, limit: MARKS_PER_STEP })
  return marks.length === 0 ? null : { markIds: marks.map(mark => mark.markId), underWay: marks[0]!.underWay }
}

// ------------------------------------------------------------------------------------------------- auditing

/** Somebody for whom other assignments are kept than follow from his events. */
export interface DifferingBinding {
  memberNo: string
  derived: DerivedAssignment[]
  kept: DerivedAssignment[]
}

const NUMBERS_PER_AUDIT = 500

/**
 * Replays a batch of people and holds what follows against what is kept. In the caller's snapshot.
 *
 * @param after the last number of the batch before; empty from the beginning
 */
export async function compareBindings(
  db: Db,
  { brandId, after }: { brandId: number; after: string },
): Promise<{ checkedMembers: number; differing: DifferingBinding[]; next: string | null }> {
  const memberNos = await selectNumbersToAudit(db, { brandId, after, limit: NUMBERS_PER_AUDIT })
  if (memberNos.length === 0) return { checkedMembers: 0, differing: [], next: null }
  const derived = await deriveFor(db, { brandId, memberNos })
  const kept = await keptFor(db, { brandId, memberNos })
  const differing = memberNos
    .map((memberNo): DifferingBinding => ({
      memberNo,
      derived: derived.get(memberNo)!,
      kept: kept.get(memberNo)!,
    }))
    .filter(one => {
      const { gone, come } = differencesOf(one.kept, one.derived)
      return gone.length + come.length > 0
    })
  return {
    checkedMembers: memberNos.length,
    differing,
    next: memberNos.length < NUMBERS_PER_AUDIT ? null : memberNos.at(-1)!,
  }
}
