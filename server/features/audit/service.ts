import type { Db, Pool, Tx } from '../../database.ts'
import { formatInstant, parseInstant, DAY_MS, type Instant } from '../../lib/time.ts'
import { selectAdjustmentDifferences } from '../adjustments/service.ts'
import { loadEvidence, orderKeyText } from '../attribution/service.ts'
import { compareBindings, type DerivedAssignment } from '../bindings/service.ts'
import { decide, entitlementKey, planInForce, type Entitlement } from '../commissions/domain.ts'
import {
  basesOf,
  basesOfOrders,
  bonusKey,
  bonusLedgerOfMonth,
  bookedBonusesOfMonth,
  decideMonth,
  monthsToAudit,
  plansOf,
  zoneOf,
  type BonusEntitlement,
} from '../commissions/service.ts'
import type { OrderKey } from '../evidence/service.ts'
import { auditRewards, type AuditedReward } from './rewards.ts'
import {
  selectAuditState,
  selectBookedSums,
  selectLedgerSums,
  selectOrdersToAudit,
  selectTheseToAudit,
} from './queries.ts'

export { auditRewards, type AuditedReward } from './rewards.ts'

/** One key whose three accounts of it do not agree. */
export interface Difference {
  lineNo: number
  role: string
  payeeKind: string
  payee: string
  bearerKind: string
  bearer: string
  ruleId: string
  planCode: string
  planVersion: number
  availableAt: string
  decidedFen: number
  entitlementFen: number
  ledgerFen: number
}

/** What an order adds to an associate's month, where what is kept differs from what is decided. */
export interface BasisDifference {
  associateId: string
  decidedFen: number
  keptFen: number
}

export interface AuditedOrder extends OrderKey {
  paidAt: string
  differences: Difference[]
  bases: BasisDifference[]
}

/** A bonus whose three accounts of it do not agree. */
export interface AuditedMonth {
  associateId: string
  month: string
  decidedFen: number
  entitlementFen: number
  ledgerFen: number
}

/** An adjustment that is confirmed and not booked, booked and not confirmed, or booked otherwise or more than once. */
export interface AuditedAdjustment {
  adjustmentId: string
  payeeKind: string
  payee: string
  bearerKind: string
  bearer: string
  availableAt: string
  confirmedFen: number
  ledgerFen: number
  rowCount: number
}

/** Somebody for whom other assignments are kept than the binding policy makes of his events. */
export interface AuditedBinding {
  memberNo: string
  derived: ShownAssignment[]
  kept: ShownAssignment[]
}

type ShownAssignment = Omit<DerivedAssignment, 'from'> & { from: string }

export interface AuditPosition extends OrderKey {
  paidAt: string
}

export interface AuditBatch {
  checkedOrders: number
  differing: AuditedOrder[]
  /** Where to go on; null at the end. */
  next: AuditPosition | null
}

/** Small, so that memory stays the same however long the history is. */
const ORDERS_PER_BATCH = 200

/**
 * Decides a batch of orders again and holds the result against entitlements and ledger. All three are read in one
 * snapshot.
 *
 * @param from paid at or after; null from the beginning
 * @param to paid before; null to the end
 */
export async function auditBatch(
  pool: Pool,
  options: { brandId: number; from: Instant | null; to: Instant | null; after: AuditPosition | null },
): Promise<AuditBatch> {
  const { brandId } = options
  return (await pool.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async tx => {
    const orders = await selectOrdersToAudit(tx, { ...options, limit: ORDERS_PER_BATCH })
    const last = orders.at(-1)
    return {
      checkedOrders: orders.length,
      differing: await compareOrders(tx, brandId, orders),
      next:
        last === undefined || orders.length < ORDERS_PER_BATCH
          ? null
          : {
              source: last.source,
              orderNo: last.orderNo,
              paidAt: last.paidAt === null ? '' : formatInstant(last.paidAt),
            },
    }
  })) as AuditBatch
}

/** The same for orders that are named; those that are not there, or only announced, are passed over. */
export async function auditOrders(
  pool: Pool,
  { brandId, orders }: { brandId: number; orders: readonly OrderKey[] },
): Promise<Omit<AuditBatch, 'next'>> {
  return (await pool.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async tx => {
    const found = await selectTheseToAudit(tx, { brandId, orders })
    return { checkedOrders: found.length, differing: await compareOrders(tx, brandId, found) }
  })) as Omit<AuditBatch, 'next'>
}

