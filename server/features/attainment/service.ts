import type { Db, Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import type { Span } from '../../lib/calendar.ts'
import { sumFen } from '../../lib/money.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { inPages, type SheetFormat, type Table } from '../../lib/sheets.ts'
import { formatInstant, monthOf, monthStart, nextMonth, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller, Scope } from '../auth/domain.ts'
import { areVisible } from '../commissions/service.ts'
import { nameOfFile, netSalesSummed, shownSums, sumsOf, type Sums } from '../rollups/service.ts'
import { attainmentOf, type Attainment } from './domain.ts'
import {
  selectCreditedSales,
  selectStoreSales,
  selectSubjects,
  type SubjectPosition,
  type SubjectRow,
} from './queries.ts'
import type { AttainmentItem, AttainmentQuery, AttainmentTotals, AttainmentTotalsQuery, TargetQuery } from './schema.ts'

export { selectCreditedSales as creditedSalesOf } from './queries.ts'

interface Asked {
  caller: Caller
  now: Instant
}

interface Reached extends SubjectRow, Attainment {
  netSalesFen: number
}

/** What one asks for: whose targets of which month. */
interface Wanted {
  scope: Scope
  month: string
  storeCode: string | null
  associate: string | null
  kind: 'store' | 'associate' | null
  /** Also who has no target in it. */
  everyone: Span | null
  q: string | null
}

/** How far targets of a month are reached, stores first. @throws AppError not_found, malformed_cursor */
export async function listAttainment(db: Db, { caller, now, query }: Asked & { query: AttainmentQuery }) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor)
  const wanted = await wantedOf(db, { caller, now, query })
  const { zone } = caller
  const sums = await sumsWithin(db, wanted, zone)
  const rows = await reachedOf(db, { wanted, zone, sums, now, after, limit: limit + 1 })
  const page = pageOf(rows, limit, row => [row.kind, row.subject], shown)
  return { month: wanted.month, ...page, ...shownSums(sums) }
}

/** The same as a file; who takes it away is written down. @throws AppError not_found */
export async function exportAttainment(
  pool: Pool,
  { caller, now, query, format }: Asked & { query: AttainmentQuery; format: SheetFormat },
): Promise<Table<Reached>> {
  const wanted = await wantedOf(pool, { caller, now, query })
  const { month } = wanted
  const { zone } = caller
  const sums = await sumsWithin(pool, wanted, zone)
  await insertActivity(pool, {
    brandId: caller.brandId,
    now,
    actor: caller.actor,
    action: 'attainment.exported',
    subject: `attainment/${month}`,
    details: { format },
  })
  return {
    name: nameOfFile(`attainment-${month}`, sums),
    columns: [
      { title: '月份', text: () => month },
      { title: '类型', text: row => (row.kind === 'store' ? '门店' : '导购') },
      { title: '编号', text: row => row.subject },
      { title: '名称', text: row => row.name },
      { title: '目标（元）', fen: row => row.targetFen ?? 0 },
      { title: '净销售额（元）', fen: row => row.netSalesFen },
      { title: '达成率', text: row => percent(row.attainmentBps) },
      { title: '时间进度', text: row => percent(row.monthGoneBps) },
      { title: '应达成（元）', fen: row => row.expectedFen ?? 0 },
      { title: '进度达成率', text: row => percent(row.attainmentOfMonthGoneBps) },
    ],
    rows: inPages((after, limit) => reachedOf(pool, { wanted, zone, sums, now, after, limit })),
  }
}

/** Sums over the same, stores and associates each for themselves. @throws AppError not_found */
export async function totalAttainment(
  db: Db,
  { caller, now, query }: Asked & { query: AttainmentTotalsQuery },
): Promise<AttainmentTotals> {
  const { zone } = caller
  const wanted = await wantedOf(db, { caller, now, query })
  const sums = { store: noTotal(), associate: noTotal() }
  const summed = await sumsWithin(db, wanted, zone)
  const load = (after: Reached | null, limit: number) =>
    reachedOf(db, { wanted, zone, sums: summed, now, after, limit })
  for await (const row of inPages<Reached>(load)) {
    const sum = sums[row.kind]
    sum.count++
    if (row.targetFen === null) continue
    sum.targetCount++
    sum.targetFen = sumFen([sum.targetFen, row.targetFen])
    sum.netSalesFen = sumFen([sum.netSalesFen, row.netSalesFen])
  }
  const span = spanOf(wanted.month, zone)
  const totalOf = (sum: ReturnType<typeof noTotal>) => {
    const { attainmentBps, expectedFen } = attainmentOf(sum, { ...span, now })
    return { ...sum, attainmentBps, expectedFen: expectedFen ?? 0 }
  }
  const { monthGoneBps } = attainmentOf(sums.store, { ...span, now })
  return {
    month: wanted.month,
    monthGoneBps,
    store: totalOf(sums.store),
    associate: totalOf(sums.associate),
    ...shownSums(summed),
  }
}

const noTotal = () => ({ count: 0, targetCount: 0, targetFen: 0, netSalesFen: 0 })

