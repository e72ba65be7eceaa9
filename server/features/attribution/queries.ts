import type { DatedEntry } from '../../../drizzle/schema/stores.ts'
import type { StoredRefundLine } from '../../../drizzle/schema/orders.ts'
import { oneOf, type Db } from '../../database.ts'
import { arrayText } from '../../lib/array-text.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { OrderKey, ToldOrder } from '../evidence/service.ts'
import type { BindingEventKind, IdentityKind, ShareLink } from './domain.ts'

/**
 * Loads what is recorded about a batch of orders. Few statements, whatever the batch: each takes its keys as arrays.
 * `OFFSET 0` keeps the planner to one index probe a key.
 */

interface Options {
  brandId: number
}

/** Orders as a table to join with: `key (source, order_no)`. */
function orderKeys(db: Db, orders: readonly OrderKey[]) {
  return db`unnest(${orders.map(order => order.source)}::text[], ${orders.map(order => order.orderNo)}::text[])
    AS key (source, order_no)`
}

export interface OrderRow extends ToldOrder {
  /** As last decided. */
  buyer: string | null
  isFirstOrder: boolean | null
}

const ORDER_COLUMNS = `r.source, r.order_no AS "orderNo", r.revision, r.channel, r.member_no AS "memberNo", r.unionid,
  r.openid, r.external_userid AS "externalUserid", r.visitor_id AS "visitorId", r.phone_hash AS "phoneHash",
  r.selling_store AS "sellingStore", r.closer, r.share_code AS "shareCode", r.paid_at AS "paidAt",
  r.completed_at AS "completedAt", r.cancelled, r.lines, o.buyer, o.is_first_order AS "isFirstOrder"`

/** The revision that counts; orders of which only a refund came are left out. */
export async function selectOrders(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  if (orders.length === 0) return []
  return await db<OrderRow[]>`
    SELECT ${db.unsafe(ORDER_COLUMNS)}
    FROM ${orderKeys(db, orders)}
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key.order_no
    JOIN order_revisions AS r
      ON r.brand_id = ${brandId} AND r.source = o.source AND r.order_no = o.order_no AND r.revision = o.revision`
}

/** An order's place among those of a brand, by (paidAt, source, orderNo). */
export interface OrderPlace extends OrderKey {
  paidAt: Instant
}

export interface SpanRow extends OrderRow {
  /** Whether anything of the kind was ever told of it. */
  hasRefunds: boolean
  hasOverrides: boolean
  hasHolds: boolean
}

/** The next orders paid in a span, by (paidAt, source, orderNo); null as a bound: without end. */
export async function selectOrdersOfSpan(
  db: Db,
  options: Options & { from: Instant | null; to: Instant | null; after: OrderPlace | null; limit: number },
) {
  const { brandId, from, to, after, limit } = options
  // One lower bound alone: with two, the index may be entered at the other one.
  const start = after
    ? db`AND (o.paid_at, o.source, o.order_no) > (${formatInstant(after.paidAt)}::text::timestamptz, ${after.source}, ${after.orderNo})`
    : from === null
      ? db``
      : db`AND o.paid_at >= ${formatInstant(from)}::text::timestamptz`
  const ofOrder = (table: string) => db`EXISTS (
    SELECT FROM ${db(table)} AS told WHERE told.brand_id = ${brandId} AND told.source = o.source AND told.order_no = o.order_no)`
  return await db<SpanRow[]>`
    SELECT ${db.unsafe(ORDER_COLUMNS)}, ${ofOrder('refund_revisions')} AS "hasRefunds",
      ${ofOrder('order_overrides')} AS "hasOverrides", ${ofOrder('order_holds')} AS "hasHolds"
    FROM (
      SELECT o.source, o.order_no, o.revision, o.paid_at, o.buyer, o.is_first_order FROM orders AS o
      WHERE o.brand_id = ${brandId} AND o.revision IS NOT NULL ${start}
        ${to === null ? db`` : db`AND o.paid_at < ${formatInstant(to)}::text::timestamptz`}
      ORDER BY o.paid_at, o.source, o.order_no LIMIT ${limit}
    ) AS o
    CROSS JOIN LATERAL (
      SELECT * FROM order_revisions AS r
      WHERE r.brand_id = ${brandId} AND r.source = o.source AND r.order_no = o.order_no AND r.revision = o.revision OFFSET 0
    ) AS r
    ORDER BY o.paid_at, o.source, o.order_no`
}

