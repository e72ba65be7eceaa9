import { oneOf, type Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { CouponState, CouponTally } from './domain.ts'

interface Options {
  brandId: number
}

export const COUPON_KINDS = ['amount', 'discount', 'gift'] as const

export interface CouponRow {
  couponCode: string
  /** null, as all but the code: nobody told of this coupon yet. */
  name: string | null
  kind: (typeof COUPON_KINDS)[number] | null
  amountFen: number | null
  discountBps: number | null
  minimumFen: number | null
  validFrom: Instant | null
  validTo: Instant | null
}

const COUPON_COLUMNS = `c.name, c.kind, c.amount_fen AS "amountFen", c.discount_bps AS "discountBps",
  c.minimum_fen AS "minimumFen", c.valid_from AS "validFrom", c.valid_to AS "validTo"`

/** What was told of each coupon of a person, by whose share he came by it last. */
export async function selectTallies(db: Db, { brandId, memberNos }: Options & { memberNos: readonly string[] }) {
  return await db<(CouponRow & CouponTally & { associateId: string | null })[]>`
    WITH tally AS (
      SELECT coupon_code, count(*) FILTER (WHERE kind = 'issued')::int AS issued,
        count(*) FILTER (WHERE kind = 'claimed')::int AS claimed, count(*) FILTER (WHERE kind = 'redeemed')::int AS redeemed,
        count(*) FILTER (WHERE kind = 'expired')::int AS expired,
        (array_agg(link_code ORDER BY at DESC, event_id DESC)
          FILTER (WHERE kind IN ('issued', 'claimed') AND link_code IS NOT NULL))[1] AS link_code
      FROM coupon_events
      WHERE brand_id = ${brandId} AND member_no = ${oneOf(db, memberNos)}
      GROUP BY coupon_code
    )
    SELECT t.coupon_code AS "couponCode", ${db.unsafe(COUPON_COLUMNS)}, t.issued, t.claimed, t.redeemed, t.expired,
      l.associate_id AS "associateId"
    FROM tally AS t
    LEFT JOIN coupons AS c ON c.brand_id = ${brandId} AND c.coupon_code = t.coupon_code
    LEFT JOIN share_links AS l ON l.brand_id = ${brandId} AND l.link_code = t.link_code
    ORDER BY c.valid_to NULLS LAST, t.coupon_code`
}

/** Whose associates may hand a coupon out. */
const isFor = (db: Db, storeCode: string | null) =>
  db`(c.store_codes IS NULL OR ${storeCode}::text = ANY (c.store_codes))`

/** Coupons that a store's people can hand out: not over, and not told to be used up; by name. */
export async function selectUsable(
  db: Db,
  options: Options & { storeCode: string | null; now: Instant; query: string; after: string | null; limit: number },
) {
  const { brandId, storeCode, now, query, after, limit } = options
  const found = (column: string) => db`strpos(lower(c.${db(column)}), lower(${query})) > 0`
  return await db<(CouponRow & { name: string; stock: number | null })[]>`
    SELECT c.coupon_code AS "couponCode", ${db.unsafe(COUPON_COLUMNS)}, c.stock FROM coupons AS c
    WHERE c.brand_id = ${brandId} AND (c.valid_to IS NULL OR c.valid_to > ${now}) AND (c.stock IS NULL OR c.stock > 0)
      AND ${isFor(db, storeCode)}
      ${query === '' ? db`` : db`AND (${found('name')} OR ${found('coupon_code')})`}
      ${
        after === null
          ? db``
          : db`AND (c.name, c.coupon_code) > (
              SELECT name, coupon_code FROM coupons WHERE brand_id = ${brandId} AND coupon_code = ${after})`
      }
    ORDER BY c.name, c.coupon_code LIMIT ${limit}`
}

export async function selectCoupon(db: Db, { brandId, couponCode }: Options & { couponCode: string }) {
  const [row] = await db<CouponOfBrand[]>`
    SELECT c.coupon_code AS "couponCode", ${db.unsafe(COUPON_COLUMNS)}, c.stock, c.store_codes AS "storeCodes",
      c.updated_at AS "updatedAt"
    FROM coupons AS c WHERE c.brand_id = ${brandId} AND c.coupon_code = ${couponCode}`
  return row ?? null
}

export interface CouponOfBrand extends CouponRow {
  name: string
  kind: (typeof COUPON_KINDS)[number]
  stock: number | null
  storeCodes: string[] | null
  updatedAt: Instant
}

/** Every coupon with what came of it, the ones that end last first. */
export async function selectCoupons(
  db: Db,
  options: Options & {
    query: string
    state: CouponState | null
    now: Instant
    after: { validTo: string; couponCode: string } | null
    limit: number
  },
) {
  const { brandId, query, state, now, after, limit } = options
  const found = (column: string) => db`strpos(lower(c.${db(column)}), lower(${query})) > 0`
  const count = (kind: string) => db`(SELECT count(*) FROM coupon_events AS e
    WHERE e.brand_id = ${brandId} AND e.coupon_code = c.coupon_code AND e.kind = ${kind})`
  const end = db`COALESCE(c.valid_to, 'infinity')`
  return await db<(CouponOfBrand & Record<'issued' | 'claimed' | 'redeemed' | 'netSalesFen', number>)[]>`
    SELECT c.coupon_code AS "couponCode", ${db.unsafe(COUPON_COLUMNS)}, c.stock, c.store_codes AS "storeCodes",
      c.updated_at AS "updatedAt", ${count('issued')} AS issued, ${count('claimed')} AS claimed,
      ${count('redeemed')} AS redeemed,
      (SELECT COALESCE(sum(o.net_fen), 0)::bigint FROM (
          SELECT DISTINCT e.source, e.order_no FROM coupon_events AS e
          WHERE e.brand_id = ${brandId} AND e.coupon_code = c.coupon_code AND e.kind = 'redeemed'
            AND e.order_no IS NOT NULL) AS e
        JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = e.source AND o.order_no = e.order_no
        WHERE o.revision IS NOT NULL AND NOT o.cancelled AND o.net_fen > 0) AS "netSalesFen"
    FROM coupons AS c
    WHERE c.brand_id = ${brandId}
      ${query === '' ? db`` : db`AND (${found('name')} OR ${found('coupon_code')})`}
      ${state === null ? db`` : db`AND ${isInState(db, state, now)}`}
      ${after === null ? db`` : db`AND (${end}, c.coupon_code) < (${after.validTo}::text::timestamptz, ${after.couponCode})`}
    ORDER BY ${end} DESC, c.coupon_code DESC LIMIT ${limit}`
}

function isInState(db: Db, state: CouponState, now: Instant) {
  switch (state) {
    case 'to_come':
      return db`c.valid_from > ${now}`
    case 'over':
      return db`c.valid_to <= ${now}`
    case 'used_up':
      return db`c.stock <= 0`
    case 'usable':
      return db`(c.valid_from IS NULL OR c.valid_from <= ${now}) AND (c.valid_to IS NULL OR c.valid_to > ${now})
        AND (c.stock IS NULL OR c.stock > 0)`
  }
}

/** Locked. */
export async function lockCoupon(db: Db, { brandId, couponCode }: Options & { couponCode: string }) {
  await db`SELECT 1 FROM coupons WHERE brand_id = ${brandId} AND coupon_code = ${couponCode} FOR UPDATE`
}

export async function writeCoupon(db: Db, { brandId, coupon: row }: Options & { coupon: CouponOfBrand }) {
  await db`
    INSERT INTO coupons (brand_id, coupon_code, name, kind, amount_fen, discount_bps, minimum_fen, valid_from, valid_to,
      stock, store_codes, updated_at)
    VALUES (${brandId}, ${row.couponCode}, ${row.name}, ${row.kind}, ${row.amountFen}, ${row.discountBps},
      ${row.minimumFen}, ${row.validFrom}, ${row.validTo}, ${row.stock}, ${row.storeCodes}::text[], ${row.updatedAt})
    ON CONFLICT (brand_id, coupon_code) DO UPDATE SET name = EXCLUDED.name, kind = EXCLUDED.kind,
      amount_fen = EXCLUDED.amount_fen, discount_bps = EXCLUDED.discount_bps, minimum_fen = EXCLUDED.minimum_fen,
      valid_from = EXCLUDED.valid_from, valid_to = EXCLUDED.valid_to, stock = EXCLUDED.stock,
      store_codes = EXCLUDED.store_codes, updated_at = EXCLUDED.updated_at`
}

/** Somebody's links to coupons, and when each was sent into this chat. */
export async function selectOwnLinks(
  db: Db,
  options: Options & {
    associateId: string
    couponCodes: readonly string[]
    sentTo: { externalUserid: string } | { chatId: string } | null
  },
) {
  const { brandId, associateId, couponCodes, sentTo } = options
  const isHere =
    sentTo === null
      ? db`false`
      : 'chatId' in sentTo
        ? db`l.sent_to_chat_id = ${sentTo.chatId}`
        : db`l.sent_to_external_userid = ${sentTo.externalUserid}`
  return await db<{ couponCode: string; linkCode: string; sentAt: Instant | null }[]>`
    SELECT l.target ->> 'ref' AS "couponCode", l.link_code AS "linkCode", t.at AS "sentAt"
    FROM share_links AS l
    LEFT JOIN LATERAL (
      SELECT max(at) AS at FROM touches
      WHERE ${isHere} AND brand_id = ${brandId} AND link_code = l.link_code AND kind = 'sent'
    ) AS t ON true
    WHERE l.brand_id = ${brandId} AND l.associate_id = ${associateId} AND l.target ->> 'kind' = 'coupon'
      AND l.target ->> 'ref' = ANY (${couponCodes as string[]}::text[])`
}

export interface LinkTally {
  couponCode: string
  linkCode: string
  issued: number
  claimed: number
  redeemed: number
}

/**
 * What came of coupons by these links. A redemption that names no link counts for the one by which the person last came
 * by the coupon before.
 */
export async function selectLinkTallies(
  db: Db,
  { brandId, links }: Options & { links: readonly { couponCode: string; linkCode: string }[] },
) {
  if (links.length === 0) return []
  return await db<LinkTally[]>`
    WITH wanted AS (
      SELECT * FROM unnest(${links.map(link => link.couponCode)}::text[], ${links.map(link => link.linkCode)}::text[])
        AS row (coupon_code, link_code)
    ), told AS MATERIALIZED (
      SELECT e.coupon_code, e.link_code, e.kind, e.event_id, e.at, m.last_member_no AS person
      FROM wanted
      JOIN coupon_events AS e ON e.brand_id = ${brandId} AND e.coupon_code = wanted.coupon_code
        AND e.link_code = wanted.link_code
      JOIN members AS m ON m.brand_id = ${brandId} AND m.member_no = e.member_no
    ), followed AS (
      SELECT DISTINCT told.coupon_code, told.link_code, 'redeemed' AS kind, r.event_id FROM told
      JOIN members AS n ON n.brand_id = ${brandId} AND n.last_member_no = told.person
      JOIN coupon_events AS r ON r.brand_id = ${brandId} AND r.member_no = n.member_no
        AND r.coupon_code = told.coupon_code AND r.kind = 'redeemed' AND r.link_code IS NULL AND r.at >= told.at
      WHERE told.kind IN ('issued', 'claimed') AND NOT EXISTS (
        SELECT FROM members AS other
        JOIN coupon_events AS c ON c.brand_id = ${brandId} AND c.member_no = other.member_no
          AND c.coupon_code = told.coupon_code AND c.kind IN ('issued', 'claimed') AND c.link_code <> told.link_code
          AND (c.at, c.event_id) > (told.at, told.event_id) AND c.at <= r.at
        WHERE other.brand_id = ${brandId} AND other.last_member_no = told.person)
    )
    SELECT coupon_code AS "couponCode", link_code AS "linkCode", count(*) FILTER (WHERE kind = 'issued')::int AS issued,
      count(*) FILTER (WHERE kind = 'claimed')::int AS claimed, count(*) FILTER (WHERE kind = 'redeemed')::int AS redeemed
    FROM (SELECT coupon_code, link_code, kind, event_id FROM told UNION ALL SELECT * FROM followed) AS counted
    GROUP BY coupon_code, link_code`
}

/** Links by which somebody came by a coupon, by their codes; of links that the asker may see, and that are there. */
export async function selectLinksOfCoupon(
  db: Db,
  options: Options & {
    couponCode: string
    /** null: all. */
    associateId: string | null
    /** null: all. */
    storeCodes: readonly string[] | null
    after: string | null
    limit: number
  },
) {
  const { brandId, couponCode, associateId, storeCodes, after, limit } = options
  return await db<{ linkCode: string; associateId: string; storeCode: string | null; channel: string }[]>`
    SELECT l.link_code AS "linkCode", l.associate_id AS "associateId", l.store_code AS "storeCode", l.channel
    FROM (
      SELECT DISTINCT link_code FROM coupon_events
      WHERE brand_id = ${brandId} AND coupon_code = ${couponCode} AND link_code IS NOT NULL
        ${after === null ? db`` : db`AND link_code > ${after}`}
    ) AS e
    JOIN share_links AS l ON l.brand_id = ${brandId} AND l.link_code = e.link_code
    WHERE ${associateId === null ? db`true` : db`l.associate_id = ${associateId}`}
      AND ${storeCodes === null ? db`true` : db`l.store_code = ANY (${storeCodes as string[]}::text[])`}
    ORDER BY l.link_code LIMIT ${limit}`
}
