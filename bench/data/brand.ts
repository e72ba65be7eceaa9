import type { Associate, AssociateKind, ShareLink, Store, StoreType } from '../../server/features/attribution/domain.ts'
import { DAY_MS, monthOf, monthStart, nextMonth, type Instant } from '../../server/lib/time.ts'
import type { Plan } from '../../server/features/commissions/domain.ts'
import type { PlanContent } from '../../server/features/commissions/schema.ts'
import { planOf } from '../../server/features/commissions/plans.ts'
import { Calendar } from './calendar.ts'
import { plansOf } from './plans.ts'
import { mix, Random, WeightedIndex } from './random.ts'
import { MEMBERS_PER_TURN, numberAmongAll, SHARDS } from './shards.ts'

/** What decides everything about a generated brand: the same options give the same brand. */
export interface BrandOptions {
  brandId: number
  orders: number
  seed: number
  /** The end of the history. */
  until: Instant
  /** The brand's time zone. */
  zone: string
}

export interface GeneratedStore extends Store {
  name: string
  /** Of `associates`, the store's own: from here, so many. The first is the manager, who never leaves. */
  staffFrom: number
  staffCount: number
  salesWeight: number
}

export interface GeneratedAssociate extends Associate {
  /** In `associates`. */
  index: number
  name: string
  role: 'associate' | 'manager'
  payeeType: string | null
}

export interface Product {
  sku: string
  name: string
  category: string
  priceFen: number
  listFen: number
}

export interface Month {
  /** `YYYY-MM`. */
  month: string
  start: Instant
  end: Instant
}

const CATEGORIES = [
  { category: 'shoes', name: '鞋履', fromFen: 29_900, toFen: 129_900 },
  { category: 'shirts', name: '衬衫', fromFen: 9_900, toFen: 39_900 },
  { category: 'dresses', name: '连衣裙', fromFen: 19_900, toFen: 89_900 },
  { category: 'coats', name: '外套', fromFen: 39_900, toFen: 259_900 },
  { category: 'trousers', name: '裤装', fromFen: 14_900, toFen: 49_900 },
  { category: 'bags', name: '箱包', fromFen: 19_900, toFen: 159_900 },
  { category: 'accessories', name: '配饰', fromFen: 2_900, toFen: 19_900 },
  { category: 'gift-cards', name: '礼品卡', fromFen: 20_000, toFen: 100_000 },
] as const

const REGIONS = ['east', 'south', 'north', 'west', 'central', 'north-east']
const CITIES = ['上海', '杭州', '南京', '苏州', '广州', '深圳', '北京', '天津', '成都', '重庆', '武汉', '长沙', '沈阳']
const CHANNELS = ['single_chat', 'group_chat', 'moments', 'poster']
const PRODUCTS = 2000
/** As a part of all sales at list price. */
const FRANCHISE_SHARE = 0.25
/** How many orders there are for each share link. */
const ORDERS_PER_LINK = 20

/** Everything about the brand but its customers and what they do. */
export class Brand {
  readonly options: BrandOptions
  readonly calendar: Calendar
  readonly months: readonly Month[]
  readonly planContents: readonly PlanContent[]
  readonly plans: readonly Plan[]
  readonly stores: readonly GeneratedStore[]
  readonly associates: readonly GeneratedAssociate[]
  readonly products: readonly Product[]
  readonly storesByCode: ReadonlyMap<string, Store>
  readonly associatesById: ReadonlyMap<string, Associate>
  /** Who shares though he works in no store: the office, and customers who promote. */
  readonly otherSharersFrom: number
  readonly linksPerAssociate: number
  readonly #storesBySales: WeightedIndex
  readonly #productsBySales: WeightedIndex

  constructor(options: BrandOptions) {
    this.options = options
    this.calendar = new Calendar(options.until)
    this.months = monthsBetween(this.calendar.from, options.until, options.zone)
    const middle = this.months[Math.floor(this.months.length / 2)]!.start
    this.planContents = plansOf(this.months[0]!.start, middle)
    this.plans = this.planContents.map(planOf)
    this.products = makeProducts(new Random(mix(options.seed, 1)))
    const { stores, associates, otherSharersFrom } = this.#makeStaff(new Random(mix(options.seed, 2)))
    this.stores = stores
    this.associates = associates
    this.otherSharersFrom = otherSharersFrom
    this.storesByCode = new Map(stores.map(store => [store.storeCode, store]))
    this.associatesById = new Map(associates.map(associate => [associate.associateId, associate]))
    this.linksPerAssociate = Math.max(2, Math.ceil(options.orders / ORDERS_PER_LINK / associates.length))
    this.#storesBySales = new WeightedIndex(stores.map(store => store.salesWeight))
    this.#productsBySales = new WeightedIndex(this.products.map((_, rank) => 1 / (rank + 20) ** 0.9))
  }

