import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import { formatOf, sendTable } from '../../lib/sheets.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import {
  AttainmentPage,
  AttainmentQuery,
  AttainmentTotals,
  AttainmentTotalsQuery,
  TargetPage,
  TargetQuery,
} from './schema.ts'
import { exportAttainment, listAttainment, listTargets, totalAttainment } from './service.ts'

export function attainmentRoutes(
  app: FastifyInstance,
  options: { pool: Pool; access: Access; now: () => Instant },
): void {
  const { pool, access, now } = options
  const tags = ['performance']
  app.get(
    '/attainment',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'How far targets of a month are reached, stores first',
        description: 'Accept: text/csv or the type of XLSX gives the whole as a file, amounts in yuan.',
        querystring: AttainmentQuery,
        response: { 200: AttainmentPage },
      },
    },
    async (request, reply) => {
      const asked = { caller: request.caller, now: now(), query: request.query as AttainmentQuery }
      const format = formatOf(request.headers.accept)
      if (format === 'json') return await listAttainment(pool, asked)
      return sendTable(reply, format, await exportAttainment(pool, { ...asked, format }))
    },
  )
  app.get(
    '/attainment/totals',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'The same summed up, stores and associates each for themselves',
        querystring: AttainmentTotalsQuery,
        response: { 200: AttainmentTotals },
      },
    },
    request =>
      totalAttainment(pool, { caller: request.caller, now: now(), query: request.query as AttainmentTotalsQuery }),
  )
  app.get(
    '/targets',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'Targets of a month as last told, stores first',
        querystring: TargetQuery,
        response: { 200: TargetPage },
      },
    },
    request => listTargets(pool, { caller: request.caller, now: now(), query: request.query as TargetQuery }),
  )
}
