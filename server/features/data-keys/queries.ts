import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

/** Where something sealed is kept. */
export const SEALED = [
  ['members', 'phone_encrypted'],
  ['members', 'birth_year_encrypted'],
  ['order_revisions', 'phone_encrypted'],
  ['brand_settings', 'secrets_encrypted'],
  ['channel_welcomes', 'code_encrypted'],
  ['vault_keys', 'key_encrypted'],
  ['webhooks', 'secret_encrypted'],
  ['wecom_inbox', 'content_encrypted'],
  ['wecom_tokens', 'value_encrypted'],
] as const
export type SealedColumn = (typeof SEALED)[number]

/** A row's place in its table, and what is sealed in it. */
export interface SealedRow {
  place: string
  sealed: Buffer
}

/** How many are sealed with each key, by how the sealed begins, of all brands. */
export async function selectHeads(db: Db, [table, column]: SealedColumn) {
  return await db<{ head: Buffer; count: number }[]>`
    SELECT substring(${db(column)} FROM 1 FOR 5) AS head, count(*) AS count
    FROM (SELECT CASE WHEN get_byte(${db(column)}, 0) = 1 THEN '\\x01'::bytea ELSE ${db(column)} END AS ${db(column)}
      FROM ${db(table)} WHERE ${db(column)} IS NOT NULL AND length(${db(column)}) > 4) AS kept
    GROUP BY 1`
}

/** How many of all begin otherwise. */
export async function countOthers(db: Db, [table, column]: SealedColumn, head: Buffer): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    SELECT count(*) AS count FROM ${db(table)}
    WHERE ${db(column)} IS NOT NULL AND substring(${db(column)} FROM 1 FOR 5) <> ${head}`
  return row!.count
}

/** The next that begin otherwise, by their places. */
export async function selectOthers(
  db: Db,
  [table, column]: SealedColumn,
  { head, after, limit }: { head: Buffer; after: string; limit: number },
) {
  return await db<SealedRow[]>`
    SELECT ctid::text AS place, ${db(column)} AS sealed FROM ${db(table)}
    WHERE ctid > ${after}::text::tid AND ${db(column)} IS NOT NULL AND substring(${db(column)} FROM 1 FOR 5) <> ${head}
    ORDER BY ctid LIMIT ${limit}`
}

/** Puts what was sealed anew where the old still is. @returns how many */
export async function updateSealed(
  db: Db,
  [table, column]: SealedColumn,
  rows: readonly { place: string; sealed: Buffer; resealed: Buffer }[],
): Promise<number> {
  const hex = (bytes: Buffer) => bytes.toString('hex')
  const places = rows.map(row => row.place)
  const olds = rows.map(row => hex(row.sealed))
  const news = rows.map(row => hex(row.resealed))
  if (table === 'order_revisions') {
    // Evidence: the service may not change it, but for this.
    const [row] = await db<{ count: number }[]>`
      SELECT reseal_order_phones(array_agg(place), array_agg(decode(old, 'hex')), array_agg(decode(new, 'hex'))) AS count
      FROM unnest(${places}::text[], ${olds}::text[], ${news}::text[]) AS told (place, old, new)`
    return row!.count
  }
  const changed = await db`
    WITH told AS MATERIALIZED (
      SELECT place::tid AS place, decode(old, 'hex') AS old, decode(new, 'hex') AS new
      FROM unnest(${places}::text[], ${olds}::text[], ${news}::text[]) AS told (place, old, new)
    )
    UPDATE ${db(table)} AS kept SET ${db(column)} = told.new FROM told
    WHERE kept.ctid = told.place AND kept.${db(column)} = told.old
    RETURNING 1 AS one`
  return changed.length
}

/** The key of the hashes; null where none was kept yet. */
export async function selectLookupKey(db: Db, { brandId }: { brandId: number }): Promise<Buffer | null> {
  const [row] = await db<{ sealed: Buffer }[]>`
    SELECT key_encrypted AS sealed FROM vault_keys WHERE brand_id = ${brandId} AND purpose = 'lookup'`
  return row?.sealed ?? null
}

/** Whoever was first wins. */
export async function insertLookupKey(
  db: Db,
  { brandId, sealed, now }: { brandId: number; sealed: Buffer; now: Instant },
) {
  await db`
    INSERT INTO vault_keys (brand_id, purpose, key_encrypted, made_at) VALUES (${brandId}, 'lookup', ${sealed}, ${now})
    ON CONFLICT DO NOTHING`
}

/** A phone number that is sealed, and its hash; null where there is none. */
export async function selectHashedPhone(db: Db) {
  const [row] = await db<{ sealed: Buffer; hash: string }[]>`
    (SELECT phone_encrypted AS sealed, phone_hash AS hash FROM members
      WHERE phone_encrypted IS NOT NULL AND phone_hash IS NOT NULL LIMIT 1)
    UNION ALL
    (SELECT phone_encrypted, phone_hash FROM order_revisions
      WHERE phone_encrypted IS NOT NULL AND phone_hash IS NOT NULL LIMIT 1)
    LIMIT 1`
  return row ?? null
}
