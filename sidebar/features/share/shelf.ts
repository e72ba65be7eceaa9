import { shallowRef, type ShallowRef } from 'vue'
import { service } from '../../lib/service.ts'

/** The skus of one's own shelf, shared by all views; null: not read yet. */
const skus: ShallowRef<readonly string[] | null> = shallowRef(null)
let reading: Promise<void> | null = null

/** Reads the shelf once; a failure is as if it were empty until the next change. */
export function openShelf(): ShallowRef<readonly string[] | null> {
  if (skus.value === null) {
    reading ??= service
      .readShelf({})
      .then(shelf => keepShelf(shelf.items.map(item => item.sku)))
      .catch(() => undefined)
      .finally(() => (reading = null))
  }
  return skus
}

export function keepShelf(shown: readonly string[]): void {
  skus.value = shown
}

/** @returns whether it was taken; what is shown stays as it was where it was not */
export async function changeShelf(change: (skus: readonly string[]) => readonly string[]): Promise<boolean> {
  try {
    const before = skus.value ?? (await service.readShelf({})).items.map(item => item.sku)
    const shelf = await service.changeShelf({ skus: [...change(before)] })
    keepShelf(shelf.items.map(item => item.sku))
    return true
  } catch {
    return false
  }
}
