import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'

interface Options {
  brandId: number
}

type Fragment = ReturnType<Db>

const instant = (db: Db, at: Instant) => db`${formatInstant(at)}::text::timestamptz`

/**
 * Whose customer each of these people is at an instant, and since when: of what was told under any of his numbers and of
 * what the binding policy made of his events the entry that began last; of one instant what was told, then the greater
 * number. `OFFSET 0` keeps the planner to one index probe a number.
 *
 * @param persons a query of last numbers, as `person`
 */
const heldBy = (db: Db, brandId: number, persons: Fragment, at: Instant): Fragment => db`
  SELECT DISTINCT ON (number.person) number.person, entry.associate_id, entry.from_at
  FROM (
    SELECT wanted.person, own.member_no FROM (${persons}) AS wanted
    CROSS JOIN LATERAL (
      SELECT m.member_no FROM members AS m WHERE m.brand_id = ${brandId} AND m.last_member_no = wanted.person OFFSET 0
    ) AS own
  ) AS number
  CROSS JOIN LATERAL (
    SELECT a.attributed_associate AS associate_id, a.from_at, true AS is_told, a.member_no FROM member_assignments AS a
    WHERE a.brand_id = ${brandId} AND a.member_no = number.member_no AND a.attributed_told
      AND a.from_at <= ${instant(db, at)}
    UNION ALL
    SELECT d.associate_id, d.from_at, false, d.member_no FROM derived_assignments AS d
    WHERE d.brand_id = ${brandId} AND d.member_no = number.member_no AND d.from_at <= ${instant(db, at)}
    OFFSET 0
  ) AS entry
  ORDER BY number.person, entry.from_at DESC, entry.is_told DESC, entry.member_no DESC`

/** The members who are an associate's at an instant, by their last numbers, and since when. */
const membersOf = (db: Db, brandId: number, associateId: Fragment, at: Instant): Fragment => {
  const everHis: Fragment = db`
    SELECT DISTINCT m.last_member_no AS person FROM (
      SELECT a.member_no FROM member_assignments AS a
      WHERE a.brand_id = ${brandId} AND a.attributed_associate = ${associateId}
      UNION ALL
      SELECT d.member_no FROM derived_assignments AS d WHERE d.brand_id = ${brandId} AND d.associate_id = ${associateId}
    ) AS ever
    CROSS JOIN LATERAL (
      SELECT last_member_no FROM members WHERE brand_id = ${brandId} AND member_no = ever.member_no OFFSET 0
    ) AS m`
  return db`
    SELECT person AS member_no, from_at FROM (${heldBy(db, brandId, everHis, at)}) AS held
    WHERE associate_id = ${associateId}`
}

/** How many members are somebody's. */
export async function countMembersOf(db: Db, options: Options & { associateId: string; at: Instant }) {
  const { brandId, associateId, at } = options
  const [row] = await db<{ count: number }[]>`
    SELECT count(*) AS count FROM (${membersOf(db, brandId, db`${associateId}`, at)}) AS member`
  return row!.count
}

/** By member number. */
export async function selectMembersOf(
  db: Db,
  options: Options & { associateId: string; at: Instant; after: string | null; limit: number },
) {
  const { brandId, associateId, at, after, limit } = options
  return await db<{ memberNo: string; since: Instant }[]>`
    SELECT member_no AS "memberNo", from_at AS since
    FROM (${membersOf(db, brandId, db`${associateId}`, at)}) AS member
    ${after === null ? db`` : db`WHERE member_no > ${after}`}
    ORDER BY member_no LIMIT ${limit}`
}

/** What one wants to know of members before they are given to somebody. */
export async function selectMemberDetails(
  db: Db,
  { brandId, memberNos, now, zone }: Options & { memberNos: readonly string[]; now: Instant; zone: string },
) {
  return await db<
    {
      memberNo: string
      name: string | null
      homeStore: string | null
      lastPaidAt: Instant | null
      last12MonthsFen: number
    }[]
  >`
    SELECT m.member_no AS "memberNo", m.name, COALESCE(home.home_store, m.opening_store) AS "homeStore",
      spend."lastPaidAt", spend."last12MonthsFen"
    FROM members AS m
    LEFT JOIN LATERAL (
      SELECT a.home_store
      FROM members AS number
      JOIN member_assignments AS a ON a.brand_id = ${brandId} AND a.member_no = number.member_no
      WHERE number.brand_id = ${brandId} AND number.last_member_no = m.member_no AND a.home_store_told
        AND a.from_at <= ${instant(db, now)}
      ORDER BY a.from_at DESC, a.member_no DESC LIMIT 1
    ) AS home ON true
    CROSS JOIN LATERAL (
      SELECT max(o.paid_at) AS "lastPaidAt",
        COALESCE(sum(o.net_fen) FILTER (WHERE o.paid_at < ${instant(db, now)} AND o.paid_at >=
          (${instant(db, now)} AT TIME ZONE ${zone}::text - interval '12 months') AT TIME ZONE ${zone}::text), 0)::bigint
          AS "last12MonthsFen"
      FROM members AS number
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.buyer = number.member_no
      WHERE number.brand_id = ${brandId} AND number.last_member_no = m.member_no AND NOT o.cancelled AND o.net_fen > 0
    ) AS spend
    WHERE m.brand_id = ${brandId} AND m.member_no = ANY (${memberNos as string[]}::text[])`
}

