import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { ContactSeen, GroupSeen, TagSeen } from './answers.ts'
import type { FriendRow, MembershipRow, Renamed } from './domain.ts'

interface Options {
  brandId: number
}

const json = (rows: unknown) => JSON.stringify(rows)
const time = (instant: Instant | null) => (instant === null ? null : formatInstant(instant))

// Contacts and friends

const FRIEND_COLUMNS = `userid, external_userid AS "externalUserid", since, add_way AS "addWay", state, remark,
  description, tag_ids AS "tagIds", ended_at AS "endedAt", ended_by AS "endedBy", is_told AS "isTold", seen_at AS "seenAt"`

/** Locked in one sequence, so that two who look at the same friendships take turns. */
export async function lockFriends(
  db: Db,
  { brandId, keys }: Options & { keys: readonly { userid: string; externalUserid: string }[] },
) {
  return await db<FriendRow[]>`
    SELECT ${db.unsafe(FRIEND_COLUMNS)} FROM wecom_friends
    WHERE brand_id = ${brandId} AND (userid, external_userid) IN (
      SELECT userid, "externalUserid" FROM jsonb_to_recordset(${json(keys)}::text::jsonb)
        AS key (userid text, "externalUserid" text))
    ORDER BY userid, external_userid FOR UPDATE`
}

/** Whoever was first with a new one wins; the other's transaction is tried again (23505). */
export async function writeFriends(
  db: Db,
  { brandId, rows, isNew }: Options & { rows: readonly FriendRow[]; isNew: boolean },
) {
  if (rows.length === 0) return
  const given = rows.map(row => ({
    ...row,
    since: time(row.since),
    endedAt: time(row.endedAt),
    seenAt: time(row.seenAt),
  }))
  const from = db`
    FROM jsonb_to_recordset(${json(given)}::text::jsonb) AS row (userid text, "externalUserid" text, since timestamptz,
      "addWay" int, state text, remark text, description text, "tagIds" text[], "endedAt" timestamptz, "endedBy" text,
      "isTold" boolean, "seenAt" timestamptz)`
  if (isNew) {
    await db`
      INSERT INTO wecom_friends (brand_id, userid, external_userid, since, add_way, state, remark, description, tag_ids,
        ended_at, ended_by, is_told, seen_at)
      SELECT ${brandId}, userid, "externalUserid", since, "addWay", state, remark, description, "tagIds", "endedAt",
        "endedBy", "isTold", "seenAt" ${from}
      ORDER BY userid COLLATE "C", "externalUserid" COLLATE "C"`
  } else {
    await db`
      UPDATE wecom_friends AS f SET since = row.since, add_way = row."addWay", state = row.state, remark = row.remark,
        description = row.description, tag_ids = row."tagIds", ended_at = row."endedAt", ended_by = row."endedBy",
        is_told = row."isTold", seen_at = row."seenAt"
      ${from} WHERE f.brand_id = ${brandId} AND f.userid = row.userid AND f.external_userid = row."externalUserid"`
  }
}

/** What is newer stays. A group's list knows less of a contact than his friends do: it adds, and replaces nothing. */
export async function upsertContacts(
  db: Db,
  {
    brandId,
    contacts,
    askedAt,
    isPart,
  }: Options & { contacts: readonly ContactSeen[]; askedAt: Instant; isPart: boolean },
) {
  if (contacts.length === 0) return
  const seenAt = isPart ? 0 : askedAt
  await db`
    INSERT INTO wecom_customers AS c (brand_id, external_userid, name, avatar_url, type, unionid, seen_at)
    SELECT ${brandId}, "externalUserid", name, "avatarUrl", type, unionid, ${seenAt}
    FROM jsonb_to_recordset(${json(contacts)}::text::jsonb)
      AS row ("externalUserid" text, name text, "avatarUrl" text, type int, unionid text)
    ORDER BY "externalUserid" COLLATE "C"
    ON CONFLICT (brand_id, external_userid) DO UPDATE SET
      name = CASE WHEN EXCLUDED.seen_at >= c.seen_at THEN COALESCE(EXCLUDED.name, c.name) ELSE COALESCE(c.name, EXCLUDED.name) END,
      avatar_url = CASE WHEN EXCLUDED.seen_at >= c.seen_at THEN COALESCE(EXCLUDED.avatar_url, c.avatar_url)
        ELSE COALESCE(c.avatar_url, EXCLUDED.avatar_url) END,
      type = COALESCE(EXCLUDED.type, c.type), unionid = COALESCE(EXCLUDED.unionid, c.unionid),
      seen_at = GREATEST(c.seen_at, EXCLUDED.seen_at)`
}

