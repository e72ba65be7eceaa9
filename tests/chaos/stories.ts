import { formatInstant } from '../../server/lib/time.ts'
import { randomOf } from '../builders/histories.ts'

/**
 * What the clients tell. A story is one purchase and what hangs together with it: touches, ids, an order in up to three
 * revisions, refunds, whose customer the buyer is. The same seed and number make the same story, so two clients that
 * tell it, each in its own sequence, never contradict each other.
 */

export type Item = Readonly<Record<string, unknown>>

export const KINDS = [
  'members',
  'touches',
  'identities',
  'orders',
  'refunds',
  'member-assignments',
  'member-merges',
] as const
export type Kind = (typeof KINDS)[number]

export interface Told {
  kind: Kind
  item: Item
}

export interface Override {
  source: string
  orderNo: string
  role: string
  associateId: string
  reason: string
}

export interface Story {
  told: Told[]
  /** Sent once its order was answered for. */
  override: Override | null
  clicks: Click[]
}

/** Somebody opens a short link, with the cookie that he has or none. */
export interface Click {
  linkCode: string
  visitorId: string | null
}

const SECOND = 1000
const DAY = 86_400 * SECOND
/** Everything is long past, and available to be settled, but for what clicks lead to. */
const BEGIN = Date.parse('2026-03-10T04:00:00Z')
/** Orders that clicks lead to are paid later than any run: the tills of their shop are wrong by years. */
const AFTER_CLICKS = Date.parse('2040-03-10T04:00:00Z')
export const CUTOFF = '2026-06-01T00:00:00+08:00'

const STORES = ['S1', 'S2', 'S3', 'S4'] as const
const ASSOCIATES = ['A1', 'A2', 'A3', 'A4', 'A5', 'A6', 'A7', 'A8'] as const
const LINKS = Array.from({ length: 24 }, (_, i) => `chaos-link-${i + 1}`)
const ORDERS_PER_PERSON = 5

/** What there is before anybody buys, call by call. */
export const MASTER: readonly (readonly [kind: string, items: Item[]])[] = [
  [
    'stores',
    STORES.map((storeCode, i) => ({
      storeCode,
      name: storeCode,
      ...(i < 2 ? { type: 'direct' } : { type: 'franchise', franchiseeId: 'F1' }),
    })),
  ],
  [
    'associates',
    ASSOCIATES.map((associateId, i) => ({
      associateId,
      name: associateId,
      storeCode: STORES[i % STORES.length],
      activeFrom: '2020-01-01T00:00:00+08:00',
    })),
  ],
  [
    'share-links',
    LINKS.map((linkCode, i) => ({
      linkCode,
      associateId: ASSOCIATES[i % ASSOCIATES.length],
      target: { kind: 'product', ref: 'sku-1', url: 'https://shop.example/p/1' },
      channel: 'single_chat',
    })),
  ],
]
export const BINDING = { on: ['first_purchase'], mode: 'first' }
export const ALLOWED_REDIRECTS = 'shop.example'

/** @param number versions of one plan, each over a part of the time of the one before */
export function planOf(number: number): Item & { code: string; version: number } {
  const random = randomOf(number * 7919)
  return {
    code: 'standard',
    version: number,
    effectiveFrom: number === 1 ? '2020-01-01T00:00:00Z' : formatInstant(BEGIN + Math.floor(random() * 24) * DAY),
    attribution: { model: number % 3 === 0 ? 'first_touch' : 'last_touch', windowDays: 15 },
    holdDays: 7,
    ...rulesOf(1000 + 50 * Math.floor(random() * 10)),
    retroactive: true,
  }
}
/** For the orders that clicks lead to, however long after. */
export const FAR_PLAN: Item = {
  code: 'far',
  version: 1,
  effectiveFrom: '2039-01-01T00:00:00Z',
  attribution: { model: 'last_touch', windowDays: 36_500 },
  holdDays: 7,
  ...rulesOf(800),
}
function rulesOf(rateBps: number) {
  return {
    rules: [
      { id: 'first', role: 'sharer', rateBps: rateBps + 500, when: { firstOrder: true }, bearer: 'headquarters' },
      { id: 'share', role: 'sharer', rateBps, bearer: 'headquarters' },
      { id: 'till', role: 'closer', rateBps: 300, bearer: 'selling_store' },
      { id: 'own', role: 'attributed', rateBps: 200, bearer: 'home_store' },
    ],
    monthlyTiers: {
      roles: ['closer', 'sharer'],
      mode: 'marginal',
      bearer: 'headquarters',
      steps: [
        { fromFen: 0, rateBps: 0 },
        { fromFen: 500_000, rateBps: 100 },
      ],
    },
    rewards: [{ id: 'enrolled', event: 'member_enrolled', amountFen: 500, to: 'associate', bearer: 'headquarters' }],
  }
}

/** Each is told once. */
export const targetOf = (number: number): Item & { month: string } => {
  const month = `${2000 + (Math.floor(number / 12) % 100)}-${String((number % 12) + 1).padStart(2, '0')}`
  return { month, storeCode: STORES[Math.floor(number / 1200) % STORES.length], netSalesFen: 1_000_000 + number }
}

