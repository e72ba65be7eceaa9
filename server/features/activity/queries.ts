import type { Db } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import type { Instant } from '../../lib/time.ts'

export interface Deed {
  /** An associateId, `key:<name>`, or `service`. */
  actor: string
  /** What was done, as `settlement.approved`. */
  action: string
  /** What it was done to, as its address below /api/v1: `settlements/018f…`. */
  subject: string
  /** What else is worth knowing; no phone numbers. */
  details?: Record<string, unknown>
}

/** Writes down who did what. In the transaction that did it, so that neither is there without the other. */
export async function insertActivity(db: Db, { brandId, now, ...deed }: Deed & { brandId: number; now: Instant }) {
  await db`
    INSERT INTO activity (brand_id, activity_id, at, actor, action, subject, details)
    VALUES (${brandId}, ${uuidv7(now)}, ${now}, ${deed.actor}, ${deed.action}, ${deed.subject},
      ${JSON.stringify(deed.details ?? {})}::text::jsonb)`
}

export interface ActivityRow {
  activityId: string
  at: Instant
  actor: string
  action: string
  subject: string
  details: Record<string, unknown>
}

/** Newest first. */
export async function selectActivity(
  db: Db,
  options: {
    brandId: number
    actor: string | null
    action: string | null
    subject: string | null
    from: Instant | null
    to: Instant | null
    after: { at: string; activityId: string } | null
    limit: number
  },
) {
  const { brandId, actor, action, subject, from, to, after, limit } = options
  return await db<ActivityRow[]>`
    SELECT activity_id AS "activityId", at, actor, action, subject, details FROM activity
    WHERE brand_id = ${brandId}
      ${actor === null ? db`` : db`AND actor = ${actor}`}
      ${action === null ? db`` : db`AND action = ${action}`}
      ${subject === null ? db`` : db`AND subject = ${subject}`}
      ${from === null ? db`` : db`AND at >= ${from}`}
      ${to === null ? db`` : db`AND at < ${to}`}
      ${after ? db`AND (at, activity_id) < (${after.at}::text::timestamptz, ${after.activityId})` : db``}
    ORDER BY at DESC, activity_id DESC LIMIT ${limit}`
}
