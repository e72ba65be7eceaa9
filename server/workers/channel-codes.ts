import type { Pool } from '../database.ts'
import { endLostWelcomes, keepPicture, planCodes, takeWelcome, tellOne, type Welcoming } from '../features/channel-codes/service.ts' // prettier-ignore
import { MINUTE_MS } from '../lib/time.ts'
import type { Wecom } from '../features/wecom/service.ts'
import { startLoop, together, type Worker } from './loop.ts'

const IDLE_MS = 1000
/** How many welcomes a process says beside each other: WeCom gives 20 seconds. */
const WELCOMES_AT_ONCE = 8
const CODES_IDLE_MS = 5000
const PLAN_EVERY_MS = 60 * MINUTE_MS
const UPKEEP_EVERY_MS = MINUTE_MS

type Options = Welcoming & { onError: (error: unknown) => void }

/** Says welcomes as soon as they are noted, until it is stopped. Several processes may do so at once. */
function startWelcomes(options: Options): Worker {
  const { pool, onError } = options
  const underWay = new Set<Promise<void>>()
  const loop = startLoop(
    async () => {
      const taken = await takeWelcome(options)
      if (!taken) return IDLE_MS
      const work = taken.done.catch(onError).finally(() => underWay.delete(work))
      underWay.add(work)
      if (underWay.size >= WELCOMES_AT_ONCE) await Promise.race(underWay)
      return 0
    },
    { name: 'channel-codes', onError, wokenBy: { pool, channel: 'daogou_welcomes' } },
  )
  return {
    async stop() {
      await loop.stop()
      await Promise.all(underWay)
    },
  }
}

/** Tells WeCom of codes, and looks every hour whether their people changed. */
function startCodes(options: Options): Worker {
  const { now, onError } = options
  let plannedAt = -Infinity
  let keptAt = -Infinity
  return startLoop(
    async () => {
      if (now() - keptAt >= UPKEEP_EVERY_MS) {
        keptAt = now()
        await endLostWelcomes(options)
        await keepPicture(options)
      }
      if (now() - plannedAt >= PLAN_EVERY_MS) {
        await planCodes(options)
        plannedAt = now()
      }
      return (await tellOne(options)) ? 0 : CODES_IDLE_MS
    },
    { name: 'channel-codes', onError },
  )
}

/** Both, where WeCom is set up. */
export function startChannelWorkers(
  options: Omit<Options, 'wecom' | 'brandId'> & { pool: Pool; wecom: Wecom | null },
): Worker {
  const { wecom } = options
  if (!wecom) return { stop: () => Promise.resolve() }
  const dependencies = { ...options, wecom, brandId: wecom.brandId }
  return together([startWelcomes(dependencies), startCodes(dependencies)])
}
