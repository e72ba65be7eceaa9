import { valueInForce } from '../../../lib/dated.ts'
import type { Fen } from '../../../lib/money.ts'
import { compareBytes } from '../../../lib/text.ts'
import { boundInstant, DAY_MS, formatInstant, type Instant } from '../../../lib/time.ts'
import {
  findPerson,
  isActive,
  lastMemberNo,
  type Associate,
  type People,
  type Store,
} from '../../attribution/domain.ts'
import { BY_TRANSFER, HANDED_OVER_MS } from '../../friends/domain.ts'
import { planInForce, type BearerKind, type PayeeKind, type Plan, type Reward, type RewardedEvent } from '../domain.ts'

/** Rewards for events: pure, as `decide` is. The rules are docs/commission.md, "Event rewards". */

// ---------------------------------------------------------------------------------------------- evidence

/** A number's record as last told, as far as it says that somebody became a member. */
export interface Enrolment {
  memberNo: string
  joinedAt: Instant | null
  openingAssociate: string | null
}

/** A friendship that began or ended. */
export interface Friendship {
  associateId: string
  externalUserid: string
  kind: 'added' | 'ended'
  at: Instant
  /** Of an end, where it was told. */
  endedBy?: string | null
}

/** A task that was done, or was not after all. */
export interface Task {
  taskId: string
  kind: 'done' | 'undone'
  at: Instant
  associateId: string
  task: string
  memberNo: string | null
}

/**
 * What rewards are decided from, of any number of people and tasks. Of each person it holds all numbers, and all ids in
 * WeCom that were ever linked to one of them.
 */
export interface RewardEvidence {
  people: Pick<People, 'identities' | 'mergedInto'>
  enrolments: readonly Enrolment[]
  friendships: readonly Friendship[]
  tasks: readonly Task[]
  associates: ReadonlyMap<string, Associate>
  stores: ReadonlyMap<string, Store>
}

// ------------------------------------------------------------------------------------------------ decision

/** Why an event pays, or why it does not; of several reasons the first of this list is shown. */
export const REWARD_REASONS = [
  'merged',
  'undone',
  'no_associate',
  'self',
  'inactive',
  'was_member',
  'gone_within',
  'not_first',
  'no_plan',
  'no_rule',
  'no_store',
  'paid',
] as const
export type RewardReason = (typeof REWARD_REASONS)[number]

/** What is owed for one event. The fields but the amount are its key: one is booked per key. */
export interface RewardEntitlement {
  subjectKey: string
  payeeKind: PayeeKind
  payee: string
  bearerKind: BearerKind
  bearer: string
  ruleId: string
  planCode: string
  planVersion: number
  availableAt: Instant
  amountFen: Fen
}

/** An event, whose it was, and what came of it. */
export interface DecidedEvent {
  event: RewardedEvent
  subjectKey: string
  at: Instant
  /** null: a member who was enrolled by nobody. */
  associateId: string | null
  /** By his last number, where he is a member; of a task as it was told. */
  memberNo: string | null
  /** Of a friend added. */
  externalUserid: string | null
  /** When the friendship ended; null while it lasts, also with a colleague to whom WeCom gave him, and of other events. */
  endedAt: Instant | null
  /** What kind of task. */
  task: string | null
  reason: RewardReason
  /** The plan in force at the event, and its reward that matches; null where the reason comes before them. */
  plan: { code: string; version: number } | null
  ruleId: string | null
  owed: RewardEntitlement | null
}

/** The event that a subject key names stays the same whoever earns by it. */
export const enrolmentKey = (memberNo: string) => `member_enrolled/${memberNo}`
export const taskKey = (taskId: string) => `task_done/${taskId}`
/** The associate's id cannot run into the customer's; the instant at the end is of one length. */
export const friendKey = ({
  associateId,
  externalUserid,
  at,
}: Pick<Friendship, 'associateId' | 'externalUserid' | 'at'>) =>
  `friend_added/${associateId.replace(/[%/]/g, encodeURIComponent)}/${externalUserid}/${formatInstant(at)}`

/** Whose event a key names; null where it is no such key. */
export function subjectOf(subjectKey: string): { kind: 'member' | 'customer' | 'task'; key: string } | null {
  const [, event, rest] = /^(member_enrolled|friend_added|task_done)\/(.+)$/s.exec(subjectKey) ?? []
  if (rest === undefined) return null
  if (event === 'member_enrolled') return { kind: 'member', key: rest }
  if (event === 'task_done') return { kind: 'task', key: rest }
  const [, externalUserid] = /^[^/]+\/(.+)\/[^/]+$/s.exec(rest) ?? []
  return externalUserid === undefined ? null : { kind: 'customer', key: externalUserid }
}

