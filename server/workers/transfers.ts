import type { MirrorDependencies } from '../features/mirror/service.ts'
import { transferStep } from '../features/transfers/service.ts'
import type { Wecom } from '../features/wecom/service.ts'
import { startLoop, type Worker } from './loop.ts'

const IDLE_MS = 5000

/** Carries out what WeCom is to give to colleagues. Several processes may do so at once. */
export function startTransferWorker(
  options: Omit<MirrorDependencies, 'wecom' | 'brandId'> & { wecom: Wecom | null; onError: (error: unknown) => void },
): Worker {
  const { wecom, onError } = options
  if (!wecom) return { stop: () => Promise.resolve() }
  const dependencies = { ...options, wecom, brandId: wecom.brandId }
  return startLoop(async () => ((await transferStep(dependencies)) ? 0 : IDLE_MS), { name: 'transfers', onError })
}
