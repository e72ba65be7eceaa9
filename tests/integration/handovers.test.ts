import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool } from '../../server/database.ts'
import { assignmentInForce } from '../../server/features/attribution/domain.ts'
import { selectAssignments } from '../../server/features/attribution/queries.ts'
import { isLeaver, spanOfHandover, undoneFrom } from '../../server/features/handovers/domain.ts'
import { selectAttributed, selectMembersOf } from '../../server/features/handovers/queries.ts'
import type { Handover, UndoneHandover } from '../../server/features/handovers/schema.ts'
import { formatInstant } from '../../server/lib/time.ts'
import { associateItem, lineItem, orderItem, planBody, refundItem, storeItem } from '../builders/items.ts'
import { all, startTestService, type TestService } from '../support/service.ts'
import { signedIn, startTestWecom, type TestWecom } from '../support/wecom.ts'

const DAY_MS = 86_400_000
const START = Date.parse('2026-05-20T12:00:00+08:00')
let now = START
const iso = (at: number) => formatInstant(at)
const daysAgo = (days: number) => iso(START - days * DAY_MS)
const LONG_AGO = daysAgo(400)

let service: TestService
let wecom: TestWecom
beforeAll(async () => {
  wecom = await startTestWecom({ staff: ['boss1', 'f1', 'a1', 'hq'] })
  service = await startTestService({ env: wecom.env, now: () => now })
  await service.ingest('stores', [
    storeItem(),
    storeItem({ storeCode: 'S2', name: 'Other' }),
    storeItem({ storeCode: 'S3', name: 'Theirs', type: 'franchise', franchiseeId: 'F1' }),
  ])
  const someone = (associateId: string, over: object = {}) =>
    associateItem({ associateId, activeFrom: LONG_AGO, ...over })
  await service.ingest('associates', [
    someone('a1'),
    someone('a2'),
    someone('b1', { storeCode: 'S2' }),
    someone('boss1', { role: 'manager' }),
    someone('f1', { storeCode: 'S3', role: 'franchisee', franchiseeId: 'F1' }),
    someone('hq', { kind: 'office', storeCode: null, role: 'headquarters' }),
  ])
  const rules = [{ id: 'care', role: 'attributed', rateBps: 100, bearer: 'headquarters' }]
  expect((await service.post('/plans', { ...planBody({ rules }), retroactive: true })).status).toBe(201)
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

let leavers = 0
/** Somebody of S1 who left ten days ago, with so many members of his own. */
async function aLeaver(memberCount: number, over: object = {}) {
  const associateId = `l${++leavers}`
  await service.ingest('associates', [
    associateItem({ associateId, activeFrom: LONG_AGO, activeTo: daysAgo(10), ...over }),
  ])
  const memberNos = Array.from({ length: memberCount }, (_, i) => `${associateId}-m${i + 1}`)
  for (let i = 0; i < memberNos.length; i += 1000) await assign(memberNos.slice(i, i + 1000), associateId)
  return { associateId, memberNos }
}
const assign = (memberNos: readonly string[], attributedAssociate: string | null, from = LONG_AGO) =>
  service.ingest(
    'member-assignments',
    memberNos.map(memberNo => ({ memberNo, from, attributedAssociate })),
  )
const handOver = (body: object) => service.post('/handovers', { reason: '离职交接', ...body })
const undo = (id: string, reason = '交接有误') => service.post(`/handovers/${id}/undo`, { reason })
interface Candidate {
  memberNo: string
}
const membersOf = async (associate: string) =>
  (await all<Candidate>(service, `/handovers/candidates?associate=${associate}`)).map(row => row.memberNo)
const countOf = async (table: 'handovers' | 'handover_members' | 'member_assignments') =>
  (await service.pool<{ count: number }[]>`SELECT count(*)::int AS count FROM ${service.pool(table)}`)[0]!.count
const everything = async () => [
  await countOf('handovers'),
  await countOf('handover_members'),
  await countOf('member_assignments'),
]

describe('whose customer somebody is', () => {
  test('is by statement what it is by rule, for whatever was told, derived and merged', async () => {
    const people = ['p1', 'p2', 'p3'].flatMap(person => ['', 'x', 'y'].map(number => `${person}${number}`))
    const entry = fc.record({
      memberNo: fc.constantFrom(...people),
      from: fc.integer({ min: 0, max: 4 }),
      associateId: fc.constantFrom('a1', 'a2', null),
      derived: fc.boolean(),
    })
    const merge = fc.record({ memberNo: fc.constantFrom(...people), into: fc.constantFrom(...people) })
    let held = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { minLength: 5, maxLength: 20 }),
        fc.array(merge, { maxLength: 3 }),
        async (entries, merges) => {
          await service.pool
            .begin(async tx => {
              const instant = (from: number) => iso(START + from)
              await tx`
              INSERT INTO members (brand_id, member_no, levels, tags, last_member_no, created_at, updated_at)
              SELECT 1, no, '[]', '{}', no, now(), now() FROM unnest(${people}::text[]) AS no`
              for (const { memberNo, into } of merges) {
                const next = merges.find(other => other.memberNo === into)
                if (next || memberNo === into) continue // chains are for the members' own tests
                await tx`UPDATE members SET last_member_no = ${into} WHERE brand_id = 1 AND member_no = ${memberNo}`
              }
              const told = new Set<string>()
              for (const { memberNo, from, associateId, derived } of entries) {
                const key = `${memberNo} ${from} ${derived}`
                if (told.has(key)) continue
                told.add(key)
                if (!derived) {
                  await tx`
                  INSERT INTO member_assignments (brand_id, member_no, from_at, assignment_id, attributed_told,
                    attributed_associate, home_store_told, received_at)
                  VALUES (1, ${memberNo}, ${instant(from)}::text::timestamptz, gen_random_uuid(), true, ${associateId}, false, now())`
                } else if (associateId !== null) {
                  await tx`
                  INSERT INTO derived_assignments (brand_id, member_no, from_at, associate_id, event_kind, event_id)
                  VALUES (1, ${memberNo}, ${instant(from)}::text::timestamptz, ${associateId}, 'enrol', 'e')`
                }
              }
              const numbers = await tx<{ memberNo: string; last: string }[]>`
              SELECT member_no AS "memberNo", last_member_no AS last FROM members WHERE member_no = ANY (${people}::text[])`
              for (const at of [START - 1, START + 1, START + 4]) {
                const attributed = await selectAttributed(tx, { brandId: 1, memberNos: people, at })
                const his = await selectMembersOf(tx, { brandId: 1, associateId: 'a1', at, after: null, limit: 100 })
                for (const last of new Set(numbers.map(row => row.last))) {
                  const own = numbers.filter(row => row.last === last).map(row => row.memberNo)
                  const rows = await selectAssignments(tx, { brandId: 1, memberNos: own })
                  const inForce = assignmentInForce(
                    rows.map(row => ({
                      memberNo: row.memberNo,
                      from: row.fromAt,
                      attributedAssociate: row.attributedAssociate,
                      ...(row.event === null ? {} : { event: row.event }),
                    })),
                    'attributedAssociate',
                    at,
                  )
                  for (const memberNo of own) expect(attributed.get(memberNo) ?? null).toBe(inForce?.value ?? null)
                  const mine = his.find(row => row.memberNo === last)
                  expect(mine?.since ?? null).toBe(inForce?.value === 'a1' ? inForce.from : null)
                  if (mine) held++
                }
              }
              throw new RollBack()
            })
            .catch(error => {
              if (!(error instanceof RollBack)) throw error
            })
        },
      ),
      { numRuns: 60 },
    )
    expect(held).toBeGreaterThan(30)
  })
  class RollBack extends Error {}
})