/** Every event that the evidence tells of: enrolments by number, friendships and tasks by instant. */
export function decideRewards(evidence: RewardEvidence, plans: readonly Plan[]): DecidedEvent[] {
  return [...decideEnrolments(evidence, plans), ...decideFriends(evidence, plans), ...decideTasks(evidence, plans)]
}

/** An event before it is asked whether a plan pays for it. */
type Occurrence = Omit<DecidedEvent, 'reason' | 'plan' | 'ruleId' | 'owed'>

const refused = (occurrence: Occurrence, reason: RewardReason): DecidedEvent => ({
  ...occurrence,
  reason,
  plan: null,
  ruleId: null,
  owed: null,
})

/** Once per person: when he joined under the first of his numbers, by the record of the last. */
function decideEnrolments(evidence: RewardEvidence, plans: readonly Plan[]): DecidedEvent[] {
  const joined = joinedByPerson(evidence)
  return [...evidence.enrolments]
    .sort((a, b) => compareBytes(a.memberNo, b.memberNo))
    .flatMap(({ memberNo, joinedAt, openingAssociate }): DecidedEvent[] => {
      const person = lastMemberNo(memberNo, evidence.people.mergedInto)
      const at = person === memberNo ? joined.get(person) : (joinedAt ?? undefined)
      if (at === undefined) return []
      const occurrence: Occurrence = {
        event: 'member_enrolled',
        subjectKey: enrolmentKey(memberNo),
        at,
        associateId: openingAssociate,
        memberNo: person,
        externalUserid: null,
        endedAt: null,
        task: null,
      }
      return [person === memberNo ? judge(occurrence, evidence, plans) : refused(occurrence, 'merged')]
    })
}

/** When each person first became a member. */
function joinedByPerson({ enrolments, people }: RewardEvidence): Map<string, Instant> {
  const joined = new Map<string, Instant>()
  for (const { memberNo, joinedAt } of enrolments) {
    const person = lastMemberNo(memberNo, people.mergedInto)
    if (joinedAt !== null) joined.set(person, Math.min(joined.get(person) ?? Infinity, joinedAt))
  }
  return joined
}

/** Why a friendship is none that counts, so that a later one may be the person's first. */
const NO_FRIENDSHIP: readonly RewardReason[] = ['no_associate', 'self', 'inactive', 'was_member', 'gone_within']

/**
 * Once per person: his first friendship that counts, whether or not a plan pays for it. Who was a friend before there
 * were rewards, or comes to a colleague by a handover, is no new friend.
 */
function decideFriends(evidence: RewardEvidence, plans: readonly Plan[]): DecidedEvent[] {
  const people: People = { ...evidence.people, phones: new Map() }
  const joined = joinedByPerson(evidence)
  const ends = new Map<string, Friendship[]>()
  const transfers = new Map<string, Friendship[]>()
  for (const ended of evidence.friendships.filter(({ kind }) => kind === 'ended')) {
    ends.set(pairOf(ended), [...(ends.get(pairOf(ended)) ?? []), ended])
    if (ended.endedBy !== BY_TRANSFER) continue
    transfers.set(ended.externalUserid, [...(transfers.get(ended.externalUserid) ?? []), ended])
  }
  const isHandedOver = ({ associateId, externalUserid, at }: Friendship) =>
    (transfers.get(externalUserid) ?? []).some(
      end => end.associateId !== associateId && Math.abs(end.at - at) <= HANDED_OVER_MS,
    )
  const befriended = new Set<string>()
  return evidence.friendships
    .filter(({ kind }) => kind === 'added')
    .sort(
      (a, b) =>
        a.at - b.at || compareBytes(a.associateId, b.associateId) || compareBytes(a.externalUserid, b.externalUserid),
    )
    .map((friendship): DecidedEvent => {
      const { associateId, externalUserid, at } = friendship
      const found = findPerson({ visitorIds: { external_userid: externalUserid } }, people)
      const person = found ? `member ${found.memberNo}` : `contact ${externalUserid}`
      const memberNo = found?.memberNo ?? null
      const end = (ends.get(pairOf(friendship)) ?? []).filter(ended => ended.at >= at).sort((a, b) => a.at - b.at)[0]
      const occurrence: Occurrence = {
        event: 'friend_added',
        subjectKey: friendKey({ associateId, externalUserid, at }),
        at,
        associateId,
        memberNo,
        externalUserid,
        endedAt: end === undefined || end.endedBy === BY_TRANSFER ? null : end.at,
        task: null,
      }
      const wasMember = memberNo !== null && (joined.get(memberNo) ?? Infinity) < at
      const decided = judge(occurrence, evidence, plans, wasMember)
      if (NO_FRIENDSHIP.includes(decided.reason)) return decided
      if (befriended.has(person) || isHandedOver(friendship)) return { ...decided, reason: 'not_first', owed: null }
      befriended.add(person)
      return decided
    })
}

