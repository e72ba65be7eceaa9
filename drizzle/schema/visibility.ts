import { pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/** One row is what the brand lets its people see, as it was told. The last counts. */
export const visibilitySettings = pgTable(
  'visibility_settings',
  {
    brandId: brandIdColumn(),
    settingId: uuidColumn('setting_id').notNull(),
    /** `nobody`, `headquarters`, `managers` or `associates`: each with those before it. */
    wholePhone: textColumn('whole_phone').notNull(),
    /** `hidden`, `own` or `all`. */
    ranks: textColumn('ranks').notNull(),
    toldBy: textColumn('told_by').notNull(),
    toldAt: instantColumn('told_at').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.settingId] })],
)
