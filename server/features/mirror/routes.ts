import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import type { Access } from '../../plugins/access.ts'
import type { Limits } from '../limits/service.ts'
import { wecomHealth } from './health.ts'
import { linkCustomer, unlinkCustomer } from './links.ts'
import { Linked, LinkRequest, UnlinkRequest, WecomHealth } from './schema.ts'
import type { Taking } from './service.ts'

export function mirrorRoutes(
  app: FastifyInstance,
  options: Omit<Taking, 'brandId'> & {
    pool: Pool
    access: Access
    limits: Limits
    /** Whether WeCom and its callbacks are set up. */
    setupOf: (brandId: number) => { configured: boolean; callbacks: boolean }
  },
): void {
  const { pool, access, limits, setupOf, ...taking } = options
  app.get(
    '/wecom/health',
    {
      onRequest: access.readBrand,
      schema: {
        tags: ['wecom'],
        summary: 'How the mirror of WeCom stands, and what to do where it cannot see',
        response: { 200: WecomHealth },
      },
    },
    request => {
      const { brandId } = request.caller
      return wecomHealth(pool, { brandId, now: taking.now(), ...setupOf(brandId) })
    },
  )
  app.post(
    '/customers/link',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['sidebar'],
        summary: 'Say by hand which member a friend is: by memberNo, cardNo or phone',
        body: LinkRequest,
        response: { 200: Linked },
      },
    },
    request => {
      const body = request.body as LinkRequest
      if ([body.memberNo, body.cardNo, body.phone].filter(value => value !== undefined).length !== 1) {
        throw new AppError('invalid_body', 'Say one of memberNo, cardNo and phone.')
      }
      return linkCustomer(pool, request.caller, { ...taking, limits, brandId: request.caller.brandId }, body)
    },
  )
  app.post(
    '/customers/unlink',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['sidebar'],
        summary: 'Take the last link by hand back',
        body: UnlinkRequest,
        response: { 200: Linked },
      },
    },
    request => {
      const { externalUserid } = request.body as UnlinkRequest
      return unlinkCustomer(pool, request.caller, { ...taking, brandId: request.caller.brandId }, { externalUserid })
    },
  )
}
