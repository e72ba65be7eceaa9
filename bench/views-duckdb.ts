import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { openPool, type Pool } from '../server/database.ts'
import { sumAll } from '../server/features/rollups/service.ts'
import { addDays } from '../server/lib/calendar.ts'
import { dayOf } from '../server/lib/time.ts'
import { ZONE, type Bench } from './lib/bench.ts'
import type { Figure } from './lib/figure.ts'
import { prepareBrand } from './lib/prepared.ts'
import { startService, type BenchService } from './lib/service.ts'

/** Each view is asked so often on either side, one after the other. */
const TIMES = 15
/** Unless that takes longer. */
const TIMES_MS = 10_000
const LIMIT = 2
const PAGE = 20

/** What a page of headquarters asks of orders, and DuckDB of the same rows. */
export const viewsDuckdb: Figure = {
  name: 'views-duckdb',
  measures: 'headquarters’ views beside DuckDB over the same rows, the one that is furthest behind',
  async run(bench) {
    const brand = bench.given ?? (await bench.brand())
    const url = bench.given?.url ?? (await bench.copyOf(await bench.brand()))
    await prepare(bench, url, brand.brandId)
    const folder = await mkdtemp(join(tmpdir(), 'daogou-bench-duckdb-'))
    const owner = openPool(url, { max: 1, asOwner: true, statementTimeoutMs: 0 })
    const service = await startService(url, bench.given ? { env: bench.given.env } : {})
    const duck = await DuckDBInstance.create(join(folder, 'rows.duckdb'))
    const connection = await duck.connect()
    try {
      await copyRows(owner, connection, { brandId: brand.brandId, folder })
      const compared: Compared[] = []
      for (const view of viewsOf(brand.until)) {
        const one = await compare(service, connection, view)
        bench.say(`${one.name}: ${one.ownMs} ms, DuckDB ${one.duckMs} ms, ${one.ratio}`)
        compared.push(one)
      }
      const worst = compared.reduce((one, other) => (other.ratio > one.ratio ? other : one))
      return {
        value: worst.ownMs,
        unit: 'ms',
        ratio: worst.ratio,
        against: `${worst.duckMs} ms of DuckDB: ${worst.name}`,
        limit: { atMost: LIMIT },
        details: Object.fromEntries(compared.map(one => [one.name, one.ratio])),
      }
    } finally {
      connection.closeSync()
      duck.closeSync()
      await owner.end({ timeout: 5 })
      await service.stop()
      await rm(folder, { recursive: true, force: true })
    }
  },
}

async function prepare(bench: Bench, url: string, brandId: number): Promise<void> {
  if (!bench.given) return await prepareBrand(url, brandId, ZONE)
  const pool = openPool(url, { max: 1, statementTimeoutMs: 0 })
  await sumAll(pool, { brandId, zone: ZONE, now: Date.now() })
  await pool.end({ timeout: 5 })
}

// ------------------------------------------------------------------------------------------------------- the rows

const SOLD = {
  day: 'DATE',
  store: 'VARCHAR',
  channel: 'VARCHAR',
  buyer: 'VARCHAR',
  net_fen: 'BIGINT',
  quantity: 'BIGINT',
  relation: 'VARCHAR',
  is_unattributed: 'BOOLEAN',
  sharer: 'VARCHAR',
  attributed: 'VARCHAR',
}
const REFUND = { day: 'DATE', store: 'VARCHAR', fen: 'BIGINT' }

/** Orders that count, and what was paid back, a row each: what the views are summed from, with nothing summed. */
async function copyRows(owner: Pool, connection: DuckDBConnection, of: { brandId: number; folder: string }) {
  const { brandId } = of
  const day = (column: string) => `(${column} AT TIME ZONE '${ZONE}')::date`
  const copy = async (table: string, columns: Record<string, string>, select: string) => {
    const file = join(of.folder, `${table}.json`)
    const names = Object.keys(columns).join(', ')
    const lines = owner.unsafe<{ line: string }[]>(
      `SELECT row_to_json(one)::text AS line FROM (${select}) AS one (${names})`,
    )
    async function* texts() {
      for await (const rows of lines.cursor(10_000)) yield rows.map(({ line }) => `${line}\n`).join('')
    }
    await pipeline(texts, createWriteStream(file))
    const types = Object.entries(columns).map(([name, type]) => `'${name}': '${type}'`)
    await connection.run(
      `CREATE TABLE ${table} AS FROM read_json('${file}', format = 'newline_delimited', columns = {${types.join(', ')}})`,
    )
    await rm(file)
  }
  await copy(
    'sold',
    SOLD,
    `SELECT ${day('paid_at')}, selling_store, channel, buyer, net_fen, net_quantity, relation, is_unattributed,
      roles ->> 'sharer', roles ->> 'attributed'
    FROM orders WHERE brand_id = ${brandId} AND revision IS NOT NULL AND NOT cancelled AND net_fen > 0`,
  )
  await copy(
    'refund',
    REFUND,
    `SELECT ${day('f.refunded_at')}, o.selling_store, part."refundFen"
    FROM refund_revisions AS f
    JOIN orders AS o ON o.brand_id = ${brandId} AND o.source = f.source AND o.order_no = f.order_no
    JOIN order_revisions AS r ON r.brand_id = ${brandId} AND r.source = o.source AND r.order_no = o.order_no
      AND r.revision = o.revision
    CROSS JOIN LATERAL jsonb_to_recordset(f.lines) AS part ("lineNo" int, "refundFen" bigint)
    WHERE f.brand_id = ${brandId}
      AND r.lines @> jsonb_build_array(jsonb_build_object('lineNo', part."lineNo"))
      AND NOT EXISTS (
        SELECT FROM refund_revisions AS later
        WHERE later.brand_id = ${brandId} AND later.source = f.source AND later.refund_no = f.refund_no
          AND later.revision > f.revision)`,
  )
}

