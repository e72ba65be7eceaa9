/** A process that runs the one back-test which waits in a database, and tells what it took. */
import { availableParallelism } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openPool } from '../../server/database.ts'
import { runBacktest } from '../../server/features/commissions/backtests/service.ts'

export interface BacktestMeasured {
  error: string | null
  orders: number
  lines: number
  seconds: number
  cpuSeconds: number
  /** The most at any time, and when half was done. */
  rssMb: number
  rssMbAtHalf: number
  /** The 99th percentile of how long somebody else of this process would have waited. */
  loopDelayMs: number
}

const pool = openPool(process.argv[2]!, { max: 4 })
const delay = monitorEventLoopDelay({ resolution: 5 })
const samples: number[] = []
const sampling = setInterval(() => samples.push(process.memoryUsage().rss), 200)
delay.enable()
const began = performance.now()
const threads = { databaseUrl: process.argv[2]!, count: Math.min(availableParallelism(), 4) }
await runBacktest(pool, { now: Date.now, isStopped: () => false, threads })
const seconds = (performance.now() - began) / 1000
delay.disable()
clearInterval(sampling)
samples.push(process.memoryUsage().rss)
const [job] = await pool<{ result: { orders: number; lines: number } | null; error: string | null }[]>`
  SELECT result, error FROM jobs WHERE kind = 'backtest'`
const { user, system } = process.cpuUsage()
const mb = (bytes: number) => Math.round(bytes / 1024 ** 2)
const measured: BacktestMeasured = {
  error: job!.error,
  orders: job!.result?.orders ?? 0,
  lines: job!.result?.lines ?? 0,
  seconds,
  cpuSeconds: (user + system) / 1e6,
  rssMb: mb(Math.max(...samples)),
  rssMbAtHalf: mb(samples[Math.floor(samples.length / 2)]!),
  loopDelayMs: Math.round(delay.percentile(99) / 1e6),
}
await pool.end({ timeout: 5 })
process.send!(measured)
process.disconnect()
