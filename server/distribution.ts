import type { Db } from './database.ts'

/**
 * Several PostgreSQL servers behind one address, by Citus: rows of one brand lie together on one of them, so whatever is
 * asked within a brand is asked of one server, and small tables that brands share lie on each.
 */

/** On each server alike: asked by everyone, seldom written. A code names no brand until it is looked up. */
const ON_EACH = new Set(['brands', 'link_codes'])
/** The table beside whose rows all others are laid. */
const FIRST = 'orders'
/** On the coordinator alone: who has nothing but an address belongs to no brand. */
const ON_COORDINATOR = new Set(['rate_counts'])

export interface DistributableTable {
  name: string
  /** Whether each of its unique keys holds the brand: rows that lie apart cannot be held against each other. */
  isKeptByBrand: boolean
  isDistributed: boolean
}

/** What has to be done to a table. */
export interface Step {
  table: string
  statement: string
}

/**
 * @throws Error naming the tables that cannot be spread, since a key of theirs does not hold the brand
 */
export function planDistribution(tables: readonly DistributableTable[]): Step[] {
  const amiss = tables.filter(
    ({ name, isKeptByBrand }) => !isKeptByBrand && !ON_EACH.has(name) && !ON_COORDINATOR.has(name),
  )
  if (amiss.length > 0) {
    throw new Error(`A unique key does not hold brand_id: ${amiss.map(table => table.name).join(', ')}`)
  }
  const open = tables
    .filter(({ name, isDistributed }) => !isDistributed && !ON_COORDINATOR.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const shared = open.filter(({ name }) => ON_EACH.has(name))
  const own = open.filter(({ name }) => !ON_EACH.has(name))
  return [
    ...shared.map(({ name }) => ({ table: name, statement: `SELECT create_reference_table('public.${name}')` })),
    // The first goes before the others, which are laid beside it: a brand's rows are on one server, of whatever table.
    ...own
      .sort((a, b) => Number(b.name === FIRST) - Number(a.name === FIRST))
      .map(({ name }) => ({
        table: name,
        statement:
          `SELECT create_distributed_table('public.${name}', 'brand_id', ` +
          `colocate_with => '${name === FIRST ? 'none' : `public.${FIRST}`}')`,
      })),
  ]
}

/** Which version of Citus the database has; null where it has none. */
export async function selectCitusVersion(owner: Db): Promise<string | null> {
  const [row] = await owner<{ version: string }[]>`
    SELECT extversion AS version FROM pg_extension WHERE extname = 'citus'`
  return row?.version ?? null
}

/** Whether the server could have it: its files are there, and only `CREATE EXTENSION citus` is missing. */
export async function selectIsCitusInstalled(owner: Db): Promise<boolean> {
  const rows = await owner`SELECT FROM pg_available_extensions WHERE name = 'citus'`
  return rows.length > 0
}

/** Every table of the service; a partition goes with its table. */
export async function selectTables(owner: Db, { hasCitus }: { hasCitus: boolean }): Promise<DistributableTable[]> {
  const distributed = hasCitus
    ? await owner<{ name: string }[]>`SELECT logicalrelid::text AS name FROM pg_dist_partition`
    : []
  const isDistributed = new Set(distributed.map(row => row.name.replace(/^public\./, '')))
  const rows = await owner<{ name: string; isKeptByBrand: boolean }[]>`
    SELECT c.relname AS name,
      EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'brand_id')
      AND NOT EXISTS (
        SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisunique AND NOT EXISTS (
          SELECT FROM pg_attribute AS a
          WHERE a.attrelid = c.oid AND a.attname = 'brand_id' AND a.attnum = ANY (i.indkey::int2[]))) AS "isKeptByBrand"
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 1`
  return rows.map(row => ({ ...row, isDistributed: isDistributed.has(row.name) }))
}
