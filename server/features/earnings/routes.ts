import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { Earnings, EarningsQuery } from './schema.ts'
import { readEarnings } from './service.ts'

export function earningsRoutes(
  app: FastifyInstance,
  options: { pool: Pool; access: Access; now: () => Instant },
): void {
  const { pool, access, now } = options
  app.get(
    '/earnings',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'What I earned in a span, and of each order why',
        querystring: EarningsQuery,
        response: { 200: Earnings },
      },
    },
    request => readEarnings(pool, request.caller, { query: request.query as EarningsQuery, now: now() }),
  )
}
