import type { Db } from '../../../database.ts'
import { uuidv7 } from '../../../lib/ids.ts'
import type { Instant } from '../../../lib/time.ts'
import type { OrderPlace } from '../../attribution/service.ts'

/**
 * A back-test runs over many short transactions, and in one process at a time: whoever works on it holds a lease, by the
 * database's clock, and renews it. One that runs out is anybody's.
 */

export interface JobKey {
  brandId: number
  jobId: string
}

export interface Leased extends JobKey {
  leaseId: string
}

/** The oldest back-tests that nobody works on, of all brands. */
export async function selectFreeBacktests(db: Db) {
  return await db<JobKey[]>`
    SELECT brand_id AS "brandId", job_id AS "jobId" FROM jobs
    WHERE kind = 'backtest' AND (status = 'waiting' OR (status = 'running' AND leased_until < clock_timestamp()))
    ORDER BY job_id LIMIT 10`
}

export interface LeasedJob extends Leased {
  input: unknown
  cursor: unknown
  total: number
}

/** Takes the job to work on; null where another process was quicker. */
export async function leaseJob(db: Db, options: JobKey & { seconds: number; now: Instant }): Promise<LeasedJob | null> {
  const { brandId, jobId, seconds, now } = options
  const leaseId = uuidv7(now)
  const [row] = await db<Omit<LeasedJob, keyof Leased>[]>`
    UPDATE jobs SET status = 'running', lease_id = ${leaseId},
      leased_until = clock_timestamp() + make_interval(secs => ${seconds}), updated_at = ${now}
    WHERE brand_id = ${brandId} AND job_id = ${jobId}
      AND (status = 'waiting' OR (status = 'running' AND leased_until < clock_timestamp()))
    RETURNING input, cursor, total`
  return row ? { brandId, jobId, leaseId, ...row } : null
}

/** Says how far it is and renews the lease. @returns whether the job is still ours, and not cancelled */
export async function renewLease(
  db: Db,
  options: Leased & { seconds: number; done: number; total: number; now: Instant },
): Promise<boolean> {
  const { brandId, jobId, leaseId, seconds, done, total, now } = options
  const rows = await db`
    UPDATE jobs SET leased_until = clock_timestamp() + make_interval(secs => ${seconds}), done = ${done}, total = ${total},
      updated_at = ${now}
    WHERE brand_id = ${brandId} AND job_id = ${jobId} AND lease_id = ${leaseId} AND status = 'running'
    RETURNING job_id`
  return rows.length > 0
}

/** Keeps where to go on after a crash. @returns as renewLease */
export async function updateCursor(db: Db, options: Leased & { cursor: unknown }): Promise<boolean> {
  const { brandId, jobId, leaseId, cursor } = options
  const rows = await db`
    UPDATE jobs SET cursor = ${JSON.stringify(cursor)}::text::jsonb
    WHERE brand_id = ${brandId} AND job_id = ${jobId} AND lease_id = ${leaseId} AND status = 'running'
    RETURNING job_id`
  return rows.length > 0
}

/** Lets another process go on with it at once. */
export async function giveUpLease(db: Db, { brandId, jobId, leaseId }: Leased): Promise<void> {
  await db`
    UPDATE jobs SET leased_until = clock_timestamp()
    WHERE brand_id = ${brandId} AND job_id = ${jobId} AND lease_id = ${leaseId} AND status = 'running'`
}

/** The end: what it answers, or why it failed. */
export async function endJob(
  db: Db,
  options: Leased & { result: unknown; error: string | null; done: number; now: Instant },
): Promise<void> {
  const { brandId, jobId, leaseId, result, error, done, now } = options
  await db`
    UPDATE jobs SET status = ${error === null ? 'done' : 'failed'}, result = ${JSON.stringify(result)}::text::jsonb,
      error = ${error}, cursor = NULL, done = ${done}, total = ${done}, lease_id = NULL, leased_until = NULL,
      updated_at = ${now}
    WHERE brand_id = ${brandId} AND job_id = ${jobId} AND lease_id = ${leaseId} AND status = 'running'`
}

