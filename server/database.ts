import { fileURLToPath } from 'node:url'
import { existsSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import postgres from 'postgres'
import { buildGatheredLookups, buildSharedAsks } from './lib/gathered-asks.ts'
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
  /** What nobody waits for leaves processors to what somebody does: one for each statement. */
  isInBackground?: boolean
  /** What each sort and hash may take in memory, as PostgreSQL writes it; its own setting unless told. */
  workMemory?: string
}

/**
 * Opens a pool. Instants come and go as milliseconds, bigints as numbers; one that a number cannot hold exactly
 * throws, since it is money.
 */
export function openPool(url: string, options: PoolOptions = {}): Pool {
  const sockets = new Set<Socket>()
  const pool = postgres(url, {
    max: options.max ?? 10,
    connect_timeout: 5,
    // Whoever asks while the database is away waits for the next try: let that be soon, and the answer 503.
    backoff: attempt => Math.min(2 ** attempt / 20, 1),
    idle_timeout: 0,
    max_lifetime: 60 * 60,
    onnotice: () => {},
    ...{ socket: (target: SocketTarget) => openSocket(target, sockets) }, // which its types do not know
    connection: {
      application_name: 'daogou',
      TimeZone: 'UTC',
      statement_timeout: options.statementTimeoutMs ?? 60_000,
      ...(options.asOwner ? {} : { role: SERVICE_ROLE }),
      ...(options.isInBackground ? { max_parallel_workers_per_gather: '0' } : {}),
      ...(options.workMemory === undefined ? {} : { work_mem: options.workMemory }),
    },
    types: {
      instant: { to: 1184, from: [1184], serialize: formatInstant, parse: parseTimestamp },
      bigint: { to: 20, from: [20], serialize: String, parse: parseBigint },
    },
  })
  socketsOf.set(pool, sockets)
  return pool
}

/**
 * A list that a column is compared with, `WHERE member_no = ${oneOf(db, memberNos)}`: what a few keys are looked up by.
 *
 * The values are kept from the planner. It would look each up in the statistics, take a plan of its own for each list for
 * cheaper than one for all, and so plan at every call, which takes longer than the looking up.
 */
export const oneOf = (db: Db, values: readonly string[]) => db`ANY ((SELECT ${values as string[]}::text[])::text[])`

/**
 * From now on in this transaction each statement is planned once for each connection: where everything is looked up by key,
 * planning anew takes longer than the looking up, most of all over the months of touches.
 */
export async function keepPlans(tx: Db): Promise<void> {
  await tx`SET LOCAL plan_cache_mode = force_generic_plan`
}

/** Asks so, outside of a transaction. */
export async function askByKeptPlan<T>(db: Db, ask: (db: Db) => Promise<T>): Promise<T> {
  if (!isPool(db)) return await ask(db)
  const [, answer] = (await db.begin(tx => Promise.all([keepPlans(tx), ask(tx)]))) as [void, T]
  return answer
}

const isPool = (db: Db): db is Pool => 'begin' in db

/**
 * Asks that many need the same answer of are one asking for all who come at the same moment (`buildSharedAsks`), each pool's
 * by themselves. Within a transaction everybody asks for himself: it sees what nobody else does.
 */
export function buildPoolAsks<T>(): (db: Db, key: string, ask: () => Promise<T>) => Promise<T> {
  const asksOf = new WeakMap<Pool, ReturnType<typeof buildSharedAsks<T>>>()
  return async (db, key, ask) => {
    if (!isPool(db)) return await ask()
    const shared = asksOf.get(db) ?? buildSharedAsks<T>()
    asksOf.set(db, shared)
    return await shared(key, ask)
  }
}

/** How many lookups of one kind are under way at most: one that waits for the disk does not keep all others waiting. */
const LOOKUPS_AT_ONCE = 3

/**
 * Lookups by key within a brand, gathered among all who ask at the same moment (`buildGatheredLookups`), each pool's by
 * themselves. Within a transaction everybody asks for himself.
 */
export function buildPoolLookups<V>(): (
  db: Db,
  options: { brandId: number; keys: readonly string[] },
  lookUp: (keys: readonly string[]) => Promise<ReadonlyMap<string, V>>,
) => Promise<ReadonlyMap<string, V>> {
  const lookupsOf = new WeakMap<Pool, Map<number, ReturnType<typeof buildGatheredLookups<V>>>>()
  return async (db, { brandId, keys }, lookUp) => {
    if (!isPool(db)) return await lookUp(keys)
    const ofBrands = lookupsOf.get(db) ?? new Map<number, ReturnType<typeof buildGatheredLookups<V>>>()
    lookupsOf.set(db, ofBrands)
    const gathered = ofBrands.get(brandId) ?? buildGatheredLookups<V>(LOOKUPS_AT_ONCE)
    ofBrands.set(brandId, gathered)
    return await gathered(keys, lookUp)
  }
}

