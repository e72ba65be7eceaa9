import type { Db } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { exactNumber, sumFen, type Fen } from '../../lib/money.ts'
import { decodeCursor, pageOf } from '../../lib/paging.ts'
import { DAY_MS, formatInstant, monthOf, monthStart, nextMonth, type Instant } from '../../lib/time.ts'
import type { AssociateRole, Candidate, TouchKind } from '../attribution/domain.ts'
import { loadEvidence, orderKeyText } from '../attribution/service.ts'
import { creditedSalesOf } from '../attainment/service.ts'
import type { Caller } from '../auth/domain.ts'
import { decideMonths } from '../commissions/bonuses/service.ts'
import { decide, owedTo, planInForce, type Decision, type Plan } from '../commissions/domain.ts'
import { plansOf, reachOf } from '../commissions/service.ts'
import { byKey, personOf } from '../customers/service.ts'
import { worksAt } from '../handovers/domain.ts'
import type { OrderKey } from '../evidence/service.ts'
import { selectLinks, type LinkRow } from '../share-links/service.ts'
import { selectAssociates, selectStores, type AssociateRow, type StoreRow } from '../stores/service.ts'
import { readVisibility } from '../visibility/service.ts'
import type { OrderEvidence } from '../attribution/domain.ts'
import {
  earnedByDay,
  leastFar,
  linesOf,
  losersOf,
  monthsEnded,
  othersHolding,
  rankBySales,
  refundsOf,
  rolesHeldBy,
  spanAround,
  stateOf,
  takenBack,
  winnerOf,
  type Booked,
  type RoleHeld,
} from './domain.ts'
import {
  countEarnedOrders,
  selectAssignmentReasons,
  selectBookedDays,
  selectBookedOf,
  selectBookedSums,
  selectCredited,
  selectEarnedOrders,
  selectExtras,
  selectMemberNames,
  selectOverrideReasons,
  selectStoreTeam,
  type ExtraRow,
} from './queries.ts'
import type {
  EarnedExtra,
  EarnedOrder,
  Earnings,
  EarningsFigures,
  EarningsQuery,
  EarningsRank,
  EarningsTier,
  HeldRole,
  RoleGround,
  ShareChannel,
} from './schema.ts'

const PAGE = 20
const EXTRAS_SHOWN = 50
const LOSERS_SHOWN = 5
/** How far before the window touches are shown with the reason why they do not count. */
const SHOWN_BEFORE_DAYS = 60

/**
 * What the asker earned today, this week or this month, and of each order why: always his own, whatever more he may see.
 *
 * The figures are of what is booked, so that they are the balances' own rows; the orders are explained by deciding them
 * again on what is recorded, one load for the page. The two differ only while evidence waits to be booked.
 *
 * @throws AppError malformed_cursor
 */
export async function readEarnings(
  db: Db,
  caller: Caller,
  options: { query: EarningsQuery; now: Instant },
): Promise<Earnings> {
  const { now, query } = options
  const { brandId, zone } = caller
  const { associateId } = personOf(caller)
  const limit = query.limit ?? PAGE
  const after = positionOf(query.cursor)
  const { from, to } = spanAround(query.span, now, zone)
  const span = { brandId, associateId, from, to }
  const ended = monthsEnded(from, to, now, zone)
  const plans = await plansOf(db, brandId)
  const [credited, sums, dayRows, extraRows, ordersTotal, orders, tier, rank] = await Promise.all([
    selectCredited(db, span),
    selectBookedSums(db, { ...span, now }),
    query.span === 'today' ? [] : selectBookedDays(db, { ...span, zone }),
    selectExtras(db, { ...span, months: ended.map(({ month }) => month) }),
    countEarnedOrders(db, span),
    selectEarnedOrders(db, { ...span, after, limit: limit + 1 }),
    query.span === 'month' ? tierOf(db, { brandId, zone, associateId, plans, month: monthOf(now, zone) }) : null,
    rankOf(db, { caller, from, to, now }),
  ])
  const page = pageOf(
    orders,
    limit,
    order => [formatInstant(order.paidAt), order.source, order.orderNo],
    ({ source, orderNo }) => ({ source, orderNo }),
  )
  const extras = extrasOf(extraRows, ended, now)
  return {
    asOf: formatInstant(now),
    span: query.span,
    from: formatInstant(from),
    to: formatInstant(to),
    figures: figuresOf(credited, sums, extraRows, now),
    days: query.span === 'today' ? [] : earnedByDay({ from, to }, zone, dayRows, extras),
    tier,
    rank,
    orders: await explainOrders(db, { brandId, associateId, plans, orders: page.items, now }),
    ordersTotal,
    extras: extras.slice(0, EXTRAS_SHOWN),
    nextCursor: page.nextCursor,
  }
}

