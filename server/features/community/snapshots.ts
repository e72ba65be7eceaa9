import type { Db, Pool } from '../../database.ts'
import { addDays, daysOf, startOfDay } from '../../lib/calendar.ts'
import { DAY_MS, dayOf, type Instant } from '../../lib/time.ts'
import { ACTIVE_DAYS } from './domain.ts'
import { countActive, countBy } from './members.ts'
import {
  insertDays,
  selectDaysWithoutStores,
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
const STORES_PER_STEP = 50
/** So many missed days are taken together: whom stores have, and what these did, is read once for all of them. */
const DAYS_PER_STEP = 10

/**
 * Takes the latest days that are missing, of fifty stores.
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
  const missed = await selectDaysWithoutStores(pool, { brandId, days, storeCodes, limit: DAYS_PER_STEP })
  const rows = await communityOn(pool, { brandId, zone, storeCodes, days: missed })
  await insertDays(pool, { brandId, rows, now })
  return true
}

/** What stores' communities came to on some days, from what is known of them now. */
async function communityOn(
  db: Db,
  options: { brandId: number; zone: string; storeCodes: readonly string[]; days: readonly string[] },
): Promise<DayRow[]> {
  const { brandId, zone, storeCodes, days } = options
  const of = { brandId, storeCodes }
  const scope = { brandId, reach: 'brand' } as const
  const ends = days.map(day => startOfDay(addDays(day, 1), zone)!)
  const members = await selectStoreMembers(db, { ...of, instants: ends })
  const spans = ends.map((to, i) => ({ members: members[i]!, span: { from: to - ACTIVE_DAYS * DAY_MS, to } }))
  const active = await countActive(db, { brandId, scope, spans })
  const rowOf = <Row extends { storeCode: string }>(rows: readonly Row[]) => {
    const found = new Map(rows.map(row => [row.storeCode, row]))
    return (storeCode: string) => found.get(storeCode)
  }
  const rows: DayRow[] = []
  for (const [i, day] of days.entries()) {
    const to = ends[i]!
    const within = { ...of, from: startOfDay(day, zone)!, to, zone, byDay: false }
    const [friends, friendChanges, groups, groupChanges] = await Promise.all([
      selectFriendCounts(db, { ...of, at: to }),
      selectFriendChanges(db, within),
      selectGroupCounts(db, { ...of, at: to }),
      selectGroupChanges(db, within),
    ])
    const [membersOf, friendsOf, friendChangesOf] = [countBy(members[i]!), rowOf(friends), rowOf(friendChanges)]
    const [groupsOf, groupChangesOf] = [rowOf(groups), rowOf(groupChanges)]
    for (const storeCode of storeCodes) {
      rows.push({
        storeCode,
        day,
        members: membersOf.get(storeCode) ?? 0,
        activeMembers: active[i]!.get(storeCode) ?? 0,
        friends: friendsOf(storeCode)?.friends ?? 0,
        friendsAdded: friendChangesOf(storeCode)?.friendsAdded ?? 0,
        friendsLost: friendChangesOf(storeCode)?.friendsLost ?? 0,
        groups: groupsOf(storeCode)?.groups ?? 0,
        groupMembers: groupsOf(storeCode)?.groupMembers ?? 0,
        groupJoined: groupChangesOf(storeCode)?.groupJoined ?? 0,
        groupLeft: groupChangesOf(storeCode)?.groupLeft ?? 0,
      })
    }
  }
  return rows
}
