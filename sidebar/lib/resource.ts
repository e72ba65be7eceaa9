import { onScopeDispose, shallowRef, watch, type ShallowRef, type WatchSource } from 'vue'
import { toDiagnosis, type Diagnosis } from './diagnosis.ts'

/** What a screen can honestly say about something it asked for. Empty is for the screen to see in the data. */
export type Resource<T> =
  { status: 'loading' } | { status: 'failed'; diagnosis: Diagnosis } | { status: 'ready'; data: T }

/**
 * Asks now and whenever the key changes, and shows the answer to the last question only: an answer that comes after a
 * newer question was put belongs to another customer or another search, and is dropped.
 *
 * @param key what the question depends on
 * @param load asks; its signal is aborted once the answer is no longer wanted
 */
export function useResource<K, T>(
  key: WatchSource<K>,
  load: (key: K, signal: AbortSignal) => Promise<T>,
): { state: ShallowRef<Resource<T>>; retry: () => void } {
  const state = shallowRef<Resource<T>>({ status: 'loading' })
  let current: AbortController | null = null
  let lastKey: K

  async function ask(): Promise<void> {
    current?.abort()
    const mine = (current = new AbortController())
    state.value = { status: 'loading' }
    try {
      const data = await load(lastKey, mine.signal)
      if (mine === current) state.value = { status: 'ready', data }
    } catch (error) {
      if (mine === current) state.value = { status: 'failed', diagnosis: toDiagnosis(error) }
    }
  }

  watch(
    key,
    value => {
      lastKey = value
      void ask()
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    current?.abort()
    current = null
  })
  return { state, retry: () => void ask() }
}

/** A list that comes page by page: as useResource, and `more` adds the next page below what is shown. */
export function usePages<K, P extends { nextCursor: string | null }>(
  key: WatchSource<K>,
  load: (key: K, cursor: string | undefined, signal?: AbortSignal) => Promise<P>,
) {
  let lastKey: K
  const { state, retry } = useResource<K, P[]>(key, async (value, signal) => {
    lastKey = value
    return [await load(value, undefined, signal)]
  })
  const isLoadingMore = shallowRef(false)

  /** Fails quietly: the button stays, and what is shown stays as well. */
  async function more(): Promise<void> {
    const before = state.value
    const cursor = before.status === 'ready' ? before.data[before.data.length - 1]!.nextCursor : null
    if (before.status !== 'ready' || cursor === null || isLoadingMore.value) return
    isLoadingMore.value = true
    try {
      const page = await load(lastKey, cursor)
      if (state.value === before) state.value = { status: 'ready', data: [...before.data, page] }
    } catch {
      // Shown as it was; a tap asks again.
    } finally {
      isLoadingMore.value = false
    }
  }
  return { state, retry, more, isLoadingMore }
}
