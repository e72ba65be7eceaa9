import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Access } from '../../plugins/access.ts'
import type { Mirror } from '../mirror/service.ts'
import { CustomerCard, CustomerCardQuery, GroupCard, GroupCardQuery } from './schema.ts'
import { customerCard, groupCard } from './service.ts'

export function cardRoutes(
  app: FastifyInstance,
  options: {
    pool: Pool
    vault: Vault
    access: Access
    mirrorOf: (brandId: number) => Mirror | null
    now: () => Instant
  },
): void {
  const { pool, vault, access, mirrorOf, now } = options
  app.get(
    '/cards/customer',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'The customer of a chat, on one card',
        querystring: CustomerCardQuery,
        response: { 200: CustomerCard },
      },
    },
    async request => {
      const { externalUserid } = request.query as CustomerCardQuery
      const { brandId, person } = request.caller
      if (person) await mirrorOf(brandId)?.meet({ userid: person.associateId, externalUserid })
      return await customerCard(pool, request.caller, { externalUserid, now: now(), vault })
    },
  )
  app.get(
    '/cards/group',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'The customer group of a chat',
        querystring: GroupCardQuery,
        response: { 200: GroupCard },
      },
    },
    request => {
      const { chatId } = request.query as GroupCardQuery
      return groupCard(pool, request.caller, { chatId, now: now() })
    },
  )
}
