/** Who imports what, and how far he is, for those who are not at his machine. */
import { basename } from 'node:path'
import type { Db, Pool } from '../../../database.ts'
import { AppError } from '../../../errors.ts'
import { uuidv7 } from '../../../lib/ids.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../../lib/paging.ts'
import { formatInstant, MINUTE_MS, type Instant } from '../../../lib/time.ts'
import { insertRun, selectRuns, updateRun, type RunProgress, type RunStatus } from './queries.ts'
import type { ImportRun, RunQuery } from './schema.ts'
import type { ImportCounts } from '../state.ts'

export interface ImportRunLog {
  /** Takes note of how far it is; written down every few seconds. */
  note(progress: { line: number; bytesRead: number; bytesTotal: number; counts: ImportCounts }): void
  end(status: Exclude<RunStatus, 'running'>): Promise<void>
}

const NOTED_MS = 2000
const FILE_NAME_MAX = 200

/**
 * Begins the record of a run. A record that cannot be written does not end the import.
 *
 * @param options.now also tells when the last note was
 */
export async function openRunLog(
  pool: Pool,
  options: { brandId: number; kind: string; file: string; now: () => Instant },
): Promise<ImportRunLog> {
  const { brandId, kind, now } = options
  const runId = uuidv7(now())
  const key = { brandId, runId }
  const fileName = basename(options.file).replaceAll('\u0000', '').toWellFormed().slice(0, FILE_NAME_MAX)
  let last: RunProgress = { progress: 0, line: 0, created: 0, updated: 0, unchanged: 0, rejected: 0 }
  let notedAt = now()
  let writing = insertRun(pool, { ...key, kind, fileName, now: notedAt }).catch(() => {})
  const write = (status: RunStatus) => {
    notedAt = now()
    const row = { ...key, ...last, status, now: notedAt }
    writing = writing.then(() => updateRun(pool, row)).catch(() => {})
    return writing
  }
  await writing
  return {
    note({ line, bytesRead, bytesTotal, counts }) {
      const { created, updated, unchanged, rejected } = counts
      const progress = bytesTotal === 0 ? 1000 : Math.floor((bytesRead / bytesTotal) * 1000)
      last = { progress, line, created, updated, unchanged, rejected }
      if (now() - notedAt >= NOTED_MS) void write('running')
    },
    end(status) {
      if (status === 'done') last = { ...last, progress: 1000 }
      return write(status)
    },
  }
}

/** One that says nothing for so long has died. */
const SILENT_MS = 2 * MINUTE_MS

/** Imports, newest first. @throws AppError malformed_cursor */
export async function listRuns(db: Db, options: { brandId: number; query: RunQuery; now: Instant }) {
  const { brandId, query, now } = options
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['uuid'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectRuns(db, { brandId, after: after && String(after[0]), limit: limit + 1 })
  return pageOf(
    rows,
    limit,
    row => [row.runId],
    ({ status, startedAt, seenAt, endedAt, ...row }): ImportRun => ({
      ...row,
      status: status === 'running' && now - seenAt > SILENT_MS ? 'lost' : status,
      startedAt: formatInstant(startedAt),
      seenAt: formatInstant(seenAt),
      endedAt: endedAt === null ? null : formatInstant(endedAt),
    }),
  )
}
