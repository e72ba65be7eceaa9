import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError, type Fault } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { canonicalJson, conflict, created, rejected, unchanged } from '../../lib/items.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { accountOf, selectUnsettledSums, type UnsettledSum } from '../accounts/service.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller, Scope } from '../auth/domain.ts'
import { takeTurns, type Take } from '../evidence/service.ts'
import { existingAssociates, existingStores, selectAssociates } from '../stores/service.ts'
import { faultsOfTransfer, HEADQUARTERS, isEmployed, paysOut, writeOffOf, type Transfer } from './domain.ts'
import {
  insertAdjustments,
  insertConfirmations,
  insertRejection,
  selectAdjustmentList,
  selectAdjustments,
  selectByNumber,
  selectOpenWriteOffs,
  type AdjustmentRow,
  type NewAdjustment,
} from './queries.ts'
import type { Adjustment, AdjustmentBody, AdjustmentQuery, OpeningBalanceItem, WriteOffBody } from './schema.ts'

export { OpeningBalanceItem } from './schema.ts'
export { selectAdjustmentDifferences, type AdjustmentDifference } from './queries.ts'

/** Who asks, and when. */
interface Asked {
  caller: Caller
  now: Instant
}

const subjectOf = (adjustmentId: string) => `adjustments/${adjustmentId}`

// ----------------------------------------------------------------------------------------------- proposals

/**
 * Proposes a transfer by hand. It moves nothing until a second person confirms it.
 *
 * @throws AppError invalid_body with each fault by its path; conflict where the number was used for something else
 */
export async function proposeAdjustment(
  pool: Pool,
  { caller, body, now }: Asked & { body: AdjustmentBody },
): Promise<{ isNew: boolean; adjustment: Adjustment }> {
  const { brandId } = caller
  const transfer: Transfer = { ...transferOf(body), kind: body.kind ?? 'correction', reason: body.reason }
  const adjustmentNo = body.adjustmentNo ?? null
  return await transact(pool, async tx => {
    const faults = faultsOfTransfer(transfer, await accountsNamed(tx, brandId, [transfer]))
    if (faults.length > 0) throw invalid(faults)
    const [before] = adjustmentNo === null ? [] : await selectByNumber(tx, { brandId, adjustmentNos: [adjustmentNo] })
    if (before) {
      if (isSame(before, transfer)) return { isNew: false, adjustment: shown(before) }
      throw new AppError('conflict', `The number ${adjustmentNo} was used before for something else.`)
    }
    const [adjustment] = await propose(tx, { caller, now, proposals: [{ ...transfer, adjustmentNo, reverses: null }] })
    return { isNew: true, adjustment: adjustment! }
  })
}

/** Opening balances from the system before, as proposals that people have to confirm. */
export const takeOpeningBalances: Take<OpeningBalanceItem> = async (context, items) => {
  const { tx, brandId, now, actor, callerId } = context
  const transfers = items.map((item): Transfer => ({
    ...transferOf(item),
    kind: 'opening_balance',
    reason: item.reason ?? 'Opening balance',
  }))
  const known = await accountsNamed(tx, brandId, transfers)
  const told = new Map<string, Transfer>()
  for (const row of await selectByNumber(tx, { brandId, adjustmentNos: items.map(item => item.balanceNo) })) {
    told.set(row.adjustmentNo!, row)
  }
  const rows: NewAdjustment[] = []
  const results = items.map(({ balanceNo }, i) => {
    const transfer = transfers[i]!
    const [fault] = faultsOfTransfer(transfer, known)
    if (fault) return rejected(balanceNo, fault.code, fault.message, fault.path)
    const before = told.get(balanceNo)
    if (before) {
      return isSame(before, transfer)
        ? unchanged(balanceNo)
        : conflict(balanceNo, 'This number was used before for something else.', 'balanceNo')
    }
    told.set(balanceNo, transfer)
    rows.push({ ...transfer, adjustmentId: uuidv7(now), adjustmentNo: balanceNo, reverses: null })
    return created(balanceNo)
  })
  await insertAdjustments(tx, { brandId, rows, madeBy: actor, makerId: callerId, now })
  if (rows.length > 0) {
    const details = { count: rows.length }
    await insertActivity(tx, { brandId, now, actor, action: 'opening_balances.proposed', subject: 'adjustments', details }) // prettier-ignore
  }
  return results
}

