import type { DatedEntry } from '../../../drizzle/schema/stores.ts'
import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { KeptEmployment } from '../stores/domain.ts'
import type { Post, PostPlace, RecipientStatus, TaskStatus } from './domain.ts'

interface Options {
  brandId: number
}

// ------------------------------------------------------------------------------------------------- calendar

export interface PostRow extends Post {
  places: PostPlace[]
  pictures: string[]
  materialIds: string[]
  storeCodes: string[] | null
  regions: string[] | null
  startsAt: Instant
  endsAt: Instant
  plannedAt: Instant | null
  createdAt: Instant
  changedAt: Instant
  changedBy: string
  deletedAt: Instant | null
}

const COLUMNS = `p.post_id AS "postId", p.day, p.from_time AS "fromTime", p.to_time AS "toTime", p.places, p.text,
  p.pictures, p.material_ids AS "materialIds", p.store_codes AS "storeCodes", p.regions, p.via,
  p.starts_at AS "startsAt", p.ends_at AS "endsAt", p.planned_at AS "plannedAt", p.created_at AS "createdAt",
  p.changed_at AS "changedAt", p.changed_by AS "changedBy", p.deleted_at AS "deletedAt"`

export async function writePost(db: Db, { brandId, post: row }: Options & { post: PostRow }) {
  await db`
    INSERT INTO posts (brand_id, post_id, day, from_time, to_time, starts_at, ends_at, places, text, pictures,
      material_ids, store_codes, regions, via, planned_at, created_at, changed_at, changed_by, deleted_at)
    VALUES (${brandId}, ${row.postId}, ${row.day}, ${row.fromTime}, ${row.toTime}, ${row.startsAt}, ${row.endsAt},
      ${row.places}::text[], ${row.text}, ${row.pictures}::text[], ${JSON.stringify(row.materialIds)}::text::jsonb,
      ${row.storeCodes}::text[], ${row.regions}::text[], ${row.via}, ${row.plannedAt}, ${row.createdAt},
      ${row.changedAt}, ${row.changedBy}, ${row.deletedAt})
    ON CONFLICT (brand_id, post_id) DO UPDATE SET day = EXCLUDED.day, from_time = EXCLUDED.from_time,
      to_time = EXCLUDED.to_time, starts_at = EXCLUDED.starts_at, ends_at = EXCLUDED.ends_at,
      places = EXCLUDED.places, text = EXCLUDED.text, pictures = EXCLUDED.pictures,
      material_ids = EXCLUDED.material_ids, store_codes = EXCLUDED.store_codes, regions = EXCLUDED.regions,
      via = EXCLUDED.via, changed_at = EXCLUDED.changed_at, changed_by = EXCLUDED.changed_by,
      deleted_at = EXCLUDED.deleted_at`
}

