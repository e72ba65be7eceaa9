import type {
  Summary,
  SummaryQuery,
  TableName,
  TableQuery,
  Trend,
  TrendQuery,
} from '../../../server/features/performance/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'
import { FIGURES_TIMEOUT_MS, type TablePage } from '../../lib/figures.ts'

/** The calls of the performance page. */
export const calls = {
  readSummary: (where: SummaryQuery, signal?: AbortSignal) =>
    api.get<Summary>('/performance/summary', { ...where }, signal, FIGURES_TIMEOUT_MS),
  readTrend: (where: TrendQuery, signal?: AbortSignal) =>
    api.get<Trend>('/performance/trend', { ...where }, signal, FIGURES_TIMEOUT_MS),
  readTable: (table: TableName, where: TableQuery, signal?: AbortSignal) =>
    api.get<TablePage>(`/performance/${table}`, { ...where }, signal, FIGURES_TIMEOUT_MS),
}
