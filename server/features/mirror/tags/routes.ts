import type { FastifyInstance } from 'fastify'
import type { Access } from '../../../plugins/access.ts'
import type { Caller } from '../../auth/domain.ts'
import type { WecomOf } from '../../wecom/service.ts'
import { FriendDetails, FriendParams, RemarkChange, RemarkChanged, TagChange, TagsChanged } from './schema.ts'
import { markFriend, readFriend, remarkFriend, type FriendDependencies } from './service.ts'

export function friendRoutes(
  app: FastifyInstance,
  options: Omit<FriendDependencies, 'wecom'> & { wecomOf: WecomOf; access: Access },
): void {
  const { access, wecomOf, ...rest } = options
  const of = ({ brandId }: Caller): FriendDependencies => ({ ...rest, wecom: wecomOf(brandId) })
  const tags = ['sidebar']
  app.get(
    '/customers/:externalUserid/wecom',
    {
      onRequest: access.person,
      schema: {
        tags,
        summary: 'What WeCom has of one’s own friend: tags and remark',
        params: FriendParams,
        response: { 200: FriendDetails },
      },
    },
    request => readFriend(of(request.caller), request.caller, request.params as FriendParams),
  )
  app.put(
    '/customers/:externalUserid/tags',
    {
      onRequest: access.personWrites,
      schema: {
        tags,
        summary: 'Mark one’s own friend with tags, or take them off',
        params: FriendParams,
        body: TagChange,
        response: { 200: TagsChanged },
      },
    },
    request => {
      const { externalUserid } = request.params as FriendParams
      return markFriend(of(request.caller), request.caller, { externalUserid, change: request.body as TagChange })
    },
  )
  app.put(
    '/customers/:externalUserid/remark',
    {
      onRequest: access.personWrites,
      schema: {
        tags,
        summary: 'Write what one remarks of one’s own friend',
        params: FriendParams,
        body: RemarkChange,
        response: { 200: RemarkChanged },
      },
    },
    request => {
      const { externalUserid } = request.params as FriendParams
      return remarkFriend(of(request.caller), request.caller, { externalUserid, change: request.body as RemarkChange })
    },
  )
}
