import { sql } from 'drizzle-orm'
import { bigint, index, integer, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import {
  brandIdColumn,
  dayColumn,
  fenColumn,
  instantColumn,
  textColumn,
  textListColumn,
  uuidColumn,
} from '../columns.ts'

/** Figures summed ahead. Everything here follows from evidence and what was decided, and may be made anew at any time. */

const count = (name: string) => bigint(name, { mode: 'number' })

/** What adds up over days and stores; each part has its own, and null in the others'. */
const figures = () => ({
  orders: count('orders'),
  netSalesFen: fenColumn('net_sales_fen'),
  netQuantity: count('net_quantity'),
  onlineFen: fenColumn('online_fen'),
  inStoreFen: fenColumn('in_store_fen'),
  directFen: fenColumn('direct_fen'),
  indirectFen: fenColumn('indirect_fen'),
  unattributedFen: fenColumn('unattributed_fen'),
  unattributedOrders: count('unattributed_orders'),
  unknownBuyerOrders: count('unknown_buyer_orders'),
  commissionFen: fenColumn('commission_fen'),
  refundFen: fenColumn('refund_fen'),
  shares: count('shares'),
  sharesClicked: count('shares_clicked'),
  clicks: count('clicks'),
  newMembers: count('new_members'),
})

/** What an associate has, or had by his links. */
const figuresOfAssociates = () => ({
  orders: count('orders'),
  netSalesFen: fenColumn('net_sales_fen'),
  netQuantity: count('net_quantity'),
  onlineFen: fenColumn('online_fen'),
  inStoreFen: fenColumn('in_store_fen'),
  directFen: fenColumn('direct_fen'),
  indirectFen: fenColumn('indirect_fen'),
  closerFen: fenColumn('closer_fen'),
  attributedFen: fenColumn('attributed_fen'),
  unknownBuyerOrders: count('unknown_buyer_orders'),
  shares: count('shares'),
  sharesClicked: count('shares_clicked'),
  clicks: count('clicks'),
  newMembers: count('new_members'),
})

/** One row says that a brand's days are summed, and by which calendar. Without it figures are summed from evidence. */
export const rollupStates = pgTable('rollup_states', {
  brandId: integer('brand_id').primaryKey(),
  zone: textColumn('zone').notNull(),
  startedAt: instantColumn('started_at').notNull(),
})

/**
 * One row says that a transaction changed what days are summed from: of these orders, links, clicks, people. Written in
 * that transaction, never changed, deleted by who summed anew what it speaks of. The lists belong together by place.
 */
export const rollupMarks = pgTable(
  'rollup_marks',
  {
    brandId: brandIdColumn(),
    markId: uuidColumn('mark_id').notNull(),
    /** `order`, `link`, `click`, `opengid`, `identity`, `member`, `joined`, or `day`: a whole one. */
    kind: textColumn('kind').notNull(),
    /** Sources, link codes, opengids, kinds of ids, member numbers or opening stores. */
    keys: textListColumn('keys').notNull(),
    /** Order numbers, or the ids. */
    ids: textListColumn('ids'),
    /** Paid, clicked or joined, where that is not what the key has now. */
    instants: textListColumn('instants'),
    /** Of orders that had them before: the selling stores, and the links whose share won. */
    stores: textListColumn('stores'),
    links: textListColumn('links'),
    markedAt: instantColumn('marked_at').notNull(),
  },
  mark => [primaryKey({ columns: [mark.brandId, mark.markId] })],
)

/** One row is what a store has of a day; an empty code stands for none. */
export const rollupDays = pgTable(
  'rollup_days',
  {
    brandId: brandIdColumn(),
    /** `sales`, `refunds`, `links`, `clicks` or `members`: what is summed together. */
    part: textColumn('part').notNull(),
    day: dayColumn('day').notNull(),
    storeCode: textColumn('store_code').notNull(),
    ...figures(),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.part, row.day, row.storeCode] }),
    index('rollup_days_by_store').on(row.brandId, row.storeCode, row.day),
  ],
)

