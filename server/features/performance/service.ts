import type { Db, Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { addDays, daysOf, readSpan, startOfDay, type Span } from '../../lib/calendar.ts'
import { valueInForce } from '../../lib/dated.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf, type Page } from '../../lib/paging.ts'
import type { Column, Table } from '../../lib/sheets.ts'
import { boundInstant, dayOf, formatInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { areVisible } from '../commissions/service.ts'
import { monthsEnded } from '../earnings/domain.ts'
import { nameOfFile, shownSums, sumsOf, type Sums } from '../rollups/service.ts'
import { readHistory } from '../stores/service.ts'
import { COUNTED, countedFor, figuresOf, NOTHING, SORTS, type Counted, type Figures } from './domain.ts'
import { isKeyed, isRolledUp } from './rolled.ts'
import {
  selectAllStores,
  selectAssociateNames,
  selectFigures,
  selectGroupNames,
  selectLinkNames,
  selectProductNames,
  selectTable,
  type Asked,
  type Dimension,
  type StoreName,
} from './queries.ts'
import type { Summary, SummaryQuery, TableName, TableQuery, Trend, TrendQuery } from './schema.ts'

interface Asking<Query> {
  caller: Caller
  now: Instant
  query: Query
}

/** The figures of a span beside those of the one it is compared with. @throws AppError not_found, invalid_query */
export async function readSummary(
  db: Db,
  { caller, now, query }: Asking<SummaryQuery>,
  from: Source = 'sums',
): Promise<Summary> {
  const { asked } = await prepare(db, { caller, now, query })
  const before = spanBefore(asked.span, query.before ?? 'span', caller.zone)
  const [own, compared] = await Promise.all(
    [asked.span, before].map(async span => {
      const sums = await sumsWithin(db, 'total', { ...asked, span }, from)
      const months = monthsIn(span, caller.zone, now)
      const [row] = await selectFigures(db, 'total', { ...asked, span, days: sums?.days ?? null, months })
      return { figures: { ...shownSpan(span), ...shown(row ?? NOTHING) }, ...shownSums(sums) }
    }),
  )
  return { ...own!.figures, before: compared!.figures, summedUntil: own!.summedUntil ?? compared!.summedUntil }
}

/** A span's figures as time goes on. @throws AppError not_found, invalid_query */
export async function readTrend(
  db: Db,
  { caller, now, query }: Asking<TrendQuery>,
  from: Source = 'sums',
): Promise<Trend> {
  const { asked } = await prepare(db, { caller, now, query })
  const grain = query.grain ?? 'day'
  const figures = figuresIn(query)
  const sums = await sumsWithin(db, grain, asked, from)
  const rows = await selectFigures(db, grain, { ...asked, days: sums?.days ?? null }, figures && countedFor(figures))
  const found = new Map(rows.map(row => [row.key, row]))
  const firsts = new Set(daysOf(asked.span, caller.zone).map(day => firstDayOf(day, grain)))
  return {
    ...shownSpan(asked.span),
    items: [...firsts].map(day => ({ day, ...only(shown(found.get(day) ?? NOTHING), figures) })),
    ...shownSums(sums),
  }
}

/** One page of a table. @throws AppError not_found, invalid_query, malformed_cursor */
export async function listTable(
  db: Db,
  { caller, now, query, table }: Asking<TableQuery> & { table: TableName },
  from: Source = 'sums',
): Promise<Page<Record<string, unknown>> & ReturnType<typeof shownSums>> {
  const prepared = await prepareTable(db, { caller, now, query, table }, from)
  const limit = query.limit ?? PAGE_DEFAULT
  const rows = await rowsOf(db, {
    caller,
    prepared,
    query,
    table,
    after: positionOf(query.cursor),
    limit: limit + 1,
    figures: figuresIn(query),
  })
  const page = pageOf(
    rows,
    limit,
    row => [row.sorted, row.key],
    row => row.item,
  )
  return { ...page, ...shownSums(prepared.sums) }
}

const EXPORT_ROWS = 20_000

/**
 * A table as a whole, as a file.
 *
 * @param pool where it is written down who takes it away
 * @param db where it is read
 * @throws AppError not_found, invalid_query
 */
export async function exportTable(
  pool: Pool,
  db: Db,
  { caller, now, query, table }: Asking<TableQuery> & { table: TableName },
): Promise<Table<Record<string, unknown>>> {
  const prepared = await prepareTable(db, { caller, now, query, table }, 'sums')
  const { from, to } = prepared.asked.span
  await insertActivity(pool, {
    brandId: caller.brandId,
    now,
    actor: caller.actor,
    action: 'performance.export',
    subject: table,
    details: { from: formatInstant(from), to: formatInstant(to) },
  })
  async function* rows() {
    for (let after: Position | null = null; ;) {
      const found: Row[] = await rowsOf(db, {
        caller,
        prepared,
        query,
        table,
        after,
        limit: EXPORT_ROWS,
        figures: null,
      })
      for (const row of found) yield row.item
      if (found.length < EXPORT_ROWS) return
      after = { value: found.at(-1)!.sorted, key: found.at(-1)!.key }
    }
  }
  const days = [dayOf(from, caller.zone), dayOf(to - 1, caller.zone)]
  return {
    name: nameOfFile(['performance', table, ...days].join('-'), prepared.sums),
    columns: columnsOf(table),
    rows: rows(),
  }
}

// ---------------------------------------------------------------------------------------------- what is asked

interface Prepared {
  asked: Asked
  stores: readonly StoreName[]
  sums: Sums | null
}

const hidden = () => new AppError('not_found', 'There is no such store, region or associate.')

/** Whom the figures are of: what the asker may see, narrowed to what he names. */
async function prepare(
  db: Db,
  {
    caller,
    now,
    query,
  }: Asking<{ from?: string; to?: string; storeCode?: string; region?: string; associate?: string }>,
): Promise<Omit<Prepared, 'sums'>> {
  const { brandId, scope, zone } = caller
  const span = readSpan(query, zone, now)
  if ('path' in span) {
    const { path, message } = span
    throw new AppError('invalid_query', `${path}: ${message}`, [{ path, code: 'invalid_value', message }])
  }
  const { storeCode = null, region = null, associate = null } = query
  if (!(await areVisible(db, { scope, storeCode, associate, memberNo: null }))) throw hidden()
  const stores = await selectAllStores(db, { brandId })
  const regions = stores.map(store => ({ storeCode: store.storeCode, region: regionOf(store, span) }))
  const visible = scope.reach === 'stores' ? new Set(scope.storeCodes) : null
  let storeCodes = visible && [...visible]
  if (region !== null) {
    if (scope.reach === 'self') throw hidden()
    storeCodes = regions
      .filter(one => one.region === region && (visible === null || visible.has(one.storeCode)))
      .map(one => one.storeCode)
    if (storeCodes.length === 0) throw hidden()
  }
  if (storeCode !== null) {
    storeCodes = storeCodes === null || storeCodes.includes(storeCode) ? [storeCode] : []
  }
  return {
    stores,
    asked: {
      brandId,
      storeCodes: scope.reach === 'self' ? null : storeCodes,
      visibleStores: visible && [...visible],
      associateId: scope.reach === 'self' ? scope.associateId : associate,
      span,
      zone,
      days: null,
      months: monthsIn(span, zone, now),
      regions,
    },
  }
}

/** Where figures are read from: sums where there are any that are new enough, or evidence alone, as tests hold them. */
type Source = 'sums' | 'evidence'

/** The sums of the days that a span is, where it is read from them. */
async function sumsWithin(db: Db, dimension: Dimension, asked: Asked, from: Source): Promise<Sums | null> {
  const { span, zone, brandId } = asked
  if (from === 'evidence' || !isRolledUp(dimension, asked)) return null
  const days = { from: dayOf(span.from, zone), to: dayOf(span.to, zone) }
  if (startOfDay(days.from, zone) !== span.from || startOfDay(days.to, zone) !== span.to) return null
  return await sumsOf(db, { brandId, zone, days, isKeyed: isKeyed(dimension) })
}

async function prepareTable(
  db: Db,
  { table, ...asking }: Asking<TableQuery> & { table: TableName },
  from: Source,
): Promise<Prepared> {
  const { asked, stores } = await prepare(db, asking)
  const dimension = DIMENSIONS[table]
  const sums = await sumsWithin(db, dimension, asked, from)
  return { asked: { ...asked, days: sums?.days ?? null }, stores, sums }
}

const regionOf = (store: StoreName, span: Span): string | null => valueInForce(readHistory(store.regions), span.to - 1)

const monthsIn = ({ from, to }: Span, zone: string, now: Instant) => monthsEnded(from, to, now, zone)

const shownSpan = ({ from, to }: Span) => ({ from: formatInstant(from), to: formatInstant(to) })

/** Without the key. */
function shown(row: Counted): Figures {
  return figuresOf(Object.fromEntries(COUNTED.map(name => [name, row[name]])) as Counted)
}

/** The days of a month or a year before; the last day of a shorter month stands for those that it has not. */
function spanBefore({ from, to }: Span, before: 'span' | 'month' | 'year', zone: string): Span {
  if (before === 'span') return { from: boundInstant(from - (to - from)), to: from }
  const back = (at: Instant): Instant => {
    const day = dayOf(at, zone)
    const [year, month, date] = day.split('-').map(Number) as [number, number, number]
    const first = new Date(Date.UTC(year, month - 1 - (before === 'month' ? 1 : 12), 1)).toISOString().slice(0, 10)
    const days = new Date(Date.UTC(Number(first.slice(0, 4)), Number(first.slice(5, 7)), 0)).getUTCDate()
    // The end of a whole month is the first of the next, so a span of whole months stays one.
    return startOfDay(addDays(first, Math.min(date, days) - 1), zone)! + (at - startOfDay(day, zone)!)
  }
  const [first, last] = [back(from), back(to)]
  return { from: first, to: Math.max(last, first + 1) }
}

function firstDayOf(day: string, grain: 'day' | 'week' | 'month'): string {
  if (grain === 'day') return day
  if (grain === 'month') return `${day.slice(0, 7)}-01`
  return addDays(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7))
}

// ------------------------------------------------------------------------------------------------------ tables

const DIMENSIONS: Readonly<Record<TableName, Dimension>> = {
  associates: 'associate',
  stores: 'store',
  regions: 'region',
  links: 'link',
  channels: 'channel',
  products: 'product',
  groups: 'group',
}

interface Position {
  value: string | null
  key: string | null
}

interface Row extends Position {
  sorted: string | null
  item: Record<string, unknown>
}

function positionOf(cursor: string | undefined): Position | null {
  if (cursor === undefined) return null
  const [value, key] = decodeCursor(cursor, 2) ?? []
  const isValue = value === null || (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value))
  if (!isValue || (key !== null && typeof key !== 'string')) {
    throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  }
  return { value, key }
}

