import type { Fen } from '../../lib/money.ts'

/** What is told to an associate: the facts of a sentence that is made in his own language. */
export type Notice =
  /** To whoever filed a dispute: how it ended. */
  | { kind: 'dispute_decided'; details: DisputeFacts & { changeFen: Fen } }
  /** To everybody else whose commission of the order changed by it. */
  | { kind: 'commission_changed'; details: DisputeFacts & { changeFen: Fen } }
  /** Orders of his were put on hold, or released; `amountFen` is what they owe him. */
  | { kind: 'commission_held' | 'commission_released'; details: RiskFacts & { amountFen: Fen } }
  /** What orders owe him changed after a look at what seemed wrong. */
  | { kind: 'commission_corrected'; details: RiskFacts & { changeFen: Fen } }

export const NOTICE_KINDS = [
  'dispute_decided',
  'commission_changed',
  'commission_held',
  'commission_released',
  'commission_corrected',
] as const satisfies readonly Notice['kind'][]

interface DisputeFacts {
  disputeId: string
  source: string
  orderNo: string
  /** The role that was disputed. */
  role: string
  outcome: 'upheld' | 'rejected'
  reason: string
}

interface RiskFacts {
  findingId: string
  /** Of those that a decision was about the ones that concern him. */
  orders: { source: string; orderNo: string }[]
  reason: string
}
