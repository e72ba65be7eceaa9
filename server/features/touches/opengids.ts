import { transact, type Pool } from '../../database.ts'
import { MINUTE_MS, type Instant } from '../../lib/time.ts'
import { markOpengid } from '../rollups/service.ts'
import { WecomError, type Wecom } from '../wecom/service.ts'
import { takeOpengids, updateOpengidDue, updateOpengidKnown } from './queries.ts'

/** WeCom says that it is no group of the corporation's customers, or no group at all. */
const NO_GROUP: ReadonlySet<number> = new Set([90501, 90509, 90511])
const PER_STEP = 20
const ASKED = { patience: 'job', deadlineMs: 20_000, isHarmless: true } as const
const LEASE_MS = 10 * MINUTE_MS
const AGAIN_MS_MAX = 24 * 60 * MINUTE_MS

/**
 * Asks WeCom which chats groups are that touches named by their opengid. Each is asked for until it is answered, then
 * never again; a refusal of another kind (a permission that is missing) waits longer each time.
 *
 * @returns how many were asked for
 */
export async function resolveOpengids(
  pool: Pool,
  { wecom, brandId, now }: { wecom: Wecom; brandId: number; now: () => Instant },
): Promise<number> {
  const at = now()
  const due = await takeOpengids(pool, { brandId, now: at, leasedUntil: at + LEASE_MS, limit: PER_STEP })
  for (const { opengid, tries } of due) {
    try {
      const answer = await wecom.call('externalcontact/opengid_to_chatid', { body: { opengid }, ...ASKED })
      const chatId = answer['chat_id']
      await transact(pool, async tx => {
        const known = typeof chatId === 'string' && chatId !== '' ? chatId : null
        await updateOpengidKnown(tx, { brandId, opengid, chatId: known, now: now() })
        if (known !== null) await markOpengid(tx, { brandId, opengid, now: now() })
      })
    } catch (error) {
      if (!(error instanceof WecomError)) throw error
      if (NO_GROUP.has(error.errcode ?? 0)) {
        await updateOpengidKnown(pool, { brandId, opengid, chatId: null, now: now() })
      } else {
        const waitMs = Math.min(MINUTE_MS * 2 ** tries, AGAIN_MS_MAX)
        await updateOpengidDue(pool, { brandId, opengid, tries: Math.min(tries + 1, 30), dueAt: now() + waitMs })
      }
    }
  }
  return due.length
}
