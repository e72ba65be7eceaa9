import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

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
          "externalUserid" text, "visitorId" text, channel text, "chatId" text, page jsonb, "byAssociate" boolean,
          "contentHashHex" text)
    ), key AS (
      INSERT INTO touch_keys (brand_id, touch_id, at, content_hash)
      SELECT ${options.brandId}, "touchId", at, decode("contentHashHex", 'hex') FROM row ORDER BY "touchId" COLLATE "C"
      ON CONFLICT DO NOTHING RETURNING touch_id
    ), touch AS (
      INSERT INTO touches (brand_id, touch_id, at, kind, link_code, member_no, unionid, openid, external_userid,
        visitor_id, channel, chat_id, page, by_associate, received_at)
      SELECT ${options.brandId}, "touchId", at, kind, "linkCode", "memberNo", unionid, openid, "externalUserid",
        "visitorId", channel, "chatId", page, "byAssociate", ${options.now}
      FROM row JOIN key ON key.touch_id = row."touchId"
    )
    SELECT touch_id AS "touchId" FROM key`
  return new Set(rows.map(row => row.touchId))
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
