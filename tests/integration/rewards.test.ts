import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool } from '../../server/database.ts'
import { associateItem, identityItem, memberItem, mergeItem, planBody, storeItem } from '../builders/items.ts'
import { openBrand, type BrandClient } from '../support/brand.ts'
import { personAt } from '../support/people.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { explainRewards, listRewards } from '../../server/features/commissions/rewards/reads.ts'
import { bookRewards, rebookStep } from '../../server/features/commissions/service.ts'

/** Rewards for events, through the API: who is paid, what is taken back, and that the audit finds nothing. */

type Item = Record<string, unknown>

const PLAN = {
  holdDays: 3,
  rules: [],
  rewards: [
    { id: 'enrol', event: 'member_enrolled', amountFen: 1000, to: 'associate', bearer: 'headquarters' },
    { id: 'friend', event: 'friend_added', amountFen: 300, to: 'associate', bearer: 'associate_store', keepDays: 7 },
    {
      id: 'call',
      event: 'task_done',
      amountFen: 200,
      to: 'associate',
      bearer: 'headquarters',
      when: { tasks: ['call_back'] },
    },
    { id: 'shop', event: 'task_done', amountFen: 50, to: 'associate_store', bearer: 'headquarters' },
  ],
}
const AT = '2026-03-20T04:00:00.000Z'
const day = (days: number, ms = 0) => new Date(Date.parse(AT) + days * 86_400_000 + ms).toISOString()

const added = (over: Item = {}): Item => ({ associateId: 'A1', externalUserid: 'x', kind: 'added', at: AT, ...over })
const ended = (at: string, over: Item = {}): Item => added({ kind: 'ended', at, ...over })
const done = (over: Item = {}): Item => ({
  taskId: 't-1',
  kind: 'done',
  at: AT,
  associateId: 'A1',
  task: 'call_back',
  ...over,
})
const enrolled = (over: Item = {}) => memberItem({ joinedAt: AT, openingAssociate: 'A1', ...over })
const linked = (over: Item = {}) => identityItem({ kind: 'external_userid', value: 'x', ...over })

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service.close())

/** Stores S1 and, a franchise, S2; A1 and A2 work in the one, A3 in the other. */
async function brandWith(...plans: Item[]): Promise<BrandClient> {
  const brand = await openBrand(service)
  await brand.tell('stores', [storeItem(), storeItem({ storeCode: 'S2', type: 'franchise' })])
  await brand.tell('associates', [
    associateItem({ associateId: 'A1' }),
    associateItem({ associateId: 'A2' }),
    associateItem({ associateId: 'A3', storeCode: 'S2' }),
  ])
  for (const plan of plans) expect(await brand.post('/plans', planBody({ ...plan, retroactive: true }))).toBe(201)
  await brand.settled()
  return brand
}

/** What is owed, as `event payee amount <bearer by rule`; what is booked adds up to it, and the audit is content. */
async function owed(brand: BrandClient): Promise<string[]> {
  await brand.settled()
  expect(await brand.get('/audit')).toMatchObject({ items: [], nextCursor: null })
  const { items } = await brand.get<{ items: Item[] }>('/rewards?limit=500')
  const ledger = (await ledgerOf(brand)).reduce((sum, row) => sum + row.amountFen, 0)
  expect(items.reduce((sum, row) => sum + (row['amountFen'] as number), 0)).toBe(ledger)
  return items
    .map(
      row =>
        `${row['event'] as string} ${row['payee'] as string} ${row['amountFen'] as number} <${row['bearer'] as string} by ${row['ruleId'] as string}`,
    )
    .sort()
}

interface LedgerRow {
  subject: string
  subjectKey: string
  payee: string
  amountFen: number
  reason: string
  availableAt: string
}
const ledgerOf = async (brand: BrandClient) => (await brand.get<{ items: LedgerRow[] }>('/ledger?limit=500')).items

