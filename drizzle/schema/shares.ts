import { pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, textColumn, uuidColumn } from '../columns.ts'

/**
 * One row says which link was made for one send from the sidebar. The caller makes the id, so that a retry after a
 * lost answer finds the link that the first try made instead of making another.
 */
export const shares = pgTable(
  'shares',
  {
    brandId: brandIdColumn(),
    /** Made of the associate and the id that he gave: ids are each one's own. */
    shareId: uuidColumn('share_id').notNull(),
    linkCode: textColumn('link_code').notNull(),
    /** Of what was asked for, and for whom: the same id with other content is refused. */
    contentHash: bytesColumn('content_hash').notNull(),
  },
  share => [primaryKey({ columns: [share.brandId, share.shareId] })],
)
