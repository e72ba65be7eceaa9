import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Access } from '../../plugins/access.ts'
import { ActivityPage, ActivityQuery } from './schema.ts'
import { listActivity } from './service.ts'

export function activityRoutes(app: FastifyInstance, options: { pool: Pool; access: Access }): void {
  app.get(
    '/activity',
    {
      onRequest: options.access.readBrand,
      schema: {
        tags: ['activity'],
        summary: 'Who looked at, exported, decided or changed what, newest first',
        querystring: ActivityQuery,
        response: { 200: ActivityPage },
      },
    },
    request => listActivity(options.pool, request.caller.brandId, request.query as ActivityQuery),
  )
}
