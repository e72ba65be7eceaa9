import type { Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import {
  conflict,
  contentHash,
  created,
  rejected,
  unchanged,
  unknownAssociate,
  unknownStore,
  updated,
} from '../../lib/items.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import {
  createBareMembers,
  idsOf,
  veiled,
  veilOf,
  type OrderKey,
  type Take,
  type ToldId,
  type ToldOrder,
  type Veil,
} from '../evidence/service.ts'
import { normalisePhone } from '../members/domain.ts'
import { markOrdersThatWere } from '../rollups/service.ts'
import { existingAssociates, existingStores, selectAssociates } from '../stores/service.ts'
import {
  insertMissingOrders,
  insertOverride,
  insertRefunds,
  insertRevisions,
  lockOrder,
  lockOrders,
  lockRefunds,
  selectRefundRevisions,
  selectRevisionHashes,
  updateCountedRevisions,
  type OverrideRow,
  type RefundRow,
  type RevisionRow,
} from './queries.ts'
import type { OrderItem, OverrideBody, RefundItem } from './schema.ts'

export { HoldBody, OrderItem, OrderParams, OverrideBody, RefundItem } from './schema.ts'
export { insertHolds, selectLatestHolds, type HoldRow, type OverrideRow } from './queries.ts'

/** No key holds a NUL. */
const orderKey = (order: OrderKey) => `${order.source}\u0000${order.orderNo}`

/** Orders: each revision once; the highest counts, and its commission is booked before the answer. */
export const takeOrders: Take<OrderItem> = async (context, items) => {
  const { tx, brandId, now, vault } = context
  const sellingStores = items.flatMap(item => item.sellingStore ?? [])
  const closers = items.flatMap(item =>
    [item.closer, ...item.lines.map(line => line.closer)].filter(id => id !== undefined),
  )
  const [stores, associates] = await Promise.all([
    existingStores(tx, brandId, sellingStores),
    existingAssociates(tx, brandId, closers),
  ])
  const faults = items.map(item => faultOf(item, stores, associates))
  const valid = items.filter((_, i) => !faults[i])
  if (valid.length === 0) return faults.map(fault => fault!)
  const [, locked] = await Promise.all([
    createBareMembers(tx, { brandId, now, memberNos: valid.flatMap(item => item.memberNo ?? []) }),
    lockOrders(tx, { brandId, orders: distinctOrders(valid) }),
  ])
  const isKnown = new Set(locked.map(orderKey))
  const counted = new Map(locked.map(row => [orderKey(row), row.revision]))
  const hashes = new Map<string, string>()
  for (const row of await selectRevisionHashes(tx, { brandId, orders: locked })) {
    hashes.set(`${orderKey(row)}\u0000${row.revision}`, row.hash)
  }
  const added: RevisionRow[] = []
  const nowCounted = new Map<string, RevisionRow>()

  const told = items.map((item, i) => (faults[i] ? null : rowOf(item, text => vault.hash(text))))
  const ids = told.flatMap(row => (row ? [...idsOf(row, row.paidAt), ...phoneOf(row)] : []))
  const veil = await veilOf(tx, { brandId, vault, ids, memberNos: [] })

  const results = items.map((item, i) => {
    if (faults[i]) return faults[i]
    const key = `${item.source}/${item.orderNo}`
    const row = withoutErased(veil, told[i]!)
    const revisionKey = `${orderKey(row)}\u0000${row.revision}`
    const hash = hashes.get(revisionKey)
    if (hash !== undefined) {
      return hash === row.contentHashHex
        ? unchanged(key)
        : conflict(key, `Revision ${row.revision} was told before with other content.`, 'revision')
    }
    hashes.set(revisionKey, row.contentHashHex)
    const isErased = row.phoneHash !== told[i]!.phoneHash
    const phone = item.phone === undefined || isErased ? null : normalisePhone(item.phone)
    added.push({ ...row, phoneHex: phone === null ? null : vault.encrypt(phone).toString('hex') })
    const before = counted.get(orderKey(item)) ?? null
    if (before !== null && row.revision < before) return unchanged(key)
    counted.set(orderKey(item), row.revision)
    nowCounted.set(orderKey(item), row)
    return before === null ? created(key) : updated(key)
  })
  // Written before anything is read of what decides about the orders: from now on a mark waits for this transaction.
  const changed = [...nowCounted.values()].filter(row => isKnown.has(orderKey(row)))
  await Promise.all([
    insertRevisions(tx, { brandId, now, rows: added }),
    markOrdersThatWere(tx, { brandId, now, orders: changed }),
    updateCountedRevisions(tx, { brandId, rows: changed }),
  ])
  for (const row of changed) context.reconcileNow(keyOnly(row))
  for (const row of nowCounted.values()) if (!isKnown.has(orderKey(row))) context.bookNew(row)
  return results
}

