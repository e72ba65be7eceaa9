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

/** Of the orders named those that are there. */
export async function selectTheseToAudit(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  return await db<(OrderKey & { paidAt: Instant | null })[]>`
    SELECT o.source, o.order_no AS "orderNo", o.paid_at AS "paidAt"
    FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key."orderNo"
    WHERE o.revision IS NOT NULL
    ORDER BY paid_at, source, order_no`
}

/** A page of the orders booked since, each once in a page, and where to go on. */
export async function selectBookedSince(
  db: Db,
  { brandId, from, after, limit }: Options & { from: Instant; after: BookedPosition | null; limit: number },
) {
  return await db<(OrderKey & BookedPosition)[]>`
    SELECT source, order_no AS "orderNo", booked_at::text AS "bookedAt", row_id AS "rowId" FROM ledger_rows
    WHERE brand_id = ${brandId} AND booked_at >= ${from} AND subject = 'order_line'
      ${after ? db`AND (booked_at, row_id) > (${after.bookedAt}::text::timestamptz, ${after.rowId})` : db``}
    ORDER BY booked_at, row_id LIMIT ${limit}`
}

export interface BookedPosition {
  bookedAt: string
  rowId: string
}

export interface AuditRow {
  night: string
  beganAt: Instant
  endedAt: Instant | null
  checkedOrders: number
  differing: number
  differingOrders: OrderKey[]
  sliceAfter: (OrderKey & { paidAt: string }) | null
  roundBeganAt: Instant
  roundEndedAt: Instant | null
}

const auditColumns = (db: Db) => db`
  night, began_at AS "beganAt", ended_at AS "endedAt", checked_orders AS "checkedOrders", differing,
  differing_orders AS "differingOrders", slice_after AS "sliceAfter", round_began_at AS "roundBeganAt",
  round_ended_at AS "roundEndedAt"`

/** The newest that ended. */
export async function selectLastAudit(db: Db, { brandId }: Options): Promise<AuditRow | null> {
  const [row] = await db<AuditRow[]>`
    SELECT ${auditColumns(db)} FROM audits WHERE brand_id = ${brandId} AND ended_at IS NOT NULL
    ORDER BY night DESC LIMIT 1`
  return row ?? null
}

/** Takes a night's audit, where nobody has, or whoever had is silent. @returns whether it is ours */
export async function takeNight(
  db: Db,
  options: Options & { night: string; now: Instant; silentSince: Instant; roundBeganAt: Instant },
): Promise<boolean> {
  const { brandId, night, now, silentSince, roundBeganAt } = options
  const rows = await db`
    INSERT INTO audits AS a (brand_id, night, began_at, seen_at, checked_orders, differing, differing_orders, round_began_at)
    VALUES (${brandId}, ${night}, ${now}, ${now}, 0, 0, '[]', ${roundBeganAt})
    ON CONFLICT (brand_id, night) DO UPDATE SET began_at = ${now}, seen_at = ${now}
    WHERE a.ended_at IS NULL AND a.seen_at < ${silentSince} RETURNING 1`
  return rows.length > 0
}

export async function touchNight(db: Db, { brandId, night, now }: Options & { night: string; now: Instant }) {
  await db`UPDATE audits SET seen_at = ${now} WHERE brand_id = ${brandId} AND night = ${night}`
}

export async function finishNight(db: Db, options: Options & Omit<AuditRow, 'beganAt' | 'endedAt'> & { now: Instant }) {
  const { brandId, night, now } = options
  await db`
    UPDATE audits SET seen_at = ${now}, ended_at = ${now}, checked_orders = ${options.checkedOrders},
      differing = ${options.differing}, differing_orders = ${JSON.stringify(options.differingOrders)}::text::jsonb,
      slice_after = ${options.sliceAfter && JSON.stringify(options.sliceAfter)}::text::jsonb,
      round_began_at = ${options.roundBeganAt}, round_ended_at = ${options.roundEndedAt}
    WHERE brand_id = ${brandId} AND night = ${night}`
}

export async function countOrders(db: Db, { brandId }: Options): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    SELECT count(*) AS count FROM orders WHERE brand_id = ${brandId} AND revision IS NOT NULL`
  return row!.count
}

export async function deleteOldAudits(db: Db, before: Instant) {
  await db`DELETE FROM audits WHERE began_at < ${before}`
}

/** Over all brands: of each the newest night that ended. */
export async function selectAuditState(db: Db) {
  const [row] = await db<
    {
      differing: number
      checkedOrders: number
      oldestEndedAt: Instant | null
      oldestRoundAt: Instant | null
      unaudited: number
    }[]
  >`
    SELECT COALESCE(sum(last.differing), 0)::bigint AS differing, COALESCE(sum(last.checked_orders), 0)::bigint AS "checkedOrders",
      min(last.ended_at) AS "oldestEndedAt", min(COALESCE(last.round_ended_at, last.round_began_at)) AS "oldestRoundAt",
      count(*) FILTER (WHERE last.brand_id IS NULL AND EXISTS (SELECT FROM orders WHERE orders.brand_id = brands.brand_id)) AS unaudited
    FROM brands LEFT JOIN LATERAL (
      SELECT * FROM audits WHERE audits.brand_id = brands.brand_id AND ended_at IS NOT NULL ORDER BY night DESC LIMIT 1
    ) AS last ON true`
  return row!
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

/** The last of the next so many orders, by key; null where there are not so many. */
export async function selectRangeEnd(
  db: Db,
  { brandId, after, size }: Options & { after: OrderKey | null; size: number },
): Promise<OrderKey | null> {
  const [row] = await db<OrderKey[]>`
    SELECT source, order_no AS "orderNo" FROM orders
    WHERE brand_id = ${brandId} ${after ? db`AND (source, order_no) > (${after.source}, ${after.orderNo})` : db``}
    ORDER BY source, order_no OFFSET ${size - 1} LIMIT 1`
  return row ?? null
}

/** Orders of a range of keys of which the ledger adds up to something else than their entitlements; null: without end. */
export async function selectUnbalanced(
  db: Db,
  { brandId, after, upTo }: Options & { after: OrderKey | null; upTo: OrderKey | null },
): Promise<OrderKey[]> {
  const inRange = () => db`brand_id = ${brandId}
    ${after ? db`AND (source, order_no) > (${after.source}, ${after.orderNo})` : db``}
    ${upTo ? db`AND (source, order_no) <= (${upTo.source}, ${upTo.orderNo})` : db``}`
  const key = () => db`
    source, order_no, line_no, role, payee_kind, payee, bearer_kind, bearer, rule_id, plan_code, plan_version, available_at`
  return await db<OrderKey[]>`
    SELECT DISTINCT source, order_no AS "orderNo" FROM (
      SELECT source, order_no FROM (
        SELECT ${key()}, amount_fen FROM entitlements WHERE ${inRange()}
        UNION ALL SELECT ${key()}, -amount_fen FROM ledger_rows WHERE ${inRange()} AND subject = 'order_line'
      ) AS row
      GROUP BY ${key()} HAVING sum(amount_fen) <> 0
    ) AS unequal`
}
