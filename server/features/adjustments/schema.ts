import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { FEN_MAX, InstantText, Key, Nullable, OneOf, Strict } from '../../lib/schema.ts'
import { BEARER_KINDS, NAMED_KINDS, PAYEE_KINDS } from './domain.ts'

const SignedFen = Type.Integer({
  description: 'What the payee gets; below 0: what is taken from him. Not 0. Whole fen.',
  minimum: -FEN_MAX,
  maximum: FEN_MAX,
})
const Reason = Type.String({
  description: 'Why, in words that the payee may read.',
  minLength: 1,
  maxLength: 1000,
  pattern: '\\S',
  format: 'text',
})

const transferFields = {
  payeeKind: OneOf(PAYEE_KINDS, 'Whose account.'),
  payee: Key('Associate or store; headquarters is called headquarters.'),
  bearerKind: Type.Optional(Nullable(OneOf(BEARER_KINDS, 'Who bears it. Default headquarters.'))),
  bearer: Type.Optional(Nullable(Key('The store that bears it.'))),
  amountFen: SignedFen,
  availableAt: Type.Optional(Nullable(InstantText('From when it can be settled; from its confirmation where absent.'))),
}

export const AdjustmentBody = Strict({
  adjustmentNo: Type.Optional(Nullable(Key('The maker’s own number; telling it again is harmless.'))),
  kind: Type.Optional(Nullable(OneOf(NAMED_KINDS, 'What it is. Default correction.'))),
  ...transferFields,
  reason: Reason,
})
export type AdjustmentBody = Static<typeof AdjustmentBody>

export const OpeningBalanceItem = Strict({
  balanceNo: Key('Its number in the system before.'),
  ...transferFields,
  reason: Type.Optional(Nullable(Reason)),
})
export type OpeningBalanceItem = Static<typeof OpeningBalanceItem>

export const WriteOffBody = Strict({ associateId: Key('A leaver who owes.'), reason: Reason })
export type WriteOffBody = Static<typeof WriteOffBody>

export const ReasonBody = Strict({ reason: Reason })
export type ReasonBody = Static<typeof ReasonBody>

const IDS_MAX = 500

export const ConfirmBody = Strict({
  adjustmentIds: Type.Array(Type.String({ format: 'uuid' }), {
    minItems: 1,
    maxItems: IDS_MAX,
    description: 'Each stands alone: one that is refused does not stop the others.',
  }),
})
export type ConfirmBody = Static<typeof ConfirmBody>

export const AdjustmentParams = Type.Object({ adjustmentId: Type.String({ format: 'uuid' }) })
export type AdjustmentParams = Static<typeof AdjustmentParams>

export const STATUSES = ['proposed', 'confirmed', 'rejected'] as const

export const AdjustmentQuery = Type.Object(
  {
    ...ListQuery,
    status: Type.Optional(OneOf(STATUSES, 'Only those.')),
    payeeKind: Type.Optional(OneOf(PAYEE_KINDS, 'Whose account.')),
    payee: Type.Optional(Type.String({ minLength: 1 })),
    from: Type.Optional(Type.String({ format: 'instant', description: 'Made at or after.' })),
    to: Type.Optional(Type.String({ format: 'instant', description: 'Made before.' })),
  },
  { additionalProperties: false },
)
export type AdjustmentQuery = Static<typeof AdjustmentQuery>

const text = () => Type.String()
const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) => Type.Union([schema, Type.Null()])

export const Adjustment = Type.Object({
  adjustmentId: text(),
  adjustmentNo: nullable(text()),
  kind: text(),
  status: Type.Enum([...STATUSES]),
  payeeKind: text(),
  payee: text(),
  bearerKind: text(),
  bearer: text(),
  amountFen: Type.Integer(),
  reason: text(),
  availableAt: nullable(Type.String({ description: 'null: from its confirmation, which is still to come.' })),
  reverses: nullable(Type.String({ description: 'The adjustment that this one takes back.' })),
  reversedBy: nullable(Type.String({ description: 'The one that takes this one back, proposed or confirmed.' })),
  madeBy: text(),
  madeAt: text(),
  decidedBy: nullable(text()),
  decidedAt: nullable(text()),
  decisionReason: nullable(text()),
})
export type Adjustment = Static<typeof Adjustment>

export const AdjustmentPage = Type.Object({ items: Type.Array(Adjustment), nextCursor: nullable(text()) })

export const WriteOffs = Type.Object({ adjustments: Type.Array(Adjustment) })

export const Confirmations = Type.Object({
  items: Type.Array(
    Type.Object({
      adjustmentId: text(),
      status: Type.Enum(['confirmed', 'unchanged', 'refused']),
      error: Type.Optional(Type.Object({ code: text(), message: text() })),
    }),
  ),
})
