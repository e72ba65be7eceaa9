import { setTimeout as sleep } from 'node:timers/promises'
import { openPool, type Pool } from '../../server/database.ts'
import { zoneOf } from '../../server/features/commissions/service.ts'
import { rebuildSums } from '../../server/features/rollups/service.ts'
import { formatInstant, parseInstant } from '../../server/lib/time.ts'
import { call, settle } from '../support/service-process.ts'
import type { Journal, Tries } from './journal.ts'
import { CUTOFF, keyOf, type Item, type Kind } from './stories.ts'

/** Holds the database against what the clients were answered, and against itself. */

const BRAND = 1
/** How long clicks that were kept on the disk may take to be delivered. */
const DELIVERED_MS = 20_000
/** How long what waits may take to be booked: plans were told while the service was killed, each for all orders. */
const BOOKED_MS = 300_000

export interface Verdict {
  /** How long what was still to be booked took after the last kill. */
  bookedMs: number
  /** Answered for, and not there. */
  lost: string[]
  /** There more often than it was told or can be, or by nobody's telling. */
  doubled: string[]
  /** There with other content. */
  changed: string[]
  auditedOrders: number
  auditDifferences: string[]
  settlementFaults: string[]
  settledRows: number
  sumsDiffering: number
  sumDays: number
}

export async function judge(options: { url: string; databaseUrl: string; journal: Journal }): Promise<Verdict> {
  const { url, databaseUrl, journal } = options
  const asked = performance.now()
  await settle({ url }, BOOKED_MS)
  const bookedMs = performance.now() - asked
  // One who reads every row itself: an index that lost something in a crash must not hide it.
  const pool = openPool(databaseUrl, { max: 1, asOwner: true })
  const service = openPool(databaseUrl, { max: 2, statementTimeoutMs: 0 })
  try {
    for (const how of ['indexscan', 'indexonlyscan', 'bitmapscan']) await pool.unsafe(`SET enable_${how} = off`)
    const found = new Findings()
    for (const [kind, query] of Object.entries(QUERIES) as [Kind, (pool: Pool) => Promise<Item[]>][]) {
      compare(found, kind, journal.told.get(kind) ?? new Map<string, Tries & { item: Item }>(), await query(pool))
    }
    await judgeOrders(pool, found)
    await judgeClicks(pool, journal, found)
    await judgeOffice(pool, journal, found)
    const settlementFaults = await judgeSettlements(pool, url, journal)
    const { checkedOrders, differences } = await audit(url)
    const sums = await rebuildSums(service, { brandId: BRAND, zone: await zoneOf(service, BRAND), now: Date.now() })
    const [rows] = await pool<{ n: number }[]>`SELECT count(*) AS n FROM settlement_rows WHERE NOT carried`
    return {
      ...found,
      bookedMs,
      auditedOrders: checkedOrders,
      auditDifferences: differences,
      settlementFaults,
      settledRows: rows!.n,
      sumsDiffering: sums.differing,
      sumDays: sums.days,
    }
  } finally {
    await pool.end()
    await service.end()
  }
}

class Findings {
  readonly lost: string[] = []
  readonly doubled: string[] = []
  readonly changed: string[] = []
}

/** Rows of evidence, in the words of the items that they were told by. */
const QUERIES: Record<Kind, (pool: Pool) => Promise<Item[]>> = {
  members: pool => pool`
    SELECT member_no AS "memberNo", joined_at AS "joinedAt", opening_store AS "openingStore",
      opening_associate AS "openingAssociate" FROM members WHERE joined_at IS NOT NULL`,
  touches: pool => pool`
    SELECT touch_id AS "touchId", link_code AS "linkCode", at, kind, member_no AS "memberNo", visitor_id AS "visitorId"
    FROM touches WHERE touch_id NOT LIKE 'click-%'`,
  identities: pool => pool`SELECT kind, value, member_no AS "memberNo", at FROM identities`,
  orders: pool => pool`
    SELECT source, order_no AS "orderNo", revision, channel, paid_at AS "paidAt", member_no AS "memberNo",
      visitor_id AS "visitorId", selling_store AS "sellingStore", closer, share_code AS "shareCode",
      NULLIF(cancelled, false) AS cancelled, lines
    FROM order_revisions`,
  refunds: pool => pool`
    SELECT source, refund_no AS "refundNo", order_no AS "orderNo", refunded_at AS "refundedAt", revision, lines
    FROM refund_revisions`,
  'member-assignments': pool => pool`
    SELECT member_no AS "memberNo", from_at AS "from", attributed_associate AS "attributedAssociate",
      home_store AS "homeStore" FROM member_assignments`,
  'member-merges': pool => pool`SELECT member_no AS "memberNo", into_member_no AS "into", at FROM member_merges`,
}

