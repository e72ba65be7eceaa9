import type { Db } from '../../database.ts'
import { arrayText } from '../../lib/array-text.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import { insertOpeningsOf } from '../messages/sql.ts'

export interface TouchRow {
  touchId: string
  at: string
  kind: string
  linkCode: string | null
  memberNo: string | null
  unionid: string | null
  openid: string | null
  externalUserid: string | null
  visitorId: string | null
  channel: string | null
  chatId: string | null
  opengid: string | null
  page: { kind: string; ref: string; title?: string } | null
  byAssociate: boolean
  contentHashHex: string
}

/**
 * Keeps touches whose touchId was not told before. The natural key is in a table of its own beside the partitions.
 *
 * @returns the touchIds that were new
 */
export async function insertTouches(
  db: Db,
  options: { brandId: number; now: Instant; rows: readonly TouchRow[] },
): Promise<Set<string>> {
  if (options.rows.length === 0) return new Set()
  const rows = await db<{ touchId: string }[]>`
    WITH row AS (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb)
        AS row ("touchId" text, at timestamptz, kind text, "linkCode" text, "memberNo" text, unionid text, openid text,
          "externalUserid" text, "visitorId" text, channel text, "chatId" text, opengid text, page jsonb, "byAssociate" boolean,
          "contentHashHex" text)
    ), key AS (
      INSERT INTO touch_keys (brand_id, touch_id, at, content_hash)
      SELECT ${options.brandId}, "touchId", at, decode("contentHashHex", 'hex') FROM row ORDER BY "touchId" COLLATE "C"
      ON CONFLICT DO NOTHING RETURNING touch_id
    ), touch AS (
      INSERT INTO touches (brand_id, touch_id, at, kind, link_code, member_no, unionid, openid, external_userid,
        visitor_id, channel, chat_id, opengid, page, by_associate, received_at)
      SELECT ${options.brandId}, "touchId", at, kind, "linkCode", "memberNo", unionid, openid, "externalUserid",
        "visitorId", channel, "chatId", opengid, page, "byAssociate", ${options.now}
      FROM row JOIN key ON key.touch_id = row."touchId"
    )
    SELECT touch_id AS "touchId" FROM key`
  return new Set(rows.map(row => row.touchId))
}

export interface ClickRow {
  touchId: string
  at: Instant
  linkCode: string
  visitorId: string
  byAssociate: boolean
  contentHashHex: string
  /** Of the mark of its visitor; null: no order can follow from it. */
  markId: string | null
}

/**
 * Keeps clicks, each once by its touchId, with all that follows: marks of the days that are summed anew, of the visitors
 * whose orders may change, and what associates are told. One statement, so they are durable after one way to the database
 * and back.
 *
 * @param options.rollupMarkId of the mark of days
 */
export async function insertClicks(
  db: Db,
  options: { brandId: number; now: Instant; rows: readonly ClickRow[]; rollupMarkId: string },
): Promise<void> {
  const { brandId, now, rows, rollupMarkId } = options
  const openings: ReturnType<Db> = db`(
    SELECT link_code, visitor_id AS customer, NULL::text AS member_no, at, json_build_object('linkCode', link_code) AS details
    FROM added)`
  await db`
    WITH told AS MATERIALIZED (
      SELECT * FROM unnest(
        ${arrayText(rows.map(row => row.touchId))}::text::text[],
        ${arrayText(rows.map(row => formatInstant(row.at)))}::text::timestamptz[],
        ${arrayText(rows.map(row => row.linkCode))}::text::text[],
        ${arrayText(rows.map(row => row.visitorId))}::text::text[],
        ${arrayText(rows.map(row => row.byAssociate))}::text::boolean[],
        ${arrayText(rows.map(row => row.contentHashHex))}::text::text[],
        ${arrayText(rows.map(row => row.markId))}::text::uuid[]
      ) AS told (touch_id, at, link_code, visitor_id, by_associate, content_hash_hex, mark_id)
    ), key AS (
      INSERT INTO touch_keys (brand_id, touch_id, at, content_hash)
      SELECT ${brandId}, touch_id, at, decode(content_hash_hex, 'hex') FROM told ORDER BY touch_id COLLATE "C"
      ON CONFLICT DO NOTHING RETURNING touch_id
    ), touch AS (
      INSERT INTO touches (brand_id, touch_id, at, kind, link_code, visitor_id, by_associate, received_at)
      SELECT ${brandId}, touch_id, at, 'click', link_code, visitor_id, by_associate, ${now} FROM told JOIN key USING (touch_id)
    ), added AS (
      SELECT link_code, visitor_id, at FROM told JOIN key USING (touch_id) WHERE NOT by_associate
    ), rollup AS (
      INSERT INTO rollup_marks (brand_id, mark_id, kind, keys, instants, marked_at)
      SELECT ${brandId}, ${rollupMarkId}, 'click', array_agg(link_code), array_agg(at::text), now() FROM added HAVING count(*) > 0
    ), opening AS (
      ${insertOpeningsOf(db, openings, { brandId, now, isImported: false })}
    )
    INSERT INTO reconcile_marks (brand_id, mark_id, kind, key, paid_from, reason, marked_at)
    SELECT ${brandId}, mark_id, 'visitor', visitor_id, at, 'evidence', ${now} FROM told WHERE mark_id IS NOT NULL`
}

