import type {
  Summary,
  SummaryQuery,
  TableName,
  TableQuery,
  Trend,
  TrendQuery,
} from '../../../server/features/performance/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'
import type { TablePage } from '../../lib/figures.ts'

/** The calls of the performance page. */
export const calls = {
  readSummary: (where: SummaryQuery, signal?: AbortSignal) =>
    api.get<Summary>('/performance/summary', { ...where }, signal),
  readTrend: (where: TrendQuery, signal?: AbortSignal) => api.get<Trend>('/performance/trend', { ...where }, signal),
  readTable: (table: TableName, where: TableQuery, signal?: AbortSignal) =>
    api.get<TablePage>(`/performance/${table}`, { ...where }, signal),
}
