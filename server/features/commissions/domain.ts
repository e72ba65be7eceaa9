import { rateOf, rateOfFloor, splitByLargestRemainder, sumFen, type Bps, type Fen } from '../../lib/money.ts'
import { valueInForce } from '../../lib/dated.ts'
import { compareBytes } from '../../lib/text.ts'
import { boundInstant, DAY_MS, FAR_FUTURE, type Instant } from '../../lib/time.ts'
import {
  attribute,
  isAssociateRole,
  kindInForce,
  ROLES,
  storeInForce,
  STORE_ROLES,
  type AssociateKind,
  type AssociateRole,
  type Attribution,
  type AttributionRules,
  type Channel,
  type Holding,
  type Order,
  type OrderEvidence,
  type OrderLine,
  type Role,
  type StoreType,
} from '../attribution/domain.ts'

/**
 * What is owed for an order, as a pure function of the evidence and the plan. Live booking, explanation, back-test
 * and audit all call `decide`; nothing else computes a commission. The rules are docs/commission.md.
 */

// -------------------------------------------------------------------------------------------------- plans

export type BearerRole = 'headquarters' | 'selling_store' | 'home_store' | 'sharer_store'

/** Every key given must match; a missing value matches no list, and a boolean whose things are not there neither way. */
export interface When {
  channels?: readonly Channel[]
  skus?: readonly string[]
  categories?: readonly string[]
  memberLevels?: readonly string[]
  sellingStores?: readonly string[]
  homeStores?: readonly string[]
  sellingStoreTypes?: readonly StoreType[]
  homeStoreTypes?: readonly StoreType[]
  sellingRegions?: readonly string[]
  sellingFranchisees?: readonly string[]
  associateKinds?: readonly AssociateKind[]
  shared?: boolean
  sharerIsAttributed?: boolean
  sharerAtHomeStore?: boolean
  soldAtHomeStore?: boolean
  firstOrder?: boolean
  /** Inclusive; of the list price. */
  minPaidBps?: Bps
  /** Exclusive; of the list price. */
  maxPaidBps?: Bps
}

export interface Rule {
  id: string
  role: Role
  when?: When
  rateBps?: Bps
  perUnitFen?: Fen
  bearer: BearerRole
}

export interface TierStep {
  fromFen?: Fen
  fromAttainmentBps?: Bps
  rateBps: Bps
}

export interface MonthlyTiers {
  roles: readonly AssociateRole[]
  mode: 'marginal' | 'whole'
  bearer: 'headquarters'
  steps: readonly TierStep[]
}

/** What may be rewarded beside sales. */
export const REWARDED_EVENTS = ['member_enrolled', 'friend_added', 'task_done'] as const
export type RewardedEvent = (typeof REWARDED_EVENTS)[number]

/** Every key given must match; a missing value matches no list. */
export interface RewardWhen {
  associateKinds?: readonly AssociateKind[]
  /** The associate's store; its type and region as they were. */
  stores?: readonly string[]
  storeTypes?: readonly StoreType[]
  regions?: readonly string[]
  /** Of a task done: what kind of task. */
  tasks?: readonly string[]
}

export interface Reward {
  id: string
  event: RewardedEvent
  amountFen: Fen
  to: 'associate' | 'associate_store'
  bearer: 'headquarters' | 'associate_store'
  when?: RewardWhen
  /** Of a friend added: how long he has to stay. */
  keepDays?: number
}

/** A published plan version; it never changes. */
export interface Plan {
  code: string
  version: number
  effectiveFrom: Instant
  effectiveTo: Instant | null
  attribution: AttributionRules
  holdDays: number
  holdFrom?: 'paid' | 'completed'
  sameAssociate?: 'sum' | 'highest'
  lineCapBps?: Bps
  rules: readonly Rule[]
  monthlyTiers?: MonthlyTiers
  rewards?: readonly Reward[]
}

/**
 * The plan in force: `effectiveFrom ≤ at < effectiveTo`; in an overlap the later start wins, then the greater
 * version, then the greater code. All codes share one timeline.
 */
