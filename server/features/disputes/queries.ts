import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Caller } from '../auth/domain.ts'
import type { OrderKey } from '../evidence/service.ts'
import type { DisputeStatus } from './domain.ts'

export interface DisputeRow extends OrderKey {
  disputeId: string
  kind: 'dispute' | 'claim'
  status: DisputeStatus
  role: string
  associateId: string
  associateName: string
  storeCode: string | null
  text: string
  openedBy: string
  openedAt: Instant
  /** Of the order, as last decided. */
  sellingStore: string | null
  paidAt: Instant
  netFen: number
  /** All null while it is open. */
  reason: string | null
  overrideId: string | null
  decidedBy: string | null
  decidedAt: Instant | null
}

type Asker = Pick<Caller, 'scope' | 'person'>

/** What the asker filed, what his stores' people filed, and what was filed about what those stores sold. */
function visibleDisputes(db: Db, { scope, person }: Asker) {
  if (scope.reach === 'brand') return db`true`
  if (scope.reach === 'self') return db`d.associate_id = ${scope.associateId}`
  const storeCodes = scope.storeCodes as string[]
  return db`(d.associate_id = ${person?.associateId ?? null} OR d.store_code = ANY (${storeCodes}::text[])
    OR o.selling_store = ANY (${storeCodes}::text[]))`
}

function disputesFrom(db: Db, asker: Asker) {
  const { scope } = asker
  return db`
    SELECT d.dispute_id AS "disputeId", d.kind, COALESCE(decision.outcome, 'open') AS status, d.source,
      d.order_no AS "orderNo", d.role, d.associate_id AS "associateId", a.name AS "associateName",
      d.store_code AS "storeCode", d.text, d.opened_by AS "openedBy", d.opened_at AS "openedAt",
      o.selling_store AS "sellingStore", o.paid_at AS "paidAt", o.net_fen AS "netFen", decision.reason,
      decision.override_id AS "overrideId", decision.decided_by AS "decidedBy", decision.decided_at AS "decidedAt"
    FROM disputes AS d
    JOIN orders AS o ON o.brand_id = ${scope.brandId} AND o.source = d.source AND o.order_no = d.order_no
    JOIN associates AS a ON a.brand_id = ${scope.brandId} AND a.associate_id = d.associate_id
    LEFT JOIN dispute_decisions AS decision
      ON decision.brand_id = ${scope.brandId} AND decision.dispute_id = d.dispute_id
    WHERE d.brand_id = ${scope.brandId} AND ${visibleDisputes(db, asker)}`
}

/** In the order of time, in which the ids are made. */
export async function selectDisputes(
  db: Db,
  options: {
    asker: Asker
    status: DisputeStatus | null
    kind: 'dispute' | 'claim' | null
    isOldestFirst: boolean
    /** Where it was sold, or who filed it worked. */
    storeCode: string | null
    associate: string | null
    after: string | null
    limit: number
  },
) {
  const { asker, status, kind, isOldestFirst, storeCode, associate, after, limit } = options
  const [order, beyond] = isOldestFirst ? [db`ASC`, db`>`] : [db`DESC`, db`<`]
  return await db<DisputeRow[]>`
    ${disputesFrom(db, asker)}
      ${status === null ? db`` : db`AND COALESCE(decision.outcome, 'open') = ${status}`}
      ${storeCode === null ? db`` : db`AND (d.store_code = ${storeCode} OR o.selling_store = ${storeCode})`}
      ${associate === null ? db`` : db`AND d.associate_id = ${associate}`}
      ${kind === null ? db`` : db`AND d.kind = ${kind}`}
      ${after === null ? db`` : db`AND d.dispute_id ${beyond} ${after}`}
    ORDER BY d.dispute_id ${order} LIMIT ${limit}`
}

/** Where it is there, and may be seen. */
export async function selectDispute(db: Db, { asker, disputeId }: { asker: Asker; disputeId: string }) {
  const [row] = await db<DisputeRow[]>`${disputesFrom(db, asker)} AND d.dispute_id = ${disputeId}`
  return row ?? null
}

/** The open dispute of an associate about a role of an order; the order is locked. */
export async function selectOpenDispute(
  db: Db,
  options: OrderKey & { brandId: number; role: string; associateId: string },
): Promise<string | null> {
  const { brandId, source, orderNo, role, associateId } = options
  const [row] = await db<{ disputeId: string }[]>`
    SELECT dispute_id AS "disputeId" FROM disputes AS d
    WHERE brand_id = ${brandId} AND source = ${source} AND order_no = ${orderNo} AND role = ${role}
      AND associate_id = ${associateId} AND NOT EXISTS (
        SELECT FROM dispute_decisions AS decision
        WHERE decision.brand_id = ${brandId} AND decision.dispute_id = d.dispute_id)`
  return row?.disputeId ?? null
}

export async function insertDispute(
  db: Db,
  options: OrderKey & {
    brandId: number
    disputeId: string
    role: string
    associateId: string
    storeCode: string | null
    text: string
    actor: string
    now: Instant
  },
) {
  const { brandId, disputeId, source, orderNo, role, associateId, storeCode, text, actor, now } = options
  await db`
    INSERT INTO disputes (brand_id, dispute_id, kind, source, order_no, role, associate_id, store_code, text, opened_by,
      opened_at)
    SELECT ${brandId}, ${disputeId}, CASE WHEN is_unattributed THEN 'claim' ELSE 'dispute' END, source, order_no, ${role},
      ${associateId}, ${storeCode}, ${text}, ${actor}, ${now}
    FROM orders WHERE brand_id = ${brandId} AND source = ${source} AND order_no = ${orderNo}`
}

