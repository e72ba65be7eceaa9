/**
 * The rejects file: the lines that were not taken, as they stood, each with its reason. It is made to be corrected in
 * a spreadsheet and imported again with the same mapping.
 */
import { open, rename, stat, truncate } from 'node:fs/promises'
import { formatCsvRow } from './csv.ts'
import type { SourceRow } from './assemble.ts'
import type { LineError } from './schema.ts'

export const rejectColumns = ['reject_line', 'reject_code', 'reject_field', 'reject_message'] as const

/** A spreadsheet runs a cell that begins so as a formula; the full-width forms too, in Chinese and Japanese ones. */
const formulaStart = /^'*[=+\-@\t\r\n＝＋－＠]/
const plainNegative = /^-\d+(?:[.,]\d+)*$/

/**
 * Puts an apostrophe before what a spreadsheet would run: the cells are customers' and associates' own words. Exactly
 * undone by {@link unguardCell}, so that a corrected file is imported as if it had never been guarded.
 */
export function guardCell(cell: string): string {
  return formulaStart.test(cell) && !plainNegative.test(cell) ? `'${cell}` : cell
}

export function unguardCell(cell: string): string {
  return cell.startsWith("'") && formulaStart.test(cell.slice(1)) ? cell.slice(1) : cell
}

/** Whether a header is that of a rejects file: its cells are guarded, and its last columns are ours. */
export function isRejectsHeader(header: readonly string[]): boolean {
  const last = header.slice(-rejectColumns.length).map(name => name.trim())
  return rejectColumns.every((name, i) => last[i] === name)
}

export type RejectsWriter = {
  /** Rows in the order of the file; a row with several errors has all of them in its message. */
  write(rows: readonly SourceRow[], errors: readonly LineError[]): Promise<void>
  /** Everything written so far is on disk; its length in bytes, to which a resumed import cuts the file back. */
  flush(): Promise<number>
  close(): Promise<void>
}

/**
 * Opens the rejects file on its first row; a file without rejects has none. UTF-8 with a mark at the start, without
 * which Chinese spreadsheets take it for GBK.
 *
 * @param keepBytes how much an interrupted import had written for certain; 0 begins anew, and what an earlier import
 *   left under this name, perhaps half corrected by hand, is kept as `….previous.csv`
 */
export async function openRejects(options: {
  path: string
  header: readonly string[]
  delimiter: string
  keepBytes: number
}): Promise<RejectsWriter> {
  const { path, header, delimiter, keepBytes } = options
  const originalColumns = isRejectsHeader(header) ? header.slice(0, -rejectColumns.length) : header
  if (keepBytes > 0) await truncate(path, keepBytes)
  else await renameIfThere(path, path.replace(/\.csv$/, '.previous.csv'))
  let bytes = keepBytes
  let handle: Awaited<ReturnType<typeof open>> | undefined

  async function append(text: string): Promise<void> {
    handle ??= await open(path, 'a', 0o600)
    await handle.appendFile(text)
    bytes += Buffer.byteLength(text)
  }

  return {
    async write(rows, errors) {
      let text =
        bytes === 0 ? `\ufeff${formatCsvRow([...originalColumns, ...rejectColumns].map(guardCell), delimiter)}` : ''
      for (const row of rows) {
        const own = errors.filter(error => error.line === row.line)
        const cells = originalColumns.map((_, i) => row.cells[i] ?? '')
        // What is beyond the header's columns is kept in the message: dropping it would lose what has to be corrected.
        const beyond = row.cells.slice(header.length)
        const message = own.map(error => error.message).join('; ')
        const reason = [String(row.line), joined(own, 'code'), joined(own, 'field')]
        const full = beyond.length === 0 ? message : `${message}: ${beyond.join(delimiter)}`
        text += formatCsvRow([...cells, ...reason, full].map(guardCell), delimiter)
      }
      await append(text)
    },
    async flush() {
      await handle?.sync()
      return bytes
    },
    async close() {
      await handle?.close()
      handle = undefined
    },
  }
}

function joined(errors: readonly LineError[], key: 'code' | 'field'): string {
  return [...new Set(errors.flatMap(error => error[key] ?? []))].join(' ')
}

/** Whether what an interrupted import had written for certain is still there; hands may have moved it since. */
export async function hasRejects(path: string, bytes: number): Promise<boolean> {
  if (bytes === 0) return true
  try {
    return (await stat(path)).size >= bytes
  } catch {
    return false
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}
