import { setTimeout as sleep } from 'node:timers/promises'
import type { ItemResult } from '../../server/lib/items.ts'
import { randomOf } from '../builders/histories.ts'
import { SERVICE_KEY } from '../support/service-process.ts'
import { count, type Answer, type Journal, type Tries } from './journal.ts'
import {
  CUTOFF,
  planOf,
  storyOf,
  targetOf,
  type Click,
  type Item,
  type Kind,
  type Override,
  type Told,
} from './stories.ts'

/** Tills that tell stories, and an office that publishes plans and settles; each goes on until it is stopped. */

export interface Load {
  seed: number
  url: string
  journal: Journal
  isStopped: () => boolean
}

/** Longer than anything takes: whoever waits so long found a request that hangs. */
const PATIENCE_MS = 60_000
/** After so long without an answer the service takes the database for away: so it may be where the machine is overrun. */
const LINK_PATIENCE_MS = 2000
/** How much of what one does not know the fate of is sent again. */
const RETRIED = 0.75
/** Of how many stories a till sends the parts in any sequence. */
const POOL = 40

class Client {
  readonly random: () => number
  /** Apart, so that what is sent does not depend on what was answered. */
  readonly #retryRandom: () => number
  protected readonly load: Load
  readonly #name: string

  constructor(load: Load, name: string, number: number) {
    this.load = load
    this.#name = name
    this.random = randomOf(load.seed * 31 + number)
    this.#retryRandom = randomOf(load.seed * 37 + number)
  }

  chance(of: number): boolean {
    return this.random() < of
  }

