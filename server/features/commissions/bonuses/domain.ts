import { exactNumber, type Fen } from '../../../lib/money.ts'
import type { Role } from '../../attribution/domain.ts'
import type { Decision, MonthlyTiers, Plan, TierStep } from '../domain.ts'

/** The monthly tiers: pure, as `decide` is. The rules are docs/commission.md, "Monthly tiers". */

/**
 * What an order adds to each associate's basis of its month: the net of its lines on which he holds one of the roles
 * that the order's own plan counts. Holding suffices, whether or not a rule pays; a line counts once.
 */
export function basesOf(decision: Decision, plan: Plan | null): Map<string, Fen> {
  const bases = new Map<string, Fen>()
  const roles = plan?.monthlyTiers?.roles
  if (!roles) return bases
  const counts = (role: Role) => (roles as readonly Role[]).includes(role)
  for (const line of decision.lines) {
    if (line.netFen === 0) continue
    for (const [i, { role, payee }] of line.roles.entries()) {
      if (!counts(role) || line.roles.some((other, k) => k < i && other.payee === payee && counts(other.role))) continue
      bases.set(payee, (bases.get(payee) ?? 0) + line.netFen)
    }
  }
  return bases
}

export interface Bonus {
  amountFen: Fen
  /** Which step the basis reaches, counted from 0. */
  step: number
  stepRateBps: number
  /** Where the next step begins; null where the last is reached. */
  nextStepFromFen: Fen | null
  nextStepRateBps: number | null
}

/**
 * The bonus of a month. `marginal` pays each step's rate on the part of the basis within it, `whole` the reached
 * step's rate on all of it; rounded half up once, at the end.
 *
 * @param basisFen 0 or more; may pass 2^53 as a sum of a month
 * @param targetFen the associate's target of the month, which steps by attainment are measured by; null: none told
 * @returns null where steps go by attainment and there is no target: no bonus
 */
export function monthlyBonus(basisFen: bigint, tiers: MonthlyTiers, targetFen: Fen | null): Bonus | null {
  const starts: bigint[] = []
  for (const step of tiers.steps) {
    const start = startOf(step, targetFen)
    if (start === null) return null
    starts.push(start)
  }
  let step = 0
  for (const [i, start] of starts.entries()) if (basisFen >= start) step = i
  const rates = tiers.steps.map(({ rateBps }) => BigInt(rateBps))
  let product = 0n
  if (tiers.mode === 'whole') {
    product = basisFen * rates[step]!
  } else {
    for (const [i, start] of starts.entries()) {
      const end = starts[i + 1] ?? basisFen
      const within = (basisFen < end ? basisFen : end) - start
      if (within > 0n) product += within * rates[i]!
    }
  }
  const next = starts[step + 1]
  return {
    amountFen: exactNumber((product * 2n + 10_000n) / 20_000n),
    step,
    stepRateBps: tiers.steps[step]!.rateBps,
    nextStepFromFen: next === undefined ? null : exactNumber(next),
    nextStepRateBps: tiers.steps[step + 1]?.rateBps ?? null,
  }
}

/** A step starts at its fromFen, or at ⌈target × fromAttainmentBps / 10000⌉. */
function startOf(step: TierStep, targetFen: Fen | null): bigint | null {
  if (step.fromFen !== undefined) return BigInt(step.fromFen)
  if (targetFen === null) return null
  return (BigInt(targetFen) * BigInt(step.fromAttainmentBps ?? 0) + 9_999n) / 10_000n
}
