import type { Db } from '../../../database.ts'
import { arrayText } from '../../../lib/array-text.ts'
import { uuidv7 } from '../../../lib/ids.ts'
import { formatInstant, type Instant } from '../../../lib/time.ts'
import type { BookingReason, OrderKey } from '../../evidence/service.ts'

interface Options {
  brandId: number
}

export interface BasisRow extends OrderKey {
  associateId: string
  month: string
  basisFen: number
}

export async function selectBases(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  if (orders.length === 0) return []
  return await db<BasisRow[]>`
    SELECT b.source, b.order_no AS "orderNo", b.associate_id AS "associateId", b.month, b.basis_fen AS "basisFen"
    FROM unnest(${arrayText(orders.map(order => order.source))}::text::text[],
      ${arrayText(orders.map(order => order.orderNo))}::text::text[]) AS key (source, order_no)
    JOIN tier_bases AS b ON b.brand_id = ${brandId} AND b.source = key.source AND b.order_no = key.order_no`
}

/** Brings orders' rows to what was decided; rows of 0 go. */
export async function writeBases(db: Db, { brandId, rows }: Options & { rows: readonly BasisRow[] }) {
  if (rows.length === 0) return
  const column = (valueOf: (row: BasisRow) => string | number) => arrayText(rows.map(valueOf))
  await db`
    WITH row AS MATERIALIZED (
      SELECT * FROM unnest(${column(row => row.source)}::text::text[], ${column(row => row.orderNo)}::text::text[],
        ${column(row => row.associateId)}::text::text[], ${column(row => row.month)}::text::text[],
        ${column(row => row.basisFen)}::text::bigint[]) AS row (source, order_no, associate_id, month, basis_fen)
    ), gone AS (
      DELETE FROM tier_bases AS b USING row
      WHERE row.basis_fen = 0 AND b.brand_id = ${brandId} AND b.source = row.source AND b.order_no = row.order_no
        AND b.associate_id = row.associate_id
    )
    INSERT INTO tier_bases (brand_id, source, order_no, associate_id, month, basis_fen)
    SELECT ${brandId}, source, order_no, associate_id, month, basis_fen FROM row WHERE basis_fen <> 0
    ON CONFLICT (brand_id, source, order_no, associate_id)
    DO UPDATE SET month = EXCLUDED.month, basis_fen = EXCLUDED.basis_fen`
}

export interface MonthKey {
  associateId: string
  month: string
}

export async function insertBonusMarks(
  db: Db,
  { brandId, months, reason, now }: Options & { months: readonly MonthKey[]; reason: BookingReason; now: Instant },
) {
  if (months.length === 0) return
  const distinct = [...new Map(months.map(key => [`${key.month} ${key.associateId}`, key])).values()]
  const inserting = db`
    INSERT INTO bonus_marks (brand_id, mark_id, associate_id, month, reason, marked_at)
    SELECT ${brandId}, mark_id, associate_id, month, ${reason}, ${now}
    FROM unnest(${arrayText(distinct.map(() => uuidv7(now)))}::text::uuid[],
      ${arrayText(distinct.map(key => key.associateId))}::text::text[],
      ${arrayText(distinct.map(key => key.month))}::text::text[]) AS row (mark_id, associate_id, month)`
  await Promise.all([inserting, db`SELECT pg_notify('daogou_marks', ${String(brandId)})`])
}

/** Marks every month of a span that has a basis or a bonus; null as `to` is without end. */
export async function insertBonusMarksOfSpan(
  db: Db,
  options: Options & { fromMonth: string; toMonth: string | null; reason: BookingReason; now: Instant },
) {
  const { brandId, fromMonth, toMonth, reason, now } = options
  await db`
    INSERT INTO bonus_marks (brand_id, mark_id, associate_id, month, reason, marked_at)
    SELECT ${brandId}, gen_random_uuid(), associate_id, month, ${reason}, ${now}
    FROM (
      SELECT associate_id, month FROM tier_bases WHERE brand_id = ${brandId} AND month >= ${fromMonth}
      UNION
      SELECT associate_id, month FROM bonus_entitlements WHERE brand_id = ${brandId} AND month >= ${fromMonth}
    ) AS months
    WHERE ${toMonth}::text IS NULL OR month <= ${toMonth}`
}

