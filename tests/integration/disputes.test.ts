import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DisputeDetail, DisputeItem } from '../../server/features/disputes/schema.ts'
import type { NoticeItem } from '../../server/features/notices/schema.ts'
import { brand, daysAgo, NOW, standardPlan } from '../builders/brand.ts'
import { askerOf, type Asker } from '../support/askers.ts'
import { openOtherBrand, tell } from '../support/people.ts'
import { all, startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'

const STAFF = ['a1', 'a2', 'a3', 'f1', 'manager1', 'manager2', 'franchisee1', 'franchisee2', 'boss', 'auditor'] as const

let service: TestService
let wecom: TestWecom
let now = NOW
const people = new Map<string, Asker>()
const person = (userid: (typeof STAFF)[number]): Asker => people.get(userid)!

beforeAll(async () => {
  wecom = await startTestWecom({ staff: STAFF })
  service = await startTestService({ env: wecom.env, now: () => now++ })
  await tell(service, {
    ...brand,
    members: [
      { memberNo: 'M-OPENED', name: '王小明', phone: '13800000001', openingStore: 'S2', openingAssociate: 'a1' },
      { memberNo: 'M-ONCE', name: '李四', openingStore: 'S2' },
      { memberNo: 'M-STRANGE', name: '赵六', openingStore: 'S2' },
      { memberNo: 'M-LATE' },
      { memberNo: 'M-EARLY', name: '孙七' },
      { memberNo: 'M-OWN' },
    ],
    associates: [...brand.associates, { associateId: 'a1', memberNo: 'M-OWN' }],
    'member-assignments': [
      { memberNo: 'M-ONCE', from: daysAgo(300), attributedAssociate: 'a1' },
      { memberNo: 'M-ONCE', from: daysAgo(200), attributedAssociate: 'a3' },
    ],
    'share-links': ['a1', 'a2', 'a3', 'f1'].map(associateId => ({
      linkCode: `dispute-${associateId}`,
      associateId,
      target: { kind: 'product', ref: 'k' },
      channel: 'other',
    })),
  })
  expect((await service.post('/plans', standardPlan)).status).toBe(201)
  await service.settled()
  for (const userid of STAFF) people.set(userid, await askerOf(service, userid))
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

let orders = 0
/** Sold in a shop ten days ago for 100 yuan; the closer has 3 %, a sharer 4 %, the attributed associate 1 %. */
async function sale(over: object = {}) {
  const order = {
    source: 'till',
    orderNo: `d-${++orders}`,
    channel: 'in_store',
    sellingStore: 'S1',
    closer: 'a2',
    paidAt: daysAgo(10),
    lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 10_000 }],
    ...over,
  }
  await tell(service, { orders: [JSON.parse(JSON.stringify(order)) as object] })
  return { source: order.source, orderNo: order.orderNo }
}
type Order = Awaited<ReturnType<typeof sale>>

const file = (asker: Asker, order: object, role = 'closer', more: object = {}) =>
  asker.post('/disputes', { ...order, role, text: '这是我接待的', ...more })
/** The id of a dispute that was filed as it should. */
async function filed(asker: Asker, order: object, role = 'closer', more: object = {}): Promise<string> {
  const { status, body } = await file(asker, order, role, more)
  expect({ status, body }).toMatchObject({ status: 201 })
  return body['disputeId'] as string
}
const decide = (asker: Asker, id: string, outcome: string, reason = '监控可见') =>
  asker.post(`/disputes/${id}/decide`, { outcome, reason })
const detailOf = (asker: Asker, id: string) => asker.get<DisputeDetail>(`/disputes/${id}`)
const noticesOf = async (asker: Asker, id: string) =>
  (await asker.get<{ items: NoticeItem[] }>('/notices?limit=500')).items.filter(
    notice => notice.details['disputeId'] === id,
  )
/** Who is owed what for an order now, as `role payee amount`. */
const owed = async (order: Order) => {
  const path = `/entitlements?source=${order.source}&orderNo=${order.orderNo}`
  const rows = await all<{ role: string; payee: string; amountFen: number }>(service, path)
  return rows.map(row => `${row.role} ${row.payee} ${row.amountFen}`).sort()
}
const overridesOf = async (order: Order) =>
  await service.pool<{ role: string; associateId: string; reason: string; madeBy: string; overrideId: string }[]>`
    SELECT role, associate_id AS "associateId", reason, made_by AS "madeBy", override_id AS "overrideId"
    FROM order_overrides WHERE source = ${order.source} AND order_no = ${order.orderNo} ORDER BY at`
const expectNothingDiffers = async () => {
  await service.settled()
  expect(await service.get('/audit')).toMatchObject({ items: [] })
}
const deeds = async (id: string) =>
  (await service.get<{ items: { action: string; actor: string }[] }>(`/activity?subject=disputes/${id}`)).items
    .map(({ action, actor }) => `${action} ${actor}`)
    .reverse()

describe('a dispute that is upheld', () => {
  test('gives the role to whom it belongs, tells both sides, and stays though the order is revised', async () => {
    const order = await sale()
    expect(await owed(order)).toEqual(['closer a2 300'])
    const id = await filed(person('a1'), order)
    expect(await owed(order)).toEqual(['closer a2 300'])

    const seen = await detailOf(person('manager1'), id)
    expect(seen).toMatchObject({
      kind: 'dispute',
      status: 'open',
      role: 'closer',
      associateId: 'a1',
      associateName: '导购 a1',
      storeCode: 'S1',
      text: '这是我接待的',
      openedBy: 'a1',
      decision: null,
      mayUphold: true,
      mayReject: true,
      order: { netFen: 10_000, buyer: null, lines: [{ lineNo: 1, netFen: 10_000, closer: 'a2' }] },
      wouldChange: [
        { role: 'closer', payeeKind: 'associate', payee: 'a2', nowFen: 300, upheldFen: 0 },
        { role: 'closer', payeeKind: 'associate', payee: 'a1', nowFen: 0, upheldFen: 300 },
      ],
    })
    expect(seen.order.roles).toContainEqual({ role: 'closer', holder: 'a2', because: 'ticket' })

    const decided = await decide(person('manager1'), id, 'upheld')
    expect(decided.status).toBe(200)
    expect(await owed(order)).toEqual(['closer a1 300'])
    const [override] = await overridesOf(order)
    expect(override).toMatchObject({ role: 'closer', associateId: 'a1', reason: '监控可见', madeBy: 'manager1' })
    expect(decided.body).toMatchObject({
      status: 'upheld',
      decision: {
        outcome: 'upheld',
        reason: '监控可见',
        overrideId: override!.overrideId,
        decidedBy: 'manager1',
      },
    })
    const facts = { disputeId: id, ...order, role: 'closer', outcome: 'upheld', reason: '监控可见' }
    expect(await noticesOf(person('a1'), id)).toMatchObject([
      { kind: 'dispute_decided', readAt: null, details: { ...facts, changeFen: 300 } },
    ])
    expect(await noticesOf(person('a2'), id)).toMatchObject([
      { kind: 'commission_changed', readAt: null, details: { ...facts, changeFen: -300 } },
    ])
    expect(await deeds(id)).toEqual(['dispute.opened a1', 'dispute.upheld manager1'])
    await expectNothingDiffers()

    await sale({ ...order, revision: 2, lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 20_000 }] })
    expect(await owed(order)).toEqual(['closer a1 600'])
    await expectNothingDiffers()
  })

  test('changes what was said that it would change, also under a cap and for those who hold other roles', async () => {
    // 12 % to three associates is cut by the cap; with another sharer the parts are others.
    const order = await sale({
      channel: 'online',
      closer: 'a2',
      memberNo: 'M-ONCE',
      shareCode: 'dispute-a2',
      sellingStore: 'S1',
      lines: [
        { lineNo: 1, sku: 'k', category: 'shoes', quantity: 1, paidFen: 10_001 },
        { lineNo: 2, sku: 'k', quantity: 1, paidFen: 3_333 },
      ],
    })
    const id = await filed(person('a1'), order, 'sharer')
    const { wouldChange } = await detailOf(person('boss'), id)
    const expected = wouldChange!.flatMap(row =>
      row.upheldFen === 0 ? [] : [`${row.role} ${row.payee} ${row.upheldFen}`],
    )
    const before = wouldChange!.flatMap(row => (row.nowFen === 0 ? [] : [`${row.role} ${row.payee} ${row.nowFen}`]))
    const byRole = async () => {
      const sums = new Map<string, number>()
      for (const row of await owed(order)) {
        const [role, payee, amount] = row.split(' ')
        sums.set(`${role} ${payee}`, (sums.get(`${role} ${payee}`) ?? 0) + Number(amount))
      }
      return [...sums].map(([key, amount]) => `${key} ${amount}`)
    }
    expect((await byRole()).sort()).toEqual(before.sort())
    expect((await decide(person('boss'), id, 'upheld')).status).toBe(200)
    expect((await byRole()).sort()).toEqual(expected.sort())
    expect(expected).not.toEqual(before)
    await expectNothingDiffers()
  })

  test('tells what the decision itself changed, not what other evidence had not yet', async () => {
    const order = await sale({ memberNo: 'M-LATE' })
    const id = await filed(person('a1'), order)
    // A touch is not booked while a transaction that began before it goes on.
    await service.pool.begin(async tx => {
      await tx`SELECT pg_current_xact_id()`
      await tell(service, {
        touches: [
          { touchId: 'late-touch', linkCode: 'dispute-a3', at: daysAgo(11), kind: 'click', memberNo: 'M-LATE' },
        ],
      })
      expect(await owed(order)).toEqual(['closer a2 300'])
      expect((await decide(person('manager1'), id, 'upheld')).status).toBe(200)
    })
    await service.settled()
    expect(await owed(order)).toEqual(['closer a1 300', 'sharer a3 400'])
    expect(await noticesOf(person('a3'), id)).toEqual([])
    await expectNothingDiffers()
  })
})

