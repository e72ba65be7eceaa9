/** Made-up people, goods and sums for looking at screens. The types are the service's contract: what drifts, fails. */
import type { CardOrder, CardPerson, CardView, CustomerCard, GroupCard } from '../../server/features/cards/schema.ts'
import type { Catalogue, CatalogueItem } from '../../server/features/catalogue/schema.ts'
import type { OwnCoupons } from '../../server/features/coupons/schema.ts'
import type { EarnedOrder, Earnings, EarningsSpan } from '../../server/features/earnings/schema.ts'
import type { Session } from '../../server/features/session/schema.ts'

export const asOf = '2026-11-20T14:32:00+08:00'

export const session: Session = {
  associateId: 'demo-li',
  name: '李华',
  role: 'associate',
  storeCode: 'S1',
  storeName: '静安旗舰店',
  brand: 'default',
  brandName: '示例品牌',
  timeZone: 'Asia/Shanghai',
  corpId: 'ww-demo',
  agentId: '1000002',
  csrfToken: 'demo-csrf',
}

const me: CardPerson = { associateId: 'demo-li', name: '李华', storeName: '静安旗舰店', isMe: true }
const zhang: CardPerson = { associateId: 'demo-zhang', name: '张伟', storeName: '苏州加盟店', isMe: false }
const wang: CardPerson = { associateId: 'demo-wang', name: '王芳', storeName: '静安旗舰店', isMe: false }
const suzhou = { storeCode: 'S2', name: '苏州加盟店', type: 'franchise' as const }

const views: CardView[] = [
  { title: '羊毛双面大衣', at: '2026-11-20T14:20:00+08:00', count: 3, sharer: me, channel: 'single_chat' },
  { title: '秋冬上新直播间', at: '2026-11-19T20:41:00+08:00', count: 1, sharer: wang, channel: 'group_chat' },
]

const orders: CardOrder[] = [
  {
    source: 'till',
    orderNo: 'T-1109',
    paidAt: '2026-11-08T16:20:00+08:00',
    channel: 'in_store',
    storeName: '静安旗舰店',
    title: '羊绒围巾',
    itemCount: 2,
    paidFen: 159_900,
    netFen: 159_900,
    refundedFen: 0,
    isCancelled: false,
    sharer: null,
    closer: zhang,
  },
  {
    source: 'mall',
    orderNo: 'M-1002',
    paidAt: '2026-10-02T21:05:00+08:00',
    channel: 'online',
    storeName: null,
    title: '真丝衬衫',
    itemCount: 1,
    paidFen: 119_900,
    netFen: 89_900,
    refundedFen: 30_000,
    isCancelled: false,
    sharer: me,
    closer: null,
  },
]

const planToday: CustomerCard['planToday'] = {
  sharer: { pays: true, fromBps: 400, toBps: 600 },
  closer: { pays: true, fromBps: 300, toBps: 300 },
  attributed: { pays: true, fromBps: 100, toBps: 100 },
}

const amountOff = {
  couponCode: 'C-100',
  name: '双十一满减券',
  kind: 'amount' as const,
  amountFen: 10_000,
  discountBps: null,
  minimumFen: 100_000,
  validFrom: null,
  validTo: '2026-12-01T00:00:00+08:00',
}
const tenthOff = {
  ...amountOff,
  couponCode: 'C-90',
  name: '针织衫九折',
  kind: 'discount' as const,
  amountFen: null,
  discountBps: 9000,
  minimumFen: null,
  validTo: '2027-02-01T00:00:00+08:00',
}
const birthdayGift = {
  ...tenthOff,
  couponCode: 'C-GIFT',
  name: '生日小方巾',
  kind: 'gift' as const,
  discountBps: null,
  validTo: null,
}

const coupons: CustomerCard['coupons'] = [
  { ...amountOff, count: 2, sharer: me },
  { ...birthdayGift, count: 1, sharer: null },
]

