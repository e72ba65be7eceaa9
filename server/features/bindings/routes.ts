import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { BindingBody, PolicyInForce, ShownPolicy } from './schema.ts'
import { policyInForce, tellPolicy } from './service.ts'

export function bindingRoutes(app: FastifyInstance, options: { pool: Pool; access: Access; now: () => Instant }): void {
  const { pool, access, now } = options
  app.get(
    '/settings/binding',
    {
      onRequest: access.readBrand,
      schema: {
        tags: ['settings'],
        summary: 'By which events a customer becomes an associate’s own',
        response: { 200: PolicyInForce },
      },
    },
    request => policyInForce(pool, request.caller.brandId, now()),
  )
  app.put(
    '/settings/binding',
    {
      onRequest: access.admin,
      // Checked by tellPolicy, which names every fault by its path.
      validatorCompiler: () => () => true,
      schema: {
        tags: ['settings'],
        summary: 'Say by which events a customer becomes an associate’s own',
        body: BindingBody,
        response: { 200: ShownPolicy },
      },
    },
    request =>
      tellPolicy(pool, {
        brandId: request.caller.brandId,
        actor: request.caller.actor,
        body: request.body,
        now: now(),
      }),
  )
}
