import type { Db } from '../../database.ts'
import type { Part } from './queries.ts'
import {
  ASSOCIATES_PARTS,
  associatesColumnsOf,
  buyersOf,
  cellsOf,
  columnsOf,
  isOfDays,
  kindsOf,
  PARTS,
  placesOf,
  sumsOf,
  totalsOf,
  type Kind,
  type Summing,
  type SummingCells,
  type SummingDays,
} from './sums.ts'

/** What is kept of the sums of days, and how it is put in the place of what was there. */

type Sql = ReturnType<typeof columnsOf>

/** Where sums are kept, by day. */
const TABLES = [
  'rollup_totals',
  'rollup_days',
  'rollup_pay',
  'rollup_people',
  'rollup_gaps',
  'rollup_associates',
  'rollup_associate_people',
] as const

// ------------------------------------------------------------------------------------------------- what is kept

/** What is kept of these cells: as `pay` of `sumsOf` gives it. */
export const keptPayOf = (db: Db, summing: SummingDays): Sql =>
  db`SELECT day, store_code, payee_kind, payee, amount_fen FROM rollup_pay WHERE ${isOfDays(db, summing)}`

export function keptPeopleOf(db: Db, kind: Kind, summing: Summing): Sql {
  if ('days' in summing) {
    return db`SELECT day, store_code, person FROM rollup_people WHERE ${isOfDays(db, summing)} AND kind = ${kind}`
  }
  return db`
  WITH ${cellsOf(db, summing)}, ${placesOf(db, summing.brandId)}
  SELECT p.day, p.store_code, p.person FROM place CROSS JOIN LATERAL (
    SELECT * FROM rollup_people AS p
    WHERE p.brand_id = ${summing.brandId} AND p.kind = ${kind} AND p.store_code = place.store_code
      AND p.day = place.day OFFSET 0) AS p`
}

/** What is kept of associates in these cells: as `sumsOf` gives it. */
export function keptAssociatesOf(db: Db, part: Part, summing: SummingDays): Sql {
  return db`SELECT day, store_code, associate_id, ${associatesColumnsOf(db, part)}
    FROM rollup_associates WHERE ${isOfDays(db, summing)} AND part = ${part}`
}

/** Whom associates had in these cells, by what is kept of it: as `people` of `sumsOf` gives it, of one kind. */
export function keptAssociatesPeopleOf(db: Db, kind: Kind, summing: Summing): Sql {
  const ofKind = db`p.brand_id = ${summing.brandId} AND p.kind = ${kind}`
  if ('days' in summing) {
    return db`SELECT p.day, p.store_code, p.associate_id, p.person FROM rollup_associate_people AS p
      WHERE ${isOfDays(db, summing)} AND p.kind = ${kind}`
  }
  return db`
  WITH ${cellsOf(db, summing)}, ${placesOf(db, summing.brandId)}
  SELECT p.day, p.store_code, p.associate_id, p.person FROM place CROSS JOIN LATERAL (
    SELECT * FROM rollup_associate_people AS p
    WHERE ${ofKind} AND p.store_code = place.store_code AND p.day = place.day OFFSET 0) AS p`
}

/**
 * Who is in these cells, as distinct `(day, store_code, person)`: whoever bought; of other kinds, whom any associate had.
 * Those are kept already where this is asked.
 */
const peopleOf = (db: Db, kind: Kind, summing: Summing): Sql =>
  kind === 'buyer'
    ? buyersOf(db, summing)
    : db`SELECT DISTINCT day, store_code, person FROM (${keptAssociatesPeopleOf(db, kind, summing)}) AS had`

// ------------------------------------------------------------------------------------------------------- keeping

