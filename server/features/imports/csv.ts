/**
 * Reads CSV text into rows, knowing for each the line on which it begins, as an editor counts lines.
 *
 * Written here and not taken from a parser library, for two reasons that are both about trust in a rejects list: a
 * library counts a CRLF within quotes as two lines, so that every later line number is wrong; and it ends the whole
 * file at one broken quote, where one bad line should reject itself alone. A test holds it against such a library.
 */

export type CsvRow = { readonly line: number; readonly cells: readonly string[] }
/** A line that could not be read as a row; `text` is the line as it stands. */
export type CsvFault = { readonly line: number; readonly code: 'broken_quote' | 'row_too_long'; readonly text: string }
export type CsvRead = CsvRow | CsvFault

/** A quote that is never closed would otherwise swallow the rest of a large file into memory. */
const rowLengthMax = 1 << 20

/**
 * A reader that is fed text in pieces of any size; how the text is cut does not change what it yields.
 *
 * Line ends are CRLF, LF or CR. A quote inside a field that did not begin with one is an ordinary character (`13" TV`).
 * Where quoting is broken, the line on which the row began is the fault, and reading goes on at the line after it.
 * Lines without any content, such as spreadsheets leave at the end, are passed over.
 */
export function createCsvReader(delimiter: string): { push(text: string): CsvRead[]; end(): CsvRead[] } {
  let pending = ''
  let line = 1
  /** Within a line that was given up because of its length, up to its end. */
  let isSkipping = false

  function drain(isEnd: boolean): CsvRead[] {
    const reads: CsvRead[] = []
    let start = 0
    while (start < pending.length) {
      const row = isSkipping ? 'row_too_long' : readRow(pending, start, delimiter, isEnd)
      if (row === 'incomplete') break
      if (typeof row !== 'string') {
        if (row.cells.some(cell => cell.trim() !== '')) reads.push({ line, cells: row.cells })
        start = row.next
        line += row.lines
        continue
      }
      const lineEnd = findLineEnd(pending, start, isEnd)
      if (lineEnd === undefined && pending.length - start <= rowLengthMax) break
      const end = Math.min(lineEnd?.end ?? pending.length, start + rowLengthMax)
      if (!isSkipping) reads.push({ line, code: row, text: pending.slice(start, end) })
      isSkipping = lineEnd === undefined
      // A CR that is the last character so far may be half of a line end.
      start = lineEnd?.next ?? (pending.endsWith('\r') ? pending.length - 1 : pending.length)
      if (lineEnd === undefined) break
      line += 1
    }
    pending = pending.slice(start)
    return reads
  }

  return {
    push(text) {
      pending += text
      return drain(false)
    },
    end: () => drain(true),
  }
}

type RowRead = { cells: string[]; next: number; lines: number }

function readRow(
  text: string,
  start: number,
  delimiter: string,
  isEnd: boolean,
): RowRead | CsvFault['code'] | 'incomplete' {
  const cells: string[] = []
  let lines = 1
  let at = start
  for (;;) {
    let cell: string
    if (text[at] === '"') {
      const quoted = readQuoted(text, at, isEnd)
      if (quoted === 'open')
        return text.length - start > rowLengthMax ? 'row_too_long' : isEnd ? 'broken_quote' : 'incomplete'
      cell = quoted.cell
      lines += quoted.lineEnds
      at = quoted.next
    } else {
      const cellStart = at
      while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') at += 1
      cell = text.slice(cellStart, at)
    }
    if (at - start > rowLengthMax) return 'row_too_long'
    if (at >= text.length && !isEnd) return 'incomplete'
    cells.push(cell)
    if (at >= text.length) return { cells, next: at, lines }
    const character = text[at]
    if (character === delimiter) {
      at += 1
      // A delimiter as the last character of all is followed by one more, empty, cell.
      if (at >= text.length && isEnd) return { cells: [...cells, ''], next: at, lines }
      if (at >= text.length) return 'incomplete'
    } else if (character === '\n') {
      return { cells, next: at + 1, lines }
    } else if (character === '\r') {
      if (at + 1 >= text.length && !isEnd) return 'incomplete'
      return { cells, next: text[at + 1] === '\n' ? at + 2 : at + 1, lines }
    } else {
      return 'broken_quote'
    }
  }
}

/** `start` is at the opening quote; `next` is after the closing one. */
function readQuoted(
  text: string,
  start: number,
  isEnd: boolean,
): { cell: string; next: number; lineEnds: number } | 'open' {
  let at = start + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote < 0 || (quote + 1 >= text.length && !isEnd)) return 'open'
    if (text[quote + 1] !== '"') {
      const inside = text.slice(start + 1, quote)
      const lineEnds = inside.match(/\r\n|\n|\r/g)?.length ?? 0
      return { cell: inside.replaceAll('""', '"'), next: quote + 1, lineEnds }
    }
    at = quote + 2
  }
}

/** Undefined while the line goes on beyond the text. */
function findLineEnd(text: string, start: number, isEnd: boolean): { end: number; next: number } | undefined {
  let at = start
  while (at < text.length && text[at] !== '\n' && text[at] !== '\r') at += 1
  if (!isEnd && (at >= text.length || (text[at] === '\r' && at + 1 >= text.length))) return undefined
  if (at >= text.length) return { end: at, next: at }
  return { end: at, next: text[at] === '\r' && text[at + 1] === '\n' ? at + 2 : at + 1 }
}

/** One row as CSV, quoted where it must be, with CRLF as RFC 4180 has it and spreadsheets like it. */
export function formatCsvRow(cells: readonly string[], delimiter: string): string {
  const quoted = cells.map(cell =>
    cell.includes(delimiter) || /["\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell,
  )
  return `${quoted.join(delimiter)}\r\n`
}
