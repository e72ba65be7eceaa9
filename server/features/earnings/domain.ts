import { daysOf, type Span } from '../../lib/calendar.ts'
import { sumFen, type Fen } from '../../lib/money.ts'
import { compareBytes } from '../../lib/text.ts'
import {
  DAY_MS,
  dayOf,
  FAR_FUTURE,
  instantOfLocal,
  monthOf,
  monthStart,
  nextMonth,
  parseInstant,
  type Instant,
} from '../../lib/time.ts'
import {
  ASSOCIATE_ROLES,
  type AssociateRole,
  type Attribution,
  type Because,
  type BindingEventKind,
  type Candidate,
  type OrderEvidence,
} from '../attribution/domain.ts'
import { decide, owedTo, type Decision, type Plan } from '../commissions/domain.ts'
import type { EarnedLine, EarnedOrder, EarnedPart, EarningsSpan } from './schema.ts'

/** What one associate earned, read from the trace of `decide`: pure. */

// -------------------------------------------------------------------------------------------------- spans

/** The day, week or month of an instant by the brand's calendar; half-open. A week begins on Monday. */
export function spanAround(span: EarningsSpan, now: Instant, zone: string): { from: Instant; to: Instant } {
  if (span === 'month') {
    const month = monthOf(now, zone)
    return { from: monthStart(month, zone), to: monthStart(nextMonth(month), zone) }
  }
  const today = Date.parse(`${dayOf(now, zone)}T00:00:00Z`)
  const sinceMonday = (new Date(today).getUTCDay() + 6) % 7
  const first = span === 'today' ? today : today - sinceMonday * DAY_MS
  const days = span === 'today' ? 1 : 7
  return { from: instantOfLocal(first, zone), to: instantOfLocal(first + days * DAY_MS, zone) }
}

/** The months whose last instant lies in a span and is over: their bonuses are dated then. */
export function monthsEnded(from: Instant, to: Instant, now: Instant, zone: string): { month: string; at: Instant }[] {
  const months: { month: string; at: Instant }[] = []
  for (let month = monthOf(from, zone); monthStart(month, zone) < to; month = nextMonth(month)) {
    const end = monthStart(nextMonth(month), zone)
    if (end - 1 >= from && end - 1 < to && end <= now) months.push({ month, at: end - 1 })
  }
  return months
}

/** Every day of a span with what was earned on it: of the orders paid then, and of what is dated then. */
export function earnedByDay(
  span: Span,
  zone: string,
  orders: readonly { day: string; amountFen: Fen }[],
  extras: readonly { at: string; amountFen: Fen }[],
): { day: string; commissionFen: Fen }[] {
  const earned = new Map(daysOf(span, zone).map(day => [day, 0]))
  const add = (day: string, fen: Fen) => earned.set(day, (earned.get(day) ?? 0) + fen)
  for (const { day, amountFen } of orders) add(day, amountFen)
  for (const { at, amountFen } of extras) add(dayOf(parseInstant(at)!, zone), amountFen)
  return [...earned].map(([day, commissionFen]) => ({ day, commissionFen }))
}

// -------------------------------------------------------------------------------------------------- states

export type MoneyState = EarnedOrder['state']

/** From the farthest from being paid out to what is. */
const STATES: readonly MoneyState[] = ['held', 'pending', 'available', 'settled']

/** Rows that become available at one instant, summed. */
export interface Booked {
  availableAt: Instant
  isSettled: boolean
  amountFen: Fen
}

export function stateOf({ availableAt, isSettled }: Omit<Booked, 'amountFen'>, now: Instant): MoneyState {
  if (isSettled) return 'settled'
  if (availableAt >= FAR_FUTURE) return 'held'
  return availableAt > now ? 'pending' : 'available'
}

/** Of what is booked the state that is least far; sums of 0 have none. null: nothing is booked. */
export function leastFar(booked: readonly Booked[], now: Instant): MoneyState | null {
  const states = booked.filter(row => row.amountFen !== 0).map(row => stateOf(row, now))
  return STATES.find(state => states.includes(state)) ?? null
}

// -------------------------------------------------------------------------------------------------- orders

/** What refunds and a cancellation took back: what the order would pay without them, less what it pays. */
export function takenBack(evidence: OrderEvidence, plan: Plan | null, decision: Decision, associateId: string): Fen {
  if (!evidence.order.cancelled && evidence.refunds.length === 0) return 0
  const whole = decide({ ...evidence, refunds: [], order: { ...evidence.order, cancelled: false } }, plan)
  return Math.max(0, owedTo(whole, associateId) - owedTo(decision, associateId))
}

