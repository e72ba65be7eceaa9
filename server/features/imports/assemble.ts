/**
 * Puts rows together into items. For most kinds a row is an item; an order or refund is several rows that follow each
 * other.
 *
 * The rule behind every choice here: an order is taken whole or not at all. An order that is booked without one of its
 * lines pays too little, looks right, and can later be completed only by a revision; one that is refused stands in the
 * rejects file with all its rows, and is imported again once the faulty row is corrected.
 */
import { createHash } from 'node:crypto'
import type { CsvFault, CsvRead, CsvRow } from './csv.ts'
import type { CompiledMapping } from './compile.ts'
import type { Item, LineError } from './schema.ts'

/** A row of the file with its cells as they stand; of a line that could not be read, its text as the only cell. */
export type SourceRow = { readonly line: number; readonly cells: readonly string[] }

/** Rows that stand or fall together: they became an item, or have errors, at least one. */
export type Unit = { readonly rows: readonly SourceRow[] } & (
  { readonly item: Item; readonly errors?: never } | { readonly item?: never; readonly errors: readonly LineError[] }
)

/** More lines than any ticket has; a grouping column that is the same all over would gather the whole file. */
export const rowsPerItemMax = 1000

type Group = {
  key: string
  rows: SourceRow[]
  head: { item: Item; line: number } | undefined
  lines: Item[]
  errors: LineError[]
}

type Stray = { row: SourceRow; error: LineError; key: string | undefined }

/**
 * Takes rows one by one and gives back the units that they complete, in the order of the file.
 *
 * Memory does not grow with the file, but for 16 to 32 bytes for each group seen.
 */
export function createAssembler(mapping: CompiledMapping): { push(read: CsvRead): Unit[]; end(): Unit[] } {
  const seen = createFingerprints()
  let group: Group | undefined
  /** Unreadable rows after the open group, of which it is not known yet which order they belong to. */
  let strays: Stray[] = []
  /** Set while a stray may belong to the group that is opened next. */
  let doubt: LineError | undefined

  function close(): Unit[] {
    if (group === undefined) return []
    const { rows, head, lines, errors } = group
    group = undefined
    if (errors.length > 0 || head === undefined) return [{ rows, errors: withCompanions(rows, errors) }]
    return [{ rows, item: { ...head.item, lines } }]
  }

  function refuse(target: Group, stray: Stray): void {
    target.rows.push(stray.row)
    target.errors.push(stray.error)
  }

  /**
   * Before the row of the next group (none at the end): a stray goes where its key says. Where it says neither, it may
   * be a line of either, so that both are refused.
   *
   * @returns what is complete with that, and the strays of the next group
   */
  function settleStrays(nextKey: string | undefined): { complete: Unit[]; ofNext: Stray[] } {
    const alone: Unit[] = []
    const ofNext: Stray[] = []
    for (const stray of strays) {
      if (group !== undefined && stray.key === group.key) refuse(group, stray)
      else if (stray.key !== undefined && stray.key === nextKey) ofNext.push(stray)
      else {
        if (group === undefined) alone.push({ rows: [stray.row], errors: [stray.error] })
        else refuse(group, stray)
        doubt = stray.error
      }
    }
    strays = []
    if (group !== undefined && group.key === nextKey) {
      doubt = undefined
      return { complete: alone, ofNext }
    }
    return { complete: [...close(), ...alone], ofNext }
  }

  function pushStray(stray: Stray): Unit[] {
    strays.push(stray)
    return strays.length < rowsPerItemMax ? [] : settleStrays(undefined).complete
  }

  function pushGrouped(row: CsvRow, key: string): Unit[] {
    const { complete, ofNext } = settleStrays(key)
    if (group !== undefined && group.rows.length >= rowsPerItemMax) {
      const message = `more than ${rowsPerItemMax} rows with the same ${quoteColumns(mapping)}`
      group.errors.push({ line: group.rows[0]?.line ?? row.line, code: 'group_too_large', message })
      // Opened again under the same key below: what follows is then refused as a repetition.
      complete.push(...close())
    }
    group ??= open(row, key, ofNext)
    addRow(group, row)
    return complete
  }

  function open(row: CsvRow, key: string, ofNext: readonly Stray[]): Group {
    const opened: Group = { key, rows: [], head: undefined, lines: [], errors: [] }
    for (const stray of ofNext) refuse(opened, stray)
    if (!seen.add(key)) {
      const message =
        `rows with the same ${quoteColumns(mapping)} were there before, with others in between: what was taken then ` +
        'lacks this row; sort the file, and send that item whole with a higher revision'
      opened.errors.push({ line: row.line, code: 'group_split', message })
    }
    if (doubt !== undefined) {
      const message = `line ${doubt.line} before it could not be read and may belong to it`
      opened.errors.push({ line: row.line, code: 'group_rejected', message })
    }
    doubt = undefined
    return opened
  }

  function addRow(target: Group, row: CsvRow): void {
    target.rows.push(row)
    const { head, line, errors } = mapping.readRow(row.cells, target.rows.length)
    target.errors.push(...errors.map(error => ({ ...error, line: row.line })))
    target.lines.push(line)
    if (errors.length > 0) return
    if (target.head === undefined) {
      target.head = { item: head, line: row.line }
      return
    }
    for (const field of new Set([...Object.keys(head), ...Object.keys(target.head.item)])) {
      if (JSON.stringify(head[field]) === JSON.stringify(target.head.item[field])) continue
      const message = `${field} is another one than on line ${target.head.line}, though ${quoteColumns(mapping)} is the same`
      target.errors.push({ line: row.line, field, code: 'group_differs', message })
    }
  }

  return {
    push(read) {
      const error = faultOf(read, mapping.columns.length)
      const row: SourceRow = { line: read.line, cells: 'cells' in read ? read.cells : [read.text] }
      if (mapping.mapping.groupBy === undefined) {
        if (error !== undefined || !('cells' in read))
          return [{ rows: [row], errors: error === undefined ? [] : [error] }]
        const { head, errors } = mapping.readRow(read.cells, 1)
        if (errors.length === 0) return [{ rows: [row], item: head }]
        return [{ rows: [row], errors: errors.map(each => ({ ...each, line: read.line })) }]
      }
      const key = 'cells' in read ? mapping.groupKey(read.cells) : undefined
      if (error !== undefined) return pushStray({ row, error, key })
      if (key === undefined || key === '') {
        const message = `${quoteColumns(mapping)} is empty, so that it cannot be said to which item the row belongs`
        return pushStray({ row, error: { line: row.line, code: 'required', message }, key: undefined })
      }
      return pushGrouped(row, key)
    },
    end: () => settleStrays(undefined).complete,
  }
}

