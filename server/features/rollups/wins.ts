import type { Db } from '../../database.ts'
import { replacePeople } from './keep.ts'
import { spokenOf, type Cell, type Marked } from './queries.ts'
import { byKeys, KEYED_SINCE, keysOfLinks, skuOf } from './sums.ts'

/**
 * Who bought by links that won orders. Where nothing else was told of them it is added to what is kept: what else the
 * links of that store's day come to stays what it is.
 */
export interface Win {
  linkCode: string
  day: string
  storeCode: string
  /** Who came by it, bought by it, and is not kept as such. */
  winners: readonly string[]
  /** Somebody is kept who did not buy by it, or nothing is kept of it: it is to be looked at anew. */
  isWhole: boolean
}

/** The links by which the orders were won that marks speak of: that win them now, and that did before. */
export async function selectWins(db: Db, marked: Marked): Promise<Win[]> {
  const { brandId, zone } = marked
  const isCounted = db`o.revision IS NOT NULL AND NOT o.cancelled AND o.net_fen > 0 AND o.buyer IS NOT NULL`
  // Of an order that was there before its buyer may have been another: whoever buys by the link is held against that.
  return await db<Win[]>`
    WITH told AS MATERIALIZED (SELECT * FROM ${spokenOf(db, marked, 'order')} AS m),
    lost AS MATERIALIZED (SELECT DISTINCT link AS link_code FROM told WHERE link IS NOT NULL),
    won AS MATERIALIZED (
      SELECT link_code, bool_or(is_changed) AS is_changed,
        array_agg(DISTINCT 'member ' || buyer) FILTER (WHERE buyer IS NOT NULL) AS buyers
      FROM (
        SELECT o.sharer_link AS link_code, o.buyer, false AS is_changed FROM told CROSS JOIN LATERAL (
          SELECT o.sharer_link, CASE WHEN ${isCounted} THEN o.buyer END AS buyer FROM orders AS o
          WHERE o.brand_id = ${brandId} AND o.source = told.key AND o.order_no = told.id OFFSET 0) AS o
        WHERE o.sharer_link IS NOT NULL
        UNION ALL SELECT link_code, NULL, true FROM lost
        UNION ALL SELECT lost.link_code, o.buyer, true FROM lost CROSS JOIN LATERAL (
          SELECT o.buyer FROM orders AS o
          WHERE o.brand_id = ${brandId} AND o.sharer_link = lost.link_code AND ${isCounted} OFFSET 0) AS o
      ) AS one GROUP BY link_code
    )
    SELECT won.link_code AS "linkCode", l.day::text, l.store_code AS "storeCode",
      ARRAY(
        SELECT who FROM unnest(won.buyers) AS who
        WHERE who = ANY (k.people) AND (k.winners IS NULL OR who <> ALL (k.winners))) AS winners,
      k.is_kept IS NULL OR NOT EXISTS (
        SELECT FROM rollup_totals AS t
        WHERE t.brand_id = ${brandId} AND t.part = 'links' AND t.day = l.day AND t.version >= ${KEYED_SINCE}
      ) OR (won.is_changed AND EXISTS (
        SELECT FROM unnest(k.winners) AS who WHERE won.buyers IS NULL OR who <> ALL (won.buyers))) AS "isWhole"
    FROM won CROSS JOIN LATERAL (
      SELECT (COALESCE(l.created_at, l.received_at) AT TIME ZONE ${zone}::text)::date AS day,
        COALESCE(l.store_code, '') AS store_code
      FROM share_links AS l WHERE l.brand_id = ${brandId} AND l.link_code = won.link_code OFFSET 0) AS l
    LEFT JOIN LATERAL (
      SELECT true AS is_kept, k.people, k.winners FROM rollup_keys AS k
      WHERE k.brand_id = ${brandId} AND k.dimension = 'link' AND k.store_code = l.store_code AND k.day = l.day
        AND k.part = 'links' AND k.key = won.link_code OFFSET 0) AS k ON true`
}

