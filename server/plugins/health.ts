import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import ipaddr from 'ipaddr.js'
import { collectDefaultMetrics, Histogram, type Registry } from 'prom-client'
import type { Pool } from '../database.ts'
import { AppError } from '../errors.ts'

/** Whether the process lives, whether it can work, and how it does; features add their own figures to the registry. */
export function health(
  app: FastifyInstance,
  options: {
    pool: Pool
    registry: Registry
    /** Opens the figures to whoever has it, and to nobody else; null: to this machine and the private network. */
    metricsToken: string | null
    /** Told of each answer. */
    answered: (route: string, status: number) => void
  },
): void {
  const { registry, metricsToken, answered } = options
  collectDefaultMetrics({ register: registry })
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'How long requests took, by route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  })
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none'
    duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000)
    answered(route, reply.statusCode)
    done()
  })
  // A balancer asks these as often as it likes.
  const asked = { schema: { hide: true }, config: { rateLimit: false } } as const
  app.get('/healthz', asked, () => ({ status: 'alive' }))
  app.get('/readyz', asked, async () => {
    await options.pool`SELECT brand_id FROM brands LIMIT 1`
    return { status: 'ready' }
  })
  app.get('/metrics', asked, async (request, reply) => {
    if (!(metricsToken === null ? isNear(request) : bears(request, metricsToken))) {
      throw new AppError('not_found', 'There is nothing here.')
    }
    return await reply.type(registry.contentType).send(await registry.metrics())
  })
}

const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via']
const NEAR = new Set(['loopback', 'private', 'uniqueLocal', 'linkLocal'])

/** Whether somebody asks from this machine or its network, and not through a proxy, which the public may ask by. */
function isNear(request: FastifyRequest): boolean {
  if (FORWARDED.some(name => request.headers[name] !== undefined)) return false
  const address = request.raw.socket.remoteAddress ?? ''
  return ipaddr.isValid(address) && NEAR.has(ipaddr.process(address).range())
}

function bears(request: FastifyRequest, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(request.headers.authorization ?? ''), digest(`Bearer ${token}`))
}
