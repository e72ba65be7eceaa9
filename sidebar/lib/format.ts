/** Money, rates and times as a screen shows them. Pure: what depends on language, zone or clock is handed in. */
import type { Locale } from './locale.ts'
import { toParts } from './zone.ts'

/** True minus, so that it is as wide as the plus in tabular figures. */
const minus = '−'

/**
 * Fen as yuan with thousands: 123456 → ¥1,234.56.
 *
 * @param fen whole fen, of any sign
 * @param options.sign `always` puts a plus before what is above 0: a change, not an amount
 */
export function formatFen(fen: number, options: { sign?: 'always' } = {}): string {
  const amount = Math.abs(fen)
  const yuan = Math.floor(amount / 100)
  const rest = String(amount % 100).padStart(2, '0')
  return `${signOf(fen, options.sign)}¥${withThousands(yuan)}.${rest}`
}

/** For headline figures in narrow columns: whole yuan, half up, and from 100 000 on in 万 or k. */
export function formatFenShort(fen: number, locale: Locale): string {
  const yuan = Math.floor((Math.abs(fen) + 50) / 100)
  const sign = signOf(fen)
  if (yuan < 100_000) return `${sign}¥${withThousands(yuan)}`
  return locale === 'zh' ? `${sign}¥${tenths(yuan, 10_000)} 万` : `${sign}¥${tenths(yuan, 1000)}k`
}

/** Basis points as percent with two digits after the point: 400 → 4.00%. */
export function formatBps(bps: number): string {
  return `${Math.floor(bps / 100)}.${String(bps % 100).padStart(2, '0')}%`
}

/** A rate where room is short: 400 → 4%, 450 → 4.5%. */
export function formatRate(bps: number): string {
  return `${bps / 100}%`
}

export function formatCount(count: number): string {
  return signOf(count) + withThousands(Math.abs(count))
}

function signOf(value: number, sign?: 'always'): string {
  return value < 0 ? minus : sign === 'always' && value > 0 ? '+' : ''
}

function withThousands(whole: number): string {
  return String(whole).replace(/\B(?=(\d{3})+$)/g, ',')
}

function tenths(whole: number, unit: number): string {
  const count = Math.round(whole / (unit / 10))
  return `${withThousands(Math.floor(count / 10))}.${count % 10}`
}

const twoDigits = (value: number) => String(value).padStart(2, '0')

/** 2025-02-03 in the brand's zone. */
export function formatDate(instant: string, timeZone: string): string {
  const { year, month, day } = toParts(instant, timeZone)
  return `${year}-${twoDigits(month)}-${twoDigits(day)}`
}

/** 11-09 within the year of `now`, else with its year. */
export function formatDay(instant: string, timeZone: string, now: string): string {
  const date = formatDate(instant, timeZone)
  return toParts(now, timeZone).year === toParts(instant, timeZone).year ? date.slice(5) : date
}

/** For sentences: 3 月 2 日 12:04, or Mar 2, 12:04; with the year where it is not that of `now`, always without one. */
export function formatMoment(instant: string, timeZone: string, locale: Locale, now: string | null): string {
  const { year, month, day, hour, minute } = toParts(instant, timeZone)
  const isThisYear = now !== null && year === toParts(now, timeZone).year
  if (locale === 'zh') return `${isThisYear ? '' : `${year} 年 `}${month} 月 ${day} 日 ${hour}:${minute}`
  return `${englishMonths[month - 1]} ${day}${isThisYear ? '' : ` ${year}`}, ${hour}:${minute}`
}

/** 11 月, or November. */
export function formatMonth(instant: string, timeZone: string, locale: Locale): string {
  const { month } = toParts(instant, timeZone)
  return locale === 'zh' ? `${month} 月` : englishMonthNames[month - 1]!
}

const englishMonthNames = 'January February March April May June July August September October November December'.split(
  ' ',
)
const englishMonths = englishMonthNames.map(name => name.slice(0, 3))

/** Whole calendar days from one instant to another in the brand's zone; negative where `to` is earlier. */
export function countDays(from: string, to: string, timeZone: string): number {
  return dayNumber(to, timeZone) - dayNumber(from, timeZone)
}

function dayNumber(instant: string, timeZone: string): number {
  const { year, month, day } = toParts(instant, timeZone)
  return Date.UTC(year, month - 1, day) / 86_400_000
}

/**
 * How long ago, in the words of the trade: 刚刚, 12 分钟前, 3 小时前, 昨天 20:41, 11-09, 2025-11-09.
 *
 * @param now the service's clock: the phone's may be wrong, and a view "in 5 minutes" would be nonsense
 */
export function formatAgo(instant: string, timeZone: string, locale: Locale, now: string): string {
  const minutes = Math.floor((Date.parse(now) - Date.parse(instant)) / 60_000)
  const zh = locale === 'zh'
  if (minutes < 1) return zh ? '刚刚' : 'just now'
  if (minutes < 60) return zh ? `${minutes} 分钟前` : `${minutes} min ago`
  const days = countDays(instant, now, timeZone)
  if (days === 0) return zh ? `${Math.floor(minutes / 60)} 小时前` : `${Math.floor(minutes / 60)} h ago`
  const { hour, minute } = toParts(instant, timeZone)
  if (days === 1) return `${zh ? '昨天' : 'yesterday'} ${hour}:${minute}`
  return formatDay(instant, timeZone, now)
}
