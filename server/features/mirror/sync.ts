import { transact, type Pool, type Tx } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { DAY_MS, dayOf, instantOfLocal, MINUTE_MS, type Instant } from '../../lib/time.ts'
import { selectBrand } from '../auth/service.ts'
import { isForbidden, isPassing, WecomError, type Answer } from '../wecom/service.ts'
import {
  nextCursor,
  readContacts,
  readDepartmentName,
  readDepartments,
  readGroup,
  readGroupIds,
  readStaff,
  readTags,
  texts,
} from './answers.ts'
import { friendMissing, friendTold } from './domain.ts'
import {
  claimSync,
  deleteOldSyncs,
  insertSync,
  lockMissingFriends,
  releaseSync,
  replaceDepartments,
  replaceTags,
  selectDepartmentIds,
  selectFollowers,
  selectMissingGroups,
  selectSyncs,
  selectUntoldFriends,
  selectUntoldIdentities,
  updateDepartmentName,
  updateFollowers,
  updateFriendsTold,
  updateGroupsDissolved,
  updateStaffGone,
  updateSync,
  upsertStaff,
  type SyncFault,
  type SyncRow,
  type SyncStage,
} from './queries.ts'
import {
  applyContacts,
  applyGroup,
  tellFriends,
  tellIdentities,
  writeFriendChanges,
  type MirrorDependencies,
  type Repairs,
} from './service.ts'

/**
 * Walks through everything that WeCom has, a page at a time. Where it stands is written down with each page, in the
 * page's own transaction; whoever finds a walk that nobody works on goes on with it.
 */

const STAGES: readonly SyncStage[] = ['departments', 'staff', 'tags', 'followers', 'customers', 'groups', 'evidence']
/** A walk through the people alone ends before the customers. */
const STAFF_STAGES: readonly SyncStage[] = ['departments', 'staff', 'followers']

const LEASE_MS = MINUTE_MS
/** A call must be answered well within the lease. */
const ASKED = { patience: 'job', deadlineMs: 40_000 } as const
const PEOPLE_PER_CALL = 100
const CONTACTS_PER_CALL = 100
const GROUPS_PER_CALL = 1000
const ROWS_PER_PAGE = 200
/** When in the night of the brand's calendar. */
const NIGHTLY_HOUR = 3
/** After a walk in which WeCom refused something: an administrator may have mended it. */
const PARTIAL_AGAIN_MS = 15 * MINUTE_MS
const KEPT_DAYS = 90
const FAULTS_KEPT = 50

/** What a page did, and where the next one begins; no position: the stage is over. */
interface Page {
  apply: (tx: Tx, repairs: Repairs) => Promise<void>
  position: Record<string, unknown> | null
  counts?: Record<string, number>
  faults?: SyncFault[]
}

/** Begins a walk where one is due. */
export async function planSync(pool: Pool, { brandId, now }: { brandId: number; now: Instant }): Promise<boolean> {
  const [last] = await selectSyncs(pool, { brandId, limit: 1 })
  if (last?.status === 'running') return false
  const zone = (await selectBrand(pool, { brandId }))?.timezone ?? 'UTC'
  if (last && !isDue(last, zone, now)) return false
  const kind = last ? 'nightly' : 'first'
  if (last) await deleteOldSyncs(pool, { brandId, before: now - KEPT_DAYS * DAY_MS })
  return await insertSync(pool, { brandId, syncId: uuidv7(now), kind, stage: STAGES[0]!, now })
}

function isDue(last: SyncRow, zone: string, now: Instant): boolean {
  if (last.status === 'partial' && now - (last.finishedAt ?? 0) >= PARTIAL_AGAIN_MS) return true
  const [year, month, day] = dayOf(now, zone).split('-').map(Number) as [number, number, number]
  const night = instantOfLocal(Date.UTC(year, month - 1, day, NIGHTLY_HOUR), zone)
  return last.startedAt < (night <= now ? night : night - DAY_MS)
}

