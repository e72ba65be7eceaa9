import { randomUUID } from 'node:crypto'
import { channelHandlers } from '../features/channel-codes/service.ts'
import { mirrorHandlers } from '../features/mirror/handlers.ts'
import type { MirrorDependencies } from '../features/mirror/service.ts'
import { leaveSync, planSync, syncStep } from '../features/mirror/sync.ts'
import { transferHandlers } from '../features/transfers/service.ts'
import { takeMessages, type InboxWork, type Wecom } from '../features/wecom/service.ts'
import { startLoop, together, type Worker } from './loop.ts'

/** How long the worker sleeps where nobody wakes it. */
const IDLE_MS = 1000
const FAILED_MS = 1000
/** How many events a process deals with beside each other. */
const LANES = 8

/** Deals with what WeCom called back with, until it is stopped. Several processes may do so at once. */
export function startInboxWorker(options: InboxWork & { onError: (error: unknown) => void }): Worker {
  const { pool, onError } = options
  let hasFailed = false
  const underWay = new Map<string, Promise<void>>()
  const loop = startLoop(
    async ({ rest }) => {
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
        return FAILED_MS
      }
      if (underWay.size >= LANES) await Promise.race(underWay.values())
      else if (underWay.size > 0) await Promise.race([...underWay.values(), rest(IDLE_MS)])
      else if (taken.length === 0) return IDLE_MS
      return 0
    },
    { name: 'wecom', onError, wokenBy: { pool, channel: 'daogou_wecom_inbox' } },
  )
  return {
    async stop() {
      await loop.stop()
      await Promise.all(underWay.values())
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
  const loop = startLoop(
    async () => {
      const done = await syncStep(options, { leaseId })
      return done === 'none' && !(await planSync(pool, { brandId, now: now() })) ? SYNC_IDLE_MS : 0
    },
    { name: 'wecom', onError, failedMs: SYNC_FAILED_MS },
  )
  return {
    async stop() {
      await loop.stop()
      await leaveSync(options, { leaseId }).catch(onError)
    },
  }
}

/** What is done about events: by the mirror first, then by what is built on it. Transfers know who is not to be welcomed. */
const handlersOf = (dependencies: MirrorDependencies) =>
  transferHandlers(dependencies, channelHandlers(dependencies, mirrorHandlers(dependencies)))

/** Both, where WeCom is set up. */
export function startWecomWorkers(
  options: Omit<MirrorDependencies, 'wecom' | 'brandId'> & { wecom: Wecom | null; onError: (error: unknown) => void },
): Worker {
  const { wecom } = options
  if (!wecom) return { stop: () => Promise.resolve() }
  const dependencies = { ...options, wecom, brandId: wecom.brandId }
  return together([
    startInboxWorker({ ...dependencies, handlers: handlersOf(dependencies) }),
    startSyncWorker(dependencies),
  ])
}
