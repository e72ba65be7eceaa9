import { Type, type Static } from 'typebox'
import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import { ListQuery } from '../../lib/list-query.ts'
import { OneOf } from '../../lib/schema.ts'
import { formatOf, sendTable } from '../../lib/sheets.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { HoldBody, OrderParams, OverrideBody } from '../orders/service.ts'
import { exportBacktest, listBacktests } from './backtests/reads.ts'
import { startBacktest } from './backtests/service.ts'
import { holdOrder, overrideOrder } from './by-hand/service.ts'
import { explainOrder } from './explanation.ts'
import { BonusQuery, getJob, getPlan, listBonuses, listOrders, listPlans, OrderQuery } from './reads.ts'
import { explainRewards, listRewards, RewardExplainQuery, RewardQuery } from './rewards/reads.ts'
import {
  BACKTEST_TABLES,
  BacktestBody,
  BacktestPage,
  BacktestQuery,
  PublishBody,
  type BacktestTable,
} from './schema.ts'
import { cancelJob, publishPlan, reconcileHealth } from './service.ts'

const PlanParams = Type.Object({
  code: Type.String({ format: 'text' }),
  version: Type.Integer({ minimum: 0, maximum: 2_147_483_647 }),
})
const PlansQuery = Type.Object({ ...ListQuery }, { additionalProperties: false })
const ExportParams = Type.Object({
  jobId: Type.String({ format: 'uuid' }),
  table: OneOf(BACKTEST_TABLES, 'Which part of the result.'),
})
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
  app.post(
    '/plans/backtest',
    {
      onRequest: access.admin,
      // Checked by startBacktest, which names every fault by its path.
      validatorCompiler: () => () => true,
      schema: {
        tags: ['plans'],
        summary: 'What a plan would have paid for the orders of a span; books nothing',
        body: BacktestBody,
        response: { 202: Type.Object({ jobId: Type.String() }) },
      },
    },
    async (request, reply) => {
      const { brandId, actor } = request.caller
      const jobId = await startBacktest(pool, { brandId, actor, body: request.body, now: now() })
      return await reply.code(202).send({ jobId })
    },
  )
  app.get(
    '/plans/backtests',
    {
      onRequest: access.readBrand,
      schema: {
        tags: ['plans'],
        summary: 'Back-tests with what they cost now and then, newest first',
        querystring: BacktestQuery,
        response: { 200: BacktestPage },
      },
    },
    request => listBacktests(pool, request.caller.brandId, request.query as BacktestQuery),
  )
  app.get(
    '/plans/backtests/:jobId/:table',
    {
      onRequest: access.readBrand,
      schema: {
        tags: ['plans'],
        summary: 'A part of a back-test’s result as a file',
        description:
          'Accept: text/csv, or the type of XLSX; amounts in yuan. The same as JSON is the result of its job.',
        params: ExportParams,
      },
    },
    async (request, reply) => {
      const { jobId, table } = request.params as { jobId: string; table: BacktestTable }
      const { brandId, actor } = request.caller
      const format = formatOf(request.headers.accept)
      const sheet = await exportBacktest(pool, { brandId, actor, jobId, table, now: now() })
      return sendTable(reply, format === 'xlsx' ? 'xlsx' : 'csv', sheet)
    },
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
    async request => {
      const { brandId, actor } = request.caller
      const { jobId } = request.params as Static<typeof JobParams>
      await cancelJob(pool, { brandId, jobId, actor, now: now() })
      return await getJob(pool, brandId, jobId)
    },
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
  app.get(
    '/rewards',
    {
      onRequest: access.read,
      schema: { tags: ['money'], summary: 'What is owed for events, newest first', querystring: RewardQuery },
    },
    request => listRewards(pool, request.caller.scope, request.query as Static<typeof RewardQuery>),
  )
  app.get(
    '/rewards/explain',
    {
      onRequest: access.read,
      schema: {
        tags: ['money'],
        summary: 'Why the events of a member, a contact in WeCom or a task pay or do not',
        querystring: RewardExplainQuery,
      },
    },
    request => explainRewards(pool, request.caller.scope, request.query as Static<typeof RewardExplainQuery>),
  )
  app.post(
    '/overrides',
    {
      onRequest: access.admin,
      schema: { tags: ['orders'], summary: 'Decide by hand who holds a role on an order', body: OverrideBody },
    },
    async (request, reply) => {
      const { brandId, actor } = request.caller
      const body = request.body as OverrideBody
      return await reply.code(201).send(await overrideOrder(pool, { brandId, actor, now: now(), body }))
    },
  )
  app.post(
    '/holds',
    {
      onRequest: access.admin,
      schema: {
        tags: ['orders'],
        summary: 'Put an order on hold, or release it: while on hold nothing of it becomes available',
        body: HoldBody,
      },
    },
    async (request, reply) => {
      const { brandId, actor } = request.caller
      const { isNew, hold } = await holdOrder(pool, { brandId, actor, now: now(), body: request.body as HoldBody })
      return await reply.code(isNew ? 201 : 200).send({ ...hold, status: isNew ? 'created' : 'unchanged' })
    },
  )
  app.get(
    '/health/reconcile',
    { onRequest: access.anyone, schema: { tags: ['health'], summary: 'What is not booked yet; 0 when all is' } },
    request => reconcileHealth(pool, request.caller.brandId, now()),
  )
}
