import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NoticeItem } from '../../server/features/notices/schema.ts'
import type { RiskDetail, RiskFinding } from '../../server/features/risks/schema.ts'
import { buildRiskScanner } from '../../server/features/risks/service.ts'
import { startRiskWorker } from '../../server/workers/risks.ts'
import { brand, daysAgo, minutesAgo, NOW, standardPlan } from '../builders/brand.ts'
import { askerOf, type Asker } from '../support/askers.ts'
import { openOtherBrand, tell } from '../support/people.ts'
import { all, startTestService, type TestService } from '../support/service.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'

const STAFF = ['a1', 'a2', 'a3', 'boss', 'auditor'] as const
const OWN_PHONE = '13900000001'
const FAMILY_PHONE = '13900000002'
const TILL_PHONE = '13900000003'

let service: TestService
let wecom: TestWecom
let now = NOW
const people = new Map<string, Asker>()
const person = (userid: (typeof STAFF)[number]): Asker => people.get(userid)!

beforeAll(async () => {
  wecom = await startTestWecom({ staff: STAFF })
  service = await startTestService({ env: wecom.env, now: () => now++ })
  await tell(service, {
    ...brand,
    members: [
      { memberNo: 'M1' },
      { memberNo: 'M2' },
      { memberNo: 'OWN-A2', phone: OWN_PHONE },
      { memberNo: 'TWIN-A2', phone: `+86 ${OWN_PHONE}` },
      { memberNo: 'KIN-1', phone: FAMILY_PHONE },
      { memberNo: 'KIN-2', phone: FAMILY_PHONE },
      { memberNo: 'OWN-A3', phone: TILL_PHONE },
      { memberNo: 'TILL-1', phone: TILL_PHONE },
    ],
  })
  await tell(service, {
    associates: [
      { associateId: 'a2', memberNo: 'OWN-A2' },
      { associateId: 'a3', memberNo: 'OWN-A3' },
    ],
    'share-links': ['a1', 'a2', 'a3', 'f1', 'f2'].flatMap(associateId =>
      ['', '-2', '-3', '-4'].map(suffix => ({
        linkCode: `risk-${associateId}${suffix}`,
        associateId,
        target: { kind: 'product', ref: 'k' },
        channel: 'other',
      })),
    ),
  })
  expect((await service.post('/plans', standardPlan)).status).toBe(201)
  await service.settled()
  for (const userid of STAFF) people.set(userid, await askerOf(service, userid))
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const before = (instant: string, minutes: number) => new Date(Date.parse(instant) - minutes * MINUTE_MS).toISOString()

let numbers = 0
/** Sold in S1 for 100 yuan. */
async function sale(over: object = {}) {
  const order = {
    source: 'till',
    orderNo: `r-${++numbers}`,
    channel: 'in_store',
    sellingStore: 'S1',
    memberNo: 'M1',
    paidAt: daysAgo(9),
    lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 10_000 }],
    ...over,
  }
  await tell(service, { orders: [order] })
  return { source: order.source, orderNo: order.orderNo }
}
type Order = Awaited<ReturnType<typeof sale>>
const touch = (linkCode: string, at: string, over: object = {}) =>
  tell(service, { touches: [{ touchId: `rt-${++numbers}`, linkCode, at, kind: 'scan', memberNo: 'M1', ...over }] })
/** A sale whose code was scanned so many minutes before it was paid. */
async function scanned(linkCode: string, paidAt: string, minutes: number, over: object = {}) {
  await touch(linkCode, before(paidAt, minutes))
  const order = await sale({ paidAt, ...over })
  await service.settled()
  return order
}

const scan = async (days = 11, body: object = { from: daysAgo(days) }) => {
  const { status, body: answer } = await service.post('/risks/scan', body)
  expect(status).toBe(200)
  return answer as { scannedOrders: number; changedFindings: number; scannedTo: string }
}
const findings = async (query: string) => await all<RiskFinding>(service, `/risks?${query}`)
const findingOf = async (order: Order, kind: string) => {
  for (const finding of await findings(`kind=${kind}`)) {
    const detail = await detailOf(finding.findingId)
    if (detail.orders.some(one => one.orderNo === order.orderNo)) return detail
  }
  throw new Error(`no ${kind} about ${order.orderNo}`)
}
const detailOf = (findingId: string) => service.get<RiskDetail>(`/risks/${findingId}`)
const decide = (asker: Pick<Asker, 'post'>, { findingId }: { findingId: string }, action: string, reason = '已核实') =>
  asker.post(`/risks/${findingId}/${action}`, { reason })
