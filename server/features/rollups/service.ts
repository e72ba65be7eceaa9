import { setTimeout as sleep } from 'node:timers/promises'
import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { addDays } from '../../lib/calendar.ts'
import { formatInstant, nextMonth, type Instant } from '../../lib/time.ts'
import type { SummedDays } from './domain.ts'
import {
  beginState,
  countDaysToSum,
  deleteMarks,
  insertDayMarks,
  selectCells,
  selectDays,
  selectDaysToSum,
  selectLacking,
  selectMarks,
  selectOldDay,
  selectZone,
  takeTurn,
  updateVersion,
  type Cell,
} from './queries.ts'
import {
  countDifferingAssociates,
  countDifferingFigures,
  countDifferingGaps,
  countDifferingKeyMonths,
  countDifferingKeys,
  countDifferingMonths,
  countDifferingPay,
  countDifferingPeople,
  countDifferingTotals,
  replaceGaps,
} from './checks.ts'
import {
  appendDays,
  deleteDays,
  replaceKeyDay,
  replaceKeyMonths,
  replaceMonths,
  replacePeople,
  replaceSums,
} from './keep.ts'
import {
  KEYED_PARTS,
  KEYED_SINCE,
  kindsOf,
  MONTH_PARTS,
  PARTS,
  PEOPLE,
  SUMS_VERSION,
  type SummingDays,
} from './sums.ts'
import { addWinners, selectWins, winsBeside, withWholeWins } from './wins.ts'

export {
  markClicks,
  markIdentities,
  markJoined,
  markLinks,
  markMembers,
  markOpengid,
  markOrders,
  markOrdersThatWere,
  refreshStatistics,
  selectBrands,
  selectIsBeginning as areSumsBeginning,
  selectNetSales as netSalesSummed,
} from './queries.ts'

/** About how many orders, clicks or people are spoken of by what is summed in one transaction: others wait for none long. */
const MOST = 1000
/**
 * So many where they speak of hardly more cells than the first, or of no more than these may: what sells all over a chain is
 * the same day's, and to sum the day of a store takes the same for one order as for ten.
 */
const MANY = 10_000
const MANY_CELLS = 1.5
/**
 * About how much the days come to that are summed at once, for the first time or to hold them against what is kept. The
 * more they are, the more rows of people fall on each page of their index; but what is told meanwhile is booked only when
 * they are done, since who books waits for transactions under way: some seconds.
 */
const DAYS_MOST = 250_000
/** How old a mark may be of which nobody is told whose figures were summed before it. */
const STALE_MS = 4000
/** So many orders of a span are read as evidence at once, and so many in the time that somebody waits for being right. */
const FEW_ORDERS = 5000
const MANY_ORDERS = 20_000
/** With so many orders a brand's evidence is more than memory holds: to wait for many of a span would be to wait for the disk. */
const LARGE_BRAND_ORDERS = 1_000_000

/** How long a statement may take that counts or sums whole days. */
const DAYS_MS = 30 * 60_000
/** What it may sort and hash in memory. */
const DAYS_MEMORY = '128MB'

interface Brand {
  brandId: number
  zone: string
}

interface Asked extends Brand {
  now: Instant
  /** About how many things the days come to that are summed at once; `DAYS_MOST` unless told. */
  daysMost?: number
}

/** Sums that figures of some days are read from. */
export interface Sums {
  days: SummedDays
  /** What was told until then is in them. null: all but for the last seconds. */
  summedUntil: Instant | null
}

/**
 * The sums that a brand's figures of some days are read from. Where something is still to be summed they are read from
 * evidence, so that whatever was answered is in them. Where that is much its figures may be a few seconds old. A span of a
 * chain is too much altogether, and of a large one a day is: where sums are older, who reads them is told until when they hold.
 *
 * @param options.isKeyed by channel, link, group or product, of which a version before summed nothing
 * @returns null: they are read from evidence
 */
