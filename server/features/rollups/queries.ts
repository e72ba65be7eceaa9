import { oneOf, type Db } from '../../database.ts'
import { arrayText } from '../../lib/array-text.ts'
import { addDays } from '../../lib/calendar.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { formatInstant, nextMonth, type Instant } from '../../lib/time.ts'
import type { SummedDays } from './domain.ts'

/**
 * Marks say of what days are to be summed anew. One row a transaction and kind, with lists in it: evidence comes by the
 * thousand, and must not pay for figures. Their own clock is the database's, since it says how old figures are.
 */
interface Marking {
  brandId: number
  now: Instant
}

interface OrderKey {
  source: string
  orderNo: string
}

/** Orders that are written. In the transaction that writes them. */
export async function markOrders(db: Db, { brandId, now, orders }: Marking & { orders: readonly OrderKey[] }) {
  if (orders.length === 0) return
  await db`
    INSERT INTO rollup_marks (brand_id, mark_id, kind, keys, ids, marked_at)
    VALUES (${brandId}, ${uuidv7(now)}, 'order', ${arrayText(orders.map(one => one.source))}::text::text[],
      ${arrayText(orders.map(one => one.orderNo))}::text::text[], now())`
}

/** Orders that are there, before they are changed: what they leave is summed anew too. */
export async function markOrdersThatWere(db: Db, { brandId, now, orders }: Marking & { orders: readonly OrderKey[] }) {
  if (orders.length === 0) return
  await db`
    INSERT INTO rollup_marks (brand_id, mark_id, kind, keys, ids, instants, stores, links, marked_at)
    SELECT ${brandId}, ${uuidv7(now)}, 'order', array_agg(o.source), array_agg(o.order_no), array_agg(o.paid_at::text),
      array_agg(o.selling_store), array_agg(o.sharer_link), now()
    FROM unnest(${arrayText(orders.map(one => one.source))}::text::text[],
      ${arrayText(orders.map(one => one.orderNo))}::text::text[]) AS key (source, order_no)
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key.order_no
    HAVING count(*) > 0`
}

/** Touches by links, as they are written. */
export async function markClicks(
  db: Db,
  { brandId, now, touches }: Marking & { touches: readonly { linkCode: string; at: Instant }[] },
) {
  if (touches.length === 0) return
  await db`
    INSERT INTO rollup_marks (brand_id, mark_id, kind, keys, instants, marked_at)
    VALUES (${brandId}, ${uuidv7(now)}, 'click', ${arrayText(touches.map(one => one.linkCode))}::text::text[],
      ${arrayText(touches.map(one => formatInstant(one.at)))}::text::text[], now())`
}

async function insertKeys(db: Db, { brandId, now }: Marking, kind: string, keys: readonly string[]) {
  if (keys.length === 0) return
  await db`
    INSERT INTO rollup_marks (brand_id, mark_id, kind, keys, marked_at)
    VALUES (${brandId}, ${uuidv7(now)}, ${kind}, ${arrayText(keys)}::text::text[], now())`
}

/** Share links, as they are made. */
export const markLinks = (db: Db, { linkCodes, ...marking }: Marking & { linkCodes: readonly string[] }) =>
  insertKeys(db, marking, 'link', linkCodes)

/** A group of which it became known which chat it is. */
export const markOpengid = (db: Db, { opengid, ...marking }: Marking & { opengid: string }) =>
  insertKeys(db, marking, 'opengid', [opengid])

/** Members who became others by a merge. */
export const markMembers = (db: Db, { memberNos, ...marking }: Marking & { memberNos: readonly string[] }) =>
  insertKeys(db, marking, 'member', memberNos)

/** Ids that were linked to members. */
export async function markIdentities(
  db: Db,
  { brandId, now, identities }: Marking & { identities: readonly { kind: string; value: string }[] },
) {
  if (identities.length === 0) return
  await db`
    INSERT INTO rollup_marks (brand_id, mark_id, kind, keys, ids, marked_at)
    VALUES (${brandId}, ${uuidv7(now)}, 'identity', ${arrayText(identities.map(one => one.kind))}::text::text[],
      ${arrayText(identities.map(one => one.value))}::text::text[], now())`
}

