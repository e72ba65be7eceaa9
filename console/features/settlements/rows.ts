import type { StatementRow } from './calls.ts'
import { page, purposeOf } from './messages.ts'

/** What a row is for, in words. */
export function subjectOf(row: StatementRow): string {
  if (row.subject === 'order_line') return `${row.source} ${row.orderNo} · ${page.value.line(row.lineNo ?? 0)}`
  if (row.subject === 'bonus') return page.value.ofMonth(row.month ?? '')
  if (row.subject === 'adjustment') return row.adjustmentReason ?? purposeOf('adjustment')
  return row.subjectKey ?? purposeOf('event')
}
