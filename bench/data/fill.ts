import { monthlyBonus } from '../../server/features/commissions/bonuses/domain.ts'
import { planInForce } from '../../server/features/commissions/domain.ts'
import type { BonusEntitlement } from '../../server/features/commissions/service.ts'
import type { Db, Pool } from '../../server/database.ts'
import { contentHash } from '../../server/lib/items.ts'
import { createVault } from '../../server/lib/vault.ts'
import { boundInstant, DAY_MS, formatInstant } from '../../server/lib/time.ts'
import { Brand, type BrandOptions, type GeneratedStore } from './brand.ts'
import { CopyStream } from './copy.ts'
import {
  buildIndex,
  dropIndexes,
  finishIndex,
  forgetIndexes,
  hasMissingIndexes,
  selectMissingIndexes,
} from './indexes.ts'
import { mix, Random } from './random.ts'
import type { RowBuffer } from './row-buffer.ts'
import { Rows } from './rows.ts'
import { runShards, type ShardResult } from './run-shards.ts'
import { TABLES, type TableName } from './tables.ts'

export interface FillOptions {
  databaseUrl: string
  dataKey: Buffer
  brand: BrandOptions
  /** Other brands' rows are there: the indexes stay, which takes much longer. */
  append: boolean
  /** Ends it early. */
  signal?: AbortSignal
  onProgress: (progress: { phase: string; orders: number }) => void
}

export interface Filled {
  rows: Record<string, number>
  /** How long each part took. */
  seconds: Record<string, number>
}

const TABLE_NAMES = Object.keys(TABLES) as TableName[]
/** All that is written to; the plans are few, and keep their key. */
const FILLED = [...TABLE_NAMES, 'plans']
/** How many indexes are built, or tables looked through, at once. */
const AT_ONCE = 2

/**
 * Fills a brand: what happened, and what follows from it, as if the service had taken and booked it all. Where it fails,
 * what was written is taken away again; but not where other brands' rows are beside it.
 *
 * @param pool as the owner of the tables
 */
export async function fillBrand(pool: Pool, options: FillOptions): Promise<Filled> {
  try {
    return await fill(pool, options)
  } catch (error) {
    if (!options.append) await cleanUp(pool)
    throw error
  }
}

async function fill(pool: Pool, options: FillOptions): Promise<Filled> {
  const { append, onProgress, signal } = options
  const brand = new Brand(options.brand)
  const clock = new Stopwatch()
  if (!append && (await isFilled(pool))) throw new Error('the tables are not empty')
  await makePartitions(pool, brand)
  if (!append) await dropIndexes(pool, TABLE_NAMES)
  clock.lap('preparing')
  const rows = await writeBrand(pool, brand, { isFirst: !append })
  signal?.throwIfAborted()
  clock.lap('brand')
  const shards = await runShards(options)
  for (const shard of shards) addCounts(rows, shard.rows)
  clock.lap('orders')
  addCounts(rows, await writeBonuses(pool, brand, { shards, isFirst: !append }))
  signal?.throwIfAborted()
  clock.lap('bonuses')
  if (!append) await rebuildIndexes(pool, { onProgress, signal })
  clock.lap('indexes')
  // What was summed of the brand before is of other evidence: the service begins anew.
  await pool`DELETE FROM rollup_states WHERE brand_id = ${options.brand.brandId}`
  onProgress({ phase: 'statistics', orders: 0 })
  await inTurns(TABLE_NAMES, table => pool`ANALYZE ${pool(table)}`)
  clock.lap('statistics')
  return { rows, seconds: clock.seconds }
}

type Counts = Record<string, number>

function addCounts(rows: Counts, more: Counts): void {
  for (const [table, count] of Object.entries(more)) rows[table] = (rows[table] ?? 0) + count
}

/** Works on so many at a time as there are processors for. */
async function inTurns<T>(things: readonly T[], work: (thing: T) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < things.length) await work(things[next++]!)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

class Stopwatch {
  readonly seconds: Record<string, number> = {}
  #since = performance.now()

