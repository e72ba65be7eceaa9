import { transact, type Db, type Pool } from '../../database.ts'
import { AppError, type Fault } from '../../errors.ts'
import { uuidv7 } from '../../lib/ids.ts'
import { canonicalJson } from '../../lib/items.ts'
import { decodeCursor, PAGE_DEFAULT, pageOf } from '../../lib/paging.ts'
import { valueInForce } from '../../lib/dated.ts'
import { dayOf, formatInstant, type Instant } from '../../lib/time.ts'
import { insertActivity } from '../activity/service.ts'
import type { Caller } from '../auth/domain.ts'
import { libraryItems } from '../catalogue/service.ts'
import { personOf } from '../customers/service.ts'
import { worksAt } from '../handovers/domain.ts'
import { isUsable, reaches } from '../materials/domain.ts'
import {
  faultsOfPictures,
  faultsOfReach,
  pictureSizes,
  placeOf,
  selectLinkFigures,
  selectMaterialsById,
} from '../materials/service.ts'
import { readHistory, selectStores } from '../stores/service.ts'
import { adviceOf } from '../wecom/service.ts'
import { faultsOfPost, spanOfPost } from './domain.ts'
import {
  deleteTick,
  lockPost,
  selectColleagues,
  selectOwnStates,
  selectPost,
  selectPostLinks,
  selectPosts,
  selectStoreCounts,
  selectTaskCounts,
  upsertTick,
  writePost,
  type OwnState,
  type PostRow,
} from './queries.ts'
import type {
  DayPost,
  DayPosts,
  NewPostBody,
  PostBody,
  PostQuery,
  PostResults,
  PostTick,
  ResultsQuery,
  ShownPost,
} from './schema.ts'
import { storesReached } from './reach.ts'

export { postStep, type Posting } from './sending.ts'

interface Asked {
  caller: Caller
  now: Instant
}

// ------------------------------------------------------------------------------------------------- calendar

/** The stores whose posts the asker may see; null: all. @throws AppError not_found where he answers for none */
function seenStores({ scope }: Caller): readonly string[] | null {
  if (scope.reach === 'self') throw new AppError('not_found', 'There is nothing here.')
  return scope.reach === 'brand' ? null : scope.storeCodes
}

/**
 * The calendar, by day and hour; to who answers for stores what is for some of them.
 *
 * @throws AppError malformed_cursor, not_found
 */
export async function listPosts(db: Db, { caller, now, query }: Asked & { query: PostQuery }) {
  const { brandId } = caller
  const storeCodes = seenStores(caller)
  const stores = storeCodes === null ? [] : await selectStores(db, { brandId, storeCodes: [...storeCodes] })
  const regions = stores.flatMap(store => valueInForce(readHistory<string>(store.regions), now) ?? [])
  const limit = query.limit ?? PAGE_DEFAULT
  const parts = query.cursor === undefined ? null : decodeCursor(query.cursor, ['text', 'instant', 'uuid'])
  if (query.cursor !== undefined && !parts) throw noCursor()
  const rows = await selectPosts(db, {
    brandId,
    ...(storeCodes === null ? {} : { ofStores: { storeCodes, regions } }),
    from: query.from ?? null,
    to: query.to ?? null,
    after: parts && { day: String(parts[0]), startsAt: String(parts[1]), postId: String(parts[2]) },
    limit: limit + 1,
  })
  return pageOf(rows, limit, row => [row.day, formatInstant(row.startsAt), row.postId], shownPost)
}

const noCursor = () => new AppError('malformed_cursor', 'This is no cursor of this list.')
const noPost = () => new AppError('not_found', 'There is no such post.')

/** @throws AppError not_found */
export async function readPost(db: Db, brandId: number, postId: string): Promise<ShownPost> {
  return shownPost(await standingPost(db, brandId, postId))
}

/** @throws AppError not_found */
async function standingPost(db: Db, brandId: number, postId: string) {
  const row = await selectPost(db, { brandId, postId })
  if (!row || row.deletedAt !== null) throw noPost()
  return row
}

