import type { Db, Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { addDays, daysOf, readSpan, wholeDaysOf, type Span } from '../../lib/calendar.ts'
import { valueInForce } from '../../lib/dated.ts'
import { sumFen } from '../../lib/money.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { inPages, type SheetFormat, type Table } from '../../lib/sheets.ts'
import { SlowAnswers } from '../../lib/slow-answers.ts'
import { boundInstant, DAY_MS, dayOf, formatInstant, MINUTE_MS, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller, Scope } from '../auth/domain.ts'
import { readHistory } from '../stores/service.ts'
import { ACTIVE_DAYS, groupLeftOf, medianOf, ratioBps, type DayFigures, type Figures } from './domain.ts'
import { countActive, countBy } from './members.ts'
import {
  selectAllStores,
  selectAssociatesCommission,
  selectDays,
  selectElsewherePaid,
  selectFriendChanges,
  selectFriendCounts,
  selectGroupChanges,
  selectGroupCounts,
  selectNewMembers,
  selectSales,
  selectStatistics,
  selectStoreMembers,
  selectStorePage,
  type CommunityStore,
} from './queries.ts'
import type { Community, CommunityItem, CommunityListQuery, CommunityPage, CommunityQuery } from './schema.ts'

export { fillStep, planFills, type FillDependencies } from './statistics.ts'
export { snapshotStep, selectBrands } from './snapshots.ts'
export { selectStoreMembers as storeMembersAt } from './queries.ts'

/** How long somebody waits for his region's median, and how long one that took longer is shown. */
const REGION_PATIENCE_MS = 1500
const REGION_KEPT_MS = 10 * MINUTE_MS
const REGIONS_AT_ONCE = 2
/** So many stores are summed in one statement, which ends long before it is given up. */
const STORES_AT_ONCE = 20

interface Asked {
  caller: Caller
  now: Instant
}

/** Stores' communities, by store code. @throws AppError not_found for whom there is none, invalid_query, malformed_cursor */
export async function listCommunities(
  db: Db,
  { caller, now, query }: Asked & { query: CommunityListQuery },
): Promise<CommunityPage> {
  checkHasCommunity(caller.scope)
  const span = spanOf(query, caller.zone, now)
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor)
  const stores = await selectStorePage(db, {
    scope: caller.scope,
    after,
    isDescending: query.order === 'desc',
    limit: limit + 1,
  })
  const figures = await itemsOf(db, caller, stores.slice(0, limit), span)
  return {
    from: formatInstant(span.from),
    to: formatInstant(span.to),
    ...pageOf(
      stores,
      limit,
      store => [store.storeCode],
      store => figures.get(store.storeCode)!,
    ),
  }
}

/**
 * The same as a file.
 *
 * @param pool where it is written down who takes it away
 * @param db where it is read
 * @throws AppError not_found, invalid_query
 */
export async function exportCommunities(
  pool: Pool,
  db: Db,
  { caller, now, query, format }: Asked & { query: CommunityListQuery; format: SheetFormat },
): Promise<Table<CommunityItem>> {
  checkHasCommunity(caller.scope)
  const span = spanOf(query, caller.zone, now)
  const [first, last] = [dayOf(span.from, caller.zone), dayOf(span.to - 1, caller.zone)]
  await insertActivity(pool, {
    brandId: caller.brandId,
    now,
    actor: caller.actor,
    action: 'community.exported',
    subject: 'community/stores',
    details: { format, from: formatInstant(span.from), to: formatInstant(span.to) },
  })
  return {
    name: `community-${first}-${last}`,
    columns: [
      { title: '门店编号', text: row => row.storeCode },
      { title: '门店', text: row => row.name },
      { title: '类型', text: row => (row.type === 'franchise' ? '加盟' : '直营') },
      { title: '大区', text: row => row.region },
      { title: '店会员', count: row => row.members },
      { title: '新入会', count: row => row.newMembers },
      { title: '活跃会员', count: row => row.activeMembers },
      { title: '活跃率', text: row => percent(row.activeBps) },
      { title: '好友', count: row => row.friends },
      { title: '新增好友', count: row => row.friendsAdded },
      { title: '流失好友', count: row => row.friendsLost },
      { title: '客户群', count: row => row.groups },
      { title: '群内客户', count: row => row.groupMembers },
      { title: '进群', count: row => row.groupJoined },
      { title: '退群', count: row => row.groupLeft },
      { title: '社群成交（元）', fen: row => row.netSalesFen },
      { title: '本店成交（元）', fen: row => row.hereFen },
      { title: '他店成交（元）', fen: row => row.othersFen },
      { title: '线上成交（元）', fen: row => row.onlineFen },
      { title: '订单数', count: row => row.orders },
      { title: '成交会员', count: row => row.buyers },
      { title: '复购会员', count: row => row.repeatBuyers },
      { title: '复购率', text: row => percent(row.repeatBps) },
      { title: '在别处成交的会员', count: row => row.boughtElsewhere },
      { title: '别处成交应得（元）', fen: row => row.elsewherePaidFen },
      { title: '导购提成（元）', fen: row => row.associatesCommissionFen },
      { title: '上期社群成交（元）', fen: row => row.before.netSalesFen },
    ],
    rows: inPages<CommunityItem>(async (after, limit) => {
      const isDescending = query.order === 'desc'
      const stores = await selectStorePage(db, {
        scope: caller.scope,
        after: after?.storeCode ?? null,
        isDescending,
        limit,
      })
      const items = await itemsOf(db, caller, stores, span)
      return stores.map(store => items.get(store.storeCode)!)
    }),
  }
}

