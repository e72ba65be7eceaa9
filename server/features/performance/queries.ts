import type { Db } from '../../database.ts'
import type { Span } from '../../lib/calendar.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import { isHandedOver } from '../friends/sql.ts'
import { isCounted, isPaidWithin } from '../orders/sql.ts'
import type { SummedDays } from '../rollups/domain.ts'
import { creditsOf, linesOf, owedOf, personsOf } from '../rollups/sql.ts'
import { COUNTED, countedFor, NOTHING, RATIOS, type Counted, type Figures } from './domain.ts'
import { isGrain, isKeyed, OF_PEOPLE, peopleParts, summedParts, type Wanted } from './rolled.ts'

/** What a table is by; `total` is one row, the grains are days of the calendar by which time goes on. */
export type Dimension =
  'total' | 'associate' | 'store' | 'region' | 'link' | 'channel' | 'product' | 'group' | 'day' | 'week' | 'month'

/** Whose figures: of the whole brand, of these stores, or of one associate. Of none all are null. */
export interface Whose {
  brandId: number
  storeCodes: readonly string[] | null
  associateId: string | null
}

export interface Asked extends Whose {
  /** Whose people may be named: of these stores; null: of the whole brand, or the one associate's himself. */
  visibleStores: readonly string[] | null
  span: Span
  zone: string
  /** The days that the span is, where they are read from what is summed ahead; null: from evidence. */
  days: SummedDays | null
  /** Months whose bonuses the span has, each with its last instant. */
  months: readonly { month: string; at: Instant }[]
  /** Each store's region at the span's end. */
  regions: readonly { storeCode: string; region: string | null }[]
}

type Part = ReturnType<typeof instant>

const instant = (db: Db, at: Instant) => db`${formatInstant(at)}::text::timestamptz`
const list = (db: Db, values: readonly (string | null)[]) => db`${values as string[]}::text[]`
const within = (db: Db, column: string, { from, to }: Span) =>
  db`${db(column)} >= ${instant(db, from)} AND ${db(column)} < ${instant(db, to)}`

/** The customer's own doing, by somebody's link. */
const isClick = (db: Db, brandId: number) =>
  db`t.brand_id = ${brandId} AND t.link_code IS NOT NULL AND t.kind <> 'sent' AND NOT t.by_associate`

/** When a share was made. */
const madeAt = (db: Db) => db`COALESCE(l.created_at, l.received_at)`

function isOwnStore(db: Db, column: string, { storeCodes }: Whose) {
  return storeCodes === null ? db`true` : db`${db(column)} = ANY (${list(db, storeCodes)})`
}

const isOwnPerson = (db: Db, column: string, { associateId }: Whose) =>
  associateId === null ? db`true` : db`${db(column)} = ${associateId}`

/** Links of these. */
const isOwnLink = (db: Db, whose: Whose) =>
  db`${isOwnStore(db, 'l.store_code', whose)} AND ${isOwnPerson(db, 'l.associate_id', whose)}`

/** What these are paid: an associate his own, a store its own and its associates'. */
function isOwnPay(db: Db, alias: string, { brandId, storeCodes, associateId }: Whose) {
  const [kind, payee] = [db(`${alias}.payee_kind`), db(`${alias}.payee`)]
  if (associateId !== null) return db`(${kind} = 'associate' AND ${payee} = ${associateId})`
  if (storeCodes === null) return db`true`
  return db`((${kind} = 'store' AND ${payee} = ANY (${list(db, storeCodes)})) OR (${kind} = 'associate' AND EXISTS (
    SELECT FROM associates AS own WHERE own.brand_id = ${brandId} AND own.associate_id = ${payee}
      AND own.store_code = ANY (${list(db, storeCodes)}))))`
}

/** By what each kind of evidence is told apart; null: it says nothing of such a table. */
interface Keys {
  order: Part | null
  refund: Part | null
  share: Part | null
  click: Part | null
  friend: Part | null
  member: Part | null
  /** Of what is paid beside orders: `p`, with `at`, `payee_kind` and `payee`. */
  extra: Part | null
}