/** Refunds whose highest revision belongs to one of these orders. */
export async function selectRefunds(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  if (orders.length === 0) return []
  return await db<
    (OrderKey & { refundNo: string; revision: number; refundedAt: Instant; lines: StoredRefundLine[] })[]
  >`
    SELECT r.source, r.order_no AS "orderNo", r.refund_no AS "refundNo", r.revision, r.refunded_at AS "refundedAt", r.lines
    FROM ${orderKeys(db, orders)}
    JOIN refund_revisions AS r ON r.brand_id = ${brandId} AND r.source = key.source AND r.order_no = key.order_no
    WHERE NOT EXISTS (
      SELECT FROM refund_revisions AS later
      WHERE later.brand_id = ${brandId} AND later.source = r.source AND later.refund_no = r.refund_no
        AND later.revision > r.revision)`
}

/** The latest override of each order and role. */
export async function selectOverrides(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  if (orders.length === 0) return []
  return await db<
    (OrderKey & {
      role: string
      associateId: string | null
      withdrawn: boolean
      storeCode: string | null
      at: Instant
      reason: string
      madeBy: string
    })[]
  >`
    SELECT DISTINCT ON (o.source, o.order_no, o.role) o.source, o.order_no AS "orderNo", o.role,
      o.associate_id AS "associateId", o.withdrawn, o.store_code AS "storeCode", o.at, o.reason, o.made_by AS "madeBy"
    FROM ${orderKeys(db, orders)}
    JOIN order_overrides AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key.order_no
    ORDER BY o.source, o.order_no, o.role, o.at DESC`
}

/** Orders whose latest hold stands. */
export async function selectHeldOrders(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  if (orders.length === 0) return []
  return await db<OrderKey[]>`
    SELECT source, "orderNo" FROM (
      SELECT DISTINCT ON (h.source, h.order_no) h.source, h.order_no AS "orderNo", h.held
      FROM ${orderKeys(db, orders)}
      JOIN order_holds AS h ON h.brand_id = ${brandId} AND h.source = key.source AND h.order_no = key.order_no
      ORDER BY h.source, h.order_no, h.at DESC, h.hold_id DESC
    ) AS latest WHERE held`
}

export interface IdentityRow {
  kind: string
  value: string
  memberNo: string
  /** What the number became; null where no record of it is kept. */
  lastMemberNo: string | null
  at: Instant
}

/** Every link told of these ids. */
export async function selectIdentities(
  db: Db,
  { brandId, ids }: Options & { ids: readonly { kind: string; value: string }[] },
) {
  if (ids.length === 0) return []
  return await db<IdentityRow[]>`
    SELECT i.kind, i.value, i.member_no AS "memberNo", i.at, (
        SELECT m.last_member_no FROM members AS m WHERE m.brand_id = ${brandId} AND m.member_no = i.member_no
      ) AS "lastMemberNo"
    FROM unnest((SELECT ${ids.map(id => id.kind)}::text[]), (SELECT ${ids.map(id => id.value)}::text[])) AS key (kind, value)
    CROSS JOIN LATERAL (
      SELECT * FROM identities AS i WHERE i.brand_id = ${brandId} AND i.kind = key.kind AND i.value = key.value OFFSET 0
    ) AS i`
}

/** Numbers, or all those of people by their last. */
type Numbers = { memberNos: readonly string[] } | { lastMemberNos: readonly string[] }

const isOfNobody = (numbers: Numbers) =>
  ('memberNos' in numbers ? numbers.memberNos : numbers.lastMemberNos).length === 0

const anyNumberOf = (db: Db, brandId: number, numbers: Numbers) =>
  'memberNos' in numbers
    ? oneOf(db, numbers.memberNos)
    : db`ANY (ARRAY(SELECT member_no FROM members
        WHERE brand_id = ${brandId} AND last_member_no = ${oneOf(db, numbers.lastMemberNos)}))`

