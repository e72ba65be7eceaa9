import type { Db } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { BindingMark } from '../evidence/service.ts'
import { transfersTo } from '../friends/sql.ts'
import type { BindingPolicy, DerivedAssignment } from './domain.ts'

interface Options {
  brandId: number
}

// ------------------------------------------------------------------------------------------------- policies

export interface ToldPolicy extends BindingPolicy {
  toldBy: string
  toldAt: Instant
}

/** In the order told. */
export async function selectPolicies(db: Db, { brandId }: Options): Promise<ToldPolicy[]> {
  const rows = await db<
    {
      content: Pick<BindingPolicy, 'on' | 'mode' | 'protectDays'>
      effectiveFrom: Instant | null
      toldBy: string
      toldAt: Instant
    }[]
  >`
    SELECT content, effective_from AS "effectiveFrom", told_by AS "toldBy", told_at AS "toldAt"
    FROM binding_policies WHERE brand_id = ${brandId} ORDER BY told_at, policy_id`
  return rows.map(({ content, ...rest }) => ({ ...content, ...rest }))
}

export async function insertPolicy(db: Db, { brandId, policy }: Options & { policy: ToldPolicy }) {
  const { effectiveFrom, toldBy, toldAt, ...content } = policy
  await db`
    INSERT INTO binding_policies (brand_id, policy_id, effective_from, content, told_by, told_at)
    VALUES (${brandId}, ${uuidv7(toldAt)}, ${effectiveFrom}, ${JSON.stringify(content)}::text::jsonb, ${toldBy}, ${toldAt})`
}

// ---------------------------------------------------------------------------------------------------- marks

/** Says that everybody's events have to be replayed, in place of any that is said already. */
export async function insertMarkOfEverybody(db: Db, { brandId, now }: Options & { now: Instant }) {
  await db`DELETE FROM binding_marks WHERE brand_id = ${brandId} AND kind = 'everybody'`
  await db`
    INSERT INTO binding_marks (brand_id, mark_id, kind, key, marked_at)
    VALUES (${brandId}, ${uuidv7(now)}, 'everybody', '', ${now})`
  await db`SELECT pg_notify('daogou_marks', ${String(brandId)})`
}

/** The oldest marks that name no member, and a transaction number above all that were under way when they were seen. */
export async function selectMarksToResolve(db: Db, { brandId, limit }: Options & { limit: number }) {
  return await db<{ markId: string; underWay: string }[]>`
    SELECT mark_id AS "markId", pg_current_xact_id()::text AS "underWay"
    FROM binding_marks WHERE brand_id = ${brandId} AND kind <> 'member' ORDER BY mark_id LIMIT ${limit}`
}

export interface TakenMark {
  markId: string
  kind: BindingMark['kind'] | 'everybody'
  /** Of everybody: the last number that was replayed. */
  key: string
}

/** Takes marks to work on; those that another process works on are left to it. */
export async function takeMarks(db: Db, { brandId, markIds }: Options & { markIds: readonly string[] }) {
  return await db<TakenMark[]>`
    SELECT mark_id AS "markId", kind, key FROM binding_marks
    WHERE brand_id = ${brandId} AND mark_id = ANY (${markIds as string[]}::uuid[])
    ORDER BY mark_id FOR UPDATE SKIP LOCKED`
}

/** Takes the oldest marks that name members. */
export async function takeMemberMarks(db: Db, { brandId, limit }: Options & { limit: number }) {
  return await db<TakenMark[]>`
    SELECT mark_id AS "markId", kind, key FROM binding_marks
    WHERE brand_id = ${brandId} AND kind = 'member' ORDER BY mark_id LIMIT ${limit} FOR UPDATE SKIP LOCKED`
}

export async function deleteMarks(db: Db, { brandId, markIds }: Options & { markIds: readonly string[] }) {
  await db`DELETE FROM binding_marks WHERE brand_id = ${brandId} AND mark_id = ANY (${markIds as string[]}::uuid[])`
}

export async function updateMarkKey(db: Db, { brandId, markId, key }: Options & { markId: string; key: string }) {
  await db`UPDATE binding_marks SET key = ${key} WHERE brand_id = ${brandId} AND mark_id = ${markId}`
}