export async function takeBonusMarks(db: Db, { brandId, limit }: Options & { limit: number }) {
  return await db<(MonthKey & { markId: string; reason: BookingReason })[]>`
    SELECT mark_id AS "markId", associate_id AS "associateId", month, reason FROM bonus_marks
    WHERE brand_id = ${brandId} ORDER BY mark_id LIMIT ${limit} FOR UPDATE SKIP LOCKED`
}

export async function deleteBonusMarks(db: Db, { brandId, markIds }: Options & { markIds: readonly string[] }) {
  if (markIds.length === 0) return
  await db`DELETE FROM bonus_marks WHERE brand_id = ${brandId} AND mark_id = ANY (${markIds as string[]}::uuid[])`
}

/** Lets one transaction at a time book a month of an associate. */
export async function lockMonths(db: Db, { brandId, months }: Options & { months: readonly MonthKey[] }) {
  await db`
    SELECT pg_advisory_xact_lock(key) FROM (
      SELECT DISTINCT hashtextextended('bonus ' || "associateId" || ' ' || month, ${brandId}) AS key
      FROM jsonb_to_recordset(${JSON.stringify(months)}::text::jsonb) AS key ("associateId" text, month text) ORDER BY 1
    ) AS keys`
}

/** The basis and the target of each of these months. */
export async function selectMonths(db: Db, { brandId, months }: Options & { months: readonly MonthKey[] }) {
  return await db<(MonthKey & { basisFen: string; targetFen: number | null })[]>`
    SELECT key."associateId", key.month,
      COALESCE((SELECT sum(basis_fen) FROM tier_bases AS b
        WHERE b.brand_id = ${brandId} AND b.month = key.month AND b.associate_id = key."associateId"), 0)::text AS "basisFen",
      (SELECT net_sales_fen FROM targets AS t
        WHERE t.brand_id = ${brandId} AND t.month = key.month AND t.subject_kind = 'associate'
          AND t.subject = key."associateId") AS "targetFen"
    FROM jsonb_to_recordset(${JSON.stringify(months)}::text::jsonb) AS key ("associateId" text, month text)`
}

/** Everybody's basis and target of a month, for whom there is a basis. */
export async function selectBasesOfMonth(db: Db, { brandId, month }: Options & { month: string }) {
  return await db<(MonthKey & { basisFen: string; targetFen: number | null })[]>`
    SELECT b.associate_id AS "associateId", ${month} AS month, b.basis_fen::text AS "basisFen",
      t.net_sales_fen AS "targetFen"
    FROM (
      SELECT associate_id, sum(basis_fen) AS basis_fen FROM tier_bases
      WHERE brand_id = ${brandId} AND month = ${month} GROUP BY associate_id
    ) AS b
    LEFT JOIN targets AS t ON t.brand_id = ${brandId} AND t.month = ${month} AND t.subject_kind = 'associate'
      AND t.subject = b.associate_id`
}

export interface BonusEntitlement extends MonthKey {
  bearerKind: string
  bearer: string
  planCode: string
  planVersion: number
  availableAt: Instant
  amountFen: number
}

export async function selectBonusEntitlements(db: Db, { brandId, months }: Options & { months: readonly MonthKey[] }) {
  return await db<BonusEntitlement[]>`
    SELECT e.associate_id AS "associateId", e.month, e.bearer_kind AS "bearerKind", e.bearer, e.plan_code AS "planCode",
      e.plan_version AS "planVersion", e.available_at AS "availableAt", e.amount_fen AS "amountFen"
    FROM jsonb_to_recordset(${JSON.stringify(months)}::text::jsonb) AS key ("associateId" text, month text)
    JOIN bonus_entitlements AS e
      ON e.brand_id = ${brandId} AND e.associate_id = key."associateId" AND e.month = key.month`
}

export async function selectBonusEntitlementsOfMonth(db: Db, { brandId, month }: Options & { month: string }) {
  return await db<BonusEntitlement[]>`
    SELECT associate_id AS "associateId", month, bearer_kind AS "bearerKind", bearer, plan_code AS "planCode",
      plan_version AS "planVersion", available_at AS "availableAt", amount_fen AS "amountFen"
    FROM bonus_entitlements WHERE brand_id = ${brandId} AND month = ${month}`
}

/** What the ledger's bonus rows of a month add up to, by key. */
export async function selectBonusLedgerOfMonth(db: Db, { brandId, month }: Options & { month: string }) {
  return await db<BonusEntitlement[]>`
    SELECT payee AS "associateId", month, bearer_kind AS "bearerKind", bearer, plan_code AS "planCode",
      plan_version AS "planVersion", available_at AS "availableAt", sum(amount_fen)::bigint AS "amountFen"
    FROM ledger_rows
    WHERE brand_id = ${brandId} AND subject = 'bonus' AND month = ${month} AND payee_kind = 'associate'
    GROUP BY 1, 2, 3, 4, 5, 6, 7`
}

