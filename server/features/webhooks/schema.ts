import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { InstantText, Nullable, OneOf, Strict } from '../../lib/schema.ts'
import { DELIVERY_FAULTS, DELIVERY_STATUSES, URL_LENGTH_MAX, WEBHOOK_EVENTS } from './domain.ts'

const instant = (description: string) => Type.String({ format: 'date-time', description })
const Events = Type.Array(OneOf(WEBHOOK_EVENTS, 'What it is told of.'), { minItems: 1, uniqueItems: true })
const Url = Type.String({ minLength: 1, maxLength: URL_LENGTH_MAX, description: 'https, of the public network.' })

/** POST /webhooks */
export const WebhookBody = Strict({ url: Url, events: Events })
export type WebhookBody = Static<typeof WebhookBody>

/** PUT /webhooks/{webhookId} */
export const WebhookChange = Strict({
  url: Url,
  events: Events,
  active: Type.Boolean({ description: 'While false nothing is written down for it, and nothing is sent.' }),
})
export type WebhookChange = Static<typeof WebhookChange>

export const Webhook = Type.Object({
  webhookId: Type.String(),
  url: Type.String(),
  events: Type.Array(OneOf(WEBHOOK_EVENTS, 'What it is told of.')),
  active: Type.Boolean(),
  createdBy: Type.String(),
  createdAt: instant('When it was made.'),
  failingSince: Nullable(instant('Since when every try failed; null: the last one did not.')),
  waiting: Type.Integer({ description: 'Deliveries that are still to be made.' }),
  givenUp: Type.Integer({ description: 'Deliveries of the last 30 days that were given up.' }),
})
export type Webhook = Static<typeof Webhook>
export const WebhookList = Type.Object({ items: Type.Array(Webhook) })

/** What POST /webhooks answers. */
export const WebhookMade = Type.Object({
  ...Webhook.properties,
  secret: Type.String({ description: 'Signs what is sent; shown this once.' }),
})
export type WebhookMade = Static<typeof WebhookMade>

export const WebhookKey = Type.Object({ webhookId: Type.String({ format: 'uuid' }) })
export type WebhookKey = Static<typeof WebhookKey>

export const DeliveryKey = Type.Object({
  webhookId: Type.String({ format: 'uuid' }),
  eventId: Type.String({ format: 'uuid' }),
})
export type DeliveryKey = Static<typeof DeliveryKey>

const Status = OneOf(DELIVERY_STATUSES, 'waiting: for the first or the next try; given_up: after three days.')

export const DeliveryQuery = Type.Object(
  {
    ...ListQuery,
    webhookId: Type.Optional(Type.String({ format: 'uuid' })),
    event: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'As settlement.approved.' })),
    status: Type.Optional(Status),
    from: Type.Optional(Type.String({ format: 'instant', description: 'Happened at or after.' })),
    to: Type.Optional(Type.String({ format: 'instant', description: 'Happened before.' })),
  },
  { additionalProperties: false },
)
export type DeliveryQuery = Static<typeof DeliveryQuery>

export const Delivery = Type.Object({
  webhookId: Type.String(),
  url: Type.String({ description: 'As the subscription has it now.' }),
  eventId: Type.String({ description: 'The same however often it is sent.' }),
  event: Type.String(),
  at: instant('When it happened.'),
  status: Status,
  attempts: Type.Integer({ description: 'Tries since it was written down, or asked for again.' }),
  triedAt: Nullable(instant('The last try.')),
  nextTryAt: Nullable(instant('Of one that waits.')),
  answerCode: Nullable(Type.Integer({ description: 'The status of the last answer; null: there was none.' })),
  fault: Nullable(
    OneOf(
      DELIVERY_FAULTS,
      'Why the last try failed. address: it leads to no public address; status: the answer was not 2xx.',
    ),
  ),
  endedAt: Nullable(instant('When it was taken or given up.')),
})
export type Delivery = Static<typeof Delivery>
export const DeliveryPage = Type.Object({
  items: Type.Array(Delivery),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})
export const DeliveryDetail = Type.Object({
  ...Delivery.properties,
  body: Type.String({ description: 'What is sent, to the byte.' }),
})
export type DeliveryDetail = Static<typeof DeliveryDetail>

/** POST /webhooks/{webhookId}/replay */
export const ReplayBody = Strict({
  from: InstantText('What happened at or after.'),
  to: InstantText('What happened before.'),
  status: Type.Optional(OneOf(DELIVERY_STATUSES, 'Those alone.')),
})
export type ReplayBody = Static<typeof ReplayBody>
export const ReplayAnswer = Type.Object({ replayed: Type.Integer({ description: 'How many are sent again.' }) })
export const TestAnswer = Type.Object({ eventId: Type.String() })
