import { afterAll, beforeAll, expect, test } from 'vitest'
import { fillLedger } from '../../bench/data/ledger.ts'
import { openPool, type Pool } from '../../server/database.ts'
import { associateItem, memberItem, orderItem, planBody, storeItem } from '../builders/items.ts'
import { startTestService, TEST_KEY, type TestService } from '../support/service.ts'

/** A settlement of the size that a large brand has, while the service goes on answering. */

const PAYEES = 10_000
const ROWS = 2_000_000
const SECONDS = 60

let service: TestService
let direct: Pool
beforeAll(async () => {
  service = await startTestService()
  direct = openPool(service.databaseUrl, { max: 2, asOwner: true, statementTimeoutMs: 0 })
  await service.ingest('stores', [storeItem()])
  await service.ingest('associates', [associateItem()])
  await service.ingest('members', [memberItem()])
  const rules = [{ id: 'till', role: 'closer', rateBps: 1000, bearer: 'headquarters' }]
  expect((await service.post('/plans', { ...planBody({ rules }), retroactive: true })).status).toBe(201)
  await service.settled()
  await fillLedger(direct, { rows: ROWS, payees: PAYEES })
}, 1_200_000)
afterAll(async () => {
  await direct.end()
  await service.close()
})

const ask = async (method: 'GET' | 'POST', url: string, payload?: object) =>
  await service.app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${TEST_KEY}` },
    ...(payload === undefined ? {} : { payload }),
  })

test(`a draft over ${ROWS} rows of ${PAYEES} payees is made within ${SECONDS} s, and the service answers meanwhile`, async () => {
  const began = performance.now()
  let isMade = false
  const drafting = ask('POST', '/api/v1/settlements', { cutoff: '2026-08-01T00:00:00Z' }).finally(() => (isMade = true))

  const waits: number[] = []
  let orders = 0
  const clients = async () => {
    while (!isMade) {
      const asked = performance.now()
      expect((await ask('GET', '/healthz')).statusCode).toBe(200)
      const order = orderItem({ orderNo: `during-${orders++}`, channel: 'in_store', sellingStore: 'S1', closer: 'A1' })
      expect((await ask('POST', '/api/v1/orders', [order])).json()).toMatchObject([{ status: 'created' }])
      expect((await ask('GET', '/api/v1/balances?payee=P1')).statusCode).toBe(200)
      waits.push(performance.now() - asked)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
  /** Marks wait for every transaction that has a number: how long the oldest one was under way. */
  const ages: number[] = []
  const watch = async () => {
    while (!isMade) {
      const [row] = await direct<{ ms: number }[]>`
        SELECT COALESCE(max(extract(epoch FROM clock_timestamp() - xact_start)) * 1000, 0)::float8 AS ms
        FROM pg_stat_activity
        WHERE datname = current_database() AND backend_xid IS NOT NULL AND backend_type = 'client backend'`
      ages.push(row!.ms)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
  const [answer] = await Promise.all([drafting, clients(), watch()])
  const seconds = (performance.now() - began) / 1000
  const [longestAnswer, longestXid] = [Math.max(...waits), Math.max(...ages)].map(Math.round)
  console.log(
    `draft: ${seconds.toFixed(1)} s; meanwhile ${orders} orders, the slowest of ${waits.length} rounds ${longestAnswer} ms; ` +
      `the longest transaction with a number ${longestXid} ms`,
  )
  expect(answer.statusCode).toBe(201)
  const settlement = answer.json<{ settlementId: string; totalFen: number; rowCount: number; statementCount: number }>()
  const [ledger] = await direct<{ rows: number; fen: number; payees: number }[]>`
    SELECT sum(n)::bigint AS rows, sum(fen)::bigint AS fen, count(*) AS payees FROM (
      SELECT count(*) AS n, sum(amount_fen) AS fen FROM ledger_rows WHERE order_no LIKE 'filled-%' GROUP BY payee
      HAVING sum(amount_fen) >= 0) AS payee`
  const [during] = await direct<{ rows: number; fen: number }[]>`
    SELECT count(*) AS rows, COALESCE(sum(l.amount_fen), 0)::bigint AS fen FROM settlement_rows AS r
    JOIN ledger_rows AS l USING (brand_id, booked_at, row_id) WHERE l.order_no LIKE 'during-%'`
  expect(settlement.totalFen).toBe(ledger!.fen + during!.fen)
  expect(settlement.rowCount).toBe(ledger!.rows + during!.rows)
  expect(seconds).toBeLessThan(SECONDS)
  expect(longestAnswer).toBeLessThan(5000)
  expect(longestXid).toBeLessThan(5000)
})

test('what is settled already makes the next draft no slower', async () => {
  const began = performance.now()
  const answer = await ask('POST', '/api/v1/settlements', { cutoff: '2026-08-01T00:00:00Z' })
  expect(answer.statusCode).toBe(201)
  console.log(`a draft beside ${ROWS} settled rows: ${((performance.now() - began) / 1000).toFixed(1)} s`)
  expect((performance.now() - began) / 1000).toBeLessThan(SECONDS)
})

test('an export of all statements is streamed whole, and a discard frees everything', async () => {
  const page = (await ask('GET', '/api/v1/settlements')).json<{ items: { settlementId: string; rowCount: number }[] }>()
  for (const { settlementId } of page.items) {
    const began = performance.now()
    const csv = await service.app.inject({
      method: 'GET',
      url: `/api/v1/settlements/${settlementId}/statements`,
      headers: { authorization: `Bearer ${TEST_KEY}`, accept: 'text/csv' },
    })
    const lines = csv.body.trimEnd().split('\r\n').length - 1
    console.log(`${lines} statements as CSV: ${((performance.now() - began) / 1000).toFixed(1)} s`)
    const discarding = performance.now()
    const answer = await service.app.inject({
      method: 'DELETE',
      url: `/api/v1/settlements/${settlementId}`,
      headers: { authorization: `Bearer ${TEST_KEY}` },
    })
    expect(answer.statusCode).toBe(204)
    console.log(`discarded: ${((performance.now() - discarding) / 1000).toFixed(1)} s`)
  }
  const [left] = await direct<{ rows: number }[]>`SELECT count(*) AS rows FROM settlement_rows`
  expect(left!.rows).toBe(0)
})