/** What stores of regions have of a span: of a chain's region more than anybody waits for. */
export type RegionFigures = SlowAnswers<Figures[]>

export const startRegionFigures = (): RegionFigures =>
  new SlowAnswers({ patienceMs: REGION_PATIENCE_MS, keptMs: REGION_KEPT_MS, atMost: REGIONS_AT_ONCE })

/**
 * One store's community, by day and beside its region.
 *
 * @param options.regions where what takes long of a region goes on, and is kept
 * @throws AppError not_found, invalid_query
 */
export async function readCommunity(
  db: Db,
  {
    caller,
    now,
    storeCode,
    query,
    regions,
  }: Asked & { storeCode: string; query: CommunityQuery; regions: RegionFigures },
): Promise<Community> {
  const { scope, zone, brandId } = caller
  checkHasCommunity(scope)
  const isOwn = (code: string) =>
    scope.reach === 'brand' || (scope.reach === 'stores' && scope.storeCodes.includes(code))
  const stores = await selectAllStores(db, { brandId })
  const store = stores.find(one => one.storeCode === storeCode)
  if (!store || !isOwn(storeCode)) throw new AppError('not_found', 'There is no such store.')
  const span = spanOf(query, zone, now)
  const region = regionOf(store, span)
  const neighbours = region === null ? [] : stores.filter(one => regionOf(one, span) === region)
  const own = { brandId, scope, zone, storeCodes: [storeCode] }
  const [found, foundBefore] = await Promise.all([
    figuresOf(db, { ...own, span, withDays: true }),
    figuresOf(db, { ...own, span: spanBefore(span), withDays: false }),
  ])
  const [{ figures, days }, before] = [found.get(storeCode)!, foundBefore.get(storeCode)!]
  // A median tells of no single store, so it is made of all that there are, whoever asks.
  const ofRegion =
    neighbours.length === 0
      ? []
      : await regions.ask(JSON.stringify([brandId, region, span.from, span.to]), async signal => {
          const scope = { brandId, reach: 'brand' } as const
          const found: Figures[] = []
          for (let i = 0; i < neighbours.length && !signal.aborted; i += STORES_AT_ONCE) {
            const storeCodes = neighbours.slice(i, i + STORES_AT_ONCE).map(one => one.storeCode)
            const some = await figuresOf(db, { brandId, scope, zone, storeCodes, span, withDays: false })
            found.push(...[...some.values()].map(one => one.figures))
          }
          return found
        })
  return {
    ...shownStore(store, span),
    from: formatInstant(span.from),
    to: formatInstant(span.to),
    ...figures,
    before: { ...shownSpan(spanBefore(span)), ...before.figures },
    regionMedian: medianOf(ofRegion ?? [], {
      isOpen: neighbours.every(one => isOwn(one.storeCode)),
    }) as Community['regionMedian'],
    ...(ofRegion === null ? { isRegionMedianPending: true } : {}),
    days,
  }
}

/** An associate has customers and no store's community. @throws AppError not_found */
function checkHasCommunity(scope: Scope): void {
  if (scope.reach === 'self') throw new AppError('not_found', 'There is nothing here.')
}

/** @throws AppError invalid_query */
function spanOf(query: { from?: string; to?: string }, zone: string, now: Instant): Span {
  const span = readSpan(query, zone, now)
  if ('from' in span) return span
  const { path, message } = span
  throw new AppError('invalid_query', `${path}: ${message}`, [{ path, code: 'invalid_value', message }])
}

const spanBefore = ({ from, to }: Span): Span => ({ from: boundInstant(from - (to - from)), to: from })