function keysOf(db: Db, dimension: Dimension, asked: Asked): Keys {
  const nothing = { order: null, refund: null, share: null, click: null, friend: null, member: null, extra: null }
  const day = (column: string) => {
    const local = db`${db(column)} AT TIME ZONE ${asked.zone}::text`
    return db`to_char(date_trunc(${dimension}::text, ${local}), 'YYYY-MM-DD')`
  }
  // Made once for the statement; looked through for each row, a thousand stores take longer than all the rest.
  const regionOf = (store: Part) => db`((SELECT jsonb_object_agg(store_code, region) FROM store_region) ->> ${store})`
  const storeOfPayee = db`CASE WHEN p.payee_kind = 'store' THEN p.payee ELSE (
    SELECT a.store_code FROM associates AS a WHERE a.brand_id = ${asked.brandId} AND a.associate_id = p.payee) END`
  switch (dimension) {
    case 'total': {
      const one = db`''::text`
      return { order: one, refund: one, share: one, click: one, friend: one, member: one, extra: one }
    }
    case 'day':
    case 'week':
    case 'month':
      return {
        order: day('o.paid_at'),
        refund: day('f.refunded_at'),
        share: day('l.made_at'),
        click: day('c.at'),
        friend: day('e.at'),
        member: day('m.joined_at'),
        extra: day('p.at'),
      }
    case 'store':
      return {
        order: db`o.selling_store`,
        refund: db`f.selling_store`,
        share: db`l.store_code`,
        click: db`c.store_code`,
        friend: db`e.store_code`,
        member: db`m.opening_store`,
        extra: storeOfPayee,
      }
    case 'region':
      return {
        order: regionOf(db`o.selling_store`),
        refund: regionOf(db`f.selling_store`),
        share: regionOf(db`l.store_code`),
        click: regionOf(db`c.store_code`),
        friend: regionOf(db`e.store_code`),
        member: regionOf(db`m.opening_store`),
        extra: regionOf(storeOfPayee),
      }
    case 'associate':
      return {
        ...nothing,
        share: db`l.associate_id`,
        click: db`c.associate_id`,
        friend: db`e.associate_id`,
        member: db`m.opening_associate`,
        extra: db`CASE WHEN p.payee_kind = 'associate' THEN p.payee END`,
      }
    case 'link':
      return { ...nothing, order: db`o.own_link`, share: db`l.link_code`, click: db`c.link_code` }
    case 'channel':
      return { ...nothing, order: db`o.link_channel`, share: db`l.channel`, click: db`c.link_channel` }
    case 'product':
      return { ...nothing, share: db`l.sku`, click: db`c.sku` }
    case 'group':
      return { ...nothing, order: db`o.chat_id`, share: db`l.sent_to_chat_id`, click: db`c.chat_id` }
  }
}

/** Rows of (key, figure, value) of one kind of evidence: a row for each column that is called as a figure is. */
function long(db: Db, columns: Part, names: readonly (keyof Counted)[]): Part {
  const values = names.map(name => db`(${name}::text, ${db(name)}::numeric)`).reduce((all, one) => db`${all}, ${one}`)
  return db`SELECT key, figure.name, figure.value FROM (${columns}) AS summed
    CROSS JOIN LATERAL (VALUES ${values}) AS figure (name, value)`
}

/** What is summed of orders, of lines, and of what associates are credited with. */
const OF_ALL = [
  'orders',
  'netSalesFen',
  'netQuantity',
  'onlineFen',
  'inStoreFen',
  'directFen',
  'indirectFen',
  'buyers',
  'unknownBuyerOrders',
] as const
const OF_ORDERS = [...OF_ALL, 'unattributedFen', 'unattributedOrders', 'commissionFen'] as const
const OF_CREDITED = [...OF_ALL, 'closerFen'] as const

/** Everything, with distinct people. */
const ALL: Wanted = { keys: null, figures: null, mayLack: false }

