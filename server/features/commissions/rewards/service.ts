import { transact, type Db, type Pool, type Tx } from '../../../database.ts'
import { parseInstant, type Instant } from '../../../lib/time.ts'
import { identityKey, type Associate, type Identity, type Store } from '../../attribution/domain.ts'
import type { BookingReason, RewardMark } from '../../evidence/service.ts'
import { friendEventsOf } from '../../friends/service.ts'
import { readHistory, selectAssociates, selectStores } from '../../stores/service.ts'
import { taskEventsOf } from '../../tasks/service.ts'
import type { Plan } from '../domain.ts'
import {
  decideRewards,
  enrolmentKey,
  friendKey,
  rewardKey,
  taskKey,
  type DecidedEvent,
  type RewardEvidence,
} from './domain.ts'
import {
  deleteRewardMarks,
  insertRewardBookings,
  insertRewardMarks,
  insertRewardMarksOf,
  insertRewardMarksOfSpan,
  selectConnected,
  selectContactLinks,
  selectEnrolments,
  selectRewardEntitlements,
  takeRewardMarks,
  tryLockRewards,
  type RewardBooking,
  type RewardMarkRow,
  type RewardRow,
  type RewardSpan,
  type RewardSubject,
} from './queries.ts'

// --------------------------------------------------------------------------------------------------- marks

/** Says that evidence came which may change rewards. In the transaction of the evidence. */
export async function markRewards(
  tx: Tx,
  options: { brandId: number; marks: readonly RewardMark[]; now: Instant },
): Promise<void> {
  await insertRewardMarks(tx, { ...options, reason: 'evidence' })
}

/** Says that a plan was published which covers the events of a span. */
export async function markRewardsOfSpan(
  tx: Tx,
  options: { brandId: number; from: string; to: string | null; now: Instant },
): Promise<void> {
  const { brandId, from, to, now } = options
  const span: RewardSpan = { from, to, kind: SUBJECT_KINDS[0], after: '' }
  await insertRewardMarks(tx, { brandId, marks: [{ kind: 'span', key: JSON.stringify(span) }], reason: 'plan', now })
}

const SUBJECT_KINDS = ['member', 'customer', 'task'] as const

// ------------------------------------------------------------------------------------------------- deciding

/** What was decided about some people and tasks, and of which events it says everything. */
export interface DecidedRewards {
  events: DecidedEvent[]
  /** Also of events that there are not, or not any more: nothing is owed for them. */
  subjectKeys: string[]
  people: RewardEvidence['people']
}

/** Decides the rewards of everybody whom these subjects hang together with, from all that is recorded about them. */
export async function decideRewardsOf(
  db: Db,
  options: { brandId: number; plans: readonly Plan[]; subjects: readonly RewardSubject[] },
): Promise<DecidedRewards> {
  const { brandId, plans, subjects } = options
  const evidence = await loadEvidence(db, brandId, subjects)
  return {
    events: decideRewards(evidence, plans),
    subjectKeys: [
      ...evidence.enrolments.map(({ memberNo }) => enrolmentKey(memberNo)),
      ...evidence.friendships.filter(({ kind }) => kind === 'added').map(friendKey),
      ...keysOf(subjects, 'task').map(taskKey),
    ],
    people: evidence.people,
  }
}

const keysOf = (subjects: readonly RewardSubject[], kind: RewardSubject['kind']) =>
  subjects.filter(subject => subject.kind === kind).map(subject => subject.key)

/** In a fixed number of statements, however many subjects. */
async function loadEvidence(db: Db, brandId: number, subjects: readonly RewardSubject[]): Promise<RewardEvidence> {
  const connected = await selectConnected(db, {
    brandId,
    subjects: subjects.filter(({ kind }) => kind !== 'task'),
  })
  const externalUserids = keysOf(connected, 'customer')
  const [enrolments, links, friendships, tasks] = await Promise.all([
    selectEnrolments(db, { brandId, memberNos: keysOf(connected, 'member') }),
    selectContactLinks(db, { brandId, externalUserids }),
    friendEventsOf(db, { brandId, externalUserids }),
    taskEventsOf(db, { brandId, taskIds: keysOf(subjects, 'task') }),
  ])
  const associates = await selectAssociates(db, {
    brandId,
    associateIds: [
      ...new Set([
        ...enrolments.flatMap(({ openingAssociate }) => openingAssociate ?? []),
        ...[...friendships, ...tasks].map(({ associateId }) => associateId),
      ]),
    ],
  })
  const [own, stores] = await Promise.all([
    selectEnrolments(db, { brandId, memberNos: associates.flatMap(({ memberNo }) => memberNo ?? []) }),
    selectStores(db, {
      brandId,
      storeCodes: [...new Set(associates.flatMap(({ storeCode }) => storeCode ?? []))],
    }),
  ])
  const identities = new Map<string, Identity[]>()
  for (const link of links) {
    const key = identityKey('external_userid', link.value)
    identities.set(key, [...(identities.get(key) ?? []), { kind: 'external_userid', ...link }])
  }
  return {
    people: {
      identities,
      mergedInto: new Map(
        [...enrolments, ...own].flatMap(({ memberNo, lastMemberNo }) =>
          memberNo === lastMemberNo ? [] : [[memberNo, lastMemberNo] as const],
        ),
      ),
    },
    enrolments,
    friendships,
    tasks,
    associates: new Map(
      associates.map((row): [string, Associate] => [
        row.associateId,
        {
          associateId: row.associateId,
          storeCode: row.storeCode,
          memberNo: row.memberNo,
          invitedBy: row.invitedBy,
          kinds: readHistory(row.kinds),
          employments: row.employments.map(({ activeFrom, activeTo }) => ({
            activeFrom: parseInstant(activeFrom)!,
            activeTo: activeTo === null ? null : parseInstant(activeTo),
          })),
        },
      ]),
    ),
    stores: new Map(
      stores.map((row): [string, Store] => [
        row.storeCode,
        {
          storeCode: row.storeCode,
          types: readHistory(row.types),
          regions: readHistory(row.regions),
          franchisees: readHistory(row.franchisees),
        },
      ]),
    ),
  }
}

