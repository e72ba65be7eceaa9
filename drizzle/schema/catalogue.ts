import { sql } from 'drizzle-orm'
import { index, integer, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, fenColumn, instantColumn, textColumn, textListColumn } from '../columns.ts'

/** One row is one product as last told. */
export const products = pgTable(
  'products',
  {
    brandId: brandIdColumn(),
    sku: textColumn('sku').notNull(),
    name: textColumn('name').notNull(),
    category: textColumn('category'),
    priceFen: fenColumn('price_fen').notNull(),
    listFen: fenColumn('list_fen'),
    imageUrl: textColumn('image_url'),
    /** In the mini-program. */
    path: textColumn('path'),
    stock: integer('stock'),
    updatedAt: instantColumn('updated_at').notNull(),
  },
  product => [
    primaryKey({ columns: [product.brandId, product.sku] }),
    index('products_by_name').on(product.brandId, product.name, product.sku), // the catalogue, page by page
  ],
)

/** One row is one coupon as last told. */
export const coupons = pgTable(
  'coupons',
  {
    brandId: brandIdColumn(),
    couponCode: textColumn('coupon_code').notNull(),
    name: textColumn('name').notNull(),
    kind: textColumn('kind').notNull(),
    amountFen: fenColumn('amount_fen'),
    discountBps: integer('discount_bps'),
    minimumFen: fenColumn('minimum_fen'),
    validFrom: instantColumn('valid_from'),
    validTo: instantColumn('valid_to'),
    stock: integer('stock'),
    /** Whose associates may hand it out, as headquarters says here; null: all. */
    storeCodes: textListColumn('store_codes'),
    updatedAt: instantColumn('updated_at').notNull(),
  },
  coupon => [primaryKey({ columns: [coupon.brandId, coupon.couponCode] })],
)

/** One row is one thing that happened to a member's coupon. Evidence. */
export const couponEvents = pgTable(
  'coupon_events',
  {
    brandId: brandIdColumn(),
    eventId: textColumn('event_id').notNull(),
    couponCode: textColumn('coupon_code').notNull(),
    kind: textColumn('kind').notNull(),
    memberNo: textColumn('member_no').notNull(),
    at: instantColumn('at').notNull(),
    linkCode: textColumn('link_code'),
    orderNo: textColumn('order_no'),
    source: textColumn('source'),
    contentHash: bytesColumn('content_hash').notNull(),
    receivedAt: instantColumn('received_at').notNull(),
  },
  event => [
    primaryKey({ columns: [event.brandId, event.eventId] }),
    index('coupon_events_by_member').on(event.brandId, event.memberNo, event.at),
    index('coupon_events_by_coupon').on(event.brandId, event.couponCode, event.kind), // how many of each
    index('coupon_events_by_link')
      .on(event.brandId, event.couponCode, event.linkCode)
      .where(sql`link_code IS NOT NULL`), // what came of a share
  ],
)

/** One row is the target of a store or an associate for a month, as last told. */
export const targets = pgTable(
  'targets',
  {
    brandId: brandIdColumn(),
    month: textColumn('month').notNull(),
    /** `store` or `associate`. */
    subjectKind: textColumn('subject_kind').notNull(),
    subject: textColumn('subject').notNull(),
    netSalesFen: fenColumn('net_sales_fen').notNull(),
    updatedAt: instantColumn('updated_at').notNull(),
  },
  target => [primaryKey({ columns: [target.brandId, target.month, target.subjectKind, target.subject] })],
)

/** One row is one customer group. */
export const groupChats = pgTable(
  'group_chats',
  {
    brandId: brandIdColumn(),
    chatId: textColumn('chat_id').notNull(),
    name: textColumn('name').notNull(),
    storeCode: textColumn('store_code').notNull(),
    owner: textColumn('owner'),
    updatedAt: instantColumn('updated_at').notNull(),
  },
  group => [primaryKey({ columns: [group.brandId, group.chatId] })],
)
