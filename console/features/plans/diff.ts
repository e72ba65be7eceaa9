import { plainText, type DraftPlan } from './plan.ts'
import { rewardSentence, ruleSentence, termSentences, tierSentences, type Telling } from './sentences.ts'

/** What two plans differ in, rule by rule. Pure. */

export type ChangeKind = 'added' | 'removed' | 'changed' | 'moved'
export interface Change {
  kind: ChangeKind
  of: 'term' | 'rule' | 'tiers' | 'reward'
  /** The rule's own name; of others what it is about. */
  id: string
  before: string | null
  after: string | null
  /** Places in the list, counted from 1; of rules alone. */
  from?: number
  to?: number
}

interface Entry {
  id: string
  content: string
  text: string
}

export function differences(before: DraftPlan, after: DraftPlan, telling: Telling): Change[] {
  const { locale } = telling
  const terms = (plan: DraftPlan): Entry[] =>
    termSentences(plan, telling)
      .filter(({ id }) => id !== 'name')
      .map(({ id, text }) => ({ id, content: text, text }))
  const rules = (plan: DraftPlan): Entry[] =>
    (plan.rules ?? []).map(rule => ({ id: rule.id ?? '', content: plainText(rule), text: ruleSentence(rule, locale) }))
  const tiers = (plan: DraftPlan): Entry[] =>
    plan.monthlyTiers === undefined
      ? []
      : [
          {
            id: 'monthlyTiers',
            content: plainText(plan.monthlyTiers),
            text: tierSentences(plan.monthlyTiers, locale).join(locale === 'zh' ? '；' : ' · '),
          },
        ]
  const rewards = (plan: DraftPlan): Entry[] =>
    (plan.rewards ?? []).map(reward => ({
      id: reward.id ?? '',
      content: plainText(reward),
      text: rewardSentence(reward, locale),
    }))
  return [
    ...compare('term', terms(before), terms(after)),
    ...compareRules(rules(before), rules(after)),
    ...compare('tiers', tiers(before), tiers(after)),
    ...compare('reward', rewards(before), rewards(after)),
  ]
}

function compare(of: Change['of'], before: readonly Entry[], after: readonly Entry[]): Change[] {
  const old = new Map(before.map(entry => [entry.id, entry]))
  const kept = new Set(after.map(({ id }) => id))
  return [
    ...after.flatMap((entry): Change[] => {
      const was = old.get(entry.id)
      if (!was) return [{ kind: 'added', of, id: entry.id, before: null, after: entry.text }]
      if (was.content === entry.content) return []
      return [{ kind: 'changed', of, id: entry.id, before: was.text, after: entry.text }]
    }),
    ...before
      .filter(({ id }) => !kept.has(id))
      .map(({ id, text }): Change => ({ kind: 'removed', of, id, before: text, after: null })),
  ]
}

/** Of rules the order counts: those that are not where the others left them were moved. */
function compareRules(before: readonly Entry[], after: readonly Entry[]): Change[] {
  const changes = compare('rule', before, after)
  const places = new Map(before.map(({ id }, i) => [id, i]))
  const common = after.flatMap(({ id }, i) => {
    const from = places.get(id)
    return from === undefined ? [] : [{ id, from, to: i }]
  })
  const stayed = longestRise(common.map(({ from }) => from))
  const moved = common
    .filter((_, i) => !stayed.has(i))
    .map(({ id, from, to }): Change => {
      const { text } = after[to]!
      return { kind: 'moved', of: 'rule', id, before: text, after: text, from: from + 1, to: to + 1 }
    })
  return [...changes, ...moved]
}

/** Places of a longest rising run of the numbers: the least has to be called moved. */
function longestRise(numbers: readonly number[]): Set<number> {
  const lengths = numbers.map(() => 1)
  const last = numbers.map(() => -1)
  let best = -1
  for (const [i, number] of numbers.entries()) {
    for (let k = 0; k < i; k++) {
      if (numbers[k]! < number && lengths[k]! + 1 > lengths[i]!) {
        lengths[i] = lengths[k]! + 1
        last[i] = k
      }
    }
    if (best === -1 || lengths[i]! > lengths[best]!) best = i
  }
  const places = new Set<number>()
  for (let i = best; i >= 0; i = last[i]!) places.add(i)
  return places
}
