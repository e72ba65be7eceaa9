import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decode } from '../support/png.ts'
import { askerOf } from '../support/askers.ts'
import { openOtherBrand, tell } from '../support/people.ts'
import { startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import { signedIn, startTestWecom, type TestWecom } from '../support/wecom.ts'

/** A share in the mini program: its code, its URL link behind the short link, and whose shelf a member sees. */

const APP = { appId: 'wxtest0000000001', name: '商城', secret: 'mini-program-secret' }
const SINCE = '2026-01-01T00:00:00+08:00'
const DAY = 86_400_000
const BROWSER = { 'user-agent': 'Mozilla/5.0 (iPhone) MicroMessenger/8.0.50' }

let nowMs = Date.parse('2026-05-01T12:00:00+08:00')
let wecom: TestWecom
let service: TestService
beforeAll(async () => {
  const pages = ['pages/product/index', 'pages/coupon/index']
  wecom = await startTestWecom({ staff: ['a1', 'a2', 'm1', 'hq'], now: () => nowMs, miniPrograms: [{ ...APP, pages }] })
  service = await startTestService({
    env: {
      ...wecom.env,
      BOOTSTRAP_HEADQUARTERS: 'hq',
      ALLOWED_REDIRECTS: 'shop.test',
      MINIPROGRAM_APP_ID: APP.appId,
      MINIPROGRAM_SECRET: APP.secret,
      MINIPROGRAM_API_URL: wecom.env['WECOM_API_URL']!,
    },
    now: () => nowMs,
  })
  const path = 'pages/product/index?sku=D-1&名=大衣'
  const target = { kind: 'product', ref: 'D-1', title: '大衣', path }
  const link = { associateId: 'a1', target, channel: 'poster', createdAt: SINCE }
  await tell(service, {
    stores: [
      { storeCode: 'S1', name: '人民路店', type: 'direct' },
      { storeCode: 'S2', name: '滨江店', type: 'franchise', franchiseeId: 'F2' },
    ],
    associates: [
      { associateId: 'a1', name: '甲', storeCode: 'S1', activeFrom: SINCE },
      { associateId: 'a2', name: '乙', storeCode: 'S2', activeFrom: SINCE },
      { associateId: 'm1', name: '店长', storeCode: 'S2', role: 'manager', activeFrom: SINCE },
    ],
    'share-links': [
      { ...link, linkCode: 'L1' },
      { ...link, linkCode: 'L2' },
      { ...link, linkCode: 'L3' },
      { ...link, linkCode: 'web', target: { ...target, url: 'https://shop.test/d-1' } },
      { ...link, linkCode: 'no-page', target: { kind: 'product', ref: 'D-1', title: '大衣' } },
      { ...link, linkCode: 'unpublished', target: { ...target, path: 'pages/gone/index' } },
      { ...link, linkCode: 'a-code-that-is-longer-than-32-characters' },
      { ...link, linkCode: 'over', revokedAt: '2026-04-01T00:00:00+08:00' },
    ],
  })
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

const wechat = () => wecom.world.wechat
const asKey = (url: string) =>
  service.app.inject({ method: 'GET', url: `/api/v1${url}`, headers: { authorization: `Bearer ${TEST_KEY}` } })
const open = (linkCode: string, method: 'GET' | 'HEAD' = 'GET', headers: Record<string, string> = BROWSER) =>
  service.app.inject({ method, url: `/s/${linkCode}`, headers })
/** What a short link leads to in the mini program; null where it leads elsewhere. */
const placeOf = (answer: { statusCode: number; headers: Record<string, unknown> }) =>
  answer.statusCode === 302 ? wechat().linkAt(String(answer.headers['location']), nowMs) : null
const metric = async (name: string) => {
  const { body } = await service.app.inject({ method: 'GET', url: '/metrics' })
  return body.split('\n').filter(line => line.includes(name) && line.startsWith('wecom_api_calls_total'))
}
const rest = () => (nowMs += 61_000)

describe('codes', () => {
  test('carry the share’s code as their scene, and are made once', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => asKey('/share-links/L1/mini-program-code')))
    for (const answer of answers) {
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'image/png'])
      expect(decode(answer.rawPayload)).toMatchObject({ width: 280, height: 280 })
    }
    await asKey('/share-links/L1/mini-program-code')
    expect(wechat().codes).toEqual([{ appId: APP.appId, page: 'pages/product/index', scene: 'L1' }])
    expect(await metric('getwxacodeunlimit')).toEqual([
      'wecom_api_calls_total{api="wxa/getwxacodeunlimit",outcome="ok"} 1',
    ])
  })

  test('are for keys that read and for him whose link it is', async () => {
    const own = await signedIn(service, 'a1')
    const picture = await own.browser.call('GET', '/api/v1/share-links/L1/mini-program-code')
    expect([picture.status, picture.headers['content-type']]).toEqual([200, 'image/png'])
    const other = await askerOf(service, 'a2')
    expect((await other.ask('GET', '/share-links/L1/mini-program-code')).status).toBe(404)
    expect((await other.ask('GET', '/share-links/L1')).status).toBe(404)
    const brand = await openOtherBrand(service, 7, nowMs)
    await expect(brand.get('/share-links/L1')).rejects.toThrow('404')
    await brand.ingest('stores', [{ storeCode: 'X', name: 'X', type: 'direct' }])
    await brand.ingest('associates', [{ associateId: 'x', name: 'X', storeCode: 'X', activeFrom: SINCE }])
    await brand.ingest('share-links', [
      { linkCode: 'X1', associateId: 'x', channel: 'web', target: { kind: 'page', ref: 'p', path: 'pages/p' } },
    ])
    await expect(brand.get('/share-links/X1/mini-program-code')).rejects.toThrow('mini_program.not_configured')
  })

  test.each([
    ['no-page', 404, 'mini_program.no_page'],
    ['a-code-that-is-longer-than-32-characters', 404, 'mini_program.no_page'],
    ['unpublished', 409, 'mini_program.refused'],
    ['nobody', 404, 'not_found'],
  ])('of %s are refused with %i', async (linkCode, status, code) => {
    const answer = await asKey(`/share-links/${linkCode}/mini-program-code`)
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([status, code])
  })

  test('a refusal says what to do, and never the secret', async () => {
    wecom.world.faults.push({ path: '/wxa/getwxacodeunlimit', errcode: 40164, times: 1 })
    const answer = await asKey('/share-links/L2/mini-program-code')
    expect(answer.json<{ detail: string }>().detail).toContain('IP 白名单')
    expect(answer.body).not.toContain(APP.secret)
    expect((await asKey('/share-links/L2/mini-program-code')).statusCode).toBe(200)
  })

  test('what a scene stands for can be asked', async () => {
    expect((await asKey('/share-links/L1')).json()).toEqual({
      linkCode: 'L1',
      associateId: 'a1',
      storeCode: 'S1',
      target: { kind: 'product', ref: 'D-1', title: '大衣', path: 'pages/product/index?sku=D-1&名=大衣' },
      channel: 'poster',
      createdAt: '2025-12-31T16:00:00.000Z',
      revokedAt: null,
      url: 'http://127.0.0.1:8686/s/L1',
      miniProgramPath: 'pages/product/index?sku=D-1&名=大衣&dg=L1',
      scene: 'L1',
    })
  })
})

