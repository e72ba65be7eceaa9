import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { KeyScope } from './domain.ts'

export async function insertBrand(
  db: Db,
  options: { brandId: number; slug: string; name: string; zone: string; mayChange: boolean; now: Instant },
) {
  await db`
    INSERT INTO brands (brand_id, slug, name, timezone, created_at)
    VALUES (${options.brandId}, ${options.slug}, ${options.name}, ${options.zone}, ${options.now})
    ON CONFLICT (brand_id) DO UPDATE SET name = EXCLUDED.name, timezone = EXCLUDED.timezone
    WHERE ${options.mayChange} AND (brands.name, brands.timezone) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.timezone)`
}

export async function selectBrand(db: Db, options: { brandId: number }) {
  const [row] = await db<{ brandId: number; slug: string; name: string; timezone: string }[]>`
    SELECT brand_id AS "brandId", slug, name, timezone FROM brands WHERE brand_id = ${options.brandId}`
  return row ?? null
}

export async function insertKey(
  db: Db,
  options: {
    brandId: number
    keyId: string
    name: string
    keyHash: Buffer
    scopes: readonly KeyScope[]
    prefix: string
    createdBy: string | null
    makerId: string | null
    now: Instant
  },
) {
  const { brandId, keyId, name, keyHash, scopes, prefix, createdBy, makerId, now } = options
  await db`
    INSERT INTO api_keys (brand_id, key_id, name, key_hash, scopes, prefix, created_by, maker_id, created_at)
    VALUES (${brandId}, ${keyId}, ${name}, ${keyHash}, ${scopes as string[]}, ${prefix}, ${createdBy}, ${makerId}, ${now})`
}

export async function selectKey(db: Db, options: { brandId: number; keyHash: Buffer }) {
  const [row] = await db<
    { keyId: string; name: string; scopes: KeyScope[]; makerId: string | null; lastUsedAt: Instant | null }[]
  >`
    SELECT key_id AS "keyId", name, scopes, maker_id AS "makerId", last_used_at AS "lastUsedAt" FROM api_keys
    WHERE brand_id = ${options.brandId} AND key_hash = ${options.keyHash} AND revoked_at IS NULL`
  return row ?? null
}

export interface KeyRow {
  keyId: string
  name: string
  scopes: KeyScope[]
  /** Its first characters; null: made before they were kept. */
  prefix: string | null
  createdAt: Instant
  /** null: from the command line. */
  createdBy: string | null
  /** To within five minutes. */
  lastUsedAt: Instant | null
  revokedAt: Instant | null
}

/** Oldest first, revoked ones too. */
export async function selectKeys(db: Db, options: { brandId: number }) {
  return await db<KeyRow[]>`
    SELECT key_id AS "keyId", name, scopes, prefix, created_at AS "createdAt", created_by AS "createdBy",
      last_used_at AS "lastUsedAt", revoked_at AS "revokedAt"
    FROM api_keys
    WHERE brand_id = ${options.brandId} ORDER BY created_at, key_id`
}

/** @returns whether there was such a key that was not revoked before */
export async function updateKeyRevoked(db: Db, options: { brandId: number; keyId: string; now: Instant }) {
  const rows = await db`
    UPDATE api_keys SET revoked_at = ${options.now}
    WHERE brand_id = ${options.brandId} AND key_id = ${options.keyId} AND revoked_at IS NULL RETURNING key_id`
  return rows.length > 0
}

/** Of many who ask at once, one writes. */
export async function updateKeyUsed(
  db: Db,
  options: { brandId: number; keyId: string; now: Instant; before: Instant },
) {
  await db`
    UPDATE api_keys SET last_used_at = ${options.now}
    WHERE brand_id = ${options.brandId} AND key_id = ${options.keyId}
      AND (last_used_at IS NULL OR last_used_at < ${options.before})`
}

export interface SessionRow {
  brandId: number
  sessionId: string
  associateId: string
}

export async function insertSession(
  db: Db,
  options: SessionRow & { refreshHash: Buffer; device: string; now: Instant; expiresAt: Instant },
) {
  await db`
    INSERT INTO sessions (brand_id, session_id, associate_id, refresh_hash, device, created_at, expires_at)
    VALUES (${options.brandId}, ${options.sessionId}, ${options.associateId}, ${options.refreshHash}, ${options.device},
      ${options.now}, ${options.expiresAt})`
}

/** Locked: two that come with one token must not both be right. */
export async function lockSession(db: Db, options: { brandId: number; sessionId: string }) {
  const [row] = await db<{ associateId: string; refreshHash: Buffer; expiresAt: Instant; revokedAt: Instant | null }[]>`
    SELECT associate_id AS "associateId", refresh_hash AS "refreshHash", expires_at AS "expiresAt",
      revoked_at AS "revokedAt"
    FROM sessions WHERE brand_id = ${options.brandId} AND session_id = ${options.sessionId} FOR UPDATE`
  return row ?? null
}

