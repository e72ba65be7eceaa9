import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'

const text = () => Type.String()
const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) => Type.Union([schema, Type.Null()])
const instantQuery = (description: string) => Type.Optional(Type.String({ description, format: 'instant' }))
const PayeeKind = Type.Unsafe<'associate' | 'store' | 'headquarters'>({
  type: 'string',
  enum: ['associate', 'store', 'headquarters'],
})

/** Whose account: by kind and name; the one of kind headquarters is called headquarters. */
const AccountQuery = { payeeKind: Type.Optional(PayeeKind), payee: Type.Optional(Type.String({ minLength: 1 })) }

export const EntitlementQuery = Type.Object(
  {
    ...ListQuery,
    ...AccountQuery,
    source: Type.Optional(text()),
    orderNo: Type.Optional(text()),
    from: instantQuery('Paid at or after.'),
    to: instantQuery('Paid before.'),
  },
  { additionalProperties: false },
)
export type EntitlementQuery = Static<typeof EntitlementQuery>

export const LedgerQuery = Type.Object(
  { ...ListQuery, ...AccountQuery, from: instantQuery('Booked at or after.'), to: instantQuery('Booked before.') },
  { additionalProperties: false },
)
export type LedgerQuery = Static<typeof LedgerQuery>

export const BalanceQuery = Type.Object(
  { ...AccountQuery, at: instantQuery('Pending and available as of then; now where absent.') },
  { additionalProperties: false },
)
export type BalanceQuery = Static<typeof BalanceQuery>

const page = <S extends Parameters<typeof Type.Array>[0]>(item: S) =>
  Type.Object({ items: Type.Array(item), nextCursor: nullable(Type.String()) })

export const EntitlementPage = page(
  Type.Object({
    source: text(),
    orderNo: text(),
    lineNo: Type.Integer(),
    role: text(),
    payeeKind: PayeeKind,
    payee: text(),
    bearerKind: text(),
    bearer: text(),
    ruleId: text(),
    planCode: text(),
    planVersion: Type.Integer(),
    amountFen: Type.Integer(),
    availableAt: text(),
  }),
)

export const LedgerPage = page(
  Type.Object({
    rowId: text(),
    subject: Type.Enum(['order_line', 'bonus', 'event', 'adjustment']),
    source: nullable(text()),
    orderNo: nullable(text()),
    lineNo: nullable(Type.Integer()),
    role: nullable(text()),
    month: nullable(text()),
    subjectKey: nullable(Type.String({ description: 'Which event, or which adjustment.' })),
    payeeKind: PayeeKind,
    payee: text(),
    bearerKind: text(),
    bearer: text(),
    ruleId: nullable(text()),
    planCode: nullable(text()),
    planVersion: nullable(Type.Integer()),
    amountFen: Type.Integer(),
    availableAt: text(),
    reason: text(),
    adjustmentReason: nullable(Type.String({ description: 'Why an adjustment was made, in words.' })),
    bookedAt: text(),
  }),
)

export const Balance = Type.Object({
  pendingFen: Type.Integer({ description: 'Booked, not yet available.' }),
  availableFen: Type.Integer({ description: 'Available, not yet settled.' }),
  settledFen: Type.Integer({ description: 'In approved settlements.' }),
  bonusFen: Type.Integer({ description: 'How much of the three are bonuses.' }),
})
export type Balance = Static<typeof Balance>
