import { buildPoolLookups, type Db } from '../../database.ts'
import { valueInForce } from '../../lib/dated.ts'
import { compareBytes } from '../../lib/text.ts'
import type { Instant } from '../../lib/time.ts'
import type { OrderKey, ToldOrder } from '../evidence/service.ts'
import { readHistory } from '../stores/service.ts'
import {
  assignmentInForce,
  findPerson,
  type IdentityKind,
  type MemberAssignment,
  type Order,
  type OrderEvidence,
  type Override,
  type ShareLink,
  type VisitorIds,
} from './domain.ts'
import { MasterBook } from './master.ts'
import { assignmentOf, PeopleBook } from './people.ts'
import {
  lockBuyers,
  selectAssignments,
  selectEarliestOrders,
  selectHeldOrders,
  selectIdsOfMembers,
  selectOrders,
  selectOrdersHeldFirst,
  selectOverrides,
  selectPersons,
  selectRefunds,
  selectTouches,
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

export { lockBuyers, type OrderPlace } from './queries.ts'
export { orderKeyText, type LoadedOrder } from './rows.ts'
export { SpanReader } from './span.ts'

export interface LoadOptions {
  brandId: number
  orders: readonly OrderKey[]
  /** Orders that come in this transaction for the first time: nothing but this is recorded about them yet. */
  told?: readonly ToldOrder[]
  reach: Reach
  /** Hold the buyers' locks until the transaction ends: whoever books must. */
  lock: boolean
  /** Overrides that nobody made, taken as if somebody had: what would follow from them can be said. */
  supposed?: readonly (OrderKey & Override)[]
}

export interface Loaded {
  orders: LoadedOrder[]
  /** Orders outside the batch whose being somebody's first order is no longer as it was booked. */
  firstOrderChanged: OrderKey[]
}

/** Everything recorded about a batch of orders, as `decide` takes it. */
export async function loadEvidence(db: Db, options: LoadOptions): Promise<Loaded> {
  const { told = [], supposed = [] } = options
  const [rows, refunds, overrides, held] = await Promise.all([
    selectOrders(db, options),
    selectRefunds(db, options),
    selectOverrides(db, options),
    selectHeldOrders(db, options),
  ])
  return await gatherEvidence(db, options, {
    orders: [...rows, ...told].map(row => orderOf(row)),
    known: rows,
    lastBuyers: [...rows.map(row => row.buyer), ...told.map(() => null)],
    refunds,
    overrides: [...overrides.filter(override => !supposed.some(other => isSameRole(override, other))), ...supposed],
    held,
    supposedLinks: [],
  })
}

const isSameRole = (a: OrderKey & { role: string }, b: OrderKey & { role: string }) =>
  a.source === b.source && a.orderNo === b.orderNo && a.role === b.role

/**
 * What would be recorded about an order that nobody has paid yet, as `decide` takes it: what it would earn can be said
 * before it is bought.
 *
 * @param options.order its lines may be filled in afterwards; the closer, the selling store and the share's associate
 *   are looked up, so an order that differs in these alone needs no second call
 * @param options.link the share that it would come by
 * @param options.overrides who would hold a role by hand
 */
export async function supposeEvidence(
  db: Db,
  options: {
    brandId: number
    order: Order
    link?: ShareLink
    overrides?: readonly Override[]
    reach: LoadOptions['reach']
  },
): Promise<OrderEvidence> {
  const { order, link, overrides = [], ...rest } = options
  const loaded = await gatherEvidence(
    db,
    { ...rest, lock: false },
    {
      orders: [order],
      known: [],
      lastBuyers: [null],
      refunds: [],
      overrides: overrides.map(override => ({ source: order.source, orderNo: order.orderNo, ...override })),
      held: [],
      supposedLinks: link ? [link] : [],
    },
  )
  return loaded.orders[0]!.evidence
}

interface Recorded {
  orders: readonly Order[]
  /** Those of them that are there already. */
  known: readonly OrderKey[]
  /** Who each order's buyer was when it was last decided. */
  lastBuyers: readonly (string | null)[]
  refunds: readonly Awaited<ReturnType<typeof selectRefunds>>[number][]
  overrides: readonly (OrderKey & Pick<Awaited<ReturnType<typeof selectOverrides>>[number], keyof Override>)[]
  held: readonly OrderKey[]
  /** Links that are not there, and are taken as if they were. */
  supposedLinks: readonly ShareLink[]
}

/** Adds to orders everything that is recorded about their buyers and all who could hold a role. */
async function gatherEvidence(
  db: Db,
  options: Omit<LoadOptions, 'orders' | 'told'>,
  { orders, known: keys, lastBuyers, refunds, overrides, held, supposedLinks }: Recorded,
): Promise<Loaded> {
  const { brandId } = options
  const master = new MasterBook()
  const people = master.peopleNow()
  await people.learn(db, brandId, orders)
  const buyers = new Map(orders.map(order => [order, findPerson(order, people)?.memberNo ?? null]))
  const known = [...new Set([...buyers.values()].filter(buyer => buyer !== null))].sort(compareBytes)
  const affected = [...new Set([...known, ...lastBuyers.flatMap(buyer => buyer ?? [])])].sort(compareBytes)
  if (options.lock) await lockBuyers(db, { brandId, buyers: affected })

  const [persons, earliest, heldFirst] = await Promise.all([
    people.learnPersons(db, brandId, known),
    selectEarliestOrders(db, { brandId, buyers: affected, orders: keys }),
    options.lock ? selectOrdersHeldFirst(db, { brandId, buyers: affected, orders: keys }) : [],
  ])

  const probes = touchProbes(orders, order => persons.get(buyers.get(order) ?? ''), options.reach)
  const found = await Promise.all(probes.map(probe => selectTouches(db, { brandId, probe })))
  const touches = [...new Map(found.flatMap(rows => rows.map(row => [row.touchId, row]))).values()].map(touchOf)
  const linkCodes = distinct([...touches.map(touch => touch.linkCode), ...orders.map(order => order.shareCode)])
  const knownLinks = master.linksNow()
  const [links] = await Promise.all([master.learnLinks(db, brandId, linkCodes), people.learn(db, brandId, touches)])
  for (const link of supposedLinks) knownLinks.set(link.linkCode, link)
  const touchesOf = groupBy(touches, touch => findPerson(touch, people)?.memberNo)
  await master.learnHolders(db, brandId, { orders, links: [...links, ...supposedLinks], overrides, persons })
  people.addNumbers(master.mergedNumbers)

  const refundsOf = groupBy(refunds, orderKeyText)
  const overridesOf = groupBy(overrides, orderKeyText)
  const heldOrders = new Set(held.map(orderKeyText))
  const firsts = new FirstOrders(earliest, orders, buyers)
  const none: readonly never[] = []

  return {
    orders: orders.map((order, i) => {
      const buyer = buyers.get(order) ?? null
      const key = orderKeyText(order)
      return {
        lastBuyer: lastBuyers[i]!,
        evidence: {
          order,
          refunds: refundsOf.get(key)?.map(refundOf) ?? none,
          overrides: overridesOf.get(key)?.map(overrideOf) ?? none,
          onHold: heldOrders.has(key),
          people,
          members: people.members,
          assignments: (buyer === null ? undefined : persons.get(buyer)?.assignments) ?? none,
          touches: (buyer === null ? undefined : touchesOf.get(buyer)) ?? none,
          links: knownLinks,
          associates: master.associates,
          stores: master.stores,
          hasEarlierOrder: buyer !== null && firsts.hasEarlier(order, buyer),
        },
      }
    }),
    firstOrderChanged: firsts.changed(earliest, heldFirst),
  }
}

const distinct = (keys: readonly (string | null | undefined)[]): string[] => [
  ...new Set(keys.filter(key => key !== null && key !== undefined)),
]

/** Somebody as he is known: his last number, all that he goes by, and whose customer he is. */
export interface KnownPerson {
  memberNo: string
  memberNos: readonly string[]
  ids: readonly { kind: IdentityKind; value: string }[]
  assignments: readonly (MemberAssignment & { reason: string | null })[]
}

/** The last number of whoever was seen under a number or ids, by the rules that find an order's buyer. */
export async function recognise(
  db: Db,
  options: { brandId: number; memberNo?: string; visitorIds: VisitorIds },
): Promise<string | null> {
  const { brandId, ...seen } = options
  const people = new PeopleBook()
  await people.learn(db, brandId, [seen])
  return findPerson(seen, people)?.memberNo ?? null
}

const personsAsked = buildPoolLookups<KnownPerson>()

/** What is known of somebody by his last number. */
export async function readPerson(
  db: Db,
  { brandId, memberNo }: { brandId: number; memberNo: string },
): Promise<KnownPerson> {
  const lookUp = (memberNos: readonly string[]) => readPersons(db, { brandId, memberNos })
  const found = await personsAsked(db, { brandId, keys: [memberNo] }, lookUp)
  return found.get(memberNo) ?? { memberNo, memberNos: [], ids: [], assignments: [] }
}

async function readPersons(
  db: Db,
  { brandId, memberNos }: { brandId: number; memberNos: readonly string[] },
): Promise<Map<string, KnownPerson>> {
  const [numbers, ids, assignments] = await Promise.all([
    selectPersons(db, { brandId, lastMemberNos: memberNos }),
    selectIdsOfMembers(db, { brandId, lastMemberNos: memberNos }),
    selectAssignments(db, { brandId, lastMemberNos: memberNos }),
  ])
  const lastOf = new Map(numbers.map(row => [row.memberNo, row.lastMemberNo]))
  const idsOf = groupBy(ids, row => lastOf.get(row.memberNo))
  const assignmentsOf = groupBy(assignments, row => lastOf.get(row.memberNo))
  return new Map(
    [...groupBy(numbers, row => row.lastMemberNo)].map(([memberNo, own]) => [
      memberNo,
      {
        memberNo,
        memberNos: own.map(row => row.memberNo),
        ids: [
          ...new Map(
            (idsOf.get(memberNo) ?? []).map(({ kind, value }) => [
              JSON.stringify([kind, value]),
              { kind: kind as IdentityKind, value },
            ]),
          ).values(),
        ],
        assignments: (assignmentsOf.get(memberNo) ?? []).map(row => ({ ...assignmentOf(row), reason: row.reason })),
      },
    ]),
  )
}

/** Level and attributed associate of several people at an instant, by their last numbers. */
export async function standingsOf(
  db: Db,
  options: { brandId: number; memberNos: readonly string[]; now: Instant },
): Promise<Map<string, { level: string | null; attributedAssociate: string | null }>> {
  const { brandId, memberNos, now } = options
  const [numbers, assignments] = await Promise.all([
    selectPersons(db, { brandId, lastMemberNos: memberNos }),
    selectAssignments(db, { brandId, lastMemberNos: memberNos }),
  ])
  return new Map(
    memberNos.flatMap(memberNo => {
      const own = new Set(numbers.filter(row => row.lastMemberNo === memberNo).map(row => row.memberNo))
      const person = numbers.find(row => row.memberNo === memberNo)
      if (!person) return []
      const told = assignments.filter(row => own.has(row.memberNo)).map(assignmentOf)
      const attributedAssociate = assignmentInForce(told, 'attributedAssociate', now)?.value ?? null
      return [[memberNo, { level: valueInForce(readHistory(person.levels), now), attributedAssociate }] as const]
    }),
  )
}

/** The person behind each thing that was seen, by his last number; null where nobody is known. */
export async function findPersons(
  db: Db,
  options: { brandId: number; seen: readonly { visitorIds: VisitorIds }[] },
): Promise<(string | null)[]> {
  const people = new PeopleBook()
  await people.learn(db, options.brandId, options.seen)
  return options.seen.map(one => findPerson(one, people)?.memberNo ?? null)
}

/**
 * Of things that were seen those that this person did. An id that was once his may have become another's, and where a
 * touch has several ids the rules say which of them counts.
 */
export async function keepThoseOf<T extends { memberNo?: string; visitorIds: VisitorIds }>(
  db: Db,
  options: { brandId: number; memberNo: string; seen: readonly T[] },
): Promise<T[]> {
  const people = new PeopleBook()
  await people.learn(db, options.brandId, options.seen)
  return options.seen.filter(one => findPerson(one, people)?.memberNo === options.memberNo)
}

/** Whose first order is which, in the batch and outside it. */
class FirstOrders {
  readonly #candidates = new Map<string, { source: string; orderNo: string; paidAt: Instant }[]>()

  constructor(
    outside: readonly { buyer: string; source: string; orderNo: string; paidAt: Instant }[],
    batch: readonly Order[],
    buyers: ReadonlyMap<Order, string | null>,
  ) {
    for (const order of outside) this.#add(order.buyer, order)
    for (const order of batch) {
      const buyer = buyers.get(order)
      if (buyer && !order.cancelled) this.#add(buyer, order)
    }
  }

  #add(buyer: string, order: { source: string; orderNo: string; paidAt: Instant }): void {
    const others = this.#candidates.get(buyer)
    if (others) others.push(order)
    else this.#candidates.set(buyer, [order])
  }

  hasEarlier(order: Order, buyer: string): boolean {
    return (this.#candidates.get(buyer) ?? []).some(other => compareOrders(other, order) < 0)
  }

  /** Orders outside the batch that are booked as first and are not, or the other way round. */
  changed(
    outside: readonly {
      buyer: string
      source: string
      orderNo: string
      paidAt: Instant
      isFirstOrder: boolean | null
    }[],
    heldFirst: readonly { buyer: string; source: string; orderNo: string; paidAt: Instant }[],
  ): OrderKey[] {
    const isFirst = (order: { buyer: string; source: string; orderNo: string; paidAt: Instant }) =>
      !(this.#candidates.get(order.buyer) ?? []).some(other => compareOrders(other, order) < 0)
    return [
      ...outside.filter(order => order.isFirstOrder !== true && isFirst(order)),
      ...heldFirst.filter(order => !isFirst(order)),
    ].map(({ source, orderNo }) => ({ source, orderNo }))
  }
}
