import { randomBytes } from 'node:crypto'
import { Type, type Static } from 'typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access, SessionCookies } from '../../plugins/access.ts'
import type { Settings } from '../../settings.ts'
import { csrfTokenOf, DEFAULT_BRAND_SLUG, endSession, refreshSession, signIn } from '../auth/service.ts'
import type { Brands } from '../brands/service.ts'
import { addressOf, type Limits } from '../limits/service.ts'
import { renderPage } from '../pages/service.ts'
import { signableUrl, WecomError, type Wecom } from '../wecom/service.ts'
import { refusalPage, type Refusal } from './refusals.ts'
import {
  EndSessionsQuery,
  OwnSessions,
  Session,
  SessionAssociate,
  SessionId,
  SessionQuery,
  SessionsEnded,
  Signature,
  SignatureRequest,
} from './schema.ts'
import {
  authorizeUrl,
  brandIn,
  describeSession,
  endOwnSessions,
  endSessionsOf,
  listSessions,
  localRedirect,
  signPage,
  withBrand,
} from './service.ts'

interface Options {
  pool: Pool
  settings: Settings
  brands: Brands
  access: Access
  now: () => Instant
}

const LoginQuery = Type.Object({
  redirect: Type.Optional(Type.String()),
  brand: Type.Optional(Type.String()),
  scan: Type.Optional(Type.String()),
})
const CallbackQuery = Type.Object({ code: Type.Optional(Type.String()), state: Type.Optional(Type.String()) })

/** Sign-in through WeCom: at the root, outside the API. */
export function signInRoutes(
  app: FastifyInstance,
  options: Options & { cookies: SessionCookies; limits: Limits },
): void {
  const { pool, settings, brands, cookies, limits, now } = options

  const refuse = (reply: FastifyReply, refusal: Refusal, redirect = '/sidebar/') => {
    const { status, page } = refusalPage(refusal, `/auth/wecom/login?redirect=${encodeURIComponent(redirect)}`)
    reply.log.info({ refusal }, 'sign-in refused')
    return reply
      .code(status)
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .send(renderPage(page))
  }

  app.get('/auth/wecom/login', { schema: { hide: true, querystring: LoginQuery } }, async (request, reply) => {
    const query = request.query as Static<typeof LoginQuery>
    const slug = query.brand || brandIn(localRedirect(query.redirect)) || DEFAULT_BRAND_SLUG
    const redirect = withBrand(localRedirect(query.redirect), slug)
    const brand = await brands.bySlug(slug)
    if (!brand) return await refuse(reply, 'unknown_brand', redirect)
    if (!brand.wecom) return await refuse(reply, 'wecom_not_configured', redirect)
    const state = randomBytes(16).toString('hex')
    cookies.setState(reply, { state, redirect, brand: slug })
    const url = authorizeUrl({
      app: brand.wecom.app,
      authorizeUrl: settings.wecom.authorizeUrl,
      scanLoginUrl: settings.wecom.scanLoginUrl,
      publicUrl: settings.publicUrl,
      state,
      scan: query.scan === '1',
    })
    return await reply.header('cache-control', 'no-store').redirect(url, 302)
  })

  app.get('/auth/wecom/callback', { schema: { hide: true, querystring: CallbackQuery } }, async (request, reply) => {
    const query = request.query as Static<typeof CallbackQuery>
    const kept = cookies.takeState(request, reply)
    if (!kept || query.state === undefined || kept.state !== query.state) return await refuse(reply, 'state_mismatch')
    const brand = await brands.bySlug(kept.brand)
    if (!brand?.wecom) return await refuse(reply, 'wecom_not_configured', kept.redirect)
    const { brandId, wecom } = brand
    if (query.code === undefined || query.code === '' || query.code.length > 512) {
      return await refuse(reply, 'code_invalid', kept.redirect)
    }
    let who: Awaited<ReturnType<Wecom['whoIs']>>
    try {
      who = await wecom.whoIs(query.code)
    } catch (error) {
      if (!(error instanceof WecomError)) throw error
      request.log.warn({ errcode: error.errcode }, 'WeCom did not say who signed in')
      const refusal = { 40029: 'code_invalid', 50001: 'untrusted_domain' } as const
      return await refuse(reply, refusal[error.errcode as 40029] ?? 'wecom_unreachable', kept.redirect)
    }
    if (!('userid' in who)) return await refuse(reply, 'not_a_member', kept.redirect)
    const result = await signIn(pool, {
      brandId,
      userid: who.userid,
      bootstrapHeadquarters: brand.headquarters,
      userAgent: request.headers['user-agent'],
      now: now(),
    })
    if (result.status !== 'signed_in') {
      return await refuse(reply, result.status === 'unknown' ? 'unknown_userid' : 'associate_inactive', kept.redirect)
    }
    cookies.set(reply, { ...result.tokens, brandId })
    request.log.info({ brandId, associateId: who.userid }, 'signed in')
    return await reply.header('cache-control', 'no-store').redirect(kept.redirect, 302)
  })

  app.post('/auth/refresh', { schema: { hide: true } }, async (request, reply) => {
    cookies.checkOrigin(request)
    const refreshToken = cookies.refreshToken(request)
    const tokens =
      refreshToken === null
        ? null
        : await limits.guess(addressOf(request.ip), refreshToken, () =>
            refreshSession(pool, { refreshToken, now: now() }),
          )
    if (!tokens) {
      cookies.clear(reply)
      throw new AppError('session.missing', 'Sign in again.')
    }
    cookies.set(reply, tokens)
    return await reply.code(204).send()
  })

  app.post('/auth/logout', { schema: { hide: true } }, async (request, reply) => {
    cookies.checkOrigin(request)
    const refreshToken = cookies.refreshToken(request)
    if (refreshToken !== null) await endSession(pool, { refreshToken, now: now() })
    cookies.clear(reply)
    return await reply.code(204).send()
  })
}