/** One row is what a store has of a month: the sum of its rows of `rollup_days`. */
export const rollupStoreMonths = pgTable(
  'rollup_store_months',
  {
    brandId: brandIdColumn(),
    /** Its first day. */
    month: dayColumn('month').notNull(),
    /** As of `rollup_days`. */
    part: textColumn('part').notNull(),
    storeCode: textColumn('store_code').notNull(),
    /** Of how many rows it is the sum; of none, or fewer while its month is no sum yet, it is to be deleted. */
    cells: count('cells').notNull(),
    ...figures(),
  },
  row => [
    primaryKey({ name: 'rollup_store_months_pk', columns: [row.brandId, row.month, row.part, row.storeCode] }),
    index('rollup_store_months_empty')
      .on(row.brandId)
      .where(sql`cells <= 0`),
  ],
)

/** One row is what a brand has of a day: the sum of its stores'. */
export const rollupTotals = pgTable(
  'rollup_totals',
  {
    brandId: brandIdColumn(),
    part: textColumn('part').notNull(),
    day: dayColumn('day').notNull(),
    /** What was summed of its day then; older processes that still run know of less. */
    version: integer('version').notNull().default(0),
    ...figures(),
  },
  row => [primaryKey({ columns: [row.brandId, row.part, row.day] })],
)

/** One row is what one payee is owed for the orders that a store sold on a day. */
export const rollupPay = pgTable(
  'rollup_pay',
  {
    brandId: brandIdColumn(),
    day: dayColumn('day').notNull(),
    storeCode: textColumn('store_code').notNull(),
    payeeKind: textColumn('payee_kind').notNull(),
    payee: textColumn('payee').notNull(),
    amountFen: fenColumn('amount_fen').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.storeCode, row.day, row.payeeKind, row.payee] })],
)

/**
 * One row is what an associate has of a store's day: what he sold there, or shared for it. Each line is credited once to
 * its sharer and once to its closer, so these do not add up to the store's.
 */
export const rollupAssociates = pgTable(
  'rollup_associates',
  {
    brandId: brandIdColumn(),
    storeCode: textColumn('store_code').notNull(),
    day: dayColumn('day').notNull(),
    /** As of `rollup_days`. */
    part: textColumn('part').notNull(),
    /** Empty: nobody, of members whom nobody won. */
    associateId: textColumn('associate_id').notNull(),
    ...figuresOfAssociates(),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.storeCode, row.day, row.part, row.associateId] }),
    index('rollup_associates_by_associate').on(row.brandId, row.associateId, row.day),
  ],
)

/** One row is what an associate has of a month in all stores: the sum of his rows of `rollup_associates` and `rollup_pay`. */
export const rollupAssociateMonths = pgTable(
  'rollup_associate_months',
  {
    brandId: brandIdColumn(),
    /** Its first day. */
    month: dayColumn('month').notNull(),
    /** As of `rollup_associates`, or `pay`. */
    part: textColumn('part').notNull(),
    associateId: textColumn('associate_id').notNull(),
    /** Of how many rows it is the sum; of none, or fewer while its month is no sum yet, it is to be deleted. */
    cells: count('cells').notNull(),
    ...figuresOfAssociates(),
    commissionFen: fenColumn('commission_fen'),
  },
  row => [
    primaryKey({
      name: 'rollup_associate_months_pk',
      columns: [row.brandId, row.month, row.part, row.associateId],
    }),
    index('rollup_associate_months_empty')
      .on(row.brandId)
      .where(sql`cells <= 0`),
  ],
)

