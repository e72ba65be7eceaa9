import { Counter, Gauge, type Registry } from 'prom-client'
import type { Pool } from '../../database.ts'
import { DAY_MS, type Instant } from '../../lib/time.ts'
import { auditState } from '../audit/service.ts'
import type { IntakeMeter } from '../ingest/service.ts'
import { selectLeftovers, selectQueues } from './queries.ts'

/** Figures of the database are as old as this at most: a scrape costs little, however many ask. */
const FRESH_MS = 10_000
/** A scrape is answered also while the database is not. */
const PATIENCE_MS = 2000

type Snapshot = Awaited<ReturnType<typeof look>>

/** What is counted where it happens. No label holds anything that people or other systems typed. */
export interface Monitor {
  /** Has what is refused counted too. */
  countRejects(intake: IntakeMeter): IntakeMeter
  /** Counts an answer, by the address of its route. */
  answered(route: string, status: number): void
  workerFailed(): void
}

/** One gauge for each promise that the database can be asked about, and counters for what happens in this process. */
export function buildMonitor(options: { pool: Pool; registry: Registry; now: () => Instant }): Monitor {
  const { pool, registry, now } = options
  const snapshot = keepFresh(() => look(pool, now()))
  const registers = [registry]

  /** A figure of the database; absent while that does not answer. */
  const gauge = (name: string, help: string, read: (seen: Snapshot) => number | null) =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        const seen = await snapshot()
        const value = seen && read(seen)
        if (value === null) this.remove()
        else this.set(value)
      },
    })
  const byQueue = (name: string, help: string, read: (queue: Snapshot['queues'][number]) => number) =>
    new Gauge({
      name,
      help,
      registers,
      labelNames: ['queue'],
      async collect() {
        this.reset()
        for (const queue of (await snapshot())?.queues ?? []) this.set({ queue: queue.queue }, read(queue))
      },
    })
  const secondsSince = (instant: Instant | null) => (instant === null ? null : Math.max(0, (now() - instant) / 1000))

  new Gauge({
    name: 'daogou_database_up',
    help: 'Whether the database answered within two seconds.',
    registers,
    async collect() {
      this.set((await snapshot()) === null ? 0 : 1)
    },
  })
  gauge('daogou_database_wait_seconds', 'How long a statement that asks nothing took, its wait for a connection included.', seen => seen.waitSeconds) // prettier-ignore
  gauge('daogou_oldest_transaction_seconds', 'Age of the oldest transaction in the database; marks wait for it.', seen => seen.oldestTransactionSeconds) // prettier-ignore
  byQueue('daogou_queue_waiting', 'What waits to be booked, summed, dealt with or sent.', queue => queue.waiting)
  byQueue('daogou_queue_oldest_seconds', 'For how long the oldest of it has been due; 0 where nothing waits.', queue => secondsSince(queue.oldestAt) ?? 0) // prettier-ignore
  gauge('daogou_events_set_aside', 'Events of WeCom that failed each time and wait for somebody to look at them.', seen => seen.eventsSetAside) // prettier-ignore
  gauge('daogou_webhooks_given_up', 'Deliveries to other systems of the last day that were given up.', seen => seen.webhooksGivenUp) // prettier-ignore
  gauge('daogou_messages_refused', 'Text cards to associates of the last day that WeCom refused.', seen => seen.messagesRefused) // prettier-ignore
  gauge('daogou_settlements_unfinished', 'Settlements that are being gathered or discarded, or were when a process died.', seen => seen.settlementsUnfinished) // prettier-ignore
  gauge('daogou_wecom_blocked_apis', 'APIs of WeCom that are left alone now because their quota was used up (45009).', seen => seen.wecomBlocked) // prettier-ignore
  gauge('daogou_audit_differing', 'What the last night’s audits found to differ; 0 is the promise.', seen => seen.audit.differing) // prettier-ignore
  gauge('daogou_audit_checked_orders', 'Orders that the last night’s audits decided again.', seen => seen.audit.checkedOrders) // prettier-ignore
  gauge('daogou_audit_age_seconds', 'Time since the last night’s audit ended, of the brand where it is longest.', seen => secondsSince(seen.audit.oldestEndedAt)) // prettier-ignore
  gauge('daogou_audit_round_age_seconds', 'Time since the whole history was seen, or the first round began.', seen => secondsSince(seen.audit.oldestRoundAt)) // prettier-ignore
  gauge('daogou_audit_missing_brands', 'Brands with orders that no night has audited yet.', seen => seen.audit.unaudited) // prettier-ignore
  gauge('daogou_wal_archive_failing', 'Whether the last try to archive the write-ahead log failed; absent where none is archived.', seen => seen.isArchiving ? Number(seen.archiveFails) : null) // prettier-ignore

  const rejects = new Counter({
    name: 'daogou_rejected_items_total',
    help: 'Items of the ingest API that were refused, by kind and code.',
    labelNames: ['kind', 'code'],
    registers,
  })
  const phones = new Counter({ name: 'daogou_phone_lookups_total', help: 'Whole phone numbers that were shown.', registers }) // prettier-ignore
  const signIns = new Counter({
    name: 'daogou_sign_in_failures_total',
    help: 'Sign-ins that did not succeed, and sessions that were not renewed.',
    labelNames: ['step', 'status'],
    registers,
  })
  const failures = new Counter({ name: 'daogou_worker_failures_total', help: 'Rounds of workers that failed and are tried again.', registers }) // prettier-ignore

  return {
    countRejects: intake => ({
      ...intake,
      count(batch) {
        for (const { error } of batch.results) if (error) rejects.inc({ kind: batch.kind, code: error.code })
        intake.count(batch)
      },
    }),
    answered(route, status) {
      if (route.endsWith('/customers/phone') && status === 200) phones.inc()
      const step = SIGN_IN_STEPS[route]
      if (step !== undefined && status >= 400) signIns.inc({ step, status })
    },
    workerFailed: () => failures.inc(),
  }
}

const SIGN_IN_STEPS: Record<string, string | undefined> = {
  '/auth/wecom/login': 'login',
  '/auth/wecom/callback': 'callback',
  '/auth/refresh': 'refresh',
}

/** All that is asked of the database for one scrape. */
async function look(pool: Pool, now: Instant) {
  const began = performance.now()
  await pool`SELECT 1`
  const waitSeconds = (performance.now() - began) / 1000
  const [queues, leftovers, audit] = await Promise.all([
    selectQueues(pool, { now }),
    selectLeftovers(pool, { now, since: now - DAY_MS }),
    auditState(pool),
  ])
  return { waitSeconds, queues, ...leftovers, audit }
}

/** The last answer while it is fresh; whoever asks meanwhile waits for the same one. null where none comes in time. */
function keepFresh<T>(ask: () => Promise<T>): () => Promise<T | null> {
  let kept: { answer: Promise<T | null>; until: number } | null = null
  return async () => {
    if (kept && performance.now() < kept.until) return await kept.answer
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<null>(resolve => (timer = setTimeout(resolve, PATIENCE_MS, null)))
    const answer = Promise.race([ask().catch(() => null), late]).finally(() => clearTimeout(timer))
    const mine = { answer, until: Infinity }
    kept = mine
    mine.until = performance.now() + ((await answer) === null ? 0 : FRESH_MS)
    return await answer
  }
}
