import type { Db } from '../../database.ts'
import type { Cell, Part } from './queries.ts'
import { creditsOf, linesOf, owedOf, personsOf } from './sql.ts'

/**
 * What days come to, from evidence and what was decided: the same figures as the statements of `performance` sum, here by
 * day of the brand's calendar and by store. docs/metrics.md says what each means.
 */
export type Summing = SummingCells | SummingDays

/** Here and there: everything is looked up by index, cell by cell. */
export interface SummingCells {
  brandId: number
  zone: string
  /** All of one part. */
  cells: readonly Cell[]
}

/** Much at once: whole days, each of them read through in one go. */
export interface SummingDays {
  brandId: number
  zone: string
  days: Days
}

/** From the first until before the last; `null`: whatever comes after. */
export interface Days {
  from: string
  to: string | null
}

type Sql = ReturnType<typeof columnsOf>

/**
 * Goes up with what is summed of days, which say by which version they were. 1: channels, links, groups and products; days
 * of a version before are summed again. 2: what stores and associates have of months, which is added up of days that are there.
 */
export const SUMS_VERSION = 2
export const KEYED_SINCE = 1

/** The people that are told apart by day, with the part that they are summed with. */
export const PEOPLE = [
  { kind: 'buyer', part: 'sales' },
  { kind: 'visitor', part: 'clicks' },
  { kind: 'opener', part: 'links' },
  { kind: 'winner', part: 'links' },
] as const satisfies readonly { kind: string; part: Part }[]

export type Kind = (typeof PEOPLE)[number]['kind']

export const kindsOf = (part: Part): Kind[] => PEOPLE.filter(people => people.part === part).map(people => people.kind)

/** What sales are summed for, of stores and of associates alike. */
const OF_SALES = [
  'orders',
  'net_sales_fen',
  'net_quantity',
  'online_fen',
  'in_store_fen',
  'direct_fen',
  'indirect_fen',
  'unknown_buyer_orders',
]
const FIGURES: Readonly<Record<Part, readonly string[]>> = {
  sales: [...OF_SALES, 'unattributed_fen', 'unattributed_orders', 'commission_fen'],
  refunds: ['refund_fen'],
  links: ['shares', 'shares_clicked'],
  clicks: ['clicks'],
  members: ['new_members'],
}
export const PARTS = Object.keys(FIGURES) as Part[]

/** What associates have of each part; refunds are of orders alone. */
const ASSOCIATES_FIGURES: Readonly<Record<Part, readonly string[] | null>> = {
  ...FIGURES,
  sales: [...OF_SALES, 'closer_fen', 'attributed_fen'],
  refunds: null,
}
export const ASSOCIATES_PARTS = PARTS.filter(part => ASSOCIATES_FIGURES[part] !== null)

/** What is summed by month: of stores all parts, of associates theirs, and their pay. */
export interface MonthPart {
  of: 'store' | 'associate'
  part: Part | 'pay'
}
export const MONTH_PARTS: readonly MonthPart[] = [
  ...PARTS.map(part => ({ of: 'store', part }) as const),
  ...[...ASSOCIATES_PARTS, 'pay' as const].map(part => ({ of: 'associate', part }) as const),
]
const monthFigures = ({ of, part }: MonthPart) =>
  part === 'pay' ? ['commission_fen'] : of === 'store' ? FIGURES[part] : ASSOCIATES_FIGURES[part]!

/** What is summed beside stores and associates: the figures of a part, and whom it had. Who joins came by none of them. */
export const DIMENSIONS = ['channel', 'link', 'group', 'product'] as const
export const isKeyed = (part: Part) => part !== 'members'
export const KEYED_PARTS = PARTS.filter(isKeyed)

const listOf = (db: Db, names: readonly string[]) =>
  names.map(name => db`${db(name)}`).reduce((all, one) => db`${all}, ${one}`)

