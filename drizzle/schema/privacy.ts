import { integer, pgTable, primaryKey } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, instantColumn, textColumn, textListColumn, uuidColumn } from '../columns.ts'

/**
 * One row is a key that the service itself made, sealed with the data key. There is one, of the default brand: the key of
 * the hashes by which phone numbers and erased ids are found. It stays when the data key is changed.
 */
export const vaultKeys = pgTable(
  'vault_keys',
  {
    brandId: brandIdColumn(),
    /** `lookup`. */
    purpose: textColumn('purpose').notNull(),
    keyEncrypted: bytesColumn('key_encrypted').notNull(),
    madeAt: instantColumn('made_at').notNull(),
  },
  key => [primaryKey({ columns: [key.brandId, key.purpose] })],
)

/** One row is one person whose personal data was erased, and who asked for it. It holds numbers, and no data of his. */
export const erasures = pgTable(
  'erasures',
  {
    brandId: brandIdColumn(),
    erasureId: uuidColumn('erasure_id').notNull(),
    /** The last number of the person, and all of them. */
    memberNo: textColumn('member_no').notNull(),
    memberNos: textListColumn('member_nos').notNull(),
    reason: textColumn('reason').notNull(),
    askedBy: textColumn('asked_by').notNull(),
    askedAt: instantColumn('asked_at').notNull(),
    /** The transaction that asked: everybody who began before it has to end before the erasure is carried out. */
    underWay: textColumn('under_way').notNull(),
    /** null: it is still to be carried out. */
    endedAt: instantColumn('ended_at'),
  },
  erasure => [primaryKey({ columns: [erasure.brandId, erasure.erasureId] })],
)

/**
 * One row is an id or a phone number of somebody who was erased, as a keyed hash: what is told later about the time before
 * is kept under it, and not under what was told.
 */
export const erasedIds = pgTable(
  'erased_ids',
  {
    brandId: brandIdColumn(),
    /** `unionid`, `openid`, `external_userid`, `visitor` or `phone`. */
    kind: textColumn('kind').notNull(),
    idHash: textColumn('id_hash').notNull(),
    erasedAt: instantColumn('erased_at').notNull(),
  },
  id => [primaryKey({ columns: [id.brandId, id.kind, id.idHash] })],
)

/** One row is how long a brand keeps whose touches were, as last told. */
export const retentionSettings = pgTable(
  'retention_settings',
  {
    brandId: brandIdColumn(),
    /** After so many days touches that won no order lose their visitor id. */
    visitorDays: integer('visitor_days').notNull(),
    /** And after so many everything that says whose they were. */
    touchDays: integer('touch_days').notNull(),
    toldBy: textColumn('told_by').notNull(),
    toldAt: instantColumn('told_at').notNull(),
  },
  settings => [primaryKey({ columns: [settings.brandId] })],
)

/** One row is the walk through a brand's old touches: where it is, and when it last came to the end. */
export const retentionWalks = pgTable(
  'retention_walks',
  {
    brandId: brandIdColumn(),
    /** The last touch that was looked at; null: at the beginning. */
    positionAt: instantColumn('position_at'),
    positionTouch: textColumn('position_touch'),
    finishedAt: instantColumn('finished_at'),
  },
  walk => [primaryKey({ columns: [walk.brandId] })],
)
