/**
 * What the asker earned in a span and, per order, why: as data from which the screen builds its sentences in either
 * language. Figures as docs define them: by paidAt, in the brand's time zone, a refund restating its order's day.
 * Browser code imports the types only.
 */
import { Type, type Static, type TSchema } from 'typebox'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const instant = (description?: string) => Type.String({ format: 'date-time', ...(description ? { description } : {}) })

export const EarningsSpan = Type.Enum(['today', 'week', 'month'], { description: 'A week begins on Monday' })
export type EarningsSpan = Static<typeof EarningsSpan>

/** GET /api/v1/earnings. Figures and extras are always of the whole span, whatever the cursor. */
export const EarningsQuery = Type.Object(
  {
    span: EarningsSpan,
    cursor: Type.Optional(Type.String({ maxLength: 4096 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 50, default: 20 })),
  },
  { additionalProperties: false },
)
export type EarningsQuery = Static<typeof EarningsQuery>

export const EarningsRole = Type.Enum(['sharer', 'closer', 'attributed', 'opener', 'inviter'])
export type EarningsRole = Static<typeof EarningsRole>

export const TouchKind = Type.Enum(['click', 'visit', 'scan', 'live_enter', 'coupon_claim', 'sent'])
export type TouchKind = Static<typeof TouchKind>

