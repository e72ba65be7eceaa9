import { randomUUID } from 'node:crypto'
import { channelHandlers } from '../features/channel-codes/service.ts'
import { mirrorHandlers } from '../features/mirror/handlers.ts'
import type { MirrorDependencies } from '../features/mirror/service.ts'
import { leaveSync, planSync, syncStep } from '../features/mirror/sync.ts'
import { takeMessages, type InboxWork, type Wecom } from '../features/wecom/service.ts'
import type { Worker } from './reconcile.ts'

/** How long the worker sleeps where nobody wakes it. */
const IDLE_MS = 1000
const FAILED_MS = 1000
/** How many events a process deals with beside each other. */
const LANES = 8

/** Deals with what WeCom called back with, until it is stopped. Several processes may do so at once. */
export function startInboxWorker(options: InboxWork & { onError: (error: unknown) => void }): Worker {
  const { pool, onError } = options
  let isStopped = false
  let hasFailed = false
  let wake: () => void = () => {}
  const sleep = (ms: number) =>
    new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const listening = pool.listen('daogou_wecom_inbox', () => wake()).catch(onError)
  const underWay = new Map<string, Promise<void>>()

  const run = async () => {
    while (!isStopped) {
      try {
        const taken = await takeMessages(options, LANES - underWay.size)
        for (const { messageId, done } of taken) {
          const work = done
            .catch((error: unknown) => {
              hasFailed = true
              onError(error)
            })
            .finally(() => underWay.delete(messageId))
          underWay.set(messageId, work)
        }
        if (hasFailed) {
          hasFailed = false
          await sleep(FAILED_MS)
        } else if (underWay.size >= LANES) await Promise.race(underWay.values())
        else if (underWay.size > 0) await Promise.race([...underWay.values(), sleep(IDLE_MS)])
        else if (taken.length === 0) await sleep(IDLE_MS)
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
      await Promise.all(underWay.values())
      const subscription = await listening
      await subscription?.unlisten().catch(() => {})
    },
  }
}

/** How long the walker sleeps where there is nothing to walk through. */
const SYNC_IDLE_MS = 5000
const SYNC_FAILED_MS = 10_000

/** Walks through what WeCom has when it is time. Several processes may do so: one works on a walk, another takes over. */
export function startSyncWorker(options: MirrorDependencies & { onError: (error: unknown) => void }): Worker {
  const { pool, brandId, now, onError } = options
  const leaseId = randomUUID()
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
        const done = await syncStep(options, { leaseId })
        if (done === 'none' && !(await planSync(pool, { brandId, now: now() }))) await sleep(SYNC_IDLE_MS)
      } catch (error) {
        if (isStopped) return
        onError(error)
        await sleep(SYNC_FAILED_MS)
      }
    }
  }
  const running = run()
  return {
    async stop() {
      isStopped = true
      wake()
      await running
      await leaveSync(options, { leaseId }).catch(onError)
    },
  }
}

/** Both, where WeCom is set up. */
export function startWecomWorkers(
  options: Omit<MirrorDependencies, 'wecom' | 'brandId'> & { wecom: Wecom | null; onError: (error: unknown) => void },
): Worker {
  const { wecom } = options
  if (!wecom) return { stop: () => Promise.resolve() }
  const dependencies = { ...options, wecom, brandId: wecom.brandId }
  const workers = [
    startInboxWorker({ ...dependencies, handlers: channelHandlers(dependencies, mirrorHandlers(dependencies)) }),
    startSyncWorker(dependencies),
  ]
  return {
    async stop() {
      await Promise.all(workers.map(worker => worker.stop()))
    },
  }
}
