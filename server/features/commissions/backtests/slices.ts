import { setImmediate } from 'node:timers/promises'
import type { Pool } from '../../../database.ts'
import { compareBytes } from '../../../lib/text.ts'
import { DAY_MS, monthReader, monthStart, nextMonth, type Instant } from '../../../lib/time.ts'
import { areHeldAlike } from '../../attribution/domain.ts'
import { SpanReader, type OrderPlace } from '../../attribution/service.ts'
import { decide, planInForce, type Plan } from '../domain.ts'
import { emptyFold, foldOrder, type Fold } from './domain.ts'

/** What is tried out: plain data, so that it can be handed to a thread. */
export interface Trial {
  brandId: number
  /** Orders paid in [from, to). */
  from: Instant
  to: Instant
  zone: string
  plans: readonly Plan[]
  candidate: Plan
}

/** Some of the orders, by (paidAt, source, orderNo): those that come after one place, up to and with another. */
export interface Slice {
  /** null: from the first. */
  after: OrderPlace | null
  /** null: to the last. */
  upTo: OrderPlace | null
  /** How many there were when it was cut; there may be more by now. */
  orders: number
}

export const ORDERS_PER_BATCH = 1000
/** How many orders are decided before others of this process have their turn. */
const ORDERS_PER_TURN = 50

export interface FoldOptions {
  /** Told after each batch: how many of the slice are folded. */
  onOrders: (orders: number) => void
  /** @throws its reason, at the next batch */
  signal: AbortSignal
}

/** Decides the orders of slices twice and folds them. Links, associates and stores are read once for all slices. */
export function createSliceFolder(pool: Pool, trial: Trial): (slice: Slice, options: FoldOptions) => Promise<Fold> {
  const { plans, candidate } = trial
  const wholeMonthOf = wholeMonths(trial)
  const reader = readerOf(trial)

  return async ({ after, upTo }, { onOrders, signal }) => {
    const fold = emptyFold()
    const load = (from: OrderPlace | null) => loadBatch(pool, { trial, after: from, reader })
    let loading = load(after)
    for (;;) {
      const batch = await loading
      signal.throwIfAborted()
      const last = batch.at(-1)?.evidence.order
      const isLast = batch.length < ORDERS_PER_BATCH || !last || (upTo !== null && comparePlaces(last, upTo) >= 0)
      // While these are decided, the next ones are loaded.
      loading = isLast ? Promise.resolve([]) : load(last)
      loading.catch(() => {}) // told when it is waited for
      for (const [i, { evidence }] of batch.entries()) {
        const { order } = evidence
        if (upTo !== null && comparePlaces(order, upTo) > 0) break
        const plan = planInForce(plans, order.paidAt)
        const now = decide(evidence, plan)
        const isKnown =
          plan !== null && areHeldAlike(evidence, now.attribution, plan.attribution, candidate.attribution)
        const then = isKnown ? decide(evidence, candidate, now.attribution) : decide(evidence, candidate)
        foldOrder(fold, {
          order,
          now: { decision: now, plan },
          then: { decision: then, plan: candidate },
          month: wholeMonthOf(order.paidAt),
        })
        if (i % ORDERS_PER_TURN === ORDERS_PER_TURN - 1) await setImmediate()
      }
      onOrders(fold.orders)
      if (isLast) return fold
    }
  }
}

const comparePlaces = (a: OrderPlace, b: OrderPlace): number =>
  a.paidAt - b.paidAt || compareBytes(a.source, b.source) || compareBytes(a.orderNo, b.orderNo)

/** Who bought, and whether it was his first order, is as last decided; touches are read as far as both plans look. */
function readerOf({ brandId, plans, candidate }: Trial): SpanReader {
  const reach = (paidAt: Instant) => {
    const { windowDays = 0 } = planInForce(plans, paidAt)?.attribution ?? {}
    return { from: paidAt - Math.max(windowDays, candidate.attribution.windowDays) * DAY_MS, to: paidAt }
  }
  return new SpanReader({ brandId, reach, isFoundAnew: false })
}

/** The next orders with all that is recorded about them; read in one snapshot. */
async function loadBatch(pool: Pool, options: { trial: Trial; after: OrderPlace | null; reader: SpanReader }) {
  const { trial, after, reader } = options
  const { from, to } = trial
  return (await pool.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', tx =>
    reader.next(tx, { from, to, after, limit: ORDERS_PER_BATCH }),
  )) as Awaited<ReturnType<SpanReader['next']>>
}

/** The month of an instant where all of it lies within the span; else null. */
function wholeMonths({ from, to, zone }: Trial): (instant: Instant) => string | null {
  const monthOf = monthReader(zone)
  const known = new Map<string, boolean>()
  return instant => {
    const month = monthOf(instant)
    let isWhole = known.get(month)
    if (isWhole === undefined) {
      isWhole = monthStart(month, zone) >= from && monthStart(nextMonth(month), zone) <= to
      known.set(month, isWhole)
    }
    return isWhole ? month : null
  }
}