/** A part's columns, and their sums under their own names. */
export const columnsOf = (db: Db, part: Part) => listOf(db, FIGURES[part])
export const associatesColumnsOf = (db: Db, part: Part) => listOf(db, ASSOCIATES_FIGURES[part]!)
export const totalsOf = (db: Db, part: Part) => totals(db, FIGURES[part])
export const monthColumnsOf = (db: Db, part: MonthPart) => listOf(db, monthFigures(part))
export const monthTotalsOf = (db: Db, part: MonthPart) => totals(db, monthFigures(part))
const totals = (db: Db, names: readonly string[]) =>
  names.map(name => db`sum(${db(name)})::bigint AS ${db(name)}`).reduce((all, one) => db`${all}, ${one}`)

/** Rows that come or go: how many, what they sum to, and how that is added to what `t` has already. */
interface Change {
  sums: Sql
  added: Sql
}

function changeOf(db: Db, names: readonly string[], sign: 1 | -1): Change {
  const sum = (name: string) => (sign === 1 ? db`sum(${db(name)})::bigint` : db`-sum(${db(name)})::bigint`)
  const add = (name: string) => db`${db(name)} = t.${db(name)} + EXCLUDED.${db(name)}`
  return {
    sums: names.map(sum).reduce((all, one) => db`${all}, ${one}`, sign === 1 ? db`count(*)` : db`-count(*)`),
    added: names.map(add).reduce((all, one) => db`${all}, ${one}`, add('cells')),
  }
}
export const changeOfKeys = (db: Db, part: Part, sign: 1 | -1) => changeOf(db, FIGURES[part], sign)
export const changeOfMonths = (db: Db, part: MonthPart, sign: 1 | -1) => changeOf(db, monthFigures(part), sign)

/** `cell (day, store_code, since, until)`: a null store stands for all. Of whole days there are none. */
export function cellsOf(db: Db, summing: Summing): Sql {
  if ('days' in summing) return db`cell AS (SELECT)`
  const { zone, cells } = summing
  return db`
    cell AS MATERIALIZED (
      SELECT day::date, store_code, day::date::timestamp AT TIME ZONE ${zone}::text AS since,
        (day::date + 1)::timestamp AT TIME ZONE ${zone}::text AS until
      FROM unnest(${cells.map(cell => cell.day)}::text[], ${cells.map(cell => cell.storeCode) as string[]}::text[])
        AS one (day, store_code)
    ), whole AS MATERIALIZED (SELECT DISTINCT day, since, until FROM cell)`
}

/** `place (day, store_code)`: the cells one by one, for tables that are looked up by store. After those of `cellsOf`. */
export const placesOf = (db: Db, brandId: number) => db`
    place AS MATERIALIZED (
      SELECT day, store_code FROM cell WHERE store_code IS NOT NULL
      UNION SELECT cell.day, s.store_code FROM cell
        CROSS JOIN (SELECT store_code FROM stores WHERE brand_id = ${brandId} UNION ALL SELECT '') AS s
        WHERE cell.store_code IS NULL
    )`

/** Of sums: whether they are of these days. */
export const isOfDays = (db: Db, summing: Summing): Sql =>
  'days' in summing
    ? db`brand_id = ${summing.brandId} AND day >= ${summing.days.from}::text::date
        AND day < ${summing.days.to ?? 'infinity'}::text::date`
    : db`brand_id = ${summing.brandId} AND day = ANY (${[...new Set(summing.cells.map(cell => cell.day))]}::text[]::date[])`

/**
 * The evidence of these days, with its `day`, to select from.
 *
 * @param rows.at when it was, in terms of `rows.from`
 */
function evidenceOf(db: Db, summing: Summing, rows: { columns: Sql; from: Sql; where: Sql; at: Sql }): Sql {
  const { columns, from, where, at } = rows
  if (!('days' in summing)) {
    return db`(SELECT whole.day, found.* FROM whole CROSS JOIN LATERAL (
      SELECT ${columns} FROM ${from} WHERE ${where} AND ${at} >= whole.since AND ${at} < whole.until OFFSET 0) AS found)`
  }
  const { zone, days } = summing
  const midnight = (day: string) => db`(${day}::text::date::timestamp AT TIME ZONE ${zone}::text)`
  const isBefore = days.to === null ? db`` : db`AND ${at} < ${midnight(days.to)}`
  return db`(SELECT (${at} AT TIME ZONE ${zone}::text)::date AS day, ${columns} FROM ${from}
    WHERE ${where} AND ${at} >= ${midnight(days.from)} ${isBefore})`
}

