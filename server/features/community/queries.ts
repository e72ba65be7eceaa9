import type { Db } from '../../database.ts'
import type { Span } from '../../lib/calendar.ts'
import { DAY_MS, formatInstant, type Instant } from '../../lib/time.ts'
import type { DatedEntry } from '../../../drizzle/schema/stores.ts'
import type { Scope } from '../auth/domain.ts'
import { isHandedOver } from '../friends/sql.ts'
import { isCounted, isPaidWithin, visibleOrders } from '../orders/sql.ts'

/** Of these stores. */
interface OfStores {
  brandId: number
  storeCodes: readonly string[]
}

/** What is summed by day of the calendar, or in one. */
interface ByDay extends Span {
  zone: string
  byDay: boolean
}

/** An instant as a value: as a parameter of a text, a statement's plan knows its type. */
const instant = (db: Db, at: Instant) => db`${formatInstant(at)}::text::timestamptz`

/** As a list of its own type: a statement's plan then knows how long it is. */
const list = (db: Db, values: readonly string[]) => db`${values as string[]}::text[]`

/** The day of an instant in the brand's calendar; one for all where days are not wanted. */
const dayOf = (db: Db, column: string, { zone, byDay }: ByDay) =>
  byDay ? db`to_char(${db(column)} AT TIME ZONE ${zone}::text, 'YYYY-MM-DD')` : db`''::text`

// ------------------------------------------------------------------------------------------------ stores

export interface CommunityStore {
  storeCode: string
  name: string
  types: DatedEntry[]
  regions: DatedEntry[]
}

/** The stores that somebody answers for, by their code. */
export async function selectStorePage(
  db: Db,
  options: { scope: Scope; after: string | null; isDescending: boolean; limit: number },
) {
  const { scope, after, isDescending, limit } = options
  const [order, beyond] = isDescending ? [db`DESC`, db`<`] : [db`ASC`, db`>`]
  return await db<CommunityStore[]>`
    SELECT store_code AS "storeCode", name, types, regions FROM stores
    WHERE brand_id = ${scope.brandId}
      ${scope.reach === 'stores' ? db`AND store_code = ANY (${list(db, scope.storeCodes)})` : db``}
      ${after === null ? db`` : db`AND store_code ${beyond} ${after}`}
    ORDER BY store_code ${order} LIMIT ${limit}`
}

/** All stores, for who is whose neighbour. */
export async function selectAllStores(db: Db, { brandId }: { brandId: number }) {
  return await db<CommunityStore[]>`
    SELECT store_code AS "storeCode", name, types, regions FROM stores WHERE brand_id = ${brandId} ORDER BY store_code`
}

// ----------------------------------------------------------------------------------------------- members

/** Somebody by his last number, with all of his numbers, and the store that is his home. */
export interface StoreMember {
  buyer: string
  numbers: string[]
  storeCode: string
}

/**
 * Whose home stores are just before each of some instants: the one assigned, under any of a person's numbers, else the
 * opening store; two assignments of one instant are told apart as in attribution. Whoever joined later was no member.
 *
 * Each is looked up by index: joined, the planner would hold a store's members against everybody of the brand.
 *
 * @returns a list for each instant
 */