/** When and where members joined: before that is changed, and after. */
export async function markJoined(db: Db, { brandId, now, memberNos }: Marking & { memberNos: readonly string[] }) {
  if (memberNos.length === 0) return
  await db`
    INSERT INTO rollup_marks (brand_id, mark_id, kind, keys, instants, marked_at)
    SELECT ${brandId}, ${uuidv7(now)}, 'joined', array_agg(COALESCE(opening_store, '')), array_agg(joined_at::text), now()
    FROM members
    WHERE brand_id = ${brandId} AND member_no = ANY (${arrayText(memberNos)}::text::text[]) AND joined_at IS NOT NULL
    HAVING count(*) > 0`
}

// ------------------------------------------------------------------------------------------------- what is to be done

export async function selectBrands(db: Db) {
  return await db<{ brandId: number; zone: string }[]>`
    SELECT brand_id AS "brandId", timezone AS zone FROM brands ORDER BY brand_id`
}

/** One at a time sums a brand; false where somebody does already. Until the transaction ends. */
export async function takeTurn(db: Db, { brandId }: { brandId: number }): Promise<boolean> {
  const [row] = await db<{ isOurs: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(hashtextextended('rollups', ${brandId})) AS "isOurs"`
  return row!.isOurs
}

export async function selectZone(db: Db, { brandId }: { brandId: number }): Promise<string | null> {
  const [row] = await db<{ zone: string }[]>`SELECT zone FROM rollup_states WHERE brand_id = ${brandId}`
  return row?.zone ?? null
}

/** Begins anew by a calendar: what is there is summed again, day by day, by marks of which nobody reads the sums. */
export async function beginState(db: Db, { brandId, zone }: { brandId: number; zone: string }) {
  await db`DELETE FROM rollup_marks WHERE brand_id = ${brandId} AND kind = 'day'`
  await db`
    INSERT INTO rollup_states (brand_id, zone, started_at) VALUES (${brandId}, ${zone}, now())
    ON CONFLICT (brand_id) DO UPDATE SET zone = EXCLUDED.zone, started_at = EXCLUDED.started_at`
}

/** Every day that has anything to be summed, or sums, and about how much. */
export async function selectDays(db: Db, { brandId, zone }: { brandId: number; zone: string }) {
  const day = (column: string) => db`(${db(column)} AT TIME ZONE ${zone}::text)::date`
  return await db<{ day: string; count: number }[]>`
    SELECT day::text, count(*) AS count FROM (
      SELECT ${day('paid_at')} AS day FROM orders WHERE brand_id = ${brandId} AND paid_at IS NOT NULL
      UNION ALL SELECT ${day('refunded_at')} FROM refund_revisions WHERE brand_id = ${brandId}
      UNION ALL SELECT (COALESCE(created_at, received_at) AT TIME ZONE ${zone}::text)::date FROM share_links
        WHERE brand_id = ${brandId}
      UNION ALL SELECT ${day('at')} FROM touches WHERE brand_id = ${brandId} AND link_code IS NOT NULL
      UNION ALL SELECT ${day('joined_at')} FROM members WHERE brand_id = ${brandId} AND joined_at IS NOT NULL
      UNION ALL SELECT DISTINCT day FROM rollup_days WHERE brand_id = ${brandId}
      UNION ALL SELECT DISTINCT day FROM rollup_gaps WHERE brand_id = ${brandId} AND people <> 0
    ) AS found GROUP BY day ORDER BY day`
}

/** In their order, which `selectDaysToSum` keeps to. */
export async function insertDayMarks(db: Db, { brandId, now, days }: Marking & { days: readonly string[][] }) {
  for (const some of days) await insertKeys(db, { brandId, now }, 'day', some)
}

/** The oldest marks: so many that at least one, and about as many things as `most`, are spoken of. None of days. */
export async function selectMarks(db: Db, { brandId, most }: { brandId: number; most: number }) {
  return await db<{ markId: string; kind: string; keys: string[] }[]>`
    SELECT mark_id AS "markId", kind, keys FROM (
      SELECT mark_id, kind, keys, sum(cardinality(keys)) OVER (ORDER BY mark_id) - cardinality(keys) AS before
      FROM (
        SELECT mark_id, kind, keys FROM rollup_marks WHERE brand_id = ${brandId} AND kind <> 'day'
        ORDER BY mark_id LIMIT ${most}
      ) AS oldest
    ) AS counted WHERE before < ${most} ORDER BY mark_id`
}

/** The first days that are still to be summed: from the first of a mark until the first of the next, or for good. */
export async function selectDaysToSum(db: Db, { brandId }: { brandId: number }) {
  const [row] = await db<{ markId: string; from: string; to: string | null }[]>`
    SELECT mark_id AS "markId", keys[1] AS from, lead(keys[1]) OVER (ORDER BY mark_id) AS to FROM (
      SELECT mark_id, keys FROM rollup_marks WHERE brand_id = ${brandId} AND kind = 'day' ORDER BY mark_id LIMIT 2
    ) AS first ORDER BY mark_id LIMIT 1`
  return row ?? null
}

export async function countDaysToSum(db: Db, { brandId }: { brandId: number }): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    SELECT count(*) AS count FROM rollup_marks WHERE brand_id = ${brandId} AND kind = 'day'`
  return row!.count
}

/** The last day that was summed by a version before this one; null where there is none. */
export async function selectOldDay(db: Db, { brandId, version }: { brandId: number; version: number }) {
  const [row] = await db<{ day: string | null }[]>`
    SELECT max(day)::text AS day FROM rollup_totals WHERE brand_id = ${brandId} AND version < ${version}`
  return row!.day
}

/** Whether a brand's figures were never summed, or whole days of them still are to be. */
export async function selectIsBeginning(db: Db, { brandId }: { brandId: number }): Promise<boolean> {
  const [row] = await db<{ isBeginning: boolean }[]>`
    SELECT NOT EXISTS (SELECT FROM rollup_states WHERE brand_id = ${brandId})
      OR EXISTS (SELECT FROM rollup_marks WHERE brand_id = ${brandId} AND kind = 'day') AS "isBeginning"`
  return row!.isBeginning
}

/** Days of a version before are now as this one sums them; of `days` alone, and of no version before `since`. */
export async function updateVersion(
  db: Db,
  options: { brandId: number; days: { from: string; to: string }; since: number; version: number },
) {
  const { brandId, days, since, version } = options
  await db`
    UPDATE rollup_totals SET version = ${version}
    WHERE brand_id = ${brandId} AND day >= ${days.from}::text::date AND day < ${days.to}::text::date
      AND version >= ${since} AND version < ${version}`
}

export async function deleteMarks(db: Db, { brandId, markIds }: { brandId: number; markIds: readonly string[] }) {
  await db`
    DELETE FROM rollup_marks WHERE brand_id = ${brandId} AND mark_id = ANY (${markIds as string[]}::text[]::uuid[])`
}

/** Has the planner look one table through that changed much; null where there is none. */
export async function refreshStatistics(db: Db): Promise<string | null> {
  const [row] = await db<{ table: string | null }[]>`SELECT refresh_statistics() AS table`
  return row!.table
}

/**
 * What some days' sums still lack: the oldest mark, and how many orders the days and the brand have where there is any; and
 * the last day of their months whose month is not summed. Nulls where there is none.
 *
 * @returns null where there are no sums of all of these days
 */
export async function selectLacking(
  db: Db,
  options: {
    brandId: number
    zone: string
    days: { from: string; to: string }
    /** Summed by this version or one since. */
    version: number
    /** By which months are summed too. */
    monthsVersion: number
  },
) {
  const { brandId, zone, days, version, monthsVersion } = options
  const isWithin = db`brand_id = ${brandId} AND day >= ${days.from}::text::date AND day < ${days.to}::text::date`
  const months = { from: `${days.from.slice(0, 7)}-01`, to: `${nextMonth(addDays(days.to, -1).slice(0, 7))}-01` }
  const [row] = await db<
    {
      markedAt: Instant | null
      ageMs: number | null
      orders: number | null
      brandOrders: number | null
      monthlessUntil: string | null
      daysAfter: number
    }[]
  >`
    SELECT mark.marked_at AS "markedAt", (extract(epoch FROM now() - mark.marked_at) * 1000)::float8 AS "ageMs",
      CASE WHEN mark.marked_at IS NOT NULL THEN (
        SELECT COALESCE(sum(orders), 0)::bigint FROM rollup_totals WHERE ${isWithin} AND part = 'sales') END AS orders,
      CASE WHEN mark.marked_at IS NOT NULL THEN (
        SELECT COALESCE(sum(orders), 0)::bigint FROM rollup_totals
        WHERE brand_id = ${brandId} AND part = 'sales') END AS "brandOrders",
      (SELECT max(day)::text FROM rollup_totals
        WHERE brand_id = ${brandId} AND day >= ${months.from}::text::date AND day < ${months.to}::text::date
          AND version < ${monthsVersion}::int) AS "monthlessUntil",
      (SELECT count(DISTINCT day)::int FROM rollup_totals
        WHERE brand_id = ${brandId} AND day >= ${days.to}::text::date AND day < ${months.to}::text::date) AS "daysAfter"
    FROM (
      SELECT min(marked_at) AS marked_at, COALESCE(bool_or(kind = 'day'), false) AS is_beginning
      FROM rollup_marks WHERE brand_id = ${brandId}
    ) AS mark
    WHERE NOT mark.is_beginning AND EXISTS (SELECT FROM rollup_states WHERE brand_id = ${brandId} AND zone = ${zone})
      AND NOT EXISTS (SELECT FROM rollup_totals WHERE ${isWithin} AND version < ${version}::int)`
  return row ?? null
}

const NET_SALES = {
  store: { subject: 'store_code', byDay: 'rollup_days', byMonth: 'rollup_store_months' },
  associate: { subject: 'associate_id', byDay: 'rollup_associates', byMonth: 'rollup_associate_months' },
} as const

/** Net sales of stores, or what associates are credited with, in summed days; who sold nothing is left out. */
export async function selectNetSales(
  db: Db,
  options: {
    brandId: number
    days: SummedDays
    kind: 'store' | 'associate'
    subjects: readonly string[]
  },
): Promise<Map<string, number>> {
  const { brandId, days, kind, subjects } = options
  if (subjects.length === 0) return new Map()
  const { subject, byDay, byMonth } = NET_SALES[kind]
  const isMonth =
    days.monthlessUntil === null && days.from.endsWith('-01') && days.to === `${nextMonth(days.from.slice(0, 7))}-01`
  const [table, day] = isMonth ? [byMonth, 'month'] : [byDay, 'day']
  const rows = await db<{ subject: string; netSalesFen: number }[]>`
    SELECT ${db(subject)} AS subject, sum(net_sales_fen)::bigint AS "netSalesFen" FROM ${db(table)}
    WHERE brand_id = ${brandId} AND ${db(subject)} = ${oneOf(db, subjects)} AND part = 'sales'
      AND ${db(day)} >= ${days.from}::text::date AND ${db(day)} < ${days.to}::text::date
    GROUP BY 1`
  return new Map(rows.map(row => [row.subject, row.netSalesFen]))
}

/** A store's part of a day; a null store: every store's. */
export interface Cell {
  part: Part
  day: string
  storeCode: string | null
  /** Of links: those of which something was told. What is kept of the others stays. null: all are looked at anew. */
  links: readonly string[] | null
}

export type Part = 'sales' | 'refunds' | 'links' | 'clicks' | 'members'

export interface Marked {
  brandId: number
  zone: string
  markIds: readonly string[]
}

/** What marks of a kind speak of, as `(key, id, instant, store, link)`. */
export const spokenOf = (db: Db, { brandId, markIds }: Marked, kind: string) => db`
    (SELECT one.key, one.id, one.instant::timestamptz, one.store, one.link
    FROM rollup_marks AS m CROSS JOIN LATERAL unnest(m.keys, m.ids, m.instants, m.stores, m.links)
      AS one (key, id, instant, store, link)
    WHERE m.brand_id = ${brandId} AND m.mark_id = ANY (${markIds as string[]}::text[]::uuid[]) AND m.kind = ${kind})`

/**
 * What of which days marks speak of: as it is now, and as it was before. Of the links that won orders `selectWins` says
 * what changed.
 */
export async function selectCells(db: Db, marked: Marked): Promise<Cell[]> {
  const { brandId, zone } = marked
  const day = (instant: string) => db`(${db.unsafe(instant)} AT TIME ZONE ${zone}::text)::date::text`
  const madeAt = `COALESCE(l.created_at, l.received_at)`
  const marks = (kind: string) => spokenOf(db, marked, kind)
  const idColumn = (kind: string, column: string) => db`
    SELECT t.link_code, t.at FROM id JOIN touches AS t ON t.brand_id = ${brandId} AND t.${db(column)} = id.value
    WHERE id.kind = ${kind} AND t.link_code IS NOT NULL`
  return await db<Cell[]>`
    WITH told AS MATERIALIZED (SELECT * FROM ${marks('order')} AS m),
    grouped AS MATERIALIZED (
      SELECT t.touch_id, t.link_code, t.at FROM ${marks('opengid')} AS m
      JOIN touches AS t ON t.brand_id = ${brandId} AND t.opengid = m.key WHERE t.link_code IS NOT NULL
    ),
    o AS MATERIALIZED (
      SELECT told.key AS source, told.id AS order_no, o.paid_at, o.selling_store
      FROM told JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = told.key AND o.order_no = told.id
      UNION ALL SELECT key, id, instant, store FROM told
      UNION ALL SELECT o.source, o.order_no, o.paid_at, o.selling_store FROM grouped
        JOIN orders AS o ON o.brand_id = ${brandId} AND o.sharer_link = grouped.link_code AND o.sharer_touch = grouped.touch_id
      UNION ALL SELECT o.source, o.order_no, o.paid_at, o.selling_store FROM ${marks('link')} AS m
        JOIN orders AS o ON o.brand_id = ${brandId} AND o.sharer_link = m.key
    ),
    member AS MATERIALIZED (SELECT DISTINCT key AS member_no FROM ${marks('member')} AS m),
    id AS MATERIALIZED (
      SELECT key AS kind, id AS value FROM ${marks('identity')} AS m
      UNION SELECT i.kind, i.value FROM member JOIN identities AS i ON i.brand_id = ${brandId} AND i.member_no = member.member_no
    ),
    click AS MATERIALIZED (
      SELECT key AS link_code, instant AS at FROM ${marks('click')} AS m
      UNION SELECT link_code, at FROM grouped
      UNION SELECT t.link_code, t.at FROM ${marks('link')} AS m
        JOIN touches AS t ON t.brand_id = ${brandId} AND t.link_code = m.key
      UNION SELECT t.link_code, t.at FROM member
        JOIN touches AS t ON t.brand_id = ${brandId} AND t.member_no = member.member_no WHERE t.link_code IS NOT NULL
      UNION ${idColumn('unionid', 'unionid')} UNION ${idColumn('openid', 'openid')}
      UNION ${idColumn('external_userid', 'external_userid')} UNION ${idColumn('visitor', 'visitor_id')}
    ),
    link AS (
      SELECT link_code FROM click UNION SELECT key FROM ${marks('link')} AS m
    )
    SELECT 'sales' AS part, ${day('o.paid_at')} AS day, COALESCE(o.selling_store, '') AS "storeCode",
      NULL::text[] AS links
    FROM o WHERE o.paid_at IS NOT NULL
    UNION SELECT 'refunds', ${day('f.refunded_at')}, COALESCE(o.selling_store, ''), NULL
    FROM o JOIN refund_revisions AS f ON f.brand_id = ${brandId} AND f.source = o.source AND f.order_no = o.order_no
    WHERE o.paid_at IS NOT NULL
    UNION SELECT 'links', ${day(madeAt)}, COALESCE(l.store_code, ''), array_agg(l.link_code)
    FROM link JOIN share_links AS l ON l.brand_id = ${brandId} AND l.link_code = link.link_code GROUP BY 2, 3
    UNION SELECT 'clicks', ${day('click.at')}, COALESCE(l.store_code, ''), NULL
    FROM click JOIN share_links AS l ON l.brand_id = ${brandId} AND l.link_code = click.link_code
    UNION SELECT 'members', ${day('m.instant')}, m.key, NULL FROM ${marks('joined')} AS m
    UNION SELECT 'members', ${day('m.joined_at')}, COALESCE(m.opening_store, ''), NULL
    FROM member JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = member.member_no
    WHERE m.joined_at IS NOT NULL`
}
