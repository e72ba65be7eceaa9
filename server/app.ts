import { Ajv } from 'ajv'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { Registry } from 'prom-client'
import type { Pool } from './database.ts'
import { accountRoutes } from './features/accounts/routes.ts'
import { activityRoutes } from './features/activity/routes.ts'
import { insertActivity } from './features/activity/service.ts'
import { adjustmentRoutes } from './features/adjustments/routes.ts'
import { attainmentRoutes } from './features/attainment/routes.ts'
import { auditRoutes } from './features/audit/routes.ts'
import { DEFAULT_BRAND_ID } from './features/auth/service.ts'
import { bindingRoutes } from './features/bindings/routes.ts'
import { cardRoutes } from './features/cards/routes.ts'
import { catalogueRoutes } from './features/catalogue/routes.ts'
import { channelCodeRoutes } from './features/channel-codes/routes.ts'
import { commissionRoutes } from './features/commissions/routes.ts'
import { communityRoutes } from './features/community/routes.ts'
import { preparePartitions } from './features/commissions/service.ts'
import { disputeRoutes } from './features/disputes/routes.ts'
import { earningsRoutes } from './features/earnings/routes.ts'
import { handoverRoutes } from './features/handovers/routes.ts'
import { homeRoutes } from './features/home/routes.ts'
import { ingestRoutes } from './features/ingest/routes.ts'
import { mirrorRoutes } from './features/mirror/routes.ts'
import { buildMirror } from './features/mirror/service.ts'
import { friendRoutes } from './features/mirror/tags/routes.ts'
import { noticeRoutes } from './features/notices/routes.ts'
import { profileRoutes } from './features/profiles/routes.ts'
import { riskRoutes } from './features/risks/routes.ts'
import { sessionRoutes, signInRoutes } from './features/session/routes.ts'
import { settlementRoutes } from './features/settlements/routes.ts'
import { taskRoutes } from './features/task-rules/routes.ts'
import { buildClickBuffer, buildPublicLinks } from './features/touches/clicks.ts'
import { shortLinkRoutes } from './features/touches/routes.ts'
import { callbackRoutes, inboxRoutes } from './features/wecom/routes.ts'
import {
  buildInbox,
  buildWecom,
  buildWecomMeter,
  type CallbackKeys,
  type Wecom,
  type WecomMeter,
} from './features/wecom/service.ts'
import { isStorableKey, isStorableText } from './lib/text.ts'
import { parseInstant, type Instant } from './lib/time.ts'
import type { Vault } from './lib/vault.ts'
import { buildAccess } from './plugins/access.ts'
import { health } from './plugins/health.ts'
import { openapi } from './plugins/openapi.ts'
import { problemDetails } from './plugins/problem-details.ts'
import { security } from './plugins/security.ts'
import { web } from './plugins/web.ts'
import type { Settings } from './settings.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route, as `GET /api/v1/orders`: a test holds them against the table of who may call what. */
    routeList: string[]
    /** WeCom as the settings name it, for the workers; null where they do not. */
    wecom: Wecom | null
  }
}

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
  const routeList: string[] = []
  app.decorate('routeList', routeList)
  app.addHook('onRoute', route => {
    for (const method of [route.method].flat()) routeList.push(`${method} ${route.url}`)
  })
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? exact : fromText).compile(schema))
  problemDetails(app)
  const { access, cookies } = await buildAccess(app, { pool, settings, now })
  await security(app, { settings })
  const registry = new Registry()
  health(app, { pool, registry })
  await openapi(app, { publicUrl: settings.publicUrl })

  const meter = buildWecomMeter(registry)
  const wecom = wecomOf({ settings, pool, vault, now, meter })
  app.decorate('wecom', wecom)
  const links = buildPublicLinks(pool)
  const clicks = buildClickBuffer({ pool, now, prepare: instant => preparePartitions(pool, 'touches', [instant]) })
  app.addHook('onClose', () => links.close())

  signInRoutes(app, { pool, settings, wecom, access, cookies, now })
  shortLinkRoutes(app, { settings, links, clicks, cookies, now })
  const callbackKeys = callbackKeysOf(settings)
  const inbox = buildInbox({ pool, vault, brandId: DEFAULT_BRAND_ID, now })
  await callbackRoutes(app, { keys: callbackKeys, inbox, meter, now })
  const mirror =
    wecom &&
    buildMirror({
      pool,
      vault,
      publicUrl: settings.publicUrl,
      wecom,
      brandId: wecom.brandId,
      now,
      onError: error => app.log.warn({ err: error }, 'a contact was not mirrored'),
    })
  await app.register(
    (api, _options, done) => {
      sessionRoutes(api, { pool, settings, wecom, access, cookies, now })
      ingestRoutes(api, { pool, vault, publicUrl: settings.publicUrl, now, access })
      commissionRoutes(api, { pool, access, now })
      accountRoutes(api, { pool, access, now })
      activityRoutes(api, { pool, access })
      inboxRoutes(api, {
        pool,
        access,
        now,
        recordReplay: (tx, { messageId, ...deed }) =>
          insertActivity(tx, { ...deed, action: 'wecom.callback_replayed', subject: `wecom/callbacks/${messageId}` }),
      })
      adjustmentRoutes(api, {
        pool,
        access,
        now,
        prepareLedger: instant => preparePartitions(pool, 'ledger_rows', [instant]),
      })
      bindingRoutes(api, { pool, access, now })
      auditRoutes(api, { pool, access, clock: now })
      cardRoutes(api, { pool, vault, access, mirror, now })
      mirrorRoutes(api, {
        pool,
        vault,
        publicUrl: settings.publicUrl,
        access,
        configured: wecom !== null,
        callbacks: callbackKeys !== null,
        now,
      })
      friendRoutes(api, { pool, vault, publicUrl: settings.publicUrl, wecom, access, now })
      catalogueRoutes(api, {
        pool,
        access,
        publicUrl: settings.publicUrl,
        miniProgramAppId: settings.miniProgram.appId,
        now,
      })
      channelCodeRoutes(api, {
        pool,
        access,
        wecom,
        publicUrl: settings.publicUrl,
        allowedRedirects: settings.allowedRedirects,
        now,
      })
      earningsRoutes(api, { pool, access, now })
      attainmentRoutes(api, { pool, access, now })
      communityRoutes(api, { pool, access, now })
      handoverRoutes(api, { pool, vault, access, publicUrl: settings.publicUrl, now })
      settlementRoutes(api, { pool, access, now })
      noticeRoutes(api, { pool, access, now })
      disputeRoutes(api, { pool, access, now })
      riskRoutes(api, { pool, access, now })
      profileRoutes(api, { pool, access, now })
      homeRoutes(api, { pool, vault, access, now })
      taskRoutes(api, { pool, vault, publicUrl: settings.publicUrl, access, now })
      done()
    },
    { prefix: '/api/v1' },
  )
  await web(app, { settings })
  return app
}