// ------------------------------------------------------------------------------------------------------ the views

type Row = Record<string, string | number | null>

interface View {
  name: string
  path: string
  /** What DuckDB is asked: a row for each of the view's, by the same names. */
  statements: readonly string[]
  /** What tells its rows apart. */
  key: string | null
  rowsOf: (answer: Record<string, unknown>) => readonly Row[]
}

const FIGURES = `count(*) AS orders, sum(net_fen) AS "netSalesFen", sum(quantity) AS "netQuantity",
  coalesce(sum(net_fen) FILTER (channel = 'online'), 0) AS "onlineFen",
  coalesce(sum(net_fen) FILTER (channel = 'in_store'), 0) AS "inStoreFen",
  coalesce(sum(net_fen) FILTER (relation = 'direct'), 0) AS "directFen",
  coalesce(sum(net_fen) FILTER (relation = 'indirect'), 0) AS "indirectFen",
  coalesce(sum(net_fen) FILTER (is_unattributed), 0) AS "unattributedFen",
  count(*) FILTER (is_unattributed) AS "unattributedOrders",
  count(*) FILTER (buyer IS NULL) AS "unknownBuyerOrders", count(DISTINCT buyer) AS buyers`

/** Both are asked for the same figures of a table. */
const STORES_FIGURES =
  'orders,netSalesFen,netQuantity,onlineFen,inStoreFen,directFen,indirectFen,unattributedFen,unattributedOrders,unknownBuyerOrders,buyers,repeatBuyers,refundFen'
const ASSOCIATES_FIGURES = 'directFen,indirectFen,attributedFen'

const itemsOf = (answer: Record<string, unknown>) => answer['items'] as Row[]

function viewsOf(until: number): View[] {
  const last = dayOf(until - 1, ZONE)
  const next = addDays(last, 1)
  const spans = { '7 days': 7, '30 days': 30, quarter: 91, 'a year': 365 }
  return Object.entries(spans).flatMap(([span, days]): View[] => {
    const from = addDays(last, 1 - days)
    const asked = `from=${from}&to=${next}`
    return [
      {
        name: `headline, ${span}`,
        path: `/performance/summary?${asked}`,
        statements: [summary({ from, to: next }), summary({ from: addDays(from, -days), to: from })],
        key: null,
        rowsOf: answer => [answer as Row, answer['before'] as Row],
      },
      {
        name: `trend, ${span}`,
        path: `/performance/trend?${asked}`,
        statements: [trend({ from, to: next })],
        key: 'day',
        rowsOf: itemsOf,
      },
      {
        name: `stores, ${span}`,
        path: `/performance/stores?${asked}&limit=${PAGE}&figures=${STORES_FIGURES}`,
        statements: [stores({ from, to: next })],
        key: 'storeCode',
        rowsOf: itemsOf,
      },
      {
        name: `associates, ${span}`,
        path: `/performance/associates?${asked}&limit=${PAGE}&sort=directFen&figures=${ASSOCIATES_FIGURES}`,
        statements: [associates({ from, to: next })],
        key: 'associateId',
        rowsOf: itemsOf,
      },
    ]
  })
}

interface Days {
  from: string
  to: string
}

const within = ({ from, to }: Days) => `day >= DATE '${from}' AND day < DATE '${to}'`

const boughtBefore = ({ from }: Days) =>
  `SELECT buyer FROM sold WHERE day < DATE '${from}' AND day >= DATE '${from}' - 365`

const summary = (days: Days) => `
  SELECT *, (SELECT coalesce(sum(fen), 0) FROM refund WHERE ${within(days)}) AS "refundFen"
  FROM (SELECT ${FIGURES}, count(DISTINCT buyer) FILTER (buyer IN (${boughtBefore(days)})) AS "repeatBuyers"
    FROM sold WHERE ${within(days)})`

