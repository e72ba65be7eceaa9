import type { Db } from '../../../database.ts'
import { uuidv7 } from '../../../lib/ids.ts'
import { formatInstant, type Instant } from '../../../lib/time.ts'
import type { Scope } from '../../auth/domain.ts'
import type { BookingReason, RewardMark } from '../../evidence/service.ts'
import type { Enrolment, RewardEntitlement } from './domain.ts'

interface Options {
  brandId: number
}

// --------------------------------------------------------------------------------------------------- marks

/** Whose rewards are decided: a person by one of his numbers or ids in WeCom, or a task. */
export interface RewardSubject {
  kind: 'member' | 'customer' | 'task'
  key: string
}

/** Events that a published plan covers, and how far they were marked: kind by kind, by key. */
export interface RewardSpan {
  from: string
  /** null: without end. */
  to: string | null
  kind: RewardSubject['kind']
  after: string
}

interface MarkOptions extends Options {
  reason: BookingReason
  now: Instant
}

/** Where no plan names rewards nothing is marked: the first that does marks every event that it covers. */
export async function insertRewardMarks(
  db: Db,
  options: MarkOptions & { marks: readonly (RewardMark | { kind: 'span'; key: string })[] },
) {
  if (options.marks.length === 0) return
  const { brandId, reason, now } = options
  const distinct = new Map(options.marks.map(({ kind, key }) => [JSON.stringify([kind, key]), { kind, key }]))
  const rows = [...distinct.values()].map(mark => ({ markId: uuidv7(now), ...mark }))
  const inserted = await db`
    INSERT INTO reward_marks (brand_id, mark_id, kind, key, reason, marked_at)
    SELECT ${brandId}, "markId", kind, key, ${reason}, ${now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS row ("markId" uuid, kind text, key text)
    WHERE EXISTS (SELECT FROM plans WHERE brand_id = ${brandId} AND content ? 'rewards')
    RETURNING mark_id`
  if (inserted.length > 0) await db`SELECT pg_notify('daogou_marks', ${String(brandId)})`
}

export interface RewardMarkRow {
  markId: string
  kind: string
  key: string
  reason: BookingReason
}

export async function takeRewardMarks(db: Db, { brandId, limit }: Options & { limit: number }) {
  return await db<RewardMarkRow[]>`
    SELECT mark_id AS "markId", kind, key, reason FROM reward_marks
    WHERE brand_id = ${brandId} ORDER BY mark_id LIMIT ${limit} FOR UPDATE SKIP LOCKED`
}

export async function deleteRewardMarks(db: Db, { brandId, markIds }: Options & { markIds: readonly string[] }) {
  if (markIds.length === 0) return
  await db`DELETE FROM reward_marks WHERE brand_id = ${brandId} AND mark_id = ANY (${markIds as string[]}::uuid[])`
}

/** Marks everybody and every task that these associates, or the associates of these stores, had to do with. */
export async function insertRewardMarksOf(
  db: Db,
  { brandId, marks, now }: Options & { marks: readonly RewardMarkRow[]; now: Instant },
) {
  await db`
    WITH mark AS MATERIALIZED (
      SELECT kind, key, reason FROM jsonb_to_recordset(${JSON.stringify(marks)}::text::jsonb)
        AS mark (kind text, key text, reason text)
    ), associate AS (
      SELECT key AS associate_id, reason FROM mark WHERE kind = 'associate'
      UNION
      SELECT a.associate_id, mark.reason FROM mark
      JOIN associates AS a ON a.brand_id = ${brandId} AND a.store_code = mark.key WHERE mark.kind = 'store'
    ), subject AS (
      SELECT 'member' AS kind, m.member_no AS key, associate.reason FROM associate
      JOIN members AS m ON m.brand_id = ${brandId} AND m.opening_associate = associate.associate_id
      UNION ALL
      SELECT 'customer', f.external_userid, associate.reason FROM associate
      JOIN friend_events AS f ON f.brand_id = ${brandId} AND f.associate_id = associate.associate_id
      UNION ALL
      SELECT 'task', t.task_id, associate.reason FROM associate
      JOIN task_events AS t ON t.brand_id = ${brandId} AND t.associate_id = associate.associate_id
    )
    INSERT INTO reward_marks (brand_id, mark_id, kind, key, reason, marked_at)
    SELECT ${brandId}, gen_random_uuid(), kind, key, min(reason), ${now} FROM subject GROUP BY kind, key`
}

