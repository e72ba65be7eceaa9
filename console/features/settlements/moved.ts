import type { Review } from './calls.ts'

/** Below this nobody looks twice. */
const loudFromFen = 50_000

/** Whether a sum moved so much that it could be wrong: at least doubled or halved, and by 500 yuan or more. */
export function isLoud({ totalFen, beforeFen, changeFen }: Review['moved'][number]): boolean {
  if (Math.abs(changeFen) < loudFromFen) return false
  const [low, high] = [Math.abs(totalFen ?? 0), Math.abs(beforeFen ?? 0)].sort((a, b) => a - b) as [number, number]
  return high >= low * 2 || Math.sign(totalFen ?? 0) !== Math.sign(beforeFen ?? 0)
}
