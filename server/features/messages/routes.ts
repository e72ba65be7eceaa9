import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import { ChoiceBody, SettingsBody, ShownChoice, ShownSettings } from './schema.ts'
import { changeChoice, changeSettings, readChoice, readSettings } from './service.ts'

export function messageRoutes(app: FastifyInstance, options: { pool: Pool; access: Access; now: () => Instant }): void {
  const { pool, access, now } = options
  app.get(
    '/settings/messages',
    {
      onRequest: access.readBrand,
      schema: {
        tags: ['settings'],
        summary: 'What associates are told in WeCom, and when not',
        response: { 200: ShownSettings },
      },
    },
    ({ caller }) => readSettings(pool, caller.brandId),
  )
  app.put(
    '/settings/messages',
    {
      onRequest: access.admin,
      schema: {
        tags: ['settings'],
        summary: 'Say what associates are told in WeCom, and when not',
        body: SettingsBody,
        response: { 200: ShownSettings },
      },
    },
    ({ caller, body }) => {
      const { brandId, actor } = caller
      return changeSettings(pool, { brandId, actor, body: body as SettingsBody, now: now() })
    },
  )
  app.get(
    '/me/messages',
    {
      onRequest: access.person,
      schema: {
        tags: ['sidebar'],
        summary: 'What the asker is told in WeCom',
        response: { 200: ShownChoice },
      },
    },
    ({ caller }) => readChoice(pool, caller.brandId, caller.person!),
  )
  app.put(
    '/me/messages',
    {
      onRequest: access.personWrites,
      schema: {
        tags: ['sidebar'],
        summary: 'Say what the asker is told in WeCom',
        body: ChoiceBody,
        response: { 200: ShownChoice },
      },
    },
    ({ caller, body }) =>
      changeChoice(pool, { brandId: caller.brandId, person: caller.person!, body: body as ChoiceBody, now: now() }),
  )
}
