import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'

interface Options {
  brandId: number
}

export interface FriendEventKey {
  associateId: string
  externalUserid: string
  kind: 'added' | 'ended'
  at: Instant
}

export interface FriendEvent extends FriendEventKey {
  endedBy: string | null
  state: string | null
}

const asJson = (rows: readonly FriendEventKey[]) =>
  JSON.stringify(rows.map(row => ({ ...row, at: formatInstant(row.at) })))

/** @returns the keys that were not there before */
export async function insertFriendEvents(
  db: Db,
  { brandId, now, rows }: Options & { now: Instant; rows: readonly FriendEvent[] },
) {
  if (rows.length === 0) return []
  return await db<FriendEventKey[]>`
    INSERT INTO friend_events (brand_id, associate_id, external_userid, kind, at, ended_by, state, received_at)
    SELECT ${brandId}, "associateId", "externalUserid", kind, at, "endedBy", state, ${now}
    FROM jsonb_to_recordset(${asJson(rows)}::text::jsonb)
      AS row ("associateId" text, "externalUserid" text, kind text, at timestamptz, "endedBy" text, state text)
    ORDER BY "associateId" COLLATE "C", "externalUserid" COLLATE "C", kind, at
    ON CONFLICT DO NOTHING
    RETURNING associate_id AS "associateId", external_userid AS "externalUserid", kind, at`
}

/** The events of these keys, as they were first told. */
export async function selectFriendEvents(db: Db, { brandId, keys }: Options & { keys: readonly FriendEventKey[] }) {
  if (keys.length === 0) return []
  return await db<FriendEvent[]>`
    SELECT f.associate_id AS "associateId", f.external_userid AS "externalUserid", f.kind, f.at, f.ended_by AS "endedBy",
      f.state
    FROM jsonb_to_recordset(${asJson(keys)}::text::jsonb)
      AS key ("associateId" text, "externalUserid" text, kind text, at timestamptz)
    JOIN friend_events AS f ON f.brand_id = ${brandId} AND f.associate_id = key."associateId"
      AND f.external_userid = key."externalUserid" AND f.kind = key.kind AND f.at = key.at`
}

/** Everything told about the friendships of these customers. */
export async function selectFriendEventsOf(
  db: Db,
  { brandId, externalUserids }: Options & { externalUserids: readonly string[] },
) {
  if (externalUserids.length === 0) return []
  return await db<FriendEvent[]>`
    SELECT associate_id AS "associateId", external_userid AS "externalUserid", kind, at, ended_by AS "endedBy", state
    FROM friend_events
    WHERE brand_id = ${brandId} AND external_userid = ANY (${externalUserids as string[]}::text[])`
}