/**
 * Puts something into the calendar. The same again changes nothing.
 *
 * @throws AppError invalid_body with every fault by its path; conflict where the id is another post's
 */
export async function createPost(
  pool: Pool,
  { caller, now, body }: Asked & { body: NewPostBody },
): Promise<{ isNew: boolean; post: ShownPost }> {
  const { brandId, actor } = caller
  const postId = body.postId?.toLowerCase() ?? uuidv7(now)
  return await transact(pool, async tx => {
    const before = await lockPost(tx, { brandId, postId })
    const row = rowOf(body, { caller, postId, createdAt: before?.createdAt ?? now, now })
    if (before) {
      if (canonicalJson(contentOf(before)) !== canonicalJson(contentOf(row))) {
        throw new AppError('conflict', 'This postId is another post’s; change it by PUT.')
      }
      return { isNew: false, post: shownPost({ ...before, used: 0 }) }
    }
    await checkPost(tx, brandId, row)
    await writePost(tx, { brandId, post: row })
    await insertActivity(tx, { brandId, now, actor, action: 'post.created', subject: `posts/${postId}` })
    return { isNew: true, post: shownPost({ ...row, used: 0 }) }
  })
}

/** @throws AppError not_found, invalid_body; conflict once WeCom is given its tasks */
export async function changePost(
  pool: Pool,
  { caller, now, postId, body }: Asked & { postId: string; body: PostBody },
): Promise<ShownPost> {
  const { brandId, actor } = caller
  await transact(pool, async tx => {
    const before = await lockPost(tx, { brandId, postId })
    if (!before || before.deletedAt !== null) throw noPost()
    const row = rowOf(body, { caller, postId: before.postId, createdAt: before.createdAt, now })
    if (canonicalJson(contentOf(before)) === canonicalJson(contentOf(row))) return
    if (before.plannedAt !== null)
      throw new AppError('conflict', 'Its tasks are under way: it cannot be changed any more.')
    await checkPost(tx, brandId, row)
    await writePost(tx, { brandId, post: row })
    await insertActivity(tx, { brandId, now, actor, action: 'post.changed', subject: `posts/${postId}` })
  })
  return await readPost(pool, brandId, postId)
}

/**
 * Takes a post out of the calendar: what WeCom was not given yet is not given any more. Again, it changes nothing.
 *
 * @throws AppError not_found
 */
export async function deletePost(pool: Pool, { caller, now, postId }: Asked & { postId: string }): Promise<void> {
  const { brandId, actor } = caller
  await transact(pool, async tx => {
    const before = await lockPost(tx, { brandId, postId })
    if (!before) throw noPost()
    if (before.deletedAt !== null) return
    await writePost(tx, { brandId, post: { ...before, changedAt: now, changedBy: actor, deletedAt: now } })
    await insertActivity(tx, { brandId, now, actor, action: 'post.deleted', subject: `posts/${postId}` })
  })
}

/** Where the day is none its span is empty, which `checkPost` refuses. */
function rowOf(
  body: PostBody,
  { caller, postId, createdAt, now }: { caller: Caller; postId: string; createdAt: Instant; now: Instant },
): PostRow {
  const hours = { day: body.day, fromTime: body.from, toTime: body.to }
  const span = spanOfPost(hours, caller.zone) ?? { startsAt: 0, endsAt: 0 }
  return {
    postId,
    ...hours,
    ...span,
    places: body.places,
    text: body.text ?? '',
    pictures: body.pictures ?? [],
    materialIds: (body.materialIds ?? []).map(materialId => materialId.toLowerCase()),
    storeCodes: body.storeCodes ?? null,
    regions: body.regions ?? null,
    via: body.via ?? 'hand',
    plannedAt: null,
    createdAt,
    changedAt: now,
    changedBy: caller.actor,
    deletedAt: null,
  }
}

