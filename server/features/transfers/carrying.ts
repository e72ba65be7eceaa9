import { randomUUID } from 'node:crypto'
import { transact, type Tx } from '../../database.ts'
import { DAY_MS, MINUTE_MS, type Instant } from '../../lib/time.ts'
import { takeTurns } from '../evidence/service.ts'
import { HANDED_OVER_MS } from '../friends/domain.ts'
import { assign, attributedOf } from '../handovers/service.ts'
import { endTransferred, updateGroupsOwner, type MirrorDependencies } from '../mirror/service.ts'
import { isForbidden, isPassing, WecomError, type Answer } from '../wecom/service.ts'
import {
  againAfter,
  customerAsked,
  customerSeen,
  firstPoll,
  groupAsked,
  groupSeen,
  GROUPS_A_DAY,
  isEnded,
  LOOK_AFTER_MS,
  nextPoll,
  oftenSince,
  oftenUntil,
  PER_CALL,
  type ItemChange,
  type ItemKind,
  type ResultRecord,
} from './domain.ts'
import {
  claimTransfer,
  lockLeased,
  releaseTransfer,
  selectAgenda,
  selectGroupsAsked,
  selectInState,
  selectLinkedMembers,
  selectTakeovers,
  updateAsking,
  updateItems,
  updateMembers,
  updatePoll,
  type OpenItem,
  type TransferRow,
} from './queries.ts'

/**
 * Carries transfers out. Who is asked for is written down before WeCom is called, and what came of it afterwards. A
 * process may die in between, or the answer be lost: then WeCom's own list says whether it heard, and only who is not on
 * it is asked for once more.
 */

/** Within which a process must be done with a step; then another takes the transfer. */
const LEASE_MS = 2 * MINUTE_MS
const ASKED = { patience: 'job', deadlineMs: 30_000 } as const
/** After a refusal for which somebody has to change a setting. */
const FORBIDDEN_AGAIN_MS = 30 * MINUTE_MS
/** A transfer with nothing to do but to wait is looked at. */
const IDLE_MS = DAY_MS
const RESULT_PAGES_MAX = 100
const WRITTEN_AT_ONCE = 200
const GROUPS_LOOKED_AT = 20

interface Work extends MirrorDependencies {
  transfer: TransferRow
  leaseId: string
}

const APIS = {
  on_job: {
    customers: 'externalcontact/transfer_customer',
    result: 'externalcontact/transfer_result',
    groups: 'externalcontact/groupchat/onjob_transfer',
  },
  resigned: {
    customers: 'externalcontact/resigned/transfer_customer',
    result: 'externalcontact/resigned/transfer_result',
    groups: 'externalcontact/groupchat/transfer',
  },
} as const

/**
 * Does what there is to do about the transfer that is due longest: asks for a hundred, or looks how it goes.
 *
 * @returns whether there was one
 * @throws whatever is no refusal of WeCom's
 */
export async function transferStep(dependencies: MirrorDependencies): Promise<boolean> {
  const { pool, brandId, now } = dependencies
  const leaseId = randomUUID()
  const transfer = await claimTransfer(pool, { brandId, leaseId, now: now(), leasedUntil: now() + LEASE_MS })
  if (!transfer) return false
  const work: Work = { ...dependencies, transfer, leaseId }
  const release = (dueAt: Instant, error?: WecomError) =>
    releaseTransfer(pool, {
      brandId,
      transferId: transfer.transferId,
      leaseId,
      dueAt,
      now: now(),
      hasFailed: error !== undefined,
      errcode: error && !isPassing(error) ? error.errcode : null,
      address: error?.address ?? null,
    })
  try {
    await release(await advance(work))
  } catch (error) {
    if (!(error instanceof WecomError)) throw error
    await release(now() + (isPassing(error) ? againAfter(transfer.tries) : FORBIDDEN_AGAIN_MS), error)
  }
  return true
}

/** @returns when the transfer is to be looked at again */
async function advance(work: Work): Promise<Instant> {
  const { pool, brandId, transfer, now } = work
  const { transferId } = transfer
  let agenda = await selectAgenda(pool, { brandId, transferId })
  const at = now()
  if (agenda.askingSince !== null && agenda.askingSince + LOOK_AFTER_MS <= at) {
    await lookUp(work)
    agenda = await selectAgenda(pool, { brandId, transferId })
  }
  if (agenda.waitingCustomers > 0) {
    await askForCustomers(work)
    return at
  }
  let groupsAt: Instant | null = null
  if (agenda.waitingGroups > 0) {
    groupsAt = await askForGroups(work)
    if (groupsAt <= at) return at
  }
  if (agenda.askedAt !== null && (transfer.pollAt === null || transfer.pollAt <= at)) {
    await poll(work)
    return at
  }
  if (agenda.askedAt === null && transfer.pollAt !== null) await setPoll(work, null)
  const lookAt = agenda.askingSince === null ? Infinity : at + LOOK_AFTER_MS
  return Math.min(at + IDLE_MS, groupsAt ?? Infinity, lookAt)
}

