import type { DatedEntry } from '../../../drizzle/schema/stores.ts'
import type { StoredLine, StoredRefundLine } from '../../../drizzle/schema/orders.ts'
import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { OrderKey } from '../evidence/service.ts'

/**
 * Loads what is recorded about a batch of orders. A fixed number of statements, whatever the batch: each takes its
 * keys as one JSON text. `OFFSET 0` keeps the planner to one index probe a key.
 */

interface Options {
  brandId: number
}

export interface OrderRow {
  source: string
  orderNo: string
  revision: number
  channel: string
  memberNo: string | null
  unionid: string | null
  openid: string | null
  externalUserid: string | null
  visitorId: string | null
  phoneHash: string | null
  sellingStore: string | null
  closer: string | null
  shareCode: string | null
  paidAt: Instant
  completedAt: Instant | null
  cancelled: boolean
  lines: StoredLine[]
  /** As last decided. */
  buyer: string | null
  isFirstOrder: boolean | null
}

/** The revision that counts; orders of which only a refund came are left out. */
export async function selectOrders(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  return await db<OrderRow[]>`
    SELECT r.source, r.order_no AS "orderNo", r.revision, r.channel, r.member_no AS "memberNo", r.unionid, r.openid,
      r.external_userid AS "externalUserid", r.visitor_id AS "visitorId", r.phone_hash AS "phoneHash",
      r.selling_store AS "sellingStore", r.closer, r.share_code AS "shareCode", r.paid_at AS "paidAt",
      r.completed_at AS "completedAt", r.cancelled, r.lines, o.buyer, o.is_first_order AS "isFirstOrder"
    FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key."orderNo"
    JOIN order_revisions AS r
      ON r.brand_id = ${brandId} AND r.source = o.source AND r.order_no = o.order_no AND r.revision = o.revision`
}

/** Refunds whose highest revision belongs to one of these orders. */
export async function selectRefunds(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  return await db<
    (OrderKey & { refundNo: string; revision: number; refundedAt: Instant; lines: StoredRefundLine[] })[]
  >`
    SELECT r.source, r.order_no AS "orderNo", r.refund_no AS "refundNo", r.revision, r.refunded_at AS "refundedAt", r.lines
    FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
    JOIN refund_revisions AS r ON r.brand_id = ${brandId} AND r.source = key.source AND r.order_no = key."orderNo"
    WHERE NOT EXISTS (
      SELECT FROM refund_revisions AS later
      WHERE later.brand_id = ${brandId} AND later.source = r.source AND later.refund_no = r.refund_no
        AND later.revision > r.revision)`
}

/** The latest override of each order and role. */
export async function selectOverrides(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
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
    FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
    JOIN order_overrides AS o ON o.brand_id = ${brandId} AND o.source = key.source AND o.order_no = key."orderNo"
    ORDER BY o.source, o.order_no, o.role, o.at DESC`
}

/** Orders whose latest hold stands. */
export async function selectHeldOrders(db: Db, { brandId, orders }: Options & { orders: readonly OrderKey[] }) {
  return await db<OrderKey[]>`
    SELECT source, "orderNo" FROM (
      SELECT DISTINCT ON (h.source, h.order_no) h.source, h.order_no AS "orderNo", h.held
      FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb) AS key (source text, "orderNo" text)
      JOIN order_holds AS h ON h.brand_id = ${brandId} AND h.source = key.source AND h.order_no = key."orderNo"
      ORDER BY h.source, h.order_no, h.at DESC, h.hold_id DESC
    ) AS latest WHERE held`
}

export interface IdentityRow {
  kind: string
  value: string
  memberNo: string
  at: Instant
}

/** Every link told of these ids. */
export async function selectIdentities(
  db: Db,
  { brandId, ids }: Options & { ids: readonly { kind: string; value: string }[] },
) {
  if (ids.length === 0) return []
  return await db<IdentityRow[]>`
    SELECT i.kind, i.value, i.member_no AS "memberNo", i.at
    FROM jsonb_to_recordset(${JSON.stringify(ids)}::text::jsonb) AS key (kind text, value text)
    CROSS JOIN LATERAL (
      SELECT * FROM identities AS i WHERE i.brand_id = ${brandId} AND i.kind = key.kind AND i.value = key.value OFFSET 0
    ) AS i`
}

/** Every id ever linked to one of these numbers. */
export async function selectIdsOfMembers(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  if (memberNos.length === 0) return []
  return await db<{ kind: string; value: string; memberNo: string }[]>`
    SELECT DISTINCT kind, value, member_no AS "memberNo" FROM identities
    WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[])`
}

/** Under which last number these numbers go. Only numbers that were merged. */
export async function selectMergedNumbers(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  if (memberNos.length === 0) return []
  return await db<{ memberNo: string; lastMemberNo: string }[]>`
    SELECT member_no AS "memberNo", last_member_no AS "lastMemberNo" FROM members
    WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[]) AND last_member_no <> member_no`
}

export async function selectPhoneOwners(
  db: Db,
  { brandId, phoneHashes }: Options & { phoneHashes: readonly string[] },
) {
  if (phoneHashes.length === 0) return []
  return await db<{ phoneHash: string; memberNo: string; lastMemberNo: string }[]>`
    SELECT phone_hash AS "phoneHash", member_no AS "memberNo", last_member_no AS "lastMemberNo" FROM members
    WHERE brand_id = ${brandId} AND phone_hash = ANY (${phoneHashes as string[]}::text[])`
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
    FROM members WHERE brand_id = ${brandId} AND last_member_no = ANY (${lastMemberNos as string[]}::text[])`
}

