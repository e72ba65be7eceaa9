import { Type } from 'typebox'
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify'
import type { Access } from '../../plugins/access.ts'
import { formatOf, sendTable } from '../../lib/sheets.ts'
import { IntakeList, ItemAnswer, Reject, RejectKey, RejectPage, RejectQuery, ResendBody } from './schema.ts'
import {
  buildIngest,
  exportRejects,
  getReject,
  INGEST_KINDS,
  ITEMS_MAX,
  listIntake,
  listRejects,
  resendReject,
  type IngestDependencies,
  type IngestKindName,
} from './service.ts'

/** 1000 items of a few kilobytes each. */
const BODY_LIMIT_BYTES = 16 * 1024 * 1024

/** What headquarters tells in the console too: nobody else has it. */
const OFFICE_KINDS: ReadonlySet<IngestKindName> = new Set<IngestKindName>(['targets', 'opening-balances'])

/** A key with scope ingest, or headquarters signed in. */
const officeOrKey = (access: Access): onRequestAsyncHookHandler => {
  const [byKey, byPerson] = [access.key('ingest'), access.admin]
  return function (request, reply) {
    return (request.headers.authorization === undefined ? byPerson : byKey).call(this, request, reply)
  }
}

export function ingestRoutes(app: FastifyInstance, options: IngestDependencies & { access: Access }): void {
  const ingest = buildIngest(options)
  for (const kind of Object.keys(INGEST_KINDS) as IngestKindName[]) {
    app.post(
      `/${kind}`,
      {
        bodyLimit: BODY_LIMIT_BYTES,
        onRequest: OFFICE_KINDS.has(kind) ? officeOrKey(options.access) : options.access.key('ingest'),
        // Each item is looked at on its own: one bad item must not refuse the others.
        validatorCompiler: () => () => true,
        schema: {
          tags: ['ingest'],
          summary: `Take ${kind}`,
          body: Type.Array(INGEST_KINDS[kind].schema, { minItems: 1, maxItems: ITEMS_MAX }),
          response: { 200: Type.Array(ItemAnswer) },
        },
      },
      request =>
        ingest({
          kind,
          brandId: request.caller.brandId,
          actor: request.caller.actor,
          callerId: request.caller.id,
          items: request.body,
        }),
    )
  }

  app.get(
    '/intake',
    {
      onRequest: options.access.readBrand,
      schema: {
        tags: ['ingest'],
        summary: 'What came in lately: who tells of what, when last, and how much today',
        response: { 200: IntakeList },
      },
    },
    async request => {
      await options.intake?.flush()
      return { items: await listIntake(options.pool, { caller: request.caller, now: options.now() }) }
    },
  )
  app.get(
    '/rejected-items',
    {
      onRequest: options.access.readBrand,
      schema: {
        tags: ['ingest'],
        summary: 'Items that were refused in the last 30 days, newest first, masked; CSV and XLSX by Accept',
        querystring: RejectQuery,
        response: { 200: RejectPage },
      },
    },
    async ({ caller, headers, query: asked }, reply) => {
      const query = asked as RejectQuery
      const format = formatOf(headers.accept)
      if (format === 'json') return await listRejects(options.pool, caller.brandId, query)
      return sendTable(reply, format, await exportRejects(options.pool, { caller, query, format, now: options.now() }))
    },
  )
  app.get(
    '/rejected-items/:rejectId',
    {
      onRequest: options.access.readBrand,
      schema: { tags: ['ingest'], summary: 'One of them', params: RejectKey, response: { 200: Reject } },
    },
    request => getReject(options.pool, request.caller.brandId, (request.params as RejectKey).rejectId),
  )
  app.post(
    '/rejected-items/:rejectId/resend',
    {
      onRequest: options.access.admin,
      schema: {
        tags: ['ingest'],
        summary: 'Send a refused item again, corrected or as it was; what is masked has to be given anew',
        params: RejectKey,
        body: ResendBody,
        response: { 200: ItemAnswer },
      },
    },
    request => {
      const { rejectId } = request.params as RejectKey
      return resendReject(options, { caller: request.caller, rejectId, body: request.body as ResendBody })
    },
  )
}