/** Who is signed in, and what the SDK needs. */
export function sessionRoutes(app: FastifyInstance, options: Options): void {
  const { pool, settings, brands, access, now } = options
  const tags = ['session']
  app.get(
    '/sessions',
    {
      onRequest: access.person,
      schema: { tags, summary: 'Where one is signed in', response: { 200: OwnSessions } },
    },
    async request => ({
      items: await listSessions(pool, { caller: request.caller, sessionId: request.sessionId!, now: now() }),
    }),
  )
  app.delete(
    '/sessions/:sessionId',
    {
      onRequest: access.personSelf,
      schema: { tags, summary: 'End a session of one’s own', params: SessionId, response: { 200: SessionsEnded } },
    },
    async request => {
      const { sessionId: only } = request.params as SessionId
      const asked = { caller: request.caller, sessionId: request.sessionId!, now: now() }
      return { ended: await endOwnSessions(pool, { ...asked, only }) }
    },
  )
  app.delete(
    '/sessions',
    {
      onRequest: access.personSelf,
      schema: {
        tags,
        summary: 'End all sessions but this one: one’s own, or everybody’s',
        querystring: EndSessionsQuery,
        response: { 200: SessionsEnded },
      },
    },
    async request => {
      const asked = { caller: request.caller, sessionId: request.sessionId!, now: now() }
      if ((request.query as EndSessionsQuery).of !== 'everyone') {
        return { ended: await endOwnSessions(pool, { ...asked, only: null }) }
      }
      if (request.caller.person!.role !== 'headquarters') throw new AppError('forbidden', 'This is for headquarters.')
      return { ended: await endSessionsOf(pool, { ...asked, associateId: null }) }
    },
  )
  app.delete(
    '/associates/:associateId/sessions',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'End all sessions of somebody',
        params: SessionAssociate,
        response: { 200: SessionsEnded },
      },
    },
    async request => {
      const { associateId } = request.params as SessionAssociate
      const asked = { caller: request.caller, sessionId: request.sessionId, now: now() }
      return { ended: await endSessionsOf(pool, { ...asked, associateId }) }
    },
  )
  app.get(
    '/session',
    {
      onRequest: access.person,
      schema: { tags: ['session'], summary: 'Who is signed in', querystring: SessionQuery, response: { 200: Session } },
    },
    async request => {
      const wecom = brands.find(request.caller.brandId)?.wecom ?? null
      const { page } = request.query as SessionQuery
      const [session, signatures] = await Promise.all([
        describeSession(pool, {
          caller: request.caller,
          app: wecom?.app ?? null,
          csrfToken: csrfTokenOf(settings.sessionSecret, request.sessionId!),
        }),
        wecom && page !== undefined ? signPage(wecom, { page: settings.publicUrl + page, now: now() }) : null,
      ])
      return signatures ? { ...session, signatures } : session
    },
  )
  app.post(
    '/wecom/signature',
    {
      onRequest: access.person,
      schema: {
        tags: ['session'],
        summary: 'Sign a page of ours for the WeCom SDK',
        body: SignatureRequest,
        response: { 200: Signature },
      },
    },
    async request => {
      const wecom = brands.find(request.caller.brandId)?.wecom
      if (!wecom) throw new AppError('wecom.not_configured', 'WeCom is not set up for this brand.')
      const body = request.body as Static<typeof SignatureRequest>
      try {
        const { expiresAt: _, ...signature } = await wecom.sign(signableUrl(body.url, settings.publicUrl), body.kind)
        return signature
      } catch (error) {
        if (!(error instanceof WecomError)) throw error
        request.log.warn({ errcode: error.errcode }, 'WeCom gave no ticket')
        throw new AppError('wecom.unreachable', `WeCom gave no ticket (${error.errcode ?? 'no answer'}).`, [], 10)
      }
    },
  )
}
