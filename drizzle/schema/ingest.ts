import { index, integer, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn, textListColumn, uuidColumn } from '../columns.ts'

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
    /** Where something was masked, as `lines[0].phone`; empty for the item as a whole; null: nobody knows any more. */
    maskedFields: textListColumn('masked_fields'),
    /** When it was sent again and taken, and by whom. */
    resentAt: instantColumn('resent_at'),
    resentBy: textColumn('resent_by'),
  },
  item => [
    primaryKey({ columns: [item.brandId, item.rejectId] }),
    index('rejected_items_by_time').on(item.brandId, item.rejectedAt),
  ],
)

/**
 * One row is what one sender told of one kind, of one source, on one day of the brand. Gathered in memory and added every
 * few seconds: for people to see that something comes, not to be counted on.
 */
export const intakeDays = pgTable(
  'intake_days',
  {
    brandId: brandIdColumn(),
    /** `YYYY-MM-DD` */
    day: textColumn('day').notNull(),
    kind: textColumn('kind').notNull(),
    /** Of orders and refunds as told; empty for the others. */
    source: textColumn('source').notNull(),
    sentBy: textColumn('sent_by').notNull(),
    created: integer('created').notNull(),
    updated: integer('updated').notNull(),
    unchanged: integer('unchanged').notNull(),
    rejected: integer('rejected').notNull(),
    lastAt: instantColumn('last_at').notNull(),
    lastRejectedAt: instantColumn('last_rejected_at'),
  },
  day => [primaryKey({ columns: [day.brandId, day.day, day.kind, day.source, day.sentBy] })],
)

/** One row is one run of the import of a file. It says every few seconds how far it is. */
export const importRuns = pgTable(
  'import_runs',
  {
    brandId: brandIdColumn(),
    runId: uuidColumn('run_id').notNull(),
    kind: textColumn('kind').notNull(),
    /** Without its folder. */
    fileName: textColumn('file_name').notNull(),
    /** `running`, `done`, `interrupted` or `failed`. */
    status: textColumn('status').notNull(),
    /** Per mille of the file that was read. */
    progress: integer('progress').notNull(),
    /** The last line dealt with. */
    line: integer('line').notNull(),
    created: integer('created').notNull(),
    updated: integer('updated').notNull(),
    unchanged: integer('unchanged').notNull(),
    rejected: integer('rejected').notNull(),
    startedAt: instantColumn('started_at').notNull(),
    /** When it was last heard of. */
    seenAt: instantColumn('seen_at').notNull(),
    endedAt: instantColumn('ended_at'),
  },
  run => [primaryKey({ columns: [run.brandId, run.runId] })],
)
