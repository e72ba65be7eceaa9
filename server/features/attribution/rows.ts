import { boundInstant, DAY_MS, type Instant } from '../../lib/time.ts'
import { compareBytes } from '../../lib/text.ts'
import type { OrderKey, ToldOrder } from '../evidence/service.ts'
import type {
  AssociateRole,
  Channel,
  IdentityKind,
  Order,
  OrderEvidence,
  Override,
  Refund,
  Touch,
  TouchKind,
  VisitorIds,
} from './domain.ts'
import { orAbsent, visitorIdsOf, type Person } from './people.ts'
import type { TouchProbe, TouchRow } from './queries.ts'

/** What is recorded, from rows to the shapes that `decide` takes. */

/** An order's key as one text; no key holds a NUL. */
export const orderKeyText = (order: OrderKey) => `${order.source}\u0000${order.orderNo}`

export interface LoadedOrder {
  evidence: OrderEvidence
  /** Who the buyer was when it was last decided. */
  lastBuyer: string | null
}

/** Between which instants an order's touches are wanted. */
export type Reach = (paidAt: Instant) => { from: Instant; to: Instant }

interface Placed extends OrderKey {
  paidAt: Instant
}

/** By (paidAt, source, orderNo). */
export const compareOrders = (a: Placed, b: Placed) =>
  a.paidAt - b.paidAt || compareBytes(a.source, b.source) || compareBytes(a.orderNo, b.orderNo)

/** Orders that were paid in one such span share a look for touches: one for all would reach over years where they do. */
const PROBE_SPAN_DAYS = 30

/** Under which ids, and when, the known buyers' touches are looked for. */
export function touchProbes(
  orders: readonly Order[],
  buyerOf: (order: Order, i: number) => Person | undefined,
  reach: Reach,
): TouchProbe[] {
  const spans = new Map<number, { from: Instant; to: Instant; buyers: Set<Person> }>()
  for (const [i, order] of orders.entries()) {
    const buyer = buyerOf(order, i)
    if (!buyer) continue
    const number = Math.floor(order.paidAt / (PROBE_SPAN_DAYS * DAY_MS))
    let span = spans.get(number)
    if (!span) spans.set(number, (span = { from: Infinity, to: -Infinity, buyers: new Set() }))
    const { from, to } = reach(order.paidAt)
    span.from = Math.min(span.from, from)
    span.to = Math.max(span.to, to)
    span.buyers.add(buyer)
  }
  return [...spans.values()].map(({ from, to, buyers }) => {
    const values: Record<keyof TouchProbe['values'], string[]> = { member: [], unionid: [], openid: [], external_userid: [], visitor: [] } // prettier-ignore
    for (const { memberNos, ids } of buyers) {
      for (const memberNo of memberNos) values.member.push(memberNo)
      for (const id of ids) values[id.kind as IdentityKind].push(id.value)
    }
    return { from: boundInstant(from), to: boundInstant(to), values }
  })
}

/** @param buyer whom it is taken to be of, where not of whom it tells */
export function orderOf(
  row: ToldOrder,
  buyer?: { memberNo: string | null; phoneHash: string | null; visitorIds: VisitorIds },
): Order {
  return {
    source: row.source,
    orderNo: row.orderNo,
    revision: row.revision,
    channel: row.channel as Channel,
    memberNo: orAbsent(buyer ? buyer.memberNo : row.memberNo),
    visitorIds: buyer ? buyer.visitorIds : visitorIdsOf(row),
    phoneHash: orAbsent(buyer ? buyer.phoneHash : row.phoneHash),
    sellingStore: orAbsent(row.sellingStore),
    closer: orAbsent(row.closer),
    shareCode: orAbsent(row.shareCode),
    paidAt: row.paidAt,
    completedAt: orAbsent(row.completedAt),
    cancelled: row.cancelled,
    lines: row.lines,
  }
}

export const refundOf = ({ refundNo, revision, refundedAt, lines }: Refund): Refund => ({
  refundNo,
  revision,
  refundedAt,
  lines,
})

export const overrideOf = (row: Omit<Override, 'role'> & { role: string }): Override => ({
  role: row.role as AssociateRole,
  associateId: row.associateId,
  withdrawn: row.withdrawn,
  storeCode: row.storeCode,
  at: row.at,
})

export function touchOf(row: TouchRow): Touch & { linkCode: string } {
  return {
    touchId: row.touchId,
    linkCode: row.linkCode,
    at: row.at,
    kind: row.kind as TouchKind,
    memberNo: orAbsent(row.memberNo),
    visitorIds: visitorIdsOf(row),
  }
}

export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
