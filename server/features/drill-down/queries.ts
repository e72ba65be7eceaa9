import type { Db } from '../../database.ts'
import type { Span } from '../../lib/calendar.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { OrderKey } from '../evidence/service.ts'
import { isCounted, isPaidWithin } from '../orders/sql.ts'
import { refundedOf } from '../rollups/sql.ts'
import type { OrderFigure, RowTable } from './schema.ts'

/** Whose figure: of the whole brand, of these stores, or of one associate; null: not narrowed. */
export interface Behind {
  brandId: number
  zone: string
  span: Span
  storeCodes: readonly string[] | null
  associateId: string | null
  figure: OrderFigure
  /** The row of a table; a null key is the row of nobody. */
  row: { table: RowTable; key: string | null } | null
  /** Of a region's row: the stores that are in it; of nobody's, those in none. */
  regionStores: readonly string[]
  /** Months whose bonuses the span has, each with its last instant. */
  months: readonly { month: string; at: Instant }[]
}

type Part = ReturnType<typeof instant>

const instant = (db: Db, at: Instant) => db`${formatInstant(at)}::text::timestamptz`
const list = (db: Db, values: readonly string[]) => db`${values as string[]}::text[]`
const within = (db: Db, column: Part, { from, to }: Span) =>
  db`${column} >= ${instant(db, from)} AND ${column} < ${instant(db, to)}`
const isOneOf = (db: Db, column: Part, codes: readonly string[] | null) =>
  codes === null ? db`true` : db`${column} = ANY (${list(db, codes)})`

/** What these are paid: an associate his own, a store its own and its associates'. */
function isOwnPay(db: Db, alias: string, { brandId, storeCodes, associateId }: Behind) {
  const [kind, payee] = [db(`${alias}.payee_kind`), db(`${alias}.payee`)]
  if (associateId !== null) return db`(${kind} = 'associate' AND ${payee} = ${associateId})`
  if (storeCodes === null) return db`true`
  return db`((${kind} = 'store' AND ${payee} = ANY (${list(db, storeCodes)})) OR (${kind} = 'associate' AND EXISTS (
    SELECT FROM associates AS own WHERE own.brand_id = ${brandId} AND own.associate_id = ${payee}
      AND own.store_code = ANY (${list(db, storeCodes)}))))`
}

const isRow = (db: Db, column: Part, key: string | null) =>
  key === null ? db`${column} IS NULL` : db`${column} = ${key}`

/** The orders of a row; which lines of them, `part` says. */
function isOfRow(db: Db, behind: Behind): Part {
  const { brandId, storeCodes, associateId, row, regionStores } = behind
  if (row === null) return db`true`
  const { table, key } = row
  /** The link that won; null where it is not one of these. */
  const own = (value: Part) => db`(
    SELECT ${value} FROM share_links AS wl
    LEFT JOIN touch_keys AS wk ON wk.brand_id = ${brandId} AND wk.touch_id = o.sharer_touch
    LEFT JOIN touches AS wt ON wt.brand_id = ${brandId} AND wt.at = wk.at AND wt.touch_id = wk.touch_id
    LEFT JOIN group_opengids AS wg ON wg.brand_id = ${brandId} AND wg.opengid = wt.opengid
    WHERE wl.brand_id = ${brandId} AND wl.link_code = o.sharer_link AND ${isOneOf(db, db`wl.store_code`, storeCodes)}
      AND ${associateId === null ? db`true` : db`wl.associate_id = ${associateId}`})`
  const isWon = db`o.sharer_link IS NOT NULL`
  /** Of a row of somebody's only what a link won is looked at. */
  const ofLinks = (only: Part, value: Part) =>
    key === null ? isRow(db, own(value), key) : db`(${only} AND ${isRow(db, own(value), key)})`
  switch (table) {
    case 'associates':
      return key === null ? db`false` : db`o.associates @> ARRAY[${key}]::text[]`
    case 'stores':
      return isRow(db, db`o.selling_store`, key)
    case 'regions':
      return db`(${key === null ? db`o.selling_store IS NULL OR` : db``} o.selling_store = ANY (${list(db, regionStores)}))`
    case 'links':
      return ofLinks(db`o.sharer_link = ${key}`, db`wl.link_code`)
    case 'channels':
      return ofLinks(isWon, db`wl.channel`)
    case 'groups':
      return ofLinks(isWon, db`COALESCE(wt.chat_id, wg.chat_id, wl.sent_to_chat_id)`)
    case 'products':
      return db`true`
  }
}

