import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '../../server/features/auth/service.ts'
import { createBrand } from '../../server/features/brands/service.ts'
import { createVault } from '../../server/lib/vault.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { openBrowser, signedIn, startTestWecom, type Browser, type TestWecom } from '../support/wecom.ts'

/**
 * Who may call what. One row is one route; what each caller gets is written out, for his own things and for those of
 * another store, another franchisee and another brand. A route without a row fails the last test.
 *
 * Two direct stores S1 and S3, a franchise store S2 of F1 and S4 of F2. Each has an associate and an order of his.
 */

const CALLERS = [
  'nobody',
  'ingest',
  'read',
  'admin',
  'associate',
  'manager',
  'franchisee',
  'headquarters',
  'auditor',
] as const
type CallerName = (typeof CALLERS)[number]

/** nobody, keys: ingest read admin, people: associate of S1, manager of S1, franchisee F1 (S2), headquarters, auditor. */
type Statuses = readonly [number, number, number, number, number, number, number, number, number]

interface Row {
  route: string
  /** What is asked for, where it is not plain from the route. */
  what?: string
  url?: string
  body?: unknown
  expected: Statuses
}

const ANYBODY: Statuses = [200, 200, 200, 200, 200, 200, 200, 200, 200]
const INGEST: Statuses = [401, 200, 403, 403, 401, 401, 401, 401, 401]
/** Keys with read; people within what they may see. */
const READ: Statuses = [401, 403, 200, 403, 200, 200, 200, 200, 200]
const BRAND: Statuses = [401, 403, 200, 403, 404, 404, 404, 200, 200]
/** Who sees the brand, and who answers for stores: of those alone. */
const ANSWERING: Statuses = [401, 403, 200, 403, 404, 200, 200, 200, 200]
const PERSON: Statuses = [401, 401, 401, 401, 200, 200, 200, 200, 200]

/** The same, and headquarters in the console. */
const OFFICE: Statuses = [401, 200, 403, 403, 403, 403, 403, 200, 403]

/** Headquarters may; there is none of it. */
const MISSING_TO_ADMIN: Statuses = [401, 403, 403, 404, 403, 403, 403, 404, 403]

const ingestRow = (kind: string, item: object): Row => ({
  route: `POST /api/v1/${kind}`,
  body: [item],
  expected: INGEST,
})

/** Items of existing things, so that a call that is let in changes nothing. */
const SINCE = '2025-01-01T00:00:00+08:00'
const PAID = '2026-05-01T12:00:00+08:00'
const UUID = '018f0000-0000-7000-8000-000000000001'
const settlementId = (n: number) => `018f0000-0000-7000-8000-00000000001${n}`
const SETTLEMENT = {
  approved: `/api/v1/settlements/${settlementId(1)}`,
  draft: `/api/v1/settlements/${settlementId(2)}`,
  foreign: `/api/v1/settlements/${settlementId(3)}`,
}

/** Of a1, of the store S1, of S3 and of F1's S2, and of the other brand. */
const CODES = { a1: 1, S1: 2, S3: 3, S2: 4, B1: 5 } as const
const codeId = (of: keyof typeof CODES) => `018f0000-0000-7000-8000-00000000005${CODES[of]}`

/** One for all, and one for S3 and one of the other brand. */
const LAID_OUT = { all: 1, S3: 2, B1: 3 } as const
const laidOutId = (of: keyof typeof LAID_OUT) => `018f0000-0000-7000-8000-00000000006${LAID_OUT[of]}`

