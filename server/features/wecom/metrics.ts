import { Counter, Histogram, type Registry } from 'prom-client'

/** What is counted of the calls to WeCom. */
export interface WecomMeter {
  /** @param outcome `ok`, an errcode, or `no_answer` */
  called(api: string, outcome: string, ms: number): void
  repeated(api: string): void
  waited(api: string, ms: number): void
  /** @param outcome `stored`, `again`, `refused` */
  calledBack(outcome: string): void
  /** @param outcome `sent`, `late`, `needless`, `refused`, `unsure` */
  welcomed(outcome: string): void
  /** @param outcome `sent`, `refused`, `unsure`, `put_off` */
  messaged(outcome: string): void
}

export function buildWecomMeter(registry: Registry): WecomMeter {
  const calls = new Counter({
    name: 'wecom_api_calls_total',
    help: 'Calls of WeCom’s server API, by what came of them: ok, an errcode, or no_answer.',
    labelNames: ['api', 'outcome'],
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'wecom_api_duration_seconds',
    help: 'How long WeCom took to answer.',
    labelNames: ['api'],
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  })
  const repeats = new Counter({
    name: 'wecom_api_retries_total',
    help: 'Calls that were made again after a fault.',
    labelNames: ['api'],
    registers: [registry],
  })
  const waits = new Histogram({
    name: 'wecom_bucket_wait_seconds',
    help: 'How long calls were held back, so that WeCom’s limits are kept.',
    labelNames: ['api'],
    buckets: [0.1, 0.5, 1, 5, 15, 60],
    registers: [registry],
  })
  const callbacks = new Counter({
    name: 'wecom_callbacks_total',
    help: 'Events that WeCom called back with: stored, again, or refused.',
    labelNames: ['outcome'],
    registers: [registry],
  })
  const welcomes = new Counter({
    name: 'wecom_welcomes_total',
    help: 'Welcomes to new friends: sent, late, needless, refused, or unsure.',
    labelNames: ['outcome'],
    registers: [registry],
  })
  const messages = new Counter({
    name: 'wecom_messages_total',
    help: 'Text cards to associates: sent, refused, unsure, or put off until WeCom takes them.',
    labelNames: ['outcome'],
    registers: [registry],
  })
  return {
    called(api, outcome, ms) {
      calls.inc({ api, outcome })
      duration.observe({ api }, ms / 1000)
    },
    repeated: api => repeats.inc({ api }),
    waited: (api, ms) => waits.observe({ api }, ms / 1000),
    calledBack: outcome => callbacks.inc({ outcome }),
    welcomed: outcome => welcomes.inc({ outcome }),
    messaged: outcome => messages.inc({ outcome }),
  }
}
