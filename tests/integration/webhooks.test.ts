import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Delivery, DeliveryDetail, Webhook, WebhookMade } from '../../server/features/webhooks/schema.ts'
import {
  buildGate,
  forgetOldDeliveries,
  post,
  takeDeliveries,
  type WebhookWork,
} from '../../server/features/webhooks/service.ts'
import type { Pool } from '../../server/database.ts'
import { createVault } from '../../server/lib/vault.ts'
import { brand, daysAgo, NOW, standardPlan } from '../builders/brand.ts'
import { startReceiver, type Receiver } from '../support/receiver.ts'
import { openOtherBrand, personAt, tell } from '../support/people.ts'
import { openBrand, type BrandClient } from '../support/brand.ts'
import { all, startTestService, TEST_KEY, type TestService } from '../support/service.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
let clock = NOW
let service: TestService
let receiver: Receiver
let slow: Receiver
let work: WebhookWork

beforeAll(async () => {
  ;[receiver, slow] = [await startReceiver(), await startReceiver()]
  const env = { WEBHOOK_PRIVATE_HOSTS: `${receiver.host},${slow.host}` }
  service = await startTestService({ env, now: () => clock })
  work = {
    pool: service.pool,
    vault: createVault(service.settings.dataKey),
    gate: buildGate({ privateHosts: service.settings.webhookPrivateHosts }),
    now: () => clock,
  }
  await tell(service, { ...brand, members: [{ memberNo: 'm1', openingStore: 'S1' }] })
  expect((await service.post('/plans', standardPlan)).status).toBe(201)
  await service.settled()
})
afterAll(async () => {
  await service.close()
  await Promise.all([receiver.close(), slow.close()])
})
beforeEach(async () => {
  for (const one of [receiver, slow]) Object.assign(one, { answer: 204, received: [] })
  for (const { webhookId } of await listed()) await call('DELETE', `/webhooks/${webhookId}`)
  await forgetOldDeliveries(service.pool, clock)
})

