/**
 * WeCom's server API on an origin of its own. It answers as the real one does, refusals included: HTTP 200 with errcode
 * and errmsg. What it is sent is checked; nothing is taken on trust.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { channelsApi } from './channels-api.ts'
import { groupMessagesApi } from './group-messages-api.ts'
import { messagesApi } from './messages-api.ts'
import { miniProgramApi } from './mini-program-api.ts'
import { signInPages } from './sign-in-pages.ts'
import { statisticsApi } from './statistics-api.ts'
import { transfersApi } from './transfers-api.ts'
import { toErrorBody, WecomRefusal } from './wecom-errors.ts'
import { versionOf, type Agent, type Customer, type Follow, type World } from './world.ts'

type Query = Record<string, string | undefined>
type Body = Record<string, unknown>

/** One call of the API, its token already checked. */
interface Call {
  agent: Agent
  query: Query
  body: Body
}

type Answer = Record<string, unknown>

export function buildWecomApi(world: World): FastifyInstance {
  const app = Fastify({ logger: false, forceCloseConnections: true })

  // WeCom reads the body whatever its content type says, and answers malformed JSON in its own way.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, text, done) => done(null, text))

  const unheard = new WeakSet<FastifyRequest>()
  const entered = new WeakSet<FastifyRequest>()
  app.addHook('onRequest', async request => {
    const api = apiOf(request)
    if (api === null) return
    const errcode = world.limits.enter(api, world.now())
    if (errcode !== null) throw new WecomRefusal(errcode)
    entered.add(request)
    await Promise.resolve()
  })
  app.addHook('onRequest', async request => {
    const fault = world.takeFault(pathOf(request))
    if (fault?.latencyMs) await sleep(fault.latencyMs)
    if (fault?.errcode !== undefined) throw new WecomRefusal(fault.errcode)
    if (fault?.losesAnswer) unheard.add(request)
  })
  app.addHook('onResponse', async request => {
    if (entered.has(request)) world.limits.leave(apiOf(request)!)
    await Promise.resolve()
  })
  app.addHook('onSend', async (request, _reply, payload) => {
    if (unheard.has(request)) request.raw.socket.destroy()
    return await Promise.resolve(payload)
  })

  app.setErrorHandler((error, request, reply) => {
    if (!(error instanceof WecomRefusal)) throw error
    return reply.code(200).send(toErrorBody(error, { at: world.now(), from: request.ip }))
  })
  app.setNotFoundHandler(() => {
    throw new WecomRefusal(40066)
  })

  signInPages(app, world)
  miniProgramApi(app, world)

  app.get('/cgi-bin/gettoken', request => {
    const { corpid, corpsecret } = request.query as Query
    if (!corpid) throw new WecomRefusal(41002)
    if (!corpsecret) throw new WecomRefusal(41004)
    if (corpid !== world.corpId) throw new WecomRefusal(40013)
    const agent = [...world.agents.values()].find(each => each.secret === corpsecret)
    if (!agent) throw new WecomRefusal(40001)
    const { token, expiresInSeconds } = world.issueToken(agent.agentId)
    return { errcode: 0, errmsg: 'ok', access_token: token, expires_in: expiresInSeconds }
  })

  const on = (method: 'GET' | 'POST', path: string, handle: (call: Call) => Answer, needs?: 'customers') => {
    app.route({
      method,
      url: `/cgi-bin/${path}`,
      handler: request => {
        const agent = checkToken(world, (request.query as Query)['access_token'])
        if (needs === 'customers' && !agent.mayReadCustomers) throw new WecomRefusal(48002)
        const body = method === 'POST' ? readBody(request.body) : {}
        return { errcode: 0, errmsg: 'ok', ...handle({ agent, query: request.query as Query, body }) }
      },
    })
  }

  on('GET', 'get_jsapi_ticket', () => toTicket(world.issueTicket('corp')))
  on('GET', 'ticket/get', ({ agent, query }) => {
    if (query['type'] !== 'agent_config') throw new WecomRefusal(91040)
    return toTicket(world.issueTicket(agent.agentId))
  })

  // A file, as a form: only how long it is counts. Those of moments are uploaded by themselves.
  for (const path of ['upload', 'upload_attachment'] as const) {
    app.post(`/cgi-bin/media/${path}`, request => {
      const query = request.query as Query
      checkToken(world, query['access_token'])
      const type = query[path === 'upload' ? 'type' : 'media_type']
      if (!['image', 'voice', 'video', 'file'].includes(type ?? '')) throw new WecomRefusal(40004)
      if (path === 'upload_attachment' && query['attachment_type'] !== '1') throw new WecomRefusal(40058)
      const form = typeof request.body === 'string' ? request.body : ''
      const isForm = /^multipart\/form-data/.test(request.headers['content-type'] ?? '')
      if (!isForm || !/name="media"; filename="/.test(form)) throw new WecomRefusal(44001)
      const media_id = world.channels.upload(form.length)
      return { errcode: 0, errmsg: '', type, media_id, created_at: String(seconds(world.now())) }
    })
  }
  channelsApi(world, on, { text: readText, texts: readTexts, limit: readLimit, page: pageOf })
  groupMessagesApi(world, on, { text: readText, texts: readTexts, limit: readLimit, page: pageOf })
  statisticsApi(world, on, { text: readText, texts: readTexts })
  transfersApi(world, on, { text: readText, texts: readTexts, page: pageOf })
  messagesApi(world, on, { text: readText })

  on('GET', 'auth/getuserinfo', ({ agent, query }) => {
    const who = query['code'] ? world.spendCode(query['code'], agent.agentId) : null
    if (who === null) throw new WecomRefusal(40029)
    const customer = world.customers.get(who)
    if (customer) return { openid: customer.openid, external_userid: customer.externalUserid }
    return { userid: who }
  })

  on('GET', 'user/get', ({ query }) => {
    if (!query['userid']) throw new WecomRefusal(41009)
    const person = world.staff.get(query['userid'])
    if (!person) throw new WecomRefusal(60111)
    return {
      userid: person.userid,
      name: person.name,
      department: person.departments,
      order: person.departments.map(() => 0),
      position: person.position,
      is_leader_in_dept: person.departments.map(() => (person.isLeader ? 1 : 0)),
      direct_leader: [],
      alias: '',
      main_department: person.departments[0] ?? 1,
      extattr: { attrs: [] },
      status: person.status,
      external_position: '',
    }
  })

  // Each app may look at itself alone.
  on('GET', 'agent/get', ({ agent, query }) => {
    if (query['agentid'] !== agent.agentId) throw new WecomRefusal(301002)
    const { agentId, name, trustedDomains } = agent
    return {
      agentid: Number(agentId),
      name,
      close: 0,
      redirect_domain: trustedDomains[0] ?? '',
      allow_userinfos: { user: [] },
      allow_partys: { partyid: world.departments.filter(({ parentId }) => parentId === 0).map(({ id }) => id) },
    }
  })
  on('GET', 'department/simplelist', () => ({
    department_id: world.departments.map(({ id, parentId }) => ({ id, parentid: parentId, order: id })),
  }))
  on('GET', 'department/get', ({ query }) => {
    const found = world.departments.find(({ id }) => String(id) === query['id'])
    if (!found) throw new WecomRefusal(60003)
    const { id, name, parentId } = found
    return { department: { id, name, parentid: parentId, order: id, department_leader: [] } }
  })
  on('GET', 'user/simplelist', ({ query }) => {
    const departmentId = Number(query['department_id'])
    if (!world.departments.some(({ id }) => id === departmentId)) throw new WecomRefusal(60003)
    const people = [...world.staff.values()].filter(person => person.departments.includes(departmentId))
    return { userlist: people.map(({ userid, name, departments }) => ({ userid, name, department: departments })) }
  })
  on('GET', 'department/list', () => ({
    department: world.departments.map(({ id, name, parentId }) => ({ id, name, parentid: parentId, order: id })),
  }))

  on(
    'GET',
    'externalcontact/get_follow_user_list',
    () => {
      // Whoever may have customers, whether or not he has any.
      const userids = [...world.staff.values()].filter(person => person.status === 1).map(person => person.userid)
      return { follow_user: userids }
    },
    'customers',
  )

  on(
    'GET',
    'externalcontact/list',
    ({ query }) => {
      const userid = staffOf(world, query['userid'])
      const ids = customersOf(world, [userid]).map(({ customer }) => customer.externalUserid)
      if (ids.length === 0) throw new WecomRefusal(84061)
      return { external_userid: ids }
    },
    'customers',
  )

  on(
    'GET',
    'externalcontact/get',
    ({ query }) => {
      if (!query['external_userid']) throw new WecomRefusal(41035)
      const customer = world.customers.get(query['external_userid'])
      if (!customer) throw new WecomRefusal(40096)
      if (customer.follows.length === 0) throw new WecomRefusal(84061)
      const { items, nextCursor } = pageOf(customer.follows, query['cursor'], 500)
      return {
        external_contact: toContact(customer),
        follow_user: items.map(follow => toFollowUser(world, follow)),
        next_cursor: nextCursor,
      }
    },
    'customers',
  )

  on(
    'POST',
    'externalcontact/batch/get_by_user',
    ({ body }) => {
      const userids = readTexts(body, 'userid_list')
      if (userids.length === 0 || userids.length > 100) throw new WecomRefusal(40031)
      const limit = readLimit(body, 50, 100)
      const all = customersOf(
        world,
        userids.map(userid => staffOf(world, userid)),
      )
      const { items, nextCursor } = pageOf(all, readText(body, 'cursor'), limit)
      return {
        external_contact_list: items.map(({ customer, follow }) => ({
          external_contact: toContact(customer),
          follow_info: toFollowInfo(follow),
        })),
        next_cursor: nextCursor,
      }
    },
    'customers',
  )

  on(
    'POST',
    'externalcontact/groupchat/list',
    ({ body }) => {
      const filter = body['owner_filter']
      const owners = isRecord(filter) ? readTexts(filter, 'userid_list') : []
      const groups = [...world.groupChats.values()].filter(group => owners.length === 0 || owners.includes(group.owner))
      const { items, nextCursor } = pageOf(groups, readText(body, 'cursor'), readLimit(body, undefined, 1000))
      return { group_chat_list: items.map(({ chatId }) => ({ chat_id: chatId, status: 0 })), next_cursor: nextCursor }
    },
    'customers',
  )

  on(
    'POST',
    'externalcontact/groupchat/get',
    ({ body }) => {
      const group = world.groupChats.get(readText(body, 'chat_id') ?? '')
      if (!group) throw new WecomRefusal(86001)
      const withNames = body['need_name'] === 1
      return {
        group_chat: {
          chat_id: group.chatId,
          name: group.name,
          owner: group.owner,
          create_time: seconds(group.createdAt),
          notice: group.notice,
          member_list: group.members.map(member => {
            const customer = member.kind === 'customer' ? world.customerOf(member.id) : null
            const name = customer?.name ?? world.staff.get(member.id)?.name ?? ''
            return {
              userid: member.id,
              type: customer ? 2 : 1,
              ...(customer ? { unionid: customer.unionid } : {}),
              join_time: seconds(member.joinedAt),
              join_scene: member.joinScene,
              ...(member.state === undefined ? {} : { state: member.state }),
              invitor: { userid: member.invitor },
              group_nickname: '',
              ...(withNames ? { name } : {}),
            }
          }),
          admin_list: [],
          member_version: versionOf(group.version),
        },
      }
    },
    'customers',
  )

  on(
    'POST',
    'externalcontact/get_corp_tag_list',
    ({ body }) => {
      const tagIds = readTexts(body, 'tag_id')
      const groupIds = readTexts(body, 'group_id')
      const isAsked = (groupId: string, ids: string[]) =>
        (tagIds.length === 0 && groupIds.length === 0) ||
        groupIds.includes(groupId) ||
        ids.some(tagId => tagIds.includes(tagId))
      return {
        tag_group: world.tagGroups
          .filter(group =>
            isAsked(
              group.groupId,
              group.tags.map(tag => tag.tagId),
            ),
          )
          .map((group, order) => ({
            group_id: group.groupId,
            group_name: group.name,
            create_time: seconds(group.createdAt),
            order,
            tag: group.tags.map((tag, i) => ({
              id: tag.tagId,
              name: tag.name,
              create_time: seconds(tag.createdAt),
              order: i,
            })),
          })),
      }
    },
    'customers',
  )

  on(
    'POST',
    'externalcontact/mark_tag',
    ({ body }) => {
      const follow = followOf(world, body)
      const added = readTexts(body, 'add_tag')
      const removed = readTexts(body, 'remove_tag')
      if (added.length + removed.length === 0) throw new WecomRefusal(40035)
      for (const tagId of [...added, ...removed]) if (!world.tagOf(tagId)) throw new WecomRefusal(40068)
      for (const tagId of added) follow.tagIds.add(tagId)
      for (const tagId of removed) follow.tagIds.delete(tagId)
      return {}
    },
    'customers',
  )

  on(
    'POST',
    'externalcontact/remark',
    ({ body }) => {
      const follow = followOf(world, body)
      const remark = readText(body, 'remark')
      const description = readText(body, 'description')
      const remarkCorpName = readText(body, 'remark_company')
      const mobiles = Array.isArray(body['remark_mobiles']) ? readTexts(body, 'remark_mobiles') : undefined
      if ([remark, description, remarkCorpName, mobiles].every(part => part === undefined)) {
        throw new WecomRefusal(40035)
      }
      if ((remark?.length ?? 0) > 20 || (description?.length ?? 0) > 150 || (remarkCorpName?.length ?? 0) > 20) {
        throw new WecomRefusal(40058)
      }
      if (remark !== undefined) follow.remark = remark
      if (description !== undefined) follow.description = description
      if (remarkCorpName !== undefined) follow.remarkCorpName = remarkCorpName
      // The list replaces what was there; one empty text clears it.
      if (mobiles) follow.remarkMobiles = mobiles.filter(Boolean)
      return {}
    },
    'customers',
  )

  return app
}

function checkToken(world: World, token: string | undefined): Agent {
  if (!token) throw new WecomRefusal(41001)
  const held = world.checkToken(token)
  if (held === 'unknown') throw new WecomRefusal(40014)
  if (held === 'expired') throw new WecomRefusal(42001)
  return world.agent(held.agentId)
}

function readBody(text: unknown): Body {
  if (typeof text !== 'string' || text === '') return {}
  try {
    const body: unknown = JSON.parse(text)
    if (isRecord(body)) return body
  } catch {
    // Falls through: what is not JSON and what is JSON but no object are refused alike.
  }
  throw new WecomRefusal(40058, 'Warning: wrong json format.')
}

const isRecord = (value: unknown): value is Body => typeof value === 'object' && value !== null && !Array.isArray(value)

function readText(body: Body, name: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new WecomRefusal(40058, `invalid type of ${name}`)
  return value
}

function readTexts(body: Body, name: string): string[] {
  const value = body[name]
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || !value.every(each => typeof each === 'string')) {
    throw new WecomRefusal(40058, `invalid type of ${name}`)
  }
  return value
}

