import { transact, type Db, type Pool } from '../../database.ts'
import { AppError, type Fault } from '../../errors.ts'
import { randomCode, uuidv7 } from '../../lib/ids.ts'
import { canonicalJson } from '../../lib/items.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { formatInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller, Scope } from '../auth/domain.ts'
import { areVisible } from '../commissions/service.ts'
import { worksAt } from '../handovers/domain.ts'
import { existingStores, readHistory, selectAssociates } from '../stores/service.ts'
import { adviceOf, type Wecom } from '../wecom/service.ts'
import { STATE_PREFIX, STATE_RANDOM, statusOf, type CodeKind } from './domain.ts'
import {
  insertCode,
  lockCode,
  selectCame,
  selectCode,
  selectCodes,
  selectFigures,
  selectGroupFigures,
  updateCode,
  type CodeRow,
  type NewCode,
} from './queries.ts'
import type { CodeBody, CodeChangeBody, CodeQuery, ListOnlyQuery, ShownCode } from './schema.ts'
import { tellOne } from './telling.ts'

/** Codes as headquarters makes, changes and reads them. */

export interface CodeDependencies {
  pool: Pool
  /** null: not set up. */
  wecom: Wecom | null
  now: () => Instant
}

const noCode = () => new AppError('not_found', 'There is no such code.')
const BRAND = (brandId: number): Scope => ({ brandId, reach: 'brand' })
/** Somebody waits for the picture; where WeCom takes longer it comes later. */
const AT_ONCE = { patience: 'interactive', deadlineMs: 4000 } as const

/** Codes that the asker may see, newest first. @throws AppError not_found, malformed_cursor */
export async function listCodes(db: Db, caller: Caller, query: CodeQuery) {
  const { scope } = caller
  const limit = query.limit ?? PAGE_DEFAULT
  const associate = query.associate ?? null
  const storeCode = query.storeCode ?? null
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['instant', 'uuid'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  if (!(await areVisible(db, { scope, storeCode, associate, memberNo: null }))) {
    throw new AppError('not_found', 'There is nothing here.')
  }
  const rows = await selectCodes(db, {
    scope,
    filter: { associate, storeCode, kind: query.kind ?? null, campaign: query.campaign ?? null },
    after: after && { at: String(after[0]), codeId: String(after[1]) },
    limit: limit + 1,
  })
  const figures = await figuresOf(db, scope.brandId, rows)
  return pageOf(
    rows,
    limit,
    row => [formatInstant(row.createdAt), row.codeId],
    row => shown(row, figures),
  )
}

/** @throws AppError not_found */
export async function readCode(db: Db, scope: Scope, codeId: string): Promise<ShownCode> {
  const row = await selectCode(db, { scope, codeId })
  if (!row) throw noCode()
  return shown(row, await figuresOf(db, scope.brandId, [row]))
}

/** Who came by a code, newest first. @throws AppError not_found, malformed_cursor */
export async function listCame(db: Db, scope: Scope, codeId: string, query: ListOnlyQuery) {
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['instant', 'text', 'text'])
  if (query.cursor !== undefined && !after) throw new AppError('malformed_cursor', 'This is no cursor of this list.')
  const code = await selectCode(db, { scope, codeId })
  if (!code) throw noCode()
  const rows = await selectCame(db, {
    brandId: scope.brandId,
    state: code.state,
    after: after && { at: String(after[0]), externalUserid: String(after[1]), associateId: String(after[2]) },
    limit: limit + 1,
  })
  return pageOf(
    rows,
    limit,
    row => [formatInstant(row.at), row.externalUserid, row.associateId],
    ({ at, lostAt, ...row }) => ({
      ...row,
      at: formatInstant(at),
      lostAt: lostAt === null ? null : formatInstant(lostAt),
    }),
  )
}

type Figures = ShownCode['figures']

async function figuresOf(db: Db, brandId: number, rows: readonly CodeRow[]): Promise<Map<string, Figures>> {
  const statesOf = (isWanted: (kind: CodeKind) => boolean) =>
    rows.filter(row => isWanted(row.kind)).map(row => row.state)
  const [friends, groups] = await Promise.all([
    selectFigures(db, { brandId, states: statesOf(kind => kind !== 'group_join_way') }),
    selectGroupFigures(db, { brandId, states: statesOf(kind => kind === 'group_join_way') }),
  ])
  const came = new Map([
    ...friends.map(({ state, ...rest }) => [state, rest] as const),
    ...groups.map(({ state, ...rest }) => [state, { ...rest, chats: 0, enrolled: 0 }] as const),
  ])
  return new Map(
    rows.map(({ state, profileOpens, friendRequests }) => {
      const own = came.get(state) ?? { added: 0, lost: 0, chats: 0, enrolled: 0 }
      return [state, { ...own, opens: profileOpens, requests: friendRequests }]
    }),
  )
}

