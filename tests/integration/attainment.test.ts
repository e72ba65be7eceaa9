import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attainmentOf } from '../../server/features/attainment/domain.ts'
import type { AttainmentItem } from '../../server/features/attainment/schema.ts'
import { listAttainment } from '../../server/features/attainment/service.ts'
import type { Caller, Scope } from '../../server/features/auth/domain.ts'
import { monthStart } from '../../server/lib/time.ts'
import { history, ORIGIN, plans } from '../builders/histories.ts'
import { associateItem, lineItem, orderItem, refundItem, storeItem } from '../builders/items.ts'
import { openOtherBrand, tellHistory } from '../support/people.ts'
import { all, startTestService, TEST_KEY, type TestService } from '../support/service.ts'

let service: TestService
/** Ten of May's 31 days are gone. */
const NOW = Date.parse('2026-05-11T00:00:00+08:00')
beforeAll(async () => {
  service = await startTestService({ now: () => NOW })
})
afterAll(() => service.close())

const byName = (items: readonly AttainmentItem[]) =>
  new Map(items.map(item => [item.storeCode ?? item.associateId ?? '', item]))
/** Somebody who sees so much. */
const callerWith = (scope: Scope): Caller => ({
  brandId: scope.brandId,
  zone: 'Asia/Shanghai',
  actor: 'somebody',
  id: 'person:somebody',
  scopes: new Set(),
  scope,
  person: null,
})

