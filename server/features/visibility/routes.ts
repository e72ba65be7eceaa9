import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Access } from '../../plugins/access.ts'
import { Phone, PhoneBody, VisibilityBody } from './schema.ts'
import { readPhone, readVisibility, tellVisibility } from './service.ts'

export function visibilityRoutes(
  app: FastifyInstance,
  options: { pool: Pool; vault: Vault; access: Access; now: () => Instant },
): void {
  const { pool, vault, access, now } = options
  app.get(
    '/settings/visibility',
    {
      onRequest: access.readBrand,
      schema: { tags: ['settings'], summary: 'Who may see whole phones and ranks', response: { 200: VisibilityBody } },
    },
    ({ caller }) => readVisibility(pool, caller.brandId),
  )
  app.put(
    '/settings/visibility',
    {
      onRequest: access.admin,
      schema: {
        tags: ['settings'],
        summary: 'Say who may see whole phones and ranks',
        body: VisibilityBody,
        response: { 200: VisibilityBody },
      },
    },
    ({ caller, body }) => tellVisibility(pool, { caller, now: now(), visibility: body as VisibilityBody }),
  )
  app.post(
    '/customers/phone',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['sidebar'],
        summary: 'The whole phone number of a customer; who looked is recorded',
        body: PhoneBody,
        response: { 200: Phone },
      },
    },
    async ({ caller, body }, reply) => {
      const phone = await readPhone(pool, { caller, now: now(), vault, ...(body as PhoneBody) })
      return await reply.header('cache-control', 'no-store').send({ phone })
    },
  )
}
