import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import {
  BrandCoupon,
  CouponBody,
  CouponLinks,
  CouponLinksQuery,
  CouponPage,
  CouponParams,
  CouponQuery,
  OwnCoupons,
  OwnCouponsQuery,
} from './schema.ts'
import { listCoupons, putCoupon, readCouponLinks, readOwnCoupons } from './service.ts'

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
    '/coupons',
    {
      onRequest: access.readBrand,
      schema: {
        tags: ['coupons'],
        summary: 'Coupons with what came of them, the ones that end last first',
        querystring: CouponQuery,
        response: { 200: CouponPage },
      },
    },
    ({ caller, query }) => listCoupons(pool, { brandId: caller.brandId, now: now(), query: query as CouponQuery }),
  )
  app.put(
    '/coupons/:couponCode',
    {
      onRequest: access.admin,
      schema: {
        tags: ['coupons'],
        summary: 'Make or change a coupon, and say which stores hand it out; what is absent is cleared',
        params: CouponParams,
        body: CouponBody,
        response: { 200: BrandCoupon },
      },
    },
    ({ caller, params, body }) =>
      putCoupon(pool, { caller, now: now(), ...(params as CouponParams), body: body as CouponBody }),
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