/** Whether a store’s part of a day is summed, by expressions of both. */
const isSummedOf = (db: Db, summing: Summing, day: Sql, storeCode: Sql): Sql =>
  'days' in summing
    ? db`true`
    : db`EXISTS (SELECT FROM cell WHERE cell.day = ${day} AND (cell.store_code IS NULL OR cell.store_code = ${storeCode}))`

/** `o`: the orders of these cells. */
function ordersOf(db: Db, summing: Summing): Sql {
  const columns = db`o.roles, o.revision, o.sharer_link, o.sharer_touch, COALESCE(o.selling_store, '') AS store_code, o.source, o.order_no, o.channel, o.buyer, o.net_fen,
    o.net_quantity, o.relation, o.is_unattributed, o.commission_fen, NOT o.cancelled AND o.net_fen > 0 AS is_counted`
  const isDecided = db`o.brand_id = ${summing.brandId} AND o.revision IS NOT NULL`
  if ('days' in summing) {
    const rows = { columns, from: db`orders AS o`, where: isDecided, at: db`o.paid_at` }
    return db`o AS MATERIALIZED ${evidenceOf(db, summing, rows)}`
  }
  const ordersWhere = (isOfStore: Sql) => db`(
    SELECT ${columns} FROM orders AS o
    WHERE ${isDecided} AND o.paid_at >= cell.since AND o.paid_at < cell.until AND ${isOfStore} OFFSET 0) AS o`
  return db`${cellsOf(db, summing)}, o AS MATERIALIZED (
    SELECT cell.day, o.* FROM cell CROSS JOIN LATERAL ${ordersWhere(db`o.selling_store = cell.store_code`)}
      WHERE cell.store_code <> ''
    UNION ALL
    SELECT cell.day, o.* FROM cell CROSS JOIN LATERAL ${ordersWhere(db`o.selling_store IS NULL`)} WHERE cell.store_code = ''
    UNION ALL
    SELECT cell.day, o.* FROM cell CROSS JOIN LATERAL ${ordersWhere(db`true`)} WHERE cell.store_code IS NULL
  )`
}

/** The product that the link `l` leads to. */
export const skuOf = (db: Db) => db`CASE WHEN l.target ->> 'kind' = 'product' THEN l.target ->> 'ref' END`

/** Rows of a table once for each of the dimensions, by the columns of it that stand for them. */
export const byKeys = (db: Db, columns: Partial<Record<(typeof DIMENSIONS)[number], Sql>>): Sql => {
  const keys = Object.entries(columns).map(([dimension, column]) => db`(${dimension}::text, COALESCE(${column}, ''))`)
  return db`CROSS JOIN LATERAL (VALUES ${keys.reduce((all, one) => db`${all}, ${one}`)}) AS by_key (dimension, key)`
}

const touchIds = (db: Db) => db`t.member_no, t.unionid, t.openid, t.external_userid, t.visitor_id`
const isClick = (db: Db, brandId: number) =>
  db`t.brand_id = ${brandId} AND t.link_code IS NOT NULL AND t.kind <> 'sent' AND NOT t.by_associate`

/** `g`: the chat of the group that the touch `t` names by its opengid. */
const chatOf = (db: Db, brandId: number) => db`
  LEFT JOIN LATERAL (
    SELECT g.chat_id FROM group_opengids AS g WHERE g.brand_id = ${brandId} AND g.opengid = t.opengid OFFSET 0) AS g ON true`

/**
 * `made`: the links of these cells, `kept` those of them of which is kept who came, since nothing was told of them, and
 * `told` the others; `later_click`: the touches by those since they were made.
 */
