import { contentHash } from '../../lib/items.ts'
import { compileCheck, type ValueFault } from '../../lib/validate.ts'
import { formatInstant, monthOf, monthStart, nextMonth, parseInstant, type Instant } from '../../lib/time.ts'
import { planInForce, type Plan } from './domain.ts'
import { PublishBody, type PlanContent } from './schema.ts'

/** Reading and checking plans: pure, so that an editor can show faults as one types. */

const checkShape = compileCheck(PublishBody)

/** Every fault of a plan, each by its path; empty where it can be published. */
export function faultsOfPlan(body: unknown): ValueFault[] {
  const shape = checkShape(body)
  if (body === null || typeof body !== 'object') return shape
  // The rules that span fields are looked at as far as the shape allows, so that all is named at once.
  const plan = body as Partial<PublishBody>
  const seen = new Set(shape.map(fault => fault.path))
  const faults = [
    ...faultsOfRules(plan.rules),
    ...faultsOfRewards(plan.rewards, plan.rules),
    ...faultsOfSteps(plan.monthlyTiers?.steps),
    ...faultsOfSpan(plan),
  ]
  return [...shape, ...faults.filter(fault => !seen.has(fault.path))]
}

function faultsOfRules(rules: unknown): ValueFault[] {
  if (!Array.isArray(rules)) return []
  const faults: ValueFault[] = []
  const ids = new Set<unknown>()
  for (const [i, rule] of rules.entries() as IterableIterator<[number, Record<string, unknown> | null]>) {
    if (rule === null || typeof rule !== 'object') continue
    if (rule['id'] !== undefined && ids.has(rule['id'])) {
      faults.push({
        path: `rules[${i}].id`,
        code: 'duplicate_id',
        message: `The id ${String(rule['id'])} is used twice.`,
      })
    }
    ids.add(rule['id'])
    if ((rule['rateBps'] === undefined) === (rule['perUnitFen'] === undefined)) {
      faults.push({
        path: `rules[${i}]`,
        code: 'one_amount',
        message: 'A rule gives exactly one of rateBps and perUnitFen.',
      })
    }
  }
  return faults
}

function faultsOfRewards(rewards: unknown, rules: unknown): ValueFault[] {
  const faults: ValueFault[] = []
  const ids = new Set<unknown>(objectsOf(rules).map(([, rule]) => rule['id']))
  for (const [i, reward] of objectsOf(rewards)) {
    const at = (field: string, code: string, message: string) =>
      faults.push({ path: `rewards[${i}].${field}`, code, message })
    if (reward['id'] !== undefined && ids.has(reward['id'])) {
      at('id', 'duplicate_id', `The id ${String(reward['id'])} is used twice.`)
    }
    ids.add(reward['id'])
    if (reward['keepDays'] !== undefined && reward['event'] !== 'friend_added') {
      at('keepDays', 'not_for_event', 'Only a friend who was added can go again.')
    }
    const [, when] = objectsOf([reward['when']])[0] ?? []
    if (when?.['tasks'] !== undefined && reward['event'] !== 'task_done') {
      at('when.tasks', 'not_for_event', 'Only task_done is about a task.')
    }
    if (reward['to'] === 'associate_store' && reward['bearer'] === 'associate_store') {
      at('bearer', 'bearer_is_payee', 'The store would pay itself.')
    }
  }
  return faults
}

/** What of a list can be looked at, with its place; other faults are told by the shape. */
function objectsOf(list: unknown): [number, Record<string, unknown>][] {
  return (Array.isArray(list) ? (list as unknown[]) : []).flatMap((entry, i) =>
    entry !== null && typeof entry === 'object' ? [[i, entry as Record<string, unknown>]] : [],
  )
}