export function planInForce(plans: readonly Plan[], at: Instant): Plan | null {
  let best: Plan | null = null
  for (const plan of plans) {
    if (plan.effectiveFrom > at || (plan.effectiveTo !== null && at >= plan.effectiveTo)) continue
    if (!best || comparePlans(plan, best) > 0) best = plan
  }
  return best
}

const comparePlans = (a: Plan, b: Plan) =>
  a.effectiveFrom - b.effectiveFrom || a.version - b.version || compareBytes(a.code, b.code)

// -------------------------------------------------------------------------------------------------- decide

export type PayeeKind = 'associate' | 'store' | 'headquarters'
export type BearerKind = 'store' | 'headquarters'

/** What is owed for one line and role. The fields but the amount are its key: one is booked per key. */
export interface Entitlement {
  lineNo: number
  role: Role
  payeeKind: PayeeKind
  payee: string
  bearerKind: BearerKind
  bearer: string
  ruleId: string
  planCode: string
  planVersion: number
  availableAt: Instant
  amountFen: Fen
}

/** How one role fared on one line: the trace that explains it. */
export interface RoleAmount {
  role: Role
  payeeKind: PayeeKind
  payee: string
  /** null: no rule matched, nothing is owed. */
  ruleId: string | null
  rateBps: Bps | null
  perUnitFen: Fen | null
  bearerKind: BearerKind
  bearer: string
  /** net × rate, rounded half up, or per unit. */
  amountFen: Fen
  afterSameAssociateFen: Fen
  afterCapFen: Fen
  /** Why an amount above 0 is not booked. */
  notBooked: 'bearer_is_payee' | null
}

export interface DecidedLine {
  lineNo: number
  sku: string
  paidFen: Fen
  refundedFen: Fen
  netFen: Fen
  netQuantity: number
  /** The line's cap over associate roles; null where the plan has none. */
  limitFen: Fen | null
  /** One for each role that somebody holds, in role order. */
  roles: readonly RoleAmount[]
}

export type Anomaly =
  | { code: 'refund_beyond_paid'; lineNo: number; refundFen: Fen; paidFen: Fen }
  | { code: 'refund_beyond_quantity'; lineNo: number; refundedQuantity: number; quantity: number }
  | { code: 'refund_of_unknown_line'; lineNo: number; refundNo: string }
  | { code: 'no_plan' }

export interface Decision {
  plan: { code: string; version: number } | null
  attribution: Attribution
  /** `direct` online, `indirect` in store; null without a sharer. */
  relation: 'direct' | 'indirect' | null
  netFen: Fen
  lines: readonly DecidedLine[]
  entitlements: readonly Entitlement[]
  availableAt: Instant | null
  anomalies: readonly Anomaly[]
}

/** Used for the roles of an order that no plan covers; they are shown, and earn nothing. */
const UNPLANNED: AttributionRules = { model: 'last_touch', windowDays: 0 }

/**
 * What is owed for an order.
 *
 * @param plan the version in force at `paidAt`, or null where there is none: no entitlements then
 * @param attribution who holds which role by the plan's rules, where that is known already
 * @see docs/commission.md, "From a line to entitlements"
 */
