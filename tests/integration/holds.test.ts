import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { brand, daysAgo, NOW, standardPlan } from '../builders/brand.ts'
import { openOtherBrand, tell } from '../support/people.ts'
import { all, startTestService, type TestService } from '../support/service.ts'

const NEVER = '2999-12-31T16:00:00.000Z'

let service: TestService
let now = NOW
beforeAll(async () => {
  service = await startTestService({ now: () => now++ })
  await tell(service, {
    ...brand,
    members: [{ memberNo: 'M1' }],
    'share-links': [
      { linkCode: 'hold-a1', associateId: 'a1', target: { kind: 'product', ref: 'k' }, channel: 'other' },
      { linkCode: 'hold-a2', associateId: 'a2', target: { kind: 'product', ref: 'k' }, channel: 'other' },
    ],
  })
  expect((await service.post('/plans', standardPlan)).status).toBe(201)
  await service.settled()
})
afterAll(() => service.close())

let orders = 0
/** An online order by a share of a1 that pays him 4 % since three days ago. */
async function anOrder(over: object = {}) {
  const order = {
    source: 'mall',
    orderNo: `h-${++orders}`,
    channel: 'online',
    memberNo: 'M1',
    shareCode: 'hold-a1',
    paidAt: daysAgo(10),
    lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 10_000 }],
    ...over,
  }
  await tell(service, { orders: [order] })
  return { ...order, key: { source: order.source, orderNo: order.orderNo } }
}
const hold = (order: object, held = true, reason = '请核实') => service.post('/holds', { ...order, held, reason })
interface Balance {
  pendingFen: number
  availableFen: number
}
const balanceOf = (payee: string) => service.get<Balance>(`/balances?payeeKind=associate&payee=${payee}`)
/** What an order changed in somebody's balance since then. */
async function since(payee: string, before: Balance) {
  const { pendingFen, availableFen } = await balanceOf(payee)
  return { pendingFen: pendingFen - before.pendingFen, availableFen: availableFen - before.availableFen }
}
interface Row {
  orderNo: string
  payee: string
  amountFen: number
  availableAt: string
  reason: string
}
const ledgerOf = async (orderNo: string) =>
  (await all<Row>(service, '/ledger?payee=a1')).filter(row => row.orderNo === orderNo)
const expectNothingDiffers = async () => {
  await service.settled()
  expect(await service.get('/audit')).toMatchObject({ items: [] })
}

describe('an order on hold', () => {
  test('goes from available to pending and back, by rows that take back what they take', async () => {
    const before = await balanceOf('a1')
    const { key, orderNo } = await anOrder()
    expect(await since('a1', before)).toEqual({ pendingFen: 0, availableFen: 400 })
    const held = await hold(key)
    expect(held.status).toBe(201)
    expect(held.body).toMatchObject({
      ...key,
      held: true,
      reason: '请核实',
      madeBy: 'key:bootstrap',
      status: 'created',
    })
    expect(await since('a1', before)).toEqual({ pendingFen: 400, availableFen: 0 })
    expect((await hold(key, false)).status).toBe(201)
    expect(await since('a1', before)).toEqual({ pendingFen: 0, availableFen: 400 })
    const availableAt = daysAgo(3)
    const rows = (await ledgerOf(orderNo)).map(row => [row.amountFen, row.availableAt, row.reason])
    expect(rows[0]).toEqual([400, availableAt, 'sale'])
    // Two are booked together; which of them comes first says nothing.
    const together = (from: number) => rows.slice(from, from + 2).sort((a, b) => Number(a[0]) - Number(b[0]))
    expect(together(1)).toEqual([
      [-400, availableAt, 'evidence'],
      [400, NEVER, 'evidence'],
    ])
    expect(together(3)).toEqual([
      [-400, NEVER, 'evidence'],
      [400, availableAt, 'evidence'],
    ])
    expect(rows).toHaveLength(5)
    await expectNothingDiffers()
  })

  test('stays on hold when it is revised, refunded, and given to another', async () => {
    const before = await balanceOf('a1')
    const beforeOther = await balanceOf('a2')
    const { key, orderNo, ...order } = await anOrder()
    await hold(key)
    const lines = [{ lineNo: 1, sku: 'k', quantity: 2, paidFen: 20_000 }]
    await tell(service, { orders: [{ ...order, orderNo, revision: 2, lines }] })
    expect(await since('a1', before)).toEqual({ pendingFen: 800, availableFen: 0 })
    await tell(service, {
      refunds: [
        {
          source: 'mall',
          refundNo: `r-${orderNo}`,
          orderNo,
          refundedAt: daysAgo(1),
          lines: [{ lineNo: 1, quantity: 0, refundFen: 5_000 }],
        },
      ],
    })
    expect(await since('a1', before)).toEqual({ pendingFen: 600, availableFen: 0 })
    await service.post('/overrides', { ...key, role: 'sharer', associateId: 'a2', reason: '换人' })
    expect(await since('a1', before)).toEqual({ pendingFen: 0, availableFen: 0 })
    expect(await since('a2', beforeOther)).toEqual({ pendingFen: 600, availableFen: 0 })
    await hold(key, false)
    expect(await since('a2', beforeOther)).toEqual({ pendingFen: 0, availableFen: 600 })
    await expectNothingDiffers()
  })

  test('is told by its explanation', async () => {
    const { key } = await anOrder()
    await hold(key)
    const path = `/orders/${key.source}/${key.orderNo}/commission`
    expect(await service.get(path)).toMatchObject({ onHold: true, availableAt: NEVER })
    await hold(key, false)
    expect(await service.get(path)).toMatchObject({ onHold: false, availableAt: daysAgo(3) })
  })
})

