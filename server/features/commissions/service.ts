import type { Db, Pool, Tx } from '../../database.ts'
import { transact } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { contentHash, withoutNulls } from '../../lib/items.ts'
import { DAY_MS, formatInstant, monthOf, parseInstant, type Instant } from '../../lib/time.ts'
import { loadEvidence, orderKeyText, type LoadedOrder } from '../attribution/service.ts'
import { type OrderEvidence } from '../attribution/domain.ts'
import { insertMarks, type BookingReason, type OrderKey } from '../evidence/service.ts'
import { bonusStep, insertBonusMarks, insertBonusMarksOfSpan, reconcileBases } from './bonuses/service.ts'
import { decide, differences, entitlementKey, planInForce, type Decision, type Plan } from './domain.ts'
import { insertJob, selectOpenJobs, takeJob, updateJob } from './jobs.ts'
import { faultsOfPlan, planOf, plainPlan, tierWarnings, type PlanWarning } from './plans.ts'
import {
  countOrdersPaid,
  deleteMarks,
  ensurePartition,
  getZone,
  haveEnded,
  insertBookings,
  insertOrderMarksOf,
  insertPlan,
  lockOrdersForBooking,
  selectBacklog,
  selectBooked,
  selectEvidenceMarks,
  selectOrdersPaid,
  selectPlanKeys,
  selectPlans,
  takeMarks,
  takeOrderMarks,
  updateDecided,
  updatePaidAt,
  type BookedRow,
  type Booking,
  type DecidedRow,
  type PlanKey,
} from './queries.ts'
import type { PlanContent, PublishBody } from './schema.ts'

export { basesOf } from './bonuses/domain.ts'
export { bonusKey, decideMonths } from './bonuses/service.ts'
export {
  selectBases as basesOfOrders,
  selectBonusEntitlements as bookedBonuses,
  selectBonusLedger as bonusLedger,
  selectMonthsToAudit as monthsToAudit,
  type BonusEntitlement,
} from './bonuses/queries.ts'
export { getZone as zoneOf } from './queries.ts'

// -------------------------------------------------------------------------------------------------- plans

/** Published versions never change, so what was parsed once stays right: kept by content. */
const parsedPlans = new Map<string, Plan>()

/** Every published plan version of a brand. */
export async function plansOf(db: Db, brandId: number): Promise<Plan[]> {
  const keys = await selectPlanKeys(db, { brandId })
  const cacheKey = (key: PlanKey) => `${key.code}/${key.version}/${key.hash}`
  const missing = keys.filter(key => !parsedPlans.has(cacheKey(key)))
  if (missing.length > 0) {
    for (const row of await selectPlans(db, { brandId, keys: missing })) {
      parsedPlans.set(cacheKey(row), planOf(row.content as PlanContent))
    }
  }
  return keys.map(key => parsedPlans.get(cacheKey(key))!)
}

export interface Published {
  code: string
  version: number
  isNew: boolean
  warnings: PlanWarning[]
  /** The job that re-books what the plan changes; null where nothing had to be. */
  jobId: string | null
}

/**
 * Publishes a plan version. Orders it covers that are there already are re-booked by a job after the answer.
 *
 * @throws AppError invalid_plan with every fault by its path, conflict where the version exists with other content
 */
