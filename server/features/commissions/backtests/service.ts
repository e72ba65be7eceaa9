import { setImmediate } from 'node:timers/promises'
import { isDatabaseAway, transact, type Pool } from '../../../database.ts'
import { AppError } from '../../../errors.ts'
import { withoutNulls } from '../../../lib/items.ts'
import {
  DAY_MS,
  formatInstant,
  monthReader,
  monthStart,
  nextMonth,
  parseInstant,
  type Instant,
} from '../../../lib/time.ts'
import { compileCheck, type ValueFault } from '../../../lib/validate.ts'
import { insertActivity } from '../../activity/service.ts'
import { loadEvidenceOfSpan, MasterBook, type OrderPlace } from '../../attribution/service.ts'
import { decide, planInForce, type Plan } from '../domain.ts'
import { insertJob } from '../jobs.ts'
import { faultsOfPlan, planOf, plainPlan } from '../plans.ts'
import { countOrdersPaid, getZone, selectBacklog } from '../queries.ts'
import { BacktestSpan, type PlanContent, type PublishBody } from '../schema.ts'
import { plansOf } from '../service.ts'
import {
  emptyFold,
  foldOrder,
  keepFold,
  restoreFold,
  resultOf,
  type Fold,
  type KeptFold,
  type MonthTerms,
} from './domain.ts'
import {
  endJob,
  giveUpLease,
  leaseJob,
  renewLease,
  selectFreeBacktests,
  selectTargets,
  updateCursor,
  type Leased,
  type LeasedJob,
} from './queries.ts'

interface BacktestInput {
  plan: PlanContent
  from: string
  to: string
}

const checkSpan = compileCheck(BacktestSpan)

/**
 * Asks what a plan would have paid for the orders of a span. Its own span of effect is not looked at.
 *
 * @returns the job that finds out
 * @throws AppError invalid_plan, invalid_body with every fault by its path
 */
export async function startBacktest(
  pool: Pool,
  options: { brandId: number; actor: string; body: unknown; now: Instant },
): Promise<string> {
  const { brandId, actor, now } = options
  const body = withoutNulls(options.body)
  const { plan, ...span } = (body ?? {}) as Record<string, unknown>
  const faultsOfSpan = checkSpan(span)
  const [from, to] = [span['from'], span['to']]
  if (faultsOfSpan.length === 0 && parseInstant(from as string)! >= parseInstant(to as string)!) {
    faultsOfSpan.push({ path: 'to', code: 'out_of_order', message: 'It must lie after from.' })
  }
  const faults = [
    ...faultsOfPlan(plan).map(fault => ({ ...fault, path: fault.path === '' ? 'plan' : `plan.${fault.path}` })),
    ...faultsOfSpan,
  ]
  refuse(faults)
  const { retroactive: _, ...rest } = plan as PublishBody
  const input: BacktestInput = {
    plan: plainPlan(rest),
    from: formatInstant(parseInstant(from as string)!),
    to: formatInstant(parseInstant(to as string)!),
  }
  return await transact(pool, async tx => {
    const jobId = await insertJob(tx, { brandId, kind: 'backtest', input: { ...input }, booksLedger: false, now })
    const { code, version } = input.plan
    const details = { code, version, from: input.from, to: input.to }
    await insertActivity(tx, { brandId, now, actor, action: 'plan.backtested', subject: `jobs/${jobId}`, details })
    return jobId
  })
}

function refuse(faults: readonly ValueFault[]): void {
  const [first] = faults
  if (!first) return
  const isPlan = first.path.startsWith('plan')
  throw new AppError(isPlan ? 'invalid_plan' : 'invalid_body', 'The back-test cannot be run as it is.', faults)
}

// --------------------------------------------------------------------------------------------- the worker

/** A process that is not heard of for so long is taken for dead. */
const LEASE_SECONDS = 15
/** How often the lease is renewed, and it is looked whether somebody cancelled. */
const RENEW_MS = 1000
/** How often the fold is kept, so that a crash costs no more work than this. */
const KEEP_MS = 5000
const ORDERS_PER_BATCH = 1000
/** How many orders are decided before others of this process have their turn. */
const ORDERS_PER_TURN = 50

/** Where a back-test is: the last order that it folded, and the fold. */
interface Cursor {
  after: OrderPlace | null
  total: number
  fold: KeptFold
}

/**
 * Works on the oldest back-test that nobody works on, until it ends, is cancelled, or this process is to stop.
 *
 * @returns whether there was one
 */
export async function runBacktest(
  pool: Pool,
  options: { now: () => Instant; isStopped: () => boolean },
): Promise<boolean> {
  for (const key of await selectFreeBacktests(pool)) {
    const job = await leaseJob(pool, { ...key, seconds: LEASE_SECONDS, now: options.now() })
    if (!job) continue
    try {
      await work(pool, job, options)
    } catch (error) {
      if (isDatabaseAway(error)) throw error // the lease runs out, and somebody goes on with it
      const message = error instanceof Error ? error.message : String(error)
      await endJob(pool, { ...leaseOf(job), result: null, error: message, done: job.total, now: options.now() })
      throw error
    }
    return true
  }
  return false
}

