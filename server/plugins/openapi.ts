import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'

/** Of what sums over a span, a region, a store: views of headquarters, and their files. */
export const FIGURES_TAG = 'performance'

/** The contract, published from the same schemas that check what comes in. */
export async function openapi(app: FastifyInstance, options: { publicUrl: string }): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Daogou',
        description:
          'Stores, associates, members, touches and orders in; who earns what, and why, out. Money in whole fen, rates in basis points, instants with an offset.',
        version: '1',
      },
      servers: [{ url: options.publicUrl }],
      tags: [
        {
          name: FIGURES_TAG,
          description:
            'Figures over a span. What the database gives up after a minute is answered 422 `figures.too_much`: ask for fewer days, one region or one store.',
        },
      ],
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
  })
  await app.register(swaggerUi, {
    routePrefix: '/api/docs',
    staticCSP: true,
    transformStaticCSP: policy => policy.replace(/base-uri [^;]*/, "base-uri 'none'"),
  })
  app.get('/api/openapi.json', { schema: { hide: true } }, () => app.swagger())
}
