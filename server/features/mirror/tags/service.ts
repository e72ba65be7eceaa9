import { setTimeout as sleep } from 'node:timers/promises'
import { transact, type Pool, type Tx } from '../../../database.ts'
import { AppError } from '../../../errors.ts'
import { uuidv7 } from '../../../lib/ids.ts'
import { insertActivity } from '../../activity/service.ts'
import type { Caller, Person } from '../../auth/domain.ts'
import { maskPhone } from '../../members/domain.ts'
import { adviceOf, WecomError, type Answer, type Wecom } from '../../wecom/service.ts'
import { nextCursor, readContact, type FriendSeen } from '../answers.ts'
import { friendSeen, type FriendRow } from '../domain.ts'
import { selectIsFriend } from '../queries.ts'
import { changeFriends, type Taking } from '../service.ts'
import { deleteChange, selectOwnFriend, selectTags, takeChange, type OwnFriend, type TagRow } from './queries.ts'
import type { FriendDetails, RemarkChange, TagChange } from './schema.ts'

/** How long somebody who opens a chat waits for WeCom; else he sees what was last seen. */
const OPENING_MS = 1500
/** How many pages of a customer's friends are asked for; 500 are on one. */
const PAGES_MAX = 10
/** How long one change may take, and how long the next one waits for it. */
const LEASE_MS = 15_000
const WAIT_MS = 5000
const LOOK_MS = 100
const UNKNOWN_TAG = 40068

export interface FriendDependencies extends Omit<Taking, 'brandId'> {
  pool: Pool
  /** null: the settings do not name one. */
  wecom: Wecom | null
}

/**
 * What WeCom has of the asker's friendship. WeCom is asked, since it tells nobody when remarked phone numbers change;
 * where it is slow or away the answer is as it was last seen.
 *
 * @throws AppError not_found where he is no friend of the asker's
 */
export async function readFriend(
  dependencies: FriendDependencies,
  caller: Caller,
  { externalUserid }: { externalUserid: string },
): Promise<FriendDetails> {
  const { pool, now } = dependencies
  const { brandId } = caller
  const { associateId: userid } = personOf(caller)
  const key = { brandId, userid, externalUserid }
  const [known, tags] = await Promise.all([selectOwnFriend(pool, key), selectTags(pool, { brandId })])
  if (!known) throw new AppError('not_found', 'There is no such friend.')
  const wecom = dependencies.wecom?.brandId === brandId ? dependencies.wecom : null
  const askedAt = now()
  const shown = wecom && (await askOwn(wecom, key))
  if (!shown) return { ...detailsOf(externalUserid, known, tags), isFresh: false, company: null, mobilesMasked: null }
  if (!isSame(known, shown.friend)) {
    await transact(pool, tx =>
      changeFriends(tx, { ...dependencies, brandId }, [shown.friend], before =>
        before?.endedAt === null ? friendSeen(before, shown.friend, { askedAt }) : null,
      ),
    )
  }
  const details = detailsOf(externalUserid, shown.friend, tags)
  return { ...details, isFresh: true, company: shown.company, mobilesMasked: shown.mobiles.map(maskPhone) }
}

const detailsOf = (
  externalUserid: string,
  { remark, description, tagIds }: Pick<OwnFriend, 'remark' | 'description' | 'tagIds'>,
  tags: readonly TagRow[],
) => ({
  externalUserid,
  remark,
  description,
  groups: [...new Map(tags.map(tag => [tag.groupId, tag.groupName]))].map(([groupId, name]) => ({
    groupId,
    name,
    tags: tags
      .filter(tag => tag.groupId === groupId)
      .map(tag => ({ tagId: tag.tagId, name: tag.name, isMarked: tagIds.includes(tag.tagId) })),
  })),
})

const isSame = (known: OwnFriend, shown: FriendSeen) => {
  const of = ({ remark, description, tagIds }: Pick<OwnFriend, 'remark' | 'description' | 'tagIds'>) =>
    JSON.stringify([remark, description, [...tagIds].sort()])
  return of(known) === of(shown)
}