const call = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, payload?: object) => {
  const answer = await service.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${TEST_KEY}` },
    ...(payload === undefined ? {} : { payload }),
  })
  return { status: answer.statusCode, body: (answer.body === '' ? {} : answer.json()) as Record<string, unknown> }
}
const listed = async () => (await service.get<{ items: Webhook[] }>('/webhooks')).items
const subscribe = async (events: string[], url = receiver.url) => {
  const { status, body } = await call('POST', '/webhooks', { url, events })
  expect({ status, body }).toMatchObject({ status: 201 })
  return body as unknown as WebhookMade
}
/** Sends what is due, and waits until it is written down. */
const send = async () => {
  const sendings = await takeDeliveries(work, new Map())
  await Promise.all(sendings.map(({ done }) => done))
  return sendings.length
}
const deliveries = () => all<Delivery>(service, '/webhook-deliveries')
const sent = () => receiver.received.map(({ body }) => JSON.parse(body) as Record<string, unknown>)

/** A pool that is gone once a delivery is taken: what a killed process leaves. */
const deadAfterClaim = (pool: Pool): Pool => {
  let asked = 0
  return new Proxy(pool, {
    apply(target, self, parts) {
      if (asked++ > 0) throw new Error('killed')
      return Reflect.apply(target, self, parts) as unknown
    },
  })
}

let orders = 0
const sale = async (over: object = {}) => {
  const order = { source: 'till', orderNo: `w-${++orders}`, channel: 'in_store', sellingStore: 'S1', closer: 'a2', paidAt: daysAgo(10), lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 10_000 }], ...over } // prettier-ignore
  await tell(service, { orders: [order] })
  return order
}

describe('what happened is told', () => {
  test('a change of what is owed, once for each order and change, signed so that the receiver can tell', async () => {
    await sale()
    const { secret, webhookId } = await subscribe(['entitlement.changed'])
    const order = await sale({ memberNo: 'm1' })
    await sale({ closer: undefined })
    const refund = { source: 'till', refundNo: `r-${order.orderNo}`, orderNo: order.orderNo, refundedAt: daysAgo(9) }
    await tell(service, { refunds: [{ ...refund, lines: [{ lineNo: 1, quantity: 1, refundFen: 10_000 }] }] })
    await tell(service, { orders: [order] })
    expect(await send()).toBe(2)

    // They may come in another sequence than they happened.
    const changed = (body: Record<string, unknown>) => (body['data'] as { amountFen: number }).amountFen
    const bodies = sent().sort((a, b) => changed(b) - changed(a))
    const row = { role: 'closer', payeeKind: 'associate', payee: 'a2', bearer: 'S1', planCode: 'standard' }
    expect(bodies).toMatchObject([
      { event: 'entitlement.changed', at: new Date(clock).toISOString(), data: { source: 'till', orderNo: order.orderNo, reason: 'sale', amountFen: 300, rowCount: 1, rows: [{ ...row, lineNo: 1, amountFen: 300, owedFen: 300 }] } }, // prettier-ignore
      { data: { orderNo: order.orderNo, reason: 'refund', amountFen: -300, rows: [{ ...row, amountFen: -300, owedFen: 0 }] } }, // prettier-ignore
    ])
    const ledger = await all<{ rowId: string; orderNo: string; bookedAt: string; availableAt: string }>(
      service,
      '/ledger?payeeKind=associate&payee=a2',
    )
    const told = bodies.flatMap(body => (body['data'] as { rows: { rowId: string; availableAt: string }[] }).rows)
    const booked = ledger.filter(one => one.orderNo === order.orderNo)
    const shown = (rows: typeof told) => rows.map(({ rowId, availableAt }) => `${rowId} ${availableAt}`).sort()
    expect(shown(told)).toEqual(shown(booked))

    // As a receiver does it, from what came alone.
    for (const { headers, body } of receiver.received) {
      const text = `${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`
      const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
      const expected = `v1,${createHmac('sha256', key).update(text).digest('base64')}`
      expect(headers['webhook-signature']).toBe(expected)
      expect(Math.abs(Number(headers['webhook-timestamp']) * 1000 - clock)).toBeLessThan(1000)
      expect((JSON.parse(body) as { eventId: string }).eventId).toBe(headers['webhook-id'])
    }
    expect(await deliveries()).toMatchObject([
      { webhookId, status: 'delivered', attempts: 1, answerCode: 204, fault: null, nextTryAt: null },
      { status: 'delivered' },
    ])
    // The secret is nowhere to be read again.
    const [kept] = await service.pool<{ sealed: Buffer }[]>`SELECT secret_encrypted AS sealed FROM webhooks`
    expect(kept!.sealed.toString('latin1')).not.toContain(secret.slice(6))
    expect(JSON.stringify(await listed())).not.toContain('whsec_')
  })

  test('a settlement that is approved, a dispute that is decided; none of what nobody asked for, and none while paused', async () => {
    const { webhookId } = await subscribe(['settlement.approved', 'dispute.decided'])
    const order = await sale()
    const boss = await personAt(service, 'boss', clock)
    const body = { source: 'till', orderNo: order.orderNo, role: 'closer', text: '这是我接待的', associateId: 'a1' }
    const disputes = await import('../../server/features/disputes/service.ts')
    const { dispute } = await disputes.openDispute(service.pool, { caller: boss, now: clock, body: body as never })
    const { disputeId } = dispute
    await disputes.decideDispute(service.pool, { caller: boss, now: clock, disputeId, body: { outcome: 'upheld', reason: '监控可见' } }) // prettier-ignore
    const { body: draft } = await call('POST', '/settlements', { cutoff: new Date(clock).toISOString() })
    const settlementId = draft['settlementId'] as string
    expect((await call('POST', `/settlements/${settlementId}/approve`)).status).toBe(200)
    expect((await call('POST', `/settlements/${settlementId}/approve`)).status).toBe(200)
    await send()
    expect(sent().sort((a, b) => (String(a['event']) < String(b['event']) ? -1 : 1))).toMatchObject([
      { event: 'dispute.decided', data: { disputeId, orderNo: order.orderNo, outcome: 'upheld', associateId: 'a1' } },
      { event: 'settlement.approved', data: { settlementId, status: 'approved', approvedBy: 'key:bootstrap' } },
    ])
    expect(JSON.stringify(sent())).not.toContain('监控')

    const change = { url: receiver.url, events: ['entitlement.changed'], active: false }
    expect((await call('PUT', `/webhooks/${webhookId}`, change)).body).toMatchObject({ active: false })
    await sale()
    expect((await call('POST', `/webhooks/${webhookId}/test`)).body).toMatchObject({ code: 'webhook.paused' })
    await call('PUT', `/webhooks/${webhookId}`, { ...change, active: true })
    expect(await send()).toBe(0)
    await sale()
    expect((await call('POST', `/webhooks/${webhookId}/test`)).status).toBe(202)
    await send()
    expect(sent().slice(2).map(one => one['event']).sort()).toEqual(['entitlement.changed', 'webhook.tested']) // prettier-ignore
    const deeds = await service.get<{ items: { action: string; details: object }[] }>(
      `/activity?subject=webhooks/${webhookId}`,
    )
    expect(deeds.items.map(({ action }) => action).sort()).toEqual(
      ['webhook.changed', 'webhook.changed', 'webhook.created', 'webhook.tested'], // prettier-ignore
    )
  })
})

describe('what does not arrive is tried again', () => {
  test('a receiver that fails five times and then takes it, with growing pauses and the same event id', async () => {
    await subscribe(['entitlement.changed'])
    receiver.answer = 503
    await sale()
    for (const pause of [10_000, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR]) {
      expect(await send()).toBe(1)
      const [waiting] = await deliveries()
      expect(waiting).toMatchObject({ status: 'waiting', answerCode: 503, fault: 'status' })
      expect(Date.parse(waiting!.nextTryAt!) - clock).toBe(pause)
      expect(await send()).toBe(0)
      clock += pause
    }
    expect(await listed()).toMatchObject([{ waiting: 1, failingSince: expect.any(String) as string }])
    receiver.answer = 200
    await send()
    expect(await deliveries()).toMatchObject([{ status: 'delivered', attempts: 6, answerCode: 200 }])
    expect(await listed()).toMatchObject([{ waiting: 0, failingSince: null }])
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1)
  })

  test('for three days, then it is given up; one or a span is sent again when somebody asks', async () => {
    const { webhookId } = await subscribe(['entitlement.changed'])
    receiver.answer = 302 // leads elsewhere: nobody goes there
    const began = clock
    const from = new Date(clock).toISOString()
    await sale()
    await sale()
    for (;;) {
      while ((await send()) > 0);
      const [waiting] = await deliveries()
      if (waiting!.status !== 'waiting') break
      clock = Date.parse(waiting!.nextTryAt!)
    }
    expect(clock - began).toBe(3 * 24 * HOUR)
    const given = await deliveries()
    expect(given).toMatchObject([{ status: 'given_up', answerCode: 302 }, { status: 'given_up' }])
    expect(receiver.received.some(({ headers }) => headers['host'] !== receiver.host)).toBe(false)
    expect(await listed()).toMatchObject([{ givenUp: 2 }])

    receiver.answer = 200
    const { eventId } = given[0]!
    expect((await call('POST', `/webhooks/${webhookId}/deliveries/${eventId}/replay`)).body).toMatchObject({
      status: 'waiting',
    })
    await send()
    const detail = await service.get<DeliveryDetail>(`/webhooks/${webhookId}/deliveries/${eventId}`)
    expect(detail).toMatchObject({ status: 'delivered', attempts: 1 })
    expect(receiver.received.at(-1)).toMatchObject({ body: detail.body, headers: { 'webhook-id': eventId } })
    const span = { from, to: new Date(clock + 1).toISOString() }
    const replay = (body: object) => call('POST', `/webhooks/${webhookId}/replay`, body)
    expect((await replay({ ...span, status: 'given_up' })).body).toEqual({ replayed: 1 })
    await send()
    expect((await replay(span)).body).toEqual({ replayed: 2 })
    await send()
    expect((await deliveries()).map(({ status }) => status)).toEqual(['delivered', 'delivered'])
    expect((await replay({ from: span.to, to: span.from })).status).toBe(422)
  })

  test('a process that dies between sending and writing down: once more, by the same id; never by two at once', async () => {
    await subscribe(['entitlement.changed'])
    await sale()
    // What it got to write down is lost with it.
    const dying: WebhookWork = { ...work, now: () => clock, pool: deadAfterClaim(service.pool) }
    const [lost] = await takeDeliveries(dying, new Map())
    await expect(lost!.done).rejects.toThrow('killed')
    expect(receiver.received.length).toBe(1)
    expect(await send()).toBe(0)
    clock += MINUTE
    const both = await Promise.all([send(), send()])
    expect(both.sort()).toEqual([0, 1])
    expect(receiver.received.length).toBe(2)
    expect(receiver.received[0]!.headers['webhook-id']).toBe(receiver.received[1]!.headers['webhook-id'])
    expect(await deliveries()).toMatchObject([{ status: 'delivered', attempts: 2 }])
  })

  test('one that does not answer holds up no other', async () => {
    const fast = await subscribe(['entitlement.changed'])
    await subscribe(['entitlement.changed'], slow.url)
    slow.answer = 'never'
    for (let i = 0; i < 9; i++) await sale()
    const underWay = new Map<string, number>()
    const held: Promise<void>[] = []
    for (let i = 0; i < 3; i++) {
      const taken = await takeDeliveries(work, underWay)
      const mine = taken.filter(({ lane }) => lane.endsWith(fast.webhookId))
      for (const sending of taken.filter(one => !mine.includes(one))) {
        underWay.set(sending.lane, (underWay.get(sending.lane) ?? 0) + 1)
        held.push(sending.done)
      }
      await Promise.all(mine.map(({ done }) => done))
    }
    expect(receiver.received.length).toBe(9)
    expect(slow.received.length).toBe(4)
    slow.cut()
    await Promise.all(held)
    expect((await deliveries()).filter(({ fault }) => fault === 'connection').length).toBe(4)
  })
})

describe('nothing is sent into a private network', () => {
  const REFUSED = [
    'http://example.com/', 'ftp://example.com/', 'file:///etc/passwd', 'gopher://127.0.0.1/', 'https://', 'nonsense',
    'https://user:pass@93.184.215.14/', 'https://93.184.215.14/#x', 'https://93.184.215.14:0/', `https://93.184.215.14/${'a'.repeat(2000)}`,
    'https://127.0.0.1/', 'https://127.1/', 'https://2130706433/', 'https://0x7f000001/', 'https://0177.0.0.1/', 'https://0.0.0.0/',
    'https://10.0.0.1/', 'https://172.16.0.1/', 'https://172.31.255.255/', 'https://192.168.1.1/', 'https://169.254.169.254/latest/meta-data',
    'https://100.64.0.1/', 'https://100.100.100.200/', 'https://192.0.0.192/', 'https://168.63.129.16/', 'https://198.18.0.1/',
    'https://224.0.0.1/', 'https://255.255.255.255/', 'https://240.0.0.1/', 'https://192.0.2.1/', 'https://[::1]/', 'https://[::]/',
    'https://[::ffff:127.0.0.1]/', 'https://[::ffff:a9fe:a9fe]/', 'https://[::127.0.0.1]/', 'https://[::ffff:0:127.0.0.1]/',
    'https://[fe80::1]/', 'https://[fc00::1]/', 'https://[fd00:ec2::254]/', 'https://[fec0::1]/', 'https://[64:ff9b::7f00:1]/',
    'https://[64:ff9b:1::a00:1]/', 'https://[2002:7f00:1::]/', 'https://[2001:0:7f00:1::]/', 'https://[2001:db8::1]/', 'https://[ff02::1]/',
    'https://[100::1]/', 'https://①②⑦.⓪.⓪.①/', 'https://１２７.0.0.1/', 'http://[::1]:80/',
  ] // prettier-ignore

  test('a corpus of addresses is refused when it is told, and nothing is kept of them', async () => {
    const { webhookId } = await subscribe(['entitlement.changed'])
    for (const url of REFUSED) {
      const made = await call('POST', '/webhooks', { url, events: ['entitlement.changed'] })
      expect({ url, ...made }).toMatchObject({ status: 422 })
      const changed = await call('PUT', `/webhooks/${webhookId}`, {
        url,
        events: ['entitlement.changed'],
        active: true,
      })
      expect({ url, ...changed }).toMatchObject({ status: 422 })
      expect((await send()) === 0 && receiver.received.length === 0).toBe(true)
    }
    expect(await listed()).toMatchObject([{ url: receiver.url }])
    const names = { 'mixed.example': ['93.184.215.14', '10.0.0.8'], 'inner.example': ['127.0.0.1'], 'gone.example': [] }
    const gate = buildGate({ privateHosts: [], resolve: name => Promise.resolve(names[name as keyof typeof names]) })
    for (const [name, fault] of Object.entries({
      'mixed.example': 'private',
      'inner.example': 'private',
      'gone.example': 'unresolved',
    }))
      // prettier-ignore
      await expect(gate.open(`https://${name}/hook`)).rejects.toMatchObject({ fault })
    // The operator’s exception is for this host and port alone.
    expect((await call('POST', '/webhooks', { url: 'http://127.0.0.1:1/', events: ['entitlement.changed'] })).status).toBe(422) // prettier-ignore
  })

  test('a name that leads elsewhere when it is asked again is refused then, and is asked once for each try', async () => {
    let asked = 0
    const gate = buildGate({
      privateHosts: [],
      resolve: () => Promise.resolve(asked++ === 0 ? ['93.184.215.14'] : ['127.0.0.1']),
    })
    const url = `https://rebinding.example:${receiver.host.split(':')[1]!}/hook`
    await expect(gate.open(url)).resolves.toMatchObject({ addresses: ['93.184.215.14'] })
    const message = { url, secret: 'whsec_AAAA', eventId: 'e', timestamp: 1, body: '{}' }
    expect(await post(gate, message)).toEqual({ answerCode: null, fault: 'address' })
    expect(asked).toBe(2)
    // What was looked at is what is connected to: nobody asks for the name a second time.
    const pinned = { open: () => Promise.resolve({ url: new URL(`http://nowhere.invalid:${receiver.host.split(':')[1]!}/pinned`), addresses: ['127.0.0.1'] }) } // prettier-ignore
    expect(await post(pinned, message)).toEqual({ answerCode: 204, fault: null })
    expect(receiver.received.at(-1)!.headers.host).toContain('nowhere.invalid')
    slow.answer = 'never'
    expect(await post(buildGate({ privateHosts: [slow.host] }), { ...message, url: slow.url, answerMs: 50 })).toEqual({
      answerCode: null,
      fault: 'timeout',
    })
  })
})

