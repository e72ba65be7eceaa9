import { sql } from 'drizzle-orm'
import { boolean, index, integer, jsonb, pgTable, primaryKey, unique } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, instantColumn, textColumn, textListColumn, uuidColumn } from '../columns.ts'

/** One row is one address of another system that is told of events. */
export const webhooks = pgTable(
  'webhooks',
  {
    brandId: brandIdColumn(),
    webhookId: uuidColumn('webhook_id').notNull(),
    /** Its natural key: an address is told once. */
    url: textColumn('url').notNull(),
    /** Of which it is told, as `settlement.approved`. */
    events: textListColumn('events').notNull(),
    /** Signs what is sent; sealed. */
    secretEncrypted: bytesColumn('secret_encrypted').notNull(),
    /** While it is not, nothing is written down for it, and nothing is sent. */
    isActive: boolean('is_active').notNull(),
    createdBy: textColumn('created_by').notNull(),
    createdAt: instantColumn('created_at').notNull(),
    changedAt: instantColumn('changed_at').notNull(),
    /** Since when no try has succeeded; null: the last one did. */
    failingSince: instantColumn('failing_since'),
  },
  webhook => [
    primaryKey({ columns: [webhook.brandId, webhook.webhookId] }),
    unique('webhooks_by_url').on(webhook.brandId, webhook.url),
  ],
)

/**
 * One row is one event on its way to one address, written in the transaction of what it tells of. Kept for 30 days. The
 * index by what is due serves the worker; the one by time serves lists and replays.
 */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    brandId: brandIdColumn(),
    webhookId: uuidColumn('webhook_id').notNull(),
    /** The same however often it is sent: by it the receiver knows what he has seen. */
    eventId: uuidColumn('event_id').notNull(),
    event: textColumn('event').notNull(),
    at: instantColumn('at').notNull(),
    data: jsonb('data').notNull(),
    /** `waiting`, `delivered` or `given_up`. */
    status: textColumn('status').notNull(),
    /** How often it was tried since it was written down, or asked for again. */
    attempts: integer('attempts').notNull(),
    /** Not before; of one that is being sent, when another process may take it. */
    dueAt: instantColumn('due_at').notNull(),
    /** A try that fails then is the last. */
    giveUpAt: instantColumn('give_up_at').notNull(),
    /** Which process is sending it. */
    leaseId: uuidColumn('lease_id'),
    triedAt: instantColumn('tried_at'),
    /** The status of the last answer; null: there was none. */
    answerCode: integer('answer_code'),
    /** Why the last try failed, as `timeout`. */
    fault: textColumn('fault'),
    endedAt: instantColumn('ended_at'),
  },
  delivery => [
    primaryKey({ columns: [delivery.brandId, delivery.webhookId, delivery.eventId] }),
    index('webhook_deliveries_due')
      .on(delivery.brandId, delivery.webhookId, delivery.dueAt)
      .where(sql`status = 'waiting'`),
    index('webhook_deliveries_given_up')
      .on(delivery.brandId, delivery.webhookId, delivery.at)
      .where(sql`status = 'given_up'`),
    index('webhook_deliveries_by_time').on(delivery.brandId, delivery.at),
  ],
)
