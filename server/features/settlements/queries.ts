import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { shownLedgerRow } from '../accounts/service.ts'
import type { Scope } from '../auth/domain.ts'
import { nameOf } from './sql.ts'

interface Key {
  brandId: number
  settlementId: string
}

// ------------------------------------------------------------------------------------------------- who sees

export interface Viewer {
  scope: Scope
  /** The stores of a franchisee: he also sees what they bear. null for all others. */
  bearers: readonly string[] | null
}

/** Which payees' statements somebody may see. */
function visible(db: Db, scope: Scope) {
  if (scope.reach === 'brand') return db`true`
  if (scope.reach === 'self') return db`(payee_kind = 'associate' AND payee = ${scope.associateId})`
  const storeCodes = scope.storeCodes as string[]
  return db`(
    (payee_kind = 'store' AND payee = ANY (${storeCodes}::text[]))
    OR (payee_kind = 'associate' AND payee IN (
      SELECT associate_id FROM associates WHERE brand_id = ${scope.brandId} AND store_code = ANY (${storeCodes}::text[]))))`
}

// ---------------------------------------------------------------------------------------------- settlements

export interface SettlementRow {
  settlementId: string
  status: 'draft' | 'approved' | 'paid'
  cutoff: Instant
  totalFen: number
  statementCount: number
  carriedCount: number
  rowCount: number
  createdAt: Instant
  createdBy: string
  approvedAt: Instant | null
  approvedBy: string | null
  paidAt: Instant | null
}

/**
 * Newest first. Whoever does not see the whole brand sees the approved ones that hold a statement of his, or of which a
 * store of his bears something, with the sums of his own statements.
 */
export async function selectSettlements(
  db: Db,
  options: Viewer & {
    settlementId?: string
    after?: { createdAt: string; settlementId: string } | null
    limit: number
  },
) {
  const { scope, bearers, settlementId, after = null, limit } = options
  const { brandId } = scope
  const isWhole = scope.reach === 'brand'
  return await db<SettlementRow[]>`
    SELECT s.settlement_id AS "settlementId", s.status, s.cutoff, sums.total_fen AS "totalFen",
      sums.statement_count AS "statementCount", sums.carried_count AS "carriedCount", sums.row_count AS "rowCount",
      s.created_at AS "createdAt", s.created_by AS "createdBy", s.approved_at AS "approvedAt",
      s.approved_by AS "approvedBy", s.paid_at AS "paidAt"
    FROM settlements AS s CROSS JOIN LATERAL (${
      isWhole
        ? db`SELECT s.total_fen, s.statement_count, s.carried_count, s.row_count`
        : db`
          SELECT COALESCE(sum(total_fen) FILTER (WHERE NOT carried), 0)::bigint AS total_fen, count(*) AS statement_count,
            count(*) FILTER (WHERE carried) AS carried_count,
            COALESCE(sum(row_count) FILTER (WHERE NOT carried), 0) AS row_count
          FROM settlement_statements
          WHERE brand_id = ${brandId} AND settlement_id = s.settlement_id AND ${visible(db, scope)}`
    }) AS sums
    WHERE s.brand_id = ${brandId}
      ${
        isWhole
          ? db`AND s.status IN ('draft', 'approved', 'paid')`
          : db`AND s.status IN ('approved', 'paid') AND (sums.statement_count > 0 ${
              bearers === null
                ? db``
                : db`OR EXISTS (
                    SELECT FROM settlement_parts AS p
                    WHERE p.brand_id = ${brandId} AND p.settlement_id = s.settlement_id AND p.bearer_kind = 'store'
                      AND p.bearer = ANY (${bearers as string[]}::text[]))`
            })`
      }
      ${settlementId === undefined ? db`` : db`AND s.settlement_id = ${settlementId}`}
      ${
        after === null
          ? db``
          : db`AND (s.created_at, s.settlement_id) < (${after.createdAt}::text::timestamptz, ${after.settlementId})`
      }
    ORDER BY s.created_at DESC, s.settlement_id DESC LIMIT ${limit}`
}

/** What a settlement is now, locked; null where there is none of this id. */
export async function lockSettlement(db: Db, { brandId, settlementId }: Key) {
  const [row] = await db<{ status: string }[]>`
    SELECT status FROM settlements WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} FOR UPDATE`
  return row?.status ?? null
}