export async function selectStoreMembers(
  db: Db,
  { brandId, storeCodes, instants }: OfStores & { instants: readonly Instant[] },
): Promise<StoreMember[][]> {
  const last = instant(db, Math.max(...instants))
  const isMerged = db`number.member_no <> number.last_member_no`
  const rows = await db<
    {
      buyer: string
      opening: string | null
      joinedAt: Instant | null
      number: string
      home: string | null
      from: Instant | null
    }[]
  >`
    WITH candidate AS MATERIALIZED (
      SELECT member_no AS buyer, opening_store, joined_at FROM members
      WHERE brand_id = ${brandId} AND opening_store = ANY (${list(db, storeCodes)}) AND member_no = last_member_no
        AND (joined_at IS NULL OR joined_at < ${last})
      UNION
      SELECT person.buyer, person.opening_store, person.joined_at
      FROM member_assignments AS a
      CROSS JOIN LATERAL (
        SELECT number.last_member_no AS buyer,
          CASE WHEN ${isMerged} THEN last.opening_store ELSE number.opening_store END AS opening_store,
          CASE WHEN ${isMerged} THEN last.joined_at ELSE number.joined_at END AS joined_at
        FROM members AS number
        LEFT JOIN LATERAL (
          SELECT * FROM members AS last
          WHERE ${isMerged} AND last.brand_id = ${brandId} AND last.member_no = number.last_member_no OFFSET 0
        ) AS last ON true
        WHERE number.brand_id = ${brandId} AND number.member_no = a.member_no OFFSET 0
      ) AS person
      WHERE a.brand_id = ${brandId} AND a.home_store = ANY (${list(db, storeCodes)}) AND a.home_store_told
        AND a.from_at < ${last} AND (person.joined_at IS NULL OR person.joined_at < ${last})
    )
    SELECT candidate.buyer, candidate.opening_store AS opening, candidate.joined_at AS "joinedAt",
      number.member_no AS number, a.home_store AS home, a.from_at AS "from"
    FROM candidate
    CROSS JOIN LATERAL (
      SELECT number.member_no FROM members AS number
      WHERE number.brand_id = ${brandId} AND number.last_member_no = candidate.buyer OFFSET 0
    ) AS number
    LEFT JOIN LATERAL (
      SELECT a.home_store, a.from_at FROM member_assignments AS a
      WHERE a.brand_id = ${brandId} AND a.member_no = number.member_no AND a.home_store_told AND a.from_at < ${last}
      OFFSET 0
    ) AS a ON true
    ORDER BY candidate.buyer, a.from_at, number.member_no`
  const people = new Map<string, { rows: typeof rows; numbers: string[] }>()
  for (const row of rows) {
    const person = people.get(row.buyer) ?? { rows: [] as unknown as typeof rows, numbers: [] }
    people.set(row.buyer, person)
    person.rows.push(row)
    if (!person.numbers.includes(row.number)) person.numbers.push(row.number)
  }
  const wanted = new Set(storeCodes)
  return instants.map(at =>
    [...people].flatMap(([buyer, { rows, numbers }]) => {
      const { joinedAt, opening } = rows[0]!
      const storeCode = rows.findLast(row => row.from !== null && row.from < at)?.home ?? opening
      const isMember = storeCode !== null && wanted.has(storeCode) && (joinedAt === null || joinedAt < at)
      return isMember ? [{ buyer, numbers, storeCode }] : []
    }),
  )
}

/** When these persons bought something in a span. */
export async function selectPurchases(
  db: Db,
  options: Span & { brandId: number; scope: Scope; buyers: readonly string[] },
) {
  const { brandId, scope, buyers } = options
  return await db<{ buyer: string; at: Instant }[]>`
    SELECT person.buyer, o.paid_at AS at
    FROM unnest(${list(db, buyers)}) AS person (buyer)
    CROSS JOIN LATERAL (
      SELECT o.paid_at FROM orders AS o
      WHERE ${isCounted(db, brandId)} AND o.buyer = person.buyer AND ${isPaidWithin(db, options)}
        AND ${visibleOrders(db, scope)} OFFSET 0
    ) AS o`
}

/** The customer's own doing in a span, whoever sent him there. */
const isTouchWithin = (db: Db, brandId: number, { from, to }: Span) => db`
  t.brand_id = ${brandId} AND t.at >= ${instant(db, from)} AND t.at < ${instant(db, to)}
  AND t.kind <> 'sent' AND NOT t.by_associate`

/** When something was touched in a span under these numbers. */
export async function selectTouchesOfNumbers(db: Db, options: Span & { brandId: number; numbers: readonly string[] }) {
  const { brandId, numbers } = options
  return await db<{ number: string; at: Instant }[]>`
    SELECT own.number, t.at FROM unnest(${list(db, numbers)}) AS own (number)
    CROSS JOIN LATERAL (
      SELECT t.at FROM touches AS t WHERE t.member_no = own.number AND ${isTouchWithin(db, brandId, options)} OFFSET 0
    ) AS t`
}

export interface VisitorId {
  kind: 'unionid' | 'openid' | 'external_userid' | 'visitor'
  value: string
}