/** The last order of every so many that were paid in a span, by (paidAt, source, orderNo). */
export async function selectSliceEnds(
  db: Db,
  options: { brandId: number; from: Instant; to: Instant; size: number },
): Promise<OrderPlace[]> {
  const { brandId, from, to, size } = options
  return await db<OrderPlace[]>`
    SELECT source, order_no AS "orderNo", paid_at AS "paidAt"
    FROM (
      SELECT source, order_no, paid_at, row_number() OVER (ORDER BY paid_at, source, order_no) AS place FROM orders
      WHERE brand_id = ${brandId} AND paid_at >= ${from}::timestamptz AND paid_at < ${to}::timestamptz
    ) AS o
    WHERE place % ${size}::int = 0 ORDER BY place`
}

/** The associates' targets of these months. */
export async function selectTargets(db: Db, options: { brandId: number; months: readonly string[] }) {
  return await db<{ month: string; associateId: string; targetFen: number }[]>`
    SELECT month, subject AS "associateId", net_sales_fen AS "targetFen" FROM targets
    WHERE brand_id = ${options.brandId} AND month = ANY (${options.months as string[]}::text[])
      AND subject_kind = 'associate'`
}

export interface BacktestRow {
  jobId: string
  status: 'waiting' | 'running' | 'cancelling' | 'done' | 'failed' | 'cancelled'
  done: number
  total: number
  createdAt: Instant
  from: string
  to: string
  code: string
  version: number
  orders: number | null
  now: { totalFen: number; bonusFen?: number } | null
  then: { totalFen: number; bonusFen?: number } | null
}

/** Newest first; of the results the sums alone. */
export async function selectBacktests(
  db: Db,
  options: { brandId: number; terms: string | null; status: string | null; after: string | null; limit: number },
): Promise<BacktestRow[]> {
  const { brandId, terms, status, after, limit } = options
  return await db<BacktestRow[]>`
    SELECT job_id AS "jobId", status, done, total, created_at AS "createdAt", input ->> 'from' AS "from",
      input ->> 'to' AS "to", input #>> '{plan,code}' AS code, (input #>> '{plan,version}')::int AS version,
      (result ->> 'orders')::int AS orders, result -> 'now' AS now, result -> 'then' AS "then"
    FROM jobs
    WHERE brand_id = ${brandId} AND kind = 'backtest' AND (${terms}::text IS NULL OR input ->> 'terms' = ${terms}::text)
      AND (${status}::text IS NULL OR status = ${status}::text)
      AND (${after}::uuid IS NULL OR job_id < ${after}::uuid)
    ORDER BY job_id DESC LIMIT ${limit}`
}

/** The answer of a back-test that has ended; null where there is none of it. */
export async function selectBacktestResult(
  db: Db,
  { brandId, jobId }: { brandId: number; jobId: string },
): Promise<{ result: unknown; from: string; to: string } | null> {
  const [row] = await db<{ result: unknown; from: string; to: string }[]>`
    SELECT result, input ->> 'from' AS "from", input ->> 'to' AS "to" FROM jobs
    WHERE brand_id = ${brandId} AND job_id = ${jobId} AND kind = 'backtest' AND status = 'done'`
  return row ?? null
}

/** What associates and stores are called. */
export async function selectNames(
  db: Db,
  { brandId, associates, stores }: { brandId: number; associates: readonly string[]; stores: readonly string[] },
) {
  return await db<{ kind: 'associate' | 'store'; key: string; name: string }[]>`
    SELECT 'associate' AS kind, associate_id AS key, name FROM associates
    WHERE brand_id = ${brandId} AND associate_id = ANY (${[...associates]}::text[])
    UNION ALL
    SELECT 'store', store_code, name FROM stores
    WHERE brand_id = ${brandId} AND store_code = ANY (${[...stores]}::text[])`
}