export function decide(
  evidence: OrderEvidence,
  plan: Plan | null,
  attribution: Attribution = attribute(evidence, plan?.attribution ?? UNPLANNED),
): Decision {
  const { order } = evidence
  const nets = netLines(evidence)
  const availableAt = plan && availableFrom(evidence, plan)
  const facts = plan && factsOfOrder(evidence, attribution)

  const lines = order.lines.map((line, index): DecidedLine => {
    const net = nets.lines[index]!
    const held = heldRoles(attribution, line)
    const limitFen = plan?.lineCapBps === undefined ? null : rateOfFloor(net.netFen, plan.lineCapBps)
    const roles =
      plan && facts
        ? payRoles(
            held.map(holding => amountOf(holding, firstRule(plan, holding, line, facts, evidence), net, attribution)),
            plan.sameAssociate ?? 'sum',
            limitFen,
          )
        : held.map(holding => amountOf(holding, null, net, attribution))
    const { refundedFen, netFen, netQuantity } = net
    return {
      lineNo: line.lineNo,
      sku: line.sku,
      paidFen: line.paidFen,
      refundedFen,
      netFen,
      netQuantity,
      limitFen,
      roles,
    }
  })

  const entitlements: Entitlement[] = []
  for (const line of lines) {
    for (const role of line.roles) {
      if (!plan || availableAt === null || role.ruleId === null || role.notBooked || role.afterCapFen === 0) continue
      entitlements.push({
        lineNo: line.lineNo,
        role: role.role,
        payeeKind: role.payeeKind,
        payee: role.payee,
        bearerKind: role.bearerKind,
        bearer: role.bearer,
        ruleId: role.ruleId,
        planCode: plan.code,
        planVersion: plan.version,
        availableAt,
        amountFen: role.afterCapFen,
      })
    }
  }
  return {
    plan: plan && { code: plan.code, version: plan.version },
    attribution,
    relation: attribution.holdings.sharer.holder === null ? null : order.channel === 'online' ? 'direct' : 'indirect',
    netFen: sumFen(lines.map(line => line.netFen)),
    lines,
    entitlements,
    availableAt,
    anomalies: plan ? nets.anomalies : [...nets.anomalies, { code: 'no_plan' }],
  }
}

/** What an order pays one associate, over all his roles and its lines. */
export function owedTo(decision: Decision, associateId: string): Fen {
  return sumFen(
    decision.entitlements
      .filter(entry => entry.payeeKind === 'associate' && entry.payee === associateId)
      .map(entry => entry.amountFen),
  )
}

interface Net {
  refundedFen: Fen
  netFen: Fen
  netQuantity: number
}

/** Net of each line, in the order's sequence: what was paid less all refunds, never below 0; 0 where cancelled. */
function netLines({ order, refunds }: OrderEvidence): { lines: Net[]; anomalies: Anomaly[] } {
  if (refunds.length === 0) return { lines: order.lines.map(line => netOf(order, line, 0, 0)), anomalies: [] }
  const anomalies: Anomaly[] = []
  const known = new Set(order.lines.map(line => line.lineNo))
  const refunded = new Map<number, { fen: bigint; quantity: bigint }>()
  for (const refund of refunds) {
    for (const line of refund.lines) {
      if (!known.has(line.lineNo)) {
        anomalies.push({ code: 'refund_of_unknown_line', lineNo: line.lineNo, refundNo: refund.refundNo })
        continue
      }
      const sum = refunded.get(line.lineNo) ?? { fen: 0n, quantity: 0n }
      sum.fen += BigInt(line.refundFen)
      sum.quantity += BigInt(line.quantity)
      refunded.set(line.lineNo, sum)
    }
  }
  const lines = order.lines.map((line): Net => {
    const { fen, quantity } = refunded.get(line.lineNo) ?? { fen: 0n, quantity: 0n }
    const refundedFen = atMost(fen)
    const refundedQuantity = atMost(quantity)
    if (refundedFen > line.paidFen) {
      anomalies.push({
        code: 'refund_beyond_paid',
        lineNo: line.lineNo,
        refundFen: refundedFen,
        paidFen: line.paidFen,
      })
    }
    if (refundedQuantity > line.quantity) {
      anomalies.push({
        code: 'refund_beyond_quantity',
        lineNo: line.lineNo,
        refundedQuantity,
        quantity: line.quantity,
      })
    }
    return netOf(order, line, refundedFen, refundedQuantity)
  })
  return { lines, anomalies }
}

const netOf = (order: Order, line: OrderLine, refundedFen: Fen, refundedQuantity: number): Net => ({
  refundedFen,
  netFen: order.cancelled ? 0 : Math.max(0, line.paidFen - refundedFen),
  netQuantity: order.cancelled ? 0 : Math.max(0, line.quantity - refundedQuantity),
})

/** Refunds are clamped by what was paid, which is far below 2^53: so is this. */
const atMost = (sum: bigint) => Number(sum > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : sum)