/** Under which last number these numbers go; numbers that are not there are left out. */
export async function selectLastNumbers(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  const rows = await db<{ memberNo: string; lastMemberNo: string }[]>`
    SELECT member_no AS "memberNo", last_member_no AS "lastMemberNo" FROM members
    WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[])`
  return new Map(rows.map(row => [row.memberNo, row.lastMemberNo]))
}

/** Whose customers these people are at an instant. */
export async function selectAttributed(
  db: Db,
  { brandId, memberNos, at }: Options & { memberNos: readonly string[]; at: Instant },
) {
  const persons: Fragment = db`
    SELECT DISTINCT last_member_no AS person FROM members
    WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[])`
  const rows = await db<{ memberNo: string; associateId: string | null }[]>`
    SELECT m.member_no AS "memberNo", held.associate_id AS "associateId"
    FROM (${heldBy(db, brandId, persons, at)}) AS held
    JOIN members AS m ON m.brand_id = ${brandId} AND m.last_member_no = held.person
    WHERE m.member_no = ANY (${memberNos as string[]}::text[])`
  return new Map(rows.map(row => [row.memberNo, row.associateId]))
}

const worksAt = (db: Db, at: Instant) => db`
  EXISTS (
    SELECT FROM jsonb_to_recordset(leaver.employments) AS spell ("activeFrom" timestamptz, "activeTo" timestamptz)
    WHERE "activeFrom" <= ${instant(db, at)} AND ("activeTo" IS NULL OR ${instant(db, at)} < "activeTo"))`

/** Associates who do not work here now, or will not soon, and still have members; by associateId. */
export async function selectLeavers(
  db: Db,
  options: Options & {
    storeCodes: readonly string[] | null
    now: Instant
    soon: Instant
    after: string | null
    limit: number
  },
) {
  const { brandId, storeCodes, now, soon, after, limit } = options
  return await db<
    { associateId: string; name: string; storeCode: string | null; activeTo: Instant | null; memberCount: number }[]
  >`
    SELECT leaver.associate_id AS "associateId", leaver.name, leaver.store_code AS "storeCode", (
        SELECT max("activeTo") FROM jsonb_to_recordset(leaver.employments)
          AS spell ("activeFrom" timestamptz, "activeTo" timestamptz)
        WHERE "activeFrom" <= ${instant(db, now)}
      ) AS "activeTo", members.count AS "memberCount"
    FROM associates AS leaver
    CROSS JOIN LATERAL (
      SELECT count(*) AS count FROM (${membersOf(db, brandId, db`leaver.associate_id`, now)}) AS member
    ) AS members
    WHERE leaver.brand_id = ${brandId} AND NOT (${worksAt(db, now)} AND ${worksAt(db, soon)}) AND members.count > 0
      ${storeCodes === null ? db`` : db`AND leaver.store_code = ANY (${storeCodes as string[]}::text[])`}
      ${after === null ? db`` : db`AND leaver.associate_id > ${after}`}
    ORDER BY leaver.associate_id LIMIT ${limit}`
}

// ----------------------------------------------------------------------------------------------- handovers

export interface HandoverRow {
  handoverId: string
  fromAssociate: string
  reason: string
  fromAt: Instant
  memberCount: number
  madeBy: string
  madeAt: Instant
  undoneBy: string | null
  undoneAt: Instant | null
  undoReason: string | null
  returnedCount: number | null
}

/**
 * Whether a member went back: he was given to the leaver again at the instant from which the handover is undone. Asked
 * by member and instant alone: the index by associate would find all of the leaver's, once for each of them.
 */
const isReturned = (db: Db, brandId: number) => db`
  COALESCE((
    SELECT bool_or(back.attributed_associate = h.from_associate) FROM member_assignments AS back
    WHERE back.brand_id = ${brandId} AND back.member_no = m.member_no
      AND back.from_at = GREATEST(h.undone_at, h.from_at + interval '1 millisecond')), false)`

