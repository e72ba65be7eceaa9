/** Binds a mapping to the header of one file: rows in, the fields of items out, with every doubtful cell refused. */
import type { ItemError } from '../../lib/items.ts'
import { formatInstant } from '../../lib/time.ts'
import { compileDateFormat, formatDate, formatMonth, instantOf, readIsoLike, type DateReader } from './dates.ts'
import {
  addDecimals,
  compareDecimals,
  isExactAt,
  multiplyDecimals,
  numberFormats,
  parseDecimal,
  roundHalfUp,
  subtractDecimals,
  type Decimal,
  type NumberFormat,
} from './decimal.ts'
import { MappingError, amountTerms, isObject, templateColumns, type MappingFault } from './mapping.ts'
import type { Amount, ColumnSource, Item, Mapping, Product, Source, Term } from './schema.ts'

/** Reads one cell of a row by column name; trimmed, and freed of what spreadsheets wrap around text. */
type Cells = (column: string) => string
/** A field's value from a row: undefined leaves the field out, an error refuses the line. */
type Read = (cells: Cells, rowNumber: number) => Value | undefined
type Value = { value: unknown } | { error: Omit<ItemError, 'field'> }

export type CompiledMapping = {
  mapping: Mapping
  columns: readonly string[]
  /** The row's group by the `groupBy` columns, '' where all of them are empty; undefined without `groupBy`. */
  groupKey(cells: readonly string[]): string | undefined
  /** The fields of one row: those of the item, and those of its line for orders and refunds. */
  readRow(cells: readonly string[], rowNumber: number): { head: Item; line: Item; errors: ItemError[] }
}

/**
 * Binds a mapping to the header of one file.
 *
 * @param zone IANA time zone of dates without offset; that of the mapping goes before
 * @throws MappingError where the header lacks a column that the mapping names, or has one twice
 */
export function compileMapping(mapping: Mapping, header: readonly string[], zone: string): CompiledMapping {
  const columns = header.map(name => name.trim())
  const faults: MappingFault[] = []
  const twice = columns.filter((name, i) => name !== '' && columns.indexOf(name) !== i)
  for (const name of new Set(twice)) faults.push({ path: 'header', message: `column "${name}" is there twice` })
  for (const [path, names] of namedColumns(mapping)) {
    for (const name of names) {
      if (!columns.includes(name))
        faults.push({ path, message: `the file has no column "${name}"${columnHint(columns, mapping)}` })
    }
  }
  if (faults.length > 0) throw new MappingError(faults)

  const indexes = new Map(columns.map((name, i) => [name, i]))
  const cellsOf =
    (row: readonly string[]): Cells =>
    column =>
      cleanCell(row[indexes.get(column) ?? -1] ?? '')
  const reads = Object.entries(mapping.fields).map(([field, source]) => {
    const isLine = field.startsWith('lines.')
    return {
      field,
      isLine,
      path: (isLine ? field.slice('lines.'.length) : field).split('.'),
      read: compileSource(source, mapping.timeZone ?? zone),
    }
  })
  const { groupBy } = mapping
  return {
    mapping,
    columns,
    groupKey(row) {
      if (groupBy === undefined) return undefined
      const cells = groupBy.map(cellsOf(row))
      return cells.every(cell => cell === '') ? '' : JSON.stringify(cells)
    },
    readRow(row, rowNumber) {
      const cells = cellsOf(row)
      const result = { head: {} as Item, line: {} as Item, errors: [] as ItemError[] }
      for (const { field, isLine, path, read } of reads) {
        const found = read(cells, rowNumber)
        if (found === undefined) continue
        if ('error' in found) result.errors.push({ ...found.error, field })
        else place(isLine ? result.line : result.head, path, found.value)
      }
      return result
    },
  }
}

function namedColumns(mapping: Mapping): [path: string, columns: string[]][] {
  const named: [string, string[]][] = (mapping.groupBy ?? []).map((name, i) => [`groupBy.${i}`, [name]])
  for (const [field, source] of Object.entries(mapping.fields)) {
    const path = `fields.${field}`
    if (typeof source === 'string') named.push([path, [source]])
    else if ('column' in source) named.push([path, [source.column]])
    else if ('template' in source) named.push([path, templateColumns(source.template) ?? []])
    for (const [term, where] of amountTerms(source)) {
      if (typeof term === 'string') named.push([`${path}.${where}`, [term]])
      else if ('column' in term) named.push([`${path}.${where}`, [term.column]])
    }
  }
  return named
}

/** The commonest mistake looks like many: a file with semicolons read by commas has one long column. */
function columnHint(columns: readonly string[], mapping: Mapping): string {
  if (columns.length > 1) return ''
  const other = [',', ';', '\t', '|'].find(
    delimiter => delimiter !== (mapping.delimiter ?? ',') && columns[0]?.includes(delimiter),
  )
  return other === undefined ? '' : `; is its delimiter ${JSON.stringify(other)}?`
}

