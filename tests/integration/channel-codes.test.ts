import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { claimWelcome, insertCode, type NewCode } from '../../server/features/channel-codes/queries.ts'
import {
  channelHandlers,
  endLostWelcomes,
  forgetOldWelcomes,
  keepPicture,
  planCodes,
  takeWelcome,
  tellOne,
  type Welcoming,
} from '../../server/features/channel-codes/service.ts'
import { mirrorHandlers } from '../../server/features/mirror/handlers.ts'
import { planSync, syncStep } from '../../server/features/mirror/sync.ts'
import { takeMessages, WecomError, type Wecom, type WecomCall } from '../../server/features/wecom/service.ts'
import { createVault } from '../../server/lib/vault.ts'
import { startChannelWorkers } from '../../server/workers/channel-codes.ts'
import { startInboxWorker } from '../../server/workers/wecom.ts'
import { toXml } from '../../simulator/callbacks.ts'
import type { CallbackFields, World } from '../../simulator/world.ts'
import { askerOf } from '../support/askers.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { sealed, startTestWecom, TEST_APP, type TestWecom } from '../support/wecom.ts'

const SINCE = '2025-01-01T00:00:00+08:00'
const MINI = 'wxtest0000000001'
let wecom: TestWecom
let world: World
let service: TestService
let owner: Pool
/** How far the clock of the service and of WeCom is ahead; it never goes back. */
let aheadMs = 0
const now = () => Date.now() + aheadMs
const events: CallbackFields[] = []
let welcoming: Welcoming

beforeAll(async () => {
  wecom = await startTestWecom({
    now,
    staff: ['a1', 'a2', 'boss1', 'a3', 'hq', 'lonely', 'late1', 'goer', 'w1'],
    customers: Array.from({ length: 90 }, (_, i) => ({
      name: `顾客${i}`,
      externalUserid: `wmC${i}`,
      unionid: `uC${i}`,
      follows: [],
    })),
    groupChats: [{ chatId: 'wrGroup', name: '一店会员群', owner: 'a1', customers: [] }],
  })
  world = wecom.world
  ;(world.miniPrograms as { appId: string; name: string }[]).push({ appId: MINI, name: '商城' })
  world.subscribe(event => void (event.kind === 'callback' && events.push(event.fields)))
  service = await startTestService({ env: { ...wecom.env, MINIPROGRAM_APP_ID: MINI }, now })
  owner = openPool(service.databaseUrl, { max: 3, asOwner: true })
  welcoming = {
    pool: service.pool,
    vault: createVault(service.settings.dataKey),
    publicUrl: service.settings.publicUrl,
    miniProgramAppId: null,
    wecom: service.app.wecom!,
    brandId: 1,
    now,
  }
  await service.ingest(
    'stores',
    ['S1', 'S2', 'S3'].map(storeCode => ({ storeCode, name: `${storeCode}店`, type: 'direct' })),
  )
  const associate = (associateId: string, storeCode: string, role = 'associate') => ({ associateId, name: `导购${associateId}`, storeCode, role, activeFrom: SINCE }) // prettier-ignore
  await service.ingest('associates', [
    associate('a1', 'S1'),
    associate('a2', 'S1'),
    associate('boss1', 'S1', 'manager'),
    associate('goer', 'S1'),
    associate('a3', 'S2'),
    associate('w1', 'S2'),
    { ...associate('hq', 'S2', 'headquarters'), kind: 'office' },
  ])
})
afterAll(async () => {
  await owner.end()
  await service.close()
  await wecom.close()
})
beforeEach(() => {
  events.length = 0
  world.channels.welcomed.length = 0
})

interface Code {
  codeId: string
  state: string
  status: string
  url: string | null
  users: string[]
  active: boolean
  fault: { reason: string; errcode: number | null; advice: { zh: string } | null } | null
  figures: Record<string, number>
}
const make = async (body: object) => {
  const answer = await service.post('/channel-codes', { name: '测试码', ...body })
  return { status: answer.status, code: answer.body as unknown as Code }
}
const made = async (body: object) => (await make(body)).code
const read = (codeId: string) => service.get<Code>(`/channel-codes/${codeId}`)
const change = async (method: 'PATCH' | 'DELETE', codeId: string, payload?: object) => {
  const headers = { authorization: 'Bearer test-key-with-all-scopes' }
  const url = `/api/v1/channel-codes/${codeId}`
  return await service.app.inject({ method, url, headers, ...(payload ? { payload } : {}) })
}
const put = async (payload: object) => {
  const headers = { authorization: 'Bearer test-key-with-all-scopes' }
  return await service.app.inject({ method: 'PUT', url: '/api/v1/settings/welcome', headers, payload })
}
/** The simulated WeCom's ways with this state. */
const waysOf = (state: string) => [...world.channels.contactWays.values()].filter(way => way.state === state)
const wayOf = (code: Code) => waysOf(code.state)[0]!
/** A WeCom whose answers a test may lose on their way. */
const losing = (isLost: (api: string) => unknown): Wecom => ({
  ...welcoming.wecom,
  async call(api: string, call?: WecomCall) {
    const answer = await welcoming.wecom.call(api, call)
    const error = isLost(api)
    if (error) throw error as Error
    return answer
  },
})
const noAnswer = (api: string) => new WecomError(api, { outcome: 'unknown', why: 'test' })
const died = () => new Error('the process died')
/** Does all that is due. */
const tellAll = async (by: Partial<Welcoming> = {}) => {
  while (await tellOne({ ...welcoming, ...by }));
}

