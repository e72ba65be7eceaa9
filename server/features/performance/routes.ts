import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Reader } from '../../replica.ts'
import { formatOf, sendTable } from '../../lib/sheets.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { Summary, SummaryQuery, TableQuery, TABLES, Trend, TrendQuery, type TableName } from './schema.ts'
import { exportTable, listTable, readSummary, readTrend } from './service.ts'

export function performanceRoutes(
  app: FastifyInstance,
  options: { pool: Pool; reader: Reader; access: Access; now: () => Instant },
): void {
  const { pool, reader, access, now } = options
  const tags = ['performance']
  app.get(
    '/performance/summary',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'A span’s figures, beside those before it',
        querystring: SummaryQuery,
        response: { 200: Summary },
      },
    },
    request =>
      reader.read(db => readSummary(db, { caller: request.caller, now: now(), query: request.query as SummaryQuery })),
  )
  app.get(
    '/performance/trend',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'A span’s figures by day, week or month',
        querystring: TrendQuery,
        response: { 200: Trend },
      },
    },
    request =>
      reader.read(db => readTrend(db, { caller: request.caller, now: now(), query: request.query as TrendQuery })),
  )
  for (const table of Object.keys(TABLES) as TableName[]) {
    app.get(
      `/performance/${table}`,
      {
        onRequest: access.read,
        schema: {
          tags,
          summary: `A span’s figures by row: ${table}`,
          description: 'Accept: text/csv or the type of XLSX gives the whole as a file, amounts in yuan.',
          querystring: TableQuery,
          response: { 200: TABLES[table] },
        },
      },
      async (request, reply) => {
        const asked = { caller: request.caller, now: now(), query: request.query as TableQuery, table }
        const format = formatOf(request.headers.accept)
        if (format === 'json') return await reader.read(db => listTable(db, asked))
        return sendTable(reply, format, await exportTable(pool, reader.choose(), asked))
      },
    )
  }
}