/** `facts (key, name, value)`: the figures of a table, and the common parts that it is made of. */
function factsOf(db: Db, dimension: Dimension, asked: Asked, wanted = ALL) {
  const { brandId, span } = asked
  const keys = keysOf(db, dimension, asked)
  const yearBefore = (at: Part) =>
    db`((${at} AT TIME ZONE ${asked.zone}::text - interval '365 days') AT TIME ZONE ${asked.zone}::text)`
  const wantsLinks = dimension === 'link' || dimension === 'channel' || dimension === 'group'
  const ownOrders = db`${isOwnStore(db, 'o.selling_store', asked)}
    AND ${asked.associateId === null ? db`true` : db`o.associates @> ARRAY[${asked.associateId}]::text[]`}`
  /** What an order pays these. */
  const commission =
    asked.storeCodes === null && asked.associateId === null
      ? db`o.commission_fen`
      : db`(SELECT COALESCE(sum(e.amount_fen), 0) FROM entitlements AS e
          WHERE e.brand_id = ${brandId} AND e.source = o.source AND e.order_no = o.order_no AND ${isOwnPay(db, 'e', asked)})`
  const chat = db`COALESCE(wt.chat_id, wg.chat_id, wl.sent_to_chat_id)`
  const withLinks = db`
    LEFT JOIN share_links AS wl ON wl.brand_id = ${brandId} AND wl.link_code = o.sharer_link
    LEFT JOIN touch_keys AS wk ON wk.brand_id = ${brandId} AND wk.touch_id = o.sharer_touch
    LEFT JOIN touches AS wt ON wt.brand_id = ${brandId} AND wt.at = wk.at AND wt.touch_id = wk.touch_id
    LEFT JOIN group_opengids AS wg ON wg.brand_id = ${brandId} AND wg.opengid = wt.opengid`
  const isOwnWinner = db`${isOwnStore(db, 'wl.store_code', asked)} AND ${isOwnPerson(db, 'wl.associate_id', asked)}`

  const parts: Part[] = [db`SELECT NULL::text AS key, NULL::text AS name, 0::numeric AS value WHERE false`]
  const isSummed = asked.days !== null
  if (isSummed) {
    parts.push(...summedParts(db, dimension, asked, isOwnPay(db, 'r', asked), wanted))
    parts.push(...peopleParts(db, dimension, asked, wanted))
  }
  if (keys.order && !isSummed) {
    const keyed = db`FROM (SELECT ${keys.order} AS key, o.* FROM o) AS o`
    const counted = (value: Part, condition?: Part) =>
      db`COALESCE(sum(${value}) FILTER (WHERE is_counted ${condition === undefined ? db`` : db`AND ${condition}`}), 0)`
    parts.push(
      long(
        db,
        db`SELECT key, ${counted(db`1`)} AS orders, ${counted(db`net_fen`)} AS "netSalesFen",
            ${counted(db`net_quantity`)} AS "netQuantity", ${counted(db`net_fen`, db`channel = 'online'`)} AS "onlineFen",
            ${counted(db`net_fen`, db`channel = 'in_store'`)} AS "inStoreFen",
            ${counted(db`net_fen`, db`relation = 'direct'`)} AS "directFen",
            ${counted(db`net_fen`, db`relation = 'indirect'`)} AS "indirectFen",
            ${counted(db`net_fen`, db`is_unattributed`)} AS "unattributedFen",
            ${counted(db`1`, db`is_unattributed`)} AS "unattributedOrders",
            count(DISTINCT buyer) FILTER (WHERE is_counted) AS buyers,
            ${counted(db`1`, db`buyer IS NULL`)} AS "unknownBuyerOrders", sum(commission) AS "commissionFen"
          ${keyed} GROUP BY key`,
        OF_ORDERS,
      ),
      isGrain(dimension)
        ? db`SELECT key, 'repeatBuyers', count(*) FROM (
            SELECT DISTINCT key, buyer ${keyed} WHERE is_counted AND buyer IS NOT NULL
          ) AS once
          CROSS JOIN LATERAL (SELECT GREATEST(${instant(db, span.from)},
            once.key::date::timestamp AT TIME ZONE ${asked.zone}::text) AS since OFFSET 0) AS own
          WHERE EXISTS (
            SELECT FROM orders AS o
            WHERE ${isCounted(db, brandId)} AND o.buyer = once.buyer AND o.paid_at < own.since
              AND o.paid_at >= ${yearBefore(db`own.since`)})
          GROUP BY key`
        : db`SELECT key, 'repeatBuyers', count(*) FROM (
            SELECT DISTINCT key, buyer ${keyed} WHERE is_counted AND buyer IS NOT NULL
          ) AS once JOIN repeating ON repeating.buyer = once.buyer GROUP BY key`,
    )
  }
  if (dimension === 'product' && !isSummed) {
    parts.push(
      long(
        db,
        db`SELECT sku AS key, count(DISTINCT (source, order_no)) FILTER (WHERE line_fen > 0) AS orders,
            sum(line_fen) AS "netSalesFen", sum(line_quantity) AS "netQuantity",
            COALESCE(sum(line_fen) FILTER (WHERE channel = 'online'), 0) AS "onlineFen",
            COALESCE(sum(line_fen) FILTER (WHERE channel = 'in_store'), 0) AS "inStoreFen",
            COALESCE(sum(line_fen) FILTER (WHERE relation = 'direct'), 0) AS "directFen",
            COALESCE(sum(line_fen) FILTER (WHERE relation = 'indirect'), 0) AS "indirectFen",
            COALESCE(sum(line_fen) FILTER (WHERE is_unattributed), 0) AS "unattributedFen",
            count(DISTINCT (source, order_no)) FILTER (WHERE is_unattributed AND line_fen > 0) AS "unattributedOrders",
            count(DISTINCT buyer) FILTER (WHERE line_fen > 0) AS buyers,
            count(DISTINCT (source, order_no)) FILTER (WHERE buyer IS NULL AND line_fen > 0) AS "unknownBuyerOrders",
            COALESCE(sum(line_commission), 0) AS "commissionFen"
          FROM sold GROUP BY sku`,
        OF_ORDERS,
      ),
      db`SELECT once.sku, 'repeatBuyers', count(*) FROM (
          SELECT DISTINCT sku, buyer FROM line WHERE line_fen > 0 AND buyer IS NOT NULL
        ) AS once JOIN repeating ON repeating.buyer = once.buyer GROUP BY 1`,
      db`SELECT part_line.sku, 'refundFen', sum(f.part_fen) FROM refund AS f
        JOIN LATERAL (
          SELECT line.sku FROM order_revisions AS r
          CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("lineNo" int, sku text)
          WHERE r.brand_id = ${brandId} AND r.source = f.source AND r.order_no = f.order_no AND r.revision = f.revision
            AND line."lineNo" = f.line_no OFFSET 0
        ) AS part_line ON true GROUP BY 1`,
    )
  }
  if (dimension === 'associate' && !isSummed) {
    parts.push(
      long(
        db,
        db`SELECT associate_id AS key, count(DISTINCT (source, order_no)) FILTER (WHERE fen > 0) AS orders,
            sum(fen) AS "netSalesFen", sum(quantity) AS "netQuantity",
            COALESCE(sum(fen) FILTER (WHERE channel = 'online'), 0) AS "onlineFen",
            COALESCE(sum(fen) FILTER (WHERE channel = 'in_store'), 0) AS "inStoreFen",
            COALESCE(sum(fen) FILTER (WHERE channel = 'online' AND is_sharer), 0) AS "directFen",
            COALESCE(sum(fen) FILTER (WHERE channel = 'in_store' AND is_sharer), 0) AS "indirectFen",
            COALESCE(sum(closed_fen), 0) AS "closerFen",
            count(DISTINCT buyer) FILTER (WHERE fen > 0) AS buyers,
            count(DISTINCT (source, order_no)) FILTER (WHERE buyer IS NULL AND fen > 0) AS "unknownBuyerOrders"
          FROM credited GROUP BY associate_id`,
        OF_CREDITED,
      ),
      db`SELECT once.associate_id, 'repeatBuyers', count(*) FROM (
          SELECT DISTINCT associate_id, buyer FROM credited WHERE fen > 0 AND buyer IS NOT NULL
        ) AS once JOIN repeating ON repeating.buyer = once.buyer GROUP BY 1`,
      db`SELECT o.roles ->> 'attributed', 'attributedFen', sum(o.net_fen) FROM o
        WHERE o.is_counted AND o.roles ->> 'attributed' IS NOT NULL GROUP BY 1`,
      db`SELECT e.payee, 'commissionFen', sum(e.amount_fen) FROM o
        JOIN entitlements AS e ON e.brand_id = ${brandId} AND e.source = o.source AND e.order_no = o.order_no
          AND e.payee_kind = 'associate' AND ${isOwnPay(db, 'e', asked)}
        GROUP BY 1`,
    )
  }
  if (keys.refund && !isSummed) {
    parts.push(db`SELECT ${keys.refund}, 'refundFen', sum(f.part_fen) FROM refund AS f GROUP BY 1`)
  }
  if (keys.share && !isSummed) {
    const keyed = db`FROM (SELECT ${keys.share} AS key, l.* FROM made AS l) AS l`
    parts.push(
      db`SELECT key, 'shares', count(*) ${keyed} GROUP BY key`,
      db`SELECT key, 'sharesClicked', count(*) ${keyed} WHERE link_code IN (SELECT link_code FROM opened) GROUP BY key`,
      db`SELECT key, 'linkVisitors', count(DISTINCT opened.person) ${keyed} JOIN opened USING (link_code)
        WHERE opened.person IS NOT NULL GROUP BY key`,
      db`SELECT key, 'linkBuyers', count(DISTINCT opened.person) ${keyed} JOIN opened USING (link_code)
        WHERE opened.person LIKE 'member %' AND EXISTS (
          SELECT FROM orders AS o WHERE ${isCounted(db, brandId)} AND o.buyer = substr(opened.person, 8)
            AND o.sharer_link = link_code)
        GROUP BY key`,
    )
  }
  if (keys.click && !isSummed) {
    parts.push(
      db`SELECT ${keys.click}, 'clicks', count(*) FROM clicked AS c GROUP BY 1`,
      db`SELECT ${keys.click}, 'visitors', count(DISTINCT c.person) FROM clicked AS c WHERE c.person IS NOT NULL GROUP BY 1`,
    )
  }
  const lacks = (...figures: (keyof Counted)[]) =>
    wanted.mayLack && !figures.some(name => wanted.figures?.has(name) ?? true)
  // Whose region it is, or whose store, is looked up once for all that somebody has; in a trend it matters when it was.
  const at = (column: string) => (isGrain(dimension) ? db(column) : db`NULL::timestamptz`)
  if (keys.friend && !lacks('newFriends', 'lostFriends')) {
    parts.push(
      db`SELECT ${keys.friend}, CASE e.kind WHEN 'added' THEN 'newFriends' ELSE 'lostFriends' END, sum(e.events) FROM (
          SELECT f.associate_id, ${at('f.at')} AS at, f.kind, a.store_code, count(*) AS events FROM friend_events AS f
          LEFT JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = f.associate_id
          WHERE f.brand_id = ${brandId} AND ${within(db, 'f.at', span)} AND (f.kind = 'added' OR f.ended_by = 'customer')
            AND NOT ${isHandedOver(db, brandId)}
            AND ${isOwnStore(db, 'a.store_code', asked)} AND ${isOwnPerson(db, 'f.associate_id', asked)}
          GROUP BY 1, 2, 3, 4
        ) AS e GROUP BY 1, 2`,
    )
  }
  if (keys.member && !isSummed) {
    parts.push(
      db`SELECT ${keys.member}, 'newMembers', count(*) FROM members AS m
        WHERE m.brand_id = ${brandId} AND ${within(db, 'm.joined_at', span)} AND m.member_no = m.last_member_no
          AND ${isOwnStore(db, 'm.opening_store', asked)} AND ${isOwnPerson(db, 'm.opening_associate', asked)}
        GROUP BY 1`,
    )
  }
  if (keys.extra && !lacks('commissionFen')) {
    // Whose it is says nothing in a total and in a trend.
    const payee = dimension === 'total' || isGrain(dimension) ? db`NULL::text` : null
    parts.push(db`SELECT ${keys.extra}, 'commissionFen', sum(p.amount_fen) FROM (
        SELECT ${payee ?? db`payee_kind`} AS payee_kind, ${payee ?? db`payee`} AS payee, ${at('at')} AS at,
          sum(amount_fen) AS amount_fen
        FROM extra GROUP BY 1, 2, 3
      ) AS p GROUP BY 1`)
  }
  if (dimension === 'store' && !wanted.mayLack) {
    parts.push(db`SELECT s.store_code, 'orders', 0 FROM stores AS s
      WHERE s.brand_id = ${brandId} AND ${isOwnStore(db, 's.store_code', asked)}`)
  }
  if (dimension === 'associate' && !wanted.mayLack) {
    parts.push(db`SELECT a.associate_id, 'orders', 0 FROM associates AS a
      WHERE a.brand_id = ${brandId} AND ${isOwnStore(db, 'a.store_code', asked)}
        AND ${isOwnPerson(db, 'a.associate_id', asked)} AND EXISTS (
          SELECT FROM jsonb_to_recordset(a.employments) AS job ("activeFrom" timestamptz, "activeTo" timestamptz)
          WHERE job."activeFrom" < ${instant(db, span.to)}
            AND (job."activeTo" IS NULL OR job."activeTo" > ${instant(db, span.from)}))`)
  }
  const { joins: people, person } = personsOf(db, brandId)
  const evidence = db`, o AS MATERIALIZED (
      SELECT o.source, o.order_no, o.revision, o.channel, o.paid_at, o.selling_store, o.buyer, o.net_fen, o.net_quantity,
        o.relation, o.is_unattributed, o.roles, NOT o.cancelled AND o.net_fen > 0 AS is_counted, ${commission} AS commission
        ${
          wantsLinks
            ? db`, CASE WHEN ${isOwnWinner} THEN o.sharer_link END AS own_link,
                CASE WHEN ${isOwnWinner} THEN wl.channel END AS link_channel,
                CASE WHEN ${isOwnWinner} THEN ${chat} END AS chat_id`
            : db``
        }
      FROM orders AS o ${wantsLinks ? withLinks : db``}
      WHERE o.brand_id = ${brandId} AND o.revision IS NOT NULL AND ${isPaidWithin(db, span)} AND ${ownOrders}
    ), repeating AS MATERIALIZED (
      SELECT once.buyer FROM (SELECT DISTINCT buyer FROM o WHERE is_counted AND buyer IS NOT NULL) AS once
      WHERE EXISTS (
        SELECT FROM orders AS o
        WHERE ${isCounted(db, brandId)} AND o.buyer = once.buyer AND o.paid_at < ${instant(db, span.from)}
          AND o.paid_at >= ${yearBefore(instant(db, span.from))})
    ), refund AS MATERIALIZED (
      SELECT f.source, f.order_no, f.refunded_at, o.revision, o.selling_store, part."lineNo" AS line_no,
        part."refundFen" AS part_fen
      FROM refund_revisions AS f
      JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = f.source AND o.order_no = f.order_no
      CROSS JOIN LATERAL jsonb_to_recordset(f.lines) AS part ("lineNo" int, "refundFen" bigint)
      WHERE f.brand_id = ${brandId} AND ${within(db, 'f.refunded_at', span)} AND o.revision IS NOT NULL AND ${ownOrders}
        AND NOT EXISTS (
          SELECT FROM refund_revisions AS later
          WHERE later.brand_id = ${brandId} AND later.source = f.source AND later.refund_no = f.refund_no
            AND later.revision > f.revision)
        AND EXISTS (
          SELECT FROM order_revisions AS r CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("lineNo" int)
          WHERE r.brand_id = ${brandId} AND r.source = o.source AND r.order_no = o.order_no AND r.revision = o.revision
            AND line."lineNo" = part."lineNo" OFFSET 0)
    ), line AS (
      ${linesOf(db, brandId)}
    ), sold AS (
      SELECT line.*, (SELECT sum(e.amount_fen) FROM ${owedOf(db, brandId)} AND ${isOwnPay(db, 'e', asked)}) AS line_commission
      FROM line
    ), credited AS (
      ${creditsOf(db, brandId, db`o.source, o.order_no, o.channel, o.buyer`)}
    ), made AS MATERIALIZED (
      SELECT l.link_code, l.associate_id, l.store_code, l.channel, l.sent_to_chat_id, ${madeAt(db)} AS made_at,
        CASE WHEN l.target ->> 'kind' = 'product' THEN l.target ->> 'ref' END AS sku
      FROM share_links AS l
      WHERE l.brand_id = ${brandId} AND ${madeAt(db)} >= ${instant(db, span.from)}
        AND ${madeAt(db)} < ${instant(db, span.to)} AND ${isOwnLink(db, asked)}
    ), click AS MATERIALIZED (
      SELECT t.touch_id, t.at, t.link_code, t.member_no, t.unionid, t.openid, t.external_userid, t.visitor_id, t.chat_id,
        t.opengid, l.associate_id, l.store_code, l.channel AS link_channel, l.sent_to_chat_id,
        CASE WHEN l.target ->> 'kind' = 'product' THEN l.target ->> 'ref' END AS sku
      FROM touches AS t
      JOIN share_links AS l ON l.brand_id = ${brandId} AND l.link_code = t.link_code AND ${isOwnLink(db, asked)}
      WHERE ${isClick(db, brandId)} AND ${within(db, 't.at', span)}
    ), later_click AS MATERIALIZED (
      SELECT t.link_code, t.member_no, t.unionid, t.openid, t.external_userid, t.visitor_id
      FROM made JOIN touches AS t ON t.link_code = made.link_code
      WHERE ${isClick(db, brandId)} AND t.at >= ${instant(db, span.from)} AND t.at >= made.made_at
    ), clicked AS MATERIALIZED (
      SELECT t.at, t.link_code, t.associate_id, t.store_code, t.link_channel, t.sku,
        COALESCE(t.chat_id, g.chat_id, t.sent_to_chat_id) AS chat_id, ${person} AS person
      FROM click AS t LEFT JOIN group_opengids AS g ON g.brand_id = ${brandId} AND g.opengid = t.opengid ${people}
    ), opened AS MATERIALIZED (
      SELECT DISTINCT t.link_code, ${person} AS person FROM later_click AS t ${people}
    )`
  return db`
    store_region AS MATERIALIZED (
      SELECT store_code, region FROM unnest(${list(
        db,
        asked.regions.map(one => one.storeCode),
      )}, ${list(
        db,
        asked.regions.map(one => one.region),
      )}) AS at_end (store_code, region)
    )${isSummed ? db`` : evidence}, extra AS (
      SELECT b.amount_fen, 'associate' AS payee_kind, b.associate_id AS payee, ended.at
      FROM unnest(${list(
        db,
        asked.months.map(one => one.month),
      )}, ${list(
        db,
        asked.months.map(one => formatInstant(one.at)),
      )}::timestamptz[]) AS ended (month, at)
      JOIN bonus_entitlements AS b ON b.brand_id = ${brandId} AND b.month = ended.month
      CROSS JOIN LATERAL (SELECT 'associate' AS payee_kind, b.associate_id AS payee) AS p
      WHERE ${isOwnPay(db, 'p', asked)}
      UNION ALL
      SELECT p.amount_fen, p.payee_kind, p.payee, p.at FROM reward_entitlements AS p
      WHERE p.brand_id = ${brandId} AND ${within(db, 'p.at', span)} AND ${isOwnPay(db, 'p', asked)}
      UNION ALL
      SELECT p.amount_fen, p.payee_kind, p.payee, p.booked_at FROM ledger_rows AS p
      WHERE p.brand_id = ${brandId} AND p.subject = 'adjustment' AND ${within(db, 'p.booked_at', span)}
        AND ${isOwnPay(db, 'p', asked)}
    ), fact AS (
      ${parts.reduce((all, one) => db`${all} UNION ALL ${one}`)}
    ), facts AS (SELECT * FROM fact ${dimension === 'associate' ? mayBeNamed(db, asked) : db``})`
}

