import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { Nullable, Strict } from '../../lib/schema.ts'

const instant = (description: string) => Type.String({ format: 'date-time', description })
const count = (description: string) => Type.Integer({ description })
const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 256, description }))

/** What became of one item. */
export const ItemAnswer = Type.Object({
  key: Type.Union([Type.String(), Type.Null()]),
  status: Type.Enum(['created', 'updated', 'unchanged', 'rejected']),
  error: Type.Optional(
    Type.Object({ code: Type.String(), message: Type.String(), field: Type.Optional(Type.String()) }),
  ),
  linkCode: Type.Optional(Type.String()),
  url: Type.Optional(Type.String()),
  miniProgramPath: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  scene: Type.Optional(Type.Union([Type.String(), Type.Null()])),
})
export type ItemAnswer = Static<typeof ItemAnswer>

/** GET /rejected-items */
export const RejectQuery = Type.Object(
  {
    ...ListQuery,
    kind: text('One kind alone, such as orders.'),
    code: text('One reason alone, such as unknown_store.'),
    sentBy: text('As key:<name>.'),
    resent: Type.Optional(
      Type.Boolean({ description: 'Those that were sent again and taken, or those that were not.' }),
    ),
    from: Type.Optional(Type.String({ format: 'instant', description: 'Refused at or after.' })),
    to: Type.Optional(Type.String({ format: 'instant', description: 'Refused before.' })),
  },
  { additionalProperties: false },
)
export type RejectQuery = Static<typeof RejectQuery>

export const Reject = Type.Object({
  rejectId: Type.String(),
  kind: Type.String(),
  itemKey: Nullable(Type.String({ description: 'As far as it had one.' })),
  item: Type.Unknown({ description: 'Names, phones and birthdays are masked.' }),
  code: Type.String(),
  message: Type.String(),
  field: Nullable(Type.String({ description: 'What was wrong, as lines[0].paidFen.' })),
  position: count('In its batch, from 0.'),
  sentBy: Type.String(),
  rejectedAt: instant('When it was refused.'),
  maskedFields: Nullable(
    Type.Array(Type.String(), {
      description:
        'What is masked, and has to be given anew where it is sent again; an empty name is the whole. null: not known, all has to be given.',
    }),
  ),
  resentAt: Nullable(instant('When it was sent again from here, and taken.')),
  resentBy: Nullable(Type.String()),
})
export type Reject = Static<typeof Reject>
export const RejectPage = Type.Object({
  items: Type.Array(Reject),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})

export const RejectKey = Type.Object({ rejectId: Type.String({ format: 'uuid' }) })
export type RejectKey = Static<typeof RejectKey>

/** POST /rejected-items/{rejectId}/resend */
export const ResendBody = Strict({
  item: Type.Optional(
    Type.Object(
      {},
      { additionalProperties: true, description: 'The corrected one; absent: as it was, if nothing of it is masked.' },
    ),
  ),
})
export type ResendBody = Static<typeof ResendBody>

/** GET /intake: one row is what one sender told of one kind, of one source. */
export const Intake = Type.Object({
  kind: Type.String(),
  source: Nullable(Type.String({ description: 'Of orders and refunds, as told; null for the others.' })),
  sentBy: Type.String({ description: 'As key:<name>, or import.' }),
  lastAt: instant('When something came last.'),
  lastRejectedAt: Nullable(instant('When something was last refused, in the last 30 days.')),
  today: Type.Object({
    created: count('New.'),
    updated: count('Changed.'),
    unchanged: count('Told again.'),
    rejected: count('Refused.'),
  }),
})
export type Intake = Static<typeof Intake>
export const IntakeList = Type.Object({ items: Type.Array(Intake) })
