import { formatInstant, type Instant } from '../../server/lib/time.ts'
import type { PlanContent } from '../../server/features/commissions/schema.ts'

const STEPS = [
  { fromFen: 0, rateBps: 0 },
  { fromFen: 5_000_000, rateBps: 50 },
  { fromFen: 20_000_000, rateBps: 100 },
]
const ATTAINMENT_STEPS = [
  { fromAttainmentBps: 0, rateBps: 0 },
  { fromAttainmentBps: 8_000, rateBps: 30 },
  { fromAttainmentBps: 10_000, rateBps: 80 },
  { fromAttainmentBps: 12_000, rateBps: 120 },
]

/** Two versions, the second from the middle of the history on. */
export function plansOf(from: Instant, middle: Instant): PlanContent[] {
  const rules: PlanContent['rules'] = [
    ...(['sharer', 'closer', 'attributed'] as const).map(role => ({
      id: `no-gift-cards-${role}`,
      role,
      when: { categories: ['gift-cards'] },
      rateBps: 0,
      bearer: 'headquarters' as const,
    })),
    {
      id: 'share-shoes',
      role: 'sharer',
      when: { channels: ['online'], categories: ['shoes'] },
      rateBps: 600,
      bearer: 'headquarters',
    },
    { id: 'share', role: 'sharer', when: { channels: ['online'] }, rateBps: 400, bearer: 'headquarters' },
    { id: 'looked-online', role: 'sharer', when: { channels: ['in_store'] }, rateBps: 200, bearer: 'headquarters' },
    { id: 'sold-off', role: 'closer', when: { maxPaidBps: 6000 }, rateBps: 100, bearer: 'selling_store' },
    { id: 'till', role: 'closer', when: { channels: ['in_store'] }, rateBps: 300, bearer: 'selling_store' },
    { id: 'care', role: 'attributed', when: { channels: ['online'] }, rateBps: 100, bearer: 'home_store' },
    { id: 'new-customer', role: 'opener', when: { firstOrder: true }, rateBps: 50, bearer: 'headquarters' },
    {
      id: 'franchise',
      role: 'home_store',
      when: { channels: ['online'], homeStoreTypes: ['franchise'] },
      rateBps: 1500,
      bearer: 'headquarters',
    },
    {
      id: 'service-fee',
      role: 'headquarters',
      when: { channels: ['online'], sellingStoreTypes: ['franchise'] },
      rateBps: 500,
      bearer: 'selling_store',
    },
  ]
  const first: PlanContent = {
    code: 'standard',
    version: 1,
    effectiveFrom: formatInstant(from),
    effectiveTo: null,
    attribution: { model: 'last_touch', windowDays: 15 },
    holdDays: 7,
    lineCapBps: 1200,
    rules,
    monthlyTiers: { roles: ['sharer', 'closer'], mode: 'marginal', bearer: 'headquarters', steps: STEPS },
  }
  return [
    first,
    {
      ...first,
      version: 2,
      effectiveFrom: formatInstant(middle),
      attribution: { model: 'last_touch', windowDays: 15, minMinutesInStore: 10 },
      sameAssociate: 'highest',
      lineCapBps: 800,
      rules: rules.map(rule => (rule.id === 'share' ? { ...rule, rateBps: 450 } : rule)),
      monthlyTiers: { roles: ['sharer', 'closer'], mode: 'whole', bearer: 'headquarters', steps: ATTAINMENT_STEPS },
    },
  ]
}