/** Targets of a month as last told, stores first. @throws AppError malformed_cursor */
export async function listTargets(db: Db, { caller, now, query }: Asked & { query: TargetQuery }) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor)
  const { scope, month } = await wantedOf(db, { caller, now, query })
  const rows = await selectSubjects(db, { scope, month, storeCode: null, associate: null, after, limit: limit + 1 })
  return {
    month,
    ...pageOf(
      rows,
      limit,
      row => [row.kind, row.subject],
      row => ({
        ...subjectOf(row),
        name: row.name,
        netSalesFen: row.targetFen!,
        updatedAt: formatInstant(row.updatedAt!),
      }),
    ),
  }
}

const spanOf = (month: string, zone: string): Span => ({
  from: monthStart(month, zone),
  to: monthStart(nextMonth(month), zone),
})

/** @throws AppError not_found where a store or associate is named that is not there, or not within what may be seen */
async function wantedOf(db: Db, { caller, now, query }: Asked & { query: AttainmentQuery }): Promise<Wanted> {
  const { scope, zone } = caller
  const { month = monthOf(now, zone), storeCode = null, associate = null, kind = null, q = null } = query
  if (!(await areVisible(db, { scope, storeCode, associate, memberNo: null }))) {
    throw new AppError('not_found', 'There is no such store or associate.')
  }
  return { scope, month, storeCode, associate, kind, q, everyone: query.everyone ? spanOf(month, zone) : null }
}

/** @throws AppError malformed_cursor */
function positionOf(cursor: string | undefined): SubjectPosition | null {
  if (cursor === undefined) return null
  const position = decodeCursor(cursor, ['text', 'text'])
  const kind = position?.[0]
  if (!position || (kind !== 'store' && kind !== 'associate')) {
    throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  }
  return { kind, subject: String(position[1]) }
}

/** Targets, and what the orders that were paid in the month are worth today: a refund restates the day of its order. */
async function reachedOf(
  db: Db,
  options: {
    wanted: Wanted
    zone: string
    sums: Sums | null
    now: Instant
    after: SubjectPosition | null
    limit: number
  },
): Promise<Reached[]> {
  const { wanted, zone, sums, now, after, limit } = options
  const { scope, month } = wanted
  const span = spanOf(month, zone)
  const rows = await selectSubjects(db, { ...wanted, after, limit })
  const subjectsOf = (kind: SubjectRow['kind']) => rows.filter(row => row.kind === kind).map(row => row.subject)
  const [stores, associates] = await netSalesOf(db, {
    scope,
    month,
    zone,
    sums,
    storeCodes: subjectsOf('store'),
    associateIds: subjectsOf('associate'),
  })
  return rows.map(row => {
    const netSalesFen = (row.kind === 'store' ? stores : associates).get(row.subject) ?? 0
    return { ...row, netSalesFen, ...attainmentOf({ ...row, netSalesFen }, { ...span, now }) }
  })
}

/** The sums that a month is read from: by who sees the whole brand. Of some stores' orders, or one's own, there are none. */
async function sumsWithin(db: Db, { scope, month }: Wanted, zone: string): Promise<Sums | null> {
  if (scope.reach !== 'brand') return null
  const days = { from: `${month}-01`, to: `${nextMonth(month)}-01` }
  return await sumsOf(db, { brandId: scope.brandId, zone, days, isKeyed: false })
}

/** What stores sold in a month, and what associates are credited with. */
async function netSalesOf(
  db: Db,
  options: {
    scope: Scope
    month: string
    zone: string
    sums: Sums | null
    storeCodes: readonly string[]
    associateIds: readonly string[]
  },
): Promise<[stores: Map<string, number>, associates: Map<string, number>]> {
  const { scope, month, zone, sums, storeCodes, associateIds } = options
  const { brandId } = scope
  if (sums) {
    const { days } = sums
    return await Promise.all([
      netSalesSummed(db, { brandId, days, kind: 'store', subjects: storeCodes }),
      netSalesSummed(db, { brandId, days, kind: 'associate', subjects: associateIds }),
    ])
  }
  const span = spanOf(month, zone)
  return await Promise.all([
    selectStoreSales(db, { brandId, storeCodes, ...span }),
    selectCreditedSales(db, { scope, associateIds, ...span }),
  ])
}

const subjectOf = ({ kind, subject }: SubjectRow) =>
  kind === 'store' ? { storeCode: subject } : { associateId: subject }

const shown = (row: Reached): AttainmentItem => ({
  ...subjectOf(row),
  name: row.name,
  store: row.kind === 'store' ? null : row.storeCode,
  targetFen: row.targetFen,
  netSalesFen: row.netSalesFen,
  attainmentBps: row.attainmentBps,
  monthGoneBps: row.monthGoneBps,
  expectedFen: row.expectedFen,
  attainmentOfMonthGoneBps: row.attainmentOfMonthGoneBps,
})

/** With one decimal; a ratio over 0 is a dash. */
const percent = (bps: number | null): string => (bps === null ? '—' : `${(bps / 100).toFixed(1)}%`)