async function rowsOf(
  db: Db,
  options: {
    caller: Caller
    prepared: Prepared
    query: TableQuery
    table: TableName
    after: Position | null
    limit: number
    /** null: all. */
    figures: readonly (keyof Figures)[] | null
  },
): Promise<Row[]> {
  const { caller, prepared, query, table, after, limit, figures } = options
  // Stores and regions are no associate's pages.
  if (caller.scope.reach === 'self' && (table === 'stores' || table === 'regions')) throw hidden()
  const rows = await selectTable(db, DIMENSIONS[table], prepared.asked, {
    sort: (query.sort ?? 'netSalesFen') as keyof Figures,
    isDescending: query.order !== 'asc',
    after,
    limit,
    figures: figures && countedFor(figures),
  })
  const names = await namesOf(
    db,
    table,
    prepared,
    rows.flatMap(row => row.key ?? []),
  )
  return rows.map(row => ({
    key: row.key,
    value: row.sorted,
    sorted: row.sorted,
    item: { ...names(row.key), ...only(shown(row), figures) },
  }))
}

/** The figures that rows are asked for with; null: all. */
function figuresIn({ figures }: TableQuery | TrendQuery): (keyof Figures)[] | null {
  if (figures === undefined) return null
  const names = figures.split(',')
  const unknown = names.filter(name => !(SORTS as readonly string[]).includes(name))
  if (unknown.length === 0) return names as (keyof Figures)[]
  const message = `There is no figure ${unknown.map(name => `"${name}"`).join(', ')}; there are ${SORTS.join(', ')}.`
  throw new AppError('invalid_query', `figures: ${message}`, [{ path: 'figures', code: 'invalid_value', message }])
}

