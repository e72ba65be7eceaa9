import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharePicture } from '../../server/features/materials/service.ts'
import { planSync, syncStep } from '../../server/features/mirror/sync.ts'
import { postStep, type Posting } from '../../server/features/posts/service.ts'
import { WecomError, type Wecom, type WecomCall } from '../../server/features/wecom/service.ts'
import { dayOf, DAY_MS, instantOfLocal } from '../../server/lib/time.ts'
import { createVault } from '../../server/lib/vault.ts'
import type { GroupMessage } from '../../simulator/group-messages.ts'
import type { World } from '../../simulator/world.ts'
import { askerOf, type Asker } from '../support/askers.ts'
import { startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'

/** The content calendar, and the tasks that WeCom is given for it. Two stores: a1 and a2 of S1 (east), a3 of S2 (west). */

const SINCE = '2025-01-01T00:00:00+08:00'
const MINI = 'wxtest0000000001'
const ZONE = 'Asia/Shanghai'
/** Ten in the morning of tomorrow: no test runs over midnight. */
const day = dayOf(Date.now() + DAY_MS, ZONE)
let aheadMs = instantOfLocal(Date.parse(`${day}T10:00:00Z`), ZONE) - Date.now()
const now = () => Date.now() + aheadMs

let wecom: TestWecom
let world: World
let service: TestService
let posting: Posting
let a1: Asker
let a3: Asker
let pictureUrl: string
let coat: string

const headers = { authorization: `Bearer ${TEST_KEY}` }
const call = async (method: 'PUT' | 'DELETE', path: string, payload?: object) => {
  const answer = await service.app.inject({ method, url: `/api/v1${path}`, headers, ...(payload ? { payload } : {}) })
  return { status: answer.statusCode, body: (answer.body === '' ? {} : answer.json()) as Record<string, unknown> }
}
const entry = (body: object) => ({ day, from: '09:00', to: '22:00', places: ['moments'], text: '早安', ...body })
const put = async (body: object) => {
  const { status, body: made } = await service.post('/posts', entry(body))
  expect([status, made]).toMatchObject([201, {}])
  return made as unknown as { postId: string; plannedAt: string | null; used: number }
}
const refused = async (body: object) => {
  const { status, body: answer } = await service.post('/posts', entry(body))
  expect(status).toBe(422)
  return (answer['errors'] as { path: string; code: string }[]).map(({ path, code }) => `${path} ${code}`)
}
interface Results {
  tasks: Record<string, number>
  refusals: { errcode: number; count: number }[]
  items: ({ storeCode: string } & Record<string, number>)[]
}
const results = (postId: string) => service.get<Results>(`/posts/${postId}/results`)
const ofStore = async (postId: string, storeCode: string) => (await results(postId)).items.find(row => row.storeCode === storeCode)! // prettier-ignore
/** Does all that is due, after so long. */
const work = async ({ afterMs = 0, by = {} }: { afterMs?: number; by?: Partial<Posting> } = {}) => {
  aheadMs += afterMs
  while (await postStep({ ...posting, ...by }));
}
/** A WeCom whose answers to these calls are lost on their way. */
const losing = (lost: string): Wecom => ({
  ...posting.wecom,
  async call(api: string, how?: WecomCall) {
    const answer = await posting.wecom.call(api, how)
    if (api === lost) throw new WecomError(api, { outcome: 'unknown', why: 'test' })
    return answer
  },
})
const messages = () => [...world.groupMessages.messages.values()]
const sentBy = (all: readonly GroupMessage[], userid: string) => all.filter(message => message.senders.has(userid))
const sentTouches = () => service.pool<{ associateId: string; at: number; channel: string }[]>`
  SELECT l.associate_id AS "associateId", t.at, t.channel FROM touches AS t
  JOIN share_links AS l ON l.brand_id = t.brand_id AND l.link_code = t.link_code WHERE t.kind = 'sent' ORDER BY t.at`

beforeAll(async () => {
  wecom = await startTestWecom({
    now,
    staff: ['a1', 'a2', 'a3', 'hq'],
    customers: [
      { name: '甲', externalUserid: 'wmA', follows: [{ userid: 'a1' }, { userid: 'a3' }] },
      { name: '乙', externalUserid: 'wmB', follows: [{ userid: 'a1' }] },
      { name: '丙', externalUserid: 'wmC', follows: [{ userid: 'a1' }] },
      { name: '丁', externalUserid: 'wmD', follows: [{ userid: 'a2' }] },
    ],
    groupChats: [{ chatId: 'wrOne', name: '一店会员群', owner: 'a1', customers: ['甲'] }],
  })
  world = wecom.world
  ;(world.miniPrograms as { appId: string; name: string }[]).push({ appId: MINI, name: '商城' })
  service = await startTestService({ env: { ...wecom.env, MINIPROGRAM_APP_ID: MINI }, now, worker: false })
  const { publicUrl } = service.settings
  posting = {
    pool: service.pool,
    wecom: service.app.wecom!,
    brandId: 1,
    objects: null,
    publicUrl,
    miniProgramAppId: MINI,
    now,
  }
  await service.ingest('stores', [
    { storeCode: 'S1', name: '一店', type: 'direct', region: 'east' },
    { storeCode: 'S2', name: '二店', type: 'direct', region: 'west' },
  ])
  await service.ingest('associates', [
    ...(['a1', 'a2'] as const).map(associateId => ({
      associateId,
      name: associateId,
      storeCode: 'S1',
      activeFrom: SINCE,
    })),
    { associateId: 'a3', name: 'a3', storeCode: 'S2', activeFrom: SINCE },
    { associateId: 'hq', name: '总部', kind: 'office', role: 'headquarters', activeFrom: SINCE },
  ])
  await service.ingest('products', [{ sku: 'coat', name: '羊毛大衣', priceFen: 99_900, path: 'pages/product?id=coat' }])
  // Of a1's three friends one wants no marketing.
  await service.ingest('members', [{ memberNo: 'mC', consents: { marketing: false } }])
  await service.ingest('identities', [{ kind: 'external_userid', value: 'wmC', memberNo: 'mC', at: SINCE }])
  await planSync(service.pool, { brandId: 1, now: now() })
  const mirror = { ...posting, vault: createVault(service.settings.dataKey) }
  const leaseId = randomUUID()
  while ((await syncStep(mirror, { leaseId })) === 'worked');
  ;[a1, a3] = await Promise.all([askerOf(service, 'a1'), askerOf(service, 'a3')])
  const uploaded = await service.app.inject({
    method: 'POST',
    url: '/api/v1/materials/pictures',
    headers: { ...headers, 'content-type': 'image/png' },
    payload: sharePicture,
  })
  pictureUrl = (uploaded.json() as { url: string }).url
  const material = await service.post('/materials', { kind: 'product', ref: 'coat', title: '今日大衣' })
  coat = String(material.body['materialId'])
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

interface DayPost {
  postId: string
  usedAt: string | null
  task: string | null
  materials: { materialId: string }[]
}
const dayOfAsker = async (asker: Asker) => (await asker.get<{ items: DayPost[] }>(`/me/posts?day=${day}`)).items

describe('the calendar', () => {
  test('shows each associate what is for his store, and his own ticks', async () => {
    const all = await put({ materialIds: [coat] })
    const east = await put({ regions: ['east'], from: '11:00' })
    const west = await put({ storeCodes: ['S2'], from: '10:00', pictures: [pictureUrl] })
    const idsOf = async (asker: Asker) => (await dayOfAsker(asker)).map(post => post.postId)
    expect(await idsOf(a1)).toEqual([all.postId, east.postId])
    expect(await idsOf(a3)).toEqual([all.postId, west.postId])
    expect((await dayOfAsker(a1))[0]).toMatchObject({ materials: [{ materialId: coat }], usedAt: null, task: null })

    const used = await a1.post(`/me/posts/${all.postId}/used`, {})
    expect(used.body).toEqual((await a1.post(`/me/posts/${all.postId}/used`, {})).body)
    expect((await dayOfAsker(a1))[0]!.usedAt).toBe(used.body['usedAt'])
    expect((await dayOfAsker(a3))[0]!.usedAt).toBeNull()
    expect((await a1.post(`/me/posts/${west.postId}/used`, {})).status).toBe(404)
    expect(await ofStore(all.postId, 'S1')).toMatchObject({ associates: 2, used: 1, asked: 0 })
    expect(await ofStore(all.postId, 'S2')).toMatchObject({ associates: 1, used: 0 })
    expect((await results(east.postId)).items.map(item => item.storeCode)).toEqual(['S1'])
    await a1.post(`/me/posts/${all.postId}/undo`, {})
    expect((await dayOfAsker(a1))[0]!.usedAt).toBeNull()

    const listed = await service.get<{ items: { postId: string }[]; nextCursor: string }>(`/posts?from=${day}&limit=2`)
    const rest = await service.get<typeof listed>(`/posts?from=${day}&limit=2&cursor=${listed.nextCursor}`)
    expect([...listed.items, ...rest.items].map(post => post.postId)).toEqual([all.postId, west.postId, east.postId])
    for (const { postId } of [all, east, west]) expect((await call('DELETE', `/posts/${postId}`)).status).toBe(204)
    expect(await dayOfAsker(a1)).toEqual([])
  })

  test('a retry makes no second one; what cannot be is refused by its path', async () => {
    const postId = randomUUID()
    expect((await service.post('/posts', entry({ postId }))).status).toBe(201)
    expect((await service.post('/posts', entry({ postId }))).status).toBe(200)
    expect((await service.post('/posts', entry({ postId, text: '晚安' }))).status).toBe(409)
    expect((await call('PUT', `/posts/${postId}`, entry({ text: '晚安' }))).body).toMatchObject({ text: '晚安' })
    await call('DELETE', `/posts/${postId}`)
    expect(await refused({ day: '2026-02-30' })).toContain('day invalid_value')
    expect(await refused({ to: '08:00' })).toEqual(['to invalid_value'])
    expect(await refused({ text: ' ' })).toEqual(['text missing_field'])
    expect(await refused({ storeCodes: ['S9'] })).toEqual(['storeCodes[0] unknown_store'])
    expect(await refused({ materialIds: [randomUUID()] })).toEqual(['materialIds[0] unknown_material'])
    expect(await refused({ pictures: ['http://example.com/a.png'] })).toEqual(['pictures[0] invalid_value'])
    expect(await refused({ via: 'group_message' })).toEqual(['places invalid_value'])
    expect(await refused({ via: 'moments', materialIds: [coat] })).toEqual(['materialIds[0] invalid_value'])
    expect(await refused({ via: 'moments', pictures: ['https://example.com/a.png'] })).toContain(
      'pictures[0] invalid_value',
    )
  })
})

describe('group messages', () => {
  test('each sender is given one of his own at its hour, and what he confirms comes back', async () => {
    const before = messages().length
    const { postId } = await put({
      via: 'group_message',
      places: ['single_chat', 'group_chat'],
      from: '10:30',
      pictures: [pictureUrl],
      materialIds: [coat],
    })
    await work()
    expect(messages()).toHaveLength(before)
    expect((await dayOfAsker(a1))[0]!.task).toBe('to_come')
    await work({ afterMs: 40 * 60_000 })
    const made = messages().slice(before)
    // a1 to his friends and to his group; a2 and a3 own no group.
    expect(made.map(one => [one.chatType, [...one.senders.keys()].join()]).sort()).toEqual([
      ['group', 'a1'],
      ['single', 'a1'],
      ['single', 'a2'],
      ['single', 'a3'],
    ])
    const own = made.find(one => one.chatType === 'single' && one.senders.has('a1'))!
    expect(own.senders.get('a1')!.recipients.map(one => one.id)).toEqual(['wmA', 'wmB']) // mC wants none
    expect(own.attachments).toMatchObject([
      { msgtype: 'image' },
      { msgtype: 'miniprogram', miniprogram: { appid: MINI, title: '今日大衣' } },
    ])
    const pages = made.map(one => (one.attachments[1]!['miniprogram'] as { page: string }).page)
    expect(pages[0]).toMatch(/^pages\/product\.html\?id=coat&dg=\w{12}$/)
    expect(new Set(pages).size).toBe(4)
    expect(await service.pool`SELECT channel, associate_id FROM share_links WHERE associate_id = 'a1'`).toHaveLength(2)
    expect((await call('PUT', `/posts/${postId}`, entry({ text: '晚安' }))).status).toBe(409)
    expect(await ofStore(postId, 'S1')).toMatchObject({ asked: 2, confirmed: 0, sent: 0 })
    expect((await dayOfAsker(a1))[0]!.task).toBe('to_confirm')
    expect(await sentTouches()).toEqual([])

    world.unfriend('a1', 'wmB', 'associate')
    world.groupMessages.confirm(own.msgid, 'a1')
    const confirmedAt = own.senders.get('a1')!.sentAt!
    await work({ afterMs: 5 * 60_000 })
    expect(await ofStore(postId, 'S1')).toMatchObject({ asked: 2, confirmed: 1, sent: 1, notFriend: 1, limit: 0 })
    expect(await ofStore(postId, 'S2')).toMatchObject({ asked: 1, confirmed: 0, sent: 0 })
    expect((await results(postId)).tasks).toMatchObject({ made: 4, unsure: 0, refused: 0 })
    // Of all those links only the one that went is told as sent, and when it did.
    const touches = await sentTouches()
    expect(touches.map(touch => [touch.associateId, touch.channel])).toEqual([['a1', 'single_chat']])
    expect(touches[0]!.at).toBe(Math.floor(confirmedAt / 1000) * 1000)

    // A customer who had as many as WeCom allows.
    world.groupMessages.monthlyMax = 1
    world.groupMessages.confirm(made.find(one => one.senders.has('a3'))!.msgid, 'a3')
    world.groupMessages.confirm(made.find(one => one.chatType === 'group')!.msgid, 'a1')
    await work({ afterMs: 5 * 60_000 })
    await work({ afterMs: 5 * 60_000 })
    world.groupMessages.monthlyMax = 31
    expect(await ofStore(postId, 'S2')).toMatchObject({ confirmed: 1, sent: 0, limit: 1 })
    expect(await ofStore(postId, 'S1')).toMatchObject({ confirmed: 1, sent: 2 })
    expect(await sentTouches()).toHaveLength(3)
    expect(messages()).toHaveLength(before + 4)
  })

  test('one whose answer is lost is found and not asked for again', async () => {
    const before = messages().length
    const { postId } = await put({
      via: 'group_message',
      places: ['single_chat'],
      storeCodes: ['S2'],
      materialIds: [coat],
    })
    const words = await put({ via: 'group_message', places: ['single_chat'], storeCodes: ['S2'], text: '只有文字' })
    const api = 'externalcontact/add_msg_template'
    await work({ by: { wecom: losing(api) } })
    expect((await results(postId)).tasks).toMatchObject({ made: 0, unsure: 1 })
    await work({ afterMs: 60_000 })
    for (const post of [postId, words.postId]) expect((await results(post)).tasks).toMatchObject({ made: 1, unsure: 0 })
    expect(messages()).toHaveLength(before + 2)
    const last = sentBy(messages(), 'a3').find(message => message.text === '只有文字')!
    world.groupMessages.confirm(last.msgid, 'a3')
    await work({ afterMs: 5 * 60_000 })
    expect(await ofStore(words.postId, 'S2')).toMatchObject({ confirmed: 1 })
    expect(await ofStore(postId, 'S2')).toMatchObject({ confirmed: 0 })
  })

  test('one that never reached WeCom stays unsure; a process that dies in between leaves it so too', async () => {
    const before = messages().length
    const { postId } = await put({ via: 'group_message', places: ['single_chat'], storeCodes: ['S2'], text: '丢了' })
    const dead = new Error('the process died')
    const dying: Wecom = {
      ...posting.wecom,
      call: (api, how) =>
        api === 'externalcontact/add_msg_template' ? Promise.reject(dead) : posting.wecom.call(api, how),
    }
    await expect(work({ by: { wecom: dying } })).rejects.toBe(dead)
    for (let minutes = 0; minutes <= 60; minutes += 6) await work({ afterMs: 6 * 60_000 })
    expect((await results(postId)).tasks).toMatchObject({ unsure: 1, waiting: 0, made: 0 })
    expect(messages()).toHaveLength(before)
  })

  test('what WeCom refuses is told with what to do, and tried again where that helps', async () => {
    const path = '/cgi-bin/externalcontact/add_msg_template'
    const body = { via: 'group_message', places: ['single_chat'], storeCodes: ['S2'] }
    world.faults.push({ path, errcode: 48002 })
    const { postId } = await put({ ...body, text: '没有权限' })
    await work()
    expect(await results(postId)).toMatchObject({ tasks: { refused: 1 }, refusals: [{ errcode: 48002, count: 1 }] })
    world.faults.length = 0
    await work({ afterMs: 30 * 60_000 })
    expect(await results(postId)).toMatchObject({ tasks: { refused: 0, made: 1 }, refusals: [] })
    const gone = await put({ ...body, text: '取消了' })
    await call('DELETE', `/posts/${gone.postId}`)
    const before = messages().length
    await work()
    expect(messages()).toHaveLength(before)
  })
})

describe('moments', () => {
  test('are one task for all, and who posted it comes back with likes and comments', async () => {
    const { postId } = await put({ via: 'moments', text: '朋友圈', pictures: [pictureUrl] })
    world.groupMessages.dispatchMs = 30_000
    await work()
    const [moment] = [...world.groupMessages.moments.values()]
    expect([...moment!.senders.keys()]).toEqual(['a1', 'a2', 'a3'])
    expect(moment!.attachments).toMatchObject([{ msgtype: 'image' }])
    await work({ afterMs: 60_000 })
    world.groupMessages.post(moment!.momentId, 'a1')
    world.groupMessages.like(moment!.momentId, 'a1', 'wmA')
    world.groupMessages.comment(moment!.momentId, 'a1', 'wmA')
    await work({ afterMs: 5 * 60_000 })
    expect(await ofStore(postId, 'S1')).toMatchObject({ asked: 2, confirmed: 1, likes: 1, comments: 1 })
    expect(await ofStore(postId, 'S2')).toMatchObject({ asked: 1, confirmed: 0 })
    expect((await dayOfAsker(a1)).find(post => post.postId === postId)!.task).toBe('confirmed')
    expect((await dayOfAsker(a3)).find(post => post.postId === postId)!.task).toBe('to_confirm')
    expect(world.groupMessages.moments.size).toBe(1)
  })

  test('one whose answer is lost is found by its words', async () => {
    const { postId } = await put({ via: 'moments', text: '只此一条' })
    await work({ by: { wecom: losing('externalcontact/add_moment_task') } })
    expect((await results(postId)).tasks).toMatchObject({ unsure: 1 })
    await work({ afterMs: 60_000 })
    expect((await results(postId)).tasks).toMatchObject({ unsure: 0, made: 1 })
    expect(world.groupMessages.moments.size).toBe(2)
  })
})
