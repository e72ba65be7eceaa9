import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify'
import type { Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { formatOf, sendTable } from '../../lib/sheets.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import {
  DecisionBody,
  DisputeBody,
  DisputeDetail,
  DisputeItem,
  DisputePage,
  DisputeParams,
  DisputeQuery,
  UnattributedPage,
  UnattributedQuery,
  WithdrawalBody,
} from './schema.ts'
import { decideDispute, listDisputes, openDispute, readDispute, withdrawDispute } from './service.ts'
import { exportUnattributed, listUnattributed } from './unattributed.ts'

/** Whoever sees himself alone decides nothing: said before the body is looked at. */
const answersForOthers: onRequestAsyncHookHandler = async ({ caller }) => {
  if (caller.scope.reach === 'self') throw new AppError('forbidden', 'This is for managers and headquarters.')
}

export function disputeRoutes(app: FastifyInstance, options: { pool: Pool; access: Access; now: () => Instant }): void {
  const { pool, access, now } = options
  app.get(
    '/disputes',
    {
      onRequest: access.read,
      schema: {
        tags: ['disputes'],
        summary: 'Disputes and claims, newest first where not asked otherwise',
        querystring: DisputeQuery,
        response: { 200: DisputePage },
      },
    },
    ({ caller, query }) => listDisputes(pool, caller, query as DisputeQuery),
  )
  app.post(
    '/disputes',
    {
      onRequest: access.writes,
      schema: {
        tags: ['disputes'],
        summary: 'Say that a role of an order is somebody else’s, or claim a sale that nobody has',
        body: DisputeBody,
        response: { 200: DisputeItem, 201: DisputeItem },
      },
    },
    async ({ caller, body }, reply) => {
      const { isNew, dispute } = await openDispute(pool, { caller, now: now(), body: body as DisputeBody })
      return await reply.code(isNew ? 201 : 200).send(dispute)
    },
  )
  app.get(
    '/disputes/:disputeId',
    {
      onRequest: access.read,
      schema: {
        tags: ['disputes'],
        summary: 'A dispute with the evidence beside it, and what upholding it would change',
        params: DisputeParams,
        response: { 200: DisputeDetail },
      },
    },
    ({ caller, params }) => readDispute(pool, caller, (params as DisputeParams).disputeId),
  )
  app.post(
    '/disputes/:disputeId/decide',
    {
      onRequest: [access.writes, answersForOthers],
      schema: {
        tags: ['disputes'],
        summary: 'Uphold or reject a dispute; the ledger follows at once, and both sides are told',
        params: DisputeParams,
        body: DecisionBody,
        response: { 200: DisputeItem },
      },
    },
    ({ caller, params, body }) => {
      const { disputeId } = params as DisputeParams
      return decideDispute(pool, { caller, now: now(), disputeId, body: body as DecisionBody })
    },
  )
  app.post(
    '/disputes/:disputeId/withdraw',
    {
      onRequest: access.writes,
      schema: {
        tags: ['disputes'],
        summary: 'Take one’s own dispute back while it is open',
        params: DisputeParams,
        body: WithdrawalBody,
        response: { 200: DisputeItem },
      },
    },
    ({ caller, params, body }) => {
      const { disputeId } = params as DisputeParams
      return withdrawDispute(pool, { caller, now: now(), disputeId, body: body as WithdrawalBody })
    },
  )
  app.get(
    '/unattributed',
    {
      onRequest: access.read,
      schema: {
        tags: ['disputes'],
        summary: 'Sales that nobody has, newest first, with who claims them',
        description: 'Accept: text/csv or the type of XLSX gives the whole as a file, amounts in yuan.',
        querystring: UnattributedQuery,
        response: { 200: UnattributedPage },
      },
    },
    async ({ caller, headers, query: asked }, reply) => {
      const query = asked as UnattributedQuery
      const format = formatOf(headers.accept)
      if (format === 'json') return await listUnattributed(pool, caller, query)
      return sendTable(reply, format, await exportUnattributed(pool, { caller, query, format, now: now() }))
    },
  )
}