const only = (row: Figures, figures: readonly (keyof Figures)[] | null): Partial<Figures> =>
  figures === null ? row : Object.fromEntries(figures.map(name => [name, row[name]]))

/** What a table's rows are called. */
async function namesOf(
  db: Db,
  table: TableName,
  { asked, stores }: Prepared,
  keys: readonly string[],
): Promise<(key: string | null) => Record<string, unknown>> {
  const of = { brandId: asked.brandId, keys }
  const byKey = <T extends { key: string }>(rows: readonly T[]) => new Map(rows.map(row => [row.key, row]))
  switch (table) {
    case 'associates': {
      const found = byKey(await selectAssociateNames(db, of))
      return key => ({
        associateId: key,
        name: found.get(key ?? '')?.name ?? null,
        storeCode: found.get(key ?? '')?.storeCode ?? null,
      })
    }
    case 'stores': {
      const found = new Map(stores.map(store => [store.storeCode, store]))
      return key => {
        const store = found.get(key ?? '')
        return {
          storeCode: key,
          name: store?.name ?? null,
          type: store ? valueInForce(readHistory(store.types), asked.span.to - 1) : null,
          region: store ? regionOf(store, asked.span) : null,
        }
      }
    }
    case 'regions':
      return key => ({ region: key })
    case 'channels':
      return key => ({ channel: key })
    case 'links': {
      const found = byKey(await selectLinkNames(db, of))
      return key => {
        const link = found.get(key ?? '')
        return {
          linkCode: key,
          title: link?.title ?? null,
          targetKind: link?.targetKind ?? null,
          targetRef: link?.targetRef ?? null,
          channel: link?.channel ?? null,
          associateId: link?.associateId ?? null,
          name: link?.associateName ?? null,
          storeCode: link?.storeCode ?? null,
          createdAt: link?.createdAt == null ? null : formatInstant(link.createdAt),
        }
      }
    }
    case 'products': {
      const found = byKey(await selectProductNames(db, of))
      return key => ({
        sku: key,
        name: found.get(key ?? '')?.name ?? null,
        category: found.get(key ?? '')?.category ?? null,
      })
    }
    case 'groups': {
      const found = byKey(await selectGroupNames(db, of))
      return key => ({
        chatId: key,
        name: found.get(key ?? '')?.name ?? null,
        storeCode: found.get(key ?? '')?.storeCode ?? null,
      })
    }
  }
}

