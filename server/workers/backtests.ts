import type { Pool } from '../database.ts'
import type { Threads } from '../features/commissions/backtests/lanes.ts'
import { runBacktest } from '../features/commissions/backtests/service.ts'
import type { Instant } from '../lib/time.ts'
import { startLoop, type Worker } from './loop.ts'

/** How often it looks for back-tests, also those that a process left that has died. */
const IDLE_MS = 1000

/** Runs back-tests one after the other, beside the bookings. Several processes may do so at once. */
export function startBacktestWorker(options: {
  pool: Pool
  /** null: back-tests are run in this thread. */
  threads: Threads | null
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  const { pool, now, threads, onError } = options
  return startLoop(async ({ isStopped }) => ((await runBacktest(pool, { now, threads, isStopped })) ? 0 : IDLE_MS), {
    onError,
  })
}
