import type { Db } from '../../../database.ts'
import type { Instant } from '../../../lib/time.ts'

interface Options {
  brandId: number
}

interface Key extends Options {
  settlementId: string
}

export interface Account {
  payeeKind: string
  payee: string
}

// --------------------------------------------------------------------------------------------------- turns

/** Whether it is ours until the transaction ends: one process at a time gathers for a brand, or clears away. */
export async function tryTurn(db: Db, { brandId }: Options): Promise<boolean> {
  const [row] = await db<{ ours: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(${brandId}::int, hashtext('settlements')) AS ours`
  return row!.ours
}

/** Brands where something is left to be cleared away; looked for across brands, by housekeeping. */
export async function selectBrandsWithLeftovers(db: Db): Promise<number[]> {
  const rows = await db<{ brandId: number }[]>`
    SELECT DISTINCT brand_id AS "brandId" FROM settlements WHERE status IN ('gathering', 'discarding') ORDER BY 1`
  return rows.map(row => row.brandId)
}

/**
 * Has the statements of this transaction planned for the tables as they are now. They grow by the million while the
 * planner believes them to be empty, and a plan kept from the first batch would read one whole for each row.
 *
 * Nor does it wait for the disk: what is lost of a draft that is not complete counts for nothing, and the transaction
 * that completes it waits for all before it.
 */
export async function beginStep(db: Db) {
  await db`
    SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true),
      set_config('jit', 'off', true), set_config('synchronous_commit', 'off', true)`
}

// --------------------------------------------------------------------------------------------------- draft

export async function insertSettlement(db: Db, options: Key & { cutoff: Instant; now: Instant; actor: string }) {
  await db`
    INSERT INTO settlements (brand_id, settlement_id, cutoff, status, total_fen, statement_count, carried_count,
      row_count, created_at, created_by)
    VALUES (${options.brandId}, ${options.settlementId}, ${options.cutoff}, 'gathering', 0, 0, 0, 0, ${options.now},
      ${options.actor})`
}

/** Whoever may be owed something, in the order of the keys. */
export async function selectAccounts(db: Db, { brandId }: Options) {
  return await db<Account[]>`
    SELECT "payeeKind", payee FROM (
      SELECT 'associate' AS "payeeKind", associate_id AS payee FROM associates WHERE brand_id = ${brandId}
      UNION ALL SELECT 'headquarters', 'headquarters'
      UNION ALL SELECT 'store', store_code FROM stores WHERE brand_id = ${brandId}
    ) AS account ORDER BY "payeeKind" COLLATE "C", payee COLLATE "C"`
}

/**
 * Whether the settlement is still being gathered, locked so that it stays so until the transaction ends. Asked after the
 * rows are written: a lock gives a transaction its number, and marks wait for every number.
 */
export async function lockGathering(db: Db, { brandId, settlementId }: Key): Promise<boolean> {
  const rows = await db`
    SELECT FROM settlements
    WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} AND status = 'gathering' FOR SHARE`
  return rows.length > 0
}

/** What became available then or later is in no other settlement; null where there is none. */
export async function selectLastCutoff(db: Db, { brandId, settlementId }: Key) {
  const [row] = await db<{ cutoff: Instant | null }[]>`
    SELECT max(cutoff) AS cutoff FROM settlements WHERE brand_id = ${brandId} AND settlement_id <> ${settlementId}`
  return row!.cutoff
}

/**
 * What an account is owed and no settlement has, that became available before the cut-off. Whether a row is settled is
 * asked as a value and not by EXISTS, which the planner would turn into a join: as long as it knows nothing of an account
 * it takes it to have one row, and compares each row with all.
 *
 * @param freeFrom rows that became available then or later are in no settlement, and need not be looked for
 */
const unsettledRows = (
  db: Db,
  { brandId, cutoff, freeFrom }: Options & { cutoff: Instant; freeFrom: Instant | null },
) => db`
  SELECT l.row_id, l.booked_at, l.payee_kind, l.payee, l.bearer_kind, l.bearer, l.amount_fen, l.available_at,
    CASE l.subject WHEN 'order_line' THEN l.role ELSE l.subject END AS purpose
  FROM ledger_rows AS l
  WHERE l.brand_id = ${brandId} AND l.payee_kind = account."payeeKind" AND l.payee = account.payee
    AND l.available_at < ${cutoff} AND (${freeFrom === null ? db`false` : db`l.available_at >= ${freeFrom}`} OR (
      SELECT s.settlement_id FROM settlement_rows AS s
      WHERE s.brand_id = ${brandId} AND s.payee_kind = l.payee_kind AND s.payee = l.payee AND s.row_id = l.row_id
        AND NOT s.carried) IS NULL)`

/**
 * Puts what these accounts are owed into the settlement: rows, parts and statements, in one statement and so of one
 * moment. Accounts with more than `rowsMax` rows are left out.
 *
 * @returns those that were left out
 */
export async function gatherAccounts(
  db: Db,
  options: Key & { cutoff: Instant; freeFrom: Instant | null; accounts: readonly Account[]; rowsMax: number },
) {
  const { brandId, settlementId, accounts, rowsMax } = options
  return await db<Account[]>`
    WITH account AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(accounts)}::text::jsonb) AS account ("payeeKind" text, payee text)
    ), row AS MATERIALIZED (
      SELECT row.* FROM account CROSS JOIN LATERAL (
        SELECT *, sum(amount_fen) OVER () AS total_fen, count(*) OVER () AS row_count
        FROM (${unsettledRows(db, options)} LIMIT ${rowsMax + 1}) AS unsettled
      ) AS row
    ), gathered AS (
      INSERT INTO settlement_rows (brand_id, settlement_id, payee_kind, payee, row_id, booked_at, carried)
      SELECT ${brandId}, ${settlementId}, payee_kind, payee, row_id, booked_at, total_fen < 0
      FROM row WHERE row_count <= ${rowsMax}
    ), sums AS MATERIALIZED (
      SELECT payee_kind, payee, total_fen, row_count, bearer_kind, bearer, purpose, sum(amount_fen) AS part_fen,
        count(*) AS part_count
      FROM row WHERE row_count <= ${rowsMax}
      GROUP BY payee_kind, payee, total_fen, row_count, bearer_kind, bearer, purpose
    ), part AS (
      INSERT INTO settlement_parts (brand_id, settlement_id, payee_kind, payee, bearer_kind, bearer, purpose, total_fen,
        row_count, carried)
      SELECT ${brandId}, ${settlementId}, payee_kind, payee, bearer_kind, bearer, purpose, part_fen::bigint, part_count,
        total_fen < 0
      FROM sums
    ), statement AS (
      INSERT INTO settlement_statements (brand_id, settlement_id, payee_kind, payee, payee_type, total_fen, row_count,
        carried)
      SELECT ${brandId}, ${settlementId}, payee_kind, payee, ${payeeType(db, brandId)}, total_fen::bigint, row_count,
        total_fen < 0
      FROM (SELECT DISTINCT payee_kind, payee, total_fen, row_count FROM sums) AS row
    )
    SELECT DISTINCT payee_kind AS "payeeKind", payee FROM row WHERE row_count > ${rowsMax}`
}

/** How a payee is paid, as last told: a store as the company that it is, headquarters not at all. */
const payeeType = (db: Db, brandId: number) => db`
  CASE row.payee_kind WHEN 'store' THEN 'company' WHEN 'associate' THEN (
    SELECT a.payee_type FROM associates AS a WHERE a.brand_id = ${brandId} AND a.associate_id = row.payee) END`

export interface Part {
  bearerKind: string
  bearer: string
  purpose: string
  totalFen: bigint
  rowCount: number
}

/**
 * Puts the next rows of one large account into the settlement, the soonest available first; none as carried.
 *
 * @param from where the call before ended; those that it took are not taken again
 */
export async function gatherRows(
  db: Db,
  options: Key & { cutoff: Instant; account: Account; from: Instant | null; limit: number },
) {
  const { brandId, settlementId, account, from, limit } = options
  const parts = await db<(Omit<Part, 'totalFen'> & { totalFen: string; until: Instant })[]>`
    WITH row AS MATERIALIZED (
      SELECT row.* FROM (SELECT ${account.payeeKind}::text AS "payeeKind", ${account.payee}::text AS payee) AS account
      CROSS JOIN LATERAL (
        ${unsettledRows(db, { ...options, freeFrom: null })} ${from === null ? db`` : db`AND l.available_at >= ${from}`}
        ORDER BY l.available_at LIMIT ${limit}
      ) AS row
    ), gathered AS (
      INSERT INTO settlement_rows (brand_id, settlement_id, payee_kind, payee, row_id, booked_at, carried)
      SELECT ${brandId}, ${settlementId}, payee_kind, payee, row_id, booked_at, false FROM row
    )
    SELECT bearer_kind AS "bearerKind", bearer, purpose, sum(amount_fen)::text AS "totalFen", count(*) AS "rowCount",
      max(available_at) AS until
    FROM row GROUP BY bearer_kind, bearer, purpose`
  return parts.map(part => ({ ...part, totalFen: BigInt(part.totalFen) }))
}

/** The rows of one account in the settlement, all as carried: those after a position, up to another where one is given. */
export async function carryRows(db: Db, { account, ...key }: Key & { account: Account } & RowRange) {
  await db`UPDATE settlement_rows SET carried = true WHERE ${isRowIn(db, key)} AND ${isOf(db, account)}`
}

/** The statement of one account whose rows are in the settlement already. */
export async function insertStatement(
  db: Db,
  options: Key & { account: Account; parts: readonly Part[]; totalFen: number; rowCount: number; carried: boolean },
) {
  const { brandId, settlementId, account, carried } = options
  const parts = options.parts.map(part => ({ ...part, totalFen: String(part.totalFen) }))
  await db`
    WITH part AS (
      INSERT INTO settlement_parts (brand_id, settlement_id, payee_kind, payee, bearer_kind, bearer, purpose, total_fen,
        row_count, carried)
      SELECT ${brandId}, ${settlementId}, ${account.payeeKind}, ${account.payee}, "bearerKind", bearer, purpose,
        "totalFen", "rowCount", ${carried}
      FROM jsonb_to_recordset(${JSON.stringify(parts)}::text::jsonb)
        AS part ("bearerKind" text, bearer text, purpose text, "totalFen" bigint, "rowCount" int)
    )
    INSERT INTO settlement_statements (brand_id, settlement_id, payee_kind, payee, payee_type, total_fen, row_count,
      carried)
    SELECT ${brandId}, ${settlementId}, payee_kind, payee, ${payeeType(db, brandId)}, ${options.totalFen},
      ${options.rowCount}, ${carried}
    FROM (SELECT ${account.payeeKind}::text AS payee_kind, ${account.payee}::text AS payee) AS row`
}

/** Makes a draft of what was gathered. @returns false where it was taken apart meanwhile */
export async function updateComplete(db: Db, { brandId, settlementId }: Key): Promise<boolean> {
  const rows = await db`
    UPDATE settlements AS s
    SET status = 'draft', total_fen = sums.total_fen, statement_count = sums.statement_count,
      carried_count = sums.carried_count, row_count = sums.row_count
    FROM (
      SELECT COALESCE(sum(total_fen) FILTER (WHERE NOT carried), 0)::bigint AS total_fen, count(*) AS statement_count,
        count(*) FILTER (WHERE carried) AS carried_count,
        COALESCE(sum(row_count) FILTER (WHERE NOT carried), 0) AS row_count
      FROM settlement_statements WHERE brand_id = ${brandId} AND settlement_id = ${settlementId}
    ) AS sums
    WHERE s.brand_id = ${brandId} AND s.settlement_id = ${settlementId} AND s.status = 'gathering'
    RETURNING s.settlement_id`
  return rows.length > 0
}

// ------------------------------------------------------------------------------------------------- discard

/** Takes a draft out of what counts. @returns whether it was one */
export async function updateDiscarding(db: Db, { brandId, settlementId }: Key): Promise<boolean> {
  const rows = await db`
    UPDATE settlements SET status = 'discarding'
    WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} AND status = 'draft' RETURNING settlement_id`
  return rows.length > 0
}

/** What was left behind while it was gathered or discarded; from now on nobody gathers into it. */
export async function updateLeftovers(db: Db, { brandId }: Options) {
  const rows = await db<{ settlementId: string }[]>`
    UPDATE settlements SET status = 'discarding'
    WHERE brand_id = ${brandId} AND status IN ('gathering', 'discarding') RETURNING settlement_id AS "settlementId"`
  return rows.map(row => row.settlementId)
}

/** Frees rows of a settlement: those after a position, up to another where one is given. */
export async function deleteRows(db: Db, range: Key & RowRange) {
  await db`DELETE FROM settlement_rows WHERE ${isRowIn(db, range)}`
}

/** Removes statements with their parts: those after a payee, up to another where one is given. */
export async function deleteStatements(db: Db, range: Key & AccountRange) {
  await db`DELETE FROM settlement_parts WHERE ${isAccountIn(db, range)}`
  await db`DELETE FROM settlement_statements WHERE ${isAccountIn(db, range)}`
}

/** The last step, when nothing names it any more. */
export async function deleteDiscarded(db: Db, { brandId, settlementId }: Key) {
  await db`
    DELETE FROM settlements
    WHERE brand_id = ${brandId} AND settlement_id = ${settlementId} AND status = 'discarding'`
}

// -------------------------------------------------------------------------------------------------- ranges

/** Where a row is, by the order of the key. Instants are as the database writes them. */
export interface RowPosition extends Account {
  bookedAt: string
  rowId: string
}

interface RowRange {
  after: RowPosition | null
  until?: RowPosition | null
}

interface AccountRange {
  after: Account | null
  until?: Account | null
}

const isOf = (db: Db, { payeeKind, payee }: Account) => db`payee_kind = ${payeeKind} AND payee = ${payee}`

/** By ranges of the key and not by joining the rows to a list of themselves: there is nothing to be planned wrongly. */
function isRowIn(db: Db, { brandId, settlementId, after, until = null }: Key & RowRange) {
  const position = (row: RowPosition) =>
    db`(${row.payeeKind}, ${row.payee}, ${row.bookedAt}::text::timestamptz, ${row.rowId}::uuid)`
  return db`
    brand_id = ${brandId} AND settlement_id = ${settlementId}
    ${after === null ? db`` : db`AND (payee_kind, payee, booked_at, row_id) > ${position(after)}`}
    ${until === null ? db`` : db`AND (payee_kind, payee, booked_at, row_id) <= ${position(until)}`}`
}

function isAccountIn(db: Db, { brandId, settlementId, after, until = null }: Key & AccountRange) {
  return db`
    brand_id = ${brandId} AND settlement_id = ${settlementId}
    ${after === null ? db`` : db`AND (payee_kind, payee) > (${after.payeeKind}, ${after.payee})`}
    ${until === null ? db`` : db`AND (payee_kind, payee) <= (${until.payeeKind}, ${until.payee})`}`
}

/** The row that ends the next so many; null where fewer are left. */
export async function selectRowAhead(
  db: Db,
  { account, ahead, ...range }: Key & RowRange & { account?: Account; ahead: number },
) {
  const [row] = await db<RowPosition[]>`
    SELECT payee_kind AS "payeeKind", payee, booked_at::text AS "bookedAt", row_id AS "rowId" FROM settlement_rows
    WHERE ${isRowIn(db, range)} ${account === undefined ? db`` : db`AND ${isOf(db, account)}`}
    ORDER BY payee_kind, payee, booked_at, row_id OFFSET ${ahead - 1} LIMIT 1`
  return row ?? null
}

/** The payee whose statement ends the next so many; null where fewer are left. */
export async function selectAccountAhead(db: Db, { ahead, ...range }: Key & AccountRange & { ahead: number }) {
  const [row] = await db<Account[]>`
    SELECT payee_kind AS "payeeKind", payee FROM settlement_statements
    WHERE ${isAccountIn(db, range)} ORDER BY payee_kind, payee OFFSET ${ahead - 1} LIMIT 1`
  return row ?? null
}
