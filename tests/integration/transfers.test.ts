import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { channelHandlers } from '../../server/features/channel-codes/service.ts'
import { mirrorHandlers } from '../../server/features/mirror/handlers.ts'
import type { MirrorDependencies } from '../../server/features/mirror/service.ts'
import { planSync, syncStep } from '../../server/features/mirror/sync.ts'
import type { Transfer, UndoneTransfer } from '../../server/features/transfers/schema.ts'
import { transferHandlers, transferStep } from '../../server/features/transfers/service.ts'
import { takeMessages, WecomError, type WecomCall } from '../../server/features/wecom/service.ts'
import { createVault } from '../../server/lib/vault.ts'
import { startTransferWorker } from '../../server/workers/transfers.ts'
import { toXml } from '../../simulator/callbacks.ts'
import type { CallbackFields, World } from '../../simulator/world.ts'
import { associateItem, storeItem } from '../builders/items.ts'
import { askerOf } from '../support/askers.ts'
import { all, startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import { sealed, startTestWecom, type TestWecom } from '../support/wecom.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** One giver, with customers of his own, and one taker for each test. */
const PAIRS = {
  way: 103,
  refused: 4,
  full: 2,
  lost: 3,
  late: 2,
  died: 2,
  twice: 2,
  left: 4,
  groups: 1,
  bad: 2,
  boss: 1,
  bound: 1,
}
type Pair = keyof typeof PAIRS
const customerOf = (pair: Pair, i: number) => `wm-${pair}-${String(i).padStart(3, '0')}`
const customersOf = (pair: Pair) => Array.from({ length: PAIRS[pair] }, (_, i) => customerOf(pair, i))
const giver = (pair: Pair) => `from-${pair}`
const taker = (pair: Pair) => `to-${pair}`

let wecom: TestWecom
let world: World
let service: TestService
let owner: Pool
let dependencies: MirrorDependencies
/** How far the clock of the service and of WeCom is ahead; it never goes back. */
let aheadMs = 0
const now = () => Date.now() + aheadMs
const events: CallbackFields[] = []

beforeAll(async () => {
  const pairs = Object.keys(PAIRS) as Pair[]
  const people = [...pairs.flatMap(pair => [giver(pair), taker(pair)]), 'boss1', 'boss2', 'hq', 'other', 'unable']
  wecom = await startTestWecom({
    now,
    staff: people,
    customers: pairs.flatMap(pair =>
      customersOf(pair).map(externalUserid => ({
        name: externalUserid,
        externalUserid,
        follows: [{ userid: giver(pair) }],
      })),
    ),
    groupChats: [
      ...['wr1', 'wr2', 'wr3'].map(chatId => ({ chatId, name: chatId, owner: giver('groups'), customers: [] })),
      { chatId: 'wr4', name: 'wr4', owner: giver('left'), customers: [] },
    ],
  })
  world = wecom.world
  world.subscribe(event => void (event.kind === 'callback' && events.push(event.fields)))
  service = await startTestService({ env: wecom.env, now })
  owner = openPool(service.databaseUrl, { max: 2, asOwner: true })
  const { pool, settings } = service
  dependencies = {
    pool,
    vault: createVault(settings.dataKey),
    publicUrl: settings.publicUrl,
    wecom: service.app.wecom!,
    brandId: 1,
    now,
  }
  await service.ingest('stores', [storeItem(), storeItem({ storeCode: 'S2' })])
  await service.ingest('associates', [
    ...people
      .filter(userid => !['hq', 'boss2', 'other'].includes(userid))
      .map(associateId => associateItem({ associateId, role: associateId === 'boss1' ? 'manager' : 'associate' })),
    associateItem({ associateId: 'boss2', storeCode: 'S2', role: 'manager' }),
    associateItem({ associateId: 'other', storeCode: 'S2' }),
    associateItem({ associateId: 'gone', activeTo: '2024-01-01T00:00:00+08:00' }),
    associateItem({ associateId: 'hq', kind: 'office', storeCode: null, role: 'headquarters' }),
  ])
  await walk()
  await service.pool`UPDATE wecom_staff SET may_follow = false WHERE brand_id = 1 AND userid = 'unable'`
})
afterAll(async () => {
  await owner.end()
  await service.close()
  await wecom.close()
})
beforeEach(() => {
  events.length = 0
})

const walk = async () => {
  await owner`UPDATE wecom_syncs SET started_at = started_at - interval '2 days'`
  await planSync(service.pool, { brandId: 1, now: now() })
  const leaseId = randomUUID()
  while ((await syncStep(dependencies, { leaseId })) === 'worked');
}
/** Does all that is due. */
const carryOn = async (by: Partial<MirrorDependencies> = {}) => {
  while (await transferStep({ ...dependencies, ...by }));
}
const later = async (ms: number, by: Partial<MirrorDependencies> = {}) => {
  aheadMs += ms
  await carryOn(by)
}
/** What happened in WeCom is called back and dealt with. */
const callBack = async () => {
  world.transfers.settle()
  for (const fields of events.splice(0)) {
    const { url, body } = sealed(toXml(fields))
    const headers = { 'content-type': 'text/xml' }
    expect((await service.app.inject({ method: 'POST', url, headers, payload: body })).statusCode).toBe(200)
  }
  const below = channelHandlers(dependencies, mirrorHandlers(dependencies))
  const work = { ...dependencies, handlers: transferHandlers(dependencies, below) }
  for (let taken; (taken = await takeMessages(work, 10)).length > 0;) await Promise.all(taken.map(one => one.done))
}
/** A WeCom whose answers a test may change or lose on their way. */
const through = (change: (api: string, answer: Record<string, unknown>) => Record<string, unknown>) => ({
  wecom: {
    ...dependencies.wecom,
    call: async (api: string, call?: WecomCall) => change(api, await dependencies.wecom.call(api, call)),
  },
})
/** The answers of some calls get lost, so many times. */
const losing = (wanted: string, times = 1) => {
  let left = times
  return through((api, answer) => {
    if (!api.endsWith(wanted) || left-- <= 0) return answer
    throw new WecomError(api, { outcome: 'unknown', why: 'test' })
  })
}

const transfer = (pair: Pair, body: object = {}) =>
  service.post('/transfers', {
    fromAssociate: giver(pair),
    toAssociate: taker(pair),
    reason: '调店',
    allCustomers: true,
    ...body,
  })
const made = async (pair: Pair, body: object = {}) => {
  const { status, body: answer } = await transfer(pair, body)
  expect([status, answer]).toEqual([201, expect.anything()])
  return answer as unknown as Transfer
}
const read = (id: string) => service.get<Transfer>(`/transfers/${id}`)
/** What is not 0. */
const counted = (counts: Record<string, number>) =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
const customersNow = async (id: string) => counted((await read(id)).customers)
const groupsNow = async (id: string) => counted((await read(id)).groups)
interface Item {
  externalUserid: string
  chatId: string
  state: string
  errcode: number | null
  advice: { zh: string; en: string } | null
  takeoverAt: string | null
  memberNo: string | null
  returned: boolean | null
}
const items = (id: string, what = 'customers', state?: string) =>
  all<Item>(service, `/transfers/${id}/${what}${state ? `?state=${state}` : ''}`)
const holders = async () =>
  new Map(
    (
      await service.pool<{ memberNo: string; associateId: string | null; reason: string | null }[]>`
        SELECT DISTINCT ON (member_no) member_no AS "memberNo", attributed_associate AS "associateId", reason
        FROM member_assignments WHERE brand_id = 1 ORDER BY member_no, from_at DESC`
    ).map(row => [row.memberNo, `${row.associateId} ${row.reason}`]),
  )
const askedFor = (pair: Pair) => customersOf(pair).map(id => world.transfers.askedFor.get(id) ?? 0)
const ownerOf = async (chatId: string) =>
  (await service.pool<{ owner: string }[]>`SELECT owner FROM wecom_groups WHERE brand_id = 1 AND chat_id = ${chatId}`)[0]!.owner // prettier-ignore

describe('a transfer', () => {
  test('of somebody who works here goes its whole way: asked, taken over, assigned, undone', async () => {
    const [one, two, three] = [0, 1, 2].map(i => customerOf('way', i)) as [string, string, string]
    const LINKED = '2025-01-01T00:00:00+08:00'
    await service.ingest(
      'identities',
      [one, two, three].map((value, i) => ({ kind: 'external_userid', value, memberNo: `m${i}`, at: LINKED })),
    )
    await service.ingest('member-assignments', [
      { memberNo: 'm0', from: LINKED, attributedAssociate: giver('way') },
      { memberNo: 'm2', from: LINKED, attributedAssociate: 'other' },
    ])
    const body = { message: '以后由我的同事为您服务' }
    const { transferId, ...rest } = await made('way', body)
    expect(rest).toMatchObject({ kind: 'on_job', madeBy: 'key:bootstrap', message: body.message, endedAt: null })
    expect(counted(rest.customers)).toEqual({ waiting: 103 })
    // The same, asked again while it is under way, is this one; what is under way is not asked for twice.
    expect(await transfer('way', body)).toMatchObject({ status: 200, body: { transferId } })
    expect(await transfer('way', { customers: [one], allCustomers: false })).toMatchObject({
      status: 409,
      body: { code: 'transfer.under_way', errors: [{ path: 'customers[0]' }] },
    })
    expect(await transfer('way', { reason: 'another' })).toMatchObject({ status: 409, body: { code: 'conflict' } })

    await carryOn()
    expect(await customersNow(transferId)).toEqual({ asked: 103 })
    expect(new Set(askedFor('way'))).toEqual(new Set([1]))
    expect(world.transfers.records.at(-1)).toMatchObject({ to: taker('way'), message: body.message })
    expect((await items(transferId, 'customers', 'asked'))[0]).toMatchObject({ externalUserid: one, takeoverAt: null })
    await later(11 * MINUTE_MS)
    const [first] = await items(transferId)
    expect(Date.parse(first!.takeoverAt!) - now()).toBeGreaterThan(23 * HOUR_MS)
    await later(23 * HOUR_MS)
    expect(await customersNow(transferId)).toEqual({ asked: 103 })
    await later(HOUR_MS)
    expect(await customersNow(transferId)).toEqual({ done: 103 })
    expect((await read(transferId)).endedAt).not.toBeNull()

    // Who was the giver's, or nobody's, is the taker's, with the reason.
    expect([...(await holders())]).toEqual([
      ['m0', `${taker('way')} 调店`],
      ['m1', `${taker('way')} 调店`],
      ['m2', 'other null'],
    ])
    expect((await items(transferId)).map(item => item.memberNo).slice(0, 4)).toEqual(['m0', 'm1', null, null])
    // Nobody was lost: neither by what WeCom says, nor by what it calls back, nor by what a walk finds.
    events.splice(6)
    await callBack()
    await walk()
    const ends = await service.pool<{ endedBy: string | null; count: number }[]>`
      SELECT ended_by AS "endedBy", count(*)::int AS count FROM friend_events
      WHERE brand_id = 1 AND associate_id = ${giver('way')} AND kind = 'ended' GROUP BY 1`
    expect([...ends]).toEqual([{ endedBy: 'transfer', count: 103 }])
    const friends = await service.pool<{ userid: string; count: number }[]>`
      SELECT userid, count(*)::int AS count FROM wecom_friends
      WHERE brand_id = 1 AND external_userid LIKE 'wm-way-%' AND ended_at IS NULL GROUP BY 1`
    expect([...friends]).toEqual([{ userid: taker('way'), count: 103 }])
    const added = await service.pool`
      SELECT FROM friend_events WHERE brand_id = 1 AND associate_id = ${taker('way')} AND kind = 'added'`
    expect(added.count).toBe(103)

    await service.ingest('member-assignments', [
      { memberNo: 'm1', from: new Date(now()).toISOString(), attributedAssociate: 'other' },
    ])
    aheadMs += 1000
    const undo = async () =>
      (await service.post(`/transfers/${transferId}/undo`, { reason: '弄错了' })).body as unknown as UndoneTransfer
    const undone = await undo()
    expect(undone).toMatchObject({ returnedCount: 1, left: [{ memberNo: 'm1', associateId: 'other' }] })
    expect(await undo()).toEqual(undone)
    expect((await holders()).get('m0')).toBe(`${giver('way')} 弄错了`)
    expect((await items(transferId)).map(item => item.returned).slice(0, 3)).toEqual([true, false, null])
    const activity = await all<{ action: string }>(service, `/activity?subject=transfers/${transferId}`)
    expect(activity.map(row => row.action).sort()).toEqual(['transfer.made', 'transfer.undone'])
  })

  test('of somebody who left, with his groups', async () => {
    world.transfers.resign(giver('left'))
    const [one, ...others] = customersOf('left')
    await service.ingest('identities', [
      { kind: 'external_userid', value: one, memberNo: 'nobodys', at: '2025-01-01T00:00:00+08:00' },
    ])
    await service.ingest('member-assignments', [
      { memberNo: 'nobodys', from: '2025-01-01T00:00:00+08:00', attributedAssociate: null },
    ])
    const body = { customers: customersOf('left'), allCustomers: undefined, allGroups: true }
    await walk()
    // WeCom shows him no more, and nobody told that he left: that may be the app's visible range.
    expect(await transfer('left', body)).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'fromAssociate', code: 'out_of_sight' }] },
    })
    await service.ingest('associates', [{ associateId: giver('left'), activeTo: new Date(now() - 1000).toISOString() }])
    expect(await transfer('left', { ...body, message: '再见' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'message', code: 'not_allowed' }] },
    })
    const waiting = { associateId: giver('left'), name: 'Associate', storeCode: 'S1', customerCount: 4 }
    const unassigned = () => service.get('/transfers/unassigned')
    expect(await unassigned()).toMatchObject({ items: [waiting], isComplete: true })
    const { transferId, kind } = await made('left', body)
    expect(kind).toBe('resigned')
    await carryOn()
    expect([await customersNow(transferId), await groupsNow(transferId)]).toEqual([{ asked: 4 }, { done: 1 }])
    expect(await ownerOf('wr4')).toBe(taker('left'))
    world.transfers.refuse(others[0]!)
    await later(DAY_MS + MINUTE_MS)
    expect(await customersNow(transferId)).toEqual({ done: 3, refused: 1 })
    expect(await unassigned()).toMatchObject({ items: [{ customerCount: 1 }] })
    expect((await holders()).get('nobodys')).toBe(`${taker('left')} 调店`)
    aheadMs += 1000
    await service.post(`/transfers/${transferId}/undo`, { reason: '弄错了' })
    expect((await holders()).get('nobodys')).toBe('null 弄错了')
  })

  test('says who refused, by event at once and without one a little later', async () => {
    const [one, two, three, four] = customersOf('refused') as [string, string, string, string]
    const { transferId } = await made('refused')
    const errors: unknown[] = []
    const worker = startTransferWorker({ ...dependencies, onError: error => errors.push(error) })
    for (let i = 0; i < 200 && (await customersNow(transferId))['asked'] !== 4; i++) {
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    await worker.stop()
    expect(errors).toEqual([])
    world.transfers.refuse(one)
    await callBack()
    expect(await customersNow(transferId)).toEqual({ asked: 3, refused: 1 })
    world.transfers.refuse(two)
    events.length = 0
    await later(11 * MINUTE_MS)
    expect(await customersNow(transferId)).toEqual({ asked: 2, refused: 2 })
    expect((await items(transferId, 'customers', 'refused'))[0]).toMatchObject({
      externalUserid: one,
      advice: { zh: expect.stringContaining('拒绝') as string },
    })
    const activity = await all<{ action: string }>(service, `/activity?subject=customers/${one}`)
    expect(activity.map(row => row.action)).toEqual(['wecom.transfer_failed'])

    // An end that WeCom calls back is looked at soon, though it does not say that it is by the transfer.
    aheadMs += DAY_MS - 11 * MINUTE_MS + 1000
    world.transfers.settle()
    events.splice(0).forEach(({ Source: _, ...fields }) => events.push(fields))
    events.splice(0).forEach(fields => events.push({ ...fields, WelcomeCode: 'CODE' }))
    world.befriend(taker('refused'), customerOf('bad', 0))
    await callBack()
    await later(10_000)
    expect(await customersNow(transferId)).toEqual({ done: 2, refused: 2 })
    // They know us: whoever came by himself alone is welcomed.
    const welcomes = await service.pool`SELECT external_userid AS id FROM channel_welcomes WHERE brand_id = 1`
    expect(welcomes.map(row => row['id'] as string)).toEqual([customerOf('bad', 0)])
    const [end] = await service.pool<{ endedBy: string }[]>`
      SELECT DISTINCT ended_by AS "endedBy" FROM friend_events
      WHERE brand_id = 1 AND external_userid = ANY (${[three, four]}) AND kind = 'ended'`
    expect(end!.endedBy).toBe('transfer')
    // Only who is named is asked once more.
    const retry = await service.post(`/transfers/${transferId}/retry`, { states: ['failed'] })
    expect(retry).toMatchObject({ status: 200, body: { retriedCount: 0 } })
    expect((await service.post(`/transfers/${transferId}/retry`, { states: ['done'] })).status).toBe(422)
  })

  test('says where the taker has too many customers, and asks again when somebody wants so', async () => {
    world.transfers.capacities.set(taker('full'), 1)
    const { transferId } = await made('full')
    await carryOn()
    await later(DAY_MS + MINUTE_MS)
    expect(await customersNow(transferId)).toEqual({ done: 1, taker_full: 1 })
    expect((await read(transferId)).endedAt).not.toBeNull()
    world.transfers.capacities.set(taker('full'), 2)
    const { body } = await service.post(`/transfers/${transferId}/retry`, { states: ['taker_full'] })
    expect(body).toMatchObject({ retriedCount: 1, endedAt: null, customers: { done: 1, waiting: 1 } })
    await carryOn()
    await later(DAY_MS + MINUTE_MS)
    expect(await customersNow(transferId)).toEqual({ done: 2 })
  })

  test('twice in 90 days is all that WeCom allows, which is known here before it is asked', async () => {
    const [one, two] = customersOf('twice') as [string, string]
    const people = [giver('twice'), taker('twice'), 'boss1', 'unable']
    await service.pool`UPDATE wecom_staff SET may_follow = true WHERE brand_id = 1 AND userid = 'unable'`
    const step = async (n: number, customers: string[]) => {
      const { transferId } = await made('twice', { fromAssociate: people[n], toAssociate: people[n + 1], customers, allCustomers: undefined }) // prettier-ignore
      await carryOn()
      await later(DAY_MS + 2 * MINUTE_MS)
      await callBack()
      return transferId
    }
    await step(0, [one])
    await step(1, [one])
    const asked = world.transfers.askedFor.get(one)
    const refused = await step(2, [one])
    expect(await items(refused)).toMatchObject([
      { state: 'failed', errcode: null, advice: { zh: expect.stringContaining('90 天') as string } },
    ])
    expect(world.transfers.askedFor.get(one)).toBe(asked)
    // What was done beside us WeCom knows.
    world.transfers.ask('on_job', giver('twice'), taker('twice'), [two], null)
    aheadMs += DAY_MS
    world.transfers.ask('on_job', taker('twice'), giver('twice'), [two], null)
    aheadMs += DAY_MS
    world.transfers.settle()
    await walk()
    const other = await step(0, [two])
    expect(await items(other)).toMatchObject([{ state: 'failed', errcode: 40128 }])
    // When the 90 days are over it goes.
    aheadMs += 90 * DAY_MS
    await service.post(`/transfers/${refused}/retry`, { states: ['failed'] })
    await carryOn()
    expect(await customersNow(refused)).toEqual({ asked: 1 })
  })
})

