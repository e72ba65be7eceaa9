import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { storeItem } from '../builders/items.ts'
import { startTestService, TEST_KEY, type TestService } from '../support/service.ts'

/** Long enough for all that finds its tables free. */
const statementTimeoutMs = 1500

let service: TestService
let owner: Pool

beforeAll(async () => {
  service = await startTestService({ statementTimeoutMs, worker: false, env: { LOG_LEVEL: 'silent' } })
  await service.ingest('stores', [storeItem()])
  owner = openPool(service.databaseUrl, { max: 1, asOwner: true, statementTimeoutMs: 0 })
}, 120_000)

afterAll(async () => {
  await owner.end()
  await service.close()
})

const ask = (path: string, accept = 'application/json') =>
  service.app.inject({ url: `/api/v1${path}`, headers: { authorization: `Bearer ${TEST_KEY}`, accept } })

/** Whoever reads the table waits until PostgreSQL gives up. */
const whileNobodyReads = <T>(table: string, work: () => Promise<T>) =>
  owner.begin(async tx => {
    await tx`LOCK TABLE ${tx(table)} IN ACCESS EXCLUSIVE MODE`
    return await work()
  })

const span = 'from=2026-03-01&to=2026-03-31'

describe('a statement that PostgreSQL gives up', () => {
  test.each([
    [`/performance/summary?${span}`, 'application/json'],
    [`/performance/trend?${span}&grain=day`, 'application/json'],
    [`/performance/stores?${span}`, 'application/json'],
    [`/performance/orders?${span}&figure=orders`, 'application/json'],
    [`/community/stores?${span}`, 'application/json'],
    [`/performance/stores?${span}`, 'text/csv'],
    [`/community/stores?${span}`, 'text/csv'],
  ])('for figures (%s %s) is answered by asking for less', async (path, accept) => {
    expect((await ask(path, accept)).statusCode).toBe(200)
    const answer = await whileNobodyReads('stores', () => ask(path, accept))
    expect(answer.statusCode).toBe(422)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(answer.json()).toMatchObject({ code: 'figures.too_much', detail: expect.stringContaining('fewer days') })
    expect((await ask(path, accept)).statusCode).toBe(200)
  })

  test('for anything else stays a fault of ours: less could not be asked for', async () => {
    const answer = await whileNobodyReads('stores', () => ask('/stores'))
    expect(answer.statusCode).toBe(500)
    expect(answer.json()).toMatchObject({ code: 'internal_error' })
  })

  test('stands in the document', async () => {
    const { tags } = (await service.app.inject({ url: '/api/openapi.json' })).json<{
      tags: { name: string; description: string }[]
    }>()
    expect(tags.find(({ name }) => name === 'performance')?.description).toContain('figures.too_much')
  })
})
