/**
 * Where a chart's axis is marked: about three steps of a round size that hold every value and 0. Pure.
 *
 * @param least the smallest step, so that marks which are shown rounded do not say the same twice
 * @returns evenly spaced, two or more, rising
 */
export function marksOf(values: readonly (number | null)[], least: number): number[] {
  const known = values.filter(value => value !== null)
  const low = Math.min(0, ...known)
  const high = Math.max(0, ...known)
  const step = Math.max(least, roundUp((high - low) / 3))
  const first = Math.floor(low / step)
  const last = Math.max(Math.ceil(high / step), first + 1)
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
}

/** The next of 1, 2, 5, 10, 20, 50, … */
function roundUp(value: number): number {
  if (value <= 1) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return power * [1, 2, 5, 10].find(factor => factor * power >= value)!
}

/** A few places of a row, its ends among them and as evenly spaced as they can be. */
export function placesIn(length: number, most: number): number[] {
  const count = Math.min(length, most)
  if (count < 2) return Array.from({ length: count }, () => 0)
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - 1)) / (count - 1)))
}
