import type { Pool } from '../database.ts'
import { tendTasks } from '../features/task-rules/service.ts'
import type { Instant } from '../lib/time.ts'
import type { Worker } from './reconcile.ts'

const EVERY_MS = 5 * 60_000

/** Makes the day's tasks and closes those without a reason, until it is stopped. Harmless when several processes do it. */
export function startTaskWorker(options: {
  pool: Pool
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  let isStopped = false
  let wake: () => void = () => {}
  const sleep = () =>
    new Promise<void>(resolve => {
      const timer = setTimeout(resolve, EVERY_MS)
      timer.unref()
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const run = async () => {
    while (!isStopped) {
      await tendTasks(options.pool, { clock: options.now, isStopped: () => isStopped }).catch(options.onError)
      if (!isStopped) await sleep()
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
