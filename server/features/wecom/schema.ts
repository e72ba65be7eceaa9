import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'

const instant = () => Type.String({ format: 'date-time' })
const nullableInstant = () => Type.Union([instant(), Type.Null()])

const MessageStatus = Type.Enum(['waiting', 'done', 'unhandled', 'set_aside'], {
  description: 'unhandled: there is no rule for this event; set_aside: it failed each time, `reason` says why',
})

export const CallbackListQuery = Type.Object(
  { ...ListQuery, status: Type.Optional(MessageStatus) },
  { additionalProperties: false },
)
export type CallbackListQuery = Static<typeof CallbackListQuery>

/** An event that WeCom called back with. What it says is not told: it names customers. */
export const CallbackList = Type.Object({
  items: Type.Array(
    Type.Object({
      id: Type.String(),
      event: Type.String({ description: 'As change_external_contact/add_external_contact' }),
      status: MessageStatus,
      at: Type.String({ format: 'date-time', description: 'When it happened, as WeCom says' }),
      receivedAt: instant(),
      tries: Type.Integer({ description: 'How often it failed' }),
      reason: Type.Union([Type.String(), Type.Null()]),
      finishedAt: nullableInstant(),
    }),
  ),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})

export const CallbackKey = Type.Object({ id: Type.String({ format: 'uuid' }) })
export type CallbackKey = Static<typeof CallbackKey>

export const ReplayAnswer = Type.Object({ id: Type.String(), status: MessageStatus })
