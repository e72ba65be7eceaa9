import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { migrateDatabase, openPool } from '../../server/database.ts'
import { findRunningEmbeddedPostgres, startEmbeddedPostgres } from '../../server/embedded-postgres.ts'
import { DEFAULT_BRAND_ID, ensureDefaultBrand } from '../../server/features/auth/service.ts'
import { DAY_MS } from '../../server/lib/time.ts'
import { bulkUrl } from '../data/bulk.ts'
import { fillBrand, type Filled } from '../data/fill.ts'
import { createProgressLine } from './progress.ts'

export const ZONE = 'Asia/Shanghai'
/** Every brand that is made here has its data sealed with this. */
export const DATA_KEY = Buffer.alloc(32, 7)

export interface BrandDatabase {
  url: string
  brandId: number
  /** The end of its history. */
  until: number
  /** What making it took. */
  filled: Filled & { totalSeconds: number }
}

/** A brand in an embedded data directory, as `npm run bench -- --data-dir` names it. */
export interface GivenBrand {
  url: string
  brandId: number
  until: number
  /** The service's settings beside it: the keys that are kept with the data. */
  env: Record<string, string>
}

/** What figures are measured on: a PostgreSQL of their own, as durable as the service's, and brands in it. */
export interface Bench {
  /** Where the server's files are. */
  dataDir: string
  /** So many orders the brand has that figures share, unless a figure needs another. */
  orders: number
  /** A brand of another's making, which may be written to; null unless one was named. */
  given: GivenBrand | null
  /** A new database, migrated, with the default brand and nothing in it. */
  emptyDatabase(): Promise<string>
  /** A database with a brand of so many orders; made once, and shared by all figures: leave it as it was. */
  brand(orders?: number): Promise<BrandDatabase>
  /** A copy of a brand's database, to be changed. Nobody may be connected to the original. */
  copyOf(brand: BrandDatabase): Promise<string>
  say(text: string): void
  close(): Promise<void>
}

export async function startBench(options: { orders: number; givenDir?: string }): Promise<Bench> {
  const dataDir = await mkdtemp(join(tmpdir(), 'daogou-bench-'))
  await chmod(dataDir, 0o711) // as root, the server runs as another user
  const server = await startEmbeddedPostgres({ dataDir })
  const brands = new Map<number, Promise<BrandDatabase>>()
  const other = options.givenDir === undefined ? null : await openGiven(options.givenDir)

  const createDatabase = async (template: string): Promise<string> => {
    const name = `bench_${randomBytes(6).toString('hex')}`
    const admin = openPool(server.adminUrl, { max: 1, asOwner: true, statementTimeoutMs: 0 })
    try {
      await admin`CREATE DATABASE ${admin(name)} TEMPLATE ${admin(template)}`
    } finally {
      await admin.end({ timeout: 5 })
    }
    const url = new URL(server.url)
    url.pathname = `/${name}`
    return url.href
  }

  const bench: Bench = {
    dataDir,
    orders: options.orders,
    given: other && other.brand,
    async emptyDatabase() {
      const url = await createDatabase('template0')
      await migrateDatabase(url)
      const pool = openPool(url, { max: 1 })
      await ensureDefaultBrand(pool, { name: 'Bench', zone: ZONE, now: Date.now() })
      await pool.end({ timeout: 5 })
      return url
    },
    async brand(orders = options.orders) {
      const made = brands.get(orders) ?? makeBrand(await bench.emptyDatabase(), orders)
      brands.set(orders, made)
      return await made
    },
    copyOf: async brand => await createDatabase(new URL(brand.url).pathname.slice(1)),
    say: text => void process.stderr.write(`${text}\n`),
    async close() {
      await other?.stop()
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
  return bench
}

/** Data of that size is given a quarter of the machine's memory, as whoever keeps a large brand would. */
const LARGE_SETTINGS = { shared_buffers: `${Math.floor(totalmem() / 4 / 2 ** 20)}MB`, max_wal_size: '8GB' }

async function openGiven(dataDir: string): Promise<{ brand: GivenBrand; stop(): Promise<void> }> {
  const running = await findRunningEmbeddedPostgres(dataDir)
  const server = running
    ? { ...running, stop: async () => {} }
    : await startEmbeddedPostgres({ dataDir, settings: LARGE_SETTINGS })
  try {
    await migrateDatabase(server.url)
    const owner = openPool(server.url, { max: 1, asOwner: true, statementTimeoutMs: 0 })
    const [last] = await owner<{ at: number }[]>`
      SELECT max(paid_at) AS at FROM orders WHERE brand_id = ${DEFAULT_BRAND_ID} AND source <> 'bench'`
    await owner.end({ timeout: 5 })
    const keyOf = async (name: string) => (await readFile(join(dataDir, 'keys', name), 'utf8')).trim()
    const env = { DATA_KEY: await keyOf('data-key'), SESSION_SECRET: await keyOf('session-secret') }
    return { brand: { url: server.url, brandId: DEFAULT_BRAND_ID, until: last!.at, env }, stop: () => server.stop() }
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function makeBrand(url: string, orders: number): Promise<BrandDatabase> {
  const bulk = await bulkUrl(url)
  const pool = openPool(bulk, { max: 12, asOwner: true, statementTimeoutMs: 0 })
  const progress = createProgressLine()
  const until = Math.floor(Date.now() / DAY_MS) * DAY_MS
  try {
    const startedAt = performance.now()
    const filled = await fillBrand(pool, {
      databaseUrl: bulk,
      dataKey: DATA_KEY,
      brand: { brandId: DEFAULT_BRAND_ID, orders, seed: 1, until, zone: ZONE },
      append: false,
      onProgress: ({ phase, orders: done }) => progress.show(`making a brand: ${phase} ${done > 0 ? done : ''}`),
    })
    const totalSeconds = (performance.now() - startedAt) / 1000
    return { url, brandId: DEFAULT_BRAND_ID, until, filled: { ...filled, totalSeconds } }
  } finally {
    progress.end()
    await pool.end({ timeout: 5 })
  }
}
