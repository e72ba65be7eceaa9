import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { CouponLinks, CouponLinksQuery, CouponParams, OwnCoupons, OwnCouponsQuery } from './schema.ts'
import { readCouponLinks, readOwnCoupons } from './service.ts'

export function couponRoutes(
  app: FastifyInstance,
  { pool, access, now }: { pool: Pool; access: Access; now: () => Instant },
): void {
  app.get(
    '/me/coupons',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'Coupons that I may hand out, and what came of mine',
        querystring: OwnCouponsQuery,
        response: { 200: OwnCoupons },
      },
    },
    request => readOwnCoupons(pool, request.caller, { query: request.query as OwnCouponsQuery, now: now() }),
  )
  app.get(
    '/coupons/:couponCode/links',
    {
      onRequest: access.read,
      schema: {
        tags: ['coupons'],
        summary: 'What came of a coupon by each link, by linkCode',
        params: CouponParams,
        querystring: CouponLinksQuery,
        response: { 200: CouponLinks },
      },
    },
    request =>
      readCouponLinks(pool, request.caller, {
        ...(request.params as CouponParams),
        query: request.query as CouponLinksQuery,
      }),
  )
}
