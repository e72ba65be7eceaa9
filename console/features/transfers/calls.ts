import type { Static } from 'typebox'
import type {
  CustomerPage,
  GroupPage,
  ItemQuery,
  RetriedTransfer,
  RetryBody,
  Transfer,
  TransferBody,
  TransferPage,
  Unassigned,
  UndoneTransfer,
} from '../../../server/features/transfers/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

export type TransferItems = Static<typeof CustomerPage> | Static<typeof GroupPage>

/** The calls of the handover pages. */
export const calls = {
  readTransfers: (cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Static<typeof TransferPage>>('/transfers', { cursor }, signal),
  readTransfer: (transferId: string, signal?: AbortSignal) => api.get<Transfer>(`/transfers/${transferId}`, {}, signal),
  readItems: (
    transferId: string,
    kind: 'customers' | 'groups',
    where: Omit<ItemQuery, 'cursor'> & { cursor?: string | undefined },
    signal?: AbortSignal,
  ) => api.get<TransferItems>(`/transfers/${transferId}/${kind}`, { ...where }, signal),
  readUnassigned: (signal?: AbortSignal) => api.get<Unassigned>('/transfers/unassigned', {}, signal),
  start: (body: TransferBody) => api.post<Transfer>('/transfers', body),
  retry: (transferId: string, body: RetryBody) =>
    api.post<Static<typeof RetriedTransfer>>(`/transfers/${transferId}/retry`, body),
  undo: (transferId: string, reason: string) => api.post<UndoneTransfer>(`/transfers/${transferId}/undo`, { reason }),
}