export interface DerivedIdentity {
  externalUserid: string
  memberNo: string
  at: Instant
}

/**
 * What links of a unionid to a member say of the contacts who have it, and was not told yet: the same link, of the
 * contact's own id, with the same `at`.
 */
export async function selectUntoldIdentities(
  db: Db,
  { brandId, externalUserids, limit }: Options & { externalUserids: readonly string[] | null; limit: number },
) {
  return await db<DerivedIdentity[]>`
    SELECT c.external_userid AS "externalUserid", i.member_no AS "memberNo", i.at
    FROM wecom_customers AS c
    JOIN identities AS i ON i.brand_id = ${brandId} AND i.kind = 'unionid' AND i.value = c.unionid
    WHERE c.brand_id = ${brandId} AND c.unionid IS NOT NULL
      ${externalUserids === null ? db`` : db`AND c.external_userid = ANY (${externalUserids as string[]}::text[])`}
      AND NOT EXISTS (
        SELECT FROM identities AS own
        WHERE own.brand_id = ${brandId} AND own.kind = 'external_userid' AND own.value = c.external_userid
          AND own.at = i.at AND own.member_no = i.member_no)
    LIMIT ${limit}`
}

/** Friendships of these people that were not seen since then, and are not known to be over. */
export async function lockMissingFriends(
  db: Db,
  { brandId, userids, before }: Options & { userids: readonly string[]; before: Instant },
) {
  return await db<FriendRow[]>`
    SELECT ${db.unsafe(FRIEND_COLUMNS)} FROM wecom_friends
    WHERE brand_id = ${brandId} AND userid = ANY (${userids as string[]}::text[]) AND ended_at IS NULL
      AND seen_at < ${before} AND NOT EXISTS (
        SELECT FROM wecom_staff AS s
        WHERE s.brand_id = ${brandId} AND s.userid = wecom_friends.userid AND s.renamed_to IS NOT NULL)
    ORDER BY userid, external_userid FOR UPDATE`
}

export async function selectUntoldFriends(
  db: Db,
  { brandId, after, limit }: Options & { after: { userid: string; externalUserid: string }; limit: number },
) {
  return await db<FriendRow[]>`
    SELECT ${db.unsafe(FRIEND_COLUMNS)} FROM wecom_friends
    WHERE brand_id = ${brandId} AND NOT is_told
      AND (userid, external_userid) > (${after.userid}, ${after.externalUserid})
    ORDER BY userid, external_userid LIMIT ${limit}`
}

/** These rows were told; one that changed since it was read waits for the next time. */
export async function updateFriendsTold(db: Db, { brandId, rows }: Options & { rows: readonly FriendRow[] }) {
  const keys = rows.map(({ userid, externalUserid, seenAt }) => ({ userid, externalUserid, seenAt: time(seenAt) }))
  await db`
    UPDATE wecom_friends AS f SET is_told = true
    FROM jsonb_to_recordset(${json(keys)}::text::jsonb) AS key (userid text, "externalUserid" text, "seenAt" timestamptz)
    WHERE f.brand_id = ${brandId} AND f.userid = key.userid AND f.external_userid = key."externalUserid"
      AND f.seen_at = key."seenAt"`
}

export interface ContactView {
  name: string | null
  avatarUrl: string | null
  unionid: string | null
  /** The asker's own friendship; null: there was none. */
  since: Instant | null
  endedAt: Instant | null
  remark: string | null
  tags: string[]
  /** He and the asker are in one group. */
  sharesGroup: boolean
}

/** A contact as one WeCom user has him. */
export async function selectContactView(
  db: Db,
  { brandId, userid, externalUserid }: Options & { userid: string; externalUserid: string },
) {
  const [row] = await db<ContactView[]>`
    SELECT c.name, c.avatar_url AS "avatarUrl", c.unionid, f.since, f.ended_at AS "endedAt", f.remark,
      COALESCE((
        SELECT array_agg(t.name ORDER BY t.position, t.name) FROM wecom_tags AS t
        WHERE t.brand_id = ${brandId} AND t.tag_id = ANY (f.tag_ids)), '{}') AS tags,
      EXISTS (
        SELECT FROM wecom_group_members AS his
        JOIN wecom_group_members AS mine
          ON mine.brand_id = ${brandId} AND mine.chat_id = his.chat_id AND mine.member_id = ${userid} AND mine.left_at IS NULL
        WHERE his.brand_id = ${brandId} AND his.member_id = ${externalUserid} AND his.left_at IS NULL) AS "sharesGroup"
    FROM wecom_customers AS c
    LEFT JOIN wecom_friends AS f
      ON f.brand_id = ${brandId} AND f.userid = ${userid} AND f.external_userid = c.external_userid
    WHERE c.brand_id = ${brandId} AND c.external_userid = ${externalUserid}`
  return row ?? null
}

