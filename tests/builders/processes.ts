import { cp, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { createKey, signIn } from '../../server/features/auth/service.ts'
import { buildLimits, type Limits } from '../../server/features/limits/service.ts'
import { startBalancer, type Balancer } from '../support/balancer.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { startReceiver, type Receiver } from '../support/receiver.ts'
import type { TestService } from '../support/service.ts'
import {
  bundleService,
  call,
  killService,
  killServices,
  read,
  ROOT,
  SERVICE_KEY,
  settle,
  startService,
  tell,
  type ServiceProcess,
} from '../support/service-process.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'
import { associateItem, linkItem, orderItem, planBody, storeItem } from './items.ts'
import { checkHistories } from './permutations.ts'

/** Several processes behind a balancer; the short form and the full one differ in how many and how much. */
export interface Extent {
  /** Of the bundle; files that run at the same time each have their own. */
  name: string
  processes: number
  seeds: readonly number[]
  histories: number
  associates: number
  /** How long somebody reads a table that is to be changed, in milliseconds. */
  readMs: number
}

export function severalProcesses(extent: Extent): void {
  const { processes, associates } = extent
  let bundle: string
  let database: TestDatabase
  let pool: Pool
  let wecom: TestWecom
  let door: Door
  let receiver: Receiver
  let env: Record<string, string>
  let services: ServiceProcess[]
  let balancer: Balancer
  const table: [string, string][] = []
  const note = (what: string, result: string) => void table.push([what, result])
  const start = (from = bundle) => startService(from, { databaseUrl: database.url, env })

  beforeAll(async () => {
    const staff = Array.from({ length: associates }, (_, i) => `P${i}`)
    ;[bundle, database, wecom, receiver] = await Promise.all([
      bundleService(extent.name),
      createTestDatabase(),
      startTestWecom({ staff }),
      startReceiver(),
    ])
    pool = openPool(database.url, { max: 6, asOwner: true })
    door = await openDoor(wecom.env['WECOM_API_URL']!)
    env = {
      ...wecom.env,
      WECOM_API_URL: door.url,
      WEBHOOK_PRIVATE_HOSTS: receiver.host,
      RATE_LIMIT: '1000000',
      TRUST_PROXY: '127.0.0.1',
    }
    services = await Promise.all(Array.from({ length: processes }, () => start()))
    balancer = await startBalancer(services)
    expect((await call(balancer, 'POST', '/plans', planBody({ rules: RULES, retroactive: true }))).status).toBe(201)
    await tell(balancer, 'stores', [storeItem()])
    await tell(balancer, 'associates', [
      ...['A1', 'A2'].map(associateId => associateItem({ associateId })),
      ...staff.map(associateId => associateItem({ associateId })),
    ])
  }, 180_000)
  afterEach(context => {
    if (context.task.result?.state === 'fail') console.log(services.map(service => service.output()).join('\n'))
  })
  afterAll(async () => {
    await killServices()
    await balancer.close()
    await Promise.all([wecom.close(), door.close(), receiver.close(), pool.end()])
    await database.drop()
    const width = Math.max(...table.map(([what]) => what.length))
    console.log(table.map(([what, result]) => `${what.padEnd(width)}  ${result}`).join('\n'))
  })

  describe(`${processes} processes behind a balancer`, () => {
    test.each(extent.seeds)(
      'give the same answers as one (seed %i)',
      async seed => {
        const one = await startBalancer([services[0]!])
        const [alone, together] = [await told(one, seed), await told(balancer, seed)]
        await one.close()
        expect(together.entitlements).toBeGreaterThan(extent.histories / 2)
        expect(together).toEqual(alone)
        note(
          `same answers, seed ${seed}`,
          `${together.entitlements} entitlements, ${together.digest.length} sums, equal`,
        )
      },
      240_000,
    )

    /** A brand of random histories, through a balancer: what is owed and booked, without the brand's own prefix. */
    async function told(through: Balancer, seed: number) {
      const entitlements = await checkHistories(serviceBehind(through, pool), seed, extent.histories)
      const [brand] = await pool<{ brandId: number }[]>`SELECT max(brand_id) AS "brandId" FROM brands`
      const { brandId } = brand!
      const from = brandId.toString(36).length + 1
      const digest = await pool<{ row: string }[]>`
        SELECT concat_ws(' ', substr(order_no, ${from}), line_no, role, payee_kind,
            CASE payee_kind WHEN 'headquarters' THEN '' ELSE substr(payee, ${from}) END, bearer_kind,
            CASE bearer_kind WHEN 'headquarters' THEN '' ELSE substr(bearer, ${from}) END, available_at, sum(amount_fen)) AS row
        FROM ledger_rows WHERE brand_id = ${brandId}
        GROUP BY order_no, line_no, role, payee_kind, payee, bearer_kind, bearer, available_at
        HAVING sum(amount_fen) <> 0`
      return { entitlements, digest: digest.map(({ row }) => row).sort() }
    }

    test('do nothing twice: messages, webhooks, the token', async () => {
      const put = await call(balancer, 'PUT', '/settings/messages', MESSAGES)
      expect([put.status, put.ok ? '' : await put.text()]).toEqual([200, ''])
      expect((await call(balancer, 'POST', '/webhooks', { url: receiver.url, events: ['entitlement.changed'] })).status).toBe(201) // prettier-ignore
      // Whoever is to be told anything by WeCom has been seen there.
      await until(async () => (await pool`SELECT 1 FROM wecom_syncs WHERE status = 'done'`).length > 0)
      const before = door.count('gettoken')
      expect(before).toBe(1)
      await pool`DELETE FROM wecom_tokens`
      const orders = Array.from({ length: associates }, (_, i) => ({
        ...orderItem({ orderNo: `told-${i}`, memberNo: `T-${i}`, closer: `P${i}` }),
        paidAt: new Date().toISOString(),
      }))
      await Promise.all(orders.map(order => tell(balancer, 'orders', [order])))
      await settle(balancer)
      await until(() => wecom.world.appMessages.arrived.length >= associates && receiver.received.length >= associates)
      // A second telling would come with the next look of another process.
      await sleep(1500)
      const told = wecom.world.appMessages.arrived.map(message => message.userid)
      expect([...told].sort()).toEqual(orders.map(order => String(order['closer' as never])).sort())
      const events = receiver.received.map(({ body }) => (JSON.parse(body) as { eventId: string }).eventId)
      expect(events.length).toBe(associates)
      expect(new Set(events).size).toBe(associates)
      expect(door.count('gettoken')).toBe(before + 1)
      note('messages and webhooks', `${told.length} and ${events.length}, none twice`)
      note('token of WeCom', `fetched ${door.count('gettoken')} times in all, one of them after it was lost`)
    })

    test('hear of what changes at another one', async () => {
      const first = services[0]!
      /** How long until every process says so, after one of them did. */
      const heard = async (what: string, isSo: (service: ServiceProcess) => Promise<boolean>) => {
        const began = performance.now()
        const took = await Promise.all(
          services.map(async service => {
            while (!(await isSo(service))) await sleep(5)
            return performance.now() - began
          }),
        )
        note(what, `every process within ${Math.round(Math.max(...took))} ms`)
        expect(Math.max(...took)).toBeLessThan(HEARD_MS)
      }
      const status = async (service: { url: string }, path: string, headers = {}) =>
        (await fetch(`${service.url}${path}`, { headers, redirect: 'manual' })).status

      const link = linkItem({ linkCode: 'revoked-link', createdAt: '2026-01-01T00:00:00Z' })
      await tell(first, 'share-links', [link])
      for (const service of services) expect(await status(service, '/s/revoked-link')).toBe(200)
      await tell(first, 'share-links', [{ ...link, revokedAt: new Date().toISOString() }])
      await heard('a link revoked', async service => (await status(service, '/s/revoked-link')) === 410)

      const key = await createKey(pool, { brandId: 1, name: 'till', scopes: ['read'], now: Date.now() })
      const asks = { authorization: `Bearer ${key}` }
      for (const service of services) expect(await status(service, '/api/v1/stores?limit=1', asks)).not.toBe(401)
      const { items } = await read<{ items: { keyId: string; name: string }[] }>(first, '/keys')
      const { keyId } = items.find(one => one.name === 'till')!
      const revoke = { method: 'DELETE', headers: { authorization: `Bearer ${SERVICE_KEY}` } }
      expect((await fetch(`${first.url}/api/v1/keys/${keyId}?inUse=true`, revoke)).status).toBe(204)
      await heard('a key revoked', async service => (await status(service, '/api/v1/stores?limit=1', asks)) === 401)

      const session = await signIn(pool, { brandId: 1, userid: 'P0', bootstrapHeadquarters: [], now: Date.now() })
      if (session.status !== 'signed_in') throw new Error('nobody signed in')
      const refresh = { cookie: `daogou_refresh=${session.tokens.refreshToken}` }
      const answer = await fetch(`${first.url}/auth/refresh`, { method: 'POST', headers: refresh })
      const cookie = answer.headers.getSetCookie().map(one => one.split(';')[0]).join('; ') // prettier-ignore
      for (const service of services) expect(await status(service, '/api/v1/session', { cookie })).toBe(200)
      expect((await fetch(`${first.url}/auth/logout`, { method: 'POST', headers: { cookie } })).status).toBe(204)
      await heard('a session ended', async service => (await status(service, '/api/v1/session', { cookie })) === 401)

      const till = { id: 'till', role: 'closer', rateBps: 500, bearer: 'headquarters' }
      const plan = planBody({ version: 2, effectiveFrom: '2026-06-01T00:00:00Z', rules: [till], retroactive: true })
      expect((await call(first, 'POST', '/plans', plan)).status).toBe(201)
      let number = 0
      await heard('a plan published', async service => {
          const orderNo = `plan-${++number}`
          await tell(service, 'orders', [orderItem({ orderNo, memberNo: 'M1', closer: 'A2', paidAt: '2026-06-02T00:00:00Z' })]) // prettier-ignore
          const owed = await read<{ items: { amountFen: number }[] }>(service, `/entitlements?source=mall&orderNo=${orderNo}`)
          return owed.items[0]?.amountFen === 500
        }) // prettier-ignore
    })

    test('share their limits: of requests, and of guesses', async () => {
      const MAX = 400
      const each = Array.from({ length: processes }, () => limitsOf(pool, MAX))
      let passed = 0
      for (let i = 0; i < MAX * processes; i++) {
        if (!each[i % processes]!.count('key k').isOver) passed += 1
        if (i % 10 === 0) await sleep(1)
      }
      const most = MAX * (1 + 0.05 * (processes - 1))
      note(
        'requests of one key',
        `${passed} passed of ${MAX * processes}, limit ${MAX}, promised at most ${most} and what is under way`,
      )
      expect(passed).toBeGreaterThanOrEqual(MAX)
      expect(passed).toBeLessThanOrEqual(most + processes * 10)

      // Of one address, at all processes together and all at once.
      const guessed = await Promise.all(
        Array.from({ length: 100 * processes }, async (_, i) => {
          const headers = { 'x-forwarded-for': '203.0.113.7', authorization: `Bearer dg_1_${i}` }
          return await fetch(`${services[i % processes]!.url}/api/v1/stores`, { headers })
        }),
      )
      const tried = guessed.filter(answer => answer.status === 401).length
      expect(new Set(guessed.map(answer => answer.status))).toEqual(new Set([401, 429]))
      expect(guessed.find(answer => answer.status === 429)!.headers.get('retry-after')).toMatch(/^\d+$/)
      // A minute may have turned meanwhile.
      expect([60, 120]).toContain(tried)
      const codes = await Promise.all(
        services.map(service =>
          fetch(`${service.url}/s/nobody-has-this`, { headers: { 'x-forwarded-for': '203.0.113.7' } }),
        ),
      )
      if (tried === 60) expect(codes.map(answer => answer.status)).toEqual(services.map(() => 429))
      // Whoever is known goes on, and so does another address.
      for (const service of services) {
        const known = { 'x-forwarded-for': '203.0.113.7', authorization: `Bearer ${SERVICE_KEY}` }
        expect((await fetch(`${service.url}/api/v1/health/reconcile`, { headers: known })).status).toBe(200)
        const other = { 'x-forwarded-for': '203.0.113.8' }
        expect((await fetch(`${service.url}/s/nobody-has-this`, { headers: other })).status).toBe(404)
      }
      note('guesses of one address', `${tried} of ${guessed.length} tried, the others refused`)
    })

    test('are replaced one by one by a new version that migrates, and no request fails', async () => {
      const next = await newVersion(bundle)
      const load = startLoad(balancer, CLIENTS, 'rolling')
      await until(() => load.done > 30)
      // Somebody reads a table that is to be changed: the change waits for him, and others must not wait for the change.
      const reading = pool.begin(async tx => {
        await tx`SELECT 1 FROM orders LIMIT 1`
        await sleep(extent.readMs)
      })
      const added = await start(next)
      await reading
      balancer.add(added)
      const old = services
      for (const service of old) {
        balancer.remove(service)
        service.child.kill('SIGTERM')
        expect(await service.ended).toBe(0)
      }
      services = [added, await start(next)]
      balancer.add(services[1]!)
      const doneThen = load.done
      await until(() => load.done > doneThen + 30)
      const { done, failed, unknown, causes, longestMs } = await load.stop()
      note(
        'rolling upgrade under load',
        `${done} answered, ${failed.length + unknown} failed, longest ${Math.round(longestMs)} ms`,
      )
      expect([failed, causes]).toEqual([[], []])
      if (extent.readMs > 2500) expect(longestMs).toBeLessThan(extent.readMs - 500)
      const [column] = await pool`
        SELECT 1 FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'tried_out'`
      const [index] = await pool`SELECT 1 FROM pg_index WHERE indexrelid = 'orders_tried_out'::regclass AND indisvalid`
      expect([column, index].map(Boolean)).toEqual([true, true])
      await checkLoad('rolling')
    }, 240_000)

    test('one that is killed takes with it what was under way alone', async () => {
      const { failed, unknown } = await goneUnderLoad('killed', killService)
      expect(failed).toEqual([])
      expect(unknown).toBeLessThanOrEqual(CLIENTS)
    }, 240_000)

    test('one that is ended before the balancer knows of it answers what was under way', async () => {
      const { failed, unknown } = await goneUnderLoad('ended', async service => {
        service.child.kill('SIGTERM')
        expect(await service.ended).toBe(0)
      })
      expect(failed).toEqual([])
      // Only a connection made in the very instant of closing can be cut.
      expect(unknown).toBeLessThanOrEqual(1)
    }, 240_000)

    /** One goes and another comes while the balancer goes on as it was. */
    async function goneUnderLoad(name: string, end: (service: ServiceProcess) => Promise<unknown>) {
      const load = startLoad(balancer, CLIENTS, name)
      await until(() => load.done > 30)
      const [gone] = services
      await end(gone!)
      const there = load.done
      await until(() => load.done > there + 30)
      services = [...services.slice(1), await start()]
      balancer.remove(gone!)
      balancer.add(services.at(-1)!)
      const { done, failed, unknown } = await load.stop()
      note(
        `one ${name} under load`,
        `${done} answered, ${unknown} of ${CLIENTS} under way lost and sent again, ${failed.length} failed`,
      )
      await checkLoad(name)
      return { failed, unknown }
    }

    /** What was answered is there, once. */
    async function checkLoad(name: string) {
      await settle(balancer).catch(async (error: unknown) => {
        const under = await pool`
          SELECT state, backend_xmin, now() - xact_start AS age, left(query, 80) AS query FROM pg_stat_activity
          WHERE backend_xid IS NOT NULL OR backend_xmin IS NOT NULL`
        console.log(await read(balancer, '/health/reconcile'), await pool`SELECT kind, status FROM jobs`, under)
        throw error
      })
      const [row] = await pool<{ orders: number; rows: number; fen: number }[]>`
        SELECT (SELECT count(*) FROM orders WHERE source = ${name} AND revision IS NOT NULL) AS orders,
          (SELECT count(*) FROM ledger_rows WHERE source = ${name}) AS rows,
          (SELECT sum(amount_fen)::bigint FROM ledger_rows WHERE source = ${name}) AS fen`
      expect(row).toEqual({ orders: tellings.get(name), rows: tellings.get(name), fen: 300 * tellings.get(name)! })
      expect(await read(balancer, '/audit?limit=500')).toMatchObject({ items: [], nextCursor: null })
    }
  })

  /** How many orders each load told, and got an answer for. */
  const tellings = new Map<string, number>()

  /** Clients that each send one order after the other, half of them on a connection of its own each time. */
  function startLoad(through: Balancer, clients: number, source: string) {
    let isOver = false
    let number = 0
    const load = { done: 0, failed: [] as string[], unknown: 0, causes: [] as string[], longestMs: 0 }
    const send = async (order: object, isKept: boolean) => {
      const began = performance.now()
      const answer = await fetch(`${through.url}/api/v1/orders`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${SERVICE_KEY}`,
          'content-type': 'application/json',
          ...(isKept ? {} : { connection: 'close' }),
        },
        body: JSON.stringify([order]),
      })
      const text = await answer.text()
      load.longestMs = Math.max(load.longestMs, performance.now() - began)
      if (answer.status !== 200 || text.includes('rejected')) load.failed.push(`${answer.status} ${text}`)
      load.done += 1
    }
    /** Nobody knows what came of it. Of the connections that are kept open some may be to whoever was killed, too. */
    const sendAgain = async (order: object) => {
      for (let tries = 1; ; tries++) {
        try {
          return await send(order, false)
        } catch (error) {
          if (tries === clients) return void load.failed.push(String(error))
        }
      }
    }
    const running = Array.from({ length: clients }, async (_, i) => {
      while (!isOver) {
        const order = orderItem({ source, orderNo: `o-${++number}`, memberNo: `M-${number}`, closer: 'A2' })
        try {
          await send(order, i % 2 === 0)
        } catch (error) {
          load.unknown += 1
          load.causes.push(String((error as { cause?: unknown }).cause ?? error))
          await sendAgain(order)
        }
        await sleep(10)
      }
    })
    return Object.assign(load, {
      async stop() {
        isOver = true
        await Promise.all(running)
        tellings.set(source, number)
        return load
      },
    })
  }
}

const CLIENTS = 4
/** Far below the time after which a process looks again by itself. */
const HEARD_MS = 10_000
const RULES = [{ id: 'till', role: 'closer', rateBps: 300, bearer: 'headquarters' }]
const MESSAGES = {
  quietFrom: '00:00',
  quietTo: '00:00',
  kinds: {
    link_opened: true,
    sold: true,
    friend_lost: true,
    task_new: true,
    dispute_decided: true,
    statement_ready: true,
  },
  digestAbove: 3,
  digestMinutes: 10,
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1500; i++) {
    if (await isSo()) return
    await sleep(20)
  }
  throw new Error('it did not come to that in time')
}

const limitsOf = (pool: Pool, max: number): Limits =>
  buildLimits({
    pool,
    max,
    // The minute must not end while it is counted.
    now: () => 60_000 * 1000 + (Date.now() % 1000),
    onError: error => {
      throw error
    },
  })

/** What tests ask a service for, from whoever is behind the balancer. */
function serviceBehind(balancer: Balancer, pool: Pool): TestService {
  const inject = async (asked: { method: string; url: string; headers: Record<string, string>; payload?: object }) => {
    const { method, url, headers, payload } = asked
    const answer = await fetch(`${balancer.url}${url}`, {
      method,
      headers: { ...headers, ...(payload === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(payload === undefined ? {} : { body: JSON.stringify(payload) }),
    })
    const body = await answer.text()
    return { statusCode: answer.status, body, json: () => JSON.parse(body) as unknown }
  }
  return { app: { inject }, pool } as unknown as TestService
}

/** The same service with migrations that add a column to tables in use, and an index to one. */
async function newVersion(bundle: string): Promise<string> {
  const folder = `${dirname(bundle)}-next`
  const migrations = join(folder, 'drizzle', 'migrations')
  await cp(dirname(bundle), folder, { recursive: true })
  await cp(join(ROOT, 'drizzle', 'migrations'), migrations, { recursive: true })
  const journalFile = join(migrations, 'meta', '_journal.json')
  const journal = JSON.parse(await readFile(journalFile, 'utf8')) as { entries: { idx: number; when: number }[] }
  const add = async (tag: string, text: string) => {
    const { idx, when } = journal.entries.at(-1)!
    const entry = { idx: idx + 1, version: '7', when: when + 1000, tag, breakpoints: true }
    journal.entries.push(entry)
    await writeFile(join(migrations, `${tag}.sql`), text)
  }
  const column = (name: string) => `ALTER TABLE "${name}" ADD COLUMN "tried_out" text;`
  for (const name of ['orders', 'ledger_rows', 'entitlements']) await add(`9000_${name}`, column(name))
  await add(
    '9001_index',
    `-- concurrently
DROP INDEX CONCURRENTLY IF EXISTS "orders_tried_out";
--> statement-breakpoint
CREATE INDEX CONCURRENTLY "orders_tried_out" ON "orders" ("brand_id", "tried_out");`,
  )
  await writeFile(journalFile, JSON.stringify(journal))
  return join(folder, 'main.js')
}

/** A door before WeCom that counts who passes. */
interface Door {
  url: string
  count(api: string): number
  close(): Promise<void>
}

async function openDoor(origin: string): Promise<Door> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      asked.push(new URL(request.url!, origin).pathname.split('/').at(-1)!)
      fetch(`${origin}${request.url}`, {
        method: request.method!,
        ...(chunks.length > 0
          ? { body: Buffer.concat(chunks), headers: { 'content-type': request.headers['content-type'] ?? 'application/json' } } // prettier-ignore
          : {}),
      })
        .then(async answer => {
          response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' })
          response.end(Buffer.from(await answer.arrayBuffer()))
        })
        .catch(() => response.destroy())
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: api => asked.filter(one => one === api).length,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
