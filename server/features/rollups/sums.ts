import type { Db } from '../../database.ts'
import type { Cell, Part } from './queries.ts'
import { creditsOf, personsOf } from './sql.ts'

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

/** The people that are told apart by day, with the part that they are summed with. */
export const PEOPLE = [
  { kind: 'buyer', part: 'sales' },
  { kind: 'visitor', part: 'clicks' },
  { kind: 'opener', part: 'links' },
  { kind: 'winner', part: 'links' },
] as const satisfies readonly { kind: string; part: Part }[]

export type Kind = (typeof PEOPLE)[number]['kind']

const kindsOf = (part: Part): Kind[] => PEOPLE.filter(people => people.part === part).map(people => people.kind)

/** Where sums are kept, by day. */
const TABLES = [
  'rollup_totals',
  'rollup_days',
  'rollup_pay',
  'rollup_people',
  'rollup_gaps',
  'rollup_associates',
  'rollup_associate_people',
] as const

const FIGURES: Readonly<Record<Part, readonly string[]>> = {
  sales: [
    'orders',
    'net_sales_fen',
    'net_quantity',
    'online_fen',
    'in_store_fen',
    'direct_fen',
    'indirect_fen',
    'unattributed_fen',
    'unattributed_orders',
    'unknown_buyer_orders',
    'commission_fen',
  ],
  refunds: ['refund_fen'],
  links: ['shares', 'shares_clicked'],
  clicks: ['clicks'],
  members: ['new_members'],
}
export const PARTS = Object.keys(FIGURES) as Part[]

/** What associates have of each part; refunds are of orders alone. */
const ASSOCIATES_FIGURES: Readonly<Record<Part, readonly string[] | null>> = {
  sales: [
    'orders',
    'net_sales_fen',
    'net_quantity',
    'online_fen',
    'in_store_fen',
    'direct_fen',
    'indirect_fen',
    'closer_fen',
    'attributed_fen',
    'unknown_buyer_orders',
  ],
  refunds: null,
  links: ['shares', 'shares_clicked'],
  clicks: ['clicks'],
  members: ['new_members'],
}
export const ASSOCIATES_PARTS = PARTS.filter(part => ASSOCIATES_FIGURES[part] !== null)

const listOf = (db: Db, names: readonly string[]) =>
  names.map(name => db`${db(name)}`).reduce((all, one) => db`${all}, ${one}`)

/** A part's columns, and their sums under their own names. */
export const columnsOf = (db: Db, part: Part) => listOf(db, FIGURES[part])
export const associatesColumnsOf = (db: Db, part: Part) => listOf(db, ASSOCIATES_FIGURES[part]!)
export const sumsOf = (db: Db, part: Part) =>
  FIGURES[part].map(name => db`sum(${db(name)})::bigint AS ${db(name)}`).reduce((all, one) => db`${all}, ${one}`)

