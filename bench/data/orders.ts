import type { Order, OrderEvidence, OrderLine, Refund, ShareLink } from '../../server/features/attribution/domain.ts'
import { DAY_MS, MINUTE_MS, type Instant } from '../../server/lib/time.ts'
import type { Brand, GeneratedStore } from './brand.ts'
import { idsOf, type Person } from './person.ts'
import type { Random } from './random.ts'
import { drawSharer, FIRST_NUMBER, type Buyer, type KnownTouch } from './touches.ts'

const CANCELLED_SHARE = 0.01
const REVISED_SHARE = 0.04
const REFUNDED_SHARE = 0.08

/** An order as it is first told, and the link that it names. */
export function drawOrder(
  brand: Brand,
  random: Random,
  about: Buyer & { orderNumber: number; paidAt: Instant; touches: readonly KnownTouch[] },
): { order: Order; link: ShareLink | null } {
  const { person, paidAt } = about
  const hour = brand.calendar.hourOfDay(paidAt)
  const isInStore = hour >= 10 && hour < 22 && random.chance(0.73)
  const store = drawSellingStore(brand, random, person, isInStore)
  const closer = store && random.chance(isInStore ? 0.97 : 0.03) ? brand.drawStaff(random, store, paidAt) : null
  const second = isInStore && store && random.chance(0.04) ? brand.drawStaff(random, store, paidAt) : null
  const link = isInStore ? null : drawShareCode(brand, random, about)
  const { memberNo, phoneHash, visitorIds } = buyerAs(random, about, { isInStore, paidAt })
  // One shape for all orders, what is absent being undefined: `decide` is several times as fast as with many shapes.
  const order = {
    source: 'oms', // one system hands on the orders of tills and mini-program
    orderNo: String(FIRST_NUMBER + about.orderNumber),
    revision: 1,
    channel: isInStore ? ('in_store' as const) : ('online' as const),
    memberNo,
    visitorIds,
    phoneHash,
    sellingStore: store?.storeCode,
    closer: closer?.associateId,
    shareCode: link?.linkCode,
    paidAt,
    completedAt: undefined,
    cancelled: false,
    lines: drawLines(brand, random, second?.associateId),
  }
  return { order: order as object as Order, link }
}

function drawSellingStore(
  brand: Brand,
  random: Random,
  person: Person | null,
  isInStore: boolean,
): GeneratedStore | null {
  if (!isInStore && !random.chance(0.3)) return null
  return person && random.chance(0.85) ? person.store : brand.drawStore(random)
}

function drawShareCode(
  brand: Brand,
  random: Random,
  { touches, paidAt }: { touches: readonly KnownTouch[]; paidAt: Instant },
): ShareLink | null {
  const last = touches.at(-1)
  if (last) return random.chance(0.2) ? last.link : null
  return random.chance(0.02) ? brand.drawLink(random, drawSharer(brand, random, null, paidAt), paidAt) : null
}

/** What an order says of who bought. */
function buyerAs(random: Random, { person, visitor }: Buyer, order: { isInStore: boolean; paidAt: Instant }) {
  const { unionid, openid, phoneHash, memberNo } = identityIn(random, person, order)
  const isUnknownVisitor = person === null && !order.isInStore
  const visitorIds = idsOf({ unionid, openid, visitor: isUnknownVisitor ? visitor! : undefined })
  return { memberNo, phoneHash, visitorIds }
}

interface BuyerIdentity {
  memberNo?: string
  phoneHash?: string
  unionid?: string | undefined
  openid?: string | undefined
}

const UNKNOWN: BuyerIdentity = {}

/** By what the buyer is known to the system that takes his order: mostly by his number. */
function identityIn(
  random: Random,
  person: Person | null,
  { isInStore, paidAt }: { isInStore: boolean; paidAt: Instant },
): BuyerIdentity {
  if (!person) return UNKNOWN
  const { phoneHash, oldNumber } = person
  const { unionid, openid } = person.ids
  const draw = random.next()
  if (isInStore && phoneHash !== null && draw > 0.8) return { phoneHash }
  if (!isInStore && unionid !== undefined && draw > 0.75) return { unionid, openid }
  const memberNo = oldNumber !== null && paidAt < oldNumber.mergedAt ? oldNumber.memberNo : person.memberNo
  return isInStore ? { memberNo } : { memberNo, openid }
}

