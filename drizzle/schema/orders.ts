import { sql } from 'drizzle-orm'
import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import {
  brandIdColumn,
  bytesColumn,
  fenColumn,
  instantColumn,
  textColumn,
  textListColumn,
  uuidColumn,
} from '../columns.ts'

export interface StoredLine {
  lineNo: number
  sku: string
  name?: string
  category?: string
  quantity: number
  paidFen: number
  listFen?: number
  closer?: string
}

export interface StoredRefundLine {
  lineNo: number
  quantity: number
  refundFen: number
}

/** One row is one revision of an order as it was told: evidence, never rewritten. The highest revision counts. */
export const orderRevisions = pgTable(
  'order_revisions',
  {
    brandId: brandIdColumn(),
    source: textColumn('source').notNull(),
    orderNo: textColumn('order_no').notNull(),
    revision: integer('revision').notNull(),
    channel: textColumn('channel').notNull(),
    memberNo: textColumn('member_no'),
    unionid: textColumn('unionid'),
    openid: textColumn('openid'),
    externalUserid: textColumn('external_userid'),
    visitorId: textColumn('visitor_id'),
    phoneEncrypted: bytesColumn('phone_encrypted'),
    phoneHash: textColumn('phone_hash'),
    sellingStore: textColumn('selling_store'),
    closer: textColumn('closer'),
    shareCode: textColumn('share_code'),
    paidAt: instantColumn('paid_at').notNull(),
    completedAt: instantColumn('completed_at'),
    cancelled: boolean('cancelled').notNull(),
    lines: jsonb('lines').$type<StoredLine[]>().notNull(),
    contentHash: bytesColumn('content_hash').notNull(),
    receivedAt: instantColumn('received_at').notNull(),
  },
  order => [primaryKey({ columns: [order.brandId, order.source, order.orderNo, order.revision] })],
)

/**
 * One row is one order as it stands: which revision counts, and what was last decided about it. Everything here
 * follows from evidence and may be rewritten; whoever reconciles an order holds this row's lock. A refund that comes
 * before its order makes the row with `revision` null.
 */
export const orders = pgTable(
  'orders',
  {
    brandId: brandIdColumn(),
    source: textColumn('source').notNull(),
    orderNo: textColumn('order_no').notNull(),
    revision: integer('revision'),
    channel: textColumn('channel'),
    paidAt: instantColumn('paid_at'),
    cancelled: boolean('cancelled').notNull(),
    sellingStore: textColumn('selling_store'),
    unionid: textColumn('unionid'),
    openid: textColumn('openid'),
    externalUserid: textColumn('external_userid'),
    visitorId: textColumn('visitor_id'),
    phoneHash: textColumn('phone_hash'),
    shareCode: textColumn('share_code'),
    /** Of the order and its lines. */
    closers: textListColumn('closers').notNull(),
    /** The person who bought, by his last member number. */
    buyer: textColumn('buyer'),
    isFirstOrder: boolean('is_first_order'),
    netFen: fenColumn('net_fen').notNull(),
    commissionFen: fenColumn('commission_fen').notNull(),
    /** `direct`, `indirect` or null. */
    relation: textColumn('relation'),
    /** The link whose share won, and the touch by which; null touch: the order named the link itself. null link: no share won. */
    sharerLink: textColumn('sharer_link'),
    sharerTouch: textColumn('sharer_touch'),
    /** Units left after refunds. */
    netQuantity: bigint('net_quantity', { mode: 'number' }).notNull().default(0),
    isUnattributed: boolean('is_unattributed').notNull(),
    isUnplanned: boolean('is_unplanned').notNull(),
    /** Role → holder; the closers are those of the lines. */
    roles: jsonb('roles').$type<Record<string, string | string[]>>().notNull(),
    /** Every associate who holds a role. */
    associates: textListColumn('associates').notNull(),
    receivedAt: instantColumn('received_at').notNull(),
  },
  order => [
    primaryKey({ columns: [order.brandId, order.source, order.orderNo] }),
    index('orders_by_time').on(order.brandId, order.paidAt, order.source, order.orderNo),
    index('orders_by_buyer')
      .on(order.brandId, order.buyer, order.paidAt)
      .where(sql`buyer IS NOT NULL`),
    index('orders_first')
      .on(order.brandId, order.buyer, order.paidAt)
      .where(sql`is_first_order`), // whose turn it is no more
    // Evidence that comes later finds the orders it speaks of by these.
    index('orders_by_unionid')
      .on(order.brandId, order.unionid)
      .where(sql`unionid IS NOT NULL`),
    index('orders_by_openid')
      .on(order.brandId, order.openid)
      .where(sql`openid IS NOT NULL`),
    index('orders_by_external_userid')
      .on(order.brandId, order.externalUserid)
      .where(sql`external_userid IS NOT NULL`),
    index('orders_by_visitor')
      .on(order.brandId, order.visitorId)
      .where(sql`visitor_id IS NOT NULL`),
    index('orders_by_phone')
      .on(order.brandId, order.phoneHash)
      .where(sql`phone_hash IS NOT NULL`),
    index('orders_by_share_code')
      .on(order.brandId, order.shareCode)
      .where(sql`share_code IS NOT NULL`),
    index('orders_by_sharer_link')
      .on(order.brandId, order.sharerLink)
      .where(sql`sharer_link IS NOT NULL`), // what a share won
    index('orders_by_store')
      .on(order.brandId, order.sellingStore, order.paidAt)
      .where(sql`selling_store IS NOT NULL`),
    index('orders_unattributed')
      .on(order.brandId, order.paidAt, order.source, order.orderNo)
      .where(sql`is_unattributed`), // the queue of those that nobody has
    index('orders_by_associates').using('gin', order.associates), // somebody's earnings; whom a changed record concerns
  ],
)

