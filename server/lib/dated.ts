import type { Instant } from './time.ts'

/** A value and from when it holds; null as `from` is "from the beginning". */
export interface DatedValue<T> {
  value: T | null
  from: Instant | null
}

/**
 * The value in force at an instant. The first value told counts from the beginning, so a shop whose type was told
 * yesterday had it last year as well; a later one counts from its own start. Of two with one start the later told wins.
 *
 * @param history in the order told
 */
export function valueInForce<T>(history: readonly DatedValue<T>[], at: Instant): T | null {
  let found: DatedValue<T> | null = null
  for (const entry of history) {
    if (entry.from !== null && entry.from > at) continue
    if (found === null || (entry.from ?? -Infinity) >= (found.from ?? -Infinity)) found = entry
  }
  return found?.value ?? null
}

/**
 * The history after a value was told: the first counts from the beginning, a later one from `effectiveFrom`, else from
 * `now`. Telling what is in force anyway adds nothing, so a repeated item changes nothing.
 *
 * @param value undefined says nothing; null clears
 */
export function tell<T>(
  history: readonly DatedValue<T>[],
  value: T | null | undefined,
  effectiveFrom: Instant | null,
  now: Instant,
): readonly DatedValue<T>[] {
  if (value === undefined) return history
  if (history.length === 0) return value === null ? history : [{ value, from: null }]
  const from = effectiveFrom ?? now
  return valueInForce(history, from) === value ? history : [...history, { value, from }]
}
