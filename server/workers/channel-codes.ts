import type { Pool } from '../database.ts'
import { endLostWelcomes, keepPicture, planCodes, takeWelcome, tellOne, type Welcoming } from '../features/channel-codes/service.ts' // prettier-ignore
import { MINUTE_MS } from '../lib/time.ts'
import type { Wecom } from '../features/wecom/service.ts'
import type { Worker } from './reconcile.ts'

const IDLE_MS = 1000
const FAILED_MS = 1000
/** How many welcomes a process says beside each other: WeCom gives 20 seconds. */
const WELCOMES_AT_ONCE = 8
const CODES_IDLE_MS = 5000
const PLAN_EVERY_MS = 60 * MINUTE_MS
const UPKEEP_EVERY_MS = MINUTE_MS

type Options = Welcoming & { onError: (error: unknown) => void }

/** Says welcomes as soon as they are noted, until it is stopped. Several processes may do so at once. */
function startWelcomes(options: Options): Worker {
  const { pool, onError } = options
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
  const listening = pool.listen('daogou_welcomes', () => wake()).catch(onError)
  const underWay = new Set<Promise<void>>()
  const run = async () => {
    while (!isStopped) {
      try {
        const taken = await takeWelcome(options)
        if (taken) {
          const work = taken.done.catch(onError).finally(() => underWay.delete(work))
          underWay.add(work)
          if (underWay.size >= WELCOMES_AT_ONCE) await Promise.race(underWay)
        } else await sleep(IDLE_MS)
      } catch (error) {
        if (isStopped) return
        onError(error)
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
      await Promise.all(underWay)
      const subscription = await listening
      await subscription?.unlisten().catch(() => {})
    },
  }
}

/** Tells WeCom of codes, and looks every hour whether their people changed. */
function startCodes(options: Options): Worker {
  const { now, onError } = options
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
  let plannedAt = -Infinity
  let keptAt = -Infinity
  const run = async () => {
    while (!isStopped) {
      try {
        if (now() - keptAt >= UPKEEP_EVERY_MS) {
          keptAt = now()
          await endLostWelcomes(options)
          await keepPicture(options)
        }
        if (now() - plannedAt >= PLAN_EVERY_MS) {
          await planCodes(options)
          plannedAt = now()
        }
        if (!(await tellOne(options))) await sleep(CODES_IDLE_MS)
      } catch (error) {
        if (isStopped) return
        onError(error)
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

/** Both, where WeCom is set up. */
export function startChannelWorkers(
  options: Omit<Options, 'wecom' | 'brandId'> & { pool: Pool; wecom: Wecom | null },
): Worker {
  const { wecom } = options
  if (!wecom) return { stop: () => Promise.resolve() }
  const dependencies = { ...options, wecom, brandId: wecom.brandId }
  const workers = [startWelcomes(dependencies), startCodes(dependencies)]
  return {
    async stop() {
      await Promise.all(workers.map(worker => worker.stop()))
    },
  }
}
