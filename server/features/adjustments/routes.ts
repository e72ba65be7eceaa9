import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import {
  Adjustment,
  AdjustmentBody,
  AdjustmentPage,
  AdjustmentParams,
  AdjustmentQuery,
  Confirmations,
  ConfirmBody,
  ReasonBody,
  WriteOffBody,
  WriteOffs,
} from './schema.ts'
import {
  confirmAdjustment,
  confirmAdjustments,
  getAdjustment,
  listAdjustments,
  proposeAdjustment,
  proposeReversal,
  proposeWriteOffs,
  rejectAdjustment,
} from './service.ts'

const tags = ['adjustments']

/** @param options.prepareLedger makes the ledger ready for rows booked then */
export function adjustmentRoutes(
  app: FastifyInstance,
  options: { pool: Pool; access: Access; now: () => Instant; prepareLedger: (at: Instant) => Promise<void> },
): void {
  const { pool, access, prepareLedger } = options

  app.post(
    '/adjustments',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Propose a transfer by hand; a second person has to confirm it',
        body: AdjustmentBody,
        response: { 200: Adjustment, 201: Adjustment },
      },
    },
    async (request, reply) => {
      const body = request.body as AdjustmentBody
      const { isNew, adjustment } = await proposeAdjustment(pool, { caller: request.caller, body, now: options.now() })
      return await reply.code(isNew ? 201 : 200).send(adjustment)
    },
  )
  app.post(
    '/adjustments/write-offs',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Propose to write off what a leaver owes, bearer by bearer',
        body: WriteOffBody,
        response: { 200: WriteOffs, 201: WriteOffs },
      },
    },
    async (request, reply) => {
      const body = request.body as WriteOffBody
      const { isNew, adjustments } = await proposeWriteOffs(pool, { caller: request.caller, body, now: options.now() })
      return await reply.code(isNew ? 201 : 200).send({ adjustments })
    },
  )
  app.post(
    '/adjustments/confirm',
    {
      onRequest: access.admin,
      schema: { tags, summary: 'Confirm many, each on its own', body: ConfirmBody, response: { 200: Confirmations } },
    },
    async request => {
      const { adjustmentIds } = request.body as ConfirmBody
      const now = options.now()
      await prepareLedger(now)
      const items = await confirmAdjustments(pool, { caller: request.caller, adjustmentIds, now })
      return {
        items: items.map(({ error, ...item }) => ({
          ...item,
          ...(error ? { error: { code: error.code, message: error.message } } : {}),
        })),
      }
    },
  )
  app.post(
    '/adjustments/:adjustmentId/confirm',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Confirm somebody else’s proposal; it is booked then',
        params: AdjustmentParams,
        response: { 200: Adjustment },
      },
    },
    async request => {
      const { adjustmentId } = request.params as AdjustmentParams
      const now = options.now()
      await prepareLedger(now)
      return await confirmAdjustment(pool, { caller: request.caller, adjustmentId, now })
    },
  )
  app.post(
    '/adjustments/:adjustmentId/reject',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Reject a proposal, or take one’s own back',
        params: AdjustmentParams,
        body: ReasonBody,
        response: { 200: Adjustment },
      },
    },
    request => {
      const { adjustmentId } = request.params as AdjustmentParams
      const { reason } = request.body as ReasonBody
      return rejectAdjustment(pool, { caller: request.caller, adjustmentId, reason, now: options.now() })
    },
  )
  app.post(
    '/adjustments/:adjustmentId/reverse',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Propose the opposite of a confirmed adjustment',
        params: AdjustmentParams,
        body: ReasonBody,
        response: { 200: Adjustment, 201: Adjustment },
      },
    },
    async (request, reply) => {
      const { adjustmentId } = request.params as AdjustmentParams
      const { reason } = request.body as ReasonBody
      const asked = { caller: request.caller, adjustmentId, reason, now: options.now() }
      const { isNew, adjustment } = await proposeReversal(pool, asked)
      return await reply.code(isNew ? 201 : 200).send(adjustment)
    },
  )
  app.get(
    '/adjustments',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'Adjustments and who made and confirmed them, newest first',
        querystring: AdjustmentQuery,
        response: { 200: AdjustmentPage },
      },
    },
    request => listAdjustments(pool, request.caller.scope, request.query as AdjustmentQuery),
  )
  app.get(
    '/adjustments/:adjustmentId',
    {
      onRequest: access.readBrand,
      schema: { tags, summary: 'One adjustment', params: AdjustmentParams, response: { 200: Adjustment } },
    },
    request => getAdjustment(pool, request.caller.scope, (request.params as AdjustmentParams).adjustmentId),
  )
}
