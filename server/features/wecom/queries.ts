import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

export type TokenKind = 'access_token' | 'jsapi_ticket' | 'agent_ticket' | 'mini_program_token'

export async function selectToken(db: Db, options: { brandId: number; kind: TokenKind }) {
  const [row] = await db<{ valueEncrypted: Buffer; expiresAt: Instant; fetchedAt: Instant }[]>`
    SELECT value_encrypted AS "valueEncrypted", expires_at AS "expiresAt", fetched_at AS "fetchedAt"
    FROM wecom_tokens WHERE brand_id = ${options.brandId} AND kind = ${options.kind}`
  return row ?? null
}

/** Lets one process at a time fetch a token; the others find it when it is their turn. */
export async function lockToken(db: Db, options: { brandId: number; kind: TokenKind }) {
  await db`SELECT pg_advisory_xact_lock(${options.brandId}::int, hashtext(${`wecom ${options.kind}`}))`
}

export async function upsertToken(
  db: Db,
  options: { brandId: number; kind: TokenKind; valueEncrypted: Buffer; expiresAt: Instant; now: Instant },
) {
  await db`
    INSERT INTO wecom_tokens (brand_id, kind, value_encrypted, expires_at, fetched_at)
    VALUES (${options.brandId}, ${options.kind}, ${options.valueEncrypted}, ${options.expiresAt}, ${options.now})
    ON CONFLICT (brand_id, kind) DO UPDATE SET value_encrypted = EXCLUDED.value_encrypted,
      expires_at = EXCLUDED.expires_at, fetched_at = EXCLUDED.fetched_at`
}

/**
 * Takes so many calls out of an API's allowance, where they are in it and nobody was blocked. What lies farther ahead than
 * it could have been put was put there by a clock that was set back since.
 *
 * @param costMs how long the allowance takes to grow by them
 * @param burstMs how much of it, in the same measure, there can be at once
 * @param fullMs the same for whoever may have all of it
 * @param blockMs the longest that anybody is blocked
 * @returns whether they were there
 */
export async function leaseCalls(
  db: Db,
  options: {
    brandId: number
    api: string
    costMs: number
    burstMs: number
    fullMs: number
    blockMs: number
    now: Instant
  },
): Promise<boolean> {
  const { brandId, api, costMs, burstMs, fullMs, blockMs, now } = options
  const spentUntil = db`LEAST(GREATEST(b.spent_until, ${now}), ${now + Math.ceil(fullMs)})`
  const rows = await db`
    INSERT INTO wecom_buckets AS b (brand_id, api, spent_until)
    VALUES (${brandId}, ${api}, ${now + Math.ceil(costMs)})
    ON CONFLICT (brand_id, api) DO UPDATE
      SET spent_until = ${spentUntil} + ${costMs}::float8 * interval '1 millisecond'
      WHERE (b.blocked_until IS NULL OR b.blocked_until <= ${now} OR b.blocked_until > ${now + blockMs})
        AND ${spentUntil} + ${costMs}::float8 * interval '1 millisecond'
          <= ${now}::timestamptz + ${burstMs}::float8 * interval '1 millisecond'
    RETURNING api`
  return rows.length > 0
}

export async function selectBucket(db: Db, options: { brandId: number; api: string }) {
  const [row] = await db<{ spentUntil: Instant; blockedUntil: Instant | null }[]>`
    SELECT spent_until AS "spentUntil", blocked_until AS "blockedUntil" FROM wecom_buckets
    WHERE brand_id = ${options.brandId} AND api = ${options.api}`
  return row ?? null
}

export async function blockBucket(db: Db, options: { brandId: number; api: string; until: Instant; now: Instant }) {
  await db`
    INSERT INTO wecom_buckets AS b (brand_id, api, spent_until, blocked_until)
    VALUES (${options.brandId}, ${options.api}, ${options.now}, ${options.until})
    ON CONFLICT (brand_id, api) DO UPDATE SET blocked_until = GREATEST(b.blocked_until, EXCLUDED.blocked_until)`
}

export type MessageStatus = 'waiting' | 'done' | 'unhandled' | 'set_aside'

