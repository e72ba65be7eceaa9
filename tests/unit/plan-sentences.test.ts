import { describe, expect, test } from 'vitest'
import { differences } from '../../console/features/plans/diff.ts'
import { byStanding, plainText, type DraftPlan, type PublishedPlan } from '../../console/features/plans/plan.ts'
import { rewardSentence, ruleSentence, termSentences, tierSentences } from '../../console/features/plans/sentences.ts'
import { PlanSchema } from '../../server/features/commissions/schema.ts'

/** A plan is read by people who know no JSON: whatever it can say has its words. */

const telling = { locale: 'zh', timeZone: 'Asia/Shanghai' } as const
type Json = { [name: string]: unknown }

/** Everything that is said of a plan. */
function said(plan: unknown, locale: 'zh' | 'en'): string {
  const draft = plan as DraftPlan
  return [
    ...termSentences(draft, { ...telling, locale }).map(({ text }) => text),
    ...(draft.rules ?? []).map(rule => `${rule.id}: ${ruleSentence(rule, locale)}`),
    ...(draft.monthlyTiers ? tierSentences(draft.monthlyTiers, locale) : []),
    ...(draft.rewards ?? []).map(reward => `${reward.id}: ${rewardSentence(reward, locale)}`),
  ].join('\n')
}

interface Shape {
  type?: string | string[]
  enum?: unknown[]
  format?: string
  minimum?: number
  properties?: Record<string, Shape>
  items?: Shape
}

/** Where the two amounts of a rule, or the two starts of a step, stand: one of them. */
const alternatives = ['perUnitFen', 'fromAttainmentBps']

/** A whole plan made by the schema itself: every field filled in, the nth of several values. */
function sample(shape: Shape, n = 0): unknown {
  const values = shape.enum?.filter(value => value !== null)
  if (values) return values[n % values.length]
  if (shape.properties) {
    const entries = Object.entries(shape.properties).filter(([name]) => !alternatives.includes(name))
    return Object.fromEntries(entries.map(([name, own]) => [name, sample(own, n)]))
  }
  if (shape.items) {
    const values = shape.items.enum
    return values && values.length > 1
      ? [values[n % values.length]]
      : [sample(shape.items, n), sample(shape.items, n + 1)]
  }
  switch ([shape.type].flat()[0]) {
    case 'integer':
      return Math.max(shape.minimum ?? 0, 100 * (n + 1))
    case 'boolean':
      return n % 2 === 0
    default:
      return shape.format === 'instant' ? `202${5 + n}-03-04T00:00:00+08:00` : `key${n}`
  }
}

const schema = PlanSchema as unknown as Shape
const full = sample(schema) as Json

/** Every field of the schema, as a way through the plan. */
function fields(shape: Shape, path: readonly (string | number)[] = []): { path: (string | number)[]; shape: Shape }[] {
  if (shape.properties) {
    return Object.entries(shape.properties).flatMap(([name, own]) => [
      { path: [...path, name], shape: own },
      ...fields(own, [...path, name]),
    ])
  }
  return shape.items?.properties ? fields(shape.items, [...path, 1]) : []
}

function withValue(plan: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [first, ...rest] = path
  if (first === undefined) return value
  if (Array.isArray(plan))
    return (plan as unknown[]).map((entry, i) => (i === first ? withValue(entry, rest, value) : entry))
  const own = { ...(plan as Json) }
  const next = withValue(own[first], rest, value)
  if (next === undefined) delete own[first]
  else own[first] = next
  return own
}

const all = fields(schema)
const leaves = all.filter(({ shape }) => !shape.properties && !shape.items?.properties)