const INSTANTS = ['at', 'from', 'paidAt', 'refundedAt', 'joinedAt']

/** An item or a row in one spelling. */
function plain(item: Item): string {
  const entries = Object.entries(item)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]): [string, unknown] => {
      if (!INSTANTS.includes(name)) return [name, value]
      return [name, typeof value === 'string' ? parseInstant(value) : value]
    })
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(entries, (_, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}

function compare(
  found: Findings,
  kind: Kind,
  told: ReadonlyMap<string, Tries & { item: Item }>,
  rows: readonly Item[],
): void {
  const there = new Set<string>()
  for (const row of rows) {
    const told_ = Object.fromEntries(
      Object.entries(row).map(([name, value]) => [
        name,
        INSTANTS.includes(name) && typeof value === 'number' ? formatInstant(value) : value,
      ]),
    )
    const key = keyOf(kind, told_)
    const one = told.get(key)
    if (there.has(key)) found.doubled.push(`${kind} ${key}`)
    else if (!one) found.doubled.push(`${kind} ${key}, which nobody told`)
    else if (plain(one.item) !== plain(row)) found.changed.push(`${kind} ${key}: ${plain(one.item)} is ${plain(row)}`)
    there.add(key)
  }
  for (const [key, { taken }] of told) if (taken > 0 && !there.has(key)) found.lost.push(`${kind} ${key}`)
}

/** The highest revision counts; and every touch has its key, one each. */
async function judgeOrders(pool: Pool, found: Findings): Promise<void> {
  const orders = await pool<{ orderNo: string; n: number; revision: number; counted: number | null }[]>`
    SELECT order_no AS "orderNo", count(*) AS n, max(o.revision) AS counted, max(r.revision) AS revision
    FROM (SELECT order_no, max(revision) AS revision FROM order_revisions GROUP BY 1) AS r
    FULL JOIN orders AS o USING (order_no) GROUP BY 1
    HAVING count(*) <> 1 OR max(o.revision) IS DISTINCT FROM max(r.revision)`
  for (const row of orders) found.changed.push(`order ${row.orderNo}: ${JSON.stringify(row)}`)
  const touches = await pool<{ touchId: string; n: number }[]>`
    SELECT touch_id AS "touchId", count(t.at) AS n FROM touches AS t FULL JOIN touch_keys AS k USING (brand_id, touch_id, at)
    GROUP BY 1 HAVING count(t.at) <> 1 OR count(k.at) <> 1`
  for (const row of touches) found.doubled.push(`touch ${row.touchId}: ${row.n} rows`)
}

/** Every redirect is a touch; none of them is two. */
async function judgeClicks(pool: Pool, journal: Journal, found: Findings): Promise<void> {
  const missing = (counts: ReadonlyMap<string, number>) =>
    [...journal.clicks].filter(([key, { taken }]) => (counts.get(key) ?? 0) < taken)
  const read = async () =>
    new Map(
      (
        await pool<{ key: string; n: number }[]>`
          SELECT link_code || ' ' || visitor_id AS key, count(*) AS n FROM touches
          WHERE touch_id LIKE 'click-%' GROUP BY 1`
      ).map(row => [row.key, row.n]),
    )
  let counts = await read()
  for (const until = performance.now() + DELIVERED_MS; missing(counts).length > 0 && performance.now() < until;) {
    await sleep(500)
    counts = await read()
  }
  for (const [key, { taken }] of missing(counts)) {
    found.lost.push(`click ${key}: ${counts.get(key) ?? 0} of ${taken}`)
  }
  let strangers = 0
  for (const [key, n] of counts) {
    const one = journal.clicks.get(key)
    if (one && n > one.taken + one.unknown)
      found.doubled.push(`click ${key}: ${n} of ${one.taken} and ${one.unknown} unknown`)
    if (!one) strangers += n
  }
  if (strangers > journal.unknownNewcomers) {
    found.doubled.push(`${strangers} clicks of newcomers, of whom there were ${journal.unknownNewcomers}`)
  }
}

async function judgeOffice(pool: Pool, journal: Journal, found: Findings): Promise<void> {
  const told = (kind: string, tries: Iterable<[unknown, Tries]>, there: ReadonlySet<unknown>) => {
    for (const [key, { taken }] of tries) if (taken > 0 && !there.has(key)) found.lost.push(`${kind} ${String(key)}`)
  }
  const plans = await pool<{ version: number }[]>`SELECT version FROM plans WHERE code = 'standard'`
  told('plan', journal.plans, new Set(plans.map(plan => plan.version)))
  const overrides = await pool<{ key: string }[]>`
    SELECT order_no || ' ' || role || ' ' || associate_id AS key FROM order_overrides`
  told('override', journal.overrides, new Set(overrides.map(row => row.key)))
  const targets = await pool<{ key: string; fen: number }[]>`
    SELECT month || ' ' || subject AS key, net_sales_fen AS fen FROM targets`
  told('target', journal.targets, new Set(targets.map(row => row.key)))
  for (const { key, fen } of targets) {
    if (journal.targets.get(key)?.item['netSalesFen'] !== fen) found.changed.push(`target ${key}: ${fen}`)
  }
}

/** What may have become of one of which this was answered for. */
const AFTER: Record<string, readonly string[]> = {
  draft: ['draft'],
  approved: ['approved'],
  paid: ['paid'],
}

async function judgeSettlements(pool: Pool, url: string, journal: Journal): Promise<string[]> {
  // Gathers what is left, and clears away what died while it was gathered.
  const last = await call({ url }, 'POST', '/settlements', { cutoff: CUTOFF })
  if (last.status !== 201) return [`the last draft: ${last.status} ${await last.text()}`]
  const faults: string[] = []
  const there = await pool<{ settlementId: string; status: string }[]>`
    SELECT settlement_id AS "settlementId", status FROM settlements`
  const statuses = new Map(there.map(row => [row.settlementId, row.status]))
  for (const [settlementId, answered] of journal.settlements) {
    const status = statuses.get(settlementId)
    const isRight = answered === 'discarded' ? status === undefined : AFTER[answered]!.includes(status ?? 'gone')
    if (!isRight) faults.push(`settlement ${settlementId}: answered ${answered}, is ${status ?? 'gone'}`)
  }
  const checks = {
    'ledger rows that are in several settlements': pool`
      SELECT row_id FROM settlement_rows WHERE NOT carried GROUP BY 1 HAVING count(*) > 1`,
    'rows of settlements that are not in the ledger': pool`
      SELECT row_id FROM settlement_rows AS r
      WHERE NOT EXISTS (SELECT FROM ledger_rows AS l WHERE l.row_id = r.row_id AND l.payee = r.payee)`,
    'rows of no settlement that counts': pool`
      SELECT row_id FROM settlement_rows AS r WHERE NOT EXISTS (
        SELECT FROM settlements AS s WHERE s.settlement_id = r.settlement_id AND s.status IN ('draft', 'approved', 'paid'))`,
    'available ledger rows that no settlement took': pool`
      SELECT row_id FROM ledger_rows AS l WHERE available_at <= ${CUTOFF}::text::timestamptz
        AND payee_kind <> 'headquarters' AND NOT EXISTS (SELECT FROM settlement_rows AS r WHERE r.row_id = l.row_id)`,
    'statements that say something else than their rows': pool`
      SELECT settlement_id, payee FROM settlement_statements AS t
      LEFT JOIN (
        SELECT r.settlement_id, r.payee_kind, r.payee, count(*) AS n, sum(l.amount_fen)::bigint AS fen
        FROM settlement_rows AS r JOIN ledger_rows AS l USING (brand_id, row_id) GROUP BY 1, 2, 3
      ) AS s USING (settlement_id, payee_kind, payee)
      WHERE t.row_count <> COALESCE(s.n, 0) OR t.total_fen <> COALESCE(s.fen, 0)`,
    'payments that are not what the statement says': pool`
      SELECT settlement_id, payee FROM settlement_payments AS p
      JOIN settlement_statements AS t USING (brand_id, settlement_id, payee_kind, payee)
      WHERE p.status = 'paid' GROUP BY 1, 2, t.total_fen HAVING count(*) <> 1 OR sum(p.amount_fen) <> t.total_fen`,
  }
  for (const [what, query] of Object.entries(checks)) {
    const rows = await query
    if (rows.length > 0) faults.push(`${what}: ${rows.length}, as ${JSON.stringify(rows[0])}`)
  }
  return faults
}

/** All of it, page by page. */
async function audit(url: string): Promise<{ checkedOrders: number; differences: string[] }> {
  const differences: string[] = []
  let checkedOrders = 0
  let cursor: string | null = null
  do {
    const answer = await call(
      { url },
      'GET',
      `/audit?limit=500${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
    )
    if (!answer.ok) throw new Error(`audit: ${answer.status} ${await answer.text()}`)
    const page = (await answer.json()) as { items: unknown[]; nextCursor: string | null; checkedOrders: number }
    differences.push(...page.items.map(item => JSON.stringify(item)))
    checkedOrders += page.checkedOrders
    cursor = page.nextCursor
  } while (cursor !== null)
  return { checkedOrders, differences }
}