/**
 * Proposes to write off what a leaver owes: one adjustment for each bearer who gives something up.
 *
 * @throws AppError invalid_body where he is unknown or works here; conflict where he owes nothing, or earlier
 *   write-offs of his wait for a decision
 */
export async function proposeWriteOffs(
  pool: Pool,
  { caller, body, now }: Asked & { body: WriteOffBody },
): Promise<{ isNew: boolean; adjustments: Adjustment[] }> {
  const { brandId } = caller
  const { associateId, reason } = body
  return await transact(pool, async tx => {
    await takeTurns(tx, brandId, 'adjustments')
    const [associate] = await selectAssociates(tx, { brandId, associateIds: [associateId] })
    if (!associate) {
      const message = `There is no associate ${JSON.stringify(associateId)}.`
      throw invalid([{ path: 'associateId', code: 'unknown_associate', message }])
    }
    if (isEmployed(associate.employments, now)) {
      const message = 'He works here: what he owes is netted with what he earns.'
      throw invalid([{ path: 'associateId', code: 'still_employed', message }])
    }
    const account = { payeeKind: 'associate', payee: associateId } as const
    const writeOff = writeOffOf(await selectUnsettledSums(tx, { brandId, ...account }))
    const open = await selectOpenWriteOffs(tx, { brandId, associateId })
    const proposals = (writeOff?.parts ?? []).map(({ bearerKind, bearer, amountFen }) => ({
      kind: 'write_off' as const,
      ...account,
      bearerKind: bearerKind as Transfer['bearerKind'],
      bearer,
      amountFen,
      reason,
      availableAt: writeOff!.availableAt <= now ? null : writeOff!.availableAt,
      adjustmentNo: null,
      reverses: null,
    }))
    if (open.length > 0) {
      if (open.length === proposals.length && open.every((row, i) => isSame(row, proposals[i]!))) {
        return { isNew: false, adjustments: open.map(shown) }
      }
      throw new AppError('conflict', 'Write-offs proposed before are open: confirm or reject them first.')
    }
    if (proposals.length === 0) throw new AppError('conflict', 'He owes nothing that is not settled.')
    return { isNew: true, adjustments: await propose(tx, { caller, now, proposals }) }
  })
}

/**
 * Proposes the opposite of a confirmed adjustment, pending and available as that one was.
 *
 * @throws AppError not_found; conflict where it is not confirmed, is a reversal itself, or is being taken back already
 */
export async function proposeReversal(
  pool: Pool,
  { caller, adjustmentId, reason, now }: Asked & { adjustmentId: string; reason: string },
): Promise<{ isNew: boolean; adjustment: Adjustment }> {
  const { brandId } = caller
  return await transact(pool, async tx => {
    await takeTurns(tx, brandId, 'adjustments')
    const row = await getRow(tx, brandId, adjustmentId)
    if (row.kind === 'reversal')
      throw new AppError('conflict', 'A reversal is not taken back: propose the other again.')
    if (row.confirmed !== true) throw new AppError('conflict', 'Only what is confirmed can be taken back; reject it.')
    if (row.reversedBy !== null) {
      const before = await getRow(tx, brandId, row.reversedBy)
      if (before.reason === reason) return { isNew: false, adjustment: shown(before) }
      throw new AppError('conflict', 'It is being taken back already, or was.')
    }
    const { payeeKind, payee, bearerKind, bearer } = row
    const opposite: Transfer = {
      kind: 'reversal',
      payeeKind,
      payee,
      bearerKind,
      bearer,
      amountFen: -row.amountFen,
      reason,
      availableAt: availableFrom(row),
    }
    const proposals = [{ ...opposite, adjustmentNo: null, reverses: adjustmentId }]
    const [adjustment] = await propose(tx, { caller, now, proposals })
    return { isNew: true, adjustment: adjustment! }
  })
}

/** Writes proposals down, and who made them. */
async function propose(
  tx: Tx,
  { caller, now, proposals }: Asked & { proposals: readonly Omit<NewAdjustment, 'adjustmentId'>[] },
): Promise<Adjustment[]> {
  const { brandId, actor, id } = caller
  const rows = proposals.map(proposal => ({ ...proposal, adjustmentId: uuidv7(now) }))
  await insertAdjustments(tx, { brandId, rows, madeBy: actor, makerId: id, now })
  for (const { adjustmentId, kind, payeeKind, payee, amountFen } of rows) {
    await insertActivity(tx, {
      brandId,
      now,
      actor,
      action: 'adjustment.proposed',
      subject: subjectOf(adjustmentId),
      details: { kind, payeeKind, payee, amountFen },
    })
  }
  return await shownInOrder(
    tx,
    brandId,
    rows.map(row => row.adjustmentId),
  )
}

