import { onScopeDispose, ref, shallowRef } from 'vue'
import { createUuid } from '../../lib/ids.ts'

export type SaveState = 'idle' | 'saving' | 'saved' | 'failed'

/**
 * Something that is saved while it is typed: after a pause, one write at a time, the last one last.
 *
 * A write that failed is tried again by a tap alone, with the same id; what is still unsaved when the field goes away is
 * sent then, unless it has failed: nothing goes out later that somebody believes lost.
 */
export function useAutosave<T>(initial: T | null, save: (value: T | null, id: string) => Promise<unknown>) {
  const state = ref<SaveState>('idle')
  const saved = shallowRef<T | null>(initial)
  /** What it was before the last change that was saved; undefined: there is nothing to take back. */
  const before = shallowRef<T | null>()
  let wanted: { value: T | null; id: string } | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let isBusy = false

  function set(value: T | null, pauseMs: number): void {
    clearTimeout(timer)
    wanted = { value, id: createUuid() }
    if (isSame(value, saved.value) && !isBusy) {
      wanted = null
      return
    }
    timer = setTimeout(() => void flush(), pauseMs)
  }

  async function flush(): Promise<void> {
    clearTimeout(timer)
    if (isBusy || !wanted) return
    isBusy = true
    const mine = wanted
    state.value = 'saving'
    try {
      await save(mine.value, mine.id)
      before.value = saved.value
      saved.value = mine.value
      state.value = 'saved'
      if (wanted === mine) wanted = null
    } catch {
      state.value = 'failed'
    } finally {
      isBusy = false
    }
    if (wanted && wanted !== mine) await flush()
  }

  /** @returns what it is again */
  function undo(): T | null {
    const value = before.value ?? null
    set(value, 0)
    return value
  }

  onScopeDispose(() => {
    clearTimeout(timer)
    if (state.value !== 'failed') void flush()
  })
  return { state, saved, before, set, flush, undo }
}

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
