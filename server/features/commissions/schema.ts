import { Type, type Static } from 'typebox'
import { ASSOCIATE_ROLES, ROLES, TOUCH_KINDS } from '../attribution/domain.ts'
import { FEN_MAX, FenAmount, InstantText, Key, Nullable, OneOf, Strict, WholeNumber } from '../../lib/schema.ts'
import { REWARDED_EVENTS } from './domain.ts'

const BEARERS = ['headquarters', 'selling_store', 'home_store', 'sharer_store'] as const
const List = <S extends ReturnType<typeof Key>>(item: S, description: string) =>
  Type.Array(item, { minItems: 1, maxItems: 10_000, description })
const ListOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Array(OneOf(values, description), { minItems: 1, maxItems: values.length, description })

export const WhenSchema = Strict(
  {
    channels: Type.Optional(ListOf(['online', 'in_store'], 'Channel of the order.')),
    skus: Type.Optional(List(Key('sku'), 'Product of the line.')),
    categories: Type.Optional(List(Key('category'), 'Category of the line.')),
    memberLevels: Type.Optional(List(Key('level'), 'The buyer’s level at payment.')),
    sellingStores: Type.Optional(List(Key('storeCode'), 'Store that sold.')),
    homeStores: Type.Optional(List(Key('storeCode'), 'The buyer’s home store.')),
    sellingStoreTypes: Type.Optional(ListOf(['direct', 'franchise'], 'Type of the selling store at payment.')),
    homeStoreTypes: Type.Optional(ListOf(['direct', 'franchise'], 'Type of the home store at payment.')),
    sellingRegions: Type.Optional(List(Key('region'), 'Region of the selling store at payment.')),
    sellingFranchisees: Type.Optional(List(Key('franchiseeId'), 'Franchisee of the selling store at payment.')),
    associateKinds: Type.Optional(ListOf(['store', 'office', 'customer'], 'Kind of the role’s holder at payment.')),
    shared: Type.Optional(Type.Boolean({ description: 'The order has a sharer, or has none.' })),
    sharerIsAttributed: Type.Optional(
      Type.Boolean({ description: 'Sharer and attributed associate are one, or two.' }),
    ),
    sharerAtHomeStore: Type.Optional(Type.Boolean({ description: 'The sharer’s store is the home store, or is not.' })),
    soldAtHomeStore: Type.Optional(Type.Boolean({ description: 'The selling store is the home store, or is not.' })),
    firstOrder: Type.Optional(Type.Boolean({ description: 'The buyer’s first uncancelled order, or a later one.' })),
    minPaidBps: Type.Optional(WholeNumber('Paid of list price, inclusive.')),
    maxPaidBps: Type.Optional(WholeNumber('Paid of list price, exclusive.')),
  },
  'Every key given must match.',
)

export const RuleSchema = Strict({
  id: Key('Unique within the plan.'),
  role: OneOf(ROLES, 'Who is paid.'),
  when: Type.Optional(WhenSchema),
  rateBps: Type.Optional(WholeNumber('Of the line’s net; this or perUnitFen.', 0, 10_000)),
  perUnitFen: Type.Optional(FenAmount('A piece; this or rateBps.')),
  bearer: OneOf(BEARERS, 'Who pays; headquarters where that store is vacant.'),
})

export const TiersSchema = Strict({
  roles: ListOf(ASSOCIATE_ROLES, 'Lines on which he holds one of these count.'),
  mode: OneOf(['marginal', 'whole'], 'Each step’s rate on its part, or the reached step’s on the whole.'),
  bearer: OneOf(['headquarters'], 'Who pays.'),
  steps: Type.Array(
    Strict({
      fromFen: Type.Optional(FenAmount('Where the step starts, inclusive.')),
      fromAttainmentBps: Type.Optional(WholeNumber('Where it starts, of the month’s target.')),
      rateBps: WholeNumber('The step’s rate.', 0, 10_000),
    }),
    { minItems: 1, maxItems: 100 },
  ),
})

export const RewardSchema = Strict({
  id: Key('Unique within the plan, among rules and rewards.'),
  event: OneOf(REWARDED_EVENTS, 'For what.'),
  amountFen: WholeNumber('How much. Whole fen.', 1, FEN_MAX),
  to: OneOf(['associate', 'associate_store'], 'Who is paid: the associate, or the store where he works.'),
  bearer: OneOf(
    ['headquarters', 'associate_store'],
    'Who pays: headquarters, or the associate’s store; headquarters where he has none.',
  ),
  when: Type.Optional(
    Strict(
      {
        associateKinds: Type.Optional(ListOf(['store', 'office', 'customer'], 'Kind of the associate at the event.')),
        stores: Type.Optional(List(Key('storeCode'), 'The associate’s store.')),
        storeTypes: Type.Optional(ListOf(['direct', 'franchise'], 'Type of his store at the event.')),
        regions: Type.Optional(List(Key('region'), 'Region of his store at the event.')),
        tasks: Type.Optional(List(Key('task'), 'Kind of task; of task_done alone.')),
      },
      'Every key given must match.',
    ),
  ),
  keepDays: Type.Optional(
    WholeNumber('Of friend_added alone: taken back where the friendship ends before so many days.', 1, 36_500),
  ),
})

