import { transact, type Db, type Pool, type Tx } from '../../database.ts'
import { AppError, type Fault } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import type { ItemResult } from '../../lib/items.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { formatInstant, parseInstant, type Instant } from '../../lib/time.ts'
import type { Vault } from '../../lib/vault.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller, Scope } from '../auth/domain.ts'
import { takeTurns } from '../evidence/service.ts'
import { takeItems } from '../ingest/service.ts'
import type { MemberAssignmentItem } from '../members/schema.ts'
import { selectAssociates, type AssociateRow } from '../stores/service.ts'
import { isLeaver, LEAVING_DAYS, soonAfter, spanOfHandover, storesToHandOver, undoneFrom, worksAt } from './domain.ts'
import {
  insertHandover,
  selectAttributed,
  selectHandover,
  selectHandoverMembers,
  selectHandovers,
  selectLastHandover,
  selectLastNumbers,
  selectLeavers,
  selectMemberDetails,
  selectMembersOf,
  updateUndone,
  type HandoverRow,
} from './queries.ts'
import { MEMBERS_MAX, type CandidateQuery, type Handover, type HandoverBody, type ListOnlyQuery } from './schema.ts'
import type { UndoneHandover } from './schema.ts'

export { countMembersOf, selectAttributed as attributedOf, selectMembersOf as membersOfAssociate } from './queries.ts'

/** What a handover is written with: the assignments are evidence like any other. */
export interface HandoverDependencies {
  pool: Pool
  vault: Vault
  publicUrl: string
}

interface Asked {
  caller: Caller
  now: Instant
}

// --------------------------------------------------------------------------------------------------- reads

/** Whose leavers somebody sees: a store's; an associate has no such page. null: all. @throws AppError not_found */
export function storesSeen(scope: Scope): readonly string[] | null {
  if (scope.reach === 'self') throw new AppError('not_found', 'There is nothing here.')
  return scope.reach === 'brand' ? null : scope.storeCodes
}

export const isSeen = (
  associate: AssociateRow | undefined,
  stores: readonly string[] | null,
): associate is AssociateRow =>
  associate !== undefined && (stores === null || (associate.storeCode !== null && stores.includes(associate.storeCode)))

