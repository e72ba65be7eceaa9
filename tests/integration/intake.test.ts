import { afterAll, beforeAll, expect, test } from 'vitest'
import { callerOfKey, makeKey } from '../../server/features/auth/service.ts'
import { openRunLog } from '../../server/features/imports/runs/service.ts'
import type { ImportRun } from '../../server/features/imports/runs/schema.ts'
import { forgetOldRejects } from '../../server/features/ingest/service.ts'
import type { Intake, Reject } from '../../server/features/ingest/schema.ts'
import type { ApiKey, KeyMade } from '../../server/features/keys/schema.ts'
import { brand, daysAgo, NOW } from '../builders/brand.ts'
import { openBrand } from '../support/brand.ts'
import { tell } from '../support/people.ts'
import { startTestService, TEST_KEY, type TestService } from '../support/service.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
let clock = NOW
let service: TestService
beforeAll(async () => {
  service = await startTestService({ now: () => clock })
  await tell(service, brand)
})
afterAll(() => service.close())

const call = async (method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object, key = TEST_KEY) => {
  const answer = await service.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${key}` },
    ...(payload === undefined ? {} : { payload }),
  })
  const isJson = String(answer.headers['content-type']).includes('json')
  return { status: answer.statusCode, body: (isJson ? answer.json() : {}) as Record<string, unknown> }
}
const order = (orderNo: string, over: object = {}) => ({
  source: 'till',
  orderNo,
  channel: 'in_store',
  sellingStore: 'S1',
  paidAt: daysAgo(1),
  lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 100 }],
  ...over,
})

test('keys are made, seen by their first characters, used, and revoked; what is in use only when it is said', async () => {
  const made = (await call('POST', '/keys', { name: ' 门店 3 收银 ', scopes: ['read', 'ingest'] })) as unknown as { status: number; body: KeyMade } // prettier-ignore
  expect(made).toMatchObject({ status: 201, body: { name: '门店 3 收银', scopes: ['ingest', 'read'], createdBy: 'key:bootstrap', lastUsedAt: null, own: false } }) // prettier-ignore
  const { key, keyId, prefix } = made.body
  expect(key.startsWith(prefix!)).toBe(true)
  expect(key.length - prefix!.length).toBe(28)
  const find = async () => (await service.get<{ items: ApiKey[] }>('/keys')).items.find(one => one.keyId === keyId)!
  expect(JSON.stringify(await find())).not.toContain(key)

  // Its use is written down once within five minutes, however often it asks.
  await Promise.all([1, 2, 3].map(() => call('GET', '/orders', undefined, key)))
  const used = new Date(clock).toISOString()
  clock += 4 * MINUTE
  await call('GET', '/orders', undefined, key)
  expect((await find()).lastUsedAt).toBe(used)
  clock += 2 * MINUTE
  await call('GET', '/orders', undefined, key)
  expect((await find()).lastUsedAt).toBe(new Date(clock).toISOString())

  // A key gives no scope that it lacks, and is no second voice of whoever made it.
  const admin = (await call('POST', '/keys', { name: 'admin', scopes: ['admin'] })).body as unknown as KeyMade
  expect((await call('POST', '/keys', { name: 'x', scopes: ['ingest'] }, admin.key)).status).toBe(403)
  expect((await callerOfKey(service.pool, admin.key, null, clock))!.id).toBe('key:bootstrap')
  const { key: byHand } = await makeKey(service.pool, { brandId: 1, name: 'cli', scopes: ['admin'], now: clock })
  expect((await callerOfKey(service.pool, byHand, null, clock))!.id).not.toBe('key:bootstrap')

  expect(await call('DELETE', `/keys/${keyId}`)).toMatchObject({ status: 409, body: { code: 'key.in_use' } })
  expect((await call('DELETE', `/keys/${admin.keyId}`, undefined, admin.key)).status).toBe(409)
  expect((await call('DELETE', `/keys/${keyId}?inUse=true`)).status).toBe(204)
  expect((await call('DELETE', `/keys/${keyId}`)).status).toBe(204)
  expect((await call('GET', '/orders', undefined, key)).status).toBe(401)
  expect((await find()).revokedAt).not.toBeNull()
  const other = await openBrand(service)
  expect((await other.send('DELETE', `/keys/${admin.keyId}`)).status).toBe(404)
  expect((await other.get<{ items: ApiKey[] }>('/keys')).items.length).toBe(1)
  const deeds = await service.get<{ items: { action: string }[] }>(`/activity?subject=keys/${keyId}`)
  expect(deeds.items.map(({ action }) => action)).toEqual(['key.revoked', 'key.created'])
})

test('what comes in is counted by who sends it, by kind and by source, for today', async () => {
  await service.ingest('orders', [order('i1'), order('i2'), order('i2'), order('i3', { sellingStore: 'S9' })])
  await service.ingest('orders', [order('i4', { source: 'mall' })])
  const told = async () =>
    (await service.get<{ items: Intake[] }>('/intake')).items.filter(({ kind }) => kind === 'orders')
  const at = new Date(clock).toISOString()
  const row = { sentBy: 'key:bootstrap', lastAt: at }
  expect((await told()).sort((a, b) => (a.source! < b.source! ? -1 : 1))).toEqual([
    { ...row, kind: 'orders', source: 'mall', lastRejectedAt: null, today: { created: 1, updated: 0, unchanged: 0, rejected: 0 } }, // prettier-ignore
    { ...row, kind: 'orders', source: 'till', lastRejectedAt: at, today: { created: 2, updated: 0, unchanged: 1, rejected: 1 } }, // prettier-ignore
  ])
  clock += DAY
  await service.ingest('orders', [order('i1')])
  expect((await told()).find(({ source }) => source === 'till')!.today).toEqual({ created: 0, updated: 0, unchanged: 1, rejected: 0 }) // prettier-ignore
  const other = await openBrand(service)
  expect(await other.get('/intake')).toEqual({ items: [] })
})

test('what was refused is found, saved as a file, and sent again; what was masked has to be given anew', async () => {
  const phone = '13812345678'
  await service.ingest('orders', [order('r1', { sellingStore: 'S8' }), order('r2', { sellingStore: 'S8', phone })])
  await service.ingest('members', [{ memberNo: 'r3', name: '王小明', phone, levle: 'gold' }])
  const list = async (query: string) => (await service.get<{ items: Reject[] }>(`/rejected-items?${query}`)).items
  const refused = await list('kind=orders&code=unknown_store&sentBy=key:bootstrap')
  const [r1, r2] = ['till/r1', 'till/r2'].map(key => refused.find(({ itemKey }) => itemKey === key))
  const [r3] = await list('kind=members&resent=false')
  expect([r1, r2, r3].map(one => one!.maskedFields)).toEqual([[], ['phone'], ['name', 'phone']])
  expect(await list('kind=members&from=2099-01-01T00:00:00Z')).toEqual([])
  const file = await service.app.inject({ url: '/api/v1/rejected-items?kind=members', headers: { authorization: `Bearer ${TEST_KEY}`, accept: 'text/csv' } }) // prettier-ignore
  expect(file.body).toContain('unknown_field')
  expect(file.body).not.toContain(phone)

  const again = (reject: Reject, body: object) => call('POST', `/rejected-items/${reject.rejectId}/resend`, body)
  expect((await again(r1!, {})).body).toMatchObject({ status: 'rejected', error: { code: 'unknown_store' } })
  await tell(service, { stores: [{ storeCode: 'S8', name: '新店', type: 'direct' }] })
  expect((await again(r1!, {})).body).toMatchObject({ status: 'created' })
  expect(await list('kind=orders&resent=true')).toMatchObject([{ rejectId: r1!.rejectId, resentBy: 'key:bootstrap' }])
  const masked = { status: 422, body: { code: 'reject.masked' } }
  expect(await again(r2!, {})).toMatchObject(masked)
  expect(await again(r2!, { item: r2!.item })).toMatchObject(masked)
  expect((await again(r2!, { item: { ...(r2!.item as object), phone } })).body).toMatchObject({ status: 'created' })
  const { levle: _levle, ...right } = r3!.item as Record<string, unknown>
  expect(await again(r3!, { item: right })).toMatchObject(masked)
  expect((await again(r3!, { item: { ...right, name: '王小明', phone } })).body).toMatchObject({ status: 'created' })
  // Sent again once more nothing changes; another brand has none of it.
  expect((await again(r1!, {})).body).toMatchObject({ status: 'unchanged' })
  const other = await openBrand(service)
  expect((await other.send('POST', `/rejected-items/${r1!.rejectId}/resend`, {})).status).toBe(404)
  expect(await other.get('/rejected-items')).toMatchObject({ items: [] })
  expect((await service.get<{ items: Intake[] }>('/intake')).items.length).toBeGreaterThan(2)
  clock += 32 * DAY
  await forgetOldRejects(service.pool, clock)
  expect(await list('')).toEqual([])
  expect((await service.get<{ items: Intake[] }>('/intake')).items).toEqual([])
})

test('an import says how far it is, also when it fails or is heard of no more', async () => {
  const runs = async () => (await service.get<{ items: ImportRun[] }>('/imports')).items
  const open = () => openRunLog(service.pool, { brandId: 1, kind: 'orders', file: '/home/x/历史订单.csv', now: () => clock }) // prettier-ignore
  const counts = { created: 40, updated: 0, unchanged: 2, rejected: 3, rejectedLines: 3 }
  const log = await open()
  expect(await runs()).toMatchObject([{ fileName: '历史订单.csv', status: 'running', progress: 0 }])
  clock += 5000
  log.note({ line: 45, bytesRead: 250, bytesTotal: 1000, counts })
  await expect.poll(runs).toMatchObject([{ status: 'running', progress: 250, line: 45, created: 40, rejected: 3 }])
  clock += 3 * MINUTE
  expect(await runs()).toMatchObject([{ status: 'lost' }])
  await log.end('done')
  await (await open()).end('failed')
  expect(await runs()).toMatchObject([
    { status: 'failed', progress: 0 },
    { status: 'done', progress: 1000, line: 45 },
  ])
  const other = await openBrand(service)
  expect(await other.get('/imports')).toEqual({ items: [], nextCursor: null })
})
