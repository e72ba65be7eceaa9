import type { Db } from '../../database.ts'
import type { Part } from './queries.ts'
import {
  ASSOCIATES_PARTS,
  associatesColumnsOf,
  buyersOf,
  cellsOf,
  changeOfKeys,
  changeOfMonths,
  columnsOf,
  DIMENSIONS,
  isOfDays,
  isKeyed,
  KEYED_PARTS,
  KEYED_SINCE,
  kindsOf,
  MONTH_PARTS,
  monthColumnsOf,
  monthTotalsOf,
  PARTS,
  placesOf,
  SUMS_VERSION,
  sumsOf,
  totalsOf,
  type Kind,
  type MonthPart,
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
  'rollup_keys',
] as const

const monthOf = (day: string) => `${day.slice(0, 7)}-01`

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

/** What is kept of channels, links, groups and products in these cells: as `keys` of `sumsOf` gives it. */
export function keptKeysOf(db: Db, part: Part, summing: SummingDays): Sql {
  return db`SELECT dimension, day, store_code, key, ${columnsOf(db, part)}, people, winners
    FROM rollup_keys WHERE ${isOfDays(db, summing)} AND part = ${part}`
}

/** What those are summed to of these days, as `dimension`, `day`, `key`, `cells` and the part's figures. */
export const keyTotalsOf = (db: Db, part: Part, summing: Summing): Sql => db`
  SELECT dimension, day, key, count(*) AS cells, ${totalsOf(db, part)} FROM rollup_keys
  WHERE ${isOfDays(db, summing)} AND part = ${part} GROUP BY dimension, day, key`

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
  const forgetting = (table: string, isOfPart: Sql = db`true`) => db`
    DELETE FROM ${db(table)} AS r USING place CROSS JOIN LATERAL (
      SELECT r.ctid AS row FROM ${db(table)} AS r
      WHERE r.brand_id = ${brandId} AND r.store_code = place.store_code AND r.day = place.day AND ${isOfPart}
      OFFSET 0) AS old
    WHERE r.brand_id = ${brandId} AND r.ctid = old.row`
  const places = db`${cellsOf(db, summing)}, ${placesOf(db, brandId)}`
  const ofPart = db`r.part = ${part}`
  const takeAway = (of: MonthPart, rows = db`gone`) => addMonthsOf(db, of, { brandId, rows, sign: -1 })
  await db`WITH ${places}, gone AS (${forgetting('rollup_days', ofPart)} RETURNING r.*)
    ${takeAway({ of: 'store', part })}`
  if (part === 'sales') {
    await db`WITH ${places}, gone AS (${forgetting('rollup_pay')} RETURNING r.*)
      ${takeAway({ of: 'associate', part: 'pay' }, payOfAssociates(db, db`gone`))}`
  }
  if (ASSOCIATES_PARTS.includes(part)) {
    await db`WITH ${places}, gone AS (${forgetting('rollup_associates', ofPart)} RETURNING r.*)
      ${takeAway({ of: 'associate', part })}`
  }
  for (const kind of kindsOf(part)) {
    await db`WITH ${places} ${forgetting('rollup_associate_people', db`r.kind = ${kind}`)}`
  }
  if (isKeyed(part)) await forgetKeys(db, part, summing)
  await insertSums(db, part, summing)
  await db`DELETE FROM rollup_key_totals WHERE brand_id = ${brandId} AND cells = 0`
  // Of a month that is no sum yet more may go than came: of nothing at all there is to be nothing.
  for (const { table } of Object.values(MONTHS))
    await db`DELETE FROM ${db(table)} WHERE brand_id = ${brandId} AND cells <= 0`
}

/**
 * What channels, links, groups and products have in these cells. Of links of which nothing was told it stays, where they
 * are still the cell's and a version that knew of them summed the day: `sumsOf` takes who came by them from there.
 */
async function forgetKeys(db: Db, part: Part, summing: SummingCells) {
  const { brandId, zone } = summing
  const stays = db`
    r.dimension = 'link' AND r.key <> ALL (${toldLinksOf(summing) as string[]}::text[]) AND EXISTS (
      SELECT FROM rollup_totals AS t
      WHERE t.brand_id = ${brandId} AND t.part = ${part} AND t.day = place.day AND t.version >= ${KEYED_SINCE}
    ) AND EXISTS (
      SELECT FROM share_links AS l
      WHERE l.brand_id = ${brandId} AND l.link_code = r.key AND COALESCE(l.store_code, '') = place.store_code
        AND (COALESCE(l.created_at, l.received_at) AT TIME ZONE ${zone}::text)::date = place.day OFFSET 0)`
  await db`
    WITH ${cellsOf(db, summing)}, ${placesOf(db, brandId)}, gone AS (
      DELETE FROM rollup_keys AS r USING place CROSS JOIN unnest(${DIMENSIONS as unknown as string[]}::text[]) AS dimension
      CROSS JOIN LATERAL (
        SELECT r.ctid AS row FROM rollup_keys AS r
        WHERE r.brand_id = ${brandId} AND r.dimension = dimension.dimension AND r.store_code = place.store_code
          AND r.day = place.day AND r.part = ${part} ${areSomeKept(part, summing) ? db`AND NOT (${stays})` : db``}
        OFFSET 0) AS old
      WHERE r.brand_id = ${brandId} AND r.ctid = old.row
      RETURNING r.*)
    ${addKeysOf(db, part, { brandId, rows: db`gone`, sign: -1 })}`
}

