import type { FastifyInstance } from 'fastify'
import { formatOf, sendTable } from '../../lib/sheets.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import {
  AssociateDetail,
  AssociatePage,
  AssociateParams,
  AssociateQuery,
  FileBody,
  FileTold,
  Houses,
  StoreDetail,
  StorePage,
  StoreParams,
  StoreQuery,
  TellBody,
  Told,
} from './schema.ts'
import {
  exportAssociates,
  exportStores,
  listAssociates,
  listStores,
  readAssociate,
  readHouses,
  readStore,
  tellFile,
  tellPeople,
  type PeopleDependencies,
} from './service.ts'

const BODY_LIMIT_BYTES = 9 * 1024 * 1024
const AS_FILE = 'Accept: text/csv or the type of XLSX gives the whole as a file.'

/** Stores and the people in them, as the console lists and changes them. */
export function peopleRoutes(
  app: FastifyInstance,
  options: PeopleDependencies & { access: Access; now: () => Instant },
): void {
  const { access, now, ...dependencies } = options
  const { pool } = dependencies
  const tags = ['people']
  app.get(
    '/stores',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'Stores, by code',
        description: AS_FILE,
        querystring: StoreQuery,
        response: { 200: StorePage },
      },
    },
    async (request, reply) => {
      const asked = { caller: request.caller, now: now(), query: request.query as StoreQuery }
      const format = formatOf(request.headers.accept)
      if (format === 'json') return await listStores(pool, asked)
      return sendTable(reply, format, await exportStores(pool, { ...asked, format }))
    },
  )
  app.get(
    '/stores/:storeCode',
    {
      onRequest: access.read,
      schema: { tags, summary: 'One store, with its history', params: StoreParams, response: { 200: StoreDetail } },
    },
    ({ caller, params }) => readStore(pool, { caller, now: now(), ...(params as StoreParams) }),
  )
  app.get(
    '/associates',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'Associates, by id',
        description: AS_FILE,
        querystring: AssociateQuery,
        response: { 200: AssociatePage },
      },
    },
    async (request, reply) => {
      const asked = { caller: request.caller, now: now(), query: request.query as AssociateQuery }
      const format = formatOf(request.headers.accept)
      if (format === 'json') return await listAssociates(pool, asked)
      return sendTable(reply, format, await exportAssociates(pool, { ...asked, format }))
    },
  )
  app.get(
    '/associates/:associateId',
    {
      onRequest: access.read,
      schema: {
        tags,
        summary: 'One associate, with what he would leave behind',
        params: AssociateParams,
        response: { 200: AssociateDetail },
      },
    },
    ({ caller, params }) => readAssociate(pool, { caller, now: now(), ...(params as AssociateParams) }),
  )
  app.get(
    '/people/houses',
    {
      onRequest: access.read,
      schema: { tags, summary: 'The regions and franchisees that there are', response: { 200: Houses } },
    },
    ({ caller }) => readHouses(pool, caller),
  )
  for (const kind of ['stores', 'associates'] as const) {
    app.post(
      `/people/${kind}`,
      {
        onRequest: access.admin,
        schema: {
          tags,
          summary: `Make or change ${kind}, or try it first: items as POST /${kind} takes them`,
          body: TellBody,
          response: { 200: Told },
        },
      },
      ({ caller, body }) => tellPeople(dependencies, { caller, now: now(), kind, body: body as TellBody }),
    )
    app.post(
      `/people/${kind}/file`,
      {
        bodyLimit: BODY_LIMIT_BYTES,
        onRequest: access.admin,
        schema: {
          tags,
          summary: `Make or change ${kind} by a CSV file, or try it first`,
          body: FileBody,
          response: { 200: FileTold },
        },
      },
      ({ caller, body }) => tellFile(dependencies, { caller, now: now(), kind, body: body as FileBody }),
    )
  }
}