export async function updateApproved(db: Db, options: Key & { now: Instant; actor: string }) {
  await db`
    UPDATE settlements SET status = 'approved', approved_at = ${options.now}, approved_by = ${options.actor}
    WHERE brand_id = ${options.brandId} AND settlement_id = ${options.settlementId}`
}

/** Calls a settlement paid where nothing payable is left unpaid. @returns whether it is now, and was not before */
export async function updatePaid(db: Db, { brandId, settlementId, now }: Key & { now: Instant }): Promise<boolean> {
  const rows = await db`
    UPDATE settlements SET status = 'paid', paid_at = ${now}
    WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} AND status = 'approved'
      AND NOT EXISTS (SELECT FROM settlement_statements AS s WHERE ${isOpen(db, { brandId, settlementId })})
    RETURNING settlement_id`
  return rows.length > 0
}

// ----------------------------------------------------------------------------------------------- statements

export interface StatementRow {
  payeeKind: string
  payee: string
  payeeName: string | null
  payeeType: string | null
  totalFen: number
  rowCount: number
  carried: boolean
}

interface Payee {
  payeeKind: string
  payee: string
}

/** Which statements are wanted. */
export interface StatementFilter {
  payeeKind?: string
  payee?: string
  payeeType?: string
  carried?: 'true' | 'false'
  payment?: 'open' | 'paid' | 'failed'
  franchiseeId?: string
  q?: string
}

function isWanted(db: Db, key: Key, filter: StatementFilter) {
  const { payeeKind, payee, payeeType, carried, payment, franchiseeId, q } = filter
  const { brandId, settlementId } = key
  const has = (status: string) => db`
    EXISTS (
      SELECT FROM settlement_payments AS p
      WHERE p.brand_id = ${brandId} AND p.settlement_id = ${settlementId}
        AND p.payee_kind = settlement_statements.payee_kind AND p.payee = settlement_statements.payee
        AND p.status = ${status})`
  const stores = db`SELECT store_code FROM (${franchiseStores(db, brandId, franchiseeId ?? null)}) AS own`
  return db`
    ${payeeKind === undefined ? db`` : db`AND payee_kind = ${payeeKind}`}
    ${payee === undefined ? db`` : db`AND payee = ${payee}`}
    ${payeeType === undefined ? db`` : payeeType === 'unknown' ? db`AND payee_type IS NULL AND payee_kind = 'associate'` : db`AND payee_type = ${payeeType}`}
    ${carried === undefined ? db`` : db`AND carried = ${carried === 'true'}`}
    ${payment === 'open' ? db`AND total_fen > 0 AND NOT carried AND NOT ${has('paid')}` : db``}
    ${payment === 'paid' ? db`AND ${has('paid')}` : db``}
    ${payment === 'failed' ? db`AND ${has('failed')} AND NOT ${has('paid')}` : db``}
    ${
      franchiseeId === undefined
        ? db``
        : db`AND ((payee_kind = 'store' AND payee IN (${stores})) OR (payee_kind = 'associate' AND payee IN (
            SELECT a.associate_id FROM associates AS a WHERE a.brand_id = ${brandId} AND a.store_code IN (${stores}))))`
    }
    ${
      q === undefined
        ? db``
        : db`AND (strpos(lower(payee), lower(${q})) > 0
            OR strpos(lower(${nameOf(db, brandId, 'payee_kind', 'payee')}), lower(${q})) > 0)`
    }`
}

/** By payee. */
export async function selectStatements(
  db: Db,
  options: {
    scope: Scope
    settlementId: string
    payee?: Payee
    filter?: StatementFilter
    after?: Payee | null
    limit: number
  },
) {
  const { scope, settlementId, payee, filter = {}, after = null, limit } = options
  const wanted = isWanted(db, { brandId: scope.brandId, settlementId }, filter)
  return await db<StatementRow[]>`
    SELECT payee_kind AS "payeeKind", payee, ${nameOf(db, scope.brandId, 'payee_kind', 'payee')} AS "payeeName",
      payee_type AS "payeeType", total_fen AS "totalFen", row_count AS "rowCount", carried
    FROM settlement_statements
    WHERE brand_id = ${scope.brandId} AND settlement_id = ${settlementId} AND ${visible(db, scope)}
      ${payee === undefined ? db`` : db`AND payee_kind = ${payee.payeeKind} AND payee = ${payee.payee}`}
      ${after === null ? db`` : db`AND (payee_kind, payee) > (${after.payeeKind}, ${after.payee})`} ${wanted}
    ORDER BY payee_kind, payee LIMIT ${limit}`
}

