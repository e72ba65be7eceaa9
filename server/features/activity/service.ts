import type { Db, Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { startOfDay } from '../../lib/calendar.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { inPages, localTime, type SheetFormat, type Table } from '../../lib/sheets.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { insertActivity, selectActivity, type ActivityRow } from './queries.ts'
import type { ActivityQuery } from './schema.ts'

export { insertActivity, type Deed } from './queries.ts'

/** Who did what, newest first. @throws AppError malformed_cursor, invalid_query */
export async function listActivity(db: Db, { brandId, zone }: Asker, query: ActivityQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['instant', 'uuid'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectActivity(db, {
    ...filterOf({ brandId, zone }, query),
    after: after && { at: String(after[0]), activityId: String(after[1]) },
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [formatInstant(row.at), row.activityId],
    row => ({ ...row, at: formatInstant(row.at) }),
  )
}

interface Asker {
  brandId: number
  zone: string
}

const filterOf = ({ brandId, zone }: Asker, query: ActivityQuery) => ({
  brandId,
  actor: query.actor ?? null,
  action: query.action ?? null,
  subject: query.subject ?? null,
  from: query.from === undefined ? null : readBound('from', query.from, zone),
  to: query.to === undefined ? null : readBound('to', query.to, zone),
})

function readBound(path: 'from' | 'to', text: string, zone: string): Instant {
  const at = parseInstant(text) ?? startOfDay(text, zone)
  if (at !== null) return at
  const message = 'It must be RFC 3339 with offset, or YYYY-MM-DD.'
  throw new AppError('invalid_query', `${path}: ${message}`, [{ path, code: 'invalid_value', message }])
}

/** All of it as a file, up to now; that it was taken is written down itself. */
export async function exportActivity(
  pool: Pool,
  options: {
    caller: Asker & { actor: string }
    query: ActivityQuery
    format: SheetFormat
    now: Instant
  },
): Promise<Table<ActivityRow>> {
  const { caller, query, format, now } = options
  const { brandId, actor, zone } = caller
  const filter = filterOf(caller, query)
  const details = { ...query, format }
  await insertActivity(pool, { brandId, now, actor, action: 'activity.exported', subject: 'activity', details })
  const time = localTime(zone)
  return {
    name: 'activity',
    columns: [
      { title: '时间', text: row => time(row.at) },
      { title: '谁', text: row => row.actor },
      { title: '做了什么', text: row => row.action },
      { title: '对象', text: row => row.subject },
      { title: '说明', text: row => JSON.stringify(row.details) },
    ],
    rows: inPages<ActivityRow>((last, limit) => {
      const after = last && { at: formatInstant(last.at), activityId: last.activityId }
      return selectActivity(pool, { ...filter, after, limit })
    }),
  }
}
