import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { mirrorHandlers } from '../../server/features/mirror/handlers.ts'
import type { MirrorDependencies } from '../../server/features/mirror/service.ts'
import { planSync, syncStep } from '../../server/features/mirror/sync.ts'
import { takeMessages } from '../../server/features/wecom/service.ts'
import { createVault } from '../../server/lib/vault.ts'
import { toXml } from '../../simulator/callbacks.ts'
import type { CallbackFields } from '../../simulator/world.ts'
import { dumpOf } from '../support/privacy.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { sealed, signedIn, startTestWecom, type TestWecom } from '../support/wecom.ts'

const BEGAN = Date.parse('2026-01-05T10:00:00+08:00')
const SINCE = '2025-01-01T00:00:00+08:00'
let wecom: TestWecom
let service: TestService
let owner: Pool
let dependencies: MirrorDependencies
/** Events that the simulated WeCom would call back with. */
const events: CallbackFields[] = []

beforeAll(async () => {
  const follow = (userid: string, more: object = {}) => ({ userid, createdAt: BEGAN, ...more })
  wecom = await startTestWecom({
    staff: ['a1', 'a2', 'nobody-told'],
    departments: [
      { id: 1, name: '测试企业' },
      { id: 7, name: '一店', parentId: 1 },
      { id: 8, name: '一店女装', parentId: 7 },
    ],
    tagGroups: [{ name: '意向', tags: ['高意向', '价格敏感'] }],
    customers: [
      {
        name: '有会员',
        externalUserid: 'wmMember',
        unionid: 'uMember',
        follows: [
          follow('a1', { state: 'ch_042', tags: ['高意向'], remark: '备注名 13800138099' }),
          follow('nobody-told'),
        ],
      },
      { name: '没会员', externalUserid: 'wmStranger', unionid: 'uStranger', follows: [follow('a1')] },
      ...Array.from({ length: 120 }, (_, i) => ({
        name: `顾客${i}`,
        externalUserid: `wmMany${i}`,
        follows: [follow('a2')],
      })),
      { name: '不认识', externalUserid: 'wmNew', follows: [] },
      { name: '慢的', externalUserid: 'wmSlow', follows: [] },
    ],
    groupChats: [
      { chatId: 'wrGroup', name: '一店会员群', owner: 'a1', staff: ['a2'], customers: ['wmMember', 'wmStranger'], createdAt: BEGAN }, // prettier-ignore
      { chatId: 'wrOther', name: '别的群', owner: 'a2', customers: ['wmMany1'], createdAt: BEGAN },
    ],
  })
  wecom.world.subscribe(event => void (event.kind === 'callback' && events.push(event.fields)))
  service = await startTestService({ env: wecom.env })
  owner = openPool(service.databaseUrl, { max: 3, asOwner: true })
  dependencies = {
    pool: service.pool,
    vault: createVault(service.settings.dataKey),
    publicUrl: service.settings.publicUrl,
    wecom: service.app.wecom!,
    brandId: 1,
    now: Date.now,
  }
  await service.ingest('stores', [
    { storeCode: 'S1', name: '一店', type: 'direct', wecomDepartmentId: 7 },
    { storeCode: 'S2', name: '二店', type: 'direct' },
  ])
  await service.ingest('associates', [
    { associateId: 'a1', name: '导购一', storeCode: 'S1', activeFrom: SINCE },
    { associateId: 'a2', name: '导购二', storeCode: 'S2', activeFrom: SINCE },
  ])
  await service.ingest('members', [
    { memberNo: 'M1', name: '会员一', phone: '13800000001', level: '金卡' },
    { memberNo: 'M2', name: '会员二', phone: '13800000002' },
  ])
  await service.ingest('identities', [
    { kind: 'unionid', value: 'uMember', memberNo: 'M1', at: '2026-02-01T00:00:00Z' },
  ])
})
afterAll(async () => {
  await owner.end()
  await service.close()
  await wecom.close()
})

interface Health {
  sync: { kind: string; status: string; repairs: Record<string, number>; counts: Record<string, number> } | null
  counts: Record<string, number>
  faults: { stage: string; errcode: number; advice: { zh: string } }[]
  inbox: { waiting: number; setAside: number }
}
const health = () => service.get<Health>('/wecom/health')

