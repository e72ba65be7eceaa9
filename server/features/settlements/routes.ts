import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Pool } from '../../database.ts'
import { formatOf, sendTable, type Table } from '../../lib/sheets.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { exportClearing, exportInvoices, listClearing, listInvoices } from './clearing.ts'
import type { Exporting } from './exports.ts'
import { exportFranchise, getFranchise, listFranchises } from './franchises.ts'
import { getGathering, previewSettlement, reviewSettlement } from './review/service.ts'
import {
  ClearingPage,
  ClearingQuery,
  DraftBody,
  Franchise,
  FranchisePage,
  FranchiseParams,
  Gathering,
  InvoicePage,
  PageQuery,
  PayBody,
  Preview,
  PreviewQuery,
  Review,
  Settlement,
  SettlementPage,
  SettlementParams,
  StatementPage,
  StatementParams,
  StatementQuery,
  StatementRowPage,
} from './schema.ts'
import {
  approveSettlement,
  discardSettlement,
  draftSettlement,
  getSettlement,
  listSettlements,
  paySettlement,
} from './service.ts'
import { exportStatementRows, exportStatements, listStatementRows, listStatements } from './statements.ts'

const tags = ['settlements']
const AS_FILE = 'Accept: text/csv or the type of XLSX gives the whole as a file, amounts in yuan.'

export function settlementRoutes(
  app: FastifyInstance,
  options: { pool: Pool; access: Access; now: () => Instant },
): void {
  const { pool, access, now } = options
  const idOf = (request: FastifyRequest) => (request.params as SettlementParams).settlementId

  /** JSON, or the same as a file, as the caller accepts it. */
  const answer = async <Row>(
    request: FastifyRequest,
    reply: FastifyReply,
    as: { json: () => Promise<unknown>; table: (exporting: Exporting) => Promise<Table<Row>> },
  ) => {
    const format = formatOf(request.headers.accept)
    if (format === 'json') return await as.json()
    return sendTable(reply, format, await as.table({ caller: request.caller, format, now: now() }))
  }

  app.post(
    '/settlements',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Make a draft of all that became available before a cut-off; answers when it is complete',
        body: DraftBody,
        response: { 201: Settlement },
      },
    },
    async (request, reply) => {
      const body = request.body as DraftBody
      return await reply.code(201).send(await draftSettlement(pool, { caller: request.caller, body, now: now() }))
    },
  )
  app.get(
    '/settlements',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary:
          'Settlements, newest first; to associates, managers and franchisees the approved ones with theirs in it',
        querystring: PageQuery,
        response: { 200: SettlementPage },
      },
    },
    request => listSettlements(pool, request.caller, request.query as PageQuery),
  )
  app.get(
    '/settlements/preview',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'What a draft of this cut-off would hold, and what not: page by page of accounts, to be added up',
        querystring: PreviewQuery,
        response: { 200: Preview },
      },
    },
    request => previewSettlement(pool, { caller: request.caller, query: request.query as PreviewQuery, now: now() }),
  )
  app.get(
    '/settlements/gathering',
    {
      onRequest: access.readBrand,
      schema: { tags, summary: 'The draft that is being made now, and how far it is', response: { 200: Gathering } },
    },
    request => getGathering(pool, request.caller),
  )
  app.get(
    '/settlements/:settlementId/review',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'Sums of a settlement, and whose moved most since the one before',
        params: SettlementParams,
        response: { 200: Review },
      },
    },
    request => reviewSettlement(pool, request.caller, idOf(request)),
  )
  app.get(
    '/settlements/:settlementId',
    {
      onRequest: access.read,
      schema: { tags, summary: 'One settlement', params: SettlementParams, response: { 200: Settlement } },
    },
    request => getSettlement(pool, request.caller, idOf(request)),
  )
  app.post(
    '/settlements/:settlementId/approve',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Approve a draft: its rows are settled from now on',
        params: SettlementParams,
        response: { 200: Settlement },
      },
    },
    request => approveSettlement(pool, { caller: request.caller, settlementId: idOf(request), now: now() }),
  )
  app.post(
    '/settlements/:settlementId/pay',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Record payments: those told, or of everything that is still to be paid',
        params: SettlementParams,
        body: PayBody,
        response: { 200: Settlement },
      },
    },
    request => {
      const body = (request.body ?? null) as PayBody
      return paySettlement(pool, { caller: request.caller, settlementId: idOf(request), body, now: now() })
    },
  )
  app.delete(
    '/settlements/:settlementId',
    {
      onRequest: access.admin,
      schema: { tags, summary: 'Discard a draft; its rows are free for the next', params: SettlementParams },
    },
    async (request, reply) => {
      await discardSettlement(pool, { caller: request.caller, settlementId: idOf(request), now: now() })
      return await reply.code(204).send()
    },
  )

  app.get(
    '/settlements/:settlementId/statements',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'What each payee is owed, by bearer and purpose',
        description: AS_FILE,
        params: SettlementParams,
        querystring: StatementQuery,
        response: { 200: StatementPage },
      },
    },
    (request, reply) => {
      const settlementId = idOf(request)
      const query = request.query as StatementQuery
      return answer(request, reply, {
        json: () => listStatements(pool, request.caller, settlementId, query),
        table: exporting => exportStatements(pool, exporting, { settlementId, query }),
      })
    },
  )
  app.get(
    '/settlements/:settlementId/statements/:payeeKind/:payee',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'The ledger rows of one statement, oldest first',
        description: AS_FILE,
        params: StatementParams,
        querystring: PageQuery,
        response: { 200: StatementRowPage },
      },
    },
    (request, reply) => {
      const params = request.params as StatementParams
      return answer(request, reply, {
        json: () => listStatementRows(pool, request.caller, params, request.query as PageQuery),
        table: exporting => exportStatementRows(pool, exporting, params),
      })
    },
  )
  app.get(
    '/settlements/:settlementId/invoices',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'Who writes an invoice to whom: service fees and stores’ shares',
        description: AS_FILE,
        params: SettlementParams,
        querystring: PageQuery,
        response: { 200: InvoicePage },
      },
    },
    (request, reply) =>
      answer(request, reply, {
        json: () => listInvoices(pool, request.caller, idOf(request), request.query as PageQuery),
        table: exporting => exportInvoices(pool, exporting, idOf(request)),
      }),
  )
  app.get(
    '/settlements/:settlementId/franchises',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'What franchisees are owed and what they bear; to a franchisee his own',
        params: SettlementParams,
        querystring: PageQuery,
        response: { 200: FranchisePage },
      },
    },
    request => listFranchises(pool, request.caller, idOf(request), request.query as PageQuery),
  )
  app.get(
    '/settlements/:settlementId/franchises/:franchiseeId',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'One franchisee’s statement, both ways, store by store',
        description: AS_FILE,
        params: FranchiseParams,
        response: { 200: Franchise },
      },
    },
    (request, reply) => {
      const params = request.params as FranchiseParams
      return answer(request, reply, {
        json: () => getFranchise(pool, request.caller, params),
        table: exporting => exportFranchise(pool, exporting, params),
      })
    },
  )
  app.get(
    '/clearing',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'Who owes whom: in a settlement, or in all that is booked and not settled, available or not',
        description: AS_FILE,
        querystring: ClearingQuery,
        response: { 200: ClearingPage },
      },
    },
    (request, reply) => {
      const query = request.query as ClearingQuery
      return answer(request, reply, {
        json: () => listClearing(pool, request.caller, query),
        table: exporting => exportClearing(pool, exporting, query.settlementId),
      })
    },
  )
}
