import { createWriteStream, type WriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { keyOf, type Item, type Kind } from './stories.ts'

/** What a client got for one request. */
export type Answer = { status: number; body: unknown; headers: Headers } | { error: string }

export interface Tries {
  /** Answered for. */
  taken: number
  /** Nobody knows what became of these. */
  unknown: number
}

/** Somebody's clicks on a link; each is one, so each counts. */
export interface ClickTries extends Tries {
  linkCode: string
  visitorId: string
}

interface Told extends Tries {
  item: Item
}

/** While the database was killed and not back yet, in `performance.now()`. */
export interface Outage {
  from: number
  to: number
}

/**
 * What the clients sent and what they were answered: in a file line by line, and as far as the verdict needs it in
 * memory.
 */
export class Journal {
  readonly told = new Map<Kind, Map<string, Told>>()
  readonly clicks = new Map<string, ClickTries>()
  /** Clicks without a cookie of which nobody knows, not even whose they would be. */
  unknownNewcomers = 0
  readonly targets = new Map<string, Told>()
  readonly plans = new Map<number, Tries>()
  readonly overrides = new Map<string, Tries>()
  /** By settlement id: what was last answered for. */
  readonly settlements = new Map<string, 'draft' | 'approved' | 'paid' | 'discarded'>()
  readonly outages: Outage[] = []
  /** Answers that nobody should have got, in words. */
  readonly wrong: string[] = []
  requests = 0
  answered = 0
  unanswered = 0
  /** 503 */
  refused = 0
  itemsTaken = 0
  clicksTaken = 0
  readonly statuses = new Map<string, number>()
  readonly #file: WriteStream

  constructor(path: string) {
    this.#file = createWriteStream(path)
  }

  /** One request and what came of it. */
  keep(client: string, method: string, path: string, body: unknown, began: number, answer: Answer): void {
    this.requests++
    const status = 'error' in answer ? answer.error : String(answer.status)
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    if ('error' in answer) this.unanswered++
    else if (answer.status === 503) this.refused++
    else this.answered++
    const line = {
      ms: Math.round(began),
      tookMs: Math.round(performance.now() - began),
      client,
      method,
      path,
      body,
      ...('error' in answer ? { error: answer.error } : { status: answer.status, answer: answer.body }),
    }
    this.#file.write(`${JSON.stringify(line)}\n`)
  }

  items(kind: Kind, items: readonly Item[], outcome: keyof Tries): void {
    let known = this.told.get(kind)
    if (!known) this.told.set(kind, (known = new Map()))
    for (const item of items) {
      const key = keyOf(kind, item)
      const one = known.get(key) ?? { item, taken: 0, unknown: 0 }
      one[outcome]++
      known.set(key, one)
    }
    if (outcome === 'taken') this.itemsTaken += items.length
  }

  click(linkCode: string, visitorId: string, outcome: keyof Tries): void {
    const key = `${linkCode} ${visitorId}`
    const one = this.clicks.get(key) ?? { linkCode, visitorId, taken: 0, unknown: 0 }
    one[outcome]++
    this.clicks.set(key, one)
    if (outcome === 'taken') this.clicksTaken++
  }

  /** Whether the database was away at some time of a span that ends now. */
  wasAway(since: number): boolean {
    return this.outages.some(({ from, to }) => to >= since && from <= performance.now())
  }

  async close(): Promise<void> {
    this.#file.end()
    await finished(this.#file)
  }
}

/** One more of these. */
export function count<K>(tries: Map<K, Tries>, key: K, outcome: keyof Tries): void {
  const one = tries.get(key) ?? { taken: 0, unknown: 0 }
  one[outcome]++
  tries.set(key, one)
}
