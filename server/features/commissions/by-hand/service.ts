import { transact, type Pool, type Tx } from '../../../database.ts'
import { uuidv7 } from '../../../lib/ids.ts'
import type { Fen } from '../../../lib/money.ts'
import { formatInstant, type Instant } from '../../../lib/time.ts'
import { insertActivity } from '../../activity/service.ts'
import { ASSOCIATE_ROLES, STORE_ROLES } from '../../attribution/domain.ts'
import type { BookingReason, OrderKey } from '../../evidence/service.ts'
import {
  insertHolds,
  lockKnownOrder,
  overrideRole,
  selectLatestHolds,
  type HoldBody,
  type HoldRow,
  type OverrideBody,
  type OverrideRow,
} from '../../orders/service.ts'
import { lockOrders, preparePartitions, reconcile } from '../service.ts'
import { selectOwedToAssociates, type Owed } from './queries.ts'

/** What people decide about orders: evidence like any other, booked in the transaction that takes it. */

interface ByHand {
  brandId: number
  actor: string
  now: Instant
}

/** A transaction that books: partitions of the ledger cannot be made inside of it. */
export async function transactBooking<T>(pool: Pool, now: Instant, work: (tx: Tx) => Promise<T>): Promise<T> {
  await preparePartitions(pool, 'ledger_rows', [now])
  return await transact(pool, work)
}

/** Takes what was decided about orders, and books them. They are locked from before until the transaction ends. */
async function bookAfter<T>(
  tx: Tx,
  options: ByHand & { orders: readonly OrderKey[]; reason: BookingReason },
  take: () => Promise<T>,
): Promise<T> {
  await lockOrders(tx, options)
  const taken = await take()
  await reconcile(tx, options)
  return taken
}

/**
 * Puts associates, or nobody, into roles of orders, or gives roles back to the evidence.
 *
 * @throws AppError not_found, store_role, unknown_associate, invalid_body
 */
export async function overrideRoles(
  tx: Tx,
  options: ByHand & { overrides: readonly OverrideBody[] },
): Promise<OverrideRow[]> {
  const { overrides, ...byHand } = options
  return await bookAfter(tx, { ...byHand, orders: overrides, reason: 'override' }, async () => {
    const rows: OverrideRow[] = []
    for (const body of overrides) {
      const roles = { associateRoles: ASSOCIATE_ROLES, storeRoles: [...STORE_ROLES, 'headquarters'] }
      rows.push(await overrideRole(tx, { ...byHand, body, ...roles }))
    }
    return rows
  })
}

/**
 * Puts orders on hold, or releases them.
 *
 * @returns what was told; an order that is so already is left out, and so is one that is not there
 */
export async function holdOrders(
  tx: Tx,
  options: ByHand & { orders: readonly OrderKey[]; holdId: string; held: boolean; reason: string },
): Promise<HoldRow[]> {
  const { orders, holdId, held, reason, ...byHand } = options
  if (orders.length === 0) return []
  return await bookAfter(tx, { ...byHand, orders, reason: 'evidence' }, () =>
    insertHolds(tx, {
      brandId: byHand.brandId,
      orders,
      row: { holdId, held, reason, madeBy: byHand.actor, at: byHand.now },
    }),
  )
}

/** An amount of one associate, and the orders that it is made of. */
export interface Part {
  associateId: string
  amountFen: Fen
  orders: OrderKey[]
}

/**
 * By how much a decision changes what associates are owed for orders. Evidence that waits is booked before it, under
 * its own reason, so that the difference is the decision's own.
 */
export async function changesBy<T>(
  tx: Tx,
  options: ByHand & { orders: readonly OrderKey[] },
  decide: () => Promise<T>,
): Promise<{ decided: T; changes: Part[] }> {
  await reconcile(tx, { ...options, reason: 'evidence' })
  const before = await selectOwedToAssociates(tx, options)
  const decided = await decide()
  const after = await selectOwedToAssociates(tx, options)
  return { decided, changes: partsOf([...before.map(row => ({ ...row, amountFen: -row.amountFen })), ...after]) }
}

/** What orders owe each associate, as booked. */
export async function owedToAssociates(
  tx: Tx,
  options: { brandId: number; orders: readonly OrderKey[] },
): Promise<Part[]> {
  return partsOf(await selectOwedToAssociates(tx, options))
}

/** Sums by associate; orders and associates for which they come to 0 are left out. */
function partsOf(rows: readonly Owed[]): Part[] {
  const byOrder = new Map<string, Owed>()
  for (const row of rows) {
    const key = JSON.stringify([row.associateId, row.source, row.orderNo])
    byOrder.set(key, { ...row, amountFen: (byOrder.get(key)?.amountFen ?? 0) + row.amountFen })
  }
  const parts = new Map<string, Part>()
  for (const { associateId, source, orderNo, amountFen } of byOrder.values()) {
    if (amountFen === 0) continue
    const part = parts.get(associateId) ?? { associateId, amountFen: 0, orders: [] }
    part.amountFen += amountFen
    part.orders.push({ source, orderNo })
    parts.set(associateId, part)
  }
  return [...parts.values()].filter(part => part.amountFen !== 0)
}

const subjectOf = ({ source, orderNo }: OrderKey) => `orders/${source}/${orderNo}`

/** A role of an order, decided by headquarters. @throws AppError not_found, store_role, unknown_associate, invalid_body */
export async function overrideOrder(pool: Pool, options: ByHand & { body: OverrideBody }) {
  const { body, ...byHand } = options
  const [row] = await transactBooking(pool, byHand.now, async tx => {
    const rows = await overrideRoles(tx, { ...byHand, overrides: [body] })
    const { overrideId, role, associateId, withdrawn, reason } = rows[0]!
    const details = { overrideId, role, associateId, withdrawn, reason }
    await insertActivity(tx, { ...byHand, action: 'order.overridden', subject: subjectOf(body), details })
    return rows
  })
  return {
    overrideId: row!.overrideId,
    source: body.source,
    orderNo: body.orderNo,
    role: row!.role,
    associateId: row!.associateId,
    withdrawn: row!.withdrawn,
    reason: row!.reason,
    madeBy: row!.madeBy,
    at: formatInstant(row!.at),
  }
}

/** A hold of an order, as it is told. All but the order and `held` is null where it never was on hold. */
export interface Hold extends OrderKey {
  held: boolean
  holdId: string | null
  reason: string | null
  madeBy: string | null
  at: string | null
}

/** Puts an order on hold, or releases it; `isNew` unless it was so already. @throws AppError not_found */
export async function holdOrder(
  pool: Pool,
  options: ByHand & { body: HoldBody },
): Promise<{ isNew: boolean; hold: Hold }> {
  const { body, ...byHand } = options
  const { brandId, now } = byHand
  const { source, orderNo, held, reason } = body
  const order = { source, orderNo }
  return await transactBooking(pool, now, async tx => {
    await lockKnownOrder(tx, brandId, order)
    const told = await holdOrders(tx, { ...byHand, orders: [order], holdId: uuidv7(now), held, reason })
    const [row] = told.length > 0 ? told : await selectLatestHolds(tx, { brandId, orders: [order] })
    if (told.length > 0) {
      const action = held ? 'order.held' : 'order.released'
      await insertActivity(tx, { ...byHand, action, subject: subjectOf(order), details: { reason } })
    }
    const nothing = { ...order, held, holdId: null, reason: null, madeBy: null, at: null }
    return { isNew: told.length > 0, hold: row ? { ...row, at: formatInstant(row.at) } : nothing }
  })
}
