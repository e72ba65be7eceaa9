import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { OrderKey } from '../evidence/service.ts'
import { refundedOf } from '../rollups/sql.ts'

interface Options {
  brandId: number
  associateId: string
}

interface Span extends Options {
  from: Instant
  to: Instant
}

/** Orders paid in a span on which an associate holds a role. */
const isHeldIn = (db: Db, { brandId, associateId, from, to }: Span) => db`
  o.brand_id = ${brandId} AND o.associates @> ARRAY[${associateId}]::text[] AND o.revision IS NOT NULL
  AND o.paid_at >= ${from} AND o.paid_at < ${to}`

export interface Credited {
  creditedFen: string
  directFen: string
  indirectFen: string
  orderCount: number
}

/**
 * Net of the lines on which an associate holds sharer or closer, each line once. The sharer holds all lines of an order;
 * a closer those that name him, or all where he was put there by hand.
 */
export async function selectCredited(db: Db, span: Span): Promise<Credited> {
  const { brandId, associateId } = span
  const [row] = await db<Credited[]>`
    WITH held AS MATERIALIZED (
      SELECT o.source, o.order_no, o.revision, o.channel, o.net_fen,
        o.roles ->> 'sharer' IS NOT DISTINCT FROM ${associateId} AS is_sharer
      FROM orders AS o
      WHERE ${isHeldIn(db, span)} AND NOT o.cancelled AND o.net_fen > 0
        AND (o.roles ->> 'sharer' = ${associateId} OR o.roles -> 'closer' ? ${associateId})
    ), credited AS (
      SELECT channel, is_sharer, net_fen AS fen FROM held WHERE is_sharer
      UNION ALL
      SELECT held.channel, false, sum(GREATEST(0, line."paidFen" - COALESCE(back.fen, 0)))::bigint
      FROM held
      JOIN order_revisions AS r ON r.brand_id = ${brandId} AND r.source = held.source AND r.order_no = held.order_no
        AND r.revision = held.revision
      CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("lineNo" int, "paidFen" bigint, closer text)
      ${refundedOf(db, { brandId, order: 'held' })}
      WHERE NOT held.is_sharer AND (COALESCE(line.closer, r.closer) = ${associateId} OR (
        SELECT NOT o.withdrawn FROM order_overrides AS o
        WHERE o.brand_id = ${brandId} AND o.source = held.source AND o.order_no = held.order_no AND o.role = 'closer'
        ORDER BY o.at DESC LIMIT 1))
      GROUP BY held.source, held.order_no, held.channel
    )
    SELECT COALESCE(sum(fen), 0)::text AS "creditedFen",
      COALESCE(sum(fen) FILTER (WHERE is_sharer AND channel = 'online'), 0)::text AS "directFen",
      COALESCE(sum(fen) FILTER (WHERE is_sharer AND channel = 'in_store'), 0)::text AS "indirectFen",
      count(*) FILTER (WHERE fen > 0) AS "orderCount"
    FROM credited`
  return row!
}

/** Whether a ledger row is in an approved settlement. */
const isSettled = (db: Db, brandId: number) => db`
  EXISTS (
    SELECT FROM settlement_rows AS s
    JOIN settlements AS settlement ON settlement.brand_id = s.brand_id AND settlement.settlement_id = s.settlement_id
    WHERE s.brand_id = ${brandId} AND s.payee_kind = l.payee_kind AND s.payee = l.payee AND s.row_id = l.row_id
      AND NOT s.carried AND settlement.status IN ('approved', 'paid'))`

export interface BookedSums {
  pendingFen: string
  availableFen: string
  settledFen: string
}

/** What is booked for an associate on orders paid in a span; the rows of orders that he lost since add up to 0. */
export async function selectBookedSums(db: Db, span: Span & { now: Instant }): Promise<BookedSums> {
  const { brandId, associateId, from, to, now } = span
  const [row] = await db<BookedSums[]>`
    SELECT COALESCE(sum(amount_fen) FILTER (WHERE NOT settled AND available_at > ${now}), 0)::text AS "pendingFen",
      COALESCE(sum(amount_fen) FILTER (WHERE NOT settled AND available_at <= ${now}), 0)::text AS "availableFen",
      COALESCE(sum(amount_fen) FILTER (WHERE settled), 0)::text AS "settledFen"
    FROM (
      SELECT l.amount_fen, l.available_at, ${isSettled(db, brandId)} AS settled
      FROM ledger_rows AS l
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = l.source AND o.order_no = l.order_no
      WHERE l.brand_id = ${brandId} AND l.payee_kind = 'associate' AND l.payee = ${associateId}
        AND l.subject = 'order_line' AND o.paid_at >= ${from} AND o.paid_at < ${to}
    ) AS row`
  return row!
}

