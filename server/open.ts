import { migrateDatabase, openPool, type Pool } from './database.ts'
import { watchDatabase } from './database-watch.ts'
import { findRunningEmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts'
import { ensureDefaultBrand } from './features/auth/service.ts'
import { openVault } from './features/data-keys/service.ts'
import type { Vault } from './lib/vault.ts'
import type { Settings } from './settings.ts'

/**
 * The service's connections, by how long one may be taken: a statement that finds none free is sent behind another, and
 * would be answered after it. A tool has one pool, whatever it does.
 */
interface Pools {
  /** Of what is answered at once, cards, clicks, orders, and of booking. */
  pool: Pool
  /** Of headquarters' figures, of which some take a minute. */
  figures: Pool
  /** Of what is done beside answering. */
  background: Pool
}

/** So many connections each. */
const POOL_SIZES = { pool: 12, figures: 4, background: 6 }
/** A hundred thousand links are added up in it, and not on disk. */
const FIGURES_MEMORY = '32MB'

function openPools(databaseUrl: string, toolSize: number | undefined): Pools {
  if (toolSize !== undefined) {
    const pool = openPool(databaseUrl, { max: toolSize })
    return { pool, figures: pool, background: pool }
  }
  return {
    pool: openPool(databaseUrl, { max: POOL_SIZES.pool }),
    figures: openPool(databaseUrl, { max: POOL_SIZES.figures, workMemory: FIGURES_MEMORY }),
    background: openPool(databaseUrl, { max: POOL_SIZES.background, isInBackground: true }),
  }
}

/** What everything that works on the data needs; the service and the command line tools alike. */
export interface Opened extends Pools {
  vault: Vault
  databaseUrl: string
  close(): Promise<void>
}

/**
 * Opens the database that the settings name, migrated, with the default brand.
 *
 * @param shareEmbedded a command line tool: where a service already runs the embedded server, use that
 * @param serverSettings of the embedded server where it is started here
 */
export async function openData(
  settings: Settings,
  options: {
    log: (message: string) => void
    shareEmbedded?: boolean
    /** A tool’s connections, for all that it does. */
    poolSize?: number
    serverSettings?: Record<string, string>
  },
): Promise<Opened> {
  const server = settings.databaseUrl === 'embedded' ? await openEmbedded(settings, options) : null
  const databaseUrl = server?.url ?? settings.databaseUrl
  try {
    if (settings.migrate) await migrateDatabase(settings.migrationDatabaseUrl ?? databaseUrl, options.log)
    const pools = openPools(databaseUrl, options.poolSize)
    const { pool } = pools
    const end = async () => {
      await Promise.all([...new Set(Object.values(pools))].map(one => one.end({ timeout: 2 })))
    }
    // A tool may run without the service's settings: it must not rename the brand, nor move its months.
    await ensureDefaultBrand(pool, {
      name: settings.brandName,
      zone: settings.brandTimezone,
      mayChange: options.shareEmbedded !== true,
      now: Date.now(),
    })
    const vault = await openVault(pool, settings).catch(async (error: unknown) => {
      await end()
      throw error
    })
    const watch = watchDatabase({
      pools: Object.values(pools),
      url: databaseUrl,
      onSilent: () => options.log('the database is silent: its connections are given up'),
    })
    return {
      ...pools,
      vault,
      databaseUrl,
      async close() {
        await watch.stop()
        await end()
        await server?.stop()
      },
    }
  } catch (error) {
    await server?.stop()
    throw error
  }
}

async function openEmbedded(
  settings: Settings,
  options: { log: (message: string) => void; shareEmbedded?: boolean; serverSettings?: Record<string, string> },
): Promise<{ url: string; stop(): Promise<void> }> {
  const running = options.shareEmbedded ? await findRunningEmbeddedPostgres(settings.dataDir) : null
  if (running) return { url: running.url, stop: async () => {} }
  return await startEmbeddedPostgres({
    dataDir: settings.dataDir,
    archive: settings.walArchiveDir,
    log: options.log,
    settings: options.serverSettings ?? {},
  })
}