async function compareOrders(
  tx: Tx,
  brandId: number,
  orders: readonly (OrderKey & { paidAt: Instant | null })[],
): Promise<AuditedOrder[]> {
  if (orders.length === 0) return []
  const plans = await plansOf(tx, brandId)
  const reach = (paidAt: Instant) => ({
    from: paidAt - (planInForce(plans, paidAt)?.attribution.windowDays ?? 0) * DAY_MS,
    to: paidAt,
  })
  const [loaded, booked, ledger, kept] = await Promise.all([
    loadEvidence(tx, { brandId, orders, reach, lock: false }),
    selectBookedSums(tx, { brandId, orders }),
    selectLedgerSums(tx, { brandId, orders }),
    basesOfOrders(tx, { brandId, orders }),
  ])
  const bases = new Map<string, Map<string, { decided: number; kept: number }>>()
  const addBasis = (order: OrderKey, associateId: string, column: 'decided' | 'kept', basisFen: number) => {
    const rows = bases.get(orderKeyText(order)) ?? new Map<string, { decided: number; kept: number }>()
    bases.set(orderKeyText(order), rows)
    const row = rows.get(associateId) ?? { decided: 0, kept: 0 }
    row[column] += basisFen
    rows.set(associateId, row)
  }
  for (const row of kept) addBasis(row, row.associateId, 'kept', row.basisFen)
  const sums = new Map<
    string,
    Map<string, { key: Entitlement; decided: number; entitlement: number; ledger: number }>
  >()
  const add = (order: OrderKey, entry: Entitlement, column: 'decided' | 'entitlement' | 'ledger') => {
    const rows =
      sums.get(orderKeyText(order)) ??
      new Map<string, { key: Entitlement; decided: number; entitlement: number; ledger: number }>()
    sums.set(orderKeyText(order), rows)
    const row = rows.get(entitlementKey(entry)) ?? { key: entry, decided: 0, entitlement: 0, ledger: 0 }
    row[column] += entry.amountFen
    rows.set(entitlementKey(entry), row)
  }
  for (const { evidence } of loaded.orders) {
    const plan = planInForce(plans, evidence.order.paidAt)
    const decision = decide(evidence, plan)
    for (const [associateId, basisFen] of basesOf(decision, plan)) {
      addBasis(evidence.order, associateId, 'decided', basisFen)
    }
    for (const entry of decision.entitlements) add(evidence.order, entry, 'decided')
  }
  for (const row of booked) add(row, row, 'entitlement')
  for (const row of ledger) add(row, row, 'ledger')

  const differing: AuditedOrder[] = []
  for (const order of orders) {
    const differences = [...(sums.get(orderKeyText(order))?.values() ?? [])]
      .filter(row => row.decided !== row.entitlement || row.decided !== row.ledger)
      .map(({ key, decided, entitlement, ledger: booked }): Difference => ({
        lineNo: key.lineNo,
        role: key.role,
        payeeKind: key.payeeKind,
        payee: key.payee,
        bearerKind: key.bearerKind,
        bearer: key.bearer,
        ruleId: key.ruleId,
        planCode: key.planCode,
        planVersion: key.planVersion,
        availableAt: formatInstant(key.availableAt),
        decidedFen: decided,
        entitlementFen: entitlement,
        ledgerFen: booked,
      }))
    const wrongBases = [...(bases.get(orderKeyText(order)) ?? [])]
      .filter(([, row]) => row.decided !== row.kept)
      .map(([associateId, row]) => ({ associateId, decidedFen: row.decided, keptFen: row.kept }))
    if (differences.length > 0 || wrongBases.length > 0) {
      differing.push({
        source: order.source,
        orderNo: order.orderNo,
        paidAt: order.paidAt === null ? '' : formatInstant(order.paidAt),
        differences,
        bases: wrongBases,
      })
    }
  }
  return differing
}

/**
 * Decides every monthly bonus again and holds it against what is kept and what the ledger adds up to. Month by month, each
 * in a snapshot.
 */
export async function auditMonths(
  pool: Pool,
  brandId: number,
): Promise<{ checkedMonths: number; differing: AuditedMonth[] }> {
  const differing: AuditedMonth[] = []
  let checkedMonths = 0
  for (const month of await monthsToAudit(pool, { brandId })) {
    const audited = await auditMonth(pool, { brandId, month })
    checkedMonths += audited.checkedMonths
    differing.push(...audited.differing)
  }
  return { checkedMonths, differing }
}