/** Every id ever linked to one of these numbers; one that was linked several times comes as often. */
export async function selectIdsOfMembers(db: Db, { brandId, ...numbers }: Options & Numbers) {
  if (isOfNobody(numbers)) return []
  return await db<{ kind: string; value: string; memberNo: string }[]>`
    SELECT kind, value, member_no AS "memberNo" FROM identities
    WHERE brand_id = ${brandId} AND member_no = ${anyNumberOf(db, brandId, numbers)}`
}

/** Under which last number these numbers go. Only numbers that were merged. */
export async function selectMergedNumbers(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  if (memberNos.length === 0) return []
  return await db<{ memberNo: string; lastMemberNo: string }[]>`
    SELECT member_no AS "memberNo", last_member_no AS "lastMemberNo" FROM members
    WHERE brand_id = ${brandId} AND member_no = ${oneOf(db, memberNos)} AND last_member_no <> member_no`
}

export async function selectPhoneOwners(
  db: Db,
  { brandId, phoneHashes }: Options & { phoneHashes: readonly string[] },
) {
  if (phoneHashes.length === 0) return []
  return await db<{ phoneHash: string; memberNo: string; lastMemberNo: string }[]>`
    SELECT phone_hash AS "phoneHash", member_no AS "memberNo", last_member_no AS "lastMemberNo" FROM members
    WHERE brand_id = ${brandId} AND phone_hash = ${oneOf(db, phoneHashes)}`
}

export interface MemberOfPerson {
  memberNo: string
  lastMemberNo: string
  openingStore: string | null
  openingAssociate: string | null
  levels: DatedEntry[]
}

/** All numbers of these people. */
export async function selectPersons(
  db: Db,
  { brandId, lastMemberNos }: Options & { lastMemberNos: readonly string[] },
) {
  if (lastMemberNos.length === 0) return []
  return await db<MemberOfPerson[]>`
    SELECT member_no AS "memberNo", last_member_no AS "lastMemberNo", opening_store AS "openingStore",
      opening_associate AS "openingAssociate", levels
    FROM members WHERE brand_id = ${brandId} AND last_member_no = ${oneOf(db, lastMemberNos)}`
}

/** What was told of these numbers, and what the binding policy made of their events. */
export async function selectAssignments(db: Db, { brandId, ...numbers }: Options & Numbers) {
  if (isOfNobody(numbers)) return []
  return await db<
    {
      memberNo: string
      fromAt: Instant
      attributedTold: boolean
      attributedAssociate: string | null
      homeStoreTold: boolean
      homeStore: string | null
      reason: string | null
      event: BindingEventKind | null
    }[]
  >`
    SELECT member_no AS "memberNo", from_at AS "fromAt", attributed_told AS "attributedTold",
      attributed_associate AS "attributedAssociate", home_store_told AS "homeStoreTold", home_store AS "homeStore", reason,
      NULL AS event
    FROM member_assignments WHERE brand_id = ${brandId} AND member_no = ${anyNumberOf(db, brandId, numbers)}
    UNION ALL
    SELECT member_no, from_at, true, associate_id, false, NULL, event_kind, event_kind
    FROM derived_assignments WHERE brand_id = ${brandId} AND member_no = ${anyNumberOf(db, brandId, numbers)}`
}

export interface TouchRow {
  touchId: string
  at: Instant
  kind: string
  linkCode: string
  memberNo: string | null
  unionid: string | null
  openid: string | null
  externalUserid: string | null
  visitorId: string | null
}

/** The ids that touches are looked for under, and when. */
export interface TouchProbe {
  from: Instant
  to: Instant
  values: Readonly<Record<'member' | IdentityKind, readonly string[]>>
}

/**
 * Touches with a link, under these ids and within these times; the associate's own opening left out. One that was seen
 * under several of them comes as often.
 *
 * The ids stand in a sub-select so that they are unknown when the statement is planned: else each id is looked up in the
 * statistics of each partition, every time, which takes longer than finding the touches.
 */
export async function selectTouches(db: Db, { brandId, probe }: Options & { probe: TouchProbe }): Promise<TouchRow[]> {
  const by = (column: string, values: readonly string[]) => db`
    SELECT touch_id AS "touchId", at, kind, link_code AS "linkCode", member_no AS "memberNo", unionid, openid,
      external_userid AS "externalUserid", visitor_id AS "visitorId"
    FROM touches
    WHERE brand_id = ${brandId} AND ${db(column)} = ANY ((SELECT ${arrayText(values)}::text::text[])::text[])
      AND at >= ${probe.from}::timestamptz AND at <= ${probe.to}::timestamptz AND link_code IS NOT NULL AND NOT by_associate`
  const { member, unionid, openid, external_userid, visitor } = probe.values
  return await db<TouchRow[]>`
    ${by('member_no', member)} UNION ALL ${by('unionid', unionid)} UNION ALL ${by('openid', openid)}
    UNION ALL ${by('external_userid', external_userid)} UNION ALL ${by('visitor_id', visitor)}`
}

