import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../../database.ts'
import type { Instant } from '../../../lib/time.ts'
import type { Access } from '../../../plugins/access.ts'
import { RunPage, RunQuery } from './schema.ts'
import { listRuns } from './service.ts'

export function importRoutes(app: FastifyInstance, options: { pool: Pool; access: Access; now: () => Instant }): void {
  const { pool, access, now } = options
  app.get(
    '/imports',
    {
      onRequest: access.readBrand,
      schema: {
        tags: ['ingest'],
        summary: 'Imports of files, newest first, and how far they are',
        querystring: RunQuery,
        response: { 200: RunPage },
      },
    },
    request => listRuns(pool, { brandId: request.caller.brandId, query: request.query as RunQuery, now: now() }),
  )
}
