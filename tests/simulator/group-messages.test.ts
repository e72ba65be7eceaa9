import { afterEach, describe, expect, it } from 'vitest'
import { buildWecomApi } from '../../simulator/wecom-api.ts'
import { createWorld, groupKey, singleKey } from '../../simulator/world.ts'
import { smallCorp } from './world.ts'

let nowMs = Date.UTC(2026, 10, 20, 4)
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

type Answer = Record<string, unknown> & { errcode: number }

function build() {
  const world = createWorld(smallCorp, { now: () => nowMs })
  const app = buildWecomApi(world)
  closers.push(() => app.close())
  const { token } = world.issueToken('1000002')
  const own = async (path: string, body: unknown) => {
    const url = `/cgi-bin/externalcontact/${path}?access_token=${token}`
    return (await app.inject({ method: 'POST', url, payload: JSON.stringify(body) })).json<Answer>()
  }
  const read = async (path: string) => {
    const { token: fresh } = world.issueToken('1000002')
    return (await app.inject({ method: 'GET', url: `/cgi-bin/${path}&access_token=${fresh}` })).json<Answer>()
  }
  return { world, app, own, read, token }
}

/** Somebody with friends, and one of those; somebody who owns a group. */
function people(world: ReturnType<typeof build>['world']) {
  const customer = [...world.customers.values()].find(each => each.follows.length > 0)!
  const group = [...world.groupChats.values()][0]!
  return { userid: customer.follows[0]!.userid, externalUserid: customer.externalUserid, group }
}
const words = { text: { content: '早安' } }

describe('group messages', () => {
  it('go to whom they are for once the member confirms, and say what became of each', async () => {
    const { world, own } = build()
    const { userid, externalUserid } = people(world)
    const { msgid, fail_list } = await own('add_msg_template', {
      ...words,
      chat_type: 'single',
      sender: userid,
      external_userid: [externalUserid, 'wmStranger'],
    })
    expect(fail_list).toEqual(['wmStranger'])
    expect(await own('get_groupmsg_task', { msgid })).toMatchObject({ task_list: [{ userid, status: 0 }] })
    world.groupMessages.confirm(String(msgid), userid)
    const said = world.messagesOf(singleKey(userid, externalUserid)).at(-1)
    expect(said).toMatchObject({ from: { id: userid }, body: { text: '早安' } })
    const send_time = Math.floor(nowMs / 1000)
    expect(await own('get_groupmsg_task', { msgid })).toMatchObject({ task_list: [{ status: 2, send_time }] })
    expect(await own('get_groupmsg_send_result', { msgid, userid })).toMatchObject({
      send_list: [{ external_userid: externalUserid, userid, status: 1, send_time }],
      next_cursor: '',
    })
    // One a month is all that he gets now.
    world.groupMessages.monthlyMax = 1
    const second = await own('add_msg_template', { ...words, sender: userid, external_userid: [externalUserid] })
    world.groupMessages.confirm(String(second['msgid']), userid)
    expect(await own('get_groupmsg_send_result', { msgid: second['msgid'], userid })).toMatchObject({
      send_list: [{ status: 3 }],
    })
  })

  it('go to all groups of their owner, and to nobody else’s', async () => {
    const { world, own } = build()
    const { group } = people(world)
    const { msgid } = await own('add_msg_template', { ...words, chat_type: 'group', sender: group.owner })
    world.groupMessages.confirm(String(msgid), group.owner)
    expect(world.messagesOf(groupKey(group.chatId)).at(-1)).toMatchObject({ body: { text: '早安' } })
    const result = await own('get_groupmsg_send_result', { msgid, userid: group.owner })
    expect(result['send_list']).toContainEqual(expect.objectContaining({ chat_id: group.chatId, status: 1 }))
    const other = [...world.staff.keys()].find(id => ![...world.groupChats.values()].some(one => one.owner === id))!
    expect((await own('add_msg_template', { ...words, chat_type: 'group', sender: other })).errcode).toBe(41048)
  })

  it('are listed by their span, dispatched after a while, reminded of thrice, and stopped', async () => {
    const { world, own } = build()
    const { userid } = people(world)
    world.groupMessages.dispatchMs = 2000
    const { msgid } = await own('add_msg_template', { ...words, sender: userid })
    expect((await own('get_groupmsg_task', { msgid })).errcode).toBe(41063)
    nowMs += 2000
    const now = Math.floor(nowMs / 1000)
    const list = (more: object) => own('get_groupmsg_list_v2', { chat_type: 'single', start_time: now - 60, end_time: now, ...more }) // prettier-ignore
    const listed = (await list({}))['group_msg_list'] as Record<string, unknown>[]
    expect(listed).toMatchObject([{ msgid, create_type: 0, text: { content: '早安' } }])
    expect(listed[0]).not.toHaveProperty('creator')
    expect((await list({ chat_type: 'group' }))['group_msg_list']).toEqual([])
    expect((await list({ start_time: now - 32 * 86_400 })).errcode).toBe(40058)
    expect((await list({ limit: 101 })).errcode).toBe(40058)
    for (let i = 0; i < 3; i++) expect((await own('remind_groupmsg_send', { msgid })).errcode).toBe(0)
    expect((await own('remind_groupmsg_send', { msgid })).errcode).toBe(41094)
    expect((await own('cancel_groupmsg_send', { msgid })).errcode).toBe(0)
    expect((await own('remind_groupmsg_send', { msgid })).errcode).toBe(41093)
    expect(() => world.groupMessages.confirm(String(msgid), userid)).toThrow('not asked')
    expect((await own('get_groupmsg_task', { msgid: 'msgOther' })).errcode).toBe(41046)
  })

  it.each([
    [{ chat_type: 'single' }, 40035],
    [{ chat_type: 'group' }, 40035],
    [{ sender: 'nobody' }, 60111],
    [{ external_userid: ['wmStranger'] }, 41048],
    [{ text: { content: '' }, sender: 'x' }, 40058],
    [{ text: { content: '字'.repeat(1334) }, sender: 'x' }, 40058],
    [{ attachments: [{ msgtype: 'image', image: { media_id: 'none' } }] }, 40007],
    [{ attachments: [{ msgtype: 'voice', voice: {} }] }, 41064],
    [{ attachments: [{ msgtype: 'link', link: { title: '', url: 'https://example.com' } }] }, 41065],
  ])('are refused where WeCom refuses them: %#', async (body, errcode) => {
    expect((await build().own('add_msg_template', { ...words, ...body })).errcode).toBe(errcode)
  })
})

