/**
 * `npm run demo`: everything on one machine with nothing but Node.js. An embedded PostgreSQL, the service, a simulated
 * WeCom, and a small generated brand; then it says where to look.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildApp } from '../server/app.ts'
import { ExitError } from '../server/errors.ts'
import { EmbeddedPostgresError } from '../server/embedded-postgres.ts'
import { openData } from '../server/open.ts'
import { readSettings } from '../server/settings.ts'
import { startReconcileWorker } from '../server/workers/reconcile.ts'
import { generateBrand } from './brand/generate.ts'
import { renderPicture } from './brand/pictures.ts'
import { sendBrand } from './brand/send.ts'
import { castOf, DEMO_APP, DEMO_MINI_PROGRAM, describeShop, describeWorld } from './demo-world.ts'
import { startSimulator } from './listen.ts'
import { simulatorPlugin } from './plugin.ts'
import { createWorld } from './world.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
/** Not a secret: the demo listens on this machine alone. */
const DEMO_KEY = 'demo-key'
const SEED = 'daogou'

async function main(): Promise<void> {
  const isDev = process.argv.includes('--dev')
  const port = Number(process.env['PORT'] ?? 8686)
  const publicUrl = process.env['PUBLIC_URL'] ?? `http://127.0.0.1:${port}`
  const wecomPort = Number(process.env['DEMO_WECOM_PORT'] ?? port + 1)
  const wecomUrl = `http://127.0.0.1:${wecomPort}`
  const settings = readSettings({
    DATABASE_URL: 'embedded',
    DATA_DIR: join(root, '.data', 'demo'),
    BRAND_NAME: '演示品牌 Demo',
    LOG_LEVEL: 'warn',
    BOOTSTRAP_API_KEY: DEMO_KEY,
    WECOM_CORP_ID: DEMO_APP.corpId,
    WECOM_AGENT_ID: DEMO_APP.agentId,
    WECOM_SECRET: DEMO_APP.secret,
    MINIPROGRAM_APP_ID: DEMO_MINI_PROGRAM.appId,
    ...process.env,
    PORT: String(port),
    PUBLIC_URL: publicUrl,
    WECOM_API_URL: wecomUrl,
    WECOM_AUTHORIZE_URL: `${wecomUrl}/connect/oauth2/authorize`,
    WECOM_SCAN_LOGIN_URL: `${wecomUrl}/wwlogin/sso/login`,
  })
  if (!isDev) buildPages()

  step('启动数据库 Starting the database')
  const data = await openData(settings, { log: () => {} })
  const brand = generateBrand({ seed: SEED, now: firstStart(settings.dataDir) })
  const world = createWorld(
    describeWorld(brand, castOf(brand), {
      trustedHosts: [new URL(publicUrl).host, `127.0.0.1:${port}`],
      now: Date.now(),
    }),
  )
  world.sit('main', brand.people.associate)
  const wecom = await startSimulator({ world, port: wecomPort })
  const app = await buildApp({
    settings,
    pool: data.pool,
    vault: data.vault,
    now: Date.now,
    logger: { level: settings.logLevel },
  })
  await simulatorPlugin(app, {
    world,
    service: { url: `http://127.0.0.1:${port}`, apiKey: DEMO_KEY },
    wecomUrl,
    shop: describeShop(brand),
    shellDir: join(root, 'dist', 'web', 'simulator'),
    renderPicture,
  })
  const worker = startReconcileWorker({
    pool: data.pool,
    now: Date.now,
    onError: error => app.log.warn({ err: error }, 'reconcile worker failed, will try again'),
  })

  let isClosing = false
  const close = async () => {
    if (isClosing) return
    isClosing = true
    await app.close()
    await worker.stop()
    await wecom.close()
    await data.close()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void close())
  await app.listen({ port, host: settings.host })

  const [loaded] = await data.pool<{ count: number }[]>`SELECT count(*) AS count FROM orders`
  if (loaded!.count < brand.orders.length) {
    await sendBrand(brand, { url: `http://127.0.0.1:${port}`, apiKey: DEMO_KEY, onProgress: showProgress })
    process.stdout.write('\n')
  }
  step('计算提成 Booking what follows')
  await settled(port)
  const example = brand.orders.find(order => order.shareCode !== undefined && order.cancelled !== true) ?? brand.orders[0]!
  process.stdout.write(welcome(publicUrl, example))
}

/** The demo's ninety days end when it was first started, so that a second start finds the same brand. */
function firstStart(dataDir: string): number {
  const file = join(dataDir, 'demo-first-start')
  if (!existsSync(file)) writeFileSync(file, String(Date.now()))
  return Number(readFileSync(file, 'utf8'))
}

/** Builds the pages where they are missing or older than their sources. */
function buildPages(): void {
  const built = join(root, 'dist', 'web', 'sidebar', 'index.html')
  const builtAt = existsSync(built) ? statSync(built).mtimeMs : 0
  const isCurrent = ['sidebar', 'simulator/shell', 'vite.config.ts'].every(path => newest(join(root, path)) <= builtAt)
  if (isCurrent) return
  step('构建界面 Building the pages')
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
  const { status, stderr } = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  if (status !== 0) throw new ExitError(1, `The pages could not be built:\n${stderr.toString()}`)
}

function newest(path: string): number {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.mtimeMs
  return Math.max(0, ...readdirSync(path).map(name => newest(join(path, name))))
}

async function settled(port: number): Promise<void> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/health/reconcile`, {
      headers: { authorization: `Bearer ${DEMO_KEY}` },
    })
    const { pendingOrders } = (await answer.json()) as { pendingOrders: number }
    if (pendingOrders === 0) return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

const step = (text: string) => void process.stdout.write(`… ${text}\n`)

function showProgress({ path, sent, total }: { path: string; sent: number; total: number }): void {
  process.stdout.write(`\r… 载入演示品牌 Loading the demo brand: ${path} ${sent}/${total}`.padEnd(78))
}

function welcome(url: string, order: { source: string; orderNo: string }): string {
  const key = `-H 'authorization: Bearer ${DEMO_KEY}'`
  return `
  演示已就绪  The demo is ready

  企业微信模拟器  WeCom simulator    ${url}/simulator/
  接口文档        API                ${url}/api/docs

  可以试试  Three commands to try:

    curl -s ${key} '${url}/api/v1/orders/${order.source}/${order.orderNo}/commission'
    curl -s ${key} '${url}/api/v1/orders?limit=5'
    curl -s ${key} '${url}/api/v1/audit'

  Ctrl-C 结束  ends it
`
}

main().catch((error: unknown) => {
  const isExpected = error instanceof ExitError || error instanceof EmbeddedPostgresError
  process.stderr.write(`${isExpected ? error.message : (error as Error).stack}\n`)
  process.exit(error instanceof ExitError ? error.exitCode : 1)
})
