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

/** By when it can be used; used_up: none are left. */
export const COUPON_STATES = ['usable', 'to_come', 'over', 'used_up'] as const
export type CouponState = (typeof COUPON_STATES)[number]

export interface CouponTerms {
  kind: 'amount' | 'discount' | 'gift'
  name: string
  amountFen: number | null
  discountBps: number | null
  validFrom: Instant | null
  validTo: Instant | null
  storeCodes: readonly string[] | null
}

/** What is wrong with a coupon as a whole, by path. */
export function faultsOfCoupon(coupon: CouponTerms): { path: string; code: string; message: string }[] {
  const { kind, name, amountFen, discountBps, validFrom, validTo, storeCodes } = coupon
  const faults: { path: string; code: string; message: string }[] = []
  const say = (path: string, message: string, code = 'invalid_value') => faults.push({ path, code, message })
  if (name.trim() === '') say('name', 'Give it a name.', 'missing_field')
  if (kind === 'amount' && !amountFen) say('amountFen', 'Say what it takes off.', 'missing_field')
  if (kind === 'discount' && !discountBps) say('discountBps', 'Say what is paid.', 'missing_field')
  if (validFrom !== null && validTo !== null && validTo <= validFrom) say('validTo', 'It must be after validFrom.')
  if (storeCodes?.length === 0) say('storeCodes', 'Name stores, or null for all.')
  return faults
}

/** Whether the people of a store may hand it out. */
export const isHandedOutAt = (coupon: { storeCodes: readonly string[] | null }, storeCode: string | null): boolean =>
  coupon.storeCodes === null || (storeCode !== null && coupon.storeCodes.includes(storeCode))

/** Whether a coupon can still be used, now or later; one that nobody told of is taken to be. */
export const isOver = (coupon: { validTo: Instant | null }, now: Instant): boolean =>
  coupon.validTo !== null && coupon.validTo <= now