/** When what is owed becomes available: `holdDays` after payment or completion, never while on hold. */
function availableFrom({ order, onHold }: OrderEvidence, plan: Plan): Instant {
  const from = plan.holdFrom === 'completed' ? order.completedAt : order.paidAt
  return onHold || from === undefined ? FAR_FUTURE : boundInstant(from + plan.holdDays * DAY_MS)
}

interface Held extends Holding {
  holder: string
}

/** The roles that somebody holds on a line, in role order; the closer may be the line's own. */
function heldRoles(attribution: Attribution, line: OrderLine): Held[] {
  const held: Held[] = []
  for (const role of ROLES) {
    const holding = role === 'closer' ? attribution.closers.get(line.lineNo)! : attribution.holdings[role]
    if (holding.holder !== null) held.push(holding as Held)
  }
  return held
}

// ---------------------------------------------------------------------------------------------------- rules

/** What the `when` keys that speak of the whole order are compared with. null is a missing value. */
interface OrderFacts {
  channel: Channel
  memberLevel: string | null
  sellingStore: string | null
  homeStore: string | null
  sellingStoreType: StoreType | null
  homeStoreType: StoreType | null
  sellingRegion: string | null
  sellingFranchisee: string | null
  shared: boolean
  sharerIsAttributed: boolean | null
  sharerAtHomeStore: boolean | null
  soldAtHomeStore: boolean | null
  firstOrder: boolean | null
}

function factsOfOrder(evidence: OrderEvidence, { buyer, holdings, isFirstOrder }: Attribution): OrderFacts {
  const member = buyer && evidence.members.get(buyer.memberNo)
  const sellingStore = storeInForce(evidence, holdings.selling_store.holder)
  const same = (a: Holding, b: Holding) => (a.holder === null || b.holder === null ? null : a.holder === b.holder)
  return {
    channel: evidence.order.channel,
    memberLevel: member ? valueInForce(member.levels, evidence.order.paidAt) : null,
    sellingStore: holdings.selling_store.holder,
    homeStore: holdings.home_store.holder,
    sellingStoreType: sellingStore.type,
    homeStoreType: storeInForce(evidence, holdings.home_store.holder).type,
    sellingRegion: sellingStore.region,
    sellingFranchisee: sellingStore.franchiseeId,
    shared: holdings.sharer.holder !== null,
    sharerIsAttributed: same(holdings.sharer, holdings.attributed),
    sharerAtHomeStore: same(holdings.sharer_store, holdings.home_store),
    soldAtHomeStore: same(holdings.selling_store, holdings.home_store),
    firstOrder: isFirstOrder,
  }
}

/** The first rule in the plan's order whose role and `when` match; null where none does. */
function firstRule(
  plan: Plan,
  holding: Held,
  line: OrderLine,
  facts: OrderFacts,
  evidence: OrderEvidence,
): Rule | null {
  for (const { rule, when } of rulesOf(plan, holding.role)) {
    if (when === null) return rule
    const kind = when.associateKinds ? associateKindOf(holding, evidence) : null
    if (matches(when, line, facts, kind)) return rule
  }
  return null
}

/** Of a role's holder; a store or headquarters has none. */
const associateKindOf = ({ role, holder }: Held, evidence: OrderEvidence) =>
  isAssociateRole(role) ? kindInForce(evidence, holder) : null

/** A rule with its conditions in one shape for all rules, an absent key being undefined: comparing is much faster so. */
interface ReadRule {
  rule: Rule
  /** null: it matches everything. */
  when: When | null
}

/** By plan and role, the rules in the plan's order: a plan never changes, and is asked for each line. */
const rulesByRole = new WeakMap<Plan, Record<Role, readonly ReadRule[]>>()

function rulesOf(plan: Plan, role: Role): readonly ReadRule[] {
  let rules = rulesByRole.get(plan)
  if (!rules) {
    const ofRole = (one: Role) => plan.rules.filter(rule => rule.role === one).map(readRule)
    rules = Object.fromEntries(ROLES.map(one => [one, ofRole(one)])) as Record<Role, ReadRule[]>
    rulesByRole.set(plan, rules)
  }
  return rules[role]
}

