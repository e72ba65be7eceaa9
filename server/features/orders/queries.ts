import type { StoredRefundLine } from '../../../drizzle/schema/orders.ts'
import type { Db } from '../../database.ts'
import { arrayText } from '../../lib/array-text.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { OrderKey, ToldOrder } from '../evidence/service.ts'

export interface RevisionRow extends ToldOrder {
  phoneHex: string | null
  contentHashHex: string
}

/** Orders as a table to join with: `key (source, order_no)`. */
const orderKeys = (db: Db, orders: readonly OrderKey[]) => db`
  unnest(${arrayText(orders.map(order => order.source))}::text::text[],
    ${arrayText(orders.map(order => order.orderNo))}::text::text[]) AS key (source, order_no)`

/** Makes the orders' rows where they are missing: of an order that only a refund speaks of so far. */
export async function insertMissingOrders(
  db: Db,
  options: { brandId: number; now: Instant; orders: readonly OrderKey[] },
) {
  await db`
    INSERT INTO orders (brand_id, source, order_no, cancelled, closers, net_fen, commission_fen, is_unattributed,
      is_unplanned, roles, associates, received_at)
    SELECT DISTINCT ${options.brandId}::int, source COLLATE "C", order_no COLLATE "C", false, '{}'::text[], 0, 0, false, false,
      '{}'::jsonb, '{}'::text[], ${options.now}::timestamptz
    FROM ${orderKeys(db, options.orders)}
    ORDER BY 2, 3
    ON CONFLICT DO NOTHING`
}

/**
 * Locks the orders that are there, in one order for all, so that whoever speaks of an order waits for the other to end.
 *
 * @returns which revision counts; null where only a refund came so far
 */
export async function lockOrders(db: Db, options: { brandId: number; orders: readonly OrderKey[] }) {
  return await db<{ source: string; orderNo: string; revision: number | null }[]>`
    SELECT source, order_no AS "orderNo", revision FROM orders
    WHERE brand_id = ${options.brandId}
      AND (source, order_no) IN (SELECT source, order_no FROM ${orderKeys(db, options.orders)})
    ORDER BY source, order_no FOR UPDATE`
}

export async function selectRevisionHashes(db: Db, options: { brandId: number; orders: readonly OrderKey[] }) {
  if (options.orders.length === 0) return []
  return await db<{ source: string; orderNo: string; revision: number; hash: string }[]>`
    SELECT o.source, o.order_no AS "orderNo", o.revision, encode(o.content_hash, 'hex') AS hash
    FROM ${orderKeys(db, options.orders)}
    JOIN order_revisions AS o ON o.brand_id = ${options.brandId} AND o.source = key.source AND o.order_no = key.order_no`
}

/** In one order for all: of two who tell the same, the second waits for the first, and fails by the key. */
export async function insertRevisions(
  db: Db,
  options: { brandId: number; now: Instant; rows: readonly RevisionRow[] },
) {
  const { brandId, now, rows } = options
  if (rows.length === 0) return
  const column = (valueOf: (row: RevisionRow) => string | number | boolean | null) => arrayText(rows.map(valueOf))
  await db`
    INSERT INTO order_revisions (brand_id, source, order_no, revision, channel, member_no, unionid, openid,
      external_userid, visitor_id, phone_encrypted, phone_hash, selling_store, closer, share_code, paid_at, completed_at,
      cancelled, lines, content_hash, received_at)
    SELECT ${brandId}, source, order_no, revision, channel, member_no, unionid, openid, external_userid, visitor_id,
      decode(phone_hex, 'hex'), phone_hash, selling_store, closer, share_code, paid_at, completed_at, cancelled, lines,
      decode(hash_hex, 'hex'), ${now}
    FROM ROWS FROM (
      unnest(${column(row => row.source)}::text::text[], ${column(row => row.orderNo)}::text::text[],
        ${column(row => row.revision)}::text::int[], ${column(row => row.channel)}::text::text[],
        ${column(row => row.memberNo)}::text::text[], ${column(row => row.unionid)}::text::text[],
        ${column(row => row.openid)}::text::text[], ${column(row => row.externalUserid)}::text::text[],
        ${column(row => row.visitorId)}::text::text[], ${column(row => row.phoneHex)}::text::text[],
        ${column(row => row.phoneHash)}::text::text[], ${column(row => row.sellingStore)}::text::text[],
        ${column(row => row.closer)}::text::text[], ${column(row => row.shareCode)}::text::text[],
        ${column(row => formatInstant(row.paidAt))}::text::timestamptz[],
        ${column(row => (row.completedAt === null ? null : formatInstant(row.completedAt)))}::text::timestamptz[],
        ${column(row => row.cancelled)}::text::boolean[], ${column(row => row.contentHashHex)}::text::text[]),
      json_array_elements(${JSON.stringify(rows.map(row => row.lines))}::text::json)
    ) AS row (source, order_no, revision, channel, member_no, unionid, openid, external_userid, visitor_id, phone_hex,
      phone_hash, selling_store, closer, share_code, paid_at, completed_at, cancelled, hash_hex, lines)
    ORDER BY source COLLATE "C", order_no COLLATE "C", revision`
}

