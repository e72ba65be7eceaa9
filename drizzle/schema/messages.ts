import { sql } from 'drizzle-orm'
import { boolean, index, integer, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn, textListColumn, uuidColumn } from '../columns.ts'

/** One row is one thing that one associate is told in WeCom, once at most. Kept for 30 days. */
export const associateMessages = pgTable(
  'associate_messages',
  {
    brandId: brandIdColumn(),
    associateId: textColumn('associate_id').notNull(),
    /** `link_opened`, `sold`, `friend_lost`, `task_new`, `dispute_decided` or `statement_ready`. */
    kind: textColumn('kind').notNull(),
    /** What it is about: its natural key among those of its kind and recipient. */
    occasion: textColumn('occasion').notNull(),
    /** When it happened. */
    at: instantColumn('at').notNull(),
    /** Where what it says is looked up when it goes. */
    details: jsonb('details').$type<Record<string, unknown>>().notNull(),
    /** `waiting`, `sending`, `sent`, `dropped`, `refused` by WeCom, or `unsure` where WeCom did not answer. */
    status: textColumn('status').notNull(),
    /** Why it was dropped: `stale`, `turned_off`, `gone`, `over`, `imported`. Why it was refused: as `invalid_user`. */
    reason: textColumn('reason'),
    /** WeCom's last refusal, and the address that it saw the call come from; also of one that is tried again. */
    errcode: integer('errcode'),
    address: textColumn('address'),
    /** With which card it went. Several on one are a digest. */
    cardId: uuidColumn('card_id'),
    /** It was put off, in quiet hours or since it was too much: it goes with all others that were. */
    isHeld: boolean('is_held').notNull(),
    createdAt: instantColumn('created_at').notNull(),
    /** Not before. */
    dueAt: instantColumn('due_at').notNull(),
    /** When its card went. */
    sendingAt: instantColumn('sending_at'),
    endedAt: instantColumn('ended_at'),
  },
  message => [
    primaryKey({ columns: [message.brandId, message.associateId, message.kind, message.occasion] }),
    index('associate_messages_due')
      .on(message.brandId, message.dueAt)
      .where(sql`status = 'waiting'`),
    index('associate_messages_under_way')
      .on(message.brandId, message.sendingAt)
      .where(sql`status = 'sending'`),
    index('associate_messages_by_time').on(message.brandId, message.createdAt),
  ],
)

/** One row is what a brand tells its associates, and when not. */
export const messageSettings = pgTable(
  'message_settings',
  {
    brandId: brandIdColumn(),
    /** Minutes after midnight in the brand's time zone. */
    quietFrom: integer('quiet_from').notNull(),
    quietTo: integer('quiet_to').notNull(),
    /** Kinds that nobody is told. */
    offKinds: textListColumn('off_kinds').notNull(),
    /** So many cards of a kind within so many minutes; what comes then goes as one. */
    digestAbove: integer('digest_above').notNull(),
    digestMinutes: integer('digest_minutes').notNull(),
    changedBy: textColumn('changed_by').notNull(),
    changedAt: instantColumn('changed_at').notNull(),
  },
  settings => [primaryKey({ columns: [settings.brandId] })],
)

/** One row is what one associate does not want to be told. */
export const messageChoices = pgTable(
  'message_choices',
  {
    brandId: brandIdColumn(),
    associateId: textColumn('associate_id').notNull(),
    offKinds: textListColumn('off_kinds').notNull(),
    changedAt: instantColumn('changed_at').notNull(),
  },
  choice => [primaryKey({ columns: [choice.brandId, choice.associateId] })],
)
