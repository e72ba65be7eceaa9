import type { DatedEntry } from '../../../drizzle/schema/stores.ts'
import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

/** Bytes travel as hex inside JSON. */
export interface MemberRow {
  memberNo: string
  /** Nothing personal is kept of him. */
  isErased: boolean
  name: string | null
  phoneHex: string | null
  phoneHash: string | null
  levels: DatedEntry[]
  points: number | null
  balanceFen: number | null
  birthMonth: number | null
  birthDay: number | null
  birthYearHex: string | null
  joinedAt: string | null
  openingStore: string | null
  openingAssociate: string | null
  followsOfficialAccount: boolean | null
  miniProgramAuthorised: boolean | null
  tags: string[]
  consentTracking: boolean | null
  consentMarketing: boolean | null
}

/** Locked in order of number, so that two batches that share members take turns. */
export async function lockMembers(db: Db, options: { brandId: number; memberNos: readonly string[] }) {
  return await db<(Omit<MemberRow, 'joinedAt'> & { joinedAt: Instant | null })[]>`
    SELECT member_no AS "memberNo", erased_at IS NOT NULL AS "isErased", name, encode(phone_encrypted, 'hex') AS "phoneHex", phone_hash AS "phoneHash", levels,
      points, balance_fen AS "balanceFen", birth_month AS "birthMonth", birth_day AS "birthDay",
      encode(birth_year_encrypted, 'hex') AS "birthYearHex", joined_at AS "joinedAt", opening_store AS "openingStore",
      opening_associate AS "openingAssociate", follows_official_account AS "followsOfficialAccount",
      mini_program_authorised AS "miniProgramAuthorised", tags, consent_tracking AS "consentTracking",
      consent_marketing AS "consentMarketing"
    FROM members WHERE brand_id = ${options.brandId} AND member_no = ANY (${options.memberNos as string[]}::text[])
    ORDER BY member_no FOR UPDATE`
}

export async function updateMembers(db: Db, options: { brandId: number; now: Instant; rows: readonly MemberRow[] }) {
  if (options.rows.length === 0) return
  await db`
    UPDATE members SET name = row.name, phone_encrypted = decode(row."phoneHex", 'hex'), phone_hash = row."phoneHash",
      levels = row.levels, points = row.points, balance_fen = row."balanceFen", birth_month = row."birthMonth",
      birth_day = row."birthDay", birth_year_encrypted = decode(row."birthYearHex", 'hex'), joined_at = row."joinedAt",
      opening_store = row."openingStore", opening_associate = row."openingAssociate",
      follows_official_account = row."followsOfficialAccount", mini_program_authorised = row."miniProgramAuthorised",
      tags = row.tags, consent_tracking = row."consentTracking", consent_marketing = row."consentMarketing",
      erased_at = CASE WHEN row."isErased" THEN members.erased_at END, updated_at = ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb)
      AS row ("memberNo" text, "isErased" boolean, name text, "phoneHex" text, "phoneHash" text, levels jsonb, points bigint,
        "balanceFen" bigint, "birthMonth" int, "birthDay" int, "birthYearHex" text, "joinedAt" timestamptz,
        "openingStore" text, "openingAssociate" text, "followsOfficialAccount" boolean, "miniProgramAuthorised" boolean,
        tags text[], "consentTracking" boolean, "consentMarketing" boolean)
    WHERE members.brand_id = ${options.brandId} AND members.member_no = row."memberNo"`
}

export async function insertConsents(
  db: Db,
  options: {
    brandId: number
    now: Instant
    rows: readonly { consentId: string; memberNo: string; kind: string; given: boolean }[]
  },
) {
  if (options.rows.length === 0) return
  await db`
    INSERT INTO member_consents (brand_id, member_no, consent_id, kind, given, told_at)
    SELECT ${options.brandId}, "memberNo", "consentId", kind, given, ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb)
      AS row ("memberNo" text, "consentId" uuid, kind text, given boolean)`
}

export interface MergeRow {
  memberNo: string
  at: Instant
  into: string
}

/** Every merge that could have to do with these numbers: all that lead from them or to them, over any number of steps. */
export async function selectMergesAround(db: Db, options: { brandId: number; memberNos: readonly string[] }) {
  return await db<MergeRow[]>`
    WITH RECURSIVE around (member_no) AS (
      SELECT member_no COLLATE "C" FROM unnest(${options.memberNos as string[]}::text[]) AS member_no
      UNION
      SELECT CASE WHEN merge.member_no = around.member_no THEN merge.into_member_no ELSE merge.member_no END
      FROM around JOIN member_merges AS merge
        ON merge.brand_id = ${options.brandId}
        AND (merge.member_no = around.member_no OR merge.into_member_no = around.member_no)
    )
    SELECT merge.member_no AS "memberNo", merge.at, merge.into_member_no AS into
    FROM member_merges AS merge
    WHERE merge.brand_id = ${options.brandId} AND merge.member_no IN (SELECT member_no FROM around)`
}

