import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { Session } from '../../server/features/session/schema.ts'
import { toDiagnosis, toRefusal, type Diagnosis } from '../../sidebar/lib/diagnosis.ts'
import { formatDate, formatMoment } from '../../sidebar/lib/format.ts'
import { locale } from '../../sidebar/lib/locale.ts'
import { goToLogin, readSession } from '../../sidebar/lib/session.ts'

type Start =
  { status: 'starting' } | { status: 'failed'; diagnosis: Diagnosis } | { status: 'started'; session: Session }

/** Who we are: what every page needs before it can ask for anything. */
export const useStartStore = defineStore('start', () => {
  const start = shallowRef<Start>({ status: 'starting' })

  const session = computed(() => {
    if (start.value.status !== 'started') throw new Error('A page was shown before the start was done')
    return start.value.session
  })

  async function begin(): Promise<void> {
    start.value = { status: 'starting' }
    try {
      const refusal = new URLSearchParams(location.search).get('refused')
      if (refusal) throw toRefusal(refusal)
      start.value = { status: 'started', session: await readSession() }
    } catch (error) {
      const diagnosis = toDiagnosis(error)
      // On the way to sign in the skeleton stays, rather than a failure that flashes by.
      if (diagnosis.kind === 'session_missing' && goToLogin()) return
      fail(diagnosis)
    }
  }

  function fail(diagnosis: Diagnosis): void {
    start.value = { status: 'failed', diagnosis }
  }

  /** Of the brand's calendar, by this device's clock. */
  const today = () => formatDate(new Date().toISOString(), session.value.timeZone)

  /** In words, as the brand's clocks say it. */
  const moment = (instant: string) =>
    formatMoment(instant, session.value.timeZone, locale.value, new Date().toISOString())

  return { start, session, begin, fail, today, moment }
})