/** One row says that an associate had somebody in a store's day: as buyer, or of his links as the other kinds say. */
export const rollupAssociatePeople = pgTable(
  'rollup_associate_people',
  {
    brandId: brandIdColumn(),
    /** As of `rollup_people`. */
    kind: textColumn('kind').notNull(),
    storeCode: textColumn('store_code').notNull(),
    day: dayColumn('day').notNull(),
    associateId: textColumn('associate_id').notNull(),
    person: textColumn('person').notNull(),
  },
  row => [
    primaryKey({
      name: 'rollup_associate_people_pk',
      columns: [row.brandId, row.kind, row.storeCode, row.day, row.associateId, row.person],
    }),
  ],
)

/** What adds up of channels, links, customer groups and products: of days all but who joined. */
const figuresOfKeys = () => {
  const { newMembers: _, ...own } = figures()
  return own
}

/**
 * One row is what a channel, a link, a customer group or a product has of a store's day, and whom: by links where the
 * order was won by one, of products by line.
 */
export const rollupKeys = pgTable(
  'rollup_keys',
  {
    brandId: brandIdColumn(),
    /** `channel`, `link`, `group` or `product`. */
    dimension: textColumn('dimension').notNull(),
    storeCode: textColumn('store_code').notNull(),
    day: dayColumn('day').notNull(),
    /** As of `rollup_days`. */
    part: textColumn('part').notNull(),
    /** Empty: none of them. */
    key: textColumn('key').notNull(),
    ...figuresOfKeys(),
    /** Each once: who bought, who clicked, or of links that were made who opened them. */
    people: textListColumn('people'),
    /** Of those who opened them: who bought by one. */
    winners: textListColumn('winners'),
  },
  row => [
    primaryKey({
      name: 'rollup_keys_pk',
      columns: [row.brandId, row.dimension, row.storeCode, row.day, row.part, row.key],
    }),
    index('rollup_keys_by_key').on(row.brandId, row.dimension, row.key, row.day),
  ],
)

/** One row is what one of them has of a day or of a month: the sum of its stores'. */
export const rollupKeyTotals = pgTable(
  'rollup_key_totals',
  {
    brandId: brandIdColumn(),
    dimension: textColumn('dimension').notNull(),
    /** `day` or `month`. */
    block: textColumn('block').notNull(),
    /** Its first. */
    day: dayColumn('day').notNull(),
    part: textColumn('part').notNull(),
    key: textColumn('key').notNull(),
    /** Of how many rows of `rollup_keys` it is the sum; of none it is to be deleted. */
    cells: count('cells').notNull(),
    ...figuresOfKeys(),
  },
  row => [
    primaryKey({
      name: 'rollup_key_totals_pk',
      columns: [row.brandId, row.dimension, row.block, row.day, row.part, row.key],
    }),
    index('rollup_key_totals_by_key').on(row.brandId, row.dimension, row.key, row.block, row.day),
    index('rollup_key_totals_empty')
      .on(row.brandId)
      .where(sql`cells = 0`),
  ],
)

/** One row says that a store had somebody on a day, and on which day before the brand had him last. */
export const rollupPeople = pgTable(
  'rollup_people',
  {
    brandId: brandIdColumn(),
    /** `buyer`; `visitor`, of its links; by the day that they were made, `opener` of them, and `winner` who bought by one. */
    kind: textColumn('kind').notNull(),
    person: textColumn('person').notNull(),
    day: dayColumn('day').notNull(),
    storeCode: textColumn('store_code').notNull(),
    /** In whichever store; `-infinity` for never. */
    before: dayColumn('before').notNull(),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.kind, row.person, row.day, row.storeCode] }),
    index('rollup_people_by_store').on(row.brandId, row.kind, row.storeCode, row.day, row.person, row.before),
  ],
)

/**
 * One row is how many people the brand had on a day whom it had before last on another: who comes in a span for the first
 * time was there last before it, so that distinct people of any span are a sum.
 */
export const rollupGaps = pgTable(
  'rollup_gaps',
  {
    brandId: brandIdColumn(),
    kind: textColumn('kind').notNull(),
    day: dayColumn('day').notNull(),
    before: dayColumn('before').notNull(),
    people: count('people').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.kind, row.day, row.before] })],
)
