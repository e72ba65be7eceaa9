import { LRUCache } from 'lru-cache'
import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { DAY_MS, formatInstant, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { insertActivity } from '../activity/service.ts'
import { veilOf, type ToldId } from '../evidence/service.ts'
import { takeItems } from '../ingest/service.ts'
import { WecomError, type Answer, type Wecom } from '../wecom/service.ts'
import { readContact, type ContactSeen, type FriendSeen, type GroupMemberSeen, type GroupSeen } from './answers.ts'
import {
  asRenamed,
  friendEnded,
  friendSeen,
  friendTold,
  membersChanged,
  membersSeen,
  storeOfDepartment,
  type FriendChange,
  type FriendRow,
  type FriendTold,
  type MembersEvent,
} from './domain.ts'
import {
  lockFriends,
  lockGroup,
  selectContactView,
  selectDepartments,
  selectGroup,
  selectGroupBuyers,
  selectGroupCounts,
  selectMemberships,
  selectPresent,
  selectRenamed,
  selectStaffDepartments,
  selectStoreDepartments,
  selectUntoldIdentities,
  updateGroup,
  updateGroupVersion,
  updateRenamed,
  upsertContacts,
  upsertMemberships,
  writeFriends,
  type ContactView,
} from './queries.ts'

export { wecomHealth } from './health.ts'
export { contactOwnNumber } from './domain.ts'
export { updateGroupsOwner, type ContactView } from './queries.ts'

/** What evidence that follows from the mirror is taken with. */
export interface Taking {
  brandId: number
  vault: Vault
  publicUrl: string
  now: () => Instant
}

export interface MirrorDependencies extends Taking {
  pool: Pool
  wecom: Wecom
}

/** Evidence that nobody sent: the service saw it in WeCom. */
const SENDER = { actor: 'service', callerId: 'service' }

/** What came of something seen, by kind, for the record of a walk. */
export type Repairs = Record<string, number>

const count = (repairs: Repairs, kind: string, by = 1) => {
  if (by > 0) repairs[kind] = (repairs[kind] ?? 0) + by
}

/** Tells friendships as evidence. @returns the friendships of which all was taken */
export async function tellFriends(tx: Tx, taking: Taking, told: readonly FriendTold[]): Promise<Set<string>> {
  const keys = new Set(told.map(friendKey))
  if (told.length === 0) return keys
  const renamed = await selectRenamed(tx, { brandId: taking.brandId, renamedTo: [...new Set(told.map(one => one.userid))] }) // prettier-ignore
  const items = told
    .flatMap(one => asRenamed(one, renamed))
    .map(({ userid, at, ...item }) => ({ ...item, associateId: userid, at: formatInstant(at) }))
  const results = await takeItems(tx, { ...taking, ...SENDER, kind: 'friend-events', items, now: taking.now() })
  for (const [i, { error }] of results.entries()) {
    const { associateId: userid, externalUserid } = items[i]!
    // A conflict was told before, with a state that WeCom puts otherwise now.
    if (error && error.code !== 'conflict') keys.delete(friendKey({ userid, externalUserid }))
  }
  return keys
}

const friendKey = ({ userid, externalUserid }: { userid: string; externalUserid: string }) =>
  JSON.stringify([userid, externalUserid])

/** Keeps that somebody is called otherwise, and says so. */
export async function renameStaff(
  tx: Tx,
  { now, ...rename }: { brandId: number; now: Instant; userid: string; renamedTo: string; at: Instant },
): Promise<void> {
  const { brandId, userid, renamedTo } = rename
  if (!(await updateRenamed(tx, rename))) return
  await insertActivity(tx, {
    brandId,
    now,
    actor: 'service',
    action: 'wecom.userid_changed',
    subject: `associates/${userid}`,
    details: { userid: renamedTo },
  })
}

/** Writes what became of friendships, and tells it as evidence. */
export async function writeFriendChanges(
  tx: Tx,
  taking: Taking,
  changes: readonly (FriendChange & { isNew: boolean })[],
  repairs: Repairs = {},
): Promise<void> {
  const told = await tellFriends(
    tx,
    taking,
    changes.flatMap(change => change.told),
  )
  const finished = changes.map(change => ({
    ...change,
    row: { ...change.row, isTold: change.told.length === 0 ? change.row.isTold : told.has(friendKey(change.row)) },
  }))
  for (const isNew of [true, false]) {
    const rows = finished.filter(change => change.isNew === isNew).map(change => change.row)
    await writeFriends(tx, { brandId: taking.brandId, rows, isNew })
  }
  for (const [i, { change, row }] of changes.entries()) {
    if (change !== null) count(repairs, `friends_${change}`)
    else if (!row.isTold && finished[i]!.row.isTold) count(repairs, 'friends_told')
  }
}

/** Looks at friendships as they are in the mirror, and writes what they become. */
export async function changeFriends<Key extends { userid: string; externalUserid: string }>(
  tx: Tx,
  taking: Taking,
  keys: readonly Key[],
  become: (before: FriendRow | null, key: Key) => FriendChange | null,
  repairs: Repairs = {},
): Promise<void> {
  const before = new Map((await lockFriends(tx, { brandId: taking.brandId, keys })).map(row => [friendKey(row), row]))
  const distinct = new Map(keys.map(key => [friendKey(key), key]))
  const changes = [...distinct].flatMap(([text, key]) => {
    const was = before.get(text) ?? null
    const change = become(was, key)
    if (!change) return []
    // What could not be told before is told with it.
    const told = was && !was.isTold ? [...friendTold(was), ...change.told] : change.told
    return [{ ...change, told, isNew: was === null }]
  })
  const tombOf = await tombsOf(tx, taking, changes.filter(change => change.isNew).map(beginning))
  const isErased = (change: (typeof changes)[number]) => change.isNew && tombOf(beginning(change)) !== null
  // As evidence it counts as ever, under a tombstone; the mirror shows nothing of it.
  const ofErased = changes.filter(isErased)
  if (ofErased.length > 0) {
    await tellFriends(
      tx,
      taking,
      ofErased.flatMap(change => change.told),
    )
  }
  await writeFriendChanges(
    tx,
    taking,
    changes.filter(change => !isErased(change)),
    repairs,
  )
}

/** What is known of a friendship only by its end began at some time before. */
const beginning = ({ row }: FriendChange): ToldId => contactId(row.externalUserid, row.endedAt === null ? row.since : 0)

const contactId = (externalUserid: string, at: Instant): ToldId => ({
  kind: 'external_userid',
  value: externalUserid,
  at,
  memberNo: null,
})

/**
 * Tombstones of those whose personal data was erased. WeCom goes on showing them as long as somebody has them as a friend
 * or they are in a group; of that nothing is kept until they begin something anew.
 *
 * @param ids with when somebody met them last, or when they joined
 */
async function tombsOf(tx: Tx, { brandId, vault }: Taking, ids: readonly ToldId[]) {
  const veil = await veilOf(tx, { brandId, vault, ids, memberNos: [] })
  return (id: ToldId) => veil.tombOf(id)
}

/**
 * Keeps contacts, but for those who were erased and whom nobody has met since.
 *
 * @param options.metAt when somebody last met one, as far as that is known
 * @returns those that were kept
 */
export async function keepContacts(
  tx: Tx,
  taking: Taking,
  options: {
    contacts: readonly ContactSeen[]
    metAt: (externalUserid: string) => Instant
    askedAt: Instant
    isPart: boolean
  },
): Promise<ContactSeen[]> {
  const { metAt, ...seen } = options
  const idsOfContact = ({ externalUserid, unionid }: ContactSeen): ToldId[] => {
    const id = contactId(externalUserid, metAt(externalUserid))
    return unionid === null ? [id] : [id, { ...id, kind: 'unionid', value: unionid }]
  }
  const tombOf = await tombsOf(tx, taking, seen.contacts.flatMap(idsOfContact))
  const contacts = seen.contacts.filter(contact => idsOfContact(contact).every(id => tombOf(id) === null))
  await upsertContacts(tx, { ...seen, contacts, brandId: taking.brandId })
  return contacts
}

/** WeCom gave customers to a colleague: friendships that are over without anybody having ended them. */
export const endTransferred = (
  tx: Tx,
  taking: Taking,
  ends: readonly { userid: string; externalUserid: string; at: Instant }[],
): Promise<void> =>
  changeFriends(tx, taking, ends, (before, end) => friendEnded(before, { ...end, endedBy: 'transfer' }))

/**
 * Contacts and friendships as WeCom showed them.
 *
 * @param seen.askedAt when WeCom was asked: what is known since then stays
 * @param seen.metAt when somebody made friends with them whose friendship is not among these
 * @returns the contacts of whom something is kept
 */
export async function applyContacts(
  tx: Tx,
  taking: Taking,
  seen: { contacts: readonly ContactSeen[]; friends: readonly FriendSeen[]; askedAt: Instant; metAt?: Instant },
  repairs: Repairs = {},
): Promise<ContactSeen[]> {
  const { friends, askedAt } = seen
  const met = new Map<string, Instant>()
  for (const { externalUserid, since } of friends)
    met.set(externalUserid, Math.max(since, met.get(externalUserid) ?? 0))
  const contacts = await keepContacts(tx, taking, {
    contacts: seen.contacts,
    metAt: externalUserid => Math.max(seen.metAt ?? 0, met.get(externalUserid) ?? 0),
    askedAt,
    isPart: false,
  })
  await changeFriends(tx, taking, friends, (before, friend) => friendSeen(before, friend, { askedAt }), repairs)
  await linkByUnionid(
    tx,
    taking,
    contacts.filter(contact => contact.unionid !== null),
    repairs,
  )
  return contacts
}

/**
 * Links contacts to members by their unionid. The contact's own link has the `at` of the unionid's, so that all links
 * of a contact, also those made by hand, are weighed as what they are: the latest counts, whatever came first here.
 */
export async function linkByUnionid(
  tx: Tx,
  taking: Taking,
  contacts: readonly { externalUserid: string }[],
  repairs: Repairs = {},
): Promise<void> {
  if (contacts.length === 0) return
  const externalUserids = contacts.map(contact => contact.externalUserid)
  const untold = await selectUntoldIdentities(tx, { brandId: taking.brandId, externalUserids, limit: 10_000 })
  await tellIdentities(tx, taking, untold)
  count(repairs, 'identities_linked', untold.length)
}

/** Tells whose contacts are. */
export async function tellIdentities(
  tx: Tx,
  taking: Taking,
  identities: readonly { externalUserid: string; memberNo: string; at: Instant }[],
): Promise<void> {
  if (identities.length === 0) return
  const items = identities.map(({ externalUserid, memberNo, at }) => ({
    kind: 'external_userid',
    value: externalUserid,
    memberNo,
    at: formatInstant(at),
  }))
  await takeItems(tx, { ...taking, ...SENDER, kind: 'identities', items, now: taking.now() })
}

/** A group as WeCom showed it. What is known since it was asked stays. */
export async function applyGroup(
  tx: Tx,
  taking: Taking,
  group: GroupSeen,
  askedAt: Instant,
  repairs: Repairs = {},
): Promise<void> {
  const { brandId } = taking
  const { chatId } = group
  const before = await lockGroup(tx, { brandId, chatId, at: group.createdAt })
  if (before.seenAt > askedAt) return
  if (before.seenAt === 0) count(repairs, 'groups_added')
  else if (before.name !== group.name || before.owner !== group.owner) count(repairs, 'groups_details')
  const joining = (member: GroupMemberSeen) => contactId(member.memberId, member.joinedAt)
  const tombOf = await tombsOf(tx, taking, group.members.map(joining))
  const members = group.members.map(member => {
    const tomb = tombOf(joining(member))
    return tomb === null ? member : { ...member, memberId: tomb, name: null }
  })
  const { rows, joined, left } = membersSeen(await selectMemberships(tx, { brandId, chatId }), members, askedAt)
  count(repairs, 'group_members_joined', joined)
  count(repairs, 'group_members_left', left)
  await upsertMemberships(tx, { brandId, chatId, rows })
  await updateGroup(tx, { brandId, group, seenAt: askedAt })
  const joinedAt = new Map(group.members.map(member => [member.memberId, member.joinedAt]))
  const contacts = await keepContacts(tx, taking, {
    contacts: group.members
      .filter(member => !member.isStaff)
      .map(({ memberId, name, unionid }) => ({ externalUserid: memberId, name, avatarUrl: null, type: null, unionid })),
    metAt: externalUserid => joinedAt.get(externalUserid)!,
    askedAt,
    isPart: true,
  })
  await linkByUnionid(
    tx,
    taking,
    contacts.filter(contact => contact.unionid !== null),
    repairs,
  )
}

/** Who came to a group or left it, by an event alone. */
export async function applyMembersEvent(
  tx: Tx,
  taking: Taking,
  chatId: string,
  event: MembersEvent,
  version: string | null,
): Promise<void> {
  const { brandId } = taking
  await lockGroup(tx, { brandId, chatId, at: event.at })
  const before = await selectMemberships(tx, { brandId, chatId })
  // Whoever leaves and is not known to be in it may have come before he was erased.
  const isKnown = new Set(before.map(row => row.memberId))
  const cameAt = (memberId: string) => (event.detail === 'add_member' || isKnown.has(memberId) ? event.at : 0)
  const coming = (memberId: string) => contactId(memberId, cameAt(memberId))
  const tombOf = await tombsOf(tx, taking, event.memberIds.map(coming))
  const memberIds = event.memberIds.map(memberId => tombOf(coming(memberId)) ?? memberId)
  // Customers' ids begin so; a member of the corporation may call himself anything else.
  const isStaff = (memberId: string) => !/^(w[mo]|erased:)/.test(memberId)
  const { rows } = membersChanged(before, { ...event, memberIds }, isStaff)
  await upsertMemberships(tx, { brandId, chatId, rows })
  if (version !== null) await updateGroupVersion(tx, { brandId, chatId, version })
}

/** How many pages of a contact's friends are asked for; 500 are on one. */
const FRIEND_PAGES_MAX = 20

/** A contact with all his friends. @throws WecomError */
export async function askContact(
  wecom: Wecom,
  externalUserid: string,
  how: { deadlineMs: number; patience?: 'interactive' | 'job' },
): Promise<{ contact: ContactSeen | null; friends: FriendSeen[] }> {
  const friends: FriendSeen[] = []
  let contact: ContactSeen | null = null
  let cursor: string | null = null
  for (let page = 0; page < FRIEND_PAGES_MAX; page++) {
    const query: Record<string, string> = { external_userid: externalUserid, ...(cursor === null ? {} : { cursor }) }
    const answer: Answer = await wecom.call('externalcontact/get', { query, ...how })
    const read = readContact(answer)
    contact ??= read.contact
    friends.push(...read.friends)
    const next = answer['next_cursor']
    if (typeof next !== 'string' || next === '') break
    cursor = next
  }
  return { contact, friends }
}

/** How long a chat that opens may wait for WeCom. */
const OPENING_MS = 1500
/** For how long nobody asks again about somebody whom WeCom did not show. */
const UNKNOWN_MS = 60_000

export interface Mirror {
  brandId: number
  /**
   * Makes sure that the contact of a chat that opens is known, within a second and a half. Where WeCom is slower its
   * answer is written when it comes, and the next card has it.
   */
  meet(options: { userid: string; externalUserid: string }): Promise<void>
}

export function buildMirror(dependencies: MirrorDependencies & { onError: (error: unknown) => void }): Mirror {
  const { pool, wecom, brandId, now, onError } = dependencies
  const underWay = new Map<string, Promise<void>>()
  const unknown = new LRUCache<string, true>({ max: 10_000, ttl: UNKNOWN_MS })

  const ask = async (externalUserid: string): Promise<void> => {
    const askedAt = now()
    try {
      const { contact, friends } = await askContact(wecom, externalUserid, { deadlineMs: 10_000 })
      if (!contact) return
      const seen = { contacts: [contact], friends, askedAt }
      const kept = await transact(pool, tx => applyContacts(tx, dependencies, seen))
      if (kept.length === 0) unknown.set(externalUserid, true)
    } catch (error) {
      unknown.set(externalUserid, true)
      if (!(error instanceof WecomError)) onError(error)
    }
  }

  return {
    brandId,
    async meet({ userid, externalUserid }) {
      const view = await selectContactView(pool, { brandId, userid, externalUserid })
      // Somebody known to others only may have become the asker's friend a moment ago.
      if (view && (view.since !== null || view.sharesGroup)) return
      if (unknown.has(externalUserid)) return
      let asked = underWay.get(externalUserid)
      if (!asked) {
        asked = ask(externalUserid).finally(() => underWay.delete(externalUserid))
        underWay.set(externalUserid, asked)
      }
      let timer: NodeJS.Timeout | undefined
      const soon = new Promise<void>(resolve => {
        timer = setTimeout(resolve, OPENING_MS)
      })
      await Promise.race([asked, soon])
      clearTimeout(timer)
    },
  }
}

/** A contact as one WeCom user has him; null where neither a friendship nor a group of theirs is known. */
export async function contactOf(
  db: Db,
  options: { brandId: number; userid: string; externalUserid: string },
): Promise<ContactView | null> {
  const view = await selectContactView(db, options)
  return view && (view.since !== null || view.sharesGroup) ? view : null
}

const LATELY_DAYS = 7

/** A customer group with who is in it; null where WeCom's mirror has none. */
export async function groupOf(db: Db, options: { brandId: number; chatId: string; now: Instant; membersMax: number }) {
  const { brandId, chatId, now, membersMax } = options
  const group = await selectGroup(db, { brandId, chatId })
  if (!group || group.seenAt === 0 || group.dissolvedAt !== null) return null
  const [counts, members, buyers, storeCode] = await Promise.all([
    selectGroupCounts(db, { brandId, chatId, since: now - LATELY_DAYS * DAY_MS }),
    selectPresent(db, { brandId, chatId, limit: membersMax }),
    selectGroupBuyers(db, { brandId, chatId }),
    group.owner === null ? null : storeOfStaff(db, { brandId, userid: group.owner }),
  ])
  return { ...group, counts, members, buyers, storeCode }
}

/** The store that a WeCom user's departments belong to. */
export async function storeOfStaff(db: Db, options: { brandId: number; userid: string }): Promise<string | null> {
  const own = await selectStaffDepartments(db, options)
  if (own.length === 0) return null
  const [departments, stores] = await Promise.all([selectDepartments(db, options), selectStoreDepartments(db, options)])
  const nodes = new Map(departments.map(node => [node.departmentId, node]))
  const storeOf = new Map(stores.map(store => [store.departmentId, store.storeCode]))
  for (const departmentId of own) {
    const store = storeOfDepartment(departmentId, nodes, storeOf)
    if (store !== null) return store
  }
  return null
}
