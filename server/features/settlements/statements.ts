import type { Db, Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { inPages, localTime, type Column, type Table } from '../../lib/sheets.ts'
import { formatInstant } from '../../lib/time.ts'
import { shownLedgerRow } from '../accounts/service.ts'
import type { Caller } from '../auth/domain.ts'
import { paymentStateOf, payeeKey, PAYEE_KINDS } from './domain.ts'
import {
  exportOf,
  kindWord,
  nameWord,
  payeeTypeWord,
  paymentWord,
  purposeWord,
  reasonWord,
  yesWord,
  type Exporting,
} from './exports.ts'
import {
  selectParts,
  selectStatementRows,
  selectStatements,
  type LedgerRow,
  type PartRow,
  type StatementRow,
} from './queries.ts'
import type { PageQuery, Statement, StatementParams, StatementQuery } from './schema.ts'
import { getSettlement, paymentsOf, positionOf } from './service.ts'

// ----------------------------------------------------------------------------------------------- statements

/** The statements of a settlement, by payee, within what the caller may see. @throws AppError not_found, malformed_cursor */
export async function listStatements(db: Db, caller: Caller, settlementId: string, query: StatementQuery) {
  await getSettlement(db, caller, settlementId)
  const { scope } = caller
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor, ['text', 'text'])
  const rows = await selectStatements(db, {
    scope,
    settlementId,
    filter: query,
    after: after && { payeeKind: after[0]!, payee: after[1]! },
    limit: limit + 1,
  })
  const page = pageOf(
    rows,
    limit,
    row => [row.payeeKind, row.payee],
    row => row,
  )
  return { ...page, items: await withDetails(db, { brandId: scope.brandId, settlementId }, page.items) }
}

/** Statements with what they are made of, and what became of them. */
async function withDetails(
  db: Db,
  key: { brandId: number; settlementId: string },
  rows: readonly StatementRow[],
): Promise<Statement[]> {
  const payees = rows.map(({ payeeKind, payee }) => ({ payeeKind, payee }))
  const [payments, partRows] = await Promise.all([
    paymentsOf(db, { ...key, payees }),
    selectParts(db, { ...key, payees }),
  ])
  const parts = new Map<string, PartRow[]>()
  for (const part of partRows) parts.set(payeeKey(part), [...(parts.get(payeeKey(part)) ?? []), part])
  return rows.map(row => {
    const told = payments.get(payeeKey(row)) ?? []
    return {
      ...(row as StatementRow & Pick<Statement, 'payeeKind' | 'payeeType'>),
      taxBasis: 'before_tax',
      payment: paymentStateOf(told),
      payments: told.map(({ status, amountFen, reference, reason, at, recordedBy }) => ({
        status,
        amountFen,
        reference,
        reason,
        at: formatInstant(at),
        recordedBy,
      })),
      parts: (parts.get(payeeKey(row)) ?? []).map(({ payeeKind: _, payee: __, ...part }) => ({
        ...part,
        bearerKind: part.bearerKind as 'headquarters' | 'store',
      })),
    }
  })
}

const STATEMENT_COLUMNS: readonly Column<Statement>[] = [
  { title: '收款方类别', text: row => kindWord(row.payeeKind) },
  { title: '收款方编号', text: row => row.payee },
  { title: '收款方名称', text: row => nameWord(row.payeeKind, row.payeeName) },
  { title: '收款类型', text: payeeTypeWord },
  { title: '税前应付金额（元）', fen: row => row.totalFen },
  { title: '流水笔数', count: row => row.rowCount },
  { title: '结转下期', text: row => yesWord(row.carried) },
  { title: '付款状态', text: row => paymentWord(row.payment) },
  { title: '付款凭证号', text: row => row.payments.at(-1)?.reference ?? null },
  { title: '失败原因', text: row => (row.payment === 'failed' ? (row.payments.at(-1)?.reason ?? null) : null) },
]

/** All of them that are wanted, as a file. @throws AppError not_found */
export async function exportStatements(
  pool: Pool,
  exporting: Exporting,
  { settlementId, query }: { settlementId: string; query: StatementQuery },
): Promise<Table<Statement>> {
  const { caller } = exporting
  const { scope } = caller
  const key = { brandId: scope.brandId, settlementId }
  const settlement = await getSettlement(pool, caller, settlementId)
  const rows = inPages<Statement>(async (after, limit) =>
    withDetails(pool, key, await selectStatements(pool, { scope, settlementId, filter: query, after, limit })),
  )
  return await exportOf(pool, exporting, { settlement, what: 'statements', columns: STATEMENT_COLUMNS, rows })
}

// --------------------------------------------------------------------------------------------------- rows

/** The statement that a path names. @throws AppError not_found */
async function statementOf(db: Db, caller: Caller, { settlementId, payeeKind, payee }: StatementParams) {
  const settlement = await getSettlement(db, caller, settlementId)
  const isKind = (PAYEE_KINDS as readonly string[]).includes(payeeKind)
  const options = { scope: caller.scope, settlementId, payee: { payeeKind, payee }, limit: 1 }
  const [statement] = isKind ? await selectStatements(db, options) : []
  if (!statement) throw new AppError('not_found', 'There is no such statement.')
  return { settlement, key: { brandId: caller.brandId, settlementId, payee: { payeeKind, payee } } }
}

/** The ledger's rows of one statement, oldest first. @throws AppError not_found, malformed_cursor */
export async function listStatementRows(db: Db, caller: Caller, params: StatementParams, query: PageQuery) {
  const { key } = await statementOf(db, caller, params)
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor, ['instant', 'uuid'])
  const rows = await selectStatementRows(db, {
    ...key,
    after: after && { bookedAt: after[0]!, rowId: after[1]! },
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [formatInstant(row.bookedAt), row.rowId], shownLedgerRow)
}

function rowColumns(zone: string): Column<LedgerRow>[] {
  const time = localTime(zone)
  return [
    { title: '流水号', text: row => row.rowId },
    { title: '入账时间', text: row => time(row.bookedAt) },
    { title: '可结算时间', text: row => time(row.availableAt) },
    { title: '项目', text: row => purposeWord(row.role ?? row.subject) },
    { title: '订单来源', text: row => row.source },
    { title: '订单号', text: row => row.orderNo },
    { title: '行号', count: row => row.lineNo },
    { title: '月份', text: row => row.month },
    { title: '事件或调整', text: row => row.subjectKey },
    { title: '承担方类别', text: row => kindWord(row.bearerKind) },
    { title: '承担方编号', text: row => row.bearer },
    { title: '规则', text: row => row.ruleId },
    { title: '提成方案', text: row => row.planCode },
    { title: '方案版本', count: row => row.planVersion },
    { title: '税前金额（元）', fen: row => row.amountFen },
    { title: '入账原因', text: row => reasonWord(row.reason) },
    { title: '调整说明', text: row => row.adjustmentReason },
  ]
}

/** All of them, as a file. @throws AppError not_found */
export async function exportStatementRows(
  pool: Pool,
  exporting: Exporting,
  params: StatementParams,
): Promise<Table<LedgerRow>> {
  const { settlement, key } = await statementOf(pool, exporting.caller, params)
  const rows = inPages<LedgerRow>(async (last, limit) => {
    const after = last && { bookedAt: formatInstant(last.bookedAt), rowId: last.rowId }
    return await selectStatementRows(pool, { ...key, after, limit })
  })
  const what = `statements/${params.payeeKind}/${params.payee}`
  return await exportOf(pool, exporting, { settlement, what, columns: rowColumns(exporting.caller.zone), rows })
}
