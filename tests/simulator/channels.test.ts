import { afterEach, describe, expect, it } from 'vitest'
import { buildWecomApi } from '../../simulator/wecom-api.ts'
import { createWorld, singleKey, type CallbackFields } from '../../simulator/world.ts'
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
  const events: CallbackFields[] = []
  world.subscribe(event => void (event.kind === 'callback' && events.push(event.fields)))
  const { token } = world.issueToken('1000002')
  const call = async (path: string, body: unknown) => {
    const url = `/cgi-bin/${path}?access_token=${token}`
    return (await app.inject({ method: 'POST', url, payload: JSON.stringify(body) })).json<Answer>()
  }
  const own = (path: string, body: unknown) => call(`externalcontact/${path}`, body)
  return { world, app, events, call, own, token }
}

const way = { type: 1, scene: 2, remark: '海报', state: 's1', user: ['demo-a02'] }

describe('contact ways', () => {
  it('are made, told, listed by time, changed and deleted', async () => {
    const { own } = build()
    const { config_id, qr_code } = await own('add_contact_way', way)
    expect(qr_code).toContain(config_id)
    expect(await own('get_contact_way', { config_id })).toMatchObject({ contact_way: { ...way, config_id, qr_code } })
    const seconds = Math.floor(nowMs / 1000)
    const listed = async (start_time: number) =>
      (await own('list_contact_way', { start_time, end_time: seconds + 1 }))['contact_way']
    expect(await listed(seconds)).toEqual([{ config_id }])
    expect(await listed(seconds + 1)).toEqual([])
    expect((await own('update_contact_way', { config_id, user: ['demo-a03'] })).errcode).toBe(0)
    expect(await own('get_contact_way', { config_id })).toMatchObject({
      contact_way: { user: ['demo-a03'], state: 's1' },
    })
    expect((await own('del_contact_way', { config_id })).errcode).toBe(0)
    expect((await own('get_contact_way', { config_id })).errcode).toBe(41044)
  })

  it.each([
    [{ ...way, type: undefined }, 41037],
    [{ ...way, scene: undefined }, 41038],
    [{ ...way, type: 3 }, 41039],
    [{ ...way, scene: 9 }, 41040],
    [{ ...way, user: ['demo-a02', 'demo-a03'] }, 40031],
    [{ ...way, user: ['nobody'] }, 60111],
    [{ ...way, state: 's'.repeat(31) }, 40058],
    [{ ...way, type: 2, user: Array.from({ length: 101 }, () => 'demo-a02') }, 41041],
  ])('are refused where WeCom refuses them: %#', async (body, errcode) => {
    expect((await build().own('add_contact_way', body)).errcode).toBe(errcode)
  })

  it('bring customers to each of their people in turn, with their state and a code for a welcome', async () => {
    const { world, own, events } = build()
    const users = ['demo-a01', 'demo-a03']
    const { config_id } = await own('add_contact_way', { ...way, type: 2, user: users })
    expect([1, 2].map(() => world.channels.scan(String(config_id), 'wmDemoStranger').userid)).toEqual(users)
    expect(events[0]).toMatchObject({ ChangeType: 'add_external_contact', UserID: 'demo-a01', State: 's1' })
    expect(events[0]!['WelcomeCode']).toMatch(/^\w{32}$/)
    expect(world.customerOf('wmDemoStranger').follows.at(-1)).toMatchObject({ state: 's1', addWay: 1 })
  })
})

