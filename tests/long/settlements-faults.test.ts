import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { brandOfKey, type Caller } from '../../server/features/auth/domain.ts'
import { ensureDefaultBrand } from '../../server/features/auth/service.ts'
import {
  approveSettlement,
  clearAwayLeftovers,
  discardSettlement,
  draftSettlement,
  paySettlement,
} from '../../server/features/settlements/service.ts'
import { book } from '../support/ledger.ts'
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts'
import { isThorough } from '../support/thorough.ts'

/**
 * A process that dies in the middle of a settlement. First at every single step, by a pool that fails before or after
 * the nth thing that is asked of it; then as it is in life, by killing the service.
 */

const NOW = Date.parse('2026-05-01T04:00:00Z')
const BRAND = 1
const caller: Caller = {
  brandId: BRAND,
  zone: 'Asia/Shanghai',
  actor: 'key:test',
  id: 'key:test',
  scopes: new Set(['admin']),
  scope: { brandId: BRAND, reach: 'brand' },
  person: null,
}
const asked = { caller, now: NOW }
const body = { cutoff: new Date(NOW).toISOString() }

let database: TestDatabase
let pool: Pool
/** Another process of the service, as far as the database can tell. */
let other: Pool
beforeAll(async () => {
  expect(brandOfKey(`dg_${BRAND}_${'x'.repeat(24)}`)).toBe(BRAND)
  database = await createTestDatabase()
  pool = openPool(database.url, { max: 6 })
  other = openPool(database.url, { max: 6 })
  await ensureDefaultBrand(pool, { name: 'Test', zone: 'Asia/Shanghai', now: NOW })
})
afterAll(async () => {
  await pool.end()
  await other.end()
  await database.drop()
})

/** So many associates, `A1` and on. */
async function hire(on: Pool, count: number): Promise<void> {
  await on`
    INSERT INTO associates (brand_id, associate_id, name, kinds, role, employments, created_at, updated_at)
    SELECT ${BRAND}, 'A' || i, 'Associate', '[]', 'associate', '[]', now(), now() FROM generate_series(1, ${count}::int) AS i
    ON CONFLICT DO NOTHING`
}

interface Books {
  rows: number
  fen: number
  /** Rows in a settlement that counts, and what its statements say. */
  settledRows: number
  settledFen: number
  /** Rows in any settlement, and those of none that is listed. */
  heldRows: number
  strayRows: number
}

/** The ledger against the settlements, from the tables themselves. */
async function books(on: Pool = pool): Promise<Books> {
  const [row] = await on<Books[]>`
    SELECT (SELECT count(*) FROM ledger_rows) AS rows, (SELECT COALESCE(sum(amount_fen), 0)::bigint FROM ledger_rows) AS fen,
      (SELECT count(*) FROM settlement_rows AS r JOIN settlements AS s USING (brand_id, settlement_id)
       WHERE NOT r.carried AND s.status IN ('approved', 'paid')) AS "settledRows",
      (SELECT COALESCE(sum(t.total_fen), 0)::bigint FROM settlement_statements AS t
       JOIN settlements AS s USING (brand_id, settlement_id)
       WHERE NOT t.carried AND s.status IN ('approved', 'paid')) AS "settledFen",
      (SELECT count(*) FROM settlement_rows WHERE NOT carried) AS "heldRows",
      (SELECT count(*) FROM settlement_rows AS r WHERE NOT EXISTS (
         SELECT FROM settlements AS s WHERE s.brand_id = r.brand_id AND s.settlement_id = r.settlement_id
           AND s.status IN ('draft', 'approved', 'paid'))) AS "strayRows"`
  return row!
}

const statuses = async (on: Pool = pool) =>
  (await on<{ status: string }[]>`SELECT status FROM settlements ORDER BY created_at, settlement_id`).map(
    row => row.status,
  )

// ---------------------------------------------------------------------------------------------- every step

class Crash extends Error {}

