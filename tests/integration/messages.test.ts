import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { IMPORTER } from '../../server/features/evidence/service.ts'
import { ingest } from '../../server/features/ingest/service.ts'
import { endLostCards, forgetOldAssociateMessages, takeCard, type Messaging } from '../../server/features/messages/service.ts' // prettier-ignore
import { planSync, syncStep } from '../../server/features/mirror/sync.ts'
import { tendTasks } from '../../server/features/task-rules/service.ts'
import { WecomError, type WecomCall } from '../../server/features/wecom/service.ts'
import { createVault } from '../../server/lib/vault.ts'
import { startMessageWorker } from '../../server/workers/messages.ts'
import type { World } from '../../simulator/world.ts'
import { brand, NOW, standardPlan } from '../builders/brand.ts'
import { askerOf, type Asker } from '../support/askers.ts'
import { tell } from '../support/people.ts'
import { startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Noon in Shanghai; each test has a day of its own. */
let clock = NOW
const now = () => clock++
const ago = (ms = 0) => new Date(clock - ms).toISOString()

let wecom: TestWecom
let world: World
let service: TestService
let owner: Pool
let messaging: Messaging
/** Sessions are over from one test to the next. */
const person = (userid: string): Promise<Asker> => askerOf(service, userid)

beforeAll(async () => {
  wecom = await startTestWecom({
    now: () => clock,
    staff: ['a1', 'a2', 'a3', 'manager1', 'manager2', 'boss', 'A9'],
    customers: [
      { name: '王小雨', externalUserid: 'wm1', unionid: 'u1', follows: [{ userid: 'a1' }] },
      { name: '李<明>', externalUserid: 'wm2', unionid: 'u2', follows: [{ userid: 'a2' }] },
    ],
  })
  world = wecom.world
  service = await startTestService({ env: wecom.env, now })
  owner = openPool(service.databaseUrl, { max: 2, asOwner: true })
  messaging = {
    pool: service.pool,
    wecom: service.app.wecom!,
    brandId: 1,
    publicUrl: service.settings.publicUrl,
    now,
  }
  await tell(service, {
    ...brand,
    associates: [...brand.associates, { associateId: 'A9', name: '导购 A9', storeCode: 'S1', activeFrom: '2025-01-01T00:00:00Z' }], // prettier-ignore
    members: [{ memberNo: 'm1', name: '王小雨', openingStore: 'S1' }, { memberNo: 'own' }, { memberNo: 'm2' }],
    'member-assignments': ['m1', 'm2'].map(memberNo => ({ memberNo, from: '2025-06-01T00:00:00Z', attributedAssociate: 'a1' })), // prettier-ignore
    'share-links': ['a1', 'a2', 'a3', 'A9'].map(associateId => ({
      linkCode: `link-${associateId}`,
      associateId,
      target: { kind: 'product', ref: 'k', title: '羊毛大衣' },
      channel: 'single_chat',
    })),
  })
  await tell(service, { associates: [{ associateId: 'a1', memberNo: 'own' }] })
  expect((await service.post('/plans', standardPlan)).status).toBe(201)
  const vault = createVault(service.settings.dataKey)
  const mirror = { ...messaging, vault }
  // Before anybody looked at WeCom nothing is written down for it.
  await tell(service, { touches: [opening()] })
  expect(await rows()).toEqual([])
  await planSync(service.pool, { brandId: 1, now: now() })
  const leaseId = randomUUID()
  while ((await syncStep(mirror, { leaseId })) === 'worked');
  await service.settled()
})
afterAll(async () => {
  await owner.end()
  await service.close()
  await wecom.close()
})
beforeEach(async () => {
  clock = NOW + DAY * Math.ceil((clock - NOW) / DAY + 1)
  await owner`DELETE FROM associate_messages`
  await owner`DELETE FROM message_settings`
  await owner`DELETE FROM message_choices`
  world.appMessages.arrived.length = 0
})

let made = 0
const opening = (more: object = {}) => ({
  touchId: `t-${++made}`,
  linkCode: 'link-a1',
  at: ago(),
  kind: 'visit',
  visitorId: `v-${made}`,
  ...more,
})
const open = (...all: object[]) => tell(service, { touches: all.map(opening) })
const order = (more: object = {}) => ({
  source: 'till',
  orderNo: `o-${++made}`,
  channel: 'in_store',
  sellingStore: 'S1',
  closer: 'a2',
  paidAt: ago(),
  lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 10_000 }],
  ...more,
})
const rows = () => owner<{ associateId: string; kind: string; status: string; reason: string | null; errcode: number | null }[]>`
  SELECT associate_id AS "associateId", kind, status, reason, errcode FROM associate_messages ORDER BY at, 1, 2` // prettier-ignore
