/** What WeCom has of the asker's own friendship with a customer: tags, remark. Browser code imports the types only. */
import { Type, type Static } from 'typebox'
import { Strict } from '../../../lib/schema.ts'

const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])

export const FriendParams = Type.Object({
  externalUserid: Type.String({ minLength: 1, maxLength: 128, format: 'text' }),
})
export type FriendParams = Static<typeof FriendParams>

const TagGroup = Type.Object({
  groupId: Type.String(),
  name: Type.String(),
  tags: Type.Array(
    Type.Object({
      tagId: Type.String(),
      name: Type.String(),
      isMarked: Type.Boolean({ description: 'The asker has marked this customer with it' }),
    }),
  ),
})

/** GET /api/v1/customers/{externalUserid}/wecom */
export const FriendDetails = Type.Object({
  externalUserid: Type.String(),
  isFresh: Type.Boolean({ description: 'WeCom was asked just now; else this is as it was last seen' }),
  remark: nullable(Type.String()),
  description: nullable(Type.String()),
  company: nullable(Type.String({ description: 'null: none, or WeCom was not asked' })),
  mobilesMasked: nullable(Type.Array(Type.String(), { description: '138****5678; null: WeCom was not asked' })),
  groups: Type.Array(TagGroup, { description: 'All tags of the corporation, in its own order' }),
})
export type FriendDetails = Static<typeof FriendDetails>

const tagIds = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 128, format: 'key' }), { maxItems: 100, description }),
  )

/** PUT /api/v1/customers/{externalUserid}/tags */
export const TagChange = Strict({
  add: tagIds('Tags to mark him with.'),
  remove: tagIds('Tags to take off him.'),
})
export type TagChange = Static<typeof TagChange>

export const TagsChanged = Type.Object({
  externalUserid: Type.String(),
  tagIds: Type.Array(Type.String(), { description: 'All that he is marked with now' }),
})
export type TagsChanged = Static<typeof TagsChanged>

const written = (maxLength: number, description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, format: 'text', description }))

/** PUT /api/v1/customers/{externalUserid}/remark; an absent field stays as it is. */
export const RemarkChange = Strict({
  remark: written(20, 'What the asker calls him.'),
  description: written(150, 'More about him.'),
  company: written(20, 'His company; of customers from WeChat alone.'),
  mobiles: Type.Optional(
    Type.Array(Type.String({ pattern: '^[+]?[0-9][0-9 -]{3,18}[0-9]$' }), {
      maxItems: 5,
      description: 'Replaces all that are there; an empty list clears them.',
    }),
  ),
})
export type RemarkChange = Static<typeof RemarkChange>

export const RemarkChanged = Type.Object({
  externalUserid: Type.String(),
  remark: nullable(Type.String()),
  description: nullable(Type.String()),
})
export type RemarkChanged = Static<typeof RemarkChanged>