/** Ids that were ever linked to these numbers. */
export async function selectIdsOf(db: Db, options: { brandId: number; numbers: readonly string[] }) {
  const { brandId, numbers } = options
  return await db<VisitorId[]>`
    SELECT DISTINCT i.kind, i.value
    FROM unnest(${list(db, numbers)}) AS own (number)
    CROSS JOIN LATERAL (
      SELECT i.kind, i.value FROM identities AS i
      WHERE i.brand_id = ${brandId} AND i.member_no = own.number OFFSET 0
    ) AS i`
}

/** Whose ids are, each by the link that counts. */
export async function selectOwnersOf(db: Db, options: { brandId: number; ids: readonly VisitorId[] }) {
  const { brandId, ids } = options
  return await db<(VisitorId & { buyer: string })[]>`
    SELECT DISTINCT ON (link.kind, link.value) link.kind, link.value, person.last_member_no AS buyer
    FROM unnest(${list(
      db,
      ids.map(id => id.kind),
    )}, ${list(
      db,
      ids.map(id => id.value),
    )}) AS told (kind, value)
    JOIN identities AS link ON link.brand_id = ${brandId} AND link.kind = told.kind AND link.value = told.value
    JOIN members AS person ON person.brand_id = ${brandId} AND person.member_no = link.member_no
    ORDER BY link.kind, link.value, link.at DESC, person.last_member_no DESC`
}

/**
 * When something of a span was touched that by these ids is somebody's. As attribution finds him: not where the touch
 * names a member, and not where one of its ids that come before is anybody's.
 */
export async function selectTouchesOfIds(db: Db, options: Span & { brandId: number; ids: readonly VisitorId[] }) {
  const { brandId, ids } = options
  const isNobodys = (kind: string, column: string) => db`
    (t.${db(column)} IS NULL OR NOT EXISTS (
      SELECT FROM identities AS known
      WHERE known.brand_id = ${brandId} AND known.kind = ${kind} AND known.value = t.${db(column)}))`
  const [noUnionid, noOpenid] = [isNobodys('unionid', 'unionid'), isNobodys('openid', 'openid')]
  const noContact = isNobodys('external_userid', 'external_userid')
  const touchesBy = (kind: VisitorId['kind'], column: string, isNobodysBefore: ReturnType<typeof isNobodys>) => db`
    SELECT ${kind}::text AS kind, own.value, t.at
    FROM unnest(${list(
      db,
      ids.filter(id => id.kind === kind).map(id => id.value),
    )}) AS own (value)
    CROSS JOIN LATERAL (
      SELECT t.at FROM touches AS t
      WHERE t.${db(column)} = own.value AND ${isTouchWithin(db, brandId, options)} AND t.member_no IS NULL
        AND ${isNobodysBefore} OFFSET 0
    ) AS t`
  return await db<(VisitorId & { at: Instant })[]>`
    ${touchesBy('unionid', 'unionid', db`true`)}
    UNION ALL
    ${touchesBy('openid', 'openid', noUnionid)}
    UNION ALL
    ${touchesBy('external_userid', 'external_userid', db`${noUnionid} AND ${noOpenid}`)}
    UNION ALL
    ${touchesBy('visitor', 'visitor_id', db`${noUnionid} AND ${noOpenid} AND ${noContact}`)}`
}

/** Members who joined, by the opening store. */
export async function selectNewMembers(db: Db, options: OfStores & ByDay) {
  const { brandId, storeCodes, from, to } = options
  return await db<{ storeCode: string; day: string; newMembers: number }[]>`
    SELECT opening_store AS "storeCode", ${dayOf(db, 'joined_at', options)} AS day, count(*) AS "newMembers"
    FROM members
    WHERE brand_id = ${brandId} AND opening_store = ANY (${list(db, storeCodes)}) AND member_no = last_member_no
      AND joined_at >= ${instant(db, from)} AND joined_at < ${instant(db, to)}
    GROUP BY 1, 2`
}

// ------------------------------------------------------------------------------------------------- sales

export interface SalesRow {
  storeCode: string
  /** null: of the whole span. */
  day: string | null
  netSalesFen: number
  hereFen: number
  othersFen: number
  onlineFen: number
  orders: number
  buyers: number
  repeatBuyers: number
  boughtElsewhere: number
}

