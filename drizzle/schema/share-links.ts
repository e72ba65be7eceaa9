import { sql } from 'drizzle-orm'
import { index, integer, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn } from '../columns.ts'

export interface LinkTarget {
  kind: string
  ref: string
  title?: string
  imageUrl?: string
  path?: string
  url?: string
}

/** One row is one share: whose, of what, to whom. As created for ever, but for `revoked_at`, which may be added once. */
export const shareLinks = pgTable(
  'share_links',
  {
    brandId: brandIdColumn(),
    linkCode: textColumn('link_code').notNull(),
    associateId: textColumn('associate_id').notNull(),
    storeCode: textColumn('store_code'),
    target: jsonb('target').$type<LinkTarget>().notNull(),
    channel: textColumn('channel').notNull(),
    sentToExternalUserid: textColumn('sent_to_external_userid'),
    sentToChatId: textColumn('sent_to_chat_id'),
    /** null: imported without one; it has no lower bound then. */
    createdAt: instantColumn('created_at'),
    revokedAt: instantColumn('revoked_at'),
    receivedAt: instantColumn('received_at').notNull(),
  },
  link => [
    primaryKey({ columns: [link.brandId, link.linkCode] }),
    index('share_links_by_associate').on(link.brandId, link.associateId, link.receivedAt),
    index('share_links_by_target').on(link.brandId, sql`(target ->> 'kind')`, sql`(target ->> 'ref')`), // how something does
    index('share_links_by_time').on(link.brandId, sql`COALESCE(created_at, received_at)`), // the shares of a span
  ],
)

/**
 * Which brand has a code: codes are unique in the whole service, since a short link names no brand.
 * A named exception to "brand id first".
 */
export const linkCodes = pgTable('link_codes', {
  linkCode: textColumn('link_code').primaryKey(),
  brandId: integer('brand_id').notNull(),
})