/** Who left, or leaves soon, and still has members. @throws AppError not_found, malformed_cursor */
export async function listLeavers(db: Db, { caller, now, query }: Asked & { query: ListOnlyQuery }) {
  const limit = query.limit ?? PAGE_DEFAULT
  const rows = await selectLeavers(db, {
    brandId: caller.brandId,
    storeCodes: storesSeen(caller.scope),
    now,
    soon: soonAfter(now),
    after: textCursor(query.cursor),
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [row.associateId],
    row => ({ ...row, activeTo: row.activeTo === null ? null : formatInstant(row.activeTo) }),
  )
}

/** The members who are an associate's now. @throws AppError not_found, malformed_cursor */
export async function listCandidates(db: Db, { caller, now, query }: Asked & { query: CandidateQuery }) {
  const { brandId, zone, scope } = caller
  const limit = query.limit ?? PAGE_DEFAULT
  const after = textCursor(query.cursor)
  const stores = storesSeen(scope)
  const [associate] = await selectAssociates(db, { brandId, associateIds: [query.associate] })
  if (!isSeen(associate, stores)) throw new AppError('not_found', 'There is no such associate.')
  const { associateId } = associate
  const rows = await selectMembersOf(db, { brandId, associateId, at: now, after, limit: limit + 1 })
  const memberNos = rows.map(row => row.memberNo)
  const details = await selectMemberDetails(db, { brandId, memberNos, now, zone })
  const byMember = new Map(details.map(row => [row.memberNo, row]))
  return pageOf(
    rows,
    limit,
    row => [row.memberNo],
    ({ memberNo, since }) => {
      const { lastPaidAt, ...rest } = byMember.get(memberNo)!
      return {
        ...rest,
        since: formatInstant(since),
        lastPaidAt: lastPaidAt === null ? null : formatInstant(lastPaidAt),
      }
    },
  )
}

/** Handovers, newest first. @throws AppError not_found, malformed_cursor */
export async function listHandovers(db: Db, { scope }: Caller, query: ListOnlyQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['uuid'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const rows = await selectHandovers(db, {
    brandId: scope.brandId,
    storeCodes: storesSeen(scope),
    after: after && String(after[0]),
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [row.handoverId], shown)
}

/** A handover with a page of its members. @throws AppError not_found, malformed_cursor */
export async function readHandover(
  db: Db,
  { scope }: Caller,
  { handoverId, query }: { handoverId: string; query: ListOnlyQuery },
) {
  const { brandId } = scope
  const limit = query.limit ?? PAGE_DEFAULT
  const after = textCursor(query.cursor)
  const handover = await getHandover(db, brandId, handoverId, storesSeen(scope))
  const rows = await selectHandoverMembers(db, { brandId, handoverId, after, limit: limit + 1 })
  return {
    ...shown(handover),
    ...pageOf(
      rows,
      limit,
      row => [row.memberNo],
      row => row,
    ),
  }
}

/** @throws AppError not_found */
async function getHandover(db: Db, brandId: number, handoverId: string, storeCodes: readonly string[] | null) {
  const handover = await selectHandover(db, { brandId, handoverId, storeCodes })
  if (!handover) throw new AppError('not_found', 'There is no such handover.')
  return handover
}

/** @throws AppError malformed_cursor */
function textCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null
  const position = decodeCursor(cursor, ['text'])
  if (!position) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  return String(position[0])
}

const shown = (row: HandoverRow): Handover => ({
  ...row,
  fromAt: formatInstant(row.fromAt),
  madeAt: formatInstant(row.madeAt),
  undoneAt: row.undoneAt === null ? null : formatInstant(row.undoneAt),
})

// -------------------------------------------------------------------------------------------------- writes

/** Refuses whoever may not hand over at all, before anything is looked at. @throws AppError forbidden */
export function checkMayHandOver(caller: Caller): void {
  if (storesToHandOver(caller) === 'nobody') {
    throw new AppError('forbidden', 'This is for headquarters, and for the manager of the store.')
  }
}

/** Between whose people somebody may move members; null: all. @throws AppError forbidden */
export function storesOf(caller: Caller): readonly string[] | null {
  checkMayHandOver(caller)
  return storesToHandOver(caller) as readonly string[] | null
}

interface Move {
  memberNo: string
  toAssociate: string
}

/**
 * Gives a leaver's members to others, all of them or none. Written as assignments with the reason, so what he earned
 * before stays his and what is paid from then on is the others'.
 *
 * @returns the handover; not new where the last one of this leaver said the same, so that a retry is harmless
 * @throws AppError forbidden; not_found where the leaver is not there or not one's own; invalid_body;
 *   handover.not_his naming each member that is not his; conflict where he has none
 */
export async function handOver(
  dependencies: HandoverDependencies,
  { caller, body, now }: Asked & { body: HandoverBody },
): Promise<{ isNew: boolean; handover: Handover }> {
  const { brandId, actor } = caller
  const { fromAssociate, reason } = body
  const stores = storesOf(caller)
  const fromAt = body.fromAt === undefined ? now : parseInstant(body.fromAt)!
  const wanted = formOf(body)
  return await transact(dependencies.pool, async tx => {
    const associates = new Map(
      (
        await selectAssociates(tx, { brandId, associateIds: [...new Set([fromAssociate, ...receiversOf(wanted)])] })
      ).map(row => [row.associateId, row]),
    )
    const leaver = associates.get(fromAssociate)
    if (!isSeen(leaver, stores)) throw new AppError('not_found', 'There is no such associate.')
    const from = Math.max(now, fromAt)
    const faults = [
      ...faultsOfLeaver(leaver, { fromAt, now }),
      ...faultsOfReceivers(wanted, { fromAssociate, at: from, associates, stores }),
    ]
    if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)

    await takeTurns(tx, brandId, 'member-assignments')
    const his = await selectMembersOf(tx, {
      brandId,
      associateId: fromAssociate,
      at: from,
      after: null,
      limit: 1_000_000,
    })
    const mine = new Set(his.filter(row => row.since <= fromAt).map(row => row.memberNo))
    const moves = await movesOf(tx, brandId, wanted, mine)
    const isHis = moves.length > 0 && moves.every(move => mine.has(move.memberNo))
    if (!isHis) {
      const before = await selectLastHandover(tx, { brandId, fromAssociate })
      if (before?.reason === reason && (await saysTheSame(tx, brandId, before, wanted, moves))) {
        return { isNew: false, handover: shown(before) }
      }
      if (moves.length === 0) throw new AppError('conflict', 'He has no members to hand over.')
      throw notHis(wanted, move => mine.has(move.memberNo), moves)
    }
    if (moves.length > MEMBERS_MAX) {
      const message = `He has ${moves.length} members; at most ${MEMBERS_MAX} are handed over at once: name them.`
      throw new AppError('invalid_body', message, [{ path: 'all', code: 'too_many', message }])
    }

    const handoverId = uuidv7(now)
    await insertHandover(tx, { brandId, handoverId, fromAssociate, reason, fromAt, madeBy: actor, now, members: moves })
    const results = await assign(tx, dependencies, { caller, now, from: fromAt, reason, moves })
    if (results.some(result => result.status === 'rejected')) {
      throw notHis(wanted, (_, i) => results[i]!.status !== 'rejected', moves)
    }
    await insertActivity(tx, {
      brandId,
      now,
      actor,
      action: 'handover.made',
      subject: `handovers/${handoverId}`,
      details: { fromAssociate, members: moves.length },
    })
    return { isNew: true, handover: shown(await getHandover(tx, brandId, handoverId, null)) }
  })
}

/** Who is asked for: each member by name, or all of them for one. */
type Wanted = { moves: readonly Move[] } | { allTo: string }

/** @throws AppError invalid_body */
function formOf({ assignments, toAssociate, all }: HandoverBody): Wanted {
  if (assignments !== undefined && toAssociate === undefined && all === undefined) return { moves: assignments }
  if (assignments === undefined && toAssociate !== undefined && all === true) return { allTo: toAssociate }
  const message = 'Give assignments, or toAssociate and "all": true.'
  throw new AppError('invalid_body', message, [{ path: 'assignments', code: 'invalid_value', message }])
}

const receiversOf = (wanted: Wanted): string[] =>
  'allTo' in wanted ? [wanted.allTo] : wanted.moves.map(move => move.toAssociate)

function faultsOfLeaver({ employments }: AssociateRow, { fromAt, now }: { fromAt: Instant; now: Instant }): Fault[] {
  if (!isLeaver(employments, now)) {
    const message = `He works here, and will in ${LEAVING_DAYS} days.`
    return [{ path: 'fromAssociate', code: 'not_a_leaver', message }]
  }
  const { earliest, latest } = spanOfHandover(employments, now)
  if ((earliest !== null && fromAt < earliest) || fromAt > latest) {
    const bounds = [earliest, latest].map(bound => (bound === null ? 'any instant' : formatInstant(bound)))
    const message = `It must lie between ${bounds.join(' and ')}: what he earned stays his.`
    return [{ path: 'fromAt', code: 'out_of_range', message }]
  }
  return []
}

function faultsOfReceivers(
  wanted: Wanted,
  options: {
    fromAssociate: string
    at: Instant
    associates: ReadonlyMap<string, AssociateRow>
    stores: readonly string[] | null
  },
): Fault[] {
  const { fromAssociate, at, associates, stores } = options
  return receiversOf(wanted).flatMap((toAssociate, i): Fault[] => {
    const path = 'allTo' in wanted ? 'toAssociate' : `assignments[${i}].toAssociate`
    const associate = associates.get(toAssociate)
    if (!isSeen(associate, stores)) {
      return [{ path, code: 'unknown_associate', message: `There is no associate ${JSON.stringify(toAssociate)}.` }]
    }
    if (toAssociate === fromAssociate) return [{ path, code: 'same_associate', message: 'They are his already.' }]
    return worksAt(associate.employments, at)
      ? []
      : [{ path, code: 'inactive', message: `${toAssociate} does not work here then.` }]
  })
}

/**
 * The members asked for, by their last numbers; one that nobody knows keeps his.
 *
 * @throws AppError invalid_body where a person is named twice
 */
async function movesOf(tx: Tx, brandId: number, wanted: Wanted, mine: ReadonlySet<string>): Promise<Move[]> {
  if ('allTo' in wanted) return [...mine].map(memberNo => ({ memberNo, toAssociate: wanted.allTo }))
  const last = await selectLastNumbers(tx, { brandId, memberNos: wanted.moves.map(move => move.memberNo) })
  const moves = wanted.moves.map(move => ({ ...move, memberNo: last.get(move.memberNo) ?? move.memberNo }))
  const seen = new Set<string>()
  const faults = moves.flatMap(({ memberNo }, i): Fault[] => {
    if (!seen.has(memberNo)) {
      seen.add(memberNo)
      return []
    }
    return [{ path: `assignments[${i}].memberNo`, code: 'named_twice', message: `${memberNo} is named before.` }]
  })
  if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)
  return moves
}