/** The whole walk, by workers that come one after the other. */
const walk = async (pagesEach = Infinity) => {
  await planSync(service.pool, { brandId: 1, now: Date.now() })
  for (let worker = 0; worker < 1000; worker++) {
    const leaseId = randomUUID()
    let pages = 0
    while (pages < pagesEach && (await syncStep(dependencies, { leaseId })) === 'worked') pages += 1
    const { sync } = await health()
    if (sync?.status !== 'running') return sync!
    // As if the process had died: its lease runs out.
    await owner`UPDATE wecom_syncs SET leased_until = now() - interval '1 second' WHERE status = 'running'`
  }
  throw new Error('the walk has no end')
}
const beginAgain = () => owner`UPDATE wecom_syncs SET started_at = started_at - interval '2 days'`

/** Calls back with what happened, in the given order, and deals with it. */
const callBack = async (order: (own: CallbackFields[]) => CallbackFields[] = own => own) => {
  const own = order(events.splice(0))
  for (const fields of own) {
    const { url, body } = sealed(toXml(fields))
    const answer = await service.app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'text/xml' },
      payload: body,
    })
    expect(answer.statusCode).toBe(200)
  }
  const work = { ...dependencies, handlers: mirrorHandlers(dependencies) }
  for (let i = 0; i < 200; i++) {
    const taken = await takeMessages(work, 10)
    await Promise.all(taken.map(one => one.done))
    const { waiting } = (await health()).inbox
    if (waiting === 0) return
    if (taken.length === 0) await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error('not everything was dealt with')
}

const told = (externalUserid: string) =>
  owner<{ userid: string; kind: string; endedBy: string | null; state: string | null; at: number }[]>`
    SELECT associate_id AS userid, kind, ended_by AS "endedBy", state, at FROM friend_events
    WHERE external_userid = ${externalUserid} ORDER BY at, kind`
const links = (externalUserid: string) =>
  owner<{ memberNo: string }[]>`
    SELECT member_no AS "memberNo" FROM identities WHERE kind = 'external_userid' AND value = ${externalUserid} ORDER BY at`
interface Card {
  name: string | null
  isFriend: boolean | null
  friendSince: string | null
  member: { memberNo: string | null; tags: string[] } | null
}
const cardOf = async (userid: string, externalUserid: string) => {
  const { browser } = await signedIn(service, userid)
  return (await browser.call('GET', `/api/v1/cards/customer?externalUserid=${externalUserid}`)).json() as Card
}
interface Group {
  isKnown: boolean
  name: string | null
  store: { storeCode: string } | null
  customerCount: number
  memberCount: number
  joinedLately: number
  leftLately: number
  sales: Record<string, number | boolean>
  members: { name: string; kind: string; isMember: boolean; level: string | null }[]
}
const groupOf = async (userid: string, chatId: string) => {
  const { browser } = await signedIn(service, userid)
  return (await browser.call('GET', `/api/v1/cards/group?chatId=${chatId}`)).json() as Group
}

