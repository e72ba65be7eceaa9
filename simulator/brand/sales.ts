/** What was looked at, bought and sent back. */
import { drawProductsOf, type CatalogueProduct } from './catalogue.ts'
import { createWeighted, type Random } from './random.ts'
import { dayMs, drawTime, hourMs, instant, localMonth, numbered, zoneMs, type Span } from './span.ts'
import { drawTeam, isActiveAt, type Associate, type Link, type Member, type Store } from './people.ts'
import type { OrderItem, RefundItem, TouchItem, Visitor } from './items.ts'

type Touch = { atMs: number; item: Omit<TouchItem, 'touchId'> }
type Order = { paidAtMs: number; item: Omit<OrderItem, 'orderNo'> }

/** Orders and the looks that led to them, or did not; about one order for each member and two months. */
export function makeSales(
  { stores, members, links }: { stores: readonly Store[]; members: readonly Member[]; links: readonly Link[] },
  span: Span,
  random: Random,
): { touches: TouchItem[]; orders: OrderItem[] } {
  const orderCount = Math.round(members.length * span.days * 0.0185)
  const drawMember = createWeighted(members, member => member.weight)
  const drawStore = createWeighted(stores, store => store.weight)
  const drawLink = createWeighted(links, link => link.weight)
  const linksByOwner = groupByOwner(links)
  const productDraws = Array.from({ length: 12 }, (_, month) => drawProductsOf(month))
  const drawProductAt = (atMs: number) => productDraws[localMonth(atMs)]!(random)
  const touches: Touch[] = []
  const orders: Order[] = []

  for (let i = 0; i < orderCount * 2.7; i += 1) look(i)
  for (let i = 0; i < orderCount; i += 1) buy()
  touches.sort((a, b) => a.atMs - b.atMs)
  orders.sort((a, b) => a.paidAtMs - b.paidAtMs)
  const paid = orders.map(({ paidAtMs, item }, i): OrderItem => ({
    ...item,
    orderNo: orderNumber(item.source, paidAtMs, i),
  }))
  // Some are cancelled later: the whole order once more, as its second revision.
  const cancelled = paid.filter((_, i) => i % 211 === 100).map(order => ({ ...order, revision: 2, cancelled: true }))
  return {
    touches: touches.map(({ item }, i): TouchItem => ({ touchId: numbered('D-T', i, 6), ...item })),
    orders: [...paid, ...cancelled],
  }

  /** What is looked at and not bought; a quarter by visitors who never say who they are. */
  function look(index: number): void {
    const atMs = drawTime(span, 'online', random)
    const member = random.chance(0.75) ? drawMember(random) : undefined
    if (atMs === undefined) return
    const link = drawLinkAt(atMs, member?.keeper)
    if (link === undefined) return
    const visitor = (member && recognise(member, atMs, random)) ?? {
      visitorId: `demo-passer-${numbered('', index, 5)}`,
    }
    const externalUserid = member?.ids.externalUserid
    if (externalUserid !== undefined && random.chance(0.25)) addTouch(atMs - 60_000, { externalUserid }, link, 'sent')
    addTouch(atMs, visitor, link)
    const laterMs = atMs + random.integer(10_000, 900_000)
    if (random.chance(0.3)) addTouch(laterMs, visitor, link)
    // Some look on without a link; the customer's card shows it, and nobody earns by it.
    if (random.chance(0.08)) addBareVisit(laterMs + 60_000, visitor, drawProductAt(laterMs))
  }

  function buy(): void {
    const channel = random.chance(0.42) ? 'online' : 'in_store'
    const paidAtMs = drawTime(span, channel, random)
    if (paidAtMs === undefined) return
    const member = random.chance(channel === 'online' ? 0.97 : 0.82) ? drawMember(random) : undefined
    const shared = member !== undefined && random.chance(0.55) ? lookBefore(paidAtMs, member) : undefined
    const lines = drawLines(shared?.product, () => drawProductAt(paidAtMs), member, random)
    const isInStore = channel === 'in_store'
    // In the mall, most orders are headquarters' own; the others are handed to the store that is to deliver.
    const usual = member !== undefined && random.chance(0.85) ? member.home : drawStore(random)
    const store = isInStore || random.chance(0.3) ? usual : undefined
    const closer = isInStore ? drawTeam(usual, paidAtMs, random) : undefined
    const colleague =
      isInStore && lines.length > 1 && random.chance(0.05) ? drawTeam(usual, paidAtMs, random) : undefined
    const [lastLine] = lines.slice(-1)
    if (colleague !== undefined && lastLine !== undefined) lastLine.closer = colleague.item.associateId
    const completedAtMs = isInStore ? paidAtMs : paidAtMs + random.integer(60, 160) * hourMs
    orders.push({
      paidAtMs,
      item: {
        source: isInStore ? 'demo-pos' : 'demo-mall',
        channel,
        paidAt: instant(paidAtMs),
        ...(completedAtMs <= span.now ? { completedAt: instant(completedAtMs) } : {}),
        ...(member === undefined ? {} : nameBuyer(member, paidAtMs)),
        ...(store === undefined ? {} : { sellingStore: store.item.storeCode }),
        ...(closer === undefined ? {} : { closer: closer.item.associateId }),
        ...(!isInStore && shared !== undefined && random.chance(0.3) ? { shareCode: shared.item.linkCode } : {}),
        lines,
      },
    })
  }

  function nameBuyer(member: Member, atMs: number): Visitor & { phone?: string } {
    const { phone } = member.item
    return phone !== undefined && random.chance(0.05) ? { phone } : (recognise(member, atMs, random) ?? {})
  }

  /** Looks at one to three shares in the three weeks before, some too long ago to count. Gives the latest. */
  function lookBefore(paidAtMs: number, member: Member): Link | undefined {
    let latest: { atMs: number; link: Link } | undefined
    for (let left = random.integer(1, 3); left > 0; left -= 1) {
      const atMs = paidAtMs - 90_000 - Math.floor(random.next() ** 3 * 21 * dayMs)
      const link = drawLinkAt(atMs, member.keeper)
      const visitor = recognise(member, atMs, random)
      if (link === undefined || visitor === undefined) continue
      addTouch(atMs, visitor, link)
      if (latest === undefined || atMs > latest.atMs) latest = { atMs, link }
    }
    return latest?.link
  }

  /** A link that is there at the time, of the customer's own associate more often than of another. */
  function drawLinkAt(atMs: number, keeper: Associate | undefined): Link | undefined {
    const own = keeper === undefined || random.chance(0.35) ? [] : (linksByOwner.get(keeper) ?? [])
    const drawn = own.length > 0 ? random.pick(own) : drawLink(random)
    return drawn.createdAtMs <= atMs && isActiveAt(drawn.owner, atMs) ? drawn : undefined
  }

  function addBareVisit(atMs: number, visitor: Visitor, product: CatalogueProduct): void {
    if (atMs > span.now) return
    const page = { kind: 'product', ref: product.sku, title: product.name }
    touches.push({ atMs, item: { at: instant(atMs), kind: 'visit', ...visitor, page } })
  }

  function addTouch(
    atMs: number,
    visitor: Visitor,
    link: Link,
    kind: TouchItem['kind'] = drawTouchKind(link, random),
  ): void {
    if (atMs > span.now) return
    const { linkCode, channel, target } = link.item
    const page = { kind: target.kind, ref: target.ref, title: target.title }
    touches.push({ atMs, item: { linkCode, at: instant(atMs), kind, ...visitor, channel, page } })
  }
}

