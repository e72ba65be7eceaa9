import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import {
  CandidatePage,
  CandidateQuery,
  Handover,
  HandoverBody,
  HandoverDetails,
  HandoverPage,
  HandoverParams,
  LeaverPage,
  ListOnlyQuery,
  UndoBody,
  UndoneHandover,
} from './schema.ts'
import {
  checkMayHandOver,
  handOver,
  listCandidates,
  listHandovers,
  listLeavers,
  readHandover,
  undoHandover,
  type HandoverDependencies,
} from './service.ts'

/** 5,000 members by name. */
const BODY_LIMIT_BYTES = 4 * 1024 * 1024

export function handoverRoutes(
  app: FastifyInstance,
  options: HandoverDependencies & { access: Access; now: () => Instant },
): void {
  const { pool, access } = options
  const tags = ['handovers']
  /** A write that somebody may not do is refused before its body is looked at. */
  const mayHandOver = (request: FastifyRequest) => Promise.resolve(checkMayHandOver(request.caller))

  app.get(
    '/handovers/leavers',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'Who left, or leaves within 30 days, and still has members',
        querystring: ListOnlyQuery,
        response: { 200: LeaverPage },
      },
    },
    request => listLeavers(pool, { caller: request.caller, now: options.now(), query: request.query as ListOnlyQuery }),
  )
  app.get(
    '/handovers/candidates',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'The members who are an associate’s now',
        querystring: CandidateQuery,
        response: { 200: CandidatePage },
      },
    },
    request =>
      listCandidates(pool, { caller: request.caller, now: options.now(), query: request.query as CandidateQuery }),
  )
  app.post(
    '/handovers',
    {
      bodyLimit: BODY_LIMIT_BYTES,
      onRequest: [access.writes, mayHandOver],
      schema: {
        tags,
        summary: 'Give a leaver’s members to others, with one reason',
        body: HandoverBody,
        response: { 200: Handover, 201: Handover },
      },
    },
    async (request, reply) => {
      const body = request.body as HandoverBody
      const { isNew, handover } = await handOver(options, { caller: request.caller, body, now: options.now() })
      return await reply.code(isNew ? 201 : 200).send(handover)
    },
  )
  app.post(
    '/handovers/:handoverId/undo',
    {
      onRequest: [access.writes, mayHandOver],
      schema: {
        tags,
        summary: 'Give those back, from now on, who are still where they were handed to',
        params: HandoverParams,
        body: UndoBody,
        response: { 200: UndoneHandover },
      },
    },
    request => {
      const { handoverId } = request.params as HandoverParams
      const { reason } = request.body as UndoBody
      return undoHandover(options, { caller: request.caller, handoverId, reason, now: options.now() })
    },
  )
  app.get(
    '/handovers',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'Handovers, newest first',
        querystring: ListOnlyQuery,
        response: { 200: HandoverPage },
      },
    },
    request => listHandovers(pool, request.caller, request.query as ListOnlyQuery),
  )
  app.get(
    '/handovers/:handoverId',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'One handover, with a page of its members',
        params: HandoverParams,
        querystring: ListOnlyQuery,
        response: { 200: HandoverDetails },
      },
    },
    request =>
      readHandover(pool, request.caller, {
        handoverId: (request.params as HandoverParams).handoverId,
        query: request.query as ListOnlyQuery,
      }),
  )
}