/** A pool that does its first `steps` things and then none: its process is gone. The last may still have been done. */
function dying(steps: number, isLastDone: boolean): { pool: Pool; isDead: () => boolean } {
  let asks = 0
  const wrap =
    (ask: (...args: unknown[]) => Promise<unknown>) =>
    async (...args: unknown[]): Promise<unknown> => {
      const mine = ++asks
      if (mine > steps && !(isLastDone && mine === steps + 1)) throw new Crash()
      const answer = await ask(...args)
      if (mine > steps) throw new Crash()
      return answer
    }
  const proxy = new Proxy(pool, {
    // A statement of its own, or a part of one: the part is no step.
    apply(target, self, args: unknown[]) {
      const query = Reflect.apply(target as never, self, args) as PromiseLike<unknown>
      if (!Array.isArray((args[0] as { raw?: unknown } | undefined)?.raw)) return query
      let run: Promise<unknown> | null = null
      const then: PromiseLike<unknown>['then'] = (done, failed) => {
        run ??= wrap(async () => await query)()
        return run.then(done, failed)
      }
      return new Proxy(query as object, {
        get: (one, key) => (key === 'then' ? then : (Reflect.get(one, key) as unknown)),
      })
    },
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      return key === 'begin' ? wrap((value as (...args: unknown[]) => Promise<unknown>).bind(target)) : value
    },
  })
  return { pool: proxy, isDead: () => asks > steps }
}

/** Does it again and again, dying one step later each time, until it comes through. @returns how many steps it has */
async function dieAtEveryStep(
  work: (pool: Pool) => Promise<unknown>,
  afterDeath: (steps: number) => Promise<void>,
): Promise<number> {
  for (let steps = 0; steps < 200; steps++) {
    for (const isLastDone of [false, true]) {
      const process = dying(steps, isLastDone)
      const outcome = await work(process.pool).then(
        () => null,
        (error: unknown) => error,
      )
      if (outcome === null) return steps
      expect(outcome).toBeInstanceOf(Crash)
      expect(process.isDead()).toBe(true)
      await afterDeath(steps)
    }
  }
  throw new Error('it never came through')
}

