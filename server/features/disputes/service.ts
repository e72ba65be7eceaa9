import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import { ROLES, type AssociateRole } from '../attribution/domain.ts'
import type { Caller } from '../auth/domain.ts'
import { changesBy, overrideRoles, transactBooking, type Part } from '../commissions/by-hand/service.ts'
import { areVisible, decideOrder, isOrderVisible, visiblePayees, type DecidedOrder } from '../commissions/service.ts'
import type { OrderKey } from '../evidence/service.ts'
import { noteMessages } from '../messages/service.ts'
import { insertNotices } from '../notices/service.ts'
import { lockKnownOrder } from '../orders/service.ts'
import { selectAssociates, type AssociateRow } from '../stores/service.ts'
import { noteEvent } from '../webhooks/service.ts'
import {
  concerns,
  holdersOf,
  isAllHis,
  isCustomerOf,
  maskName,
  partiesOf,
  refusalToDecide,
  sideBySide,
  storesThatLose,
  type DisputedOrder,
  type Refusal,
  type Stakes,
} from './domain.ts'
import {
  insertDecision,
  insertDispute,
  selectDispute,
  selectDisputes,
  selectMemberName,
  selectOpenDispute,
  type DisputeRow,
} from './queries.ts'
import type { DecisionBody, DisputeBody, DisputeDetail, DisputeItem, DisputeQuery, WithdrawalBody } from './schema.ts'

interface Asked {
  caller: Caller
  now: Instant
}

// ------------------------------------------------------------------------------------------------ filing

/**
 * Files a dispute: an associate for himself, whoever answers for stores for their people, headquarters for anybody.
 * The same again, while it is open, is the same dispute.
 *
 * @throws AppError not_found where the order is none of his business, or the associate not his to speak for;
 *   dispute.holds_role, dispute.own_purchase
 */
export async function openDispute(
  pool: Pool,
  { caller, now, body }: Asked & { body: DisputeBody },
): Promise<{ isNew: boolean; dispute: DisputeItem }> {
  const { brandId, scope } = caller
  const associate = await disputerOf(pool, caller, body.associateId)
  const { source, orderNo, role, text } = body
  const order = { source, orderNo }
  return await transact(pool, async tx => {
    await lockKnownOrder(tx, brandId, order)
    const decided = await decideBoth(tx, { brandId, order, role, associate })
    const isHisBusiness =
      concerns(disputedOrder(decided.now), associate) || (await isOrderVisible(tx, { scope, ...order }))
    if (!isHisBusiness) throw noOrder()
    const { associateId, storeCode } = associate
    const open = await selectOpenDispute(tx, { brandId, ...order, role, associateId })
    if (open !== null) return { isNew: false, dispute: shownDispute(await getDispute(tx, caller, open)) }
    if (isAllHis(decided.now.decision.attribution, role, associateId)) {
      throw new AppError('dispute.holds_role', 'He holds this role already.')
    }
    if (!holdersOf(decided.upheld.decision.attribution, role).includes(associateId)) {
      throw new AppError('dispute.own_purchase', 'He bought it himself; nobody earns on his own purchase.')
    }
    const disputeId = uuidv7(now)
    const { actor } = caller
    await insertDispute(tx, { brandId, ...order, disputeId, role, associateId, storeCode, text, actor, now })
    const details = { source, orderNo, role, associateId }
    await insertActivity(tx, { brandId, now, actor, action: 'dispute.opened', subject: subjectOf(disputeId), details })
    return { isNew: true, dispute: shownDispute(await getDispute(tx, caller, disputeId)) }
  })
}

/** Whoever may not see an associate, and whoever names one that is not there, is told the same. */
async function disputerOf(db: Db, caller: Caller, named: string | undefined): Promise<AssociateRow> {
  const { brandId, scope, person } = caller
  const isForHeadquarters = scope.reach === 'brand'
  if (isForHeadquarters && named === undefined) {
    throw new AppError('invalid_body', 'Whose sale is it?', [
      { path: 'associateId', code: 'missing_field', message: 'Say whose sale it is.' },
    ])
  }
  const associateId = named ?? person!.associateId
  const isSeen =
    associateId === person?.associateId ||
    (await areVisible(db, { scope, storeCode: null, associate: associateId, memberNo: null }))
  const [associate] = isSeen ? await selectAssociates(db, { brandId, associateIds: [associateId] }) : []
  if (!associate) throw new AppError('not_found', 'There is no such associate.')
  return associate
}

