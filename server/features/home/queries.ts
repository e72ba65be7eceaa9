import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'

interface Options {
  brandId: number
}

const instant = (db: Db, at: Instant) => db`${formatInstant(at)}::text::timestamptz`

export interface CustomerRow {
  memberNo: string
  name: string | null
  level: string | null
  tags: string[]
  birthMonth: number | null
  birthDay: number | null
  lastPaidAt: string | null
  lookedAt: string | null
  externalUserid: string | null
  isFriend: boolean
}

export interface Counts {
  all: number
  birthday: number
  asleep: number
  looked: number
  never_bought: number
  levels: { value: string; count: number }[]
  tags: { value: string; count: number }[]
}

export interface Wanted {
  segment: keyof Omit<Counts, 'levels' | 'tags'>
  level: string | null
  tag: string | null
  /** Part of the name. */
  name: string | null
  phoneHash: string | null
  /** The end of a card number. */
  cardEnd: string | null
}

/**
 * One page of these members, with how many of all of them are in each segment: one look at each, by index. Lookups are
 * nested with `OFFSET 0`: of some ten thousand members the planner would rather read everybody of the brand.
 *
 * @param options.memberNos last numbers
 */
export async function selectCustomers(
  db: Db,
  options: Options & {
    associateId: string
    memberNos: readonly string[]
    wanted: Wanted
    month: number
    asleepBefore: Instant
    lookedSince: Instant
    now: Instant
    after: { paidAt: string | null; memberNo: string } | null
    limit: number
  },
): Promise<{ counts: Counts; rows: CustomerRow[] }> {
  const { brandId, associateId, wanted, month, after } = options
  const memberNos = options.memberNos as string[]
  const segments = {
    all: db`true`,
    birthday: db`"birthMonth" = ${month}::int`,
    asleep: db`"paidAt" < ${instant(db, options.asleepBefore)}`,
    looked: db`"lookedAt" IS NOT NULL`,
    never_bought: db`"paidAt" IS NULL`,
  }
  const found = [
    wanted.name === null ? null : db`strpos(lower(name), lower(${wanted.name}::text)) > 0`,
    wanted.phoneHash === null ? null : db`phone_hash = ${wanted.phoneHash}`,
    wanted.cardEnd === null ? null : db`right("memberNo", ${wanted.cardEnd.length}) = ${wanted.cardEnd}`,
  ].filter(part => part !== null)
  const searched = found.reduce((a, b) => db`${a} OR ${b}`, found.length === 0 ? db`true` : db`false`)
  /** When ids of one kind were last seen; the associates' own sending and opening left out. */
  const seenAs = (kind: string, column: string) => db`
    SELECT id.*, t.at FROM id CROSS JOIN LATERAL (
      SELECT max(t.at) AS at FROM touches AS t
      WHERE t.brand_id = ${brandId} AND t.${db(column)} = id.value AND t.at >= ${instant(db, options.lookedSince)}
        AND t.at <= ${instant(db, options.now)} AND t.kind <> 'sent' AND NOT t.by_associate
    ) AS t
    WHERE id.kind = ${kind} AND t.at IS NOT NULL`
  const [row] = await db<{ counts: Counts; rows: CustomerRow[] | null }[]>`
    WITH mine AS MATERIALIZED (
      SELECT member_no, name, levels, tags, birth_month, birth_day, phone_hash, consent_tracking FROM members
      WHERE brand_id = ${brandId} AND member_no = ANY (${memberNos}::text[]) AND erased_at IS NULL
    ), number AS MATERIALIZED (
      SELECT own.member_no, mine.member_no AS person, mine.consent_tracking FROM mine
      CROSS JOIN LATERAL (
        SELECT m.member_no FROM members AS m WHERE m.brand_id = ${brandId} AND m.last_member_no = mine.member_no OFFSET 0
      ) AS own
    ), bought AS MATERIALIZED (
      SELECT number.person, max(last.paid_at) AS at FROM number CROSS JOIN LATERAL (
        SELECT o.paid_at FROM orders AS o
        WHERE o.brand_id = ${brandId} AND o.buyer = number.member_no AND o.revision IS NOT NULL AND NOT o.cancelled
          AND o.net_fen > 0 AND o.paid_at <= ${instant(db, options.now)}
        ORDER BY o.paid_at DESC LIMIT 1
      ) AS last GROUP BY 1
    ), id AS MATERIALIZED (
      SELECT number.person, i.kind, i.value FROM number
      CROSS JOIN LATERAL (
        SELECT i.kind, i.value FROM identities AS i
        WHERE i.brand_id = ${brandId} AND i.member_no = number.member_no OFFSET 0
      ) AS i
      WHERE number.consent_tracking
      UNION ALL SELECT person, 'member_no', member_no FROM number WHERE consent_tracking
    ), looked AS MATERIALIZED (
      SELECT person, max(at) AS at FROM (
        ${seenAs('member_no', 'member_no')} UNION ALL ${seenAs('unionid', 'unionid')}
        UNION ALL ${seenAs('openid', 'openid')} UNION ALL ${seenAs('external_userid', 'external_userid')}
        UNION ALL ${seenAs('visitor', 'visitor_id')}
      ) AS seen
      -- An id that was once his may have become another's.
      WHERE kind = 'member_no' OR person = (
        SELECT holder.last_member_no FROM identities AS link
        JOIN members AS holder ON holder.brand_id = ${brandId} AND holder.member_no = link.member_no
        WHERE link.brand_id = ${brandId} AND link.kind = seen.kind AND link.value = seen.value
        ORDER BY link.at DESC, holder.last_member_no DESC LIMIT 1)
      GROUP BY 1
    ), facts AS MATERIALIZED (
      SELECT m.member_no AS "memberNo", m.name, level.value AS level, m.tags, m.birth_month AS "birthMonth",
        m.birth_day AS "birthDay", m.phone_hash, bought.at AS "paidAt", looked.at AS "lookedAt"
      FROM mine AS m
      LEFT JOIN LATERAL (
        SELECT entry ->> 'value' AS value FROM jsonb_array_elements(m.levels) WITH ORDINALITY AS told (entry, place)
        WHERE entry ->> 'from' IS NULL OR (entry ->> 'from')::timestamptz <= ${instant(db, options.now)}
        ORDER BY (entry ->> 'from')::timestamptz DESC NULLS LAST, place DESC LIMIT 1
      ) AS level ON true
      LEFT JOIN bought ON bought.person = m.member_no
      LEFT JOIN looked ON looked.person = m.member_no
    ), page AS (
      SELECT facts.*, to_char("paidAt" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "lastPaidAt"
      FROM facts
      WHERE ${segments[wanted.segment]} AND (${searched})
        ${wanted.level === null ? db`` : db`AND level = ${wanted.level}`}
        ${wanted.tag === null ? db`` : db`AND ${wanted.tag} = ANY (tags)`}
        ${
          after === null
            ? db``
            : after.paidAt === null
              ? db`AND "paidAt" IS NULL AND "memberNo" > ${after.memberNo}`
              : db`AND ("paidAt" < ${after.paidAt}::text::timestamptz OR "paidAt" IS NULL
                  OR ("paidAt" = ${after.paidAt}::text::timestamptz AND "memberNo" > ${after.memberNo}))`
        }
      ORDER BY "paidAt" DESC NULLS LAST, "memberNo" LIMIT ${options.limit}
    )
    SELECT (
      SELECT jsonb_build_object('all', count(*), 'birthday', count(*) FILTER (WHERE ${segments.birthday}),
        'asleep', count(*) FILTER (WHERE ${segments.asleep}), 'looked', count(*) FILTER (WHERE ${segments.looked}),
        'never_bought', count(*) FILTER (WHERE ${segments.never_bought}),
        'levels', (
          SELECT COALESCE(jsonb_agg(jsonb_build_object('value', level, 'count', count)), '[]') FROM (
            SELECT level, count(*) AS count FROM facts WHERE level IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20
          ) AS by_level),
        'tags', (
          SELECT COALESCE(jsonb_agg(jsonb_build_object('value', tag, 'count', count)), '[]') FROM (
            SELECT tag, count(*) AS count FROM facts, unnest(tags) AS tag GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20
          ) AS by_tag))
      FROM facts
    ) AS counts, (
      SELECT jsonb_agg(to_jsonb(shown) ORDER BY "paidAt" DESC NULLS LAST, "memberNo") FROM (
        SELECT page."memberNo", page.name, page.level, page.tags, page."birthMonth", page."birthDay", page."paidAt",
          page."lastPaidAt", page."lookedAt", contact.value AS "externalUserid", contact.is_friend AS "isFriend"
        FROM page
        LEFT JOIN LATERAL (${contactOf(db, brandId, associateId)}) AS contact ON true
      ) AS shown
    ) AS rows`
  return {
    counts: row!.counts,
    rows: (row!.rows ?? []).map(one => ({ ...one, isFriend: one.isFriend ?? false })),
  }
}