describe('a process that dies at any step', () => {
  const LARGE = 12_000
  beforeAll(async () => {
    await hire(pool, 230)
    await book(pool, BRAND, [
      ...Array.from({ length: 230 }, (_, i) => [
        { payee: `A${i + 1}`, amountFen: 100 + i },
        { payee: `A${i + 1}`, amountFen: i % 7 === 0 ? -900 : -5, bearer: 'S1' },
      ]).flat(),
      // Too large for one transaction; the second one is carried.
      ...Array.from({ length: LARGE }, (_, i) => ({ payee: 'A1', amountFen: i % 3 })),
      ...Array.from({ length: 1200 }, (_, i) => ({ payee: 'A2', amountFen: -(i % 3) })),
    ])
  }, 120_000)

  /** What a whole draft of all this holds. */
  async function expected() {
    const [row] = await pool<{ rows: number; fen: number }[]>`
      SELECT sum(n)::bigint AS rows, sum(fen)::bigint AS fen FROM (
        SELECT count(*) AS n, sum(amount_fen) AS fen FROM ledger_rows GROUP BY payee HAVING sum(amount_fen) >= 0) AS payee`
    return row!
  }

  test('while it gathers: nothing counts, and the next draft is whole', async () => {
    const { rows, fen } = await expected()
    const steps = await dieAtEveryStep(
      async dead => await draftSettlement(dead, { ...asked, body }),
      async () => {
        const left = await statuses()
        // Either nothing that counts, or all of it: where only the answer was lost.
        if (left.includes('draft')) {
          expect(left).toEqual(['draft'])
          expect(await books()).toMatchObject({ heldRows: rows, strayRows: 0 })
          await pool`UPDATE settlements SET status = 'discarding'`
        }
        expect(left.every(status => ['gathering', 'discarding', 'draft'].includes(status))).toBe(true)
        expect(await books()).toMatchObject({ settledRows: 0 })
      },
    )
    // Lock, leftovers, accounts, three batches, two large accounts bit by bit, statements and carrying, the end.
    expect(steps).toBeGreaterThan(12)
    expect(await statuses()).toEqual(['draft'])
    expect(await books()).toMatchObject({ heldRows: rows, strayRows: 0 })
    const [draft] = await pool<{ rowCount: number; totalFen: number }[]>`
      SELECT row_count AS "rowCount", total_fen AS "totalFen" FROM settlements`
    expect(draft).toEqual({ rowCount: rows, totalFen: fen })
    await pool`UPDATE settlements SET status = 'discarding'`
  }, 240_000)

  test('while it discards: nothing of it counts any more, and housekeeping frees what is left', async () => {
    const { rows } = await expected()
    let settlementId = (await draftSettlement(pool, { ...asked, body })).settlementId
    const steps = await dieAtEveryStep(
      async dead => await discardSettlement(dead, { ...asked, settlementId }),
      async () => {
        const [status = 'gone'] = await statuses()
        expect(['draft', 'discarding', 'gone']).toContain(status)
        if (status === 'draft') {
          expect(await books()).toMatchObject({ heldRows: rows, strayRows: 0 })
          return
        }
        // Told again, it is not there; nor is it once it is cleared away.
        await expect(discardSettlement(pool, { ...asked, settlementId })).rejects.toMatchObject({ code: 'not_found' })
        await clearAwayLeftovers(other)
        expect(await statuses()).toEqual([])
        expect(await books()).toMatchObject({ heldRows: 0, strayRows: 0 })
        settlementId = (await draftSettlement(pool, { ...asked, body })).settlementId
        expect(await books()).toMatchObject({ heldRows: rows, strayRows: 0 })
      },
    )
    expect(steps).toBeGreaterThan(4)
    expect(await books()).toMatchObject({ heldRows: 0, strayRows: 0 })
  }, 240_000)

  test('while housekeeping clears away what others left', async () => {
    await draftSettlement(pool, { ...asked, body })
    await pool`UPDATE settlements SET status = 'gathering'`
    await dieAtEveryStep(
      async dead => {
        await clearAwayLeftovers(dead)
        if ((await statuses()).length > 0) throw new Error('something is left')
      },
      async () => {
        expect((await statuses()).every(status => status !== 'draft')).toBe(true)
        await draftSettlement(pool, { ...asked, body })
        expect(await books()).toMatchObject({ strayRows: 0 })
        await pool`UPDATE settlements SET status = 'gathering'`
      },
    )
    expect(await books()).toMatchObject({ heldRows: 0, strayRows: 0 })
  }, 240_000)

  test('while it approves and pays: each is done or not, and doing it again ends the same', async () => {
    const { settlementId, rowCount, totalFen } = await draftSettlement(pool, { ...asked, body })
    await dieAtEveryStep(
      async dead => await approveSettlement(dead, { ...asked, settlementId }),
      async () => expect([['draft'], ['approved']]).toContainEqual(await statuses()),
    )
    expect(await books()).toMatchObject({ settledRows: rowCount, settledFen: totalFen })
    const paid = async () =>
      (
        await pool<{ n: number; fen: number }[]>`
        SELECT count(*) AS n, COALESCE(sum(amount_fen), 0)::bigint AS fen FROM settlement_payments`
      )[0]!
    await dieAtEveryStep(
      async dead => await paySettlement(dead, { ...asked, settlementId, body: { reference: 'bank-1' } }),
      async () => expect([['approved'], ['paid']]).toContainEqual(await statuses()),
    )
    expect(await statuses()).toEqual(['paid'])
    expect((await paid()).fen).toBe(totalFen)
    const deeds = await pool<{ action: string; n: number }[]>`
      SELECT action, count(*) AS n FROM activity WHERE subject = ${`settlements/${settlementId}`} GROUP BY 1 ORDER BY 1`
    expect(deeds).toEqual([
      { action: 'settlement.approved', n: 1 },
      { action: 'settlement.drafted', n: 1 },
      { action: 'settlement.payments_recorded', n: 1 },
    ])
  }, 120_000)
})

