/** What the console is shown with: figures that hang together, of stores and people that do not exist. */
import type { Community, CommunityPage } from '../../server/features/community/schema.ts'
import type { Summary, Trend } from '../../server/features/performance/schema.ts'
import type { Transfer } from '../../server/features/transfers/schema.ts'

const DAY_MS = 86_400_000
const dayText = (ms: number) => new Date(ms).toISOString().slice(0, 10)

/** A day of Shanghai as the service answers it. */
const instantOf = (day: string) => `${dayText(Date.parse(day) - DAY_MS)}T16:00:00.000Z`

function daysOf(url: URL): string[] {
  const to = (url.searchParams.get('to') ?? '2026-11-23').slice(0, 10)
  const from = (url.searchParams.get('from') ?? '2026-10-24').slice(0, 10)
  const days = []
  for (let ms = Date.parse(from); ms < Date.parse(to) && days.length < 366; ms += DAY_MS) days.push(dayText(ms))
  return days
}

const spanOf = (url: URL) => {
  const days = daysOf(url)
  return { from: instantOf(days[0]!), to: instantOf(dayText(Date.parse(days.at(-1)!) + DAY_MS)) }
}

type Figures = Omit<Summary, 'from' | 'to' | 'before' | 'summedUntil'>

function figuresOf(scale: number): Figures {
  const of = (count: number) => Math.round(count * scale)
  const netSalesFen = of(328_641_000)
  return {
    orders: of(4_182),
    netSalesFen,
    netQuantity: of(7_820),
    refundFen: of(9_120_400),
    averageTicketFen: 78_585,
    unitsPerOrderHundredths: 187,
    onlineFen: of(102_000_000),
    inStoreFen: netSalesFen - of(102_000_000),
    directFen: of(78_874_000),
    indirectFen: of(58_170_000),
    privateDomainBps: 4170,
    unattributedFen: of(21_500_000),
    unattributedOrders: of(301),
    buyers: of(1_388),
    unknownBuyerOrders: of(640),
    repeatBuyers: of(484),
    repeatBps: 3490,
    closerFen: of(200_000_000),
    attributedFen: of(180_000_000),
    shares: of(18_204),
    sharesClicked: of(7_639),
    clickBps: 4196,
    clicks: of(12_880),
    visitors: of(5_112),
    linkVisitors: of(5_020),
    linkBuyers: of(918),
    conversionBps: 1829,
    newFriends: of(1_046),
    lostFriends: of(230),
    newMembers: of(812),
    commissionFen: of(11_820_455),
  }
}

export const summary = (url: URL): Summary => ({
  ...spanOf(url),
  ...figuresOf(1),
  before: { from: '2026-09-23T16:00:00.000Z', to: '2026-10-23T16:00:00.000Z', ...figuresOf(0.89), repeatBps: 3550 },
  summedUntil: null,
})

export function trend(url: URL): Trend {
  const grain = url.searchParams.get('grain') ?? 'day'
  const days = daysOf(url).filter((day, i) =>
    grain === 'month' ? day.endsWith('-01') || i === 0 : grain === 'week' ? i % 7 === 0 : true,
  )
  const items = days.map((day, i) => ({
    day,
    ...figuresOf((1 + Math.sin(i * 1.7) * 0.2 + i * (day < '2026-10-24' ? 0.01 : 0.03)) / 30),
  }))
  return { ...spanOf(url), items, summedUntil: null }
}

/** Colleagues, as they are listed. */
export const listed = () => people.map((name, i) => ({ associateId: `demo-a${i}`, name }))

const people = ['示例一', '示例二', '示例三', '示例四', '示例五']
const stores = [
  ['S-JA', '静安示例店', '华东'],
  ['S-SZ', '苏州示例加盟店', '华东'],
  ['S-HZ', '杭州示例店', '华东'],
  ['S-GZ', '广州示例店', '华南'],
] as const

