import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { writeXlsxStream } from 'hucre/xlsx'
import type { Fen } from './money.ts'
import type { Instant } from './time.ts'

/** Lists as files for a spreadsheet: streamed, so that a list of millions takes no memory. */

export type SheetFormat = 'csv' | 'xlsx'

const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'
const FORMATS: Readonly<Record<string, SheetFormat | 'json'>> = {
  'application/json': 'json',
  'application/*': 'json',
  '*/*': 'json',
  'text/csv': 'csv',
  [XLSX]: 'xlsx',
}

/** What an Accept header asks for: of what we have, whatever it likes best; JSON where it says nothing of them. */
export function formatOf(accept: string | undefined): SheetFormat | 'json' {
  const wanted = (accept ?? '')
    .toLowerCase()
    .split(',')
    .map(range => {
      const [type = '', ...parameters] = range.split(';').map(part => part.trim())
      const weight = parameters.find(parameter => parameter.startsWith('q='))
      return { format: FORMATS[type], weight: weight === undefined ? 1 : Number(weight.slice(2)) }
    })
    .filter(({ format, weight }) => format !== undefined && weight > 0)
    .sort((a, b) => b.weight - a.weight)
  return wanted[0]?.format ?? 'json'
}

/** One column. Amounts are shown in yuan with two decimals, as numbers that can be summed. */
export type Column<Row> = { title: string } & (
  { text: (row: Row) => string | null } | { count: (row: Row) => number | null } | { fen: (row: Row) => Fen }
)

export interface Table<Row> {
  /** Of the file, without its ending: letters, digits and hyphens. */
  name: string
  columns: readonly Column<Row>[]
  rows: AsyncIterable<Row>
}

/** Answers with a table as a file. Where its rows fail in the middle the connection breaks: a part must not look whole. */
export function sendTable<Row>(reply: FastifyReply, format: SheetFormat, table: Table<Row>): FastifyReply {
  return reply
    .header('content-disposition', `attachment; filename="${table.name}.${format}"`)
    .header('cache-control', 'no-store')
    .header('vary', 'accept')
    .type(format === 'csv' ? 'text/csv; charset=utf-8' : XLSX)
    .send(format === 'csv' ? Readable.from(csvChunks(table)) : Readable.from(xlsxChunks(table)))
}

const PAGE_ROWS = 1000

/** Rows that are read page by page, each page by a short statement. */
export async function* inPages<Row>(load: (after: Row | null, limit: number) => Promise<readonly Row[]>) {
  let after: Row | null = null
  do {
    const rows: readonly Row[] = await load(after, PAGE_ROWS)
    yield* rows
    after = rows.length < PAGE_ROWS ? null : rows.at(-1)!
  } while (after !== null)
}

/** `2026-03-01 12:00:00` on the clocks of a time zone. */
export function localTime(zone: string): (instant: Instant) => string {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })
  return instant => format.format(instant)
}

// ----------------------------------------------------------------------------------------------------- CSV

const CHUNK_LENGTH = 64 * 1024

/** With a byte order mark, without which Excel takes Chinese for something else. */
async function* csvChunks<Row>({ columns, rows }: Table<Row>): AsyncGenerator<Buffer> {
  let chunk = `\uFEFF${csvLine(columns.map(column => csvText(column.title)))}`
  for await (const row of rows) {
    chunk += csvLine(columns.map(column => csvCell(column, row)))
    if (chunk.length < CHUNK_LENGTH) continue
    yield Buffer.from(chunk)
    chunk = ''
  }
  yield Buffer.from(chunk)
}

const csvLine = (cells: readonly string[]) => `${cells.join(',')}\r\n`

function csvCell<Row>(column: Column<Row>, row: Row): string {
  if ('fen' in column) return yuanText(column.fen(row))
  return 'count' in column ? String(column.count(row) ?? '') : csvText(column.text(row) ?? '')
}

/** What a spreadsheet would take for a formula gets an apostrophe in front: names come from outside. */
function csvText(text: string): string {
  const safe = /^[=+\-@\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** `-1234.50` */
export function yuanText(fen: Fen): string {
  const digits = String(Math.abs(fen)).padStart(3, '0')
  return `${fen < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}

// ---------------------------------------------------------------------------------------------------- XLSX

/** Texts are cells of type text there, so none of them is a formula. */
function xlsxChunks<Row>({ columns, rows }: Table<Row>): AsyncIterable<Uint8Array> {
  const cell = (column: Column<Row>, row: Row) => {
    if ('fen' in column) return column.fen(row) / 100
    return 'count' in column ? column.count(row) : column.text(row)
  }
  async function* cells() {
    for await (const row of rows) yield columns.map(column => cell(column, row))
  }
  return writeXlsxStream(cells(), {
    name: 'Sheet1',
    freezePane: { rows: 1 },
    columns: columns.map(column => ({
      header: column.title,
      width: 'text' in column ? 20 : 14,
      ...('fen' in column ? { numFmt: '0.00' } : {}),
    })),
  })
}
