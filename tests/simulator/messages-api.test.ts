import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startTestWecom, TEST_APP, type TestWecom } from '../support/wecom.ts'

// Far from the end of a period of WeCom's tokens, so that one holds for all of it.
let clock = Date.UTC(2026, 10, 20, 4)
let wecom: TestWecom
let send: (body: object) => Promise<Record<string, unknown>>
beforeAll(async () => {
  wecom = await startTestWecom({ staff: ['a1', 'A2', 'a3'], now: () => clock })
  const url = wecom.env['WECOM_API_URL']!
  const asked = await fetch(`${url}/cgi-bin/gettoken?corpid=${TEST_APP.corpId}&corpsecret=${TEST_APP.secret}`)
  const { access_token } = (await asked.json()) as { access_token: string }
  send = async body => {
    const answer = await fetch(`${url}/cgi-bin/message/send?access_token=${access_token}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    return (await answer.json()) as Record<string, unknown>
  }
})
afterAll(() => wecom.close())
beforeEach(() => {
  clock += 1000
  wecom.world.appMessages.arrived.length = 0
})

const textcard = { title: '标题', description: '<div class="gray">一</div>', url: 'https://daogou.example/#/tasks' }
const body = (more: object = {}, card: object = {}) => ({
  touser: 'a1',
  msgtype: 'textcard',
  agentid: Number(TEST_APP.agentId),
  textcard: { ...textcard, ...card },
  ...more,
})
const arrived = () => wecom.world.appMessages.arrived.map(({ userid }) => userid)

test('a card arrives, with WeCom’s own word on its button', async () => {
  expect(await send(body())).toMatchObject({ errcode: 0 })
  expect(wecom.world.appMessages.of('a1')).toEqual([
    { ...textcard, userid: 'a1', agentId: TEST_APP.agentId, at: clock, btntxt: '详情' },
  ])
})

test('what the real one refuses is refused', async () => {
  const refused = async (more: object, card: object = {}) => (await send(body(more, card)))['errcode']
  expect(await refused({ touser: '' })).toBe(82001)
  expect(await refused({ agentid: 1000003 })).toBe(301002)
  expect(await refused({ agentid: undefined })).toBe(40056)
  expect(await refused({ msgtype: 'poem' })).toBe(40008)
  expect(await refused({}, { title: '' })).toBe(40058)
  expect(await refused({}, { title: '很'.repeat(43) })).toBe(45002)
  expect(await refused({}, { description: '很'.repeat(171) })).toBe(45002)
  expect(await refused({}, { btntxt: '五个字太长' })).toBe(45002)
  expect(await refused({}, { url: '/sidebar/' })).toBe(40094)
  expect(await refused({ touser: Array.from({ length: 1001 }, (_, i) => `u${i}`).join('|') })).toBe(40031)
  expect(await refused({ touser: 'nobody' })).toBe(81013)
  expect(arrived()).toEqual([])
})

test('who cannot get it is named in small letters, the others do', async () => {
  wecom.world.appMessages.outOfSight.add('A2')
  expect(await send(body({ touser: 'a1|A2|a3' }))).toMatchObject({ errcode: 0, invaliduser: 'a2' })
  expect(arrived()).toEqual(['a1', 'a3'])
})

test('the same again is dropped within the interval, and what is too much for anybody', async () => {
  const once = body({ enable_duplicate_check: 1 }, { title: '一次' })
  await send(once)
  expect(await send(once)).toMatchObject({ errcode: 0 })
  expect(arrived()).toEqual(['a1'])
  clock += 1_800_000
  await send(once)
  expect(arrived()).toEqual(['a1', 'a1'])
  for (let i = 0; i < 40; i++) expect(await send(body({ touser: 'a3' }))).toMatchObject({ errcode: 0 })
  expect(arrived().filter(userid => userid === 'a3')).toHaveLength(30)
})
