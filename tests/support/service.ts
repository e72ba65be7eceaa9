import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { buildApp } from '../../server/app.ts'
import { openPool, type Pool } from '../../server/database.ts'
import { ensureDefaultBrand } from '../../server/features/auth/service.ts'
import type { ItemResult } from '../../server/lib/items.ts'
import { createVault } from '../../server/lib/vault.ts'
import { readSettings, type Settings } from '../../server/settings.ts'
import { startBacktestWorker } from '../../server/workers/backtests.ts'
import type { Worker } from '../../server/workers/loop.ts'
import { startReconcileWorker } from '../../server/workers/reconcile.ts'
import { createTestDatabase, templateDatabase } from './postgres.ts'

export const TEST_KEY = 'test-key-with-all-scopes'

export interface TestService {
  app: FastifyInstance
  pool: Pool
  databaseUrl: string
  settings: Settings
  /** Sends a batch and gives the results; throws where the whole was refused. */
  ingest(kind: string, items: readonly unknown[]): Promise<ItemResult[]>
  get<T = unknown>(path: string): Promise<T>
  post(path: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }>
  /** Waits until everything is booked. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** The settings of a service for tests on a database. */
export const testSettings = (databaseUrl: string, env: Record<string, string> = {}): Settings =>
  readSettings({
    DATABASE_URL: databaseUrl,
    DATA_KEY: Buffer.alloc(32, 7).toString('base64'),
    SESSION_SECRET: 'a secret for tests that is long enough',
    BOOTSTRAP_API_KEY: TEST_KEY,
    RATE_LIMIT: '0',
    DATA_DIR: join(tmpdir(), new URL(databaseUrl).pathname), // made only where something has to be kept there
    ...env,
  })

/** The real app on a fresh database of a real PostgreSQL, with a worker. No port is opened. */
export async function startTestService(
  options: {
    env?: Record<string, string>
    worker?: boolean
    now?: () => number
    webRoot?: string
    /** After how long PostgreSQL gives a statement up; a minute unless told. */
    statementTimeoutMs?: number
    /** A migrated database of the caller's, who takes it away. */
    databaseUrl?: string
  } = {},
): Promise<TestService> {
  const database =
    options.databaseUrl === undefined
      ? await createTestDatabase({ template: templateDatabase })
      : { url: options.databaseUrl, drop: async () => {} }
  const settings = testSettings(database.url, options.env)
  const now = options.now ?? Date.now
  const { statementTimeoutMs } = options
  const pool = openPool(database.url, { max: 6, ...(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }) })
  await ensureDefaultBrand(pool, { name: 'Test', zone: settings.brandTimezone, now: now() })
  const app = await buildApp({
    settings,
    pool,
    vault: createVault(settings.dataKey),
    now,
    logger: { level: 'error' },
    ...(options.webRoot === undefined ? {} : { webRoot: options.webRoot }),
  })
  await app.ready()
  const errors: unknown[] = []
  const worker: Worker | null =
    options.worker === false ? null : startReconcileWorker({ pool, now, onError: error => errors.push(error) })
  const backtests: Worker | null =
    options.worker === false
      ? null
      : startBacktestWorker({ pool, threads: null, now, onError: error => errors.push(error) })
  const headers = { authorization: `Bearer ${TEST_KEY}` }

  const service: TestService = {
    app,
    pool,
    databaseUrl: database.url,
    settings,
    async ingest(kind, items) {
      const answer = await app.inject({
        method: 'POST',
        url: `/api/v1/${kind}`,
        headers,
        payload: [...items] as object[],
      })
      if (answer.statusCode !== 200) throw new Error(`${kind}: ${answer.statusCode} ${answer.body}`)
      return answer.json()
    },
    async get(path) {
      const answer = await app.inject({ method: 'GET', url: `/api/v1${path}`, headers })
      if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode} ${answer.body}`)
      return answer.json()
    },
    async post(path, body) {
      const answer = await app.inject({ method: 'POST', url: `/api/v1${path}`, headers, payload: body as object })
      return { status: answer.statusCode, body: answer.json() }
    },
    async settled() {
      for (let i = 0; i < 3000; i++) {
        if (errors.length > 0) throw errors[0]
        const health = await service.get<{ pendingOrders: number }>('/health/reconcile')
        if (health.pendingOrders === 0) return
        await new Promise(resolve => setTimeout(resolve, 10))
      }
      throw new Error('not everything was booked in time')
    },
    async close() {
      await Promise.all([worker?.stop(), backtests?.stop()])
      await app.close()
      await pool.end({ timeout: 5 })
      await database.drop()
    },
  }
  return service
}

/** Every row of a list, page by page. */
export async function all<T>(service: TestService, path: string): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const joiner = path.includes('?') ? '&' : '?'
    const page: { items: T[]; nextCursor: string | null } = await service.get(
      `${path}${joiner}limit=500${cursor ? `&cursor=${cursor}` : ''}`,
    )
    items.push(...page.items)
    cursor = page.nextCursor
  } while (cursor)
  return items
}
