import type { Static } from 'typebox'
import type {
  Adjustment,
  AdjustmentBody,
  AdjustmentPage,
  AdjustmentQuery,
  Confirmations,
  OpeningBalanceItem,
  WriteOffs,
} from '../../../server/features/adjustments/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'
import type { ItemResult } from '../../lib/import.ts'

export type { Adjustment, AdjustmentBody, OpeningBalanceItem }
type Wanted = { [K in Exclude<keyof AdjustmentQuery, 'cursor' | 'limit'>]?: AdjustmentQuery[K] | undefined }

const pathOf = (adjustmentId: string, deed = '') => `/adjustments/${encodeURIComponent(adjustmentId)}${deed}`

export const calls = {
  readAdjustments: (wanted: Wanted, cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Static<typeof AdjustmentPage>>('/adjustments', { ...wanted, cursor, limit: 30 }, signal),
  readAdjustment: (adjustmentId: string, signal?: AbortSignal) => api.get<Adjustment>(pathOf(adjustmentId), {}, signal),
  propose: (body: AdjustmentBody) => api.post<Adjustment>('/adjustments', body),
  writeOff: (associateId: string, reason: string) =>
    api.post<Static<typeof WriteOffs>>('/adjustments/write-offs', { associateId, reason }),
  confirm: (adjustmentId: string) => api.post<Adjustment>(pathOf(adjustmentId, '/confirm'), {}),
  confirmAll: (adjustmentIds: string[]) =>
    api.post<Static<typeof Confirmations>>('/adjustments/confirm', { adjustmentIds }),
  reject: (adjustmentId: string, reason: string) => api.post<Adjustment>(pathOf(adjustmentId, '/reject'), { reason }),
  reverse: (adjustmentId: string, reason: string) => api.post<Adjustment>(pathOf(adjustmentId, '/reverse'), { reason }),
  sendOpeningBalances: (items: OpeningBalanceItem[]) => api.post<ItemResult[]>('/opening-balances', items),
}
