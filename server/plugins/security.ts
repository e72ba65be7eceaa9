import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { createHash } from 'node:crypto'
import { AppError } from '../errors.ts'
import type { Settings } from '../settings.ts'

/** WeCom's desktop client shows the sidebar in a frame of its own pages. */
const WECOM_FRAMES = ['https://*.work.weixin.qq.com', 'https://work.weixin.qq.com', 'https://*.weixin.qq.com']

/** Headers that hold browsers to what our pages need, and a limit on how often somebody may ask. */
export async function security(app: FastifyInstance, options: { settings: Settings }): Promise<void> {
  const { settings } = options
  const isSecure = settings.publicUrl.startsWith('https:')
  await app.register(helmet, {
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
    hsts: isSecure ? { maxAge: 31_536_000 } : false,
    crossOriginEmbedderPolicy: false,
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    referrerPolicy: { policy: 'strict-origin-when-cross-origin' },
  })
  if (settings.rateLimit > 0) {
    await app.register(rateLimit, {
      max: settings.rateLimit,
      timeWindow: '1 minute',
      // A key or a session by its hash, else the address.
      keyGenerator: request => {
        const credential = request.headers.authorization ?? request.cookies?.['daogou_access']
        return credential === undefined ? request.ip : createHash('sha256').update(credential).digest('base64url')
      },
      errorResponseBuilder: (_request, context) =>
        new AppError('rate_limited', `Too many requests; come again in ${context.after}.`),
    })
  }
}
