import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Reader } from '../../replica.ts'
import { formatOf, sendTable } from '../../lib/sheets.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { Community, CommunityListQuery, CommunityPage, CommunityParams, CommunityQuery } from './schema.ts'
import { exportCommunities, listCommunities, readCommunity, startRegionFigures } from './service.ts'

export function communityRoutes(
  app: FastifyInstance,
  options: { pool: Pool; reader: Reader; access: Access; now: () => Instant },
): void {
  const { pool, reader, access, now } = options
  const regions = startRegionFigures()
  app.get(
    '/community/stores',
    {
      onRequest: access.read,
      schema: {
        tags: ['performance'],
        summary: 'Stores’ communities: members, friends, groups, and what members bought',
        description: 'Accept: text/csv or the type of XLSX gives the whole as a file, amounts in yuan.',
        querystring: CommunityListQuery,
        response: { 200: CommunityPage },
      },
    },
    async (request, reply) => {
      const asked = { caller: request.caller, now: now(), query: request.query as CommunityListQuery }
      const format = formatOf(request.headers.accept)
      if (format === 'json') return await reader.read(db => listCommunities(db, asked))
      return sendTable(reply, format, await exportCommunities(pool, reader.choose(), { ...asked, format }))
    },
  )
  app.get(
    '/community/stores/:storeCode',
    {
      onRequest: access.read,
      schema: {
        tags: ['performance'],
        summary: 'One store’s community, by day, before, and beside its region',
        params: CommunityParams,
        querystring: CommunityQuery,
        response: { 200: Community },
      },
    },
    request => {
      const { storeCode } = request.params as CommunityParams
      const asked = { caller: request.caller, now: now(), storeCode, query: request.query as CommunityQuery, regions }
      return reader.read(db => readCommunity(db, asked))
    },
  )
}
