import { shallowRef, type ShallowRef } from 'vue'
import { toDiagnosis, type Diagnosis } from '../../sidebar/lib/diagnosis.ts'

/** Something that changes something: one at a time, with what came of it. */
export interface Action {
  isBusy: ShallowRef<boolean>
  /** Why the last one failed; null where it did not. */
  fault: ShallowRef<Diagnosis | null>
  /** Does it, unless another one is under way. Gives whether it worked. */
  run: (deed: () => Promise<unknown>) => Promise<boolean>
}

export function useAction(): Action {
  const isBusy = shallowRef(false)
  const fault = shallowRef<Diagnosis | null>(null)
  async function run(deed: () => Promise<unknown>): Promise<boolean> {
    if (isBusy.value) return false
    isBusy.value = true
    fault.value = null
    try {
      await deed()
      return true
    } catch (error) {
      fault.value = toDiagnosis(error)
      return false
    } finally {
      isBusy.value = false
    }
  }
  return { isBusy, fault, run }
}
