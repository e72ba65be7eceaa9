import type { Db } from '../../database.ts'
import type { Part } from './queries.ts'
import {
  keptAssociatesOf,
  keptAssociatesPeopleOf,
  keptKeysOf,
  keptMonthsOf,
  keptPayOf,
  keptPeopleOf,
  keyTotalsOf,
  monthsOf,
} from './keep.ts'
import {
  associatesColumnsOf,
  buyersOf,
  columnsOf,
  isOfDays,
  sumsOf,
  totalsOf,
  type Kind,
  type MonthPart,
  type SummingDays,
} from './sums.ts'

/** Held against what is kept: how many rows are there that should not be, or not there that should. Of whole days. */

type Sql = ReturnType<typeof columnsOf>

async function countDiffering(db: Db, made: Sql, kept: Sql): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    WITH made AS MATERIALIZED (${made}), kept AS MATERIALIZED (${kept})
    SELECT count(*) AS count FROM (
      (TABLE made EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE made)
    ) AS differing`
  return row!.count
}

export async function countDifferingFigures(db: Db, part: Part, summing: SummingDays): Promise<number> {
  const { tables, figures } = sumsOf(db, part, summing)
  const columns = columnsOf(db, part)
  const made = db`WITH ${tables} SELECT day, store_code, ${columns} FROM (${figures}) AS summed`
  const kept = db`SELECT day, store_code, ${columns} FROM rollup_days WHERE ${isOfDays(db, summing)} AND part = ${part}`
  return await countDiffering(db, made, kept)
}

/** Between the sums of stores and those of the brand. */
export async function countDifferingTotals(db: Db, part: Part, summing: SummingDays): Promise<number> {
  const ofPart = db`${isOfDays(db, summing)} AND part = ${part}`
  const made = db`SELECT day, ${totalsOf(db, part)} FROM rollup_days WHERE ${ofPart} GROUP BY day`
  return await countDiffering(db, made, db`SELECT day, ${columnsOf(db, part)} FROM rollup_totals WHERE ${ofPart}`)
}

export async function countDifferingPay(db: Db, part: Part, summing: SummingDays): Promise<number> {
  const { tables, pay } = sumsOf(db, part, summing)
  return pay ? await countDiffering(db, db`WITH ${tables} ${pay}`, keptPayOf(db, summing)) : 0
}

export async function countDifferingAssociates(db: Db, part: Part, summing: SummingDays): Promise<number> {
  const { tables, associates } = sumsOf(db, part, summing)
  if (!associates) return 0
  const columns = associatesColumnsOf(db, part)
  const made = db`WITH ${tables} SELECT day, store_code, associate_id, ${columns} FROM (${associates}) AS summed`
  return await countDiffering(db, made, keptAssociatesOf(db, part, summing))
}

/** What channels, links, groups and products have in stores, with whom; and what their days come to. */
export async function countDifferingKeys(db: Db, part: Part, summing: SummingDays): Promise<number> {
  const { tables, keys } = sumsOf(db, part, summing)
  if (!keys) return 0
  // An erased person's tombstone stands where his id stood: not in its order.
  const inOrder = (list: Sql) =>
    db`(SELECT array_agg(who COLLATE "C" ORDER BY who COLLATE "C") FROM unnest(${list}) AS who)`
  const columns = db`dimension, day, store_code, key, ${columnsOf(db, part)}, ${inOrder(db`people`)}, ${inOrder(db`winners`)}`
  const made = db`WITH ${tables} SELECT ${columns} FROM (${keys}) AS summed`
  const ofStores = await countDiffering(db, made, db`SELECT ${columns} FROM (${keptKeysOf(db, part, summing)}) AS kept`)
  const ofDays = await countDiffering(
    db,
    keyTotalsOf(db, part, summing),
    db`SELECT dimension, day, key, cells, ${columnsOf(db, part)} FROM rollup_key_totals
      WHERE ${isOfDays(db, summing)} AND part = ${part} AND block = 'day'`,
  )
  return ofStores + ofDays
}

/** What their months come to, by all days that are kept. */
export async function countDifferingKeyMonths(db: Db, part: Part, { brandId }: { brandId: number }): Promise<number> {
  const ofPart = db`brand_id = ${brandId} AND part = ${part}`
  return await countDiffering(
    db,
    db`SELECT dimension, date_trunc('month', day::timestamp)::date AS day, key, sum(cells)::bigint, ${totalsOf(db, part)}
      FROM rollup_key_totals WHERE ${ofPart} AND block = 'day' GROUP BY 1, 2, 3`,
    db`SELECT dimension, day, key, cells, ${columnsOf(db, part)} FROM rollup_key_totals
      WHERE ${ofPart} AND block = 'month'`,
  )
}

/** What stores and associates have of months, by all days that are kept. */
export async function countDifferingMonths(db: Db, of: MonthPart, { brandId }: { brandId: number }): Promise<number> {
  const isOf = db`brand_id = ${brandId}`
  return await countDiffering(db, monthsOf(db, of, isOf), keptMonthsOf(db, of, isOf))
}

/** Whom associates had, and whom the brand. */
export async function countDifferingPeople(db: Db, part: Part, kind: Kind, summing: SummingDays): Promise<number> {
  const { tables, people } = sumsOf(db, part, summing)
  const made = db`WITH ${tables} SELECT day, store_code, associate_id, person FROM (${people!}) AS found WHERE kind = ${kind}`
  const ofAssociates = await countDiffering(db, made, keptAssociatesPeopleOf(db, kind, summing))
  const all =
    kind === 'buyer' ? buyersOf(db, summing) : db`SELECT DISTINCT day, store_code, person FROM (${made}) AS found`
  return ofAssociates + (await countDiffering(db, all, keptPeopleOf(db, kind, summing)))
}

/** When each was there last before, by all days that are kept. */
const chainOf = (db: Db, { brandId, kind }: { brandId: number; kind: Kind }) => db`
  SELECT person, day, COALESCE(lag(day) OVER (PARTITION BY person ORDER BY day), '-infinity') AS before
  FROM (SELECT DISTINCT person, day FROM rollup_people WHERE brand_id = ${brandId} AND kind = ${kind}) AS had`

/** Between who was there on which day and what is kept of it: the last day before, and how many there are of each. */
export async function countDifferingGaps(db: Db, of: { brandId: number; kind: Kind }): Promise<number> {
  const ofKind = db`brand_id = ${of.brandId} AND kind = ${of.kind}`
  const lasts = await countDiffering(
    db,
    chainOf(db, of),
    db`SELECT DISTINCT person, day, before FROM rollup_people WHERE ${ofKind}`,
  )
  const gaps = await countDiffering(
    db,
    db`SELECT day, before, count(*) AS people FROM (${chainOf(db, of)}) AS chain GROUP BY day, before`,
    db`SELECT day, before, people FROM rollup_gaps WHERE ${ofKind} AND people <> 0`,
  )
  return lasts + gaps
}

export async function replaceGaps(db: Db, of: { brandId: number; kind: Kind }): Promise<void> {
  const { brandId, kind } = of
  await db`
    UPDATE rollup_people AS p SET before = chain.before FROM (${chainOf(db, of)}) AS chain
    WHERE p.brand_id = ${brandId} AND p.kind = ${kind} AND p.person = chain.person AND p.day = chain.day
      AND p.before <> chain.before`
  await db`DELETE FROM rollup_gaps WHERE brand_id = ${brandId} AND kind = ${kind}`
  await db`
    INSERT INTO rollup_gaps (brand_id, kind, day, before, people)
    SELECT ${brandId}, ${kind}, day, before, count(*) FROM (
      SELECT DISTINCT person, day, before FROM rollup_people WHERE brand_id = ${brandId} AND kind = ${kind}
    ) AS had GROUP BY day, before`
}
