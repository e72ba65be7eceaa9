import type { Db } from '../../database.ts'
import { arrayText } from '../../lib/array-text.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { BookingReason, OrderKey } from '../evidence/service.ts'
import type { Scope } from '../auth/domain.ts'
import { visibleOrders } from '../orders/sql.ts'
import { insertLedgerEvents } from '../webhooks/sql.ts'
import type { Entitlement } from './domain.ts'

interface Options {
  brandId: number
}

// -------------------------------------------------------------------------------------------------- plans

export interface PlanKey {
  code: string
  version: number
  hash: string
}

/** Every version that was published, also those that were withdrawn. */
export async function selectPlanKeys(db: Db, { brandId }: Options) {
  return await db<(PlanKey & { isWithdrawn: boolean })[]>`
    SELECT p.code, p.version, encode(p.content_hash, 'hex') AS hash, w.code IS NOT NULL AS "isWithdrawn"
    FROM plans AS p
    LEFT JOIN plan_withdrawals AS w ON w.brand_id = ${brandId} AND w.code = p.code AND w.version = p.version
    WHERE p.brand_id = ${brandId} ORDER BY p.code, p.version`
}

export interface PlanRow extends PlanKey {
  content: unknown
  isRetroactive: boolean
  publishedAt: Instant
  publishedBy: string
  withdrawnAt: Instant | null
  withdrawnBy: string | null
}

export async function selectPlans(
  db: Db,
  { brandId, keys }: Options & { keys: readonly { code: string; version: number }[] },
) {
  return await db<PlanRow[]>`
    SELECT p.code, p.version, encode(p.content_hash, 'hex') AS hash, p.content, p.is_retroactive AS "isRetroactive",
      p.published_at AS "publishedAt", p.published_by AS "publishedBy", w.withdrawn_at AS "withdrawnAt",
      w.withdrawn_by AS "withdrawnBy"
    FROM jsonb_to_recordset(${JSON.stringify(keys)}::text::jsonb) AS key (code text, version int)
    JOIN plans AS p ON p.brand_id = ${brandId} AND p.code = key.code AND p.version = key.version
    LEFT JOIN plan_withdrawals AS w ON w.brand_id = ${brandId} AND w.code = p.code AND w.version = p.version
    ORDER BY p.code, p.version`
}

/** @returns whether it was new; a version published before stays as it is */
export async function insertPlan(
  db: Db,
  options: Options & {
    plan: { code: string; version: number; effectiveFrom: Instant; effectiveTo: Instant | null }
    content: unknown
    contentHash: Buffer
    isRetroactive: boolean
    now: Instant
    actor: string
  },
) {
  const { brandId, plan } = options
  const rows = await db`
    INSERT INTO plans (brand_id, code, version, effective_from, effective_to, content, content_hash, is_retroactive,
      published_at, published_by)
    VALUES (${brandId}, ${plan.code}, ${plan.version}, ${plan.effectiveFrom}, ${plan.effectiveTo},
      ${JSON.stringify(options.content)}::text::jsonb, ${options.contentHash}, ${options.isRetroactive}, ${options.now},
      ${options.actor})
    ON CONFLICT DO NOTHING RETURNING code`
  return rows.length > 0
}

/** From now on this version is in force for nothing. It cannot be taken back. */
export async function insertWithdrawal(
  db: Db,
  options: Options & { plan: { code: string; version: number }; now: Instant; actor: string },
) {
  const { brandId, plan, now, actor } = options
  await db`
    INSERT INTO plan_withdrawals (brand_id, code, version, withdrawn_at, withdrawn_by)
    VALUES (${brandId}, ${plan.code}, ${plan.version}, ${now}, ${actor})`
}

// ------------------------------------------------------------------------------------------------ booking

/** An order as it was last decided, as far as it is an event of the binding policy. */
export interface LastDecided extends OrderKey {
  buyer: string | null
  isFirstOrder: boolean | null
  roles: Record<string, string | string[]>
}

/** Orders as a table to join with: `key (source, order_no)`. */
const orderKeys = (db: Db, orders: readonly OrderKey[]) => db`
  unnest(${arrayText(orders.map(order => order.source))}::text::text[],
    ${arrayText(orders.map(order => order.orderNo))}::text::text[]) AS key (source, order_no)`

/** Locks orders' rows in one order for all; those of which only a refund came are left out. */
export async function lockOrdersForBooking(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  if (orders.length === 0) return []
  return await db<LastDecided[]>`
    SELECT source, order_no AS "orderNo", buyer, is_first_order AS "isFirstOrder", roles FROM orders
    WHERE brand_id = ${brandId} AND revision IS NOT NULL
      AND (source, order_no) IN (SELECT source, order_no FROM ${orderKeys(db, orders)})
    ORDER BY source, order_no FOR UPDATE`
}