describe('a dispute that is rejected or taken back', () => {
  test('changes nothing, and tells whoever filed it alone', async () => {
    const order = await sale()
    const id = await filed(person('a1'), order)
    expect((await decide(person('manager1'), id, 'rejected', '小票是 a2')).body).toMatchObject({ status: 'rejected' })
    expect(await owed(order)).toEqual(['closer a2 300'])
    expect(await overridesOf(order)).toEqual([])
    expect(await noticesOf(person('a1'), id)).toMatchObject([
      { kind: 'dispute_decided', details: { outcome: 'rejected', reason: '小票是 a2', changeFen: 0 } },
    ])
    expect(await noticesOf(person('a2'), id)).toEqual([])
    expect((await detailOf(person('a1'), id)).wouldChange).toBeNull()
    await expectNothingDiffers()
    // It may be filed again, with more to say.
    expect(await filed(person('a1'), order)).not.toBe(id)
  })

  test('is taken back by him alone, once, and while it is open', async () => {
    const order = await sale()
    const id = await filed(person('a1'), order)
    const withdraw = (asker: Asker, body: object = {}) => asker.post(`/disputes/${id}/withdraw`, body)
    expect((await withdraw(person('a2'))).status).toBe(404)
    expect((await withdraw(person('manager1'))).status).toBe(403)
    expect((await withdraw(person('boss'))).status).toBe(403)
    expect((await service.post(`/disputes/${id}/withdraw`, {})).status).toBe(403)
    const taken = await withdraw(person('a1'), { reason: '记错了' })
    expect(taken).toMatchObject({ status: 200, body: { status: 'withdrawn', decision: { reason: '记错了' } } })
    expect(await withdraw(person('a1'))).toEqual(taken)
    expect((await decide(person('manager1'), id, 'upheld')).status).toBe(409)
    expect(await deeds(id)).toEqual(['dispute.opened a1', 'dispute.withdrawn a1'])
    expect(await noticesOf(person('a1'), id)).toEqual([])

    const decided = await filed(person('a1'), order)
    await decide(person('manager1'), decided, 'rejected')
    expect((await person('a1').post(`/disputes/${decided}/withdraw`, {})).status).toBe(409)
  })

  test('decided the same again is unchanged, otherwise a conflict', async () => {
    const order = await sale()
    const id = await filed(person('a1'), order)
    const first = await decide(person('manager1'), id, 'upheld')
    expect(await decide(person('boss'), id, 'upheld')).toEqual(first)
    expect((await decide(person('boss'), id, 'upheld', '另一个理由')).status).toBe(409)
    expect((await decide(person('boss'), id, 'rejected')).status).toBe(409)
    expect(await overridesOf(order)).toHaveLength(1)
    expect(await noticesOf(person('a1'), id)).toHaveLength(1)
  })
})

