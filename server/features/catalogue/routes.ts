import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { sharePicture } from '../materials/service.ts'
import { changeShelf, readLibrary, readShelf } from './library.ts'
import {
  Catalogue,
  CatalogueQuery,
  Library,
  LibraryQuery,
  Share,
  ShareRequest,
  ShareSent,
  Shelf,
  ShelfBody,
  ShelfQuery,
} from './schema.ts'
import { readCatalogue, shareSent, shareTarget, standingShare } from './service.ts'

const LinkParams = Type.Object({ linkCode: Type.String({ minLength: 1, maxLength: 128, format: 'text' }) })
const Nothing = Type.Object({}, { additionalProperties: false })

export function catalogueRoutes(
  app: FastifyInstance,
  options: {
    pool: Pool
    access: Access
    publicUrl: string
    /** The mini-program that the brand's links lead to. */
    miniProgramAppIdOf: (brandId: number) => string | null
    now: () => Instant
  },
): void {
  const { pool, access, publicUrl, miniProgramAppIdOf, now } = options
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
        miniProgramAppId: miniProgramAppIdOf(request.caller.brandId),
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
      const { share, isNew } = await standingShare(pool, request.caller, {
        now: now(),
        publicUrl,
        miniProgramAppId: miniProgramAppIdOf(request.caller.brandId),
      })
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
  app.get(
    '/me/materials',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'What headquarters laid out and I may share now, with what a sale would earn',
        querystring: LibraryQuery,
        response: { 200: Library },
      },
    },
    request => readLibrary(pool, request.caller, { query: request.query as LibraryQuery, now: now() }),
  )
  app.get(
    '/me/shelf',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'Products that I put together',
        querystring: ShelfQuery,
        response: { 200: Shelf },
      },
    },
    request => readShelf(pool, request.caller, { query: request.query as ShelfQuery, now: now() }),
  )
  app.put(
    '/me/shelf',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['sidebar'],
        summary: 'Put my shelf together anew',
        body: ShelfBody,
        response: { 200: Shelf },
      },
    },
    request => changeShelf(pool, request.caller, { body: request.body as ShelfBody, now: now() }),
  )
  // Public: WeCom and the customer's phone fetch it. There is nothing of anybody in it.
  app.get('/share/picture.png', { schema: { hide: true } }, (_request, reply) =>
    reply.type('image/png').header('cache-control', 'public, max-age=604800').send(sharePicture),
  )
}
