import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Access } from '../../plugins/access.ts'
import {
  Delivery,
  DeliveryDetail,
  DeliveryKey,
  DeliveryPage,
  DeliveryQuery,
  ReplayAnswer,
  ReplayBody,
  TestAnswer,
  Webhook,
  WebhookBody,
  WebhookChange,
  WebhookKey,
  WebhookList,
  WebhookMade,
} from './schema.ts'
import {
  changeWebhook,
  createWebhook,
  getDelivery,
  listDeliveries,
  listWebhooks,
  removeWebhook,
  replayDelivery,
  replaySpan,
  testWebhook,
  type Gate,
} from './service.ts'

const tags = ['webhooks']

export function webhookRoutes(
  app: FastifyInstance,
  options: { pool: Pool; vault: Vault; gate: Gate; access: Access; now: () => Instant },
): void {
  const { pool, access, now } = options
  app.get(
    '/webhooks',
    {
      onRequest: access.readBrand,
      schema: { tags, summary: 'Whom we tell of events', response: { 200: WebhookList } },
    },
    request => listWebhooks(pool, request.caller.brandId),
  )
  app.post(
    '/webhooks',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Tell an address of events; its secret is shown once',
        body: WebhookBody,
        response: { 201: WebhookMade },
      },
    },
    async (request, reply) => {
      const made = await createWebhook(options, {
        caller: request.caller,
        now: now(),
        body: request.body as WebhookBody,
      })
      return await reply.code(201).header('cache-control', 'no-store').send(made)
    },
  )
  app.put(
    '/webhooks/:webhookId',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Change, pause or resume a subscription',
        params: WebhookKey,
        body: WebhookChange,
        response: { 200: Webhook },
      },
    },
    request => {
      const { webhookId } = request.params as WebhookKey
      const body = request.body as WebhookChange
      return changeWebhook(options, { caller: request.caller, now: now(), webhookId, body })
    },
  )
  app.delete(
    '/webhooks/:webhookId',
    {
      onRequest: access.admin,
      schema: { tags, summary: 'Tell an address no more; what waited is dropped', params: WebhookKey },
    },
    async (request, reply) => {
      const { webhookId } = request.params as WebhookKey
      await removeWebhook(pool, { caller: request.caller, now: now(), webhookId })
      return await reply.code(204).send()
    },
  )
  app.post(
    '/webhooks/:webhookId/test',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Send an event that says nothing',
        params: WebhookKey,
        response: { 202: TestAnswer },
      },
    },
    async (request, reply) => {
      const { webhookId } = request.params as WebhookKey
      return await reply.code(202).send(await testWebhook(pool, { caller: request.caller, now: now(), webhookId }))
    },
  )
  app.post(
    '/webhooks/:webhookId/replay',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Send again what happened in a span',
        params: WebhookKey,
        body: ReplayBody,
        response: { 200: ReplayAnswer },
      },
    },
    request => {
      const { webhookId } = request.params as WebhookKey
      const body = request.body as ReplayBody
      return replaySpan(pool, { caller: request.caller, now: now(), webhookId, body })
    },
  )
  app.get(
    '/webhook-deliveries',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'What was sent, waits or was given up in the last 30 days, newest first',
        querystring: DeliveryQuery,
        response: { 200: DeliveryPage },
      },
    },
    request => listDeliveries(pool, request.caller.brandId, request.query as DeliveryQuery),
  )
  app.get(
    '/webhooks/:webhookId/deliveries/:eventId',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'One delivery and what is sent',
        params: DeliveryKey,
        response: { 200: DeliveryDetail },
      },
    },
    request => getDelivery(pool, request.caller.brandId, request.params as DeliveryKey),
  )
  app.post(
    '/webhooks/:webhookId/deliveries/:eventId/replay',
    {
      onRequest: access.admin,
      schema: { tags, summary: 'Send one delivery again', params: DeliveryKey, response: { 200: Delivery } },
    },
    request => replayDelivery(pool, { caller: request.caller, now: now(), ...(request.params as DeliveryKey) }),
  )
}