const owed = async (order: Order) => {
  const path = `/entitlements?source=${order.source}&orderNo=${order.orderNo}`
  const rows = await all<{ role: string; payee: string; amountFen: number; availableAt: string }>(service, path)
  return rows
    .map(row => `${row.role} ${row.payee} ${row.amountFen}${row.availableAt.startsWith('2999') ? ' held' : ''}`)
    .sort()
}
const noticesOf = async (userid: (typeof STAFF)[number], { findingId }: { findingId: string }) =>
  (await person(userid).get<{ items: NoticeItem[] }>('/notices?limit=500')).items
    .filter(notice => notice.details['findingId'] === findingId)
    .map(({ kind, details }) => ({ kind, ...details }) as Record<string, unknown>)
const deeds = async ({ findingId }: { findingId: string }) =>
  (await service.get<{ items: { action: string; actor: string }[] }>(`/activity?subject=risks/${findingId}`)).items
    .map(({ action, actor }) => `${action} ${actor}`)
    .reverse()
const expectNothingDiffers = async () => {
  await service.settled()
  expect(await service.get('/audit')).toMatchObject({ items: [] })
}

describe('codes scanned minutes before the till', () => {
  test('are a finding when they are a habit, and hold, release and reverse act on their orders', async () => {
    const first = await scanned('risk-a1', daysAgo(13), 3)
    const tooEarly = await scanned('risk-a1', daysAgo(12.5), 11)
    const second = await scanned('risk-a1', daysAgo(12), 10)
    await scan(14)
    expect(await findings('kind=counter_scan')).toEqual([])
    const third = await scanned('risk-a1', daysAgo(11.5), 0)
    expect((await scan(14)).changedFindings).toBe(1)
    const finding = await findingOf(first, 'counter_scan')
    expect(finding).toMatchObject({
      kind: 'counter_scan',
      status: 'open',
      associateId: 'a1',
      associateName: '导购 a1',
      storeName: expect.any(String) as string,
      storeCode: 'S1',
      source: null,
      orderCount: 3,
      decisions: [],
    })
    expect(finding.orders.map(order => [order.orderNo, order.facts['minutesBefore']])).toEqual([
      [first.orderNo, 3],
      [second.orderNo, 10],
      [third.orderNo, 0],
    ])
    expect(finding.orders[0]).toMatchObject({
      netFen: 10_000,
      onHold: false,
      concerned: [{ role: 'sharer', associateId: 'a1', amountFen: 400 }],
      facts: { linkCode: 'risk-a1', touchedAt: before(daysAgo(13), 3) },
    })

    // Found again it is the same, and while it is open others join it.
    expect((await scan(14)).changedFindings).toBe(0)
    const fourth = await scanned('risk-a1', daysAgo(11), 5)
    expect((await scan(14)).changedFindings).toBe(1)
    expect(await findings('kind=counter_scan')).toHaveLength(1)
    expect((await detailOf(finding.findingId)).orderCount).toBe(4)

    const held = await decide(person('boss'), finding, 'hold', '请店长说明')
    expect(held).toMatchObject({ status: 200, body: { status: 'held' } })
    for (const order of [first, second, third, fourth]) expect(await owed(order)).toEqual(['sharer a1 400 held'])
    expect(await owed(tooEarly)).toEqual(['sharer a1 400'])
    await expectNothingDiffers()
    expect(await noticesOf('a1', finding)).toMatchObject([
      { kind: 'commission_held', amountFen: 1_600, reason: '请店长说明', orders: [fourth, first, second, third] }, // by number
    ])
    expect((await decide(person('boss'), finding, 'hold', '又一次')).body).toEqual(held.body)
    expect((await decide(person('boss'), finding, 'dismiss')).status).toBe(409)

    // What is scanned after the decision is looked at anew.
    await scanned('risk-a1', daysAgo(10.5), 5)
    await scanned('risk-a1', daysAgo(10), 5)
    expect((await scan(14)).changedFindings).toBe(0)
    expect((await detailOf(finding.findingId)).orderCount).toBe(4)

    expect((await decide(person('boss'), finding, 'release')).body).toMatchObject({ status: 'released' })
    expect(await owed(first)).toEqual(['sharer a1 400'])
    expect((await noticesOf('a1', finding)).map(notice => notice['kind'])).toEqual([
      'commission_released',
      'commission_held',
    ])
    expect((await decide(person('boss'), finding, 'reverse')).status).toBe(409)
    expect((await decide(person('boss'), finding, 'hold')).status).toBe(409)
    expect(await deeds(finding)).toEqual(['risk.held boss', 'risk.released boss'])
    await expectNothingDiffers()

    const fifth = await scanned('risk-a1', daysAgo(9), 5)
    expect((await scan(14)).changedFindings).toBe(1)
    const next = await findingOf(fifth, 'counter_scan')
    expect(next).toMatchObject({ status: 'open', orderCount: 3 })
    expect(next.findingId).not.toBe(finding.findingId)

    // Headquarters takes the role away; a decision by hand, so later evidence does not give it back.
    await decide(person('boss'), next, 'hold')
    const reversed = await decide(person('boss'), next, 'reverse', '柜台扫码')
    expect(reversed).toMatchObject({ status: 200, body: { status: 'reversed' } })
    expect(await owed(fifth)).toEqual([])
    const { onHold, concerned } = (await detailOf(next.findingId)).orders[0]!
    expect({ onHold, concerned }).toEqual({
      onHold: false,
      concerned: [{ role: 'sharer', associateId: 'a1', amountFen: 0 }],
    })
    expect((await decide(person('boss'), next, 'reverse', '柜台扫码')).body).toEqual(reversed.body)
    expect(await noticesOf('a1', next)).toMatchObject([
      { kind: 'commission_corrected', changeFen: -1_200, reason: '柜台扫码' },
      { kind: 'commission_held', amountFen: 1_200 },
    ])
    await touch('risk-a1-2', daysAgo(9.5))
    await service.settled()
    expect(await owed(fifth)).toEqual([])
    expect((await scan(14)).changedFindings).toBe(0)
    await expectNothingDiffers()
  })

  test('of several associates and stores are each their own habit', async () => {
    const paidAt = daysAgo(5)
    const a3 = { memberNo: 'M2' }
    for (const minutes of [1, 2]) await touch('risk-a3', before(paidAt, minutes), a3)
    await sale({ ...a3, paidAt })
    await sale({ ...a3, paidAt })
    await sale({ ...a3, paidAt, sellingStore: 'S2' })
    await service.settled()
    await scan()
    expect((await findings('kind=counter_scan')).filter(one => one.associateId === 'a3')).toEqual([])
    const third = await sale({ ...a3, paidAt, sellingStore: 'S1' })
    await scan()
    expect(await findingOf(third, 'counter_scan')).toMatchObject({ associateId: 'a3', storeCode: 'S1', orderCount: 3 })
  })

  test('are found when the evidence comes after the order, online or by hand nothing is', async () => {
    const paidAt = daysAgo(3)
    const late = await Promise.all(['x', 'y', 'z'].map(() => sale({ memberNo: 'LATE', sellingStore: 'S3', paidAt })))
    await sale({ memberNo: 'LATE', channel: 'online', paidAt })
    await scan()
    await touch('risk-f1', before(paidAt, 4), { memberNo: undefined, visitorId: 'v-late' })
    await tell(service, { identities: [{ kind: 'visitor', value: 'v-late', memberNo: 'LATE', at: daysAgo(1) }] })
    await service.settled()
    await service.post('/overrides', { ...late[0], role: 'sharer', associateId: 'f1', reason: '本人' })
    await scan()
    expect((await findings('kind=counter_scan')).filter(one => one.associateId === 'f1')).toEqual([])
    await service.post('/overrides', { ...late[0], role: 'sharer', withdraw: true, reason: '撤回' })
    await scan()
    expect(await findingOf(late[0]!, 'counter_scan')).toMatchObject({ associateId: 'f1', orderCount: 3 })
  })
})

