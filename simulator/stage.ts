import type { FastifyInstance } from 'fastify'
import { buildApp } from '../server/app.ts'
import { openData } from '../server/open.ts'
import { refreshStatistics } from '../server/features/rollups/service.ts'
import { tendTasks } from '../server/features/task-rules/service.ts'
import { readSettings, type Settings } from '../server/settings.ts'
import { startWorkers } from '../server/workers/all.ts'
import { drawMaterial, makeMaterials, makePosts } from './brand/content.ts'
import { makeDraft, makeRefusedOrders } from './brand/drafts.ts'
import type { Brand } from './brand/generate.ts'
import { renderPicture } from './brand/pictures.ts'
import { questionnaire } from './brand/questionnaire.ts'
import { sendBrand, type SendProgress } from './brand/send.ts'
import { makeTaskRules } from './brand/task-rules.ts'
import { makeTransfer } from './brand/transfers.ts'
import { shellDir } from './build.ts'
import { startCallbacks } from './callbacks.ts'
import {
  castOf,
  DEMO_APP,
  DEMO_CALLBACK,
  DEMO_MINI_PROGRAM,
  describeShop,
  describeWorld,
  type DemoCast,
} from './demo-world.ts'
import { startSimulator } from './listen.ts'
import { simulatorPlugin } from './plugin.ts'
import { createWorld, type World } from './world.ts'

/** Not a secret: the demo listens on this machine alone. */
export const DEMO_KEY = 'demo-key'

export interface Stage {
  app: FastifyInstance
  world: World
  cast: DemoCast
  url: string
  close(): Promise<void>
}

/**
 * The whole product on one machine: the service with its worker, a simulated WeCom on the next port, the chat shell on
 * the service's own, and the brand in the database. Demo, dev and browser tests stand on it.
 */
export async function setStage(options: {
  brand: Brand
  port: number
  /** What the settings do not say themselves: DATABASE_URL, DATA_DIR, … */
  env: Record<string, string | undefined>
  say: (text: string) => void
  onProgress?: (progress: SendProgress) => void
}): Promise<Stage> {
  const { brand, port, say } = options
  const url = `http://127.0.0.1:${port}`
  const publicUrl = options.env['PUBLIC_URL'] ?? url
  const wecomPort = Number(options.env['DEMO_WECOM_PORT'] ?? port + 1)
  const wecomUrl = `http://127.0.0.1:${wecomPort}`
  const settings = readSettings({
    BRAND_NAME: brand.name,
    LOG_LEVEL: 'warn',
    BOOTSTRAP_API_KEY: DEMO_KEY,
    WECOM_CORP_ID: DEMO_APP.corpId,
    WECOM_AGENT_ID: DEMO_APP.agentId,
    WECOM_SECRET: DEMO_APP.secret,
    WECOM_CALLBACK_TOKEN: DEMO_CALLBACK.token,
    WECOM_CALLBACK_AES_KEY: DEMO_CALLBACK.aesKey,
    MINIPROGRAM_APP_ID: DEMO_MINI_PROGRAM.appId,
    MINIPROGRAM_SECRET: DEMO_MINI_PROGRAM.secret,
    ...options.env,
    PORT: String(port),
    PUBLIC_URL: publicUrl,
    WECOM_API_URL: wecomUrl,
    MINIPROGRAM_API_URL: wecomUrl,
    WECOM_AUTHORIZE_URL: `${wecomUrl}/connect/oauth2/authorize`,
    WECOM_SCAN_LOGIN_URL: `${wecomUrl}/wwlogin/sso/login`,
  })
  say('启动数据库 Starting the database')
  const data = await openData(settings, { log: () => {} })
  const cast = castOf(brand)
  const trustedHosts = [new URL(publicUrl).host, new URL(url).host]
  const world = createWorld(describeWorld(brand, cast, { trustedHosts, now: Date.now() }))
  world.sit('main', brand.people.associate)
  world.open('main', { externalUserid: cast.goldMember.externalUserid })
  const wecom = await startSimulator({ world, port: wecomPort })
  const app = await buildApp({
    settings,
    pool: data.pool,
    figures: data.figures,
    vault: data.vault,
    now: Date.now,
    logger: { level: settings.logLevel },
  })
  await simulatorPlugin(app, {
    world,
    service: { url, apiKey: DEMO_KEY },
    wecomUrl,
    shop: describeShop(brand),
    shellDir,
    renderPicture,
  })
  const workers = startWorkers({
    data,
    settings,
    brands: app.brands,
    miniProgramOf: app.miniProgramOf,
    threads: null,
    warn: (error, text) => app.log.warn({ err: error }, text),
  })
  await app.listen({ port, host: settings.host })
  const endCallbacks = startCallbacks(world, { url: `${url}/wecom/callback`, ...callbackKeysOf(settings) })
  await loadBrand(brand, { url, onProgress: options.onProgress ?? (() => {}) })
  say('计算提成 Booking what follows')
  await settled(url)
  await loadSettings(brand, { cast, world, url })
  // What was loaded in one go is looked at before the planner has heard of it.
  for (let tables = 0; tables < 50 && (await refreshStatistics(data.pool)) !== null; tables++);
  await tendTasks(data.pool, { clock: Date.now, isStopped: () => false })
  return {
    app,
    world,
    cast,
    url,
    async close() {
      await endCallbacks()
      await app.close()
      await workers.stop()
      await wecom.close()
      await data.close()
    },
  }
}

