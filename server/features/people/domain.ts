import type { DatedEntry } from '../../../drizzle/schema/stores.ts'
import { valueInForce } from '../../lib/dated.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { readHistory, type KeptEmployment } from '../stores/domain.ts'

/** What a change of a store or an associate does to commission, over plain values. */

export type EffectName = 'type' | 'region' | 'franchiseeId' | 'kind' | 'employment' | 'memberNo' | 'invitedBy'

export interface PlainEffect {
  what: EffectName
  before: string | null
  after: string | null
  from: Instant | null
  until: Instant | null
}

/** What was added to a kept history: each value, what it takes the place of, and until when. */
export function effectsOfHistory(
  what: EffectName,
  before: readonly DatedEntry[],
  after: readonly DatedEntry[],
): PlainEffect[] {
  const [old, all] = [readHistory<string>(before), readHistory<string>(after)]
  return all.slice(old.length).map(({ value, from }) => {
    const later = all.flatMap(entry => (entry.from !== null && entry.from > (from ?? -Infinity) ? [entry.from] : []))
    return {
      what,
      before: old.length === 0 ? null : valueInForce(old, from ?? 0),
      after: value,
      from,
      until: later.length === 0 ? null : Math.min(...later),
    }
  })
}

const bounds = ({ activeFrom, activeTo }: KeptEmployment) => ({
  from: parseInstant(activeFrom)!,
  to: activeTo === null ? Infinity : parseInstant(activeTo)!,
})
const worksAt = (spells: readonly KeptEmployment[], at: Instant) =>
  spells.map(bounds).some(({ from, to }) => from <= at && at < to)

/** From when on somebody's work is another than before; null where it is the same. */
export function workChangesFrom(before: readonly KeptEmployment[], after: readonly KeptEmployment[]): Instant | null {
  const turns = [...before, ...after].map(bounds).flatMap(({ from, to }) => [from, to])
  const different = turns.filter(at => at !== Infinity && worksAt(before, at) !== worksAt(after, at))
  return different.length === 0 ? null : Math.min(...different)
}

/** The spells as a text, so that they are shown beside each other. */
export const spellsText = (spells: readonly KeptEmployment[]): string | null =>
  spells.length === 0 ? null : spells.map(({ activeFrom, activeTo }) => `${activeFrom}/${activeTo ?? ''}`).join(' ')

/** Of the spells of work the one that counts for a list: the present one, else the last that was told. */
export function spellOf(spells: readonly KeptEmployment[], now: Instant) {
  const present = spells.find(spell => worksAt([spell], now))
  const shown = present ?? spells.at(-1)
  return {
    activeFrom: shown ? formatInstant(parseInstant(shown.activeFrom)!) : null,
    activeTo: shown?.activeTo ? formatInstant(parseInstant(shown.activeTo)!) : null,
    work: present
      ? ('active' as const)
      : shown && parseInstant(shown.activeFrom)! > now
        ? ('coming' as const)
        : ('left' as const),
  }
}
