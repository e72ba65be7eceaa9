import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { fillStep, planFills, type FillDependencies } from '../../server/features/community/service.ts'
import type { Community } from '../../server/features/community/schema.ts'
import { resolveOpengids } from '../../server/features/touches/service.ts'
import { sumAll } from '../../server/features/rollups/service.ts'
import { startCommunityWorker } from '../../server/workers/community.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { refusal, startWecomStub, type Asked, type StubAnswer, type WecomStub } from '../support/wecom-stub.ts'

const DAY_MS = 86_400_000
/** The mirror began on 1 June; this is three weeks later. */
const NOW = Date.parse('2026-06-22T12:00:00+08:00')
const BEGAN = Date.parse('2026-06-01T15:00:00+08:00')
const SINCE = '2025-01-01T00:00:00+08:00'
const midnight = (day: string) => Date.parse(`${day}T00:00:00+08:00`) / 1000

let stub: WecomStub
let service: TestService
let owner: Pool
let now = NOW
let dependencies: FillDependencies
/** What the stub answers instead; null: as it does. */
let instead: ((asked: Asked) => StubAnswer | null) | null = null

/** On day n of the year everybody of a store won n friends, lost 2, and has 3 groups with 100 + n people in them. */
const dayNumber = (seconds: number) => Math.round((seconds - midnight('2026-01-01')) / 86_400)
function answer({ api, body }: Asked): StubAnswer {
  const asked = body as Record<string, number> & { opengid?: string }
  const days = (from: number, to: number) => {
    if (to - from >= 30 * 86_400 || from * 1000 < now - 181 * DAY_MS || to * 1000 > now - DAY_MS) return null
    return Array.from({ length: (to - from) / 86_400 + 1 }, (_, i) => from + i * 86_400).reverse()
  }
  if (api === 'gettoken') return { errcode: 0, access_token: 't', expires_in: 7200 }
  if (api === 'externalcontact/get_user_behavior_data') {
    const all = days(asked['start_time']!, asked['end_time']!)
    if (!all) return refusal(40058)
    const data = all.map(day => ({ stat_time: day, new_contact_cnt: dayNumber(day), negative_feedback_cnt: 2 }))
    return { errcode: 0, behavior_data: data }
  }
  if (api === 'externalcontact/groupchat/statistic_group_by_day') {
    const all = days(asked['day_begin_time']!, asked['day_end_time']!)
    if (!all) return refusal(40058)
    const data = (day: number) => ({ chat_total: 3, member_total: 100 + dayNumber(day), new_member_cnt: 5 })
    return { errcode: 0, items: all.map(day => ({ stat_time: day, data: data(day) })) }
  }
  if (api === 'externalcontact/opengid_to_chatid') {
    if (asked.opengid === 'oKnown') return { errcode: 0, chat_id: 'wrKnown' }
    return refusal({ oBad: 90511, oWechat: 90509, oInternal: 90501 }[asked.opengid!] ?? 48002)
  }
  return refusal(48002)
}

beforeAll(async () => {
  stub = await startWecomStub(asked => instead?.(asked) ?? answer(asked))
  service = await startTestService({
    env: { WECOM_CORP_ID: 'ww1', WECOM_AGENT_ID: '1', WECOM_SECRET: 's', WECOM_API_URL: stub.url },
    now: () => now,
    worker: false,
  })
  owner = openPool(service.databaseUrl, { max: 2, asOwner: true })
  const wecom = service.app.wecom!
  dependencies = { pool: service.pool, wecom, brandId: 1, zone: 'Asia/Shanghai', now: () => now }
  await service.ingest(
    'stores',
    ['S1', 'S2', 'S3'].map(storeCode => ({ storeCode, name: storeCode, type: 'direct' })),
  )
  await service.ingest('associates', [
    { associateId: 'a1', name: 'a1', storeCode: 'S1', activeFrom: SINCE },
    { associateId: 'a2', name: 'a2', storeCode: 'S1', activeFrom: SINCE },
    { associateId: 'b1', name: 'b1', storeCode: 'S2', activeFrom: SINCE },
    { associateId: 'c1', name: 'c1', storeCode: 'S3', activeFrom: SINCE },
  ])
  // Of friendships before the mirror began, it only found those that were still there.
  await service.ingest('friend-events', [
    { associateId: 'a1', externalUserid: 'wm1', kind: 'added', at: '2026-05-20T12:00:00+08:00' },
    { associateId: 'a1', externalUserid: 'wm2', kind: 'added', at: '2026-06-10T12:00:00+08:00' },
  ])
  for (const userid of ['a1', 'a2', 'b1'])
    await owner`
      INSERT INTO wecom_staff (brand_id, userid, name, department_ids, may_follow, seen_at)
      VALUES (1, ${userid}, ${userid}, '[]', true, now())`
})
afterAll(async () => {
  await owner.end()
  await service.close()
  await stub.close()
})