/**
 * Marks the members whom contacts and associates have to do with: whoever was ever linked to the contact; whomever the
 * associate enrolled, was told to have, became a friend of, or sold the first order to.
 */
export async function insertMemberMarksOf(
  db: Db,
  { brandId, marks, now }: Options & { marks: readonly TakenMark[]; now: Instant },
) {
  await db`
    WITH mark AS MATERIALIZED (
      SELECT kind, key FROM jsonb_to_recordset(${JSON.stringify(marks)}::text::jsonb) AS mark (kind text, key text)
    ), contact AS (
      SELECT key AS external_userid FROM mark WHERE kind = 'external_userid'
      UNION
      SELECT f.external_userid FROM mark
      JOIN friend_events AS f ON f.brand_id = ${brandId} AND f.associate_id = mark.key AND f.kind = 'added'
      WHERE mark.kind = 'associate'
    ), found AS (
      SELECT i.member_no FROM contact
      JOIN identities AS i ON i.brand_id = ${brandId} AND i.kind = 'external_userid' AND i.value = contact.external_userid
      UNION
      SELECT m.member_no FROM mark JOIN members AS m ON m.brand_id = ${brandId} AND m.opening_associate = mark.key
      WHERE mark.kind = 'associate'
      UNION
      SELECT a.member_no FROM mark
      JOIN member_assignments AS a ON a.brand_id = ${brandId} AND a.attributed_associate = mark.key
      WHERE mark.kind = 'associate'
      UNION
      SELECT o.buyer FROM mark
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.is_first_order AND o.associates @> ARRAY[mark.key]
      WHERE mark.kind = 'associate' AND o.buyer IS NOT NULL
    )
    INSERT INTO binding_marks (brand_id, mark_id, kind, key, marked_at)
    SELECT ${brandId}, gen_random_uuid(), 'member', last_member_no, ${now}
    FROM (
      SELECT DISTINCT m.last_member_no FROM found
      JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = found.member_no
    ) AS person`
}

/** The next member numbers by their bytes. */
export async function selectMemberNosAfter(
  db: Db,
  { brandId, after, limit }: Options & { after: string; limit: number },
): Promise<string[]> {
  const rows = await db<{ memberNo: string }[]>`
    SELECT member_no AS "memberNo" FROM members
    WHERE brand_id = ${brandId} AND member_no > ${after} ORDER BY member_no LIMIT ${limit}`
  return rows.map(row => row.memberNo)
}

// --------------------------------------------------------------------------------------- what is recorded

/** These numbers and the last ones that they lead to. */
export async function selectLastNumbers(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  const rows = await db<{ memberNo: string; lastMemberNo: string }[]>`
    SELECT member_no AS "memberNo", last_member_no AS "lastMemberNo" FROM members
    WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[])`
  return [...new Set(rows.flatMap(row => [row.memberNo, row.lastMemberNo]))]
}

export interface NumberOfPerson {
  memberNo: string
  lastMemberNo: string
  joinedAt: Instant | null
  openingAssociate: string | null
}

/** All numbers of these people. */
export async function selectNumbersOf(
  db: Db,
  { brandId, lastMemberNos }: Options & { lastMemberNos: readonly string[] },
) {
  return await db<NumberOfPerson[]>`
    SELECT member_no AS "memberNo", last_member_no AS "lastMemberNo", joined_at AS "joinedAt",
      opening_associate AS "openingAssociate"
    FROM members WHERE brand_id = ${brandId} AND last_member_no = ANY (${lastMemberNos as string[]}::text[])`
}

/** What was told of whose customers these numbers are. */
export async function selectTold(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  return await db<{ memberNo: string; from: Instant; attributedAssociate: string | null }[]>`
    SELECT member_no AS "memberNo", from_at AS "from", attributed_associate AS "attributedAssociate"
    FROM member_assignments
    WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[]) AND attributed_told`
}

