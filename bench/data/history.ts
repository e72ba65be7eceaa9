import type {
  Member,
  MemberAssignment,
  Order,
  OrderEvidence,
  People,
  ShareLink,
} from '../../server/features/attribution/domain.ts'
import {
  decide,
  differences,
  planInForce,
  type Entitlement,
  type Plan,
} from '../../server/features/commissions/domain.ts'
import { basesOf, summaryOf } from '../../server/features/commissions/service.ts'
import type { BookingReason } from '../../server/features/evidence/service.ts'
import { DAY_MS, type Instant } from '../../server/lib/time.ts'
import type { Vault } from '../../server/lib/vault.ts'
import type { Brand } from './brand.ts'
import { afterLater, drawLater, drawOrder } from './orders.ts'
import { peopleOf, personOf, type Person } from './person.ts'
import { mix, Random } from './random.ts'
import type { RowBuffer } from './row-buffer.ts'
import { Rows } from './rows.ts'
import type { TableName } from './tables.ts'
import { Timeline } from './timeline.ts'
import { drawTouches, OLDEST_TOUCH_MS, type KnownTouch } from './touches.ts'

export const SHARD_TABLES = [
  'members',
  'member_merges',
  'identities',
  'member_assignments',
  'touch_keys',
  'touches',
  'order_revisions',
  'refund_revisions',
  'orders',
  'entitlements',
  'ledger_rows',
  'tier_bases',
] as const satisfies readonly TableName[]

export type ShardRows = Record<(typeof SHARD_TABLES)[number], RowBuffer>

/** How many orders later touches that are too old are looked for. */
const FORGET_EVERY = 500_000
/** Who buys more often than that is remembered, and not made anew for each order. */
const REMEMBERED_FROM_ORDERS = 20

/** A member as `decide` takes him. */
interface Customer {
  person: Person
  people: People
  members: ReadonlyMap<string, Member>
}

const NOBODY: People = { identities: new Map(), mergedInto: new Map(), phones: new Map() }
const NO_MEMBERS: ReadonlyMap<string, Member> = new Map()
const NO_ASSIGNMENTS: readonly MemberAssignment[] = []
const NO_LINKS: ReadonlyMap<string, ShareLink> = new Map()

/** The customers of one shard and all that they do, in the order of time, written as rows. */
export class History {
  readonly #brand: Brand
  readonly #vault: Vault
  readonly #write: Rows
  readonly #to: ShardRows
  readonly #timeline: Timeline
  readonly #customers = new Map<number, Customer>()
  readonly #lastPaidAt: Float64Array
  readonly #hasOrder: Uint8Array
  /** By customer: touches that may still count. */
  readonly #touches = new Map<number, readonly KnownTouch[]>()
  /** By month and associate: what the order lines add to the basis of his bonus. */
  readonly bases: readonly Map<string, number>[]
  #toldMembers = 0
  #toldOrders = 0

  constructor(brand: Brand, options: { shard: number; vault: Vault; rows: ShardRows }) {
    this.#brand = brand
    this.#vault = options.vault
    this.#write = new Rows(brand.options.brandId, options.vault)
    this.#to = options.rows
    this.#timeline = new Timeline(brand, options.shard)
    this.#lastPaidAt = new Float64Array(this.#timeline.customerCount)
    this.#hasOrder = new Uint8Array(this.#timeline.customerCount)
    this.bases = brand.months.map(() => new Map())
  }

  get toldOrders(): number {
    return this.#toldOrders
  }

