import type { FastifyInstance, FastifyRequest } from 'fastify'
import { tracer, type Span } from '../lib/tracing.ts'

/** Each request as a span, named after its route; everything done for it is a part of it. */
export function traces(app: FastifyInstance): void {
  if (tracer() === null) return
  const spans = new WeakMap<FastifyRequest, Span>()
  app.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url ?? 'none'
    const span = tracer()?.begin(`${request.method} ${route}`, {
      kind: 'server',
      attributes: { 'http.request.method': request.method, 'http.route': route, 'daogou.request_id': request.id },
      carrier: request.headers,
    })
    if (!span) return done()
    spans.set(request, span)
    span.within(done)
  })
  app.addHook('onResponse', (request, reply, done) => {
    const status = reply.statusCode
    spans.get(request)?.end({ attributes: { 'http.response.status_code': status }, isError: status >= 500 })
    done()
  })
}
