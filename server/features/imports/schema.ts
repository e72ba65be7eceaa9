/**
 * The mapping file: how the columns of somebody else's CSV become the items of our ingest calls.
 */
import { Type, type Static } from 'typebox'
import type { ItemError } from '../../lib/items.ts'
import { encodings } from './encoding.ts'
import { numberFormats } from './decimal.ts'

/** The ingest calls by their last path part, each with the fields its items may have; `lines.` stands for each line. */
export const fieldsByKind = {
  stores: 'storeCode name type region franchiseeId wecomDepartmentId effectiveFrom',
  associates:
    'associateId name storeCode kind role franchiseeId memberNo activeFrom activeTo invitedBy payeeType effectiveFrom',
  members:
    'memberNo name phone level points balanceFen birthday joinedAt openingStore openingAssociate ' +
    'followsOfficialAccount miniProgramAuthorised tags consents.tracking consents.marketing effectiveFrom',
  'member-merges': 'memberNo into at',
  products: 'sku name category priceFen listFen imageUrl path stock',
  coupons: 'couponCode name kind amountFen discountBps minimumFen validFrom validTo stock',
  'coupon-events': 'eventId couponCode kind memberNo at linkCode orderNo source',
  targets: 'month storeCode associateId netSalesFen',
  groups: 'chatId name storeCode owner',
  identities: 'kind value memberNo at',
  'member-assignments': 'memberNo from attributedAssociate homeStore reason',
  'share-links':
    'linkCode associateId storeCode target.kind target.ref target.title target.imageUrl target.path target.url ' +
    'sentTo.externalUserid sentTo.chatId channel createdAt revokedAt',
  touches:
    'touchId linkCode at kind memberNo unionid openid externalUserid visitorId channel chatId opengid ' +
    'page.kind page.ref page.title',
  orders:
    'source orderNo revision channel paidAt memberNo unionid openid externalUserid visitorId sellingStore closer ' +
    'shareCode phone completedAt cancelled lines.lineNo lines.sku lines.name lines.category lines.quantity ' +
    'lines.paidFen lines.listFen lines.closer',
  refunds: 'source refundNo revision orderNo refundedAt lines.lineNo lines.quantity lines.refundFen',
  'friend-events': 'associateId externalUserid kind at endedBy state',
  'task-events': 'taskId kind at associateId task memberNo',
  'opening-balances': 'balanceNo payeeKind payee bearerKind bearer amountFen availableAt reason',
} as const

export type ItemKind = keyof typeof fieldsByKind
export const itemKinds = Object.keys(fieldsByKind) as ItemKind[]

/** Kinds whose items have lines, so that several rows make one item. */
export const kindsWithLines: readonly ItemKind[] = ['orders', 'refunds']

export const conversions = [
  'text',
  'integer',
  'yuan',
  'fen',
  'decimal',
  'instant',
  'date',
  'month',
  'boolean',
  'list',
] as const
export type Conversion = (typeof conversions)[number]

const strict = { additionalProperties: false }

const Column = Type.String({ minLength: 1, description: 'A column by its name in the header row' })
const NumberFormat = Type.Enum([...numberFormats], {
  description: 'How the file writes 1234.56; "1,234.56" unless said',
})
const Default = Type.Unknown({
  description:
    'Taken as it stands where the cell is empty; null clears what master data had. Without it the field is absent',
})
const Required = Type.Boolean({ description: 'An empty cell is an error of the line' })

export const ColumnSource = Type.Object(
  {
    column: Column,
    as: Type.Optional(
      Type.Enum([...conversions], {
        description:
          'text (default): trimmed; integer: 12, 1,200 and 12.00; yuan: 12.34 → 1234 fen, half a fen up; fen: an ' +
          'integer; decimal: a number in units of 10^-decimals; instant: in the zone of the brand where the text ' +
          'has no offset; date: YYYY-MM-DD; month: YYYY-MM; boolean: true/false, yes/no, 1/0, 是/否; list: parts ' +
          'between separators',
      }),
    ),
    format: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'For instant, date, month: such as dd.MM.yyyy, yyyy/M/d H:mm, epoch_seconds. For numbers: "1,234.56", ' +
          '"1.234,56" or "1 234,56". For list: the separator',
      }),
    ),
    decimals: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 9, description: 'For decimal: 4 turns the share 0.15 into 1500 bps' }),
    ),
    default: Type.Optional(Default),
    values: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        description: 'Translates cells, such as { "直营": "direct" }; "*" for any other cell, which else is an error',
      }),
    ),
    required: Type.Optional(Required),
  },
  strict,
)
export type ColumnSource = Static<typeof ColumnSource>

