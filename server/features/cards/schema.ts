/**
 * The cards beside a chat: one request each, so that a phone between two customers shows everything at once.
 *
 * A card always answers 200. Somebody whom nobody knows and somebody whom the asker may not see look exactly alike
 * (a stranger, a group without a name), so that existence itself is not told. Between the two is the customer of a
 * colleague: name, states and whose he is, nothing else. Browser code imports the types only.
 */
import { Type, type Static, type TSchema } from 'typebox'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const instant = (description?: string) => Type.String({ format: 'date-time', ...(description ? { description } : {}) })
const fen = (description?: string) => Type.Integer({ ...(description ? { description } : {}) })

/** A colleague as a card names him. */
export const CardPerson = Type.Object({
  associateId: Type.String(),
  name: Type.String(),
  storeName: nullable(Type.String()),
  isMe: Type.Boolean({ description: 'He is the one who asks' }),
})
export type CardPerson = Static<typeof CardPerson>

export const CardStore = Type.Object({
  storeCode: Type.String(),
  name: Type.String(),
  type: Type.Enum(['direct', 'franchise']),
})
export type CardStore = Static<typeof CardStore>

/** Where a share went, as on share links. null: an imported link that did not say. */
export const CardChannel = Type.Enum([
  'single_chat',
  'group_chat',
  'moments',
  'poster',
  'live',
  'sms',
  'email',
  'qq',
  'douyin',
  'web',
  'other',
])
export type CardChannel = Static<typeof CardChannel>

/** What made the attributed associate the attributed one. */
export const AttributionReason = Type.Enum(['enrol', 'friend_added', 'first_purchase', 'assigned'], {
  description: "The binding policy's event, or `assigned`: told by API or by hand",
})
export type AttributionReason = Static<typeof AttributionReason>

/** Who holds what about a member. Every field null: nobody. */
export const CardOwnership = Type.Object({
  attributed: nullable(
    Type.Object({
      person: CardPerson,
      since: instant('From when the assignment in force counts'),
      reason: AttributionReason,
      reasonText: nullable(Type.String({ description: 'The reason as told with an assignment by API' })),
    }),
  ),
  openingAssociate: nullable(CardPerson),
  openingStore: nullable(CardStore),
  homeStore: nullable(CardStore),
  homeStoreIsOpening: Type.Boolean({ description: 'No home store was assigned: the opening store stands in' }),
})
export type CardOwnership = Static<typeof CardOwnership>

export const CardMember = Type.Object({
  memberNo: nullable(
    Type.String({
      description: "null on the card of a colleague's customer, like all that is not who he is and whose",
    }),
  ),
  name: nullable(Type.String()),
  phoneMasked: nullable(Type.String({ description: '138****5678' })),
  mayShowPhone: Type.Boolean({
    description: 'The asker has the right to the whole number, which is asked for by itself',
  }),
  level: nullable(Type.String()),
  points: nullable(Type.Integer()),
  balanceFen: nullable(fen('Stored value')),
  joinedAt: nullable(instant()),
  followsOfficialAccount: nullable(Type.Boolean({ description: 'null: not told' })),
  miniProgramAuthorised: nullable(Type.Boolean({ description: 'null: not told' })),
  tags: Type.Array(Type.String(), { maxItems: 20 }),
  ownership: CardOwnership,
})
export type CardMember = Static<typeof CardMember>

/** Orders paid in the 12 months before `asOf`, uncancelled and with net above 0. */
export const CardSpend = Type.Object({
  netFen: fen('Net of refunds'),
  orderCount: Type.Integer(),
  averageTicketFen: nullable(fen('netFen / orderCount, half up; null without orders')),
  lastPaidAt: nullable(instant('Of any time, not only of the 12 months')),
  favouriteCategories: Type.Array(Type.String(), { maxItems: 3, description: 'By net, the largest first' }),
})
export type CardSpend = Static<typeof CardSpend>

export const CardOrder = Type.Object({
  source: Type.String(),
  orderNo: Type.String(),
  paidAt: instant(),
  channel: Type.Enum(['online', 'in_store']),
  storeName: nullable(Type.String({ description: 'The selling store; null for an order of the mall' })),
  title: Type.String({ description: "The first line's name, else its sku" }),
  itemCount: Type.Integer({ description: 'Σ quantity over its lines' }),
  paidFen: fen('Σ paidFen of the lines'),
  netFen: fen('What is left after refunds; 0 where cancelled'),
  refundedFen: fen('paidFen − netFen of an order not cancelled'),
  isCancelled: Type.Boolean(),
  sharer: nullable(CardPerson),
  closer: nullable(CardPerson),
})
export type CardOrder = Static<typeof CardOrder>

/** One thing looked at, its views of the last 30 days counted together. */
export const CardView = Type.Object({
  title: Type.String({ description: "The link target's or page's title, else its ref" }),
  at: instant('The latest of the views'),
  count: Type.Integer({ minimum: 1 }),
  sharer: nullable(CardPerson),
  channel: nullable(CardChannel),
})
export type CardView = Static<typeof CardView>

/** What was looked at, or why that is not told. */
export const CardTrail = Type.Object({
  state: Type.Enum(['shown', 'no_consent'], { description: 'no_consent: withheld, `views` is empty' }),
  views: Type.Array(CardView, { maxItems: 10, description: 'The latest first' }),
})
export type CardTrail = Static<typeof CardTrail>