/** What there is to hand out; the gift is used up on the second page. */
export function ownCoupons(query: string, cursor: string | undefined): OwnCoupons {
  const all = [
    { ...amountOff, stock: 320, inHand: 2, sentBeforeAt: '2026-11-20T10:00:00+08:00', claimed: 12, redeemed: 5 },
    { ...tenthOff, stock: null, inHand: 0, sentBeforeAt: null, claimed: 0, redeemed: 0 },
    { ...birthdayGift, stock: 18, inHand: 1, sentBeforeAt: null, claimed: 1, redeemed: 0 },
  ].filter(coupon => coupon.name.includes(query))
  return cursor
    ? { asOf, items: all.slice(2), nextCursor: null }
    : { asOf, items: all.slice(0, 2), nextCursor: all.length > 2 ? 'more' : null }
}

const gold: CustomerCard = {
  asOf,
  externalUserid: 'wm-gold',
  relation: 'mine',
  name: '陈晓',
  avatarUrl: null,
  isFriend: true,
  friendSince: '2025-02-03T11:00:00+08:00',
  member: {
    memberNo: 'VIP0001',
    name: '陈晓',
    phoneMasked: '138****5678',
    mayShowPhone: true,
    level: '金卡',
    points: 12_860,
    balanceFen: 30_000,
    joinedAt: '2025-02-03T11:02:00+08:00',
    followsOfficialAccount: true,
    miniProgramAuthorised: false,
    tags: ['大衣控', '价格敏感'],
    ownership: {
      attributed: { person: me, since: '2025-02-03T11:02:00+08:00', reason: 'enrol', reasonText: null },
      openingAssociate: zhang,
      openingStore: suzhou,
      homeStore: suzhou,
      homeStoreIsOpening: true,
    },
  },
  spend: {
    netFen: 864_200,
    orderCount: 7,
    averageTicketFen: 123_457,
    lastPaidAt: '2026-11-08T16:20:00+08:00',
    favouriteCategories: ['大衣', '围巾'],
  },
  orders,
  ordersTotal: 7,
  coupons,
  couponsTotal: coupons.length,
  trail: { state: 'shown', views },
  planToday,
}

const stranger: CustomerCard = {
  ...gold,
  externalUserid: 'wm-stranger',
  relation: 'stranger',
  name: '林间',
  isFriend: true,
  friendSince: '2026-11-20T14:00:00+08:00',
  member: null,
  spend: null,
  orders: [],
  ordersTotal: 0,
  coupons: [],
  couponsTotal: 0,
  trail: { state: 'no_consent', views: [] },
}

const colleague: CustomerCard = {
  ...gold,
  externalUserid: 'wm-colleague',
  relation: 'colleague',
  name: '周敏',
  member: {
    ...gold.member!,
    memberNo: 'VIP0042',
    name: '周敏',
    phoneMasked: '139****0042',
    mayShowPhone: false,
    level: '银卡',
    tags: [],
    miniProgramAuthorised: true,
    ownership: {
      ...gold.member!.ownership,
      attributed: { person: wang, since: '2026-03-18T10:00:00+08:00', reason: 'friend_added', reasonText: null },
    },
  },
  trail: { state: 'no_consent', views: [] },
}

/** Everything at its longest or emptiest, where layouts break first. */
const extreme: CustomerCard = {
  ...gold,
  externalUserid: 'wm-extreme',
  relation: 'unattributed',
  name: '欧阳·Alexandra-Maximiliana Wolkenstein 的很长很长的备注名',
  isFriend: false,
  member: {
    ...gold.member!,
    memberNo: 'MEMBER-2026-0000000000001',
    level: '至尊黑金卡',
    points: 12_345_678,
    balanceFen: 123_456_789,
    followsOfficialAccount: null,
    tags: ['价格敏感', '只买正价', '生日在十二月', '喜欢燕麦色', '身高一米七', '不要打电话', '周末来店'],
    ownership: {
      attributed: null,
      openingAssociate: null,
      openingStore: null,
      homeStore: null,
      homeStoreIsOpening: false,
    },
  },
  spend: {
    netFen: 1_234_567_890,
    orderCount: 1234,
    averageTicketFen: 1_000_460,
    lastPaidAt: '2024-01-05T09:00:00+08:00',
    favouriteCategories: [],
  },
  orders: [{ ...orders[0]!, orderNo: 'T-1', title: '很长的商品名'.repeat(6), netFen: 0, isCancelled: true }],
  trail: { state: 'shown', views: [] },
}