const reasons = async (brand: BrandClient, query: string) =>
  (await brand.get<{ events: { associateId: string; reason: string }[] }>(`/rewards/explain?${query}`)).events.map(
    ({ associateId, reason }) => `${associateId} ${reason}`,
  )

const FRIEND = 'friend_added A1 300 <S1 by friend'
const ENROLLED = 'member_enrolled A1 1000 <headquarters by enrol'

describe('an event is rewarded', () => {
  test('a new member, a new friend and a task, each by its own rule, in the ledger under the event', async () => {
    const brand = await brandWith(PLAN)
    await brand.tell('members', [enrolled()])
    await brand.tell('friend-events', [added()])
    await brand.tell('task-events', [done(), done({ taskId: 't-2', task: 'visit', associateId: 'A3', memberNo: 'M7' })])
    expect(await owed(brand)).toEqual([
      FRIEND,
      ENROLLED,
      'task_done A1 200 <headquarters by call',
      'task_done S2 50 <headquarters by shop',
    ])
    const rows = await ledgerOf(brand)
    expect(new Set(rows.map(row => `${row.subject} ${row.reason}`))).toEqual(new Set(['event evidence']))
    expect(rows.find(row => row.amountFen === 300)).toMatchObject({
      subjectKey: `friend_added/A1/x/${AT}`,
      payee: 'A1',
      availableAt: day(7),
    })
    expect(await brand.get('/balances?payee=A1&at=2026-03-24T00:00:00Z')).toMatchObject({
      pendingFen: 300,
      availableFen: 1200,
    })
    expect((await brand.get<{ items: Item[] }>('/rewards?event=task_done&associate=A3')).items).toEqual([
      {
        event: 'task_done',
        subjectKey: 'task_done/t-2',
        at: AT,
        associateId: 'A3',
        memberNo: 'M7',
        externalUserid: null,
        payeeKind: 'store',
        payee: 'S2',
        bearerKind: 'headquarters',
        bearer: 'headquarters',
        ruleId: 'shop',
        planCode: 'standard',
        planVersion: 1,
        availableAt: day(3),
        amountFen: 50,
      },
    ])
  })

  test('whoever sent it again, or the plan later', async () => {
    const brand = await brandWith()
    const tell = async () => {
      await brand.tell('members', [enrolled()])
      await brand.tell('friend-events', [added(), added()])
      await brand.tell('task-events', [done()])
    }
    await tell()
    expect(await owed(brand)).toEqual([])
    expect(await reasons(brand, 'taskId=t-1')).toEqual(['A1 no_plan'])
    expect(await brand.post('/plans', planBody({ ...PLAN, retroactive: true }))).toBe(201)
    const all = [FRIEND, ENROLLED, 'task_done A1 200 <headquarters by call']
    expect(await owed(brand)).toEqual(all)
    expect(new Set((await ledgerOf(brand)).map(row => row.reason))).toEqual(new Set(['plan']))
    await tell()
    expect(await owed(brand)).toEqual(all)
    expect(await ledgerOf(brand)).toHaveLength(3)
  })
})

