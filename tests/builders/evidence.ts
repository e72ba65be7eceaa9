import {
  identityKey,
  type Associate,
  type Identity,
  type Member,
  type MemberAssignment,
  type Order,
  type OrderEvidence,
  type OrderLine,
  type Override,
  type Refund,
  type ShareLink,
  type Store,
  type Touch,
} from '../../server/features/attribution/domain.ts'
import { decide, type Decision, type Plan, type Rule } from '../../server/features/commissions/domain.ts'
import { DAY_MS, MINUTE_MS, type Instant } from '../../server/lib/time.ts'

/** Valid evidence about one order; a test changes the one field that it is about. */

export const PAID_AT: Instant = Date.parse('2026-03-20T12:00:00+08:00')
export const HOUR_MS = 60 * MINUTE_MS
const LONG_AGO: Instant = Date.parse('2020-01-01T00:00:00+08:00')

export const daysBefore = (days: number): Instant => PAID_AT - days * DAY_MS

export const aLine = (over: Partial<OrderLine> = {}): OrderLine => ({
  lineNo: 1,
  sku: 'sku-1',
  category: 'shirts',
  quantity: 1,
  paidFen: 10_000,
  ...over,
})

export const anOrder = (over: Partial<Order> = {}): Order => ({
  source: 'mall',
  orderNo: 'o-1',
  revision: 1,
  channel: 'online',
  memberNo: 'M1',
  visitorIds: {},
  paidAt: PAID_AT,
  cancelled: false,
  lines: [aLine()],
  ...over,
})

export const aTouch = (over: Partial<Touch> = {}): Touch => ({
  touchId: 't-1',
  linkCode: 'link-A1',
  at: daysBefore(3),
  kind: 'click',
  memberNo: 'M1',
  visitorIds: {},
  ...over,
})

/** The link `link-A1` of A1, and so on. */
export const aLink = (associateId: string, over: Partial<ShareLink> = {}): ShareLink => ({
  linkCode: `link-${associateId}`,
  associateId,
  storeCode: 'S1',
  createdAt: LONG_AGO,
  revokedAt: null,
  ...over,
})

export const anAssociate = (associateId: string, over: Partial<Associate> = {}): Associate => ({
  associateId,
  storeCode: 'S1',
  memberNo: null,
  invitedBy: null,
  kinds: [{ value: 'store', from: null }],
  employments: [{ activeFrom: LONG_AGO, activeTo: null }],
  ...over,
})

export const aStore = (storeCode: string, over: Partial<Store> = {}): Store => ({
  storeCode,
  types: [{ value: 'direct', from: null }],
  regions: [],
  franchisees: [],
  ...over,
})

export const aMember = (memberNo: string, over: Partial<Member> = {}): Member => ({
  memberNo,
  openingStore: null,
  openingAssociate: null,
  levels: [],
  ...over,
})

export const anAssignment = (over: Partial<MemberAssignment> = {}): MemberAssignment => ({
  memberNo: 'M1',
  from: LONG_AGO,
  ...over,
})

export const aRefund = (over: Partial<Refund> = {}): Refund => ({
  refundNo: 'r-1',
  revision: 1,
  refundedAt: PAID_AT + DAY_MS,
  lines: [{ lineNo: 1, quantity: 0, refundFen: 0 }],
  ...over,
})

export const anOverride = (over: Partial<Override> & Pick<Override, 'role'>): Override => ({
  associateId: null,
  withdrawn: false,
  at: PAID_AT + DAY_MS,
  storeCode: null,
  ...over,
})

export const aRule = (over: Partial<Rule> & Pick<Rule, 'role'>): Rule => {
  const amount = over.rateBps === undefined && over.perUnitFen === undefined ? { rateBps: 100 } : {}
  return { id: `rule-${over.role}`, bearer: 'headquarters', when: {}, ...amount, ...over }
}

export const aPlan = (over: Partial<Plan> = {}): Plan => ({
  code: 'standard',
  version: 1,
  effectiveFrom: LONG_AGO,
  effectiveTo: null,
  attribution: { model: 'last_touch', windowDays: 15 },
  holdDays: 7,
  rules: [],
  ...over,
})

/** What a test says about an order; stores S1 to S3 and associates A1 to A5 are there and active unless told. */
export interface EvidenceParts {
  order?: Order
  refunds?: readonly Refund[]
  overrides?: readonly Override[]
  onHold?: boolean
  touches?: readonly Touch[]
  links?: readonly ShareLink[]
  associates?: readonly Associate[]
  stores?: readonly Store[]
  members?: readonly Member[]
  assignments?: readonly MemberAssignment[]
  identities?: readonly Identity[]
  merges?: Readonly<Record<string, string>>
  phones?: Readonly<Record<string, readonly string[]>>
  hasEarlierOrder?: boolean
}

const EVERYBODY = ['A1', 'A2', 'A3', 'A4', 'A5']

export function evidenceOf(parts: EvidenceParts = {}): OrderEvidence {
  const identities = new Map<string, Identity[]>()
  for (const identity of parts.identities ?? []) {
    const key = identityKey(identity.kind, identity.value)
    identities.set(key, [...(identities.get(key) ?? []), identity])
  }
  return {
    order: parts.order ?? anOrder(),
    refunds: parts.refunds ?? [],
    overrides: parts.overrides ?? [],
    onHold: parts.onHold ?? false,
    people: {
      identities,
      mergedInto: new Map(Object.entries(parts.merges ?? {})),
      phones: new Map(Object.entries(parts.phones ?? {})),
    },
    members: new Map((parts.members ?? [aMember('M1')]).map(member => [member.memberNo, member])),
    assignments: parts.assignments ?? [],
    touches: parts.touches ?? [],
    links: new Map(
      [...EVERYBODY.map(id => aLink(id)), ...(parts.links ?? [])].map(link => [link.linkCode, link] as const),
    ),
    associates: new Map(
      [...EVERYBODY.map(id => anAssociate(id)), ...(parts.associates ?? [])].map(
        associate => [associate.associateId, associate] as const,
      ),
    ),
    stores: new Map(
      [
        aStore('S1'),
        aStore('S2', { types: [{ value: 'franchise', from: null }] }),
        aStore('S3'),
        ...(parts.stores ?? []),
      ].map(store => [store.storeCode, store] as const),
    ),
    hasEarlierOrder: parts.hasEarlierOrder ?? false,
  }
}

/** `sharer A1 794 <headquarters by share`: who gets how much from whom by which rule, in the decision's sequence. */
export const paid = (decision: Decision): string[] =>
  decision.entitlements.map(
    ({ role, payee, amountFen, bearer, ruleId }) => `${role} ${payee} ${amountFen} <${bearer} by ${ruleId}`,
  )

export const decidePaid = (parts: EvidenceParts, plan: Plan | null): string[] => paid(decide(evidenceOf(parts), plan))
