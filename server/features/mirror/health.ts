import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import { channelHealth } from '../channel-codes/service.ts'
import { messageHealth } from '../messages/service.ts'
import { adviceOf, inboxState } from '../wecom/service.ts'
import { selectMirrorCounts, selectRenamedUntold, selectSyncs, type SyncRow } from './queries.ts'
import type { WecomHealth } from './schema.ts'

const RENAMED_MAX = 50
/** An associate is who WeCom says he is. */
const TELL_ANEW = {
  zh: '该成员的企业微信账号（userid）已更改：请用新账号重新录入这位导购，并把旧账号的会员交接给新账号；在此之前新账号不能登录，也不计业绩。',
  en: 'WeCom changed this person’s userid: tell the associate anew by the new one and hand the old one’s members over to it. Until then he cannot sign in, and nothing counts for him.',
}

/** How the mirror stands: the walks, what is in it, what the app cannot see and what to do about it. */
export async function wecomHealth(
  db: Db,
  options: { brandId: number; now: Instant; configured: boolean; callbacks: boolean },
): Promise<WecomHealth> {
  const { brandId, now, configured, callbacks } = options
  const [syncs, counts, renamed, inbox, channels, messages] = await Promise.all([
    selectSyncs(db, { brandId, limit: 10 }),
    selectMirrorCounts(db, { brandId }),
    selectRenamedUntold(db, { brandId, limit: RENAMED_MAX }),
    inboxState(db, { brandId, now }),
    channelHealth(db, { brandId, now }),
    messageHealth(db, { brandId, now }),
  ])
  const [latest] = syncs
  // A walk that has only begun has not seen what the one before could not.
  const telling = syncs.find(sync => sync.status !== 'running' || sync.faults.length > 0)
  return {
    configured,
    callbacks,
    sync: latest ? shown(latest) : null,
    lastDone: shown(syncs.find(sync => sync.status !== 'running')),
    counts,
    faults: [
      ...renamed.map(({ userid, renamedTo }) => ({
        stage: 'staff',
        errcode: null,
        subject: `${userid} → ${renamedTo}`,
        advice: TELL_ANEW,
      })),
      ...(telling?.faults ?? []).map(fault => ({
        stage: fault.stage,
        errcode: fault.errcode,
        subject: fault.subject,
        advice: adviceOf(fault),
      })),
    ],
    inbox,
    channels,
    messages,
  }
}

function shown(sync: SyncRow | undefined): WecomHealth['sync'] {
  if (!sync) return null
  return {
    kind: sync.kind === 'first' ? 'first' : 'nightly',
    status: sync.status,
    stage: sync.stage,
    startedAt: formatInstant(sync.startedAt),
    finishedAt: sync.finishedAt === null ? null : formatInstant(sync.finishedAt),
    counts: sync.counts,
    repairs: sync.repairs,
  }
}
