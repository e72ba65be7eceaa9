import type { Db, Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import type { Span } from '../../lib/calendar.ts'
import { sumFen } from '../../lib/money.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { inPages, type SheetFormat, type Table } from '../../lib/sheets.ts'
import { dayOf, formatInstant, monthOf, monthStart, nextMonth, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller, Scope } from '../auth/domain.ts'
import { areVisible } from '../commissions/service.ts'
import { isSummed } from '../rollups/service.ts'
import { attainmentOf, type Attainment } from './domain.ts'
import {
  selectCreditedSales,
  selectStoreSales,
  selectSubjects,
  selectSummedCredits,
  selectSummedStoreSales,
  type SubjectPosition,
  type SubjectRow,
} from './queries.ts'
import type { AttainmentItem, AttainmentQuery, AttainmentTotals, AttainmentTotalsQuery, TargetQuery } from './schema.ts'

export { selectCreditedSales as creditedSalesOf } from './queries.ts'

interface Asked {
  caller: Caller
  now: Instant
}

/** Where sales are read from: sums where there are any that are new enough, or evidence alone, as tests hold them. */
type Source = 'sums' | 'evidence'

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
export async function listAttainment(
  db: Db,
  { caller, now, query }: Asked & { query: AttainmentQuery },
  source: Source = 'sums',
) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor)
  const wanted = await wantedOf(db, { caller, now, query })
  const rows = await reachedOf(db, { wanted, zone: caller.zone, now, after, limit: limit + 1, source })
  return { month: wanted.month, ...pageOf(rows, limit, row => [row.kind, row.subject], shown) }
}

/** The same as a file; who takes it away is written down. @throws AppError not_found */
export async function exportAttainment(
  pool: Pool,
  { caller, now, query, format }: Asked & { query: AttainmentQuery; format: SheetFormat },
): Promise<Table<Reached>> {
  const wanted = await wantedOf(pool, { caller, now, query })
  const { month } = wanted
  await insertActivity(pool, {
    brandId: caller.brandId,
    now,
    actor: caller.actor,
    action: 'attainment.exported',
    subject: `attainment/${month}`,
    details: { format },
  })
  return {
    name: `attainment-${month}`,
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
    rows: inPages((after, limit) => reachedOf(pool, { wanted, zone: caller.zone, now, after, limit, source: 'sums' })),
  }
}

/** Sums over the same, stores and associates each for themselves. @throws AppError not_found */
export async function totalAttainment(
  db: Db,
  { caller, now, query }: Asked & { query: AttainmentTotalsQuery },
  source: Source = 'sums',
): Promise<AttainmentTotals> {
  const { zone } = caller
  const wanted = await wantedOf(db, { caller, now, query })
  const sums = { store: noTotal(), associate: noTotal() }
  for (const row of await reachedOf(db, { wanted, zone, now, after: null, limit: null, source })) {
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
  return { month: wanted.month, monthGoneBps, store: totalOf(sums.store), associate: totalOf(sums.associate) }
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
    now: Instant
    after: SubjectPosition | null
    /** null: all of them. */
    limit: number | null
    source: Source
  },
): Promise<Reached[]> {
  const { wanted, zone, now, after, limit, source } = options
  const { scope, month } = wanted
  const { brandId } = scope
  const span = spanOf(month, zone)
  const rows = await selectSubjects(db, { ...wanted, after, limit })
  const subjectsOf = (kind: SubjectRow['kind']) => rows.filter(row => row.kind === kind).map(row => row.subject)
  const [storeCodes, associateIds] = [subjectsOf('store'), subjectsOf('associate')]
  const days = { from: dayOf(span.from, zone), to: dayOf(span.to, zone) }
  const isOfAll = limit === null && wanted.storeCode === null && wanted.associate === null && scope.reach === 'brand'
  const areSummed = source === 'sums' && (await isSummed(db, { brandId, zone, days, isKeyed: false }))
  const [stores, associates] = await Promise.all([
    areSummed
      ? selectSummedStoreSales(db, { brandId, storeCodes, days })
      : selectStoreSales(db, { brandId, storeCodes, ...span }),
    // Of what associates sold elsewhere stores see some orders alone, and sums know no orders.
    areSummed && scope.reach !== 'stores'
      ? selectSummedCredits(db, { brandId, associateIds: isOfAll ? null : associateIds, days })
      : selectCreditedSales(db, { scope, associateIds, ...span }),
  ])
  return rows.map(row => {
    const netSalesFen = (row.kind === 'store' ? stores : associates).get(row.subject) ?? 0
    return { ...row, netSalesFen, ...attainmentOf({ ...row, netSalesFen }, { ...span, now }) }
  })
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