const TEAM_SHOWN = 50

/** The asker's place among those who work in his store, where the brand shows it. */
async function rankOf(
  db: Db,
  { caller, from, to, now }: { caller: Caller; from: Instant; to: Instant; now: Instant },
): Promise<EarningsRank | null> {
  const { brandId } = caller
  const { associateId, storeCode } = personOf(caller)
  const { ranks } = await readVisibility(db, brandId)
  if (ranks === 'hidden' || storeCode === null) return null
  const team = (await selectStoreTeam(db, { brandId, storeCode })).filter(one => worksAt(one.employments, now))
  if (!team.some(one => one.associateId === associateId)) return null
  const credited = await creditedSalesOf(db, {
    // Of all that they sold, whoever asks: a place among them is no figure of theirs.
    scope: { brandId, reach: 'brand' },
    associateIds: team.map(one => one.associateId),
    from,
    to,
  })
  const ranked = rankBySales(team.map(one => ({ ...one, creditedFen: credited.get(one.associateId) ?? 0 })))
  return {
    place: ranked.findIndex(one => one.associateId === associateId) + 1,
    of: ranked.length,
    team:
      ranks === 'own'
        ? []
        : ranked.slice(0, TEAM_SHOWN).map(({ name, creditedFen, ...one }, i) => ({
            place: i + 1,
            name,
            creditedFen,
            isMe: one.associateId === associateId,
          })),
  }
}

/** @throws AppError malformed_cursor */
function positionOf(cursor: string | undefined) {
  if (cursor === undefined) return null
  const position = decodeCursor(cursor, ['instant', 'text', 'text'])
  if (!position) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return { paidAt: String(position[0]), source: String(position[1]), orderNo: String(position[2]) }
}

// ------------------------------------------------------------------------------------------------ figures

function figuresOf(
  credited: Awaited<ReturnType<typeof selectCredited>>,
  sums: Awaited<ReturnType<typeof selectBookedSums>>,
  extras: readonly ExtraRow[],
  now: Instant,
): EarningsFigures {
  const fen = (text: string) => exactNumber(BigInt(text))
  const extraFen = (...states: string[]) =>
    sumFen(extras.filter(row => states.includes(stateOf(row, now))).map(row => row.amountFen))
  const pendingFen = fen(sums.pendingFen) + extraFen('held', 'pending')
  const availableFen = fen(sums.availableFen) + extraFen('available')
  const settledFen = fen(sums.settledFen) + extraFen('settled')
  return {
    creditedFen: fen(credited.creditedFen),
    directFen: fen(credited.directFen),
    indirectFen: fen(credited.indirectFen),
    orderCount: credited.orderCount,
    commissionFen: sumFen([pendingFen, availableFen, settledFen]),
    pendingFen,
    availableFen,
    settledFen,
  }
}

