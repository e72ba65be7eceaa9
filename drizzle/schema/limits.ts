import { integer, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { instantColumn, textColumn } from '../columns.ts'

/**
 * One row is how often somebody asked, or tried something that can be guessed, within a minute, as far as the processes
 * have told each other; see server/features/limits. Of no brand, since who only has an address may mean any. Not logged:
 * what a crash of the database forgets is a minute.
 */
export const rateCounts = pgTable(
  'rate_counts',
  {
    /** A hash of whom and what; no address and no key can be read from it. */
    key: textColumn('key').notNull(),
    minute: instantColumn('minute').notNull(),
    count: integer('count').notNull(),
  },
  row => [primaryKey({ columns: [row.key, row.minute] })],
)