const selectWhere = (db: Db, brandId: number, condition: Fragment) => db<HandoverRow[]>`
  SELECT h.handover_id AS "handoverId", h.from_associate AS "fromAssociate", h.reason, h.from_at AS "fromAt",
    members.count AS "memberCount", h.made_by AS "madeBy", h.made_at AS "madeAt", h.undone_by AS "undoneBy",
    h.undone_at AS "undoneAt", h.undo_reason AS "undoReason",
    CASE WHEN h.undone_at IS NOT NULL THEN members.returned END AS "returnedCount"
  FROM handovers AS h
  CROSS JOIN LATERAL (
    SELECT count(*) AS count, count(*) FILTER (WHERE h.undone_at IS NOT NULL AND ${isReturned(db, brandId)}) AS returned
    FROM handover_members AS m WHERE m.brand_id = ${brandId} AND m.handover_id = h.handover_id
  ) AS members
  WHERE h.brand_id = ${brandId} AND ${condition}`

/** Of a leaver of one of these stores: which handovers somebody sees. */
const isOfStores = (db: Db, brandId: number, storeCodes: readonly string[] | null) =>
  storeCodes === null
    ? db`true`
    : db`h.from_associate IN (
        SELECT associate_id FROM associates
        WHERE brand_id = ${brandId} AND store_code = ANY (${storeCodes as string[]}::text[]))`

export async function selectHandover(
  db: Db,
  { brandId, handoverId, storeCodes }: Options & { handoverId: string; storeCodes: readonly string[] | null },
) {
  const [row] = await selectWhere(
    db,
    brandId,
    db`h.handover_id = ${handoverId} AND ${isOfStores(db, brandId, storeCodes)}`,
  )
  return row ?? null
}

/** Newest first: ids are in the order of time. */
export async function selectHandovers(
  db: Db,
  options: Options & { storeCodes: readonly string[] | null; after: string | null; limit: number },
) {
  const { brandId, storeCodes, after, limit } = options
  return await selectWhere(
    db,
    brandId,
    db`${isOfStores(db, brandId, storeCodes)} ${after === null ? db`` : db`AND h.handover_id < ${after}`}
      ORDER BY h.handover_id DESC LIMIT ${limit}`,
  )
}

/** The last handover of a leaver that was not undone. */
export async function selectLastHandover(db: Db, { brandId, fromAssociate }: Options & { fromAssociate: string }) {
  const [row] = await selectWhere(
    db,
    brandId,
    db`h.from_associate = ${fromAssociate} AND h.undone_at IS NULL ORDER BY h.handover_id DESC LIMIT 1`,
  )
  return row ?? null
}

/** By member number. */
export async function selectHandoverMembers(
  db: Db,
  options: Options & { handoverId: string; after: string | null; limit: number },
) {
  const { brandId, handoverId, after, limit } = options
  return await db<{ memberNo: string; name: string | null; toAssociate: string; returned: boolean | null }[]>`
    SELECT m.member_no AS "memberNo", member.name, m.to_associate AS "toAssociate",
      CASE WHEN h.undone_at IS NOT NULL THEN ${isReturned(db, brandId)} END AS returned
    FROM handover_members AS m
    JOIN handovers AS h ON h.brand_id = ${brandId} AND h.handover_id = m.handover_id
    LEFT JOIN members AS member ON member.brand_id = ${brandId} AND member.member_no = m.member_no
    WHERE m.brand_id = ${brandId} AND m.handover_id = ${handoverId} ${after === null ? db`` : db`AND m.member_no > ${after}`}
    ORDER BY m.member_no LIMIT ${limit}`
}

export async function insertHandover(
  db: Db,
  options: Options & {
    handoverId: string
    fromAssociate: string
    reason: string
    fromAt: Instant
    madeBy: string
    now: Instant
    members: readonly { memberNo: string; toAssociate: string }[]
  },
) {
  const { brandId, handoverId } = options
  await db`
    INSERT INTO handovers (brand_id, handover_id, from_associate, reason, from_at, made_by, made_at)
    VALUES (${brandId}, ${handoverId}, ${options.fromAssociate}, ${options.reason}, ${options.fromAt}, ${options.madeBy},
      ${options.now})`
  await db`
    INSERT INTO handover_members (brand_id, handover_id, member_no, to_associate)
    SELECT ${brandId}, ${handoverId}, "memberNo", "toAssociate"
    FROM jsonb_to_recordset(${JSON.stringify(options.members)}::text::jsonb) AS row ("memberNo" text, "toAssociate" text)`
}

export async function updateUndone(
  db: Db,
  options: Options & { handoverId: string; undoneBy: string; reason: string; now: Instant },
) {
  await db`
    UPDATE handovers SET undone_at = ${options.now}, undone_by = ${options.undoneBy}, undo_reason = ${options.reason}
    WHERE brand_id = ${options.brandId} AND handover_id = ${options.handoverId}`
}
