import { Type, type Static, type TSchema } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { Key, Nullable, OneOf, Strict, Text, WholeNumber } from '../../lib/schema.ts'
import { CODE_KINDS, GROUPS_MAX, NAME_MAX, ROOM_NAME_MAX } from './domain.ts'

const Kind = OneOf(
  CODE_KINDS,
  'contact_way: a QR code of WeCom; acquisition_link: a link of 获客助手; group_join_way: a QR code of groups.',
)
const Name = Type.String({
  description: 'For people in the office.',
  minLength: 1,
  maxLength: NAME_MAX,
  format: 'text',
})
const Campaign = Nullable(Key('What it is for: a fair, a poster, a season.', 64))
const Groups = Type.Array(Key('A chat id.'), { description: 'The groups that it leads to.', maxItems: GROUPS_MAX })
const NewGroups = Nullable(
  Strict(
    {
      name: Type.String({ description: 'The groups’ name, before the number.', minLength: 1, maxLength: ROOM_NAME_MAX, format: 'text' }), // prettier-ignore
      from: WholeNumber('The first number.', 1, 1_000_000),
    },
    'WeCom makes new groups when those are full.',
  ),
)
const SkipVerify = Type.Boolean({ description: 'Whether customers need not be let in; true where absent.' })

export const CodeBody = Strict({
  codeId: Type.Optional(
    Type.String({ format: 'uuid', description: 'Made by the caller, so that a retry makes no other; one is made where absent.' }), // prettier-ignore
  ),
  kind: Kind,
  name: Name,
  campaign: Type.Optional(Campaign),
  associateId: Type.Optional(Nullable(Key('Whose code it is: this associate’s,'))),
  storeCode: Type.Optional(Nullable(Key('or this store’s, which leads to all who work there.'))),
  skipVerify: Type.Optional(SkipVerify),
  chatIds: Type.Optional(Groups),
  newGroups: Type.Optional(NewGroups),
})
export type CodeBody = Static<typeof CodeBody>

/** An absent field keeps what it has. */
export const CodeChangeBody = Strict({
  name: Type.Optional(Name),
  campaign: Type.Optional(Campaign),
  skipVerify: Type.Optional(SkipVerify),
  chatIds: Type.Optional(Groups),
  newGroups: Type.Optional(NewGroups),
  active: Type.Optional(
    Type.Boolean({ description: 'false: WeCom’s picture of it stops working for good; true: another one is made.' }),
  ),
})
export type CodeChangeBody = Static<typeof CodeChangeBody>

export const CodeParams = Type.Object({ codeId: Type.String({ format: 'uuid' }) })
export type CodeParams = Static<typeof CodeParams>

export const CodeQuery = Type.Object(
  {
    ...ListQuery,
    associate: Type.Optional(Key('Codes of this associate.')),
    storeCode: Type.Optional(Key('Codes of this store and of who works there.')),
    kind: Type.Optional(Kind),
    campaign: Type.Optional(Key('Codes of this campaign.', 64)),
  },
  { additionalProperties: false },
)
export type CodeQuery = Static<typeof CodeQuery>

const text = () => Type.String()
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const instant = () => Type.String({ format: 'date-time' })

export const ShownCode = Type.Object({
  codeId: text(),
  kind: Kind,
  name: text(),
  campaign: nullable(text()),
  associateId: nullable(text()),
  storeCode: nullable(text()),
  state: Type.String({ description: 'What WeCom gives back with everybody who came by it' }),
  skipVerify: Type.Boolean(),
  chatIds: Type.Array(text()),
  newGroups: nullable(Type.Object({ name: text(), from: Type.Integer() })),
  active: Type.Boolean(),
  status: OneOf(
    ['waiting', 'active', 'inactive', 'failing'],
    'waiting: WeCom has not made it yet; failing: see `fault`',
  ),
  url: Type.Union([text(), Type.Null()], { description: 'Its QR picture, or the link; null until WeCom has made it' }),
  users: Type.Array(text(), { description: 'Whom customers are added to, as WeCom was told' }),
  fault: Type.Union(
    [
      Type.Object({
        reason: OneOf(
          ['refused', 'nobody', 'removed', 'unavailable'],
          'refused by WeCom; nobody works there whom customers can add; removed, or unavailable, in WeCom',
        ),
        errcode: Type.Union([Type.Integer(), Type.Null()]),
        advice: Type.Union([Type.Object({ zh: text(), en: text() }), Type.Null()]),
      }),
      Type.Null(),
    ],
  ), // prettier-ignore
  figures: Type.Object({
    added: Type.Integer({ description: 'Friends, or customers who joined the groups' }),
    lost: Type.Integer({ description: 'Of those: who ended the friendship themselves, or left the group' }),
    requests: Type.Integer({ description: 'Requests to be let in by an acquisition link' }),
    opens: Type.Integer({ description: 'Opened profiles of an acquisition link, where WeCom tells' }),
    chats: Type.Integer({ description: 'Friends who wrote a first message, of an acquisition link' }),
    enrolled: Type.Integer({ description: 'Friends who became members afterwards' }),
  }),
  createdBy: text(),
  createdAt: instant(),
})
export type ShownCode = Static<typeof ShownCode>

export const CodePage = Type.Object({
  items: Type.Array(ShownCode),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})

export const CamePage = Type.Object({
  items: Type.Array(
    Type.Object({
      externalUserid: text(),
      associateId: Type.String({ description: 'To whom he was added' }),
      storeCode: Type.Union([text(), Type.Null()], { description: 'The code’s, else the associate’s' }),
      at: instant(),
      lostAt: Type.Union([instant(), Type.Null()]),
      memberNo: Type.Union([text(), Type.Null()], { description: 'Who became a member since' }),
    }),
  ),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})

export const ListOnlyQuery = Type.Object(ListQuery, { additionalProperties: false })
export type ListOnlyQuery = Static<typeof ListOnlyQuery>

export const WelcomeBody = Strict({
  on: Type.Boolean({ description: 'Whether new friends are welcomed by this service.' }),
  text: Text('What they are told, of at most 4000 bytes; {associate}, {store} and {brand} stand for the names.', 4000),
  title: Type.Optional(Nullable(Text('The enrolment page’s title; 加入…会员 where absent.', 128))),
  path: Type.Optional(Nullable(Text('The enrolment page in the mini program.', 1024))),
  url: Type.Optional(Nullable(Text('The enrolment page on the web; our own page where absent.', 2048))),
  imageUrl: Type.Optional(Nullable(Text('Its picture, for a link.', 2048))),
})
export type WelcomeBody = Static<typeof WelcomeBody>

export const ShownWelcome = Type.Object({
  on: Type.Boolean(),
  text: text(),
  title: Type.Union([text(), Type.Null()]),
  path: Type.Union([text(), Type.Null()]),
  url: Type.Union([text(), Type.Null()]),
  imageUrl: Type.Union([text(), Type.Null()]),
  changedBy: Type.Union([text(), Type.Null()], { description: 'null: nobody changed what it is from the beginning' }),
  changedAt: Type.Union([instant(), Type.Null()]),
})
export type ShownWelcome = Static<typeof ShownWelcome>
