import type { Db } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { exactNumber } from '../../lib/money.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf, type CursorPart } from '../../lib/paging.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import type { Scope } from '../auth/domain.ts'
import { selectAccountExists, selectBalance, selectEntitlements, selectLedgerRows, type LedgerRow } from './queries.ts'
import type { Balance, BalanceQuery, EntitlementQuery, LedgerQuery } from './schema.ts'

export { selectUnsettledSums, type UnsettledSum } from './queries.ts'

const instantOf = (text: string | undefined): Instant | null => (text === undefined ? null : parseInstant(text))

const ENTITLEMENT_KEY: readonly CursorPart[] = [
  ...(['text', 'text', 'integer', 'text', 'text', 'text', 'text', 'text', 'text', 'text'] as const),
  ...(['integer', 'instant'] as const),
]

/** A position in a list. @throws AppError malformed_cursor */
function positionOf(cursor: string | undefined, parts: readonly CursorPart[]) {
  if (cursor === undefined) return null
  const position = decodeCursor(cursor, parts)
  if (!position) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return position
}

/** Whoever names an account that is not there, or not his to see, is told the same. @throws AppError not_found */
export async function accountOf(db: Db, scope: Scope, query: { payeeKind?: string; payee?: string }) {
  const account = { scope, payeeKind: query.payeeKind ?? null, payee: query.payee ?? null }
  if (account.payee !== null && !(await selectAccountExists(db, { ...account, payee: account.payee }))) {
    throw new AppError('not_found', 'There is no such account.')
  }
  return account
}

/** What is owed now, per order, line and role. @throws AppError not_found, malformed_cursor */
export async function listEntitlements(db: Db, scope: Scope, query: EntitlementQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor, ENTITLEMENT_KEY)
  const rows = await selectEntitlements(db, {
    ...(await accountOf(db, scope, query)),
    source: query.source ?? null,
    orderNo: query.orderNo ?? null,
    from: instantOf(query.from),
    to: instantOf(query.to),
    after,
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [
      row.source,
      row.orderNo,
      row.lineNo,
      row.role,
      row.payeeKind,
      row.payee,
      row.bearerKind,
      row.bearer,
      row.ruleId,
      row.planCode,
      row.planVersion,
      formatInstant(row.availableAt),
    ],
    row => ({ ...row, availableAt: formatInstant(row.availableAt) }),
  )
}

export const shownLedgerRow = (row: LedgerRow) => ({
  ...row,
  availableAt: formatInstant(row.availableAt),
  bookedAt: formatInstant(row.bookedAt),
})

/** The ledger's rows, oldest first. @throws AppError not_found, malformed_cursor */
export async function listLedger(db: Db, scope: Scope, query: LedgerQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor, ['instant', 'uuid'])
  const rows = await selectLedgerRows(db, {
    ...(await accountOf(db, scope, query)),
    from: instantOf(query.from),
    to: instantOf(query.to),
    after: after && { bookedAt: String(after[0]), rowId: String(after[1]) },
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [formatInstant(row.bookedAt), row.rowId], shownLedgerRow)
}

/** Every row booked for one order, oldest first. */
export async function ledgerOfOrder(db: Db, scope: Scope, order: { source: string; orderNo: string }) {
  const rows = await selectLedgerRows(db, {
    scope,
    payeeKind: null,
    payee: null,
    order,
    from: null,
    to: null,
    after: null,
    limit: 10_000,
  })
  return rows.map(shownLedgerRow)
}

/** What an account holds. @throws AppError not_found */
export async function balanceOf(db: Db, scope: Scope, query: BalanceQuery, now: Instant): Promise<Balance> {
  const sums = await selectBalance(db, { ...(await accountOf(db, scope, query)), at: instantOf(query.at) ?? now })
  return {
    pendingFen: exactNumber(BigInt(sums.pendingFen)),
    availableFen: exactNumber(BigInt(sums.availableFen)),
    settledFen: exactNumber(BigInt(sums.settledFen)),
    bonusFen: exactNumber(BigInt(sums.bonusFen)),
  }
}