describe('every key of a plan is told', () => {
  test('there are many', () => expect(leaves.length).toBeGreaterThan(50))

  test.each(leaves.map(leaf => [leaf.path.join('.'), leaf] as const))('%s', (_, { path, shape }) => {
    const last = String(path.at(-1))
    const other = { perUnitFen: 'rateBps', fromAttainmentBps: 'fromFen' }[last]
    const base = other === undefined ? full : withValue(full, [...path.slice(0, -1), other], undefined)
    for (const locale of ['zh', 'en'] as const) {
      const values = shape.enum ?? shape.items?.enum
      const count = values?.length ?? 2
      const texts = Array.from({ length: count }, (_, n) => said(withValue(base, path, sample(shape, n)), locale))
      // A bearer that can be nothing else has one sentence.
      expect(new Set(texts).size).toBe(count)
      if (values && locale === 'zh') for (const text of texts) expect(text).not.toMatch(/\b[a-z]+_[a-z]+\b/)
    }
  })

  test('a condition without values says nothing, and a part not filled in is told as such', () => {
    expect(ruleSentence({ id: 'x', role: 'sharer', when: {}, rateBps: 400, bearer: 'headquarters' }, 'zh')).toBe(
      '分享导购得净额的 4%，由总部承担。',
    )
    expect(ruleSentence({ id: 'x' }, 'zh')).toBe('（未填）得（未填），由（未填）承担。')
  })

  test('a rule in both languages', () => {
    const rule = {
      id: 'share-shoes',
      role: 'sharer',
      when: { channels: ['online'], categories: ['鞋'], maxPaidBps: 5000 },
      rateBps: 650,
      bearer: 'selling_store',
    } as const
    const own = { ...rule, when: { ...rule.when, channels: ['online' as const], categories: ['鞋'] } }
    expect(ruleSentence(own, 'zh')).toBe(
      '线上订单，且品类是 鞋，且实付低于吊牌价的 50%：分享导购得净额的 6.5%，由成交门店承担。',
    )
    expect(ruleSentence(own, 'en')).toBe(
      'Online orders, and the category is 鞋, and less than 50% of the list price was paid: the sharer gets 6.5% of net, borne by the selling store.',
    )
  })
})

describe('two versions held against each other', () => {
  const rule = (id: string, rateBps = 100) => ({ id, role: 'closer', rateBps, bearer: 'headquarters' }) as const
  const plan = (rules: DraftPlan['rules'], more: DraftPlan = {}): DraftPlan => ({ holdDays: 7, rules: rules!, ...more })
  const kinds = (before: DraftPlan, after: DraftPlan) =>
    differences(before, after, telling).map(({ kind, of, id, from, to }) =>
      [kind, of, id, from, to].filter(Boolean).join(' '),
    )

  test('rules that came, went, changed and moved; a condition without values is none', () => {
    expect(
      kinds(plan([rule('a'), rule('b'), rule('c')]), plan([rule('a'), { ...rule('b'), when: {} }, rule('c')])),
    ).toEqual([])
    expect(
      kinds(
        plan([rule('a'), rule('b'), rule('c'), rule('e')]),
        plan([rule('e'), rule('a', 200), rule('c'), rule('d')]),
      ),
    ).toEqual(['changed rule a', 'added rule d', 'removed rule b', 'moved rule e 4 1'])
  })

  test('what holds for every order, tiers and rewards', () => {
    const tiers = {
      roles: ['closer'],
      mode: 'whole',
      bearer: 'headquarters',
      steps: [{ fromFen: 0, rateBps: 50 }],
    } as const
    const after = plan([], {
      holdDays: 8,
      lineCapBps: 1000,
      monthlyTiers: { ...tiers, roles: ['closer'], steps: [...tiers.steps] },
    })
    expect(kinds(plan([]), after)).toEqual(['changed term hold', 'changed term lineCap', 'added tiers monthlyTiers'])
  })
})

test('which version is in force, which come, and which are over', () => {
  const version = (n: number, from: string, to: string | null = null) =>
    ({ code: 'p', version: n, effectiveFrom: from, effectiveTo: to }) as PublishedPlan
  const plans = [
    version(1, '2026-01-01T00:00:00Z'),
    version(2, '2026-03-01T00:00:00Z', '2026-05-01T00:00:00Z'),
    version(3, '2026-04-01T00:00:00Z'),
    version(4, '2026-09-01T00:00:00Z'),
    { ...version(5, '2026-05-01T00:00:00Z'), withdrawnAt: '2026-05-02T00:00:00Z' },
  ]
  const found = byStanding(plans, Date.parse('2026-06-01T00:00:00Z'))
  const numbers = Object.fromEntries(
    Object.entries(found).map(([name, list]) => [name, list.map(plan => plan.version)]),
  )
  expect(numbers).toEqual({ inForce: [3], coming: [4], past: [2, 1], withdrawn: [5] })
})

test('plans are alike whatever the order of their keys', () => {
  expect(plainText({ b: 1, a: { c: undefined }, d: [{}] })).toBe(plainText({ d: [{}], b: 1 }))
  expect(plainText({ rules: [1, 2] })).not.toBe(plainText({ rules: [2, 1] }))
})
