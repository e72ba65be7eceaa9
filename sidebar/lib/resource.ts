import { onScopeDispose, shallowRef, watch, type ShallowRef, type WatchSource } from 'vue'
import { connection } from './connection.ts'
import { toDiagnosis, type Diagnosis, type DiagnosisKind } from './diagnosis.ts'

/** What a screen can honestly say about something it asked for. Empty is for the screen to see in the data. */
export type Resource<T> =
  { status: 'loading' } | { status: 'failed'; diagnosis: Diagnosis } | { status: 'ready'; data: T }

/** The last answers of this page, the latest last: beside a chat that was open before, its card is there at once. */
const remembered = new Map<string, unknown>()
const REMEMBERED_MAX = 40

const idOf = (name: string, key: unknown) => JSON.stringify([name, key])

/** An answer that is at hand already: shown at once where it is asked for, and refreshed. */
export const rememberAs = (name: string, key: unknown, data: unknown): void => remember(idOf(name, key), data)

function remember(id: string, data: unknown): void {
  remembered.delete(id)
  remembered.set(id, data)
  for (const oldest of remembered.keys()) {
    if (remembered.size <= REMEMBERED_MAX) break
    remembered.delete(oldest)
  }
}

/** Somebody else sits here now. */
export const forgetAll = (): void => remembered.clear()

export const passing: readonly DiagnosisKind[] = [
  'network_down',
  'service_timeout',
  'service_down',
  'too_many_requests',
]

/**
 * Asks now and whenever the key changes, and shows the answer to the last question only: an answer that comes after a
 * newer question was put belongs to another customer or another search, and is dropped.
 *
 * An answer under a name is remembered while the page lives: it is shown at once and refreshed behind, and it stays
 * where the network fails.
 *
 * @param key what the question depends on
 * @param load asks; its signal is aborted once the answer is no longer wanted. What is there already it gives at once
 * @param name under which answers are remembered, each by its key; without it none is
 */
export function useResource<K, T>(
  key: WatchSource<K>,
  load: (key: K, signal: AbortSignal) => T | Promise<T>,
  name?: string,
): { state: ShallowRef<Resource<T>>; retry: () => void } {
  const state = shallowRef<Resource<T>>({ status: 'loading' })
  let current: AbortController | null = null
  let lastKey: K
  /** The last question failed, whatever is shown. */
  let hasFailed = false

  async function ask(): Promise<void> {
    current?.abort()
    const mine = (current = new AbortController())
    hasFailed = false
    const id = name === undefined ? null : idOf(name, lastKey)
    const before = id === null ? undefined : (remembered.get(id) as T | undefined)
    state.value = before === undefined ? { status: 'loading' } : { status: 'ready', data: before }
    try {
      const answer = load(lastKey, mine.signal)
      const data = answer instanceof Promise ? await answer : answer
      if (mine !== current) return
      if (id !== null) remember(id, data)
      state.value = { status: 'ready', data }
    } catch (error) {
      if (mine !== current) return
      const diagnosis = toDiagnosis(error)
      hasFailed = true
      if (before !== undefined && passing.includes(diagnosis.kind)) return
      if (id !== null) remembered.delete(id)
      state.value = { status: 'failed', diagnosis }
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
  watch(
    () => connection.tries,
    () => hasFailed && void ask(),
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
  name?: string,
) {
  let lastKey: K
  const { state, retry } = useResource<K, P[]>(
    key,
    async (value, signal) => {
      lastKey = value
      return [await load(value, undefined, signal)]
    },
    name,
  )
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