/** @throws AppError malformed_cursor */
function positionOf(cursor: string | undefined): string | null {
  if (cursor === undefined) return null
  const position = decodeCursor(cursor, ['text'])
  if (!position) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return String(position[0])
}

const regionOf = (store: CommunityStore, span: Span): string | null =>
  valueInForce(readHistory(store.regions), span.to - 1)

const shownStore = (store: CommunityStore, span: Span) => ({
  storeCode: store.storeCode,
  name: store.name,
  type: valueInForce(readHistory<'direct' | 'franchise'>(store.types), span.to - 1) ?? 'direct',
  region: regionOf(store, span),
})

const shownSpan = (span: Span) => ({ from: formatInstant(span.from), to: formatInstant(span.to) })

async function itemsOf(
  db: Db,
  { brandId, scope, zone }: Caller,
  stores: readonly CommunityStore[],
  span: Span,
): Promise<Map<string, CommunityItem>> {
  const shared = { brandId, scope, zone, storeCodes: stores.map(store => store.storeCode), withDays: false }
  const before = spanBefore(span)
  const [figures, figuresBefore] = await Promise.all([
    figuresOf(db, { ...shared, span }),
    figuresOf(db, { ...shared, span: before }),
  ])
  return new Map(
    stores.map(store => [
      store.storeCode,
      {
        ...shownStore(store, span),
        ...figures.get(store.storeCode)!.figures,
        before: { ...shownSpan(before), ...figuresBefore.get(store.storeCode)!.figures },
      },
    ]),
  )
}

/**
 * Stores' figures of one span, in a fixed number of statements whatever their number.
 *
 * Everything is summed from evidence and from what is owed now. Only where WeCom's own statistics of a day are kept, which
 * is of days before its mirror began, they stand for what was not seen: friendships and groups that were over by then.
 */
