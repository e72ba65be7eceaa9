import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { DAY_MS, dayOf, formatInstant, instantOfLocal, MINUTE_MS, type Instant } from '../../lib/time.ts'
import { loadEvidence } from '../attribution/service.ts'
import { decide, planInForce } from '../commissions/domain.ts'
import { plansOf, reachOf, zoneOf } from '../commissions/service.ts'
import { takeTurns, type OrderKey } from '../evidence/service.ts'
import {
  counterScanMinutes,
  FLOOD_CLICKS_OF_ONE_PER_HOUR,
  FLOOD_CLICKS_PER_HOUR,
  FLOOD_FOLLOWED_DAYS,
  isSoonAfter,
  keep,
  ONE_PHONE_DAYS,
  winnerOf,
  type Found,
  type FoundOrder,
  type Kept,
} from './domain.ts'
import {
  selectBrandIds,
  selectBusyLinks,
  selectFindingsAbout,
  selectFloods,
  selectOrdersBooked,
  selectOrdersByOnePhone,
  selectOrdersByOwnPhone,
  selectOrdersOfSharer,
  selectOrdersPaid,
  selectOrdersShared,
  selectSettledRefunds,
  upsertFinding,
  type FindingRow,
  type FloodRow,
  type LedgerPosition,
  type LedgerRow,
  type PhoneRow,
} from './queries.ts'

/**
 * The rules, run over what changed. Findings are only ever added to, so whoever scans the same again, or at the same
 * moment, changes nothing.
 */

interface Scan {
  brandId: number
  now: Instant
}

/** Small, so that memory stays the same however much is scanned. */
const ORDERS_PER_BATCH = 200
const ROWS_PER_PAGE = 1000

/** A booking may be committed so long after the instant that it carries. */
const LOOK_BACK_MS = 10 * MINUTE_MS

/** When a worker begins, it does not know what was scanned last. */
const FIRST_LOOK_BACK_MS = DAY_MS

/**
 * Something that scans all brands whenever it is called: what was booked, and clicked, since it was called last. What
 * earns money is booked when it does, also where the evidence came late, so nothing need be remembered but the instant.
 */
export function buildRiskScanner(pool: Pool) {
  const scannedAt = new Map<number, Instant>()
  return async (now: Instant, isStopped: () => boolean): Promise<void> => {
    for (const brandId of await selectBrandIds(pool)) {
      const from = (scannedAt.get(brandId) ?? now - FIRST_LOOK_BACK_MS) - LOOK_BACK_MS
      await scanSince(pool, { brandId, now, from, isStopped })
      if (isStopped()) return
      scannedAt.set(brandId, now)
    }
  }
}

async function scanSince(pool: Pool, options: Scan & { from: Instant; isStopped: () => boolean }): Promise<void> {
  const { brandId, now, from, isStopped } = options
  const scan = { brandId, now }
  await scanClicks(pool, { ...scan, from, to: now })
  await scanOwnPhones(pool, { ...scan, from: 0, to: now + DAY_MS })
  let after: LedgerPosition | null = null
  do {
    const rows: LedgerRow[] = await selectOrdersBooked(pool, { brandId, from, after, limit: ROWS_PER_PAGE })
    const orders = distinctOrders(rows)
    for (let i = 0; i < orders.length && !isStopped(); i += ORDERS_PER_BATCH) {
      await scanOrders(pool, { ...scan, orders: orders.slice(i, i + ORDERS_PER_BATCH) })
    }
    const last = rows.at(-1)
    after = last && rows.length === ROWS_PER_PAGE ? { bookedAt: formatInstant(last.bookedAt), rowId: last.rowId } : null
  } while (after !== null && !isStopped())
}

const distinctOrders = (rows: readonly OrderKey[]): OrderKey[] => [
  ...new Map(
    rows.map(({ source, orderNo }) => [JSON.stringify([source, orderNo]), { source, orderNo }] as const),
  ).values(),
]

/** How long one call may scan before it says how far it came. */
const CALL_MS = 20_000

/**
 * Scans what was paid, and clicked, in a span; as far as one call goes.
 *
 * @returns up to when all is scanned: `to`, or where to go on
 */
export async function scanSpan(
  pool: Pool,
  options: { brandId: number; from: Instant; to: Instant; clock: () => Instant },
): Promise<{ scannedOrders: number; changedFindings: number; scannedTo: Instant }> {
  const { brandId, from, to, clock } = options
  const scan = { brandId, now: clock() }
  let changedFindings = await scanOwnPhones(pool, { ...scan, from, to })
  let scannedOrders = 0
  for (let day = from; day < to; day += DAY_MS) {
    const span = { from: day, to: Math.min(day + DAY_MS, to) }
    changedFindings += await scanClicks(pool, { ...scan, ...span })
    let after: Placed | null = null
    do {
      const limit = ORDERS_PER_BATCH
      const orders: Placed[] = await selectOrdersPaid(pool, { brandId, ...span, after, limit })
      changedFindings += await scanOrders(pool, { ...scan, orders })
      scannedOrders += orders.length
      after = orders.length < limit ? null : orders.at(-1)!
      if (clock() - scan.now >= CALL_MS) {
        return { scannedOrders, changedFindings, scannedTo: after?.paidAt ?? span.to }
      }
    } while (after !== null)
  }
  return { scannedOrders, changedFindings, scannedTo: to }
}

