import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { customerCard, groupCard } from '../../server/features/cards/service.ts'
import type { CustomerCard } from '../../server/features/cards/schema.ts'
import { createVault } from '../../server/lib/vault.ts'
import { at, brand, daysAgo, minutesAgo, NOW, standardPlan } from '../builders/brand.ts'
import { openOtherBrand, personAt, tell } from '../support/people.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { signedIn, startTestWecom, type TestWecom } from '../support/wecom.ts'

let service: TestService
let wecom: TestWecom
let other: TestService

async function cardFor(associateId: string, externalUserid: string, brandId = 1): Promise<CustomerCard> {
  const caller = await personAt(service, associateId, NOW, brandId)
  const vault = createVault(service.settings.dataKey)
  return await customerCard(service.pool, caller, { externalUserid, now: NOW, vault })
}

const linked = (value: string, memberNo: string, since = daysAgo(300)) => ({
  kind: 'external_userid',
  value,
  memberNo,
  at: since,
})
const order = (orderNo: string, memberNo: string, more: object = {}) => ({
  source: 'mall',
  orderNo,
  channel: 'online',
  paidAt: daysAgo(3),
  memberNo,
  lines: [{ lineNo: 1, sku: 'COAT', name: '羊毛大衣', category: '大衣', quantity: 1, paidFen: 100_000 }],
  ...more,
})
const view = (touchId: string, more: object = {}) => ({
  touchId,
  at: minutesAgo(12),
  kind: 'click',
  externalUserid: 'wm-gold',
  linkCode: 'link-a1',
  ...more,
})

