/**
 * What a store's community comes to. Figures are those of docs/metrics: of the home store, by paidAt in the brand's time
 * zone, a refund restating its order's day. Browser code imports the types only.
 */
import { Type, type Static, type TSchema } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const count = (description: string) => Type.Integer({ description })
const fen = (description: string) => Type.Integer({ description: `${description} Whole fen.` })
const bps = (description: string) =>
  nullable(Type.Integer({ description: `${description} Basis points; null over 0.` }))
const instant = (description: string) => Type.String({ format: 'date-time', description })

const SpanQuery = {
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
}

/** GET /api/v1/community/stores */
export const CommunityListQuery = Type.Object(
  {
    ...ListQuery,
    ...SpanQuery,
    order: Type.Optional(Type.Enum(['asc', 'desc'], { description: 'By storeCode; asc where absent.' })),
  },
  { additionalProperties: false },
)
export type CommunityListQuery = Static<typeof CommunityListQuery>

/** GET /api/v1/community/stores/{storeCode} */
export const CommunityQuery = Type.Object({ ...SpanQuery }, { additionalProperties: false })
export type CommunityQuery = Static<typeof CommunityQuery>

export const CommunityParams = Type.Object({ storeCode: Type.String({ format: 'text' }) })
export type CommunityParams = Static<typeof CommunityParams>

const figures = {
  members: count('Members whose home store it is at the span’s end.'),
  newMembers: count('Who joined in the span; of the opening store.'),
  activeMembers: count('Members with a touch or an order in the 30 days before the span’s end.'),
  activeBps: bps('Active members / members.'),
  friends: count('Friendships of the store’s associates at the span’s end.'),
  friendsAdded: count('Friendships begun.'),
  friendsLost: count('Friendships that the customer ended.'),
  groups: count('Customer groups at the span’s end.'),
  groupMembers: count('Customers in them; one in two groups counts twice.'),
  groupJoined: count('Customers who came to a group.'),
  groupLeft: count('Customers who left one.'),
  netSalesFen: fen('Net sales to members: the sum of the next three.'),
  hereFen: fen('In this store.'),
  othersFen: fen('In other stores.'),
  onlineFen: fen('Online.'),
  orders: count('Their orders.'),
  buyers: count('Members who bought.'),
  repeatBuyers: count('Buyers with an order within the 365 days before the span as well.'),
  repeatBps: bps('Repeat buyers / buyers.'),
  boughtElsewhere: count('Members who bought from another store, or from none.'),
  elsewherePaidFen: fen('What this store is owed for orders that another store sold, or none.'),
  associatesCommissionFen: fen('What this store’s associates are owed for what its members bought.'),
}

const medians = Object.fromEntries(
  Object.keys(figures).map(name => [name, nullable(Type.Number())]),
) as unknown as Record<keyof typeof figures, ReturnType<typeof Type.Number>>

const Before = Type.Object(
  { from: instant('Its first instant.'), to: instant('Where it ends.'), ...figures },
  { description: 'The same of the span of the same length just before.' },
)

const store = {
  storeCode: Type.String(),
  name: Type.String(),
  type: Type.Enum(['direct', 'franchise']),
  region: nullable(Type.String()),
}

const CommunityItem = Type.Object({ ...store, ...figures, before: Before })
export type CommunityItem = Static<typeof CommunityItem>

export const CommunityPage = Type.Object({
  from: instant('The span’s first instant.'),
  to: instant('Where it ends: the first instant that is not in it.'),
  items: Type.Array(CommunityItem),
  nextCursor: nullable(Type.String()),
})
export type CommunityPage = Static<typeof CommunityPage>

const AT_END = 'at the day’s end; null where no snapshot was taken'

const CommunityDay = Type.Object({
  day: Type.String({ description: 'YYYY-MM-DD of the brand’s calendar.' }),
  newMembers: figures.newMembers,
  friendsAdded: figures.friendsAdded,
  friendsLost: figures.friendsLost,
  groupJoined: figures.groupJoined,
  groupLeft: figures.groupLeft,
  netSalesFen: figures.netSalesFen,
  hereFen: figures.hereFen,
  othersFen: figures.othersFen,
  onlineFen: figures.onlineFen,
  orders: figures.orders,
  buyers: figures.buyers,
  elsewherePaidFen: figures.elsewherePaidFen,
  associatesCommissionFen: figures.associatesCommissionFen,
  members: nullable(Type.Integer({ description: `Members ${AT_END}.` })),
  activeMembers: nullable(Type.Integer({ description: `Active members ${AT_END}.` })),
  friends: nullable(Type.Integer({ description: `Friendships ${AT_END}.` })),
  groups: nullable(Type.Integer({ description: `Groups ${AT_END}.` })),
  groupMembers: nullable(Type.Integer({ description: `Customers in them ${AT_END}.` })),
})

export const Community = Type.Object({
  ...store,
  from: instant('The span’s first instant.'),
  to: instant('Where it ends: the first instant that is not in it.'),
  ...figures,
  before: Before,
  regionMedian: nullable(
    Type.Object(
      { stores: count('Over how many stores.'), ...medians },
      {
        description:
          'The middle of each figure over the region’s stores with at least 30 members; null without a region, where there is none, or where there are fewer than three and not all are the asker’s to see',
      },
    ),
  ),
  isRegionMedianPending: Type.Optional(
    Type.Boolean({
      description:
        'Only where it is so: the median of a large region takes longer than this answer. It is null until it is known, and then up to ten minutes old; ask again',
    }),
  ),
  days: Type.Array(CommunityDay, { description: 'Every day of the span; the first and the last may be parts of days' }),
})
export type Community = Static<typeof Community>