/** Friendships that began with contacts that were ever linked to these numbers. */
export async function selectFriendsAdded(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  return await db<{ associateId: string; externalUserid: string; at: Instant; givenBy: string[] | null }[]>`
    WITH contact AS (
      SELECT DISTINCT value FROM identities
      WHERE brand_id = ${brandId} AND kind = 'external_userid' AND member_no = ANY (${memberNos as string[]}::text[])
    )
    SELECT f.associate_id AS "associateId", f.external_userid AS "externalUserid", f.at,
      (SELECT array_agg(DISTINCT given.associate_id) ${transfersTo(db, brandId)}) AS "givenBy"
    FROM contact JOIN friend_events AS f
      ON f.brand_id = ${brandId} AND f.external_userid = contact.value AND f.kind = 'added'`
}

/** Each person's first order that was not cancelled, where it has a sharer or else a closer. */
export async function selectFirstPurchases(db: Db, { brandId, buyers }: Options & { buyers: readonly string[] }) {
  return await db<{ buyer: string; source: string; orderNo: string; paidAt: Instant; associateId: string }[]>`
    SELECT buyer.buyer, o.source, o.order_no AS "orderNo", o.paid_at AS "paidAt", o.associate_id AS "associateId"
    FROM unnest(${buyers as string[]}::text[]) AS buyer (buyer)
    CROSS JOIN LATERAL (
      SELECT o.source, o.order_no, o.paid_at, COALESCE(o.roles ->> 'sharer', o.roles -> 'closer' ->> 0) AS associate_id
      FROM orders AS o
      WHERE o.brand_id = ${brandId} AND o.buyer = buyer.buyer AND NOT o.cancelled
      ORDER BY o.paid_at, o.source, o.order_no LIMIT 1
    ) AS o
    WHERE o.associate_id IS NOT NULL`
}

// ------------------------------------------------------------------------------------ derived assignments

export interface KeptAssignment extends DerivedAssignment {
  memberNo: string
}

export async function selectKept(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  return await db<KeptAssignment[]>`
    SELECT member_no AS "memberNo", from_at AS "from", associate_id AS "associateId", event_kind AS event,
      event_id AS "eventId"
    FROM derived_assignments WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[])
    ORDER BY member_no, from_at`
}

export async function deleteKept(db: Db, { brandId, rows }: Options & { rows: readonly KeptAssignment[] }) {
  if (rows.length === 0) return
  const keys = rows.map(({ memberNo, from }) => ({ memberNo, from: formatInstant(from) }))
  await db`
    DELETE FROM derived_assignments AS d
    USING jsonb_to_recordset(${JSON.stringify(keys)}::text::jsonb) AS key ("memberNo" text, "from" timestamptz(3))
    WHERE d.brand_id = ${brandId} AND d.member_no = key."memberNo" AND d.from_at = key."from"`
}

export async function insertKept(db: Db, { brandId, rows }: Options & { rows: readonly KeptAssignment[] }) {
  if (rows.length === 0) return
  const json = JSON.stringify(rows.map(row => ({ ...row, from: formatInstant(row.from) })))
  await db`
    INSERT INTO derived_assignments (brand_id, member_no, from_at, associate_id, event_kind, event_id)
    SELECT ${brandId}, "memberNo", "from", "associateId", event, "eventId"
    FROM jsonb_to_recordset(${json}::text::jsonb)
      AS row ("memberNo" text, "from" timestamptz(3), "associateId" text, event text, "eventId" text)`
}

/**
 * The next numbers to audit: all that are there where a policy was told, and in any case those that have an assignment
 * by one.
 */
export async function selectNumbersToAudit(
  db: Db,
  { brandId, after, limit }: Options & { after: string; limit: number },
): Promise<string[]> {
  const rows = await db<{ memberNo: string }[]>`
    SELECT member_no AS "memberNo" FROM (
      (SELECT member_no FROM members
        WHERE brand_id = ${brandId} AND member_no > ${after}
          AND EXISTS (SELECT FROM binding_policies WHERE brand_id = ${brandId})
        ORDER BY member_no LIMIT ${limit})
      UNION
      (SELECT member_no FROM derived_assignments
        WHERE brand_id = ${brandId} AND member_no > ${after} ORDER BY member_no LIMIT ${limit})
    ) AS numbers
    ORDER BY member_no LIMIT ${limit}`
  return rows.map(row => row.memberNo)
}
