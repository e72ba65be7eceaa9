import { openPool } from '../server/database.ts'
import { DAY_MS, formatInstant } from '../server/lib/time.ts'
import { startBacktest } from '../server/features/commissions/backtests/service.ts'
import { plansOf } from '../server/features/commissions/service.ts'
import type { BacktestMeasured } from './lib/backtest-process.ts'
import type { Figure } from './lib/figure.ts'
import { runProcess } from './lib/process.ts'

/** 1,000,000 order lines within 20 s, in less than 512 MB. */
const LIMIT_LINES_PER_SECOND = 1_000_000 / 20
const LIMIT_RSS_MB = 512

/** Two years under a plan that pays other rates and looks further back; its process alone, as the service would run it. */
export const backtest: Figure = {
  name: 'backtest',
  measures: 'a back-test over the whole history',
  async run(bench) {
    const brand = await bench.brand()
    const url = await bench.copyOf(brand)
    const pool = openPool(url, { max: 2 })
    const { brandId, until } = brand
    const [last] = (await plansOf(pool, brandId)).slice(-1)
    const plan = {
      ...last!,
      effectiveFrom: formatInstant(last!.effectiveFrom),
      version: 99,
      attribution: { ...last!.attribution, windowDays: 30 },
      rules: last!.rules.map(rule => (rule.rateBps === undefined ? rule : { ...rule, rateBps: rule.rateBps + 50 })),
    }
    const span = { from: formatInstant(until - 740 * DAY_MS), to: formatInstant(until) }
    await startBacktest(pool, { brandId, actor: 'bench', body: { plan, ...span }, now: Date.now() })
    await pool.end({ timeout: 5 })

    const measured = await runProcess<BacktestMeasured>(new URL('lib/backtest-process.ts', import.meta.url), [url])
    if (measured.error !== null) throw new Error(measured.error)
    const { lines, orders, seconds, rssMb } = measured
    if (rssMb > LIMIT_RSS_MB) throw new Error(`it took ${rssMb} MB, more than ${LIMIT_RSS_MB}`)
    return {
      value: lines / seconds,
      unit: 'lines/s',
      limit: { atLeast: LIMIT_LINES_PER_SECOND },
      details: {
        lines,
        orders,
        seconds,
        rssMb,
        rssMbAtHalf: measured.rssMbAtHalf,
        loopDelayMs: measured.loopDelayMs,
        cpuSeconds: measured.cpuSeconds,
      },
    }
  },
}