/** The asker's friendship as WeCom shows it now; null where it shows none, or does not answer in time. */
async function askOwn(wecom: Wecom, { userid, externalUserid }: { userid: string; externalUserid: string }) {
  const signal = AbortSignal.timeout(OPENING_MS)
  let cursor: string | null = null
  try {
    for (let page = 0; page < PAGES_MAX; page++) {
      const query: Record<string, string> = { external_userid: externalUserid, ...(cursor === null ? {} : { cursor }) }
      const answer: Answer = await wecom.call('externalcontact/get', { query, deadlineMs: OPENING_MS, signal })
      const friend = readContact(answer).friends.find(one => one.userid === userid)
      const follow = ((answer['follow_user'] ?? []) as Answer[]).find(one => one['userid'] === userid)
      if (friend && follow) {
        const company = follow['remark_corp_name']
        const mobiles = follow['remark_mobiles']
        return {
          friend,
          company: typeof company === 'string' && company !== '' ? company : null,
          mobiles: Array.isArray(mobiles) ? mobiles.filter(one => typeof one === 'string' && one !== '') : [],
        } as { friend: FriendSeen; company: string | null; mobiles: string[] }
      }
      cursor = nextCursor(answer)
      if (cursor === null) return null
    }
    return null
  } catch (error) {
    if (error instanceof WecomError || signal.aborted) return null
    throw error
  }
}

/**
 * Marks a friend with tags of the corporation, and takes others off him, for the asker's own friendship.
 *
 * @throws AppError not_found, forbidden where he is no friend of the asker's; invalid_body; wecom.unknown_tag; and as
 *   `change`
 */
export async function markFriend(
  dependencies: FriendDependencies,
  caller: Caller,
  { externalUserid, change: { add = [], remove = [] } }: { externalUserid: string; change: TagChange },
): Promise<{ externalUserid: string; tagIds: string[] }> {
  const { brandId } = caller
  await checkFriend(dependencies.pool, caller, externalUserid)
  if (add.length + remove.length === 0) throw new AppError('invalid_body', 'Say what to add or to remove.')
  const both = add.findIndex(tagId => remove.includes(tagId))
  if (both >= 0) {
    const message = 'It cannot be added and removed at once.'
    throw new AppError('invalid_body', message, [{ path: `add[${both}]`, code: 'invalid_value', message }])
  }
  const names = new Map((await selectTags(dependencies.pool, { brandId })).map(tag => [tag.tagId, tag.name]))
  const unknown =
    [...add.map((id, i) => ({ id, path: `add[${i}]` })), ...remove.map((id, i) => ({ id, path: `remove[${i}]` }))] // prettier-ignore
      .filter(({ id }) => !names.has(id))
  if (unknown.length > 0) throw unknownTag(unknown.map(({ path }) => path))
  const row = await change(dependencies, caller, externalUserid, {
    api: 'externalcontact/mark_tag',
    body: { ...(add.length > 0 ? { add_tag: add } : {}), ...(remove.length > 0 ? { remove_tag: remove } : {}) },
    become: before => ({
      ...before,
      tagIds: [...new Set([...before.tagIds, ...add])].filter(tagId => !remove.includes(tagId)),
    }),
    action: 'customer.tagged',
    details: { added: add.map(id => names.get(id)), removed: remove.map(id => names.get(id)) },
  })
  return { externalUserid, tagIds: row.tagIds }
}

/**
 * Writes what the asker remarks of a friend.
 *
 * @throws AppError not_found, forbidden where he is no friend of the asker's; invalid_body; and as `change`
 */
export async function remarkFriend(
  dependencies: FriendDependencies,
  caller: Caller,
  { externalUserid, change: told }: { externalUserid: string; change: RemarkChange },
): Promise<{ externalUserid: string; remark: string | null; description: string | null }> {
  const { remark, description, company, mobiles } = told
  await checkFriend(dependencies.pool, caller, externalUserid)
  const fields = Object.keys(told)
  if (fields.length === 0) throw new AppError('invalid_body', 'Say what to write.')
  const { brandId } = caller
  const own = await selectOwnFriend(dependencies.pool, {
    brandId,
    userid: personOf(caller).associateId,
    externalUserid,
  })
  if (company !== undefined && own?.type === 2) {
    const message = 'Only customers from WeChat have a company to be remarked.'
    throw new AppError('invalid_body', message, [{ path: 'company', code: 'invalid_value', message }])
  }
  const row = await change(dependencies, caller, externalUserid, {
    api: 'externalcontact/remark',
    body: {
      ...(remark === undefined ? {} : { remark }),
      ...(description === undefined ? {} : { description }),
      ...(company === undefined ? {} : { remark_company: company }),
      // One empty text clears them.
      ...(mobiles === undefined ? {} : { remark_mobiles: mobiles.length === 0 ? [''] : mobiles }),
    },
    become: before => ({
      ...before,
      remark: remark ?? before.remark,
      description: description ?? before.description,
    }),
    action: 'customer.remarked',
    details: { fields },
  })
  return { externalUserid, remark: row.remark, description: row.description }
}

