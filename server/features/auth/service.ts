import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Db } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import type { Instant } from '../../lib/time.ts'
import { brandOfKey, type Caller, type KeyScope } from './domain.ts'
import { insertBrand, insertKey, selectBrand, selectKey, selectKeys, updateKeyRevoked, type KeyRow } from './queries.ts'

/** The brand that is there without `brands create`. */
export const DEFAULT_BRAND_ID = 1
export const DEFAULT_BRAND_SLUG = 'default'

const sha256 = (text: string) => createHash('sha256').update(text).digest()

/**
 * Makes the default brand where it is missing.
 *
 * @param mayChange its name and zone follow the settings; else what is there stays
 */
export async function ensureDefaultBrand(
  db: Db,
  options: { name: string; zone: string; mayChange?: boolean; now: Instant },
): Promise<void> {
  const { name, zone, now, mayChange = true } = options
  await insertBrand(db, { brandId: DEFAULT_BRAND_ID, slug: DEFAULT_BRAND_SLUG, name, zone, mayChange, now })
}

/**
 * Makes an API key.
 *
 * @returns the key, which nobody can read again
 */
export async function createKey(
  db: Db,
  options: { brandId: number; name: string; scopes: readonly KeyScope[]; now: Instant },
): Promise<string> {
  const key = `dg_${options.brandId}_${randomBytes(24).toString('base64url')}`
  await insertKey(db, { ...options, keyId: uuidv7(options.now), keyHash: sha256(key) })
  return key
}

/** A brand's keys, oldest first, revoked ones too. */
export async function listKeys(db: Db, options: { brandId: number }): Promise<KeyRow[]> {
  return await selectKeys(db, options)
}

/**
 * From now on nobody can ask with this key.
 *
 * @returns whether there was such a key that was not revoked before
 */
export async function revokeKey(db: Db, options: { brandId: number; keyId: string; now: Instant }): Promise<boolean> {
  return await updateKeyRevoked(db, options)
}

/** Who asks with this key; null where it is none. */
export async function callerOfKey(db: Db, key: string, bootstrapApiKey: string | null): Promise<Caller | null> {
  if (bootstrapApiKey !== null && timingSafeEqual(sha256(key), sha256(bootstrapApiKey))) {
    return await callerOf(db, DEFAULT_BRAND_ID, 'bootstrap', { name: 'bootstrap', scopes: ['ingest', 'read', 'admin'] })
  }
  const brandId = brandOfKey(key)
  if (brandId === null) return null
  const row = await selectKey(db, { brandId, keyHash: sha256(key) })
  return row ? await callerOf(db, brandId, row.keyId, row) : null
}

async function callerOf(
  db: Db,
  brandId: number,
  keyId: string,
  { name, scopes }: { name: string; scopes: readonly KeyScope[] },
): Promise<Caller | null> {
  const brand = await selectBrand(db, { brandId })
  if (!brand) return null
  return {
    brandId,
    zone: brand.timezone,
    actor: `key:${name}`,
    id: `key:${keyId}`,
    scopes: new Set(scopes),
    scope: { brandId, reach: 'brand' },
    person: null,
  }
}

export { selectBrand } from './queries.ts'
export { csrfTokenOf, endSession, refreshSession, signIn } from './sessions.ts'