/** Outer blanks go, the tab with which shops keep long numbers from a spreadsheet too, and so does `="00123"`. */
function cleanCell(cell: string): string {
  const text = cell.trim()
  const wrapped = /^="([^"]*)"$/.exec(text)
  return wrapped === null ? text : (wrapped[1] ?? '').trim()
}

function place(item: Item, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path
  if (rest.length === 0) {
    item[name] = value
    return
  }
  const inner = isObject(item[name]) ? (item[name] as Item) : {}
  item[name] = inner
  place(inner, rest, value)
}

function compileSource(source: Source, zone: string): Read {
  if (typeof source === 'string') return compileColumn({ column: source }, zone)
  if ('value' in source) return () => ({ value: source.value })
  if ('rowNumber' in source) return (_, rowNumber) => ({ value: rowNumber })
  if ('template' in source) return compileTemplate(source)
  if ('column' in source) return compileColumn(source, zone)
  if ('yuan' in source) return compileAmount(source.yuan, 2, 'round', source.required === true)
  if ('fen' in source) return compileAmount(source.fen, 0, 'round', source.required === true)
  return compileAmount(source.integer, 0, 'exact', source.required === true)
}

const missing: Value = { error: { code: 'required', message: 'the cell is empty' } }

function absent(source: { default?: unknown; required?: boolean }): Value | undefined {
  if ('default' in source) return { value: source.default }
  return source.required === true ? missing : undefined
}

function compileTemplate(source: { template: string; default?: unknown; required?: boolean }): Read {
  const columns = templateColumns(source.template) ?? []
  return cells => {
    if (columns.some(column => cells(column) === '')) return absent(source)
    const text = source.template.replace(/\{\{|\}\}|\{([^{}]+)\}/g, (brace, column?: string) =>
      column === undefined ? brace.charAt(0) : cells(column),
    )
    return { value: text }
  }
}

function compileColumn(source: ColumnSource, zone: string): Read {
  const { column, values } = source
  const convert = compileConversion(source, zone)
  return cells => {
    const cell = cells(column)
    if (cell === '') return absent(source)
    if (values === undefined) return convert(cell)
    const translated = Object.hasOwn(values, cell) ? values[cell] : values['*']
    if (translated === undefined) {
      return { error: { code: 'unknown_value', message: `${shown(cell)} is not among the values of the mapping` } }
    }
    // A translation to a string is still converted ("—" to "0" yuan, say); any other JSON value is meant as it is.
    return typeof translated === 'string' ? convert(translated) : { value: translated }
  }
}

function compileConversion(source: ColumnSource, zone: string): (text: string) => Value {
  const as = source.as ?? 'text'
  switch (as) {
    case 'text':
      return readPlainText
    case 'boolean':
      return readBoolean
    case 'list':
      return text => ({ value: text.split(source.format ?? /[,;|，；、]/).flatMap(part => part.trim() || []) })
    case 'integer':
    case 'fen':
      return text => readNumber(text, source.format, 0, 'exact')
    case 'yuan':
      return text => readNumber(text, source.format, 2, 'round')
    case 'decimal':
      return text => readNumber(text, source.format, source.decimals ?? 0, 'round')
    case 'instant':
    case 'date':
    case 'month':
      return compileTemporal(as, source.format, zone)
  }
}

/**
 * A spreadsheet that met an order number of 18 digits keeps 15 of them and writes `1.23457E+17`. Such an id would be
 * taken, and be somebody else's; no real id looks like that.
 */
function readPlainText(text: string): Value {
  if (!/^\d(?:\.\d+)?E\+\d{2}$/.test(text)) return { value: text }
  const message = `${shown(text)} is a long number that a spreadsheet has cut; export the column as text`
  return { error: { code: 'spreadsheet_number', message } }
}

function readBoolean(text: string): Value {
  if (/^(?:true|t|yes|y|1|是|有)$/i.test(text)) return { value: true }
  if (/^(?:false|f|no|n|0|否|无)$/i.test(text)) return { value: false }
  return { error: { code: 'not_a_boolean', message: `${shown(text)} is neither true nor false` } }
}