test('an event that was being taken when the first plan with rewards appeared is rewarded', async () => {
  const brand = await brandWith()
  const owner = openPool(service.databaseUrl, { max: 2, asOwner: true })
  const isWaiting = async () => {
    const rows = await owner`
      SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    return rows.length > 0
  }
  let taking: Promise<unknown> | undefined
  try {
    await owner.begin(async tx => {
      // The call has looked for plans, and cannot end: the item that is refused cannot be kept.
      await tx`LOCK TABLE rejected_items IN EXCLUSIVE MODE`
      taking = brand.send('POST', '/friend-events', [added(), added({ associateId: 'nobody' })])
      for (let i = 0; i < 1000 && !(await isWaiting()); i++) await new Promise(resolve => setTimeout(resolve, 5))
      expect(await brand.post('/plans', planBody({ ...PLAN, retroactive: true }))).toBe(201)
      for (let i = 0; i < 20; i++) {
        const { pendingOrders } = await brand.get<{ pendingOrders: number }>('/health/reconcile')
        expect(pendingOrders).toBeGreaterThan(0) // the plan's job waits for the call
        await new Promise(resolve => setTimeout(resolve, 10))
      }
    })
    await taking
  } finally {
    await owner.end()
  }
  expect(await owed(brand)).toEqual([FRIEND])
})

describe('a reward is taken back', () => {
  const story = (
    name: string,
    before: [string, Item][],
    owedBefore: string[],
    late: [string, Item][],
    owedAfter: string[],
  ) => [name, before, owedBefore, late, owedAfter] as const
  test.each([
    story(
      'when the friend goes within the days',
      [['friend-events', added()]],
      [FRIEND],
      [['friend-events', ended(day(7, -1))]],
      [],
    ),
    story(
      'not when he goes afterwards',
      [['friend-events', added()]],
      [FRIEND],
      [['friend-events', ended(day(7))]],
      [FRIEND],
    ),
    story(
      'when an identity shows that he was a member',
      [
        ['friend-events', added()],
        ['members', enrolled({ joinedAt: day(-1), openingAssociate: null })],
      ],
      [FRIEND],
      [['identities', linked()]],
      [],
    ),
    story(
      'when it turns out since when he was a member',
      [
        ['friend-events', added()],
        ['identities', linked()],
        ['members', enrolled()],
      ],
      [FRIEND, ENROLLED],
      [['members', enrolled({ joinedAt: day(-1), openingAssociate: null })]],
      [],
    ),
    story(
      'when an earlier friendship is told, which pays the other',
      [['friend-events', added()]],
      [FRIEND],
      [['friend-events', added({ associateId: 'A2', at: day(-1) })]],
      ['friend_added A2 300 <S1 by friend'],
    ),
    story(
      'when two contacts turn out to be one person',
      [
        ['friend-events', added()],
        ['friend-events', added({ associateId: 'A3', externalUserid: 'y', at: day(1) })],
        ['identities', linked()],
      ],
      [FRIEND, 'friend_added A3 300 <S2 by friend'],
      [['identities', linked({ value: 'y' })]],
      [FRIEND],
    ),
    story(
      'when two members turn out to be one person',
      [
        ['members', enrolled()],
        ['members', enrolled({ memberNo: 'M2', openingAssociate: 'A2', joinedAt: day(2) })],
      ],
      [ENROLLED, 'member_enrolled A2 1000 <headquarters by enrol'],
      [['member-merges', mergeItem()]],
      ['member_enrolled A2 1000 <headquarters by enrol'],
    ),
    story(
      'from one friendship when a merge makes two persons one',
      [
        ['friend-events', added()],
        ['friend-events', added({ associateId: 'A3', externalUserid: 'y', at: day(1) })],
        ['identities', linked()],
        ['identities', linked({ value: 'y', memberNo: 'M2' })],
      ],
      [FRIEND, 'friend_added A3 300 <S2 by friend'],
      [['member-merges', mergeItem()]],
      [FRIEND],
    ),
    story(
      'and given again when a merge is corrected',
      [
        ['friend-events', added()],
        ['friend-events', added({ associateId: 'A3', externalUserid: 'y', at: day(1) })],
        ['identities', linked()],
        ['identities', linked({ value: 'y', memberNo: 'M2' })],
        ['member-merges', mergeItem()],
      ],
      [FRIEND],
      [['member-merges', mergeItem({ into: 'M3', at: day(3) })]],
      [FRIEND, 'friend_added A3 300 <S2 by friend'],
    ),
    story(
      'when a tie of identities falls otherwise by a merge',
      [
        ['friend-events', added({ at: day(1) })],
        ['identities', linked({ memberNo: 'M5' })],
        ['identities', linked({ memberNo: 'M3' })],
        ['identities', linked({ value: 'y', memberNo: 'M3' })],
        ['friend-events', added({ associateId: 'A2', externalUserid: 'y' })],
      ],
      [FRIEND, 'friend_added A2 300 <S1 by friend'],
      [['member-merges', mergeItem({ memberNo: 'M5', into: 'M1' })]],
      ['friend_added A2 300 <S1 by friend'],
    ),
    story(
      'when the task was not done after all',
      [['task-events', done()]],
      ['task_done A1 200 <headquarters by call'],
      [['task-events', done({ kind: 'undone' })]],
      [],
    ),
    story(
      'when the associate did not work then',
      [['members', enrolled()]],
      [ENROLLED],
      [['associates', { associateId: 'A1', activeTo: AT }]],
      [],
    ),
    story(
      'when he turns out to be the member',
      [['members', enrolled()]],
      [ENROLLED],
      [['associates', { associateId: 'A1', memberNo: 'M1' }]],
      [],
    ),
    story(
      'when nobody enrolled the member',
      [['members', enrolled()]],
      [ENROLLED],
      [['members', { memberNo: 'M1', openingAssociate: null }]],
      [],
    ),
    story(
      'when he never joined',
      [['members', enrolled()]],
      [ENROLLED],
      [['members', { memberNo: 'M1', joinedAt: null }]],
      [],
    ),
    story(
      'from the store that he does not work for',
      [['friend-events', added()]],
      [FRIEND],
      [['associates', { associateId: 'A1', storeCode: 'S2' }]],
      ['friend_added A1 300 <S2 by friend'],
    ),
  ])('%s', async (_name, before, owedBefore, late, owedAfter) => {
    const brand = await brandWith(PLAN)
    for (const [kind, item] of before) await brand.tell(kind, [item])
    expect(await owed(brand)).toEqual([...owedBefore].sort())
    for (const [kind, item] of late) await brand.tell(kind, [item])
    expect(await owed(brand)).toEqual([...owedAfter].sort())
  })

  test('under the release under which it was given: a changed winner is a row that takes and one that gives', async () => {
    const brand = await brandWith(PLAN)
    await brand.tell('friend-events', [added()])
    await brand.settled()
    await brand.tell('friend-events', [added({ associateId: 'A2', at: day(-2) })])
    await brand.settled()
    expect((await ledgerOf(brand)).map(row => [row.payee, row.amountFen, row.availableAt]).sort()).toEqual([
      ['A1', -300, day(7)],
      ['A1', 300, day(7)],
      ['A2', 300, day(5)],
    ])
  })

  test('no identity that changes nothing moves money, and the list names the person', async () => {
    const brand = await brandWith(PLAN)
    await brand.tell('friend-events', [added()])
    await brand.settled()
    await brand.tell('identities', [linked()])
    await brand.tell('member-merges', [mergeItem()])
    expect(await owed(brand)).toEqual([FRIEND])
    expect(await ledgerOf(brand)).toHaveLength(1)
    expect((await brand.get<{ items: Item[] }>('/rewards')).items).toMatchObject([
      { memberNo: 'M2', externalUserid: 'x', associateId: 'A1' },
    ])
  })
})

describe('what changes an associate, a store or a plan', () => {
  test('finds every event that it speaks of', async () => {
    const rewards = ['member_enrolled', 'friend_added', 'task_done'].flatMap((event, i) => [
      {
        id: `${event}-f`,
        event,
        amountFen: 10 + i,
        to: 'associate',
        bearer: 'headquarters',
        when: { storeTypes: ['franchise'], regions: ['east'], associateKinds: ['store'] },
      },
      { id: event, event, amountFen: 1, to: 'associate', bearer: 'headquarters' },
    ])
    const brand = await brandWith({ ...PLAN, rewards })
    await brand.tell('members', [enrolled()])
    await brand.tell('friend-events', [added()])
    await brand.tell('task-events', [done()])
    const amounts = async () => (await owed(brand)).map(text => Number(text.split(' ')[2])).sort()
    expect(await amounts()).toEqual([1, 1, 1])
    await brand.tell('stores', [{ storeCode: 'S1', type: 'franchise', effectiveFrom: AT }])
    expect(await amounts()).toEqual([1, 1, 1])
    await brand.tell('stores', [{ storeCode: 'S1', region: 'east' }])
    expect(await amounts()).toEqual([10, 11, 12])
    await brand.tell('associates', [{ associateId: 'A1', kind: 'office', effectiveFrom: AT }])
    expect(await amounts()).toEqual([1, 1, 1])
    await brand.tell('associates', [{ associateId: 'A1', kind: 'store', effectiveFrom: AT }])
    expect(await amounts()).toEqual([10, 11, 12])
    await brand.tell('associates', [{ associateId: 'A1', storeCode: 'S2' }])
    expect(await amounts()).toEqual([1, 1, 1])
  })

  test('a plan corrected for the past is booked by the difference, and only within its span', async () => {
    const brand = await brandWith(PLAN)
    const numbers = Array.from({ length: 30 }, (_, i) => i)
    await brand.tell('members', numbers.map(i => enrolled({ memberNo: `M${i}`, joinedAt: day(i) }))) // prettier-ignore
    await brand.tell('friend-events', numbers.map(i => added({ externalUserid: `x${i}`, at: day(i) }))) // prettier-ignore
    await brand.tell('task-events', numbers.map(i => done({ taskId: `t${i}`, at: day(i) }))) // prettier-ignore
    const total = async () => (await owed(brand)).reduce((sum, text) => sum + Number(text.split(' ')[2]), 0)
    expect(await total()).toBe(30 * 1500)
    const rewards = PLAN.rewards.map(reward => ({ ...reward, amountFen: reward.amountFen + 1 }))
    const span = { effectiveFrom: day(5), effectiveTo: day(15) }
    expect(await brand.post('/plans', planBody({ ...PLAN, ...span, rewards, version: 2, retroactive: true }))).toBe(201)
    expect(await total()).toBe(30 * 1500 + 30)
    // Rewards that are owed under another version are taken back whole, and given under the new one.
    expect(await ledgerOf(brand)).toHaveLength(90 + 60)
    expect(await brand.post('/plans', planBody({ ...PLAN, ...span, rewards: [], version: 3, retroactive: true }))).toBe(
      201,
    )
    expect(await total()).toBe(20 * 1500)
    expect(await reasons(brand, 'memberNo=M7')).toEqual(['A1 no_rule'])
  })
})

test('a plan that is withdrawn while it is booked takes its rewards with it', async () => {
  const still = await startTestService({ worker: false })
  try {
    const brand = await openBrand(still)
    const book = async () => {
      while (await rebookStep(still.pool, brand.brandId, Date.now()));
      while (await bookRewards(still.pool, brand.brandId, Date.now()));
    }
    await brand.tell('stores', [storeItem()])
    await brand.tell('associates', [associateItem()])
    const { body } = await brand.send('POST', '/plans', planBody({ ...PLAN, retroactive: true }))
    await brand.tell('friend-events', [added()])
    while (await bookRewards(still.pool, brand.brandId, Date.now()));
    expect((await ledgerOf(brand)).map(row => row.amountFen)).toEqual([300])
    expect((await brand.send('DELETE', `/jobs/${body['jobId'] as string}`)).status).toBe(200)
    await book()
    expect(await owed(brand)).toEqual([])
    expect((await ledgerOf(brand)).map(row => [row.amountFen, row.reason])).toEqual([
      [300, 'evidence'],
      [-300, 'plan'],
    ])
    expect(await brand.post('/plans', planBody({ ...PLAN, version: 2, retroactive: true }))).toBe(201)
    await book()
    expect(await owed(brand)).toEqual([FRIEND])
  } finally {
    await still.close()
  }
})

describe('why an event pays or does not', () => {
  test('is told for a person by any of his numbers and contacts, and for a task', async () => {
    const brand = await brandWith(PLAN)
    await brand.tell('members', [
      enrolled({ joinedAt: day(3) }),
      enrolled({ memberNo: 'M2', joinedAt: day(4), openingAssociate: 'A2' }),
    ])
    await brand.tell('member-merges', [mergeItem()])
    await brand.tell('identities', [linked(), linked({ value: 'y', memberNo: 'M2' })])
    await brand.tell('friend-events', [
      added(),
      ended(day(1), { endedBy: 'customer' }),
      added({ associateId: 'A2', externalUserid: 'y', at: day(2) }),
      added({ associateId: 'A3', externalUserid: 'y', at: day(2, 1) }),
      added({ associateId: 'A3', externalUserid: 'y', at: day(5) }),
    ])
    await brand.tell('task-events', [done(), done({ taskId: 't-2', kind: 'undone' })])
    const person = ['A1 gone_within', 'A2 paid', 'A3 not_first', 'A1 merged', 'A2 paid', 'A3 was_member']
    expect(await reasons(brand, 'memberNo=M1')).toEqual(person)
    expect(await reasons(brand, 'memberNo=M2')).toEqual(person)
    expect(await reasons(brand, 'externalUserid=y')).toEqual(person)
    expect(await reasons(brand, 'taskId=t-2')).toEqual(['A1 undone'])
    const { events } = await brand.get<{ events: Item[] }>('/rewards/explain?externalUserid=x')
    expect(events[0]).toEqual({
      event: 'friend_added',
      subjectKey: `friend_added/A1/x/${AT}`,
      at: AT,
      associateId: 'A1',
      memberNo: 'M2',
      externalUserid: 'x',
      endedAt: day(1),
      task: null,
      reason: 'gone_within',
      plan: { code: 'standard', version: 1 },
      ruleId: 'friend',
      owed: null,
    })
    expect(events[1]).toMatchObject({
      owed: { payee: 'A2', bearer: 'S1', amountFen: 300, availableAt: day(9) },
    })
    for (const query of ['memberNo=M9', 'externalUserid=nobody', 'taskId=t-9']) {
      await expect(brand.get(`/rewards/explain?${query}`)).rejects.toThrow('404')
    }
    for (const query of ['', 'memberNo=M1&taskId=t-1', 'member=M1']) {
      await expect(brand.get(`/rewards/explain?${query}`)).rejects.toThrow('400')
    }
  })

  test('an id that was linked anew tells of the person to whom it belongs now', async () => {
    const brand = await brandWith(PLAN)
    await brand.tell('members', [enrolled(), enrolled({ memberNo: 'M2', openingAssociate: 'A2' })])
    await brand.tell('friend-events', [added()])
    await brand.tell('identities', [linked({ at: day(-2) }), linked({ memberNo: 'M2', at: day(-1) })])
    await brand.settled()
    expect(await reasons(brand, 'memberNo=M1')).toEqual(['A1 paid'])
    expect(await reasons(brand, 'externalUserid=x')).toEqual(['A2 paid', 'A1 paid'])
  })
})

describe('who sees which rewards', () => {
  test('an associate his own, a manager his store’s, a franchisee what his stores are paid', async () => {
    const now = Date.now()
    await service.ingest('stores', [storeItem(), storeItem({ storeCode: 'S2', type: 'franchise', franchiseeId: 'F1' })])
    await service.ingest('associates', [
      associateItem({ associateId: 'A1' }),
      associateItem({ associateId: 'A2' }),
      associateItem({ associateId: 'A3', storeCode: 'S2' }),
      associateItem({ associateId: 'boss', role: 'manager' }),
      associateItem({ associateId: 'franchisee', storeCode: 'S2', role: 'franchisee', franchiseeId: 'F1' }),
    ])
    expect((await service.post('/plans', planBody({ ...PLAN, retroactive: true }))).status).toBe(201)
    await service.ingest('task-events', [
      done(),
      done({ taskId: 't-2', associateId: 'A2' }),
      done({ taskId: 't-3', associateId: 'A3', task: 'visit' }),
    ])
    await service.ingest('friend-events', [added(), added({ associateId: 'A3', at: day(1) })])
    await service.settled()
    const seen = async (associateId: string) => {
      const { scope } = await personAt(service, associateId, now)
      const { items } = await listRewards(service.pool, scope, {})
      return items.map(row => row.subjectKey).sort()
    }
    const friend = `friend_added/A1/x/${AT}`
    expect(await seen('A1')).toEqual([friend, 'task_done/t-1'])
    expect(await seen('boss')).toEqual([friend, 'task_done/t-1', 'task_done/t-2'])
    expect(await seen('franchisee')).toEqual(['task_done/t-3'])
    const explained = async (associateId: string) => {
      const { scope } = await personAt(service, associateId, now)
      const { events } = await explainRewards(service.pool, scope, { externalUserid: 'x' })
      return events.map(({ associateId: whose, reason }) => `${whose} ${reason}`)
    }
    expect(await explained('A1')).toEqual(['A1 paid'])
    expect(await explained('A3')).toEqual(['A3 not_first'])
    await expect(explained('A2')).rejects.toMatchObject({ code: 'not_found' })
    const { scope } = await personAt(service, 'A1', now)
    await expect(listRewards(service.pool, scope, { associate: 'A2' })).rejects.toMatchObject({ code: 'not_found' })
  })

  test('the list is paged by when the event was, newest first', async () => {
    const brand = await brandWith(PLAN)
    await brand.tell('task-events', [1, 2, 3, 4, 5].map(i => done({ taskId: `t${i}`, at: day(i > 3 ? 3 : i) }))) // prettier-ignore
    await brand.settled()
    const keys: string[] = []
    let cursor = ''
    do {
      const page: { items: Item[]; nextCursor: string | null } = await brand.get(`/rewards?limit=2${cursor}`)
      keys.push(...page.items.map(item => (item['subjectKey'] as string).slice(-2)))
      cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`
    } while (cursor !== '')
    expect(keys).toEqual(['t5', 't4', 't3', 't2', 't1'])
    const within = await brand.get<{ items: Item[] }>(`/rewards?from=${day(2)}&to=${day(3)}`)
    expect(within.items.map(item => item['at'])).toEqual([day(2)])
    await expect(brand.get('/rewards?cursor=x')).rejects.toThrow('malformed_cursor')
    await expect(brand.get('/rewards?event=birthday')).rejects.toThrow('400')
    await expect(brand.get('/rewards?associate=nobody')).rejects.toThrow('404')
  })
})