// ------------------------------------------------------------------------------------------------- booking

/** How many marks one transaction of the worker looks at. */
const MARKS_PER_STEP = 500
/** How many of them may speak of many people. */
const WIDE_MARKS_PER_STEP = 20
/** How many subjects of a span one transaction marks. */
const SPAN_PER_STEP = 2000

/**
 * Books the rewards of what was marked, by the difference alone.
 *
 * A mark need not wait for the transactions under way: nobody but this step books rewards, so of two that could not see
 * each other's evidence the later to end leaves a mark by which both are seen. For that the step is alone in its brand,
 * and reads plans and evidence after it has made sure of it.
 *
 * @returns whether there was something to do
 */
export async function rewardStep(
  pool: Pool,
  options: { brandId: number; plansOf: (db: Db) => Promise<readonly Plan[]>; now: Instant },
): Promise<boolean> {
  const { brandId, now } = options
  return await transact(pool, async tx => {
    if (!(await tryLockRewards(tx, { brandId }))) return false
    const taken = await takeRewardMarks(tx, { brandId, limit: MARKS_PER_STEP })
    if (taken.length === 0) return false
    const plans = await options.plansOf(tx)
    const narrow = taken.filter(isSubject)
    for (const reason of new Set(narrow.map(mark => mark.reason))) {
      await book(tx, { brandId, plans, subjects: subjectsOf(narrow, reason), reason, now })
    }
    const wide = taken.filter(mark => !isSubject(mark)).slice(0, WIDE_MARKS_PER_STEP)
    if (wide.length > 0) await widen(tx, { brandId, marks: wide, now })
    await deleteRewardMarks(tx, { brandId, markIds: [...narrow, ...wide].map(mark => mark.markId) })
    return true
  })
}

const isSubject = ({ kind }: RewardMarkRow) => (SUBJECT_KINDS as readonly string[]).includes(kind)

/** Turns marks that speak of associates, stores or a plan's span into marks of people and tasks. */
async function widen(
  tx: Tx,
  { brandId, marks, now }: { brandId: number; marks: readonly RewardMarkRow[]; now: Instant },
): Promise<void> {
  await insertRewardMarksOf(tx, { brandId, marks, now })
  for (const { key, reason } of marks.filter(({ kind }) => kind === 'span')) {
    const span = JSON.parse(key) as RewardSpan
    const last = await insertRewardMarksOfSpan(tx, { brandId, span, reason, limit: SPAN_PER_STEP, now })
    const next = last === null ? SUBJECT_KINDS[SUBJECT_KINDS.indexOf(span.kind) + 1] : span.kind
    if (next === undefined) continue
    const rest: RewardSpan = { ...span, kind: next, after: last ?? '' }
    await insertRewardMarks(tx, { brandId, marks: [{ kind: 'span', key: JSON.stringify(rest) }], reason, now })
  }
}

/** A brand whose plans name no rewards owes none. */
export const paysRewards = (plans: readonly Plan[]) => plans.some(plan => plan.rewards !== undefined)

function subjectsOf(marks: readonly RewardMarkRow[], reason: BookingReason): RewardSubject[] {
  const own = marks.filter(mark => mark.reason === reason)
  const distinct = new Map(own.map(({ kind, key }) => [`${kind} ${key}`, { kind, key } as RewardSubject]))
  return [...distinct.values()]
}

async function book(
  tx: Tx,
  options: {
    brandId: number
    plans: readonly Plan[]
    subjects: readonly RewardSubject[]
    reason: BookingReason
    now: Instant
  },
): Promise<void> {
  const { brandId, reason, now } = options
  const { events, subjectKeys } = await decideRewardsOf(tx, options)
  const booked = new Map(
    (await selectRewardEntitlements(tx, { brandId, subjectKeys })).map(row => [rewardKey(row), row]),
  )
  const bookings: RewardBooking[] = []
  for (const row of events.flatMap(rowOf)) {
    const was = booked.get(rewardKey(row))
    booked.delete(rewardKey(row))
    const isSame =
      was?.amountFen === row.amountFen && was.associateId === row.associateId && was.memberNo === row.memberNo
    if (!isSame) bookings.push({ row, differenceFen: row.amountFen - (was?.amountFen ?? 0) })
  }
  for (const row of booked.values()) {
    bookings.push({ row: { ...row, amountFen: 0 }, differenceFen: -row.amountFen })
  }
  await insertRewardBookings(tx, { brandId, bookings, reason, now })
}

/** What is owed for an event, as it is kept. */
function rowOf({ event, at, associateId, memberNo, externalUserid, owed }: DecidedEvent): RewardRow[] {
  return owed === null || associateId === null ? [] : [{ ...owed, event, at, associateId, memberNo, externalUserid }]
}
