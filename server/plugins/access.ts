import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import type { Pool } from '../database.ts'
import { AppError } from '../errors.ts'
import { callerOfKey } from '../features/auth/service.ts'
import { addressOf, type Limits } from '../features/limits/service.ts'
import {
  ACCESS_SECONDS,
  callerOfSession,
  isCsrfToken,
  SESSION_MS,
  type SessionTokens,
} from '../features/auth/sessions.ts'
import type { Caller, KeyScope } from '../features/auth/domain.ts'
import { buildSharedAsks } from '../lib/gathered-asks.ts'
import type { Instant } from '../lib/time.ts'
import type { Settings } from '../settings.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set where a route demands it. */
    caller: Caller
    /** The session that the caller came with; null for a key. */
    sessionId: string | null
  }
}

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: AccessClaims
    user: AccessClaims
  }
}

interface AccessClaims {
  sub: string
  /** Brand. */
  bid: number
  /** Session. */
  sid: string
}

/** Hooks by which a route says who may call it. They run before the body is read. */
export interface Access {
  /** A key with this scope. */
  key(scope: KeyScope): onRequestAsyncHookHandler
  /** Any valid key, or anybody signed in. */
  anyone: onRequestAsyncHookHandler
  /** A key with scope read, or anybody signed in, within what he may see. */
  read: onRequestAsyncHookHandler
  /** The same, for what only the brand as a whole has: to whoever sees less it is not there. */
  readBrand: onRequestAsyncHookHandler
  /** A key with scope admin, or headquarters signed in. */
  admin: onRequestAsyncHookHandler
  /** A key with scope admin, or somebody signed in who may write; the use case says what within his own. */
  writes: onRequestAsyncHookHandler
  /** Somebody signed in. */
  person: onRequestAsyncHookHandler
  /** Somebody signed in, about nothing but his own sessions: also an auditor, and the page is ours. */
  personSelf: onRequestAsyncHookHandler
  /** Somebody signed in who may write: no auditor, and the page is ours. */
  personWrites: onRequestAsyncHookHandler
}

/** What is kept while somebody is at WeCom's sign-in. */
export interface SignInState {
  state: string
  redirect: string
  /** The slug of the brand. */
  brand: string
}

export interface SessionCookies {
  /** Hands the browser both tokens. */
  set(reply: FastifyReply, tokens: SessionTokens & { brandId: number }): void
  clear(reply: FastifyReply): void
  refreshToken(request: FastifyRequest): string | null
  /** A cookie that only we can have written, for as long as a sign-in takes. */
  setState(reply: FastifyReply, state: SignInState): void
  takeState(request: FastifyRequest, reply: FastifyReply): SignInState | null
  /** `<brandId>/<associateId>` of whoever signed in with this browser, also when his token has run out; else null. */
  associateOf(request: FastifyRequest): string | null
  /** Refuses what another site's page sent. @throws AppError session.csrf */
  checkOrigin(request: FastifyRequest): void
}

const ISSUER = 'daogou'
const AUDIENCE = 'daogou-web'
const STATE_SECONDS = 600

