import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { Scope } from '../auth/domain.ts'

/** Which payees' rows somebody may see; a part of every statement here. */
function visible(db: Db, scope: Scope) {
  if (scope.reach === 'brand') return db`true`
  if (scope.reach === 'self') return db`(payee_kind = 'associate' AND payee = ${scope.associateId})`
  const storeCodes = scope.storeCodes as string[]
  return db`(
    (payee_kind = 'store' AND payee = ANY (${storeCodes}::text[]))
    OR (payee_kind = 'associate' AND payee IN (
      SELECT associate_id FROM associates WHERE brand_id = ${scope.brandId} AND store_code = ANY (${storeCodes}::text[]))))`
}

/** Whether an account of this name is there, and within what may be seen. */
export async function selectAccountExists(
  db: Db,
  { scope, payeeKind, payee }: { scope: Scope; payeeKind: string | null; payee: string },
): Promise<boolean> {
  const [row] = await db<{ exists: boolean }[]>`
    SELECT EXISTS (
      SELECT FROM (
        SELECT 'associate' AS payee_kind, associate_id AS payee FROM associates
        WHERE brand_id = ${scope.brandId} AND associate_id = ${payee}
        UNION ALL
        SELECT 'store', store_code FROM stores WHERE brand_id = ${scope.brandId} AND store_code = ${payee}
        UNION ALL
        SELECT 'headquarters', 'headquarters' WHERE ${payee} = 'headquarters'
      ) AS account
      WHERE ${payeeKind === null ? db`true` : db`payee_kind = ${payeeKind}`} AND ${visible(db, scope)}
    ) AS exists`
  return row!.exists
}

interface AccountFilter {
  scope: Scope
  payeeKind: string | null
  payee: string | null
}

const isAccount = (db: Db, { scope, payeeKind, payee }: AccountFilter) => db`
  ${visible(db, scope)}
  ${payeeKind === null ? db`` : db`AND payee_kind = ${payeeKind}`}
  ${payee === null ? db`` : db`AND payee = ${payee}`}`

export interface EntitlementRow {
  source: string
  orderNo: string
  lineNo: number
  role: string
  payeeKind: string
  payee: string
  bearerKind: string
  bearer: string
  ruleId: string
  planCode: string
  planVersion: number
  amountFen: number
  availableAt: Instant
}

/** In the order of the key. */
export async function selectEntitlements(
  db: Db,
  options: AccountFilter & {
    source: string | null
    orderNo: string | null
    from: Instant | null
    to: Instant | null
    after: readonly (string | number | null)[] | null
    limit: number
  },
) {
  const { scope, source, orderNo, from, to, after, limit } = options
  return await db<EntitlementRow[]>`
    SELECT source, order_no AS "orderNo", line_no AS "lineNo", role, payee_kind AS "payeeKind", payee,
      bearer_kind AS "bearerKind", bearer, rule_id AS "ruleId", plan_code AS "planCode", plan_version AS "planVersion",
      amount_fen AS "amountFen", available_at AS "availableAt"
    FROM entitlements
    WHERE brand_id = ${scope.brandId} AND ${isAccount(db, options)}
      ${source === null ? db`` : db`AND source = ${source}`}
      ${orderNo === null ? db`` : db`AND order_no = ${orderNo}`}
      ${from === null ? db`` : db`AND paid_at >= ${from}`}
      ${to === null ? db`` : db`AND paid_at < ${to}`}
      ${
        after === null
          ? db``
          : db`AND (source, order_no, line_no, role, payee_kind, payee, bearer_kind, bearer, rule_id, plan_code,
              plan_version, available_at) > (${String(after[0])}, ${String(after[1])}, ${Number(after[2])}::int,
              ${String(after[3])}, ${String(after[4])}, ${String(after[5])}, ${String(after[6])}, ${String(after[7])},
              ${String(after[8])}, ${String(after[9])}, ${Number(after[10])}::int, ${String(after[11])}::text::timestamptz)`
      }
    ORDER BY source, order_no, line_no, role, payee_kind, payee, bearer_kind, bearer, rule_id, plan_code, plan_version,
      available_at
    LIMIT ${limit}`
}

export interface LedgerRow {
  rowId: string
  subject: string
  source: string | null
  orderNo: string | null
  lineNo: number | null
  role: string | null
  month: string | null
  /** Which event, or which adjustment. */
  subjectKey: string | null
  payeeKind: string
  payee: string
  bearerKind: string
  bearer: string
  ruleId: string | null
  planCode: string | null
  planVersion: number | null
  amountFen: number
  availableAt: Instant
  reason: string
  /** Why an adjustment was made, in its maker's words. */
  adjustmentReason: string | null
  bookedAt: Instant
}

