import type { Instant } from '../../server/lib/time.ts'
import type { Brand } from './brand.ts'
import { drawJoinedAt, drawOrderCount, personSeed } from './person.ts'
import { mix, Random } from './random.ts'
import { MEMBERS_PER_TURN, numberAmongAll, ORDERS_PER_TURN, SHARDS } from './shards.ts'

/** Whose orders cannot be put down to anybody: no member number at the till, a visitor whom nobody knows. */
const ANONYMOUS_SHARE = 0.12
const ANONYMOUS = 0xff_ffff
/** A key of the timeline: seconds, then whose order it is. */
const PER_SECOND = 0x100_0000

/** When which customer of a shard buys, in the order of time. */
export class Timeline {
  readonly #brand: Brand
  readonly #shard: number
  /** Seconds since the beginning and customer, ascending. */
  readonly #keys: Float64Array
  /** By customer. */
  readonly #orderCounts: number[] = []

  constructor(brand: Brand, shard: number) {
    const { calendar, options } = brand
    this.#brand = brand
    this.#shard = shard
    const total = Math.floor(options.orders / SHARDS) + (shard < options.orders % SHARDS ? 1 : 0)
    this.#keys = new Float64Array(total)
    const random = new Random(mix(options.seed, 7, shard))
    let next = 0
    const add = (from: Instant, customer: number) => {
      const seconds = Math.floor((calendar.draw(random, from) - calendar.from) / 1000)
      this.#keys[next++] = seconds * PER_SECOND + customer
    }
    for (let left = Math.round(total * ANONYMOUS_SHARE); left > 0; left--) add(calendar.from, ANONYMOUS)
    for (let customer = 0; next < total; customer++) {
      const joinedAt = drawJoinedAt(brand, new Random(personSeed(brand, this.indexOf(customer))))
      const count = Math.min(drawOrderCount(random), total - next)
      this.#orderCounts.push(count)
      for (let left = count; left > 0; left--) add(Math.max(joinedAt, calendar.from), customer)
    }
    this.#keys.sort()
  }

  get orderCount(): number {
    return this.#keys.length
  }

  get customerCount(): number {
    return this.#orderCounts.length
  }

  orderCountOf(customer: number): number {
    return this.#orderCounts[customer]!
  }

  /** A customer's number among those of all shards. */
  indexOf(customer: number): number {
    return numberAmongAll(this.#shard, customer, MEMBERS_PER_TURN)
  }

  /** An order's number among those of all shards. */
  numberOf(order: number): number {
    return numberAmongAll(this.#shard, order, ORDERS_PER_TURN)
  }

  /** Whose order it is; null: nobody knows. */
  customerOf(order: number): number | null {
    const customer = this.#keys[order]! % PER_SECOND
    return customer === ANONYMOUS ? null : customer
  }

  /** To the second. */
  paidAtOf(order: number): Instant {
    return this.#brand.calendar.from + Math.floor(this.#keys[order]! / PER_SECOND) * 1000
  }
}
