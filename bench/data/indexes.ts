import type { Db, Pool } from '../../server/database.ts'

/**
 * Rows that are written without indexes, which are built afterwards, are written several times as fast. What has to be
 * built again is kept in a table until it is there: a run that was killed is made good by the next.
 */
const TO_REBUILD = 'bench_data_to_rebuild'

interface Index {
  table: string
  name: string
  /** Of a primary key or another constraint; null for a plain index. */
  constraint: string | null
  definition: string
  isPartitioned: boolean
}

async function selectIndexes(db: Db, tables: readonly string[]): Promise<Index[]> {
  return await db<Index[]>`
    SELECT t.relname AS "table", i.relname AS name, pg_get_constraintdef(c.oid) AS constraint,
      pg_get_indexdef(i.oid) AS definition, t.relkind = 'p' AS "isPartitioned"
    FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid
    LEFT JOIN pg_constraint AS c ON c.conindid = i.oid AND c.conrelid = t.oid AND c.contype IN ('p', 'u')
    WHERE t.relnamespace = 'public'::regnamespace AND t.relname = ANY (${tables as string[]}::text[])
    ORDER BY t.relname, i.relname`
}

/** The statements that make an index again. */
function statementsFor(index: Index): string[] {
  // A partitioned table's definition speaks of the table alone; its partitions need the index as well.
  const definition = index.definition.replace(' ON ONLY ', ' ON ')
  if (index.constraint === null) return [definition]
  const kind = index.constraint.startsWith('PRIMARY KEY') ? 'PRIMARY KEY' : 'UNIQUE'
  const add = `ALTER TABLE "${index.table}" ADD CONSTRAINT "${index.name}"`
  // Built as an index first, beside the table's others; a partitioned table cannot take over a built one.
  return index.isPartitioned
    ? [`${add} ${index.constraint}`]
    : [definition, `${add} ${kind} USING INDEX "${index.name}"`]
}

/** Drops the tables' indexes and keys, and remembers them. */
export async function dropIndexes(pool: Pool, tables: readonly string[]): Promise<void> {
  await pool.begin(async tx => {
    await tx`CREATE TABLE ${tx(TO_REBUILD)} ("table" text NOT NULL, name text NOT NULL, statements text[] NOT NULL)`
    for (const index of await selectIndexes(tx, tables)) {
      await tx`INSERT INTO ${tx(TO_REBUILD)} VALUES (${index.table}, ${index.name}, ${statementsFor(index)})`
      await tx.unsafe(
        index.constraint === null
          ? `DROP INDEX "${index.name}"`
          : `ALTER TABLE "${index.table}" DROP CONSTRAINT "${index.name}"`,
      )
    }
  })
}

/** Whether indexes are missing that a run before dropped. */
export async function hasMissingIndexes(db: Db): Promise<boolean> {
  const [row] = await db<{ there: boolean }[]>`SELECT to_regclass(${TO_REBUILD}) IS NOT NULL AS there`
  return row!.there
}

export interface MissingIndex {
  table: string
  name: string
  statements: readonly string[]
  isPartitioned: boolean
}

/** What there is to build: of partitioned tables first, then of the largest. */
export async function selectMissingIndexes(db: Db) {
  return await db<MissingIndex[]>`
    SELECT missing."table", missing.name, missing.statements, t.relkind = 'p' AS "isPartitioned"
    FROM ${db(TO_REBUILD)} AS missing JOIN pg_class AS t ON t.oid = missing."table"::regclass
    ORDER BY t.relkind = 'p' DESC, pg_relation_size(t.oid) DESC, missing."table", missing.name`
}

/** Builds one index; what was built when a run ended is found built. A key of a table without partitions is no key yet. */
export async function buildIndex(db: Db, { name, statements }: MissingIndex): Promise<void> {
  const [built] = await db`
    SELECT FROM pg_class WHERE relname = ${name} AND relnamespace = 'public'::regnamespace`
  if (!built) await db.unsafe(statements[0]!)
}

/** Makes a built index the key that it was, for which the table must be left alone a moment, and forgets it. */
export async function finishIndex(pool: Pool, { name, statements }: MissingIndex): Promise<void> {
  await pool.begin(async tx => {
    for (const statement of statements.slice(1)) await tx.unsafe(statement)
    await tx`DELETE FROM ${tx(TO_REBUILD)} WHERE name = ${name}`
  })
}

export async function forgetIndexes(db: Db): Promise<void> {
  await db`DROP TABLE ${db(TO_REBUILD)}`
}