/** The second page is there once, so that "more" has something to add. */
export function table(name: string, url: URL) {
  const isSecond = url.searchParams.get('cursor') === 'second'
  const asked = url.searchParams.get('figures')?.split(',')
  const row = (i: number, named: object) => {
    const figures = Object.entries(figuresOf((isSecond ? 0.02 : 0.2) / (i + 1)))
    return { ...named, ...Object.fromEntries(figures.filter(([figure]) => asked?.includes(figure) ?? true)) }
  }
  const storeRows = stores.map(([storeCode, title, region], i) =>
    row(i, { storeCode, name: title, type: 'direct', region }),
  )
  const rows: Record<string, object[]> = {
    associates: people.map((person, i) =>
      row(i, {
        associateId: `demo-${isSecond ? 'b' : 'a'}${i}`,
        name: person,
        storeCode: stores[i % stores.length]![0],
      }),
    ),
    stores: [...storeRows, row(5, { storeCode: null, name: null, type: null, region: null })],
    regions: ['华东', '华南'].map((region, i) => row(i, { region })),
    links: [row(0, { linkCode: 'demoL', title: '羊毛双面大衣', name: people[0] })],
    channels: ['group_chat', 'moments', null].map((channel, i) => row(i, { channel })),
    products: [row(0, { sku: 'COAT-01', name: '羊毛双面大衣', category: '外套' })],
    groups: [],
  }
  const isPaged = name === 'associates' && !isSecond && url.searchParams.get('limit') !== '500'
  return { items: rows[name]!, nextCursor: isPaged ? 'second' : null }
}

export const tableFile = '\uFEFF导购,净销售额\r\n示例一,657282.00\r\n'

export const orders = {
  items: [0, 1, 2].map(i => ({
    source: 'pos',
    orderNo: `D-20261121-${i}`,
    paidAt: `2026-11-21T0${5 - i}:20:00.000Z`,
    channel: i === 1 ? 'online' : 'in_store',
    relation: i === 1 ? 'direct' : 'indirect',
    cancelled: false,
    sellingStore: i === 1 ? null : 'S-JA',
    memberNo: 'M-1001',
    netFen: 128_000 - i * 1000,
    amount: 128_000 - i * 1000,
  })),
  nextCursor: null,
  totals: { orders: 3, netFen: 381_000, amount: 381_000, besideFen: 0, figure: 381_000 },
}

export const order = {
  source: 'pos',
  orderNo: 'D-20261121-0',
  revision: 1,
  channel: 'in_store',
  paidAt: '2026-11-21T05:20:00.000Z',
  cancelled: false,
  onHold: false,
  plan: { code: 'base', version: 3 },
  relation: 'indirect',
  buyer: { memberNo: 'M-1001', recognisedBy: 'memberNo' },
  netFen: 128_000,
  roles: [
    { role: 'sharer', holder: 'demo-a0', because: 'touch' },
    { role: 'closer', holder: 'demo-a1', because: 'ticket' },
    { role: 'attributed', holder: null, because: 'not_assigned' },
  ],
  candidates: [
    { linkCode: 'demoL', associateId: 'demo-a0', kind: 'click', at: '2026-11-20T12:04:00.000Z', outcome: 'won' },
    {
      linkCode: 'demoM',
      associateId: 'demo-a2',
      kind: 'click',
      at: '2026-10-01T12:04:00.000Z',
      outcome: 'outside_window',
    },
  ],
  lines: [
    {
      lineNo: 1,
      sku: 'COAT-01',
      paidFen: 128_000,
      refundedFen: 0,
      netFen: 128_000,
      roles: [
        {
          role: 'sharer',
          payeeKind: 'associate',
          payee: 'demo-a0',
          ruleId: 'share-in-store',
          rateBps: 400,
          perUnitFen: null,
          bearer: 'headquarters',
          amountFen: 5_120,
          afterSameAssociateFen: 5_120,
          afterCapFen: 5_120,
        },
      ],
    },
  ],
}

function communityFigures(scale: number) {
  const of = (count: number) => Math.round(count * scale)
  return {
    members: of(6_214),
    newMembers: of(186),
    activeMembers: of(2_374),
    activeBps: 3820,
    friends: of(4_870),
    friendsAdded: of(241),
    friendsLost: of(63),
    groups: 12,
    groupMembers: of(2_306),
    groupJoined: of(125),
    groupLeft: of(31),
    netSalesFen: of(21_486_000),
    hereFen: of(12_810_000),
    othersFen: of(3_002_000),
    onlineFen: of(5_674_000),
    orders: of(412),
    buyers: of(300),
    repeatBuyers: of(109),
    repeatBps: 3640,
    boughtElsewhere: of(87),
    elsewherePaidFen: of(958_500),
    associatesCommissionFen: of(490_620),
  }
}