test('nothing of another brand: neither told, seen, changed nor sent again', async () => {
  const { webhookId } = await subscribe(['entitlement.changed'])
  const other = await openOtherBrand(service, 2, clock)
  await tell(other, brand)
  const otherPlan = await other.post('/plans', standardPlan)
  expect(otherPlan.status).toBe(201)
  await tell(other, { orders: [{ source: 'till', orderNo: 'o1', channel: 'in_store', sellingStore: 'S1', closer: 'a2', paidAt: daysAgo(3), lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 10_000 }] }] }) // prettier-ignore
  await other.settled()
  expect(await deliveries()).toEqual([])
  await sale()
  const [mine] = await deliveries()
  const client: BrandClient = await openBrand(service)
  const eventId = mine!.eventId
  expect(await client.get('/webhooks')).toEqual({ items: [] })
  expect(await client.get('/webhook-deliveries')).toMatchObject({ items: [] })
  expect(await client.get(`/webhook-deliveries?webhookId=${webhookId}`)).toMatchObject({ items: [] })
  const change = { url: receiver.url, events: ['entitlement.changed'], active: false }
  const span = { from: daysAgo(9), to: new Date(clock + 1).toISOString() }
  for (const [method, path, body] of [
    ['PUT', '', change],
    ['DELETE', '', undefined],
    ['POST', '/test', undefined],
    ['POST', '/replay', span],
    ['POST', `/deliveries/${eventId}/replay`, undefined],
  ] as const) {
    expect((await client.send(method, `/webhooks/${webhookId}${path}`, body)).status).toBe(404)
  }
  expect(await listed()).toMatchObject([{ active: true }])
})