const isOneOf = (db: Db, payees: readonly Payee[]) => db`
  (payee_kind, payee) IN (
    SELECT "payeeKind", payee FROM jsonb_to_recordset(${JSON.stringify(payees)}::text::jsonb)
      AS payee ("payeeKind" text, payee text))`

export interface PartRow {
  payeeKind: string
  payee: string
  bearerKind: string
  bearer: string
  purpose: string
  totalFen: number
  rowCount: number
}

/** What statements are made of: by bearer and purpose. */
export async function selectParts(db: Db, options: Key & { payees: readonly Payee[] }) {
  return await db<PartRow[]>`
    SELECT payee_kind AS "payeeKind", payee, bearer_kind AS "bearerKind", bearer, purpose, total_fen AS "totalFen",
      row_count AS "rowCount"
    FROM settlement_parts
    WHERE brand_id = ${options.brandId} AND settlement_id = ${options.settlementId} AND ${isOneOf(db, options.payees)}
    ORDER BY payee_kind, payee, bearer_kind, bearer, purpose`
}

export type LedgerRow = Parameters<typeof shownLedgerRow>[0]

/** The rows of one statement, oldest first. */
export async function selectStatementRows(
  db: Db,
  options: Key & { payee: Payee; after: { bookedAt: string; rowId: string } | null; limit: number },
) {
  const { brandId, settlementId, payee, after, limit } = options
  return await db<LedgerRow[]>`
    SELECT l.row_id AS "rowId", l.subject, l.source, l.order_no AS "orderNo", l.line_no AS "lineNo", l.role, l.month,
      l.subject_key AS "subjectKey", l.payee_kind AS "payeeKind", l.payee, l.bearer_kind AS "bearerKind", l.bearer,
      l.rule_id AS "ruleId", l.plan_code AS "planCode", l.plan_version AS "planVersion", l.amount_fen AS "amountFen",
      l.available_at AS "availableAt", l.reason, l.booked_at AS "bookedAt", (
        SELECT a.reason FROM adjustments AS a
        WHERE a.brand_id = ${brandId}
          AND a.adjustment_id = CASE WHEN l.subject = 'adjustment' THEN l.subject_key::uuid END
      ) AS "adjustmentReason"
    FROM settlement_rows AS s
    JOIN ledger_rows AS l ON l.brand_id = ${brandId} AND l.booked_at = s.booked_at AND l.row_id = s.row_id
    WHERE s.brand_id = ${brandId} AND s.settlement_id = ${settlementId} AND s.payee_kind = ${payee.payeeKind}
      AND s.payee = ${payee.payee}
      ${after ? db`AND (s.booked_at, s.row_id) > (${after.bookedAt}::text::timestamptz, ${after.rowId})` : db``}
    ORDER BY s.booked_at, s.row_id LIMIT ${limit}`
}

// ------------------------------------------------------------------------------------------------- payments

export async function selectStatementsToPay(db: Db, options: Key & { payees: readonly Payee[] }) {
  return await db<(Payee & { totalFen: number; carried: boolean })[]>`
    SELECT payee_kind AS "payeeKind", payee, total_fen AS "totalFen", carried FROM settlement_statements
    WHERE brand_id = ${options.brandId} AND settlement_id = ${options.settlementId} AND ${isOneOf(db, options.payees)}`
}

/** Statements of a settlement that are to be paid and are not. */
const isOpen = (db: Db, { brandId, settlementId }: Key) => db`
  s.brand_id = ${brandId} AND s.settlement_id = ${settlementId} AND s.total_fen > 0 AND NOT s.carried AND NOT EXISTS (
    SELECT FROM settlement_payments AS p
    WHERE p.brand_id = ${brandId} AND p.settlement_id = ${settlementId} AND p.payee_kind = s.payee_kind
      AND p.payee = s.payee AND p.status = 'paid')`