describe('nobody is asked for twice', () => {
  test('where the answer was lost', async () => {
    const { transferId } = await made('lost')
    await carryOn(losing('transfer_customer'))
    expect(await customersNow(transferId)).toEqual({ asked: 3 })
    // He refuses while nobody knows whether he was asked for.
    world.transfers.refuse(customerOf('lost', 2))
    await carryOn()
    expect(askedFor('lost')).toEqual([1, 1, 1])
    await later(2 * MINUTE_MS)
    expect([await customersNow(transferId), askedFor('lost')]).toEqual([{ asked: 2, refused: 1 }, [1, 1, 1]])
    await later(DAY_MS)
    expect([await customersNow(transferId), askedFor('lost')]).toEqual([{ done: 2, refused: 1 }, [1, 1, 1]])
  })

  test('where WeCom’s list is behind as well: that he is being transferred is as good as asked', async () => {
    const { transferId } = await made('late')
    await carryOn(losing('transfer_customer'))
    let isBehind = true
    const behind = through((api, answer) => {
      if (!api.endsWith('transfer_result') || !isBehind) return answer
      isBehind = false
      return { customer: [], next_cursor: '' }
    })
    await later(2 * MINUTE_MS, behind)
    expect(askedFor('late')).toEqual([2, 2])
    const records = world.transfers.records.filter(record => record.to === taker('late'))
    expect(records).toHaveLength(2)
    await later(DAY_MS)
    expect(await customersNow(transferId)).toEqual({ done: 2 })
  })

  test('where the process died before WeCom heard, or before it could write down what it said', async () => {
    const { transferId } = await made('died')
    const dying = (isHeard: boolean) => ({
      wecom: {
        ...dependencies.wecom,
        call: async (api: string, call?: WecomCall) => {
          if (isHeard) await dependencies.wecom.call(api, call)
          throw new Error('the process died')
        },
      },
    })
    await expect(transferStep({ ...dependencies, ...dying(false) })).rejects.toThrow('died')
    expect(askedFor('died')).toEqual([0, 0])
    await expect(later(3 * MINUTE_MS, dying(false))).rejects.toThrow('died')
    await later(3 * MINUTE_MS)
    expect(askedFor('died')).toEqual([1, 1])
    expect(await customersNow(transferId)).toEqual({ asked: 2 })
    await expect(later(DAY_MS, dying(true))).rejects.toThrow('died')
    await later(3 * MINUTE_MS)
    expect([await customersNow(transferId), askedFor('died')]).toEqual([{ done: 2 }, [1, 1]])
  })
})