/** The rows of a refused item that have no fault of their own are refused too, and say on whose account. */
export function withCompanions(rows: readonly SourceRow[], errors: readonly LineError[]): LineError[] {
  const faulty = new Set(errors.map(error => error.line))
  const first = errors[0]
  const companions = rows
    .filter(row => !faulty.has(row.line))
    .map(row => ({ line: row.line, code: 'group_rejected', message: `refused with line ${first?.line ?? row.line}` }))
  return [...errors, ...companions].sort((a, b) => a.line - b.line)
}

function faultOf(read: CsvRow | CsvFault, columnCount: number): LineError | undefined {
  if ('code' in read) {
    const message =
      read.code === 'broken_quote'
        ? 'a quotation mark is not closed, or text follows its closing'
        : 'longer than a row may be; a quotation mark is not closed?'
    return { line: read.line, code: read.code, message }
  }
  if (read.cells.length === columnCount) return undefined
  const message = `${read.cells.length} cells where the header has ${columnCount}`
  return { line: read.line, code: 'ragged_row', message }
}

function quoteColumns(mapping: CompiledMapping): string {
  return (mapping.mapping.groupBy ?? []).map(column => `"${column}"`).join(' and ')
}

/**
 * The set of group keys seen, as 64-bit fingerprints in flat memory: 16 to 32 bytes a key, with the slack of the table,
 * where a Set of strings takes a hundred. Among ten million keys two share one with a chance of 1 in 400,000; what
 * would happen is that an order is refused, never that one is lost.
 */
function createFingerprints(): { add(key: string): boolean } {
  let table = new Uint32Array(2 * 1024)
  let count = 0

  function insert(into: Uint32Array, high: number, low: number): boolean {
    const slots = into.length / 2
    let slot = high % slots
    for (;;) {
      const at = 2 * slot
      if (into[at] === 0 && into[at + 1] === 0) {
        into[at] = high
        into[at + 1] = low
        return true
      }
      if (into[at] === high && into[at + 1] === low) return false
      slot = (slot + 1) % slots
    }
  }

  return {
    add(key) {
      const digest = createHash('sha256').update(key).digest()
      // The low bit is set since an empty slot is written as two zeros.
      const isNew = insert(table, digest.readUInt32LE(0), (digest.readUInt32LE(4) | 1) >>> 0)
      if (isNew) count += 1
      if (count * 4 > table.length) {
        const larger = new Uint32Array(table.length * 2)
        for (let at = 0; at < table.length; at += 2) {
          if (table[at] !== 0 || table[at + 1] !== 0) insert(larger, table[at]!, table[at + 1]!)
        }
        table = larger
      }
      return isNew
    },
  }
}