/**
 * What store members bought: in this store, in others, online; by day too where that is wanted.
 *
 * A repeat buyer also bought within the 365 days before the span.
 */
export async function selectSales(
  db: Db,
  options: ByDay & { brandId: number; scope: Scope; members: readonly StoreMember[] },
) {
  const { brandId, scope, members, from, byDay } = options
  const yearBefore = { from: from - 365 * DAY_MS, to: from }
  const buyers = list(db, members.map(member => member.buyer)) // prettier-ignore
  const homes = list(db, members.map(member => member.storeCode)) // prettier-ignore
  return await db<SalesRow[]>`
    WITH sold AS (
      SELECT m.store_code, m.buyer, o.paid_at, o.net_fen, o.channel, o.selling_store
      FROM unnest(${buyers}, ${homes}) AS m (buyer, store_code) JOIN orders AS o ON o.buyer = m.buyer
      WHERE ${isCounted(db, brandId)} AND ${isPaidWithin(db, options)} AND ${visibleOrders(db, scope)}
    ), known AS MATERIALIZED (
      SELECT once.buyer FROM (SELECT DISTINCT buyer FROM sold) AS once
      WHERE EXISTS (
        SELECT FROM orders AS o
        WHERE ${isCounted(db, brandId)} AND o.buyer = once.buyer AND ${isPaidWithin(db, yearBefore)}
          AND ${visibleOrders(db, scope)})
    ), marked AS (
      SELECT sold.*, ${dayOf(db, 'paid_at', options)} AS day, buyer IN (SELECT buyer FROM known) AS is_known FROM sold
    )
    SELECT store_code AS "storeCode", ${byDay ? db`day` : db`NULL::text AS day`},
      sum(net_fen)::bigint AS "netSalesFen", count(*) AS orders,
      COALESCE(sum(net_fen) FILTER (WHERE channel = 'in_store' AND selling_store = store_code), 0)::bigint AS "hereFen",
      COALESCE(sum(net_fen) FILTER (WHERE channel = 'in_store' AND selling_store IS DISTINCT FROM store_code), 0)::bigint
        AS "othersFen",
      COALESCE(sum(net_fen) FILTER (WHERE channel = 'online'), 0)::bigint AS "onlineFen",
      count(DISTINCT buyer) AS buyers, count(DISTINCT buyer) FILTER (WHERE is_known) AS "repeatBuyers",
      count(DISTINCT buyer) FILTER (WHERE selling_store IS DISTINCT FROM store_code) AS "boughtElsewhere"
    FROM marked
    GROUP BY GROUPING SETS ((store_code) ${byDay ? db`, (store_code, day)` : db``})`
}

interface MoneyRow {
  storeCode: string
  day: string
  fen: number
}

/** What a store is owed for orders that another store sold, or none. */
export async function selectElsewherePaid(db: Db, options: OfStores & ByDay) {
  const { brandId, storeCodes, from, to } = options
  return await db<MoneyRow[]>`
    SELECT e.payee AS "storeCode", ${dayOf(db, 'e.paid_at', options)} AS day, sum(e.amount_fen)::bigint AS fen
    FROM entitlements AS e
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = e.source AND o.order_no = e.order_no
    WHERE e.brand_id = ${brandId} AND e.payee_kind = 'store' AND e.payee = ANY (${list(db, storeCodes)})
      AND e.paid_at >= ${instant(db, from)} AND e.paid_at < ${instant(db, to)}
      AND o.selling_store IS DISTINCT FROM e.payee
    GROUP BY 1, 2`
}

/** What stores' associates are owed, by whose orders it is for. */
export async function selectAssociatesCommission(db: Db, options: OfStores & ByDay & { scope: Scope }) {
  const { brandId, storeCodes, scope, from, to } = options
  return await db<(MoneyRow & { buyer: string })[]>`
    SELECT a.store_code AS "storeCode", ${dayOf(db, 'e.paid_at', options)} AS day, o.buyer, sum(e.amount_fen)::bigint AS fen
    FROM associates AS a
    JOIN entitlements AS e ON e.brand_id = ${brandId} AND e.payee_kind = 'associate' AND e.payee = a.associate_id
      AND e.paid_at >= ${instant(db, from)} AND e.paid_at < ${instant(db, to)}
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = e.source AND o.order_no = e.order_no
    WHERE a.brand_id = ${brandId} AND a.store_code = ANY (${list(db, storeCodes)}) AND o.buyer IS NOT NULL
      AND ${visibleOrders(db, scope)}
    GROUP BY 1, 2, 3`
}

