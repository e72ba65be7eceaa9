import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import {
  ChoiceList,
  ChoiceParams,
  ChoiceQuery,
  DeletedDraft,
  Draft,
  DraftBody,
  DraftDeletion,
  DraftPage,
  DraftParams,
  DraftQuery,
  PlanCheck,
  Trial,
  TrialBody,
  type ChoiceKind,
} from './schema.ts'
import { checkDraft, getDraft, listChoices, listDrafts, removeDraft, saveDraft, tryOrder } from './service.ts'

const tags = ['plans']

export function planDraftRoutes(
  app: FastifyInstance,
  options: { pool: Pool; access: Access; now: () => Instant },
): void {
  const { pool, access, now } = options
  app.get(
    '/plans/drafts',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'Plans that somebody works on, those changed last first',
        querystring: DraftQuery,
        response: { 200: DraftPage },
      },
    },
    ({ caller, query }) => listDrafts(pool, caller.brandId, query as DraftQuery),
  )
  app.get(
    '/plans/drafts/:name',
    {
      onRequest: access.readBrand,
      schema: { tags, summary: 'One draft as last saved', params: DraftParams, response: { 200: Draft } },
    },
    ({ caller, params }) => getDraft(pool, { brandId: caller.brandId, ...(params as DraftParams) }),
  )
  app.put(
    '/plans/drafts/:name',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Save a draft over the revision that was seen last',
        params: DraftParams,
        body: DraftBody,
        response: { 200: Draft, 201: Draft },
      },
    },
    async ({ caller, params, body }, reply) => {
      const { name } = params as DraftParams
      const { draft, isNew } = await saveDraft(pool, { caller, name, body: body as DraftBody, now: now() })
      return await reply.code(isNew ? 201 : 200).send(draft)
    },
  )
  app.delete(
    '/plans/drafts/:name',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Delete a draft at the revision that was seen last',
        params: DraftParams,
        querystring: DraftDeletion,
        response: { 200: DeletedDraft },
      },
    },
    async ({ caller, params, query }) => {
      const { name } = params as DraftParams
      await removeDraft(pool, { caller, name, ...(query as DraftDeletion), now: now() })
      return { name, status: 'deleted' }
    },
  )
  app.post(
    '/plans/validate',
    {
      onRequest: access.admin,
      // Any content is looked at: what is wrong with it is the answer.
      validatorCompiler: () => () => true,
      schema: {
        tags,
        summary: 'What stands against publishing a plan; publishes nothing',
        response: { 200: PlanCheck },
      },
    },
    ({ caller, body }) => checkDraft(pool, { caller, body, now: now() }),
  )
  app.post(
    '/plans/trial',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'What one order pays now, and would pay under a plan; books nothing',
        body: TrialBody,
        response: { 200: Trial },
      },
    },
    ({ caller, body }) => tryOrder(pool, { brandId: caller.brandId, body: body as TrialBody, now: now() }),
  )
  app.get(
    '/plans/choices/:kind',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'What a plan can name: the first of them, by a part of the key or name',
        params: ChoiceParams,
        querystring: ChoiceQuery,
        response: { 200: ChoiceList },
      },
    },
    ({ caller, params, query }) =>
      listChoices(pool, {
        brandId: caller.brandId,
        kind: (params as { kind: ChoiceKind }).kind,
        search: (query as ChoiceQuery).search,
      }),
  )
}
