import { integer, jsonb, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, instantColumn, textColumn } from '../columns.ts'

/** A value as told, and from when it holds; null is from the beginning. Kept in the order told, never rewritten. */
export interface DatedEntry {
  value: string | null
  from: string | null
}

/** One row is one store as last told; `types`, `regions` and `franchisees` also hold what was in force before. */
export const stores = pgTable(
  'stores',
  {
    brandId: brandIdColumn(),
    storeCode: textColumn('store_code').notNull(),
    name: textColumn('name').notNull(),
    types: jsonb('types').$type<DatedEntry[]>().notNull(),
    regions: jsonb('regions').$type<DatedEntry[]>().notNull(),
    franchisees: jsonb('franchisees').$type<DatedEntry[]>().notNull(),
    wecomDepartmentId: integer('wecom_department_id'),
    createdAt: instantColumn('created_at').notNull(),
    updatedAt: instantColumn('updated_at').notNull(),
  },
  store => [primaryKey({ columns: [store.brandId, store.storeCode] })],
)

/** One row is one associate, office worker or customer who promotes, with every interval of his employment. */
export const associates = pgTable(
  'associates',
  {
    brandId: brandIdColumn(),
    associateId: textColumn('associate_id').notNull(),
    name: textColumn('name').notNull(),
    storeCode: textColumn('store_code'),
    kinds: jsonb('kinds').$type<DatedEntry[]>().notNull(),
    role: textColumn('role').notNull(),
    franchiseeId: textColumn('franchisee_id'),
    memberNo: textColumn('member_no'),
    invitedBy: textColumn('invited_by'),
    payeeType: textColumn('payee_type'),
    employments: jsonb('employments').$type<{ activeFrom: string; activeTo: string | null }[]>().notNull(),
    createdAt: instantColumn('created_at').notNull(),
    updatedAt: instantColumn('updated_at').notNull(),
  },
  associate => [primaryKey({ columns: [associate.brandId, associate.associateId] })],
)
