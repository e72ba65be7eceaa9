import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import type { Caller } from '../auth/domain.ts'
import { checkMayHandOver } from '../handovers/service.ts'
import type { WecomOf } from '../wecom/service.ts'
import {
  CustomerPage,
  GroupPage,
  ItemQuery,
  ListOnlyQuery,
  RetriedTransfer,
  RetryBody,
  Transfer,
  TransferBody,
  TransferPage,
  TransferParams,
  Unassigned,
  UndoneTransfer,
  UndoTransferBody,
} from './schema.ts'
import {
  createTransfer,
  listItems,
  listTransfers,
  listUnassigned,
  readTransfer,
  retryTransfer,
  undoTransfer,
  type TransferDependencies,
} from './service.ts'

/** 5,000 customers by id. */
const BODY_LIMIT_BYTES = 4 * 1024 * 1024

export function transferRoutes(
  app: FastifyInstance,
  options: Omit<TransferDependencies, 'wecom'> & { wecomOf: WecomOf; access: Access; now: () => Instant },
): void {
  const { access, wecomOf, now, ...rest } = options
  const { pool } = rest
  const of = ({ brandId }: Caller): TransferDependencies => ({ ...rest, wecom: wecomOf(brandId) })
  const tags = ['handovers']
  /** A write that somebody may not do is refused before its body is looked at. */
  const mayHandOver = (request: FastifyRequest) => Promise.resolve(checkMayHandOver(request.caller))

  app.post(
    '/transfers',
    {
      bodyLimit: BODY_LIMIT_BYTES,
      onRequest: [access.writes, mayHandOver],
      schema: {
        tags,
        summary: 'Let WeCom give an associate’s customers and groups to a colleague',
        body: TransferBody,
        response: { 200: Transfer, 201: Transfer },
      },
    },
    async (request, reply) => {
      const { caller } = request
      const body = request.body as TransferBody
      const { isNew, transfer } = await createTransfer(of(caller), { caller, body, now: now() })
      return await reply.code(isNew ? 201 : 200).send(transfer)
    },
  )
  app.get(
    '/transfers',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'Transfers in WeCom, newest first, with how far they are',
        querystring: ListOnlyQuery,
        response: { 200: TransferPage },
      },
    },
    request => listTransfers(pool, request.caller, request.query as ListOnlyQuery),
  )
  app.get(
    '/transfers/unassigned',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'Who left and whose customers wait in WeCom for a taker, as WeCom says now',
        response: { 200: Unassigned },
      },
    },
    request => listUnassigned(pool, { caller: request.caller, wecom: wecomOf(request.caller.brandId) }),
  )
  app.get(
    '/transfers/:transferId',
    {
      onRequest: access.read,
      schema: { tags, summary: 'One transfer', params: TransferParams, response: { 200: Transfer } },
    },
    request => readTransfer(pool, request.caller, (request.params as TransferParams).transferId),
  )
  for (const [path, kind, response] of [
    ['customers', 'customer', CustomerPage],
    ['groups', 'group', GroupPage],
  ] as const) {
    app.get(
      `/transfers/:transferId/${path}`,
      {
        onRequest: access.read,
        schema: {
          tags,
          summary: `Its ${path}, by id, with what became of each and what to do`,
          params: TransferParams,
          querystring: ItemQuery,
          response: { 200: response },
        },
      },
      request => {
        const { transferId } = request.params as TransferParams
        return listItems(pool, request.caller, { transferId, kind, query: request.query as ItemQuery })
      },
    )
  }
  app.post(
    '/transfers/:transferId/retry',
    {
      onRequest: [access.writes, mayHandOver],
      schema: {
        tags,
        summary: 'Ask WeCom once more for what did not come to a good end',
        params: TransferParams,
        body: RetryBody,
        response: { 200: RetriedTransfer },
      },
    },
    request => {
      const { transferId } = request.params as TransferParams
      const { caller } = request
      return retryTransfer(of(caller), { caller, transferId, body: request.body as RetryBody, now: now() })
    },
  )
  app.post(
    '/transfers/:transferId/undo',
    {
      onRequest: [access.writes, mayHandOver],
      schema: {
        tags,
        summary: 'Take its assignments back from now on; WeCom keeps its friendships',
        params: TransferParams,
        body: UndoTransferBody,
        response: { 200: UndoneTransfer },
      },
    },
    request => {
      const { transferId } = request.params as TransferParams
      const { reason } = request.body as UndoTransferBody
      return undoTransfer(of(request.caller), { caller: request.caller, transferId, reason, now: now() })
    },
  )
}