function transferOf(item: AdjustmentBody | OpeningBalanceItem): Omit<Transfer, 'kind' | 'reason'> {
  const bearerKind = item.bearerKind ?? 'headquarters'
  return {
    payeeKind: item.payeeKind,
    payee: item.payee,
    bearerKind,
    bearer: item.bearer ?? (bearerKind === 'headquarters' ? HEADQUARTERS : ''),
    amountFen: item.amountFen,
    availableAt: item.availableAt == null ? null : parseInstant(item.availableAt),
  }
}

/** Which of the accounts that transfers name there are. */
async function accountsNamed(db: Db, brandId: number, transfers: readonly Transfer[]) {
  const named = transfers.flatMap(({ payeeKind, payee, bearerKind, bearer }) => [
    { kind: payeeKind, name: payee },
    { kind: bearerKind, name: bearer },
  ])
  const namesOf = (kind: Transfer['payeeKind']) => named.filter(entry => entry.kind === kind).map(entry => entry.name)
  return {
    stores: await existingStores(db, brandId, namesOf('store')),
    associates: await existingAssociates(db, brandId, namesOf('associate')),
  }
}

const contentOf = ({ kind, payeeKind, payee, bearerKind, bearer, amountFen, reason, availableAt }: Transfer) =>
  canonicalJson({ kind, payeeKind, payee, bearerKind, bearer, amountFen, reason, availableAt })
const isSame = (a: Transfer, b: Transfer) => contentOf(a) === contentOf(b)

const invalid = (faults: readonly Fault[]) => new AppError('invalid_body', faults[0]!.message, faults)

// ----------------------------------------------------------------------------------------------- decisions

export interface Confirmation {
  adjustmentId: string
  status: 'confirmed' | 'unchanged' | 'refused'
  error?: AppError
}

/**
 * Confirms adjustments, each on its own, and books one row for each. One that was confirmed before stays as it is,
 * whoever asks.
 */
export async function confirmAdjustments(
  pool: Pool,
  { caller, adjustmentIds, now }: Asked & { adjustmentIds: readonly string[] },
): Promise<Confirmation[]> {
  const { brandId, actor, id } = caller
  return await transact(pool, async tx => {
    await takeTurns(tx, brandId, 'adjustments')
    const rows = new Map((await selectAdjustments(tx, { brandId, adjustmentIds })).map(row => [row.adjustmentId, row]))
    const unsettled = new Map<string, UnsettledSum[]>()
    const confirmed = new Set<string>()
    const results: Confirmation[] = []
    for (const asked of adjustmentIds) {
      const adjustmentId = asked.toLowerCase()
      const row = rows.get(adjustmentId)
      if (row?.confirmed === true || confirmed.has(adjustmentId)) {
        results.push({ adjustmentId, status: 'unchanged' })
        continue
      }
      let error = faultOfConfirmation(row, id)
      if (!error && row?.kind === 'write_off') {
        const sums = unsettled.get(row.payee) ?? (await selectUnsettledSums(tx, { brandId, ...row }))
        const credit = { bearerKind: row.bearerKind, bearer: row.bearer, amountFen: row.amountFen, availableAt: row.availableAt ?? now } // prettier-ignore
        if (paysOut(sums, credit)) {
          error = new AppError('adjustment.pays_out', 'He owes less than when it was proposed: it would pay him money.')
        } else unsettled.set(row.payee, [...sums, credit])
      }
      if (error) results.push({ adjustmentId, status: 'refused', error })
      else {
        confirmed.add(adjustmentId)
        results.push({ adjustmentId, status: 'confirmed' })
      }
    }
    await insertConfirmations(tx, { brandId, adjustmentIds: [...confirmed], decidedBy: actor, deciderId: id, now })
    for (const adjustmentId of confirmed) {
      const subject = subjectOf(adjustmentId)
      await insertActivity(tx, { brandId, now, actor, action: 'adjustment.confirmed', subject })
    }
    return results
  })
}

