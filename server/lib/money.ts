/** Whole fen (1 CNY = 100 fen); always a safe integer. */
export type Fen = number

/** Whole basis points (1 bp = 0.01 %). */
export type Bps = number

const BPS_WHOLE = 10_000n

/**
 * Half of 2^53: with what is below, twice a product and half a divisor are exact as numbers, and so is a division that
 * takes the remainder away first. Numbers are much faster, and nearly all amounts are so small.
 */
const EXACT_MAX = 2 ** 52

/**
 * A BigInt as a number, refused where a number could not hold it exactly: an amount that is wrong silently is
 * worse than a booking that fails loudly.
 */
export function exactNumber(value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new RangeError(`amount ${value} is beyond 2^53`)
  return number
}

/** `amountFen × rateBps / 10000`, rounded half up to the fen. Both 0 or more; the product may pass 2^53. */
export function rateOf(amountFen: Fen, rateBps: Bps): Fen {
  const twice = amountFen * rateBps * 2 + 10_000
  if (twice < EXACT_MAX) return (twice - (twice % 20_000)) / 20_000
  return exactNumber((BigInt(amountFen) * BigInt(rateBps) * 2n + BPS_WHOLE) / (2n * BPS_WHOLE))
}

/** `⌊amountFen × rateBps / 10000⌋`. Both 0 or more. */
export function rateOfFloor(amountFen: Fen, rateBps: Bps): Fen {
  const product = amountFen * rateBps
  if (product < EXACT_MAX) return (product - (product % 10_000)) / 10_000
  return exactNumber((BigInt(amountFen) * BigInt(rateBps)) / BPS_WHOLE)
}

/** Σ of whole fen, exact; refuses a sum beyond 2^53. */
export function sumFen(amounts: readonly Fen[]): Fen {
  let total = 0
  for (const amount of amounts) {
    total += amount
    if (!Number.isSafeInteger(total)) return exactNumber(amounts.reduce((sum, one) => sum + BigInt(one), 0n))
  }
  return total
}

/**
 * Splits `limit` by `weights`: each gets ⌊limit × weight / Σ⌋, and what is left over goes one each to the largest
 * remainders of that division, a tie to the earlier one. The parts add up to `limit` exactly.
 *
 * @param limit 0 or more
 * @param weights whole numbers, 0 or more, whose sum is above 0
 */
export function splitByLargestRemainder(limit: Fen, weights: readonly Fen[]): Fen[] {
  const total = weights.reduce((sum, weight) => sum + BigInt(weight), 0n)
  if (total <= 0n) throw new RangeError('weights must have a sum above 0')
  const parts = weights.map((weight, index) => {
    const product = BigInt(limit) * BigInt(weight)
    return { index, share: product / total, remainder: product % total }
  })
  let left = BigInt(limit) - parts.reduce((sum, part) => sum + part.share, 0n)
  const byRemainder = [...parts].sort((a, b) =>
    a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1,
  )
  for (const part of byRemainder) {
    if (left === 0n) break
    part.share += 1n
    left -= 1n
  }
  return parts.map(part => exactNumber(part.share))
}