/** Whether somebody is a customer's friend now. */
export async function selectIsFriend(
  db: Db,
  { brandId, userid, externalUserid }: Options & { userid: string; externalUserid: string },
): Promise<boolean> {
  const rows = await db`
    SELECT userid FROM wecom_friends
    WHERE brand_id = ${brandId} AND userid = ${userid} AND external_userid = ${externalUserid} AND ended_at IS NULL`
  return rows.length > 0
}

// Groups

export interface GroupRow {
  chatId: string
  name: string
  owner: string | null
  createdAt: Instant
  dissolvedAt: Instant | null
  version: string | null
  seenAt: Instant
}

const GROUP_COLUMNS = `chat_id AS "chatId", name, owner, created_at AS "createdAt", dissolved_at AS "dissolvedAt", version,
  seen_at AS "seenAt"`

export async function selectGroup(db: Db, { brandId, chatId }: Options & { chatId: string }) {
  const [row] = await db<GroupRow[]>`
    SELECT ${db.unsafe(GROUP_COLUMNS)} FROM wecom_groups WHERE brand_id = ${brandId} AND chat_id = ${chatId}`
  return row ?? null
}

/** Makes it where it is missing, and holds it until the transaction ends. */
export async function lockGroup(
  db: Db,
  { brandId, chatId, at }: Options & { chatId: string; at: Instant },
): Promise<GroupRow> {
  await db`
    INSERT INTO wecom_groups (brand_id, chat_id, name, created_at, seen_at) VALUES (${brandId}, ${chatId}, '', ${at}, ${0})
    ON CONFLICT DO NOTHING`
  const [row] = await db<GroupRow[]>`
    SELECT ${db.unsafe(GROUP_COLUMNS)} FROM wecom_groups WHERE brand_id = ${brandId} AND chat_id = ${chatId} FOR UPDATE`
  return row!
}

export async function updateGroup(
  db: Db,
  { brandId, group, seenAt }: Options & { group: Omit<GroupSeen, 'members'>; seenAt: Instant },
) {
  await db`
    UPDATE wecom_groups SET name = ${group.name}, owner = ${group.owner}, created_at = ${group.createdAt},
      version = ${group.version}, dissolved_at = NULL, seen_at = ${seenAt}
    WHERE brand_id = ${brandId} AND chat_id = ${group.chatId}`
}

export async function updateGroupVersion(
  db: Db,
  { brandId, chatId, version }: Options & { chatId: string; version: string | null },
) {
  await db`UPDATE wecom_groups SET version = ${version} WHERE brand_id = ${brandId} AND chat_id = ${chatId}`
}

/** Groups that are somebody else's now; what WeCom said before does not change it back. */
export async function updateGroupsOwner(
  db: Db,
  { brandId, chatIds, owner, at }: Options & { chatIds: readonly string[]; owner: string; at: Instant },
) {
  await db`
    UPDATE wecom_groups SET owner = ${owner}, seen_at = GREATEST(seen_at, ${at})
    WHERE brand_id = ${brandId} AND chat_id = ANY (${chatIds as string[]}::text[])`
}

/** The group is over, and nobody is in it any more. */
export async function updateGroupsDissolved(
  db: Db,
  { brandId, chatIds, at }: Options & { chatIds: readonly string[]; at: Instant },
) {
  await db`
    UPDATE wecom_groups SET dissolved_at = ${at}, seen_at = GREATEST(seen_at, ${at})
    WHERE brand_id = ${brandId} AND chat_id = ANY (${chatIds as string[]}::text[]) AND dissolved_at IS NULL`
  await db`
    UPDATE wecom_group_members SET left_at = GREATEST(joined_at, ${at})
    WHERE brand_id = ${brandId} AND chat_id = ANY (${chatIds as string[]}::text[]) AND left_at IS NULL`
}

export async function selectMissingGroups(db: Db, { brandId, before }: Options & { before: Instant }) {
  const rows = await db<{ chatId: string }[]>`
    SELECT chat_id AS "chatId" FROM wecom_groups
    WHERE brand_id = ${brandId} AND dissolved_at IS NULL AND seen_at < ${before}`
  return rows.map(row => row.chatId)
}

