import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Task, TaskPage, TaskRule } from '../../server/features/task-rules/schema.ts'
import { tendTasks } from '../../server/features/task-rules/service.ts'
import { brand, NOW, standardPlan } from '../builders/brand.ts'
import { askerOf, type Asker } from '../support/askers.ts'
import { tell } from '../support/people.ts'
import { all, startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'

const DAY = 86_400_000
const STAFF = ['a1', 'a2', 'a3', 'manager1', 'boss', 'auditor'] as const
const SINCE = new Date(NOW - 400 * DAY).toISOString()
const today = (offset = 0) => new Date(NOW + 8 * 3_600_000 + offset * DAY).toISOString().slice(0, 10)

let service: TestService
let wecom: TestWecom
let now = NOW
const people = new Map<string, Asker>()
const person = (userid: (typeof STAFF)[number]): Asker => people.get(userid)!

beforeAll(async () => {
  wecom = await startTestWecom({ staff: STAFF })
  service = await startTestService({ env: wecom.env, now: () => now++ })
  await tell(service, { ...brand, products: [{ sku: 'k1', name: '羊毛大衣', priceFen: 100_00 }] })
  const plan = {
    ...standardPlan,
    rewards: [
      {
        id: 'wake',
        event: 'task_done',
        amountFen: 200,
        to: 'associate',
        bearer: 'headquarters',
        when: { tasks: ['asleep'] },
      },
    ],
  }
  expect(await service.post('/plans', plan)).toMatchObject({ status: 201 })
  for (const userid of STAFF) people.set(userid, await askerOf(service, userid))
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

/** A night, or another look on the same day. */
const tend = () => tendTasks(service.pool, { clock: () => now, isStopped: () => false })
const nextDay = () => (now += DAY)

async function call(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object) {
  const answer = await service.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${TEST_KEY}` },
    ...(body ? { payload: body } : {}),
  })
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() }
}
async function rule(over: object): Promise<TaskRule> {
  const { status, body } = await call('POST', '/task-rules', {
    title: '做点什么',
    text: '您好',
    firstDay: '2026-01-01',
    ...over,
  })
  expect({ status, body }).toMatchObject({ status: 201 })
  return body as TaskRule
}
const endRule = (ruleId: string) => call('DELETE', `/task-rules/${ruleId}`)
/** What is open for a member, with where it stands. */
const openOf = async (memberNo: string) => (await service.get<TaskPage>(`/tasks?memberNo=${memberNo}`)).items
const endedOf = async (memberNo: string) =>
  (await service.get<TaskPage>(`/tasks?memberNo=${memberNo}&state=ended`)).items

let members = 0
/** A member of S1 and a1, who bought so many days ago. */
async function member(
  options: { bought?: number; more?: object; attributed?: string | null; friends?: string[] } = {},
) {
  const memberNo = `t-${String(++members).padStart(3, '0')}`
  const { attributed = 'a1', friends = [] } = options
  await tell(service, {
    members: [{ memberNo, name: `顾客${members}`, openingStore: 'S1', ...options.more }],
    ...(attributed === null
      ? {}
      : { 'member-assignments': [{ memberNo, from: SINCE, attributedAssociate: attributed }] }),
    ...(friends.length === 0
      ? {}
      : {
          identities: [{ kind: 'external_userid', value: `wm-${memberNo}`, memberNo, at: SINCE }],
          'friend-events': friends.map((associateId, i) => ({
            associateId,
            externalUserid: `wm-${memberNo}`,
            kind: 'added',
            at: new Date(NOW - (300 - i) * DAY).toISOString(),
          })),
        }),
  })
  if (options.bought !== undefined) await buys(memberNo, options.bought)
  return memberNo
}
let orders = 0
const buys = (memberNo: string, daysAgo: number, over: object = {}) =>
  tell(service, {
    orders: [
      {
        source: 'till',
        orderNo: `t-${++orders}`,
        channel: 'in_store',
        sellingStore: 'S1',
        memberNo,
        paidAt: new Date(now - daysAgo * DAY).toISOString(),
        lines: [{ lineNo: 1, sku: 'k1', quantity: 1, paidFen: 10_000 }],
        ...over,
      },
    ],
  })

describe('rules', () => {
  test('every fault is named by its path', async () => {
    const faultsOf = async (body: object) => {
      const answer = await call('POST', '/task-rules', { title: 't', text: 'x', ...body })
      expect(answer.status).toBe(422)
      return (answer.body['errors'] as { path: string; code: string }[]).map(({ path, code }) => `${path} ${code}`)
    }
    expect(await faultsOf({ kind: 'asleep', storeCodes: ['S1', 'S9'], segment: { tags: ['x'] } })).toEqual([
      'days missing_field',
      'segment not_for_kind',
      'storeCodes[1] unknown_store',
    ])
    expect(await faultsOf({ kind: 'campaign', days: 3, firstDay: '2026-02-31' })).toEqual([
      'days not_for_kind',
      'lastDay missing_field',
      'firstDay invalid_value',
    ])
  })

  test('are listed, changed and ended; what they made stays, what is open is closed', async () => {
    const memberNo = await member({ bought: 100 })
    const { ruleId } = await rule({ kind: 'asleep', days: 90 })
    await tend()
    expect(await openOf(memberNo)).toMatchObject([{ title: '做点什么', dueDay: today(), due: 'today' }])
    expect((await call('PATCH', `/task-rules/${ruleId}`, { title: '新的' })).body).toMatchObject({
      title: '新的',
      days: 90,
    })
    expect((await openOf(memberNo))[0]!.title).toBe('做点什么')
    expect((await call('PATCH', `/task-rules/${ruleId}`, { days: null })).status).toBe(422)
    expect((await call('PATCH', `/task-rules/${ruleId}`, { colour: 'red' })).status).toBe(422)
    expect((await endRule(ruleId)).status).toBe(200)
    expect((await endRule(ruleId)).status).toBe(200)
    expect((await call('PATCH', `/task-rules/${ruleId}`, { title: 'x' })).status).toBe(409)
    expect(await openOf(memberNo)).toEqual([])
    expect(await endedOf(memberNo)).toMatchObject([{ state: 'closed', reason: 'rule_ended', undoUntil: null }])
    const listed = await all<TaskRule>(service, '/task-rules')
    expect(listed.find(one => one.ruleId === ruleId)?.endedAt).not.toBeNull()
    nextDay()
  })
})

describe('a night', () => {
  test('makes one task for each occasion, however often and by how many it is made', async () => {
    const [bought, birthday, asleep, tagged] = [
      await member({ bought: 3 }),
      await member({ more: { birthday: today(6).slice(5) } }),
      await member({ bought: 95 }),
      await member({ more: { tags: ['大衣控'] } }),
    ]
    const rules = [
      await rule({ kind: 'after_purchase', days: 3, title: '回访' }),
      await rule({ kind: 'birthday', days: 7, title: '生日' }),
      await rule({ kind: 'asleep', days: 90, title: '唤醒' }),
      await rule({
        kind: 'campaign',
        segment: { tags: ['大衣控'] },
        lastDay: today(5),
        title: '活动',
        target: { kind: 'product', ref: 'k1' },
      }),
    ]
    await Promise.all([tend(), tend(), tend()])
    await service.pool`UPDATE task_runs SET finished_at = NULL, leased_until = now() - interval '10 years', position = ''`
    await Promise.all([tend(), tend()])
    expect(await openOf(bought)).toMatchObject([
      { kind: 'after_purchase', title: '回访', associate: { associateId: 'a1' }, storeCode: 'S1' },
    ])
    expect(await openOf(birthday)).toMatchObject([{ kind: 'birthday', dueDay: today(6), due: 'later' }])
    expect(await openOf(asleep)).toMatchObject([{ kind: 'asleep' }])
    expect(await openOf(tagged)).toMatchObject([
      { kind: 'campaign', dueDay: today(5), target: { ref: 'k1', name: '羊毛大衣' } },
    ])
    // Days go by: nothing is made twice, and what is over is closed without a word.
    for (let i = 0; i < 7; i++) {
      nextDay()
      await tend()
    }
    expect(await openOf(bought)).toMatchObject([{ kind: 'after_purchase', due: 'overdue' }])
    expect(await openOf(birthday)).toEqual([])
    expect(await endedOf(birthday)).toMatchObject([{ state: 'closed', reason: 'past' }])
    expect(await endedOf(tagged)).toMatchObject([{ state: 'closed', reason: 'past' }])
    expect(await openOf(asleep)).toHaveLength(1)
    for (const { ruleId } of rules) await endRule(ruleId)
  })

  test('of several rules the one with the highest priority is made, another on another day', async () => {
    const memberNo = await member({ bought: 100, more: { tags: ['价格敏感'] } })
    const rules = [
      await rule({ kind: 'campaign', segment: { tags: ['价格敏感'] }, lastDay: today(60), title: '低', priority: 1 }),
      await rule({ kind: 'asleep', days: 100, title: '高', priority: 9 }),
    ]
    nextDay()
    await tend()
    expect((await openOf(memberNo)).map(task => task.title)).toEqual(['高'])
    await tend()
    expect(await openOf(memberNo)).toHaveLength(1)
    nextDay()
    await tend()
    expect((await openOf(memberNo)).map(task => task.title).sort()).toEqual(['低', '高'])
    for (const { ruleId } of rules) await endRule(ruleId)
  })

  test('a task is the attributed associate’s, else his last friend’s, else the store’s', async () => {
    const cases: [string, Parameters<typeof member>[0], string | null, string | null][] = [
      ['attributed', { attributed: 'a1', friends: ['a2'] }, 'a1', 'S1'],
      ['a friend, the latest', { attributed: null, friends: ['a1', 'a3'] }, 'a3', 'S2'],
      ['whoever has left has none', { attributed: 'leaver', friends: ['a2'] }, 'a2', 'S1'],
      ['nobody', { attributed: null }, null, 'S1'],
    ]
    const made = await Promise.all(cases.map(async ([, options]) => await member({ ...options, bought: 200 })))
    const { ruleId } = await rule({ kind: 'asleep', days: 200 })
    nextDay()
    await tend()
    for (const [i, [name, , associateId, storeCode]] of cases.entries()) {
      const [task] = await openOf(made[i]!)
      expect([name, task?.associate?.associateId ?? null, task?.storeCode]).toEqual([name, associateId, storeCode])
    }
    const mine = (await person('manager1').get<TaskPage>('/tasks')).items.map(task => task.customer.memberNo)
    expect(mine).toContain(made[3])
    expect(mine).not.toContain(made[1])
    // Given to another, the open task goes along.
    await tell(service, {
      'member-assignments': [{ memberNo: made[0], from: new Date(now).toISOString(), attributedAssociate: 'a3' }],
    })
    await tend()
    expect(await openOf(made[0]!)).toMatchObject([{ associate: { associateId: 'a3' }, storeCode: 'S2' }])
    await endRule(ruleId)
  })

  test('a task without a reason is closed: he bought, the order was cancelled, he is no friend any more', async () => {
    const bought = await member({ bought: 300 })
    const cancelled = await member({ bought: 300 })
    const friendless = await member({ bought: 300, attributed: null, friends: ['a2'] })
    const orderNo = `t-${orders - 1}`
    const { ruleId } = await rule({ kind: 'asleep', days: 300 })
    nextDay()
    await tend()
    for (const memberNo of [bought, cancelled, friendless]) expect(await openOf(memberNo)).toHaveLength(1)
    await buys(bought, 0)
    await buys(cancelled, 301, { orderNo, revision: 2, cancelled: true })
    const end = {
      associateId: 'a2',
      externalUserid: `wm-${friendless}`,
      kind: 'ended',
      at: new Date(now).toISOString(),
    }
    await tell(service, { 'friend-events': [end] })
    await tend()
    expect(await endedOf(bought)).toMatchObject([{ state: 'closed', reason: 'bought' }])
    expect(await endedOf(cancelled)).toMatchObject([{ state: 'closed', reason: 'order_gone' }])
    expect(await endedOf(friendless)).toMatchObject([{ state: 'closed', reason: 'not_friend' }])
    await endRule(ruleId)
  })

  test('goes on where a process that died stopped, and not before its lease is over', async () => {
    const memberNo = await member({ bought: 400 })
    const { ruleId } = await rule({ kind: 'asleep', days: 400 })
    nextDay()
    const day = new Date(now + 8 * 3_600_000).toISOString().slice(0, 10)
    await service.pool`
      INSERT INTO task_runs (brand_id, day, position, leased_until) VALUES (1, ${day}, 't', ${now + 30_000})`
    await tend()
    expect(await openOf(memberNo)).toEqual([])
    now += 60_000
    await tend()
    expect(await openOf(memberNo)).toHaveLength(1)
    await endRule(ruleId)
  })

  test('who wants no marketing is left in peace', async () => {
    const memberNo = await member({ bought: 500, more: { consents: { marketing: false } } })
    const { ruleId } = await rule({ kind: 'asleep', days: 500 })
    nextDay()
    await tend()
    expect(await openOf(memberNo)).toEqual([])
    await endRule(ruleId)
  })
})

describe('doing', () => {
  const rewards = () => service.get<{ items: { subjectKey: string; amountFen: number }[] }>('/rewards?event=task_done')

  async function made(days: number, options: Parameters<typeof member>[0] = {}) {
    const memberNo = await member({ bought: days, ...options })
    const { ruleId } = await rule({ kind: 'asleep', days })
    nextDay()
    await tend()
    const [task] = await openOf(memberNo)
    return { memberNo, ruleId, task: task! }
  }

  test('with a reason; it is evidence for the reward, and taken back it is not', async () => {
    const { task, ruleId } = await made(600)
    const done = await person('a1').post(`/tasks/${task.taskId}/done`, { reason: '打了电话' })
    expect(done).toMatchObject({ status: 200, body: { state: 'done', reason: '打了电话', mayDo: false } })
    expect((await person('a1').post(`/tasks/${task.taskId}/done`, { reason: '再来' })).body).toMatchObject({
      reason: '打了电话',
    })
    await service.settled()
    expect((await rewards()).items).toMatchObject([{ subjectKey: `task_done/${task.taskId}`, amountFen: 200 }])
    expect(await person('a1').post(`/tasks/${task.taskId}/undo`, {})).toMatchObject({
      status: 200,
      body: { state: 'open' },
    })
    await service.settled()
    expect((await rewards()).items).toEqual([])
    expect(await person('a1').post(`/tasks/${task.taskId}/skip`, { reason: '太忙' })).toMatchObject({
      body: { state: 'skipped' },
    })
    expect(await person('a1').post(`/tasks/${task.taskId}/done`, { reason: 'x' })).toMatchObject({
      body: { code: 'task.not_open' },
    })
    now += 11 * 60_000
    expect(await person('a1').post(`/tasks/${task.taskId}/undo`, {})).toMatchObject({
      body: { code: 'task.undo_over' },
    })
    const completion = await service.get<{ items: object[] }>(`/task-rules/${ruleId}/completion`)
    expect(completion.items).toContainEqual(expect.objectContaining({ storeCode: 'S1', name: '静安店', skipped: 1 }))
    const deeds = await all<{ action: string; subject: string }>(service, '/activity')
    expect(deeds.filter(deed => deed.subject === `tasks/${task.taskId}`).map(deed => deed.action)).toEqual([
      'task.skipped',
      'task.reopened',
      'task.done',
    ])
    await endRule(ruleId)
  })

  test('by sending: the share has to have gone to this customer', async () => {
    const { task, memberNo, ruleId } = await made(700, { friends: ['a1'] })
    expect(task.customer.externalUserid).toBeNull() // a key has no chats
    const mine = (await person('a1').get<TaskPage>(`/tasks?memberNo=${memberNo}`)).items[0]!
    expect(mine.customer.externalUserid).toBe(`wm-${memberNo}`)
    const share = async (externalUserid: string, n: number) => {
      const { body } = await person('a1').post('/share', {
        shareId: `018f0000-0000-7000-8000-00000000000${n}`,
        target: { kind: 'product', ref: 'k1' },
        sentTo: { externalUserid },
        channel: 'single_chat',
      })
      return body['linkCode'] as string
    }
    const [toOther, linkCode] = [await share('wm-other', 1), await share(`wm-${memberNo}`, 2)]
    const done = (code: string) => person('a1').post(`/tasks/${task.taskId}/done`, { linkCode: code })
    expect(await done(linkCode)).toMatchObject({ status: 422, body: { code: 'task.not_sent' } })
    for (const code of [toOther, linkCode])
      expect((await person('a1').post(`/share/${code}/sent`, {})).status).toBe(200)
    expect(await done(toOther)).toMatchObject({ body: { code: 'task.not_sent' } })
    expect(await done(linkCode)).toMatchObject({ status: 200, body: { state: 'done', reason: null } })
    await endRule(ruleId)
  })

  test('is for whose it is, and for the manager of the store', async () => {
    const { task, ruleId } = await made(800)
    const skip = (who: (typeof STAFF)[number]) => person(who).post(`/tasks/${task.taskId}/skip`, { reason: '不合适' })
    expect((await skip('a2')).status).toBe(404)
    expect((await skip('a3')).status).toBe(404)
    expect((await skip('boss')).status).toBe(403)
    expect((await skip('auditor')).status).toBe(403)
    expect((await skip('manager1')).status).toBe(200)
    await endRule(ruleId)
  })

  test('lists come page by page, overdue first, the most important of a day first', async () => {
    const [first, second] = [await member({ bought: 900 }), await member({ bought: 900, more: { tags: ['急'] } })]
    const rules = [
      await rule({ kind: 'asleep', days: 900, priority: 1 }),
      await rule({ kind: 'campaign', segment: { tags: ['急'] }, lastDay: today(400), priority: 5 }),
    ]
    nextDay()
    await tend()
    nextDay()
    await tend()
    const pages: Task[] = []
    let cursor: string | null = null
    do {
      const page: TaskPage = await person('a1').get(`/tasks?limit=1${cursor ? `&cursor=${cursor}` : ''}`)
      expect(page.counts.overdue + page.counts.today + page.counts.later).toBe(3)
      pages.push(...page.items)
      cursor = page.nextCursor
    } while (cursor !== null)
    expect(pages.map(task => [task.customer.memberNo, task.kind, task.due])).toEqual([
      [first, 'asleep', 'overdue'],
      [second, 'asleep', 'today'],
      [second, 'campaign', 'later'],
    ])
    expect((await person('a1').ask('GET', '/tasks?cursor=nonsense')).status).toBe(400)
    for (const { ruleId } of rules) await endRule(ruleId)
  })
})

describe('follow-ups', () => {
  const body = (over: object = {}) => ({
    taskId: '018f0000-0000-7000-8000-0000000000a1',
    externalUserid: 'wm-follow',
    dueDay: today(500),
    text: '新款到了告诉她',
    ...over,
  })

  test('are an associate’s own, made once, and no evidence for a reward', async () => {
    await tell(service, {
      members: [{ memberNo: 'M-FOLLOW', name: '周八', openingStore: 'S1' }],
      'member-assignments': [{ memberNo: 'M-FOLLOW', from: SINCE, attributedAssociate: 'a1' }],
      identities: [{ kind: 'external_userid', value: 'wm-follow', memberNo: 'M-FOLLOW', at: SINCE }],
    })
    expect(await person('a1').post('/tasks', body())).toMatchObject({
      status: 201,
      body: { kind: 'follow_up', due: 'later' },
    })
    expect((await person('a1').post('/tasks', body())).status).toBe(200)
    expect((await person('a1').post('/tasks', body({ text: '别的' }))).status).toBe(409)
    expect((await person('a1').post('/tasks', body({ dueDay: '2020-01-01' }))).status).toBe(422)
    expect((await person('a2').post('/tasks', body({ taskId: '018f0000-0000-7000-8000-0000000000a2' }))).status).toBe(
      403,
    )
    expect((await person('a1').post('/tasks', body({ externalUserid: 'wm-nobody' }))).status).toBe(404)
    const [task] = await openOf('M-FOLLOW')
    await tend()
    expect(await person('a1').post(`/tasks/${task!.taskId}/done`, { reason: '说了' })).toMatchObject({ status: 200 })
    const rows = await service.pool`SELECT 1 FROM task_events WHERE task_id = ${task!.taskId}`
    expect(rows).toEqual([])
  })
})
