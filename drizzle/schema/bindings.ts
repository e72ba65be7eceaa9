import { index, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/** One row is the brand's binding policy as it was told: by which events a customer becomes an associate's own. */
export const bindingPolicies = pgTable(
  'binding_policies',
  {
    brandId: brandIdColumn(),
    policyId: uuidColumn('policy_id').notNull(),
    /** Events from then on; null: all. */
    effectiveFrom: instantColumn('effective_from'),
    content: jsonb('content').notNull(),
    toldBy: textColumn('told_by').notNull(),
    toldAt: instantColumn('told_at').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.policyId] })],
)

/**
 * One row is an assignment that follows from the binding policy: whose customer a person became by an event. Kept by
 * the replay of his events; may be rewritten, since it only follows from evidence.
 */
export const derivedAssignments = pgTable(
  'derived_assignments',
  {
    brandId: brandIdColumn(),
    /** The person's last number. */
    memberNo: textColumn('member_no').notNull(),
    fromAt: instantColumn('from_at').notNull(),
    associateId: textColumn('associate_id').notNull(),
    /** `enrol`, `friend_added` or `first_purchase`. */
    eventKind: textColumn('event_kind').notNull(),
    eventId: textColumn('event_id').notNull(),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.memberNo, row.fromAt] }),
    index('derived_assignments_by_associate').on(row.brandId, row.associateId),
  ],
)

/** One row says that a person's events have to be replayed. Deleted when his assignments follow. */
export const bindingMarks = pgTable(
  'binding_marks',
  {
    brandId: brandIdColumn(),
    markId: uuidColumn('mark_id').notNull(),
    kind: textColumn('kind').notNull(),
    key: textColumn('key').notNull(),
    markedAt: instantColumn('marked_at').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.markId] })],
)

/** One row is one handover: a leaver's members given to others, with one reason. */
export const handovers = pgTable(
  'handovers',
  {
    brandId: brandIdColumn(),
    handoverId: uuidColumn('handover_id').notNull(),
    fromAssociate: textColumn('from_associate').notNull(),
    reason: textColumn('reason').notNull(),
    /** From when the members are the others'. */
    fromAt: instantColumn('from_at').notNull(),
    madeBy: textColumn('made_by').notNull(),
    madeAt: instantColumn('made_at').notNull(),
    undoneAt: instantColumn('undone_at'),
    undoneBy: textColumn('undone_by'),
    undoReason: textColumn('undo_reason'),
  },
  row => [primaryKey({ columns: [row.brandId, row.handoverId] })],
)

/** One row is one member of a handover, and to whom he went. */
export const handoverMembers = pgTable(
  'handover_members',
  {
    brandId: brandIdColumn(),
    handoverId: uuidColumn('handover_id').notNull(),
    memberNo: textColumn('member_no').notNull(),
    toAssociate: textColumn('to_associate').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.handoverId, row.memberNo] })],
)