const communityOf = (i: number) => ({
  storeCode: stores[i]![0],
  name: stores[i]![1],
  type: i === 1 ? ('franchise' as const) : ('direct' as const),
  region: stores[i]![2],
  ...communityFigures(1 / (i + 1)),
  before: {
    from: '2026-09-23T16:00:00.000Z',
    to: '2026-10-23T16:00:00.000Z',
    ...communityFigures(0.91 / (i + 1)),
    groupLeft: 14,
    repeatBps: 3710,
  },
})

export const communities = (url: URL, role: string): CommunityPage => ({
  ...spanOf(url),
  items: role === 'franchisee' ? [communityOf(1)] : stores.map((_, i) => communityOf(i)),
  nextCursor: null,
})

export function community(storeCode: string, url: URL): Community | null {
  const i = stores.findIndex(([code]) => code === storeCode)
  if (i === -1) return null
  const days = daysOf(url).map((day, n) => ({ day, ...communityFigures((1 + Math.sin(n)) / 60) }))
  return {
    ...spanOf(url),
    ...communityOf(i),
    regionMedian: { stores: 3, ...communityFigures(0.8 / (i + 1)), activeBps: 4100, repeatBps: 3300 },
    days: days.map((day, n) => (n === 0 ? { ...day, members: null, activeMembers: null, friends: null } : day)),
  }
}

const nothing = { waiting: 0, asked: 0, done: 0, refused: 0, taker_full: 0, failed: 0 }

export const transfers: Transfer[] = [
  {
    transferId: '018f0000-0000-7000-8000-0000000000b1',
    kind: 'on_job',
    fromAssociate: 'demo-a0',
    fromName: '示例一',
    toAssociate: 'demo-a1',
    toName: '示例二',
    message: '以后由示例二为您服务',
    reason: '调店',
    madeBy: 'demo-hq',
    madeByName: '示例总部',
    madeAt: '2026-11-21T02:00:00.000Z',
    customers: { ...nothing, waiting: 20, asked: 60, done: 310, refused: 4, taker_full: 0, failed: 6 },
    groups: { ...nothing, done: 3 },
    fault: {
      errcode: 48002,
      advice: { zh: '请管理员给应用开通「在职继承」的权限。', en: 'Ask an administrator to allow transfers.' },
    },
    endedAt: null,
    undoneAt: null,
    undoneBy: null,
    undoReason: null,
  },
  {
    transferId: '018f0000-0000-7000-8000-0000000000b2',
    kind: 'resigned',
    fromAssociate: 'demo-a4',
    fromName: '示例五',
    toAssociate: 'demo-a2',
    toName: '示例三',
    message: null,
    reason: '离职',
    madeBy: 'demo-hq',
    madeByName: '示例总部',
    madeAt: '2026-11-11T02:00:00.000Z',
    customers: { ...nothing, done: 120 },
    groups: nothing,
    fault: null,
    endedAt: '2026-11-13T02:00:00.000Z',
    undoneAt: null,
    undoneBy: null,
    undoReason: null,
  },
]

export function transferItems(kind: string, url: URL) {
  const state = url.searchParams.get('state')
  const items = [
    {
      ...(kind === 'customers'
        ? { externalUserid: 'wm-demo-1', memberNo: null, returned: null }
        : { chatId: 'wr-demo' }),
      name: '示例顾客',
      state: 'failed',
      askedAt: '2026-11-21T02:01:00.000Z',
      takeoverAt: null,
      endedAt: '2026-11-21T02:02:00.000Z',
      errcode: 40096,
      advice: {
        zh: '90 天内已经交接过两次，2026-12-20 以后可以再试。',
        en: 'Transferred twice in 90 days; try again after 2026-12-20.',
      },
    },
  ]
  return { items: items.filter(item => state === null || item.state === state), nextCursor: null }
}

export const unassigned = {
  items: [
    {
      associateId: 'demo-a4',
      name: '示例五',
      storeCode: 'S-JA',
      leftAt: '2026-11-10T02:00:00.000Z',
      customerCount: 120,
    },
  ],
  isComplete: true,
  fault: null,
}
