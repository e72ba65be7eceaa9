import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

/** Something that waits to be done: how much, and since when. */
export interface Queue {
  waiting: number
  oldestAt: Instant | null
}

/** The queues of all brands together, by name. Each is read by an index that holds what waits and nothing else. */
export async function selectQueues(db: Db, { now }: { now: Instant }) {
  const rows = await db<(Queue & { queue: string })[]>`
    SELECT 'orders' AS queue, count(*) AS waiting, min(marked_at) AS "oldestAt" FROM reconcile_marks
    UNION ALL SELECT 'bonuses', count(*), min(marked_at) FROM bonus_marks
    UNION ALL SELECT 'rewards', count(*), min(marked_at) FROM reward_marks
    UNION ALL SELECT 'bindings', count(*), min(marked_at) FROM binding_marks
    UNION ALL SELECT 'plan_jobs', count(*), min(created_at) FROM jobs
      WHERE books_ledger AND status IN ('waiting', 'running', 'cancelling')
    UNION ALL SELECT 'figures', count(*), min(marked_at) FROM rollup_marks
    UNION ALL SELECT 'wecom_events', count(*), min(received_at) FROM wecom_inbox WHERE status = 'waiting'
    UNION ALL SELECT 'messages', count(*), min(due_at) FROM associate_messages WHERE status = 'waiting' AND due_at <= ${now}
    UNION ALL SELECT 'webhooks', count(*), min(due_at) FROM webhook_deliveries WHERE status = 'waiting' AND due_at <= ${now}`
  return rows
}

/** What stays until somebody looks at it, or should not be there. */
export async function selectLeftovers(db: Db, { now, since }: { now: Instant; since: Instant }) {
  const [row] = await db<
    {
      eventsSetAside: number
      webhooksGivenUp: number
      messagesRefused: number
      settlementsUnfinished: number
      wecomBlocked: number
      oldestTransactionSeconds: number
      isArchiving: boolean
      archiveFails: boolean
    }[]
  >`
    SELECT
      (SELECT count(*) FROM brands JOIN wecom_inbox AS m USING (brand_id) WHERE m.status = 'set_aside') AS "eventsSetAside",
      (SELECT count(*) FROM webhook_deliveries WHERE status = 'given_up' AND at >= ${since}) AS "webhooksGivenUp",
      (SELECT count(*) FROM brands JOIN associate_messages AS m USING (brand_id)
        WHERE m.created_at >= ${since} AND m.status = 'refused') AS "messagesRefused",
      (SELECT count(*) FROM settlements WHERE status IN ('gathering', 'discarding')) AS "settlementsUnfinished",
      (SELECT count(*) FROM wecom_buckets WHERE blocked_until > ${now}) AS "wecomBlocked",
      (SELECT COALESCE(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend') AS "oldestTransactionSeconds",
      current_setting('archive_mode') <> 'off' AS "isArchiving",
      (SELECT COALESCE(last_failed_time > COALESCE(last_archived_time, '-infinity'), false) FROM pg_stat_archiver)
        AS "archiveFails"`
  return row!
}