/** Whether it is known of which links something was told. */
const areSomeKept = (part: Part, { cells }: SummingCells) =>
  part === 'links' && cells.every(cell => cell.links !== null)
const toldLinksOf = ({ cells }: SummingCells) => cells.flatMap(cell => cell.links ?? [])

/**
 * Adds rows of a part's figures to what their days and months come to, or takes them away: only what changes is looked at.
 * Whole numbers, so that it is what all of them come to, in whatever sequence.
 */
function addKeysOf(db: Db, part: Part, { brandId, rows, sign }: { brandId: number; rows: Sql; sign: 1 | -1 }): Sql {
  const { sums, added } = changeOfKeys(db, part, sign)
  return db`
    INSERT INTO rollup_key_totals AS t (brand_id, dimension, block, day, part, key, cells, ${columnsOf(db, part)})
    SELECT ${brandId}, dimension, block.block, block.first, ${part}, key, ${sums}
    FROM ${rows} AS r
    CROSS JOIN LATERAL (VALUES ('day', r.day), ('month', date_trunc('month', r.day::timestamp)::date)) AS block (block, first)
    GROUP BY dimension, block.block, block.first, key ORDER BY dimension, block.block, block.first, key
    ON CONFLICT (brand_id, dimension, block, day, part, key)
    DO UPDATE SET ${added}`
}

/** Where the sums of months are, by whom, and of which rows of days they are. */
const MONTHS = {
  store: { table: 'rollup_store_months', key: 'store_code', days: 'rollup_days' },
  associate: { table: 'rollup_associate_months', key: 'associate_id', days: 'rollup_associates' },
} as const

/** The same of stores', and associates', months. Of a month that was never summed it is no sum, and is replaced when it is. */
function addMonthsOf(
  db: Db,
  of: MonthPart,
  { brandId, rows, sign }: { brandId: number; rows: Sql; sign: 1 | -1 },
): Sql {
  const { sums, added } = changeOfMonths(db, of, sign)
  const { table, key } = MONTHS[of.of]
  return db`
    INSERT INTO ${db(table)} AS t (brand_id, month, part, ${db(key)}, cells, ${monthColumnsOf(db, of)})
    SELECT ${brandId}, month, ${of.part}, ${db(key)}, ${sums}
    FROM (SELECT date_trunc('month', r.day::timestamp)::date AS month, r.* FROM ${rows} AS r) AS r
    GROUP BY month, ${db(key)} ORDER BY month, ${db(key)}
    ON CONFLICT (brand_id, month, part, ${db(key)}) DO UPDATE SET ${added}`
}

/** What associates are paid, of rows of `rollup_pay`. */
const payOfAssociates = (db: Db, rows: Sql) => db`(
  SELECT day, payee AS associate_id, amount_fen AS commission_fen FROM ${rows} AS paid WHERE payee_kind = 'associate')`

/** What the rows of days come to, by `month` and whose they are, with `cells` and the part's figures. */
export function monthsOf(db: Db, of: MonthPart, isOf: Sql): Sql {
  const { days, key } = MONTHS[of.of]
  const rows =
    of.part === 'pay'
      ? payOfAssociates(db, db`(SELECT * FROM rollup_pay WHERE ${isOf})`)
      : db`(SELECT * FROM ${db(days)} WHERE ${isOf} AND part = ${of.part})`
  return db`
    SELECT date_trunc('month', day::timestamp)::date AS month, ${db(key)}, count(*) AS cells, ${monthTotalsOf(db, of)}
    FROM ${rows} AS had GROUP BY 1, 2`
}

/** What is kept of months: as `monthsOf` gives it. */
export function keptMonthsOf(db: Db, of: MonthPart, isOf: Sql): Sql {
  const { table, key } = MONTHS[of.of]
  return db`SELECT month, ${db(key)}, cells, ${monthColumnsOf(db, of)} FROM ${db(table)} WHERE ${isOf} AND part = ${of.part}`
}

