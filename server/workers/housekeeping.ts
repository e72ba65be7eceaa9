import type { Pool } from '../database.ts'
import { forgetOldWelcomes } from '../features/channel-codes/service.ts'
import { forgetOldRejects } from '../features/ingest/service.ts'
import { clearAwayLeftovers } from '../features/settlements/service.ts'
import { forgetOldMessages } from '../features/wecom/service.ts'
import type { Instant } from '../lib/time.ts'
import type { Worker } from './reconcile.ts'

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
  const run = async () => {
    for (const clean of [forgetOldRejects, forgetOldMessages, forgetOldWelcomes, clearAwayLeftovers]) {
      await clean(options.pool, options.now()).catch(options.onError)
    }
  }
  let running = run()
  const timer = setInterval(() => {
    running = run()
  }, EVERY_MS)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}
