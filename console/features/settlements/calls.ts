import type { Static } from 'typebox'
import type {
  ClearingPage,
  Franchise,
  FranchisePage,
  Gathering,
  InvoicePage,
  PayBody,
  Preview,
  Review,
  Settlement,
  SettlementPage,
  Statement,
  StatementPage,
  StatementQuery,
  StatementRowPage,
} from '../../../server/features/settlements/schema.ts'
import type { Balance } from '../../../server/features/accounts/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

export type { Balance, Franchise, Gathering, Preview, Review, Settlement, Statement }
export type StatementRow = Static<typeof StatementRowPage>['items'][number]
export type Clearing = Static<typeof ClearingPage>['items'][number]
export type Invoice = Static<typeof InvoicePage>['items'][number]
type Cursor = string | undefined
type Wanted = { [K in Exclude<keyof StatementQuery, 'cursor' | 'limit'>]?: StatementQuery[K] | undefined }

const part = encodeURIComponent

/** Where a settlement's things lie, for calls and files alike. */
export const pathOf = (settlementId: string, ...parts: string[]) =>
  ['/settlements', settlementId, ...parts.map(part)].join('/')

export const calls = {
  readSettlements: (cursor: Cursor, signal?: AbortSignal) =>
    api.get<Static<typeof SettlementPage>>('/settlements', { cursor, limit: 20 }, signal),
  readSettlement: (settlementId: string, signal?: AbortSignal) => api.get<Settlement>(pathOf(settlementId), {}, signal),
  readReview: (settlementId: string, signal?: AbortSignal) =>
    api.get<Review>(pathOf(settlementId, 'review'), {}, signal),
  readPreview: (cutoff: string | undefined, cursor: Cursor, signal?: AbortSignal) =>
    api.get<Preview>('/settlements/preview', { cutoff, cursor, limit: 500 }, signal),
  readGathering: () => api.get<Gathering>('/settlements/gathering'),
  readStatements: (settlementId: string, wanted: Wanted, cursor: Cursor, signal?: AbortSignal) =>
    api.get<Static<typeof StatementPage>>(pathOf(settlementId, 'statements'), { ...wanted, cursor, limit: 30 }, signal),
  readStatement: async (settlementId: string, payeeKind: Statement['payeeKind'], payee: string, signal?: AbortSignal) =>
    (await calls.readStatements(settlementId, { payeeKind, payee }, undefined, signal)).items[0] ?? null,
  readRows: (
    settlementId: string,
    account: { payeeKind: string; payee: string },
    page: { cursor: Cursor; limit: number },
    signal?: AbortSignal,
  ) =>
    api.get<Static<typeof StatementRowPage>>(
      pathOf(settlementId, 'statements', account.payeeKind, account.payee),
      page,
      signal,
    ),
  readClearing: (settlementId: string, cursor: Cursor, signal?: AbortSignal) =>
    api.get<Static<typeof ClearingPage>>('/clearing', { settlementId, cursor }, signal),
  readInvoices: (settlementId: string, cursor: Cursor, signal?: AbortSignal) =>
    api.get<Static<typeof InvoicePage>>(pathOf(settlementId, 'invoices'), { cursor }, signal),
  readFranchises: (settlementId: string, cursor: Cursor, signal?: AbortSignal) =>
    api.get<Static<typeof FranchisePage>>(pathOf(settlementId, 'franchises'), { cursor }, signal),
  readFranchise: (settlementId: string, franchiseeId: string, signal?: AbortSignal) =>
    api.get<Franchise>(pathOf(settlementId, 'franchises', franchiseeId), {}, signal),
  readBalance: (payeeKind: 'store' | 'associate', signal?: AbortSignal) =>
    api.get<Balance>('/balances', { payeeKind }, signal),
  draft: (cutoff: string) => api.post<Settlement>('/settlements', { cutoff }),
  approve: (settlementId: string) => api.post<Settlement>(pathOf(settlementId, 'approve'), {}),
  pay: (settlementId: string, body: NonNullable<PayBody>) => api.post<Settlement>(pathOf(settlementId, 'pay'), body),
  discard: (settlementId: string) => api.delete<void>(pathOf(settlementId)),
}
