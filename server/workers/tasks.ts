import type { Pool } from '../database.ts'
import { tendTasks } from '../features/task-rules/service.ts'
import type { Instant } from '../lib/time.ts'
import { startLoop, type Worker } from './loop.ts'

const EVERY_MS = 5 * 60_000

/** Makes the day's tasks and closes those without a reason, until it is stopped. Harmless when several processes do it. */
export function startTaskWorker(options: {
  pool: Pool
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  const { pool, now, onError } = options
  return startLoop(
    async ({ isStopped }) => {
      await tendTasks(pool, { clock: now, isStopped })
      return EVERY_MS
    },
    { name: 'tasks', onError, failedMs: EVERY_MS },
  )
}