describe('welcomes', () => {
  const welcome = (world: ReturnType<typeof build>['world']) => world.channels.welcomeFor('demo-a02', 'wmDemoGold')
  const text = { content: '您好' }

  it('are said once, and within 20 seconds', async () => {
    const { world, own } = build()
    const welcome_code = welcome(world)
    expect((await own('send_welcome_msg', { welcome_code, text })).errcode).toBe(0)
    expect((await own('send_welcome_msg', { welcome_code, text })).errcode).toBe(41051)
    const late = welcome(world)
    nowMs += 20_000
    expect((await own('send_welcome_msg', { welcome_code: late, text })).errcode).toBe(41050)
    expect((await own('send_welcome_msg', { welcome_code: 'other', text })).errcode).toBe(41050)
    expect((await own('send_welcome_msg', { text })).errcode).toBe(41049)
    expect(world.channels.welcomed.map(one => one.text)).toEqual(['您好'])
    expect(world.messagesOf(singleKey('demo-a02', 'wmDemoGold')).at(-1)).toMatchObject({
      from: { kind: 'staff', id: 'demo-a02' },
      body: { kind: 'text', text: '您好' },
    })
  })

  it('say something, within their sizes, with what WeCom knows', async () => {
    const { world, app, own, token } = build()
    const tried = async (body: object) =>
      (await own('send_welcome_msg', { welcome_code: welcome(world), ...body })).errcode
    expect(await tried({})).toBe(40058)
    expect(await tried({ text: { content: '好'.repeat(1334) } })).toBe(40058)
    const link = (title: string) => ({ attachments: [{ msgtype: 'link', link: { title, url: 'https://x.example' } }] })
    expect(await tried(link('t'.repeat(128)))).toBe(0)
    expect(await tried(link('t'.repeat(129)))).toBe(41065)
    const card = (pic_media_id: string) => ({
      attachments: [{ msgtype: 'miniprogram', miniprogram: { title: '入会', pic_media_id, appid: 'wx0000000000000001', page: 'p.html' } }], // prettier-ignore
    })
    expect(await tried(card('none'))).toBe(40007)
    const form = new FormData()
    form.set('media', new Blob([Buffer.alloc(64)], { type: 'image/png' }), 'card.png')
    const response = new Response(form)
    const answer = await app.inject({
      method: 'POST',
      url: `/cgi-bin/media/upload?type=image&access_token=${token}`,
      headers: { 'content-type': response.headers.get('content-type')! },
      payload: Buffer.from(await response.arrayBuffer()),
    })
    expect(await tried(card(answer.json<{ media_id: string }>().media_id))).toBe(0)
  })
})

describe('links and join ways', () => {
  it('bring who opens them, with what was given to them', async () => {
    const { world, own, events } = build()
    const made = await own('customer_acquisition/create_link', {
      link_name: '小程序',
      range: { user_list: ['demo-a02'] },
    })
    const { link_id, url } = made['link'] as { link_id: string; url: string }
    expect((await own('customer_acquisition/list_link', { limit: 100 }))['link_id_list']).toEqual([link_id])
    expect(await own('customer_acquisition/get', { link_id })).toMatchObject({ range: { user_list: ['demo-a02'] } })
    world.channels.open(`${url}?customer_channel=${'c'.repeat(70)}`, 'wmDemoStranger')
    expect(events.map(event => event['ChangeType'])).toEqual(['friend_request', 'add_external_contact'])
    expect(events[1]!['State']).toBe('c'.repeat(64))
    expect((await own('customer_acquisition/delete_link', { link_id })).errcode).toBe(0)

    const join = { scene: 2, state: 'j1', chat_id_list: ['wrDemoGroup'], auto_create_room: 0 }
    const { config_id } = await own('groupchat/add_join_way', join)
    world.leave('wrDemoGroup', ['wmDemoStranger'])
    world.channels.scanJoinWay(String(config_id), 'wmDemoStranger')
    const group = await own('groupchat/get', { chat_id: 'wrDemoGroup' })
    const members = (group['group_chat'] as { member_list: { userid: string; state?: string }[] }).member_list
    expect(members.find(member => member.userid === 'wmDemoStranger')!.state).toBe('j1')
    expect(members.find(member => member.userid === 'wmDemoGold')).not.toHaveProperty('state')
    const six = Array.from({ length: 6 }, () => 'wrDemoGroup')
    expect((await own('groupchat/update_join_way', { ...join, config_id, chat_id_list: six })).errcode).toBe(41091)
  })
})
