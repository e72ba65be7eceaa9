import type { Pool } from '../database.ts'
import { endLostCards, takeCard, type Messaging } from '../features/messages/service.ts'
import type { Wecom } from '../features/wecom/service.ts'
import { MINUTE_MS } from '../lib/time.ts'
import { startLoop, type Worker } from './loop.ts'

/** Nobody is woken for a message: those who write them down are in a hurry. */
const IDLE_MS = 2000
/** How many cards a process sends beside each other. */
const CARDS_AT_ONCE = 4
const UPKEEP_EVERY_MS = MINUTE_MS

/** Sends associates their messages, where WeCom is set up, until it is stopped. Several processes may do so at once. */
export function startMessageWorker(
  options: Omit<Messaging, 'wecom' | 'brandId'> & {
    pool: Pool
    wecom: Wecom | null
    onError: (error: unknown) => void
  },
): Worker {
  const { wecom, now, onError } = options
  if (!wecom) return { stop: () => Promise.resolve() }
  const messaging: Messaging = { ...options, wecom, brandId: wecom.brandId }
  const underWay = new Set<Promise<void>>()
  let restUntil = 0
  let keptAt = -Infinity
  const loop = startLoop(
    async () => {
      if (now() - keptAt >= UPKEEP_EVERY_MS) {
        keptAt = now()
        await endLostCards(messaging)
      }
      if (now() < restUntil) return IDLE_MS
      const taken = await takeCard(messaging)
      if (!taken) return IDLE_MS
      const work = taken.done
        .then(restMs => {
          if (restMs > 0) restUntil = now() + restMs
        })
        .catch(onError)
        .finally(() => underWay.delete(work))
      underWay.add(work)
      if (underWay.size >= CARDS_AT_ONCE) await Promise.race(underWay)
      return 0
    },
    { name: 'messages', onError },
  )
  return {
    async stop() {
      await loop.stop()
      await Promise.all(underWay)
    },
  }
}
