import { setTimeout as sleep } from 'node:timers/promises'
import { Counter, Gauge, type Registry } from 'prom-client'
import { isDatabaseAway, openPool, type Db, type Pool } from './database.ts'

/** Figures may be 5 s old. What the replica has not heard for longer than this is asked of the primary. */
const STALE_MS = 4000
const LOOK_MS = 1000
/** A replica that does not answer is as good as none. */
const LOOK_TIMEOUT_MS = 3000
/** What the replica took back, since it would have kept it from following the primary. */
const RECOVERY_CONFLICT = '40001'

/** Where figures are read from: the primary, or a replica that is not further behind than figures may be. */
export interface Reader {
  /** Reads on the replica; what fails there, for the replica's own reasons, is read on the primary. */
  read<T>(work: (db: Db) => Promise<T>): Promise<T>
  /** For what is read in many pieces and cannot begin anew: where to read now. */
  choose(): Db
  /** How far behind the replica is at most, in milliseconds; null where there is none, or none that answers. */
  staleMs(): number | null
  close(): Promise<void>
}

export function readFromPrimary(figures: Pool): Reader {
  return { read: work => work(figures), choose: () => figures, staleMs: () => null, close: async () => {} }
}

/**
 * Follows a streaming replica: each second it is asked up to where it has replayed what the primary has written, and the
 * primary how far it has written. So it is known of which moment the replica has everything, without trusting the clock
 * of either, and also where nothing is written.
 */
export function followReplica(options: {
  url: string
  primary: Pool
  /** The primary’s connections for what is not read on the replica. */
  figures: Pool
  registry: Registry
  onError: (error: unknown) => void
}): Reader {
  const { primary, figures, registry, onError } = options
  const replica = openPool(options.url, { max: 8 })
  const stopped = new AbortController()
  /** What the primary had written by when; what the replica has passed is forgotten, but for the last. */
  let written: { at: number; upTo: bigint }[] = []
  let completeAt: number | null = null
  let isAnswering = true

  const reads = new Counter({
    name: 'daogou_figures_reads_total',
    help: 'Reads of figures, by where they were read.',
    labelNames: ['from'],
    registers: [registry],
  })
  new Gauge({
    name: 'daogou_replica_stale_seconds',
    help: 'How far the replica is behind the primary at most; -1 where that is not known.',
    registers: [registry],
    collect() {
      const ms = staleMs()
      this.set(ms === null ? -1 : ms / 1000)
    },
  })

  const staleMs = () => (completeAt === null ? null : performance.now() - completeAt)
  const isFresh = () => (staleMs() ?? Infinity) <= STALE_MS
  const leave = (error: unknown) => {
    completeAt = null
    if (isAnswering) onError(error)
    isAnswering = false
  }

  async function look(): Promise<void> {
    const at = performance.now()
    const [[before], [now]] = await within(
      LOOK_TIMEOUT_MS,
      (async () =>
        [
          // One after the other: what is asked of the replica later it has heard of the more.
          await primary<{ upTo: string }[]>`SELECT pg_current_wal_lsn() - '0/0' AS "upTo"`,
          await replica<{ upTo: string | null }[]>`SELECT pg_last_wal_replay_lsn() - '0/0' AS "upTo"
            WHERE pg_is_in_recovery()`,
        ] as const)(),
    )
    if (!now || now.upTo === null) throw new Error('DATABASE_REPLICA_URL names no replica')
    written.push({ at, upTo: BigInt(before!.upTo) })
    const replayed = BigInt(now.upTo)
    const passed = written.findLastIndex(({ upTo }) => upTo <= replayed)
    if (passed < 0) return
    completeAt = written[passed]!.at
    written = written.slice(passed)
    isAnswering = true
  }

  const looking = (async () => {
    while (!stopped.signal.aborted) {
      await look().catch(leave)
      await sleep(LOOK_MS, undefined, { signal: stopped.signal, ref: false }).catch(() => {})
    }
  })()

  return {
    async read(work) {
      if (isFresh()) {
        try {
          const found = await work(replica)
          reads.inc({ from: 'replica' })
          return found
        } catch (error) {
          if (!isDatabaseAway(error) && (error as { code?: unknown }).code !== RECOVERY_CONFLICT) throw error
          if (isDatabaseAway(error)) leave(error)
        }
      }
      reads.inc({ from: 'primary' })
      return await work(figures)
    },
    choose() {
      const isReplica = isFresh()
      reads.inc({ from: isReplica ? 'replica' : 'primary' })
      return isReplica ? replica : figures
    },
    staleMs,
    async close() {
      stopped.abort()
      await Promise.all([looking, replica.end({ timeout: 2 })])
    },
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const ended = new AbortController()
  try {
    return await Promise.race([
      work,
      sleep(ms, undefined, { signal: ended.signal }).then(() => {
        throw new Error(`the replica did not answer within ${ms} ms`)
      }),
    ])
  } finally {
    ended.abort()
    work.catch(() => {})
  }
}