/** Others' people sell in a store too, and have its customers: that is theirs. */
function mayBeNamed(db: Db, { brandId, visibleStores, associateId }: Asked) {
  if (associateId !== null) return db`WHERE key = ${associateId}`
  if (visibleStores === null) return db``
  return db`WHERE key IS NULL OR key IN (
    SELECT associate_id FROM associates WHERE brand_id = ${brandId} AND store_code = ANY (${list(db, visibleStores)}))`
}

/** The columns of a table, one for each figure that is counted; or for some of them. */
const pivot = (db: Db, figures: Wanted['figures'] = null) =>
  COUNTED.filter(name => figures?.has(name) ?? true)
    .map(name => db`COALESCE(sum(value) FILTER (WHERE name = ${name}), 0)::bigint AS ${db(name)}`)
    .reduce((all, one) => db`${all}, ${one}`)

/**
 * All rows of a table, by key: for what has few.
 *
 * @param figures what is wanted of them; the rest may be 0. null: all
 */
export async function selectFigures(
  db: Db,
  dimension: Dimension,
  asked: Asked,
  figures: ReadonlySet<keyof Counted> | null = null,
) {
  return await db<(Counted & { key: string | null })[]>`
    WITH ${factsOf(db, dimension, asked, { keys: null, figures, mayLack: figures !== null })}
    SELECT key, ${pivot(db)} FROM facts GROUP BY key ORDER BY key`
}

