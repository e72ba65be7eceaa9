import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import { TRIED_FOR_MS, type DeliveryFault, type DeliveryStatus } from './domain.ts'

interface Options {
  brandId: number
}

interface OfWebhook extends Options {
  webhookId: string
}

// ------------------------------------------------------------------------------------------- subscriptions

export interface WebhookRow {
  webhookId: string
  url: string
  events: string[]
  isActive: boolean
  createdBy: string
  createdAt: Instant
  failingSince: Instant | null
  waiting: number
  givenUp: number
}

/** Oldest first, each with what waits for it and what was given up. */
export async function selectWebhooks(db: Db, { brandId, webhookId }: Options & { webhookId?: string }) {
  const count = (status: DeliveryStatus) => db`(
    SELECT count(*)::int FROM webhook_deliveries AS d
    WHERE d.brand_id = ${brandId} AND d.webhook_id = w.webhook_id AND d.status = ${db.unsafe(`'${status}'`)})`
  return await db<WebhookRow[]>`
    SELECT webhook_id AS "webhookId", url, events, is_active AS "isActive", created_by AS "createdBy",
      created_at AS "createdAt", failing_since AS "failingSince", ${count('waiting')} AS waiting,
      ${count('given_up')} AS "givenUp"
    FROM webhooks AS w WHERE brand_id = ${brandId} ${webhookId === undefined ? db`` : db`AND webhook_id = ${webhookId}`}
    ORDER BY created_at, webhook_id`
}

/** One at a time changes a brand's subscriptions, so that they stay within their number. */
export async function lockWebhooks(db: Db, { brandId }: Options) {
  await db`SELECT pg_advisory_xact_lock(${brandId}::int, hashtext('webhooks'))`
}

export async function insertWebhook(
  db: Db,
  options: OfWebhook & { url: string; events: readonly string[]; secretEncrypted: Buffer; actor: string; now: Instant },
) {
  const { brandId, webhookId, url, events, secretEncrypted, actor, now } = options
  const rows = await db`
    INSERT INTO webhooks (brand_id, webhook_id, url, events, secret_encrypted, is_active, created_by, created_at, changed_at)
    VALUES (${brandId}, ${webhookId}, ${url}, ${events as string[]}, ${secretEncrypted}, true, ${actor}, ${now}, ${now})
    ON CONFLICT DO NOTHING RETURNING webhook_id`
  return rows.length > 0
}

export async function updateWebhook(
  db: Db,
  options: OfWebhook & { url: string; events: readonly string[]; isActive: boolean; now: Instant },
) {
  const { brandId, webhookId, url, events, isActive, now } = options
  await db`
    UPDATE webhooks SET url = ${url}, events = ${events as string[]}, is_active = ${isActive}, changed_at = ${now}
    WHERE brand_id = ${brandId} AND webhook_id = ${webhookId}`
}

export async function deleteWebhook(db: Db, { brandId, webhookId }: OfWebhook) {
  await db`DELETE FROM webhooks WHERE brand_id = ${brandId} AND webhook_id = ${webhookId}`
}

// ----------------------------------------------------------------------------------------- writing down

/** An event for every address that is told of it, or for one that is tried out. */
export async function insertEvent(
  db: Db,
  options: Options & { eventId: string; event: string; data: object; now: Instant; webhookId?: string },
) {
  const { brandId, eventId, event, data, now, webhookId } = options
  await db`
    INSERT INTO webhook_deliveries (brand_id, webhook_id, event_id, event, at, data, status, attempts, due_at, give_up_at)
    SELECT ${brandId}, webhook_id, ${eventId}, ${event}, ${now}, ${JSON.stringify(data)}::text::jsonb, 'waiting', 0, ${now},
      ${now + TRIED_FOR_MS}
    FROM webhooks
    WHERE brand_id = ${brandId} AND is_active
      AND ${webhookId === undefined ? db`${event} = ANY (events)` : db`webhook_id = ${webhookId}`}`
}

// ---------------------------------------------------------------------------------------------- sending

