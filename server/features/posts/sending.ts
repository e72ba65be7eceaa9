import { createHash, randomUUID } from 'node:crypto'
import { transact, type Pool } from '../../database.ts'
import { uuidv7 } from '../../lib/ids.ts'
import type { ObjectStore } from '../../lib/object-store.ts'
import { DAY_MS, MINUTE_MS, type Instant } from '../../lib/time.ts'
import { selectBrand } from '../auth/service.ts'
import { pictureAddress } from '../catalogue/domain.ts'
import { selectProducts } from '../catalogue/service.ts'
import { worksAt } from '../handovers/domain.ts'
import { pictureIdOf, targetOfMaterial } from '../materials/domain.ts'
import { readPictureFile, selectMaterialsById, sharePicture, type MaterialRow } from '../materials/service.ts'
import { linkAddresses } from '../share-links/domain.ts'
import { createLink, selectLinks, type LinkRow } from '../share-links/service.ts'
import { selectStores } from '../stores/service.ts'
import { isForbidden, isPassing, WecomError, type Answer, type Wecom } from '../wecom/service.ts'
import { selectMedia, upsertMedia } from '../channel-codes/service.ts'
import { momentLink, nextReading, nextSearch, pictureAttachment, shareAttachment, type PostPlace } from './domain.ts'
import {
  claimTask,
  insertTasks,
  lockPostToPlan,
  selectAudience,
  selectCandidates,
  selectKnownIds,
  selectPost,
  selectSenders,
  updatePlanned,
  updateTask,
  type NewTask,
  type PostRow,
  type TaskRow,
  type TaskState,
} from './queries.ts'
import { readTask } from './reading.ts'
import { storesReached } from './reach.ts'

/**
 * Gives WeCom the tasks of posts whose hour has come. A row says first what is to be asked for; then WeCom is asked,
 * once; then its id is written. Where nobody knows what came of it WeCom is searched for the task, and it is taken for
 * ours where it is found. It is never asked for again: customers would have it twice.
 */

export interface Posting {
  pool: Pool
  wecom: Wecom
  brandId: number
  /** Where pictures lie that are not in the database. */
  objects: ObjectStore | null
  publicUrl: string
  /** null: no mini program is configured. */
  miniProgramAppId: string | null
  now: () => Instant
}

/** Within which a process must be done with a task; then another takes it. */
const LEASE_MS = 5 * MINUTE_MS
const SOON_MS = MINUTE_MS
const REFUSED_AGAIN_MS = 30 * MINUTE_MS
const AGAIN_MS_MAX = 30 * MINUTE_MS
/** What WeCom takes in one task. */
const AUDIENCE_MAX = 10_000
const NOBODY_TO_SEND_TO = 41048

/** Does the next thing that is due. @returns whether there was one */
export async function postStep(posting: Posting): Promise<boolean> {
  return (await planPost(posting)) || (await workOnTask(posting))
}

/** Writes down whom WeCom is to ask for a post, once. */
async function planPost({ pool, brandId, now }: Posting): Promise<boolean> {
  const at = now()
  return await transact(pool, async tx => {
    const post = await lockPostToPlan(tx, { brandId, now: at })
    if (!post) return false
    await updatePlanned(tx, { brandId, postId: post.postId, now: at })
    const stores = await storesReached(tx, { brandId, reach: post, now: at })
    const candidates = await selectCandidates(tx, { brandId, storeCodes: stores.map(store => store.storeCode) })
    const colleagues = candidates.filter(({ employments }) => worksAt(employments, at))
    const tasks: NewTask[] = []
    const senders: { taskId: string; associateId: string; storeCode: string }[] = []
    for (const place of post.places) {
      const asked = colleagues.filter(one => (place === 'group_chat' ? one.hasGroups : one.hasFriends))
      if (place === 'moments' && asked.length > 0) {
        const taskId = uuidv7(at)
        tasks.push({ taskId, place, associateId: '', storeCode: null })
        senders.push(...asked.map(({ associateId, storeCode }) => ({ taskId, associateId, storeCode })))
      }
      if (place === 'moments') continue
      for (const { associateId, storeCode } of asked) {
        const taskId = uuidv7(at)
        tasks.push({ taskId, place, associateId, storeCode })
        senders.push({ taskId, associateId, storeCode })
      }
    }
    await insertTasks(tx, { brandId, postId: post.postId, tasks, senders, now: at })
    return true
  })
}

