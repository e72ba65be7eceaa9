import type { Db } from '../../database.ts'
import { addDays } from '../../lib/calendar.ts'
import { DAY_MS } from '../../lib/time.ts'
import type { Counted } from './domain.ts'
import type { SummedDays } from '../rollups/domain.ts'
import type { Asked, Dimension } from './queries.ts'

/**
 * The figures of whole days from what is summed ahead of them (`rollups`): the same as the statements over evidence give,
 * at a cost that grows with the days asked for.
 */

type Sql = ReturnType<typeof list>

const list = (db: Db, values: readonly (string | null)[]) => db`${values as string[]}::text[]`
const all = (db: Db, parts: readonly Sql[], by = db`, `) => parts.reduce((one, next) => db`${one}${by}${next}`)

/** The parts that figures are kept by; all others by `sales`. */
const PART_OF: Partial<Record<keyof Counted, string>> = {
  refundFen: 'refunds',
  shares: 'links',
  sharesClicked: 'links',
  clicks: 'clicks',
  newMembers: 'members',
}
const partsOf = (figures: readonly (keyof Counted)[]) => [...new Set(figures.map(name => PART_OF[name] ?? 'sales'))]

/** What days, and what associates have of them, are both summed for. */
const OF_BOTH = [
  'orders',
  'netSalesFen',
  'netQuantity',
  'onlineFen',
  'inStoreFen',
  'directFen',
  'indirectFen',
  'unknownBuyerOrders',
  'shares',
  'sharesClicked',
  'clicks',
  'newMembers',
] as const satisfies readonly (keyof Counted)[]
const OF_DAYS = [...OF_BOTH, 'unattributedFen', 'unattributedOrders', 'commissionFen', 'refundFen'] as const
const OF_KEYS = OF_DAYS.filter(name => name !== 'newMembers')
const OF_ASSOCIATES = [...OF_BOTH, 'closerFen', 'attributedFen'] as const

