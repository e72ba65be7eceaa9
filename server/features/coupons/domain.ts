import type { Instant } from '../../lib/time.ts'

/** What was told of one coupon and one person, over all his numbers. */
export interface CouponTally {
  issued: number
  claimed: number
  redeemed: number
  expired: number
}

/**
 * How many of a coupon somebody has in hand. Being issued a coupon and claiming it are two steps to one, or one of them is
 * told alone: the larger number stands. A sum, so that it is the same for every order of arrival.
 */
export const countInHand = ({ issued, claimed, redeemed, expired }: CouponTally): number =>
  Math.max(0, Math.max(issued, claimed) - redeemed - expired)

/** Whether a coupon can still be used, now or later; one that nobody told of is taken to be. */
export const isOver = (coupon: { validTo: Instant | null }, now: Instant): boolean =>
  coupon.validTo !== null && coupon.validTo <= now
