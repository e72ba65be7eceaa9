import type { Statement } from './calls.ts'
import { page } from './messages.ts'

export const isPayable = ({ totalFen, carried }: Pick<Statement, 'totalFen' | 'carried'>): boolean =>
  totalFen > 0 && !carried

/** What became of a statement's payment, in words. */
export function paymentWord(statement: Pick<Statement, 'totalFen' | 'carried' | 'payment'>): string {
  if (statement.payment === 'paid') return page.value.markPaid
  if (statement.payment === 'failed') return page.value.markFailed
  return isPayable(statement) ? page.value.open : page.value.notPayable
}
