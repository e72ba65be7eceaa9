import { Type, type Static } from 'typebox'
import { InstantText, Key, OneOf, Strict, Text } from '../../lib/schema.ts'

export const TouchItem = Strict({
  touchId: Key('Made by who saw it, so that sending it again is harmless.'),
  linkCode: Type.Optional(Key('The share; may come later. Without one it is a view that earns nobody anything.', 128)),
  at: InstantText('When it happened.'),
  kind: OneOf(
    ['click', 'visit', 'scan', 'live_enter', 'coupon_claim', 'sent'],
    'sent is the associate’s sending, all others are the customer’s doing.',
  ),
  memberNo: Type.Optional(Key('Who it was, where known.')),
  unionid: Type.Optional(Key('His id on the WeChat open platform.')),
  openid: Type.Optional(Key('His id in the mini-program.')),
  externalUserid: Type.Optional(Key('His id in WeCom.')),
  visitorId: Type.Optional(Key('His id in our cookie or the mini-program’s storage.')),
  channel: Type.Optional(Key('Where it came from.')),
  chatId: Type.Optional(Key('The customer group it came from.')),
  opengid: Type.Optional(Key('The same as the mini program knows it; WeCom is asked later which chat that is.')),
  page: Type.Optional(
    Strict({
      kind: Key('What sort of page.'),
      ref: Key('Which one.'),
      title: Type.Optional(Text('Its title.')),
    }),
  ),
})
export type TouchItem = Static<typeof TouchItem>
