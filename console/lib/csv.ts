/** Tables from spreadsheets: what their bytes mean, and their cells. Pure. */

/** UTF-8 and UTF-16 by their mark, UTF-8 without one where all of it is, else GB18030, as Chinese spreadsheets write. */
export function decodeText(bytes: Uint8Array): string {
  const marked =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : null
  if (marked) return new TextDecoder(marked).decode(bytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('gb18030').decode(bytes)
  }
}

export interface CsvRow {
  /** Where it begins in the file, from 1. */
  line: number
  cells: string[]
}

/** Rows with something in them; separated by commas, semicolons or tabs, whichever the first line has most of. */
export function parseCsv(text: string): CsvRow[] {
  const first = text.split(/\r?\n/, 1)[0] ?? ''
  const count = (mark: string) => first.split(mark).length
  const separator = [',', ';', '\t'].reduce((best, mark) => (count(mark) > count(best) ? mark : best))
  const rows: CsvRow[] = []
  let cells: string[] = []
  let cell = ''
  let isQuoted = false
  let line = 1
  let begin = 1
  const endCell = () => {
    cells.push(cell.trim())
    cell = ''
  }
  const endRow = () => {
    endCell()
    if (cells.some(one => one !== '')) rows.push({ line: begin, cells })
    cells = []
  }
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    if (isQuoted) {
      if (character === '\n') line++
      if (character !== '"') cell += character
      else if (text[i + 1] === '"') cell += text[++i]!
      else isQuoted = false
    } else if (character === '"' && cell.trim() === '') {
      cell = ''
      isQuoted = true
    } else if (character === separator) endCell()
    else if (character === '\n' || character === '\r') {
      if (character === '\r' && text[i + 1] === '\n') i++
      line++
      endRow()
      begin = line
    } else cell += character
  }
  if (cell !== '' || cells.length > 0) endRow()
  return rows
}

/** As a spreadsheet reads it, Chinese too. */
export function writeCsv(rows: readonly (readonly string[])[]): string {
  const quoted = (cell: string) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
  return '\ufeff' + rows.map(row => row.map(quoted).join(',') + '\r\n').join('')
}