/**
 * Marks the next subjects of one kind that have an event within a span.
 *
 * @returns the last key, from which to go on; null where that were all
 */
export async function insertRewardMarksOfSpan(
  db: Db,
  { brandId, span, reason, limit, now }: MarkOptions & { span: RewardSpan; limit: number },
): Promise<string | null> {
  const { from, to, kind, after } = span
  const isWithin = (column: string) => db`
    ${db(column)} >= ${from}::text::timestamptz AND ${db(column)} < COALESCE(${to}::text::timestamptz, 'infinity')`
  const keys = {
    member: db`SELECT member_no AS key FROM members
      WHERE brand_id = ${brandId} AND member_no > ${after} AND ${isWithin('joined_at')}`,
    customer: db`SELECT external_userid AS key FROM friend_events
      WHERE brand_id = ${brandId} AND external_userid > ${after} AND kind = 'added' AND ${isWithin('at')} GROUP BY 1`,
    task: db`SELECT task_id AS key FROM task_events
      WHERE brand_id = ${brandId} AND task_id > ${after} AND ${isWithin('at')} GROUP BY 1`,
  }
  const [row] = await db<{ last: string | null; count: number }[]>`
    WITH subject AS MATERIALIZED (${keys[kind]} ORDER BY 1 LIMIT ${limit}), marked AS (
      INSERT INTO reward_marks (brand_id, mark_id, kind, key, reason, marked_at)
      SELECT ${brandId}, gen_random_uuid(), ${kind}, key, ${reason}, ${now} FROM subject
    )
    SELECT max(key) AS last, count(*) AS count FROM subject`
  return row!.count < limit ? null : row!.last
}

