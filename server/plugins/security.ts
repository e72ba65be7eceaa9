import helmet, { type FastifyHelmetOptions } from '@fastify/helmet'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { addressOf, tooMany, type Limits } from '../features/limits/service.ts'
import type { Settings } from '../settings.ts'

/** WeCom's desktop client shows the sidebar in a frame of its own pages. */
const WECOM_FRAMES = ['https://*.work.weixin.qq.com', 'https://work.weixin.qq.com', 'https://*.weixin.qq.com']

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whoever asks this may ask as often as he likes. */
    rateLimit?: false
  }
}

const HSTS_SECONDS = 31_536_000

/** What an answer says where no plugin is asked: to an address that cannot be read. */
export function headersOfRefusal({ publicUrl }: Settings): Record<string, string> {
  return {
    'content-security-policy': "default-src 'none';base-uri 'none';object-src 'none';frame-ancestors 'self'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'strict-origin-when-cross-origin',
    'cache-control': 'no-store',
    ...(publicUrl.startsWith('https:')
      ? { 'strict-transport-security': `max-age=${HSTS_SECONDS}; includeSubDomains` }
      : {}),
  }
}

/** Headers that hold browsers to what our pages need, and a limit on how often somebody may ask. */
export async function security(
  app: FastifyInstance,
  options: {
    settings: Settings
    limits: Limits
    /** Who signed in with this browser, without asking the database. */
    personOf: (request: FastifyRequest) => string | null
  },
): Promise<void> {
  const { settings, limits, personOf } = options
  const isSecure = settings.publicUrl.startsWith('https:')
  const headers = await askHelmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'https:', 'data:', 'blob:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'self'", ...WECOM_FRAMES],
        ...(isSecure ? { upgradeInsecureRequests: [] } : {}),
      },
    },
    // frame-ancestors says it better, and knows more than one origin.
    frameguard: false,
    hsts: isSecure ? { maxAge: HSTS_SECONDS } : false,
    crossOriginEmbedderPolicy: false,
    // What anybody may show says so itself (below).
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'strict-origin-when-cross-origin' },
  })
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    // Answers are somebody's; what may be kept says so itself.
    const cached = String(reply.getHeader('cache-control') ?? '')
    if (cached === '') reply.header('cache-control', 'no-store')
    // Pictures are shown by WeCom and by malls.
    const type = String(reply.getHeader('content-type') ?? '')
    if (cached.startsWith('public') && type.startsWith('image/')) {
      reply.header('cross-origin-resource-policy', 'cross-origin')
    }
    done()
  })
  /** A key or a person where we know them; whatever else is sent along is the address's. */
  const nameOf = (request: FastifyRequest): string => {
    const { authorization } = request.headers
    if (authorization !== undefined && limits.isRight(authorization)) return `key ${authorization}`
    return personOf(request) ?? addressOf(request.ip)
  }
  if (settings.rateLimit > 0) {
    app.addHook('onRequest', (request, reply, done) => {
      if (request.routeOptions.config.rateLimit === false) return done()
      const { isOver, max, left, secondsLeft } = limits.count(nameOf(request))
      void reply.header('x-ratelimit-limit', max)
      void reply.header('x-ratelimit-remaining', left)
      void reply.header('x-ratelimit-reset', secondsLeft)
      done(isOver ? tooMany(secondsLeft) : undefined)
    })
  }
}

/** The headers that helmet gives to every answer. They are the same for all, so it is asked once. */
async function askHelmet(options: FastifyHelmetOptions): Promise<Record<string, string>> {
  const app = Fastify()
  await app.register(helmet, options)
  app.get('/', (_request, reply) => reply.send(reply.raw.getHeaders()))
  const answer = await app.inject('/')
  await app.close()
  return answer.json()
}
