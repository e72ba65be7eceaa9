import { transact, type Db, type Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf, type CursorPart } from '../../lib/paging.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { noteStatements } from '../messages/service.ts'
import { noteEvent } from '../webhooks/service.ts'
import {
  decidePayments,
  isSettlementId,
  payeeKey,
  type NewPayment,
  type PaymentReport,
  type StatementToPay,
} from './domain.ts'
import { discardDraft, gatherSettlement } from './gathering/service.ts'
import {
  insertPayments,
  lockSettlement,
  selectOpenStatements,
  selectPayments,
  selectSettlements,
  selectStatementsToPay,
  updateApproved,
  updatePaid,
  type PaymentRow,
  type SettlementRow,
  type Viewer,
} from './queries.ts'
import type { DraftBody, PageQuery, PayBody, Settlement } from './schema.ts'

export { clearAwayLeftovers } from './gathering/service.ts'

/** Who asks, and when. */
interface Asked {
  caller: Caller
  now: Instant
}

const noSettlement = () => new AppError('not_found', 'There is no such settlement.')

/** What somebody may see of settlements: a franchisee also what his stores bear. */
export function viewerOf({ scope, person }: Caller): Viewer {
  const isFranchisee = scope.reach === 'stores' && person?.role === 'franchisee'
  return { scope, bearers: isFranchisee ? scope.storeCodes : null }
}

const shown = (row: SettlementRow): Settlement => ({
  ...row,
  cutoff: formatInstant(row.cutoff),
  createdAt: formatInstant(row.createdAt),
  approvedAt: row.approvedAt === null ? null : formatInstant(row.approvedAt),
  paidAt: row.paidAt === null ? null : formatInstant(row.paidAt),
})

/** A position in a list. @throws AppError malformed_cursor */
export function positionOf(cursor: string | undefined, parts: readonly CursorPart[]): string[] | null {
  if (cursor === undefined) return null
  const position = decodeCursor(cursor, parts)
  if (!position) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return position.map(String)
}

/** Settlements, newest first, within what the caller may see. @throws AppError malformed_cursor */
export async function listSettlements(db: Db, caller: Caller, query: PageQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor, ['instant', 'uuid'])
  const rows = await selectSettlements(db, {
    ...viewerOf(caller),
    after: after && { createdAt: after[0]!, settlementId: after[1]! },
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [formatInstant(row.createdAt), row.settlementId], shown)
}

/** One settlement; a draft is headquarters' alone. @throws AppError not_found */
export async function getSettlement(db: Db, caller: Caller, settlementId: string): Promise<Settlement> {
  if (!isSettlementId(settlementId)) throw noSettlement()
  const [row] = await selectSettlements(db, { ...viewerOf(caller), settlementId, limit: 1 })
  if (!row) throw noSettlement()
  return shown(row)
}

/**
 * Makes a draft of everything that became available before the cut-off and is in no settlement yet. Two that are asked
 * for at once come one after the other, and the second gathers what is left.
 *
 * @throws AppError settlement.cutoff_in_future, settlement.busy
 */
export async function draftSettlement(pool: Pool, { caller, body, now }: Asked & { body: DraftBody }) {
  const cutoff = cutoffOf(body.cutoff, now)
  return await getSettlement(pool, caller, await gatherSettlement(pool, caller, { cutoff, now }))
}

/** @throws AppError settlement.cutoff_in_future */
export function cutoffOf(text: string, now: Instant): Instant {
  const cutoff = parseInstant(text)!
  if (cutoff <= now) return cutoff
  const message = 'What is not available yet cannot be settled.'
  throw new AppError('settlement.cutoff_in_future', message, [{ path: 'cutoff', code: 'cutoff_in_future', message }])
}

/** Approves a draft: its rows are settled from now on. Again, nothing changes. @throws AppError not_found */
export async function approveSettlement(pool: Pool, { caller, settlementId, now }: Asked & { settlementId: string }) {
  const { brandId, actor } = caller
  if (!isSettlementId(settlementId)) throw noSettlement()
  await transact(pool, async tx => {
    if ((await lockSettlement(tx, { brandId, settlementId })) !== 'draft') return
    await updateApproved(tx, { brandId, settlementId, now, actor })
    await noteStatements(tx, { brandId, settlementId, now })
    const settlement = await getSettlement(tx, caller, settlementId)
    await noteEvent(tx, { brandId, event: 'settlement.approved', data: settlement, now })
    await insertActivity(tx, { ...deedOf(settlementId, 'approved'), brandId, actor, now })
  })
  return await getSettlement(pool, caller, settlementId)
}