/** With the cells of links that are to be looked at anew. */
export function withWholeWins(cells: readonly Cell[], wins: readonly Win[]): Cell[] {
  const keyOf = ({ day, storeCode }: { day: string; storeCode: string | null }) => JSON.stringify([day, storeCode])
  const links = new Map<string, string[]>()
  for (const win of wins) {
    if (win.isWhole) links.set(keyOf(win), [...(links.get(keyOf(win)) ?? []), win.linkCode])
  }
  const told = cells.map(cell => {
    const more = cell.part === 'links' && cell.links !== null ? links.get(keyOf(cell)) : undefined
    if (!more) return cell
    links.delete(keyOf(cell))
    return { ...cell, links: [...cell.links!, ...more] }
  })
  const others = [...links].map(([key, linkCodes]): Cell => {
    const [day, storeCode] = JSON.parse(key) as [string, string]
    return { part: 'links', day, storeCode, links: linkCodes }
  })
  return [...told, ...others]
}

/** Those that were not looked at anew with these cells. */
export function winsBeside(cells: readonly Cell[], wins: readonly Win[]): Win[] {
  const told = new Set(cells.flatMap(cell => (cell.part === 'links' ? (cell.links ?? []) : [])))
  return wins.filter(win => win.winners.length > 0 && !told.has(win.linkCode))
}

/** Adds who bought by links to what is kept of them, of the associates who made them, and of whatever else they count for. */
export async function addWinners(db: Db, options: { brandId: number; zone: string; wins: readonly Win[] }) {
  const { brandId, zone, wins } = options
  if (wins.length === 0) return
  const rows = wins.flatMap(win => win.winners.map(person => ({ ...win, person })))
  const column = (valueOf: (row: (typeof rows)[number]) => string) => db`${rows.map(valueOf)}::text[]`
  // Rows are compared as a whole so that each is found by its key: by index of a channel and a day all stores have rows.
  await db`
    WITH came AS MATERIALIZED (
      SELECT one.day::date AS day, one.store_code COLLATE "C" AS store_code, one.person COLLATE "C" AS person,
        one.link_code COLLATE "C" AS link_code, l.*
      FROM unnest(${column(row => row.day)}, ${column(row => row.storeCode)}, ${column(row => row.linkCode)},
        ${column(row => row.person)}) AS one (day, store_code, link_code, person)
      CROSS JOIN LATERAL (
        SELECT l.associate_id, l.channel, ${skuOf(db)} AS sku, l.sent_to_chat_id AS chat_id FROM share_links AS l
        WHERE l.brand_id = ${brandId} AND l.link_code = one.link_code OFFSET 0) AS l
    ), of_people AS (
      INSERT INTO rollup_associate_people (brand_id, kind, store_code, day, associate_id, person)
      SELECT DISTINCT ${brandId}::int, 'winner', store_code, day, associate_id, person FROM came ORDER BY store_code, day
      ON CONFLICT (brand_id, kind, store_code, day, associate_id, person) DO NOTHING
    ), keyed AS MATERIALIZED (
      SELECT dimension, day, store_code, key, array_agg(person) AS winners
      FROM came ${byKeys(db, keysOfLinks(db))} GROUP BY dimension, day, store_code, key
    )
    UPDATE rollup_keys AS r SET winners = (
      SELECT array_agg(DISTINCT who COLLATE "C") FROM unnest(r.winners || keyed.winners) AS who)
    FROM keyed CROSS JOIN LATERAL (
      SELECT k.ctid AS row FROM rollup_keys AS k
      WHERE k.brand_id = ${brandId} AND k.dimension = keyed.dimension
        AND (k.store_code, k.day, k.part, k.key) >= (keyed.store_code, keyed.day, 'links', keyed.key)
        AND (k.store_code, k.day, k.part, k.key) <= (keyed.store_code, keyed.day, 'links', keyed.key) LIMIT 1) AS kept
    WHERE r.brand_id = ${brandId} AND r.ctid = kept.row`
  const places = new Map(wins.map(({ day, storeCode }) => [JSON.stringify([day, storeCode]), { day, storeCode }]))
  const cells = [...places.values()].map((place): Cell => ({ part: 'links', ...place, links: [] }))
  await replacePeople(db, 'winner', { brandId, zone, cells })
}
