/** The server API of what WeCom counts by day, and of groups as a mini program knows them. */
import { createHash } from 'node:crypto'
import { WecomRefusal } from './wecom-errors.ts'
import type { World } from './world.ts'

type Body = Record<string, unknown>
type Handle = (call: { body: Body }) => Record<string, unknown>
type On = (method: 'GET' | 'POST', path: string, handle: Handle, needs?: 'customers') => void
interface Read {
  text(body: Body, name: string): string | undefined
  texts(body: Body, name: string): string[]
}

const DAY_SECONDS = 86_400
/** Days begin at midnight in Shanghai. */
const OFFSET_SECONDS = 8 * 3600
const midnight = (seconds: number) =>
  Math.floor((seconds + OFFSET_SECONDS) / DAY_SECONDS) * DAY_SECONDS - OFFSET_SECONDS
const seconds = (ms: number) => Math.floor(ms / 1000)

/** A group as a mini program gets it from WeChat. */
export const opengidOf = (chatId: string): string =>
  `oG${createHash('sha256').update(chatId).digest('base64url').slice(0, 26)}`

export function statisticsApi(world: World, on: On, read: Read): void {
  /** Customers who ended it: WeCom goes on showing them, but counts that day. */
  const lost: { userid: string; at: number }[] = []
  world.subscribe(event => {
    if (event.kind !== 'callback' || event.fields['ChangeType'] !== 'del_follow_user') return
    lost.push({ userid: String(event.fields['UserID']), at: Number(event.fields['CreateTime']) })
  })
  const own = (path: string, handle: (body: Body) => Record<string, unknown>) =>
    on('POST', `externalcontact/${path}`, ({ body }) => handle(body), 'customers')

  /** The days asked for, both ends counted: 30 at most, of the last 180, up to yesterday. */
  const daysOf = (body: Body, from: string, to: string): number[] => {
    const [begin, end] = [body[from], body[to] ?? body[from]]
    if (typeof begin !== 'number' || typeof end !== 'number') throw new WecomRefusal(40058)
    const today = midnight(seconds(world.now()))
    const [first, last] = [midnight(begin), midnight(end)]
    const isKept = first >= today - 180 * DAY_SECONDS && last < today
    if (!isKept || last < first || last - first >= 30 * DAY_SECONDS) throw new WecomRefusal(40058, 'invalid time')
    return Array.from({ length: (last - first) / DAY_SECONDS + 1 }, (_, i) => first + i * DAY_SECONDS)
  }
  const isOn = (day: number, at: number) => at >= day && at < day + DAY_SECONDS

  own('get_user_behavior_data', body => {
    const userids = read.texts(body, 'userid')
    if (userids.length === 0 || userids.length > 100) throw new WecomRefusal(40031)
    const follows = [...world.customers.values()].flatMap(customer =>
      customer.follows.filter(follow => userids.includes(follow.userid)),
    )
    return {
      behavior_data: daysOf(body, 'start_time', 'end_time').map(day => ({
        stat_time: day,
        chat_cnt: 0,
        message_cnt: 0,
        negative_feedback_cnt: lost.filter(one => userids.includes(one.userid) && isOn(day, one.at)).length,
        new_apply_cnt: 0,
        new_contact_cnt: follows.filter(follow => isOn(day, seconds(follow.createdAt))).length,
      })),
    }
  })

  own('groupchat/statistic_group_by_day', body => {
    const filter = body['owner_filter']
    const owners = read.texts((filter ?? {}) as Body, 'userid_list')
    if (owners.length === 0 || owners.length > 100) throw new WecomRefusal(40058)
    const groups = [...world.groupChats.values()].filter(group => owners.includes(group.owner))
    const joined = groups.flatMap(group => group.members.map(member => seconds(member.joinedAt)))
    const created = groups.map(group => seconds(group.createdAt))
    return {
      items: daysOf(body, 'day_begin_time', 'day_end_time').map(day => ({
        stat_time: day,
        data: {
          new_chat_cnt: created.filter(at => isOn(day, at)).length,
          chat_total: created.filter(at => at < day + DAY_SECONDS).length,
          chat_has_msg: 0,
          new_member_cnt: joined.filter(at => isOn(day, at)).length,
          member_total: joined.filter(at => at < day + DAY_SECONDS).length,
          member_has_msg: 0,
          msg_total: 0,
          migrate_trainee_chat_cnt: 0,
        },
      })),
    }
  })

  own('opengid_to_chatid', body => {
    const opengid = read.text(body, 'opengid')
    if (!opengid) throw new WecomRefusal(90511)
    const group = [...world.groupChats.values()].find(each => opengidOf(each.chatId) === opengid)
    // Groups of WeChat's own have such ids too; WeCom knows that they are none of its customers'.
    if (!group) throw new WecomRefusal(opengid.startsWith('oG') ? 90509 : 90511)
    return { chat_id: group.chatId }
  })
}