/** One task, as far as it goes now. */
async function workOnTask(posting: Posting): Promise<boolean> {
  const { pool, brandId, now } = posting
  const leaseId = randomUUID()
  const at = now()
  const task = await claimTask(pool, { brandId, leaseId, now: at, leasedUntil: at + LEASE_MS })
  if (!task) return false
  const { taskId } = task
  const finish = async (state: TaskState, readAt?: Instant) => {
    await updateTask(pool, {
      brandId,
      taskId,
      leaseId,
      state,
      isDone: true,
      ...(readAt === undefined ? {} : { readAt }),
    })
  }
  try {
    if (task.status === 'waiting' || task.status === 'refused') await finish(await make(posting, task, leaseId))
    else if (task.status === 'made') await finish(await readTask(posting, task), now())
    else await finish(await search(posting, task))
  } catch (error) {
    if (!(error instanceof WecomError)) throw error
    const tries = task.tries + 1
    const laterMs = Math.min(SOON_MS * 2 ** Math.min(task.tries, 10), AGAIN_MS_MAX)
    const isOver = task.status === 'made' && nextReading(task.begunAt ?? at, now()) === null
    await finish({ ...task, errcode: error.errcode, tries, dueAt: isOver ? null : now() + laterMs })
  }
  return true
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)
const records = (value: unknown): Answer[] => (Array.isArray(value) ? (value as Answer[]) : [])

// ----------------------------------------------------------------------------------------------- asking for it

/** Asks WeCom for a task. @throws WecomError where that could not be prepared */
async function make(posting: Posting, task: TaskRow, leaseId: string): Promise<TaskState> {
  const { pool, wecom, brandId, now } = posting
  const post = await selectPost(pool, { brandId, postId: task.postId })
  if (!post || post.deletedAt !== null || now() >= post.endsAt) {
    return { ...task, status: task.status === 'refused' ? 'refused' : 'late', dueAt: null }
  }
  const audience = task.place === 'single_chat' ? await selectAudience(pool, { brandId, associateId: task.associateId, limit: AUDIENCE_MAX }) : null // prettier-ignore
  if (audience?.length === 0) return { ...task, status: 'nobody', dueAt: null }
  const materials = await materialsOf(pool, brandId, post)
  const pictures = await uploadPictures(posting, post)
  const covers = await uploadCovers(posting, task.place, materials)

  const begunAt = now()
  // The links are made together with the word that WeCom is asked: a share is counted once, whatever comes of it.
  const links = await transact(pool, async tx => {
    const links = task.place === 'moments' ? [] : await linksOf(tx, posting, task, materials)
    const state: TaskState = {
      ...task,
      linkCodes: links.map(link => link.linkCode),
      status: 'asking',
      begunAt,
      errcode: null,
      dueAt: begunAt + LEASE_MS,
    }
    const isMine = await updateTask(tx, { brandId, taskId: task.taskId, leaseId, state, isDone: false })
    if (!isMine) throw new Error('another process goes on with this task')
    return links
  })
  const begun = { ...task, linkCodes: links.map(link => link.linkCode), begunAt, errcode: null }
  try {
    const how = { isHarmless: false, patience: 'job', deadlineMs: MINUTE_MS } as const
    if (task.place === 'moments') {
      const body = await momentBody(posting, post, task, { pictures, materials, covers })
      const jobId = text((await wecom.call('externalcontact/add_moment_task', { ...how, body }))['jobid'])
      return { ...begun, status: jobId === null ? 'unsure' : 'made', jobId, dueAt: now() + SOON_MS }
    }
    const body = {
      chat_type: task.place === 'single_chat' ? 'single' : 'group',
      ...(audience === null ? {} : { external_userid: audience }),
      sender: task.associateId,
      allow_select: false,
      ...(post.text === '' ? {} : { text: { content: post.text } }),
      attachments: [...pictures.map(pictureAttachment), ...(await shareAttachments(posting, { links, covers }))],
    }
    const wecomId = text((await wecom.call('externalcontact/add_msg_template', { ...how, body }))['msgid'])
    return { ...begun, status: wecomId === null ? 'unsure' : 'made', wecomId, dueAt: now() + SOON_MS }
  } catch (error) {
    if (!(error instanceof WecomError)) throw error
    const { errcode } = error
    if (error.outcome === 'unknown') return { ...begun, status: 'unsure', dueAt: now() + SOON_MS }
    // What WeCom refused was not made; the links stay for the next try.
    const refused = { ...begun, begunAt: null, errcode, tries: task.tries + 1 }
    if (errcode === NOBODY_TO_SEND_TO) return { ...refused, status: 'nobody', dueAt: null }
    if (isPassing(error)) return { ...refused, status: 'waiting', dueAt: now() + SOON_MS }
    return { ...refused, status: 'refused', dueAt: isForbidden(error) ? now() + REFUSED_AGAIN_MS : null }
  }
}

/** In the post's order; what was taken away meanwhile is left out. */
async function materialsOf(pool: Pool, brandId: number, post: PostRow): Promise<MaterialRow[]> {
  const rows = await selectMaterialsById(pool, { brandId, materialIds: post.materialIds })
  return post.materialIds.flatMap(materialId => rows.find(row => row.materialId === materialId) ?? [])
}

