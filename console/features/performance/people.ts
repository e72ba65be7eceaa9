import { onScopeDispose, shallowRef, watch, type Ref } from 'vue'
import { toDiagnosis, type Diagnosis } from '../../../sidebar/lib/diagnosis.ts'
import type { Resource } from '../../../sidebar/lib/resource.ts'
import type { FigureName, TablePage, TableRow } from '../../lib/figures.ts'

/** Distinct people take far longer to count than what is a sum, so tables show the sums first. */
export const ofPeople: readonly FigureName[] = [
  'buyers',
  'repeatBuyers',
  'repeatBps',
  'visitors',
  'linkVisitors',
  'linkBuyers',
  'conversionBps',
]

/**
 * Counts the people of a table's rows once these are there, page by page.
 *
 * @param options.isWanted whether any of it is shown
 * @param options.read the same page, with these figures
 * @returns `peopleOf` a row: undefined while they are counted, null where that failed, as `failure` says
 */
export function usePeople(options: {
  pages: Ref<Resource<TablePage[]>>
  isWanted: Ref<boolean>
  keyOf: (row: TableRow) => string | null
  read: (cursor: string | undefined, figures: string, signal: AbortSignal) => Promise<TablePage>
}) {
  const { pages, isWanted, keyOf, read } = options
  const counted = shallowRef(new Map<TableRow, TableRow | null>())
  const failure = shallowRef<Diagnosis | null>(null)
  let current: AbortController | null = null

  async function count(): Promise<void> {
    current?.abort()
    const mine = (current = new AbortController())
    failure.value = null
    const shown = isWanted.value && pages.value.status === 'ready' ? pages.value.data : []
    const rows = new Set(shown.flatMap(({ items }) => items))
    counted.value = new Map([...counted.value].filter(([row]) => rows.has(row)))
    try {
      for (const [i, { items }] of shown.entries()) {
        if (items.every(row => counted.value.has(row))) continue
        const answer = await read(shown[i - 1]?.nextCursor ?? undefined, ofPeople.join(','), mine.signal)
        if (mine !== current) return
        const byKey = new Map(answer.items.map(row => [keyOf(row), row]))
        // Who changed places meanwhile is not told of.
        counted.value = new Map([...counted.value, ...items.map(row => [row, byKey.get(keyOf(row)) ?? null] as const)])
      }
    } catch (error) {
      if (mine === current) failure.value = toDiagnosis(error)
    }
  }
  watch([pages, isWanted], count, { immediate: true })
  onScopeDispose(() => current?.abort())
  return {
    failure,
    retry: () => void count(),
    peopleOf: (row: TableRow) => (failure.value && !counted.value.has(row) ? null : counted.value.get(row)),
  }
}