export async function publishPlan(
  pool: Pool,
  options: { brandId: number; zone: string; body: unknown; now: Instant; actor: string },
): Promise<Published> {
  const { brandId, now, actor } = options
  const body = withoutNulls(options.body)
  const faults = faultsOfPlan(body)
  if (faults.length > 0) throw new AppError('invalid_plan', 'The plan cannot be published as it is.', faults)
  const { retroactive, ...rest } = body as PublishBody
  const content = plainPlan(rest)
  const hash = contentHash(content)
  const plan = planOf(content)
  const key = { code: plan.code, version: plan.version }

  return await transact(pool, async tx => {
    const [before] = await selectPlans(tx, { brandId, keys: [key] })
    if (before) return alreadyPublished(before.hash, hash, key)
    if (plan.effectiveFrom < now && retroactive !== true) {
      throw new AppError('invalid_plan', 'The plan cannot be published as it is.', [
        {
          path: 'effectiveFrom',
          code: 'in_the_past',
          message: 'A plan takes effect in the past only when published with "retroactive": true.',
        },
      ])
    }
    const isNew = await insertPlan(tx, {
      brandId,
      plan,
      content,
      contentHash: hash,
      isRetroactive: retroactive === true,
      now,
      actor,
    })
    if (!isNew) {
      const [other] = await selectPlans(tx, { brandId, keys: [key] })
      return alreadyPublished(other!.hash, hash, key)
    }
    const jobId = await insertJob(tx, {
      brandId,
      kind: 'rebook',
      input: { from: formatInstant(plan.effectiveFrom), to: plan.effectiveTo && formatInstant(plan.effectiveTo) },
      booksLedger: true,
      now,
    })
    return {
      ...key,
      isNew: true,
      warnings: tierWarnings(plan, await plansOf(tx, brandId), options.zone),
      jobId: retroactive === true ? jobId : null,
    }
  })
}

function alreadyPublished(hashBefore: string, hash: Buffer, key: { code: string; version: number }): Published {
  if (hashBefore !== hash.toString('hex')) {
    throw new AppError('conflict', `Version ${key.version} of ${key.code} was published before with other content.`)
  }
  return { ...key, isNew: false, warnings: [], jobId: null }
}

// ---------------------------------------------------------------------------------------------- reconcile

const partitionsMade = new WeakMap<object, Set<string>>()

/** The months that are about to be written to have their partitions, each asked for once by this process. */
export async function preparePartitions(
  pool: Pool,
  table: 'ledger_rows' | 'touches',
  instants: Iterable<Instant>,
): Promise<void> {
  const made = partitionsMade.get(pool) ?? new Set<string>()
  partitionsMade.set(pool, made)
  const earliest = Date.UTC(2015, 0, 1)
  const latest = Date.now() + 400 * DAY_MS
  for (const instant of instants) {
    const key = `${table} ${formatInstant(instant).slice(0, 7)}`
    if (instant < earliest || instant > latest || made.has(key)) continue // far off: the default partition
    try {
      await ensurePartition(pool, table, instant)
    } catch (error) {
      if (!isMonthKept(error)) throw error
    }
    made.add(key)
  }
}

/**
 * Another process made the partition at the same moment (42P07), or rows of that month are in the default partition
 * since it was far off when they came (23514): rows of the month can be written all the same.
 */
const isMonthKept = (error: unknown) => ['42P07', '23514'].includes(String((error as { code?: unknown }).code))

/** How far an order's touches reach: the window of the plan in force when it was paid. */
export const reachOf = (plans: readonly Plan[]) => (paidAt: Instant) => ({
  from: paidAt - (planInForce(plans, paidAt)?.attribution.windowDays ?? 0) * DAY_MS,
  to: paidAt,
})

/**
 * Brings what is booked for orders to what `decide` says of them, by the difference alone. In the caller's
 * transaction; the orders stay locked until it ends.
 */
