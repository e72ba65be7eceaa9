import { index, jsonb, pgTable, primaryKey, uniqueIndex } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/** One row is what an associate says against how an order was credited, or his claim to a sale that nobody has. */
export const disputes = pgTable(
  'disputes',
  {
    brandId: brandIdColumn(),
    disputeId: uuidColumn('dispute_id').notNull(),
    /** `dispute`, or `claim` where the order was unattributed. */
    kind: textColumn('kind').notNull(),
    source: textColumn('source').notNull(),
    orderNo: textColumn('order_no').notNull(),
    /** The role that he says is his. */
    role: textColumn('role').notNull(),
    associateId: textColumn('associate_id').notNull(),
    /** His store then: whose manager decides. */
    storeCode: textColumn('store_code'),
    text: textColumn('text').notNull(),
    openedBy: textColumn('opened_by').notNull(),
    openedAt: instantColumn('opened_at').notNull(),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.disputeId] }),
    index('disputes_by_order').on(row.brandId, row.source, row.orderNo),
    index('disputes_by_associate').on(row.brandId, row.associateId),
  ],
)

/** One row says how a dispute ended. There is one at most. */
export const disputeDecisions = pgTable(
  'dispute_decisions',
  {
    brandId: brandIdColumn(),
    disputeId: uuidColumn('dispute_id').notNull(),
    /** `upheld`, `rejected` or `withdrawn`. */
    outcome: textColumn('outcome').notNull(),
    /** null: withdrawn without one. */
    reason: textColumn('reason'),
    /** The override that follows from it. */
    overrideId: uuidColumn('override_id'),
    decidedBy: textColumn('decided_by').notNull(),
    decidedAt: instantColumn('decided_at').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.disputeId] })],
)

/** One row tells one associate something: how his dispute ended, that a sale went to another. */
export const notices = pgTable(
  'notices',
  {
    brandId: brandIdColumn(),
    associateId: textColumn('associate_id').notNull(),
    noticeId: uuidColumn('notice_id').notNull(),
    kind: textColumn('kind').notNull(),
    /** What the sentence is made of, in the reader's language. */
    details: jsonb('details').notNull(),
    createdAt: instantColumn('created_at').notNull(),
    readAt: instantColumn('read_at'),
  },
  row => [primaryKey({ columns: [row.brandId, row.associateId, row.noticeId] })],
)

/** One row is something that looks wrong about orders. Found by rules; found again, it is the same row. */
export const riskFindings = pgTable(
  'risk_findings',
  {
    brandId: brandIdColumn(),
    findingId: uuidColumn('finding_id').notNull(),
    /** `counter_scan`, `shared_phone`, `click_flood` or `refund_after_settlement`. */
    kind: textColumn('kind').notNull(),
    /** What it is about, and the how manieth finding about that: what comes after a decision is another. */
    key: textColumn('key').notNull(),
    /** The order, where it is about one alone. */
    source: textColumn('source'),
    orderNo: textColumn('order_no'),
    associateId: textColumn('associate_id'),
    storeCode: textColumn('store_code'),
    /** The orders that a decision acts on, and what was found. No phone number, and no hash of one. */
    details: jsonb('details').notNull(),
    foundAt: instantColumn('found_at').notNull(),
    /**
     * `open`, `held`, `released`, `reversed` or `dismissed`; follows from the decisions. `watched`: not yet often enough
     * to be shown.
     */
    status: textColumn('status').notNull(),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.kind, row.key] }),
    uniqueIndex('risk_findings_by_id').on(row.brandId, row.findingId),
    index('risk_findings_by_status').on(row.brandId, row.status, row.foundAt, row.findingId),
  ],
)

/** One row is one decision about a finding, with its reason. */
export const riskDecisions = pgTable(
  'risk_decisions',
  {
    brandId: brandIdColumn(),
    findingId: uuidColumn('finding_id').notNull(),
    decisionId: uuidColumn('decision_id').notNull(),
    /** `hold`, `release`, `reverse` or `dismiss`. */
    action: textColumn('action').notNull(),
    reason: textColumn('reason').notNull(),
    decidedBy: textColumn('decided_by').notNull(),
    decidedAt: instantColumn('decided_at').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.findingId, row.decisionId] })],
)
