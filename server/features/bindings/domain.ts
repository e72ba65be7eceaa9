import { compareBytes } from '../../lib/text.ts'
import { DAY_MS, type Instant } from '../../lib/time.ts'
import {
  assignmentInForce,
  BINDING_EVENTS,
  isActive,
  type Associate,
  type BindingEventKind,
  type MemberAssignment,
} from '../attribution/domain.ts'

/** Whose customer a person becomes by the brand's binding policy: pure. The rules are docs/commission.md, "Binding policy". */

export interface BindingPolicy {
  on: readonly BindingEventKind[]
  mode: 'first' | 'latest'
  /** In `latest`: for so long nobody else takes over. */
  protectDays: number
  /** For events from then on; null: for all. */
  effectiveFrom: Instant | null
}

/** What holds where nothing was told. */
export const NO_BINDING: BindingPolicy = { on: [], mode: 'first', protectDays: 0, effectiveFrom: null }

/** The policy that an event at this instant follows: of all that reach it the one told last. `policies` in the order told. */
export const policyAt = (policies: readonly BindingPolicy[], at: Instant): BindingPolicy =>
  policies.findLast(({ effectiveFrom }) => effectiveFrom === null || effectiveFrom <= at) ?? NO_BINDING

/** The policy in one spelling, so that telling it twice can be seen. */
export const plainPolicy = ({ on, mode, protectDays, effectiveFrom }: BindingPolicy): BindingPolicy => ({
  on: BINDING_EVENTS.filter(kind => on.includes(kind)),
  mode,
  protectDays,
  effectiveFrom,
})

/** Something that happened between a person and an associate. */
export interface BindingEvent {
  kind: BindingEventKind
  /** memberNo, associateId/externalUserid, or source/orderNo. */
  id: string
  at: Instant
  associateId: string
  /** Whose friend he was, where WeCom gave him to this associate. */
  givenBy?: readonly string[]
}

export interface DerivedAssignment {
  from: Instant
  associateId: string
  event: BindingEventKind
  eventId: string
}

/**
 * The assignments that follow from a person's events, oldest first. They are gone through by (at, kind, id), so it does
 * not matter when they were told.
 *
 * @param told what was told by API under any of his numbers; at one instant it comes before what an event makes
 * @param policies in the order told
 * @param associates all who are named above; whoever is missing is nobody
 */
export function replay({
  events,
  told,
  policies,
  associates,
}: {
  events: readonly BindingEvent[]
  told: readonly MemberAssignment[]
  policies: readonly BindingPolicy[]
  associates: ReadonlyMap<string, Pick<Associate, 'employments'>>
}): DerivedAssignment[] {
  const worksAt = (associateId: string, at: Instant) => {
    const associate = associates.get(associateId)
    return associate !== undefined && isActive(associate, at)
  }
  const toldAt = new Set(told.filter(entry => entry.attributedAssociate !== undefined).map(entry => entry.from))
  const derived: (DerivedAssignment & { began: Instant })[] = []

  /** Whose customer he is when an event happens: told or derived, whichever began last. null: nobody's. */
  const holderAt = (at: Instant): { associateId: string; began: Instant } | null => {
    const byEvent = derived.at(-1)
    const byTelling = assignmentInForce(told, 'attributedAssociate', at)
    if (byEvent && !(byTelling && byTelling.from > byEvent.from)) return byEvent
    return byTelling && byTelling.value !== null ? { associateId: byTelling.value, began: byTelling.from } : null
  }

  for (const event of [...events].sort(compareEvents)) {
    const { kind, id, at, associateId, givenBy } = event
    const policy = policyAt(policies, at)
    if (!policy.on.includes(kind) || !associates.has(associateId)) continue
    const from = takesEffect(event)
    if (toldAt.has(at) || toldAt.has(from)) continue
    const holder = holderAt(at)
    if (holder) {
      if (policy.mode === 'first') continue
      // A transfer moves the giver's customers, and nobody else's.
      if (givenBy && ![...givenBy, associateId].includes(holder.associateId)) continue
      const isProtected = at - holder.began < policy.protectDays * DAY_MS && worksAt(holder.associateId, at)
      if (isProtected) continue
    }
    while (derived.length > 0 && derived.at(-1)!.from >= from) derived.pop() // at one instant the last event holds
    derived.push({ from, associateId, event: kind, eventId: id, began: at })
  }
  return derived.map(({ began: _, ...assignment }) => assignment)
}

/** From the event on; a first purchase for what is paid after it. */
const takesEffect = ({ kind, at }: BindingEvent): Instant => (kind === 'first_purchase' ? at + 1 : at)

const compareEvents = (a: BindingEvent, b: BindingEvent) =>
  a.at - b.at || compareBytes(a.kind, b.kind) || compareBytes(a.id, b.id) || compareBytes(a.associateId, b.associateId)

/** What has to go and what has to come, that the kept assignments are the derived ones. */
export function differencesOf(
  kept: readonly DerivedAssignment[],
  derived: readonly DerivedAssignment[],
): { gone: DerivedAssignment[]; come: DerivedAssignment[]; changedFrom: Instant | null } {
  const missingIn = (others: readonly DerivedAssignment[], isSame: typeof isSameRow) => (one: DerivedAssignment) =>
    !others.some(other => isSame(one, other))
  const gone = kept.filter(missingIn(derived, isSameRow))
  const come = derived.filter(missingIn(kept, isSameRow))
  const changes = [...kept.filter(missingIn(derived, isSameHolder)), ...derived.filter(missingIn(kept, isSameHolder))]
  return { gone, come, changedFrom: changes.length === 0 ? null : Math.min(...changes.map(row => row.from)) }
}

const isSameHolder = (a: DerivedAssignment, b: DerivedAssignment) =>
  a.from === b.from && a.associateId === b.associateId

const isSameRow = (a: DerivedAssignment, b: DerivedAssignment) =>
  isSameHolder(a, b) && a.event === b.event && a.eventId === b.eventId