describe('who decides', () => {
  test('two at once make one decision and one override', async () => {
    const order = await sale()
    const id = await filed(person('a1'), order)
    const answers = await Promise.all([
      decide(person('manager1'), id, 'upheld', '一'),
      decide(person('boss'), id, 'rejected', '二'),
      decide(person('boss'), id, 'upheld', '三'),
    ])
    expect(answers.map(answer => answer.status).sort()).toEqual([200, 409, 409])
    const { status } = await detailOf(person('boss'), id)
    expect(await overridesOf(order)).toHaveLength(status === 'upheld' ? 1 : 0)
    expect(await noticesOf(person('a1'), id)).toHaveLength(1)
    expect(await service.pool`SELECT FROM dispute_decisions WHERE dispute_id = ${id}`).toHaveLength(1)
    await expectNothingDiffers()
  })

  test('the same sent by two at once upholds once', async () => {
    const order = await sale()
    const id = await filed(person('a1'), order)
    const answers = await Promise.all([1, 2, 3].map(() => decide(person('boss'), id, 'upheld')))
    expect(answers.map(answer => answer.status)).toEqual([200, 200, 200])
    expect(await overridesOf(order)).toHaveLength(1)
    expect(await noticesOf(person('a2'), id)).toHaveLength(1)
  })

  test('nobody decides his own, nor what his own pay hangs on', async () => {
    const order = await sale()
    const own = await filed(person('manager1'), order)
    expect((await decide(person('manager1'), own, 'upheld')).status).toBe(403)
    expect((await decide(person('manager1'), own, 'rejected')).status).toBe(403)
    expect(await detailOf(person('manager1'), own)).toMatchObject({ mayUphold: false, mayReject: false })
    expect((await decide(person('boss'), own, 'upheld')).status).toBe(200)

    const held = await sale({ closer: 'manager1' })
    const against = await filed(person('a1'), held)
    expect((await decide(person('manager1'), against, 'rejected')).status).toBe(403)
    expect((await decide(person('manager1'), against, 'upheld')).status).toBe(403)
    expect((await decide(person('boss'), against, 'upheld')).status).toBe(200)
    await expectNothingDiffers()
  })

  test('headquarters decides where a manager would take from another store’s people', async () => {
    const order = await sale({ memberNo: 'M-STRANGE', shareCode: 'dispute-a3' })
    const id = await filed(person('a1'), order, 'sharer')
    expect(await detailOf(person('manager1'), id)).toMatchObject({ mayUphold: false, mayReject: true })
    expect((await decide(person('manager1'), id, 'upheld')).status).toBe(403)
    expect((await decide(person('boss'), id, 'upheld')).status).toBe(200)
    expect((await noticesOf(person('a3'), id)).map(notice => notice.details['changeFen'])).toEqual([-400])
    const other = await filed(person('a2'), order, 'sharer')
    expect((await decide(person('manager1'), other, 'rejected')).status).toBe(200)
  })

  test('headquarters decides where another store would bear what a manager gives', async () => {
    const order = await sale({ sellingStore: 'S4', closer: null, memberNo: 'M-OPENED' })
    const id = await filed(person('a1'), order)
    expect((await decide(person('manager1'), id, 'upheld')).status).toBe(403)
    expect((await decide(person('franchisee2'), id, 'upheld')).status).toBe(403)
    expect((await decide(person('boss'), id, 'upheld')).status).toBe(200)
    expect(await owed(order)).toEqual(['closer a1 300'])
  })

  test('a manager sees what was filed about his store’s sales, and decides only what his own people filed', async () => {
    const order = await sale({ sellingStore: 'S2', closer: 'a3', memberNo: 'M-OPENED' })
    const id = await filed(person('a1'), order)
    expect(await detailOf(person('manager2'), id)).toMatchObject({ mayUphold: false, mayReject: false })
    expect((await decide(person('manager2'), id, 'rejected')).status).toBe(403)
    expect((await decide(person('manager1'), id, 'upheld')).status).toBe(403)
    expect((await decide(person('manager1'), id, 'rejected')).status).toBe(200)
  })

  test('a franchisee decides for his own stores, and is not told of others’', async () => {
    const order = await sale({ sellingStore: 'S3', closer: null })
    const id = await filed(person('f1'), order)
    expect((await decide(person('franchisee2'), id, 'upheld')).status).toBe(404)
    expect((await decide(person('manager1'), id, 'upheld')).status).toBe(404)
    expect((await decide(person('f1'), id, 'upheld')).status).toBe(403)
    expect((await decide(person('auditor'), id, 'upheld')).status).toBe(403)
    expect((await decide(person('franchisee1'), id, 'upheld')).status).toBe(200)
    expect(await owed(order)).toEqual(['closer f1 300'])
    await expectNothingDiffers()
  })
})

