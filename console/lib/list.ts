import { computed, type ComputedRef, type ShallowRef, type WatchSource } from 'vue'
import { usePages, type Resource } from '../../sidebar/lib/resource.ts'

interface Page<Item> {
  items: readonly Item[]
  nextCursor: string | null
}

/** A list as ConsoleList shows it. */
export interface List<Item> {
  state: ShallowRef<Resource<Page<Item>[]>>
  items: ComputedRef<Item[]>
  hasMore: ComputedRef<boolean>
  isLoadingMore: ShallowRef<boolean>
  retry: () => void
  more: () => Promise<void>
}

/**
 * A list that comes page by page.
 *
 * @param key what the question depends on: filters, sorting
 * @param load one page of it
 */
export function useList<K, Item>(
  key: WatchSource<K>,
  load: (key: K, cursor: string | undefined, signal?: AbortSignal) => Promise<Page<Item>>,
): List<Item> {
  const { state, retry, more, isLoadingMore } = usePages<K, Page<Item>>(key, load)
  const items = computed(() => (state.value.status === 'ready' ? state.value.data.flatMap(page => page.items) : []))
  const hasMore = computed(() => state.value.status === 'ready' && state.value.data.at(-1)!.nextCursor !== null)
  return { state, items, hasMore, isLoadingMore, retry, more }
}
