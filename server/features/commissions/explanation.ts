import type { Db } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { formatInstant } from '../../lib/time.ts'
import { ledgerOfOrder } from '../accounts/service.ts'
import type { Scope } from '../auth/domain.ts'
import { ROLES } from '../attribution/domain.ts'
import type { OrderKey } from '../evidence/service.ts'
import { selectOrderVisible } from './queries.ts'
import { decideOrder } from './service.ts'

/**
 * Why an order pays what it pays: the function's own trace, beside what is booked.
 *
 * @throws AppError not_found where there is no such order, or it may not be seen
 */
export async function explainOrder(db: Db, scope: Scope, order: OrderKey) {
  const { brandId } = scope
  if (!(await selectOrderVisible(db, { scope, ...order }))) throw new AppError('not_found', 'There is no such order.')
  const decided = await decideOrder(db, { brandId, order })
  if (!decided) throw new AppError('not_found', 'There is no such order.')
  const { decision, loaded, plan } = decided
  const { attribution } = decision
  const { evidence } = loaded
  return {
    source: order.source,
    orderNo: order.orderNo,
    revision: evidence.order.revision,
    channel: evidence.order.channel,
    paidAt: formatInstant(evidence.order.paidAt),
    cancelled: evidence.order.cancelled,
    onHold: evidence.onHold,
    plan: decision.plan && { ...decision.plan, attribution: plan!.attribution, lineCapBps: plan!.lineCapBps ?? null },
    availableAt: decision.availableAt === null ? null : formatInstant(decision.availableAt),
    relation: decision.relation,
    buyer: attribution.buyer && { memberNo: attribution.buyer.memberNo, recognisedBy: attribution.buyer.by },
    firstOrder: attribution.isFirstOrder,
    netFen: decision.netFen,
    roles: ROLES.map(role => {
      const { holder, because, since } = attribution.holdings[role]
      return { role, holder, because, ...(since === undefined ? {} : { since: formatInstant(since) }) }
    }),
    candidates: attribution.candidates.map(candidate => ({ ...candidate, at: formatInstant(candidate.at) })),
    lines: decision.lines.map(line => {
      const closer = attribution.closers.get(line.lineNo)!
      return { ...line, closer: { holder: closer.holder, because: closer.because } }
    }),
    refunds: evidence.refunds.map(refund => ({ ...refund, refundedAt: formatInstant(refund.refundedAt) })),
    overrides: evidence.overrides.map(override => ({ ...override, at: formatInstant(override.at) })),
    entitlements: decision.entitlements.map(entry => ({ ...entry, availableAt: formatInstant(entry.availableAt) })),
    booked: await ledgerOfOrder(db, scope, order),
    anomalies: decision.anomalies,
  }
}
