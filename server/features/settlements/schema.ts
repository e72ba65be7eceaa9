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

export const StatementQuery = Type.Object(
  {
    ...ListQuery,
    payeeKind: Type.Optional(OneOf(PAYEE_KINDS, 'Only those accounts.')),
    payee: Type.Optional(Type.String({ minLength: 1, description: 'Only accounts of this name.' })),
    payeeType: Type.Optional(
      OneOf(['employee', 'individual', 'company', 'unknown'], 'How he is paid; unknown: not told.'),
    ),
    carried: Type.Optional(OneOf(['true', 'false'], 'Only those that are carried, or are not.')),
    payment: Type.Optional(OneOf(['open', 'paid', 'failed'], 'open: still to be paid, failed ones too.')),
    franchiseeId: Type.Optional(Type.String({ minLength: 1, description: 'His stores and who works there.' })),
    q: Type.Optional(
      Type.String({ minLength: 1, maxLength: 100, format: 'text', description: 'A part of the name or the key.' }),
    ),
  },
  { additionalProperties: false },
)
export type StatementQuery = Static<typeof StatementQuery>

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

export const PreviewQuery = Type.Object(
  {
    ...ListQuery,
    cutoff: Type.Optional(Type.String({ format: 'instant', description: 'As for a draft; now where absent.' })),
  },
  { additionalProperties: false },
)
export type PreviewQuery = Static<typeof PreviewQuery>

export const Preview = Type.Object({
  cutoff: text(),
  accountCount: count('Accounts of the brand: how far one is, page by page.'),
  items: Type.Array(
    Type.Object({
      payeeKind: PayeeKind,
      accountCount: count('Accounts looked at.'),
      dueCount: count('Accounts that would get a statement that is paid out.'),
      dueFen: fen('Of these.'),
      carriedCount: count('Accounts that owe: theirs would be carried.'),
      carriedFen: fen('Of these, below 0.'),
      laterFen: fen('What is booked and becomes available at the cut-off or later.'),
    }),
    { description: 'The accounts of this page, summed by kind. A page adds to those before.' },
  ),
  nextCursor: Nullable(text()),
})
export type Preview = Static<typeof Preview>

export const Gathering = Type.Object({
  gathering: Nullable(
    Type.Object({
      settlementId: text(),
      cutoff: text(),
      createdAt: text(),
      createdBy: text(),
      accountCount: count('Accounts of the brand.'),
      gatheredCount: count('How many of them are through, roughly.'),
    }),
  ),
})
export type Gathering = Static<typeof Gathering>

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

export const Review = Type.Object({
  groups: Type.Array(
    Type.Object({
      payeeKind: PayeeKind,
      payeeType: Statement.properties.payeeType,
      statementCount: count('Statements that are not carried.'),
      totalFen: fen('Of these.'),
      carriedCount: count('Statements that are carried.'),
      carriedFen: fen('Of these, below 0.'),
      paidCount: count('Statements that were paid.'),
      paidFen: fen('Of these.'),
      failedCount: count('Statements of which the last try failed.'),
      openCount: count('Statements that are still to be paid, failed ones too.'),
      openFen: fen('Of these.'),
    }),
    { description: 'Sums by whose account it is and how he is paid.' },
  ),
  bearers: Type.Array(
    Type.Object({
      bearerKind: BearerKind,
      bearerCount: count('How many.'),
      totalFen: fen('What they bear; carried left out.'),
    }),
  ),
  before: Nullable(
    Type.Object({ settlementId: text(), cutoff: text(), totalFen: fen('Of it.'), statementCount: count('Of it.') }),
  ),
  moved: Type.Array(
    Type.Object({
      payeeKind: PayeeKind,
      payee: text(),
      payeeName: Nullable(text()),
      totalFen: Nullable(fen('Here; null: he has no statement here.')),
      beforeFen: Nullable(fen('In the one before; null: he had none there.')),
      changeFen: fen('The first less the second.'),
    }),
    { description: 'Whose sum moved most since the settlement that was approved before; at most 20.' },
  ),
})
export type Review = Static<typeof Review>

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
