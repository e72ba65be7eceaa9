import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestService, type TestService } from '../support/service.ts'

/** Plans that somebody works on: saved over what was seen, checked, tried on an order, tested on a span. */

const SINCE = '2025-01-01T00:00:00+08:00'
const PAID = '2026-03-10T12:00:00+08:00'
const plan = {
  code: 'p',
  version: 1,
  effectiveFrom: '2026-01-01T00:00:00+08:00',
  attribution: { model: 'last_touch', windowDays: 15 },
  holdDays: 7,
  rules: [{ id: 'till', role: 'closer', rateBps: 300, bearer: 'headquarters' }],
}
const draft = {
  ...plan,
  version: 2,
  effectiveFrom: '2999-01-01T00:00:00+08:00',
  rules: [
    { id: 'share', role: 'sharer', rateBps: 400, bearer: 'headquarters' },
    { id: 'till', role: 'closer', when: { categories: ['shoes'] }, rateBps: 500, bearer: 'headquarters' },
  ],
}

let service: TestService
beforeAll(async () => {
  service = await startTestService()
  await service.ingest('stores', [{ storeCode: 'S1', name: '一店', type: 'direct', region: '华东' }])
  await service.ingest('associates', [
    { associateId: 'a1', name: '导购一', storeCode: 'S1', activeFrom: SINCE },
    { associateId: 'a2', name: '导购二', storeCode: 'S1', activeFrom: SINCE },
  ])
  await service.ingest('products', [{ sku: 'k1', name: '跑鞋', category: 'shoes', priceFen: 10_000 }])
  expect((await service.post('/plans', { ...plan, retroactive: true })).status).toBe(201)
  await service.ingest('orders', [
    {
      source: 'pos',
      orderNo: '1',
      channel: 'in_store',
      sellingStore: 'S1',
      closer: 'a1',
      paidAt: PAID,
      lines: [{ lineNo: 1, sku: 'k1', category: 'shoes', quantity: 1, paidFen: 10_000 }],
    },
  ])
  await service.settled()
})
afterAll(() => service.close())

