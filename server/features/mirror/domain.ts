import type { Instant } from '../../lib/time.ts'
import type { FriendSeen, GroupMemberSeen } from './answers.ts'

/** What the mirror makes of what WeCom shows and of what it calls back with. No clock, no database. */

/** A friendship as the mirror has it. */
export interface FriendRow extends FriendSeen {
  endedAt: Instant | null
  endedBy: EndedBy | null
  /** Whether everything known of it was told as evidence. */
  isTold: boolean
  /** As of when this is known. */
  seenAt: Instant
}

/** `transfer`: WeCom gave the customer to a colleague. */
export type EndedBy = 'customer' | 'associate' | 'transfer'

/** What is told as evidence of a friendship. */
export interface FriendTold {
  userid: string
  externalUserid: string
  kind: 'added' | 'ended'
  at: Instant
  endedBy?: EndedBy
  state?: string
}

export interface FriendChange {
  row: FriendRow
  told: FriendTold[]
  /** What was other than the mirror had it. */
  change: 'added' | 'ended' | 'back' | 'details' | null
}

/** An event's second and the second that WeCom keeps of the same thing are not always the same. */
const NEAR_MS = 60_000
/** Events say the second in which something happened, not when in it. */
const SECOND_MS = 1000

const added = ({ userid, externalUserid, state }: FriendSeen, at: Instant): FriendTold => ({
  userid,
  externalUserid,
  kind: 'added',
  at,
  ...(state === null ? {} : { state }),
})

/**
 * A friendship that WeCom showed.
 *
 * Where the customer ended it WeCom goes on showing it to the associate's side, with the time it began: it stays ended
 * until it began anew. Where it ended otherwise, WeCom would not show it.
 *
 * @param askedAt when WeCom was asked
 * @param addedAt the second that an event said it began in, where there was one
 * @returns null where what is known is newer than the answer
 */
export function friendSeen(
  before: FriendRow | null,
  seen: FriendSeen,
  { askedAt, addedAt = null }: { askedAt: Instant; addedAt?: Instant | null },
): FriendChange | null {
  const beganAt =
    addedAt === null || Math.abs(addedAt - seen.since) <= NEAR_MS ? seen.since : Math.max(seen.since, addedAt)
  // An event of an earlier beginning, which WeCom no longer shows.
  const earlier = addedAt !== null && addedAt < seen.since - NEAR_MS ? [added(seen, addedAt)] : []
  const row: FriendRow = { ...seen, since: beganAt, endedAt: null, endedBy: null, isTold: false, seenAt: askedAt }
  if (!before) return { row, told: [...earlier, added(seen, beganAt)], change: 'added' }
  if (before.seenAt > askedAt) {
    // An event's beginning is one, whatever is known since.
    return addedAt === null ? null : { row: before, told: [...earlier, added(seen, beganAt)], change: null }
  }
  if (before.endedAt === null) {
    const since = Math.max(before.since, beganAt)
    const told = since > before.since || !before.isTold ? [added(seen, since)] : []
    const isSame = detailsOf(before) === detailsOf({ ...row, since })
    return {
      row: { ...row, since, isTold: before.isTold },
      told: [...earlier, ...told],
      change: isSame ? null : 'details',
    }
  }
  const isBack = addedAt === null ? beganAt > before.endedAt : beganAt >= before.endedAt
  if (isBack) return { row, told: [...earlier, added(seen, beganAt)], change: 'back' }
  if (before.endedBy === 'customer') {
    const { endedAt, endedBy, isTold } = before
    return {
      row: { ...row, since: Math.min(before.since, beganAt), endedAt, endedBy, isTold },
      told: addedAt === null ? [] : [...earlier, added(seen, beganAt)],
      change: null,
    }
  }
  // It was taken for ended, and is there: from now on it is told to be.
  return { row: { ...row, since: askedAt }, told: [...earlier, added(seen, askedAt)], change: 'back' }
}

