import type { Pool } from '../database.ts'
import type { Threads } from '../features/commissions/backtests/lanes.ts'
import { runBacktest } from '../features/commissions/backtests/service.ts'
import type { Instant } from '../lib/time.ts'
import type { Worker } from './reconcile.ts'

/** How often it looks for back-tests, also those that a process left that has died. */
const IDLE_MS = 1000
/** How long it waits after a failure, such as a database that is away. */
const FAILED_MS = 1000

/** Runs back-tests one after the other, beside the bookings. Several processes may do so at once. */
export function startBacktestWorker(options: {
  pool: Pool
  /** null: back-tests are run in this thread. */
  threads: Threads | null
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  const { pool, now, threads } = options
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

  const run = async () => {
    while (!isStopped) {
      try {
        if (!(await runBacktest(pool, { now, threads, isStopped: () => isStopped }))) await sleep(IDLE_MS)
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
    },
  }
}
