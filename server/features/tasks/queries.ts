import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'

interface Options {
  brandId: number
}

export interface TaskEventKey {
  taskId: string
  kind: 'done' | 'undone'
  at: Instant
}

export interface TaskEvent extends TaskEventKey {
  associateId: string
  task: string
  memberNo: string | null
}

const asJson = (rows: readonly TaskEventKey[]) =>
  JSON.stringify(rows.map(row => ({ ...row, at: formatInstant(row.at) })))

/** @returns the keys that were not there before */
export async function insertTaskEvents(
  db: Db,
  { brandId, now, rows }: Options & { now: Instant; rows: readonly TaskEvent[] },
) {
  if (rows.length === 0) return []
  return await db<TaskEventKey[]>`
    INSERT INTO task_events (brand_id, task_id, kind, at, associate_id, task, member_no, received_at)
    SELECT ${brandId}, "taskId", kind, at, "associateId", task, "memberNo", ${now}
    FROM jsonb_to_recordset(${asJson(rows)}::text::jsonb)
      AS row ("taskId" text, kind text, at timestamptz, "associateId" text, task text, "memberNo" text)
    ORDER BY "taskId" COLLATE "C", at, kind
    ON CONFLICT DO NOTHING
    RETURNING task_id AS "taskId", kind, at`
}

/** Everything told about these tasks. */
export async function selectTaskEvents(db: Db, { brandId, taskIds }: Options & { taskIds: readonly string[] }) {
  if (taskIds.length === 0) return []
  return await db<TaskEvent[]>`
    SELECT task_id AS "taskId", kind, at, associate_id AS "associateId", task, member_no AS "memberNo"
    FROM task_events WHERE brand_id = ${brandId} AND task_id = ANY (${taskIds as string[]}::text[])`
}
