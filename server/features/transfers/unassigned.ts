import type { Db } from '../../database.ts'
import { formatInstant } from '../../lib/time.ts'
import { compareBytes } from '../../lib/text.ts'
import type { Caller } from '../auth/domain.ts'
import { isSeen, storesSeen } from '../handovers/service.ts'
import { selectAssociates } from '../stores/service.ts'
import { adviceOf, WecomError, type Answer, type Wecom } from '../wecom/service.ts'
import { PER_LIST_PAGE, UNASSIGNED_PAGES_MAX } from './domain.ts'
import type { Unassigned } from './schema.ts'

/**
 * Whose customers wait in WeCom for a taker, as it says now: those of people who left. Somebody of whom no associate
 * was told is shown to whoever sees the brand.
 *
 * @returns with the fault, what was read before it
 * @throws AppError not_found
 */
export async function listUnassigned(
  db: Db,
  { caller, wecom }: { caller: Caller; wecom: Wecom | null },
): Promise<Unassigned> {
  const stores = storesSeen(caller.scope)
  if (!wecom) return { items: [], isComplete: false, fault: null }
  const { left, isComplete, fault } = await read(wecom)
  const rows = await selectAssociates(db, { brandId: caller.brandId, associateIds: [...left.keys()] })
  const associates = new Map(rows.map(row => [row.associateId, row]))
  const items = [...left]
    .filter(([userid]) => stores === null || isSeen(associates.get(userid), stores))
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([associateId, { leftAt, customerCount }]) => ({
      associateId,
      name: associates.get(associateId)?.name ?? null,
      storeCode: associates.get(associateId)?.storeCode ?? null,
      leftAt: formatInstant(leftAt),
      customerCount,
    }))
  return { items, isComplete, fault }
}

/** What is read of WeCom's list, page by page, as far as it can be. */
async function read(wecom: Wecom) {
  const left = new Map<string, { leftAt: number; customerCount: number }>()
  let cursor = ''
  for (let page = 0; page < UNASSIGNED_PAGES_MAX; page++) {
    let answer: Answer
    try {
      const body = { cursor, page_size: PER_LIST_PAGE }
      answer = await wecom.call('externalcontact/get_unassigned_list', { body, isHarmless: true })
    } catch (error) {
      if (!(error instanceof WecomError)) throw error
      return { left, isComplete: false, fault: { errcode: error.errcode, advice: adviceOf(error) } }
    }
    for (const { userid, leftAt } of readPage(answer)) {
      const before = left.get(userid) ?? { leftAt, customerCount: 0 }
      left.set(userid, { leftAt: Math.max(before.leftAt, leftAt), customerCount: before.customerCount + 1 })
    }
    const next = answer['next_cursor']
    cursor = typeof next === 'string' ? next : ''
    if (cursor === '' || answer['is_last'] === true) return { left, isComplete: true, fault: null }
  }
  return { left, isComplete: false, fault: null }
}

const readPage = (answer: Answer): { userid: string; leftAt: number }[] =>
  (Array.isArray(answer['info']) ? (answer['info'] as Answer[]) : []).flatMap(one => {
    const userid = one['handover_userid']
    const seconds = Number(one['dimission_time'])
    return typeof userid === 'string' && userid !== '' && Number.isFinite(seconds)
      ? [{ userid, leftAt: seconds * 1000 }]
      : []
  })
