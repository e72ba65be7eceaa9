import type { Static } from 'typebox'
import type { RiskDetail, RiskPage, RiskQuery } from '../../../server/features/risks/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

export type RiskAction = RiskDetail['decisions'][number]['action']
type Where = { [K in keyof RiskQuery]: RiskQuery[K] | undefined }

/** The calls of the risk page. */
export const calls = {
  readRisks: (where: Where, cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Static<typeof RiskPage>>('/risks', { ...where, cursor }, signal),
  readRisk: (findingId: string, signal?: AbortSignal) => api.get<RiskDetail>(`/risks/${findingId}`, {}, signal),
  decide: (findingId: string, action: RiskAction, reason: string) =>
    api.post<RiskDetail>(`/risks/${findingId}/${action}`, { reason }),
}