export async function selectOpenStatements(db: Db, key: Key) {
  return await db<(Payee & { totalFen: number })[]>`
    SELECT s.payee_kind AS "payeeKind", s.payee, s.total_fen AS "totalFen" FROM settlement_statements AS s
    WHERE ${isOpen(db, key)} ORDER BY s.payee_kind, s.payee`
}

export interface PaymentRow extends Payee {
  status: 'paid' | 'failed'
  amountFen: number
  reference: string | null
  reason: string | null
  at: Instant
  recordedBy: string
  recordedAt: Instant
}

/** Every try to pay these statements, in the order told. */
export async function selectPayments(db: Db, options: Key & { payees: readonly Payee[] }) {
  return await db<PaymentRow[]>`
    SELECT payee_kind AS "payeeKind", payee, status, amount_fen AS "amountFen", reference, reason, at,
      recorded_by AS "recordedBy", recorded_at AS "recordedAt"
    FROM settlement_payments
    WHERE brand_id = ${options.brandId} AND settlement_id = ${options.settlementId} AND ${isOneOf(db, options.payees)}
    ORDER BY recorded_at, status = 'paid', payment_id`
}

export async function insertPayments(
  db: Db,
  options: Key & {
    payments: readonly (Payee & {
      paymentId: string
      status: string
      amountFen: number
      reference: string | null
      reason: string | null
      at: string
    })[]
    now: Instant
    actor: string
  },
) {
  if (options.payments.length === 0) return
  await db`
    INSERT INTO settlement_payments (brand_id, settlement_id, payee_kind, payee, payment_id, status, amount_fen,
      reference, reason, at, recorded_by, recorded_at)
    SELECT ${options.brandId}, ${options.settlementId}, "payeeKind", payee, "paymentId", status, "amountFen", reference,
      reason, at, ${options.actor}, ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.payments)}::text::jsonb)
      AS payment ("payeeKind" text, payee text, "paymentId" uuid, status text, "amountFen" bigint, reference text,
        reason text, at timestamptz)`
}

// ------------------------------------------------------------------------------------------------- clearing

export interface ClearingRow {
  bearerKind: string
  bearer: string
  bearerName: string | null
  payeeKind: string
  payee: string
  payeeName: string | null
  totalFen: number
  rowCount: number
}

interface ClearingOptions {
  brandId: number
  after: Pick<ClearingRow, 'bearerKind' | 'bearer' | 'payeeKind' | 'payee'> | null
  limit: number
}

const clearingPage = (db: Db, { brandId, after, limit }: ClearingOptions, sums: ReturnType<typeof nameOf>) => db<
  ClearingRow[]
>`
  SELECT bearer_kind AS "bearerKind", bearer, ${nameOf(db, brandId, 'bearer_kind', 'bearer')} AS "bearerName",
    payee_kind AS "payeeKind", payee, ${nameOf(db, brandId, 'payee_kind', 'payee')} AS "payeeName",
    total_fen AS "totalFen", row_count AS "rowCount"
  FROM (
    ${sums} ${
      after === null
        ? db``
        : db`WHERE (payee_kind, payee, bearer_kind, bearer)
          > (${after.payeeKind}, ${after.payee}, ${after.bearerKind}, ${after.bearer})`
    }
    ORDER BY payee_kind, payee, bearer_kind, bearer LIMIT ${limit}
  ) AS page`

/** Who owes whom in a settlement, by payee and bearer; what is carried is owed to nobody yet. */
export async function selectClearing(db: Db, options: ClearingOptions & { settlementId: string }) {
  const { brandId, settlementId } = options
  return await clearingPage(
    db,
    options,
    db`
      SELECT payee_kind, payee, bearer_kind, bearer, total_fen, row_count FROM (
        SELECT payee_kind, payee, bearer_kind, bearer, sum(total_fen)::bigint AS total_fen,
          sum(row_count)::bigint AS row_count
        FROM settlement_parts
        WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} AND NOT carried
        GROUP BY payee_kind, payee, bearer_kind, bearer
      ) AS sums`,
  )
}

