import type { Bps, Fen } from '../../lib/money.ts'

/** What a span's figures are: rules over plain values. What each means is in docs/metrics.md. */

/** What is counted and summed; every other figure follows from these. */
export const COUNTED = [
  'orders',
  'netSalesFen',
  'netQuantity',
  'refundFen',
  'onlineFen',
  'inStoreFen',
  'directFen',
  'indirectFen',
  'unattributedFen',
  'unattributedOrders',
  'buyers',
  'unknownBuyerOrders',
  'repeatBuyers',
  'closerFen',
  'attributedFen',
  'shares',
  'sharesClicked',
  'clicks',
  'visitors',
  'linkVisitors',
  'linkBuyers',
  'newFriends',
  'lostFriends',
  'newMembers',
  'commissionFen',
] as const

export type Counted = Record<(typeof COUNTED)[number], number>

/** A ratio is null over 0. */
export interface Ratios {
  averageTicketFen: Fen | null
  /** Units an order, in hundredths. */
  unitsPerOrderHundredths: number | null
  privateDomainBps: Bps | null
  repeatBps: Bps | null
  clickBps: Bps | null
  conversionBps: Bps | null
}

export const RATIOS = {
  averageTicketFen: ['netSalesFen', 'orders', 1],
  unitsPerOrderHundredths: ['netQuantity', 'orders', 100],
  privateDomainBps: ['privateDomainFen', 'netSalesFen', 10_000],
  repeatBps: ['repeatBuyers', 'buyers', 10_000],
  clickBps: ['sharesClicked', 'shares', 10_000],
  conversionBps: ['linkBuyers', 'linkVisitors', 10_000],
} as const satisfies Record<keyof Ratios, readonly [keyof Counted | 'privateDomainFen', keyof Counted, number]>

export type Figures = Counted & Ratios

/** A whole number of parts, rounded half up; null over 0. Exact also where the product is past 2^53. */
export function partsOf(part: number, whole: number, parts: number): number | null {
  if (whole === 0) return null
  const [doubled, divisor] = [2n * BigInt(part) * BigInt(parts) + BigInt(whole), 2n * BigInt(whole)]
  const quotient = doubled / divisor
  return Number(doubled < 0n && doubled % divisor !== 0n ? quotient - 1n : quotient)
}

/** All figures of what was counted. */
export function figuresOf(counted: Counted): Figures {
  const known = { ...counted, privateDomainFen: counted.directFen + counted.indirectFen }
  const ratios = Object.fromEntries(
    Object.entries(RATIOS).map(([name, [part, whole, parts]]) => [name, partsOf(known[part], known[whole], parts)]),
  )
  return { ...counted, ...(ratios as unknown as Ratios) }
}

/** What figures are counted from. */
export function countedFor(figures: readonly (keyof Figures)[]): Set<keyof Counted> {
  return new Set(
    figures.flatMap(name => {
      const ratio = RATIOS[name as keyof Ratios]
      if (!ratio) return [name as keyof Counted]
      const [part, whole] = ratio
      return part === 'privateDomainFen' ? (['directFen', 'indirectFen', whole] as const) : [part, whole]
    }),
  )
}

export const SORTS = [...COUNTED, ...Object.keys(RATIOS)] as (keyof Figures)[]

export const NOTHING: Counted = Object.fromEntries(COUNTED.map(name => [name, 0])) as Counted
