import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { PersonalTable } from './domain.ts'

interface Options {
  brandId: number
}

/** A person: all his numbers under the last, and the ids by which he is known. */
export interface Person {
  memberNo: string
  memberNos: string[]
  ids: { kind: string; value: string }[]
}

/** All numbers of the person who has one of these, by the last of them. */
export async function selectNumbers(db: Db, { brandId, memberNo }: Options & { memberNo: string }) {
  return await db<{ memberNo: string; lastMemberNo: string; erasedAt: Instant | null }[]>`
    SELECT member_no AS "memberNo", last_member_no AS "lastMemberNo", erased_at AS "erasedAt" FROM members
    WHERE brand_id = ${brandId} AND last_member_no = (
      SELECT last_member_no FROM members WHERE brand_id = ${brandId} AND member_no = ${memberNo})
    ORDER BY member_no`
}

/** People with this phone, by their last numbers. */
export async function selectByPhone(db: Db, { brandId, phoneHash }: Options & { phoneHash: string }) {
  const rows = await db<{ memberNo: string }[]>`
    SELECT DISTINCT last_member_no AS "memberNo" FROM members WHERE brand_id = ${brandId} AND phone_hash = ${phoneHash}
    ORDER BY 1 LIMIT 20`
  return rows.map(row => row.memberNo)
}

/** Who a person is, of his last number. */
export async function selectHeadline(db: Db, { brandId, memberNo }: Options & { memberNo: string }) {
  const [row] = await db<
    { name: string | null; phoneEncrypted: Buffer | null; joinedAt: Instant | null; erasedAt: Instant | null }[]
  >`
    SELECT name, phone_encrypted AS "phoneEncrypted", joined_at AS "joinedAt", erased_at AS "erasedAt"
    FROM members WHERE brand_id = ${brandId} AND member_no = ${memberNo}`
  return row ?? null
}

/**
 * The ids of a person: those whose last link is to a number of his, those that came with his number and are nobody
 * else's, and of contacts in WeCom the other name. What was erased before is left out.
 */
export async function selectIds(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  const numbers = memberNos as string[]
  return await db<{ kind: string; value: string }[]>`
    WITH touched AS MATERIALIZED (
      SELECT unionid, openid, external_userid, visitor_id FROM touches
      WHERE brand_id = ${brandId} AND member_no = ANY (${numbers}::text[])
      UNION
      SELECT r.unionid, r.openid, r.external_userid, r.visitor_id
      FROM orders AS o JOIN order_revisions AS r ON r.brand_id = ${brandId} AND r.source = o.source AND r.order_no = o.order_no
      WHERE o.brand_id = ${brandId} AND o.buyer = ANY (${numbers}::text[]) AND r.member_no = ANY (${numbers}::text[])
    ), named AS MATERIALIZED (
      SELECT i.kind, i.value FROM identities AS i WHERE i.brand_id = ${brandId} AND i.member_no = ANY (${numbers}::text[])
      UNION
      SELECT own.kind, own.value FROM touched AS t CROSS JOIN LATERAL (VALUES ('unionid', t.unionid), ('openid', t.openid),
        ('external_userid', t.external_userid), ('visitor', t.visitor_id)) AS own (kind, value)
      WHERE own.value IS NOT NULL
    ), own AS MATERIALIZED (
      SELECT named.kind, named.value FROM named
      LEFT JOIN LATERAL (
        SELECT link.member_no FROM identities AS link
        WHERE link.brand_id = ${brandId} AND link.kind = named.kind AND link.value = named.value
        ORDER BY link.at DESC, link.member_no DESC LIMIT 1
      ) AS holder ON true
      WHERE holder.member_no IS NULL OR holder.member_no = ANY (${numbers}::text[])
    )
    SELECT kind, value FROM (
      SELECT kind, value FROM own
      UNION SELECT 'unionid', c.unionid FROM own JOIN wecom_customers AS c
        ON c.brand_id = ${brandId} AND own.kind = 'external_userid' AND c.external_userid = own.value AND c.unionid IS NOT NULL
      UNION SELECT 'external_userid', c.external_userid FROM own JOIN wecom_customers AS c
        ON c.brand_id = ${brandId} AND own.kind = 'unionid' AND c.unionid = own.value
    ) AS found WHERE value NOT LIKE 'erased:%' ORDER BY kind, value`
}

const ROWS_MAX = 100_000