const phoneOf = ({ phoneHash, paidAt, memberNo }: RevisionRow): ToldId[] =>
  phoneHash === null ? [] : [{ kind: 'phone', value: phoneHash, at: paidAt, memberNo }]

/** The revision with tombstones in the place of what was erased. */
function withoutErased(veil: Veil, row: RevisionRow): RevisionRow {
  const [phone] = phoneOf(row)
  return { ...veiled(veil, row, row.paidAt), phoneHash: (phone && veil.tombOf(phone)) ?? row.phoneHash }
}

const keyOnly = ({ source, orderNo }: OrderKey): OrderKey => ({ source, orderNo })

const distinctOrders = (orders: readonly OrderKey[]): OrderKey[] => [
  ...new Map(orders.map(order => [orderKey(order), keyOnly(order)])).values(),
]

function faultOf(item: OrderItem, stores: ReadonlySet<string>, associates: ReadonlySet<string>) {
  const key = `${item.source}/${item.orderNo}`
  if (item.channel === 'in_store' && item.sellingStore === undefined) {
    return rejected(key, 'missing_field', 'An in_store order names its sellingStore.', 'sellingStore')
  }
  if (item.sellingStore !== undefined && !stores.has(item.sellingStore)) {
    return unknownStore(key, item.sellingStore, 'sellingStore')
  }
  if (item.closer !== undefined && !associates.has(item.closer)) return unknownAssociate(key, item.closer, 'closer')
  if (item.phone !== undefined && normalisePhone(item.phone) === null) {
    return rejected(key, 'invalid_phone', 'It must be a phone number.', 'phone')
  }
  const seen = new Set<number>()
  for (const [i, line] of item.lines.entries()) {
    if (seen.has(line.lineNo)) {
      return rejected(key, 'duplicate_line', `Line ${line.lineNo} is there twice.`, `lines[${i}].lineNo`)
    }
    seen.add(line.lineNo)
    if (line.closer !== undefined && !associates.has(line.closer)) {
      return unknownAssociate(key, line.closer, `lines[${i}].closer`)
    }
  }
  return null
}

/** The revision as it is kept, in one spelling: two tellings of the same are the same bytes. */
function rowOf(item: OrderItem, hashOf: (text: string) => string): RevisionRow {
  const told: ToldOrder = {
    source: item.source,
    orderNo: item.orderNo,
    revision: item.revision ?? 1,
    channel: item.channel,
    memberNo: item.memberNo ?? null,
    unionid: item.unionid ?? null,
    openid: item.openid ?? null,
    externalUserid: item.externalUserid ?? null,
    visitorId: item.visitorId ?? null,
    phoneHash: item.phone === undefined ? null : hashOf(normalisePhone(item.phone)!),
    sellingStore: item.sellingStore ?? null,
    closer: item.closer ?? null,
    shareCode: item.shareCode ?? null,
    paidAt: parseInstant(item.paidAt)!,
    completedAt: item.completedAt === undefined ? null : parseInstant(item.completedAt),
    cancelled: item.cancelled ?? false,
    lines: [...item.lines].sort((a, b) => a.lineNo - b.lineNo),
  }
  const { paidAt, completedAt } = told
  const texts = { paidAt: formatInstant(paidAt), completedAt: completedAt === null ? null : formatInstant(completedAt) }
  return { ...told, phoneHex: null, contentHashHex: contentHash({ ...told, ...texts }).toString('hex') }
}

