import { join } from 'node:path'
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
import { DEFAULT_BRAND_ID, DEFAULT_BRAND_SLUG } from './features/auth/service.ts'
import { bindingRoutes } from './features/bindings/routes.ts'
import { openBrands, type Brands } from './features/brands/service.ts'
import { cardRoutes } from './features/cards/routes.ts'
import { catalogueRoutes } from './features/catalogue/routes.ts'
import { channelCodeRoutes } from './features/channel-codes/routes.ts'
import { commissionRoutes } from './features/commissions/routes.ts'
import { communityRoutes } from './features/community/routes.ts'
import { peopleRoutes } from './features/people/routes.ts'
import { performanceRoutes } from './features/performance/routes.ts'
import { preparePartitions } from './features/commissions/service.ts'
import { couponRoutes } from './features/coupons/routes.ts'
import { drillDownRoutes } from './features/drill-down/routes.ts'
import { disputeRoutes } from './features/disputes/routes.ts'
import { doctorRoutes } from './features/doctor/routes.ts'
import { earningsRoutes } from './features/earnings/routes.ts'
import { handoverRoutes } from './features/handovers/routes.ts'
import { homeRoutes } from './features/home/routes.ts'
import { importRoutes } from './features/imports/runs/routes.ts'
import { ingestRoutes } from './features/ingest/routes.ts'
import { buildIntakeMeter } from './features/ingest/service.ts'
import { keyRoutes } from './features/keys/routes.ts'
import { buildLimits } from './features/limits/service.ts'
import { messageRoutes } from './features/messages/routes.ts'
import { miniProgramRoutes } from './features/mini-program/routes.ts'
import { openMiniPrograms, type MiniProgramOf } from './features/mini-program/service.ts'
import { materialRoutes } from './features/materials/routes.ts'
import { mirrorRoutes } from './features/mirror/routes.ts'
import { buildMirror, type Mirror } from './features/mirror/service.ts'
import { friendRoutes } from './features/mirror/tags/routes.ts'
import { buildMonitor, type Monitor } from './features/monitoring/service.ts'
import { noticeRoutes } from './features/notices/routes.ts'
import { planDraftRoutes } from './features/plan-drafts/routes.ts'
import { postRoutes } from './features/posts/routes.ts'
import { privacyRoutes } from './features/privacy/routes.ts'
import { profileRoutes } from './features/profiles/routes.ts'
import { visibilityRoutes } from './features/visibility/routes.ts'
import { webhookRoutes } from './features/webhooks/routes.ts'
import { buildGate } from './features/webhooks/service.ts'
import { riskRoutes } from './features/risks/routes.ts'
import { sessionRoutes, signInRoutes } from './features/session/routes.ts'
import { pageSigner } from './features/session/service.ts'
import { settlementRoutes } from './features/settlements/routes.ts'
import { taskRoutes } from './features/task-rules/routes.ts'
import { buildClickBuffer, buildPublicLinks } from './features/touches/clicks.ts'
import { shortLinkRoutes } from './features/touches/routes.ts'
import { transferRoutes } from './features/transfers/routes.ts'
import { callbackRoutes, inboxRoutes } from './features/wecom/routes.ts'
import { buildWecomMeter, type Wecom, type WecomOf } from './features/wecom/service.ts'
import { isStorableKey, isStorableText } from './lib/text.ts'
import { MINUTE_MS, parseInstant, type Instant } from './lib/time.ts'
import { createObjectStore } from './lib/object-store.ts'
import type { Vault } from './lib/vault.ts'
import { buildAccess } from './plugins/access.ts'
import { health } from './plugins/health.ts'
import { leaving } from './plugins/leaving.ts'
import { openapi } from './plugins/openapi.ts'
import { problemDetails, refuseAddress } from './plugins/problem-details.ts'
import { headersOfRefusal, security } from './plugins/security.ts'
import { traces } from './plugins/traces.ts'
import { web, webFolder } from './plugins/web.ts'
import { followReplica, readFromPrimary } from './replica.ts'
import type { Settings } from './settings.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route, as `GET /api/v1/orders`: a test holds them against the table of who may call what. */
    routeList: string[]
    /** Takes no new connections, and waits until those that are open have gone. */
    leave(): Promise<void>
    /** The brands of the service, each with its WeCom. */
    brands: Brands
    /** WeCom as the default brand has it; null where the settings do not name it. */
    wecom: Wecom | null
    /** Counts what the workers, which are started elsewhere, fail at. */
    monitor: Monitor
    /** Each brand's mini program; null where its settings name none. */
    miniProgramOf: MiniProgramOf
  }
}