export async function selectMemberships(db: Db, { brandId, chatId }: Options & { chatId: string }) {
  return await db<MembershipRow[]>`
    SELECT member_id AS "memberId", is_staff AS "isStaff", name, joined_at AS "joinedAt", join_scene AS "joinScene",
      invited_by AS "invitedBy", state, left_at AS "leftAt", was_removed AS "wasRemoved"
    FROM wecom_group_members WHERE brand_id = ${brandId} AND chat_id = ${chatId}`
}

export async function upsertMemberships(
  db: Db,
  { brandId, chatId, rows }: Options & { chatId: string; rows: readonly MembershipRow[] },
) {
  if (rows.length === 0) return
  const given = rows.map(row => ({ ...row, joinedAt: time(row.joinedAt), leftAt: time(row.leftAt) }))
  await db`
    INSERT INTO wecom_group_members (brand_id, chat_id, member_id, joined_at, is_staff, name, join_scene, invited_by, state,
      left_at, was_removed)
    SELECT ${brandId}, ${chatId}, "memberId", "joinedAt", "isStaff", name, "joinScene", "invitedBy", state, "leftAt", "wasRemoved"
    FROM jsonb_to_recordset(${json(given)}::text::jsonb) AS row ("memberId" text, "joinedAt" timestamptz, "isStaff" boolean,
      name text, "joinScene" int, "invitedBy" text, state text, "leftAt" timestamptz, "wasRemoved" boolean)
    ON CONFLICT (brand_id, chat_id, member_id, joined_at) DO UPDATE SET is_staff = EXCLUDED.is_staff,
      name = EXCLUDED.name, join_scene = EXCLUDED.join_scene, invited_by = EXCLUDED.invited_by, state = EXCLUDED.state,
      left_at = EXCLUDED.left_at, was_removed = EXCLUDED.was_removed`
}

/** Those who are in a group now, people of ours first, then who came last. */
export async function selectPresent(db: Db, { brandId, chatId, limit }: Options & { chatId: string; limit: number }) {
  return await db<
    { memberId: string; isStaff: boolean; name: string | null; joinedAt: Instant; memberNo: string | null }[]
  >`
    SELECT m.member_id AS "memberId", m.is_staff AS "isStaff", COALESCE(c.name, s.name, m.name) AS name,
      m.joined_at AS "joinedAt", ${linkedMember(db, brandId)} AS "memberNo"
    FROM wecom_group_members AS m
    LEFT JOIN wecom_customers AS c ON c.brand_id = ${brandId} AND c.external_userid = m.member_id
    LEFT JOIN wecom_staff AS s ON s.brand_id = ${brandId} AND s.userid = m.member_id
    WHERE m.brand_id = ${brandId} AND m.chat_id = ${chatId} AND m.left_at IS NULL
    ORDER BY m.is_staff DESC, m.joined_at DESC, m.member_id LIMIT ${limit}`
}

/** The members, by their last numbers, who are in a group now. */
export async function selectGroupBuyers(db: Db, { brandId, chatId }: Options & { chatId: string }) {
  const rows = await db<{ memberNo: string }[]>`
    SELECT DISTINCT "memberNo" FROM (
      SELECT ${linkedMember(db, brandId)} AS "memberNo" FROM wecom_group_members AS m
      WHERE m.brand_id = ${brandId} AND m.chat_id = ${chatId} AND NOT m.is_staff AND m.left_at IS NULL
    ) AS customer WHERE "memberNo" IS NOT NULL`
  return rows.map(row => row.memberNo)
}

/** How many customers are in a group, how many of them are members, and who came and left lately. */
export async function selectGroupCounts(
  db: Db,
  { brandId, chatId, since }: Options & { chatId: string; since: Instant },
) {
  const [row] = await db<{ customers: number; members: number; joined: number; left: number }[]>`
    SELECT count(*) FILTER (WHERE left_at IS NULL) AS customers,
      count(*) FILTER (WHERE left_at IS NULL AND "memberNo" IS NOT NULL) AS members,
      count(*) FILTER (WHERE joined_at >= ${since}) AS joined, count(*) FILTER (WHERE left_at >= ${since}) AS left
    FROM (
      SELECT m.joined_at, m.left_at, ${linkedMember(db, brandId)} AS "memberNo" FROM wecom_group_members AS m
      WHERE m.brand_id = ${brandId} AND m.chat_id = ${chatId} AND NOT m.is_staff
    ) AS customer`
  return row!
}