describe('the first walk', () => {
  test('goes on where it stopped, page by page, whoever works on it, and finds everything', async () => {
    const sync = await walk(1)
    expect(sync).toMatchObject({ kind: 'first', status: 'done' })
    expect(sync.counts).toMatchObject({ departments: 3, staff: 3, tags: 2, followers: 3, friends: 123, groups: 2 })
    const { counts, faults } = await health()
    expect(counts).toMatchObject({
      staff: 3,
      unknownStaff: 1,
      customers: 122,
      friends: 123,
      groups: 2,
      tags: 2,
      untoldFriends: 1,
    })
    expect(faults).toEqual([])
  })

  test('told the friendships as evidence, with the way they began', async () => {
    expect(await told('wmMember')).toEqual([{ userid: 'a1', kind: 'added', endedBy: null, state: 'ch_042', at: BEGAN }])
    expect((await owner`SELECT FROM friend_events`).length).toBe(122)
  })

  test('knows a contact by his unionid, so that the chat opens on the member', async () => {
    expect(await links('wmMember')).toEqual([{ memberNo: 'M1' }])
    expect(await cardOf('a1', 'wmMember')).toMatchObject({
      name: '备注名 138****8099',
      isFriend: true,
      friendSince: new Date(BEGAN).toISOString(),
      member: { memberNo: 'M1', tags: ['高意向'] },
    })
    expect(await cardOf('a1', 'wmStranger')).toMatchObject({ name: '没会员', isFriend: true, member: null })
  })

  test('also where the unionid is linked later, and where it is linked anew', async () => {
    await service.ingest('identities', [
      { kind: 'unionid', value: 'uStranger', memberNo: 'M2', at: '2026-02-02T00:00:00Z' },
    ])
    expect(await links('wmStranger')).toEqual([{ memberNo: 'M2' }])
    await service.ingest('identities', [
      { kind: 'unionid', value: 'uStranger', memberNo: 'M3', at: '2026-02-03T00:00:00Z' },
    ])
    expect((await links('wmStranger')).map(link => link.memberNo)).toEqual(['M2', 'M3'])
    expect((await cardOf('a1', 'wmStranger')).member).toMatchObject({ memberNo: 'M3' })
  })

  test('shows who is in a group, and of which store it is', async () => {
    const group = await groupOf('a1', 'wrGroup')
    expect(group).toMatchObject({
      isKnown: true,
      name: '一店会员群',
      store: { storeCode: 'S1' },
      customerCount: 2,
      memberCount: 2,
    })
    expect(group.members.map(member => [member.name, member.kind, member.isMember, member.level])).toEqual([
      ['a1', 'colleague', false, null],
      ['a2', 'colleague', false, null],
      ['没会员', 'customer', true, null],
      ['有会员', 'customer', true, '金卡'],
    ])
  })

  test('shows what those in a group bought lately, of the orders that the asker may see', async () => {
    const sold = (orderNo: string, closer: string, memberNo: string, daysAgo: number) => ({
      source: 'pos',
      orderNo,
      channel: 'in_store',
      sellingStore: 'S1',
      closer,
      memberNo,
      paidAt: new Date(Date.now() - daysAgo * 86_400_000).toISOString(),
      lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 10_000 }],
    })
    await service.ingest('orders', [
      sold('mine', 'a1', 'M1', 1),
      sold('a colleague’s', 'a2', 'M1', 1),
      sold('long ago', 'a1', 'M1', 31),
      sold('not in it', 'a1', 'M9', 1),
    ])
    expect((await groupOf('a1', 'wrGroup')).sales).toEqual({
      days: 30,
      netFen: 10_000,
      orderCount: 1,
      buyerCount: 1,
      isPart: true,
    })
  })

  test('tells later of an associate who was not known yet', async () => {
    await service.ingest('associates', [
      { associateId: 'nobody-told', name: '新导购', storeCode: 'S1', activeFrom: SINCE },
    ])
    await beginAgain()
    const sync = await walk()
    expect(sync).toMatchObject({ kind: 'nightly', status: 'done', repairs: { friends_told: 1 } })
    expect((await told('wmMember')).map(row => row.userid).sort()).toEqual(['a1', 'nobody-told'])
    expect((await health()).counts['untoldFriends']).toBe(0)
  })
})

describe('events', () => {
  test('a new friend is there at once, doubled or not', async () => {
    wecom.world.befriend('a1', 'wmNew', { state: 'ch_7' })
    await callBack(own => [...own, ...own])
    expect(await told('wmNew')).toMatchObject([{ userid: 'a1', kind: 'added', state: 'ch_7' }])
    expect(await cardOf('a1', 'wmNew')).toMatchObject({ name: '不认识', isFriend: true, member: null })
  })

  test('a friend who deletes is a friend no more, though WeCom goes on showing him; nor after a walk', async () => {
    wecom.world.unfriend('a1', 'wmNew', 'customer')
    await callBack()
    await beginAgain()
    expect((await walk()).repairs).toEqual({})
    expect((await told('wmNew')).map(row => [row.kind, row.endedBy])).toEqual(
      expect.arrayContaining([
        ['added', null],
        ['ended', 'customer'],
      ]),
    )
    expect(await cardOf('a1', 'wmNew')).toMatchObject({ isFriend: false, friendSince: null })
  })

  test('and is one again when he comes back, also where the events come in the wrong order', async () => {
    await new Promise(resolve => setTimeout(resolve, 2100))
    wecom.world.befriend('a1', 'wmNew')
    await new Promise(resolve => setTimeout(resolve, 1100))
    wecom.world.unfriend('a1', 'wmNew', 'associate')
    await new Promise(resolve => setTimeout(resolve, 1100))
    wecom.world.befriend('a1', 'wmNew')
    await callBack(own => [...own].reverse())
    expect(await cardOf('a1', 'wmNew')).toMatchObject({ isFriend: true })
    expect((await told('wmNew')).map(row => row.kind).filter(kind => kind === 'ended')).toHaveLength(2)
  })

  test('who joins and leaves a group is in it and is not', async () => {
    wecom.world.join('wrGroup', ['wmMany2', 'wmMany3'])
    await callBack()
    expect(await groupOf('a1', 'wrGroup')).toMatchObject({ customerCount: 4, joinedLately: 2, leftLately: 0 })
    wecom.world.leave('wrGroup', ['wmMany2'], true)
    await callBack()
    expect(await groupOf('a1', 'wrGroup')).toMatchObject({ customerCount: 3, leftLately: 1 })
    const [row] = await owner<{ wasRemoved: boolean }[]>`
      SELECT was_removed AS "wasRemoved" FROM wecom_group_members WHERE member_id = 'wmMany2' AND chat_id = 'wrGroup'`
    expect(row!.wasRemoved).toBe(true)
  })

  test('a lost one is found by its version, and repaired', async () => {
    wecom.world.join('wrGroup', ['wmMany4'])
    wecom.world.join('wrGroup', ['wmMany5'])
    await callBack(own => own.slice(1))
    expect(await groupOf('a1', 'wrGroup')).toMatchObject({ customerCount: 5 })
  })

  test('a group that is dissolved is not there any more', async () => {
    wecom.world.dissolve('wrOther')
    await callBack()
    expect(await groupOf('a2', 'wrOther')).toMatchObject({ isKnown: false })
  })

  test('are kept in what they say where WeCom does not let us ask', async () => {
    wecom.world.faults.push({ path: '/cgi-bin/externalcontact', errcode: 48002 })
    wecom.world.befriend('a2', 'wmNew', { state: 'x' })
    await callBack()
    wecom.world.faults.length = 0
    expect((await told('wmNew')).some(row => row.userid === 'a2' && row.state === 'x')).toBe(true)
  })
})

