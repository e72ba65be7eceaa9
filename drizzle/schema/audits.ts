import { integer, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn } from '../columns.ts'

/**
 * One row is what one night's audit of a brand saw and found: what was booked or paid lately, and the next slice of the
 * history, so that all of it is seen every few weeks. Kept for 400 days.
 */
export const audits = pgTable(
  'audits',
  {
    brandId: brandIdColumn(),
    /** The day on which it began, in the brand's time zone. */
    night: textColumn('night').notNull(),
    beganAt: instantColumn('began_at').notNull(),
    /** When a process last worked on it; one that is silent for minutes is taken over. */
    seenAt: instantColumn('seen_at').notNull(),
    /** null: it is under way, or was given up in the morning. */
    endedAt: instantColumn('ended_at'),
    checkedOrders: integer('checked_orders').notNull(),
    /** Orders, monthly bonuses, rewards, adjustments and bindings that do not agree. */
    differing: integer('differing').notNull(),
    /** The first hundred of the orders among them, looked at again each night until they agree. */
    differingOrders: jsonb('differing_orders').$type<{ source: string; orderNo: string }[]>().notNull(),
    /** Up to where the history was seen in this round; null: from its beginning. */
    sliceAfter: jsonb('slice_after').$type<{ paidAt: string; source: string; orderNo: string }>(),
    /** When the round through the whole history began that this night is part of. */
    roundBeganAt: instantColumn('round_began_at').notNull(),
    /** When the round before was through. */
    roundEndedAt: instantColumn('round_ended_at'),
  },
  audit => [primaryKey({ columns: [audit.brandId, audit.night] })],
)