// -------------------------------------------------------------------------------------------- two processes

describe('two processes', () => {
  test('that gather at the same moment share nothing, and one waits for the other', async () => {
    for (let i = 0; i < 5; i++) {
      await book(
        pool,
        BRAND,
        Array.from({ length: 230 }, (_, k) => ({ payee: `A${k + 1}`, amountFen: 10_000 })),
      )
      const drafts = await Promise.all([
        draftSettlement(pool, { ...asked, body }),
        draftSettlement(other, { ...asked, body }),
      ])
      expect(Math.min(...drafts.map(draft => draft.rowCount))).toBe(0)
      expect(await books()).toMatchObject({ strayRows: 0 })
      for (const { settlementId } of drafts) await approveSettlement(pool, { ...asked, settlementId })
    }
  })

  test('one that lost its turn without knowing stops, and leaves nothing in what the other made', async () => {
    await book(
      pool,
      BRAND,
      Array.from({ length: 230 }, (_, k) => ({ payee: `A${k + 1}`, amountFen: 1 })),
    )
    const before = await books()
    // The lock's connection goes when the first batch is written; its process does not notice at once.
    const owner = openPool(database.url, { max: 1, asOwner: true })
    const first = draftSettlement(pool, { ...asked, body }).then(
      settlement => settlement.rowCount,
      () => null,
    )
    let cut = 0
    while (cut === 0) {
      const [row] = await owner<{ cut: number }[]>`
        SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) AS cut FROM pg_locks
        WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND EXISTS (SELECT FROM settlements WHERE status = 'gathering')`
      cut = row!.cut
    }
    const second = await draftSettlement(other, { ...asked, body })
    const taken = ((await first) ?? 0) + second.rowCount
    expect([0, 230]).toContain(taken) // the first may have come through, and its answer been lost
    await new Promise(resolve => setTimeout(resolve, 300))
    await clearAwayLeftovers(other)
    expect(await books()).toMatchObject({ heldRows: before.heldRows + 230, strayRows: 0 })
    await owner.end()
  })
})

// ------------------------------------------------------------------------------------------------- kill -9

const KEY = 'test-key-with-all-scopes'
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const OUT_DIR = join(ROOT, 'node_modules', '.cache', 'daogou-settlements')

interface Run {
  child: ChildProcess
  url: string
  ended: Promise<unknown>
}
const running = new Set<Run>()

async function startService(databaseUrl: string): Promise<Run> {
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as { port: number }
  free.close()
  await once(free, 'close')
  const { PATH, HOME, TMPDIR } = process.env
  const env = {
    ...Object.fromEntries(Object.entries({ PATH, HOME, TMPDIR }).filter(([, value]) => value !== undefined)),
    DATABASE_URL: databaseUrl,
    DATA_KEY: Buffer.alloc(32, 7).toString('base64'),
    SESSION_SECRET: 'a secret for tests that is long enough',
    BOOTSTRAP_API_KEY: KEY,
    RATE_LIMIT: '0',
    LOG_LEVEL: 'error',
    PORT: String(port),
  }
  const child = spawn(process.execPath, ['--enable-source-maps', join(OUT_DIR, 'main.js')], {
    cwd: ROOT,
    env,
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  const run = { child, url: `http://127.0.0.1:${port}/api/v1`, ended }
  running.add(run)
  void ended.then(() => running.delete(run))
  const isReady = () => fetch(`http://127.0.0.1:${port}/readyz`).then(answer => answer.ok, () => false) // prettier-ignore
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error('it ended')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return run
}

async function kill({ child, ended }: Run): Promise<void> {
  child.kill('SIGKILL')
  await ended
}

const call = async (run: Run, method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object) =>
  await fetch(`${run.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${KEY}`, ...(payload ? { 'content-type': 'application/json' } : {}) },
    ...(payload ? { body: JSON.stringify(payload) } : {}),
  })