describe('the month so far against the target', () => {
  const page = (query = '') => service.get<{ month: string; items: AttainmentItem[]; nextCursor: string | null }>(`/attainment${query}`) // prettier-ignore
  const sale = (orderNo: string, over: object = {}) =>
    orderItem({
      source: 'till',
      channel: 'in_store',
      orderNo,
      sellingStore: 'S1',
      closer: 'A1',
      paidAt: '2026-05-03T12:00:00+08:00',
      lines: [lineItem({ paidFen: 100_000 })],
      ...over,
    })

  beforeAll(async () => {
    await service.ingest('stores', [storeItem({ name: '一店' }), storeItem({ storeCode: 'S2', name: '二店' })])
    await service.ingest('associates', [
      associateItem({ name: '甲' }),
      associateItem({ associateId: 'A2', name: '乙' }),
      associateItem({ associateId: 'B1', name: '丙', storeCode: 'S2' }),
    ])
    const target = (whom: object, netSalesFen: number, month = '2026-05') => ({ month, ...whom, netSalesFen })
    await service.ingest('targets', [
      target({ storeCode: 'S1' }, 310_000),
      target({ storeCode: 'S1' }, 900_000, '2026-04'),
      target({ storeCode: 'S2' }, 0),
      target({ associateId: 'A1' }, 99_999),
      target({ associateId: 'B1' }, 10_000),
    ])
    await service.ingest('orders', [
      sale('1'),
      sale('2', { lines: [lineItem({ paidFen: 50_000 }), lineItem({ lineNo: 2, paidFen: 7_000, closer: 'A2' })] }),
      sale('3', { paidAt: '2026-04-30T23:59:59.999+08:00' }),
      sale('4', { paidAt: '2026-06-01T00:00:00+08:00' }),
      sale('5', { cancelled: true }),
      sale('6', { paidAt: '2026-05-01T00:00:00+08:00', lines: [lineItem({ paidFen: 1 })] }),
      sale('7', { sellingStore: 'S2', lines: [lineItem({ paidFen: 3_000 })] }),
      sale('8', {
        sellingStore: 'S2',
        lines: [lineItem({ paidFen: 4_000 }), lineItem({ lineNo: 2, paidFen: 5_000, closer: 'A2' })],
      }),
    ])
    const override = { source: 'till', orderNo: '8', role: 'closer', associateId: 'B1', reason: '换班' }
    expect((await service.post('/overrides', override)).status).toBe(201)
    // Refunded in another month: the day of its order is restated.
    await service.ingest('refunds', [
      refundItem({
        source: 'till',
        orderNo: '1',
        refundedAt: '2026-06-20T12:00:00+08:00',
        lines: [{ lineNo: 1, quantity: 0, refundFen: 40_000 }],
      }),
    ])
    await service.settled()
  })

  test('is net sales of the selling store, credited sales of an associate, each over the target', async () => {
    expect(await page()).toEqual({
      month: '2026-05',
      items: [
        {
          storeCode: 'S1',
          name: '一店',
          store: null,
          targetFen: 310_000,
          netSalesFen: 117_001, // 60,000 + 57,000 + 1
          attainmentBps: 3_774, // 0.37742…
          monthGoneBps: 3_226, // 10 of 31 days
          expectedFen: 100_000,
          attainmentOfMonthGoneBps: 11_700,
        },
        {
          storeCode: 'S2',
          name: '二店',
          store: null,
          targetFen: 0,
          netSalesFen: 12_000,
          attainmentBps: null,
          monthGoneBps: 3_226,
          expectedFen: 0,
          attainmentOfMonthGoneBps: null,
        },
        {
          associateId: 'A1',
          name: '甲',
          store: 'S1',
          targetFen: 99_999,
          netSalesFen: 113_001, // also what he sold elsewhere, not the line of A2
          attainmentBps: 11_300,
          monthGoneBps: 3_226,
          expectedFen: 32_258, // 32257.7…
          attainmentOfMonthGoneBps: 35_031,
        },
        {
          associateId: 'B1',
          name: '丙',
          store: 'S2',
          targetFen: 10_000,
          netSalesFen: 9_000, // all lines of the order whose closer he is by decision
          attainmentBps: 9_000,
          monthGoneBps: 3_226,
          expectedFen: 3_226,
          attainmentOfMonthGoneBps: 27_900,
        },
      ],
      nextCursor: null,
      summedUntil: null,
    })
  })

  test('of a month that is over, and of one that is to come', async () => {
    const past = await page('?month=2026-04')
    expect(past.items).toMatchObject([
      {
        storeCode: 'S1',
        netSalesFen: 100_000,
        monthGoneBps: 10_000,
        expectedFen: 900_000,
        attainmentBps: 1_111,
        attainmentOfMonthGoneBps: 1_111,
      },
    ])
    const next = await page('?month=2026-06&storeCode=S1')
    expect(next.items).toMatchObject([
      {
        netSalesFen: 100_000,
        targetFen: null,
        monthGoneBps: 0,
        expectedFen: null,
        attainmentBps: null,
        attainmentOfMonthGoneBps: null,
      },
    ])
  })

  test('is there page by page, by store with its people, and by associate, also without a target', async () => {
    const names = async (query: string) => [...byName((await page(query)).items).keys()]
    expect(await names('?storeCode=S1')).toEqual(['S1', 'A1'])
    expect(await names('?associate=A2')).toEqual(['A2'])
    expect((await page('?associate=A2')).items).toMatchObject([{ netSalesFen: 7_000, targetFen: null }])
    expect(await names('?storeCode=S1&associate=A2')).toEqual(['A2'])
    expect(await names('?storeCode=S2&associate=A2')).toEqual([])
    const paged: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const { items, nextCursor } = await page(`?limit=1${cursor && `&cursor=${cursor}`}`)
      paged.push(...byName(items).keys())
      cursor = nextCursor
    }
    expect(paged).toEqual(['S1', 'S2', 'A1', 'B1'])
    for (const query of ['storeCode=S9', 'associate=nobody', 'storeCode=A1']) {
      await expect(page(`?${query}`)).rejects.toThrow('404')
    }
    for (const query of ['month=2026-13', 'cursor=x', 'cursor=WyJ4IiwiYSJd', 'region=east']) {
      await expect(page(`?${query}`)).rejects.toThrow('400')
    }
  })

  test('is made of what the asker may see', async () => {
    const seen = async (scope: Scope, query: object = {}) =>
      [...byName((await listAttainment(service.pool, { caller: callerWith(scope), now: NOW, query })).items)].map(
        ([name, item]) => [name, item.netSalesFen],
      )
    // What A1 sold in S2 is not among the orders that S1's manager sees.
    expect(await seen({ brandId: 1, reach: 'stores', storeCodes: ['S1'] })).toEqual([
      ['S1', 117_001],
      ['A1', 110_001],
    ])
    expect(await seen({ brandId: 1, reach: 'self', associateId: 'A1' })).toEqual([['A1', 113_001]])
    expect(await seen({ brandId: 1, reach: 'self', associateId: 'A2' })).toEqual([])
    expect(await seen({ brandId: 1, reach: 'self', associateId: 'A2' }, { associate: 'A2' })).toEqual([['A2', 7_000]])
    for (const query of [{ storeCode: 'S2' }, { associate: 'B1' }]) {
      await expect(seen({ brandId: 1, reach: 'stores', storeCodes: ['S1'] }, query)).rejects.toThrow('no such')
    }
    await expect(seen({ brandId: 1, reach: 'self', associateId: 'A1' }, { storeCode: 'S1' })).rejects.toThrow('no such')
  })

  test('is a file for a spreadsheet where that is what is accepted, and who took it is written down', async () => {
    const headers = { authorization: `Bearer ${TEST_KEY}`, accept: 'text/csv' }
    const answer = await service.app.inject({ method: 'GET', url: '/api/v1/attainment?storeCode=S1', headers })
    expect(answer.headers['content-disposition']).toBe('attachment; filename="attainment-2026-05.csv"')
    expect(answer.body.replace('\uFEFF', '').split('\r\n')).toEqual([
      '月份,类型,编号,名称,目标（元）,净销售额（元）,达成率,时间进度,应达成（元）,进度达成率',
      '2026-05,门店,S1,一店,3100.00,1170.01,37.7%,32.3%,1000.00,117.0%',
      '2026-05,导购,A1,甲,999.99,1130.01,113.0%,32.3%,322.58,350.3%',
      '',
    ])
    const activity = await all<object>(service, '/activity?action=attainment.exported')
    expect(activity).toMatchObject([{ subject: 'attainment/2026-05', details: { format: 'csv' } }])
  })

  test('goes by targets that are listed as they were told', async () => {
    expect(await service.get('/targets?month=2026-04')).toEqual({
      month: '2026-04',
      items: [{ storeCode: 'S1', name: '一店', netSalesFen: 900_000, updatedAt: new Date(NOW).toISOString() }],
      nextCursor: null,
    })
    const { items } = await service.get<{ items: { netSalesFen: number }[] }>('/targets?limit=3')
    expect(items.map(item => item.netSalesFen)).toEqual([310_000, 0, 99_999])
  })

  test('is summed up, lists who has no target too, and a target is taken out by null', async () => {
    const totals = await service.get<Record<string, unknown>>('/attainment/totals')
    expect(totals).toMatchObject({
      month: '2026-05',
      monthGoneBps: 3_226,
      store: { count: 2, targetCount: 2, targetFen: 310_000, netSalesFen: 129_001, attainmentBps: 4_161 },
      associate: { count: 2, targetCount: 2, targetFen: 109_999, netSalesFen: 122_001 },
    })
    const names = async (query: string) =>
      (await service.get<{ items: { name: string }[] }>(`/attainment?${query}`)).items.map(item => item.name)
    expect(await names('everyone=true&kind=associate')).toEqual(['甲', '乙', '丙'])
    expect(await names('everyone=true&kind=associate&month=2019-12')).toEqual([])
    expect(await names(`everyone=true&q=${encodeURIComponent('二')}`)).toEqual(['二店'])
    const told = { month: '2026-05', associateId: 'A2', netSalesFen: 5 }
    expect(await service.ingest('targets', [told])).toMatchObject([{ status: 'created' }])
    expect(await names('kind=associate')).toEqual(['甲', '乙', '丙'])
    expect(await service.ingest('targets', [{ ...told, netSalesFen: null }])).toMatchObject([{ status: 'updated' }])
    expect(await service.ingest('targets', [{ ...told, netSalesFen: null }])).toMatchObject([{ status: 'unchanged' }])
    expect(await names('kind=associate')).toEqual(['甲', '丙'])
    const activity = await all<object>(service, '/activity?action=targets.changed')
    const details = { subject: 'associate/A2', netSalesFen: null }
    expect(activity).toContainEqual(expect.objectContaining({ subject: 'targets/2026-05', details }))
  })
})