/** @param fallback undefined: the limit must be given */
function readLimit(body: Body, fallback: number | undefined, most: number): number {
  const value = body['limit'] ?? fallback
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) {
    throw new WecomRefusal(40058, 'invalid limit')
  }
  return value
}

/** A cursor says where to go on, in a form that nobody should read. The last page's is empty. */
function pageOf<T>(all: readonly T[], cursor: string | undefined, limit: number): { items: T[]; nextCursor: string } {
  const start = cursor ? Number(Buffer.from(cursor, 'base64url').toString()) : 0
  if (!Number.isInteger(start) || start < 0) throw new WecomRefusal(40058, 'invalid cursor')
  const end = start + limit
  return {
    items: all.slice(start, end),
    nextCursor: end < all.length ? Buffer.from(String(end)).toString('base64url') : '',
  }
}

function staffOf(world: World, userid: string | undefined): string {
  if (!userid) throw new WecomRefusal(41009)
  if (!world.staff.has(userid)) throw new WecomRefusal(60111)
  return userid
}

function followOf(world: World, body: Body): Follow {
  const userid = staffOf(world, readText(body, 'userid'))
  const externalUserid = readText(body, 'external_userid')
  if (!externalUserid) throw new WecomRefusal(41035)
  const customer = world.customers.get(externalUserid)
  if (!customer) throw new WecomRefusal(40096)
  const follow = customer.follows.find(each => each.userid === userid)
  if (!follow) throw new WecomRefusal(84061)
  return follow
}