const noOrder = () => new AppError('not_found', 'There is no such order.')
const subjectOf = (disputeId: string) => `disputes/${disputeId}`
const disputedOrder = ({ loaded, decision }: DecidedOrder): DisputedOrder => ({
  evidence: loaded.evidence,
  attribution: decision.attribution,
})

interface DecidedBoth {
  now: DecidedOrder
  /** As if the associate had been put into the role. */
  upheld: DecidedOrder
}

/** An order as it is decided, and as it would be if an associate were put into a role. @throws AppError not_found */
async function decideBoth(
  db: Db,
  options: { brandId: number; order: OrderKey; role: AssociateRole; associate: AssociateRow },
): Promise<DecidedBoth> {
  const { brandId, order, role, associate } = options
  const { associateId, storeCode } = associate
  const supposed = { role, associateId, storeCode, withdrawn: false, at: 0 }
  const [now, upheld] = [await decideOrder(db, { brandId, order }), await decideOrder(db, { brandId, order, supposed })]
  if (!now || !upheld) throw noOrder()
  return { now, upheld }
}

// ------------------------------------------------------------------------------------------------ reading

/** @throws AppError not_found, also where it may not be seen */
async function getDispute(db: Db, caller: Caller, disputeId: string): Promise<DisputeRow> {
  const row = await selectDispute(db, { asker: caller, disputeId })
  if (!row) throw new AppError('not_found', 'There is no such dispute.')
  return row
}

/** Disputes, newest first where not asked otherwise, of those that the asker may see. @throws AppError not_found, malformed_cursor */
export async function listDisputes(db: Db, caller: Caller, query: DisputeQuery) {
  const { scope } = caller
  const { limit = PAGE_DEFAULT, storeCode = null, associate = null, status = null } = query
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['uuid'])
  if (query.cursor !== undefined && !after) throw malformedCursor()
  if (!(await areVisible(db, { scope, storeCode, associate, memberNo: null }))) {
    throw new AppError('not_found', 'There is no such store or associate.')
  }
  const rows = await selectDisputes(db, {
    asker: caller,
    status,
    kind: query.kind ?? null,
    isOldestFirst: query.order === 'asc',
    storeCode,
    associate,
    after: after && String(after[0]),
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [row.disputeId], shownDispute)
}

const malformedCursor = () => new AppError('malformed_cursor', 'This is no cursor of this list.')

function shownDispute(row: DisputeRow): DisputeItem {
  const { status, reason, overrideId, decidedBy, decidedAt, openedAt, paidAt, role, ...rest } = row
  return {
    ...rest,
    role: role as AssociateRole,
    status,
    openedAt: formatInstant(openedAt),
    paidAt: formatInstant(paidAt),
    decision:
      status === 'open'
        ? null
        : { outcome: status, reason, overrideId, decidedBy: decidedBy!, decidedAt: formatInstant(decidedAt!) },
  }
}

/** A dispute with the evidence beside it, and what upholding it would change. @throws AppError not_found */
export async function readDispute(db: Db, caller: Caller, disputeId: string): Promise<DisputeDetail> {
  const { brandId, scope } = caller
  const row = await getDispute(db, caller, disputeId)
  const { both, stakes } = await judged(db, brandId, row)
  const isVisible = await visiblePayees(db, scope)
  const { loaded, decision } = both.now
  const { order, onHold } = loaded.evidence
  const { attribution } = decision
  const named = new Set<string>([row.associateId])
  for (const candidate of attribution.candidates) if (candidate.associateId !== null) named.add(candidate.associateId)
  for (const party of stakes.parties) named.add(party.associateId)
  for (const role of ROLES) if (attribution.holdings[role].holder) named.add(attribution.holdings[role].holder)
  for (const { holder } of attribution.closers.values()) if (holder !== null) named.add(holder)
  const people = await selectAssociates(db, { brandId, associateIds: [...named] })
  const isOpen = row.status === 'open'
  const may = (outcome: 'upheld' | 'rejected') => isOpen && refusalOf(caller, row, stakes, outcome) === null
  return {
    ...shownDispute(row),
    mayUphold: may('upheld'),
    mayReject: may('rejected'),
    order: {
      channel: order.channel,
      cancelled: order.cancelled,
      onHold,
      netFen: decision.netFen,
      plan: decision.plan,
      buyer: await shownBuyer(db, caller, both.now),
      roles: ROLES.map(role => {
        const { holder, because, since } = attribution.holdings[role]
        return { role, holder, because, ...(since === undefined ? {} : { since: formatInstant(since) }) }
      }),
      candidates: attribution.candidates.map(candidate => ({ ...candidate, at: formatInstant(candidate.at) })),
      lines: decision.lines.map(({ lineNo, sku, paidFen, refundedFen, netFen }) => {
        const closer = attribution.closers.get(lineNo)?.holder ?? null
        return { lineNo, sku, paidFen, refundedFen, netFen, closer }
      }),
    },
    people: people.map(({ associateId, name, storeCode }) => ({ associateId, name, storeCode })),
    wouldChange: isOpen ? sideBySide(decision, both.upheld.decision).filter(isVisible) : null,
  }
}

