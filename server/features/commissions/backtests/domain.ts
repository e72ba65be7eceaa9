import type { Fen } from '../../../lib/money.ts'
import { compareBytes } from '../../../lib/text.ts'
import { formatInstant, type Instant } from '../../../lib/time.ts'
import { basesOf, monthlyBonus } from '../bonuses/domain.ts'
import type { Decision, MonthlyTiers, Plan } from '../domain.ts'

/** What a plan would have paid: decided orders folded one by one, pure, so that it can be kept and gone on with. */

/** Under the plans in force, and under the one that is tried out. */
interface Sums {
  nowFen: Fen
  thenFen: Fen
}

export interface OrderDifference extends Sums {
  source: string
  orderNo: string
  paidAt: string
}

/** What an associate's month is measured by; a sum of a month may pass 2^53. */
interface Basis {
  now: bigint
  then: bigint
}

export interface Fold {
  orders: number
  lines: number
  total: Sums
  byRole: Map<string, Sums>
  /** By selling store; empty where an order names none. */
  byStore: Map<string, Sums>
  byAssociate: Map<string, Sums>
  /** By month, then by associate; only months that lie wholly within the span. */
  bases: Map<string, Map<string, Basis>>
  /** The orders that differ most: as many as are shown, sorted, and as many again that came after. */
  most: OrderDifference[]
}

export const emptyFold = (): Fold => ({
  orders: 0,
  lines: 0,
  total: { nowFen: 0, thenFen: 0 },
  byRole: new Map(),
  byStore: new Map(),
  byAssociate: new Map(),
  bases: new Map(),
  most: [],
})

/** An order decided under the plan in force and under the one that is tried out. */
export interface DecidedTwice {
  order: { source: string; orderNo: string; paidAt: Instant; sellingStore?: string }
  now: { decision: Decision; plan: Plan | null }
  then: { decision: Decision; plan: Plan }
  /** The month of payment where it lies wholly within the span; else null. */
  month: string | null
}

const SHOWN_ORDERS = 100

export function foldOrder(fold: Fold, { order, now, then, month }: DecidedTwice): void {
  fold.orders++
  fold.lines += now.decision.lines.length
  const sums: Sums = { nowFen: 0, thenFen: 0 }
  addEntitlements(fold, now.decision, 'nowFen', sums)
  addEntitlements(fold, then.decision, 'thenFen', sums)
  const ofStore = sumsAt(fold.byStore, order.sellingStore ?? '')
  for (const column of ['nowFen', 'thenFen'] as const) {
    add(fold.total, column, sums[column])
    add(ofStore, column, sums[column])
  }
  if (sums.nowFen !== sums.thenFen) addDifference(fold, order, sums)
  if (month === null) return
  const bases = fold.bases.get(month) ?? new Map<string, Basis>()
  fold.bases.set(month, bases)
  for (const [associateId, basisFen] of basesOf(now.decision, now.plan)) {
    basisAt(bases, associateId).now += BigInt(basisFen)
  }
  for (const [associateId, basisFen] of basesOf(then.decision, then.plan)) {
    basisAt(bases, associateId).then += BigInt(basisFen)
  }
}

/** Keeps the order where it may be among those that differ most. */
function addDifference(fold: Fold, order: DecidedTwice['order'], sums: Sums): void {
  const least = fold.most.length < SHOWN_ORDERS ? null : fold.most[SHOWN_ORDERS - 1]!
  if (least && bySize(sums, least) > 0) return
  fold.most.push({ source: order.source, orderNo: order.orderNo, paidAt: formatInstant(order.paidAt), ...sums })
  const isSorted = fold.most.length !== SHOWN_ORDERS && fold.most.length < 2 * SHOWN_ORDERS
  if (!isSorted) fold.most = mostDifferent(fold.most)
}

function addEntitlements(fold: Fold, decision: Decision, column: keyof Sums, sums: Sums): void {
  for (const { role, payeeKind, payee, amountFen } of decision.entitlements) {
    add(sums, column, amountFen)
    add(sumsAt(fold.byRole, role), column, amountFen)
    if (payeeKind === 'associate') add(sumsAt(fold.byAssociate, payee), column, amountFen)
  }
}

function sumsAt(map: Map<string, Sums>, key: string): Sums {
  let sums = map.get(key)
  if (!sums) map.set(key, (sums = { nowFen: 0, thenFen: 0 }))
  return sums
}

function basisAt(bases: Map<string, Basis>, associateId: string): Basis {
  let basis = bases.get(associateId)
  if (!basis) bases.set(associateId, (basis = { now: 0n, then: 0n }))
  return basis
}

function add(sums: Sums, column: keyof Sums, amountFen: Fen): void {
  const sum = sums[column] + amountFen
  if (!Number.isSafeInteger(sum)) throw new RangeError(`amount ${sum} is beyond 2^53`)
  sums[column] = sum
}

/** The largest differences first; of equal ones the order that was paid first. */
const mostDifferent = (orders: readonly OrderDifference[]): OrderDifference[] =>
  [...orders]
    .sort(
      (a, b) =>
        bySize(a, b) ||
        compareBytes(a.paidAt, b.paidAt) ||
        compareBytes(a.source, b.source) ||
        compareBytes(a.orderNo, b.orderNo),
    )
    .slice(0, SHOWN_ORDERS)

const bySize = (a: Sums, b: Sums) => Math.abs(b.thenFen - b.nowFen) - Math.abs(a.thenFen - a.nowFen)

