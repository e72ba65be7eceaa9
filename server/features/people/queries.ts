import type { DatedEntry } from '../../../drizzle/schema/stores.ts'
import type { Db } from '../../database.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'

/** Within what somebody answers for. */
interface Within {
  brandId: number
  /** null: all. */
  storeCodes: readonly string[] | null
  now: Instant
}

const instant = (db: Db, at: Instant) => db`${formatInstant(at)}::text::timestamptz`
const list = (db: Db, values: readonly string[]) => db`${values as string[]}::text[]`

/** A kept value as it is in force; `lib/dated.ts` says the same of one that is read. */
const inForce = (db: Db, column: string, now: Instant) => db`(
  SELECT told.entry ->> 'value' FROM jsonb_array_elements(${db(column)}) WITH ORDINALITY AS told (entry, place)
  WHERE told.entry ->> 'from' IS NULL OR (told.entry ->> 'from')::timestamptz <= ${instant(db, now)}
  ORDER BY (told.entry ->> 'from')::timestamptz DESC NULLS LAST, told.place DESC LIMIT 1)`

const isWithin = (db: Db, column: string, storeCodes: readonly string[] | null) =>
  storeCodes === null ? db`true` : db`${db(column)} = ANY (${list(db, storeCodes)})`

/** A part of a text, with what LIKE would take for more than a letter. */
const part = (text: string) => `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`

const SPELLS = `jsonb_to_recordset(a.employments) AS spell ("activeFrom" timestamptz, "activeTo" timestamptz)`

const works = (db: Db, now: Instant) => db`EXISTS (
  SELECT FROM ${db.unsafe(SPELLS)}
  WHERE "activeFrom" <= ${instant(db, now)} AND ("activeTo" IS NULL OR "activeTo" > ${instant(db, now)}))`
const willWork = (db: Db, now: Instant) =>
  db`EXISTS (SELECT FROM ${db.unsafe(SPELLS)} WHERE "activeFrom" > ${instant(db, now)})`

export interface ListedStore {
  storeCode: string
  name: string
  types: DatedEntry[]
  regions: DatedEntry[]
  franchisees: DatedEntry[]
  wecomDepartmentId: number | null
  associateCount: number
  memberCount: number | null
}

/** Stores by their code, with who works there and the members of the last day that was counted. */
export async function selectStorePage(
  db: Db,
  options: Within & {
    storeCode: string | null
    search: string | null
    region: string | null
    type: string | null
    franchisee: string | null
    after: string | null
    limit: number
  },
) {
  const { brandId, storeCodes, now, storeCode, search, region, type, franchisee, after, limit } = options
  return await db<ListedStore[]>`
    WITH store AS (
      SELECT store_code, name, types, regions, franchisees, wecom_department_id FROM stores
      WHERE brand_id = ${brandId} AND ${isWithin(db, 'store_code', storeCodes)}
        ${storeCode === null ? db`` : db`AND store_code = ${storeCode}`}
        ${search === null ? db`` : db`AND (name ILIKE ${part(search)} OR store_code ILIKE ${part(search)})`}
        ${region === null ? db`` : db`AND ${inForce(db, 'regions', now)} = ${region}`}
        ${type === null ? db`` : db`AND ${inForce(db, 'types', now)} = ${type}`}
        ${franchisee === null ? db`` : db`AND ${inForce(db, 'franchisees', now)} = ${franchisee}`}
        ${after === null ? db`` : db`AND store_code > ${after}`}
      ORDER BY store_code LIMIT ${limit}
    ), people AS (
      SELECT a.store_code, count(*) AS count FROM associates AS a
      WHERE a.brand_id = ${brandId} AND a.store_code IN (SELECT store_code FROM store) AND ${works(db, now)}
      GROUP BY 1
    )
    SELECT store.store_code AS "storeCode", store.name, store.types, store.regions, store.franchisees,
      store.wecom_department_id AS "wecomDepartmentId", COALESCE(people.count, 0) AS "associateCount", (
        SELECT members FROM community_days AS day
        WHERE day.brand_id = ${brandId} AND day.store_code = store.store_code ORDER BY day.day DESC LIMIT 1
      ) AS "memberCount"
    FROM store LEFT JOIN people ON people.store_code = store.store_code
    ORDER BY store.store_code`
}

/** What stores were ever grouped by. */
export async function selectHouses(db: Db, { brandId, storeCodes }: Omit<Within, 'now'>) {
  const ever = (column: string) => db`
    SELECT DISTINCT told.entry ->> 'value' AS value
    FROM stores CROSS JOIN LATERAL jsonb_array_elements(${db(column)}) AS told (entry)
    WHERE brand_id = ${brandId} AND ${isWithin(db, 'store_code', storeCodes)} AND told.entry ->> 'value' IS NOT NULL`
  const [row] = await db<{ regions: string[]; franchisees: string[] }[]>`
    SELECT ARRAY(SELECT value FROM (${ever('regions')}) AS region ORDER BY value COLLATE "C") AS regions,
      ARRAY(SELECT value FROM (${ever('franchisees')}) AS franchisee ORDER BY value COLLATE "C") AS franchisees`
  return row!
}