function linksOf(db: Db, summing: Summing): Sql {
  const { brandId } = summing
  const links = evidenceOf(db, summing, {
    columns: db`l.link_code, l.associate_id, COALESCE(l.store_code, '') AS store_code, l.channel, ${skuOf(db)} AS sku,
      l.sent_to_chat_id AS chat_id, COALESCE(l.created_at, l.received_at) AS made_at`,
    from: db`share_links AS l`,
    where: db`l.brand_id = ${brandId}`,
    at: db`COALESCE(l.created_at, l.received_at)`,
  })
  return db`${cellsOf(db, summing)}, made AS MATERIALIZED (
      SELECT l.link_code, l.day, l.store_code, l.associate_id, l.channel, l.sku, l.chat_id, l.made_at FROM ${links} AS l
      WHERE ${isSummedOf(db, summing, db`l.day`, db`l.store_code`)}
    ), kept AS MATERIALIZED (
      SELECT made.*, k.shares_clicked > 0 AS is_clicked, k.people, k.winners FROM made CROSS JOIN LATERAL (
        SELECT k.shares_clicked, k.people, k.winners FROM rollup_keys AS k
        WHERE k.brand_id = ${brandId} AND k.dimension = 'link' AND k.store_code = made.store_code AND k.day = made.day
          AND k.part = 'links' AND k.key = made.link_code OFFSET 0) AS k
      WHERE ${'cells' in summing}
    ), told AS MATERIALIZED (
      SELECT * FROM made WHERE NOT EXISTS (SELECT FROM kept WHERE kept.link_code = made.link_code)
    ), later_click AS MATERIALIZED (
      SELECT told.day, told.store_code, told.associate_id, told.link_code, told.channel, told.sku, told.chat_id, ${touchIds(db)}
      FROM told CROSS JOIN LATERAL (
        SELECT ${touchIds(db)} FROM touches AS t
        WHERE ${isClick(db, brandId)} AND t.link_code = told.link_code AND t.at >= told.made_at OFFSET 0) AS t
    )`
}

/** `click`: the touches of these cells. */
function clicksOf(db: Db, summing: Summing): Sql {
  const { brandId } = summing
  const touches = evidenceOf(db, summing, {
    columns: db`t.link_code, t.chat_id, t.opengid, ${touchIds(db)}`,
    from: db`touches AS t`,
    where: isClick(db, brandId),
    at: db`t.at`,
  })
  return db`${cellsOf(db, summing)}, click AS MATERIALIZED (
      SELECT t.day, COALESCE(l.store_code, '') AS store_code, l.associate_id, t.link_code, l.channel, l.sku,
        COALESCE(t.chat_id, g.chat_id, l.chat_id) AS chat_id, ${touchIds(db)}
      FROM ${touches} AS t
      CROSS JOIN LATERAL (
        SELECT l.store_code, l.associate_id, l.channel, ${skuOf(db)} AS sku, l.sent_to_chat_id AS chat_id
        FROM share_links AS l WHERE l.brand_id = ${brandId} AND l.link_code = t.link_code OFFSET 0) AS l
      ${chatOf(db, brandId)}
      WHERE ${isSummedOf(db, summing, db`t.day`, db`COALESCE(l.store_code, '')`)}
    )`
}

/** `joined`: the members of these cells. */
function joinedOf(db: Db, summing: Summing): Sql {
  const members = evidenceOf(db, summing, {
    columns: db`m.member_no, m.last_member_no, COALESCE(m.opening_store, '') AS store_code,
      COALESCE(m.opening_associate, '') AS associate_id`,
    from: db`members AS m`,
    where: db`m.brand_id = ${summing.brandId}`,
    at: db`m.joined_at`,
  })
  return db`${cellsOf(db, summing)}, joined AS (
      SELECT m.day, m.store_code, m.associate_id FROM ${members} AS m
      WHERE m.member_no = m.last_member_no AND ${isSummedOf(db, summing, db`m.day`, db`m.store_code`)}
    )`
}

/**
 * What a part of these cells comes to: statements that stand behind `WITH` and the tables that it names, so that evidence
 * is read once for all of them.
 */
interface Sums {
  tables: Sql
  /** `day`, `store_code` and the part's figures. */
  figures: Sql
  /** `day`, `store_code`, `associate_id` (empty: nobody) and the part's figures of associates. */
  associates: Sql | null
  /** What payees are owed, as `(day, store_code, payee_kind, payee, amount_fen)`. */
  pay: Sql | null
  /** Whom associates had, as distinct `(kind, day, store_code, associate_id, person)`. */
  people: Sql | null
  /** `dimension`, `day`, `store_code`, `key` (empty: none), the part's figures, and `people` and `winners`, each once. */
  keys: Sql | null
}

