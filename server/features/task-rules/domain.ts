import type { TaskSegment, TaskTarget } from '../../../drizzle/schema/tasks.ts'
import { compareBytes } from '../../lib/text.ts'
import { DAY_MS, MINUTE_MS, type Instant } from '../../lib/time.ts'
import type { Caller } from '../auth/domain.ts'

/** Which customers somebody should turn to, on which day, and when that is no longer so: over plain values. */

export const RULE_KINDS = ['after_purchase', 'birthday', 'asleep', 'campaign'] as const
export type RuleKind = (typeof RULE_KINDS)[number]
export type TaskKind = RuleKind | 'follow_up'

/** Why the service closed a task by itself. */
export const CLOSED_BECAUSE = ['bought', 'order_gone', 'past', 'not_friend', 'rule_ended'] as const
export type ClosedBecause = (typeof CLOSED_BECAUSE)[number]

export interface Rule {
  ruleId: string
  kind: RuleKind
  /** null: a campaign. */
  days: number | null
  segment: TaskSegment | null
  title: string
  text: string
  target: TaskTarget | null
  /** The highest comes first where several rules fit. */
  priority: number
  firstDay: string
  lastDay: string | null
  /** null: all. */
  storeCodes: readonly string[] | null
  /** false: it makes none for the time being. */
  isOn: boolean
  /** So many a night for one associate; null: no bound. */
  nightlyMax: number | null
}

/**
 * A rule about customers who are asleep, or a campaign, finds all of them on its first night: they are spread over nights,
 * so that nobody begins the day with hundreds. The others find few customers a day by themselves.
 */
export const NIGHTLY_MAX: Record<RuleKind, number | null> = {
  after_purchase: null,
  birthday: null,
  asleep: 10,
  campaign: 20,
}

/** A task that a rule made. */
export interface KeptTask {
  taskId: string
  ruleId: string
  occasion: string
  madeDay: string
  dueDay: string
  isOpen: boolean
  associateId: string | null
  storeCode: string | null
}

/** What rules ask of a customer. Days are of the brand's calendar, as YYYY-MM-DD. */
export interface CustomerFacts {
  memberNo: string
  birthMonth: number | null
  birthDay: number | null
  level: string | null
  tags: readonly string[]
  /** false: he wants no marketing. */
  consentMarketing: boolean | null
  lastPurchaseDay: string | null
  /** Whose task it would be; null: nobody's. */
  associateId: string | null
  /** That associate's store, else the customer's. */
  storeCode: string | null
  /** Whose friendship with him is over. */
  lostBy: readonly string[]
  /** The rules on whose list he is. */
  listedBy: readonly string[]
  /** Of all rules. */
  tasks: readonly KeptTask[]
}

export const addDays = (day: string, count: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10)

/** How many days late a call after a purchase may still be made, where a night was missed or another rule came first. */
const CATCH_UP_DAYS = 3

interface Occasion {
  occasion: string
  dueDay: string
}

/** What makes a rule fit a customer on a day; null: it does not. */
export function occasionOf(rule: Rule, facts: CustomerFacts, today: string): Occasion | null {
  if (today < rule.firstDay || (rule.lastDay !== null && today > rule.lastDay)) return null
  if (rule.storeCodes && (facts.storeCode === null || !rule.storeCodes.includes(facts.storeCode))) return null
  const days = rule.days ?? 0
  const bought = facts.lastPurchaseDay
  switch (rule.kind) {
    case 'after_purchase': {
      if (bought === null) return null
      const from = addDays(bought, days)
      return from <= today && today <= addDays(from, CATCH_UP_DAYS) ? { occasion: bought, dueDay: today } : null
    }
    case 'birthday': {
      const birthday = nextBirthday(facts, today)
      return birthday !== null && birthday <= addDays(today, days) ? { occasion: birthday, dueDay: birthday } : null
    }
    case 'asleep':
      return bought !== null && addDays(bought, days) <= today ? { occasion: bought, dueDay: today } : null
    case 'campaign':
      return isIn(rule, facts, today) ? { occasion: 'campaign', dueDay: rule.lastDay ?? today } : null
  }
}

/** The first birthday on or after a day; of the 29 February the 28 where there is none. */
function nextBirthday({ birthMonth, birthDay }: CustomerFacts, today: string): string | null {
  if (birthMonth === null || birthDay === null) return null
  const year = Number(today.slice(0, 4))
  const ofYear = (year: number) => {
    const last = new Date(Date.UTC(year, birthMonth, 0)).getUTCDate()
    return new Date(Date.UTC(year, birthMonth - 1, Math.min(birthDay, last))).toISOString().slice(0, 10)
  }
  return ofYear(year) >= today ? ofYear(year) : ofYear(year + 1)
}

function isIn(rule: Rule, facts: CustomerFacts, today: string): boolean {
  const { level, tags, lastPurchaseDay } = facts
  const segment = rule.segment ?? {}
  if (segment.isListed && !facts.listedBy.includes(rule.ruleId)) return false
  if (segment.levels && (level === null || !segment.levels.includes(level))) return false
  if (segment.tags && !segment.tags.some(tag => tags.includes(tag))) return false
  return hasNotBought(segment, lastPurchaseDay, today)
}

/** What a segment says of purchases. */
function hasNotBought({ neverBought, asleepDays }: TaskSegment, bought: string | null, today: string): boolean {
  if (neverBought && bought !== null) return false
  return asleepDays === undefined || (bought !== null && addDays(bought, asleepDays) <= today)
}

