import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import { formatOf, sendTable } from '../../lib/sheets.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { ActivityPage, ActivityQuery } from './schema.ts'
import { exportActivity, listActivity } from './service.ts'

export function activityRoutes(
  app: FastifyInstance,
  options: { pool: Pool; access: Access; now: () => Instant },
): void {
  const { pool, access, now } = options
  app.get(
    '/activity',
    {
      onRequest: access.readBrand,
      schema: {
        tags: ['activity'],
        summary: 'Who looked at, exported, decided or changed what, newest first',
        description: 'Accept: text/csv or the type of XLSX gives the whole as a file.',
        querystring: ActivityQuery,
        response: { 200: ActivityPage },
      },
    },
    async (request, reply) => {
      const { caller, headers } = request
      const query = request.query as ActivityQuery
      const format = formatOf(headers.accept)
      if (format === 'json') return await listActivity(pool, caller, query)
      return sendTable(reply, format, await exportActivity(pool, { caller, query, format, now: now() }))
    },
  )
}