/** Locked, deleted ones too. */
export async function lockPost(db: Db, { brandId, postId }: Options & { postId: string }) {
  const [row] = await db<PostRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM posts AS p
    WHERE p.brand_id = ${brandId} AND p.post_id = ${postId}::text::uuid FOR UPDATE`
  return row ?? null
}

/** Deleted ones too, for the tasks that were begun. */
export async function selectPost(db: Db, { brandId, postId }: Options & { postId: string }) {
  const [row] = await db<(PostRow & { used: number })[]>`
    SELECT ${db.unsafe(COLUMNS)}, ${usedOf(db)} AS used FROM posts AS p
    WHERE p.brand_id = ${brandId} AND p.post_id = ${postId}::text::uuid`
  return row ?? null
}

const usedOf = (db: Db) =>
  db`(SELECT count(*) FROM post_ticks AS t WHERE t.brand_id = p.brand_id AND t.post_id = p.post_id)`

/** By their hours; `from` and `to` are days, both of them within. */
export async function selectPosts(
  db: Db,
  options: Options & {
    /** For some of these stores or regions; absent: all. */
    ofStores?: { storeCodes: readonly string[]; regions: readonly string[] }
    from: string | null
    to: string | null
    after: { day: string; startsAt: string; postId: string } | null
    limit: number
  },
) {
  const { brandId, ofStores, from, to, after, limit } = options
  return await db<(PostRow & { used: number })[]>`
    SELECT ${db.unsafe(COLUMNS)}, ${usedOf(db)} AS used FROM posts AS p
    WHERE p.brand_id = ${brandId} AND p.deleted_at IS NULL
      ${from === null ? db`` : db`AND p.day >= ${from}`}
      ${to === null ? db`` : db`AND p.day <= ${to}`}
      ${
        ofStores === undefined
          ? db``
          : db`AND (p.store_codes IS NULL AND p.regions IS NULL OR p.store_codes && ${ofStores.storeCodes as string[]}::text[]
              OR p.regions && ${ofStores.regions as string[]}::text[])`
      }
      ${
        after === null
          ? db``
          : db`AND (p.day, p.starts_at, p.post_id) > (${after.day}, ${after.startsAt}::text::timestamptz, ${after.postId}::text::uuid)`
      }
    ORDER BY p.day, p.starts_at, p.post_id LIMIT ${limit}`
}

export interface OwnState {
  postId: string
  usedAt: Instant | null
  /** Of the task that asks him; null: there is none for him. */
  status: TaskStatus | null
  confirmedAt: Instant | null
}

/** How somebody stands with these posts: of several tasks the one that he has yet to confirm comes first. */
export async function selectOwnStates(
  db: Db,
  { brandId, associateId, postIds }: Options & { associateId: string; postIds: readonly string[] },
) {
  if (postIds.length === 0) return []
  return await db<OwnState[]>`
    SELECT p.post_id AS "postId", tick.used_at AS "usedAt", task.status, task.confirmed_at AS "confirmedAt"
    FROM posts AS p
    LEFT JOIN post_ticks AS tick
      ON tick.brand_id = p.brand_id AND tick.post_id = p.post_id AND tick.associate_id = ${associateId}
    LEFT JOIN LATERAL (
      SELECT t.status, s.confirmed_at FROM post_tasks AS t
      JOIN post_senders AS s ON s.brand_id = t.brand_id AND s.task_id = t.task_id AND s.associate_id = ${associateId}
      WHERE t.brand_id = p.brand_id AND t.post_id = p.post_id
      ORDER BY s.confirmed_at NULLS FIRST, t.task_id LIMIT 1
    ) AS task ON true
    WHERE p.brand_id = ${brandId} AND p.post_id = ANY (${postIds as string[]}::text[]::uuid[])`
}

export async function upsertTick(
  db: Db,
  options: Options & { postId: string; associateId: string; storeCode: string | null; now: Instant },
): Promise<Instant> {
  const { brandId, postId, associateId, storeCode, now } = options
  await db`
    INSERT INTO post_ticks (brand_id, post_id, associate_id, store_code, used_at)
    VALUES (${brandId}, ${postId}, ${associateId}, ${storeCode}, ${now}) ON CONFLICT DO NOTHING`
  const [row] = await db<{ usedAt: Instant }[]>`
    SELECT used_at AS "usedAt" FROM post_ticks
    WHERE brand_id = ${brandId} AND post_id = ${postId} AND associate_id = ${associateId}`
  return row?.usedAt ?? now
}

export async function deleteTick(
  db: Db,
  { brandId, postId, associateId }: Options & { postId: string; associateId: string },
) {
  await db`
    DELETE FROM post_ticks WHERE brand_id = ${brandId} AND post_id = ${postId} AND associate_id = ${associateId}`
}

// ---------------------------------------------------------------------------------------------------- tasks

/** Posts whose hour has come, and whose tasks are not written down yet. */
export async function lockPostToPlan(db: Db, { brandId, now }: Options & { now: Instant }) {
  const [row] = await db<PostRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM posts AS p
    WHERE p.brand_id = ${brandId} AND p.via <> 'hand' AND p.planned_at IS NULL AND p.deleted_at IS NULL
      AND p.starts_at <= ${now}
    ORDER BY p.starts_at LIMIT 1 FOR UPDATE SKIP LOCKED`
  return row ?? null
}

export async function updatePlanned(db: Db, { brandId, postId, now }: Options & { postId: string; now: Instant }) {
  await db`UPDATE posts SET planned_at = ${now} WHERE brand_id = ${brandId} AND post_id = ${postId}`
}

export interface StoreOfBrand {
  storeCode: string
  name: string
  regions: DatedEntry[]
}

export async function selectAllStores(db: Db, { brandId }: Options) {
  return await db<StoreOfBrand[]>`
    SELECT store_code AS "storeCode", name, regions FROM stores WHERE brand_id = ${brandId} ORDER BY store_code`
}

