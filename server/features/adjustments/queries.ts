import type { Db } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { Transfer } from './domain.ts'

interface Options {
  brandId: number
}

/** An adjustment, and what became of it. */
export interface AdjustmentRow extends Transfer {
  adjustmentId: string
  adjustmentNo: string | null
  reverses: string | null
  /** The one that takes it back and was not rejected. */
  reversedBy: string | null
  madeBy: string
  makerId: string
  madeAt: Instant
  /** null: nobody has decided yet. */
  confirmed: boolean | null
  decidedBy: string | null
  decidedAt: Instant | null
  decisionReason: string | null
}

export type NewAdjustment = Pick<AdjustmentRow, keyof Transfer | 'adjustmentNo' | 'reverses'> & { adjustmentId: string }

const selectWhere = (db: Db, brandId: number, condition: ReturnType<Db>) => db<AdjustmentRow[]>`
  SELECT a.adjustment_id AS "adjustmentId", a.adjustment_no AS "adjustmentNo", a.kind, a.payee_kind AS "payeeKind",
    a.payee, a.bearer_kind AS "bearerKind", a.bearer, a.amount_fen AS "amountFen", a.reason,
    a.available_at AS "availableAt", a.reverses, a.made_by AS "madeBy", a.maker_id AS "makerId", a.made_at AS "madeAt",
    d.confirmed, d.decided_by AS "decidedBy", d.decided_at AS "decidedAt", d.reason AS "decisionReason", (
      SELECT r.adjustment_id FROM adjustments AS r
      LEFT JOIN adjustment_decisions AS rd ON rd.brand_id = ${brandId} AND rd.adjustment_id = r.adjustment_id
      WHERE r.brand_id = ${brandId} AND r.reverses = a.adjustment_id AND rd.confirmed IS DISTINCT FROM false
    ) AS "reversedBy"
  FROM adjustments AS a
  LEFT JOIN adjustment_decisions AS d ON d.brand_id = ${brandId} AND d.adjustment_id = a.adjustment_id
  WHERE a.brand_id = ${brandId} AND ${condition}`

export async function selectAdjustments(
  db: Db,
  { brandId, adjustmentIds }: Options & { adjustmentIds: readonly string[] },
) {
  return await selectWhere(db, brandId, db`a.adjustment_id = ANY (${adjustmentIds as string[]}::uuid[])`)
}

export async function selectByNumber(
  db: Db,
  { brandId, adjustmentNos }: Options & { adjustmentNos: readonly string[] },
) {
  if (adjustmentNos.length === 0) return []
  return await selectWhere(db, brandId, db`a.adjustment_no = ANY (${adjustmentNos as string[]}::text[])`)
}

/** Write-offs of an associate that nobody has decided yet. */
export async function selectOpenWriteOffs(db: Db, { brandId, associateId }: Options & { associateId: string }) {
  return await selectWhere(
    db,
    brandId,
    db`a.kind = 'write_off' AND a.payee_kind = 'associate' AND a.payee = ${associateId} AND d.adjustment_id IS NULL
      ORDER BY a.bearer_kind, a.bearer`,
  )
}

/** Newest first: ids are in the order of time. */
export async function selectAdjustmentList(
  db: Db,
  options: Options & {
    status: 'proposed' | 'confirmed' | 'rejected' | null
    payeeKind: string | null
    payee: string | null
    from: Instant | null
    to: Instant | null
    after: string | null
    limit: number
  },
) {
  const { brandId, status, payeeKind, payee, from, to, after, limit } = options
  const confirmed = status === null || status === 'proposed' ? null : status === 'confirmed'
  return await selectWhere(
    db,
    brandId,
    db`true
      ${status === null ? db`` : db`AND d.confirmed IS NOT DISTINCT FROM ${confirmed}`}
      ${payeeKind === null ? db`` : db`AND a.payee_kind = ${payeeKind}`}
      ${payee === null ? db`` : db`AND a.payee = ${payee}`}
      ${from === null ? db`` : db`AND a.made_at >= ${from}`}
      ${to === null ? db`` : db`AND a.made_at < ${to}`}
      ${after === null ? db`` : db`AND a.adjustment_id < ${after}`}
      ORDER BY a.adjustment_id DESC LIMIT ${limit}`,
  )
}

