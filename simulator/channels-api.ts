/** The server API of contact ways, acquisition links, join ways and welcomes. */
import { WecomRefusal } from './wecom-errors.ts'
import { singleKey, type MessageBody, type World } from './world.ts'

type Body = Record<string, unknown>
type Handle = (call: { body: Body; query: Record<string, string | undefined> }) => Record<string, unknown>
type On = (method: 'GET' | 'POST', path: string, handle: Handle, needs?: 'customers') => void

/** How a body is read: refusals are WeCom's. */
interface Read {
  text(body: Body, name: string): string | undefined
  texts(body: Body, name: string): string[]
  limit(body: Body, fallback: number | undefined, most: number): number
  page<T>(all: readonly T[], cursor: string | undefined, limit: number): { items: T[]; nextCursor: string }
}

const seconds = (ms: number) => Math.floor(ms / 1000)

export function channelsApi(world: World, on: On, read: Read): void {
  const { channels } = world
  const { text, texts } = read
  const own = (path: string, handle: (body: Body) => Record<string, unknown>) =>
    on('POST', `externalcontact/${path}`, ({ body }) => handle(body), 'customers')
  const needed = (body: Body, name: string, errcode = 40058) => {
    const value = text(body, name)
    if (!value) throw new WecomRefusal(errcode)
    return value
  }
  const list = <T>(all: Iterable<T>, body: Body, most: number, fallback = most) =>
    read.page([...all], text(body, 'cursor'), read.limit(body, fallback, most))

  own('add_contact_way', body => {
    const type = body['type']
    const scene = body['scene']
    if (type === undefined) throw new WecomRefusal(41037)
    if (type !== 1 && type !== 2) throw new WecomRefusal(41039)
    if (scene === undefined) throw new WecomRefusal(41038)
    if (scene !== 1 && scene !== 2) throw new WecomRefusal(41040)
    const { configId } = channels.addContactWay({
      type,
      scene,
      remark: text(body, 'remark') ?? '',
      skipVerify: body['skip_verify'] !== false,
      state: text(body, 'state') ?? '',
      users: texts(body, 'user'),
    })
    return { config_id: configId, ...(scene === 2 ? { qr_code: qrOf(configId) } : {}) }
  })
  own('get_contact_way', body => {
    const way = channels.contactWay(needed(body, 'config_id', 41043))
    return {
      contact_way: {
        config_id: way.configId,
        type: way.type,
        scene: way.scene,
        remark: way.remark,
        skip_verify: way.skipVerify,
        state: way.state,
        ...(way.scene === 2 ? { qr_code: qrOf(way.configId) } : {}),
        user: way.users,
        party: [],
        is_temp: false,
      },
    }
  })
  own('list_contact_way', body => {
    const from = Number(body['start_time'] ?? seconds(world.now()) - 90 * 86_400)
    const to = Number(body['end_time'] ?? seconds(world.now()))
    const all = [...channels.contactWays.values()].filter(
      way => seconds(way.createdAt) >= from && seconds(way.createdAt) <= to,
    )
    const { items, nextCursor } = list(all, body, 1000, 100)
    return { contact_way: items.map(({ configId }) => ({ config_id: configId })), next_cursor: nextCursor }
  })
  own('update_contact_way', body => {
    const remark = text(body, 'remark')
    const state = text(body, 'state')
    channels.updateContactWay(needed(body, 'config_id', 41043), {
      ...(remark === undefined ? {} : { remark }),
      ...(state === undefined ? {} : { state }),
      ...(body['skip_verify'] === undefined ? {} : { skipVerify: body['skip_verify'] !== false }),
      ...(body['user'] === undefined ? {} : { users: texts(body, 'user') }),
    })
    return {}
  })
  own('del_contact_way', body => {
    channels.deleteContactWay(needed(body, 'config_id', 41043))
    return {}
  })

  const usersOf = (body: Body) => {
    const range = body['range']
    return typeof range === 'object' && range !== null ? texts(range as Body, 'user_list') : undefined
  }
  own('customer_acquisition/create_link', body => {
    const name = needed(body, 'link_name')
    if (name.length > 30) throw new WecomRefusal(40058)
    const made = channels.createLink({ name, users: usersOf(body) ?? [], skipVerify: body['skip_verify'] !== false })
    return { link: linkOf(made) }
  })
  own('customer_acquisition/update_link', body => {
    const name = text(body, 'link_name')
    const users = usersOf(body)
    channels.updateLink(needed(body, 'link_id'), {
      ...(name === undefined ? {} : { name }),
      ...(users === undefined ? {} : { users }),
      ...(body['skip_verify'] === undefined ? {} : { skipVerify: body['skip_verify'] !== false }),
    })
    return {}
  })
  own('customer_acquisition/delete_link', body => {
    channels.deleteLink(needed(body, 'link_id'))
    return {}
  })
  own('customer_acquisition/list_link', body => {
    const { items, nextCursor } = list(channels.links.keys(), body, 100)
    return { link_id_list: items, next_cursor: nextCursor }
  })
  own('customer_acquisition/get', body => {
    const link = channels.link(needed(body, 'link_id'))
    return {
      link: { ...linkOf(link), skip_verify: link.skipVerify, mark_source: true },
      range: { user_list: link.users, department_list: [] },
    }
  })
  on(
    'GET',
    'externalcontact/customer_acquisition_quota',
    () => ({ total: 1000, balance: channels.balance, quota_list: [] }),
    'customers',
  )

  const joinWayOf = (body: Body) => {
    const scene = body['scene']
    if (scene !== 1 && scene !== 2) throw new WecomRefusal(40058)
    return {
      scene: scene as 1 | 2,
      remark: text(body, 'remark') ?? '',
      autoCreateRoom: body['auto_create_room'] === 1,
      roomBaseName: text(body, 'room_base_name') ?? '',
      roomBaseId: Number(body['room_base_id'] ?? 1),
      chatIds: texts(body, 'chat_id_list'),
      state: text(body, 'state') ?? '',
    }
  }
  own('groupchat/add_join_way', body => ({ config_id: channels.addJoinWay(joinWayOf(body)).configId }))
  own('groupchat/get_join_way', body => {
    const way = channels.joinWay(needed(body, 'config_id'))
    return {
      join_way: {
        config_id: way.configId,
        scene: way.scene,
        remark: way.remark,
        auto_create_room: way.autoCreateRoom ? 1 : 0,
        room_base_name: way.roomBaseName,
        room_base_id: way.roomBaseId,
        chat_id_list: way.chatIds,
        state: way.state,
        ...(way.scene === 2 ? { qr_code: qrOf(way.configId) } : {}),
      },
    }
  })
  own('groupchat/update_join_way', body => {
    channels.updateJoinWay(needed(body, 'config_id'), joinWayOf(body))
    return {}
  })
  own('groupchat/del_join_way', body => {
    channels.deleteJoinWay(needed(body, 'config_id'))
    return {}
  })

  own('send_welcome_msg', body => {
    const code = needed(body, 'welcome_code', 41049)
    const words = body['text']
    const content = typeof words === 'object' && words !== null ? text(words as Body, 'content') : undefined
    const attachments = Array.isArray(body['attachments']) ? (body['attachments'] as Body[]) : []
    const said = channels.sendWelcome(code, content ?? '', attachments)
    const say = (body: MessageBody) =>
      world.say(singleKey(said.userid, said.externalUserid), { kind: 'staff', id: said.userid }, body)
    if (said.text !== '') say({ kind: 'text', text: said.text })
    for (const attachment of said.attachments) say(messageOf(attachment))
    return {}
  })
}

/** An attachment as the chat shows it. */
function messageOf(attachment: Body): MessageBody {
  const part = attachment[String(attachment['msgtype'])] as Record<string, string | undefined>
  const title = part['title'] ?? ''
  return attachment['msgtype'] === 'link'
    ? {
        kind: 'link',
        title,
        description: part['desc'] ?? '',
        imageUrl: part['picurl'] ?? '',
        url: part['url'] ?? '',
      }
    : { kind: 'mini_program', appId: part['appid'] ?? '', title, imageUrl: '', page: part['page'] ?? '' }
}

const qrOf = (configId: string) => `https://wework.qpic.cn/wwpic/simulated/${configId}/0`

const linkOf = (link: { linkId: string; name: string; createdAt: number }) => ({
  link_id: link.linkId,
  link_name: link.name,
  url: `https://work.weixin.qq.com/ca/${link.linkId}`,
  create_time: seconds(link.createdAt),
})