/** Wakes who books what was marked. It looks by itself too, so this need not be with the marks. */
export async function notifyMarks(db: Db): Promise<void> {
  await db`SELECT pg_notify('daogou_marks', '')`
}

export async function selectTouchHashes(db: Db, options: { brandId: number; touchIds: readonly string[] }) {
  const rows = await db<{ touchId: string; hash: string }[]>`
    SELECT touch_id AS "touchId", encode(content_hash, 'hex') AS hash FROM touch_keys
    WHERE brand_id = ${options.brandId} AND touch_id = ANY (${options.touchIds as string[]}::text[])`
  return new Map(rows.map(row => [row.touchId, row.hash]))
}

export async function selectTouchAt(db: Db, options: { brandId: number; touchId: string }): Promise<Instant | null> {
  const [row] = await db<{ at: Instant }[]>`
    SELECT at FROM touch_keys WHERE brand_id = ${options.brandId} AND touch_id = ${options.touchId}`
  return row?.at ?? null
}

/** Groups that a touch named for the first time: WeCom is to be asked which chats they are. */
export async function insertOpengids(db: Db, options: { brandId: number; now: Instant; opengids: readonly string[] }) {
  const { brandId, now, opengids } = options
  if (opengids.length === 0) return
  await db`
    INSERT INTO group_opengids (brand_id, opengid, status, tries, due_at, first_told_at)
    SELECT ${brandId}, opengid, 'waiting', 0, ${now}, ${now}
    FROM unnest(${opengids as string[]}::text[]) AS opengid ORDER BY opengid COLLATE "C" ON CONFLICT DO NOTHING`
}

export interface WaitingOpengid {
  opengid: string
  tries: number
}

/** Some that are due, for as long as the lease lasts. */
export async function takeOpengids(
  db: Db,
  options: { brandId: number; now: Instant; leasedUntil: Instant; limit: number },
) {
  const { brandId, now, leasedUntil, limit } = options
  return await db<WaitingOpengid[]>`
    UPDATE group_opengids SET due_at = ${leasedUntil}
    WHERE brand_id = ${brandId} AND opengid IN (
      SELECT opengid FROM group_opengids WHERE brand_id = ${brandId} AND status = 'waiting' AND due_at <= ${now}
      ORDER BY due_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING opengid, tries`
}

/** What WeCom answered; null: no group of the corporation's. */
export async function updateOpengidKnown(
  db: Db,
  options: { brandId: number; opengid: string; chatId: string | null; now: Instant },
) {
  const { brandId, opengid, chatId, now } = options
  await db`
    UPDATE group_opengids SET status = ${chatId === null ? 'none' : 'known'}, chat_id = ${chatId}, answered_at = ${now}
    WHERE brand_id = ${brandId} AND opengid = ${opengid} AND status = 'waiting'`
}

/** It is asked for again later. */
export async function updateOpengidDue(
  db: Db,
  options: { brandId: number; opengid: string; tries: number; dueAt: Instant },
) {
  await db`
    UPDATE group_opengids SET tries = ${options.tries}, due_at = ${options.dueAt}
    WHERE brand_id = ${options.brandId} AND opengid = ${options.opengid} AND status = 'waiting'`
}
