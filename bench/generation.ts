import type { Figure } from './lib/figure.ts'

/** 10,000,000 orders within 15 minutes. */
const LIMIT_ORDERS_PER_SECOND = 10_000_000 / (15 * 60)

export const generation: Figure = {
  name: 'generation',
  measures: 'bench:data, with indexes and statistics',
  async run(bench) {
    const { filled } = await bench.brand()
    return {
      value: bench.orders / filled.totalSeconds,
      unit: 'orders/s',
      limit: { atLeast: LIMIT_ORDERS_PER_SECOND },
      details: { orders: bench.orders, ...filled.seconds },
    }
  },
}
