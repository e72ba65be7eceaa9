import type { CouponBody } from '../../../server/features/coupons/schema.ts'
import { parseYuan, yuanText } from '../../lib/money.ts'
import { endOf, firstDayOf, lastDayOf, startOf } from '../materials/material.ts'
import type { ListedCoupon } from './calls.ts'
import { page } from './messages.ts'

export const states = ['usable', 'to_come', 'over', 'used_up'] as const
export const kinds = ['amount', 'discount', 'gift'] as const

export function stateOf(coupon: ListedCoupon, now: number): (typeof states)[number] {
  if (coupon.validTo !== null && Date.parse(coupon.validTo) <= now) return 'over'
  if (coupon.stock !== null && coupon.stock <= 0) return 'used_up'
  return coupon.validFrom !== null && Date.parse(coupon.validFrom) > now ? 'to_come' : 'usable'
}

/** What is typed into the form; amounts in yuan, discounts as they are said: 8.5 折. */
export interface Draft {
  couponCode: string
  name: string
  kind: (typeof kinds)[number]
  amount: string
  discount: string
  minimum: string
  firstDay: string
  lastDay: string
  stock: string
  storeCodes: string[] | null
}

const yuanOf = (fen: number | null | undefined) => (fen == null ? '' : yuanText(fen).replace(/\.00$/, ''))

export const draftOf = (coupon: ListedCoupon | null, zone: string): Draft => ({
  couponCode: coupon?.couponCode ?? '',
  name: coupon?.name ?? '',
  kind: coupon?.kind ?? 'amount',
  amount: yuanOf(coupon?.amountFen),
  discount: coupon?.discountBps == null ? '' : String(coupon.discountBps / 1000),
  minimum: yuanOf(coupon?.minimumFen),
  firstDay: firstDayOf(coupon?.validFrom ?? null, zone),
  lastDay: lastDayOf(coupon?.validTo ?? null, zone),
  stock: coupon?.stock == null ? '' : String(coupon.stock),
  storeCodes: coupon?.storeCodes ?? null,
})

const isDiscount = (text: string) => /^\d(\.\d{1,2})?$/.test(text.trim()) && Number(text) >= 0.1 && Number(text) <= 9.9

/** What a draft lacks; null: nothing. */
export function lackOf(draft: Draft): string | null {
  const m = page.value
  const { couponCode, name, kind, amount, discount, minimum, firstDay, lastDay, stock } = draft
  if (couponCode.trim() === '') return m.missingCode
  if (name.trim() === '') return m.missingName
  if (kind === 'amount' && (parseYuan(amount) ?? 0) <= 0) return m.badAmount
  if (kind === 'discount' && !isDiscount(discount)) return m.badDiscount
  if (minimum.trim() !== '' && (parseYuan(minimum) ?? -1) < 0) return m.badMinimum
  if (stock.trim() !== '' && !/^\d{1,9}$/.test(stock.trim())) return m.badStock
  if (firstDay !== '' && lastDay !== '' && lastDay < firstDay) return m.badSpan
  return null
}

export const bodyOf = (draft: Draft, zone: string): CouponBody => ({
  name: draft.name.trim(),
  kind: draft.kind,
  amountFen: draft.kind === 'amount' ? parseYuan(draft.amount) : null,
  discountBps: draft.kind === 'discount' ? Math.round(Number(draft.discount) * 1000) : null,
  minimumFen: draft.minimum.trim() === '' ? null : parseYuan(draft.minimum),
  validFrom: startOf(draft.firstDay, zone),
  validTo: endOf(draft.lastDay, zone),
  stock: draft.stock.trim() === '' ? null : Number(draft.stock),
  storeCodes: draft.storeCodes,
})
