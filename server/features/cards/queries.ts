import { oneOf, type Db } from '../../database.ts'
import type { Span } from '../../lib/calendar.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { Scope } from '../auth/domain.ts'
import { isCounted, isPaidWithin, visibleOrders } from '../orders/sql.ts'
import { refundedOf } from '../rollups/sql.ts'

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
 * A person's latest orders, cancelled ones too; what he spent: uncancelled orders with net above 0 in the 12 months of the
 * brand's calendar before `now`, and the last of any time; and the categories that he spent most of it on, by net of their
 * lines, the largest first.
 *
 * What orders were told with is read once for all of it. Only where less is left of an order than was paid something came
 * back of it.
 *
 * @param limits stand in the statement: the planner takes one plan for all then
 */
export async function selectPurchases(
  db: Db,
  {
    brandId,
    memberNos,
    now,
    zone,
    limits,
  }: Options & { now: Instant; zone: string; limits: { orders: number; categories: number } },
): Promise<{ orders: RecentOrder[]; spend: Spend; categories: string[] }> {
  const limit = (count: number) => db.unsafe(String(count))
  const rows = await db<(Spend & { categories: string[] } & (RecentOrder | { orderNo: null }))[]>`
    WITH own AS MATERIALIZED (
      SELECT source, order_no, revision, paid_at, channel, selling_store, net_fen, cancelled, roles, counts,
        counts AND paid_at >= ${yearBefore(db, now, zone)} AND paid_at < ${now} AS is_lately,
        row_number() OVER (ORDER BY paid_at DESC, source DESC, order_no DESC) AS place
      FROM (
        SELECT *, NOT cancelled AND net_fen > 0 AS counts FROM orders
        WHERE brand_id = ${brandId} AND buyer = ${oneOf(db, memberNos)} AND revision IS NOT NULL
      ) AS o
    ), told AS MATERIALIZED (
      SELECT own.*, r.lines, paid.fen AS paid_fen, paid.quantity
      FROM own
      CROSS JOIN LATERAL (
        SELECT r.lines FROM order_revisions AS r
        WHERE r.brand_id = ${brandId} AND r.source = own.source AND r.order_no = own.order_no
          AND r.revision = own.revision OFFSET 0
      ) AS r
      CROSS JOIN LATERAL (
        SELECT sum(line."paidFen")::bigint AS fen, sum(line.quantity)::bigint AS quantity
        FROM jsonb_to_recordset(r.lines) AS line (quantity bigint, "paidFen" bigint)
      ) AS paid
      WHERE own.place <= ${limit(limits.orders)} OR own.is_lately
    ), favourite AS (
      SELECT line.category, sum(GREATEST(0, line."paidFen" - COALESCE(back.fen, 0))) AS fen
      FROM told
      CROSS JOIN LATERAL jsonb_to_recordset(told.lines) AS line ("lineNo" int, category text, "paidFen" bigint)
      ${refundedOf(db, { brandId, order: 'told', where: db`told.net_fen < told.paid_fen` })}
      WHERE told.is_lately AND line.category IS NOT NULL
      GROUP BY line.category
      HAVING sum(GREATEST(0, line."paidFen" - COALESCE(back.fen, 0))) > 0
      ORDER BY fen DESC, line.category COLLATE "C" LIMIT ${limit(limits.categories)}
    ), spend AS (
      SELECT count(*) AS "ordersTotal", COALESCE(sum(net_fen) FILTER (WHERE is_lately), 0)::bigint AS "spentFen",
        count(*) FILTER (WHERE is_lately) AS "orderCount", max(paid_at) FILTER (WHERE counts) AS "lastPaidAt"
      FROM own
    )
    SELECT spend."ordersTotal", spend."spentFen", spend."orderCount", spend."lastPaidAt",
      ARRAY(SELECT category FROM favourite ORDER BY fen DESC, category COLLATE "C") AS categories,
      o.source, o.order_no AS "orderNo", o.paid_at AS "paidAt", o.channel, o.selling_store AS "sellingStore",
      COALESCE(o.lines -> 0 ->> 'name', o.lines -> 0 ->> 'sku') AS title, o.quantity AS "itemCount",
      o.paid_fen AS "paidFen", o.net_fen AS "netFen", o.cancelled, o.roles ->> 'sharer' AS sharer,
      o.roles -> 'closer' ->> 0 AS closer
    FROM spend LEFT JOIN told AS o ON o.place <= ${limit(limits.orders)}
    ORDER BY o.place`
  const [first] = rows
  return { orders: rows.filter(row => row.orderNo !== null), spend: first!, categories: first!.categories }
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