/** Refunds: each revision once; the highest of each refundNo counts. They may come before their order. */
export const takeRefunds: Take<RefundItem> = async (context, items) => {
  const { tx, brandId, now } = context
  // Also the orders that earlier revisions named: a refund that moves leaves its old order.
  const refunds = items.map(({ source, refundNo }) => ({ source, refundNo }))
  await lockRefunds(tx, { brandId, refunds })
  const before = await selectRefundRevisions(tx, { brandId, refunds })
  const named = distinctOrders([...items, ...before])
  await insertMissingOrders(tx, { brandId, now, orders: named })
  await lockOrders(tx, { brandId, orders: named })
  const refundKey = (refund: { source: string; refundNo: string }) => JSON.stringify([refund.source, refund.refundNo])
  const revisions = new Map<string, Map<number, { orderNo: string; hash: string }>>()
  for (const row of await selectRefundRevisions(tx, { brandId, refunds })) {
    const known = revisions.get(refundKey(row)) ?? new Map<number, { orderNo: string; hash: string }>()
    revisions.set(refundKey(row), known.set(row.revision, row))
  }
  const added: RefundRow[] = []

  const results = items.map(item => {
    const key = `${item.source}/${item.refundNo}`
    const row = refundRowOf(item)
    const known = revisions.get(refundKey(item)) ?? new Map<number, { orderNo: string; hash: string }>()
    revisions.set(refundKey(item), known)
    const same = known.get(row.revision)
    if (same) {
      return same.hash === row.contentHashHex
        ? unchanged(key)
        : conflict(key, `Revision ${row.revision} was told before with other content.`, 'revision')
    }
    const highest = Math.max(-1, ...known.keys())
    const counting = known.get(highest)
    known.set(row.revision, { orderNo: row.orderNo, hash: row.contentHashHex })
    added.push(row)
    if (row.revision < highest) return unchanged(key)
    context.reconcileNow(keyOnly(row))
    if (counting && counting.orderNo !== row.orderNo) {
      context.reconcileNow({ source: row.source, orderNo: counting.orderNo })
    }
    return counting ? updated(key) : created(key)
  })
  await insertRefunds(tx, { brandId, now, rows: added })
  return results
}

function refundRowOf(item: RefundItem): RefundRow {
  const row = {
    source: item.source,
    refundNo: item.refundNo,
    revision: item.revision ?? 1,
    orderNo: item.orderNo,
    refundedAt: formatInstant(parseInstant(item.refundedAt)!),
    // Lines of one number may come several times; in whichever sequence, it is the same refund.
    lines: [...(item.lines ?? [])].sort(
      (a, b) => a.lineNo - b.lineNo || a.refundFen - b.refundFen || a.quantity - b.quantity,
    ),
  }
  return { ...row, contentHashHex: contentHash(row).toString('hex') }
}

/** Whoever speaks of an order by hand locks it first. @throws AppError not_found */
export async function lockKnownOrder(tx: Tx, brandId: number, order: OrderKey): Promise<void> {
  const isThere = await lockOrder(tx, { brandId, ...keyOnly(order) })
  if (!isThere) throw new AppError('not_found', 'There is no such order.')
}

/**
 * Puts an associate, or nobody, into a role of an order, or gives the role back to the evidence.
 *
 * @throws AppError not_found, store_role, unknown_associate, invalid_body
 */
export async function overrideRole(
  tx: Tx,
  options: {
    brandId: number
    now: Instant
    actor: string
    body: OverrideBody
    associateRoles: readonly string[]
    storeRoles: readonly string[]
  },
): Promise<OverrideRow> {
  const { brandId, now, actor, body } = options
  if (options.storeRoles.includes(body.role)) {
    throw new AppError('store_role', 'Roles of stores and headquarters cannot be overridden.', [
      { path: 'role', code: 'store_role', message: `It must be one of ${options.associateRoles.join(', ')}.` },
    ])
  }
  if (!options.associateRoles.includes(body.role)) {
    throw new AppError('invalid_body', 'There is no such role.', [
      { path: 'role', code: 'invalid_value', message: `It must be one of ${options.associateRoles.join(', ')}.` },
    ])
  }
  if ((body.associateId === undefined) !== (body.withdraw === true)) {
    throw new AppError('invalid_body', 'Either associateId (null for nobody) or withdraw: true.', [
      { path: 'associateId', code: 'invalid_value', message: 'Give either this or withdraw: true.' },
    ])
  }
  await lockKnownOrder(tx, brandId, body)
  const [associate] =
    body.associateId == null ? [] : await selectAssociates(tx, { brandId, associateIds: [body.associateId] })
  if (body.associateId != null && !associate) {
    throw new AppError('unknown_associate', `There is no associate ${JSON.stringify(body.associateId)}.`, [
      { path: 'associateId', code: 'unknown_associate', message: 'There is no such associate.' },
    ])
  }
  const row: OverrideRow = {
    overrideId: uuidv7(now),
    role: body.role,
    associateId: body.associateId ?? null,
    withdrawn: body.withdraw === true,
    storeCode: associate?.storeCode ?? null,
    reason: body.reason,
    madeBy: actor,
    at: now,
  }
  return await insertOverride(tx, { brandId, order: keyOnly(body), row })
}
