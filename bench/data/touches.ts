import type { ShareLink, Touch, TouchKind, VisitorIds } from '../../server/features/attribution/domain.ts'
import { DAY_MS, MINUTE_MS, type Instant } from '../../server/lib/time.ts'
import type { Brand } from './brand.ts'
import { idsOf, type Person } from './person.ts'
import type { Random } from './random.ts'

const TOUCHED_SHARE = 0.35
/** The oldest touches; what is older than that can be forgotten. */
export const OLDEST_TOUCH_MS = 40 * DAY_MS

export interface KnownTouch extends Touch {
  link: ShareLink
}

/** Order numbers, and what is named by them, have as many digits each, so that they sort as they are counted. */
export const FIRST_NUMBER = 100_000_000

/** Who buys: a member, or a visitor whom nobody knows. */
export interface Buyer {
  person: Person | null
  visitor: string | null
}

/** What a buyer did before an order and after `since`; mostly nothing. */
export function drawTouches(
  brand: Brand,
  random: Random,
  about: Buyer & { orderNumber: number; paidAt: Instant; since: Instant },
): KnownTouch[] {
  const touches: KnownTouch[] = []
  if (!random.chance(TOUCHED_SHARE)) return touches
  const { person, paidAt, orderNumber } = about
  const gapMs = paidAt - Math.max(about.since, brand.calendar.from) - 1000
  const count = 1 + Math.floor(3 * random.next() ** 2.5)
  for (let i = 1; i <= count; i++) {
    const wantedMs = drawAge(random)
    const ageMs = wantedMs < gapMs ? wantedMs : Math.floor(gapMs * random.next())
    if (ageMs <= 0) continue
    const at = paidAt - ageMs
    const link = brand.drawLink(random, drawSharer(brand, random, person, at), at)
    const { memberNo, visitorIds } = seenAs(random, about)
    // One shape for all, as for orders.
    const touch = {
      touchId: `t${FIRST_NUMBER + orderNumber}-${i}`,
      linkCode: link.linkCode,
      at,
      kind: drawKind(random),
      memberNo,
      visitorIds,
      link,
    }
    touches.push(touch as KnownTouch)
  }
  return touches
}

/** Whose link it is: mostly that of the customer's own associate. Of `brand.associates`. */
export function drawSharer(brand: Brand, random: Random, person: Person | null, at: Instant): number {
  const draw = random.next()
  if (person && draw < 0.55) return person.associateIndex
  if (person && draw < 0.8) return brand.drawStaff(random, person.store, at).index
  if (draw < 0.9) return brand.drawOtherSharer(random).index
  return brand.drawStaff(random, brand.drawStore(random), at).index
}

/** How long before payment: some minutes, some days, some too long ago. */
function drawAge(random: Random): number {
  const draw = random.next()
  if (draw < 0.25) return MINUTE_MS + random.below(120 * MINUTE_MS)
  if (draw < 0.92) return Math.floor(15 * DAY_MS * random.next() ** 1.7)
  return 15 * DAY_MS + random.below(OLDEST_TOUCH_MS - 15 * DAY_MS)
}

function drawKind(random: Random): TouchKind {
  const draw = random.next()
  if (draw < 0.7) return 'click'
  if (draw < 0.82) return 'visit'
  if (draw < 0.9) return 'scan'
  if (draw < 0.94) return 'live_enter'
  return draw < 0.97 ? 'coupon_claim' : 'sent'
}

/** Under which id somebody was seen. */
function seenAs(random: Random, { person, visitor }: Buyer): { memberNo: string | undefined; visitorIds: VisitorIds } {
  if (!person) return { memberNo: undefined, visitorIds: idsOf({ visitor: visitor! }) }
  const { identities, memberNo } = person
  if (identities.length === 0 || random.chance(0.2)) return { memberNo, visitorIds: idsOf({}) }
  const { kind, value } = random.pick(identities)
  return { memberNo: undefined, visitorIds: idsOf({ [kind]: value }) }
}