export type BookedRow = Entitlement & OrderKey & { paidAt: Instant }

/** What is booked now for these orders. */
export async function selectBooked(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  if (orders.length === 0) return []
  return await db<BookedRow[]>`
    SELECT e.source, e.order_no AS "orderNo", e.line_no AS "lineNo", e.role, e.payee_kind AS "payeeKind", e.payee,
      e.bearer_kind AS "bearerKind", e.bearer, e.rule_id AS "ruleId", e.plan_code AS "planCode",
      e.plan_version AS "planVersion", e.available_at AS "availableAt", e.amount_fen AS "amountFen",
      e.paid_at AS "paidAt"
    FROM ${orderKeys(db, orders)}
    JOIN entitlements AS e ON e.brand_id = ${brandId} AND e.source = key.source AND e.order_no = key.order_no`
}

export interface Booking extends OrderKey {
  paidAt: Instant
  /** The difference, signed, to be appended to the ledger. */
  row: Entitlement
  /** What is owed under this key from now on. */
  owedFen: number
}

/**
 * Appends ledger rows and brings the entitlements to what is owed, in one statement: neither can happen without the
 * other. Other systems that are told of changes are told of these.
 *
 * @param options.isFirst nothing was booked for any of these orders so far, so that no key can be there already
 */
export async function insertBookings(
  db: Db,
  options: Options & { bookings: readonly Booking[]; isFirst: boolean; reason: BookingReason; now: Instant },
) {
  if (options.bookings.length === 0) return
  const { brandId, bookings, isFirst, reason, now } = options
  const column = (valueOf: (booking: Booking) => string | number) => arrayText(bookings.map(valueOf))
  const texts = instantTexts()
  await db`
    WITH row AS MATERIALIZED (
      SELECT * FROM unnest(
        ${column(({ source }) => source)}::text::text[], ${column(({ orderNo }) => orderNo)}::text::text[],
        ${column(({ paidAt }) => texts(paidAt))}::text::timestamptz(3)[],
        ${column(({ row }) => row.lineNo)}::text::int[], ${column(({ row }) => row.role)}::text::text[],
        ${column(({ row }) => row.payeeKind)}::text::text[], ${column(({ row }) => row.payee)}::text::text[],
        ${column(({ row }) => row.bearerKind)}::text::text[], ${column(({ row }) => row.bearer)}::text::text[],
        ${column(({ row }) => row.ruleId)}::text::text[], ${column(({ row }) => row.planCode)}::text::text[],
        ${column(({ row }) => row.planVersion)}::text::int[],
        ${column(({ row }) => texts(row.availableAt))}::text::timestamptz(3)[],
        ${column(({ row }) => row.amountFen)}::text::bigint[], ${column(({ owedFen }) => owedFen)}::text::bigint[],
        ${column(() => uuidv7(now))}::text::uuid[]
      ) AS row (source, order_no, paid_at, line_no, role, payee_kind, payee, bearer_kind, bearer, rule_id, plan_code,
        plan_version, available_at, amount_fen, owed_fen, row_id)
    ), booked AS (
      INSERT INTO ledger_rows (brand_id, row_id, booked_at, subject, source, order_no, line_no, role, payee_kind, payee,
        bearer_kind, bearer, rule_id, plan_code, plan_version, amount_fen, reason, available_at)
      SELECT ${brandId}, row_id, ${now}, 'order_line', source, order_no, line_no, role, payee_kind, payee, bearer_kind,
        bearer, rule_id, plan_code, plan_version, amount_fen, ${reason}, available_at
      FROM row
    ), told AS (${insertLedgerEvents(db, { brandId, reason, now })})
    ${
      isFirst
        ? db``
        : db`, gone AS (
      DELETE FROM entitlements AS e USING row
      WHERE row.owed_fen = 0 AND e.brand_id = ${brandId} AND e.source = row.source AND e.order_no = row.order_no
        AND e.line_no = row.line_no AND e.role = row.role AND e.payee_kind = row.payee_kind AND e.payee = row.payee
        AND e.bearer_kind = row.bearer_kind AND e.bearer = row.bearer AND e.rule_id = row.rule_id
        AND e.plan_code = row.plan_code AND e.plan_version = row.plan_version AND e.available_at = row.available_at
    )`
    }
    INSERT INTO entitlements (brand_id, source, order_no, line_no, role, payee_kind, payee, bearer_kind, bearer, rule_id,
      plan_code, plan_version, available_at, amount_fen, paid_at)
    SELECT ${brandId}, source, order_no, line_no, role, payee_kind, payee, bearer_kind, bearer, rule_id, plan_code,
      plan_version, available_at, owed_fen, paid_at
    FROM row WHERE owed_fen <> 0
    ${
      isFirst
        ? db``
        : db`ON CONFLICT ON CONSTRAINT entitlements_pkey
      DO UPDATE SET amount_fen = EXCLUDED.amount_fen, paid_at = EXCLUDED.paid_at`
    }`
}