const planProperties = {
  code: Key('The plan.', 128),
  version: WholeNumber('Its version; never changes once published.', 1),
  effectiveFrom: InstantText('First instant.'),
  effectiveTo: Type.Optional(Nullable(InstantText('First instant at which it no longer holds.'))),
  attribution: Strict({
    model: OneOf(['last_touch', 'first_touch'], 'Which touch wins.'),
    windowDays: WholeNumber('How long a touch counts; both ends count.', 0, 36_500),
    kinds: Type.Optional(ListOf(TOUCH_KINDS, 'Which touches count; all but sent where absent.')),
    minMinutesInStore: Type.Optional(WholeNumber('In store: how long before payment a touch must lie.', 0, 10_000_000)),
  }),
  holdDays: WholeNumber('Days until what is owed becomes available.', 0, 36_500),
  holdFrom: Type.Optional(OneOf(['paid', 'completed'], 'From when they count. Default paid.')),
  sameAssociate: Type.Optional(OneOf(['sum', 'highest'], 'One associate in several roles of a line. Default sum.')),
  lineCapBps: Type.Optional(WholeNumber('The most that a line pays to associates, of its net.', 0, 1_000_000)),
  rules: Type.Array(RuleSchema, { maxItems: 1000 }),
  monthlyTiers: Type.Optional(TiersSchema),
  rewards: Type.Optional(Type.Array(RewardSchema, { maxItems: 1000 })),
}

/** A plan version as it is published and read; docs/commission.md says what it means. */
export const PlanSchema = Strict(planProperties)
export type PlanContent = Static<typeof PlanSchema>

export const PublishBody = Strict({
  ...planProperties,
  retroactive: Type.Optional(
    Type.Boolean({ description: 'It may take effect in the past, and orders are re-booked.' }),
  ),
})
export type PublishBody = Static<typeof PublishBody>

/** The orders that a back-test looks at. */
export const BacktestSpan = Strict({
  from: InstantText('Orders paid at or after.'),
  to: InstantText('Orders paid before.'),
})

export const BacktestBody = Strict({ plan: PublishBody, ...BacktestSpan.properties })

/** The back-tests of a brand, newest first. */
export const BacktestQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: 'How many rows; 50 where absent.' })),
    cursor: Type.Optional(Type.String({ maxLength: 4096, description: 'The nextCursor of the page before.' })),
    terms: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        description: 'Of plans with these terms alone, as /plans/validate says.',
      }),
    ),
    status: Type.Optional(Type.Enum(['done'], { description: 'Only those that have their result.' })),
  },
  { additionalProperties: false },
)
export type BacktestQuery = Static<typeof BacktestQuery>

const Cost = Type.Object({
  totalFen: Type.Integer(),
  bonusFen: Type.Optional(Type.Integer({ description: 'Monthly tiers, where the span holds whole months.' })),
})
const Job = {
  jobId: Type.String(),
  status: Type.Enum(['waiting', 'running', 'cancelling', 'done', 'failed', 'cancelled']),
  done: Type.Integer(),
  total: Type.Integer(),
  createdAt: Type.String(),
}
export const BacktestSummary = Type.Object({
  ...Job,
  from: Type.String(),
  to: Type.String(),
  code: Type.String(),
  version: Type.Integer(),
  orders: Type.Union([Type.Integer(), Type.Null()]),
  now: Type.Union([Cost, Type.Null()]),
  then: Type.Union([Cost, Type.Null()]),
})
export type BacktestSummary = Static<typeof BacktestSummary>
export const BacktestPage = Type.Object({
  items: Type.Array(BacktestSummary),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})

const sums = { nowFen: Type.Integer(), thenFen: Type.Integer() }
const name = Type.Optional(Type.String({ description: 'Where it is known.' }))

/** What a back-test answers; as `result` of its job. */
export const BacktestResult = Type.Object({
  orders: Type.Integer(),
  lines: Type.Integer(),
  now: Cost,
  then: Cost,
  bonusMonths: Type.Array(Type.String()),
  perRole: Type.Array(Type.Object({ role: Type.String(), ...sums })),
  storeCount: Type.Integer(),
  perStore: Type.Array(Type.Object({ storeCode: Type.Union([Type.String(), Type.Null()]), name, ...sums })),
  associateCount: Type.Integer(),
  perAssociate: Type.Array(
    Type.Object({
      associateId: Type.String(),
      name,
      ...sums,
      bonusNowFen: Type.Integer(),
      bonusThenFen: Type.Integer(),
    }),
  ),
  mostDifferent: Type.Array(
    Type.Object({ source: Type.String(), orderNo: Type.String(), paidAt: Type.String(), ...sums }),
  ),
  pendingOrders: Type.Integer(),
})
export type BacktestResult = Static<typeof BacktestResult>

/** A job as it is asked about. */
export const JobState = Type.Object({
  ...Job,
  kind: Type.String(),
  result: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.String()),
})
export type JobState = Static<typeof JobState>

export const BACKTEST_TABLES = ['associates', 'stores', 'orders'] as const
export type BacktestTable = (typeof BACKTEST_TABLES)[number]