export async function sumsOf(
  db: Db,
  { isKeyed, days, ...brand }: Brand & { days: { from: string; to: string }; isKeyed: boolean },
): Promise<Sums | null> {
  const version = isKeyed ? KEYED_SINCE : 0
  const lacking = await selectLacking(db, { ...brand, days, version, monthsVersion: SUMS_VERSION })
  if (!lacking) return null
  const { markedAt, monthlessUntil, daysAfter } = lacking
  const [ageMs, orders, brandOrders] = [lacking.ageMs ?? 0, lacking.orders ?? 0, lacking.brandOrders ?? 0]
  const isLate = ageMs > STALE_MS
  const atMost = isLate && brandOrders < LARGE_BRAND_ORDERS ? MANY_ORDERS : FEW_ORDERS
  if (markedAt !== null && orders <= atMost) return null
  return { days: { ...days, monthlessUntil, daysAfter }, summedUntil: isLate ? markedAt : null }
}

/** What a file is called whose figures lack something: who keeps it must see that later. */
export function nameOfFile(name: string, sums: Sums | null): string {
  if (sums?.summedUntil == null) return name
  return `${name}-until-${formatInstant(sums.summedUntil).replace(/\.\d+|[-:]/g, '')}`
}

/** As answers have it, also what was read from evidence. */
export const shownSums = (sums: Sums | null) => ({
  summedUntil: sums?.summedUntil == null ? null : formatInstant(sums.summedUntil),
})

/**
 * Sums anew what some marks speak of, and takes the marks away, all in one view of the database: what is not to be seen in
 * it has marks that are not either. Where there is none, days of those that were never summed.
 *
 * @returns how many things were spoken of; 0 where there are no more
 */
export async function sumStep(pool: Pool, { brandId, zone, now, daysMost = DAYS_MOST }: Asked): Promise<number> {
  return await transact(pool, async tx => {
    await tx`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`
    if (!(await takeTurn(tx, { brandId }))) return 0
    if ((await selectZone(tx, { brandId })) !== zone) {
      await letTakeLong(tx)
      const days = await selectDays(tx, { brandId, zone })
      await beginState(tx, { brandId, zone })
      await insertDayMarks(tx, { brandId, now, days: inPieces(days, daysMost).map(piece => piece.map(one => one.day)) })
      return 1 + thingsIn(days)
    }
    const days = await selectDaysToSum(tx, { brandId })
    const count = await sumMarks(tx, { brandId, zone, before: days?.from ?? null })
    if (count > 0) return count
    if (!days) return (await sumOldDay(tx, { brandId, zone })) || (await sumOldMonth(tx, { brandId }))
    await letTakeLong(tx)
    await deleteDays(tx, { brandId, zone, days: { from: days.from, to: null } })
    await appendDays(tx, { brandId, zone, days })
    await deleteMarks(tx, { brandId, markIds: [days.markId] })
    return daysMost
  })
}

/** Sums the last day that a version before summed, while what it summed is read. @returns 0 where there is none */
async function sumOldDay(tx: Tx, { brandId, zone }: Brand): Promise<number> {
  const day = await selectOldDay(tx, { brandId, version: KEYED_SINCE })
  if (day === null) return 0
  await letTakeLong(tx)
  await sumDay(tx, { brandId, zone, day })
  return MOST
}

/** Adds up what stores and associates have of the last month that no version did this for. @returns 0 where there is none */
async function sumOldMonth(tx: Tx, { brandId }: { brandId: number }): Promise<number> {
  const day = await selectOldDay(tx, { brandId, version: SUMS_VERSION })
  if (day === null) return 0
  await letTakeLong(tx)
  const month = day.slice(0, 7)
  const days = { from: `${month}-01`, to: `${nextMonth(month)}-01` }
  await replaceMonths(tx, { brandId, ...days })
  await updateVersion(tx, { brandId, days, since: KEYED_SINCE, version: SUMS_VERSION })
  return MOST
}

