import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { Entitlement } from '../commissions/domain.ts'
import type { OrderKey } from '../evidence/service.ts'

interface Options {
  brandId: number
}

/** The next orders by (paidAt, source, orderNo). */
export async function selectOrdersToAudit(
  db: Db,
  options: Options & {
    from: Instant | null
    to: Instant | null
    after: (OrderKey & { paidAt: string }) | null
    limit: number
  },
) {
  const { brandId, from, to, after, limit } = options
  return await db<(OrderKey & { paidAt: Instant | null })[]>`
    SELECT source, order_no AS "orderNo", paid_at AS "paidAt" FROM orders
    WHERE brand_id = ${brandId} AND revision IS NOT NULL
      ${from === null ? db`` : db`AND paid_at >= ${formatInstant(from)}::text::timestamptz`}
      ${to === null ? db`` : db`AND paid_at < ${formatInstant(to)}::text::timestamptz`}
      ${after ? db`AND (paid_at, source, order_no) > (${after.paidAt}::text::timestamptz, ${after.source}, ${after.orderNo})` : db``}
    ORDER BY paid_at, source, order_no LIMIT ${limit}`
}

type Sum = Entitlement & OrderKey

export async function selectBookedSums(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  return await db<Sum[]>`
    SELECT e.source, e.order_no AS "orderNo", e.line_no AS "lineNo", e.role, e.payee_kind AS "payeeKind", e.payee,
      e.bearer_kind AS "bearerKind", e.bearer, e.rule_id AS "ruleId", e.plan_code AS "planCode",
      e.plan_version AS "planVersion", e.available_at AS "availableAt", e.amount_fen AS "amountFen"
    FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
    JOIN entitlements AS e ON e.brand_id = ${brandId} AND e.source = key.source AND e.order_no = key."orderNo"`
}

export async function selectLedgerSums(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  return await db<Sum[]>`
    SELECT l.source, l.order_no AS "orderNo", l.line_no AS "lineNo", l.role, l.payee_kind AS "payeeKind", l.payee,
      l.bearer_kind AS "bearerKind", l.bearer, l.rule_id AS "ruleId", l.plan_code AS "planCode",
      l.plan_version AS "planVersion", l.available_at AS "availableAt", sum(l.amount_fen)::bigint AS "amountFen"
    FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
    JOIN ledger_rows AS l
      ON l.brand_id = ${brandId} AND l.source = key.source AND l.order_no = key."orderNo" AND l.subject = 'order_line'
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12`
}