/** The buyer by as much as the asker may know: his number where the order or the customer is the asker's. */
async function shownBuyer(db: Db, caller: Caller, decided: DecidedOrder) {
  const { scope, brandId, person } = caller
  const { buyer } = decided.decision.attribution
  if (!buyer) return null
  const isKnown =
    (person !== null && isCustomerOf(disputedOrder(decided), person.associateId)) ||
    (await isOrderVisible(db, { scope, ...orderOf(decided) }))
  const name = await selectMemberName(db, { brandId, memberNo: buyer.memberNo })
  return {
    memberNo: isKnown ? buyer.memberNo : null,
    name: name === null ? null : maskName(name),
    recognisedBy: buyer.by,
  }
}

const orderOf = ({ loaded }: DecidedOrder): OrderKey => {
  const { source, orderNo } = loaded.evidence.order
  return { source, orderNo }
}

/** What hangs on a dispute, and for whom. */
async function judged(db: Db, brandId: number, row: DisputeRow): Promise<{ both: DecidedBoth; stakes: Stakes }> {
  const { source, orderNo, associateId } = row
  const role = row.role as AssociateRole
  const [associate] = await selectAssociates(db, { brandId, associateIds: [associateId] })
  const both = await decideBoth(db, { brandId, order: { source, orderNo }, role, associate: associate! })
  const [now, upheld] = [both.now.decision, both.upheld.decision]
  const parties = partiesOf({ role, associateId }, now, upheld)
  const people = await selectAssociates(db, { brandId, associateIds: parties.map(party => party.associateId) })
  const storeOf = new Map(people.map(one => [one.associateId, one.storeCode]))
  const stakes: Stakes = {
    parties: parties.map(party => ({ ...party, storeCode: storeOf.get(party.associateId) ?? null })),
    losingStores: storesThatLose(now, upheld),
  }
  return { both, stakes }
}

// ------------------------------------------------------------------------------------------------ deciding

const REFUSALS: Record<Refusal, string> = {
  not_his_store: 'This is for the manager of his store, or headquarters.',
  his_own: 'Your own pay hangs on it; somebody else decides.',
  takes_from_others: 'It would take from another store or its people; headquarters decides.',
}

const refusalOf = ({ person, scope }: Caller, row: DisputeRow, stakes: Stakes, outcome: DecisionBody['outcome']) =>
  refusalToDecide({ associateId: person?.associateId ?? null, scope }, row.storeCode, stakes, outcome)

/**
 * Decides a dispute, with a reason. Upheld, the role is put into his hands and booked in the same transaction; he and
 * everybody whose commission changed by it are told.
 *
 * @throws AppError not_found, forbidden; conflict where it was decided otherwise
 */