/** The same over everything that no approved settlement has. Account by account, so that a page reads a page's rows. */
export async function selectUnsettledClearing(db: Db, options: ClearingOptions) {
  const { brandId, after } = options
  return await clearingPage(
    db,
    options,
    db`
      SELECT account.payee_kind, account.payee, bearer_kind, bearer, total_fen, row_count FROM (
        SELECT payee_kind, payee FROM (
          SELECT 'associate'::text COLLATE "C" AS payee_kind, associate_id AS payee FROM associates
          WHERE brand_id = ${brandId}
          UNION ALL SELECT 'headquarters', 'headquarters'
          UNION ALL SELECT 'store', store_code FROM stores WHERE brand_id = ${brandId}
        ) AS account
        ${after === null ? db`` : db`WHERE (payee_kind, payee) >= (${after.payeeKind}, ${after.payee})`}
        ORDER BY payee_kind, payee
      ) AS account CROSS JOIN LATERAL (
        SELECT l.bearer_kind, l.bearer, sum(l.amount_fen)::bigint AS total_fen, count(*) AS row_count
        FROM ledger_rows AS l
        WHERE l.brand_id = ${brandId} AND l.payee_kind = account.payee_kind AND l.payee = account.payee AND (
          SELECT settlement.status FROM settlement_rows AS s
          JOIN settlements AS settlement
            ON settlement.brand_id = s.brand_id AND settlement.settlement_id = s.settlement_id
          WHERE s.brand_id = ${brandId} AND s.payee_kind = l.payee_kind AND s.payee = l.payee AND s.row_id = l.row_id
            AND NOT s.carried AND settlement.status IN ('approved', 'paid')) IS NULL
        GROUP BY l.bearer_kind, l.bearer
      ) AS sums`,
  )
}

// ------------------------------------------------------------------------------------------------- invoices

export interface InvoiceRow {
  issuerKind: string
  issuer: string
  issuerName: string | null
  issuerFranchiseeId: string | null
  recipientKind: string
  recipient: string
  recipientName: string | null
  recipientFranchiseeId: string | null
  purpose: string
  totalFen: number
}

/** What companies owe each other: whoever is paid writes the invoice, to whoever bears it. By issuer. */
export async function selectInvoices(
  db: Db,
  options: Key & {
    after: Pick<InvoiceRow, 'issuerKind' | 'issuer' | 'recipientKind' | 'recipient' | 'purpose'> | null
    limit: number
  },
) {
  const { brandId, settlementId, after, limit } = options
  const franchisee = (kind: string, key: string) => db`
    (SELECT s.franchisees -> -1 ->> 'value' FROM stores AS s
     WHERE ${db.unsafe(kind)} = 'store' AND s.brand_id = ${brandId} AND s.store_code = ${db.unsafe(key)})`
  return await db<InvoiceRow[]>`
    SELECT payee_kind AS "issuerKind", payee AS issuer, ${nameOf(db, brandId, 'payee_kind', 'payee')} AS "issuerName",
      ${franchisee('payee_kind', 'payee')} AS "issuerFranchiseeId", bearer_kind AS "recipientKind", bearer AS recipient,
      ${nameOf(db, brandId, 'bearer_kind', 'bearer')} AS "recipientName",
      ${franchisee('bearer_kind', 'bearer')} AS "recipientFranchiseeId", purpose, total_fen AS "totalFen"
    FROM settlement_parts
    WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} AND payee_kind IN ('headquarters', 'store')
      AND NOT carried AND total_fen <> 0
      ${
        after === null
          ? db``
          : db`AND (payee_kind, payee, bearer_kind, bearer, purpose)
            > (${after.issuerKind}, ${after.issuer}, ${after.recipientKind}, ${after.recipient}, ${after.purpose})`
      }
    ORDER BY payee_kind, payee, bearer_kind, bearer, purpose LIMIT ${limit}`
}

// ---------------------------------------------------------------------------------------------- franchisees

/** Stores and whose they are, as last told. */
const franchiseStores = (db: Db, brandId: number, franchiseeId: string | null) => db`
  SELECT store_code, name, franchisees -> -1 ->> 'value' AS franchisee_id FROM stores
  WHERE brand_id = ${brandId} AND ${
    franchiseeId === null
      ? db`franchisees -> -1 ->> 'value' IS NOT NULL`
      : db`franchisees -> -1 ->> 'value' = ${franchiseeId}`
  }`