export interface Candidate {
  associateId: string
  storeCode: string
  employments: KeptEmployment[]
  /** Of customers, and of groups that he owns. */
  hasFriends: boolean
  hasGroups: boolean
}

/** Who of these stores may have customers in WeCom, as it last said. */
export async function selectCandidates(db: Db, { brandId, storeCodes }: Options & { storeCodes: readonly string[] }) {
  return await db<Candidate[]>`
    SELECT a.associate_id AS "associateId", a.store_code AS "storeCode", a.employments,
      EXISTS (SELECT FROM wecom_friends AS f
        WHERE f.brand_id = ${brandId} AND f.userid = a.associate_id AND f.ended_at IS NULL) AS "hasFriends",
      EXISTS (SELECT FROM wecom_groups AS g
        WHERE g.brand_id = ${brandId} AND g.owner = a.associate_id AND g.dissolved_at IS NULL) AS "hasGroups"
    FROM associates AS a
    JOIN wecom_staff AS s ON s.brand_id = ${brandId} AND s.userid = a.associate_id AND s.gone_at IS NULL AND s.may_follow
    WHERE a.brand_id = ${brandId} AND a.store_code = ANY (${storeCodes as string[]}::text[])
    ORDER BY a.associate_id`
}

export interface NewTask {
  taskId: string
  place: PostPlace
  associateId: string
  storeCode: string | null
}

export async function insertTasks(
  db: Db,
  options: Options & {
    postId: string
    tasks: readonly NewTask[]
    senders: readonly { taskId: string; associateId: string; storeCode: string }[]
    now: Instant
  },
) {
  const { brandId, postId, tasks, senders, now } = options
  await db`
    INSERT INTO post_tasks (brand_id, task_id, post_id, place, associate_id, store_code, link_codes, status, tries, due_at)
    SELECT ${brandId}, "taskId", ${postId}::text::uuid, place, "associateId", "storeCode", '{}', 'waiting', 0, ${now}
    FROM jsonb_to_recordset(${JSON.stringify(tasks)}::text::jsonb)
      AS row ("taskId" uuid, place text, "associateId" text, "storeCode" text)`
  await db`
    INSERT INTO post_senders (brand_id, task_id, associate_id, store_code, likes, comments)
    SELECT ${brandId}, "taskId", "associateId", "storeCode", 0, 0
    FROM jsonb_to_recordset(${JSON.stringify(senders)}::text::jsonb)
      AS row ("taskId" uuid, "associateId" text, "storeCode" text)`
}

export interface TaskRow extends NewTask {
  postId: string
  linkCodes: string[]
  status: TaskStatus
  begunAt: Instant | null
  jobId: string | null
  wecomId: string | null
  errcode: number | null
  tries: number
}

/** Lends the task that has waited longest to one process. */
export async function claimTask(
  db: Db,
  { brandId, leaseId, now, leasedUntil }: Options & { leaseId: string; now: Instant; leasedUntil: Instant },
) {
  const [row] = await db<TaskRow[]>`
    UPDATE post_tasks SET lease_id = ${leaseId}, due_at = ${leasedUntil}
    WHERE brand_id = ${brandId} AND task_id = (
      SELECT task_id FROM post_tasks WHERE brand_id = ${brandId} AND due_at <= ${now}
      ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING task_id AS "taskId", post_id AS "postId", place, associate_id AS "associateId",
      store_code AS "storeCode", link_codes AS "linkCodes", status, begun_at AS "begunAt", job_id AS "jobId",
      wecom_id AS "wecomId", errcode, tries`
  return row ?? null
}

export type TaskState = Pick<
  TaskRow,
  'linkCodes' | 'status' | 'begunAt' | 'jobId' | 'wecomId' | 'errcode' | 'tries'
> & {
  dueAt: Instant | null
}

/**
 * Writes how a task stands.
 *
 * @param isDone the process is done with it, and others may have it
 * @returns false where another process has it meanwhile
 */
export async function updateTask(
  db: Db,
  options: Options & { taskId: string; leaseId: string; state: TaskState; isDone: boolean; readAt?: Instant },
): Promise<boolean> {
  const { brandId, taskId, leaseId, state, isDone, readAt } = options
  const rows = await db`
    UPDATE post_tasks SET link_codes = ${state.linkCodes}::text[], status = ${state.status},
      begun_at = ${state.begunAt}, job_id = ${state.jobId}, wecom_id = ${state.wecomId}, errcode = ${state.errcode},
      tries = ${state.tries}, due_at = ${state.dueAt}
      ${isDone ? db`, lease_id = NULL` : db``} ${readAt === undefined ? db`` : db`, read_at = ${readAt}`}
    WHERE brand_id = ${brandId} AND task_id = ${taskId} AND lease_id = ${leaseId} RETURNING task_id`
  return rows.length > 0
}

