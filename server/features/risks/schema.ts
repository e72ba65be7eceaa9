import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { InstantText, Nullable, OneOf, Strict } from '../../lib/schema.ts'
import { ASSOCIATE_ROLES } from '../attribution/domain.ts'
import { ACTIONS, RISK_KINDS } from './domain.ts'

const text = () => Type.String()
const SHOWN_STATUSES = ['open', 'held', 'released', 'reversed', 'dismissed'] as const

export const RiskQuery = Strict({
  ...ListQuery,
  status: Type.Optional(OneOf(SHOWN_STATUSES, 'How far it is.')),
  kind: Type.Optional(OneOf(RISK_KINDS, 'Which rule found it.')),
})
export type RiskQuery = Static<typeof RiskQuery>

export const RiskParams = Strict({ findingId: Type.String({ format: 'uuid' }) })
export type RiskParams = Static<typeof RiskParams>

export const RiskDecisionBody = Strict({
  reason: Type.String({
    description: 'Why; those whose money it moves read it.',
    minLength: 1,
    maxLength: 1024,
    format: 'text',
  }),
})
export type RiskDecisionBody = Static<typeof RiskDecisionBody>

export const ScanBody = Strict({
  from: Type.Optional(InstantText('Paid, or clicked, at or after; 30 days ago where absent.')),
  to: Type.Optional(InstantText('Paid, or clicked, before; now where absent.')),
})
export type ScanBody = Static<typeof ScanBody>

export const ScanAnswer = Type.Object({
  scannedOrders: Type.Integer(),
  changedFindings: Type.Integer({ description: 'How many findings are new, or hold more.' }),
  scannedTo: Type.String({ description: 'Up to when all is scanned: `to`, else where the next call goes on.' }),
})

const findingProperties = {
  findingId: text(),
  kind: OneOf(RISK_KINDS, 'Which rule found it.'),
  status: OneOf(SHOWN_STATUSES, 'How far it is.'),
  associateId: Nullable(text()),
  associateName: Nullable(text()),
  storeCode: Nullable(text()),
  storeName: Nullable(text()),
  source: Nullable(Type.String({ description: 'The order, where it is about one alone.' })),
  orderNo: Nullable(text()),
  foundAt: text(),
  facts: Type.Record(Type.String(), Type.Unknown(), { description: 'What was found.' }),
  orderCount: Type.Integer({ description: 'How many orders a decision acts on.' }),
}

export const RiskFinding = Type.Object(findingProperties)
export type RiskFinding = Static<typeof RiskFinding>
export const RiskPage = Type.Object({ items: Type.Array(RiskFinding), nextCursor: Nullable(text()) })

/** A finding with its orders as they stand now, and what was decided. */
export const RiskDetail = Type.Object({
  ...findingProperties,
  orders: Type.Array(
    Type.Object({
      source: text(),
      orderNo: text(),
      paidAt: text(),
      netFen: Type.Integer({ description: 'What is left after refunds. Fen.' }),
      cancelled: Type.Boolean(),
      onHold: Type.Boolean(),
      facts: Type.Record(Type.String(), Type.Unknown(), { description: 'What was seen of this order.' }),
      concerned: Type.Array(
        Type.Object({
          role: OneOf(ASSOCIATE_ROLES, 'What a reversal takes away.'),
          associateId: text(),
          amountFen: Type.Integer({ description: 'What he is owed in it now. Fen, before tax.' }),
        }),
      ),
    }),
  ),
  decisions: Type.Array(
    Type.Object({
      action: OneOf(ACTIONS, 'What was decided.'),
      reason: text(),
      decidedBy: text(),
      decidedAt: text(),
    }),
    { description: 'The oldest first.' },
  ),
})
export type RiskDetail = Static<typeof RiskDetail>
