import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import { findPerson, type Order, type Touch } from './domain.ts'
import { MasterBook } from './master.ts'
import { NO_VISITOR } from './people.ts'
import {
  selectEarliestOrders,
  selectHeldOrders,
  selectOrdersOfSpan,
  selectOverrides,
  selectRefunds,
  selectTouches,
  type OrderPlace,
} from './queries.ts'
import {
  compareOrders,
  groupBy,
  orderKeyText,
  orderOf,
  overrideOf,
  refundOf,
  touchOf,
  touchProbes,
  type LoadedOrder,
  type Reach,
} from './rows.ts'

export interface SpanOptions {
  brandId: number
  reach: Reach
  /**
   * Whether buyers and first orders are found anew from evidence; else they are taken as last decided, which is quicker.
   */
  isFoundAnew: boolean
}

/** What is beyond is looked up again: memory stays the same however long the history is. */
const EARLIEST_MAX = 100_000

/**
 * Reads everything recorded about the orders of spans, batch after batch, for whoever decides many and books nothing. What
 * orders share (people, links, associates, stores) is read once, and taken as it was then.
 */
export class SpanReader {
  readonly #options: SpanOptions
  readonly #master = new MasterBook()
  /** Of each buyer who was asked for his earliest uncancelled order; null: he has none. */
  #earliest = new Map<string, OrderPlace | null>()

  constructor(options: SpanOptions) {
    this.#options = options
  }

  /** The next orders paid in a span, by (paidAt, source, orderNo); null as a bound: without end. */
  async next(
    db: Db,
    span: { from: Instant | null; to: Instant | null; after: OrderPlace | null; limit: number },
  ): Promise<LoadedOrder[]> {
    const { brandId, isFoundAnew } = this.#options
    const rows = await selectOrdersOfSpan(db, { brandId, ...span })
    const people = this.#master.peopleNow()
    const orders = rows.map(row =>
      isFoundAnew ? orderOf(row) : orderOf(row, { memberNo: row.buyer, phoneHash: null, visitorIds: NO_VISITOR }),
    )
    const [refunds, overrides, held] = await Promise.all([
      selectRefunds(db, { brandId, orders: rows.filter(row => row.hasRefunds) }),
      selectOverrides(db, { brandId, orders: rows.filter(row => row.hasOverrides) }),
      selectHeldOrders(db, { brandId, orders: rows.filter(row => row.hasHolds) }),
      people.learn(db, brandId, orders),
    ])
    const buyers = orders.map(order => findPerson(order, people)?.memberNo ?? null)
    const known = [...new Set(buyers)].filter(buyer => buyer !== null)
    const [met] = await Promise.all([
      people.learnPersons(db, brandId, known),
      isFoundAnew ? this.#learnEarliest(db, known) : null,
    ])
    const touchesOf = await this.#touchesOf(db, orders, buyers)
    const links = this.#master.linksNow()
    const read = await this.#master.learnLinks(db, brandId, [
      ...[...touchesOf.values()].flatMap(touches => touches.map(touch => touch.linkCode)),
      ...orders.flatMap(order => order.shareCode ?? []),
    ])
    await this.#master.learnHolders(db, brandId, { orders, links: read, overrides, persons: met })
    people.addNumbers(this.#master.mergedNumbers)

    const refundsOf = groupBy(refunds, orderKeyText)
    const overridesOf = groupBy(overrides, orderKeyText)
    const heldOrders = new Set(held.map(orderKeyText))
    const none: readonly never[] = []
    const { members } = people
    const { associates, stores } = this.#master
    return orders.map((order, i): LoadedOrder => {
      const row = rows[i]!
      const buyer = buyers[i]!
      const { from, to } = this.#options.reach(order.paidAt)
      const touches = buyer === null ? undefined : touchesOf.get(buyer)
      return {
        lastBuyer: row.buyer,
        evidence: {
          order,
          refunds: row.hasRefunds ? (refundsOf.get(orderKeyText(order))?.map(refundOf) ?? none) : none,
          overrides: row.hasOverrides ? (overridesOf.get(orderKeyText(order))?.map(overrideOf) ?? none) : none,
          onHold: row.hasHolds && heldOrders.has(orderKeyText(order)),
          people,
          members,
          assignments: (buyer === null ? undefined : people.persons.get(buyer)?.assignments) ?? none,
          touches: touches?.filter(touch => touch.at >= from && touch.at <= to) ?? none,
          links,
          associates,
          stores,
          hasEarlierOrder:
            buyer !== null && (isFoundAnew ? this.#hasEarlier(order, buyer) : row.isFirstOrder === false),
        },
      }
    })
  }

  /** By person the touches that count for one of these orders, and others of theirs. */
  async #touchesOf(db: Db, orders: readonly Order[], buyers: readonly (string | null)[]) {
    const { brandId, reach } = this.#options
    const people = this.#master.peopleNow()
    const probes = touchProbes(orders, (_, i) => people.persons.get(buyers[i] ?? ''), reach)
    const found = await Promise.all(probes.map(probe => selectTouches(db, { brandId, probe })))
    const touches = new Map<string, Touch & { linkCode: string }>()
    for (const rows of found) for (const row of rows) touches.set(row.touchId, touchOf(row))
    const told = [...touches.values()]
    await people.learn(db, brandId, told)
    return groupBy(told, touch => findPerson(touch, people)?.memberNo)
  }

  async #learnEarliest(db: Db, buyers: readonly string[]): Promise<void> {
    const { brandId } = this.#options
    if (this.#earliest.size > EARLIEST_MAX) this.#earliest = new Map()
    const unknown = buyers.filter(buyer => !this.#earliest.has(buyer))
    for (const buyer of unknown) this.#earliest.set(buyer, null)
    for (const { buyer, ...place } of await selectEarliestOrders(db, { brandId, buyers: unknown, orders: [] })) {
      this.#earliest.set(buyer, place)
    }
  }

  #hasEarlier(order: Order, buyer: string): boolean {
    const earliest = this.#earliest.get(buyer) ?? null
    return earliest !== null && compareOrders(earliest, order) < 0
  }
}