/** `cell (day, store_code, since, until)`: a null store stands for all. Of whole days there are none. */
function cellsOf(db: Db, summing: Summing): Sql {
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
const placesOf = (db: Db, brandId: number) => db`
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

/** What is kept of these cells: as `payOf` and `peopleOf` give it. */
export function keptPayOf(db: Db, summing: Summing): Sql {
  if ('days' in summing) {
    return db`SELECT day, store_code, payee_kind, payee, amount_fen FROM rollup_pay WHERE ${isOfDays(db, summing)}`
  }
  return db`
  WITH ${cellsOf(db, summing)}, ${placesOf(db, summing.brandId)}
  SELECT p.day, p.store_code, p.payee_kind, p.payee, p.amount_fen FROM place CROSS JOIN LATERAL (
    SELECT * FROM rollup_pay AS p
    WHERE p.brand_id = ${summing.brandId} AND p.store_code = place.store_code AND p.day = place.day OFFSET 0) AS p`
}

export function keptPeopleOf(db: Db, kind: Kind, summing: Summing): Sql {
  if ('days' in summing) {
    return db`SELECT day, store_code, person FROM rollup_people WHERE ${isOfDays(db, summing)} AND kind = ${kind}`
  }
  return db`
  WITH ${cellsOf(db, summing)}, ${placesOf(db, summing.brandId)}
  SELECT p.day, p.store_code, p.person FROM place CROSS JOIN LATERAL (
    SELECT * FROM rollup_people AS p
    WHERE p.brand_id = ${summing.brandId} AND p.kind = ${kind} AND p.store_code = place.store_code
      AND p.day = place.day OFFSET 0) AS p`
}

/** What is kept of associates in these cells: as `associatesFiguresOf` and `associatesPeopleOf` give it. */
export function keptAssociatesOf(db: Db, part: Part, summing: SummingDays): Sql {
  return db`SELECT day, store_code, associate_id, ${associatesColumnsOf(db, part)}
    FROM rollup_associates WHERE ${isOfDays(db, summing)} AND part = ${part}`
}

/** `o`: the orders of these cells. */
function ordersOf(db: Db, summing: Summing, { withRoles = false } = {}): Sql {
  const columns = db`${withRoles ? db`o.roles, o.revision,` : db``}COALESCE(o.selling_store, '') AS store_code, o.source, o.order_no, o.channel, o.buyer, o.net_fen,
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

const touchIds = (db: Db) => db`t.member_no, t.unionid, t.openid, t.external_userid, t.visitor_id`
const isClick = (db: Db, brandId: number) =>
  db`t.brand_id = ${brandId} AND t.link_code IS NOT NULL AND t.kind <> 'sent' AND NOT t.by_associate`

/** `made`: the links of these cells; `later_click`: the touches by them since they were made. */
function linksOf(db: Db, summing: Summing): Sql {
  const { brandId } = summing
  const links = evidenceOf(db, summing, {
    columns: db`l.link_code, l.associate_id, COALESCE(l.store_code, '') AS store_code,
      COALESCE(l.created_at, l.received_at) AS made_at`,
    from: db`share_links AS l`,
    where: db`l.brand_id = ${brandId}`,
    at: db`COALESCE(l.created_at, l.received_at)`,
  })
  return db`${cellsOf(db, summing)}, made AS MATERIALIZED (
      SELECT l.link_code, l.day, l.store_code, l.associate_id, l.made_at FROM ${links} AS l
      WHERE ${isSummedOf(db, summing, db`l.day`, db`l.store_code`)}
    ), later_click AS MATERIALIZED (
      SELECT made.day, made.store_code, made.associate_id, made.link_code, ${touchIds(db)}
      FROM made CROSS JOIN LATERAL (
        SELECT ${touchIds(db)} FROM touches AS t
        WHERE ${isClick(db, brandId)} AND t.link_code = made.link_code AND t.at >= made.made_at OFFSET 0) AS t
    )`
}

/** `click`: the touches of these cells. */
function clicksOf(db: Db, summing: Summing): Sql {
  const { brandId } = summing
  const touches = evidenceOf(db, summing, {
    columns: db`t.link_code, ${touchIds(db)}`,
    from: db`touches AS t`,
    where: isClick(db, brandId),
    at: db`t.at`,
  })
  return db`${cellsOf(db, summing)}, click AS MATERIALIZED (
      SELECT t.day, COALESCE(l.store_code, '') AS store_code, l.associate_id, ${touchIds(db)}
      FROM ${touches} AS t
      CROSS JOIN LATERAL (
        SELECT l.store_code, l.associate_id FROM share_links AS l
        WHERE l.brand_id = ${brandId} AND l.link_code = t.link_code OFFSET 0) AS l
      WHERE ${isSummedOf(db, summing, db`t.day`, db`COALESCE(l.store_code, '')`)}
    )`
}

/** `day`, `store_code` and the part's figures. */
export function figuresOf(db: Db, part: Part, summing: Summing): Sql {
  const { brandId } = summing
  const counted = (value: Sql, condition: Sql = db`true`) =>
    db`COALESCE(sum(${value}) FILTER (WHERE is_counted AND ${condition}), 0)::bigint`
  switch (part) {
    case 'sales':
      return db`WITH ${ordersOf(db, summing)}
        SELECT day, store_code, ${counted(db`1`)} AS orders, ${counted(db`net_fen`)} AS net_sales_fen,
          ${counted(db`net_quantity`)} AS net_quantity, ${counted(db`net_fen`, db`channel = 'online'`)} AS online_fen,
          ${counted(db`net_fen`, db`channel = 'in_store'`)} AS in_store_fen,
          ${counted(db`net_fen`, db`relation = 'direct'`)} AS direct_fen,
          ${counted(db`net_fen`, db`relation = 'indirect'`)} AS indirect_fen,
          ${counted(db`net_fen`, db`is_unattributed`)} AS unattributed_fen,
          ${counted(db`1`, db`is_unattributed`)} AS unattributed_orders,
          ${counted(db`1`, db`buyer IS NULL`)} AS unknown_buyer_orders, sum(commission_fen)::bigint AS commission_fen
        FROM o GROUP BY day, store_code`
    case 'refunds':
      return db`WITH ${cellsOf(db, summing)}
        SELECT f.day, COALESCE(o.selling_store, '') AS store_code, sum(part."refundFen")::bigint AS refund_fen
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
        WHERE o.revision IS NOT NULL AND ${isSummedOf(db, summing, db`f.day`, db`COALESCE(o.selling_store, '')`)}
          AND NOT EXISTS (
            SELECT FROM refund_revisions AS later
            WHERE later.brand_id = ${brandId} AND later.source = f.source AND later.refund_no = f.refund_no
              AND later.revision > f.revision OFFSET 0)
          AND EXISTS (
            SELECT FROM order_revisions AS r CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("lineNo" int)
            WHERE r.brand_id = ${brandId} AND r.source = o.source AND r.order_no = o.order_no
              AND r.revision = o.revision AND line."lineNo" = part."lineNo" OFFSET 0)
        GROUP BY 1, 2`
    case 'links':
      return db`WITH ${linksOf(db, summing)}
        SELECT day, store_code, count(*) AS shares,
          count(*) FILTER (WHERE link_code IN (SELECT link_code FROM later_click)) AS shares_clicked
        FROM made GROUP BY day, store_code`
    case 'clicks':
      return db`WITH ${clicksOf(db, summing)}
        SELECT day, store_code, count(*) AS clicks FROM click GROUP BY day, store_code`
    case 'members':
      return db`WITH ${joinedOf(db, summing)}
        SELECT day, store_code, count(*) AS new_members FROM joined GROUP BY day, store_code`
  }
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

/** `credit`: what each associate has of each order of these cells. */
const creditOf = (
  db: Db,
  summing: Summing,
): Sql => db`${ordersOf(db, summing, { withRoles: true })}, credit AS MATERIALIZED (
    SELECT day, store_code, associate_id, channel, buyer, bool_or(is_sharer) AS is_sharer, sum(fen)::bigint AS fen,
      sum(quantity)::bigint AS quantity, sum(closed_fen)::bigint AS closed_fen
    FROM (${creditsOf(db, summing.brandId, db`o.day, o.store_code, o.source, o.order_no, o.channel, o.buyer`)}) AS held
    GROUP BY day, store_code, source, order_no, channel, buyer, associate_id
  )`

/** `day`, `store_code`, `associate_id` (empty: nobody) and the part's figures of associates. */
export function associatesFiguresOf(db: Db, part: Part, summing: Summing): Sql {
  const summed = (value: Sql, condition: Sql) => db`COALESCE(sum(${value}) FILTER (WHERE ${condition}), 0)::bigint`
  switch (part) {
    case 'sales':
      return db`WITH ${creditOf(db, summing)}
        SELECT day, store_code, associate_id, count(*) FILTER (WHERE fen > 0) AS orders,
          ${summed(db`fen`, db`true`)} AS net_sales_fen, ${summed(db`quantity`, db`true`)} AS net_quantity,
          ${summed(db`fen`, db`channel = 'online'`)} AS online_fen,
          ${summed(db`fen`, db`channel = 'in_store'`)} AS in_store_fen,
          ${summed(db`fen`, db`channel = 'online' AND is_sharer`)} AS direct_fen,
          ${summed(db`fen`, db`channel = 'in_store' AND is_sharer`)} AS indirect_fen,
          ${summed(db`closed_fen`, db`true`)} AS closer_fen, ${summed(db`attributed_fen`, db`true`)} AS attributed_fen,
          count(*) FILTER (WHERE fen > 0 AND buyer IS NULL) AS unknown_buyer_orders
        FROM (
          SELECT credit.*, 0::bigint AS attributed_fen FROM credit
          UNION ALL
          SELECT o.day, o.store_code, o.roles ->> 'attributed', o.channel, o.buyer, false, 0, 0, 0, o.net_fen
          FROM o WHERE o.is_counted AND o.roles ->> 'attributed' IS NOT NULL
        ) AS held GROUP BY day, store_code, associate_id`
    case 'links':
      return db`WITH ${linksOf(db, summing)}
        SELECT day, store_code, associate_id, count(*) AS shares,
          count(*) FILTER (WHERE link_code IN (SELECT link_code FROM later_click)) AS shares_clicked
        FROM made GROUP BY day, store_code, associate_id`
    case 'clicks':
      return db`WITH ${clicksOf(db, summing)}
        SELECT day, store_code, associate_id, count(*) AS clicks FROM click GROUP BY day, store_code, associate_id`
    case 'members':
      return db`WITH ${joinedOf(db, summing)}
        SELECT day, store_code, associate_id, count(*) AS new_members FROM joined GROUP BY day, store_code, associate_id`
    case 'refunds':
      throw new Error('Nobody has refunds apart from orders.')
  }
}

/** What payees are owed for the orders of these cells, as `(day, store_code, payee_kind, payee, amount_fen)`. */
export const payOf = (db: Db, summing: Summing): Sql => db`
  WITH ${ordersOf(db, summing)}
  SELECT o.day, o.store_code, e.payee_kind, e.payee, sum(e.amount_fen)::bigint AS amount_fen
  FROM o CROSS JOIN LATERAL (
    SELECT e.payee_kind, e.payee, e.amount_fen FROM entitlements AS e
    WHERE e.brand_id = ${summing.brandId} AND e.source = o.source AND e.order_no = o.order_no OFFSET 0) AS e
  GROUP BY 1, 2, 3, 4`

/** Who bought in these cells, as distinct `(day, store_code, person)`. */
export const buyersOf = (db: Db, summing: Summing): Sql => db`WITH ${ordersOf(db, summing)}
  SELECT DISTINCT day, store_code, buyer AS person FROM o WHERE is_counted AND buyer IS NOT NULL`

/**
 * Whom associates had in these cells, as distinct `(kind, day, store_code, associate_id, person)`; the kinds are all of one
 * part. Who stands behind ids is asked once for all that they did.
 */
export function associatesPeopleOf(db: Db, kinds: readonly Kind[], summing: Summing): Sql {
  const { brandId } = summing
  if (kinds.includes('buyer')) {
    return db`WITH ${creditOf(db, summing)}
      SELECT DISTINCT 'buyer' AS kind, day, store_code, associate_id, buyer AS person FROM credit
      WHERE fen > 0 AND buyer IS NOT NULL`
  }
  const { joins, person } = personsOf(db, brandId)
  if (kinds.includes('visitor')) {
    return db`WITH ${clicksOf(db, summing)}
      SELECT DISTINCT 'visitor' AS kind, unnest(days) AS day, unnest(stores) AS store_code,
        unnest(associates) AS associate_id, person
      FROM (SELECT t.days, t.stores, t.associates, ${person} AS person FROM (
          SELECT ${touchIds(db)}, array_agg(t.day) AS days, array_agg(t.store_code) AS stores,
            array_agg(t.associate_id) AS associates
          FROM click AS t GROUP BY ${touchIds(db)}) AS t ${joins}) AS seen
      WHERE person IS NOT NULL`
  }
  // Link by link: the planner takes days to have made far more links, and would read all orders there ever were.
  const hasWon = db`(link_code, person) IN (
    SELECT made.link_code, 'member ' || o.buyer FROM made CROSS JOIN LATERAL (
      SELECT o.buyer FROM orders AS o
      WHERE o.brand_id = ${brandId} AND o.sharer_link = made.link_code AND o.revision IS NOT NULL AND NOT o.cancelled
        AND o.net_fen > 0 AND o.buyer IS NOT NULL OFFSET 0) AS o)`
  return db`WITH ${linksOf(db, summing)}, seen AS MATERIALIZED (
      SELECT DISTINCT unnest(days) AS day, unnest(stores) AS store_code, unnest(associates) AS associate_id,
        unnest(links) AS link_code, person
      FROM (SELECT t.days, t.stores, t.associates, t.links, ${person} AS person FROM (
          SELECT ${touchIds(db)}, array_agg(t.day) AS days, array_agg(t.store_code) AS stores,
            array_agg(t.associate_id) AS associates, array_agg(t.link_code) AS links
          FROM later_click AS t GROUP BY ${touchIds(db)}) AS t ${joins}) AS clicked
      WHERE person IS NOT NULL)
    SELECT DISTINCT 'opener' AS kind, day, store_code, associate_id, person FROM seen WHERE ${kinds.includes('opener')}
    UNION ALL
    SELECT DISTINCT 'winner', day, store_code, associate_id, person FROM seen
    WHERE ${kinds.includes('winner')} AND ${hasWon}`
}

/** Whom associates had in these cells, by what is kept of it: as `associatesPeopleOf` gives it, of one kind. */
export function keptAssociatesPeopleOf(db: Db, kind: Kind, summing: Summing): Sql {
  const ofKind = db`p.brand_id = ${summing.brandId} AND p.kind = ${kind}`
  if ('days' in summing) {
    return db`SELECT p.day, p.store_code, p.associate_id, p.person FROM rollup_associate_people AS p
      WHERE ${isOfDays(db, summing)} AND p.kind = ${kind}`
  }
  return db`
  WITH ${cellsOf(db, summing)}, ${placesOf(db, summing.brandId)}
  SELECT p.day, p.store_code, p.associate_id, p.person FROM place CROSS JOIN LATERAL (
    SELECT * FROM rollup_associate_people AS p
    WHERE ${ofKind} AND p.store_code = place.store_code AND p.day = place.day OFFSET 0) AS p`
}

/**
 * Who is in these cells, as distinct `(day, store_code, person)`: whoever bought; of other kinds, whom any associate had.
 * Those are kept already where this is asked.
 */
const peopleOf = (db: Db, kind: Kind, summing: Summing): Sql =>
  kind === 'buyer'
    ? buyersOf(db, summing)
    : db`SELECT DISTINCT day, store_code, person FROM (${keptAssociatesPeopleOf(db, kind, summing)}) AS had`

// ------------------------------------------------------------------------------------------------------- keeping

/** Puts what a part comes to in the place of what was there. */
export async function replaceFigures(db: Db, part: Part, summing: SummingCells) {
  const { brandId } = summing
  await db`
    WITH ${cellsOf(db, summing)}, ${placesOf(db, brandId)}
    DELETE FROM rollup_days AS d USING place CROSS JOIN LATERAL (
      SELECT d.ctid AS row FROM rollup_days AS d
      WHERE d.brand_id = ${brandId} AND d.part = ${part} AND d.day = place.day AND d.store_code = place.store_code
      OFFSET 0) AS old
    WHERE d.brand_id = ${brandId} AND d.ctid = old.row`
  await db`DELETE FROM rollup_totals WHERE ${isOfDays(db, summing)} AND part = ${part}`
  await insertFigures(db, part, summing)
}

async function insertFigures(db: Db, part: Part, summing: Summing) {
  const { brandId } = summing
  const columns = columnsOf(db, part)
  await db`
    INSERT INTO rollup_days (brand_id, part, day, store_code, ${columns})
    SELECT ${brandId}, ${part}, day, store_code, ${columns} FROM (${figuresOf(db, part, summing)}) AS summed`
  await db`
    INSERT INTO rollup_totals (brand_id, part, day, ${columns})
    SELECT brand_id, part, day, ${sumsOf(db, part)} FROM rollup_days
    WHERE ${isOfDays(db, summing)} AND part = ${part} GROUP BY brand_id, part, day`
}

export async function replacePay(db: Db, summing: SummingCells) {
  const { brandId } = summing
  await db`
    WITH ${cellsOf(db, summing)}, ${placesOf(db, brandId)}
    DELETE FROM rollup_pay AS p USING place CROSS JOIN LATERAL (
      SELECT p.ctid AS row FROM rollup_pay AS p
      WHERE p.brand_id = ${brandId} AND p.store_code = place.store_code AND p.day = place.day OFFSET 0) AS old
    WHERE p.brand_id = ${brandId} AND p.ctid = old.row`
  await insertPay(db, summing)
}

const insertPay = (db: Db, summing: Summing) => db`
    INSERT INTO rollup_pay (brand_id, day, store_code, payee_kind, payee, amount_fen)
    SELECT ${summing.brandId}, day, store_code, payee_kind, payee, amount_fen FROM (${payOf(db, summing)}) AS summed`

/** The same of what associates have of a part, and of whom: each of these has links, clicks or lines in the cells. */
export async function replaceAssociates(db: Db, part: Part, summing: SummingCells) {
  const { brandId } = summing
  const ofPlace = (table: string, isOfKind: Sql) => db`
    WITH ${cellsOf(db, summing)}, ${placesOf(db, brandId)}
    DELETE FROM ${db(table)} AS r USING place CROSS JOIN LATERAL (
      SELECT r.ctid AS row FROM ${db(table)} AS r
      WHERE r.brand_id = ${brandId} AND ${isOfKind} AND r.store_code = place.store_code AND r.day = place.day OFFSET 0) AS old
    WHERE r.brand_id = ${brandId} AND r.ctid = old.row`
  await ofPlace('rollup_associates', db`r.part = ${part}`)
  for (const kind of kindsOf(part)) await ofPlace('rollup_associate_people', db`r.kind = ${kind}`)
  await insertAssociates(db, part, summing)
}

async function insertAssociates(db: Db, part: Part, summing: Summing) {
  const { brandId } = summing
  const columns = associatesColumnsOf(db, part)
  await db`
    INSERT INTO rollup_associates (brand_id, store_code, day, part, associate_id, ${columns})
    SELECT ${brandId}, store_code, day, ${part}, associate_id, ${columns}
    FROM (${associatesFiguresOf(db, part, summing)}) AS summed`
  const kinds = kindsOf(part)
  if (kinds.length === 0) return
  await db`
    INSERT INTO rollup_associate_people (brand_id, kind, store_code, day, associate_id, person)
    SELECT ${brandId}, kind, store_code, day, associate_id, person
    FROM (${associatesPeopleOf(db, kinds, summing)}) AS found`
}

/**
 * Puts who is in these cells in the place of who was. Of those who came or went, every day is looked at: on which one
 * before the brand had them last. What changed of that is added to how many there are of each. Rows are found again by
 * their place, which stays what it is while nobody else may sum the brand.
 */
export async function replacePeople(db: Db, kind: Kind, summing: SummingCells) {
  const { brandId } = summing
  const changes = await db<{ day: string; storeCode: string; person: string; isAdded: boolean }[]>`
    WITH fresh AS MATERIALIZED (SELECT day, store_code, person FROM (${peopleOf(db, kind, summing)}) AS found),
    old AS MATERIALIZED (${keptPeopleOf(db, kind, summing)})
    SELECT day::text, store_code AS "storeCode", person, "isAdded" FROM (
      SELECT *, true AS "isAdded" FROM (TABLE fresh EXCEPT TABLE old) AS came
      UNION ALL SELECT *, false FROM (TABLE old EXCEPT TABLE fresh) AS went
    ) AS changed`
  if (changes.length === 0) return
  const column = (valueOf: (change: (typeof changes)[number]) => string) => changes.map(valueOf)
  await db`
    WITH change AS MATERIALIZED (
      SELECT person COLLATE "C" AS person, day::date AS day, store_code COLLATE "C" AS store_code, is_added
      FROM unnest(${column(one => one.person)}::text[], ${column(one => one.day)}::text[],
        ${column(one => one.storeCode)}::text[], ${column(one => String(one.isAdded))}::text[]::boolean[])
        AS one (person, day, store_code, is_added)
    ), kept AS MATERIALIZED (
      SELECT p.place, p.person, p.day, p.store_code, p.before FROM (SELECT DISTINCT person FROM change) AS who
      CROSS JOIN LATERAL (
        SELECT p.ctid AS place, p.* FROM rollup_people AS p
        WHERE p.brand_id = ${brandId} AND p.kind = ${kind} AND p.person = who.person OFFSET 0) AS p
    ), staying AS MATERIALIZED (
      SELECT * FROM kept WHERE NOT EXISTS (
        SELECT FROM change WHERE NOT is_added AND change.person = kept.person AND change.day = kept.day
          AND change.store_code = kept.store_code)
    ), chain AS MATERIALIZED (
      SELECT person, day, COALESCE(lag(day) OVER (PARTITION BY person ORDER BY day), '-infinity') AS before
      FROM (SELECT person, day FROM staying UNION SELECT person, day FROM change WHERE is_added) AS had
    ), gone AS (
      DELETE FROM rollup_people AS p
      USING (SELECT place FROM kept EXCEPT SELECT place FROM staying) AS going
      WHERE p.brand_id = ${brandId} AND p.ctid = going.place
    ), moved AS (
      UPDATE rollup_people AS p SET before = moving.before
      FROM (
        SELECT staying.place, chain.before FROM staying
        JOIN chain ON chain.person = staying.person AND chain.day = staying.day AND chain.before <> staying.before
      ) AS moving
      WHERE p.brand_id = ${brandId} AND p.ctid = moving.place
    ), come AS (
      INSERT INTO rollup_people (brand_id, kind, person, day, store_code, before)
      SELECT ${brandId}, ${kind}, change.person, change.day, change.store_code, chain.before
      FROM change JOIN chain ON chain.person = change.person AND chain.day = change.day WHERE change.is_added
    )
    INSERT INTO rollup_gaps AS g (brand_id, kind, day, before, people)
    SELECT ${brandId}, ${kind}, day, before, sum(people) FROM (
      SELECT day, before, 1 AS people FROM chain
      UNION ALL SELECT day, before, -1 FROM (SELECT DISTINCT person, day, before FROM kept) AS had
    ) AS changed GROUP BY day, before HAVING sum(people) <> 0
    ON CONFLICT (brand_id, kind, day, before) DO UPDATE SET people = g.people + EXCLUDED.people`
}

/**
 * Sums days of which nothing is kept, nor of any after them. Of each person the day before is the last of these days, or
 * the last that is kept.
 */
export async function appendDays(db: Db, summing: SummingDays) {
  const { brandId, days } = summing
  for (const part of PARTS) {
    await insertFigures(db, part, summing)
    if (part === 'sales') await insertPay(db, summing)
    if (ASSOCIATES_PARTS.includes(part)) await insertAssociates(db, part, summing)
    for (const kind of kindsOf(part)) {
      await db`
        WITH chain AS MATERIALIZED (
          SELECT day, store_code, person, COALESCE(
            max(day) OVER (PARTITION BY person ORDER BY day GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
            (SELECT p.day FROM rollup_people AS p
              WHERE p.brand_id = ${brandId} AND p.kind = ${kind} AND p.person = found.person
                AND p.day < ${days.from}::text::date
              ORDER BY p.day DESC LIMIT 1),
            '-infinity') AS before
          FROM (${peopleOf(db, kind, summing)}) AS found
        ), come AS (
          INSERT INTO rollup_people (brand_id, kind, person, day, store_code, before)
          SELECT ${brandId}, ${kind}, person, day, store_code, before FROM chain
        )
        INSERT INTO rollup_gaps (brand_id, kind, day, before, people)
        SELECT ${brandId}, ${kind}, day, before, count(DISTINCT person) FROM chain GROUP BY day, before`
    }
  }
}

/** Forgets all sums of these days, where there are any. */
export async function deleteDays(db: Db, summing: SummingDays) {
  const isOfThese = isOfDays(db, summing)
  const [row] = await db<{ isKept: boolean }[]>`
    SELECT EXISTS (SELECT FROM rollup_totals WHERE ${isOfThese})
      OR EXISTS (SELECT FROM rollup_gaps WHERE ${isOfThese}) AS "isKept"`
  if (!row!.isKept) return
  for (const table of TABLES) await db`DELETE FROM ${db(table)} WHERE ${isOfThese}`
}
