/** How often and how many at once WeCom lets an API be called; beyond it says 45009 or 45033, as the real one does. */

/** A corporation's limits on one API, by WeCom's documents; tests set smaller ones. */
export interface CallLimit {
  perMinute: number
  perHour: number
  /** The documents name no number, only that lists of customers should be asked for one after the other. */
  atOnce: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

interface Counter {
  minute: { since: number; calls: number }
  hour: { since: number; calls: number }
  /** Until when nothing is answered, after a limit was passed. */
  blockedUntil: number
  atOnce: number
}

export class CallLimits {
  readonly common: CallLimit = { perMinute: 10_000, perHour: 150_000, atOnce: 100 }
  /** By API, as `externalcontact/get`. */
  readonly own = new Map<string, Partial<CallLimit>>([
    ['externalcontact/list', { atOnce: 5 }],
    ['externalcontact/batch/get_by_user', { atOnce: 5 }],
  ])
  /** How often each API was refused. */
  readonly refused = new Map<string, number>()
  readonly #counters = new Map<string, Counter>()

  /** Counts a call. @returns what to refuse it with; null: it may go on, and `leave` has to follow */
  enter(api: string, now: number): 45009 | 45033 | null {
    const { perMinute, perHour, atOnce } = { ...this.common, ...this.own.get(api) }
    const counter = this.#counterOf(api)
    if (now - counter.minute.since >= MINUTE_MS) counter.minute = { since: now, calls: 0 }
    if (now - counter.hour.since >= HOUR_MS) counter.hour = { since: now, calls: 0 }
    const refuse = (errcode: 45009 | 45033) => {
      this.refused.set(api, (this.refused.get(api) ?? 0) + 1)
      return errcode
    }
    if (now < counter.blockedUntil) return refuse(45009)
    if (counter.atOnce >= atOnce) return refuse(45033)
    counter.minute.calls += 1
    counter.hour.calls += 1
    // The block is as long as the window whose limit was passed.
    if (counter.hour.calls > perHour) counter.blockedUntil = now + HOUR_MS
    else if (counter.minute.calls > perMinute) counter.blockedUntil = now + MINUTE_MS
    if (now < counter.blockedUntil) return refuse(45009)
    counter.atOnce += 1
    return null
  }

  leave(api: string): void {
    this.#counterOf(api).atOnce -= 1
  }

  #counterOf(api: string): Counter {
    let counter = this.#counters.get(api)
    if (!counter) {
      counter = { minute: { since: 0, calls: 0 }, hour: { since: 0, calls: 0 }, blockedUntil: 0, atOnce: 0 }
      this.#counters.set(api, counter)
    }
    return counter
  }
}