describe('the audit finds what was tampered with', () => {
  test('in what is kept, in the ledger, and for something that nobody told of', async () => {
    const brand = await brandWith(PLAN)
    const { brandId } = brand
    await brand.tell('task-events', [done()])
    await brand.tell('members', [enrolled()])
    expect(await owed(brand)).toHaveLength(2)
    const owner = openPool(service.databaseUrl, { max: 1, asOwner: true })
    const findings = async () => (await brand.get<{ items: Item[] }>('/audit')).items
    const sums = ({ subjectKey, decidedFen, entitlementFen, ledgerFen }: Item) => [
      subjectKey,
      decidedFen,
      entitlementFen,
      ledgerFen,
    ]
    try {
      await owner`UPDATE reward_entitlements SET amount_fen = 201
        WHERE brand_id = ${brandId} AND subject_key = 'task_done/t-1'`
      expect((await findings()).map(sums)).toEqual([['task_done/t-1', 200, 201, 200]])
      await owner`DELETE FROM reward_entitlements WHERE brand_id = ${brandId} AND subject_key = 'task_done/t-1'`
      expect((await findings()).map(sums)).toEqual([['task_done/t-1', 200, 0, 200]])
      await owner`
        INSERT INTO ledger_rows (brand_id, row_id, booked_at, subject, subject_key, payee_kind, payee, bearer_kind,
          bearer, rule_id, plan_code, plan_version, amount_fen, reason, available_at)
        SELECT brand_id, gen_random_uuid(), booked_at, subject, 'friend_added/A1/ghost/' || ${AT}::text, payee_kind,
          payee, bearer_kind, bearer, rule_id, plan_code, plan_version, 7, reason, available_at
        FROM ledger_rows WHERE brand_id = ${brandId} AND subject_key = 'task_done/t-1'`
      await owner`UPDATE ledger_rows SET amount_fen = 999
        WHERE brand_id = ${brandId} AND subject_key = 'member_enrolled/M1'`
      expect((await findings()).map(sums).sort()).toEqual([
        [`friend_added/A1/ghost/${AT}`, 0, 0, 7],
        ['member_enrolled/M1', 1000, 1000, 999],
        ['task_done/t-1', 200, 0, 200],
      ])
    } finally {
      await owner.end()
    }
  })
})