export interface ListedAssociate {
  associateId: string
  name: string
  storeCode: string | null
  storeName: string | null
  kinds: DatedEntry[]
  role: string
  franchiseeId: string | null
  memberNo: string | null
  invitedBy: string | null
  inviterName: string | null
  payeeType: string | null
  employments: { activeFrom: string; activeTo: string | null }[]
}

/** Associates by their id. */
export async function selectAssociatePage(
  db: Db,
  options: Within & {
    associateId: string | null
    search: string | null
    storeCode: string | null
    kind: string | null
    role: string | null
    payeeType: string | null
    work: 'active' | 'left' | 'coming' | null
    invitedBy: string | null
    after: string | null
    limit: number
  },
) {
  const { brandId, storeCodes, now, associateId, search, storeCode, kind, role, payeeType, work, invitedBy, after } = options // prettier-ignore
  const isSearched =
    search === null
      ? db`true`
      : db`(a.name ILIKE ${part(search)} OR a.associate_id ILIKE ${part(search)} OR a.member_no = ${search})`
  const doesWork = {
    active: works(db, now),
    coming: db`NOT ${works(db, now)} AND ${willWork(db, now)}`,
    left: db`NOT ${works(db, now)} AND NOT ${willWork(db, now)}`,
  }
  return await db<ListedAssociate[]>`
    SELECT a.associate_id AS "associateId", a.name, a.store_code AS "storeCode", store.name AS "storeName", a.kinds,
      a.role, a.franchisee_id AS "franchiseeId", a.member_no AS "memberNo", a.invited_by AS "invitedBy",
      inviter.name AS "inviterName", a.payee_type AS "payeeType", a.employments
    FROM associates AS a
    LEFT JOIN stores AS store ON store.brand_id = ${brandId} AND store.store_code = a.store_code
    LEFT JOIN associates AS inviter ON inviter.brand_id = ${brandId} AND inviter.associate_id = a.invited_by
    WHERE a.brand_id = ${brandId} AND ${isWithin(db, 'a.store_code', storeCodes)} AND ${isSearched}
      ${associateId === null ? db`` : db`AND a.associate_id = ${associateId}`}
      ${storeCode === null ? db`` : db`AND a.store_code = ${storeCode}`}
      ${kind === null ? db`` : db`AND ${inForce(db, 'a.kinds', now)} = ${kind}`}
      ${role === null ? db`` : db`AND a.role = ${role}`}
      ${payeeType === null ? db`` : db`AND a.payee_type = ${payeeType}`}
      ${work === null ? db`` : db`AND ${doesWork[work]}`}
      ${invitedBy === null ? db`` : db`AND a.invited_by = ${invitedBy}`}
      ${after === null ? db`` : db`AND a.associate_id > ${after}`}
    ORDER BY a.associate_id LIMIT ${options.limit}`
}

/** What hangs on somebody in WeCom and in tasks. */
export async function selectOpen(db: Db, { brandId, associateId }: { brandId: number; associateId: string }) {
  const [row] = await db<{ friends: number; groups: number; tasks: number; invited: number }[]>`
    SELECT
      (SELECT count(*) FROM wecom_friends
        WHERE brand_id = ${brandId} AND userid = ${associateId} AND ended_at IS NULL) AS friends,
      (SELECT count(*) FROM wecom_groups
        WHERE brand_id = ${brandId} AND owner = ${associateId} AND dissolved_at IS NULL) AS groups,
      (SELECT count(*) FROM tasks
        WHERE brand_id = ${brandId} AND associate_id = ${associateId} AND state = 'open') AS tasks,
      (SELECT count(*) FROM associates WHERE brand_id = ${brandId} AND invited_by = ${associateId}) AS invited`
  return row!
}

const ORDERS_COUNTED = 1001

/** Orders that a change may book anew: sold at a store, or with somebody in a role; not more than are worth counting. */
export async function countOrders(
  db: Db,
  options: { brandId: number; kind: 'stores' | 'associates'; key: string; from: Instant | null },
) {
  const { brandId, kind, key, from } = options
  const isHis = kind === 'stores' ? db`o.selling_store = ${key}` : db`o.associates @> ARRAY[${key}]::text[]`
  const [row] = await db<{ count: number }[]>`
    SELECT count(*) AS count FROM (
      SELECT FROM orders AS o
      WHERE o.brand_id = ${brandId} AND ${isHis} ${from === null ? db`` : db`AND o.paid_at >= ${instant(db, from)}`}
      LIMIT ${ORDERS_COUNTED}) AS found`
  return row!.count
}
