import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openPool } from '../server/database.ts'
import { DAY_MS } from '../server/lib/time.ts'
import { DATA_KEY, type BrandDatabase } from './lib/bench.ts'
import type { Figure } from './lib/figure.ts'
import { Random } from './data/random.ts'

const LIMIT_LINES_PER_SECOND = 5000
const ORDERS = 50_000
const LINES_PER_ORDER = 2

/** The command itself, start and end included, on a brand with a history: every line attributed and booked. */
export const imports: Figure = {
  name: 'import',
  measures: 'npm run import of orders, commission booked',
  async run(bench) {
    const brand = await bench.brand()
    const url = await bench.copyOf(brand)
    const folder = await mkdtemp(join(tmpdir(), 'daogou-bench-import-'))
    try {
      await writeFile(join(folder, 'map.json'), JSON.stringify(MAPPING))
      await writeFile(join(folder, 'orders.csv'), await csvOf(url, brand))
      const began = performance.now()
      const output = await runImport(url, folder)
      const seconds = (performance.now() - began) / 1000

      const pool = openPool(url, { max: 1 })
      const [booked] = await pool<{ orders: number; entitlements: number }[]>`
        SELECT (SELECT count(*) FROM orders WHERE brand_id = ${brand.brandId} AND source = 'bench') AS orders,
          (SELECT count(*) FROM entitlements WHERE brand_id = ${brand.brandId} AND source = 'bench') AS entitlements`
      await pool.end({ timeout: 5 })
      if (booked!.orders !== ORDERS) throw new Error(`${booked!.orders} orders were taken:\n${output}`)
      return {
        value: (ORDERS * LINES_PER_ORDER) / seconds,
        unit: 'lines/s',
        limit: { atLeast: LIMIT_LINES_PER_SECOND },
        details: { lines: ORDERS * LINES_PER_ORDER, seconds, entitlements: booked!.entitlements },
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

const MAPPING = {
  kind: 'orders',
  groupBy: ['order'],
  fields: {
    source: { value: 'bench' },
    orderNo: { column: 'order', required: true },
    channel: { value: 'in_store' },
    sellingStore: 'store',
    closer: 'closer',
    memberNo: 'member',
    paidAt: { column: 'paid', as: 'instant', required: true },
    'lines.lineNo': { rowNumber: true },
    'lines.sku': 'sku',
    'lines.quantity': { column: 'pieces', as: 'integer', required: true },
    'lines.paidFen': { yuan: { multiply: ['price', 'pieces'] }, required: true },
  },
}

/** The till tickets of the next days, of members and associates who are there. */
async function csvOf(url: string, { brandId, until }: BrandDatabase): Promise<string> {
  const pool = openPool(url, { max: 1 })
  const associates = await pool<{ id: string; store: string }[]>`
    SELECT associate_id AS id, store_code AS store FROM associates WHERE brand_id = ${brandId} AND store_code IS NOT NULL
    ORDER BY associate_id`
  const members = await pool<{ no: string }[]>`
    SELECT member_no AS no FROM members WHERE brand_id = ${brandId} ORDER BY member_no LIMIT 50000`
  await pool.end({ timeout: 5 })
  const random = new Random(1)
  const rows = ['order,store,closer,member,paid,sku,pieces,price']
  for (let i = 0; i < ORDERS; i++) {
    const { id, store } = associates[random.below(associates.length)]!
    const member = random.chance(0.8) ? members[random.below(members.length)]!.no : ''
    const paid = new Date(until + Math.floor((i * 2 * DAY_MS) / ORDERS)).toISOString()
    for (let line = 0; line < LINES_PER_ORDER; line++) {
      const price = (10 + random.below(50_000) / 100).toFixed(2)
      rows.push(`B${i},${store},${id},${member},${paid},SKU-${random.below(1000)},${1 + random.below(2)},${price}`)
    }
  }
  return `${rows.join('\n')}\n`
}

async function runImport(databaseUrl: string, folder: string): Promise<string> {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const child = spawn('npm', ['run', '-s', 'import', '--', '--kind', 'orders', '--map', `${folder}/map.json`, `${folder}/orders.csv`], { cwd: root, env: { ...process.env, DATABASE_URL: databaseUrl, DATA_KEY: DATA_KEY.toString('base64'), SESSION_SECRET: 'of no use to a bench, but asked for' } }) // prettier-ignore
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()))
  const [code] = (await once(child, 'exit')) as [number]
  if (code !== 0) throw new Error(`the import ended with ${code}:\n${output}`)
  return output
}