export async function insertAdjustments(
  db: Db,
  options: Options & { rows: readonly NewAdjustment[]; madeBy: string; makerId: string; now: Instant },
) {
  if (options.rows.length === 0) return
  const { brandId, madeBy, makerId, now } = options
  const rows = options.rows.map(row => ({
    ...row,
    availableAt: row.availableAt === null ? null : formatInstant(row.availableAt),
  }))
  await db`
    INSERT INTO adjustments (brand_id, adjustment_id, adjustment_no, kind, payee_kind, payee, bearer_kind, bearer,
      amount_fen, reason, available_at, reverses, made_by, maker_id, made_at)
    SELECT ${brandId}, "adjustmentId", "adjustmentNo", kind, "payeeKind", payee, "bearerKind", bearer, "amountFen",
      reason, "availableAt", reverses, ${madeBy}, ${makerId}, ${now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row ("adjustmentId" uuid, "adjustmentNo" text, kind text, "payeeKind" text, payee text, "bearerKind" text,
        bearer text, "amountFen" bigint, reason text, "availableAt" timestamptz(3), reverses uuid)`
}

interface Decider {
  decidedBy: string
  deciderId: string
  now: Instant
}

/**
 * Writes down that adjustments are confirmed and appends their ledger rows, in one statement: neither can happen
 * without the other. One that was decided before is left as it is.
 */
export async function insertConfirmations(db: Db, options: Options & Decider & { adjustmentIds: readonly string[] }) {
  if (options.adjustmentIds.length === 0) return
  const { brandId, decidedBy, deciderId, now } = options
  const rows = options.adjustmentIds.map(adjustmentId => ({ adjustmentId, rowId: uuidv7(now) }))
  await db`
    WITH row AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
        AS row ("adjustmentId" uuid, "rowId" uuid)
    ), confirmed AS (
      INSERT INTO adjustment_decisions (brand_id, adjustment_id, confirmed, decided_by, decider_id, decided_at)
      SELECT ${brandId}, "adjustmentId", true, ${decidedBy}, ${deciderId}, ${now} FROM row
      ON CONFLICT DO NOTHING RETURNING adjustment_id
    )
    INSERT INTO ledger_rows (brand_id, row_id, booked_at, subject, subject_key, payee_kind, payee, bearer_kind, bearer,
      amount_fen, reason, available_at)
    SELECT ${brandId}, row."rowId", ${now}, 'adjustment', a.adjustment_id::text, a.payee_kind, a.payee, a.bearer_kind,
      a.bearer, a.amount_fen, 'adjustment', COALESCE(a.available_at, ${now})
    FROM confirmed
    JOIN row ON row."adjustmentId" = confirmed.adjustment_id
    JOIN adjustments AS a ON a.brand_id = ${brandId} AND a.adjustment_id = confirmed.adjustment_id`
}

export async function insertRejection(db: Db, options: Options & Decider & { adjustmentId: string; reason: string }) {
  await db`
    INSERT INTO adjustment_decisions (brand_id, adjustment_id, confirmed, reason, decided_by, decider_id, decided_at)
    VALUES (${options.brandId}, ${options.adjustmentId}, false, ${options.reason}, ${options.decidedBy},
      ${options.deciderId}, ${options.now})`
}

/** An adjustment of which ledger and confirmations say different things. */
export interface AdjustmentDifference {
  adjustmentId: string
  payeeKind: string
  payee: string
  bearerKind: string
  bearer: string
  availableAt: Instant
  /** 0: it is not confirmed, or not under this account and instant. */
  confirmedFen: number
  ledgerFen: number
  rowCount: number
}

/** Confirmed adjustments without exactly their one row, and rows without their confirmed adjustment. */
export async function selectAdjustmentDifferences(db: Db, { brandId }: Options): Promise<AdjustmentDifference[]> {
  return await db<AdjustmentDifference[]>`
    SELECT key AS "adjustmentId", payee_kind AS "payeeKind", payee, bearer_kind AS "bearerKind", bearer,
      available_at AS "availableAt", COALESCE(confirmed.fen, 0) AS "confirmedFen", COALESCE(booked.fen, 0) AS "ledgerFen",
      COALESCE(booked.count, 0)::int AS "rowCount"
    FROM (
      SELECT a.adjustment_id::text COLLATE "C" AS key, a.payee_kind, a.payee, a.bearer_kind, a.bearer,
        COALESCE(a.available_at, d.decided_at) AS available_at, a.amount_fen AS fen
      FROM adjustment_decisions AS d
      JOIN adjustments AS a ON a.brand_id = ${brandId} AND a.adjustment_id = d.adjustment_id
      WHERE d.brand_id = ${brandId} AND d.confirmed
    ) AS confirmed
    FULL JOIN (
      SELECT subject_key AS key, payee_kind, payee, bearer_kind, bearer, available_at, sum(amount_fen)::bigint AS fen,
        count(*) AS count
      FROM ledger_rows
      WHERE brand_id = ${brandId} AND subject = 'adjustment'
      GROUP BY 1, 2, 3, 4, 5, 6
    ) AS booked USING (key, payee_kind, payee, bearer_kind, bearer, available_at)
    WHERE confirmed.fen IS DISTINCT FROM booked.fen OR booked.count <> 1
    ORDER BY key, payee_kind, payee, bearer_kind, bearer, available_at`
}
