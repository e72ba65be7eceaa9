import type { Db, Pool } from '../../database.ts'
import { addDays, daysOf, startOfDay } from '../../lib/calendar.ts'
import { DAY_MS, dayOf, type Instant } from '../../lib/time.ts'
import { ACTIVE_DAYS } from './domain.ts'
import { countActive, countBy } from './members.ts'
import {
  insertDays,
  selectFirstEvidence,
  selectFriendChanges,
  selectFriendCounts,
  selectGroupChanges,
  selectGroupCounts,
  selectMissedDay,
  selectStoreMembers,
  selectStoresWithoutDay,
  type DayRow,
} from './queries.ts'

export { selectBrands } from './queries.ts'

/** How long after midnight a day is taken: the nightly walk through WeCom repairs what was not heard of it. */
const SETTLE_MS = 4 * 60 * 60_000
/** How far back days that were missed are taken. */
const BACK_DAYS = 180
const STORES_PER_STEP = 100

/**
 * Takes the latest day that is missing, of a hundred stores.
 *
 * @returns false where none is missing
 */
export async function snapshotStep(pool: Pool, options: { brandId: number; zone: string; now: Instant }) {
  const { brandId, zone, now } = options
  const last = addDays(dayOf(now - SETTLE_MS, zone), -1)
  const first = await selectFirstEvidence(pool, { brandId })
  if (first === null || dayOf(first, zone) > last) return false
  const from = Math.max(first, startOfDay(addDays(last, 1 - BACK_DAYS), zone)!)
  const days = daysOf({ from, to: startOfDay(addDays(last, 1), zone)! }, zone)
  const day = await selectMissedDay(pool, { brandId, days })
  if (day === null) return false
  const storeCodes = await selectStoresWithoutDay(pool, { brandId, day, limit: STORES_PER_STEP })
  const rows = await communityOn(pool, { brandId, zone, storeCodes, day })
  await insertDays(pool, { brandId, rows, now })
  return true
}

/** What stores' communities came to on a day, from what is known of it now. */
async function communityOn(
  db: Db,
  options: { brandId: number; zone: string; storeCodes: readonly string[]; day: string },
): Promise<DayRow[]> {
  const { brandId, zone, storeCodes, day } = options
  const of = { brandId, storeCodes }
  const [from, to] = [startOfDay(day, zone)!, startOfDay(addDays(day, 1), zone)!]
  const within = { ...of, from, to, zone, byDay: false }
  const scope = { brandId, reach: 'brand' } as const
  const members = await selectStoreMembers(db, { ...of, at: to })
  const [active, friends, friendChanges, groups, groupChanges] = await Promise.all([
    countActive(db, { brandId, scope, members, span: { from: to - ACTIVE_DAYS * DAY_MS, to } }),
    selectFriendCounts(db, { ...of, at: to }),
    selectFriendChanges(db, within),
    selectGroupCounts(db, { ...of, at: to }),
    selectGroupChanges(db, within),
  ])
  const rowOf = <Row extends { storeCode: string }>(rows: readonly Row[]) => {
    const found = new Map(rows.map(row => [row.storeCode, row]))
    return (storeCode: string) => found.get(storeCode)
  }
  const [membersOf, friendsOf, friendChangesOf] = [countBy(members), rowOf(friends), rowOf(friendChanges)]
  const [groupsOf, groupChangesOf] = [rowOf(groups), rowOf(groupChanges)]
  return storeCodes.map(storeCode => ({
    storeCode,
    day,
    members: membersOf.get(storeCode) ?? 0,
    activeMembers: active.get(storeCode) ?? 0,
    friends: friendsOf(storeCode)?.friends ?? 0,
    friendsAdded: friendChangesOf(storeCode)?.friendsAdded ?? 0,
    friendsLost: friendChangesOf(storeCode)?.friendsLost ?? 0,
    groups: groupsOf(storeCode)?.groups ?? 0,
    groupMembers: groupsOf(storeCode)?.groupMembers ?? 0,
    groupJoined: groupChangesOf(storeCode)?.groupJoined ?? 0,
    groupLeft: groupChangesOf(storeCode)?.groupLeft ?? 0,
  }))
}