export async function insertDecision(
  db: Db,
  options: {
    brandId: number
    disputeId: string
    outcome: Exclude<DisputeStatus, 'open'>
    reason: string | null
    overrideId: string | null
    actor: string
    now: Instant
  },
) {
  const { brandId, disputeId, outcome, reason, overrideId, actor, now } = options
  await db`
    INSERT INTO dispute_decisions (brand_id, dispute_id, outcome, reason, override_id, decided_by, decided_at)
    VALUES (${brandId}, ${disputeId}, ${outcome}, ${reason}, ${overrideId}, ${actor}, ${now})`
}

export async function selectMemberName(db: Db, { brandId, memberNo }: { brandId: number; memberNo: string }) {
  const [row] = await db<{ name: string | null }[]>`
    SELECT name FROM members WHERE brand_id = ${brandId} AND member_no = ${memberNo}`
  return row?.name ?? null
}

export interface UnattributedRow extends OrderKey {
  channel: 'online' | 'in_store'
  paidAt: Instant
  sellingStore: string | null
  storeName: string | null
  netFen: number
  buyer: string | null
  buyerName: string | null
  /** Whether the asker may know the buyer's number. */
  isBuyerVisible: boolean
  hasCloser: boolean
  hasSharerOrAttributed: boolean
  /** All that are open, whoever may see them. */
  claimCount: number
  /** Those that the asker may see. */
  claims: { disputeId: string; role: string; associateId: string }[]
}

/**
 * Uncancelled orders with a net that nobody in the shop sold, or of a known member whom nobody has or shared to: newest
 * first. An associate sees those sold in his own store.
 */
export async function selectUnattributed(
  db: Db,
  options: {
    asker: Asker
    storeCode: string | null
    from: Instant | null
    to: Instant | null
    after: (OrderKey & { paidAt: string }) | null
    limit: number
  },
) {
  const { asker, storeCode, from, to, after, limit } = options
  const { scope, person } = asker
  const { brandId } = scope
  const stores = scope.reach === 'stores' ? (scope.storeCodes as string[]) : []
  const visible =
    scope.reach === 'brand'
      ? db`true`
      : scope.reach === 'self'
        ? db`o.selling_store = ${person?.storeCode ?? null}`
        : db`(o.selling_store = ANY (${stores}::text[]) OR o.roles ->> 'home_store' = ANY (${stores}::text[]))`
  const isBuyerVisible =
    scope.reach === 'self'
      ? db`(o.associates @> ARRAY[${scope.associateId}]::text[] OR m.opening_associate = ${scope.associateId}
          OR EXISTS (
            SELECT FROM members AS own
            WHERE own.brand_id = ${brandId} AND own.last_member_no = o.buyer AND own.member_no IN (
              SELECT member_no FROM member_assignments
              WHERE brand_id = ${brandId} AND attributed_associate = ${scope.associateId}
              UNION ALL
              SELECT member_no FROM derived_assignments
              WHERE brand_id = ${brandId} AND associate_id = ${scope.associateId})))`
      : db`true`
  return await db<UnattributedRow[]>`
    SELECT o.source, o.order_no AS "orderNo", o.channel, o.paid_at AS "paidAt", o.selling_store AS "sellingStore",
      s.name AS "storeName", o.net_fen AS "netFen", o.buyer, m.name AS "buyerName", ${isBuyerVisible} AS "isBuyerVisible",
      o.roles ? 'closer' AS "hasCloser", o.roles ?| ARRAY['sharer', 'attributed'] AS "hasSharerOrAttributed",
      claim.count AS "claimCount", claim.seen AS claims
    FROM orders AS o
    LEFT JOIN stores AS s ON s.brand_id = ${brandId} AND s.store_code = o.selling_store
    LEFT JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = o.buyer
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS count,
        COALESCE(jsonb_agg(jsonb_build_object('disputeId', d.dispute_id, 'role', d.role, 'associateId', d.associate_id)
          ORDER BY d.dispute_id) FILTER (WHERE ${visibleDisputes(db, asker)}), '[]') AS seen
      FROM disputes AS d
      WHERE d.brand_id = ${brandId} AND d.source = o.source AND d.order_no = o.order_no AND NOT EXISTS (
        SELECT FROM dispute_decisions AS decision
        WHERE decision.brand_id = ${brandId} AND decision.dispute_id = d.dispute_id)
    ) AS claim
    WHERE o.brand_id = ${brandId} AND o.revision IS NOT NULL AND o.is_unattributed AND NOT o.cancelled AND o.net_fen > 0
      AND ${visible}
      ${storeCode === null ? db`` : db`AND o.selling_store = ${storeCode}`}
      ${from === null ? db`` : db`AND o.paid_at >= ${from}`}
      ${to === null ? db`` : db`AND o.paid_at < ${to}`}
      ${after ? db`AND (o.paid_at, o.source, o.order_no) < (${after.paidAt}::text::timestamptz, ${after.source}, ${after.orderNo})` : db``}
    ORDER BY o.paid_at DESC, o.source DESC, o.order_no DESC LIMIT ${limit}`
}