export async function selectAssignments(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  if (memberNos.length === 0) return []
  return await db<
    {
      memberNo: string
      fromAt: Instant
      attributedTold: boolean
      attributedAssociate: string | null
      homeStoreTold: boolean
      homeStore: string | null
      reason: string | null
    }[]
  >`
    SELECT member_no AS "memberNo", from_at AS "fromAt", attributed_told AS "attributedTold",
      attributed_associate AS "attributedAssociate", home_store_told AS "homeStoreTold", home_store AS "homeStore", reason
    FROM member_assignments WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[])`
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

export interface TouchProbe {
  kind: 'member' | 'unionid' | 'openid' | 'external_userid' | 'visitor'
  value: string
  from: string
  to: string
}

/** Touches with a link, under these ids and within these times; the associate's own opening left out. */
export async function selectTouches(
  db: Db,
  { brandId, probes, limitPerProbe }: Options & { probes: readonly TouchProbe[]; limitPerProbe: number | null },
) {
  if (probes.length === 0) return []
  const by = (column: string, kind: TouchProbe['kind']) => db`
    SELECT t.* FROM probe CROSS JOIN LATERAL (
      SELECT touch_id, at, kind, link_code, member_no, unionid, openid, external_userid, visitor_id
      FROM touches AS t
      WHERE t.brand_id = ${brandId} AND t.${db(column)} = probe.value AND t.at >= probe.from_at AND t.at <= probe.to_at
        AND t.link_code IS NOT NULL AND NOT t.by_associate
      ORDER BY t.at DESC LIMIT ${limitPerProbe}
    ) AS t WHERE probe.kind = ${kind}`
  return await db<TouchRow[]>`
    WITH probe AS MATERIALIZED (
      SELECT kind, value, "from" AS from_at, "to" AS to_at
      FROM jsonb_to_recordset(${JSON.stringify(probes)}::text::jsonb)
        AS key (kind text, value text, "from" timestamptz, "to" timestamptz)
    )
    SELECT touch_id AS "touchId", at, kind, link_code AS "linkCode", member_no AS "memberNo", unionid, openid,
      external_userid AS "externalUserid", visitor_id AS "visitorId"
    FROM (${by('member_no', 'member')} UNION ${by('unionid', 'unionid')} UNION ${by('openid', 'openid')}
      UNION ${by('external_userid', 'external_userid')} UNION ${by('visitor_id', 'visitor')}) AS touch`
}

/** Associates, those who invited them, and under which last number each one buys. */
export async function selectAssociatesWithInviters(
  db: Db,
  { brandId, associateIds }: Options & { associateIds: readonly string[] },
) {
  if (associateIds.length === 0) return []
  return await db<
    {
      associateId: string
      name: string
      storeCode: string | null
      memberNo: string | null
      lastMemberNo: string | null
      invitedBy: string | null
      kinds: DatedEntry[]
      employments: { activeFrom: string; activeTo: string | null }[]
    }[]
  >`
    WITH wanted AS (
      SELECT associate_id FROM associates
      WHERE brand_id = ${brandId} AND associate_id = ANY (${associateIds as string[]}::text[])
      UNION
      SELECT invited_by FROM associates
      WHERE brand_id = ${brandId} AND associate_id = ANY (${associateIds as string[]}::text[]) AND invited_by IS NOT NULL
    )
    SELECT a.associate_id AS "associateId", a.name, a.store_code AS "storeCode", a.member_no AS "memberNo",
      m.last_member_no AS "lastMemberNo", a.invited_by AS "invitedBy", a.kinds, a.employments
    FROM wanted JOIN associates AS a ON a.brand_id = ${brandId} AND a.associate_id = wanted.associate_id
    LEFT JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = a.member_no`
}

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
        AND (o.source, o.order_no) NOT IN (
          SELECT source, "orderNo" FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb)
            AS key (source text, "orderNo" text))
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
    WHERE o.brand_id = ${brandId} AND o.buyer = ANY (${buyers as string[]}::text[]) AND o.is_first_order
      AND (o.source, o.order_no) NOT IN (
        SELECT source, "orderNo" FROM jsonb_to_recordset(${JSON.stringify(orders)}::text::jsonb)
          AS key (source text, "orderNo" text))`
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
