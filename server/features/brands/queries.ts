import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

/** A brand, and the settings of one that is not the environment's; secrets stay sealed. */
export interface BrandRow {
  brandId: number
  slug: string
  name: string
  timezone: string
  corpId: string | null
  agentId: string | null
  secretsEncrypted: Buffer | null
  verifyFile: string | null
  miniProgramAppId: string | null
  headquarters: string[] | null
  updatedAt: Instant | null
}

/** Every brand of the service. */
export async function selectBrandRows(db: Db): Promise<BrandRow[]> {
  return await db<BrandRow[]>`
    SELECT b.brand_id AS "brandId", b.slug, b.name, b.timezone, s.corp_id AS "corpId", s.agent_id AS "agentId",
      s.secrets_encrypted AS "secretsEncrypted", s.verify_file AS "verifyFile",
      s.mini_program_app_id AS "miniProgramAppId", s.headquarters, s.updated_at AS "updatedAt"
    FROM brands AS b LEFT JOIN brand_settings AS s ON s.brand_id = b.brand_id
    ORDER BY b.brand_id`
}

/** One who makes or changes a brand at a time: ids, slugs and apps are of the whole service. */
export async function lockBrands(db: Db) {
  await db`SELECT pg_advisory_xact_lock(hashtext('brands'))`
}

/** @returns the id that it was given */
export async function insertNewBrand(
  db: Db,
  options: { slug: string; name: string; zone: string; now: Instant },
): Promise<number> {
  const [row] = await db<{ brandId: number }[]>`
    INSERT INTO brands (brand_id, slug, name, timezone, created_at)
    SELECT GREATEST(max(brand_id), 1) + 1, ${options.slug}, ${options.name}, ${options.zone}, ${options.now} FROM brands
    RETURNING brand_id AS "brandId"`
  return row!.brandId
}

export async function updateBrand(db: Db, options: { brandId: number; name: string; zone: string }) {
  await db`UPDATE brands SET name = ${options.name}, timezone = ${options.zone} WHERE brand_id = ${options.brandId}`
}

export async function upsertSettings(
  db: Db,
  options: {
    brandId: number
    corpId: string
    agentId: string
    secretsEncrypted: Buffer
    verifyFile: string | null
    miniProgramAppId: string | null
    headquarters: readonly string[]
    now: Instant
  },
) {
  await db`
    INSERT INTO brand_settings (brand_id, corp_id, agent_id, secrets_encrypted, verify_file, mini_program_app_id,
      headquarters, updated_at)
    VALUES (${options.brandId}, ${options.corpId}, ${options.agentId}, ${options.secretsEncrypted},
      ${options.verifyFile}, ${options.miniProgramAppId}, ${options.headquarters as string[]}, ${options.now})
    ON CONFLICT (brand_id) DO UPDATE SET corp_id = EXCLUDED.corp_id, agent_id = EXCLUDED.agent_id,
      secrets_encrypted = EXCLUDED.secrets_encrypted, verify_file = EXCLUDED.verify_file,
      mini_program_app_id = EXCLUDED.mini_program_app_id, headquarters = EXCLUDED.headquarters,
      updated_at = EXCLUDED.updated_at`
}

/** Says that a brand changed, to every process, when the transaction commits. */
export async function announceBrands(db: Db) {
  await db`SELECT pg_notify('daogou_brands', '')`
}