interface Placed extends OrderKey {
  paidAt: Instant
}

// ---------------------------------------------------------------------------------------------------- rules

/** Links that were flooded, and the orders that they won since. */
async function scanClicks(pool: Pool, scan: Scan & { from: Instant; to: Instant }): Promise<number> {
  const { brandId, from, to } = scan
  const zone = await zoneOf(pool, brandId)
  const floods = await selectBusyLinks(pool, {
    brandId,
    from,
    to,
    zone,
    clicks: FLOOD_CLICKS_PER_HOUR,
    clicksOfOne: FLOOD_CLICKS_OF_ONE_PER_HOUR,
  })
  let changed = await keepAll(
    pool,
    scan,
    floods.map(flood => foundFlood(flood, [])),
  )
  for (const { associateId, day } of floods) {
    const orders = await selectOrdersOfSharer(pool, {
      brandId,
      associateId,
      from: instantOfLocal(Date.parse(`${day}T00:00:00Z`), zone),
      limit: ROWS_PER_PAGE,
    })
    for (let i = 0; i < orders.length; i += ORDERS_PER_BATCH) {
      changed += await scanOrders(pool, { ...scan, orders: orders.slice(i, i + ORDERS_PER_BATCH) })
    }
  }
  return changed
}

function foundFlood(flood: FloodRow, orders: readonly FoundOrder[]): Found {
  const { linkCode, day, associateId, storeCode, clicksPerHour, clicksOfOnePerHour } = flood
  return {
    kind: 'click_flood',
    about: [linkCode, day],
    associateId,
    storeCode,
    facts: { linkCode, day, clicksPerHour, clicksOfOnePerHour },
    orders,
  }
}

/** Orders whose buyer has the phone of an associate who earns on them. */
async function scanOwnPhones(pool: Pool, scan: Scan & { from: Instant; to: Instant }): Promise<number> {
  const rows = await selectOrdersByOwnPhone(pool, scan)
  return await keepAll(
    pool,
    scan,
    rows.map((row): Found => {
      const { associateId, storeCode, buyer } = row
      const facts = { phoneOf: 'associate', memberNo: buyer }
      const about = ['own', associateId, buyer ?? '']
      return { kind: 'shared_phone', about, associateId, storeCode, facts, orders: [phoneOrder(row)] }
    }),
  )
}

const phoneOrder = ({ source, orderNo, paidAt, roles, associateId, buyer }: PhoneRow): FoundOrder => ({
  source,
  orderNo,
  paidAt: formatInstant(paidAt),
  concerned: roles.map(role => ({ role, associateId })),
  facts: { memberNo: buyer },
})

/** The rules that look at orders one by one. */
async function scanOrders(pool: Pool, scan: Scan & { orders: readonly OrderKey[] }): Promise<number> {
  if (scan.orders.length === 0) return 0
  const found = [
    ...(await findByTouches(pool, scan)),
    ...(await findByOnePhone(pool, scan)),
    ...(await findRefunds(pool, scan)),
  ]
  return await keepAll(pool, scan, found)
}

/** Orders that a scan at the counter won, or a flooded link: decided anew, since only the decision says who won. */
async function findByTouches(db: Db, { brandId, now, orders }: Scan & { orders: readonly OrderKey[] }) {
  const [floods, plans, zone] = await Promise.all([
    selectFloods(db, { brandId, from: now - FLOOD_FOLLOWED_DAYS * DAY_MS }),
    plansOf(db, brandId),
    zoneOf(db, brandId),
  ])
  const sharers = [...new Set(floods.map(flood => flood.associateId))]
  const shared = await selectOrdersShared(db, { brandId, orders, sharers })
  if (shared.length === 0) return []
  const loaded = await loadEvidence(db, {
    brandId,
    orders: shared,
    reach: reachOf(plans),
    lock: false,
  })
  return loaded.orders.flatMap(({ evidence }): Found[] => {
    const { order } = evidence
    const judged = { evidence, decision: decide(evidence, planInForce(plans, order.paidAt)) }
    const winner = winnerOf(judged)
    if (winner?.associateId == null) return []
    const { associateId, linkCode } = winner
    const touchedAt = formatInstant(winner.at)
    const foundOrder = (facts: Record<string, unknown>): FoundOrder => ({
      source: order.source,
      orderNo: order.orderNo,
      paidAt: formatInstant(order.paidAt),
      concerned: [{ role: 'sharer', associateId }],
      facts: { linkCode, touchedAt, ...facts },
    })
    const minutes = counterScanMinutes(judged)
    const storeCode = order.sellingStore ?? null
    const flood = floods.find(one => one.linkCode === linkCode && one.day === dayOf(winner.at, zone))
    return [
      ...(minutes === null
        ? []
        : [
            {
              kind: 'counter_scan' as const,
              about: [associateId, storeCode ?? ''],
              associateId,
              storeCode,
              facts: {},
              orders: [foundOrder({ minutesBefore: minutes })],
            },
          ]),
      ...(flood ? [foundFlood(flood, [foundOrder({})])] : []),
    ]
  })
}