describe('groups', () => {
  const ask = (groups: string[]) => made('groups', { groups, allCustomers: undefined })

  test('change hands at once; what WeCom says of each is kept, and a lost answer is looked up', async () => {
    const groups = counted((await ask(['wr1', 'wr2'])).groups)
    expect(groups).toEqual({ waiting: 2 })
    world.dissolve('wr2')
    const [{ transferId }] = await all<Transfer>(service, '/transfers') as [Transfer] // prettier-ignore
    await carryOn()
    expect(await items(transferId, 'groups')).toMatchObject([
      { chatId: 'wr1', state: 'done', errcode: null },
      { chatId: 'wr2', state: 'failed', errcode: 86001, advice: { zh: expect.stringContaining('群') as string } },
    ])
    expect([world.groupChats.get('wr1')!.owner, await ownerOf('wr1')]).toEqual([taker('groups'), taker('groups')])

    const lost = await ask(['wr3'])
    await carryOn(losing('onjob_transfer'))
    expect(await groupsNow(lost.transferId)).toEqual({ asked: 1 })
    expect(await ownerOf('wr3')).toBe(giver('groups'))
    await later(2 * MINUTE_MS)
    expect(await groupsNow(lost.transferId)).toEqual({ done: 1 })
    expect(await ownerOf('wr3')).toBe(taker('groups'))
  })

  test('of one owner are 300 a day; the others wait', async () => {
    const more = Array.from({ length: 301 }, (_, i) => `wrm${String(i).padStart(3, '0')}`)
    const { wr1 } = Object.fromEntries(world.groupChats)
    for (const chatId of more) world.groupChats.set(chatId, { ...wr1!, chatId, owner: giver('bad'), members: [] })
    await service.pool`
      INSERT INTO wecom_groups (brand_id, chat_id, name, owner, created_at, seen_at)
      SELECT 1, id, id, ${giver('bad')}, ${now()}, ${now()} FROM unnest(${more}::text[]) AS id`
    const { transferId } = await made('bad', { allGroups: true, allCustomers: undefined })
    await carryOn()
    expect(await groupsNow(transferId)).toEqual({ done: 300, waiting: 1 })
    await later(23 * HOUR_MS)
    expect(await groupsNow(transferId)).toEqual({ done: 300, waiting: 1 })
    await later(HOUR_MS + MINUTE_MS)
    expect(await groupsNow(transferId)).toEqual({ done: 301 })
  })
})

