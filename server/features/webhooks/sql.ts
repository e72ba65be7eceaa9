import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import { TRIED_FOR_MS } from './domain.ts'

/** What an order's change holds at most; of a larger one the rows are asked for. */
const ROWS_TOLD_MAX = 500

const instantText = (db: Db, column: string) =>
  db`to_char(${db.unsafe(column)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

/**
 * Part of the statement that appends an order's ledger rows, here called `row`: one delivery of `entitlement.changed` for
 * each order and each address that is told of it. Where there is none it costs one look at a small table.
 */
export const insertLedgerEvents = (db: Db, options: { brandId: number; reason: string; now: Instant }) => {
  const { brandId, reason, now } = options
  const isTold = db`
    webhook.brand_id = ${brandId} AND webhook.is_active AND 'entitlement.changed' = ANY (webhook.events)`
  return db`
    INSERT INTO webhook_deliveries (brand_id, webhook_id, event_id, event, at, data, status, attempts, due_at, give_up_at)
    SELECT ${brandId}, webhook.webhook_id, change.event_id, 'entitlement.changed', ${now}, change.data, 'waiting', 0,
      ${now}, ${now + TRIED_FOR_MS}
    FROM (
      SELECT min(row_id::text)::uuid AS event_id,
        jsonb_build_object('source', source, 'orderNo', order_no, 'paidAt', ${instantText(db, 'min(paid_at)')},
          'reason', ${reason}::text, 'bookedAt', ${new Date(now).toISOString()}::text, 'amountFen', sum(amount_fen),
          'rowCount', count(*), 'rows', CASE WHEN count(*) <= ${ROWS_TOLD_MAX}::int THEN jsonb_agg(jsonb_build_object(
            'rowId', row_id, 'lineNo', line_no, 'role', role, 'payeeKind', payee_kind, 'payee', payee,
            'bearerKind', bearer_kind, 'bearer', bearer, 'ruleId', rule_id, 'planCode', plan_code,
            'planVersion', plan_version, 'amountFen', amount_fen, 'owedFen', owed_fen,
            'availableAt', ${instantText(db, 'available_at')}) ORDER BY row_id) END) AS data
      FROM row WHERE EXISTS (SELECT FROM webhooks AS webhook WHERE ${isTold})
      GROUP BY source, order_no
    ) AS change JOIN webhooks AS webhook ON ${isTold}`
}