/** The sender's own links, one for each material; those of an earlier try where there are. */
async function linksOf(
  tx: Parameters<typeof createLink>[0],
  { brandId, now }: Posting,
  task: TaskRow,
  materials: readonly MaterialRow[],
): Promise<LinkRow[]> {
  if (task.linkCodes.length > 0) {
    const links = await selectLinks(tx, { brandId, linkCodes: task.linkCodes })
    return task.linkCodes.flatMap(linkCode => links.find(link => link.linkCode === linkCode) ?? [])
  }
  const skus = materials.flatMap(({ kind, ref }) => (kind === 'product' ? [ref] : []))
  const products = await selectProducts(tx, { brandId, skus })
  const links: LinkRow[] = []
  for (const material of materials) {
    const product = products.find(each => material.kind === 'product' && each.sku === material.ref) ?? null
    links.push(
      await createLink(tx, {
        brandId,
        now: now(),
        link: {
          associateId: task.associateId,
          storeCode: task.storeCode,
          target: targetOfMaterial(material, product),
          channel: task.place,
          sentToExternalUserid: null,
          sentToChatId: null,
          createdAt: now(),
        },
      }),
    )
  }
  return links
}

async function shareAttachments(
  { pool, brandId, publicUrl, miniProgramAppId }: Posting,
  { links, covers }: { links: readonly LinkRow[]; covers: readonly string[] },
) {
  const storeCode = links[0]?.storeCode ?? null
  const [brand, [store]] = await Promise.all([
    selectBrand(pool, { brandId }),
    selectStores(pool, { brandId, storeCodes: storeCode === null ? [] : [storeCode] }),
  ])
  const words = [brand?.name, store?.name].filter(Boolean).join(' · ')
  return links.map(({ linkCode, target }, i) => {
    const { url, miniProgramPath } = linkAddresses(linkCode, target.path, publicUrl)
    const hasCard = miniProgramAppId !== null && miniProgramPath !== null
    return shareAttachment({
      title: target.title ?? target.ref,
      text: words,
      url,
      imgUrl: pictureAddress(target.imageUrl, publicUrl),
      card: hasCard ? { appId: miniProgramAppId, path: miniProgramPath, mediaId: covers[i]! } : null,
    })
  })
}

/** One moment for all senders; its link is the page itself, since nobody's code could be in it. */
async function momentBody(
  { pool, brandId }: Posting,
  post: PostRow,
  task: TaskRow,
  what: { pictures: readonly string[]; materials: readonly MaterialRow[]; covers: readonly string[] },
) {
  const userids = await selectSenders(pool, { brandId, taskId: task.taskId })
  const { pictures, materials, covers } = what
  const attachments = [
    ...pictures.map(pictureAttachment),
    ...materials.slice(0, 1).map(({ title, url }) => momentLink({ title, url: url ?? '', mediaId: covers[0]! })),
  ]
  return {
    ...(post.text === '' ? {} : { text: { content: post.text } }),
    ...(attachments.length === 0 ? {} : { attachments }),
    visible_range: { sender_list: { user_list: userids } },
  }
}

// -------------------------------------------------------------------------------------------------- pictures

const MEDIA_MS = 3 * DAY_MS
const MEDIA_SPARE_MS = 60 * MINUTE_MS

/** The post's pictures in WeCom, in their order. */
async function uploadPictures(posting: Posting, post: PostRow): Promise<string[]> {
  const mediaIds: string[] = []
  for (const address of post.pictures) mediaIds.push(await uploaded(posting, post.via === 'moments', address))
  return mediaIds
}

/** Of each material the picture of its card; of one without an uploaded picture ours. */
async function uploadCovers(posting: Posting, place: PostPlace, materials: readonly MaterialRow[]): Promise<string[]> {
  const mediaIds: string[] = []
  for (const { pictures } of materials) {
    const own = pictures.find(address => pictureIdOf(address) !== null) ?? null
    mediaIds.push(await uploaded(posting, place === 'moments', own))
  }
  return mediaIds
}

/**
 * A picture's id in WeCom, which keeps it for three days.
 *
 * @param address null: our own, of what has none
 * @throws WecomError
 */
