import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { readVerifyFile, type Settings } from '../../settings.ts'
import { DEFAULT_BRAND_ID, DEFAULT_BRAND_SLUG } from '../auth/service.ts'
import { buildInbox, buildWecom, type CallbackKeys, type Inbox, type Wecom, type WecomMeter } from '../wecom/service.ts'
import type { BrandSecrets } from './domain.ts'
import { selectBrandRows, type BrandRow } from './queries.ts'

/** A brand as a running process works with it. Another object when its settings change. */
export interface Brand {
  brandId: number
  slug: string
  /** null where WeCom is not set up. */
  wecom: Wecom | null
  /** What WeCom's callbacks are sealed with; null where they are not set up. */
  callbackKeys: CallbackKeys | null
  inbox: Inbox
  verifyFile: { name: string; content: string } | null
  miniProgram: { appId: string | null; secret: string | null }
  /** WeCom userids that are headquarters from the start. */
  headquarters: readonly string[]
}

export interface Brands {
  /** As they were a moment ago, the default one first. */
  all(): readonly Brand[]
  /** null where it is not known, or only now made. */
  find(brandId: number): Brand | null
  /** Looks again where it is not known. */
  bySlug(slug: string): Promise<Brand | null>
  /** Reads them anew. */
  refresh(): Promise<void>
  close(): Promise<void>
}

/** Changes are told by NOTIFY at once; this is for when that was lost. */
const REFRESH_MS = 30_000
/** Names that nobody has are not looked for more often. */
const LOOK_AGAIN_MS = 1000

/**
 * The brands of the service: the default one as the settings are, others as the database has them. Where the database
 * is away they stay as they were.
 */
export async function openBrands(options: {
  pool: Pool
  vault: Vault
  settings: Settings
  meter: WecomMeter
  now: () => Instant
  onError: (error: unknown) => void
}): Promise<Brands> {
  const { pool, vault, settings, meter, now, onError } = options

  const build = (
    own: Pick<Brand, 'brandId' | 'slug' | 'verifyFile' | 'miniProgram' | 'headquarters'> & {
      app: { corpId: string | null; agentId: string | null; secret: string | null }
      callback: { token: string | null; aesKey: string | null }
    },
  ): Brand => {
    const { app, callback, ...brand } = own
    const { corpId, agentId, secret } = app
    const { token, aesKey } = callback
    const { brandId } = brand
    const { apiUrl } = settings.wecom
    return {
      ...brand,
      wecom:
        corpId === null || agentId === null || secret === null
          ? null
          : buildWecom({ pool, vault, brandId, app: { corpId, agentId, secret, apiUrl }, meter, now }),
      callbackKeys: corpId === null || token === null || aesKey === null ? null : { corpId, token, aesKey },
      inbox: buildInbox({ pool, vault, brandId, now }),
    }
  }

  const ofRow = (row: BrandRow): Brand => {
    const secrets = row.secretsEncrypted && (JSON.parse(vault.decrypt(row.secretsEncrypted)) as BrandSecrets)
    return build({
      brandId: row.brandId,
      slug: row.slug,
      app: { corpId: row.corpId, agentId: row.agentId, secret: secrets?.secret ?? null },
      callback: { token: secrets?.callbackToken ?? null, aesKey: secrets?.callbackAesKey ?? null },
      verifyFile: row.verifyFile === null ? null : readVerifyFile(row.verifyFile),
      miniProgram: { appId: row.miniProgramAppId, secret: secrets?.miniProgramSecret ?? null },
      headquarters: row.headquarters ?? [],
    })
  }

  const { wecom } = settings
  const standard = build({
    brandId: DEFAULT_BRAND_ID,
    slug: DEFAULT_BRAND_SLUG,
    app: wecom,
    callback: { token: wecom.callbackToken, aesKey: wecom.callbackAesKey },
    verifyFile: wecom.verifyFile,
    miniProgram: settings.miniProgram,
    headquarters: settings.bootstrapHeadquarters,
  })

  let brands: readonly Brand[] = [standard]
  let byId = new Map([[standard.brandId, standard]])
  /** What each was built from. */
  let rows = new Map<number, string>()
  let underWay: Promise<void> | null = null
  let readAtMs = -Infinity

  const read = async () => {
    const found = (await selectBrandRows(pool)).filter(row => row.brandId !== DEFAULT_BRAND_ID)
    const kept = new Map(found.map(row => [row.brandId, JSON.stringify([row.slug, row.updatedAt])]))
    const others = found.flatMap(row => {
      const before = rows.get(row.brandId) === kept.get(row.brandId) ? byId.get(row.brandId) : undefined
      try {
        return [before ?? ofRow(row)]
      } catch (error) {
        // Sealed with another DATA_KEY: this brand cannot be served, the others can.
        kept.delete(row.brandId)
        onError(error)
        return []
      }
    })
    brands = [standard, ...others]
    byId = new Map(brands.map(brand => [brand.brandId, brand]))
    rows = kept
    readAtMs = performance.now()
  }
  const refresh = (): Promise<void> => {
    underWay ??= read().finally(() => {
      underWay = null
    })
    return underWay
  }
  const refreshQuietly = () => void refresh().catch(onError)

  await refresh().catch(onError)
  const timer = setInterval(refreshQuietly, REFRESH_MS).unref()
  const listening = pool.listen('daogou_brands', refreshQuietly)
  listening.catch(() => {}) // the timer covers for it

  return {
    all: () => brands,
    find: brandId => byId.get(brandId) ?? null,
    async bySlug(slug) {
      const known = () => brands.find(brand => brand.slug === slug) ?? null
      if (!known() && performance.now() - readAtMs >= LOOK_AGAIN_MS) await refresh()
      return known()
    },
    refresh,
    async close() {
      clearInterval(timer)
      await underWay?.catch(() => {})
      const subscription = await listening.catch(() => null)
      await subscription?.unlisten().catch(() => {})
    },
  }
}
