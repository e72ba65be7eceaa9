import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { AssociateRole } from '../attribution/domain.ts'
import type { OrderKey } from '../evidence/service.ts'
import type { Action, FindingStatus, FoundOrder, RiskKind } from './domain.ts'

interface Options {
  brandId: number
}

const keysFrom = (db: Db, orders: readonly OrderKey[]) =>
  db`jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)`

// ------------------------------------------------------------------------------------------------ what is scanned

export async function selectBrandIds(db: Db): Promise<number[]> {
  const rows = await db<{ brandId: number }[]>`SELECT brand_id AS "brandId" FROM brands ORDER BY 1`
  return rows.map(row => row.brandId)
}

export interface LedgerRow extends OrderKey {
  rowId: string
  bookedAt: Instant
}

export interface LedgerPosition {
  bookedAt: string
  rowId: string
}

/** The next orders for which something was booked to an associate, in the sequence of booking. */
export async function selectOrdersBooked(
  db: Db,
  options: Options & { from: Instant; after: LedgerPosition | null; limit: number },
) {
  const { brandId, from, after, limit } = options
  return await db<LedgerRow[]>`
    SELECT row_id AS "rowId", booked_at AS "bookedAt", source, order_no AS "orderNo" FROM ledger_rows
    WHERE brand_id = ${brandId} AND booked_at >= ${from} AND subject = 'order_line' AND payee_kind = 'associate'
      ${after ? db`AND (booked_at, row_id) > (${after.bookedAt}::text::timestamptz, ${after.rowId})` : db``}
    ORDER BY booked_at, row_id LIMIT ${limit}`
}

/** The next orders on which an associate holds a role, by (paidAt, source, orderNo). */
export async function selectOrdersPaid(
  db: Db,
  options: Options & { from: Instant; to: Instant; after: (OrderKey & { paidAt: Instant }) | null; limit: number },
) {
  const { brandId, from, to, after, limit } = options
  return await db<(OrderKey & { paidAt: Instant })[]>`
    SELECT source, order_no AS "orderNo", paid_at AS "paidAt" FROM orders
    WHERE brand_id = ${brandId} AND paid_at >= ${from} AND paid_at < ${to} AND associates <> '{}'
      ${after ? db`AND (paid_at, source, order_no) > (${after.paidAt}::timestamptz, ${after.source}, ${after.orderNo})` : db``}
    ORDER BY paid_at, source, order_no LIMIT ${limit}`
}

/** Those of the orders that a share led to: into a store, or by one of these associates. */
export async function selectOrdersShared(
  db: Db,
  { brandId, orders, sharers }: Options & { orders: readonly OrderKey[]; sharers: readonly string[] },
) {
  return await db<OrderKey[]>`
    SELECT o.source, o.order_no AS "orderNo" FROM ${keysFrom(db, orders)}
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key."orderNo"
    WHERE o.roles ? 'sharer'
      AND (o.channel = 'in_store' OR o.roles ->> 'sharer' = ANY (${sharers as string[]}::text[]))`
}

/** Orders that an associate's shares led to since then. */
export async function selectOrdersOfSharer(
  db: Db,
  { brandId, associateId, from, limit }: Options & { associateId: string; from: Instant; limit: number },
) {
  return await db<OrderKey[]>`
    SELECT source, order_no AS "orderNo" FROM orders
    WHERE brand_id = ${brandId} AND associates @> ARRAY[${associateId}]::text[] AND roles ->> 'sharer' = ${associateId}
      AND paid_at >= ${from}
    ORDER BY paid_at, source, order_no LIMIT ${limit}`
}

export interface FloodRow {
  linkCode: string
  /** In the brand's time zone. */
  day: string
  associateId: string
  storeCode: string | null
  clicksPerHour: number
  clicksOfOnePerHour: number
}

/**
 * Each link's busiest hour of each day, and the busiest of one visitor, where one of them reaches a bound. An hour is
 * any, not one of the clock. The associate's own opening is left out.
 */
