import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CustomerCard } from '../../server/features/cards/schema.ts'
import type { Share } from '../../server/features/catalogue/schema.ts'
import type { CouponLinks, OwnCoupons } from '../../server/features/coupons/schema.ts'
import { askerOf, type Asker } from '../support/askers.ts'
import { openOtherBrand, tell } from '../support/people.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'

/** Coupons: what is told of them, what a customer has in hand, and what came of an associate's handing out. */

const SINCE = '2026-01-01T00:00:00+08:00'
const nowMs = Date.parse('2026-05-01T12:00:00+08:00')
const at = (day: number, hour = 12) => new Date(Date.UTC(2026, 3, day, hour)).toISOString()

let wecom: TestWecom
let service: TestService
let a1: Asker
let a3: Asker
let boss: Asker
beforeAll(async () => {
  wecom = await startTestWecom({ staff: ['a1', 'a2', 'a3', 'boss'], now: () => nowMs })
  service = await startTestService({
    env: { ...wecom.env, MINIPROGRAM_APP_ID: 'wxtest0000000001' },
    now: () => nowMs,
  })
  const target = { kind: 'coupon', ref: 'C1', title: '满减' }
  await tell(service, {
    stores: [
      { storeCode: 'S1', name: '人民路店', type: 'direct' },
      { storeCode: 'S2', name: '滨江店', type: 'franchise', franchiseeId: 'F2' },
    ],
    associates: [
      { associateId: 'a1', name: '甲', storeCode: 'S1', activeFrom: SINCE },
      { associateId: 'a2', name: '乙', storeCode: 'S1', activeFrom: SINCE },
      { associateId: 'a3', name: '丙', storeCode: 'S2', activeFrom: SINCE },
      { associateId: 'boss', name: '店长', storeCode: 'S2', role: 'manager', activeFrom: SINCE },
    ],
    coupons: [
      { couponCode: 'C1', name: '满 1000 减 100', kind: 'amount', amountFen: 10_000, minimumFen: 100_000, validTo: at(60) }, // prettier-ignore
      { couponCode: 'C2', name: '针织衫九折', kind: 'discount', discountBps: 9000, validTo: at(40), stock: 0 },
      { couponCode: 'C3', name: '生日小方巾', kind: 'gift' },
      { couponCode: 'C4', name: '去年的券', kind: 'gift', validTo: '2026-01-01T00:00:00+08:00' },
    ],
    members: [
      { memberNo: 'M1', openingAssociate: 'a1', openingStore: 'S1' },
      { memberNo: 'M2', openingAssociate: 'a1', openingStore: 'S1' },
    ],
    identities: [{ kind: 'external_userid', value: 'wmOne', memberNo: 'M1', at: SINCE }],
    'share-links': [
      { linkCode: 'L1', associateId: 'a1', target, channel: 'single_chat', createdAt: SINCE },
      { linkCode: 'L2', associateId: 'a2', target, channel: 'single_chat', createdAt: SINCE },
      { linkCode: 'L3', associateId: 'a3', target, channel: 'single_chat', createdAt: SINCE },
    ],
  })
  ;[a1, a3, boss] = (await Promise.all(['a1', 'a3', 'boss'].map(userid => askerOf(service, userid)))) as [Asker, Asker, Asker] // prettier-ignore
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

let told = 0
const event = (kind: string, couponCode: string, memberNo: string, day: number, rest: object = {}) => ({
  eventId: `e${++told}`,
  couponCode,
  kind,
  memberNo,
  at: at(day),
  ...rest,
})
const card = (of: Asker = a1) => of.get<CustomerCard>('/cards/customer?externalUserid=wmOne')
const inHand = async () => (await card()).coupons.map(({ couponCode, count }) => [couponCode, count])

describe('telling', () => {
  test('a coupon again is unchanged, with other content updated; unknown fields are named', async () => {
    const coupon = { couponCode: 'T1', name: '券', kind: 'gift' }
    const results = await service.ingest('coupons', [
      coupon,
      coupon,
      { ...coupon, stock: 3 },
      { ...coupon, couponCode: 'T2', amountfen: 1 },
      { ...coupon, couponCode: 'T3', kind: 'free' },
      { couponCode: 'T4', kind: 'gift' },
    ])
    expect(results.map(({ status, error }) => error?.code ?? status)).toEqual([
      'created',
      'unchanged',
      'updated',
      'unknown_field',
      'invalid_value',
      'missing_field',
    ])
    expect(results[3]!.error!.field).toBe('amountfen')
  })

  test('an event is taken once, before its coupon, its link and its member as well; other content is a conflict', async () => {
    const one = {
      eventId: 'once',
      couponCode: 'later',
      kind: 'claimed',
      memberNo: 'bare',
      at: at(1),
      linkCode: 'later',
    }
    const results = await service.ingest('coupon-events', [
      one,
      { ...one, orderNo: null, at: '2026-04-01T20:00:00+08:00' },
      { ...one, kind: 'redeemed' },
      { ...one, eventId: 'x', link: 'L1' },
    ])
    expect(results.map(({ status, error }) => error?.code ?? status)).toEqual([
      'created',
      'unchanged',
      'conflict',
      'unknown_field',
    ])
    expect((await service.get<{ memberNo: string }>('/members/bare/storefront')).memberNo).toBe('bare')
  })
})

describe('in hand', () => {
  test('is what was issued or claimed and neither used nor over, whatever came first', async () => {
    const sequence = [
      event('redeemed', 'C1', 'M1', 12, { orderNo: 'o1', source: 'mall' }),
      event('issued', 'C1', 'M1', 10),
      event('claimed', 'C1', 'M1', 11, { linkCode: 'L2' }),
      event('claimed', 'C3', 'M1', 10),
      event('claimed', 'C3', 'M1', 11, { linkCode: 'L1' }),
      event('redeemed', 'C3', 'M1', 12),
      event('issued', 'C4', 'M1', 1),
      event('issued', 'unknown', 'M1', 3),
      event('expired', 'C2', 'M1', 9),
      event('issued', 'C2', 'M1', 8),
    ]
    await tell(service, { 'coupon-events': sequence })
    const { coupons, couponsTotal } = await card()
    // What is over, used or expired is gone; without an end it comes last.
    expect(coupons.map(({ couponCode, count }) => [couponCode, count])).toEqual([
      ['C3', 1],
      ['unknown', 1],
    ])
    expect(couponsTotal).toBe(2)
    expect(coupons[0]).toMatchObject({
      name: '生日小方巾',
      kind: 'gift',
      validTo: null,
      sharer: { name: '甲', isMe: true },
    })
    expect(coupons[1]).toMatchObject({ name: 'unknown', kind: null, sharer: null })
  })

  test('goes over all numbers of a person, and that which ends first is first', async () => {
    await tell(service, {
      'coupon-events': [event('claimed', 'C1', 'M2', 20), event('claimed', 'C3', 'M2', 20)],
      'member-merges': [{ memberNo: 'M2', into: 'M1', at: at(21) }],
    })
    // Of C1 one was claimed under each number, and one was used.
    expect(await inHand()).toEqual([
      ['C1', 1],
      ['C3', 2],
      ['unknown', 1],
    ])
  })

  test('is not told of another house’s customer', async () => {
    expect(await card(a3)).toMatchObject({ relation: 'stranger', coupons: [], couponsTotal: 0 })
  })
})

describe('handing out', () => {
  const share = (body: object) => a1.post('/share', { sentTo: { externalUserid: 'wmOne' }, channel: 'single_chat', ...body }) // prettier-ignore

  test('lists what can still be used, with what the customer has and what came of one’s own', async () => {
    const { items } = await a1.get<OwnCoupons>('/me/coupons?externalUserid=wmOne')
    const of = (couponCode: string) => items.find(item => item.couponCode === couponCode)
    expect([of('C2'), of('C4')]).toEqual([undefined, undefined]) // used up; over
    expect(of('C1')).toMatchObject({ inHand: 1, claimed: 0, redeemed: 0, sentBeforeAt: null, minimumFen: 100_000 })
    expect((await a1.get<OwnCoupons>('/me/coupons?q=方巾')).items.map(item => [item.couponCode, item.inHand])).toEqual([
      ['C3', null],
    ])
    const first = await a1.get<OwnCoupons>('/me/coupons?limit=1')
    const rest = await a1.get<OwnCoupons>(`/me/coupons?cursor=${first.nextCursor}`)
    expect([...first.items, ...rest.items].map(item => item.couponCode)).toEqual(items.map(item => item.couponCode))
    expect((await a1.ask('GET', '/me/coupons?cursor=x')).status).toBe(400)
    expect((await a1.ask('GET', '/me/coupons?externalUserid=a&chatId=b')).status).toBe(400)
  })

  test('goes by one’s own link to the coupon, with the page that headquarters laid out for it', async () => {
    const shareId = '018f0000-0000-7000-8000-0000000000c1'
    const plain = await share({ shareId, target: { kind: 'coupon', ref: 'C3' } })
    expect([plain.status, plain.body['miniProgram']]).toEqual([201, null])
    const material = await service.post('/materials', {
      kind: 'coupon',
      ref: 'C1',
      title: '领券',
      path: 'pages/coupon/index?code=C1',
    })
    expect(material.status).toBe(201)
    const { body } = await share({ shareId: shareId.replace('c1', 'c2'), target: { kind: 'coupon', ref: 'C1' } })
    const { linkCode, miniProgram, link } = body as unknown as Share
    expect([miniProgram?.page, link.title]).toEqual([
      `pages/coupon/index.html?code=C1&dg=${linkCode}`,
      '满 1000 减 100',
    ])
    expect((await a1.post(`/share/${linkCode}/sent`, {})).status).toBe(200)
    const { items } = await a1.get<OwnCoupons>('/me/coupons?externalUserid=wmOne')
    expect(items.find(item => item.couponCode === 'C1')?.sentBeforeAt).toBe(new Date(nowMs).toISOString())
    for (const ref of ['C4', 'nothing', null]) {
      const { status } = await share({ shareId: shareId.replace('c1', 'c3'), target: { kind: 'coupon', ref } })
      expect(status).toBe(404)
    }
  })

  test('comes back by link: what names none counts for whose link the person came by last', async () => {
    await tell(service, {
      coupons: [{ couponCode: 'C9', name: '九', kind: 'gift' }],
      'share-links': ['K1', 'K2'].map(linkCode => ({
        linkCode,
        associateId: linkCode === 'K1' ? 'a1' : 'a3',
        target: { kind: 'coupon', ref: 'C9' },
        channel: 'other',
      })),
      'coupon-events': [
        event('redeemed', 'C9', 'P1', 12), // by K2, who came last
        event('claimed', 'C9', 'P1', 10, { linkCode: 'K1' }),
        event('claimed', 'C9', 'P1', 11, { linkCode: 'K2' }),
        event('issued', 'C9', 'P2', 10, { linkCode: 'K1' }),
        event('redeemed', 'C9', 'P2', 11), // by K1, under another number of his
        event('redeemed', 'C9', 'P3', 11, { linkCode: 'K1' }), // as it says
        event('redeemed', 'C9', 'P4', 11), // by nobody's
        event('claimed', 'C9', 'P4', 12, { linkCode: 'K1' }), // too late for it
      ],
    })
    await tell(service, { 'member-merges': [{ memberNo: 'P2', into: 'P5', at: at(13) }] })
    const counted = (links: CouponLinks) =>
      links.items.map(({ linkCode, issued, claimed, redeemed }) => [linkCode, issued, claimed, redeemed])
    const K1 = ['K1', 1, 2, 2]
    const K2 = ['K2', 0, 1, 1]
    expect(counted(await service.get('/coupons/C9/links'))).toEqual([K1, K2])
    const first = await service.get<CouponLinks>('/coupons/C9/links?limit=1')
    expect(counted(await service.get(`/coupons/C9/links?limit=1&cursor=${first.nextCursor}`))).toEqual([K2])
    // Each sees his own; a manager his store's.
    expect(counted(await a1.get('/coupons/C9/links'))).toEqual([K1])
    expect(counted(await boss.get('/coupons/C9/links'))).toEqual([K2])
    const own = (await a1.get<OwnCoupons>('/me/coupons?q=C9')).items[0]
    expect([own?.claimed, own?.redeemed]).toEqual([2, 2])
    const other = await openOtherBrand(service, 7, nowMs)
    await expect(other.get('/coupons/C9/links')).rejects.toThrow('404')
  })
})