/** @returns the ids of those that were not there before */
export async function insertMessages(
  db: Db,
  options: {
    brandId: number
    now: Instant
    rows: readonly {
      messageId: string
      dedupeKey: string
      event: string
      lane: string
      at: string
      contentHex: string
    }[]
  },
): Promise<string[]> {
  const rows = await db<{ messageId: string }[]>`
    WITH added AS (
      INSERT INTO wecom_inbox (brand_id, message_id, dedupe_key, event, lane, content_encrypted, at, received_at, status,
        tries, due_at)
      SELECT ${options.brandId}, "messageId", "dedupeKey", event, lane, decode("contentHex", 'hex'), at, ${options.now},
        'waiting', 0, ${options.now}
      FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb)
        AS row ("messageId" uuid, "dedupeKey" text, event text, lane text, at timestamptz, "contentHex" text)
      ON CONFLICT (brand_id, dedupe_key) DO NOTHING
      RETURNING message_id
    ), told AS (
      SELECT pg_notify('daogou_wecom_inbox', ${String(options.brandId)}::text) FROM added LIMIT 1
    )
    SELECT added.message_id AS "messageId" FROM added LEFT JOIN told ON true`
  return rows.map(row => row.messageId)
}

export interface ClaimedMessage {
  messageId: string
  event: string
  lane: string
  contentEncrypted: Buffer
  at: Instant
  receivedAt: Instant
  tries: number
}

/**
 * Has the statements of this transaction planned for the inbox as it is. It is asked all day while it is empty, and a plan
 * kept from then reads all of it for each message when thousands wait.
 */
export async function planForNow(db: Db) {
  await db`SELECT set_config('plan_cache_mode', 'force_custom_plan', true)`
}

/**
 * Takes messages that are the first of their lanes, by when they happened, and lends them to one process. What is lent
 * still waits, so nobody takes the next one of its lane.
 */
export async function claimMessages(
  db: Db,
  options: { brandId: number; now: Instant; leaseId: string; leasedUntil: Instant; limit: number },
) {
  const { brandId, now, leaseId, leasedUntil, limit } = options
  return await db<ClaimedMessage[]>`
    WITH head AS (
      SELECT message_id FROM wecom_inbox AS m
      WHERE m.brand_id = ${brandId} AND m.status = 'waiting' AND m.due_at <= ${now}
        AND NOT EXISTS (
          SELECT FROM wecom_inbox AS other
          WHERE other.brand_id = ${brandId} AND other.lane = m.lane AND other.status = 'waiting'
            AND (other.at, other.message_id) < (m.at, m.message_id))
        AND NOT EXISTS (
          SELECT FROM wecom_inbox AS other
          WHERE other.brand_id = ${brandId} AND other.lane = m.lane AND other.status = 'waiting'
            AND other.lease_id IS NOT NULL AND other.due_at > ${now} AND other.message_id <> m.message_id)
      ORDER BY m.at, m.message_id LIMIT ${limit}
      FOR UPDATE SKIP LOCKED
    )
    UPDATE wecom_inbox AS m SET lease_id = ${leaseId}, due_at = ${leasedUntil}
    FROM head WHERE m.brand_id = ${brandId} AND m.message_id = head.message_id
    RETURNING m.message_id AS "messageId", m.event, m.lane, m.content_encrypted AS "contentEncrypted", m.at,
      m.received_at AS "receivedAt", m.tries`
}

/** Two processes that took messages of one lane in the same moment write one after the other. */
export async function lockLane(db: Db, options: { brandId: number; lane: string }) {
  await db`SELECT pg_advisory_xact_lock(${options.brandId}::int, hashtext(${`wecom lane ${options.lane}`}))`
}

interface Mine {
  brandId: number
  messageId: string
  leaseId: string
}

/** @returns false where somebody else has taken it meanwhile */
export async function finishMessage(
  db: Db,
  options: Mine & { status: MessageStatus; reason: string | null; now: Instant },
): Promise<boolean> {
  const rows = await db`
    UPDATE wecom_inbox SET status = ${options.status}, reason = ${options.reason}, finished_at = ${options.now},
      lease_id = NULL
    WHERE brand_id = ${options.brandId} AND message_id = ${options.messageId} AND lease_id = ${options.leaseId}
      AND status = 'waiting'
    RETURNING message_id`
  return rows.length > 0
}

