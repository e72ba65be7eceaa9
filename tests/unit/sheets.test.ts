import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, test } from 'vitest'
import {
  formatOf,
  inPages,
  localTime,
  sendTable,
  yuanText,
  type Column,
  type SheetFormat,
} from '../../server/lib/sheets.ts'
import { readXlsx } from '../support/xlsx.ts'

const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'

describe('what an Accept header asks for', () => {
  test.each([
    [undefined, 'json'],
    ['', 'json'],
    ['*/*', 'json'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'json'],
    ['application/json', 'json'],
    ['text/csv', 'csv'],
    ['Text/CSV; charset=utf-8', 'csv'],
    ['text/csv, application/json', 'csv'],
    ['application/json, text/csv;q=0.9', 'json'],
    ['application/json;q=0.1, text/csv;q=0.9', 'csv'],
    [`text/csv;q=0.5, ${XLSX}`, 'xlsx'],
    [`text/csv;q=0, ${XLSX};q=0.1`, 'xlsx'],
    ['text/csv;q=0', 'json'],
    ['application/pdf', 'json'],
  ])('%s: %s', (accept, format) => {
    expect(formatOf(accept)).toBe(format)
  })
})

test.each([
  [0, '0.00'],
  [1, '0.01'],
  [-1, '-0.01'],
  [10, '0.10'],
  [-99, '-0.99'],
  [100, '1.00'],
  [-123_456, '-1234.56'],
  [9_007_199_254_740_991, '90071992547409.91'],
])('%i fen are %s yuan', (fen, yuan) => {
  expect(yuanText(fen)).toBe(yuan)
})

test('times are those of the zone', () => {
  expect(localTime('Asia/Shanghai')(Date.parse('2026-02-28T16:00:05Z'))).toBe('2026-03-01 00:00:05')
})

test.each([0, 1, 999, 1000, 1001, 2000, 2500])('rows come page by page, each once (%i of them)', async count => {
  const all = Array.from({ length: count }, (_, i) => i)
  const rows: number[] = []
  for await (const row of inPages<number>(async (after, limit) =>
    all.filter(i => after === null || i > after).slice(0, limit),
  )) {
    rows.push(row)
  }
  expect(rows).toEqual(all)
})

interface Row {
  name: string | null
  fen: number
  count: number | null
}
const columns: Column<Row>[] = [
  { title: '名称', text: row => row.name },
  { title: '税前金额（元）', fen: row => row.fen },
  { title: '笔数', count: row => row.count },
]

async function fileOf(format: SheetFormat, rows: AsyncIterable<Row>) {
  const app = Fastify()
  app.get('/', (_request, reply) => sendTable(reply, format, { name: 'table', columns, rows }))
  const answer = await app.inject({ method: 'GET', url: '/' })
  await app.close()
  return answer
}
async function* each(rows: readonly Row[]) {
  yield* rows
}

const NASTY = [
  { name: '=HYPERLINK("http://x","y")', fen: -150, count: 1 },
  { name: '+86 138', fen: 5, count: 0 },
  { name: '-1', fen: 0, count: null },
  { name: '@SUM(A1)', fen: 100_000_000, count: 3 },
  { name: '\tx', fen: 1, count: 1 },
  { name: '＝1', fen: 1, count: 1 },
  { name: '逗号,引号"换行\r\n和 空格 ', fen: 1, count: 1 },
  { name: '<b>&amp;</b>', fen: 1, count: 1 },
  { name: '普通 = 名字', fen: 1, count: 1 },
  { name: null, fen: 1, count: 1 },
]

