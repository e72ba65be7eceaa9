import { boolean, index, integer, pgTable, primaryKey, uniqueIndex } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import { brandIdColumn, fenColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/** One row is one settlement: what had become available before its cut-off and was in none before. */
export const settlements = pgTable(
  'settlements',
  {
    brandId: brandIdColumn(),
    settlementId: uuidColumn('settlement_id').notNull(),
    cutoff: instantColumn('cutoff').notNull(),
    /**
     * `gathering`, `draft`, `approved`, `paid`, or `discarding`. One that is gathered or discarded counts for nothing; where
     * its process died over it, it is cleared away by whoever gathers next.
     */
    status: textColumn('status').notNull(),
    /** Of the statements that are not carried. */
    totalFen: fenColumn('total_fen').notNull(),
    statementCount: integer('statement_count').notNull(),
    carriedCount: integer('carried_count').notNull(),
    rowCount: integer('row_count').notNull(),
    createdAt: instantColumn('created_at').notNull(),
    createdBy: textColumn('created_by').notNull(),
    approvedAt: instantColumn('approved_at'),
    approvedBy: textColumn('approved_by'),
    paidAt: instantColumn('paid_at'),
  },
  settlement => [primaryKey({ columns: [settlement.brandId, settlement.settlementId] })],
)

/** One row is what one payee is owed in a settlement. A carried one is negative: its rows wait for the next. */
export const settlementStatements = pgTable(
  'settlement_statements',
  {
    brandId: brandIdColumn(),
    settlementId: uuidColumn('settlement_id').notNull(),
    payeeKind: textColumn('payee_kind').notNull(),
    payee: textColumn('payee').notNull(),
    /** As last told when the draft was made; null: not told. */
    payeeType: textColumn('payee_type'),
    totalFen: fenColumn('total_fen').notNull(),
    rowCount: integer('row_count').notNull(),
    carried: boolean('carried').notNull(),
  },
  row => [
    primaryKey({
      name: 'settlement_statements_pkey',
      columns: [row.brandId, row.settlementId, row.payeeKind, row.payee],
    }),
  ],
)

/** One row is what one bearer owes one payee for one kind of thing: a statement's groups, and the clearing table. */
export const settlementParts = pgTable(
  'settlement_parts',
  {
    brandId: brandIdColumn(),
    settlementId: uuidColumn('settlement_id').notNull(),
    payeeKind: textColumn('payee_kind').notNull(),
    payee: textColumn('payee').notNull(),
    bearerKind: textColumn('bearer_kind').notNull(),
    bearer: textColumn('bearer').notNull(),
    /** The role of an order line; `bonus`, `event` or `adjustment` of all else. */
    purpose: textColumn('purpose').notNull(),
    totalFen: fenColumn('total_fen').notNull(),
    rowCount: integer('row_count').notNull(),
    carried: boolean('carried').notNull(),
  },
  row => [
    primaryKey({
      name: 'settlement_parts_pkey',
      columns: [row.brandId, row.settlementId, row.payeeKind, row.payee, row.bearerKind, row.bearer, row.purpose],
    }),
    index('settlement_parts_by_bearer').on(row.brandId, row.settlementId, row.bearerKind, row.bearer),
  ],
)

/**
 * One row says in which settlement a ledger row is. The unique index keeps it in one at most; a carried row is listed
 * in each settlement that carried it, and is in none of them. A ledger row has one payee: he is in the index so that
 * whoever looks at an account finds its rows beside each other, and not spread over all that was ever settled.
 */
export const settlementRows = pgTable(
  'settlement_rows',
  {
    brandId: brandIdColumn(),
    settlementId: uuidColumn('settlement_id').notNull(),
    payeeKind: textColumn('payee_kind').notNull(),
    payee: textColumn('payee').notNull(),
    rowId: uuidColumn('row_id').notNull(),
    /** Of the ledger row, so that it is found in its partition. */
    bookedAt: instantColumn('booked_at').notNull(),
    carried: boolean('carried').notNull(),
  },
  row => [
    primaryKey({
      name: 'settlement_rows_pkey',
      columns: [row.brandId, row.settlementId, row.payeeKind, row.payee, row.bookedAt, row.rowId],
    }),
    uniqueIndex('settlement_rows_once')
      .on(row.brandId, row.payeeKind, row.payee, row.rowId)
      .where(sql`NOT carried`),
  ],
)

/** One row is one try to pay a statement. Only added to: what failed is tried again by another row. */
export const settlementPayments = pgTable(
  'settlement_payments',
  {
    brandId: brandIdColumn(),
    settlementId: uuidColumn('settlement_id').notNull(),
    payeeKind: textColumn('payee_kind').notNull(),
    payee: textColumn('payee').notNull(),
    paymentId: uuidColumn('payment_id').notNull(),
    /** `paid` or `failed`. */
    status: textColumn('status').notNull(),
    amountFen: fenColumn('amount_fen').notNull(),
    /** The bank's or payroll's own number. */
    reference: textColumn('reference'),
    reason: textColumn('reason'),
    at: instantColumn('at').notNull(),
    recordedBy: textColumn('recorded_by').notNull(),
    recordedAt: instantColumn('recorded_at').notNull(),
  },
  row => [
    primaryKey({
      name: 'settlement_payments_pkey',
      columns: [row.brandId, row.settlementId, row.payeeKind, row.payee, row.paymentId],
    }),
    uniqueIndex('settlement_payments_paid_once')
      .on(row.brandId, row.settlementId, row.payeeKind, row.payee)
      .where(sql`status = 'paid'`),
  ],
)
