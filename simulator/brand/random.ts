/**
 * Chance that comes out the same on every machine: a demo that differs from run to run can be neither tested nor
 * talked about ("look at demo-a07").
 */
export type Random = {
  /** From 0 (inclusive) to 1 (exclusive). */
  next(): number
  /** Whole, both ends inclusive. */
  integer(least: number, most: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  /** A stream of its own for one purpose, so that drawing more for one thing does not change all others. */
  fork(purpose: string): Random
}

/** A small generator (sfc32), seeded by text; good enough for a demo, not for secrets. */
export function createRandom(seed: string): Random {
  let [a, b, c, count] = hashToWords(seed)
  const nextWord = () => {
    const sum = (a + b + count) | 0
    count = (count + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    return sum >>> 0
  }
  for (let i = 0; i < 16; i += 1) nextWord()
  const next = () => nextWord() / 2 ** 32
  const integer = (least: number, most: number) => least + Math.floor(next() * (most - least + 1))
  return {
    next,
    integer,
    chance: probability => next() < probability,
    pick(items) {
      const item = items[integer(0, items.length - 1)]
      if (item === undefined) throw new RangeError('nothing to pick from')
      return item
    },
    fork: purpose => createRandom(`${seed}/${purpose}`),
  }
}

/** Draws items by weight; the weights are added up once, so that many draws are cheap. */
export function createWeighted<T>(items: readonly T[], weightOf: (item: T) => number): (random: Random) => T {
  const sums: number[] = []
  let total = 0
  for (const item of items) sums.push((total += weightOf(item)))
  if (!(total > 0)) throw new RangeError('weights must have a sum above 0')
  return random => {
    const drawn = random.next() * total
    let low = 0
    let high = sums.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! > drawn) high = middle
      else low = middle + 1
    }
    return items[low]!
  }
}

/** FNV-1a, once for each word with another start. */
function hashToWords(text: string): [number, number, number, number] {
  const word = (start: number) => {
    let hash = start
    for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    return hash | 0
  }
  return [word(0x811c9dc5), word(0x9e3779b9), word(0x7f4a7c15), 1]
}
