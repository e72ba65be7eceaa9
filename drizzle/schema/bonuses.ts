import { index, integer, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, fenColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/**
 * One row is what one order adds to an associate's monthly basis: the net of its lines on which he holds a role that
 * the order's own plan counts. Follows from what was decided about the order; never 0.
 */
export const tierBases = pgTable(
  'tier_bases',
  {
    brandId: brandIdColumn(),
    source: textColumn('source').notNull(),
    orderNo: textColumn('order_no').notNull(),
    associateId: textColumn('associate_id').notNull(),
    /** `YYYY-MM` of paidAt in the brand's zone. */
    month: textColumn('month').notNull(),
    basisFen: fenColumn('basis_fen').notNull(),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.source, row.orderNo, row.associateId] }),
    index('tier_bases_by_month').on(row.brandId, row.month, row.associateId), // a month's basis is their sum
  ],
)

/** One row is a monthly bonus as it is booked now, by the key of its ledger rows. Never 0. */
export const bonusEntitlements = pgTable(
  'bonus_entitlements',
  {
    brandId: brandIdColumn(),
    associateId: textColumn('associate_id').notNull(),
    month: textColumn('month').notNull(),
    bearerKind: textColumn('bearer_kind').notNull(),
    bearer: textColumn('bearer').notNull(),
    planCode: textColumn('plan_code').notNull(),
    planVersion: integer('plan_version').notNull(),
    availableAt: instantColumn('available_at').notNull(),
    amountFen: fenColumn('amount_fen').notNull(),
  },
  row => [
    primaryKey({
      name: 'bonus_entitlements_pkey',
      columns: [
        row.brandId,
        row.associateId,
        row.month,
        row.bearerKind,
        row.bearer,
        row.planCode,
        row.planVersion,
        row.availableAt,
      ],
    }),
  ],
)

/** One row says that an associate's month has to be looked at again. Deleted when its bonus is booked. */
export const bonusMarks = pgTable(
  'bonus_marks',
  {
    brandId: brandIdColumn(),
    markId: uuidColumn('mark_id').notNull(),
    associateId: textColumn('associate_id').notNull(),
    month: textColumn('month').notNull(),
    reason: textColumn('reason').notNull(),
    markedAt: instantColumn('marked_at').notNull(),
  },
  mark => [primaryKey({ columns: [mark.brandId, mark.markId] })],
)