describe('moments', () => {
  it('are made by a job, posted by each member himself, liked and commented on', async () => {
    const { world, app, own, read, token } = build()
    const { userid, externalUserid } = people(world)
    const upload = async (query: string) =>
      (
        await app.inject({
          method: 'POST',
          url: `/cgi-bin/media/upload_attachment?access_token=${token}&${query}`,
          headers: { 'content-type': 'multipart/form-data; boundary=x' },
          payload: '--x\r\nContent-Disposition: form-data; name="media"; filename="a.png"\r\n\r\nbytes\r\n--x--',
        })
      ).json<Answer>()
    expect((await upload('media_type=image')).errcode).toBe(40058)
    const { media_id } = await upload('media_type=image&attachment_type=1')
    world.groupMessages.dispatchMs = 1000
    const { jobid } = await own('add_moment_task', {
      ...words,
      attachments: [{ msgtype: 'image', image: { media_id } }],
      visible_range: { sender_list: { user_list: [userid, 'nobody'] } },
    })
    const result = () => read(`externalcontact/get_moment_task_result?jobid=${String(jobid)}`)
    expect(await result()).toMatchObject({ status: 2 })
    nowMs += 1000
    const made = (await result())['result'] as { moment_id: string; invalid_sender_list: unknown }
    expect(made.invalid_sender_list).toMatchObject({ user_list: ['nobody'] })
    const { moment_id } = made
    const task = async () => (await own('get_moment_task', { moment_id }))['task_list']
    expect(await task()).toEqual([{ userid, publish_status: 0 }])
    expect((await own('get_moment_comments', { moment_id, userid })).errcode).toBe(41062)
    world.groupMessages.post(moment_id, userid)
    world.groupMessages.like(moment_id, userid, externalUserid)
    expect(await task()).toEqual([{ userid, publish_status: 1 }])
    expect(await own('get_moment_comments', { moment_id, userid })).toMatchObject({
      comment_list: [],
      like_list: [{ external_userid: externalUserid }],
    })
    expect((await own('get_moment_comments', { moment_id, userid: 'nobody' })).errcode).toBe(41061)
    const now = Math.floor(nowMs / 1000)
    expect(await own('get_moment_list', { start_time: now - 60, end_time: now, limit: 20 })).toMatchObject({
      moment_list: [{ moment_id, text: { content: '早安' }, image: [{ media_id }] }],
    })
    nowMs += 86_400_000
    expect((await result()).errcode).toBe(40058)
  })

  it.each([
    [{}, 41088],
    [{ text: { content: 'a'.repeat(2001) } }, 40058],
    [{ attachments: [{ msgtype: 'miniprogram', miniprogram: {} }] }, 40058],
    [
      {
        attachments: [
          { msgtype: 'image', image: {} },
          { msgtype: 'link', link: {} },
        ],
      },
      40058,
    ],
    [{ attachments: [{ msgtype: 'image', image: { media_id: 'none' } }] }, 40007],
  ])('are refused where WeCom refuses them: %#', async (body, errcode) => {
    expect((await build().own('add_moment_task', body)).errcode).toBe(errcode)
  })
})
