import { Type, type Static } from 'typebox'
import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { ListQuery } from '../../lib/list-query.ts'
import { decodeCursor, encodeCursor, PAGE_DEFAULT } from '../../lib/paging.ts'
import type { Access } from '../../plugins/access.ts'
import { auditRange } from './service.ts'

const AuditQuery = Type.Object(
  {
    ...ListQuery,
    from: Type.Optional(Type.String({ format: 'instant', description: 'Paid at or after.' })),
    to: Type.Optional(Type.String({ format: 'instant', description: 'Paid before.' })),
  },
  { additionalProperties: false },
)

export function auditRoutes(app: FastifyInstance, options: { pool: Pool; access: Access; clock: () => number }): void {
  app.get(
    '/audit',
    {
      onRequest: options.access.readBrand,
      schema: {
        tags: ['money'],
        summary: 'Orders whose ledger differs from what is decided about them: none is the promise',
        querystring: AuditQuery,
      },
    },
    async request => {
      const { from = null, to = null, limit = PAGE_DEFAULT, cursor } = request.query as Static<typeof AuditQuery>
      const position = cursor === undefined ? null : decodeCursor(cursor, ['instant', 'text', 'text'])
      if (cursor !== undefined && !position) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
      const { items, checkedOrders, next } = await auditRange(options.pool, {
        brandId: request.caller.brandId,
        from,
        to,
        limit,
        clock: options.clock,
        after: position && {
          paidAt: String(position[0]),
          source: String(position[1]),
          orderNo: String(position[2]),
        },
      })
      return { items, nextCursor: next && encodeCursor([next.paidAt, next.source, next.orderNo]), checkedOrders }
    },
  )
}