/** WeCom as the settings name it; null where they do not. */
function wecomOf({
  settings,
  pool,
  vault,
  now,
  meter,
}: Omit<AppDependencies, 'logger'> & { meter: WecomMeter }): Wecom | null {
  const { corpId, agentId, secret, apiUrl } = settings.wecom
  if (corpId === null || agentId === null || secret === null) return null
  return buildWecom({ pool, vault, brandId: DEFAULT_BRAND_ID, app: { corpId, agentId, secret, apiUrl }, meter, now })
}

/** What WeCom's callbacks are sealed with; null where the settings do not say. */
function callbackKeysOf({ wecom }: Settings): CallbackKeys | null {
  const { corpId, callbackToken, callbackAesKey } = wecom
  if (corpId === null || callbackToken === null || callbackAesKey === null) return null
  return { corpId, token: callbackToken, aesKey: callbackAesKey }
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
    useDefaults: false,
  })
  ajv.addFormat('instant', { type: 'string', validate: (text: string) => parseInstant(text) !== null })
  ajv.addFormat('text', { type: 'string', validate: isStorableText })
  ajv.addFormat('key', { type: 'string', validate: isStorableKey })
  ajv.addFormat('uuid', /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i)
  ajv.addFormat('date-time', { type: 'string', validate: (text: string) => parseInstant(text) !== null })
  return ajv
}
