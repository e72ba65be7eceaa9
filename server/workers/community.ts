import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from '../database.ts'
import { fillStep, planFills, selectBrands, snapshotStep } from '../features/community/service.ts'
import { resolveOpengids } from '../features/touches/service.ts'
import type { Wecom } from '../features/wecom/service.ts'
import type { Instant } from '../lib/time.ts'
import type { Worker } from './reconcile.ts'

const EVERY_MS = 10 * 60_000
const GROUPS_EVERY_MS = 5000

interface CommunityWork {
  pool: Pool
  wecom: Wecom | null
  now: () => Instant
  onError: (error: unknown) => void
}

/**
 * Takes the days of stores' communities, and reads WeCom's statistics of those before its mirror began; beside that it
 * finds the chats of groups that touches named. Harmless when several processes do it.
 */
export function startCommunityWorker(options: CommunityWork): Worker {
  const { pool, wecom, now } = options
  const days = startLoop(options, EVERY_MS, async isStopped => {
    for (const { brandId, zone } of await selectBrands(pool)) {
      // Half of the time alone: half a year of a large brand is a long work, and nobody waits for it.
      for (let begun = performance.now(); !isStopped(); begun = performance.now()) {
        if (!(await snapshotStep(pool, { brandId, zone, now: now() }))) break
        await pause(Math.min(performance.now() - begun, 1000))
      }
      if (wecom?.brandId !== brandId || isStopped()) continue
      const dependencies = { pool, wecom, brandId, zone, now }
      await planFills(dependencies)
      while (!isStopped() && (await fillStep(dependencies)));
    }
  })
  const groups = startLoop(options, GROUPS_EVERY_MS, async isStopped => {
    if (!wecom) return
    while (!isStopped() && (await resolveOpengids(pool, { wecom, brandId: wecom.brandId, now })) > 0);
  })
  return {
    async stop() {
      await Promise.all([days.stop(), groups.stop()])
    },
  }
}

/** Does something again and again, with a rest after each time. */
function startLoop(
  { onError }: CommunityWork,
  everyMs: number,
  work: (isStopped: () => boolean) => Promise<void>,
): Worker {
  let isOver = false
  let wake: () => void = () => {}
  const sleep = () =>
    new Promise<void>(resolve => {
      const timer = setTimeout(resolve, everyMs)
      timer.unref()
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const run = async () => {
    while (!isOver) {
      await work(() => isOver).catch(onError)
      if (!isOver) await sleep()
    }
  }
  const running = run()
  return {
    async stop() {
      isOver = true
      wake()
      await running
    },
  }
}
