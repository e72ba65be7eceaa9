import postgres from 'postgres'

/** For connections that write much: what is lost in a crash is made again. */
const SETTINGS = { synchronous_commit: 'off', maintenance_work_mem: '1GB', max_parallel_maintenance_workers: '0' }

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