describe('of random histories', () => {
  interface Explained {
    netFen: number
    cancelled: boolean
    roles: { role: string; holder: string | null }[]
    lines: { netFen: number; closer: { holder: string | null } }[]
  }
  let brands = 2000

  test('each figure is the sum of the orders that it is drilled down to', async () => {
    const month = '2026-03'
    const span = { from: monthStart(month, 'Asia/Shanghai'), to: monthStart('2026-04', 'Asia/Shanghai') }
    let sold = 0
    let partly = 0
    await fc.assert(
      fc.asyncProperty(plans, history, async (bodies, told) => {
        const brandId = brands++
        const one = await openOtherBrand(service, brandId, ORIGIN)
        await tellHistory(one, brandId, [...told.master, ...told.evidence, ...told.lateMaster])
        for (const body of bodies) await one.post('/plans', { ...body, retroactive: true })
        for (const override of told.overrides) await one.post('/overrides', override)
        await one.settled()
        const namesOf = async (table: 'stores' | 'associates') =>
          (
            await service.pool<{ name: string; storeCode: string | null }[]>`
              SELECT ${service.pool(table === 'stores' ? 'store_code' : 'associate_id')} AS name, store_code AS "storeCode"
              FROM ${service.pool(table)} WHERE brand_id = ${brandId}`
          ).map(row => row)
        const [stores, associates] = [await namesOf('stores'), await namesOf('associates')]
        await one.ingest('targets', [
          ...stores.map(({ name }) => ({ month, storeCode: name, netSalesFen: 10_000 })),
          ...associates.map(({ name }) => ({ month, associateId: name, netSalesFen: 10_000 })),
        ])

        const path = `/orders?from=${new Date(span.from).toISOString()}&to=${new Date(span.to).toISOString()}`
        const orders = await Promise.all(
          (await all<{ source: string; orderNo: string }>(one, path)).map(({ source, orderNo }) =>
            one.get<Explained>(`/orders/${encodeURIComponent(source)}/${encodeURIComponent(orderNo)}/commission`),
          ),
        )
        const holderOf = (order: Explained, role: string) =>
          order.roles.find(held => held.role === role)?.holder ?? null
        const creditedOf = (order: Explained, associateId: string) =>
          order.lines
            .filter(line => holderOf(order, 'sharer') === associateId || line.closer.holder === associateId)
            .reduce((sum, line) => sum + line.netFen, 0)
        const check = async (scope: Scope, isSeen: (order: Explained) => boolean) => {
          const caller = callerWith(scope)
          const { items } = await listAttainment(service.pool, { caller, now: ORIGIN, query: { month, limit: 500 } })
          const seen = orders.filter(isSeen)
          for (const item of items) {
            const expected = seen.map(order => {
              if (item.associateId === undefined) {
                return holderOf(order, 'selling_store') === item.storeCode ? order.netFen : 0
              }
              const fen = creditedOf(order, item.associateId)
              if (fen > 0 && fen < order.netFen) partly++
              return fen
            })
            expect(item.netSalesFen).toBe(expected.reduce((sum, fen) => sum + fen, 0))
            sold += item.netSalesFen
          }
          return items.length
        }
        expect(await check({ brandId, reach: 'brand' }, () => true)).toBe(stores.length + associates.length)
        const [own] = stores
        if (own) {
          const isOwn = (order: Explained) =>
            ['selling_store', 'home_store'].some(role => holderOf(order, role) === own.name)
          await check({ brandId, reach: 'stores', storeCodes: [own.name] }, isOwn)
        }
        for (const { name } of associates) {
          expect(await check({ brandId, reach: 'self', associateId: name }, () => true)).toBe(1)
        }
      }),
      { numRuns: 15, endOnFailure: true },
    )
    expect(sold).toBeGreaterThan(0)
    expect(partly).toBeGreaterThan(0)
  }, 300_000)
})

