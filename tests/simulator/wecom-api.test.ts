import { afterEach, describe, expect, it } from 'vitest'
import { buildWecomApi } from '../../simulator/wecom-api.ts'
import { createWorld, lifeMs, type World } from '../../simulator/world.ts'
import { smallCorp } from './world.ts'

const start = Date.UTC(2026, 10, 20, 4)

let nowMs = start
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  nowMs = start
  for (const close of closers.splice(0)) await close()
})

function build(change: Partial<typeof smallCorp> = {}) {
  const world = createWorld({ ...smallCorp, ...change }, { now: () => nowMs })
  const app = buildWecomApi(world)
  closers.push(() => app.close())
  const get = async (path: string, query: Record<string, string> = {}) => {
    const response = await app.inject({ method: 'GET', url: `/cgi-bin/${path}?${new URLSearchParams(query)}` })
    return { ...response.json<Answer>(), status: response.statusCode } as Answer
  }
  const post = async (path: string, query: Record<string, string>, body: unknown) => {
    const payload = typeof body === 'string' ? body : JSON.stringify(body)
    const response = await app.inject({
      method: 'POST',
      url: `/cgi-bin/${path}?${new URLSearchParams(query)}`,
      payload,
    })
    return { ...response.json<Answer>(), status: response.statusCode } as Answer
  }
  const tokenOf = (agentId = '1000002') => ({ access_token: world.issueToken(agentId).token })
  return { world, app, get, post, tokenOf }
}

type Answer = { status: number; errcode: number; errmsg: string; [name: string]: unknown }

describe('errors', () => {
  it('come with HTTP 200, a hint, the address of the caller and where to read more', async () => {
    const { get } = build()
    const answer = await get('user/get', { access_token: 'nonsense', userid: 'demo-a01' })
    expect(answer.status).toBe(200)
    expect(answer.errcode).toBe(40014)
    expect(answer.errmsg).toMatch(
      /^invalid access_token, hint: \[\d{20,}\], from ip: 127\.0\.0\.1, more info at https:\/\/open\.work\.weixin\.qq\.com\/devtool\/query\?e=40014$/,
    )
  })

  it('say so where the body is not JSON', async () => {
    const { post, tokenOf } = build()
    const answer = await post('externalcontact/mark_tag', tokenOf(), '{"userid":')
    expect(answer).toMatchObject({ status: 200, errcode: 40058 })
    expect(answer.errmsg).toContain('Warning: wrong json format.')
  })

  it.each([
    [{}, 41002],
    [{ corpid: 'ww0000000000000demo' }, 41004],
    [{ corpid: 'wwOther', corpsecret: 'secret-of-daogou' }, 40013],
    [{ corpid: 'ww0000000000000demo', corpsecret: 'wrong' }, 40001],
  ])('gettoken with %o is %i', async (query: Record<string, string>, errcode) => {
    expect(await build().get('gettoken', query)).toMatchObject({ status: 200, errcode })
  })

  it('are made on demand, for a number of calls', async () => {
    const { world, get, tokenOf } = build()
    world.faults.push({ path: '/cgi-bin/user', errcode: 45009, times: 1 })
    expect(await get('user/get', { ...tokenOf(), userid: 'demo-a01' })).toMatchObject({ errcode: 45009 })
    expect(await get('user/get', { ...tokenOf(), userid: 'demo-a01' })).toMatchObject({ errcode: 0 })
  })
})