describe('the nightly walk', () => {
  test('repairs what nobody called back about, and says what', async () => {
    wecom.world.befriend('a2', 'wmStranger')
    wecom.world.unfriend('a2', 'wmMany7', 'associate')
    wecom.world.leave('wrGroup', ['wmMany3'])
    events.length = 0
    // What an event said in this second is newer than what is asked in it.
    await new Promise(resolve => setTimeout(resolve, 1100))
    await beginAgain()
    const { repairs } = await walk()
    expect(repairs).toMatchObject({ friends_added: 1, friends_ended: 1, group_members_left: 1 })
    expect((await told('wmMany7')).map(row => [row.kind, row.endedBy])).toEqual([
      ['added', null],
      ['ended', null],
    ])
    await beginAgain()
    expect((await walk()).repairs).toEqual({})
  })

  test('says what the app cannot see, and what to do; the rest is walked through', async () => {
    wecom.world.faults.push({ path: '/cgi-bin/externalcontact', errcode: 48002 })
    await beginAgain()
    expect(await walk()).toMatchObject({ status: 'partial' })
    wecom.world.faults.length = 0
    const { faults, counts } = await health()
    expect(faults.map(fault => [fault.stage, fault.errcode])).toEqual([
      ['tags', 48002],
      ['followers', 48002],
      ['customers', 48002],
      ['groups', 48002],
    ])
    expect(faults[0]!.advice.zh).toContain('可调用接口的应用')
    // Nobody is taken for gone because he could not be seen.
    expect(counts['friends']).toBeGreaterThan(120)
    await beginAgain()
    expect(await walk()).toMatchObject({ status: 'done', repairs: {} })
  })
})

describe('a chat that opens on somebody unknown', () => {
  test('asks WeCom, and shows him', async () => {
    wecom.world.befriend('a2', 'wmSlow')
    wecom.world.unfriend('a2', 'wmSlow', 'associate')
    wecom.world.befriend('a1', 'wmSlow')
    events.length = 0
    wecom.world.faults.push({ path: '/cgi-bin/externalcontact/get', latencyMs: 2500, times: 1 })
    const begun = performance.now()
    expect(await cardOf('a1', 'wmSlow')).toMatchObject({ name: null, isFriend: null })
    expect(performance.now() - begun).toBeLessThan(2400)
    await new Promise(resolve => setTimeout(resolve, 1800))
    expect(await cardOf('a1', 'wmSlow')).toMatchObject({ name: '慢的', isFriend: true })
    expect(await told('wmSlow')).toHaveLength(1)
  })
  test('shows a stranger where WeCom knows him no more than we', async () => {
    expect(await cardOf('a1', 'wmNobodyAtAll')).toMatchObject({ name: null, isFriend: null, member: null })
  })
})