async function auditMonth(
  pool: Pool,
  { brandId, month }: { brandId: number; month: string },
): Promise<{ checkedMonths: number; differing: AuditedMonth[] }> {
  return (await pool.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async tx => {
    const [plans, zone] = await Promise.all([plansOf(tx, brandId), zoneOf(tx, brandId)])
    const [decided, booked, ledger] = await Promise.all([
      decideMonth(tx, { brandId, zone, plans, month }),
      bookedBonusesOfMonth(tx, { brandId, month }),
      bonusLedgerOfMonth(tx, { brandId, month }),
    ])
    const associates = new Set(decided.map(({ associateId }) => associateId))
    const sums = new Map<string, AuditedMonth>()
    const add = (rows: readonly BonusEntitlement[], column: 'decidedFen' | 'entitlementFen' | 'ledgerFen') => {
      for (const row of rows) {
        const key = bonusKey(row)
        const { associateId } = row
        associates.add(associateId)
        const sum = sums.get(key) ?? { associateId, month, decidedFen: 0, entitlementFen: 0, ledgerFen: 0 }
        sum[column] += row.amountFen
        sums.set(key, sum)
      }
    }
    add(
      decided.flatMap(({ owed }) => owed),
      'decidedFen',
    )
    add(booked, 'entitlementFen')
    add(ledger, 'ledgerFen')
    return {
      checkedMonths: associates.size,
      differing: [...sums.values()].filter(
        sum => sum.decidedFen !== sum.entitlementFen || sum.decidedFen !== sum.ledgerFen,
      ),
    }
  })) as Awaited<ReturnType<typeof auditMonth>>
}

/** Every adjustment of which confirmations and ledger say different things. */
export async function auditAdjustments(pool: Pool, brandId: number): Promise<AuditedAdjustment[]> {
  const rows = await selectAdjustmentDifferences(pool, { brandId })
  return rows.map(row => ({ ...row, availableAt: formatInstant(row.availableAt) }))
}

/** Everybody whose events, replayed, make other assignments than are kept. Batch by batch, each in a snapshot. */
export async function auditBindings(
  pool: Pool,
  brandId: number,
): Promise<{ checkedMembers: number; differing: AuditedBinding[] }> {
  const shown = (rows: readonly DerivedAssignment[]) => rows.map(row => ({ ...row, from: formatInstant(row.from) }))
  const differing: AuditedBinding[] = []
  let checkedMembers = 0
  let after: string | null = ''
  while (after !== null) {
    const from: string = after
    const batch = (await pool.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', tx =>
      compareBindings(tx, { brandId, after: from }),
    )) as Awaited<ReturnType<typeof compareBindings>>
    checkedMembers += batch.checkedMembers
    for (const { memberNo, derived, kept } of batch.differing) {
      differing.push({ memberNo, derived: shown(derived), kept: shown(kept) })
    }
    after = batch.next
  }
  return { checkedMembers, differing }
}

type Audited = AuditedOrder | AuditedMonth | AuditedReward | AuditedAdjustment | AuditedBinding

/** How long one call may recompute before it hands out a cursor. */
const CALL_MS = 20_000

/** Recomputes a range until so many differences are found, the range ends, or time is up. */
export async function auditRange(
  pool: Pool,
  options: {
    brandId: number
    from: string | null
    to: string | null
    after: AuditPosition | null
    limit: number
    clock: () => number
  },
): Promise<{
  items: Audited[]
  checkedOrders: number
  next: AuditPosition | null
}> {
  const from = options.from === null ? null : parseInstant(options.from)
  const to = options.to === null ? null : parseInstant(options.to)
  const items: Audited[] = []
  let checkedOrders = 0
  let after = options.after
  const until = options.clock() + CALL_MS
  for (;;) {
    const batch = await auditBatch(pool, { brandId: options.brandId, from, to, after })
    const shown = batch.differing.slice(0, options.limit - items.length)
    items.push(...shown)
    checkedOrders += batch.checkedOrders
    const last = shown.at(-1)
    if (last && shown.length < batch.differing.length) {
      const { source, orderNo, paidAt } = last
      return { items, checkedOrders, next: { source, orderNo, paidAt } }
    }
    after = batch.next
    if (after === null) {
      items.push(...(await auditMonths(pool, options.brandId)).differing)
      items.push(...(await auditRewards(pool, options.brandId)).differing)
      items.push(...(await auditAdjustments(pool, options.brandId)))
      items.push(...(await auditBindings(pool, options.brandId)).differing)
      return { items, checkedOrders, next: null }
    }
    if (items.length >= options.limit || options.clock() >= until) return { items, checkedOrders, next: after }
  }
}

/** What the last nights found, over all brands, and how old that is. */
export async function auditState(db: Db) {
  return await selectAuditState(db)
}