/** The same by the day on which the orders were paid. */
export async function selectBookedDays(db: Db, span: Span & { zone: string }) {
  const { brandId, associateId, from, to, zone } = span
  return await db<{ day: string; amountFen: number }[]>`
    SELECT to_char(o.paid_at AT TIME ZONE ${zone}::text, 'YYYY-MM-DD') AS day, sum(l.amount_fen)::bigint AS "amountFen"
    FROM ledger_rows AS l
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = l.source AND o.order_no = l.order_no
    WHERE l.brand_id = ${brandId} AND l.payee_kind = 'associate' AND l.payee = ${associateId}
      AND l.subject = 'order_line' AND o.paid_at >= ${from} AND o.paid_at < ${to}
    GROUP BY 1`
}

export interface ExtraRow {
  subject: 'bonus' | 'event' | 'adjustment'
  month: string | null
  subjectKey: string | null
  /** When it was booked; null for a bonus, which is dated by its month. */
  at: Instant | null
  availableAt: Instant
  isSettled: boolean
  amountFen: number
}

/**
 * What is booked beside orders: bonuses of these months, events by when they were, adjustments by when they were booked. An
 * event of which nothing is owed any more has its rows where they were booked: what was settled of it is still to come back.
 */
export async function selectExtras(db: Db, options: Span & { months: readonly string[] }) {
  const { brandId, associateId, from, to, months } = options
  return await db<ExtraRow[]>`
    SELECT subject, month, subject_key AS "subjectKey", at, available_at AS "availableAt", settled AS "isSettled",
      sum(amount_fen)::bigint AS "amountFen"
    FROM (
      SELECT l.subject, l.month, l.subject_key, CASE WHEN l.subject <> 'bonus' THEN own.at END AS at, l.available_at,
        l.amount_fen, ${isSettled(db, brandId)} AS settled
      FROM ledger_rows AS l
      CROSS JOIN LATERAL (
        SELECT COALESCE((
          SELECT min(e.at) FROM reward_entitlements AS e
          WHERE l.subject = 'event' AND e.brand_id = ${brandId} AND e.subject_key = l.subject_key
            AND e.payee_kind = l.payee_kind AND e.payee = l.payee), l.booked_at) AS at
      ) AS own
      WHERE l.brand_id = ${brandId} AND l.payee_kind = 'associate' AND l.payee = ${associateId} AND (
        (l.subject = 'bonus' AND l.month = ANY (${months as string[]}::text[]))
        OR (l.subject IN ('event', 'adjustment') AND own.at >= ${from} AND own.at < ${to}))
    ) AS row
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY at DESC NULLS FIRST, subject, month DESC, subject_key`
}

/** Orders that credit an associate with a sale, or for which anything was ever booked to him. */
const isEarned = (db: Db, { brandId, associateId }: Options) => db`
  (o.roles ->> 'sharer' = ${associateId} OR o.roles -> 'closer' ? ${associateId}
    OR EXISTS (
      SELECT FROM entitlements AS e
      WHERE e.brand_id = ${brandId} AND e.source = o.source AND e.order_no = o.order_no
        AND e.payee_kind = 'associate' AND e.payee = ${associateId})
    OR EXISTS (
      SELECT FROM ledger_rows AS l
      WHERE l.brand_id = ${brandId} AND l.source = o.source AND l.order_no = o.order_no
        AND l.payee_kind = 'associate' AND l.payee = ${associateId}))`

