import type { Pool } from '../../server/database.ts'

/**
 * Half a year of ledger rows, each payee's spread over all of it, as they are booked in life: associates P1 … of store S1,
 * which must be there, orders `filled-1` …
 */
export async function fillLedger(owner: Pool, { rows, payees }: { rows: number; payees: number }): Promise<void> {
  await owner`
    INSERT INTO associates (brand_id, associate_id, name, store_code, kinds, role, payee_type, employments, created_at,
      updated_at)
    SELECT 1, 'P' || i, '导购 ' || i, 'S1', '[]', 'associate', 'employee', '[]', now(), now()
    FROM generate_series(1, ${payees}::int) AS i`
  for (const month of ['01', '02', '03', '04', '05', '06']) {
    await owner`SELECT ensure_month_partition('ledger_rows', ${`2026-${month}-01`}::date)`
  }
  await owner`
    INSERT INTO ledger_rows (brand_id, row_id, booked_at, subject, source, order_no, line_no, role, payee_kind, payee,
      bearer_kind, bearer, rule_id, plan_code, plan_version, amount_fen, reason, available_at)
    SELECT 1, (substr(ms, 1, 8) || '-' || substr(ms, 9, 4) || '-7' || substr(hash, 1, 3) || '-8' || substr(hash, 4, 3) || '-'
        || substr(hash, 7, 12))::uuid, at, 'order_line', 'mall', 'filled-' || i, 1,
      CASE i % 3 WHEN 0 THEN 'sharer' WHEN 1 THEN 'closer' ELSE 'attributed' END, 'associate',
      'P' || (i * 7919::bigint % ${payees}::int + 1), CASE i % 2 WHEN 0 THEN 'headquarters' ELSE 'store' END,
      CASE i % 2 WHEN 0 THEN 'headquarters' ELSE 'S1' END, 'share', 'standard', 1, i % 4999 - 400, 'sale',
      at + interval '7 days'
    FROM generate_series(1, ${rows}::int) AS i
    CROSS JOIN LATERAL (
      SELECT '2026-01-01T00:00:00Z'::timestamptz + interval '7 seconds' * i AS at, md5(i::text) AS hash) AS made
    CROSS JOIN LATERAL (SELECT lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') AS ms) AS id`
}