export async function selectBusyLinks(
  db: Db,
  options: Options & { from: Instant; to: Instant; zone: string; clicks: number; clicksOfOne: number },
) {
  const { brandId, from, to, zone, clicks, clicksOfOne } = options
  const hour = db`RANGE BETWEEN interval '3599.999 seconds' PRECEDING AND CURRENT ROW`
  return await db<FloodRow[]>`
    WITH click AS (
      SELECT link_code, at, COALESCE(visitor_id, openid, unionid, external_userid, member_no) AS visitor FROM touches
      WHERE brand_id = ${brandId} AND at >= ${from}::timestamptz - interval '1 hour' AND at < ${to}
        AND kind = 'click' AND link_code IS NOT NULL AND NOT by_associate
    ), busy AS (
      SELECT link_code, at, count(*) OVER (PARTITION BY link_code ORDER BY at ${hour}) AS of_all,
        CASE WHEN visitor IS NULL THEN 0 ELSE count(*) OVER (PARTITION BY link_code, visitor ORDER BY at ${hour}) END
          AS of_one
      FROM click
    )
    SELECT l.link_code AS "linkCode", (busy.at AT TIME ZONE ${zone})::date::text AS day, l.associate_id AS "associateId",
      l.store_code AS "storeCode", max(of_all) AS "clicksPerHour", max(of_one) AS "clicksOfOnePerHour"
    FROM busy JOIN share_links AS l ON l.brand_id = ${brandId} AND l.link_code = busy.link_code
    WHERE busy.at >= ${from}
    GROUP BY l.link_code, 2, 3, 4 HAVING max(of_all) >= ${clicks} OR max(of_one) >= ${clicksOfOne}`
}

/** Which links were flooded when, of what was found since then. */
export async function selectFloods(db: Db, { brandId, from }: Options & { from: Instant }) {
  return await db<FloodRow[]>`
    SELECT DISTINCT ON (1, 2) details ->> 'linkCode' AS "linkCode", details ->> 'day' AS day,
      associate_id AS "associateId", store_code AS "storeCode", (details ->> 'clicksPerHour')::bigint AS "clicksPerHour",
      (details ->> 'clicksOfOnePerHour')::bigint AS "clicksOfOnePerHour"
    FROM risk_findings WHERE brand_id = ${brandId} AND kind = 'click_flood' AND found_at >= ${from}`
}

export interface PhoneRow extends OrderKey {
  associateId: string
  storeCode: string | null
  paidAt: Instant
  /** The buyer's last number; null: two have that phone, so nobody is known. */
  buyer: string | null
  roles: AssociateRole[]
}

/** The roles by which an associate earns on an order now. */
const earningRoles = (db: Db, brandId: number, associateId: string) => db`
  SELECT array_agg(DISTINCT e.role) AS roles FROM entitlements AS e
  WHERE e.brand_id = ${brandId} AND e.source = o.source AND e.order_no = o.order_no AND e.payee_kind = 'associate'
    AND e.payee = ${db.unsafe(associateId)}`

/**
 * Orders on which an associate earns and whose buyer, another person than he, has the phone of his own member record.
 * Begun with the associates, who are few, so that it finds whatever came last: order, phone or record.
 */
export async function selectOrdersByOwnPhone(db: Db, { brandId, from, to }: Options & { from: Instant; to: Instant }) {
  return await db<PhoneRow[]>`
    WITH own AS (
      SELECT DISTINCT a.associate_id, a.store_code, other.phone_hash, m.last_member_no
      FROM associates AS a
      JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = a.member_no
      JOIN members AS other ON other.brand_id = ${brandId} AND other.last_member_no = m.last_member_no
      WHERE a.brand_id = ${brandId} AND other.phone_hash IS NOT NULL
    ), bought AS (
      SELECT own.associate_id, own.store_code, o.source, o.order_no FROM own
      JOIN members AS m ON m.brand_id = ${brandId} AND m.phone_hash = own.phone_hash
        AND m.last_member_no <> own.last_member_no
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.buyer = m.last_member_no
      UNION
      SELECT own.associate_id, own.store_code, o.source, o.order_no FROM own
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.phone_hash = own.phone_hash
        AND o.buyer IS DISTINCT FROM own.last_member_no
    )
    SELECT bought.associate_id AS "associateId", bought.store_code AS "storeCode", o.source, o.order_no AS "orderNo",
      o.paid_at AS "paidAt", o.buyer, earning.roles
    FROM bought
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = bought.source AND o.order_no = bought.order_no
    CROSS JOIN LATERAL (${earningRoles(db, brandId, 'bought.associate_id')}) AS earning
    WHERE o.paid_at >= ${from} AND o.paid_at < ${to} AND earning.roles IS NOT NULL
    ORDER BY o.paid_at, o.source, o.order_no`
}