/** Which revision counts now, and what of it other evidence finds the order by. */
export async function updateCountedRevisions(db: Db, options: { brandId: number; rows: readonly RevisionRow[] }) {
  if (options.rows.length === 0) return
  const rows = options.rows.map(row => ({
    ...row,
    paidAt: formatInstant(row.paidAt),
    lines: undefined,
    closers: [...new Set([row.closer, ...row.lines.map(line => line.closer)].filter(closer => closer != null))],
  }))
  await db`
    UPDATE orders SET revision = row.revision, channel = row.channel, paid_at = row."paidAt", cancelled = row.cancelled,
      selling_store = row."sellingStore", unionid = row.unionid, openid = row.openid,
      external_userid = row."externalUserid", visitor_id = row."visitorId", phone_hash = row."phoneHash",
      share_code = row."shareCode", closers = row.closers
    FROM json_to_recordset(${JSON.stringify(rows)}::text::json)
      AS row (source text, "orderNo" text, revision int, channel text, "paidAt" timestamptz, cancelled boolean,
        "sellingStore" text, unionid text, openid text, "externalUserid" text, "visitorId" text, "phoneHash" text,
        "shareCode" text, closers text[])
    WHERE orders.brand_id = ${options.brandId} AND orders.source = row.source AND orders.order_no = row."orderNo"`
}

export interface RefundRow {
  source: string
  refundNo: string
  revision: number
  orderNo: string
  refundedAt: string
  lines: StoredRefundLine[]
  contentHashHex: string
}

/** Lets one transaction at a time speak of a refund: two revisions of it may name different orders. */
export async function lockRefunds(
  db: Db,
  options: { brandId: number; refunds: readonly { source: string; refundNo: string }[] },
) {
  await db`
    SELECT pg_advisory_xact_lock(key) FROM (
      SELECT DISTINCT hashtextextended('refund ' || key::text, ${options.brandId}) AS key
      FROM jsonb_array_elements(${JSON.stringify(options.refunds)}::text::jsonb) AS key ORDER BY 1
    ) AS keys`
}

export async function selectRefundRevisions(
  db: Db,
  options: { brandId: number; refunds: readonly { source: string; refundNo: string }[] },
) {
  return await db<{ source: string; refundNo: string; revision: number; orderNo: string; hash: string }[]>`
    SELECT r.source, r.refund_no AS "refundNo", r.revision, r.order_no AS "orderNo", encode(r.content_hash, 'hex') AS hash
    FROM jsonb_to_recordset(${JSON.stringify(options.refunds)}::text::jsonb) AS key (source text, "refundNo" text)
    JOIN refund_revisions AS r
      ON r.brand_id = ${options.brandId} AND r.source = key.source AND r.refund_no = key."refundNo"`
}