const trend = (days: Days) => `
  WITH came AS (
    SELECT day, count(*) AS again FROM (
      SELECT day, lag(day) OVER (PARTITION BY buyer ORDER BY day) AS before
      FROM (SELECT DISTINCT buyer, day FROM sold WHERE buyer IS NOT NULL AND day < DATE '${days.to}'
        AND day >= DATE '${days.from}' - 365))
    WHERE before >= day - 365 AND ${within(days)} GROUP BY day)
  SELECT s.*, coalesce(again, 0) AS "repeatBuyers", coalesce(back.fen, 0) AS "refundFen"
  FROM (SELECT CAST(day AS VARCHAR) AS day, ${FIGURES} FROM sold WHERE ${within(days)} GROUP BY day) AS s
  LEFT JOIN came ON CAST(came.day AS VARCHAR) = s.day
  LEFT JOIN (SELECT day, sum(fen) AS fen FROM refund WHERE ${within(days)} GROUP BY day) AS back
    ON CAST(back.day AS VARCHAR) = s.day`

const stores = (days: Days) => `
  SELECT s.*, coalesce(back.fen, 0) AS "refundFen"
  FROM (
    SELECT store AS "storeCode", ${FIGURES},
      count(DISTINCT buyer) FILTER (buyer IN (${boughtBefore(days)})) AS "repeatBuyers"
    FROM sold WHERE ${within(days)} GROUP BY store) AS s
  LEFT JOIN (SELECT store, sum(fen) AS fen FROM refund WHERE ${within(days)} GROUP BY store) AS back
    ON back.store IS NOT DISTINCT FROM "storeCode"
  ORDER BY "netSalesFen" DESC LIMIT ${PAGE}`

const associates = (days: Days) => `
  SELECT "associateId", "directFen", "indirectFen", coalesce(fen, 0) AS "attributedFen"
  FROM (
    SELECT sharer AS "associateId", coalesce(sum(net_fen) FILTER (channel = 'online'), 0) AS "directFen",
      coalesce(sum(net_fen) FILTER (channel = 'in_store'), 0) AS "indirectFen"
    FROM sold WHERE ${within(days)} AND sharer IS NOT NULL GROUP BY sharer) AS shared
  LEFT JOIN (SELECT attributed, sum(net_fen) AS fen FROM sold WHERE ${within(days)} GROUP BY attributed) AS own
    ON own.attributed = "associateId"
  ORDER BY "directFen" DESC, "associateId" LIMIT ${PAGE}`

// ------------------------------------------------------------------------------------------------------ comparing

interface Compared {
  name: string
  ownMs: number
  duckMs: number
  ratio: number
}

/** @throws Error where the answers are not the same to the fen */
async function compare(service: BenchService, connection: DuckDBConnection, view: View): Promise<Compared> {
  const own = await medianOf(async () => {
    const answer = await fetch(`http://127.0.0.1:${service.port}/api/v1${view.path}`, {
      headers: { authorization: `Bearer ${service.key}` },
    })
    if (!answer.ok) throw new Error(`${view.name}: ${answer.status} ${await answer.text()}`)
    return view.rowsOf((await answer.json()) as Record<string, unknown>)
  })
  const duck = await medianOf(async () => {
    const rows: Row[] = []
    for (const statement of view.statements) {
      rows.push(...((await connection.runAndReadAll(statement)).getRowObjectsJson() as Row[]))
    }
    return rows
  })
  requireSame(view, own.answer, duck.answer)
  return { name: view.name, ownMs: own.ms, duckMs: duck.ms, ratio: Math.round((own.ms / duck.ms) * 100) / 100 }
}

async function medianOf<Answer>(ask: () => Promise<Answer>): Promise<{ answer: Answer; ms: number }> {
  const answer = await ask() // the first reads from the disk
  const tookMs: number[] = []
  const until = performance.now() + TIMES_MS
  do {
    const since = performance.now()
    await ask()
    tookMs.push(performance.now() - since)
  } while (tookMs.length < TIMES && performance.now() < until)
  tookMs.sort((a, b) => a - b)
  return { answer, ms: Math.round(tookMs[tookMs.length >> 1]! * 10) / 10 }
}

/** By what DuckDB knows; days and associates of whom it knows nothing have nothing. */
function requireSame({ name, key }: View, own: readonly Row[], duck: readonly Row[]): void {
  const byKey = new Map(own.map((row, i) => [key === null ? i : row[key], row]))
  if (duck.length === 0) throw new Error(`${name}: DuckDB has no rows`)
  for (const [i, row] of duck.entries()) {
    const same = byKey.get(key === null ? i : row[key])
    for (const [figure, value] of Object.entries(row)) {
      if (figure === key || Number(same?.[figure]) === Number(value)) continue
      throw new Error(`${name}: ${figure} of ${row[key ?? ''] ?? i} is ${same?.[figure]}, by DuckDB ${value}`)
    }
  }
}