const WHEN_KEYS: readonly (keyof When)[] = [
  'channels',
  'skus',
  'categories',
  'memberLevels',
  'sellingStores',
  'homeStores',
  'sellingStoreTypes',
  'homeStoreTypes',
  'sellingRegions',
  'sellingFranchisees',
  'associateKinds',
  'shared',
  'sharerIsAttributed',
  'sharerAtHomeStore',
  'soldAtHomeStore',
  'firstOrder',
  'minPaidBps',
  'maxPaidBps',
]

const readRule = (rule: Rule): ReadRule => ({
  rule,
  when: rule.when ? (Object.fromEntries(WHEN_KEYS.map(key => [key, rule.when![key]])) as When) : null,
})

const inList = (list: readonly string[] | undefined, value: string | null | undefined) =>
  list === undefined || (value !== null && value !== undefined && list.includes(value))
const is = (wanted: boolean | undefined, value: boolean | null) => wanted === undefined || wanted === value

function matches(when: When, line: OrderLine, facts: OrderFacts, associateKind: AssociateKind | null): boolean {
  return (
    inList(when.channels, facts.channel) &&
    inList(when.skus, line.sku) &&
    inList(when.categories, line.category) &&
    inList(when.memberLevels, facts.memberLevel) &&
    inList(when.sellingStores, facts.sellingStore) &&
    inList(when.homeStores, facts.homeStore) &&
    inList(when.sellingStoreTypes, facts.sellingStoreType) &&
    inList(when.homeStoreTypes, facts.homeStoreType) &&
    inList(when.sellingRegions, facts.sellingRegion) &&
    inList(when.sellingFranchisees, facts.sellingFranchisee) &&
    inList(when.associateKinds, associateKind) &&
    is(when.shared, facts.shared) &&
    is(when.sharerIsAttributed, facts.sharerIsAttributed) &&
    is(when.sharerAtHomeStore, facts.sharerAtHomeStore) &&
    is(when.soldAtHomeStore, facts.soldAtHomeStore) &&
    is(when.firstOrder, facts.firstOrder) &&
    paidWithin(when, line)
  )
}

/** What was paid as a part of the list price; a line without one matches neither bound. */
function paidWithin({ minPaidBps, maxPaidBps }: When, { paidFen, listFen }: OrderLine): boolean {
  if (minPaidBps === undefined && maxPaidBps === undefined) return true
  if (listFen === undefined || listFen <= 0) return false
  const paid = BigInt(paidFen) * 10_000n
  const list = BigInt(listFen)
  return (
    (minPaidBps === undefined || paid >= BigInt(minPaidBps) * list) &&
    (maxPaidBps === undefined || paid < BigInt(maxPaidBps) * list)
  )
}

// -------------------------------------------------------------------------------------------------- amounts

const HEADQUARTERS = { kind: 'headquarters', id: 'headquarters' } as const

function payeeOf({ role, holder }: Held): { kind: PayeeKind; id: string } {
  if (isAssociateRole(role)) return { kind: 'associate', id: holder }
  if ((STORE_ROLES as readonly Role[]).includes(role)) return { kind: 'store', id: holder }
  return HEADQUARTERS
}

/** The store that a rule names as bearer; where it is vacant, headquarters bears it. */
function bearerOf(bearer: BearerRole, { holdings }: Attribution): { kind: BearerKind; id: string } {
  const holder = holdings[bearer].holder
  return bearer === 'headquarters' || holder === null ? HEADQUARTERS : { kind: 'store', id: holder }
}

/** A role's amount before `sameAssociate` and cap. */
function amountOf(holding: Held, rule: Rule | null, net: Net, attribution: Attribution): RoleAmount {
  const payee = payeeOf(holding)
  const bearer = bearerOf(rule?.bearer ?? 'headquarters', attribution)
  const amountFen =
    rule?.rateBps !== undefined
      ? rateOf(net.netFen, rule.rateBps)
      : rule?.perUnitFen !== undefined
        ? perUnit(rule.perUnitFen, net)
        : 0
  return {
    role: holding.role,
    payeeKind: payee.kind,
    payee: payee.id,
    ruleId: rule?.id ?? null,
    rateBps: rule?.rateBps ?? null,
    perUnitFen: rule?.perUnitFen ?? null,
    bearerKind: bearer.kind,
    bearer: bearer.id,
    amountFen,
    afterSameAssociateFen: amountFen,
    afterCapFen: amountFen,
    notBooked: payee.kind === bearer.kind && payee.id === bearer.id ? 'bearer_is_payee' : null,
  }
}

