import type { Db } from '../../database.ts'
import type { Span } from '../../lib/calendar.ts'
import type { Instant } from '../../lib/time.ts'
import type { Scope } from '../auth/domain.ts'
import { isCounted, isPaidWithin, visibleOrders } from '../orders/sql.ts'
import { refundedOf } from '../rollups/sql.ts'

type SubjectKind = 'store' | 'associate'

/** A store or an associate, and its target of a month. */
export interface SubjectRow {
  kind: SubjectKind
  subject: string
  name: string
  /** The store itself, or where the associate works. */
  storeCode: string | null
  targetFen: number | null
  updatedAt: Instant | null
}

export interface SubjectPosition {
  kind: SubjectKind
  subject: string
}

/** Whose figures somebody sees: stores' his own, associates' those of his stores, else himself. */
function visibleSubjects(db: Db, scope: Scope) {
  if (scope.reach === 'brand') return db`true`
  if (scope.reach === 'self') return db`(kind = 'associate' AND subject = ${scope.associateId})`
  return db`store_code = ANY (${scope.storeCodes as string[]}::text[])`
}

/**
 * Stores, then associates, who have a target in a month; of what is named also where it has none.
 *
 * @param options.storeCode this store and who works there
 * @param options.associate this associate alone
 * @param options.everyone also who has no target and works in a store within this span
 */
export async function selectSubjects(
  db: Db,
  options: {
    scope: Scope
    month: string
    storeCode: string | null
    associate: string | null
    kind?: SubjectKind | null
    everyone?: Span | null
    q?: string | null
    after: SubjectPosition | null
    limit: number
  },
) {
  const { scope, month, storeCode, associate, kind = null, everyone = null, q = null, after, limit } = options
  const worksThere = (span: Span) => db`
    OR (a.store_code IS NOT NULL AND EXISTS (
      SELECT FROM jsonb_to_recordset(a.employments) AS spell ("activeFrom" timestamptz, "activeTo" timestamptz)
      WHERE spell."activeFrom" < ${span.to} AND (spell."activeTo" IS NULL OR spell."activeTo" > ${span.from})))`
  return await db<SubjectRow[]>`
    SELECT kind, subject, name, store_code AS "storeCode", net_sales_fen AS "targetFen",
      subjects.updated_at AS "updatedAt" FROM (
      SELECT 'store' AS kind, s.store_code AS subject, s.name, s.store_code, t.net_sales_fen, t.updated_at
      FROM stores AS s
      LEFT JOIN targets AS t ON t.brand_id = ${scope.brandId} AND t.month = ${month} AND t.subject_kind = 'store'
        AND t.subject = s.store_code
      WHERE s.brand_id = ${scope.brandId} AND ${associate}::text IS NULL
        AND (t.subject IS NOT NULL OR s.store_code = ${storeCode} ${everyone ? db`OR true` : db``})
      UNION ALL
      SELECT 'associate', a.associate_id, a.name, a.store_code, t.net_sales_fen, t.updated_at
      FROM associates AS a
      LEFT JOIN targets AS t ON t.brand_id = ${scope.brandId} AND t.month = ${month} AND t.subject_kind = 'associate'
        AND t.subject = a.associate_id
      WHERE a.brand_id = ${scope.brandId} AND (t.subject IS NOT NULL OR a.associate_id = ${associate} ${everyone ? worksThere(everyone) : db``})
        AND (${associate}::text IS NULL OR a.associate_id = ${associate})
    ) AS subjects
    WHERE ${visibleSubjects(db, scope)}
      ${storeCode === null ? db`` : db`AND store_code = ${storeCode}`}
      ${kind === null ? db`` : db`AND kind = ${kind}`}
      ${q === null ? db`` : db`AND (strpos(lower(subject), lower(${q})) > 0 OR strpos(lower(name), lower(${q})) > 0)`}
      ${after === null ? db`` : db`AND (kind = 'associate', subject) > (${after.kind === 'associate'}, ${after.subject})`}
    ORDER BY kind = 'associate', subject LIMIT ${limit}`
}

/** Orders that count in a span. */
const isCountedIn = (db: Db, brandId: number, span: Span) => db`${isCounted(db, brandId)} AND ${isPaidWithin(db, span)}`

/** What stores sold in a span. */
export async function selectStoreSales(db: Db, options: Span & { brandId: number; storeCodes: readonly string[] }) {
  const { brandId, storeCodes } = options
  if (storeCodes.length === 0) return new Map<string, number>()
  const rows = await db<{ storeCode: string; netSalesFen: number }[]>`
    SELECT o.selling_store AS "storeCode", sum(o.net_fen)::bigint AS "netSalesFen"
    FROM orders AS o
    WHERE ${isCountedIn(db, brandId, options)} AND o.selling_store = ANY (${storeCodes as string[]}::text[])
    GROUP BY 1`
  return new Map(rows.map(row => [row.storeCode, row.netSalesFen]))
}

/**
 * What associates are credited with in a span: net of the lines on which each holds sharer or closer, a line once. The
 * sharer holds all lines of an order; a closer those that name him, or all where he was put there by hand.
 */
export async function selectCreditedSales(db: Db, options: Span & { scope: Scope; associateIds: readonly string[] }) {
  const { scope } = options
  const { brandId } = scope
  const associateIds = options.associateIds as string[]
  if (associateIds.length === 0) return new Map<string, number>()
  const rows = await db<{ associateId: string; netSalesFen: number }[]>`
    WITH held AS MATERIALIZED (
      SELECT o.source, o.order_no, o.revision, o.net_fen, o.roles ->> 'sharer' AS sharer, o.roles -> 'closer' AS closers
      FROM orders AS o
      WHERE ${isCountedIn(db, brandId, options)} AND o.associates && ${associateIds}::text[] AND ${visibleOrders(db, scope)}
    ), closed AS (
      SELECT held.source, held.order_no, held.revision, closer.associate_id
      FROM held CROSS JOIN LATERAL jsonb_array_elements_text(held.closers) AS closer (associate_id)
      WHERE closer.associate_id = ANY (${associateIds}::text[]) AND closer.associate_id IS DISTINCT FROM held.sharer
    ), credited AS (
      SELECT sharer AS associate_id, net_fen AS fen FROM held WHERE sharer = ANY (${associateIds}::text[])
      UNION ALL
      SELECT closed.associate_id, GREATEST(0, line."paidFen" - COALESCE(back.fen, 0))
      FROM closed
      JOIN order_revisions AS r ON r.brand_id = ${brandId} AND r.source = closed.source
        AND r.order_no = closed.order_no AND r.revision = closed.revision
      CROSS JOIN LATERAL jsonb_to_recordset(r.lines) AS line ("lineNo" int, "paidFen" bigint, closer text)
      ${refundedOf(db, { brandId, order: 'closed' })}
      WHERE COALESCE(line.closer, r.closer) = closed.associate_id OR (
        SELECT NOT h.withdrawn FROM order_overrides AS h
        WHERE h.brand_id = ${brandId} AND h.source = closed.source AND h.order_no = closed.order_no AND h.role = 'closer'
        ORDER BY h.at DESC LIMIT 1)
    )
    SELECT associate_id AS "associateId", sum(fen)::bigint AS "netSalesFen" FROM credited GROUP BY 1`
  return new Map(rows.map(row => [row.associateId, row.netSalesFen]))
}
