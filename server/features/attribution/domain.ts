import { valueInForce, type DatedValue } from '../../lib/dated.ts'
import { compareBytes } from '../../lib/text.ts'
import { DAY_MS, MINUTE_MS, type Instant } from '../../lib/time.ts'

/**
 * Who holds which role on an order, as a pure function of the evidence: no clock, no database, no randomness.
 * The rules are docs/commission.md, "Evidence" and "Who holds which role".
 */

// ---------------------------------------------------------------------------------------------- evidence

export type Channel = 'online' | 'in_store'
export type StoreType = 'direct' | 'franchise'
export type AssociateKind = 'store' | 'office' | 'customer'
export type IdentityKind = 'unionid' | 'openid' | 'external_userid' | 'visitor'
export type TouchKind = 'click' | 'visit' | 'scan' | 'live_enter' | 'coupon_claim' | 'sent'

export const TOUCH_KINDS: readonly TouchKind[] = ['click', 'visit', 'scan', 'live_enter', 'coupon_claim', 'sent']

/** What counts as the customer's doing where a plan names no kinds: all but the associate's own sending. */
export const DEFAULT_TOUCH_KINDS: readonly TouchKind[] = TOUCH_KINDS.filter(kind => kind !== 'sent')

/** The kinds of visitor id, in the order in which a person is looked for. */
export const IDENTITY_KINDS: readonly IdentityKind[] = ['unionid', 'openid', 'external_userid', 'visitor']

/** Ids under which somebody was seen, none of them the member number. */
export type VisitorIds = Partial<Record<IdentityKind, string>>

export interface OrderLine {
  lineNo: number
  sku: string
  name?: string
  category?: string
  quantity: number
  paidFen: number
  listFen?: number
  closer?: string
}

/** One revision of an order: the whole of it; what is absent is absent. */
export interface Order {
  source: string
  orderNo: string
  revision: number
  channel: Channel
  memberNo?: string
  visitorIds: VisitorIds
  /** Keyed hash of the phone number; the number itself never comes this far. */
  phoneHash?: string
  sellingStore?: string
  closer?: string
  shareCode?: string
  paidAt: Instant
  completedAt?: Instant
  cancelled: boolean
  lines: readonly OrderLine[]
}

export interface Refund {
  refundNo: string
  revision: number
  refundedAt: Instant
  lines: readonly { lineNo: number; quantity: number; refundFen: number }[]
}

export interface Touch {
  touchId: string
  linkCode?: string
  at: Instant
  kind: TouchKind
  memberNo?: string
  visitorIds: VisitorIds
}

export interface ShareLink {
  linkCode: string
  associateId: string
  storeCode: string | null
  /** null: imported without one, no lower bound. */
  createdAt: Instant | null
  revokedAt: Instant | null
}

export interface Associate {
  associateId: string
  storeCode: string | null
  memberNo: string | null
  invitedBy: string | null
  kinds: readonly DatedValue<AssociateKind>[]
  employments: readonly { activeFrom: Instant; activeTo: Instant | null }[]
}

export interface Store {
  storeCode: string
  types: readonly DatedValue<StoreType>[]
  regions: readonly DatedValue<string>[]
  franchisees: readonly DatedValue<string>[]
}

export interface Member {
  memberNo: string
  openingStore: string | null
  openingAssociate: string | null
  levels: readonly DatedValue<string>[]
}

/** What can make a person somebody's customer by the brand's binding policy, in the order of its bytes. */
export const BINDING_EVENTS = ['enrol', 'first_purchase', 'friend_added'] as const
export type BindingEventKind = (typeof BINDING_EVENTS)[number]

/** undefined says nothing about a field; null says nobody from then on. */
export interface MemberAssignment {
  memberNo: string
  from: Instant
  attributedAssociate?: string | null
  homeStore?: string | null
  /** By which event of the binding policy; absent: it was told. */
  event?: BindingEventKind
}

