import { computed, ref, shallowRef, watch, type Ref } from 'vue'
import type { Diagnosis } from '../../../sidebar/lib/diagnosis.ts'
import { useResource, type Resource } from '../../../sidebar/lib/resource.ts'
import { useAction } from '../../lib/action.ts'
import { words } from '../../lib/messages.ts'
import { page } from './messages.ts'

/** What is shown of a section, whatever it holds. */
export interface Section {
  state: Readonly<Ref<Resource<unknown>>>
  retry: () => void
  draft: Readonly<Ref<object | null>>
  before: Readonly<Ref<object | null>>
  said: Readonly<Ref<string>>
  isBusy: Readonly<Ref<boolean>>
  fault: Readonly<Ref<Diagnosis | null>>
  isChanged: Readonly<Ref<boolean>>
  undo: () => Promise<boolean>
}

/** A section of settings: read, changed, saved by itself, and the last save taken back. */
export function useSection<Answer, Body extends object>(options: {
  read: (signal: AbortSignal) => Promise<Answer>
  tell: (body: Body) => Promise<unknown>
  /** What of an answer can be changed. */
  bodyOf: (answer: Answer) => Body
}) {
  const { state, retry } = useResource(
    () => 'section',
    (_, signal) => options.read(signal),
  )
  const copy = (body: Body) => JSON.parse(JSON.stringify(body)) as Body
  const draft = ref<Body | null>(null) as Ref<Body | null>
  /** As the service has it. */
  const kept = shallowRef<Body | null>(null)
  /** As it was before the last save. */
  const before = shallowRef<Body | null>(null)
  const said = shallowRef('')
  const { isBusy, fault, run } = useAction()
  watch(state, now => {
    if (now.status !== 'ready') return
    kept.value = options.bodyOf(now.data)
    draft.value = copy(kept.value)
  })
  const isChanged = computed(() => JSON.stringify(draft.value) !== JSON.stringify(kept.value))
  watch(isChanged, now => {
    if (now) said.value = ''
  })

  async function send(body: Body, text: string, next: Body | null): Promise<boolean> {
    const isDone = await run(async () => {
      await options.tell(body)
      before.value = next
      said.value = text
    })
    if (isDone) retry()
    return isDone
  }
  return {
    state,
    retry,
    draft,
    kept,
    before,
    said,
    isBusy,
    fault,
    isChanged,
    /** Keeps the draft. */
    save: (body = copy(draft.value!)) => send(body, words.value.saved, kept.value),
    /** Tells again what was before the last save. */
    undo: () => send(before.value!, page.value.undone, null),
  }
}
