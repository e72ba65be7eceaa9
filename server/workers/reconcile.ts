import type { Pool } from '../database.ts'
import { bindStep } from '../features/bindings/service.ts'
import { selectMarkedBrands, selectOpenJobBrands } from '../features/commissions/queries.ts'
import { bookBonuses, bookRewards, rebookStep, reconcileStep } from '../features/commissions/service.ts'
import type { Instant } from '../lib/time.ts'

/** How long the worker sleeps where nobody wakes it. */
const IDLE_MS = 1000
/** How long it waits for transactions that are under way. */
const SOON_MS = 5
/** How long it waits after a failure, such as a database that is away. */
const FAILED_MS = 1000

export interface Worker {
  stop(): Promise<void>
}

/** Books what was marked, brand by brand, until it is stopped. Several processes may do so at once. */
export function startReconcileWorker(options: {
  pool: Pool
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  const { pool, now } = options
  let isStopped = false
  let wake: () => void = () => {}
  const sleep = (ms: number) =>
    new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const listening = pool.listen('daogou_marks', () => wake()).catch(options.onError)

  /** By brand: until when its bonuses rest. While orders pour in, a month would else be added up for each of them. */
  const resting = new Map<number, number>()
  const bookRestedBonuses = async (brandId: number) => {
    const began = performance.now()
    if (began < (resting.get(brandId) ?? 0)) return
    await bookBonuses(pool, brandId, now())
    const ended = performance.now()
    resting.set(brandId, ended + 2 * (ended - began))
  }

  const run = async () => {
    while (!isStopped) {
      try {
        const brands = new Set([...(await selectMarkedBrands(pool)), ...(await selectOpenJobBrands(pool))])
        for (const brandId of brands) {
          if (isStopped) return
          await bindStep(pool, brandId, now())
          await reconcileStep(pool, brandId, now())
          await rebookStep(pool, brandId, now())
          await bookRestedBonuses(brandId)
          await bookRewards(pool, brandId, now())
        }
        await sleep(brands.size > 0 ? SOON_MS : IDLE_MS)
      } catch (error) {
        if (isStopped) return
        options.onError(error)
        await sleep(FAILED_MS)
      }
    }
  }
  const running = run()
  return {
    async stop() {
      isStopped = true
      wake()
      await running
      const subscription = await listening
      await subscription?.unlisten().catch(() => {})
    },
  }
}