export async function reconcile(
  tx: Tx,
  options: { brandId: number; orders: readonly OrderKey[]; reason: BookingReason; now: Instant },
): Promise<void> {
  const { brandId, reason, now } = options
  const orders = await lockOrdersForBooking(tx, { brandId, orders: options.orders })
  if (orders.length === 0) return
  const [plans, booked, zone] = await Promise.all([
    plansOf(tx, brandId),
    selectBooked(tx, { brandId, orders }),
    getZone(tx, brandId),
  ])
  const loaded = await loadEvidence(tx, { brandId, orders, reach: reachOf(plans), touchLimit: null, lock: true })
  const bookedOf = new Map<string, BookedRow[]>()
  for (const row of booked) {
    const rows = bookedOf.get(orderKeyText(row))
    if (rows) rows.push(row)
    else bookedOf.set(orderKeyText(row), [row])
  }

  const bookings: Booking[] = []
  const decided: DecidedRow[] = []
  const decisions: { order: OrderEvidence['order']; plan: Plan | null; decision: Decision }[] = []
  for (const { evidence } of loaded.orders) {
    const { order } = evidence
    const key = { source: order.source, orderNo: order.orderNo }
    const plan = planInForce(plans, order.paidAt)
    const decision = decide(evidence, plan)
    decisions.push({ order, plan, decision })
    const owed = new Map(decision.entitlements.map(entry => [entitlementKey(entry), entry.amountFen]))
    for (const row of differences(bookedOf.get(orderKeyText(key)) ?? [], decision.entitlements)) {
      bookings.push({ ...key, paidAt: order.paidAt, row, owedFen: owed.get(entitlementKey(row)) ?? 0 })
    }
    decided.push({ ...key, ...summaryOf(decision, order.cancelled, order.channel) })
  }
  await insertBookings(tx, { brandId, bookings, reason, now })
  await updateDecided(tx, { brandId, rows: decided })
  await reconcileBases(tx, { brandId, zone, decided: decisions, reason, now })
  if (booked.length > 0) {
    await updatePaidAt(tx, { brandId, orders: loaded.orders.map(({ evidence }) => evidence.order) })
  }
  await insertMarks(tx, {
    brandId,
    marks: loaded.firstOrderChanged.map(order => ({ kind: 'order', ...order })),
    reason: 'evidence',
    now,
  })
}

/** What lists and figures need of a decision. */
function summaryOf(decision: Decision, isCancelled: boolean, channel: string): Omit<DecidedRow, 'source' | 'orderNo'> {
  const { attribution } = decision
  const { holdings } = attribution
  const closers = [
    ...new Set(
      [holdings.closer, ...attribution.closers.values()]
        .map(holding => holding.holder)
        .filter(holder => holder !== null),
    ),
  ]
  const roles: Record<string, string | string[]> = {}
  for (const holding of Object.values(holdings)) {
    if (holding.role === 'headquarters' || holding.role === 'closer' || holding.holder === null) continue
    roles[holding.role] = holding.holder
  }
  if (closers.length > 0) roles['closer'] = closers
  const associates = [holdings.sharer, holdings.attributed, holdings.opener, holdings.inviter]
    .map(holding => holding.holder)
    .filter(holder => holder !== null)
  return {
    buyer: attribution.buyer?.memberNo ?? null,
    isFirstOrder: attribution.isFirstOrder === null ? null : attribution.isFirstOrder && !isCancelled,
    netFen: decision.netFen,
    commissionFen: decision.entitlements.reduce((sum, entry) => sum + entry.amountFen, 0),
    relation: decision.relation,
    isUnattributed:
      (channel === 'in_store' && closers.length === 0) ||
      (attribution.buyer !== null && holdings.sharer.holder === null && holdings.attributed.holder === null),
    isUnplanned: decision.plan === null,
    roles,
    associates: [...new Set([...associates, ...closers])],
  }
}

// --------------------------------------------------------------------------------------------- the worker

/** How many orders one transaction of the worker books: small, so that nobody waits long for their locks. */
const ORDERS_PER_STEP = 100
const MARKS_PER_STEP = 500
const MARK_BATCHES_PER_STEP = 10

/**
 * Works on what was marked: first finds the orders that evidence speaks of, then books them.
 *
 * Evidence is looked at only when every transaction that was under way when its mark was seen has ended: an order that
 * was being taken at the same moment, and could not see the evidence, is there then.
 *
 * @returns whether there was something to do, so that the caller comes again at once
 */
