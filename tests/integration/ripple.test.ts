import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  assignmentItem,
  associateItem,
  identityItem,
  linkItem,
  memberItem,
  mergeItem,
  orderItem,
  planBody,
  refundItem,
  storeItem,
  touchItem,
  without,
} from '../builders/items.ts'
import { openBrand } from '../support/brand.ts'
import { startTestService, type TestService } from '../support/service.ts'

/**
 * Evidence that comes when the order was long booked finds it: what is owed afterwards is what deciding everything
 * again gives.
 */

const when = (role: string, rateBps: number, keys: object, id = `${role}-${JSON.stringify(keys)}`) => ({
  id,
  role,
  rateBps,
  when: keys,
  bearer: 'headquarters',
})

/** Every role earns, and what a late change could change shows in an amount. */
const EVERYTHING = planBody({
  rules: [
    when('sharer', 4000, { sharerIsAttributed: true }),
    when('sharer', 3000, { sharerAtHomeStore: true }),
    when('sharer', 2500, { associateKinds: ['office'] }),
    when('sharer', 2000, {}),
    when('closer', 100, {}),
    when('attributed', 200, {}),
    when('opener', 300, {}),
    when('inviter', 400, {}),
    when('selling_store', 510, { sellingRegions: ['east'] }),
    when('selling_store', 520, { sellingStoreTypes: ['franchise'] }),
    when('selling_store', 530, { sellingFranchisees: ['F1'] }),
    when('home_store', 610, { homeStoreTypes: ['franchise'] }),
    when('home_store', 620, { memberLevels: ['gold'] }),
    when('home_store', 630, {}),
    { id: 'first', role: 'headquarters', rateBps: 700, when: { firstOrder: true }, bearer: 'selling_store' },
  ],
})

type Item = Record<string, unknown>
type Call = readonly [kind: string, ...items: Item[]]

const anonymous = (over: Item = {}) => without(touchItem(over), 'memberNo')
const aStranger = (over: Item = {}) => without(orderItem(over), 'memberNo')
const inStore = (over: Item = {}) => orderItem({ channel: 'in_store', sellingStore: 'S1', closer: 'A2', ...over })

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service.close())

/** Stores S1 to S3, associates A1 to A4 of S1, one link of A1. */
const WORLD: Call[] = [
  ['stores', ...['S1', 'S2', 'S3'].map(storeCode => storeItem({ storeCode }))],
  ['associates', ...['A1', 'A2', 'A3', 'A4'].map(associateId => associateItem({ associateId }))],
]
let brandsMade = 0

/** Tells what was, waits until it is booked, tells what comes late, and gives both states. */
async function ripple(before: readonly Call[], late: readonly Call[]) {
  const brand = await openBrand(service)
  const prefix = `w${brandsMade++}-`
  // Link codes are unique in the whole service.
  const own = (item: Item): Item => ({
    ...item,
    ...(typeof item['linkCode'] === 'string' ? { linkCode: prefix + item['linkCode'] } : {}),
    ...(typeof item['shareCode'] === 'string' ? { shareCode: prefix + item['shareCode'] } : {}),
  })
  const tell = async (calls: readonly Call[]) => {
    for (const [kind, ...items] of calls) {
      if (kind === 'plans') expect(await brand.post('/plans', { ...items[0], retroactive: true })).toBe(201)
      else await brand.tell(kind, items.map(own)) // prettier-ignore
    }
    await brand.settled()
  }
  const owed = async () => {
    const { items } = await brand.get<{ items: Item[] }>('/entitlements?limit=500')
    return items.map(
      row =>
        `${row['orderNo'] as string} ${row['role'] as string} ${row['payee'] as string} ${row['amountFen'] as number}`,
    )
  }
  await tell([...WORLD, ['plans', EVERYTHING], ...before])
  const booked = await owed()
  await tell(late)
  expect(await brand.get('/audit')).toMatchObject({ items: [], nextCursor: null })
  const after = await owed()
  return { gone: booked.filter(row => !after.includes(row)), come: after.filter(row => !booked.includes(row)) }
}

const LINK: Call = ['share-links', linkItem()]
const TOUCH: Call = ['touches', touchItem()]
const ORDER: Call = ['orders', inStore()]
const SHARED = 'o-1 sharer A1 2000'

