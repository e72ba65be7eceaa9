import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPool, type Pool } from '../../server/database.ts'
import { findMember, viewsOf } from '../../server/features/customers/service.ts'
import { countOldSeals, countSeals, openVault, rotateSeals } from '../../server/features/data-keys/service.ts'
import { PERSONAL_TABLES, WITHOUT_PERSON } from '../../server/features/privacy/domain.ts'
import type { Erasure, PersonalData } from '../../server/features/privacy/schema.ts'
import { carryOutErasures, forgetOldTouches } from '../../server/features/privacy/service.ts'
import { buildClickBuffer } from '../../server/features/touches/clicks.ts'
import { openSpool } from '../../server/features/touches/spool.ts'
import { createVault } from '../../server/lib/vault.ts'
import { brand, daysAgo, NOW, standardPlan } from '../builders/brand.ts'
import { personAt, tell } from '../support/people.ts'
import { seekPhones } from '../support/privacy-phones.ts'
import { rebuildSums, sumAll } from '../../server/features/rollups/service.ts'
import { dumpOf, tableOf } from '../support/privacy.ts'
import { startTestService, type TestService } from '../support/service.ts'

/** A copy of what is held about a person, its end, the keys that it is sealed with, and where phone numbers are not. */

let service: TestService
let owner: Pool

const link = (associateId: string, linkCode = `link-${associateId}`) => ({
  linkCode,
  associateId,
  target: { kind: 'product', ref: 'COAT' },
  channel: 'single_chat',
  createdAt: daysAgo(900),
})
const order = (orderNo: string, more: object = {}) => ({
  source: 'mall',
  orderNo,
  channel: 'online',
  paidAt: daysAgo(3),
  lines: [{ lineNo: 1, sku: 'COAT', name: '羊毛大衣', category: '大衣', quantity: 1, paidFen: 100_000 }],
  ...more,
})
/** Of his ids none is part of another text. */
const HIS = {
  name: '赵晓芸',
  phone: '13612349876',
  unionid: 'uni-zhao-77',
  openid: 'open-zhao-77',
  contact: 'wm-zhao-77',
  visitor: 'visit-zhao-77',
  loose: 'visit-zhao-78',
  note: '对羊毛过敏，下周生日',
  remark: '赵姐常客',
}
const identity = (kind: string, value: string, memberNo: string, at = daysAgo(300)) => ({ kind, value, memberNo, at })

const ORDERS = [
  order('z-1', { memberNo: 'Z1', openid: HIS.openid, phone: HIS.phone }), // by his number
  order('z-2', { visitorId: HIS.visitor, paidAt: daysAgo(4) }), // by an id
  order('z-3', { phone: HIS.phone, paidAt: daysAgo(5) }), // by his phone
  order('z-4', { memberNo: 'Z0', shareCode: 'link-a2', paidAt: daysAgo(6) }), // by a number that was merged
  order('o-1', { memberNo: 'OTHER', paidAt: daysAgo(2) }),
]

/** Every account, every entitlement, what is told of the ledger, and the audits. */
async function books() {
  await service.settled()
  const sums = await service.pool`
    SELECT payee_kind, payee, bearer_kind, bearer, sum(amount_fen)::text AS fen, count(*)::int AS rows FROM ledger_rows
    WHERE brand_id = 1 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`
  const owed = await service.pool`
    SELECT source, order_no, line_no, role, payee, bearer, rule_id, amount_fen::text FROM entitlements
    WHERE brand_id = 1 ORDER BY 1, 2, 3, 4, 5`
  const buyers = await service.pool`
    SELECT order_no, buyer, relation, sharer_link, sharer_touch FROM orders WHERE brand_id = 1 ORDER BY 1`
  return { sums: [...sums], owed: [...owed], buyers: [...buyers] }
}
const audit = async () => (await service.get<{ items: unknown[] }>('/audit')).items
const eraseZ1 = (confirm = 'Z1') => service.post('/members/Z1/erasure', { confirm, reason: '本人申请删除' })
const statusOf = async (kind: string, item: object) => (await service.ingest(kind, [item]))[0]!