/** The friends of somebody to whom a group message may go: none who wants no marketing. */
export async function selectAudience(
  db: Db,
  { brandId, associateId, limit }: Options & { associateId: string; limit: number },
) {
  const rows = await db<{ externalUserid: string }[]>`
    SELECT f.external_userid AS "externalUserid" FROM wecom_friends AS f
    LEFT JOIN LATERAL (
      SELECT number.last_member_no FROM identities AS i
      JOIN members AS number ON number.brand_id = ${brandId} AND number.member_no = i.member_no
      WHERE i.brand_id = ${brandId} AND i.kind = 'external_userid' AND i.value = f.external_userid
      ORDER BY i.at DESC, number.last_member_no DESC LIMIT 1
    ) AS person ON true
    LEFT JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = person.last_member_no
    WHERE f.brand_id = ${brandId} AND f.userid = ${associateId} AND f.ended_at IS NULL
      AND m.consent_marketing IS DISTINCT FROM false
    ORDER BY f.external_userid LIMIT ${limit}`
  return rows.map(row => row.externalUserid)
}

/** Whom a task asks to send. */
export async function selectSenders(db: Db, { brandId, taskId }: Options & { taskId: string }) {
  const rows = await db<{ associateId: string }[]>`
    SELECT associate_id AS "associateId" FROM post_senders
    WHERE brand_id = ${brandId} AND task_id = ${taskId} ORDER BY associate_id`
  return rows.map(row => row.associateId)
}

/** Those of these ids of WeCom's that are known here. */
export async function selectKnownIds(db: Db, { brandId, wecomIds }: Options & { wecomIds: readonly string[] }) {
  const rows = await db<{ wecomId: string }[]>`
    SELECT wecom_id AS "wecomId" FROM post_tasks
    WHERE brand_id = ${brandId} AND wecom_id = ANY (${wecomIds as string[]}::text[])`
  return new Set(rows.map(row => row.wecomId))
}

// -------------------------------------------------------------------------------------------------- results

/** Who sent, as WeCom says; when he did is kept as it was first told. */
export async function updateSenders(
  db: Db,
  options: Options & {
    taskId: string
    senders: readonly { associateId: string; confirmedAt: Instant; likes: number; comments: number }[]
  },
) {
  const { brandId, taskId, senders } = options
  if (senders.length === 0) return
  const rows = senders.map(row => ({ ...row, confirmedAt: new Date(row.confirmedAt).toISOString() }))
  await db`
    UPDATE post_senders AS s SET confirmed_at = COALESCE(s.confirmed_at, row."confirmedAt"), likes = row.likes,
      comments = row.comments
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row ("associateId" text, "confirmedAt" timestamptz, likes int, comments int)
    WHERE s.brand_id = ${brandId} AND s.task_id = ${taskId} AND s.associate_id = row."associateId"`
}

export async function upsertRecipients(
  db: Db,
  options: Options & {
    taskId: string
    recipients: readonly { recipient: string; status: RecipientStatus; sentAt: Instant | null }[]
  },
) {
  const { brandId, taskId, recipients } = options
  if (recipients.length === 0) return
  const rows = recipients.map(row => ({ ...row, sentAt: row.sentAt === null ? null : new Date(row.sentAt).toISOString() })) // prettier-ignore
  await db`
    INSERT INTO post_recipients (brand_id, task_id, recipient, status, sent_at)
    SELECT DISTINCT ON (recipient) ${brandId}, ${taskId}::text::uuid, recipient, status, "sentAt"
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) AS row (recipient text, status text, "sentAt" timestamptz)
    ON CONFLICT (brand_id, task_id, recipient) DO UPDATE SET status = EXCLUDED.status, sent_at = EXCLUDED.sent_at`
}

const ofStores = (db: Db, storeCodes: readonly string[] | null) =>
  storeCodes === null ? db`` : db`AND store_code = ANY (${storeCodes as string[]}::text[])`

