import type { Pool } from '../database.ts'
import { forgetOldAudits } from '../features/audit/nights.ts'
import { forgetOldWelcomes } from '../features/channel-codes/service.ts'
import { forgetOldRejects } from '../features/ingest/service.ts'
import { forgetOldCounts } from '../features/limits/service.ts'
import { forgetOldAssociateMessages } from '../features/messages/service.ts'
import { clearAwayLeftovers } from '../features/settlements/service.ts'
import { forgetOldDeliveries } from '../features/webhooks/service.ts'
import { forgetOldMessages } from '../features/wecom/service.ts'
import type { Instant } from '../lib/time.ts'
import { startLoop, type Worker } from './loop.ts'

const EVERY_MS = 60 * 60_000

/**
 * What has been kept as long as it was promised goes, and what a process that died left of a settlement, once an hour.
 * Harmless when several processes do it.
 */
export function startHousekeeping(options: {
  pool: Pool
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  const { pool, now, onError } = options
  return startLoop(
    async () => {
      for (const clean of [
        forgetOldRejects,
        forgetOldMessages,
        forgetOldWelcomes,
        forgetOldAssociateMessages,
        clearAwayLeftovers,
        forgetOldDeliveries,
        forgetOldAudits,
        forgetOldCounts,
      ]) {
        await clean(pool, now()).catch(onError)
      }
      return EVERY_MS
    },
    { name: 'housekeeping', onError },
  )
}