/** Links as they are needed to decide. */
export async function selectShareLinks(
  db: Db,
  { brandId, linkCodes }: Options & { linkCodes: readonly string[] },
): Promise<ShareLink[]> {
  if (linkCodes.length === 0) return []
  return await db<ShareLink[]>`
    SELECT link_code AS "linkCode", associate_id AS "associateId", store_code AS "storeCode", created_at AS "createdAt",
      revoked_at AS "revokedAt"
    FROM share_links WHERE brand_id = ${brandId} AND link_code = ${oneOf(db, linkCodes)}`
}

export interface AssociateRow {
  associateId: string
  storeCode: string | null
  memberNo: string | null
  invitedBy: string | null
  kinds: DatedEntry[]
  employments: { activeFrom: string; activeTo: string | null }[]
}

export async function selectAssociates(
  db: Db,
  { brandId, associateIds }: Options & { associateIds: readonly string[] },
) {
  if (associateIds.length === 0) return []
  return await db<AssociateRow[]>`
    SELECT associate_id AS "associateId", store_code AS "storeCode", member_no AS "memberNo", invited_by AS "invitedBy",
      kinds, employments
    FROM associates WHERE brand_id = ${brandId} AND associate_id = ${oneOf(db, associateIds)}`
}

/** Not one of these; `o` is the order. */
const outside = (db: Db, orders: readonly OrderKey[]) =>
  orders.length === 0
    ? db``
    : db`AND (o.source, o.order_no) NOT IN (SELECT source, order_no FROM ${orderKeys(db, orders)})`

/**
 * Of each person his earliest uncancelled order outside the batch, and what was last decided about it.
 */
export async function selectEarliestOrders(
  db: Db,
  { brandId, buyers, orders }: Options & { buyers: readonly string[]; orders: readonly OrderKey[] },
) {
  if (buyers.length === 0) return []
  return await db<(OrderKey & { buyer: string; paidAt: Instant; isFirstOrder: boolean | null })[]>`
    SELECT buyer.buyer, e.source, e."orderNo", e."paidAt", e."isFirstOrder"
    FROM unnest(${buyers as string[]}::text[]) AS buyer (buyer)
    CROSS JOIN LATERAL (
      SELECT o.source, o.order_no AS "orderNo", o.paid_at AS "paidAt", o.is_first_order AS "isFirstOrder"
      FROM orders AS o
      WHERE o.brand_id = ${brandId} AND o.buyer = buyer.buyer AND NOT o.cancelled
        ${outside(db, orders)}
      ORDER BY o.paid_at, o.source, o.order_no LIMIT 1
    ) AS e`
}

/** Orders outside the batch that were last decided to be somebody's first. */
export async function selectOrdersHeldFirst(
  db: Db,
  { brandId, buyers, orders }: Options & { buyers: readonly string[]; orders: readonly OrderKey[] },
) {
  if (buyers.length === 0) return []
  return await db<(OrderKey & { buyer: string; paidAt: Instant })[]>`
    SELECT o.source, o.order_no AS "orderNo", o.buyer, o.paid_at AS "paidAt"
    FROM orders AS o
    WHERE o.brand_id = ${brandId} AND o.buyer = ${oneOf(db, buyers)} AND o.is_first_order
      ${outside(db, orders)}`
}

/** Lets one transaction at a time decide about a person's orders, so that two first orders see each other. */
export async function lockBuyers(db: Db, { brandId, buyers }: Options & { buyers: readonly string[] }) {
  if (buyers.length === 0) return
  await db`
    SELECT pg_advisory_xact_lock(key) FROM (
      SELECT DISTINCT hashtextextended(buyer, ${brandId}) AS key
      FROM unnest(${buyers as string[]}::text[]) AS buyer ORDER BY 1
    ) AS keys`
}
