import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import type { Access } from '../../plugins/access.ts'
import {
  Erasure,
  ErasureBody,
  ErasureList,
  ErasureQuery,
  FoundPeople,
  MemberParams,
  PersonalData,
  Retention,
  RetentionBody,
  SearchBody,
} from './schema.ts'
import { copyPersonalData, erase, findPeople, listErasures, readRetention, tellRetention } from './service.ts'

const tags = ['privacy']

export function privacyRoutes(
  app: FastifyInstance,
  options: { pool: Pool; vault: Vault; access: Access; now: () => Instant },
): void {
  const { pool, vault, access, now } = options
  app.post(
    '/personal-data/search',
    {
      onRequest: access.admin,
      schema: { tags, summary: 'Find a person by number or phone', body: SearchBody, response: { 200: FoundPeople } },
    },
    async ({ caller, body }, reply) => {
      const items = await findPeople(pool, { caller, now: now(), vault, body: body as SearchBody })
      return await reply.header('cache-control', 'no-store').send({ items })
    },
  )
  app.get(
    '/members/:memberNo/personal-data',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'A copy of everything that is kept about a person; that it was taken is recorded',
        params: MemberParams,
        response: { 200: PersonalData },
      },
    },
    async ({ caller, params }, reply) => {
      const { memberNo } = params as MemberParams
      const copy = await copyPersonalData(pool, { caller, now: now(), vault, memberNo })
      return await reply
        .header('cache-control', 'no-store')
        .header('content-disposition', 'attachment; filename="personal-data.json"')
        .send(copy)
    },
  )
  app.post(
    '/members/:memberNo/erasure',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Erase the personal data of a person, for good; sums stay as they are',
        params: MemberParams,
        body: ErasureBody,
        response: { 200: Erasure },
      },
    },
    ({ caller, params, body }) =>
      erase(pool, {
        caller,
        now: now(),
        vault,
        memberNo: (params as MemberParams).memberNo,
        body: body as ErasureBody,
      }),
  )
  app.get(
    '/erasures',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'Who was erased, the latest first',
        querystring: ErasureQuery,
        response: { 200: ErasureList },
      },
    },
    ({ caller, query }) => listErasures(pool, caller.brandId, query as ErasureQuery),
  )
  app.get(
    '/settings/retention',
    {
      onRequest: access.readBrand,
      schema: { tags: ['settings'], summary: 'How long whose touches were is kept', response: { 200: Retention } },
    },
    ({ caller }) => readRetention(pool, caller.brandId),
  )
  app.put(
    '/settings/retention',
    {
      onRequest: access.admin,
      schema: {
        tags: ['settings'],
        summary: 'Say how long whose touches were is kept',
        body: RetentionBody,
        response: { 200: Retention },
      },
    },
    ({ caller, body }) => tellRetention(pool, { caller, now: now(), body: body as RetentionBody }),
  )
}
