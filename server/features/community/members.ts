import type { Db } from '../../database.ts'
import type { Span } from '../../lib/calendar.ts'
import type { Instant } from '../../lib/time.ts'
import type { Scope } from '../auth/domain.ts'
import {
  selectIdsOf,
  selectOwnersOf,
  selectPurchases,
  selectTouchesOfIds,
  selectTouchesOfNumbers,
  type StoreMember,
} from './queries.ts'

const isWithin =
  ({ from, to }: Span) =>
  (at: Instant) =>
    at >= from && at < to

/**
 * How many of stores' members bought or touched something in each of some spans, by store. Evidence is read once for all
 * of them, and each statement asks for those alone whom the one before did not find in all.
 */
export async function countActive(
  db: Db,
  options: { brandId: number; scope: Scope; spans: readonly { members: readonly StoreMember[]; span: Span }[] },
): Promise<Map<string, number>[]> {
  const { brandId, scope, spans } = options
  const [froms, tos] = [spans.map(one => one.span.from), spans.map(one => one.span.to)]
  const whole = { from: Math.min(...froms), to: Math.max(...tos) }
  const isInEach = isWithin({ from: Math.max(...froms), to: Math.min(...tos) })
  const people = new Map(spans.flatMap(({ members }) => members.map(member => [member.buyer, member] as const)))
  const found = new Map<string, Instant[]>()
  const note = (buyer: string | undefined, at: Instant) => {
    if (buyer === undefined || !people.has(buyer)) return
    const times = found.get(buyer)
    if (times) times.push(at)
    else found.set(buyer, [at])
  }
  const others = () => [...people.values()].filter(({ buyer }) => !found.get(buyer)?.some(isInEach))

  for (const { buyer, at } of await selectPurchases(db, { brandId, scope, buyers: [...people.keys()], ...whole })) {
    note(buyer, at)
  }
  const byNumber = new Map(others().flatMap(({ buyer, numbers }) => numbers.map(number => [number, buyer] as const)))
  for (const { number, at } of await selectTouchesOfNumbers(db, { brandId, numbers: [...byNumber.keys()], ...whole })) {
    note(byNumber.get(number), at)
  }
  // Of the ids alone by which something was touched it is asked whose they are.
  const ids = await selectIdsOf(db, { brandId, numbers: others().flatMap(({ numbers }) => numbers) })
  const touched = await selectTouchesOfIds(db, { brandId, ids, ...whole })
  const idOf = ({ kind, value }: { kind: string; value: string }) => `${kind} ${value}`
  const touchedIds = [...new Map(touched.map(({ kind, value }) => [idOf({ kind, value }), { kind, value }])).values()]
  const owners = new Map((await selectOwnersOf(db, { brandId, ids: touchedIds })).map(one => [idOf(one), one.buyer]))
  for (const touch of touched) note(owners.get(idOf(touch)), touch.at)

  return spans.map(({ members, span }) =>
    countBy(members.filter(({ buyer }) => found.get(buyer)?.some(isWithin(span)) ?? false)),
  )
}

/** How many members each store has. */
export function countBy(members: readonly StoreMember[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { storeCode } of members) counts.set(storeCode, (counts.get(storeCode) ?? 0) + 1)
  return counts
}