const post = async (fields: CallbackFields) => {
  const { url, body } = sealed(toXml(fields))
  const headers = { 'content-type': 'text/xml' }
  const answer = await service.app.inject({ method: 'POST', url, headers, payload: body })
  expect(answer.statusCode).toBe(200)
}
const work = () => ({ ...welcoming, handlers: channelHandlers(welcoming, mirrorHandlers(welcoming)) })
const dealWithAll = async () => {
  for (;;) {
    const taken = await takeMessages(work(), 10)
    if (taken.length === 0) return
    await Promise.all(taken.map(one => one.done))
  }
}
/** What happened is called back and dealt with. */
const callBack = async () => {
  for (const fields of events.splice(0)) await post(fields)
  await dealWithAll()
}
const welcomeAll = async (by: Partial<Welcoming> = {}) => {
  for (let taken; (taken = await takeWelcome({ ...welcoming, ...by }));) await taken.done
}
const walk = async () => {
  await owner`UPDATE wecom_syncs SET started_at = started_at - interval '2 days'`
  await planSync(service.pool, { brandId: 1, now: now() })
  const leaseId = randomUUID()
  while ((await syncStep(welcoming, { leaseId })) === 'worked');
}
const channels = async () =>
  (await service.get<{ channels: { codes: Record<string, number>; welcomes: Record<string, number>; acquisition: Record<string, unknown> | null } }>('/wecom/health')).channels // prettier-ignore
let next = 0
const customer = () => `wmC${next++}`

describe('codes are made', () => {
  test('an associate’s, once however often it is asked for', async () => {
    const codeId = randomUUID()
    const body = { codeId, kind: 'contact_way', associateId: 'a1', campaign: '春季' }
    const { status, code } = await make(body)
    expect(status).toBe(201)
    expect(code).toMatchObject({ status: 'active', users: ['a1'], fault: null, figures: { added: 0, lost: 0 } })
    expect(code.state).toMatch(/^[A-Za-z0-9]{14}$/)
    expect(wayOf(code)).toMatchObject({ type: 1, scene: 2, users: ['a1'], remark: '测试码', skipVerify: true })
    expect(code.url).toContain(wayOf(code).configId)
    const again = await make(body)
    expect([again.status, again.code]).toEqual([200, code])
    expect(waysOf(code.state)).toHaveLength(1)
    expect((await make({ ...body, associateId: 'a2' })).status).toBe(409)
    const activity = await service.get<{ items: { action: string }[] }>(`/activity?subject=channel-codes/${codeId}`)
    expect(activity.items.map(item => item.action)).toEqual(['channel_code.created'])
  })

  test('a store’s leads to all who work there', async () => {
    const code = await made({ kind: 'contact_way', storeCode: 'S1' })
    expect(wayOf(code)).toMatchObject({ type: 2, users: ['a1', 'a2', 'boss1', 'goer'] })
  })

  test('an acquisition link, and a code of groups', async () => {
    const link = await made({ kind: 'acquisition_link', associateId: 'a1', skipVerify: false, name: '很'.repeat(30) })
    expect(link.url).toMatch(new RegExp(`^https://work.weixin.qq.com/ca/\\w+\\?customer_channel=${link.state}$`))
    expect([...world.channels.links.values()].at(-1)).toMatchObject({ users: ['a1'], skipVerify: false })
    const group = await made({
      kind: 'group_join_way',
      storeCode: 'S1',
      chatIds: ['wrGroup'],
      newGroups: { name: '会员群', from: 2 },
    })
    expect(group).toMatchObject({ status: 'active', users: [] })
    expect(group.url).toContain('https://')
    expect([...world.channels.joinWays.values()].at(-1)).toMatchObject({
      chatIds: ['wrGroup'],
      state: group.state,
      autoCreateRoom: true,
      roomBaseName: '会员群',
      roomBaseId: 2,
    })
  })

  test('what cannot be is refused by its path', async () => {
    const refused = async (body: object) => {
      const { status, body: answer } = await service.post('/channel-codes', {
        name: '码',
        kind: 'contact_way',
        ...body,
      })
      expect(status).toBe(422)
      return (answer['errors'] as { path: string; code: string }[]).map(({ path, code }) => `${path} ${code}`)
    }
    expect(await refused({})).toEqual(['associateId invalid_value'])
    expect(await refused({ associateId: 'a1', storeCode: 'S1' })).toEqual(['associateId invalid_value'])
    expect(await refused({ associateId: 'nobody' })).toEqual(['associateId unknown_associate'])
    expect(await refused({ storeCode: 'nowhere' })).toEqual(['storeCode unknown_store'])
    expect(await refused({ associateId: 'a1', chatIds: ['wrGroup'] })).toEqual(['chatIds invalid_value'])
    expect(await refused({ kind: 'group_join_way', storeCode: 'S1' })).toEqual(['chatIds missing_field'])
    expect((await make({ kind: 'contact_way', associateId: 'a1', name: '名'.repeat(31) })).status).toBe(422)
    expect((await make({ kind: 'contact_way', associateId: 'a1', usersMax: 1 })).status).toBe(422)
    const six = Array.from({ length: 6 }, (_, i) => `wr${i}`)
    expect((await make({ kind: 'group_join_way', storeCode: 'S1', chatIds: six })).status).toBe(422)
  })

  test('a refusal says what to do, and it is tried again', async () => {
    world.faults.push({ path: '/cgi-bin/externalcontact/add_contact_way', errcode: 41045, times: 1 })
    const code = await made({ kind: 'contact_way', associateId: 'a1' })
    expect(code).toMatchObject({ status: 'failing', url: null, fault: { reason: 'refused', errcode: 41045 } })
    expect(code.fault!.advice!.zh).toContain('50 万')
    expect((await channels()).codes['failing']).toBe(1)
    await tellAll()
    expect((await read(code.codeId)).status).toBe('failing')
    aheadMs += 61 * 60_000
    await tellAll()
    expect(await read(code.codeId)).toMatchObject({ status: 'active', fault: null })
  })

  test('while WeCom is away it waits, and is made when it is back', async () => {
    world.faults.push({ path: '/cgi-bin/externalcontact/add_contact_way', errcode: -1 })
    const code = await made({ kind: 'contact_way', associateId: 'a1' })
    expect(code).toMatchObject({ status: 'waiting', url: null, fault: null })
    world.faults.length = 0
    aheadMs += 60_000
    await tellAll()
    expect((await read(code.codeId)).status).toBe('active')
    expect(waysOf(code.state)).toHaveLength(1)
  })
})