export interface Sorting {
  sort: keyof Figures
  isDescending: boolean
  after: { value: string | null; key: string | null } | null
  limit: number
  /** What rows are wanted with, where that is not all: the rest may be 0. */
  figures: ReadonlySet<keyof Counted> | null
}

/** Rows of a table in order of a figure, then of the key; ratios over 0 and rows of nobody come last. */
export async function selectTable(
  db: Db,
  dimension: Dimension,
  asked: Asked,
  { sort, isDescending, after, limit, figures }: Sorting,
) {
  const ratio = RATIOS[sort as keyof typeof RATIOS] as readonly [string, string, number] | undefined
  const part = (name: string) => (name === 'privateDomainFen' ? db`("directFen" + "indirectFen")` : db`${db(name)}`)
  const value = ratio ? db`${part(ratio[0])}::numeric / NULLIF(${part(ratio[1])}, 0)` : db`${db(sort)}::numeric`
  const [order, beyond] = isDescending ? [db`DESC`, db`<`] : [db`ASC`, db`>`]
  const isAfter =
    after === null
      ? db`true`
      : after.value === null
        ? db`(sorted IS NULL AND (key IS NULL, key) > (${after.key === null}, ${after.key ?? ''}))`
        : db`(sorted ${beyond} ${after.value}::text::numeric OR sorted IS NULL
            OR (sorted = ${after.value}::text::numeric AND (key IS NULL, COALESCE(key, '')) > (${after.key === null}, ${after.key ?? ''})))`
  const page = db`WHERE ${isAfter} ORDER BY sorted ${order} NULLS LAST, key IS NULL, key LIMIT ${limit}`
  const pivoted = (wanted: Wanted, columns: Wanted['figures'] = null) => db`
    WITH ${factsOf(db, dimension, asked, wanted)}, pivoted AS (SELECT key, ${pivot(db, columns)} FROM facts GROUP BY key)`
  const ranked = db`SELECT *, ${value} AS sorted FROM pivoted`
  const ofSort = countedFor([sort])
  if (!isRankedFirst(dimension, asked, ofSort)) {
    const wanted = { keys: null, figures: figures && new Set([...figures, ...ofSort]), mayLack: false }
    return await db<TableRow[]>`${pivoted(wanted)} SELECT * FROM (${ranked}) AS ranked ${page}`
  }
  // Of ten thousand associates, a hundred thousand links only what they are sorted by is summed, and all of the page's.
  const find = async (mayLack: boolean) =>
    await db<Pick<TableRow, 'key' | 'sorted'>[]>`
      ${pivoted({ keys: null, figures: ofSort, mayLack }, ofSort)}
      SELECT key, sorted FROM (${ranked}) AS ranked ${page}`
  const best = isDescending ? await find(true) : []
  // Whoever has nothing of it comes after those, so he is looked for only where they do not fill the page.
  const isFull = best.length === limit && best.every(row => Number(row.sorted) > 0)
  const places = isFull ? best : await find(false)
  const keys = places.map(row => row.key ?? '')
  const found = await db<TableRow[]>`
    ${pivoted({ keys, figures, mayLack: true })}
    SELECT * FROM pivoted WHERE COALESCE(key, '') = ANY (${list(db, keys)})`
  const byKey = new Map(found.map(row => [row.key, row]))
  return places.map(place => ({ ...NOTHING, ...byKey.get(place.key), ...place }))
}

