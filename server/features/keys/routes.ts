import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { KeyBody, KeyId, KeyList, KeyMade, RevokeQuery } from './schema.ts'
import { createKey, listKeys, revokeKey } from './service.ts'

const tags = ['keys']

export function keyRoutes(app: FastifyInstance, options: { pool: Pool; access: Access; now: () => Instant }): void {
  const { pool, access, now } = options
  app.get(
    '/keys',
    { onRequest: access.admin, schema: { tags, summary: 'API keys, oldest first', response: { 200: KeyList } } },
    async request => ({ items: await listKeys(pool, request.caller) }),
  )
  app.post(
    '/keys',
    {
      onRequest: access.admin,
      schema: { tags, summary: 'Make an API key; it is shown once', body: KeyBody, response: { 201: KeyMade } },
    },
    async (request, reply) => {
      const made = await createKey(pool, { caller: request.caller, now: now(), body: request.body as KeyBody })
      return await reply.code(201).header('cache-control', 'no-store').send(made)
    },
  )
  app.delete(
    '/keys/:keyId',
    {
      onRequest: access.admin,
      schema: { tags, summary: 'Revoke an API key', params: KeyId, querystring: RevokeQuery },
    },
    async (request, reply) => {
      const { keyId } = request.params as KeyId
      const { inUse = false } = request.query as RevokeQuery
      await revokeKey(pool, { caller: request.caller, now: now(), keyId, inUse })
      return await reply.code(204).send()
    },
  )
}
