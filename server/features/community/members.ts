import type { Db } from '../../database.ts'
import type { Span } from '../../lib/calendar.ts'
import type { Scope } from '../auth/domain.ts'
import {
  selectIdsOf,
  selectIdsThatTouched,
  selectNumbersThatTouched,
  selectOwnersOf,
  selectWhoBought,
  type StoreMember,
} from './queries.ts'

/**
 * How many of stores' members bought or touched something in a span, by store. Each statement asks for those alone whom
 * the one before did not find.
 */
export async function countActive(
  db: Db,
  options: { brandId: number; scope: Scope; members: readonly StoreMember[]; span: Span },
): Promise<Map<string, number>> {
  const { brandId, scope, members, span } = options
  const active = new Set<string>()
  const others = () => members.filter(member => !active.has(member.buyer))
  const numbers = () => others().flatMap(member => member.numbers)
  const buyers = members.map(member => member.buyer)
  for (const buyer of await selectWhoBought(db, { brandId, scope, buyers, ...span })) active.add(buyer)
  const touchedBy = new Set(await selectNumbersThatTouched(db, { brandId, numbers: numbers(), ...span }))
  for (const { buyer, numbers } of others()) if (numbers.some(number => touchedBy.has(number))) active.add(buyer)
  // Of the ids alone by which something was touched it is asked whose they are.
  const ids = await selectIdsOf(db, { brandId, numbers: numbers() })
  const touched = await selectIdsThatTouched(db, { brandId, ids, ...span })
  for (const buyer of await selectOwnersOf(db, { brandId, ids: touched })) active.add(buyer)
  return countBy(members.filter(member => active.has(member.buyer)))
}

/** How many members each store has. */
export function countBy(members: readonly StoreMember[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { storeCode } of members) counts.set(storeCode, (counts.get(storeCode) ?? 0) + 1)
  return counts
}