async function sumDay(tx: Tx, { brandId, zone, day }: Brand & { day: string }): Promise<void> {
  await sumCells(tx, { brandId, zone, cells: PARTS.map((part): Cell => ({ part, day, storeCode: null, links: null })) })
  await updateVersion(tx, { brandId, days: { from: day, to: addDays(day, 1) }, since: 0, version: KEYED_SINCE })
}

/** For statements over whole days, of which a big brand has millions of rows; compiled they take no less. */
async function letTakeLong(tx: Tx): Promise<void> {
  await tx`SET LOCAL statement_timeout = ${tx.unsafe(String(DAYS_MS))}`
  await tx`SET LOCAL work_mem = ${tx.unsafe(`'${DAYS_MEMORY}'`)}`
  await tx`SET LOCAL jit = off`
}

interface CountedDay {
  day: string
  count: number
}

const thingsIn = (days: readonly CountedDay[]) => days.reduce((sum, { count }) => sum + count, 0)

/** Days that are summed together: small ones are many. */
function inPieces(days: readonly CountedDay[], most: number): CountedDay[][] {
  const pieces: CountedDay[][] = []
  let count = Infinity
  for (const one of days) {
    if (count + one.count > most) {
      pieces.push([])
      count = 0
    }
    pieces.at(-1)!.push(one)
    count += one.count
  }
  return pieces
}

/**
 * @param options.before days from then on are still to be summed as a whole, and are left for that
 * @returns how many things they spoke of
 */
async function sumMarks(tx: Tx, { brandId, zone, before }: Brand & { before: string | null }): Promise<number> {
  const spokenOf = async (most: number) => {
    const marks = await selectMarks(tx, { brandId, most })
    const markIds = marks.map(mark => mark.markId)
    const marked = { brandId, zone, markIds }
    const wins = marks.length === 0 ? [] : await selectWins(tx, marked)
    const cells = marks.length === 0 ? [] : withWholeWins(await selectCells(tx, marked), wins)
    return { markIds, cells, wins, count: marks.reduce((count, mark) => count + mark.keys.length, 0) }
  }
  let taken = await spokenOf(MOST)
  if (taken.count >= MOST) {
    const more = await spokenOf(MANY)
    if (more.cells.length <= Math.max(MANY_CELLS * taken.cells.length, MOST)) taken = more
  }
  if (taken.count === 0) return 0
  const isSummed = ({ day }: { day: string }) => before === null || day < before
  const cells = taken.cells.filter(isSummed)
  await sumCells(tx, { brandId, zone, cells })
  await addWinners(tx, { brandId, zone, wins: winsBeside(cells, taken.wins.filter(isSummed)) })
  await deleteMarks(tx, { brandId, markIds: taken.markIds })
  return taken.count
}

async function sumCells(tx: Tx, { brandId, zone, cells }: Brand & { cells: readonly Cell[] }): Promise<void> {
  for (const part of PARTS) {
    const summing = { brandId, zone, cells: cells.filter(cell => cell.part === part) }
    if (summing.cells.length === 0) continue
    await replaceSums(tx, part, summing)
    for (const kind of kindsOf(part)) await replacePeople(tx, kind, summing)
  }
}

/** Sums everything that is to be summed; how long that takes is nobody's concern. */
export async function sumAll(pool: Pool, asked: Asked): Promise<void> {
  while ((await sumStep(pool, asked)) > 0);
}

/**
 * Makes all sums of a brand anew and holds them against those that are kept; what differs is put right. Many days at a
 * time, in one view of the database, so it may run while the service works.
 *
 * @param options.onStep before that, while something was never summed: of how many lots of days that is so
 * @param options.onDays after each time: how many rows of its days differed, and which part of all was looked through
 * @returns how many rows differed; 0 unless something was forgotten to be marked
 */