/** As `formatInstant`; the same instant comes many times in a row. */
function instantTexts(): (instant: Instant) => string {
  let last = NaN
  let text = ''
  return instant => {
    if (instant !== last) text = formatInstant((last = instant))
    return text
  }
}

export interface DecidedRow extends OrderKey {
  buyer: string | null
  isFirstOrder: boolean | null
  netFen: number
  commissionFen: number
  relation: string | null
  sharerLink: string | null
  sharerTouch: string | null
  netQuantity: number
  isUnattributed: boolean
  isUnplanned: boolean
  roles: Record<string, string | string[]>
  associates: string[]
}

/** An order that has no row yet: which revision of it counts, and the closers that it and its lines name. */
export interface NewOrderRow extends DecidedRow {
  revision: number
  closers: readonly string[]
}

/** Decided rows as a table: `row`, its columns as those of the orders. */
function decidedRows(db: Db, rows: readonly (DecidedRow & Partial<NewOrderRow>)[]) {
  const column = (valueOf: (row: (typeof rows)[number]) => string | number | boolean | null) =>
    arrayText(rows.map(valueOf))
  return db`
    ROWS FROM (
      unnest(${column(row => row.source)}::text::text[], ${column(row => row.orderNo)}::text::text[],
        ${column(row => row.revision ?? null)}::text::int[],
        ${column(row => (row.closers ? arrayText(row.closers) : null))}::text::text[],
        ${column(row => row.buyer)}::text::text[], ${column(row => row.isFirstOrder)}::text::boolean[],
        ${column(row => row.netFen)}::text::bigint[], ${column(row => row.commissionFen)}::text::bigint[],
        ${column(row => row.relation)}::text::text[], ${column(row => row.sharerLink)}::text::text[],
        ${column(row => row.sharerTouch)}::text::text[], ${column(row => row.netQuantity)}::text::bigint[],
        ${column(row => row.isUnattributed)}::text::boolean[],
        ${column(row => row.isUnplanned)}::text::boolean[], ${column(row => arrayText(row.associates))}::text::text[]),
      json_array_elements(${JSON.stringify(rows.map(row => row.roles))}::text::json)
    ) AS row (source, order_no, revision, closers, buyer, is_first_order, net_fen, commission_fen, relation,
      sharer_link, sharer_touch, net_quantity, is_unattributed, is_unplanned, associates, roles)`
}

/** What was decided about orders, for lists and figures. Rows that say so already are left alone. */
export async function updateDecided(db: Db, { brandId, rows }: Options & { rows: readonly DecidedRow[] }) {
  if (rows.length === 0) return
  await db`
    UPDATE orders AS o SET buyer = row.buyer, is_first_order = row.is_first_order, net_fen = row.net_fen,
      commission_fen = row.commission_fen, relation = row.relation, sharer_link = row.sharer_link,
      sharer_touch = row.sharer_touch, net_quantity = row.net_quantity, is_unattributed = row.is_unattributed,
      is_unplanned = row.is_unplanned, roles = row.roles::jsonb, associates = row.associates::text[]
    FROM ${decidedRows(db, rows)}
    WHERE o.brand_id = ${brandId} AND o.source = row.source AND o.order_no = row.order_no
      AND (o.buyer, o.is_first_order, o.net_fen, o.commission_fen, o.relation, o.sharer_link, o.sharer_touch,
        o.net_quantity, o.is_unattributed, o.is_unplanned, o.roles, o.associates) IS DISTINCT FROM (row.buyer,
        row.is_first_order, row.net_fen, row.commission_fen, row.relation, row.sharer_link, row.sharer_touch,
        row.net_quantity, row.is_unattributed, row.is_unplanned, row.roles::jsonb, row.associates::text[])`
}

/**
 * Makes the rows of orders that were not there before, from their revisions and what was decided. Of two who make the
 * same order, the second waits for the first, and fails by the key.
 */
export async function insertDecided(db: Db, options: Options & { rows: readonly NewOrderRow[]; now: Instant }) {
  const { brandId, rows, now } = options
  if (rows.length === 0) return
  await db`
    INSERT INTO orders (brand_id, source, order_no, revision, channel, paid_at, cancelled, selling_store, unionid, openid,
      external_userid, visitor_id, phone_hash, share_code, closers, buyer, is_first_order, net_fen, commission_fen,
      relation, sharer_link, sharer_touch, net_quantity, is_unattributed, is_unplanned, roles, associates, received_at)
    SELECT r.brand_id, r.source, r.order_no, r.revision, r.channel, r.paid_at, r.cancelled, r.selling_store, r.unionid,
      r.openid, r.external_userid, r.visitor_id, r.phone_hash, r.share_code, row.closers::text[], row.buyer,
      row.is_first_order, row.net_fen, row.commission_fen, row.relation, row.sharer_link, row.sharer_touch,
      row.net_quantity, row.is_unattributed, row.is_unplanned, row.roles::jsonb, row.associates::text[], ${now}
    FROM ${decidedRows(db, rows)}
    JOIN order_revisions AS r ON r.brand_id = ${brandId} AND r.source = row.source AND r.order_no = row.order_no
      AND r.revision = row.revision`
}

