import type { Pool } from '../database.ts'
import type { Threads } from '../features/commissions/backtests/lanes.ts'
import type { Brand, Brands } from '../features/brands/service.ts'
import type { MiniProgramOf } from '../features/mini-program/service.ts'
import { buildGate } from '../features/webhooks/service.ts'
import { createObjectStore } from '../lib/object-store.ts'
import type { Vault } from '../lib/vault.ts'
import type { Settings } from '../settings.ts'
import { startAuditWorker } from './audits.ts'
import { startBacktestWorker } from './backtests.ts'
import { startPerBrand } from './brands.ts'
import { startChannelWorkers } from './channel-codes.ts'
import { startCommunityWorker } from './community.ts'
import { startHousekeeping } from './housekeeping.ts'
import { together, type Worker } from './loop.ts'
import { startMessageWorker } from './messages.ts'
import { startMiniProgramWorker } from './mini-program.ts'
import { startPostWorker } from './posts.ts'
import { startPrivacyWorker } from './privacy.ts'
import { startReconcileWorker } from './reconcile.ts'
import { startRiskWorker } from './risks.ts'
import { startRollupWorker } from './rollups.ts'
import { startTaskWorker } from './tasks.ts'
import { startTransferWorker } from './transfers.ts'
import { startWebhookWorker } from './webhooks.ts'
import { startWecomWorkers } from './wecom.ts'

/** Everything that a process does beside answering. */
export function startWorkers(options: {
  /** `background`: where statements may take long; booking is done in `pool`, and waits for none of them. */
  data: { pool: Pool; background?: Pool; vault: Vault }
  settings: Settings
  brands: Brands
  miniProgramOf: MiniProgramOf
  /** null: back-tests are run in this thread. */
  threads: Threads | null
  warn: (error: unknown, text: string) => void
}): Worker {
  const { data, settings, brands, miniProgramOf, threads, warn } = options
  const { background: pool = data.pool, vault } = data
  const { publicUrl } = settings
  const objects = settings.objectStore && createObjectStore(settings.objectStore)
  const common = (text: string) => ({ pool, now: Date.now, onError: (error: unknown) => warn(error, text) })
  /** What is done with a brand's WeCom and mini program. */
  const startBrand = ({ brandId, wecom, miniProgram }: Brand) =>
    together([
      startWecomWorkers({ ...common('a worker for WeCom failed, will try again'), vault, publicUrl, wecom }),
      startChannelWorkers({
        ...common('a worker for channel codes failed, will try again'),
        vault,
        publicUrl,
        miniProgramAppId: miniProgram.appId,
        wecom,
      }),
      startPostWorker({
        ...common('the content calendar was not carried on, will try again'),
        objects,
        publicUrl,
        miniProgramAppId: miniProgram.appId,
        wecom,
      }),
      startMessageWorker({ ...common('a worker for messages failed, will try again'), publicUrl, wecom }),
      startTransferWorker({
        ...common('a transfer in WeCom was not carried on, will try again'),
        vault,
        publicUrl,
        wecom,
      }),
      startMiniProgramWorker({
        ...common('links to the mini program were not renewed, will try again'),
        miniProgram: miniProgramOf(brandId),
      }),
    ])
  return together([
    startReconcileWorker({ ...common('reconcile worker failed, will try again'), pool: data.pool }),
    startBacktestWorker({ ...common('a back-test failed'), threads }),
    startHousekeeping(common('housekeeping failed, will try again in an hour')),
    startPrivacyWorker({ ...common('personal data was not erased or forgotten, will try again in a minute'), vault }),
    startPerBrand({ ...common('the brands’ workers were not started, will try again'), brands, start: startBrand }),
    startCommunityWorker({
      ...common('a community’s day was not taken, will try again'),
      wecomOf: brandId => brands.find(brandId)?.wecom ?? null,
    }),
    startAuditWorker(common('the night’s audit was not made, will try again in minutes')),
    startRiskWorker(common('the risk scan failed, will try again in minutes')),
    startTaskWorker(common('tending tasks failed, will try again in minutes')),
    startRollupWorker(common('figures were not summed ahead, will try again')),
    startWebhookWorker({
      ...common('a webhook was not sent, will try again'),
      vault,
      gate: buildGate({ privateHosts: settings.webhookPrivateHosts }),
    }),
  ])
}