const rows: Row[] = [
  ingestRow('stores', { storeCode: 'S1' }),
  ingestRow('associates', { associateId: 'a1' }),
  ingestRow('members', { memberNo: 'm1' }),
  ingestRow('member-merges', { memberNo: 'mx', into: 'my', at: SINCE }),
  ingestRow('products', { sku: 'k1', name: '大衣', priceFen: 10_000 }),
  ingestRow('coupons', { couponCode: 'c1', name: '券', kind: 'gift' }),
  ingestRow('coupon-events', { eventId: 'e1', couponCode: 'c1', kind: 'issued', memberNo: 'm1', at: SINCE }),
  { ...ingestRow('targets', { month: '2026-05', storeCode: 'S1', netSalesFen: 1 }), expected: OFFICE },
  ingestRow('groups', { chatId: 'g1', name: '群', storeCode: 'S1' }),
  ingestRow('identities', { kind: 'visitor', value: 'v1', memberNo: 'm1', at: SINCE }),
  ingestRow('member-assignments', { memberNo: 'm1', from: SINCE, attributedAssociate: 'a1', homeStore: 'S1' }),
  ingestRow('share-links', { linkCode: 'L1' }),
  ingestRow('touches', { touchId: 't1', linkCode: 'L1', at: PAID, kind: 'click', visitorId: 'v9' }),
  ingestRow('orders', { source: 'x', orderNo: '1', channel: 'online', paidAt: PAID, lines: [] }),
  ingestRow('refunds', { source: 'x', refundNo: 'r1', orderNo: '1', refundedAt: PAID }),
  ingestRow('friend-events', { associateId: 'a3', externalUserid: 'wmX', kind: 'added', at: PAID }),
  ingestRow('task-events', { taskId: 'k1', kind: 'done', at: PAID, associateId: 'a3', task: 'visit' }),

  {
    ...ingestRow('opening-balances', { balanceNo: 'ob1', payeeKind: 'associate', payee: 'a1', amountFen: 1 }),
    expected: OFFICE,
  },

  { route: 'GET /api/v1/activity', expected: BRAND },

  { route: 'GET /api/v1/stores', expected: [401, 403, 200, 403, 404, 200, 200, 200, 200] },
  { route: 'GET /api/v1/associates', expected: [401, 403, 200, 403, 404, 200, 200, 200, 200] },
  { route: 'GET /api/v1/people/houses', expected: [401, 403, 200, 403, 404, 200, 200, 200, 200] },
  ...(
    [
      ['own', 'S1', 'a1', 200, 404],
      ['of F1', 'S2', 'a2', 404, 200],
      ['another’s', 'S3', 'a3', 404, 404],
    ] as const
  ).flatMap(([what, store, associate, manager, franchisee]): Row[] => [
    {
      route: 'GET /api/v1/stores/:storeCode',
      what,
      url: `/api/v1/stores/${store}`,
      expected: [401, 403, 200, 403, 404, manager, franchisee, 200, 200],
    },
    {
      route: 'GET /api/v1/associates/:associateId',
      what,
      url: `/api/v1/associates/${associate}`,
      expected: [401, 403, 200, 403, 404, manager, franchisee, 200, 200],
    },
  ]),
  ...['stores', 'associates'].flatMap((kind): Row[] => [
    { route: `POST /api/v1/people/${kind}`, body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
    { route: `POST /api/v1/people/${kind}/file`, body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  ]),
  { route: 'GET /api/v1/settings/brand', expected: BRAND },
  { route: 'GET /api/v1/settings/doctor', expected: BRAND },

  ...[
    { linkCode: 'L1', what: 'own', own: true },
    { linkCode: 'L3', what: 'another’s', own: false },
  ].flatMap(({ linkCode, what, own }): Row[] => [
    {
      route: 'GET /api/v1/share-links/:linkCode',
      what,
      url: `/api/v1/share-links/${linkCode}`,
      expected: [401, 403, 200, 403, own ? 200 : 404, 404, 404, 404, 404],
    },
    {
      route: 'GET /api/v1/share-links/:linkCode/mini-program-code',
      what: `${what}; no mini program is set up`,
      url: `/api/v1/share-links/${linkCode}/mini-program-code`,
      expected: [401, 403, 503, 403, own ? 503 : 404, 404, 404, 404, 404],
    },
  ]),
  { route: 'GET /api/v1/me/coupons', expected: PERSON },
  { route: 'GET /api/v1/coupons', expected: BRAND },
  {
    route: 'PUT /api/v1/coupons/:couponCode',
    url: '/api/v1/coupons/c1',
    body: {},
    expected: [401, 403, 403, 422, 403, 403, 403, 422, 403],
  },
  { route: 'GET /api/v1/coupons/:couponCode/links', url: '/api/v1/coupons/c1/links', expected: READ },
  {
    route: 'GET /api/v1/coupons/:couponCode/links',
    what: 'no such coupon',
    url: '/api/v1/coupons/c9/links',
    expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
  },
  {
    route: 'GET /api/v1/members/:memberNo/storefront',
    what: 'his own customer, of S1',
    url: '/api/v1/members/m1/storefront',
    expected: [401, 403, 200, 403, 200, 200, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/members/:memberNo/storefront',
    what: 'nobody’s customer',
    url: '/api/v1/members/m3/storefront',
    expected: [401, 403, 200, 403, 404, 404, 404, 200, 200],
  },

  { route: 'GET /api/v1/adjustments', expected: BRAND },
  {
    route: 'GET /api/v1/adjustments/:adjustmentId',
    url: `/api/v1/adjustments/${UUID}`,
    expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
  },
  { route: 'POST /api/v1/adjustments', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'POST /api/v1/adjustments/write-offs', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'POST /api/v1/adjustments/confirm', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  ...['confirm', 'reject', 'reverse'].map((deed): Row => ({
    route: `POST /api/v1/adjustments/:adjustmentId/${deed}`,
    url: `/api/v1/adjustments/${UUID}/${deed}`,
    body: { reason: 'no' },
    expected: [401, 403, 403, 404, 403, 403, 403, 404, 403],
  })),
  { route: 'POST /api/v1/plans/backtest', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'POST /api/v1/settlements', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'GET /api/v1/settlements', expected: READ },
  ...['', '/statements', '/statements/associate/a1', '/franchises', '/franchises/F1'].map((page): Row => ({
    route: `GET /api/v1/settlements/:settlementId${page
      .replace('associate/a1', ':payeeKind/:payee')
      .replace('F1', ':franchiseeId')}`,
    url: `/api/v1/settlements/${UUID}${page}`,
    expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
  })),
  {
    route: 'GET /api/v1/settlements/:settlementId/invoices',
    url: `/api/v1/settlements/${UUID}/invoices`,
    expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
  },
  ...['/approve', '/pay'].map((deed): Row => ({
    route: `POST /api/v1/settlements/:settlementId${deed}`,
    url: `/api/v1/settlements/${UUID}${deed}`,
    body: {},
    expected: [401, 403, 403, 404, 403, 403, 403, 404, 403],
  })),
  {
    route: 'DELETE /api/v1/settlements/:settlementId',
    url: `/api/v1/settlements/${UUID}`,
    expected: [401, 403, 403, 404, 403, 403, 403, 404, 403],
  },
  { route: 'GET /api/v1/clearing', expected: BRAND },
  { route: 'GET /api/v1/channel-codes', expected: READ },
  {
    route: 'GET /api/v1/channel-codes',
    what: 'own associate',
    url: '?associate=a1',
    expected: [401, 403, 200, 403, 200, 200, 404, 200, 200],
  },
  { route: 'GET /api/v1/channel-codes', what: 'another store’s associate', url: '?associate=a3', expected: BRAND },
  {
    route: 'GET /api/v1/channel-codes',
    what: 'own store',
    url: '?storeCode=S1',
    expected: [401, 403, 200, 403, 404, 200, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/channel-codes',
    what: 'of the other brand',
    url: '?storeCode=B1',
    expected: BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses,
  },
  ...(
    [
      ['a1', [401, 403, 200, 403, 200, 200, 404, 200, 200]],
      ['S1', [401, 403, 200, 403, 404, 200, 404, 200, 200]],
      ['S3', BRAND],
      ['S2', [401, 403, 200, 403, 404, 404, 200, 200, 200]],
      ['B1', BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses],
    ] as [keyof typeof CODES, Statuses][]
  ).flatMap(([of, expected]): Row[] =>
    ['', '/friends'].map(page => ({
      route: `GET /api/v1/channel-codes/:codeId${page}`,
      what: `of ${of}`,
      url: `/api/v1/channel-codes/${codeId(of)}${page}`,
      expected,
    })),
  ),
  { route: 'POST /api/v1/channel-codes', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  ...(['PATCH', 'DELETE'] as const).map((method): Row => ({
    route: `${method} /api/v1/channel-codes/:codeId`,
    what: 'of the other brand',
    url: `/api/v1/channel-codes/${codeId('B1')}`,
    ...(method === 'PATCH' ? { body: { name: 'x' } } : {}),
    expected: [401, 403, 403, 404, 403, 403, 403, 404, 403],
  })),
  { route: 'GET /api/v1/settings/welcome', expected: BRAND },
  { route: 'PUT /api/v1/settings/welcome', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'GET /api/v1/settings/messages', expected: BRAND },
  { route: 'PUT /api/v1/settings/messages', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'GET /api/v1/me/messages', expected: PERSON },
  { route: 'PUT /api/v1/me/messages', body: {}, expected: [401, 401, 401, 401, 422, 422, 422, 422, 403] },
  { route: 'GET /api/v1/handovers', expected: [401, 403, 200, 403, 404, 200, 200, 200, 200] },
  { route: 'GET /api/v1/handovers/leavers', expected: [401, 403, 200, 403, 404, 200, 200, 200, 200] },
  {
    route: 'GET /api/v1/handovers/candidates',
    what: 'own store’s associate',
    url: '?associate=a1',
    expected: [401, 403, 200, 403, 404, 200, 404, 200, 200],
  },
  { route: 'GET /api/v1/handovers/candidates', what: 'another store’s', url: '?associate=a3', expected: BRAND },
  {
    route: 'GET /api/v1/handovers/candidates',
    what: 'of F1’s store',
    url: '?associate=a2',
    expected: [401, 403, 200, 403, 404, 404, 200, 200, 200],
  },
  {
    route: 'GET /api/v1/handovers/:handoverId',
    url: `/api/v1/handovers/${UUID}`,
    expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
  },
  { route: 'POST /api/v1/handovers', body: {}, expected: [401, 403, 403, 422, 403, 422, 403, 422, 403] },
  {
    route: 'POST /api/v1/handovers',
    what: 'of another store’s associate, who works there',
    body: { fromAssociate: 'a3', reason: 'no', toAssociate: 'a1', all: true },
    expected: [401, 403, 403, 422, 403, 404, 403, 422, 403],
  },
  {
    route: 'POST /api/v1/handovers/:handoverId/undo',
    url: `/api/v1/handovers/${UUID}/undo`,
    body: { reason: 'no' },
    expected: [401, 403, 403, 404, 403, 404, 403, 404, 403],
  },
  ...transferRows(),
  { route: 'GET /api/v1/targets', expected: READ },
  { route: 'GET /api/v1/attainment', expected: READ },
  { route: 'GET /api/v1/attainment/totals', expected: READ },
  { route: 'GET /api/v1/attainment/totals', what: 'another store’s associate', url: '?associate=a3', expected: BRAND },
  {
    route: 'GET /api/v1/attainment',
    what: 'own store',
    url: '?storeCode=S1',
    expected: [401, 403, 200, 403, 404, 200, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/attainment',
    what: 'own associate',
    url: '?associate=a1',
    expected: [401, 403, 200, 403, 200, 200, 404, 200, 200],
  },
  { route: 'GET /api/v1/attainment', what: 'another store’s associate', url: '?associate=a3', expected: BRAND },
  {
    route: 'GET /api/v1/attainment',
    what: 'of the other brand',
    url: '?storeCode=B1',
    expected: BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses,
  },

  { route: 'GET /api/v1/community/stores', expected: [401, 403, 200, 403, 404, 200, 200, 200, 200] },
  ...(
    [
      ['own store', 'S1', [401, 403, 200, 403, 404, 200, 404, 200, 200]],
      ['F1’s store', 'S2', [401, 403, 200, 403, 404, 404, 200, 200, 200]],
      ['another direct store', 'S3', BRAND],
      ['F2’s store', 'S4', BRAND],
      ['of the other brand', 'B1', BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses],
    ] as const
  ).map(([what, storeCode, expected]): Row => ({
    route: 'GET /api/v1/community/stores/:storeCode',
    what,
    url: `/api/v1/community/stores/${storeCode}`,
    expected,
  })),

  ...['summary', 'trend', 'associates', 'links', 'channels', 'products', 'groups'].map((view): Row => ({
    route: `GET /api/v1/performance/${view}`,
    expected: READ,
  })),
  ...['stores', 'regions'].map((view): Row => ({
    route: `GET /api/v1/performance/${view}`,
    expected: [401, 403, 200, 403, 404, 200, 200, 200, 200],
  })),
  ...(
    [
      ['own store', 'storeCode=S1', [401, 403, 200, 403, 404, 200, 404, 200, 200]],
      ['F1’s store', 'storeCode=S2', [401, 403, 200, 403, 404, 404, 200, 200, 200]],
      ['own associate', 'associate=a1', [401, 403, 200, 403, 200, 200, 404, 200, 200]],
      ['another store’s associate', 'associate=a3', BRAND],
      ['of the other brand', 'storeCode=B1', BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses],
    ] as const
  ).map(([what, query, expected]): Row => ({
    route: 'GET /api/v1/performance/summary',
    what,
    url: `?${query}`,
    expected,
  })),

  { route: 'GET /api/v1/performance/orders', expected: READ },
  ...(
    [
      ['own store', 'storeCode=S1', [401, 403, 200, 403, 404, 200, 404, 200, 200]],
      ['the row of F1’s store', 'table=stores&key=S2', [401, 403, 200, 403, 404, 404, 200, 200, 200]],
      ['the row of another store’s associate', 'table=associates&key=a3', BRAND],
    ] as const
  ).map(([what, query, expected]): Row => ({
    route: 'GET /api/v1/performance/orders',
    what,
    url: `?${query}`,
    expected,
  })),

  { route: 'GET /api/v1/orders', expected: READ },
  {
    route: 'GET /api/v1/orders',
    what: 'own store',
    url: '?storeCode=S1',
    expected: [401, 403, 200, 403, 404, 200, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/orders',
    what: 'another direct store',
    url: '?storeCode=S3',
    expected: [401, 403, 200, 403, 404, 404, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/orders',
    what: 'a franchise store of F1',
    url: '?storeCode=S2',
    expected: [401, 403, 200, 403, 404, 404, 200, 200, 200],
  },
  {
    route: 'GET /api/v1/orders',
    what: 'a franchise store of F2',
    url: '?storeCode=S4',
    expected: [401, 403, 200, 403, 404, 404, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/orders',
    what: 'of the other brand',
    url: '?storeCode=B1',
    expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
  },
  {
    route: 'GET /api/v1/orders',
    what: 'own associate',
    url: '?associate=a1',
    expected: [401, 403, 200, 403, 200, 200, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/orders',
    what: 'another store’s associate',
    url: '?associate=a3',
    expected: [401, 403, 200, 403, 404, 404, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/orders',
    what: 'own customer',
    url: '?memberNo=m1',
    expected: [401, 403, 200, 403, 200, 200, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/orders',
    what: 'another store’s customer',
    url: '?memberNo=m3',
    expected: [401, 403, 200, 403, 404, 404, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/orders/:source/:orderNo/commission',
    what: 'own order',
    url: '/api/v1/orders/pos/S1/commission',
    expected: READ.map((s, i) => (i === 6 ? 404 : s)) as unknown as Statuses,
  },
  {
    route: 'GET /api/v1/orders/:source/:orderNo/commission',
    what: 'another store’s',
    url: '/api/v1/orders/pos/S3/commission',
    expected: BRAND,
  },
  {
    route: 'GET /api/v1/orders/:source/:orderNo/commission',
    what: 'of F1’s store',
    url: '/api/v1/orders/pos/S2/commission',
    expected: [401, 403, 200, 403, 404, 404, 200, 200, 200],
  },
  {
    route: 'GET /api/v1/orders/:source/:orderNo/commission',
    what: 'of F2’s store',
    url: '/api/v1/orders/pos/S4/commission',
    expected: BRAND,
  },
  {
    route: 'GET /api/v1/orders/:source/:orderNo/commission',
    what: 'of the other brand',
    url: '/api/v1/orders/pos/B1/commission',
    expected: BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses,
  },
  { route: 'GET /api/v1/entitlements', expected: READ },
  {
    route: 'GET /api/v1/entitlements',
    what: 'own account',
    url: '?payee=a1',
    expected: [401, 403, 200, 403, 200, 200, 404, 200, 200],
  },
  { route: 'GET /api/v1/entitlements', what: 'another associate’s', url: '?payee=a3', expected: BRAND },
  {
    route: 'GET /api/v1/entitlements',
    what: 'F1’s store',
    url: '?payeeKind=store&payee=S2',
    expected: [401, 403, 200, 403, 404, 404, 200, 200, 200],
  },
  { route: 'GET /api/v1/entitlements', what: 'headquarters', url: '?payee=headquarters', expected: BRAND },
  { route: 'GET /api/v1/ledger', expected: READ },
  {
    route: 'GET /api/v1/ledger',
    what: 'own account',
    url: '?payee=a1',
    expected: [401, 403, 200, 403, 200, 200, 404, 200, 200],
  },
  { route: 'GET /api/v1/ledger', what: 'another associate’s', url: '?payee=a3', expected: BRAND },
  { route: 'GET /api/v1/ledger', what: 'F2’s store', url: '?payee=S4', expected: BRAND },
  { route: 'GET /api/v1/balances', expected: READ },
  {
    route: 'GET /api/v1/balances',
    what: 'own account',
    url: '?payee=a1',
    expected: [401, 403, 200, 403, 200, 200, 404, 200, 200],
  },
  { route: 'GET /api/v1/balances', what: 'another associate’s', url: '?payee=a3', expected: BRAND },
  {
    route: 'GET /api/v1/balances',
    what: 'of the other brand',
    url: '?payee=b1',
    expected: BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses,
  },
  { route: 'GET /api/v1/bonuses', url: '?month=2026-05', expected: READ },
  { route: 'GET /api/v1/bonuses', what: 'another associate’s', url: '?month=2026-05&associate=a3', expected: BRAND },
  { route: 'GET /api/v1/rewards', expected: READ },
  {
    route: 'GET /api/v1/rewards',
    what: 'own associate',
    url: '?associate=a1',
    expected: [401, 403, 200, 403, 200, 200, 404, 200, 200],
  },
  { route: 'GET /api/v1/rewards', what: 'another store’s associate', url: '?associate=a3', expected: BRAND },
  {
    route: 'GET /api/v1/rewards',
    what: 'of the other brand',
    url: '?associate=b1',
    expected: BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses,
  },
  {
    route: 'GET /api/v1/rewards/explain',
    what: 'own associate’s task',
    url: '?taskId=own',
    expected: [401, 403, 200, 403, 200, 200, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/rewards/explain',
    what: 'another store’s associate’s friend',
    url: '?externalUserid=wmX',
    expected: BRAND,
  },
  { route: 'GET /api/v1/settlements', expected: READ },
  { route: 'GET /api/v1/settlements/preview', expected: BRAND },
  { route: 'GET /api/v1/settlements/gathering', expected: BRAND },
  { route: 'GET /api/v1/settlements/:settlementId/review', url: `${SETTLEMENT.approved}/review`, expected: BRAND },
  {
    route: 'GET /api/v1/settlements/:settlementId/review',
    what: 'of the other brand',
    url: `${SETTLEMENT.foreign}/review`,
    expected: BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses,
  },
  { route: 'GET /api/v1/settlements/:settlementId', what: 'with his own', url: SETTLEMENT.approved, expected: READ },
  { route: 'GET /api/v1/settlements/:settlementId', what: 'a draft', url: SETTLEMENT.draft, expected: BRAND },
  {
    route: 'GET /api/v1/settlements/:settlementId',
    what: 'of the other brand',
    url: SETTLEMENT.foreign,
    expected: BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses,
  },
  {
    route: 'GET /api/v1/settlements/:settlementId/statements',
    url: `${SETTLEMENT.approved}/statements`,
    expected: READ,
  },
  {
    route: 'GET /api/v1/settlements/:settlementId/statements',
    what: 'of a draft',
    url: `${SETTLEMENT.draft}/statements`,
    expected: BRAND,
  },
  {
    route: 'GET /api/v1/settlements/:settlementId/statements/:payeeKind/:payee',
    what: 'own',
    url: `${SETTLEMENT.approved}/statements/associate/a1`,
    expected: [401, 403, 200, 403, 200, 200, 404, 200, 200],
  },
  {
    route: 'GET /api/v1/settlements/:settlementId/statements/:payeeKind/:payee',
    what: 'another associate’s',
    url: `${SETTLEMENT.approved}/statements/associate/a3`,
    expected: BRAND,
  },
  {
    route: 'GET /api/v1/settlements/:settlementId/statements/:payeeKind/:payee',
    what: 'F1’s store',
    url: `${SETTLEMENT.approved}/statements/store/S2`,
    expected: [401, 403, 200, 403, 404, 404, 200, 200, 200],
  },
  {
    route: 'GET /api/v1/settlements/:settlementId/invoices',
    url: `${SETTLEMENT.approved}/invoices`,
    expected: BRAND,
  },
  {
    route: 'GET /api/v1/settlements/:settlementId/franchises',
    url: `${SETTLEMENT.approved}/franchises`,
    expected: [401, 403, 200, 403, 404, 404, 200, 200, 200],
  },
  {
    route: 'GET /api/v1/settlements/:settlementId/franchises/:franchiseeId',
    what: 'F1',
    url: `${SETTLEMENT.approved}/franchises/F1`,
    expected: [401, 403, 200, 403, 404, 404, 200, 200, 200],
  },
  {
    route: 'GET /api/v1/settlements/:settlementId/franchises/:franchiseeId',
    what: 'F2',
    url: `${SETTLEMENT.approved}/franchises/F2`,
    expected: BRAND,
  },
  {
    route: 'GET /api/v1/settlements/:settlementId/franchises/:franchiseeId',
    what: 'F1 in a draft',
    url: `${SETTLEMENT.draft}/franchises/F1`,
    expected: BRAND,
  },
  { route: 'GET /api/v1/clearing', expected: BRAND },
  { route: 'POST /api/v1/settlements', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  {
    route: 'POST /api/v1/settlements/:settlementId/pay',
    what: 'a draft',
    url: `${SETTLEMENT.draft}/pay`,
    expected: [401, 403, 403, 409, 403, 403, 403, 409, 403],
  },
  {
    route: 'POST /api/v1/settlements/:settlementId/approve',
    what: 'of the other brand',
    url: `${SETTLEMENT.foreign}/approve`,
    expected: [401, 403, 403, 404, 403, 403, 403, 404, 403],
  },
  {
    route: 'DELETE /api/v1/settlements/:settlementId',
    what: 'an approved one',
    url: SETTLEMENT.approved,
    expected: [401, 403, 403, 409, 403, 403, 403, 409, 403],
  },
  { route: 'GET /api/v1/audit', expected: BRAND },
  { route: 'GET /api/v1/rejected-items', expected: BRAND },
  { route: 'GET /api/v1/intake', expected: BRAND },
  { route: 'GET /api/v1/imports', expected: BRAND },
  {
    route: 'GET /api/v1/rejected-items/:rejectId',
    url: `/api/v1/rejected-items/${UUID}`,
    expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
  },
  {
    route: 'POST /api/v1/rejected-items/:rejectId/resend',
    url: `/api/v1/rejected-items/${UUID}/resend`,
    body: {},
    expected: MISSING_TO_ADMIN,
  },
  { route: 'GET /api/v1/keys', expected: [401, 403, 403, 200, 403, 403, 403, 200, 403] },
  { route: 'POST /api/v1/keys', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'DELETE /api/v1/keys/:keyId', url: `/api/v1/keys/${UUID}`, expected: MISSING_TO_ADMIN },
  { route: 'GET /api/v1/webhooks', expected: BRAND },
  { route: 'GET /api/v1/webhook-deliveries', expected: BRAND },
  { route: 'POST /api/v1/webhooks', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  {
    route: 'GET /api/v1/webhooks/:webhookId/deliveries/:eventId',
    url: `/api/v1/webhooks/${UUID}/deliveries/${UUID}`,
    expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
  },
  ...(
    [
      ['DELETE', '', undefined],
      ['PUT', '', { url: 'https://93.184.215.14/', events: ['dispute.decided'], active: true }],
      ['POST', '/test', undefined],
      ['POST', '/replay', { from: SINCE, to: PAID }],
    ] as const
  ).map(([method, path, body]): Row => ({
    route: `${method} /api/v1/webhooks/:webhookId${path}`,
    url: `/api/v1/webhooks/${UUID}${path}`,
    body,
    expected: MISSING_TO_ADMIN,
  })),
  {
    route: 'POST /api/v1/webhooks/:webhookId/deliveries/:eventId/replay',
    url: `/api/v1/webhooks/${UUID}/deliveries/${UUID}/replay`,
    expected: MISSING_TO_ADMIN,
  },
  { route: 'GET /api/v1/plans', expected: BRAND },
  { route: 'GET /api/v1/plans/:code/versions/:version', url: '/api/v1/plans/p/versions/1', expected: BRAND },
  {
    route: 'GET /api/v1/jobs/:jobId',
    url: `/api/v1/jobs/${UUID}`,
    expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
  },
  {
    route: 'DELETE /api/v1/jobs/:jobId',
    url: `/api/v1/jobs/${UUID}`,
    expected: [401, 403, 403, 404, 403, 403, 403, 404, 403],
  },
  { route: 'POST /api/v1/plans', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'POST /api/v1/plans/backtest', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'GET /api/v1/plans/backtests', expected: BRAND },
  {
    route: 'GET /api/v1/plans/backtests/:jobId/:table',
    url: `/api/v1/plans/backtests/${UUID}/orders`,
    expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
  },
  { route: 'GET /api/v1/plans/drafts', expected: BRAND },
  {
    route: 'PUT /api/v1/plans/drafts/:name',
    url: '/api/v1/plans/drafts/new',
    body: {},
    expected: [401, 403, 403, 422, 403, 403, 403, 422, 403],
  },
  { route: 'GET /api/v1/plans/drafts/:name', url: '/api/v1/plans/drafts/d', expected: BRAND },
  {
    route: 'GET /api/v1/plans/drafts/:name',
    what: 'of the other brand',
    url: '/api/v1/plans/drafts/dB',
    expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
  },
  {
    route: 'DELETE /api/v1/plans/drafts/:name',
    what: 'changed meanwhile',
    url: '/api/v1/plans/drafts/d?revision=7',
    expected: [401, 403, 403, 409, 403, 403, 403, 409, 403],
  },
  {
    route: 'DELETE /api/v1/plans/drafts/:name',
    what: 'of the other brand',
    url: '/api/v1/plans/drafts/dB?revision=1',
    expected: [401, 403, 403, 404, 403, 403, 403, 404, 403],
  },
  { route: 'POST /api/v1/plans/validate', body: {}, expected: [401, 403, 403, 200, 403, 403, 403, 200, 403] },
  { route: 'POST /api/v1/plans/trial', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'GET /api/v1/plans/choices/:kind', url: '/api/v1/plans/choices/stores', expected: BRAND },
  { route: 'POST /api/v1/overrides', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'POST /api/v1/holds', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  {
    route: 'POST /api/v1/holds',
    what: 'released though never held',
    body: { source: 'pos', orderNo: 'S1', held: false, reason: 'x' },
    expected: [401, 403, 403, 200, 403, 403, 403, 200, 403],
  },
  {
    route: 'POST /api/v1/holds',
    what: 'of the other brand',
    body: { source: 'pos', orderNo: 'B1', held: true, reason: 'x' },
    expected: [401, 403, 403, 404, 403, 403, 403, 404, 403],
  },
  ...disputeRows(),
  ...riskRows(),
  ...taskRows(),
  ...materialRows(),
  { route: 'GET /api/v1/settings/binding', expected: BRAND },
  { route: 'PUT /api/v1/settings/binding', body: {}, expected: [401, 403, 403, 422, 403, 403, 403, 422, 403] },
  { route: 'GET /api/v1/health/reconcile', expected: [401, 200, 200, 200, 200, 200, 200, 200, 200] },

  { route: 'GET /api/v1/session', expected: PERSON },
  { route: 'GET /api/v1/sessions', expected: PERSON },
  {
    route: 'DELETE /api/v1/sessions/:sessionId',
    what: 'of somebody else',
    url: `/api/v1/sessions/${UUID}`,
    expected: [401, 401, 401, 401, 404, 404, 404, 404, 404],
  },
  { route: 'DELETE /api/v1/sessions', what: 'his others', expected: PERSON },
  {
    route: 'DELETE /api/v1/associates/:associateId/sessions',
    url: '/api/v1/associates/nobody/sessions',
    expected: MISSING_TO_ADMIN,
  },
  {
    route: 'POST /api/v1/wecom/signature',
    body: { url: 'http://127.0.0.1:8686/sidebar/', kind: 'config' },
    expected: PERSON,
  },
  { route: 'GET /api/v1/wecom/health', expected: BRAND },
  { route: 'GET /api/v1/wecom/callbacks', expected: [401, 403, 403, 200, 403, 403, 403, 200, 403] },
  {
    route: 'POST /api/v1/wecom/callbacks/:id/replay',
    url: `/api/v1/wecom/callbacks/${UUID}/replay`,
    body: {},
    expected: [401, 403, 403, 404, 403, 403, 403, 404, 403],
  },
  // Nobody's friend: to whoever sees the brand he is there, and not his to link.
  {
    route: 'POST /api/v1/customers/link',
    body: { externalUserid: 'wmNobody', memberNo: 'm1' },
    expected: [401, 401, 401, 401, 404, 404, 404, 403, 403],
  },
  {
    route: 'POST /api/v1/customers/unlink',
    body: { externalUserid: 'wmNobody' },
    expected: [401, 401, 401, 401, 404, 404, 404, 403, 403],
  },
  ...(['wmOwn', 'wmTheirs', 'wmB'] as const).flatMap((externalUserid): Row[] => {
    const [what, own] = { wmOwn: ['own', 200], wmTheirs: ['another’s', 404], wmB: ['of the other brand', 404] }[
      externalUserid
    ] as [string, number]
    const address = (page: string) => ({ what, url: `/api/v1/customers/${externalUserid}/${page}` })
    const writes = (status: number): Statuses => [401, 401, 401, 401, status, 404, 404, 403, 403]
    return [
      {
        route: 'GET /api/v1/customers/:externalUserid/wecom',
        ...address('wecom'),
        expected: [401, 401, 401, 401, own, 404, 404, 404, 404],
      },
      {
        route: 'PUT /api/v1/customers/:externalUserid/tags',
        ...address('tags'),
        body: { add: ['etNone'] },
        expected: writes(own === 200 ? 422 : 404),
      },
      {
        route: 'PUT /api/v1/customers/:externalUserid/remark',
        ...address('remark'),
        body: { remark: '备注' },
        expected: writes(own),
      },
    ]
  }),
  { route: 'GET /wecom/callback', expected: ANYBODY.map(() => 403) as unknown as Statuses },
  { route: 'POST /wecom/callback', body: {}, expected: ANYBODY.map(() => 403) as unknown as Statuses },
  ...(['GET', 'POST'] as const).flatMap((method): Row[] => [
    {
      route: `${method} /wecom/callback/:slug`,
      what: 'of the other brand, unsigned',
      url: '/wecom/callback/other',
      ...(method === 'POST' ? { body: {} } : {}),
      expected: ANYBODY.map(() => 403) as unknown as Statuses,
    },
    {
      route: `${method} /wecom/callback/:slug`,
      what: 'of no brand',
      url: '/wecom/callback/nobody',
      ...(method === 'POST' ? { body: {} } : {}),
      expected: ANYBODY.map(() => 404) as unknown as Statuses,
    },
  ]),
  {
    route: 'GET /:name(^WW_verify_[A-Za-z0-9]+\\.txt$)',
    url: '/WW_verify_nobodys.txt',
    expected: ANYBODY.map(() => 404) as unknown as Statuses,
  },
  { route: 'GET /api/v1/cards/customer', url: '?externalUserid=wmNobody', expected: PERSON },
  { route: 'GET /api/v1/cards/group', url: '?chatId=wrNobody', expected: PERSON },
  { route: 'GET /api/v1/catalogue', expected: PERSON },
  { route: 'POST /api/v1/share', body: {}, expected: [401, 401, 401, 401, 422, 422, 422, 422, 403] },
  {
    route: 'POST /api/v1/share/:linkCode/sent',
    url: '/api/v1/share/L3/sent',
    body: {},
    expected: [401, 401, 401, 401, 404, 404, 404, 404, 403],
  },
  { route: 'POST /api/v1/share/standing', body: {}, expected: [401, 401, 401, 401, 201, 201, 201, 201, 403] },
  {
    route: 'POST /api/v1/share/standing',
    what: 'again',
    body: {},
    expected: [401, 401, 401, 401, 200, 200, 200, 200, 403],
  },
  { route: 'GET /api/v1/share/picture.png', expected: ANYBODY },
  { route: 'GET /api/v1/earnings', url: '?span=month', expected: PERSON },

  { route: 'GET /', expected: ANYBODY.map(() => 302) as unknown as Statuses },
  { route: 'GET /healthz', expected: ANYBODY },
  { route: 'GET /readyz', expected: ANYBODY },
  { route: 'GET /metrics', expected: ANYBODY },
  { route: 'GET /pages.css', expected: ANYBODY },
  { route: 'GET /api/openapi.json', expected: ANYBODY },
  { route: 'GET /s/:linkCode', url: '/s/unknown', expected: ANYBODY.map(() => 404) as unknown as Statuses },
  { route: 'GET /auth/wecom/login', expected: ANYBODY.map(() => 302) as unknown as Statuses },
  { route: 'GET /auth/wecom/callback', expected: ANYBODY.map(() => 400) as unknown as Statuses },
  // Last, since they end what the callers came with.
  { route: 'POST /auth/refresh', expected: [401, 401, 401, 401, 204, 204, 204, 204, 204] },
  { route: 'POST /auth/logout', expected: ANYBODY.map(() => 204) as unknown as Statuses },
]

/** One of each store's associate, of the other brand's, and one of a1 that he takes back. */
function disputeId(name: string): string {
  return `018f0000-0000-7000-8000-0000000000d${['S1', 'S2', 'S3', 'S4', 'B1', 'back'].indexOf(name)}`
}
function findingId(name: string): string {
  return `018f0000-0000-7000-8000-0000000000f${['held', 'reversed', 'dismissed', 'B1'].indexOf(name)}`
}
function noticeId(of: 'a1' | 'a3'): string {
  return `018f0000-0000-7000-8000-0000000000e${of.slice(1)}`
}

function disputeRows(): Row[] {
  const nobodys = BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses
  const ofF1: Statuses = [401, 403, 200, 403, 404, 404, 200, 200, 200]
  const ofS1: Statuses = [401, 403, 200, 403, 200, 200, 404, 200, 200]
  const read = (what: string, id: string, expected: Statuses): Row => ({
    route: 'GET /api/v1/disputes/:disputeId',
    what,
    url: `/api/v1/disputes/${id}`,
    expected,
  })
  const file = (what: string, orderNo: string, expected: Statuses): Row => ({
    route: 'POST /api/v1/disputes',
    what,
    body: { source: 'pos', orderNo, role: 'opener', text: 'x' },
    expected,
  })
  // The same by several is one decision: whoever may decide is answered alike.
  const decide = (what: string, id: string, expected: Statuses): Row => ({
    route: 'POST /api/v1/disputes/:disputeId/decide',
    what,
    url: `/api/v1/disputes/${id}/decide`,
    body: { outcome: 'rejected', reason: 'x' },
    expected,
  })
  const unattributed = (what: string, storeCode: string, expected: Statuses): Row => ({
    route: 'GET /api/v1/unattributed',
    what,
    url: `?storeCode=${storeCode}`,
    expected,
  })
  return [
    { route: 'GET /api/v1/disputes', expected: READ },
    {
      route: 'GET /api/v1/disputes',
      what: 'own store',
      url: '?storeCode=S1',
      expected: [401, 403, 200, 403, 404, 200, 404, 200, 200],
    },
    { route: 'GET /api/v1/disputes', what: 'another store', url: '?storeCode=S3', expected: BRAND },
    { route: 'GET /api/v1/disputes', what: 'F1’s store', url: '?storeCode=S2', expected: ofF1 },
    { route: 'GET /api/v1/disputes', what: 'another’s associate', url: '?associate=a3', expected: BRAND },
    { route: 'GET /api/v1/disputes', what: 'of the other brand', url: '?associate=b1', expected: nobodys },
    read('own', disputeId('S1'), ofS1),
    read('another store’s', disputeId('S3'), BRAND),
    read('of F1’s store', disputeId('S2'), ofF1),
    read('of F2’s store', disputeId('S4'), BRAND),
    read('of the other brand', disputeId('B1'), nobodys),
    { route: 'POST /api/v1/disputes', body: {}, expected: [401, 403, 403, 422, 422, 422, 422, 422, 403] },
    file('of the own store', 'S1', [401, 403, 403, 422, 201, 201, 404, 422, 403]),
    file('of another store', 'S3', [401, 403, 403, 422, 404, 404, 404, 422, 403]),
    file('of F1’s store', 'S2', [401, 403, 403, 422, 404, 404, 201, 422, 403]),
    file('of the other brand', 'B1', [401, 403, 403, 422, 404, 404, 404, 422, 403]),
    {
      route: 'POST /api/v1/disputes',
      what: 'for another store’s associate',
      body: { source: 'pos', orderNo: 'S3', role: 'opener', text: 'x', associateId: 'a3' },
      expected: [401, 403, 403, 201, 404, 404, 404, 200, 403],
    },
    {
      route: 'POST /api/v1/disputes/:disputeId/decide',
      url: `/api/v1/disputes/${disputeId('S1')}/decide`,
      body: {},
      expected: [401, 403, 403, 422, 403, 422, 422, 422, 403],
    },
    decide('own store’s', disputeId('S1'), [401, 403, 403, 200, 403, 200, 404, 200, 403]),
    decide('another store’s', disputeId('S3'), [401, 403, 403, 200, 403, 404, 404, 200, 403]),
    decide('of F1’s store', disputeId('S2'), [401, 403, 403, 200, 403, 404, 200, 200, 403]),
    decide('of F2’s store', disputeId('S4'), [401, 403, 403, 200, 403, 404, 404, 200, 403]),
    decide('of the other brand', disputeId('B1'), [401, 403, 403, 404, 403, 404, 404, 404, 403]),
    {
      route: 'POST /api/v1/disputes/:disputeId/withdraw',
      what: 'own',
      url: `/api/v1/disputes/${disputeId('back')}/withdraw`,
      body: {},
      expected: [401, 403, 403, 403, 200, 403, 404, 403, 403],
    },
    {
      route: 'POST /api/v1/disputes/:disputeId/withdraw',
      what: 'another’s',
      url: `/api/v1/disputes/${disputeId('S3')}/withdraw`,
      body: {},
      expected: [401, 403, 403, 403, 404, 404, 404, 403, 403],
    },
    { route: 'GET /api/v1/unattributed', expected: READ },
    unattributed('own store', 'S1', ofS1),
    unattributed('another store', 'S3', BRAND),
    unattributed('F1’s store', 'S2', ofF1),
    unattributed('F2’s store', 'S4', BRAND),
    unattributed('of the other brand', 'B1', nobodys),
    { route: 'GET /api/v1/notices', expected: PERSON },
    {
      route: 'POST /api/v1/notices/:noticeId/read',
      what: 'own',
      url: `/api/v1/notices/${noticeId('a1')}/read`,
      body: {},
      expected: [401, 401, 401, 401, 200, 404, 404, 404, 403],
    },
    {
      route: 'POST /api/v1/notices/:noticeId/read',
      what: 'another’s',
      url: `/api/v1/notices/${noticeId('a3')}/read`,
      body: {},
      expected: [401, 401, 401, 401, 404, 404, 404, 404, 403],
    },
  ]
}

function riskRows(): Row[] {
  const admin = (status: number): Statuses => [401, 403, 403, status, 403, 403, 403, status, 403]
  const decide = (action: string, name: string, what: string, body: object, status: number): Row => ({
    route: `POST /api/v1/risks/:findingId/${action}`,
    what,
    url: `/api/v1/risks/${findingId(name)}/${action}`,
    body,
    expected: admin(status),
  })
  const reason = { reason: 'x' }
  return [
    { route: 'GET /api/v1/risks', expected: BRAND },
    { route: 'GET /api/v1/risks/:findingId', url: `/api/v1/risks/${findingId('held')}`, expected: BRAND },
    {
      route: 'GET /api/v1/risks/:findingId',
      what: 'of the other brand',
      url: `/api/v1/risks/${findingId('B1')}`,
      expected: BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses,
    },
    { route: 'POST /api/v1/risks/scan', body: {}, expected: admin(200) },
    decide('hold', 'held', 'without a reason', {}, 422),
    decide('hold', 'held', 'open', reason, 200),
    decide('hold', 'B1', 'of the other brand', reason, 404),
    decide('release', 'held', 'held', reason, 200),
    decide('release', 'B1', 'of the other brand', reason, 404),
    decide('reverse', 'reversed', 'open', reason, 200),
    decide('reverse', 'B1', 'of the other brand', reason, 404),
    decide('dismiss', 'dismissed', 'open', reason, 200),
    decide('dismiss', 'held', 'released', reason, 409),
    decide('dismiss', 'B1', 'of the other brand', reason, 404),
  ]
}

/** One of each store's associate, and of the other brand's. */
function transferId(of: 'a1' | 'a2' | 'a3' | 'b1'): string {
  return `018f0000-0000-7000-8000-0000000000a${['a1', 'a2', 'a3', 'b1'].indexOf(of)}`
}

function transferRows(): Row[] {
  const owners = [
    ['a1', [401, 403, 200, 403, 404, 200, 404, 200, 200]],
    ['a2', [401, 403, 200, 403, 404, 404, 200, 200, 200]],
    ['a3', BRAND],
    ['b1', BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses],
  ] as const
  const writes = (who: 'own' | 'foreign' | 'none', status = 200): Statuses => {
    const [brand, manager] = { own: [status, status], foreign: [status, 404], none: [404, 404] }[who] as [
      number,
      number,
    ]
    return [401, 403, 403, brand, 403, manager, 403, brand, 403]
  }
  const body = { fromAssociate: 'a3', toAssociate: 'a1', reason: 'x', allCustomers: true }
  return [
    { route: 'GET /api/v1/transfers', expected: [401, 403, 200, 403, 404, 200, 200, 200, 200] },
    { route: 'GET /api/v1/transfers/unassigned', expected: [401, 403, 200, 403, 404, 200, 200, 200, 200] },
    ...owners.flatMap(([of, expected]): Row[] =>
      ['', '/customers', '/groups'].map(page => ({
        route: `GET /api/v1/transfers/:transferId${page}`,
        what: of === 'b1' ? 'of the other brand' : `of ${of}`,
        url: `/api/v1/transfers/${transferId(of)}${page}`,
        expected,
      })),
    ),
    { route: 'POST /api/v1/transfers', body: {}, expected: [401, 403, 403, 422, 403, 422, 403, 422, 403] },
    { route: 'POST /api/v1/transfers', what: 'of another store’s', body, expected: writes('foreign', 422) },
    ...(['own', 'foreign', 'none'] as const).flatMap((who): Row[] => {
      const id = transferId(({ own: 'a1', foreign: 'a3', none: 'b1' } as const)[who])
      return [
        {
          route: 'POST /api/v1/transfers/:transferId/retry',
          what: who,
          url: `/api/v1/transfers/${id}/retry`,
          body: { states: ['failed'] },
          expected: writes(who),
        },
        {
          route: 'POST /api/v1/transfers/:transferId/undo',
          what: who,
          url: `/api/v1/transfers/${id}/undo`,
          body: { reason: 'x' },
          expected: writes(who),
        },
      ]
    }),
  ]
}

/** One open task of each store's associate, and of the other brand's. */
function taskId(name: string): string {
  return `018f0000-0000-7000-8000-0000000000b${['S1', 'S2', 'S3', 'S4', 'B1', 'skip'].indexOf(name)}`
}

function taskRows(): Row[] {
  const admin = (status: number): Statuses => [401, 403, 403, status, 403, 403, 403, status, 403]
  const doing = (deed: string, what: string, name: string, body: object, expected: Statuses): Row => ({
    route: `POST /api/v1/tasks/:taskId/${deed}`,
    what,
    url: `/api/v1/tasks/${taskId(name)}/${deed}`,
    body,
    expected,
  })
  const reason = { reason: 'x' }
  return [
    // To associates there is none of it; who answers for stores sees what is for them.
    { route: 'GET /api/v1/task-rules', expected: ANSWERING },
    { route: 'POST /api/v1/task-rules/preview', body: {}, expected: admin(422) },
    {
      route: 'PUT /api/v1/task-rules/:ruleId/members',
      url: `/api/v1/task-rules/${UUID}/members`,
      body: { memberNos: [] },
      expected: admin(404),
    },
    {
      route: 'GET /api/v1/task-rules/:ruleId/completion/:storeCode',
      url: `/api/v1/task-rules/${UUID}/completion/S1`,
      expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
    },
    { route: 'POST /api/v1/task-rules', body: {}, expected: admin(422) },
    { route: 'PATCH /api/v1/task-rules/:ruleId', url: `/api/v1/task-rules/${UUID}`, body: {}, expected: admin(404) },
    { route: 'DELETE /api/v1/task-rules/:ruleId', url: `/api/v1/task-rules/${UUID}`, expected: admin(404) },
    {
      route: 'GET /api/v1/task-rules/:ruleId/completion',
      url: `/api/v1/task-rules/${UUID}/completion`,
      expected: [401, 403, 404, 403, 404, 404, 404, 404, 404],
    },
    { route: 'GET /api/v1/settings/questionnaire', expected: BRAND },
    { route: 'PUT /api/v1/settings/questionnaire', body: {}, expected: admin(422) },
    { route: 'GET /api/v1/settings/retention', expected: BRAND },
    { route: 'PUT /api/v1/settings/retention', body: {}, expected: admin(422) },
    { route: 'GET /api/v1/erasures', expected: BRAND },
    { route: 'POST /api/v1/personal-data/search', body: { memberNo: 'm1' }, expected: admin(200) },
    {
      route: 'GET /api/v1/members/:memberNo/personal-data',
      what: 'of a member',
      url: '/api/v1/members/m1/personal-data',
      expected: admin(200),
    },
    {
      route: 'GET /api/v1/members/:memberNo/personal-data',
      what: 'of nobody, or another brand’s',
      url: '/api/v1/members/nobody-here/personal-data',
      expected: admin(404),
    },
    {
      route: 'POST /api/v1/members/:memberNo/erasure',
      what: 'without the number repeated',
      url: '/api/v1/members/m1/erasure',
      body: { confirm: 'm2', reason: 'asked for' },
      expected: admin(422),
    },
    {
      route: 'POST /api/v1/members/:memberNo/erasure',
      what: 'of nobody, or another brand’s',
      url: '/api/v1/members/nobody-here/erasure',
      body: { confirm: 'nobody-here', reason: 'asked for' },
      expected: admin(404),
    },
    { route: 'GET /api/v1/settings/visibility', expected: BRAND },
    { route: 'PUT /api/v1/settings/visibility', body: {}, expected: admin(422) },
    {
      route: 'POST /api/v1/customers/phone',
      body: { externalUserid: 'wmNobody' },
      expected: [401, 401, 401, 401, 404, 404, 404, 404, 403],
    },
    {
      route: 'GET /api/v1/customers/profile',
      url: '?externalUserid=wmNobody',
      expected: [401, 401, 401, 401, 404, 404, 404, 404, 404],
    },
    ...['answers', 'notes'].map((what): Row => ({
      route: `POST /api/v1/customers/${what}`,
      body: {},
      expected: [401, 401, 401, 401, 422, 422, 422, 422, 403],
    })),
    ...['delete', 'restore'].map((deed): Row => ({
      route: `POST /api/v1/customers/notes/:noteId/${deed}`,
      url: `/api/v1/customers/notes/${UUID}/${deed}`,
      body: { externalUserid: 'wmNobody' },
      expected: [401, 401, 401, 401, 404, 404, 404, 404, 403],
    })),
    { route: 'GET /api/v1/me/customers', expected: PERSON },
    {
      route: 'GET /api/v1/me/customers',
      what: 'of the stores that he answers for',
      url: '?whose=store',
      expected: [401, 401, 401, 401, 404, 200, 200, 404, 404],
    },
    { route: 'GET /api/v1/me/team-day', expected: [401, 401, 401, 401, 404, 200, 200, 404, 404] },
    {
      route: 'GET /api/v1/me/team-day',
      what: 'of another’s store',
      url: '?storeCode=S3',
      expected: [401, 401, 401, 401, 404, 404, 404, 404, 404],
    },
    { route: 'GET /api/v1/tasks', expected: READ },
    { route: 'POST /api/v1/tasks', body: {}, expected: [401, 401, 401, 401, 422, 422, 422, 422, 403] },
    // Headquarters looks on: visible, and not its own to do.
    doing('done', 'own', 'S1', reason, [401, 401, 401, 401, 200, 200, 404, 403, 403]),
    doing('done', 'another store’s', 'S3', reason, [401, 401, 401, 401, 404, 404, 404, 403, 403]),
    doing('done', 'of F1’s store', 'S2', reason, [401, 401, 401, 401, 404, 404, 200, 403, 403]),
    doing('done', 'of F2’s store', 'S4', reason, [401, 401, 401, 401, 404, 404, 404, 403, 403]),
    doing('done', 'of the other brand', 'B1', reason, [401, 401, 401, 401, 404, 404, 404, 404, 403]),
    doing('skip', 'own', 'skip', reason, [401, 401, 401, 401, 200, 200, 404, 403, 403]),
    doing('undo', 'own', 'skip', {}, [401, 401, 401, 401, 200, 200, 404, 403, 403]),
    doing('undo', 'another store’s', 'S3', {}, [401, 401, 401, 401, 404, 404, 404, 403, 403]),
  ]
}

function materialRows(): Row[] {
  const admin = (status: number): Statuses => [401, 403, 403, status, 403, 403, 403, status, 403]
  const nobodys = BRAND.map(s => (s === 200 ? 404 : s)) as unknown as Statuses
  const day = { day: '2026-05-01', from: '09:00', to: '10:00', places: ['moments'], text: 'x' }
  const ofHeadquarters = (things: 'materials' | 'posts', id: string, body: object): Row[] => {
    const route = `/api/v1/${things}/:${id}`
    const one = (of: keyof typeof LAID_OUT) => `/api/v1/${things}/${laidOutId(of)}`
    return [
      { route: `GET /api/v1/${things}`, expected: things === 'posts' ? ANSWERING : BRAND },
      { route: `POST /api/v1/${things}`, body: {}, expected: admin(422) },
      { route: `GET ${route}`, url: one('all'), expected: BRAND },
      { route: `GET ${route}`, what: 'of the other brand', url: one('B1'), expected: nobodys },
      { route: `PUT ${route}`, url: one('all'), body: {}, expected: admin(422) },
      { route: `PUT ${route}`, what: 'of the other brand', url: one('B1'), body, expected: admin(404) },
      { route: `DELETE ${route}`, what: 'of the other brand', url: one('B1'), expected: admin(404) },
    ]
  }
  const tick = (deed: string, what: string, of: keyof typeof LAID_OUT, expected: Statuses): Row => ({
    route: `POST /api/v1/me/posts/:postId/${deed}`,
    what,
    url: `/api/v1/me/posts/${laidOutId(of)}/${deed}`,
    body: {},
    expected,
  })
  const missing = Array.from({ length: 9 }, () => 404) as unknown as Statuses
  return [
    ...ofHeadquarters('materials', 'materialId', { kind: 'page', title: 'x' }),
    ...ofHeadquarters('posts', 'postId', day),
    { route: 'POST /api/v1/materials/pictures', body: {}, expected: admin(415) },
    { route: 'GET /api/v1/pictures/:pictureId', url: '/api/v1/pictures/1-x', expected: missing },
    {
      route: 'GET /api/v1/posts/:postId/results',
      url: `/api/v1/posts/${laidOutId('all')}/results`,
      expected: ANSWERING,
    },
    {
      route: 'GET /api/v1/posts/:postId/results',
      what: 'of another store',
      url: `/api/v1/posts/${laidOutId('S3')}/results`,
      expected: BRAND,
    },
    { route: 'GET /api/v1/materials/facets', expected: BRAND },
    { route: 'GET /api/v1/materials/figures', url: `?materialIds=${laidOutId('all')}`, expected: BRAND },
    {
      route: 'POST /api/v1/materials/:materialId/restore',
      url: `/api/v1/materials/${laidOutId('all')}/restore`,
      body: {},
      expected: admin(200),
    },
    {
      route: 'POST /api/v1/materials/:materialId/restore',
      what: 'of the other brand',
      url: `/api/v1/materials/${laidOutId('B1')}/restore`,
      body: {},
      expected: admin(404),
    },
    {
      route: 'GET /api/v1/posts/:postId/results',
      what: 'of the other brand',
      url: `/api/v1/posts/${laidOutId('B1')}/results`,
      expected: nobodys,
    },
    { route: 'GET /api/v1/me/materials', expected: PERSON },
    { route: 'GET /api/v1/me/shelf', expected: PERSON },
    { route: 'PUT /api/v1/me/shelf', body: { skus: [] }, expected: [401, 401, 401, 401, 200, 200, 200, 200, 403] },
    { route: 'GET /api/v1/me/posts', expected: PERSON },
    tick('used', 'for all', 'all', [401, 401, 401, 401, 200, 200, 200, 200, 403]),
    tick('used', 'for another store', 'S3', [401, 401, 401, 401, 404, 404, 404, 404, 403]),
    tick('used', 'of the other brand', 'B1', [401, 401, 401, 401, 404, 404, 404, 404, 403]),
    tick('undo', 'for all', 'all', [401, 401, 401, 401, 200, 200, 200, 200, 403]),
    tick('undo', 'for another store', 'S3', [401, 401, 401, 401, 404, 404, 404, 404, 403]),
  ]
}

/** Files that anybody may have: the built pages, and the documentation's own. */
const PUBLIC_FILES = /^GET \/(assets\/|sidebar|console|simulator\/|api\/docs|share-|favicon)/

describe('who may call what', () => {
  let wecom: TestWecom
  let service: TestService
  const browsers = new Map<CallerName, { browser: Browser; headers: Record<string, string> }>()

  beforeAll(async () => {
    wecom = await startTestWecom({
      staff: ['a1', 'boss1', 'f1', 'hq', 'aud'],
      customers: [{ name: '顾客', externalUserid: 'wmOwn', follows: [{ userid: 'a1' }] }],
    })
    service = await startTestService({ env: wecom.env })
    const stores = [
      { storeCode: 'S1', name: '一店', type: 'direct' },
      { storeCode: 'S2', name: '二店', type: 'franchise', franchiseeId: 'F1' },
      { storeCode: 'S3', name: '三店', type: 'direct' },
      { storeCode: 'S4', name: '四店', type: 'franchise', franchiseeId: 'F2' },
    ]
    await service.ingest('stores', stores)
    await service.ingest('associates', [
      ...[1, 2, 3, 4].map(n => ({ associateId: `a${n}`, name: `导购${n}`, storeCode: `S${n}`, activeFrom: SINCE })),
      { associateId: 'boss1', name: '店长', storeCode: 'S1', role: 'manager', activeFrom: SINCE },
      { associateId: 'f1', name: '加盟商', kind: 'office', role: 'franchisee', franchiseeId: 'F1', activeFrom: SINCE },
      { associateId: 'hq', name: '总部', kind: 'office', role: 'headquarters', activeFrom: SINCE },
      { associateId: 'aud', name: '审计', kind: 'office', role: 'auditor', activeFrom: SINCE },
    ])
    const plan = {
      code: 'p',
      version: 1,
      effectiveFrom: '2026-01-01T00:00:00+08:00',
      attribution: { model: 'last_touch', windowDays: 15 },
      holdDays: 7,
      rules: [{ id: 'till', role: 'closer', rateBps: 300, bearer: 'headquarters' }],
      retroactive: true,
    }
    expect((await service.post('/plans', plan)).status).toBe(201)
    await service.ingest(
      'share-links',
      [1, 3].map(n => ({
        linkCode: `L${n}`,
        associateId: `a${n}`,
        target: { kind: 'product', ref: 'k1' },
        channel: 'other',
      })),
    )
    await service.ingest(
      'orders',
      [1, 2, 3, 4].map(n => ({
        source: 'pos',
        orderNo: `S${n}`,
        channel: 'in_store',
        sellingStore: `S${n}`,
        closer: `a${n}`,
        memberNo: `m${n}`,
        paidAt: PAID,
        lines: [{ lineNo: 1, sku: 'k1', quantity: 1, paidFen: 10_000 }],
      })),
    )
    await service.ingest('task-events', [{ taskId: 'own', kind: 'done', at: PAID, associateId: 'a1', task: 'visit' }])
    await service.ingest('friend-events', [{ associateId: 'a3', externalUserid: 'wmX', kind: 'added', at: PAID }])
    await service.pool`
      INSERT INTO wecom_friends (brand_id, userid, external_userid, since, tag_ids, is_told, seen_at)
      VALUES (1, 'a1', 'wmOwn', now(), '{}', true, now()), (1, 'a3', 'wmTheirs', now(), '{}', true, now()),
        (2, 'a1', 'wmB', now(), '{}', true, now())`
    await otherBrand(service)
    await insertSettlements(service)
    await disputesAndFindings(service)
    await channelCodes(service)
    await openTasks(service)
    await laidOut(service)
    await transfers(service)
    await planDrafts(service)
    await service.settled()
    for (const name of CALLERS) {
      if (name === 'nobody') browsers.set(name, { browser: openBrowser(service), headers: {} })
      else if (name === 'ingest' || name === 'read' || name === 'admin') {
        const key = await createKey(service.pool, { brandId: 1, name, scopes: [name], now: Date.now() })
        browsers.set(name, { browser: openBrowser(service), headers: { authorization: `Bearer ${key}` } })
      } else {
        const userid = { associate: 'a1', manager: 'boss1', franchisee: 'f1', headquarters: 'hq', auditor: 'aud' }[name]
        const { browser, csrf } = await signedIn(service, userid)
        browsers.set(name, { browser, headers: csrf })
      }
    }
  })
  afterAll(async () => {
    await service.close()
    await wecom.close()
  })

  test.each(rows.map(row => [`${row.route}${row.what ? ` (${row.what})` : ''}`, row] as const))(
    '%s',
    async (_, row) => {
      const [method, path] = row.route.split(' ') as ['GET', string]
      const url = row.url === undefined ? path : row.url.startsWith('?') ? path + row.url : row.url
      const statuses: Record<string, number> = {}
      for (const name of CALLERS) {
        const { browser, headers } = browsers.get(name)!
        const answer = await browser.call(method, url, {
          headers,
          ...(row.body === undefined ? {} : { body: row.body }),
        })
        statuses[name] = answer.status
      }
      expect(statuses).toEqual(Object.fromEntries(CALLERS.map((name, i) => [name, row.expected[i]])))
    },
  )

  test('the other brand’s key sees its own things, and nothing that is named here', async () => {
    const key = await createKey(service.pool, { brandId: 2, name: 'other', scopes: ['read', 'admin'], now: Date.now() })
    const browser = openBrowser(service)
    const wrong: unknown[] = []
    for (const row of rows.filter(each => each.route.startsWith('GET /api/v1/'))) {
      const path = row.route.split(' ')[1]!
      const url = row.url === undefined ? path : row.url.startsWith('?') ? path + row.url : row.url
      const { status, text } = await browser.call('GET', url, { headers: { authorization: `Bearer ${key}` } })
      const [, , read] = row.expected
      const isRight =
        row.what === 'of the other brand' && read === 404
          ? status === 200
          : read !== 200 ||
            status === 404 ||
            status === 409 || // its own WeCom refuses it: nothing but a made-up app
            (status === 200 && !/"(?:[am][1-9]|S[1-9]|F[12])"/.test(text))
      if (!isRight) wrong.push([row.route, row.what, url, status])
    }
    expect(wrong).toEqual([])
  })

  test('what is seen is within the scope, also without a filter', async () => {
    const { browser } = await signedIn(service, 'a1')
    const list = async (path: string) =>
      ((await browser.call('GET', `/api/v1${path}`)).json() as { items: Record<string, string>[] }).items
    expect((await list('/orders')).map(order => order['orderNo'])).toEqual(['S1'])
    expect(new Set((await list('/entitlements')).map(row => row['payee']))).toEqual(new Set(['a1']))
    expect(new Set((await list('/ledger')).map(row => row['payee']))).toEqual(new Set(['a1']))
    const franchisee = (await signedIn(service, 'f1')).browser
    const orders = (await franchisee.call('GET', '/api/v1/orders')).json() as { items: { orderNo: string }[] }
    expect(orders.items.map(order => order.orderNo)).toEqual(['S2'])
  })

  test('a write without the page’s token, or from another site’s page, is refused', async () => {
    const { browser, csrf } = await signedIn(service, 'hq')
    expect((await browser.call('POST', '/api/v1/overrides', { body: {} })).status).toBe(403)
    const wrong = { 'x-daogou-csrf': 'wrong' }
    expect((await browser.call('POST', '/api/v1/overrides', { body: {}, headers: wrong })).status).toBe(403)
    const foreign = { ...csrf, origin: 'https://evil.example' }
    expect((await browser.call('POST', '/api/v1/overrides', { body: {}, headers: foreign })).status).toBe(403)
    expect((await browser.call('POST', '/api/v1/overrides', { body: {}, headers: csrf })).status).toBe(422)
  })

  test('every route has a row', () => {
    const known = new Set(rows.map(row => row.route))
    const routes = service.app.routeList.filter(route => !/^(HEAD|OPTIONS) /.test(route) && !PUBLIC_FILES.test(route))
    expect(routes.filter(route => !known.has(route.replace(/(?<=.)\/$/, '')) && !known.has(route))).toEqual([])
  })
})

/** A second brand in the same service, with a store, an associate and an order of its own. */
async function otherBrand(service: TestService): Promise<void> {
  const { pool, settings } = service
  const now = Date.now()
  const brandId = await createBrand(pool, {
    vault: createVault(settings.dataKey),
    slug: 'other',
    setup: {
      name: 'Other',
      zone: 'Asia/Shanghai',
      corpId: 'wwother',
      agentId: '1',
      secrets: {
        secret: 'other',
        callbackToken: 'other',
        callbackAesKey: 'jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C',
        miniProgramSecret: null,
      },
      verifyFile: null,
      miniProgramAppId: null,
      headquarters: [],
    },
    now,
  })
  expect(brandId).toBe(2)
  const key = await createKey(pool, { brandId, name: 'other', scopes: ['ingest', 'read', 'admin'], now })
  const send = async (kind: string, item: object) => {
    const answer = await service.app.inject({
      method: 'POST',
      url: `/api/v1/${kind}`,
      headers: { authorization: `Bearer ${key}` },
      payload: [item],
    })
    expect(answer.json()).toMatchObject([{ status: 'created' }])
  }
  await send('stores', { storeCode: 'B1', name: '别家', type: 'direct' })
  await send('associates', { associateId: 'b1', name: '别家导购', storeCode: 'B1', activeFrom: SINCE })
  await send('orders', {
    source: 'pos',
    orderNo: 'B1',
    channel: 'in_store',
    sellingStore: 'B1',
    closer: 'b1',
    paidAt: PAID,
    lines: [{ lineNo: 1, sku: 'k1', quantity: 1, paidFen: 10_000 }],
  })
}

/** A dispute about each order, findings, and notices. */
async function disputesAndFindings({ pool }: TestService): Promise<void> {
  const dispute = (brandId: number, name: string, orderNo: string, associateId: string) => pool`
    INSERT INTO disputes (brand_id, dispute_id, kind, source, order_no, role, associate_id, store_code, text, opened_by,
      opened_at)
    VALUES (${brandId}, ${disputeId(name)}, 'dispute', 'pos', ${orderNo}, 'attributed', ${associateId}, ${orderNo}, 'x',
      ${associateId}, now())`
  for (const n of [1, 2, 3, 4]) await dispute(1, `S${n}`, `S${n}`, `a${n}`)
  await dispute(1, 'back', 'S1', 'a1')
  await dispute(2, 'B1', 'B1', 'b1')
  const finding = (brandId: number, name: string) => pool`
    INSERT INTO risk_findings (brand_id, finding_id, kind, key, details, found_at, status)
    VALUES (${brandId}, ${findingId(name)}, 'click_flood', ${`["${name}"]#1`}, '{"orders": []}', now(), 'open')`
  for (const name of ['held', 'reversed', 'dismissed']) await finding(1, name)
  await finding(2, 'B1')
  for (const of of ['a1', 'a3'] as const) {
    await pool`
      INSERT INTO notices (brand_id, associate_id, notice_id, kind, details, created_at)
      VALUES (1, ${of}, ${noticeId(of)}, 'dispute_decided', '{}', now())`
  }
}

/** A task for each store's member, of its associate. */
async function openTasks({ pool }: TestService): Promise<void> {
  const task = (brandId: number, name: string, storeCode: string, associateId: string, memberNo: string) => pool`
    INSERT INTO tasks (brand_id, task_id, kind, member_no, occasion, title, text, priority, associate_id, store_code,
      made_day, due_day, created_at, state, state_at)
    VALUES (${brandId}, ${taskId(name)}, 'follow_up', ${memberNo}, 'x', '', 'x', 0, ${associateId}, ${storeCode},
      '2026-01-01', '2026-01-01', now(), 'open', now())`
  for (const n of [1, 2, 3, 4]) await task(1, `S${n}`, `S${n}`, `a${n}`, `m${n}`)
  await task(1, 'skip', 'S1', 'a1', 'm1')
  await pool`
    INSERT INTO members (brand_id, member_no, levels, tags, last_member_no, created_at, updated_at)
    VALUES (2, 'mB', '[]', '{}', 'mB', now(), now())`
  await task(2, 'B1', 'B1', 'b1', 'mB')
}

/** A draft of each brand. */
async function planDrafts({ pool }: TestService): Promise<void> {
  for (const name of ['d', 'dB']) {
    await pool`
      INSERT INTO plan_drafts (brand_id, name, revision, content, created_at, created_by, changed_at, changed_by)
      VALUES (${name === 'd' ? 1 : 2}, ${name}, 1, '{}', now(), 'test', now(), 'test')`
  }
}

/** What WeCom was asked to give to others, long ago. */
async function transfers({ pool }: TestService): Promise<void> {
  for (const of of ['a1', 'a2', 'a3', 'b1'] as const) {
    await pool`
      INSERT INTO transfers (brand_id, transfer_id, kind, from_associate, to_associate, reason, request_hash, made_by,
        made_at, due_at, tries, ended_at)
      VALUES (${of === 'b1' ? 2 : 1}, ${transferId(of)}, 'on_job', ${of}, 'taker', 'x', '', 'test', now(), now(), 0, now())`
  }
}

/** Materials and posts of each kind. */
async function laidOut({ pool }: TestService): Promise<void> {
  for (const of of Object.keys(LAID_OUT) as (keyof typeof LAID_OUT)[]) {
    const brandId = of === 'B1' ? 2 : 1
    const stores = of === 'S3' ? ['S3'] : null
    await pool`
      INSERT INTO materials (brand_id, material_id, kind, ref, title, text, pictures, store_codes, created_at, changed_at,
        changed_by)
      VALUES (${brandId}, ${laidOutId(of)}, 'page', 'x', 'x', '', '{}', ${stores}::text[], now(), now(), 'test')`
    await pool`
      INSERT INTO posts (brand_id, post_id, day, from_time, to_time, starts_at, ends_at, places, text, pictures,
        material_ids, store_codes, via, created_at, changed_at, changed_by)
      VALUES (${brandId}, ${laidOutId(of)}, '2026-05-01', '09:00', '10:00', now(), now(), '{moments}', 'x', '{}', '[]',
        ${stores}::text[], 'hand', now(), now(), 'test')`
  }
}

/** Codes that WeCom was told of. */
async function channelCodes({ pool }: TestService): Promise<void> {
  for (const of of Object.keys(CODES) as (keyof typeof CODES)[]) {
    const [associate, store] = of === 'a1' ? [of, null] : [null, of]
    await pool`
      INSERT INTO channel_codes (brand_id, code_id, kind, name, associate_id, store_code, state, skip_verify, chat_ids,
        is_active, is_due, due_at, tries, profile_opens, friend_requests, created_by, created_at, changed_at)
      VALUES (${of === 'B1' ? 2 : 1}, ${codeId(of)}, 'contact_way', 'x', ${associate}, ${store}, ${`dg${of}`}, true, '{}',
        true, false, now(), 0, 0, 0, 'test', now(), now())`
  }
}

/** One that is approved, with statements of a1, a3 and F1's store; a draft; and one of the other brand. */
async function insertSettlements({ pool }: TestService): Promise<void> {
  await pool`
    INSERT INTO settlements (brand_id, settlement_id, cutoff, status, total_fen, statement_count, carried_count, row_count,
      created_at, created_by)
    VALUES (1, ${settlementId(1)}, ${PAID}, 'approved', 3, 3, 0, 0, now(), 'test'),
      (1, ${settlementId(2)}, ${PAID}, 'draft', 0, 0, 0, 0, now(), 'test'),
      (2, ${settlementId(3)}, ${PAID}, 'approved', 0, 0, 0, 0, now(), 'test')`
  await pool`
    INSERT INTO settlement_statements (brand_id, settlement_id, payee_kind, payee, total_fen, row_count, carried)
    VALUES (1, ${settlementId(1)}, 'associate', 'a1', 1, 0, false), (1, ${settlementId(1)}, 'associate', 'a3', 1, 0, false),
      (1, ${settlementId(1)}, 'store', 'S2', 1, 0, false)`
}