export async function postponeMessage(
  db: Db,
  options: Mine & { dueAt: Instant; isFailure: boolean; reason: string | null },
) {
  await db`
    UPDATE wecom_inbox SET due_at = ${options.dueAt}, lease_id = NULL, reason = ${options.reason},
      tries = tries + ${options.isFailure ? 1 : 0}
    WHERE brand_id = ${options.brandId} AND message_id = ${options.messageId} AND lease_id = ${options.leaseId}
      AND status = 'waiting'`
}

export async function setAsideMessage(db: Db, options: Mine & { reason: string; now: Instant }) {
  await db`
    UPDATE wecom_inbox SET status = 'set_aside', reason = ${options.reason}, finished_at = ${options.now},
      lease_id = NULL, tries = tries + 1
    WHERE brand_id = ${options.brandId} AND message_id = ${options.messageId} AND lease_id = ${options.leaseId}
      AND status = 'waiting'`
}

export interface MessageRow {
  messageId: string
  event: string
  status: MessageStatus
  at: Instant
  receivedAt: Instant
  tries: number
  reason: string | null
  finishedAt: Instant | null
}

/** Newest first. */
export async function selectMessages(
  db: Db,
  options: { brandId: number; status: MessageStatus | null; after: string | null; limit: number },
) {
  const { brandId, status, after, limit } = options
  return await db<MessageRow[]>`
    SELECT message_id AS "messageId", event, status, at, received_at AS "receivedAt", tries, reason,
      finished_at AS "finishedAt"
    FROM wecom_inbox
    WHERE brand_id = ${brandId} ${status === null ? db`` : db`AND status = ${status}`}
      ${after === null ? db`` : db`AND message_id < ${after}::uuid`}
    ORDER BY message_id DESC LIMIT ${limit}`
}

/** Lets a message that was given up wait again; others stay as they are. */
export async function updateReplayed(db: Db, options: { brandId: number; messageId: string; now: Instant }) {
  const { brandId, messageId, now } = options
  const [before] = await db<{ status: MessageStatus }[]>`
    SELECT status FROM wecom_inbox WHERE brand_id = ${brandId} AND message_id = ${messageId} FOR UPDATE`
  if (!before) return null
  if (before.status !== 'set_aside' && before.status !== 'unhandled')
    return { status: before.status, isReplayed: false }
  await db`
    UPDATE wecom_inbox SET status = 'waiting', tries = 0, due_at = ${now}, reason = NULL, finished_at = NULL
    WHERE brand_id = ${brandId} AND message_id = ${messageId}`
  await db`SELECT pg_notify('daogou_wecom_inbox', ${String(brandId)}::text)`
  return { status: 'waiting' as const, isReplayed: true }
}

export async function selectInboxState(db: Db, options: { brandId: number }) {
  const [row] = await db<
    {
      waiting: number
      oldestAt: Instant | null
      setAside: number
      unhandled: number
      lastReceivedAt: Instant | null
    }[]
  >`
    SELECT count(*) FILTER (WHERE status = 'waiting') AS waiting,
      min(received_at) FILTER (WHERE status = 'waiting') AS "oldestAt",
      count(*) FILTER (WHERE status = 'set_aside') AS "setAside",
      count(*) FILTER (WHERE status = 'unhandled') AS unhandled, max(received_at) AS "lastReceivedAt"
    FROM wecom_inbox WHERE brand_id = ${options.brandId}`
  return row!
}

export async function deleteOldMessages(db: Db, options: { brandId: number; before: Instant }) {
  await db`
    DELETE FROM wecom_inbox
    WHERE brand_id = ${options.brandId} AND status IN ('done', 'unhandled') AND finished_at < ${options.before}`
}

export async function selectBrandIds(db: Db): Promise<number[]> {
  const rows = await db<{ brandId: number }[]>`SELECT brand_id AS "brandId" FROM brands ORDER BY 1`
  return rows.map(row => row.brandId)
}