/** What is written must be ours to write. @throws Error where another process went on with the transfer */
async function held(tx: Tx, { brandId, transfer, leaseId }: Work): Promise<TransferRow> {
  const row = await lockLeased(tx, { brandId, transferId: transfer.transferId, leaseId })
  if (!row) throw new Error('another process goes on with this transfer')
  return row
}

// ------------------------------------------------------------------------------------------------- asking

/** Asks WeCom for a hundred customers. @throws WecomError */
async function askForCustomers(work: Work): Promise<void> {
  const { pool, wecom, transfer, now } = work
  const { kind, fromAssociate, toAssociate, message } = transfer
  const itemIds = await begin(work, 'customer', PER_CALL)
  if (itemIds.length === 0) return
  const body = {
    handover_userid: fromAssociate,
    takeover_userid: toAssociate,
    external_userid: itemIds,
    ...(kind === 'on_job' && message !== null ? { transfer_success_msg: message } : {}),
  }
  const answer = await ask(work, 'customer', itemIds, () =>
    wecom.call(APIS[kind].customers, { body, isHarmless: false, ...ASKED }),
  )
  if (!answer) return
  const told = new Map(
    records(answer['customer']).flatMap(one => {
      const itemId = text(one['external_userid'])
      return itemId === null ? [] : [[itemId, Number(one['errcode'] ?? 0)] as const]
    }),
  )
  // Of whom nothing is said nobody knows: they are looked up.
  const changes = itemIds.flatMap(itemId => (told.has(itemId) ? [{ itemId, ...customerAsked(told.get(itemId)!) }] : []))
  await transact(pool, async tx => {
    await held(tx, work)
    await write(tx, work, 'customer', changes)
    await updatePoll(tx, { brandId: work.brandId, transferId: transfer.transferId, pollAt: firstPoll(now()) })
  })
}

/** Asks WeCom for as many groups as it takes. @returns when it takes more @throws WecomError */
async function askForGroups(work: Work): Promise<Instant> {
  const { pool, wecom, brandId, transfer, now } = work
  const { kind, fromAssociate, toAssociate } = transfer
  const asked = await selectGroupsAsked(pool, { brandId, fromAssociate, since: now() - DAY_MS })
  const left = GROUPS_A_DAY - asked.length
  if (left <= 0) return asked[asked.length - GROUPS_A_DAY]! + DAY_MS
  const itemIds = await begin(work, 'group', Math.min(PER_CALL, left))
  if (itemIds.length === 0) return now()
  const body = { chat_id_list: itemIds, new_owner: toAssociate }
  const answer = await ask(work, 'group', itemIds, () =>
    wecom.call(APIS[kind].groups, { body, isHarmless: false, ...ASKED }),
  )
  if (!answer) return now()
  const failed = new Map(
    records(answer['failed_chat_list']).flatMap(one => {
      const itemId = text(one['chat_id'])
      return itemId === null ? [] : [[itemId, Number(one['errcode'] ?? -1)] as const]
    }),
  )
  const changes = itemIds.map(itemId => ({ itemId, ...groupAsked(failed.get(itemId) ?? null) }))
  await transact(pool, async tx => {
    await held(tx, work)
    await write(tx, work, 'group', changes)
  })
  return now()
}

/**
 * Chooses whom to ask for and writes it down. Who was transferred as often as WeCom allows is not asked for.
 *
 * @returns for whom
 */
async function begin(work: Work, kind: ItemKind, limit: number): Promise<string[]> {
  const { pool, brandId, transfer, now } = work
  const { transferId } = transfer
  return await transact(pool, async tx => {
    await held(tx, work)
    const waiting = await selectInState(tx, { brandId, transferId, kind, states: ['waiting'], limit })
    const itemIds = waiting.map(item => item.itemId)
    const at = now()
    const takeovers =
      transfer.kind === 'on_job'
        ? await selectTakeovers(tx, { brandId, kind, itemIds, since: oftenSince(at) })
        : new Map<string, Instant[]>()
    const often = new Set(itemIds.filter(itemId => oftenUntil(takeovers.get(itemId) ?? [], at) !== null))
    await write(
      tx,
      work,
      kind,
      [...often].map(itemId => ({ itemId, state: 'failed', fault: 'twice' })),
    )
    const wanted = itemIds.filter(itemId => !often.has(itemId))
    await updateAsking(tx, { brandId, transferId, kind, itemIds: wanted, now: at })
    return wanted
  })
}

