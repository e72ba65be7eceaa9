import type { Db, Pool, Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { DAY_MS, formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import {
  changesBy,
  holdOrders,
  overrideRoles,
  owedToAssociates,
  transactBooking,
  type Part,
} from '../commissions/by-hand/service.ts'
import { takeTurns, type OrderKey } from '../evidence/service.ts'
import { insertNotices } from '../notices/service.ts'
import { rolesToVacate, statusAfter, type Action, type FindingStatus } from './domain.ts'
import {
  insertRiskDecision,
  selectFinding,
  selectFindings,
  selectOrderStates,
  selectOrdersToRelease,
  selectRiskDecisions,
  updateFindingStatus,
  type FindingRow,
  type NamedFindingRow,
} from './queries.ts'
import { scanSpan } from './scan.ts'
import type { RiskDetail, RiskFinding, RiskQuery, ScanBody } from './schema.ts'

export { buildRiskScanner } from './scan.ts'

// ------------------------------------------------------------------------------------------------ reading

/** What looks wrong, newest first. @throws AppError malformed_cursor */
export async function listFindings(db: Db, brandId: number, query: RiskQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['instant', 'uuid'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectFindings(db, {
    brandId,
    status: query.status ?? null,
    kind: query.kind ?? null,
    after: after && { foundAt: String(after[0]), findingId: String(after[1]) },
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [formatInstant(row.foundAt), row.findingId], shownFinding)
}

function shownFinding(row: NamedFindingRow): RiskFinding {
  const { findingId, kind, status, associateId, associateName, storeCode, storeName, source, orderNo, foundAt } = row
  const { orders, ...facts } = row.details
  return {
    findingId,
    kind,
    status: status as RiskFinding['status'],
    associateId,
    associateName,
    storeCode,
    storeName,
    source,
    orderNo,
    foundAt: formatInstant(foundAt),
    facts,
    orderCount: orders.length,
  }
}

/** @throws AppError not_found */
async function getFinding(db: Db, brandId: number, findingId: string): Promise<NamedFindingRow> {
  const row = await selectFinding(db, { brandId, findingId })
  if (!row) throw new AppError('not_found', 'There is no such finding.')
  return row
}

/** A finding with its orders as they stand now, and what was decided. @throws AppError not_found */
export async function readFinding(db: Db, brandId: number, findingId: string): Promise<RiskDetail> {
  const row = await getFinding(db, brandId, findingId)
  const { orders } = row.details
  const [states, decisions] = await Promise.all([
    selectOrderStates(db, { brandId, orders }),
    selectRiskDecisions(db, { brandId, findingId }),
  ])
  return {
    ...shownFinding(row),
    orders: orders.flatMap(order => {
      const state = states.find(one => isSame(one, order))
      if (!state) return []
      const { source, orderNo, paidAt, facts, concerned } = order
      const { netFen, cancelled, onHold, owed } = state
      const amountOf = (role: string, associateId: string) =>
        owed.find(part => part.role === role && part.associateId === associateId)?.amountFen ?? 0
      return {
        ...{ source, orderNo, paidAt, netFen, cancelled, onHold, facts },
        concerned: concerned.map(({ role, associateId }) => {
          return { role, associateId, amountFen: amountOf(role, associateId) }
        }),
      }
    }),
    decisions: decisions.map(({ action, reason, decidedBy, decidedAt }) => {
      return { action, reason, decidedBy, decidedAt: formatInstant(decidedAt) }
    }),
  }
}

const isSame = (a: OrderKey, b: OrderKey) => a.source === b.source && a.orderNo === b.orderNo

// ----------------------------------------------------------------------------------------------- deciding

const DEEDS: Record<FindingStatus, string> = {
  watched: 'risk.watched',
  open: 'risk.opened',
  held: 'risk.held',
  released: 'risk.released',
  reversed: 'risk.reversed',
  dismissed: 'risk.dismissed',
}

/**
 * Decides about a finding, with a reason: its orders are put on hold, or released; or the roles that it is about are
 * taken away, which releases them too; or there is nothing in it. Whoever's money moves is told. The same again
 * changes nothing.
 *
 * @throws AppError not_found, forbidden where it is about himself; conflict where it was decided otherwise
 */
export async function decideFinding(
  pool: Pool,
  options: { caller: Caller; findingId: string; action: Action; reason: string; now: Instant },
): Promise<RiskDetail> {
  const { caller, findingId, action, reason, now } = options
  const { brandId, actor, person } = caller
  return await transactBooking(pool, now, async tx => {
    // One decision at a time, and no scan meanwhile: an order may be in several findings.
    await takeTurns(tx, brandId, 'risks')
    const finding = await getFinding(tx, brandId, findingId)
    const { orders } = finding.details
    const concerned = orders.flatMap(order => order.concerned.map(({ associateId }) => associateId))
    if (person && [finding.associateId, ...concerned].includes(person.associateId)) {
      throw new AppError('forbidden', 'It is about you; somebody else decides.')
    }
    const status = statusAfter(finding.status, action)
    if (status === null) throw new AppError('conflict', `It was ${finding.status} already.`)
    if (status === finding.status) return await readFinding(tx, brandId, findingId)

    const decisionId = uuidv7(now)
    await insertRiskDecision(tx, {
      brandId,
      findingId,
      row: { decisionId, action, reason, decidedBy: actor, decidedAt: now },
    })
    await updateFindingStatus(tx, { brandId, findingId, status })
    const decision = { brandId, actor, now, findingId, decisionId, reason }
    if (action !== 'dismiss') await act(tx, decision, finding, action)
    await insertActivity(tx, {
      brandId,
      now,
      actor,
      action: DEEDS[status],
      subject: `risks/${findingId}`,
      details: { kind: finding.kind, reason, orders: orders.map(({ source, orderNo }) => ({ source, orderNo })) },
    })
    return await readFinding(tx, brandId, findingId)
  })
}

interface Decision {
  brandId: number
  actor: string
  now: Instant
  findingId: string
  decisionId: string
  reason: string
}

/** What a decision does to the orders of a finding, and to whom it is told. */
async function act(tx: Tx, decision: Decision, finding: FindingRow, action: Exclude<Action, 'dismiss'>): Promise<void> {
  const { brandId, findingId, decisionId: holdId, reason } = decision
  const { orders } = finding.details
  if (orders.length === 0) return
  const { decided: moved, changes } = await changesBy(tx, { ...decision, orders }, async () => {
    if (action === 'reverse') await vacate(tx, decision, finding)
    const held = action === 'hold'
    const toMove = held ? orders : await selectOrdersToRelease(tx, { brandId, findingId, orders })
    return await holdOrders(tx, { ...decision, orders: toMove, holdId, held, reason })
  })
  await tellConcerned(tx, decision, action === 'hold' ? 'commission_held' : 'commission_released', moved, changes)
}

/** Takes the roles that a finding is about from those who still hold them. */
async function vacate(tx: Tx, decision: Decision, { details }: FindingRow): Promise<void> {
  const { brandId, reason } = decision
  const states = await selectOrderStates(tx, { brandId, orders: details.orders })
  const overrides = details.orders.flatMap(({ source, orderNo, concerned }) => {
    const state = states.find(one => isSame(one, { source, orderNo }))
    const roles = state ? rolesToVacate(concerned, state.roles) : []
    return roles.map(role => ({ source, orderNo, role, associateId: null, reason }))
  })
  if (overrides.length > 0) await overrideRoles(tx, { ...decision, overrides })
}

const keyOnly = ({ source, orderNo }: OrderKey): OrderKey => ({ source, orderNo })

/** Tells those whose money is on hold now, or no longer, and those who are owed another amount. */
async function tellConcerned(
  tx: Tx,
  { brandId, now, findingId, reason }: Decision,
  kind: 'commission_held' | 'commission_released',
  moved: readonly OrderKey[],
  changes: readonly Part[],
): Promise<void> {
  const owed = await owedToAssociates(tx, { brandId, orders: moved.map(keyOnly) })
  await insertNotices(tx, {
    brandId,
    now,
    notices: [
      ...owed.map(({ associateId, amountFen, orders }) => {
        return { associateId, kind, details: { findingId, orders, reason, amountFen } }
      }),
      ...changes.map(({ associateId, amountFen, orders }) => {
        const details = { findingId, orders, reason, changeFen: amountFen }
        return { associateId, kind: 'commission_corrected' as const, details }
      }),
    ],
  })
}

// ----------------------------------------------------------------------------------------------- scanning

const SCAN_DAYS = 30

/** Looks for what is wrong in a span: for what came before the service looked by itself. */
export async function scanNow(pool: Pool, options: { brandId: number; body: ScanBody; clock: () => Instant }) {
  const { brandId, body, clock } = options
  const to = body.to === undefined ? clock() : parseInstant(body.to)!
  const from = body.from === undefined ? to - SCAN_DAYS * DAY_MS : parseInstant(body.from)!
  const { scannedTo, ...counts } = await scanSpan(pool, { brandId, from, to, clock })
  return { ...counts, scannedTo: formatInstant(scannedTo) }
}