export interface DueWebhook {
  brandId: number
  webhookId: string
  url: string
  secretEncrypted: Buffer
  isFailing: boolean
}

/** Those for which something is due. */
export async function selectDueWebhooks(db: Db, { now }: { now: Instant }) {
  return await db<DueWebhook[]>`
    SELECT brand_id AS "brandId", webhook_id AS "webhookId", url, secret_encrypted AS "secretEncrypted",
      failing_since IS NOT NULL AS "isFailing"
    FROM webhooks AS w
    WHERE is_active AND EXISTS (
      SELECT FROM webhook_deliveries AS d
      WHERE d.brand_id = w.brand_id AND d.webhook_id = w.webhook_id AND d.status = 'waiting' AND d.due_at <= ${now})`
}

export interface ClaimedDelivery {
  eventId: string
  event: string
  at: Instant
  data: object
  attempts: number
  giveUpAt: Instant
}

/** Lends deliveries to one process. What is lent and not brought back is due again when the loan is over. */
export async function claimDeliveries(
  db: Db,
  options: OfWebhook & { now: Instant; leaseId: string; leasedUntil: Instant; limit: number },
) {
  const { brandId, webhookId, now, leaseId, leasedUntil, limit } = options
  // While little waits a plan is kept that reads all of it; it would be kept when thousands do.
  await db`SELECT set_config('plan_cache_mode', 'force_custom_plan', true)`
  return await db<ClaimedDelivery[]>`
    WITH due AS MATERIALIZED ( -- looked for once: a join may else look again, and take more
      SELECT event_id FROM webhook_deliveries
      WHERE brand_id = ${brandId} AND webhook_id = ${webhookId} AND status = 'waiting' AND due_at <= ${now}
      ORDER BY due_at, event_id LIMIT ${limit} FOR UPDATE SKIP LOCKED
    )
    UPDATE webhook_deliveries AS d
    SET lease_id = ${leaseId}, due_at = ${leasedUntil}, tried_at = ${now}, attempts = attempts + 1
    FROM due
    WHERE d.brand_id = ${brandId} AND d.webhook_id = ${webhookId} AND d.event_id = due.event_id
    RETURNING d.event_id AS "eventId", event, at, data, attempts, give_up_at AS "giveUpAt"`
}

/** Writes down what became of a try, where it is still ours. @returns whether it was */
export async function updateTried(
  db: Db,
  options: OfWebhook & {
    eventId: string
    leaseId: string
    status: DeliveryStatus
    answerCode: number | null
    fault: DeliveryFault | null
    dueAt: Instant
    endedAt: Instant | null
  },
) {
  const { brandId, webhookId, eventId, leaseId, status, answerCode, fault, dueAt, endedAt } = options
  const rows = await db`
    UPDATE webhook_deliveries SET status = ${status}, answer_code = ${answerCode}, fault = ${fault}, due_at = ${dueAt},
      ended_at = ${endedAt}, lease_id = NULL
    WHERE brand_id = ${brandId} AND webhook_id = ${webhookId} AND event_id = ${eventId} AND lease_id = ${leaseId}
    RETURNING event_id`
  return rows.length > 0
}

/** Writes nothing while things stay as they are. */
export async function updateFailing(db: Db, options: OfWebhook & { failingSince: Instant | null }) {
  const { brandId, webhookId, failingSince } = options
  await db`
    UPDATE webhooks SET failing_since = ${failingSince}
    WHERE brand_id = ${brandId} AND webhook_id = ${webhookId}
      AND (failing_since IS NULL) <> (${failingSince}::timestamptz IS NULL)`
}

// ---------------------------------------------------------------------------------------------- reading

export interface DeliveryRow {
  webhookId: string
  url: string
  eventId: string
  event: string
  at: Instant
  status: DeliveryStatus
  attempts: number
  isUnderWay: boolean
  dueAt: Instant
  giveUpAt: Instant
  triedAt: Instant | null
  answerCode: number | null
  fault: DeliveryFault | null
  endedAt: Instant | null
}

