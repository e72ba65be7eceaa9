import { LRUCache } from 'lru-cache'
import { transact, type Pool } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import type { Instant } from '../../lib/time.ts'
import { insertMarks, type Mark } from '../evidence/service.ts'
import { recordClicks, type Click } from './service.ts'
import { selectPublicLink, type PublicLink } from '../share-links/service.ts'

/** How many links a process keeps at hand; a brand's hot ones are far fewer. */
const LINKS_CACHED = 20_000
/** A revocation reaches every process at once by NOTIFY; this is for when that was lost. */
const LINK_TTL_MS = 60_000

export interface PublicLinks {
  /** null: unknown. */
  find(linkCode: string): Promise<PublicLink | null>
  close(): Promise<void>
}

/** Links by code, kept in the process; whoever changes one says so on the channel `daogou_links`. */
export function buildPublicLinks(pool: Pool): PublicLinks {
  const cache = new LRUCache<string, PublicLink>({ max: LINKS_CACHED, ttl: LINK_TTL_MS })
  const listening = pool.listen(
    'daogou_links',
    linkCode => cache.delete(linkCode),
    () => cache.clear(), // (re)connected: whatever was said meanwhile is not known
  )
  listening.catch(() => {}) // the time to live covers for it
  return {
    async find(linkCode) {
      const cached = cache.get(linkCode)
      if (cached) return cached
      const link = await selectPublicLink(pool, { linkCode })
      if (link) cache.set(linkCode, link)
      return link
    },
    async close() {
      const subscription = await listening.catch(() => null)
      await subscription?.unlisten().catch(() => {})
    },
  }
}

export interface ClickBuffer {
  /** Returns when the click is durable. */
  record(click: Omit<Click, 'touchId'> & { brandId: number; isNewVisitor: boolean }): Promise<void>
}

type Waiting = {
  click: Click & { brandId: number; isNewVisitor: boolean }
  resolve: () => void
  reject: (error: unknown) => void
}

/** The most that one insert takes. */
const CLICKS_PER_INSERT = 1000

/**
 * Group commit: while one insert is under way the next clicks gather, and go together in the next one. Each waits for
 * its own to be committed, so that a redirect is never sent for a click that could be lost.
 */
export function buildClickBuffer(options: {
  pool: Pool
  now: () => Instant
  prepare: (instant: Instant) => Promise<void>
}): ClickBuffer {
  let waiting: Waiting[] = []
  let isFlushing = false

  const flush = async () => {
    if (isFlushing) return
    isFlushing = true
    while (waiting.length > 0) {
      const batch = waiting.slice(0, CLICKS_PER_INSERT)
      waiting = waiting.slice(CLICKS_PER_INSERT)
      try {
        await options.prepare(options.now())
        await insertClicks(
          options.pool,
          batch.map(entry => entry.click),
          options.now(),
        )
        for (const entry of batch) entry.resolve()
      } catch (error) {
        for (const entry of batch) entry.reject(error)
      }
    }
    isFlushing = false
  }
  return {
    record: click =>
      new Promise((resolve, reject) => {
        waiting.push({ click: { ...click, touchId: `click-${uuidv7(click.at)}` }, resolve, reject })
        void flush()
      }),
  }
}

async function insertClicks(pool: Pool, clicks: readonly Waiting['click'][], now: Instant): Promise<void> {
  await transact(pool, async tx => {
    for (const brandId of new Set(clicks.map(click => click.brandId))) {
      const own = clicks.filter(click => click.brandId === brandId)
      await recordClicks(tx, { brandId, now, clicks: own })
      // Nobody can have bought under an id that did not exist a moment ago.
      const marks = own
        .filter(click => !click.isNewVisitor && !click.byAssociate)
        .map((click): Mark => ({ kind: 'visitor', key: click.visitorId, paidFrom: click.at }))
      await insertMarks(tx, { brandId, marks, reason: 'evidence', now })
    }
  })
}