/**
 * Does one page of the walk under way.
 *
 * @param leaseId the same for all pages of one worker
 * @returns `none` where there is nothing to do, or another process does it
 * @throws WecomError where WeCom is away or was asked too often: the page is tried again
 */
export async function syncStep(
  dependencies: MirrorDependencies,
  { leaseId }: { leaseId: string },
): Promise<'worked' | 'none'> {
  const { pool, brandId, now } = dependencies
  const at = now()
  const sync = await claimSync(pool, { brandId, leaseId, now: at, leasedUntil: at + LEASE_MS })
  if (!sync) return 'none'
  let page: Page
  try {
    page = await WALKERS[sync.stage](dependencies, sync)
  } catch (error) {
    if (!(error instanceof WecomError)) throw error
    if (isPassing(error)) {
      await releaseSync(pool, { brandId, leaseId, now: now() })
      throw error
    }
    // The stage cannot be walked as things are set up; the others can.
    page = { apply: () => Promise.resolve(), position: null, faults: [faultOf(sync.stage, error)] }
  }
  await transact(pool, async tx => {
    const repairs = { ...sync.repairs }
    await page.apply(tx, repairs)
    const isMine = await updateSync(tx, { brandId, sync: after(sync, page, repairs, now()), leaseId })
    if (!isMine) throw new Error('another process goes on with this walk')
  })
  return 'worked'
}

/** Lets another process go on at once, where this one stops. */
export async function leaveSync(
  { pool, brandId, now }: MirrorDependencies,
  { leaseId }: { leaseId: string },
): Promise<void> {
  await releaseSync(pool, { brandId, leaseId, now: now() })
}

/** The walk as it stands when a page is done. */
function after(sync: SyncRow, page: Page, repairs: Repairs, now: Instant): SyncRow {
  const counts = { ...sync.counts }
  for (const [kind, number] of Object.entries(page.counts ?? {})) counts[kind] = (counts[kind] ?? 0) + number
  const faults = [...sync.faults, ...(page.faults ?? [])].slice(0, FAULTS_KEPT)
  const next = { ...sync, counts, repairs, faults }
  if (page.position !== null) return { ...next, position: page.position }
  const stages = sync.kind === 'staff' ? STAFF_STAGES : STAGES
  const stage = stages[stages.indexOf(sync.stage) + 1]
  if (stage !== undefined) return { ...next, stage, position: {}, stageStartedAt: now }
  return { ...next, position: {}, status: faults.length > 0 ? 'partial' : 'done', finishedAt: now }
}

const faultOf = (stage: string, error: WecomError, subject: string | null = null): SyncFault => ({
  stage,
  errcode: error.errcode,
  address: error.address,
  subject,
})

const nothing = () => Promise.resolve()

type Walker = (dependencies: MirrorDependencies, sync: SyncRow) => Promise<Page>