export const customers: Record<string, CustomerCard> = Object.fromEntries(
  [gold, stranger, colleague, extreme].map(card => [card.externalUserid, card]),
)

/** Whom nobody knows. */
export function unknownCustomer(externalUserid: string): CustomerCard {
  return { ...stranger, externalUserid, name: null, isFriend: null, friendSince: null }
}

export const group: GroupCard = {
  asOf,
  chatId: 'wr-group',
  isKnown: true,
  name: '静安店 秋冬会员群',
  store: { storeCode: 'S1', name: '静安旗舰店', type: 'direct' },
  owner: me,
  createdAt: '2026-09-01T10:00:00+08:00',
  customerCount: 128,
  memberCount: 96,
  joinedLately: 7,
  sales: { days: 30, netFen: 1_268_000, orderCount: 14, buyerCount: 9, isPart: true },
  leftLately: 1,
  members: [
    { name: '李华', kind: 'colleague', isMember: false, isMine: true, level: null, joinedAt: null },
    { name: '王芳', kind: 'colleague', isMember: false, isMine: false, level: null, joinedAt: null },
    { name: '陈晓', kind: 'customer', isMember: true, isMine: true, level: '金卡', joinedAt: null },
    { name: '周敏', kind: 'customer', isMember: true, isMine: false, level: '银卡', joinedAt: null },
    { name: '林间', kind: 'customer', isMember: false, isMine: false, level: null, joinedAt: null },
  ],
}

export function unknownGroup(chatId: string): GroupCard {
  return {
    ...group,
    chatId,
    isKnown: false,
    name: null,
    store: null,
    owner: null,
    createdAt: null,
    customerCount: null,
    memberCount: null,
    joinedLately: null,
    sales: null,
    leftLately: null,
    members: [],
  }
}

const shareRule = { role: 'sharer' as const, ruleId: 'share-coats', rateBps: 600, perUnitFen: null }
const careRule = { role: 'attributed' as const, ruleId: 'care', rateBps: 100, perUnitFen: null }

const coat: CatalogueItem = {
  sku: 'COAT-OAT',
  name: '羊毛双面大衣 · 燕麦色',
  category: '大衣',
  priceFen: 159_900,
  listFen: 199_900,
  imageUrl: '/mock/coat.svg',
  stock: 12,
  earn: {
    earnFen: 11_193,
    earnInStoreFen: 7_995,
    parts: [
      { ...shareRule, amountFen: 9_594 },
      { ...careRule, amountFen: 1_599 },
    ],
    cappedFromFen: null,
    nothingBecause: null,
  },
  sentBeforeAt: null,
  viewedAt: '2026-11-20T14:20:00+08:00',
}

const items: CatalogueItem[] = [
  coat,
  {
    ...coat,
    sku: 'SCARF-GREY',
    name: '羊绒围巾 · 雾灰',
    category: '围巾',
    priceFen: 69_000,
    listFen: null,
    imageUrl: '/mock/scarf.svg',
    earn: {
      earnFen: 3_450,
      earnInStoreFen: 3_450,
      parts: [
        { ...shareRule, ruleId: 'share', rateBps: 400, amountFen: 2_760 },
        { ...careRule, amountFen: 690 },
      ],
      cappedFromFen: null,
      nothingBecause: null,
    },
    sentBeforeAt: '2026-11-19T18:03:00+08:00',
    viewedAt: null,
  },
  {
    ...coat,
    sku: 'SHIRT-SILK',
    name: '真丝衬衫 · 玫瑰',
    category: '衬衫',
    priceFen: 119_900,
    listFen: null,
    imageUrl: null,
    viewedAt: null,
    earn: {
      earnFen: 5_995,
      earnInStoreFen: 5_995,
      parts: [
        { ...shareRule, ruleId: 'share', rateBps: 400, amountFen: 4_796 },
        { ...careRule, amountFen: 1_199 },
      ],
      cappedFromFen: null,
      nothingBecause: null,
    },
  },
  {
    ...coat,
    sku: 'GIFT-500',
    name: '500 元礼品卡',
    category: '礼品卡',
    priceFen: 50_000,
    listFen: null,
    imageUrl: null,
    stock: 0,
    earn: { earnFen: 0, earnInStoreFen: 0, parts: [], cappedFromFen: null, nothingBecause: 'no_rule' },
    viewedAt: null,
  },
]

