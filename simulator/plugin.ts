/**
 * The simulator on the service's own app, in demo and dev only: the chat shell, the bridge that its sidebar pane needs,
 * and the customer's phone. It reaches the service over HTTP alone.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { answerBridge, bridgeScript } from './bridge.ts'
import type { PhoneAction, PhoneAnswer, SeatChange, ShellChat, ShellState } from './shell-api.ts'
import { readCookies, seatCookie } from './sign-in-pages.ts'
import { Shop, type ShopDescription } from './shop.ts'
import {
  groupKey,
  mainSeatId,
  readChatKey,
  singleKey,
  type Entry,
  type Seat,
  type World,
  type WorldEvent,
} from './world.ts'

export interface SimulatorOptions {
  world: World
  /** Where the service listens, and a key with scope `ingest`: what a mall and a till have. */
  service: { url: string; apiKey: string }
  /** Where `buildWecomApi` listens; the sidebar's frame is sent there to sign in. */
  wecomUrl?: string
  /** What the mall sells; without it the phone shows messages alone. */
  shop?: ShopDescription
  /** The built shell: `index.html` and its assets. Without it `/simulator/` says how to build it. */
  shellDir?: string
  /** Draws `/simulator/images/{sku}.svg`. */
  renderPicture?: (sku: string) => string | undefined
}

type Query = Record<string, string | undefined>

const entries: readonly Entry[] = [
  'contact_profile',
  'single_chat_tools',
  'group_chat_tools',
  'chat_attachment',
  'single_kf_tools',
  'normal',
]

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/**
 * Registers the simulator on the app itself, not beside it: its hook must see the sidebar's pages. Call it before the
 * app is ready.
 */
