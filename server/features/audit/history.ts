import type { Pool, Tx } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import { orderKeyText, SpanReader, type LoadedOrder, type OrderPlace } from '../attribution/service.ts'
import { decide, planInForce, type Entitlement, type Plan } from '../commissions/domain.ts'
import { basesOf, basesOfOrders, plansOf, reachOf } from '../commissions/service.ts'
import type { OrderKey } from '../evidence/service.ts'
import { selectBookedSums, selectRangeEnd, selectUnbalanced } from './queries.ts'
import { auditOrders, type AuditedOrder } from './service.ts'

const ORDERS_PER_BATCH = 1000
/** So few that a statement sums their rows in the memory that it has. */
const ORDERS_PER_RANGE = 2000

export interface HistoryProgress {
  checkedOrders: number
  differing: AuditedOrder[]
  /** When the last of the orders that were decided again was paid; null where none was. */
  paidAt: Instant | null
}

/**
 * Audits all orders of a brand, faster than batch after batch by itself: orders are decided in the order of their payment,
 * what they share being read once, and beside that ledger and entitlements are held against each other in the order of
 * their keys. Whatever looks wrong is audited by itself, in one snapshot, so what changes meanwhile shows as no difference.
 *
 * @param options.onProgress told after each batch
 * @param options.signal ends it after the batch
 * @returns whether it came to the end
 */
export async function auditHistory(
  pool: Pool,
  options: { brandId: number; onProgress: (progress: HistoryProgress) => void; signal: AbortSignal },
): Promise<boolean> {
  const { brandId, onProgress, signal } = options
  const told = new Set<string>()
  const confirm = async (suspects: readonly OrderKey[]): Promise<AuditedOrder[]> => {
    const orders = suspects.filter(order => !told.has(orderKeyText(order)))
    if (orders.length === 0) return []
    const { differing } = await auditOrders(pool, { brandId, orders })
    for (const order of differing) told.add(orderKeyText(order))
    return differing
  }
  const balanced = balance(pool, {
    brandId,
    signal,
    onUnbalanced: async orders => {
      onProgress({ checkedOrders: 0, differing: await confirm(orders), paidAt: null })
    },
  })
  balanced.catch(() => {}) // told when it is waited for

  const plans = await plansOf(pool, brandId)
  const reader = new SpanReader({ brandId, reach: reachOf(plans), isFoundAnew: true })
  let loading = loadBatch(pool, { brandId, reader, after: null })
  for (;;) {
    const batch = await loading
    const last = batch.orders.at(-1)?.evidence.order
    const isLast = !last || batch.orders.length < ORDERS_PER_BATCH || signal.aborted
    if (!isLast) {
      loading = loadBatch(pool, { brandId, reader, after: last })
      loading.catch(() => {}) // told when it is waited for
    }
    const differing = await confirm(suspectsOf(batch, plans))
    onProgress({ checkedOrders: batch.orders.length, differing, paidAt: last?.paidAt ?? null })
    if (isLast) break
  }
  await balanced
  return !signal.aborted
}

/** Holds the ledger against the entitlements, range by range of the orders' keys. */
async function balance(
  pool: Pool,
  options: { brandId: number; signal: AbortSignal; onUnbalanced: (orders: OrderKey[]) => Promise<void> },
): Promise<void> {
  const { brandId, signal, onUnbalanced } = options
  let after: OrderKey | null = null
  do {
    const upTo: OrderKey | null = await selectRangeEnd(pool, { brandId, after, size: ORDERS_PER_RANGE })
    const orders = await selectUnbalanced(pool, { brandId, after, upTo })
    if (orders.length > 0) await onUnbalanced(orders)
    after = upTo
  } while (after !== null && !signal.aborted)
}

interface Batch {
  orders: LoadedOrder[]
  booked: Awaited<ReturnType<typeof selectBookedSums>>
  bases: Awaited<ReturnType<typeof basesOfOrders>>
}

/** The next orders, and what is kept of what was decided about them; read in one snapshot. */
async function loadBatch(
  pool: Pool,
  { brandId, reader, after }: { brandId: number; reader: SpanReader; after: OrderPlace | null },
): Promise<Batch> {
  return (await pool.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async (tx: Tx): Promise<Batch> => {
    const orders = await reader.next(tx, { from: null, to: null, after, limit: ORDERS_PER_BATCH })
    const keys = orders.map(({ evidence: { order } }) => ({ source: order.source, orderNo: order.orderNo }))
    const [booked, bases] = await Promise.all([
      selectBookedSums(tx, { brandId, orders: keys }),
      basesOfOrders(tx, { brandId, orders: keys }),
    ])
    return { orders, booked, bases }
  })) as Batch
}

/** Orders of which something else is kept than is decided, or of which somebody else turns out to be the buyer. */
function suspectsOf({ orders, booked, bases }: Batch, plans: readonly Plan[]): OrderKey[] {
  const kept = groupByOrder(booked)
  const keptBases = groupByOrder(bases)
  return orders.flatMap(({ evidence, lastBuyer }) => {
    const { order } = evidence
    const { source, orderNo } = order
    const plan = planInForce(plans, order.paidAt)
    const decision = decide(evidence, plan)
    const rows = kept.get(orderKeyText(order)) ?? []
    const owed = basesOf(decision, plan)
    const keptOfMonths = keptBases.get(orderKeyText(order)) ?? []
    const isRight =
      (decision.attribution.buyer?.memberNo ?? null) === lastBuyer &&
      rows.length === decision.entitlements.length &&
      decision.entitlements.every(entry => rows.some(row => areEqual(row, entry))) &&
      keptOfMonths.length === owed.size &&
      keptOfMonths.every(row => owed.get(row.associateId) === row.basisFen)
    return isRight ? [] : [{ source, orderNo }]
  })
}

function groupByOrder<T extends OrderKey>(rows: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const group = groups.get(orderKeyText(row))
    if (group) group.push(row)
    else groups.set(orderKeyText(row), [row])
  }
  return groups
}

const areEqual = (a: Entitlement, b: Entitlement) =>
  a.lineNo === b.lineNo &&
  a.role === b.role &&
  a.amountFen === b.amountFen &&
  a.payee === b.payee &&
  a.payeeKind === b.payeeKind &&
  a.bearer === b.bearer &&
  a.bearerKind === b.bearerKind &&
  a.ruleId === b.ruleId &&
  a.planCode === b.planCode &&
  a.planVersion === b.planVersion &&
  a.availableAt === b.availableAt
