import { getTableConfig, PgTable } from 'drizzle-orm/pg-core'
import { is } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as schema from '../../drizzle/schema/index.ts'
import { migrateDatabase, openPool, type Pool } from '../../server/database.ts'
import { createTestDatabase, testLocale, type TestDatabase } from '../support/postgres.ts'

const tables = Object.values(schema as Record<string, unknown>).filter(one => is(one, PgTable)) as PgTable[]
const configs = tables.map(getTableConfig)

/** Keys that do not begin with the brand, and why they may not. */
const WITHOUT_BRAND = new Set([
  'brands.brands_slug_unique', // a brand itself
  'link_codes.link_codes_pkey', // a short link names no brand
  'rate_counts.rate_counts_key_minute_pk', // nor does who has nothing but an address
])

let database: TestDatabase
let pool: Pool
let owner: Pool
beforeAll(async () => {
  database = await createTestDatabase()
  pool = openPool(database.url, { max: 2 })
  owner = openPool(database.url, { max: 2, asOwner: true })
})
afterAll(async () => {
  await pool.end()
  await owner.end()
  await database.drop()
})

describe('the database is what the schema files say', () => {
  test('every table is there, and no other but partitions', async () => {
    const live = await owner<{ name: string }[]>`
      SELECT c.relname AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1`
    expect(live.map(row => row.name).sort()).toEqual(configs.map(config => config.name).sort())
  })

  test.each(configs.map(config => [config.name, config] as const))(
    '%s: columns, types and nulls',
    async (name, config) => {
      const live = await owner<{ column: string; type: string; collation: string | null; notNull: boolean }[]>`
      SELECT a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type,
        CASE WHEN a.attcollation <> t.typcollation THEN (SELECT collname FROM pg_collation WHERE oid = a.attcollation) END AS collation,
        a.attnotnull AS "notNull"
      FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
      WHERE a.attrelid = ${name}::text::regclass AND a.attnum > 0 AND NOT a.attisdropped`
      const typeOf = (sqlType: string) => sqlType.replace(/ COLLATE "C"$/, '').replace('timestamp (3)', 'timestamp(3)')
      expect(Object.fromEntries(live.map(row => [row.column, [row.type, row.collation, row.notNull]]))).toEqual(
        Object.fromEntries(
          config.columns.map(column => [
            column.name,
            [
              typeOf(column.getSQLType()),
              column.getSQLType().endsWith('COLLATE "C"') ? 'C' : null,
              column.notNull || column.primary,
            ],
          ]),
        ),
      )
    },
  )

  test.each(configs.map(config => [config.name, config] as const))('%s: keys and indexes', async (name, config) => {
    const live = await owner<
      { name: string; columns: string[]; isPrimary: boolean; isUnique: boolean; where: boolean }[]
    >`
      SELECT c.relname AS name, i.indisprimary AS "isPrimary", i.indisunique AS "isUnique", i.indpred IS NOT NULL AS where,
        ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) AS k)::text[] AS columns
      FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid = ${name}::text::regclass`
    const columnsOf = (columns: readonly unknown[]) =>
      columns.map(column => ((column as { name?: string }).name ?? '(expression)').replaceAll('"', ''))
    const primary = config.primaryKeys.map(key => key.columns.map(column => column.name))
    const own = config.columns.filter(column => column.primary).map(column => [column.name])
    const liveOf = (isWanted: (row: (typeof live)[number]) => boolean) =>
      live.filter(isWanted).map(row => row.columns.join()).sort() // prettier-ignore
    expect(liveOf(row => row.isPrimary)).toEqual([...primary, ...own].map(columns => columns.join()).sort())
    const unique = [
      ...config.uniqueConstraints.map(constraint => constraint.columns.map(column => column.name).join()),
      ...config.columns.filter(column => column.isUnique).map(column => column.name),
      ...config.indexes.filter(index => index.config.unique).map(index => columnsOf(index.config.columns).join()),
    ]
    expect(liveOf(row => row.isUnique && !row.isPrimary)).toEqual(unique.sort())
    const plain = config.indexes.filter(index => !index.config.unique)
    expect(live.filter(row => !row.isUnique).map(row => [row.name, row.where]).sort()).toEqual(
      plain.map(index => [index.config.name, index.config.where !== undefined]).sort(),
    ) // prettier-ignore
  })

  test('every key begins with the brand, but for a short list', async () => {
    const keys = await owner<{ name: string; first: string }[]>`
      SELECT t.relname || '.' || c.relname AS name, pg_get_indexdef(i.indexrelid, 1, true) AS first
      FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid
      JOIN pg_namespace AS n ON n.oid = t.relnamespace WHERE n.nspname = 'public' AND i.indisunique`
    expect(keys.length).toBeGreaterThan(20)
    const others = keys.filter(key => key.first !== 'brand_id').map(key => key.name)
    expect(new Set(others)).toEqual(WITHOUT_BRAND)
  })

  test('text is compared by bytes, though the database sorts otherwise', async () => {
    const [locale] = await owner<{ sorts: boolean }[]>`SELECT 'a' < 'B' AS sorts`
    expect(locale!.sorts).toBe(true) // by bytes it would not be
    const columns = await owner<{ name: string }[]>`
      SELECT table_name || '.' || column_name AS name FROM information_schema.columns
      WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`
    expect(columns.map(column => column.name)).toEqual([])
  })
})

