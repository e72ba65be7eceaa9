import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { migrateDatabase } from '../../server/database.ts'
import { freePort, startEmbeddedPostgres, type EmbeddedPostgres } from '../../server/embedded-postgres.ts'
import { makeBackup } from '../../server/embedded-postgres/backup.ts'
import { listBackups } from '../../server/embedded-postgres/manifest.ts'
import { restoreBackup } from '../../server/embedded-postgres/restore.ts'
import { associateItem, linkItem, orderItem, planBody, storeItem, touchItem } from '../builders/items.ts'
import { startTestService, type TestService } from '../support/service.ts'

/**
 * An embedded database that is backed up and archived while orders come, and killed. tests/long/backup.test.ts does so
 * by the commands, with the service as a process of its own, and says how much is lost.
 */

// A new cluster, migrated, on whatever machine the tests run.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const QUICK = { fsync: 'off' }
const PHASE_CALLS = 4
const ORDERS_PER_CALL = 5

interface Told {
  orderNo: string
  answeredAt: number
}

let folder: string
let server: EmbeddedPostgres
let service: TestService
const told: Told[] = []
const place = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'daogou-backup-'))
  await chmod(folder, 0o711) // as root, the server runs as another user
  server = await startEmbeddedPostgres({ dataDir: place('data'), archive: place('archive'), settings: QUICK })
  await migrateDatabase(server.url)
  service = await startTestService({ databaseUrl: server.url })
  await service.ingest('stores', [storeItem()])
  await service.ingest('associates', [associateItem()])
  expect(await service.post('/plans', planBody({ retroactive: true }))).toMatchObject({ status: 201 })
  await service.ingest('share-links', [linkItem()])
  await service.ingest('touches', [touchItem()])
})
afterAll(async () => {
  await service.close().catch(() => {})
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Orders, each noted when it was answered. */
async function sellFor(calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) {
    const orderNos = Array.from({ length: ORDERS_PER_CALL }, (_, n) => `o-${told.length + n}`)
    await service.ingest(
      'orders',
      orderNos.map(orderNo => orderItem({ orderNo })),
    )
    for (const orderNo of orderNos) told.push({ orderNo, answeredAt: Date.now() })
  }
}

/** What was written so far is in the archive, as it would be half a minute later. */
async function archived(): Promise<void> {
  const sql = postgres(server.adminUrl, { max: 1 })
  const [piece] = await sql`SELECT pg_walfile_name(pg_switch_wal()) AS name`
  for (let i = 0; i < 3000; i++) {
    if ((await readdir(place('archive'))).includes(`${piece!['name']}.gz`)) break
    await sleep(10)
  }
  await sql.end()
}

const backUp = (keep: number) =>
  makeBackup({ dataDir: place('data'), url: server.url, to: place('backups'), keep, archive: place('archive'), log: () => {} }) // prettier-ignore

/** What a restored folder has, and what its audit says. */
async function lookInto(dataDir: string) {
  const restored = await startEmbeddedPostgres({ dataDir, archive: place('archive'), settings: QUICK })
  try {
    const again = await startTestService({ databaseUrl: restored.url })
    try {
      await again.settled()
      const rows = await again.pool<{ orderNo: string }[]>`SELECT order_no AS "orderNo" FROM orders`
      const audit = await again.get<{ items: unknown[]; checkedOrders: number }>('/audit')
      const { availableFen } = await again.get<{ availableFen: number }>('/balances?payee=A1')
      return { orders: new Set(rows.map(row => row.orderNo)), audit, availableFen }
    } finally {
      await again.close()
    }
  } finally {
    await restored.stop()
  }
}

test('what was answered before a point in time is there again, and nothing of what came after it', async () => {
  await sellFor(PHASE_CALLS)
  const selling = sellFor(PHASE_CALLS) // a backup is taken while orders come
  const backup = await backUp(2)
  await selling
  await sellFor(PHASE_CALLS)
  await sleep(20)
  const point = Date.now()
  await sleep(20)
  await sellFor(PHASE_CALLS)
  await archived()
  process.kill(Number.parseInt(await readFile(join(server.clusterDir, 'postmaster.pid'), 'utf8'), 10), 'SIGKILL')
  await server.stop()
  await rm(place('data'), { recursive: true }) // the machine is gone

  const options = { from: place('backups'), archive: place('archive'), port: freePort, settings: QUICK, log: () => {} }
  const began = performance.now()
  await restoreBackup({ ...options, dataDir: place('to-point'), toTime: point })
  const tookMs = performance.now() - began
  const atPoint = await lookInto(place('to-point'))
  const before = told.filter(({ answeredAt }) => answeredAt < point)
  const after = told.filter(({ answeredAt }) => answeredAt >= point)
  expect(before.filter(({ orderNo }) => !atPoint.orders.has(orderNo))).toEqual([])
  expect(after.filter(({ orderNo }) => atPoint.orders.has(orderNo))).toEqual([])
  expect(atPoint.audit).toMatchObject({ items: [], checkedOrders: before.length })
  expect(atPoint.availableFen).toBe(1000 * before.length)

  const bytes = backup.manifest.files.reduce((sum, file) => sum + file.bytes, 0)
  console.table({
    'orders answered': told.length,
    'before the point': `${before.length}, all there`,
    'after it': `${after.length}, none there`,
    'files, MB': `${backup.manifest.files.length}, ${(bytes / 1024 / 1024).toFixed(0)}`,
    'restored in': `${(tookMs / 1000).toFixed(1)} s`,
    'booked for them': `${atPoint.availableFen / 100} yuan`,
    'audit differs in': `${atPoint.audit.items.length} of ${atPoint.audit.checkedOrders} orders`,
  })
})

test('nothing is restored over something, from something damaged, or to a time before the first backup', async () => {
  const [backup] = await listBackups(place('backups'))
  await mkdir(place('held'))
  await writeFile(join(place('held'), 'note'), '')
  const options = {
    from: place('backups'),
    archive: place('archive'),
    port: freePort,
    toTime: null,
    settings: QUICK,
    log: () => {},
  }
  const refused = (over: object) => restoreBackup({ ...options, dataDir: place('new'), ...over })
  await expect(refused({ dataDir: place('held') })).rejects.toMatchObject({ code: 'embedded.not_empty' })
  await expect(refused({ toTime: Date.parse(backup!.manifest.endedAt) - 1 })).rejects.toMatchObject({ code: 'embedded.no_backup' }) // prettier-ignore
  const victim = backup!.manifest.files.find(({ path, bytes }) => path.includes('/base/') && bytes > 8192)!
  const content = await readFile(join(backup!.path, victim.path))
  content[5000]! ^= 1
  await writeFile(join(backup!.path, victim.path), content)
  await expect(refused({})).rejects.toMatchObject({
    code: 'embedded.backup_damaged',
    message: expect.stringContaining(victim.path) as string,
  })
  expect(await readdir(place('new'))).toEqual([])
  const { mode } = await stat(backup!.path)
  expect(mode & 0o077).toBe(0)
})