beforeAll(async () => {
  service = await startTestService({ now: () => NOW })
  owner = openPool(service.databaseUrl, { max: 2, asOwner: true })
  await tell(service, {
    ...brand,
    products: [{ sku: 'COAT', name: '羊毛大衣', category: '大衣', priceFen: 100_000 }],
    coupons: [{ couponCode: 'c1', name: '券', kind: 'gift' }],
    members: [
      {
        memberNo: 'Z1',
        name: HIS.name,
        phone: HIS.phone,
        birthday: '1988-08-08',
        level: '金卡',
        points: 88,
        balanceFen: 1_200,
        joinedAt: daysAgo(20),
        openingStore: 'S1',
        openingAssociate: 'a1',
        tags: ['怕冷'],
        consents: { tracking: true },
      },
      { memberNo: 'Z0', name: `${HIS.name}旧`, phone: '13612349877' },
      { memberNo: 'OTHER', name: '别人', phone: '13612340000', consents: { tracking: true } },
    ],
    'member-merges': [{ memberNo: 'Z0', into: 'Z1', at: daysAgo(10) }],
    'member-assignments': [{ memberNo: 'Z1', from: daysAgo(200), attributedAssociate: 'a1', homeStore: 'S1' }],
    identities: [
      identity('unionid', HIS.unionid, 'Z1'),
      identity('openid', HIS.openid, 'Z0'),
      identity('external_userid', HIS.contact, 'Z1'),
      identity('visitor', HIS.visitor, 'Z1'),
      identity('visitor', 'visit-shared', 'Z1', daysAgo(400)),
      identity('visitor', 'visit-shared', 'OTHER', daysAgo(300)),
    ],
    'share-links': [link('a1'), link('a2'), { ...link('a1', 'link-sent'), sentTo: { externalUserid: HIS.contact } }],
    touches: [
      { touchId: 't-1', at: daysAgo(7), kind: 'click', linkCode: 'link-a1', visitorId: HIS.visitor },
      { touchId: 't-2', at: daysAgo(8), kind: 'click', linkCode: 'link-a2', openid: HIS.openid },
      { touchId: 't-3', at: daysAgo(6), kind: 'click', linkCode: 'link-a2', memberNo: 'Z1', visitorId: HIS.loose },
      { touchId: 't-4', at: daysAgo(9), kind: 'sent', linkCode: 'link-sent', externalUserid: HIS.contact },
      { touchId: 't-5', at: daysAgo(4), kind: 'click', linkCode: 'link-a1', visitorId: 'visit-shared' },
    ],
    orders: ORDERS,
    refunds: [
      { source: 'mall', refundNo: 'r-1', orderNo: 'z-1', refundedAt: daysAgo(1), lines: [{ lineNo: 1, quantity: 0, refundFen: 10_000 }] }, // prettier-ignore
    ],
    'coupon-events': [{ eventId: 'e1', couponCode: 'c1', kind: 'claimed', memberNo: 'Z1', at: daysAgo(3) }],
    'friend-events': [{ associateId: 'a1', externalUserid: HIS.contact, kind: 'added', at: daysAgo(100) }],
  })
  const plan = {
    ...standardPlan,
    rewards: [{ id: 'friend', event: 'friend_added', amountFen: 300, to: 'associate', bearer: 'headquarters' }],
  }
  const published = await service.post('/plans', plan)
  expect([200, 201]).toContain(published.status)
  // Refused items, the record, notes and WeCom's mirror speak of him as well.
  await service.ingest('orders', [order('bad', { openid: HIS.openid, sellingStore: 'nowhere', memberNo: 'Z1' })])
  await owner`INSERT INTO member_notes (brand_id, note_id, member_no, text, written_by, written_at)
    VALUES (1, gen_random_uuid(), 'Z1', ${HIS.note}, 'a1', ${NOW})`
  await owner`INSERT INTO member_answers (brand_id, member_no, field, answer_id, value, answered_by, answered_at)
    VALUES (1, 'Z1', 'style', gen_random_uuid(), ${JSON.stringify(HIS.note)}::text::jsonb, 'a1', ${NOW})`
  await owner`INSERT INTO wecom_customers (brand_id, external_userid, name, avatar_url, unionid, seen_at)
    VALUES (1, ${HIS.contact}, ${HIS.name}, 'https://wx.example/zhao.png', ${HIS.unionid}, ${NOW})`
  await owner`INSERT INTO wecom_friends (brand_id, userid, external_userid, since, remark, tag_ids, is_told, seen_at)
    VALUES (1, 'a1', ${HIS.contact}, ${NOW}, ${HIS.remark}, '{}', true, ${NOW})`
  await owner`INSERT INTO wecom_group_members (brand_id, chat_id, member_id, joined_at, is_staff, name)
    VALUES (1, 'chat-1', ${HIS.contact}, ${NOW}, false, ${HIS.name})`
  await owner`INSERT INTO activity (brand_id, activity_id, at, actor, action, subject, details)
    VALUES (1, gen_random_uuid(), ${NOW}, 'a1', 'customer.remarked', ${`customers/${HIS.contact}`},
      ${JSON.stringify({ externalUserid: HIS.contact })}::text::jsonb)`
  await owner`INSERT INTO wecom_inbox (brand_id, message_id, dedupe_key, event, lane, content_encrypted, at, received_at, status, tries, due_at)
    VALUES (1, gen_random_uuid(), 'd', 'change_external_contact', ${HIS.contact}, ${createVault(service.settings.dataKey).encrypt('{}')}, ${NOW}, ${NOW}, 'done', 0, ${NOW})`
})
afterAll(async () => {
  await owner.end()
  await service.close()
})

