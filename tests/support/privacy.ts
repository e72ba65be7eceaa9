import type { Pool } from '../../server/database.ts'

/** Where a number was looked for: how much there was, and which numbers were in it. */
export interface Looked {
  where: string
  bytes: number
  found: string[]
}

/** The spellings in which a number could lie somewhere: as it is, with its country, apart, as hex and base64. */
export function spellings(phone: string): string[] {
  const parts = [phone.slice(0, 3), phone.slice(3, 7), phone.slice(7)]
  const base64 = [0, 1, 2].map(offset => {
    // Wherever it begins within three bytes, its middle is the same.
    const text = Buffer.from(`${'x'.repeat(offset)}${phone}`).toString('base64')
    return text.slice(offset === 0 ? 0 : 4, offset === 1 ? undefined : -4)
  })
  return [phone, parts.join(' '), parts.join('-'), Buffer.from(phone).toString('hex'), ...base64]
}

/** Looks for many numbers in much text: every run of digits is looked up, so the number of numbers costs nothing. */
export function finder(phones: readonly string[]) {
  const plain = new Map(phones.map(phone => [phone, phone]))
  const hex = new Map(phones.map(phone => [Buffer.from(phone).toString('hex'), phone]))
  const base64 = new Map(
    phones.flatMap(phone =>
      spellings(phone)
        .slice(4)
        .map(text => [text, phone] as const),
    ),
  )
  const lengths = [...new Set([...base64.keys()].map(text => text.length))]
  return (where: string, text: string): Looked => {
    const found = new Set<string>()
    const note = (phone: string | undefined) => phone !== undefined && found.add(phone)
    for (const [run] of text.matchAll(/\d(?:[ .\-]?\d){10,}/g)) {
      const digits = run.replace(/\D/g, '')
      for (let i = 0; i + 11 <= digits.length; i++) note(plain.get(digits.slice(i, i + 11)))
    }
    for (const [run] of text.matchAll(/(?:3[0-9]){11,}/g)) {
      for (let i = 0; i + 22 <= run.length; i++) note(hex.get(run.slice(i, i + 22)))
    }
    // A digit is 0x3…: in base64 digits are written with these letters alone.
    for (const [run] of text.matchAll(/[MNODTjzAEIQUYcgkwxy0-5]{12,}/g)) {
      for (const length of lengths) {
        for (let i = 0; i + length <= run.length; i++) note(base64.get(run.slice(i, i + length)))
      }
    }
    return { where, bytes: text.length, found: [...found] }
  }
}

/** Every row of every table, as text. Bytes are written as hex, and once more as they are. */
export async function dumpOf(owner: Pool): Promise<{ table: string; text: string }[]> {
  const tables = await owner<{ name: string }[]>`
    SELECT c.relname AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition AND n.nspname = 'public' ORDER BY 1`
  const dumps: { table: string; text: string }[] = []
  for (const { name } of tables) {
    const rows = await owner<{ row: string }[]>`SELECT t::text AS row FROM ${owner(name)} AS t`
    dumps.push({ table: name, text: rows.map(({ row }) => row).join('\n') })
  }
  return dumps
}

/** What was looked through, as a table. */
export function tableOf(looked: readonly Looked[]): string {
  const rows = looked.map(({ where, bytes, found }) => [where, String(bytes), String(found.length)])
  const widths = [0, 1, 2].map(i => Math.max(...rows.map(row => row[i]!.length), 5))
  const line = (row: readonly string[]) =>
    `${row[0]!.padEnd(widths[0]!)}  ${row[1]!.padStart(widths[1]!)}  ${row[2]!.padStart(widths[2]!)}`
  return [line(['where', 'bytes', 'found']), ...rows.map(line)].join('\n')
}