const detailsOf = ({ since, addWay, state, remark, description, tagIds }: FriendRow) =>
  JSON.stringify([since, addWay, state, remark, description, [...tagIds].sort()])

/** A friendship of which an event said that it began, and that WeCom does not show (any more, or to us). */
export function friendAdded(
  before: FriendRow | null,
  event: { userid: string; externalUserid: string; at: Instant; state: string | null },
): FriendChange {
  const { userid, externalUserid, at, state } = event
  const seen = { userid, externalUserid, since: at, addWay: null, state, remark: null, description: null, tagIds: [] }
  const told = [added(seen, at)]
  if (!before || (before.endedAt !== null && before.endedAt <= at)) {
    const row = {
      ...(before ?? seen),
      since: at,
      state,
      endedAt: null,
      endedBy: null,
      isTold: false,
      seenAt: at + SECOND_MS,
    }
    return { row, told, change: before ? 'back' : 'added' }
  }
  return { row: before, told, change: null }
}

/** A friendship of which an event said that it ended. One that comes late changes nothing of what came after it. */
export function friendEnded(
  before: FriendRow | null,
  event: { userid: string; externalUserid: string; at: Instant; endedBy: EndedBy },
): FriendChange {
  const { userid, externalUserid, at, endedBy } = event
  const told: FriendTold[] = [{ userid, externalUserid, kind: 'ended', at, endedBy }]
  const bare: FriendRow = {
    userid,
    externalUserid,
    since: at,
    addWay: null,
    state: null,
    remark: null,
    description: null,
    tagIds: [],
    endedAt: null,
    endedBy: null,
    isTold: false,
    seenAt: at,
  }
  const was = before ?? bare
  if (was.since > at) return { row: was, told, change: null }
  // The latest end counts: it may be that of a beginning whose event is still to come. One found by looking is no event.
  if (was.endedAt !== null && was.endedBy !== null && was.endedAt >= at) return { row: was, told, change: null }
  return {
    row: { ...was, endedAt: at, endedBy, isTold: false, seenAt: Math.max(was.seenAt, at + SECOND_MS) },
    told,
    change: 'ended',
  }
}

/** A friendship that WeCom does not show any more: who ended it is not known. */
export function friendMissing(before: FriendRow, at: Instant): FriendChange {
  const { userid, externalUserid } = before
  return {
    row: { ...before, endedAt: at, endedBy: null, isTold: false, seenAt: at },
    told: [{ userid, externalUserid, kind: 'ended', at }],
    change: 'ended',
  }
}

/** What a friendship's row says, as evidence: for those that could not be told before. */
export function friendTold(row: FriendRow): FriendTold[] {
  const { userid, externalUserid, endedAt, endedBy } = row
  const ended: FriendTold[] =
    endedAt === null
      ? []
      : [{ userid, externalUserid, kind: 'ended', at: endedAt, ...(endedBy === null ? {} : { endedBy }) }]
  return endedAt === row.since ? ended : [added(row, row.since), ...ended]
}

/** Whose userid WeCom changed, to what, and when. */
export interface Renamed {
  userid: string
  renamedTo: string
  at: Instant
}

/**
 * What is told of a friendship that somebody had when his userid was changed: he takes it over from who he was. So what it
 * meant before stays as it was, and nobody lost a friend or found a new one.
 */
export function asRenamed(told: FriendTold, renamed: readonly Renamed[]): FriendTold[] {
  const before = renamed.find(({ renamedTo, at }) => renamedTo === told.userid && told.at < at)
  if (!before || told.kind !== 'added') return [told]
  const { userid, at } = before
  return [
    { userid, externalUserid: told.externalUserid, kind: 'ended', at, endedBy: 'transfer' },
    { ...told, at },
  ]
}

/** The same for who joined a group. */
const JOIN_NEAR_MS = 5000

/** A time in a group, as the mirror has it. */
export interface MembershipRow {
  memberId: string
  isStaff: boolean
  name: string | null
  joinedAt: Instant
  joinScene: number | null
  invitedBy: string | null
  state: string | null
  leftAt: Instant | null
  wasRemoved: boolean | null
}

