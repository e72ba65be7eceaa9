import { Type, type Static } from 'typebox'
import { InstantText, Key, OneOf, Nullable, Strict, Text } from '../../lib/schema.ts'

export const LINK_CHANNELS = [
  'single_chat',
  'group_chat',
  'moments',
  'poster',
  'live',
  'sms',
  'email',
  'qq',
  'douyin',
  'web',
  'other',
] as const

export const LINK_TARGET_KINDS = ['product', 'page', 'live', 'coupon', 'activity', 'store', 'enrol'] as const

export const ShareLinkItem = Strict({
  linkCode: Type.Optional(Nullable(Key('Unique in the whole service; one is made where it is absent.', 128))),
  associateId: Type.Optional(Key('Who shares; needed for a new link.')),
  storeCode: Type.Optional(Nullable(Key('For which store; his own where absent. Kept from then on.'))),
  target: Type.Optional(
    Strict({
      kind: OneOf(LINK_TARGET_KINDS, 'What is shared.'),
      ref: Key('Which one: a sku, a page, a room.'),
      title: Type.Optional(Nullable(Text('Title.'))),
      imageUrl: Type.Optional(Nullable(Text('Picture.', 2048))),
      path: Type.Optional(Nullable(Text('In the mini-program.', 2048))),
      url: Type.Optional(Nullable(Text('On the web.', 2048))),
    }),
  ),
  sentTo: Type.Optional(
    Nullable(
      Strict({
        externalUserid: Type.Optional(Nullable(Key('The customer.'))),
        chatId: Type.Optional(Nullable(Key('The customer group.'))),
      }),
    ),
  ),
  channel: Type.Optional(OneOf(LINK_CHANNELS, 'Where it was shared; needed for a new link.')),
  createdAt: Type.Optional(
    Nullable(InstantText('Touches before it do not count; without it there is no lower bound.')),
  ),
  revokedAt: Type.Optional(Nullable(InstantText('Touches from then on do not count. May be added once.'))),
})
export type ShareLinkItem = Static<typeof ShareLinkItem>
