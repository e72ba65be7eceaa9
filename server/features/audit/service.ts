import type { Pool } from '../../database.ts'
import { formatInstant, parseInstant, DAY_MS, type Instant } from '../../lib/time.ts'
import { loadEvidence, orderKeyText } from '../attribution/service.ts'
import { decide, entitlementKey, planInForce, type Entitlement } from '../commissions/domain.ts'
import { plansOf } from '../commissions/service.ts'
import type { OrderKey } from '../evidence/service.ts'
import { selectBookedSums, selectLedgerSums, selectOrdersToAudit } from './queries.ts'

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

export interface AuditedOrder extends OrderKey {
  paidAt: string
  differences: Difference[]
}

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
    if (orders.length === 0) return { checkedOrders: 0, differing: [], next: null }
    const plans = await plansOf(tx, brandId)
    const reach = (paidAt: Instant) => ({
      from: paidAt - (planInForce(plans, paidAt)?.attribution.windowDays ?? 0) * DAY_MS,
      to: paidAt,
    })
    const [loaded, booked, ledger] = await Promise.all([
      loadEvidence(tx, { brandId, orders, reach, touchLimit: null, lock: false }),
      selectBookedSums(tx, { brandId, orders }),
      selectLedgerSums(tx, { brandId, orders }),
    ])
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
      const decision = decide(evidence, planInForce(plans, evidence.order.paidAt))
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
      if (differences.length > 0) {
        differing.push({
          source: order.source,
          orderNo: order.orderNo,
          paidAt: order.paidAt === null ? '' : formatInstant(order.paidAt),
          differences,
        })
      }
    }
    const last = orders.at(-1)!
    return {
      checkedOrders: orders.length,
      differing,
      next:
        orders.length < ORDERS_PER_BATCH
          ? null
          : {
              source: last.source,
              orderNo: last.orderNo,
              paidAt: last.paidAt === null ? '' : formatInstant(last.paidAt),
            },
    }
  })) as AuditBatch
}

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
): Promise<{ items: AuditedOrder[]; checkedOrders: number; next: AuditPosition | null }> {
  const from = options.from === null ? null : parseInstant(options.from)
  const to = options.to === null ? null : parseInstant(options.to)
  const items: AuditedOrder[] = []
  let checkedOrders = 0
  let after = options.after
  const until = options.clock() + CALL_MS
  for (;;) {
    const batch = await auditBatch(pool, { brandId: options.brandId, from, to, after })
    items.push(...batch.differing)
    checkedOrders += batch.checkedOrders
    after = batch.next
    if (after === null || items.length >= options.limit || options.clock() >= until) {
      return { items, checkedOrders, next: after }
    }
  }
}