export async function countEarnedOrders(db: Db, span: Span): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    SELECT count(*) AS count FROM orders AS o WHERE ${isHeldIn(db, span)} AND ${isEarned(db, span)}`
  return row!.count
}

/** By (paidAt, source, orderNo), the latest first. */
export async function selectEarnedOrders(
  db: Db,
  options: Span & { after: { paidAt: string; source: string; orderNo: string } | null; limit: number },
) {
  const { after, limit } = options
  return await db<(OrderKey & { paidAt: Instant })[]>`
    SELECT o.source, o.order_no AS "orderNo", o.paid_at AS "paidAt" FROM orders AS o
    WHERE ${isHeldIn(db, options)} AND ${isEarned(db, options)}
      ${after ? db`AND (o.paid_at, o.source, o.order_no) < (${after.paidAt}::text::timestamptz, ${after.source}, ${after.orderNo})` : db``}
    ORDER BY o.paid_at DESC, o.source DESC, o.order_no DESC LIMIT ${limit}`
}

/** What is booked to an associate for each of these orders, by release. */
export async function selectBookedOf(db: Db, options: Options & { orders: readonly OrderKey[] }) {
  const { brandId, associateId, orders } = options
  return await db<(OrderKey & { availableAt: Instant; isSettled: boolean; amountFen: number })[]>`
    SELECT source, order_no AS "orderNo", available_at AS "availableAt", settled AS "isSettled",
      sum(amount_fen)::bigint AS "amountFen"
    FROM (
      SELECT l.source, l.order_no, l.available_at, l.amount_fen, ${isSettled(db, brandId)} AS settled
      FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
      JOIN ledger_rows AS l ON l.brand_id = ${brandId} AND l.source = key.source AND l.order_no = key."orderNo"
        AND l.payee_kind = 'associate' AND l.payee = ${associateId}
    ) AS row
    GROUP BY 1, 2, 3, 4`
}

/** The override that counts of each of these orders and roles: who decided, and why. */
export async function selectOverrideReasons(
  db: Db,
  { brandId, orders }: { brandId: number; orders: readonly OrderKey[] },
) {
  if (orders.length === 0) return []
  return await db<(OrderKey & { role: string; at: Instant; reason: string; madeBy: string })[]>`
    SELECT DISTINCT ON (o.source, o.order_no, o.role) o.source, o.order_no AS "orderNo", o.role, o.at, o.reason,
      COALESCE(a.name, o.made_by) AS "madeBy"
    FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
    JOIN order_overrides AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key."orderNo"
    LEFT JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = o.made_by
    ORDER BY o.source, o.order_no, o.role, o.at DESC`
}

/** Why an associate was given these members from these instants on. */
export async function selectAssignmentReasons(
  db: Db,
  options: Options & { assignments: readonly { memberNo: string; from: string }[] },
) {
  if (options.assignments.length === 0) return []
  return await db<{ memberNo: string; from: Instant; reason: string }[]>`
    SELECT key."memberNo", a.from_at AS "from", min(a.reason) AS reason
    FROM jsonb_to_recordset(${JSON.stringify(options.assignments)}::text::jsonb)
      AS key ("memberNo" text, "from" timestamptz(3))
    JOIN members AS m ON m.brand_id = ${options.brandId} AND m.last_member_no = key."memberNo"
    JOIN member_assignments AS a
      ON a.brand_id = ${options.brandId} AND a.member_no = m.member_no AND a.from_at = key."from"
    WHERE a.attributed_associate = ${options.associateId} AND a.reason IS NOT NULL
    GROUP BY 1, 2`
}

export async function selectMemberNames(
  db: Db,
  { brandId, memberNos }: { brandId: number; memberNos: readonly string[] },
) {
  if (memberNos.length === 0) return []
  return await db<{ memberNo: string; name: string | null }[]>`
    SELECT member_no AS "memberNo", name FROM members
    WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[])`
}

/** Who sells in a store. */
export async function selectStoreTeam(db: Db, { brandId, storeCode }: { brandId: number; storeCode: string }) {
  return await db<
    { associateId: string; name: string; employments: { activeFrom: string; activeTo: string | null }[] }[]
  >`
    SELECT associate_id AS "associateId", name, employments FROM associates
    WHERE brand_id = ${brandId} AND store_code = ${storeCode} AND role IN ('associate', 'manager')
    ORDER BY associate_id`
}