interface Change {
  api: string
  body: object
  become: (before: FriendRow) => FriendRow
  action: string
  details: Record<string, unknown>
}

/**
 * Changes a friendship in WeCom, then in the mirror: WeCom calls nobody back about what came by its API. Two changes of
 * one friendship go one after the other, so that the mirror ends with what WeCom ended with. Where WeCom refuses,
 * nothing is changed here.
 *
 * @throws AppError wecom.not_configured; wecom.busy where another change takes too long; wecom.refused;
 *   wecom.unreachable where WeCom did not answer, and may have done it
 */
async function change(
  dependencies: FriendDependencies,
  caller: Caller,
  externalUserid: string,
  { api, body, become, action, details }: Change,
): Promise<FriendRow> {
  const { pool, wecom, now } = dependencies
  const { brandId, actor } = caller
  if (wecom?.brandId !== brandId) throw new AppError('wecom.not_configured', 'WeCom is not set up.')
  const { associateId: userid } = personOf(caller)
  const mine = { brandId, userid, externalUserid, changeId: uuidv7(now()) }
  const endsMs = performance.now() + WAIT_MS
  while (!(await takeChange(pool, { ...mine, now: now(), leasedUntil: now() + LEASE_MS }))) {
    if (performance.now() > endsMs) {
      throw new AppError('wecom.busy', '这位客户正在被修改，请稍后再试。 This friend is being changed; try again soon.')
    }
    await sleep(LOOK_MS)
  }
  try {
    // Said twice it is as good as once.
    await wecom.call(api, { body: { userid, external_userid: externalUserid, ...body }, isHarmless: true })
    return await transact(pool, async tx => {
      const row = await updateFriend(tx, { ...dependencies, brandId }, mine, become)
      await insertActivity(tx, { brandId, now: now(), actor, action, subject: `customers/${externalUserid}`, details })
      return row
    })
  } catch (error) {
    throw error instanceof WecomError ? refusalOf(error) : error
  } finally {
    await deleteChange(pool, mine)
  }
}

/** @throws AppError not_found where the mirror lost the friendship meanwhile */
async function updateFriend(
  tx: Tx,
  taking: Taking,
  key: { userid: string; externalUserid: string },
  become: (before: FriendRow) => FriendRow,
): Promise<FriendRow> {
  let written: FriendRow | null = null
  await changeFriends(tx, taking, [key], before => {
    if (!before) return null
    // A walk that asked before must not bring back what was there then.
    written = { ...become(before), seenAt: Math.max(before.seenAt, taking.now()) }
    return { row: written, told: [], change: 'details' }
  })
  if (written === null) throw new AppError('not_found', 'There is no such friend.')
  return written
}

function refusalOf(error: WecomError): AppError {
  if (error.errcode === UNKNOWN_TAG) return unknownTag([])
  if (error.errcode === null) {
    return new AppError(
      'wecom.unreachable',
      '企业微信没有回应，可能已经改了，请刷新再看。 WeCom did not answer and may have done it; look again.',
    )
  }
  const { zh, en } = adviceOf(error)
  return new AppError('wecom.refused', `${zh} ${en}`, [
    { path: '', code: `errcode_${error.errcode}`, message: `${zh} ${en}` },
  ])
}

const unknownTag = (paths: readonly string[]) => {
  const message = '企业微信里没有这个标签了。 The corporation has no such tag.'
  return new AppError(
    'wecom.unknown_tag',
    message,
    paths.map(path => ({ path, code: 'unknown_tag', message })),
  )
}

/** Routes let nobody else in. */
function personOf({ person }: Caller): Person {
  if (!person) throw new Error('this is only asked in person')
  return person
}

/** Only his own friendship; whoever sees the brand is told that it is somebody else's. */
async function checkFriend(pool: Pool, caller: Caller, externalUserid: string): Promise<void> {
  const { brandId, scope } = caller
  if (await selectIsFriend(pool, { brandId, userid: personOf(caller).associateId, externalUserid })) return
  if (scope.reach === 'brand') throw new AppError('forbidden', 'Only a friend of his can change that.')
  throw new AppError('not_found', 'There is no such friend.')
}
