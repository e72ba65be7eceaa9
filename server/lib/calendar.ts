import { DAY_MS, dayOf, instantOfLocal, parseInstant, type Instant } from './time.ts'

/** Half-open. */
export interface Span {
  from: Instant
  to: Instant
}

const DAY = /^(\d{4})-(\d\d)-(\d\d)$/

/** The first instant of a day in a zone; null for what is no day. */
export function startOfDay(day: string, zone: string): Instant | null {
  const match = DAY.exec(day)
  if (!match) return null
  const [year, month, date] = match.slice(1).map(Number) as [number, number, number]
  const local = new Date(Date.UTC(2000, month - 1, date))
  local.setUTCFullYear(year, month - 1, date)
  if (local.getUTCMonth() !== month - 1 || local.getUTCDate() !== date || year < 1) return null
  return instantOfLocal(local.getTime(), zone)
}

/** The day that many days after it, or before. */
export function addDays(day: string, days: number): string {
  const [year, month, date] = day.split('-').map(Number) as [number, number, number]
  return new Date(Date.UTC(year, month - 1, date + days)).toISOString().slice(0, 10)
}

/** Every day of the calendar that a span has a part of. */
export function daysOf({ from, to }: Span, zone: string): string[] {
  const last = dayOf(to - 1, zone)
  const days: string[] = []
  for (let day = dayOf(from, zone); day <= last; day = addDays(day, 1)) days.push(day)
  return days
}

/** Those of them that are in it as a whole. */
export const wholeDaysOf = (span: Span, zone: string): string[] =>
  daysOf(span, zone).filter(day => startOfDay(day, zone)! >= span.from && startOfDay(addDays(day, 1), zone)! <= span.to)

/** Before it there is nothing to sum, and calendars do not agree. */
const EARLIEST: Instant = Date.UTC(1900, 0, 1)
const SPAN_DAYS = 30
export const SPAN_DAYS_MAX = 366

/**
 * The span that a query asks for: instants with offset, or days for their first instants; where it says nothing, the 30
 * days until today's end.
 *
 * @returns what is wrong with which of the two, where something is
 */
export function readSpan(
  query: { from?: string; to?: string },
  zone: string,
  now: Instant,
): Span | { path: 'from' | 'to'; message: string } {
  const read = (text: string) => parseInstant(text) ?? startOfDay(text, zone)
  const message = 'It must be RFC 3339 with offset, or YYYY-MM-DD.'
  const to = query.to === undefined ? startOfDay(addDays(dayOf(now, zone), 1), zone)! : read(query.to)
  if (to === null) return { path: 'to', message }
  const from =
    query.from === undefined ? startOfDay(addDays(dayOf(to - 1, zone), 1 - SPAN_DAYS), zone)! : read(query.from)
  if (from === null) return { path: 'from', message }
  if (from >= to) return { path: 'to', message: 'It must be after from.' }
  if (from < EARLIEST) return { path: 'from', message: 'It must be 1900 or later.' }
  if (to - from > (SPAN_DAYS_MAX + 1) * DAY_MS) return { path: 'from', message: `At most ${SPAN_DAYS_MAX} days.` }
  return { from, to }
}