/** perUnitFen × net quantity, at most the line's net. */
function perUnit(perUnitFen: Fen, { netFen, netQuantity }: Net): Fen {
  const amount = BigInt(perUnitFen) * BigInt(netQuantity)
  return amount > BigInt(netFen) ? netFen : Number(amount)
}

/** Steps 3 and 4: one associate in several roles, then the line's cap. Stores and headquarters pass through. */
function payRoles(amounts: readonly RoleAmount[], sameAssociate: 'sum' | 'highest', limitFen: Fen | null) {
  if (sameAssociate === 'sum' && limitFen === null) return amounts
  const associates: RoleAmount[] = []
  const others: RoleAmount[] = []
  for (const amount of amounts) (amount.payeeKind === 'associate' ? associates : others).push(amount)
  const kept = sameAssociate === 'highest' ? keepHighest(associates) : associates
  return [...(limitFen === null ? kept : capToLimit(kept, limitFen)), ...others]
}

/** Of the roles that one associate holds only the largest amount stays, a tie in role order; the others become 0. */
function keepHighest(amounts: readonly RoleAmount[]): readonly RoleAmount[] {
  if (amounts.length < 2) return amounts
  const highest = new Map<string, RoleAmount>()
  for (const amount of amounts) {
    const best = highest.get(amount.payee)
    if (!best || amount.amountFen > best.amountFen) highest.set(amount.payee, amount)
  }
  return amounts.map(amount =>
    highest.get(amount.payee) === amount ? amount : { ...amount, afterSameAssociateFen: 0, afterCapFen: 0 },
  )
}

/**
 * What each associate role keeps once the line's cap is applied.
 *
 * Shares are rounded down, and the fen left over go to the largest remainders, a tie in role order: rounding each on
 * its own could pay one fen more than the cap allows.
 *
 * @param amounts in role order
 * @param limitFen the most that the line may pay; 0 or more
 * @returns amounts in the same order, whose sum is at most `limitFen`
 */
export function capToLimit(amounts: readonly RoleAmount[], limitFen: Fen): readonly RoleAmount[] {
  const before = amounts.map(amount => amount.afterSameAssociateFen)
  if (sumFen(before) <= limitFen) return amounts
  const shares = splitByLargestRemainder(limitFen, before)
  return amounts.map((amount, index) => ({ ...amount, afterCapFen: shares[index]! }))
}

// ------------------------------------------------------------------------------------------------ booking

/** The fields that identify what is booked once; the same for an entitlement and a ledger row. */
export function entitlementKey(entitlement: Omit<Entitlement, 'amountFen'>): string {
  const { lineNo, role, payeeKind, payee, bearerKind, bearer, ruleId, planCode, planVersion, availableAt } = entitlement
  return JSON.stringify([
    lineNo,
    role,
    payeeKind,
    payee,
    bearerKind,
    bearer,
    ruleId,
    planCode,
    planVersion,
    availableAt,
  ])
}

/**
 * The rows that bring what is booked to what is owed: one for each key that differs, for the difference. A key that is
 * no longer owed is taken back whole, with the `availableAt` under which it was given.
 */
export function differences(booked: readonly Entitlement[], owed: readonly Entitlement[]): Entitlement[] {
  const left = new Map(owed.map(entitlement => [entitlementKey(entitlement), entitlement]))
  const rows: Entitlement[] = []
  for (const entry of booked) {
    const key = entitlementKey(entry)
    const now = left.get(key)?.amountFen ?? 0
    left.delete(key)
    if (now !== entry.amountFen) rows.push({ ...entry, amountFen: now - entry.amountFen })
  }
  for (const entitlement of left.values()) rows.push(entitlement)
  return rows
}
