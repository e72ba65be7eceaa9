import type { Pool } from '../database.ts'
import { postStep, type Posting } from '../features/posts/service.ts'
import type { Wecom } from '../features/wecom/service.ts'
import { startLoop, type Worker } from './loop.ts'

const IDLE_MS = 5000
const FAILED_MS = 10_000

/**
 * Gives WeCom the tasks of the content calendar at their hour, and reads back what became of them, where WeCom is set
 * up. Several processes may do so at once.
 */
export function startPostWorker(
  options: Omit<Posting, 'wecom' | 'brandId'> & { pool: Pool; wecom: Wecom | null; onError: (error: unknown) => void },
): Worker {
  const { wecom, onError } = options
  if (!wecom) return { stop: () => Promise.resolve() }
  const posting = { ...options, wecom, brandId: wecom.brandId }
  return startLoop(async () => ((await postStep(posting)) ? 0 : IDLE_MS), {
    name: 'posts',
    onError,
    failedMs: FAILED_MS,
  })
}
