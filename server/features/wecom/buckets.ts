import type { Db } from '../../database.ts'
import { MINUTE_MS, type Instant } from '../../lib/time.ts'
import { KEPT_FOR_PEOPLE, limitOf } from './domain.ts'
import { blockBucket, leaseCalls, selectBucket } from './queries.ts'

/** For how long a process may use what it was lent: it must hear of a block soon. */
const LEASE_MS = 1000
/** No block is longer, whatever the clocks of the processes differ by. */
const BLOCK_MOST_MS = 5 * MINUTE_MS

/** Whether somebody waits for the answer, or a job that has all night. */
export type Patience = 'interactive' | 'job'

/** WeCom's limits, kept by all processes together. */
export interface Buckets {
  /** @returns 0 where the call may be made now, else how long to wait before asking again, in milliseconds */
  take(api: string, patience: Patience): Promise<number>
  /** Nobody calls this API before `until`. */
  block(api: string, until: Instant): Promise<void>
}

export function buildBuckets(options: { db: Db; brandId: number; now: () => Instant }): Buckets {
  const { db, brandId, now } = options
  const lent = new Map<string, { left: number; until: Instant }>()
  const asking = new Map<string, Promise<number>>()

  const takeLent = (key: string): boolean => {
    const own = lent.get(key)
    if (!own || own.left === 0 || own.until <= now()) return false
    own.left -= 1
    return true
  }

  const lease = async (api: string, patience: Patience, key: string): Promise<number> => {
    const { burst, perHour, block } = limitOf(api)
    const intervalMs = 3_600_000 / perHour
    const fullMs = burst * intervalMs
    const burstMs = fullMs * (patience === 'job' ? 1 - KEPT_FOR_PEOPLE : 1)
    const at = now()
    const wanted = { brandId, api, costMs: block * intervalMs, burstMs, fullMs, blockMs: BLOCK_MOST_MS, now: at }
    if (await leaseCalls(db, wanted)) {
      lent.set(key, { left: block, until: at + LEASE_MS })
      return 0
    }
    const bucket = await selectBucket(db, { brandId, api })
    const blockedUntil = bucket?.blockedUntil ?? 0
    const isFreeAt = Math.max(
      blockedUntil > at + BLOCK_MOST_MS ? 0 : blockedUntil,
      Math.min(bucket?.spentUntil ?? 0, at + fullMs) + block * intervalMs - burstMs,
    )
    return Math.max(1, Math.ceil(isFreeAt - at))
  }

  return {
    async take(api, patience) {
      const key = `${patience} ${api}`
      while (!takeLent(key)) {
        const running = asking.get(key) ?? lease(api, patience, key).finally(() => asking.delete(key))
        asking.set(key, running)
        const waitMs = await running
        if (waitMs > 0) return waitMs
      }
      return 0
    },
    async block(api, until) {
      for (const patience of ['interactive', 'job']) lent.delete(`${patience} ${api}`)
      await blockBucket(db, { brandId, api, until, now: now() })
    },
  }
}