function notHis(wanted: Wanted, isHis: (move: Move, i: number) => boolean, moves: readonly Move[]): AppError {
  const faults = moves.flatMap((move, i): Fault[] =>
    isHis(move, i)
      ? []
      : [
          {
            path: 'allTo' in wanted ? 'all' : `assignments[${i}].memberNo`,
            code: 'not_his',
            message: `${'allTo' in wanted ? move.memberNo : wanted.moves[i]!.memberNo} is not his at that instant.`,
          },
        ],
  )
  return new AppError(
    'handover.not_his',
    `${faults.length} of the members are not his; nobody was handed over.`,
    faults,
  )
}

/** Whether a handover is what is asked for now: its answer was lost. */
async function saysTheSame(tx: Tx, brandId: number, before: HandoverRow, wanted: Wanted, moves: readonly Move[]) {
  const { handoverId } = before
  const members = await selectHandoverMembers(tx, { brandId, handoverId, after: null, limit: MEMBERS_MAX })
  if ('allTo' in wanted) return moves.length === 0 && members.every(member => member.toAssociate === wanted.allTo)
  const given = new Map(members.map(member => [member.memberNo, member.toAssociate]))
  return given.size === moves.length && moves.every(move => given.get(move.memberNo) === move.toAssociate)
}

/** Tells of assignments as the ingest does, with all that follows from them. */
export async function assign(
  tx: Tx,
  { vault, publicUrl }: Omit<HandoverDependencies, 'pool'>,
  options: {
    caller: Pick<Caller, 'brandId' | 'actor' | 'id'>
    now: Instant
    from: Instant
    reason: string
    /** Whose each of them becomes; null: nobody’s. */
    moves: readonly { memberNo: string; toAssociate: string | null }[]
  },
): Promise<ItemResult[]> {
  const { caller, now, from, reason, moves } = options
  return await takeItems(tx, {
    kind: 'member-assignments',
    brandId: caller.brandId,
    actor: caller.actor,
    callerId: caller.id,
    vault,
    publicUrl,
    now,
    items: moves.map(({ memberNo, toAssociate }): MemberAssignmentItem => ({
      memberNo,
      from: formatInstant(from),
      attributedAssociate: toAssociate,
      reason,
    })),
  })
}