function faultsOfSteps(steps: unknown): ValueFault[] {
  if (!Array.isArray(steps)) return []
  const faults: ValueFault[] = []
  const rows = steps.filter(step => step !== null && typeof step === 'object') as Record<string, unknown>[]
  const unit = rows.some(step => step['fromAttainmentBps'] !== undefined) ? 'fromAttainmentBps' : 'fromFen'
  const other = unit === 'fromFen' ? 'fromAttainmentBps' : 'fromFen'
  let before: number | null = null
  for (const [i, step] of rows.entries()) {
    const path = `monthlyTiers.steps[${i}].${unit}`
    const from = step[unit]
    if (step[other] !== undefined) {
      faults.push({
        path: `monthlyTiers.steps[${i}]`,
        code: 'one_amount',
        message: 'Steps all give fromFen, or all give fromAttainmentBps.',
      })
    } else if (typeof from !== 'number') {
      faults.push({ path, code: 'missing_field', message: `The field ${unit} is needed.` })
    } else if (before === null ? from !== 0 : from <= before) {
      faults.push({ path, code: 'steps_order', message: 'Steps ascend strictly from 0.' })
    }
    if (typeof from === 'number') before = from
  }
  return faults
}

function faultsOfSpan({ effectiveFrom, effectiveTo }: Partial<PublishBody>): ValueFault[] {
  if (typeof effectiveFrom !== 'string' || typeof effectiveTo !== 'string') return []
  const from = parseInstant(effectiveFrom)
  const to = parseInstant(effectiveTo)
  if (from === null || to === null || to > from) return []
  return [{ path: 'effectiveTo', code: 'out_of_order', message: 'It must lie after effectiveFrom.' }]
}

/** A plan's content in one spelling, as it is kept: two tellings of one plan are equal. */
export function plainPlan(body: PublishBody): PlanContent {
  const { retroactive: _, ...plan } = body
  return {
    ...plan,
    effectiveFrom: formatInstant(parseInstant(plan.effectiveFrom)!),
    effectiveTo: plan.effectiveTo == null ? null : formatInstant(parseInstant(plan.effectiveTo)!),
  }
}

/** What a plan pays, in one word: under the same one nothing but its name and its span of effect can differ. */
export function termsHashOf(content: PlanContent): string {
  const { code, version, effectiveFrom, effectiveTo, ...terms } = content
  return contentHash(terms).toString('hex')
}

/** A plan as `decide` takes it. */
export function planOf(content: PlanContent): Plan {
  return {
    ...content,
    effectiveFrom: parseInstant(content.effectiveFrom)!,
    effectiveTo: content.effectiveTo == null ? null : parseInstant(content.effectiveTo)!,
  } as Plan
}

export interface PlanWarning {
  code: 'month_without_tiers'
  month: string
  message: string
}

/** How far ahead months are looked at; a plan without end has no last one. */
const MONTHS_AHEAD = 36

/**
 * Months in whose last instant a plan without tiers is in force, while another plan of the month has them: everybody's
 * bonus of that month would go.
 *
 * @param plans all versions, the new one among them
 */
export function tierWarnings(published: Plan, plans: readonly Plan[], zone: string): PlanWarning[] {
  const warnings: PlanWarning[] = []
  let month = monthOf(published.effectiveFrom, zone)
  for (let i = 0; i < MONTHS_AHEAD; i++, month = nextMonth(month)) {
    const start = monthStart(month, zone)
    const end = monthStart(nextMonth(month), zone)
    if (published.effectiveTo !== null && start >= published.effectiveTo) break
    const last = planInForce(plans, end - 1)
    if (last?.monthlyTiers) continue
    const changes: Instant[] = [start, ...plans.flatMap(plan => [plan.effectiveFrom, plan.effectiveTo ?? end])]
    const hasTiers = changes
      .filter(instant => instant >= start && instant < end)
      .some(instant => planInForce(plans, instant)?.monthlyTiers)
    if (hasTiers) {
      warnings.push({
        code: 'month_without_tiers',
        month,
        message: `At the end of ${month} no monthly tiers are in force, while a plan of that month has them: nobody gets a bonus for it.`,
      })
    }
  }
  return warnings
}
