import { inflateRawSync } from 'node:zlib'

/** Reads the first sheet of a workbook by itself, as another program would: the archive's own index, then the XML. */
export function readXlsx(file: Buffer): { rows: (string | number | null)[][]; sheets: number } {
  const parts = unzip(file)
  for (const name of ['[Content_Types].xml', '_rels/.rels', 'xl/workbook.xml', 'xl/_rels/workbook.xml.rels']) {
    if (!parts.has(name)) throw new Error(`a workbook without ${name}`)
  }
  const sheet = parts.get('xl/worksheets/sheet1.xml')!
  const rows = [...sheet.matchAll(/<row [^>]*r="(\d+)"[^>]*>(.*?)<\/row>/gs)].map(([, , cells]) => {
    const row: (string | number | null)[] = []
    for (const [, attributes, content = ''] of cells!.matchAll(/<c ([^>]*?)(?:\/>|>(.*?)<\/c>)/gs)) {
      const column = columnOf(/r="([A-Z]+)\d+"/.exec(attributes!)![1]!)
      while (row.length < column) row.push(null)
      row.push(valueOf(/t="(\w+)"/.exec(attributes!)?.[1], content))
    }
    return row
  })
  return { rows, sheets: [...parts.keys()].filter(name => name.startsWith('xl/worksheets/')).length }
}

function valueOf(type: string | undefined, content: string): string | number | null {
  if (/<f[ >]/.test(content)) throw new Error('a formula')
  if (type === 'inlineStr') return textOf(/<t[^>]*>(.*?)<\/t>/s.exec(content)?.[1] ?? '')
  const value = /<v>(.*?)<\/v>/.exec(content)?.[1]
  if (type !== undefined && type !== 'n') throw new Error(`a cell of type ${type}`)
  return value === undefined ? null : Number(value)
}

const textOf = (xml: string) =>
  xml
    .replace(/_x([0-9A-F]{4})_/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&')

const columnOf = (letters: string) => [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1

/** By the central directory at the end: what streams writes sizes there alone. */
function unzip(file: Buffer): Map<string, string> {
  const end = file.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]))
  if (end < 0) throw new Error('not a whole archive')
  const parts = new Map<string, string>()
  let at = file.readUInt32LE(end + 16)
  for (let i = 0; i < file.readUInt16LE(end + 10); i++) {
    const [method, size, nameLength] = [
      file.readUInt16LE(at + 10),
      file.readUInt32LE(at + 20),
      file.readUInt16LE(at + 28),
    ]
    const name = file.toString('utf8', at + 46, at + 46 + nameLength)
    const local = file.readUInt32LE(at + 42)
    const begin = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28)
    const data = file.subarray(begin, begin + size)
    parts.set(name, (method === 8 ? inflateRawSync(data) : data).toString('utf8'))
    at += 46 + nameLength + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32)
  }
  return parts
}
