import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Db } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { MINUTE_MS, type Instant } from '../../lib/time.ts'
import { brandOfKey, type Caller, type KeyScope } from './domain.ts'
import {
  insertBrand,
  insertKey,
  selectBrand,
  selectKey,
  selectKeys,
  updateKeyRevoked,
  updateKeyUsed,
  type KeyRow,
} from './queries.ts'

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

/** How much of a key is kept to know it again by: four of its 32 random characters. */
const SHOWN_CHARACTERS = 4
/** Its last use is written down no more often than this. */
const USE_NOTED_MS = 5 * MINUTE_MS

interface KeyToMake {
  brandId: number
  name: string
  scopes: readonly KeyScope[]
  /** Who makes it; where two have to agree, it speaks as he does. Nobody: it is made at the command line. */
  maker?: Pick<Caller, 'actor' | 'id'>
  now: Instant
}

/**
 * Makes an API key.
 *
 * @returns the key, which nobody can read again, and its id
 */
export async function makeKey(db: Db, options: KeyToMake): Promise<{ keyId: string; key: string }> {
  const { maker, ...rest } = options
  const head = `dg_${options.brandId}_`
  const key = head + randomBytes(24).toString('base64url')
  const keyId = uuidv7(options.now)
  await insertKey(db, {
    ...rest,
    keyId,
    keyHash: sha256(key),
    prefix: key.slice(0, head.length + SHOWN_CHARACTERS),
    createdBy: maker?.actor ?? null,
    makerId: maker?.id ?? null,
  })
  return { keyId, key }
}

/** The same, the key alone. */
export const createKey = async (db: Db, options: KeyToMake): Promise<string> => (await makeKey(db, options)).key

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
export async function callerOfKey(
  db: Db,
  key: string,
  bootstrapApiKey: string | null,
  now: Instant,
): Promise<Caller | null> {
  if (bootstrapApiKey !== null && timingSafeEqual(sha256(key), sha256(bootstrapApiKey))) {
    const bootstrap = { name: 'bootstrap', scopes: ['ingest', 'read', 'admin'], makerId: null } as const
    return await callerOf(db, DEFAULT_BRAND_ID, 'bootstrap', bootstrap)
  }
  const brandId = brandOfKey(key)
  if (brandId === null) return null
  const row = await selectKey(db, { brandId, keyHash: sha256(key) })
  if (!row) return null
  const { keyId, lastUsedAt } = row
  const before = now - USE_NOTED_MS
  if (lastUsedAt === null || lastUsedAt < before) await updateKeyUsed(db, { brandId, keyId, now, before })
  return await callerOf(db, brandId, keyId, row)
}

async function callerOf(
  db: Db,
  brandId: number,
  keyId: string,
  { name, scopes, makerId }: { name: string; scopes: readonly KeyScope[]; makerId: string | null },
): Promise<Caller | null> {
  const brand = await selectBrand(db, { brandId })
  if (!brand) return null
  return {
    brandId,
    zone: brand.timezone,
    actor: `key:${name}`,
    // Who makes himself a key is not two by that.
    id: makerId ?? `key:${keyId}`,
    keyId,
    scopes: new Set(scopes),
    scope: { brandId, reach: 'brand' },
    person: null,
  }
}

export { revokeSessions, selectBrand, selectPerson, selectSessionsOf } from './queries.ts'
export { csrfTokenOf, endSession, refreshSession, signIn } from './sessions.ts'
