import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { toXml } from '../../simulator/callbacks.ts'
import type { CallbackFields } from '../../simulator/world.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { sealed, startTestWecom, type TestWecom } from '../support/wecom.ts'
import { isThorough } from '../support/thorough.ts'

/** The service as it is run, killed while WeCom calls back. */

const KEY = 'test-key-with-all-scopes'
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const OUT_DIR = join(ROOT, 'node_modules', '.cache', 'daogou-wecom-kill')
const CUSTOMERS = 40
const STAFF = ['a1', 'a2']
/** In each the process is killed. */
const ROUNDS = isThorough ? 10 : 3

let database: TestDatabase
let pool: Pool
let wecom: TestWecom
let child: ChildProcess | null = null
let url = ''
const events: CallbackFields[] = []

beforeAll(async () => {
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    build: { ssr: 'server/main.ts', outDir: OUT_DIR, target: 'node20', emptyOutDir: true },
  })
  database = await createTestDatabase()
  pool = openPool(database.url, { max: 2, asOwner: true })
  wecom = await startTestWecom({
    staff: STAFF,
    customers: Array.from({ length: CUSTOMERS }, (_, i) => ({
      name: `顾客${i}`,
      externalUserid: `wm${i}`,
      follows: [],
    })),
  })
  wecom.world.subscribe(event => void (event.kind === 'callback' && events.push(event.fields)))
})
afterEach(async () => kill())
afterAll(async () => {
  await pool.end()
  await wecom.close()
  await database.drop()
})

async function start(): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  url = `http://127.0.0.1:${port}`
  const { PATH, HOME } = process.env
  const env = {
    PATH,
    HOME,
    ...wecom.env,
    DATABASE_URL: database.url,
    PORT: String(port),
    DATA_KEY: Buffer.alloc(32, 7).toString('base64'),
    SESSION_SECRET: 'a secret for tests that is long enough',
    BOOTSTRAP_API_KEY: KEY,
    RATE_LIMIT: '0',
    LOG_LEVEL: 'silent',
  }
  child = spawn(process.execPath, [join(OUT_DIR, 'main.js')], { cwd: ROOT, env, stdio: 'ignore' })
  const isReady = () => fetch(`${url}/readyz`).then(answer => answer.ok, () => false) // prettier-ignore
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error('the service ended')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

async function kill(): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** As WeCom does it: again where nobody says that it was heard. */
async function deliver(fields: CallbackFields): Promise<void> {
  for (;;) {
    const { url: path, body } = sealed(toXml(fields))
    const isHeard = await fetch(`${url}${path}`, { method: 'POST', body }).then(answer => answer.ok, () => false) // prettier-ignore
    if (isHeard) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

test('no event is lost and none counts twice, and the mirror is as WeCom has it', async () => {
  await start()
  const ingest = async (kind: string, items: object[]) => {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
    const answer = await fetch(`${url}/api/v1/${kind}`, { method: 'POST', headers, body: JSON.stringify(items) })
    expect(answer.status).toBe(200)
  }
  await ingest('stores', [{ storeCode: 'S1', name: '一店', type: 'direct' }])
  const activeFrom = '2025-01-01T00:00:00+08:00'
  await ingest(
    'associates',
    STAFF.map(associateId => ({ associateId, name: associateId, storeCode: 'S1', activeFrom })),
  )

  const friends = new Set<string>()
  let number = 0
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < CUSTOMERS; i++) {
      const userid = STAFF[(i + round) % 2]!
      const key = `${userid} wm${i}`
      number += 1
      if (!friends.has(key)) {
        wecom.world.befriend(userid, `wm${i}`, { state: `s${number}` })
        friends.add(key)
      } else {
        wecom.world.unfriend(userid, `wm${i}`, number % 3 === 0 ? 'customer' : 'associate')
        friends.delete(key)
      }
    }
    // Every fifth comes twice, and all of them at once, while the process is killed in the middle.
    const own = events.splice(0)
    const sending = [...own, ...own.filter((_, i) => i % 5 === 0)].map(deliver)
    await new Promise(resolve => setTimeout(resolve, 20 + round * 60))
    await kill()
    await start()
    await Promise.all(sending)
    // Events tell the second alone: what follows on each other in one cannot be told apart.
    await new Promise(resolve => setTimeout(resolve, 1100))
  }
  for (let i = 0; ; i++) {
    const [row] = await pool<
      { waiting: number }[]
    >`SELECT count(*) AS waiting FROM wecom_inbox WHERE status = 'waiting'`
    if (row!.waiting === 0) break
    if (i > 600) throw new Error('not everything was dealt with')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  const [inbox] = await pool<{ done: number; all: number }[]>`
    SELECT count(*) FILTER (WHERE status = 'done') AS done, count(*) AS all FROM wecom_inbox`
  expect(inbox).toEqual({ done: ROUNDS * CUSTOMERS, all: ROUNDS * CUSTOMERS })
  const rows = await pool<{ key: string }[]>`
    SELECT userid || ' ' || external_userid AS key FROM wecom_friends WHERE ended_at IS NULL`
  expect(rows.map(row => row.key).sort()).toEqual([...friends].sort())
  const latest = await pool<{ key: string }[]>`
    SELECT key FROM (
      SELECT DISTINCT ON (associate_id, external_userid) associate_id || ' ' || external_userid AS key, kind
      FROM friend_events ORDER BY associate_id, external_userid, at DESC) AS last
    WHERE kind = 'added'`
  expect(latest.map(row => row.key).sort()).toEqual([...friends].sort())
}, 240_000)
