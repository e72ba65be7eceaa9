import { setTimeout as sleep } from 'node:timers/promises'
import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import {
  beginState,
  deleteMarks,
  insertDayMarks,
  selectCells,
  selectDayMark,
  selectDays,
  selectIsFresh,
  selectMarks,
  selectZone,
  takeTurn,
  type Cell,
} from './queries.ts'
import {
  countDifferingFigures,
  countDifferingGaps,
  countDifferingPay,
  countDifferingPeople,
  countDifferingTotals,
  replaceGaps,
} from './checks.ts'
import { columnsOf, PARTS, PEOPLE, replaceFigures, replacePay, replacePeople, sumsOf } from './sums.ts'

export {
  markClicks,
  markIdentities,
  markJoined,
  markLinks,
  markMembers,
  markOrders,
  markOrdersThatWere,
  refreshStatistics,
  selectBrands,
} from './queries.ts'

/** About how many orders, clicks or people are spoken of by what is summed in one transaction: others wait for none long. */
const MOST = 1000
/** About how much the days come to that are summed in one transaction. */
const DAYS_MOST = 5000
/** How old a mark may be whose days are read as they were summed before it, where their evidence is too much to read. */
const STALE_MS = 4000
/** So many orders of a span are read as evidence in less time than anybody waits. */
const FEW_ORDERS = 50_000

/** How long it may take to count what a brand has of each day, when its days are summed for the first time. */
const COUNTING_MS = 30 * 60_000

/** From the first of them until before the last. */
interface Days {
  from: string
  to: string
}

interface Brand {
  brandId: number
  zone: string
}

/**
 * Whether a brand's figures of some days are read from sums. Where something is still to be summed they are read from
 * evidence, so that whatever was answered is in them; a span of a chain, too large for that, may be a few seconds old.
 */
export const isSummed = (db: Db, { brandId, zone, days }: Brand & { days: Days }) =>
  selectIsFresh(db, { brandId, zone, days, staleMs: STALE_MS, fewOrders: FEW_ORDERS })

/**
 * Sums anew what some marks speak of, and takes the marks away, all in one view of the database: what is not to be seen in
 * it has marks that are not either. Where there is none, a day of those that were never summed.
 *
 * @returns how many things were spoken of; 0 where there are no more
 */
export async function sumStep(pool: Pool, { brandId, zone, now }: Brand & { now: Instant }): Promise<number> {
  return await transact(pool, async tx => {
    await tx`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`
    if (!(await takeTurn(tx, { brandId }))) return 0
    if ((await selectZone(tx, { brandId })) !== zone) {
      // Before anything is written: of ten million orders it takes longer than a statement may.
      await tx`SET LOCAL statement_timeout = ${tx.unsafe(String(COUNTING_MS))}`
      const days = await selectDays(tx, { brandId, zone })
      await beginState(tx, { brandId, zone })
      await insertDayMarks(tx, { brandId, now, days: inPieces(days) })
      return 1
    }
    const count = await sumMarks(tx, { brandId, zone })
    if (count > 0) return count
    const day = await selectDayMark(tx, { brandId })
    if (!day) return 0
    await sumDays(tx, { brandId, zone, days: day.keys })
    await deleteMarks(tx, { brandId, markIds: [day.markId] })
    return MOST
  })
}

/** Days that are summed together: small ones are many. */
function inPieces(days: readonly { day: string; count: number }[]): string[][] {
  const pieces: string[][] = []
  let count = Infinity
  for (const one of days) {
    if (count + one.count > DAYS_MOST) {
      pieces.push([])
      count = 0
    }
    pieces.at(-1)!.push(one.day)
    count += one.count
  }
  return pieces
}

/** @returns how many things they spoke of */
async function sumMarks(tx: Tx, { brandId, zone }: Brand): Promise<number> {
  const marks = await selectMarks(tx, { brandId, most: MOST })
  if (marks.length === 0) return 0
  const markIds = marks.map(mark => mark.markId)
  await sumCells(tx, { brandId, zone, cells: await selectCells(tx, { brandId, zone, markIds }) })
  await deleteMarks(tx, { brandId, markIds })
  return marks.reduce((count, mark) => count + mark.keys.length, 0)
}

