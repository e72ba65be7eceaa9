import type { Summary } from '../../server/features/performance/schema.ts'
import { formatCount, formatFen } from '../../sidebar/lib/format.ts'

export type Figures = Omit<Summary, 'from' | 'to' | 'before' | 'summedUntil'>
export type FigureName = keyof Figures
/** One row of any of the tables: its names beside its figures. */
export type TableRow = Figures & Record<string, string | number | null>
export interface TablePage {
  items: TableRow[]
  nextCursor: string | null
}

/**
 * The database gives a statement up after a minute, and the service then says to ask for less: whoever waits for figures
 * of a long span waits until then, and is not told before that the service is slow.
 */
export const FIGURES_TIMEOUT_MS = 75_000

/** How a figure's name ends says what it is. */
export function formatFigure(name: string, value: number | null): string {
  if (value === null) return '–'
  if (name.endsWith('Fen')) return formatFen(value)
  if (name.endsWith('Bps')) return formatPercent(value)
  if (name.endsWith('Hundredths')) return (value / 100).toFixed(2)
  return formatCount(value)
}

/** Basis points with one digit after the point: 4170 → 41.7%. */
export const formatPercent = (bps: number): string => `${(bps / 100).toFixed(1).replace('-', '−')}%`

/**
 * How a figure moved: a ratio by points, all others by percent.
 *
 * @returns null where there is nothing to compare with
 */
export function changeOf(name: string, now: number | null, before: number | null): { text: string; by: number } | null {
  if (now === null || before === null) return null
  if (name.endsWith('Bps')) return { by: now - before, text: (Math.abs(now - before) / 100).toFixed(1) }
  if (before === 0) return now === 0 ? { by: 0, text: '0%' } : null
  return { by: now - before, text: `${((Math.abs(now - before) / Math.abs(before)) * 100).toFixed(1)}%` }
}