  async send(method: string, path: string, body?: unknown, cookie?: string): Promise<Answer> {
    const { url, journal } = this.load
    const began = performance.now()
    const answer = await request(method, `${url}${path}`, body, cookie)
    journal.keep(this.#name, method, path, body, began, answer)
    const tookMs = performance.now() - began
    if (tookMs > PATIENCE_MS / 2) journal.wrong.push(`${method} ${path} took ${Math.round(tookMs)} ms`)
    if ('error' in answer) {
      await sleep(this.#retryRandom() * 200) // nobody listens: it is being started again
      return answer
    }
    const isFair = answer.status === 503 ? journal.wasAway(began) || tookMs >= LINK_PATIENCE_MS : answer.status < 500
    if (!isFair || answer.status === 429) {
      journal.wrong.push(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    }
    return answer
  }

  /**
   * Until it was answered, or given up at random.
   *
   * @param heard of each try
   */
  async insist(
    ask: () => Promise<Answer>,
    heard: (answer: Answer & { status?: number }) => void,
    options: { always?: boolean } = {},
  ): Promise<void> {
    for (;;) {
      const answer = await ask()
      heard(answer)
      if (!isUnknown(answer)) return
      if (!options.always && (this.load.isStopped() || this.#retryRandom() >= RETRIED)) return
      await sleep(50 + this.#retryRandom() * 450)
    }
  }
}

const isUnknown = (answer: Answer) => 'error' in answer || answer.status >= 500
const outcomeOf = (answer: Answer): keyof Tries => (isUnknown(answer) ? 'unknown' : 'taken')

async function request(method: string, url: string, body: unknown, cookie: string | undefined): Promise<Answer> {
  try {
    const answer = await fetch(url, {
      method,
      redirect: 'manual',
      headers: {
        ...(url.includes('/api/') ? { authorization: `Bearer ${SERVICE_KEY}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(cookie === undefined ? {} : { cookie }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    const text = await answer.text()
    const isJson = /json/.test(answer.headers.get('content-type') ?? '')
    return { status: answer.status, body: isJson ? (JSON.parse(text) as unknown) : text, headers: answer.headers }
  } catch (error) {
    const { cause, name } = error as { cause?: { code?: string }; name: string }
    return { error: cause?.code ?? name }
  }
}

// ------------------------------------------------------------------------------------------------------ tills

class Till extends Client {
  readonly #shop: number
  readonly #pool: Told[] = []
  /** What it sent before, to be sent again now and then. */
  readonly #sent = new Map<Kind, Item[]>()
  #story = 0

  constructor(load: Load, shop: number, number: number) {
    super(load, `till ${number} of shop ${shop}`, number)
    this.#shop = shop
  }

  async run(): Promise<void> {
    const overrides = new Map<string, Override>()
    while (!this.load.isStopped()) {
      const clicks: Click[] = []
      while (this.#pool.length < POOL) {
        const story = storyOf(this.load.seed, this.#shop, this.#story++)
        this.#pool.push(...story.told)
        if (story.override) overrides.set(story.override.orderNo, story.override)
        clicks.push(...story.clicks)
      }
      for (const click of clicks) await this.#click(click)
      const { kind, items } = this.#take()
      const isTaken = await this.#tell(kind, items)
      if (kind === 'orders' && isTaken) await this.#afterOrders(items, overrides)
      await sleep(this.random() * 30)
    }
  }

  /** Some of one kind from anywhere in the pool, now and then with what was sent before, or with one of it twice. */
  #take(): { kind: Kind; items: Item[] } {
    const { kind } = this.#pool[Math.floor(this.random() * this.#pool.length)]!
    const items: Item[] = []
    for (let wanted = 1 + Math.floor(this.random() * 8); wanted > 0; wanted--) {
      const places = this.#pool.flatMap((told, i) => (told.kind === kind ? [i] : []))
      if (places.length === 0) break
      const [told] = this.#pool.splice(places[Math.floor(this.random() * places.length)]!, 1)
      items.push(told!.item)
    }
    const sent = this.#sent.get(kind) ?? []
    if (sent.length > 0 && this.chance(0.3)) items.push(sent[Math.floor(this.random() * sent.length)]!)
    if (this.chance(0.05)) items.push(items[0]!)
    sent.push(...items)
    this.#sent.set(kind, sent.slice(-200))
    return { kind, items }
  }

  async #tell(kind: Kind, items: readonly Item[]): Promise<boolean> {
    const { journal } = this.load
    let isTaken = false
    await this.insist(
      () => this.send('POST', `/api/v1/${kind}`, items),
      answer => {
        journal.items(kind, items, outcomeOf(answer))
        if ('error' in answer || answer.status >= 500) return
        const results = Array.isArray(answer.body) ? (answer.body as ItemResult[]) : []
        const isRight =
          answer.status === 200 &&
          results.length === items.length &&
          results.every(({ status }) => status === 'created' || status === 'updated' || status === 'unchanged')
        if (isRight) isTaken = true
        else journal.wrong.push(`${kind}: ${answer.status} ${JSON.stringify(answer.body)}`)
      },
    )
    return isTaken
  }

  /** Whatever was answered for, every later read sees; and what can only be said of an order that is there. */
  async #afterOrders(items: readonly Item[], overrides: Map<string, Override>): Promise<void> {
    const { journal } = this.load
    for (const { orderNo } of items as readonly { orderNo: string }[]) {
      const override = overrides.get(orderNo)
      if (!override) continue
      overrides.delete(orderNo)
      await this.insist(
        () => this.send('POST', '/api/v1/overrides', override),
        answer => {
          count(journal.overrides, `${orderNo} ${override.role} ${override.associateId}`, outcomeOf(answer))
          this.#expect(answer, 'an override', status => status < 300)
        },
      )
    }
    if (!this.chance(0.15)) return
    const { orderNo } = items[0] as { orderNo: string }
    const answer = await this.send('GET', `/api/v1/orders/mall/${orderNo}/commission`)
    this.#expect(answer, `order ${orderNo} after it was answered for`, status => status === 200)
  }

  async #click({ linkCode, visitorId }: Click): Promise<void> {
    const { journal } = this.load
    const cookie = visitorId === null ? undefined : `daogou_visitor=${visitorId}`
    await this.insist(
      () => this.send('GET', `/s/${linkCode}`, undefined, cookie),
      answer => {
        this.#expect(answer, `/s/${linkCode}`, status => status === 302)
        const outcome = outcomeOf(answer)
        if (visitorId !== null) return journal.click(linkCode, visitorId, outcome)
        const made = 'headers' in answer ? /daogou_visitor=([^;]+)/.exec(answer.headers.getSetCookie().join()) : null
        if (outcome === 'unknown') journal.unknownNewcomers++
        else if (made) journal.click(linkCode, made[1]!, 'taken')
        else journal.wrong.push(`/s/${linkCode}: no cookie`)
      },
    )
  }

  #expect(answer: Answer, what: string, isRight: (status: number) => boolean): void {
    if (isUnknown(answer) || 'error' in answer || isRight(answer.status)) return
    this.load.journal.wrong.push(`${what}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }
}

// ----------------------------------------------------------------------------------------------------- office

const READS = [
  '/api/v1/balances',
  '/api/v1/orders?limit=20',
  '/api/v1/settlements',
  '/api/v1/ledger?limit=20',
  '/api/v1/performance/summary?from=2026-03-01T00:00:00%2B08:00&to=2026-05-01T00:00:00%2B08:00',
]

/** The first things that it does, so that the shortest run has some of each. */
const FIRST = [0.3, 0.6, 0.99, 0.5, 0.01, 0.6] as const

class Office extends Client {
  #plan = 1
  #target = 0

  constructor(load: Load) {
    super(load, 'office', 0)
  }

  async run(): Promise<void> {
    for (let i = 0; !this.load.isStopped(); i++) {
      const draw = FIRST[i] ?? this.random()
      if (draw < 0.02) await this.#publish()
      else if (draw < 0.45) await this.#tellTarget()
      else if (draw < 0.7) await this.#settle()
      else await this.#read(READS[i % READS.length]!)
      await sleep(50 + this.random() * 400)
    }
  }

  async #publish(): Promise<void> {
    const version = ++this.#plan
    const { journal } = this.load
    await this.insist(
      () => this.send('POST', '/api/v1/plans', planOf(version)),
      answer => {
        count(journal.plans, version, outcomeOf(answer))
        this.#expect(answer, 'a plan', [200, 201])
      },
      { always: true },
    )
  }

  async #tellTarget(): Promise<void> {
    const { journal } = this.load
    const item = targetOf(this.#target++)
    await this.insist(
      () => this.send('POST', '/api/v1/targets', [item]),
      answer => {
        const key = `${item.month} ${String(item['storeCode'])}`
        const one = journal.targets.get(key) ?? { item, taken: 0, unknown: 0 }
        one[outcomeOf(answer)]++
        journal.targets.set(key, one)
        this.#expect(answer, 'a target', [200])
      },
    )
  }

  /** A draft, which is then approved and perhaps paid, or discarded, or left. */
  async #settle(): Promise<void> {
    const { settlements } = this.load.journal
    let settlementId: string | null = null
    await this.insist(
      () => this.send('POST', '/api/v1/settlements', { cutoff: CUTOFF }),
      answer => {
        this.#expect(answer, 'a draft', [201])
        if ('body' in answer && answer.status === 201) {
          settlementId = (answer.body as { settlementId: string }).settlementId
          settlements.set(settlementId, 'draft')
        }
      },
    )
    const [draw, isPaid] = [this.random(), this.chance(0.5)]
    if (settlementId === null || draw < 0.2) return
    const path = `/api/v1/settlements/${String(settlementId)}`
    if (draw < 0.4) {
      let isTried = false
      await this.insist(
        () => this.send('DELETE', path),
        answer => {
          // Not there any more, where nobody heard the answer of the first time.
          this.#expect(answer, 'discarding', isTried ? [204, 404] : [204])
          isTried = true
          if (!isUnknown(answer)) settlements.set(settlementId!, 'discarded')
        },
        { always: true },
      )
      return
    }
    for (const deed of isPaid ? (['approve', 'pay'] as const) : (['approve'] as const)) {
      await this.insist(
        () => this.send('POST', `${path}/${deed}`, deed === 'pay' ? { reference: 'bank' } : undefined),
        answer => {
          this.#expect(answer, deed, [200])
          if (!isUnknown(answer)) settlements.set(settlementId!, deed === 'pay' ? 'paid' : 'approved')
        },
        { always: true },
      )
    }
  }

  async #read(path: string): Promise<void> {
    this.#expect(await this.send('GET', path), path, [200])
  }

  #expect(answer: Answer, what: string, statuses: readonly number[]): void {
    if (isUnknown(answer) || 'error' in answer || statuses.includes(answer.status)) return
    this.load.journal.wrong.push(`${what}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }
}

const SHOPS = 3
/** Each tells the same stories as the other, in another sequence. */
const TILLS_PER_SHOP = 2

/** Settles when all of them have stopped. */
export async function runClients(load: Load): Promise<void> {
  const tills = Array.from(
    { length: SHOPS * TILLS_PER_SHOP },
    (_, i) => new Till(load, Math.floor(i / TILLS_PER_SHOP) + 1, i + 1),
  )
  await Promise.all([new Office(load), ...tills].map(client => client.run()))
}