describe('a person', () => {
  test('every table that names customers is in the copy, or it is said why not', async () => {
    const named = await owner<{ table: string }[]>`
      SELECT DISTINCT table_name AS table FROM information_schema.columns
      WHERE table_schema = 'public' AND column_name IN ('member_no', 'external_userid', 'unionid', 'openid', 'visitor_id',
        'sent_to_external_userid', 'buyer') AND table_name !~ '^(touches|ledger_rows)_'`
    const known = new Set([...PERSONAL_TABLES.map(({ table }) => table), ...Object.keys(WITHOUT_PERSON)])
    expect(named.map(row => row.table).filter(table => !known.has(table))).toEqual([])
  })

  test('is found by number or phone, and a copy holds everything, across merged numbers and ids', async () => {
    const byPhone = await service.post('/personal-data/search', { phone: `+86 ${HIS.phone}` })
    expect(byPhone.body).toEqual({
      items: [
        expect.objectContaining({
          memberNo: 'Z1',
          memberNos: ['Z0', 'Z1'],
          name: HIS.name,
          phoneMasked: '136****9876',
        }),
      ],
    })
    expect((await service.post('/personal-data/search', { memberNo: 'Z0' })).body).toMatchObject({
      items: [{ memberNo: 'Z1' }],
    })
    expect((await service.post('/personal-data/search', {})).status).toBe(422)

    const copy = await service.get<PersonalData>('/members/Z0/personal-data')
    expect(copy).toMatchObject({ memberNo: 'Z1', memberNos: ['Z0', 'Z1'] })
    expect(copy.ids.map(id => id.value).sort()).toEqual(
      [HIS.contact, HIS.loose, HIS.openid, HIS.unionid, HIS.visitor].sort(),
    )
    expect(copy.parts['members']).toContainEqual(
      expect.objectContaining({ memberNo: 'Z1', phone: HIS.phone, birthYear: '1988' }),
    )
    expect(copy.parts['orders']!.map(row => row['orderNo']).sort()).toEqual(['z-1', 'z-2', 'z-3', 'z-4'])
    expect(copy.parts['touches']!.map(row => row['touchId']).sort()).toEqual(['t-1', 't-2', 't-3', 't-4'])
    for (const part of [
      'identities',
      'memberNotes',
      'memberAnswers',
      'couponEvents',
      'refundRevisions',
      'friendEvents',
    ]) {
      expect(copy.parts[part], part).not.toEqual([])
    }
    expect(copy.parts['wecomFriends']).toEqual([expect.objectContaining({ remark: HIS.remark })])
    expect(copy.parts['activity']!.map(deed => deed['action'])).toEqual(
      expect.arrayContaining(['customer.remarked', 'personal_data.copied', 'personal_data.found']),
    )
    expect(JSON.stringify(copy)).not.toContain('别人')
  })

  test('withdrawn consent ends what is seen at once, and not what is owed', async () => {
    const boss = await personAt(service, 'boss', NOW)
    const trail = async () => {
      const customer = await findMember(service.pool, boss, { memberNo: 'Z1', now: NOW })
      return await viewsOf(service.pool, { brandId: 1, customer: customer!, from: NOW - 30 * 86_400_000 })
    }
    expect((await trail())!.length).toBeGreaterThan(2)
    const before = await books()
    await tell(service, { members: [{ memberNo: 'Z1', consents: { tracking: false } }] })
    expect(await trail()).toBeNull()
    const { items } = await service.get<{ items: unknown[] }>('/audit')
    expect(items).toEqual([])
    expect(await books()).toEqual(before)
    const told = await service.pool<
      { given: boolean }[]
    >`SELECT given FROM member_consents WHERE member_no = 'Z1' ORDER BY given`
    expect(told.map(({ given }) => given)).toEqual([false, true])
  })

  test('is erased: nothing of his is left in the database, and every sum is as it was', async () => {
    expect((await eraseZ1('Z2')).body).toMatchObject({ code: 'invalid_body' })
    expect((await service.post('/members/nobody/erasure', { confirm: 'nobody', reason: 'x' })).status).toBe(404)
    // What is summed ahead names whoever clicked, where nobody knows him by an id of his.
    const loose = { touchId: 't-6', at: daysAgo(5), kind: 'click', linkCode: 'link-a1', visitorId: HIS.loose }
    expect((await statusOf('touches', loose)).status).toBe('created')
    await service.settled()
    const summing = { brandId: 1, zone: 'Asia/Shanghai', now: NOW }
    await sumAll(service.pool, summing)
    for (const table of ['rollup_people', 'rollup_associate_people'])
      expect(await owner`SELECT FROM ${owner(table)} WHERE person = ${`visitor ${HIS.loose}`}`).not.toEqual([])
    expect(await owner`SELECT FROM rollup_keys WHERE ${`visitor ${HIS.loose}`} = ANY (people)`).not.toEqual([])
    const before = await books()
    expect(before.owed.length).toBeGreaterThan(5)
    expect(before.buyers.filter(row => row['buyer'] === 'Z1')).toHaveLength(4)
    expect(before.sums.some(row => row['payee'] === 'a1')).toBe(true)

    const done = await eraseZ1()
    expect(done).toMatchObject({ status: 200, body: { memberNo: 'Z1', memberNos: ['Z0', 'Z1'] } })
    expect((done.body as Erasure).endedAt).not.toBeNull()
    expect(await books()).toEqual(before)
    expect(await audit()).toEqual([])
    expect((await rebuildSums(service.pool, summing)).differing).toBe(0)
    // Again, it is the same.
    expect((await eraseZ1()).body).toEqual(done.body)

    const wanted = [...Object.values(HIS), '13612349877', '怕冷', 'zhao.png']
    for (const { table, text } of await dumpOf(owner)) {
      expect(
        wanted.filter(one => text.includes(one)),
        table,
      ).toEqual([])
    }
    const [member] =
      await owner`SELECT phone_encrypted, birth_month, points, levels FROM members WHERE member_no = 'Z1'`
    expect(member).toMatchObject({ phone_encrypted: null, birth_month: null, points: null })
    // Another's stays, with an id that was once his.
    expect(await owner`SELECT FROM touches WHERE visitor_id = 'visit-shared'`).toHaveLength(1)
    expect((await service.get<{ items: { memberNo: string }[] }>('/erasures')).items).toMatchObject([
      { memberNo: 'Z1' },
    ])
    expect((await service.post('/personal-data/search', { phone: HIS.phone })).body).toEqual({ items: [] })
    const copy = await service.get<PersonalData>('/members/Z1/personal-data')
    expect(JSON.stringify(copy)).not.toContain(HIS.name)
  })

  test('what is told of him later books as it did, and brings nothing back', async () => {
    const before = await books()
    // The same again is the same, though what was told is not kept.
    for (const item of ORDERS) expect((await statusOf('orders', item)).status).toBe('unchanged')
    const touch = { touchId: 't-1', at: daysAgo(7), kind: 'click', linkCode: 'link-a1', visitorId: HIS.visitor }
    expect((await statusOf('touches', touch)).status).toBe('unchanged')
    expect((await statusOf('identities', identity('visitor', HIS.visitor, 'Z1'))).status).toBe('unchanged')
    expect(await books()).toEqual(before)

    // Late: an order of before by an id, one by his phone, a touch, a refund.
    const late = { paidAt: daysAgo(3.5) }
    await tell(service, {
      orders: [order('z-5', { visitorId: HIS.visitor, ...late }), order('z-6', { phone: HIS.phone, ...late })],
      touches: [{ touchId: 't-9', at: daysAgo(3.6), kind: 'click', linkCode: 'link-a2', unionid: HIS.unionid }],
      refunds: [
        { source: 'mall', refundNo: 'r-2', orderNo: 'z-2', refundedAt: daysAgo(0), lines: [{ lineNo: 1, quantity: 1, refundFen: 100_000 }] }, // prettier-ignore
      ],
    })
    const after = await books()
    expect(after.buyers.filter(row => row['buyer'] === 'Z1')).toHaveLength(6)
    expect(after.buyers.find(row => row['order_no'] === 'z-5')).toMatchObject({ sharer_touch: 't-9' })
    expect(after.owed.filter(row => row['order_no'] === 'z-2').every(row => row['amount_fen'] === '0')).toBe(true)
    expect(await audit()).toEqual([])

    // The CRM's nightly list does not bring him back; his level still does what plans say.
    const again = {
      memberNo: 'Z1',
      name: HIS.name,
      phone: HIS.phone,
      joinedAt: daysAgo(20),
      consents: { tracking: true },
    }
    expect((await statusOf('members', again)).error).toMatchObject({ code: 'member_erased' })
    expect((await statusOf('members', { memberNo: 'Z1', level: '银卡' })).status).toBe('updated')
    const later = new Date(NOW + 60_000).toISOString()
    expect((await statusOf('identities', identity('openid', HIS.openid, 'Z1', later))).error).toMatchObject({
      code: 'member_erased',
    })
    await tell(service, {
      orders: [order('z-7', { memberNo: 'Z1', openid: HIS.openid, phone: HIS.phone, paidAt: later })],
    })
    for (const { table, text } of await dumpOf(owner)) {
      expect(
        Object.values(HIS).filter(one => text.includes(one)),
        table,
      ).toEqual([])
    }
    // Joined again, he is a member as any other.
    const joined = { memberNo: 'Z1', name: HIS.name, phone: HIS.phone, joinedAt: later }
    expect((await statusOf('members', joined)).status).toBe('updated')
    expect((await service.post('/personal-data/search', { phone: HIS.phone })).body).toMatchObject({
      items: [{ memberNo: 'Z1', erasedAt: null }],
    })
    expect((await statusOf('identities', identity('openid', HIS.openid, 'Z1', later))).status).toBe('created')
    await service.settled()
    expect(await audit()).toEqual([])
  })

  test('so does a click that lay on the disk meanwhile', async () => {
    const visitorId = 'visit-sun-1'
    await tell(service, {
      members: [{ memberNo: 'V1', name: '孙小满' }],
      identities: [identity('visitor', visitorId, 'V1')],
      orders: [order('v-1', { visitorId, paidAt: daysAgo(1) })],
    })
    await service.post('/members/V1/erasure', { confirm: 'V1', reason: 'x' })
    const folder = await mkdtemp(join(tmpdir(), 'spool-'))
    const lay = openSpool(folder)
    const click = { touchId: 'click-late', brandId: 1, linkCode: 'link-a2', visitorId, byAssociate: false }
    await lay.keep([{ ...click, at: Date.parse(daysAgo(2)) }])
    await lay.close()
    const clicks = buildClickBuffer({
      pool: service.pool,
      vault: createVault(service.settings.dataKey),
      spoolFolder: folder,
      registry: new Registry(),
      now: () => NOW,
      prepare: () => Promise.resolve(),
      onError: error => expect.fail(String(error)),
    })
    const delivered = () => owner<{ visitorId: string }[]>`
      SELECT visitor_id AS "visitorId" FROM touches WHERE touch_id = 'click-late'`
    await expect.poll(async () => (await delivered()).length, { timeout: 10_000 }).toBe(1)
    await clicks.close()
    await rm(folder, { recursive: true })
    expect((await delivered())[0]!.visitorId).toMatch(/^erased:/)
    const { buyers } = await books()
    expect(buyers.find(row => row['order_no'] === 'v-1')).toMatchObject({ buyer: 'V1', sharer_touch: 'click-late' })
    expect(await audit()).toEqual([])
  })

  test('who began before an erasure is waited for', async () => {
    await tell(service, {
      members: [{ memberNo: 'W1', name: '钱小满' }],
      identities: [identity('visitor', 'visit-qian', 'W1')],
    })
    const vault = createVault(service.settings.dataKey)
    let erased!: Promise<unknown>
    await service.pool.begin(async tx => {
      await tx`SELECT pg_current_xact_id()`
      erased = service.post('/members/W1/erasure', { confirm: 'W1', reason: 'x' })
      await expect.poll(async () => (await owner`SELECT FROM erasures WHERE member_no = 'W1'`).length).toBe(1)
      expect(await carryOutErasures(service.pool, { vault, now: NOW })).toBe(1)
      // It told something that it could not know was to be veiled.
      await tx`INSERT INTO identities (brand_id, kind, value, at, member_no, received_at)
        VALUES (1, 'openid', 'open-qian', ${NOW}, 'W1', ${NOW})`
    })
    await erased
    const values = await owner<{ value: string }[]>`SELECT value FROM identities WHERE member_no = 'W1'`
    expect(values.every(({ value }) => value.startsWith('erased:'))).toBe(true)
    expect(values).toHaveLength(2)
  })

  test('the service itself can erase nobody who was not asked for, and forget nothing that is young', async () => {
    const { pool } = service
    const nobody = '018f0000-0000-7000-8000-000000000001'
    await expect(pool`SELECT erase_person(1, ${nobody}, '{}', '{}', '{}')`).rejects.toMatchObject({ code: 'P0001' })
    await expect(pool`SELECT * FROM forget_touches(1, now(), now(), NULL, NULL, 10)`).rejects.toMatchObject({
      code: 'P0001',
    })
    await expect(pool`UPDATE touches SET visitor_id = NULL`).rejects.toMatchObject({ code: '42501' })
    await expect(pool`DELETE FROM erasures`).rejects.toMatchObject({ code: '42501' })
  })
})

