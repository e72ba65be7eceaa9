import type { EarnEstimate } from '../../../server/features/catalogue/schema.ts'
import { formatFen, formatRate } from '../../lib/format.ts'
import { wordOfRole } from '../../lib/words.ts'
import { messages as m } from './messages.ts'

/** What a sale would earn, as one sentence: the amount, then each role with its rate, then what the cap took. */
export function describeEstimate(earn: EarnEstimate): string {
  if (earn.nothingBecause) return m.value[earn.nothingBecause]
  const parts = earn.parts.map(({ role, rateBps, perUnitFen }) =>
    rateBps === null
      ? m.value.earnPerUnit(wordOfRole(role), formatFen(perUnitFen ?? 0))
      : m.value.earnPart(wordOfRole(role), formatRate(rateBps)),
  )
  const capped = earn.cappedFromFen === null ? '' : m.value.earnCapped(formatFen(earn.cappedFromFen))
  return m.value.earn(formatFen(earn.earnFen)) + m.value.earnWhy(parts.join(m.value.earnJoin) + capped)
}