/** Members with one phone on whom one associate earns. The phone tells them apart; it is kept in the key alone. */
async function findByOnePhone(db: Db, { brandId, orders }: Scan & { orders: readonly OrderKey[] }): Promise<Found[]> {
  const rows = await selectOrdersByOnePhone(db, { brandId, orders, days: ONE_PHONE_DAYS })
  return rows.map(row => {
    const { associateId, storeCode, phoneHash } = row
    const facts = { phoneOf: 'members' }
    const about = ['members', associateId, phoneHash]
    return { kind: 'shared_phone', about, associateId, storeCode, facts, orders: [phoneOrder(row)] }
  })
}

async function findRefunds(db: Db, { brandId, orders }: Scan & { orders: readonly OrderKey[] }): Promise<Found[]> {
  const rows = await selectSettledRefunds(db, { brandId, orders })
  return rows
    .filter(row => isSoonAfter(row.refundedAt, row.approvedAt))
    .map(row => {
      const { source, orderNo, refundNo, refundFen, settlementId } = row
      const refundedAt = formatInstant(row.refundedAt)
      const approvedAt = formatInstant(row.approvedAt)
      const facts = { refundNo, refundFen, refundedAt, settlementId, approvedAt }
      return {
        kind: 'refund_after_settlement',
        about: [source, orderNo],
        associateId: row.paid.length === 1 ? row.paid[0]!.associateId : null,
        storeCode: row.sellingStore,
        facts,
        orders: [{ source, orderNo, paidAt: formatInstant(row.paidAt), concerned: row.paid, facts: {} }],
      }
    })
}

// -------------------------------------------------------------------------------------------------- keeping

/** @returns how many findings that are shown are new or changed */
async function keepAll(pool: Pool, scan: Scan, found: readonly Found[]): Promise<number> {
  const things = together(found)
  let changed = 0
  for (let i = 0; i < things.length; i += THINGS_PER_TRANSACTION) {
    changed += await transact(pool, async tx => {
      await takeTurns(tx, scan.brandId, 'risks')
      let changed = 0
      for (const one of things.slice(i, i + THINGS_PER_TRANSACTION)) changed += await keepOne(tx, scan, one)
      return changed
    })
  }
  return changed
}

/** Few, so that no booking waits for the transaction to end. */
const THINGS_PER_TRANSACTION = 50

/** What was found about one thing, as one. */
function together(found: readonly Found[]): Found[] {
  const things = new Map<string, Found>()
  for (const one of found) {
    const key = JSON.stringify([one.kind, one.about])
    const before = things.get(key)
    const orders = before
      ? [...before.orders, ...one.orders.filter(order => !before.orders.some(other => isSameOrder(order, other)))]
      : one.orders
    things.set(key, { ...(before ?? one), orders })
  }
  return [...things.values()]
}

const isSameOrder = (a: OrderKey, b: OrderKey) => a.source === b.source && a.orderNo === b.orderNo

async function keepOne(tx: Tx, { brandId, now }: Scan, found: Found): Promise<number> {
  const about = JSON.stringify(found.about)
  const rows = await selectFindingsAbout(tx, { brandId, kind: found.kind, about })
  const rounds = new Map(rows.map(row => [keptOf(row).round, row]))
  const kept = [...rounds].sort(([a], [b]) => a - b).map(([, row]) => keptOf(row))
  const changed = keep(kept, found)
  for (const { round, status, facts, orders } of changed) {
    const before = rounds.get(round)
    const [only] = found.kind === 'refund_after_settlement' ? orders : []
    await upsertFinding(tx, {
      brandId,
      row: {
        findingId: before?.findingId ?? uuidv7(now),
        kind: found.kind,
        key: `${about}#${round}`,
        source: only?.source ?? null,
        orderNo: only?.orderNo ?? null,
        associateId: found.associateId,
        storeCode: found.storeCode,
        details: { ...facts, orders: [...orders] },
        foundAt: before?.status === status ? before.foundAt : now,
        status,
      },
    })
  }
  return changed.filter(round => round.status !== 'watched').length
}

function keptOf({ key, status, details }: FindingRow): Kept {
  const { orders, ...facts } = details
  return { round: Number(key.slice(key.lastIndexOf('#') + 1)), status, facts, orders }
}