/** What the service was told, also where the environment says otherwise. */
const callbackKeysOf = ({ wecom }: Settings) => ({
  token: wecom.callbackToken ?? '',
  aesKey: wecom.callbackAesKey ?? '',
})

/** Sends the brand through the door that malls and tills use, where it is not there yet. */
async function loadBrand(
  brand: Brand,
  options: { url: string; onProgress: (progress: SendProgress) => void },
): Promise<void> {
  const door = { url: options.url, apiKey: DEMO_KEY, onProgress: options.onProgress }
  const last = brand.orders.at(-1)
  if (last && (await isThere(options.url, last))) return
  const { orders, refunds, lateIdentities, overrides } = brand
  const before = { ...brand, orders: [], refunds: [], lateIdentities: [], overrides: [] }
  await sendBrand(before, door)
  // Touches that are worked on before the first order comes need not be looked at again for each one.
  await settled(options.url)
  await sendBrand({ ...emptied(before), orders, refunds, lateIdentities, overrides }, door)
}

/** What headquarters set up, where nothing is yet. */
async function loadSettings(
  brand: Brand,
  { cast, world, url }: { cast: DemoCast; world: World; url: string },
): Promise<void> {
  const ask = askerOf(url)
  if ((await ask('GET', 'task-rules?limit=1')).items.length > 0) return
  await ask('PUT', 'settings/questionnaire', questionnaire)
  // Whoever looks at the demo may do so at any hour.
  const messages = (await ask('GET', 'settings/messages')) as unknown as Record<string, unknown>
  const { kinds, digestAbove, digestMinutes } = messages
  await ask('PUT', 'settings/messages', { quietFrom: '00:00', quietTo: '00:00', kinds, digestAbove, digestMinutes })
  for (const rule of makeTaskRules(Date.now())) await ask('POST', 'task-rules', rule)
  for (const { hue, body } of makeMaterials(Date.now())) {
    const picture = (await ask('POST', 'materials/pictures', drawMaterial(hue))) as unknown as { url: string }
    await ask('POST', 'materials', { ...body, pictures: [picture.url] })
  }
  for (const post of makePosts(Date.now())) await ask('POST', 'posts', post)
  // What a till and a mall get wrong now and then waits under what was refused.
  await ask('POST', 'orders', makeRefusedOrders(Date.now()))
  const { plan, span } = makeDraft(brand.plans.at(-1)!, Date.now())
  await ask('PUT', `plans/drafts/${encodeURIComponent('明年方案（演示）')}`, {
    revision: 0,
    content: plan,
    basedOn: { code: plan.code, version: plan.version - 1 },
  })
  await ask('POST', 'plans/backtest', { plan, ...span })
  if (cast.leaver) await loadTransfer(cast.leaver, world, url)
}

/** How long it may take until the service knows WeCom's customers and has begun to hand them over. */
const TRANSFER_MS = 120_000

/**
 * Whose associate left is given to a colleague in WeCom. One of them refuses; the others may do so for a day.
 */
async function loadTransfer(leaver: NonNullable<DemoCast['leaver']>, world: World, url: string): Promise<void> {
  const ask = askerOf(url)
  const until = async (isSo: () => Promise<boolean>) => {
    for (const end = Date.now() + TRANSFER_MS; !(await isSo());) {
      if (Date.now() > end) throw new Error('the demo’s customers were not handed over in time')
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
  // Whose customers they are, the service knows of WeCom.
  await until(async () => {
    const { lastDone } = (await ask('GET', 'wecom/health')) as unknown as { lastDone: object | null }
    return lastDone !== null
  })
  await ask('POST', 'transfers', makeTransfer(leaver))
  await until(async () => {
    const [transfer] = (await ask('GET', 'transfers?limit=1')).items as { customers: { waiting: number } }[]
    return transfer?.customers.waiting === 0
  })
  world.transfers.refuse(leaver.customers[0]!.externalUserid)
}

/** Asks the service, with the demo's key. */
const askerOf = (url: string) => async (method: string, path: string, body?: object) => {
  const type = Buffer.isBuffer(body) ? 'image/png' : 'application/json'
  const answer = await fetch(`${url}/api/v1/${path}`, {
    method,
    headers: { ...headers, ...(body ? { 'content-type': type } : {}) },
    ...(body ? { body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body) } : {}),
  })
  if (!answer.ok) throw new Error(`${method} /${path} answered ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as { items: unknown[] }
}

/** The brand without items. */
const emptied = (brand: Brand): Brand =>
  Object.fromEntries(
    Object.entries(brand).map(([name, value]) => [name, Array.isArray(value) ? [] : value]),
  ) as unknown as Brand

const headers = { authorization: `Bearer ${DEMO_KEY}` }

async function isThere(url: string, order: { source: string; orderNo: string }): Promise<boolean> {
  const answer = await fetch(`${url}/api/v1/orders/${order.source}/${order.orderNo}/commission`, { headers })
  return answer.status === 200
}

/** Waits until everything that was sent is booked. */
export async function settled(url: string): Promise<void> {
  for (;;) {
    // A connection that the busy machine dropped is asked again.
    const answer = await fetch(`${url}/api/v1/health/reconcile`, { headers }).catch(() => null)
    const health = answer?.ok ? ((await answer.json()) as { pendingOrders: number }) : null
    if (health?.pendingOrders === 0) return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
