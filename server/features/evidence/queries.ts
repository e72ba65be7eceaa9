import type { Db } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import type { Instant } from '../../lib/time.ts'

/** Why a booking was made: the kind of evidence that triggered it. */
export type BookingReason = 'sale' | 'refund' | 'evidence' | 'override' | 'plan' | 'adjustment'

/** What evidence speaks of: the worker finds the orders that it may change. */
export type Mark =
  | { kind: 'order'; source: string; orderNo: string }
  /** A visitor id: a touch under it, or its link to a member. */
  | { kind: 'unionid' | 'openid' | 'external_userid' | 'visitor'; key: string; paidFrom?: Instant }
  | { kind: 'member'; key: string; paidFrom?: Instant }
  | { kind: 'phone' | 'link' | 'associate' | 'store'; key: string }

/**
 * Says that evidence came which may change orders. In the transaction of the evidence, so that neither is lost
 * without the other.
 */
export async function insertMarks(
  db: Db,
  options: { brandId: number; marks: readonly Mark[]; reason: BookingReason; now: Instant },
): Promise<void> {
  if (options.marks.length === 0) return
  const distinct = new Map(options.marks.map(mark => [JSON.stringify(mark), mark]))
  const rows = [...distinct.values()].map(mark => ({
    mark_id: uuidv7(options.now),
    kind: mark.kind,
    key: mark.kind === 'order' ? mark.source : mark.key,
    order_no: mark.kind === 'order' ? mark.orderNo : null,
    paid_from: 'paidFrom' in mark && mark.paidFrom !== undefined ? new Date(mark.paidFrom).toISOString() : null,
  }))
  await db`
    INSERT INTO reconcile_marks (brand_id, mark_id, kind, key, order_no, paid_from, reason, marked_at)
    SELECT ${options.brandId}, mark_id, kind, key, order_no, paid_from, ${options.reason}, ${options.now}::timestamptz
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row (mark_id uuid, kind text, key text, order_no text, paid_from timestamptz)`
  await db`SELECT pg_notify('daogou_marks', ${String(options.brandId)})`
}

/** Whose events of the binding policy have to be replayed: a member, a contact's member, whom an associate could have. */
export interface BindingMark {
  kind: 'member' | 'external_userid' | 'associate'
  key: string
}

/**
 * Says that evidence came which may change whose customers people become by the binding policy. In the transaction of
 * the evidence, after it was written. Where no policy was told nothing is: the first one replays everybody.
 */
export async function insertBindingMarks(
  db: Db,
  options: { brandId: number; marks: readonly BindingMark[]; now: Instant },
): Promise<void> {
  if (options.marks.length === 0) return
  const { brandId, now } = options
  const distinct = new Map(options.marks.map(({ kind, key }) => [JSON.stringify([kind, key]), { kind, key }]))
  const rows = [...distinct.values()].map(mark => ({ markId: uuidv7(now), ...mark }))
  const inserted = await db`
    INSERT INTO binding_marks (brand_id, mark_id, kind, key, marked_at)
    SELECT ${brandId}, "markId", kind, key, ${now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS row ("markId" uuid, kind text, key text)
    WHERE EXISTS (SELECT FROM binding_policies WHERE brand_id = ${brandId})
    RETURNING mark_id`
  if (inserted.length > 0) await db`SELECT pg_notify('daogou_marks', ${String(brandId)})`
}

/**
 * Makes members of which nothing but the number is known, where they are missing. Sorted, so that batches that share
 * numbers wait for each other instead of locking each other out.
 *
 * @returns the numbers that were not there
 */
export async function createBareMembers(
  db: Db,
  options: { brandId: number; now: Instant; memberNos: Iterable<string> },
): Promise<string[]> {
  const memberNos = [...new Set(options.memberNos)].sort()
  if (memberNos.length === 0) return []
  const rows = await db<{ memberNo: string }[]>`
    INSERT INTO members (brand_id, member_no, levels, tags, last_member_no, created_at, updated_at)
    SELECT ${options.brandId}, member_no, '[]', '{}', member_no, ${options.now}, ${options.now}
    FROM unnest(${memberNos}::text[]) AS member_no
    ON CONFLICT DO NOTHING RETURNING member_no AS "memberNo"`
  return rows.map(row => row.memberNo)
}