const COLUMNS = `d.webhook_id AS "webhookId", w.url, d.event_id AS "eventId", d.event, d.at, d.status, d.attempts,
  d.lease_id IS NOT NULL AS "isUnderWay", d.due_at AS "dueAt", d.give_up_at AS "giveUpAt", d.tried_at AS "triedAt",
  d.answer_code AS "answerCode", d.fault, d.ended_at AS "endedAt"`

/** Newest first. */
export async function selectDeliveries(
  db: Db,
  options: Options & {
    webhookId: string | null
    event: string | null
    status: DeliveryStatus | null
    from: Instant | null
    to: Instant | null
    after: { at: string; eventId: string; webhookId: string } | null
    limit: number
  },
) {
  const { brandId, webhookId, event, status, from, to, after, limit } = options
  return await db<DeliveryRow[]>`
    SELECT ${db.unsafe(COLUMNS)}
    FROM webhook_deliveries AS d JOIN webhooks AS w ON w.brand_id = ${brandId} AND w.webhook_id = d.webhook_id
    WHERE d.brand_id = ${brandId}
      ${webhookId === null ? db`` : db`AND d.webhook_id = ${webhookId}`}
      ${event === null ? db`` : db`AND d.event = ${event}`}
      ${status === null ? db`` : db`AND d.status = ${status}`}
      ${from === null ? db`` : db`AND d.at >= ${from}`}
      ${to === null ? db`` : db`AND d.at < ${to}`}
      ${after ? db`AND (d.at, d.event_id, d.webhook_id) < (${after.at}::text::timestamptz, ${after.eventId}, ${after.webhookId})` : db``}
    ORDER BY d.at DESC, d.event_id DESC, d.webhook_id DESC LIMIT ${limit}`
}

export async function selectDelivery(db: Db, { brandId, webhookId, eventId }: OfWebhook & { eventId: string }) {
  const [row] = await db<(DeliveryRow & { data: object })[]>`
    SELECT ${db.unsafe(COLUMNS)}, d.data
    FROM webhook_deliveries AS d JOIN webhooks AS w ON w.brand_id = ${brandId} AND w.webhook_id = d.webhook_id
    WHERE d.brand_id = ${brandId} AND d.webhook_id = ${webhookId} AND d.event_id = ${eventId}`
  return row ?? null
}

/** Has deliveries sent once more, from the beginning; those that are being sent right now are left alone. */
export async function updateReplayed(
  db: Db,
  options: OfWebhook & { now: Instant } & (
      { eventId: string } | { from: Instant; to: Instant; status: DeliveryStatus | null }
    ),
): Promise<number> {
  const { brandId, webhookId, now } = options
  const which =
    'eventId' in options
      ? db`event_id = ${options.eventId}`
      : db`at >= ${options.from} AND at < ${options.to}
          ${options.status === null ? db`` : db`AND status = ${options.status}`}`
  const rows = await db`
    UPDATE webhook_deliveries SET status = 'waiting', attempts = 0, due_at = ${now}, give_up_at = ${now + TRIED_FOR_MS},
      ended_at = NULL, lease_id = NULL
    WHERE brand_id = ${brandId} AND webhook_id = ${webhookId} AND ${which}
      AND (lease_id IS NULL OR due_at <= ${now})`
  return rows.count
}

/** Those that are over, and those whose address is told no more. */
export async function deleteOldDeliveries(db: Db, { brandId, before }: Options & { before: Instant }) {
  await db`
    DELETE FROM webhook_deliveries AS d
    WHERE brand_id = ${brandId} AND (
      at < ${before}
      OR NOT EXISTS (SELECT FROM webhooks AS w WHERE w.brand_id = ${brandId} AND w.webhook_id = d.webhook_id))`
}

export async function selectBrandsWithDeliveries(db: Db): Promise<number[]> {
  const rows = await db<{ brandId: number }[]>`
    SELECT brand_id AS "brandId" FROM brands AS b
    WHERE EXISTS (SELECT FROM webhook_deliveries AS d WHERE d.brand_id = b.brand_id) ORDER BY 1`
  return rows.map(row => row.brandId)
}
