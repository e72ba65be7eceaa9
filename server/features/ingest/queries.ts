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
}

export async function insertRejects(
  db: Db,
  options: { brandId: number; now: Instant; actor: string; rows: readonly RejectRow[] },
) {
  if (options.rows.length === 0) return
  await db`
    INSERT INTO rejected_items (brand_id, reject_id, kind, item_key, item, code, message, field, position, sent_by, rejected_at)
    SELECT ${options.brandId}, "rejectId", kind, "itemKey", COALESCE(item, 'null'), code, message, field, position, ${options.actor}, ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb)
      AS row ("rejectId" uuid, kind text, "itemKey" text, item jsonb, code text, message text, field text, position int)`
}

/** Newest first. */
export async function selectRejects(
  db: Db,
  options: {
    brandId: number
    kind: string | null
    after: { rejectedAt: string; rejectId: string } | null
    limit: number
  },
) {
  const { brandId, kind, after, limit } = options
  return await db<(RejectRow & { sentBy: string; rejectedAt: Instant })[]>`
    SELECT reject_id AS "rejectId", kind, item_key AS "itemKey", item, code, message, field, position,
      sent_by AS "sentBy", rejected_at AS "rejectedAt"
    FROM rejected_items
    WHERE brand_id = ${brandId} ${kind === null ? db`` : db`AND kind = ${kind}`}
      ${after ? db`AND (rejected_at, reject_id) < (${after.rejectedAt}::text::timestamptz, ${after.rejectId})` : db``}
    ORDER BY rejected_at DESC, reject_id DESC LIMIT ${limit}`
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
