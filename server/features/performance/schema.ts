/**
 * What was sold, by whom, through what: figures as docs/metrics.md defines them, by paidAt in the brand's time zone, a
 * refund restating its order's day. Browser code imports the types only.
 */
import { Type, type Static, type TSchema } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { SummedUntil } from '../rollups/domain.ts'
import { SORTS } from './domain.ts'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const text = (description: string) => nullable(Type.String({ description }))
const count = (description: string) => Type.Integer({ description })
const fen = (description: string) => Type.Integer({ description: `${description} Whole fen.` })
const bps = (description: string) =>
  nullable(Type.Integer({ description: `${description} Basis points; null over 0.` }))
const instant = (description: string) => Type.String({ format: 'date-time', description })

const name = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 128, format: 'text', description }))

/** What every view takes. */
const ScopeQuery = {
  from: Type.Optional(
    Type.String({
      maxLength: 64,
      description: 'RFC 3339 with offset, or YYYY-MM-DD for the day’s first instant; where absent 30 days before `to`.',
    }),
  ),
  to: Type.Optional(
    Type.String({
      maxLength: 64,
      description: 'The first instant that is not in it, written likewise; where absent today’s end.',
    }),
  ),
  storeCode: name('Of this store: orders that it sold, links, friends and pay of its associates.'),
  region: name('Of the stores that are in it at the span’s end.'),
  associate: name('Of this associate: orders on which he holds a role, his links, his friends, his pay.'),
}

/** GET /api/v1/performance/summary */
export const SummaryQuery = Type.Object(
  {
    ...ScopeQuery,
    before: Type.Optional(
      Type.Enum(['span', 'month', 'year'], {
        description:
          'What it is compared with: the span before it (where absent), last month’s or last year’s same days.',
      }),
    ),
  },
  { additionalProperties: false },
)
export type SummaryQuery = Static<typeof SummaryQuery>

const FiguresQuery = {
  figures: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1024,
      description:
        'Only these figures of each row, as in `netSalesFen,orders`; all where absent. Sums come at once also of long spans; to count distinct people (buyers, repeatBuyers, repeatBps, visitors, linkVisitors, linkBuyers, conversionBps) takes longer. A file has all.',
    }),
  ),
}

export const TrendQuery = Type.Object(
  {
    ...ScopeQuery,
    grain: Type.Optional(Type.Enum(['day', 'week', 'month'], { description: 'day where absent.' })),
    ...FiguresQuery,
  },
  { additionalProperties: false },
)
export type TrendQuery = Static<typeof TrendQuery>

/** GET /api/v1/performance/associates and its likes */
export const TableQuery = Type.Object(
  {
    ...ListQuery,
    ...ScopeQuery,
    sort: Type.Optional(Type.Enum([...SORTS], { description: 'A figure; netSalesFen where absent.' })),
    order: Type.Optional(Type.Enum(['asc', 'desc'], { description: 'desc where absent.' })),
    ...FiguresQuery,
  },
  { additionalProperties: false },
)
export type TableQuery = Static<typeof TableQuery>

const figures = {
  orders: count('Uncancelled, with net above 0.'),
  netSalesFen: fen('Net of the lines of those; of an associate what he is credited with.'),
  netQuantity: count('Units left of those.'),
  refundFen: fen('By refundedAt: the one figure by that date.'),
  averageTicketFen: nullable(fen('Net sales / orders; null over 0.')),
  unitsPerOrderHundredths: nullable(count('Units / orders, in hundredths; null over 0.')),
  onlineFen: fen('Net sales of online orders.'),
  inStoreFen: fen('Net sales of in-store orders.'),
  directFen: fen('Net sales of online orders that have a sharer; of an associate as sharer.'),
  indirectFen: fen('Net sales of in-store orders that have a sharer; of an associate as sharer.'),
  privateDomainBps: bps('(direct + indirect) / net sales.'),
  unattributedFen: fen('Net sales of in-store orders without closer and of members whom nobody has or shared to.'),
  unattributedOrders: count('How many those are.'),
  buyers: count('Distinct buyers known by member.'),
  unknownBuyerOrders: count('Orders of buyers who are not known.'),
  repeatBuyers: count('Buyers who also bought within the 365 days before the span.'),
  repeatBps: bps('Repeat buyers / buyers.'),
  closerFen: fen('Of an associate: net of the lines that he closed, also where he is the sharer.'),
  attributedFen: fen('Of an associate: net of the orders of his customers.'),
  shares: count('Share links made.'),
  sharesClicked: count('Of those, with at least one click since they were made.'),
  clickBps: bps('Shares clicked / shares.'),
  clicks: count('Touches with a link, of the customer’s kinds.'),
  visitors: count('Distinct persons among them.'),
  linkVisitors: count('Distinct persons who clicked the span’s links since they were made.'),
  linkBuyers: count('Of those, with an order won by the link that they clicked.'),
  conversionBps: bps('Link buyers / link visitors.'),
  newFriends: count('Friendships begun.'),
  lostFriends: count('Friendships that the customer ended.'),
  newMembers: count('By joinedAt; of the opening store and associate.'),
  commissionFen: fen(
    'What is owed now for orders paid in the span, and for bonuses, events and adjustments dated in it; before tax.',
  ),
}

const Span = { from: instant('Inclusive.'), to: instant('Exclusive.') }

export const Summary = Type.Object({
  ...Span,
  ...figures,
  before: Type.Object({ ...Span, ...figures }),
  ...SummedUntil,
})
export type Summary = Static<typeof Summary>

export const Trend = Type.Object({
  ...Span,
  items: Type.Array(
    Type.Object({
      day: Type.String({ description: 'YYYY-MM-DD: the first day of the week or month' }),
      ...Type.Partial(Type.Object(figures)).properties,
    }),
    { description: 'Every day, week or month of the span, also those without anything.' },
  ),
  ...SummedUntil,
})
export type Trend = Static<typeof Trend>

const page = <T extends TSchema>(item: T) =>
  Type.Object({ items: Type.Array(item), nextCursor: nullable(Type.String()), ...SummedUntil })

const rowOf = <T extends Record<string, TSchema>>(names: T) =>
  page(Type.Object({ ...names, ...Type.Partial(Type.Object(figures)).properties }))

/** A null key: what is nobody’s, or not the asker’s to see by name. Figures: those that were asked for. */
export const TABLES = {
  associates: rowOf({
    associateId: text('null: paid to stores, or beside orders'),
    name: text('null where the key is'),
    storeCode: text('Where he works now'),
  }),
  stores: rowOf({
    storeCode: text('null: the mall’s orders, and links of no store'),
    name: text('null where the key is'),
    type: text('direct or franchise, at the span’s end'),
    region: text('At the span’s end'),
  }),
  regions: rowOf({ region: text('null: of no region') }),
  links: rowOf({
    linkCode: text('null: orders that no share won'),
    title: text('Of its target'),
    targetKind: text('As on share links'),
    targetRef: text('As on share links'),
    channel: text('As on share links'),
    associateId: text('Whose link it is'),
    name: text('His name'),
    storeCode: text('The link’s'),
    createdAt: nullable(instant('null: imported without')),
  }),
  channels: rowOf({ channel: text('Of the link that won; null: no share did') }),
  products: rowOf({
    sku: text('As on the lines'),
    name: text('From the catalogue'),
    category: text('From the catalogue'),
  }),
  groups: rowOf({
    chatId: text('Of the winning touch, else where the link was sent; null: no group'),
    name: text('null where it is not known'),
    storeCode: text('The group’s'),
  }),
} as const

export type TableName = keyof typeof TABLES
