import { setTimeout as sleep } from 'node:timers/promises'
import { transact, type Pool, type Tx } from '../../../database.ts'
import { AppError } from '../../../errors.ts'
import { uuidv7 } from '../../../lib/ids.ts'
import { exactNumber } from '../../../lib/money.ts'
import { formatInstant, type Instant } from '../../../lib/time.ts'
import { insertActivity } from '../../activity/service.ts'
import type { Caller } from '../../auth/domain.ts'
import {
  carryRows,
  deleteDiscarded,
  deleteRows,
  deleteStatements,
  gatherAccounts,
  gatherRows,
  insertSettlement,
  insertStatement,
  lockGathering,
  beginStep,
  selectAccountAhead,
  selectAccounts,
  selectBrandsWithLeftovers,
  selectLastCutoff,
  selectRowAhead,
  tryTurn,
  updateComplete,
  updateDiscarding,
  updateLeftovers,
  type Account,
  type Part,
  type RowPosition,
} from './queries.ts'

/** How many accounts are gathered by one transaction, and how many rows of each; what has more is gathered by itself. */
const ACCOUNTS_AT_ONCE = 100
const ROWS_OF_ONE = 1000
/** How many rows one transaction gathers of a large account, or frees. */
const ROWS_AT_ONCE = 10_000
const STATEMENTS_AT_ONCE = 1000
/** How many transactions gather beside each other: the database has more than one core, and others need some of them. */
const LANES = 2

/** How long a draft waits for another that is being made, and how often it looks. */
const WAIT_MS = 120_000
const LOOK_MS = 100

interface Gathering {
  brandId: number
  settlementId: string
  cutoff: Instant
  /** Says that the turn was lost. */
  signal: AbortSignal
}

/**
 * Makes a draft: of each account, what became available before the cut-off and is in no settlement yet.
 *
 * It is made in many short transactions, since marks wait for every one that is under way, and counts for nothing until
 * the last of them. What a process leaves behind that dies in the middle is cleared away by whoever comes next.
 *
 * @param cutoff not after `now`
 * @returns its id
 * @throws AppError settlement.busy where another draft is being made for two minutes
 */
export async function gatherSettlement(
  pool: Pool,
  { brandId, actor }: Caller,
  { cutoff, now }: { cutoff: Instant; now: Instant },
): Promise<string> {
  return await inTurn(pool, { brandId, waitMs: WAIT_MS }, async signal => {
    await clearAway(pool, brandId, signal)
    const settlement = { brandId, settlementId: uuidv7(now), cutoff, signal }
    await insertSettlement(pool, { ...settlement, now, actor })
    const freeFrom = await selectLastCutoff(pool, settlement)
    const accounts = await selectAccounts(pool, { brandId })
    await inLanes(async takeNext => {
      for (let some = takeNext(accounts); some.length > 0; some = takeNext(accounts)) {
        const batch = { ...settlement, freeFrom, accounts: some, rowsMax: ROWS_OF_ONE }
        const large = await step(pool, settlement, tx => gatherAccounts(tx, batch))
        for (const account of large) await gatherLarge(pool, settlement, account)
      }
    })
    signal.throwIfAborted()
    await transact(pool, async tx => {
      if (!(await updateComplete(tx, settlement))) throw new TakenApart()
      await insertActivity(tx, {
        brandId,
        now,
        actor,
        action: 'settlement.drafted',
        subject: `settlements/${settlement.settlementId}`,
        details: { cutoff: formatInstant(cutoff) },
      })
    })
    return settlement.settlementId
  })
}

/**
 * Discards a draft: from this answer on it counts for nothing, and its rows are free for the next.
 *
 * @returns whether it was a draft
 */
export async function discardDraft(
  pool: Pool,
  { brandId, actor }: Caller,
  { settlementId, now }: { settlementId: string; now: Instant },
): Promise<boolean> {
  const isDiscarded = await transact(pool, async tx => {
    if (!(await updateDiscarding(tx, { brandId, settlementId }))) return false
    const subject = `settlements/${settlementId}`
    await insertActivity(tx, { brandId, now, actor, action: 'settlement.discarded', subject })
    return true
  })
  if (isDiscarded) await clearAwayIfFree(pool, brandId)
  return isDiscarded
}

/** Clears away what drafts left behind whose process died, in every brand. */
export async function clearAwayLeftovers(pool: Pool): Promise<void> {
  for (const brandId of await selectBrandsWithLeftovers(pool)) await clearAwayIfFree(pool, brandId)
}

// --------------------------------------------------------------------------------------------------- turns

/** How many of this process may have a turn at once: each holds a connection, and needs another to work with. */
const TURNS_MAX = 2
let turns = 0

/**
 * Does something while nobody else gathers for the brand. Whoever waits holds no connection.
 *
 * @param work is to stop at its signal: the turn was lost
 * @throws AppError settlement.busy
 */
async function inTurn<T>(
  pool: Pool,
  { brandId, waitMs }: { brandId: number; waitMs: number },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const until = performance.now() + waitMs
  for (;;) {
    const turn = turns < TURNS_MAX ? await takeTurn(pool, brandId) : null
    if (turn) {
      const lost = new Promise<never>((_, reject) => {
        turn.signal.addEventListener('abort', () => reject(turn.signal.reason as Error))
      })
      try {
        return await Promise.race([work(turn.signal), lost])
      } finally {
        await turn.end()
      }
    }
    if (performance.now() >= until) {
      throw new AppError('settlement.busy', 'Another settlement is being gathered; come again when it is done.')
    }
    await sleep(LOOK_MS)
  }
}

interface Turn {
  /** Aborted when the turn is lost with its connection. */
  signal: AbortSignal
  end(): Promise<void>
}

