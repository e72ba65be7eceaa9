import { isDatabaseAway, missingMigrations, openPool, type Pool } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { Settings } from '../../settings.ts'
import { bad, CLOCK_DIFFERENCE_MS, good, isKnownPostgres, unknown, type Finding } from './domain.ts'
import { selectRights, selectServer } from './queries.ts'

const MIGRATE = 'Run npm run db:migrate, with MIGRATION_DATABASE_URL where the tables have another owner.'

/** The database: reachable, of a known version, migrated, with the rights that the service needs and no more. */
export async function* examineDatabase(options: {
  url: string
  settings: Settings
  now: () => Instant
}): AsyncGenerator<Finding> {
  const { url, settings, now } = options
  const plain = openPool(url, { max: 1, asOwner: true })
  const asService = openPool(url, { max: 1 })
  const asOwner = settings.migrationDatabaseUrl === null ? plain : openPool(settings.migrationDatabaseUrl, { max: 1, asOwner: true }) // prettier-ignore
  try {
    const begun = now()
    let server: Awaited<ReturnType<typeof selectServer>>
    try {
      server = await selectServer(plain)
    } catch (error) {
      yield bad('database.reachable', `The database does not answer: ${reasonOf(error)}.`, connectAdvice(error))
      return
    }
    const awayMs = Math.max(0, begun - server.at, server.at - now())
    yield isKnownPostgres(server.versionNumber)
      ? good('database.reachable', `The database answers: PostgreSQL ${server.version}.`)
      : bad('database.reachable', `The database is PostgreSQL ${server.version}.`, 'Use PostgreSQL 15 to 18.')
    yield awayMs <= CLOCK_DIFFERENCE_MS
      ? good('database.clock', 'Its clock and ours agree.')
      : bad(
          'database.clock',
          `Its clock says ${formatInstant(server.at)}, ours is ${Math.round(awayMs / 1000)} s away.`,
          'Let both machines take their time from a time server (NTP, chrony).',
        )
    yield await migrations(asOwner, settings)
    yield await rights(asService)
  } finally {
    await Promise.all([...new Set([plain, asService, asOwner])].map(pool => pool.end({ timeout: 1 })))
  }
}

async function migrations(pool: Pool, { migrate }: Settings): Promise<Finding> {
  const step = 'database.migrated'
  try {
    const missing = await missingMigrations(pool)
    if (missing.length === 0) return good(step, 'The schema is up to date.')
    const found = `The schema lacks ${missing.length} migrations, from ${missing[0]}.`
    return bad(step, found, migrate ? `Start the service, which migrates; or ${MIGRATE.charAt(0).toLowerCase()}${MIGRATE.slice(1)}` : MIGRATE) // prettier-ignore
  } catch (error) {
    return unknown(step, `Whether the schema is up to date could not be read: ${reasonOf(error)}.`, MIGRATE)
  }
}

async function rights(pool: Pool): Promise<Finding> {
  const step = 'database.rights'
  try {
    const { mayRead, mayAdd, mayChange } = await selectRights(pool)
    if (mayRead && mayAdd && !mayChange) {
      return good(step, 'The service works as daogou_service: it can add to the ledger, and not rewrite it.')
    }
    return mayChange
      ? bad(step, 'The service could rewrite the ledger.', 'REVOKE UPDATE, DELETE ON ledger_rows FROM daogou_service;')
      : bad(step, 'The service may not read or add to the ledger.', MIGRATE)
  } catch (error) {
    return bad(
      step,
      `The user of DATABASE_URL cannot work as daogou_service: ${reasonOf(error)}.`,
      `As the tables' owner: GRANT daogou_service TO the user of DATABASE_URL. Where the role or the tables are missing: ${MIGRATE}`,
    )
  }
}

function connectAdvice(error: unknown): string {
  const code = (error as { code?: string } | null)?.code ?? ''
  if (code.startsWith('28')) return 'Check user and password in DATABASE_URL, and pg_hba.conf.'
  if (code === '3D000') return 'Make the database that DATABASE_URL names: CREATE DATABASE …'
  if (isDatabaseAway(error)) return 'Check host and port in DATABASE_URL, that the server runs, and the firewall.'
  return 'Check DATABASE_URL.'
}

/** Without the statement, which says nothing to whoever sets up. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message || ((error as { code?: string }).code ?? error.name) : String(error)).replace(/\.$/, '') // prettier-ignore