const states = async () =>
  (await rows()).map(row => [row.associateId, row.kind, row.status, row.reason].join(' ').trim())
const sendAll = async (by: Partial<Messaging> = {}) => {
  for (let taken; (taken = await takeCard({ ...messaging, ...by }));) await taken.done
}
/** What somebody got, without tags. */
const got = (userid: string) =>
  world.appMessages
    .of(userid)
    .map(({ title, description }) => [title, ...[...description.matchAll(/>([^<]+)</g)].slice(1).map(match => match[1])]) // prettier-ignore
const settings = {
  quietFrom: '21:00',
  quietTo: '09:00',
  kinds: {
    link_opened: true,
    sold: true,
    friend_lost: true,
    task_new: true,
    dispute_decided: true,
    statement_ready: true,
  },
  digestAbove: 3,
  digestMinutes: 10,
}
const put = async (path: string, payload: object) => {
  const headers = { authorization: `Bearer ${TEST_KEY}` }
  return await service.app.inject({ method: 'PUT', url: `/api/v1${path}`, headers, payload })
}
/** WeCom, but for what `change` makes of its answer. */
const through = (change: (api: string) => Error | null): Partial<Messaging> => ({
  wecom: {
    ...messaging.wecom,
    async call(api: string, call?: WecomCall) {
      const answer = await messaging.wecom.call(api, call)
      const error = change(api)
      if (error) throw error
      return answer
    },
  },
})