/** Lines of the order `o` with what is left of each: the highest revision of each refund counts. */
const linesOf = (db: Db, brandId: number) => db`
  order_revisions AS r
  CROSS JOIN LATERAL jsonb_to_recordset(r.lines)
    AS line ("lineNo" int, sku text, quantity bigint, "paidFen" bigint, closer text)
  ${refundedOf(db, { brandId, order: 'o' })}`
const isOfOrder = (db: Db, brandId: number) =>
  db`r.brand_id = ${brandId} AND r.source = o.source AND r.order_no = o.order_no AND r.revision = o.revision`
const lineFen = (db: Db) => db`GREATEST(0, line."paidFen" - COALESCE(back.fen, 0))`
const lineQuantity = (db: Db) => db`GREATEST(0, line.quantity - COALESCE(back.quantity, 0))`

/**
 * What of the order `o` a row has: `fen` and `quantity` of its lines, `shared_fen` where a share brought the buyer,
 * `closed_fen` and `attributed_fen` of an associate.
 */
function partOf(db: Db, { brandId, row }: Behind): Part {
  const counted = db`NOT o.cancelled AND o.net_fen > 0`
  if (row?.table === 'products') {
    return db`SELECT COALESCE(sum(own.fen), 0) AS fen, COALESCE(sum(own.quantity), 0) AS quantity,
        CASE WHEN o.relation IS NULL THEN 0 ELSE COALESCE(sum(own.fen), 0) END AS shared_fen, 0 AS closed_fen, 0 AS attributed_fen
      FROM (
        SELECT ${lineFen(db)} AS fen, ${lineQuantity(db)} AS quantity FROM ${linesOf(db, brandId)}
        WHERE ${isOfOrder(db, brandId)} AND line.sku = ${row.key} AND ${counted}) AS own`
  }
  if (row?.table === 'associates') {
    const isSharer = db`o.roles ->> 'sharer' IS NOT DISTINCT FROM ${row.key}::text`
    return db`SELECT CASE WHEN ${isSharer} THEN sum(own.fen) ELSE sum(own.fen) FILTER (WHERE own.is_closed) END AS fen,
        CASE WHEN ${isSharer} THEN sum(own.quantity) ELSE sum(own.quantity) FILTER (WHERE own.is_closed) END AS quantity,
        CASE WHEN ${isSharer} THEN sum(own.fen) END AS shared_fen,
        sum(own.fen) FILTER (WHERE own.is_closed) AS closed_fen,
        CASE WHEN o.roles ->> 'attributed' = ${row.key} THEN sum(own.fen) END AS attributed_fen
      FROM (
        SELECT ${lineFen(db)} AS fen, ${lineQuantity(db)} AS quantity,
          COALESCE(o.roles -> 'closer' ? ${row.key}::text, false)
            AND (COALESCE(line.closer, r.closer) = ${row.key} OR COALESCE((
              SELECT NOT h.withdrawn FROM order_overrides AS h
              WHERE h.brand_id = ${brandId} AND h.source = o.source AND h.order_no = o.order_no AND h.role = 'closer'
              ORDER BY h.at DESC LIMIT 1), false)) IS TRUE AS is_closed
        FROM ${linesOf(db, brandId)} WHERE ${isOfOrder(db, brandId)} AND ${counted}) AS own`
  }
  const whole = db`CASE WHEN ${counted} THEN o.net_fen ELSE 0 END`
  return db`SELECT ${whole} AS fen, CASE WHEN ${counted} THEN o.net_quantity ELSE 0 END AS quantity,
    CASE WHEN o.relation IS NULL THEN 0 ELSE ${whole} END AS shared_fen, 0 AS closed_fen, 0 AS attributed_fen`
}

/** What an order pays these, in a row. */
function commissionOf(db: Db, behind: Behind): Part {
  const { brandId, storeCodes, associateId, row } = behind
  const isLined = row?.table === 'products' || row?.table === 'associates'
  if (storeCodes === null && associateId === null && !isLined) return db`o.commission_fen`
  const ofRow =
    row?.table === 'associates'
      ? db`AND e.payee_kind = 'associate' AND e.payee = ${row.key}`
      : row?.table === 'products'
        ? db`AND e.line_no IN (
            SELECT line."lineNo" FROM order_revisions AS r
            CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("lineNo" int, sku text)
            WHERE ${isOfOrder(db, brandId)} AND line.sku = ${row.key})`
        : db``
  return db`(SELECT COALESCE(sum(e.amount_fen), 0) FROM entitlements AS e
    WHERE e.brand_id = ${brandId} AND e.source = o.source AND e.order_no = o.order_no
      AND ${isOwnPay(db, 'e', behind)} ${ofRow})`
}

