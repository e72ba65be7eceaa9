import type { Db, Pool } from '../../../database.ts'
import { AppError } from '../../../errors.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../../lib/paging.ts'
import type { Table } from '../../../lib/sheets.ts'
import { formatInstant, type Instant } from '../../../lib/time.ts'
import { insertActivity } from '../../activity/service.ts'
import type { BacktestQuery, BacktestResult, BacktestSummary, BacktestTable } from '../schema.ts'
import { selectBacktestResult, selectBacktests, selectNames } from './queries.ts'

/** The back-tests of a brand, newest first. @throws AppError malformed_cursor */
export async function listBacktests(db: Db, brandId: number, query: BacktestQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['uuid'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectBacktests(db, {
    brandId,
    terms: query.terms ?? null,
    status: query.status ?? null,
    after: after && String(after[0]),
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [row.jobId],
    (row): BacktestSummary => ({ ...row, createdAt: formatInstant(row.createdAt) }),
  )
}

/** A result with the names that its associates and stores have now. */
export async function namedResult(db: Db, brandId: number, result: BacktestResult): Promise<BacktestResult> {
  const names = await selectNames(db, {
    brandId,
    associates: result.perAssociate.map(row => row.associateId),
    stores: result.perStore.flatMap(row => row.storeCode ?? []),
  })
  const byKey = new Map(names.map(({ kind, key, name }) => [`${kind} ${key}`, name]))
  const named = <T extends object>(kind: 'associate' | 'store', key: string | null, row: T) => {
    const name = key === null ? undefined : byKey.get(`${kind} ${key}`)
    return name === undefined ? row : { ...row, name }
  }
  return {
    ...result,
    perAssociate: result.perAssociate.map(row => named('associate', row.associateId, row)),
    perStore: result.perStore.map(row => named('store', row.storeCode, row)),
  }
}

type Row = Record<string, string | number | null>
type Columns = Table<Row>['columns']

const text = (title: string, name: string) => ({ title, text: (row: Row) => row[name] as string | null })
const fen = (title: string, name: string) => ({ title, fen: (row: Row) => row[name] as number })
const change: Columns = [
  fen('现方案（元）', 'nowFen'),
  fen('试算方案（元）', 'thenFen'),
  fen('差额（元）', 'differenceFen'),
]

const TABLES: Record<BacktestTable, { columns: Columns; rowsOf: (result: BacktestResult) => readonly Row[] }> = {
  associates: {
    columns: [
      text('导购', 'associateId'),
      text('姓名', 'name'),
      ...change,
      fen('现方案阶梯奖（元）', 'bonusNowFen'),
      fen('试算方案阶梯奖（元）', 'bonusThenFen'),
    ],
    rowsOf: result => result.perAssociate,
  },
  stores: {
    columns: [text('门店', 'storeCode'), text('门店名称', 'name'), ...change],
    rowsOf: result => result.perStore,
  },
  orders: {
    columns: [text('来源', 'source'), text('订单号', 'orderNo'), text('付款时间', 'paidAt'), ...change],
    rowsOf: result => result.mostDifferent,
  },
}

/**
 * A back-test's winners and losers, or the orders that differ most, as a file.
 *
 * @throws AppError not_found where there is no such back-test that has ended
 */
export async function exportBacktest(
  pool: Pool,
  options: { brandId: number; actor: string; jobId: string; table: BacktestTable; now: Instant },
): Promise<Table<Row>> {
  const { brandId, actor, jobId, table, now } = options
  const found = await selectBacktestResult(pool, { brandId, jobId })
  if (!found) throw new AppError('not_found', 'There is no such back-test, or it has not ended.')
  const details = { from: found.from, to: found.to }
  await insertActivity(pool, { brandId, now, actor, action: 'plan.backtest_export', subject: `jobs/${jobId}`, details })
  const { columns, rowsOf } = TABLES[table]
  const rows = rowsOf(await namedResult(pool, brandId, found.result as BacktestResult))
  async function* withDifference() {
    for (const row of rows) {
      yield await Promise.resolve({ ...row, differenceFen: (row['thenFen'] as number) - (row['nowFen'] as number) })
    }
  }
  return { name: `backtest-${table}`, columns, rows: withDifference() }
}