/** When an order was paid may change by a revision; the rows owed for it carry it for lists. */
export async function updatePaidAt(
  db: Db,
  { brandId, orders }: Options & { orders: readonly (OrderKey & { paidAt: Instant })[] },
) {
  if (orders.length === 0) return
  const rows = orders.map(order => ({ ...order, paidAt: formatInstant(order.paidAt) }))
  await db`
    UPDATE entitlements AS e SET paid_at = row."paidAt"
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row (source text, "orderNo" text, "paidAt" timestamptz(3))
    WHERE e.brand_id = ${brandId} AND e.source = row.source AND e.order_no = row."orderNo" AND e.paid_at <> row."paidAt"`
}

/** Makes the month's partition of the ledger where it is missing. */
export async function ensurePartition(db: Db, table: 'ledger_rows' | 'touches', instant: Instant) {
  await db`SELECT ensure_month_partition(${table}, ${formatInstant(instant).slice(0, 10)}::date)`
}

// -------------------------------------------------------------------------------------------------- marks

export interface MarkRow {
  markId: string
  kind: string
}

/**
 * The oldest marks that still name evidence, not orders, and a transaction number that is above all that were under way
 * when they were seen. (A snapshot's own bound is not: it ends at the last transaction that is over.)
 */
export async function selectEvidenceMarks(db: Db, { brandId, limit }: Options & { limit: number }) {
  return await db<(MarkRow & { underWay: string })[]>`
    SELECT mark_id AS "markId", kind, pg_current_xact_id()::text AS "underWay"
    FROM reconcile_marks WHERE brand_id = ${brandId} AND kind <> 'order' ORDER BY mark_id LIMIT ${limit}`
}

/** Whether every transaction below this number has ended. */
export async function haveEnded(db: Db, underWay: string): Promise<boolean> {
  const [row] = await db<{ ended: boolean }[]>`
    SELECT pg_snapshot_xmin(pg_current_snapshot()) > ${underWay}::xid8 AS ended`
  return row!.ended
}

/** Takes marks to work on; those that another process works on are left to it. */
export async function takeMarks(db: Db, { brandId, markIds }: Options & { markIds: readonly string[] }) {
  return await db<{ markId: string; kind: string; key: string; paidFrom: Instant | null; reason: string }[]>`
    SELECT mark_id AS "markId", kind, key, paid_from AS "paidFrom", reason FROM reconcile_marks
    WHERE brand_id = ${brandId} AND mark_id = ANY (${markIds as string[]}::uuid[])
    ORDER BY mark_id FOR UPDATE SKIP LOCKED`
}

/**
 * Takes the oldest orders to book, with all their marks: evidence that came in a heap is booked once. Locked before the
 * evidence is loaded, so whatever they speak of is seen.
 */
export async function takeOrderMarks(db: Db, { brandId, limit }: Options & { limit: number }) {
  const oldest = await db<OrderKey[]>`
    SELECT key AS source, order_no AS "orderNo" FROM reconcile_marks
    WHERE brand_id = ${brandId} AND kind = 'order' ORDER BY mark_id LIMIT ${limit} FOR UPDATE SKIP LOCKED`
  if (oldest.length === 0) return []
  return await db<(OrderKey & { markId: string; reason: BookingReason })[]>`
    SELECT mark_id AS "markId", m.key AS source, m.order_no AS "orderNo", m.reason FROM reconcile_marks AS m
    WHERE m.brand_id = ${brandId} AND m.kind = 'order' AND (m.key, m.order_no) IN (
      SELECT source, "orderNo" FROM jsonb_to_recordset(${JSON.stringify(oldest)}::text::jsonb)
        AS key (source text, "orderNo" text))
    FOR UPDATE SKIP LOCKED`
}

export async function deleteMarks(db: Db, { brandId, markIds }: Options & { markIds: readonly string[] }) {
  await db`DELETE FROM reconcile_marks WHERE brand_id = ${brandId} AND mark_id = ANY (${markIds as string[]}::uuid[])`
}

export interface OrderMark extends OrderKey {
  reason: string
}

export interface EvidenceMark {
  kind: string
  key: string
  paidFrom: string | null
  reason: string
}