/** A contact who is linked to the member of `page` now, one who is the associate's friend first. */
const contactOf = (db: Db, brandId: number, associateId: string) => db`
  SELECT i.value, (
    SELECT f.kind = 'added' FROM friend_events AS f
    WHERE f.brand_id = ${brandId} AND f.external_userid = i.value AND f.associate_id = ${associateId}
    ORDER BY f.at DESC, f.kind DESC LIMIT 1) IS TRUE AS is_friend
  FROM members AS number
  JOIN identities AS i ON i.brand_id = ${brandId} AND i.member_no = number.member_no AND i.kind = 'external_userid'
  WHERE number.brand_id = ${brandId} AND number.last_member_no = page."memberNo" AND page."memberNo" = (
    SELECT holder.last_member_no FROM identities AS link
    JOIN members AS holder ON holder.brand_id = ${brandId} AND holder.member_no = link.member_no
    WHERE link.brand_id = ${brandId} AND link.kind = 'external_userid' AND link.value = i.value
    ORDER BY link.at DESC, holder.last_member_no DESC LIMIT 1)
  ORDER BY 2 DESC, i.at DESC, i.value LIMIT 1`

// ------------------------------------------------------------------------------------------------- team

export interface TeamRow {
  associateId: string
  name: string
  employments: { activeFrom: string; activeTo: string | null }[]
  shares: number
  openTasks: number
  overdueTasks: number
}

