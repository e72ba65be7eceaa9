import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import {
  buildWecom,
  buildWecomMeter,
  type Wecom,
  type WecomCall,
  WecomError,
} from '../../server/features/wecom/service.ts'
import { createVault } from '../../server/lib/vault.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { refusal, startWecomStub, type StubAnswer, type WecomStub } from '../support/wecom-stub.ts'

const CORP = 'wwtest0000000001'
let database: TestDatabase
let pool: Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = openPool(database.url, { max: 6 })
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

let stub: WecomStub
let answer: (
  asked: { api: string; query: Record<string, string>; body: unknown },
  count: number,
) => StubAnswer | Promise<StubAnswer>
let nowMs = 0
let brandId = 0
let registry: Registry
/** As another process would have it: nothing in memory is shared. */
let another: () => Wecom

beforeEach(async () => {
  brandId += 1
  nowMs = Date.parse('2026-05-01T12:00:00+08:00')
  let tokens = 0
  answer = () => ({ errcode: 0, errmsg: 'ok' })
  stub = await startWecomStub((asked, count) => {
    if (asked.api !== 'gettoken') return answer(asked, count)
    tokens += 1
    return { errcode: 0, errmsg: 'ok', access_token: `token-${tokens}`, expires_in: 7200 }
  })
  registry = new Registry()
  const meter = buildWecomMeter(registry)
  another = () =>
    buildWecom({
      pool,
      vault: createVault(Buffer.alloc(32, 7)),
      brandId,
      app: { corpId: CORP, agentId: '1000002', secret: 'a-secret-that-nobody-sees', apiUrl: stub.url },
      meter,
      now: () => nowMs,
    })
})
afterEach(() => stub.close())

const failed = async (call: Promise<unknown>): Promise<WecomError> => {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(WecomError)
  return error as WecomError
}
const job: WecomCall = { patience: 'job', deadlineMs: 20_000 }

describe('tokens', () => {
  test('are fetched once for all processes and calls', async () => {
    const both = [another(), another()]
    await Promise.all(Array.from({ length: 20 }, (_, i) => both[i % 2]!.call('user/get')))
    await another().call('user/get')
    expect(stub.count('gettoken')).toBe(1)
    expect(stub.asked[0]!.query).toEqual({ corpid: CORP, corpsecret: 'a-secret-that-nobody-sees' })
    expect(new Set(stub.asked.filter(one => one.api === 'user/get').map(one => one.query['access_token']))).toEqual(
      new Set(['token-1']),
    )
  })
  test.each([40014, 42001, 40001])(
    'refused with %i are fetched anew once, also in the middle of many calls',
    async errcode => {
      answer = ({ query }) => (query['access_token'] === 'token-1' ? refusal(errcode) : { errcode: 0, errmsg: 'ok' })
      const wecom = another()
      await Promise.all(Array.from({ length: 30 }, () => wecom.call('user/get')))
      await another().call('user/get')
      expect(stub.count('gettoken')).toBe(2)
    },
  )
  test('that are refused again are an error that says what to do', async () => {
    answer = () => refusal(40014)
    const error = await failed(another().call('user/get'))
    expect(error.errcode).toBe(40014)
    expect(stub.count('user/get')).toBe(2)
  })
  test('end when WeCom says so, a little earlier', async () => {
    const wecom = another()
    await wecom.call('user/get')
    nowMs += 6800 * 1000
    await wecom.call('user/get')
    expect(stub.count('gettoken')).toBe(1)
    nowMs += 200 * 1000
    await wecom.call('user/get')
    expect(stub.count('gettoken')).toBe(2)
  })
  test('a wrong secret is told, and not asked for again', async () => {
    await stub.close()
    stub = await startWecomStub(() => refusal(40001, 'invalid credential'))
    const error = await failed(another().call('user/get'))
    expect([error.api, error.errcode, error.address]).toEqual(['gettoken', 40001, '203.0.113.9'])
    expect(stub.count('gettoken')).toBe(1)
  })
})

