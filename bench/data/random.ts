/** A stream of numbers that its seed gives, the same on every machine (mulberry32). */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** 32 bits. */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }

  /** From 0, below 1. */
  next(): number {
    return this.bits() / 4_294_967_296
  }

  /** A whole number from 0, below `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }
}

/** One number out of several: the seed of a thing that is known by its numbers. */
export const mix = (a: number, b: number, c = 0, d = 0) => stir(stir(stir(stir(0x9e3779b9, a), b), c), d) >>> 0

function stir(state: number, number: number): number {
  let h = Math.imul(state ^ number, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** Draws an index, each as often as its weight says. */
export class WeightedIndex {
  readonly #sums: Float64Array
  readonly total: number

  constructor(weights: readonly number[]) {
    this.#sums = new Float64Array(weights.length)
    let sum = 0
    for (const [i, weight] of weights.entries()) this.#sums[i] = sum += weight
    this.total = sum
  }

  /** The sum of the weights before an index. */
  sumBefore(index: number): number {
    return index === 0 ? 0 : this.#sums[index - 1]!
  }

  /** The index in whose part of the total a number from 0, below `total`, lies. */
  at(position: number): number {
    let low = 0
    let high = this.#sums.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#sums[middle]! > position) high = middle
      else low = middle + 1
    }
    return low
  }

  draw(random: Random): number {
    return this.at(random.next() * this.total)
  }
}