export function catalogue(query: string, cursor: string | undefined): Catalogue {
  const found = items.filter(item => (item.name + item.sku + item.category).includes(query))
  const plan = { code: 'standard', version: 3 }
  if (query !== '') return { asOf, plan, items: found, nextCursor: null }
  return cursor
    ? { asOf, plan, items: found.slice(3), nextCursor: null }
    : { asOf, plan, items: found.slice(0, 3), nextCursor: 'page-2' }
}

const direct: EarnedOrder = {
  source: 'mall',
  orderNo: 'M-1120',
  paidAt: '2026-11-20T12:40:00+08:00',
  channel: 'online',
  credit: 'direct',
  storeName: null,
  buyerName: '陈晓',
  title: '羊毛双面大衣 · 燕麦色',
  itemCount: 1,
  paidFen: 159_900,
  netFen: 159_900,
  isCancelled: false,
  amountFen: 11_193,
  state: 'pending',
  availableAt: '2026-11-27T12:40:00+08:00',
  plan: { code: 'standard', version: 3, windowDays: 15 },
  roles: [
    {
      role: 'sharer',
      ground: {
        kind: 'touch',
        touchKind: 'click',
        at: '2026-11-17T21:14:00+08:00',
        linkCode: 'demoA',
        linkTitle: '羊毛双面大衣',
        linkChannel: 'single_chat',
        linkCreatedAt: '2026-11-17T19:02:00+08:00',
      },
    },
    { role: 'attributed', ground: { kind: 'assignment', since: '2025-02-03T11:02:00+08:00', reason: 'enrol' } },
  ],
  others: [{ role: 'opener', name: '张伟' }],
  lines: [
    {
      lineNo: 1,
      name: '羊毛双面大衣 · 燕麦色',
      quantity: 1,
      netQuantity: 1,
      paidFen: 159_900,
      netFen: 159_900,
      parts: [
        { ...shareRule, ruleFen: 9_594, amountFen: 9_594, reducedBy: null },
        { ...careRule, ruleFen: 1_599, amountFen: 1_599, reducedBy: null },
      ],
    },
  ],
  lineCapBps: 1200,
  refunds: [],
  takenBackFen: 0,
  losers: [
    {
      associateName: '王芳',
      isMe: false,
      touchKind: 'click',
      at: '2026-11-12T20:30:00+08:00',
      linkChannel: 'group_chat',
      reason: 'superseded',
    },
  ],
}

/** The same share, opened on another day. */
function openedAt(at: string): EarnedOrder['roles'][number] {
  const [won] = direct.roles
  if (won?.ground.kind !== 'touch') throw new Error('The first role is won by a touch')
  return { ...won, ground: { ...won.ground, at } }
}

const refunded: EarnedOrder = {
  ...direct,
  orderNo: 'M-1102',
  paidAt: '2026-11-02T21:05:00+08:00',
  title: '真丝衬衫',
  paidFen: 119_900,
  netFen: 89_900,
  amountFen: 3_596,
  state: 'available',
  availableAt: '2026-11-09T21:05:00+08:00',
  roles: [openedAt('2026-11-02T19:48:00+08:00')],
  others: [],
  lines: [
    {
      lineNo: 1,
      name: '真丝衬衫',
      quantity: 1,
      netQuantity: 1,
      paidFen: 119_900,
      netFen: 89_900,
      parts: [{ ...shareRule, ruleId: 'share', rateBps: 400, ruleFen: 3_596, amountFen: 3_596, reducedBy: null }],
    },
  ],
  refunds: [{ refundedAt: '2026-11-05T10:12:00+08:00', refundFen: 30_000 }],
  takenBackFen: 1_200,
  losers: [],
}

