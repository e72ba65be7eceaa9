import { fileURLToPath } from 'node:url'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import { formatInstant, type Instant } from './lib/time.ts'

type CustomTypes = { instant: Instant; bigint: number }

/** What statements run on: a pool, or one transaction of it. */
export type Db = postgres.ISql<CustomTypes>
/** The pool. */
export type Pool = postgres.Sql<CustomTypes>
/** One transaction. */
export type Tx = postgres.TransactionSql<CustomTypes>

/** The role that the service works as: it can add to evidence and ledger, and cannot rewrite them. */
const SERVICE_ROLE = 'daogou_service'

/** Held while migrating, so that services that start together do it one after the other. */
const MIGRATION_LOCK = 7_263_641

export interface PoolOptions {
  max?: number
  /** Milliseconds after which a statement is given up; 0 for none. */
  statementTimeoutMs?: number
  /** Work as the owner of the tables, not as the service's role. */
  asOwner?: boolean
}

/**
 * Opens a pool. Instants come and go as milliseconds, bigints as numbers; one that a number cannot hold exactly
 * throws, since it is money.
 */
export function openPool(url: string, options: PoolOptions = {}): Pool {
  return postgres(url, {
    max: options.max ?? 10,
    connect_timeout: 10,
    // Whoever asks while the database is away waits for the next try: let that be soon, and the answer 503.
    backoff: attempt => Math.min(2 ** attempt / 20, 1),
    idle_timeout: 0,
    max_lifetime: 60 * 60,
    onnotice: () => {},
    connection: {
      application_name: 'daogou',
      TimeZone: 'UTC',
      statement_timeout: options.statementTimeoutMs ?? 60_000,
      ...(options.asOwner ? {} : { role: SERVICE_ROLE }),
    },
    types: {
      instant: { to: 1184, from: [1184], serialize: formatInstant, parse: parseTimestamp },
      bigint: { to: 20, from: [20], serialize: String, parse: parseBigint },
    },
  })
}

/** `2026-03-01 12:00:00.123+00`: the connection's time zone is UTC. */
const parseTimestamp = (text: string): Instant => Date.parse(`${text.replace(' ', 'T')}:00`)

function parseBigint(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number)) throw new RangeError(`${text} is beyond 2^53`)
  return number
}

/** Lost a serialisation race, a deadlock, or the race to insert a key: the second try sees what the other one did. */
const RETRIED_STATES = new Set(['40001', '40P01', '23505'])

/** Runs a transaction; one that lost a race is tried again, three times at most. */
export async function transact<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return (await pool.begin(work)) as T
    } catch (error) {
      const state = (error as { code?: string }).code ?? ''
      if (!RETRIED_STATES.has(state) || attempt >= 4) throw error
    }
  }
}

const UNAVAILABLE = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
])

/** Whether an error means that the database is away, so that the caller should come again. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway)
  const code = (error as { code?: unknown } | null)?.code
  if (typeof code !== 'string') return false
  // 08: connection; 57P: shutting down or starting; 53: out of connections, disk or memory; 25006: a standby.
  return UNAVAILABLE.has(code) || /^(08|57P|53)/.test(code) || code === '25006'
}

/** Brings the schema up to date. Safe when several do it at once. */
export async function migrateDatabase(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connection: { application_name: 'daogou-migrate' } })
  try {
    await sql`SELECT pg_advisory_lock(${MIGRATION_LOCK})`
    await migrate(drizzle(sql), { migrationsFolder: migrationsFolder() })
  } finally {
    await sql.end({ timeout: 5 })
  }
}

/** The migrations that a database lacks, by their names. As the owner: the service's role does not see them. */
export async function missingMigrations(owner: Db): Promise<string[]> {
  const [row] = await owner<{ table: string | null }[]>`
    SELECT to_regclass('drizzle.__drizzle_migrations')::text AS table`
  const [last] = row!.table
    ? await owner<{ at: number | null }[]>`SELECT max(created_at) AS at FROM drizzle.__drizzle_migrations`
    : []
  const journal = JSON.parse(readFileSync(join(migrationsFolder(), 'meta', '_journal.json'), 'utf8')) as {
    entries: { tag: string; when: number }[]
  }
  return journal.entries.filter(entry => entry.when > (last?.at ?? 0)).map(entry => entry.tag)
}

/** The migrations beside the sources, also when this runs from dist/. */
function migrationsFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'drizzle', 'migrations', 'meta'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('the folder drizzle/migrations is missing')
    folder = parent
  }
  return join(folder, 'drizzle', 'migrations')
}