export async function updateRefreshHash(
  db: Db,
  options: { brandId: number; sessionId: string; refreshHash: Buffer; now: Instant },
) {
  await db`
    UPDATE sessions SET refresh_hash = ${options.refreshHash}, seen_at = ${options.now}
    WHERE brand_id = ${options.brandId} AND session_id = ${options.sessionId}`
}

export async function revokeSession(
  db: Db,
  options: { brandId: number; sessionId: string; now: Instant; because: 'signed_out' | 'reused' | 'inactive' },
) {
  await db`
    UPDATE sessions SET revoked_at = ${options.now}, revoked_because = ${options.because}
    WHERE brand_id = ${options.brandId} AND session_id = ${options.sessionId} AND revoked_at IS NULL`
}

export interface StandingSession {
  sessionId: string
  device: string | null
  createdAt: Instant
  /** To within the life of an access token. */
  seenAt: Instant | null
}

/** Those of a person that stand, the one used last first. */
export async function selectSessionsOf(db: Db, options: { brandId: number; associateId: string; now: Instant }) {
  return await db<StandingSession[]>`
    SELECT session_id AS "sessionId", device, created_at AS "createdAt", seen_at AS "seenAt" FROM sessions
    WHERE brand_id = ${options.brandId} AND associate_id = ${options.associateId} AND revoked_at IS NULL
      AND expires_at > ${options.now}
    ORDER BY COALESCE(seen_at, created_at) DESC, session_id LIMIT 500`
}

/**
 * Ends all sessions that stand: of one person, or of the brand; one of them alone, or all but one.
 *
 * @returns how many
 */
export async function revokeSessions(
  db: Db,
  options: {
    brandId: number
    associateId: string | null
    only: string | null
    butFor: string | null
    now: Instant
    because: 'ended' | 'ended_by_headquarters'
  },
): Promise<number> {
  const { brandId, associateId, only, butFor, now, because } = options
  const rows = await db`
    UPDATE sessions SET revoked_at = ${now}, revoked_because = ${because}
    WHERE brand_id = ${brandId} AND revoked_at IS NULL AND expires_at > ${now}
      ${associateId === null ? db`` : db`AND associate_id = ${associateId}`}
      ${only === null ? db`` : db`AND session_id = ${only}`}
      ${butFor === null ? db`` : db`AND session_id <> ${butFor}`}`
  return rows.count
}

export interface PersonRow {
  associateId: string
  name: string
  role: string
  storeCode: string | null
  franchiseeId: string | null
  employments: { activeFrom: string; activeTo: string | null }[]
}

/** Somebody who may sign in: customers who promote have no userid of the corporation. */
export async function selectPerson(db: Db, options: { brandId: number; associateId: string }) {
  const [row] = await db<PersonRow[]>`
    SELECT associate_id AS "associateId", name, role, store_code AS "storeCode", franchisee_id AS "franchiseeId", employments
    FROM associates
    WHERE brand_id = ${options.brandId} AND associate_id = ${options.associateId}
      AND kinds -> -1 ->> 'value' IS DISTINCT FROM 'customer'`
  return row ?? null
}

/** The person of a session that still stands. */
export async function selectSessionPerson(db: Db, options: { brandId: number; sessionId: string; now: Instant }) {
  const [row] = await db<(PersonRow & { timezone: string; slug: string })[]>`
    SELECT a.associate_id AS "associateId", a.name, a.role, a.store_code AS "storeCode",
      a.franchisee_id AS "franchiseeId", a.employments, b.timezone, b.slug
    FROM sessions AS s
    JOIN associates AS a ON a.brand_id = s.brand_id AND a.associate_id = s.associate_id
    JOIN brands AS b ON b.brand_id = s.brand_id
    WHERE s.brand_id = ${options.brandId} AND s.session_id = ${options.sessionId} AND s.revoked_at IS NULL
      AND s.expires_at > ${options.now}`
  return row ?? null
}

/** The stores whose franchisee, as last told, this is. */
export async function selectStoresOfFranchisee(db: Db, options: { brandId: number; franchiseeId: string }) {
  const rows = await db<{ storeCode: string }[]>`
    SELECT store_code AS "storeCode" FROM stores
    WHERE brand_id = ${options.brandId} AND franchisees -> -1 ->> 'value' = ${options.franchiseeId} ORDER BY 1`
  return rows.map(row => row.storeCode)
}

/** The first headquarters person: named in the settings, nobody has told of him yet. */
export async function insertHeadquartersPerson(
  db: Db,
  options: { brandId: number; associateId: string; now: Instant },
) {
  const since = new Date(options.now).toISOString()
  await db`
    INSERT INTO associates (brand_id, associate_id, name, kinds, role, employments, created_at, updated_at)
    VALUES (${options.brandId}, ${options.associateId}, ${options.associateId},
      ${JSON.stringify([{ value: 'office', from: null }])}::text::jsonb, 'headquarters',
      ${JSON.stringify([{ activeFrom: since, activeTo: null }])}::text::jsonb, ${options.now}, ${options.now})
    ON CONFLICT DO NOTHING`
}