function compileTemporal(
  as: 'instant' | 'date' | 'month',
  format: string | undefined,
  zone: string,
): (text: string) => Value {
  const compiled = format === undefined ? readIsoLike : compileDateFormat(format)
  const read: DateReader = typeof compiled === 'string' ? () => undefined : compiled
  const isMonthAlone = /^\d{4}[-/]\d{1,2}$/
  return text => {
    const local = read(
      as === 'month' && format === undefined && isMonthAlone.test(text) ? `${text}${text.charAt(4)}01` : text,
    )
    if (local === undefined) {
      const message = `${shown(text)} is no ${as === 'instant' ? 'date or time' : as}${format === undefined ? '' : ` of the format ${format}`}`
      return { error: { code: 'not_a_date', message } }
    }
    if (as === 'date') return { value: formatDate(local) }
    if (as === 'month') return { value: formatMonth(local) }
    return { value: formatInstant(instantOf(local, zone)) }
  }
}

/** @param scale decimal places of the unit that the result counts: 2 from yuan to fen */
function readNumber(text: string, format: string | undefined, scale: number, mode: 'exact' | 'round'): Value {
  const number = parseDecimal(
    stripCurrency(text),
    numberFormats.find(known => known === format),
  )
  if (number === undefined) return { error: { code: 'not_a_number', message: `${shown(text)} is no number` } }
  return countUnits(number, scale, mode)
}

function stripCurrency(text: string): string {
  return text.replace(/^([-+−]?)\s*(?:[¥￥]|CNY|RMB)\s*/i, '$1').replace(/\s*元$/, '')
}

function countUnits(number: Decimal, scale: number, mode: 'exact' | 'round'): Value {
  if (mode === 'exact' && !isExactAt(number, scale)) {
    return { error: { code: 'not_whole', message: `${formatDecimal(number)} is not a whole number` } }
  }
  const units = roundHalfUp(number, scale)
  const value = Number(units)
  if (!Number.isSafeInteger(value)) {
    return { error: { code: 'out_of_range', message: `${formatDecimal(number)} is too large` } }
  }
  return { value }
}

function formatDecimal({ units, scale }: Decimal): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${units < 0n ? '-' : ''}${digits.slice(0, point)}${scale > 0 ? `.${digits.slice(point)}` : ''}`
}

/** A number, an error, or undefined where a cell that it needs is empty. */
type Evaluated = Decimal | { error: Omit<ItemError, 'field'> } | undefined

function compileAmount(amount: Amount, scale: number, mode: 'exact' | 'round', required: boolean): Read {
  return cells => {
    const number = evaluateAmount(amount, cells)
    if (number === undefined) return required ? missing : undefined
    return 'error' in number ? number : countUnits(number, scale, mode)
  }
}

function evaluateAmount(amount: Amount, cells: Cells): Evaluated {
  if (typeof amount === 'string' || !('add' in amount)) return evaluateSummand(amount, cells)
  const added = combine(
    amount.add.map(part => evaluateSummand(part, cells)),
    addDecimals,
  )
  return combine([added, ...(amount.subtract ?? []).map(part => evaluateSummand(part, cells))], subtractDecimals)
}

function evaluateSummand(summand: Term | Product, cells: Cells): Evaluated {
  if (typeof summand === 'string' || !('multiply' in summand)) return evaluateTerm(summand, cells)
  const factors = summand.multiply.map(term => evaluateTerm(term, cells))
  if (summand.less === undefined) return combine(factors, multiplyDecimals)
  const less = evaluateTerm(summand.less, cells)
  if (less === undefined || 'error' in less) return less
  if (compareDecimals(less, zero) < 0 || compareDecimals(less, one) > 0) {
    const message = `${formatDecimal(less)} is no discount between 0 and 1`
    return { error: { code: 'out_of_range', message } }
  }
  return combine([...factors, subtractDecimals(one, less)], multiplyDecimals)
}

const zero: Decimal = { units: 0n, scale: 0 }
const one: Decimal = { units: 1n, scale: 0 }

function evaluateTerm(term: Term, cells: Cells): Evaluated {
  if (typeof term !== 'string' && 'value' in term) return parseDecimal(term.value)
  const source: { column: string; format?: NumberFormat; default?: string } =
    typeof term === 'string' ? { column: term } : term
  const cell = cells(source.column)
  if (cell === '') return source.default === undefined ? undefined : parseDecimal(source.default)
  const number = parseDecimal(stripCurrency(cell), source.format)
  return (
    number ?? { error: { code: 'not_a_number', message: `${shown(cell)} in column "${source.column}" is no number` } }
  )
}

/** Left to right; the first error wins, and a missing number makes the whole missing. */
function combine(numbers: readonly Evaluated[], apply: (a: Decimal, b: Decimal) => Decimal): Evaluated {
  const known: Decimal[] = []
  let isMissing = false
  for (const number of numbers) {
    if (number === undefined) isMissing = true
    else if ('error' in number) return number
    else known.push(number)
  }
  return isMissing ? undefined : known.reduce((total, number) => apply(total, number))
}

/** A cell may be a page long; what is wrong with it shows in its first characters. */
function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
