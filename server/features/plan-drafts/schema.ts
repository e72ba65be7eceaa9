/** Plans that somebody works on. Browser code imports the types only. */
import { Type, type Static, type TSchema } from 'typebox'
import { FEN_MAX, InstantText, Key, OneOf, Strict, WholeNumber } from '../../lib/schema.ts'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** As of every list; said here, since browser code cannot take it from there. */
const Paged = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: 'How many rows; 50 where absent.' })),
  cursor: Type.Optional(Type.String({ maxLength: 4096, description: 'The nextCursor of the page before.' })),
}

// ---------------------------------------------------------------------------------------------- drafts

const Version = Strict({ code: Key('The plan.', 128), version: WholeNumber('Its version.', 1) })
const Revision = (description: string) => WholeNumber(description, 0)

export const DraftParams = Type.Object({ name: Key('The draft.', 128) })
export type DraftParams = Static<typeof DraftParams>

export const DraftQuery = Type.Object(Paged, { additionalProperties: false })
export type DraftQuery = Static<typeof DraftQuery>

export const DraftBody = Strict({
  revision: Revision('The one that this was made from; 0: there is no such draft yet.'),
  content: Type.Record(Type.String(), Type.Unknown(), { description: 'A plan, finished or not.' }),
  basedOn: Type.Optional(Version),
})
export type DraftBody = Static<typeof DraftBody>

export const DraftDeletion = Type.Object(
  { revision: Revision('The one that was seen.') },
  { additionalProperties: false },
)
export type DraftDeletion = Static<typeof DraftDeletion>

const head = {
  name: Type.String(),
  revision: Type.Integer(),
  basedOn: nullable(Type.Object({ code: Type.String(), version: Type.Integer() })),
  createdAt: Type.String(),
  createdBy: Type.String(),
  changedAt: Type.String(),
  changedBy: Type.String(),
}
export const DraftHead = Type.Object(head)
export type DraftHead = Static<typeof DraftHead>

export const Draft = Type.Object({ ...head, content: Type.Record(Type.String(), Type.Unknown()) })
export type Draft = Static<typeof Draft>

export const DraftPage = Type.Object({ items: Type.Array(DraftHead), nextCursor: nullable(Type.String()) })
export const DeletedDraft = Type.Object({ name: Type.String(), status: Type.Enum(['deleted']) })

// ---------------------------------------------------------------------------------------------- checking

export const PlanCheck = Type.Object({
  faults: Type.Array(
    Type.Object({
      path: Type.String({ description: '`rules[3].rateBps`' }),
      code: Type.String(),
      message: Type.String(),
    }),
    { description: 'What stands against publishing it; empty: nothing.' },
  ),
  warnings: Type.Array(Type.Object({ code: Type.String(), month: Type.String(), message: Type.String() })),
  isPast: Type.Boolean({ description: 'It would take effect in the past: published with retroactive alone.' }),
  taken: nullable(
    Type.Enum(['same', 'other'], { description: 'Its code and version are published, with this content or another.' }),
  ),
  terms: nullable(
    Type.String({
      description: 'What it pays, in one word: two plans with the same one pay the same. null with faults.',
    }),
  ),
})
export type PlanCheck = Static<typeof PlanCheck>

// ---------------------------------------------------------------------------------------------- choices

const CHOICES = [
  'stores',
  'regions',
  'franchisees',
  'categories',
  'skus',
  'memberLevels',
  'associates',
  'tasks',
] as const
export type ChoiceKind = (typeof CHOICES)[number]
export const ChoiceParams = Type.Object({ kind: OneOf(CHOICES, 'Of what.') })
export const ChoiceQuery = Type.Object(
  { search: Type.Optional(Type.String({ maxLength: 128, format: 'text', description: 'A part of its key or name.' })) },
  { additionalProperties: false },
)
export type ChoiceQuery = Static<typeof ChoiceQuery>
export const ChoiceList = Type.Object({
  items: Type.Array(Type.Object({ value: Type.String(), name: nullable(Type.String()) })),
})
export type ChoiceList = Static<typeof ChoiceList>

// ---------------------------------------------------------------------------------------------- one order

const Supposed = Strict(
  {
    channel: OneOf(['online', 'in_store'], 'Where it is bought.'),
    paidAt: Type.Optional(InstantText('When; now where absent.')),
    memberNo: Type.Optional(Key('The buyer.')),
    sellingStore: Type.Optional(Key('The store that sells.')),
    sharer: Type.Optional(Key('Whose share brought the buyer.')),
    closer: Type.Optional(Key('Who closes.')),
    attributed: Type.Optional(Key('Whose customer the buyer is; by the records where absent.')),
    opener: Type.Optional(Key('Who opened his card; by the records where absent.')),
    lines: Type.Array(
      Strict({
        sku: Key('The product.'),
        category: Type.Optional(Key('Its category; as told of the product where absent.')),
        quantity: WholeNumber('How many.', 1, 1_000_000),
        paidFen: WholeNumber('What is paid for the line. Whole fen.', 0, FEN_MAX),
        listFen: Type.Optional(WholeNumber('What it would be by list. Whole fen.', 0, FEN_MAX)),
      }),
      { minItems: 1, maxItems: 50 },
    ),
  },
  'An order that nobody made.',
)

export const TrialBody = Strict({
  plan: Type.Unknown({ description: 'A whole plan.' }),
  order: Type.Optional(Strict({ source: Key('Its source.'), orderNo: Key('Its number.') }, 'One that there is.')),
  supposed: Type.Optional(Supposed),
})
export type TrialBody = Static<typeof TrialBody>
export type SupposedOrder = Static<typeof Supposed>

const TriedRole = Type.Object({
  role: Type.String(),
  payeeKind: Type.String(),
  payee: Type.String(),
  ruleId: nullable(Type.String()),
  rateBps: nullable(Type.Integer()),
  perUnitFen: nullable(Type.Integer()),
  bearerKind: Type.String(),
  bearer: Type.String(),
  amountFen: Type.Integer({ description: 'By its rule.' }),
  afterSameAssociateFen: Type.Integer(),
  afterCapFen: Type.Integer(),
  notBooked: nullable(Type.String()),
})
const Tried = Type.Object({
  plan: nullable(Type.Object({ code: Type.String(), version: Type.Integer() })),
  relation: nullable(Type.String()),
  totalFen: Type.Integer({ description: 'What it pays to all together.' }),
  roles: Type.Array(Type.Object({ role: Type.String(), holder: nullable(Type.String()), because: Type.String() })),
  lines: Type.Array(
    Type.Object({
      lineNo: Type.Integer(),
      sku: Type.String(),
      netFen: Type.Integer(),
      limitFen: nullable(Type.Integer()),
      roles: Type.Array(TriedRole),
    }),
  ),
})
export type Tried = Static<typeof Tried>

export const Trial = Type.Object({
  order: Type.Object({
    source: nullable(Type.String()),
    orderNo: nullable(Type.String()),
    channel: Type.String(),
    paidAt: Type.String(),
    buyer: nullable(Type.String()),
    netFen: Type.Integer(),
  }),
  now: Tried,
  then: Tried,
})
export type Trial = Static<typeof Trial>
