import type { AttainmentItem, DisputeBody, DisputeItem } from '../../sidebar/lib/pay.ts'
import { asOf, session } from './demo-data.ts'

/** What stands beside the earnings: the month's target, disputes, statements. */

export const target: AttainmentItem = {
  associateId: session.associateId,
  targetFen: 6_000_000,
  netSalesFen: 3_848_200,
  attainmentBps: 6413,
  monthGoneBps: 6500,
}

const disputeOf = (disputeId: string, body: DisputeBody): DisputeItem => ({
  disputeId,
  status: 'open',
  openedAt: asOf,
  decision: null,
  ...body,
})

export const filed = (body: unknown): DisputeItem =>
  disputeOf('018f0000-0000-7000-8000-00000000d001', body as DisputeBody)

/** About the second order: rejected, with the manager's answer. */
export const disputesAbout = ({ source, orderNo }: { source: string; orderNo: string }): DisputeItem[] => [
  {
    ...disputeOf('018f0000-0000-7000-8000-00000000d002', { source, orderNo, role: 'closer', text: '是我在店里接待的' }),
    status: 'rejected',
    decision: { reason: '小票上写的是王芳，她当天在岗。', decidedAt: asOf },
  },
]

export const settlements = [
  { settlementId: '2026-10', status: 'paid', cutoff: '2026-11-01T00:00:00+08:00' },
  { settlementId: '2026-09', status: 'paid', cutoff: '2026-10-01T00:00:00+08:00' },
]
export const statementsOf = (settlementId: string) => [
  {
    payeeKind: 'associate',
    payee: session.associateId,
    totalFen: settlementId === '2026-10' ? 412_350 : -1_200,
    rowCount: 37,
    carried: settlementId !== '2026-10',
    payment: settlementId === '2026-10' ? 'paid' : 'none',
  },
]