describe('the lists', () => {
  test('say who left or leaves soon with how many members, each person once', async () => {
    const { associateId: left, memberNos } = await aLeaver(5)
    await service.ingest('member-merges', [{ memberNo: memberNos[0]!, into: memberNos[1]!, at: daysAgo(1) }])
    await assign([memberNos[4]!], 'a1', daysAgo(2))
    const { associateId: leaving } = await aLeaver(1, { activeTo: iso(START + 30 * DAY_MS) })
    const { associateId: staying } = await aLeaver(1, { activeTo: iso(START + 30 * DAY_MS + 1) })
    const { associateId: alone } = await aLeaver(0)
    const rows = await all<{ associateId: string; memberCount: number }>(service, '/handovers/leavers')
    expect(rows.filter(row => [left, leaving, staying, alone].includes(row.associateId))).toEqual([
      { associateId: left, name: 'Associate', storeCode: 'S1', activeTo: daysAgo(10), memberCount: 3 },
      { associateId: leaving, name: 'Associate', storeCode: 'S1', activeTo: iso(START + 30 * DAY_MS), memberCount: 1 },
    ])
    expect(await membersOf(left)).toEqual(memberNos.slice(1, 4))
    const first = await service.get<{ items: Candidate[]; nextCursor: string }>(
      `/handovers/candidates?associate=${left}&limit=2`,
    )
    const second = await service.get<{ items: Candidate[]; nextCursor: null }>(
      `/handovers/candidates?associate=${left}&limit=2&cursor=${first.nextCursor}`,
    )
    expect([...first.items, ...second.items].map(row => row.memberNo)).toEqual(memberNos.slice(1, 4))
    expect(second.nextCursor).toBe(null)
  })

  test('say of each member his home store, his last order and what he spent in 12 months', async () => {
    const { associateId, memberNos } = await aLeaver(2)
    const [memberNo, other] = memberNos as [string, string]
    await service.ingest('members', [{ memberNo, name: '林女士', openingStore: 'S2' }])
    await service.ingest('member-assignments', [{ memberNo: other, from: LONG_AGO, homeStore: 'S1' }])
    const order = (days: number, paidFen: number, over: object = {}) =>
      orderItem({
        orderNo: `${memberNo}-${days}`,
        memberNo,
        paidAt: daysAgo(days),
        lines: [lineItem({ paidFen })],
        ...over,
      })
    await service.ingest('orders', [
      order(370, 1_000), // 20 May of the year before is 365 days ago
      order(365, 20),
      order(30, 300),
      order(5, 4_000, { cancelled: true }),
      order(20, 50_000),
    ])
    const lines = [{ lineNo: 1, quantity: 1, refundFen: 50_000 }]
    await service.ingest('refunds', [refundItem({ refundNo: memberNo, orderNo: `${memberNo}-20`, lines })])
    await service.settled()
    const { items } = await service.get<{ items: object[] }>(`/handovers/candidates?associate=${associateId}`)
    expect(items).toEqual([
      { memberNo, name: '林女士', homeStore: 'S2', since: LONG_AGO, lastPaidAt: daysAgo(30), last12MonthsFen: 320 },
      { memberNo: other, name: null, homeStore: 'S1', since: LONG_AGO, lastPaidAt: null, last12MonthsFen: 0 },
    ])
  })
})

