import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { ShownLink, Storefront } from './schema.ts'
import { readCode, readLink, readStorefront, type MiniProgramOf } from './service.ts'

const LinkParams = Type.Object({ linkCode: Type.String({ minLength: 1, maxLength: 128, format: 'text' }) })
const MemberParams = Type.Object({ memberNo: Type.String({ minLength: 1, maxLength: 256, format: 'text' }) })

export function miniProgramRoutes(
  app: FastifyInstance,
  options: {
    pool: Pool
    access: Access
    publicUrl: string
    miniProgramOf: MiniProgramOf
    now: () => Instant
  },
): void {
  const { pool, access, publicUrl, miniProgramOf, now } = options
  app.get(
    '/share-links/:linkCode',
    {
      onRequest: access.read,
      schema: {
        tags: ['mini-program'],
        summary: 'What a share link leads to, and whose it is; a person his own',
        params: LinkParams,
        response: { 200: ShownLink },
      },
    },
    request => readLink(pool, request.caller, { ...(request.params as { linkCode: string }), publicUrl }),
  )
  app.get(
    '/share-links/:linkCode/mini-program-code',
    {
      onRequest: access.read,
      schema: {
        tags: ['mini-program'],
        summary: 'The mini-program code of a share link, as PNG or JPEG; a person his own',
        params: LinkParams,
      },
    },
    async (request, reply) => {
      const picture = await readCode(pool, request.caller, {
        ...(request.params as { linkCode: string }),
        miniProgram: miniProgramOf(request.caller.brandId),
      })
      // WeChat's codes are good for ever; but whose session it is may change.
      void reply.header('cache-control', 'private, max-age=86400')
      return await reply.type(picture[0] === 0x89 ? 'image/png' : 'image/jpeg').send(picture)
    },
  )
  app.get(
    '/members/:memberNo/storefront',
    {
      onRequest: access.read,
      schema: {
        tags: ['mini-program'],
        summary: 'Which store’s shelf to show this member: the home store, wherever he stands',
        params: MemberParams,
        response: { 200: Storefront },
      },
    },
    request => readStorefront(pool, request.caller, { ...(request.params as { memberNo: string }), now: now() }),
  )
}