export interface FranchiseRow {
  franchiseeId: string
  storeCount: number
  owedFen: number
  borneFen: number
}

/** Franchisees whose stores are owed something in a settlement or bear something of it. */
export async function selectFranchises(
  db: Db,
  options: Key & { franchiseeId: string | null; after: string | null; limit: number },
) {
  const { brandId, settlementId, franchiseeId, after, limit } = options
  return await db<FranchiseRow[]>`
    WITH store AS MATERIALIZED (${franchiseStores(db, brandId, franchiseeId)}), sums AS (
      SELECT payee AS store_code, total_fen AS owed_fen, 0 AS borne_fen, carried FROM settlement_statements
      WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} AND payee_kind = 'store'
      UNION ALL
      SELECT bearer, 0, total_fen, carried FROM settlement_parts
      WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} AND bearer_kind = 'store'
    )
    SELECT franchisee_id AS "franchiseeId", count(DISTINCT store_code) AS "storeCount",
      COALESCE(sum(owed_fen) FILTER (WHERE NOT carried), 0)::bigint AS "owedFen",
      COALESCE(sum(borne_fen) FILTER (WHERE NOT carried), 0)::bigint AS "borneFen"
    FROM store JOIN sums USING (store_code)
    WHERE ${after === null ? db`true` : db`franchisee_id COLLATE "C" > ${after}`}
    GROUP BY franchisee_id ORDER BY franchisee_id COLLATE "C" LIMIT ${limit}`
}

export interface FranchiseStoreRow {
  storeCode: string
  name: string
  /** The store's own statement; null where it is owed nothing. */
  totalFen: number | null
  rowCount: number | null
  carried: boolean | null
}

export async function selectFranchiseStores(db: Db, options: Key & { franchiseeId: string }) {
  const { brandId, settlementId, franchiseeId } = options
  return await db<FranchiseStoreRow[]>`
    SELECT store.store_code AS "storeCode", store.name, s.total_fen AS "totalFen", s.row_count AS "rowCount", s.carried
    FROM (${franchiseStores(db, brandId, franchiseeId)}) AS store
    LEFT JOIN settlement_statements AS s
      ON s.brand_id = ${brandId} AND s.settlement_id = ${settlementId} AND s.payee_kind = 'store'
        AND s.payee = store.store_code
    ORDER BY store.store_code`
}

export interface FranchisePartRow extends PartRow {
  /** Of stores and of the stores' own associates. */
  payeeName: string | null
  bearerName: string | null
  carried: boolean
}

/** What these stores are owed, and what they bear. */
export async function selectFranchiseParts(db: Db, options: Key & { storeCodes: readonly string[] }) {
  const { brandId, settlementId } = options
  const storeCodes = options.storeCodes as string[]
  const columns = db`
    payee_kind AS "payeeKind", payee, CASE payee_kind
      WHEN 'store' THEN (SELECT s.name FROM stores AS s WHERE s.brand_id = ${brandId} AND s.store_code = payee)
      WHEN 'associate' THEN (
        SELECT a.name FROM associates AS a
        WHERE a.brand_id = ${brandId} AND a.associate_id = payee AND a.store_code = ANY (${storeCodes}::text[]))
    END AS "payeeName", bearer_kind AS "bearerKind", bearer,
    ${nameOf(db, brandId, 'bearer_kind', 'bearer')} AS "bearerName", purpose, total_fen AS "totalFen",
    row_count AS "rowCount", carried`
  const [owed, borne] = await Promise.all([
    db<FranchisePartRow[]>`
      SELECT ${columns} FROM settlement_parts
      WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} AND payee_kind = 'store'
        AND payee = ANY (${storeCodes}::text[])
      ORDER BY payee, bearer_kind, bearer, purpose`,
    db<FranchisePartRow[]>`
      SELECT ${columns} FROM settlement_parts
      WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} AND bearer_kind = 'store'
        AND bearer = ANY (${storeCodes}::text[])
      ORDER BY bearer, payee_kind, payee, purpose`,
  ])
  return { owed, borne }
}