/**
 * Orders of members who have one phone and are not one person, where one associate, whose phone it is not, earns on
 * several of them; looked at around the given orders.
 */
export async function selectOrdersByOnePhone(
  db: Db,
  { brandId, orders, days }: Options & { orders: readonly OrderKey[]; days: number },
) {
  return await db<(PhoneRow & { buyer: string; phoneHash: string })[]>`
    WITH shared AS (
      SELECT DISTINCT holder AS associate_id, m.phone_hash, o.paid_at FROM ${keysFrom(db, orders)}
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key."orderNo"
      CROSS JOIN LATERAL unnest(o.associates) AS holder
      JOIN members AS m ON m.brand_id = ${brandId} AND m.last_member_no = o.buyer AND m.phone_hash IS NOT NULL
      WHERE EXISTS (
        SELECT FROM members AS twin WHERE twin.brand_id = ${brandId} AND twin.phone_hash = m.phone_hash
          AND twin.last_member_no <> m.last_member_no)
        AND NOT EXISTS (
          SELECT FROM associates AS a JOIN members AS own ON own.brand_id = ${brandId} AND own.member_no = a.member_no
          WHERE a.brand_id = ${brandId} AND a.associate_id = holder AND own.phone_hash = m.phone_hash)
    ), earned AS (
      SELECT DISTINCT shared.associate_id, shared.phone_hash, o.source, o.order_no, o.paid_at, o.buyer, earning.roles
      FROM shared
      JOIN members AS m ON m.brand_id = ${brandId} AND m.phone_hash = shared.phone_hash
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.buyer = m.last_member_no
        AND o.associates @> ARRAY[shared.associate_id]
        AND o.paid_at BETWEEN shared.paid_at - make_interval(days => ${days}) AND shared.paid_at + make_interval(days => ${days})
      CROSS JOIN LATERAL (${earningRoles(db, brandId, 'shared.associate_id')}) AS earning
      WHERE earning.roles IS NOT NULL
    )
    SELECT e.associate_id AS "associateId", a.store_code AS "storeCode", e.source, e.order_no AS "orderNo",
      e.paid_at AS "paidAt", e.buyer, e.roles, e.phone_hash AS "phoneHash"
    FROM earned AS e JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = e.associate_id
    WHERE EXISTS (
      SELECT FROM earned AS other
      WHERE other.associate_id = e.associate_id AND other.phone_hash = e.phone_hash AND other.buyer <> e.buyer)
    ORDER BY e.paid_at, e.source, e.order_no`
}

export interface SettledRefundRow extends OrderKey {
  paidAt: Instant
  sellingStore: string | null
  refundNo: string
  refundedAt: Instant
  refundFen: number
  settlementId: string
  approvedAt: Instant
  /** To whom, and in which role, the settlement paid for it. */
  paid: { role: AssociateRole; associateId: string }[]
}

/** Refunds of orders that an approved settlement paid associates for. */
export async function selectSettledRefunds(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  return await db<SettledRefundRow[]>`
    WITH refund AS MATERIALIZED (
      SELECT r.source, r.order_no, r.refund_no, r.refunded_at, sum(line."refundFen")::bigint AS fen
      FROM ${keysFrom(db, orders)}
      JOIN refund_revisions AS r ON r.brand_id = ${brandId} AND r.source = key.source AND r.order_no = key."orderNo"
      CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("refundFen" bigint)
      WHERE NOT EXISTS (
        SELECT FROM refund_revisions AS later
        WHERE later.brand_id = ${brandId} AND later.source = r.source AND later.refund_no = r.refund_no
          AND later.revision > r.revision)
      GROUP BY 1, 2, 3, 4
    )
    SELECT o.source, o.order_no AS "orderNo", o.paid_at AS "paidAt", o.selling_store AS "sellingStore",
      refund.refund_no AS "refundNo", refund.refunded_at AS "refundedAt", refund.fen AS "refundFen",
      s.settlement_id AS "settlementId", s.approved_at AS "approvedAt",
      jsonb_agg(DISTINCT jsonb_build_object('role', l.role, 'associateId', l.payee)) AS paid
    FROM refund
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = refund.source AND o.order_no = refund.order_no
    JOIN ledger_rows AS l ON l.brand_id = ${brandId} AND l.source = o.source AND l.order_no = o.order_no
      AND l.subject = 'order_line' AND l.payee_kind = 'associate' AND l.amount_fen > 0
    JOIN settlement_rows AS row ON row.brand_id = ${brandId} AND row.row_id = l.row_id AND NOT row.carried
    JOIN settlements AS s ON s.brand_id = ${brandId} AND s.settlement_id = row.settlement_id
      AND s.status IN ('approved', 'paid') AND s.approved_at IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9`
}