export async function simulatorPlugin(app: FastifyInstance, options: SimulatorOptions): Promise<void> {
  const { world, service, shop: shopDescription } = options
  const shop = shopDescription ? new Shop({ world, service, shop: shopDescription }) : null
  const streams = new Set<() => void>()

  injectBridge(app)
  servePages(app, options)

  const hidden = { schema: { hide: true } } as { schema: object }

  app.get('/simulator/bridge.js', hidden, (request, reply) => {
    const seat = world.seat(seatIdOf((request.query as Query)['seat']))
    return reply.header('cache-control', 'no-store').type(contentTypes['.js']!).send(bridgeScript(seat))
  })

  app.post('/simulator/api/bridge', hidden, async (request, reply) => {
    const { seatId, pageId, name, params, href } = bodyOf(request)
    const isCall =
      typeof pageId === 'string' && typeof name === 'string' && typeof href === 'string' && URL.canParse(href)
    if (!isCall || !isRecord(params)) return await reply.code(400).send({ error: 'not a bridge call' })
    void reply.header('cache-control', 'no-store')
    return await answerBridge(world, { seatId: seatIdOf(seatId), pageId, name, params, href })
  })

  app.get('/simulator/api/state', hidden, (request, reply) => {
    const seat = world.seat(seatIdOf((request.query as Query)['seat']))
    void reply.header('cache-control', 'no-store').header('set-cookie', seatCookieOf(seat))
    return describe(seat)
  })

  app.post('/simulator/api/seats/:seatId', hidden, (request, reply) => {
    const seat = world.seat(seatIdOf((request.params as Query)['seatId']))
    const change = bodyOf(request) as SeatChange
    if (change.userid !== undefined) {
      if (!world.staff.has(change.userid)) return reply.code(404).send({ error: 'no such member' })
      world.sit(seat.seatId, change.userid)
    }
    if (change.client) Object.assign(seat.client, knownOf(change.client, seat.client))
    if (change.chatKey === null) world.open(seat.seatId, { entry: 'normal' })
    else if (change.chatKey !== undefined) {
      const place = readChatKey(change.chatKey)
      if (!place) return reply.code(404).send({ error: 'no such chat' })
      world.open(seat.seatId, 'chatId' in place ? place : { externalUserid: place.externalUserid })
    }
    if (change.entry !== undefined && entries.includes(change.entry)) seat.entry = change.entry
    return reply.header('set-cookie', seatCookieOf(seat)).send(describe(seat))
  })

  app.get('/simulator/api/messages', hidden, (request, reply) => {
    const { chat } = request.query as Query
    return reply.header('cache-control', 'no-store').send(world.messagesOf(chat ?? ''))
  })

  app.post('/simulator/api/messages', hidden, (request, reply) => {
    const { chatKey, from, text } = bodyOf(request)
    const place = typeof chatKey === 'string' ? readChatKey(chatKey) : null
    const isStaff = typeof from === 'string' && world.staff.has(from)
    const isCustomer = typeof from === 'string' && world.customers.has(from)
    if (!place || (!isStaff && !isCustomer) || typeof text !== 'string' || text.trim() === '') {
      return reply.code(400).send({ error: 'chatKey, from and text are needed' })
    }
    const sender = { kind: isStaff ? ('staff' as const) : ('customer' as const), id: from as string }
    return reply.send(world.say(chatKey as string, sender, { kind: 'text', text: text.trim().slice(0, 2000) }))
  })

  app.post('/simulator/api/confirms/:confirmId', hidden, (request, reply) => {
    const isKnown = world.answerConfirm(
      (request.params as Query)['confirmId'] ?? '',
      bodyOf(request)['isConfirmed'] === true,
    )
    return reply.code(isKnown ? 200 : 404).send({})
  })

  app.post('/simulator/api/faults', hidden, (request, reply) => {
    const { names } = bodyOf(request)
    world.faults.splice(0, world.faults.length)
    for (const name of Array.isArray(names) ? names : []) {
      const fault = namedFaults[String(name)]
      if (fault) world.faults.push({ ...fault })
    }
    const named = new Set(Array.isArray(names) ? names : [])
    world.deliveries.doubled = named.has('events_doubled') ? 1 : 0
    world.deliveries.unheard = named.has('events_unheard') ? 1 / 2 : 0
    return reply.send({ faults: faultNames() })
  })

  app.post('/simulator/api/scan', hidden, (request, reply) => {
    const { url, externalUserid } = bodyOf(request)
    if (typeof url !== 'string' || !URL.canParse(url) || !world.customers.has(String(externalUserid))) {
      return reply.code(404).send({ error: 'no such code, or no such customer' })
    }
    try {
      return reply.send(world.channels.come(url, String(externalUserid)))
    } catch (error) {
      return reply.code(422).send({ error: error instanceof Error ? error.message : String(error) })
    }
  })

  app.get('/simulator/api/phones/:externalUserid', hidden, (request, reply) => {
    const { externalUserid } = request.params as { externalUserid: string }
    if (!world.customers.has(externalUserid)) return reply.code(404).send({ error: 'no such customer' })
    const phone = shop?.phone(externalUserid) ?? { externalUserid, memberNo: null, orders: [] }
    return reply.header('cache-control', 'no-store').send({ phone, steps: [] } satisfies PhoneAnswer)
  })

  app.post('/simulator/api/phones/:externalUserid', hidden, async (request, reply) => {
    const { externalUserid } = request.params as { externalUserid: string }
    if (!shop || !world.customers.has(externalUserid)) return await reply.code(404).send({ error: 'no such customer' })
    try {
      const done = await act(shop, externalUserid, bodyOf(request) as unknown as PhoneAction)
      return await reply.send({ phone: shop.phone(externalUserid), ...done } satisfies PhoneAnswer)
    } catch (error) {
      return await reply.code(422).send({ error: error instanceof Error ? error.message : String(error) })
    }
  })

  app.get('/simulator/api/events', hidden, (request, reply) => {
    const seatId = seatIdOf((request.query as Query)['seat'])
    reply.hijack()
    const { raw } = reply
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    raw.write(': here\n\n')
    const unsubscribe = world.subscribe(event => {
      if (concerns(event, seatId)) raw.write(`data: ${JSON.stringify(event)}\n\n`)
    })
    const end = () => {
      unsubscribe()
      streams.delete(end)
      raw.end()
    }
    streams.add(end)
    raw.on('close', end)
  })
  // An open stream would hold the service back from closing.
  app.addHook('preClose', () => {
    for (const end of streams) end()
    return Promise.resolve()
  })

  await Promise.resolve()

  function describe(seat: Seat): ShellState {
    const chats = world.chatKeysOf(seat.userid).map(chatKey => describeChat(world, chatKey))
    const names = Object.fromEntries([
      ...[...world.staff.values()].map(person => [person.userid, person.name]),
      ...chats.flatMap(chat => chat.customers.map(customer => [customer.externalUserid, customer.name])),
    ])
    return {
      corpName: world.corpName,
      seatId: seat.seatId,
      userid: seat.userid,
      entry: seat.entry,
      chatKey: seat.chatId
        ? groupKey(seat.chatId)
        : seat.externalUserid
          ? singleKey(seat.userid, seat.externalUserid)
          : null,
      client: seat.client,
      staff: [...world.staff.values()].map(person => ({
        userid: person.userid,
        name: person.name,
        note: person.hint || person.position,
      })),
      names,
      chats,
      calls: seat.calls,
      faults: faultNames(),
      appMessages: world.appMessages.of(seat.userid).slice(-20).reverse(),
      shop: shopDescription ?? null,
      signIns: seat.signIns,
    }
  }

  function faultNames(): string[] {
    const faults = Object.keys(namedFaults).filter(name =>
      world.faults.some(
        fault => fault.path === namedFaults[name]!.path && fault.errcode === namedFaults[name]!.errcode,
      ),
    )
    if (world.deliveries.doubled > 0) faults.push('events_doubled')
    if (world.deliveries.unheard > 0) faults.push('events_unheard')
    return faults
  }
}