export interface Override {
  role: AssociateRole
  /** null: nobody. */
  associateId: string | null
  withdrawn: boolean
  at: Instant
  /** The named sharer's store when the override was made. */
  storeCode: string | null
}

export interface Identity {
  kind: IdentityKind
  value: string
  memberNo: string
  at: Instant
}

/** What is known about who is who. Lookups, so that a batch of orders can share one. */
export interface People {
  /** By `identityKey`; every link ever told. */
  identities: ReadonlyMap<string, readonly Identity[]>
  /** By memberNo: the member that one was merged into, directly. */
  mergedInto: ReadonlyMap<string, string>
  /** By phone hash: the members whose phone, as last told, that is. */
  phones: ReadonlyMap<string, readonly string[]>
}

/** Everything recorded about one order. The maps may hold more than this order needs. */
export interface OrderEvidence {
  order: Order
  refunds: readonly Refund[]
  overrides: readonly Override[]
  onHold: boolean
  people: People
  /** Members by their last number, after merges. */
  members: ReadonlyMap<string, Member>
  /** Of the buyer, under any of his numbers. */
  assignments: readonly MemberAssignment[]
  /** At least those of the buyer that could count. */
  touches: readonly Touch[]
  links: ReadonlyMap<string, ShareLink>
  associates: ReadonlyMap<string, Associate>
  stores: ReadonlyMap<string, Store>
  /** Whether another uncancelled order of the buyer comes before this one by (paidAt, source, orderNo). */
  hasEarlierOrder: boolean
}

// ---------------------------------------------------------------------------------------------- who is who

export const identityKey = (kind: IdentityKind, value: string) => `${kind}\u0000${value}`

/** Follows merges to the end of the chain. Circles are refused where merges are taken. */
export function lastMemberNo(memberNo: string, mergedInto: ReadonlyMap<string, string>): string {
  let last = memberNo
  for (let steps = 0; ; steps++) {
    const next = mergedInto.get(last)
    if (next === undefined) return last
    if (steps > mergedInto.size) throw new Error(`merges of member ${memberNo} run in a circle`)
    last = next
  }
}

export type RecognisedBy = 'member_no' | IdentityKind | 'phone'

/** The person behind an order or a touch, and how he was recognised. */
export interface Person {
  memberNo: string
  by: RecognisedBy
}

/**
 * Finds the person: by member number, else by the first visitor id that is linked to one, else by a phone number that
 * exactly one person has.
 */
export function findPerson(
  seen: { memberNo?: string; visitorIds: VisitorIds; phoneHash?: string },
  people: People,
): Person | null {
  const last = (memberNo: string) => lastMemberNo(memberNo, people.mergedInto)
  if (seen.memberNo !== undefined) return { memberNo: last(seen.memberNo), by: 'member_no' }
  for (const kind of IDENTITY_KINDS) {
    const value = seen.visitorIds[kind]
    if (value === undefined) continue
    const memberNo = linkedMember(people.identities.get(identityKey(kind, value)) ?? [], people.mergedInto)
    if (memberNo !== null) return { memberNo, by: kind }
  }
  if (seen.phoneHash !== undefined) {
    const owners = new Set((people.phones.get(seen.phoneHash) ?? []).map(last))
    const [only] = owners
    if (owners.size === 1 && only !== undefined) return { memberNo: only, by: 'phone' }
  }
  return null
}

/** Of all links told of one id the greatest `at` counts, a tie goes to the greater member number (after merges). */
function linkedMember(links: readonly Identity[], mergedInto: ReadonlyMap<string, string>): string | null {
  if (links.length === 1) return lastMemberNo(links[0]!.memberNo, mergedInto)
  let best: { memberNo: string; at: Instant } | null = null
  for (const link of links) {
    const memberNo = lastMemberNo(link.memberNo, mergedInto)
    if (!best || link.at > best.at || (link.at === best.at && compareBytes(memberNo, best.memberNo) > 0)) {
      best = { memberNo, at: link.at }
    }
  }
  return best?.memberNo ?? null
}

