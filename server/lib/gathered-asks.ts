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

/** Values by key; a key that was not found is left out. */
type LookUp<V> = (keys: readonly string[]) => Promise<ReadonlyMap<string, V>>

/**
 * Lookups by key of many who come one by one: while as many as may be are under way the keys of all who come gather, and are
 * looked up together, so that each is told what was so after he came, and only of his keys. One that fails fails for all whose
 * keys it had: keys are what was read from the database, never what somebody wrote.
 *
 * @param atOnce how many lookups are under way at most
 */
export function buildGatheredLookups<V>(
  atOnce: number,
): (keys: readonly string[], lookUp: LookUp<V>) => Promise<Map<string, V>> {
  let underWay = 0
  let next: { keys: Set<string>; begin: () => void; found: Promise<ReadonlyMap<string, V>> } | null = null

  const lookUpNow = async (keys: readonly string[], lookUp: LookUp<V>): Promise<ReadonlyMap<string, V>> => {
    underWay++
    try {
      return await lookUp(keys)
    } finally {
      underWay--
      const waiting = next
      next = null
      waiting?.begin()
    }
  }
  const gather = (keys: readonly string[], lookUp: LookUp<V>): Promise<ReadonlyMap<string, V>> => {
    if (underWay < atOnce) return lookUpNow(keys, lookUp)
    if (!next) {
      const all = new Set<string>()
      let begin!: () => void
      const found = new Promise<ReadonlyMap<string, V>>(resolve => {
        begin = () => resolve(lookUpNow([...all], lookUp))
      })
      next = { keys: all, begin, found }
    }
    for (const key of keys) next.keys.add(key)
    return next.found
  }

  return async (keys, lookUp) => {
    if (keys.length === 0) return new Map()
    const found = await gather(keys, lookUp)
    return new Map(keys.flatMap(key => (found.has(key) ? [[key, found.get(key)!]] : [])))
  }
}
