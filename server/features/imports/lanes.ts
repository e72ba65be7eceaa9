import type { ItemResult } from '../../lib/items.ts'
import type { Item, ItemKind } from './schema.ts'

/** Sends items in lanes beside each other, of each batch so many at most in a lane. */
export interface Lanes {
  /** How many a batch should have, so that lanes have enough. */
  batchSize: number
  /** How many batches may be under way: while the database writes one, the next is read and looked at. */
  batchesUnderWay: number
  /** @returns the results in the order of the items */
  take(items: readonly Item[], send: (items: Item[]) => Promise<ItemResult[]>): Promise<ItemResult[]>
}

/** The ingest calls take at most so many items. */
const ITEMS_PER_LANE = 1000
const LANES = 4

/** Fields that say who bought, or of which order a refund is; the first that is there counts. */
const KEYS = ['memberNo', 'phone', 'unionid', 'openid', 'externalUserid', 'visitorId', 'orderNo', 'value'] as const

/**
 * Of kinds whose items say the same in whatever order they come, several batches may be under way at once, while the next
 * are read. Two transactions that book orders of one buyer wait for each other: what is of one person goes into one lane,
 * where one batch follows the other. Of all other kinds a later item may name what an earlier one made.
 */
export function createLanes(kind: ItemKind): Lanes {
  if (!['orders', 'refunds', 'touches', 'identities'].includes(kind)) {
    return { batchSize: ITEMS_PER_LANE, batchesUnderWay: 1, take: (items, send) => send([...items]) }
  }
  const busy = Array.from({ length: LANES }, () => Promise.resolve())
  return {
    batchSize: LANES * ITEMS_PER_LANE,
    batchesUnderWay: 2,
    async take(items, send) {
      const results: ItemResult[] = new Array<ItemResult>(items.length)
      const own = busy.map((): number[] => [])
      for (const [i, item] of items.entries()) own[laneOf(item)]!.push(i)
      const lanes = own.map(async (places, lane) => {
        const before = busy[lane]!
        const sending = (async () => {
          await before
          for (let at = 0; at < places.length; at += ITEMS_PER_LANE) {
            const some = places.slice(at, at + ITEMS_PER_LANE)
            const taken = await send(some.map(i => items[i]!))
            if (taken.length !== some.length)
              throw new Error(`the ingest answered ${taken.length} of ${some.length} items`)
            for (const [k, result] of taken.entries()) results[some[k]!] = result
          }
        })()
        busy[lane] = sending.catch(() => {}) // whoever waits for the batch is told
        await sending
      })
      const ended = await Promise.allSettled(lanes)
      for (const lane of ended) if (lane.status === 'rejected') throw lane.reason
      return results
    },
  }
}

function laneOf(item: Item): number {
  const key = KEYS.map(name => item[name]).find(value => typeof value === 'string') ?? ''
  let hash = 0
  for (let i = 0; i < (key as string).length; i++) hash = (hash * 31 + (key as string).charCodeAt(i)) | 0
  return Math.abs(hash) % LANES
}
