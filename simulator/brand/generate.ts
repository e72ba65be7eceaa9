/**
 * A small brand with ninety days behind it, for the demo and for trying things: stores of very different size, staff
 * who come and go, customers of whom some are known only by a WeChat id, shares that lead to sales online and at the
 * till, refunds, and evidence that comes late.
 */
import { brandName, catalogue, places, type CatalogueProduct } from './catalogue.ts'
import {
  makeAssignments,
  makeAssociates,
  makeIdentities,
  makeLinks,
  makeMembers,
  makeStores,
  isActiveAt,
  type Associate,
  type Link,
  type Member,
  type Store,
} from './people.ts'
import { picturePath } from './pictures.ts'
import { createRandom, type Random } from './random.ts'
import { makeRefunds, makeSales } from './sales.ts'
import { createDayDraw, dayMs, instant, startOfLocalDay, startOfLocalMonth, zoneMs, type Span } from './span.ts'
import type {
  AssignmentItem,
  AssociateItem,
  CouponEventItem,
  CouponItem,
  IdentityItem,
  MemberItem,
  OrderItem,
  OverrideItem,
  Plan,
  ProductItem,
  RefundItem,
  ShareLinkItem,
  StoreItem,
  TargetItem,
  TouchItem,
} from './items.ts'

export type BrandOptions = {
  seed: string
  /** Milliseconds since 1970; nothing in the brand is later. */
  now: number
  /** 3 to 12; every third is a franchise. */
  stores?: number
  /** With managers, franchisees and headquarters; at least four a store. */
  associates?: number
  /** At most 10,000: so many fictional phone numbers there are. */
  members?: number
  days?: number
}

/** Arrays of ingest items, in the order in which they are sent. */
export type Brand = {
  name: string
  stores: StoreItem[]
  associates: AssociateItem[]
  members: MemberItem[]
  products: ProductItem[]
  coupons: CouponItem[]
  couponEvents: CouponEventItem[]
  targets: TargetItem[]
  shareLinks: ShareLinkItem[]
  plans: Plan[]
  identities: IdentityItem[]
  assignments: AssignmentItem[]
  touches: TouchItem[]
  orders: OrderItem[]
  refunds: RefundItem[]
  /** Found out after the orders were paid; sent last, so that what they change shows as booked differences. */
  lateIdentities: IdentityItem[]
  overrides: OverrideItem[]
  /** Who to sign in as. */
  people: {
    headquarters: string
    auditor: string
    franchisee: string
    manager: string
    associate: string
    leaver: string
  }
}

export function generateBrand(options: BrandOptions): Brand {
  const { seed, now } = options
  const settings = { stores: 12, associates: 60, members: 3000, days: 90, ...options }
  if (settings.stores < 3 || settings.stores > places.length)
    throw new RangeError(`stores must be 3 to ${places.length}`)
  if (settings.associates < settings.stores * 4) throw new RangeError('associates must be at least four a store')
  if (settings.members < 1 || settings.members > 10_000) throw new RangeError('members must be 1 to 10,000')
  const random = createRandom(seed)
  const fromMs = startOfLocalDay(now) - (settings.days - 1) * dayMs
  const span: Span = { fromMs, now, days: settings.days, drawDay: createDayDraw(fromMs, settings.days) }

  const stores = makeStores(settings.stores)
  const associates = makeAssociates(stores, settings.associates, span, random.fork('associates'))
  const members = makeMembers(stores, settings.members, span, random.fork('members'))
  const links = makeLinks(associates, span, random.fork('links'))
  const assignments = makeAssignments(members, associates, span, random.fork('assignments'))
  const { orders, touches } = makeSales({ stores, members, links }, span, random.fork('sales'))
  const refunds = makeRefunds(orders, span, random.fork('refunds'))
  const identities = makeIdentities(members)
  const soon = instant(now - 3 * dayMs)

  return {
    name: brandName,
    stores: stores.map(store => store.item),
    associates: associates.map(associate => associate.item),
    members: members.map(member => member.item),
    products: catalogue.map(toProductItem),
    coupons: makeCoupons(span),
    couponEvents: makeCouponEvents({ members, links }, span, random.fork('coupons')),
    targets: makeTargets(stores, orders, span),
    shareLinks: links.map(link => link.item),
    plans: makePlans(span),
    identities: identities.filter(identity => identity.at <= soon),
    assignments,
    touches,
    orders,
    refunds,
    lateIdentities: identities.filter(identity => identity.at > soon),
    overrides: makeOverrides(orders, stores),
    people: choosePeople(associates, stores),
  }
}

