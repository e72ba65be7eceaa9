import { oneOf, type Db } from '../../database.ts'
import type { Span } from '../../lib/calendar.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { Scope } from '../auth/domain.ts'
import { isCounted, isPaidWithin, visibleOrders } from '../orders/sql.ts'

interface Options {
  brandId: number
  /** All numbers of one person: an order keeps the last that was known when it was decided. */
  memberNos: readonly string[]
}

export interface RecentOrder {
  source: string
  orderNo: string
  paidAt: Instant
  channel: 'online' | 'in_store'
  sellingStore: string | null
  title: string
  itemCount: number
  paidFen: number
  netFen: number
  cancelled: boolean
  sharer: string | null
  /** The first of them where the lines have several. */
  closer: string | null
}

export interface Spend {
  ordersTotal: number
  spentFen: number
  orderCount: number
  lastPaidAt: Instant | null
}

/**
 * A person's latest orders, cancelled ones too, and what he spent: uncancelled orders with net above 0 in the 12 months of
 * the brand's calendar before `now`, and the last of any time.
 *
 * @param limit stands in the statement: the planner takes one plan for all then
 */
export async function selectPurchases(
  db: Db,
  { brandId, memberNos, now, zone, limit }: Options & { now: Instant; zone: string; limit: number },
): Promise<{ orders: RecentOrder[]; spend: Spend }> {
  const rows = await db<(Spend & (RecentOrder | { orderNo: null }))[]>`
    WITH own AS MATERIALIZED (
      SELECT source, order_no, revision, paid_at, channel, selling_store, net_fen, cancelled, roles,
        NOT cancelled AND net_fen > 0 AS counts,
        paid_at >= ${yearBefore(db, now, zone)} AND paid_at < ${now} AS is_lately
      FROM orders WHERE brand_id = ${brandId} AND buyer = ${oneOf(db, memberNos)} AND revision IS NOT NULL
    ), spend AS (
      SELECT count(*) AS "ordersTotal",
        COALESCE(sum(net_fen) FILTER (WHERE counts AND is_lately), 0)::bigint AS "spentFen",
        count(*) FILTER (WHERE counts AND is_lately) AS "orderCount",
        max(paid_at) FILTER (WHERE counts) AS "lastPaidAt"
      FROM own
    ), latest AS (
      SELECT * FROM own ORDER BY paid_at DESC, source DESC, order_no DESC LIMIT ${db.unsafe(String(limit))}
    )
    SELECT spend."ordersTotal", spend."spentFen", spend."orderCount", spend."lastPaidAt",
      o.source, o.order_no AS "orderNo", o.paid_at AS "paidAt", o.channel, o.selling_store AS "sellingStore",
      COALESCE(r.lines -> 0 ->> 'name', r.lines -> 0 ->> 'sku') AS title,
      (SELECT sum((line ->> 'quantity')::bigint)::bigint FROM jsonb_array_elements(r.lines) AS line) AS "itemCount",
      (SELECT sum((line ->> 'paidFen')::bigint)::bigint FROM jsonb_array_elements(r.lines) AS line) AS "paidFen",
      o.net_fen AS "netFen", o.cancelled, o.roles ->> 'sharer' AS sharer, o.roles -> 'closer' ->> 0 AS closer
    FROM spend LEFT JOIN (
      latest AS o JOIN order_revisions AS r
        ON r.brand_id = ${brandId} AND r.source = o.source AND r.order_no = o.order_no AND r.revision = o.revision
    ) ON true
    ORDER BY o.paid_at DESC, o.source DESC, o.order_no DESC`
  return { orders: rows.filter(row => row.orderNo !== null), spend: rows[0]! }
}

/** Categories of what was bought in the same 12 months, by net of their lines. */
export async function selectCategories(
  db: Db,
  { brandId, memberNos, now, zone, limit }: Options & { now: Instant; zone: string; limit: number },
) {
  const rows = await db<{ category: string }[]>`
    WITH own AS MATERIALIZED (
      SELECT source, order_no, revision FROM orders
      WHERE brand_id = ${brandId} AND buyer = ${oneOf(db, memberNos)} AND NOT cancelled AND net_fen > 0
        AND paid_at >= ${yearBefore(db, now, zone)} AND paid_at < ${now}
    ), line AS (
      SELECT own.source, own.order_no, line."lineNo", line.category, line."paidFen"
      FROM own
      JOIN order_revisions AS r
        ON r.brand_id = ${brandId} AND r.source = own.source AND r.order_no = own.order_no AND r.revision = own.revision
      CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("lineNo" int, category text, "paidFen" bigint)
      WHERE line.category IS NOT NULL
    ), refunded AS (
      SELECT r.source, r.order_no, line."lineNo", sum(line."refundFen") AS fen
      FROM own
      JOIN refund_revisions AS r ON r.brand_id = ${brandId} AND r.source = own.source AND r.order_no = own.order_no
      CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("lineNo" int, "refundFen" bigint)
      WHERE NOT EXISTS (
        SELECT FROM refund_revisions AS later
        WHERE later.brand_id = ${brandId} AND later.source = r.source AND later.refund_no = r.refund_no
          AND later.revision > r.revision)
      GROUP BY 1, 2, 3
    )
    SELECT line.category
    FROM line LEFT JOIN refunded
      ON refunded.source = line.source AND refunded.order_no = line.order_no AND refunded."lineNo" = line."lineNo"
    GROUP BY line.category
    HAVING sum(GREATEST(0, line."paidFen" - COALESCE(refunded.fen, 0))) > 0
    ORDER BY sum(GREATEST(0, line."paidFen" - COALESCE(refunded.fen, 0))) DESC, line.category COLLATE "C"
    LIMIT ${limit}`
  return rows.map(row => row.category)
}

/** The same hour of the same day 12 months ago, by the brand's clock. */
const yearBefore = (db: Db, now: Instant, zone: string) => db`
  ((${formatInstant(now)}::text::timestamptz AT TIME ZONE ${zone}::text - interval '12 months') AT TIME ZONE ${zone}::text)`

export interface GroupRow {
  chatId: string
  name: string
  storeCode: string
  owner: string | null
}

export async function selectGroup(db: Db, { brandId, chatId }: { brandId: number; chatId: string }) {
  const [row] = await db<GroupRow[]>`
    SELECT chat_id AS "chatId", name, store_code AS "storeCode", owner FROM group_chats
    WHERE brand_id = ${brandId} AND chat_id = ${chatId}`
  return row ?? null
}

/** What these persons bought in a span, of the orders that the asker may see. */
export async function selectSalesTo(
  db: Db,
  { scope, buyers, span }: { scope: Scope; buyers: readonly string[]; span: Span },
) {
  const [row] = await db<{ netFen: number; orderCount: number; buyerCount: number }[]>`
    SELECT COALESCE(sum(o.net_fen), 0)::bigint AS "netFen", count(*) AS "orderCount", count(DISTINCT o.buyer) AS "buyerCount"
    FROM unnest(${buyers as string[]}::text[]) AS person (buyer) JOIN orders AS o ON o.buyer = person.buyer
    WHERE ${isCounted(db, scope.brandId)} AND ${isPaidWithin(db, span)} AND ${visibleOrders(db, scope)}`
  return row!
}
