import type { Bench } from './bench.ts'

/** Several figures come of one measurement: it is made when the first of them asks, once in a run of the bench. */
export function onceInRun<Measured>(measure: (bench: Bench) => Promise<Measured>): (bench: Bench) => Promise<Measured> {
  const runs = new WeakMap<Bench, Promise<Measured>>()
  return bench => {
    const run = runs.get(bench) ?? measure(bench)
    runs.set(bench, run)
    return run
  }
}
