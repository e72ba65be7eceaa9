import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import Fastify, { type FastifyInstance } from 'fastify'
import { simulatorPlugin, type SimulatorOptions } from '../../simulator/plugin.ts'
import { signPage } from '../../simulator/signature.ts'
import type { World } from '../../simulator/world.ts'

const sdk = readFileSync(new URL('../../node_modules/@wecom/jssdk/dist/wecom.prod.js', import.meta.url), 'utf8')

/** What the service's policy is like at its strictest. */
const policy = "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; frame-ancestors 'self'"

export interface StubService {
  app: FastifyInstance
  url: string
  /** What came in through the ingest API. */
  received: { call: string; items: Record<string, unknown>[] }[]
  /** What came to /s/. */
  visits: { code: string; cookie: string | undefined; userAgent: string | undefined }[]
  close: () => Promise<void>
}

/**
 * As much of a service as the simulator needs to be tried: a sidebar with the real SDK, signatures, sign-in, short
 * links, and an ingest API that takes anything.
 */
export async function startStubService(
  world: World,
  { wecomUrl, ...options }: Partial<SimulatorOptions> & { wecomUrl?: string } = {},
): Promise<StubService> {
  const app = Fastify({ forceCloseConnections: true })
  const received: StubService['received'] = []
  const visits: StubService['visits'] = []
  app.addHook('onRequest', (_request, reply, done) => {
    reply.raw.setHeader('content-security-policy', policy)
    done()
  })

  app.get('/sidebar/', (_request, reply) =>
    reply
      .header('etag', '"1"')
      .type('text/html; charset=utf-8')
      .send(
        Readable.from([
          '<!doctype html><html><head><meta charset="utf-8"><title>Stub</title>',
          '<script type="module" src="/page.js"></script></head><body><p id="who"></p></body></html>',
        ]),
      ),
  )
  app.get('/sdk.js', (_request, reply) => reply.type('text/javascript').send(sdk))
  app.get('/page.js', (_request, reply) =>
    reply.type('text/javascript').send(`
      import * as ww from '/sdk.js'
      const sign = kind => async url => (await fetch('/sign?kind=' + kind + '&url=' + encodeURIComponent(url))).json()
      Object.assign(window, { ww, sign })
      document.querySelector('#who').textContent = document.cookie.match(/stub_session=([^;]*)/)?.[1] ?? ''
      document.documentElement.dataset.ready = 'yes'`),
  )
  app.get('/sign', request => {
    const { kind, url } = request.query as { kind: string; url: string }
    const { ticket } = world.issueTicket(kind)
    const signed = { nonceStr: 'stub', timestamp: String(Math.floor(world.now() / 1000)) }
    return { ...signed, signature: signPage({ ticket, url, ...signed }) }
  })

  app.get('/auth/wecom/login', (request, reply) => {
    const { redirect } = request.query as { redirect: string }
    const query = new URLSearchParams({
      appid: world.corpId,
      redirect_uri: `${service.url}/auth/wecom/callback?to=${encodeURIComponent(redirect)}`,
      response_type: 'code',
      scope: 'snsapi_base',
      state: 'stub',
      agentid: '1000002',
    })
    return reply.redirect(`${wecomUrl}/connect/oauth2/authorize?${query}`)
  })
  app.get('/auth/wecom/callback', (request, reply) => {
    const { code, to } = request.query as { code: string; to: string }
    const who = world.spendCode(code, '1000002') ?? 'nobody'
    return reply.header('set-cookie', `stub_session=${who}; Path=/; SameSite=Lax`).redirect(to)
  })

  app.get('/s/:code', (request, reply) => {
    const { code } = request.params as { code: string }
    const { cookie, 'user-agent': userAgent } = request.headers
    visits.push({ code, cookie, userAgent })
    if (code === 'gone') return reply.code(410).type('text/html').send('<title>这个链接已失效</title>')
    if (!cookie) void reply.header('set-cookie', 'daogou_visitor=stub-visitor; Path=/; HttpOnly')
    if (code === 'mini') return reply.redirect('http://127.0.0.1:1/wxaurl/mini')
    return reply.redirect(`https://mall.example/products/SKU-1?dg=${code}`)
  })
  app.post('/api/v1/:call', request => {
    const items = request.body as Record<string, unknown>[]
    received.push({ call: (request.params as { call: string }).call, items })
    return items.map((_, i) => ({ key: String(i), status: 'created' }))
  })

  const service: StubService = { app, url: '', received, visits, close: () => app.close() }
  const door = { url: '', apiKey: 'key' }
  await simulatorPlugin(app, { world, service: door, ...(wecomUrl ? { wecomUrl } : {}), ...options })
  service.url = await app.listen({ port: 0, host: '127.0.0.1' })
  door.url = service.url
  for (const agent of world.agents.values()) agent.trustedDomains.push(new URL(service.url).host)
  return service
}
