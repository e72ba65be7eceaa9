import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readPicture } from '../../server/features/materials/domain.ts'
import { sharePicture } from '../../server/features/materials/service.ts'
import { askerOf, type Asker } from '../support/askers.ts'
import { startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'

/** What headquarters lays out, and what associates put together. a1 works at S1 (east), a3 at S2 (west). */

const SINCE = '2025-01-01T00:00:00+08:00'
let wecom: TestWecom
let service: TestService
let a1: Asker
let a3: Asker

interface Item {
  materialId: string
  title: string
  earn: { earnFen: number } | null
  pictures: string[]
  product: { priceFen: number } | null
  sentBeforeAt: string | null
}
interface Library {
  items: Item[]
  campaigns: string[]
  categories: string[]
  nextCursor: string | null
}
const headers = { authorization: `Bearer ${TEST_KEY}` }
const call = async (method: 'PUT' | 'DELETE', path: string, payload?: object) => {
  const answer = await service.app.inject({ method, url: `/api/v1${path}`, headers, ...(payload ? { payload } : {}) })
  return { status: answer.statusCode, body: (answer.body === '' ? {} : answer.json()) as Record<string, unknown> }
}
const layOut = async (body: object) => {
  const answer = await service.post('/materials', body)
  expect(answer).toMatchObject({ status: 201 })
  return String(answer.body['materialId'])
}
const refused = async (body: object) => {
  const { status, body: answer } = await service.post('/materials', { kind: 'page', title: '页', ...body })
  expect(status).toBe(422)
  return (answer['errors'] as { path: string; code: string }[]).map(({ path, code }) => `${path} ${code}`)
}
const titles = async (asker: Asker, query = '') =>
  (await asker.get<Library>(`/me/materials${query}`)).items.map(item => item.title)
const upload = async (payload: Buffer, type = 'image/png') =>
  await service.app.inject({
    method: 'POST',
    url: '/api/v1/materials/pictures',
    headers: { ...headers, 'content-type': type },
    payload,
  })

beforeAll(async () => {
  wecom = await startTestWecom({
    staff: ['a1', 'a3'],
    customers: [{ name: '顾客', externalUserid: 'wmA', follows: [{ userid: 'a1' }] }],
  })
  service = await startTestService({ env: wecom.env, worker: false })
  await service.ingest('stores', [
    { storeCode: 'S1', name: '一店', type: 'direct', region: 'east' },
    { storeCode: 'S2', name: '二店', type: 'direct', region: 'west' },
  ])
  await service.ingest(
    'associates',
    ['a1', 'a3'].map(associateId => ({ associateId, name: associateId, storeCode: associateId === 'a1' ? 'S1' : 'S2', activeFrom: SINCE })), // prettier-ignore
  )
  await service.ingest('products', [
    { sku: 'coat', name: '羊毛大衣', category: '外套', priceFen: 100_000, imageUrl: 'https://img.example/coat.jpg', path: 'pages/p?id=coat' },
    { sku: 'hat', name: '帽子', priceFen: 20_000 },
  ]) // prettier-ignore
  const plan = {
    code: 'p',
    version: 1,
    effectiveFrom: '2026-01-01T00:00:00+08:00',
    attribution: { model: 'last_touch', windowDays: 15 },
    holdDays: 7,
    rules: [{ id: 'share', role: 'sharer', rateBps: 500, bearer: 'headquarters' }],
    retroactive: true,
  }
  expect((await service.post('/plans', plan)).status).toBe(201)
  ;[a1, a3] = await Promise.all([askerOf(service, 'a1'), askerOf(service, 'a3')])
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

describe('the library', () => {
  test('shows each associate what he may share now, what it earns, and finds it in Chinese', async () => {
    const coat = await layOut({
      kind: 'product',
      ref: 'coat',
      title: '今日大衣',
      text: '冬天第一件',
      campaign: '双十一',
    })
    await layOut({ kind: 'live', title: '直播间', category: '直播', path: 'pages/live', regions: ['east'] })
    await layOut({ kind: 'article', title: '怎么洗羊毛', url: 'https://example.com/wash', storeCodes: ['S2'] })
    await layOut({ kind: 'page', title: '过期了', validTo: '2026-01-01T00:00:00+08:00' })
    await layOut({ kind: 'page', title: '还没到', validFrom: '2099-01-01T00:00:00+08:00' })
    expect(await titles(a1)).toEqual(['直播间', '今日大衣'])
    expect(await titles(a3)).toEqual(['怎么洗羊毛', '今日大衣'])
    expect(await titles(a1, `?q=${encodeURIComponent('冬天')}`)).toEqual(['今日大衣'])
    expect(await titles(a1, '?kind=live')).toEqual(['直播间'])
    expect(await titles(a1, `?campaign=${encodeURIComponent('双十一')}`)).toEqual(['今日大衣'])
    expect(await titles(a1, `?category=${encodeURIComponent('直播')}`)).toEqual(['直播间'])
    const first = await a1.get<Library>('/me/materials?limit=1')
    expect(first).toMatchObject({ campaigns: ['双十一'], categories: ['直播'], items: [{ earn: null, product: null }] })
    const next = await a1.get<Library>(`/me/materials?limit=1&cursor=${first.nextCursor}`)
    expect(next).toMatchObject({
      nextCursor: null,
      items: [{ materialId: coat, earn: { earnFen: 5000 }, pictures: ['https://img.example/coat.jpg'], product: { priceFen: 100_000 } }],
    }) // prettier-ignore
  })

  test('what is laid out is shared with the sharer’s own link, and marked as sent before', async () => {
    const live = (await a1.get<Library>('/me/materials?kind=live')).items[0]!.materialId
    const share = (target: object) => ({
      shareId: randomUUID(),
      target,
      sentTo: { externalUserid: 'wmA' },
      channel: 'single_chat',
    })
    const made = await a1.post('/share', share({ kind: 'material', ref: live }))
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({ link: { title: '直播间' } })
    const linkCode = String(made.body['linkCode'])
    const [link] = await service.pool`SELECT target, associate_id FROM share_links WHERE link_code = ${linkCode}`
    expect(link).toMatchObject({ associate_id: 'a1', target: { kind: 'live', ref: live, path: 'pages/live' } })
    const sentBefore = async () => (await a1.get<Library>('/me/materials?kind=live&externalUserid=wmA')).items[0]!.sentBeforeAt // prettier-ignore
    expect(await sentBefore()).toBeNull()
    await a1.post(`/share/${linkCode}/sent`, {})
    expect(await sentBefore()).not.toBeNull()
    // It is not laid out for the other store.
    expect((await a3.post('/share', share({ kind: 'material', ref: live }))).status).toBe(404)
    expect((await a1.post('/share', share({ kind: 'material', ref: 'no uuid' }))).status).toBe(404)
  })

  test('what fits the customer of the chat comes first, then the rest, page by page', async () => {
    const before = await titles(a1)
    const beside = '/me/materials?externalUserid=wmA'
    expect(await titles(a1, '?externalUserid=wmA')).toEqual(before)
    await service.ingest('members', [{ memberNo: 'MA', consents: { tracking: true } }])
    await service.ingest('member-assignments', [{ memberNo: 'MA', from: SINCE, attributedAssociate: 'a1' }])
    await service.ingest('identities', [{ kind: 'external_userid', value: 'wmA', memberNo: 'MA', at: SINCE }])
    const oldest = before.at(-1)!
    const at = new Date(Date.now() - 60_000).toISOString()
    await service.ingest('touches', [{ touchId: 'look', at, kind: 'visit', memberNo: 'MA', page: { kind: 'product', ref: 'coat' } }]) // prettier-ignore
    expect(await titles(a1, '?externalUserid=wmA')).toEqual([oldest, ...before.slice(0, -1)])
    const paged: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Library = await a1.get<Library>(`${beside}&limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`)
      paged.push(...page.items.map(item => item.title))
      cursor = page.nextCursor
    }
    expect(paged).toEqual([oldest, ...before.slice(0, -1)])
  })

  test('headquarters changes it as a whole and takes it away; a retry makes no second one', async () => {
    const materialId = randomUUID()
    const body = { materialId, kind: 'activity', title: '会员日', text: '来吧' }
    expect((await service.post('/materials', body)).status).toBe(201)
    expect((await service.post('/materials', body)).status).toBe(200)
    expect((await service.post('/materials', { ...body, title: '别的' })).status).toBe(409)
    const changed = await call('PUT', `/materials/${materialId}`, { kind: 'activity', title: '会员周' })
    expect(changed.body).toMatchObject({ materialId, title: '会员周', text: '', ref: materialId })
    expect((await call('DELETE', `/materials/${materialId}`)).status).toBe(204)
    expect((await call('DELETE', `/materials/${materialId}`)).status).toBe(204)
    expect((await call('PUT', `/materials/${materialId}`, { kind: 'page', title: 'x' })).status).toBe(404)
    const { items } = await service.get<{ items: { action: string }[] }>(`/activity?subject=materials/${materialId}`)
    expect(items.map(item => item.action).sort()).toEqual(['material.changed', 'material.created', 'material.deleted'])
    expect(await refused({ url: 'javascript:alert(1)' })).toEqual(['url invalid_value'])
    expect(await refused({ storeCodes: ['S9'] })).toEqual(['storeCodes[0] unknown_store'])
    expect(await refused({ storeCodes: [] })).toEqual(['storeCodes invalid_value'])
    const span = { validFrom: '2026-02-01T00:00:00+08:00', validTo: '2026-01-01T00:00:00+08:00' }
    expect(await refused(span)).toEqual(['validTo invalid_value'])
  })
})

describe('pictures', () => {
  test('are told by how they begin, kept once, and shown to anybody', async () => {
    const answer = await upload(sharePicture)
    expect(answer.json()).toMatchObject({ width: 240, height: 240 })
    const { url } = answer.json<{ url: string }>()
    expect((await upload(sharePicture)).json()).toMatchObject({ url })
    const shown = await service.app.inject({ method: 'GET', url })
    expect([shown.statusCode, shown.headers['content-type']]).toEqual([200, 'image/png'])
    expect(shown.rawPayload.equals(sharePicture)).toBe(true)
    expect((await service.app.inject({ method: 'GET', url: `${url.slice(0, -1)}x` })).statusCode).toBe(404)
    expect((await upload(Buffer.from('<svg onload=alert(1)>'), 'image/png')).statusCode).toBe(415)
    expect((await upload(Buffer.alloc(3 * 1024 * 1024), 'image/png')).statusCode).toBe(413)
    const { body } = await service.post('/materials', { kind: 'page', title: '有图', pictures: [url] })
    expect(body).toMatchObject({ pictures: [url] })
    expect(await refused({ pictures: [`/api/v1/pictures/1-${'0'.repeat(64)}`] })).toEqual([
      'pictures[0] unknown_picture',
    ])
    expect(await refused({ pictures: ['http://example.com/a.png'] })).toEqual(['pictures[0] invalid_value'])
  })

  test('a JPEG tells its size in the frame after its other segments', () => {
    const segment = (marker: number, body: number[]) => [0xff, marker, 0, body.length + 2, ...body]
    const frame = segment(0xc2, [8, 0, 90, 0, 120, 3])
    const bytes = Uint8Array.from([
      0xff,
      0xd8,
      ...segment(0xe0, [1, 2, 3]),
      ...segment(0xc4, [9, 9]),
      ...frame,
      0xff,
      0xd9,
    ])
    expect(readPicture(bytes)).toEqual({ type: 'image/jpeg', width: 120, height: 90 })
    expect(readPicture(bytes.subarray(0, 12))).toBeNull()
  })
})

test('the shelf is each one’s own, in his order, with what a sale earns', async () => {
  const put = (asker: Asker, skus: string[]) => asker.ask('PUT', '/me/shelf', { skus })
  expect((await put(a1, ['hat', 'coat', 'hat'])).status).toBe(200)
  const shelf = await a1.get<{ items: { sku: string; earn: { earnFen: number } }[] }>('/me/shelf?externalUserid=wmA')
  expect(shelf.items.map(({ sku, earn }) => [sku, earn.earnFen])).toEqual([
    ['hat', 1000],
    ['coat', 5000],
  ])
  expect(await a3.get('/me/shelf')).toMatchObject({ items: [] })
  const wrong = await put(a1, ['coat', 'nothing'])
  expect([wrong.status, (wrong.body['errors'] as { path: string }[])[0]!.path]).toEqual([422, 'skus[1]'])
})
