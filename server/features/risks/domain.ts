import { canonicalJson } from '../../lib/items.ts'
import { DAY_MS, MINUTE_MS, parseInstant, type Instant } from '../../lib/time.ts'
import type { AssociateRole, OrderEvidence } from '../attribution/domain.ts'
import type { Decision } from '../commissions/domain.ts'

/** What looks wrong about orders, and what may be done about it: over plain values. */

export const RISK_KINDS = ['counter_scan', 'shared_phone', 'click_flood', 'refund_after_settlement'] as const
export type RiskKind = (typeof RISK_KINDS)[number]

// ----------------------------------------------------------------------------------------------- thresholds

/** A code that is scanned so shortly before the till, or at it, brought nobody into the shop. */
export const COUNTER_SCAN_MINUTES = 10
/** Once may be chance: so many of one associate in one store … */
export const COUNTER_SCAN_ORDERS = 3
/** … within so many days are a habit. */
export const COUNTER_SCAN_DAYS = 30

/** How far apart sales to two members with one phone still belong together. */
export const ONE_PHONE_DAYS = 90

/** More clicks on one link within an hour than a group of customers makes. */
export const FLOOD_CLICKS_PER_HOUR = 200
/** More than one customer opens one link within an hour. */
export const FLOOD_CLICKS_OF_ONE_PER_HOUR = 30
/** How long orders that a flooded link won are looked for. */
export const FLOOD_FOLLOWED_DAYS = 60

/** Goods that come back so soon after they were settled may have been sold for the settlement. */
export const REFUND_DAYS = 7

// ------------------------------------------------------------------------------------------------- findings

/** An order of a finding, and what of it a reversal takes away. */
export interface FoundOrder {
  source: string
  orderNo: string
  paidAt: string
  concerned: readonly { role: AssociateRole; associateId: string }[]
  /** What was seen of this order. */
  facts: Record<string, unknown>
}

/** What a rule found. */
export interface Found {
  kind: RiskKind
  /** What it is about: an associate and a store, a link and a day, an order. Names, not phones. */
  about: readonly string[]
  associateId: string | null
  storeCode: string | null
  facts: Record<string, unknown>
  orders: readonly FoundOrder[]
}

export type FindingStatus = 'watched' | 'open' | 'held' | 'released' | 'reversed' | 'dismissed'

/** What is kept about one thing; `round` counts from 1. */
export interface Kept {
  round: number
  status: FindingStatus
  facts: Record<string, unknown>
  orders: readonly FoundOrder[]
}

/** The most orders that one finding holds, since a decision books them in one transaction; more make another. */
export const ORDERS_PER_FINDING = 100

const isSame = (a: FoundOrder, b: FoundOrder) => a.source === b.source && a.orderNo === b.orderNo
const without = (orders: readonly FoundOrder[], others: readonly FoundOrder[]) =>
  orders.filter(order => !others.some(other => isSame(order, other)))
const ordersOf = (rounds: readonly Kept[]) => rounds.flatMap(round => round.orders)

/**
 * What is to be kept after something was found. What was found before changes nothing, and what is new joins the finding
 * that waits for a decision; after a decision it begins another. Counter scans that are no habit yet are remembered
 * apart, so that it makes no difference in which sequence orders are found.
 *
 * @param kept all that is kept about the same thing, by round
 * @returns the rounds that are new or changed
 */
export function keep(kept: readonly Kept[], found: Found): Kept[] {
  // One phone in a family stays one phone in a family: whoever was told so once is not asked again.
  if (found.kind === 'shared_phone' && kept.some(round => round.status === 'dismissed')) return []
  const open = kept.filter(round => round.status === 'open')
  const watched = kept.filter(round => round.status === 'watched')
  const waiting = [...ordersOf(open), ...ordersOf(watched)]
  const all = [...waiting, ...without(found.orders, ordersOf(kept))]
  const shown = found.kind === 'counter_scan' ? habitOf(all) : all

  const fresh = without(shown, ordersOf(open))
  const rounds = open.map((round): Kept => {
    const room = ORDERS_PER_FINDING - round.orders.length
    const facts = { ...round.facts, ...largerOf(round.facts, found.facts) }
    return { ...round, facts, orders: [...round.orders, ...fresh.splice(0, room)] }
  })
  let next = kept.length + 1
  const isWithoutOrders = kept.length === 0 && all.length === 0
  while (fresh.length > 0 || (isWithoutOrders && rounds.length === 0)) {
    const orders = fresh.splice(0, ORDERS_PER_FINDING)
    rounds.push({ round: next++, status: 'open', facts: found.facts, orders })
  }
  const rest = without(all, shown)
  if (rest.length > 0 || watched.length > 0) {
    rounds.push({ round: watched[0]?.round ?? next, status: 'watched', facts: found.facts, orders: rest })
  }
  const before = new Map(kept.map(round => [round.round, canonicalJson(round)]))
  return rounds.filter(round => before.get(round.round) !== canonicalJson(round))
}