describe('old touches', () => {
  test('say no more whose they were, but for those that won', async () => {
    const old = (touchId: string, days: number, more: object) => ({ touchId, at: daysAgo(days), kind: 'click', linkCode: 'link-a2', ...more }) // prettier-ignore
    await tell(service, {
      touches: [
        old('old-1', 800, { visitorId: 'v-ancient', unionid: 'u-ancient', memberNo: 'OTHER' }),
        old('old-2', 801, { visitorId: 'v-ancient', memberNo: 'OTHER' }), // lost to old-1
        old('old-3', 500, { visitorId: 'v-older', unionid: 'u-older' }),
        old('old-4', 200, { visitorId: 'v-young' }),
      ],
      orders: [order('old', { memberNo: 'OTHER', paidAt: daysAgo(799) })],
    })
    await service.settled()
    const put = (body: object) =>
      service.app.inject({
        method: 'PUT',
        url: '/api/v1/settings/retention',
        headers: { authorization: 'Bearer test-key-with-all-scopes' },
        payload: body,
      })
    expect((await put({ visitorDays: 60, touchDays: 600 })).json()).toMatchObject({ errors: [{ path: 'visitorDays' }] })
    expect((await put({ visitorDays: 400, touchDays: 600 })).statusCode).toBe(200)
    const before = await books()
    await service.pool`UPDATE retention_walks SET finished_at = NULL`
    await forgetOldTouches(service.pool, NOW)
    const rows = await service.pool`
      SELECT touch_id AS id, member_no AS member, visitor_id AS visitor, unionid FROM touches WHERE touch_id LIKE 'old-%' ORDER BY 1`
    const won = before.buyers.find(row => row['order_no'] === 'old')!['sharer_touch']
    expect([...rows]).toEqual([
      won === 'old-1'
        ? { id: 'old-1', member: 'OTHER', visitor: 'v-ancient', unionid: 'u-ancient' }
        : { id: 'old-1', member: null, visitor: null, unionid: null },
      { id: 'old-2', member: null, visitor: null, unionid: null },
      { id: 'old-3', member: null, visitor: null, unionid: 'u-older' },
      { id: 'old-4', member: null, visitor: 'v-young', unionid: null },
    ])
    expect(await books()).toEqual(before)
    expect(await audit()).toEqual([])
    // Once a day.
    expect(await forgetOldTouches(service.pool, NOW)).toBe(0)
  })
})

