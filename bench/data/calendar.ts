import { DAY_MS, type Instant } from '../../server/lib/time.ts'
import { WeightedIndex, type Random } from './random.ts'

/** How long the history is. */
export const SPAN_DAYS = 730

const HOUR_MS = 3_600_000
/** Of the day in the brand's zone, which is taken to be China's. */
const ZONE_OFFSET_MS = 8 * HOUR_MS

/** How much is bought in each hour of a day: shops are open from 10 to 22, the mini-program all night. */
const HOURS = [2, 1, 0.5, 0.3, 0.3, 0.5, 1, 2, 3, 4, 6, 8, 9, 8, 8, 9, 9, 9, 10, 12, 13, 11, 7, 4]
/** Monday first, as Date counts from Sunday: rotated below. */
const WEEKDAYS = [1.5, 0.85, 0.85, 0.9, 0.95, 1.15, 1.6]
const MONTHS = [1.15, 0.75, 0.9, 0.95, 1.05, 1.1, 0.85, 0.85, 1, 1.1, 1.3, 1.2]
/** The days of the great sales, as month and day. */
const SALE_DAYS = new Map([
  ['6-18', 3],
  ['11-11', 4],
  ['12-12', 2],
])

/** When people buy: by hour, weekday, season and sale, a little more each year. */
export class Calendar {
  readonly from: Instant
  readonly until: Instant
  readonly #hours: WeightedIndex

  constructor(until: Instant) {
    this.until = until
    this.from = until - SPAN_DAYS * DAY_MS
    const weights: number[] = []
    for (let hour = 0; hour < SPAN_DAYS * 24; hour++) {
      const local = new Date(this.from + hour * HOUR_MS + ZONE_OFFSET_MS)
      const sale = SALE_DAYS.get(`${local.getUTCMonth() + 1}-${local.getUTCDate()}`) ?? 1
      const growth = 1 + 0.2 * (hour / (365 * 24))
      weights.push(
        HOURS[local.getUTCHours()]! * WEEKDAYS[local.getUTCDay()]! * MONTHS[local.getUTCMonth()]! * sale * growth,
      )
    }
    this.#hours = new WeightedIndex(weights)
  }

  /** An instant at or after `from` at which somebody buys. */
  draw(random: Random, from: Instant): Instant {
    const hour = Math.max(0, Math.floor((from - this.from) / HOUR_MS))
    const before = this.#hours.sumBefore(Math.min(hour, SPAN_DAYS * 24 - 1))
    const drawn = this.#hours.at(before + random.next() * (this.#hours.total - before))
    return Math.min(Math.max(this.from + drawn * HOUR_MS + random.below(HOUR_MS), from), this.until - 1)
  }

  hourOfDay(instant: Instant): number {
    return Math.floor((instant + ZONE_OFFSET_MS) / HOUR_MS) % 24
  }
}
