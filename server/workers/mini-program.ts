import type { MiniProgram } from '../features/mini-program/service.ts'
import { MINUTE_MS } from '../lib/time.ts'
import { startLoop, type Worker } from './loop.ts'

const IDLE_MS = 5 * MINUTE_MS
/** Between pages, and after a fault. */
const PAGE_MS = 1000

/** Renews the URL links of a brand's mini program before they end. Several processes may do so at once. */
export function startMiniProgramWorker(options: {
  miniProgram: MiniProgram | null
  onError: (error: unknown) => void
}): Worker {
  const { miniProgram, onError } = options
  if (!miniProgram) return { stop: () => Promise.resolve() }
  return startLoop(async () => ((await miniProgram.renew()) > 0 ? PAGE_MS : IDLE_MS), {
    name: 'mini-program',
    onError,
    failedMs: MINUTE_MS,
  })
}