export interface AppDependencies {
  settings: Settings
  pool: Pool
  /** Where figures are read that may take a minute; where nobody else would wait for them it is the same. */
  figures?: Pool
  vault: Vault
  now: () => Instant
  logger?: FastifyServerOptions['logger']
  /** Where the built pages lie; the build's own place unless told. */
  webRoot?: string
}

/** The service, ready to listen or to be called by a test. */
export async function buildApp({
  settings,
  pool,
  figures = pool,
  vault,
  now,
  logger,
  webRoot,
}: AppDependencies): Promise<FastifyInstance> {
  const app = Fastify({
    logger: logger ?? false,
    trustProxy: settings.trustProxy.length > 0 ? settings.trustProxy : false,
    bodyLimit: 1024 * 1024,
    // Whoever sends slowly, or does not read what he asked for, may not keep a connection for ever.
    http: { headersTimeout: 15_000, connectionsCheckingInterval: 5000 },
    requestTimeout: 60_000,
    connectionTimeout: 5 * MINUTE_MS,
    routerOptions: { maxParamLength: 512 },
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) =>
      refuseAddress(error, request, reply.headers(headersOfRefusal(settings))),
  })
  const routeList: string[] = []
  app.decorate('routeList', routeList)
  app.addHook('onRoute', route => {
    for (const method of [route.method].flat()) routeList.push(`${method} ${route.url}`)
  })
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? exact : fromText).compile(schema))
  // A form of another site can send text: nothing of ours reads it.
  app.removeContentTypeParser('text/plain')
  traces(app)
  problemDetails(app)
  app.decorate('leave', leaving(app))
  const registry = new Registry()
  const meter = buildWecomMeter(registry)
  const brands = await openBrands({
    pool,
    vault,
    settings,
    meter,
    now,
    onError: error => app.log.warn({ err: error }, 'the brands were not read'),
  })
  app.addHook('onClose', () => brands.close())
  const wecomOf: WecomOf = brandId => brands.find(brandId)?.wecom ?? null
  app.decorate('brands', brands)
  app.decorate('wecom', wecomOf(DEFAULT_BRAND_ID))
  const miniProgramOf = openMiniPrograms({
    pool,
    vault,
    apiUrl: settings.miniProgram.apiUrl,
    brandOf: brandId => brands.find(brandId),
    meter,
    now,
    onError: error => app.log.warn({ err: error }, 'WeChat gave no link to the mini program'),
  })
  app.decorate('miniProgramOf', miniProgramOf)
  const limits = buildLimits({
    pool,
    max: settings.rateLimit,
    now,
    onError: error => app.log.warn({ err: error }, 'the other processes were not told who asks how often'),
  })
  const { access, cookies } = await buildAccess(app, {
    pool,
    settings,
    limits,
    headquartersOf: brandId => brands.find(brandId)?.headquarters ?? [],
    now,
  })
  await security(app, { settings, limits, personOf: request => cookies.associateOf(request) })
  const monitor = buildMonitor({ pool, registry, now })
  app.decorate('monitor', monitor)
  health(app, {
    pool,
    registry,
    metricsToken: settings.metricsToken,
    answered: (route, status) => monitor.answered(route, status),
  })
  await openapi(app, { publicUrl: settings.publicUrl })

  const reader =
    settings.databaseReplicaUrl === null
      ? readFromPrimary(figures)
      : followReplica({
          url: settings.databaseReplicaUrl,
          primary: pool,
          figures,
          registry,
          onError: error => app.log.warn({ err: error }, 'the replica cannot be read; figures come from the primary'),
        })
  app.addHook('onClose', () => reader.close())
  const links = buildPublicLinks(pool)
  const clicks = buildClickBuffer({
    pool,
    vault,
    spoolFolder: join(settings.dataDir, 'spool'),
    registry,
    now,
    prepare: instants => preparePartitions(pool, 'touches', instants),
    onError: (error, text) => app.log.error({ err: error }, text),
  })
  app.addHook('onClose', () => clicks.close())
  app.addHook('onClose', () => links.close())
  const intake = buildIntakeMeter({
    pool,
    onError: error => app.log.warn({ err: error }, 'what came in was not counted'),
  })
  app.addHook('onClose', () => intake.flush())

  signInRoutes(app, { pool, settings, brands, access, cookies, limits, now })
  shortLinkRoutes(app, {
    settings,
    links,
    clicks,
    cookies,
    limits,
    miniProgramUrl: async (link, options) => (await miniProgramOf(link.brandId)?.urlOf(link, options)) ?? null,
    now,
  })
  await callbackRoutes(app, { receiverOf: (slug = DEFAULT_BRAND_SLUG) => brands.bySlug(slug), meter, now })
  const mirrors = new WeakMap<Wecom, Mirror>()
  const mirrorOf = (brandId: number): Mirror | null => {
    const wecom = wecomOf(brandId)
    if (!wecom) return null
    const kept = mirrors.get(wecom)
    if (kept) return kept
    const mirror = buildMirror({
      pool,
      vault,
      publicUrl: settings.publicUrl,
      wecom,
      brandId,
      now,
      onError: error => app.log.warn({ err: error }, 'a contact was not mirrored'),
    })
    mirrors.set(wecom, mirror)
    return mirror
  }
  await app.register(
    (api, _options, done) => {
      sessionRoutes(api, { pool, settings, brands, access, now })
      ingestRoutes(api, {
        pool,
        vault,
        publicUrl: settings.publicUrl,
        intake: monitor.countRejects(intake),
        now,
        access,
      })
      commissionRoutes(api, { pool, access, now })
      planDraftRoutes(api, { pool, access, now })
      accountRoutes(api, { pool, access, now })
      activityRoutes(api, { pool, access, now })
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
      cardRoutes(api, { pool, vault, access, mirrorOf, now })
      mirrorRoutes(api, {
        pool,
        vault,
        publicUrl: settings.publicUrl,
        access,
        limits,
        setupOf: brandId => ({
          configured: wecomOf(brandId) !== null,
          callbacks: (brands.find(brandId)?.callbackKeys ?? null) !== null,
        }),
        now,
      })
      friendRoutes(api, { pool, vault, publicUrl: settings.publicUrl, wecomOf, access, now })
      catalogueRoutes(api, {
        pool,
        access,
        publicUrl: settings.publicUrl,
        miniProgramAppIdOf: brandId => brands.find(brandId)?.miniProgram.appId ?? null,
        now,
      })
      couponRoutes(api, { pool, access, now })
      miniProgramRoutes(api, { pool, access, publicUrl: settings.publicUrl, miniProgramOf, now })
      materialRoutes(api, {
        pool,
        objects: settings.objectStore && createObjectStore(settings.objectStore),
        access,
        now,
      })
      postRoutes(api, { pool, access, now })
      channelCodeRoutes(api, {
        pool,
        access,
        wecomOf,
        publicUrl: settings.publicUrl,
        allowedRedirects: settings.allowedRedirects,
        now,
      })
      earningsRoutes(api, { pool, access, now })
      attainmentRoutes(api, { pool, access, now })
      communityRoutes(api, { pool, reader, access, now })
      performanceRoutes(api, { pool, reader, access, now })
      drillDownRoutes(api, { pool, reader, access, now })
      peopleRoutes(api, { pool, vault, publicUrl: settings.publicUrl, access, now })
      handoverRoutes(api, { pool, vault, access, publicUrl: settings.publicUrl, now })
      transferRoutes(api, { pool, vault, access, publicUrl: settings.publicUrl, wecomOf, now })
      settlementRoutes(api, { pool, access, now })
      noticeRoutes(api, { pool, access, now })
      messageRoutes(api, { pool, access, now })
      disputeRoutes(api, { pool, access, now })
      riskRoutes(api, { pool, access, now })
      profileRoutes(api, { pool, access, now })
      privacyRoutes(api, { pool, vault, access, now })
      visibilityRoutes(api, { pool, vault, access, now })
      doctorRoutes(api, { pool, vault, settings, brandOf: brandId => brands.find(brandId), access, now })
      importRoutes(api, { pool, access, now })
      keyRoutes(api, { pool, access, now })
      webhookRoutes(api, { pool, vault, gate: buildGate({ privateHosts: settings.webhookPrivateHosts }), access, now })
      homeRoutes(api, { pool, vault, access, now })
      taskRoutes(api, { pool, vault, publicUrl: settings.publicUrl, access, now })
      done()
    },
    { prefix: '/api/v1' },
  )
  await web(app, {
    root: webRoot ?? webFolder(),
    verifyFiles: () => brands.all().flatMap(brand => brand.verifyFile ?? []),
    signerOf: pageSigner({ brands, publicUrl: settings.publicUrl, now }),
    now,
  })
  return app
}

/** Bodies are taken as they are: no coercion, no defaults, no fields dropped. */
const exact = newAjv(false)
/** Paths and queries are text; numbers and booleans in them are read as such. */
const fromText = newAjv(true)

function newAjv(coerceTypes: boolean): Ajv {
  const ajv = new Ajv({
    coerceTypes,
    // `1e400` in an address becomes Infinity: it has to meet the bounds, which a strict check leaves out.
    strictNumbers: !coerceTypes,
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