/** Why an open task has no reason any more; null: it still has one. */
function endOf(task: KeptTask, rule: Rule | undefined, facts: CustomerFacts, today: string): ClosedBecause | null {
  if (!rule) return 'rule_ended'
  const bought = facts.lastPurchaseDay
  if (rule.kind === 'after_purchase' || rule.kind === 'asleep') {
    if (bought === null || bought < task.occasion) return 'order_gone'
    if (bought > task.occasion) return 'bought'
  } else if (task.dueDay < today) return 'past'
  else if (rule.kind === 'campaign' && !hasNotBought(rule.segment ?? {}, bought, today)) return 'bought'
  const isLost = task.associateId !== null && facts.lostBy.includes(task.associateId)
  return isLost && facts.associateId === null ? 'not_friend' : null
}

export interface NewTask extends Occasion {
  rule: Rule
  facts: CustomerFacts
}

/** What has to happen with a customer's tasks. */
export interface TaskChanges {
  close: { task: KeptTask; because: ClosedBecause }[]
  /** Given to whoever the customer's tasks belong to now. */
  move: { task: KeptTask; facts: CustomerFacts }[]
  /** One a day at most: of several rules that fit the one with the highest priority. The others wait for another day. */
  make: NewTask | null
}

/**
 * @param rules in force or not; those that ended are left out
 */
export function changesFor(facts: CustomerFacts, rules: readonly Rule[], today: string): TaskChanges {
  const byId = new Map(rules.map(rule => [rule.ruleId, rule]))
  const changes: TaskChanges = { close: [], move: [], make: null }
  const open = new Set<string>()
  for (const task of facts.tasks.filter(task => task.isOpen)) {
    const because = endOf(task, byId.get(task.ruleId), facts, today)
    if (because !== null) {
      changes.close.push({ task, because })
      continue
    }
    open.add(task.ruleId)
    if (task.associateId !== facts.associateId || task.storeCode !== facts.storeCode) changes.move.push({ task, facts })
  }
  if (facts.consentMarketing === false || facts.tasks.some(task => task.madeDay === today)) return changes
  const byPriority = rules
    .filter(rule => rule.isOn)
    .sort((a, b) => b.priority - a.priority || compareBytes(a.ruleId, b.ruleId))
  for (const rule of byPriority) {
    const fitting = open.has(rule.ruleId) ? null : occasionOf(rule, facts, today)
    const isNew = (task: KeptTask) => task.ruleId !== rule.ruleId || task.occasion !== fitting?.occasion
    if (fitting && facts.tasks.every(isNew)) return { ...changes, make: { rule, facts, ...fitting } }
  }
  return changes
}

/** Whose share of a night a task takes: its associate's, else its store's. */
export const bearerOf = ({ associateId, storeCode }: { associateId: string | null; storeCode: string | null }) =>
  associateId ?? `@${storeCode ?? ''}`

/**
 * The tasks that a night still has room for; the others wait for another night.
 *
 * @param countOf how many the night has made for each rule and bearer so far; counted on
 */
export function withinCaps(tasks: readonly NewTask[], countOf: Map<string, number>): NewTask[] {
  return tasks.filter(({ rule, facts }) => {
    if (rule.nightlyMax === null) return true
    const key = capKey(rule.ruleId, bearerOf(facts))
    const count = countOf.get(key) ?? 0
    if (count >= rule.nightlyMax) return false
    countOf.set(key, count + 1)
    return true
  })
}

export const capKey = (ruleId: string, bearer: string): string => `${ruleId} ${bearer}`

/** What is wrong with a rule as a whole, by path. */
export function faultsOfRule(rule: Omit<Rule, 'ruleId'>): { path: string; code: string; message: string }[] {
  const faults: { path: string; code: string; message: string }[] = []
  const say = (path: string, code: string, message: string) => faults.push({ path, code, message })
  if (rule.kind === 'campaign') {
    if (rule.days !== null) say('days', 'not_for_kind', 'A campaign has a segment and a span, and no days.')
    if (rule.lastDay === null) say('lastDay', 'missing_field', 'A campaign ends on a day.')
  } else {
    if (rule.days === null) say('days', 'missing_field', 'Say how many days.')
    if (rule.segment !== null) say('segment', 'not_for_kind', 'Only a campaign has a segment.')
  }
  for (const field of ['firstDay', 'lastDay'] as const) {
    const day = rule[field]
    if (day !== null && !isDay(day)) say(field, 'invalid_value', 'It must be a day of the calendar, as YYYY-MM-DD.')
  }
  if (rule.lastDay !== null && rule.lastDay < rule.firstDay) {
    say('lastDay', 'invalid_value', 'It must not be before the first day.')
  }
  return faults
}

export function isDay(text: string): boolean {
  const instant = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(instant) && new Date(instant).toISOString().slice(0, 10) === text
}

// -------------------------------------------------------------------------------------------- doing

/** How long a task that was done or skipped can be opened again. */
export const UNDO_MS = 10 * MINUTE_MS

export const mayUndo = (task: { state: string; stateAt: Instant }, now: Instant): boolean =>
  (task.state === 'done' || task.state === 'skipped') && now - task.stateAt <= UNDO_MS

/** His own, and for whoever answers for a store those of its people. Headquarters looks on. */
export function mayDo(caller: Caller, task: { associateId: string | null; storeCode: string | null }): boolean {
  const { person, scope } = caller
  if (!person || person.role === 'auditor') return false
  if (task.associateId === person.associateId) return true
  return scope.reach === 'stores' && task.storeCode !== null && scope.storeCodes.includes(task.storeCode)
}

/** What the evidence of a task that was done may not be before: of one task the latest counts. */
export const afterLast = (now: Instant, stateAt: Instant): Instant => Math.max(now, stateAt + 1)
