import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'

export const ActivityQuery = Type.Object(
  {
    ...ListQuery,
    actor: Type.Optional(Type.String({ minLength: 1, description: 'An associateId, or key:<name>.' })),
    action: Type.Optional(Type.String({ minLength: 1, description: 'As settlement.approved.' })),
    subject: Type.Optional(Type.String({ minLength: 1, description: 'What it was done to.' })),
    from: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'At or after: RFC 3339 with offset, or YYYY-MM-DD for the day’s first instant.',
      }),
    ),
    to: Type.Optional(Type.String({ maxLength: 64, description: 'Before; written likewise.' })),
  },
  { additionalProperties: false },
)
export type ActivityQuery = Static<typeof ActivityQuery>

export const ActivityPage = Type.Object({
  items: Type.Array(
    Type.Object({
      activityId: Type.String(),
      at: Type.String(),
      actor: Type.String(),
      action: Type.String(),
      subject: Type.String(),
      details: Type.Record(Type.String(), Type.Unknown()),
    }),
  ),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})
