import { sql } from 'drizzle-orm'
import { boolean, index, integer, jsonb, pgTable, primaryKey, uniqueIndex } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn, textListColumn, uuidColumn } from '../columns.ts'

/** What a task offers to send. */
export interface TaskTarget {
  kind: 'product'
  ref: string
}

/** Which customers a campaign is about; every field that is there has to hold. */
export interface TaskSegment {
  levels?: string[]
  tags?: string[]
  neverBought?: boolean
  asleepDays?: number
  /** Those of the rule's own list. */
  isListed?: boolean
}

/** One row is one of headquarters' rules: which customers somebody should turn to, when, and with what. */
export const taskRules = pgTable(
  'task_rules',
  {
    brandId: brandIdColumn(),
    ruleId: uuidColumn('rule_id').notNull(),
    /** `after_purchase`, `birthday`, `asleep` or `campaign`. */
    kind: textColumn('kind').notNull(),
    /** After, before or since; null: a campaign. */
    days: integer('days'),
    segment: jsonb('segment').$type<TaskSegment>(),
    title: textColumn('title').notNull(),
    text: textColumn('text').notNull(),
    target: jsonb('target').$type<TaskTarget>(),
    priority: integer('priority').notNull(),
    /** Days of the brand's calendar, as YYYY-MM-DD, both within; null: without end. */
    firstDay: textColumn('first_day').notNull(),
    lastDay: textColumn('last_day'),
    /** null: all. */
    storeCodes: textListColumn('store_codes'),
    /** false: it makes none for the time being; what it made stays. */
    isOn: boolean('is_on').notNull().default(true),
    /** So many tasks a night for one associate, and for a store's customers whom nobody has; null: no bound. */
    nightlyMax: integer('nightly_max'),
    createdAt: instantColumn('created_at').notNull(),
    updatedAt: instantColumn('updated_at').notNull(),
    endedAt: instantColumn('ended_at'),
  },
  rule => [primaryKey({ columns: [rule.brandId, rule.ruleId] })],
)

/** One row is one member whom a campaign is for by name. */
export const taskRuleMembers = pgTable(
  'task_rule_members',
  {
    brandId: brandIdColumn(),
    ruleId: uuidColumn('rule_id').notNull(),
    memberNo: textColumn('member_no').notNull(),
  },
  row => [
    primaryKey({ columns: [row.brandId, row.memberNo, row.ruleId] }),
    index('task_rule_members_by_rule').on(row.brandId, row.ruleId),
  ],
)

/** One row is something to do for one customer: made by a rule for one occasion, or by an associate for himself. */
export const tasks = pgTable(
  'tasks',
  {
    brandId: brandIdColumn(),
    taskId: uuidColumn('task_id').notNull(),
    /** As of rules, or `follow_up`. */
    kind: textColumn('kind').notNull(),
    /** null: an associate's own. */
    ruleId: uuidColumn('rule_id'),
    memberNo: textColumn('member_no').notNull(),
    /** What makes it due once: the day of the last purchase, the year of the birthday. */
    occasion: textColumn('occasion').notNull(),
    title: textColumn('title').notNull(),
    text: textColumn('text').notNull(),
    target: jsonb('target').$type<TaskTarget>(),
    priority: integer('priority').notNull(),
    /** null: nobody's, for the store's manager. */
    associateId: textColumn('associate_id'),
    storeCode: textColumn('store_code'),
    /** Days of the brand's calendar, as YYYY-MM-DD. */
    madeDay: textColumn('made_day').notNull(),
    dueDay: textColumn('due_day').notNull(),
    createdAt: instantColumn('created_at').notNull(),
    /** `open`, `done`, `skipped`, or `closed` by the service. */
    state: textColumn('state').notNull(),
    reason: textColumn('reason'),
    /** By which share it was done. */
    linkCode: textColumn('link_code'),
    stateBy: textColumn('state_by'),
    stateAt: instantColumn('state_at').notNull(),
  },
  task => [
    primaryKey({ columns: [task.brandId, task.taskId] }),
    uniqueIndex('tasks_by_occasion')
      .on(task.brandId, task.ruleId, task.memberNo, task.occasion)
      .where(sql`rule_id IS NOT NULL`),
    uniqueIndex('tasks_one_open')
      .on(task.brandId, task.ruleId, task.memberNo)
      .where(sql`rule_id IS NOT NULL AND state = 'open'`),
    uniqueIndex('tasks_one_a_day')
      .on(task.brandId, task.memberNo, task.madeDay)
      .where(sql`rule_id IS NOT NULL`),
    index('tasks_by_rule_and_day')
      .on(task.brandId, task.ruleId, task.madeDay)
      .where(sql`rule_id IS NOT NULL`), // what a night made so far
    index('tasks_open_by_associate')
      .on(task.brandId, task.associateId, task.dueDay)
      .where(sql`state = 'open'`),
    index('tasks_open_by_store')
      .on(task.brandId, task.storeCode, task.dueDay)
      .where(sql`state = 'open'`),
    index('tasks_open_by_member')
      .on(task.brandId, task.memberNo)
      .where(sql`state = 'open'`),
    index('tasks_ended_by_associate')
      .on(task.brandId, task.associateId, task.stateAt)
      .where(sql`state <> 'open'`),
    index('tasks_ended_by_store')
      .on(task.brandId, task.storeCode, task.stateAt)
      .where(sql`state <> 'open'`),
  ],
)

/** One row is one day's making of a brand's tasks: how far it came, and who is at it. */
export const taskRuns = pgTable(
  'task_runs',
  {
    brandId: brandIdColumn(),
    day: textColumn('day').notNull(),
    /** The last member number that was looked at. */
    position: textColumn('position').notNull(),
    leasedUntil: instantColumn('leased_until').notNull(),
    finishedAt: instantColumn('finished_at'),
  },
  run => [primaryKey({ columns: [run.brandId, run.day] })],
)
