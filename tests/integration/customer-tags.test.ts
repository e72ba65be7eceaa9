import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { randomUUID } from 'node:crypto'
import { openPool, type Pool } from '../../server/database.ts'
import type { FriendDetails } from '../../server/features/mirror/tags/schema.ts'
import { planSync, syncStep } from '../../server/features/mirror/sync.ts'
import { createVault } from '../../server/lib/vault.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { signedIn, startTestWecom, type Browser, type TestWecom } from '../support/wecom.ts'

const BEGAN = Date.parse('2026-01-05T10:00:00+08:00')
const SINCE = '2025-01-01T00:00:00+08:00'
let wecom: TestWecom
let service: TestService
let owner: Pool
const people = new Map<string, { browser: Browser; csrf: Record<string, string> }>()

beforeAll(async () => {
  wecom = await startTestWecom({
    staff: ['a1', 'a2', 'hq', 'aud'],
    tagGroups: [
      { name: '意向', tags: ['高意向', '价格敏感'] },
      { name: '身高', tags: ['160', '170'] },
    ],
    customers: [
      {
        name: '顾客',
        externalUserid: 'wmOne',
        follows: [
          {
            userid: 'a1',
            createdAt: BEGAN,
            tags: ['高意向'],
            remark: '备注名',
            description: '喜欢羊毛',
            remarkMobiles: ['13812345678'],
          },
          { userid: 'a2', createdAt: BEGAN, tags: ['170'] },
        ],
      },
      { name: '别人的', externalUserid: 'wmOther', follows: [{ userid: 'a2', createdAt: BEGAN }] },
    ],
  })
  service = await startTestService({ env: wecom.env })
  owner = openPool(service.databaseUrl, { max: 2, asOwner: true })
  await service.ingest('stores', [{ storeCode: 'S1', name: '一店', type: 'direct' }])
  await service.ingest('associates', [
    { associateId: 'a1', name: '导购一', storeCode: 'S1', activeFrom: SINCE },
    { associateId: 'a2', name: '导购二', storeCode: 'S1', activeFrom: SINCE },
    { associateId: 'hq', name: '总部', kind: 'office', role: 'headquarters', activeFrom: SINCE },
    { associateId: 'aud', name: '审计', kind: 'office', role: 'auditor', activeFrom: SINCE },
  ])
  const dependencies = {
    pool: service.pool,
    vault: createVault(service.settings.dataKey),
    publicUrl: service.settings.publicUrl,
    wecom: service.app.wecom!,
    brandId: 1,
    now: Date.now,
  }
  await planSync(service.pool, { brandId: 1, now: Date.now() })
  const leaseId = randomUUID()
  while ((await syncStep(dependencies, { leaseId })) === 'worked');
  for (const userid of ['a1', 'a2', 'hq', 'aud']) people.set(userid, await signedIn(service, userid))
})
afterAll(async () => {
  await owner.end()
  await service.close()
  await wecom.close()
})
afterEach(() => void wecom.world.faults.splice(0))

const get = async (userid: string, externalUserid = 'wmOne') => {
  const answer = await people.get(userid)!.browser.call('GET', `/api/v1/customers/${externalUserid}/wecom`)
  return { status: answer.status, body: answer.json() as FriendDetails }
}
const put = async (userid: string, what: 'tags' | 'remark', body: object, externalUserid = 'wmOne') => {
  const { browser, csrf } = people.get(userid)!
  const answer = await browser.call('PUT', `/api/v1/customers/${externalUserid}/${what}`, { body, headers: csrf })
  return { status: answer.status, body: answer.json() as { code?: string; detail?: string; tagIds?: string[] } }
}
const tagId = (name: string) => wecom.world.tagGroups.flatMap(group => group.tags).find(tag => tag.name === name)!.tagId
const marked = ({ groups }: FriendDetails) =>
  groups.flatMap(group => group.tags.filter(tag => tag.isMarked).map(tag => tag.name))
