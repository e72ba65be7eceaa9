import type {
  MemberAssignment,
  Order,
  OrderEvidence,
  OrderLine,
  People,
  Refund,
  ShareLink,
  Touch,
  TouchKind,
  VisitorIds,
} from '../../server/features/attribution/domain.ts'
import { decide, differences, planInForce, type Entitlement } from '../../server/features/commissions/domain.ts'
import { basesOf, summaryOf } from '../../server/features/commissions/service.ts'
import type { BookingReason } from '../../server/features/evidence/service.ts'
import { DAY_MS, MINUTE_MS, type Instant } from '../../server/lib/time.ts'
import type { Vault } from '../../server/lib/vault.ts'
import type { Brand, GeneratedStore } from './brand.ts'
import { drawJoinedAt, drawOrderCount, peopleOf, personOf, personSeed, type Person } from './person.ts'
import { mix, Random } from './random.ts'
import type { RowBuffer } from './row-buffer.ts'
import { Rows, type Booking } from './rows.ts'
import type { TableName } from './tables.ts'

/**
 * The customers are dealt out to so many shards. Each customer's whole history is in one of them, so what came before
 * is known there; shards can be made at the same time. A constant: the data is the same on every machine.
 */
export const SHARDS = 2

/** Whose orders cannot be put down to anybody: no member number at the till, a visitor whom nobody knows. */
const ANONYMOUS_SHARE = 0.12
const TOUCHED_SHARE = 0.35
const REFUNDED_SHARE = 0.08
const CANCELLED_SHARE = 0.01
const REVISED_SHARE = 0.04

const ANONYMOUS = 0xff_ffff
/** How many orders later touches that are too old are looked for. */
const FORGET_EVERY = 500_000
/** A key of the timeline: seconds, then whose order it is. */
const PER_SECOND = 0x100_0000

export type ShardRows = Record<ShardTable, RowBuffer>
export type ShardTable = Extract<
  TableName,
  | 'members'
  | 'member_merges'
  | 'identities'
  | 'member_assignments'
  | 'touch_keys'
  | 'touches'
  | 'order_revisions'
  | 'refund_revisions'
  | 'orders'
  | 'entitlements'
  | 'ledger_rows'
  | 'tier_bases'
>

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
] as const satisfies readonly ShardTable[]

const NOBODY: People = { identities: new Map(), mergedInto: new Map(), phones: new Map() }

interface KnownTouch extends Touch {
  link: ShareLink
}

/** The customers of one shard and all that they do, in the order of time. */
export class History {
  readonly #brand: Brand
  readonly #shard: number
  readonly #vault: Vault
  readonly #write: Rows
  readonly #to: ShardRows
  /** Seconds since the beginning and customer, ascending. */
  readonly #timeline: Float64Array
  readonly memberCount: number
  readonly #lastPaidAt: Float64Array
  readonly #hasOrder: Uint8Array
  /** By customer: touches that may still count. */
  readonly #touches = new Map<number, KnownTouch[]>()
  /** By month and associate: what the order lines add to the basis of his bonus. */
  readonly bases: Map<string, number>[]
  #toldMembers = 0
  #toldOrders = 0

  constructor(brand: Brand, options: { shard: number; vault: Vault; rows: ShardRows }) {
    this.#brand = brand
    this.#shard = options.shard
    this.#vault = options.vault
    this.#write = new Rows(brand.options.brandId, options.vault)
    this.#to = options.rows
    this.bases = brand.months.map(() => new Map())
    const { timeline, memberCount } = this.#drawTimeline()
    this.#timeline = timeline
    this.memberCount = memberCount
    this.#lastPaidAt = new Float64Array(memberCount)
    this.#hasOrder = new Uint8Array(memberCount)
  }

  get toldOrders(): number {
    return this.#toldOrders
  }

  get orderCount(): number {
    return this.#timeline.length
  }

