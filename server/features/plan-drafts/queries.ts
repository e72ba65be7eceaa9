import type { Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'
import type { ChoiceKind } from './schema.ts'

export interface DraftRow {
  name: string
  revision: number
  basedOnCode: string | null
  basedOnVersion: number | null
  createdAt: Instant
  createdBy: string
  changedAt: Instant
  changedBy: string
}

const COLUMNS = `name, revision, based_on_code AS "basedOnCode", based_on_version AS "basedOnVersion",
  created_at AS "createdAt", created_by AS "createdBy", changed_at AS "changedAt", changed_by AS "changedBy"`

/** Those changed last come first. */
export async function selectDrafts(
  db: Db,
  options: { brandId: number; after: { changedAt: string; name: string } | null; limit: number },
): Promise<DraftRow[]> {
  const { brandId, after, limit } = options
  return await db<DraftRow[]>`
    SELECT ${db.unsafe(COLUMNS)} FROM plan_drafts
    WHERE brand_id = ${brandId}
      AND (${after === null} OR (changed_at, name) < (${after?.changedAt ?? null}::timestamptz, ${after?.name ?? null}::text))
    ORDER BY changed_at DESC, name DESC LIMIT ${limit}`
}

export async function selectDraft(
  db: Db,
  { brandId, name }: { brandId: number; name: string },
): Promise<(DraftRow & { content: Record<string, unknown> }) | null> {
  const [row] = await db<(DraftRow & { content: Record<string, unknown> })[]>`
    SELECT ${db.unsafe(COLUMNS)}, content FROM plan_drafts WHERE brand_id = ${brandId} AND name = ${name}`
  return row ?? null
}

interface Saved {
  brandId: number
  name: string
  content: Record<string, unknown>
  now: Instant
  actor: string
}

/** @returns whether there was none of that name */
export async function insertDraft(
  db: Db,
  options: Saved & { basedOn: { code: string; version: number } | null },
): Promise<boolean> {
  const { brandId, name, content, basedOn, now, actor } = options
  const rows = await db`
    INSERT INTO plan_drafts (brand_id, name, revision, content, based_on_code, based_on_version, created_at, created_by,
      changed_at, changed_by)
    VALUES (${brandId}, ${name}, 1, ${JSON.stringify(content)}::text::jsonb, ${basedOn?.code ?? null},
      ${basedOn?.version ?? null}, ${now}, ${actor}, ${now}, ${actor})
    ON CONFLICT (brand_id, name) DO NOTHING RETURNING name`
  return rows.length > 0
}

/** @returns whether it still was at that revision */
export async function updateDraft(db: Db, options: Saved & { revision: number }): Promise<boolean> {
  const { brandId, name, revision, content, now, actor } = options
  const rows = await db`
    UPDATE plan_drafts SET revision = revision + 1, content = ${JSON.stringify(content)}::text::jsonb,
      changed_at = ${now}, changed_by = ${actor}
    WHERE brand_id = ${brandId} AND name = ${name} AND revision = ${revision} RETURNING name`
  return rows.length > 0
}

/** @returns whether it still was at that revision */
export async function deleteDraft(
  db: Db,
  { brandId, name, revision }: { brandId: number; name: string; revision: number },
): Promise<boolean> {
  const rows = await db`
    DELETE FROM plan_drafts WHERE brand_id = ${brandId} AND name = ${name} AND revision = ${revision} RETURNING name`
  return rows.length > 0
}

// ---------------------------------------------------------------------------------------------- choices

export interface Choice {
  value: string
  name: string | null
}

/** Of so many members the levels are looked at: there are a handful, and no list of them. */
const MEMBERS_LOOKED_AT = 20_000

/** What a plan can name, found by a part of its key or name, in the order of the keys. */
export async function selectChoices(
  db: Db,
  options: { brandId: number; kind: ChoiceKind; search: string; limit: number },
): Promise<Choice[]> {
  const { brandId, kind, search, limit } = options
  const ofStores = (column: 'regions' | 'franchisees') => db`
    SELECT DISTINCT entry ->> 'value' AS value, NULL::text AS name
    FROM stores, jsonb_array_elements(${db.unsafe(column)}) AS entry WHERE brand_id = ${brandId}`
  const sources = {
    stores: () => db`SELECT store_code AS value, name FROM stores WHERE brand_id = ${brandId}`,
    regions: () => ofStores('regions'),
    franchisees: () => ofStores('franchisees'),
    categories: () =>
      db`SELECT DISTINCT category AS value, NULL::text AS name FROM products WHERE brand_id = ${brandId}`,
    skus: () => db`SELECT sku AS value, name FROM products WHERE brand_id = ${brandId}`,
    memberLevels: () => db`
      SELECT DISTINCT entry ->> 'value' AS value, NULL::text AS name
      FROM (SELECT levels FROM members WHERE brand_id = ${brandId} LIMIT ${MEMBERS_LOOKED_AT}) AS m,
        jsonb_array_elements(m.levels) AS entry`,
    associates: () => db`SELECT associate_id AS value, name FROM associates WHERE brand_id = ${brandId}`,
    tasks: () => db`SELECT DISTINCT kind AS value, NULL::text AS name FROM tasks WHERE brand_id = ${brandId}`,
  }
  return await db<Choice[]>`
    SELECT value, name FROM (${sources[kind]()}) AS choice
    WHERE value IS NOT NULL
      AND (position(lower(${search}::text) IN lower(value)) > 0 OR position(lower(${search}::text) IN lower(name)) > 0)
    ORDER BY value COLLATE "C" LIMIT ${limit}`
}

/** The category of products, as last told. */
export async function selectCategories(
  db: Db,
  { brandId, skus }: { brandId: number; skus: readonly string[] },
): Promise<{ sku: string; category: string | null }[]> {
  return await db<{ sku: string; category: string | null }[]>`
    SELECT sku, category FROM products WHERE brand_id = ${brandId} AND sku = ANY (${skus as string[]}::text[])`
}
