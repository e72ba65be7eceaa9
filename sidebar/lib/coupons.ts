/** What a coupon is worth and until when, in words. */
import type { HeldCoupon } from '../../server/features/coupons/schema.ts'
import { countDays, formatDay, formatFen } from './format.ts'
import { defineMessages } from './locale.ts'

type Terms = Omit<HeldCoupon, 'count'>

const messages = defineMessages(
  {
    amount: (amount: string) => `减 ${amount}`,
    discount: (bps: number) => `${bps / 1000} 折`,
    gift: '礼品券',
    unknown: '券的内容还没有传过来',
    from: (minimum: string, what: string) => `满 ${minimum} ${what}`,
    always: '长期有效',
    starts: (day: string) => `${day} 起可用`,
    ends: (day: string) => `${day} 到期`,
    endsToday: '今天到期',
    endsSoon: (days: number) => `${days} 天后到期`,
  },
  {
    amount: (amount: string) => `${amount} off`,
    discount: (bps: number) => `${(10_000 - bps) / 100}% off`,
    gift: 'a gift',
    unknown: 'nothing told of this coupon yet',
    from: (minimum: string, what: string) => `${what} from ${minimum}`,
    always: 'no end',
    starts: (day: string) => `from ${day}`,
    ends: (day: string) => `until ${day}`,
    endsToday: 'ends today',
    endsSoon: (days: number) => `ends in ${days} d`,
  },
)

/** An end so near is told in days. */
const SOON_DAYS = 7

export function describeValue({ kind, amountFen, discountBps, minimumFen }: Terms): string {
  const m = messages.value
  if (kind === null) return m.unknown
  const what =
    kind === 'amount' && amountFen !== null
      ? m.amount(formatFen(amountFen))
      : kind === 'discount' && discountBps !== null
        ? m.discount(discountBps)
        : kind === 'gift'
          ? m.gift
          : ''
  return minimumFen ? m.from(formatFen(minimumFen), what) : what
}

/** @param now the service's clock */
export function describeValidity({ kind, validFrom, validTo }: Terms, timeZone: string, now: string): string | null {
  const m = messages.value
  if (validFrom !== null && Date.parse(validFrom) > Date.parse(now))
    return m.starts(formatDay(validFrom, timeZone, now))
  if (validTo === null) return kind === null ? null : m.always
  // The first instant at which it is not taken: at midnight, its last day is the day before.
  const last = new Date(Date.parse(validTo) - 1).toISOString()
  const days = countDays(now, last, timeZone)
  return days <= 0 ? m.endsToday : days <= SOON_DAYS ? m.endsSoon(days) : m.ends(formatDay(last, timeZone, now))
}