/** The assignment of one field in force at an instant, or null where nothing says anything. */
export function assignmentInForce<F extends 'attributedAssociate' | 'homeStore'>(
  assignments: readonly MemberAssignment[],
  field: F,
  at: Instant,
): { value: string | null; from: Instant; event?: BindingEventKind } | null {
  let best: MemberAssignment | null = null
  for (const entry of assignments) {
    if (entry[field] === undefined || entry.from > at) continue
    if (!best || entry.from > best.from || (entry.from === best.from && outranks(entry, best))) best = entry
  }
  return (
    best && { value: best[field] ?? null, from: best.from, ...(best.event === undefined ? {} : { event: best.event }) }
  )
}

/**
 * Of two assignments of one instant: what was told comes before what the binding policy makes of an event; told under
 * two numbers that were merged later, the greater number, as for identities.
 */
function outranks(entry: MemberAssignment, other: MemberAssignment): boolean {
  const [isTold, isOtherTold] = [entry.event === undefined, other.event === undefined]
  return isTold === isOtherTold ? compareBytes(entry.memberNo, other.memberNo) > 0 : isTold
}

/** `activeFrom ≤ at < activeTo` in one of his employments. */
export function isActive(associate: Pick<Associate, 'employments'>, at: Instant): boolean {
  return associate.employments.some(
    ({ activeFrom, activeTo }) => activeFrom <= at && (activeTo === null || at < activeTo),
  )
}

// ---------------------------------------------------------------------------------------------- roles

export const ASSOCIATE_ROLES = ['sharer', 'closer', 'attributed', 'opener', 'inviter'] as const
export const STORE_ROLES = ['selling_store', 'home_store', 'opening_store', 'sharer_store'] as const
/** In their fixed order, which decides ties. */
export const ROLES = [...ASSOCIATE_ROLES, ...STORE_ROLES, 'headquarters'] as const

export type AssociateRole = (typeof ASSOCIATE_ROLES)[number]
export type StoreRole = (typeof STORE_ROLES)[number]
export type Role = (typeof ROLES)[number]

export const isAssociateRole = (role: Role): role is AssociateRole =>
  (ASSOCIATE_ROLES as readonly Role[]).includes(role)

export interface AttributionRules {
  model: 'last_touch' | 'first_touch'
  /** Both ends of the window count. */
  windowDays: number
  kinds?: readonly TouchKind[]
  /** For in-store orders: how long before payment a touch must lie. */
  minMinutesInStore?: number
}

/** Why a candidate did not become the sharer; of several reasons the first of this list is shown. */
export const LOSS_REASONS = [
  'kind_not_counted',
  'outside_window',
  'too_late',
  'unknown_link',
  'link_inactive',
  'associate_inactive',
  'self_purchase',
  'superseded',
] as const
export type LossReason = (typeof LOSS_REASONS)[number]

/** A touch, or the order's own share code, that could make its link's associate the sharer. */
export interface Candidate {
  /** null: the order's own share code, taken as a touch at `paidAt`. */
  touchId: string | null
  linkCode: string
  associateId: string | null
  kind: TouchKind | 'share_code'
  at: Instant
  outcome: 'won' | LossReason
}

/** Why a role is held, or why nobody holds it. */
export type Because =
  | 'touch'
  | 'share_code'
  | 'override'
  | 'overridden_away'
  | 'ticket'
  | 'line'
  | 'assignment'
  | 'opening_record'
  | 'invited_by'
  | 'order'
  | 'sharing_link'
  | 'brand'
  | 'no_candidate'
  | 'not_named'
  | 'unknown_buyer'
  | 'not_assigned'
  | 'inactive'
  | 'self_purchase'
  | 'no_sharer'
  | 'nobody_invited'
  | 'no_store'

export interface Holding {
  role: Role
  holder: string | null
  because: Because
  /** Since when, where an assignment says it. */
  since?: Instant
  /** By which event, where the assignment follows from the binding policy. */
  event?: BindingEventKind
}

