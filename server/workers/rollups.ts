import type { Pool } from '../database.ts'
import { refreshStatistics, selectBrands, sumStep } from '../features/rollups/service.ts'
import type { Instant } from '../lib/time.ts'
import { startLoop, type Worker } from './loop.ts'

/** How long it sleeps after everything was summed. */
const IDLE_MS = 1000
/** While much comes at once, sums are left to grow old rather than take what taking it needs. */
const REST = 3
/** Figures are at most five seconds old, so a rest is no longer. */
const REST_MOST_MS = 2000
/** After so much the planner's statistics are of another database. */
const BULK = 5000
/** How many tables are looked through then, partitions among them. */
const TABLES_MOST = 100

/** Sums days ahead, brand by brand, wherever something changed. Of several processes one at a time does so. */
export function startRollupWorker(options: {
  pool: Pool
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  const { pool, now, onError } = options
  let summed = 0
  /** Also while there is more to sum: a brand's first days are a long work, by statistics of empty tables a longer one. */
  const lookTablesThrough = async (isStopped: () => boolean) => {
    if (summed < BULK) return
    summed = 0
    for (let i = 0; i < TABLES_MOST && !isStopped(); i++) if ((await refreshStatistics(pool)) === null) return
  }
  return startLoop(
    async ({ isStopped, rest }) => {
      for (const brand of await selectBrands(pool)) {
        for (let begun = performance.now(); !isStopped(); begun = performance.now()) {
          const count = await sumStep(pool, { ...brand, now: now() })
          if (count === 0) break
          summed += count
          await lookTablesThrough(isStopped)
          await rest(Math.min(REST_MOST_MS, REST * (performance.now() - begun)))
        }
      }
      await lookTablesThrough(isStopped)
      return IDLE_MS
    },
    { name: 'rollups', onError },
  )
}