const tellOne = (touchId: string, opengid: string) =>
  service.ingest('touches', [
    { touchId, linkCode: 'L', at: '2026-06-20T12:00:00+08:00', kind: 'click', visitorId: 'v', opengid },
  ])

const fills = () =>
  owner<{ storeCode: string; nextDay: string; isDone: boolean; errcode: number | null }[]>`
    SELECT store_code AS "storeCode", next_day AS "nextDay", finished_at IS NOT NULL AS "isDone", errcode
    FROM community_fills ORDER BY 1`
const calls = () => stub.asked.filter(one => one.api !== 'gettoken')

describe('WeCom’s statistics', () => {
  test('wait for the mirror', async () => {
    await planFills(dependencies)
    expect(await fillStep(dependencies)).toBe(false)
    await owner`
      INSERT INTO wecom_syncs (brand_id, sync_id, kind, status, stage, position, counts, repairs, faults, started_at,
        stage_started_at, leased_until)
      VALUES (1, gen_random_uuid(), 'first', 'done', 'evidence', '{}', '{}', '{}', '[]', ${new Date(BEGAN).toISOString()}::text::timestamptz, now(), now())`
    await planFills(dependencies)
    expect(await fills()).toEqual([
      { storeCode: 'S1', nextDay: '2025-12-24', isDone: false, errcode: null },
      { storeCode: 'S2', nextDay: '2025-12-24', isDone: false, errcode: null },
    ])
  })

  test('are read a month and a store at a time; a refusal is waited out, and what was read is not read again', async () => {
    expect(await fillStep(dependencies)).toBe(true)
    expect(calls().map(one => one.body)).toEqual([
      { userid: ['a1', 'a2'], start_time: midnight('2025-12-24'), end_time: midnight('2026-01-22') },
      {
        day_begin_time: midnight('2025-12-24'),
        day_end_time: midnight('2026-01-22'),
        owner_filter: { userid_list: ['a1', 'a2'] },
      },
    ])
    instead = asked => (asked.api === 'gettoken' ? null : refusal(48002))
    for (let i = 0; i < 10 && (await fillStep(dependencies)); i++);
    expect(await fills()).toEqual([
      { storeCode: 'S1', nextDay: '2026-01-23', isDone: false, errcode: 48002 },
      { storeCode: 'S2', nextDay: '2025-12-24', isDone: false, errcode: 48002 },
    ])
    instead = null
    expect(await fillStep(dependencies)).toBe(false)
    now += 6 * 3_600_000
    await planFills(dependencies)
    for (let i = 0; i < 30 && (await fillStep(dependencies)); i++);
    expect((await fills()).map(fill => [fill.storeCode, fill.nextDay, fill.isDone])).toEqual([
      ['S1', '2026-06-01', true],
      ['S2', '2026-06-01', true],
    ])
    const [{ days, last } = { days: 0, last: '' }] = await owner<{ days: number; last: string }[]>`
      SELECT count(*)::int AS days, max(day) AS last FROM community_statistics WHERE store_code = 'S1'`
    expect([days, last]).toEqual([(Date.parse('2026-06-01') - Date.parse('2025-12-24')) / DAY_MS, '2026-05-31'])
  })

  test('stand for what was not seen before the mirror began, and for whole days alone', async () => {
    const read = (from: string, to: string) =>
      service.get<Community>(`/community/stores/S1?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`)
    const may = await read('2026-05-20', '2026-06-11')
    const told = Array.from({ length: 12 }, (_, i) => dayNumber(midnight('2026-05-20') + i * 86_400))
    expect(may.friendsAdded).toBe(told.reduce((sum, day) => sum + day, 0) + 1)
    expect(may.friendsLost).toBe(2 * 12)
    // One more in them each day, and five came: four left.
    expect([may.groupJoined, may.groupLeft]).toEqual([5 * 12, 4 * 12])
    expect(may.days[0]).toMatchObject({
      day: '2026-05-20',
      friendsAdded: told[0],
      groups: 3,
      groupMembers: 100 + told[0]!,
    })
    expect(may.days[12]).toMatchObject({ day: '2026-06-01', friendsAdded: 0, groups: null })
    const half = await read('2026-05-20T06:00:00+08:00', '2026-05-22')
    expect(half.days.map(day => day.friendsAdded)).toEqual([1, told[1]])
    const list = await service.get<{ items: Community[] }>('/community/stores?from=2026-05-20&to=2026-06-11')
    expect(list.items.map(item => item.friendsAdded)).toEqual([may.friendsAdded, may.friendsAdded - 1, 0])
  })
})

