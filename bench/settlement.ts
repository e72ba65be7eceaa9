import { openPool } from '../server/database.ts'
import type { DraftMeasured } from './lib/draft-process.ts'
import type { Figure } from './lib/figure.ts'
import { runProcess } from './lib/process.ts'

const LIMIT_SECONDS = 60
const ROWS = 2_000_000
const PAYEES = 10_000

/** Half a year of rows, each payee's spread over all of it, as they are booked in life; the service answers meanwhile. */
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
  await owner`
    INSERT INTO associates (brand_id, associate_id, name, store_code, kinds, role, payee_type, employments, created_at,
      updated_at)
    SELECT 1, 'P' || i, '导购 ' || i, 'S1', '[]', 'associate', 'employee', '[]', now(), now()
    FROM generate_series(1, ${PAYEES}::int) AS i`
  for (const month of ['01', '02', '03', '04', '05', '06']) {
    await owner`SELECT ensure_month_partition('ledger_rows', ${`2026-${month}-01`}::date)`
  }
  await owner`
    INSERT INTO ledger_rows (brand_id, row_id, booked_at, subject, source, order_no, line_no, role, payee_kind, payee,
      bearer_kind, bearer, rule_id, plan_code, plan_version, amount_fen, reason, available_at)
    SELECT 1, (substr(ms, 1, 8) || '-' || substr(ms, 9, 4) || '-7' || substr(hash, 1, 3) || '-8' || substr(hash, 4, 3) || '-'
        || substr(hash, 7, 12))::uuid, at, 'order_line', 'mall', 'bench-' || i, 1,
      CASE i % 3 WHEN 0 THEN 'sharer' WHEN 1 THEN 'closer' ELSE 'attributed' END, 'associate',
      'P' || (i * 7919::bigint % ${PAYEES}::int + 1), CASE i % 2 WHEN 0 THEN 'headquarters' ELSE 'store' END,
      CASE i % 2 WHEN 0 THEN 'headquarters' ELSE 'S1' END, 'share', 'standard', 1, i % 4999 - 400, 'sale',
      at + interval '7 days'
    FROM generate_series(1, ${ROWS}::int) AS i
    CROSS JOIN LATERAL (
      SELECT '2026-01-01T00:00:00Z'::timestamptz + interval '7 seconds' * i AS at, md5(i::text) AS hash) AS made
    CROSS JOIN LATERAL (SELECT lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') AS ms) AS id`
  await owner.end({ timeout: 5 })
}
