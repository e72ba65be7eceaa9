import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HomeCustomers, TeamDay } from '../../server/features/home/schema.ts'
import { brand, daysAgo, NOW, standardPlan } from '../builders/brand.ts'
import { askerOf, type Asker } from '../support/askers.ts'
import { tell } from '../support/people.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'

const STAFF = ['a1', 'a2', 'a3', 'manager1', 'franchisee1', 'boss'] as const

let service: TestService
let wecom: TestWecom
const people = new Map<string, Asker>()
const person = (userid: (typeof STAFF)[number]): Asker => people.get(userid)!
const mine = (query = '', who: (typeof STAFF)[number] = 'a1') => person(who).get<HomeCustomers>(`/me/customers${query}`)
const numbers = ({ items }: HomeCustomers) => items.map(item => item.memberNo)
const found = async (q: string) => numbers(await mine(`?q=${encodeURIComponent(q)}`))

let orders = 0
const order = (memberNo: string, days: number, over: object = {}) => ({
  source: 'till',
  orderNo: `h-${++orders}`,
  channel: 'in_store',
  sellingStore: 'S1',
  closer: 'a1',
  memberNo,
  paidAt: daysAgo(days),
  lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 10_000 }],
  ...over,
})

beforeAll(async () => {
  wecom = await startTestWecom({ staff: STAFF })
  service = await startTestService({ env: wecom.env, now: () => NOW })
  const own = (memberNo: string, attributedAssociate = 'a1') => ({ memberNo, from: daysAgo(300), attributedAssociate })
  await tell(service, {
    ...brand,
    members: [
      { memberNo: 'VIP-0001', name: '陈晓', phone: '13800000001', level: '金卡', tags: ['大衣控'], birthday: '1990-05-30', consents: { tracking: true } }, // prettier-ignore
      { memberNo: 'VIP-0002', name: '陈明', level: '银卡', birthday: '06-01', consents: { tracking: false } },
      { memberNo: 'VIP-0003', name: '李四', tags: ['大衣控', '孕妈'] },
      { memberNo: 'VIP-0004', name: '王五', level: '金卡' },
      { memberNo: 'VIP-0005', name: '别人的陈' },
      { memberNo: 'OLD-1' },
      { memberNo: 'STORE-1', name: '本店会员', openingStore: 'S1', phone: '13800000009' },
      { memberNo: 'STORE-2', name: '别店会员', openingStore: 'S2' },
    ],
    'member-merges': [{ memberNo: 'OLD-1', into: 'VIP-0004', at: daysAgo(200) }],
    'member-assignments': [
      ...['VIP-0001', 'VIP-0002', 'VIP-0003', 'OLD-1'].map(no => own(no)),
      own('VIP-0005', 'a2'),
      { memberNo: 'VIP-0005', from: daysAgo(400), attributedAssociate: 'a1' },
    ],
    identities: [
      { kind: 'external_userid', value: 'wm-1', memberNo: 'VIP-0001', at: daysAgo(300) },
      { kind: 'external_userid', value: 'wm-2', memberNo: 'VIP-0002', at: daysAgo(300) },
      { kind: 'visitor', value: 'v-1', memberNo: 'VIP-0001', at: daysAgo(300) },
      { kind: 'visitor', value: 'v-2', memberNo: 'VIP-0002', at: daysAgo(300) },
      // The phone was given away.
      { kind: 'visitor', value: 'v-3', memberNo: 'VIP-0001', at: daysAgo(300) },
      { kind: 'visitor', value: 'v-3', memberNo: 'VIP-0005', at: daysAgo(299) },
    ],
    'friend-events': [{ associateId: 'a1', externalUserid: 'wm-1', kind: 'added', at: daysAgo(100) }],
    'share-links': [
      { linkCode: 'home-a2', associateId: 'a2', target: { kind: 'product', ref: 'k' }, channel: 'other' },
    ],
    touches: ['v-1', 'v-2', 'v-3'].map((visitorId, i) => ({
      touchId: `home-${i}`,
      linkCode: 'home-a2',
      at: daysAgo(visitorId === 'v-3' ? 1 : 2),
      kind: 'click',
      visitorId,
    })),
    orders: [
      order('VIP-0001', 1),
      order('VIP-0002', 95),
      order('OLD-1', 120),
      order('VIP-0003', 3, { cancelled: true }),
      order('VIP-0005', 0.1, { closer: 'a2' }),
    ],
    targets: [
      { month: '2026-05', associateId: 'a1', netSalesFen: 1_000_000 },
      { month: '2026-05', associateId: 'a2', netSalesFen: 10 },
    ],
  })
  expect((await service.post('/plans', standardPlan)).status).toBe(201)
  await service.settled()
  for (const userid of STAFF) people.set(userid, await askerOf(service, userid))
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

test('whoever answers for stores looks through their members as well, and nobody else’s', async () => {
  const ofStore = (who: (typeof STAFF)[number], more = '') => mine(`?whose=store${more}`, who)
  expect(numbers(await ofStore('manager1'))).toEqual(['STORE-1'])
  expect((await ofStore('manager1')).counts).toMatchObject({ all: 1, never_bought: 1 })
  expect(numbers(await ofStore('manager1', '&q=13800000009'))).toEqual(['STORE-1'])
  expect(numbers(await ofStore('franchisee1'))).toEqual([])
  expect(numbers(await mine('', 'manager1'))).toEqual([])
})

describe('my customers', () => {
  test('are those who are attributed to me now, whoever bought last first', async () => {
    const all = await mine()
    expect(numbers(all)).toEqual(['VIP-0001', 'VIP-0002', 'VIP-0004', 'VIP-0003'])
    expect(all.counts).toEqual({
      all: 4,
      birthday: 1,
      asleep: 2,
      looked: 1,
      never_bought: 1,
      levels: [
        { value: '金卡', count: 2 },
        { value: '银卡', count: 1 },
      ],
      tags: [
        { value: '大衣控', count: 2 },
        { value: '孕妈', count: 1 },
      ],
    })
    expect(all.items[0]).toEqual({
      memberNo: 'VIP-0001',
      name: '陈晓',
      level: '金卡',
      tags: ['大衣控'],
      birthday: '05-30',
      lastPaidAt: daysAgo(1),
      lookedAt: daysAgo(2),
      externalUserid: 'wm-1',
      isFriend: true,
    })
    // He did not agree to be followed, and is no friend.
    expect(all.items[1]).toMatchObject({ lookedAt: null, externalUserid: 'wm-2', isFriend: false })
    expect(numbers(await mine('', 'a2'))).toEqual(['VIP-0005'])
    expect(numbers(await mine('', 'a3'))).toEqual([])
  })

  test.each([
    ['?segment=birthday', ['VIP-0001']],
    ['?segment=asleep', ['VIP-0002', 'VIP-0004']],
    ['?segment=looked', ['VIP-0001']],
    ['?segment=never_bought', ['VIP-0003']],
    [`?level=${encodeURIComponent('金卡')}`, ['VIP-0001', 'VIP-0004']],
    [`?tag=${encodeURIComponent('大衣控')}&segment=never_bought`, ['VIP-0003']],
  ])('by segment: %s', async (query, expected) => {
    expect(numbers(await mine(query))).toEqual(expected)
  })

  test('are found by name, by the whole phone number, and by the end of a card number', async () => {
    expect(await found('陈')).toEqual(['VIP-0001', 'VIP-0002'])
    expect(await found('138 0000 0001')).toEqual(['VIP-0001'])
    expect(await found('+8613800000001')).toEqual(['VIP-0001'])
    expect(await found('1380000000')).toEqual([])
    expect(await found('0004')).toEqual(['VIP-0004'])
    expect(await found('004')).toEqual([])
    expect(await found("'; DROP TABLE members; --")).toEqual([])
    expect((await mine(`?q=${encodeURIComponent('没有')}`)).counts.all).toBe(4)
  })

  test('come page by page', async () => {
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: HomeCustomers = await mine(`?limit=1${cursor && `&cursor=${cursor}`}`)
      seen.push(...numbers(page))
      cursor = page.nextCursor
    }
    expect(seen).toEqual(['VIP-0001', 'VIP-0002', 'VIP-0004', 'VIP-0003'])
    expect((await person('a1').ask('GET', '/me/customers?cursor=x')).status).toBe(400)
  })
})

describe('the day of the team', () => {
  test('who shared and sold, who is behind, and what waits', async () => {
    await service.pool`
      INSERT INTO tasks (brand_id, task_id, kind, member_no, occasion, title, text, priority, associate_id, store_code,
        made_day, due_day, created_at, state, state_at)
      SELECT 1, gen_random_uuid(), 'follow_up', 'VIP-0001', 'x', '', 'x', 0, associate, 'S1', due, due, now(), 'open', now()
      FROM (VALUES ('a2', '2026-05-19'), ('a2', '2026-05-20'), ('a2', '2026-05-21'), (NULL, '2026-05-20')) AS t (associate, due)`
    const claim = { source: 'till', orderNo: 'h-5', role: 'opener', text: '我开的卡' }
    expect((await person('a1').post('/disputes', claim)).status).toBe(201)
    const day = await person('manager1').get<TeamDay>('/me/team-day')
    expect(day).toMatchObject({ store: { storeCode: 'S1', name: '静安店' }, openDisputes: 1, unassignedTasks: 1 })
    expect(day.team.map(({ associateId, ...row }) => [associateId, row.shares, row.creditedFen, row.openTasks, row.overdueTasks, row.behind])).toEqual([
      ['a1', 0, 0, 0, 0, ['target']],
      ['a2', 1, 10_000, 2, 1, ['tasks']],
      ['manager1', 0, 0, 0, 0, []],
    ]) // prettier-ignore
  })

  test('is for whoever answers for a store, and of his own', async () => {
    for (const who of ['a1', 'boss'] as const) expect((await person(who).ask('GET', '/me/team-day')).status).toBe(404)
    expect((await person('manager1').ask('GET', '/me/team-day?storeCode=S2')).status).toBe(404)
    expect((await person('franchisee1').get<TeamDay>('/me/team-day')).team.map(row => row.associateId)).toEqual(['f1'])
  })
})