describe('late evidence finds the orders that it changes', () => {
  test.each<[string, Call[], Call[], { gone: string[]; come: string[] }]>([
    ['a touch', [LINK, ORDER], [TOUCH], { gone: [], come: [SHARED] }],
    ['a link that a touch named', [TOUCH, ORDER], [LINK], { gone: [], come: [SHARED] }],
    [
      'a link that a share code named',
      [['orders', inStore({ shareCode: 'L1' })]],
      [LINK],
      { gone: [], come: [SHARED] },
    ],
    [
      'a revocation',
      [LINK, TOUCH, ORDER],
      [['share-links', linkItem({ revokedAt: '2026-01-01T00:00:00Z' })]],
      { gone: [SHARED], come: [] },
    ],
    [
      'an identity of the touch’s visitor',
      [LINK, ORDER, ['touches', anonymous({ visitorId: 'v-1' })]],
      [['identities', identityItem()]],
      { gone: [], come: [SHARED] },
    ],
    [
      'an identity that takes the touch’s visitor away',
      [LINK, ORDER, ['touches', anonymous({ visitorId: 'v-1' })], ['identities', identityItem()]],
      [['identities', identityItem({ memberNo: 'M9', at: '2026-04-01T00:00:00Z' })]],
      { gone: [SHARED], come: [] },
    ],
    [
      'an identity before another kind’s',
      [LINK, ORDER, ['touches', anonymous({ visitorId: 'v-1', unionid: 'u-1' })], ['identities', identityItem()]],
      [['identities', identityItem({ kind: 'unionid', value: 'u-1', memberNo: 'M9' })]],
      { gone: [SHARED], come: [] },
    ],
    [
      'an identity of the order’s visitor',
      [LINK, TOUCH, ['orders', aStranger({ openid: 'op-1' })]],
      [['identities', identityItem({ kind: 'openid', value: 'op-1' })]],
      { gone: [], come: ['o-1 sharer A1 2000'] },
    ],
    [
      'a merge of the buyer',
      [LINK, ORDER, ['touches', touchItem({ memberNo: 'M2' })]],
      [['member-merges', mergeItem()]],
      { gone: [], come: [SHARED] },
    ],
    [
      'a merge of the touch’s member',
      [LINK, ORDER, ['touches', touchItem({ memberNo: 'M0' })]],
      [['member-merges', mergeItem({ memberNo: 'M0', into: 'M1' })]],
      { gone: [], come: [SHARED] },
    ],
    [
      'a merge further down the chain',
      [LINK, ORDER, ['touches', touchItem({ memberNo: 'M3' })], ['member-merges', mergeItem()]],
      [['member-merges', mergeItem({ memberNo: 'M2', into: 'M3' })]],
      { gone: [], come: [SHARED] },
    ],
    [
      'a merge that is corrected: what the buyer was merged into before is his no more',
      [LINK, ORDER, ['touches', touchItem({ memberNo: 'M2' })], ['member-merges', mergeItem()]],
      [['member-merges', mergeItem({ into: 'M3', at: '2026-04-01T00:00:00Z' })]],
      { gone: [SHARED], come: [] },
    ],
    [
      'a merge that is corrected, and brings a touch',
      [LINK, ORDER, ['touches', touchItem({ memberNo: 'M3' })], ['member-merges', mergeItem()]],
      [['member-merges', mergeItem({ into: 'M3', at: '2026-04-01T00:00:00Z' })]],
      { gone: [], come: [SHARED] },
    ],
    [
      'a merge that is corrected above: an order two steps away',
      [
        LINK,
        ['orders', inStore({ memberNo: 'M0' })],
        ['touches', touchItem({ memberNo: 'M2' })],
        ['member-merges', mergeItem({ memberNo: 'M0', into: 'M1' }), mergeItem()],
      ],
      [['member-merges', mergeItem({ into: 'M3', at: '2026-04-01T00:00:00Z' })]],
      { gone: [SHARED], come: [] },
    ],
    [
      'a merge that is corrected takes a touch away from who was not merged himself',
      [LINK, ['orders', inStore({ memberNo: 'M2' })], TOUCH, ['member-merges', mergeItem()]],
      [['member-merges', mergeItem({ into: 'M3', at: '2026-04-01T00:00:00Z' })]],
      { gone: [SHARED], come: [] },
    ],
    [
      'a merge of two who share a phone: now one person has it',
      [
        LINK,
        ['touches', touchItem({ memberNo: 'M2' })],
        ['members', memberItem({ phone: '13800000001' }), memberItem({ memberNo: 'M2', phone: '13800000001' })],
        ['orders', aStranger({ phone: '138 0000 0001' })],
      ],
      [['member-merges', mergeItem()]],
      { gone: [], come: [SHARED] },
    ],
    [
      'a merge that makes another win a tie of identities',
      [
        LINK,
        TOUCH,
        ['identities', identityItem(), identityItem({ memberNo: 'M5' })],
        ['orders', aStranger({ visitorId: 'v-1' })],
        ['member-assignments', assignmentItem({ memberNo: 'M5', attributedAssociate: 'A3' })],
      ],
      [['member-merges', mergeItem({ into: 'M9' })]],
      { gone: ['o-1 attributed A3 200'], come: [SHARED] },
    ],
    [
      'an assignment',
      [ORDER],
      [['member-assignments', assignmentItem({ attributedAssociate: 'A3', homeStore: 'S2' })]],
      { gone: [], come: ['o-1 attributed A3 200', 'o-1 home_store S2 630'] },
    ],
    [
      'an assignment to nobody',
      [ORDER, ['member-assignments', assignmentItem({ attributedAssociate: 'A3' })]],
      [['member-assignments', assignmentItem({ attributedAssociate: null, from: '2026-03-01T00:00:00Z' })]],
      { gone: ['o-1 attributed A3 200'], come: [] },
    ],
    [
      'an assignment of the number that the buyer was merged into',
      [ORDER, ['member-merges', mergeItem()]],
      [['member-assignments', assignmentItem({ memberNo: 'M2' })]],
      { gone: [], come: ['o-1 attributed A1 200'] },
    ],
    [
      'the buyer’s opening record',
      [ORDER],
      [['members', memberItem({ openingAssociate: 'A3', openingStore: 'S2' })]],
      { gone: [], come: ['o-1 home_store S2 630', 'o-1 opener A3 300'] },
    ],
    [
      'the buyer’s level',
      [ORDER, ['members', memberItem({ openingStore: 'S2' })]],
      [['members', memberItem({ level: 'gold' })]],
      { gone: ['o-1 home_store S2 630'], come: ['o-1 home_store S2 620'] },
    ],
    [
      'a phone of somebody',
      [LINK, TOUCH, ['orders', aStranger({ phone: '13800000001' })]],
      [['members', memberItem({ phone: '+86 13800000001' })]],
      { gone: [], come: [SHARED] },
    ],
    [
      'a phone that a second person has: nobody is meant',
      [LINK, TOUCH, ['members', memberItem({ phone: '13800000001' })], ['orders', aStranger({ phone: '13800000001' })]],
      [['members', memberItem({ memberNo: 'M2', phone: '13800000001' })]],
      { gone: [SHARED], come: [] },
    ],
    [
      'a phone that is given up',
      [LINK, TOUCH, ['members', memberItem({ phone: '13800000001' })], ['orders', aStranger({ phone: '13800000001' })]],
      [['members', memberItem({ phone: null })]],
      { gone: [SHARED], come: [] },
    ],
    [
      'the sharer’s own membership',
      [LINK, TOUCH, ORDER],
      [['associates', { associateId: 'A1', memberNo: 'M1' }]],
      { gone: [SHARED], come: [] },
    ],
    [
      'the closer’s own membership',
      [ORDER],
      [['associates', { associateId: 'A2', memberNo: 'M1' }]],
      { gone: ['o-1 closer A2 100'], come: [] },
    ],
    [
      'the end of the closer’s own membership',
      [['associates', { associateId: 'A2', memberNo: 'M1' }], ORDER],
      [['associates', { associateId: 'A2', memberNo: null }]],
      { gone: [], come: ['o-1 closer A2 100'] },
    ],
    [
      'a merge that makes the closer the buyer',
      [['associates', { associateId: 'A2', memberNo: 'M0' }], ORDER],
      [['member-merges', mergeItem({ memberNo: 'M0', into: 'M1' })]],
      { gone: ['o-1 closer A2 100'], come: [] },
    ],
    [
      'that the sharer had left',
      [LINK, TOUCH, ORDER],
      [['associates', { associateId: 'A1', activeTo: '2026-03-01T00:00:00Z' }]],
      { gone: [SHARED], come: [] },
    ],
    [
      'that the attributed associate had left, and came back',
      [
        ['member-assignments', assignmentItem({ attributedAssociate: 'A3' })],
        ['associates', { associateId: 'A3', activeTo: '2026-03-01T00:00:00Z' }],
        ORDER,
      ],
      [['associates', { associateId: 'A3', activeFrom: '2026-03-10T00:00:00Z' }]],
      { gone: [], come: ['o-1 attributed A3 200'] },
    ],
    [
      'that the opener had left',
      [['members', memberItem({ openingAssociate: 'A3' })], ORDER],
      [['associates', { associateId: 'A3', activeTo: '2026-03-01T00:00:00Z' }]],
      { gone: ['o-1 opener A3 300'], come: [] },
    ],
    [
      'who invited the sharer',
      [LINK, TOUCH, ORDER],
      [['associates', { associateId: 'A1', invitedBy: 'A4' }]],
      { gone: [], come: ['o-1 inviter A4 400'] },
    ],
    [
      'that the inviter had left',
      [['associates', { associateId: 'A1', invitedBy: 'A4' }], LINK, TOUCH, ORDER],
      [['associates', { associateId: 'A4', activeTo: '2026-03-01T00:00:00Z' }]],
      { gone: ['o-1 inviter A4 400'], come: [] },
    ],
    [
      'that the inviter is the buyer',
      [['associates', { associateId: 'A1', invitedBy: 'A4' }], LINK, TOUCH, ORDER],
      [['associates', { associateId: 'A4', memberNo: 'M1' }]],
      { gone: ['o-1 inviter A4 400'], come: [] },
    ],
    [
      'the sharer’s kind then',
      [LINK, TOUCH, ORDER],
      [['associates', { associateId: 'A1', kind: 'office', effectiveFrom: '2026-03-01T00:00:00Z' }]],
      { gone: [SHARED], come: ['o-1 sharer A1 2500'] },
    ],
    [
      'the selling store’s type then',
      [ORDER],
      [['stores', { storeCode: 'S1', type: 'franchise', effectiveFrom: '2026-03-01T00:00:00Z' }]],
      { gone: [], come: ['o-1 selling_store S1 520'] },
    ],
    [
      'its region, told for the first time',
      [ORDER],
      [['stores', { storeCode: 'S1', region: 'east' }]],
      { gone: [], come: ['o-1 selling_store S1 510'] },
    ],
    [
      'its franchisee, told for the first time',
      [ORDER],
      [['stores', { storeCode: 'S1', franchiseeId: 'F1' }]],
      { gone: [], come: ['o-1 selling_store S1 530'] },
    ],
    [
      'the type then of an assigned home store',
      [ORDER, ['member-assignments', without(assignmentItem({ homeStore: 'S2' }), 'attributedAssociate')]],
      [['stores', { storeCode: 'S2', type: 'franchise', effectiveFrom: '2026-03-01T00:00:00Z' }]],
      { gone: ['o-1 home_store S2 630'], come: ['o-1 home_store S2 610'] },
    ],
    [
      'the type then of a home store by opening',
      [ORDER, ['members', memberItem({ openingStore: 'S2' })]],
      [['stores', { storeCode: 'S2', type: 'franchise', effectiveFrom: '2026-03-01T00:00:00Z' }]],
      { gone: ['o-1 home_store S2 630'], come: ['o-1 home_store S2 610'] },
    ],
    [
      'a type from a later day changes nothing',
      [ORDER],
      [['stores', { storeCode: 'S1', type: 'franchise', effectiveFrom: '2026-03-21T00:00:00Z' }]],
      { gone: [], come: [] },
    ],
    [
      'an order that was the buyer’s first, and comes late',
      [ORDER],
      [['orders', inStore({ orderNo: 'o-0', paidAt: '2026-03-19T12:00:00+08:00' })]],
      { gone: ['o-1 headquarters headquarters 700'], come: ['o-0 closer A2 100', 'o-0 headquarters headquarters 700'] },
    ],
    [
      'the cancellation of the first order',
      [ORDER, ['orders', inStore({ orderNo: 'o-0', paidAt: '2026-03-19T12:00:00+08:00' })]],
      [['orders', inStore({ orderNo: 'o-0', paidAt: '2026-03-19T12:00:00+08:00', revision: 2, cancelled: true })]],
      { gone: ['o-0 closer A2 100', 'o-0 headquarters headquarters 700'], come: ['o-1 headquarters headquarters 700'] },
    ],
    [
      'a revision of the first order that names another buyer',
      [ORDER, ['orders', inStore({ orderNo: 'o-0', paidAt: '2026-03-19T12:00:00+08:00' })]],
      [['orders', inStore({ orderNo: 'o-0', paidAt: '2026-03-19T12:00:00+08:00', revision: 2, memberNo: 'M7' })]],
      { gone: [], come: ['o-1 headquarters headquarters 700'] },
    ],
    [
      'a revision by which the first order was paid later',
      [ORDER, ['orders', inStore({ orderNo: 'o-0', paidAt: '2026-03-19T12:00:00+08:00' })]],
      [['orders', inStore({ orderNo: 'o-0', paidAt: '2026-03-21T12:00:00+08:00', revision: 2 })]],
      { gone: ['o-0 headquarters headquarters 700'], come: ['o-1 headquarters headquarters 700'] },
    ],
    [
      'a merge of two buyers of whom each had a first order',
      [ORDER, ['orders', inStore({ orderNo: 'o-0', memberNo: 'M2', paidAt: '2026-03-19T12:00:00+08:00' })]],
      [['member-merges', mergeItem()]],
      { gone: ['o-1 headquarters headquarters 700'], come: [] },
    ],
    [
      'a merge of them that is corrected',
      [
        ORDER,
        ['orders', inStore({ orderNo: 'o-0', memberNo: 'M2', paidAt: '2026-03-19T12:00:00+08:00' })],
        ['member-merges', mergeItem()],
      ],
      [['member-merges', mergeItem({ into: 'M3', at: '2026-04-01T00:00:00Z' })]],
      { gone: [], come: ['o-1 headquarters headquarters 700'] },
    ],
    [
      'a refund',
      [ORDER],
      [['refunds', refundItem()]],
      {
        gone: ['o-1 closer A2 100', 'o-1 headquarters headquarters 700'],
        come: ['o-1 closer A2 60', 'o-1 headquarters headquarters 420'],
      },
    ],
    [
      'a refund that moves to another order',
      [ORDER, ['orders', inStore({ orderNo: 'o-2', memberNo: 'M7' })], ['refunds', refundItem()]],
      [['refunds', refundItem({ revision: 2, orderNo: 'o-2' })]],
      {
        gone: [
          'o-1 closer A2 60',
          'o-1 headquarters headquarters 420',
          'o-2 closer A2 100',
          'o-2 headquarters headquarters 700',
        ],
        come: [
          'o-1 closer A2 100',
          'o-1 headquarters headquarters 700',
          'o-2 closer A2 60',
          'o-2 headquarters headquarters 420',
        ],
      },
    ],
    [
      'a plan for the past',
      [ORDER],
      [['plans', planBody({ version: 2, rules: [when('closer', 50, {})] })]],
      { gone: ['o-1 closer A2 100', 'o-1 headquarters headquarters 700'], come: ['o-1 closer A2 50'] },
    ],
    [
      'a plan for a part of the past',
      [ORDER, ['orders', inStore({ orderNo: 'o-2', memberNo: 'M7', paidAt: '2026-03-10T00:00:00Z' })]],
      [['plans', planBody({ version: 2, effectiveFrom: '2026-03-15T00:00:00Z', rules: [when('closer', 50, {})] })]],
      { gone: ['o-1 closer A2 100', 'o-1 headquarters headquarters 700'], come: ['o-1 closer A2 50'] },
    ],
  ])('%s', async (_name, before, late, expected) => {
    const { gone, come } = await ripple(before, late)
    expect({ gone: gone.sort(), come: come.sort() }).toEqual({ gone: expected.gone.sort(), come: expected.come.sort() })
  })
})
