/**
 * `npm run demo`: everything on one machine with nothing but Node.js. An embedded PostgreSQL, the service, a simulated
 * WeCom, and a small generated brand; then it says where to look.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EmbeddedPostgresError } from '../server/embedded-postgres.ts'
import { ExitError } from '../server/errors.ts'
import { generateBrand } from './brand/generate.ts'
import type { SendProgress } from './brand/send.ts'
import { buildPages } from './build.ts'
import { DEMO_KEY, setStage } from './stage.ts'

const SEED = 'daogou'
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const environment = process.env

async function main(): Promise<void> {
  // In dev, Vite serves the pages from their sources.
  if (!process.argv.includes('--dev')) buildPages(say)
  const dataDir = environment['DATA_DIR'] ?? join(root, '.data', 'demo')
  const brand = generateBrand({ seed: SEED, now: firstStart(dataDir) })
  const port = Number(environment['PORT'] ?? 8686)
  const env = { DATABASE_URL: 'embedded', DATA_DIR: dataDir, ...environment }
  const stage = await setStage({ brand, port, env, say, onProgress: showProgress })

  let isClosing = false
  const close = async () => {
    if (isClosing) return
    isClosing = true
    await stage.close()
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void close())
  const example = brand.orders.find(order => order.shareCode !== undefined && order.cancelled !== true)
  process.stdout.write(welcome(environment['PUBLIC_URL'] ?? stage.url, example ?? brand.orders[0]!))
}

/** The demo's ninety days end when it was first started, so that a second start finds the same brand. */
function firstStart(dataDir: string): number {
  const file = join(dataDir, 'demo-first-start')
  mkdirSync(dataDir, { recursive: true })
  if (!existsSync(file)) writeFileSync(file, String(Date.now()))
  return Number(readFileSync(file, 'utf8'))
}

function say(text: string): void {
  process.stdout.write(`… ${text}\n`)
}

/** One line that changes, for people; a line a kind, for a log. */
function showProgress({ path, sent, total }: SendProgress): void {
  const text = `… 载入演示品牌 Loading the demo brand: ${path} ${sent}/${total}`
  if (process.stdout.isTTY) process.stdout.write(`\r${text.padEnd(70)}${sent === total ? '\r' : ''}`)
  else if (sent === total) process.stdout.write(`${text}\n`)
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
