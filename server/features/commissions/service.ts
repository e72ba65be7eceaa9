import { setImmediate } from 'node:timers/promises'
import type { Db, Pool, Tx } from '../../database.ts'
import { buildPoolAsks, keepPlans, transact } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { contentHash, withoutNulls } from '../../lib/items.ts'
import { DAY_MS, formatInstant, monthOf, monthReader, parseInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import { loadEvidence, orderKeyText, type LoadedOrder } from '../attribution/service.ts'
import type { Scope } from '../auth/domain.ts'
import type { OrderEvidence, Override } from '../attribution/domain.ts'
import { isFresh } from '../messages/domain.ts'
import { noteMessages, type Note } from '../messages/service.ts'
import { markOrders, markOrdersThatWere } from '../rollups/service.ts'
import {
  insertBindingMarks,
  insertMarks,
  type BindingMark,
  type BookingReason,
  type OrderKey,
  type ToldOrder,
} from '../evidence/service.ts'
import {
  bonusStep,
  insertBonusMarks,
  insertBonusMarksOfSpan,
  reconcileBases,
  type DecidedForBases,
  type MonthKey,
} from './bonuses/service.ts'
import { markRewardsOfSpan, rewardStep } from './rewards/service.ts'
import { decide, differences, entitlementKey, planInForce, type Decision, type Plan } from './domain.ts'
import { insertJob, lockJob, selectOpenBooking, takeJob, updateJob } from './jobs.ts'
import { faultsOfPlan, planOf, plainPlan, termsHashOf, tierWarnings, type PlanWarning } from './plans.ts'
import {
  countOrdersPaid,
  deleteMarks,
  ensurePartition,
  getZone,
  haveEnded,
  insertBookings,
  insertDecided,
  insertOrderMarksOf,
  insertPlan,
  insertWithdrawal,
  lockOrdersForBooking,
  selectBacklog,
  selectBooked,
  selectEvidenceMarks,
  selectOrdersPaid,
  selectPlanKeys,
  selectPlans,
  selectVisibleAssociates,
  takeMarks,
  takeOrderMarks,
  updateDecided,
  updatePaidAt,
  type BookedRow,
  type Booking,
  type DecidedRow,
  type LastDecided,
  type NewOrderRow,
  type PlanKey,
  type PlanRow,
} from './queries.ts'
import type { PlanContent, PublishBody } from './schema.ts'

export { faultsOfPlan, plainPlan, planOf } from './plans.ts'
export { basesOf } from './bonuses/domain.ts'
export { bonusKey, decideMonth } from './bonuses/service.ts'
export { rewardKey, subjectOf as rewardSubjectOf, type RewardEntitlement } from './rewards/domain.ts'
export {
  selectBookedSubjectKeys as bookedRewardKeys,
  selectRewardEntitlements as bookedRewards,
  selectRewardLedger as rewardLedger,
  selectRewardSubjects as rewardSubjects,
  type RewardSubject,
} from './rewards/queries.ts'
export { decideRewardsOf, markRewards, paysRewards } from './rewards/service.ts'
export {
  selectBases as basesOfOrders,
  selectBonusEntitlementsOfMonth as bookedBonusesOfMonth,
  selectBonusLedgerOfMonth as bonusLedgerOfMonth,
  selectMonthsToAudit as monthsToAudit,
  type BonusEntitlement,
} from './bonuses/queries.ts'
export {
  getZone as zoneOf,
  haveEnded,
  lockOrdersForBooking as lockOrders,
  selectNamedThings as areVisible,
  selectOrderVisible as isOrderVisible,
} from './queries.ts'

// -------------------------------------------------------------------------------------------------- plans

/** Published versions never change, so what was parsed once stays right: kept by content. */
const parsedPlans = new Map<string, Plan>()

const plansAsked = buildPoolAsks<Plan[]>()

/** Every published plan version of a brand, those left out that were withdrawn. */
export async function plansOf(db: Db, brandId: number): Promise<readonly Plan[]> {
  return await plansAsked(db, String(brandId), () => readPlans(db, brandId))
}

async function readPlans(db: Db, brandId: number): Promise<Plan[]> {
  const keys = (await selectPlanKeys(db, { brandId })).filter(key => !key.isWithdrawn)
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
    if (before) return alreadyPublished(before, hash, key)
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
      return alreadyPublished(other!, hash, key)
    }
    const jobId = await insertJob(tx, {
      brandId,
      kind: 'rebook',
      input: {
        ...key,
        from: formatInstant(plan.effectiveFrom),
        to: plan.effectiveTo === null ? null : formatInstant(plan.effectiveTo),
        retroactive: retroactive === true,
      } satisfies RebookInput,
      booksLedger: true,
      now,
    })
    const subject = `plans/${key.code}/versions/${key.version}`
    const details = { effectiveFrom: content.effectiveFrom, retroactive: retroactive === true }
    await insertActivity(tx, { brandId, now, actor, action: 'plan.published', subject, details })
    return {
      ...key,
      isNew: true,
      warnings: tierWarnings(plan, await plansOf(tx, brandId), options.zone),
      jobId: retroactive === true ? jobId : null,
    }
  })
}