/** The rows of one table that are about a person. */
export async function selectRows(
  db: Db,
  { brandId, person, table }: Options & { person: Person; table: PersonalTable },
): Promise<Record<string, unknown>[]> {
  const values = (kind: string) => person.ids.filter(id => id.kind === kind).map(id => id.value)
  const conditions = table.by.map(({ column, is }) => {
    switch (is) {
      case 'member':
        return db`t.${db(column)} = ANY (${person.memberNos}::text[])`
      case 'person':
        return db`t.${db(column)} = ${person.memberNo}`
      case 'contact':
        return db`t.${db(column)} = ANY (${values('external_userid')}::text[])`
      case 'order':
        return db`(t.source, t.order_no) IN (
          SELECT o.source, o.order_no FROM orders AS o WHERE o.brand_id = ${brandId} AND o.buyer = ${person.memberNo})`
      default:
        return db`t.${db(column)} = ANY (${values(is)}::text[])`
    }
  })
  const rows = await db<{ row: Record<string, unknown> }[]>`
    SELECT to_jsonb(t) - ${['brand_id', ...(table.without ?? [])]}::text[] AS row FROM ${db(table.table)} AS t
    WHERE t.brand_id = ${brandId} AND (${conditions.reduce((all, one) => db`${all} OR ${one}`)}) LIMIT ${ROWS_MAX}`
  return rows.map(({ row }) => row)
}

/** What was written down of deeds about him: who looked at his phone, wrote a note, took a copy. */
export async function selectDeeds(db: Db, { brandId, person }: Options & { person: Person }) {
  const names = [...person.memberNos, ...person.ids.map(id => id.value)]
  const rows = await db<{ row: Record<string, unknown> }[]>`
    SELECT jsonb_build_object('at', at, 'actor', actor, 'action', action, 'subject', subject, 'details', details) AS row
    FROM activity WHERE brand_id = ${brandId} AND string_to_array(subject, '/') && ${names}::text[]
    ORDER BY at LIMIT ${ROWS_MAX}`
  return rows.map(({ row }) => row)
}

// ---------------------------------------------------------------------------------------------------- erasing

export interface ErasureRow {
  erasureId: string
  memberNo: string
  memberNos: string[]
  reason: string
  askedBy: string
  askedAt: Instant
  endedAt: Instant | null
}

const ERASURE = `erasure_id AS "erasureId", member_no AS "memberNo", member_nos AS "memberNos", reason,
  asked_by AS "askedBy", asked_at AS "askedAt", ended_at AS "endedAt"`

export async function insertErasure(db: Db, { brandId, row }: Options & { row: Omit<ErasureRow, 'endedAt'> }) {
  await db`
    INSERT INTO erasures (brand_id, erasure_id, member_no, member_nos, reason, asked_by, asked_at, under_way)
    VALUES (${brandId}, ${row.erasureId}, ${row.memberNo}, ${row.memberNos}::text[], ${row.reason}, ${row.askedBy},
      ${row.askedAt}, pg_current_xact_id()::text)`
}

export async function selectErasures(
  db: Db,
  { brandId, after, limit }: Options & { after: { askedAt: string; erasureId: string } | null; limit: number },
) {
  return await db<ErasureRow[]>`
    SELECT ${db.unsafe(ERASURE)} FROM erasures
    WHERE brand_id = ${brandId}
      ${after ? db`AND (asked_at, erasure_id) < (${after.askedAt}::text::timestamptz, ${after.erasureId}::uuid)` : db``}
    ORDER BY asked_at DESC, erasure_id DESC LIMIT ${limit}`
}

/** An erasure that is still to be carried out, and whether everybody has ended who could not know of it. */
export async function selectOpenErasures(db: Db) {
  return await db<{ brandId: number; erasureId: string; memberNo: string; memberNos: string[]; isReady: boolean }[]>`
    SELECT brand_id AS "brandId", erasure_id AS "erasureId", member_no AS "memberNo", member_nos AS "memberNos",
      pg_snapshot_xmin(pg_current_snapshot()) > under_way::xid8 AS "isReady"
    FROM erasures WHERE ended_at IS NULL ORDER BY asked_at`
}

export async function updateErased(
  db: Db,
  { brandId, memberNos, now }: Options & { memberNos: readonly string[]; now: Instant },
) {
  await db`
    UPDATE members SET erased_at = ${now} WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[])`
}

export async function insertErasedIds(
  db: Db,
  { brandId, ids, now }: Options & { ids: readonly { kind: string; hash: string }[]; now: Instant },
) {
  await db`
    INSERT INTO erased_ids AS e (brand_id, kind, id_hash, erased_at)
    SELECT ${brandId}, kind, hash, ${now}
    FROM unnest(${ids.map(id => id.kind)}::text[], ${ids.map(id => id.hash)}::text[]) AS told (kind, hash)
    ON CONFLICT (brand_id, kind, id_hash) DO UPDATE SET erased_at = GREATEST(e.erased_at, EXCLUDED.erased_at)`
}