/**
 * Marks every order that this evidence can change, and not only its own: by who bought, who shared, who is in a role
 * or could be. One statement says which; a test holds it against deciding everything again.
 *
 * Step by step: what the marks name → links and touches → persons (all their numbers and ids) → orders.
 */
export async function insertOrderMarksOf(
  db: Db,
  { brandId, marks, now }: Options & { marks: readonly EvidenceMark[]; now: Instant },
) {
  /** An id that was linked anew may take its touches from whom they had by another id. */
  const touchesUnder = (kind: string, column: string) => db`
    SELECT t.member_no, t.unionid, t.openid, t.external_userid, t.visitor_id, t.at, mark.reason
    FROM mark JOIN touches AS t ON t.brand_id = ${brandId} AND t.${db(column)} = mark.key AND t.link_code IS NOT NULL
    WHERE mark.kind = ${kind} AND mark.paid_from IS NULL`
  await db`
    WITH mark AS MATERIALIZED (
      SELECT kind, key, "paidFrom" AS paid_from, reason FROM jsonb_to_recordset(${JSON.stringify(marks)}::text::jsonb)
        AS mark (kind text, key text, "paidFrom" timestamptz, reason text)
    ), associate AS (
      -- Somebody whose record changed, and those whom he invited: he earns by their shares.
      SELECT key AS associate_id, reason FROM mark WHERE kind = 'associate'
      UNION
      SELECT a.associate_id, mark.reason FROM mark JOIN associates AS a ON a.brand_id = ${brandId} AND a.invited_by = mark.key
      WHERE mark.kind = 'associate'
    ), link AS (
      SELECT key AS link_code, reason FROM mark WHERE kind = 'link'
      UNION
      SELECT l.link_code, associate.reason FROM associate
      JOIN share_links AS l ON l.brand_id = ${brandId} AND l.associate_id = associate.associate_id
      UNION
      SELECT l.link_code, mark.reason FROM mark JOIN share_links AS l ON l.brand_id = ${brandId} AND l.store_code = mark.key
      WHERE mark.kind = 'store'
    ), touch AS (
      SELECT t.member_no, t.unionid, t.openid, t.external_userid, t.visitor_id, t.at, link.reason
      FROM link JOIN touches AS t ON t.brand_id = ${brandId} AND t.link_code = link.link_code
      UNION ${touchesUnder('unionid', 'unionid')} UNION ${touchesUnder('openid', 'openid')}
      UNION ${touchesUnder('external_userid', 'external_userid')} UNION ${touchesUnder('visitor', 'visitor_id')}
    ), id AS (
      SELECT kind, key AS value, paid_from, reason FROM mark
      WHERE kind IN ('unionid', 'openid', 'external_userid', 'visitor')
      UNION SELECT 'unionid', unionid, at, reason FROM touch WHERE unionid IS NOT NULL
      UNION SELECT 'openid', openid, at, reason FROM touch WHERE openid IS NOT NULL
      UNION SELECT 'external_userid', external_userid, at, reason FROM touch WHERE external_userid IS NOT NULL
      UNION SELECT 'visitor', visitor_id, at, reason FROM touch WHERE visitor_id IS NOT NULL
    ), member AS (
      SELECT key AS member_no, paid_from, reason FROM mark WHERE kind = 'member'
      UNION SELECT member_no, at, reason FROM touch WHERE member_no IS NOT NULL
      UNION
      SELECT i.member_no, id.paid_from, id.reason FROM id
      JOIN identities AS i ON i.brand_id = ${brandId} AND i.kind = id.kind AND i.value = id.value
      UNION
      SELECT m.member_no, NULL::timestamptz, mark.reason FROM mark
      JOIN members AS m ON m.brand_id = ${brandId} AND m.phone_hash = mark.key WHERE mark.kind = 'phone'
      UNION
      SELECT m.member_no, NULL::timestamptz, associate.reason FROM associate
      JOIN members AS m ON m.brand_id = ${brandId} AND m.opening_associate = associate.associate_id
      UNION
      SELECT a.member_no, a.from_at, associate.reason FROM associate
      JOIN member_assignments AS a ON a.brand_id = ${brandId} AND a.attributed_associate = associate.associate_id
      UNION
      SELECT a.member_no, a.from_at, associate.reason FROM associate
      JOIN derived_assignments AS a ON a.brand_id = ${brandId} AND a.associate_id = associate.associate_id
      UNION
      SELECT a.member_no, a.from_at, mark.reason FROM mark
      JOIN member_assignments AS a ON a.brand_id = ${brandId} AND a.home_store = mark.key WHERE mark.kind = 'store'
      UNION
      SELECT m.member_no, NULL::timestamptz, mark.reason FROM mark
      JOIN members AS m ON m.brand_id = ${brandId} AND m.opening_store = mark.key WHERE mark.kind = 'store'
    ), buyer AS (
      -- All numbers of each person: an order keeps the last number that was known when it was decided. One probe each:
      -- of a table that has just been filled the planner knows nothing.
      SELECT other.member_no AS buyer, member.paid_from, member.reason FROM member
      CROSS JOIN LATERAL (
        SELECT m.last_member_no FROM members AS m
        WHERE m.brand_id = ${brandId} AND m.member_no = member.member_no OFFSET 0
      ) AS person
      CROSS JOIN LATERAL (
        SELECT m.member_no FROM members AS m
        WHERE m.brand_id = ${brandId} AND m.last_member_no = person.last_member_no OFFSET 0
      ) AS other
    ), found AS (
      SELECT o.source, o.order_no, buyer.reason FROM buyer
      CROSS JOIN LATERAL (
        SELECT source, order_no FROM orders AS o
        WHERE o.brand_id = ${brandId} AND o.buyer = buyer.buyer
          AND o.paid_at >= COALESCE(buyer.paid_from, '-infinity') OFFSET 0
      ) AS o
      UNION
      SELECT o.source, o.order_no, id.reason FROM id
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.unionid = id.value
        AND o.paid_at >= COALESCE(id.paid_from, '-infinity') WHERE id.kind = 'unionid'
      UNION
      SELECT o.source, o.order_no, id.reason FROM id
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.openid = id.value
        AND o.paid_at >= COALESCE(id.paid_from, '-infinity') WHERE id.kind = 'openid'
      UNION
      SELECT o.source, o.order_no, id.reason FROM id
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.external_userid = id.value
        AND o.paid_at >= COALESCE(id.paid_from, '-infinity') WHERE id.kind = 'external_userid'
      UNION
      SELECT o.source, o.order_no, id.reason FROM id
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.visitor_id = id.value
        AND o.paid_at >= COALESCE(id.paid_from, '-infinity') WHERE id.kind = 'visitor'
      UNION
      SELECT o.source, o.order_no, mark.reason FROM mark
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.phone_hash = mark.key WHERE mark.kind = 'phone'
      UNION
      SELECT o.source, o.order_no, link.reason FROM link
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.share_code = link.link_code
      UNION
      SELECT o.source, o.order_no, mark.reason FROM mark
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.selling_store = mark.key WHERE mark.kind = 'store'
      UNION
      SELECT o.source, o.order_no, mark.reason FROM mark
      JOIN orders AS o ON o.brand_id = ${brandId} AND (o.closers @> ARRAY[mark.key] OR o.associates @> ARRAY[mark.key])
      WHERE mark.kind = 'associate'
      UNION
      SELECT o.source, o.order_no, associate.reason FROM associate
      JOIN order_overrides AS o ON o.brand_id = ${brandId} AND o.associate_id = associate.associate_id
      UNION
      SELECT o.source, o.order_no, mark.reason FROM mark
      JOIN order_overrides AS o ON o.brand_id = ${brandId} AND o.store_code = mark.key WHERE mark.kind = 'store'
    )
    INSERT INTO reconcile_marks (brand_id, mark_id, kind, key, order_no, reason, marked_at)
    SELECT ${brandId}, gen_random_uuid(), 'order', source, order_no, min(reason), ${now}
    FROM found GROUP BY source, order_no`
}