export async function decideDispute(
  pool: Pool,
  { caller, now, disputeId, body }: Asked & { disputeId: string; body: DecisionBody },
): Promise<DisputeItem> {
  const { brandId, actor } = caller
  const { outcome, reason } = body
  return await transactBooking(pool, now, async tx => {
    const row = await lockDispute(tx, caller, disputeId)
    if (row.status === outcome && row.reason === reason) return shownDispute(row)
    if (row.status !== 'open') throw new AppError('conflict', `It was ${row.status} already.`)
    const { stakes } = await judged(tx, brandId, row)
    const refusal = refusalOf(caller, row, stakes, outcome)
    if (refusal !== null) throw new AppError('forbidden', REFUSALS[refusal])

    const { source, orderNo, role, associateId } = row
    const byHand = { brandId, actor, now }
    const { decided: override, changes } =
      outcome === 'upheld'
        ? await changesBy(tx, { ...byHand, orders: [{ source, orderNo }] }, async () => {
            const overrides = [{ source, orderNo, role, associateId, reason }]
            return (await overrideRoles(tx, { ...byHand, overrides }))[0]!
          })
        : { decided: null, changes: [] }
    const overrideId = override?.overrideId ?? null
    await insertDecision(tx, { brandId, disputeId, outcome, reason, overrideId, actor, now })
    await tellBothSides(tx, { brandId, now, row, outcome, reason, changes })
    const { kind, openedAt } = row
    const data = { disputeId, kind, source, orderNo, role, associateId, openedAt: formatInstant(openedAt), outcome }
    await noteEvent(tx, { brandId, event: 'dispute.decided', data: { ...data, overrideId, decidedBy: actor }, now })
    const details = { source, orderNo, role, associateId, reason, overrideId }
    await insertActivity(tx, { ...byHand, action: `dispute.${outcome}`, subject: subjectOf(disputeId), details })
    return shownDispute(await getDispute(tx, caller, disputeId))
  })
}

/** A dispute, whose order is locked: one at a time speaks of it. @throws AppError not_found */
async function lockDispute(tx: Tx, caller: Caller, disputeId: string): Promise<DisputeRow> {
  await lockKnownOrder(tx, caller.brandId, await getDispute(tx, caller, disputeId))
  return await getDispute(tx, caller, disputeId)
}

async function tellBothSides(
  tx: Tx,
  options: {
    brandId: number
    now: Instant
    row: DisputeRow
    outcome: DecisionBody['outcome']
    reason: string
    changes: readonly Part[]
  },
): Promise<void> {
  const { brandId, now, row, outcome, reason, changes } = options
  const { disputeId, source, orderNo, role, associateId } = row
  const facts = { disputeId, source, orderNo, role, outcome, reason }
  const own = changes.find(change => change.associateId === associateId)
  const others = changes.filter(change => change !== own)
  await insertNotices(tx, {
    brandId,
    now,
    notices: [
      { associateId, kind: 'dispute_decided', details: { ...facts, changeFen: own?.amountFen ?? 0 } },
      ...others.map(({ associateId, amountFen }) => {
        return { associateId, kind: 'commission_changed' as const, details: { ...facts, changeFen: amountFen } }
      }),
    ],
  })
  const note = (to: string, changeFen: number) => ({
    kind: 'dispute_decided' as const,
    associateId: to,
    occasion: disputeId,
    at: now,
    details: { outcome, orderNo, isFiler: to === associateId, changeFen },
  })
  const notes = [
    note(associateId, own?.amountFen ?? 0),
    ...others.map(other => note(other.associateId, other.amountFen)),
  ]
  await noteMessages(tx, { brandId, now, notes })
}

/**
 * Takes a dispute back, while it is open: whoever it is of, and nobody else.
 *
 * @throws AppError not_found, forbidden; conflict where it was decided
 */
export async function withdrawDispute(
  pool: Pool,
  { caller, now, disputeId, body }: Asked & { disputeId: string; body: WithdrawalBody },
): Promise<DisputeItem> {
  const { brandId, actor } = caller
  return await transact(pool, async tx => {
    const row = await lockDispute(tx, caller, disputeId)
    if (caller.person?.associateId !== row.associateId) {
      throw new AppError('forbidden', 'Only he whose dispute it is takes it back.')
    }
    if (row.status === 'withdrawn') return shownDispute(row)
    if (row.status !== 'open') throw new AppError('conflict', `It was ${row.status} already.`)
    const reason = body.reason ?? null
    await insertDecision(tx, { brandId, disputeId, outcome: 'withdrawn', reason, overrideId: null, actor, now })
    const { source, orderNo, role, associateId } = row
    const details = { source, orderNo, role, associateId, reason }
    await insertActivity(tx, {
      brandId,
      now,
      actor,
      action: 'dispute.withdrawn',
      subject: subjectOf(disputeId),
      details,
    })
    return shownDispute(await getDispute(tx, caller, disputeId))
  })
}
