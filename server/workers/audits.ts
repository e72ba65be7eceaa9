import type { Pool } from '../database.ts'
import { auditNight } from '../features/audit/nights.ts'
import { selectBrands } from '../features/rollups/service.ts'
import type { Instant } from '../lib/time.ts'
import { startLoop, type Worker } from './loop.ts'

const EVERY_MS = 10 * 60_000

/** Audits each brand in its night, with long rests, until it is stopped. Of several processes one does a brand's. */
export function startAuditWorker(options: {
  pool: Pool
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  const { pool, now, onError } = options
  return startLoop(
    async ({ isStopped, rest }) => {
      for (const brand of await selectBrands(pool)) {
        if (!isStopped()) await auditNight(pool, { ...brand, now, isStopped, rest })
      }
      return EVERY_MS
    },
    { name: 'audits', onError, failedMs: EVERY_MS },
  )
}
