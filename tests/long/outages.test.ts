import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { touchItem } from '../builders/items.ts'
import { openLine, type DatabaseLine } from '../support/database-line.ts'
import {
  countClicks,
  expectAway,
  open,
  order,
  OUTAGE_SETTINGS,
  prepareShop,
  spooled,
  waitUntil,
} from '../support/outage.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import {
  bundleService,
  call,
  isReady,
  killService,
  killServices,
  read,
  settle,
  startService,
  tell,
} from '../support/service-process.ts'

/** The database is away for half a minute: refused, or silent; people open links all the while. */

const OUTAGE_MS = 30_000

let bundle: string
let database: TestDatabase
let line: DatabaseLine
let pool: Pool
let dataDir: string
beforeAll(async () => {
  bundle = await bundleService('outages-long')
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

test.each([
  ['refuses', () => line.cut()],
  ['is silent', () => Promise.resolve(line.hush())],
] as const)(
  'a database that %s for 30 s: every click that was answered is there once, two processes, one killed',
  async (_, goAway) => {
    const env = { ...OUTAGE_SETTINGS, DATA_DIR: dataDir }
    const [one, two] = [
      await startService(bundle, { databaseUrl: line.url, env }),
      await startService(bundle, { databaseUrl: line.url, env }),
    ]
    if ((await countClicks(pool)).rows === 0) await prepareShop(one)
    for (const service of [one, two]) expect((await open(service)).status).toBe(302) // now both know the link
    const before = (await countClicks(pool)).rows
    let redirected = 0
    /** Answers that nobody got: their process was killed. */
    let lost = 0
    let slowestMs = 0
    let isOver = false
    const visit = async (service: typeof one) => {
      while (!isOver) {
        try {
          const { status, tookMs } = await open(service)
          expect(status).toBe(302)
          redirected += 1
          slowestMs = Math.max(slowestMs, tookMs)
        } catch (error) {
          if (error instanceof TypeError && service.child.killed) return void (lost += 1)
          throw error
        }
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }
    const visitors = [one, two, one, two].map(visit)
    await new Promise(resolve => setTimeout(resolve, 1000))

    await goAway()
    const began = performance.now()
    await new Promise(resolve => setTimeout(resolve, 8000))
    await expectAway(one, 12_000)
    await killService(two)
    await new Promise(resolve => setTimeout(resolve, Math.max(0, OUTAGE_MS - (performance.now() - began))))
    expect((await spooled(dataDir)).size).toBe(2)
    await line.mend()
    await waitUntil(() => isReady(one), 5000)
    const number = redirected
    await waitUntil(async () => (await call(one, 'POST', '/orders', [order(number)])).status === 200, 5000)
    await tell(one, 'touches', [touchItem({ touchId: `t-${number}`, memberNo: `M-${number}` })])
    await settle(one)
    isOver = true
    await Promise.all(visitors)
    // The file of the process that was killed is adopted by the other one.
    await waitUntil(async () => (await spooled(dataDir)).size === 0, 60_000)
    const { rows, ids } = await countClicks(pool)
    expect(rows).toBe(ids)
    expect(rows - before - redirected).toBeGreaterThanOrEqual(0)
    expect(rows - before - redirected).toBeLessThanOrEqual(lost)
    expect(slowestMs).toBeLessThan(10_000)
    expect(await read(one, '/audit')).toMatchObject({ items: [] })
  },
)