/** Of counts the larger: a flood that goes on is found again at another height. All else is as it was found first. */
function largerOf(before: Record<string, unknown>, after: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => {
      const was = before[name]
      return [name, typeof value === 'number' && typeof was === 'number' ? Math.max(value, was) : (was ?? value)]
    }),
  )
}

/** Those of the orders that lie within `COUNTER_SCAN_DAYS` together with so many others that it is a habit. */
export function habitOf(orders: readonly FoundOrder[]): FoundOrder[] {
  const byTime = orders
    .map(order => ({ order, paidAt: parseInstant(order.paidAt)! }))
    .sort((a, b) => a.paidAt - b.paidAt)
  const habit = new Set<FoundOrder>()
  for (const [i, first] of byTime.entries()) {
    const within = byTime.slice(i).filter(({ paidAt }) => paidAt - first.paidAt <= COUNTER_SCAN_DAYS * DAY_MS)
    if (within.length >= COUNTER_SCAN_ORDERS) for (const { order } of within) habit.add(order)
  }
  return orders.filter(order => habit.has(order))
}

// ------------------------------------------------------------------------------------------------- rules

interface Judged {
  evidence: Pick<OrderEvidence, 'order'>
  decision: Decision
}

/** The touch or share code that made the sharer; null where an override did, or nobody is. */
export function winnerOf({ decision }: Judged) {
  const { holdings, candidates } = decision.attribution
  if (holdings.sharer.holder === null || holdings.sharer.because === 'override') return null
  return candidates.find(candidate => candidate.outcome === 'won') ?? null
}

/** How long before payment the winning touch of a sale in a store was, in whole minutes; null where it was long. */
export function counterScanMinutes(judged: Judged): number | null {
  const { order } = judged.evidence
  const winner = order.channel === 'in_store' && !order.cancelled ? winnerOf(judged) : null
  if (!winner) return null
  const before = order.paidAt - winner.at
  return before <= COUNTER_SCAN_MINUTES * MINUTE_MS ? Math.floor(before / MINUTE_MS) : null
}

/** Whether goods came back suspiciously soon after the settlement that paid for them was approved. */
export function isSoonAfter(refundedAt: Instant, approvedAt: Instant): boolean {
  return refundedAt >= approvedAt && refundedAt - approvedAt <= REFUND_DAYS * DAY_MS
}

// ------------------------------------------------------------------------------------------------- decisions

export const ACTIONS = ['hold', 'release', 'reverse', 'dismiss'] as const
export type Action = (typeof ACTIONS)[number]

const RESULTS: Record<Action, { from: readonly FindingStatus[]; to: FindingStatus }> = {
  hold: { from: ['open'], to: 'held' },
  release: { from: ['held'], to: 'released' },
  reverse: { from: ['open', 'held'], to: 'reversed' },
  dismiss: { from: ['open'], to: 'dismissed' },
}

/** What a finding becomes by a decision: itself where it is that already, null where it cannot. */
export function statusAfter(status: FindingStatus, action: Action): FindingStatus | null {
  const { from, to } = RESULTS[action]
  return status === to || from.includes(status) ? to : null
}

/**
 * Of the roles that a finding is about those that can be taken away now: the associate must still hold it, and as
 * closer hold all lines, since an override of the closer goes for all of them.
 *
 * @param roles role → holder as last decided; the closers are those of the lines
 */
export function rolesToVacate(
  concerned: FoundOrder['concerned'],
  roles: Readonly<Record<string, string | readonly string[]>>,
): AssociateRole[] {
  return concerned
    .filter(({ role, associateId }) => [roles[role]].flat().every(holder => holder === associateId))
    .map(({ role }) => role)
}