/** The member that a contact is linked to, by the link that counts; not one that stands for the contact alone. */
const linkedMember = (db: Db, brandId: number) => db`
  (SELECT NULLIF(last_member_no, 'contact:' || m.member_id) FROM identities AS i
    JOIN members AS person ON person.brand_id = ${brandId} AND person.member_no = i.member_no
    WHERE i.brand_id = ${brandId} AND i.kind = 'external_userid' AND i.value = m.member_id
    ORDER BY i.at DESC, person.last_member_no DESC LIMIT 1)`

// People

export async function replaceDepartments(
  db: Db,
  {
    brandId,
    departments,
    now,
  }: Options & {
    departments: readonly { departmentId: number; parentId: number; name: string | null }[]
    now: Instant
  },
) {
  await db`
    INSERT INTO wecom_departments AS d (brand_id, department_id, name, parent_id, seen_at)
    SELECT ${brandId}, "departmentId", COALESCE(name, ''), "parentId", ${now}
    FROM jsonb_to_recordset(${json(departments)}::text::jsonb) AS row ("departmentId" int, "parentId" int, name text)
    ON CONFLICT (brand_id, department_id) DO UPDATE SET parent_id = EXCLUDED.parent_id, seen_at = EXCLUDED.seen_at,
      name = CASE WHEN EXCLUDED.name = '' THEN d.name ELSE EXCLUDED.name END`
  await db`DELETE FROM wecom_departments WHERE brand_id = ${brandId} AND seen_at < ${now}`
}

export async function selectDepartmentIds(
  db: Db,
  { brandId, after, limit }: Options & { after: number; limit: number },
) {
  const rows = await db<{ departmentId: number }[]>`
    SELECT department_id AS "departmentId" FROM wecom_departments
    WHERE brand_id = ${brandId} AND department_id > ${after} ORDER BY department_id LIMIT ${limit}`
  return rows.map(row => row.departmentId)
}

export async function updateDepartmentName(
  db: Db,
  { brandId, departmentId, name }: Options & { departmentId: number; name: string },
) {
  await db`
    UPDATE wecom_departments SET name = ${name} WHERE brand_id = ${brandId} AND department_id = ${departmentId}`
}

/** Somebody who is seen by a name that was given up long ago has it anew. @returns how many were new, came back or moved */
export async function upsertStaff(
  db: Db,
  {
    brandId,
    staff,
    now,
  }: Options & { staff: readonly { userid: string; name: string; departmentIds: readonly number[] }[]; now: Instant },
): Promise<number> {
  const [row] = await db<{ changed: number }[]>`
    WITH given AS (
      SELECT DISTINCT ON (userid) userid, name, "departmentIds"
      FROM jsonb_to_recordset(${json(staff)}::text::jsonb) AS row (userid text, name text, "departmentIds" jsonb)
      ORDER BY userid
    ), before AS (
      SELECT s.* FROM wecom_staff AS s JOIN given ON s.userid = given.userid COLLATE "C" WHERE s.brand_id = ${brandId}
    ), written AS (
      INSERT INTO wecom_staff AS s (brand_id, userid, name, department_ids, may_follow, seen_at)
      SELECT ${brandId}, userid, name, "departmentIds", false, ${now} FROM given
      ON CONFLICT (brand_id, userid) DO UPDATE SET name = EXCLUDED.name, department_ids = EXCLUDED.department_ids,
        gone_at = NULL, seen_at = EXCLUDED.seen_at,
        renamed_to = CASE WHEN s.renamed_at > EXCLUDED.seen_at - interval '1 day' THEN s.renamed_to END,
        renamed_at = CASE WHEN s.renamed_at > EXCLUDED.seen_at - interval '1 day' THEN s.renamed_at END
      RETURNING s.userid, s.name, s.department_ids
    )
    SELECT count(*) AS changed FROM written LEFT JOIN before USING (userid)
    WHERE before.userid IS NULL OR before.gone_at IS NOT NULL
      OR (before.name, before.department_ids) IS DISTINCT FROM (written.name, written.department_ids)`
  return row!.changed
}