  #makeStaff(random: Random) {
    const { orders } = this.options
    const count = Math.round(Math.min(800, Math.max(orders / 1250, Math.min(300, orders / 20), 4)))
    const stores: GeneratedStore[] = []
    const associates: GeneratedAssociate[] = []
    for (let i = 0; i < count; i++) {
      const staffCount = 6 + random.below(9)
      const storeCode = `S${String(i + 1).padStart(4, '0')}`
      const isFranchise = random.chance(FRANCHISE_SHARE)
      const turnsFranchise = !isFranchise && random.chance(0.02)
      stores.push({
        storeCode,
        name: `${random.pick(CITIES)}${i + 1}店`,
        types: [
          { value: isFranchise ? 'franchise' : ('direct' satisfies StoreType), from: null },
          ...(turnsFranchise ? [{ value: 'franchise' as StoreType, from: this.calendar.draw(random, 0) }] : []),
        ],
        regions: [{ value: REGIONS[i % REGIONS.length]!, from: null }],
        franchisees: isFranchise
          ? [{ value: `F${String(1 + random.below(count / 8 + 1)).padStart(3, '0')}`, from: null }]
          : [],
        staffFrom: associates.length,
        staffCount,
        salesWeight: 1 / (random.below(count) + 10) ** 0.8,
      })
      for (let j = 0; j < staffCount; j++) {
        associates.push(
          this.#makeAssociate(random, associates.length, { storeCode, isManager: j === 0, kind: 'store' }),
        )
      }
    }
    const otherSharersFrom = associates.length
    for (let i = 0; i < 20 + count / 20; i++) {
      associates.push(
        this.#makeAssociate(random, associates.length, { storeCode: null, isManager: false, kind: 'office' }),
      )
    }
    for (let i = 0; i < 20 + count / 4; i++) {
      associates.push(
        this.#makeAssociate(random, associates.length, { storeCode: null, isManager: false, kind: 'customer' }),
      )
    }
    return { stores, associates, otherSharersFrom }
  }

  #makeAssociate(
    random: Random,
    index: number,
    { storeCode, isManager, kind }: { storeCode: string | null; isManager: boolean; kind: AssociateKind },
  ): GeneratedAssociate {
    const { from, until } = this.calendar
    const wasThere = isManager || random.chance(0.6)
    const activeFrom = wasThere ? from - random.below(700) * DAY_MS : from + random.below(690) * DAY_MS
    const hasLeft = !isManager && random.chance(0.25)
    const activeTo = hasLeft
      ? Math.min(Math.max(activeFrom, from) + (20 + random.below(400)) * DAY_MS, until - DAY_MS)
      : null
    const employments = [{ activeFrom, activeTo }]
    const backAt = activeTo === null ? null : activeTo + (30 + random.below(200)) * DAY_MS
    if (backAt !== null && backAt < until && random.chance(0.1))
      employments.push({ activeFrom: backAt, activeTo: null })
    const isMember = kind === 'customer' || random.chance(0.3)
    return {
      index,
      associateId: `${kind === 'store' ? 'a' : kind === 'office' ? 'o' : 'c'}${String(index + 1).padStart(5, '0')}`,
      name: `导购${index + 1}`,
      role: isManager ? 'manager' : 'associate',
      payeeType: kind === 'customer' ? 'individual' : 'employee',
      storeCode,
      memberNo: isMember ? this.#ownMemberNo(index) : null,
      invitedBy: index > 10 && random.chance(0.1) ? `a${String(1 + random.below(10)).padStart(5, '0')}` : null,
      kinds: [{ value: kind, from: null }],
      employments,
    }
  }

  /** An associate's own membership: some of the first members are associates. Each shard has more than so many. */
  #ownMemberNo(index: number): string | null {
    const member = 3 * Math.floor(index / SHARDS)
    if (member >= this.options.orders / 80) return null
    return memberNoOf(numberAmongAll(index % SHARDS, member, MEMBERS_PER_TURN))
  }

  /** Of `months`, the one that an instant of the history is in. */
  monthIndexOf(instant: Instant): number {
    let index = 0
    while (this.months[index]!.end <= instant) index++
    return index
  }

  drawStore(random: Random): GeneratedStore {
    return this.stores[this.#storesBySales.draw(random)]!
  }

  drawProduct(random: Random): Product {
    return this.products[this.#productsBySales.draw(random)]!
  }

  /** One of a store's staff who works at this instant; the manager where the draw finds none. */
  drawStaff(random: Random, store: GeneratedStore, at: Instant): GeneratedAssociate {
    for (let tries = 0; tries < 4; tries++) {
      // The first of the list sell more than the last.
      const associate = this.associates[store.staffFrom + Math.floor(store.staffCount * random.next() ** 1.4)]!
      for (const { activeFrom, activeTo } of associate.employments) {
        if (activeFrom <= at && (activeTo === null || at < activeTo)) return associate
      }
    }
    return this.associates[store.staffFrom]!
  }

  drawOtherSharer(random: Random): GeneratedAssociate {
    return this.associates[this.otherSharersFrom + random.below(this.associates.length - this.otherSharersFrom)]!
  }

  /** An associate's share link, counted from his first. */
  linkOf(associateIndex: number, number: number): ShareLink {
    const associate = this.associates[associateIndex]!
    const { start, stepMs } = this.#linkRhythm(associate)
    const random = new Random(mix(this.options.seed, 3, associateIndex, number))
    const createdAt = Math.floor(start + (number + random.next()) * stepMs)
    const revokedAt = random.chance(0.01) ? createdAt + 30 * DAY_MS : null
    return {
      linkCode: `b${this.options.brandId}x${associateIndex * this.linksPerAssociate + number}`,
      associateId: associate.associateId,
      storeCode: associate.storeCode,
      createdAt,
      revokedAt: revokedAt !== null && revokedAt < this.options.until ? revokedAt : null,
    }
  }

  /** The link by which somebody comes to an associate at an instant: mostly one of his last. */
  drawLink(random: Random, associateIndex: number, at: Instant): ShareLink {
    const { start, stepMs } = this.#linkRhythm(this.associates[associateIndex]!)
    const latest = Math.floor((at - start) / stepMs) - 1
    const number = latest - Math.floor(3 * random.next() ** 2)
    return this.linkOf(associateIndex, Math.min(Math.max(number, 0), this.linksPerAssociate - 1))
  }

  /** What a link leads to, and where it was posted. */
  drawTarget(link: ShareLink): { product: Product; channel: string } {
    const random = new Random(mix(this.options.seed, 10, link.createdAt!))
    return { product: this.drawProduct(random), channel: random.pick(CHANNELS) }
  }

  #linkRhythm(associate: Associate): { start: Instant; stepMs: number } {
    const { from, until } = this.calendar
    const { activeFrom, activeTo } = associate.employments[0]!
    const start = Math.max(activeFrom, from)
    return { start, stepMs: ((activeTo ?? until) - start) / this.linksPerAssociate }
  }

  /** What an associate or a store is to sell in a month: by what a store of this size sells on average. */
  targetFen(subject: { store: GeneratedStore; isStore: boolean }, monthIndex: number): number {
    const perMonthFen = (this.options.orders * 70_000 * (subject.store.salesWeight / this.#storesBySales.total)) / 24
    const random = new Random(mix(this.options.seed, 4, subject.store.staffFrom, monthIndex))
    const targetFen = perMonthFen * (0.8 + 0.5 * random.next())
    const shareFen = subject.isStore ? targetFen : targetFen / subject.store.staffCount
    return Math.max(10_000, Math.round(shareFen / 10_000) * 10_000)
  }
}

export const memberNoOf = (index: number) => `M${String(index).padStart(8, '0')}`

function makeProducts(random: Random): Product[] {
  return Array.from({ length: PRODUCTS }, (_, i) => {
    const { category, name, fromFen, toFen } = CATEGORIES[i % 31 === 30 ? 7 : i % 7]!
    const listFen = Math.round((fromFen + (toFen - fromFen) * random.next() ** 2) / 1000) * 1000 - 100
    const priceFen = random.chance(0.3) ? Math.round((listFen * (0.6 + 0.3 * random.next())) / 100) * 100 : listFen
    return { sku: `P${String(i + 1).padStart(5, '0')}`, name: `${name}${i + 1}`, category, priceFen, listFen }
  })
}

/** Every calendar month that has a part between the two instants. */
function monthsBetween(from: Instant, until: Instant, zone: string): Month[] {
  const months: Month[] = []
  for (let month = monthOf(from, zone); ; month = nextMonth(month)) {
    const start = monthStart(month, zone)
    if (start >= until) return months
    months.push({ month, start, end: monthStart(nextMonth(month), zone) })
  }
}
