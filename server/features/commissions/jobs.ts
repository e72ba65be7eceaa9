import type { Db } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import type { Instant } from '../../lib/time.ts'

/** Long work that goes on after the answer, shows how far it is, can be cancelled, and goes on after a crash. */

export interface JobRow {
  jobId: string
  kind: string
  status: 'waiting' | 'running' | 'cancelling' | 'done' | 'failed' | 'cancelled'
  input: unknown
  cursor: unknown
  done: number
  total: number
  result: unknown
  error: string | null
  createdAt: Instant
}

export async function insertJob(
  db: Db,
  options: { brandId: number; kind: string; input: Record<string, unknown>; booksLedger: boolean; now: Instant },
): Promise<string> {
  const jobId = uuidv7(options.now)
  await db`
    INSERT INTO jobs (brand_id, job_id, kind, status, input, done, total, books_ledger, created_at, updated_at)
    VALUES (${options.brandId}, ${jobId}, ${options.kind}, 'waiting', ${JSON.stringify(options.input)}::text::jsonb, 0, 0,
      ${options.booksLedger}, ${options.now}, ${options.now})`
  await db`SELECT pg_notify('daogou_marks', ${String(options.brandId)})`
  return jobId
}

const COLUMNS = `job_id AS "jobId", kind, status, input, cursor, done, total, result, error, created_at AS "createdAt"`

export async function selectJob(db: Db, options: { brandId: number; jobId: string }): Promise<JobRow | null> {
  const [row] = await db<JobRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM jobs WHERE brand_id = ${options.brandId} AND job_id = ${options.jobId}`
  return row ?? null
}

/** The oldest unfinished job that books, and a transaction number above all that were under way when it was seen. */
export async function selectOpenBooking(db: Db, options: { brandId: number }) {
  const [row] = await db<{ jobId: string; status: JobRow['status']; underWay: string }[]>`
    SELECT job_id AS "jobId", status, pg_current_xact_id()::text AS "underWay" FROM jobs
    WHERE brand_id = ${options.brandId} AND books_ledger AND status IN ('waiting', 'running', 'cancelling')
    ORDER BY job_id LIMIT 1`
  return row ?? null
}

/** The job under lock, where no other process works on it. */
export async function takeJob(
  db: Db,
  options: { brandId: number; jobId: string; statuses: readonly JobRow['status'][] },
): Promise<JobRow | null> {
  const [row] = await db<JobRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM jobs
    WHERE brand_id = ${options.brandId} AND job_id = ${options.jobId}
      AND status = ANY (${options.statuses as string[]}::text[])
    FOR UPDATE SKIP LOCKED`
  return row ?? null
}

/** The job under lock; whoever works on it is waited for. */
export async function lockJob(db: Db, options: { brandId: number; jobId: string }): Promise<JobRow | null> {
  const [row] = await db<JobRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM jobs
    WHERE brand_id = ${options.brandId} AND job_id = ${options.jobId} FOR UPDATE`
  return row ?? null
}

export async function updateJob(
  db: Db,
  options: {
    brandId: number
    jobId: string
    status: JobRow['status']
    cursor: unknown
    done: number
    total: number
    now: Instant
    error?: string | null
  },
): Promise<void> {
  await db`
    UPDATE jobs SET status = ${options.status}, cursor = ${JSON.stringify(options.cursor ?? null)}::text::jsonb,
      done = ${options.done}, total = ${options.total}, error = ${options.error ?? null}, updated_at = ${options.now}
    WHERE brand_id = ${options.brandId} AND job_id = ${options.jobId}`
}
