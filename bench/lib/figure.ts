import type { Bench } from './bench.ts'

/** One question and the number that answers it. `bench/figures.ts` lists them in the order in which they run. */
export interface Figure {
  /** By which `npm run bench -- --only` asks for it. */
  name: string
  /** What is measured, in a few words, for the table. */
  measures: string
  run(bench: Bench): Promise<Measured>
}

export interface Measured {
  value: number
  /** Of the value, such as `orders/s`. */
  unit: string
  /** The value over that of something else, measured beside it in the same run. */
  ratio?: number
  /** What else: the ratio's other side. */
  against?: string
  /** What has to hold, of the ratio where there is one, else of the value. */
  limit?: { atLeast: number } | { atMost: number }
  /** More numbers worth keeping, such as the part of each step. */
  details?: Record<string, number | string>
}

export function isWithin({ value, ratio, limit }: Measured): boolean | null {
  if (!limit) return null
  const held = ratio ?? value
  return 'atLeast' in limit ? held >= limit.atLeast : held <= limit.atMost
}
