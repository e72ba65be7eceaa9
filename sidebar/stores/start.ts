import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { Session } from '../../server/features/session/schema.ts'
import { Failure, toDiagnosis, toRefusal, type Diagnosis } from '../lib/diagnosis.ts'
import { service } from '../lib/service.ts'
import { forgetAll } from '../lib/resource.ts'
import { goToLogin } from '../lib/session.ts'
import { connect, findEntry, isInWecom, type Entry } from '../lib/wecom.ts'

type Start =
  | { status: 'starting' }
  | { status: 'failed'; diagnosis: Diagnosis }
  | { status: 'started'; session: Session; entry: Entry }

/** Who we are and beside what we stand: what every view needs before it can ask for anything. */
export const useStartStore = defineStore('start', () => {
  const start = shallowRef<Start>({ status: 'starting' })

  const started = computed(() => {
    if (start.value.status !== 'started') throw new Error('A view was shown before the start was done')
    return start.value
  })
  const session = computed(() => started.value.session)
  const entry = computed(() => started.value.entry)

  /** From nothing to the chat's subject, or to the diagnosis of the first step that failed. */
  async function begin(): Promise<void> {
    start.value = { status: 'starting' }
    forgetAll()
    try {
      const refusal = new URLSearchParams(location.search).get('refused')
      if (refusal) throw toRefusal(refusal)
      if (!isInWecom) throw new Failure('not_in_wecom', 'NOT_IN_WECOM')
      const session = await service.readSession(true)
      start.value = { status: 'started', session, entry: await connect(session, signerOf(session)) }
    } catch (error) {
      const diagnosis = toDiagnosis(error)
      // On the way to sign in the skeleton stays, rather than a failure that flashes by.
      if (diagnosis.kind === 'session_missing' && goToLogin()) return
      fail(diagnosis)
    }
  }

  /** What came with the session is taken where it fits; anything else is asked for, and says why it is refused. */
  const signerOf =
    ({ signatures }: Session): typeof service.sign =>
    async (url, kind) =>
      signatures?.url === url ? signatures[kind] : await service.sign(url, kind)

  let isLooking = false
  /**
   * Looks again beside what we stand: WeCom may keep the page while another chat is opened. Where it does not say, what
   * is shown stays.
   */
  async function look(): Promise<void> {
    if (start.value.status !== 'started' || isLooking) return
    isLooking = true
    try {
      const entry = await findEntry()
      if (start.value.status === 'started' && JSON.stringify(entry) !== JSON.stringify(start.value.entry)) {
        start.value = { ...start.value, entry }
      }
    } catch {
      // It is asked again when somebody comes back to the page.
    } finally {
      isLooking = false
    }
  }

  function fail(diagnosis: Diagnosis): void {
    start.value = { status: 'failed', diagnosis }
  }

  return { start, session, entry, begin, look, fail }
})
