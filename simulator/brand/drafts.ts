import type { Plan } from './items.ts'
import { dayMs, instant, startOfLocalMonth } from './span.ts'

/**
 * A version that headquarters thinks about: less for sharing shoes, more for the till, from next month on; and the last
 * two whole months to test it over. Some gain by it, and some lose.
 */
export function makeDraft(last: Plan, now: number): { plan: Plan; span: { from: string; to: string } } {
  const rates: Readonly<Record<string, number>> = { 'share-shoes': 500, share: 350, till: 320 }
  const rules = last.rules.map(rule => ({ ...rule, rateBps: rates[rule.id] ?? rule.rateBps }))
  const month = startOfLocalMonth(now)
  const plan: Plan = { ...last, version: last.version + 1, effectiveFrom: instant(startOfLocalMonth(month + 32 * dayMs)), rules } // prettier-ignore
  const from = startOfLocalMonth(startOfLocalMonth(month - dayMs) - dayMs)
  return { plan, span: { from: instant(from), to: instant(month) } }
}

/** Orders with what tills and malls get wrong: a store that nobody told of, a time without an offset, a misspelt field. */
export function makeRefusedOrders(now: number): object[] {
  const order = {
    source: 'demo-till',
    channel: 'in_store',
    paidAt: instant(now - dayMs),
    lines: [{ lineNo: 1, sku: 'DEMO', quantity: 1, paidFen: 19_900 }],
  }
  return [
    { ...order, orderNo: 'DEMO-R1', sellingStore: 'D-S99' },
    { ...order, orderNo: 'DEMO-R2', sellingStore: 'D-S01', paidAt: order.paidAt.slice(0, 19) },
    { ...order, orderNo: 'DEMO-R3', sellingStor: 'D-S01' },
  ]
}