/** Makes what stores and associates have of whole months anew. */
export async function replaceMonths(db: Db, { brandId, from, to }: { brandId: number; from: string; to: string }) {
  const isWithin = (column: string) =>
    db`brand_id = ${brandId} AND ${db(column)} >= ${from}::text::date AND ${db(column)} < ${to}::text::date`
  for (const { table } of Object.values(MONTHS)) await db`DELETE FROM ${db(table)} WHERE ${isWithin('month')}`
  for (const of of MONTH_PARTS) {
    const { table, key } = MONTHS[of.of]
    await db`
      INSERT INTO ${db(table)} (brand_id, part, month, ${db(key)}, cells, ${monthColumnsOf(db, of)})
      SELECT ${brandId}, ${of.part}, summed.* FROM (${monthsOf(db, of, isWithin('day'))}) AS summed ORDER BY month, ${db(key)}`
  }
}

/** All in one statement, so that evidence is read once. */
async function insertSums(db: Db, part: Part, summing: Summing) {
  const { brandId } = summing
  const { tables, figures, associates, pay, people, keys } = sumsOf(db, part, summing)
  const columns = columnsOf(db, part)
  // Rows that are read together lie together.
  const asRead = db`ORDER BY store_code, day`
  const ofAssociates = () => db`, of_associates AS (
      INSERT INTO rollup_associates (brand_id, store_code, day, part, associate_id, ${associatesColumnsOf(db, part)})
      SELECT ${brandId}, store_code, day, ${part}, associate_id, ${associatesColumnsOf(db, part)}
      FROM (${associates!}) AS summed ${asRead} RETURNING *
    ), of_months AS (${addMonthsOf(db, { of: 'associate', part }, { brandId, rows: db`of_associates`, sign: 1 })})`
  const ofPay = () => db`, of_pay AS (
      INSERT INTO rollup_pay (brand_id, store_code, day, payee_kind, payee, amount_fen)
      SELECT ${brandId}, store_code, day, payee_kind, payee, amount_fen FROM (${pay!}) AS summed ${asRead} RETURNING *
    ), of_pay_months AS (${addMonthsOf(db, { of: 'associate', part: 'pay' }, { brandId, rows: payOfAssociates(db, db`of_pay`), sign: 1 })})`
  const ofPeople = () => db`, of_people AS (
      INSERT INTO rollup_associate_people (brand_id, kind, store_code, day, associate_id, person)
      SELECT ${brandId}, kind, store_code, day, associate_id, person FROM (${people!}) AS found ${asRead})`
  const ofKeys = () => db`, keyed AS MATERIALIZED (${keys!}), of_keys AS (
      INSERT INTO rollup_keys (brand_id, dimension, store_code, day, part, key, ${columns}, people, winners)
      SELECT ${brandId}, dimension, store_code, day, ${part}, key, ${columns}, people, winners
      FROM keyed ORDER BY dimension, store_code, day
    ), of_key_totals AS (${addKeysOf(db, part, { brandId, rows: db`keyed`, sign: 1 })})`
  await db`
    WITH ${tables} ${keys ? ofKeys() : db``} ${associates ? ofAssociates() : db``} ${pay ? ofPay() : db``} ${people ? ofPeople() : db``}
    , of_stores AS (
      INSERT INTO rollup_days (brand_id, part, day, store_code, ${columns})
      SELECT ${brandId}, ${part}, day, store_code, ${columns} FROM (${figures}) AS summed ${asRead} RETURNING *)
    ${addMonthsOf(db, { of: 'store', part }, { brandId, rows: db`of_stores`, sign: 1 })}`
  // A day stays of the version that summed all of it, and a new one is of the oldest in its month: that is no sum yet.
  const isOfThese = db`${isOfDays(db, summing)} AND part = ${part}`
  const months = await db<{ month: string; version: number }[]>`
    SELECT to_char(day, 'YYYY-MM') AS month, min(version) AS version FROM rollup_totals
    WHERE brand_id = ${brandId} AND version < ${SUMS_VERSION} GROUP BY 1`
  const old = await db<{ day: string; version: number }[]>`
    DELETE FROM rollup_totals WHERE ${isOfThese} RETURNING day::text, version`
  const versionsOf = (rows: readonly { version: number }[]) =>
    db`${rows.map(row => String(row.version))}::text[]::int[]`
  await db`
    INSERT INTO rollup_totals (brand_id, part, day, version, ${columns})
    SELECT brand_id, part, day, COALESCE(min(old.version), min(whole.version), ${SUMS_VERSION}), ${totalsOf(db, part)}
    FROM rollup_days
    LEFT JOIN unnest(${old.map(one => one.day)}::text[]::date[], ${versionsOf(old)}) AS old (old_day, version)
      ON old.old_day = day
    LEFT JOIN unnest(${months.map(one => one.month)}::text[], ${versionsOf(months)}) AS whole (month, version)
      ON whole.month = to_char(day, 'YYYY-MM')
    WHERE ${isOfThese} GROUP BY brand_id, part, day`
}