/** What a part of these cells comes to, by evidence and what was decided. */
export function sumsOf(db: Db, part: Part, summing: Summing): Sums {
  switch (part) {
    case 'sales':
      return salesOf(db, summing)
    case 'refunds':
      return refundsOf(db, summing)
    case 'links':
      return sharesOf(db, summing)
    case 'clicks':
      return visitsOf(db, summing)
    case 'members':
      return {
        tables: joinedOf(db, summing),
        figures: db`SELECT day, store_code, count(*) AS new_members FROM joined GROUP BY day, store_code`,
        associates: db`SELECT day, store_code, associate_id, count(*) AS new_members FROM joined
          GROUP BY day, store_code, associate_id`,
        pay: null,
        people: null,
        keys: null,
      }
  }
}

function salesOf(db: Db, summing: Summing): Sums {
  const { brandId } = summing
  const counted = (value: Sql, condition: Sql = db`true`) =>
    db`COALESCE(sum(${value}) FILTER (WHERE is_counted AND ${condition}), 0)::bigint`
  const summed = (value: Sql, condition: Sql = db`true`) =>
    db`COALESCE(sum(${value}) FILTER (WHERE ${condition}), 0)::bigint`
  const figuresOf = (netQuantity: Sql) => db`
        ${counted(db`1`)} AS orders, ${counted(db`net_fen`)} AS net_sales_fen,
        ${netQuantity} AS net_quantity, ${counted(db`net_fen`, db`channel = 'online'`)} AS online_fen,
        ${counted(db`net_fen`, db`channel = 'in_store'`)} AS in_store_fen,
        ${counted(db`net_fen`, db`relation = 'direct'`)} AS direct_fen,
        ${counted(db`net_fen`, db`relation = 'indirect'`)} AS indirect_fen,
        ${counted(db`net_fen`, db`is_unattributed`)} AS unattributed_fen,
        ${counted(db`1`, db`is_unattributed`)} AS unattributed_orders,
        ${counted(db`1`, db`buyer IS NULL`)} AS unknown_buyer_orders, COALESCE(sum(commission_fen), 0)::bigint AS commission_fen`
  return {
    // `credit`: what each associate has of each order.
    tables: db`${ordersOf(db, summing)}, line AS MATERIALIZED (${linesOf(db, brandId)}), credit AS MATERIALIZED (
        SELECT day, store_code, associate_id, channel, buyer, bool_or(is_sharer) AS is_sharer, sum(fen)::bigint AS fen,
          sum(quantity)::bigint AS quantity, sum(closed_fen)::bigint AS closed_fen
        FROM (${creditsOf(db, brandId, db`o.day, o.store_code, o.source, o.order_no, o.channel, o.buyer`)}) AS held
        GROUP BY day, store_code, source, order_no, channel, buyer, associate_id
      ), ${wonOf(db, brandId)}, ${soldOf(db, brandId)}`,
    figures: db`SELECT day, store_code, ${figuresOf(counted(db`net_quantity`))} FROM o GROUP BY day, store_code`,
    associates: db`
      SELECT day, store_code, associate_id, count(*) FILTER (WHERE fen > 0) AS orders, ${summed(db`fen`)} AS net_sales_fen,
        ${summed(db`quantity`)} AS net_quantity, ${summed(db`fen`, db`channel = 'online'`)} AS online_fen,
        ${summed(db`fen`, db`channel = 'in_store'`)} AS in_store_fen,
        ${summed(db`fen`, db`channel = 'online' AND is_sharer`)} AS direct_fen,
        ${summed(db`fen`, db`channel = 'in_store' AND is_sharer`)} AS indirect_fen,
        ${summed(db`closed_fen`)} AS closer_fen, ${summed(db`attributed_fen`)} AS attributed_fen,
        count(*) FILTER (WHERE fen > 0 AND buyer IS NULL) AS unknown_buyer_orders
      FROM (
        SELECT credit.*, 0::bigint AS attributed_fen FROM credit
        UNION ALL
        SELECT o.day, o.store_code, o.roles ->> 'attributed', o.channel, o.buyer, false, 0, 0, 0, o.net_fen
        FROM o WHERE o.is_counted AND o.roles ->> 'attributed' IS NOT NULL
      ) AS held GROUP BY day, store_code, associate_id`,
    pay: db`
      SELECT o.day, o.store_code, e.payee_kind, e.payee, sum(e.amount_fen)::bigint AS amount_fen
      FROM o CROSS JOIN LATERAL (
        SELECT e.payee_kind, e.payee, e.amount_fen FROM entitlements AS e
        WHERE e.brand_id = ${brandId} AND e.source = o.source AND e.order_no = o.order_no OFFSET 0) AS e
      GROUP BY 1, 2, 3, 4`,
    people: db`
      SELECT DISTINCT 'buyer' AS kind, day, store_code, associate_id, buyer AS person FROM credit
      WHERE fen > 0 AND buyer IS NOT NULL`,
    // Of an order each product counts once, where money is left of its lines; what is left of goods counts without it too.
    keys: db`
      SELECT dimension, day, store_code, key, ${figuresOf(db`sum(net_quantity)::bigint`)}, ${eachOnce(db, db`buyer`, db`is_counted`)} AS people,
        NULL::text[] AS winners
      FROM (
        SELECT by_key.*, day, store_code, channel, relation, is_unattributed, buyer, is_counted, net_fen,
          CASE WHEN is_counted THEN net_quantity ELSE 0 END AS net_quantity, commission_fen
        FROM won ${byKeys(db, { channel: db`link_channel`, link: db`sharer_link`, group: db`chat_id` })}
        UNION ALL
        SELECT 'product', sku, day, store_code, channel, relation, is_unattributed, buyer, net_fen > 0, net_fen,
          net_quantity, commission_fen
        FROM sold
      ) AS held GROUP BY dimension, day, store_code, key`,
  }
}