describe('kill -9', () => {
  const ASSOCIATES = 900
  const ROWS_EACH = 20
  let own: TestDatabase
  let direct: Pool
  beforeAll(async () => {
    await build({
      configFile: false,
      root: ROOT,
      logLevel: 'error',
      build: { ssr: 'server/main.ts', outDir: OUT_DIR, target: 'node20', sourcemap: true, emptyOutDir: true },
    })
    own = await createTestDatabase()
    direct = openPool(own.url, { max: 4, asOwner: true })
    await hire(direct, ASSOCIATES)
    const rows = Array.from({ length: ASSOCIATES * ROWS_EACH }, (_, i) => ({
      payee: `A${(i % ASSOCIATES) + 1}`,
      amountFen: ((i * 37) % 200) - ((i % ASSOCIATES) % 60),
    }))
    await book(direct, BRAND, rows)
  }, 240_000)
  afterEach(async () => {
    for (const run of running) await kill(run)
  })
  afterAll(async () => {
    await direct.end()
    await own.drop()
  })

  const count = async (what: 'settlement_rows' | 'settlements') =>
    (await direct<{ n: number }[]>`SELECT count(*) AS n FROM ${direct(what)}`)[0]!.n
  const until = async (isSo: () => Promise<boolean>) => {
    for (let i = 0; i < 4000 && !(await isSo()); i++) await new Promise(resolve => setTimeout(resolve, 2))
  }
  const cutoff = '2026-05-01T00:00:00Z'

  test('in the middle of drafts and discards: every row ends in one settlement, once', async () => {
    const TOTAL = ASSOCIATES * ROWS_EACH
    for (const round of isThorough ? [0, 1, 2, 3, 4, 5] : [1, 4]) {
      const run = await startService(own.url)
      // What the one before left does not count, and is in nobody's way.
      const listed = (await (await call(run, 'GET', '/settlements')).json()) as { items: unknown[] }
      expect(listed.items).toEqual([])
      const drafting = call(run, 'POST', '/settlements', { cutoff }).then(
        async answer => ((await answer.json()) as { settlementId: string }).settlementId,
        () => null,
      )
      if (round < 3) {
        await until(
          async () => (await count('settlements')) > 0 && (await count('settlement_rows')) > (TOTAL / 4) * round,
        )
        await kill(run)
        await drafting
      } else {
        const id = await drafting
        const discarding = call(run, 'DELETE', `/settlements/${id}`).catch(() => null)
        await until(async () => (await count('settlement_rows')) < TOTAL - (TOTAL / 4) * (round - 2))
        await kill(run)
        await discarding
      }
    }
    const run = await startService(own.url)
    const draft = (await (await call(run, 'POST', '/settlements', { cutoff })).json()) as Record<string, unknown>
    expect(draft).toMatchObject({ status: 'draft', statementCount: ASSOCIATES })
    const id = draft['settlementId'] as string
    // Killed while it approves, again and again, until it is.
    let approved: Run = run
    for (let i = 0; i < 3; i++) {
      const asking = call(approved, 'POST', `/settlements/${id}/approve`).catch(() => null)
      await new Promise(resolve => setTimeout(resolve, i * 8))
      await kill(approved)
      await asking
      approved = await startService(own.url)
    }
    expect((await call(approved, 'POST', `/settlements/${id}/approve`)).status).toBe(200)
    const now = await books(direct)
    expect(now).toMatchObject({ rows: TOTAL, strayRows: 0, settledRows: now.heldRows, settledFen: draft['totalFen'] })
    const [owing] = await direct<{ rows: number }[]>`
      SELECT COALESCE(sum(n), 0)::bigint AS rows FROM (
        SELECT count(*) AS n FROM ledger_rows GROUP BY payee HAVING sum(amount_fen) < 0) AS payee`
    expect(now.settledRows).toBe(TOTAL - owing!.rows)
  }, 240_000)
})