async function send(method: 'PUT' | 'DELETE', path: string, body?: object) {
  const answer = await service.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${service.settings.bootstrapApiKey}` },
    ...(body === undefined ? {} : { payload: body }),
  })
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() }
}

describe('drafts', () => {
  test('are saved over the revision that was seen, and nobody saves over another’s', async () => {
    const content = { rules: [{ id: 'half' }] }
    const saved = await send('PUT', '/plans/drafts/夏季', { revision: 0, content, basedOn: { code: 'p', version: 1 } })
    expect(saved).toMatchObject({ status: 201, body: { revision: 1, content, basedOn: { code: 'p', version: 1 } } })
    // The answer was lost, and it is sent again.
    expect((await send('PUT', '/plans/drafts/夏季', { revision: 0, content })).status).toBe(200)
    expect((await send('PUT', '/plans/drafts/夏季', { revision: 1, content: { rules: [] } })).body['revision']).toBe(2)
    const late = await send('PUT', '/plans/drafts/夏季', { revision: 1, content: { rules: [{ id: 'mine' }] } })
    expect(late).toMatchObject({ status: 409, body: { code: 'draft.changed' } })
    expect(String(late.body['detail'])).toContain('revision 2')
    expect((await service.get<{ items: object[] }>('/plans/drafts')).items).toMatchObject([
      { name: '夏季', revision: 2 },
    ])
    expect((await send('DELETE', '/plans/drafts/夏季?revision=1')).status).toBe(409)
    expect((await send('DELETE', '/plans/drafts/夏季?revision=2')).body).toEqual({ name: '夏季', status: 'deleted' })
    expect((await send('PUT', '/plans/drafts/夏季', { revision: 2, content: {} })).status).toBe(404)
    expect((await send('PUT', '/plans/drafts/x', { revision: 0, content: { a: '\u0000' } })).status).toBe(422)
    const { items } = await service.get<{ items: { action: string }[] }>('/activity')
    expect(items.map(({ action }) => action)).toEqual(['plan.draft_deleted', 'plan.draft_begun', 'plan.published'])
  })
})

describe('checking', () => {
  test('names every fault by its path, and publishes nothing', async () => {
    const { body } = await service.post('/plans/validate', {
      ...draft,
      holdDays: undefined,
      rules: [{ id: 'x', role: 'closer', rateBps: 20_000, bearer: 'headquarters' }, { id: 'x' }],
    })
    expect((body['faults'] as { path: string }[]).map(({ path }) => path).sort()).toEqual([
      'holdDays',
      'rules[0].rateBps',
      'rules[1]',
      'rules[1].bearer',
      'rules[1].id',
      'rules[1].role',
    ])
    expect(body['terms']).toBeNull()
    expect((await service.get<{ items: object[] }>('/plans')).items).toHaveLength(1)
  })

  test('says what publishing would meet; the terms are the same whatever the plan is called and when it begins', async () => {
    const check = async (body: object) => (await service.post('/plans/validate', body)).body
    expect(await check(plan)).toMatchObject({ faults: [], isPast: true, taken: 'same' })
    expect(await check({ ...draft, version: 1 })).toMatchObject({ faults: [], isPast: false, taken: 'other' })
    const { terms } = await check(draft)
    expect(await check({ ...draft, version: 9, effectiveTo: '2999-02-01T00:00:00+08:00' })).toMatchObject({ terms })
    expect((await check({ ...draft, holdDays: 8 }))['terms']).not.toBe(terms)
    const tiers = { roles: ['closer'], mode: 'whole', bearer: 'headquarters', steps: [{ fromFen: 0, rateBps: 1 }] }
    const warned = await check({ ...draft, effectiveTo: '2999-01-20T00:00:00+08:00', monthlyTiers: tiers })
    expect(warned['warnings']).toMatchObject([{ code: 'month_without_tiers', month: '2999-01' }])
  })
})

describe('one order', () => {
  test('one that there is, now and under the draft', async () => {
    const { body } = await service.post('/plans/trial', { plan: draft, order: { source: 'pos', orderNo: '1' } })
    expect(body).toMatchObject({
      order: { orderNo: '1', netFen: 10_000 },
      now: { plan: { version: 1 }, totalFen: 300 },
      then: { plan: { version: 2 }, totalFen: 500 },
    })
    expect((await service.post('/plans/trial', { plan: draft, order: { source: 'pos', orderNo: '9' } })).status).toBe(
      404,
    )
    const faulty = await service.post('/plans/trial', { plan: {}, order: { source: 'pos', orderNo: '1' } })
    expect(faulty).toMatchObject({ status: 422, body: { code: 'invalid_plan' } })
  })

  test('one that nobody made: whom it names has the role, and the product says its category', async () => {
    const supposed = {
      channel: 'online',
      paidAt: PAID,
      sharer: 'a2',
      closer: 'a1',
      lines: [{ sku: 'k1', quantity: 2, paidFen: 20_000 }],
    }
    const { body } = await service.post('/plans/trial', { plan: draft, supposed })
    expect(body).toMatchObject({ now: { totalFen: 600 }, then: { totalFen: 1800, relation: 'direct' } })
    const paid = (body['then'] as { lines: { roles: { payee: string; afterCapFen: number }[] }[] }).lines[0]!.roles
    expect(paid.map(({ payee, afterCapFen }) => [payee, afterCapFen])).toEqual(
      expect.arrayContaining([
        ['a2', 800],
        ['a1', 1000],
      ]),
    )
  })
})

test('what a plan can name is found by a part of it', async () => {
  const find = async (kind: string, search: string) =>
    (await service.get<{ items: object[] }>(`/plans/choices/${kind}?search=${encodeURIComponent(search)}`)).items
  expect(await find('associates', '购二')).toEqual([{ value: 'a2', name: '导购二' }])
  expect(await find('stores', 's')).toEqual([{ value: 'S1', name: '一店' }])
  expect(await find('regions', '')).toEqual([{ value: '华东', name: null }])
  expect(await find('categories', 'sho')).toEqual([{ value: 'shoes', name: null }])
  expect(await find('skus', '%')).toEqual([])
})

test('the back-tests of one content are found by its terms, and are had as files', async () => {
  const span = { from: '2026-03-01T00:00:00+08:00', to: '2026-04-01T00:00:00+08:00' }
  const { body } = await service.post('/plans/backtest', { plan: draft, ...span })
  const jobId = body['jobId'] as string
  await expect.poll(async () => (await service.get<{ status: string }>(`/jobs/${jobId}`)).status).toBe('done')
  const { terms } = (await service.post('/plans/validate', { ...draft, version: 7 })).body as { terms: string }
  const { items } = await service.get<{ items: object[] }>(`/plans/backtests?status=done&terms=${terms}`)
  expect(items).toMatchObject([{ jobId, orders: 1, now: { totalFen: 300 }, then: { totalFen: 500 } }])
  expect((await service.get<{ items: object[] }>(`/plans/backtests?terms=${'0'.repeat(64)}`)).items).toEqual([])
  const file = await service.app.inject({
    method: 'GET',
    url: `/api/v1/plans/backtests/${jobId}/orders`,
    headers: { authorization: `Bearer ${service.settings.bootstrapApiKey}`, accept: 'text/csv' },
  })
  expect(file.body.trim().split('\r\n').at(-1)).toBe('pos,1,2026-03-10T04:00:00.000Z,3.00,5.00,2.00')
})
