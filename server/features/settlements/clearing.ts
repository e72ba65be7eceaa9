import { transact, type Db, type Pool } from '../../database.ts'
import { PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { inPages, type Column, type Table } from '../../lib/sheets.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { exportOf, kindWord, nameWord, purposeWord, type Exporting } from './exports.ts'
import { beginStep } from './gathering/queries.ts'
import {
  selectClearing,
  selectInvoices,
  selectUnsettledClearing,
  type ClearingRow,
  type InvoiceRow,
} from './queries.ts'
import type { ClearingQuery, PageQuery } from './schema.ts'
import { getSettlement, positionOf } from './service.ts'

// ------------------------------------------------------------------------------------------------- clearing

/** The next rows of the clearing table: of a settlement, or of all that is not settled. */
async function clearingPage(
  pool: Pool,
  options: Parameters<typeof selectUnsettledClearing>[1] & { settlementId: string | undefined },
): Promise<readonly ClearingRow[]> {
  const { settlementId, ...page } = options
  if (settlementId !== undefined) return await selectClearing(pool, { ...page, settlementId })
  return await transact(pool, async tx => {
    await beginStep(tx)
    return await selectUnsettledClearing(tx, page)
  })
}

/** Who owes whom, by payee and bearer. @throws AppError not_found, malformed_cursor */
export async function listClearing(pool: Pool, caller: Caller, query: ClearingQuery) {
  const { settlementId } = query
  if (settlementId !== undefined) await getSettlement(pool, caller, settlementId)
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor, ['text', 'text', 'text', 'text'])
  const rows = await clearingPage(pool, {
    brandId: caller.brandId,
    settlementId,
    after: after && { payeeKind: after[0]!, payee: after[1]!, bearerKind: after[2]!, bearer: after[3]! },
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [row.payeeKind, row.payee, row.bearerKind, row.bearer],
    row => row,
  )
}

const CLEARING_COLUMNS: readonly Column<ClearingRow>[] = [
  { title: '承担方类别', text: row => kindWord(row.bearerKind) },
  { title: '承担方编号', text: row => row.bearer },
  { title: '承担方名称', text: row => nameWord(row.bearerKind, row.bearerName) },
  { title: '收款方类别', text: row => kindWord(row.payeeKind) },
  { title: '收款方编号', text: row => row.payee },
  { title: '收款方名称', text: row => nameWord(row.payeeKind, row.payeeName) },
  { title: '税前金额（元）', fen: row => row.totalFen },
  { title: '流水笔数', count: row => row.rowCount },
]

/** All of it, as a file. @throws AppError not_found */
export async function exportClearing(
  pool: Pool,
  exporting: Exporting,
  settlementId: string | undefined,
): Promise<Table<ClearingRow>> {
  const { caller, format, now } = exporting
  const { brandId, actor } = caller
  const columns = CLEARING_COLUMNS
  const rows = inPages<ClearingRow>((after, limit) => clearingPage(pool, { brandId, settlementId, after, limit }))
  if (settlementId !== undefined) {
    const settlement = await getSettlement(pool, caller, settlementId)
    return await exportOf(pool, exporting, { settlement, what: 'clearing', columns, rows })
  }
  await insertActivity(pool, {
    brandId,
    now,
    actor,
    action: 'clearing.exported',
    subject: 'clearing',
    details: { format },
  })
  return { name: 'clearing', columns, rows }
}

// ------------------------------------------------------------------------------------------------- invoices

/** What companies owe each other, by who writes the invoice. @throws AppError not_found, malformed_cursor */
export async function listInvoices(db: Db, caller: Caller, settlementId: string, query: PageQuery) {
  await getSettlement(db, caller, settlementId)
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor, ['text', 'text', 'text', 'text', 'text'])
  const rows = await selectInvoices(db, {
    brandId: caller.brandId,
    settlementId,
    after: after && {
      issuerKind: after[0]!,
      issuer: after[1]!,
      recipientKind: after[2]!,
      recipient: after[3]!,
      purpose: after[4]!,
    },
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [row.issuerKind, row.issuer, row.recipientKind, row.recipient, row.purpose],
    row => row,
  )
}

const INVOICE_COLUMNS: readonly Column<InvoiceRow>[] = [
  { title: '开票方类别', text: row => kindWord(row.issuerKind) },
  { title: '开票方编号', text: row => row.issuer },
  { title: '开票方名称', text: row => nameWord(row.issuerKind, row.issuerName) },
  { title: '开票方加盟商', text: row => row.issuerFranchiseeId },
  { title: '受票方类别', text: row => kindWord(row.recipientKind) },
  { title: '受票方编号', text: row => row.recipient },
  { title: '受票方名称', text: row => nameWord(row.recipientKind, row.recipientName) },
  { title: '受票方加盟商', text: row => row.recipientFranchiseeId },
  { title: '项目', text: row => purposeWord(row.purpose) },
  { title: '税前金额（元）', fen: row => row.totalFen },
]

/** All of them, as a file. @throws AppError not_found */
export async function exportInvoices(
  pool: Pool,
  exporting: Exporting,
  settlementId: string,
): Promise<Table<InvoiceRow>> {
  const { caller } = exporting
  const { brandId } = caller
  const settlement = await getSettlement(pool, caller, settlementId)
  const rows = inPages<InvoiceRow>((after, limit) => selectInvoices(pool, { brandId, settlementId, after, limit }))
  return await exportOf(pool, exporting, { settlement, what: 'invoices', columns: INVOICE_COLUMNS, rows })
}