describe('a handover', () => {
  test('leaves a leaver what he earned, and gives what is paid from then on to the others', async () => {
    const { associateId, memberNos } = await aLeaver(2)
    const order = (memberNo: string, days: number) =>
      orderItem({ orderNo: `${memberNo}-${days}`, memberNo, paidAt: daysAgo(days) })
    const owed = async () => {
      await service.settled()
      const rows = await all<{ orderNo: string; payee: string; amountFen: number }>(service, '/entitlements')
      const own = rows.filter(row => memberNos.some(memberNo => row.orderNo.startsWith(`${memberNo}-`)))
      return own.map(row => `${row.orderNo.slice(memberNos[0]!.length - 2)} ${row.payee} ${row.amountFen}`).sort()
    }
    const [one, two] = memberNos as [string, string]
    await service.ingest('orders', [order(one, 20), order(one, 5), order(two, 20), order(two, 10)])
    // Paid at the instant at which he left is paid when he was gone.
    expect(await owed()).toEqual([`m1-20 ${associateId} 100`, `m2-20 ${associateId} 100`])
    const made = await handOver({
      fromAssociate: associateId,
      fromAt: daysAgo(10),
      assignments: [
        { memberNo: one, toAssociate: 'a1' },
        { memberNo: two, toAssociate: 'b1' },
      ],
    })
    expect(made).toMatchObject({
      status: 201,
      body: {
        fromAssociate: associateId,
        reason: '离职交接',
        fromAt: daysAgo(10),
        memberCount: 2,
        undoneAt: null,
        madeBy: 'key:bootstrap',
      },
    })
    const handed = [`m1-20 ${associateId} 100`, 'm1-5 a1 100', 'm2-10 b1 100', `m2-20 ${associateId} 100`]
    expect(await owed()).toEqual(handed)
    expect(await membersOf(associateId)).toEqual([])

    // He is hired again: nothing comes back to him.
    await service.ingest('associates', [{ associateId, activeFrom: daysAgo(3) }])
    await service.ingest('orders', [order(one, 2)])
    expect(await owed()).toEqual([`m1-2 a1 100`, ...handed].sort())

    // It is taken back from now on: what was sold in between stays as it is.
    now += 1000
    expect((await undo(made.body['handoverId'] as string)).status).toBe(200)
    await service.ingest('orders', [orderItem({ orderNo: `${one}-now`, memberNo: one, paidAt: iso(now) })])
    expect(await owed()).toEqual(['m1-2 a1 100', ...handed, `m1-now ${associateId} 100`].sort())
    const reasons = await service.pool<{ reason: string; associate: string }[]>`
      SELECT reason, attributed_associate AS associate FROM member_assignments
      WHERE brand_id = 1 AND member_no = ${one} ORDER BY from_at`
    expect(reasons.map(row => [row.associate, row.reason])).toEqual([
      [associateId, null],
      ['a1', '离职交接'],
      [associateId, '交接有误'],
    ])
  })

  test('of all goes to one; asked again it is the same, since an answer may be lost', async () => {
    const { associateId, memberNos } = await aLeaver(3)
    const body = { fromAssociate: associateId, toAssociate: 'a2', all: true }
    const made = await handOver(body)
    expect(made).toMatchObject({ status: 201, body: { memberCount: 3 } })
    expect(await handOver(body)).toEqual({ status: 200, body: made.body })
    expect(await handOver({ ...body, reason: 'another' })).toMatchObject({ status: 409, body: { code: 'conflict' } })
    expect(await handOver({ ...body, toAssociate: 'a1' })).toMatchObject({ status: 409 })
    const named = {
      fromAssociate: associateId,
      assignments: memberNos.map(memberNo => ({ memberNo, toAssociate: 'a2' })),
    }
    expect(await handOver(named)).toEqual({ status: 200, body: made.body })
    expect(await handOver({ ...named, assignments: named.assignments.slice(1) })).toMatchObject({ status: 409 })
    const activity = await all<{ action: string }>(
      service,
      `/activity?subject=handovers/${made.body['handoverId'] as string}`,
    )
    expect(activity).toMatchObject([{ action: 'handover.made', details: { members: 3 } }])
  })

  test('with members who are not his is refused by name, and nobody is handed over', async () => {
    const { associateId, memberNos } = await aLeaver(3)
    const [one, two, three] = memberNos as [string, string, string]
    await assign([two], 'a1', daysAgo(1))
    await service.ingest('member-merges', [{ memberNo: 'old-number', into: three, at: daysAgo(1) }])
    const before = await everything()
    const to = (...names: string[]) => names.map(memberNo => ({ memberNo, toAssociate: 'a2' }))
    const refused = await handOver({ fromAssociate: associateId, assignments: to(one, two, 'nobody-knows', three) })
    expect(refused).toMatchObject({ status: 409, body: { code: 'handover.not_his' } })
    expect((refused.body['errors'] as { path: string }[]).map(fault => fault.path)).toEqual([
      'assignments[1].memberNo',
      'assignments[2].memberNo',
    ])
    const twice = await handOver({ fromAssociate: associateId, assignments: to(three, 'old-number') })
    expect(twice).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'assignments[1].memberNo', code: 'named_twice' }] },
    })
    expect(await everything()).toEqual(before)
    expect((await handOver({ fromAssociate: associateId, assignments: to(one, 'old-number') })).status).toBe(201)
    expect(await membersOf(associateId)).toEqual([])
    expect(await membersOf('a2')).toEqual(expect.arrayContaining([one, three]))
  })

  test('at once with another gives each member once', async () => {
    const { associateId, memberNos } = await aLeaver(4)
    const of = (toAssociate: string) =>
      handOver({ fromAssociate: associateId, assignments: memberNos.map(memberNo => ({ memberNo, toAssociate })) })
    const answers = await Promise.all([of('a1'), of('a2'), of('b1')])
    expect(answers.map(answer => answer.status).sort()).toEqual([201, 409, 409])
  })

  test.each<[string, (leaver: string) => object, string, string]>([
    ['to nobody who is known', () => ({ toAssociate: 'nobody' }), 'toAssociate', 'unknown_associate'],
    ['to himself', leaver => ({ toAssociate: leaver }), 'toAssociate', 'same_associate'],
    ['to somebody who left as well', () => ({ toAssociate: 'l1' }), 'toAssociate', 'inactive'],
    ['of somebody who stays', () => ({ fromAssociate: 'a1' }), 'fromAssociate', 'not_a_leaver'],
    ['from before he left', () => ({ fromAt: iso(START - 10 * DAY_MS - 1) }), 'fromAt', 'out_of_range'],
    ['from some day', () => ({ fromAt: iso(START + DAY_MS) }), 'fromAt', 'out_of_range'],
    [
      'that names all and some',
      () => ({ assignments: [{ memberNo: 'm', toAssociate: 'a1' }] }),
      'assignments',
      'invalid_value',
    ],
    ['of all to nobody', () => ({ toAssociate: undefined }), 'assignments', 'invalid_value'],
    ['that is not of all', () => ({ all: false }), 'assignments', 'invalid_value'],
    ['without a reason', () => ({ reason: ' ' }), 'reason', 'invalid_value'],
    ['with a misspelt field', () => ({ fromat: iso(START) }), 'fromat', 'unknown_field'],
  ])('%s is refused by its path', async (_, over, path, code) => {
    const { associateId } = await aLeaver(1)
    const before = await everything()
    const { status, body } = await handOver({
      fromAssociate: associateId,
      toAssociate: 'a2',
      all: true,
      ...over(associateId),
    })
    expect([status, body['errors']]).toEqual([422, [expect.objectContaining({ path, code })]])
    expect(await everything()).toEqual(before)
  })

  test('of somebody who still works begins now, or on his last day at the latest', async () => {
    const lastDay = START + 20 * DAY_MS
    const { associateId, memberNos } = await aLeaver(1, { activeTo: iso(lastDay) })
    const body = { fromAssociate: associateId, toAssociate: 'a2', all: true }
    for (const fromAt of [now - 1, lastDay + 1]) {
      expect(await handOver({ ...body, fromAt: iso(fromAt) })).toMatchObject({ status: 422 })
    }
    const made = await handOver({ ...body, fromAt: iso(lastDay) })
    expect(made.status).toBe(201)
    expect(await membersOf(associateId)).toEqual(memberNos) // not yet
    now += 1000
    expect(await undo(made.body['handoverId'] as string)).toMatchObject({
      status: 200,
      body: { returnedCount: 1, left: [] },
    })
    const [row] = await service.pool<{ at: number }[]>`
      SELECT max(from_at) AS at FROM member_assignments WHERE brand_id = 1 AND member_no = ${memberNos[0]!}`
    expect(row!.at).toBe(lastDay + 1)
  })

  test('is undone once: who was given to somebody else since stays there, and is named', async () => {
    const { associateId, memberNos } = await aLeaver(4)
    const [one, two, three, four] = memberNos as [string, string, string, string]
    const made = await handOver({
      fromAssociate: associateId,
      assignments: [one, two, three, four].map(memberNo => ({ memberNo, toAssociate: 'a2' })),
    })
    now += 1000
    await assign([two], 'b1', iso(now))
    await assign([three], null, iso(now))
    await service.ingest('member-merges', [{ memberNo: four, into: `${four}-new`, at: iso(now) }])
    now += 1000
    const id = made.body['handoverId'] as string
    const answers = await Promise.all([undo(id, 'one'), undo(id, 'other')])
    expect(answers.map(answer => answer.status)).toEqual([200, 200])
    expect(answers[0]!.body).toEqual(answers[1]!.body)
    const undone = answers[0]!.body as unknown as UndoneHandover
    expect(undone).toMatchObject({ undoneAt: iso(now), undoneBy: 'key:bootstrap', returnedCount: 2 })
    expect(['one', 'other']).toContain(undone.undoReason)
    expect(undone.left).toEqual([
      { memberNo: two, associateId: 'b1' },
      { memberNo: three, associateId: null },
    ])
    expect(await membersOf(associateId)).toEqual([one, `${four}-new`])
    const details = await service.get<{ items: object[] }>(`/handovers/${id}`)
    expect(details.items).toMatchObject([
      { memberNo: one, toAssociate: 'a2', returned: true },
      { memberNo: two, returned: false },
      { memberNo: three, returned: false },
      { memberNo: four, returned: true },
    ])
    // They can be handed over again, and that is another handover.
    now += 1000
    const again = await handOver({ fromAssociate: associateId, toAssociate: 'a2', all: true })
    expect(again).toMatchObject({ status: 201, body: { memberCount: 2 } })
    const list = await all<Handover>(service, '/handovers')
    expect(list.slice(0, 2).map(row => row.handoverId)).toEqual([again.body['handoverId'], id])
  })

  test('of 5,000 members takes seconds, of more it is refused', async () => {
    const { associateId, memberNos } = await aLeaver(5_001)
    const body = { fromAssociate: associateId, toAssociate: 'a2', all: true }
    // What autovacuum does a minute after so many rows came.
    const owner = openPool(service.databaseUrl, { max: 1, asOwner: true })
    await owner`ANALYZE`
    await owner.end()
    const tooMany = await handOver(body)
    expect(tooMany).toMatchObject({ status: 422, body: { errors: [{ path: 'all', code: 'too_many' }] } })
    const assignments = memberNos.slice(0, 5_000).map(memberNo => ({ memberNo, toAssociate: 'a2' }))
    const began = performance.now()
    const made = await handOver({ fromAssociate: associateId, assignments })
    const tookMs = performance.now() - began
    expect(made).toMatchObject({ status: 201, body: { memberCount: 5_000 } })
    expect(await membersOf(associateId)).toEqual(memberNos.slice(5_000))
    expect((await undo(made.body['handoverId'] as string)).body).toMatchObject({ returnedCount: 5_000, left: [] })
    expect(tookMs).toBeLessThan(20_000)
  })
})