export async function buildAccess(
  app: FastifyInstance,
  options: {
    pool: Pool
    settings: Settings
    limits: Limits
    /** WeCom userids that are headquarters of a brand from the start. */
    headquartersOf: (brandId: number) => readonly string[]
    now: () => Instant
  },
): Promise<{ access: Access; cookies: SessionCookies }> {
  const { pool, settings, limits, headquartersOf, now } = options
  const isSecure = settings.publicUrl.startsWith('https:')
  const named = (name: string) => (isSecure ? `__Host-${name}` : name)
  const names = { access: named('daogou_access'), refresh: named('daogou_refresh'), state: named('daogou_sign_in') }
  const attributes = { path: '/', httpOnly: true, sameSite: 'lax', secure: isSecure } as const

  await app.register(cookie, { secret: settings.sessionSecret })
  await app.register(jwt, {
    secret: settings.sessionSecret,
    cookie: { cookieName: names.access, signed: false },
    sign: { algorithm: 'HS256', iss: ISSUER, aud: AUDIENCE, expiresIn: ACCESS_SECONDS },
    verify: {
      algorithms: ['HS256'],
      allowedIss: ISSUER,
      allowedAud: AUDIENCE,
      requiredClaims: ['iss', 'aud', 'exp', 'sub', 'bid', 'sid'],
    },
  })
  app.decorateRequest('caller')
  app.decorateRequest('sessionId', null)

  /** A till that sends order after order is looked for once for all that it sends at the same moment. */
  const shared = buildSharedAsks<Caller | null>()
  const byKey = async (request: FastifyRequest): Promise<Caller | null> => {
    const { authorization } = request.headers
    if (authorization === undefined) return null
    const match = /^Bearer +(\S+)$/i.exec(authorization)
    const look = () => shared(authorization, () => callerOfKey(pool, match![1]!, settings.bootstrapApiKey, now()))
    const caller = match && (await limits.guess(addressOf(request.ip), authorization, look))
    if (!caller) throw new AppError('unauthorized', 'Send a valid API key: Authorization: Bearer <key>.')
    return caller
  }
  const bySession = async (request: FastifyRequest): Promise<Caller | null> => {
    const token = request.cookies[names.access]
    if (token === undefined) return null
    let claims: AccessClaims
    try {
      claims = app.jwt.verify<AccessClaims>(token)
    } catch {
      return null
    }
    const caller = await callerOfSession(pool, {
      brandId: claims.bid,
      sessionId: claims.sid,
      bootstrapHeadquarters: headquartersOf(claims.bid),
      brandSlug: brandSaid(request),
      now: now(),
    })
    if (caller === 'inactive') {
      throw new AppError('session.refused', 'You no longer have access; ask your headquarters.')
    }
    request.sessionId = claims.sid
    return caller
  }
  /** The sidebar says of which brand its page is: another tab may have signed in to another one meanwhile. */
  const brandSaid = (request: FastifyRequest) => [request.headers['x-daogou-brand']].flat()[0] ?? null
  const unauthorized = () =>
    new AppError('unauthorized', 'Send a valid API key (Authorization: Bearer <key>), or sign in.')
  const noSession = () => new AppError('session.missing', 'Sign in first.')

  const checkOrigin = (request: FastifyRequest) => {
    const { origin } = request.headers
    const foreign = () => new AppError('session.csrf', 'This came from a page of another site.')
    const site = request.headers['sec-fetch-site']
    if (site === 'cross-site' || site === 'same-site') throw foreign()
    if (origin === undefined) return
    const host = URL.canParse(origin) ? new URL(origin).host : null
    if (host !== new URL(settings.publicUrl).host && host !== request.headers.host) throw foreign()
  }
  const checkWrite = (request: FastifyRequest) => {
    checkOrigin(request)
    if (!isCsrfToken(settings.sessionSecret, request.sessionId ?? '', request.headers['x-daogou-csrf'])) {
      throw new AppError('session.csrf', 'The header x-daogou-csrf is missing or wrong; read it from /api/v1/session.')
    }
  }

  /** @returns whether the caller came with a key; one without scope admin is refused */
  const admitAdminKey = async (request: FastifyRequest): Promise<boolean> => {
    const key = await byKey(request)
    if (!key) return false
    if (!key.scopes.has('admin')) throw new AppError('forbidden', 'This key does not have the scope admin.')
    request.caller = key
    return true
  }
  const admitWriter = async (
    request: FastifyRequest,
    refusal: () => AppError,
    { mayAudit = false } = {},
  ): Promise<void> => {
    const caller = await bySession(request)
    if (!caller) throw refusal()
    if (caller.person?.role === 'auditor' && !mayAudit) throw new AppError('forbidden', 'An auditor changes nothing.')
    checkWrite(request)
    request.caller = caller
  }

  const access: Access = {
    key: scope => async request => {
      const caller = await byKey(request)
      if (!caller) throw unauthorized()
      if (!caller.scopes.has(scope)) throw new AppError('forbidden', `This key does not have the scope ${scope}.`)
      request.caller = caller
    },
    anyone: async request => {
      const caller = (await byKey(request)) ?? (await bySession(request))
      if (!caller) throw unauthorized()
      request.caller = caller
    },
    read: async request => {
      const caller = (await byKey(request)) ?? (await bySession(request))
      if (!caller) throw unauthorized()
      if (!caller.person && !caller.scopes.has('read')) {
        throw new AppError('forbidden', 'This key does not have the scope read.')
      }
      request.caller = caller
    },
    readBrand: async request => {
      const caller = (await byKey(request)) ?? (await bySession(request))
      if (!caller) throw unauthorized()
      if (!caller.person && !caller.scopes.has('read')) {
        throw new AppError('forbidden', 'This key does not have the scope read.')
      }
      if (caller.scope.reach !== 'brand') throw new AppError('not_found', 'There is nothing here.')
      request.caller = caller
    },
    admin: async request => {
      if (await admitAdminKey(request)) return
      const caller = await bySession(request)
      if (!caller) throw unauthorized()
      if (caller.person?.role !== 'headquarters') throw new AppError('forbidden', 'This is for headquarters.')
      if (request.method !== 'GET' && request.method !== 'HEAD') checkWrite(request)
      request.caller = caller
    },
    writes: async request => {
      if (await admitAdminKey(request)) return
      await admitWriter(request, unauthorized)
    },
    person: async request => {
      const caller = await bySession(request)
      if (!caller) throw noSession()
      request.caller = caller
    },
    personSelf: async request => admitWriter(request, noSession, { mayAudit: true }),
    personWrites: async request => admitWriter(request, noSession),
  }

  const cookies: SessionCookies = {
    set(reply, tokens) {
      const claims = { sub: tokens.associateId, bid: tokens.brandId, sid: tokens.sessionId }
      // The cookie outlives its token: it still tells the associate's own opening of a link from a customer's.
      reply.setCookie(names.access, app.jwt.sign(claims), { ...attributes, maxAge: SESSION_MS / 1000 })
      reply.setCookie(names.refresh, tokens.refreshToken, { ...attributes, maxAge: SESSION_MS / 1000 })
    },
    clear(reply) {
      reply.clearCookie(names.access, attributes)
      reply.clearCookie(names.refresh, attributes)
    },
    refreshToken: request => request.cookies[names.refresh] ?? null,
    setState(reply, state) {
      const value = Buffer.from(JSON.stringify(state)).toString('base64url')
      reply.setCookie(names.state, value, { ...attributes, signed: true, maxAge: STATE_SECONDS })
    },
    takeState(request, reply) {
      const raw = request.cookies[names.state]
      reply.clearCookie(names.state, attributes)
      const unsigned = raw === undefined ? null : request.unsignCookie(raw)
      if (!unsigned?.valid || unsigned.value === null) return null
      return JSON.parse(Buffer.from(unsigned.value, 'base64url').toString('utf8')) as SignInState
    },
    associateOf(request) {
      const token = request.cookies[names.access]
      if (token === undefined) return null
      try {
        const claims = app.jwt.verify<AccessClaims>(token, { ignoreExpiration: true })
        return `${claims.bid}/${claims.sub}`
      } catch {
        return null
      }
    },
    checkOrigin,
  }
  return { access, cookies }
}