// Registered on the app itself also where it is given to app.register: a context of its own would hide the pages.
Object.assign(simulatorPlugin, { [Symbol.for('skip-override')]: true })

/** Faults that the shell offers by name; tests push their own into `world.faults`. */
const namedFaults: Record<string, { path: string; errcode?: number; latencyMs?: number }> = {
  untrusted_domain: { path: 'agentConfig', errcode: 50001 },
  bad_signature: { path: 'agentConfig', errcode: 40093 },
  wrong_ticket: { path: 'agentConfig', errcode: 42012 },
  wecom_down: { path: '/cgi-bin', errcode: -1 },
  untrusted_ip: { path: '/cgi-bin', errcode: 60020 },
  no_permission: { path: '/cgi-bin/externalcontact', errcode: 48002 },
  out_of_limit: { path: '/cgi-bin/externalcontact', errcode: 45009 },
  wecom_slow: { path: '/cgi-bin', latencyMs: 3000 },
  slow: { path: 'agentConfig', latencyMs: 4000 },
}

/** Puts the bridge first in the head of the sidebar's pages, for browsers that are a simulated client. */
function injectBridge(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (seatOfPage(request) !== null) {
      // The browser may hold the page without the bridge, and must not be told that it is still good.
      delete request.headers['if-none-match']
      delete request.headers['if-modified-since']
      // What is to be changed must not be packed.
      delete request.headers['accept-encoding']
    }
    done()
  })
  app.addHook('onSend', async (request, reply, payload) => {
    const seatId = seatOfPage(request)
    // The same page is had with the bridge and without, and is built anew while somebody works on it.
    if (isSidebarPage(request)) reply.header('cache-control', 'no-cache')
    if (seatId === null || !String(reply.getHeader('content-type') ?? '').startsWith('text/html')) return payload
    const html = await textOf(payload)
    if (html === null) return payload
    const script = `<script src="/simulator/bridge.js?seat=${encodeURIComponent(seatId)}"></script>`
    const at = /<head[^>]*>/i.exec(html)
    if (!at) return html
    reply.removeHeader('etag').removeHeader('last-modified').removeHeader('content-length')
    void reply.header('cache-control', 'no-store').header('set-cookie', `${seatCookie}=${seatId}; Path=/; SameSite=Lax`)
    const end = at.index + at[0].length
    return html.slice(0, end) + script + html.slice(end)
  })
}

/**
 * The seat that a page of the sidebar is opened at; null where it is an ordinary page. The cookie counts in a frame
 * only: opened in a tab, the sidebar is not in WeCom and must say so.
 */
function seatOfPage(request: FastifyRequest): string | null {
  const [, query = ''] = request.url.split('?')
  if (!isSidebarPage(request) || request.method !== 'GET') return null
  const asked = new URLSearchParams(query).get('sim')
  if (asked !== null) return seatIdOf(asked)
  if (request.headers['sec-fetch-dest'] !== 'iframe') return null
  return seatIdOrNull(readCookies(request.headers.cookie).get(seatCookie))
}

function isSidebarPage({ url }: FastifyRequest): boolean {
  const [path = ''] = url.split('?')
  return path === '/sidebar' || path.startsWith('/sidebar/')
}

