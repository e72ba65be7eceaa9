import type { Db } from '../../database.ts'
import type { Span } from '../../lib/calendar.ts'
import type { Scope } from '../auth/domain.ts'
import {
  selectIdsOf,
  selectIdsThatTouched,
  selectOwnersOf,
  selectWhoBought,
  selectWhoTouched,
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
  const others = () => members.map(member => member.buyer).filter(buyer => !active.has(buyer))
  for (const buyer of await selectWhoBought(db, { brandId, scope, buyers: others(), ...span })) active.add(buyer)
  for (const buyer of await selectWhoTouched(db, { brandId, buyers: others(), ...span })) active.add(buyer)
  // Of the ids alone by which something was touched it is asked whose they are.
  const ids = await selectIdsOf(db, { brandId, buyers: others() })
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
