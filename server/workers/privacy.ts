import type { Pool } from '../database.ts'
import { carryOutErasures, forgetOldTouches } from '../features/privacy/service.ts'
import type { Instant } from '../lib/time.ts'
import type { Vault } from '../lib/vault.ts'
import { startLoop, type Worker } from './loop.ts'

const EVERY_MS = 60_000

/**
 * Erasures that could not be carried out while they were asked for, and touches that are old. Harmless when several
 * processes do it.
 */
export function startPrivacyWorker(options: {
  pool: Pool
  vault: Vault
  now: () => Instant
  onError: (error: unknown) => void
}): Worker {
  const { pool, vault, now, onError } = options
  return startLoop(
    async loop => {
      await carryOutErasures(pool, { vault, now: now() })
      await forgetOldTouches(pool, now(), loop)
      return EVERY_MS
    },
    { name: 'privacy', onError },
  )
}
