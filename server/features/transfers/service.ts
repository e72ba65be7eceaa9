import { createHash } from 'node:crypto'
import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError, type Fault } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { canonicalJson } from '../../lib/items.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { takeTurns } from '../evidence/service.ts'
import { undoneFrom, worksAt } from '../handovers/domain.ts'
import { assign, attributedOf, isSeen, storesOf, storesSeen } from '../handovers/service.ts'
import { selectAssociates } from '../stores/service.ts'
import { adviceOf, type Wecom } from '../wecom/service.ts'
import { adviceFor, kindOf, type ItemKind, type ShownState } from './domain.ts'
import {
  insertTransfer,
  lockFrom,
  selectAssigned,
  selectCounts,
  selectItems,
  selectOwned,
  selectSame,
  selectStaff,
  selectTransfer,
  selectTransfers,
  updateRetried,
  updateUndone,
  type ItemCount,
  type ItemRow,
  type TransferRow,
} from './queries.ts'
import {
  CUSTOMERS_MAX,
  GROUPS_MAX,
  type ItemQuery,
  type ListOnlyQuery,
  type RetryBody,
  type Transfer,
  type TransferBody,
  type UndoneTransfer,
} from './schema.ts'

export { transferStep } from './carrying.ts'
export { transferHandlers } from './events.ts'
export { listUnassigned } from './unassigned.ts'

export interface TransferDependencies {
  pool: Pool
  vault: Vault
  publicUrl: string
  /** null: WeCom is not set up. */
  wecom: Wecom | null
}

interface Asked {
  caller: Caller
  now: Instant
}

// --------------------------------------------------------------------------------------------------- reads

/** Transfers, newest first. @throws AppError not_found, malformed_cursor */
export async function listTransfers(db: Db, { scope }: Caller, query: ListOnlyQuery) {
  const { brandId } = scope
  const limit = query.limit ?? PAGE_DEFAULT
  const rows = await selectTransfers(db, {
    brandId,
    storeCodes: storesSeen(scope),
    after: cursorOf(query.cursor, 'uuid'),
    limit: limit + 1,
  })
  const counts = await selectCounts(db, { brandId, transferIds: rows.map(row => row.transferId) })
  return pageOf(
    rows,
    limit,
    row => [row.transferId],
    row => shown(row, counts),
  )
}

/** @throws AppError not_found */
export async function readTransfer(db: Db, { scope }: Caller, transferId: string): Promise<Transfer> {
  return await shownOf(db, scope.brandId, await getTransfer(db, scope.brandId, transferId, storesSeen(scope)))
}