describe('the short link', () => {
  test('opens the mini program by a URL link that is made once', async () => {
    const first = await open('L1')
    expect(placeOf(first)).toMatchObject({
      path: 'pages/product/index',
      query: 'sku=D-1&%E5%90%8D=%E5%A4%A7%E8%A1%A3&dg=L1',
    })
    const made = wechat().links.size
    expect((await open('L1')).headers['location']).toBe(first.headers['location'])
    expect((await open('L1', 'HEAD')).headers['location']).toBe(first.headers['location'])
    expect(wechat().links.size).toBe(made)
    expect(wechat().tokensIssued).toBe(1)
  })

  test('prefers the web where there is an address, and our page where there is neither', async () => {
    expect((await open('web')).headers['location']).toBe('https://shop.test/d-1')
    const page = await open('no-page')
    expect([page.statusCode, page.body.includes('大衣')]).toEqual([200, true])
    expect((await open('over')).statusCode).toBe(410)
  })

  test('asks nothing of WeChat for a crawler', async () => {
    const before = wechat().links.size
    expect((await open('L2', 'HEAD')).statusCode).toBe(200)
    expect((await open('L2', 'GET', { 'user-agent': 'Googlebot/2.1' })).statusCode).toBe(200)
    expect(wechat().links.size).toBe(before)
  })

  test('is quick and works while WeChat is slow or away; what comes late is for the next one', async () => {
    wecom.world.faults.push({ path: '/wxa/generate_urllink', latencyMs: 1500, times: 1 })
    const begun = performance.now()
    const slow = await open('L2')
    expect([slow.statusCode, performance.now() - begun < 1300]).toEqual([200, true])
    await expect.poll(async () => placeOf(await open('L2')), { timeout: 5000 }).toMatchObject({ query: expect.stringContaining('dg=L2') as string }) // prettier-ignore

    wecom.world.faults.push({ path: '/wxa/generate_urllink', errcode: 48001, times: 1 })
    expect((await open('L3')).statusCode).toBe(200)
    // Nobody waits for it again at once.
    const calls = (await metric('generate_urllink')).join()
    expect((await open('L3')).statusCode).toBe(200)
    expect((await metric('generate_urllink')).join()).toBe(calls)
    rest()
    expect(placeOf(await open('L3'))).not.toBeNull()
  })

  test('a token that somebody ended is fetched anew', async () => {
    wechat().tokens.clear()
    await service.pool`DELETE FROM mini_program_links WHERE link_code = 'L3'`
    const { miniProgramOf } = service.app
    expect(await miniProgramOf(1)!.urlOf({ linkCode: 'new', target: { kind: 'page', ref: 'x', path: 'pages/coupon/index' } }, { mayAsk: true })).toMatch(/wxaurl/) // prettier-ignore
    expect(wechat().tokensIssued).toBe(2)
    expect(await metric('generate_urllink",outcome="40001')).toHaveLength(1)
  })

  test('links are renewed before they end, where they are used', async () => {
    const { miniProgramOf } = service.app
    const before = (await open('L1')).headers['location']
    nowMs += 26 * DAY
    await open('L1') // still used
    expect(await miniProgramOf(1)!.renew()).toBe(0)
    nowMs += 1.5 * DAY
    await expect.poll(() => service.pool`SELECT FROM mini_program_links WHERE used_at > ${nowMs - 3 * DAY}`).toHaveLength(1) // prettier-ignore
    expect(await miniProgramOf(1)!.renew()).toBe(1)
    expect(await miniProgramOf(1)!.renew()).toBe(0)
    // What this process knew stays good as long as it is; then comes the new one.
    nowMs += 3 * DAY
    const after = await open('L1')
    expect(placeOf(after)).toMatchObject({ query: expect.stringContaining('dg=L1') as string })
    expect(after.headers['location']).not.toBe(before)
    nowMs += 70 * DAY
    await miniProgramOf(1)!.renew()
    expect(await service.pool`SELECT FROM mini_program_links WHERE url IS NOT NULL`).toHaveLength(0)
  })
})