async function textOf(payload: unknown): Promise<string | null> {
  if (typeof payload === 'string') return payload
  if (Buffer.isBuffer(payload)) return payload.toString('utf8')
  if (typeof payload !== 'object' || payload === null || !(Symbol.asyncIterator in payload)) return null
  const chunks: Buffer[] = []
  for await (const chunk of payload as AsyncIterable<Buffer | string>) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

/** The shell's own pages. Few and small, so they are read once. */
function servePages(app: FastifyInstance, { shellDir, wecomUrl, renderPicture }: SimulatorOptions): void {
  const files = new Map<string, { type: string; content: Buffer }>()
  if (shellDir !== undefined && existsSync(shellDir)) {
    for (const entry of readdirSync(shellDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const file = join(entry.parentPath, entry.name)
      const type = contentTypes[extname(file)] ?? 'application/octet-stream'
      files.set(relative(shellDir, file).split(sep).join('/'), { type, content: readFileSync(file) })
    }
  }
  const send = (reply: FastifyReply, name: string) => {
    const file = files.get(name)
    if (!file) return reply.code(404).type('text/plain; charset=utf-8').send('not there')
    return reply.header('cache-control', 'no-cache').type(file.type).send(file.content)
  }
  // The frame is sent to WeCom's origin and back when it signs in; a stricter policy of the service would stop it there.
  const frames = ["'self'", ...(wecomUrl ? [new URL(wecomUrl).origin] : [])].join(' ')
  const policy =
    `default-src 'self'; img-src 'self' http: https: data:; object-src 'none'; base-uri 'none'; ` +
    `frame-ancestors 'self'; frame-src ${frames}`
  const hidden = { schema: { hide: true } } as { schema: object }

  app.get('/simulator', hidden, (_request, reply) => reply.redirect('/simulator/', 302))
  app.get('/simulator/', hidden, (_request, reply) => {
    void reply.header('content-security-policy', policy)
    if (files.has('index.html')) return send(reply, 'index.html')
    return reply.code(503).type('text/plain; charset=utf-8').send('模拟器界面尚未构建。\nThe simulator is not built.\n')
  })
  app.get('/simulator/assets/*', hidden, (request, reply) =>
    send(reply, `assets/${(request.params as Record<string, string>)['*'] ?? ''}`),
  )
  app.get('/simulator/images/:name', hidden, (request, reply) => {
    const { name } = request.params as { name: string }
    const picture = name.endsWith('.svg') ? renderPicture?.(name.slice(0, -'.svg'.length)) : undefined
    if (picture === undefined) return reply.code(404).type('text/plain; charset=utf-8').send('not there')
    return reply.header('cache-control', 'public, max-age=86400').type(contentTypes['.svg']!).send(picture)
  })
}

async function act(shop: Shop, externalUserid: string, action: PhoneAction): Promise<Omit<PhoneAnswer, 'phone'>> {
  switch (action.kind) {
    case 'open':
      return await shop.open(externalUserid, action.messageId)
    case 'look':
      return await shop.look(externalUserid, action.sku)
    case 'buy_online':
      return { steps: await shop.buyOnline(externalUserid, action) }
    case 'buy_in_store':
      return { steps: await shop.buyInStore(externalUserid, action) }
    case 'refund':
      return { steps: await shop.refund(externalUserid, action) }
    case 'enrol':
      return { steps: await shop.enrol(externalUserid, action) }
    default:
      throw new Error('no such action')
  }
}

function describeChat(world: World, chatKey: string): ShellChat {
  const place = readChatKey(chatKey)!
  const toCustomer = (externalUserid: string) => {
    const { name, hint, phone } = world.customerOf(externalUserid)
    return { externalUserid, name, hint, hasPhone: phone !== null }
  }
  const lastMessage = world.messagesOf(chatKey).at(-1) ?? null
  if ('chatId' in place) {
    const group = world.groupChats.get(place.chatId)!
    const customers = group.members.filter(member => member.kind === 'customer').map(member => toCustomer(member.id))
    const memberCount = group.members.length
    return { chatKey, kind: 'group', name: group.name, hint: '客户群', customers, memberCount, lastMessage }
  }
  const customer = toCustomer(place.externalUserid)
  return {
    chatKey,
    kind: 'single',
    name: customer.name,
    hint: customer.hint,
    customers: [customer],
    memberCount: 2,
    lastMessage,
  }
}

const concerns = (event: WorldEvent, seatId: string) => !('seatId' in event) || event.seatId === seatId

/** Only what a client has, of the type that it has. */
function knownOf(change: object, client: Seat['client']): Partial<Seat['client']> {
  return Object.fromEntries(
    Object.entries(change).filter(
      ([name, value]) =>
        name in client &&
        typeof value === typeof client[name as keyof typeof client] &&
        (name !== 'version' || /^\d{1,3}(\.\d{1,4}){1,3}$/.test(value as string)),
    ),
  )
}

/** `sim=1` says no more than that there is a simulator: it means the seat that the shell begins with. */
function seatIdOrNull(value: unknown): string | null {
  if (typeof value !== 'string' || !/^[A-Za-z0-9-]{1,32}$/.test(value)) return null
  return value === '1' ? mainSeatId : value
}

const seatIdOf = (value: unknown) => seatIdOrNull(value) ?? mainSeatId

const seatCookieOf = ({ seatId }: Seat) => `${seatCookie}=${seatId}; Path=/; SameSite=Lax`

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const bodyOf = ({ body }: FastifyRequest): Record<string, unknown> => (isRecord(body) ? body : {})
