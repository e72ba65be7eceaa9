import { shallowRef } from 'vue'
import type BaseFailureDetails from './BaseFailureDetails.vue'

/** The words of every failure, once they are there. */
export const details = shallowRef<typeof BaseFailureDetails | null>(null)
export const hasNoDetails = shallowRef(false)

/** Fetches them: beside the first failure, and ahead of it once the page has nothing else to do. */
export async function loadDetails(): Promise<void> {
  if (details.value) return
  try {
    details.value = (await import('./BaseFailureDetails.vue')).default
    hasNoDetails.value = false
  } catch {
    hasNoDetails.value = true
  }
}
