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
const NOTHING = { orders: false, bonuses: false, rewards: false, bindings: false }

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
      const marked = new Map((await selectMarkedBrands(pool)).map(marks => [marks.brandId, marks]))
      const withJobs = new Set(await selectOpenJobBrands(pool))
      let restMs = Infinity
      for (const brandId of new Set([...marked.keys(), ...withJobs])) {
        if (isStopped()) break
        const { orders, bonuses, rewards, bindings } = marked.get(brandId) ?? NOTHING
        if (bindings) await bindStep(pool, brandId, now())
        if (orders) await reconcileStep(pool, brandId, now())
        if (withJobs.has(brandId)) await rebookStep(pool, brandId, now())
        if (bonuses) await bookRestedBonuses(brandId)
        if (rewards) await bookRewards(pool, brandId, now())
        // All that is left may be bonuses that rest.
        const isResting = !orders && !rewards && !bindings && !withJobs.has(brandId)
        restMs = Math.min(restMs, isResting ? (resting.get(brandId) ?? 0) - performance.now() : SOON_MS)
      }
      return Math.min(IDLE_MS, Math.max(SOON_MS, restMs))
    },
    { name: 'reconcile', onError, wokenBy: { pool, channel: 'daogou_marks' } },
  )
}
