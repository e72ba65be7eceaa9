/**
 * Answers to questions of which some take far longer than anybody waits: who asks waits for so long, then the work goes
 * on without him and its answer is kept for a while. What is answered in time is made anew for each, and kept for none.
 *
 * At most so many slow ones are worked on at a time, each once; in this process, for this process.
 */
export class SlowAnswers<T> {
  readonly #options: { patienceMs: number; keptMs: number; atMost: number }
  readonly #kept = new Map<string, { answer: T; until: number }>()
  readonly #slow = new Set<string>()

  constructor(options: { patienceMs: number; keptMs: number; atMost: number }) {
    this.#options = options
  }

  /**
   * @param make is told by its signal where somebody else's work is to be waited for instead
   * @returns null where the answer is still being made: ask again
   * @throws what `make` throws in time; later it is forgotten, and who asks again has it made anew
   */
  async ask(key: string, make: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
    const kept = this.#kept.get(key)
    if (kept && kept.until > performance.now()) return kept.answer
    this.#kept.delete(key)
    if (this.#slow.has(key) || this.#slow.size >= this.#options.atMost) return null
    const stop = new AbortController()
    const made = make(stop.signal).then(answer => ({ answer }))
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<null>(resolve => (timer = setTimeout(resolve, this.#options.patienceMs, null)))
    const first = await Promise.race([made, late]).finally(() => clearTimeout(timer))
    if (first !== null) return first.answer
    if (this.#slow.has(key) || this.#slow.size >= this.#options.atMost) {
      stop.abort()
      made.catch(() => {})
      return null
    }
    this.#slow.add(key)
    void made
      .then(
        ({ answer }) => this.#keep(key, answer),
        () => {},
      )
      .finally(() => this.#slow.delete(key))
    return null
  }

  #keep(key: string, answer: T): void {
    const now = performance.now()
    for (const [old, { until }] of this.#kept) if (until <= now) this.#kept.delete(old)
    this.#kept.set(key, { answer, until: now + this.#options.keptMs })
  }
}