/** What refunds of the span took of an order, in a row. */
function refundOf(db: Db, { brandId, span, row }: Behind): Part {
  const isAnyRow = row === null || row.table === 'stores' || row.table === 'regions' || row.table === 'products'
  if (!isAnyRow) return db`0`
  return db`(SELECT COALESCE(sum(part."refundFen"), 0)
    FROM refund_revisions AS f
    CROSS JOIN LATERAL jsonb_to_recordset(f.lines) AS part ("lineNo" int, "refundFen" bigint)
    JOIN order_revisions AS r ON ${isOfOrder(db, brandId)}
    CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("lineNo" int, sku text)
    WHERE f.brand_id = ${brandId} AND f.source = o.source AND f.order_no = o.order_no
      AND line."lineNo" = part."lineNo" ${row?.table === 'products' ? db`AND line.sku = ${row.key}` : db``}
      AND ${within(db, db`f.refunded_at`, span)} AND NOT EXISTS (
        SELECT FROM refund_revisions AS later
        WHERE later.brand_id = ${brandId} AND later.source = f.source AND later.refund_no = f.refund_no
          AND later.revision > f.revision))`
}

function amountOf(db: Db, behind: Behind): Part {
  const isPerson = behind.row?.table === 'associates'
  const only = (condition: Part, value: Part) => db`CASE WHEN ${condition} THEN ${value} ELSE 0 END`
  const one = db`CASE WHEN part.fen > 0 THEN 1 ELSE 0 END`
  switch (behind.figure) {
    case 'orders':
      return one
    case 'netSalesFen':
      return db`part.fen`
    case 'netQuantity':
      return db`part.quantity`
    case 'onlineFen':
      return only(db`o.channel = 'online'`, db`part.fen`)
    case 'inStoreFen':
      return only(db`o.channel = 'in_store'`, db`part.fen`)
    case 'directFen':
      return only(db`o.channel = 'online'`, db`part.shared_fen`)
    case 'indirectFen':
      return only(db`o.channel = 'in_store'`, db`part.shared_fen`)
    case 'privateDomainFen':
      return db`part.shared_fen`
    // An associate is not credited with what nobody has.
    case 'unattributedFen':
      return isPerson ? db`0` : only(db`o.is_unattributed`, db`part.fen`)
    case 'unattributedOrders':
      return isPerson ? db`0` : only(db`o.is_unattributed`, one)
    case 'unknownBuyerOrders':
      return only(db`o.buyer IS NULL`, one)
    case 'buyers':
      return only(db`o.buyer IS NOT NULL`, one)
    case 'repeatBuyers': {
      const { brandId, span, zone } = behind
      const since = db`((${instant(db, span.from)} AT TIME ZONE ${zone}::text - interval '365 days') AT TIME ZONE ${zone}::text)`
      return only(
        db`o.buyer IS NOT NULL AND EXISTS (
          SELECT FROM orders AS before WHERE before.brand_id = ${brandId} AND before.revision IS NOT NULL
            AND NOT before.cancelled AND before.net_fen > 0 AND before.buyer = o.buyer
            AND before.paid_at < ${instant(db, span.from)} AND before.paid_at >= ${since})`,
        one,
      )
    }
    case 'closerFen':
      return db`part.closed_fen`
    case 'attributedFen':
      return db`part.attributed_fen`
    case 'refundFen':
      return refundOf(db, behind)
    case 'commissionFen':
      return commissionOf(db, behind)
  }
}

