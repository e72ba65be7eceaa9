import type { Db, Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { inPages, localTime, type Column, type SheetFormat, type Table } from '../../lib/sheets.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { areVisible } from '../commissions/service.ts'
import { maskName } from './domain.ts'
import { selectUnattributed, type UnattributedRow } from './queries.ts'
import type { Unattributed, UnattributedQuery } from './schema.ts'

/** Sales that nobody has: what waits to be claimed. */

/**
 * Sales that nobody has, newest first: those of the asker's stores. An associate sees those sold in his own.
 *
 * @throws AppError not_found, malformed_cursor
 */
export async function listUnattributed(db: Db, caller: Caller, query: UnattributedQuery) {
  const { limit = PAGE_DEFAULT, cursor } = query
  const after = cursor === undefined ? null : decodeCursor(cursor, ['instant', 'text', 'text'])
  if (cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const filter = await filterOf(db, caller, query)
  const position = after && { paidAt: String(after[0]), source: String(after[1]), orderNo: String(after[2]) }
  const rows = await selectUnattributed(db, { ...filter, after: position, limit: limit + 1 })
  return pageOf(rows, limit, row => [formatInstant(row.paidAt), row.source, row.orderNo], shown)
}

/** What is asked for, within what may be seen. @throws AppError not_found */
async function filterOf(db: Db, asker: Caller, query: UnattributedQuery) {
  const { scope, person } = asker
  const { storeCode = null, from, to } = query
  const isSeen =
    scope.reach === 'self'
      ? storeCode === null || storeCode === person?.storeCode
      : await areVisible(db, { scope, storeCode, associate: null, memberNo: null })
  if (!isSeen) throw new AppError('not_found', 'There is no such store.')
  return {
    asker,
    storeCode,
    from: from === undefined ? null : parseInstant(from),
    to: to === undefined ? null : parseInstant(to),
  }
}

function shown(row: UnattributedRow): Unattributed {
  const { buyer, buyerName, isBuyerVisible, hasCloser, hasSharerOrAttributed, ...rest } = row
  return {
    ...rest,
    paidAt: formatInstant(row.paidAt),
    buyer:
      buyer === null
        ? null
        : { memberNo: isBuyerVisible ? buyer : null, name: buyerName === null ? null : maskName(buyerName) },
    missing: [
      ...(row.channel === 'in_store' && !hasCloser ? ['closer' as const] : []),
      ...(buyer !== null && !hasSharerOrAttributed ? ['sharer_and_attributed' as const] : []),
    ],
  }
}

const MISSING: Readonly<Record<Unattributed['missing'][number], string>> = {
  closer: '无成交导购',
  sharer_and_attributed: '无分享导购和归属导购',
}

function columns(zone: string): Column<UnattributedRow>[] {
  const time = localTime(zone)
  return [
    { title: '订单来源', text: row => row.source },
    { title: '订单号', text: row => row.orderNo },
    { title: '付款时间', text: row => time(row.paidAt) },
    { title: '渠道', text: row => (row.channel === 'online' ? '线上' : '门店') },
    { title: '门店编号', text: row => row.sellingStore },
    { title: '门店', text: row => row.storeName },
    { title: '净销售额（元）', fen: row => row.netFen },
    { title: '会员号', text: row => shown(row).buyer?.memberNo ?? null },
    { title: '会员', text: row => shown(row).buyer?.name ?? null },
    {
      title: '待归属',
      text: row =>
        shown(row)
          .missing.map(part => MISSING[part])
          .join('、'),
    },
    { title: '申领数', count: row => row.claimCount },
  ]
}

/** All of them, as a file; who takes it away is written down. @throws AppError not_found */
export async function exportUnattributed(
  pool: Pool,
  options: { caller: Caller; query: UnattributedQuery; format: SheetFormat; now: Instant },
): Promise<Table<UnattributedRow>> {
  const { caller, query, format, now } = options
  const { brandId, actor, zone } = caller
  const filter = await filterOf(pool, caller, query)
  await insertActivity(pool, {
    brandId,
    now,
    actor,
    action: 'unattributed.exported',
    subject: 'unattributed',
    details: { ...query, format },
  })
  return {
    name: 'unattributed',
    columns: columns(zone),
    rows: inPages<UnattributedRow>((last, limit) => {
      const after = last && { paidAt: formatInstant(last.paidAt), source: last.source, orderNo: last.orderNo }
      return selectUnattributed(pool, { ...filter, after, limit })
    }),
  }
}