/** What a transfer is about, by id. @throws AppError not_found, malformed_cursor */
export async function listItems(
  db: Db,
  { scope }: Caller,
  { transferId, kind, query }: { transferId: string; kind: ItemKind; query: ItemQuery },
) {
  const { brandId } = scope
  const limit = query.limit ?? PAGE_DEFAULT
  const after = cursorOf(query.cursor, 'text')
  await getTransfer(db, brandId, transferId, storesSeen(scope))
  const rows = await selectItems(db, {
    brandId,
    transferId,
    kind,
    state: query.state ?? null,
    after,
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [row.itemId],
    row => ({
      ...(kind === 'customer'
        ? { externalUserid: row.itemId, memberNo: row.memberNo, returned: row.returned }
        : { chatId: row.itemId }),
      name: row.name,
      state: shownState(row.state),
      askedAt: time(row.askedAt),
      takeoverAt: time(row.takeoverAt),
      endedAt: time(row.endedAt),
      errcode: row.errcode,
      advice: adviceOn(row),
    }),
  )
}

async function getTransfer(
  db: Db,
  brandId: number,
  transferId: string,
  storeCodes: readonly string[] | null,
  isLocked = false,
): Promise<TransferRow> {
  const transfer = await selectTransfer(db, { brandId, transferId, storeCodes, isLocked })
  if (!transfer) throw new AppError('not_found', 'There is no such transfer.')
  return transfer
}

/** @throws AppError malformed_cursor */
function cursorOf(cursor: string | undefined, part: 'uuid' | 'text'): string | null {
  if (cursor === undefined) return null
  const position = decodeCursor(cursor, [part])
  if (!position) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return String(position[0])
}

const time = (at: Instant | null) => (at === null ? null : formatInstant(at))
const shownState = (state: ItemRow['state']): ShownState => (state === 'asking' ? 'asked' : state)

const adviceOn = (row: ItemRow) =>
  adviceFor(row) ??
  (row.state === 'failed' && row.errcode !== null ? adviceOf({ errcode: row.errcode, address: null }) : null)

function shown(row: TransferRow, all: readonly ItemCount[]): Transfer {
  const counts = (kind: ItemKind) => {
    const none = { waiting: 0, asked: 0, done: 0, refused: 0, taker_full: 0, failed: 0 }
    for (const { transferId, kind: own, state, count } of all) {
      if (transferId === row.transferId && own === kind) none[shownState(state)] += count
    }
    return none
  }
  const { transferId, kind, fromAssociate, fromName, toAssociate, toName, message, reason } = row
  const { madeBy, madeByName, undoneBy, undoReason } = row
  return {
    transferId,
    kind,
    fromAssociate,
    fromName,
    toAssociate,
    toName,
    message,
    reason,
    madeBy,
    madeByName,
    madeAt: formatInstant(row.madeAt),
    customers: counts('customer'),
    groups: counts('group'),
    fault:
      row.errcode === null
        ? null
        : { errcode: row.errcode, advice: adviceOf({ errcode: row.errcode, address: row.address }) },
    endedAt: time(row.endedAt),
    undoneAt: time(row.undoneAt),
    undoneBy,
    undoReason,
  }
}

const shownOf = async (db: Db, brandId: number, row: TransferRow): Promise<Transfer> =>
  shown(row, await selectCounts(db, { brandId, transferIds: [row.transferId] }))

// -------------------------------------------------------------------------------------------------- writes

/**
 * Writes down that WeCom is to give customers and groups to a colleague; the worker asks for it.
 *
 * @returns the transfer; not new where the same was asked for before and is still under way, so that a retry is harmless
 * @throws AppError forbidden; wecom.not_configured; not_found where the associate is not there or not one's own;
 *   invalid_body; transfer.not_his, transfer.under_way naming each of them; conflict where there is nothing to transfer
 */
export async function createTransfer(
  { pool, wecom }: TransferDependencies,
  { caller, body, now }: Asked & { body: TransferBody },
): Promise<{ isNew: boolean; transfer: Transfer }> {
  const { brandId, actor } = caller
  const { fromAssociate, toAssociate, reason, message } = body
  const stores = storesOf(caller)
  if (!wecom) throw new AppError('wecom.not_configured', 'WeCom is not set up.')
  const formFaults = faultsOfForm(body)
  if (formFaults.length > 0) throw new AppError('invalid_body', formFaults[0]!.message, formFaults)
  const requestHash = createHash('sha256').update(canonicalJson(body)).digest('hex')
  return await transact(pool, async tx => {
    const rows = await selectAssociates(tx, { brandId, associateIds: [fromAssociate, toAssociate] })
    const [leaver, taker] = [fromAssociate, toAssociate].map(id => rows.find(row => row.associateId === id))
    if (!isSeen(leaver, stores)) throw new AppError('not_found', 'There is no such associate.')
    await lockFrom(tx, { brandId, fromAssociate })
    const same = await selectSame(tx, { brandId, fromAssociate, requestHash })
    if (same) return { isNew: false, transfer: await shownOf(tx, brandId, same) }

    const staff = await selectStaff(tx, { brandId, userids: [fromAssociate, toAssociate] })
    const kind = kindOf(staff.get(fromAssociate) ?? null, worksAt(leaver.employments, now))
    const faults: Fault[] = []
    const fault = (path: string, code: string, text: string) => faults.push({ path, code, message: text })
    if (kind === 'unknown') fault('fromAssociate', 'unknown_in_wecom', 'WeCom never showed this person to the app.')
    if (kind === 'out_of_sight') {
      const text =
        'WeCom does not show this person any more, and he is told to work here: put him into the app’s visible range, or tell that he left.'
      fault('fromAssociate', 'out_of_sight', text)
    }
    if (kind === 'resigned' && message !== undefined) {
      fault('message', 'not_allowed', 'WeCom takes a message only while the associate works here.')
    }
    const own = staff.get(toAssociate)
    if (toAssociate === fromAssociate) fault('toAssociate', 'same_associate', 'They are his already.')
    else if (!isSeen(taker, stores)) {
      fault('toAssociate', 'unknown_associate', `There is no associate ${JSON.stringify(toAssociate)}.`)
    } else if (!worksAt(taker.employments, now)) {
      fault('toAssociate', 'inactive', `${toAssociate} does not work here.`)
    } else if (!own || own.goneAt !== null) {
      fault('toAssociate', 'unknown_in_wecom', 'WeCom does not show this person to the app.')
    } else if (!own.mayFollow) {
      fault('toAssociate', 'no_customer_contact', 'WeCom does not let this person have customers (客户联系).')
    }
    if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)

    const items = [
      ...(await itemsOf(tx, { brandId, associateId: fromAssociate, kind: 'customer', named: body.customers, all: body.allCustomers, max: CUSTOMERS_MAX })), // prettier-ignore
      ...(await itemsOf(tx, { brandId, associateId: fromAssociate, kind: 'group', named: body.groups, all: body.allGroups, max: GROUPS_MAX })), // prettier-ignore
    ]
    if (items.length === 0) throw new AppError('conflict', 'There is nothing of his to transfer.')
    const transferId = uuidv7(now)
    await insertTransfer(tx, {
      brandId,
      requestHash,
      items,
      transfer: {
        transferId,
        kind: kind as TransferRow['kind'],
        fromAssociate,
        toAssociate,
        message: message ?? null,
        reason,
        madeBy: actor,
        madeAt: now,
      },
    })
    const count = (of: ItemKind) => items.filter(item => item.kind === of).length
    await record(tx, { caller, now }, 'transfer.made', transferId, {
      fromAssociate,
      toAssociate,
      customers: count('customer'),
      groups: count('group'),
    })
    return { isNew: true, transfer: await shownOf(tx, brandId, await getTransfer(tx, brandId, transferId, null)) }
  })
}