/** What would be said if a plan were published now: every fault by its path; nothing is published. */
export async function checkPlan(db: Db, options: { brandId: number; zone: string; body: unknown; now: Instant }) {
  const { brandId, zone, now } = options
  const body = withoutNulls(options.body)
  const faults = faultsOfPlan(body)
  if (faults.length > 0) return { faults, warnings: [], isPast: false, taken: null, terms: null }
  const { retroactive: _, ...rest } = body as PublishBody
  const content = plainPlan(rest)
  const plan = planOf(content)
  const [before] = await selectPlans(db, { brandId, keys: [{ code: plan.code, version: plan.version }] })
  const isSame = before?.withdrawnAt === null && before.hash === contentHash(content).toString('hex')
  return {
    faults,
    warnings: tierWarnings(plan, [...(await plansOf(db, brandId)), plan], zone),
    isPast: plan.effectiveFrom < now,
    taken: before ? (isSame ? ('same' as const) : ('other' as const)) : null,
    terms: termsHashOf(content),
  }
}

function alreadyPublished(before: PlanRow, hash: Buffer, key: { code: string; version: number }): Published {
  if (before.withdrawnAt !== null) {
    throw new AppError(
      'conflict',
      `Version ${key.version} of ${key.code} was withdrawn; publish it under another number.`,
    )
  }
  if (before.hash !== hash.toString('hex')) {
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

/** How many orders are decided before what follows is sent: the database writes while the next ones are decided. */
const ORDERS_PER_WRITE = 250

/**
 * Brings what is booked for orders to what `decide` says of them, by the difference alone. In the caller's
 * transaction; the orders stay locked until it ends.
 *
 * @param options.told orders that come in this transaction for the first time: their rows are made with what was decided
 */
export async function reconcile(
  tx: Tx,
  options: {
    brandId: number
    orders: readonly OrderKey[]
    told?: readonly ToldOrder[]
    reason: BookingReason
    now: Instant
    /** They come by an import: nobody is told of them as of sales. */
    isImported?: boolean
  },
): Promise<void> {
  const { brandId, told = [], reason, now, isImported = false } = options
  const locked = await lockOrdersForBooking(tx, { brandId, orders: options.orders })
  if (locked.length + told.length === 0) return
  const orders = locked.map(({ source, orderNo }) => ({ source, orderNo }))
  const [plans, booked, zone] = await Promise.all([
    plansOf(tx, brandId),
    selectBooked(tx, { brandId, orders }),
    getZone(tx, brandId),
    markOrdersThatWere(tx, { brandId, now, orders }),
    markOrders(tx, { brandId, now, orders: told }),
  ])
  const loaded = await loadEvidence(tx, { brandId, orders, told, reach: reachOf(plans), lock: true })
  const before: BookedBefore = { booked: new Map(), told: new Map(told.map(order => [orderKeyText(order), order])) }
  for (const row of booked) {
    const rows = before.booked.get(orderKeyText(row))
    if (rows) rows.push(row)
    else before.booked.set(orderKeyText(row), [row])
  }

  const decided: DecidedRow[] = []
  const writes: Promise<MonthKey[]>[] = []
  const monthOfInstant = monthReader(zone)
  for (let i = 0; i < loaded.orders.length; i += ORDERS_PER_WRITE) {
    const batch = decideBatch(loaded.orders.slice(i, i + ORDERS_PER_WRITE), plans, before)
    decided.push(...batch.decided, ...batch.made)
    const write = writeBatch(tx, { brandId, batch, monthOf: monthOfInstant, reason, now })
    write.catch(() => {}) // told below, with the first that failed
    writes.push(write)
    await setImmediate()
  }
  const months = (await Promise.all(writes)).flat()
  await Promise.all([
    insertBonusMarks(tx, { brandId, months, reason, now }),
    insertMarks(tx, {
      brandId,
      marks: loaded.firstOrderChanged.map(order => ({ kind: 'order', ...order })),
      reason: 'evidence',
      now,
    }),
    insertBindingMarks(tx, { brandId, marks: bindingMarksOf(locked, decided, reason), now }),
    noteMessages(tx, { brandId, now, notes: salesOf(loaded.orders, decided, now), isImported }),
  ])
}

/** What those are told whose sale it is, where it is a new one. */
function salesOf(orders: readonly LoadedOrder[], decided: readonly DecidedRow[], now: Instant): Note[] {
  const sold = new Map<string, Instant>()
  for (const { evidence } of orders) {
    const { order } = evidence
    if (isFresh({ at: order.paidAt }, now) && !order.cancelled) sold.set(orderKeyText(order), order.paidAt)
  }
  if (sold.size === 0) return []
  return decided.flatMap(({ source, orderNo, associates }) => {
    const at = sold.get(orderKeyText({ source, orderNo }))
    if (at === undefined) return []
    const occasion = JSON.stringify([source, orderNo])
    return associates.map((associateId): Note => {
      return { kind: 'sold', associateId, occasion, at, details: { source, orderNo } }
    })
  })
}

/** By order: what is booked for it, and, where it has no row yet, what was told. */
interface BookedBefore {
  booked: Map<string, BookedRow[]>
  told: Map<string, ToldOrder>
}

/** What follows from a batch of orders. */
interface DecidedBatch {
  /** Orders that have a row. */
  decided: DecidedRow[]
  /** Orders that have no row yet. */
  made: NewOrderRow[]
  /** Of orders for which nothing was booked before. */
  firstBookings: Booking[]
  bookings: Booking[]
  /** Orders whose booked rows say that they were paid at another time. */
  movedOrders: OrderEvidence['order'][]
  decisions: DecidedForBases[]
}

function decideBatch(orders: readonly LoadedOrder[], plans: readonly Plan[], before: BookedBefore): DecidedBatch {
  const batch: DecidedBatch = { decided: [], made: [], firstBookings: [], bookings: [], movedOrders: [], decisions: [] }
  for (const { evidence } of orders) {
    const { order } = evidence
    const { source, orderNo, paidAt } = order
    const keyText = orderKeyText(order)
    const plan = planInForce(plans, paidAt)
    const decision = decide(evidence, plan)
    const told = before.told.get(keyText)
    batch.decisions.push({ order, plan, decision, isNew: told !== undefined })
    const booked = before.booked.get(keyText)
    if (!booked) {
      for (const row of decision.entitlements) {
        batch.firstBookings.push({ source, orderNo, paidAt, row, owedFen: row.amountFen })
      }
    } else {
      const owed = new Map(decision.entitlements.map(entry => [entitlementKey(entry), entry.amountFen]))
      for (const row of differences(booked, decision.entitlements)) {
        batch.bookings.push({ source, orderNo, paidAt, row, owedFen: owed.get(entitlementKey(row)) ?? 0 })
      }
      if (booked.some(row => row.paidAt !== paidAt)) batch.movedOrders.push(order)
    }
    const row: DecidedRow = { source, orderNo, ...summaryOf(decision, order.cancelled, order.channel) }
    if (told) batch.made.push({ ...row, revision: told.revision, closers: namedClosers(told) })
    else batch.decided.push(row)
  }
  return batch
}

/**
 * Writes what follows from a batch of orders; all of it is sent at once.
 *
 * @returns the months whose basis changed
 */
async function writeBatch(
  tx: Tx,
  options: {
    brandId: number
    batch: DecidedBatch
    monthOf: (instant: Instant) => string
    reason: BookingReason
    now: Instant
  },
): Promise<MonthKey[]> {
  const { brandId, batch, reason, now } = options
  const [months] = await Promise.all([
    reconcileBases(tx, { brandId, monthOf: options.monthOf, decided: batch.decisions }),
    insertBookings(tx, { brandId, bookings: batch.firstBookings, isFirst: true, reason, now }),
    insertBookings(tx, { brandId, bookings: batch.bookings, isFirst: false, reason, now }),
    updateDecided(tx, { brandId, rows: batch.decided }),
    insertDecided(tx, { brandId, rows: batch.made, now }),
    updatePaidAt(tx, { brandId, orders: batch.movedOrders }),
  ])
  return months
}

/**
 * Whose first purchase is not what it was: who bought, by whom, or, which only a new revision can change, when. Sharer
 * and closer do not hang on assignments, so what follows from a binding cannot lead back here for ever.
 */
function bindingMarksOf(
  before: readonly LastDecided[],
  after: readonly DecidedRow[],
  reason: BookingReason,
): BindingMark[] {
  const last = new Map(before.map(order => [orderKeyText(order), order]))
  return after.flatMap(order => {
    const was = last.get(orderKeyText(order))
    const buyers = [was, order].flatMap(one => (one?.isFirstOrder && one.buyer !== null ? [one.buyer] : []))
    const isSame = was && reason !== 'sale' && purchaseText(was) === purchaseText(order)
    return isSame ? [] : buyers.map((key): BindingMark => ({ kind: 'member', key }))
  })
}

const purchaseText = ({ buyer, isFirstOrder, roles }: Omit<LastDecided, keyof OrderKey>) =>
  JSON.stringify([buyer, isFirstOrder, roles['sharer'], roles['closer']])

/** The closers that an order and its lines name. */
function namedClosers({ closer, lines }: ToldOrder): string[] {
  const named = [closer, ...lines.map(line => line.closer)]
  return [...new Set(named.filter(id => id !== null && id !== undefined))]
}

/** What lists and figures need of a decision. */
export function summaryOf(
  decision: Decision,
  isCancelled: boolean,
  channel: string,
): Omit<DecidedRow, 'source' | 'orderNo'> {
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
  // Put there by hand he is the sharer, and no share won.
  const hasWon = holdings.sharer.because === 'touch' || holdings.sharer.because === 'share_code'
  const won = hasWon ? attribution.candidates.find(candidate => candidate.outcome === 'won') : undefined
  return {
    buyer: attribution.buyer?.memberNo ?? null,
    isFirstOrder: attribution.isFirstOrder === null ? null : attribution.isFirstOrder && !isCancelled,
    netFen: decision.netFen,
    commissionFen: decision.entitlements.reduce((sum, entry) => sum + entry.amountFen, 0),
    relation: decision.relation,
    sharerLink: won?.linkCode ?? null,
    sharerTouch: won?.touchId ?? null,
    netQuantity: decision.lines.reduce((sum, line) => sum + line.netQuantity, 0),
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
    const [, taken] = await Promise.all([keepPlans(tx), takeMarks(tx, { brandId, markIds: wave.markIds })])
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

/** By job, and whether it takes back: what was under way when it was first seen so; null once that has ended. */
const jobsSeen = new WeakMap<object, Map<string, string | null>>()

async function mayBegin(pool: Pool, job: { jobId: string; isCancelling: boolean; underWay: string }): Promise<boolean> {
  const seen = jobsSeen.get(pool) ?? new Map<string, string | null>()
  jobsSeen.set(pool, seen)
  const key = `${job.jobId} ${job.isCancelling}`
  const underWay = seen.has(key) ? seen.get(key)! : job.underWay
  const hasBegun = underWay === null || (await haveEnded(pool, underWay))
  seen.set(key, hasBegun ? null : underWay)
  return hasBegun
}

/** Few enough that an order that comes meanwhile does not wait long for their locks. */
const ORDERS_PER_REBOOK = 500

/** Which plan version was published, and the span that it may be in force in. */
interface RebookInput {
  code: string
  version: number
  from: string
  /** null: without end. */
  to: string | null
  retroactive: boolean
}

/** Where a re-booking job is: the last order it booked. */
interface RebookCursor extends OrderKey {
  paidAt: string
}

/**
 * Books the next orders of a job that a published plan left behind, or one that was withdrawn. It begins when every
 * transaction that was under way when the plan came or went has ended, since those may have booked by the plans before.
 *
 * @returns whether there was something to do
 */
export async function rebookStep(pool: Pool, brandId: number, now: Instant): Promise<boolean> {
  const next = await selectOpenBooking(pool, { brandId })
  if (!next) return false
  const isCancelling = next.status === 'cancelling'
  if (!(await mayBegin(pool, { ...next, isCancelling }))) return true
  await preparePartitions(pool, 'ledger_rows', [now])
  await transact(pool, async tx => {
    const statuses = isCancelling ? (['cancelling'] as const) : (['waiting', 'running'] as const)
    const job = await takeJob(tx, { brandId, jobId: next.jobId, statuses })
    if (job?.kind !== 'rebook') return
    const { from, to } = job.input as RebookInput
    const span = { brandId, from, to }
    const total = job.cursor === null ? await countOrdersPaid(tx, span) : job.total
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
      status: isCancelling ? (isDone ? 'cancelled' : 'cancelling') : isDone ? 'done' : 'running',
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
      await markRewardsOfSpan(tx, { ...span, now })
    }
  })
  return true
}

/**
 * Cancels a job. A back-test ends. A retroactive plan that is still being booked is withdrawn, since ledger and plans would
 * disagree half-way: what was booked by it is taken back, and the job has ended when all is as without it.
 *
 * @throws AppError not_found; conflict where the plan is booked already, or was not published for the past
 */
export async function cancelJob(
  pool: Pool,
  options: { brandId: number; jobId: string; actor: string; now: Instant },
): Promise<void> {
  const { brandId, jobId, actor, now } = options
  await transact(pool, async tx => {
    const job = await lockJob(tx, { brandId, jobId })
    if (!job) throw new AppError('not_found', 'There is no such job.')
    if (job.kind === 'rebook') {
      if (job.status === 'cancelling' || job.status === 'cancelled') return
      const { code, version, retroactive } = job.input as RebookInput
      if (job.status === 'done' || !retroactive) {
        throw new AppError('conflict', 'The plan is booked; publish another version to change what it says.')
      }
      await insertWithdrawal(tx, { brandId, plan: { code, version }, now, actor })
      await updateJob(tx, { brandId, jobId, status: 'cancelling', cursor: null, done: 0, total: job.total, now })
      const subject = `plans/${code}/versions/${version}`
      await insertActivity(tx, { brandId, now, actor, action: 'plan.withdrawn', subject, details: { jobId } })
    } else if (job.status === 'waiting' || job.status === 'running') {
      await updateJob(tx, { ...job, brandId, status: 'cancelled', cursor: null, now })
    }
  })
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

/** Books the rewards whose evidence or plan changed. @returns whether there was something to do */
export async function bookRewards(pool: Pool, brandId: number, now: Instant): Promise<boolean> {
  return await rewardStep(pool, { brandId, plansOf: db => plansOf(db, brandId), now })
}

/** What is not booked yet: 0 when every account holds what `decide` gives it. */
export async function reconcileHealth(db: Db, brandId: number, now: Instant) {
  return await selectBacklog(db, { brandId, now })
}

// -------------------------------------------------------------------------------------------- explanation

/** How far before the window, and after payment, touches are shown with the reason why they do not count. */
const SHOWN_BEFORE_DAYS = 60
const SHOWN_AFTER_DAYS = 3

/** An order with everything recorded about it, and what is decided. */
export interface DecidedOrder {
  loaded: LoadedOrder
  plan: Plan | null
  decision: Decision
}

/** Decides an order under the plan in force or another, or as if somebody had put a role right by hand. */
export async function decideOrder(
  db: Db,
  options: { brandId: number; order: OrderKey; plan?: Plan | null; supposed?: Override },
): Promise<DecidedOrder | null> {
  const { brandId, order, supposed } = options
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
    lock: false,
    supposed: supposed ? [{ ...order, ...supposed }] : [],
  })
  if (!loaded) return null
  const plan = options.plan === undefined ? planInForce(plans, loaded.evidence.order.paidAt) : options.plan
  return { loaded, plan, decision: decide(loaded.evidence, plan) }
}

/** Whose pay somebody may see: who holds a role is told to all who see the order, what he earns is his. */
export async function visiblePayees(
  db: Db,
  scope: Scope,
): Promise<(row: { payeeKind: string; payee: string }) => boolean> {
  if (scope.reach === 'brand') return () => true
  const associates = new Set(await selectVisibleAssociates(db, scope))
  const stores = new Set(scope.reach === 'stores' ? scope.storeCodes : [])
  return ({ payeeKind, payee }) =>
    (payeeKind === 'associate' && associates.has(payee)) || (payeeKind === 'store' && stores.has(payee))
}
