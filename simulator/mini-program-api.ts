/**
 * WeChat's server API for the mini program, on the origin of the simulated WeCom: tokens, codes, URL links, and the page
 * that such a link opens. It refuses what the real one refuses.
 */
import { createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import type { World } from './world.ts'

/** A URL link that was made. */
export interface MadeUrlLink {
  appId: string
  ticket: string
  path: string
  query: string
  expiresAt: number
}

/** What happened at the API, for tests and for the phone that opens links. */
export class WechatRecord {
  readonly links = new Map<string, MadeUrlLink>()
  readonly codes: { appId: string; page: string; scene: string }[] = []
  readonly tokens = new Map<string, { appId: string; expiresAt: number }>()
  tokensIssued = 0

  /** What an address opens, if it is a URL link that is still good. */
  linkAt(url: string, now: number): MadeUrlLink | null {
    const link = this.links.get(/\/wxaurl\/([\w-]+)/.exec(url)?.[1] ?? '')
    return link && link.expiresAt > now ? link : null
  }
}

const TOKEN_SECONDS = 7200
const LINK_SECONDS_MAX = 30 * 86_400
const CODES_A_MINUTE = 5000
const SCENE = /^[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]+$/
const QUERY = /^[0-9A-Za-z!#$&'()*+,/:;=?@\-._~%]*$/

const words: Record<number, string> = {
  40001: 'invalid credential, access_token is invalid or not latest',
  40013: 'invalid appid',
  40097: 'invalid args',
  40125: 'invalid appsecret',
  40165: 'invalid weapp pagepath',
  40169: 'invalid length for scene, or the data is not json string',
  40212: 'invalid query',
  41001: 'access_token missing',
  41030: 'invalid page',
  42001: 'access_token expired',
  45009: 'reach max api minute limit',
  47001: 'data format error',
}

class Refusal extends Error {
  readonly errcode: number
  constructor(errcode: number) {
    super(words[errcode] ?? 'unknown error')
    this.errcode = errcode
  }
}

type Body = Record<string, unknown>

export function miniProgramApi(app: FastifyInstance, world: World): void {
  const { miniPrograms, wechat, now } = world
  const { tokens } = wechat
  let made = 0
  let minute = { at: 0, calls: 0 }
  /** A text that nobody else has, the same in each run. */
  const make = (purpose: string, length: number) => {
    made += 1
    return createHash('sha256').update(`${purpose}/${made}`).digest('base64url').slice(0, length)
  }

  const bodyOf = (text: unknown): Body => {
    let body: unknown
    try {
      body = JSON.parse(String(text))
    } catch {
      throw new Refusal(47001)
    }
    if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Refusal(47001)
    return body as Body
  }
  const miniProgramOf = (appId: unknown) => {
    const found = miniPrograms.find(each => each.appId === appId)
    if (!found) throw new Refusal(40013)
    return found
  }
  const checkToken = (token: string | undefined) => {
    if (!token) throw new Refusal(41001)
    const known = tokens.get(token)
    if (!known) throw new Refusal(40001)
    if (known.expiresAt <= now()) throw new Refusal(42001)
    return miniProgramOf(known.appId)
  }
  const on = (path: string, handle: (body: Body, query: Record<string, string | undefined>) => unknown) =>
    app.post(path, async (request, reply) => {
      try {
        const answer = handle(bodyOf(request.body), request.query as Record<string, string | undefined>)
        return await reply.type(Buffer.isBuffer(answer) ? 'image/png' : 'application/json').send(answer)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        return await reply.send({ errcode: error.errcode, errmsg: `${error.message} rid: ${make('rid', 8)}` })
      }
    })

  on('/cgi-bin/stable_token', body => {
    const { appId, secret } = miniProgramOf(body['appid'])
    if (body['grant_type'] !== 'client_credential') throw new Refusal(40097)
    if (secret === undefined || body['secret'] !== secret) throw new Refusal(40125)
    // The same token as long as it is good, and a new one in its last five minutes.
    const good = [...tokens].find(([, { appId: of, expiresAt }]) => of === appId && expiresAt - now() >= 300_000)
    const token = good?.[0] ?? make('token', 40)
    if (!good) {
      wechat.tokensIssued += 1
      tokens.set(token, { appId, expiresAt: now() + TOKEN_SECONDS * 1000 })
    }
    return { access_token: token, expires_in: Math.floor((tokens.get(token)!.expiresAt - now()) / 1000) }
  })

  on('/wxa/getwxacodeunlimit', (body, query) => {
    const { appId, pages } = checkToken(query['access_token'])
    const at = Math.floor(now() / 60_000)
    minute = { at, calls: minute.at === at ? minute.calls + 1 : 1 }
    if (minute.calls > CODES_A_MINUTE) throw new Refusal(45009)
    const { scene, page = '', width = 430 } = body
    if (typeof scene !== 'string' || scene.length > 32 || !SCENE.test(scene)) throw new Refusal(40169)
    if (typeof width !== 'number' || width < 280 || width > 1280) throw new Refusal(40097)
    if (typeof page !== 'string' || page.startsWith('/') || page.includes('?')) throw new Refusal(41030)
    if (body['check_path'] !== false && page !== '' && pages && !pages.includes(page)) throw new Refusal(41030)
    wechat.codes.push({ appId, page, scene })
    return drawCode(`${appId}/${page}/${scene}`)
  })

  on('/wxa/generate_urllink', (body, query) => {
    const { appId, pages } = checkToken(query['access_token'])
    const { path = '', query: pageQuery = '' } = body
    if (typeof path !== 'string' || path.includes('?')) throw new Refusal(40165)
    const page = path.replace(/^\//, '')
    if (page !== '' && pages && !pages.includes(page)) throw new Refusal(40165)
    if (typeof pageQuery !== 'string' || pageQuery.length > 1024 || !QUERY.test(pageQuery)) throw new Refusal(40212)
    const seconds = Math.floor(now() / 1000)
    const until = body['expire_type'] === 1 ? seconds + Number(body['expire_interval']) * 86_400 : body['expire_time']
    if (typeof until !== 'number' || !(until > seconds && until <= seconds + LINK_SECONDS_MAX)) throw new Refusal(40097)
    const ticket = make('url link', 11)
    wechat.links.set(ticket, { appId, ticket, path: page, query: pageQuery, expiresAt: until * 1000 })
    // The real ones are at https://wxaurl.cn; whoever follows this one comes to the page below.
    return { errcode: 0, errmsg: 'ok', url_link: `${originOf(app)}/wxaurl/${ticket}` }
  })

  app.get('/wxaurl/:ticket', (request, reply) => {
    const { ticket } = request.params as { ticket: string }
    const link = wechat.linkAt(`/wxaurl/${ticket}`, now())
    const text = link ? `打开小程序 ${link.path}?${link.query}` : '链接已失效'
    return reply
      .code(link ? 200 : 404)
      .type('text/html; charset=utf-8')
      .send(`<!doctype html><meta charset="utf-8"><title>URL Link</title><p>${escape(text)}`)
  })
}

const escape = (text: string) => text.replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)

function originOf(app: FastifyInstance): string {
  const address = app.server.address()
  return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : 'https://wxaurl.cn'
}

// -------------------------------------------------------------------------------------------------- a picture

const SIZE = 280
const RAYS = 36

/** Rays around a round middle, as WeChat's codes have; which are long says what it stands for. Nobody can scan it. */
function drawCode(text: string): Buffer {
  const bits = createHash('sha256').update(text).digest()
  const isInk = (x: number, y: number): boolean => {
    const [u, v] = [x - SIZE / 2, y - SIZE / 2]
    const distance = Math.hypot(u, v) / (SIZE / 2)
    if (distance < 0.34) return distance > 0.28
    const turn = ((Math.atan2(v, u) / (2 * Math.PI) + 1) % 1) * RAYS
    if (turn % 1 > 0.55 || distance > 0.94) return false
    const ring = Math.floor((distance - 0.34) / 0.12)
    const bit = (Math.floor(turn) * 5 + ring) % 256
    return ring === 0 || ((bits[bit >> 3]! >> (bit & 7)) & 1) === 1
  }
  const rows = Buffer.alloc(SIZE * (1 + SIZE), 255)
  for (let y = 0; y < SIZE; y++) {
    rows[y * (1 + SIZE)] = 0
    for (let x = 0; x < SIZE; x++) if (isInk(x, y)) rows[y * (1 + SIZE) + 1 + x] = 0
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(SIZE, 0)
  header.writeUInt32BE(SIZE, 4)
  header.set([8, 0, 0, 0, 0], 8) // 8 bits, grey
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}

function crc32(bytes: Buffer): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}
