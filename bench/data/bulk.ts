import { totalmem } from 'node:os'
import postgres from 'postgres'

/**
 * Two indexes are built at once. Those over tens of millions of rows are sorted in memory where there is enough; else
 * through files, which takes longer.
 */
const SORT_MB = Math.min(4096, Math.max(256, Math.floor(totalmem() / 1024 / 1024 / 8)))

/** For connections that write much: what is lost in a crash is made again. */
const SETTINGS = {
  synchronous_commit: 'off',
  maintenance_work_mem: `${SORT_MB}MB`,
  max_parallel_maintenance_workers: '0',
}

/**
 * The database's address with settings for writing much. Whole pages in the log are not compressed where the role may
 * say so: that costs more than writing them.
 */
export async function bulkUrl(databaseUrl: string): Promise<string> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    const [role] = await sql<{ mayAll: boolean }[]>`
      SELECT rolsuper AS "mayAll" FROM pg_roles WHERE rolname = current_user`
    const url = new URL(databaseUrl)
    const settings = role!.mayAll ? { ...SETTINGS, wal_compression: 'off' } : SETTINGS
    for (const [name, value] of Object.entries(settings)) url.searchParams.set(name, value)
    return url.href
  } finally {
    await sql.end()
  }
}

/**
 * Settings for an embedded server that is started to be filled, and for as long as that. It stays durable. Where its log
 * is archived, that has to hold everything; else what is written into emptied tables, and their indexes, are not logged.
 */
export const bulkServerSettings = ({ isArchived }: { isArchived: boolean }): Record<string, string> => ({
  autovacuum: 'off', // the next start makes it good
  checkpoint_timeout: '1h',
  max_wal_size: '8GB',
  shared_buffers: '512MB',
  ...(isArchived ? {} : { wal_level: 'minimal', max_wal_senders: '0' }),
})
