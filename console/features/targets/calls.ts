import type { Static } from 'typebox'
import type {
  AttainmentItem,
  AttainmentPage,
  AttainmentQuery,
  AttainmentTotals,
  TargetPage,
} from '../../../server/features/attainment/schema.ts'
import type { TargetItem } from '../../../server/features/content/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'
import type { ItemResult } from '../../lib/import.ts'

export type { AttainmentItem, AttainmentTotals, TargetItem }
export type Wanted = { [K in Exclude<keyof AttainmentQuery, 'cursor' | 'limit'>]?: AttainmentQuery[K] | undefined }
export type ToldTarget = Static<typeof TargetPage>['items'][number]

export const calls = {
  readAttainment: (wanted: Wanted, cursor: string | undefined, signal?: AbortSignal) =>
    api.get<AttainmentPage>('/attainment', { ...wanted, cursor, limit: 50 }, signal),
  readTotals: (wanted: Wanted, signal?: AbortSignal) =>
    api.get<AttainmentTotals>('/attainment/totals', { ...wanted }, signal),
  readTargets: (month: string, cursor: string | undefined) =>
    api.get<Static<typeof TargetPage>>('/targets', { month, cursor, limit: 500 }),
  send: (items: TargetItem[]) => api.post<ItemResult[]>('/targets', items),
}