/** Whether this transaction is the one that books rewards of the brand now; it is until it ends. */
export async function tryLockRewards(db: Db, { brandId }: Options): Promise<boolean> {
  const [row] = await db<{ isLocked: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(${brandId}::int, hashtext('rewards')) AS "isLocked"`
  return row!.isLocked
}

// ------------------------------------------------------------------------------------------------ evidence

/** All numbers and ids in WeCom that hang together with these, by merges or by any link that was ever told. */
export async function selectConnected(db: Db, { brandId, subjects }: Options & { subjects: readonly RewardSubject[] }) {
  if (subjects.length === 0) return []
  return await db<RewardSubject[]>`
    WITH RECURSIVE subject (kind, key) AS (
      SELECT kind COLLATE "C", key COLLATE "C"
      FROM jsonb_to_recordset(${JSON.stringify(subjects)}::text::jsonb) AS subject (kind text, key text)
      UNION
      SELECT other.kind, other.key FROM subject CROSS JOIN LATERAL (
        SELECT 'member' COLLATE "C" AS kind, number.member_no AS key
        FROM members AS m JOIN members AS number
          ON number.brand_id = ${brandId} AND number.last_member_no = m.last_member_no
        WHERE subject.kind = 'member' AND m.brand_id = ${brandId} AND m.member_no = subject.key
        UNION ALL
        SELECT 'customer', i.value FROM identities AS i
        WHERE subject.kind = 'member' AND i.brand_id = ${brandId} AND i.member_no = subject.key
          AND i.kind = 'external_userid'
        UNION ALL
        SELECT 'member', i.member_no FROM identities AS i
        WHERE subject.kind = 'customer' AND i.brand_id = ${brandId} AND i.kind = 'external_userid'
          AND i.value = subject.key
      ) AS other
    )
    SELECT kind, key FROM subject`
}

export async function selectEnrolments(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  if (memberNos.length === 0) return []
  return await db<(Enrolment & { lastMemberNo: string })[]>`
    SELECT member_no AS "memberNo", last_member_no AS "lastMemberNo", joined_at AS "joinedAt",
      opening_associate AS "openingAssociate"
    FROM members WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[])`
}

/** Every link ever told of these ids in WeCom. */
export async function selectContactLinks(
  db: Db,
  { brandId, externalUserids }: Options & { externalUserids: readonly string[] },
) {
  if (externalUserids.length === 0) return []
  return await db<{ value: string; memberNo: string; at: Instant }[]>`
    SELECT value, member_no AS "memberNo", at FROM identities
    WHERE brand_id = ${brandId} AND kind = 'external_userid' AND value = ANY (${externalUserids as string[]}::text[])`
}

// ------------------------------------------------------------------------------------------------- booking

/** A reward as it is booked now. */
export interface RewardRow extends RewardEntitlement {
  event: string
  at: Instant
  associateId: string
  memberNo: string | null
  externalUserid: string | null
}

const REWARD_COLUMNS = `subject_key AS "subjectKey", event, at, associate_id AS "associateId", member_no AS "memberNo",
  external_userid AS "externalUserid", payee_kind AS "payeeKind", payee, bearer_kind AS "bearerKind", bearer,
  rule_id AS "ruleId", plan_code AS "planCode", plan_version AS "planVersion", available_at AS "availableAt",
  amount_fen AS "amountFen"`

export async function selectRewardEntitlements(
  db: Db,
  { brandId, subjectKeys }: Options & { subjectKeys: readonly string[] },
) {
  if (subjectKeys.length === 0) return []
  return await db<RewardRow[]>`
    SELECT ${db.unsafe(REWARD_COLUMNS)} FROM reward_entitlements
    WHERE brand_id = ${brandId} AND subject_key = ANY (${subjectKeys as string[]}::text[])`
}

/** What the ledger's rows of these events add up to, by key. */
export async function selectRewardLedger(
  db: Db,
  { brandId, subjectKeys }: Options & { subjectKeys: readonly string[] },
) {
  if (subjectKeys.length === 0) return []
  return await db<RewardEntitlement[]>`
    SELECT subject_key AS "subjectKey", payee_kind AS "payeeKind", payee, bearer_kind AS "bearerKind", bearer,
      rule_id AS "ruleId", plan_code AS "planCode", plan_version AS "planVersion", available_at AS "availableAt",
      sum(amount_fen)::bigint AS "amountFen"
    FROM ledger_rows
    WHERE brand_id = ${brandId} AND subject = 'event' AND subject_key = ANY (${subjectKeys as string[]}::text[])
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9`
}

export interface RewardBooking {
  /** With what is owed under this key from now on. */
  row: RewardRow
  /** Signed; 0 where only what is shown beside the amount changed. */
  differenceFen: number
}

/** Appends ledger rows and brings the rewards to what is owed, in one statement. */
export async function insertRewardBookings(
  db: Db,
  options: Options & { bookings: readonly RewardBooking[]; reason: BookingReason; now: Instant },
) {
  if (options.bookings.length === 0) return
  const { brandId, reason, now } = options
  const rows = options.bookings.map(({ row, differenceFen }) => ({
    ...row,
    at: formatInstant(row.at),
    availableAt: formatInstant(row.availableAt),
    rowId: uuidv7(now),
    differenceFen,
  }))
  await db`
    WITH row AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
        AS row ("subjectKey" text, event text, at timestamptz(3), "associateId" text, "memberNo" text,
          "externalUserid" text, "payeeKind" text, payee text, "bearerKind" text, bearer text, "ruleId" text,
          "planCode" text, "planVersion" int, "availableAt" timestamptz(3), "amountFen" bigint, "rowId" uuid,
          "differenceFen" bigint)
    ), booked AS (
      INSERT INTO ledger_rows (brand_id, row_id, booked_at, subject, subject_key, payee_kind, payee, bearer_kind,
        bearer, rule_id, plan_code, plan_version, amount_fen, reason, available_at)
      SELECT ${brandId}, "rowId", ${now}, 'event', "subjectKey", "payeeKind", payee, "bearerKind", bearer, "ruleId",
        "planCode", "planVersion", "differenceFen", ${reason}, "availableAt"
      FROM row WHERE "differenceFen" <> 0
    ), gone AS (
      DELETE FROM reward_entitlements AS e USING row
      WHERE row."amountFen" = 0 AND e.brand_id = ${brandId} AND e.subject_key = row."subjectKey"
        AND e.payee_kind = row."payeeKind" AND e.payee = row.payee AND e.bearer_kind = row."bearerKind"
        AND e.bearer = row.bearer AND e.rule_id = row."ruleId" AND e.plan_code = row."planCode"
        AND e.plan_version = row."planVersion" AND e.available_at = row."availableAt"
    )
    INSERT INTO reward_entitlements (brand_id, subject_key, event, at, associate_id, member_no, external_userid,
      payee_kind, payee, bearer_kind, bearer, rule_id, plan_code, plan_version, available_at, amount_fen)
    SELECT ${brandId}, "subjectKey", event, at, "associateId", "memberNo", "externalUserid", "payeeKind", payee,
      "bearerKind", bearer, "ruleId", "planCode", "planVersion", "availableAt", "amountFen"
    FROM row WHERE "amountFen" <> 0
    ON CONFLICT ON CONSTRAINT reward_entitlements_pkey DO UPDATE SET amount_fen = EXCLUDED.amount_fen, at = EXCLUDED.at,
      associate_id = EXCLUDED.associate_id, member_no = EXCLUDED.member_no`
}

// --------------------------------------------------------------------------------------------------- lists

/** Which rewards somebody may see: those that he, his associates or his stores are paid. */
function visible(db: Db, scope: Scope) {
  if (scope.reach === 'brand') return db`true`
  if (scope.reach === 'self') return db`(payee_kind = 'associate' AND payee = ${scope.associateId})`
  const storeCodes = scope.storeCodes as string[]
  return db`(
    (payee_kind = 'store' AND payee = ANY (${storeCodes}::text[]))
    OR (payee_kind = 'associate' AND payee IN (
      SELECT associate_id FROM associates WHERE brand_id = ${scope.brandId} AND store_code = ANY (${storeCodes}::text[]))))`
}

/** By when the event was, newest first. */
export async function selectRewards(
  db: Db,
  options: {
    scope: Scope
    event: string | null
    associate: string | null
    from: Instant | null
    to: Instant | null
    after: { at: string; subjectKey: string } | null
    limit: number
  },
) {
  const { scope, event, associate, from, to, after, limit } = options
  return await db<RewardRow[]>`
    SELECT ${db.unsafe(REWARD_COLUMNS)} FROM reward_entitlements
    WHERE brand_id = ${scope.brandId} AND ${visible(db, scope)}
      ${event === null ? db`` : db`AND event = ${event}`}
      ${associate === null ? db`` : db`AND associate_id = ${associate}`}
      ${from === null ? db`` : db`AND at >= ${from}`}
      ${to === null ? db`` : db`AND at < ${to}`}
      ${after ? db`AND (at, subject_key) < (${after.at}::text::timestamptz, ${after.subjectKey})` : db``}
    ORDER BY at DESC, subject_key DESC LIMIT ${limit}`
}

// --------------------------------------------------------------------------------------------------- audit

/** The next subjects of one kind that have an event, by key. */
export async function selectRewardSubjects(
  db: Db,
  { brandId, kind, after, limit }: Options & { kind: RewardSubject['kind']; after: string; limit: number },
): Promise<string[]> {
  const keys = {
    member: db`SELECT member_no AS key FROM members
      WHERE brand_id = ${brandId} AND member_no > ${after} AND joined_at IS NOT NULL`,
    customer: db`SELECT external_userid AS key FROM friend_events
      WHERE brand_id = ${brandId} AND external_userid > ${after} GROUP BY 1`,
    task: db`SELECT task_id AS key FROM task_events WHERE brand_id = ${brandId} AND task_id > ${after} GROUP BY 1`,
  }
  const rows = await db<{ key: string }[]>`${keys[kind]} ORDER BY 1 LIMIT ${limit}`
  return rows.map(row => row.key)
}

/** The next events for which something is kept or in the ledger, whether or not anybody told of them. */
export async function selectBookedSubjectKeys(
  db: Db,
  { brandId, after, limit }: Options & { after: string; limit: number },
): Promise<string[]> {
  const rows = await db<{ key: string }[]>`
    (SELECT DISTINCT subject_key AS key FROM reward_entitlements
      WHERE brand_id = ${brandId} AND subject_key > ${after} ORDER BY 1 LIMIT ${limit})
    UNION
    (SELECT DISTINCT subject_key FROM ledger_rows
      WHERE brand_id = ${brandId} AND subject = 'event' AND subject_key > ${after} ORDER BY 1 LIMIT ${limit})
    ORDER BY 1 LIMIT ${limit}`
  return rows.map(row => row.key)
}
