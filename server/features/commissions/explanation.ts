import type { Db } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { formatInstant } from '../../lib/time.ts'
import { ledgerOfOrder } from '../accounts/service.ts'
import type { Scope } from '../auth/domain.ts'
import { ROLES } from '../attribution/domain.ts'
import type { OrderKey } from '../evidence/service.ts'
import { selectOrderVisible } from './queries.ts'
import { decideOrder, visiblePayees } from './service.ts'

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
  const isVisible = await visiblePayees(db, scope)
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
      const { holder, because, since, event } = attribution.holdings[role]
      return {
        role,
        holder,
        because,
        ...(since === undefined ? {} : { since: formatInstant(since) }),
        ...(event === undefined ? {} : { event }),
      }
    }),
    candidates: attribution.candidates.map(candidate => ({ ...candidate, at: formatInstant(candidate.at) })),
    lines: decision.lines.map(line => {
      const closer = attribution.closers.get(line.lineNo)!
      const roles = line.roles.filter(isVisible)
      return { ...line, roles, closer: { holder: closer.holder, because: closer.because } }
    }),
    refunds: evidence.refunds.map(refund => ({ ...refund, refundedAt: formatInstant(refund.refundedAt) })),
    overrides: evidence.overrides.map(override => ({ ...override, at: formatInstant(override.at) })),
    entitlements: decision.entitlements
      .filter(isVisible)
      .map(entry => ({ ...entry, availableAt: formatInstant(entry.availableAt) })),
    booked: await ledgerOfOrder(db, scope, order),
    anomalies: decision.anomalies,
  }
}