describe('nothing is there twice, or of nobody, when a process dies', () => {
  const api = 'externalcontact/add_contact_way'
  /** A code as it is written down first. */
  const written = async (of: Partial<NewCode>) => {
    const codeId = randomUUID()
    const code: NewCode = { codeId, kind: 'contact_way', name: '码', campaign: null, associateId: null, storeCode: null, state: `dg${codeId.slice(0, 12)}`, skipVerify: true, chatIds: [], roomName: null, roomNumber: null, ...of } // prettier-ignore
    await insertCode(service.pool, { brandId: 1, code, createdBy: 'test', now: now() })
    return await read(codeId)
  }
  /** A code whose first making ends so. */
  const begun = async (of: Partial<NewCode>, error: (api: string) => Error, isLost: (called: string) => boolean) => {
    const code = await written(of)
    const how = tellOne(
      { ...welcoming, wecom: losing(called => isLost(called) && error(called)) },
      { codeId: code.codeId },
    )
    await how.catch(() => {})
    return code
  }

  test.each([
    ['its answer is lost', noAnswer],
    ['the process dies before it has written the id', died],
  ])('%s', async (_, error) => {
    const code = await begun({ associateId: 'a1' }, error, called => called === api)
    expect(await read(code.codeId)).toMatchObject({ status: 'waiting', url: null })
    const [way] = waysOf(code.state)
    aheadMs += 10 * 60_000
    await tellAll()
    expect(waysOf(code.state)).toEqual([way])
    expect((await read(code.codeId)).url).toContain(way!.configId)
  })

  test('one that came twice is taken away, those of others are let be', async () => {
    const code = await begun({ associateId: 'a2' }, noAnswer, called => called === api)
    const { configId: _, createdAt: _at, ...way } = wayOf(code)
    world.channels.addContactWay(way)
    const others = world.channels.addContactWay({ ...way, state: 'others' })
    expect(waysOf(code.state)).toHaveLength(2)
    aheadMs += 10 * 60_000
    await tellAll()
    expect(waysOf(code.state)).toHaveLength(1)
    expect((await read(code.codeId)).url).toContain(wayOf(code).configId)
    expect(world.channels.contactWays.has(others.configId)).toBe(true)
  })

  test('a link is found by its name', async () => {
    const create = 'externalcontact/customer_acquisition/create_link'
    const code = await begun({ kind: 'acquisition_link', storeCode: 'S2' }, noAnswer, called => called === create)
    const before = world.channels.links.size
    aheadMs += 10 * 60_000
    await tellAll()
    expect(world.channels.links.size).toBe(before)
    expect(await read(code.codeId)).toMatchObject({ status: 'active', users: ['a3', 'hq', 'w1'] })
  })

  test('one that is deleted while nobody knows whether it was made is not left over', async () => {
    const code = await begun({ associateId: 'a2' }, noAnswer, called => called === api)
    expect(waysOf(code.state)).toHaveLength(1)
    aheadMs += 10 * 60_000
    expect((await change('DELETE', code.codeId)).statusCode).toBe(204)
    await tellAll()
    expect(waysOf(code.state)).toEqual([])
  })

  test('two processes at once make one', async () => {
    const code = await written({ associateId: 'a1' })
    await Promise.all([1, 2, 3].map(() => tellOne(welcoming)))
    expect(waysOf(code.state)).toHaveLength(1)
  })
})

