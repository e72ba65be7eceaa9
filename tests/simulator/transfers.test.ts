import { afterEach, describe, expect, it } from 'vitest'
import { buildWecomApi } from '../../simulator/wecom-api.ts'
import { createWorld, type CallbackFields } from '../../simulator/world.ts'
import { smallCorp } from './world.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
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
  const own = async (path: string, body: object) => {
    const url = `/cgi-bin/externalcontact/${path}?access_token=${world.issueToken('1000002').token}`
    return (await app.inject({ method: 'POST', url, payload: JSON.stringify(body) })).json<Answer>()
  }
  const pair = { handover_userid: 'demo-a02', takeover_userid: 'demo-a01' }
  const ask = async (external_userid: string[], over: object = {}, path = 'transfer_customer') =>
    await own(path, { ...pair, external_userid, ...over })
  const statuses = async (over: object = {}, path = 'transfer_result') =>
    (
      (await own(path, { ...pair, ...over }))['customer'] as {
        external_userid: string
        status: number
        takeover_time: number
      }[]
    ).map(one => [one.external_userid, one.status, one.takeover_time])
  const told = () => events.splice(0).map(({ ChangeType, UserID, Source, FailReason }) => [ChangeType, UserID, Source ?? FailReason].filter(Boolean).join(' ')) // prettier-ignore
  const followers = (id: string) => world.customerOf(id).follows.map(follow => follow.userid)
  return { world, own, ask, statuses, told, followers }
}

describe('a customer', () => {
  it('is given to a colleague after 24 hours, with the events of it', async () => {
    const { ask, statuses, told, followers } = build()
    const answer = await ask(['wmDemoStranger', 'wmNobody'], { transfer_success_msg: '你好' })
    expect(answer['customer']).toEqual([
      { external_userid: 'wmDemoStranger', errcode: 0 },
      { external_userid: 'wmNobody', errcode: 40096 },
    ])
    const takeover = Math.floor((nowMs + DAY_MS) / 1000)
    nowMs += DAY_MS - 1000
    expect(await statuses()).toEqual([['wmDemoStranger', 2, takeover]])
    expect((await ask(['wmDemoStranger']))['customer']).toMatchObject([{ errcode: 40129 }])
    nowMs += 1000
    expect(await statuses()).toEqual([['wmDemoStranger', 1, takeover]])
    expect(followers('wmDemoStranger')).toEqual(['demo-a01'])
    expect(told()).toEqual(['del_external_contact demo-a02 DELETE_BY_TRANSFER', 'add_external_contact demo-a01'])
  })

  it('who is the taker’s already, or was once, is told of no new friend', async () => {
    const { ask, told, followers, statuses } = build()
    const back = { handover_userid: 'demo-a03', takeover_userid: 'demo-a02' }
    await ask(['wmDemoGold'], { takeover_userid: 'demo-a03' })
    nowMs += DAY_MS
    await statuses()
    expect([followers('wmDemoGold'), told()]).toEqual([['demo-a03'], ['del_external_contact demo-a02 DELETE_BY_TRANSFER']]) // prettier-ignore
    await ask(['wmDemoGold'], back)
    nowMs += DAY_MS
    await statuses()
    expect([followers('wmDemoGold'), told()]).toEqual([['demo-a02'], ['del_external_contact demo-a03 DELETE_BY_TRANSFER']]) // prettier-ignore
    expect((await ask(['wmDemoGold']))['customer']).toMatchObject([{ errcode: 40128 }])
    nowMs += 90 * DAY_MS
    expect((await ask(['wmDemoGold']))['customer']).toMatchObject([{ errcode: 0 }])
  })

  it('may refuse, and nobody has more than his limit', async () => {
    const { world, ask, statuses, told, followers } = build()
    await ask(['wmDemoGold', 'wmDemoStranger'])
    world.transfers.refuse('wmDemoGold')
    world.transfers.capacities.set('demo-a01', 0)
    nowMs += DAY_MS
    expect(await statuses()).toEqual([
      ['wmDemoGold', 3, 0],
      ['wmDemoStranger', 4, 0],
    ])
    expect(told()).toEqual(['transfer_fail demo-a01 customer_refused', 'transfer_fail demo-a01 customer_limit_exceed'])
    expect(followers('wmDemoStranger')).toEqual(['demo-a02'])
  })

  it('of somebody who left waits for a taker', async () => {
    const { world, own, ask, statuses, followers } = build()
    const resigned = 'resigned/transfer_customer'
    expect((await ask(['wmDemoGold'], {}, resigned)).errcode).toBe(40097)
    world.transfers.resign('demo-a02')
    expect((await ask(['wmDemoGold'])).errcode).toBe(40003)
    const list = await own('get_unassigned_list', { cursor: '', page_size: 1000 })
    expect(list).toMatchObject({ is_last: true, next_cursor: '' })
    expect((list['info'] as object[]).length).toBe(2)
    expect((await ask(['wmDemoGold'], { transfer_success_msg: 'x' }, resigned)).errcode).toBe(40058)
    expect((await ask(['wmDemoGold'], {}, resigned)).errcode).toBe(0)
    nowMs += DAY_MS
    expect((await statuses({}, 'resigned/transfer_result'))[0]!.slice(0, 2)).toEqual(['wmDemoGold', 1])
    expect(followers('wmDemoGold')).toEqual(['demo-a03', 'demo-a01'])
  })

  it.each([
    ['of more than a hundred', { external_userid: Array.from({ length: 101 }, (_, i) => `wm${i}`) }, 40058],
    ['with too long a message', { transfer_success_msg: 'x'.repeat(201) }, 40058],
    ['to nobody', { takeover_userid: 'nobody' }, 40003],
  ])('%s is refused as a whole', async (_, over, errcode) => {
    expect((await build().ask(['wmDemoGold'], over)).errcode).toBe(errcode)
  })

  it('who is no follower’s, or goes to himself, is refused alone', async () => {
    const { ask } = build()
    expect((await ask(['wmDemoStranger'], { handover_userid: 'demo-a03' }))['customer']).toMatchObject([{ errcode: 40131 }]) // prettier-ignore
    expect((await ask(['wmDemoStranger'], { takeover_userid: 'demo-a02' }))['customer']).toMatchObject([{ errcode: 40130 }]) // prettier-ignore
  })
})

it('a group changes hands at once, by the call that is for its owner', async () => {
  const { world, own } = build()
  const give = (path: string, new_owner: string, ids = ['wrDemoGroup']) =>
    own(`groupchat/${path}`, { chat_id_list: ids, new_owner })
  const failed = (errcode: number) => ({ failed_chat_list: [{ chat_id: 'wrDemoGroup', errcode }] })
  expect(await give('transfer', 'demo-a01')).toMatchObject(failed(90500))
  expect(await give('onjob_transfer', 'demo-a02')).toMatchObject(failed(90504))
  expect(await give('onjob_transfer', 'demo-a01', ['wrDemoGroup', 'wrNone'])).toMatchObject({
    errcode: 0,
    failed_chat_list: [{ chat_id: 'wrNone', errcode: 86001 }],
  })
  const group = world.groupChats.get('wrDemoGroup')!
  expect([group.owner, group.members.some(member => member.id === 'demo-a01')]).toEqual(['demo-a01', true])
  world.transfers.resign('demo-a01')
  expect(await give('onjob_transfer', 'demo-a02')).toMatchObject(failed(90502))
  expect(await give('transfer', 'demo-a02')).toMatchObject({ failed_chat_list: [] })
})