/** The sockets of each pool, those of its LISTEN among them. */
const socketsOf = new WeakMap<Pool, Set<Socket>>()

/** Ends all connections of a pool, whatever is asked on them: that fails, and new ones are made. */
export function destroyConnections(pool: Pool): void {
  for (const socket of socketsOf.get(pool) ?? []) socket.destroy()
}

/** What the driver says of where to connect to; of several hosts one after the other is tried. */
interface SocketTarget {
  host: string[]
  port: number[]
  path?: string | false
}

let attempts = 0
/** A socket that is about to be connected: what is written waits for that, and the driver's time limit covers it. */
function openSocket({ host, port, path }: SocketTarget, sockets: Set<Socket>): Socket {
  const index = attempts++ % host.length
  const socket = path
    ? connect({ path })
    : connect({ host: host[index]!, port: port[index % port.length]!, noDelay: true })
  for (const old of sockets) if (old.destroyed) sockets.delete(old)
  sockets.add(socket)
  sendTogether(socket)
  // With TLS the driver takes the name to be verified from here.
  return Object.assign(socket, { host: host[index] })
}

/** What is written within one turn goes with one call of the system: a dozen statements sent at once are one message. */
function sendTogether(socket: Socket): void {
  const write = socket.write.bind(socket)
  const corked = (...args: Parameters<typeof write>): boolean => {
    if (socket.writableCorked === 0) {
      socket.cork()
      process.nextTick(() => socket.uncork())
    }
    return write(...args)
  }
  socket.write = corked as typeof socket.write
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
  return await tryAgain(async () => (await pool.begin(work)) as T)
}

/** The same for a statement that is a transaction by itself. */
export async function tryAgain<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
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

/**
 * How long a migration waits for a table that others use. Whoever comes to that table meanwhile waits behind it, so it
 * gives up soon, lets them pass and tries again.
 */
const LOCK_WAIT = '1s'
const LOCK_TRIES = 200
/** A lock that was not got in time, and a deadlock. */
const LOCKED_OUT = new Set(['55P03', '40P01'])
/** How often somebody looks who waits until another process has migrated. */
const TURN_MS = 100
/** First line of a migration whose statements cannot be in a transaction: each can be run again after it failed. */
const CONCURRENTLY = '-- concurrently\n'

type Migration = ReturnType<typeof readMigrationFiles>[number]

/**
 * Brings the schema up to date while other processes work on it, each migration by itself. Safe when several do it at
 * once. docs/deploy says how migrations are written for that.
 */
export async function migrateDatabase(url: string, log: (message: string) => void = () => {}): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connection: { application_name: 'daogou-migrate' } })
  try {
    // Not waited for within a statement: an index that is built concurrently waits for every statement under way.
    const isMyTurn = async () =>
      (await sql`SELECT pg_try_advisory_lock(${MIGRATION_LOCK}) AS mine`)[0]!['mine'] as boolean
    while (!(await isMyTurn())) await sleep(TURN_MS)
    await sql`CREATE SCHEMA IF NOT EXISTS drizzle`
    await sql`
      CREATE TABLE IF NOT EXISTS drizzle.__drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint)`
    const [last] = await sql<{ at: string | null }[]>`SELECT max(created_at) AS at FROM drizzle.__drizzle_migrations`
    for (const migration of readMigrationFiles({ migrationsFolder: migrationsFolder() })) {
      if (migration.folderMillis > Number(last?.at ?? 0)) await applyMigration(sql, migration, log)
    }
  } finally {
    await sql.end({ timeout: 5 })
  }
}

async function applyMigration(sql: postgres.Sql, migration: Migration, log: (message: string) => void): Promise<void> {
  const run = async (db: postgres.ISql) => {
    for (const statement of migration.sql) await db.unsafe(statement)
    await db`
      INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES (${migration.hash}, ${migration.folderMillis})`
  }
  if (migration.sql[0]!.startsWith(CONCURRENTLY)) {
    await run(sql)
    return
  }
  for (let attempt = 1; ; attempt++) {
    try {
      await sql.begin(async tx => {
        await tx`SELECT set_config('lock_timeout', ${LOCK_WAIT}, true)`
        await run(tx)
      })
      return
    } catch (error) {
      if (!LOCKED_OUT.has((error as { code?: string }).code ?? '') || attempt === LOCK_TRIES) throw error
      if (attempt === 1) log('a migration waits for a table that is in use')
      await sleep(1000 + Math.random() * 1000)
    }
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
