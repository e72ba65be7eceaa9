import { transact, type Db, type Pool, type Tx } from '../../../database.ts'
import { boundInstant, DAY_MS, monthStart, nextMonth, type Instant } from '../../../lib/time.ts'
import { planInForce, type Decision, type Plan } from '../domain.ts'
import type { OrderKey } from '../../evidence/service.ts'
import { basesOf, monthlyBonus, type Bonus } from './domain.ts'
import {
  deleteBonusMarks,
  insertBonusBookings,
  lockMonths,
  selectBases,
  selectBasesOfMonth,
  selectBonusEntitlements,
  selectMonths,
  takeBonusMarks,
  writeBases,
  type BasisRow,
  type BonusBooking,
  type BonusEntitlement,
  type MonthKey,
} from './queries.ts'

export { insertBonusMarks, insertBonusMarksOfSpan, type MonthKey } from './queries.ts'

/** A decided order, as far as it adds to months. */
export interface DecidedForBases {
  order: OrderKey & { paidAt: Instant }
  plan: Plan | null
  decision: Decision
  /** It was not there before, and added to nothing. */
  isNew: boolean
}

/**
 * What the orders of a batch add to which months, brought to what was just decided.
 *
 * @returns the months that changed, for the caller to mark
 */
export async function reconcileBases(
  tx: Tx,
  options: { brandId: number; monthOf: (instant: Instant) => string; decided: readonly DecidedForBases[] },
): Promise<MonthKey[]> {
  const { brandId, decided } = options
  const known = decided.filter(({ isNew }) => !isNew).map(({ order }) => order)
  const before = new Map<string, BasisRow[]>()
  for (const row of await selectBases(tx, { brandId, orders: known })) {
    const rows = before.get(keyOf(row))
    if (rows) rows.push(row)
    else before.set(keyOf(row), [row])
  }
  const changed: BasisRow[] = []
  const months: MonthKey[] = []
  for (const { order, plan, decision } of decided) {
    const { source, orderNo } = order
    const left = before.get(keyOf(order)) ?? []
    for (const [associateId, basisFen] of basesOf(decision, plan)) {
      const month = options.monthOf(order.paidAt)
      const at = left.findIndex(row => row.associateId === associateId)
      const [was] = at === -1 ? [] : left.splice(at, 1)
      if (was?.month === month && was.basisFen === basisFen) continue
      changed.push({ source, orderNo, associateId, month, basisFen })
      months.push({ associateId, month }, ...(was ? [was] : []))
    }
    for (const row of left) {
      changed.push({ ...row, basisFen: 0 })
      months.push(row)
    }
  }
  await writeBases(tx, { brandId, rows: changed })
  return months
}

const keyOf = (order: OrderKey) => `${order.source}\u0000${order.orderNo}`

/** What a month owes an associate, and under which plan. */
export interface DecidedMonth extends MonthKey {
  basisFen: bigint
  /** null: no tiers are in force at the month's end, or there is no target to measure by. */
  bonus: Bonus | null
  owed: BonusEntitlement[]
}

/** Decides months from their bases: the tiers are those of the plan in force at the last instant of the month. */
export async function decideMonths(
  db: Db,
  options: { brandId: number; zone: string; plans: readonly Plan[]; months: readonly MonthKey[] },
): Promise<DecidedMonth[]> {
  const { brandId, zone, plans, months } = options
  return decidedOf(await selectMonths(db, { brandId, months }), { zone, plans })
}

/** The same for everybody who has a basis in a month. */
export async function decideMonth(
  db: Db,
  options: { brandId: number; zone: string; plans: readonly Plan[]; month: string },
): Promise<DecidedMonth[]> {
  return decidedOf(await selectBasesOfMonth(db, options), options)
}

function decidedOf(
  rows: Awaited<ReturnType<typeof selectMonths>>,
  { zone, plans }: { zone: string; plans: readonly Plan[] },
): DecidedMonth[] {
  const ends = new Map(rows.map(({ month }) => [month, NaN]))
  for (const month of ends.keys()) ends.set(month, monthStart(nextMonth(month), zone))
  return rows.map(({ associateId, month, basisFen, targetFen }) => {
    const end = ends.get(month)!
    const plan = planInForce(plans, end - 1)
    const basis = BigInt(basisFen)
    const bonus = plan?.monthlyTiers ? monthlyBonus(basis, plan.monthlyTiers, targetFen) : null
    const owed: BonusEntitlement[] =
      plan && bonus && bonus.amountFen !== 0
        ? [
            {
              associateId,
              month,
              bearerKind: 'headquarters',
              bearer: 'headquarters',
              planCode: plan.code,
              planVersion: plan.version,
              availableAt: boundInstant(end + plan.holdDays * DAY_MS),
              amountFen: bonus.amountFen,
            },
          ]
        : []
    return { associateId, month, basisFen: basis, bonus, owed }
  })
}

export const bonusKey = (row: BonusEntitlement) =>
  JSON.stringify([
    row.associateId,
    row.month,
    row.bearerKind,
    row.bearer,
    row.planCode,
    row.planVersion,
    row.availableAt,
  ])

/** How many marks one transaction of the worker takes: many, since most are of the same months while orders pour in. */
const MARKS_PER_STEP = 2000

/**
 * Books the bonuses of marked months, by the difference alone.
 *
 * @returns whether there was something to do
 */
export async function bonusStep(
  pool: Pool,
  options: { brandId: number; zone: string; plansOf: (db: Db) => Promise<readonly Plan[]>; now: Instant },
): Promise<boolean> {
  const { brandId, zone, now } = options
  return await transact(pool, async tx => {
    const marks = await takeBonusMarks(tx, { brandId, limit: MARKS_PER_STEP })
    if (marks.length === 0) return false
    for (const reason of new Set(marks.map(mark => mark.reason))) {
      const distinct = new Map(
        marks
          .filter(mark => mark.reason === reason)
          .map(mark => [JSON.stringify([mark.associateId, mark.month]), mark]),
      )
      const months = [...distinct.values()].map(({ associateId, month }) => ({ associateId, month }))
      await lockMonths(tx, { brandId, months })
      const plans = await options.plansOf(tx) // read under the lock: another may have booked by newer ones
      const booked = new Map((await selectBonusEntitlements(tx, { brandId, months })).map(row => [bonusKey(row), row]))
      const bookings: BonusBooking[] = []
      for (const row of (await decideMonths(tx, { brandId, zone, plans, months })).flatMap(month => month.owed)) {
        const was = booked.get(bonusKey(row))?.amountFen ?? 0
        booked.delete(bonusKey(row))
        if (was !== row.amountFen) {
          bookings.push({ row: { ...row, amountFen: row.amountFen - was }, owedFen: row.amountFen })
        }
      }
      for (const row of booked.values()) bookings.push({ row: { ...row, amountFen: -row.amountFen }, owedFen: 0 })
      await insertBonusBookings(tx, { brandId, bookings, reason, now })
    }
    await deleteBonusMarks(tx, { brandId, markIds: marks.map(mark => mark.markId) })
    return true
  })
}