describe('who files', () => {
  test('an associate an order that is his business, though he has no role on it', async () => {
    const elsewhere = { sellingStore: 'S2', closer: 'a3' }
    // Sold in his store; opened by him; once attributed to him; after a touch of his that came too early.
    await filed(person('a1'), await sale())
    await filed(person('a1'), await sale({ ...elsewhere, memberNo: 'M-OPENED' }))
    await filed(person('a1'), await sale({ ...elsewhere, memberNo: 'M-ONCE' }))
    const touched = await sale({ ...elsewhere, memberNo: 'M-EARLY', paidAt: daysAgo(60) })
    expect((await file(person('a1'), touched)).status).toBe(404)
    await tell(service, {
      touches: [{ touchId: 'early', linkCode: 'dispute-a1', at: daysAgo(80), kind: 'click', memberNo: 'M-EARLY' }],
    })
    const id = await filed(person('a1'), touched, 'sharer')
    const { order } = await detailOf(person('a1'), id)
    expect(order.candidates).toMatchObject([{ touchId: 'early', associateId: 'a1', outcome: 'outside_window' }])
    expect(order.buyer).toEqual({ memberNo: null, name: '孙**', recognisedBy: 'member_no' })
    // A role of his is enough.
    await filed(person('a3'), touched, 'sharer')
  })

  test('anything else is not there', async () => {
    const order = await sale({ sellingStore: 'S2', closer: 'a3', memberNo: 'M-STRANGE' })
    const answer = await file(person('a1'), order)
    expect(answer.status).toBe(404)
    const nowhere = await file(person('a1'), { source: 'till', orderNo: 'nowhere' })
    expect(nowhere.body['detail']).toBe(answer.body['detail'])
    expect((await file(person('f1'), order)).status).toBe(404)
    const other = await openOtherBrand(service, 2, NOW)
    const foreign = { ...order, role: 'closer', text: 'x', associateId: 'a1' }
    expect((await other.post('/disputes', foreign)).status).toBe(404)
    const id = await filed(person('manager2'), order, 'closer', { associateId: 'manager2' })
    expect((await other.post(`/disputes/${id}/decide`, { outcome: 'upheld', reason: 'x' })).status).toBe(404)
  })

  test('each for those whom he answers for', async () => {
    const order = await sale()
    expect((await file(person('a1'), order, 'closer', { associateId: 'a2' })).status).toBe(404)
    expect((await file(person('a1'), order, 'closer', { associateId: 'nobody' })).status).toBe(404)
    expect((await file(person('manager1'), order, 'closer', { associateId: 'a3' })).status).toBe(404)
    expect((await file(person('franchisee1'), order, 'closer', { associateId: 'f1' })).status).toBe(404)
    expect((await file(person('boss'), order)).status).toBe(422)
    expect((await service.post('/disputes', { ...order, role: 'closer', text: 'x' })).status).toBe(422)
    expect((await file(person('auditor'), order)).status).toBe(403)
    const id = await filed(person('manager1'), order, 'closer', { associateId: 'a1' })
    expect(await detailOf(person('a1'), id)).toMatchObject({ associateId: 'a1', openedBy: 'manager1' })
    const byKey = await service.post('/disputes', { ...order, role: 'sharer', text: 'x', associateId: 'a3' })
    expect(byKey).toMatchObject({ status: 201, body: { openedBy: 'key:bootstrap', storeCode: 'S2' } })
  })

  test('once, while it is open', async () => {
    const order = await sale()
    const answers = await Promise.all([1, 2, 3].map(() => file(person('a1'), order)))
    expect(answers.map(answer => answer.status).sort()).toEqual([200, 200, 201])
    expect(new Set(answers.map(answer => answer.body['disputeId'])).size).toBe(1)
    expect((await file(person('a1'), order, 'sharer')).status).toBe(201)
  })

  test('neither what he holds nor what he bought, and nothing but a role of associates', async () => {
    const order = await sale({ memberNo: 'M-OWN' })
    expect(await file(person('a2'), order)).toMatchObject({ status: 422, body: { code: 'dispute.holds_role' } })
    expect(await file(person('a1'), order)).toMatchObject({ status: 422, body: { code: 'dispute.own_purchase' } })
    expect((await file(person('a1'), order, 'selling_store')).status).toBe(422)
    expect((await file(person('a1'), order, 'closer', { text: '' })).status).toBe(422)
    expect((await file(person('a1'), order, 'closer', { text: 'x'.repeat(2001) })).status).toBe(422)
    expect((await file(person('a1'), order, 'closer', { comment: 'x' })).status).toBe(422)
    // Some of the lines are his: the others he may claim.
    const lines = [
      { lineNo: 1, sku: 'k', quantity: 1, paidFen: 10_000 },
      { lineNo: 2, sku: 'k', quantity: 1, paidFen: 10_000, closer: 'a1' },
    ]
    const shared = await sale({ lines })
    const id = await filed(person('a1'), shared)
    await decide(person('manager1'), id, 'upheld')
    expect(await owed(shared)).toEqual(['closer a1 300', 'closer a1 300'])
  })
})