export interface Attribution {
  buyer: Person | null
  /** Latest first. */
  candidates: readonly Candidate[]
  /** One for each role in role order; the closer's is the order's own, a line may differ. */
  holdings: Readonly<Record<Role, Holding>>
  /** The closer of each line, by lineNo. */
  closers: ReadonlyMap<number, Holding>
  /** Known only with the buyer. */
  isFirstOrder: boolean | null
}

/**
 * Whether it is plain that by other rules the same people hold the roles, for the same reasons; of candidates that did not
 * win it may be others that are named.
 *
 * @param known by `a`
 */
export function areHeldAlike(
  { order, touches }: OrderEvidence,
  known: Attribution,
  a: AttributionRules,
  b: AttributionRules,
): boolean {
  if (touches.length === 0) return true
  if (a.model !== b.model || (a.minMinutesInStore ?? 0) !== (b.minMinutesInStore ?? 0)) return false
  if (a.kinds !== b.kinds && String(a.kinds ?? DEFAULT_TOUCH_KINDS) !== String(b.kinds ?? DEFAULT_TOUCH_KINDS))
    return false
  if (a.windowDays === b.windowDays) return true
  // Among more or fewer touches the last one stays the last.
  const winner = known.candidates.find(candidate => candidate.outcome === 'won')
  if (!winner) return a.windowDays > b.windowDays
  return a.model === 'last_touch' && winner.at >= order.paidAt - b.windowDays * DAY_MS
}

