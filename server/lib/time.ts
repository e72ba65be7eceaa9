/** Milliseconds since 1970-01-01T00:00:00Z. Finer digits are cut off where a time enters the service. */
export type Instant = number

export const MINUTE_MS = 60_000
export const DAY_MS = 86_400_000

/** What "not yet" is written as in `availableAt`: an order on hold, or one that waits for its completion. */
export const FAR_FUTURE: Instant = Date.UTC(2999, 11, 31, 16)

const EARLIEST = Date.parse('0001-01-02T00:00:00Z')
const LATEST = Date.parse('9999-12-30T00:00:00Z')
const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))$/

/**
 * Reads an RFC 3339 instant with its offset, cut off (not rounded) to the millisecond.
 *
 * @returns null for anything else: no offset, a 30 February, a leap second, a year outside 1–9999
 */
export function parseInstant(text: string): Instant | null {
  const match = RFC_3339.exec(text)
  if (!match) return null
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const ms = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'))
  if (hour > 23 || minute > 59 || second > 59) return null
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null
  const local = date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + ms
  const offsetMinutes = match[9] ? Number(`${match[9]}1`) * (Number(match[10]) * 60 + Number(match[11])) : 0
  if (match[9] && (Number(match[10]) > 23 || Number(match[11]) > 59)) return null
  const instant = local - offsetMinutes * MINUTE_MS
  return instant >= EARLIEST && instant <= LATEST ? instant : null
}

/** The instant, or where it lies beyond all that can be written the last that can: a hold may lead past year 9999. */
export const boundInstant = (instant: Instant): Instant => Math.min(Math.max(instant, EARLIEST), LATEST)

let lastDay = NaN
let lastDayText = ''
const TWO_DIGITS = Array.from({ length: 60 }, (_, i) => String(i).padStart(2, '0'))

/** RFC 3339 in UTC with milliseconds, as every answer writes it. A day is written once for all of its instants in a row. */
export function formatInstant(instant: Instant): string {
  if (!Number.isInteger(instant)) return new Date(instant).toISOString()
  const day = Math.floor(instant / DAY_MS)
  if (day !== lastDay) {
    lastDayText = new Date(day * DAY_MS).toISOString().slice(0, -'00:00:00.000Z'.length)
    lastDay = day
  }
  const seconds = Math.floor((instant - day * DAY_MS) / 1000)
  const time = `${TWO_DIGITS[Math.floor(seconds / 3600)]!}:${TWO_DIGITS[Math.floor(seconds / 60) % 60]!}:${TWO_DIGITS[seconds % 60]!}`
  return `${lastDayText}${time}.${String(instant - day * DAY_MS - seconds * 1000).padStart(3, '0')}Z`
}

const formatters = new Map<string, Intl.DateTimeFormat>()

function localParts(instant: Instant, zone: string): Record<string, number> {
  let formatter = formatters.get(zone)
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formatters.set(zone, formatter)
  }
  const parts: Record<string, number> = {}
  for (const part of formatter.formatToParts(instant)) {
    if (part.type !== 'literal' && part.type !== 'era') parts[part.type] = Number(part.value)
  }
  return parts
}

/** The calendar month `YYYY-MM` of an instant in a time zone. */
export function monthOf(instant: Instant, zone: string): string {
  const { year, month } = localParts(instant, zone)
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}`
}

/** Since then no clock was put forward or back but at a full minute. */
const FULL_MINUTES = Date.UTC(1973, 0, 1)
const MINUTES_KEPT = 10_000

/**
 * As `monthOf`, for many instants, most of which lie in one month: within it the calendar is asked once. In its first and
 * last day it is asked for each minute, since a clock that is put back may show the end of a month twice.
 */
export function monthReader(zone: string): (instant: Instant) => string {
  const byMinute = new Map<number, string>()
  let month = ''
  let from = Infinity
  let to = -Infinity
  return instant => {
    if (instant >= from && instant < to) return month
    const minute = Math.floor(instant / MINUTE_MS)
    const found = byMinute.get(minute) ?? monthOf(instant, zone)
    if (instant >= FULL_MINUTES && byMinute.size < MINUTES_KEPT) byMinute.set(minute, found)
    if (found !== month) {
      month = found
      from = monthStart(month, zone) + DAY_MS
      to = monthStart(nextMonth(month), zone) - DAY_MS
    }
    return found
  }
}

/** The calendar day `YYYY-MM-DD` of an instant in a time zone. */
export function dayOf(instant: Instant, zone: string): string {
  return `${monthOf(instant, zone)}-${String(localParts(instant, zone)['day']).padStart(2, '0')}`
}

/** What a zone's clock shows, as milliseconds: the other way round than `instantOfLocal`. */
export function localClock(instant: Instant, zone: string): number {
  const p = localParts(instant, zone)
  return Date.UTC(p['year']!, p['month']! - 1, p['day'], p['hour'], p['minute'], p['second'])
}

/**
 * The instant at which a zone's clock shows the given local time. Where a clock is put forward over it, the instant
 * just after the gap; where it is shown twice, the first.
 */
export function instantOfLocal(localMs: number, zone: string): Instant {
  const offsetAt = (instant: Instant) => {
    const p = localParts(instant, zone)
    const shown = Date.UTC(p['year']!, p['month']! - 1, p['day'], p['hour'], p['minute'], p['second'])
    return shown - Math.floor(instant / 1000) * 1000
  }
  const before = offsetAt(localMs - DAY_MS)
  const after = offsetAt(localMs + DAY_MS)
  for (const offset of before >= after ? [before, after] : [after, before]) {
    if (offsetAt(localMs - offset) === offset) return localMs - offset
  }
  return localMs - before
}

/** The first instant of a calendar month `YYYY-MM` in a zone. */
export function monthStart(month: string, zone: string): Instant {
  const [year, number] = month.split('-').map(Number) as [number, number]
  return instantOfLocal(Date.UTC(year, number - 1, 1), zone)
}

/** The month after `YYYY-MM`. */
export function nextMonth(month: string): string {
  const [year, number] = month.split('-').map(Number) as [number, number]
  return number === 12
    ? `${String(year + 1).padStart(4, '0')}-01`
    : `${month.slice(0, 4)}-${String(number + 1).padStart(2, '0')}`
}