function drawLines(brand: Brand, random: Random, secondCloser: string | undefined): OrderLine[] {
  const draw = random.next()
  const count = draw < 0.46 ? 1 : draw < 0.74 ? 2 : draw < 0.88 ? 3 : draw < 0.96 ? 4 : 5
  const lines: OrderLine[] = []
  for (let lineNo = 1; lineNo <= count; lineNo++) {
    const { sku, category, priceFen, listFen } = brand.drawProduct(random)
    const quantity = random.chance(0.9) ? 1 : 2 + random.below(2)
    const discount = random.chance(0.35) ? 0.5 + 0.45 * random.next() : 1
    const line = {
      lineNo,
      sku,
      category,
      quantity,
      paidFen: Math.round(priceFen * quantity * discount),
      listFen: listFen * quantity,
      closer: lineNo > 1 && lineNo === count ? secondCloser : undefined,
    }
    lines.push(line as OrderLine)
  }
  return lines
}

/** Something that is told about an order after it. */
export type Later = { at: Instant } & ({ order: Order; refund?: undefined } | { refund: Refund; order?: undefined })

export const afterLater = (evidence: OrderEvidence, { order, refund }: Later): OrderEvidence =>
  refund ? { ...evidence, refunds: [refund] } : { ...evidence, order }

const NOTHING: readonly Later[] = []

/** What is told about an order after it, as far as the history goes. */
export function drawLater(random: Random, order: Order, until: Instant): readonly Later[] {
  const draw = random.next()
  if (draw >= CANCELLED_SHARE + REVISED_SHARE + REFUNDED_SHARE) return NOTHING
  const later =
    draw < CANCELLED_SHARE + REVISED_SHARE ? [drawRevision(random, order, draw)] : drawRefunds(random, order)
  return later.filter(({ at }) => at < until)
}

/** A cancellation, what was sent having arrived, or a price that was corrected. */
function drawRevision(random: Random, order: Order, draw: number): Later {
  const revised = (at: Instant, change: Partial<Order>): Later => ({ at, order: { ...order, ...change, revision: 2 } })
  if (draw < CANCELLED_SHARE) return revised(order.paidAt + MINUTE_MS + random.below(2 * DAY_MS), { cancelled: true })
  const at = order.paidAt + DAY_MS + random.below(5 * DAY_MS)
  if (order.channel === 'online') return revised(at, { completedAt: at })
  return revised(at, { lines: order.lines.map(line => ({ ...line, paidFen: Math.round(line.paidFen * 0.95) })) })
}

/** One refund of the whole or of a part; few are corrected afterwards. */
function drawRefunds(random: Random, order: Order): Later[] {
  const at = order.paidAt + DAY_MS / 2 + random.below(20 * DAY_MS)
  const isWhole = random.chance(0.4)
  const picked = isWhole ? order.lines : [random.pick(order.lines)]
  const part = isWhole || random.chance(0.6) ? 1 : 0.2 + 0.6 * random.next()
  const refund: Refund = {
    refundNo: `R${order.orderNo}`,
    revision: 1,
    refundedAt: at,
    lines: picked.map(({ lineNo, quantity, paidFen }) => ({
      lineNo,
      quantity: part === 1 ? quantity : 0,
      refundFen: Math.round(paidFen * part),
    })),
  }
  if (!random.chance(0.03)) return [{ at, refund }]
  const lines = refund.lines.map(line => ({ ...line, refundFen: Math.floor(line.refundFen * 0.9) }))
  return [
    { at, refund },
    { at: at + DAY_MS, refund: { ...refund, revision: 2, lines } },
  ]
}
