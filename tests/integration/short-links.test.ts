import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestService, type TestService } from '../support/service.ts'
import { openBrowser, signedIn, startTestWecom, type TestWecom } from '../support/wecom.ts'

describe('short links', () => {
  let wecom: TestWecom
  let service: TestService
  beforeAll(async () => {
    wecom = await startTestWecom({ staff: ['a1'] })
    service = await startTestService({ env: { ...wecom.env, ALLOWED_REDIRECTS: 'shop.example,other.example:8443' } })
    await service.ingest('stores', [{ storeCode: 'S1', name: '一店', type: 'direct' }])
    await service.ingest('associates', [
      { associateId: 'a1', name: '导购', storeCode: 'S1', activeFrom: '2025-01-01T00:00:00+08:00' },
    ])
  })
  afterAll(async () => {
    await service.close()
    await wecom.close()
  })

  const link = (linkCode: string, target: object, more: object = {}) => ({
    linkCode,
    associateId: 'a1',
    target: { kind: 'product', ref: 'k1', title: '羊毛大衣', ...target },
    channel: 'single_chat',
    ...more,
  })
  const touchesOf = (linkCode: string) =>
    service.pool<{ visitorId: string; byAssociate: boolean; kind: string }[]>`
      SELECT visitor_id AS "visitorId", by_associate AS "byAssociate", kind FROM touches WHERE link_code = ${linkCode}`

  test('a click is durable before the redirect, under the visitor’s cookie', async () => {
    await service.ingest('share-links', [link('go', { url: 'https://shop.example/p/1?x=1' })])
    const browser = openBrowser(service)
    const answer = await browser.call('GET', '/s/go')
    expect(answer.status).toBe(302)
    expect(answer.headers['location']).toBe('https://shop.example/p/1?x=1')
    const visitorId = browser.cookies.get('daogou_visitor')
    expect(await touchesOf('go')).toEqual([{ visitorId, byAssociate: false, kind: 'click' }])
    await browser.call('GET', '/s/go')
    expect((await touchesOf('go')).map(touch => touch.visitorId)).toEqual([visitorId, visitorId])
  })

  test('crawlers, HEAD and fetching ahead go on without a touch', async () => {
    await service.ingest('share-links', [link('quiet', { url: 'https://shop.example/' })])
    const browser = openBrowser(service)
    const answers = [
      await browser.call('HEAD', '/s/quiet'),
      await browser.call('GET', '/s/quiet', { headers: { 'user-agent': 'facebookexternalhit/1.1' } }),
      await browser.call('GET', '/s/quiet', { headers: { 'user-agent': 'Mozilla/5.0 (compatible; Googlebot/2.1)' } }),
      await browser.call('GET', '/s/quiet', { headers: { 'sec-purpose': 'prefetch' } }),
    ]
    expect(answers.map(answer => answer.status)).toEqual([302, 302, 302, 302])
    expect(await touchesOf('quiet')).toEqual([])
  })

  test('the associate’s own opening is marked and earns nothing', async () => {
    await service.ingest('share-links', [link('own', { url: 'https://shop.example/' })])
    const { browser } = await signedIn(service, 'a1')
    await browser.call('GET', '/s/own')
    expect((await touchesOf('own')).map(touch => touch.byAssociate)).toEqual([true])
  })

  test('unknown is 404 and revoked is 410, both friendly, nothing recorded', async () => {
    await service.ingest('share-links', [link('gone', {}, { revokedAt: '2026-01-01T00:00:00Z' })])
    const browser = openBrowser(service)
    const unknown = await browser.call('GET', '/s/nobody-has-this')
    const revoked = await browser.call('GET', '/s/gone')
    expect([unknown.status, revoked.status]).toEqual([404, 410])
    for (const answer of [unknown, revoked]) {
      expect(answer.headers['content-type']).toMatch(/text\/html/)
      expect(answer.text).toMatch(/导购/)
    }
    expect(await touchesOf('gone')).toEqual([])
  })

  test('a link that is revoked stops at once, also where it was at hand', async () => {
    await service.ingest('share-links', [link('stop', { url: 'https://shop.example/' })])
    const browser = openBrowser(service)
    expect((await browser.call('GET', '/s/stop')).status).toBe(302)
    await service.ingest('share-links', [{ linkCode: 'stop', revokedAt: '2026-01-01T00:00:00Z' }])
    await expect.poll(async () => (await browser.call('GET', '/s/stop')).status).toBe(410)
  })

  test('without an address it shows title and code', async () => {
    await service.ingest('share-links', [link('show', { title: '<b>大衣</b>' })])
    const answer = await openBrowser(service).call('GET', '/s/show')
    expect(answer.status).toBe(200)
    expect(answer.text).toContain('&lt;b&gt;大衣&lt;/b&gt;')
    expect(answer.text).toContain('show')
    expect(answer.text).not.toContain('<b>')
  })

  test.each([
    'https://evil.example/',
    'http://shop.example.evil.example/',
    'https://shop.example@evil.example/',
    'https://shop.example:443@evil.example/',
    'https://shop.example\\@evil.example/',
    '//evil.example/',
    '/\\evil.example',
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,x',
    'https:evil.example',
    'https:///evil.example',
    ' https://evil.example/',
    'https://evil.example#shop.example',
    'https://evil.example?shop.example',
    'https://other.example/',
    'https://shop。example.evil.example/',
    'https://\u0001shop.example/',
    'ftp://shop.example/',
    'https://evil.example/\r\nlocation: https://evil.example',
  ])('%j never becomes a redirect', async url => {
    const linkCode = `open-${Buffer.from(url).toString('hex')}`.slice(0, 120)
    await service.ingest('share-links', [link(linkCode, { url })])
    const answer = await openBrowser(service).call('GET', `/s/${linkCode}`)
    expect([200, 404]).toContain(answer.status)
    expect(answer.headers['location']).toBeUndefined()
  })

  test.each([
    ['https://shop.example/a', 'https://shop.example/a'],
    ['https://other.example:8443/a', 'https://other.example:8443/a'],
    ['http://127.0.0.1:8686/sidebar/', 'http://127.0.0.1:8686/sidebar/'],
  ])('%s is allowed', async (url, location) => {
    const linkCode = `ok-${Buffer.from(url).toString('hex')}`.slice(0, 120)
    await service.ingest('share-links', [link(linkCode, { url })])
    expect((await openBrowser(service).call('GET', `/s/${linkCode}`)).headers['location']).toBe(location)
  })

  test('a thousand clicks at once are a thousand touches', async () => {
    await service.ingest('share-links', [link('hot', { url: 'https://shop.example/' })])
    const answers = await Promise.all(
      Array.from({ length: 1000 }, () => service.app.inject({ method: 'GET', url: '/s/hot' })),
    )
    expect(new Set(answers.map(answer => answer.statusCode))).toEqual(new Set([302]))
    const touches = await touchesOf('hot')
    expect(touches).toHaveLength(1000)
    expect(new Set(touches.map(touch => touch.visitorId)).size).toBe(1000)
  })

  test('codes that we make are short, unguessable and fit a mini-program scene', async () => {
    const results = await service.ingest(
      'share-links',
      Array.from({ length: 200 }, () => ({ ...link('x', {}), linkCode: undefined })),
    )
    const codes = results.map(result => (result as { linkCode?: string }).linkCode ?? '')
    expect(new Set(codes).size).toBe(200)
    for (const code of codes) expect(code).toMatch(/^[2-9A-HJ-NP-Za-km-z]{12}$/)
  })

  test('a click on the way to the shop becomes commission when the visitor turns out to be the buyer', async () => {
    const plan = {
      code: 'p',
      version: 1,
      effectiveFrom: '2026-01-01T00:00:00+08:00',
      attribution: { model: 'last_touch', windowDays: 15 },
      holdDays: 7,
      rules: [{ id: 'share', role: 'sharer', rateBps: 400, bearer: 'headquarters' }],
      retroactive: true,
    }
    expect((await service.post('/plans', plan)).status).toBe(201)
    await service.ingest('share-links', [link('story', { url: 'https://shop.example/' })])
    const browser = openBrowser(service)
    await browser.call('GET', '/s/story')
    await service.ingest('orders', [
      {
        source: 'pos',
        orderNo: 'story-1',
        channel: 'in_store',
        sellingStore: 'S1',
        memberNo: 'm-story',
        paidAt: new Date(Date.now() + 1000).toISOString(),
        lines: [{ lineNo: 1, sku: 'k1', quantity: 1, paidFen: 10_000 }],
      },
    ])
    const owed = () => service.get<{ items: { amountFen: number }[] }>('/entitlements?orderNo=story-1')
    expect((await owed()).items).toEqual([])
    await service.ingest('identities', [
      {
        kind: 'visitor',
        value: browser.cookies.get('daogou_visitor'),
        memberNo: 'm-story',
        at: new Date().toISOString(),
      },
    ])
    await service.settled()
    expect((await owed()).items).toMatchObject([{ role: 'sharer', payee: 'a1', amountFen: 400 }])
  })
})