describe('access tokens', () => {
  it('are the same until they expire, then 42001', async () => {
    const { get } = build()
    const secret = { corpid: 'ww0000000000000demo', corpsecret: 'secret-of-daogou' }
    const first = await get('gettoken', secret)
    expect(first).toMatchObject({ errcode: 0, errmsg: 'ok' })
    expect(first['expires_in']).toBeGreaterThan(0)
    expect(await get('gettoken', secret)).toMatchObject({ access_token: first['access_token'] })
    nowMs += lifeMs.period
    const use = { access_token: String(first['access_token']), userid: 'demo-a01' }
    expect(await get('user/get', use)).toMatchObject({ errcode: 42001 })
    expect((await get('gettoken', secret))['access_token']).not.toBe(first['access_token'])
  })

  it('may be dropped early', async () => {
    const { world, get, tokenOf } = build()
    const token = tokenOf()
    world.dropTokens('unknown')
    expect(await get('user/get', { ...token, userid: 'demo-a01' })).toMatchObject({ errcode: 40014 })
    const next = tokenOf()
    world.dropTokens('expired')
    expect(await get('user/get', { ...next, userid: 'demo-a01' })).toMatchObject({ errcode: 42001 })
    expect(await get('user/get', { userid: 'demo-a01' })).toMatchObject({ errcode: 41001 })
  })

  it('hold after a restart of the simulator, as the tickets do', () => {
    const [before, after] = [build().world, build().world]
    expect(after.checkToken(before.issueToken('1000002').token)).toEqual({ agentId: '1000002' })
    expect(after.liveTickets()).toContainEqual({ owner: 'corp', ticket: before.issueTicket('corp').ticket })
  })

  it('of an app that may not read customers are refused there', async () => {
    const { get, tokenOf } = build()
    const query = { ...tokenOf('1000003'), userid: 'demo-a02' }
    expect(await get('externalcontact/list', query)).toMatchObject({ errcode: 48002 })
  })
})

describe('tickets', () => {
  it('differ between the corporation and each app', async () => {
    const { get, tokenOf } = build()
    const corp = await get('get_jsapi_ticket', tokenOf())
    const own = await get('ticket/get', { ...tokenOf(), type: 'agent_config' })
    const other = await get('ticket/get', { ...tokenOf('1000003'), type: 'agent_config' })
    expect(new Set([corp['ticket'], own['ticket'], other['ticket']]).size).toBe(3)
    expect(await get('ticket/get', { ...tokenOf(), type: 'jsapi' })).toMatchObject({ errcode: 91040 })
  })
})

describe('sign-in', () => {
  const query = {
    appid: 'ww0000000000000demo',
    redirect_uri: 'https://daogou.example/auth/wecom/callback',
    response_type: 'code',
    scope: 'snsapi_base',
    state: 'abc123',
    agentid: '1000002',
  }
  const authorize = (app: ReturnType<typeof build>['app'], change: Record<string, string> = {}) =>
    app.inject({ method: 'GET', url: `/connect/oauth2/authorize?${new URLSearchParams({ ...query, ...change })}` })
  const codeOf = (location: unknown) => new URL(String(location)).searchParams.get('code') ?? ''

  it('asks who one is, and comes back with code and state', async () => {
    const { app, get, tokenOf } = build()
    const page = await authorize(app)
    expect(page.statusCode).toBe(200)
    expect(page.body).toContain('演示导购02')
    expect(page.body).toContain('不存在的成员')
    const back = await authorize(app, { as: 'demo-a02' })
    expect(back.statusCode).toBe(302)
    expect(back.headers.location).toMatch(
      /^https:\/\/daogou\.example\/auth\/wecom\/callback\?code=[\w-]+&state=abc123$/,
    )
    expect(await get('auth/getuserinfo', { ...tokenOf(), code: codeOf(back.headers.location) })).toMatchObject({
      errcode: 0,
      userid: 'demo-a02',
    })
  })

  it('takes a code once, within five minutes, of its own app', async () => {
    const { world, get, tokenOf } = build()
    const once = world.issueCode('demo-a02', '1000002')
    expect(await get('auth/getuserinfo', { ...tokenOf(), code: once })).toMatchObject({ userid: 'demo-a02' })
    expect(await get('auth/getuserinfo', { ...tokenOf(), code: once })).toMatchObject({ errcode: 40029 })
    const foreign = world.issueCode('demo-a02', '1000003')
    expect(await get('auth/getuserinfo', { ...tokenOf(), code: foreign })).toMatchObject({ errcode: 40029 })
    const late = world.issueCode('demo-a02', '1000002')
    nowMs += lifeMs.code
    expect(await get('auth/getuserinfo', { ...tokenOf(), code: late })).toMatchObject({ errcode: 40029 })
  })

  it('tells a customer from a member', async () => {
    const { world, get, tokenOf } = build()
    const answer = await get('auth/getuserinfo', { ...tokenOf(), code: world.issueCode('wmDemoGold', null) })
    expect(answer).toMatchObject({ errcode: 0, external_userid: 'wmDemoGold' })
    expect(answer).not.toHaveProperty('userid')
  })

  it('can be answered without a page', async () => {
    const { world, app, get, tokenOf } = build()
    world.signInAs('somebody-else')
    const back = await authorize(app)
    expect(back.statusCode).toBe(302)
    const answer = await get('auth/getuserinfo', { ...tokenOf(), code: codeOf(back.headers.location) })
    expect(answer).toMatchObject({ userid: 'somebody-else' })
    expect(await get('user/get', { ...tokenOf(), userid: 'somebody-else' })).toMatchObject({ errcode: 60111 })
  })

  it.each([
    [{ appid: 'wwOther' }, 'appid 参数错误'],
    [{ agentid: '1' }, 'agentid 参数错误'],
    [{ redirect_uri: 'https://evil.example/auth' }, '50001'],
    [{ redirect_uri: 'https://daogou.example:8443/auth' }, '50001'],
    [{ redirect_uri: 'https://daogou.example.evil.example/auth' }, '50001'],
    [{ redirect_uri: 'javascript:alert(1)' }, '50001'],
    [{ scope: 'snsapi_all' }, 'scope 参数错误'],
    [{ state: 'a-b' }, 'state 参数错误'],
    [{ response_type: 'token' }, 'response_type 参数错误'],
  ])('refuses %o', async (change: Record<string, string>, words) => {
    const page = await authorize(build().app, { ...change, as: 'demo-a02' })
    expect(page.statusCode).toBe(200)
    expect(page.body).toContain(words)
    expect(page.headers.location).toBeUndefined()
  })

  it('by scanning may be refused by the person: a state, and no code', async () => {
    const { app } = build()
    const url = (as: string) => {
      const { appid, agentid, redirect_uri, state } = query
      return `/wwlogin/sso/login?${new URLSearchParams({ login_type: 'CorpApp', appid, agentid, redirect_uri, state, as })}`
    }
    const refused = await app.inject({ method: 'GET', url: url('') })
    expect(refused.headers.location).toBe('https://daogou.example/auth/wecom/callback?state=abc123')
    const scanned = await app.inject({ method: 'GET', url: url('demo-a02') })
    expect(scanned.headers.location).toContain('code=')
  })
})