describe('the storefront of a member', () => {
  const shelf = (memberNo: string) => service.get<Record<string, unknown>>(`/members/${memberNo}/storefront`)

  test('is the home store as commission has it: assigned, else the opening store, over merges', async () => {
    await tell(service, {
      members: [
        { memberNo: 'M1', openingStore: 'S1', openingAssociate: 'a1' },
        { memberNo: 'M2' },
        { memberNo: 'M3', openingStore: 'S1' },
      ],
    })
    const opening = {
      memberNo: 'M1',
      storeCode: 'S1',
      store: { name: '人民路店' },
      since: null,
      reason: 'opening_record',
    }
    expect(await shelf('M1')).toEqual(opening)
    expect(await shelf('M2')).toEqual({ memberNo: 'M2', storeCode: null, store: null, since: null, reason: 'not_assigned' }) // prettier-ignore
    await tell(service, {
      'member-assignments': [
        { memberNo: 'M1', from: '2026-03-01T00:00:00+08:00', homeStore: 'S2' },
        { memberNo: 'M1', from: '2099-01-01T00:00:00+08:00', homeStore: 'S1' },
      ],
      'member-merges': [{ memberNo: 'M3', into: 'M1', at: '2026-03-02T00:00:00+08:00' }],
    })
    const assigned = { memberNo: 'M1', storeCode: 'S2', store: { name: '滨江店' }, since: '2026-02-28T16:00:00.000Z', reason: 'assignment' } // prettier-ignore
    expect(await shelf('M1')).toEqual(assigned)
    expect(await shelf('M3')).toEqual(assigned)
    // Taken from the store again: the opening store stands in.
    await tell(service, { 'member-assignments': [{ memberNo: 'M1', from: '2026-04-01T00:00:00+08:00', homeStore: null }] }) // prettier-ignore
    expect(await shelf('M1')).toEqual(opening)
    await expect(shelf('nobody')).rejects.toThrow('404')
  })

  test('is shown to those who may see him', async () => {
    const [own, other, manager, hq] = await Promise.all(
      ['a1', 'a2', 'm1', 'hq'].map(userid => askerOf(service, userid)),
    )
    expect((await own!.ask('GET', '/members/M1/storefront')).status).toBe(200)
    expect((await other!.ask('GET', '/members/M1/storefront')).status).toBe(404)
    expect((await manager!.ask('GET', '/members/M1/storefront')).status).toBe(404)
    expect((await hq!.ask('GET', '/members/M1/storefront')).status).toBe(200)
  })
})