describe('what cannot be', () => {
  test.each<[string, object, number, string, string]>([
    ['to himself', { toAssociate: giver('bad') }, 422, 'toAssociate', 'same_associate'],
    ['to nobody who is known', { toAssociate: 'nobody' }, 422, 'toAssociate', 'unknown_associate'],
    ['to somebody who left', { toAssociate: 'gone' }, 422, 'toAssociate', 'inactive'],
    ['to somebody whom WeCom does not show', { toAssociate: 'hidden' }, 422, 'toAssociate', 'unknown_in_wecom'],
    ['to somebody who may have no customers', { toAssociate: 'dumb' }, 422, 'toAssociate', 'no_customer_contact'],
    ['of somebody whom WeCom does not know', { fromAssociate: 'hidden' }, 422, 'fromAssociate', 'unknown_in_wecom'],
    ['of nothing', { allCustomers: undefined }, 422, 'customers', 'invalid_value'],
    ['of all and some', { customers: ['wm1'] }, 422, 'customers', 'invalid_value'],
    ['of one twice', { customers: ['w', 'w'], allCustomers: undefined }, 422, 'customers[1]', 'named_twice'],
    ['of somebody else’s customer', { customers: ['wmX'], allCustomers: undefined }, 409, 'customers[0]', 'not_his'],
    ['of somebody else’s group', { groups: ['wr1'], allCustomers: undefined }, 409, 'groups[0]', 'not_his'],
    ['with too long a message', { message: 'x'.repeat(201) }, 422, 'message', 'invalid_value'],
    ['without a reason', { reason: ' ' }, 422, 'reason', 'invalid_value'],
    ['with a misspelt field', { alCustomers: true }, 422, 'alCustomers', 'unknown_field'],
  ])('%s is refused by its path, and nothing is written', async (_, body, status, path, code) => {
    await service.ingest('associates', [
      associateItem({ associateId: 'hidden' }),
      associateItem({ associateId: 'dumb' }),
    ])
    await service.pool`
      INSERT INTO wecom_staff (brand_id, userid, name, department_ids, may_follow, seen_at)
      VALUES (1, 'dumb', 'x', '[1]', false, now()) ON CONFLICT DO NOTHING`
    const before = await service.pool`SELECT FROM transfers`
    const answer = await transfer('bad', body)
    expect([answer.status, answer.body['errors']]).toEqual([status, [expect.objectContaining({ path, code })]])
    expect((await service.pool`SELECT FROM transfers`).count).toBe(before.count)
  })

  test('is held up while a permission is missing, which is said', async () => {
    const { transferId } = await made('bad', { customers: [customerOf('bad', 0)], allCustomers: undefined })
    const agent = world.agent('1000002')
    agent.mayReadCustomers = false
    expect(await service.get('/transfers/unassigned')).toMatchObject({ items: [], fault: { errcode: 48002 } })
    await carryOn()
    expect(await read(transferId)).toMatchObject({
      customers: { waiting: 1 },
      fault: { errcode: 48002, advice: { zh: expect.stringContaining('可调用接口的应用') as string } },
    })
    agent.mayReadCustomers = true
    await later(31 * MINUTE_MS)
    expect(await read(transferId)).toMatchObject({ customers: { asked: 1 }, fault: null })
    // Of an end that never comes nobody waits for more than a week.
    const silent = through((api, answer) => (api.endsWith('transfer_result') ? { customer: [] } : answer))
    for (let day = 0; day < 8; day++) await later(DAY_MS, silent)
    expect(await items(transferId)).toMatchObject([
      { state: 'failed', advice: { en: expect.stringContaining('week') as string } },
    ])
  })
})