/** The links that went out with a post, of these stores; null: of all. */
export async function selectPostLinks(
  db: Db,
  { brandId, postId, storeCodes }: Options & { postId: string; storeCodes: readonly string[] | null },
): Promise<string[]> {
  const rows = await db<{ linkCode: string }[]>`
    SELECT DISTINCT unnest(link_codes) AS "linkCode" FROM post_tasks
    WHERE brand_id = ${brandId} AND post_id = ${postId}::text::uuid AND status = 'made' ${ofStores(db, storeCodes)}`
  return rows.map(row => row.linkCode)
}

/** How a post's tasks stand; of stores those of their people, so a moment's, which is one for all, is none. */
export async function selectTaskCounts(
  db: Db,
  { brandId, postId, storeCodes }: Options & { postId: string; storeCodes: readonly string[] | null },
) {
  return await db<{ status: TaskStatus; errcode: number | null; count: number }[]>`
    SELECT status, errcode, count(*) FROM post_tasks
    WHERE brand_id = ${brandId} AND post_id = ${postId}::text::uuid ${ofStores(db, storeCodes)} GROUP BY status, errcode`
}

export interface StoreCounts {
  storeCode: string
  used: number
  asked: number
  confirmed: number
  likes: number
  comments: number
  sent: number
  notFriend: number
  limit: number
  unsent: number
}

/** What became of a post in these stores. */
export async function selectStoreCounts(
  db: Db,
  { brandId, postId, storeCodes }: Options & { postId: string; storeCodes: readonly string[] },
) {
  return await db<StoreCounts[]>`
    WITH task AS (
      SELECT task_id FROM post_tasks WHERE brand_id = ${brandId} AND post_id = ${postId}::text::uuid
    ), sender AS (
      SELECT s.store_code, count(DISTINCT s.associate_id) AS asked,
        count(DISTINCT s.associate_id) FILTER (WHERE s.confirmed_at IS NOT NULL) AS confirmed,
        sum(s.likes)::bigint AS likes, sum(s.comments)::bigint AS comments
      FROM task JOIN post_senders AS s ON s.brand_id = ${brandId} AND s.task_id = task.task_id
      WHERE s.store_code = ANY (${storeCodes as string[]}::text[]) GROUP BY 1
    ), recipient AS (
      SELECT t.store_code, count(*) FILTER (WHERE r.status = 'sent') AS sent,
        count(*) FILTER (WHERE r.status = 'not_friend') AS not_friend,
        count(*) FILTER (WHERE r.status = 'limit') AS limited, count(*) FILTER (WHERE r.status = 'unsent') AS unsent
      FROM post_tasks AS t JOIN post_recipients AS r ON r.brand_id = ${brandId} AND r.task_id = t.task_id
      WHERE t.brand_id = ${brandId} AND t.post_id = ${postId}::text::uuid
        AND t.store_code = ANY (${storeCodes as string[]}::text[]) GROUP BY 1
    ), tick AS (
      SELECT store_code, count(*) AS used FROM post_ticks
      WHERE brand_id = ${brandId} AND post_id = ${postId}::text::uuid
        AND store_code = ANY (${storeCodes as string[]}::text[]) GROUP BY 1
    )
    SELECT store.store_code AS "storeCode", COALESCE(tick.used, 0) AS used, COALESCE(sender.asked, 0) AS asked,
      COALESCE(sender.confirmed, 0) AS confirmed, COALESCE(sender.likes, 0) AS likes,
      COALESCE(sender.comments, 0) AS comments, COALESCE(recipient.sent, 0) AS sent,
      COALESCE(recipient.not_friend, 0) AS "notFriend", COALESCE(recipient.limited, 0) AS "limit",
      COALESCE(recipient.unsent, 0) AS unsent
    FROM unnest(${storeCodes as string[]}::text[]) AS store (store_code)
    LEFT JOIN tick USING (store_code) LEFT JOIN sender USING (store_code) LEFT JOIN recipient USING (store_code)`
}

/** Who works in these stores, with every spell of it. */
export async function selectColleagues(db: Db, { brandId, storeCodes }: Options & { storeCodes: readonly string[] }) {
  return await db<{ storeCode: string; employments: KeptEmployment[] }[]>`
    SELECT store_code AS "storeCode", employments FROM associates
    WHERE brand_id = ${brandId} AND store_code = ANY (${storeCodes as string[]}::text[])`
}