describe('the service’s role', () => {
  const EVIDENCE = ['order_revisions', 'refund_revisions', 'order_overrides', 'order_holds', 'touches', 'touch_keys']
    .concat(['identities', 'member_merges', 'member_assignments', 'member_consents', 'coupon_events', 'link_codes'])
    .concat(['share_links', 'plans', 'ledger_rows', 'activity', 'friend_events', 'task_events', 'adjustments'])
    .concat(['adjustment_decisions', 'disputes', 'dispute_decisions', 'settlement_payments', 'risk_decisions'])
    .concat(['binding_policies', 'handovers', 'handover_members', 'plan_withdrawals'])
    .concat(['questionnaires', 'member_answers'])

  test('is what the service works as', async () => {
    const [row] = await pool<{ role: string }[]>`SELECT current_user AS role`
    expect(row!.role).toBe('daogou_service')
  })
  test.each(EVIDENCE)('can add to %s, and neither change, delete nor empty it', async name => {
    const columns = name === 'share_links' ? ['associate_id', 'created_at'] : ['brand_id']
    await expect(pool`DELETE FROM ${pool(name)}`).rejects.toMatchObject({ code: '42501' })
    await expect(pool`TRUNCATE ${pool(name)}`).rejects.toMatchObject({ code: '42501' })
    for (const column of columns) {
      await expect(pool`UPDATE ${pool(name)} SET ${pool(column)} = ${pool(column)}`).rejects.toMatchObject({
        code: '42501',
      })
    }
    const [row] = await pool<{ may: boolean }[]>`SELECT has_table_privilege(${name}, 'INSERT') AS may`
    expect(row!.may).toBe(true)
  })
  test('cannot reach a partition beside its table, nor make or drop tables', async () => {
    await pool`SELECT ensure_month_partition('ledger_rows', '2026-01-01'::date)`
    for (const partition of ['ledger_rows_2026_01', 'ledger_rows_other', 'touches_other']) {
      await expect(pool`DELETE FROM ${pool(partition)}`).rejects.toMatchObject({ code: '42501' })
      await expect(pool`DROP TABLE ${pool(partition)}`).rejects.toMatchObject({ code: '42501' })
    }
    await expect(pool`CREATE TABLE mine (a int)`).rejects.toMatchObject({ code: '42501' })
  })
  test('can make partitions of the two tables alone, and again', async () => {
    await pool`SELECT ensure_month_partition('touches', '2026-01-31'::date)`
    await pool`SELECT ensure_month_partition('touches', '2026-01-01'::date)`
    await expect(pool`SELECT ensure_month_partition('plans', '2026-01-01'::date)`).rejects.toMatchObject({
      code: 'P0001',
    })
  })
})

describe('migrations', () => {
  test('are safe when three do them at once on an empty database, and change nothing when done again', async () => {
    const empty = await createTestDatabase({ template: 'template0', locale: `ENCODING 'UTF8' ${testLocale}` })
    await Promise.all([1, 2, 3].map(() => migrateDatabase(empty.url)))
    const fresh = openPool(empty.url, { max: 1, asOwner: true })
    const done = async () =>
      (await fresh<{ count: number }[]>`SELECT count(*)::int AS count FROM drizzle.__drizzle_migrations`)[0]!.count
    const count = await done()
    await migrateDatabase(empty.url)
    expect(await done()).toBe(count)
    const [row] = await fresh<{ count: number }[]>`SELECT count(*)::int AS count FROM ledger_rows`
    expect(row!.count).toBe(0)
    await fresh.end()
    await empty.drop()
  })
})