describe('the lists', () => {
  const list = (asker: Asker, query = '') =>
    asker.get<{ items: DisputeItem[]; nextCursor: string | null }>(`/disputes${query}`)

  test('hold what each may see', async () => {
    const seenBy = async (userid: (typeof STAFF)[number]) => (await list(person(userid), '?limit=500')).items
    expect((await seenBy('a1')).every(item => item.associateId === 'a1')).toBe(true)
    expect((await seenBy('a1')).length).toBeGreaterThan(5)
    for (const item of await seenBy('manager2')) expect([item.storeCode, item.sellingStore]).toContain('S2')
    for (const item of await seenBy('franchisee1')) expect([item.storeCode, item.sellingStore]).toContain('S3')
    for (const item of await seenBy('franchisee2')) expect([item.storeCode, item.sellingStore]).toContain('S4')
    expect((await seenBy('auditor')).length).toBe((await seenBy('boss')).length)
  })

  test('are filtered and paged, newest first', async () => {
    const open = (await list(person('boss'), '?status=open&limit=500')).items
    expect(open.length).toBeGreaterThan(3)
    expect(open.every(item => item.status === 'open' && item.decision === null)).toBe(true)
    const everything = (await list(person('boss'), '?limit=500')).items
    expect(everything.map(item => item.openedAt)).toEqual(
      everything
        .map(item => item.openedAt)
        .sort()
        .reverse(),
    )
    const paged: DisputeItem[] = []
    let cursor = ''
    do {
      const page = await list(person('boss'), `?limit=3${cursor}`)
      paged.push(...page.items)
      cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`
    } while (cursor !== '')
    expect(paged).toEqual(everything)
    const ofA2 = (await list(person('boss'), '?associate=a2')).items
    expect(ofA2.length).toBeGreaterThan(0)
    expect(ofA2.every(item => item.associateId === 'a2')).toBe(true)
    const ofS3 = (await list(person('boss'), '?storeCode=S3')).items
    expect(ofS3.map(item => item.storeCode)).toEqual(['S3'])
    expect((await person('a1').ask('GET', '/disputes?associate=a2')).status).toBe(404)
    expect((await person('manager1').ask('GET', '/disputes?storeCode=S2')).status).toBe(404)
    expect((await person('boss').ask('GET', '/disputes?cursor=nonsense')).status).toBe(400)
    expect((await person('boss').ask('GET', '/disputes?status=lost')).status).toBe(400)
  })

  test('another’s pay is not told beside the evidence', async () => {
    const order = await sale({ memberNo: 'M-STRANGE', shareCode: 'dispute-a3' })
    const id = await filed(person('a1'), order, 'sharer')
    const payees = async (userid: (typeof STAFF)[number]) =>
      (await detailOf(person(userid), id)).wouldChange!.map(row => row.payee).sort()
    expect(await payees('a1')).toEqual(['a1'])
    expect(await payees('manager1')).toEqual(['a1', 'a2'])
    expect(await payees('boss')).toEqual(['a1', 'a2', 'a3'])
  })
})

describe('notices', () => {
  test('are each one’s own, and read once', async () => {
    const order = await sale()
    const id = await filed(person('a1'), order)
    await decide(person('manager1'), id, 'upheld')
    const [notice] = await noticesOf(person('a2'), id)
    const path = `/notices/${notice!.noticeId}/read`
    expect((await person('a1').post(path, {})).status).toBe(404)
    expect((await person('manager1').post(path, {})).status).toBe(404)
    const read = await person('a2').post(path, {})
    expect(read).toMatchObject({ status: 200, body: { noticeId: notice!.noticeId } })
    expect(read.body['readAt']).not.toBeNull()
    expect(await person('a2').post(path, {})).toEqual(read)
    const ids = async (query: string) =>
      (await person('a2').get<{ items: NoticeItem[] }>(`/notices${query}`)).items.map(one => one.noticeId)
    expect(await ids('?unread=false')).toEqual([notice!.noticeId])
    expect(await ids('?unread=true&limit=500')).not.toContain(notice!.noticeId)
    expect((await ids('?limit=1')).length).toBe(1)
    expect((await service.post(path, {})).status).toBe(401)
  })
})

interface Unattributed {
  orderNo: string
  sellingStore: string | null
  netFen: number
  buyer: { memberNo: string | null; name: string | null } | null
  missing: string[]
  claimCount: number
  claims: { disputeId: string; role: string; associateId: string }[]
}

describe('sales that nobody has', () => {
  const seen = async (asker: Asker, query = '?limit=500') =>
    (await asker.get<{ items: Unattributed[] }>(`/unattributed${query}`)).items
  const numbers = (items: Unattributed[]) => items.map(item => item.orderNo)

  test('wait to be claimed, and are gone when a claim is upheld', async () => {
    const order = await sale({ closer: null })
    const waiting = async (asker: Asker) => (await seen(asker)).find(item => item.orderNo === order.orderNo)
    expect(await waiting(person('a1'))).toMatchObject({
      sellingStore: 'S1',
      netFen: 10_000,
      buyer: null,
      missing: ['closer'],
      claimCount: 0,
      claims: [],
    })
    const id = await filed(person('a1'), order)
    expect((await detailOf(person('a1'), id)).kind).toBe('claim')
    expect(await waiting(person('a2'))).toMatchObject({ claimCount: 1, claims: [] })
    expect(await waiting(person('manager1'))).toMatchObject({
      claimCount: 1,
      claims: [{ disputeId: id, role: 'closer', associateId: 'a1' }],
    })
    expect((await decide(person('manager1'), id, 'upheld')).status).toBe(200)
    expect(await waiting(person('manager1'))).toBeUndefined()
    expect(await owed(order)).toEqual(['closer a1 300'])
    expect(await noticesOf(person('a1'), id)).toMatchObject([{ details: { changeFen: 300 } }])
    await expectNothingDiffers()
  })

  test('are what the figure counts, each saying what is missing', async () => {
    const known = await sale({ memberNo: 'M-STRANGE' })
    const both = await sale({ memberNo: 'M-STRANGE', closer: null })
    const online = await sale({ channel: 'online', sellingStore: null, closer: null, memberNo: 'M-STRANGE' })
    const cancelled = await sale({ closer: null, cancelled: true })
    const free = await sale({ closer: null, lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 0 }] })
    const stranger = await sale({ channel: 'online', sellingStore: null, closer: null })
    const shared = await sale({ memberNo: 'M-STRANGE', shareCode: 'dispute-a1' })
    const items = await seen(person('boss'))
    const missing = (order: Order) => items.find(item => item.orderNo === order.orderNo)?.missing
    expect(missing(known)).toEqual(['sharer_and_attributed'])
    expect(missing(both)).toEqual(['closer', 'sharer_and_attributed'])
    expect(missing(online)).toEqual(['sharer_and_attributed'])
    for (const order of [cancelled, free, stranger, shared]) expect(missing(order)).toBeUndefined()
    const listed = await all<{ orderNo: string; cancelled: boolean; netFen: number }>(
      service,
      '/orders?attributed=false',
    )
    const figure = listed.filter(order => !order.cancelled && order.netFen > 0)
    expect(numbers(items)).toEqual(figure.map(order => order.orderNo))
    // Refunded to nothing, it is no longer waiting.
    await tell(service, {
      refunds: [
        {
          source: 'till',
          refundNo: 'r-free',
          orderNo: known.orderNo,
          refundedAt: daysAgo(1),
          lines: [{ lineNo: 1, quantity: 1, refundFen: 10_000 }],
        },
      ],
    })
    expect(numbers(await seen(person('boss')))).not.toContain(known.orderNo)
  })

  test('are seen by those of the store, with of the buyer what each may know', async () => {
    const inS1 = await sale({ closer: null, memberNo: 'M-STRANGE' })
    const own = await sale({ closer: null, memberNo: 'M-OPENED' })
    const inS2 = await sale({ closer: null, sellingStore: 'S2' })
    const inS3 = await sale({ closer: null, sellingStore: 'S3' })
    const sees = async (userid: (typeof STAFF)[number]) => {
      const all = numbers(await seen(person(userid)))
      return [inS1, inS2, inS3].map(order => all.includes(order.orderNo))
    }
    expect(await sees('a1')).toEqual([true, false, false])
    expect(await sees('a3')).toEqual([false, true, false])
    expect(await sees('manager1')).toEqual([true, false, false])
    // The buyer of the first is a customer of S2, so its manager sees the order elsewhere too.
    expect(await sees('manager2')).toEqual([true, true, false])
    expect(await sees('franchisee1')).toEqual([false, false, true])
    expect(await sees('franchisee2')).toEqual([false, false, false])
    expect(await sees('auditor')).toEqual([true, true, true])
    const buyer = async (asker: Asker, order: Order) =>
      (await seen(asker)).find(item => item.orderNo === order.orderNo)!.buyer
    expect(await buyer(person('a1'), inS1)).toEqual({ memberNo: null, name: '赵**' })
    expect(await buyer(person('a1'), own)).toEqual({ memberNo: 'M-OPENED', name: '王**' })
    expect(await buyer(person('a2'), own)).toEqual({ memberNo: null, name: '王**' })
    expect(await buyer(person('manager1'), inS1)).toEqual({ memberNo: 'M-STRANGE', name: '赵**' })
    const everything = JSON.stringify([await seen(person('boss')), await seen(person('a1'))])
    expect(everything).not.toMatch(/1380000|王小明/)
  })

  test('go out as a file, by what the asker may see, and that is written down', async () => {
    const order = await sale({ closer: null, sellingStore: 'S4', memberNo: 'M-STRANGE', paidAt: daysAgo(150) })
    const path = `/api/v1/unattributed?from=${daysAgo(151)}&to=${daysAgo(149)}`
    const file = async (accept: string) =>
      await service.app.inject({
        method: 'GET',
        url: path,
        headers: { accept, authorization: `Bearer ${TEST_KEY}` },
      })
    const csv = await file('text/csv')
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8')
    const lines = csv.body.replace('\uFEFF', '').trim().split('\r\n')
    expect(lines).toHaveLength(2)
    expect(lines[1]).toBe(
      `till,${order.orderNo},2025-12-21 12:00:00,门店,S4,杭州加盟店,100.00,M-STRANGE,赵**,无成交导购、无分享导购和归属导购,0`,
    )
    const xlsx = await file('application/vnd.openxmlformats-officedocument.spreadsheetml.sheet')
    expect(xlsx.rawPayload.subarray(0, 2).toString()).toBe('PK')
    const { items } = await service.get<{ items: object[] }>('/activity?action=unattributed.exported')
    expect(items).toMatchObject([{ details: { format: 'xlsx' } }, { details: { format: 'csv', from: daysAgo(151) } }])
  })

  test('are filtered and paged, newest first', async () => {
    const early = await sale({ closer: null, paidAt: daysAgo(120) })
    const late = await sale({ closer: null, paidAt: daysAgo(119) })
    const query = `?from=${daysAgo(121)}&to=${daysAgo(118)}`
    expect(numbers(await seen(person('a1'), query))).toEqual([late.orderNo, early.orderNo])
    const first = await person('a1').get<{ items: Unattributed[]; nextCursor: string }>(`/unattributed${query}&limit=1`)
    expect(numbers(first.items)).toEqual([late.orderNo])
    const second = await seen(person('a1'), `${query}&limit=1&cursor=${first.nextCursor}`)
    expect(numbers(second)).toEqual([early.orderNo])
    const until = `?from=${daysAgo(121)}&to=${daysAgo(119)}`
    expect(numbers(await seen(person('a1'), until))).toEqual([early.orderNo])
    expect(numbers(await seen(person('a1'), `${query}&storeCode=S1`))).toHaveLength(2)
    expect((await person('a1').ask('GET', '/unattributed?storeCode=S2')).status).toBe(404)
    expect((await person('manager1').ask('GET', '/unattributed?storeCode=S2')).status).toBe(404)
    expect((await person('boss').ask('GET', '/unattributed?storeCode=S2')).status).toBe(200)
    expect((await person('boss').ask('GET', '/unattributed?storeCode=nowhere')).status).toBe(404)
  })
})