export const ShareChannel = Type.Enum([
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
export type ShareChannel = Static<typeof ShareChannel>

/** The touch that won sharer for the asker. */
const TouchGround = Type.Object({
  kind: Type.Literal('touch'),
  touchKind: TouchKind,
  at: instant(),
  linkCode: Type.String(),
  linkTitle: nullable(Type.String()),
  linkChannel: nullable(ShareChannel),
  linkCreatedAt: nullable(instant('When the asker made the link; null: imported without')),
})

/** The order itself carried the asker's share code. */
const ShareCodeGround = Type.Object({
  kind: Type.Literal('share_code'),
  linkCode: Type.String(),
  linkTitle: nullable(Type.String()),
  linkChannel: nullable(ShareChannel),
})

/** closer: the ticket, the line or the online order names him. */
const NamedGround = Type.Object({ kind: Type.Literal('named'), where: Type.Enum(['order', 'line']) })

/** attributed: the assignment in force at paidAt. */
const AssignmentGround = Type.Object({
  kind: Type.Literal('assignment'),
  since: instant(),
  reason: Type.Enum(['enrol', 'friend_added', 'first_purchase', 'assigned']),
})

/** opener: the buyer's opening associate. */
const OpeningGround = Type.Object({ kind: Type.Literal('opening') })

/** inviter: the asker invited the sharer, named here. */
const InvitationGround = Type.Object({ kind: Type.Literal('invitation'), sharerName: Type.String() })

/** A person decided, over whatever the evidence says. */
const OverrideGround = Type.Object({
  kind: Type.Literal('override'),
  byName: Type.String(),
  at: instant(),
  reason: Type.String(),
})

/** Why the asker holds a role of this order. */
export const RoleGround = Type.Union([
  TouchGround,
  ShareCodeGround,
  NamedGround,
  AssignmentGround,
  OpeningGround,
  InvitationGround,
  OverrideGround,
])
export type RoleGround = Static<typeof RoleGround>

export const HeldRole = Type.Object({ role: EarningsRole, ground: RoleGround })
export type HeldRole = Static<typeof HeldRole>

/** Another's share that might have won and did not, or one of the asker's own. At most the 5 nearest to paidAt. */
export const LosingTouch = Type.Object({
  associateName: nullable(Type.String({ description: 'null: the link is unknown' })),
  isMe: Type.Boolean(),
  touchKind: Type.Enum(['click', 'visit', 'scan', 'live_enter', 'coupon_claim', 'sent', 'share_code'], {
    description: "share_code: the order's own",
  }),
  at: instant(),
  linkChannel: nullable(ShareChannel),
  reason: Type.Enum([
    'kind_not_counted',
    'outside_window',
    'too_late',
    'unknown_link',
    'link_inactive',
    'associate_inactive',
    'self_purchase',
    'superseded',
  ]),
})
export type LosingTouch = Static<typeof LosingTouch>

/** What one role of the asker pays on one line. Exactly one of rateBps and perUnitFen is set. */
export const EarnedPart = Type.Object({
  role: EarningsRole,
  ruleId: Type.String(),
  rateBps: nullable(Type.Integer()),
  perUnitFen: nullable(Type.Integer()),
  ruleFen: Type.Integer({ description: 'What the rule gives on the net, before sameAssociate and cap' }),
  amountFen: Type.Integer({ description: 'What is owed; parts sum to the order' }),
  reducedBy: nullable(Type.Enum(['same_associate', 'cap'], { description: 'What took the difference; null: none' })),
})
export type EarnedPart = Static<typeof EarnedPart>

/** A line on which the asker holds a role that some rule pays. */
export const EarnedLine = Type.Object({
  lineNo: Type.Integer(),
  name: Type.String({ description: 'Else the sku' }),
  quantity: Type.Integer(),
  netQuantity: Type.Integer(),
  paidFen: Type.Integer(),
  netFen: Type.Integer(),
  parts: Type.Array(EarnedPart),
})
export type EarnedLine = Static<typeof EarnedLine>

/** An order that credits the asker with a sale or owes him something, or did before a refund. */
export const EarnedOrder = Type.Object({
  source: Type.String(),
  orderNo: Type.String(),
  paidAt: instant(),
  channel: Type.Enum(['online', 'in_store']),
  credit: Type.Enum(['direct', 'indirect', 'none'], { description: 'Online or in store with a sharer; none: without' }),
  storeName: nullable(Type.String()),
  buyerName: nullable(Type.String({ description: 'As the asker may see it' })),
  title: Type.String({ description: "The first line's name, else its sku" }),
  itemCount: Type.Integer({ description: 'Σ quantity over all its lines' }),
  paidFen: Type.Integer(),
  netFen: Type.Integer({ description: 'Of the whole order, after refunds' }),
  isCancelled: Type.Boolean(),
  amountFen: Type.Integer({ description: "The asker's commission on it now" }),
  state: Type.Enum(['pending', 'available', 'settled', 'held'], {
    description: 'Of its rows, the least far; held: on hold, or waiting for completion (availableAt 2999)',
  }),
  availableAt: nullable(instant('null where held')),
  plan: nullable(
    Type.Object(
      { code: Type.String(), version: Type.Integer(), windowDays: Type.Integer() },
      { description: 'In force at paidAt' },
    ),
  ),
  roles: Type.Array(HeldRole, { description: 'Those the asker holds, in role order' }),
  others: Type.Array(Type.Object({ role: EarningsRole, name: Type.String() }), {
    description: 'Who holds the rest, without amounts',
  }),
  lines: Type.Array(EarnedLine),
  lineCapBps: nullable(Type.Integer()),
  refunds: Type.Array(Type.Object({ refundedAt: instant(), refundFen: Type.Integer() }), {
    description: 'That count, by refundedAt',
  }),
  takenBackFen: Type.Integer({
    minimum: 0,
    description: "The asker's commission had nothing been refunded or cancelled, less amountFen",
  }),
  losers: Type.Array(LosingTouch, { maxItems: 5 }),
})
export type EarnedOrder = Static<typeof EarnedOrder>

/** What is owed beside orders, dated in the span: commissionFen = Σ orders + Σ extras. */
export const EarnedExtra = Type.Object({
  kind: Type.Enum(['bonus', 'event', 'adjustment']),
  at: instant(),
  amountFen: Type.Integer({ description: 'Signed' }),
  note: nullable(Type.String({ description: 'Month YYYY-MM of a bonus, what for otherwise' })),
  state: Type.Enum(['pending', 'available', 'settled', 'held']),
})
export type EarnedExtra = Static<typeof EarnedExtra>

export const EarningsFigures = Type.Object({
  creditedFen: Type.Integer({ description: 'Σ net of lines on which the asker holds sharer or closer, each once' }),
  directFen: Type.Integer({ description: 'Of creditedFen: online, as sharer' }),
  indirectFen: Type.Integer({ description: 'Of creditedFen: in store, as sharer' }),
  orderCount: Type.Integer({ description: 'Uncancelled, net above 0, behind creditedFen' }),
  commissionFen: Type.Integer({ description: '= pendingFen + availableFen + settledFen; before tax' }),
  pendingFen: Type.Integer({ description: 'Not free yet, held included' }),
  availableFen: Type.Integer(),
  settledFen: Type.Integer(),
})
export type EarningsFigures = Static<typeof EarningsFigures>

/** The monthly tier, for `month` alone and where the plan has one. */
export const EarningsTier = Type.Object({
  basisFen: Type.Integer(),
  bonusFen: Type.Integer({
    description: 'What the month would give if it ended now; not in commissionFen before it ends',
  }),
  rateBps: Type.Integer({ description: 'Of the step reached' }),
  nextFromFen: nullable(Type.Integer({ description: 'Where the next step begins; null: the last is reached' })),
  nextRateBps: nullable(Type.Integer()),
})
export type EarningsTier = Static<typeof EarningsTier>

/** Places in the asker's store by credited sales of the span, then by associateId. */
export const EarningsRank = Type.Object({
  place: Type.Integer({ minimum: 1 }),
  of: Type.Integer({ minimum: 1 }),
  team: Type.Array(
    Type.Object({
      place: Type.Integer({ minimum: 1 }),
      name: Type.String(),
      creditedFen: Type.Integer(),
      isMe: Type.Boolean(),
    }),
    { maxItems: 50, description: 'The first of them; empty where the brand shows each his own place alone' },
  ),
})
export type EarningsRank = Static<typeof EarningsRank>

export const Earnings = Type.Object({
  asOf: instant(),
  span: EarningsSpan,
  from: instant('Inclusive'),
  to: instant('Exclusive: the end of the day, week or month'),
  figures: EarningsFigures,
  days: Type.Array(
    Type.Object({
      day: Type.String({ description: 'YYYY-MM-DD' }),
      commissionFen: Type.Integer({ description: 'Of orders paid on it, and of extras dated on it' }),
    }),
    { maxItems: 31, description: 'Every day of a week or month; empty for today. Their sum is commissionFen' },
  ),
  tier: nullable(EarningsTier),
  rank: nullable(EarningsRank),
  orders: Type.Array(EarnedOrder, { maxItems: 50, description: 'By (paidAt, source, orderNo), the latest first' }),
  ordersTotal: Type.Integer(),
  extras: Type.Array(EarnedExtra, { maxItems: 50 }),
  nextCursor: nullable(Type.String()),
})
export type Earnings = Static<typeof Earnings>