beforeAll(async () => {
  wecom = await startTestWecom({ staff: ['a1', 'a2'] })
  service = await startTestService({ env: wecom.env, now: () => NOW })
  await tell(service, {
    ...brand,
    products: [{ sku: 'COAT', name: '羊毛大衣', category: '大衣', priceFen: 100_000 }],
    members: [
      {
        memberNo: 'GOLD',
        name: '陈晓',
        phone: '13812345678',
        level: '金卡',
        points: 12_860,
        balanceFen: 30_000,
        joinedAt: daysAgo(400),
        openingStore: 'S3',
        openingAssociate: 'f1',
        followsOfficialAccount: true,
        tags: ['大衣控'],
        consents: { tracking: true },
      },
      { memberNo: 'SILENT', name: '周敏', phone: '13900000042', openingStore: 'S1', openingAssociate: 'a1' },
      { memberNo: 'LEFT', name: '吴某', openingStore: 'S1' },
      { memberNo: 'LOOSE', name: '郑某' },
      { memberNo: 'FRANCHISE', name: '孙某', openingStore: 'S3', openingAssociate: 'f1' },
      { memberNo: 'OLD', name: '旧卡', points: 1, consents: { tracking: true } },
      { memberNo: 'NEW', name: '新卡', points: 2, openingStore: 'S1', openingAssociate: 'a1' },
    ],
    'member-assignments': [
      { memberNo: 'GOLD', from: daysAgo(200), attributedAssociate: 'a1', homeStore: 'S1', reason: 'enrol' },
      { memberNo: 'LEFT', from: daysAgo(200), attributedAssociate: 'leaver' },
    ],
    identities: [
      linked('wm-gold', 'GOLD'),
      linked('wm-silent', 'SILENT'),
      linked('wm-left', 'LEFT'),
      linked('wm-loose', 'LOOSE'),
      linked('wm-franchise', 'FRANCHISE'),
      linked('wm-merged', 'OLD'),
      linked('wm-moved', 'SILENT', daysAgo(100)),
      linked('wm-moved', 'GOLD', daysAgo(50)),
      { kind: 'unionid', value: 'u-gold', memberNo: 'GOLD', at: daysAgo(300) },
    ],
    'member-merges': [{ memberNo: 'OLD', into: 'NEW', at: daysAgo(10) }],
    'share-links': [
      {
        linkCode: 'link-a1',
        associateId: 'a1',
        target: { kind: 'product', ref: 'COAT' },
        channel: 'single_chat',
        createdAt: daysAgo(20),
      },
      {
        linkCode: 'link-a2',
        associateId: 'a2',
        target: { kind: 'live', ref: 'room-1', title: '秋冬上新直播间' },
        channel: 'group_chat',
      },
    ],
    touches: [
      view('t-1'),
      view('t-2', { at: daysAgo(2), externalUserid: undefined, unionid: 'u-gold' }),
      view('t-3', { at: daysAgo(1), linkCode: 'link-a2', externalUserid: undefined, memberNo: 'GOLD' }),
      view('t-4', { at: minutesAgo(3), kind: 'sent' }),
      view('t-5', { at: minutesAgo(2), memberNo: 'SILENT' }), // seen under his id, but the number says who it was
      view('t-6', { at: daysAgo(31), page: { kind: 'page', ref: 'about' } }),
      view('t-7', {
        at: minutesAgo(50),
        linkCode: undefined,
        kind: 'visit',
        page: { kind: 'page', ref: 'home', title: '首页' },
      }),
      view('t-8', { at: minutesAgo(5), externalUserid: 'wm-silent' }),
    ],
    orders: [
      order('M-1', 'GOLD', { shareCode: 'link-a1' }),
      order('M-2', 'GOLD', {
        paidAt: daysAgo(30),
        lines: [
          { lineNo: 1, sku: 'SHIRT', category: '衬衫', quantity: 2, paidFen: 90_000 },
          { lineNo: 2, sku: 'SCARF', category: '围巾', quantity: 1, paidFen: 60_001 },
        ],
      }),
      order('M-3', 'GOLD', { paidAt: daysAgo(2), cancelled: true }),
      order('M-4', 'GOLD', { paidAt: at('2025-05-20T11:59:59') }), // a year and a second ago
      order('M-5', 'OLD'),
      order('M-6', 'NEW', { paidAt: daysAgo(1) }),
      order('T-1', 'GOLD', {
        source: 'till',
        channel: 'in_store',
        sellingStore: 'S2',
        closer: 'a3',
        paidAt: daysAgo(1),
      }),
    ],
    refunds: [
      {
        source: 'mall',
        refundNo: 'R-1',
        orderNo: 'M-2',
        refundedAt: daysAgo(20),
        lines: [{ lineNo: 1, quantity: 1, refundFen: 45_000 }],
      },
    ],
    groups: [
      { chatId: 'wr-1', name: '静安会员群', storeCode: 'S1', owner: 'a2' },
      { chatId: 'wr-3', name: '苏州会员群', storeCode: 'S3' },
    ],
  })
  expect((await service.post('/plans', standardPlan)).status).toBe(201)
  await service.settled()
  other = await openOtherBrand(service, 2, NOW)
  await tell(other, {
    stores: [{ storeCode: 'S1', name: '别家', type: 'direct' }],
    associates: [{ associateId: 'a1', name: '别家导购', storeCode: 'S1', activeFrom: daysAgo(100) }],
    groups: [{ chatId: 'wr-other', name: '别家群', storeCode: 'S1' }],
  })
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

describe('the card of my own customer', () => {
  test('has everything, in one answer', async () => {
    const card = await cardFor('a1', 'wm-gold')
    expect(card).toMatchObject({ relation: 'mine', name: '陈晓', isFriend: null, avatarUrl: null })
    expect(card.member).toEqual({
      memberNo: 'GOLD',
      name: '陈晓',
      phoneMasked: '138****5678',
      mayShowPhone: false,
      level: '金卡',
      points: 12_860,
      balanceFen: 30_000,
      joinedAt: daysAgo(400),
      followsOfficialAccount: true,
      miniProgramAuthorised: null,
      tags: ['大衣控'],
      ownership: {
        attributed: {
          person: { associateId: 'a1', name: '导购 a1', storeName: '静安店', isMe: true },
          since: daysAgo(200),
          reason: 'enrol',
          reasonText: null,
        },
        openingAssociate: { associateId: 'f1', name: '导购 f1', storeName: '苏州加盟店', isMe: false },
        openingStore: { storeCode: 'S3', name: '苏州加盟店', type: 'franchise' },
        homeStore: { storeCode: 'S1', name: '静安店', type: 'direct' },
        homeStoreIsOpening: false,
      },
    })
  })

  test('sums 12 months net of refunds, without what was cancelled', async () => {
    const { spend, ordersTotal } = await cardFor('a1', 'wm-gold')
    expect(spend).toEqual({
      netFen: 100_000 + 105_001 + 100_000,
      orderCount: 3,
      averageTicketFen: 101_667,
      lastPaidAt: daysAgo(1),
      favouriteCategories: ['大衣', '围巾', '衬衫'],
    })
    expect(ordersTotal).toBe(5)
  })

  test('lists the latest orders, cancelled ones too, with who shared and who closed', async () => {
    const { orders } = await cardFor('a1', 'wm-gold')
    expect(orders.map(row => row.orderNo)).toEqual(['T-1', 'M-3', 'M-1', 'M-2', 'M-4'])
    expect(orders[0]).toMatchObject({ channel: 'in_store', storeName: '徐汇店', closer: { name: '导购 a3' } })
    expect(orders[1]).toMatchObject({ isCancelled: true, netFen: 0, refundedFen: 0, paidFen: 100_000 })
    expect(orders[2]).toMatchObject({ title: '羊毛大衣', sharer: { associateId: 'a1', isMe: true }, closer: null })
    expect(orders[3]).toMatchObject({
      title: 'SHIRT',
      itemCount: 3,
      paidFen: 150_001,
      netFen: 105_001,
      refundedFen: 45_000,
    })
  })

  test('shows what he looked at, under any of his ids and through whose share; not what was sent, nor what others saw', async () => {
    const { trail } = await cardFor('a1', 'wm-gold')
    expect(trail.state).toBe('shown')
    expect(trail.views).toEqual([
      {
        title: '羊毛大衣',
        at: minutesAgo(12),
        count: 2,
        sharer: { associateId: 'a1', name: '导购 a1', storeName: '静安店', isMe: true },
        channel: 'single_chat',
      },
      { title: '首页', at: minutesAgo(50), count: 1, sharer: null, channel: null },
      expect.objectContaining({ title: '秋冬上新直播间', channel: 'group_chat' }),
    ])
  })

  test('says what today’s plan pays', async () => {
    expect((await cardFor('a1', 'wm-gold')).planToday).toEqual({
      sharer: { pays: true, fromBps: 400, toBps: 600 },
      closer: { pays: true, fromBps: 300, toBps: 300 },
      attributed: { pays: true, fromBps: 100, toBps: 100 },
    })
  })

  test('shows no trail without consent', async () => {
    const card = await cardFor('a1', 'wm-silent')
    expect(card.relation).toBe('unattributed')
    expect(card.member?.phoneMasked).toBe('139****0042')
    expect(card.trail).toEqual({ state: 'no_consent', views: [] })
  })

  test('is that of the number that a merged one became, with the orders of both', async () => {
    const card = await cardFor('a1', 'wm-merged')
    expect(card.member).toMatchObject({ memberNo: 'NEW', points: 2 })
    expect(card.orders.map(row => row.orderNo)).toEqual(['M-6', 'M-5'])
    expect(card.trail.state).toBe('no_consent') // the old number's consent is not the person's
  })

  test('follows the latest link of the contact', async () => {
    expect((await cardFor('a1', 'wm-moved')).member?.memberNo).toBe('GOLD')
  })

  test('names nobody as attributed who has left: an order would pay him nothing', async () => {
    const card = await cardFor('manager1', 'wm-left')
    expect(card.relation).toBe('unattributed')
    expect(card.member?.ownership.attributed).toBeNull()
    expect(card.member?.ownership).toMatchObject({ homeStore: { storeCode: 'S1' }, homeStoreIsOpening: true })
  })
})

describe('who sees how much', () => {
  /** What a card tells of a customer: all, who and whose he is, or nothing. */
  const sightOf = (card: CustomerCard) => (card.member === null ? 'stranger' : card.spend === null ? 'reduced' : 'full')

  test.each([
    // GOLD: attributed to a1 of S1, home store S1, opened by f1 of S3
    ['a1', 'wm-gold', 'full'],
    ['a2', 'wm-gold', 'reduced'],
    ['a3', 'wm-gold', 'reduced'],
    ['f1', 'wm-gold', 'full'],
    ['f2', 'wm-gold', 'stranger'],
    ['manager1', 'wm-gold', 'full'],
    ['manager2', 'wm-gold', 'reduced'],
    ['franchisee1', 'wm-gold', 'full'],
    ['franchisee2', 'wm-gold', 'stranger'],
    ['boss', 'wm-gold', 'full'],
    ['auditor', 'wm-gold', 'full'],
    // FRANCHISE: all with F1
    ['a1', 'wm-franchise', 'stranger'],
    ['manager1', 'wm-franchise', 'stranger'],
    ['f1', 'wm-franchise', 'full'],
    ['franchisee1', 'wm-franchise', 'full'],
    ['franchisee2', 'wm-franchise', 'stranger'],
    ['boss', 'wm-franchise', 'full'],
    // LOOSE: no store has him
    ['a1', 'wm-loose', 'reduced'],
    ['f1', 'wm-loose', 'reduced'],
    ['manager1', 'wm-loose', 'reduced'],
    ['boss', 'wm-loose', 'full'],
  ])('%s sees %s: %s', async (associateId, externalUserid, sight) => {
    expect(sightOf(await cardFor(associateId, externalUserid))).toBe(sight)
  })

  test('of a colleague’s customer: who he is, his states and whose he is, and nothing else', async () => {
    const card = await cardFor('a2', 'wm-gold')
    expect(card).toMatchObject({ relation: 'colleague', name: '陈晓', spend: null, orders: [], ordersTotal: 0 })
    expect(card.trail).toEqual({ state: 'no_consent', views: [] })
    expect(card.planToday?.attributed.pays).toBe(true)
    expect(card.member).toMatchObject({
      memberNo: null,
      phoneMasked: null,
      mayShowPhone: false,
      level: '金卡',
      points: null,
      balanceFen: null,
      joinedAt: null,
      followsOfficialAccount: true,
      tags: [],
      ownership: { attributed: { person: { associateId: 'a1', isMe: false } } },
    })
    expect(JSON.stringify(card)).not.toMatch(/GOLD|5678|大衣/)
  })

  test('who is hidden and who is unknown look exactly alike', async () => {
    const hidden = await cardFor('franchisee2', 'wm-gold')
    const unknown = await cardFor('franchisee2', 'wm-nobody')
    expect(hidden).toEqual({ ...unknown, externalUserid: 'wm-gold' })
    expect(unknown).toMatchObject({ relation: 'stranger', name: null, member: null, ordersTotal: 0 })
  })

  test('another brand sees nothing of this one', async () => {
    expect(sightOf(await cardFor('a1', 'wm-gold', 2))).toBe('stranger')
    expect((await cardFor('a1', 'wm-gold', 2)).planToday).toBeNull()
  })

  test('asked for at the same moment each is what it is alone: what is looked up together is told apart again', async () => {
    await tell(other, {
      members: [{ memberNo: 'FRANCHISE', name: '别家会员', openingStore: 'S1', openingAssociate: 'a1' }],
      identities: [linked('wm-franchise', 'FRANCHISE')],
    })
    const contacts = ['franchise', 'gold', 'silent', 'left', 'loose', 'merged', 'moved', 'nobody'].map(id => `wm-${id}`)
    const people = [['a1'], ['a2'], ['f1'], ['franchisee2'], ['manager1'], ['boss'], ['a1', 2]] as const
    const callers = await Promise.all(people.map(([id, brandId]) => personAt(service, id, NOW, brandId)))
    const vault = createVault(service.settings.dataKey)
    const asked = contacts.flatMap(externalUserid => callers.map(caller => ({ externalUserid, caller })))
    const cardOf = ({ externalUserid, caller }: (typeof asked)[number]) =>
      customerCard(service.pool, caller, { externalUserid, now: NOW, vault })
    const alone: CustomerCard[] = []
    for (const one of asked) alone.push(await cardOf(one))
    expect(await Promise.all(asked.map(cardOf))).toEqual(alone)
    expect(new Set(alone.map(card => card.member?.name)).size).toBeGreaterThan(6)
    expect(alone[people.length - 1]!.member?.name).toBe('别家会员')
  })

  test('whoever is named is named with his store, whichever it is', async () => {
    await tell(service, {
      members: [{ memberNo: 'FAR', name: '何某', openingStore: 'S1', openingAssociate: 'a1' }],
      'member-assignments': [{ memberNo: 'FAR', from: daysAgo(9), attributedAssociate: 'a3' }],
      identities: [linked('wm-far', 'FAR')],
    })
    const { member } = await cardFor('boss', 'wm-far')
    expect(member?.ownership.attributed?.person).toMatchObject({ associateId: 'a3', storeName: '徐汇店' })
  })

  test('to whom I have sent something is my own customer as far as is known', async () => {
    expect(sightOf(await cardFor('f2', 'wm-loose'))).toBe('reduced')
    await tell(service, {
      'share-links': [
        { linkCode: 'link-f2', associateId: 'f2', target: { kind: 'product', ref: 'COAT' }, channel: 'single_chat' },
      ],
      touches: [view('t-f2', { linkCode: 'link-f2', kind: 'sent', externalUserid: 'wm-loose' })],
    })
    expect(sightOf(await cardFor('f2', 'wm-loose'))).toBe('full')
    expect(sightOf(await cardFor('f1', 'wm-loose'))).toBe('reduced')
  })
})

describe('the card of a group', () => {
  const groupFor = async (associateId: string, chatId: string, brandId = 1) =>
    await groupCard(service.pool, await personAt(service, associateId, NOW, brandId), { chatId, now: NOW })

  test('says its store and owner', async () => {
    expect(await groupFor('a1', 'wr-1')).toMatchObject({
      isKnown: true,
      name: '静安会员群',
      store: { storeCode: 'S1', type: 'direct' },
      owner: { associateId: 'a2', isMe: false },
      members: [],
    })
  })

  test.each([
    ['a2', 'wr-1', true],
    ['manager1', 'wr-1', true],
    ['a3', 'wr-1', false],
    ['manager2', 'wr-1', false],
    ['franchisee1', 'wr-1', false],
    ['franchisee1', 'wr-3', true],
    ['boss', 'wr-3', true],
    ['boss', 'wr-other', false],
    ['boss', 'wr-nobody', false],
  ])('%s and %s: known %s', async (associateId, chatId, isKnown) => {
    const card = await groupFor(associateId, chatId)
    expect(card.isKnown).toBe(isKnown)
    if (!isKnown) expect(card).toEqual({ ...(await groupFor(associateId, 'wr-nobody')), chatId })
  })
})

describe('through HTTP', () => {
  test('the cards are the same, whole and reduced', async () => {
    for (const associateId of ['a1', 'a2']) {
      const { browser } = await signedIn(service, associateId)
      const answer = await browser.call('GET', '/api/v1/cards/customer?externalUserid=wm-gold')
      expect(answer.status).toBe(200)
      expect(answer.json()).toEqual(await cardFor(associateId, 'wm-gold'))
    }
    const { browser } = await signedIn(service, 'a1')
    expect((await browser.call('GET', '/api/v1/cards/group?chatId=wr-1')).json()).toMatchObject({ isKnown: true })
    expect((await browser.call('GET', '/api/v1/cards/customer')).status).toBe(400)
    expect((await browser.call('GET', '/api/v1/cards/customer?externalUserid=%00')).status).toBe(400)
  })

  test('nobody sees one without a session', async () => {
    const answer = await service.app.inject({ method: 'GET', url: '/api/v1/cards/customer?externalUserid=wm-gold' })
    expect(answer.statusCode).toBe(401)
  })
})
