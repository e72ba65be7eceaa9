import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import type { Access } from '../../plugins/access.ts'
import { formatInstant } from '../../lib/time.ts'
import {
  INGEST_KINDS,
  ingest,
  ITEMS_MAX,
  listRejects,
  type IngestDependencies,
  type IngestKindName,
} from './service.ts'
import { ListQuery } from '../../lib/list-query.ts'

/** 1000 items of a few kilobytes each. */
const BODY_LIMIT_BYTES = 16 * 1024 * 1024

const Result = Type.Object({
  key: Type.Union([Type.String(), Type.Null()]),
  status: Type.Enum(['created', 'updated', 'unchanged', 'rejected']),
  error: Type.Optional(
    Type.Object({ code: Type.String(), message: Type.String(), field: Type.Optional(Type.String()) }),
  ),
  linkCode: Type.Optional(Type.String()),
  url: Type.Optional(Type.String()),
  miniProgramPath: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  scene: Type.Optional(Type.Union([Type.String(), Type.Null()])),
})

export function ingestRoutes(app: FastifyInstance, options: IngestDependencies & { access: Access }): void {
  for (const kind of Object.keys(INGEST_KINDS) as IngestKindName[]) {
    app.post(
      `/${kind}`,
      {
        bodyLimit: BODY_LIMIT_BYTES,
        onRequest: options.access.key('ingest'),
        // Each item is looked at on its own: one bad item must not refuse the others.
        validatorCompiler: () => () => true,
        schema: {
          tags: ['ingest'],
          summary: `Take ${kind}`,
          body: Type.Array(INGEST_KINDS[kind].schema, { minItems: 1, maxItems: ITEMS_MAX }),
          response: { 200: Type.Array(Result) },
        },
      },
      request =>
        ingest(options, {
          kind,
          brandId: request.caller.brandId,
          actor: request.caller.actor,
          callerId: request.caller.id,
          items: request.body,
        }),
    )
  }

  app.get(
    '/rejected-items',
    {
      onRequest: options.access.readBrand,
      schema: {
        tags: ['ingest'],
        summary: 'Items that were refused in the last 30 days, newest first, masked',
        querystring: Type.Object(
          { ...ListQuery, kind: Type.Optional(Type.String({ description: 'One kind alone, such as orders.' })) },
          { additionalProperties: false },
        ),
      },
    },
    async request => {
      const query = request.query as { limit?: number; cursor?: string; kind?: string }
      const page = await listRejects(options.pool, { brandId: request.caller.brandId, ...query })
      return { ...page, items: page.items.map(item => ({ ...item, rejectedAt: formatInstant(item.rejectedAt) })) }
    },
  )
}
