import { transact, type Db, type Pool } from '../../database.ts'
import { ExitError } from '../../errors.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { isTimezone, readVerifyFile } from '../../settings.ts'
import { insertActivity } from '../activity/service.ts'
import { DEFAULT_BRAND_ID } from '../auth/service.ts'
import { isAesKey, isSlug, SECRET_NAMES, type BrandSecrets, type BrandSetup } from './domain.ts'
import { announceBrands, insertNewBrand, lockBrands, selectBrandRows, updateBrand, upsertSettings } from './queries.ts'

export { selectBrandRows as allBrands } from './queries.ts'
export { openBrands, type Brand, type Brands } from './registry.ts'

/** What may be changed of a brand; what is not said stays. */
export type BrandChange = Partial<Omit<BrandSetup, 'secrets'>> & { secrets?: Partial<BrandSecrets> }

/**
 * Makes another brand. Processes that run have it within a minute.
 *
 * @throws ExitError 2 that names every fault
 */
export async function createBrand(
  pool: Pool,
  options: { vault: Vault; slug: string; setup: BrandSetup; now: Instant },
): Promise<number> {
  const { vault, slug, setup, now } = options
  refuse([
    ...(isSlug(slug) ? [] : ['--slug must be small letters, digits and hyphens, 32 at most']),
    ...setupFaults(setup),
  ])
  return await transact(pool, async tx => {
    await lockBrands(tx)
    const brands = await selectBrandRows(tx)
    refuse([
      ...(brands.some(brand => brand.slug === slug) ? [`There is a brand ${slug} already`] : []),
      ...appTaken(brands, slug, setup),
    ])
    const brandId = await insertNewBrand(tx, { slug, name: setup.name, zone: setup.zone, now })
    await write(tx, { vault, brandId, slug, setup, action: 'brand.created', now })
    return brandId
  })
}

/**
 * Changes what a brand other than the default one is set up with.
 *
 * @throws ExitError 2 that names every fault
 */
export async function changeBrand(
  pool: Pool,
  options: { vault: Vault; slug: string; change: BrandChange; now: Instant },
): Promise<void> {
  const { vault, slug, change, now } = options
  await transact(pool, async tx => {
    await lockBrands(tx)
    const brands = await selectBrandRows(tx)
    const before = brands.find(brand => brand.slug === slug)
    if (!before) throw new ExitError(2, noSuchBrand(slug, brands))
    if (before.brandId === DEFAULT_BRAND_ID) {
      throw new ExitError(2, `The brand ${slug} has its settings from the environment: change them there`)
    }
    const secrets = before.secretsEncrypted
      ? (JSON.parse(vault.decrypt(before.secretsEncrypted)) as BrandSecrets)
      : { secret: '', callbackToken: null, callbackAesKey: null, miniProgramSecret: null }
    const setup: BrandSetup = {
      name: before.name,
      zone: before.timezone,
      corpId: before.corpId ?? '',
      agentId: before.agentId ?? '',
      verifyFile: before.verifyFile,
      miniProgramAppId: before.miniProgramAppId,
      headquarters: before.headquarters ?? [],
      ...change,
      secrets: { ...secrets, ...change.secrets },
    }
    refuse([...setupFaults(setup), ...appTaken(brands, slug, setup)])
    await updateBrand(tx, { brandId: before.brandId, name: setup.name, zone: setup.zone })
    await write(tx, { vault, brandId: before.brandId, slug, setup, action: 'brand.changed', now })
  })
}

async function write(
  db: Db,
  options: { vault: Vault; brandId: number; slug: string; setup: BrandSetup; action: string; now: Instant },
) {
  const { vault, brandId, slug, setup, action, now } = options
  const { corpId, agentId, verifyFile, miniProgramAppId, headquarters, secrets } = setup
  const secretsEncrypted = vault.encrypt(JSON.stringify(secrets))
  const kept = { corpId, agentId, verifyFile, miniProgramAppId, headquarters }
  await upsertSettings(db, { brandId, ...kept, secretsEncrypted, now })
  const details = { ...kept, name: setup.name, zone: setup.zone }
  await insertActivity(db, { brandId, actor: 'service', action, subject: `brands/${slug}`, details, now })
  await announceBrands(db)
}

