import { onScopeDispose, shallowRef, watch, type WatchSource } from 'vue'
import { toDiagnosis, type Diagnosis } from '../../../sidebar/lib/diagnosis.ts'
import { calls, type Preview } from './calls.ts'

export type KindSums = Preview['items'][number]

export interface PreviewState {
  status: 'adding' | 'ready' | 'failed'
  /** How many accounts were looked at, and how many there are. */
  done: number
  all: number
  kinds: KindSums[]
  diagnosis?: Diagnosis
}

const fields = ['accountCount', 'dueCount', 'dueFen', 'carriedCount', 'carriedFen', 'laterFen'] as const

/** Adds a page to what was added up before. */
export function addPage(kinds: readonly KindSums[], items: readonly KindSums[]): KindSums[] {
  const sums = new Map(kinds.map(kind => [kind.payeeKind, { ...kind }]))
  for (const item of items) {
    const sum = sums.get(item.payeeKind)
    if (!sum) sums.set(item.payeeKind, { ...item })
    else for (const field of fields) sum[field] += item[field]
  }
  return [...sums.values()]
}

/** What a draft of a cut-off would hold: a chain's accounts come page by page and are added up here. */
export function usePreview(cutoff: WatchSource<string | undefined>) {
  const state = shallowRef<PreviewState>({ status: 'adding', done: 0, all: 0, kinds: [] })
  let current: AbortController | null = null
  let last: string | undefined

  async function add(): Promise<void> {
    current?.abort()
    const mine = (current = new AbortController())
    state.value = { status: 'adding', done: 0, all: 0, kinds: [] }
    let cursor: string | undefined
    try {
      do {
        const preview: Preview = await calls.readPreview(last, cursor, mine.signal)
        if (mine !== current) return
        const kinds = addPage(state.value.kinds, preview.items)
        const done = kinds.reduce((sum, kind) => sum + kind.accountCount, 0)
        cursor = preview.nextCursor ?? undefined
        state.value = { status: cursor === undefined ? 'ready' : 'adding', done, all: preview.accountCount, kinds }
      } while (cursor !== undefined)
    } catch (error) {
      if (mine === current) state.value = { ...state.value, status: 'failed', diagnosis: toDiagnosis(error) }
    }
  }
  watch(
    cutoff,
    value => {
      last = value
      void add()
    },
    { immediate: true },
  )
  onScopeDispose(() => current?.abort())
  return { state, retry: () => void add() }
}