test('under a binding policy that moved him first he is the transfer’s all the same, and goes back with it', async () => {
  const [one] = customersOf('bound') as [string]
  const at = '2025-01-01T00:00:00+08:00'
  await service.ingest('identities', [{ kind: 'external_userid', value: one, memberNo: 'mBound', at }])
  await service.ingest('member-assignments', [{ memberNo: 'mBound', from: at, attributedAssociate: giver('bound') }])
  const policy = { on: ['friend_added'], mode: 'latest', effectiveFrom: new Date(now()).toISOString() }
  const headers = { authorization: `Bearer ${TEST_KEY}` }
  const told = await service.app.inject({ method: 'PUT', url: '/api/v1/settings/binding', headers, payload: policy })
  expect(told.statusCode).toBe(200)
  const { transferId } = await made('bound')
  await carryOn()
  aheadMs += DAY_MS + 1000
  await callBack()
  await service.settled()
  expect(await service.pool`SELECT associate_id FROM derived_assignments WHERE brand_id = 1`).toMatchObject([
    { associate_id: taker('bound') },
  ])
  await later(10_000)
  expect(await items(transferId)).toMatchObject([{ state: 'done', memberNo: 'mBound' }])
  const undone = await service.post(`/transfers/${transferId}/undo`, { reason: '弄错了' })
  expect(undone.body).toMatchObject({ returnedCount: 1, left: [] })
  expect((await holders()).get('mBound')).toBe(`${giver('bound')} 弄错了`)
})