/** Why a caller may not confirm it; null where he may. */
function faultOfConfirmation(row: AdjustmentRow | undefined, callerId: string): AppError | null {
  if (!row) return new AppError('not_found', 'There is no such adjustment.')
  if (row.confirmed === false) return new AppError('conflict', 'It was rejected; propose it again.')
  if (row.makerId === callerId) {
    return new AppError('adjustment.confirmed_by_maker', 'Whoever made it cannot confirm it: a second person has to.')
  }
  return null
}

/** Confirms one. @throws AppError not_found, conflict, adjustment.confirmed_by_maker, adjustment.pays_out */
export async function confirmAdjustment(
  pool: Pool,
  { adjustmentId, ...asked }: Asked & { adjustmentId: string },
): Promise<Adjustment> {
  const [result] = await confirmAdjustments(pool, { ...asked, adjustmentIds: [adjustmentId] })
  if (result?.error) throw result.error
  return await getAdjustment(pool, asked.caller.scope, adjustmentId)
}

/**
 * Rejects a proposal; its maker takes it back in the same way.
 *
 * @throws AppError not_found; conflict where it is confirmed
 */
export async function rejectAdjustment(
  pool: Pool,
  { caller, adjustmentId, reason, now }: Asked & { adjustmentId: string; reason: string },
): Promise<Adjustment> {
  const { brandId, actor, id } = caller
  return await transact(pool, async tx => {
    await takeTurns(tx, brandId, 'adjustments')
    const row = await getRow(tx, brandId, adjustmentId)
    if (row.confirmed === true)
      throw new AppError('conflict', 'It is confirmed and booked; take it back by a reversal.')
    if (row.confirmed === null) {
      await insertRejection(tx, { brandId, adjustmentId, reason, decidedBy: actor, deciderId: id, now })
      const subject = subjectOf(row.adjustmentId)
      await insertActivity(tx, { brandId, now, actor, action: 'adjustment.rejected', subject, details: { reason } })
    }
    return shown(await getRow(tx, brandId, adjustmentId))
  })
}

// --------------------------------------------------------------------------------------------------- reads

/** Adjustments, newest first. @throws AppError not_found, malformed_cursor */
export async function listAdjustments(db: Db, scope: Scope, query: AdjustmentQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['uuid'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const { payeeKind, payee } = await accountOf(db, scope, query)
  const rows = await selectAdjustmentList(db, {
    brandId: scope.brandId,
    status: query.status ?? null,
    payeeKind,
    payee,
    from: query.from === undefined ? null : parseInstant(query.from),
    to: query.to === undefined ? null : parseInstant(query.to),
    after: after && String(after[0]),
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [row.adjustmentId], shown)
}

/** @throws AppError not_found */
export async function getAdjustment(db: Db, scope: Scope, adjustmentId: string): Promise<Adjustment> {
  return shown(await getRow(db, scope.brandId, adjustmentId))
}

/** @throws AppError not_found */
async function getRow(db: Db, brandId: number, adjustmentId: string): Promise<AdjustmentRow> {
  const [row] = await selectAdjustments(db, { brandId, adjustmentIds: [adjustmentId] })
  if (!row) throw new AppError('not_found', 'There is no such adjustment.')
  return row
}

async function shownInOrder(db: Db, brandId: number, adjustmentIds: readonly string[]): Promise<Adjustment[]> {
  const rows = new Map((await selectAdjustments(db, { brandId, adjustmentIds })).map(row => [row.adjustmentId, row]))
  return adjustmentIds.map(adjustmentId => shown(rows.get(adjustmentId)!))
}

/** From when its row counts as available; null while it is not booked and nobody has said. */
const availableFrom = (row: AdjustmentRow): Instant | null =>
  row.availableAt ?? (row.confirmed === true ? row.decidedAt : null)

function shown(row: AdjustmentRow): Adjustment {
  const { makerId: _, confirmed, ...rest } = row
  const availableAt = availableFrom(row)
  return {
    ...rest,
    status: confirmed === null ? 'proposed' : confirmed ? 'confirmed' : 'rejected',
    availableAt: availableAt === null ? null : formatInstant(availableAt),
    madeAt: formatInstant(row.madeAt),
    decidedAt: row.decidedAt === null ? null : formatInstant(row.decidedAt),
  }
}
