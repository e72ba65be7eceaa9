/**
 * Dates as tills and spreadsheets write them, turned into instants.
 *
 * A file rarely says its offset. What it writes is the clock on the shop's wall, so it is read in the brand's time
 * zone, with that zone's own history (Shanghai had summer time until 1991), from the platform's zone tables.
 */
import { MINUTE_MS, instantOfLocal, type Instant } from '../../lib/time.ts'

export type LocalTime = {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly millisecond: number
  /** minutes east of UTC, where the text says so itself; the zone is not asked then */
  readonly offsetMinutes?: number
}

export type DateReader = (text: string) => LocalTime | undefined

export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

/**
 * The instant of a local time. Twice a year some zones make a choice necessary: a time that the clocks skip is moved
 * forward by what they skipped, of a time that they show twice the earlier one counts.
 */
export function instantOf(local: LocalTime, zone: string): Instant {
  const { year, month, day, hour, minute, second, millisecond } = local
  const shownMs = Date.UTC(year, month - 1, day, hour, minute, second, millisecond)
  return local.offsetMinutes === undefined ? instantOfShown(shownMs, zone) : shownMs - local.offsetMinutes * MINUTE_MS
}

const hourMs = 60 * MINUTE_MS
const hourStarts = new Map<string, Instant | undefined>()
const hoursKeptMax = 20_000

/**
 * Asking the platform's zone tables takes longer than all else that is done with a row, and a file holds few hours and
 * many rows. An hour that begins and ends one hour apart has no change of clocks in it; any other is asked each time.
 */
function instantOfShown(shownMs: number, zone: string): Instant {
  const hourStartMs = Math.floor(shownMs / hourMs) * hourMs
  const key = `${zone} ${hourStartMs}`
  let start = hourStarts.get(key)
  if (start === undefined && !hourStarts.has(key)) {
    const first = instantOfLocal(hourStartMs, zone)
    if (instantOfLocal(hourStartMs + hourMs, zone) - first === hourMs) start = first
    if (hourStarts.size >= hoursKeptMax) hourStarts.clear()
    hourStarts.set(key, start)
  }
  return start === undefined ? instantOfLocal(shownMs, zone) : start + (shownMs - hourStartMs)
}

const dateParts = /^(\d{4})([-/])(\d{1,2})\2(\d{1,2})/
const timeParts = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?/
const offsetParts = /^(?:(Z)|([+-])(\d{2}):?(\d{2})?)$/i

/**
 * The forms in which the year comes first, so that nothing can be mistaken: `2026-03-01`, `2026/3/1`,
 * `2026-03-01 09:05`, `2026-03-01T09:05:00.123+08:00`.
 */
export const readIsoLike: DateReader = text => {
  const date = dateParts.exec(text)
  if (date === null) return undefined
  const base = { year: Number(date[1]), month: Number(date[3]), day: Number(date[4]) }
  const rest = text.slice(date[0].length)
  if (rest === '') return checkedTime(base)
  const clockText = rest.replace(/^(?:[Tt]|\s+)/, '')
  const time = timeParts.exec(clockText)
  if (time === null || clockText === rest) return undefined
  const clock = { ...base, hour: Number(time[1]), minute: Number(time[2]), second: Number(time[3] ?? 0) }
  const local = { ...clock, millisecond: millisecondsOf(time[4]) }
  const tail = clockText.slice(time[0].length).trim()
  if (tail === '') return checkedTime(local)
  const offsetMinutes = readOffset(tail)
  return offsetMinutes === undefined ? undefined : checkedTime({ ...local, offsetMinutes })
}

const tokens: Record<string, { part: keyof LocalTime | 'fraction' | 'offset' | 'half'; source: string }> = {
  yyyy: { part: 'year', source: '(\\d{4})' },
  MM: { part: 'month', source: '(\\d{2})' },
  M: { part: 'month', source: '(\\d{1,2})' },
  dd: { part: 'day', source: '(\\d{2})' },
  d: { part: 'day', source: '(\\d{1,2})' },
  HH: { part: 'hour', source: '(\\d{2})' },
  H: { part: 'hour', source: '(\\d{1,2})' },
  hh: { part: 'hour', source: '(\\d{2})' },
  h: { part: 'hour', source: '(\\d{1,2})' },
  mm: { part: 'minute', source: '(\\d{2})' },
  m: { part: 'minute', source: '(\\d{1,2})' },
  ss: { part: 'second', source: '(\\d{2})' },
  s: { part: 'second', source: '(\\d{1,2})' },
  SSS: { part: 'fraction', source: '(\\d{1,9})' },
  a: { part: 'half', source: '([AaPp][Mm]|上午|下午)' },
  XXX: { part: 'offset', source: '([Zz]|[+-]\\d{2}:?\\d{2})' },
}

