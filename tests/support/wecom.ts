import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { encrypt, getSignature } from '@wecom/crypto'
import Fastify from 'fastify'
import { buildWecomApi } from '../../simulator/wecom-api.ts'
import { createWorld, type World, type WorldDescription } from '../../simulator/world.ts'
import type { TestService } from './service.ts'

export const TEST_APP = { corpId: 'wwtest0000000001', agentId: '1000002', secret: 'test-agent-secret' }
const PUBLIC_URL = 'http://127.0.0.1:8686'
/** What the callback address is set up with. */
export const TEST_CALLBACK = { token: 'test-callback-token', aesKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C' }

export interface TestWecom {
  world: World
  /** What the service must be set to, to speak with it. */
  env: Record<string, string>
  close(): Promise<void>
}

/** A WeCom to run against, on a port of its own. */
export async function startTestWecom({
  staff,
  app = TEST_APP,
  now = Date.now,
  ...described
}: {
  staff: readonly string[]
  app?: typeof TEST_APP
  now?: () => number
} & Partial<
  Pick<WorldDescription, 'customers' | 'departments' | 'groupChats' | 'tagGroups' | 'miniPrograms'>
>): Promise<TestWecom> {
  const world = createWorld(
    {
      corp: { corpId: app.corpId, name: '测试企业' },
      agents: [
        {
          agentId: app.agentId,
          secret: app.secret,
          name: '导购助手',
          trustedDomains: [new URL(PUBLIC_URL).host],
        },
      ],
      departments: [{ id: 1, name: '测试企业' }],
      customers: [],
      ...described,
      staff: staff.map(userid => ({ userid, name: userid, departments: [described.departments?.at(-1)?.id ?? 1] })),
    },
    { now },
  )
  const api = buildWecomApi(world)
  await api.listen({ port: 0, host: '127.0.0.1' })
  const origin = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`
  return {
    world,
    env: {
      PUBLIC_URL,
      WECOM_CORP_ID: app.corpId,
      WECOM_AGENT_ID: app.agentId,
      WECOM_SECRET: app.secret,
      WECOM_CALLBACK_TOKEN: TEST_CALLBACK.token,
      WECOM_CALLBACK_AES_KEY: TEST_CALLBACK.aesKey,
      WECOM_API_URL: origin,
      WECOM_AUTHORIZE_URL: `${origin}/connect/oauth2/authorize`,
      WECOM_SCAN_LOGIN_URL: `${origin}/wwlogin/sso/login`,
    },
    close: () => api.close(),
  }
}

/**
 * One WeCom for several corporations, as there is one: each simulated one has its own port. Calls go by the corporation
 * that they name, or whose token they carry.
 */
export async function joinWecoms(
  all: readonly TestWecom[],
): Promise<{ env: Record<string, string>; close(): Promise<void> }> {
  const originOf = new Map(all.map(({ env }) => [env['WECOM_CORP_ID']!, env['WECOM_API_URL']!]))
  const originOfToken = new Map<string, string>()
  const app = Fastify()
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body))
  app.all('*', async (request, reply) => {
    const query = request.query as Record<string, string>
    const corpId = query['corpid'] ?? query['appid']
    const origin = corpId === undefined ? originOfToken.get(query['access_token'] ?? '') : originOf.get(corpId)
    if (origin === undefined) return await reply.send({ errcode: 40013, errmsg: 'invalid corpid' })
    const type = request.headers['content-type']
    const answer = await fetch(origin + request.url, {
      method: request.method,
      redirect: 'manual',
      ...(type === undefined ? {} : { headers: { 'content-type': type }, body: request.body as Buffer<ArrayBuffer> }),
    })
    const text = await answer.text()
    const location = answer.headers.get('location')
    if (location !== null) return await reply.redirect(location, answer.status)
    if (request.url.startsWith('/cgi-bin/gettoken')) {
      const { access_token: token } = JSON.parse(text) as { access_token?: string }
      if (token !== undefined) originOfToken.set(token, origin)
    }
    return await reply
      .code(answer.status)
      .type(answer.headers.get('content-type') ?? 'text/plain')
      .send(text)
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  return {
    env: {
      ...all[0]!.env,
      WECOM_API_URL: origin,
      WECOM_AUTHORIZE_URL: `${origin}/connect/oauth2/authorize`,
      WECOM_SCAN_LOGIN_URL: `${origin}/wwlogin/sso/login`,
    },
    close: () => app.close(),
  }
}

/** A browser's cookies, and calls that carry them. */
export interface Browser {
  cookies: Map<string, string>
  call(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD',
    url: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<{ status: number; headers: Record<string, unknown>; text: string; json: () => unknown }>
}

export function openBrowser(service: TestService): Browser {
  const cookies = new Map<string, string>()
  return {
    cookies,
    async call(method, url, { body, headers = {} } = {}) {
      const answer = await service.app.inject({
        method,
        url,
        headers: { ...headers, cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
        ...(body === undefined ? {} : { payload: body as object }),
      })
      for (const { name, value, maxAge } of answer.cookies) {
        if (maxAge === 0 || value === '') cookies.delete(name)
        else cookies.set(name, value)
      }
      return { status: answer.statusCode, headers: answer.headers, text: answer.body, json: () => answer.json() }
    },
  }
}

/** Goes the whole way of a sign-in: our page, WeCom's, and back. Gives the answer of the last step. */
export async function signIn(browser: Browser, userid: string, redirect = '/sidebar/') {
  const login = await browser.call('GET', `/auth/wecom/login?redirect=${encodeURIComponent(redirect)}`)
  const authorize = new URL(String(login.headers['location']))
  authorize.hash = ''
  authorize.searchParams.set('as', userid)
  const back = await fetch(authorize, { redirect: 'manual' })
  const callback = new URL(back.headers.get('location') ?? '', PUBLIC_URL)
  return await browser.call('GET', `${callback.pathname}${callback.search}`)
}

/** Somebody signed in, with the token that his writes must carry. */
export async function signedIn(service: TestService, userid: string) {
  const browser = openBrowser(service)
  const answer = await signIn(browser, userid)
  if (answer.status !== 302) throw new Error(`${userid} could not sign in: ${answer.status} ${answer.text}`)
  const session = (await browser.call('GET', '/api/v1/session')).json() as { csrfToken: string }
  return { browser, csrf: { 'x-daogou-csrf': session.csrfToken } }
}

/** A callback as WeCom sends it: sealed anew each time, also where it is the same event again. */
export function sealed(xml: string, keys: { corpId?: string; token?: string; aesKey?: string } = {}) {
  const { corpId = TEST_APP.corpId, token = TEST_CALLBACK.token, aesKey = TEST_CALLBACK.aesKey } = keys
  const timestamp = '1700000000'
  const nonce = randomBytes(6).toString('hex')
  const secret = encrypt(aesKey, xml, corpId, randomBytes(16))
  const query = new URLSearchParams({ msg_signature: getSignature(token, timestamp, nonce, secret), timestamp, nonce })
  const body = `<xml><ToUserName><![CDATA[${corpId}]]></ToUserName><AgentID><![CDATA[${TEST_APP.agentId}]]></AgentID><Encrypt><![CDATA[${secret}]]></Encrypt></xml>`
  return { url: `/wecom/callback?${query}`, query, secret, body }
}

/** An event's XML, its values as CDATA but for the numbers. */
export function eventXml(fields: Record<string, string | number | readonly string[]>): string {
  const all: typeof fields = {
    ToUserName: TEST_APP.corpId,
    FromUserName: 'sys',
    CreateTime: 1_700_000_000,
    MsgType: 'event',
    ...fields,
  }
  const cdata = (text: string) => `<![CDATA[${text}]]>`
  const parts = Object.entries(all).map(([name, value]) => {
    const inner =
      typeof value === 'number'
        ? String(value)
        : typeof value === 'string'
          ? cdata(value)
          : value.map(item => `<Item>${cdata(item)}</Item>`).join('')
    return `<${name}>${inner}</${name}>`
  })
  return `<xml>${parts.join('')}</xml>`
}