async function figuresOf(
  db: Db,
  options: {
    brandId: number
    scope: Scope
    zone: string
    storeCodes: readonly string[]
    span: Span
    withDays: boolean
  },
): Promise<Map<string, { figures: Figures; days: DayFigures[] }>> {
  const { brandId, scope, zone, storeCodes, span, withDays } = options
  if (storeCodes.length === 0) return new Map()
  const of = { brandId, storeCodes }
  const days = daysOf(span, zone)
  // One day more: how many left is the difference of two days.
  const reach = { firstDay: addDays(days[0]!, -1), lastDay: days.at(-1)! }
  const statistics = await selectStatistics(db, { ...of, ...reach })
  const byDay = withDays || statistics.length > 0
  const within = { ...of, ...span, zone, byDay: withDays }
  const at = span.to
  const activeFrom = boundInstant(at - ACTIVE_DAYS * DAY_MS)
  const members = (await selectStoreMembers(db, { ...of, instants: [at] }))[0]!
  const [[active], sales, newMembers, elsewhere, earned] = await Promise.all([
    countActive(db, { brandId, scope, spans: [{ members, span: { from: activeFrom, to: at } }] }),
    selectSales(db, { ...within, scope, members }),
    selectNewMembers(db, within),
    selectElsewherePaid(db, within),
    selectAssociatesCommission(db, { ...within, scope }),
  ])
  const [friendChanges, friends, groupChanges, groups, snapshots] = await Promise.all([
    selectFriendChanges(db, { ...within, byDay }),
    selectFriendCounts(db, { ...of, at }),
    selectGroupChanges(db, { ...within, byDay }),
    selectGroupCounts(db, { ...of, at }),
    withDays ? selectDays(db, { ...of, ...reach }) : [],
  ])
  const whole = new Set(statistics.length > 0 ? wholeDaysOf(span, zone) : [])
  const one = <Row extends { storeCode: string }>(rows: readonly Row[]) =>
    new Map(rows.map(row => [row.storeCode, row] as const))
  const many = <Row extends { storeCode: string }>(rows: readonly Row[]) => {
    const found = new Map<string, Row[]>()
    for (const row of rows) {
      const own = found.get(row.storeCode)
      if (own) own.push(row)
      else found.set(row.storeCode, [row])
    }
    return (storeCode: string) => found.get(storeCode) ?? []
  }
  const home = new Map(members.map(member => [member.buyer, member.storeCode]))
  const commission = earned.filter(row => home.get(row.buyer) === row.storeCode)
  const [membersOf, friendsOf, groupsOf] = [countBy(members), one(friends), one(groups)]
  const [salesOf, newOf, elsewhereOf, commissionOf] = [many(sales), many(newMembers), many(elsewhere), many(commission)]
  const [changesOf, groupChangesOf, statisticsOf] = [many(friendChanges), many(groupChanges), many(statistics)]
  const snapshotsOf = many(snapshots)

  return new Map(
    storeCodes.map(storeCode => {
      const counted = new Map(statisticsOf(storeCode).map(row => [row.day, row]))
      const changes = new Map(changesOf(storeCode).map(row => [row.day, row]))
      const moves = new Map(groupChangesOf(storeCode).map(row => [row.day, row]))
      const communityOn = (day: string) => {
        const told = whole.has(day) ? counted.get(day) : undefined
        const left = told && groupLeftOf(counted.get(addDays(day, -1)), told)
        return {
          friendsAdded: told?.friendsAdded ?? changes.get(day)?.friendsAdded ?? 0,
          friendsLost: told?.friendsLost ?? changes.get(day)?.friendsLost ?? 0,
          groupJoined: told?.groupJoined ?? moves.get(day)?.groupJoined ?? 0,
          groupLeft: left ?? moves.get(day)?.groupLeft ?? 0,
        }
      }
      const community = (byDay ? days : ['']).map(communityOn)
      const total = (name: keyof (typeof community)[number]) => community.reduce((sum, day) => sum + day[name], 0)
      const sold = salesOf(storeCode).find(row => row.day === null)
      const [memberCount, activeCount] = [membersOf.get(storeCode) ?? 0, active!.get(storeCode) ?? 0]
      const figures: Figures = {
        members: memberCount,
        newMembers: newOf(storeCode).reduce((sum, row) => sum + row.newMembers, 0),
        activeMembers: activeCount,
        activeBps: ratioBps(activeCount, memberCount),
        friends: friendsOf.get(storeCode)?.friends ?? 0,
        friendsAdded: total('friendsAdded'),
        friendsLost: total('friendsLost'),
        groups: groupsOf.get(storeCode)?.groups ?? 0,
        groupMembers: groupsOf.get(storeCode)?.groupMembers ?? 0,
        groupJoined: total('groupJoined'),
        groupLeft: total('groupLeft'),
        netSalesFen: sold?.netSalesFen ?? 0,
        hereFen: sold?.hereFen ?? 0,
        othersFen: sold?.othersFen ?? 0,
        onlineFen: sold?.onlineFen ?? 0,
        orders: sold?.orders ?? 0,
        buyers: sold?.buyers ?? 0,
        repeatBuyers: sold?.repeatBuyers ?? 0,
        repeatBps: ratioBps(sold?.repeatBuyers ?? 0, sold?.buyers ?? 0),
        boughtElsewhere: sold?.boughtElsewhere ?? 0,
        elsewherePaidFen: sumFen(elsewhereOf(storeCode).map(row => row.fen)),
        associatesCommissionFen: sumFen(commissionOf(storeCode).map(row => row.fen)),
      }
      if (!withDays) return [storeCode, { figures, days: [] }] as const
      const onDay = <Row extends { day: string | null }>(rows: readonly Row[]) =>
        new Map(rows.map(row => [row.day, row]))
      const [soldOn, newOn] = [onDay(salesOf(storeCode)), onDay(newOf(storeCode))]
      const elsewhereOn = onDay(elsewhereOf(storeCode))
      const snapshotOn = onDay(snapshotsOf(storeCode))
      const byDays = days.map((day, i): DayFigures => {
        const soldThen = soldOn.get(day)
        const snapshot = snapshotOn.get(day)
        return {
          day,
          newMembers: newOn.get(day)?.newMembers ?? 0,
          ...community[i]!,
          netSalesFen: soldThen?.netSalesFen ?? 0,
          hereFen: soldThen?.hereFen ?? 0,
          othersFen: soldThen?.othersFen ?? 0,
          onlineFen: soldThen?.onlineFen ?? 0,
          orders: soldThen?.orders ?? 0,
          buyers: soldThen?.buyers ?? 0,
          elsewherePaidFen: elsewhereOn.get(day)?.fen ?? 0,
          associatesCommissionFen: sumFen(commissionOf(storeCode).flatMap(row => (row.day === day ? row.fen : []))),
          members: snapshot?.members ?? null,
          activeMembers: snapshot?.activeMembers ?? null,
          friends: snapshot?.friends ?? null,
          groups: snapshot?.groups ?? counted.get(day)?.groups ?? null,
          groupMembers: snapshot?.groupMembers ?? counted.get(day)?.groupMembers ?? null,
        }
      })
      return [storeCode, { figures, days: byDays }] as const
    }),
  )
}

/** With one decimal; a ratio over 0 is a dash. */
const percent = (bps: number | null): string => (bps === null ? '—' : `${(bps / 100).toFixed(1)}%`)