describe('a hold', () => {
  test('that stands, or a release of what is not held, changes nothing', async () => {
    const { key, orderNo } = await anOrder()
    const never = await hold(key, false)
    expect(never.status).toBe(200)
    expect(never.body).toMatchObject({ ...key, held: false, holdId: null, status: 'unchanged' })
    const first = await hold(key)
    const second = await hold(key, true, '再说一次')
    expect(second.status).toBe(200)
    expect(second.body).toEqual({ ...first.body, status: 'unchanged' })
    expect(await ledgerOf(orderNo)).toHaveLength(3)
    const rows = await service.pool`SELECT FROM order_holds WHERE order_no = ${orderNo}`
    expect(rows).toHaveLength(1)
  })

  test('is made once, also when two make it at once', async () => {
    const { key, orderNo } = await anOrder()
    const answers = await Promise.all([hold(key), hold(key), hold(key)])
    expect(answers.map(answer => answer.status).sort()).toEqual([200, 200, 201])
    expect(await service.pool`SELECT FROM order_holds WHERE order_no = ${orderNo}`).toHaveLength(1)
    await expectNothingDiffers()
  })

  test('counts by what was told last, though the clock stands still or goes back', async () => {
    const { key } = await anOrder()
    const before = await balanceOf('a1')
    await hold(key)
    now = NOW - 3_600_000
    expect((await hold(key, false)).status).toBe(201)
    expect((await hold(key)).status).toBe(201)
    now = NOW + 3_600_000
    expect(await since('a1', before)).toEqual({ pendingFen: 400, availableFen: -400 })
    await expectNothingDiffers()
  })

  test('is written down with its reason', async () => {
    const { key } = await anOrder()
    await hold(key)
    await hold(key)
    await hold(key, false, '没有问题')
    const subject = `orders/${key.source}/${key.orderNo}`
    const { items } = await service.get<{ items: object[] }>(`/activity?subject=${encodeURIComponent(subject)}`)
    expect(items).toMatchObject([
      { action: 'order.released', actor: 'key:bootstrap', details: { reason: '没有问题' } },
      { action: 'order.held', details: { reason: '请核实' } },
    ])
  })

  test('needs an order that is there, and of this brand', async () => {
    expect((await hold({ source: 'mall', orderNo: 'nowhere' })).status).toBe(404)
    const other = await openOtherBrand(service, 2, NOW)
    const { key } = await anOrder()
    expect((await other.post('/holds', { ...key, held: true, reason: 'x' })).status).toBe(404)
    expect((await service.post('/holds', { ...key, held: true })).status).toBe(422)
    expect((await service.post('/holds', { ...key, held: 'yes', reason: 'x' })).status).toBe(422)
  })
})
