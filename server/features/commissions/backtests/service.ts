import { setTimeout as sleep } from 'node:timers/promises'
import { isDatabaseAway, transact, type Pool } from '../../../database.ts'
import { AppError } from '../../../errors.ts'
import { withoutNulls } from '../../../lib/items.ts'
import { formatInstant, monthStart, nextMonth, parseInstant, type Instant } from '../../../lib/time.ts'
import { compileCheck, type ValueFault } from '../../../lib/validate.ts'
import { insertActivity } from '../../activity/service.ts'
import { planInForce, type Plan } from '../domain.ts'
import { insertJob } from '../jobs.ts'
import { faultsOfPlan, planOf, plainPlan, termsHashOf } from '../plans.ts'
import { countOrdersPaid, getZone, selectBacklog } from '../queries.ts'
import { BacktestSpan, type PlanContent, type PublishBody } from '../schema.ts'
import { plansOf } from '../service.ts'
import {
  addFold,
  emptyFold,
  keepFold,
  restoreFold,
  resultOf,
  type Fold,
  type KeptFold,
  type MonthTerms,
} from './domain.ts'
import { openLanes, type Threads } from './lanes.ts'
import {
  endJob,
  giveUpLease,
  leaseJob,
  renewLease,
  selectFreeBacktests,
  selectSliceEnds,
  selectTargets,
  updateCursor,
  type Leased,
  type LeasedJob,
} from './queries.ts'
import type { Slice, Trial } from './slices.ts'

interface BacktestInput {
  plan: PlanContent
  from: string
  to: string
  /** What the plan pays, in one word: by it the back-tests of one content are found. */
  terms: string
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
  const content = plainPlan(rest)
  const input: BacktestInput = {
    plan: content,
    terms: termsHashOf(content),
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
/** A slice is what may have to be folded again after a crash; large enough that cutting and adding cost nothing. */
const ORDERS_PER_SLICE = 10_000

/** Where a back-test is: how the orders were cut, which slices are folded, and the sum of those. */
interface Cursor {
  slices: Slice[]
  folded: number[]
  fold: KeptFold
}

export interface RunOptions {
  now: () => Instant
  isStopped: () => boolean
  /** Where more than one slice is to be folded; null: all of it here. */
  threads?: Threads | null
  ordersPerSlice?: number
}

/**
 * Works on the oldest back-test that nobody works on, until it ends, is cancelled, or this process is to stop.
 *
 * @returns whether there was one
 */
export async function runBacktest(pool: Pool, options: RunOptions): Promise<boolean> {
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

async function work(pool: Pool, job: LeasedJob, options: RunOptions): Promise<void> {
  const { now, isStopped, threads = null, ordersPerSlice = ORDERS_PER_SLICE } = options
  const lease = leaseOf(job)
  const trial = await readTrial(pool, job)
  const cursor = (job.cursor as Cursor | null) ?? {
    slices: await cutSlices(pool, trial, ordersPerSlice),
    folded: [],
    fold: keepFold(emptyFold()),
  }
  const { slices } = cursor
  const total = slices.reduce((sum, { orders }) => sum + orders, 0)
  const fold = restoreFold(cursor.fold)
  const folded = new Set(cursor.folded)
  const todo = [...slices.keys()].filter(i => !folded.has(i))

  const underWay = new Map<number, number>()
  const renew = () => {
    const done = Math.min(
      [...underWay.values()].reduce((sum, orders) => sum + orders, fold.orders),
      total,
    )
    return renewLease(pool, { ...lease, seconds: LEASE_SECONDS, done, total, now: now() })
  }
  const keep = () => updateCursor(pool, { ...lease, cursor: { slices, folded: [...folded], fold: keepFold(fold) } })

  if (!(await renew())) return
  const lanes = openLanes(pool, trial, { slices: todo.length, threads })
  try {
    const working = Promise.all(
      lanes.map(async lane => {
        for (let i = todo.shift(); i !== undefined && !isStopped(); i = todo.shift()) {
          const slice = i
          addFold(fold, await lane.fold(slices[slice]!, orders => underWay.set(slice, orders)))
          underWay.delete(slice)
          folded.add(slice)
        }
      }),
    )
    working.catch(() => {}) // told when it is waited for
    let keptAt = performance.now()
    while (!(await Promise.race([working.then(() => true), sleep(RENEW_MS, false, { ref: false })]))) {
      if (!(await renew())) return
      if (isStopped()) break
      if (performance.now() - keptAt < KEEP_MS) continue
      if (!(await keep())) return
      keptAt = performance.now()
    }
  } finally {
    await Promise.all(lanes.map(lane => lane.close()))
  }
  if (folded.size < slices.length) {
    if (await keep()) await giveUpLease(pool, lease)
    return
  }
  const { brandId, zone, plans, candidate } = trial
  const result = {
    ...resultOf(fold, candidate, await termsOf(pool, { brandId, zone, plans, fold })),
    pendingOrders: (await selectBacklog(pool, { brandId, now: now() })).pendingOrders,
  }
  await endJob(pool, { ...lease, result, error: null, done: fold.orders, now: now() })
}

async function readTrial(pool: Pool, { brandId, input }: LeasedJob): Promise<Trial> {
  const { plan, from, to } = input as BacktestInput
  const [plans, zone] = await Promise.all([plansOf(pool, brandId), getZone(pool, brandId)])
  return { brandId, from: parseInstant(from)!, to: parseInstant(to)!, zone, plans, candidate: planOf(plan) }
}

async function cutSlices(pool: Pool, { brandId, from, to }: Trial, size: number): Promise<Slice[]> {
  const span = { brandId, from: formatInstant(from), to: formatInstant(to) }
  const [total, ends] = await Promise.all([
    countOrdersPaid(pool, span),
    selectSliceEnds(pool, { brandId, from, to, size }),
  ])
  return [...ends, null].map((upTo, i) => ({
    after: ends[i - 1] ?? null,
    upTo,
    orders: upTo === null ? Math.max(0, total - ends.length * size) : size,
  }))
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
