import type { Delivery } from '../../../server/features/webhooks/schema.ts'
import { page } from './messages.ts'

export const deliveryTones = { waiting: 'accent', delivered: 'good', given_up: 'warn' } as const

/** Why the last try failed, in words; null where it did not, or there was none. */
export function faultText({ fault, answerCode }: Delivery): string | null {
  if (fault === null) return null
  if (fault !== 'status') return page.value[fault]
  return `${page.value.fault_status} · ${page.value.answer(String(answerCode))}`
}
