import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

interface Options {
  brandId: number
}

export interface ProductRow {
  sku: string
  name: string
  category: string | null
  priceFen: number
  listFen: number | null
  imageUrl: string | null
  path: string | null
  stock: number | null
}

const PRODUCT_COLUMNS = `sku, name, category, price_fen AS "priceFen", list_fen AS "listFen", image_url AS "imageUrl",
  path, stock`

export async function selectProducts(db: Db, { brandId, skus }: Options & { skus: readonly string[] }) {
  if (skus.length === 0) return []
  return await db<ProductRow[]>`
    SELECT ${db.unsafe(PRODUCT_COLUMNS)} FROM products
    WHERE brand_id = ${brandId} AND sku = ANY (${skus as string[]}::text[])`
}

/** By name and sku, those left out that were shown before. A query is looked for in name, sku and category. */
export async function selectProductsByName(
  db: Db,
  options: Options & {
    query: string
    without: readonly string[]
    /** The last product shown. */
    after: string | null
    limit: number
  },
) {
  const { brandId, query, without, after, limit } = options
  const found = (column: string) => db`strpos(lower(${db(column)}), lower(${query})) > 0`
  return await db<ProductRow[]>`
    SELECT ${db.unsafe(PRODUCT_COLUMNS)} FROM products
    WHERE brand_id = ${brandId} AND sku <> ALL (${without as string[]}::text[])
      ${query === '' ? db`` : db`AND (${found('name')} OR ${found('sku')} OR ${found('category')})`}
      ${
        after === null
          ? db``
          : db`AND (name, sku) > (SELECT name, sku FROM products WHERE brand_id = ${brandId} AND sku = ${after})`
      }
    ORDER BY name, sku LIMIT ${limit}`
}

/** Of these products, when the asker last sent each into a chat. */
export async function selectSendings(
  db: Db,
  options: Options & {
    associateId: string
    sentTo: { externalUserid: string } | { chatId: string }
    skus: readonly string[]
  },
) {
  const { brandId, associateId, sentTo } = options
  const isSentTo =
    'externalUserid' in sentTo
      ? db`l.sent_to_external_userid = ${sentTo.externalUserid}`
      : db`l.sent_to_chat_id = ${sentTo.chatId}`
  return await db<{ sku: string; at: Instant }[]>`
    WITH link AS MATERIALIZED (
      SELECT l.link_code, l.target ->> 'ref' AS sku FROM share_links AS l
      WHERE l.brand_id = ${brandId} AND l.associate_id = ${associateId} AND ${isSentTo}
        AND l.target ->> 'kind' = 'product' AND l.target ->> 'ref' = ANY (${options.skus as string[]}::text[])
    )
    SELECT link.sku, max(t.at) AS at FROM link
    JOIN touches AS t ON t.brand_id = ${brandId} AND t.link_code = link.link_code AND t.kind = 'sent'
    GROUP BY link.sku`
}

/** The same of targets of any kind. */
export async function selectSendingsOfKinds(
  db: Db,
  options: Options & {
    associateId: string
    sentTo: { externalUserid: string } | { chatId: string }
    targets: readonly { kind: string; ref: string }[]
  },
) {
  const { brandId, associateId, sentTo, targets } = options
  const isSentTo =
    'externalUserid' in sentTo
      ? db`l.sent_to_external_userid = ${sentTo.externalUserid}`
      : db`l.sent_to_chat_id = ${sentTo.chatId}`
  return await db<{ kind: string; ref: string; at: Instant }[]>`
    WITH link AS MATERIALIZED (
      SELECT l.link_code, l.target ->> 'kind' AS kind, l.target ->> 'ref' AS ref FROM share_links AS l
      WHERE l.brand_id = ${brandId} AND l.associate_id = ${associateId} AND ${isSentTo}
        AND (l.target ->> 'kind', l.target ->> 'ref') IN (
          SELECT kind, ref FROM jsonb_to_recordset(${JSON.stringify(targets)}::text::jsonb) AS row (kind text, ref text))
    )
    SELECT link.kind, link.ref, max(t.at) AS at FROM link
    JOIN touches AS t ON t.brand_id = ${brandId} AND t.link_code = link.link_code AND t.kind = 'sent'
    GROUP BY link.kind, link.ref`
}

/** The skus of somebody's shelf, in his order. */
export async function selectShelf(db: Db, { brandId, associateId }: Options & { associateId: string }) {
  const [row] = await db<{ skus: string[] }[]>`
    SELECT skus FROM shelves WHERE brand_id = ${brandId} AND associate_id = ${associateId}`
  return row?.skus ?? []
}

export async function upsertShelf(
  db: Db,
  options: Options & { associateId: string; skus: readonly string[]; now: Instant },
) {
  const { brandId, associateId, skus, now } = options
  await db`
    INSERT INTO shelves (brand_id, associate_id, skus, changed_at)
    VALUES (${brandId}, ${associateId}, ${skus as string[]}::text[], ${now})
    ON CONFLICT (brand_id, associate_id) DO UPDATE SET skus = EXCLUDED.skus, changed_at = EXCLUDED.changed_at`
}

export async function selectShare(db: Db, { brandId, shareId }: Options & { shareId: string }) {
  const [row] = await db<{ linkCode: string; contentHash: Buffer }[]>`
    SELECT link_code AS "linkCode", content_hash AS "contentHash" FROM shares
    WHERE brand_id = ${brandId} AND share_id = ${shareId}`
  return row ?? null
}

export async function insertShare(
  db: Db,
  options: Options & { shareId: string; linkCode: string; contentHash: Buffer },
) {
  await db`
    INSERT INTO shares (brand_id, share_id, link_code, content_hash)
    VALUES (${options.brandId}, ${options.shareId}, ${options.linkCode}, ${options.contentHash})`
}