describe('one phone', () => {
  test('of buyer and associate is a finding, where he earns on it', async () => {
    const own = await sale({ memberNo: 'OWN-A2', closer: 'a2' })
    const twin = await sale({ memberNo: 'TWIN-A2', closer: 'a2' })
    const another = await sale({ memberNo: 'TWIN-A2', closer: 'a1' })
    const cancelled = await sale({ memberNo: 'TWIN-A2', closer: 'a2', cancelled: true })
    const second = await sale({ memberNo: 'TWIN-A2', closer: 'a2', shareCode: 'risk-a1-3' })
    await scan()
    const found = await findings('kind=shared_phone')
    expect(found).toHaveLength(1)
    const finding = await detailOf(found[0]!.findingId)
    expect(finding).toMatchObject({
      associateId: 'a2',
      storeCode: 'S1',
      facts: { phoneOf: 'associate', memberNo: 'TWIN-A2' },
    })
    expect(finding.orders.map(order => order.orderNo)).toEqual([twin.orderNo, second.orderNo])
    for (const order of [own, another, cancelled]) {
      expect(finding.orders.map(one => one.orderNo)).not.toContain(order.orderNo)
    }
    // What he has is taken away; the sharer keeps his.
    expect((await decide(person('boss'), finding, 'reverse')).status).toBe(200)
    expect(await owed(twin)).toEqual([])
    expect(await owed(second)).toEqual(['sharer a1 400'])
    expect(await noticesOf('a2', finding)).toMatchObject([{ kind: 'commission_corrected', changeFen: -600 }])
    expect(await noticesOf('a1', finding)).toEqual([])
    await expectNothingDiffers()
  })

  test('on an order that two members could have bought is a finding about nobody known', async () => {
    const order = await sale({ memberNo: undefined, phone: TILL_PHONE, closer: 'a3' })
    await scan()
    const finding = await findingOf(order, 'shared_phone')
    expect(finding).toMatchObject({ associateId: 'a3', facts: { memberNo: null }, orderCount: 1 })
  })

  test('of two members is a finding where one associate earns on both, and when it is dismissed it stays so', async () => {
    const first = await sale({ memberNo: 'KIN-1', closer: 'a1' })
    await scan()
    await expect(findingOf(first, 'shared_phone')).rejects.toThrow('no shared_phone')
    await sale({ memberNo: 'KIN-2', closer: 'a2' })
    await scan()
    await expect(findingOf(first, 'shared_phone')).rejects.toThrow('no shared_phone')
    const second = await sale({ memberNo: 'KIN-2', closer: 'a1' })
    await scan()
    const finding = await findingOf(first, 'shared_phone')
    expect(finding).toMatchObject({ associateId: 'a1', facts: { phoneOf: 'members' }, orderCount: 2 })
    expect(finding.orders.map(order => [order.orderNo, order.facts['memberNo']])).toEqual([
      [first.orderNo, 'KIN-1'],
      [second.orderNo, 'KIN-2'],
    ])
    expect((await decide(person('boss'), finding, 'dismiss', '母女')).body).toMatchObject({ status: 'dismissed' })
    expect(await noticesOf('a1', finding)).toEqual([])
    expect((await decide(person('boss'), finding, 'hold')).status).toBe(409)
    await sale({ memberNo: 'KIN-1', closer: 'a1' })
    expect((await scan()).changedFindings).toBe(0)
    await expectNothingDiffers()
  })

  test('is told nowhere, and no hash of it either', async () => {
    const hashes = await service.pool<{ hash: string }[]>`
      SELECT phone_hash AS hash FROM members WHERE phone_hash IS NOT NULL
      UNION SELECT phone_hash FROM orders WHERE phone_hash IS NOT NULL`
    const found = await findings('kind=shared_phone')
    expect(found.length).toBeGreaterThan(2)
    const answers = [found, await Promise.all(found.map(one => detailOf(one.findingId)))]
    const activity = await all(service, '/activity')
    const told = JSON.stringify([answers, activity, await person('a2').get('/notices')])
    for (const { hash } of hashes) expect(told).not.toContain(hash)
    for (const phone of [OWN_PHONE, FAMILY_PHONE, TILL_PHONE]) expect(told).not.toContain(phone)
  })
})

