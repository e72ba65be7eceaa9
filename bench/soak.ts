/**
 * A service under mixed load for as long as is asked for: orders one by one and in batches, clicks, and what people look at
 * meanwhile. Its memory must not grow once it is warm.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readArguments, runCommand, say, wrongArguments } from '../server/cli/command.ts'
import { openPool } from '../server/database.ts'
import { startBench, ZONE } from './lib/bench.ts'
import { sendLoad } from './lib/load.ts'
import { prepareBrand } from './lib/prepared.ts'
import { startService, type BenchService } from './lib/service.ts'
import { drawOrders, readShop } from './lib/tickets.ts'

const usage = `npm run bench:soak [-- --minutes N] [--orders N]

  --minutes   how long; default 1, which shows that it works. 30 show whether memory grows
  --orders    how many orders the brand has; default 20000

Exit code 1: the service kept more memory at the end than when a quarter of the time was over, by more than 15 %.
`

const GROWTH_MOST = 1.15
const SLICE_SECONDS = 10
const REST_MS = 50
const READS = ['/api/v1/orders?limit=50', '/api/v1/rejected-items?limit=50', '/api/v1/intake', '/metrics']

await runCommand(async argv => {
  const { values } = readArguments(argv, usage, {
    options: { minutes: { type: 'string', default: '1' }, orders: { type: 'string', default: '20000' } },
  })
  const [minutes, orders] = [Number(values.minutes), Number(values.orders)]
  if (!(minutes > 0) || !(orders >= 1000)) throw wrongArguments('--minutes and --orders must be numbers', usage)

  const bench = await startBench({ orders })
  const folder = await mkdtemp(join(tmpdir(), 'daogou-soak-'))
  try {
    const brand = await bench.brand()
    const { url, brandId } = brand
    await prepareBrand(url, brandId, ZONE)
    const owner = openPool(url, { max: 1, asOwner: true, statementTimeoutMs: 0 })
    const shop = await readShop(owner, brand)
    const links = await owner<{ code: string }[]>`
      SELECT link_code AS code FROM share_links WHERE brand_id = ${brandId} AND revoked_at IS NULL LIMIT 1000`
    await owner.end({ timeout: 5 })
    const service = await startService(url)
    try {
      const until = performance.now() + minutes * 60_000
      const counts = { orders: 0, clicks: 0, reads: 0 }
      const isOver = () => performance.now() >= until
      const tell = async (batch: number, connections: number) => {
        const file = join(folder, `bodies-${batch}`)
        for (let run = 0; !isOver(); run++) {
          const drawn = drawOrders(shop, { seed: run, prefix: `b${batch}-${run}-`, sellers: 'spread', now: Date.now() })
          const bodies = Array.from({ length: (SLICE_SECONDS * 1000) / batch }, () =>
            JSON.stringify(Array.from({ length: batch }, () => drawn.next().value)),
          )
          await writeFile(file, bodies.join('\n'))
          const load = { path: '/api/v1/orders', bodies: file, connections, seconds: SLICE_SECONDS }
          const { words } = await sendLoad({ ...load, port: service.port, key: service.key })
          counts.orders += words['created']!
        }
      }
      const samples: number[] = []
      const watch = async () => {
        while (!isOver()) {
          samples.push(service.rssMb())
          say(`${samples.length * SLICE_SECONDS} s: ${samples.at(-1)} MB, ${JSON.stringify(counts)}`)
          await sleep(SLICE_SECONDS * 1000)
        }
      }
      const click = async () => {
        for (let i = 0; !isOver(); i++) {
          await ask(service, `/s/${links[i % links.length]!.code}`)
          counts.clicks++
          await sleep(REST_MS)
        }
      }
      const read = async () => {
        for (let i = 0; !isOver(); i++) {
          await ask(service, READS[i % READS.length]!)
          counts.reads++
          await sleep(REST_MS)
        }
      }
      await Promise.all([watch(), tell(1, 8), tell(100, 1), click(), read()])
      const [early, late] = [samples.slice(samples.length / 4, samples.length / 2), samples.slice(-samples.length / 4)]
      const growth = Math.max(...late) / Math.max(...early)
      process.stdout.write(
        `${minutes} minutes: ${JSON.stringify(counts)}, ${Math.max(...samples)} MB at most, ` +
          `${growth.toFixed(2)} times as much in the last quarter as in the second\n`,
      )
      return growth <= GROWTH_MOST ? 0 : 1
    } finally {
      await service.stop()
    }
  } finally {
    await bench.close()
    await rm(folder, { recursive: true, force: true })
  }
})

async function ask({ port, key }: BenchService, path: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    redirect: 'manual',
    headers: path.startsWith('/api/') ? { authorization: `Bearer ${key}` } : {},
  })
  await answer.arrayBuffer()
  if (answer.status >= 400) throw new Error(`${path}: ${answer.status}`)
}