/** Adds what was folded elsewhere, of other orders. */
export function addFold(fold: Fold, kept: KeptFold): void {
  const other = restoreFold(kept)
  fold.orders += other.orders
  fold.lines += other.lines
  for (const column of ['nowFen', 'thenFen'] as const) {
    add(fold.total, column, other.total[column])
    for (const by of ['byRole', 'byStore', 'byAssociate'] as const) {
      for (const [key, sums] of other[by]) add(sumsAt(fold[by], key), column, sums[column])
    }
  }
  for (const [month, rows] of other.bases) {
    const bases = fold.bases.get(month) ?? new Map<string, Basis>()
    fold.bases.set(month, bases)
    for (const [associateId, { now, then }] of rows) {
      const basis = basisAt(bases, associateId)
      basis.now += now
      basis.then += then
    }
  }
  fold.most = mostDifferent([...fold.most, ...other.most])
}

// ------------------------------------------------------------------------------------------------- result

/** The tiers of a month under the plans in force, and its targets: what the bonuses are reckoned by. */
export interface MonthTerms {
  tiers: MonthlyTiers | null
  /** By associate. */
  targets: ReadonlyMap<string, Fen>
}

/** The lists of associates and stores end after so many, the largest differences first. */
const SHOWN_MAX = 1000

/**
 * What the back-test answers.
 *
 * @param plan the one that is tried out; its tiers are taken for every whole month
 * @param terms for each month of `fold.bases`
 */
export function resultOf(fold: Fold, plan: Plan, terms: ReadonlyMap<string, MonthTerms>) {
  const bonus: Sums = { nowFen: 0, thenFen: 0 }
  const bonuses = new Map<string, Sums>()
  for (const [month, bases] of fold.bases) {
    const { tiers, targets } = terms.get(month)!
    for (const [associateId, basis] of bases) {
      const targetFen = targets.get(associateId) ?? null
      const amounts: [keyof Sums, bigint, MonthlyTiers | null][] = [
        ['nowFen', basis.now, tiers],
        ['thenFen', basis.then, plan.monthlyTiers ?? null],
      ]
      for (const [column, basisFen, own] of amounts) {
        const amountFen = own ? (monthlyBonus(basisFen, own, targetFen)?.amountFen ?? 0) : 0
        if (amountFen === 0) continue
        add(bonus, column, amountFen)
        add(sumsAt(bonuses, associateId), column, amountFen)
      }
    }
  }
  const months = [...fold.bases.keys()].sort(compareBytes)
  const associateIds = [...new Set([...fold.byAssociate.keys(), ...bonuses.keys()])]
  const none: Sums = { nowFen: 0, thenFen: 0 }
  const associates = associateIds.map(associateId => {
    const { nowFen, thenFen } = fold.byAssociate.get(associateId) ?? none
    const own = bonuses.get(associateId) ?? none
    return { associateId, nowFen, thenFen, bonusNowFen: own.nowFen, bonusThenFen: own.thenFen }
  })
  const stores = [...fold.byStore].map(([storeCode, sums]) => ({
    storeCode: storeCode === '' ? null : storeCode,
    ...sums,
  }))
  const withBonus = (row: (typeof associates)[number]): Sums => ({
    nowFen: row.nowFen + row.bonusNowFen,
    thenFen: row.thenFen + row.bonusThenFen,
  })
  return {
    orders: fold.orders,
    lines: fold.lines,
    now: { totalFen: fold.total.nowFen, ...(months.length > 0 ? { bonusFen: bonus.nowFen } : {}) },
    then: { totalFen: fold.total.thenFen, ...(months.length > 0 ? { bonusFen: bonus.thenFen } : {}) },
    bonusMonths: months,
    perRole: [...fold.byRole].map(([role, sums]) => ({ role, ...sums })).sort((a, b) => compareBytes(a.role, b.role)),
    storeCount: stores.length,
    perStore: stores
      .sort((a, b) => bySize(a, b) || compareBytes(a.storeCode ?? '', b.storeCode ?? ''))
      .slice(0, SHOWN_MAX),
    associateCount: associates.length,
    perAssociate: associates
      .sort((a, b) => bySize(withBonus(a), withBonus(b)) || compareBytes(a.associateId, b.associateId))
      .slice(0, SHOWN_MAX),
    mostDifferent: mostDifferent(fold.most),
  }
}

// ------------------------------------------------------------------------------------------------ keeping

type Kept = [key: string, nowFen: Fen, thenFen: Fen][]

/** A fold as it is kept between two processes. */
export interface KeptFold {
  orders: number
  lines: number
  total: Sums
  byRole: Kept
  byStore: Kept
  byAssociate: Kept
  bases: [month: string, [associateId: string, now: string, then: string][]][]
  most: OrderDifference[]
}

export function keepFold(fold: Fold): KeptFold {
  const keep = (map: Map<string, Sums>): Kept => [...map].map(([key, sums]) => [key, sums.nowFen, sums.thenFen])
  return {
    orders: fold.orders,
    lines: fold.lines,
    total: fold.total,
    byRole: keep(fold.byRole),
    byStore: keep(fold.byStore),
    byAssociate: keep(fold.byAssociate),
    bases: [...fold.bases].map(([month, bases]) => [
      month,
      [...bases].map(([associateId, { now, then }]) => [associateId, String(now), String(then)]),
    ]),
    most: mostDifferent(fold.most),
  }
}

export function restoreFold(kept: KeptFold): Fold {
  const restore = (rows: Kept) => new Map(rows.map(([key, nowFen, thenFen]) => [key, { nowFen, thenFen }]))
  return {
    orders: kept.orders,
    lines: kept.lines,
    total: { ...kept.total },
    byRole: restore(kept.byRole),
    byStore: restore(kept.byStore),
    byAssociate: restore(kept.byAssociate),
    bases: new Map(
      kept.bases.map(([month, rows]) => [
        month,
        new Map(rows.map(([associateId, now, then]) => [associateId, { now: BigInt(now), then: BigInt(then) }])),
      ]),
    ),
    most: [...kept.most],
  }
}