describe('clicks that come in a flood', () => {
  const click = (linkCode: string, count: number, from: string, apartMs: number, visitor: (i: number) => string) =>
    tell(service, {
      touches: Array.from({ length: count }, (_, i) => ({
        touchId: `flood-${++numbers}`,
        linkCode,
        kind: 'click',
        at: new Date(Date.parse(from) + i * apartMs).toISOString(),
        visitorId: visitor(i),
      })),
    })

  test('are a finding by link and day, with the orders that the link won', async () => {
    const from = daysAgo(40)
    await click('risk-a2-2', 29, from, 1000, () => 'robot')
    await click('risk-a2-3', 30, from, 3 * MINUTE_MS, () => 'another robot')
    await click('risk-a2-4', 199, from, 1000, i => `v-${i}`)
    await scan(41)
    expect(await findings('kind=click_flood')).toEqual([])

    await click('risk-a2-2', 1, before(from, -30), 0, () => 'robot')
    await click('risk-a2-4', 1, before(from, -59), 0, () => 'v-last')
    await tell(service, { identities: [{ kind: 'visitor', value: 'robot', memberNo: 'FLOODED', at: from }] })
    const won = await sale({
      memberNo: 'FLOODED',
      channel: 'online',
      paidAt: before(from, -120),
      sellingStore: undefined,
    })
    await service.settled()
    expect(await owed(won)).toEqual(['sharer a2 400'])
    expect((await scan(41)).changedFindings).toBe(3) // two links, and one again with its order
    const [ofOne, ofAll] = await Promise.all(
      ['risk-a2-2', 'risk-a2-4'].map(async linkCode => {
        const found = (await findings('kind=click_flood')).filter(one => one.facts['linkCode'] === linkCode)
        expect(found).toHaveLength(1)
        return await detailOf(found[0]!.findingId)
      }),
    )
    const day = new Date(Date.parse(from) + 8 * 3_600_000).toISOString().slice(0, 10)
    expect(ofOne).toMatchObject({ associateId: 'a2', storeCode: 'S1', facts: { day, clicksOfOnePerHour: 30 } })
    expect(ofAll).toMatchObject({ facts: { day, clicksPerHour: 200, clicksOfOnePerHour: 1 }, orderCount: 0 })
  })

  test('whose order is held is held by that order alone', async () => {
    const found = await findings('kind=click_flood&status=open')
    const details = await Promise.all(found.map(one => detailOf(one.findingId)))
    const withOrder = details.filter(one => one.orderCount > 0)
    expect(withOrder.length).toBeLessThanOrEqual(1)
    for (const finding of details) expect((await decide(person('boss'), finding, 'hold')).status).toBe(200)
    await expectNothingDiffers()
  })
})