  /** Tells the next members, so many at most. @returns whether there are more */
  tellMembers(count: number): boolean {
    const end = Math.min(this.#timeline.customerCount, this.#toldMembers + count)
    for (; this.#toldMembers < end; this.#toldMembers++) this.#tellMember(this.#toldMembers)
    return end < this.#timeline.customerCount
  }

  #tellMember(customer: number): void {
    const index = this.#timeline.indexOf(customer)
    const person = personOf(this.#brand, index, this.#vault)
    this.#write.member(this.#to.members, person)
    this.#write.identities(this.#to.identities, person)
    const random = new Random(mix(this.#brand.options.seed, 9, index))
    this.#write.assignments(this.#to.member_assignments, person, random)
    if (person.oldNumber === null) return
    const { memberNo, mergedAt } = person.oldNumber
    this.#write.oldNumber(this.#to.members, memberNo, person)
    this.#write.merge(this.#to.member_merges, memberNo, person.memberNo, mergedAt)
  }

  /** Tells the next orders in the order of time, with all that belongs to them. @returns whether there are more */
  tellOrders(count: number): boolean {
    const end = Math.min(this.#timeline.orderCount, this.#toldOrders + count)
    for (; this.#toldOrders < end; this.#toldOrders++) {
      this.#tellOrder(this.#toldOrders)
      if (this.#toldOrders % FORGET_EVERY === 0) this.#forgetTouches(this.#timeline.paidAtOf(this.#toldOrders))
    }
    return end < this.#timeline.orderCount
  }

  #tellOrder(i: number): void {
    const { options, plans, associatesById, storesByCode } = this.#brand
    const orderNumber = this.#timeline.numberOf(i)
    const random = new Random(mix(options.seed, 8, orderNumber))
    const id = this.#timeline.customerOf(i)
    const customer = id === null ? null : this.#customerOf(id)
    const lastPaidAt = id === null ? 0 : this.#lastPaidAt[id]!
    const paidAt = Math.max(this.#timeline.paidAtOf(i) + random.below(1000), lastPaidAt + 1)
    const plan = planInForce(plans, paidAt)

    const person = customer?.person ?? null
    const visitor = person ? null : `v-${options.orders + orderNumber}`
    const done = drawTouches(this.#brand, random, { person, visitor, orderNumber, paidAt, since: lastPaidAt })
    for (const touch of done) this.#write.touch(this.#to.touches, this.#to.touch_keys, touch)
    const touches = this.#touchesWithin(id, done, paidAt - (plan?.attribution.windowDays ?? 0) * DAY_MS)
    const { order, link } = drawOrder(this.#brand, random, { person, visitor, orderNumber, paidAt, touches })

    const { cancelled } = this.#book(plan, random, person?.phone ?? null, {
      order,
      refunds: [],
      overrides: [],
      onHold: false,
      people: customer?.people ?? NOBODY,
      members: customer?.members ?? NO_MEMBERS,
      assignments: person?.assignments ?? NO_ASSIGNMENTS,
      touches,
      links: linksOf(touches, link),
      associates: associatesById,
      stores: storesByCode,
      hasEarlierOrder: id !== null && this.#hasOrder[id] === 1,
    })
    if (id === null) return
    this.#lastPaidAt[id] = paidAt
    if (!cancelled) this.#hasOrder[id] = 1
  }

  #customerOf(id: number): Customer {
    const known = this.#customers.get(id)
    if (known) return known
    const person = personOf(this.#brand, this.#timeline.indexOf(id), this.#vault)
    const customer = { person, people: peopleOf(person), members: new Map([[person.memberNo, person]]) }
    if (this.#timeline.orderCountOf(id) >= REMEMBERED_FROM_ORDERS) this.#customers.set(id, customer)
    return customer
  }

  /** A customer's touches since an instant, the new ones among them, as the service would load them. */
  #touchesWithin(id: number | null, done: readonly KnownTouch[], from: Instant): readonly KnownTouch[] {
    const before = id === null ? undefined : this.#touches.get(id)
    if (before === undefined && done.length === 0) return done
    const touches = [...(before ?? []), ...done].filter(touch => touch.at >= from)
    if (id !== null) this.#touches.set(id, touches)
    return touches
  }

  /** Touches that are too old for any order to come. */
  #forgetTouches(now: Instant): void {
    for (const [id, touches] of this.#touches) {
      if (touches.every(touch => touch.at < now - OLDEST_TOUCH_MS)) this.#touches.delete(id)
    }
  }

  /**
   * Books an order as it is told, and then whatever is told of it later: each time what is owed is decided, and the
   * difference goes into the ledger.
   *
   * @returns the order as it stands at the end
   */
  #book(plan: Plan | null, random: Random, phone: string | null, first: OrderEvidence): Order {
    const { order } = first
    const sealedPhone = order.phoneHash === undefined ? null : phone
    const receivedAt = order.paidAt + 1000 + random.below(4000)
    this.#write.revision(this.#to.order_revisions, order, sealedPhone, receivedAt)
    let decision = decide(first, plan)
    this.#writeLedger(order, decision.entitlements, { at: receivedAt, reason: 'sale', random })

    let evidence = first
    for (const later of drawLater(random, order, this.#brand.calendar.until)) {
      const { at, refund } = later
      if (refund) this.#write.refund(this.#to.refund_revisions, order, refund, at)
      else this.#write.revision(this.#to.order_revisions, later.order, sealedPhone, at)
      evidence = afterLater(evidence, later)
      const booked = decision.entitlements
      decision = decide(evidence, plan)
      const reason = refund ? 'refund' : 'sale'
      this.#writeLedger(order, differences(booked, decision.entitlements), { at, reason, random })
    }

    const summary = summaryOf(decision, evidence.order.cancelled, order.channel)
    this.#write.order(this.#to.orders, evidence.order, summary, receivedAt)
    for (const entry of byKey(decision.entitlements)) this.#write.entitlement(this.#to.entitlements, order, entry)
    this.#writeBases(order, basesOf(decision, plan))
    return evidence.order
  }

  #writeLedger(
    order: Order,
    rows: readonly Entitlement[],
    booking: { at: Instant; reason: BookingReason; random: Random },
  ): void {
    for (const row of rows) this.#write.ledgerRow(this.#to.ledger_rows, order, row, booking)
  }

  #writeBases(order: Order, bases: ReadonlyMap<string, number>): void {
    const monthIndex = this.#brand.monthIndexOf(order.paidAt)
    const { month } = this.#brand.months[monthIndex]!
    const sums = this.bases[monthIndex]!
    for (const associateId of bases.size > 1 ? [...bases.keys()].sort() : bases.keys()) {
      const basisFen = bases.get(associateId)!
      this.#write.basis(this.#to.tier_bases, order, { associateId, month, basisFen })
      sums.set(associateId, (sums.get(associateId) ?? 0) + basisFen)
    }
  }
}

/** In the order of the table's key: an index over what is sorted is built in a fraction of the time. */
const byKey = (entries: readonly Entitlement[]): readonly Entitlement[] =>
  entries.length < 2 ? entries : [...entries].sort((a, b) => a.lineNo - b.lineNo || (a.role < b.role ? -1 : 1))

function linksOf(touches: readonly KnownTouch[], link: ShareLink | null): ReadonlyMap<string, ShareLink> {
  if (touches.length === 0 && link === null) return NO_LINKS
  const links = new Map<string, ShareLink>()
  for (const touch of touches) links.set(touch.link.linkCode, touch.link)
  if (link) links.set(link.linkCode, link)
  return links
}