export async function reconcileStep(pool: Pool, brandId: number, now: Instant): Promise<boolean> {
  let expanded = 0
  // Evidence first, as far as it goes quickly: what comes in a heap speaks of the same orders, which are booked once.
  while (expanded < MARK_BATCHES_PER_STEP && (await expandMarks(pool, brandId, now))) expanded++
  await preparePartitions(pool, 'ledger_rows', [now])
  const booked = await transact(pool, async tx => {
    const taken = await takeOrderMarks(tx, { brandId, limit: ORDERS_PER_STEP })
    // An order with several reasons is booked once, for the first of them.
    const reasons = new Map(taken.map(mark => [orderKeyText(mark), mark.reason]))
    const orders = new Map(taken.map(({ source, orderNo }) => [orderKeyText({ source, orderNo }), { source, orderNo }]))
    for (const reason of new Set(reasons.values())) {
      const own = [...orders].filter(([key]) => reasons.get(key) === reason).map(([, order]) => order)
      await reconcile(tx, { brandId, orders: own, reason, now })
    }
    await deleteMarks(tx, { brandId, markIds: taken.map(mark => mark.markId) })
    return taken.length
  })
  return expanded > 0 || booked > 0
}

/** Finds the orders that the oldest marks speak of. @returns whether there were such marks, ready to be looked at */
async function expandMarks(pool: Pool, brandId: number, now: Instant): Promise<boolean> {
  const waves = wavesByPool.get(pool) ?? new Map<number, Wave>()
  wavesByPool.set(pool, waves)
  const wave = waves.get(brandId) ?? (await nextWave(pool, brandId))
  if (!wave) return false
  waves.set(brandId, wave)
  if (!(await haveEnded(pool, wave.underWay))) return false
  const isTaken = await transact(pool, async tx => {
    const taken = await takeMarks(tx, { brandId, markIds: wave.markIds })
    if (taken.length === 0) return false
    await insertOrderMarksOf(tx, {
      brandId,
      marks: taken.map(({ kind, key, paidFrom, reason }) => ({
        kind,
        key,
        reason,
        paidFrom: paidFrom === null ? null : formatInstant(paidFrom),
      })),
      now,
    })
    await deleteMarks(tx, { brandId, markIds: taken.map(mark => mark.markId) })
    return true
  })
  waves.delete(brandId)
  return isTaken
}

/**
 * Marks of a brand that wait for the transactions that were under way when they were first seen. Kept until those have
 * ended: looked at anew each time, on a busy database there would always be others.
 */
interface Wave {
  markIds: string[]
  underWay: string
}

const wavesByPool = new WeakMap<object, Map<number, Wave>>()

async function nextWave(pool: Pool, brandId: number): Promise<Wave | null> {
  const marks = await selectEvidenceMarks(pool, { brandId, limit: MARKS_PER_STEP })
  return marks.length === 0 ? null : { markIds: marks.map(mark => mark.markId), underWay: marks[0]!.underWay }
}

/** By job: what was under way when it was first seen; null once that has ended. */
const jobsSeen = new WeakMap<object, Map<string, string | null>>()

async function mayBegin(pool: Pool, job: { jobId: string; underWay: string }): Promise<boolean> {
  const seen = jobsSeen.get(pool) ?? new Map<string, string | null>()
  jobsSeen.set(pool, seen)
  const underWay = seen.has(job.jobId) ? seen.get(job.jobId)! : job.underWay
  const hasBegun = underWay === null || (await haveEnded(pool, underWay))
  seen.set(job.jobId, hasBegun ? null : underWay)
  return hasBegun
}

const ORDERS_PER_REBOOK = 100

/** Where a re-booking job is: the last order it booked. */
interface RebookCursor extends OrderKey {
  paidAt: string
}

/**
 * Books the next orders of a job that a published plan left behind. It begins when every transaction that was under
 * way when the plan appeared has ended, since those may have booked by the plans before.
 *
 * @returns whether there was something to do
 */