export async function insertRefunds(db: Db, options: { brandId: number; now: Instant; rows: readonly RefundRow[] }) {
  if (options.rows.length === 0) return
  await db`
    INSERT INTO refund_revisions (brand_id, source, refund_no, revision, order_no, refunded_at, lines, content_hash,
      received_at)
    SELECT ${options.brandId}, source, "refundNo", revision, "orderNo", "refundedAt", lines,
      decode("contentHashHex", 'hex'), ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb)
      AS row (source text, "refundNo" text, revision int, "orderNo" text, "refundedAt" timestamptz, lines jsonb,
        "contentHashHex" text)`
}

/** The order's row under lock; null where no revision of it came yet. */
export async function lockOrder(db: Db, options: { brandId: number } & OrderKey) {
  const [row] = await db<{ revision: number }[]>`
    SELECT revision FROM orders
    WHERE brand_id = ${options.brandId} AND source = ${options.source} AND order_no = ${options.orderNo}
      AND revision IS NOT NULL
    FOR UPDATE`
  return row ?? null
}

export interface OverrideRow {
  overrideId: string
  role: string
  associateId: string | null
  withdrawn: boolean
  storeCode: string | null
  reason: string
  madeBy: string
  at: Instant
}

/** Its instant is after that of the one before it, whatever the clock says: the latest counts. */
export async function insertOverride(
  db: Db,
  options: { brandId: number; order: OrderKey; row: OverrideRow },
): Promise<OverrideRow> {
  const { brandId, order, row } = options
  const [inserted] = await db<{ at: Instant }[]>`
    INSERT INTO order_overrides (brand_id, source, order_no, override_id, role, associate_id, withdrawn, store_code,
      reason, made_by, at)
    SELECT ${brandId}, ${order.source}, ${order.orderNo}, ${row.overrideId}, ${row.role}, ${row.associateId},
      ${row.withdrawn}, ${row.storeCode}, ${row.reason}, ${row.madeBy},
      GREATEST(${row.at}::timestamptz, max(at) + interval '1 millisecond')
    FROM order_overrides
    WHERE brand_id = ${brandId} AND source = ${order.source} AND order_no = ${order.orderNo}
    RETURNING at`
  return { ...row, at: inserted!.at }
}

export interface HoldRow extends OrderKey {
  holdId: string
  held: boolean
  reason: string
  madeBy: string
  at: Instant
}

const HOLD_COLUMNS = `source, order_no AS "orderNo", hold_id AS "holdId", held, reason, made_by AS "madeBy", at`

/**
 * Puts orders on hold, or releases them, and gives what was told: those that are so already are left out. The caller
 * has locked them. Of a hold, too, the latest counts, whatever the clock says.
 *
 * @param options.row one `holdId` for all that one decision speaks of
 */
export async function insertHolds(
  db: Db,
  options: { brandId: number; orders: readonly OrderKey[]; row: Omit<HoldRow, keyof OrderKey> },
) {
  const { brandId, orders, row } = options
  return await db<HoldRow[]>`
    INSERT INTO order_holds (brand_id, source, order_no, hold_id, held, reason, made_by, at)
    SELECT ${brandId}, o.source, o.order_no, ${row.holdId}, ${row.held}, ${row.reason}, ${row.madeBy},
      GREATEST(${row.at}::timestamptz, latest.at + interval '1 millisecond')
    FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key."orderNo"
      AND o.revision IS NOT NULL
    LEFT JOIN LATERAL (
      SELECT h.held, h.at FROM order_holds AS h
      WHERE h.brand_id = ${brandId} AND h.source = o.source AND h.order_no = o.order_no
      ORDER BY h.at DESC LIMIT 1
    ) AS latest ON true
    WHERE COALESCE(latest.held, false) <> ${row.held}
    RETURNING ${db.unsafe(HOLD_COLUMNS)}`
}

/** What was last told of each order; those that never were on hold are left out. */
export async function selectLatestHolds(db: Db, { brandId, orders }: { brandId: number; orders: readonly OrderKey[] }) {
  return await db<HoldRow[]>`
    SELECT latest.* FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
    CROSS JOIN LATERAL (
      SELECT ${db.unsafe(HOLD_COLUMNS)} FROM order_holds AS h
      WHERE h.brand_id = ${brandId} AND h.source = key.source AND h.order_no = key."orderNo"
      ORDER BY h.at DESC LIMIT 1
    ) AS latest`
}
