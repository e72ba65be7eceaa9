import { transact, type Pool } from '../../database.ts'
import { addDays, daysOf, startOfDay } from '../../lib/calendar.ts'
import { dayOf, MINUTE_MS, type Instant } from '../../lib/time.ts'
import { isPassing, WecomError, type Answer, type Wecom } from '../wecom/service.ts'

import {
  insertFills,
  selectFollowersOf,
  selectMirrorBegan,
  takeFill,
  updateFill,
  upsertStatistics,
  type StatisticsRow,
} from './queries.ts'

/**
 * Reads WeCom's own statistics of the days before the mirror began, a store's people and a month at a time. WeCom knows
 * the last 180 days up to yesterday, and answers for at most 30 of them; a day is one of its calendar.
 */
export interface FillDependencies {
  pool: Pool
  wecom: Wecom
  brandId: number
  zone: string
  now: () => Instant
}

const WECOM_ZONE = 'Asia/Shanghai'
const KEPT_DAYS = 180
const DAYS_PER_CALL = 30
const ASKED = { patience: 'job', deadlineMs: 40_000, isHarmless: true } as const
/** Two calls, and a little. */
const LEASE_MS = 2 * MINUTE_MS
const PASSING_AGAIN_MS = MINUTE_MS
/** After a refusal: an administrator may have mended it. */
const REFUSED_AGAIN_MS = 6 * 60 * MINUTE_MS

/** Says what is to be read, once the mirror is there. A brand of another calendar than WeCom's has no such days. */
export async function planFills({ pool, brandId, zone, now }: FillDependencies): Promise<void> {
  const began = await selectMirrorBegan(pool, { brandId })
  if (began === null) return
  const endDay = dayOf(began, WECOM_ZONE)
  if (startOfDay(endDay, WECOM_ZONE) !== startOfDay(endDay, zone)) return
  await insertFills(pool, { brandId, nextDay: firstKept(now()), endDay, now: now() })
}

const firstKept = (now: Instant) => addDays(dayOf(now, WECOM_ZONE), -KEPT_DAYS)

/** Reads a month of one store. @returns false where nothing is due */
export async function fillStep({ pool, wecom, brandId, now }: FillDependencies): Promise<boolean> {
  const at = now()
  const fill = await takeFill(pool, { brandId, now: at, leasedUntil: at + LEASE_MS })
  if (!fill) return false
  const { storeCode, endDay } = fill
  const first = fill.nextDay < firstKept(at) ? firstKept(at) : fill.nextDay
  const lastKnown = addDays(dayOf(at, WECOM_ZONE), -1)
  const end = [addDays(first, DAYS_PER_CALL), endDay, addDays(lastKnown, 1)].sort()[0]!
  const userids = await selectFollowersOf(pool, { brandId, storeCode })
  if (first >= end || userids.length === 0) {
    await updateFill(pool, { brandId, storeCode, nextDay: endDay, dueAt: at, errcode: null, finishedAt: at })
    return true
  }
  const days = daysOf({ from: startOfDay(first, WECOM_ZONE)!, to: startOfDay(end, WECOM_ZONE)! }, WECOM_ZONE)
  try {
    const rows = await askStatistics(wecom, { storeCode, userids, days })
    await transact(pool, async tx => {
      await upsertStatistics(tx, { brandId, rows, now: now() })
      const isDone = end >= endDay
      await updateFill(tx, {
        brandId,
        storeCode,
        nextDay: end,
        dueAt: at,
        errcode: null,
        finishedAt: isDone ? now() : null,
      })
    })
  } catch (error) {
    if (!(error instanceof WecomError)) throw error
    const waitMs = isPassing(error) ? PASSING_AGAIN_MS : REFUSED_AGAIN_MS
    const again = { nextDay: first, dueAt: now() + waitMs, errcode: error.errcode, finishedAt: null }
    await updateFill(pool, { brandId, storeCode, ...again })
  }
  return true
}

async function askStatistics(
  wecom: Wecom,
  { storeCode, userids, days }: { storeCode: string; userids: readonly string[]; days: readonly string[] },
): Promise<StatisticsRow[]> {
  const seconds = (day: string) => Math.floor(startOfDay(day, WECOM_ZONE)! / 1000)
  const [from, to] = [seconds(days[0]!), seconds(days.at(-1)!)]
  const friends = byDay(
    (
      await wecom.call('externalcontact/get_user_behavior_data', {
        body: { userid: userids, start_time: from, end_time: to },
        ...ASKED,
      })
    )['behavior_data'],
  )
  const groups = byDay(
    (
      await wecom.call('externalcontact/groupchat/statistic_group_by_day', {
        body: { day_begin_time: from, day_end_time: to, owner_filter: { userid_list: userids } },
        ...ASKED,
      })
    )['items'],
  )
  return days.flatMap(day => {
    const friend = friends.get(day)
    const group = groups.get(day)?.['data'] as Answer | undefined
    if (!friend && !group) return []
    return {
      storeCode,
      day,
      friendsAdded: whole(friend?.['new_contact_cnt']),
      friendsLost: whole(friend?.['negative_feedback_cnt']),
      groups: whole(group?.['chat_total']),
      groupMembers: whole(group?.['member_total']),
      groupJoined: whole(group?.['new_member_cnt']),
    }
  })
}

/** Entries of an answer by their day: they come in no order. */
function byDay(entries: unknown): Map<string, Answer> {
  const list = Array.isArray(entries) ? (entries as unknown[]) : []
  return new Map(
    list.flatMap(entry => {
      const at = whole((entry as Answer | null)?.['stat_time'])
      return at === null ? [] : [[dayOf(at * 1000, WECOM_ZONE), entry as Answer]]
    }),
  )
}

const whole = (value: unknown): number | null => (Number.isInteger(value) ? (value as number) : null)
