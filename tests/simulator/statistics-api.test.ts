import { afterAll, beforeAll, expect, test } from 'vitest'
import { opengidOf } from '../../simulator/statistics-api.ts'
import { startTestWecom, TEST_APP, type TestWecom } from '../support/wecom.ts'

const DAY_SECONDS = 86_400
const midnight = (daysAgo: number) =>
  Math.floor((Date.now() / 1000 + 8 * 3600) / DAY_SECONDS) * DAY_SECONDS - 8 * 3600 - daysAgo * DAY_SECONDS

let wecom: TestWecom
let call: (api: string, body: object) => Promise<Record<string, unknown>>
beforeAll(async () => {
  const createdAt = (midnight(3) + 3600) * 1000
  wecom = await startTestWecom({
    staff: ['a1', 'a2'],
    customers: [{ name: '顾客', externalUserid: 'wmOne', follows: [{ userid: 'a1', createdAt }] }],
    groupChats: [{ chatId: 'wrOne', name: '群', owner: 'a1', customers: ['wmOne'], createdAt }],
  })
  const url = wecom.env['WECOM_API_URL']!
  const token = await fetch(`${url}/cgi-bin/gettoken?corpid=${TEST_APP.corpId}&corpsecret=${TEST_APP.secret}`)
  const { access_token } = (await token.json()) as { access_token: string }
  call = async (api, body) => {
    const answer = await fetch(`${url}/cgi-bin/externalcontact/${api}?access_token=${access_token}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    return (await answer.json()) as Record<string, unknown>
  }
})
afterAll(() => wecom.close())

test('days are counted up to yesterday, thirty at most, of the last 180', async () => {
  const ask = (userid: string[], from: number, to: number) =>
    call('get_user_behavior_data', { userid, start_time: midnight(from), end_time: midnight(to) })
  const { behavior_data } = await ask(['a1'], 4, 1)
  expect((behavior_data as { new_contact_cnt: number }[]).map(day => day.new_contact_cnt)).toEqual([0, 1, 0, 0])
  expect(((await ask(['a2'], 4, 1))['behavior_data'] as { new_contact_cnt: number }[])[1]!.new_contact_cnt).toBe(0)
  for (const [from, to] of [
    [4, 0],
    [181, 180],
    [31, 1],
    [1, 4],
  ] as const)
    // prettier-ignore
    expect([from, to, (await ask(['a1'], from, to))['errcode']]).toEqual([from, to, 40058])
  expect((await ask([], 4, 1))['errcode']).toBe(40031)
})

test('groups are counted by their owners', async () => {
  const { items } = await call('groupchat/statistic_group_by_day', {
    day_begin_time: midnight(4),
    day_end_time: midnight(3),
    owner_filter: { userid_list: ['a1'] },
  })
  const days = items as { data: Record<string, number> }[]
  expect(days.map(({ data }) => [data['new_chat_cnt'], data['chat_total'], data['member_total']])).toEqual([
    [0, 0, 0],
    [1, 1, 2],
  ])
})

test('a group is found by what the mini program calls it', async () => {
  expect(await call('opengid_to_chatid', { opengid: opengidOf('wrOne') })).toMatchObject({
    errcode: 0,
    chat_id: 'wrOne',
  })
  expect((await call('opengid_to_chatid', { opengid: opengidOf('wrOther') }))['errcode']).toBe(90509)
  expect((await call('opengid_to_chatid', { opengid: 'x' }))['errcode']).toBe(90511)
})