/** For each month of the span: what the stores sold, a little up, in round numbers; a store's team shares it. */
function makeTargets(stores: readonly Store[], orders: readonly OrderItem[], span: Span): TargetItem[] {
  const targets: TargetItem[] = []
  const salesFen = new Map<string, number>()
  for (const order of orders) {
    if (order.sellingStore === undefined || order.cancelled === true) continue
    const paidFen = order.lines.reduce((sum, line) => sum + line.paidFen, 0)
    salesFen.set(order.sellingStore, (salesFen.get(order.sellingStore) ?? 0) + paidFen)
  }
  for (
    let startMs = startOfLocalMonth(span.fromMs);
    startMs <= span.now;
    startMs = startOfLocalMonth(startMs + 32 * dayMs)
  ) {
    const month = new Date(startMs + zoneMs).toISOString().slice(0, 7)
    for (const store of stores) {
      const monthlyFen = ((salesFen.get(store.item.storeCode) ?? 0) * 32) / span.days
      const storeFen = Math.max(1, Math.round(monthlyFen / 1_000_000)) * 1_000_000
      const team = store.team.filter(associate => isActiveAt(associate, startMs))
      targets.push({ month, storeCode: store.item.storeCode, netSalesFen: storeFen })
      const shareFen = Math.max(1, Math.round(storeFen / Math.max(1, team.length) / 100_000)) * 100_000
      targets.push(...team.map(({ item }) => ({ month, associateId: item.associateId, netSalesFen: shareFen })))
    }
  }
  return targets
}

function makeCoupons(span: Span): CouponItem[] {
  const validity = { validFrom: instant(span.fromMs), validTo: instant(startOfLocalDay(span.now) + 60 * dayMs) }
  return [
    {
      couponCode: 'D-C01',
      name: '满 1000 减 100',
      kind: 'amount',
      amountFen: 10_000,
      minimumFen: 100_000,
      ...validity,
    },
    { couponCode: 'D-C02', name: '针织衫九折', kind: 'discount', discountBps: 9000, ...validity },
    { couponCode: 'D-C03', name: '生日小方巾', kind: 'gift', stock: 200, ...validity },
  ]
}

/** In the last twenty days half of the members claimed a coupon, some by a colleague's share, and a few used it. */
function makeCouponEvents(
  { members, links }: { members: readonly Member[]; links: readonly Link[] },
  span: Span,
  random: Random,
): CouponEventItem[] {
  const shares = links.filter(link => link.item.target.kind === 'coupon')
  return members.flatMap(({ item: { memberNo } }, i) => {
    if (!random.chance(0.5)) return []
    const share = shares.length > 0 && random.chance(0.5) ? random.pick(shares) : null
    const couponCode = share?.item.target.ref ?? random.pick(['D-C01', 'D-C02', 'D-C03'])
    const atMs = Math.max(span.now - random.integer(3, 20) * dayMs, share?.createdAtMs ?? 0)
    const linkCode = share?.item.linkCode
    const claimed: CouponEventItem = {
      eventId: `D-CE${i}`,
      couponCode,
      kind: 'claimed',
      memberNo,
      at: instant(atMs),
      ...(linkCode === undefined ? {} : { linkCode }),
    }
    if (!random.chance(0.3)) return [claimed]
    const at = instant(Math.min(atMs + 2 * dayMs, span.now))
    return [claimed, { eventId: `D-CR${i}`, couponCode, kind: 'redeemed', memberNo, at }]
  })
}

