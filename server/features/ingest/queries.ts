import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'

export interface RejectRow {
  rejectId: string
  kind: string
  itemKey: string | null
  /** Masked. */
  item: unknown
  code: string
  message: string
  field: string | null
  position: number
  maskedFields: string[] | null
}

export async function insertRejects(
  db: Db,
  options: { brandId: number; now: Instant; actor: string; rows: readonly RejectRow[] },
) {
  if (options.rows.length === 0) return
  await db`
    INSERT INTO rejected_items (brand_id, reject_id, kind, item_key, item, code, message, field, position, masked_fields,
      sent_by, rejected_at)
    SELECT ${options.brandId}, "rejectId", kind, "itemKey", COALESCE(item, 'null'), code, message, field, position,
      ARRAY(SELECT jsonb_array_elements_text("maskedFields")), ${options.actor}, ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb)
      AS row ("rejectId" uuid, kind text, "itemKey" text, item jsonb, code text, message text, field text, position int,
        "maskedFields" jsonb)`
}

export interface KeptReject extends RejectRow {
  sentBy: string
  rejectedAt: Instant
  resentAt: Instant | null
  resentBy: string | null
}

/** Newest first. */
export async function selectRejects(
  db: Db,
  options: {
    brandId: number
    rejectId?: string
    kind: string | null
    code: string | null
    sentBy: string | null
    resent: boolean | null
    from: Instant | null
    to: Instant | null
    after: { rejectedAt: string; rejectId: string } | null
    limit: number
  },
) {
  const { brandId, rejectId, kind, code, sentBy, resent, from, to, after, limit } = options
  return await db<KeptReject[]>`
    SELECT reject_id AS "rejectId", kind, item_key AS "itemKey", item, code, message, field, position,
      masked_fields AS "maskedFields", sent_by AS "sentBy", rejected_at AS "rejectedAt", resent_at AS "resentAt",
      resent_by AS "resentBy"
    FROM rejected_items
    WHERE brand_id = ${brandId} ${rejectId === undefined ? db`` : db`AND reject_id = ${rejectId}`}
      ${kind === null ? db`` : db`AND kind = ${kind}`}
      ${code === null ? db`` : db`AND code = ${code}`}
      ${sentBy === null ? db`` : db`AND sent_by = ${sentBy}`}
      ${resent === null ? db`` : resent ? db`AND resent_at IS NOT NULL` : db`AND resent_at IS NULL`}
      ${from === null ? db`` : db`AND rejected_at >= ${from}`}
      ${to === null ? db`` : db`AND rejected_at < ${to}`}
      ${after ? db`AND (rejected_at, reject_id) < (${after.rejectedAt}::text::timestamptz, ${after.rejectId})` : db``}
    ORDER BY rejected_at DESC, reject_id DESC LIMIT ${limit}`
}

/** It was sent again, and taken. */
export async function updateResent(
  db: Db,
  options: { brandId: number; rejectId: string; actor: string; now: Instant },
) {
  await db`
    UPDATE rejected_items SET resent_at = ${options.now}, resent_by = ${options.actor}
    WHERE brand_id = ${options.brandId} AND reject_id = ${options.rejectId} AND resent_at IS NULL`
}

/** What one sender told of one kind, of one source, since it was last written down. */
export interface IntakeRow {
  brandId: number
  kind: string
  source: string
  sentBy: string
  created: number
  updated: number
  unchanged: number
  rejected: number
  lastAt: Instant
  lastRejectedAt: Instant | null
}

/** Adds what was counted to the brands' days. */
export async function upsertIntake(db: Db, rows: readonly IntakeRow[]) {
  const shown = rows.map(row => ({
    ...row,
    lastAt: formatInstant(row.lastAt),
    lastRejectedAt: row.lastRejectedAt === null ? null : formatInstant(row.lastRejectedAt),
  }))
  await db`
    INSERT INTO intake_days AS i (brand_id, day, kind, source, sent_by, created, updated, unchanged, rejected, last_at,
      last_rejected_at)
    SELECT b.brand_id, to_char(row."lastAt" AT TIME ZONE b.timezone, 'YYYY-MM-DD'), kind, source, "sentBy", created,
      updated, unchanged, rejected, "lastAt", "lastRejectedAt"
    FROM jsonb_to_recordset(${JSON.stringify(shown)}::text::jsonb)
      AS row ("brandId" int, kind text, source text, "sentBy" text, created int, updated int, unchanged int, rejected int,
        "lastAt" timestamptz, "lastRejectedAt" timestamptz)
    JOIN brands AS b ON b.brand_id = row."brandId"
    ORDER BY b.brand_id, kind COLLATE "C", source COLLATE "C", "sentBy" COLLATE "C"
    ON CONFLICT (brand_id, day, kind, source, sent_by) DO UPDATE SET created = i.created + EXCLUDED.created,
      updated = i.updated + EXCLUDED.updated, unchanged = i.unchanged + EXCLUDED.unchanged,
      rejected = i.rejected + EXCLUDED.rejected, last_at = GREATEST(i.last_at, EXCLUDED.last_at),
      last_rejected_at = GREATEST(i.last_rejected_at, EXCLUDED.last_rejected_at)`
}

/** By sender, kind and source; who told something last comes first. */
export async function selectIntake(db: Db, options: { brandId: number; today: string; limit: number }) {
  const today = (column: string) =>
    db`COALESCE(sum(${db.unsafe(column)}) FILTER (WHERE day = ${options.today}), 0)::int`
  return await db<Omit<IntakeRow, 'brandId'>[]>`
    SELECT kind, source, sent_by AS "sentBy", max(last_at) AS "lastAt", max(last_rejected_at) AS "lastRejectedAt",
      ${today('created')} AS created, ${today('updated')} AS updated, ${today('unchanged')} AS unchanged,
      ${today('rejected')} AS rejected
    FROM intake_days WHERE brand_id = ${options.brandId}
    GROUP BY kind, source, sent_by ORDER BY max(last_at) DESC, kind, source, sent_by LIMIT ${options.limit}`
}

/** @param options.before a day, as `YYYY-MM-DD` */
export async function deleteOldIntake(db: Db, options: { brandId: number; before: string }) {
  await db`DELETE FROM intake_days WHERE brand_id = ${options.brandId} AND day < ${options.before}`
}

/** Rejected items are kept for 30 days. */
export async function deleteOldRejects(db: Db, options: { now: Instant; brandId: number; keepDays: number }) {
  const before = formatInstant(options.now - options.keepDays * 86_400_000)
  await db`
    DELETE FROM rejected_items WHERE brand_id = ${options.brandId} AND rejected_at < ${before}::text::timestamptz`
}

export async function selectBrandIds(db: Db): Promise<number[]> {
  const rows = await db<{ brandId: number }[]>`SELECT brand_id AS "brandId" FROM brands ORDER BY 1`
  return rows.map(row => row.brandId)
}