/** Oldest first. */
export async function selectLedgerRows(
  db: Db,
  options: AccountFilter & {
    order?: { source: string; orderNo: string }
    from: Instant | null
    to: Instant | null
    after: { bookedAt: string; rowId: string } | null
    limit: number
  },
) {
  const { scope, order, from, to, after, limit } = options
  return await db<LedgerRow[]>`
    SELECT row_id AS "rowId", subject, source, order_no AS "orderNo", line_no AS "lineNo", role, month,
      subject_key AS "subjectKey", payee_kind AS "payeeKind", payee, bearer_kind AS "bearerKind", bearer,
      rule_id AS "ruleId", plan_code AS "planCode", plan_version AS "planVersion", amount_fen AS "amountFen",
      available_at AS "availableAt", reason, booked_at AS "bookedAt", (
        SELECT a.reason FROM adjustments AS a
        WHERE a.brand_id = ${scope.brandId}
          AND a.adjustment_id = CASE WHEN subject = 'adjustment' THEN subject_key::uuid END
      ) AS "adjustmentReason"
    FROM ledger_rows
    WHERE brand_id = ${scope.brandId} AND ${isAccount(db, options)}
      ${order ? db`AND source = ${order.source} AND order_no = ${order.orderNo}` : db``}
      ${from === null ? db`` : db`AND booked_at >= ${from}`}
      ${to === null ? db`` : db`AND booked_at < ${to}`}
      ${after ? db`AND (booked_at, row_id) > (${after.bookedAt}::text::timestamptz, ${after.rowId})` : db``}
    ORDER BY booked_at, row_id LIMIT ${limit}`
}

/** Whether a ledger row is in an approved settlement. */
const isSettled = (db: Db, brandId: number) => db`
  EXISTS (
    SELECT FROM settlement_rows AS s
    JOIN settlements AS settlement
      ON settlement.brand_id = s.brand_id AND settlement.settlement_id = s.settlement_id
    WHERE s.brand_id = ${brandId} AND s.payee_kind = ledger_rows.payee_kind AND s.payee = ledger_rows.payee
      AND s.row_id = ledger_rows.row_id AND NOT s.carried AND settlement.status IN ('approved', 'paid'))`

/** Sums over the ledger: what is not settled by when it becomes available, what is, and how much of it are bonuses. */
export async function selectBalance(db: Db, options: AccountFilter & { at: Instant }) {
  const [row] = await db<{ pendingFen: string; availableFen: string; settledFen: string; bonusFen: string }[]>`
    SELECT
      COALESCE(sum(amount_fen) FILTER (WHERE NOT settled AND available_at > ${formatInstant(options.at)}::text::timestamptz), 0)::text AS "pendingFen",
      COALESCE(sum(amount_fen) FILTER (WHERE NOT settled AND available_at <= ${formatInstant(options.at)}::text::timestamptz), 0)::text AS "availableFen",
      COALESCE(sum(amount_fen) FILTER (WHERE settled), 0)::text AS "settledFen",
      COALESCE(sum(amount_fen) FILTER (WHERE subject = 'bonus'), 0)::text AS "bonusFen"
    FROM (
      SELECT amount_fen, available_at, subject, ${isSettled(db, options.scope.brandId)} AS settled
      FROM ledger_rows WHERE brand_id = ${options.scope.brandId} AND ${isAccount(db, options)}
    ) AS row`
  return row!
}

export interface UnsettledSum {
  bearerKind: string
  bearer: string
  availableAt: Instant
  amountFen: number
}

/** What an account holds that no approved settlement has: by who bears it and when it becomes available. */
export async function selectUnsettledSums(
  db: Db,
  options: { brandId: number; payeeKind: string; payee: string },
): Promise<UnsettledSum[]> {
  const { brandId, payeeKind, payee } = options
  return await db<UnsettledSum[]>`
    SELECT bearer_kind AS "bearerKind", bearer, available_at AS "availableAt", sum(amount_fen)::bigint AS "amountFen"
    FROM ledger_rows
    WHERE brand_id = ${brandId} AND payee_kind = ${payeeKind} AND payee = ${payee} AND NOT ${isSettled(db, brandId)}
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`
}
