import type { Db, Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { readSpan, startOfDay } from '../../lib/calendar.ts'
import { valueInForce } from '../../lib/dated.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { inPages, localTime, type Column, type SheetFormat, type Table } from '../../lib/sheets.ts'
import { dayOf, formatInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { areVisible } from '../commissions/service.ts'
import { monthsEnded } from '../earnings/domain.ts'
import { shownSums, sumsOf, type Sums } from '../rollups/service.ts'
import { readHistory } from '../stores/service.ts'
import {
  isSummedAhead,
  selectBehind,
  selectBehindTotals,
  selectBeside,
  selectStoreRegions,
  selectSummedTotals,
  type Behind,
  type BehindRow,
} from './queries.ts'
import type { BehindOrder, BehindPage, BehindQuery } from './schema.ts'

/**
 * What a figure of /performance was summed from: the orders of the same scope and row, each with what it adds. What they
 * add up to, and what is paid beside orders, is the figure.
 */

interface Asking {
  caller: Caller
  now: Instant
  query: BehindQuery
}

const hidden = () => new AppError('not_found', 'There is no such store, region or associate.')

/** Where totals are read from: sums where there are any that are new enough, or evidence alone, as tests hold them. */
type Source = 'sums' | 'evidence'

/** @throws AppError not_found, invalid_query, malformed_cursor */
export async function listBehind(db: Db, { caller, now, query }: Asking, source: Source = 'sums'): Promise<BehindPage> {
  const { limit = PAGE_DEFAULT, cursor } = query
  const after = cursor === undefined ? null : decodeCursor(cursor, ['instant', 'text', 'text'])
  if (cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const behind = await prepare(db, { caller, now, query })
  const position = after && { paidAt: String(after[0]), source: String(after[1]), orderNo: String(after[2]) }
  const [rows, totals] = await Promise.all([
    selectBehind(db, behind, { after: position, limit: limit + 1 }),
    after ? null : totalsOf(db, behind, source),
  ])
  const page = pageOf(rows, limit, row => [formatInstant(row.paidAt), row.source, row.orderNo], shown)
  return { ...page, totals }
}

const shown = (row: BehindRow): BehindOrder => ({ ...row, paidAt: formatInstant(row.paidAt) })

async function totalsOf(db: Db, behind: Behind, source: Source): Promise<NonNullable<BehindPage['totals']>> {
  const isPay = behind.figure === 'commissionFen'
  const sums = source === 'sums' ? await sumsWithin(db, behind) : null
  const [totals, besideFen] = await Promise.all([
    sums ? selectSummedTotals(db, behind, sums.days) : selectBehindTotals(db, behind),
    isPay ? selectBeside(db, behind) : 0,
  ])
  return { ...totals, besideFen, figure: totals.amount + besideFen, ...shownSums(sums) }
}

/** The sums of the days that the span is, where totals are read from them. */
async function sumsWithin(db: Db, behind: Behind): Promise<Sums | null> {
  const { brandId, zone, span, row } = behind
  if (!isSummedAhead(behind)) return null
  const days = { from: dayOf(span.from, zone), to: dayOf(span.to, zone) }
  if (startOfDay(days.from, zone) !== span.from || startOfDay(days.to, zone) !== span.to) return null
  const isKeyed = row !== null && row.table !== 'stores' && row.table !== 'regions'
  return await sumsOf(db, { brandId, zone, days, isKeyed })
}

/** Whom and what the figure is of, as /performance reads it. @throws AppError not_found, invalid_query */
async function prepare(db: Db, { caller, now, query }: Asking): Promise<Behind> {
  const { brandId, scope, zone } = caller
  const span = readSpan(query, zone, now)
  if ('path' in span) throw invalid(span.path, span.message)
  const { storeCode = null, region = null, associate = null, figure = 'netSalesFen', table, key = null } = query
  if (table === undefined && key !== null) throw invalid('table', 'Say of which table the row is.')
  const named = [
    { storeCode, associate },
    { storeCode: table === 'stores' ? key : null, associate: table === 'associates' ? key : null },
  ]
  for (const one of named) if (!(await areVisible(db, { scope, ...one, memberNo: null }))) throw hidden()
  const isSelf = scope.reach === 'self'
  if (isSelf && (region !== null || table === 'stores' || table === 'regions')) throw hidden()

  const visible = scope.reach === 'stores' ? new Set(scope.storeCodes) : null
  const stores = (await selectStoreRegions(db, { brandId })).map(one => ({
    storeCode: one.storeCode,
    region: valueInForce(readHistory(one.regions), span.to - 1),
    isVisible: visible === null || visible.has(one.storeCode),
  }))
  const inRegion = (name: string | null) => stores.filter(one => one.region === name).map(one => one.storeCode)
  const seenIn = (name: string) => stores.filter(one => one.region === name && one.isVisible).map(one => one.storeCode)
  let storeCodes = visible && [...visible]
  if (region !== null) storeCodes = seenIn(region)
  if (storeCodes?.length === 0 && region !== null) throw hidden()
  if (storeCode !== null) storeCodes = storeCodes === null || storeCodes.includes(storeCode) ? [storeCode] : []
  if (table === 'regions' && key !== null && seenIn(key).length === 0) throw hidden()
  return {
    brandId,
    zone,
    span,
    storeCodes: isSelf ? null : storeCodes,
    associateId: isSelf ? scope.associateId : associate,
    figure,
    row: table === undefined ? null : { table, key },
    regionStores: table === 'regions' ? inRegion(key) : [],
    months: monthsEnded(span.from, span.to, now, zone),
  }
}

const invalid = (path: string, message: string) =>
  new AppError('invalid_query', `${path}: ${message}`, [{ path, code: 'invalid_value', message }])

function columns(zone: string, figure: BehindQuery['figure'] = 'netSalesFen'): Column<BehindRow>[] {
  const time = localTime(zone)
  const isMoney = figure.endsWith('Fen')
  return [
    { title: '订单来源', text: row => row.source },
    { title: '订单号', text: row => row.orderNo },
    { title: '付款时间', text: row => time(row.paidAt) },
    { title: '渠道', text: row => (row.channel === 'online' ? '线上' : '门店') },
    { title: '成交门店', text: row => row.sellingStore },
    { title: '会员号', text: row => row.memberNo },
    { title: '订单净额（元）', fen: row => row.netFen },
    isMoney ? { title: '计入（元）', fen: row => row.amount } : { title: '计入', count: row => row.amount },
  ]
}

/**
 * All of them, as a file.
 *
 * @param pool where it is written down who takes it away
 * @param db where it is read
 * @throws AppError not_found, invalid_query
 */
export async function exportBehind(
  pool: Pool,
  db: Db,
  { caller, now, query, format }: Asking & { format: SheetFormat },
): Promise<Table<BehindRow>> {
  const behind = await prepare(db, { caller, now, query })
  const { brandId, actor, zone } = caller
  const { from, to } = behind.span
  const details = { ...query, from: formatInstant(from), to: formatInstant(to), format }
  await insertActivity(pool, { brandId, now, actor, action: 'orders.exported', subject: 'performance/orders', details })
  return {
    name: `orders-${dayOf(from, zone)}-${dayOf(to - 1, zone)}`,
    columns: columns(zone, query.figure),
    rows: inPages<BehindRow>((last, limit) => {
      const after = last && { paidAt: formatInstant(last.paidAt), source: last.source, orderNo: last.orderNo }
      return selectBehind(db, behind, { after, limit })
    }),
  }
}
