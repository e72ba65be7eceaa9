import { integer, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn } from '../columns.ts'

/**
 * One row is a plan that somebody works on, as it was last saved: it may be unfinished, and pays nothing. Nobody saves
 * over a revision that he has not seen.
 */
export const planDrafts = pgTable(
  'plan_drafts',
  {
    brandId: brandIdColumn(),
    name: textColumn('name').notNull(),
    revision: integer('revision').notNull(),
    content: jsonb('content').notNull(),
    /** The published version that it was begun from. */
    basedOnCode: textColumn('based_on_code'),
    basedOnVersion: integer('based_on_version'),
    createdAt: instantColumn('created_at').notNull(),
    createdBy: textColumn('created_by').notNull(),
    changedAt: instantColumn('changed_at').notNull(),
    changedBy: textColumn('changed_by').notNull(),
  },
  draft => [primaryKey({ columns: [draft.brandId, draft.name] })],
)
