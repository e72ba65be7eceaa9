interface Asking<T> {
  underWay: Promise<T>
  next: Promise<T> | null
}

/**
 * What many ask at once, asked once for all of them: those who come while it is being asked wait for the next time, so
 * that each is told what was so after he came, and a crowd costs one asking at a time.
 */
export function buildSharedAsks<T>(): (key: string, ask: () => Promise<T>) => Promise<T> {
  const asking = new Map<string, Asking<T>>()
  const begin = (key: string, ask: () => Promise<T>): Promise<T> => {
    const underWay = ask()
    const one: Asking<T> = { underWay, next: null }
    asking.set(key, one)
    const end = () => {
      if (!one.next) asking.delete(key)
    }
    underWay.then(end, end)
    return underWay
  }
  return (key, ask) => {
    const one = asking.get(key)
    if (!one) return begin(key, ask)
    const again = () => begin(key, ask)
    return (one.next ??= one.underWay.then(again, again))
  }
}