describe('codes are changed', () => {
  test('by their name; stopped, begun again, and taken away', async () => {
    const code = await made({ kind: 'contact_way', associateId: 'a1' })
    const { configId } = wayOf(code)
    expect((await change('PATCH', code.codeId, { name: '新名' })).statusCode).toBe(200)
    expect(wayOf(code)).toMatchObject({ configId, remark: '新名', type: 1 })
    expect((await change('PATCH', code.codeId, { active: false })).json()).toMatchObject({
      status: 'inactive',
      url: null,
    })
    expect(waysOf(code.state)).toEqual([])
    expect((await change('PATCH', code.codeId, { active: true })).json()).toMatchObject({ status: 'active' })
    expect(wayOf(code).configId).not.toBe(configId)
    expect((await change('DELETE', code.codeId)).statusCode).toBe(204)
    expect((await change('DELETE', code.codeId)).statusCode).toBe(204)
    expect(waysOf(code.state)).toEqual([])
    expect((await change('PATCH', code.codeId, { name: 'x' })).statusCode).toBe(404)
    await expect(read(code.codeId)).rejects.toThrow('404')
  })

  test('one that somebody took away in WeCom is made again when it changes', async () => {
    const code = await made({ kind: 'contact_way', associateId: 'a1' })
    world.channels.deleteContactWay(wayOf(code).configId)
    expect((await change('PATCH', code.codeId, { name: '再来' })).json()).toMatchObject({ status: 'active' })
    expect(wayOf(code).remark).toBe('再来')
    world.channels.deleteContactWay(wayOf(code).configId)
    expect((await change('DELETE', code.codeId)).statusCode).toBe(204)
    const link = await made({ kind: 'acquisition_link', associateId: 'a1' })
    world.channels.deleteLink([...world.channels.links.keys()].at(-1)!)
    expect((await change('DELETE', link.codeId)).statusCode).toBe(204)
    await tellAll()
    const [row] = await owner<
      { due: boolean }[]
    >`SELECT is_due AS due FROM channel_codes WHERE code_id = ${link.codeId}`
    expect(row!.due).toBe(false)
  })

  test('who leaves hands over to the store’s manager, who comes back has his own; a store’s follows its staff', async () => {
    const own = await made({ kind: 'contact_way', associateId: 'goer' })
    const store = await made({ kind: 'contact_way', storeCode: 'S1' })
    const { configId } = wayOf(own)
    const left = { associateId: 'goer', activeTo: new Date(now() - 1000).toISOString() }
    await service.ingest('associates', [left])
    expect(await planCodes(welcoming)).toBeGreaterThanOrEqual(2)
    await tellAll()
    expect(wayOf(own)).toMatchObject({ configId, users: ['boss1'] })
    expect(wayOf(store).users).toEqual(['a1', 'a2', 'boss1'])
    expect((await read(own.codeId)).users).toEqual(['boss1'])
    await service.ingest('associates', [{ associateId: 'goer', activeTo: null }])
    await planCodes(welcoming)
    await tellAll()
    expect(wayOf(own).users).toEqual(['goer'])
    expect(wayOf(store).users).toEqual(['a1', 'a2', 'boss1', 'goer'])
    expect(await planCodes(welcoming)).toBe(0)
  })

  test('what nobody stands behind any more is left as it is, and told; a new store’s is made when somebody comes', async () => {
    await service.ingest('associates', [{ associateId: 'lonely', name: '独', storeCode: 'S3', activeFrom: SINCE }])
    const own = await made({ kind: 'contact_way', associateId: 'lonely' })
    await service.ingest('associates', [{ associateId: 'lonely', activeTo: new Date(now() - 1000).toISOString() }])
    await planCodes(welcoming)
    await tellAll()
    expect(waysOf(own.state)).toHaveLength(1)
    expect(await read(own.codeId)).toMatchObject({ status: 'failing', fault: { reason: 'nobody' } })
    const store = await made({ kind: 'contact_way', storeCode: 'S3' })
    expect(store).toMatchObject({ status: 'failing', url: null, fault: { reason: 'nobody' } })
    await service.ingest('associates', [{ associateId: 'late1', name: '新', storeCode: 'S3', activeFrom: SINCE }])
    aheadMs += 61 * 60_000
    await tellAll()
    expect(await read(store.codeId)).toMatchObject({ status: 'active', users: ['late1'] })
    expect(await read(own.codeId)).toMatchObject({ status: 'active', users: ['late1'] })
  })
})

