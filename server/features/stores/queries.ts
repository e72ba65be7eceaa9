import type { DatedEntry } from '../../../drizzle/schema/stores.ts'
import { oneOf, type Db } from '../../database.ts'
import type { Instant } from '../../lib/time.ts'

export interface StoreRow {
  storeCode: string
  name: string
  types: DatedEntry[]
  regions: DatedEntry[]
  franchisees: DatedEntry[]
  wecomDepartmentId: number | null
}

/** @param options.ofAssociates those that these work in, too */
export async function selectStores(
  db: Db,
  options: { brandId: number; storeCodes: readonly string[]; ofAssociates?: readonly string[] },
) {
  const { brandId, storeCodes, ofAssociates = [] } = options
  if (storeCodes.length + ofAssociates.length === 0) return []
  const isAsked =
    ofAssociates.length === 0
      ? oneOf(db, storeCodes)
      : db`ANY (ARRAY(
          SELECT store_code FROM associates WHERE brand_id = ${brandId} AND associate_id = ${oneOf(db, ofAssociates)}
          UNION ALL SELECT unnest(${storeCodes as string[]}::text[])))`
  return await db<StoreRow[]>`
    SELECT store_code AS "storeCode", name, types, regions, franchisees, wecom_department_id AS "wecomDepartmentId"
    FROM stores WHERE brand_id = ${brandId} AND store_code = ${isAsked}`
}

/** Those of these that there are. */
export async function selectStoreCodes(db: Db, options: { brandId: number; storeCodes: readonly string[] }) {
  if (options.storeCodes.length === 0) return []
  const rows = await db<{ storeCode: string }[]>`
    SELECT store_code AS "storeCode" FROM stores
    WHERE brand_id = ${options.brandId} AND store_code = ${oneOf(db, options.storeCodes)}`
  return rows.map(row => row.storeCode)
}

export async function upsertStores(db: Db, options: { brandId: number; now: Instant; rows: readonly StoreRow[] }) {
  if (options.rows.length === 0) return
  await db`
    INSERT INTO stores (brand_id, store_code, name, types, regions, franchisees, wecom_department_id, created_at, updated_at)
    SELECT ${options.brandId}, "storeCode", name, types, regions, franchisees, "wecomDepartmentId", ${options.now}, ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb)
      AS row ("storeCode" text, name text, types jsonb, regions jsonb, franchisees jsonb, "wecomDepartmentId" int)
    ON CONFLICT (brand_id, store_code) DO UPDATE SET
      name = EXCLUDED.name, types = EXCLUDED.types, regions = EXCLUDED.regions, franchisees = EXCLUDED.franchisees,
      wecom_department_id = EXCLUDED.wecom_department_id, updated_at = EXCLUDED.updated_at`
}

export interface AssociateRow {
  associateId: string
  name: string
  storeCode: string | null
  kinds: DatedEntry[]
  role: string
  franchiseeId: string | null
  memberNo: string | null
  invitedBy: string | null
  payeeType: string | null
  employments: { activeFrom: string; activeTo: string | null }[]
}

const ASSOCIATE_COLUMNS = `associate_id AS "associateId", name, store_code AS "storeCode", kinds, role,
  franchisee_id AS "franchiseeId", member_no AS "memberNo", invited_by AS "invitedBy", payee_type AS "payeeType", employments`

export async function selectAssociates(db: Db, options: { brandId: number; associateIds: readonly string[] }) {
  if (options.associateIds.length === 0) return []
  return await db<AssociateRow[]>`
    SELECT ${db.unsafe(ASSOCIATE_COLUMNS)} FROM associates
    WHERE brand_id = ${options.brandId} AND associate_id = ${oneOf(db, options.associateIds)}`
}

/** Those of these that there are. */
export async function selectAssociateIds(db: Db, options: { brandId: number; associateIds: readonly string[] }) {
  if (options.associateIds.length === 0) return []
  const rows = await db<{ associateId: string }[]>`
    SELECT associate_id AS "associateId" FROM associates
    WHERE brand_id = ${options.brandId} AND associate_id = ${oneOf(db, options.associateIds)}`
  return rows.map(row => row.associateId)
}

export async function upsertAssociates(
  db: Db,
  options: { brandId: number; now: Instant; rows: readonly AssociateRow[] },
) {
  if (options.rows.length === 0) return
  await db`
    INSERT INTO associates (brand_id, associate_id, name, store_code, kinds, role, franchisee_id, member_no, invited_by,
      payee_type, employments, created_at, updated_at)
    SELECT ${options.brandId}, "associateId", name, "storeCode", kinds, role, "franchiseeId", "memberNo", "invitedBy",
      "payeeType", employments, ${options.now}, ${options.now}
    FROM jsonb_to_recordset(${JSON.stringify(options.rows)}::text::jsonb)
      AS row ("associateId" text, name text, "storeCode" text, kinds jsonb, role text, "franchiseeId" text,
        "memberNo" text, "invitedBy" text, "payeeType" text, employments jsonb)
    ON CONFLICT (brand_id, associate_id) DO UPDATE SET
      name = EXCLUDED.name, store_code = EXCLUDED.store_code, kinds = EXCLUDED.kinds, role = EXCLUDED.role,
      franchisee_id = EXCLUDED.franchisee_id, member_no = EXCLUDED.member_no, invited_by = EXCLUDED.invited_by,
      payee_type = EXCLUDED.payee_type, employments = EXCLUDED.employments, updated_at = EXCLUDED.updated_at`
}
