import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { InstantText, Key, Strict } from '../../lib/schema.ts'

export const MEMBERS_MAX = 5_000

const Reason = Type.String({
  description: 'Why, in words; kept with each assignment.',
  minLength: 1,
  maxLength: 1000,
  pattern: '\\S',
  format: 'text',
})

export const HandoverBody = Strict({
  fromAssociate: Key('The leaver.'),
  reason: Reason,
  assignments: Type.Optional(
    Type.Array(Strict({ memberNo: Key('His member.'), toAssociate: Key('Whose he becomes.') }), {
      minItems: 1,
      maxItems: MEMBERS_MAX,
      description: 'Who goes to whom: this, or toAssociate and all.',
    }),
  ),
  toAssociate: Type.Optional(Key('Whose all of them become.')),
  all: Type.Optional(Type.Boolean({ description: 'true, with toAssociate: all of his members.' })),
  fromAt: Type.Optional(InstantText('From when; now where absent.')),
})
export type HandoverBody = Static<typeof HandoverBody>

export const UndoBody = Strict({ reason: Reason })
export type UndoBody = Static<typeof UndoBody>

export const HandoverParams = Type.Object({ handoverId: Type.String({ format: 'uuid' }) })
export type HandoverParams = Static<typeof HandoverParams>

export const ListOnlyQuery = Type.Object({ ...ListQuery }, { additionalProperties: false })
export type ListOnlyQuery = Static<typeof ListOnlyQuery>

export const CandidateQuery = Type.Object(
  { ...ListQuery, associate: Type.String({ minLength: 1, description: 'Whose members.' }) },
  { additionalProperties: false },
)
export type CandidateQuery = Static<typeof CandidateQuery>

const text = () => Type.String()
const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) => Type.Union([schema, Type.Null()])
const page = <S extends Parameters<typeof Type.Array>[0]>(item: S) =>
  Type.Object({ items: Type.Array(item), nextCursor: nullable(text()) })

export const LeaverPage = page(
  Type.Object({
    associateId: text(),
    name: text(),
    storeCode: nullable(text()),
    activeTo: nullable(Type.String({ description: 'When he left, or will; null: not told.' })),
    memberCount: Type.Integer({ description: 'Members who are his now.' }),
  }),
)

export const CandidatePage = page(
  Type.Object({
    memberNo: text(),
    name: nullable(text()),
    homeStore: nullable(text()),
    since: Type.String({ description: 'Since when he is the associate’s.' }),
    lastPaidAt: nullable(Type.String({ description: 'His last order that is neither cancelled nor refunded whole.' })),
    last12MonthsFen: Type.Integer({ description: 'Net of such orders in 12 months of the brand’s calendar.' }),
  }),
)

const handoverFields = {
  handoverId: text(),
  fromAssociate: text(),
  reason: text(),
  fromAt: text(),
  memberCount: Type.Integer(),
  madeBy: text(),
  madeAt: text(),
  undoneBy: nullable(text()),
  undoneAt: nullable(text()),
  undoReason: nullable(text()),
  returnedCount: nullable(Type.Integer({ description: 'How many went back; null: it was not undone.' })),
}

export const Handover = Type.Object(handoverFields)
export type Handover = Static<typeof Handover>

export const HandoverPage = page(Handover)

/** A handover with a page of its members. */
export const HandoverDetails = Type.Object({
  ...handoverFields,
  items: Type.Array(
    Type.Object({
      memberNo: text(),
      name: nullable(text()),
      toAssociate: text(),
      returned: nullable(Type.Boolean({ description: 'He went back when it was undone; null: it was not.' })),
    }),
  ),
  nextCursor: nullable(text()),
})

export const UndoneHandover = Type.Object({
  ...handoverFields,
  left: Type.Array(
    Type.Object({
      memberNo: text(),
      associateId: nullable(Type.String({ description: 'Whose he is; null: nobody’s.' })),
    }),
    { description: 'Members who had been given to somebody else since: left with him.' },
  ),
})
export type UndoneHandover = Static<typeof UndoneHandover>
