import type { Transfer } from '../../../server/features/transfers/schema.ts'

/** In the order of what becomes of one; `isBad`: somebody should look at it. */
export const states = ['done', 'asked', 'waiting', 'refused', 'taker_full', 'failed'] as const
export type State = (typeof states)[number]
export const retried = ['failed', 'taker_full', 'refused'] as const

export const totalOf = (counts: Transfer['customers']): number => states.reduce((sum, state) => sum + counts[state], 0)

export const unsuccessful = (transfer: Transfer): number =>
  retried.reduce((sum, state) => sum + transfer.customers[state] + transfer.groups[state], 0)