/**
 * Takes a handover back from now on: who is still with whom he was given to goes back to the leaver. What was sold in
 * between stays as it is, and who was given to somebody else since stays there.
 *
 * @throws AppError forbidden, not_found
 */
export async function undoHandover(
  dependencies: HandoverDependencies,
  { caller, handoverId, reason, now }: Asked & { handoverId: string; reason: string },
): Promise<UndoneHandover> {
  const { brandId, actor } = caller
  const stores = storesOf(caller)
  return await transact(dependencies.pool, async tx => {
    await takeTurns(tx, brandId, 'member-assignments')
    const handover = await getHandover(tx, brandId, handoverId, stores)
    const { fromAssociate, fromAt } = handover
    const members = await selectHandoverMembers(tx, { brandId, handoverId, after: null, limit: MEMBERS_MAX })
    if (handover.undoneAt === null) {
      const from = undoneFrom(fromAt, now)
      const attributed = await selectAttributed(tx, {
        brandId,
        memberNos: members.map(member => member.memberNo),
        at: from,
      })
      const moves = members
        .filter(({ memberNo, toAssociate }) => attributed.get(memberNo) === toAssociate)
        .map(({ memberNo }) => ({ memberNo, toAssociate: fromAssociate }))
      await assign(tx, dependencies, { caller, now, from, reason, moves })
      await updateUndone(tx, { brandId, handoverId, undoneBy: actor, reason, now })
      await insertActivity(tx, {
        brandId,
        now,
        actor,
        action: 'handover.undone',
        subject: `handovers/${handover.handoverId}`,
        details: { fromAssociate, reason },
      })
    }
    const after = await selectHandoverMembers(tx, { brandId, handoverId, after: null, limit: MEMBERS_MAX })
    const left = after.filter(member => member.returned === false).map(member => member.memberNo)
    const holders = await selectAttributed(tx, { brandId, memberNos: left, at: now })
    return {
      ...shown(await getHandover(tx, brandId, handoverId, stores)),
      left: left.map(memberNo => ({ memberNo, associateId: holders.get(memberNo) ?? null })),
    }
  })
}
