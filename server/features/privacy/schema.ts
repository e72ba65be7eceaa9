/** What is held about a person, and its end. Browser code imports the types only. */
import { Type, type Static } from 'typebox'
import { Key, Strict, Text, WholeNumber } from '../../lib/schema.ts'
import { ListQuery } from '../../lib/list-query.ts'

/** The most days that anything is kept. */
const DAYS_MAX = 36_500

export const MemberParams = Strict({ memberNo: Key('Any of his numbers.') })
export type MemberParams = Static<typeof MemberParams>

/** POST /api/v1/personal-data/search: a body, since a phone number has no place in an address. */
export const SearchBody = Strict({
  memberNo: Type.Optional(Key('Any of his numbers.')),
  phone: Type.Optional(Text('As typed in China; one of the two.', 40)),
})
export type SearchBody = Static<typeof SearchBody>

export const FoundPerson = Type.Object({
  memberNo: Type.String({ description: 'His last number' }),
  memberNos: Type.Array(Type.String()),
  name: Type.Union([Type.String(), Type.Null()]),
  phoneMasked: Type.Union([Type.String(), Type.Null()]),
  joinedAt: Type.Union([Type.String(), Type.Null()]),
  erasedAt: Type.Union([Type.String(), Type.Null()]),
})
export type FoundPerson = Static<typeof FoundPerson>
export const FoundPeople = Type.Object({ items: Type.Array(FoundPerson) })
export type FoundPeople = Static<typeof FoundPeople>

/** GET /api/v1/members/{memberNo}/personal-data */
export const PersonalData = Type.Object({
  memberNo: Type.String(),
  memberNos: Type.Array(Type.String()),
  ids: Type.Array(Type.Object({ kind: Type.String(), value: Type.String() })),
  madeAt: Type.String(),
  parts: Type.Record(Type.String(), Type.Array(Type.Record(Type.String(), Type.Unknown())), {
    description: 'Everything that is kept about him, by the table that it is kept in',
  }),
})
export type PersonalData = Static<typeof PersonalData>

/** POST /api/v1/members/{memberNo}/erasure */
export const ErasureBody = Strict({
  confirm: Key('The number again, so that nobody is erased by a slip.'),
  reason: Type.String({ description: 'Why; no personal data.', minLength: 1, maxLength: 1000, format: 'text' }),
})
export type ErasureBody = Static<typeof ErasureBody>

export const Erasure = Type.Object({
  erasureId: Type.String(),
  memberNo: Type.String(),
  memberNos: Type.Array(Type.String()),
  reason: Type.String(),
  askedBy: Type.String(),
  askedAt: Type.String(),
  endedAt: Type.Union([Type.String(), Type.Null()], { description: 'null: it is carried out within minutes' }),
})
export type Erasure = Static<typeof Erasure>

export const ErasureQuery = Strict(ListQuery)
export type ErasureQuery = Static<typeof ErasureQuery>
export const ErasureList = Type.Object({
  items: Type.Array(Erasure),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
})

/** GET and PUT /api/v1/settings/retention */
export const RetentionBody = Strict({
  visitorDays: WholeNumber('After so many days a touch that won no order loses its visitor id.', 60, DAYS_MAX),
  touchDays: WholeNumber('After so many days it loses everything that says whose it was.', 60, DAYS_MAX),
})
export type RetentionBody = Static<typeof RetentionBody>

export const Retention = Type.Object({
  visitorDays: Type.Integer(),
  touchDays: Type.Integer(),
  leastDays: Type.Integer({ description: 'What the longest window of a published plan leaves as the least' }),
})
export type Retention = Static<typeof Retention>
