/**
 * Exact decimal numbers, as files write them. Money never passes through a binary fraction: 0.15 × 3 in floating
 * point is not 0.45, and a fen that goes missing in an import is a fen somebody was to be paid.
 */

/** `units` × 10^−`scale` */
export type Decimal = { readonly units: bigint; readonly scale: number }

/** How a file writes its numbers: what groups thousands and what parts the fraction. */
export const numberFormats = ['1,234.56', '1.234,56', '1 234,56'] as const
export type NumberFormat = (typeof numberFormats)[number]

const patterns: Record<NumberFormat, { shape: RegExp; grouping: RegExp }> = {
  '1,234.56': { shape: /^([-+−]?)(\d{1,3}(?:,\d{3})+|\d*)(?:\.(\d*))?$/, grouping: /,/g },
  '1.234,56': { shape: /^([-+−]?)(\d{1,3}(?:\.\d{3})+|\d*)(?:,(\d*))?$/, grouping: /\./g },
  '1 234,56': { shape: /^([-+−]?)(\d{1,3}(?:[\s\u00a0\u202f]\d{3})+|\d*)(?:,(\d*))?$/, grouping: /\s/g },
}

/** Longer than any amount of money or quantity; a limit, so that a damaged cell cannot cost minutes of arithmetic. */
const digitsMax = 40

/**
 * Reads one number. Thousands must be grouped rightly: `12,34` is neither 12.34 nor 1234 and is refused.
 *
 * @returns undefined where the text is no number of this format; the caller knows line and field, and says so
 */
export function parseDecimal(text: string, format: NumberFormat = '1,234.56'): Decimal | undefined {
  const { shape, grouping } = patterns[format]
  const match = shape.exec(text)
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = ''] = match
  const digits = whole.replace(grouping, '') + fraction
  if (digits === '' || digits.length > digitsMax) return undefined
  const units = BigInt(digits)
  return { units: sign === '' || sign === '+' ? units : -units, scale: fraction.length }
}

export function multiplyDecimals(a: Decimal, b: Decimal): Decimal {
  return { units: a.units * b.units, scale: a.scale + b.scale }
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale)
  return { units: unitsAt(a, scale) + unitsAt(b, scale), scale }
}

export function subtractDecimals(a: Decimal, b: Decimal): Decimal {
  return addDecimals(a, { units: -b.units, scale: b.scale })
}

/** −1, 0 or 1 */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const difference = subtractDecimals(a, b).units
  return difference === 0n ? 0 : difference < 0n ? -1 : 1
}

/**
 * The number in units of 10^−`scale` (2 turns yuan into fen), rounded half up: a tie goes towards +∞, as everywhere
 * in the commission rules.
 */
export function roundHalfUp(number: Decimal, scale: number): bigint {
  if (number.scale <= scale) return unitsAt(number, scale)
  const divisor = 10n ** BigInt(number.scale - scale)
  return floorDivide(2n * number.units + divisor, 2n * divisor)
}

/** True where no digit is lost at this scale: 12.00 is whole, 12.5 is not. */
export function isExactAt(number: Decimal, scale: number): boolean {
  return number.scale <= scale || number.units % 10n ** BigInt(number.scale - scale) === 0n
}

function unitsAt(number: Decimal, scale: number): bigint {
  return number.units * 10n ** BigInt(scale - number.scale)
}

/** BigInt division cuts towards zero; rounding needs the floor. `divisor` is above 0. */
function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor
  return dividend % divisor < 0n ? quotient - 1n : quotient
}
