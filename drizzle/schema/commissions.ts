import { sql } from 'drizzle-orm'
import { boolean, index, integer, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, fenColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/** One row is one published plan version. It never changes. */
export const plans = pgTable(
  'plans',
  {
    brandId: brandIdColumn(),
    code: textColumn('code').notNull(),
    version: integer('version').notNull(),
    effectiveFrom: instantColumn('effective_from').notNull(),
    effectiveTo: instantColumn('effective_to'),
    content: jsonb('content').notNull(),
    contentHash: bytesColumn('content_hash').notNull(),
    isRetroactive: boolean('is_retroactive').notNull(),
    publishedAt: instantColumn('published_at').notNull(),
    publishedBy: textColumn('published_by').notNull(),
  },
  plan => [primaryKey({ columns: [plan.brandId, plan.code, plan.version] })],
)

/**
 * One row withdraws a published plan version whose re-booking was cancelled: from then on it is in force for nothing, and
 * its number stays taken. Evidence.
 */
export const planWithdrawals = pgTable(
  'plan_withdrawals',
  {
    brandId: brandIdColumn(),
    code: textColumn('code').notNull(),
    version: integer('version').notNull(),
    withdrawnAt: instantColumn('withdrawn_at').notNull(),
    withdrawnBy: textColumn('withdrawn_by').notNull(),
  },
  withdrawal => [primaryKey({ columns: [withdrawal.brandId, withdrawal.code, withdrawal.version] })],
)

/**
 * One row is what is owed now for one line and role, under one rule and release: what `decide` gives, and what the
 * ledger's rows of the same key add up to. Kept by the statement that appends them, so that the ledger, which is
 * partitioned by time, need not be searched by order. Never 0.
 */
export const entitlements = pgTable(
  'entitlements',
  {
    brandId: brandIdColumn(),
    source: textColumn('source').notNull(),
    orderNo: textColumn('order_no').notNull(),
    lineNo: integer('line_no').notNull(),
    role: textColumn('role').notNull(),
    payeeKind: textColumn('payee_kind').notNull(),
    payee: textColumn('payee').notNull(),
    bearerKind: textColumn('bearer_kind').notNull(),
    bearer: textColumn('bearer').notNull(),
    ruleId: textColumn('rule_id').notNull(),
    planCode: textColumn('plan_code').notNull(),
    planVersion: integer('plan_version').notNull(),
    availableAt: instantColumn('available_at').notNull(),
    amountFen: fenColumn('amount_fen').notNull(),
    paidAt: instantColumn('paid_at').notNull(),
  },
  row => [
    primaryKey({
      name: 'entitlements_pkey',
      columns: [
        row.brandId,
        row.source,
        row.orderNo,
        row.lineNo,
        row.role,
        row.payeeKind,
        row.payee,
        row.bearerKind,
        row.bearer,
        row.ruleId,
        row.planCode,
        row.planVersion,
        row.availableAt,
      ],
    }),
    index('entitlements_by_payee').on(row.brandId, row.payeeKind, row.payee, row.paidAt),
  ],
)

/**
 * One row is one transfer from a bearer to a payee. Rows are only ever added: what changed its mind adds a row for the
 * difference. Partitioned by the month of `booked_at`.
 */
export const ledgerRows = pgTable(
  'ledger_rows',
  {
    brandId: brandIdColumn(),
    rowId: uuidColumn('row_id').notNull(),
    bookedAt: instantColumn('booked_at').notNull(),
    /** `order_line`, `bonus`, `event` or `adjustment`: which of the fields below say what it is for. */
    subject: textColumn('subject').notNull(),
    source: textColumn('source'),
    orderNo: textColumn('order_no'),
    lineNo: integer('line_no'),
    role: textColumn('role'),
    /** `YYYY-MM` of a bonus. */
    month: textColumn('month'),
    /** The key of an event or adjustment. */
    subjectKey: textColumn('subject_key'),
    payeeKind: textColumn('payee_kind').notNull(),
    payee: textColumn('payee').notNull(),
    bearerKind: textColumn('bearer_kind').notNull(),
    bearer: textColumn('bearer').notNull(),
    ruleId: textColumn('rule_id'),
    planCode: textColumn('plan_code'),
    planVersion: integer('plan_version'),
    amountFen: fenColumn('amount_fen').notNull(),
    /** What triggered the booking. */
    reason: textColumn('reason').notNull(),
    availableAt: instantColumn('available_at').notNull(),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.bookedAt, row.rowId] }), // the partition key is in it; so is the brand
    index('ledger_rows_by_payee').on(row.brandId, row.payeeKind, row.payee, row.availableAt), // balances, settlements
    index('ledger_rows_by_order').on(row.brandId, row.source, row.orderNo), // the explanation and the audit
    index('ledger_rows_by_subject')
      .on(row.brandId, row.subject, row.subjectKey)
      .where(sql`subject IN ('event', 'adjustment')`), // their audit
    index('ledger_rows_by_month')
      .on(row.brandId, row.month, row.payee)
      .where(sql`subject = 'bonus'`), // the audit of a month's bonuses
  ],
)

/**
 * One row says that evidence came which may change orders: `kind` and `key` name what it speaks of, and the worker
 * finds the orders. Written in the transaction of the evidence; deleted when all it speaks of is booked.
 */
export const reconcileMarks = pgTable(
  'reconcile_marks',
  {
    brandId: brandIdColumn(),
    markId: uuidColumn('mark_id').notNull(),
    kind: textColumn('kind').notNull(),
    key: textColumn('key').notNull(),
    /** The order number where kind is `order`; `key` is its source then. */
    orderNo: textColumn('order_no'),
    /** Only orders paid from then on can be changed by it; null: any. */
    paidFrom: instantColumn('paid_from'),
    reason: textColumn('reason').notNull(),
    markedAt: instantColumn('marked_at').notNull(),
  },
  mark => [
    primaryKey({ columns: [mark.brandId, mark.markId] }),
    index('reconcile_marks_by_key').on(mark.brandId, mark.kind, mark.key, mark.orderNo), // one order's marks go together
  ],
)