const contentOf = (row: PostRow) => {
  const { plannedAt: _planned, createdAt: _created, changedAt: _at, changedBy: _by, startsAt: _s, endsAt: _e, ...content } = row // prettier-ignore
  return content
}

/** @throws AppError invalid_body */
async function checkPost(db: Db, brandId: number, row: PostRow): Promise<void> {
  const materials = await selectMaterialsById(db, { brandId, materialIds: row.materialIds })
  const urlOf = new Map(materials.map(material => [material.materialId, material.url]))
  const pixelsOf = await pictureSizes(db, brandId, row.pictures)
  const faults: Fault[] = [
    ...(row.startsAt === 0 ? [{ path: 'day', code: 'invalid_value', message: 'There is no such day.' }] : []),
    ...faultsOfPost(row, { pixelsOf, urlOf }),
    ...row.materialIds.flatMap((materialId, i) =>
      urlOf.has(materialId)
        ? []
        : [{ path: `materialIds[${i}]`, code: 'unknown_material', message: 'There is no such material.' }],
    ),
    ...(await faultsOfPictures(db, brandId, row.pictures)),
    ...(await faultsOfReach(db, brandId, row)),
  ]
  if (faults.length > 0) throw new AppError('invalid_body', faults[0]!.message, faults)
}

function shownPost(row: PostRow & { used: number }): ShownPost {
  return {
    postId: row.postId,
    day: row.day,
    from: row.fromTime,
    to: row.toTime,
    places: row.places,
    text: row.text,
    pictures: row.pictures,
    materialIds: row.materialIds,
    storeCodes: row.storeCodes,
    regions: row.regions,
    via: row.via,
    plannedAt: row.plannedAt === null ? null : formatInstant(row.plannedAt),
    used: row.used,
    createdAt: formatInstant(row.createdAt),
    changedAt: formatInstant(row.changedAt),
    changedBy: row.changedBy,
  }
}

// -------------------------------------------------------------------------------------------------- results

/**
 * What became of a post: its tasks, its links, and store by store; to who answers for stores of those alone.
 *
 * @throws AppError not_found, malformed_cursor
 */
export async function readResults(
  db: Db,
  { caller, now, postId, query }: Asked & { postId: string; query: ResultsQuery },
): Promise<PostResults> {
  const { brandId } = caller
  const limit = query.limit ?? PAGE_DEFAULT
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor, ['text'])
  if (query.cursor !== undefined && !after) throw noCursor()
  const seen = seenStores(caller)
  const post = await standingPost(db, brandId, postId)
  const reached = (await storesReached(db, { brandId, reach: post, now })).filter(
    store => seen === null || seen.includes(store.storeCode),
  )
  if (seen !== null && reached.length === 0) throw noPost()
  const stores = reached.filter(
    store => after === null || Buffer.compare(Buffer.from(store.storeCode), Buffer.from(String(after[0]))) > 0,
  )
  const storeCodes = stores.slice(0, limit).map(store => store.storeCode)
  const [linkCodes, statuses, counts, colleagues] = await Promise.all([
    selectPostLinks(db, { brandId, postId, storeCodes: seen }),
    selectTaskCounts(db, { brandId, postId, storeCodes: seen }),
    selectStoreCounts(db, { brandId, postId, storeCodes }),
    selectColleagues(db, { brandId, storeCodes }),
  ])
  const byStore = new Map(counts.map(({ storeCode, ...rest }) => [storeCode, rest]))
  const tasks = { waiting: 0, made: 0, unsure: 0, nobody: 0, late: 0, refused: 0 }
  const refusals = new Map<number, number>()
  for (const { status, errcode, count } of statuses) {
    // Somebody asks for it at this moment.
    tasks[status === 'asking' ? 'waiting' : status] += count
    if (status === 'refused' && errcode !== null) refusals.set(errcode, (refusals.get(errcode) ?? 0) + count)
  }
  const page = pageOf(
    stores.slice(0, limit + 1),
    limit,
    store => [store.storeCode],
    ({ storeCode, name }) => ({
      storeCode,
      name,
      associates: colleagues.filter(row => row.storeCode === storeCode && worksAt(row.employments, now)).length,
      ...byStore.get(storeCode)!,
    }),
  )
  return {
    postId: post.postId,
    via: post.via,
    tasks,
    refusals: [...refusals].map(([errcode, count]) => ({
      errcode,
      count,
      advice: adviceOf({ errcode, address: null }),
    })),
    links: await selectLinkFigures(db, { brandId, linkCodes }),
    items: page.items.map(item => ({ ...item, ...(byStore.has(item.storeCode) ? {} : NOTHING) })),
    nextCursor: page.nextCursor,
  }
}

