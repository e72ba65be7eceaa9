import type { Pool } from '../database.ts'
import { traced } from '../lib/tracing.ts'

/** Something that goes on beside the answers, until it is stopped. */
export interface Worker {
  stop(): Promise<void>
}

/** What a step may ask and do. */
export interface Loop {
  isStopped: () => boolean
  /** Waits so long; less where the loop is woken or stopped. */
  rest: (ms: number) => Promise<void>
}

/** How long a loop waits after a failure, such as a database that is away. */
const FAILED_MS = 1000

/**
 * Does a step again and again until it is stopped.
 *
 * @param step says how many milliseconds to wait before the next
 * @param options.name of its rounds in traces
 * @param options.wokenBy a channel of NOTIFY at which the wait ends; one that comes during a step ends nothing
 */
export function startLoop(
  step: (loop: Loop) => Promise<number>,
  options: {
    onError: (error: unknown) => void
    name?: string
    failedMs?: number
    wokenBy?: { pool: Pool; channel: string }
  },
): Worker {
  const { onError, name = 'of many', failedMs = FAILED_MS, wokenBy } = options
  let isOver = false
  let wake: () => void = () => {}
  const rest = async (ms: number) => {
    if (isOver || ms <= 0) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      timer.unref()
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
  const loop: Loop = { isStopped: () => isOver, rest }
  const listening = wokenBy?.pool.listen(wokenBy.channel, () => wake()).catch(onError)

  const run = async () => {
    while (!isOver) {
      try {
        await rest(await traced(`worker ${name}`, { kind: 'internal' }, () => step(loop)))
      } catch (error) {
        if (isOver) return
        onError(error)
        await rest(failedMs)
      }
    }
  }
  const running = run()
  return {
    async stop() {
      isOver = true
      wake()
      await running
      const subscription = await listening
      await subscription?.unlisten().catch(() => {})
    },
  }
}

/** Several as one. */
export const together = (workers: readonly Worker[]): Worker => ({
  async stop() {
    await Promise.all(workers.map(worker => worker.stop()))
  },
})