// ------------------------------------------------------------------------------------------------------- files

type Item = Record<string, unknown>

const NAMES: Readonly<Record<TableName, readonly (readonly [string, string])[]>> = {
  associates: [
    ['associateId', '导购编号'],
    ['name', '导购'],
    ['storeCode', '门店编号'],
  ],
  stores: [
    ['storeCode', '门店编号'],
    ['name', '门店'],
    ['type', '类型'],
    ['region', '大区'],
  ],
  regions: [['region', '大区']],
  links: [
    ['linkCode', '分享码'],
    ['title', '内容'],
    ['channel', '渠道'],
    ['associateId', '导购编号'],
    ['name', '导购'],
    ['storeCode', '门店编号'],
    ['createdAt', '分享时间'],
  ],
  channels: [['channel', '渠道']],
  products: [
    ['sku', '商品编号'],
    ['name', '商品'],
    ['category', '品类'],
  ],
  groups: [
    ['chatId', '客户群编号'],
    ['name', '客户群'],
    ['storeCode', '门店编号'],
  ],
}

const FIGURES: readonly (readonly [keyof Figures, string])[] = [
  ['netSalesFen', '净销售额（元）'],
  ['orders', '订单数'],
  ['averageTicketFen', '客单价（元）'],
  ['unitsPerOrderHundredths', '连带率'],
  ['onlineFen', '线上（元）'],
  ['inStoreFen', '到店（元）'],
  ['directFen', '直接（元）'],
  ['indirectFen', '间接（元）'],
  ['privateDomainBps', '私域占比'],
  ['closerFen', '成交（元）'],
  ['attributedFen', '归属顾客成交（元）'],
  ['unattributedFen', '待归属（元）'],
  ['refundFen', '退款（元）'],
  ['buyers', '成交会员'],
  ['repeatBuyers', '复购会员'],
  ['repeatBps', '复购率'],
  ['shares', '分享'],
  ['clicks', '点开'],
  ['visitors', '访客'],
  ['clickBps', '点开率'],
  ['conversionBps', '转化率'],
  ['newFriends', '加好友'],
  ['lostFriends', '流失好友'],
  ['newMembers', '入会'],
  ['commissionFen', '提成（税前，元）'],
]

const hundredths = (value: unknown) => (value === null ? '—' : (Number(value) / 100).toFixed(2))
const percent = (value: unknown) =>
  value === null ? '—' : `${(Math.floor(Number(value) / 10 + 0.5) / 10).toFixed(1)}%`

function columnsOf(table: TableName): Column<Item>[] {
  return [
    ...NAMES[table].map(([name, title]) => ({ title, text: (item: Item) => (item[name] as string | null) ?? '' })),
    ...FIGURES.map(([name, title]): Column<Item> => {
      if (name.endsWith('Bps')) return { title, text: item => percent(item[name]) }
      if (name === 'unitsPerOrderHundredths') return { title, text: item => hundredths(item[name]) }
      if (name === 'averageTicketFen') return { title, text: item => hundredths(item[name]) }
      if (name.endsWith('Fen')) return { title, fen: item => item[name] as number }
      return { title, count: item => item[name] as number }
    }),
  ]
}
