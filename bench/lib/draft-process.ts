/** A service that makes one draft of everything while it answers, and tells how long it and they took. */
import { buildApp } from '../../server/app.ts'
import { openPool } from '../../server/database.ts'
import { createVault } from '../../server/lib/vault.ts'
import { readSettings } from '../../server/settings.ts'
import { DATA_KEY } from './bench.ts'

export interface DraftMeasured {
  error: string | null
  seconds: number
  rows: number
  /** Balances and ledger pages that were read meanwhile. */
  answers: number
  slowestAnswerMs: number
}

const KEY = 'bench-key-that-nobody-else-knows'
const settings = readSettings({
  DATABASE_URL: process.argv[2]!,
  DATA_KEY: DATA_KEY.toString('base64'),
  SESSION_SECRET: 'of no use to a bench, but asked for',
  BOOTSTRAP_API_KEY: KEY,
  RATE_LIMIT: '0',
})
const pool = openPool(settings.databaseUrl, { max: 16 })
const app = await buildApp({ settings, pool, vault: createVault(settings.dataKey), now: Date.now })
const headers = { authorization: `Bearer ${KEY}` }

const began = performance.now()
let isMade = false
const drafting = app
  .inject({ method: 'POST', url: '/api/v1/settlements', headers, payload: { cutoff: '2026-08-01T00:00:00Z' } })
  .finally(() => (isMade = true))
let answers = 0
let slowestAnswerMs = 0
while (!isMade) {
  for (const url of ['/api/v1/balances?payee=P1', '/api/v1/ledger?payee=P7&limit=50']) {
    const asked = performance.now()
    const answer = await app.inject({ method: 'GET', url, headers })
    if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode}`)
    slowestAnswerMs = Math.max(slowestAnswerMs, Math.round(performance.now() - asked))
    answers++
  }
  await new Promise(resolve => setTimeout(resolve, 100))
}
const answer = await drafting
const measured: DraftMeasured = {
  error: answer.statusCode === 201 ? null : answer.body,
  seconds: (performance.now() - began) / 1000,
  rows: answer.statusCode === 201 ? answer.json<{ rowCount: number }>().rowCount : 0,
  answers,
  slowestAnswerMs,
}
await app.close()
await pool.end({ timeout: 5 })
process.send!(measured)
process.disconnect()
