import type { Db, Pool } from '../../database.ts'
import { DAY_MS, dayOf, localClock, MINUTE_MS, type Instant } from '../../lib/time.ts'
import { orderKeyText } from '../attribution/service.ts'
import type { OrderKey } from '../evidence/service.ts'
import {
  countOrders,
  deleteOldAudits,
  finishNight,
  selectBookedSince,
  selectLastAudit,
  takeNight,
  touchNight,
  type BookedPosition,
} from './queries.ts'
import { auditRewards } from './rewards.ts'
import {
  auditAdjustments,
  auditBatch,
  auditBindings,
  auditMonths,
  auditOrders,
  type AuditedOrder,
  type AuditPosition,
} from './service.ts'

/** The hours in which few work, by the brand's clock. What is not through in the morning goes on in the next night. */
const FROM_HOUR = 2
const TO_HOUR = 6
/** Within so many nights the whole history is seen. */
const NIGHTS_OF_ROUND = 28
/** What was paid in these days is seen each night: evidence about it still comes. */
const RECENT_DAYS = 35
/** A booking may be committed so long after the instant that it carries. */
const LOOK_BACK_MS = 10 * MINUTE_MS
const SILENT_MS = 10 * MINUTE_MS
const BOOKED_PER_BATCH = 500
/** So many orders that differ are remembered and looked at again. */
const REMEMBERED_MOST = 100
/** It rests so many times as long as it worked. */
const REST = 4
const KEPT_DAYS = 400

export interface Night {
  brandId: number
  zone: string
  now: () => Instant
  isStopped: () => boolean
  rest: (ms: number) => Promise<void>
  /** At any hour. */
  isUrgent?: boolean
}

/**
 * The night's audit of a brand, where it is night there and nobody has done it: what differed before, what was booked
 * since the last one, what was paid lately, the next slice of the history, and all that is not of orders: bonuses and
 * adjustments each night, rewards and bindings once a week. It reads, one small batch at a time, and rests between them.
 *
 * @returns whether there was something to do
 */
export async function auditNight(pool: Pool, work: Night): Promise<boolean> {
  const { brandId, zone, now, isStopped, isUrgent = false } = work
  const began = now()
  const hour = new Date(localClock(began, zone)).getUTCHours()
  const isNight = (hour >= FROM_HOUR && hour < TO_HOUR) || isUrgent
  if (!isNight) return false
  const night = dayOf(began, zone)
  const last = await selectLastAudit(pool, { brandId })
  if (last?.night === night) return false
  const isFirstOfRound = last === null || last.sliceAfter === null
  const round = { began: isFirstOfRound ? began : last.roundBeganAt, ended: last?.roundEndedAt ?? null }
  const mine = { brandId, night }
  if (!(await takeNight(pool, { ...mine, now: began, silentSince: began - SILENT_MS, roundBeganAt: round.began })))
    return false

  const isOver = () => isStopped() || (!isUrgent && new Date(localClock(now(), zone)).getUTCHours() >= TO_HOUR)
  const differing = new Map<string, AuditedOrder>()
  let checkedOrders = 0
  let resting = performance.now()
  /** After each batch: counts it, says that we live, and rests. */
  const take = async (batch: { checkedOrders: number; differing: readonly AuditedOrder[] }) => {
    checkedOrders += batch.checkedOrders
    for (const order of batch.differing) differing.set(orderKeyText(order), order)
    await touchNight(pool, { ...mine, now: now() })
    await work.rest(REST * (performance.now() - resting))
    resting = performance.now()
  }

  if (last) await take(await auditOrders(pool, { brandId, orders: last.differingOrders }))
  const bookedFrom = (last?.beganAt ?? began - DAY_MS) - LOOK_BACK_MS
  for (let after: BookedPosition | null = null; !isOver();) {
    const rows: (OrderKey & BookedPosition)[] = await selectBookedSince(pool, { brandId, from: bookedFrom, after, limit: BOOKED_PER_BATCH }) // prettier-ignore
    const orders = new Map(rows.map(({ source, orderNo }) => [orderKeyText({ source, orderNo }), { source, orderNo }]))
    await take(await auditOrders(pool, { brandId, orders: [...orders.values()] }))
    after = rows.at(-1) ?? null
    if (rows.length < BOOKED_PER_BATCH) break
  }
  const recentFrom = began - RECENT_DAYS * DAY_MS
  for (let after: AuditPosition | null = null; !isOver();) {
    const batch: Awaited<ReturnType<typeof auditBatch>> = await auditBatch(pool, { brandId, from: recentFrom, to: null, after }) // prettier-ignore
    await take(batch)
    after = batch.next
    if (after === null) break
  }
  const wanted = Math.ceil((await countOrders(pool, { brandId })) / NIGHTS_OF_ROUND)
  let sliceAfter = last?.sliceAfter ?? null
  for (let seen = 0; seen < wanted && !isOver();) {
    const batch = await auditBatch(pool, { brandId, from: null, to: recentFrom, after: sliceAfter })
    await take(batch)
    seen += batch.checkedOrders
    sliceAfter = batch.next
    if (sliceAfter === null) {
      round.ended = now()
      break
    }
  }
  // The day of the week by the calendar of the brand; each kind of slow ones has a night of its own.
  const weekday = new Date(`${night}T00:00:00Z`).getUTCDay()
  let others = (await auditMonths(pool, brandId)).differing.length + (await auditAdjustments(pool, brandId)).length
  if (!isOver() && (weekday === 1 || isUrgent)) others += (await auditRewards(pool, brandId)).differing.length
  if (!isOver() && (weekday === 3 || isUrgent)) others += (await auditBindings(pool, brandId)).differing.length
  if (isStopped()) return true // whoever comes next begins anew
  await finishNight(pool, {
    ...mine,
    now: now(),
    checkedOrders,
    differing: differing.size + others,
    differingOrders: [...differing.values()]
      .slice(0, REMEMBERED_MOST)
      .map(({ source, orderNo }) => ({ source, orderNo })),
    sliceAfter,
    roundBeganAt: round.began,
    roundEndedAt: round.ended,
  })
  return true
}

/** Keeps them for a little more than a year. */
export async function forgetOldAudits(db: Db, now: Instant): Promise<void> {
  await deleteOldAudits(db, now - KEPT_DAYS * DAY_MS)
}