function faultsOfForm({ customers, allCustomers, groups, allGroups }: TransferBody): Fault[] {
  const faults: Fault[] = []
  const both = (path: string, text: string) => faults.push({ path, code: 'invalid_value', message: text })
  if (customers && allCustomers) both('customers', 'Give customers, or "allCustomers": true.')
  if (groups && allGroups) both('groups', 'Give groups, or "allGroups": true.')
  if (!customers && !allCustomers && !groups && !allGroups) {
    both('customers', 'Say which customers or groups: customers, allCustomers, groups, allGroups.')
  }
  for (const [path, named] of Object.entries({ customers, groups })) {
    const first = new Set<string>()
    for (const [i, itemId] of (named ?? []).entries()) {
      if (first.has(itemId)) {
        faults.push({ path: `${path}[${i}]`, code: 'named_twice', message: `${itemId} is named before.` })
      }
      first.add(itemId)
    }
  }
  return faults
}

/**
 * What is to be transferred: each by name, or all but those of which a transfer is under way.
 *
 * @throws AppError transfer.not_his, transfer.under_way; invalid_body where they are too many
 */
async function itemsOf(
  tx: Tx,
  options: {
    brandId: number
    associateId: string
    kind: ItemKind
    named: readonly string[] | undefined
    all: boolean | undefined
    max: number
  },
): Promise<{ kind: ItemKind; itemId: string }[]> {
  const { brandId, associateId, kind, named, all, max } = options
  if (!named && !all) return []
  const path = kind === 'customer' ? 'customers' : 'groups'
  const limit = named ? named.length : 1_000_000
  const owned = await selectOwned(tx, { brandId, associateId, kind, itemIds: named ?? null, limit })
  const isOpen = new Map(owned.map(one => [one.itemId, one.isOpen]))
  const refuse = (
    code: 'transfer.not_his' | 'transfer.under_way',
    isWrong: (itemId: string) => boolean,
    text: string,
  ) => {
    const faults = (named ?? []).flatMap((itemId, i) =>
      isWrong(itemId) ? [{ path: `${path}[${i}]`, code: code.split('.')[1]!, message: `${itemId} ${text}` }] : [],
    )
    if (faults.length > 0) throw new AppError(code, `${faults.length} of them: nothing was transferred.`, faults)
  }
  refuse('transfer.not_his', itemId => !isOpen.has(itemId), 'is not his.')
  refuse('transfer.under_way', itemId => isOpen.get(itemId) === true, 'is being transferred already.')
  const free = owned.filter(one => !one.isOpen)
  if (free.length > max) {
    const message = `He has ${free.length}; at most ${max} are transferred at once: name them.`
    const code = 'too_many'
    throw new AppError('invalid_body', message, [
      { path: kind === 'customer' ? 'allCustomers' : 'allGroups', code, message },
    ])
  }
  return free.map(({ itemId }) => ({ kind, itemId }))
}