describe('events are taken', () => {
  let brand: BrandClient
  beforeAll(async () => {
    brand = await brandWith()
  })
  const tell = async (kind: string, ...items: Item[]) => {
    const { body } = await brand.send('POST', `/${kind}`, items)
    return (body as unknown as { status: string; error?: { code: string; field?: string } }[]).map(
      ({ status, error }) => [status, error?.code, error?.field].filter(part => part !== undefined).join(' '),
    )
  }

  test('friends: an unknown associate, an end’s field of a beginning, other content', async () => {
    const state = { state: 'poster-7' }
    expect(
      await tell(
        'friend-events',
        added({ associateId: 'nobody' }),
        added({ endedBy: 'customer' }),
        added({ kind: 'deleted' }),
        added({ externalUserid: 'c', ...state, endedBy: null }),
        added({ externalUserid: 'c', ...state }),
        added({ externalUserid: 'c' }),
        ended(AT, { externalUserid: 'c' }),
        ended(AT, { externalUserid: 'c', endedBy: 'associate' }),
        added({ externalUserid: 'c/d' }),
      ),
    ).toEqual([
      'rejected unknown_associate associateId',
      'rejected invalid_value endedBy',
      'rejected invalid_value kind',
      'created',
      'unchanged',
      'rejected conflict state',
      'created',
      'rejected conflict endedBy',
      'created',
    ])
    expect(
      await tell('friend-events', added({ externalUserid: 'c', ...state }), added({ externalUserid: 'c' })),
    ).toEqual(['unchanged', 'rejected conflict state'])
  })

  test('tasks: an unknown associate, other content; a member who is not known is made', async () => {
    const task = done({ taskId: 'd', memberNo: 'M-bare' })
    expect(
      await tell(
        'task-events',
        done({ taskId: 'd', associateId: 'nobody', memberNo: 'M-no' }),
        task,
        task,
        { ...task, task: 'visit' },
        { ...task, memberNo: null },
        { ...task, kind: 'undone' },
      ),
    ).toEqual([
      'rejected unknown_associate associateId',
      'created',
      'unchanged',
      'rejected conflict task',
      'rejected conflict memberNo',
      'created',
    ])
    expect(await tell('task-events', { ...task, associateId: 'A2' })).toEqual(['rejected conflict associateId'])
    const rows = await service.pool<{ memberNo: string }[]>`
      SELECT member_no AS "memberNo" FROM members WHERE brand_id = ${brand.brandId}`
    expect(rows.map(row => row.memberNo)).toEqual(['M-bare'])
  })

  test('the same event told by ten at once is one', async () => {
    const results = await Promise.all(
      Array.from({ length: 10 }, () =>
        Promise.all([
          tell('friend-events', added({ externalUserid: 'race' })),
          tell('task-events', done({ taskId: 'race' })),
        ]),
      ),
    )
    const all = results.flat(2)
    expect(all.filter(status => status === 'created')).toHaveLength(2)
    expect(all.filter(status => status === 'unchanged')).toHaveLength(18)
  })
})
