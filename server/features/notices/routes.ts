import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { NoticeItem, NoticePage, NoticeParams, NoticeQuery } from './schema.ts'
import { listNotices, readNotice } from './service.ts'

export function noticeRoutes(app: FastifyInstance, options: { pool: Pool; access: Access; now: () => Instant }): void {
  const { pool, access, now } = options
  app.get(
    '/notices',
    {
      onRequest: access.person,
      schema: {
        tags: ['notices'],
        summary: 'What the asker was told, newest first',
        querystring: NoticeQuery,
        response: { 200: NoticePage },
      },
    },
    ({ caller, query }) => listNotices(pool, caller.brandId, caller.person!, query as NoticeQuery),
  )
  app.post(
    '/notices/:noticeId/read',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['notices'],
        summary: 'The asker has read it',
        params: NoticeParams,
        response: { 200: NoticeItem },
      },
    },
    ({ caller, params }) => {
      const { noticeId } = params as NoticeParams
      return readNotice(pool, { brandId: caller.brandId, person: caller.person!, noticeId, now: now() })
    },
  )
}
