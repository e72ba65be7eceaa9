import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { CouponEventItem, CouponItem, GroupItem, ProductItem } from './schema.ts'

/** What an upsert did with a row; absent where the row was so already. */
export type Upserted = 'created' | 'updated'

interface Options<Row> {
  brandId: number
  now: Instant
  rows: readonly Row[]
}

const outcomes = (rows: readonly { key: string; isNew: boolean }[]) =>
  new Map<string, Upserted>(rows.map(row => [row.key, row.isNew ? 'created' : 'updated']))

export async function upsertProducts(db: Db, { brandId, now, rows }: Options<ProductItem>) {
  return outcomes(
    await db<{ key: string; isNew: boolean }[]>`
    INSERT INTO products AS was (brand_id, sku, name, category, price_fen, list_fen, image_url, path, stock, updated_at)
    SELECT ${brandId}, sku, name, category, "priceFen", "listFen", "imageUrl", path, stock, ${now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row (sku text, name text, category text, "priceFen" bigint, "listFen" bigint, "imageUrl" text, path text, stock int)
    ORDER BY sku COLLATE "C"
    ON CONFLICT (brand_id, sku) DO UPDATE SET name = EXCLUDED.name, category = EXCLUDED.category,
      price_fen = EXCLUDED.price_fen, list_fen = EXCLUDED.list_fen, image_url = EXCLUDED.image_url,
      path = EXCLUDED.path, stock = EXCLUDED.stock, updated_at = EXCLUDED.updated_at
    WHERE (was.name, was.category, was.price_fen, was.list_fen, was.image_url, was.path, was.stock) IS DISTINCT FROM
      (EXCLUDED.name, EXCLUDED.category, EXCLUDED.price_fen, EXCLUDED.list_fen, EXCLUDED.image_url, EXCLUDED.path, EXCLUDED.stock)
    RETURNING sku AS key, xmax = 0 AS "isNew"`,
  )
}

export async function upsertCoupons(db: Db, { brandId, now, rows }: Options<CouponItem>) {
  return outcomes(
    await db<{ key: string; isNew: boolean }[]>`
    INSERT INTO coupons AS was (brand_id, coupon_code, name, kind, amount_fen, discount_bps, minimum_fen, valid_from,
      valid_to, stock, updated_at)
    SELECT ${brandId}, "couponCode", name, kind, "amountFen", "discountBps", "minimumFen", "validFrom", "validTo", stock, ${now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row ("couponCode" text, name text, kind text, "amountFen" bigint, "discountBps" int, "minimumFen" bigint,
        "validFrom" timestamptz(3), "validTo" timestamptz(3), stock int)
    ORDER BY "couponCode" COLLATE "C"
    ON CONFLICT (brand_id, coupon_code) DO UPDATE SET name = EXCLUDED.name, kind = EXCLUDED.kind,
      amount_fen = EXCLUDED.amount_fen, discount_bps = EXCLUDED.discount_bps, minimum_fen = EXCLUDED.minimum_fen,
      valid_from = EXCLUDED.valid_from, valid_to = EXCLUDED.valid_to, stock = EXCLUDED.stock, updated_at = EXCLUDED.updated_at
    WHERE (was.name, was.kind, was.amount_fen, was.discount_bps, was.minimum_fen, was.valid_from, was.valid_to, was.stock)
      IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.kind, EXCLUDED.amount_fen, EXCLUDED.discount_bps, EXCLUDED.minimum_fen,
        EXCLUDED.valid_from, EXCLUDED.valid_to, EXCLUDED.stock)
    RETURNING coupon_code AS key, xmax = 0 AS "isNew"`,
  )
}

export async function insertCouponEvents(
  db: Db,
  { brandId, now, rows }: Options<CouponEventItem & { contentHashHex: string }>,
) {
  const inserted = await db<{ eventId: string }[]>`
    INSERT INTO coupon_events (brand_id, event_id, coupon_code, kind, member_no, at, link_code, order_no, source,
      content_hash, received_at)
    SELECT ${brandId}, "eventId", "couponCode", kind, "memberNo", at, "linkCode", "orderNo", source,
      decode("contentHashHex", 'hex'), ${now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row ("eventId" text, "couponCode" text, kind text, "memberNo" text, at timestamptz, "linkCode" text,
        "orderNo" text, source text, "contentHashHex" text)
    ORDER BY "eventId" COLLATE "C"
    ON CONFLICT DO NOTHING RETURNING event_id AS "eventId"`
  return new Set(inserted.map(row => row.eventId))
}

export async function selectCouponEventHashes(db: Db, options: { brandId: number; eventIds: readonly string[] }) {
  const rows = await db<{ eventId: string; hash: string }[]>`
    SELECT event_id AS "eventId", encode(content_hash, 'hex') AS hash FROM coupon_events
    WHERE brand_id = ${options.brandId} AND event_id = ANY (${options.eventIds as string[]}::text[])`
  return new Map(rows.map(row => [row.eventId, row.hash]))
}

export interface TargetRow {
  key: string
  month: string
  subjectKind: 'store' | 'associate'
  subject: string
  netSalesFen: number
}

export async function upsertTargets(db: Db, { brandId, now, rows }: Options<TargetRow>) {
  return outcomes(
    await db<{ key: string; isNew: boolean }[]>`
    INSERT INTO targets AS was (brand_id, month, subject_kind, subject, net_sales_fen, updated_at)
    SELECT ${brandId}, month, "subjectKind", subject, "netSalesFen", ${now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row (month text, "subjectKind" text, subject text, "netSalesFen" bigint)
    ORDER BY month, "subjectKind", subject COLLATE "C"
    ON CONFLICT (brand_id, month, subject_kind, subject) DO UPDATE SET net_sales_fen = EXCLUDED.net_sales_fen,
      updated_at = EXCLUDED.updated_at
    WHERE was.net_sales_fen <> EXCLUDED.net_sales_fen
    RETURNING subject_kind || '/' || month || '/' || subject AS key, xmax = 0 AS "isNew"`,
  )
}

/** Takes targets out. @returns the keys of those that there were */
export async function deleteTargets(
  db: Db,
  { brandId, rows }: { brandId: number; rows: readonly Omit<TargetRow, 'key' | 'netSalesFen'>[] },
): Promise<Set<string>> {
  if (rows.length === 0) return new Set()
  const deleted = await db<{ key: string }[]>`
    DELETE FROM targets AS was USING jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row (month text, "subjectKind" text, subject text)
    WHERE was.brand_id = ${brandId} AND was.month = row.month AND was.subject_kind = row."subjectKind"
      AND was.subject = row.subject
    RETURNING was.subject_kind || '/' || was.month || '/' || was.subject AS key`
  return new Set(deleted.map(({ key }) => key))
}

export async function upsertGroups(db: Db, { brandId, now, rows }: Options<GroupItem>) {
  return outcomes(
    await db<{ key: string; isNew: boolean }[]>`
    INSERT INTO group_chats AS was (brand_id, chat_id, name, store_code, owner, updated_at)
    SELECT ${brandId}, "chatId", name, "storeCode", owner, ${now}
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb)
      AS row ("chatId" text, name text, "storeCode" text, owner text)
    ORDER BY "chatId" COLLATE "C"
    ON CONFLICT (brand_id, chat_id) DO UPDATE SET name = EXCLUDED.name, store_code = EXCLUDED.store_code,
      owner = EXCLUDED.owner, updated_at = EXCLUDED.updated_at
    WHERE (was.name, was.store_code, was.owner) IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.store_code, EXCLUDED.owner)
    RETURNING chat_id AS key, xmax = 0 AS "isNew"`,
  )
}
