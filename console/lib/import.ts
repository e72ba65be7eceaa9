import { computed, shallowRef } from 'vue'
import { toDiagnosis, type Diagnosis } from '../../sidebar/lib/diagnosis.ts'
import { decodeText, parseCsv, writeCsv } from './csv.ts'
import { offer } from './files.ts'

/** What the service says of one item of a list. */
export interface ItemResult {
  key: string | null
  status: 'created' | 'updated' | 'unchanged' | 'rejected'
  error?: { code: string; message: string }
}

/** One column of a list as people name it. */
export interface ImportColumn {
  key: string
  /** Names of the column, the one that is shown first. */
  names: readonly string[]
  isOptional?: boolean
}

export interface ImportRow<Item> {
  /** Of the file, from 1. */
  line: number
  cells: Readonly<Record<string, string>>
  /** null where it cannot be read. */
  item: Item | null
  /** Why it cannot be read, in words. */
  fault: string | null
  result: ItemResult | null
}

const batchItems = 500
const linesMax = 20_000

/**
 * A list from a spreadsheet: read here, looked at, and only then sent. Each line stands alone; what was not taken is
 * handed back as a file, so nothing of it is lost.
 *
 * @param options.read an item of a line's cells, or what is wrong with it in words
 * @param options.send one batch
 */
export function useImport<Item>(options: {
  columns: () => readonly ImportColumn[]
  read: (cells: Readonly<Record<string, string>>) => Item | string
  send: (items: Item[]) => Promise<ItemResult[]>
}) {
  const rows = shallowRef<readonly ImportRow<Item>[]>([])
  const name = shallowRef('')
  const missing = shallowRef<readonly string[]>([])
  const isTooLong = shallowRef(false)
  const sent = shallowRef<number | null>(null)
  const isSending = shallowRef(false)
  const fault = shallowRef<Diagnosis | null>(null)
  const good = computed(() => rows.value.filter(row => row.item !== null && row.result === null))
  const bad = computed(() => rows.value.filter(row => row.fault !== null || row.result?.status === 'rejected'))
  const taken = computed(() => rows.value.filter(isTaken))

  async function open(file: File): Promise<void> {
    const lines = parseCsv(decodeText(new Uint8Array(await file.arrayBuffer())))
    const [head, ...body] = lines
    const columns = options.columns()
    const plain = (text: string) => text.normalize('NFKC').replace(/\s/g, '').toLowerCase()
    const places = columns.map(column =>
      (head?.cells ?? []).findIndex(cell => [column.key, ...column.names].some(one => plain(one) === plain(cell))),
    )
    name.value = file.name
    fault.value = null
    sent.value = null
    missing.value = columns
      .filter((column, i) => places[i] === -1 && !column.isOptional)
      .map(column => column.names[0]!)
    isTooLong.value = body.length > linesMax
    rows.value =
      missing.value.length > 0 || isTooLong.value
        ? []
        : body.map(({ line, cells }) => {
            const named = Object.fromEntries(columns.map(({ key }, i) => [key, cells[places[i]!] ?? '']))
            const read = options.read(named)
            const isRead = typeof read !== 'string'
            return { line, cells: named, item: isRead ? read : null, fault: isRead ? null : read, result: null }
          })
  }

  /** Sends what can be read and was not taken yet, batch by batch; told again, an item changes nothing. */
  async function send(): Promise<void> {
    if (isSending.value) return
    isSending.value = true
    fault.value = null
    const todo = good.value
    sent.value = 0
    try {
      for (let from = 0; from < todo.length; from += batchItems) {
        const batch = todo.slice(from, from + batchItems)
        const results = await options.send(batch.map(row => row.item!))
        const told = new Map(batch.map((row, i) => [row.line, results[i] ?? null]))
        rows.value = rows.value.map(row => (told.has(row.line) ? { ...row, result: told.get(row.line)! } : row))
        sent.value = from + batch.length
      }
    } catch (error) {
      fault.value = toDiagnosis(error)
    } finally {
      isSending.value = false
    }
  }

  /** The lines that were not taken, as a file to mend. */
  function saveBad(textOf: (row: ImportRow<Item>) => string): void {
    const columns = options.columns()
    const head = [...columns.map(column => column.names[0]!), '!']
    const body = bad.value.map(row => [...columns.map(({ key }) => row.cells[key] ?? ''), textOf(row)])
    offer(new Blob([writeCsv([head, ...body])], { type: 'text/csv' }), name.value.replace(/(\.\w+)?$/, '-!.csv'))
  }

  return { rows, good, bad, taken, missing, isTooLong, isSending, sent, fault, open, send, saveBad }
}

const isTaken = (row: ImportRow<unknown>) => row.result !== null && row.result.status !== 'rejected'