type TableRow = Counted & { key: string | null; sorted: string | null }

/** Of tables with many rows those of a page are found first, unless they are sorted by distinct people: of all that is much. */
const isRankedFirst = (dimension: Dimension, { days }: Asked, ofSort: ReadonlySet<string>) =>
  days !== null &&
  (dimension === 'store' || dimension === 'associate' || isKeyed(dimension)) &&
  ![...ofSort].some(name => OF_PEOPLE.has(name))

// ------------------------------------------------------------------------------------------------- names

export interface StoreName {
  storeCode: string
  name: string
  types: { value: string | null; from: string | null }[]
  regions: { value: string | null; from: string | null }[]
}

export async function selectAllStores(db: Db, { brandId }: { brandId: number }) {
  return await db<StoreName[]>`
    SELECT store_code AS "storeCode", name, types, regions FROM stores WHERE brand_id = ${brandId} ORDER BY store_code`
}

export async function selectAssociateNames(db: Db, { brandId, keys }: { brandId: number; keys: readonly string[] }) {
  return await db<{ key: string; name: string; storeCode: string | null }[]>`
    SELECT associate_id AS key, name, store_code AS "storeCode" FROM associates
    WHERE brand_id = ${brandId} AND associate_id = ANY (${list(db, keys)})`
}

