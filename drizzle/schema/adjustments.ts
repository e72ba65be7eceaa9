import { sql } from 'drizzle-orm'
import { boolean, index, pgTable, primaryKey, uniqueIndex } from 'drizzle-orm/pg-core'
import { brandIdColumn, fenColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/** One row is one adjustment as somebody proposed it. It moves nothing until a second person confirms it. */
export const adjustments = pgTable(
  'adjustments',
  {
    brandId: brandIdColumn(),
    adjustmentId: uuidColumn('adjustment_id').notNull(),
    /** The maker's own number, where he gave one: telling it again is harmless. */
    adjustmentNo: textColumn('adjustment_no'),
    /** `bonus`, `penalty`, `opening_balance`, `write_off`, `correction` or `reversal`. */
    kind: textColumn('kind').notNull(),
    payeeKind: textColumn('payee_kind').notNull(),
    payee: textColumn('payee').notNull(),
    bearerKind: textColumn('bearer_kind').notNull(),
    bearer: textColumn('bearer').notNull(),
    amountFen: fenColumn('amount_fen').notNull(),
    reason: textColumn('reason').notNull(),
    /** null: from the moment it is confirmed. */
    availableAt: instantColumn('available_at'),
    /** The adjustment that this one takes back. */
    reverses: uuidColumn('reverses'),
    madeBy: textColumn('made_by').notNull(),
    /** Tells two makers of one name apart. */
    makerId: textColumn('maker_id').notNull(),
    madeAt: instantColumn('made_at').notNull(),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.adjustmentId] }),
    uniqueIndex('adjustments_by_number')
      .on(row.brandId, row.adjustmentNo)
      .where(sql`adjustment_no IS NOT NULL`),
    index('adjustments_by_payee').on(row.brandId, row.payeeKind, row.payee),
    index('adjustments_by_reversed')
      .on(row.brandId, row.reverses)
      .where(sql`reverses IS NOT NULL`),
  ],
)

/** One row says what became of an adjustment: confirmed by a second person, or rejected. There is one at most. */
export const adjustmentDecisions = pgTable(
  'adjustment_decisions',
  {
    brandId: brandIdColumn(),
    adjustmentId: uuidColumn('adjustment_id').notNull(),
    confirmed: boolean('confirmed').notNull(),
    reason: textColumn('reason'),
    decidedBy: textColumn('decided_by').notNull(),
    deciderId: textColumn('decider_id').notNull(),
    decidedAt: instantColumn('decided_at').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.adjustmentId] })],
)