/**
 * Makes the call for these.
 *
 * @returns null where WeCom refused all of them, which is written
 * @throws WecomError where it may be asked again; who was surely not asked for waits again
 */
async function ask(
  work: Work,
  kind: ItemKind,
  itemIds: readonly string[],
  call: () => Promise<Answer>,
): Promise<Answer | null> {
  try {
    return await call()
  } catch (error) {
    if (!(error instanceof WecomError) || error.outcome === 'unknown') throw error
    const isForAll = isPassing(error) || isForbidden(error)
    await transact(work.pool, async tx => {
      await held(tx, work)
      const change: ItemChange = isForAll
        ? { state: 'waiting' }
        : kind === 'customer'
          ? customerAsked(error.errcode!)
          : groupAsked(error.errcode)
      await write(
        tx,
        work,
        kind,
        itemIds.map(itemId => ({ itemId, ...change })),
      )
    })
    if (isForAll) throw error
    return null
  }
}

// ------------------------------------------------------------------------------------------------ looking

/** Finds out whether WeCom heard of those for whom it was asked without an answer. @throws WecomError */
async function lookUp(work: Work): Promise<void> {
  const { pool, brandId, transfer } = work
  const { transferId } = transfer
  const open = { brandId, transferId, states: ['asking'] as const }
  const customers = await selectInState(pool, { ...open, kind: 'customer', limit: 1 })
  if (customers.length > 0) await readResults(work, 'asking')
  const groups = await selectInState(pool, { ...open, kind: 'group', limit: GROUPS_LOOKED_AT })
  if (groups.length > 0) await lookAtGroups(work, groups)
}

/** Asks who owns groups now. */
async function lookAtGroups(work: Work, groups: readonly OpenItem[]): Promise<void> {
  const { pool, wecom, transfer, now } = work
  const changes: (ItemChange & { itemId: string })[] = []
  for (const group of groups) {
    let change: ItemChange | null
    try {
      const body = { chat_id: group.itemId, need_name: 0 }
      const answer = await wecom.call('externalcontact/groupchat/get', { body, isHarmless: true, ...ASKED })
      const owner = text(record(answer['group_chat'])['owner'])
      change = groupSeen(group, owner === transfer.toAssociate, now())
    } catch (error) {
      if (!(error instanceof WecomError) || isPassing(error) || isForbidden(error)) throw error
      change = { state: 'failed', fault: 'wecom', errcode: error.errcode! }
    }
    if (change) changes.push({ itemId: group.itemId, ...change })
  }
  await transact(pool, async tx => {
    await held(tx, work)
    await write(tx, work, 'group', changes)
  })
}

const setPoll = (work: Work, pollAt: Instant | null) =>
  transact(work.pool, async tx => {
    await held(tx, work)
    await updatePoll(tx, { brandId: work.brandId, transferId: work.transfer.transferId, pollAt })
  })

/** Asks WeCom how it goes, and says when it is asked next. @throws WecomError */
async function poll(work: Work): Promise<void> {
  const { pool, brandId, transfer, now } = work
  const { transferId } = transfer
  await readResults(work, 'asked')
  const { askedAt, takeovers } = await selectAgenda(pool, { brandId, transferId })
  await setPoll(work, askedAt === null ? null : nextPoll(takeovers, askedAt, now()))
}

/** Reads WeCom's list of two people to its end, and writes what it says of those in a state. @throws WecomError */
async function readResults(work: Work, state: 'asked' | 'asking'): Promise<void> {
  const { pool, wecom, brandId, transfer, now } = work
  const { kind, fromAssociate, toAssociate, transferId } = transfer
  const open = await selectInState(pool, { brandId, transferId, kind: 'customer', states: [state], limit: 100_000 })
  const seen = new Map<string, ResultRecord[]>()
  let cursor = ''
  for (let page = 0; ; page++) {
    if (page === RESULT_PAGES_MAX) throw new Error('WeCom’s list of a transfer has no end')
    const body = { handover_userid: fromAssociate, takeover_userid: toAssociate, cursor }
    const answer = await wecom.call(APIS[kind].result, { body, isHarmless: true, ...ASKED })
    for (const one of records(answer['customer'])) {
      const itemId = text(one['external_userid'])
      if (itemId === null) continue
      const seconds = Number(one['takeover_time'] ?? 0)
      const result = { status: Number(one['status']), takeoverAt: seconds > 0 ? seconds * 1000 : null }
      seen.set(itemId, [...(seen.get(itemId) ?? []), result])
    }
    cursor = text(answer['next_cursor']) ?? ''
    if (cursor === '') break
  }
  const changes = open.flatMap(item => {
    const change = customerSeen(item, seen.get(item.itemId) ?? [], now())
    return change ? [{ itemId: item.itemId, ...change }] : []
  })
  for (let i = 0; i < changes.length; i += WRITTEN_AT_ONCE) {
    await transact(pool, async tx => {
      await held(tx, work)
      await write(tx, work, 'customer', changes.slice(i, i + WRITTEN_AT_ONCE))
    })
  }
  const isAdopted = state === 'asking' && changes.some(change => change.state === 'asked')
  if (isAdopted) await setPoll(work, firstPoll(now()))
}

