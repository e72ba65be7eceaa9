import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { Session } from '../../server/features/session/schema.ts'
import { begin as beginAll, type Beginning } from '../lib/beginning.ts'
import { toDiagnosis, type Diagnosis } from '../lib/diagnosis.ts'
import { forgetCards } from '../lib/last-cards.ts'
import { forgetAll, passing, rememberAs } from '../lib/resource.ts'
import { goToLogin } from '../lib/session.ts'
import { findEntry } from '../lib/wecom.ts'

type Start =
  | { status: 'starting' }
  | { status: 'failed'; diagnosis: Diagnosis }
  | ({ status: 'started' } & Pick<Beginning, 'session' | 'entry'>)

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
      const { last, ...begun } = await beginAll()
      if (last && begun.entry.kind === 'customer') rememberAs('customer', begun.entry.externalUserid, last.card)
      start.value = { status: 'started', ...begun }
      if (last) void confirm(last.confirmed, begun.session)
    } catch (error) {
      refuse(error)
    }
  }

  function refuse(error: unknown): void {
    const diagnosis = toDiagnosis(error)
    if (diagnosis.kind === 'associate_inactive') void forgetCards()
    // On the way to sign in the skeleton stays, rather than a failure that flashes by.
    start.value = { status: 'starting' }
    if (diagnosis.kind === 'session_missing' && goToLogin()) return
    fail(diagnosis)
  }

  /** A card of before is shown: whose it is has yet to be told anew. */
  async function confirm(confirmed: Promise<Session>, before: Session): Promise<void> {
    try {
      const session = await confirmed
      if (session.associateId !== before.associateId) {
        await forgetCards()
        return await begin()
      }
      if (start.value.status === 'started') start.value = { ...start.value, session }
    } catch (error) {
      // Where the network fails, what is shown stays.
      if (passing.includes(toDiagnosis(error).kind)) return
      forgetAll()
      refuse(error)
    }
  }

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