// --------------------------------------------------------------------------------------- friends, groups

/** Friendships of stores' associates that began, but for transfers, and that customers ended. */
export async function selectFriendChanges(db: Db, options: OfStores & ByDay) {
  const { brandId, storeCodes, from, to } = options
  return await db<{ storeCode: string; day: string; friendsAdded: number; friendsLost: number }[]>`
    SELECT a.store_code AS "storeCode", ${dayOf(db, 'f.at', options)} AS day,
      count(*) FILTER (WHERE f.kind = 'added') AS "friendsAdded",
      count(*) FILTER (WHERE f.kind = 'ended') AS "friendsLost"
    FROM associates AS a
    JOIN friend_events AS f ON f.brand_id = ${brandId} AND f.associate_id = a.associate_id
      AND f.at >= ${instant(db, from)} AND f.at < ${instant(db, to)}
    WHERE a.brand_id = ${brandId} AND a.store_code = ANY (${list(db, storeCodes)})
      AND (f.kind = 'added' OR f.ended_by = 'customer') AND NOT ${isHandedOver(db, brandId)}
    GROUP BY 1, 2`
}

/** How many friendships stores' associates had just before an instant. */
export async function selectFriendCounts(db: Db, options: OfStores & { at: Instant }) {
  const { brandId, storeCodes, at } = options
  return await db<{ storeCode: string; friends: number }[]>`
    SELECT "storeCode", count(*) AS friends FROM (
      SELECT DISTINCT ON (f.associate_id, f.external_userid) a.store_code AS "storeCode", f.kind
      FROM associates AS a
      JOIN friend_events AS f ON f.brand_id = ${brandId} AND f.associate_id = a.associate_id
        AND f.at < ${instant(db, at)}
      WHERE a.brand_id = ${brandId} AND a.store_code = ANY (${list(db, storeCodes)})
      ORDER BY f.associate_id, f.external_userid, f.at DESC, f.kind DESC
    ) AS latest
    WHERE kind = 'added' GROUP BY 1`
}

/**
 * `store_group (chat_id, store_code, …)`: a group is of the store that was told, else of its owner's, else of the one
 * that its owner's department belongs to.
 */
const storeGroups = (db: Db, { brandId, storeCodes }: OfStores) => db`
  RECURSIVE above (department_id, at_id, steps) AS (
    SELECT department_id, department_id, 0 FROM wecom_departments WHERE brand_id = ${brandId}
    UNION ALL
    SELECT above.department_id, d.parent_id, above.steps + 1 FROM above
    JOIN wecom_departments AS d ON d.brand_id = ${brandId} AND d.department_id = above.at_id
    WHERE above.steps < 32
  ), department_store AS MATERIALIZED (
    SELECT DISTINCT ON (above.department_id) above.department_id, s.store_code
    FROM above JOIN stores AS s ON s.brand_id = ${brandId} AND s.wecom_department_id = above.at_id
    ORDER BY above.department_id, above.steps, s.store_code DESC
  ), store_group AS MATERIALIZED (
    SELECT * FROM (
      SELECT COALESCE(g.chat_id, told.chat_id) AS chat_id, g.created_at, g.dissolved_at,
        COALESCE(told.store_code, owner.store_code, (
          SELECT department_store.store_code
          FROM wecom_staff AS s
          CROSS JOIN LATERAL jsonb_array_elements_text(s.department_ids) WITH ORDINALITY AS own (department_id, place)
          JOIN department_store ON department_store.department_id = own.department_id::int
          WHERE s.brand_id = ${brandId} AND s.userid = g.owner
          ORDER BY own.place LIMIT 1)) AS store_code
      FROM (SELECT * FROM wecom_groups WHERE brand_id = ${brandId}) AS g
      FULL JOIN (SELECT * FROM group_chats WHERE brand_id = ${brandId}) AS told ON told.chat_id = g.chat_id
      LEFT JOIN associates AS owner ON owner.brand_id = ${brandId} AND owner.associate_id = COALESCE(g.owner, told.owner)
    ) AS placed
    WHERE store_code = ANY (${list(db, storeCodes)})
  )`