/**
 * The lock is held by a transaction that does nothing else: it has no number, so no mark waits for it. Where its
 * connection is lost it is left alone and not ended: the driver would end what somebody else began on it since.
 *
 * @returns null where somebody else has the turn
 */
async function takeTurn(pool: Pool, brandId: number): Promise<Turn | null> {
  turns++
  const lost = new AbortController()
  return await new Promise<Turn | null>((resolve, reject) => {
    let release = () => {}
    const released = new Promise<void>(done => (release = done))
    const held = pool.begin(async tx => {
      if (!(await tryTurn(tx, { brandId }))) return
      const end = async () => {
        if (lost.signal.aborted) return
        release()
        await held
      }
      resolve({ signal: lost.signal, end })
      await released
    })
    const over = held.then(
      () => resolve(null),
      (error: unknown) => {
        lost.abort(error)
        reject(error as Error)
      },
    )
    void over.finally(() => turns--)
  })
}

async function clearAwayIfFree(pool: Pool, brandId: number): Promise<void> {
  try {
    await inTurn(pool, { brandId, waitMs: 0 }, signal => clearAway(pool, brandId, signal))
  } catch (error) {
    // Whoever has the turn does it, or who comes next.
    if (!(error instanceof AppError)) throw error
  }
}

// --------------------------------------------------------------------------------------------------- gather

/** The turn was lost with its connection, and somebody else cleared away what was gathered so far. */
class TakenApart extends Error {
  override message = 'the settlement was taken apart while it was gathered'
}

/** Does something in lanes that take the next accounts in turn. Where one fails, the others end, and then it is told. */
async function inLanes(work: (takeNext: (accounts: readonly Account[]) => Account[]) => Promise<void>): Promise<void> {
  let next = 0
  const takeNext = (accounts: readonly Account[]) => accounts.slice(next, (next += ACCOUNTS_AT_ONCE))
  const lanes = Array.from({ length: LANES }, async () => {
    try {
      await work(takeNext)
    } catch (error) {
      next = Infinity
      throw error
    }
  })
  for (const lane of await Promise.allSettled(lanes)) if (lane.status === 'rejected') throw lane.reason
}

/** One of the many short transactions that a settlement is gathered by. */
async function step<T>(pool: Pool, settlement: Gathering, work: (tx: Tx) => Promise<T>): Promise<T> {
  settlement.signal.throwIfAborted()
  return await transact(pool, async tx => {
    await beginStep(tx)
    const result = await work(tx)
    if (!(await lockGathering(tx, settlement))) throw new TakenApart()
    return result
  })
}

/** Gathers one account bit by bit. What is booked to it meanwhile comes along, or waits for the next settlement. */
async function gatherLarge(pool: Pool, settlement: Gathering, account: Account): Promise<void> {
  const options = { ...settlement, account, limit: ROWS_AT_ONCE }
  const parts = new Map<string, Part>()
  const add = ({ bearerKind, bearer, purpose, totalFen, rowCount }: Part) => {
    const key = JSON.stringify([bearerKind, bearer, purpose])
    const sum = parts.get(key) ?? { totalFen: 0n, rowCount: 0 }
    parts.set(key, {
      bearerKind,
      bearer,
      purpose,
      totalFen: sum.totalFen + totalFen,
      rowCount: sum.rowCount + rowCount,
    })
  }
  await repeat<Instant>(async from => {
    const taken = await step(pool, settlement, tx => gatherRows(tx, { ...options, from }))
    taken.forEach(add)
    return taken.length === 0 ? null : Math.max(...taken.map(part => part.until))
  })
  const all = [...parts.values()]
  const totalFen = all.reduce((sum, part) => sum + part.totalFen, 0n)
  const rowCount = all.reduce((sum, part) => sum + part.rowCount, 0)
  const carried = totalFen < 0n
  if (carried) {
    await repeat<RowPosition>(after =>
      step(pool, settlement, async tx => {
        const until = await selectRowAhead(tx, { ...settlement, account, after, ahead: ROWS_AT_ONCE })
        await carryRows(tx, { ...settlement, account, after, until })
        return until
      }),
    )
  }
  await step(pool, settlement, tx =>
    insertStatement(tx, { ...settlement, account, parts: all, totalFen: exactNumber(totalFen), rowCount, carried }),
  )
}

/** Does something again from where it ended, until it says null: it has come to the end. */
async function repeat<Position>(next: (from: Position | null) => Promise<Position | null>): Promise<void> {
  let from: Position | null = null
  do from = await next(from)
  while (from !== null)
}

// ------------------------------------------------------------------------------------------------ clear away

/** Frees what is left of the brand's discarded drafts, and of those that nobody gathers any more. */
async function clearAway(pool: Pool, brandId: number, signal: AbortSignal): Promise<void> {
  const settlementIds = await transact(pool, tx => updateLeftovers(tx, { brandId }))
  for (const settlementId of settlementIds) {
    const key = { brandId, settlementId }
    const free = async <T>(work: (tx: Tx) => Promise<T>) => {
      signal.throwIfAborted()
      return await transact(pool, async tx => {
        await beginStep(tx)
        return await work(tx)
      })
    }
    await repeat<RowPosition>(after =>
      free(async tx => {
        const until = await selectRowAhead(tx, { ...key, after, ahead: ROWS_AT_ONCE })
        await deleteRows(tx, { ...key, after, until })
        return until
      }),
    )
    await repeat<Account>(after =>
      free(async tx => {
        const until = await selectAccountAhead(tx, { ...key, after, ahead: STATEMENTS_AT_ONCE })
        await deleteStatements(tx, { ...key, after, until })
        return until
      }),
    )
    await deleteDiscarded(pool, key)
  }
}