describe('a friend linked by hand', () => {
  const post = async (userid: string, path: string, body: object) => {
    const { browser, csrf } = await signedIn(service, userid)
    const answer = await browser.call('POST', `/api/v1/customers/${path}`, { body, headers: csrf })
    return [answer.status, answer.json() as { status?: string; code?: string; memberNo?: string | null }] as const
  }
  const externalUserid = 'wmNew'

  test('is the member from then on, and one tap takes it back', async () => {
    expect(await post('a1', 'link', { externalUserid, phone: '138 0000 0002' })).toMatchObject([
      200,
      { status: 'linked', memberNo: 'M2' },
    ])
    expect((await cardOf('a1', externalUserid)).member).toMatchObject({ memberNo: 'M2' })
    expect(await post('a1', 'link', { externalUserid, cardNo: 'M2' })).toMatchObject([200, { status: 'unchanged' }])
    expect(await post('a1', 'link', { externalUserid, memberNo: 'M1' })).toMatchObject([409, { code: 'wecom.linked' }])
    expect(await post('a1', 'unlink', { externalUserid })).toMatchObject([200, { status: 'unlinked', memberNo: null }])
    expect((await cardOf('a1', externalUserid)).member).toBeNull()
    expect(await post('a1', 'unlink', { externalUserid })).toMatchObject([200, { status: 'unchanged' }])
    expect(await post('a1', 'link', { externalUserid, memberNo: 'M1' })).toMatchObject([200, { status: 'linked' }])
    const { items } = await service.get<{ items: { action: string; actor: string }[] }>(
      `/activity?subject=customers/${externalUserid}`,
    )
    expect(items.map(deed => [deed.action, deed.actor])).toEqual([
      ['customer.linked', 'a1'],
      ['customer.unlinked', 'a1'],
      ['customer.linked', 'a1'],
    ])
  })

  test.each([
    ['nobody’s friend', { externalUserid: 'wmMany1', memberNo: 'M1' }, 404],
    ['no such member', { externalUserid: 'wmSlow', memberNo: 'M-none' }, 404],
    ['no such phone', { externalUserid: 'wmSlow', phone: '13900000000' }, 404],
    ['two ways at once', { externalUserid: 'wmSlow', phone: '13900000000', memberNo: 'M1' }, 422],
    ['no way at all', { externalUserid: 'wmSlow' }, 422],
    ['an unknown field', { externalUserid: 'wmSlow', name: 'x' }, 422],
  ])('is refused for %s', async (_, body, status) => {
    expect((await post('a1', 'link', body))[0]).toBe(status)
  })

  test('what is told later counts, and then there is nothing to take back', async () => {
    const at = new Date(Date.now() + 60_000).toISOString()
    await service.ingest('identities', [{ kind: 'external_userid', value: externalUserid, memberNo: 'M9', at }])
    expect(await post('a1', 'unlink', { externalUserid })).toMatchObject([409, { code: 'wecom.linked' }])
  })
})

describe('a userid that is changed', () => {
  /** WeCom calls a2 otherwise, wherever he is. */
  const rename = () => {
    const { world } = wecom
    const { a2, ...rest } = { a2: world.staff.get('a2')!, userid: 'a2-new' }
    world.staff.delete('a2')
    world.staff.set('a2-new', { ...a2, ...rest })
    for (const customer of world.customers.values()) {
      for (const follow of customer.follows) if (follow.userid === 'a2') follow.userid = 'a2-new'
    }
    const fields = { Event: 'change_contact', ChangeType: 'update_user', UserID: 'a2', NewUserID: 'a2-new' }
    world.callBack(fields)
    world.callBack(fields)
    world.callBack({ Event: 'change_contact', ChangeType: 'update_tag', TagId: '1', AddUserItems: 'a1' })
  }
  const openFriends = async (userid: string) =>
    (await owner`SELECT FROM wecom_friends WHERE userid = ${userid} AND ended_at IS NULL`).length

  test('is said until the associate is told anew; he takes his friends over and nobody lost one', async () => {
    const before = await openFriends('a2')
    expect(before).toBeGreaterThan(100)
    rename()
    await callBack()
    const fault = { stage: 'staff', errcode: null, subject: 'a2 → a2-new' }
    expect((await health()).faults).toMatchObject([fault])
    expect((await health()).inbox).toMatchObject({ setAside: 0, unhandled: 0 })
    expect((await service.get<{ items: object[] }>('/activity?action=wecom.userid_changed')).items).toMatchObject([
      { subject: 'associates/a2', details: { userid: 'a2-new' } },
    ])
    await beginAgain()
    await walk()
    // Nobody knows the new one yet, and nothing is told of the old one's friends.
    expect(await openFriends('a2')).toBe(before)
    expect(await told('wmMany0')).toMatchObject([{ userid: 'a2', kind: 'added' }])

    await service.ingest('associates', [{ associateId: 'a2-new', name: '导购二', storeCode: 'S2', activeFrom: SINCE }])
    await beginAgain()
    await walk()
    expect((await health()).faults).toEqual([])
    const [first, ...since] = await told('wmMany0')
    expect(first).toMatchObject({ userid: 'a2', kind: 'added', at: BEGAN })
    expect(since.sort((a, b) => (a.kind < b.kind ? -1 : 1))).toMatchObject([
      { userid: 'a2-new', kind: 'added' },
      { userid: 'a2', kind: 'ended', endedBy: 'transfer' },
    ])
    expect(since[0]!.at).toBe(since[1]!.at)
    expect(since[0]!.at).toBeGreaterThan(BEGAN)
  })
})