export async function selectLinkNames(db: Db, { brandId, keys }: { brandId: number; keys: readonly string[] }) {
  return await db<
    {
      key: string
      title: string
      targetKind: string
      targetRef: string
      channel: string
      associateId: string
      associateName: string | null
      storeCode: string | null
      createdAt: Instant | null
    }[]
  >`
    SELECT l.link_code AS key, COALESCE(l.target ->> 'title', l.target ->> 'ref') AS title, l.target ->> 'kind' AS "targetKind",
      l.target ->> 'ref' AS "targetRef", l.channel, l.associate_id AS "associateId", a.name AS "associateName",
      l.store_code AS "storeCode", l.created_at AS "createdAt"
    FROM share_links AS l
    LEFT JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = l.associate_id
    WHERE l.brand_id = ${brandId} AND l.link_code = ANY (${list(db, keys)})`
}

export async function selectProductNames(db: Db, { brandId, keys }: { brandId: number; keys: readonly string[] }) {
  return await db<{ key: string; name: string; category: string | null }[]>`
    SELECT sku AS key, name, category FROM products WHERE brand_id = ${brandId} AND sku = ANY (${list(db, keys)})`
}

export async function selectGroupNames(db: Db, { brandId, keys }: { brandId: number; keys: readonly string[] }) {
  return await db<{ key: string; name: string; storeCode: string | null }[]>`
    SELECT COALESCE(g.chat_id, told.chat_id) AS key, COALESCE(NULLIF(g.name, ''), told.name, '') AS name,
      COALESCE(told.store_code, a.store_code) AS "storeCode"
    FROM (SELECT * FROM wecom_groups WHERE brand_id = ${brandId} AND chat_id = ANY (${list(db, keys)})) AS g
    FULL JOIN (SELECT * FROM group_chats WHERE brand_id = ${brandId} AND chat_id = ANY (${list(db, keys)})) AS told
      ON told.chat_id = g.chat_id
    LEFT JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = COALESCE(g.owner, told.owner)`
}