describe('faults', () => {
  test('that pass are waited for: busy, too many at once, a cut line, a proxy’s page', async () => {
    const faults: StubAnswer[] = [refusal(-1), refusal(45033), 'hang_up', 'html']
    answer = (_, count) => faults[count - 1] ?? { errcode: 0, errmsg: 'ok', userid: 'a1' }
    expect(await another().call('user/get', job)).toMatchObject({ userid: 'a1' })
    expect(stub.count('user/get')).toBe(5)
  })
  test('busy is asked three times more at most', async () => {
    answer = () => refusal(-1)
    expect((await failed(another().call('user/get', job))).errcode).toBe(-1)
    expect(stub.count('user/get')).toBe(4)
  })
  test('what sends something is not sent again after no answer', async () => {
    answer = () => 'hang_up'
    const error = await failed(another().call('message/send', { ...job, body: { touser: 'a1' } }))
    expect([error.errcode, error.outcome]).toEqual([null, 'unknown'])
    expect(stub.count('message/send')).toBe(1)
  })
  test('it is where WeCom refused it or cannot have heard of it', async () => {
    answer = (_, count) => (count === 1 ? refusal(-1) : { errcode: 0, errmsg: 'ok', msgid: 'm1' })
    expect(await another().call('message/send', { body: { touser: 'a1' } })).toMatchObject({ msgid: 'm1' })
    const { url } = stub
    await another().call('user/get') // the token
    await stub.close()
    const error = await failed(another().call('message/send', { body: {}, deadlineMs: 1500 }))
    expect([error.errcode, error.outcome]).toEqual([null, 'not_sent'])
    expect(url).toMatch(/^http/)
    stub = await startWecomStub(() => ({}))
  })
  test('refusals are not asked again', async () => {
    for (const errcode of [48002, 60020, 84061, 40096, 60111]) {
      answer = () => refusal(errcode)
      const before = stub.count('externalcontact/get')
      expect((await failed(another().call('externalcontact/get', job))).errcode).toBe(errcode)
      expect(stub.count('externalcontact/get')).toBe(before + 1)
    }
  })
  test('whoever waits for an answer is told soon', async () => {
    answer = () => new Promise<StubAnswer>(resolve => setTimeout(resolve, 3000, { errcode: 0 }))
    const begun = performance.now()
    const error = await failed(another().call('user/get', { deadlineMs: 300 }))
    expect(error.errcode).toBeNull()
    expect(performance.now() - begun).toBeLessThan(2500)
  })
  test('nothing of a token or secret is in the error', async () => {
    answer = () => 'hang_up'
    const error = await failed(another().call('user/get', { deadlineMs: 500 }))
    expect(JSON.stringify([error.message, error.stack, Object.entries(error)])).not.toMatch(/token-\d|a-secret/)
  })
})

describe('limits', () => {
  test('45009 stops all processes, until the window is over', async () => {
    answer = ({ api }, count) =>
      api === 'externalcontact/get' && count === 1 ? refusal(45009) : { errcode: 0, errmsg: 'ok' }
    expect((await failed(another().call('externalcontact/get'))).errcode).toBe(45009)
    // Another process does not even ask; other APIs are not concerned.
    const other = another()
    expect((await failed(other.call('externalcontact/get'))).errcode).toBe(45009)
    expect(stub.count('externalcontact/get')).toBe(1)
    await other.call('user/get')
    nowMs += 59_000
    await failed(other.call('externalcontact/get'))
    nowMs += 1100
    await other.call('externalcontact/get')
    expect(stub.count('externalcontact/get')).toBe(2)
  })
  test('a job waits for the window instead', async () => {
    answer = (_, count) => (count === 1 ? refusal(45009) : { errcode: 0, errmsg: 'ok', userid: 'a1' })
    const waiting = another().call('user/get', { ...job, deadlineMs: 120_000 })
    while (stub.count('user/get') === 0) await new Promise(resolve => setTimeout(resolve, 5))
    await new Promise(resolve => setTimeout(resolve, 50))
    nowMs += 61_000
    expect(await waiting).toMatchObject({ userid: 'a1' })
    expect(stub.count('user/get')).toBe(2)
  })
  test('are kept by all processes together, and leave something for people', async () => {
    // Tickets: a burst of 30, of which jobs leave a fifth.
    const two = [another(), another()]
    let asked = 0
    for (;;) {
      const error = await two[asked % 2]!.call('ticket/get', { ...job, deadlineMs: 1000 }).then(() => null, failure) // prettier-ignore
      if (error) break
      asked += 1
    }
    expect(asked).toBe(24)
    for (let i = 0; i < 6; i++) await two[i % 2]!.call('ticket/get')
    expect((await failed(another().call('ticket/get'))).errcode).toBe(45009)
    nowMs += 61_000
    await another().call('ticket/get')
    expect(stub.count('ticket/get')).toBe(31)
  })
  test('cost few statements', async () => {
    const statements = async () =>
      (
        await pool<
          { n: number }[]
        >`SELECT spent_until IS NOT NULL AS n FROM wecom_buckets WHERE brand_id = ${brandId} AND api = 'user/get'`
      ).length
    const wecom = another()
    for (let i = 0; i < 40; i++) await wecom.call('user/get')
    const [row] = await pool<{ spentMs: number }[]>`
      SELECT round(extract(epoch FROM spent_until - ${nowMs}::timestamptz) * 1000)::int AS "spentMs" FROM wecom_buckets
      WHERE brand_id = ${brandId} AND api = 'user/get'`
    expect(await statements()).toBe(1)
    // Two blocks of twenty were lent, and no more.
    expect(row!.spentMs).toBe(Math.round((40 * 3_600_000) / 130_000))
  })
})

test('every call is counted', async () => {
  answer = ({ api }, count) => (api === 'user/get' && count === 1 ? refusal(-1) : { errcode: 0, errmsg: 'ok' })
  await another().call('user/get')
  const text = await registry.metrics()
  expect(text).toContain('wecom_api_calls_total{api="user/get",outcome="ok"} 1')
  expect(text).toContain('wecom_api_calls_total{api="user/get",outcome="-1"} 1')
  expect(text).toContain('wecom_api_calls_total{api="gettoken",outcome="ok"} 1')
  expect(text).toContain('wecom_api_retries_total{api="user/get"} 1')
  expect(text).toMatch(/wecom_api_duration_seconds_count\{api="user\/get"\} 2/)
})

const failure = (error: unknown) => {
  expect(error).toBeInstanceOf(WecomError)
  return error as WecomError
}
