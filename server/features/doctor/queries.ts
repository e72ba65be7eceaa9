import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

/** Who we are in the database, and what it is. */
export async function selectServer(db: Db) {
  const [row] = await db<{ role: string; version: string; versionNumber: number; at: Instant }[]>`
    SELECT current_user AS role, current_setting('server_version') AS version,
      current_setting('server_version_num')::integer AS "versionNumber", clock_timestamp() AS at`
  return row!
}

/** What the service's role may do with the ledger: add to it, and nothing more. */
export async function selectRights(db: Db) {
  const [row] = await db<{ mayRead: boolean; mayAdd: boolean; mayChange: boolean }[]>`
    SELECT has_table_privilege('ledger_rows', 'SELECT') AS "mayRead",
      has_table_privilege('ledger_rows', 'INSERT') AS "mayAdd",
      has_table_privilege('ledger_rows', 'UPDATE') OR has_table_privilege('ledger_rows', 'DELETE') AS "mayChange"`
  return row!
}

/** Something that was sealed with the data key; null where nothing was yet. */
export async function selectSealed(db: Db, options: { brandId: number }): Promise<Buffer | null> {
  const { brandId } = options
  const [row] = await db<{ sealed: Buffer }[]>`
    (SELECT phone_encrypted AS sealed FROM members WHERE brand_id = ${brandId} AND phone_encrypted IS NOT NULL LIMIT 1)
    UNION ALL
    (SELECT value_encrypted FROM wecom_tokens WHERE brand_id = ${brandId} LIMIT 1)
    UNION ALL
    (SELECT content_encrypted FROM wecom_inbox WHERE brand_id = ${brandId} LIMIT 1)
    LIMIT 1`
  return row?.sealed ?? null
}

/** How many people may come in, and how many of them are headquarters. */
export async function selectPeople(db: Db, options: { brandId: number }) {
  const [row] = await db<{ people: number; headquarters: number }[]>`
    SELECT count(*) AS people, count(*) FILTER (WHERE role = 'headquarters') AS headquarters
    FROM associates
    WHERE brand_id = ${options.brandId} AND kinds -> -1 ->> 'value' IS DISTINCT FROM 'customer'`
  return row!
}