describe('who decides, and what at once', () => {
  /** A finding about one sale of a3 to another member with his phone. */
  async function aFinding() {
    const memberNo = `TILL-${++numbers}`
    await tell(service, { members: [{ memberNo, phone: TILL_PHONE }] })
    const order = await sale({ memberNo, closer: 'a3' })
    await scan()
    const finding = await findingOf(order, 'shared_phone')
    return { order, finding }
  }

  test('two at once make one decision', async () => {
    const { order, finding } = await aFinding()
    const answers = await Promise.all([
      decide(person('boss'), finding, 'reverse', '一'),
      decide(service, finding, 'dismiss', '二'),
      decide(service, finding, 'reverse', '三'),
    ])
    const { status, decisions } = await detailOf(finding.findingId)
    expect(decisions).toHaveLength(1)
    expect(answers.filter(answer => answer.status === 200).length).toBe(status === 'reversed' ? 2 : 1)
    const overrides = await service.pool`SELECT FROM order_overrides WHERE order_no = ${order.orderNo}`
    expect(overrides).toHaveLength(status === 'reversed' ? 1 : 0)
    await expectNothingDiffers()
  })

  test('nobody decides what is about himself', async () => {
    await tell(service, { associates: [{ associateId: 'boss', memberNo: 'M-BOSS' }] })
    await tell(service, {
      members: [
        { memberNo: 'M-BOSS', phone: '13900000009' },
        { memberNo: 'BOSS-TWIN', phone: '13900000009' },
      ],
    })
    const order = await sale({ memberNo: 'BOSS-TWIN', closer: 'boss' })
    await scan()
    const finding = await findingOf(order, 'shared_phone')
    expect((await decide(person('boss'), finding, 'dismiss')).status).toBe(403)
    expect((await decide(service, finding, 'dismiss')).status).toBe(200)
  })

  test('of another brand, or of nobody, there is no finding', async () => {
    const [finding] = await findings('status=open')
    const other = await openOtherBrand(service, 2, NOW)
    expect((await decide(other, finding!, 'hold')).status).toBe(404)
    await expect(other.get(`/risks/${finding!.findingId}`)).rejects.toThrow('404')
    expect(await all(other, '/risks')).toEqual([])
    expect((await decide(service, { findingId: '018f0000-0000-7000-8000-000000000000' }, 'hold')).status).toBe(404)
    expect((await service.post(`/risks/${finding!.findingId}/hold`, {})).status).toBe(422)
  })

  test('an order in two findings is released by the last of them; what was put on hold by hand is not', async () => {
    const paidAt = daysAgo(1)
    await touch('risk-a2', before(paidAt, 2), { memberNo: 'TWIN-3' })
    await tell(service, { members: [{ memberNo: 'TWIN-3', phone: OWN_PHONE }] })
    const twins = await Promise.all([1, 2, 3].map(() => sale({ memberNo: 'TWIN-3', paidAt })))
    await service.settled()
    await scan()
    const byPhone = await findingOf(twins[0]!, 'shared_phone')
    const byScan = await findingOf(twins[0]!, 'counter_scan')
    await service.post('/holds', { ...twins[2], held: true, reason: '客诉' })
    await decide(person('boss'), byPhone, 'hold')
    await decide(person('boss'), byScan, 'hold')
    for (const order of twins) expect(await owed(order)).toEqual(['sharer a2 400 held'])
    await decide(person('boss'), byPhone, 'release')
    for (const order of twins) expect(await owed(order)).toEqual(['sharer a2 400 held'])
    expect((await noticesOf('a2', byPhone)).map(notice => notice['kind'])).toEqual(['commission_held'])
    await decide(person('boss'), byScan, 'release')
    expect(await owed(twins[0]!)).toEqual(['sharer a2 400'])
    expect(await owed(twins[1]!)).toEqual(['sharer a2 400'])
    expect(await owed(twins[2]!)).toEqual(['sharer a2 400 held'])
    expect(await noticesOf('a2', byScan)).toMatchObject([{ kind: 'commission_released', amountFen: 800 }])
    await expectNothingDiffers()
  })

  test('a role that somebody else has by now is not taken from him', async () => {
    const { order, finding } = await aFinding()
    await service.post('/overrides', { ...order, role: 'closer', associateId: 'a1', reason: '换人' })
    await decide(person('boss'), finding, 'reverse')
    expect(await owed(order)).toEqual(['closer a1 300'])
    await expectNothingDiffers()
  })
})

