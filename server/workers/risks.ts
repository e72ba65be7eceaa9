import type { Pool } from '../database.ts'
import { buildRiskScanner } from '../features/risks/service.ts'
import type { Instant } from '../lib/time.ts'
import { startLoop, type Worker } from './loop.ts'

const EVERY_MS = 5 * 60_000

/** Looks for what is wrong, every few minutes, until it is stopped. Harmless when several processes do it. */
export function startRiskWorker(options: {
  pool: Pool
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  const { pool, now, onError } = options
  const scan = buildRiskScanner(pool)
  return startLoop(
    async ({ isStopped }) => {
      await scan(now(), isStopped)
      return EVERY_MS
    },
    { name: 'risks', onError, failedMs: EVERY_MS },
  )
}
