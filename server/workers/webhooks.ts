import { takeDeliveries, type WebhookWork } from '../features/webhooks/service.ts'
import { startLoop, type Worker } from './loop.ts'

/** Nobody is woken for an event: those who write it down are in a hurry. */
const IDLE_MS = 1000

/** Tells other systems of events, until it is stopped. Several processes may do so at once. */
export function startWebhookWorker(options: WebhookWork & { onError: (error: unknown) => void }): Worker {
  const { onError } = options
  const lanes = new Map<string, number>()
  const underWay = new Set<Promise<void>>()
  const count = (lane: string, by: number) => {
    const left = (lanes.get(lane) ?? 0) + by
    if (left > 0) lanes.set(lane, left)
    else lanes.delete(lane)
  }
  const loop = startLoop(
    async ({ rest }) => {
      const taken = await takeDeliveries(options, lanes)
      for (const { lane, done } of taken) {
        count(lane, 1)
        const work = done.catch(onError).finally(() => {
          count(lane, -1)
          underWay.delete(work)
        })
        underWay.add(work)
      }
      if (underWay.size === 0) return IDLE_MS
      await Promise.race([...underWay, rest(IDLE_MS)])
      return 0
    },
    { name: 'webhooks', onError },
  )
  return {
    async stop() {
      await loop.stop()
      await Promise.all(underWay)
    },
  }
}
