import { appendFile, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { buildBuckets } from '../../server/features/wecom/buckets.ts'
import { associateItem, linkItem, orderItem, planBody, storeItem, touchItem } from '../builders/items.ts'
import { openLine, type DatabaseLine } from '../support/database-line.ts'
import {
  countClicks,
  expectAway,
  LINK,
  open,
  openMany,
  order,
  OUTAGE_SETTINGS,
  prepareShop,
  RULES,
  SHOP,
  spooled,
  waitUntil,
} from '../support/outage.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { all, startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import {
  bundleService,
  isReady,
  killService,
  killServices,
  settle,
  startService,
  tell,
} from '../support/service-process.ts'
import { signedIn, startTestWecom, type Browser, type TestWecom } from '../support/wecom.ts'

/** What becomes of the service while something that it needs is away; tests/long has the same for longer. */

describe('while the database is away', () => {
  let bundle: string
  let database: TestDatabase
  let line: DatabaseLine
  let pool: Pool
  let dataDir: string
  beforeAll(async () => {
    bundle = await bundleService('outages')
    database = await createTestDatabase()
    line = await openLine(database.url)
    pool = openPool(database.url, { max: 2, asOwner: true })
    dataDir = await mkdtemp(join(tmpdir(), 'daogou-outages-'))
  })
  afterEach(killServices)
  afterAll(async () => {
    await pool.end()
    await line.close()
    await database.drop()
    await rm(dataDir, { recursive: true, force: true })
  })

  test('links that are known lead on, and each click comes to the database once, whoever is killed', async () => {
    const env = { ...OUTAGE_SETTINGS, DATA_DIR: dataDir }
    const first = await startService(bundle, { databaseUrl: line.url, env })
    await prepareShop(first)
    expect((await open(first)).status).toBe(302)

    await line.cut()
    for (const { status, tookMs } of await openMany(first, 30)) {
      expect(status).toBe(302)
      expect(tookMs).toBeLessThan(8000) // two seconds, on a machine that is not busy
    }
    expect((await openMany(first, 10)).every(({ status, tookMs }) => status === 302 && tookMs < 5000)).toBe(true)
    await expectAway(first, 5000)
    expect([...(await spooled(dataDir)).values()].join('').trim().split('\n')).toHaveLength(40)
    expect(await (await fetch(`${first.url}/metrics`)).text()).toMatch(/^daogou_clicks_waiting 40$/m)

    await line.mend()
    await waitUntil(() => isReady(first), 5000)
    await waitUntil(async () => (await countClicks(pool)).rows === 41, 15_000)
    await waitUntil(async () => (await spooled(dataDir)).size === 0, 30_000)
    expect(await tell(first, 'orders', [order(1)])).toEqual(['created'])
    await settle(first)
    expect((await open(first)).status).toBe(302)
    expect(await countClicks(pool)).toEqual({ rows: 42, ids: 42 })

    // Killed with clicks in its spool: whoever starts on the same folder delivers them.
    await line.cut()
    expect((await openMany(first, 20)).map(({ status }) => status)).toEqual(Array(20).fill(302))
    await killService(first)
    const [name] = [...(await spooled(dataDir)).keys()]
    const path = join(dataDir, 'spool', name!)
    // The same once more, as of a process that died after it had delivered; and a line that the power failed in.
    await copyFile(path, join(dataDir, 'spool', 'clicks-00000000-0000-7000-8000-000000000000.jsonl'))
    await appendFile(path, '{"brandId":1,"touchId":"click-torn","linkC')
    const second = await startService(bundle, { databaseUrl: database.url, env })
    await waitUntil(async () => (await spooled(dataDir)).size === 0, 30_000)
    expect(await countClicks(pool)).toEqual({ rows: 62, ids: 62 })
    expect(await (await fetch(`${second.url}/metrics`)).text()).toMatch(/^daogou_clicks_waiting 0$/m)
  }, 180_000)

  test('where the spool cannot be written either, it is 503: no click is lost after a redirect', async () => {
    const blocked = join(dataDir, 'blocked')
    await writeFile(blocked, 'no folder')
    await line.mend()
    const service = await startService(bundle, {
      databaseUrl: line.url,
      env: { ...OUTAGE_SETTINGS, DATA_DIR: blocked },
    })
    const before = await countClicks(pool)
    expect((await open(service)).status).toBe(302)
    await line.cut()
    for (const { status, tookMs } of await openMany(service, 5)) {
      expect(status).toBe(503)
      expect(tookMs).toBeLessThan(8000) // two seconds, on a machine that is not busy
    }
    expect(await (await fetch(`${service.url}/metrics`)).text()).toMatch(/^daogou_clicks_refused_total 5$/m)
    await line.mend()
    await waitUntil(async () => (await open(service)).status === 302, 5000)
    expect((await countClicks(pool)).rows).toBe(before.rows + 2)
  }, 180_000)
})