const sumDays = (tx: Tx, { brandId, zone, days }: Brand & { days: readonly string[] }) =>
  sumCells(tx, {
    brandId,
    zone,
    cells: PARTS.flatMap(part => days.map((day): Cell => ({ part, day, storeCode: null }))),
  })

async function sumCells(tx: Tx, { brandId, zone, cells }: Brand & { cells: readonly Cell[] }): Promise<void> {
  for (const part of PARTS) {
    const summing = { brandId, zone, cells: cells.filter(cell => cell.part === part) }
    if (summing.cells.length === 0) continue
    await replaceFigures(tx, part, summing)
    if (part === 'sales') await replacePay(tx, summing)
    for (const people of PEOPLE) if (people.part === part) await replacePeople(tx, people.kind, summing)
  }
}

/** Sums everything that is to be summed; how long that takes is nobody's concern. */
export async function sumAll(pool: Pool, brand: Brand & { now: Instant }): Promise<void> {
  while ((await sumStep(pool, brand)) > 0);
}

/**
 * Makes all sums of a brand anew and holds them against those that are kept; what differs is put right. Day by day, each in
 * one view of the database, so it may run while the service works.
 *
 * @param options.onDay after each day: how many rows of it differed
 * @returns how many rows differed; 0 unless something was forgotten to be marked
 */
export async function rebuildSums(
  pool: Pool,
  options: Brand & { now: Instant; onDay?: (day: string, differing: number) => void; isStopped?: () => boolean },
): Promise<{ days: number; differing: number }> {
  const { brandId, zone, onDay, isStopped = () => false } = options
  await sumAll(pool, options)
  let [days, differing] = [0, 0]
  for (const { day } of await selectDays(pool, { brandId, zone })) {
    if (isStopped()) break
    const count = await alone(pool, { brandId, zone }, tx => rebuildDay(tx, { brandId, zone, day }))
    days++
    differing += count
    onDay?.(day, count)
  }
  for (const { kind } of isStopped() ? [] : PEOPLE) {
    differing += await alone(pool, { brandId, zone }, async tx => {
      const count = await countDifferingGaps(tx, { brandId, kind })
      if (count > 0) await replaceGaps(tx, { brandId, kind })
      return count
    })
  }
  return { days, differing }
}

/** In one view of the database in which everything is summed that marks speak of; waits for who does that already. */
async function alone(pool: Pool, brand: Brand, work: (tx: Tx) => Promise<number>): Promise<number> {
  for (;;) {
    const done = await transact(pool, async tx => {
      await tx`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`
      if (!(await takeTurn(tx, brand))) return null
      while ((await sumMarks(tx, brand)) > 0);
      return await work(tx)
    })
    if (done !== null) return done
    await sleep(50)
  }
}

async function rebuildDay(tx: Tx, { brandId, zone, day }: Brand & { day: string }): Promise<number> {
  let differing = 0
  for (const part of PARTS) {
    const summing = { brandId, zone, cells: [{ part, day, storeCode: null }] }
    const columns = columnsOf(tx, part)
    const figures =
      (await countDifferingFigures(tx, part, summing, columns)) +
      (await countDifferingTotals(tx, part, summing, sumsOf(tx, part), columns))
    if (figures > 0) await replaceFigures(tx, part, summing)
    const pay = part === 'sales' ? await countDifferingPay(tx, summing) : 0
    if (pay > 0) await replacePay(tx, summing)
    differing += figures + pay
    for (const { kind, part: partOf } of PEOPLE) {
      const people = partOf === part ? await countDifferingPeople(tx, kind, summing) : 0
      if (people > 0) await replacePeople(tx, kind, summing)
      differing += people
    }
  }
  return differing
}
