import { Type, type Static, type TSchema } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { InstantText, Key, Nullable, OneOf, Strict, Text } from '../../lib/schema.ts'
import { PAYEE_KINDS } from './domain.ts'

const fen = (description: string) => Type.Integer({ description: `${description} Whole fen, before tax.` })
const count = (description: string) => Type.Integer({ description })
const text = (description?: string) => Type.String(description === undefined ? {} : { description })
const PayeeKind = OneOf(PAYEE_KINDS, 'Whose account.')
const BearerKind = OneOf(['headquarters', 'store'], 'Who pays.')
const page = <S extends TSchema>(item: S) => Type.Object({ items: Type.Array(item), nextCursor: Nullable(text()) })

export const SettlementParams = Type.Object({ settlementId: text() })
export type SettlementParams = Static<typeof SettlementParams>
export const StatementParams = Type.Object({ settlementId: text(), payeeKind: text(), payee: text() })
export type StatementParams = Static<typeof StatementParams>
export const FranchiseParams = Type.Object({ settlementId: text(), franchiseeId: text() })
export type FranchiseParams = Static<typeof FranchiseParams>

export const PageQuery = Type.Object({ ...ListQuery }, { additionalProperties: false })
export type PageQuery = Static<typeof PageQuery>

export const ClearingQuery = Type.Object(
  {
    ...ListQuery,
    settlementId: Type.Optional(
      Type.String({ format: 'uuid', description: 'Of one settlement; of all that is not settled where absent.' }),
    ),
  },
  { additionalProperties: false },
)
export type ClearingQuery = Static<typeof ClearingQuery>

export const DraftBody = Strict({
  cutoff: InstantText('Rows that became available before it are gathered. Not in the future.'),
})
export type DraftBody = Static<typeof DraftBody>

const reference = Type.Optional(Nullable(Text('The bank’s or payroll’s own number.')))

/** Nothing, or an object: a settlement may be paid without a word. */
export const PayBody = Nullable(
  Strict({
    reference,
    payments: Type.Optional(
      Type.Array(
        Strict({
          payeeKind: PayeeKind,
          payee: Key('The account.'),
          status: OneOf(['paid', 'failed'], 'What became of it; one that failed can be told as paid later.'),
          reference,
          reason: Type.Optional(Nullable(Text('Why it failed.'))),
          at: Type.Optional(InstantText('When; now where absent.')),
        }),
        { minItems: 1, maxItems: 10_000, description: 'Where absent, every statement that is still to be paid is.' },
      ),
    ),
  }),
)
export type PayBody = Static<typeof PayBody>

export const Settlement = Type.Object({
  settlementId: text(),
  status: OneOf(['draft', 'approved', 'paid'], 'Rows are settled once it is approved.'),
  cutoff: text(),
  totalFen: fen('Of the statements that are not carried.'),
  statementCount: count('Statements, carried ones too.'),
  carriedCount: count('Statements with a negative total: their rows wait for the next settlement.'),
  rowCount: count('Rows of the statements that are not carried.'),
  createdAt: text(),
  createdBy: text(),
  approvedAt: Nullable(text()),
  approvedBy: Nullable(text()),
  paidAt: Nullable(text()),
})
export type Settlement = Static<typeof Settlement>
export const SettlementPage = page(Settlement)

export const Statement = Type.Object({
  payeeKind: PayeeKind,
  payee: text(),
  payeeName: Nullable(text('As last told; null for headquarters.')),
  payeeType: Nullable(
    OneOf(['employee', 'individual', 'company'], 'How he is paid, as told when the draft was made; null: not told.'),
  ),
  totalFen: fen('What he is owed.'),
  taxBasis: OneOf(['before_tax'], 'Every amount is before tax.'),
  rowCount: count('Ledger rows.'),
  carried: Type.Boolean({ description: 'Negative: its rows stay unsettled, and the next settlement nets them.' }),
  payment: OneOf(['none', 'paid', 'failed'], 'What became of it.'),
  payments: Type.Array(
    Type.Object({
      status: OneOf(['paid', 'failed'], 'What became of this try.'),
      amountFen: fen('What was paid.'),
      reference: Nullable(text()),
      reason: Nullable(text()),
      at: text(),
      recordedBy: text(),
    }),
    { description: 'Each try, in the order told.' },
  ),
  parts: Type.Array(
    Type.Object({
      bearerKind: BearerKind,
      bearer: text(),
      purpose: text('The role of an order line; bonus, event or adjustment of all else.'),
      totalFen: fen('Of this bearer and purpose.'),
      rowCount: count('Ledger rows.'),
    }),
  ),
})
export type Statement = Static<typeof Statement>
export const StatementPage = page(Statement)

