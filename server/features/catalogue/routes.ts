import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { sharePicture } from './picture.ts'
import { Catalogue, CatalogueQuery, Share, ShareRequest, ShareSent } from './schema.ts'
import { readCatalogue, shareSent, shareTarget, standingShare } from './service.ts'

const LinkParams = Type.Object({ linkCode: Type.String({ minLength: 1, maxLength: 128, format: 'text' }) })
const Nothing = Type.Object({}, { additionalProperties: false })

export function catalogueRoutes(
  app: FastifyInstance,
  options: {
    pool: Pool
    access: Access
    publicUrl: string
    miniProgramAppId: string | null
    now: () => Instant
  },
): void {
  const { pool, access, publicUrl, miniProgramAppId, now } = options
  app.get(
    '/catalogue',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'Products to share, and what a sale of each would earn',
        querystring: CatalogueQuery,
        response: { 200: Catalogue },
      },
    },
    request => readCatalogue(pool, request.caller, { query: request.query as CatalogueQuery, now: now() }),
  )
  app.post(
    '/share',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['sidebar'],
        summary: 'Make a link for one send',
        body: ShareRequest,
        response: { 200: Share, 201: Share },
      },
    },
    async (request, reply) => {
      const { share, isNew } = await shareTarget(pool, request.caller, {
        request: request.body as ShareRequest,
        now: now(),
        publicUrl,
        miniProgramAppId,
      })
      return await reply.code(isNew ? 201 : 200).send(share)
    },
  )
  app.post(
    '/share/standing',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['sidebar'],
        summary: 'The link that I have for good',
        body: Nothing,
        response: { 200: Share, 201: Share },
      },
    },
    async (request, reply) => {
      const { share, isNew } = await standingShare(pool, request.caller, { now: now(), publicUrl, miniProgramAppId })
      return await reply.code(isNew ? 201 : 200).send(share)
    },
  )
  app.post(
    '/share/:linkCode/sent',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['sidebar'],
        summary: 'Say that a link went into the chat',
        params: LinkParams,
        body: Nothing,
        response: { 200: ShareSent },
      },
    },
    request => {
      const { linkCode } = request.params as { linkCode: string }
      return shareSent(pool, request.caller, { linkCode, now: now() })
    },
  )
  // Public: WeCom and the customer's phone fetch it. There is nothing of anybody in it.
  app.get('/share/picture.png', { schema: { hide: true } }, (_request, reply) =>
    reply.type('image/png').header('cache-control', 'public, max-age=604800').send(sharePicture),
  )
}
