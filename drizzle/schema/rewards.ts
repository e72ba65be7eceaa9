import { index, integer, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, fenColumn, instantColumn, textColumn, uuidColumn } from '../columns.ts'

/** One row says that a friendship between a WeCom user and a customer began or ended. Evidence. */
export const friendEvents = pgTable(
  'friend_events',
  {
    brandId: brandIdColumn(),
    associateId: textColumn('associate_id').notNull(),
    externalUserid: textColumn('external_userid').notNull(),
    /** `added` or `ended`. */
    kind: textColumn('kind').notNull(),
    at: instantColumn('at').notNull(),
    /** `customer` or `associate`, of an end. */
    endedBy: textColumn('ended_by'),
    /** What the way of adding was given as its state. */
    state: textColumn('state'),
    receivedAt: instantColumn('received_at').notNull(),
  },
  event => [
    primaryKey({ columns: [event.brandId, event.associateId, event.externalUserid, event.kind, event.at] }),
    index('friend_events_by_customer').on(event.brandId, event.externalUserid, event.at),
  ],
)

/** One row says that a task was done, or that it was not after all. Evidence; of one task the latest counts. */
export const taskEvents = pgTable(
  'task_events',
  {
    brandId: brandIdColumn(),
    taskId: textColumn('task_id').notNull(),
    /** `done` or `undone`. */
    kind: textColumn('kind').notNull(),
    at: instantColumn('at').notNull(),
    associateId: textColumn('associate_id').notNull(),
    /** What kind of task, as rules and rewards name it. */
    task: textColumn('task').notNull(),
    memberNo: textColumn('member_no'),
    receivedAt: instantColumn('received_at').notNull(),
  },
  event => [primaryKey({ columns: [event.brandId, event.taskId, event.at, event.kind] })],
)

/** One row is a reward as it is booked now, by the key of its ledger rows. Never 0. */
export const rewardEntitlements = pgTable(
  'reward_entitlements',
  {
    brandId: brandIdColumn(),
    /** Which event, as `member_enrolled/<memberNo>`. */
    subjectKey: textColumn('subject_key').notNull(),
    payeeKind: textColumn('payee_kind').notNull(),
    payee: textColumn('payee').notNull(),
    bearerKind: textColumn('bearer_kind').notNull(),
    bearer: textColumn('bearer').notNull(),
    ruleId: textColumn('rule_id').notNull(),
    planCode: textColumn('plan_code').notNull(),
    planVersion: integer('plan_version').notNull(),
    availableAt: instantColumn('available_at').notNull(),
    amountFen: fenColumn('amount_fen').notNull(),
    /** When the event was. */
    at: instantColumn('at').notNull(),
  },
  row => [
    primaryKey({
      name: 'reward_entitlements_pkey',
      columns: [
        row.brandId,
        row.subjectKey,
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
    index('reward_entitlements_by_payee').on(row.brandId, row.payeeKind, row.payee, row.at),
  ],
)

/** One row says that the rewards of a member, a customer or a task have to be looked at again. Deleted when they are booked. */
export const rewardMarks = pgTable(
  'reward_marks',
  {
    brandId: brandIdColumn(),
    markId: uuidColumn('mark_id').notNull(),
    kind: textColumn('kind').notNull(),
    key: textColumn('key').notNull(),
    reason: textColumn('reason').notNull(),
    markedAt: instantColumn('marked_at').notNull(),
  },
  mark => [primaryKey({ columns: [mark.brandId, mark.markId] })],
)
