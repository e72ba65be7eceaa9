import { LRUCache } from 'lru-cache'
import { Counter, Gauge, type Registry } from 'prom-client'
import { isDatabaseAway, type Pool } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { buildSharedAsks } from '../../lib/gathered-asks.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { selectPublicLink, type PublicLink } from '../share-links/service.ts'
import { notifyMarks, recordClicks, recordLateClicks } from './service.ts'
import { openSpool, type SpooledClick } from './spool.ts'

/** How many links a process keeps at hand; a brand's hot ones are far fewer. */
const LINKS_CACHED = 20_000
/** A revocation reaches every process at once by NOTIFY; this is for when that was lost. */
const LINK_TTL_MS = 60_000
/** Who opens a link waits so long for the database, and then goes on without it. */
const PATIENCE_MS = 2000
/** How long after the database did not answer a link goes on as it was known, before it is looked up again. */
const LINK_AWAY_MS = 5000

export interface PublicLinks {
  /** A link that is at hand. */
  known(linkCode: string): PublicLink | undefined
  /** null: unknown. */
  find(linkCode: string): Promise<PublicLink | null>
  close(): Promise<void>
}

/**
 * Links by code, kept in the process; whoever changes one says so on the channel `daogou_links`. While the database is away
 * those that are known go on as they were.
 */
export function buildPublicLinks(pool: Pool): PublicLinks {
  /** A link that everybody opens is looked up once for all who come at the same moment. */
  const shared = buildSharedAsks<PublicLink | null>()
  const cache = new LRUCache<string, PublicLink>({ max: LINKS_CACHED, ttl: LINK_TTL_MS, noDeleteOnStaleGet: true })
  const listening = pool.listen(
    'daogou_links',
    linkCode => cache.delete(linkCode),
    // (Re)connected: whatever was said meanwhile is not known. All are looked up again; where that fails they go on.
    () => {
      // A list first: whoever is set goes to the front, where the cache would come by him again without end.
      for (const [linkCode, { value }] of cache.dump()) cache.set(linkCode, value, { ttl: 1 })
    },
  )
  listening.catch(() => {}) // the time to live covers for it
  return {
    known: linkCode => cache.get(linkCode),
    async find(linkCode) {
      try {
        const link = await withPatience(shared(linkCode, () => selectPublicLink(pool, { linkCode })))
        if (link) cache.set(linkCode, link)
        else cache.delete(linkCode)
        return link
      } catch (error) {
        const known = isDatabaseAway(error) ? cache.get(linkCode, { allowStale: true }) : undefined
        if (!known) throw error
        cache.set(linkCode, known, { ttl: LINK_AWAY_MS })
        return known
      }
    },
    async close() {
      const subscription = await listening.catch(() => null)
      await subscription?.unlisten().catch(() => {})
    },
  }
}

/** What no answer within the time that somebody waits is taken for. */
class NoAnswer extends Error {
  readonly code = 'ETIMEDOUT'
  constructor() {
    super('the database did not answer in time')
  }
}

async function withPatience<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer()), PATIENCE_MS)
  })
  return await Promise.race([answer, tooLong]).finally(() => clearTimeout(timer))
}

export interface ClickBuffer {
  /** Returns when the click is durable: in the database, or while that is away in the spool. */
  record(click: Omit<NewClick, 'touchId'>): Promise<void>
  close(): Promise<void>
}

type NewClick = SpooledClick & { isNewVisitor: boolean }

interface Waiting {
  click: NewClick
  resolve: () => void
  reject: (error: unknown) => void
}

/** The most that one insert takes. */
const CLICKS_PER_INSERT = 1000
/** While the database works on some, answers go out for others and the next come in. */
const INSERTS_AT_ONCE = 2
/** From so many clicks on in an insert the next one waits, so that more go together. */
const BUSY_FROM = 4
const GATHER_MS = 1
/** All that has come by now, and where many come what comes in a moment too. */
const gather = (isBusy: boolean) =>
  new Promise<void>(resolve => void (isBusy ? setTimeout(resolve, GATHER_MS) : setImmediate(resolve)))
/** How often it is tried to deliver what is in the spool, and looked for files of processes that died. */
const DELIVER_MS = 500
/** So soon after a click who books is woken: once for all that come meanwhile. */
const WAKE_MS = 20
const ADOPT_MS = 15_000

/**
 * Group commit: while inserts are under way the next clicks gather, and go together in the next one. Each waits for
 * its own to be committed, so that a redirect is never sent for a click that could be lost. Where the database is away
 * they go to the spool in the same way, and from there to the database when it is back.
 */