/** The column that a figure is kept in. */
const columnOf = (db: Db, name: keyof Counted) =>
  db`${db(name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`))}`

/** Those that are distinct people, the kind of them, and the part that they are summed with. */
const PEOPLE: readonly (readonly [string, keyof Counted, string])[] = [
  ['buyer', 'buyers', 'sales'],
  ['visitor', 'visitors', 'clicks'],
  ['opener', 'linkVisitors', 'links'],
  ['winner', 'linkBuyers', 'links'],
]
export const OF_PEOPLE: ReadonlySet<string> = new Set([...PEOPLE.map(([, name]) => name), 'repeatBuyers'])

/** Those of people that figures are counted from. */
const peopleFor = (figures: ReadonlySet<string> | null) =>
  PEOPLE.filter(
    ([, name]) => figures === null || figures.has(name) || (name === 'buyers' && figures.has('repeatBuyers')),
  )

const KEYED: ReadonlySet<Dimension> = new Set(['channel', 'link', 'group', 'product'])

/** By what sums are kept beside stores and associates. */
export const isKeyed = (dimension: Dimension) => KEYED.has(dimension)

/**
 * Those of one associate are few, and are summed from evidence. So is what some stores have by channel, link, group or
 * product: whose link won an order that they sold is none of what is kept of it.
 */
export const isRolledUp = (
  dimension: Dimension,
  { associateId, storeCodes }: Pick<Asked, 'associateId' | 'storeCodes'>,
) => associateId === null && (!isKeyed(dimension) || storeCodes === null)

export const isGrain = (dimension: Dimension) => dimension === 'day' || dimension === 'week' || dimension === 'month'
const hasStores = (dimension: Dimension) => dimension === 'store' || dimension === 'region'

/** What a row `r` with a day and a store belongs to; where that is a region, `withRegion` has it. */
function keyOf(db: Db, dimension: Dimension) {
  if (isGrain(dimension)) return db`to_char(date_trunc(${dimension}::text, r.day::timestamp), 'YYYY-MM-DD')`
  if (dimension === 'store') return db`NULLIF(r.store_code, '')`
  if (dimension === 'region') return db`s.region`
  return db`''::text`
}

const withRegion = (db: Db, dimension: Dimension) =>
  dimension === 'region' ? db`LEFT JOIN store_region AS s ON s.store_code = r.store_code` : db``

const isWithin = (db: Db, { days }: Asked) => db`r.day >= ${days!.from}::text::date AND r.day < ${days!.to}::text::date`

/** A row for each of the figures that `summed` has a column of. */
const unpivoted = (db: Db, summed: Sql, figures: readonly (keyof Counted)[]) => db`
  SELECT key, figure.name, figure.value FROM (${summed}) AS summed
  CROSS JOIN LATERAL (VALUES ${all(
    db,
    figures.map(name => db`(${name}::text, COALESCE(${columnOf(db, name)}, 0)::numeric)`),
  )}) AS figure (name, value)`

const sumsOf = (db: Db, figures: readonly (keyof Counted)[]) =>
  all(
    db,
    figures.map(name => db`sum(r.${columnOf(db, name)}) AS ${columnOf(db, name)}`),
  )

const monthOf = (day: string) => `${day.slice(0, 7)}-01`
const monthAfter = (day: string) => monthOf(addDays(monthOf(day), 31))

interface Block {
  block: 'day' | 'month'
  from: string
  to: string
  /** -1: they are in a month that is added, and not in the span. */
  sign: 1 | -1
}

/** What reading a month takes, in days: who has anything in it has something on a few of them. */
const MONTH_AS_DAYS = 3

/**
 * What a span's figures are added up from: months by their own sums, days one by one; where that is less to read, a whole
 * month without the days of it that the span has not. The days to come have nothing, so that the running month is one.
 *
 * @param options.areKeyed of links and their like: by months since they are summed at all
 */
function blocksOf(
  { from, to, monthlessUntil, daysAfter }: SummedDays,
  { areMonths, areKeyed = false }: { areMonths: boolean; areKeyed?: boolean },
): Block[] {
  if (!areMonths) return [{ block: 'day', from, to, sign: 1 }]
  const blocks: Block[] = []
  for (let month = monthOf(from); month < to; month = monthAfter(month)) {
    const next = monthAfter(month)
    const [first, end] = [from > month ? from : month, to < next ? to : next]
    const others = daysBetween(month, first) + (end < next ? daysAfter : 0)
    const isSummed = areKeyed || monthlessUntil === null || monthlessUntil < month
    if (isSummed && others + MONTH_AS_DAYS < daysBetween(first, end)) {
      blocks.push({ block: 'month', from: month, to: next, sign: 1 })
      blocks.push({ block: 'day', from: month, to: first, sign: -1 }, { block: 'day', from: end, to: next, sign: -1 })
    } else blocks.push({ block: 'day', from: first, to: end, sign: 1 })
  }
  return joined(blocks.filter(one => one.from < one.to))
}

/** Blocks of a kind that follow each other are one. */
function joined(blocks: readonly Block[]): Block[] {
  const all: Block[] = []
  for (const one of blocks) {
    const before = all.at(-1)
    if (before?.block === one.block && before.sign === one.sign && before.to === one.from) before.to = one.to
    else all.push({ ...one })
  }
  return all
}

const daysBetween = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / DAY_MS

/** A column of a row of a block, as it counts. */
const signed = (db: Db, { sign }: Block, value: Sql) => (sign === 1 ? value : db`-${value}`)
const signedColumns = (db: Db, block: Block, names: readonly (keyof Counted)[]) =>
  all(
    db,
    names.map(name => db`${signed(db, block, db`r.${columnOf(db, name)}`)} AS ${columnOf(db, name)}`),
  )

/** Of how many days' rows a row of a block is: who has none left after some are taken away is not in the span. */
const cellsOf = (db: Db, block: Block) => signed(db, block, block.block === 'month' ? db`r.cells` : db`1`)

/** `r`: what channels, links, groups or products have in a span, of all of them or of some; `sign` says how it counts. */
function keyTotalsOf(db: Db, dimension: Dimension, asked: Asked, isOfPart: Sql, keys: readonly string[] | null): Sql {
  const blocks = blocksOf(asked.days!, { areMonths: true, areKeyed: true })
  const isOf = keys === null ? db`true` : db`r.key = ANY (${list(db, keys)})`
  return db`
    unnest(${blocks.map(one => one.block)}::text[], ${blocks.map(one => one.from)}::text[]::date[],
      ${blocks.map(one => one.to)}::text[]::date[], ${blocks.map(one => String(one.sign))}::text[]::int[])
      AS span (block, first, until, sign)
    CROSS JOIN LATERAL (
      SELECT * FROM rollup_key_totals AS r
      WHERE r.brand_id = ${asked.brandId} AND r.dimension = ${dimension} AND r.block = span.block
        AND r.day >= span.first AND r.day < span.until AND ${isOfPart} AND ${isOf} OFFSET 0) AS r`
}

/** Distinct people of channels, links, groups or products: of all of them, or of some. */
function keyedPeopleParts(db: Db, dimension: Dimension, asked: Asked, { keys, figures }: Wanted): Sql[] {
  const { brandId, days } = asked
  const since = db`${days!.from}::text::date`
  const ofDays = db`r.brand_id = ${brandId} AND r.dimension = ${dimension} AND ${isWithin(db, asked)}`
  return peopleFor(figures).flatMap(([kind, name, part]) => {
    const people = db(kind === 'winner' ? 'winners' : 'people')
    const from =
      keys === null
        ? db`${storesOf(db, asked)} CROSS JOIN LATERAL (
            SELECT * FROM rollup_keys AS r WHERE ${ofDays} AND r.store_code = s.store_code OFFSET 0) AS r`
        : db`(SELECT * FROM rollup_keys AS r WHERE ${ofDays} AND r.key = ANY (${list(db, keys)}) OFFSET 0) AS r`
    const own = db`(SELECT DISTINCT NULLIF(r.key, '') AS key, who COLLATE "C" AS person
      FROM ${from} CROSS JOIN LATERAL unnest(r.${people}) AS who WHERE r.part = ${part}) AS own`
    if (kind !== 'buyer') return [db`SELECT key, ${name}::text, count(*) FROM ${own} GROUP BY key`]
    // Who bought in the span, and within the year before it: where one was there first, it says when he was last before.
    const known = db`(SELECT p.person FROM ${storesOf(db, asked)} CROSS JOIN LATERAL (
        SELECT p.person, p.before FROM rollup_people AS p
        WHERE p.brand_id = ${brandId} AND p.kind = ${kind} AND p.store_code = s.store_code
          AND p.day >= ${since} AND p.day < ${days!.to}::text::date OFFSET 0) AS p
      GROUP BY p.person HAVING min(p.before) < ${since} AND min(p.before) >= ${since} - 365) AS known`
    // Not joined: the planner cannot know how many they are, and would hold each against all.
    return [
      db`SELECT key, figure.name, figure.value FROM (
          SELECT key, count(*) AS buyers, count(*) FILTER (WHERE is_known) AS again FROM (
            SELECT unnest(array_agg(key) FILTER (WHERE is_own)) AS key, NOT bool_and(is_own) AS is_known FROM (
              SELECT key, person, true AS is_own FROM ${own} UNION ALL SELECT NULL, person, false FROM ${known}
            ) AS seen GROUP BY person
          ) AS once GROUP BY key
        ) AS counted CROSS JOIN LATERAL (VALUES (${name}::text, buyers), ('repeatBuyers', again)) AS figure (name, value)`,
    ]
  })
}

/** Which of a table is wanted: of all rows or of some, all figures or some. */
export interface Wanted {
  /** Empty: of nobody’s. */
  keys: readonly string[] | null
  figures: ReadonlySet<string> | null
  /** Rows that have none of these figures may be left out, where that saves something: there they are 0. */
  mayLack: boolean
}

/** Also where all are: what is kept of days is found by its part first. */
const isOfParts = (db: Db, figures: readonly (keyof Counted)[], { mayLack }: Wanted) =>
  db`r.part = ANY (${list(db, partsOf(mayLack ? figures : OF_DAYS))})`

function wantedOf<Name extends keyof Counted>(all: readonly Name[], { figures }: Wanted): readonly Name[] {
  if (figures === null) return all
  const some = all.filter(name => figures.has(name))
  return some.length > 0 ? some : [all[0]!]
}

/** Rows of (key, name, value). `isOwnPay` tells which pay `r` the asker may see. */
export function summedParts(db: Db, dimension: Dimension, asked: Asked, isOwnPay: Sql, wanted: Wanted): Sql[] {
  if (dimension === 'associate') return associatesParts(db, asked, isOwnPay, wanted)
  if (isKeyed(dimension)) {
    const figures = wantedOf(OF_KEYS, wanted)
    const sums = all(db, figures.map(name => db`sum(span.sign * r.${columnOf(db, name)}) AS ${columnOf(db, name)}`)) // prettier-ignore
    const summed = db`SELECT NULLIF(r.key, '') AS key, ${sums}
      FROM ${keyTotalsOf(db, dimension, asked, isOfParts(db, figures, wanted), wanted.keys)}
      GROUP BY 1 HAVING sum(span.sign * r.cells) > 0`
    return [unpivoted(db, summed, figures)]
  }
  const { brandId, storeCodes } = asked
  const isWhole = storeCodes === null && !hasStores(dimension)
  const isOwn = storeCodes === null ? db`true` : db`r.store_code = ANY (${list(db, storeCodes)})`
  const figures = wantedOf(
    OF_DAYS.filter(name => storeCodes === null || name !== 'commissionFen'),
    wanted,
  )
  const columns = all(db, figures.map(name => columnOf(db, name))) // prettier-ignore
  const isOfPart = isOfParts(db, figures, wanted)
  const held = isWhole
    ? db`SELECT r.day, ''::text AS store_code, 1 AS cells, ${columns} FROM rollup_totals AS r
        WHERE r.brand_id = ${brandId} AND ${isWithin(db, asked)} AND ${isOfPart}`
    : blocksOf(asked.days!, { areMonths: !isGrain(dimension) })
        .map(one => {
          const [day, table] = [db(one.block), db(one.block === 'month' ? 'rollup_store_months' : 'rollup_days')]
          return db`SELECT r.${day} AS day, r.store_code, ${cellsOf(db, one)} AS cells, ${signedColumns(db, one, figures)}
            FROM ${table} AS r
            WHERE r.brand_id = ${brandId} AND r.${day} >= ${one.from}::text::date AND r.${day} < ${one.to}::text::date
              AND ${isOfPart} AND ${isOwn}`
        })
        .reduce((one, next) => db`${one} UNION ALL ${next}`)
  const parts = [
    unpivoted(
      db,
      db`SELECT ${keyOf(db, dimension)} AS key, ${sumsOf(db, figures)} FROM (${held}) AS r ${withRegion(db, dimension)}
        GROUP BY 1 HAVING sum(r.cells) > 0`,
      figures,
    ),
  ]
  if (storeCodes !== null) {
    parts.push(db`SELECT ${keyOf(db, dimension)}, 'commissionFen', sum(r.amount_fen)
      FROM rollup_pay AS r ${withRegion(db, dimension)}
      WHERE r.brand_id = ${brandId} AND ${isWithin(db, asked)} AND ${isOwn} AND ${isOwnPay} GROUP BY 1`)
  }
  return parts
}

/** `s`: the stores that are asked for, and none; what is summed by store is looked up store by store, by index. */
function storesOf(db: Db, { brandId, storeCodes }: Asked): Sql {
  return storeCodes === null
    ? db`(SELECT store_code FROM stores WHERE brand_id = ${brandId} UNION SELECT '') AS s`
    : db`(SELECT DISTINCT store_code FROM unnest(${list(db, storeCodes)}) AS own (store_code)) AS s`
}

/**
 * What associates have, and what they are paid for orders: of some by their own index. Of the whole brand by months too.
 */
function associatesParts(db: Db, asked: Asked, isOwnPay: Sql, wanted: Wanted): Sql[] {
  const { brandId, storeCodes } = asked
  const figures = wantedOf(OF_ASSOCIATES, wanted)
  const blocks = blocksOf(asked.days!, { areMonths: storeCodes === null })
  const isIn = (column: Sql, { from, to }: Block) =>
    db`${column} >= ${from}::text::date AND ${column} < ${to}::text::date`
  const isOf = (column: Sql) => (wanted.keys === null ? db`true` : db`${column} = ANY (${list(db, wanted.keys)})`)
  const isOfPart = isOfParts(db, figures, wanted)
  const isPayWanted = !wanted.mayLack || wanted.figures === null || wanted.figures.has('commissionFen')
  const isOwn = storeCodes === null ? db`true` : db`r.store_code = ANY (${list(db, storeCodes)})`
  const rowsOf = (table: string, days: Block, isWanted: Sql) => db`
    ${storesOf(db, asked)} CROSS JOIN LATERAL (
      SELECT * FROM ${db(table)} AS r
      WHERE r.brand_id = ${brandId} AND r.store_code = s.store_code AND ${isIn(db`r.day`, days)} AND ${isWanted} OFFSET 0) AS r`
  const ofMonths = (one: Block, columns: Sql, isWanted: Sql) => db`
    SELECT r.associate_id AS key, ${cellsOf(db, one)} AS cells, ${columns} FROM rollup_associate_months AS r
    WHERE r.brand_id = ${brandId} AND ${isIn(db`r.month`, one)} AND ${isWanted} AND ${isOf(db`r.associate_id`)}`
  const held = blocks.map(one => {
    const columns = signedColumns(db, one, figures)
    if (one.block === 'month') return ofMonths(one, columns, isOfPart)
    const from =
      wanted.keys === null
        ? rowsOf('rollup_associates', one, isOfPart)
        : db`rollup_associates AS r
          WHERE r.brand_id = ${brandId} AND ${isOf(db`r.associate_id`)} AND ${isIn(db`r.day`, one)} AND ${isOfPart} AND ${isOwn}`
    return db`SELECT r.associate_id AS key, ${cellsOf(db, one)} AS cells, ${columns} FROM ${from}`
  })
  const paid = blocks.map(one => {
    if (one.block === 'month') return ofMonths(one, db`r.commission_fen AS amount_fen`, db`r.part = 'pay'`)
    return db`SELECT r.payee AS key, ${cellsOf(db, one)} AS cells, ${signed(db, one, db`r.amount_fen`)} AS amount_fen
      FROM ${rowsOf('rollup_pay', one, db`r.payee_kind = 'associate'`)} WHERE ${isOwnPay} AND ${isOf(db`r.payee`)}`
  })
  const together = (selects: readonly Sql[], sums: Sql) => db`
    SELECT NULLIF(r.key, '') AS key, ${sums} FROM (${all(db, selects, db` UNION ALL `)}) AS r
    GROUP BY 1 HAVING sum(r.cells) > 0`
  return [
    unpivoted(db, together(held, sumsOf(db, figures)), figures),
    ...(isPayWanted ? [together(paid, db`'commissionFen', sum(r.amount_fen)`)] : []),
  ]
}

/** Distinct people of associates: of all who are asked for, or of some. */
function associatesPeopleParts(db: Db, asked: Asked, { keys: associates, figures }: Wanted): Sql[] {
  const { brandId, days, storeCodes } = asked
  const since = db`${days!.from}::text::date`
  const isOwn = storeCodes === null ? db`true` : db`r.store_code = ANY (${list(db, storeCodes)})`
  return peopleFor(figures).flatMap(([kind, name, part]) => {
    const found = (from: Sql, isOf: Sql) => db`(
      SELECT DISTINCT p.associate_id AS key, p.person FROM ${from} CROSS JOIN LATERAL (
        SELECT p.associate_id, p.person FROM rollup_associate_people AS p
        WHERE p.brand_id = ${brandId} AND p.kind = ${kind} AND ${isOf} OFFSET 0) AS p) AS own`
    const own =
      associates === null
        ? found(
            storesOf(db, asked),
            db`p.store_code = s.store_code AND p.day >= ${since} AND p.day < ${days!.to}::text::date`,
          )
        : found(
            db`(SELECT r.store_code, r.day, r.associate_id FROM rollup_associates AS r
              WHERE r.brand_id = ${brandId} AND r.associate_id = ANY (${list(db, associates)}) AND ${isWithin(db, asked)}
                AND r.part = ${part} AND ${isOwn}) AS r`,
            db`p.store_code = r.store_code AND p.day = r.day AND p.associate_id = r.associate_id`,
          )
    const count = db`SELECT key, ${name}::text, count(*) FROM ${own} GROUP BY key`
    if (kind !== 'buyer') return [count]
    return [
      count,
      db`SELECT key, 'repeatBuyers', count(*) FROM ${own} WHERE EXISTS (
          SELECT FROM rollup_people AS earlier
          WHERE earlier.brand_id = ${brandId} AND earlier.kind = ${kind} AND earlier.person = own.person
            AND earlier.day < ${since} AND earlier.day >= ${since} - 365)
        GROUP BY key`,
    ]
  })
}

/**
 * Distinct people, as rows of (key, name, value). Where it is the brand's they are the sum of those who were there last
 * before the span; of stores they are counted.
 *
 * @param wanted only of these rows of the table, of those that are asked for
 */
export function peopleParts(db: Db, dimension: Dimension, asked: Asked, wanted: Wanted): Sql[] {
  if (dimension === 'associate') return associatesPeopleParts(db, asked, wanted)
  if (isKeyed(dimension)) return keyedPeopleParts(db, dimension, asked, wanted)
  const { keys, figures } = wanted
  const { brandId, days, storeCodes } = asked
  const stores = keys ?? storeCodes
  const first = db`${days!.from}::text::date`
  const since = isGrain(dimension)
    ? db`GREATEST(${first}, date_trunc(${dimension}::text, r.day::timestamp)::date)`
    : first
  const isNew = db`before < since`
  const isRepeat = db`before < since AND before >= since - 365`
  if (stores === null && !hasStores(dimension)) {
    return peopleFor(figures).flatMap(([kind, name]) => {
      const own = db`(SELECT ${keyOf(db, dimension)} AS key, ${since} AS since, r.before, r.people FROM rollup_gaps AS r
        WHERE r.brand_id = ${brandId} AND r.kind = ${kind} AND ${isWithin(db, asked)}) AS own`
      if (kind !== 'buyer') return [db`SELECT key, ${name}::text, sum(people) FROM ${own} WHERE ${isNew} GROUP BY key`]
      return [
        db`SELECT key, figure.name, figure.value FROM (
            SELECT key, sum(people) AS buyers, sum(people) FILTER (WHERE ${isRepeat}) AS again
            FROM ${own} WHERE ${isNew} GROUP BY key
          ) AS counted CROSS JOIN LATERAL (VALUES (${name}::text, buyers), ('repeatBuyers', again)) AS figure (name, value)`,
      ]
    })
  }
  const isOwn = stores === null ? db`true` : db`r.store_code = ANY (${list(db, stores)})`
  return peopleFor(figures).flatMap(([kind, name]) => {
    const own = db`(SELECT key, since, person, min(before) AS before FROM (
        SELECT ${keyOf(db, dimension)} AS key, ${since} AS since, r.person, r.before
        FROM rollup_people AS r ${withRegion(db, dimension)}
        WHERE r.brand_id = ${brandId} AND r.kind = ${kind} AND ${isWithin(db, asked)} AND ${isOwn}
      ) AS seen GROUP BY key, since, person) AS own`
    if (kind !== 'buyer') return [db`SELECT key, ${name}::text, count(*) FROM ${own} GROUP BY key`]
    return [
      db`SELECT key, figure.name, figure.value FROM (
          SELECT key, count(*) AS buyers, count(*) FILTER (WHERE ${isRepeat} OR (before >= since AND EXISTS (
            SELECT FROM rollup_people AS earlier
            WHERE earlier.brand_id = ${brandId} AND earlier.kind = ${kind} AND earlier.person = own.person
              AND earlier.day < own.since AND earlier.day >= own.since - 365))) AS again
          FROM ${own} GROUP BY key
        ) AS counted CROSS JOIN LATERAL (VALUES (${name}::text, buyers), ('repeatBuyers', again)) AS figure (name, value)`,
    ]
  })
}