const record = (
  tx: Tx,
  { caller, now }: Asked,
  action: string,
  transferId: string,
  details: Record<string, string | number>,
) =>
  insertActivity(tx, {
    brandId: caller.brandId,
    now,
    actor: caller.actor,
    action,
    subject: `transfers/${transferId}`,
    details,
  })

/**
 * Asks once more for what did not come to a good end.
 *
 * @throws AppError forbidden, not_found, wecom.not_configured
 */
export async function retryTransfer(
  { pool, wecom }: TransferDependencies,
  { caller, transferId, body, now }: Asked & { transferId: string; body: RetryBody },
) {
  const { brandId } = caller
  const stores = storesOf(caller)
  if (!wecom) throw new AppError('wecom.not_configured', 'WeCom is not set up.')
  return await transact(pool, async tx => {
    const { fromAssociate } = await getTransfer(tx, brandId, transferId, stores)
    await lockFrom(tx, { brandId, fromAssociate })
    const states = [...new Set(body.states)]
    const retriedCount = await updateRetried(tx, { brandId, transferId, states, now })
    if (retriedCount > 0) {
      await record(tx, { caller, now }, 'transfer.retried', transferId, { items: retriedCount })
    }
    return { ...(await shownOf(tx, brandId, await getTransfer(tx, brandId, transferId, stores))), retriedCount }
  })
}

/**
 * Takes a transfer's assignments back from now on: who is still the taker's is whose he was, and who comes to the taker
 * later stays as he is. What was sold in between stays, and WeCom keeps its friendships: those are transferred
 * back by a transfer.
 *
 * @throws AppError forbidden, not_found
 */
export async function undoTransfer(
  dependencies: TransferDependencies,
  { caller, transferId, reason, now }: Asked & { transferId: string; reason: string },
): Promise<UndoneTransfer> {
  const { brandId, actor } = caller
  const stores = storesOf(caller)
  return await transact(dependencies.pool, async tx => {
    const transfer = await getTransfer(tx, brandId, transferId, stores, true)
    await takeTurns(tx, brandId, 'member-assignments')
    const { fromAssociate, toAssociate } = transfer
    const assigned = await selectAssigned(tx, { brandId, transferId })
    const memberNos = [...new Set(assigned.map(one => one.memberNo))]
    if (transfer.undoneAt === null) {
      const from = assigned.reduce((latest, one) => Math.max(latest, undoneFrom(one.takeoverAt, now)), now)
      const attributed = await attributedOf(tx, { brandId, memberNos, at: from })
      const returned = memberNos.filter(memberNo => attributed.get(memberNo) === toAssociate)
      const heldBefore = new Map(assigned.map(one => [one.memberNo, one.heldBefore]))
      const moves = returned.map(memberNo => ({ memberNo, toAssociate: heldBefore.get(memberNo) ?? null }))
      await assign(tx, dependencies, { caller, now, from, reason, moves })
      await updateUndone(tx, { brandId, transferId, undoneBy: actor, reason, returned, now })
      await record(tx, { caller, now }, 'transfer.undone', transferId, { fromAssociate, toAssociate, reason })
    }
    const after = await selectAssigned(tx, { brandId, transferId })
    const went = new Set(after.filter(one => one.returned === true).map(one => one.memberNo))
    const left = memberNos.filter(memberNo => !went.has(memberNo))
    const holders = await attributedOf(tx, { brandId, memberNos: left, at: now })
    return {
      ...(await shownOf(tx, brandId, await getTransfer(tx, brandId, transferId, stores))),
      returnedCount: went.size,
      left: left.map(memberNo => ({ memberNo, associateId: holders.get(memberNo) ?? null })),
    }
  })
}