test('CSV: a byte order mark, numbers as numbers, and no formula in a text', async () => {
  const answer = await fileOf('csv', each(NASTY))
  expect(answer.headers).toMatchObject({
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': 'attachment; filename="table.csv"',
  })
  expect([...answer.rawPayload.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf])
  const rows = parse(answer.rawPayload, { bom: true }) as string[][]
  expect(rows[0]).toEqual(['名称', '税前金额（元）', '笔数'])
  expect(rows.slice(1)).toEqual([
    [`'=HYPERLINK("http://x","y")`, '-1.50', '1'],
    [`'+86 138`, '0.05', '0'],
    [`'-1`, '0.00', ''],
    [`'@SUM(A1)`, '1000000.00', '3'],
    [`'\tx`, '0.01', '1'],
    [`'＝1`, '0.01', '1'],
    ['逗号,引号"换行\r\n和 空格 ', '0.01', '1'],
    ['<b>&amp;</b>', '0.01', '1'],
    ['普通 = 名字', '0.01', '1'],
    ['', '0.01', '1'],
  ])
})

test('XLSX: texts are texts as they are, amounts numbers with two decimals', async () => {
  const answer = await fileOf('xlsx', each(NASTY))
  expect(answer.headers['content-type']).toBe(XLSX)
  const { rows } = readXlsx(answer.rawPayload)
  expect(rows[0]).toEqual(['名称', '税前金额（元）', '笔数'])
  expect(rows.slice(1).map(([name]) => name)).toEqual(NASTY.map(row => row.name))
  expect(rows.slice(1).map(([, fen]) => fen)).toEqual([-1.5, 0.05, 0, 1_000_000, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01])
  expect(rows.slice(1).map(([, , count]) => count ?? null)).toEqual(NASTY.map(row => row.count))
})

test('both say the same of whatever rows', async () => {
  const row = fc.record({
    // Control characters are what neither format carries everywhere.
    name: fc.string({ unit: 'grapheme' }).filter(text => text === text.trim() && !/\p{C}/u.test(text)),
    fen: fc.integer({ min: -1_000_000_000_000, max: 1_000_000_000_000 }),
    count: fc.nat(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 30 }), async rows => {
      const csv = parse((await fileOf('csv', each(rows))).rawPayload, { bom: true }) as string[][]
      const { rows: xlsx } = readXlsx((await fileOf('xlsx', each(rows))).rawPayload)
      expect(csv.length).toBe(rows.length + 1)
      expect(xlsx.length).toBe(rows.length + 1)
      for (const [i, { name, fen, count }] of rows.entries()) {
        expect(csv[i + 1]![0]!.replace(/^'(?=[=+\-@＝＋－＠])/, '')).toBe(name)
        expect(Number(csv[i + 1]![1]) * 100).toBeCloseTo(fen, 2)
        expect(xlsx[i + 1]).toEqual([name, fen / 100, count])
      }
    }),
    { numRuns: 40 },
  )
})

test.each(['csv', 'xlsx'] as const)('%s of which a row fails in the middle does not look whole', async format => {
  async function* rows(): AsyncGenerator<Row> {
    for (let i = 0; i < 50_000; i++) yield { name: `row ${i} ${Math.random()}`, fen: i, count: i }
    throw new Error('the database went away')
  }
  await expect(fileOf(format, rows())).rejects.toThrow()
})

test.each(['csv', 'xlsx'] as const)('%s takes rows no faster than they are taken from it', async format => {
  let made = 0
  async function* rows(): AsyncGenerator<Row> {
    for (; ; made++) yield { name: `row ${made} ${Math.random()}`, fen: made, count: made }
  }
  const app = Fastify()
  app.get('/', (_request, reply) => sendTable(reply, format, { name: 'table', columns, rows: rows() }))
  const address = await app.listen({ port: 0, host: '127.0.0.1' })
  const controller = new AbortController()
  const answer = await fetch(address, { signal: controller.signal })
  const reader = answer.body!.getReader()
  await reader.read()
  let before = -1
  while (before !== made) {
    before = made
    await new Promise(resolve => setTimeout(resolve, 300))
  }
  expect(made).toBeLessThan(2_000_000)
  controller.abort()
  await reader.cancel().catch(() => {})
  await app.close()
})
