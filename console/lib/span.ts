/** Spans of days of the brand's calendar. Days are `YYYY-MM-DD`; pure. */
export const presets = ['today', 'yesterday', 'last7', 'last30', 'this_month', 'last_month', 'this_year'] as const
export type Preset = (typeof presets)[number]

/** Half-open, as the service asks for it. */
export interface Days {
  from: string
  to: string
}

export function addDays(day: string, count: number): string {
  const [year, month, date] = day.split('-').map(Number) as [number, number, number]
  return new Date(Date.UTC(year, month - 1, date + count)).toISOString().slice(0, 10)
}

const firstOfMonth = (day: string) => `${day.slice(0, 7)}-01`

export function daysOf(preset: Preset, today: string): Days {
  const tomorrow = addDays(today, 1)
  switch (preset) {
    case 'today':
      return { from: today, to: tomorrow }
    case 'yesterday':
      return { from: addDays(today, -1), to: today }
    case 'last7':
      return { from: addDays(today, -6), to: tomorrow }
    case 'last30':
      return { from: addDays(today, -29), to: tomorrow }
    case 'this_month':
      return { from: firstOfMonth(today), to: tomorrow }
    case 'last_month':
      return { from: firstOfMonth(addDays(firstOfMonth(today), -1)), to: firstOfMonth(today) }
    case 'this_year':
      return { from: `${today.slice(0, 4)}-01-01`, to: tomorrow }
  }
}

/** What the address says: a preset, or days of one's own, `until` being the last of them; the last 30 where nothing. */
export function spanIn(
  query: { span?: string | undefined; from?: string | undefined; until?: string | undefined },
  today: string,
): Days & { preset: Preset | 'own' } {
  const isDay = (text: string | undefined): text is string => /^\d{4}-\d\d-\d\d$/.test(text ?? '')
  if (isDay(query.from) && isDay(query.until) && query.from <= query.until) {
    return { preset: 'own', from: query.from, to: addDays(query.until, 1) }
  }
  const preset = presets.find(one => one === query.span) ?? 'last30'
  return { preset, ...daysOf(preset, today) }
}
