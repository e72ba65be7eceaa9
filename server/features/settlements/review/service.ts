import { transact, type Db, type Pool } from '../../../database.ts'
import { exactNumber } from '../../../lib/money.ts'
import { encodeCursor, PAGE_DEFAULT } from '../../../lib/paging.ts'
import { formatInstant, type Instant } from '../../../lib/time.ts'
import type { Caller } from '../../auth/domain.ts'
import { PAYEE_KINDS } from '../domain.ts'
import { beginStep, tryTurn } from '../gathering/queries.ts'
import type { Gathering, Preview, PreviewQuery, Review } from '../schema.ts'
import { cutoffOf, getSettlement, positionOf } from '../service.ts'
import {
  selectAccountCount,
  selectAccountSums,
  selectBearers,
  selectBefore,
  selectGathering,
  selectGroups,
  selectLastCutoff,
  selectMoved,
  type AccountSums,
} from './queries.ts'

/**
 * What a draft of this cut-off would hold and what not, of the next accounts: a chain has too many for one answer, so
 * whoever asks adds the pages up.
 *
 * @throws AppError settlement.cutoff_in_future, malformed_cursor
 */
export async function previewSettlement(
  pool: Pool,
  { caller, query, now }: { caller: Caller; query: PreviewQuery; now: Instant },
): Promise<Preview> {
  const { brandId } = caller
  const cutoff = query.cutoff === undefined ? now : cutoffOf(query.cutoff, now)
  const limit = query.limit ?? PAGE_DEFAULT
  const after = positionOf(query.cursor, ['text', 'text'])
  const rows = await transact(pool, async tx => {
    await beginStep(tx)
    const freeFrom = await selectLastCutoff(tx, { brandId })
    const account = after && { payeeKind: after[0]!, payee: after[1]! }
    return await selectAccountSums(tx, { brandId, cutoff, freeFrom, after: account, limit })
  })
  const last = rows.at(-1)
  return {
    cutoff: formatInstant(cutoff),
    accountCount: await selectAccountCount(pool, { brandId }),
    items: PAYEE_KINDS.flatMap(payeeKind => {
      const mine = rows.filter(row => row.payeeKind === payeeKind)
      return mine.length === 0 ? [] : [{ payeeKind, ...sumsOf(mine) }]
    }),
    nextCursor: rows.length < limit || !last ? null : encodeCursor([last.payeeKind, last.payee]),
  }
}

function sumsOf(rows: readonly AccountSums[]) {
  const held = rows.map(row => ({ ...row, due: BigInt(row.dueFen), later: BigInt(row.laterFen) }))
  const due = held.filter(row => row.rowCount > 0 && row.due >= 0n)
  const carried = held.filter(row => row.due < 0n)
  const sum = (amounts: readonly bigint[]) => exactNumber(amounts.reduce((total, one) => total + one, 0n))
  return {
    accountCount: rows.length,
    dueCount: due.length,
    dueFen: sum(due.map(row => row.due)),
    carriedCount: carried.length,
    carriedFen: sum(carried.map(row => row.due)),
    laterFen: sum(held.map(row => row.later)),
  }
}

/** The draft that is being made now. One that nobody makes any more is none: whoever comes next clears it away. */
export async function getGathering(pool: Pool, { brandId }: Caller): Promise<Gathering> {
  const isFree = await transact(pool, tx => tryTurn(tx, { brandId }))
  const row = isFree ? null : await selectGathering(pool, { brandId })
  if (!row) return { gathering: null }
  const accountCount = await selectAccountCount(pool, { brandId })
  return {
    gathering: { ...row, accountCount, cutoff: formatInstant(row.cutoff), createdAt: formatInstant(row.createdAt) },
  }
}

const MOVED_MAX = 20

/** Sums of a settlement, and whose moved most since the one that was approved before. @throws AppError not_found */
export async function reviewSettlement(db: Db, caller: Caller, settlementId: string): Promise<Review> {
  await getSettlement(db, caller, settlementId)
  const key = { brandId: caller.brandId, settlementId }
  const [groups, bearers, before] = await Promise.all([
    selectGroups(db, key),
    selectBearers(db, key),
    selectBefore(db, key),
  ])
  const moved = before ? await selectMoved(db, { ...key, beforeId: before.settlementId, limit: MOVED_MAX }) : []
  return {
    groups: groups as Review['groups'],
    bearers: bearers as Review['bearers'],
    before: before && { ...before, cutoff: formatInstant(before.cutoff) },
    moved: moved as Review['moved'],
  }
}
