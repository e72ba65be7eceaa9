import { readFileSync } from 'node:fs'
import { openPool } from '/work/main/server/database.ts'
import { gatherSettlement, discardDraft } from '/work/main/server/features/settlements/gathering/service.ts'
const url = readFileSync('/tmp/stl/url', 'utf8')
const pool = openPool(url, { max: 4 }); const owner = openPool(url, { max: 2, asOwner: true, statementTimeoutMs: 0 })
const caller = { brandId: 1, actor: 'bench' } as never
const cutoff = Date.parse('2026-12-01Z')
const cpu = async () => { const rows = await owner`SELECT pid FROM pg_stat_activity WHERE application_name = 'daogou' AND pid <> pg_backend_pid()`; let t = 0; for (const { pid } of rows) { const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' '); t += Number(f[13]) + Number(f[14]) } return t / 100 }
await Promise.all([1,2,3,4].map(() => pool`SELECT pg_sleep(0.2)`))
let stop = false; const xids: number[] = []
const watcher = (async () => { while (!stop) { const [r] = await owner`SELECT COALESCE(max(extract(epoch FROM now() - xact_start)) * 1000, 0)::float8 AS ms FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'`; xids.push(Number(r!.ms)); await new Promise(r => setTimeout(r, 20)) } })()
for (const what of process.argv.slice(2)) {
  const c0 = await cpu(), n0 = process.cpuUsage(), t = performance.now()
  if (what === 'gather') await gatherSettlement(pool, caller, { cutoff, now: Date.now() })
  if (what === 'discard') { const [s] = await owner`SELECT settlement_id AS id FROM settlements WHERE status = 'draft' ORDER BY created_at DESC LIMIT 1`; await discardDraft(pool, caller, { settlementId: s!.id, now: Date.now() }) }
  if (what === 'approve') await owner`UPDATE settlements SET status = 'approved' WHERE status = 'draft'`
  const n = process.cpuUsage(n0)
  console.log(what, 'wall', ((performance.now() - t) / 1000).toFixed(1), 'pg cpu', ((await cpu()) - c0).toFixed(1), 'node cpu', ((n.user + n.system) / 1e6).toFixed(1), 'longest xid ms', Math.max(...xids).toFixed(0), (await owner`SELECT statement_count, carried_count, row_count, total_fen FROM settlements ORDER BY created_at DESC LIMIT 1`)[0])
  xids.length = 0
}
stop = true; await watcher
await pool.end(); await owner.end()
