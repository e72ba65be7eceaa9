import type { Static } from 'typebox'
import type { Community, CommunityPage, CommunityQuery } from '../../server/features/community/schema.ts'
import type {
  Summary,
  SummaryQuery,
  TableName,
  TableQuery,
  Trend,
  TrendQuery,
} from '../../server/features/performance/schema.ts'
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
} from '../../server/features/transfers/schema.ts'
import { api } from '../../sidebar/lib/session.ts'
import type { Order, OrderPage, OrderQuery } from './orders.ts'
import type { TablePage } from './figures.ts'

export type TransferItems = Static<typeof CustomerPage> | Static<typeof GroupPage>

const part = encodeURIComponent

/** Every call of the console, by name. Types are the service's own schemas. */
export const service = {
  signOut: () => fetch('/auth/logout', { method: 'POST', credentials: 'same-origin' }),
  readSummary: (where: SummaryQuery, signal?: AbortSignal) =>
    api.get<Summary>('/performance/summary', { ...where }, signal),
  readTrend: (where: TrendQuery, signal?: AbortSignal) => api.get<Trend>('/performance/trend', { ...where }, signal),
  readTable: (table: TableName, where: TableQuery, signal?: AbortSignal) =>
    api.get<TablePage>(`/performance/${table}`, { ...where }, signal),
  readOrders: (where: OrderQuery, signal?: AbortSignal) => api.get<OrderPage>('/orders', { ...where }, signal),
  explainOrder: (source: string, orderNo: string, signal?: AbortSignal) =>
    api.get<Order>(`/orders/${part(source)}/${part(orderNo)}/commission`, {}, signal),
  readCommunities: (where: CommunityQuery & { cursor?: string | undefined }, signal?: AbortSignal) =>
    api.get<CommunityPage>('/community/stores', { ...where }, signal),
  readCommunity: (storeCode: string, where: CommunityQuery, signal?: AbortSignal) =>
    api.get<Community>(`/community/stores/${part(storeCode)}`, { ...where }, signal),
  readTransfers: (cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Static<typeof TransferPage>>('/transfers', { cursor }, signal),
  readTransfer: (transferId: string, signal?: AbortSignal) => api.get<Transfer>(`/transfers/${transferId}`, {}, signal),
  readTransferItems: (
    transferId: string,
    kind: 'customers' | 'groups',
    where: Omit<ItemQuery, 'cursor'> & { cursor?: string | undefined },
    signal?: AbortSignal,
  ) => api.get<TransferItems>(`/transfers/${transferId}/${kind}`, { ...where }, signal),
  readUnassigned: (signal?: AbortSignal) => api.get<Unassigned>('/transfers/unassigned', {}, signal),
  startTransfer: (body: TransferBody) => api.post<Transfer>('/transfers', body),
  retryTransfer: (transferId: string, body: RetryBody) =>
    api.post<Static<typeof RetriedTransfer>>(`/transfers/${transferId}/retry`, body),
  undoTransfer: (transferId: string, reason: string) =>
    api.post<UndoneTransfer>(`/transfers/${transferId}/undo`, { reason }),
}