/** Groups that were there just before an instant, and the customers in them. */
export async function selectGroupCounts(db: Db, options: OfStores & { at: Instant }) {
  const { brandId, at } = options
  return await db<{ storeCode: string; groups: number; groupMembers: number }[]>`
    WITH ${storeGroups(db, options)}
    SELECT g.store_code AS "storeCode", count(*) AS groups, COALESCE(sum(inside.count), 0)::bigint AS "groupMembers"
    FROM store_group AS g
    CROSS JOIN LATERAL (
      SELECT count(*) AS count FROM wecom_group_members AS m
      WHERE m.brand_id = ${brandId} AND m.chat_id = g.chat_id AND NOT m.is_staff AND m.joined_at < ${instant(db, at)}
        AND (m.left_at IS NULL OR m.left_at >= ${instant(db, at)})
    ) AS inside
    WHERE (g.created_at IS NULL OR g.created_at < ${instant(db, at)})
      AND (g.dissolved_at IS NULL OR g.dissolved_at >= ${instant(db, at)})
    GROUP BY 1`
}

/** Customers who came to stores' groups and left them. */
export async function selectGroupChanges(db: Db, options: OfStores & ByDay) {
  const { brandId, from, to } = options
  const isWithin = (column: string) => db`${db(column)} >= ${instant(db, from)} AND ${db(column)} < ${instant(db, to)}`
  return await db<{ storeCode: string; day: string; groupJoined: number; groupLeft: number }[]>`
    WITH ${storeGroups(db, options)}
    SELECT store_code AS "storeCode", ${dayOf(db, 'at', options)} AS day,
      count(*) FILTER (WHERE came) AS "groupJoined", count(*) FILTER (WHERE NOT came) AS "groupLeft"
    FROM (
      SELECT g.store_code, m.joined_at AS at, true AS came
      FROM store_group AS g JOIN wecom_group_members AS m ON m.brand_id = ${brandId} AND m.chat_id = g.chat_id
      WHERE NOT m.is_staff AND ${isWithin('m.joined_at')}
      UNION ALL
      SELECT g.store_code, m.left_at, false
      FROM store_group AS g JOIN wecom_group_members AS m ON m.brand_id = ${brandId} AND m.chat_id = g.chat_id
      WHERE NOT m.is_staff AND ${isWithin('m.left_at')}
    ) AS change
    GROUP BY 1, 2`
}

// -------------------------------------------------------------------------------------- what is kept by day

export interface DayRow {
  storeCode: string
  day: string
  members: number
  activeMembers: number
  friends: number
  friendsAdded: number
  friendsLost: number
  groups: number
  groupMembers: number
  groupJoined: number
  groupLeft: number
}

/** Snapshots of a store's days. */
export async function selectDays(db: Db, options: OfStores & { firstDay: string; lastDay: string }) {
  return await db<DayRow[]>`
    SELECT store_code AS "storeCode", day, members, active_members AS "activeMembers", friends,
      friends_added AS "friendsAdded", friends_lost AS "friendsLost", groups, group_members AS "groupMembers",
      group_joined AS "groupJoined", group_left AS "groupLeft"
    FROM community_days
    WHERE brand_id = ${options.brandId} AND store_code = ANY (${list(db, options.storeCodes)})
      AND day >= ${options.firstDay} AND day <= ${options.lastDay}
    ORDER BY store_code, day`
}

/** What was taken of a day stays: another process that was slower changes nothing. */
export async function insertDays(db: Db, options: { brandId: number; rows: readonly DayRow[]; now: Instant }) {
  await db`
    INSERT INTO community_days (brand_id, store_code, day, members, active_members, friends, friends_added, friends_lost,
      groups, group_members, group_joined, group_left, taken_at)
    SELECT ${options.brandId}, "storeCode", day, members, "activeMembers", friends, "friendsAdded", "friendsLost", groups,
      "groupMembers", "groupJoined", "groupLeft", ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb) AS row ("storeCode" text, day text, members int,
      "activeMembers" int, friends int, "friendsAdded" int, "friendsLost" int, groups int, "groupMembers" int,
      "groupJoined" int, "groupLeft" int)
    ORDER BY "storeCode" COLLATE "C" ON CONFLICT DO NOTHING`
}