/** Which brands have marks, and of what. */
export async function selectMarkedBrands(db: Db) {
  return await db<{ brandId: number; orders: boolean; bonuses: boolean; rewards: boolean; bindings: boolean }[]>`
    SELECT * FROM (
      SELECT brand_id AS "brandId", EXISTS (SELECT FROM reconcile_marks AS m WHERE m.brand_id = b.brand_id) AS orders,
        EXISTS (SELECT FROM bonus_marks AS m WHERE m.brand_id = b.brand_id) AS bonuses,
        EXISTS (SELECT FROM reward_marks AS m WHERE m.brand_id = b.brand_id) AS rewards,
        EXISTS (SELECT FROM binding_marks AS m WHERE m.brand_id = b.brand_id) AS bindings
      FROM brands AS b
    ) AS marked
    WHERE orders OR bonuses OR rewards OR bindings ORDER BY "brandId"`
}

/** How much is not booked yet, and since when. */
export async function selectBacklog(db: Db, { brandId, now }: Options & { now: Instant }) {
  const [row] = await db<
    { marks: number; jobs: number; months: number; events: number; people: number; oldest: Instant | null }[]
  >`
    SELECT
      (SELECT count(*) FROM (
        SELECT DISTINCT kind, key, order_no FROM reconcile_marks WHERE brand_id = ${brandId}) AS distinct_marks
      ) AS marks,
      (SELECT COALESCE(sum(GREATEST(total - done, 1)), 0) FROM jobs
        WHERE brand_id = ${brandId} AND books_ledger AND status IN ('waiting', 'running', 'cancelling')) AS jobs,
      LEAST(
        (SELECT min(marked_at) FROM reconcile_marks WHERE brand_id = ${brandId}),
        (SELECT min(created_at) FROM jobs
          WHERE brand_id = ${brandId} AND books_ledger AND status IN ('waiting', 'running', 'cancelling')),
        (SELECT min(marked_at) FROM bonus_marks WHERE brand_id = ${brandId}),
        (SELECT min(marked_at) FROM reward_marks WHERE brand_id = ${brandId}),
        (SELECT min(marked_at) FROM binding_marks WHERE brand_id = ${brandId})
      ) AS oldest,
      (SELECT count(*) FROM bonus_marks WHERE brand_id = ${brandId}) AS months,
      (SELECT count(*) FROM reward_marks WHERE brand_id = ${brandId}) AS events,
      (SELECT count(*) FROM binding_marks WHERE brand_id = ${brandId}) AS people`
  const pendingOrders =
    Number(row!.marks) + Number(row!.jobs) + Number(row!.months) + Number(row!.events) + Number(row!.people)
  const oldestSeconds = row!.oldest === null ? 0 : Math.max(0, Math.floor((now - row!.oldest) / 1000))
  return { pendingOrders, oldestSeconds }
}