const WALKERS: Readonly<Record<SyncStage, Walker>> = {
  departments: async ({ wecom, brandId, now }) => {
    const departments = readDepartments(await departmentList(wecom))
    return {
      apply: tx => replaceDepartments(tx, { brandId, departments, now: now() }),
      position: null,
      counts: { departments: departments.length },
    }
  },

  /** One department a page: its name and its people, who are not listed for those below it. */
  staff: async ({ pool, wecom, brandId, now }, sync) => {
    const [departmentId] = await selectDepartmentIds(pool, { brandId, after: Number(sync.position['after'] ?? -1), limit: 1 }) // prettier-ignore
    if (departmentId === undefined) {
      return {
        apply: async (tx, repairs) => {
          // Where a department could not be seen, whoever is in it is not gone.
          if (sync.faults.some(fault => fault.stage === 'staff' || fault.stage === 'departments')) return
          const gone = await updateStaffGone(tx, { brandId, before: sync.stageStartedAt, now: now() })
          if (gone > 0) repairs['staff_gone'] = gone
        },
        position: null,
      }
    }
    const position = { after: departmentId }
    try {
      const name = readDepartmentName(
        await wecom.call('department/get', { query: { id: String(departmentId) }, ...ASKED }),
      )
      const query = { department_id: String(departmentId) }
      const staff = readStaff(await wecom.call('user/simplelist', { query, ...ASKED }))
      return {
        apply: async (tx, repairs) => {
          if (name !== null) await updateDepartmentName(tx, { brandId, departmentId, name })
          const changed = staff.length === 0 ? 0 : await upsertStaff(tx, { brandId, staff, now: now() })
          if (changed > 0) repairs['staff_changed'] = (repairs['staff_changed'] ?? 0) + changed
        },
        position,
        counts: { staff: staff.length },
      }
    } catch (error) {
      if (!(error instanceof WecomError) || isPassing(error) || isForbidden(error)) throw error
      return { apply: nothing, position, faults: [faultOf('staff', error, String(departmentId))] }
    }
  },

  tags: async ({ wecom, brandId }) => {
    const tags = readTags(
      await wecom.call('externalcontact/get_corp_tag_list', { body: {}, isHarmless: true, ...ASKED }),
    )
    return { apply: tx => replaceTags(tx, { brandId, tags }), position: null, counts: { tags: tags.length } }
  },

  followers: async ({ wecom, brandId, now }) => {
    const answer = await wecom.call('externalcontact/get_follow_user_list', ASKED)
    const userids = texts(answer['follow_user'])
    return {
      apply: tx => updateFollowers(tx, { brandId, userids, now: now() }),
      position: null,
      counts: { followers: userids.length },
    }
  },

  /** A hundred people's friends, page by page; then whatever of theirs was not among them is over. */
  customers: async (dependencies, sync) => {
    const { pool, wecom, brandId, now } = dependencies
    const at = sync.position as {
      after?: string
      userids?: string[]
      cursor?: string
      begunAt?: Instant
      size?: number
    }
    const userids =
      at.userids ?? (await selectFollowers(pool, { brandId, after: at.after ?? '', limit: at.size ?? PEOPLE_PER_CALL }))
    if (userids.length === 0) return { apply: nothing, position: null }
    const askedAt = now()
    const begunAt = at.begunAt ?? askedAt
    const last = userids.at(-1)!
    const over = { after: last }
    let answer: Answer
    try {
      answer = await wecom.call('externalcontact/batch/get_by_user', {
        body: { userid_list: userids, cursor: at.cursor ?? '', limit: CONTACTS_PER_CALL },
        isHarmless: true,
        ...ASKED,
      })
    } catch (error) {
      if (!(error instanceof WecomError) || isPassing(error) || isForbidden(error)) throw error
      if (error.errcode === 84061) answer = {}
      // One of a hundred is refused: each is asked for on his own, and he alone is left out.
      else if (userids.length > 1)
        return { apply: nothing, position: { ...(at.after === undefined ? {} : { after: at.after }), size: 1 } }
      else return { apply: nothing, position: over, faults: [faultOf('customers', error, last)] }
    }
    const { contacts, friends } = readContacts(answer)
    const cursor = nextCursor(answer)
    return {
      apply: async (tx, repairs) => {
        await applyContacts(tx, dependencies, { contacts, friends, askedAt }, repairs)
        if (cursor !== null) return
        const missing = await lockMissingFriends(tx, { brandId, userids, before: begunAt })
        const changes = missing.map(row => ({ ...friendMissing(row, begunAt), isNew: false }))
        await writeFriendChanges(tx, dependencies, changes, repairs)
      },
      position: cursor === null ? over : { ...at, userids, cursor, begunAt },
      counts: { friends: friends.length },
    }
  },

  /** A list of groups, then each of them; with too many people to list for (81017), by a hundred owners at a time. */
  groups: async (dependencies, sync) => {
    const { pool, wecom, brandId, now } = dependencies
    const at = sync.position as {
      pending?: string[]
      cursor?: string
      isListed?: boolean
      owners?: string[]
      byOwner?: boolean
    }
    const [chatId, ...rest] = at.pending ?? []
    if (chatId !== undefined) {
      const askedAt = now()
      const position = { ...at, pending: rest }
      try {
        const body = { chat_id: chatId, need_name: 1 }
        const group = readGroup(await wecom.call('externalcontact/groupchat/get', { body, isHarmless: true, ...ASKED }))
        if (!group) return { apply: nothing, position }
        return {
          apply: (tx, repairs) => applyGroup(tx, dependencies, group, askedAt, repairs),
          position,
          counts: { groups: 1, group_members: group.members.length },
        }
      } catch (error) {
        if (!(error instanceof WecomError) || isPassing(error) || isForbidden(error)) throw error
        return { apply: nothing, position, faults: [faultOf('groups', error, chatId)] }
      }
    }
    if (at.isListed) {
      const after = at.byOwner ? at.owners?.at(-1) : undefined
      const owners = at.byOwner
        ? await selectFollowers(pool, { brandId, after: after ?? '', limit: PEOPLE_PER_CALL })
        : []
      if (owners.length > 0) return { apply: nothing, position: { byOwner: true, owners } }
      return {
        apply: async (tx, repairs) => {
          if (sync.faults.some(fault => fault.stage === 'groups')) return
          const chatIds = await selectMissingGroups(tx, { brandId, before: sync.stageStartedAt })
          if (chatIds.length > 0) repairs['groups_dissolved'] = chatIds.length
          await updateGroupsDissolved(tx, { brandId, chatIds, at: sync.stageStartedAt })
        },
        position: null,
      }
    }
    try {
      const answer = await wecom.call('externalcontact/groupchat/list', {
        body: {
          status_filter: 0,
          ...(at.owners ? { owner_filter: { userid_list: at.owners } } : {}),
          cursor: at.cursor ?? '',
          limit: GROUPS_PER_CALL,
        },
        isHarmless: true,
        ...ASKED,
      })
      const cursor = nextCursor(answer)
      const { cursor: _, ...position } = at
      return {
        apply: nothing,
        position: {
          ...position,
          pending: readGroupIds(answer),
          ...(cursor === null ? { isListed: true } : { cursor }),
        },
      }
    } catch (error) {
      if (!(error instanceof WecomError) || error.errcode !== 81017 || at.byOwner) throw error
      return { apply: nothing, position: { byOwner: true, isListed: true } }
    }
  },

  /** What could not be told when it was seen: of associates told of since, of unionids linked since. */
  evidence: async (dependencies, sync) => {
    const { pool, brandId } = dependencies
    const at = sync.position as { userid?: string; externalUserid?: string; isLinked?: boolean }
    if (!at.isLinked) {
      const untold = await selectUntoldIdentities(pool, { brandId, externalUserids: null, limit: ROWS_PER_PAGE })
      return {
        apply: async (tx, repairs) => {
          await tellIdentities(tx, dependencies, untold)
          if (untold.length > 0) repairs['identities_linked'] = (repairs['identities_linked'] ?? 0) + untold.length
        },
        position: { isLinked: untold.length < ROWS_PER_PAGE },
      }
    }
    const after = { userid: at.userid ?? '', externalUserid: at.externalUserid ?? '' }
    const rows = await selectUntoldFriends(pool, { brandId, after, limit: ROWS_PER_PAGE })
    const last = rows.at(-1)
    if (!last) return { apply: nothing, position: null }
    return {
      apply: async (tx, repairs) => {
        const told = await tellFriends(tx, dependencies, rows.flatMap(friendTold))
        const done = rows.filter(row => told.has(JSON.stringify([row.userid, row.externalUserid])))
        await updateFriendsTold(tx, { brandId, rows: done })
        if (done.length > 0) repairs['friends_told'] = (repairs['friends_told'] ?? 0) + done.length
      },
      position: { isLinked: true, userid: last.userid, externalUserid: last.externalUserid },
    }
  },
}

/** All departments in sight. Those of an older WeCom know the whole list alone. */
async function departmentList(wecom: MirrorDependencies['wecom']): Promise<Answer> {
  try {
    return await wecom.call('department/simplelist', ASKED)
  } catch (error) {
    if (!(error instanceof WecomError) || isPassing(error) || isForbidden(error)) throw error
    return await wecom.call('department/list', ASKED)
  }
}
