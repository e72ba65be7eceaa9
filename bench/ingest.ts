import { openPool } from '../server/database.ts'
import { ZONE, type Bench } from './lib/bench.ts'
import type { Figure } from './lib/figure.ts'
import type { LoadMeasured } from './lib/load-process.ts'
import { onceInRun } from './lib/once.ts'
import { createdPerSecond, OrderLoad } from './lib/order-load.ts'
import { CLIENTS, runPgbench } from './lib/pgbench.ts'
import { prepareBrand } from './lib/prepared.ts'
import { startService } from './lib/service.ts'
import { readShop, type Sellers } from './lib/tickets.ts'

/** Small enough to be made in seconds; bench/growth says what a larger one costs. */
const BRAND_ORDERS = 100_000
const SECONDS = 10
const WARM_SECONDS = 15
const BATCH = 100
const BATCH_CONNECTIONS = 4

const LIMIT_P99_MS = 40
const LIMIT_BATCHED = 8000
const LIMIT_HOT = 0.9

interface Ingested {
  transactionsPerSecond: number
  single: LoadMeasured
  singlePerSecond: number
  batchedPerSecond: number
  /** Batches that all name the same associate, or whose associates are all of one store, over batches of everybody. */
  hotAssociate: number
  hotStore: number
}

/** Orders over HTTP into a brand with a history, every rule on, and pgbench beside them on the same server. */
export const ingest: Figure = {
  name: 'ingest',
  measures: `orders taken and booked, one a request over ${CLIENTS} connections`,
  async run(bench) {
    const { single, singlePerSecond, transactionsPerSecond } = await measured(bench)
    return {
      value: singlePerSecond,
      unit: 'orders/s',
      ratio: singlePerSecond / transactionsPerSecond,
      against: `pgbench TPC-B ${Math.round(transactionsPerSecond)}/s`,
      limit: { atLeast: 1 },
      details: { p50Ms: single.p50Ms, p99Ms: single.p99Ms, maxMs: single.maxMs },
    }
  },
}

export const ingestLatency: Figure = {
  name: 'ingest p99',
  measures: 'how long the slowest 1 % of them took',
  async run(bench) {
    const { single } = await measured(bench)
    return { value: single.p99Ms, unit: 'ms', limit: { atMost: LIMIT_P99_MS }, details: { p50Ms: single.p50Ms } }
  },
}

export const ingestBatches: Figure = {
  name: 'ingest batches',
  measures: `the same in batches of ${BATCH} over ${BATCH_CONNECTIONS} connections`,
  async run(bench) {
    const { batchedPerSecond } = await measured(bench)
    return { value: batchedPerSecond, unit: 'orders/s', limit: { atLeast: LIMIT_BATCHED } }
  },
}

export const ingestHot: Figure = {
  name: 'ingest hot',
  measures: 'the same where one associate, or one store, sells all',
  async run(bench) {
    const { batchedPerSecond, hotAssociate, hotStore } = await measured(bench)
    const ratio = Math.min(hotAssociate, hotStore)
    return {
      value: ratio * batchedPerSecond,
      unit: 'orders/s',
      ratio,
      against: 'everybody sells',
      limit: { atLeast: LIMIT_HOT },
      details: { hotAssociate, hotStore },
    }
  },
}

const measured = onceInRun<Ingested>(measure)

async function measure(bench: Bench): Promise<Ingested> {
  const brand = await bench.brand(BRAND_ORDERS)
  const url = await bench.copyOf(brand)
  await prepareBrand(url, brand.brandId, ZONE)
  const owner = openPool(url, { max: 1, asOwner: true, statementTimeoutMs: 0 })
  const shop = await readShop(owner, brand)
  await owner.end({ timeout: 5 })
  const pgbenchUrl = await bench.emptyDatabase()
  const service = await startService(url)
  const load = await OrderLoad.to(service, shop)
  const oneByOne = { batch: 1, connections: CLIENTS }
  const batched = { seconds: SECONDS, batch: BATCH, connections: BATCH_CONNECTIONS }
  try {
    await load.send('spread', { ...oneByOne, seconds: WARM_SECONDS })
    await load.send('spread', batched)
    const before = await runPgbench(pgbenchUrl, { seconds: SECONDS, isFilled: false })
    const single = await load.send('spread', { ...oneByOne, seconds: 2 * SECONDS })
    const after = await runPgbench(pgbenchUrl, { seconds: SECONDS, isFilled: true })
    // In turns, and there and back again: the tables grow meanwhile.
    const perSecond: Record<Sellers, number> = { spread: 0, 'hot associate': 0, 'hot store': 0 }
    const turns = ['spread', 'hot associate', 'hot store'] as const
    for (const sellers of [...turns, ...turns.toReversed()]) {
      perSecond[sellers] += createdPerSecond(await load.send(sellers, batched)) / 2
    }
    return {
      transactionsPerSecond: (before + after) / 2,
      single,
      singlePerSecond: createdPerSecond(single),
      batchedPerSecond: perSecond.spread,
      hotAssociate: perSecond['hot associate'] / perSecond.spread,
      hotStore: perSecond['hot store'] / perSecond.spread,
    }
  } finally {
    await service.stop()
    await load.close()
  }
}
