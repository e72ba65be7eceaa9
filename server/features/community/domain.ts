import type { Bps, Fen } from '../../lib/money.ts'

/** What a store's community comes to: rules over plain values. */

/** Counts and sums of one store and span. A ratio over 0 is null. */
export interface Figures {
  /** Whose home store it is at the span's end. */
  members: number
  newMembers: number
  /** With a touch or an order in the 30 days before the span's end. */
  activeMembers: number
  activeBps: Bps | null
  friends: number
  friendsAdded: number
  friendsLost: number
  groups: number
  groupMembers: number
  groupJoined: number
  groupLeft: number
  /** What the members bought: the sum of the three after it. */
  netSalesFen: Fen
  hereFen: Fen
  othersFen: Fen
  onlineFen: Fen
  orders: number
  buyers: number
  repeatBuyers: number
  repeatBps: Bps | null
  boughtElsewhere: number
  elsewherePaidFen: Fen
  associatesCommissionFen: Fen
}

/** A day of them. What stood at its end is null where no snapshot was taken. */
export interface DayFigures {
  /** `YYYY-MM-DD` */
  day: string
  newMembers: number
  friendsAdded: number
  friendsLost: number
  groupJoined: number
  groupLeft: number
  netSalesFen: Fen
  hereFen: Fen
  othersFen: Fen
  onlineFen: Fen
  orders: number
  buyers: number
  elsewherePaidFen: Fen
  associatesCommissionFen: Fen
  members: number | null
  activeMembers: number | null
  friends: number | null
  groups: number | null
  groupMembers: number | null
}

export const FIGURES = [
  'members',
  'newMembers',
  'activeMembers',
  'activeBps',
  'friends',
  'friendsAdded',
  'friendsLost',
  'groups',
  'groupMembers',
  'groupJoined',
  'groupLeft',
  'netSalesFen',
  'hereFen',
  'othersFen',
  'onlineFen',
  'orders',
  'buyers',
  'repeatBuyers',
  'repeatBps',
  'boughtElsewhere',
  'elsewherePaidFen',
  'associatesCommissionFen',
] as const satisfies readonly (keyof Figures)[]

/** How long before the span's end a touch or an order makes a member active. */
export const ACTIVE_DAYS = 30

/** A part in basis points, rounded half up; null over 0. */
export const ratioBps = (part: number, whole: number): Bps | null =>
  whole === 0 ? null : Math.floor((2 * part * 10_000 + whole) / (2 * whole))

/** Stores with fewer members say little of a region. */
const MEDIAN_MEMBERS_MIN = 30
/** With fewer stores than this the median would tell somebody what a store that is not his own makes. */
const MEDIAN_STORES_MIN = 3

export type Median = { stores: number } & { [Name in keyof Figures]: number | null }

/**
 * The middle of each figure over a region's stores with at least 30 members; of an even number of stores half way between
 * the two in the middle, whole fen and basis points rounded half up.
 *
 * @param isOpen whether whoever asks may see each of these stores anyway
 * @returns null where there is no such store, or too few to keep a single one's figures from him
 */
export function medianOf(region: readonly Figures[], { isOpen }: { isOpen: boolean }): Median | null {
  const stores = region.filter(figures => figures.members >= MEDIAN_MEMBERS_MIN)
  if (stores.length === 0 || (!isOpen && stores.length < MEDIAN_STORES_MIN)) return null
  const median = (name: keyof Figures): number | null => {
    const values = stores.flatMap(figures => figures[name] ?? []).sort((a, b) => a - b)
    if (values.length === 0) return null
    const upper = values[Math.floor(values.length / 2)]!
    const lower = values[Math.ceil(values.length / 2) - 1]!
    const middle = lower + (upper - lower) / 2
    return /Fen$|Bps$/.test(name) ? Math.floor(middle + 0.5) : middle
  }
  return {
    stores: stores.length,
    ...(Object.fromEntries(FIGURES.map(name => [name, median(name)])) as Record<keyof Figures, number | null>),
  }
}

/** What WeCom counted on a day before the mirror began, or did not say. */
export interface CountedDay {
  day: string
  friendsAdded: number | null
  friendsLost: number | null
  groupMembers: number | null
  groupJoined: number | null
}

/**
 * How many left groups on a day: WeCom does not say, but how many were in them and how many came.
 *
 * @returns null where it cannot be told
 */
export function groupLeftOf(before: CountedDay | undefined, today: CountedDay): number | null {
  if (before?.groupMembers == null || today.groupMembers === null || today.groupJoined === null) return null
  return Math.max(0, before.groupMembers + today.groupJoined - today.groupMembers)
}