describe('customers come', () => {
  test('by a store’s code: whoever they are added to, and the store is the code’s', async () => {
    const code = await made({ kind: 'contact_way', storeCode: 'S2', campaign: '开业' })
    const [first, second] = [customer(), customer()]
    const { userid } = world.channels.scan(wayOf(code).configId, first)
    const other = world.channels.scan(wayOf(code).configId, second)
    expect(other.userid).not.toBe(userid)
    await callBack()
    expect((await read(code.codeId)).figures).toMatchObject({ added: 2, lost: 0, enrolled: 0 })
    world.unfriend(userid, first, 'customer')
    await callBack()
    await service.ingest('members', [{ memberNo: 'mSecond', joinedAt: new Date(now() + 1000).toISOString() }])
    await service.ingest('identities', [
      { kind: 'unionid', value: world.customerOf(second).unionid, memberNo: 'mSecond', at: new Date().toISOString() },
    ])
    await walk()
    expect((await read(code.codeId)).figures).toMatchObject({ added: 2, lost: 1, enrolled: 1 })
    const page = await service.get<{ items: Record<string, unknown>[]; nextCursor: string }>(`/channel-codes/${code.codeId}/friends?limit=1`) // prettier-ignore
    const rest = await service.get<{ items: Record<string, unknown>[] }>(`/channel-codes/${code.codeId}/friends?cursor=${page.nextCursor}`) // prettier-ignore
    const came = [...page.items, ...rest.items]
    expect(came).toHaveLength(2)
    expect(came.find(row => row['externalUserid'] === first)).toMatchObject({
      associateId: userid,
      storeCode: 'S2',
      memberNo: null,
    })
    expect(came.find(row => row['externalUserid'] === first)!['lostAt']).not.toBeNull()
    expect(came.find(row => row['externalUserid'] === second)).toMatchObject({ associateId: other.userid, memberNo: 'mSecond', lostAt: null }) // prettier-ignore
  })

  test('by an associate’s code: the friendship binds the member to whom he was added', async () => {
    const headers = { authorization: 'Bearer test-key-with-all-scopes' }
    const policy = { on: ['friend_added'], mode: 'first' }
    const told = await service.app.inject({ method: 'PUT', url: '/api/v1/settings/binding', headers, payload: policy })
    expect(told.statusCode).toBe(200)
    const code = await made({ kind: 'contact_way', associateId: 'a2' })
    const who = customer()
    await service.ingest('members', [{ memberNo: 'mBound' }])
    await service.ingest('identities', [{ kind: 'unionid', value: world.customerOf(who).unionid, memberNo: 'mBound', at: SINCE }]) // prettier-ignore
    world.channels.scan(wayOf(code).configId, who)
    await callBack()
    await service.settled()
    const rows = await owner<{ associate: string }[]>`
      SELECT associate_id AS associate FROM derived_assignments WHERE member_no = 'mBound'`
    expect(rows).toEqual([{ associate: 'a2' }])
  })

  test('with a state that nobody knows, or none: recorded, of no code, and no fault', async () => {
    const [first, second] = [customer(), customer()]
    world.befriend('a1', first, { state: 'old-campaign' })
    world.befriend('a1', second)
    await callBack()
    const rows = await owner<{ state: string | null }[]>`
      SELECT state FROM friend_events WHERE external_userid IN (${first}, ${second}) ORDER BY external_userid`
    expect(rows.map(row => row.state)).toEqual(['old-campaign', null])
    const health = await service.get<{ inbox: { setAside: number; unhandled: number } }>('/wecom/health')
    expect(health.inbox).toMatchObject({ setAside: 0, unhandled: 0 })
  })

  test('by an acquisition link, with what WeCom tells of it', async () => {
    const code = await made({ kind: 'acquisition_link', associateId: 'a1' })
    const who = customer()
    world.channels.balance = 20
    world.channels.open(code.url!, who)
    world.channels.startChat('a1', who)
    await callBack()
    expect((await read(code.codeId)).figures).toMatchObject({ added: 1, requests: 1, chats: 1 })
    expect((await channels()).acquisition).toMatchObject({ balance: 19, total: 1000, event: 'balance_low' })
    const linkId = new URL(code.url!).pathname.split('/').at(-1)!
    world.callBack({ Event: 'customer_acquisition', ChangeType: 'link_unavailable', LinkId: linkId })
    await callBack()
    expect(await read(code.codeId)).toMatchObject({ status: 'failing', active: true, fault: { reason: 'unavailable' } })
    world.callBack({ Event: 'customer_acquisition', ChangeType: 'balance_increased' })
    await callBack()
    expect((await read(code.codeId)).status).toBe('active')
    world.channels.removeLink(linkId)
    await callBack()
    expect(await read(code.codeId)).toMatchObject({ status: 'failing', active: false, url: null, fault: { reason: 'removed' } }) // prettier-ignore
    expect((await change('PATCH', code.codeId, { active: true })).json()).toMatchObject({
      status: 'active',
      fault: null,
    })
  })

  test('and whatever else WeCom says of it is dealt with', async () => {
    const who = customer()
    const acquisition = (ChangeType: string, more = {}) => world.callBack({ Event: 'customer_acquisition', ChangeType, ...more }) // prettier-ignore
    acquisition('quota_expire_soon', { ExpireTime: 1_700_000_000, ExpireQuotaNum: 5 })
    acquisition('balance_exhausted')
    acquisition('open_profile', { LinkId: 'caNobodys', State: 'nobodys' })
    acquisition('friend_request', { LinkId: 'caNobodys' })
    acquisition('message_from_customer', { ChatKey: 'k' })
    acquisition('link_unavailable', { LinkId: 'caNobodys' })
    const failed = { ChangeType: 'transfer_fail', FailReason: 'customer_refused', UserID: 'a2', ExternalUserID: who }
    world.callBack({ Event: 'change_external_contact', ...failed })
    const count = events.length
    await callBack()
    const { items } = await service.get<{ items: { event: string; status: string }[] }>(
      `/wecom/callbacks?limit=${count}`,
    )
    expect(items.filter(item => item.status !== 'done')).toEqual([])
    const activity = await service.get<{ items: { action: string; details: object }[] }>(`/activity?subject=customers/${who}`) // prettier-ignore
    expect(activity.items).toMatchObject([
      { action: 'wecom.transfer_failed', details: { associateId: 'a2', reason: 'customer_refused' } },
    ])
  })

  test('to a group', async () => {
    const code = await made({ kind: 'group_join_way', storeCode: 'S1', chatIds: ['wrGroup'] })
    const configId = [...world.channels.joinWays.values()].find(way => way.state === code.state)!.configId
    const [first, second] = [customer(), customer()]
    for (const who of [first, second]) world.channels.scanJoinWay(configId, who)
    await callBack()
    world.leave('wrGroup', [first])
    await callBack()
    expect((await read(code.codeId)).figures).toMatchObject({ added: 2, lost: 1 })
  })

  test('in whatever order it is heard of, the same code has them', { timeout: 60_000 }, async () => {
    const orders = permutations(['code', 'added', 'ended', 'walk'] as const)
    const found: unknown[] = []
    for (const [i, order] of orders.entries()) {
      const who = customer()
      const state = `perm${i}`
      world.befriend('w1', who, { state })
      const [added] = events.splice(0)
      const [ended] = (world.unfriend('w1', who, 'customer'), events.splice(0))
      const at = Number(added!['CreateTime'])
      const steps = {
        code: () => owner`
          INSERT INTO channel_codes (brand_id, code_id, kind, name, associate_id, state, skip_verify, chat_ids, is_active,
            is_due, due_at, tries, profile_opens, friend_requests, created_by, created_at, changed_at)
          VALUES (1, ${randomUUID()}, 'contact_way', 'x', 'w1', ${state}, true, '{}', false, false, now(), 0, 0, 0, 'test',
            now(), now())`,
        added: async () => {
          await post(added!)
          await dealWithAll()
        },
        ended: async () => {
          await post({ ...ended!, CreateTime: at + 30 })
          await dealWithAll()
        },
        walk,
      }
      // Each event comes twice, as WeCom may send it.
      for (const step of [...order, 'added', 'ended'] as const) await steps[step]()
      const { items } = await service.get<{ items: Code[] }>(`/channel-codes?associate=w1&limit=500`)
      const { added: came, lost } = items.find(code => code.state === state)!.figures
      found.push({ order: order.join(), came, lost })
    }
    expect(found).toEqual(orders.map(order => ({ order: order.join(), came: 1, lost: 1 })))
  })
})