/**
 * A reader for a format such as `dd.MM.yyyy`, `yyyy年M月d日 H:mm` or `M/d/yyyy h:mm a`; also `epoch_seconds` and
 * `epoch_milliseconds`.
 *
 * @returns a sentence saying what is wrong where the format cannot be read
 */
export function compileDateFormat(format: string): DateReader | string {
  if (format === 'epoch_seconds') return text => (/^\d{1,11}$/.test(text) ? readEpoch(Number(text) * 1000) : undefined)
  if (format === 'epoch_milliseconds') return text => (/^\d{1,14}$/.test(text) ? readEpoch(Number(text)) : undefined)
  const parts: string[] = []
  let source = ''
  for (const piece of format.match(/'[^']*'|([a-zA-Z])\1*|[^a-zA-Z']+|'/g) ?? []) {
    if (/^[a-zA-Z]/.test(piece)) {
      const token = tokens[piece]
      if (token === undefined) return `"${piece}" is no part of a date format`
      if (parts.includes(token.part)) return `"${piece}" says the ${token.part} a second time`
      parts.push(token.part)
      source += token.source
    } else {
      const literal = piece.startsWith("'") ? piece.slice(1, -1) : piece
      source += literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+')
    }
  }
  for (const part of ['year', 'month']) if (!parts.includes(part)) return `the format does not say the ${part}`
  if (/h/.test(format.replace(/'[^']*'/g, '')) !== parts.includes('half')) return '"h" and "a" need each other'
  const shape = new RegExp(`^${source}$`)
  return text => {
    const match = shape.exec(text)
    if (match === null) return undefined
    const found = new Map(parts.map((part, i) => [part, match[i + 1] ?? '']))
    const number = (part: string, absent: number) => (found.has(part) ? Number(found.get(part)) : absent)
    const half = found.get('half')
    const hour = half === undefined ? number('hour', 0) : hourOfHalf(number('hour', 0), /^p|下/i.test(half))
    if (hour === undefined) return undefined
    const offset = found.get('offset')
    const offsetMinutes = offset === undefined ? undefined : readOffset(offset)
    return checkedTime({
      year: number('year', 0),
      month: number('month', 1),
      day: number('day', 1),
      hour,
      minute: number('minute', 0),
      second: number('second', 0),
      millisecond: millisecondsOf(found.get('fraction')),
      ...(offsetMinutes === undefined ? {} : { offsetMinutes }),
    })
  }
}

export function formatDate(local: LocalTime): string {
  return `${formatMonth(local)}-${String(local.day).padStart(2, '0')}`
}

export function formatMonth(local: LocalTime): string {
  return `${String(local.year).padStart(4, '0')}-${String(local.month).padStart(2, '0')}`
}

function readEpoch(epochMs: number): LocalTime {
  const at = new Date(epochMs)
  return {
    year: at.getUTCFullYear(),
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
    millisecond: at.getUTCMilliseconds(),
    offsetMinutes: 0,
  }
}

/** 12 am is midnight and 12 pm is noon. */
function hourOfHalf(hour: number, afternoon: boolean): number | undefined {
  if (hour < 1 || hour > 12) return undefined
  return (hour % 12) + (afternoon ? 12 : 0)
}

function readOffset(text: string): number | undefined {
  const match = offsetParts.exec(text)
  if (match === null) return undefined
  if (match[1] !== undefined) return 0
  const [hours, minutes] = [Number(match[3]), Number(match[4] ?? 0)]
  if (hours > 23 || minutes > 59) return undefined
  return (match[2] === '-' ? -1 : 1) * (hours * 60 + minutes)
}

/** Cut off, not rounded: .9999 is still within its second. */
function millisecondsOf(fraction: string | undefined): number {
  return fraction === undefined || fraction === '' ? 0 : Number(fraction.slice(0, 3).padEnd(3, '0'))
}

/** Undefined where the calendar has no such day or the clock no such time: 30 February is a damaged cell, not 2 March. */
function checkedTime(parts: Partial<LocalTime> & { year: number; month: number; day: number }): LocalTime | undefined {
  const local = { hour: 0, minute: 0, second: 0, millisecond: 0, ...parts }
  if (local.year < 1000 || local.month < 1 || local.month > 12 || local.day < 1) return undefined
  if (local.day > new Date(Date.UTC(local.year, local.month, 0)).getUTCDate()) return undefined
  if (local.hour > 23 || local.minute > 59 || local.second > 59) return undefined
  return local
}
