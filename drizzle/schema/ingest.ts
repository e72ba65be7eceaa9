import { index, integer, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/** One row is one item that was refused, masked, kept for 30 days with its reason, to be seen and sent again. */
export const rejectedItems = pgTable(
  'rejected_items',
  {
    brandId: brandIdColumn(),
    rejectId: uuidColumn('reject_id').notNull(),
    kind: textColumn('kind').notNull(),
    itemKey: textColumn('item_key'),
    item: jsonb('item').notNull(),
    code: textColumn('code').notNull(),
    message: textColumn('message').notNull(),
    field: textColumn('field'),
    /** Position in the batch. */
    position: integer('position').notNull(),
    sentBy: textColumn('sent_by').notNull(),
    rejectedAt: instantColumn('rejected_at').notNull(),
  },
  item => [
    primaryKey({ columns: [item.brandId, item.rejectId] }),
    index('rejected_items_by_time').on(item.brandId, item.rejectedAt),
  ],
)