const permutations = <T>(all: readonly T[]): T[][] =>
  all.length === 0 ? [[]] : all.flatMap((one, i) => permutations([...all.slice(0, i), ...all.slice(i + 1)]).map(rest => [one, ...rest])) // prettier-ignore

describe('new friends are welcomed', () => {
  const comes = (userid = 'a1', state?: string) => {
    const who = customer()
    world.befriend(userid, who, state === undefined ? {} : { state })
    return who
  }
  const statusOf = async (externalUserid: string) => {
    const rows = await owner<{ status: string; errcode: number | null; code: Buffer | null }[]>`
      SELECT status, errcode, code_encrypted AS code FROM channel_welcomes WHERE external_userid = ${externalUserid}`
    return rows.map(({ status, errcode, code }) => [status, errcode, code === null])
  }
  const welcomesOf = (who: string) => world.channels.welcomed.filter(one => one.externalUserid === who)

  test('once, with the page to enrol by the associate’s own link', async () => {
    const code = await made({ kind: 'contact_way', associateId: 'a1' })
    const who = customer()
    world.channels.scan(wayOf(code).configId, who)
    const twice = [...events]
    await callBack()
    for (const fields of twice) await post(fields)
    await dealWithAll()
    await Promise.all([welcomeAll(), welcomeAll()])
    const [welcome, ...others] = welcomesOf(who)
    expect(others).toEqual([])
    expect(welcome!.text).toContain('导购a1')
    expect(welcome!.text).toContain('S1店')
    const [{ link }] = welcome!.attachments as [{ link: { url: string; title: string } }]
    const linkCode = new URL(link.url).pathname.split('/').at(-1)!
    const [row] = await owner<{ associate: string; store: string; kind: string }[]>`
      SELECT associate_id AS associate, store_code AS store, target ->> 'kind' AS kind FROM share_links
      WHERE link_code = ${linkCode}`
    expect(row).toEqual({ associate: 'a1', store: 'S1', kind: 'enrol' })
    expect(await statusOf(who)).toEqual([['sent', null, true]])

    const second = comes('a1')
    await callBack()
    await welcomeAll()
    expect(welcomesOf(second)[0]!.attachments).toEqual(welcome!.attachments)
    expect((await channels()).welcomes['sent']).toBeGreaterThanOrEqual(2)
  })

  test('a store’s code is the store’s in the link, whoever says the welcome', async () => {
    const code = await made({ kind: 'contact_way', storeCode: 'S2' })
    const who = customer()
    const { userid } = world.channels.scan(wayOf(code).configId, who)
    await callBack()
    await welcomeAll()
    expect(await statusOf(who)).toEqual([['sent', null, true]])
    const [row] = await owner<{ associate: string; store: string }[]>`
      SELECT l.associate_id AS associate, l.store_code AS store FROM channel_welcomes AS w
      JOIN share_links AS l ON l.brand_id = w.brand_id AND l.link_code = w.link_code WHERE w.external_userid = ${who}`
    expect(row).toEqual({ associate: userid, store: 'S2' })
  })

  test('not late, and not where WeCom says one or the chat has begun', async () => {
    await welcomeAll()
    const before = (await channels()).welcomes['late']!
    const late = comes()
    await callBack()
    aheadMs += 20_001
    await welcomeAll()
    expect([welcomesOf(late), await statusOf(late)]).toEqual([[], [['late', null, true]]])
    expect((await channels()).welcomes['late']).toBe(before + 1)

    const talking = comes()
    world.channels.startChat('a1', talking)
    await callBack()
    await welcomeAll()
    expect(await statusOf(talking)).toEqual([['needless', 41051, true]])

    world.channels.welcomedByConsole.add('a2')
    const other = comes('a2')
    world.channels.welcomedByConsole.delete('a2')
    await callBack()
    expect(await statusOf(other)).toEqual([])

    const tooOld = comes()
    await callBack()
    world.faults.push({ path: '/cgi-bin/externalcontact/send_welcome_msg', errcode: 41050, times: 1 })
    await welcomeAll()
    expect(await statusOf(tooOld)).toEqual([['needless', 41050, true]])
    const metrics = await service.app.inject({ method: 'GET', url: '/metrics' })
    expect(metrics.body).toMatch(/wecom_welcomes_total\{outcome="late"\} [1-9]/)
  })

  test('another app’s welcome is waited for, a fault of WeCom’s is told', async () => {
    const waiting = comes()
    await callBack()
    world.faults.push({ path: '/cgi-bin/externalcontact/send_welcome_msg', errcode: 41096, times: 1 })
    await welcomeAll()
    expect(await statusOf(waiting)).toEqual([['sent', null, true]])
    const refused = comes()
    await callBack()
    world.faults.push({ path: '/cgi-bin/externalcontact/send_welcome_msg', errcode: 48002, times: 1 })
    await welcomeAll()
    expect(await statusOf(refused)).toEqual([['refused', 48002, true]])
  })

  test('never twice: not when the answer is lost, not when the process dies', async () => {
    const unanswered = comes()
    await callBack()
    // WeCom says it, and nobody hears of that.
    world.faults.push({ path: '/cgi-bin/externalcontact/send_welcome_msg', losesAnswer: true, times: 1 })
    await welcomeAll()
    expect(await statusOf(unanswered)).toEqual([['unsure', null, true]])
    await welcomeAll()
    expect(welcomesOf(unanswered)).toHaveLength(1)

    const dying = comes()
    await callBack()
    expect((await claimWelcome(service.pool, { brandId: 1 }))!.externalUserid).toBe(dying)
    await welcomeAll()
    await endLostWelcomes(welcoming)
    expect(await statusOf(dying)).toEqual([['sending', null, false]])
    aheadMs += 61_000
    await endLostWelcomes(welcoming)
    expect([welcomesOf(dying), await statusOf(dying)]).toEqual([[], [['unsure', null, true]]])
    expect((await channels()).welcomes).toMatchObject({ unsure: 2, waiting: 0 })
  })

  test('is written down also while WeCom does not answer what the mirror asks', async () => {
    world.faults.push({ path: '/cgi-bin/externalcontact/get', errcode: 40058, times: 1 })
    const who = comes()
    await callBack()
    world.faults.length = 0
    await welcomeAll()
    expect(welcomesOf(who)).toHaveLength(1)
    aheadMs += 5000
    await dealWithAll()
  })

  test('whose chats are archived: when he agreed, and not again', async () => {
    const who = comes()
    const agreed = (welcomeCode: string, at: number) => ({
      ToUserName: TEST_APP.corpId,
      FromUserName: 'sys',
      CreateTime: at,
      MsgType: 'event',
      Event: 'change_external_contact',
      ChangeType: 'msg_audit_approved',
      UserID: 'a1',
      ExternalUserID: who,
      WelcomeCode: welcomeCode,
    })
    await callBack()
    world.faults.push({ path: '/cgi-bin/externalcontact/send_welcome_msg', errcode: 41053, times: 1 })
    await welcomeAll()
    expect(await statusOf(who)).toEqual([['needless', 41053, true]])
    const at = Math.floor(now() / 1000)
    await post(agreed(world.channels.welcomeFor('a1', who)!, at + 1))
    await dealWithAll()
    await welcomeAll()
    expect(welcomesOf(who)).toHaveLength(1)
    await post(agreed(world.channels.welcomeFor('a1', who)!, at + 2))
    await dealWithAll()
    await welcomeAll()
    expect(welcomesOf(who)).toHaveLength(1)
  })

  test('by a card of the mini program, with a picture that is there in time; without one by a link', async () => {
    const mini = { ...welcoming, miniProgramAppId: MINI }
    const body = { on: true, text: '您好，我是{associate}', title: '入会', path: 'pages/enrol?from=welcome' }
    expect((await put(body)).statusCode).toBe(200)
    const first = comes()
    await callBack()
    await welcomeAll(mini)
    expect(welcomesOf(first)[0]!.attachments[0]).toMatchObject({ msgtype: 'link' })
    await keepPicture(mini)
    const second = comes()
    await callBack()
    await welcomeAll(mini)
    const [card] = welcomesOf(second)[0]!.attachments as { miniprogram: Record<string, string> }[]
    expect(card).toMatchObject({ msgtype: 'miniprogram', miniprogram: { appid: MINI, title: '入会' } })
    expect(card!.miniprogram['page']).toMatch(/^pages\/enrol\.html\?from=welcome&dg=\w{12}$/)
    expect(welcomesOf(second)[0]!.text).toBe('您好，我是导购a1')
    // A mini program that is linked no more: what was refused was not sent.
    const linked = world.miniPrograms as { appId: string; name: string }[]
    const was = linked.splice(0)
    const third = comes()
    await callBack()
    await welcomeAll(mini)
    linked.push(...was)
    expect(welcomesOf(third)[0]!.attachments[0]).toMatchObject({ msgtype: 'link' })
    // The picture is uploaded anew before WeCom forgets it.
    const mediaId = async () => (await owner<{ id: string }[]>`SELECT media_id AS id FROM wecom_media`)[0]!.id
    const before = await mediaId()
    await keepPicture(mini)
    expect(await mediaId()).toBe(before)
    aheadMs += 2.5 * 86_400_000
    await keepPicture(mini)
    expect(await mediaId()).not.toBe(before)
  })

  test('as headquarters says it, or not at all', async () => {
    const faults = async (body: object) =>
      ((await put({ on: true, text: '您好', ...body })).json<{ errors?: { path: string }[] }>().errors ?? []).map(fault => fault.path) // prettier-ignore
    expect(await faults({ text: '{nickname}您好' })).toEqual(['text'])
    expect(await faults({ text: '好'.repeat(1334) })).toEqual(['text'])
    expect(await faults({ url: 'https://elsewhere.example/enrol' })).toEqual(['url'])
    expect(await faults({ url: `${service.settings.publicUrl}/enrol` })).toEqual([])
    expect((await put({ on: true, text: '您好', words: 'x' })).statusCode).toBe(422)
    expect((await put({ on: false, text: '您好' })).json()).toMatchObject({ on: false, changedBy: 'key:bootstrap' })
    const who = comes()
    await callBack()
    await welcomeAll()
    expect([welcomesOf(who), await statusOf(who)]).toEqual([[], [['needless', null, true]]])
    expect((await put({ on: true, text: '欢迎来到{store}，{brand}' })).statusCode).toBe(200)
    await put({ on: true, text: '欢迎' })
  })

  test('by the workers, within seconds; what is long past is forgotten', async () => {
    const onError = (error: unknown) => expect.unreachable(String(error))
    const workers = [startInboxWorker({ ...work(), onError }), startChannelWorkers({ ...welcoming, onError })]
    const who = comes()
    for (const fields of events.splice(0)) await post(fields)
    await expect.poll(() => welcomesOf(who).length, { timeout: 8000, interval: 20 }).toBe(1)
    await Promise.all(workers.map(worker => worker.stop()))
    await forgetOldWelcomes(service.pool, now() + 91 * 86_400_000)
    expect(await statusOf(who)).toEqual([])
  })
})