/** Whom rows name that say so, each once, in their order; null where it is nobody. */
const eachOnce = (db: Db, person: Sql, condition: Sql): Sql =>
  db`array_agg(DISTINCT ${person} COLLATE "C") FILTER (WHERE ${condition} AND ${person} IS NOT NULL)`

/** `won`: the orders `o` with the channel of the link that won each, and the group that it was won in. */
const wonOf = (db: Db, brandId: number): Sql => db`
  won AS (
    SELECT o.*, l.channel AS link_channel, COALESCE(t.chat_id, g.chat_id, l.chat_id) AS chat_id FROM o
    LEFT JOIN LATERAL (
      SELECT l.channel, l.sent_to_chat_id AS chat_id FROM share_links AS l
      WHERE l.brand_id = ${brandId} AND l.link_code = o.sharer_link OFFSET 0) AS l ON true
    LEFT JOIN LATERAL (
      SELECT t.chat_id, t.opengid FROM touch_keys AS k
      JOIN touches AS t ON t.brand_id = ${brandId} AND t.at = k.at AND t.touch_id = k.touch_id
      WHERE k.brand_id = ${brandId} AND k.touch_id = o.sharer_touch OFFSET 0) AS t ON true
    ${chatOf(db, brandId)}
  )`

/** `sold`: what each order has of each product by its lines, without what came back, and what is owed for it. */
const soldOf = (db: Db, brandId: number): Sql => db`
  sold AS (
    SELECT line.day, line.store_code, line.channel, line.relation, line.is_unattributed, line.buyer, line.sku,
      sum(line.line_fen)::bigint AS net_fen, sum(line.line_quantity)::bigint AS net_quantity,
      COALESCE(sum(owed.fen), 0)::bigint AS commission_fen
    FROM line CROSS JOIN LATERAL (SELECT sum(e.amount_fen) AS fen FROM ${owedOf(db, brandId)}) AS owed
    GROUP BY line.day, line.store_code, line.source, line.order_no, line.channel, line.relation, line.is_unattributed,
      line.buyer, line.sku
  )`

