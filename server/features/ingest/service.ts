import type { TSchema } from 'typebox'
import { keepPlans, transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { rejected, withoutNulls, type ItemError, type ItemResult } from '../../lib/items.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { inPages, localTime, type SheetFormat, type Table } from '../../lib/sheets.ts'
import { DAY_MS, dayOf, formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import { withoutPhones } from '../../lib/phones.ts'
import { compileCheck, type ValueFault } from '../../lib/validate.ts'
import type { Vault } from '../../lib/vault.ts'
import { insertActivity } from '../activity/service.ts'
import { takeOpeningBalances, OpeningBalanceItem } from '../adjustments/service.ts'
import type { Caller } from '../auth/domain.ts'
import { markMonths, markRewards, preparePartitions, reconcile } from '../commissions/service.ts'
import {
  takeCouponEvents,
  takeCoupons,
  takeGroups,
  takeProducts,
  takeTargets,
  CouponEventItem,
  CouponItem,
  GroupItem,
  ProductItem,
  TargetItem,
} from '../content/service.ts'
import {
  insertBindingMarks,
  insertMarks,
  IMPORTER,
  type BindingMark,
  type BookingReason,
  type Mark,
  type OrderKey,
  type RewardMark,
  type Take,
  type TakeContext,
  type ToldOrder,
} from '../evidence/service.ts'
import { takeFriendEvents, FriendEventItem } from '../friends/service.ts'
import {
  takeIdentities,
  takeMemberAssignments,
  takeMemberMerges,
  takeMembers,
  IdentityItem,
  MemberAssignmentItem,
  MemberItem,
  MemberMergeItem,
} from '../members/service.ts'
import { takeOrders, takeRefunds, OrderItem, RefundItem } from '../orders/service.ts'
import { takeShareLinks, ShareLinkItem } from '../share-links/service.ts'
import { takeAssociates, takeStores, AssociateItem, StoreItem } from '../stores/service.ts'
import { takeTaskEvents, TaskEventItem } from '../tasks/service.ts'
import { takeTouches, TouchItem } from '../touches/service.ts'
import { maskedFieldsOf, maskItem, maskPhones, stillMasked } from './domain.ts'
import { buildGroups } from './groups.ts'
import type { IntakeMeter } from './intake.ts'
import {
  deleteOldIntake,
  deleteOldRejects,
  insertRejects,
  selectBrandIds,
  selectIntake,
  selectRejects,
  updateResent,
  type KeptReject,
} from './queries.ts'
import type { Intake, Reject, RejectQuery, ResendBody } from './schema.ts'

export { buildIntakeMeter, type IntakeMeter } from './intake.ts'

/** What comes in, by the name of its call. */
interface IngestKind {
  schema: TSchema
  take: Take<never>
  /** In orders, refunds, touches, identities and events null equals absent; elsewhere it clears. */
  isNullAbsent: boolean
  /** Under which item field its key is, for items that are refused before they are looked at. */
  keyFields: readonly string[]
  reason: BookingReason
  check: (item: unknown) => ValueFault[]
}

const kind = (
  schema: TSchema,
  take: Take<never>,
  keyFields: readonly string[],
  isNullAbsent = false,
  reason: BookingReason = 'evidence',
): IngestKind => ({ schema, take, keyFields, isNullAbsent, reason, check: compileCheck(schema) })

export const INGEST_KINDS = {
  stores: kind(StoreItem, takeStores, ['storeCode']),
  associates: kind(AssociateItem, takeAssociates, ['associateId']),
  members: kind(MemberItem, takeMembers, ['memberNo']),
  'member-merges': kind(MemberMergeItem, takeMemberMerges, ['memberNo', 'at']),
  products: kind(ProductItem, takeProducts, ['sku']),
  coupons: kind(CouponItem, takeCoupons, ['couponCode']),
  'coupon-events': kind(CouponEventItem, takeCouponEvents, ['eventId'], true),
  targets: kind(TargetItem, takeTargets, ['month', 'storeCode']),
  groups: kind(GroupItem, takeGroups, ['chatId']),
  identities: kind(IdentityItem, takeIdentities, ['kind', 'value', 'at'], true),
  'member-assignments': kind(MemberAssignmentItem, takeMemberAssignments, ['memberNo', 'from']),
  'share-links': kind(ShareLinkItem, takeShareLinks, ['linkCode']),
  touches: kind(TouchItem, takeTouches, ['touchId'], true),
  orders: kind(OrderItem, takeOrders, ['source', 'orderNo'], true, 'sale'),
  refunds: kind(RefundItem, takeRefunds, ['source', 'refundNo'], true, 'refund'),
  'friend-events': kind(FriendEventItem, takeFriendEvents, ['associateId', 'externalUserid', 'kind', 'at'], true),
  'task-events': kind(TaskEventItem, takeTaskEvents, ['taskId', 'kind', 'at'], true),
  'opening-balances': kind(OpeningBalanceItem, takeOpeningBalances, ['balanceNo']),
} as const satisfies Record<string, IngestKind>

export type IngestKindName = keyof typeof INGEST_KINDS

export const ITEMS_MAX = 1000

export interface IngestDependencies {
  pool: Pool
  vault: Vault
  publicUrl: string
  /** Counts what comes in, for people to see. */
  intake?: IntakeMeter
  now: () => Instant
}

/** What is sent, and by whom. */
interface Sender {
  kind: IngestKindName
  brandId: number
  actor: string
  /** Tells two senders of one name apart. */
  callerId: string
}

/** A batch as it was sent, each item looked at. */
interface Batch extends Sender {
  items: readonly unknown[]
  /** Of each item why it is refused before the database is asked; null where it is not. */
  faults: readonly (ItemResult | null)[]
  valid: readonly object[]
}

/**
 * Takes a batch of items of one kind. Each stands alone: a bad one rejects itself, the others are taken. All that was
 * taken, and what follows from it for orders of the batch, is durable when this returns.
 *
 * @throws AppError not_an_array, empty_batch, too_many_items: nothing is taken then
 */
export async function ingest(
  dependencies: IngestDependencies,
  options: Sender & { items: unknown },
): Promise<ItemResult[]> {
  const [answered] = await takeBatches(dependencies, [batchOf(options)])
  return answered!
}

/** More items than this are not taken in one transaction, unless they came together. */
const GROUP_ITEMS_MAX = 200

/**
 * As `ingest`; batches of one sender and kind that come while others are under way share a transaction, and are answered
 * as if each had come after the one before.
 */
export function buildIngest(dependencies: IngestDependencies) {
  const take = buildGroups<Batch, ItemResult[]>({
    work: batches => takeBatches(dependencies, batches),
    most: GROUP_ITEMS_MAX,
  })
  return async (options: Sender & { items: unknown }): Promise<ItemResult[]> => {
    const batch = batchOf(options)
    const { kind: kindName, brandId, actor, callerId } = batch
    return await take(JSON.stringify([brandId, kindName, actor, callerId]), batch, batch.items.length)
  }
}

/** Takes batches of one sender and kind, one after the other, in one transaction. */
async function takeBatches(dependencies: IngestDependencies, batches: readonly Batch[]): Promise<ItemResult[][]> {
  const { pool, vault, publicUrl, intake } = dependencies
  const { kind: kindName, brandId, actor, callerId } = batches[0]!
  const sender = { kind: kindName, brandId, actor, callerId }
  const valid = batches.flatMap(batch => batch.valid)
  const now = dependencies.now()
  if (valid.length > 0) await preparePlace(pool, kindName, valid, now)

  const answered = await transact(pool, async tx => {
    const takeValid = () => takeItems(tx, { ...sender, vault, publicUrl, items: valid, now })
    const [, taken] = valid.length === 0 ? [null, []] : await Promise.all([keepPlans(tx), takeValid()])
    let next = 0
    const results = batches.map(({ faults }) => faults.map(fault => shownResult(fault ?? taken[next++]!)))
    const rows = batches.flatMap(({ items }, i) => rejectsOf(kindName, { items, results: results[i]!, now }))
    await insertRejects(tx, { brandId, now, actor, rows })
    return results
  })
  for (const [i, { items }] of batches.entries()) {
    intake?.count({ brandId, kind: kindName, actor, items, results: answered[i]!, now })
  }
  return answered
}

const shownError = ({ code, message, field }: ItemError): ItemError => ({
  code,
  message: withoutPhones(message),
  ...(field === undefined ? {} : { field: withoutPhones(field) }),
})

/** What is said of an item repeats no phone number that was typed where none belongs. */
const shownResult = (result: ItemResult): ItemResult =>
  result.error ? { ...result, error: shownError(result.error) } : result

/** Of a batch what was refused, as it is kept. */
function rejectsOf(
  kindName: IngestKindName,
  { items, results, now }: { items: readonly unknown[]; results: readonly ItemResult[]; now: Instant },
) {
  return results.flatMap((result, position) => {
    if (!result.error) return []
    // Of somebody who was erased nothing is kept, and nothing of what was refused.
    const isErased = result.error.code === 'member_erased'
    const item = isErased ? {} : maskItem(items[position])
    return {
      rejectId: uuidv7(now),
      kind: kindName,
      itemKey: result.key === null || isErased ? null : maskPhones(result.key.slice(0, 512)),
      item,
      code: result.error.code,
      message: maskPhones(result.error.message),
      field: result.error.field === undefined ? null : maskPhones(result.error.field),
      position,
      maskedFields: isErased ? [''] : maskedFieldsOf(items[position], item).map(maskPhones),
    }
  })
}

/** The partitions that items are about to be written to. */
async function preparePlace(pool: Pool, kindName: IngestKindName, items: readonly unknown[], now: Instant) {
  await preparePartitions(pool, 'ledger_rows', [now])
  if (kindName !== 'touches') return
  const instants = items.map(item => parseInstant((item as TouchItem).at)!)
  await preparePartitions(pool, 'touches', instants)
}

/**
 * Takes items that were looked at before, with all that follows from them, in the caller's transaction: for a use case
 * that makes evidence itself, and must not be there without it.
 *
 * @returns what became of each; one that is refused does not stop the others
 */
export async function takeItems(
  tx: Tx,
  options: Pick<IngestDependencies, 'vault' | 'publicUrl'> & Sender & { items: readonly object[]; now: Instant },
): Promise<ItemResult[]> {
  const { brandId, actor, callerId, vault, publicUrl, now } = options
  const definition = INGEST_KINDS[options.kind]
  const marks: Mark[] = []
  const bindings: BindingMark[] = []
  const rewards: RewardMark[] = []
  const months: { associateId: string; month: string }[] = []
  const toReconcile = new Map<string, OrderKey>()
  const told: ToldOrder[] = []
  const context: TakeContext = {
    tx,
    brandId,
    now,
    actor,
    callerId,
    vault,
    publicUrl,
    mark: mark => marks.push(mark),
    bind: mark => bindings.push(mark),
    reward: mark => rewards.push(mark),
    month: key => months.push(key),
    reconcileNow: order => toReconcile.set(JSON.stringify([order.source, order.orderNo]), order),
    bookNew: order => told.push(order),
  }
  const taken = await definition.take(context, options.items as never[])
  await reconcile(tx, {
    brandId,
    orders: [...toReconcile.values()],
    told,
    reason: definition.reason,
    now,
    isImported: actor === IMPORTER,
  })
  await insertMarks(tx, { brandId, marks, reason: definition.reason, now })
  await insertBindingMarks(tx, { brandId, marks: bindings, now })
  await markMonths(tx, { brandId, months, now })
  await markRewards(tx, { brandId, marks: rewards, now })
  return taken
}

/** Looks at one item as `ingest` would, without the database: shape only. */
export function checkIngestItem(kindName: IngestKindName, item: unknown): ItemResult | null {
  const definition = INGEST_KINDS[kindName]
  return checkItem(definition, definition.isNullAbsent ? withoutNulls(item) : item)
}

function batchOf({ items, ...sender }: Sender & { items: unknown }): Batch {
  if (!Array.isArray(items)) throw new AppError('not_an_array', 'The body must be a JSON array of items.')
  if (items.length === 0) throw new AppError('empty_batch', 'The array must hold at least one item.')
  if (items.length > ITEMS_MAX) {
    throw new AppError('too_many_items', `The array may hold ${ITEMS_MAX} items at most; it holds ${items.length}.`)
  }
  const definition = INGEST_KINDS[sender.kind]
  const plain = items.map(item => (definition.isNullAbsent ? withoutNulls(item) : (item as unknown)))
  const faults = plain.map(item => checkItem(definition, item))
  return { ...sender, items, faults, valid: plain.filter((_, i) => !faults[i]) as object[] }
}

function checkItem(definition: IngestKind, item: unknown): ItemResult | null {
  const [fault] = definition.check(item)
  if (!fault) return null
  const message = fault.path === '' ? fault.message : `${fault.path}: ${fault.message}`
  return rejected(keyOf(definition, item), fault.code, message, fault.path === '' ? undefined : fault.path)
}

/** The key as far as a wrong item has one. */
function keyOf({ keyFields }: IngestKind, item: unknown): string | null {
  if (item === null || typeof item !== 'object') return null
  const parts = keyFields.map(field => (item as Record<string, unknown>)[field])
  if (!parts.every(part => typeof part === 'string')) return null
  return parts.join('/').toWellFormed().replaceAll('\u0000', '').slice(0, 512)
}

const filterOf = (brandId: number, query: Omit<RejectQuery, 'limit' | 'cursor'>) => ({
  brandId,
  kind: query.kind ?? null,
  code: query.code ?? null,
  sentBy: query.sentBy ?? null,
  resent: query.resent ?? null,
  from: query.from === undefined ? null : parseInstant(query.from),
  to: query.to === undefined ? null : parseInstant(query.to),
})

const shownReject = ({ rejectedAt, resentAt, ...row }: KeptReject): Reject => ({
  ...row,
  rejectedAt: formatInstant(rejectedAt),
  resentAt: resentAt === null ? null : formatInstant(resentAt),
})

/** Rejected items, newest first. @throws AppError malformed_cursor */
export async function listRejects(db: Db, brandId: number, query: RejectQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const position = query.cursor === undefined ? null : decodeCursor(query.cursor, ['instant', 'uuid'])
  if (query.cursor !== undefined && !position) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectRejects(db, {
    ...filterOf(brandId, query),
    after: position ? { rejectedAt: String(position[0]), rejectId: String(position[1]) } : null,
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [formatInstant(row.rejectedAt), row.rejectId], shownReject)
}

/** The same as a file, the whole of it. Written down: it leaves the service. */
export async function exportRejects(
  pool: Pool,
  options: { caller: Caller; query: RejectQuery; format: SheetFormat; now: Instant },
): Promise<Table<KeptReject>> {
  const { caller, query, format, now } = options
  const { brandId, zone, actor } = caller
  const { limit: _limit, cursor: _cursor, ...filter } = query
  const details = { format, ...filter }
  await insertActivity(pool, { brandId, now, actor, action: 'rejects.exported', subject: 'rejected-items', details })
  const time = localTime(zone)
  return {
    name: 'rejected-items',
    columns: [
      { title: '时间', text: row => time(row.rejectedAt) },
      { title: '种类', text: row => row.kind },
      { title: '主键', text: row => row.itemKey },
      { title: '发送方', text: row => row.sentBy },
      { title: '原因', text: row => row.code },
      { title: '字段', text: row => row.field },
      { title: '说明', text: row => row.message },
      { title: '内容（已脱敏）', text: row => JSON.stringify(row.item) },
      { title: '已重新发送', text: row => (row.resentAt === null ? null : time(row.resentAt)) },
    ],
    rows: inPages((after, rowsMax) =>
      selectRejects(pool, {
        ...filterOf(brandId, query),
        after: after && { rejectedAt: formatInstant(after.rejectedAt), rejectId: after.rejectId },
        limit: rowsMax,
      }),
    ),
  }
}

/** @throws AppError not_found */
export async function getReject(db: Db, brandId: number, rejectId: string): Promise<Reject> {
  const [row] = await selectRejects(db, { ...filterOf(brandId, {}), rejectId, after: null, limit: 1 })
  if (!row) throw new AppError('not_found', 'There is no such item.')
  return shownReject(row)
}

/**
 * Sends a rejected item again, corrected or as it was. What was masked is gone, and has to be given anew. Refused again,
 * nothing changes.
 *
 * @throws AppError not_found, reject.masked
 */
export async function resendReject(
  { pool, vault, publicUrl, now: clock }: IngestDependencies,
  { caller, rejectId, body }: { caller: Caller; rejectId: string; body: ResendBody },
): Promise<ItemResult> {
  const { brandId, actor, id: callerId } = caller
  const reject = await getReject(pool, brandId, rejectId)
  const kindName = reject.kind as IngestKindName
  const masked = reject.maskedFields ?? ['']
  const missing = body.item === undefined ? masked : stillMasked(body.item, reject.item, masked)
  if (missing.length > 0) {
    const faults = missing.map(path => ({ path, code: 'masked', message: 'This was masked; give it anew.' }))
    throw new AppError('reject.masked', 'Part of the item was masked and is not kept; give it anew.', faults)
  }
  const definition = INGEST_KINDS[kindName]
  const told = body.item ?? reject.item
  const item = definition.isNullAbsent ? withoutNulls(told) : told
  const fault = checkItem(definition, item)
  if (fault) return fault
  const now = clock()
  await preparePlace(pool, kindName, [item], now)
  return await transact(pool, async tx => {
    const sender = { kind: kindName, brandId, actor, callerId, vault, publicUrl, now }
    const [result] = await takeItems(tx, { ...sender, items: [item as object] })
    if (result!.status === 'rejected') return result!
    await updateResent(tx, { brandId, rejectId, actor, now })
    const details = { kind: kindName, key: result!.key, status: result!.status, corrected: body.item !== undefined }
    const subject = `rejected-items/${rejectId}`
    await insertActivity(tx, { brandId, now, actor, action: 'reject.resent', subject, details })
    return result!
  })
}

const INTAKE_MAX = 500

/** What came in lately: who tells of what, when last, and how much today. */
export async function listIntake(db: Db, { caller, now }: { caller: Caller; now: Instant }): Promise<Intake[]> {
  const today = dayOf(now, caller.zone)
  const rows = await selectIntake(db, { brandId: caller.brandId, today, limit: INTAKE_MAX })
  return rows.map(({ kind: kindName, source, sentBy, lastAt, lastRejectedAt, ...counts }) => ({
    kind: kindName,
    source: source === '' ? null : source,
    sentBy,
    lastAt: formatInstant(lastAt),
    lastRejectedAt: lastRejectedAt === null ? null : formatInstant(lastRejectedAt),
    today: counts,
  }))
}

/** How long rejected items are kept. */
export const REJECTS_KEPT_DAYS = 30

/** Forgets the rejected items of all brands that are older than promised, and what came in before. */
export async function forgetOldRejects(db: Db, now: Instant): Promise<void> {
  const before = formatInstant(now - (REJECTS_KEPT_DAYS + 1) * DAY_MS).slice(0, 10)
  for (const brandId of await selectBrandIds(db)) {
    await deleteOldRejects(db, { brandId, now, keepDays: REJECTS_KEPT_DAYS })
    await deleteOldIntake(db, { brandId, before })
  }
}