describe('who sees which', () => {
  test('an associate his own, a manager his store’s; pages hold together', async () => {
    const own = await made({ kind: 'contact_way', associateId: 'a1', name: '我的' })
    const codes = async (asker: { get<T>(path: string): Promise<T> }, query = '') =>
      (await asker.get<{ items: (Code & { associateId: string | null; storeCode: string | null })[] }>(`/channel-codes?limit=500${query}`)).items // prettier-ignore
    const a1 = await askerOf(service, 'a1')
    expect(new Set((await codes(a1)).map(code => code.associateId))).toEqual(new Set(['a1']))
    expect((await codes(a1, '&associate=a1')).some(code => code.codeId === own.codeId)).toBe(true)
    expect((await a1.ask('GET', '/channel-codes?associate=a2')).status).toBe(404)
    expect((await a1.ask('GET', '/channel-codes?storeCode=S1')).status).toBe(404)
    const boss = await askerOf(service, 'boss1')
    const seen = await codes(boss)
    expect(new Set(seen.map(code => code.associateId ?? code.storeCode))).toEqual(new Set(['a1', 'a2', 'goer', 'S1']))
    expect((await boss.ask('GET', '/channel-codes?storeCode=S2')).status).toBe(404)
    const foreign = await made({ kind: 'contact_way', associateId: 'a3' })
    expect((await boss.ask('GET', `/channel-codes/${foreign.codeId}`)).status).toBe(404)
    expect((await a1.ask('GET', `/channel-codes/${foreign.codeId}/friends`)).status).toBe(404)
    const all: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: { items: Code[]; nextCursor: string | null } = await service.get(
        `/channel-codes?limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`,
      )
      all.push(...page.items.map(code => code.codeId))
      cursor = page.nextCursor
    }
    expect(all).toEqual((await codes(service)).map(code => code.codeId))
    expect(new Set(all).size).toBe(all.length)
  })
})
