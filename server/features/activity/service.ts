import type { Db } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { formatInstant, parseInstant } from '../../lib/time.ts'
import { selectActivity } from './queries.ts'
import type { ActivityQuery } from './schema.ts'

export { insertActivity, type Deed } from './queries.ts'

/** Who did what, newest first. @throws AppError malformed_cursor */
export async function listActivity(db: Db, brandId: number, query: ActivityQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['instant', 'uuid'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectActivity(db, {
    brandId,
    actor: query.actor ?? null,
    action: query.action ?? null,
    subject: query.subject ?? null,
    from: query.from === undefined ? null : parseInstant(query.from),
    to: query.to === undefined ? null : parseInstant(query.to),
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
