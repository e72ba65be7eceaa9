import { Ajv } from 'ajv'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Pool } from './database.ts'
import { accountRoutes } from './features/accounts/routes.ts'
import { auditRoutes } from './features/audit/routes.ts'
import { commissionRoutes } from './features/commissions/routes.ts'
import { ingestRoutes } from './features/ingest/routes.ts'
import { isStorableText } from './lib/text.ts'
import { parseInstant, type Instant } from './lib/time.ts'
import type { Vault } from './lib/vault.ts'
import { buildAccess } from './plugins/access.ts'
import { health } from './plugins/health.ts'
import { openapi } from './plugins/openapi.ts'
import { problemDetails } from './plugins/problem-details.ts'
import type { Settings } from './settings.ts'

export interface AppDependencies {
  settings: Settings
  pool: Pool
  vault: Vault
  now: () => Instant
  logger?: FastifyServerOptions['logger']
}

/** The service, ready to listen or to be called by a test. */
export async function buildApp({ settings, pool, vault, now, logger }: AppDependencies): Promise<FastifyInstance> {
  const app = Fastify({
    logger: logger ?? false,
    trustProxy: settings.trustProxy.length > 0 ? settings.trustProxy : false,
    bodyLimit: 1024 * 1024,
    requestTimeout: 60_000,
    routerOptions: { maxParamLength: 512 },
    forceCloseConnections: 'idle',
  })
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? exact : fromText).compile(schema))
  problemDetails(app)
  health(app, { pool })
  await openapi(app, { publicUrl: settings.publicUrl })

  await app.register(
    (api, _options, done) => {
      const access = buildAccess(api, { pool, bootstrapApiKey: settings.bootstrapApiKey })
      ingestRoutes(api, { pool, vault, publicUrl: settings.publicUrl, now, access })
      commissionRoutes(api, { pool, access, now })
      accountRoutes(api, { pool, access, now })
      auditRoutes(api, { pool, access, clock: now })
      done()
    },
    { prefix: '/api/v1' },
  )
  return app
}

/** Bodies are taken as they are: no coercion, no defaults, no fields dropped. */
const exact = newAjv(false)
/** Paths and queries are text; numbers and booleans in them are read as such. */
const fromText = newAjv(true)

function newAjv(coerceTypes: boolean): Ajv {
  const ajv = new Ajv({
    coerceTypes,
    removeAdditional: false,
    allErrors: false,
    strictTypes: false,
    allowUnionTypes: true,
  })
  ajv.addFormat('instant', { type: 'string', validate: (text: string) => parseInstant(text) !== null })
  ajv.addFormat('text', { type: 'string', validate: isStorableText })
  ajv.addFormat('uuid', /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i)
  return ajv
}
