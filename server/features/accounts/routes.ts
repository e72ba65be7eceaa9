import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { Balance, BalanceQuery, EntitlementPage, EntitlementQuery, LedgerPage, LedgerQuery } from './schema.ts'
import { balanceOf, listEntitlements, listLedger } from './service.ts'

export function accountRoutes(app: FastifyInstance, options: { pool: Pool; access: Access; now: () => Instant }): void {
  const { pool, access } = options
  app.get(
    '/entitlements',
    {
      onRequest: access.read,
      schema: {
        tags: ['money'],
        summary: 'What is owed now, per order, line and role',
        querystring: EntitlementQuery,
        response: { 200: EntitlementPage },
      },
    },
    request => listEntitlements(pool, request.caller.scope, request.query as EntitlementQuery),
  )
  app.get(
    '/ledger',
    {
      onRequest: access.read,
      schema: {
        tags: ['money'],
        summary: 'The rows booked, oldest first',
        querystring: LedgerQuery,
        response: { 200: LedgerPage },
      },
    },
    request => listLedger(pool, request.caller.scope, request.query as LedgerQuery),
  )
  app.get(
    '/balances',
    {
      onRequest: access.read,
      schema: {
        tags: ['money'],
        summary: 'What an account holds: pending, available, settled',
        querystring: BalanceQuery,
        response: { 200: Balance },
      },
    },
    request => balanceOf(pool, request.caller.scope, request.query as BalanceQuery, options.now()),
  )
}