describe('by rule', () => {
  const span = { from: 0, to: 3_000 }
  test.each([
    [{ targetFen: 3, netSalesFen: 1 }, 1_500, [3_333, 5_000, 2, 6_667]],
    [{ targetFen: 2_000_000, netSalesFen: 1_000_049 }, 3_000, [5_000, 10_000, 2_000_000, 5_000]],
    [{ targetFen: 2_000_000, netSalesFen: 1_000_100 }, 9_000, [5_001, 10_000, 2_000_000, 5_001]],
    [{ targetFen: 100, netSalesFen: 7 }, 0, [700, 0, 0, null]],
    [{ targetFen: 100, netSalesFen: 7 }, -1, [700, 0, 0, null]],
    [{ targetFen: 0, netSalesFen: 7 }, 1_500, [null, 5_000, 0, null]],
    [{ targetFen: null, netSalesFen: 7 }, 1_500, [null, 5_000, null, null]],
    [
      { targetFen: 1, netSalesFen: 9_000_000_000_000_000 },
      1_500,
      [Number.MAX_SAFE_INTEGER, 5_000, 1, Number.MAX_SAFE_INTEGER],
    ],
  ])('%o at %i ms of 3000', (figures, now, [attainmentBps, monthGoneBps, expectedFen, attainmentOfMonthGoneBps]) => {
    expect(attainmentOf(figures, { ...span, now })).toEqual({
      attainmentBps,
      monthGoneBps,
      expectedFen,
      attainmentOfMonthGoneBps,
    })
  })
})