export const StatementRowPage = page(
  Type.Object({
    rowId: text(),
    subject: OneOf(['order_line', 'bonus', 'event', 'adjustment'], 'What it is for.'),
    source: Nullable(text()),
    orderNo: Nullable(text()),
    lineNo: Nullable(Type.Integer()),
    role: Nullable(text()),
    month: Nullable(text()),
    subjectKey: Nullable(text('Which event, or which adjustment.')),
    payeeKind: PayeeKind,
    payee: text(),
    bearerKind: BearerKind,
    bearer: text(),
    ruleId: Nullable(text()),
    planCode: Nullable(text()),
    planVersion: Nullable(Type.Integer()),
    amountFen: fen('Signed.'),
    availableAt: text(),
    reason: text(),
    adjustmentReason: Nullable(text('Why an adjustment was made, in words.')),
    bookedAt: text(),
  }),
)

export const ClearingPage = page(
  Type.Object({
    bearerKind: BearerKind,
    bearer: text(),
    bearerName: Nullable(text()),
    payeeKind: PayeeKind,
    payee: text(),
    payeeName: Nullable(text()),
    totalFen: fen('What the bearer owes the payee.'),
    rowCount: count('Ledger rows.'),
  }),
)

const CompanyKind = OneOf(['headquarters', 'store'], 'Which of the two.')

export const InvoicePage = page(
  Type.Object({
    issuerKind: CompanyKind,
    issuer: text('Who is paid.'),
    issuerName: Nullable(text()),
    issuerFranchiseeId: Nullable(text('Whose store it is, as last told.')),
    recipientKind: CompanyKind,
    recipient: text('Who bears it.'),
    recipientName: Nullable(text()),
    recipientFranchiseeId: Nullable(text('Whose store it is, as last told.')),
    purpose: text('The role, or adjustment.'),
    totalFen: fen('Of the invoice; negative for one that takes back.'),
  }),
)

const franchiseSums = {
  owedFen: fen('What the stores are owed; carried statements left out.'),
  borneFen: fen('What the stores bear; parts of carried statements left out.'),
  netFen: fen('The first less the second.'),
}

export const FranchisePage = page(
  Type.Object({
    franchiseeId: text(),
    storeCount: count('His stores that are in the settlement.'),
    ...franchiseSums,
  }),
)

const Borne = Type.Object({
  payeeKind: PayeeKind,
  payee: text(),
  payeeName: Nullable(text('Of stores, and of his stores’ own associates.')),
  purpose: text(),
  totalFen: fen('What the store bears.'),
  rowCount: count('Ledger rows.'),
  carried: Type.Boolean({ description: 'The payee’s statement is carried: not counted.' }),
})
const Owed = Type.Object({
  bearerKind: BearerKind,
  bearer: text(),
  bearerName: Nullable(text()),
  purpose: text(),
  totalFen: fen('What the store is owed.'),
  rowCount: count('Ledger rows.'),
  carried: Type.Boolean({ description: 'The store’s statement is carried: not counted.' }),
})

export const Franchise = Type.Object({
  settlementId: text(),
  status: Settlement.properties.status,
  cutoff: text(),
  taxBasis: Statement.properties.taxBasis,
  franchiseeId: text(),
  ...franchiseSums,
  stores: Type.Array(
    Type.Object({
      storeCode: text(),
      name: text(),
      ...franchiseSums,
      carried: Type.Boolean({ description: 'Its own statement is negative and waits for the next settlement.' }),
      owed: Type.Array(Owed),
      borne: Type.Array(Borne),
    }),
  ),
})
export type Franchise = Static<typeof Franchise>