/** One entry for each thing, whatever number of rows it was booked in; what came to nothing is left out. */
function extrasOf(
  rows: readonly ExtraRow[],
  ended: readonly { month: string; at: Instant }[],
  now: Instant,
): EarnedExtra[] {
  const endOf = new Map(ended.map(({ month, at }) => [month, at]))
  const groups = new Map<string, ExtraRow[]>()
  for (const row of rows) {
    const key = JSON.stringify([row.subject, row.month, row.subjectKey, row.at])
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  return [...groups.values()]
    .map(group => {
      const { subject, month, at } = group[0]!
      const when = at ?? endOf.get(month ?? '') ?? now
      return { subject, month, when, group, amountFen: sumFen(group.map(row => row.amountFen)) }
    })
    .filter(({ amountFen }) => amountFen !== 0)
    .sort((a, b) => b.when - a.when)
    .map(({ subject, month, when, group, amountFen }) => ({
      kind: subject,
      at: formatInstant(when),
      amountFen,
      note: month,
      state: leastFar(group, now) ?? 'available',
    }))
}

/** Where the month's tiers stand; null where none are in force at its end, or steps need a target that is not told. */
async function tierOf(
  db: Db,
  options: { brandId: number; zone: string; associateId: string; plans: readonly Plan[]; month: string },
): Promise<EarningsTier | null> {
  const { associateId, month, ...rest } = options
  const plan = planInForce(rest.plans, monthStart(nextMonth(month), rest.zone) - 1)
  const [decided] = await decideMonths(db, { ...rest, months: [{ associateId, month }] })
  if (!decided?.bonus) return null
  const { bonus, basisFen } = decided
  return {
    basisFen: exactNumber(basisFen),
    bonusFen: bonus.amountFen,
    rateBps: bonus.stepRateBps,
    nextFromFen: bonus.nextStepFromFen,
    nextRateBps: plan?.monthlyTiers?.steps[bonus.step + 1]?.rateBps ?? null,
  }
}

// -------------------------------------------------------------------------------------------- explanation

interface Decided {
  key: OrderKey
  evidence: OrderEvidence
  plan: Plan | null
  decision: Decision
  roles: RoleHeld[]
  losers: Candidate[]
}

/** What the sentences about a page's orders need beside the decisions: names and reasons, by key. */
interface Facts {
  associates: ReadonlyMap<string, AssociateRow>
  stores: ReadonlyMap<string, StoreRow>
  links: ReadonlyMap<string, LinkRow>
  buyers: ReadonlyMap<string, string | null>
  overrides: ReadonlyMap<string, { at: Instant; reason: string; madeBy: string }>
  assignmentReasons: ReadonlyMap<string, string>
  booked: ReadonlyMap<string, readonly Booked[]>
}

const roleKey = (order: OrderKey, role: string) => JSON.stringify([order.source, order.orderNo, role])
const assignmentKey = (memberNo: string, since: Instant) => JSON.stringify([memberNo, since])

/** Decides these orders again and says what of it is one associate's, in the sequence given. */
async function explainOrders(
  db: Db,
  options: {
    brandId: number
    associateId: string
    plans: readonly Plan[]
    orders: readonly OrderKey[]
    now: Instant
  },
): Promise<EarnedOrder[]> {
  const { brandId, associateId, plans, orders, now } = options
  if (orders.length === 0) return []
  const reach = reachOf(plans)
  const loaded = await loadEvidence(db, {
    brandId,
    orders,
    reach: paidAt => ({ from: reach(paidAt).from - SHOWN_BEFORE_DAYS * DAY_MS, to: paidAt }),
    lock: false,
  })
  const evidenceOf = new Map(loaded.orders.map(({ evidence }) => [orderKeyText(evidence.order), evidence]))
  const decided = orders.flatMap((key): Decided[] => {
    const evidence = evidenceOf.get(orderKeyText(key))
    if (!evidence) return []
    const plan = planInForce(plans, evidence.order.paidAt)
    const decision = decide(evidence, plan)
    const { attribution } = decision
    return [
      {
        key,
        evidence,
        plan,
        decision,
        roles: rolesHeldBy(attribution, associateId),
        losers: losersOf(attribution, evidence.order.paidAt, LOSERS_SHOWN),
      },
    ]
  })
  const facts = await factsOf(db, brandId, associateId, decided)
  return decided.map(order => earnedOrder(order, facts, associateId, now))
}

/** Six statements, whatever the page holds. */
async function factsOf(db: Db, brandId: number, associateId: string, decided: readonly Decided[]): Promise<Facts> {
  const distinct = (keys: Iterable<string | null | undefined>) => [
    ...new Set([...keys].filter(key => key !== null && key !== undefined)),
  ]
  const [links, associates, stores, names, overrides, reasons, booked] = await Promise.all([
    selectLinks(db, {
      brandId,
      linkCodes: distinct(
        decided.flatMap(({ decision, losers }) => [
          winnerOf(decision.attribution)?.linkCode,
          ...losers.map(loser => loser.linkCode),
        ]),
      ),
    }),
    selectAssociates(db, {
      brandId,
      associateIds: distinct(
        decided.flatMap(({ decision, losers }) => [
          ...othersHolding(decision.attribution, associateId).map(other => other.associateId),
          ...losers.map(loser => loser.associateId),
        ]),
      ),
    }),
    selectStores(db, { brandId, storeCodes: distinct(decided.map(({ evidence }) => evidence.order.sellingStore)) }),
    selectMemberNames(db, { brandId, memberNos: distinct(decided.map(buyerShown)) }),
    selectOverrideReasons(db, {
      brandId,
      orders: decided.filter(({ roles }) => roles.some(held => held.because === 'override')).map(({ key }) => key),
    }),
    selectAssignmentReasons(db, {
      brandId,
      associateId,
      assignments: decided.flatMap(({ decision, roles }) =>
        roles.flatMap(held =>
          held.because === 'assignment' && held.since !== undefined && decision.attribution.buyer
            ? [{ memberNo: decision.attribution.buyer.memberNo, from: formatInstant(held.since) }]
            : [],
        ),
      ),
    }),
    selectBookedOf(db, { brandId, associateId, orders: decided.map(({ key }) => key) }),
  ])
  const bookedOf = new Map<string, Booked[]>()
  for (const row of booked) {
    const key = orderKeyText(row)
    bookedOf.set(key, [...(bookedOf.get(key) ?? []), row])
  }
  return {
    associates: byKey(associates, row => row.associateId),
    stores: byKey(stores, row => row.storeCode),
    links: byKey(links, row => row.linkCode),
    buyers: new Map(names.map(row => [row.memberNo, row.name])),
    overrides: byKey(overrides, row => roleKey(row, row.role)),
    assignmentReasons: new Map(reasons.map(row => [assignmentKey(row.memberNo, row.from), row.reason])),
    booked: bookedOf,
  }
}

/** Whoever had to do with a sale knows to whom it was; an inviter had not, he earns by another's work. */
function buyerShown({ decision, roles }: Decided): string | null {
  return roles.some(held => held.role !== 'inviter') ? (decision.attribution.buyer?.memberNo ?? null) : null
}

function earnedOrder(decided: Decided, facts: Facts, associateId: string, now: Instant): EarnedOrder {
  const { key, evidence, plan, decision, losers } = decided
  const { order } = evidence
  const { availableAt } = decision
  const buyer = buyerShown(decided)
  const state =
    leastFar(facts.booked.get(orderKeyText(key)) ?? [], now) ??
    (availableAt === null ? 'available' : stateOf({ availableAt, isSettled: false }, now))
  return {
    source: order.source,
    orderNo: order.orderNo,
    paidAt: formatInstant(order.paidAt),
    channel: order.channel,
    credit: decision.relation ?? 'none',
    storeName: (order.sellingStore !== undefined && facts.stores.get(order.sellingStore)?.name) || null,
    buyerName: (buyer !== null && facts.buyers.get(buyer)) || null,
    title: order.lines[0]?.name ?? order.lines[0]?.sku ?? '',
    itemCount: order.lines.reduce((sum, line) => sum + line.quantity, 0),
    paidFen: sumFen(order.lines.map(line => line.paidFen)),
    netFen: decision.netFen,
    isCancelled: order.cancelled,
    amountFen: owedTo(decision, associateId) satisfies Fen,
    state,
    availableAt: availableAt === null || state === 'held' ? null : formatInstant(availableAt),
    plan: plan && { code: plan.code, version: plan.version, windowDays: plan.attribution.windowDays },
    roles: heldRoles(decided, facts),
    others: othersHolding(decision.attribution, associateId).map(other => ({
      role: other.role,
      name: facts.associates.get(other.associateId)?.name ?? other.associateId,
    })),
    lines: linesOf(evidence, decision, associateId),
    lineCapBps: plan?.lineCapBps ?? null,
    refunds: refundsOf(evidence).map(refund => ({ ...refund, refundedAt: formatInstant(refund.refundedAt) })),
    takenBackFen: takenBack(evidence, plan, decision, associateId),
    losers: losers.map(loser => ({
      associateName: (loser.associateId !== null && facts.associates.get(loser.associateId)?.name) || null,
      isMe: loser.associateId === associateId,
      touchKind: loser.kind,
      at: formatInstant(loser.at),
      linkChannel: channelOf(facts.links.get(loser.linkCode)),
      reason: loser.outcome === 'won' ? 'superseded' : loser.outcome,
    })),
  }
}

const channelOf = (link: LinkRow | undefined) => (link?.channel ?? null) as ShareChannel | null

/** Each role that the asker holds, and why. */
function heldRoles(decided: Decided, facts: Facts): HeldRole[] {
  return decided.roles.map(held => ({ role: held.role, ground: groundOf(held, decided, facts) }))
}

function groundOf(held: RoleHeld, { key, decision }: Decided, facts: Facts): RoleGround {
  const { attribution } = decision
  if (held.because === 'override') {
    const override = facts.overrides.get(roleKey(key, held.role))
    return {
      kind: 'override',
      byName: override?.madeBy ?? '',
      at: formatInstant(override?.at ?? 0),
      reason: override?.reason ?? '',
    }
  }
  switch (held.role satisfies AssociateRole) {
    case 'sharer': {
      const winner = winnerOf(attribution)!
      const link = facts.links.get(winner.linkCode)
      const shared = { linkCode: winner.linkCode, linkTitle: link?.target.title ?? null, linkChannel: channelOf(link) }
      if (winner.kind === 'share_code') return { kind: 'share_code', ...shared }
      return {
        kind: 'touch',
        touchKind: winner.kind satisfies TouchKind,
        at: formatInstant(winner.at),
        ...shared,
        linkCreatedAt: link?.createdAt == null ? null : formatInstant(link.createdAt),
      }
    }
    case 'closer':
      return { kind: 'named', where: held.because === 'line' ? 'line' : 'order' }
    case 'attributed': {
      const since = held.since ?? 0
      const told = facts.assignmentReasons.get(assignmentKey(attribution.buyer?.memberNo ?? '', since))
      return { kind: 'assignment', since: formatInstant(since), reason: held.event ?? eventOf(told) }
    }
    case 'opener':
      return { kind: 'opening' }
    case 'inviter': {
      const sharer = attribution.holdings.sharer.holder ?? ''
      return { kind: 'invitation', sharerName: facts.associates.get(sharer)?.name ?? sharer }
    }
  }
}

/** The event that an assignment was told with as its reason, else by hand or API. */
function eventOf(told: string | undefined): 'enrol' | 'friend_added' | 'first_purchase' | 'assigned' {
  return told === 'enrol' || told === 'friend_added' || told === 'first_purchase' ? told : 'assigned'
}