/** Everybody of a store, with what he shared since then, and what waits for him. */
export async function selectTeam(
  db: Db,
  { brandId, storeCode, since, today }: Options & { storeCode: string; since: Instant; today: string },
) {
  return await db<TeamRow[]>`
    SELECT a.associate_id AS "associateId", a.name, a.employments, shared.count AS shares, task.open AS "openTasks",
      task.overdue AS "overdueTasks"
    FROM associates AS a
    CROSS JOIN LATERAL (
      SELECT count(*) AS count FROM share_links AS l
      WHERE l.brand_id = ${brandId} AND l.associate_id = a.associate_id AND l.received_at >= ${instant(db, since)}
    ) AS shared
    CROSS JOIN LATERAL (
      SELECT count(*) AS open, count(*) FILTER (WHERE t.due_day < ${today}) AS overdue FROM tasks AS t
      WHERE t.brand_id = ${brandId} AND t.associate_id = a.associate_id AND t.state = 'open' AND t.due_day <= ${today}
    ) AS task
    WHERE a.brand_id = ${brandId} AND a.store_code = ${storeCode} AND a.role IN ('associate', 'manager')
    ORDER BY a.associate_id`
}

/** What waits for whoever answers for a store. */
export async function selectWaiting(db: Db, { brandId, storeCode }: Options & { storeCode: string }) {
  const [row] = await db<{ openDisputes: number; unassignedTasks: number }[]>`
    SELECT (
      SELECT count(*) FROM disputes AS d
      WHERE d.brand_id = ${brandId} AND d.store_code = ${storeCode} AND NOT EXISTS (
        SELECT FROM dispute_decisions AS decided
        WHERE decided.brand_id = ${brandId} AND decided.dispute_id = d.dispute_id)
    ) AS "openDisputes", (
      SELECT count(*) FROM tasks AS t
      WHERE t.brand_id = ${brandId} AND t.store_code = ${storeCode} AND t.associate_id IS NULL AND t.state = 'open'
    ) AS "unassignedTasks"`
  return row!
}
