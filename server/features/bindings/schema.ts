import { Type, type Static } from 'typebox'
import { InstantText, OneOf, Strict, WholeNumber } from '../../lib/schema.ts'
import { BINDING_EVENTS } from '../attribution/domain.ts'

const PROTECT_DAYS_MAX = 36_500

const Event = OneOf(
  BINDING_EVENTS,
  'enrol: he becomes a member; friend_added: he becomes a friend in WeCom; first_purchase: his first order is paid.',
)
const Mode = OneOf(['first', 'latest'], 'first: only somebody whom nobody has; latest: also from another.')

export const BindingBody = Strict({
  on: Type.Array(Event, {
    description: 'By which events a customer becomes an associate’s own; none: by no event.',
    uniqueItems: true,
  }),
  mode: Mode,
  protectDays: Type.Optional(
    WholeNumber('In latest, for how many days nobody else takes over; 0 where absent.', 0, PROTECT_DAYS_MAX),
  ),
  effectiveFrom: Type.Optional(
    InstantText('Events from then on follow it; without it all do, also those that are long past.'),
  ),
})
export type BindingBody = Static<typeof BindingBody>

const policy = {
  on: Type.Array(Event),
  mode: Mode,
  protectDays: Type.Integer(),
  effectiveFrom: Type.Optional(Type.String({ description: 'Absent: from the beginning.' })),
  toldBy: Type.Optional(Type.String()),
  toldAt: Type.Optional(Type.String()),
}

export const ShownPolicy = Type.Object(policy)
export const PolicyInForce = Type.Object({
  ...policy,
  upcoming: Type.Optional(Type.Array(ShownPolicy, { description: 'Told, and not begun.' })),
})
