/** Valid items of the ingest calls, as JSON; a test changes the one field that it is about. */

type Fields = Record<string, unknown>

export const PAID = '2026-03-20T12:00:00+08:00'
export const EARLIER = '2026-03-17T12:00:00+08:00'
export const LONG_BEFORE = '2020-01-01T00:00:00+08:00'

export const storeItem = (over: Fields = {}): Fields => ({ storeCode: 'S1', name: 'Store', type: 'direct', ...over })

export const associateItem = (over: Fields = {}): Fields => ({
  associateId: 'A1',
  name: 'Associate',
  storeCode: 'S1',
  activeFrom: LONG_BEFORE,
  ...over,
})

export const memberItem = (over: Fields = {}): Fields => ({ memberNo: 'M1', ...over })

export const linkItem = (over: Fields = {}): Fields => ({
  linkCode: 'L1',
  associateId: 'A1',
  target: { kind: 'product', ref: 'sku-1' },
  channel: 'single_chat',
  ...over,
})

export const touchItem = (over: Fields = {}): Fields => ({
  touchId: 't-1',
  linkCode: 'L1',
  at: EARLIER,
  kind: 'click',
  memberNo: 'M1',
  ...over,
})

export const identityItem = (over: Fields = {}): Fields => ({
  kind: 'visitor',
  value: 'v-1',
  memberNo: 'M1',
  at: EARLIER,
  ...over,
})

export const mergeItem = (over: Fields = {}): Fields => ({ memberNo: 'M1', into: 'M2', at: EARLIER, ...over })

export const assignmentItem = (over: Fields = {}): Fields => ({
  memberNo: 'M1',
  from: LONG_BEFORE,
  attributedAssociate: 'A1',
  ...over,
})

export const lineItem = (over: Fields = {}): Fields => ({
  lineNo: 1,
  sku: 'sku-1',
  quantity: 1,
  paidFen: 10_000,
  ...over,
})

export const orderItem = (over: Fields = {}): Fields => ({
  source: 'mall',
  orderNo: 'o-1',
  channel: 'online',
  paidAt: PAID,
  memberNo: 'M1',
  lines: [lineItem()],
  ...over,
})

export const refundItem = (over: Fields = {}): Fields => ({
  source: 'mall',
  refundNo: 'r-1',
  orderNo: 'o-1',
  refundedAt: PAID,
  lines: [{ lineNo: 1, quantity: 1, refundFen: 4_000 }],
  ...over,
})

export const planBody = (over: Fields = {}): Fields => ({
  code: 'standard',
  version: 1,
  effectiveFrom: LONG_BEFORE,
  effectiveTo: null,
  attribution: { model: 'last_touch', windowDays: 15 },
  holdDays: 7,
  rules: [{ id: 'share', role: 'sharer', rateBps: 1000, bearer: 'headquarters' }],
  ...over,
})

/** The item without some of its fields. */
export const without = (item: Fields, ...names: string[]): Fields =>
  Object.fromEntries(Object.entries(item).filter(([name]) => !names.includes(name)))