  lap(name: string): void {
    const now = performance.now()
    this.seconds[name] = (now - this.#since) / 1000
    this.#since = now
  }
}

/** Whether there are rows in any table that would be written. */
export async function isFilled(db: Db): Promise<boolean> {
  const counts = await Promise.all(FILLED.map(table => db`SELECT FROM ${db(table)} LIMIT 1`))
  return counts.some(rows => rows.length > 0)
}

/** Takes away what a run left that was killed: its rows, and the indexes that it had dropped. */
export async function cleanUp(pool: Pool): Promise<boolean> {
  if (!(await hasMissingIndexes(pool))) return false
  await pool`TRUNCATE ${pool(FILLED)}`
  await rebuildIndexes(pool, { onProgress: () => {} })
  return true
}

async function makePartitions(db: Db, { months, options }: Brand): Promise<void> {
  for (const instant of [...months.map(month => month.start), options.until]) {
    for (const table of ['ledger_rows', 'touches']) {
      await db`SELECT ensure_month_partition(${table}, ${formatInstant(instant).slice(0, 10)}::date)`
    }
  }
}

/** Stores, associates, products, targets, plans and share links. @returns how many rows each table got */
async function writeBrand(pool: Pool, brand: Brand, { isFirst }: { isFirst: boolean }): Promise<Counts> {
  const { brandId } = brand.options
  const write = new Rows(brandId, createVault(Buffer.alloc(32)))
  const toldAt = brand.calendar.from - 400 * DAY_MS
  const copy = async <T>(
    table: TableName,
    things: Iterable<T>,
    writeOne: (to: RowBuffer, thing: T) => void,
  ): Promise<[string, number]> => {
    const stream = await CopyStream.open(pool, table, { isFirst })
    for (const thing of things) {
      writeOne(stream.rows, thing)
      await stream.sendFull()
    }
    await stream.end()
    return [table, stream.rows.rows]
  }
  for (const content of brand.planContents) {
    await pool`
      INSERT INTO plans (brand_id, code, version, effective_from, effective_to, content, content_hash, is_retroactive,
        published_at, published_by)
      VALUES (${brandId}, ${content.code}, ${content.version}, ${content.effectiveFrom}::text::timestamptz, NULL,
        ${JSON.stringify(content)}::text::jsonb, ${contentHash(content)}, true, ${toldAt}, 'bench:data')`
  }
  const written = await Promise.all([
    copy('stores', brand.stores, (to, store) => write.store(to, store, toldAt)),
    copy('associates', brand.associates, (to, associate) => write.associate(to, associate, toldAt)),
    copy('products', brand.products, (to, product) => write.product(to, product, toldAt)),
    copy('targets', targetsOf(brand), (to, target) => write.target(to, target, target.toldAt)),
    copy('link_codes', linksOf(brand), (to, link) => write.linkCode(to, link)),
    copy('share_links', linksOf(brand), (to, link) => write.link(to, link, brand.drawTarget(link))),
  ])
  return { ...Object.fromEntries(written), plans: brand.planContents.length }
}

function* targetsOf(brand: Brand) {
  for (const [i, { month, start }] of brand.months.entries()) {
    const target = (kind: 'store' | 'associate', subject: string, store: GeneratedStore) => ({
      month,
      kind,
      subject,
      netSalesFen: brand.targetFen({ store, isStore: kind === 'store' }, i),
      toldAt: start,
    })
    for (const store of brand.stores) {
      yield target('store', store.storeCode, store)
      for (let j = 0; j < store.staffCount; j++) {
        yield target('associate', brand.associates[store.staffFrom + j]!.associateId, store)
      }
    }
  }
}

function* linksOf(brand: Brand) {
  for (let number = 0; number < brand.linksPerAssociate; number++) {
    for (let associate = 0; associate < brand.associates.length; associate++) yield brand.linkOf(associate, number)
  }
}

/** Every bonus that the months owe, booked once at the month's end, or now for the month that is not over. */
async function writeBonuses(
  pool: Pool,
  brand: Brand,
  { shards, isFirst }: { shards: readonly ShardResult[]; isFirst: boolean },
): Promise<Counts> {
  const { brandId, until, seed } = brand.options
  const write = new Rows(brandId, createVault(Buffer.alloc(32)))
  const entitlements = await CopyStream.open(pool, 'bonus_entitlements', { isFirst })
  const ledgerRows = await CopyStream.open(pool, 'ledger_rows', { isFirst: false }) // beside those of orders
  const storeOf = new Map(brand.stores.map(store => [store.storeCode, store]))
  const random = new Random(mix(seed, 11))
  for (const [i, { month, end }] of brand.months.entries()) {
    const bases = new Map<string, bigint>()
    for (const shard of shards) {
      for (const [associateId, basisFen] of shard.bases[i]!) {
        bases.set(associateId, (bases.get(associateId) ?? 0n) + BigInt(basisFen))
      }
    }
    const plan = planInForce(brand.plans, end - 1)
    if (!plan?.monthlyTiers) continue
    for (const [associateId, basisFen] of bases) {
      const { storeCode } = brand.associatesById.get(associateId)!
      const store = storeCode === null ? undefined : storeOf.get(storeCode)
      const targetFen = store ? brand.targetFen({ store, isStore: false }, i) : null
      const bonus = monthlyBonus(basisFen, plan.monthlyTiers, targetFen)
      if (bonus === null || bonus.amountFen === 0) continue
      const owed: BonusEntitlement = {
        associateId,
        month,
        bearerKind: 'headquarters',
        bearer: 'headquarters',
        planCode: plan.code,
        planVersion: plan.version,
        availableAt: boundInstant(end + plan.holdDays * DAY_MS),
        amountFen: bonus.amountFen,
      }
      write.bonus(entitlements.rows, owed)
      write.ledgerRowOfBonus(ledgerRows.rows, owed, { at: Math.min(end, until), reason: 'evidence', random })
      await entitlements.sendFull()
      await ledgerRows.sendFull()
    }
  }
  await Promise.all([entitlements.end(), ledgerRows.end()])
  return { bonus_entitlements: entitlements.rows.rows, ledger_rows: ledgerRows.rows.rows }
}

/**
 * Builds what `dropIndexes` dropped. Indexes of one table are built beside each other; but those of a partitioned table one
 * after the other, since its key can only be built where nobody else works on it. Other keys are made of built indexes at
 * the end: each would wait until nothing else of its table is being built.
 */
async function rebuildIndexes(
  pool: Pool,
  { onProgress, signal }: { onProgress: FillOptions['onProgress']; signal?: AbortSignal | undefined },
): Promise<void> {
  const missing = await selectMissingIndexes(pool)
  const partitioned = new Set(missing.filter(index => index.isPartitioned).map(({ table }) => table))
  const works = [
    ...[...partitioned].map(table => missing.filter(index => index.table === table)),
    ...missing.filter(index => !index.isPartitioned).map(index => [index]),
  ]
  let begun = 0
  await inTurns(works, async indexes => {
    for (const index of indexes) {
      signal?.throwIfAborted()
      onProgress({ phase: `index ${index.name} (${++begun} of ${missing.length})`, orders: 0 })
      await buildIndex(pool, index)
    }
  })
  for (const index of missing) await finishIndex(pool, index)
  await forgetIndexes(pool)
}
