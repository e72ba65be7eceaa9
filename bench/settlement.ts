import { openPool } from '../server/database.ts'
import { fillLedger } from './data/ledger.ts'
import type { DraftMeasured } from './lib/draft-process.ts'
import type { Figure } from './lib/figure.ts'
import { runProcess } from './lib/process.ts'

const LIMIT_SECONDS = 60
const ROWS = 2_000_000
const PAYEES = 10_000

/** Half a year of rows; the service answers meanwhile. */
export const settlement: Figure = {
  name: 'settlement',
  measures: `a draft over ${ROWS.toLocaleString('en')} rows of ${PAYEES.toLocaleString('en')} payees`,
  async run(bench) {
    const url = await bench.emptyDatabase()
    await fill(url)
    const measured = await runProcess<DraftMeasured>(new URL('lib/draft-process.ts', import.meta.url), [url])
    if (measured.error !== null) throw new Error(measured.error)
    const { seconds, rows, slowestAnswerMs, answers } = measured
    if (rows < ROWS / 2) throw new Error(`it holds ${rows} rows`)
    return { value: seconds, unit: 's', limit: { atMost: LIMIT_SECONDS }, details: { rows, answers, slowestAnswerMs } }
  },
}

async function fill(url: string): Promise<void> {
  const owner = openPool(url, { max: 1, asOwner: true, statementTimeoutMs: 0 })
  await owner`
    INSERT INTO stores (brand_id, store_code, name, types, regions, franchisees, created_at, updated_at)
    VALUES (1, 'S1', '门店 1', '[{"value":"direct","from":null}]', '[]', '[]', now(), now())`
  await fillLedger(owner, { rows: ROWS, payees: PAYEES })
  await owner.end({ timeout: 5 })
}
