import type { DatedEntry } from '../../../drizzle/schema/stores.ts'
import { tell, type DatedValue } from '../../lib/dated.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'

/** A dated history as it is kept: instants as text. */
export const readHistory = <T extends string>(entries: readonly DatedEntry[]): DatedValue<T>[] =>
  entries.map(entry => ({
    value: entry.value as T | null,
    from: entry.from === null ? null : parseInstant(entry.from),
  }))

/** What was told, added to a kept history; see `tell`. */
export function tellKept(
  entries: readonly DatedEntry[],
  value: string | null | undefined,
  effectiveFrom: string | undefined,
  now: Instant,
): DatedEntry[] {
  const from = effectiveFrom === undefined ? null : parseInstant(effectiveFrom)
  return tell(readHistory<string>(entries), value, from, now).map(entry => ({
    value: entry.value,
    from: entry.from === null ? null : formatInstant(entry.from),
  }))
}

export interface KeptEmployment {
  activeFrom: string
  activeTo: string | null
}

/**
 * The spells of work after `activeFrom` and `activeTo` were told.
 *
 * An `activeFrom` that a spell begins with speaks of that spell, so that an item sent again changes nothing. One at or
 * after a told end opens another spell; any other corrects the start of the last. undefined says nothing, a null
 * `activeTo` takes an end back.
 */
export function tellEmployment(
  spells: readonly KeptEmployment[],
  activeFrom: string | undefined,
  activeTo: string | null | undefined,
): KeptEmployment[] {
  const from = activeFrom === undefined ? undefined : formatInstant(parseInstant(activeFrom)!)
  const to = activeTo == null ? activeTo : formatInstant(parseInstant(activeTo)!)
  const last = spells.at(-1)
  if (!last) return from === undefined ? [] : [{ activeFrom: from, activeTo: to ?? null }]
  const told = (spell: KeptEmployment): KeptEmployment => ({
    activeFrom: from ?? spell.activeFrom,
    activeTo: to === undefined ? spell.activeTo : to,
  })
  const known = from === undefined ? undefined : spells.find(spell => spell.activeFrom === from)
  if (known) return spells.map(spell => (spell === known ? told(spell) : spell))
  if (from !== undefined && last.activeTo !== null && from >= last.activeTo) {
    return [...spells, { activeFrom: from, activeTo: to ?? null }]
  }
  return [...spells.slice(0, -1), told(last)]
}