describe('data keys', () => {
  const OLD = Buffer.alloc(32, 7)
  const NEW = Buffer.alloc(32, 9)

  test('what was sealed before keys had ids opens; one that is not known opens nothing', () => {
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', Buffer.from(hkdfSync('sha256', OLD, '', 'daogou encryption', 32)), iv)
    const text = Buffer.concat([cipher.update('13600000000', 'utf8'), cipher.final()])
    const first = Buffer.concat([Buffer.from([1, 1]), iv, cipher.getAuthTag(), text])
    expect(createVault(OLD).decrypt(first)).toBe('13600000000')
    expect(createVault({ dataKey: NEW, formerKeys: [OLD] }).decrypt(first)).toBe('13600000000')
    expect(() => createVault(NEW).decrypt(first)).toThrow('not known')
    const sealed = createVault(OLD).encrypt('x')
    expect(createVault({ dataKey: NEW, formerKeys: [OLD] }).decrypt(sealed)).toBe('x')
    expect(() => createVault(NEW).decrypt(sealed)).toThrow('not known')
    sealed[sealed.length - 1]! ^= 1
    expect(() => createVault(OLD).decrypt(sealed)).toThrow()
  })

  test('everything is sealed anew while phones are found, and goes on where it was interrupted', async () => {
    const { pool } = service
    const many = Array.from({ length: 1200 }, (_, n) => `137${String(n).padStart(8, '0')}`)
    for (const from of [0, 600]) {
      await tell(service, {
        members: many.slice(from, from + 600).map((phone, n) => ({ memberNo: `K${from + n}`, phone })),
      })
    }
    const settings = { dataKey: NEW, formerDataKeys: [OLD] }
    await expect(openVault(pool, { dataKey: NEW, formerDataKeys: [] })).rejects.toMatchObject({ exitCode: 2 })
    const vault = await openVault(pool, settings)
    expect(vault.hash(many[0]!)).toBe(createVault(OLD).hash(many[0]!))
    expect(await countOldSeals(pool, vault)).toBeGreaterThan(1200)
    let steps = 0
    await rotateSeals(pool, { vault, isStopped: () => ++steps > 3, onProgress: () => {} })
    const left = await countOldSeals(pool, vault)
    expect(left).toBeGreaterThan(0)
    const looking = (async () => {
      // The hashes do not change: who has the new key finds whoever was told under the old one, half-way too.
      for (const n of [0, 1, 2]) expect((await pool`SELECT FROM members WHERE phone_hash = ${vault.hash(many[n]!)}`).length).toBe(1) // prettier-ignore
    })()
    expect(await rotateSeals(pool, { vault, isStopped: () => false, onProgress: () => {} })).toMatchObject({ left: 0 })
    await looking
    expect(await countOldSeals(pool, vault)).toBe(0)
    expect((await countSeals(pool, settings)).every(({ former, unknown }) => former + unknown === 0)).toBe(true)
    // The old key is needed no more, and what was sealed is what it was.
    const alone = await openVault(pool, { dataKey: NEW, formerDataKeys: [] })
    const [row] = await pool<{ sealed: Buffer }[]>`SELECT phone_encrypted AS sealed FROM members WHERE member_no = 'K7'`
    expect(alone.decrypt(row!.sealed)).toBe(many[7])
  })
})

describe('phone numbers', () => {
  test('of 300 told in every way none lies anywhere in plain', async () => {
    const fresh = await startTestService({ worker: false, now: () => NOW })
    try {
      const looked = await seekPhones(fresh, 300)
      console.log(tableOf(looked))
      expect(looked.filter(({ found }) => found.length > 0)).toEqual([])
    } finally {
      await fresh.close()
    }
  })
})
