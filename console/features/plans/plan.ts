import type { PlanContent } from '../../../server/features/commissions/schema.ts'

/** A plan as it is worked on: any part may be missing yet. Pure. */

export type PlanRule = PlanContent['rules'][number]
export type When = NonNullable<PlanRule['when']>
export type WhenKey = keyof When
export type Tiers = NonNullable<PlanContent['monthlyTiers']>
export type TierStep = Tiers['steps'][number]
export type Reward = NonNullable<PlanContent['rewards']>[number]
export type RewardWhen = NonNullable<Reward['when']>
export type Attribution = PlanContent['attribution']

export type DraftRule = Partial<PlanRule>
export type DraftTiers = Partial<Omit<Tiers, 'steps'>> & { steps?: Partial<TierStep>[] }
export type DraftReward = Partial<Reward>
export type DraftPlan = Partial<
  Omit<PlanContent, 'rules' | 'monthlyTiers' | 'rewards' | 'attribution'> & {
    attribution: Partial<Attribution>
    rules: DraftRule[]
    monthlyTiers: DraftTiers
    rewards: DraftReward[]
  }
>

/** What the service says of a version beside its content. */
export interface PublishedPlan extends PlanContent {
  retroactive: boolean
  publishedAt: string
  publishedBy: string
  withdrawnAt?: string
  withdrawnBy?: string
}

const contentKeys: readonly (keyof PlanContent)[] = [
  'code',
  'version',
  'effectiveFrom',
  'effectiveTo',
  'attribution',
  'holdDays',
  'holdFrom',
  'sameAssociate',
  'lineCapBps',
  'rules',
  'monthlyTiers',
  'rewards',
]

/** What the plan itself says, without who published it. */
export function contentOf(plan: DraftPlan): DraftPlan {
  return Object.fromEntries(contentKeys.flatMap(key => (plan[key] == null ? [] : [[key, plan[key]]])))
}

/** The value without what is empty: a condition without values says nothing. */
export function withoutEmpty<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).filter(([, entry]) => entry !== undefined && entry !== null && entry !== ''),
  ) as T
}

/** The version after the last one of a code. */
export function nextVersion(plans: readonly Pick<PlanContent, 'code' | 'version'>[], code: string): number {
  return Math.max(0, ...plans.filter(plan => plan.code === code).map(plan => plan.version)) + 1
}

/** An id that no rule or reward has yet. */
export function freeId(plan: DraftPlan, stem: string): string {
  const taken = new Set([...(plan.rules ?? []), ...(plan.rewards ?? [])].map(({ id }) => id))
  for (let n = 1; ; n++) if (!taken.has(`${stem}-${n}`)) return `${stem}-${n}`
}

export type Standing = 'inForce' | 'coming' | 'past' | 'withdrawn'

/** Later start, then greater version, then greater code: all codes share one timeline. */
const outranks = (a: PublishedPlan, b: PublishedPlan) =>
  Date.parse(a.effectiveFrom) - Date.parse(b.effectiveFrom) || a.version - b.version || (a.code > b.code ? 1 : -1)

export function planInForce(plans: readonly PublishedPlan[], at: number): PublishedPlan | null {
  const covering = plans.filter(
    plan =>
      plan.withdrawnAt === undefined &&
      Date.parse(plan.effectiveFrom) <= at &&
      (plan.effectiveTo == null || at < Date.parse(plan.effectiveTo)),
  )
  return covering.sort(outranks).at(-1) ?? null
}

/** Where a version stands at an instant; newest start first. */
export function byStanding(plans: readonly PublishedPlan[], at: number): Record<Standing, PublishedPlan[]> {
  const current = planInForce(plans, at)
  const found: Record<Standing, PublishedPlan[]> = { inForce: [], coming: [], past: [], withdrawn: [] }
  for (const plan of [...plans].sort((a, b) => outranks(b, a))) {
    if (plan.withdrawnAt !== undefined) found.withdrawn.push(plan)
    else if (plan === current) found.inForce.push(plan)
    else if (Date.parse(plan.effectiveFrom) > at) found.coming.push(plan)
    else found.past.push(plan)
  }
  return found
}

/** JSON with sorted keys; what is empty is as if it were not there. */
export function plainText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(plainText).join()}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value)
    .filter(([, entry]) => entry !== undefined && entry !== null && plainText(entry) !== '{}')
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${plainText(entry)}`).join()}}`
}
