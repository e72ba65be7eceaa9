import type { Pool } from '../database.ts'
import { bindStep } from '../features/bindings/service.ts'
import { selectMarkedBrands, selectOpenJobBrands } from '../features/commissions/queries.ts'
import { bookBonuses, bookRewards, rebookStep, reconcileStep } from '../features/commissions/service.ts'
import type { Instant } from '../lib/time.ts'
import { startLoop, type Worker } from './loop.ts'

/** How long the worker sleeps where nobody wakes it. */
const IDLE_MS = 1000
/** How long it waits for transactions that are under way. */
const SOON_MS = 5

/** Books what was marked, brand by brand, until it is stopped. Several processes may do so at once. */
export function startReconcileWorker(options: {
  pool: Pool
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  const { pool, now, onError } = options
  /** By brand: until when its bonuses rest. While orders pour in, a month would else be added up for each of them. */
  const resting = new Map<number, number>()
  const bookRestedBonuses = async (brandId: number) => {
    const began = performance.now()
    if (began < (resting.get(brandId) ?? 0)) return
    await bookBonuses(pool, brandId, now())
    const ended = performance.now()
    resting.set(brandId, ended + 2 * (ended - began))
  }

  return startLoop(
    async ({ isStopped }) => {
      const brands = new Set([...(await selectMarkedBrands(pool)), ...(await selectOpenJobBrands(pool))])
      for (const brandId of brands) {
        if (isStopped()) break
        await bindStep(pool, brandId, now())
        await reconcileStep(pool, brandId, now())
        await rebookStep(pool, brandId, now())
        await bookRestedBonuses(brandId)
        await bookRewards(pool, brandId, now())
      }
      return brands.size > 0 ? SOON_MS : IDLE_MS
    },
    { onError, wokenBy: { pool, channel: 'daogou_marks' } },
  )
}