export function buildClickBuffer(options: {
  pool: Pool
  vault: Vault
  /** Where clicks are kept while the database is away. */
  spoolFolder: string
  registry: Registry
  now: () => Instant
  prepare: (instants: Instant[]) => Promise<void>
  onError: (error: unknown, text: string) => void
}): ClickBuffer {
  const { pool, vault, now, prepare, onError } = options
  const spool = openSpool(options.spoolFolder)
  const meter = buildSpoolMeter(options.registry, () => spool.waiting())
  let waiting: Waiting[] = []
  let flushing = 0
  /** Many came together just now: the next ones are waited for. */
  let isBusy = false
  /** Nobody waits for a database that did not answer a moment ago. */
  let isAway = false

  const insert = async (clicks: readonly NewClick[]) => {
    await prepareFor(clicks)
    await eachBrand(clicks, (brandId, own) => recordClicks(pool, { brandId, now: now(), clicks: own }))
    if (clicks.some(click => !click.isNewVisitor)) wakeSoon()
  }

  const insertLate = async (clicks: readonly SpooledClick[]) => {
    await prepareFor(clicks)
    await eachBrand(clicks, (brandId, own) => recordLateClicks(pool, { brandId, now: now(), vault, clicks: own }))
    wakeSoon()
  }

  const prepareFor = async (clicks: readonly SpooledClick[]) => {
    const instants = clicks.map(click => click.at)
    await prepare([Math.min(...instants), Math.max(...instants)])
  }

  let waking: NodeJS.Timeout | null = null
  const wakeSoon = () => {
    waking ??= setTimeout(() => {
      waking = null
      notifyMarks(pool).catch(() => {}) // it looks by itself as well
    }, WAKE_MS).unref()
  }

  /** @returns the error where it is away */
  const tryInsert = async (batch: readonly Waiting[]): Promise<unknown> => {
    try {
      // An insert that is given up may still succeed: the click is the same then, by its touchId.
      await withPatience(insert(batch.map(entry => entry.click)))
      return null
    } catch (error) {
      if (!isDatabaseAway(error)) throw error
      if (!isAway) onError(error, 'the database is away: clicks go to the spool')
      isAway = true
      return error
    }
  }

  const keep = async (batch: readonly Waiting[], cause: unknown) => {
    try {
      await spool.keep(batch.map(({ click: { isNewVisitor: _, ...click } }) => click))
      meter.kept(batch.length)
    } catch (error) {
      meter.refused(batch.length)
      onError(error, 'clicks could be written neither to the database nor to the spool')
      throw cause
    }
  }

  const flush = async () => {
    if (flushing >= INSERTS_AT_ONCE) return
    flushing++
    while (waiting.length > 0) {
      await gather(isBusy)
      const batch = waiting.slice(0, CLICKS_PER_INSERT)
      if (batch.length === 0) break
      isBusy = batch.length >= BUSY_FROM
      waiting = waiting.slice(CLICKS_PER_INSERT)
      try {
        const cause = isAway ? new NoAnswer() : await tryInsert(batch)
        if (cause !== null) await keep(batch, cause)
        for (const entry of batch) entry.resolve()
      } catch (error) {
        for (const entry of batch) entry.reject(error)
      }
    }
    flushing--
  }

  const take = async (clicks: SpooledClick[]) => {
    try {
      await insertLate(clicks)
    } catch (error) {
      if (isDatabaseAway(error)) throw error
      onError(error, 'clicks of the spool were refused, and are tried one by one')
      for (const click of clicks) await takeAlone(click)
    }
    meter.delivered(clicks.length)
    isAway = false
  }
  const takeAlone = async (click: SpooledClick) => {
    try {
      await insertLate([click])
    } catch (error) {
      if (isDatabaseAway(error)) throw error
      onError(error, 'a click of the spool was refused, and is put aside')
      await spool.putAside(click)
    }
  }

  let adoptedAt = -Infinity
  let running: Promise<void> | null = null
  const deliver = async () => {
    try {
      await spool.deliver(take)
      if (spool.waiting() === 0) isAway = false // also where nothing could be written: the next one asks the database
      if (performance.now() - adoptedAt < ADOPT_MS) return
      adoptedAt = performance.now()
      await spool.adopt(take)
    } catch (error) {
      if (isDatabaseAway(error)) adoptedAt = -Infinity
      else onError(error, 'the spool of clicks was not delivered, will try again')
    }
  }
  const timer = setInterval(() => {
    running ??= deliver().finally(() => (running = null))
  }, DELIVER_MS).unref()

  return {
    record: click =>
      new Promise((resolve, reject) => {
        waiting.push({ click: { ...click, touchId: `click-${uuidv7(click.at)}` }, resolve, reject })
        void flush()
      }),
    async close() {
      clearInterval(timer)
      if (waking) clearTimeout(waking)
      await running
      await spool.close()
    },
  }
}

function buildSpoolMeter(registry: Registry, waiting: () => number) {
  const kept = new Counter({
    name: 'daogou_clicks_spooled_total',
    help: 'Clicks that were kept on the disk since the database was away.',
    registers: [registry],
  })
  const delivered = new Counter({
    name: 'daogou_clicks_delivered_total',
    help: 'Clicks that went from the disk to the database, those of processes that died among them.',
    registers: [registry],
  })
  const refused = new Counter({
    name: 'daogou_clicks_refused_total',
    help: 'Clicks that were answered 503, since they could be kept neither in the database nor on the disk.',
    registers: [registry],
  })
  new Gauge({
    name: 'daogou_clicks_waiting',
    help: 'Clicks that wait on the disk for the database.',
    registers: [registry],
    collect() {
      this.set(waiting())
    },
  })
  return {
    kept: (count: number) => kept.inc(count),
    delivered: (count: number) => delivered.inc(count),
    refused: (count: number) => refused.inc(count),
  }
}

async function eachBrand<Click extends SpooledClick>(
  clicks: readonly Click[],
  record: (brandId: number, clicks: Click[]) => Promise<void>,
): Promise<void> {
  const brandIds = [...new Set(clicks.map(click => click.brandId))]
  await Promise.all(brandIds.map(brandId => record(brandId, clicks.filter(click => click.brandId === brandId)))) // prettier-ignore
}
