import { DAY_MS, parseInstant, type Instant } from '../../lib/time.ts'
import type { Caller } from '../auth/domain.ts'
import type { KeptEmployment } from '../stores/domain.ts'

/** Who leaves, from when his members may be given to others, and who may give them: rules over plain values. */

/** Whoever leaves within so many days is on the list of leavers. */
export const LEAVING_DAYS = 30
export const soonAfter = (now: Instant): Instant => now + LEAVING_DAYS * DAY_MS

const spellAt = (spells: readonly KeptEmployment[], at: Instant) =>
  spells.find(
    ({ activeFrom, activeTo }) =>
      parseInstant(activeFrom)! <= at && (activeTo === null || at < parseInstant(activeTo)!),
  )

export const worksAt = (spells: readonly KeptEmployment[], at: Instant): boolean => spellAt(spells, at) !== undefined

/** Works here no more, or will not soon. */
export const isLeaver = (spells: readonly KeptEmployment[], now: Instant): boolean =>
  !worksAt(spells, now) || !worksAt(spells, soonAfter(now))

/**
 * From when a leaver's members may be the others': not while he works here and before now, since what he earned stays
 * his, and not after he and now are over, since nobody would look after them. null: without a bound.
 */
export function spanOfHandover(
  spells: readonly KeptEmployment[],
  now: Instant,
): { earliest: Instant | null; latest: Instant } {
  const current = spellAt(spells, now)
  if (current) return { earliest: now, latest: current.activeTo === null ? now : parseInstant(current.activeTo)! }
  const ends = spells
    .flatMap(({ activeTo }) => (activeTo === null ? [] : [parseInstant(activeTo)!]))
    .filter(end => end <= now)
  return { earliest: ends.length === 0 ? null : Math.max(...ends), latest: now }
}

/** What is undone is so from now on, and never at the instant of the handover itself: evidence is not rewritten. */
export const undoneFrom = (fromAt: Instant, now: Instant): Instant => Math.max(now, fromAt + 1)

/**
 * Between whose people somebody may move members: headquarters and keys all, a manager those of his store.
 *
 * @returns the stores; null: all; `nobody`: he may not
 */
export function storesToHandOver({ person, scope }: Caller): readonly string[] | null | 'nobody' {
  if (scope.reach === 'brand') return null
  return person?.role === 'manager' && scope.reach === 'stores' ? scope.storeCodes : 'nobody'
}