/** Person after person as asked for; found in one walk, since a corporation has many customers. */
function customersOf(world: World, userids: readonly string[]): { customer: Customer; follow: Follow }[] {
  const found = new Map(userids.map(userid => [userid, [] as { customer: Customer; follow: Follow }[]]))
  for (const customer of world.customers.values()) {
    for (const follow of customer.follows) found.get(follow.userid)?.push({ customer, follow })
  }
  return userids.flatMap(userid => found.get(userid)!)
}

const toTicket = ({ ticket, expiresInSeconds }: { ticket: string; expiresInSeconds: number }) => ({
  ticket,
  expires_in: expiresInSeconds,
})

function toContact({ externalUserid, name, gender, unionid }: Customer) {
  return { external_userid: externalUserid, name, type: 1, avatar: '', gender, unionid }
}

function toFollowUser(world: World, follow: Follow) {
  const { tag_id, ...rest } = toFollowInfo(follow)
  return {
    ...rest,
    tags: tag_id.flatMap(tagId => {
      const tag = world.tagOf(tagId)
      return tag ? [{ group_name: tag.groupName, tag_name: tag.name, tag_id: tagId, type: 1 }] : []
    }),
  }
}

function toFollowInfo(follow: Follow) {
  return {
    userid: follow.userid,
    remark: follow.remark,
    description: follow.description,
    createtime: seconds(follow.createdAt),
    tag_id: [...follow.tagIds],
    remark_corp_name: follow.remarkCorpName,
    remark_mobiles: follow.remarkMobiles,
    oper_userid: follow.operUserid,
    add_way: follow.addWay,
    ...(follow.state ? { state: follow.state } : {}),
  }
}

const seconds = (ms: number) => Math.floor(ms / 1000)

const pathOf = (request: FastifyRequest) => request.url.split('?')[0]!

/** As WeCom counts: `externalcontact/get`; null: no API of WeCom's. */
const apiOf = (request: FastifyRequest) => /^\/cgi-bin\/(.+)$/.exec(pathOf(request))?.[1] ?? null
