import { transact } from '../../database.ts'
import { DAY_MS, MINUTE_MS, type Instant } from '../../lib/time.ts'
import { preparePartitions } from '../commissions/service.ts'
import { selectLinks } from '../share-links/service.ts'
import { recordSending } from '../touches/service.ts'
import { WecomError, type Answer } from '../wecom/service.ts'
import { nextReading, recipientStatusOf } from './domain.ts'
import { updateSenders, upsertRecipients, type TaskRow, type TaskState } from './queries.ts'
import type { Posting } from './sending.ts'

/** Reads back from WeCom what became of a task: who sent it, and to whom it went. */

const HOW = { isHarmless: true, patience: 'job', deadlineMs: MINUTE_MS } as const
const PAGE = 500
/** For how long WeCom tells of a job. */
const JOB_MS = DAY_MS

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)
const records = (value: unknown): Answer[] => (Array.isArray(value) ? (value as Answer[]) : [])
const instantOf = (seconds: unknown): Instant | null => (Number(seconds) > 0 ? Number(seconds) * 1000 : null)

/** @throws WecomError */
export async function readTask(posting: Posting, task: TaskRow): Promise<TaskState> {
  const { now } = posting
  if (task.wecomId === null) return await readJob(posting, task)
  if (task.place === 'moments') await readMoment(posting, task, task.wecomId)
  else await readGroupMessage(posting, task, task.wecomId)
  return { ...task, errcode: null, tries: 0, dueAt: nextReading(task.begunAt ?? now(), now()) }
}

async function* pages(posting: Posting, api: string, key: string, body: Answer): AsyncGenerator<Answer[]> {
  let cursor = ''
  do {
    const answer = await posting.wecom.call(api, { ...HOW, body: { ...body, limit: PAGE, cursor } })
    yield records(answer[key])
    cursor = text(answer['next_cursor']) ?? ''
  } while (cursor !== '')
}

/** Who confirmed it; then the share went, and is told as that. */
async function readGroupMessage(posting: Posting, task: TaskRow, msgid: string): Promise<void> {
  const { pool, brandId, now } = posting
  const { taskId, associateId } = task
  let sentAt: Instant | null = null
  for await (const senders of pages(posting, 'externalcontact/get_groupmsg_task', 'task_list', { msgid })) {
    const own = senders.find(sender => sender['userid'] === associateId)
    // 2 is sent; a sample of WeCom's own shows 1.
    if (own && Number(own['status'] ?? 0) !== 0) sentAt = instantOf(own['send_time']) ?? now()
  }
  if (sentAt === null) return
  const results = pages(posting, 'externalcontact/get_groupmsg_send_result', 'send_list', {
    msgid,
    userid: associateId,
  })
  for await (const rows of results) {
    await upsertRecipients(pool, {
      brandId,
      taskId,
      recipients: rows.flatMap(row => {
        const recipient = text(row['chat_id']) ?? text(row['external_userid'])
        const status = recipientStatusOf(row['status'])
        return recipient === null
          ? []
          : [{ recipient, status, sentAt: status === 'sent' ? instantOf(row['send_time']) : null }]
      }),
    })
  }
  const confirmedAt = sentAt
  const links = await selectLinks(pool, { brandId, linkCodes: task.linkCodes })
  await preparePartitions(pool, 'touches', [confirmedAt])
  await transact(pool, async tx => {
    await updateSenders(tx, { brandId, taskId, senders: [{ associateId, confirmedAt, likes: 0, comments: 0 }] })
    for (const link of links) await recordSending(tx, { brandId, now: now(), at: confirmedAt, link })
  })
}

/** Whether WeCom has made the moment; until then it has no id. */
async function readJob({ wecom, now }: Posting, task: TaskRow): Promise<TaskState> {
  const begunAt = task.begunAt ?? now()
  if (task.jobId === null || now() - begunAt >= JOB_MS) return { ...task, status: 'unsure', dueAt: now() }
  const query = { jobid: task.jobId }
  const answer = await wecom.call('externalcontact/get_moment_task_result', { ...HOW, query })
  if (Number(answer['status']) !== 3) return { ...task, dueAt: now() + MINUTE_MS }
  const result = (answer['result'] ?? {}) as Answer
  const errcode = Number(result['errcode'] ?? 0)
  const wecomId = text(result['moment_id'])
  if (errcode !== 0) return { ...task, status: 'refused', errcode, dueAt: null }
  return wecomId === null ? { ...task, dueAt: now() + MINUTE_MS } : { ...task, wecomId, dueAt: now() }
}

/** Somebody has not posted it yet: nothing can be asked of his. */
const NOT_POSTED = 41062

async function readMoment(posting: Posting, task: TaskRow, momentId: string): Promise<void> {
  const { pool, wecom, brandId, now } = posting
  for await (const rows of pages(posting, 'externalcontact/get_moment_task', 'task_list', { moment_id: momentId })) {
    const senders = []
    for (const row of rows) {
      const userid = text(row['userid'])
      if (userid === null || Number(row['publish_status']) !== 1) continue
      const body = { moment_id: momentId, userid }
      const answer = await wecom
        .call('externalcontact/get_moment_comments', { ...HOW, body })
        .catch((error: unknown): Answer => {
          if (error instanceof WecomError && error.errcode === NOT_POSTED) return {}
          throw error
        })
      senders.push({
        associateId: userid,
        confirmedAt: now(),
        likes: records(answer['like_list']).length,
        comments: records(answer['comment_list']).length,
      })
    }
    await updateSenders(pool, { brandId, taskId: task.taskId, senders })
  }
}