async function uploaded({ pool, objects, wecom, brandId, now }: Posting, forMoments: boolean, address: string | null) {
  const pictureId = address === null ? null : pictureIdOf(address)
  const picture = pictureId === null ? null : await readPictureFile(pool, { brandId, pictureId, objects })
  const { type, bytes } = picture ?? { type: 'image/png', bytes: sharePicture }
  const hash = createHash('sha256').update(bytes).digest('hex')
  // Moments have files of their own.
  const contentHash = forMoments ? `moments/${hash}` : hash
  const at = now()
  const media = await selectMedia(pool, { brandId, contentHash })
  if (media && media.expiresAt > at + MEDIA_SPARE_MS) return media.mediaId
  const api = forMoments ? 'media/upload_attachment' : 'media/upload'
  const answer = await wecom.call(api, {
    query: forMoments ? { media_type: 'image', attachment_type: '1' } : { type: 'image' },
    file: { name: type === 'image/png' ? 'picture.png' : 'picture.jpg', type, bytes: new Uint8Array(bytes) },
    isHarmless: true,
    patience: 'job',
    deadlineMs: MINUTE_MS,
  })
  const mediaId = text(answer['media_id'])
  if (mediaId === null) throw new WecomError(api, { outcome: 'unknown', why: 'no media_id' })
  await upsertMedia(pool, { brandId, contentHash, mediaId, expiresAt: at + MEDIA_MS - MINUTE_MS })
  return mediaId
}

// ------------------------------------------------------------------------------------------------- searching

/** Clocks differ, and a call may have waited. */
const LOOK_AROUND_SECONDS = 300
const PAGES_MAX = 50

/** Looks whether WeCom has a task that was asked for, and takes it for ours. @throws WecomError */
async function search(posting: Posting, task: TaskRow): Promise<TaskState> {
  const { now } = posting
  const begunAt = task.begunAt ?? now()
  const wecomId = task.place === 'moments' ? await findMoment(posting, task) : await findGroupMessage(posting, task)
  if (wecomId !== null) return { ...task, status: 'made', wecomId, errcode: null, dueAt: now() }
  return { ...task, status: 'unsure', dueAt: nextSearch(begunAt, now()) }
}

async function* listed(
  { wecom, now }: Posting,
  task: TaskRow,
  { api, key, body }: { api: string; key: string; body: Answer },
): AsyncGenerator<Answer[]> {
  const span = {
    start_time: Math.floor((task.begunAt ?? now()) / 1000) - LOOK_AROUND_SECONDS,
    end_time: Math.floor(now() / 1000) + LOOK_AROUND_SECONDS,
  }
  let cursor = ''
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await wecom.call(api, {
      body: { ...body, ...span, filter_type: 0, cursor },
      isHarmless: true,
      patience: 'job',
      deadlineMs: MINUTE_MS,
    })
    yield records(answer[key])
    cursor = text(answer['next_cursor']) ?? ''
    if (cursor === '') return
  }
}

/** By the sender's link codes, which nobody else has; without any by the words and who is asked to send them. */
async function findGroupMessage(posting: Posting, task: TaskRow): Promise<string | null> {
  const { pool, wecom, brandId } = posting
  const post = await selectPost(pool, { brandId, postId: task.postId })
  const chatType = task.place === 'single_chat' ? 'single' : 'group'
  const listing = {
    api: 'externalcontact/get_groupmsg_list_v2',
    key: 'group_msg_list',
    body: { chat_type: chatType, limit: 100 },
  }
  for await (const messages of listed(posting, task, listing)) {
    const wecomIds = messages.flatMap(message => text(message['msgid']) ?? [])
    const known = await selectKnownIds(pool, { brandId, wecomIds })
    for (const message of messages) {
      const msgid = text(message['msgid'])
      if (msgid === null || known.has(msgid)) continue
      const attached = JSON.stringify(message['attachments'] ?? [])
      if (task.linkCodes.length > 0) {
        if (task.linkCodes.every(linkCode => attached.includes(linkCode))) return msgid
        continue
      }
      if (wordsOf(message) !== (post?.text ?? '')) continue
      const answer = await wecom.call('externalcontact/get_groupmsg_task', {
        body: { msgid, limit: 1000 },
        isHarmless: true,
        patience: 'job',
        deadlineMs: MINUTE_MS,
      })
      if (records(answer['task_list']).some(one => one['userid'] === task.associateId)) return msgid
    }
  }
  return null
}

/** By its words, and how many pictures go with them. */
async function findMoment(posting: Posting, task: TaskRow): Promise<string | null> {
  const { pool, brandId } = posting
  const post = await selectPost(pool, { brandId, postId: task.postId })
  if (!post) return null
  const listing = { api: 'externalcontact/get_moment_list', key: 'moment_list', body: { limit: 20 } }
  for await (const moments of listed(posting, task, listing)) {
    const wecomIds = moments.flatMap(moment => text(moment['moment_id']) ?? [])
    const known = await selectKnownIds(pool, { brandId, wecomIds })
    for (const moment of moments) {
      const momentId = text(moment['moment_id'])
      if (momentId === null || known.has(momentId)) continue
      if (wordsOf(moment) === post.text && records(moment['image']).length === post.pictures.length) return momentId
    }
  }
  return null
}

function wordsOf(said: Answer): string {
  const words = said['text'] as Answer | undefined
  return text(words?.['content']) ?? ''
}
