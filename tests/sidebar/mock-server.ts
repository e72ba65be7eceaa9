/**
 * The sidebar's own calls with demo data, and the built sidebar beside them: for the browser tests, and for looking at
 * screens without the service: `npx vite build && npx tsx tests/sidebar/mock-server.ts`.
 */
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { EarningsSpan } from '../../server/features/earnings/schema.ts'
import type { Session } from '../../server/features/session/schema.ts'
import { policyOf, withSignatures } from '../../server/plugins/sidebar-page.ts'
import * as demo from './demo-data.ts'
import { disputesAbout, filed, settlements, statementsOf, target } from './demo-earnings.ts'
import { buildFriends } from './demo-friends.ts'
import { demoProfile, writtenNote } from './demo-profile.ts'
import { homeCustomers, messageChoice, teamDay } from './demo-home.ts'
import { dayPosts, library, postTick, shelfOf } from './demo-library.ts'
import { changedTask, isTask, tasks } from './demo-tasks.ts'

/** How the next requests to a path are answered instead; `times` 1 unless told, then things go as usual again. */
export interface Fault {
  status: number
  code?: string
  detail?: string
  times?: number
  /** Ends the connection without an answer. */
  isCut?: boolean
}

export interface MockCall {
  method: string
  url: URL
  body: unknown
  accept: string
}

export interface MockServer {
  url: string
  /** `GET /api/v1/session` and the like, in order. */
  calls: string[]
  bodies: Record<string, unknown[]>
  faults: Record<string, Fault>
  delaysMs: Record<string, number>
  hasMiniProgram: boolean
  /** WeCom gives its tickets at once, so the page comes signed, or is with the session. */
  hasTickets: boolean
  /** The page itself comes signed: for its address, or for the one told. */
  signsPage: boolean | string
  hasPosts: boolean
  role: Session['role']
  reset: () => void
  close: () => Promise<void>
}

/** As the service sends it: a page that needs anything inline would fail here as it would there. */
const contentSecurityPolicy =
  "default-src 'self'; script-src 'self'; img-src 'self' data: blob: https:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'"

const demoSignature = {
  corpId: demo.session.corpId,
  agentId: demo.session.agentId,
  timestamp: 1_700_000_000,
  nonceStr: 'demo',
  signature: '0'.repeat(40),
}

/** Stands for WeChat's code: one black pixel, drawn large. */
const demoCode = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==',
  'base64',
)

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/**
 * @param webRoot the build's output
 * @param port 0: any free one
 * @param hasOwnBridge the page brings its own bridge, told by the query (`?entry=single_chat_tools&externalUserid=wm-gold`)
 * @param more calls of another screen: true where it answered
 */