/** Version 1 for all of the span, version 2 since a month ago: it pays more for shoes and the till somewhat less. */
function makePlans(span: Span): Plan[] {
  const plan = (version: number, effectiveFromMs: number, shoesBps: number, tillBps: number): Plan => ({
    code: 'standard',
    version,
    effectiveFrom: instant(effectiveFromMs),
    effectiveTo: null,
    attribution: { model: 'last_touch', windowDays: 15 },
    holdDays: 7,
    sameAssociate: 'sum',
    lineCapBps: 1200,
    rules: [
      {
        id: 'share-shoes',
        role: 'sharer',
        when: { channels: ['online'], categories: ['鞋靴'] },
        rateBps: shoesBps,
        bearer: 'headquarters',
      },
      { id: 'share-sale', role: 'sharer', when: { maxPaidBps: 7500 }, rateBps: 200, bearer: 'headquarters' },
      { id: 'share', role: 'sharer', when: {}, rateBps: 400, bearer: 'headquarters' },
      { id: 'till', role: 'closer', when: { channels: ['in_store'] }, rateBps: tillBps, bearer: 'selling_store' },
      { id: 'care', role: 'attributed', when: {}, rateBps: 100, bearer: 'home_store' },
      {
        id: 'franchise',
        role: 'home_store',
        when: { channels: ['online'], homeStoreTypes: ['franchise'] },
        rateBps: 1500,
        bearer: 'headquarters',
      },
      {
        id: 'service-fee',
        role: 'headquarters',
        when: { channels: ['online'], sellingStoreTypes: ['franchise'] },
        rateBps: 500,
        bearer: 'selling_store',
      },
    ],
    monthlyTiers: {
      roles: ['sharer', 'closer'],
      mode: 'marginal',
      bearer: 'headquarters',
      steps: [
        { fromFen: 0, rateBps: 0 },
        { fromFen: 5_000_000, rateBps: 50 },
        { fromFen: 20_000_000, rateBps: 100 },
      ],
    },
  })
  const startMs = startOfLocalMonth(span.fromMs)
  return [plan(1, startMs, 600, 300), plan(2, startOfLocalDay(span.now - Math.floor(span.days / 3) * dayMs), 800, 280)]
}

/** Disputes that headquarters decided: the till had named the colleague at the next counter. */
function makeOverrides(orders: readonly OrderItem[], stores: readonly Store[]): OverrideItem[] {
  return orders
    .filter(order => order.channel === 'in_store' && order.closer !== undefined && order.cancelled !== true)
    .filter((_, i) => i % 700 === 350)
    .flatMap(({ source, orderNo, sellingStore, closer }) => {
      const team = stores.find(store => store.item.storeCode === sellingStore)?.team ?? []
      const other = team.find(associate => associate.item.associateId !== closer && associate.activeToMs === Infinity)
      if (other === undefined) return []
      return [
        {
          source,
          orderNo,
          role: 'closer' as const,
          associateId: other.item.associateId,
          reason: '收银时选错导购，店长已确认',
        },
      ]
    })
}

function choosePeople(associates: readonly Associate[], stores: readonly Store[]): Brand['people'] {
  const idOf = (matches: (associate: Associate) => boolean) => associates.find(matches)?.item.associateId ?? ''
  return {
    headquarters: idOf(associate => associate.item.role === 'headquarters'),
    auditor: idOf(associate => associate.item.role === 'auditor'),
    franchisee: idOf(associate => associate.item.role === 'franchisee'),
    manager: stores[0]?.team[0]?.item.associateId ?? '',
    associate: stores[0]?.team[1]?.item.associateId ?? '',
    leaver: idOf(associate => associate.activeToMs !== Infinity),
  }
}

function toProductItem(product: CatalogueProduct, index: number): ProductItem {
  return {
    sku: product.sku,
    name: product.name,
    category: product.category.name,
    priceFen: product.priceFen,
    listFen: product.listFen,
    imageUrl: picturePath(product.sku),
    path: `pages/product/index?sku=${product.sku}`,
    stock: ((index * 37) % 90) + 5,
  }
}