describe('customers', () => {
  it('are listed by member, and told with who follows them', async () => {
    const { get, tokenOf } = build()
    expect(await get('externalcontact/get_follow_user_list', tokenOf())).toMatchObject({
      follow_user: ['demo-a01', 'demo-a02', 'demo-a03'],
    })
    expect(await get('externalcontact/list', { ...tokenOf(), userid: 'demo-a02' })).toMatchObject({
      external_userid: ['wmDemoGold', 'wmDemoStranger'],
    })
    expect(await get('externalcontact/list', { ...tokenOf(), userid: 'demo-a01' })).toMatchObject({ errcode: 84061 })
    expect(await get('externalcontact/get', { ...tokenOf(), external_userid: 'wmNobody' })).toMatchObject({
      errcode: 40096,
    })
    expect(await get('externalcontact/get', { ...tokenOf(), external_userid: 'wmDemoGold' })).toMatchObject({
      errcode: 0,
      external_contact: { external_userid: 'wmDemoGold', name: '演示顾客甲', type: 1, unionid: 'oDemoGold' },
      follow_user: [
        { userid: 'demo-a02', createtime: 1_700_000_000, add_way: 1, state: 'ch_042', tags: [{ tag_name: '高意向' }] },
        { userid: 'demo-a03', createtime: 1_700_100_000, add_way: 201, tags: [] },
      ],
      next_cursor: '',
    })
  })

  it('come in pages', async () => {
    const { post, tokenOf } = build()
    const ask = (cursor: string) =>
      post('externalcontact/batch/get_by_user', tokenOf(), { userid_list: ['demo-a02'], cursor, limit: 1 })
    const first = await ask('')
    expect(first['external_contact_list']).toMatchObject([
      { external_contact: { external_userid: 'wmDemoGold' }, follow_info: { userid: 'demo-a02' } },
    ])
    expect(first['next_cursor']).not.toBe('')
    const second = await ask(String(first['next_cursor']))
    expect(second['external_contact_list']).toMatchObject([{ external_contact: { external_userid: 'wmDemoStranger' } }])
    expect(second['next_cursor']).toBe('')
    const tooMany = { userid_list: Array.from({ length: 101 }, () => 'demo-a02') }
    expect(await post('externalcontact/batch/get_by_user', tokenOf(), tooMany)).toMatchObject({ errcode: 40031 })
  })

  it('are tagged and remarked only by who follows them', async () => {
    const { get, post, tokenOf } = build()
    const tags = (await post('externalcontact/get_corp_tag_list', tokenOf(), {}))['tag_group'] as {
      tag: { id: string; name: string }[]
    }[]
    const [high, price] = tags[0]!.tag
    const mark = { userid: 'demo-a02', external_userid: 'wmDemoGold' }
    const change = { ...mark, add_tag: [price!.id], remove_tag: [high!.id] }
    expect(await post('externalcontact/mark_tag', tokenOf(), change)).toMatchObject({ errcode: 0 })
    expect(await post('externalcontact/remark', tokenOf(), { ...mark, remark: '演示备注' })).toMatchObject({
      errcode: 0,
    })
    expect(await get('externalcontact/get', { ...tokenOf(), external_userid: 'wmDemoGold' })).toMatchObject({
      follow_user: [{ remark: '演示备注', tags: [{ tag_name: '价格敏感' }] }, {}],
    })
    const stranger = { userid: 'demo-a03', external_userid: 'wmDemoStranger' }
    expect(await post('externalcontact/mark_tag', tokenOf(), { ...stranger, add_tag: [high!.id] })).toMatchObject({
      errcode: 84061,
    })
    expect(await post('externalcontact/mark_tag', tokenOf(), { ...mark, add_tag: ['etNone'] })).toMatchObject({
      errcode: 40068,
    })
    expect(await post('externalcontact/remark', tokenOf(), mark)).toMatchObject({ errcode: 40035 })
  })

  it('stand in groups with who invited them', async () => {
    const { post, tokenOf } = build()
    expect(await post('externalcontact/groupchat/list', tokenOf(), { limit: 10 })).toMatchObject({
      group_chat_list: [{ chat_id: 'wrDemoGroup', status: 0 }],
      next_cursor: '',
    })
    const group = await post('externalcontact/groupchat/get', tokenOf(), { chat_id: 'wrDemoGroup', need_name: 1 })
    expect(group['group_chat']).toMatchObject({
      name: '演示新品群',
      owner: 'demo-a02',
      member_list: [
        { userid: 'demo-a02', type: 1 },
        { userid: 'wmDemoGold', type: 2, unionid: 'oDemoGold', name: '演示顾客甲' },
        { userid: 'wmDemoStranger', type: 2 },
      ],
    })
    expect(await post('externalcontact/groupchat/get', tokenOf(), { chat_id: 'wrNone' })).toMatchObject({
      errcode: 86001,
    })
    expect(await post('externalcontact/groupchat/list', tokenOf(), {})).toMatchObject({ errcode: 40058 })
  })
})