const indirect: EarnedOrder = {
  ...direct,
  source: 'till',
  orderNo: 'T-1110',
  paidAt: '2026-11-10T17:20:00+08:00',
  channel: 'in_store',
  credit: 'indirect',
  storeName: '苏州加盟店',
  buyerName: '周敏',
  title: '羊绒围巾 · 雾灰',
  itemCount: 3,
  paidFen: 100_050,
  netFen: 100_050,
  amountFen: 6_130,
  state: 'available',
  availableAt: '2026-11-17T17:20:00+08:00',
  roles: [openedAt('2026-11-03T20:10:00+08:00'), { role: 'closer', ground: { kind: 'named', where: 'order' } }],
  others: [{ role: 'attributed', name: '王芳' }],
  lineCapBps: 700,
  lines: [
    {
      lineNo: 1,
      name: '羊绒围巾 · 雾灰',
      quantity: 2,
      netQuantity: 2,
      paidFen: 100_050,
      netFen: 100_050,
      parts: [
        { ...shareRule, ruleId: 'share', rateBps: 400, ruleFen: 4_002, amountFen: 3_502, reducedBy: 'cap' },
        {
          ...shareRule,
          role: 'closer',
          ruleId: 'till',
          rateBps: 300,
          ruleFen: 3_002,
          amountFen: 2_628,
          reducedBy: 'cap',
        },
      ],
    },
    { lineNo: 2, name: '礼品袋', quantity: 1, netQuantity: 1, paidFen: 0, netFen: 0, parts: [] },
  ],
  losers: [
    {
      associateName: '王芳',
      isMe: false,
      touchKind: 'scan',
      at: '2026-10-20T20:30:00+08:00',
      linkChannel: 'poster',
      reason: 'outside_window',
    },
  ],
}

const cancelled: EarnedOrder = {
  ...direct,
  orderNo: 'M-1101',
  paidAt: '2026-11-01T09:30:00+08:00',
  title: '羊毛双面大衣 · 燕麦色',
  netFen: 0,
  isCancelled: true,
  amountFen: 0,
  takenBackFen: 9_594,
  lines: [
    {
      ...direct.lines[0]!,
      netFen: 0,
      netQuantity: 0,
      parts: [{ ...shareRule, ruleFen: 0, amountFen: 0, reducedBy: null }],
    },
  ],
  roles: [openedAt('2026-10-31T22:15:00+08:00')],
  others: [],
  losers: [],
}

export function earnings(span: EarningsSpan, cursor: string | undefined): Earnings {
  const isToday = span !== 'month'
  const orders = isToday ? [direct] : cursor ? [cancelled] : [direct, indirect, refunded]
  return {
    asOf,
    span,
    from: isToday ? '2026-11-20T00:00:00+08:00' : '2026-11-01T00:00:00+08:00',
    to: isToday ? '2026-11-21T00:00:00+08:00' : '2026-12-01T00:00:00+08:00',
    figures: isToday
      ? {
          creditedFen: 159_900,
          directFen: 159_900,
          indirectFen: 0,
          orderCount: 1,
          commissionFen: 11_193,
          pendingFen: 11_193,
          availableFen: 0,
          settledFen: 0,
        }
      : {
          creditedFen: 349_850,
          directFen: 249_800,
          indirectFen: 100_050,
          orderCount: 3,
          commissionFen: 25_919,
          pendingFen: 11_193,
          availableFen: 14_726,
          settledFen: 0,
        },
    days: isToday
      ? []
      : Array.from({ length: 30 }, (_, i) => ({
          day: `2026-11-${String(i + 1).padStart(2, '0')}`,
          commissionFen: { 1: 3596, 9: 6130, 14: 5000, 19: 11_193 }[i] ?? 0,
        })),
    rank: isToday
      ? null
      : {
          place: 2,
          of: 3,
          team: [
            { place: 1, name: '王芳', creditedFen: 512_000, isMe: false },
            { place: 2, name: '李华', creditedFen: 349_850, isMe: true },
            { place: 3, name: '张敏', creditedFen: 0, isMe: false },
          ],
        },
    tier: isToday ? null : { basisFen: 349_850, bonusFen: 0, rateBps: 0, nextFromFen: 5_000_000, nextRateBps: 50 },
    orders,
    ordersTotal: isToday ? 1 : 4,
    extras: isToday
      ? []
      : [{ kind: 'event', at: '2026-11-15T10:00:00+08:00', amountFen: 5_000, note: '新会员入会', state: 'available' }],
    nextCursor: isToday || cursor ? null : 'page-2',
  }
}