test('a manager transfers his own store’s people; others’ are not there for him', async () => {
  const boss = await askerOf(service, 'boss1')
  const stranger = await askerOf(service, 'boss2')
  const associate = await askerOf(service, taker('boss'))
  const body = { fromAssociate: giver('boss'), toAssociate: taker('boss'), reason: '调店', allCustomers: true }
  expect((await stranger.post('/transfers', body)).status).toBe(404)
  expect((await associate.post('/transfers', body)).status).toBe(403)
  expect(await boss.post('/transfers', { ...body, toAssociate: 'other' })).toMatchObject({
    status: 422,
    body: { errors: [{ path: 'toAssociate', code: 'unknown_associate' }] },
  })
  const { status, body: answer } = await boss.post('/transfers', body)
  expect([status, answer['madeBy']]).toEqual([201, 'boss1'])
  const id = answer['transferId'] as string
  for (const path of ['', '/customers', '/groups']) {
    expect((await boss.ask('GET', `/transfers/${id}${path}`)).status).toBe(200)
    expect((await stranger.ask('GET', `/transfers/${id}${path}`)).status).toBe(404)
    expect((await associate.ask('GET', `/transfers/${id}${path}`)).status).toBe(404)
  }
  expect((await stranger.post(`/transfers/${id}/retry`, { states: ['failed'] })).status).toBe(404)
  expect((await stranger.post(`/transfers/${id}/undo`, { reason: 'x' })).status).toBe(404)
  for (const path of ['/transfers', '/transfers/unassigned']) {
    expect((await stranger.get<{ items: unknown[] }>(path)).items).toEqual([])
  }
})
