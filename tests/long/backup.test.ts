import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { associateItem, linkItem, orderItem, planBody, storeItem, touchItem } from '../builders/items.ts'
import { bundleService, call, killService, killServices, read, ROOT, runService, settle, startService, tell } from '../support/service-process.ts' // prettier-ignore

/** Backup, loss of the machine, and restore, by the commands as an operator types them and with the true times. */

const run = promisify(execFile)
const SELLING_MS = 100_000
const ORDERS_PER_CALL = 10
const PROMISED_SECONDS = 60

let folder: string
let bundle: string
const told: { orderNo: string; answeredAt: number }[] = []
const place = (name: string) => join(folder, name)

/** What an operator sets; the keys are made and kept. */
const environment = (dataDir: string) => ({
  DATABASE_URL: 'embedded',
  DATA_DIR: place(dataDir),
  WAL_ARCHIVE_DIR: place('archive'),
  BOOTSTRAP_API_KEY: 'test-key-with-all-scopes',
  RATE_LIMIT: '0',
  LOG_LEVEL: 'error',
})

async function command(name: string, dataDir: string, args: readonly string[]) {
  const env = { ...environment(dataDir), PATH: process.env['PATH'], HOME: process.env['HOME'] }
  const words = ['--import', './server/cli/typescript.mjs', `server/cli/${name}.ts`, ...args]
  return await run(process.execPath, words, { cwd: ROOT, env }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout: stdout.trim(), stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  )
}

const start = (dataDir: string) =>
  startService(bundle, { databaseUrl: 'embedded', env: { ...environment(dataDir), DATA_KEY: '', SESSION_SECRET: '' } })

beforeAll(async () => {
  bundle = await bundleService('backup')
  folder = await mkdtemp(join(tmpdir(), 'daogou-backup-'))
  await chmod(folder, 0o711)
})
afterAll(async () => {
  await killServices()
  await rm(folder, { recursive: true, force: true })
})

test('a machine that is lost takes less than a minute of what was answered with it', async () => {
  const service = await start('data')
  await tell(service, 'stores', [storeItem()])
  await tell(service, 'associates', [associateItem()])
  expect((await call(service, 'POST', '/plans', planBody({ retroactive: true }))).status).toBe(201)
  await tell(service, 'share-links', [linkItem()])
  await tell(service, 'touches', [touchItem()])
  let isSelling = true
  const sell = async () => {
    while (isSelling) {
      const orderNos = Array.from({ length: ORDERS_PER_CALL }, () => `o-${orderNo++}`)
      const item = (orderNo: string) => orderItem({ orderNo, phone: '13800000001' })
      const answered = await tell(service, 'orders', orderNos.map(item)).catch(() => null)
      if (answered) for (const orderNo of orderNos) told.push({ orderNo, answeredAt: Date.now() })
      await sleep(50)
    }
  }
  let orderNo = 0
  const selling = sell()
  await sleep(3000)
  const backups = []
  for (let i = 0; i < 3; i++) backups.push(await command('backup', 'data', ['--to', place('backups'), '--keep', '2']))
  expect(backups.map(({ code }) => code)).toEqual([0, 0, 0])
  expect(await readdir(place('backups'))).toHaveLength(2)
  await sleep(SELLING_MS / 2)
  const point = Date.now()
  await sleep(SELLING_MS / 2)
  const killedAt = Date.now()
  const postmaster = Number.parseInt(await readFile(join(place('data'), 'postgres', 'postmaster.pid'), 'utf8'), 10)
  isSelling = false
  await Promise.all([killService(service), Promise.resolve(process.kill(postmaster, 'SIGKILL'))])
  await selling
  await rename(place('data'), place('lost'))

  expect((await command('backup', 'data', ['--verify', place('backups')])).stdout.match(/: whole/g)).toHaveLength(2)
  const look = async (dataDir: string, args: readonly string[]) => {
    const restored = await command('restore', dataDir, ['--from', place('backups'), ...args])
    expect(restored.code, restored.stderr).toBe(0)
    const audit = await command('audit', dataDir, [])
    expect(audit.code, audit.stdout).toBe(0)
    const again = await start(dataDir)
    await settle(again)
    const orders = new Set<string>()
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: { items: { orderNo: string }[]; nextCursor: string | null } = await read(
        again,
        `/orders?limit=500${cursor && `&cursor=${cursor}`}`,
      )
      for (const order of page.items) orders.add(order.orderNo)
      cursor = page.nextCursor
    }
    const found = await call(again, 'GET', '/audit')
    const { items } = (await found.json()) as { items: unknown[] }
    const { availableFen } = await read<{ availableFen: number }>(again, '/balances?payee=A1')
    again.child.kill('SIGTERM')
    expect(await again.ended).toBe(0)
    return { orders, differing: items.length, availableFen }
  }
  const atPoint = await look('to-point', ['--to-time', new Date(point).toISOString()])
  const before = told.filter(({ answeredAt }) => answeredAt < point)
  expect(before.filter(({ orderNo }) => !atPoint.orders.has(orderNo))).toEqual([])
  expect(atPoint.availableFen).toBe(1000 * atPoint.orders.size)
  // Its own history was archived meanwhile, beside the one that was lost: that one is still the one of the backup.
  const atEnd = await look('to-end', [])
  const lost = told.filter(({ orderNo }) => !atEnd.orders.has(orderNo))
  const lostSeconds = lost.length === 0 ? 0 : (killedAt - lost[0]!.answeredAt) / 1000
  expect(lostSeconds).toBeLessThan(PROMISED_SECONDS)
  console.table({
    'orders answered': told.length,
    'before the point': `${before.length}, all there`,
    'to the end of the archive': `${told.length - lost.length} there`,
    'lost with the machine': `${lost.length}, the oldest ${lostSeconds.toFixed(1)} s before`,
    'audits differ in': `${atPoint.differing + atEnd.differing} orders`,
  })

  const tooLate = await command('restore', 'too-late', [
    '--from',
    place('backups'),
    '--to-time',
    '2999-01-01T00:00:00Z',
  ])
  expect(tooLate).toMatchObject({ code: 1 })
  expect(tooLate.stderr).toContain('The archive ends before that point in time')
  const over = await command('restore', 'to-end', ['--from', place('backups')])
  expect(over).toMatchObject({ code: 1 })
  expect(over.stderr).toContain('holds something')
})

test('a folder for the log that cannot be one is a wrong setting', async () => {
  const wrong = runService(bundle, { ...environment('data'), WAL_ARCHIVE_DIR: '/tmp/"$(id)"' })
  expect(await wrong.ended).toBe(2)
  expect(wrong.output()).toContain('WAL_ARCHIVE_DIR')
})
