import { computed, type ComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'

export type Query = Record<string, string | undefined>

/** What is looked at stands in the address, so that it can be sent to somebody and gone back to. */
export function useQuery(): {
  query: ComputedRef<Query>
  /** Changes what is named, `undefined` takes it out; `isStep` makes it a step that the back button undoes. */
  change: (changes: Query, isStep?: boolean) => void
} {
  const route = useRoute()
  const router = useRouter()
  const query = computed(() =>
    Object.fromEntries(Object.entries(route.query).map(([name, value]) => [name, value?.toString() || undefined])),
  )
  function change(changes: Query, isStep = false): void {
    const told = Object.entries({ ...query.value, ...changes }).filter(([, value]) => value !== undefined)
    const to = { path: route.path, query: Object.fromEntries(told) }
    void (isStep ? router.push(to) : router.replace(to))
  }
  return { query, change }
}