function shown(row: CodeRow, figures: ReadonlyMap<string, Figures>): ShownCode {
  const { told, fault, errcode, address, roomName, roomNumber } = row
  const range = told?.['range'] as { user_list?: unknown } | undefined
  const users: unknown = told?.['user'] ?? range?.user_list
  return {
    codeId: row.codeId,
    kind: row.kind,
    name: row.name,
    campaign: row.campaign,
    associateId: row.associateId,
    storeCode: row.storeCode,
    state: row.state,
    skipVerify: row.skipVerify,
    chatIds: [...row.chatIds],
    newGroups: roomName === null ? null : { name: roomName, from: roomNumber ?? 1 },
    active: row.isActive,
    status: statusOf(row),
    url: row.url,
    users: Array.isArray(users) ? users.map(String) : [],
    fault:
      fault === null
        ? null
        : {
            reason: fault as NonNullable<ShownCode['fault']>['reason'],
            errcode,
            advice: errcode === null ? null : adviceOf({ errcode, address }),
          },
    figures: figures.get(row.state)!,
    createdBy: row.createdBy,
    createdAt: formatInstant(row.createdAt),
  }
}

/**
 * Makes a code. It is there when this returns; its picture is where WeCom made it at once, else it comes later.
 *
 * @returns not new where there is the same of this id
 * @throws AppError wecom.not_configured; invalid_body naming every fault; conflict where the id is another code's
 */
export async function createCode(
  { pool, wecom, now }: CodeDependencies,
  caller: Caller,
  body: CodeBody,
): Promise<{ isNew: boolean; code: ShownCode }> {
  if (!wecom) throw notConfigured()
  const { brandId, actor } = caller
  const at = now()
  const code: NewCode = {
    codeId: (body.codeId ?? uuidv7(at)).toLowerCase(),
    kind: body.kind,
    name: body.name,
    campaign: body.campaign ?? null,
    associateId: body.associateId ?? null,
    storeCode: body.storeCode ?? null,
    state: STATE_PREFIX + randomCode(STATE_RANDOM),
    skipVerify: body.skipVerify ?? true,
    chatIds: body.chatIds ?? [],
    roomName: body.newGroups?.name ?? null,
    roomNumber: body.newGroups?.from ?? null,
  }
  const faults = [...faultsOf(code), ...(await faultsOfOwner(pool, brandId, code, at))]
  if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)
  const isNew = await transact(pool, async tx => {
    if (!(await insertCode(tx, { brandId, code, createdBy: actor, now: at }))) return false
    await insertActivity(tx, {
      brandId,
      now: at,
      actor,
      action: 'channel_code.created',
      subject: `channel-codes/${code.codeId}`,
      details: { kind: code.kind, name: code.name, associateId: code.associateId, storeCode: code.storeCode },
    })
    return true
  })
  const { codeId } = code
  if (!isNew) {
    const before = await selectCode(pool, { scope: BRAND(brandId), codeId })
    if (!before || contentOf(before) !== contentOf(code)) {
      throw new AppError('conflict', 'There is another code of this id.')
    }
  }
  await tellOne({ pool, wecom, brandId, now }, { codeId, call: AT_ONCE })
  return { isNew, code: await readCode(pool, BRAND(brandId), codeId) }
}

const contentOf = ({ kind, name, campaign, associateId, storeCode, skipVerify, chatIds, roomName, roomNumber }: NewCode) =>
  canonicalJson({ kind, name, campaign, associateId, storeCode, skipVerify, chatIds, roomName, roomNumber }) // prettier-ignore

type Content = Pick<NewCode, 'kind' | 'associateId' | 'storeCode' | 'chatIds' | 'roomName'>