/** A coupon that he can still use, that which ends first at the top. */
export const CardCoupon = Type.Object({
  couponCode: Type.String(),
  name: Type.String({ description: 'Its code where nobody told of it yet' }),
  kind: nullable(Type.Enum(['amount', 'discount', 'gift'])),
  amountFen: nullable(fen('What it takes off')),
  discountBps: nullable(Type.Integer({ description: 'What is paid: 9000 is 10 % off' })),
  minimumFen: nullable(fen('From how much on')),
  validFrom: nullable(instant()),
  validTo: nullable(instant('First instant at which it is not taken any more')),
  count: Type.Integer({ minimum: 1, description: 'How many of it he has' }),
  sharer: nullable(CardPerson),
})
export type CardCoupon = Static<typeof CardCoupon>

/** What today's plan pays a role, as a span over its rules: enough for a sentence, without an order to apply it to. */
export const RolePay = Type.Object({
  pays: Type.Boolean({ description: 'Some rule of the plan pays this role' }),
  fromBps: nullable(Type.Integer({ description: 'The lowest rate above 0; null where only amounts per unit pay' })),
  toBps: nullable(Type.Integer({ description: 'The highest rate' })),
})
export type RolePay = Static<typeof RolePay>

/** GET /api/v1/cards/customer?externalUserid= */
export const CustomerCardQuery = Type.Object(
  { externalUserid: Type.String({ minLength: 1, maxLength: 128, format: 'text' }) },
  { additionalProperties: false },
)
export type CustomerCardQuery = Static<typeof CustomerCardQuery>

export const CustomerCard = Type.Object({
  asOf: instant("The service's clock, from which the screen counts minutes ago"),
  externalUserid: Type.String(),
  relation: Type.Enum(['stranger', 'mine', 'colleague', 'unattributed'], {
    description:
      'stranger: no member is linked to this contact; else by the attributed associate in force: the asker, somebody else, or nobody',
  }),
  name: nullable(Type.String({ description: "WeCom's name or the asker's remark, else the member's; null: unknown" })),
  avatarUrl: nullable(Type.String()),
  isFriend: nullable(Type.Boolean({ description: "Still the asker's friend; null: WeCom's mirror does not say" })),
  friendSince: nullable(instant()),
  member: nullable(CardMember),
  /** null also on the card of a colleague's customer who is not the asker's to see: orders and trail are empty then. */
  spend: nullable(CardSpend),
  orders: Type.Array(CardOrder, { maxItems: 5, description: 'By paidAt, the latest first; cancelled ones too' }),
  ordersTotal: Type.Integer({ description: 'How many there are in all' }),
  coupons: Type.Array(CardCoupon, { maxItems: 10 }),
  couponsTotal: Type.Integer({ description: 'How many kinds there are in all' }),
  trail: CardTrail,
  planToday: nullable(
    Type.Object(
      { sharer: RolePay, closer: RolePay, attributed: RolePay },
      { description: "What a sale to a colleague's customer still pays whom; null: no plan is in force" },
    ),
  ),
})
export type CustomerCard = Static<typeof CustomerCard>

/** GET /api/v1/cards/group?chatId= */
export const GroupCardQuery = Type.Object(
  { chatId: Type.String({ minLength: 1, maxLength: 128, format: 'text' }) },
  { additionalProperties: false },
)
export type GroupCardQuery = Static<typeof GroupCardQuery>

export const GroupMember = Type.Object({
  name: Type.String(),
  kind: Type.Enum(['colleague', 'customer']),
  isMember: Type.Boolean({ description: "A customer's being a member of the brand; false for a colleague" }),
  isMine: Type.Boolean({ description: 'Attributed to the asker, or the asker himself' }),
  level: nullable(Type.String()),
  joinedAt: nullable(instant('Into the group')),
})
export type GroupMember = Static<typeof GroupMember>

export const GroupCard = Type.Object({
  asOf: instant(),
  chatId: Type.String(),
  isKnown: Type.Boolean({ description: 'false: not there, not synced yet, or not to be seen; the rest is empty then' }),
  name: nullable(Type.String()),
  store: nullable(CardStore),
  owner: nullable(CardPerson),
  createdAt: nullable(instant()),
  customerCount: nullable(Type.Integer()),
  memberCount: nullable(Type.Integer({ description: 'Customers in it who are members of the brand' })),
  joinedLately: nullable(Type.Integer({ description: 'Customers who joined in the last 7 days' })),
  leftLately: nullable(Type.Integer({ description: 'Customers who left in the last 7 days' })),
  sales: nullable(
    Type.Object(
      {
        days: Type.Integer(),
        netFen: fen('Net sales to those who are in the group now, wherever they bought'),
        orderCount: Type.Integer(),
        buyerCount: Type.Integer(),
        isPart: Type.Boolean({ description: 'Of the orders that the asker may see, which need not be all' }),
      },
      { description: 'Of the last days; null where WeCom’s mirror has no such group' },
    ),
  ),
  members: Type.Array(GroupMember, {
    maxItems: 50,
    description: 'Colleagues first, then by joinedAt, the latest first',
  }),
})
export type GroupCard = Static<typeof GroupCard>
