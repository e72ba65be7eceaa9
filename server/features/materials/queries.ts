import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import { LINK_KIND, type Material, type MaterialKind, type MaterialState, type Place } from './domain.ts'

interface Options {
  brandId: number
}

export interface MaterialRow extends Material {
  pictures: string[]
  storeCodes: string[] | null
  regions: string[] | null
  createdAt: Instant
  changedAt: Instant
  changedBy: string
  deletedAt: Instant | null
}

const COLUMNS = `material_id AS "materialId", kind, ref, title, text, pictures, campaign, category, path, url,
  valid_from AS "validFrom", valid_to AS "validTo", store_codes AS "storeCodes", regions, created_at AS "createdAt",
  changed_at AS "changedAt", changed_by AS "changedBy", deleted_at AS "deletedAt"`

export async function writeMaterial(db: Db, { brandId, material }: Options & { material: MaterialRow }) {
  const row = material
  await db`
    INSERT INTO materials (brand_id, material_id, kind, ref, title, text, pictures, campaign, category, path, url,
      valid_from, valid_to, store_codes, regions, created_at, changed_at, changed_by, deleted_at)
    VALUES (${brandId}, ${row.materialId}, ${row.kind}, ${row.ref}, ${row.title}, ${row.text},
      ${row.pictures}::text[], ${row.campaign}, ${row.category}, ${row.path}, ${row.url}, ${row.validFrom},
      ${row.validTo}, ${row.storeCodes}::text[], ${row.regions}::text[], ${row.createdAt}, ${row.changedAt},
      ${row.changedBy}, ${row.deletedAt})
    ON CONFLICT (brand_id, material_id) DO UPDATE SET kind = EXCLUDED.kind, ref = EXCLUDED.ref,
      title = EXCLUDED.title, text = EXCLUDED.text, pictures = EXCLUDED.pictures, campaign = EXCLUDED.campaign,
      category = EXCLUDED.category, path = EXCLUDED.path, url = EXCLUDED.url, valid_from = EXCLUDED.valid_from,
      valid_to = EXCLUDED.valid_to, store_codes = EXCLUDED.store_codes, regions = EXCLUDED.regions,
      changed_at = EXCLUDED.changed_at, changed_by = EXCLUDED.changed_by, deleted_at = EXCLUDED.deleted_at`
}

/** Locked, deleted ones too. */
export async function lockMaterial(db: Db, { brandId, materialId }: Options & { materialId: string }) {
  const [row] = await db<MaterialRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM materials
    WHERE brand_id = ${brandId} AND material_id = ${materialId}::text::uuid FOR UPDATE`
  return row ?? null
}

/** Those that there are, of these. */
export async function selectMaterialsById(
  db: Db,
  { brandId, materialIds }: Options & { materialIds: readonly string[] },
) {
  if (materialIds.length === 0) return []
  return await db<MaterialRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM materials
    WHERE brand_id = ${brandId} AND material_id = ANY (${materialIds as string[]}::text[]::uuid[]) AND deleted_at IS NULL`
}

export interface MaterialFilter {
  /** Blank: all. */
  query: string
  campaign: string | null
  category: string | null
  kind: MaterialKind | null
  /** As of an instant; absent: all but what was taken away. */
  state?: { is: MaterialState; now: Instant }
}

