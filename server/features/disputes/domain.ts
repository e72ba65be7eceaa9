import type { Fen } from '../../lib/money.ts'
import type { Scope } from '../auth/domain.ts'
import type { AssociateRole, Attribution, OrderEvidence } from '../attribution/domain.ts'
import type { Decision } from '../commissions/domain.ts'

/** Who may dispute what, who decides, and what a decision would change: over plain values. */

export const OUTCOMES = ['upheld', 'rejected'] as const
export type Outcome = (typeof OUTCOMES)[number]

export const STATUSES = ['open', ...OUTCOMES, 'withdrawn'] as const
export type DisputeStatus = (typeof STATUSES)[number]

/** An order, as far as it says whose business it is. */
export interface DisputedOrder {
  evidence: Pick<OrderEvidence, 'order' | 'assignments' | 'members'>
  attribution: Attribution
}

/**
 * Whether an order is an associate's business although he may hold no role on it: sold in his store, bought by somebody
 * who is or was his customer, or after a touch of one of his links, counted or not.
 */
export function concerns(order: DisputedOrder, associate: { associateId: string; storeCode: string | null }): boolean {
  const { evidence, attribution } = order
  const { associateId, storeCode } = associate
  return (
    (storeCode !== null && evidence.order.sellingStore === storeCode) ||
    isCustomerOf(order, associateId) ||
    Object.values(attribution.holdings).some(holding => holding.holder === associateId) ||
    [...attribution.closers.values()].some(holding => holding.holder === associateId) ||
    attribution.candidates.some(candidate => candidate.associateId === associateId)
  )
}

/** Whether the buyer is or ever was an associate's: attributed to him at any time, or opened by him. */
export function isCustomerOf({ evidence, attribution }: DisputedOrder, associateId: string): boolean {
  const { buyer } = attribution
  if (!buyer) return false
  return (
    evidence.members.get(buyer.memberNo)?.openingAssociate === associateId ||
    evidence.assignments.some(assignment => assignment.attributedAssociate === associateId)
  )
}

/** Who holds a role on an order; only the closer may be several, of several lines. */
export function holdersOf({ holdings, closers }: Attribution, role: AssociateRole): (string | null)[] {
  const holders = role === 'closer' && closers.size > 0 ? [...closers.values()] : [holdings[role]]
  return [...new Set(holders.map(holding => holding.holder))]
}

/** Whether a role is all his, so that there is nothing to claim. */
export function isAllHis(attribution: Attribution, role: AssociateRole, associateId: string): boolean {
  return holdersOf(attribution, role).every(holder => holder === associateId)
}

/** What one payee is owed in one role, now and if a dispute were upheld. */
export interface Supposed {
  role: string
  payeeKind: string
  payee: string
  nowFen: Fen
  upheldFen: Fen
}

/** Both decisions side by side, by role and payee over all lines; what is the same in both as well. */
export function sideBySide(now: Decision, upheld: Decision): Supposed[] {
  const rows = new Map<string, Supposed>()
  const add = (decision: Decision, column: 'nowFen' | 'upheldFen') => {
    for (const { role, payeeKind, payee, amountFen } of decision.entitlements) {
      const key = JSON.stringify([role, payeeKind, payee])
      const row = rows.get(key) ?? { role, payeeKind, payee, nowFen: 0, upheldFen: 0 }
      row[column] += amountFen
      rows.set(key, row)
    }
  }
  add(now, 'nowFen')
  add(upheld, 'upheldFen')
  return [...rows.values()]
}

/** An associate whose part of an order hangs on a dispute. */
export interface Party {
  associateId: string
  /** Where he works now. */
  storeCode: string | null
  /** Upholding it would take something from him: the role, or money. */
  loses: boolean
}

/**
 * Everybody whose part of an order hangs on a dispute: who filed it, who holds the role that he claims, and whose pay
 * would change.
 */
export function partiesOf(
  dispute: { role: AssociateRole; associateId: string },
  now: Decision,
  upheld: Decision,
): Omit<Party, 'storeCode'>[] {
  const changes = new Map<string, Fen>([[dispute.associateId, 0]])
  for (const { payeeKind, payee, nowFen, upheldFen } of sideBySide(now, upheld)) {
    if (payeeKind !== 'associate' || nowFen === upheldFen) continue
    changes.set(payee, (changes.get(payee) ?? 0) + upheldFen - nowFen)
  }
  const holders = holdersOf(now.attribution, dispute.role).filter(holder => holder !== null)
  return [...new Set([...changes.keys(), ...holders])].map(associateId => ({
    associateId,
    loses:
      associateId !== dispute.associateId && (holders.includes(associateId) || (changes.get(associateId) ?? 0) < 0),
  }))
}

/** The stores that would be owed less for an order, or bear more of it, if a dispute were upheld. */
export function storesThatLose(now: Decision, upheld: Decision): string[] {
  const gains = new Map<string, Fen>()
  const add = (storeCode: string, amountFen: Fen) => gains.set(storeCode, (gains.get(storeCode) ?? 0) + amountFen)
  const count = (decision: Decision, sign: 1 | -1) => {
    for (const { payeeKind, payee, bearerKind, bearer, amountFen } of decision.entitlements) {
      if (payeeKind === 'store') add(payee, sign * amountFen)
      if (bearerKind === 'store') add(bearer, -sign * amountFen)
    }
  }
  count(upheld, 1)
  count(now, -1)
  return [...gains].filter(([, gainFen]) => gainFen < 0).map(([storeCode]) => storeCode)
}

/** What hangs on a dispute. */
export interface Stakes {
  parties: readonly Party[]
  /** As `storesThatLose`. */
  losingStores: readonly string[]
}

/** Why somebody may not decide a dispute. */
export type Refusal = 'not_his_store' | 'his_own' | 'takes_from_others'

/**
 * Whether somebody may decide a dispute so, and why not.
 *
 * Nobody decides what his own pay hangs on, not even headquarters. A manager or franchisee decides the disputes of his
 * own stores' people; where upholding one would take from another store or its people, for which he does not answer,
 * headquarters decides.
 *
 * @param decider `associateId` is null for an API key
 * @param storeCode the store of whoever filed it, when he did
 * @returns null where he may
 */
export function refusalToDecide(
  decider: { associateId: string | null; scope: Scope },
  storeCode: string | null,
  { parties, losingStores }: Stakes,
  outcome: Outcome,
): Refusal | null {
  const { associateId, scope } = decider
  if (associateId !== null && parties.some(party => party.associateId === associateId)) return 'his_own'
  if (scope.reach === 'brand') return null
  const isOwn = (code: string | null) => scope.reach === 'stores' && code !== null && scope.storeCodes.includes(code)
  if (!isOwn(storeCode)) return 'not_his_store'
  const losers = [...parties.filter(party => party.loses).map(party => party.storeCode), ...losingStores]
  return outcome === 'upheld' && !losers.every(isOwn) ? 'takes_from_others' : null
}

/** Enough of a name to know one's own customer by. */
export function maskName(name: string): string {
  const [first] = name
  return first === undefined ? '' : `${first}**`
}
