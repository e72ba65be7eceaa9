import type { Effect } from '../../../server/features/people/schema.ts'
import { formatCount } from '../../../sidebar/lib/format.ts'
import { page } from './messages.ts'

/** What a change does to commission, said before it is saved. */
export function sentenceOf(
  { what, before, after, from, until, orders }: Effect,
  moment: (at: string) => string,
): string {
  const many =
    orders === null || orders === 0
      ? page.value.orders_0
      : orders > 1000
        ? page.value.ordersMany
        : page.value.ordersSome(formatCount(orders))
  if (what === 'employment') return page.value.employmentChanges(moment(from!)) + many
  const names = {
    type: page.value.type,
    region: page.value.region,
    franchiseeId: page.value.franchiseeId,
    kind: page.value.kind,
    memberNo: page.value.memberNo,
    invitedBy: page.value.invitedBy,
  }
  const change = page.value.becomes(names[what], wordOf(what, before), wordOf(what, after))
  if (from === null) return change + page.value.decidedAll + many
  const span = until === null ? page.value.since(moment(from)) : page.value.sinceUntil(moment(from), moment(until))
  return change + page.value.decided(span) + many
}

/** A kept value in words. */
export function wordOf(what: string, value: string | null): string {
  if (value === null || value === '') return page.value.nothingKept
  const texts = page.value as unknown as Record<string, string | undefined>
  if (what === 'kind') return texts[`kind_${value}`] ?? value
  if (what === 'role') return texts[`role_${value}`] ?? value
  return what === 'type' || what === 'payeeType' ? (texts[value] ?? value) : value
}
