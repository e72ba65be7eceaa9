import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { Notice } from './domain.ts'

interface Options {
  brandId: number
  associateId: string
}

export interface NoticeRow {
  noticeId: string
  kind: Notice['kind']
  details: Record<string, unknown>
  createdAt: Instant
  readAt: Instant | null
}

export async function insertNoticeRows(
  db: Db,
  options: {
    brandId: number
    now: Instant
    rows: readonly { noticeId: string; associateId: string; kind: string; details: object }[]
  },
) {
  await db`
    INSERT INTO notices (brand_id, associate_id, notice_id, kind, details, created_at)
    SELECT ${options.brandId}, "associateId", "noticeId", kind, details, ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb)
      AS row ("associateId" text, "noticeId" uuid, kind text, details jsonb)`
}

const COLUMNS = `notice_id AS "noticeId", kind, details, created_at AS "createdAt", read_at AS "readAt"`

/** Newest first: the ids are made in the order of time. */
export async function selectNotices(
  db: Db,
  options: Options & { isUnread: boolean | null; after: string | null; limit: number },
) {
  const { brandId, associateId, isUnread, after, limit } = options
  return await db<NoticeRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM notices
    WHERE brand_id = ${brandId} AND associate_id = ${associateId}
      ${isUnread === null ? db`` : db`AND (read_at IS NULL) = ${isUnread}`}
      ${after === null ? db`` : db`AND notice_id < ${after}`}
    ORDER BY notice_id DESC LIMIT ${limit}`
}

/** The first reading counts. */
export async function updateNoticeRead(db: Db, options: Options & { noticeId: string; now: Instant }) {
  const { brandId, associateId, noticeId, now } = options
  const [row] = await db<NoticeRow[]>`
    UPDATE notices SET read_at = COALESCE(read_at, ${now}::timestamptz)
    WHERE brand_id = ${brandId} AND associate_id = ${associateId} AND notice_id = ${noticeId}
    RETURNING ${db.unsafe(COLUMNS)}`
  return row ?? null
}