export const ConstantSource = Type.Object({ value: Type.Unknown({ description: 'The same for every item' }) }, strict)
export const RowNumberSource = Type.Object(
  { rowNumber: Type.Literal(true, { description: 'The place of the row within its group, from 1: a lineNo' }) },
  strict,
)
export const TemplateSource = Type.Object(
  {
    template: Type.String({
      minLength: 1,
      description: 'Text with columns in braces, "{first_name} {last_name}"; absent where one of them is empty',
    }),
    default: Type.Optional(Default),
    required: Type.Optional(Required),
  },
  strict,
)

const Term = Type.Union(
  [
    Column,
    Type.Object(
      {
        column: Column,
        format: Type.Optional(NumberFormat),
        default: Type.Optional(Type.String({ description: 'The number of an empty cell, such as "0"' })),
      },
      strict,
    ),
    Type.Object({ value: Type.String({ description: 'A number as a string: "0.01"' }) }, strict),
  ],
  { description: 'A number: a column, a column with format and default, or a constant' },
)
export type Term = Static<typeof Term>

const Product = Type.Object(
  {
    multiply: Type.Array(Term, { minItems: 1, maxItems: 8 }),
    less: Type.Optional(Term),
  },
  { ...strict, description: 'The product, times (1 − less) where a discount between 0 and 1 is given' },
)
export type Product = Static<typeof Product>

const Summand = Type.Union([Term, Product])
export const Amount = Type.Union([
  Term,
  Product,
  Type.Object(
    {
      add: Type.Array(Summand, { minItems: 1, maxItems: 8 }),
      subtract: Type.Optional(Type.Array(Summand, { minItems: 1, maxItems: 8 })),
    },
    strict,
  ),
])
export type Amount = Static<typeof Amount>

export const YuanSource = Type.Object({ yuan: Amount, required: Type.Optional(Required) }, strict)
export const FenSource = Type.Object({ fen: Amount, required: Type.Optional(Required) }, strict)
export const IntegerSource = Type.Object({ integer: Amount, required: Type.Optional(Required) }, strict)

export const Source = Type.Union(
  [Column, ColumnSource, ConstantSource, RowNumberSource, TemplateSource, YuanSource, FenSource, IntegerSource],
  {
    description:
      'Where a field comes from. yuan, fen and integer calculate exactly and round once at the end: yuan and fen ' +
      'half up to the fen, integer not at all (a fraction is an error)',
  },
)
export type Source = Static<typeof Source>

export const Mapping = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    description: Type.Optional(Type.String({ description: 'For people' })),
    kind: Type.Enum([...itemKinds]),
    fields: Type.Record(Type.String(), Source, {
      description: 'By field of the item; with a dot for what is nested: consents.tracking, lines.paidFen',
    }),
    groupBy: Type.Optional(
      Type.Array(Column, {
        minItems: 1,
        maxItems: 8,
        description: 'For orders and refunds: rows that follow each other with these columns equal are one item',
      }),
    ),
    encoding: Type.Optional(Type.Enum([...encodings])),
    delimiter: Type.Optional(Type.Enum([',', ';', '\t', '|'])),
    timeZone: Type.Optional(
      Type.String({ description: 'Where the file was written in another IANA time zone than that of the brand' }),
    ),
  },
  { ...strict, title: 'Import mapping' },
)
export type Mapping = Static<typeof Mapping>

/** One line of the file that was not taken, and why. */
export type LineError = ItemError & { line: number }
/** An item as it goes to the ingest; its own schema there says what it must hold. */
export type Item = Record<string, unknown>
