import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Reader } from '../../replica.ts'
import { formatOf, sendTable } from '../../lib/sheets.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { BehindPage, BehindQuery } from './schema.ts'
import { exportBehind, listBehind } from './service.ts'

export function drillDownRoutes(
  app: FastifyInstance,
  options: { pool: Pool; reader: Reader; access: Access; now: () => Instant },
): void {
  const { pool, reader, access, now } = options
  app.get(
    '/performance/orders',
    {
      onRequest: access.read,
      schema: {
        tags: ['performance'],
        summary: 'The orders behind a figure, newest first, and what they add up to: the figure',
        description: 'Accept: text/csv or the type of XLSX gives the whole as a file, amounts in yuan.',
        querystring: BehindQuery,
        response: { 200: BehindPage },
      },
    },
    async (request, reply) => {
      const asked = { caller: request.caller, now: now(), query: request.query as BehindQuery }
      const format = formatOf(request.headers.accept)
      if (format === 'json') return await reader.read(db => listBehind(db, asked))
      return sendTable(reply, format, await exportBehind(pool, reader.choose(), { ...asked, format }))
    },
  )
}
