/** The days that the demo brand has behind it, and when in a day and a week people buy. */
import { createWeighted, type Random } from './random.ts'

export const hourMs = 3_600_000
export const dayMs = 24 * hourMs
/** The demo brand lives in Shanghai, where clocks have not changed since 1991. */
export const zoneMs = 8 * hourMs

export const instant = (ms: number) => new Date(Math.floor(ms)).toISOString()
export const localMonth = (ms: number) => new Date(ms + zoneMs).getUTCMonth()
const localWeekday = (ms: number) => new Date(ms + zoneMs).getUTCDay()
export const startOfLocalDay = (ms: number) => Math.floor((ms + zoneMs) / dayMs) * dayMs - zoneMs
export const startOfLocalMonth = (ms: number) => {
  const local = new Date(ms + zoneMs)
  return Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), 1) - zoneMs
}
export const numbered = (prefix: string, index: number, width: number) =>
  `${prefix}${String(index + 1).padStart(width, '0')}`

export type Span = { fromMs: number; now: number; days: number; drawDay: (random: Random) => number }

/** Weekends sell nearly twice what a weekday does, and the two members' days in the middle more than that. */
export function createDayDraw(fromMs: number, days: number): Span['drawDay'] {
  const byWeekday = [1.75, 0.85, 0.8, 0.85, 1, 1.3, 1.9]
  const membersDay = Math.floor(days * 0.6)
  const weightOf = (day: number) => {
    const isMembersDay = day === membersDay || day === membersDay + 1
    return (
      (byWeekday[localWeekday(fromMs + day * dayMs + hourMs)] ?? 1) *
      (isMembersDay ? 2.2 : 1) *
      (0.9 + (0.2 * day) / days)
    )
  }
  return createWeighted(
    Array.from({ length: days }, (_, day) => day),
    weightOf,
  )
}

/** Shops are open from ten to ten and are fullest at noon and in the evening; phones are looked at late. */
const hoursInStore = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 6, 8, 8, 7, 7, 7, 8, 9, 10, 9, 5, 0, 0]
const hoursOnline = [3, 1, 0.4, 0.2, 0.2, 0.3, 1, 3, 5, 5, 5, 5, 7, 6, 4, 4, 4, 4, 5, 7, 9, 11, 11, 7]
const hours = Array.from({ length: 24 }, (_, hour) => hour)
const drawHour = {
  in_store: createWeighted(hours, hour => hoursInStore[hour] ?? 0),
  online: createWeighted(hours, hour => hoursOnline[hour] ?? 0),
}

/** Undefined where the day is today and the hour has not come. */
export function drawTime(span: Span, channel: 'online' | 'in_store', random: Random): number | undefined {
  const dayStartMs = span.fromMs + span.drawDay(random) * dayMs
  const atMs = dayStartMs + drawHour[channel](random) * hourMs + random.integer(0, hourMs - 1)
  return atMs <= span.now ? atMs : undefined
}