describe('where something else is wrong', () => {
  const HOUR_MS = 3_600_000
  let wrongMs = 0
  const now = () => Date.now() + wrongMs
  let wecom: TestWecom
  let service: TestService
  let owner: Pool
  let browser: Browser
  beforeAll(async () => {
    wecom = await startTestWecom({ staff: ['A1'] })
    service = await startTestService({ env: { ...OUTAGE_SETTINGS, ...wecom.env, RATE_LIMIT: '6000' }, now })
    owner = openPool(service.databaseUrl, { max: 1, asOwner: true })
    await service.post('/plans', planBody({ rules: RULES, retroactive: true }))
    await service.ingest('stores', [storeItem()])
    await service.ingest('associates', [associateItem()])
    await service.ingest('share-links', [
      linkItem({ target: { kind: 'product', ref: 'k1', title: '大衣', url: SHOP } }),
    ])
    browser = (await signedIn(service, 'A1')).browser
  })
  afterAll(async () => {
    await owner.end()
    await service.close()
    await wecom.close()
  })
  const post = (path: string, payload: object) =>
    service.app.inject({ method: 'POST', url: path, headers: { authorization: `Bearer ${TEST_KEY}` }, payload })
  const openLink = async () => (await service.app.inject({ url: `/s/${LINK}` })).statusCode
  const clicks = async () => (await countClicks(owner)).rows

  test('a database without room: 503 that says so, nothing is kept by half, and clicks go to the spool', async () => {
    await owner.unsafe(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$`)
    for (const table of ['ledger_rows', 'touches']) {
      await owner.unsafe(`CREATE TRIGGER full_disk BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse()`)
    }
    const item = orderItem({ orderNo: 'full', memberNo: 'full', closer: 'A1' })
    const refused = await post('/api/v1/orders', [item])
    expect(refused.statusCode).toBe(503)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(refused.json()).toMatchObject({ code: 'database_full' })
    expect(await owner`SELECT order_no FROM orders`).toEqual([])
    expect(await openLink()).toBe(302)
    expect((await service.app.inject({ url: '/readyz' })).statusCode).toBe(200) // it still reads
    expect(await clicks()).toBe(0)

    for (const table of ['ledger_rows', 'touches']) await owner.unsafe(`DROP TRIGGER full_disk ON ${table}`)
    expect(await service.ingest('orders', [item])).toMatchObject([{ status: 'created' }])
    await waitUntil(async () => (await clicks()) === 1, 5000)
  })

  test('a clock set back an hour or forward a day, and right again: all is taken and booked, nobody waits for the old hour', async () => {
    const buckets = buildBuckets({ db: service.pool, brandId: 1, now })
    const before = await clicks()
    let turns = 0
    for (const jump of [0, -HOUR_MS, 24 * HOUR_MS, 0]) {
      wrongMs = jump
      expect(await buckets.take('ticket/get', 'interactive')).toBeLessThanOrEqual(60_000)
      while ((await buckets.take('ticket/get', 'interactive')) === 0);
      await buckets.block('user/get', now() + 60_000)
      expect(await openLink()).toBe(302)
      expect(await clicks()).toBe(before + ++turns)
      const name = `turn-${turns}`
      await service.ingest('orders', [orderItem({ orderNo: name, memberNo: name, closer: 'A1' })])
      // What comes after its order is booked by the worker.
      await service.ingest('touches', [touchItem({ touchId: name, memberNo: name })])
      await service.settled()
      expect((await browser.call('GET', '/api/v1/session')).status).toBe(200)
    }
    wrongMs = -2 * HOUR_MS
    expect(await buckets.take('user/get', 'interactive')).toBeLessThan(5000) // and not two hours and a minute
    wrongMs = 0
    expect(await service.get('/audit')).toMatchObject({ items: [], checkedOrders: 5 })
    const rows = await all<{ orderNo: string; role: string }>(service, '/ledger')
    expect(rows.map(row => `${row.orderNo} ${row.role}`).sort()).toEqual(
      ['full closer', ...[1, 2, 3, 4].flatMap(n => [`turn-${n} closer`, `turn-${n} sharer`])].sort(),
    )
  })

  test('WeCom away: what needs it says so, and money is booked as ever', async () => {
    await wecom.close()
    wrongMs = 3 * HOUR_MS // by then what WeCom gave has ended
    const signed = await browser.call('POST', '/api/v1/wecom/signature', {
      body: { url: `${service.settings.publicUrl}/sidebar/`, kind: 'config' },
    })
    expect(signed.status).toBe(503)
    expect(Number(signed.headers['retry-after'])).toBeGreaterThan(0)
    expect(JSON.parse(signed.text)).toMatchObject({ code: 'wecom.unreachable' })
    expect((await service.app.inject({ url: '/readyz' })).statusCode).toBe(200)
    expect(await openLink()).toBe(302)
    await service.ingest('orders', [orderItem({ orderNo: 'away', memberNo: 'away', closer: 'A1' })])
    await service.settled()
    expect(await service.get('/audit')).toMatchObject({ items: [], checkedOrders: 6 })
  })
})