export async function rebuildSums(
  pool: Pool,
  options: Asked & {
    onStep?: (lotsLeft: number) => void
    onDays?: (checked: Checked) => void
    isStopped?: () => boolean
  },
): Promise<{ days: number; differing: number }> {
  const { brandId, zone, daysMost = DAYS_MOST, onStep, onDays, isStopped = () => false } = options
  while (!isStopped() && (await sumStep(pool, options)) > 0) onStep?.(await countDaysToSum(pool, { brandId }))
  if (isStopped()) return { days: 0, differing: 0 }
  const all = await transact(pool, async tx => {
    await letTakeLong(tx)
    return await selectDays(tx, { brandId, zone })
  })
  const pieces = inPieces(all, daysMost)
  let [days, differing, looked] = [0, 0, 0]
  for (const [i, piece] of pieces.entries()) {
    if (isStopped()) break
    const from = piece[0]!.day
    const to = pieces[i + 1]?.[0]?.day ?? null
    const count = await alone(pool, { brandId, zone }, async tx => {
      const found = await countDiffering(tx, { brandId, zone, days: { from, to } })
      if (found > 0) for (const { day } of piece) await replaceDay(tx, { brandId, zone, day })
      return found
    })
    days += piece.length
    differing += count
    looked += thingsIn(piece)
    onDays?.({ from, last: piece.at(-1)!.day, differing: count, part: looked / thingsIn(all) })
  }
  for (const { kind } of isStopped() ? [] : PEOPLE) {
    differing += await alone(pool, { brandId, zone }, async tx => {
      const count = await countDifferingGaps(tx, { brandId, kind })
      if (count > 0) await replaceGaps(tx, { brandId, kind })
      return count
    })
  }
  for (const rebuild of isStopped() ? [] : [rebuildKeyMonths, rebuildMonths]) {
    differing += await alone(pool, { brandId, zone }, async tx => await rebuild(tx, brandId))
  }
  return { days, differing }
}

async function rebuildMonths(tx: Tx, brandId: number): Promise<number> {
  let differing = 0
  for (const of of MONTH_PARTS) differing += await countDifferingMonths(tx, of, { brandId })
  if (differing > 0) await replaceMonths(tx, { brandId, from: '-infinity', to: 'infinity' })
  return differing
}

async function rebuildKeyMonths(tx: Tx, brandId: number): Promise<number> {
  let differing = 0
  for (const part of KEYED_PARTS) differing += await countDifferingKeyMonths(tx, part, { brandId })
  if (differing > 0) await replaceKeyMonths(tx, { brandId, from: null })
  return differing
}

/** Days that were looked through together. */
export interface Checked {
  from: string
  last: string
  differing: number
  part: number
}

/** In one view of the database in which everything is summed that marks speak of; waits for who does that already. */
async function alone(pool: Pool, brand: Brand, work: (tx: Tx) => Promise<number>): Promise<number> {
  for (;;) {
    const done = await transact(pool, async tx => {
      await tx`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ`
      if (!(await takeTurn(tx, brand))) return null
      await letTakeLong(tx)
      while ((await sumMarks(tx, { ...brand, before: null })) > 0);
      return await work(tx)
    })
    if (done !== null) return done
    await sleep(50)
  }
}

/** Of whole days. */
async function countDiffering(tx: Tx, summing: SummingDays): Promise<number> {
  let differing = 0
  for (const part of PARTS) {
    differing += await countDifferingFigures(tx, part, summing)
    differing += await countDifferingTotals(tx, part, summing)
    differing += await countDifferingPay(tx, part, summing)
    differing += await countDifferingAssociates(tx, part, summing)
    differing += await countDifferingKeys(tx, part, summing)
    for (const kind of kindsOf(part)) differing += await countDifferingPeople(tx, part, kind, summing)
  }
  return differing
}

/** Only where it differs: of a chain's day it takes seconds. */
async function replaceDay(tx: Tx, { brandId, zone, day }: Brand & { day: string }): Promise<void> {
  const summing = { brandId, zone, days: { from: day, to: addDays(day, 1) } }
  if ((await countDiffering(tx, summing)) === 0) return
  await sumDay(tx, { brandId, zone, day })
  await replaceKeyDay(tx, summing)
}