/** Puts what a part comes to in the place of what was there: all but who the brand had, which `replacePeople` does. */
export async function replaceSums(db: Db, part: Part, summing: SummingCells) {
  const { brandId } = summing
  const forget = async (table: string, isOfPart: Sql = db`true`) => {
    await db`
      WITH ${cellsOf(db, summing)}, ${placesOf(db, brandId)}
      DELETE FROM ${db(table)} AS r USING place CROSS JOIN LATERAL (
        SELECT r.ctid AS row FROM ${db(table)} AS r
        WHERE r.brand_id = ${brandId} AND r.store_code = place.store_code AND r.day = place.day AND ${isOfPart}
        OFFSET 0) AS old
      WHERE r.brand_id = ${brandId} AND r.ctid = old.row`
  }
  await forget('rollup_days', db`r.part = ${part}`)
  if (part === 'sales') await forget('rollup_pay')
  if (ASSOCIATES_PARTS.includes(part)) await forget('rollup_associates', db`r.part = ${part}`)
  for (const kind of kindsOf(part)) await forget('rollup_associate_people', db`r.kind = ${kind}`)
  await db`DELETE FROM rollup_totals WHERE ${isOfDays(db, summing)} AND part = ${part}`
  await insertSums(db, part, summing)
}

/** All in one statement, so that evidence is read once. */
async function insertSums(db: Db, part: Part, summing: Summing) {
  const { brandId } = summing
  const { tables, figures, associates, pay, people } = sumsOf(db, part, summing)
  const columns = columnsOf(db, part)
  // Rows that are read together lie together.
  const asRead = db`ORDER BY store_code, day`
  const ofAssociates = () => db`, of_associates AS (
      INSERT INTO rollup_associates (brand_id, store_code, day, part, associate_id, ${associatesColumnsOf(db, part)})
      SELECT ${brandId}, store_code, day, ${part}, associate_id, ${associatesColumnsOf(db, part)}
      FROM (${associates!}) AS summed ${asRead})`
  const ofPay = () => db`, of_pay AS (
      INSERT INTO rollup_pay (brand_id, store_code, day, payee_kind, payee, amount_fen)
      SELECT ${brandId}, store_code, day, payee_kind, payee, amount_fen FROM (${pay!}) AS summed ${asRead})`
  const ofPeople = () => db`, of_people AS (
      INSERT INTO rollup_associate_people (brand_id, kind, store_code, day, associate_id, person)
      SELECT ${brandId}, kind, store_code, day, associate_id, person FROM (${people!}) AS found ${asRead})`
  await db`
    WITH ${tables} ${associates ? ofAssociates() : db``} ${pay ? ofPay() : db``} ${people ? ofPeople() : db``}
    INSERT INTO rollup_days (brand_id, part, day, store_code, ${columns})
    SELECT ${brandId}, ${part}, day, store_code, ${columns} FROM (${figures}) AS summed ${asRead}`
  await db`
    INSERT INTO rollup_totals (brand_id, part, day, ${columns})
    SELECT brand_id, part, day, ${totalsOf(db, part)} FROM rollup_days
    WHERE ${isOfDays(db, summing)} AND part = ${part} GROUP BY brand_id, part, day`
}

/**
 * Puts who is in these cells in the place of who was. Of those who came or went, every day is looked at: on which one
 * before the brand had them last. What changed of that is added to how many there are of each. Rows are found again by
 * their place, which stays what it is while nobody else may sum the brand.
 */