  /** A customer's number among all shards. */
  #indexOf(customer: number): number {
    return customer * SHARDS + this.#shard
  }

  /** Who buys when. */
  #drawTimeline(): { timeline: Float64Array; memberCount: number } {
    const { calendar, options } = this.#brand
    const total = Math.floor(options.orders / SHARDS) + (this.#shard < options.orders % SHARDS ? 1 : 0)
    const anonymous = Math.round(total * ANONYMOUS_SHARE)
    const timeline = new Float64Array(total)
    const random = new Random(mix(options.seed, 7, this.#shard))
    let next = 0
    const add = (from: Instant, customer: number) => {
      const seconds = Math.floor((calendar.draw(random, from) - calendar.from) / 1000)
      timeline[next++] = seconds * PER_SECOND + customer
    }
    while (next < anonymous) add(calendar.from, ANONYMOUS)
    let customer = 0
    for (; next < total; customer++) {
      const joinedAt = drawJoinedAt(this.#brand, new Random(personSeed(this.#brand, this.#indexOf(customer))))
      const count = Math.min(drawOrderCount(random), total - next)
      for (let i = 0; i < count; i++) add(Math.max(joinedAt, calendar.from), customer)
    }
    timeline.sort()
    return { timeline, memberCount: customer }
  }

  /** Tells the next customers, so many at most. @returns whether there are more */
  tellMembers(count: number): boolean {
    const end = Math.min(this.memberCount, this.#toldMembers + count)
    for (; this.#toldMembers < end; this.#toldMembers++) this.#tellMember(this.#toldMembers)
    return end < this.memberCount
  }

  #tellMember(customer: number): void {
    const person = personOf(this.#brand, this.#indexOf(customer), this.#vault)
    const random = new Random(mix(this.#brand.options.seed, 9, this.#indexOf(customer)))
    this.#write.member(this.#to.members, person)
    this.#write.identities(this.#to.identities, person)
    this.#write.assignments(this.#to.member_assignments, person, random)
    if (person.oldNumber !== null) {
      const { memberNo, mergedAt } = person.oldNumber
      this.#write.oldNumber(this.#to.members, memberNo, person)
      this.#write.merge(this.#to.member_merges, memberNo, person.memberNo, mergedAt)
    }
  }

  /** Tells the next orders in the order of time, with all that belongs to them. @returns whether there are more */
  tellOrders(count: number): boolean {
    const end = Math.min(this.orderCount, this.#toldOrders + count)
    for (; this.#toldOrders < end; this.#toldOrders++) {
      this.#tellOrder(this.#toldOrders)
      if (this.#toldOrders % FORGET_EVERY === 0) this.#forgetTouches(this.#toldOrders)
    }
    return end < this.orderCount
  }

  #tellOrder(i: number): void {
    const { calendar, options } = this.#brand
    const key = this.#timeline[i]!
    const customer = key % PER_SECOND
    const random = new Random(mix(options.seed, 8, this.#shard, i))
    const drawnAt = calendar.from + Math.floor(key / PER_SECOND) * 1000 + random.below(1000)
    const isKnown = customer !== ANONYMOUS
    const person = isKnown ? personOf(this.#brand, this.#indexOf(customer), this.#vault) : null
    const lastPaidAt = isKnown ? this.#lastPaidAt[customer]! : 0
    const paidAt = Math.max(drawnAt, lastPaidAt + 1)

    const number = i * SHARDS + this.#shard
    const visitor = isKnown ? null : `v-${options.orders + number}`
    const plan = planInForce(this.#brand.plans, paidAt)
    const seenFrom = paidAt - (plan?.attribution.windowDays ?? 0) * DAY_MS
    const touches = this.#touchesBefore(random, { person, visitor, customer, paidAt, lastPaidAt, number, seenFrom })
    const order = this.#drawOrder(random, { person, visitor, paidAt, number, touches })
    const phone = order.phoneHash === undefined ? null : (person?.phone ?? null)

    const evidence: OrderEvidence = {
      order,
      refunds: [],
      overrides: [],
      onHold: false,
      people: person ? peopleOf(person) : NOBODY,
      members: new Map(person ? [[person.memberNo, person]] : []),
      assignments: person?.assignments ?? NO_ASSIGNMENTS,
      touches,
      links: this.#linksOf(touches, order),
      associates: this.#brand.associatesById,
      stores: this.#brand.storesByCode,
      hasEarlierOrder: isKnown && this.#hasOrder[customer] === 1,
    }
    const { cancelled } = this.#book(evidence, phone, random)
    if (!isKnown) return
    this.#lastPaidAt[customer] = paidAt
    if (!cancelled) this.#hasOrder[customer] = 1
  }

  /**
   * What is told about an order, one after the other; each time what is owed is decided and the difference booked.
   *
   * @returns the order as it stands at the end
   */
  #book(first: OrderEvidence, phone: string | null, random: Random): Order {
    const { order } = first
    const plan = planInForce(this.#brand.plans, order.paidAt)
    const receivedAt = order.paidAt + 1000 + random.below(4000)
    let evidence = first
    let booked: readonly Entitlement[] = []
    let decision = decide(evidence, plan)
    const book = (reason: BookingReason, at: Instant) => {
      const rows = booked.length === 0 ? decision.entitlements : differences(booked, decision.entitlements)
      const booking: Booking = { at, reason, random }
      for (const row of rows) this.#write.ledgerRow(this.#to.ledger_rows, order, row, booking)
      booked = decision.entitlements
    }
    this.#write.revision(this.#to.order_revisions, order, phone, receivedAt)
    book('sale', receivedAt)

    const later = this.#drawLater(random, order)
    for (const { reason, at, next } of later) {
      evidence = next(evidence)
      if (evidence.order !== order && reason === 'sale') {
        this.#write.revision(this.#to.order_revisions, evidence.order, phone, at)
      }
      decision = decide(evidence, plan)
      book(reason, at)
    }
    for (const { refund, at } of later.flatMap(({ told }) => told)) {
      this.#write.refund(this.#to.refund_revisions, order, refund, at)
    }

    const summary = summaryOf(decision, evidence.order.cancelled, order.channel)
    this.#write.order(this.#to.orders, evidence.order, summary, receivedAt)
    for (const entry of decision.entitlements) this.#write.entitlement(this.#to.entitlements, order, entry)
    const monthIndex = this.#monthIndexOf(order.paidAt)
    const { month } = this.#brand.months[monthIndex]!
    const bases = this.bases[monthIndex]!
    for (const [associateId, basisFen] of basesOf(decision, plan)) {
      this.#write.basis(this.#to.tier_bases, order, { associateId, month, basisFen })
      bases.set(associateId, (bases.get(associateId) ?? 0) + basisFen)
    }
    return evidence.order
  }

  #monthIndexOf(instant: Instant): number {
    const { months } = this.#brand
    let index = 0
    while (months[index]!.end <= instant) index++
    return index
  }

  // ------------------------------------------------------------------------------------------------- touches

  #touchesBefore(
    random: Random,
    about: {
      person: Person | null
      visitor: string | null
      customer: number
      paidAt: Instant
      lastPaidAt: Instant
      number: number
      /** What was before counts for nothing, and is not looked at. */
      seenFrom: Instant
    },
  ): readonly KnownTouch[] {
    const { person, paidAt, lastPaidAt, number, seenFrom } = about
    const before = person ? (this.#touches.get(about.customer) ?? NO_TOUCHES) : NO_TOUCHES
    const fresh = before.length > 0 ? before.filter(touch => touch.at >= seenFrom) : before
    if (!random.chance(TOUCHED_SHARE)) return fresh
    const touches = [...fresh]
    const gapMs = paidAt - Math.max(lastPaidAt, this.#brand.calendar.from) - 1000
    for (let i = 1 + Math.floor(3 * random.next() ** 2.5); i > 0; i--) {
      const wantedMs = drawAge(random)
      const ageMs = wantedMs < gapMs ? wantedMs : Math.floor(gapMs * random.next())
      if (ageMs <= 0) continue
      const at = paidAt - ageMs
      const link = this.#brand.drawLink(random, this.#drawSharer(random, person, at), at)
      const touchId = `t${number}-${i}`
      const { memberNo, visitorIds } = seenAs(random, person, about.visitor)
      const seen = { touchId, linkCode: link.linkCode, at, kind: drawKind(random), visitorIds, link }
      const told: KnownTouch = memberNo === undefined ? seen : { ...seen, memberNo }
      if (at >= seenFrom) touches.push(told)
      this.#write.touch(this.#to.touches, this.#to.touch_keys, told)
    }
    if (person && touches.length > 0) this.#touches.set(about.customer, touches)
    return touches
  }

  /** Whose link it is: mostly that of the customer's own associate. */
  #drawSharer(random: Random, person: Person | null, at: Instant): number {
    const draw = random.next()
    if (person && draw < 0.55) return person.associateIndex
    if (person && draw < 0.8) return this.#brand.drawStaff(random, person.store, at).index
    if (draw < 0.9) return this.#brand.drawOtherSharer(random).index
    return this.#brand.drawStaff(random, this.#brand.drawStore(random), at).index
  }

  #linksOf(touches: readonly KnownTouch[], order: Order & { link?: ShareLink }): ReadonlyMap<string, ShareLink> {
    if (touches.length === 0 && order.link === undefined) return NO_LINKS
    const links = new Map(touches.map(({ link }) => [link.linkCode, link]))
    if (order.link) links.set(order.link.linkCode, order.link)
    return links
  }

  /** Touches that are too old for any order to come. */
  #forgetTouches(lastOrder: number): void {
    const seconds = Math.floor(this.#timeline[lastOrder]! / PER_SECOND)
    const oldest = this.#brand.calendar.from + seconds * 1000 - REACH_MS
    for (const [customer, touches] of this.#touches) {
      if (touches.every(touch => touch.at < oldest)) this.#touches.delete(customer)
    }
  }

  // -------------------------------------------------------------------------------------------------- orders

  #drawOrder(
    random: Random,
    about: {
      person: Person | null
      visitor: string | null
      paidAt: Instant
      number: number
      touches: readonly KnownTouch[]
    },
  ): Order & { link?: ShareLink } {
    const { person, paidAt, touches } = about
    const hour = this.#brand.calendar.hourOfDay(paidAt)
    const isInStore = hour >= 10 && hour < 22 && random.chance(0.73)
    const store = this.#drawSellingStore(random, person, isInStore)
    const closer = store && random.chance(isInStore ? 0.97 : 0.03) ? this.#brand.drawStaff(random, store, paidAt) : null
    const link = isInStore ? null : this.#drawShareCode(random, touches, paidAt)
    const secondCloser = isInStore && store && random.chance(0.04) ? this.#brand.drawStaff(random, store, paidAt) : null
    return {
      source: isInStore ? 'pos' : 'mall',
      orderNo: String(100_000_000 + about.number),
      revision: 1,
      channel: isInStore ? 'in_store' : 'online',
      ...buyerAs(random, person, { visitor: about.visitor, isInStore, paidAt }),
      ...(store ? { sellingStore: store.storeCode } : {}),
      ...(closer ? { closer: closer.associateId } : {}),
      ...(link ? { shareCode: link.linkCode, link } : {}),
      paidAt,
      cancelled: false,
      lines: this.#drawLines(random, secondCloser?.associateId ?? null),
    }
  }

  #drawSellingStore(random: Random, person: Person | null, isInStore: boolean): GeneratedStore | null {
    if (!isInStore && !random.chance(0.3)) return null
    return person && random.chance(0.85) ? person.store : this.#brand.drawStore(random)
  }

  #drawShareCode(random: Random, touches: readonly KnownTouch[], paidAt: Instant): ShareLink | null {
    const last = touches.at(-1)
    if (last) return random.chance(0.2) ? last.link : null
    if (!random.chance(0.02)) return null
    return this.#brand.drawLink(random, this.#drawSharer(random, null, paidAt), paidAt)
  }

  #drawLines(random: Random, secondCloser: string | null): OrderLine[] {
    const draw = random.next()
    const count = draw < 0.46 ? 1 : draw < 0.74 ? 2 : draw < 0.88 ? 3 : draw < 0.96 ? 4 : 5
    const lines: OrderLine[] = []
    for (let lineNo = 1; lineNo <= count; lineNo++) {
      const { sku, category, priceFen, listFen } = this.#brand.drawProduct(random)
      const quantity = random.chance(0.9) ? 1 : 2 + random.below(2)
      const discount = random.chance(0.35) ? 0.5 + 0.45 * random.next() : 1
      const line: OrderLine = {
        lineNo,
        sku,
        category,
        quantity,
        paidFen: Math.round(priceFen * quantity * discount),
        listFen: listFen * quantity,
      }
      if (secondCloser !== null && lineNo === count && count > 1) line.closer = secondCloser
      lines.push(line)
    }
    return lines
  }

  /** What is told about an order after it, as far as the history goes. */
  #drawLater(random: Random, order: Order): Later[] {
    const { until } = this.#brand.calendar
    const draw = random.next()
    const later: Later[] = []
    if (draw < CANCELLED_SHARE) {
      later.push(revised(order.paidAt + MINUTE_MS + random.below(2 * DAY_MS), { cancelled: true }))
    } else if (draw < CANCELLED_SHARE + REVISED_SHARE) {
      const at = order.paidAt + DAY_MS + random.below(5 * DAY_MS)
      if (order.channel === 'online') later.push(revised(at, { completedAt: at }))
      else
        later.push(
          revised(at, { lines: order.lines.map(line => ({ ...line, paidFen: Math.round(line.paidFen * 0.95) })) }),
        )
    } else if (draw < CANCELLED_SHARE + REVISED_SHARE + REFUNDED_SHARE) {
      later.push(...refunded(random, order))
    }
    return later.filter(({ at }) => at < until)
  }
}

/** Touches that are older can be forgotten. */
const REACH_MS = 45 * DAY_MS

const NO_TOUCHES: readonly KnownTouch[] = []
const NO_ASSIGNMENTS: readonly MemberAssignment[] = []
const NO_LINKS: ReadonlyMap<string, ShareLink> = new Map()

/** How long before payment: some minutes, some days, some too long ago. */
function drawAge(random: Random): number {
  const draw = random.next()
  if (draw < 0.25) return MINUTE_MS + random.below(120 * MINUTE_MS)
  if (draw < 0.92) return Math.floor(15 * DAY_MS * random.next() ** 1.7)
  return 15 * DAY_MS + random.below(25 * DAY_MS)
}

function drawKind(random: Random): TouchKind {
  const draw = random.next()
  if (draw < 0.7) return 'click'
  if (draw < 0.82) return 'visit'
  if (draw < 0.9) return 'scan'
  if (draw < 0.94) return 'live_enter'
  return draw < 0.97 ? 'coupon_claim' : 'sent'
}

/** Under which id somebody was seen. */
function seenAs(
  random: Random,
  person: Person | null,
  visitor: string | null,
): { memberNo?: string; visitorIds: VisitorIds } {
  if (!person) return { visitorIds: { visitor: visitor! } }
  const { identities } = person
  if (identities.length === 0 || random.chance(0.2)) return { memberNo: person.memberNo, visitorIds: {} }
  const { kind, value } = random.pick(identities)
  return { visitorIds: { [kind]: value } }
}

/** What an order says of who bought. */
function buyerAs(
  random: Random,
  person: Person | null,
  { visitor, isInStore, paidAt }: { visitor: string | null; isInStore: boolean; paidAt: Instant },
): Pick<Order, 'memberNo' | 'visitorIds' | 'phoneHash'> {
  if (!person) return { visitorIds: isInStore ? {} : { visitor: visitor! } }
  const { unionid, openid } = person.ids
  const draw = random.next()
  if (isInStore && person.phoneHash !== null && draw > 0.8) return { visitorIds: {}, phoneHash: person.phoneHash }
  if (!isInStore && unionid !== undefined && draw > 0.75)
    return { visitorIds: { unionid, ...(openid ? { openid } : {}) } }
  const { oldNumber } = person
  const memberNo = oldNumber !== null && paidAt < oldNumber.mergedAt ? oldNumber.memberNo : person.memberNo
  return { memberNo, visitorIds: !isInStore && openid !== undefined ? { openid } : {} }
}

/** Something that is told about an order after it. */
interface Later {
  reason: BookingReason
  at: Instant
  next: (evidence: OrderEvidence) => OrderEvidence
  told: readonly { refund: Refund; at: Instant }[]
}

const revised = (at: Instant, change: Partial<Order>): Later => ({
  reason: 'sale',
  at,
  next: evidence => ({
    ...evidence,
    order: { ...evidence.order, ...change, revision: evidence.order.revision + 1 },
  }),
  told: [],
})

/** One refund of the whole or of a part; few are corrected afterwards. */
function refunded(random: Random, order: Order): Later[] {
  const at = order.paidAt + DAY_MS / 2 + random.below(20 * DAY_MS)
  const isWhole = random.chance(0.4)
  const picked = isWhole ? order.lines : [random.pick(order.lines)]
  const part = isWhole || random.chance(0.6) ? 1 : 0.2 + 0.6 * random.next()
  const refund: Refund = {
    refundNo: `R${order.orderNo}`,
    revision: 1,
    refundedAt: at,
    lines: picked.map(({ lineNo, quantity, paidFen }) => ({
      lineNo,
      quantity: part === 1 ? quantity : 0,
      refundFen: Math.round(paidFen * part),
    })),
  }
  const told = (latest: Refund, toldAt: Instant): Later => ({
    reason: 'refund',
    at: toldAt,
    next: evidence => ({ ...evidence, refunds: [latest] }),
    told: [{ refund: latest, at: toldAt }],
  })
  if (!random.chance(0.03)) return [told(refund, at)]
  const corrected: Refund = {
    ...refund,
    revision: 2,
    lines: refund.lines.map(line => ({ ...line, refundFen: Math.floor(line.refundFen * 0.9) })),
  }
  return [told(refund, at), told(corrected, at + DAY_MS)]
}
