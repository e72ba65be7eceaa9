import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { ACTIONS } from './domain.ts'
import { RiskDecisionBody, RiskDetail, RiskPage, RiskParams, RiskQuery, ScanAnswer, ScanBody } from './schema.ts'
import { decideFinding, listFindings, readFinding, scanNow } from './service.ts'

const SUMMARIES = {
  hold: 'Put the orders of a finding on hold',
  release: 'Release the orders of a finding',
  reverse: 'Take away the roles that a finding is about, and release its orders',
  dismiss: 'There is nothing in a finding',
}

export function riskRoutes(app: FastifyInstance, options: { pool: Pool; access: Access; now: () => Instant }): void {
  const { pool, access, now } = options
  app.get(
    '/risks',
    {
      onRequest: access.readBrand,
      schema: {
        tags: ['risks'],
        summary: 'What looks wrong, newest first',
        querystring: RiskQuery,
        response: { 200: RiskPage },
      },
    },
    ({ caller, query }) => listFindings(pool, caller.brandId, query as RiskQuery),
  )
  app.get(
    '/risks/:findingId',
    {
      onRequest: access.readBrand,
      schema: {
        tags: ['risks'],
        summary: 'A finding with its orders as they stand now, and what was decided',
        params: RiskParams,
        response: { 200: RiskDetail },
      },
    },
    ({ caller, params }) => readFinding(pool, caller.brandId, (params as RiskParams).findingId),
  )
  for (const action of ACTIONS) {
    app.post(
      `/risks/:findingId/${action}`,
      {
        onRequest: access.admin,
        schema: {
          tags: ['risks'],
          summary: SUMMARIES[action],
          params: RiskParams,
          body: RiskDecisionBody,
          response: { 200: RiskDetail },
        },
      },
      ({ caller, params, body }) => {
        const { findingId } = params as RiskParams
        const { reason } = body as RiskDecisionBody
        return decideFinding(pool, { caller, findingId, action, reason, now: now() })
      },
    )
  }
  app.post(
    '/risks/scan',
    {
      onRequest: access.admin,
      schema: {
        tags: ['risks'],
        summary: 'Look for what is wrong in a span; the service looks by itself every few minutes',
        body: ScanBody,
        response: { 200: ScanAnswer },
      },
    },
    ({ caller, body }) => scanNow(pool, { brandId: caller.brandId, body: body as ScanBody, clock: now }),
  )
}