/** One row is one revision of a refund as it was told. Evidence; it may come before its order. */
export const refundRevisions = pgTable(
  'refund_revisions',
  {
    brandId: brandIdColumn(),
    source: textColumn('source').notNull(),
    refundNo: textColumn('refund_no').notNull(),
    revision: integer('revision').notNull(),
    orderNo: textColumn('order_no').notNull(),
    refundedAt: instantColumn('refunded_at').notNull(),
    lines: jsonb('lines').$type<StoredRefundLine[]>().notNull(),
    contentHash: bytesColumn('content_hash').notNull(),
    receivedAt: instantColumn('received_at').notNull(),
  },
  refund => [
    primaryKey({ columns: [refund.brandId, refund.source, refund.refundNo, refund.revision] }),
    index('refund_revisions_by_order').on(refund.brandId, refund.source, refund.orderNo),
    index('refund_revisions_by_time').on(refund.brandId, refund.refundedAt), // the refunds of a span
  ],
)

/** One row is one decision by hand about who holds a role on an order, or its withdrawal. Evidence; the latest counts. */
export const orderOverrides = pgTable(
  'order_overrides',
  {
    brandId: brandIdColumn(),
    source: textColumn('source').notNull(),
    orderNo: textColumn('order_no').notNull(),
    overrideId: uuidColumn('override_id').notNull(),
    role: textColumn('role').notNull(),
    /** null: nobody. */
    associateId: textColumn('associate_id'),
    withdrawn: boolean('withdrawn').notNull(),
    /** The associate's store at that moment. */
    storeCode: textColumn('store_code'),
    reason: textColumn('reason').notNull(),
    madeBy: textColumn('made_by').notNull(),
    at: instantColumn('at').notNull(),
  },
  override => [primaryKey({ columns: [override.brandId, override.source, override.orderNo, override.overrideId] })],
)

/** One row puts an order on hold or releases it. Evidence; the latest counts. */
export const orderHolds = pgTable(
  'order_holds',
  {
    brandId: brandIdColumn(),
    source: textColumn('source').notNull(),
    orderNo: textColumn('order_no').notNull(),
    holdId: uuidColumn('hold_id').notNull(),
    held: boolean('held').notNull(),
    reason: textColumn('reason').notNull(),
    madeBy: textColumn('made_by').notNull(),
    at: instantColumn('at').notNull(),
  },
  hold => [primaryKey({ columns: [hold.brandId, hold.source, hold.orderNo, hold.holdId] })],
)
