/** What associates write down about customers. Browser code imports the types only. */
import { Type, type Static, type TSchema } from 'typebox'
import { Key, OneOf, Strict } from '../../lib/schema.ts'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Words = (description: string, maxLength: number) =>
  Type.String({ description, minLength: 1, maxLength, format: 'text' })
const KINDS = ['text', 'choice', 'several', 'date', 'number'] as const

/** PUT /api/v1/settings/questionnaire: the brand's own fields, as they are asked from then on. */
export const QuestionnaireBody = Strict({
  fields: Type.Array(
    Strict({
      key: Key('By which answers are kept; answers to one that is no longer asked are kept, and not shown.', 64),
      label: Words('The question.', 60),
      kind: OneOf(KINDS, 'What an answer is.'),
      options: Type.Optional(Type.Array(Words('Option.', 40), { minItems: 1, maxItems: 30 })),
    }),
    { maxItems: 30 },
  ),
})
export type QuestionnaireBody = Static<typeof QuestionnaireBody>

const Field = Type.Object({
  key: Type.String(),
  label: Type.String({ description: 'Empty of fixed fields: the screens have words for them' }),
  kind: Type.Enum(['text', 'choice', 'several', 'date', 'number']),
  options: Type.Optional(Type.Array(Type.String())),
})
export type Field = Static<typeof Field>

export const Questionnaire = Type.Object({
  fixed: Type.Array(Field),
  fields: Type.Array(Field),
  toldBy: nullable(Type.String()),
  toldAt: nullable(Type.String()),
})

const AnswerValue = Type.Union([Type.String(), Type.Number(), Type.Array(Type.String())])

export const ProfileQuery = Type.Object(
  { externalUserid: Type.String({ minLength: 1, maxLength: 128, format: 'text' }) },
  { additionalProperties: false },
)
export type ProfileQuery = Static<typeof ProfileQuery>

export const ProfileAnswer = Type.Object({
  field: Type.String(),
  value: nullable(AnswerValue),
  by: Type.String({ description: 'Whose answer it is, by name' }),
  at: Type.String(),
})
export type ProfileAnswer = Static<typeof ProfileAnswer>

export const Note = Type.Object({
  noteId: Type.String(),
  text: Type.String(),
  by: Type.String({ description: 'Who wrote it, by name' }),
  isMine: Type.Boolean(),
  at: Type.String(),
  isDeleted: Type.Boolean(),
})
export type Note = Static<typeof Note>

/** GET /api/v1/customers/profile: for whoever may see the customer's card in full; 404 else. */
export const Profile = Type.Object({
  asOf: Type.String(),
  memberNo: Type.String(),
  fields: Type.Array(Field, { description: 'Fixed ones first' }),
  answers: Type.Array(ProfileAnswer, { description: 'The last one of each field that has one' }),
  notes: Type.Array(Note, { maxItems: 100, description: 'Newest first' }),
})
export type Profile = Static<typeof Profile>

const Customer = Key('The customer, as WeCom knows him.', 128)

/** POST /api/v1/customers/answers. The caller makes the id, so that a retry adds nothing. */
export const AnswerBody = Strict({
  answerId: Type.String({ format: 'uuid' }),
  externalUserid: Customer,
  field: Key('The field.', 64),
  value: Type.Union([Type.String({ maxLength: 500, format: 'text' }), Type.Number(), Type.Array(Type.String({ maxLength: 40, format: 'text' }), { maxItems: 30 }), Type.Null()], { description: 'As the field’s kind has it; a date as YYYY-MM-DD. null: taken back.' }), // prettier-ignore
})
export type AnswerBody = Static<typeof AnswerBody>

/** POST /api/v1/customers/notes. The caller makes the id. */
export const NoteBody = Strict({
  noteId: Type.String({ format: 'uuid' }),
  externalUserid: Customer,
  text: Words('The note.', 1000),
})
export type NoteBody = Static<typeof NoteBody>

export const NoteParams = Type.Object({ noteId: Type.String({ format: 'uuid' }) })
export type NoteParams = Static<typeof NoteParams>

export const NoteDeedBody = Strict({ externalUserid: Customer })
export type NoteDeedBody = Static<typeof NoteDeedBody>
