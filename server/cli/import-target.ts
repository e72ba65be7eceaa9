import { openPool } from '../database.ts'
import { findRunningEmbeddedPostgres, startEmbeddedPostgres } from '../embedded-postgres.ts'
import { chooseBrand } from '../features/brands/service.ts'
import { openVault } from '../features/data-keys/service.ts'
import { IMPORTER } from '../features/evidence/service.ts'
import { buildIntakeMeter, checkIngestItem, ingest } from '../features/ingest/service.ts'
import { openRunLog, type ImportRunLog } from '../features/imports/runs/service.ts'
import type { Item, ItemKind } from '../features/imports/service.ts'
import type { ItemError, ItemResult } from '../lib/items.ts'
import { readSettings, type Settings } from '../settings.ts'

/** The brand that an import goes to. */
export type ImportTarget = {
  /** Names brand and database, so that an interrupted import is only gone on with where it began. */
  name: string
  zone: string
  ingest(kind: ItemKind, items: Item[]): Promise<ItemResult[]>
  validate(kind: ItemKind, item: Item): ItemError | undefined
  /** Begins the record of a run, for those who are not at this machine. */
  openRunLog(kind: ItemKind, file: string): Promise<ImportRunLog>
  close(): Promise<void>
}

/**
 * @param brandSlug needed where the service has several brands
 * @throws ExitError (2) where the settings are wrong, or there is no such brand
 */
export async function openImportTarget(brandSlug: string | undefined): Promise<ImportTarget> {
  const settings = readSettings()
  const { url, name, stop } = await findDatabase(settings)
  const pool = openPool(url, { max: 4 }) // several batches are under way at once
  const intake = buildIntakeMeter({ pool, onError: () => {} }) // nothing hangs on it
  const close = async (): Promise<void> => {
    await intake.flush()
    await pool.end({ timeout: 5 })
    await stop()
  }
  try {
    const brand = await chooseBrand(pool, { slug: brandSlug })
    const dependencies = {
      pool,
      vault: await openVault(pool, settings),
      publicUrl: settings.publicUrl,
      intake,
      now: Date.now,
    }
    return {
      name: `${name} ${brand.brandId}`,
      zone: brand.timezone,
      ingest: (kind, items) =>
        ingest(dependencies, { kind, brandId: brand.brandId, actor: IMPORTER, callerId: IMPORTER, items }),
      validate: (kind, item) => checkIngestItem(kind, item)?.error,
      openRunLog: (kind, file) => openRunLog(pool, { brandId: brand.brandId, kind, file, now: Date.now }),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

type FoundDatabase = { url: string; name: string; stop: () => Promise<void> }

/** A running service's embedded database is used as it is; otherwise it runs for as long as the import does. */
export async function findDatabase(settings: Settings): Promise<FoundDatabase> {
  const stop = () => Promise.resolve()
  if (settings.databaseUrl !== 'embedded') {
    const { host, pathname } = new URL(settings.databaseUrl)
    return { url: settings.databaseUrl, name: `${host}${pathname}`, stop }
  }
  // Named by its folder: the embedded database has another port at each start.
  const name = settings.dataDir
  const running = await findRunningEmbeddedPostgres(settings.dataDir)
  if (running !== null) return { url: running.url, name, stop }
  const started = await startEmbeddedPostgres({ dataDir: settings.dataDir })
  return { url: started.url, name, stop: () => started.stop() }
}