// ------------------------------------------------------------------------------------------------ findings

export interface FindingDetails {
  orders: FoundOrder[]
  [fact: string]: unknown
}

export interface FindingRow {
  findingId: string
  kind: RiskKind
  key: string
  source: string | null
  orderNo: string | null
  associateId: string | null
  storeCode: string | null
  details: FindingDetails
  foundAt: Instant
  status: FindingStatus
}

/** With what those are called whom it is about. */
export type NamedFindingRow = FindingRow & { associateName: string | null; storeName: string | null }

const COLUMNS = `f.finding_id AS "findingId", f.kind, f.key, f.source, f.order_no AS "orderNo",
  f.associate_id AS "associateId", f.store_code AS "storeCode", f.details, f.found_at AS "foundAt", f.status`

/** What is kept about some thing, each round: their keys are the thing, `#` and a number. */
export async function selectFindingsAbout(
  db: Db,
  { brandId, kind, about }: Options & { kind: RiskKind; about: string },
) {
  return await db<FindingRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM risk_findings AS f
    WHERE f.brand_id = ${brandId} AND f.kind = ${kind} AND f.key > ${`${about}#`} AND f.key < ${`${about}$`}`
}

/** A finding that waits for a decision may still grow; one that was decided stays as it is. */
export async function upsertFinding(db: Db, { brandId, row }: Options & { row: FindingRow }) {
  await db`
    INSERT INTO risk_findings (brand_id, finding_id, kind, key, source, order_no, associate_id, store_code, details,
      found_at, status)
    VALUES (${brandId}, ${row.findingId}, ${row.kind}, ${row.key}, ${row.source}, ${row.orderNo}, ${row.associateId},
      ${row.storeCode}, ${JSON.stringify(row.details)}::text::jsonb, ${row.foundAt}, ${row.status})
    ON CONFLICT (brand_id, kind, key) DO UPDATE SET details = EXCLUDED.details, found_at = EXCLUDED.found_at,
      status = EXCLUDED.status
    WHERE risk_findings.status IN ('watched', 'open')`
}

/** Newest first. What is merely watched is not shown. */
export async function selectFindings(
  db: Db,
  options: Options & {
    status: FindingStatus | null
    kind: RiskKind | null
    after: { foundAt: string; findingId: string } | null
    limit: number
  },
) {
  const { brandId, status, kind, after, limit } = options
  return await db<NamedFindingRow[]>`
    SELECT ${db.unsafe(COLUMNS)}, a.name AS "associateName", s.name AS "storeName" FROM risk_findings AS f
    LEFT JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = f.associate_id
    LEFT JOIN stores AS s ON s.brand_id = ${brandId} AND s.store_code = f.store_code
    WHERE f.brand_id = ${brandId} AND ${status === null ? db`f.status <> 'watched'` : db`f.status = ${status}`}
      ${kind === null ? db`` : db`AND f.kind = ${kind}`}
      ${after ? db`AND (f.found_at, f.finding_id) < (${after.foundAt}::text::timestamptz, ${after.findingId})` : db``}
    ORDER BY f.found_at DESC, f.finding_id DESC LIMIT ${limit}`
}

export async function selectFinding(db: Db, { brandId, findingId }: Options & { findingId: string }) {
  const [row] = await db<NamedFindingRow[]>`
    SELECT ${db.unsafe(COLUMNS)}, a.name AS "associateName", s.name AS "storeName" FROM risk_findings AS f
    LEFT JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = f.associate_id
    LEFT JOIN stores AS s ON s.brand_id = ${brandId} AND s.store_code = f.store_code
    WHERE f.brand_id = ${brandId} AND f.finding_id = ${findingId} AND f.status <> 'watched'`
  return row ?? null
}

export async function updateFindingStatus(
  db: Db,
  { brandId, findingId, status }: Options & { findingId: string; status: FindingStatus },
) {
  await db`
    UPDATE risk_findings SET status = ${status} WHERE brand_id = ${brandId} AND finding_id = ${findingId}`
}

export interface FoundOrderState extends OrderKey {
  netFen: number
  cancelled: boolean
  roles: Record<string, string | string[]>
  onHold: boolean
  owed: { role: string; associateId: string; amountFen: number }[]
}

/** How the orders of a finding stand now. */
export async function selectOrderStates(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  return await db<FoundOrderState[]>`
    SELECT o.source, o.order_no AS "orderNo", o.net_fen AS "netFen", o.cancelled, o.roles,
      COALESCE(hold.held, false) AS "onHold", owed.rows AS owed
    FROM ${keysFrom(db, orders)}
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key."orderNo"
    LEFT JOIN LATERAL (
      SELECT h.held FROM order_holds AS h
      WHERE h.brand_id = ${brandId} AND h.source = o.source AND h.order_no = o.order_no ORDER BY h.at DESC LIMIT 1
    ) AS hold ON true
    CROSS JOIN LATERAL (
      SELECT COALESCE(jsonb_agg(jsonb_build_object('role', role, 'associateId', payee, 'amountFen', fen)), '[]') AS rows
      FROM (
        SELECT e.role, e.payee, sum(e.amount_fen) AS fen FROM entitlements AS e
        WHERE e.brand_id = ${brandId} AND e.source = o.source AND e.order_no = o.order_no AND e.payee_kind = 'associate'
        GROUP BY 1, 2
      ) AS part
    ) AS owed`
}

/** Those of the orders that a decision about a finding put on hold, and that no other finding holds. */
export async function selectOrdersToRelease(
  db: Db,
  { brandId, findingId, orders }: Options & { findingId: string; orders: readonly OrderKey[] },
) {
  return await db<OrderKey[]>`
    SELECT o.source, o.order_no AS "orderNo" FROM ${keysFrom(db, orders)}
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key."orderNo"
    JOIN LATERAL (
      SELECT h.held, h.hold_id FROM order_holds AS h
      WHERE h.brand_id = ${brandId} AND h.source = o.source AND h.order_no = o.order_no ORDER BY h.at DESC LIMIT 1
    ) AS hold ON hold.held
    WHERE EXISTS (
      SELECT FROM risk_decisions AS d WHERE d.brand_id = ${brandId} AND d.decision_id = hold.hold_id)
      AND NOT EXISTS (
        SELECT FROM risk_findings AS f
        WHERE f.brand_id = ${brandId} AND f.status = 'held' AND f.finding_id <> ${findingId}
          AND f.details -> 'orders' @> jsonb_build_array(
            jsonb_build_object('source', o.source, 'orderNo', o.order_no)))`
}

export interface RiskDecisionRow {
  decisionId: string
  action: Action
  reason: string
  decidedBy: string
  decidedAt: Instant
}

export async function insertRiskDecision(
  db: Db,
  { brandId, findingId, row }: Options & { findingId: string; row: RiskDecisionRow },
) {
  await db`
    INSERT INTO risk_decisions (brand_id, finding_id, decision_id, action, reason, decided_by, decided_at)
    VALUES (${brandId}, ${findingId}, ${row.decisionId}, ${row.action}, ${row.reason}, ${row.decidedBy}, ${row.decidedAt})`
}

/** Oldest first. */
export async function selectRiskDecisions(db: Db, { brandId, findingId }: Options & { findingId: string }) {
  return await db<RiskDecisionRow[]>`
    SELECT decision_id AS "decisionId", action, reason, decided_by AS "decidedBy", decided_at AS "decidedAt"
    FROM risk_decisions WHERE brand_id = ${brandId} AND finding_id = ${findingId} ORDER BY decision_id`
}
