import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { Nullable, OneOf, Strict } from '../../lib/schema.ts'
import { NOTICE_KINDS } from './domain.ts'

export const NoticeQuery = Strict({
  ...ListQuery,
  unread: Type.Optional(Type.Boolean({ description: 'true: those that were not read; false: those that were.' })),
})
export type NoticeQuery = Static<typeof NoticeQuery>

export const NoticeParams = Strict({ noticeId: Type.String({ format: 'uuid' }) })
export type NoticeParams = Static<typeof NoticeParams>

export const NoticeItem = Type.Object({
  noticeId: Type.String(),
  kind: OneOf(NOTICE_KINDS, 'What it tells.'),
  details: Type.Record(Type.String(), Type.Unknown(), {
    description: 'The facts of the sentence: order, role, outcome, reason, and what the reader gained or lost in fen.',
  }),
  createdAt: Type.String(),
  readAt: Nullable(Type.String()),
})
export type NoticeItem = Static<typeof NoticeItem>

export const NoticePage = Type.Object({ items: Type.Array(NoticeItem), nextCursor: Nullable(Type.String()) })