/**
 * Puts who is in these cells in the place of who was. Of those who came or went, the days next to it are looked at: on which
 * one before the brand had them last. What changed of that is added to how many there are of each. Rows are found again by
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
    ), changed AS MATERIALIZED (SELECT DISTINCT person, day FROM change),
    beside AS MATERIALIZED (
      TABLE changed UNION SELECT changed.person, next.day FROM changed CROSS JOIN LATERAL (
        SELECT p.day FROM rollup_people AS p
        WHERE p.brand_id = ${brandId} AND p.kind = ${kind} AND p.person = changed.person AND p.day > changed.day
        ORDER BY p.day LIMIT 1) AS next
    ), last AS MATERIALIZED (
      SELECT changed.person, last.day FROM changed CROSS JOIN LATERAL (
        SELECT p.day FROM rollup_people AS p
        WHERE p.brand_id = ${brandId} AND p.kind = ${kind} AND p.person = changed.person AND p.day < changed.day
        ORDER BY p.day DESC LIMIT 1) AS last
      EXCEPT TABLE beside
    ), kept AS MATERIALIZED (
      SELECT p.place, p.person, p.day, p.store_code, p.before FROM beside
      CROSS JOIN LATERAL (
        SELECT p.ctid AS place, p.* FROM rollup_people AS p
        WHERE p.brand_id = ${brandId} AND p.kind = ${kind} AND p.person = beside.person AND p.day = beside.day OFFSET 0) AS p
    ), staying AS MATERIALIZED (
      SELECT * FROM kept WHERE NOT EXISTS (
        SELECT FROM change WHERE NOT is_added AND change.person = kept.person AND change.day = kept.day
          AND change.store_code = kept.store_code)
    ), chain AS MATERIALIZED (
      SELECT person, day, before FROM (
        SELECT had.*, COALESCE(lag(day) OVER (PARTITION BY person ORDER BY day), '-infinity') AS before
        FROM (
          SELECT person, day, true AS is_beside FROM staying UNION SELECT person, day, true FROM change WHERE is_added
          UNION ALL SELECT person, day, false FROM last
        ) AS had
      ) AS all_days WHERE is_beside
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

/** Forgets all sums of these days, which are the last, where there are any. */
export async function deleteDays(db: Db, summing: SummingDays) {
  const isOfThese = isOfDays(db, summing)
  const [row] = await db<{ isKept: boolean }[]>`
    SELECT EXISTS (SELECT FROM rollup_totals WHERE ${isOfThese})
      OR EXISTS (SELECT FROM rollup_gaps WHERE ${isOfThese}) AS "isKept"`
  if (!row!.isKept) return
  for (const table of TABLES) await db`DELETE FROM ${db(table)} WHERE ${isOfThese}`
  await db`DELETE FROM rollup_key_totals WHERE ${isOfThese} AND block = 'day'`
  await replaceKeyMonths(db, { brandId: summing.brandId, from: summing.days.from })
  await replaceMonths(db, { brandId: summing.brandId, from: monthOf(summing.days.from), to: 'infinity' })
}

/** Makes what keys come to in a day anew, where it is not what their stores have. */
export async function replaceKeyDay(db: Db, summing: SummingDays) {
  const { brandId } = summing
  await db`DELETE FROM rollup_key_totals WHERE ${isOfDays(db, summing)} AND block = 'day'`
  for (const part of KEYED_PARTS) {
    await db`
      INSERT INTO rollup_key_totals (brand_id, block, part, dimension, day, key, cells, ${columnsOf(db, part)})
      SELECT ${brandId}, 'day', ${part}, summed.* FROM (${keyTotalsOf(db, part, summing)}) AS summed`
  }
}

/** Makes what keys come to in months anew, from the month of a day on; null: all. */
export async function replaceKeyMonths(db: Db, { brandId, from }: { brandId: number; from: string | null }) {
  const isSince = db`brand_id = ${brandId} AND day >= date_trunc('month', ${from ?? '-infinity'}::text::timestamp)::date`
  await db`DELETE FROM rollup_key_totals WHERE block = 'month' AND ${isSince}`
  for (const part of KEYED_PARTS) {
    await db`
      INSERT INTO rollup_key_totals (brand_id, block, part, dimension, day, key, cells, ${columnsOf(db, part)})
      SELECT ${brandId}, 'month', ${part}, summed.* FROM (
        SELECT dimension, date_trunc('month', day::timestamp)::date, key, sum(cells)::bigint, ${totalsOf(db, part)}
        FROM rollup_key_totals WHERE block = 'day' AND part = ${part} AND ${isSince} GROUP BY 1, 2, 3) AS summed`
  }
}