/** Somebody's userid was changed; of several changes told in any order the latest counts. @returns whether it is new */
export async function updateRenamed(
  db: Db,
  { brandId, userid, renamedTo, at }: Options & { userid: string; renamedTo: string; at: Instant },
): Promise<boolean> {
  const rows = await db`
    INSERT INTO wecom_staff AS s (brand_id, userid, name, department_ids, may_follow, seen_at, renamed_to, renamed_at)
    VALUES (${brandId}, ${userid}, ${userid}, '[]', false, ${at}, ${renamedTo}, ${at})
    ON CONFLICT (brand_id, userid) DO UPDATE SET renamed_to = EXCLUDED.renamed_to, renamed_at = EXCLUDED.renamed_at,
      may_follow = false
    WHERE s.renamed_at IS NULL OR s.renamed_at < EXCLUDED.renamed_at
    RETURNING userid`
  return rows.length > 0
}

/** Who was called otherwise before, by the names that they have now. */
export async function selectRenamed(db: Db, { brandId, renamedTo }: Options & { renamedTo: readonly string[] }) {
  return await db<Renamed[]>`
    SELECT userid, renamed_to AS "renamedTo", renamed_at AS at FROM wecom_staff
    WHERE brand_id = ${brandId} AND renamed_to = ANY (${renamedTo as string[]}::text[])`
}

/** Those of whom no associate was told under the name that they have now, though one was under the old one. */
export async function selectRenamedUntold(db: Db, { brandId, limit }: Options & { limit: number }) {
  return await db<Renamed[]>`
    SELECT s.userid, s.renamed_to AS "renamedTo", s.renamed_at AS at FROM wecom_staff AS s
    JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = s.userid
    WHERE s.brand_id = ${brandId} AND s.renamed_to IS NOT NULL AND NOT EXISTS (
      SELECT FROM associates AS b WHERE b.brand_id = ${brandId} AND b.associate_id = s.renamed_to)
    ORDER BY s.renamed_at DESC, s.userid LIMIT ${limit}`
}

/** @returns how many are out of sight now */
export async function updateStaffGone(db: Db, { brandId, before, now }: Options & { before: Instant; now: Instant }) {
  const rows = await db`
    UPDATE wecom_staff SET gone_at = ${now} WHERE brand_id = ${brandId} AND gone_at IS NULL AND seen_at < ${before}
    RETURNING userid`
  return rows.length
}

/** Who may have customers; whoever is not known yet comes with his userid for a name. */
export async function updateFollowers(
  db: Db,
  { brandId, userids, now }: Options & { userids: readonly string[]; now: Instant },
) {
  await db`
    INSERT INTO wecom_staff (brand_id, userid, name, department_ids, may_follow, seen_at)
    SELECT ${brandId}, userid, userid, '[]', true, ${now} FROM unnest(${userids as string[]}::text[]) AS userid
    ON CONFLICT (brand_id, userid) DO NOTHING`
  await db`
    UPDATE wecom_staff SET may_follow = userid = ANY (${userids as string[]}::text[]) WHERE brand_id = ${brandId}
      AND may_follow IS DISTINCT FROM (userid = ANY (${userids as string[]}::text[]))`
}

export async function selectFollowers(db: Db, { brandId, after, limit }: Options & { after: string; limit: number }) {
  const rows = await db<{ userid: string }[]>`
    SELECT userid FROM wecom_staff WHERE brand_id = ${brandId} AND may_follow AND userid > ${after}
    ORDER BY userid LIMIT ${limit}`
  return rows.map(row => row.userid)
}

/** Somebody's departments, and all departments and stores by which they lead to one. */
export async function selectStaffDepartments(db: Db, { brandId, userid }: Options & { userid: string }) {
  const [row] = await db<{ departmentIds: number[] }[]>`
    SELECT department_ids AS "departmentIds" FROM wecom_staff WHERE brand_id = ${brandId} AND userid = ${userid}`
  return row?.departmentIds ?? []
}

export async function selectDepartments(db: Db, { brandId }: Options) {
  return await db<{ departmentId: number; parentId: number }[]>`
    SELECT department_id AS "departmentId", parent_id AS "parentId" FROM wecom_departments WHERE brand_id = ${brandId}`
}

export async function selectStoreDepartments(db: Db, { brandId }: Options) {
  return await db<{ departmentId: number; storeCode: string }[]>`
    SELECT wecom_department_id AS "departmentId", store_code AS "storeCode" FROM stores
    WHERE brand_id = ${brandId} AND wecom_department_id IS NOT NULL ORDER BY store_code`
}

