import type { Db, Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { Person } from '../auth/domain.ts'
import type { Notice } from './domain.ts'
import { insertNoticeRows, selectNotices, updateNoticeRead, type NoticeRow } from './queries.ts'
import type { NoticeItem, NoticeQuery } from './schema.ts'

/** Tells associates something. In the transaction of what it tells of. */
export async function insertNotices(
  tx: Tx,
  options: { brandId: number; now: Instant; notices: readonly (Notice & { associateId: string })[] },
): Promise<void> {
  const { brandId, now, notices } = options
  if (notices.length === 0) return
  const rows = notices.map(notice => ({ ...notice, noticeId: uuidv7(now) }))
  await insertNoticeRows(tx, { brandId, now, rows })
}

/** What somebody was told, newest first: always his own. @throws AppError malformed_cursor */
export async function listNotices(db: Db, brandId: number, person: Person, query: NoticeQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['uuid'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectNotices(db, {
    brandId,
    associateId: person.associateId,
    isUnread: query.unread ?? null,
    after: after && String(after[0]),
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [row.noticeId], shownNotice)
}

/** Somebody has read what he was told; again changes nothing. @throws AppError not_found, also where it is another's */
export async function readNotice(
  db: Db,
  options: { brandId: number; person: Person; noticeId: string; now: Instant },
): Promise<NoticeItem> {
  const { person, ...rest } = options
  const row = await updateNoticeRead(db, { ...rest, associateId: person.associateId })
  if (!row) throw new AppError('not_found', 'There is no such notice.')
  return shownNotice(row)
}

const shownNotice = (row: NoticeRow): NoticeItem => ({
  ...row,
  createdAt: formatInstant(row.createdAt),
  readAt: row.readAt === null ? null : formatInstant(row.readAt),
})