/** Stores of which a day has not been taken. */
export async function selectStoresWithoutDay(db: Db, options: { brandId: number; day: string; limit: number }) {
  const rows = await db<{ storeCode: string }[]>`
    SELECT s.store_code AS "storeCode" FROM stores AS s
    WHERE s.brand_id = ${options.brandId} AND NOT EXISTS (
      SELECT FROM community_days AS d
      WHERE d.brand_id = ${options.brandId} AND d.store_code = s.store_code AND d.day = ${options.day})
    ORDER BY s.store_code LIMIT ${options.limit}`
  return rows.map(row => row.storeCode)
}

/** The latest of these days that were not taken of each of these stores. */
export async function selectDaysWithoutStores(
  db: Db,
  options: { brandId: number; days: readonly string[]; storeCodes: readonly string[]; limit: number },
) {
  const { brandId, days, storeCodes, limit } = options
  const rows = await db<{ day: string }[]>`
    SELECT day FROM unnest(${list(db, days)}) AS wanted (day)
    WHERE EXISTS (
      SELECT FROM unnest(${list(db, storeCodes)}) AS own (store_code)
      WHERE NOT EXISTS (
        SELECT FROM community_days AS d
        WHERE d.brand_id = ${brandId} AND d.store_code = own.store_code AND d.day = wanted.day))
    ORDER BY day DESC LIMIT ${limit}`
  return rows.map(row => row.day)
}

/** The latest of these days that was not taken of every store; null: all were. */
export async function selectMissedDay(db: Db, options: { brandId: number; days: readonly string[] }) {
  const { brandId, days } = options
  const [row] = await db<{ day: string }[]>`
    SELECT day FROM unnest(${list(db, days)}) AS wanted (day)
    WHERE (SELECT count(*) FROM community_days AS d JOIN stores AS s ON s.brand_id = ${brandId} AND s.store_code = d.store_code
        WHERE d.brand_id = ${brandId} AND d.day = wanted.day)
      < (SELECT count(*) FROM stores WHERE brand_id = ${brandId})
    ORDER BY day DESC LIMIT 1`
  return row?.day ?? null
}

/** Since when anything is known that a snapshot could count. */
export async function selectFirstEvidence(db: Db, { brandId }: { brandId: number }): Promise<Instant | null> {
  const [row] = await db<{ at: Instant | null }[]>`
    SELECT LEAST(
      (SELECT min(paid_at) FROM orders WHERE brand_id = ${brandId}),
      (SELECT min(at) FROM friend_events WHERE brand_id = ${brandId}),
      (SELECT min(created_at) FROM wecom_groups WHERE brand_id = ${brandId})) AS at`
  return row!.at
}

export async function selectBrands(db: Db) {
  return await db<{ brandId: number; zone: string }[]>`
    SELECT brand_id AS "brandId", timezone AS zone FROM brands ORDER BY brand_id`
}

// ------------------------------------------------------------------------------------- WeCom's statistics

export interface StatisticsRow {
  storeCode: string
  day: string
  friendsAdded: number | null
  friendsLost: number | null
  groups: number | null
  groupMembers: number | null
  groupJoined: number | null
}

/** What WeCom counted on days before the mirror began. */
export async function selectStatistics(db: Db, options: OfStores & { firstDay: string; lastDay: string }) {
  return await db<StatisticsRow[]>`
    SELECT store_code AS "storeCode", day, friends_added AS "friendsAdded", friends_lost AS "friendsLost", groups,
      group_members AS "groupMembers", group_joined AS "groupJoined"
    FROM community_statistics
    WHERE brand_id = ${options.brandId} AND store_code = ANY (${list(db, options.storeCodes)})
      AND day >= ${options.firstDay} AND day <= ${options.lastDay}
    ORDER BY store_code, day`
}