function refundsOf(db: Db, summing: Summing): Sums {
  const { brandId } = summing
  return {
    // `refund`: what came back of each line that the order was last told with.
    tables: db`${cellsOf(db, summing)}, refund AS MATERIALIZED (
        SELECT f.day, COALESCE(o.selling_store, '') AS store_code, line.sku, part."refundFen" AS fen
        FROM ${evidenceOf(db, summing, {
          columns: db`f.source, f.order_no, f.refund_no, f.revision, f.lines`,
          from: db`refund_revisions AS f`,
          where: db`f.brand_id = ${brandId}`,
          at: db`f.refunded_at`,
        })} AS f
        CROSS JOIN LATERAL (
          SELECT * FROM orders AS o
          WHERE o.brand_id = ${brandId} AND o.source = f.source AND o.order_no = f.order_no OFFSET 0) AS o
        CROSS JOIN LATERAL jsonb_to_recordset(f.lines) AS part ("lineNo" int, "refundFen" bigint)
        CROSS JOIN LATERAL (
          SELECT line.sku FROM order_revisions AS r
          CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("lineNo" int, sku text)
          WHERE r.brand_id = ${brandId} AND r.source = o.source AND r.order_no = o.order_no
            AND r.revision = o.revision AND line."lineNo" = part."lineNo" LIMIT 1) AS line
        WHERE o.revision IS NOT NULL AND ${isSummedOf(db, summing, db`f.day`, db`COALESCE(o.selling_store, '')`)}
          AND NOT EXISTS (
            SELECT FROM refund_revisions AS later
            WHERE later.brand_id = ${brandId} AND later.source = f.source AND later.refund_no = f.refund_no
              AND later.revision > f.revision OFFSET 0)
      )`,
    figures: db`SELECT day, store_code, sum(fen)::bigint AS refund_fen FROM refund GROUP BY day, store_code`,
    associates: null,
    pay: null,
    people: null,
    keys: db`
      SELECT 'product' AS dimension, day, store_code, sku AS key, sum(fen)::bigint AS refund_fen, NULL::text[] AS people,
        NULL::text[] AS winners
      FROM refund GROUP BY day, store_code, sku`,
  }
}

function sharesOf(db: Db, summing: Summing): Sums {
  const { brandId } = summing
  const { joins, person } = personsOf(db, brandId)
  const figures = db`count(*) AS shares, count(*) FILTER (WHERE is_clicked) AS shares_clicked`
  const keys = byKeys(db, keysOfLinks(db))
  const own = db`day, store_code, associate_id, link_code, channel, sku, chat_id`
  // What is kept of a link stays what it is.
  const isWritten = db`(NOT is_kept OR by_key.dimension <> 'link')`
  return {
    // `shared`: the links, and whether somebody came by each; asked of each row by itself, all clicks would be gone through.
    // `seen`: who clicked, once for each link; `bought`: who bought by it too. Who stands behind ids is asked once for all
    // that they did. Link by link: the planner takes days to have made far more links, and would read all orders there
    // ever were.
    tables: db`${linksOf(db, summing)}, shared AS MATERIALIZED (
        SELECT ${own}, clicked.link_code IS NOT NULL AS is_clicked, false AS is_kept
        FROM told LEFT JOIN (SELECT DISTINCT link_code FROM later_click) AS clicked USING (link_code)
        UNION ALL SELECT ${own}, is_clicked, true FROM kept
      ), seen_now AS MATERIALIZED (
        SELECT DISTINCT unnest(days) AS day, unnest(stores) AS store_code, unnest(associates) AS associate_id,
          unnest(links) AS link_code, unnest(channels) AS channel, unnest(skus) AS sku, unnest(chats) AS chat_id, person
        FROM (SELECT t.days, t.stores, t.associates, t.links, t.channels, t.skus, t.chats, ${person} AS person FROM (
            SELECT ${touchIds(db)}, ${listsOf(db)} FROM later_click AS t GROUP BY ${touchIds(db)}) AS t ${joins}) AS clicked
        WHERE person IS NOT NULL
      ), seen AS MATERIALIZED (
        SELECT ${own}, person, false AS is_kept FROM seen_now
        UNION ALL SELECT ${own}, person COLLATE "C", true FROM kept CROSS JOIN unnest(people) AS person
      ), bought AS MATERIALIZED (
        SELECT ${own}, person, false AS is_kept FROM seen_now WHERE (link_code, person) IN (
          SELECT told.link_code, 'member ' || o.buyer FROM told CROSS JOIN LATERAL (
            SELECT o.buyer FROM orders AS o
            WHERE o.brand_id = ${brandId} AND o.sharer_link = told.link_code AND o.revision IS NOT NULL
              AND NOT o.cancelled AND o.net_fen > 0 AND o.buyer IS NOT NULL OFFSET 0) AS o)
        UNION ALL SELECT ${own}, person COLLATE "C", true FROM kept CROSS JOIN unnest(winners) AS person
      )`,
    figures: db`SELECT day, store_code, ${figures} FROM shared GROUP BY day, store_code`,
    associates: db`SELECT day, store_code, associate_id, ${figures} FROM shared GROUP BY day, store_code, associate_id`,
    pay: null,
    people: db`
      SELECT DISTINCT 'opener' AS kind, day, store_code, associate_id, person FROM seen
      UNION ALL
      SELECT DISTINCT 'winner', day, store_code, associate_id, person FROM bought`,
    keys: db`
      SELECT dimension, day, store_code, key, sum(shares)::bigint AS shares, sum(shares_clicked)::bigint AS shares_clicked,
        ${eachOnce(db, db`opener`, db`true`)} AS people, ${eachOnce(db, db`winner`, db`true`)} AS winners
      FROM (
        SELECT by_key.*, day, store_code, ${figures}, NULL::text AS opener, NULL::text AS winner FROM shared ${keys}
        WHERE ${isWritten} GROUP BY by_key.dimension, by_key.key, day, store_code
        UNION ALL SELECT by_key.*, day, store_code, 0, 0, person, NULL FROM seen ${keys} WHERE ${isWritten}
        UNION ALL SELECT by_key.*, day, store_code, 0, 0, NULL, person FROM bought ${keys} WHERE ${isWritten}
      ) AS held GROUP BY dimension, day, store_code, key`,
  }
}