const pairOf = ({ associateId, externalUserid }: { associateId: string; externalUserid: string }) =>
  JSON.stringify([associateId, externalUserid])

/** Of each task its latest event; at one instant it was not done. */
function decideTasks(evidence: RewardEvidence, plans: readonly Plan[]): DecidedEvent[] {
  const latest = new Map<string, Task>()
  for (const task of evidence.tasks) {
    const other = latest.get(task.taskId)
    const isLater = !other || task.at > other.at || (task.at === other.at && task.kind === 'undone')
    if (isLater) latest.set(task.taskId, task)
  }
  return [...latest.values()]
    .sort((a, b) => a.at - b.at || compareBytes(a.taskId, b.taskId))
    .map(({ taskId, kind, at, associateId, task, memberNo }) => {
      const occurrence: Occurrence = {
        event: 'task_done',
        subjectKey: taskKey(taskId),
        at,
        associateId,
        memberNo,
        externalUserid: null,
        endedAt: null,
        task,
      }
      return kind === 'undone' ? refused(occurrence, 'undone') : judge(occurrence, evidence, plans)
    })
}

/** What the plan in force at an event pays for it, looked at for itself. */
function judge(
  occurrence: Occurrence,
  evidence: RewardEvidence,
  plans: readonly Plan[],
  wasMember = false,
): DecidedEvent {
  const { event, at, memberNo, endedAt } = occurrence
  const associate = occurrence.associateId === null ? undefined : evidence.associates.get(occurrence.associateId)
  if (!associate) return refused(occurrence, 'no_associate')
  const own = associate.memberNo === null ? null : lastMemberNo(associate.memberNo, evidence.people.mergedInto)
  if (event !== 'task_done' && own !== null && own === memberNo) return refused(occurrence, 'self')
  if (!isActive(associate, at)) return refused(occurrence, 'inactive')
  if (wasMember) return refused(occurrence, 'was_member')
  const plan = planInForce(plans, at)
  if (!plan) return refused(occurrence, 'no_plan')
  const { code, version } = plan
  const reward = plan.rewards?.find(one => one.event === event && matches(one, occurrence, associate, evidence.stores))
  if (!reward) return { ...refused(occurrence, 'no_rule'), plan: { code, version } }
  const ruled = { plan: { code, version }, ruleId: reward.id }
  const keepMs = (reward.keepDays ?? 0) * DAY_MS
  if (endedAt !== null && endedAt < at + keepMs) return { ...refused(occurrence, 'gone_within'), ...ruled }
  const { storeCode } = associate
  if (reward.to === 'associate_store' && storeCode === null) return { ...refused(occurrence, 'no_store'), ...ruled }
  const bearer = reward.bearer === 'associate_store' ? storeCode : null
  return {
    ...occurrence,
    ...ruled,
    reason: 'paid',
    owed: {
      subjectKey: occurrence.subjectKey,
      payeeKind: reward.to === 'associate_store' ? 'store' : 'associate',
      payee: reward.to === 'associate_store' ? storeCode! : associate.associateId,
      bearerKind: bearer === null ? 'headquarters' : 'store',
      bearer: bearer ?? 'headquarters',
      ruleId: reward.id,
      planCode: code,
      planVersion: version,
      availableAt: boundInstant(at + Math.max(plan.holdDays * DAY_MS, keepMs)),
      amountFen: reward.amountFen,
    },
  }
}

function matches(
  { when = {} }: Reward,
  { at, task }: Occurrence,
  associate: Associate,
  stores: ReadonlyMap<string, Store>,
): boolean {
  const store = associate.storeCode === null ? undefined : stores.get(associate.storeCode)
  const inList = (list: readonly string[] | undefined, value: string | null | undefined) =>
    list === undefined || (value !== null && value !== undefined && list.includes(value))
  return (
    inList(when.associateKinds, valueInForce(associate.kinds, at)) &&
    inList(when.stores, associate.storeCode) &&
    inList(when.storeTypes, store && valueInForce(store.types, at)) &&
    inList(when.regions, store && valueInForce(store.regions, at)) &&
    inList(when.tasks, task)
  )
}

// ------------------------------------------------------------------------------------------------- booking

/** The fields that identify what is booked once; the same for a reward that is owed and a ledger row. */
export const rewardKey = (row: RewardEntitlement) =>
  JSON.stringify([
    row.subjectKey,
    row.payeeKind,
    row.payee,
    row.bearerKind,
    row.bearer,
    row.ruleId,
    row.planCode,
    row.planVersion,
    row.availableAt,
  ])
