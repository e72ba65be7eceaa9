import { sql } from 'drizzle-orm'
import { boolean, index, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, instantColumn, textColumn } from '../columns.ts'

/**
 * One row is one touch: somebody opened, scanned or entered what was shared, or it was sent. Evidence, partitioned by
 * the month of `at`. The ids are as seen; whose they are is decided when asked, since an identity may come later.
 */
export const touches = pgTable(
  'touches',
  {
    brandId: brandIdColumn(),
    touchId: textColumn('touch_id').notNull(),
    at: instantColumn('at').notNull(),
    kind: textColumn('kind').notNull(),
    linkCode: textColumn('link_code'),
    memberNo: textColumn('member_no'),
    unionid: textColumn('unionid'),
    openid: textColumn('openid'),
    externalUserid: textColumn('external_userid'),
    visitorId: textColumn('visitor_id'),
    channel: textColumn('channel'),
    chatId: textColumn('chat_id'),
    /** The group as the mini program knows it; which chat that is stands in group_opengids. */
    opengid: textColumn('opengid'),
    page: jsonb('page').$type<{ kind: string; ref: string; title?: string }>(),
    /** The associate opened his own link: kept for the record, counts for nothing. */
    byAssociate: boolean('by_associate').notNull(),
    receivedAt: instantColumn('received_at').notNull(),
  },
  touch => [
    primaryKey({ columns: [touch.brandId, touch.at, touch.touchId] }), // the partition key is in it
    // Each id finds a person's touches within a window; rows without the id cost nothing.
    index('touches_by_member')
      .on(touch.brandId, touch.memberNo, touch.at)
      .where(sql`member_no IS NOT NULL`),
    index('touches_by_unionid')
      .on(touch.brandId, touch.unionid, touch.at)
      .where(sql`unionid IS NOT NULL`),
    index('touches_by_openid')
      .on(touch.brandId, touch.openid, touch.at)
      .where(sql`openid IS NOT NULL`),
    index('touches_by_external_userid')
      .on(touch.brandId, touch.externalUserid, touch.at)
      .where(sql`external_userid IS NOT NULL`),
    index('touches_by_visitor')
      .on(touch.brandId, touch.visitorId, touch.at)
      .where(sql`visitor_id IS NOT NULL`),
    index('touches_by_link')
      .on(touch.brandId, touch.linkCode, touch.at)
      .where(sql`link_code IS NOT NULL`),
    index('touches_by_opengid')
      .on(touch.brandId, touch.opengid, touch.at)
      .where(sql`opengid IS NOT NULL`),
  ],
)

/**
 * The natural key of touches: a unique index on a partitioned table must hold the partition key, so that one touchId
 * with two instants could slip in twice. Written by the same statement as the touch.
 */
export const touchKeys = pgTable(
  'touch_keys',
  {
    brandId: brandIdColumn(),
    touchId: textColumn('touch_id').notNull(),
    at: instantColumn('at').notNull(),
    contentHash: bytesColumn('content_hash').notNull(),
  },
  key => [primaryKey({ columns: [key.brandId, key.touchId] })],
)