/** Newest first, those left out that were shown before. `usable`: only what somebody of that place may share then. */
export async function selectMaterials(
  db: Db,
  options: Options & {
    filter: MaterialFilter
    usable: { place: Place; now: Instant } | null
    without?: readonly string[]
    after: string | null
    limit: number
  },
) {
  const { brandId, filter, usable, without = [], after, limit } = options
  const { query, campaign, category, kind, state } = filter
  const found = (column: string) => db`strpos(lower(${db(column)}), lower(${query})) > 0`
  return await db<MaterialRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM materials
    WHERE brand_id = ${brandId} AND ${isInState(db, state)}
      ${usable === null ? db`` : db`AND ${isUsable(db, usable)}`}
      ${campaign === null ? db`` : db`AND campaign = ${campaign}`}
      ${category === null ? db`` : db`AND category = ${category}`}
      ${kind === null ? db`` : db`AND kind = ${kind}`}
      ${
        query === ''
          ? db``
          : db`AND (${found('title')} OR ${found('text')} OR ${found('ref')} OR ${found('campaign')} OR ${found('category')})`
      }
      ${after === null ? db`` : db`AND material_id < ${after}::text::uuid`}
      ${without.length === 0 ? db`` : db`AND material_id <> ALL (${without as string[]}::text[]::uuid[])`}
    ORDER BY material_id DESC LIMIT ${limit}`
}

function isInState(db: Db, state: MaterialFilter['state']) {
  if (!state) return db`deleted_at IS NULL`
  switch (state.is) {
    case 'archived':
      return db`deleted_at IS NOT NULL`
    case 'to_come':
      return db`deleted_at IS NULL AND valid_from > ${state.now}`
    case 'over':
      return db`deleted_at IS NULL AND valid_to <= ${state.now}`
    case 'usable':
      return db`deleted_at IS NULL AND (valid_from IS NULL OR valid_from <= ${state.now})
        AND (valid_to IS NULL OR valid_to > ${state.now})`
  }
}

export interface LinkFigures {
  shares: number
  clicks: number
  orders: number
  netSalesFen: number
}

/**
 * What came of the links to these materials that were made since an instant. Links are to what a material is of, so
 * materials of one product have the same figures.
 */
export async function selectMaterialFigures(
  db: Db,
  { brandId, materialIds, since }: Options & { materialIds: readonly string[]; since: Instant },
) {
  if (materialIds.length === 0) return []
  const linkKind = Object.entries(LINK_KIND).map(([own, kind]) => ({ own, kind }))
  return await db<(LinkFigures & { materialId: string })[]>`
    WITH link AS MATERIALIZED (
      SELECT m.material_id, l.link_code FROM materials AS m
      JOIN jsonb_to_recordset(${JSON.stringify(linkKind)}::text::jsonb) AS k (own text, kind text) ON k.own = m.kind
      JOIN share_links AS l ON l.brand_id = ${brandId} AND l.target ->> 'kind' = k.kind AND l.target ->> 'ref' = m.ref
        AND COALESCE(l.created_at, l.received_at) >= ${since}
      WHERE m.brand_id = ${brandId} AND m.material_id = ANY (${materialIds as string[]}::text[]::uuid[])
    )
    SELECT m.material_id AS "materialId", ${figuresOf(db, brandId, db`link.material_id = m.material_id`)}
    FROM unnest(${materialIds as string[]}::text[]::uuid[]) AS m (material_id)`
}

/** What came of links. */
export async function selectLinkFigures(
  db: Db,
  { brandId, linkCodes }: Options & { linkCodes: readonly string[] },
): Promise<LinkFigures> {
  if (linkCodes.length === 0) return { shares: 0, clicks: 0, orders: 0, netSalesFen: 0 }
  const [row] = await db<LinkFigures[]>`
    WITH link AS MATERIALIZED (SELECT unnest(${linkCodes as string[]}::text[]) AS link_code)
    SELECT ${figuresOf(db, brandId, db`true`)}`
  return row!
}

/** Figures of the rows of `link` for which something holds; clicks and orders as docs/metrics.md counts them. */
const figuresOf = (db: Db, brandId: number, isOwn: ReturnType<Db>) => db`
  (SELECT count(*) FROM link WHERE ${isOwn}) AS shares,
  (SELECT count(*) FROM link JOIN touches AS t ON t.brand_id = ${brandId} AND t.link_code = link.link_code
    AND t.kind <> 'sent' AND NOT t.by_associate WHERE ${isOwn}) AS clicks,
  (SELECT count(*) FROM link JOIN orders AS o ON ${isWon(db, brandId)} WHERE ${isOwn}) AS orders,
  (SELECT COALESCE(sum(o.net_fen), 0)::bigint FROM link JOIN orders AS o ON ${isWon(db, brandId)} WHERE ${isOwn})
    AS "netSalesFen"`

const isWon = (db: Db, brandId: number) => db`
  o.brand_id = ${brandId} AND o.sharer_link = link.link_code AND o.revision IS NOT NULL AND NOT o.cancelled
  AND o.net_fen > 0`

/**
 * What fits a customer: things that he looked at, the latest first, then what is of a category that he buys, the one
 * that he spends most on first; newest first among equals.
 *
 * @param options.seen kinds and refs of what he looked at, as links have them, the latest first
 * @param options.categories the largest first
 */
export async function selectFittingMaterials(
  db: Db,
  options: Options & {
    filter: Omit<MaterialFilter, 'query'>
    usable: { place: Place; now: Instant }
    seen: readonly { kind: string; ref: string }[]
    categories: readonly string[]
    limit: number
  },
) {
  const { brandId, filter, usable, seen, categories, limit } = options
  const { campaign, category, kind } = filter
  const linkKind = Object.entries(LINK_KIND).map(([own, kind]) => ({ own, kind }))
  return await db<MaterialRow[]>`
    WITH shown AS (
      SELECT m.*,
        (SELECT min(s.place) FROM ROWS FROM (jsonb_to_recordset(${JSON.stringify(seen)}::text::jsonb)
            AS (kind text, ref text)) WITH ORDINALITY AS s (kind, ref, place)
          JOIN jsonb_to_recordset(${JSON.stringify(linkKind)}::text::jsonb) AS k (own text, kind text)
            ON k.own = m.kind AND k.kind = s.kind
          WHERE s.ref = m.ref) AS seen_at,
        LEAST(array_position(${categories as string[]}::text[], m.category),
          array_position(${categories as string[]}::text[], p.category)) AS liked_at
      FROM materials AS m
      LEFT JOIN products AS p ON p.brand_id = ${brandId} AND m.kind = 'product' AND p.sku = m.ref
      WHERE m.brand_id = ${brandId} AND m.deleted_at IS NULL
    )
    SELECT ${db.unsafe(COLUMNS)} FROM shown
    WHERE (seen_at IS NOT NULL OR liked_at IS NOT NULL) AND ${isUsable(db, usable)}
      ${campaign === null ? db`` : db`AND campaign = ${campaign}`}
      ${category === null ? db`` : db`AND category = ${category}`}
      ${kind === null ? db`` : db`AND kind = ${kind}`}
    ORDER BY seen_at NULLS LAST, liked_at NULLS LAST, material_id DESC LIMIT ${limit}`
}

/** As `isUsable` of the rules says. */
const isUsable = (db: Db, { place, now }: { place: Place; now: Instant }) => db`
  (valid_from IS NULL OR valid_from <= ${now}) AND (valid_to IS NULL OR valid_to > ${now})
  AND (store_codes IS NULL AND regions IS NULL OR ${place.storeCode}::text = ANY (store_codes)
    OR ${place.region}::text = ANY (regions))`

const FACETS_MAX = 100

/** Campaigns and categories that somebody may choose among; null: headquarters, among all. */
export async function selectFacets(
  db: Db,
  { brandId, usable }: Options & { usable: { place: Place; now: Instant } | null },
) {
  const distinct = (column: string) => db<{ value: string }[]>`
    SELECT DISTINCT ${db(column)} AS value FROM materials
    WHERE brand_id = ${brandId} AND deleted_at IS NULL AND ${db(column)} IS NOT NULL
      ${usable === null ? db`` : db`AND ${isUsable(db, usable)}`}
    ORDER BY 1 LIMIT ${FACETS_MAX}`
  const [campaigns, categories] = await Promise.all([distinct('campaign'), distinct('category')])
  return { campaigns: campaigns.map(row => row.value), categories: categories.map(row => row.value) }
}

// ------------------------------------------------------------------------------------------------- pictures

export interface PictureRow {
  type: string
  width: number
  height: number
  /** null: it lies in the object storage. */
  bytes: Buffer | null
}

export async function insertPicture(
  db: Db,
  options: Options & { pictureId: string; picture: PictureRow; uploadedBy: string; now: Instant },
) {
  const { brandId, pictureId, picture, uploadedBy, now } = options
  await db`
    INSERT INTO pictures (brand_id, picture_id, type, width, height, bytes, uploaded_by, uploaded_at)
    VALUES (${brandId}, ${pictureId}, ${picture.type}, ${picture.width}, ${picture.height}, ${picture.bytes},
      ${uploadedBy}, ${now})
    ON CONFLICT DO NOTHING`
}

export async function selectPicture(db: Db, { brandId, pictureId }: Options & { pictureId: string }) {
  const [row] = await db<PictureRow[]>`
    SELECT type, width, height, bytes FROM pictures WHERE brand_id = ${brandId} AND picture_id = ${pictureId}`
  return row ?? null
}

/** How large these pictures are. */
export async function selectPictureSizes(db: Db, { brandId, pictureIds }: Options & { pictureIds: readonly string[] }) {
  if (pictureIds.length === 0) return new Map<string, number>()
  const rows = await db<{ pictureId: string; pixels: number }[]>`
    SELECT picture_id AS "pictureId", width::bigint * height AS pixels FROM pictures
    WHERE brand_id = ${brandId} AND picture_id = ANY (${pictureIds as string[]}::text[])`
  return new Map(rows.map(row => [row.pictureId, row.pixels]))
}
