import { Type, type Static } from 'typebox'
import { InstantText, Key, OneOf, Strict } from '../../lib/schema.ts'

export const FriendEventItem = Strict({
  associateId: Key('The WeCom user who became, or was, the customer’s friend.'),
  externalUserid: Key('The customer’s id in WeCom.'),
  kind: OneOf(['added', 'ended'], 'Whether the friendship began or ended.'),
  at: InstantText('When.'),
  endedBy: Type.Optional(
    OneOf(
      ['customer', 'associate', 'transfer'],
      'Who ended it; of an end alone. `transfer`: the customer was given to a colleague.',
    ),
  ),
  state: Type.Optional(Key('What the way of adding was given as its state.')),
})
export type FriendEventItem = Static<typeof FriendEventItem>
