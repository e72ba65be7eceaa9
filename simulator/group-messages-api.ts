/** The server API of group messages and moments. */
import type { GroupMessage, Moment } from './group-messages.ts'
import { WecomRefusal } from './wecom-errors.ts'
import type { World } from './world.ts'

type Body = Record<string, unknown>
type Handle = (call: { body: Body; query: Record<string, string | undefined> }) => Record<string, unknown>
type On = (method: 'GET' | 'POST', path: string, handle: Handle, needs?: 'customers') => void
interface Read {
  text(body: Body, name: string): string | undefined
  texts(body: Body, name: string): string[]
  limit(body: Body, fallback: number | undefined, most: number): number
  page<T>(all: readonly T[], cursor: string | undefined, limit: number): { items: T[]; nextCursor: string }
}

const seconds = (ms: number) => Math.floor(ms / 1000)
const daySeconds = 86_400

export function groupMessagesApi(world: World, on: On, read: Read): void {
  const { groupMessages } = world
  const { text, texts } = read
  const own = (path: string, handle: (body: Body) => Record<string, unknown>) =>
    on('POST', `externalcontact/${path}`, ({ body }) => handle(body), 'customers')
  const needed = (body: Body, name: string, errcode = 40058) => {
    const value = text(body, name)
    if (!value) throw new WecomRefusal(errcode)
    return value
  }
  const paged = <T>(all: readonly T[], body: Body, fallback: number, most: number) =>
    read.page(all, text(body, 'cursor'), read.limit(body, fallback, most))
  const contentOf = (body: Body) => {
    const words = body['text']
    const content = typeof words === 'object' && words !== null ? text(words as Body, 'content') : undefined
    const attachments = Array.isArray(body['attachments']) ? (body['attachments'] as Body[]) : []
    return { text: content ?? '', attachments }
  }
  /** What was made in a span. */
  const inSpan = (body: Body, days: number) => {
    const [from, to] = [body['start_time'], body['end_time']]
    if (typeof from !== 'number' || typeof to !== 'number' || to < from) throw new WecomRefusal(40058, 'invalid time')
    if (to - from > days * daySeconds) throw new WecomRefusal(40058, 'invalid time')
    return ({ createdAt }: { createdAt: number }) => seconds(createdAt) >= from && seconds(createdAt) <= to
  }
  /** Those of the corporation: members make none of their own here. */
  const isWanted = (body: Body) => body['filter_type'] !== 1 && body['creator'] === undefined

  own('add_msg_template', body => {
    const chatType = text(body, 'chat_type') ?? 'single'
    if (chatType !== 'single' && chatType !== 'group') throw new WecomRefusal(40058, 'invalid chat_type')
    const { message, failed } = groupMessages.add({
      chatType,
      externalUserids: body['external_userid'] === undefined ? null : texts(body, 'external_userid'),
      chatIds: body['chat_id_list'] === undefined ? null : texts(body, 'chat_id_list'),
      sender: text(body, 'sender') ?? null,
      ...contentOf(body),
    })
    return { fail_list: failed, msgid: message.msgid }
  })
  own('get_groupmsg_list_v2', body => {
    const chatType = needed(body, 'chat_type')
    const isIn = inSpan(body, 31)
    const all = [...groupMessages.messages.values()].filter(
      message => message.chatType === chatType && isIn(message) && isWanted(body),
    )
    const { items, nextCursor } = paged(all, body, 50, 100)
    return { group_msg_list: items.map(toListed), next_cursor: nextCursor }
  })
  own('get_groupmsg_task', body => {
    const { senders } = groupMessages.message(needed(body, 'msgid', 41047))
    const { items, nextCursor } = paged([...senders], body, 500, 1000)
    return {
      task_list: items.map(([userid, { sentAt }]) => ({
        userid,
        status: sentAt === null ? 0 : 2,
        ...(sentAt === null ? {} : { send_time: seconds(sentAt) }),
      })),
      next_cursor: nextCursor,
    }
  })
  own('get_groupmsg_send_result', body => {
    const message = groupMessages.message(needed(body, 'msgid', 41047))
    const userid = needed(body, 'userid', 40003)
    const part = message.senders.get(userid)
    if (!part) throw new WecomRefusal(40003)
    const { items, nextCursor } = paged(part.recipients, body, 500, 1000)
    return {
      send_list: items.map(({ id, status, sentAt }) => ({
        ...(message.chatType === 'group' ? { chat_id: id } : { external_userid: id }),
        userid,
        status,
        ...(sentAt === null ? {} : { send_time: seconds(sentAt) }),
      })),
      next_cursor: nextCursor,
    }
  })
  own('remind_groupmsg_send', body => {
    groupMessages.remind(needed(body, 'msgid', 41047))
    return {}
  })
  own('cancel_groupmsg_send', body => {
    groupMessages.cancel(needed(body, 'msgid', 41047))
    return {}
  })

  own('add_moment_task', body => {
    const range = body['visible_range']
    const list = typeof range === 'object' && range !== null ? (range as Body)['sender_list'] : undefined
    const senders = typeof list === 'object' && list !== null ? texts(list as Body, 'user_list') : null
    return { jobid: groupMessages.addMoment({ ...contentOf(body), senders }).jobId }
  })
  on(
    'GET',
    'externalcontact/get_moment_task_result',
    ({ query }) => {
      const moment = groupMessages.momentOfJob(query['jobid'] ?? '')
      if (!moment) return { status: 2, type: 'add_moment_task' }
      return {
        status: 3,
        type: 'add_moment_task',
        result: {
          errcode: 0,
          errmsg: 'ok',
          moment_id: moment.momentId,
          invalid_sender_list: { user_list: moment.invalidSenders, department_list: [] },
          invalid_external_contact_list: { tag_list: [] },
        },
      }
    },
    'customers',
  )
  own('get_moment_list', body => {
    const isIn = inSpan(body, 30)
    const all = [...groupMessages.moments.values()].filter(moment => isIn(moment) && isWanted(body))
    const { items, nextCursor } = paged(all, body, 20, 20)
    return { moment_list: items.map(toMoment), next_cursor: nextCursor }
  })
  own('get_moment_task', body => {
    const { senders } = groupMessages.moment(needed(body, 'moment_id'))
    const { items, nextCursor } = paged([...senders], body, 500, 1000)
    return {
      task_list: items.map(([userid, { postedAt }]) => ({ userid, publish_status: postedAt === null ? 0 : 1 })),
      next_cursor: nextCursor,
    }
  })
  own('get_moment_comments', body => {
    const { likes, comments } = groupMessages.posted(needed(body, 'moment_id'), needed(body, 'userid', 40003))
    const toRow = (external_userid: string) => ({ external_userid, create_time: seconds(world.now()) })
    return { comment_list: comments.map(toRow), like_list: likes.map(toRow) }
  })
  own('cancel_moment_task', body => {
    groupMessages.cancelMoment(needed(body, 'moment_id'))
    return {}
  })
}

/** Made by an app: it names no creator. */
const toListed = ({ msgid, createdAt, text, attachments }: GroupMessage) => ({
  msgid,
  create_time: String(seconds(createdAt)),
  create_type: 0,
  text: { content: text },
  attachments,
})

function toMoment({ momentId, createdAt, text, attachments }: Moment) {
  const of = (kind: string) => attachments.filter(each => each['msgtype'] === kind).map(each => each[kind])
  const [link] = of('link') as { title: string; url: string }[]
  return {
    moment_id: momentId,
    create_time: seconds(createdAt),
    create_type: 0,
    visible_type: 1,
    text: { content: text },
    ...(of('image').length > 0 ? { image: of('image') } : {}),
    ...(link ? { link: { title: link.title, url: link.url } } : {}),
  }
}
