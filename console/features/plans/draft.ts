import { computed, onScopeDispose, shallowRef, watch, type ComputedRef, type ShallowRef } from 'vue'
import { toDiagnosis, type Diagnosis } from '../../../sidebar/lib/diagnosis.ts'
import { calls, type Draft, type PlanCheck, type PlanFault } from './calls.ts'
import { conditions, fieldWords, faultWords, page } from './messages.ts'
import { contentOf, type DraftPlan } from './plan.ts'

/** A draft under somebody's hands: saved as he goes, checked at each pause, and the last change can be undone. */

export type Saving =
  | { status: 'saved'; at: string }
  | { status: 'unsaved' }
  | { status: 'saving' }
  | { status: 'failed'; diagnosis: Diagnosis }
  | { status: 'conflict'; theirs: Draft }

export interface DraftWork {
  plan: ShallowRef<DraftPlan>
  saving: ShallowRef<Saving>
  /** What the service says of it as it stands; null until it was asked. */
  check: ShallowRef<PlanCheck | null>
  isChecking: ShallowRef<boolean>
  checkFailed: ShallowRef<boolean>
  canUndo: ComputedRef<boolean>
  /**
   * Changes it. Changes of the same thing that follow each other at once are one to undo.
   *
   * @param what which thing; absent: one of its own
   */
  change: (next: DraftPlan, what?: string) => void
  undo: () => void
  /** Saves what is not saved yet. Gives whether all is saved. */
  flush: () => Promise<boolean>
  takeTheirs: () => void
  keepMine: () => void
  /** The revision that was saved last. */
  revision: () => number
}

const SAVE_AFTER_MS = 700
const CHECK_AFTER_MS = 350
const ONE_CHANGE_MS = 1500
const UNDO_MAX = 100

/** @param mayCheck whether the asker may have it checked: whoever only reads may not */
export function useDraftWork(draft: Draft, mayCheck: boolean): DraftWork {
  const plan = shallowRef<DraftPlan>(contentOf(draft.content as DraftPlan))
  const saving = shallowRef<Saving>({ status: 'saved', at: draft.changedAt })
  const check = shallowRef<PlanCheck | null>(null)
  const isChecking = shallowRef(false)
  const checkFailed = shallowRef(false)
  const before = shallowRef<readonly DraftPlan[]>([])
  let revision = draft.revision
  let last: { what: string | undefined; at: number } = { what: undefined, at: 0 }
  let saveTimer: ReturnType<typeof setTimeout> | undefined
  let checkTimer: ReturnType<typeof setTimeout> | undefined
  let isGone = false
  let underWay: Promise<void> | null = null

  function change(next: DraftPlan, what?: string): void {
    // Leaving a field says once more what typing said.
    if (JSON.stringify(next) === JSON.stringify(plan.value)) return
    const now = Date.now()
    const isSame = what !== undefined && last.what === what && now - last.at < ONE_CHANGE_MS
    if (!isSame) before.value = [...before.value, plan.value].slice(-UNDO_MAX)
    last = { what, at: now }
    put(next)
  }

  function undo(): void {
    const previous = before.value.at(-1)
    if (!previous) return
    before.value = before.value.slice(0, -1)
    last = { what: undefined, at: 0 }
    put(previous)
  }

  function put(next: DraftPlan): void {
    plan.value = next
    if (saving.value.status !== 'conflict') saving.value = { status: 'unsaved' }
    clearTimeout(saveTimer)
    saveTimer = setTimeout(() => void save(), SAVE_AFTER_MS)
    askSoon()
  }

  /** One at a time: what changes meanwhile is saved after it. */
  async function save(): Promise<void> {
    clearTimeout(saveTimer)
    while (underWay) await underWay
    if (saving.value.status === 'conflict' || saving.value.status === 'saved') return
    const sent = plan.value
    saving.value = { status: 'saving' }
    underWay = send(sent).finally(() => {
      underWay = null
    })
    await underWay
    const { status } = saving.value as Saving
    if (plan.value !== sent && status === 'saved') {
      saving.value = { status: 'unsaved' }
      await save()
    }
  }

  async function send(sent: DraftPlan): Promise<void> {
    try {
      const saved = await calls.saveDraft(draft.name, { revision, content: sent })
      revision = saved.revision
      saving.value = { status: 'saved', at: saved.changedAt }
    } catch (error) {
      const diagnosis = toDiagnosis(error)
      saving.value = { status: 'failed', diagnosis }
      if (diagnosis.code !== 'draft.changed') return
      const theirs = await calls.readDraft(draft.name).catch(() => null)
      if (theirs) saving.value = { status: 'conflict', theirs }
    }
  }

  async function flush(): Promise<boolean> {
    if (saving.value.status !== 'conflict') await save()
    return saving.value.status === 'saved'
  }

  function takeTheirs(): void {
    if (saving.value.status !== 'conflict') return
    const { theirs } = saving.value
    revision = theirs.revision
    before.value = [...before.value, plan.value]
    plan.value = contentOf(theirs.content as DraftPlan)
    saving.value = { status: 'saved', at: theirs.changedAt }
    askSoon()
  }

  function keepMine(): void {
    if (saving.value.status !== 'conflict') return
    revision = saving.value.theirs.revision
    saving.value = { status: 'unsaved' }
    void save()
  }

  function askSoon(): void {
    isChecking.value = true
    clearTimeout(checkTimer)
    checkTimer = setTimeout(() => void ask(), CHECK_AFTER_MS)
  }

  async function ask(): Promise<void> {
    const asked = plan.value
    try {
      const answer = await calls.validate(asked)
      if (asked !== plan.value || isGone) return
      check.value = answer
      checkFailed.value = false
    } catch {
      if (asked !== plan.value || isGone) return
      check.value = null
      checkFailed.value = true
    }
    isChecking.value = false
  }

  const stay = (event: BeforeUnloadEvent) => {
    if (saving.value.status !== 'saved') event.preventDefault()
  }
  watch(saving, ({ status }, was) => {
    if (status === 'saved') window.removeEventListener('beforeunload', stay)
    else if (was.status === 'saved') window.addEventListener('beforeunload', stay)
  })
  onScopeDispose(() => {
    isGone = true
    clearTimeout(checkTimer)
    clearTimeout(saveTimer)
    window.removeEventListener('beforeunload', stay)
  })
  if (mayCheck) {
    isChecking.value = true
    void ask()
  }
  const canUndo = computed(() => before.value.length > 0)
  return {
    plan,
    saving,
    check,
    isChecking,
    checkFailed,
    canUndo,
    change,
    undo,
    flush,
    takeTheirs,
    keepMine,
    revision: () => revision,
  }
}

/** The faults of one part of the plan and of all below it. */
export function faultsAt(faults: readonly PlanFault[], path: string): PlanFault[] {
  return faults.filter(
    fault => fault.path === path || fault.path.startsWith(`${path}.`) || fault.path.startsWith(`${path}[`),
  )
}

/** 比例：超出了允许的范围 */
export function faultText({ path, code, message }: PlanFault): string {
  const parts = path.split('.')
  const field = (parts.at(-1) ?? '').replace(/\[\d+\]$/, '')
  const own = conditions.value as Record<string, string>
  const name = fieldWords.value[field] ?? own[field]
  const said = faultWords.value[code] ?? message
  return name === undefined || code === 'one_amount' ? said : page.value.faultOf(name, said)
}