describe('a manager', () => {
  test('hands the leavers of his store to its people; others are not there for him, and others may not', async () => {
    const own = await aLeaver(2)
    const foreign = await aLeaver(1, { storeCode: 'S2' })
    const boss = await signedIn(service, 'boss1')
    const call = async (who: typeof boss, method: 'GET' | 'POST', path: string, body?: object) => {
      const answer = await who.browser.call(method, `/api/v1${path}`, { headers: who.csrf, ...(body ? { body } : {}) })
      return { status: answer.status, body: answer.json() as Record<string, unknown> }
    }
    const body = { fromAssociate: own.associateId, reason: '离职交接', toAssociate: 'a2', all: true }
    const list = await call(boss, 'GET', '/handovers/leavers?limit=500')
    const ids = (list.body['items'] as { associateId: string }[]).map(row => row.associateId)
    expect([ids.includes(own.associateId), ids.includes(foreign.associateId)]).toEqual([true, false])
    expect((await call(boss, 'GET', `/handovers/candidates?associate=${own.associateId}`)).status).toBe(200)
    expect((await call(boss, 'GET', `/handovers/candidates?associate=${foreign.associateId}`)).status).toBe(404)
    expect((await call(boss, 'POST', '/handovers', { ...body, fromAssociate: foreign.associateId })).status).toBe(404)
    expect(await call(boss, 'POST', '/handovers', { ...body, toAssociate: 'b1' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'toAssociate', code: 'unknown_associate' }] },
    })
    const made = await call(boss, 'POST', '/handovers', body)
    expect(made).toMatchObject({ status: 201, body: { madeBy: 'boss1', memberCount: 2 } })
    const theirs = await handOver({ fromAssociate: foreign.associateId, toAssociate: 'b1', all: true })
    const id = theirs.body['handoverId'] as string
    expect((await call(boss, 'GET', `/handovers/${id}`)).status).toBe(404)
    expect((await call(boss, 'POST', `/handovers/${id}/undo`, { reason: 'no' })).status).toBe(404)
    const seen = (await call(boss, 'GET', '/handovers?limit=500')).body['items'] as Handover[]
    expect(seen.some(row => row.handoverId === id)).toBe(false)

    for (const userid of ['a1', 'f1']) {
      const other = await signedIn(service, userid)
      expect((await call(other, 'POST', '/handovers', { nonsense: true })).status).toBe(403)
      expect((await call(other, 'POST', `/handovers/${id}/undo`, {})).status).toBe(403)
    }
    const associate = await signedIn(service, 'a1')
    for (const path of ['', '/leavers', `/candidates?associate=a1`, `/${id}`]) {
      expect((await call(associate, 'GET', `/handovers${path}`)).status).toBe(404)
    }
    now += 1000
    const ownId = made.body['handoverId'] as string
    expect((await call(boss, 'POST', `/handovers/${ownId}/undo`, { reason: 'yes' })).status).toBe(200)
  })
})

