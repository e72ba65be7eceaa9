/** What an associate sees when nobody stands before him. Browser code imports the types only. */
import { Type, type Static, type TSchema } from 'typebox'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const HomeSegment = Type.Enum(['all', 'birthday', 'asleep', 'looked', 'never_bought'], {
  description:
    'birthday: in this month; asleep: has bought, but not in 90 days; looked: at something in the last 7 days, where he agreed to be followed; never_bought: no order that counts',
})
export type HomeSegment = Static<typeof HomeSegment>

/** GET /api/v1/me/customers. What is named has to hold, all of it. */
export const HomeQuery = Type.Object(
  {
    whose: Type.Optional(
      Type.Enum(['mine', 'store'], {
        description:
          'mine (where absent): who is attributed to the asker; store: whose home store is one that he answers for, 404 for whoever answers for none',
      }),
    ),
    segment: Type.Optional(HomeSegment),
    level: Type.Optional(Type.String({ minLength: 1, maxLength: 256, format: 'text' })),
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: 256, format: 'text' })),
    q: Type.Optional(
      Type.String({
        maxLength: 64,
        format: 'text',
        description: 'In the name; the whole phone number; the whole card number, or its last 4 signs or more',
      }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: '20 where absent.' })),
    cursor: Type.Optional(Type.String({ maxLength: 4096 })),
  },
  { additionalProperties: false },
)
export type HomeQuery = Static<typeof HomeQuery>

export const HomeCustomer = Type.Object({
  memberNo: Type.String(),
  name: nullable(Type.String()),
  level: nullable(Type.String()),
  tags: Type.Array(Type.String()),
  birthday: nullable(Type.String({ description: 'MM-DD' })),
  lastPaidAt: nullable(Type.String({ description: 'Of the last order that counts' })),
  lookedAt: nullable(Type.String({ description: 'In the last 7 days' })),
  externalUserid: nullable(Type.String({ description: 'As WeCom knows him; null: not linked to any contact' })),
  isFriend: Type.Boolean({ description: 'He is the asker’s friend: there is a chat to open' }),
})
export type HomeCustomer = Static<typeof HomeCustomer>

const Counted = Type.Array(Type.Object({ value: Type.String(), count: Type.Integer() }), { maxItems: 20 })

/** Who is attributed to the asker; whoever bought last comes first. */
export const HomeCustomers = Type.Object({
  asOf: Type.String(),
  /** Of all of them, whatever is searched for. */
  counts: Type.Object({
    all: Type.Integer(),
    birthday: Type.Integer(),
    asleep: Type.Integer(),
    looked: Type.Integer(),
    never_bought: Type.Integer(),
    levels: Counted,
    tags: Counted,
  }),
  items: Type.Array(HomeCustomer),
  nextCursor: nullable(Type.String()),
})
export type HomeCustomers = Static<typeof HomeCustomers>

export const TeamDayQuery = Type.Object(
  { storeCode: Type.Optional(Type.String({ minLength: 1, maxLength: 256, format: 'key' })) },
  { additionalProperties: false },
)
export type TeamDayQuery = Static<typeof TeamDayQuery>

/** GET /api/v1/me/team-day: one store of the asker’s. 404 for whoever answers for none. */
export const TeamDay = Type.Object({
  asOf: Type.String(),
  store: Type.Object({ storeCode: Type.String(), name: Type.String() }),
  stores: Type.Array(Type.Object({ storeCode: Type.String(), name: Type.String() }), {
    description: 'All that the asker answers for',
  }),
  openDisputes: Type.Integer({ description: 'Nobody has decided yet' }),
  unassignedTasks: Type.Integer({ description: 'Open tasks of the store that are nobody’s' }),
  team: Type.Array(
    Type.Object({
      associateId: Type.String(),
      name: Type.String(),
      shares: Type.Integer({ description: 'Links made today' }),
      creditedFen: Type.Integer({ description: 'Net of what was paid today and he shared or closed' }),
      openTasks: Type.Integer({ description: 'Due today or before' }),
      overdueTasks: Type.Integer(),
      behind: Type.Array(Type.Enum(['tasks', 'target']), {
        description: 'tasks: some are overdue; target: less of the month’s target than of the month',
      }),
      targetBps: nullable(Type.Integer({ description: 'Of the month’s target; null: none' })),
    }),
    { description: 'Who works there now; who is behind first' },
  ),
})
export type TeamDay = Static<typeof TeamDay>