describe('a touch from a group', () => {
  const tell = async (touchId: string, more: object) => {
    const at = '2026-06-20T12:00:00+08:00'
    const [result] = await service.ingest('touches', [
      { touchId, linkCode: 'L', at, kind: 'click', visitorId: 'v', ...more },
    ])
    return result!
  }
  const resolve = () => resolveOpengids(service.pool, dependencies)
  const chats = async () =>
    Object.fromEntries(
      (
        await owner<{ touchId: string; chatId: string | null }[]>`
          SELECT t.touch_id AS "touchId", COALESCE(t.chat_id, g.chat_id) AS "chatId" FROM touches AS t
          LEFT JOIN group_opengids AS g ON g.brand_id = 1 AND g.opengid = t.opengid`
      ).map(row => [row.touchId, row.chatId]),
    )

  test('keeps its chat, which is asked for once and after the answer', async () => {
    const before = stub.asked.length
    expect(await tell('t1', { opengid: 'oKnown' })).toMatchObject({ status: 'created' })
    await tell('t2', { opengid: 'oKnown' })
    await tell('t3', { opengid: 'oTold', chatId: 'wrTold' })
    expect(stub.asked.length).toBe(before)
    expect(await resolve()).toBe(1)
    expect(await tell('t4', { opengid: 'oKnown' })).toMatchObject({ status: 'created' })
    expect(await resolve()).toBe(0)
    expect(await chats()).toEqual({ t1: 'wrKnown', t2: 'wrKnown', t3: 'wrTold', t4: 'wrKnown' })
  })

  test('is the same told again, and another with another group', async () => {
    expect(await tell('t1', { opengid: 'oKnown' })).toMatchObject({ status: 'unchanged' })
    expect(await tell('t1', { opengid: 'oOther' })).toMatchObject({ status: 'rejected', error: { code: 'conflict' } })
    expect(await tell('t1', {})).toMatchObject({ status: 'rejected', error: { code: 'conflict' } })
    expect(await tell('t9', { opengid: '' })).toMatchObject({ status: 'rejected', error: { field: 'opengid' } })
  })

  test.each(['oBad', 'oWechat', 'oInternal'])('whose group is none of ours (%s) is remembered so', async opengid => {
    await tell(`t-${opengid}`, { opengid })
    expect(await resolve()).toBe(1)
    await tell(`t-${opengid}-2`, { opengid })
    now += DAY_MS
    expect(await resolve()).toBe(0)
    expect((await chats())[`t-${opengid}`]).toBeNull()
  })

  test('waits where WeCom refuses for another reason, longer each time', async () => {
    await tell('t-later', { opengid: 'oForbidden' })
    expect(await resolve()).toBe(1)
    expect(await resolve()).toBe(0)
    now += 61_000
    expect(await resolve()).toBe(1)
    now += 61_000
    expect(await resolve()).toBe(0)
    now += 61_000
    instead = asked => (asked.api === 'gettoken' ? null : { errcode: 0, chat_id: 'wrLater' })
    expect(await resolve()).toBe(1)
    expect((await chats())['t-later']).toBe('wrLater')
    instead = null
  })
})

test('the worker does all of it by itself, and stops when told to', async () => {
  await tellOne('t-worker', 'oWorker')
  instead = asked => (asked.api.endsWith('opengid_to_chatid') ? { errcode: 0, chat_id: 'wrWorker' } : null)
  const errors: unknown[] = []
  const start = () =>
    startCommunityWorker({
      pool: service.pool,
      wecomOf: brandId => service.app.brands.find(brandId)?.wecom ?? null,
      now: () => now,
      onError: error => errors.push(error),
    })
  const count = async () => (await owner`SELECT FROM community_days WHERE store_code = 'S1'`).length
  const chat = async () => (await owner<{ chatId: string }[]>`
    SELECT chat_id AS "chatId" FROM group_opengids WHERE opengid = 'oWorker'`)[0]?.chatId // prettier-ignore
  // A brand whose figures were never summed has that done first.
  const early = start()
  await expect.poll(chat, { timeout: 20_000 }).toBe('wrWorker')
  await early.stop()
  expect(await count()).toBe(0)
  await sumAll(service.pool, { brandId: 1, zone: 'Asia/Shanghai', now })
  const worker = start()
  await expect.poll(count, { timeout: 20_000 }).toBeGreaterThan(3)
  await worker.stop()
  expect(errors).toEqual([])
})
