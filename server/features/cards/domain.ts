import { maskPhone } from '../members/domain.ts'
import type { AssociateRole } from '../attribution/domain.ts'
import type { Plan } from '../commissions/domain.ts'
import type { View } from '../customers/domain.ts'
import type { AttributionReason, RolePay } from './schema.ts'

/** What a card makes of plain values. */

/** What some rule of a plan pays a role, over all that its rules ask for. */
export function rolePay(plan: Plan, role: AssociateRole): RolePay {
  const rules = plan.rules.filter(rule => rule.role === role)
  const rates = rules.map(rule => rule.rateBps ?? 0).filter(rateBps => rateBps > 0)
  return {
    pays: rates.length > 0 || rules.some(rule => (rule.perUnitFen ?? 0) > 0),
    fromBps: rates.length > 0 ? Math.min(...rates) : null,
    toBps: rates.length > 0 ? Math.max(...rates) : null,
  }
}

const EVENTS: readonly string[] = ['enrol', 'friend_added', 'first_purchase'] satisfies AttributionReason[]

/** A reason as told: one of the binding policy's events, or words. */
export function reasonOf(told: string | null): { reason: AttributionReason; reasonText: string | null } {
  return told !== null && EVENTS.includes(told)
    ? { reason: told as AttributionReason, reasonText: null }
    : { reason: 'assigned', reasonText: told }
}

/** Several views of one thing. */
export interface SeenThing extends View {
  count: number
}

/** One entry for each thing that was looked at, with its latest view; the latest first. `views` come latest first. */
export function thingsSeen(views: readonly View[]): SeenThing[] {
  const things = new Map<string, SeenThing>()
  for (const view of views) {
    const key = JSON.stringify([view.kind, view.ref])
    const thing = things.get(key)
    if (thing) thing.count += 1
    else things.set(key, { ...view, count: 1 })
  }
  return [...things.values()]
}

/** Half up to the fen. */
export const averageFen = (sumFen: number, count: number): number | null =>
  count === 0 ? null : Number((BigInt(sumFen) * 2n + BigInt(count)) / (2n * BigInt(count)))

export const maskedPhone = (phone: string | null): string | null => (phone === null ? null : maskPhone(phone))