const deedOf = (settlementId: string, what: string, details: Record<string, unknown> = {}) => ({
  action: `settlement.${what}`,
  subject: `settlements/${settlementId}`,
  details,
})

/** Discards a draft; its rows are free for the next. @throws AppError not_found, settlement.not_draft */
export async function discardSettlement(
  pool: Pool,
  { caller, settlementId, now }: Asked & { settlementId: string },
): Promise<void> {
  if (isSettlementId(settlementId) && (await discardDraft(pool, caller, { settlementId, now }))) return
  const { status } = await getSettlement(pool, caller, settlementId)
  throw new AppError('settlement.not_draft', `This settlement is ${status}; only a draft can be discarded.`)
}

// ---------------------------------------------------------------------------------------------------- payment

/**
 * Records what was paid: what is told, or everything that is still to be paid. The settlement is paid when nothing is
 * left. Told again, nothing changes.
 *
 * @throws AppError not_found, settlement.not_approved, settlement.unpayable, settlement.paid_already
 */
export async function paySettlement(
  pool: Pool,
  { caller, settlementId, body, now }: Asked & { settlementId: string; body: PayBody },
) {
  const { brandId, actor } = caller
  if (!isSettlementId(settlementId)) throw noSettlement()
  const key = { brandId, settlementId }
  await transact(pool, async tx => {
    const status = await lockSettlement(tx, key)
    if (status === 'draft') throw new AppError('settlement.not_approved', 'A draft is approved before it is paid.')
    if (status !== 'approved' && status !== 'paid') throw noSettlement()
    const payments = await paymentsToRecord(tx, { ...key, body, now })
    await insertPayments(tx, {
      ...key,
      payments: payments.map(payment => ({ ...payment, paymentId: uuidv7(now), at: formatInstant(payment.at) })),
      now,
      actor,
    })
    const isPaid = await updatePaid(tx, { ...key, now })
    if (payments.length === 0 && !isPaid) return
    const count = (what: string) => payments.filter(payment => payment.status === what).length
    const details = { paid: count('paid'), failed: count('failed'), isPaid }
    await insertActivity(tx, { ...deedOf(settlementId, 'payments_recorded', details), brandId, actor, now })
  })
  return await getSettlement(pool, caller, settlementId)
}

/** The tries to pay each of these payees, in the order told, by `payeeKey`. */
export async function paymentsOf(db: Db, options: Parameters<typeof selectPayments>[1]) {
  const payments = new Map<string, PaymentRow[]>()
  for (const payment of await selectPayments(db, options)) {
    const key = payeeKey(payment)
    payments.set(key, [...(payments.get(key) ?? []), payment])
  }
  return payments
}

async function paymentsToRecord(
  db: Db,
  { body, now, ...key }: { brandId: number; settlementId: string; body: PayBody; now: Instant },
): Promise<NewPayment[]> {
  const reference = body?.reference ?? null
  if (!body?.payments) {
    const open = await selectOpenStatements(db, key)
    return open.map(({ totalFen, ...payee }) => ({
      ...payee,
      status: 'paid',
      amountFen: totalFen,
      reference,
      reason: null,
      at: now,
    }))
  }
  const reports = body.payments.map((payment): PaymentReport => ({
    ...payment,
    reference: payment.reference ?? reference,
    reason: payment.reason ?? null,
    at: payment.at === undefined ? null : parseInstant(payment.at),
  }))
  const payees = [...new Map(reports.map(report => [payeeKey(report), report])).values()]
  const told = await paymentsOf(db, { ...key, payees })
  const statements = new Map<string, StatementToPay>()
  for (const statement of await selectStatementsToPay(db, { ...key, payees })) {
    const name = payeeKey(statement)
    statements.set(name, { ...statement, payments: told.get(name) ?? [] })
  }
  const { payments, faults } = decidePayments(statements, reports, now)
  if (faults.length === 0) return payments
  const isConflict = faults.every(fault => fault.code === 'paid_already')
  throw isConflict
    ? new AppError('settlement.paid_already', 'A statement that was paid cannot fail afterwards.', faults)
    : new AppError('settlement.unpayable', 'Some of these cannot be paid; nothing was recorded.', faults)
}
