import type { Db } from '../../../database.ts'
import type { Instant } from '../../../lib/time.ts'

export const RUN_STATUSES = ['running', 'done', 'interrupted', 'failed'] as const
export type RunStatus = (typeof RUN_STATUSES)[number]

/** How far a run is. */
export interface RunProgress {
  /** Per mille of the file. */
  progress: number
  line: number
  created: number
  updated: number
  unchanged: number
  rejected: number
}

export interface RunRow extends RunProgress {
  runId: string
  kind: string
  fileName: string
  status: RunStatus
  startedAt: Instant
  seenAt: Instant
  endedAt: Instant | null
}

interface Options {
  brandId: number
  runId: string
}

export async function insertRun(db: Db, options: Options & { kind: string; fileName: string; now: Instant }) {
  const { brandId, runId, kind, fileName, now } = options
  await db`
    INSERT INTO import_runs (brand_id, run_id, kind, file_name, status, progress, line, created, updated, unchanged,
      rejected, started_at, seen_at)
    VALUES (${brandId}, ${runId}, ${kind}, ${fileName}, 'running', 0, 0, 0, 0, 0, 0, ${now}, ${now})`
}

export async function updateRun(db: Db, options: Options & RunProgress & { status: RunStatus; now: Instant }) {
  const { brandId, runId, status, progress, line, created, updated, unchanged, rejected, now } = options
  await db`
    UPDATE import_runs SET status = ${status}, progress = ${progress}, line = ${line}, created = ${created},
      updated = ${updated}, unchanged = ${unchanged}, rejected = ${rejected}, seen_at = ${now},
      ended_at = ${status === 'running' ? null : now}
    WHERE brand_id = ${brandId} AND run_id = ${runId}`
}

/** Newest first: ids are ordered by time. */
export async function selectRuns(db: Db, options: { brandId: number; after: string | null; limit: number }) {
  const { brandId, after, limit } = options
  return await db<RunRow[]>`
    SELECT run_id AS "runId", kind, file_name AS "fileName", status, progress, line, created, updated, unchanged, rejected,
      started_at AS "startedAt", seen_at AS "seenAt", ended_at AS "endedAt"
    FROM import_runs WHERE brand_id = ${brandId} ${after === null ? db`` : db`AND run_id < ${after}`}
    ORDER BY run_id DESC LIMIT ${limit}`
}