/** Who holds which role on an order. */
export function attribute(evidence: OrderEvidence, rules: AttributionRules): Attribution {
  const { order } = evidence
  const buyer = findPerson(order, evidence.people)
  const isBuyer = (associateId: string) => isOwnPurchase(associateId, buyer, evidence)
  const overrides = overridesByRole(evidence)

  const overridden = (role: AssociateRole): Holding | null => {
    const override = overrides.get(role)
    if (!override) return null
    if (override.associateId === null) return { role, holder: null, because: 'overridden_away' }
    if (isBuyer(override.associateId)) return { role, holder: null, because: 'self_purchase' }
    return { role, holder: override.associateId, because: 'override' }
  }
  /** The conditions that attributed, opener and inviter share. */
  const ifWorking = (role: AssociateRole, associateId: string, because: Because, since?: Instant): Holding => {
    const associate = evidence.associates.get(associateId)
    if (!associate || !isActive(associate, order.paidAt)) return { role, holder: null, because: 'inactive' }
    if (isBuyer(associateId)) return { role, holder: null, because: 'self_purchase' }
    return since === undefined ? { role, holder: associateId, because } : { role, holder: associateId, because, since }
  }
  const closerOf = (named: string | undefined, because: Because): Holding => {
    const byOverride = overridden('closer')
    if (byOverride) return byOverride
    if (named === undefined) return { role: 'closer', holder: null, because: 'not_named' }
    if (isBuyer(named)) return { role: 'closer', holder: null, because: 'self_purchase' }
    return { role: 'closer', holder: named, because }
  }

  const candidates = judgeCandidates(evidence, rules, buyer)
  const winner = candidates.find(candidate => candidate.outcome === 'won')
  const sharer: Holding = overridden('sharer') ?? {
    role: 'sharer',
    holder: winner?.associateId ?? null,
    because: !winner ? 'no_candidate' : winner.kind === 'share_code' ? 'share_code' : 'touch',
  }
  const sharerStore = ((): string | null => {
    if (sharer.holder === null) return null
    if (sharer.because === 'override') return overrides.get('sharer')?.storeCode ?? null
    return (winner && evidence.links.get(winner.linkCode)?.storeCode) ?? null
  })()

  const member = buyer ? evidence.members.get(buyer.memberNo) : undefined
  const attributed = ((): Holding => {
    const byOverride = overridden('attributed')
    if (byOverride) return byOverride
    if (!buyer) return { role: 'attributed', holder: null, because: 'unknown_buyer' }
    const inForce = assignmentInForce(evidence.assignments, 'attributedAssociate', order.paidAt)
    if (!inForce || inForce.value === null) return { role: 'attributed', holder: null, because: 'not_assigned' }
    const holding = ifWorking('attributed', inForce.value, 'assignment', inForce.from)
    return holding.holder === null || inForce.event === undefined ? holding : { ...holding, event: inForce.event }
  })()
  const opener = ((): Holding => {
    const byOverride = overridden('opener')
    if (byOverride) return byOverride
    if (!buyer) return { role: 'opener', holder: null, because: 'unknown_buyer' }
    if (!member?.openingAssociate) return { role: 'opener', holder: null, because: 'not_assigned' }
    return ifWorking('opener', member.openingAssociate, 'opening_record')
  })()
  const inviter = ((): Holding => {
    const byOverride = overridden('inviter')
    if (byOverride) return byOverride
    if (sharer.holder === null) return { role: 'inviter', holder: null, because: 'no_sharer' }
    const invitedBy = evidence.associates.get(sharer.holder)?.invitedBy ?? null
    if (invitedBy === null) return { role: 'inviter', holder: null, because: 'nobody_invited' }
    return ifWorking('inviter', invitedBy, 'invited_by')
  })()
  const homeStore = ((): Holding => {
    if (!buyer) return { role: 'home_store', holder: null, because: 'unknown_buyer' }
    const inForce = assignmentInForce(evidence.assignments, 'homeStore', order.paidAt)
    if (inForce && inForce.value !== null) {
      return { role: 'home_store', holder: inForce.value, because: 'assignment', since: inForce.from }
    }
    if (member?.openingStore) return { role: 'home_store', holder: member.openingStore, because: 'opening_record' }
    return { role: 'home_store', holder: null, because: 'not_assigned' }
  })()

  const ticketCloser = closerOf(order.closer, 'ticket')
  const closers = new Map<number, Holding>()
  for (const { lineNo, closer } of order.lines) {
    closers.set(lineNo, closer === undefined ? ticketCloser : closerOf(closer, 'line'))
  }

  return {
    buyer,
    candidates,
    holdings: {
      sharer,
      closer: ticketCloser,
      attributed,
      opener,
      inviter,
      selling_store: order.sellingStore
        ? { role: 'selling_store', holder: order.sellingStore, because: 'order' }
        : { role: 'selling_store', holder: null, because: 'not_named' },
      home_store: homeStore,
      opening_store: {
        role: 'opening_store',
        holder: member?.openingStore ?? null,
        because: !buyer ? 'unknown_buyer' : member?.openingStore ? 'opening_record' : 'not_assigned',
      },
      sharer_store: {
        role: 'sharer_store',
        holder: sharerStore,
        because:
          sharer.holder === null
            ? 'no_sharer'
            : sharerStore === null
              ? 'no_store'
              : sharer.because === 'override'
                ? 'override'
                : 'sharing_link',
      },
      headquarters: { role: 'headquarters', holder: 'headquarters', because: 'brand' },
    },
    closers,
    isFirstOrder: buyer ? !evidence.hasEarlierOrder : null,
  }
}

const NO_OVERRIDES: ReadonlyMap<AssociateRole, Override> = new Map()

const overridesByRole = ({ overrides }: OrderEvidence): ReadonlyMap<AssociateRole, Override> =>
  overrides.length === 0
    ? NO_OVERRIDES
    : new Map(overrides.filter(entry => !entry.withdrawn).map(entry => [entry.role, entry]))

/** Nobody earns on his own purchase. */
function isOwnPurchase(associateId: string, buyer: Person | null, evidence: OrderEvidence): boolean {
  const memberNo = evidence.associates.get(associateId)?.memberNo
  return buyer !== null && !!memberNo && lastMemberNo(memberNo, evidence.people.mergedInto) === buyer.memberNo
}

/**
 * Each touch of the buyer that names a link, and the order's own share code, with what became of it. Touches without
 * a link are views and no candidates.
 */