describe('what associates are told', () => {
  test('a customer opened a link: a friend by his name, anybody else without', async () => {
    await open({ unionid: 'u1' })
    await open({ linkCode: 'link-a2', unionid: 'u1' }, { linkCode: 'link-a2', externalUserid: 'wm2' })
    await service.app.inject({
      url: '/s/link-a1',
      headers: { 'user-agent': 'Mozilla/5.0 (iPhone) MicroMessenger/8.0' },
    })
    await sendAll()
    expect(got('a1')).toEqual([
      ['你的链接有人打开了', '王小雨打开了你分享的「羊毛大衣」'],
      ['你的链接有人打开了', '有顾客打开了你分享的「羊毛大衣」'],
    ])
    // u1 is no friend of his.
    expect(
      got('a2')
        .map(([, text]) => text)
        .sort(),
    ).toEqual(['有顾客打开了你分享的「羊毛大衣」', '李&lt;明&gt;打开了你分享的「羊毛大衣」'])
    expect(world.appMessages.of('a1')[0]!.url).toMatch(/^http:\/\/127\.0\.0\.1:8686\/sidebar\/#\/customers\/wm1\?card=/)
  })

  test('not his own opening, nor what he sent; a customer’s next one after some hours', async () => {
    await open({ memberNo: 'own' }, { kind: 'sent' }, { linkCode: 'nobody-has-it' })
    expect(await rows()).toEqual([])
    await open({ memberNo: 'm1' }, { memberNo: 'm1' })
    await open({ memberNo: 'm1' })
    clock += 5 * HOUR
    await open({ memberNo: 'm1' })
    expect(await rows()).toHaveLength(1)
    clock += 2 * HOUR
    await open({ memberNo: 'm1' })
    expect(await rows()).toHaveLength(2)
  })

  test('a sale, what it pays, and each of those whose it is once', async () => {
    await open({ memberNo: 'm1' })
    const sold = order({ memberNo: 'm1' })
    await tell(service, { orders: [sold, { ...sold }] })
    await service.settled()
    await sendAll()
    expect(got('a1').slice(1)).toEqual([['你有一笔新成交', '到店间接成交，这一单算你的', '提成 ¥5.00（税前）']])
    expect(got('a2')).toEqual([['你有一笔新成交', '到店间接成交，这一单算你的', '提成 ¥3.00（税前）']])
    // It becomes another's: he is told, the others are not again.
    const { orderNo, source } = sold
    const body = { source, orderNo, role: 'closer', associateId: 'a3', reason: '看过监控' }
    const overridden = await service.post('/overrides', body)
    expect([200, 201]).toContain(overridden.status)
    await service.settled()
    await sendAll()
    expect([got('a1').length, got('a2').length, got('a3').length]).toEqual([2, 1, 1])
    expect((await states()).slice(1)).toEqual(['a1 sold sent', 'a2 sold sent', 'a3 sold sent'])
  })

  test('one that is refunded or another’s by then is none', async () => {
    const sold = order()
    await tell(service, { orders: [sold] })
    await tell(service, { orders: [{ ...sold, revision: 2, closer: 'a3' }] })
    await service.settled()
    await sendAll()
    expect(await states()).toEqual(['a2 sold dropped over', 'a3 sold sent'])
  })

  test('a friend ended it, and did not come back', async () => {
    const event = { associateId: 'a2', externalUserid: 'wm2', at: ago(), kind: 'ended', endedBy: 'customer' }
    await tell(service, {
      'friend-events': [
        event,
        { ...event, associateId: 'a1', endedBy: 'associate' },
        { ...event, externalUserid: 'wm3' },
      ],
    })
    await tell(service, {
      'friend-events': [event, { associateId: 'a2', externalUserid: 'wm3', at: ago(), kind: 'added' }],
    })
    await sendAll()
    expect(got('a2')).toEqual([['有顾客删除了你', '李&lt;明&gt;把你从微信好友中删除了']])
    expect((await states()).sort()).toEqual(['a2 friend_lost dropped over', 'a2 friend_lost sent'])
  })

  test('a task, a dispute, a statement', async () => {
    const sold = order({ paidAt: ago(20 * DAY) })
    await tell(service, { orders: [sold] })
    const rule = { kind: 'campaign', title: '邀请体验', text: '您好', firstDay: ago(DAY).slice(0, 10), lastDay: ago(-DAY).slice(0, 10), segment: { neverBought: true } } // prettier-ignore
    expect((await service.post('/task-rules', rule)).status).toBe(201)
    // One whom nobody has: the store's manager hears of his task.
    await tell(service, { members: [{ memberNo: 'nobodys', openingStore: 'S1' }] })
    await tendTasks(service.pool, { clock: now, isStopped: () => false })
    const filed = await (
      await person('a1')
    ).post('/disputes', { source: 'till', orderNo: sold.orderNo, role: 'closer', text: '是我' })
    expect(filed.status).toBe(201)
    const path = `/disputes/${String(filed.body['disputeId'])}/decide`
    expect((await (await person('manager1')).post(path, { outcome: 'upheld', reason: '是他' })).status).toBe(200)
    await service.settled()
    const draft = await service.post('/settlements', { cutoff: ago() })
    const approve = () => service.post(`/settlements/${String(draft.body['settlementId'])}/approve`, {})
    expect((await approve()).status).toBe(200)
    expect((await approve()).status).toBe(200)
    await sendAll()
    expect(got('a1')).toEqual([
      ['你有一个新任务', '邀请体验'],
      ['你的申诉有结果了', `订单 ${sold.orderNo}：申诉成立`, '你的提成 +¥3.00（税前）'],
      ['你的结算单出来了', '应发 ¥3.00（税前）'],
    ])
    expect(got('manager1')).toEqual([['门店有一个新任务待分配', '邀请体验']])
    expect(got('a2')).toEqual([['一笔提成因申诉有变动', `订单 ${sold.orderNo}：申诉成立`, '你的提成 -¥3.00（税前）']])
  })

  test('nothing of what is old or imported, whatever follows from it', async () => {
    await open({ at: ago(DAY + 1000) })
    await tell(service, {
      orders: [order({ paidAt: ago(DAY + 1000) })],
      'friend-events': [
        { associateId: 'a2', externalUserid: 'wm9', at: ago(2 * DAY), kind: 'ended', endedBy: 'customer' },
      ],
    })
    await service.settled()
    expect(await rows()).toEqual([])
    const imported = (kind: 'orders' | 'touches', items: object[]) =>
      ingest(
        { pool: service.pool, vault: createVault(service.settings.dataKey), publicUrl: '', now },
        { kind, brandId: 1, actor: IMPORTER, callerId: IMPORTER, items },
      )
    const sold = order()
    await imported('orders', [sold])
    await imported('touches', [opening()])
    await tell(service, { orders: [{ ...sold, revision: 2 }] })
    await service.settled()
    await sendAll()
    expect(new Set(await states())).toEqual(new Set(['a1 link_opened dropped imported', 'a2 sold dropped imported']))
    expect(world.appMessages.arrived).toEqual([])
  })
})

describe('once at most', () => {
  test('though several processes send, and what waits is looked at again', async () => {
    await open(...['a1', 'a2', 'a3'].map(id => ({ linkCode: `link-${id}` })))
    await Promise.all([sendAll(), sendAll(), sendAll()])
    await sendAll()
    expect(world.appMessages.arrived.map(({ userid }) => userid).sort()).toEqual(['a1', 'a2', 'a3'])
  })

  test('though the process dies, before it went or after', async () => {
    await open({})
    const died = through(() => new Error('the process died'))
    await expect(sendAll(died)).rejects.toThrow('died')
    await sendAll()
    expect(await states()).toEqual(['a1 link_opened sending'])
    clock += 3 * 60_000
    await endLostCards(messaging)
    await sendAll()
    expect(await states()).toEqual(['a1 link_opened unsure'])
    expect(got('a1')).toHaveLength(1)
  })

  test('though WeCom does not answer', async () => {
    await open({})
    await sendAll(through(api => new WecomError(api, { outcome: 'unknown', why: 'test' })))
    await sendAll()
    expect(await states()).toEqual(['a1 link_opened unsure'])
    expect(got('a1')).toHaveLength(1)
  })

  test('by the worker, whose rows are forgotten after a month', async () => {
    await open({})
    const errors: unknown[] = []
    const worker = startMessageWorker({ ...messaging, onError: error => errors.push(error) })
    for (let i = 0; i < 200 && got('a1').length === 0; i++) await new Promise(resolve => setTimeout(resolve, 20))
    await worker.stop()
    expect([errors, await states()]).toEqual([[], ['a1 link_opened sent']])
    clock += 31 * DAY
    await forgetOldAssociateMessages(service.pool, now())
    expect(await rows()).toEqual([])
  })
})

describe('not too much', () => {
  test('many within minutes are one card; what comes then waits for the window’s end', async () => {
    await open(...Array.from({ length: 5 }, () => ({})))
    await sendAll()
    expect(got('a1')).toEqual([['你有 5 条新消息', '链接被打开 5 次']])
    for (let i = 0; i < 4; i++) {
      await open({})
      await sendAll()
      clock += 60_000
    }
    expect(got('a1')).toHaveLength(3)
    await open({})
    await sendAll()
    clock += 7 * 60_000
    await sendAll()
    expect(got('a1').slice(3)).toEqual([['你有 3 条新消息', '链接被打开 3 次']])
  })

  test('quiet hours hold everything until they end', async () => {
    clock += 10 * HOUR
    await open({}, {})
    await tell(service, { orders: [order({ memberNo: 'm2' })] })
    await service.settled()
    await sendAll()
    clock += 8 * HOUR
    await sendAll()
    expect(world.appMessages.arrived).toEqual([])
    clock += 4 * HOUR
    await sendAll()
    expect(got('a1')).toEqual([['你有 3 条新消息', '链接被打开 2 次', '新成交 1 单，提成 ¥1.00（税前）']])
    expect(got('a2')).toEqual([['你有一笔新成交', '这一单算你的', '提成 ¥3.00（税前）']])
  })

  test('what waited for a day is dropped', async () => {
    await open({})
    clock += DAY
    await sendAll()
    expect(await states()).toEqual(['a1 link_opened dropped stale'])
  })

  test('the brand says what, and when not', async () => {
    const changed = await put('/settings/messages', { ...settings, quietFrom: '12:00', quietTo: '14:00', kinds: { ...settings.kinds, sold: false } }) // prettier-ignore
    expect(changed.json()).toMatchObject({ quietFrom: '12:00', kinds: { sold: false }, changedBy: 'key:bootstrap' })
    await open({})
    await tell(service, { orders: [order()] })
    await service.settled()
    await sendAll()
    expect(got('a1')).toEqual([])
    clock += 2 * HOUR
    await sendAll()
    expect(got('a1')).toHaveLength(1)
    expect(await states()).toEqual(['a1 link_opened sent', 'a2 sold dropped turned_off'])
    const deeds = await service.get<{ items: { action: string }[] }>('/activity?subject=settings/messages')
    expect(deeds.items.map(deed => deed.action)).toEqual(['messages.changed'])
    expect((await put('/settings/messages', { ...settings, quietFrom: '25:00' })).statusCode).toBe(422)
    expect((await put('/settings/messages', { ...settings, digestAbove: 0 })).statusCode).toBe(422)
    expect((await put('/settings/messages', { ...settings, loud: true })).statusCode).toBe(422)
    expect(await service.get('/settings/messages')).toMatchObject({ quietTo: '14:00' })
  })

  test('each says what he does not want', async () => {
    const a1 = await person('a1')
    expect(await a1.get('/me/messages')).toMatchObject({ kinds: settings.kinds, brandKinds: settings.kinds })
    const kinds = { ...settings.kinds, link_opened: false }
    expect((await a1.ask('PUT', '/me/messages', { kinds })).body).toMatchObject({ kinds })
    await open({}, { linkCode: 'link-a2' })
    await sendAll()
    expect((await states()).sort()).toEqual(['a1 link_opened dropped turned_off', 'a2 link_opened sent'])
    expect(await (await person('a2')).get('/me/messages')).toMatchObject({ kinds: settings.kinds })
  })

  test('who left, or is a customer who promotes, is not told', async () => {
    await tell(service, { associates: [{ associateId: 'a3', activeTo: ago(HOUR) }] })
    await open({ linkCode: 'link-a3' })
    await sendAll()
    expect(await states()).toEqual(['a3 link_opened dropped gone'])
    await tell(service, { associates: [{ associateId: 'a3', activeFrom: ago(HOUR) }] })
  })
})

describe('what WeCom refuses', () => {
  const health = async () => (await service.get<{ messages: Record<string, unknown> }>('/wecom/health')).messages

  test('one person fails with the reason, the others go on', async () => {
    world.appMessages.outOfSight.add('A9')
    world.appMessages.unlicensed.add('a2')
    await open({ linkCode: 'link-A9' }, { linkCode: 'link-a2' }, {})
    await sendAll()
    world.appMessages.outOfSight.clear()
    world.appMessages.unlicensed.clear()
    await sendAll()
    expect((await states()).sort()).toEqual([
      'A9 link_opened refused invalid_user',
      'a1 link_opened sent',
      'a2 link_opened refused invalid_user',
    ])
    const { fault, ...counts } = await health()
    expect(counts).toEqual({ waiting: 0, sent: 1, dropped: 0, refused: 2, unsure: 0 })
    expect(fault).toMatchObject({ errcode: 81013, advice: { zh: expect.stringContaining('可见范围') as string } })
    const metrics = (await service.app.inject({ url: '/metrics' })).body
    expect(metrics).toMatch(/wecom_messages_total\{outcome="refused"\} 2/)
  })

  test('a wrong setting holds all back until it is mended', async () => {
    await open({}, { linkCode: 'link-a2' })
    world.faults.push({ path: '/cgi-bin/message/send', errcode: 60020, times: 2 })
    const taken = await takeCard(messaging)
    expect(await taken!.done).toBe(60_000)
    expect(await health()).toMatchObject({ waiting: 2, refused: 0, fault: { errcode: 60020 } })
    await sendAll()
    expect(got('a1')).toEqual([])
    clock += 61_000
    await sendAll()
    expect([got('a1').length, got('a2').length]).toEqual([1, 1])
    expect(await health()).toMatchObject({ waiting: 0, sent: 2, fault: null })
  })
})
