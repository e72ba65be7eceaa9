import type { EarningsRole } from '../../server/features/earnings/schema.ts'

/** What the sidebar reads of disputes, targets and statements: their own schemas are built on rules of the service. */

export interface DisputeItem {
  disputeId: string
  status: 'open' | 'upheld' | 'rejected' | 'withdrawn'
  source: string
  orderNo: string
  role: EarningsRole
  text: string
  openedAt: string
  decision: { reason: string | null; decidedAt: string } | null
}

/** Says that a role of an order is one's own. */
export type DisputeBody = Pick<DisputeItem, 'source' | 'orderNo' | 'role' | 'text'>

export interface AttainmentItem {
  /** Absent: of a store. */
  associateId?: string
  /** Net sales to reach; null: not told. */
  targetFen: number | null
  netSalesFen: number
  attainmentBps: number | null
  monthGoneBps: number
}

export interface Settlement {
  settlementId: string
  cutoff: string
}

export interface Statement {
  payeeKind: string
  payee: string
  totalFen: number
  rowCount: number
  /** Negative: the next settlement nets it. */
  carried: boolean
  payment: 'none' | 'paid' | 'failed'
}
