import type { FastifyInstance } from 'fastify'
import type { Access } from '../../plugins/access.ts'
import type { Caller } from '../auth/domain.ts'
import type { WecomOf } from '../wecom/service.ts'
import {
  CamePage,
  CodeBody,
  CodeChangeBody,
  CodePage,
  CodeParams,
  CodeQuery,
  ListOnlyQuery,
  ShownCode,
  ShownWelcome,
  WelcomeBody,
} from './schema.ts'
import {
  changeCode,
  changeWelcome,
  createCode,
  deleteCode,
  listCame,
  listCodes,
  readCode,
  readWelcome,
  type CodeDependencies,
} from './service.ts'

export function channelCodeRoutes(
  app: FastifyInstance,
  options: Omit<CodeDependencies, 'wecom'> & {
    wecomOf: WecomOf
    access: Access
    publicUrl: string
    allowedRedirects: readonly string[]
  },
): void {
  const { pool, access, wecomOf, now } = options
  const of = ({ brandId }: Caller): CodeDependencies => ({ pool, wecom: wecomOf(brandId), now })
  const tags = ['channel codes']
  app.get(
    '/channel-codes',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'Codes by which customers come, newest first, with what came of them',
        querystring: CodeQuery,
        response: { 200: CodePage },
      },
    },
    request => listCodes(pool, request.caller, request.query as CodeQuery),
  )
  app.post(
    '/channel-codes',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Make a code of an associate, a store or groups',
        body: CodeBody,
        response: { 200: ShownCode, 201: ShownCode },
      },
    },
    async (request, reply) => {
      const { isNew, code } = await createCode(of(request.caller), request.caller, request.body as CodeBody)
      return await reply.code(isNew ? 201 : 200).send(code)
    },
  )
  app.get(
    '/channel-codes/:codeId',
    {
      onRequest: access.read,
      schema: { tags, summary: 'One code', params: CodeParams, response: { 200: ShownCode } },
    },
    request => readCode(pool, request.caller.scope, (request.params as CodeParams).codeId),
  )
  app.get(
    '/channel-codes/:codeId/friends',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'Who came by a code, newest first',
        params: CodeParams,
        querystring: ListOnlyQuery,
        response: { 200: CamePage },
      },
    },
    request =>
      listCame(pool, request.caller.scope, (request.params as CodeParams).codeId, request.query as ListOnlyQuery),
  )
  app.patch(
    '/channel-codes/:codeId',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Change a code, or stop it',
        params: CodeParams,
        body: CodeChangeBody,
        response: { 200: ShownCode },
      },
    },
    request => {
      const { codeId } = request.params as CodeParams
      return changeCode(of(request.caller), request.caller, { codeId, body: request.body as CodeChangeBody })
    },
  )
  app.delete(
    '/channel-codes/:codeId',
    {
      onRequest: access.admin,
      schema: { tags, summary: 'Take a code away; who came by it stays known', params: CodeParams },
    },
    async (request, reply) => {
      await deleteCode(of(request.caller), request.caller, request.params as CodeParams)
      return await reply.code(204).send()
    },
  )
  app.get(
    '/settings/welcome',
    {
      onRequest: access.readBrand,
      schema: { tags: ['settings'], summary: 'What new friends are told', response: { 200: ShownWelcome } },
    },
    request => readWelcome(pool, request.caller.brandId),
  )
  app.put(
    '/settings/welcome',
    {
      onRequest: access.admin,
      schema: {
        tags: ['settings'],
        summary: 'Say what new friends are told',
        body: WelcomeBody,
        response: { 200: ShownWelcome },
      },
    },
    request => {
      const { brandId, actor } = request.caller
      const { publicUrl, allowedRedirects } = options
      const body = request.body as WelcomeBody
      return changeWelcome(pool, { brandId, actor, body, publicUrl, allowedRedirects, now: now() })
    },
  )
}
