import type { Pool } from '../database.ts'
import type { Threads } from '../features/commissions/backtests/lanes.ts'
import type { Wecom } from '../features/wecom/service.ts'
import type { Vault } from '../lib/vault.ts'
import type { Settings } from '../settings.ts'
import { startBacktestWorker } from './backtests.ts'
import { startChannelWorkers } from './channel-codes.ts'
import { startCommunityWorker } from './community.ts'
import { startHousekeeping } from './housekeeping.ts'
import { together, type Worker } from './loop.ts'
import { startReconcileWorker } from './reconcile.ts'
import { startRiskWorker } from './risks.ts'
import { startTaskWorker } from './tasks.ts'
import { startWecomWorkers } from './wecom.ts'

/** Everything that a process does beside answering. */
export function startWorkers(options: {
  data: { pool: Pool; vault: Vault }
  settings: Settings
  wecom: Wecom | null
  /** null: back-tests are run in this thread. */
  threads: Threads | null
  warn: (error: unknown, text: string) => void
}): Worker {
  const { data, settings, wecom, threads, warn } = options
  const { pool, vault } = data
  const { publicUrl } = settings
  const common = (text: string) => ({ pool, now: Date.now, onError: (error: unknown) => warn(error, text) })
  return together([
    startReconcileWorker(common('reconcile worker failed, will try again')),
    startBacktestWorker({ ...common('a back-test failed'), threads }),
    startHousekeeping(common('housekeeping failed, will try again in an hour')),
    startWecomWorkers({ ...common('a worker for WeCom failed, will try again'), vault, publicUrl, wecom }),
    startChannelWorkers({
      ...common('a worker for channel codes failed, will try again'),
      vault,
      publicUrl,
      miniProgramAppId: settings.miniProgram.appId,
      wecom,
    }),
    startCommunityWorker({ ...common('a community’s day was not taken, will try again'), wecom }),
    startRiskWorker(common('the risk scan failed, will try again in minutes')),
    startTaskWorker(common('tending tasks failed, will try again in minutes')),
  ])
}