function setupFaults({ name, zone, corpId, agentId, secrets, verifyFile, miniProgramAppId }: BrandSetup): string[] {
  const faults: string[] = []
  if (name.trim() === '') faults.push('--name must say how the brand is called')
  if (!isTimezone(zone)) faults.push('--timezone must be an IANA name such as Asia/Shanghai')
  if (corpId === '') faults.push('--corp-id must be the corporation’s id (我的企业 → 企业信息)')
  if (agentId === '') faults.push('--agent-id must be the app’s AgentId (应用管理)')
  if (secrets.secret === '') faults.push(`${SECRET_NAMES.secret} must be given: the app’s Secret`)
  if ((secrets.callbackToken === null) !== (secrets.callbackAesKey === null)) {
    faults.push(`${SECRET_NAMES.callbackToken} and ${SECRET_NAMES.callbackAesKey} must be given together`)
  }
  if (secrets.callbackAesKey !== null && !isAesKey(secrets.callbackAesKey)) {
    faults.push(`${SECRET_NAMES.callbackAesKey} must be 43 letters and digits`)
  }
  if (verifyFile !== null && !readVerifyFile(verifyFile)) {
    faults.push('--verify-file must be the name and the content of the file, such as "WW_verify_abc.txt abc"')
  }
  if (miniProgramAppId === null && secrets.miniProgramSecret !== null) {
    faults.push(`${SECRET_NAMES.miniProgramSecret} is of no use without --mini-program-app-id`)
  }
  return faults
}

/** Two brands that listen to one app would each have half of what it says. */
function appTaken(
  brands: readonly { slug: string; corpId: string | null; agentId: string | null }[],
  slug: string,
  { corpId, agentId }: BrandSetup,
): string[] {
  const other = brands.find(brand => brand.slug !== slug && brand.corpId === corpId && brand.agentId === agentId)
  return other ? [`The app ${agentId} of ${corpId} is the brand ${other.slug}’s already`] : []
}

const refuse = (faults: readonly string[]) => {
  if (faults.length > 0) throw new ExitError(2, faults.join('\n'))
}

const noSuchBrand = (slug: string, brands: readonly { slug: string }[]) =>
  `There is no brand ${slug}; there are: ${brands.map(brand => brand.slug).join(', ')}`

/** A brand as lists show it: no secret, but whether there is one. */
export interface ShownBrand {
  brandId: number
  slug: string
  name: string
  zone: string
  corpId: string | null
  agentId: string | null
  hasCallbacks: boolean
}

/** Every brand; of the default one WeCom's settings are in the environment and not told. */
export async function listBrands(db: Db, options: { vault: Vault }): Promise<ShownBrand[]> {
  const rows = await selectBrandRows(db)
  return rows.map(({ brandId, slug, name, timezone: zone, corpId, agentId, secretsEncrypted }) => {
    const secrets = secretsEncrypted && (JSON.parse(options.vault.decrypt(secretsEncrypted)) as BrandSecrets)
    return { brandId, slug, name, zone, corpId, agentId, hasCallbacks: secrets?.callbackToken != null }
  })
}

/**
 * The brand that a tool works on.
 *
 * @param slug needed where there are several, unless `fallback` is what is meant then
 * @throws ExitError 2 where there is no such brand
 */
export async function chooseBrand(
  db: Db,
  options: { slug: string | undefined; fallback?: number },
): Promise<{ brandId: number; slug: string; timezone: string }> {
  const { slug, fallback } = options
  const brands = await selectBrandRows(db)
  const chosen =
    slug !== undefined
      ? brands.filter(brand => brand.slug === slug)
      : fallback === undefined
        ? brands
        : brands.filter(brand => brand.brandId === fallback)
  const [brand] = chosen
  if (!brand && slug !== undefined) throw new ExitError(2, noSuchBrand(slug, brands))
  if (!brand) throw new ExitError(2, 'The database has no brand yet: start the service once, npm start')
  if (chosen.length > 1) {
    throw new ExitError(2, `--brand must say which: ${brands.map(each => each.slug).join(', ')}`)
  }
  return brand
}