export async function replaceTags(db: Db, { brandId, tags }: Options & { tags: readonly TagSeen[] }) {
  const rows = tags.map((tag, position) => ({ ...tag, position }))
  await db`
    DELETE FROM wecom_tags WHERE brand_id = ${brandId}
      AND NOT tag_id = ANY (${tags.map(tag => tag.tagId)}::text[])`
  await db`
    INSERT INTO wecom_tags (brand_id, tag_id, name, group_id, group_name, position)
    SELECT DISTINCT ON ("tagId") ${brandId}, "tagId", name, "groupId", "groupName", position
    FROM jsonb_to_recordset(${json(rows)}::text::jsonb)
      AS row ("tagId" text, name text, "groupId" text, "groupName" text, position int)
    ORDER BY "tagId"
    ON CONFLICT (brand_id, tag_id) DO UPDATE SET name = EXCLUDED.name, group_id = EXCLUDED.group_id,
      group_name = EXCLUDED.group_name, position = EXCLUDED.position`
}

// Walks

export type SyncKind = 'first' | 'nightly' | 'staff'
export type SyncStage = 'departments' | 'staff' | 'tags' | 'followers' | 'customers' | 'groups' | 'evidence'

export interface SyncFault {
  stage: string
  errcode: number | null
  address: string | null
  subject: string | null
}

export interface SyncRow {
  syncId: string
  kind: SyncKind
  status: 'running' | 'done' | 'partial'
  stage: SyncStage
  position: Record<string, unknown>
  counts: Record<string, number>
  repairs: Record<string, number>
  faults: SyncFault[]
  startedAt: Instant
  stageStartedAt: Instant
  finishedAt: Instant | null
  leaseId: string | null
}

const SYNC_COLUMNS = `sync_id AS "syncId", kind, status, stage, position, counts, repairs, faults, started_at AS "startedAt",
  stage_started_at AS "stageStartedAt", finished_at AS "finishedAt", lease_id AS "leaseId"`

/** Begins a walk where none is under way. */
export async function insertSync(
  db: Db,
  { brandId, syncId, kind, stage, now }: Options & { syncId: string; kind: SyncKind; stage: SyncStage; now: Instant },
): Promise<boolean> {
  const rows = await db`
    INSERT INTO wecom_syncs (brand_id, sync_id, kind, status, stage, position, counts, repairs, faults, started_at,
      stage_started_at, leased_until)
    VALUES (${brandId}, ${syncId}, ${kind}, 'running', ${stage}, '{}', '{}', '{}', '[]', ${now}, ${now}, ${now})
    ON CONFLICT DO NOTHING RETURNING sync_id`
  return rows.length > 0
}

/** The walk under way, where nobody else works on it. */
export async function claimSync(
  db: Db,
  { brandId, leaseId, now, leasedUntil }: Options & { leaseId: string; now: Instant; leasedUntil: Instant },
) {
  const [row] = await db<SyncRow[]>`
    UPDATE wecom_syncs SET lease_id = ${leaseId}, leased_until = ${leasedUntil}
    WHERE brand_id = ${brandId} AND status = 'running' AND (lease_id = ${leaseId} OR leased_until <= ${now})
    RETURNING ${db.unsafe(SYNC_COLUMNS)}`
  return row ?? null
}

/** @returns false where somebody else works on it meanwhile */
export async function updateSync(db: Db, { brandId, sync, leaseId }: Options & { sync: SyncRow; leaseId: string }) {
  const rows = await db`
    UPDATE wecom_syncs SET status = ${sync.status}, stage = ${sync.stage}, position = ${json(sync.position)}::text::jsonb,
      counts = ${json(sync.counts)}::text::jsonb, repairs = ${json(sync.repairs)}::text::jsonb,
      faults = ${json(sync.faults)}::text::jsonb, stage_started_at = ${sync.stageStartedAt},
      finished_at = ${sync.finishedAt}
    WHERE brand_id = ${brandId} AND sync_id = ${sync.syncId} AND lease_id = ${leaseId} AND status = 'running'
    RETURNING sync_id`
  return rows.length > 0
}

/** Gives it back, so that another need not wait. */
export async function releaseSync(db: Db, { brandId, leaseId, now }: Options & { leaseId: string; now: Instant }) {
  await db`
    UPDATE wecom_syncs SET leased_until = ${now} WHERE brand_id = ${brandId} AND lease_id = ${leaseId} AND status = 'running'`
}

/** The latest walks through everything, the newest first. */
export async function selectSyncs(db: Db, { brandId, limit }: Options & { limit: number }) {
  return await db<SyncRow[]>`
    SELECT ${db.unsafe(SYNC_COLUMNS)} FROM wecom_syncs WHERE brand_id = ${brandId} AND kind <> 'staff'
    ORDER BY started_at DESC LIMIT ${limit}`
}