/** What cannot be of a code. */
function faultsOf({ kind, associateId, storeCode, chatIds, roomName }: Content): Fault[] {
  const faults: Fault[] = []
  const fault = (path: string, code: string, message: string) => faults.push({ path, code, message })
  if ((associateId === null) === (storeCode === null)) {
    fault(
      'associateId',
      'invalid_value',
      'A code is an associate’s or a store’s: say one of associateId and storeCode.',
    )
  }
  if (new Set(chatIds).size < chatIds.length) fault('chatIds', 'named_twice', 'A group is named twice.')
  if (kind === 'group_join_way') {
    if (chatIds.length === 0 && roomName === null) {
      fault('chatIds', 'missing_field', 'Name the groups that it leads to, or newGroups.')
    }
  } else if (chatIds.length > 0 || roomName !== null) {
    fault('chatIds', 'invalid_value', 'Only a group_join_way leads to groups.')
  }
  return faults
}

async function faultsOfOwner(db: Db, brandId: number, code: NewCode, now: Instant): Promise<Fault[]> {
  const { associateId, storeCode } = code
  const fault = (path: string, kind: string, message: string): Fault[] => [{ path, code: kind, message }]
  if (storeCode !== null && !(await existingStores(db, brandId, [storeCode])).has(storeCode)) {
    return fault('storeCode', 'unknown_store', `There is no store ${JSON.stringify(storeCode)}.`)
  }
  if (associateId === null) return []
  const [associate] = await selectAssociates(db, { brandId, associateIds: [associateId] })
  if (!associate) {
    return fault('associateId', 'unknown_associate', `There is no associate ${JSON.stringify(associateId)}.`)
  }
  if (readHistory(associate.kinds).at(-1)?.value === 'customer') {
    return fault('associateId', 'invalid_value', 'A customer who promotes has no place in WeCom.')
  }
  return worksAt(associate.employments, now) ? [] : fault('associateId', 'inactive', 'He does not work here.')
}

/**
 * Changes a code; an absent field keeps what it has.
 *
 * @throws AppError wecom.not_configured, not_found, invalid_body
 */
export async function changeCode(
  { pool, wecom, now }: CodeDependencies,
  caller: Caller,
  { codeId, body }: { codeId: string; body: CodeChangeBody },
): Promise<ShownCode> {
  if (!wecom) throw notConfigured()
  const { brandId, actor } = caller
  const at = now()
  await transact(pool, async tx => {
    const before = await lockCode(tx, { brandId, codeId })
    if (before?.deletedAt !== null) throw noCode()
    const room = body.newGroups === undefined ? before : { roomName: body.newGroups?.name ?? null, roomNumber: body.newGroups?.from ?? null } // prettier-ignore
    const after = {
      ...before,
      name: body.name ?? before.name,
      campaign: body.campaign === undefined ? before.campaign : body.campaign,
      skipVerify: body.skipVerify ?? before.skipVerify,
      chatIds: body.chatIds ?? before.chatIds,
      roomName: room.roomName,
      roomNumber: room.roomNumber,
      isActive: body.active ?? before.isActive,
    }
    const faults = faultsOf(after)
    if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)
    if (contentOf(after) === contentOf(before) && after.isActive === before.isActive) return
    await updateCode(tx, { brandId, codeId, change: after, now: at })
    const subject = `channel-codes/${codeId}`
    await insertActivity(tx, { brandId, now: at, actor, action: 'channel_code.changed', subject, details: { ...body } })
  })
  await tellOne({ pool, wecom, brandId, now }, { codeId, call: AT_ONCE })
  return await readCode(pool, BRAND(brandId), codeId)
}

/**
 * Takes a code away, here and in WeCom. Who came by it stays known.
 *
 * @throws AppError wecom.not_configured, not_found
 */
export async function deleteCode(
  { pool, wecom, now }: CodeDependencies,
  caller: Caller,
  { codeId }: { codeId: string },
): Promise<void> {
  if (!wecom) throw notConfigured()
  const { brandId, actor } = caller
  const at = now()
  await transact(pool, async tx => {
    const before = await lockCode(tx, { brandId, codeId })
    if (!before) throw noCode()
    if (before.deletedAt !== null) return
    await updateCode(tx, { brandId, codeId, change: { ...before, isActive: false, deletedAt: at }, now: at })
    const subject = `channel-codes/${codeId}`
    await insertActivity(tx, { brandId, now: at, actor, action: 'channel_code.deleted', subject, details: { name: before.name } }) // prettier-ignore
  })
  await tellOne({ pool, wecom, brandId, now }, { codeId, call: AT_ONCE })
}

const notConfigured = () => new AppError('wecom.not_configured', 'WeCom is not set up for this service.')
