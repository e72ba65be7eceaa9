import { Type, type Static } from 'typebox'
import type { FastifyInstance } from 'fastify'
import { transact, type Pool } from '../../database.ts'
import { ListQuery } from '../../lib/list-query.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { ASSOCIATE_ROLES, STORE_ROLES } from '../attribution/domain.ts'
import { OrderParams, OverrideBody, overrideRole } from '../orders/service.ts'
import { explainOrder } from './explanation.ts'
import { BonusQuery, cancelJob, getJob, getPlan, listBonuses, listOrders, listPlans, OrderQuery } from './reads.ts'
import { PublishBody } from './schema.ts'
import { preparePartitions, publishPlan, reconcile, reconcileHealth } from './service.ts'

const PlanParams = Type.Object({
  code: Type.String({ format: 'text' }),
  version: Type.Integer({ minimum: 0, maximum: 2_147_483_647 }),
})
const PlansQuery = Type.Object({ ...ListQuery }, { additionalProperties: false })
const JobParams = Type.Object({ jobId: Type.String({ format: 'uuid' }) })

export function commissionRoutes(
  app: FastifyInstance,
  options: { pool: Pool; access: Access; now: () => Instant },
): void {
  const { pool, access, now } = options

  app.post(
    '/plans',
    {
      onRequest: access.admin,
      // Checked by publishPlan, which names every fault by its path.
      validatorCompiler: () => () => true,
      schema: { tags: ['plans'], summary: 'Publish a plan version', body: PublishBody },
    },
    async (request, reply) => {
      const { caller } = request
      const published = await publishPlan(pool, {
        brandId: caller.brandId,
        zone: caller.zone,
        body: request.body,
        now: now(),
        actor: caller.actor,
      })
      const { isNew, jobId, ...rest } = published
      return await reply
        .code(isNew ? 201 : 200)
        .send({ ...rest, status: isNew ? 'created' : 'unchanged', ...(jobId ? { jobId } : {}) })
    },
  )
  app.get(
    '/plans',
    {
      onRequest: access.readBrand,
      schema: { tags: ['plans'], summary: 'Published plan versions', querystring: PlansQuery },
    },
    request => listPlans(pool, request.caller.brandId, request.query as Static<typeof PlansQuery>),
  )
  app.get(
    '/plans/:code/versions/:version',
    { onRequest: access.readBrand, schema: { tags: ['plans'], summary: 'One plan version', params: PlanParams } },
    request => getPlan(pool, request.caller.brandId, request.params as Static<typeof PlanParams>),
  )
  app.get(
    '/jobs/:jobId',
    { onRequest: access.readBrand, schema: { tags: ['jobs'], summary: 'How far a job is', params: JobParams } },
    request => getJob(pool, request.caller.brandId, (request.params as Static<typeof JobParams>).jobId),
  )
  app.delete(
    '/jobs/:jobId',
    { onRequest: access.admin, schema: { tags: ['jobs'], summary: 'Cancel a job', params: JobParams } },
    request => cancelJob(pool, request.caller.brandId, (request.params as Static<typeof JobParams>).jobId, now()),
  )
  app.get(
    '/orders',
    {
      onRequest: access.read,
      schema: { tags: ['orders'], summary: 'Orders by paidAt, newest first', querystring: OrderQuery },
    },
    request => listOrders(pool, request.caller.scope, request.query as Static<typeof OrderQuery>),
  )
  app.get(
    '/orders/:source/:orderNo/commission',
    {
      onRequest: access.read,
      schema: { tags: ['orders'], summary: 'Why an order pays what it pays', params: OrderParams },
    },
    request => explainOrder(pool, request.caller.scope, request.params as Static<typeof OrderParams>),
  )
  app.get(
    '/bonuses',
    {
      onRequest: access.read,
      schema: { tags: ['money'], summary: 'The monthly tiers of a month, by associate', querystring: BonusQuery },
    },
    request => listBonuses(pool, request.caller.scope, request.query as Static<typeof BonusQuery>),
  )
  app.post(
    '/overrides',
    {
      onRequest: access.admin,
      schema: { tags: ['orders'], summary: 'Decide by hand who holds a role on an order', body: OverrideBody },
    },
    async (request, reply) => {
      const { caller } = request
      const body = request.body as OverrideBody
      const at = now()
      await preparePartitions(pool, 'ledger_rows', [at])
      const row = await transact(pool, async tx => {
        const override = await overrideRole(tx, {
          brandId: caller.brandId,
          now: at,
          actor: caller.actor,
          body,
          associateRoles: ASSOCIATE_ROLES,
          storeRoles: [...STORE_ROLES, 'headquarters'],
        })
        await reconcile(tx, {
          brandId: caller.brandId,
          orders: [{ source: body.source, orderNo: body.orderNo }],
          reason: 'override',
          now: at,
        })
        return override
      })
      return await reply.code(201).send({
        overrideId: row.overrideId,
        source: body.source,
        orderNo: body.orderNo,
        role: row.role,
        associateId: row.associateId,
        withdrawn: row.withdrawn,
        reason: row.reason,
        madeBy: row.madeBy,
        at: formatInstant(row.at),
      })
    },
  )
  app.get(
    '/health/reconcile',
    { onRequest: access.anyone, schema: { tags: ['health'], summary: 'What is not booked yet; 0 when all is' } },
    request => reconcileHealth(pool, request.caller.brandId, now()),
  )
}