/** What links, and clicks by them, are told apart by. */
export const keysOfLinks = (db: Db) => ({
  channel: db`channel`,
  link: db`link_code`,
  group: db`chat_id`,
  product: db`sku`,
})

/** What somebody clicked, as lists that belong together by place. */
const listsOf = (db: Db): Sql => db`
  array_agg(t.day) AS days, array_agg(t.store_code) AS stores, array_agg(t.associate_id) AS associates,
  array_agg(t.link_code) AS links, array_agg(t.channel) AS channels, array_agg(t.sku) AS skus,
  array_agg(t.chat_id) AS chats`

function visitsOf(db: Db, summing: Summing): Sums {
  const { joins, person } = personsOf(db, summing.brandId)
  const keys = byKeys(db, keysOfLinks(db))
  return {
    // `visit`: each click with who did it, as far as that is known.
    tables: db`${clicksOf(db, summing)}, visit AS MATERIALIZED (
        SELECT unnest(days) AS day, unnest(stores) AS store_code, unnest(associates) AS associate_id,
          unnest(links) AS link_code, unnest(channels) AS channel, unnest(skus) AS sku, unnest(chats) AS chat_id, person
        FROM (SELECT t.days, t.stores, t.associates, t.links, t.channels, t.skus, t.chats, ${person} AS person FROM (
            SELECT ${touchIds(db)}, ${listsOf(db)} FROM click AS t GROUP BY ${touchIds(db)}) AS t ${joins}) AS clicked
      )`,
    figures: db`SELECT day, store_code, count(*) AS clicks FROM click GROUP BY day, store_code`,
    associates: db`SELECT day, store_code, associate_id, count(*) AS clicks FROM click GROUP BY day, store_code, associate_id`,
    pay: null,
    people: db`
      SELECT DISTINCT 'visitor' AS kind, day, store_code, associate_id, person FROM visit WHERE person IS NOT NULL`,
    keys: db`
      SELECT dimension, day, store_code, key, count(*) AS clicks, ${eachOnce(db, db`person`, db`true`)} AS people,
        NULL::text[] AS winners
      FROM visit ${keys} GROUP BY dimension, day, store_code, key`,
  }
}

/** Who bought in these cells, as distinct `(day, store_code, person)`. */
export const buyersOf = (db: Db, summing: Summing): Sql => db`WITH ${ordersOf(db, summing)}
  SELECT DISTINCT day, store_code, buyer AS person FROM o WHERE is_counted AND buyer IS NOT NULL`