export async function insertMerges(db: Db, options: { brandId: number; now: Instant; rows: readonly MergeRow[] }) {
  if (options.rows.length === 0) return
  const rows = options.rows.map(row => ({ ...row, at: new Date(row.at).toISOString() }))
  await db`
    INSERT INTO member_merges (brand_id, member_no, at, into_member_no, received_at)
    SELECT ${options.brandId}, "memberNo", at, "into", ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS row ("memberNo" text, at timestamptz, "into" text)`
}

export async function updateLastNumbers(
  db: Db,
  options: { brandId: number; rows: readonly { memberNo: string; lastMemberNo: string }[] },
) {
  if (options.rows.length === 0) return
  await db`
    UPDATE members SET last_member_no = row."lastMemberNo"
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb) AS row ("memberNo" text, "lastMemberNo" text)
    WHERE members.brand_id = ${options.brandId} AND members.member_no = row."memberNo"
      AND members.last_member_no <> row."lastMemberNo"`
}

/** Phones that these numbers have, and ids that were ever linked to them. */
export async function selectTraces(db: Db, options: { brandId: number; memberNos: readonly string[] }) {
  const memberNos = options.memberNos as string[]
  return await db<{ kind: 'unionid' | 'openid' | 'external_userid' | 'visitor' | 'phone'; key: string }[]>`
    SELECT 'phone' AS kind, phone_hash AS key FROM members
    WHERE brand_id = ${options.brandId} AND member_no = ANY (${memberNos}::text[]) AND phone_hash IS NOT NULL
    UNION
    SELECT kind, value FROM identities
    WHERE brand_id = ${options.brandId} AND member_no = ANY (${memberNos}::text[])`
}

/** WeCom's contacts that have one of these unionids. */
export async function selectContactsByUnionid(db: Db, options: { brandId: number; unionids: readonly string[] }) {
  if (options.unionids.length === 0) return []
  return await db<{ externalUserid: string; unionid: string }[]>`
    SELECT external_userid AS "externalUserid", unionid FROM wecom_customers
    WHERE brand_id = ${options.brandId} AND unionid = ANY (${options.unionids as string[]}::text[])`
}

/** @returns the keys that were not there before */
export async function insertIdentities(
  db: Db,
  options: {
    brandId: number
    now: Instant
    rows: readonly { kind: string; value: string; at: string; memberNo: string }[]
  },
) {
  return await db<{ kind: string; value: string; at: Instant; memberNo: string }[]>`
    INSERT INTO identities (brand_id, kind, value, at, member_no, received_at)
    SELECT ${options.brandId}, kind, value, at, "memberNo", ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb)
      AS row (kind text, value text, at timestamptz, "memberNo" text)
    ORDER BY kind, value, at, "memberNo" COLLATE "C"
    ON CONFLICT DO NOTHING
    RETURNING kind, value, at, member_no AS "memberNo"`
}

export interface AssignmentRow {
  assignmentId: string
  memberNo: string
  fromAt: Instant
  attributedTold: boolean
  attributedAssociate: string | null
  homeStoreTold: boolean
  homeStore: string | null
  reason: string | null
}

export async function selectAssignmentsAt(
  db: Db,
  options: { brandId: number; keys: readonly { memberNo: string; from: string }[] },
) {
  return await db<AssignmentRow[]>`
    SELECT assignment_id AS "assignmentId", a.member_no AS "memberNo", from_at AS "fromAt",
      attributed_told AS "attributedTold", attributed_associate AS "attributedAssociate",
      home_store_told AS "homeStoreTold", home_store AS "homeStore", reason
    FROM jsonb_to_recordset(${JSON.stringify(options.keys)}::text::jsonb) AS key ("memberNo" text, "from" timestamptz)
    JOIN member_assignments AS a
      ON a.brand_id = ${options.brandId} AND a.member_no = key."memberNo" AND a.from_at = key."from"`
}

export async function insertAssignments(
  db: Db,
  options: { brandId: number; now: Instant; rows: readonly AssignmentRow[] },
) {
  if (options.rows.length === 0) return
  const rows = options.rows.map(row => ({ ...row, fromAt: new Date(row.fromAt).toISOString() }))
  await db`
    INSERT INTO member_assignments (brand_id, member_no, from_at, assignment_id, attributed_told, attributed_associate,
      home_store_told, home_store, reason, received_at)
    SELECT ${options.brandId}, "memberNo", "fromAt", "assignmentId", "attributedTold", "attributedAssociate",
      "homeStoreTold", "homeStore", reason, ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row ("assignmentId" uuid, "memberNo" text, "fromAt" timestamptz, "attributedTold" boolean,
        "attributedAssociate" text, "homeStoreTold" boolean, "homeStore" text, reason text)`
}