/**
 * How a system knows a member: the mall by its ids, WeCom by another, the till by card number. Undefined where it does
 * not: before somebody has joined, and without an id.
 */
function recognise(member: Member, atMs: number, random: Random): Visitor | undefined {
  const { unionid, externalUserid, visitorId } = member.ids
  const known: Visitor[] = []
  // Who never gave a name has no card that could be shown.
  if (member.item.phone !== undefined && member.joinedAtMs <= atMs) known.push({ memberNo: member.item.memberNo })
  if (unionid !== undefined) known.push({ unionid })
  if (externalUserid !== undefined) known.push({ externalUserid })
  if (visitorId !== undefined) known.push({ visitorId })
  return known.length === 0 ? undefined : random.pick(known)
}

function groupByOwner(links: readonly Link[]): Map<Associate, Link[]> {
  const byOwner = new Map<Associate, Link[]>()
  for (const link of links) {
    const own = byOwner.get(link.owner)
    if (own === undefined) byOwner.set(link.owner, [link])
    else own.push(link)
  }
  return byOwner
}

/** As tills number: shop or mall, day, running number. */
function orderNumber(source: string, paidAtMs: number, index: number): string {
  const day = new Date(paidAtMs + zoneMs).toISOString().slice(2, 10).replaceAll('-', '')
  return `${source === 'demo-mall' ? 'M' : 'P'}${day}-${numbered('', index, 5)}`
}

function drawTouchKind(link: Link, random: Random): TouchItem['kind'] {
  if (link.item.channel === 'live' || link.item.target.kind === 'live')
    return random.chance(0.7) ? 'live_enter' : 'click'
  if (link.item.target.kind === 'coupon' && random.chance(0.4)) return 'coupon_claim'
  if (link.item.channel === 'poster') return random.chance(0.8) ? 'scan' : 'visit'
  return random.chance(0.7) ? 'click' : 'visit'
}

const lineCounts = createWeighted([1, 2, 3, 4], count => [0, 62, 26, 9, 3][count] ?? 0)

function drawLines(
  shared: CatalogueProduct | undefined,
  draw: () => CatalogueProduct,
  member: Member | undefined,
  random: Random,
): OrderItem['lines'] {
  const discountPercent = member?.item.level === '金卡' ? 8 : member?.item.level === '银卡' ? 5 : 0
  return Array.from({ length: lineCounts(random) }, (_, i) => {
    const product = i === 0 && shared !== undefined && random.chance(0.5) ? shared : draw()
    const quantity = product.priceFen < 60_000 && random.chance(0.12) ? 2 : 1
    const paidFen = Math.floor((product.priceFen * quantity * (100 - discountPercent)) / 100)
    return {
      lineNo: i + 1,
      sku: product.sku,
      name: product.name,
      category: product.category.name,
      quantity,
      paidFen,
      listFen: product.listFen * quantity,
    }
  })
}

/** One order in twenty: the whole line, or a part of the money where something was wrong with it. */
export function makeRefunds(orders: readonly OrderItem[], span: Span, random: Random): RefundItem[] {
  const refunds: RefundItem[] = []
  for (const order of orders) {
    if (order.cancelled === true || !random.chance(0.055)) continue
    const refundedAtMs = Date.parse(order.paidAt) + random.integer(20, 12 * 24) * hourMs
    const line = random.pick(order.lines)
    const isPart = random.chance(0.25)
    if (refundedAtMs > span.now) continue
    refunds.push({
      source: order.source,
      refundNo: `R${order.orderNo}`,
      orderNo: order.orderNo,
      refundedAt: instant(refundedAtMs),
      lines: [
        {
          lineNo: line.lineNo,
          quantity: isPart ? 0 : line.quantity,
          refundFen: isPart ? Math.floor(line.paidFen / 5) : line.paidFen,
        },
      ],
    })
  }
  return refunds
}