/** @param shop whose tills these are: numbers and people of another shop are others */
export function storyOf(seed: number, shop: number, number: number): Story {
  const random = randomOf(seed * 1_000_003 + shop * 50_021 + number * 101)
  const chance = (of: number) => random() < of
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const id = `${shop}-${number}`
  const told: Told[] = []
  const tell = (kind: Kind, item: Item) => void told.push({ kind, item })

  // Most people come a few times; some are everybody's customers, so that their orders meet.
  const memberNo = chance(0.05)
    ? `M-${Math.floor(random() * 40)}`
    : `M-${shop}-${Math.floor(number / ORDERS_PER_PERSON)}`
  const visitorId = `v${id}`.padEnd(22, 'x')
  const byClick = chance(0.3)
  const paidAt = (byClick ? AFTER_CLICKS : BEGIN) + Math.floor(random() * 30 * DAY)
  const at = (beforeSeconds: number) => formatInstant(paidAt - Math.floor(random() * beforeSeconds) * SECOND)
  const linkCode = pick(LINKS)
  const byNumber = chance(0.6)

  if (chance(0.15)) {
    tell('members', {
      memberNo,
      joinedAt: formatInstant(BEGIN - DAY),
      openingStore: 'S1',
      openingAssociate: 'A1',
    })
  }
  for (let i = Math.floor(random() * 3); i > 0; i--) {
    tell('touches', {
      touchId: `t-${id}-${i}`,
      linkCode: pick(LINKS),
      at: at(20 * 86_400),
      kind: pick(['click', 'visit', 'scan'] as const),
      ...(byNumber ? { memberNo } : { visitorId }),
    })
  }
  if (!byNumber || byClick || chance(0.2)) {
    tell('identities', { kind: 'visitor', value: visitorId, memberNo, at: at(86_400) })
  }
  if (chance(0.1)) {
    tell('member-assignments', {
      memberNo,
      from: at(40 * 86_400),
      attributedAssociate: pick(ASSOCIATES),
      homeStore: pick(STORES),
    })
  }
  let buyer = memberNo
  if (chance(0.05)) {
    buyer = `${memberNo}-old-${number}`
    tell('member-merges', { memberNo: buyer, into: memberNo, at: at(86_400) })
  }

  const orderNo = `o-${id}`
  const lines = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, i) => ({
    lineNo: i + 1,
    sku: 'sku-1',
    quantity: 1,
    paidFen: 1000 + Math.floor(random() * 50_000),
  }))
  const order = {
    source: 'mall',
    orderNo,
    channel: 'online',
    paidAt: formatInstant(paidAt),
    ...(byNumber ? { memberNo: buyer } : { visitorId }),
    ...(chance(0.5) ? { sellingStore: pick(STORES), closer: pick(ASSOCIATES) } : {}),
    ...(chance(0.2) ? { shareCode: pick(LINKS) } : {}),
    lines,
  }
  tell('orders', { ...order, revision: 1 })
  if (chance(0.25)) {
    tell('orders', { ...order, revision: 2, lines: lines.map(line => ({ ...line, paidFen: line.paidFen - 500 })) })
  }
  if (chance(0.05)) tell('orders', { ...order, revision: 3, cancelled: true })
  if (chance(0.25)) {
    const refund = { source: 'mall', refundNo: `r-${id}`, orderNo, refundedAt: formatInstant(paidAt + 2 * DAY) }
    const line = lines[0]!
    tell('refunds', { ...refund, revision: 1, lines: [{ lineNo: 1, quantity: 1, refundFen: line.paidFen - 500 }] })
    if (chance(0.2)) tell('refunds', { ...refund, revision: 2, lines: [{ lineNo: 1, quantity: 0, refundFen: 300 }] })
  }
  return {
    told,
    override: chance(0.05)
      ? {
          source: 'mall',
          orderNo,
          role: pick(['sharer', 'closer'] as const),
          associateId: pick(ASSOCIATES),
          reason: 'chaos',
        }
      : null,
    clicks: [...(byClick ? [{ linkCode, visitorId }] : []), ...(chance(0.15) ? [{ linkCode, visitorId: null }] : [])],
  }
}

/** By what an item is one and the same, however often it is told. */
export function keyOf(kind: Kind, item: Item): string {
  const part = (name: string) => String(item[name])
  switch (kind) {
    case 'members':
      return part('memberNo')
    case 'touches':
      return part('touchId')
    case 'identities':
      return `${part('value')} ${part('at')} ${part('memberNo')}`
    case 'orders':
      return `${part('orderNo')} ${part('revision')}`
    case 'refunds':
      return `${part('refundNo')} ${part('revision')}`
    case 'member-assignments':
      return `${part('memberNo')} ${part('from')} ${part('attributedAssociate')}`
    case 'member-merges':
      return `${part('memberNo')} ${part('at')}`
  }
}