export async function upsertStatistics(
  db: Db,
  options: { brandId: number; rows: readonly StatisticsRow[]; now: Instant },
) {
  if (options.rows.length === 0) return
  await db`
    INSERT INTO community_statistics AS s (brand_id, store_code, day, friends_added, friends_lost, groups, group_members,
      group_joined, fetched_at)
    SELECT ${options.brandId}, "storeCode", day, "friendsAdded", "friendsLost", groups, "groupMembers", "groupJoined",
      ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb) AS row ("storeCode" text, day text,
      "friendsAdded" int, "friendsLost" int, groups int, "groupMembers" int, "groupJoined" int)
    ORDER BY "storeCode" COLLATE "C", day COLLATE "C"
    ON CONFLICT (brand_id, store_code, day) DO UPDATE SET friends_added = EXCLUDED.friends_added,
      friends_lost = EXCLUDED.friends_lost, groups = EXCLUDED.groups, group_members = EXCLUDED.group_members,
      group_joined = EXCLUDED.group_joined, fetched_at = EXCLUDED.fetched_at`
}

/** When the first walk through WeCom that is known began; null: none is done yet. */
export async function selectMirrorBegan(db: Db, { brandId }: { brandId: number }): Promise<Instant | null> {
  const [row] = await db<{ at: Instant | null }[]>`
    SELECT min(started_at) AS at FROM wecom_syncs WHERE brand_id = ${brandId} AND kind <> 'staff' AND status <> 'running'`
  return row!.at
}

export interface FillRow {
  storeCode: string
  nextDay: string
  endDay: string
}

/** Makes what is to be read of stores that have somebody in WeCom; those that have a row keep it. */
export async function insertFills(db: Db, options: { brandId: number; nextDay: string; endDay: string; now: Instant }) {
  const { brandId, nextDay, endDay, now } = options
  await db`
    INSERT INTO community_fills (brand_id, store_code, next_day, end_day, due_at)
    SELECT DISTINCT ${brandId}::int, a.store_code, ${nextDay}::text, ${endDay}::text, ${now}::timestamptz
    FROM associates AS a
    JOIN wecom_staff AS s ON s.brand_id = ${brandId} AND s.userid = a.associate_id AND s.may_follow
    WHERE a.brand_id = ${brandId} AND a.store_code IS NOT NULL
    ORDER BY 2 ON CONFLICT DO NOTHING`
}

/** One that is due, for as long as the lease lasts. */
export async function takeFill(db: Db, options: { brandId: number; now: Instant; leasedUntil: Instant }) {
  const [row] = await db<FillRow[]>`
    UPDATE community_fills SET due_at = ${options.leasedUntil}
    WHERE brand_id = ${options.brandId} AND store_code = (
      SELECT store_code FROM community_fills
      WHERE brand_id = ${options.brandId} AND finished_at IS NULL AND due_at <= ${options.now}
      ORDER BY due_at, store_code LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING store_code AS "storeCode", next_day AS "nextDay", end_day AS "endDay"`
  return row ?? null
}

export async function updateFill(
  db: Db,
  options: {
    brandId: number
    storeCode: string
    nextDay: string
    dueAt: Instant
    errcode: number | null
    finishedAt: Instant | null
  },
) {
  await db`
    UPDATE community_fills SET next_day = ${options.nextDay}, due_at = ${options.dueAt}, errcode = ${options.errcode},
      finished_at = ${options.finishedAt}
    WHERE brand_id = ${options.brandId} AND store_code = ${options.storeCode}`
}

/** A store's people who may have customers, a hundred at most: as many as WeCom sums in one call. */
export async function selectFollowersOf(db: Db, options: { brandId: number; storeCode: string }) {
  const rows = await db<{ userid: string }[]>`
    SELECT s.userid FROM associates AS a
    JOIN wecom_staff AS s ON s.brand_id = ${options.brandId} AND s.userid = a.associate_id AND s.may_follow
      AND s.gone_at IS NULL
    WHERE a.brand_id = ${options.brandId} AND a.store_code = ${options.storeCode}
    ORDER BY s.userid LIMIT 100`
  return rows.map(row => row.userid)
}