describe('by rule', () => {
  const spell = (from: number, to: number | null) => ({ activeFrom: iso(START + from * DAY_MS), activeTo: to === null ? null : iso(START + to * DAY_MS) }) // prettier-ignore
  test.each([
    ['works on', [spell(-9, null)], false],
    ['left', [spell(-9, -2)], true],
    ['leaves now', [spell(-9, 0)], true],
    ['leaves in 30 days', [spell(-9, 30)], true],
    ['leaves later', [spell(-9, 31)], false],
    ['leaves and comes back within the month', [spell(-9, 10), spell(20, null)], false],
    ['is away and comes back', [spell(-9, -2), spell(20, null)], true],
    ['has not begun', [spell(5, null)], true],
  ])('whoever %s is a leaver or not', (_, spells, expected) => {
    expect(isLeaver(spells, START)).toBe(expected)
  })

  test('a handover begins after what he earned', () => {
    expect(spanOfHandover([spell(-90, -50), spell(-30, -2)], START)).toEqual({
      earliest: START - 2 * DAY_MS,
      latest: START,
    })
    expect(spanOfHandover([spell(-30, 7)], START)).toEqual({ earliest: START, latest: START + 7 * DAY_MS })
    expect(spanOfHandover([spell(3, null)], START)).toEqual({ earliest: null, latest: START })
    expect(undoneFrom(START, START)).toBe(START + 1)
    expect(undoneFrom(START - 1, START)).toBe(START)
  })
})
