import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildApp } from '../../server/app.ts'
import { openPool, type Pool } from '../../server/database.ts'
import { openData, type Opened } from '../../server/open.ts'
import { createTestDatabase, templateDatabase } from '../support/postgres.ts'
import { TEST_KEY, testSettings } from '../support/service.ts'

/** More than all connections together. */
const MANY = 60
const SOON_MS = 5000

let database: Awaited<ReturnType<typeof createTestDatabase>>
let data: Opened
let app: FastifyInstance
let owner: Pool

beforeAll(async () => {
  database = await createTestDatabase({ template: templateDatabase })
  const settings = testSettings(database.url)
  data = await openData(settings, { log: () => {} })
  app = await buildApp({ ...data, settings, now: Date.now, logger: { level: 'error' } })
  owner = openPool(database.url, { max: 1, asOwner: true, statementTimeoutMs: 0 })
  await app.ready()
}, 120_000)

afterAll(async () => {
  await app.close()
  await owner.end()
  await data.close()
  await database.drop()
})

const ask = async (path: string) =>
  (await app.inject({ url: `/api/v1${path}`, headers: { authorization: `Bearer ${TEST_KEY}` } })).statusCode

/** What reads the table waits meanwhile. */
const whileNobodyReads = (table: string, work: () => Promise<void>) =>
  owner.begin(async tx => {
    await tx`LOCK TABLE ${tx(table)} IN ACCESS EXCLUSIVE MODE`
    await work()
  })

const withinReason = (answers: Promise<number[]>) => Promise.race([answers, sleep(SOON_MS, 'kept waiting')])

test('nobody waits behind figures, however many are asked for and however long they take', async () => {
  let figures: Promise<number[]> = Promise.resolve([])
  await whileNobodyReads('rollup_states', async () => {
    figures = Promise.all(Array.from({ length: MANY }, () => ask('/performance/summary?from=2026-03-01&to=2026-03-31')))
    await sleep(200)
    const others = Promise.all(Array.from({ length: MANY }, () => ask('/plans')))
    expect(await withinReason(others)).toEqual(Array.from({ length: MANY }, () => 200))
  })
  expect(await figures).toEqual(Array.from({ length: MANY }, () => 200))
}, 60_000)

test('nobody waits behind what is done beside answering', async () => {
  let works: Promise<unknown> = Promise.resolve()
  await whileNobodyReads('rollup_states', async () => {
    works = Promise.all(Array.from({ length: MANY }, () => data.background`SELECT FROM rollup_states`))
    await sleep(200)
    expect(await withinReason(Promise.all([ask('/plans')]))).toEqual([200])
  })
  await works
}, 60_000)

test('what is done beside answering takes one processor at a time', async () => {
  const [background] = await data.background`SHOW max_parallel_workers_per_gather`
  const [answering] = await data.pool`SHOW max_parallel_workers_per_gather`
  expect(background!['max_parallel_workers_per_gather']).toBe('0')
  expect(answering!['max_parallel_workers_per_gather']).not.toBe('0')
})