/** What WeCom has, and what the mirror has. */
const inWecom = (userid: string) => wecom.world.customerOf('wmOne').follows.find(follow => follow.userid === userid)!
const inMirror = async (userid: string) => {
  const [row] = await owner<{ tagIds: string[]; remark: string | null; description: string | null }[]>`
    SELECT tag_ids AS "tagIds", remark, description FROM wecom_friends
    WHERE userid = ${userid} AND external_userid = 'wmOne'`
  return row!
}
const isOneTruth = async (userid: string) => {
  const [real, own] = [inWecom(userid), await inMirror(userid)]
  expect({ tags: [...own.tagIds].sort(), remark: own.remark ?? '', description: own.description ?? '' }).toEqual({
    tags: [...real.tagIds].sort(),
    remark: real.remark,
    description: real.description,
  })
}
const deeds = () => service.get<{ items: { action: string; actor: string; details: object }[] }>('/activity?limit=500')

describe('tags and remark of one’s own friend', () => {
  test('are those of the own friendship, all tags in their groups, phone numbers masked', async () => {
    const { status, body } = await get('a1')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      isFresh: true,
      remark: '备注名',
      description: '喜欢羊毛',
      company: null,
      mobilesMasked: ['138****5678'],
    })
    expect(body.groups.map(group => [group.name, group.tags.map(tag => tag.name)])).toEqual([
      ['意向', ['高意向', '价格敏感']],
      ['身高', ['160', '170']],
    ])
    expect(marked(body)).toEqual(['高意向'])
    expect(marked((await get('a2')).body)).toEqual(['170'])
  })

  test('are nobody else’s to read or to write', async () => {
    const change = { add: [tagId('160')] }
    expect((await get('a1', 'wmOther')).status).toBe(404)
    expect((await get('hq')).status).toBe(404)
    expect((await put('a1', 'tags', change, 'wmOther')).status).toBe(404)
    expect((await put('a1', 'remark', { remark: 'x' }, 'wmNobody')).status).toBe(404)
    expect((await put('hq', 'tags', change)).status).toBe(403)
    expect((await put('aud', 'remark', { remark: 'x' })).status).toBe(403)
    await isOneTruth('a1')
  })

  test('are changed in WeCom and here, and written down', async () => {
    const changed = await put('a1', 'tags', { add: [tagId('160'), tagId('价格敏感')], remove: [tagId('高意向')] })
    expect(changed).toMatchObject({ status: 200 })
    await isOneTruth('a1')
    expect(marked((await get('a1')).body)).toEqual(['价格敏感', '160'])
    // Told again it is as it was.
    await put('a1', 'tags', { add: [tagId('160')], remove: [tagId('高意向')] })
    await isOneTruth('a1')
    expect(inWecom('a2').tagIds).toEqual(new Set([tagId('170')]))
    const remarked = await put('a1', 'remark', { remark: '新备注', description: '两行\n字', mobiles: ['13900000001'] })
    expect(remarked).toMatchObject({ status: 200, body: { remark: '新备注', description: '两行\n字' } })
    await isOneTruth('a1')
    expect(inWecom('a1').remarkMobiles).toEqual(['13900000001'])
    expect((await put('a1', 'remark', { mobiles: [] })).status).toBe(200)
    expect((await get('a1')).body).toMatchObject({ remark: '新备注', mobilesMasked: [] })
    const { items } = await deeds()
    expect(items.filter(deed => deed.action === 'customer.tagged').at(-1)).toMatchObject({
      actor: 'a1',
      details: { added: ['160', '价格敏感'], removed: ['高意向'] },
    })
    expect(items.filter(deed => deed.action === 'customer.remarked').map(deed => deed.details)).toEqual([
      { fields: ['mobiles'] },
      { fields: ['remark', 'description', 'mobiles'] },
    ])
    expect(JSON.stringify(items)).not.toContain('13900000001')
  })

  test.each([
    ['nothing', 'tags', {}, 422, 'invalid_body'],
    ['an unknown field', 'tags', { mark: [] }, 422, 'invalid_body'],
    ['a tag that is not there', 'tags', { add: ['etNone'] }, 422, 'wecom.unknown_tag'],
    ['an empty remark', 'remark', { remark: '' }, 422, 'invalid_body'],
    ['a remark of 21', 'remark', { remark: '一'.repeat(21) }, 422, 'invalid_body'],
    ['a description of 151', 'remark', { description: 'x'.repeat(151) }, 422, 'invalid_body'],
    ['a number that is none', 'remark', { mobiles: ['call me'] }, 422, 'invalid_body'],
  ] as const)('that are said wrong change nothing: %s', async (_, what, body, status, code) => {
    expect(await put('a1', what, body)).toMatchObject({ status, body: { code } })
    await isOneTruth('a1')
  })

  test('cannot be put on and taken off at once', async () => {
    const both = { add: [tagId('170')], remove: [tagId('170')] }
    expect(await put('a1', 'tags', both)).toMatchObject({ status: 422, body: { code: 'invalid_body' } })
  })

  test.each([
    [84061, 'wecom.refused', 409, '没有客户联系权限', 'may not have customers'],
    [48002, 'wecom.refused', 409, '客户联系接口权限', 'may not call the customer APIs'],
    [40068, 'wecom.unknown_tag', 422, '没有这个标签', 'no such tag'],
  ] as const)(
    'stay as they are where WeCom refuses (%i), and both languages say why',
    async (errcode, code, status, zh, en) => {
      const before = await inMirror('a1')
      wecom.world.faults.push({ path: '/cgi-bin/externalcontact/mark_tag', errcode, times: 1 })
      const refused = await put('a1', 'tags', { add: [tagId('170')] })
      expect(refused).toMatchObject({ status, body: { code } })
      expect(refused.body.detail).toContain(zh)
      expect(refused.body.detail).toContain(en)
      expect(await inMirror('a1')).toEqual(before)
      await isOneTruth('a1')
      expect((await put('a1', 'tags', { add: [tagId('170')] })).status).toBe(200)
      expect((await put('a1', 'tags', { remove: [tagId('170')] })).status).toBe(200)
    },
  )

  test('are as last seen where WeCom is slow to show them', async () => {
    wecom.world.faults.push({ path: '/cgi-bin/externalcontact/get', latencyMs: 3000, times: 1 })
    const begunMs = performance.now()
    const { body } = await get('a1')
    expect(performance.now() - begunMs).toBeLessThan(2900)
    expect(body).toMatchObject({ isFresh: false, remark: '新备注', mobilesMasked: null })
    expect(marked(body)).toEqual(['价格敏感', '160'])
  })

  test('that were changed in WeCom itself are learnt when the chat opens', async () => {
    inWecom('a1').tagIds.add(tagId('高意向'))
    inWecom('a1').remark = '客户端改的'
    expect((await get('a1')).body.remark).toBe('客户端改的')
    await isOneTruth('a1')
  })

  test('end in one truth when many change them at once', async () => {
    wecom.world.faults.push({ path: '/cgi-bin/externalcontact/mark_tag', latencyMs: 40 })
    const changes = Array.from({ length: 10 }, (_, i) =>
      put('a1', 'tags', i % 2 === 0 ? { add: [tagId('170')] } : { remove: [tagId('170')], add: [tagId('160')] }),
    )
    expect((await Promise.all(changes)).map(one => one.status)).toEqual(Array.from({ length: 10 }, () => 200))
    await isOneTruth('a1')
    expect(await owner`SELECT FROM friend_changes`).toHaveLength(0)
  })

  test('wait for a change under way, but not for one that died', async () => {
    const key = { brand_id: 1, userid: 'a1', external_userid: 'wmOne', change_id: randomUUID() }
    await owner`INSERT INTO friend_changes ${owner({ ...key, leased_until: new Date(Date.now() + 60_000).toISOString() as never })}`
    expect(await put('a1', 'tags', { add: [tagId('170')] })).toMatchObject({
      status: 409,
      body: { code: 'wecom.busy' },
    })
    await owner`UPDATE friend_changes SET leased_until = now() - interval '1 second'`
    expect((await put('a1', 'tags', { add: [tagId('170')] })).status).toBe(200)
    await isOneTruth('a1')
  })

  test('are nobody’s any more once the friendship is over', async () => {
    await owner`UPDATE wecom_friends SET ended_at = now() WHERE userid = 'a2' AND external_userid = 'wmOne'`
    expect((await get('a2')).status).toBe(404)
    expect((await put('a2', 'tags', { add: [tagId('160')] })).status).toBe(404)
  })
})