it('two worlds of one description are alike', () => {
  const ids = (world: World) => [...world.customers.values()].map(({ openid, unionid }) => [openid, unionid])
  expect(ids(createWorld(smallCorp))).toEqual(ids(createWorld(smallCorp)))
  expect(ids(createWorld(smallCorp))).not.toEqual(ids(createWorld({ ...smallCorp, seed: 'other' })))
})

describe('limits', () => {
  it('trip, and stay for the length of their window', async () => {
    const { world, get, tokenOf } = build()
    world.limits.own.set('user/get', { perMinute: 3 })
    const ask = async () => (await get('user/get', { ...tokenOf(), userid: 'demo-a01' })).errcode
    expect([await ask(), await ask(), await ask(), await ask(), await ask()]).toEqual([0, 0, 0, 45009, 45009])
    expect((await get('externalcontact/get_follow_user_list', tokenOf())).errcode).toBe(0)
    nowMs += 59_000
    expect(await ask()).toBe(45009)
    nowMs += 1000
    expect(await ask()).toBe(0)
    expect(world.limits.refused.get('user/get')).toBe(3)
  })

  it('hold for how many are asked at once', async () => {
    const { world, post, tokenOf } = build()
    world.faults.push({ path: '/cgi-bin/externalcontact/batch/get_by_user', latencyMs: 50 })
    const ask = () => post('externalcontact/batch/get_by_user', tokenOf(), { userid_list: ['demo-a02'], limit: 10 })
    const codes = (await Promise.all(Array.from({ length: 7 }, ask))).map(answer => answer.errcode)
    expect(codes.filter(code => code === 45033)).toHaveLength(2)
    expect((await ask()).errcode).toBe(0)
  })
})