describe('the service looks by itself', () => {
  test('at what was booked since it looked last', async () => {
    const look = buildRiskScanner(service.pool)
    await look(now, () => false)
    const paidAt = daysAgo(100)
    const member = { memberNo: 'OLD' }
    await touch('risk-f2', before(paidAt, 1), member)
    const orders = await Promise.all([1, 2, 3].map(() => sale({ ...member, paidAt, sellingStore: 'S4' })))
    await service.settled()
    await Promise.all([look(now, () => false), buildRiskScanner(service.pool)(now, () => false)])
    const finding = await findingOf(orders[0]!, 'counter_scan')
    expect(finding.orderCount).toBe(3)
    const rows =
      await service.pool`SELECT FROM risk_findings WHERE associate_id = 'f2' AND details @> ${JSON.stringify({ orders: [orders[0]] })}::text::jsonb`
    expect(rows).toHaveLength(1)
  })

  test('as a worker, which ends when it is stopped', async () => {
    const order = await sale({ memberNo: 'TWIN-A2', closer: 'a2', paidAt: minutesAgo(5) })
    const errors: unknown[] = []
    const worker = startRiskWorker({ pool: service.pool, now: () => now, onError: error => errors.push(error) })
    for (let i = 0; i < 500; i++) {
      const found = await findings('kind=shared_phone&status=open')
      const details = await Promise.all(found.map(one => detailOf(one.findingId)))
      if (details.some(one => one.orders.some(other => other.orderNo === order.orderNo))) break
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    await worker.stop()
    expect(errors).toEqual([])
    expect(await findingOf(order, 'shared_phone')).toMatchObject({ status: 'open', orderCount: 1 })
  })
})

describe('the queue', () => {
  test('is filtered and paged, newest first, and never shows what is merely watched', async () => {
    const everything = await findings('')
    expect(everything.map(one => one.foundAt)).toEqual(
      everything
        .map(one => one.foundAt)
        .sort()
        .reverse(),
    )
    const watched = await service.pool<{ findingId: string }[]>`
      SELECT finding_id AS "findingId" FROM risk_findings WHERE status = 'watched'`
    expect(watched.length).toBeGreaterThan(0)
    for (const { findingId } of watched) {
      expect(everything.map(one => one.findingId)).not.toContain(findingId)
      expect((await decide(service, { findingId }, 'hold')).status).toBe(404)
    }
    const paged: RiskFinding[] = []
    let cursor = ''
    do {
      const page = await service.get<{ items: RiskFinding[]; nextCursor: string | null }>(`/risks?limit=2${cursor}`)
      paged.push(...page.items)
      cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`
    } while (cursor !== '')
    expect(paged).toEqual(everything)
    for (const status of ['open', 'held', 'released', 'reversed', 'dismissed']) {
      for (const one of await findings(`status=${status}`)) expect(one.status).toBe(status)
    }
    expect((await person('boss').ask('GET', '/risks?status=watched')).status).toBe(400)
    expect((await person('auditor').ask('GET', '/risks')).status).toBe(200)
    expect((await person('a1').ask('GET', '/risks')).status).toBe(404)
  })

  test('is scanned by spans, and says how far', async () => {
    const answer = await scan(0, { from: daysAgo(10), to: daysAgo(8) })
    expect(answer.scannedTo).toBe(daysAgo(8))
    expect(answer.scannedOrders).toBeGreaterThan(0)
    expect((await scan(0, { from: daysAgo(8), to: daysAgo(10) })).scannedOrders).toBe(0)
    expect((await person('boss').post('/risks/scan', {})).status).toBe(200)
    expect((await person('auditor').post('/risks/scan', {})).status).toBe(403)
    expect((await service.post('/risks/scan', { since: daysAgo(1) })).status).toBe(422)
  })
})

// Last, since it lets days pass.
describe('goods that come back right after the settlement', () => {
  const inDays = (days: number) => daysAgo(-days)
  const refund = (order: Order, refundedAt: string, refundFen = 10_000) =>
    tell(service, {
      refunds: [
        {
          source: order.source,
          refundNo: `rr-${++numbers}`,
          orderNo: order.orderNo,
          refundedAt,
          lines: [{ lineNo: 1, quantity: 1, refundFen }],
        },
      ],
    })

  test('are a finding within seven days, and not before or after', async () => {
    const sold = { paidAt: daysAgo(20), closer: 'a1', memberNo: 'SETTLED' }
    const [soon, late, early] = [await sale(sold), await sale(sold), await sale(sold)]
    const unsettled = await sale({ ...sold, paidAt: daysAgo(6) })
    await service.settled()
    const draft = await service.post('/settlements', { cutoff: daysAgo(0) })
    expect(draft.status).toBe(201)
    const { settlementId } = draft.body as { settlementId: string }
    await refund(soon, inDays(1), 2_000) // while it is a draft, it is no finding
    await scan(21)
    expect(await findings('kind=refund_after_settlement')).toEqual([])
    now = NOW + 2 * DAY_MS
    expect((await service.post(`/settlements/${settlementId}/approve`, {})).status).toBe(200)
    now = NOW + 15 * DAY_MS
    await refund(soon, inDays(8.9), 6_000)
    await refund(late, inDays(9.1))
    await refund(early, inDays(1.9))
    await refund(unsettled, inDays(3))
    await scan(21)
    const found = await findings('kind=refund_after_settlement')
    expect(found.map(one => one.orderNo)).toEqual([soon.orderNo])
    const finding = await detailOf(found[0]!.findingId)
    expect(finding).toMatchObject({
      ...soon,
      associateId: 'a1',
      storeCode: 'S1',
      facts: { settlementId, refundedAt: inDays(8.9), refundFen: 6_000 },
      orders: [{ concerned: [{ role: 'closer', associateId: 'a1', amountFen: 60 }], netFen: 2_000 }],
    })
    expect(Date.parse(finding.facts['approvedAt'] as string)).toBeGreaterThanOrEqual(NOW + 2 * DAY_MS)

    // What was settled stays settled; what the reversal takes back lands in the next one.
    const balance = () =>
      service.get<{ availableFen: number; settledFen: number }>('/balances?payeeKind=associate&payee=a1')
    const before = await balance()
    expect((await decide(service, finding, 'reverse')).status).toBe(200)
    expect(await owed(soon)).toEqual([])
    const after = await balance()
    expect(after.settledFen).toBe(before.settledFen)
    expect(after.availableFen).toBe(before.availableFen - 60)
    await expectNothingDiffers()
  })
})
