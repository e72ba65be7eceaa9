import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { openPool } from '../server/database.ts'
import { DATA_KEY } from './lib/bench.ts'
import type { Figure } from './lib/figure.ts'

/** 1,000,000 order lines within 20 s. */
const LIMIT_LINES_PER_SECOND = 1_000_000 / 20

/** The command itself over a brand's whole history, start and end included, with bonuses, rewards and bindings. */
export const audit: Figure = {
  name: 'audit',
  measures: 'npm run audit over the whole history',
  async run(bench) {
    const brand = await bench.brand()
    const url = await bench.copyOf(brand)
    const pool = openPool(url, { max: 1 })
    const [counted] = await pool<{ lines: number }[]>`
      SELECT sum(jsonb_array_length(r.lines))::bigint AS lines FROM orders AS o
      JOIN order_revisions AS r USING (brand_id, source, order_no, revision) WHERE brand_id = ${brand.brandId}`
    await pool.end({ timeout: 5 })
    const began = performance.now()
    const child = spawn('npm', ['run', '-s', 'audit'], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: {
        ...process.env,
        DATABASE_URL: url,
        DATA_KEY: DATA_KEY.toString('base64'),
        SESSION_SECRET: 'of no use to a bench, but asked for',
      },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()))
    const [code] = (await once(child, 'exit')) as [number]
    if (code !== 0) throw new Error(`the audit ended with ${code}:\n${output}`)
    const seconds = (performance.now() - began) / 1000
    const { lines } = counted!
    return {
      value: lines / seconds,
      unit: 'lines/s',
      limit: { atLeast: LIMIT_LINES_PER_SECOND },
      details: { lines, seconds },
    }
  },
}