/** The orders `o` that add to the figure, with what each adds; a buyer's all, though he is counted once. */
function addingOrders(db: Db, behind: Behind, narrowed: Part = db`true`): Part {
  const { brandId, storeCodes, associateId, span, figure } = behind
  const inSpan =
    figure === 'refundFen'
      ? db`o.brand_id = ${brandId} AND o.revision IS NOT NULL AND (o.source, o.order_no) IN (
          SELECT f.source, f.order_no FROM refund_revisions AS f
          WHERE f.brand_id = ${brandId} AND ${within(db, db`f.refunded_at`, span)})`
      : figure === 'commissionFen'
        ? db`o.brand_id = ${brandId} AND o.revision IS NOT NULL AND ${isPaidWithin(db, span)}`
        : db`${isCounted(db, brandId)} AND ${isPaidWithin(db, span)}`
  return db`
    SELECT * FROM (
      SELECT o.source, o.order_no, o.paid_at, o.channel, o.relation, o.cancelled, o.selling_store, o.buyer, o.net_fen,
        COALESCE(${amountOf(db, behind)}, 0)::bigint AS amount
      FROM orders AS o CROSS JOIN LATERAL (${partOf(db, behind)}) AS part
      WHERE ${inSpan} AND ${isOneOf(db, db`o.selling_store`, storeCodes)}
        AND ${associateId === null ? db`true` : db`o.associates @> ARRAY[${associateId}]::text[]`}
        AND ${isOfRow(db, behind)} AND ${narrowed}
    ) AS o
    WHERE amount <> 0`
}

/** A buyer is counted once: his latest order stands for him. */
const isOnce = ({ figure }: Behind) => figure === 'buyers' || figure === 'repeatBuyers'

export interface BehindRow extends OrderKey {
  paidAt: Instant
  channel: 'online' | 'in_store'
  relation: 'direct' | 'indirect' | null
  cancelled: boolean
  sellingStore: string | null
  memberNo: string | null
  netFen: number
  amount: number
}

/** Newest first: of a long span no more is looked at than the page needs. */
export async function selectBehind(
  db: Db,
  behind: Behind,
  { after, limit }: { after: (OrderKey & { paidAt: string }) | null; limit: number },
) {
  const isBeyond = after
    ? db`(o.paid_at, o.source, o.order_no) < (${after.paidAt}::text::timestamptz, ${after.source}, ${after.orderNo})`
    : db`true`
  const isLater = db`o.buyer = own.buyer AND (o.paid_at, o.source, o.order_no) > (own.paid_at, own.source, own.order_no)`
  return await db<BehindRow[]>`
    SELECT source, order_no AS "orderNo", paid_at AS "paidAt", channel, relation, cancelled,
      selling_store AS "sellingStore", buyer AS "memberNo", net_fen AS "netFen", amount
    FROM (${addingOrders(db, behind, isBeyond)}) AS own
    ${isOnce(behind) ? db`WHERE NOT EXISTS (${addingOrders(db, behind, isLater)} OFFSET 0)` : db``}
    ORDER BY paid_at DESC, source DESC, order_no DESC LIMIT ${limit}`
}

export interface BehindSums {
  orders: number
  netFen: number
  amount: number
}

export async function selectBehindTotals(db: Db, behind: Behind): Promise<BehindSums> {
  const adding = isOnce(behind)
    ? db`(SELECT DISTINCT ON (buyer) net_fen, amount FROM (${addingOrders(db, behind)}) AS own
        ORDER BY buyer, paid_at DESC, source DESC, order_no DESC)`
    : db`(${addingOrders(db, behind)})`
  const [row] = await db<BehindSums[]>`
    SELECT count(*)::bigint AS orders, COALESCE(sum(net_fen), 0)::bigint AS "netFen",
      COALESCE(sum(amount), 0)::bigint AS amount FROM ${adding} AS adding`
  return row!
}

/** Figures of which days have summed how many orders there are, and what these come to as a whole. */
const SUMMED = {
  orders: { orders: 'orders', net: 'net_sales_fen', amount: 'orders' },
  netSalesFen: { orders: 'orders', net: 'net_sales_fen', amount: 'net_sales_fen' },
  unattributedOrders: { orders: 'unattributed_orders', net: 'unattributed_fen', amount: 'unattributed_orders' },
  unattributedFen: { orders: 'unattributed_orders', net: 'unattributed_fen', amount: 'unattributed_fen' },
} as const satisfies Partial<Record<OrderFigure, object>>

/** By what whole orders are summed beside stores: of the brand alone. */
const KEYED = { links: 'link', channels: 'channel', groups: 'group' } as const satisfies Partial<
  Record<RowTable, string>
>

const isIn = <Key extends string>(own: Readonly<Record<Key, unknown>>, key: string): key is Key => key in own

