import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import type { Pool } from '../database.ts'
import { AppError } from '../errors.ts'
import { callerOfKey } from '../features/auth/service.ts'
import type { Caller, KeyScope } from '../features/auth/domain.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set where a route demands it. */
    caller: Caller
  }
}

/** Hooks by which a route says who may call it. They run before the body is read. */
export interface Access {
  /** A key with this scope. */
  key(scope: KeyScope): onRequestAsyncHookHandler
  /** Any valid key. */
  anyKey: onRequestAsyncHookHandler
}

export function buildAccess(app: FastifyInstance, options: { pool: Pool; bootstrapApiKey: string | null }): Access {
  app.decorateRequest('caller')
  const identify = async (request: FastifyRequest): Promise<Caller> => {
    const match = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')
    const caller = match && (await callerOfKey(options.pool, match[1]!, options.bootstrapApiKey))
    if (!caller) throw new AppError('unauthorized', 'Send a valid API key: Authorization: Bearer <key>.')
    return caller
  }
  return {
    key: scope => async request => {
      request.caller = await identify(request)
      if (!request.caller.scopes.has(scope)) {
        throw new AppError('forbidden', `This key does not have the scope ${scope}.`)
      }
    },
    anyKey: async request => {
      request.caller = await identify(request)
    },
  }
}