export async function replacePeople(db: Db, kind: Kind, summing: SummingCells) {
  const { brandId } = summing
  const changes = await db<{ day: string; storeCode: string; person: string; isAdded: boolean }[]>`
    WITH fresh AS MATERIALIZED (SELECT day, store_code, person FROM (${peopleOf(db, kind, summing)}) AS found),
    old AS MATERIALIZED (${keptPeopleOf(db, kind, summing)})
    SELECT day::text, store_code AS "storeCode", person, "isAdded" FROM (
      SELECT *, true AS "isAdded" FROM (TABLE fresh EXCEPT TABLE old) AS came
      UNION ALL SELECT *, false FROM (TABLE old EXCEPT TABLE fresh) AS went
    ) AS changed`
  if (changes.length === 0) return
  const column = (valueOf: (change: (typeof changes)[number]) => string) => changes.map(valueOf)
  await db`
    WITH change AS MATERIALIZED (
      SELECT person COLLATE "C" AS person, day::date AS day, store_code COLLATE "C" AS store_code, is_added
      FROM unnest(${column(one => one.person)}::text[], ${column(one => one.day)}::text[],
        ${column(one => one.storeCode)}::text[], ${column(one => String(one.isAdded))}::text[]::boolean[])
        AS one (person, day, store_code, is_added)
    ), kept AS MATERIALIZED (
      SELECT p.place, p.person, p.day, p.store_code, p.before FROM (SELECT DISTINCT person FROM change) AS who
      CROSS JOIN LATERAL (
        SELECT p.ctid AS place, p.* FROM rollup_people AS p
        WHERE p.brand_id = ${brandId} AND p.kind = ${kind} AND p.person = who.person OFFSET 0) AS p
    ), staying AS MATERIALIZED (
      SELECT * FROM kept WHERE NOT EXISTS (
        SELECT FROM change WHERE NOT is_added AND change.person = kept.person AND change.day = kept.day
          AND change.store_code = kept.store_code)
    ), chain AS MATERIALIZED (
      SELECT person, day, COALESCE(lag(day) OVER (PARTITION BY person ORDER BY day), '-infinity') AS before
      FROM (SELECT person, day FROM staying UNION SELECT person, day FROM change WHERE is_added) AS had
    ), gone AS (
      DELETE FROM rollup_people AS p
      USING (SELECT place FROM kept EXCEPT SELECT place FROM staying) AS going
      WHERE p.brand_id = ${brandId} AND p.ctid = going.place
    ), moved AS (
      UPDATE rollup_people AS p SET before = moving.before
      FROM (
        SELECT staying.place, chain.before FROM staying
        JOIN chain ON chain.person = staying.person AND chain.day = staying.day AND chain.before <> staying.before
      ) AS moving
      WHERE p.brand_id = ${brandId} AND p.ctid = moving.place
    ), come AS (
      INSERT INTO rollup_people (brand_id, kind, person, day, store_code, before)
      SELECT ${brandId}, ${kind}, change.person, change.day, change.store_code, chain.before
      FROM change JOIN chain ON chain.person = change.person AND chain.day = change.day WHERE change.is_added
    )
    INSERT INTO rollup_gaps AS g (brand_id, kind, day, before, people)
    SELECT ${brandId}, ${kind}, day, before, sum(people) FROM (
      SELECT day, before, 1 AS people FROM chain
      UNION ALL SELECT day, before, -1 FROM (SELECT DISTINCT person, day, before FROM kept) AS had
    ) AS changed GROUP BY day, before HAVING sum(people) <> 0
    ON CONFLICT (brand_id, kind, day, before) DO UPDATE SET people = g.people + EXCLUDED.people`
}

/**
 * Sums days of which nothing is kept, nor of any after them. Of each person the day before is the last of these days, or
 * the last that is kept.
 */
export async function appendDays(db: Db, summing: SummingDays) {
  const { brandId, days } = summing
  for (const part of PARTS) {
    await insertSums(db, part, summing)
    for (const kind of kindsOf(part)) {
      await db`
        WITH chain AS MATERIALIZED (
          SELECT day, store_code, person, COALESCE(
            max(day) OVER (PARTITION BY person ORDER BY day GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
            (SELECT p.day FROM rollup_people AS p
              WHERE p.brand_id = ${brandId} AND p.kind = ${kind} AND p.person = found.person
                AND p.day < ${days.from}::text::date
              ORDER BY p.day DESC LIMIT 1),
            '-infinity') AS before
          FROM (${peopleOf(db, kind, summing)}) AS found
        ), come AS (
          INSERT INTO rollup_people (brand_id, kind, person, day, store_code, before)
          SELECT ${brandId}, ${kind}, person, day, store_code, before FROM chain
        )
        INSERT INTO rollup_gaps (brand_id, kind, day, before, people)
        SELECT ${brandId}, ${kind}, day, before, count(DISTINCT person) FROM chain GROUP BY day, before`
    }
  }
}

/** Forgets all sums of these days, where there are any. */
export async function deleteDays(db: Db, summing: SummingDays) {
  const isOfThese = isOfDays(db, summing)
  const [row] = await db<{ isKept: boolean }[]>`
    SELECT EXISTS (SELECT FROM rollup_totals WHERE ${isOfThese})
      OR EXISTS (SELECT FROM rollup_gaps WHERE ${isOfThese}) AS "isKept"`
  if (!row!.isKept) return
  for (const table of TABLES) await db`DELETE FROM ${db(table)} WHERE ${isOfThese}`
}
