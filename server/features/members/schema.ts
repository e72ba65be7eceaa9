import { Type, type Static } from 'typebox'
import { FenAmount, InstantText, Key, Nullable, OneOf, Strict, Text, WholeNumber } from '../../lib/schema.ts'

export const IDENTITY_KIND_VALUES = ['unionid', 'openid', 'external_userid', 'visitor'] as const

export const MemberItem = Strict({
  memberNo: Key('The member.'),
  name: Type.Optional(Nullable(Text('Name.'))),
  phone: Type.Optional(Nullable(Text('As typed in China; kept encrypted, never returned whole.', 40))),
  level: Type.Optional(Nullable(Key('Level, as plans name it.'))),
  points: Type.Optional(Nullable(WholeNumber('Points.', -9_000_000_000_000, 9_000_000_000_000))),
  balanceFen: Type.Optional(Nullable(FenAmount('Stored value.'))),
  birthday: Type.Optional(
    Nullable(
      Type.String({
        description: 'YYYY-MM-DD or MM-DD. Month and day are kept, the year encrypted.',
        maxLength: 10,
        format: 'text',
      }),
    ),
  ),
  joinedAt: Type.Optional(Nullable(InstantText('When he became a member.'))),
  openingStore: Type.Optional(Nullable(Key('Where he became a member.'))),
  openingAssociate: Type.Optional(Nullable(Key('With whom he became a member.'))),
  followsOfficialAccount: Type.Optional(Nullable(Type.Boolean())),
  miniProgramAuthorised: Type.Optional(Nullable(Type.Boolean())),
  tags: Type.Optional(Nullable(Type.Array(Key('A tag.'), { maxItems: 200 }))),
  consents: Type.Optional(
    Nullable(
      Strict({
        tracking: Type.Optional(Nullable(Type.Boolean({ description: 'What he looks at may be shown.' }))),
        marketing: Type.Optional(Nullable(Type.Boolean({ description: 'He may be written to.' }))),
      }),
    ),
  ),
  effectiveFrom: Type.Optional(InstantText('From when a changed level holds; without it from now on.')),
})
export type MemberItem = Static<typeof MemberItem>

export const MemberMergeItem = Strict({
  memberNo: Key('The number that is given up.'),
  into: Key('The number that he goes by from now on, and before.'),
  at: InstantText('Of several merges of one number the latest counts.'),
})
export type MemberMergeItem = Static<typeof MemberMergeItem>

export const IdentityItem = Strict({
  kind: OneOf(IDENTITY_KIND_VALUES, 'What sort of id.'),
  value: Key('The id.'),
  memberNo: Key('Whose it is.'),
  at: InstantText('Of several links of one id the latest counts, for what was before it as well.'),
})
export type IdentityItem = Static<typeof IdentityItem>

export const MemberAssignmentItem = Strict({
  memberNo: Key('The member.'),
  from: InstantText('From when it holds.'),
  attributedAssociate: Type.Optional(Nullable(Key('Whose customer he is; null: nobody’s from then on.'))),
  homeStore: Type.Optional(Nullable(Key('The store that serves him; null: none from then on.'))),
  reason: Type.Optional(Nullable(Text('Why.'))),
})
export type MemberAssignmentItem = Static<typeof MemberAssignmentItem>
