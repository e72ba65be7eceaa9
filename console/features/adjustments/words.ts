import { formatFen } from '../../../sidebar/lib/format.ts'
import type { Adjustment } from './calls.ts'
import { accountName, page } from './messages.ts'

/** What an adjustment does, as a sentence: the sign in words. */
export function sentenceOf(
  one: Pick<Adjustment, 'payeeKind' | 'payee' | 'bearerKind' | 'bearer' | 'amountFen'>,
): string {
  const payee = accountName(one.payeeKind, one.payee)
  const bearer = accountName(one.bearerKind, one.bearer)
  return one.amountFen < 0
    ? page.value.takes(payee, formatFen(-one.amountFen), bearer)
    : page.value.gives(payee, formatFen(one.amountFen), bearer)
}

export const kindWord = (kind: string): string => (page.value as Record<string, unknown>)[kind] as string
export const statusTones = { proposed: 'warn', confirmed: 'good', rejected: 'plain' } as const
