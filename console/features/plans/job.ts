import { onScopeDispose, shallowRef, watch, type ShallowRef, type WatchSource } from 'vue'
import { toDiagnosis, type Diagnosis } from '../../../sidebar/lib/diagnosis.ts'
import { calls, type Job } from './calls.ts'

const ASK_AFTER_MS = 1000
export const isUnderWay = ({ status }: Job) => ['waiting', 'running', 'cancelling'].includes(status)

/** How far a job is, asked again and again until it has ended. */
export function useJob(jobId: WatchSource<string | undefined>): {
  job: ShallowRef<Job | null>
  fault: ShallowRef<Diagnosis | null>
  retry: () => void
} {
  const job = shallowRef<Job | null>(null)
  const fault = shallowRef<Diagnosis | null>(null)
  let current: string | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  async function ask(): Promise<void> {
    clearTimeout(timer)
    const asked = current
    if (asked === undefined) return
    try {
      const answer = await calls.readJob(asked)
      if (asked !== current) return
      fault.value = null
      job.value = answer
      if (isUnderWay(answer)) timer = setTimeout(() => void ask(), ASK_AFTER_MS)
    } catch (error) {
      if (asked === current) fault.value = toDiagnosis(error)
    }
  }
  watch(
    jobId,
    id => {
      current = id
      job.value = fault.value = null
      void ask()
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    current = undefined
    clearTimeout(timer)
  })
  return { job, fault, retry: () => void ask() }
}