export interface BonusBooking {
  /** The difference, signed. */
  row: BonusEntitlement
  /** What is owed under this key from now on. */
  owedFen: number
}

/** Appends ledger rows and brings the bonuses to what is owed, in one statement. */
export async function insertBonusBookings(
  db: Db,
  options: Options & { bookings: readonly BonusBooking[]; reason: BookingReason; now: Instant },
) {
  if (options.bookings.length === 0) return
  const { brandId, reason, now } = options
  const rows = options.bookings.map(({ row, owedFen }) => ({
    ...row,
    availableAt: formatInstant(row.availableAt),
    rowId: uuidv7(now),
    owedFen,
  }))
  await db`
    WITH row AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
        AS row ("associateId" text, month text, "bearerKind" text, bearer text, "planCode" text, "planVersion" int,
          "availableAt" timestamptz(3), "amountFen" bigint, "rowId" uuid, "owedFen" bigint)
    ), booked AS (
      INSERT INTO ledger_rows (brand_id, row_id, booked_at, subject, month, payee_kind, payee, bearer_kind, bearer,
        rule_id, plan_code, plan_version, amount_fen, reason, available_at)
      SELECT ${brandId}, "rowId", ${now}, 'bonus', month, 'associate', "associateId", "bearerKind", bearer,
        'monthly_tiers', "planCode", "planVersion", "amountFen", ${reason}, "availableAt"
      FROM row
    ), gone AS (
      DELETE FROM bonus_entitlements AS e USING row
      WHERE row."owedFen" = 0 AND e.brand_id = ${brandId} AND e.associate_id = row."associateId" AND e.month = row.month
        AND e.bearer_kind = row."bearerKind" AND e.bearer = row.bearer AND e.plan_code = row."planCode"
        AND e.plan_version = row."planVersion" AND e.available_at = row."availableAt"
    )
    INSERT INTO bonus_entitlements (brand_id, associate_id, month, bearer_kind, bearer, plan_code, plan_version,
      available_at, amount_fen)
    SELECT ${brandId}, "associateId", month, "bearerKind", bearer, "planCode", "planVersion", "availableAt", "owedFen"
    FROM row WHERE "owedFen" <> 0
    ON CONFLICT ON CONSTRAINT bonus_entitlements_pkey DO UPDATE SET amount_fen = EXCLUDED.amount_fen`
}

/** Associates with a basis in a month, one after another by id. */
export async function selectAssociatesOfMonth(
  db: Db,
  options: Options & {
    month: string
    associate: string | null
    after: string | null
    limit: number
    only: readonly string[] | null
  },
) {
  const { brandId, month, associate, after, limit, only } = options
  const rows = await db<{ associateId: string }[]>`
    SELECT DISTINCT associate_id AS "associateId" FROM tier_bases
    WHERE brand_id = ${brandId} AND month = ${month}
      ${associate === null ? db`` : db`AND associate_id = ${associate}`}
      ${after === null ? db`` : db`AND associate_id > ${after}`}
      ${only === null ? db`` : db`AND associate_id = ANY (${only as string[]}::text[])`}
    ORDER BY 1 LIMIT ${limit}`
  return rows.map(row => row.associateId)
}

/** The months that have a basis or a bonus, booked or kept; each found by a step along an index. */
export async function selectMonthsToAudit(db: Db, { brandId }: Options): Promise<string[]> {
  const rows = await db<{ month: string }[]>`
    WITH RECURSIVE with_basis AS (
      SELECT min(month) AS month FROM tier_bases WHERE brand_id = ${brandId}
      UNION ALL
      SELECT (SELECT min(b.month) FROM tier_bases AS b WHERE b.brand_id = ${brandId} AND b.month > m.month)
      FROM with_basis AS m WHERE m.month IS NOT NULL
    )
    SELECT month FROM with_basis WHERE month IS NOT NULL
    UNION SELECT month FROM bonus_entitlements WHERE brand_id = ${brandId}
    UNION SELECT month FROM ledger_rows WHERE brand_id = ${brandId} AND subject = 'bonus'
    ORDER BY month`
  return rows.map(row => row.month)
}
