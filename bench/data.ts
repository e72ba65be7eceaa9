/**
 * `npm run bench:data`: a brand with as many orders as asked for, written straight into the tables, and all that follows
 * from them with it. The audit finds nothing in it.
 */
import { readArguments, runCommand, say, withData, wrongArguments } from '../server/cli/command.ts'
import { openPool, type Pool } from '../server/database.ts'
import { DEFAULT_BRAND_ID } from '../server/features/auth/service.ts'
import { zoneOf } from '../server/features/commissions/service.ts'
import { ExitError } from '../server/errors.ts'
import { DAY_MS, formatInstant, parseInstant } from '../server/lib/time.ts'
import { readSettings } from '../server/settings.ts'
import { bulkServerSettings, bulkUrl } from './data/bulk.ts'
import { cleanUp, fillBrand, isFilled, type Filled } from './data/fill.ts'
import { createProgressLine } from './lib/progress.ts'

const usage = `npm run bench:data -- --orders N [--seed N] [--until INSTANT] [--append]

  --orders   how many, up to 100000000
  --seed     another one gives another brand; default 1
  --until    where the two years of history end; default the last midnight (UTC)
  --append   fill another brand beside those that are there, which takes longer: without it the tables must be empty

Nobody else may work on the database meanwhile. A run that was killed is made good by the next.
`

await runCommand(async argv => {
  const { values } = readArguments(argv, usage, {
    options: {
      orders: { type: 'string' },
      seed: { type: 'string', default: '1' },
      until: { type: 'string' },
      append: { type: 'boolean', default: false },
    },
  })
  const orders = readWhole('--orders', values.orders, 1, 100_000_000)
  const seed = readWhole('--seed', values.seed, 0, 0xffff_ffff)
  const until = values.until === undefined ? Math.floor(Date.now() / DAY_MS) * DAY_MS : parseInstant(values.until)
  if (until === null) throw wrongArguments('--until must be an instant with its offset', usage)
  return await withData(
    ({ databaseUrl, signal }) => fill(databaseUrl, { orders, seed, until, append: values.append, signal }),
    bulkServerSettings({ isArchived: readSettings().walArchiveDir !== null }),
  )
})

function readWhole(option: string, text: string | undefined, least: number, most: number): number {
  const value = /^\d+$/.test(text ?? '') ? Number(text) : NaN
  if (value >= least && value <= most) return value
  throw wrongArguments(`${option} must be a whole number from ${least} to ${most}`, usage)
}

async function fill(
  databaseUrl: string,
  options: { orders: number; seed: number; until: number; append: boolean; signal: AbortSignal },
): Promise<number> {
  const { orders, seed, until, append, signal } = options
  const settings = readSettings()
  const url = await bulkUrl(settings.migrationDatabaseUrl ?? databaseUrl)
  const pool = openPool(url, { max: 12, asOwner: true, statementTimeoutMs: 0 })
  const progress = createProgressLine()
  try {
    if (await cleanUp(pool)) say('Took away what a run left that was killed.')
    if (!append && (await isFilled(pool))) {
      throw new ExitError(1, 'There is data already. Use an empty database, or --append for another brand beside it.')
    }
    const brandId = append ? await createBrand(pool) : DEFAULT_BRAND_ID
    const startedAt = performance.now()
    const filled = await fillBrand(pool, {
      databaseUrl: url,
      dataKey: settings.dataKey,
      brand: { brandId, orders, seed, until, zone: await zoneOf(pool, brandId) },
      append,
      signal,
      onProgress: ({ phase, orders: done }) =>
        progress.show(`${phase}${done > 0 ? ` ${done} of ${orders}` : ''}, ${elapsed(startedAt)}`),
    })
    progress.end()
    process.stdout.write(describe(filled, { brandId, orders, until, seconds: (performance.now() - startedAt) / 1000 }))
    return 0
  } catch (error) {
    throw signal.aborted ? new ExitError(1, 'Ended early; nothing of it stays.') : error
  } finally {
    progress.end()
    await pool.end({ timeout: 5 })
  }
}

async function createBrand(pool: Pool): Promise<number> {
  const [row] = await pool<{ brandId: number }[]>`
    INSERT INTO brands (brand_id, slug, name, timezone, created_at)
    SELECT max(brand_id) + 1, 'bench-' || max(brand_id) + 1, 'Bench', 'Asia/Shanghai', now() FROM brands
    RETURNING brand_id AS "brandId"`
  return row!.brandId
}

function elapsed(since: number): string {
  return `${Math.round((performance.now() - since) / 1000)} s`
}

function describe(
  { rows, seconds }: Filled,
  run: { brandId: number; orders: number; until: number; seconds: number },
): string {
  const parts = Object.entries(seconds).map(([name, value]) => `${name} ${value.toFixed(1)} s`)
  const tables = Object.entries(rows).map(([table, count]) => `  ${table.padEnd(20)}${String(count).padStart(12)}\n`)
  return (
    `Brand ${run.brandId}: ${run.orders} orders until ${formatInstant(run.until)} in ${run.seconds.toFixed(1)} s, ` +
    `${Math.round(run.orders / run.seconds)} orders/s (${parts.join(', ')})\n${tables.join('')}`
  )
}
