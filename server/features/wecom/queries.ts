import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

export type TokenKind = 'access_token' | 'jsapi_ticket' | 'agent_ticket'

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