// ------------------------------------------------------------------------------------------------ writing

/** Writes what became of items, with all that follows from it. */
export async function write(
  tx: Tx,
  dependencies: MirrorDependencies & { transfer: TransferRow },
  kind: ItemKind,
  changes: readonly (ItemChange & { itemId: string })[],
): Promise<void> {
  const { brandId, transfer, now } = dependencies
  const { transferId } = transfer
  // In one sequence with handovers, which take their turn before they look.
  if (kind === 'customer' && changes.some(change => change.state === 'done')) {
    await takeTurns(tx, brandId, 'member-assignments')
  }
  const at = now()
  const rows = changes.map(change => {
    const takeoverAt = change.takeoverAt ?? (change.state === 'done' ? at : undefined)
    return { ...change, ...(takeoverAt === undefined ? {} : { takeoverAt }), isEnded: isEnded(change.state) }
  })
  const written = new Set(await updateItems(tx, { brandId, transferId, kind, changes: rows, now: at }))
  const done = rows.flatMap(({ state, itemId, takeoverAt }) =>
    state === 'done' && written.has(itemId) ? [{ itemId, takeoverAt: takeoverAt! }] : [],
  )
  if (done.length === 0) return
  if (kind === 'group') {
    const chatIds = done.map(group => group.itemId)
    await updateGroupsOwner(tx, { brandId, chatIds, owner: transfer.toAssociate, at })
    return
  }
  await endTransferred(
    tx,
    dependencies,
    done.map(({ itemId, takeoverAt }) => ({
      userid: transfer.fromAssociate,
      externalUserid: itemId,
      at: takeoverAt,
    })),
  )
  if (transfer.undoneAt === null) await assignMembers(tx, dependencies, done)
}

/** Members who were the leaver's, or nobody's, when WeCom gave them to the taker are his from then on. */
async function assignMembers(
  tx: Tx,
  dependencies: MirrorDependencies & { transfer: TransferRow },
  done: readonly { itemId: string; takeoverAt: Instant }[],
): Promise<void> {
  const { brandId, transfer, now } = dependencies
  const { fromAssociate, toAssociate, reason, madeBy, transferId } = transfer
  const memberOf = await selectLinkedMembers(tx, { brandId, externalUserids: done.map(one => one.itemId) })
  const caller = { brandId, actor: madeBy, id: 'service' }
  for (const from of new Set(done.map(one => one.takeoverAt))) {
    const linked = done.flatMap(({ itemId, takeoverAt }) => {
      const memberNo = memberOf.get(itemId)
      return takeoverAt === from && memberNo !== undefined ? [{ itemId, memberNo }] : []
    })
    if (linked.length === 0) continue
    const memberNos = linked.map(one => one.memberNo)
    const attributed = await attributedOf(tx, { brandId, memberNos, at: from })
    // A binding policy may have moved him already, by the friendship that began with it.
    const earlier = await attributedOf(tx, { brandId, memberNos, at: from - HANDED_OVER_MS })
    const own = linked.flatMap(one => {
      const isTakers = attributed.get(one.memberNo) === toAssociate
      const heldBefore = (isTakers ? earlier : attributed).get(one.memberNo) ?? null
      return heldBefore === null || heldBefore === fromAssociate ? [{ ...one, heldBefore }] : []
    })
    const moves = own.map(({ memberNo }) => ({ memberNo, toAssociate }))
    const results = await assign(tx, dependencies, { caller, now: now(), from, reason, moves })
    const members = own.filter((_, i) => results[i]!.status !== 'rejected')
    await updateMembers(tx, { brandId, transferId, members })
  }
}

// ------------------------------------------------------------------------------------------------ reading

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)
const record = (value: unknown): Answer => (typeof value === 'object' && value !== null ? (value as Answer) : {})
const records = (value: unknown): Answer[] => (Array.isArray(value) ? value.map(record) : [])