const leaseOf = ({ brandId, jobId, leaseId }: Leased): Leased => ({ brandId, jobId, leaseId })

async function work(
  pool: Pool,
  job: LeasedJob,
  { now, isStopped }: { now: () => Instant; isStopped: () => boolean },
): Promise<void> {
  const { brandId } = job
  const lease = leaseOf(job)
  const input = job.input as BacktestInput
  const span = { brandId, from: parseInstant(input.from)!, to: parseInstant(input.to)! }
  const candidate = planOf(input.plan)
  const plans = await plansOf(pool, brandId)
  const zone = await getZone(pool, brandId)
  const cursor = (job.cursor as Cursor | null) ?? {
    after: null,
    total: await countOrdersPaid(pool, { brandId, from: input.from, to: input.to }),
    fold: null,
  }
  const fold = cursor.fold ? restoreFold(cursor.fold) : emptyFold()
  const { total } = cursor
  let { after } = cursor
  const wholeMonthOf = wholeMonths(span, zone)
  const master = new MasterBook()
  const load = (from: OrderPlace | null) => loadBatch(pool, { ...span, after: from, plans, candidate, master })

  const renew = () => {
    const done = Math.min(fold.orders, total)
    return renewLease(pool, { ...lease, seconds: LEASE_SECONDS, done, total, now: now() })
  }

  if (!(await renew())) return
  let renewedAt = performance.now()
  let keptAt = renewedAt
  let loading = load(after)
  for (;;) {
    const batch = await loading
    const last = batch.at(-1)?.order
    const isLast = batch.length < ORDERS_PER_BATCH
    // While these are decided, the next ones are loaded.
    loading = isLast || !last ? Promise.resolve([]) : load(last)
    loading.catch(() => {}) // told when it is waited for
    for (const [i, evidence] of batch.entries()) {
      const plan = planInForce(plans, evidence.order.paidAt)
      foldOrder(fold, {
        order: evidence.order,
        now: { decision: decide(evidence, plan), plan },
        then: { decision: decide(evidence, candidate), plan: candidate },
        month: wholeMonthOf(evidence.order.paidAt),
      })
      if (i % ORDERS_PER_TURN === ORDERS_PER_TURN - 1) await setImmediate()
    }
    if (last) after = { paidAt: last.paidAt, source: last.source, orderNo: last.orderNo }
    if (isLast) break
    const time = performance.now()
    if (time - renewedAt >= RENEW_MS) {
      if (!(await renew())) return
      renewedAt = time
    }
    if (time - keptAt >= KEEP_MS || isStopped()) {
      if (!(await updateCursor(pool, { ...lease, cursor: { after, total, fold: keepFold(fold) } }))) return
      keptAt = time
    }
    if (isStopped()) return await giveUpLease(pool, lease)
  }
  const result = {
    ...resultOf(fold, candidate, await termsOf(pool, { brandId, zone, plans, fold })),
    pendingOrders: (await selectBacklog(pool, { brandId, now: now() })).pendingOrders,
  }
  await endJob(pool, { ...lease, result, error: null, done: fold.orders, now: now() })
}

/** The next orders with all that is recorded about them, as far as both plans look; read in one snapshot. */
async function loadBatch(
  pool: Pool,
  options: {
    brandId: number
    from: Instant
    to: Instant
    after: OrderPlace | null
    plans: readonly Plan[]
    candidate: Plan
    master: MasterBook
  },
) {
  const { plans, candidate, ...span } = options
  const reach = (paidAt: Instant) => {
    const { windowDays = 0 } = planInForce(plans, paidAt)?.attribution ?? {}
    return { from: paidAt - Math.max(windowDays, candidate.attribution.windowDays) * DAY_MS, to: paidAt }
  }
  return (await pool.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', tx =>
    loadEvidenceOfSpan(tx, { ...span, reach, limit: ORDERS_PER_BATCH }),
  )) as Awaited<ReturnType<typeof loadEvidenceOfSpan>>
}

/** The month of an instant where all of it lies within the span; else null. */
function wholeMonths(span: { from: Instant; to: Instant }, zone: string): (instant: Instant) => string | null {
  const monthOf = monthReader(zone)
  const known = new Map<string, boolean>()
  return instant => {
    const month = monthOf(instant)
    let isWhole = known.get(month)
    if (isWhole === undefined) {
      isWhole = monthStart(month, zone) >= span.from && monthStart(nextMonth(month), zone) <= span.to
      known.set(month, isWhole)
    }
    return isWhole ? month : null
  }
}

async function termsOf(
  pool: Pool,
  options: { brandId: number; zone: string; plans: readonly Plan[]; fold: Fold },
): Promise<Map<string, MonthTerms>> {
  const { brandId, zone, plans, fold } = options
  const months = [...fold.bases.keys()]
  const terms = new Map(
    months.map(month => {
      const plan = planInForce(plans, monthStart(nextMonth(month), zone) - 1)
      return [month, { tiers: plan?.monthlyTiers ?? null, targets: new Map<string, number>() }]
    }),
  )
  for (const { month, associateId, targetFen } of await selectTargets(pool, { brandId, months })) {
    terms.get(month)!.targets.set(associateId, targetFen)
  }
  return terms
}