export interface RoleHeld {
  role: AssociateRole
  because: Because
  since?: Instant
  event?: BindingEventKind
}

/** The roles that an associate holds, in role order. Of the closers of lines his own; the order's comes before a line's. */
export function rolesHeldBy(attribution: Attribution, associateId: string): RoleHeld[] {
  return ASSOCIATE_ROLES.flatMap((role): RoleHeld[] => {
    const holdings = role === 'closer' ? [...attribution.closers.values()] : [attribution.holdings[role]]
    const own = holdings.filter(holding => holding.holder === associateId)
    const held = own.find(holding => holding.because !== 'line') ?? own[0]
    if (!held) return []
    const { because, since, event } = held
    return [{ role, because, ...(since === undefined ? {} : { since }), ...(event === undefined ? {} : { event }) }]
  })
}

/** Who else holds which role, in role order. */
export function othersHolding(
  attribution: Attribution,
  associateId: string,
): { role: AssociateRole; associateId: string }[] {
  return ASSOCIATE_ROLES.flatMap(role => {
    const holdings = role === 'closer' ? [...attribution.closers.values()] : [attribution.holdings[role]]
    const holders = new Set(holdings.map(holding => holding.holder).filter(holder => holder !== null))
    return [...holders].filter(holder => holder !== associateId).map(holder => ({ role, associateId: holder }))
  })
}

export const winnerOf = (attribution: Attribution): Candidate | null =>
  attribution.candidates.find(candidate => candidate.outcome === 'won') ?? null

/**
 * Shares that might have won and did not, the nearest to payment first. Left out is what nobody would ask about: the
 * winning link's other touches, the associates' own sending where the plan does not count it, what came after payment.
 */
export function losersOf(attribution: Attribution, paidAt: Instant, limit: number): Candidate[] {
  const won = winnerOf(attribution)?.linkCode
  const seen = new Set<string>()
  return attribution.candidates
    .filter(({ outcome, kind, linkCode, at }) => {
      if (outcome === 'won' || linkCode === won || at > paidAt) return false
      if (kind === 'sent' && outcome === 'kind_not_counted') return false
      const key = JSON.stringify([linkCode, outcome])
      if (seen.has(key)) return false
      seen.add(key)
      return true
    })
    .slice(0, limit)
}

/** The lines on which one associate is paid, or would be if anything were left of them, and by which rules. */
export function linesOf(evidence: OrderEvidence, decision: Decision, associateId: string): EarnedLine[] {
  return evidence.order.lines.flatMap((line, i): EarnedLine[] => {
    const decided = decision.lines[i]!
    const parts = decided.roles.flatMap((role): EarnedPart[] => {
      if (role.payeeKind !== 'associate' || role.payee !== associateId || role.ruleId === null) return []
      if (!role.rateBps && !role.perUnitFen) return []
      return [
        {
          role: role.role as AssociateRole,
          ruleId: role.ruleId,
          rateBps: role.rateBps,
          perUnitFen: role.perUnitFen,
          ruleFen: role.amountFen,
          amountFen: role.afterCapFen,
          reducedBy:
            role.afterSameAssociateFen < role.amountFen
              ? 'same_associate'
              : role.afterCapFen < role.amountFen
                ? 'cap'
                : null,
        },
      ]
    })
    if (parts.length === 0) return []
    return [
      {
        lineNo: line.lineNo,
        name: line.name ?? line.sku,
        quantity: line.quantity,
        netQuantity: decided.netQuantity,
        paidFen: line.paidFen,
        netFen: decided.netFen,
        parts,
      },
    ]
  })
}

/** Refunds of lines that the order has, by when they were made. */
export function refundsOf({ order, refunds }: OrderEvidence): { refundedAt: Instant; refundFen: Fen }[] {
  const lineNos = new Set(order.lines.map(line => line.lineNo))
  return refunds
    .map(({ refundedAt, lines }) => ({
      refundedAt,
      refundFen: sumFen(lines.filter(line => lineNos.has(line.lineNo)).map(line => line.refundFen)),
    }))
    .filter(refund => refund.refundFen > 0)
    .sort((a, b) => a.refundedAt - b.refundedAt)
}

/** By credited sales, the greatest first; then by associateId, by its bytes. */
export function rankBySales<Row extends { associateId: string; creditedFen: Fen }>(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => b.creditedFen - a.creditedFen || compareBytes(a.associateId, b.associateId))
}
