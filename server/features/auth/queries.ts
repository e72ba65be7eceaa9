import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { KeyScope } from './domain.ts'

export async function insertBrand(
  db: Db,
  options: { brandId: number; slug: string; name: string; zone: string; now: Instant },
) {
  await db`
    INSERT INTO brands (brand_id, slug, name, timezone, created_at)
    VALUES (${options.brandId}, ${options.slug}, ${options.name}, ${options.zone}, ${options.now})
    ON CONFLICT (brand_id) DO UPDATE SET name = EXCLUDED.name, timezone = EXCLUDED.timezone
    WHERE (brands.name, brands.timezone) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.timezone)`
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
    now: Instant
  },
) {
  await db`
    INSERT INTO api_keys (brand_id, key_id, name, key_hash, scopes, created_at)
    VALUES (${options.brandId}, ${options.keyId}, ${options.name}, ${options.keyHash}, ${options.scopes as string[]},
      ${options.now})`
}

export async function selectKey(db: Db, options: { brandId: number; keyHash: Buffer }) {
  const [row] = await db<{ name: string; scopes: KeyScope[] }[]>`
    SELECT name, scopes FROM api_keys
    WHERE brand_id = ${options.brandId} AND key_hash = ${options.keyHash} AND revoked_at IS NULL`
  return row ?? null
}
