/** The content calendar. Browser code imports the types only. */
import { Type, type Static, type TSchema } from 'typebox'
import { Key, Nullable, OneOf, Strict, Text } from '../../lib/schema.ts'
import type { LibraryItem } from '../catalogue/schema.ts'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const DayText = (description: string) =>
  Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$', description: `${description} YYYY-MM-DD.` })

/** As of every list; said here, since browser code cannot take it from there. */
const Paged = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: 'How many rows; 50 where absent.' })),
  cursor: Type.Optional(Type.String({ maxLength: 4096, description: 'The nextCursor of the page before.' })),
}

const fields = {
  day: DayText('On which day of the brand’s calendar.'),
  from: Type.String({ description: 'From which hour on: HH:MM.', pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' }),
  to: Type.String({
    description: 'Until when: HH:MM, at most 24:00.',
    pattern: '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$',
  }),
  places: Type.Array(OneOf(['single_chat', 'group_chat', 'moments'], 'Where it is posted.'), {
    minItems: 1,
    maxItems: 3,
    uniqueItems: true,
  }),
  text: Type.Optional(Text('Copy text.', 4000)),
  pictures: Type.Optional(
    Type.Array(Text('An https address, or the `url` of an uploaded picture.', 2048), {
      maxItems: 9,
      description: 'Pictures; where WeCom is given the task they must be uploaded.',
    }),
  ),
  materialIds: Type.Optional(
    Type.Array(Type.String({ format: 'uuid' }), { maxItems: 9, uniqueItems: true, description: 'What it links to.' }),
  ),
  storeCodes: Type.Optional(
    Nullable(Type.Array(Key('Store.'), { maxItems: 1000, description: 'For these stores; null: see regions.' })),
  ),
  regions: Type.Optional(
    Nullable(
      Type.Array(Key('Region.'), {
        maxItems: 100,
        description: 'For the stores of these regions; both null: for all.',
      }),
    ),
  ),
  via: Type.Optional(
    OneOf(
      ['hand', 'group_message', 'moments'],
      'hand (default): each associate posts it himself. group_message, moments: at its hour WeCom is given tasks, which associates confirm.',
    ),
  ),
}

/** PUT /api/v1/posts/{postId}: the whole; what is absent is cleared. */
export const PostBody = Strict(fields)
export type PostBody = Static<typeof PostBody>

export const NewPostBody = Strict({
  postId: Type.Optional(
    Type.String({ format: 'uuid', description: 'Made by the caller, so that a retry makes no other.' }),
  ),
  ...fields,
})
export type NewPostBody = Static<typeof NewPostBody>

export const PostParams = Type.Object({ postId: Type.String({ format: 'uuid' }) })
export type PostParams = Static<typeof PostParams>

export const PostQuery = Type.Object(
  { ...Paged, from: Type.Optional(DayText('The first day.')), to: Type.Optional(DayText('The last day.')) },
  { additionalProperties: false },
)
export type PostQuery = Static<typeof PostQuery>

const Place = Type.Enum(['single_chat', 'group_chat', 'moments'])
const ViaName = Type.Enum(['hand', 'group_message', 'moments'])
const texts = () => Type.Array(Type.String())

export const ShownPost = Type.Object({
  postId: Type.String(),
  day: Type.String(),
  from: Type.String(),
  to: Type.String(),
  places: Type.Array(Place),
  text: Type.String(),
  pictures: texts(),
  materialIds: texts(),
  storeCodes: nullable(texts()),
  regions: nullable(texts()),
  via: ViaName,
  plannedAt: nullable(
    Type.String({ description: 'When its tasks were written down; it cannot be changed from then on' }),
  ),
  used: Type.Integer({ description: 'Associates who ticked it off' }),
  createdAt: Type.String(),
  changedAt: Type.String(),
  changedBy: Type.String(),
})
export type ShownPost = Static<typeof ShownPost>

export const PostPage = Type.Object({ items: Type.Array(ShownPost), nextCursor: nullable(Type.String()) })

export const ResultsQuery = Type.Object(Paged, { additionalProperties: false })
export type ResultsQuery = Static<typeof ResultsQuery>

const count = (description: string) => Type.Integer({ description })

export const PostResults = Type.Object({
  postId: Type.String(),
  via: ViaName,
  tasks: Type.Object(
    {
      waiting: Type.Integer(),
      made: Type.Integer(),
      unsure: count('Asked for, and nobody knows whether WeCom has them; they are not asked for again'),
      nobody: count('There was nobody to send to'),
      late: count('Not made before its hours were over'),
      refused: Type.Integer(),
    },
    { description: 'How the tasks stand that WeCom was to be given; all 0 by hand' },
  ),
  refusals: Type.Array(
    Type.Object({
      errcode: Type.Integer(),
      count: Type.Integer(),
      advice: Type.Object({ zh: Type.String(), en: Type.String() }),
    }),
  ),
  links: Type.Object(
    {
      shares: count('Links that went out'),
      clicks: count('By customers'),
      orders: count('Won by these links, uncancelled, with net above 0'),
      netSalesFen: count('Of those'),
    },
    {
      description: 'Of the links that group messages carried; all 0 by hand and in moments, which carry nobody’s code',
    },
  ),
  items: Type.Array(
    Type.Object({
      storeCode: Type.String(),
      name: Type.String(),
      associates: count('Who work there now'),
      used: count('Who ticked it off'),
      asked: count('Who were asked to send, by WeCom'),
      confirmed: count('Who sent'),
      sent: count('Customers and groups to whom it went'),
      notFriend: count('To whom it did not go: no friends any more'),
      limit: count('To whom it did not go: they had as many group messages as WeCom allows'),
      unsent: count('To whom it has not gone yet'),
      likes: Type.Integer(),
      comments: Type.Integer(),
    }),
    { description: 'By store, of all for which the post is' },
  ),
  nextCursor: nullable(Type.String()),
})
export type PostResults = Static<typeof PostResults>

// ------------------------------------------------------------------------------------------------ associates

/** GET /api/v1/me/posts. */
export const DayQuery = Type.Object(
  { day: Type.Optional(DayText('Today where absent.')) },
  { additionalProperties: false },
)
export type DayQuery = Static<typeof DayQuery>

export const DayPost = Type.Object({
  postId: Type.String(),
  from: Type.String(),
  to: Type.String(),
  places: Type.Array(Place),
  text: Type.String(),
  pictures: texts(),
  materials: Type.Array(
    Type.Unsafe<LibraryItem>({
      type: 'object',
      additionalProperties: true,
      description: 'As GET /api/v1/me/materials has it',
    }),
    { description: 'Those that the asker may share now' },
  ),
  via: ViaName,
  usedAt: nullable(Type.String({ description: 'When the asker ticked it off' })),
  task: nullable(
    Type.Enum(['to_come', 'to_confirm', 'confirmed'], {
      description: 'Of the task in WeCom that asks him to send it; null: there is none for him',
    }),
  ),
})
export type DayPost = Static<typeof DayPost>

/** By their hours. */
export const DayPosts = Type.Object({ asOf: Type.String(), day: Type.String(), items: Type.Array(DayPost) })
export type DayPosts = Static<typeof DayPosts>

export const PostTick = Type.Object({ postId: Type.String(), usedAt: nullable(Type.String()) })
export type PostTick = Static<typeof PostTick>