/** Whether what orders add up to is summed ahead, of whole days. */
export function isSummedAhead({ figure, associateId, storeCodes, row }: Behind): boolean {
  if (associateId !== null || !isIn(SUMMED, figure)) return false
  if (row === null || row.table === 'stores' || row.table === 'regions') return true
  return storeCodes === null && isIn(KEYED, row.table) && (figure === 'orders' || figure === 'netSalesFen')
}

/** The same totals from what is summed ahead of whole days. */
export async function selectSummedTotals(
  db: Db,
  { brandId, figure, storeCodes, row, regionStores }: Behind,
  days: { from: string; to: string },
): Promise<BehindSums> {
  if (!isIn(SUMMED, figure)) throw new Error(`${figure} is not summed`)
  const columns = SUMMED[figure]
  const isSale = db`r.brand_id = ${brandId} AND r.part = 'sales'
    AND r.day >= ${days.from}::text::date AND r.day < ${days.to}::text::date`
  const summed = () => {
    if (row && isIn(KEYED, row.table)) {
      return db`rollup_key_totals AS r
        WHERE ${isSale} AND r.dimension = ${KEYED[row.table]} AND r.key = ${row.key ?? ''} AND r.block = 'day'`
    }
    if (row === null && storeCodes === null) return db`rollup_totals AS r WHERE ${isSale}`
    const ofRow = row === null ? null : row.table === 'stores' ? [row.key ?? ''] : [...regionStores, ...(row.key === null ? [''] : [])] // prettier-ignore
    const own = ofRow === null ? storeCodes! : ofRow.filter(code => storeCodes === null || storeCodes.includes(code))
    return db`unnest(${list(db, own)}) AS own (store_code) JOIN rollup_days AS r ON ${isSale} AND r.store_code = own.store_code`
  }
  const sum = (column: string) => db`COALESCE(sum(r.${db(column)}), 0)::bigint`
  const [found] = await db<BehindSums[]>`
    SELECT ${sum(columns.orders)} AS orders, ${sum(columns.net)} AS "netFen", ${sum(columns.amount)} AS amount
    FROM ${summed()}`
  return found!
}

/** What commission has beside orders, in a row: bonuses, rewards, adjustments. */
export async function selectBeside(db: Db, behind: Behind): Promise<number> {
  const { brandId, span, months, row, regionStores } = behind
  if (row !== null && !['associates', 'stores', 'regions'].includes(row.table)) return 0
  const store = db`CASE WHEN p.payee_kind = 'store' THEN p.payee ELSE (
    SELECT a.store_code FROM associates AS a WHERE a.brand_id = ${brandId} AND a.associate_id = p.payee) END`
  const ofRow =
    row === null
      ? db`true`
      : row.table === 'associates'
        ? isRow(db, db`CASE WHEN p.payee_kind = 'associate' THEN p.payee END`, row.key)
        : row.table === 'stores'
          ? isRow(db, db`(${store})`, row.key)
          : db`(${row.key === null ? db`(${store}) IS NULL OR` : db``} (${store}) = ANY (${list(db, regionStores)}))`
  const [sum] = await db<{ fen: number }[]>`
    SELECT COALESCE(sum(p.amount_fen), 0)::bigint AS fen FROM (
      SELECT b.amount_fen, 'associate' AS payee_kind, b.associate_id AS payee FROM bonus_entitlements AS b
      WHERE b.brand_id = ${brandId} AND b.month = ANY (${list(
        db,
        months.map(one => one.month),
      )})
      UNION ALL
      SELECT r.amount_fen, r.payee_kind, r.payee FROM reward_entitlements AS r
      WHERE r.brand_id = ${brandId} AND ${within(db, db`r.at`, span)}
      UNION ALL
      SELECT l.amount_fen, l.payee_kind, l.payee FROM ledger_rows AS l
      WHERE l.brand_id = ${brandId} AND l.subject = 'adjustment' AND ${within(db, db`l.booked_at`, span)}
    ) AS p WHERE ${isOwnPay(db, 'p', behind)} AND ${ofRow}`
  return sum!.fen
}

export async function selectStoreRegions(db: Db, { brandId }: { brandId: number }) {
  return await db<{ storeCode: string; regions: { value: string | null; from: string | null }[] }[]>`
    SELECT store_code AS "storeCode", regions FROM stores WHERE brand_id = ${brandId} ORDER BY store_code`
}
