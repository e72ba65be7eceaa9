import { onScopeDispose, shallowRef } from 'vue'
import { Failure, toDiagnosis, type Diagnosis, type DiagnosisKind } from '../../../sidebar/lib/diagnosis.ts'
import { calls, type Gathering, type Settlement } from './calls.ts'

const lookMs = 1000
/** The answer is late or lost, but the draft goes on being made. */
const passing: readonly DiagnosisKind[] = ['service_timeout', 'network_down', 'service_down']
const sleep = (ms: number) => new Promise(done => setTimeout(done, ms))

/**
 * A draft while it is made. For a chain that takes longer than a request may: the answer is then not waited for, and how
 * far it is comes from the service.
 *
 * @param onEnd one is there: ours, or null where somebody else's was awaited
 */
export function useDrafting(onEnd: (settlementId: string | null) => void) {
  const progress = shallowRef<Gathering['gathering']>(null)
  const isMaking = shallowRef(false)
  const fault = shallowRef<Diagnosis | null>(null)
  const isLost = shallowRef(false)
  let isOver = false
  onScopeDispose(() => (isOver = true))

  /** Follows whatever is being made until nothing is. */
  async function follow(): Promise<void> {
    while (!isOver) {
      progress.value = await calls.readGathering().then(
        answer => answer.gathering,
        () => progress.value,
      )
      if (!progress.value) return
      await sleep(lookMs)
    }
  }

  async function make(cutoff: string): Promise<void> {
    if (isMaking.value) return
    isMaking.value = true
    fault.value = null
    isLost.value = false
    let made: Settlement | Failure | null = null
    void calls.draft(cutoff).then(
      settlement => (made = settlement),
      (error: unknown) => {
        const diagnosis = toDiagnosis(error)
        made = error instanceof Failure ? error : new Failure(diagnosis.kind, diagnosis.code, diagnosis.detail)
      },
    )
    const answer = () => made as Settlement | Failure | null
    for (let waitMs = 100; answer() === null && !isOver; waitMs = Math.min(waitMs * 2, lookMs)) {
      await sleep(waitMs)
      if (answer() === null)
        progress.value = (await calls.readGathering().catch(() => null))?.gathering ?? progress.value
    }
    if (isOver) return
    const end = answer()
    if (end instanceof Failure && passing.includes(end.diagnosis.kind)) {
      await follow()
      const page = await calls.readSettlements(undefined).catch(() => null)
      const mine = page?.items.find(one => one.status === 'draft' && one.cutoff === cutoff)
      isLost.value = !mine
      if (mine) onEnd(mine.settlementId)
    } else if (end instanceof Failure) fault.value = end.diagnosis
    else if (end) onEnd(end.settlementId)
    progress.value = null
    isMaking.value = false
  }

  /** Somebody's draft may be under way already, ours of before too. */
  async function look(): Promise<void> {
    const { gathering } = await calls.readGathering().catch(() => ({ gathering: null }))
    if (!gathering || isOver) return
    progress.value = gathering
    await follow()
    if (!isOver) onEnd(null)
  }
  return { progress, isMaking, fault, isLost, make, look }
}