/** Phones of these numbers, as hashes. */
export async function selectPhoneHashes(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  const rows = await db<{ hash: string }[]>`
    SELECT DISTINCT phone_hash AS hash FROM members
    WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos as string[]}::text[]) AND phone_hash IS NOT NULL
      AND phone_hash NOT LIKE 'erased:%'`
  return rows.map(row => row.hash)
}

/** Holds the person's orders, in one order for all who decide about them. */
export async function lockOrdersOf(db: Db, { brandId, memberNo }: Options & { memberNo: string }) {
  await db`
    SELECT source FROM orders WHERE brand_id = ${brandId} AND buyer = ${memberNo} ORDER BY source, order_no FOR UPDATE`
}

export async function erasePerson(
  db: Db,
  options: Options & { erasureId: string; ids: readonly { kind: string; value: string; tomb: string }[] },
) {
  const { brandId, erasureId, ids } = options
  await db`
    SELECT erase_person(${brandId}, ${erasureId}, ${ids.map(id => id.kind)}::text[], ${ids.map(id => id.value)}::text[],
      ${ids.map(id => id.tomb)}::text[])`
}

// -------------------------------------------------------------------------------------------------- retention

export async function selectRetention(db: Db, { brandId }: Options) {
  const [row] = await db<{ visitorDays: number; touchDays: number }[]>`
    SELECT visitor_days AS "visitorDays", touch_days AS "touchDays" FROM retention_settings WHERE brand_id = ${brandId}`
  return row ?? null
}

export async function upsertRetention(
  db: Db,
  options: Options & { visitorDays: number; touchDays: number; toldBy: string; now: Instant },
) {
  const { brandId, visitorDays, touchDays, toldBy, now } = options
  await db`
    INSERT INTO retention_settings (brand_id, visitor_days, touch_days, told_by, told_at)
    VALUES (${brandId}, ${visitorDays}, ${touchDays}, ${toldBy}, ${now})
    ON CONFLICT (brand_id) DO UPDATE SET visitor_days = EXCLUDED.visitor_days, touch_days = EXCLUDED.touch_days,
      told_by = EXCLUDED.told_by, told_at = EXCLUDED.told_at`
}

/** The windows of all plans that were published. */
export async function selectWindows(db: Db, { brandId }: Options): Promise<number[]> {
  const rows = await db<{ days: number }[]>`
    SELECT DISTINCT COALESCE((content -> 'attribution' ->> 'windowDays')::int, 0) AS days FROM plans WHERE brand_id = ${brandId}`
  return rows.map(row => row.days)
}

export interface Walk {
  positionAt: Instant | null
  positionTouch: string | null
  finishedAt: Instant | null
}

export async function selectWalk(db: Db, { brandId }: Options): Promise<Walk> {
  const [row] = await db<Walk[]>`
    SELECT position_at AS "positionAt", position_touch AS "positionTouch", finished_at AS "finishedAt"
    FROM retention_walks WHERE brand_id = ${brandId}`
  return row ?? { positionAt: null, positionTouch: null, finishedAt: null }
}

export async function upsertWalk(db: Db, { brandId, walk }: Options & { walk: Walk }) {
  await db`
    INSERT INTO retention_walks (brand_id, position_at, position_touch, finished_at)
    VALUES (${brandId}, ${walk.positionAt}, ${walk.positionTouch}, ${walk.finishedAt})
    ON CONFLICT (brand_id) DO UPDATE SET position_at = EXCLUDED.position_at, position_touch = EXCLUDED.position_touch,
      finished_at = EXCLUDED.finished_at`
}

/** @returns where it stopped, null at the end, and how many touches lost something */
export async function forgetTouches(
  db: Db,
  options: Options & { visitorsBefore: Instant; allBefore: Instant; walk: Walk; limit: number },
) {
  const { brandId, visitorsBefore, allBefore, walk, limit } = options
  const [row] = await db<{ positionAt: Instant | null; positionTouch: string | null; forgotten: number }[]>`
    SELECT stopped_at AS "positionAt", stopped_touch AS "positionTouch", forgotten
    FROM forget_touches(${brandId}::int, ${visitorsBefore}::timestamptz, ${allBefore}::timestamptz,
      ${walk.positionAt}::timestamptz, ${walk.positionTouch}::text, ${limit}::int)`
  return row!
}