const NOTHING = { used: 0, asked: 0, confirmed: 0, likes: 0, comments: 0, sent: 0, notFriend: 0, limit: 0, unsent: 0 }

// ------------------------------------------------------------------------------------------------ associates

const POSTS_A_DAY_MAX = 100

/** What the asker is to post on a day, by its hours. */
export async function readDay(db: Db, { caller, now, day }: Asked & { day: string | undefined }): Promise<DayPosts> {
  const { brandId, zone } = caller
  const { associateId, storeCode } = personOf(caller)
  const on = day ?? dayOf(now, zone)
  const [place, all] = await Promise.all([
    placeOf(db, { brandId, storeCode, now }),
    selectPosts(db, { brandId, from: on, to: on, after: null, limit: POSTS_A_DAY_MAX }),
  ])
  const posts = all.filter(post => reaches(post, place))
  const materialIds = [...new Set(posts.flatMap(post => post.materialIds))]
  const [states, rows] = await Promise.all([
    selectOwnStates(db, { brandId, associateId, postIds: posts.map(post => post.postId) }),
    selectMaterialsById(db, { brandId, materialIds }),
  ])
  const usable = rows.filter(material => isUsable(material, place, now))
  const items = await libraryItems(db, caller, { materials: usable, chat: {}, now })
  const itemOf = new Map(items.map(item => [item.materialId, item]))
  const stateOf = new Map(states.map(state => [state.postId, state]))
  return {
    asOf: formatInstant(now),
    day: on,
    items: posts.map((post): DayPost => {
      const state = stateOf.get(post.postId)
      return {
        postId: post.postId,
        from: post.fromTime,
        to: post.toTime,
        places: post.places,
        text: post.text,
        pictures: post.pictures,
        materials: post.materialIds.flatMap(materialId => itemOf.get(materialId) ?? []),
        via: post.via,
        usedAt: state?.usedAt == null ? null : formatInstant(state.usedAt),
        task: taskOf(post, state, now),
      }
    }),
  }
}

function taskOf(post: PostRow, state: OwnState | undefined, now: Instant): DayPost['task'] {
  if (post.via === 'hand') return null
  if (state?.confirmedAt != null) return 'confirmed'
  if (state?.status === 'made') return 'to_confirm'
  const mayCome =
    post.plannedAt === null ? now < post.endsAt : state?.status === 'waiting' || state?.status === 'asking'
  return mayCome ? 'to_come' : null
}

/**
 * Ticks a post off, or takes the tick back. Again, it changes nothing.
 *
 * @throws AppError not_found where it is not for him
 */
export async function tickPost(
  pool: Pool,
  { caller, now, postId, isUsed }: Asked & { postId: string; isUsed: boolean },
): Promise<PostTick> {
  const { brandId } = caller
  const { associateId, storeCode } = personOf(caller)
  const post = await standingPost(pool, brandId, postId)
  if (!reaches(post, await placeOf(pool, { brandId, storeCode, now }))) throw noPost()
  if (!isUsed) {
    await deleteTick(pool, { brandId, postId: post.postId, associateId })
    return { postId: post.postId, usedAt: null }
  }
  const usedAt = await upsertTick(pool, { brandId, postId: post.postId, associateId, storeCode, now })
  return { postId: post.postId, usedAt: formatInstant(usedAt) }
}
