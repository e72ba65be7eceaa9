import { exactNumber, type Bps, type Fen } from '../../lib/money.ts'
import type { Instant } from '../../lib/time.ts'

/** How far a month's target is reached: rules over plain values. */

export interface Attainment {
  /** Net sales / target; null where there is no target to divide by. */
  attainmentBps: Bps | null
  /** How much of the month is gone: 0 to 10000. */
  monthGoneBps: Bps
  /** The target for as much of the month as is gone. */
  expectedFen: Fen | null
  /** Net sales / what was to be expected by now; null where that is nothing. */
  attainmentOfMonthGoneBps: Bps | null
}

/** @param from @param to the month's first instant and the next month's */
export function attainmentOf(
  { targetFen, netSalesFen }: { targetFen: Fen | null; netSalesFen: Fen },
  { from, to, now }: { from: Instant; to: Instant; now: Instant },
): Attainment {
  const goneMs = BigInt(Math.min(Math.max(now, from), to) - from)
  const monthMs = BigInt(to - from)
  const target = targetFen === null ? null : BigInt(targetFen)
  const net = BigInt(netSalesFen)
  return {
    attainmentBps: target === null ? null : ratioBps(net, target),
    monthGoneBps: ratioBps(goneMs, monthMs)!,
    expectedFen: target === null ? null : exactNumber(roundHalfUp(target * goneMs, monthMs)),
    attainmentOfMonthGoneBps: target === null ? null : ratioBps(net * monthMs, target * goneMs),
  }
}

/** A quotient in basis points, rounded half up; null over 0. One that is absurdly large stays countable. */
function ratioBps(part: bigint, whole: bigint): Bps | null {
  if (whole === 0n) return null
  const bps = roundHalfUp(part * 10_000n, whole)
  return bps > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(bps)
}

/** Both 0 or more. */
const roundHalfUp = (part: bigint, whole: bigint) => (2n * part + whole) / (2n * whole)