function judgeCandidates(evidence: OrderEvidence, rules: AttributionRules, buyer: Person | null): Candidate[] {
  const { order } = evidence
  const kinds = rules.kinds ?? DEFAULT_TOUCH_KINDS
  const earliest = order.paidAt - rules.windowDays * DAY_MS
  const latestInStore = order.paidAt - (rules.minMinutesInStore ?? 0) * MINUTE_MS

  /** What the link itself says against it, if anything. */
  const linkFault = (linkCode: string, at: Instant): LossReason | null => {
    const link = evidence.links.get(linkCode)
    if (!link) return 'unknown_link'
    if (link.createdAt !== null && at < link.createdAt) return 'link_inactive'
    if (link.revokedAt !== null && at >= link.revokedAt) return 'link_inactive'
    const associate = evidence.associates.get(link.associateId)
    if (!associate || !isActive(associate, at) || !isActive(associate, order.paidAt)) return 'associate_inactive'
    if (isOwnPurchase(link.associateId, buyer, evidence)) return 'self_purchase'
    return null
  }
  const touchFault = ({ kind, at }: Touch, linkCode: string): LossReason | null => {
    if (!kinds.includes(kind)) return 'kind_not_counted'
    if (at < earliest || at > order.paidAt) return 'outside_window'
    if (order.channel === 'in_store' && at > latestInStore) return 'too_late'
    return linkFault(linkCode, at)
  }
  const associateOf = (linkCode: string) => evidence.links.get(linkCode)?.associateId ?? null

  // Those without a fault are superseded until it is known who of them won.
  const judged: Candidate[] = []
  for (const touch of evidence.touches) {
    const { touchId, linkCode, kind, at } = touch
    if (linkCode === undefined || !buyer) continue
    if (findPerson(touch, evidence.people)?.memberNo !== buyer.memberNo) continue
    const outcome = touchFault(touch, linkCode) ?? 'superseded'
    judged.push({ touchId, linkCode, associateId: associateOf(linkCode), kind, at, outcome })
  }
  if (order.shareCode !== undefined) {
    const linkCode = order.shareCode
    const outcome = linkFault(linkCode, order.paidAt) ?? 'superseded'
    const associateId = associateOf(linkCode)
    judged.push({ touchId: null, linkCode, associateId, kind: 'share_code', at: order.paidAt, outcome })
  }
  // Latest first; at one instant the order's own share code, then the greater touchId.
  judged.sort((a, b) => b.at - a.at || preferredAtOneInstant(a.touchId, b.touchId))

  const left = judged.filter(candidate => candidate.outcome === 'superseded')
  const winner = rules.model === 'last_touch' ? left[0] : firstTouch(left)
  if (winner) winner.outcome = 'won'
  return judged
}

function preferredAtOneInstant(a: string | null, b: string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1
  return compareBytes(b, a)
}

/** The earliest; the order's own share code only where nothing else is left. `left` comes latest first. */
function firstTouch<T extends { touchId: string | null; at: Instant }>(left: readonly T[]): T | undefined {
  const touches = left.filter(candidate => candidate.touchId !== null)
  const earliest = touches.at(-1)?.at
  return touches.find(candidate => candidate.at === earliest) ?? left[0]
}

/** What a role's holder or a store is, at the moment of payment. */
export function kindInForce(evidence: OrderEvidence, associateId: string): AssociateKind | null {
  const associate = evidence.associates.get(associateId)
  return associate ? valueInForce(associate.kinds, evidence.order.paidAt) : null
}

export function storeInForce(
  evidence: OrderEvidence,
  storeCode: string | null,
): { type: StoreType | null; region: string | null; franchiseeId: string | null } {
  const store = storeCode === null ? undefined : evidence.stores.get(storeCode)
  const at = evidence.order.paidAt
  return {
    type: store ? valueInForce(store.types, at) : null,
    region: store ? valueInForce(store.regions, at) : null,
    franchiseeId: store ? valueInForce(store.franchisees, at) : null,
  }
}