/** What an event said about who came and went. */
export interface MembersEvent {
  detail: 'add_member' | 'del_member'
  memberIds: readonly string[]
  at: Instant
  wasRemoved: boolean | null
}

export interface MembershipChanges {
  /** Rows to be written, by member and joinedAt. */
  rows: MembershipRow[]
  joined: number
  left: number
}

/**
 * Who is in a group now, by the list that WeCom gave.
 *
 * @param before every time in the group that is known, of everybody
 */
export function membersSeen(
  before: readonly MembershipRow[],
  seen: readonly GroupMemberSeen[],
  askedAt: Instant,
): MembershipChanges {
  const open = new Map(before.filter(row => row.leftAt === null).map(row => [row.memberId, row]))
  const rows: MembershipRow[] = []
  let joined = 0
  let left = 0
  for (const { unionid: _, ...member } of seen) {
    const was = open.get(member.memberId)
    open.delete(member.memberId)
    if (was && member.joinedAt <= was.joinedAt + JOIN_NEAR_MS) {
      const now = { ...was, ...member, name: member.name ?? was.name, joinedAt: was.joinedAt }
      if (JSON.stringify(sorted(now)) !== JSON.stringify(sorted(was))) rows.push(now)
      continue
    }
    if (was) {
      // He had left, and came again, between two looks.
      rows.push({ ...was, leftAt: member.joinedAt })
      left += 1
    }
    rows.push({ ...member, leftAt: null, wasRemoved: null })
    joined += 1
  }
  for (const was of open.values()) {
    rows.push({ ...was, leftAt: Math.max(askedAt, was.joinedAt) })
    left += 1
  }
  return { rows, joined, left }
}

const sorted = (row: MembershipRow) => Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1))

/** What an event adds to what is known: when exactly somebody left and how, and who came where no list shows it yet. */
export function membersChanged(
  before: readonly MembershipRow[],
  event: MembersEvent,
  isStaff: (memberId: string) => boolean,
): MembershipChanges {
  const rows: MembershipRow[] = []
  let joined = 0
  let left = 0
  for (const memberId of event.memberIds) {
    const own = before.filter(row => row.memberId === memberId && row.joinedAt <= event.at + SECOND_MS)
    const last = own.reduce<MembershipRow | null>((a, b) => (a === null || b.joinedAt > a.joinedAt ? b : a), null)
    if (event.detail === 'del_member') {
      if (last === null || (last.leftAt !== null && last.wasRemoved !== null)) continue
      if (last.leftAt !== null && last.leftAt < event.at) continue
      if (last.leftAt === null) left += 1
      rows.push({ ...last, leftAt: Math.max(event.at, last.joinedAt), wasRemoved: event.wasRemoved })
    } else if (last === null || (last.leftAt !== null && last.leftAt <= event.at)) {
      joined += 1
      const bare = { name: null, joinScene: null, invitedBy: null, state: null, leftAt: null, wasRemoved: null }
      rows.push({ memberId, isStaff: isStaff(memberId), joinedAt: event.at, ...bare })
    }
  }
  return { rows, joined, left }
}

/** A department, as far as it leads to a store. */
export interface DepartmentNode {
  departmentId: number
  parentId: number
}

/** The store of a department: its own, else that of the nearest department above it. */
export function storeOfDepartment(
  departmentId: number,
  departments: ReadonlyMap<number, DepartmentNode>,
  stores: ReadonlyMap<number, string>,
): string | null {
  let at: number | undefined = departmentId
  for (let steps = 0; at !== undefined && steps < 32; steps++) {
    const store = stores.get(at)
    if (store !== undefined) return store
    at = departments.get(at)?.parentId
  }
  return null
}

/** The number of a member who stands for nobody but a contact that was taken from whom it had been linked to. */
export const contactOwnNumber = (externalUserid: string) => `contact:${externalUserid}`