export async function rebookStep(pool: Pool, brandId: number, now: Instant): Promise<boolean> {
  const [next] = await selectOpenJobs(pool, { brandId })
  if (!next) return false
  if (!(await mayBegin(pool, next))) return true
  await preparePartitions(pool, 'ledger_rows', [now])
  await transact(pool, async tx => {
    const job = await takeJob(tx, { brandId, jobId: next.jobId })
    if (job?.kind !== 'rebook') return
    const span = { brandId, from: job.input['from']!, to: job.input['to'] ?? null }
    const total = job.status === 'waiting' ? await countOrdersPaid(tx, span) : job.total
    const orders = await selectOrdersPaid(tx, {
      ...span,
      after: job.cursor as RebookCursor | null,
      limit: ORDERS_PER_REBOOK,
    })
    await reconcile(tx, { brandId, orders, reason: 'plan', now })
    const last = orders.at(-1)
    const isDone = orders.length < ORDERS_PER_REBOOK
    await updateJob(tx, {
      brandId,
      jobId: job.jobId,
      status: isDone ? 'done' : 'running',
      cursor: last ? { source: last.source, orderNo: last.orderNo, paidAt: formatInstant(last.paidAt) } : job.cursor,
      done: isDone ? total : Math.min(total, job.done + orders.length),
      total,
      now,
    })
    if (isDone) {
      // The tiers of a month are those of the plan in force at its end.
      const zone = await getZone(tx, brandId)
      const monthAt = (text: string) => monthOf(parseInstant(text)!, zone)
      await insertBonusMarksOfSpan(tx, {
        brandId,
        fromMonth: monthAt(span.from),
        toMonth: span.to === null ? null : monthAt(span.to),
        reason: 'plan',
        now,
      })
    }
  })
  return true
}

/** Says that associates' targets of months changed. In the transaction that changed them. */
export async function markMonths(
  tx: Tx,
  options: { brandId: number; months: readonly { associateId: string; month: string }[]; now: Instant },
): Promise<void> {
  await insertBonusMarks(tx, { ...options, reason: 'evidence' })
}

/** Books the bonuses of months whose basis, target or plan changed. @returns whether there was something to do */
export async function bookBonuses(pool: Pool, brandId: number, now: Instant): Promise<boolean> {
  const zone = await getZone(pool, brandId)
  return await bonusStep(pool, { brandId, zone, plansOf: db => plansOf(db, brandId), now })
}

/** What is not booked yet: 0 when every account holds what `decide` gives it. */
export async function reconcileHealth(db: Db, brandId: number, now: Instant) {
  return await selectBacklog(db, { brandId, now })
}

// -------------------------------------------------------------------------------------------- explanation

/** How far before the window, and after payment, touches are shown with the reason why they do not count. */
const SHOWN_BEFORE_DAYS = 60
const SHOWN_AFTER_DAYS = 3

/** An order with everything recorded about it, decided under the plan in force or another. */
export async function decideOrder(
  db: Db,
  options: { brandId: number; order: OrderKey; plan?: Plan | null },
): Promise<{ loaded: LoadedOrder; plan: Plan | null; decision: Decision } | null> {
  const { brandId, order } = options
  const plans = await plansOf(db, brandId)
  const {
    orders: [loaded],
  } = await loadEvidence(db, {
    brandId,
    orders: [order],
    // Also what came too early or too late, so that it can be said that it did.
    reach: paidAt => ({
      from: reachOf(plans)(paidAt).from - SHOWN_BEFORE_DAYS * DAY_MS,
      to: paidAt + SHOWN_AFTER_DAYS * DAY_MS,
    }),
    touchLimit: null,
    lock: false,
  })
  if (!loaded) return null
  const plan = options.plan === undefined ? planInForce(plans, loaded.evidence.order.paidAt) : options.plan
  return { loaded, plan, decision: decide(loaded.evidence, plan) }
}
