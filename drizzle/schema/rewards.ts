import { sql } from 'drizzle-orm'
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
    /** `customer`, `associate` or `transfer` to a colleague, of an end. */
    endedBy: textColumn('ended_by'),
    /** What the way of adding was given as its state. */
    state: textColumn('state'),
    receivedAt: instantColumn('received_at').notNull(),
  },
  event => [
    primaryKey({ columns: [event.brandId, event.associateId, event.externalUserid, event.kind, event.at] }),
    index('friend_events_by_customer').on(event.brandId, event.externalUserid, event.at),
    index('friend_events_by_state')
      .on(event.brandId, event.state, event.associateId, event.externalUserid, event.at)
      .where(sql`state IS NOT NULL`),
    index('friend_events_by_associate').on(event.brandId, event.associateId, event.at), // a store's new and lost friends
    index('friend_events_by_time').on(event.brandId, event.at), // a brand's
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
  event => [
    primaryKey({ columns: [event.brandId, event.taskId, event.at, event.kind] }),
    index('task_events_by_associate').on(event.brandId, event.associateId), // whose record changed
  ],
)

/** One row is a reward as it is booked now, by the key of its ledger rows. Never 0. */
export const rewardEntitlements = pgTable(
  'reward_entitlements',
  {
    brandId: brandIdColumn(),
    /** Which event, as `member_enrolled/<memberNo>`. */
    subjectKey: textColumn('subject_key').notNull(),
    /** `member_enrolled`, `friend_added` or `task_done`. */
    event: textColumn('event').notNull(),
    /** Whose event it was: the payee, or somebody of the store that is. */
    associateId: textColumn('associate_id').notNull(),
    /** The person, by his last number, where he is a member. */
    memberNo: textColumn('member_no'),
    /** Of a friend added. */
    externalUserid: textColumn('external_userid'),
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
    index('reward_entitlements_by_time').on(row.brandId, row.at, row.subjectKey), // the list
  ],
)

/**
 * One row says that rewards have to be looked at again: those of a member, of a contact in WeCom (`customer`), for a
 * task, those that an `associate` or the associates of a `store` had to do with, or those of a plan's `span`. Deleted
 * when they are booked.
 */
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