export async function startMockServer(
  webRoot: string,
  port = 0,
  hasOwnBridge = false,
  more: (call: MockCall, response: ServerResponse) => boolean = () => false,
): Promise<MockServer> {
  let friends = buildFriends()
  let shelf: string[] = []
  let used: Record<string, string> = {}
  const mock: MockServer = {
    url: '',
    calls: [],
    bodies: {},
    faults: {},
    delaysMs: {},
    hasMiniProgram: true,
    hasTickets: true,
    signsPage: true,
    hasPosts: false,
    role: 'associate',
    reset() {
      friends = buildFriends()
      shelf = []
      used = {}
      Object.assign(mock, {
        calls: [],
        bodies: {},
        faults: {},
        delaysMs: {},
        hasMiniProgram: true,
        hasTickets: true,
        signsPage: true,
        hasPosts: false,
        role: 'associate',
      })
    },
    close: () =>
      new Promise(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://mock')
    const isOurs = url.pathname.startsWith('/api/') || url.pathname.startsWith('/auth/')
    if (!isOurs) return serveFile(url, request, response)
    const text = await readBody(request)
    mock.calls.push(`${request.method} ${url.pathname}${url.search}`)
    ;(mock.bodies[url.pathname] ??= []).push(text === '' ? null : JSON.parse(text))
    await new Promise(resolve => setTimeout(resolve, mock.delaysMs[url.pathname] ?? 0))
    const fault = mock.faults[url.pathname]
    if (fault && (fault.times ??= 1) > 0) {
      fault.times--
      if (fault.isCut) return void request.socket.destroy()
      return send(response, fault.status, {
        status: fault.status,
        code: fault.code ?? 'mock.fault',
        title: 'mock',
        detail: fault.detail,
      })
    }
    if (
      request.method !== 'GET' &&
      url.pathname.startsWith('/api/') &&
      request.headers['x-daogou-csrf'] !== 'demo-csrf'
    )
      return send(response, 403, { status: 403, code: 'session.csrf', title: 'no token' })
    const method = request.method ?? 'GET'
    const body: unknown = text === '' ? null : JSON.parse(text)
    if (!more({ method, url, body, accept: request.headers.accept ?? '' }, response)) route(method, url, response, body)
  }

  const signaturesOf = (page: string) => ({
    url: mock.url + page,
    config: demoSignature,
    agent_config: demoSignature,
    validSeconds: 3600,
  })

  function route(method: string, url: URL, response: ServerResponse, lastBody: unknown): void {
    const parameter = (name: string) => url.searchParams.get(name) ?? ''
    const cursor = url.searchParams.get('cursor') ?? undefined
    switch (`${method} ${url.pathname}`) {
      case 'GET /auth/wecom/login':
        // Stands for WeCom's page and back again.
        return void response.writeHead(302, { location: parameter('redirect') }).end()
      case 'POST /auth/refresh':
        return send(response, 200, {})
      case 'GET /api/v1/session':
        return send(response, 200, {
          ...demo.session,
          role: mock.role,
          ...(parameter('page') !== '' && mock.hasTickets ? { signatures: signaturesOf(parameter('page')) } : {}),
        })
      case 'POST /api/v1/wecom/signature':
        return send(response, 200, demoSignature)
      case 'GET /api/v1/cards/customer': {
        const id = parameter('externalUserid')
        return send(response, 200, demo.customers[id] ?? demo.unknownCustomer(id))
      }
      case 'GET /api/v1/cards/group': {
        const id = parameter('chatId')
        return send(response, 200, id === demo.group.chatId ? demo.group : demo.unknownGroup(id))
      }
      case 'GET /api/v1/me/coupons':
        return send(response, 200, demo.ownCoupons(parameter('q'), cursor))
      case 'GET /api/v1/me/materials':
        return send(response, 200, library(url.searchParams))
      case 'GET /api/v1/me/shelf':
        return send(response, 200, shelfOf(shelf))
      case 'PUT /api/v1/me/shelf':
        shelf = (lastBody as { skus: string[] }).skus
        return send(response, 200, shelfOf(shelf))
      case 'GET /api/v1/me/posts':
        return send(response, 200, { ...dayPosts(used), ...(mock.hasPosts ? {} : { items: [] }) })
      case 'POST /api/v1/me/posts/p1/used':
        used = { ...used, p1: demo.asOf }
        return send(response, 200, postTick('p1', true))
      case 'POST /api/v1/me/posts/p1/undo':
        used = {}
        return send(response, 200, postTick('p1', false))
      case 'GET /api/v1/catalogue':
        return send(response, 200, demo.catalogue(parameter('query'), cursor))
      case 'GET /api/v1/attainment':
        return send(response, 200, { month: '2026-11', items: [target], nextCursor: null })
      case 'GET /api/v1/disputes': {
        const [, second] = demo.earnings('month', undefined).orders
        return send(response, 200, { items: second ? disputesAbout(second) : [], nextCursor: null })
      }
      case 'POST /api/v1/disputes':
        return send(response, 201, filed(lastBody))
      case 'POST /api/v1/disputes/018f0000-0000-7000-8000-00000000d001/withdraw':
        return send(response, 200, { ...filed(mock.bodies['/api/v1/disputes']?.at(-1)), status: 'withdrawn' })
      case 'GET /api/v1/settlements':
        return send(response, 200, { items: settlements, nextCursor: null })
      case 'GET /api/v1/settlements/2026-10/statements':
      case 'GET /api/v1/settlements/2026-09/statements':
        return send(response, 200, { items: statementsOf(url.pathname.split('/')[4] ?? ''), nextCursor: null })
      case 'GET /api/v1/earnings':
        return send(response, 200, demo.earnings(parameter('span') as EarningsSpan, cursor))
      case 'POST /api/v1/share': {
        const link = `${mock.url}/s/demoA`
        const imgUrl = `${mock.url}/mock/coat.svg`
        return send(response, 201, {
          linkCode: 'demoA',
          url: link,
          miniProgram: mock.hasMiniProgram
            ? { appid: 'wx-demo', title: '羊毛双面大衣', imgUrl, page: 'pages/product.html?scene=demoA' }
            : null,
          link: { title: '羊毛双面大衣', desc: '示例', imgUrl, url: link },
        })
      }
      case 'GET /api/v1/share-links/demoA/mini-program-code':
        return void response.writeHead(200, { 'content-type': 'image/png' }).end(demoCode)
      case 'GET /api/v1/customers/profile':
        return send(response, 200, demoProfile)
      case 'POST /api/v1/customers/phone':
        return send(response, 200, { phone: '13812345678' })
      case 'POST /api/v1/customers/answers':
        return send(response, 200, { ...(lastBody as object), by: demo.session.name, at: demo.asOf })
      case 'POST /api/v1/customers/notes':
        return send(response, 201, writtenNote(lastBody))
      case 'POST /api/v1/tasks':
        return send(response, 201, changedTask('/api/v1/tasks/018f0000-0000-7000-8000-0000000000a3/undo', null))
      case 'GET /api/v1/me/customers':
        return send(response, 200, homeCustomers(url.searchParams))
      case 'GET /api/v1/me/messages':
      case 'PUT /api/v1/me/messages':
        return send(response, 200, messageChoice((lastBody as { kinds: object } | null)?.kinds ?? null))
      case 'GET /api/v1/me/team-day':
        return send(response, 200, teamDay)
      case 'GET /api/v1/tasks':
        return send(response, 200, tasks(cursor))
      case 'POST /api/v1/share/demoA/sent':
        return send(response, 200, { linkCode: 'demoA', sentAt: demo.asOf })
      default: {
        const friend = friends.answer(method, url.pathname, lastBody)
        if (friend) return send(response, 200, friend)
        if (/^\/api\/v1\/customers\/notes\//.test(url.pathname)) {
          return send(response, 200, { ...demoProfile.notes[0]!, isDeleted: url.pathname.endsWith('/delete') })
        }
        if (method === 'POST' && isTask(url.pathname)) return send(response, 200, changedTask(url.pathname, lastBody))
        return send(response, 404, { status: 404, code: 'not_found', title: 'Not found' })
      }
    }
  }

  async function serveFile(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (url.pathname.startsWith('/mock/')) return serveMock(url, response)
    const path = normalize(url.pathname.endsWith('/') ? `${url.pathname}index.html` : url.pathname)
    try {
      let body: Buffer | string = await readFile(join(webRoot, path))
      if (hasOwnBridge && path.endsWith('.html')) {
        const tag = `<script src="/mock/bridge.js${url.search}"></script>`
        body = body.toString().replace('<head>', `<head>${tag}`)
      }
      const isSidebar = path === '/sidebar/index.html'
      if (isSidebar && mock.signsPage && mock.hasTickets) {
        const signed = mock.signsPage === true ? url.pathname + url.search : mock.signsPage
        body = withSignatures(body.toString(), signaturesOf(signed))
      }
      const isPacked = /\bgzip\b/.test(String(request.headers['accept-encoding'])) && extname(path) in types
      response.writeHead(200, {
        'content-type': types[extname(path)] ?? 'application/octet-stream',
        'content-security-policy': isSidebar ? policyOf(contentSecurityPolicy, body.toString()) : contentSecurityPolicy,
        // As the service says it: names of parts change with their content.
        ...(path.startsWith('/assets/') ? { 'cache-control': 'public, max-age=31536000, immutable' } : {}),
        ...(isSidebar ? { 'cache-control': 'private, max-age=600' } : {}),
        ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
      })
      response.end(isPacked ? gzipSync(body) : body)
    } catch {
      send(response, 404, { status: 404, code: 'not_found', title: 'Not found' })
    }
  }

  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Not listening')
  mock.url = `http://127.0.0.1:${address.port}`
  return mock
}

async function serveMock(url: URL, response: ServerResponse): Promise<void> {
  if (url.pathname === '/mock/bridge.js') {
    const setup = { entry: 'single_chat_tools', externalUserid: 'wm-gold', chatId: 'wr-group' }
    const told = JSON.stringify({ ...setup, ...Object.fromEntries(url.searchParams) })
    response.writeHead(200, { 'content-type': types['.js']! })
    return void response.end(`window.daogouBridge = ${told}\n${await readFile(bridgePath, 'utf8')}`)
  }
  const [from, to] = url.pathname.includes('coat') ? ['#e9ddd0', '#cdb8a3'] : ['#d5dfe6', '#a8bccb']
  response.writeHead(200, { 'content-type': types['.svg']! })
  response.end(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><defs><linearGradient id="g" x2="1" y2="1"><stop stop-color="${from}"/><stop offset="1" stop-color="${to}"/></linearGradient></defs><rect width="64" height="64" fill="url(#g)"/></svg>`,
  )
}

export const bridgePath = fileURLToPath(new URL('./bridge.js', import.meta.url))

function send(response: ServerResponse, status: number, body: unknown): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  response.writeHead(status, { 'content-type': type, 'x-request-id': 'req-demo-1' }).end(JSON.stringify(body))
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const webRoot = fileURLToPath(new URL('../../dist/web', import.meta.url))
  const { url } = await startMockServer(webRoot, Number(process.env['PORT'] ?? 8687), true)
  console.log(`${url}/sidebar/`)
  for (const id of Object.keys(demo.customers)) console.log(`${url}/sidebar/?externalUserid=${id}`)
  console.log(`${url}/sidebar/?entry=group_chat_tools`)
  console.log(`${url}/sidebar/?entry=normal`)
}
