import type { Static } from 'typebox'
import type {
  BrandCoupon,
  CouponBody,
  CouponLinks,
  CouponPage,
  CouponQuery,
} from '../../../server/features/coupons/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

export type ListedCoupon = Static<typeof CouponPage>['items'][number]

const pathOf = (couponCode: string) => `/coupons/${encodeURIComponent(couponCode)}`

/** The calls of the coupons page. */
export const calls = {
  readCoupons: (where: CouponQuery, cursor?: string, signal?: AbortSignal) =>
    api.get<Static<typeof CouponPage>>('/coupons', { ...where, cursor }, signal),
  readLinks: (couponCode: string, cursor?: string, signal?: AbortSignal) =>
    api.get<CouponLinks>(`${pathOf(couponCode)}/links`, { cursor }, signal),
  put: (couponCode: string, body: CouponBody) => api.put<BrandCoupon>(pathOf(couponCode), body),
}
