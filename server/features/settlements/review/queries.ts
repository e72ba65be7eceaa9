import type { Db } from '../../../database.ts'
import type { Instant } from '../../../lib/time.ts'
import { nameOf } from '../sql.ts'

interface Options {
  brandId: number
}

interface Key extends Options {
  settlementId: string
}

interface Account {
  payeeKind: string
  payee: string
}

const accountsOf = (db: Db, brandId: number) => db`
  SELECT 'associate'::text COLLATE "C" AS payee_kind, associate_id AS payee FROM associates WHERE brand_id = ${brandId}
  UNION ALL SELECT 'headquarters', 'headquarters'
  UNION ALL SELECT 'store', store_code FROM stores WHERE brand_id = ${brandId}`

export async function selectAccountCount(db: Db, { brandId }: Options): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    SELECT count(*)::int AS count FROM (${accountsOf(db, brandId)}) AS account`
  return row!.count
}

/** What became available then or later is in no settlement; null where there is none. */
export async function selectLastCutoff(db: Db, { brandId }: Options): Promise<Instant | null> {
  const [row] = await db<{ cutoff: Instant | null }[]>`
    SELECT max(cutoff) AS cutoff FROM settlements WHERE brand_id = ${brandId}`
  return row!.cutoff
}

export interface AccountSums extends Account {
  rowCount: number
  dueFen: string
  laterFen: string
}

/**
 * What accounts hold that no settlement has, whether a draft or not: before the cut-off, and from it on. In the order of
 * the keys. Whether a row is in a settlement is asked as a value and not by EXISTS, as where settlements are gathered.
 *
 * @param options.freeFrom rows that became available then or later are in none, and need not be looked for
 */
export async function selectAccountSums(
  db: Db,
  options: Options & { cutoff: Instant; freeFrom: Instant | null; after: Account | null; limit: number },
) {
  const { brandId, cutoff, freeFrom, after, limit } = options
  return await db<AccountSums[]>`
    SELECT account.payee_kind AS "payeeKind", account.payee, sums.row_count AS "rowCount",
      COALESCE(sums.due_fen, 0)::text AS "dueFen", COALESCE(sums.later_fen, 0)::text AS "laterFen"
    FROM (
      SELECT payee_kind, payee FROM (${accountsOf(db, brandId)}) AS account
      ${after === null ? db`` : db`WHERE (payee_kind, payee) > (${after.payeeKind}, ${after.payee})`}
      ORDER BY payee_kind, payee LIMIT ${limit}
    ) AS account CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE l.available_at < ${cutoff})::int AS row_count,
        sum(l.amount_fen) FILTER (WHERE l.available_at < ${cutoff}) AS due_fen,
        sum(l.amount_fen) FILTER (WHERE l.available_at >= ${cutoff}) AS later_fen
      FROM ledger_rows AS l
      WHERE l.brand_id = ${brandId} AND l.payee_kind = account.payee_kind AND l.payee = account.payee
        AND (${freeFrom === null ? db`false` : db`l.available_at >= ${freeFrom}`} OR (
          SELECT s.settlement_id FROM settlement_rows AS s
          WHERE s.brand_id = ${brandId} AND s.payee_kind = l.payee_kind AND s.payee = l.payee AND s.row_id = l.row_id
            AND NOT s.carried) IS NULL)
    ) AS sums ORDER BY account.payee_kind, account.payee`
}

/** The settlement that is being gathered, the latest of them, and how many accounts lie before the last it has. */
export async function selectGathering(db: Db, { brandId }: Options) {
  const [row] = await db<
    { settlementId: string; cutoff: Instant; createdAt: Instant; createdBy: string; gatheredCount: number }[]
  >`
    SELECT g.settlement_id AS "settlementId", g.cutoff, g.created_at AS "createdAt", g.created_by AS "createdBy", (
      SELECT count(*)::int FROM (${accountsOf(db, brandId)}) AS account
      WHERE (account.payee_kind, account.payee) <= (
        SELECT s.payee_kind, s.payee FROM settlement_statements AS s
        WHERE s.brand_id = ${brandId} AND s.settlement_id = g.settlement_id
        ORDER BY s.payee_kind DESC, s.payee DESC LIMIT 1)
    ) AS "gatheredCount"
    FROM settlements AS g
    WHERE g.brand_id = ${brandId} AND g.status = 'gathering'
    ORDER BY g.created_at DESC LIMIT 1`
  return row ?? null
}

export interface GroupRow {
  payeeKind: string
  payeeType: string | null
  statementCount: number
  totalFen: number
  carriedCount: number
  carriedFen: number
  paidCount: number
  paidFen: number
  failedCount: number
  openCount: number
  openFen: number
}

/** Sums by whose account it is and how he is paid. */
export async function selectGroups(db: Db, { brandId, settlementId }: Key) {
  return await db<GroupRow[]>`
    SELECT payee_kind AS "payeeKind", payee_type AS "payeeType", count(*) FILTER (WHERE NOT carried)::int AS "statementCount",
      COALESCE(sum(total_fen) FILTER (WHERE NOT carried), 0)::bigint AS "totalFen",
      count(*) FILTER (WHERE carried)::int AS "carriedCount",
      COALESCE(sum(total_fen) FILTER (WHERE carried), 0)::bigint AS "carriedFen",
      count(*) FILTER (WHERE paid)::int AS "paidCount",
      COALESCE(sum(total_fen) FILTER (WHERE paid), 0)::bigint AS "paidFen",
      count(*) FILTER (WHERE failed AND NOT paid)::int AS "failedCount",
      count(*) FILTER (WHERE payable AND NOT paid)::int AS "openCount",
      COALESCE(sum(total_fen) FILTER (WHERE payable AND NOT paid), 0)::bigint AS "openFen"
    FROM (
      SELECT s.payee_kind, s.payee_type, s.total_fen, s.carried, s.total_fen > 0 AND NOT s.carried AS payable,
        COALESCE(p.paid, false) AS paid, COALESCE(p.failed, false) AS failed
      FROM settlement_statements AS s
      LEFT JOIN (
        SELECT payee_kind, payee, bool_or(status = 'paid') AS paid, bool_or(status = 'failed') AS failed
        FROM settlement_payments WHERE brand_id = ${brandId} AND settlement_id = ${settlementId}
        GROUP BY payee_kind, payee
      ) AS p ON p.payee_kind = s.payee_kind AND p.payee = s.payee
      WHERE s.brand_id = ${brandId} AND s.settlement_id = ${settlementId}
    ) AS statement
    GROUP BY payee_kind, payee_type ORDER BY payee_kind, payee_type`
}

export interface BearerRow {
  bearerKind: string
  bearerCount: number
  totalFen: number
}

export async function selectBearers(db: Db, { brandId, settlementId }: Key) {
  return await db<BearerRow[]>`
    SELECT bearer_kind AS "bearerKind", count(DISTINCT bearer)::int AS "bearerCount", sum(total_fen)::bigint AS "totalFen"
    FROM settlement_parts
    WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} AND NOT carried
    GROUP BY bearer_kind ORDER BY bearer_kind`
}

/** The one that was approved of those that were drafted before; null where there is none. */
export async function selectBefore(db: Db, { brandId, settlementId }: Key) {
  const [row] = await db<{ settlementId: string; cutoff: Instant; totalFen: number; statementCount: number }[]>`
    SELECT s.settlement_id AS "settlementId", s.cutoff, s.total_fen AS "totalFen", s.statement_count AS "statementCount"
    FROM settlements AS s
    JOIN settlements AS this ON this.brand_id = ${brandId} AND this.settlement_id = ${settlementId}
    WHERE s.brand_id = ${brandId} AND s.status IN ('approved', 'paid')
      AND (s.created_at, s.settlement_id) < (this.created_at, this.settlement_id)
    ORDER BY s.created_at DESC, s.settlement_id DESC LIMIT 1`
  return row ?? null
}

export interface MovedRow extends Account {
  payeeName: string | null
  totalFen: number | null
  beforeFen: number | null
  changeFen: number
}

/** Whose sum moved most from one settlement to another, whichever way; carried sums count as they are. */
export async function selectMoved(db: Db, options: Key & { beforeId: string; limit: number }) {
  const { brandId, settlementId, beforeId, limit } = options
  const statements = (id: string) => db`
    SELECT payee_kind, payee, total_fen FROM settlement_statements
    WHERE brand_id = ${brandId} AND settlement_id = ${id}`
  return await db<MovedRow[]>`
    SELECT payee_kind AS "payeeKind", payee, ${nameOf(db, brandId, 'payee_kind', 'payee')} AS "payeeName", total_fen AS
      "totalFen", before_fen AS "beforeFen", change_fen AS "changeFen"
    FROM (
      SELECT payee_kind, payee, now.total_fen, before.total_fen AS before_fen,
        COALESCE(now.total_fen, 0) - COALESCE(before.total_fen, 0) AS change_fen
      FROM (${statements(settlementId)}) AS now
      FULL JOIN (${statements(beforeId)}) AS before USING (payee_kind, payee)
    ) AS moved
    WHERE change_fen <> 0
    ORDER BY abs(change_fen) DESC, payee_kind, payee LIMIT ${limit}`
}