interface PaidSpan extends Options {
  from: string
  /** null: without end. */
  to: string | null
}

export async function countOrdersPaid(db: Db, { brandId, from, to }: PaidSpan): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    SELECT count(*) AS count FROM orders
    WHERE brand_id = ${brandId} AND paid_at >= ${from}::text::timestamptz
      AND paid_at < COALESCE(${to}::text::timestamptz, 'infinity')`
  return row!.count
}

/** The next orders paid in a span, by (paidAt, source, orderNo). */
export async function selectOrdersPaid(
  db: Db,
  options: PaidSpan & { after: (OrderKey & { paidAt: string }) | null; limit: number },
) {
  const { brandId, from, to, after, limit } = options
  // One lower bound alone: with two, the index may be entered at the other one.
  const start = after
    ? db`(paid_at, source, order_no) > (${after.paidAt}::text::timestamptz, ${after.source}, ${after.orderNo})`
    : db`paid_at >= ${from}::text::timestamptz`
  return await db<(OrderKey & { paidAt: Instant })[]>`
    SELECT source, order_no AS "orderNo", paid_at AS "paidAt" FROM orders
    WHERE brand_id = ${brandId} AND ${start} AND paid_at < COALESCE(${to}::text::timestamptz, 'infinity')
    ORDER BY paid_at, source, order_no LIMIT ${limit}`
}

// -------------------------------------------------------------------------------------------------- lists

/** What of an order's commission somebody may see: others' pay is theirs. */
function visibleCommission(db: Db, scope: Scope) {
  if (scope.reach === 'brand') return db`o.commission_fen`
  const payees =
    scope.reach === 'self'
      ? db`(e.payee_kind = 'associate' AND e.payee = ${scope.associateId})`
      : db`((e.payee_kind = 'store' AND e.payee = ANY (${scope.storeCodes as string[]}::text[]))
          OR (e.payee_kind = 'associate' AND e.payee IN (
            SELECT associate_id FROM associates
            WHERE brand_id = ${scope.brandId} AND store_code = ANY (${scope.storeCodes as string[]}::text[]))))`
  return db`(
    SELECT COALESCE(sum(e.amount_fen), 0)::bigint FROM entitlements AS e
    WHERE e.brand_id = ${scope.brandId} AND e.source = o.source AND e.order_no = o.order_no AND ${payees})`
}

/** Whether what a filter names is there, and within what may be seen. */
export async function selectNamedThings(
  db: Db,
  options: { scope: Scope; storeCode: string | null; associate: string | null; memberNo: string | null },
): Promise<boolean> {
  const { scope, storeCode, associate, memberNo } = options
  const stores = scope.reach === 'stores' ? (scope.storeCodes as string[]) : null
  const self = scope.reach === 'self' ? scope.associateId : null
  const [row] = await db<{ there: boolean }[]>`
    SELECT (${storeCode}::text IS NULL OR EXISTS (
        SELECT FROM stores WHERE brand_id = ${scope.brandId} AND store_code = ${storeCode}
          AND (${stores}::text[] IS NULL OR store_code = ANY (${stores}::text[])) AND ${self}::text IS NULL))
      AND (${associate}::text IS NULL OR EXISTS (
        SELECT FROM associates WHERE brand_id = ${scope.brandId} AND associate_id = ${associate}
          AND (${stores}::text[] IS NULL OR store_code = ANY (${stores}::text[]))
          AND (${self}::text IS NULL OR associate_id = ${self})))
      AND (${memberNo}::text IS NULL OR EXISTS (
        SELECT FROM members AS m WHERE m.brand_id = ${scope.brandId} AND m.member_no = ${memberNo}
          AND ${
            scope.reach === 'brand'
              ? db`true`
              : db`EXISTS (
                  SELECT FROM orders AS o
                  WHERE o.brand_id = ${scope.brandId} AND o.buyer = m.last_member_no AND ${visibleOrders(db, scope)})`
          })) AS there`
  return row!.there
}

/** Orders by paidAt, newest first, as last decided. */
export async function selectOrderList(
  db: Db,
  options: {
    scope: Scope
    from: Instant | null
    to: Instant | null
    storeCode: string | null
    associate: string | null
    memberNo: string | null
    isAttributed: boolean | null
    /** Who holds the role attributed. */
    attributed: string | null
    after: { paidAt: string; source: string; orderNo: string } | null
    limit: number
  },
) {
  const { scope, from, to, storeCode, associate, memberNo, isAttributed, attributed, after, limit } = options
  return await db<
    {
      source: string
      orderNo: string
      revision: number
      channel: string
      paidAt: Instant
      cancelled: boolean
      sellingStore: string | null
      memberNo: string | null
      netFen: number
      commissionFen: number
      relation: string | null
      attributed: boolean
      planned: boolean
      firstOrder: boolean | null
      roles: Record<string, string | string[]>
    }[]
  >`
    SELECT o.source, o.order_no AS "orderNo", o.revision, o.channel, o.paid_at AS "paidAt", o.cancelled,
      o.selling_store AS "sellingStore", o.buyer AS "memberNo", o.net_fen AS "netFen",
      ${visibleCommission(db, scope)} AS "commissionFen", o.relation, NOT o.is_unattributed AS attributed,
      NOT o.is_unplanned AS planned, o.is_first_order AS "firstOrder", o.roles
    FROM orders AS o
    WHERE o.brand_id = ${scope.brandId} AND o.revision IS NOT NULL AND ${visibleOrders(db, scope)}
      ${from === null ? db`` : db`AND o.paid_at >= ${from}`}
      ${to === null ? db`` : db`AND o.paid_at < ${to}`}
      ${storeCode === null ? db`` : db`AND o.selling_store = ${storeCode}`}
      ${associate === null ? db`` : db`AND o.associates @> ARRAY[${associate}]`}
      ${
        memberNo === null
          ? db``
          : db`AND o.buyer = (SELECT last_member_no FROM members WHERE brand_id = ${scope.brandId} AND member_no = ${memberNo})`
      }
      ${isAttributed === null ? db`` : db`AND o.is_unattributed = ${!isAttributed}`}
      ${attributed === null ? db`` : db`AND o.roles ->> 'attributed' = ${attributed}`}
      ${after ? db`AND (o.paid_at, o.source, o.order_no) < (${after.paidAt}::text::timestamptz, ${after.source}, ${after.orderNo})` : db``}
    ORDER BY o.paid_at DESC, o.source DESC, o.order_no DESC LIMIT ${limit}`
}

/** Whether an order is there, and may be seen. */
export async function selectOrderVisible(db: Db, options: { scope: Scope } & OrderKey): Promise<boolean> {
  const rows = await db`
    SELECT FROM orders AS o
    WHERE o.brand_id = ${options.scope.brandId} AND o.source = ${options.source} AND o.order_no = ${options.orderNo}
      AND o.revision IS NOT NULL AND ${visibleOrders(db, options.scope)}`
  return rows.length > 0
}

/** Which brands have long bookings to go on with. */
export async function selectOpenJobBrands(db: Db): Promise<number[]> {
  const rows = await db<{ brandId: number }[]>`
    SELECT DISTINCT brand_id AS "brandId" FROM jobs
    WHERE books_ledger AND status IN ('waiting', 'running', 'cancelling') ORDER BY 1`
  return rows.map(row => row.brandId)
}

/** The brand's time zone: days and months are counted in it. */
export async function getZone(db: Db, brandId: number): Promise<string> {
  const [row] = await db<{ timezone: string }[]>`SELECT timezone FROM brands WHERE brand_id = ${brandId}`
  if (!row) throw new Error(`there is no brand ${brandId}`)
  return row.timezone
}

/** The associates whose money somebody may see; null: all of the brand. */
export async function selectVisibleAssociates(db: Db, scope: Scope): Promise<string[] | null> {
  if (scope.reach === 'brand') return null
  if (scope.reach === 'self') return [scope.associateId]
  const rows = await db<{ associateId: string }[]>`
    SELECT associate_id AS "associateId" FROM associates
    WHERE brand_id = ${scope.brandId} AND store_code = ANY (${scope.storeCodes as string[]}::text[])`
  return rows.map(row => row.associateId)
}
