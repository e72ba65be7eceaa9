import { boolean, integer, jsonb, pgTable, primaryKey, unique } from 'drizzle-orm/pg-core'
import { brandIdColumn, bytesColumn, instantColumn, textColumn, textListColumn, uuidColumn } from '../columns.ts'

/** One row is one brand. Its id is in front of every key of every other table. Without `brands create` there is one, id 1. */
export const brands = pgTable('brands', {
  brandId: brandIdColumn().primaryKey(),
  slug: textColumn('slug').notNull().unique(),
  name: textColumn('name').notNull(),
  /** IANA name; days and months are counted in it. */
  timezone: textColumn('timezone').notNull(),
  createdAt: instantColumn('created_at').notNull(),
})

/**
 * One row is the settings of a brand that `brands create` made: its WeCom app and its mini-program. Those of brand 1 are the
 * environment's.
 */
export const brandSettings = pgTable('brand_settings', {
  brandId: brandIdColumn().primaryKey(),
  corpId: textColumn('corp_id').notNull(),
  agentId: textColumn('agent_id').notNull(),
  /** As JSON, encrypted: the app's secret, its callback's token and key, the mini-program's secret. */
  secretsEncrypted: bytesColumn('secrets_encrypted').notNull(),
  /** Name and content of the trusted-domain file, as in WECOM_VERIFY_FILE. */
  verifyFile: textColumn('verify_file'),
  miniProgramAppId: textColumn('mini_program_app_id'),
  /** WeCom userids that are headquarters from the start. */
  headquarters: textListColumn('headquarters').notNull(),
  updatedAt: instantColumn('updated_at').notNull(),
})

/** One row is one API key. Only its hash is kept; the key itself is shown once. */
export const apiKeys = pgTable(
  'api_keys',
  {
    brandId: brandIdColumn(),
    keyId: uuidColumn('key_id').notNull(),
    name: textColumn('name').notNull(),
    /** SHA-256: keys are random and long, so a slow hash would only slow each request. */
    keyHash: bytesColumn('key_hash').notNull(),
    scopes: textListColumn('scopes').notNull(),
    createdAt: instantColumn('created_at').notNull(),
    revokedAt: instantColumn('revoked_at'),
    /** Its first characters, by which people know it again; null: made before they were kept. */
    prefix: textColumn('prefix'),
    /** Who made it, for the record; null: from the command line. */
    createdBy: textColumn('created_by'),
    /** Whose second voice it must not become: it speaks as whoever made it where two people have to agree. */
    makerId: textColumn('maker_id'),
    /** To within five minutes. */
    lastUsedAt: instantColumn('last_used_at'),
  },
  key => [primaryKey({ columns: [key.brandId, key.keyId] }), unique().on(key.brandId, key.keyHash)],
)

/** Who looked at, exported, decided or changed what. Rows are only ever added. */
export const activity = pgTable(
  'activity',
  {
    brandId: brandIdColumn(),
    activityId: uuidColumn('activity_id').notNull(),
    at: instantColumn('at').notNull(),
    /** An associateId, `key:<name>`, or `service`. */
    actor: textColumn('actor').notNull(),
    action: textColumn('action').notNull(),
    subject: textColumn('subject').notNull(),
    details: jsonb('details').notNull(),
  },
  row => [primaryKey({ columns: [row.brandId, row.activityId] })],
)

/** Long work: re-booking after a retroactive plan, back-tests. */
export const jobs = pgTable(
  'jobs',
  {
    brandId: brandIdColumn(),
    jobId: uuidColumn('job_id').notNull(),
    kind: textColumn('kind').notNull(),
    /** `waiting`, `running`, `cancelling`, `done`, `failed` or `cancelled`. */
    status: textColumn('status').notNull(),
    input: jsonb('input').notNull(),
    /** Where to go on after a crash. */
    cursor: jsonb('cursor'),
    done: integer('done').notNull(),
    total: integer('total').notNull(),
    result: jsonb('result'),
    error: textColumn('error'),
    /** Whether commission waits for it: then /health/reconcile counts it. */
    booksLedger: boolean('books_ledger').notNull(),
    /** Of a job that one process works on over many transactions: which one, and until when it is believed to live. */
    leaseId: uuidColumn('lease_id'),
    leasedUntil: instantColumn('leased_until'),
    createdAt: instantColumn('created_at').notNull(),
    updatedAt: instantColumn('updated_at').notNull(),
  },
  job => [primaryKey({ columns: [job.brandId, job.jobId] })],
)
