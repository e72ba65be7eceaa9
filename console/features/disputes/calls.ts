import type { Static } from 'typebox'
import type {
  DecisionBody,
  DisputeBody,
  DisputeDetail,
  DisputeItem,
  DisputePage,
  DisputeQuery,
} from '../../../server/features/disputes/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

type Where = { [K in keyof DisputeQuery]: DisputeQuery[K] | undefined }

/** The calls of the disputes page; claims of unattributed sales are filed and decided by the same. */
export const calls = {
  readDisputes: (where: Where, cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Static<typeof DisputePage>>('/disputes', { ...where, cursor }, signal),
  readDispute: (disputeId: string, signal?: AbortSignal) =>
    api.get<DisputeDetail>(`/disputes/${disputeId}`, {}, signal),
  open: (body: DisputeBody) => api.post<DisputeItem>('/disputes', body),
  decide: (disputeId: string, body: DecisionBody) => api.post<DisputeItem>(`/disputes/${disputeId}/decide`, body),
}
