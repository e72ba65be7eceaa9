import type { Pool } from '../database.ts'
import { fillStep, planFills, selectBrands, snapshotStep } from '../features/community/service.ts'
import { areSumsBeginning } from '../features/rollups/service.ts'
import { resolveOpengids } from '../features/touches/service.ts'
import type { WecomOf } from '../features/wecom/service.ts'
import type { Instant } from '../lib/time.ts'
import { startLoop, together, type Loop, type Worker } from './loop.ts'

const EVERY_MS = 10 * 60_000
/** How soon it looks again where figures are still to be summed for the first time. */
const AFTER_SUMS_MS = 5000
/** Half a year of a large brand is a long work for which nobody waits: most of the time is left to those who do. */
const REST = 3
const REST_MOST_MS = 60_000
const GROUPS_EVERY_MS = 5000

interface CommunityWork {
  pool: Pool
  wecomOf: WecomOf
  now: () => Instant
  onError: (error: unknown) => void
}

/**
 * Takes the days of stores' communities, and reads WeCom's statistics of those before its mirror began; beside that it
 * finds the chats of groups that touches named. Harmless when several processes do it.
 */
export function startCommunityWorker(options: CommunityWork): Worker {
  const { pool, wecomOf, now, onError } = options
  const takeDays = async ({ isStopped, rest }: Loop) => {
    let again = EVERY_MS
    for (const { brandId, zone } of await selectBrands(pool)) {
      // A brand that is new here has much to be done for the first time: one thing after the other.
      if (await areSumsBeginning(pool, { brandId })) {
        again = AFTER_SUMS_MS
        continue
      }
      for (let begun = performance.now(); !isStopped(); begun = performance.now()) {
        if (!(await snapshotStep(pool, { brandId, zone, now: now() }))) break
        await rest(Math.min(REST * (performance.now() - begun), REST_MOST_MS))
      }
      const wecom = wecomOf(brandId)
      if (!wecom || isStopped()) continue
      const dependencies = { pool, wecom, brandId, zone, now }
      await planFills(dependencies)
      while (!isStopped() && (await fillStep(dependencies)));
    }
    return again
  }
  const findGroups = async ({ isStopped }: Loop) => {
    for (const { brandId } of await selectBrands(pool)) {
      const wecom = wecomOf(brandId)
      if (wecom) while (!isStopped() && (await resolveOpengids(pool, { wecom, brandId, now })) > 0);
    }
    return GROUPS_EVERY_MS
  }
  return together([
    startLoop(takeDays, { name: 'community', onError, failedMs: EVERY_MS }),
    startLoop(findGroups, { name: 'community', onError, failedMs: GROUPS_EVERY_MS }),
  ])
}