/** Walks of long ago are not worth keeping. */
export async function deleteOldSyncs(db: Db, { brandId, before }: Options & { before: Instant }) {
  await db`DELETE FROM wecom_syncs WHERE brand_id = ${brandId} AND status <> 'running' AND started_at < ${before}`
}

export async function selectMirrorCounts(db: Db, { brandId }: Options) {
  const [row] = await db<Record<string, number>[]>`
    SELECT
      (SELECT count(*) FROM wecom_departments WHERE brand_id = ${brandId}) AS departments,
      (SELECT count(*) FROM wecom_staff WHERE brand_id = ${brandId} AND gone_at IS NULL) AS staff,
      (SELECT count(*) FROM wecom_staff AS s WHERE s.brand_id = ${brandId} AND s.gone_at IS NULL AND s.may_follow
        AND NOT EXISTS (SELECT FROM associates AS a WHERE a.brand_id = ${brandId} AND a.associate_id = s.userid))
        AS "unknownStaff",
      (SELECT count(*) FROM wecom_customers WHERE brand_id = ${brandId}) AS customers,
      (SELECT count(*) FROM wecom_customers WHERE brand_id = ${brandId} AND unionid IS NOT NULL) AS "withUnionid",
      (SELECT count(*) FROM wecom_friends WHERE brand_id = ${brandId} AND ended_at IS NULL) AS friends,
      (SELECT count(*) FROM wecom_friends WHERE brand_id = ${brandId} AND NOT is_told) AS "untoldFriends",
      (SELECT count(*) FROM wecom_groups WHERE brand_id = ${brandId} AND dissolved_at IS NULL) AS groups,
      (SELECT count(*) FROM wecom_tags WHERE brand_id = ${brandId}) AS tags`
  return row!
}

// Links by hand

export interface LinkRow {
  at: Instant
  memberNo: string
  memberBefore: string | null
  linkedBy: string
  undoneAt: Instant | null
}

/** Lets one at a time say whose contact this is. */
export async function lockContact(db: Db, { brandId, externalUserid }: Options & { externalUserid: string }) {
  await db`SELECT pg_advisory_xact_lock(${brandId}::int, hashtext(${`contact ${externalUserid}`}))`
}

/** The newest link by hand of a contact, held until the transaction ends. */
export async function lockLastLink(db: Db, { brandId, externalUserid }: Options & { externalUserid: string }) {
  const [row] = await db<LinkRow[]>`
    SELECT at, member_no AS "memberNo", member_before AS "memberBefore", linked_by AS "linkedBy", undone_at AS "undoneAt"
    FROM customer_links WHERE brand_id = ${brandId} AND external_userid = ${externalUserid}
    ORDER BY at DESC LIMIT 1 FOR UPDATE`
  return row ?? null
}

export async function insertLink(
  db: Db,
  options: Options & {
    externalUserid: string
    at: Instant
    memberNo: string
    memberBefore: string | null
    linkedBy: string
  },
) {
  const { brandId, externalUserid, at, memberNo, memberBefore, linkedBy } = options
  await db`
    INSERT INTO customer_links (brand_id, external_userid, at, member_no, member_before, linked_by)
    VALUES (${brandId}, ${externalUserid}, ${at}, ${memberNo}, ${memberBefore}, ${linkedBy})`
}

export async function updateLinkUndone(
  db: Db,
  options: Options & { externalUserid: string; at: Instant; undoneAt: Instant; undoneBy: string },
) {
  await db`
    UPDATE customer_links SET undone_at = ${options.undoneAt}, undone_by = ${options.undoneBy}
    WHERE brand_id = ${options.brandId} AND external_userid = ${options.externalUserid} AND at = ${options.at}`
}

/** Everybody, by his last number, who has this phone. */
export async function selectMembersByPhone(db: Db, { brandId, phoneHash }: Options & { phoneHash: string }) {
  const rows = await db<{ memberNo: string }[]>`
    SELECT DISTINCT last_member_no AS "memberNo" FROM members WHERE brand_id = ${brandId} AND phone_hash = ${phoneHash} LIMIT 2`
  return rows.map(row => row.memberNo)
}

/** The last number of a member. */
export async function selectLastNumber(db: Db, { brandId, memberNo }: Options & { memberNo: string }) {
  const [row] = await db<{ memberNo: string }[]>`
    SELECT last_member_no AS "memberNo" FROM members WHERE brand_id = ${brandId} AND member_no = ${memberNo}`
  return row?.memberNo ?? null
}
