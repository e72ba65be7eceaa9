import type { Pool } from '../database.ts'
import { buildRiskScanner } from '../features/risks/service.ts'
import type { Instant } from '../lib/time.ts'
import type { Worker } from './reconcile.ts'

const EVERY_MS = 5 * 60_000

/** Looks for what is wrong, every few minutes, until it is stopped. Harmless when several processes do it. */
export function startRiskWorker(options: {
  pool: Pool
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  const scan = buildRiskScanner(options.pool)
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
      await scan(options.now(), () => isStopped).catch(options.onError)
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