describe('somebody who was erased', () => {
  const HIS = ['wmMember', 'uMember', '有会员', '备注名']
  const isSilent = async () => {
    for (const { table, text } of await dumpOf(owner)) {
      expect(
        HIS.filter(one => text.includes(one)),
        table,
      ).toEqual([])
    }
  }
  const tombs = () =>
    owner<{ userid: string; kind: string }[]>`
      SELECT associate_id AS userid, kind FROM friend_events WHERE external_userid LIKE 'erased:%' ORDER BY at, associate_id`
  const second = () => new Promise(resolve => setTimeout(resolve, 1100))

  test('stays forgotten while WeCom goes on showing him as a friend and in a group', async () => {
    const before = await groupOf('a1', 'wrGroup')
    const erased = await service.post('/members/M1/erasure', { confirm: 'M1', reason: '本人申请' })
    expect(erased.body).toMatchObject({ endedAt: expect.any(String) as unknown })
    await isSilent()
    await beginAgain()
    expect(await walk()).toMatchObject({ status: 'done', repairs: {} })
    await isSilent()
    const { customerCount } = await groupOf('a1', 'wrGroup')
    expect(customerCount).toBe(before.customerCount)
    // Nor does his chat bring him back, where it is opened.
    expect(await cardOf('a1', 'wmMember')).toMatchObject({ name: null, member: null })
    await isSilent()
    expect(await tombs()).toEqual([
      { userid: 'a1', kind: 'added' },
      { userid: 'nobody-told', kind: 'added' },
    ])
  })

  test('whose friendship ends is told as whose it was', async () => {
    // Events say the second: this one is after the erasure's.
    await second()
    wecom.world.unfriend('nobody-told', 'wmMember', 'customer')
    wecom.world.leave('wrGroup', ['wmMember'], false)
    const { customerCount } = await groupOf('a1', 'wrGroup')
    await callBack()
    expect((await tombs()).slice(2)).toEqual([{ userid: 'nobody-told', kind: 'ended' }])
    expect((await groupOf('a1', 'wrGroup')).customerCount).toBe(customerCount - 1)
    // How he left only the event knows.
    expect(
      await owner`SELECT was_removed FROM wecom_group_members WHERE chat_id = 'wrGroup' AND member_id LIKE 'erased:%'`,
    ).toEqual([{ was_removed: false }])
    await owner`DELETE FROM wecom_inbox`
    await isSilent()
  })

  test('who comes anew is somebody new', async () => {
    await second()
    wecom.world.befriend('nobody-told', 'wmMember')
    await second()
    wecom.world.join('wrGroup', ['wmMember'])
    await callBack()
    expect(await cardOf('nobody-told', 'wmMember')).toMatchObject({ name: '有会员', isFriend: true, member: null })
    expect(await told('wmMember')).toMatchObject([{ userid: 'nobody-told', kind: 'added' }])
    expect((await groupOf('a1', 'wrGroup')).members.map(member => member.name)).toContain('有会员')
    await second()
    wecom.world.unfriend('nobody-told', 'wmMember', 'associate')
    await callBack()
    expect((await told('wmMember')).map(row => row.kind)).toEqual(['added', 'ended'])
    // Her colleague's friendship is from before.
    expect(await owner`SELECT FROM wecom_friends WHERE external_userid = 'wmMember' AND userid = 'a1'`).toEqual([])
  })
})
