import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Access } from '../../plugins/access.ts'
import { HomeCustomers, HomeQuery, TeamDay, TeamDayQuery } from './schema.ts'
import { ownCustomers, teamDay } from './service.ts'

export function homeRoutes(
  app: FastifyInstance,
  options: { pool: Pool; vault: Vault; access: Access; now: () => Instant },
): void {
  const { pool, vault, access, now } = options
  app.get(
    '/me/customers',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'The asker’s own customers, or his stores’, by segment or searched for',
        querystring: HomeQuery,
        response: { 200: HomeCustomers },
      },
    },
    ({ caller, query }) => ownCustomers(pool, { caller, now: now(), vault, query: query as HomeQuery }),
  )
  app.get(
    '/me/team-day',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'The day of a store’s team: who shared and sold, who is behind, what waits',
        querystring: TeamDayQuery,
        response: { 200: TeamDay },
      },
    },
    ({ caller, query }) => teamDay(pool, { caller, now: now(), query: query as TeamDayQuery }),
  )
}
