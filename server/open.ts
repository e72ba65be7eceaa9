import { migrateDatabase, openPool, type Pool } from './database.ts'
import { watchDatabase } from './database-watch.ts'
import { findRunningEmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts'
import { ensureDefaultBrand } from './features/auth/service.ts'
import { openVault } from './features/data-keys/service.ts'
import type { Vault } from './lib/vault.ts'
import type { Settings } from './settings.ts'

/** What everything that works on the data needs; the service and the command line tools alike. */
export interface Opened {
  pool: Pool
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
    poolSize?: number
    serverSettings?: Record<string, string>
  },
): Promise<Opened> {
  const server = settings.databaseUrl === 'embedded' ? await openEmbedded(settings, options) : null
  const databaseUrl = server?.url ?? settings.databaseUrl
  try {
    if (settings.migrate) await migrateDatabase(settings.migrationDatabaseUrl ?? databaseUrl, options.log)
    const pool = openPool(databaseUrl, { max: options.poolSize ?? 16 })
    // A tool may run without the service's settings: it must not rename the brand, nor move its months.
    await ensureDefaultBrand(pool, {
      name: settings.brandName,
      zone: settings.brandTimezone,
      mayChange: options.shareEmbedded !== true,
      now: Date.now(),
    })
    const vault = await openVault(pool, settings).catch(async (error: unknown) => {
      await pool.end({ timeout: 2 })
      throw error
    })
    const watch = watchDatabase({
      pool,
      url: databaseUrl,
      onSilent: () => options.log('the database is silent: its connections are given up'),
    })
    return {
      pool,
      vault,
      databaseUrl,
      async close() {
        await watch.stop()
        await pool.end({ timeout: 2 })
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
