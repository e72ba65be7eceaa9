import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import {
  DayPosts,
  DayQuery,
  NewPostBody,
  PostBody,
  PostPage,
  PostParams,
  PostQuery,
  PostResults,
  PostTick,
  ResultsQuery,
  ShownPost,
} from './schema.ts'
import { changePost, createPost, deletePost, listPosts, readDay, readPost, readResults, tickPost } from './service.ts'

const Nothing = Type.Object({}, { additionalProperties: false })

export function postRoutes(app: FastifyInstance, options: { pool: Pool; access: Access; now: () => Instant }): void {
  const { pool, access, now } = options
  const tags = ['content calendar']
  app.get(
    '/posts',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'The content calendar, by day and hour',
        querystring: PostQuery,
        response: { 200: PostPage },
      },
    },
    ({ caller, query }) => listPosts(pool, { caller, now: now(), query: query as PostQuery }),
  )
  app.post(
    '/posts',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Put something into the calendar',
        body: NewPostBody,
        response: { 200: ShownPost, 201: ShownPost },
      },
    },
    async ({ caller, body }, reply) => {
      const { isNew, post } = await createPost(pool, { caller, now: now(), body: body as NewPostBody })
      return await reply.code(isNew ? 201 : 200).send(post)
    },
  )
  app.get(
    '/posts/:postId',
    {
      onRequest: access.readBrand,
      schema: { tags, summary: 'One entry of the calendar', params: PostParams, response: { 200: ShownPost } },
    },
    ({ caller, params }) => readPost(pool, caller.brandId, (params as PostParams).postId),
  )
  app.put(
    '/posts/:postId',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Change an entry; what is absent is cleared',
        params: PostParams,
        body: PostBody,
        response: { 200: ShownPost },
      },
    },
    ({ caller, params, body }) =>
      changePost(pool, { caller, now: now(), ...(params as PostParams), body: body as PostBody }),
  )
  app.delete(
    '/posts/:postId',
    {
      onRequest: access.admin,
      schema: { tags, summary: 'Take an entry out of the calendar', params: PostParams },
    },
    async ({ caller, params }, reply) => {
      await deletePost(pool, { caller, now: now(), ...(params as PostParams) })
      return await reply.code(204).send()
    },
  )
  app.get(
    '/posts/:postId/results',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'What became of an entry: who used it, who sent it, to whom it went, by store',
        params: PostParams,
        querystring: ResultsQuery,
        response: { 200: PostResults },
      },
    },
    ({ caller, params, query }) =>
      readResults(pool, { caller, now: now(), ...(params as PostParams), query: query as ResultsQuery }),
  )
  app.get(
    '/me/posts',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'What I am to post on a day',
        querystring: DayQuery,
        response: { 200: DayPosts },
      },
    },
    ({ caller, query }) => readDay(pool, { caller, now: now(), day: (query as DayQuery).day }),
  )
  for (const [deed, isUsed, summary] of [
    ['used', true, 'Tick a post off'],
    ['undo', false, 'Take the tick back'],
  ] as const) {
    app.post(
      `/me/posts/:postId/${deed}`,
      {
        onRequest: access.personWrites,
        schema: { tags: ['sidebar'], summary, params: PostParams, body: Nothing, response: { 200: PostTick } },
      },
      ({ caller, params }) => tickPost(pool, { caller, now: now(), ...(params as PostParams), isUsed }),
    )
  }
}
