import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { PageSignatures, Session } from '../../server/features/session/schema.ts'
import { signPage } from '../../server/features/session/service.ts'
import { sidebarPage } from '../../server/plugins/sidebar-page.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { openBrowser, signedIn, signIn, startTestWecom, TEST_APP, type TestWecom } from '../support/wecom.ts'

type SignedIn = Awaited<ReturnType<typeof signedIn>>
const remove = ({ browser, csrf }: SignedIn, path: string) =>
  browser.call('DELETE', `/api/v1${path}`, { headers: csrf })

/** A sidebar's page with a first script, instead of a build. */
function pageFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'daogou-web-'))
  mkdirSync(join(folder, 'sidebar'))
  const html = '<!doctype html><html><head><meta charset="utf-8" /><script>void 0</script></head></html>'
  writeFileSync(join(folder, 'sidebar', 'index.html'), html)
  writeFileSync(join(folder, 'sidebar', 'worker.js'), 'void 0')
  return folder
}

describe('sign-in through WeCom', () => {
  let wecom: TestWecom
  let service: TestService
  let now = Date.parse('2026-05-01T12:00:00+08:00')
  beforeAll(async () => {
    wecom = await startTestWecom({
      staff: ['a1', 'gone', 'stranger', 'boss', 'leaver'],
      customers: [{ name: '顾客', externalUserid: 'wmTestCustomer', follows: [{ userid: 'a1' }] }],
    })
    service = await startTestService({
      env: { ...wecom.env, BOOTSTRAP_HEADQUARTERS: 'boss' },
      webRoot: pageFolder(),
      now: () => now,
    })
    await service.ingest('stores', [{ storeCode: 'S1', name: '一店', type: 'direct' }])
    const associate = (associateId: string, more: object = {}) => ({
      associateId,
      name: `导购${associateId}`,
      storeCode: 'S1',
      activeFrom: '2025-01-01T00:00:00+08:00',
      ...more,
    })
    await service.ingest('associates', [
      associate('a1'),
      associate('gone', { activeTo: '2026-01-01T00:00:00+08:00' }),
      associate('leaver'),
      { ...associate('wmTestCustomer'), kind: 'customer', storeCode: undefined },
    ])
  })
  afterAll(async () => {
    await service.close()
    await wecom.close()
  })

  test('an associate comes in, and the session says who he is', async () => {
    const { browser } = await signedIn(service, 'a1')
    expect((await browser.call('GET', '/api/v1/session')).json()).toMatchObject({
      associateId: 'a1',
      role: 'associate',
      storeCode: 'S1',
      storeName: '一店',
      corpId: TEST_APP.corpId,
      agentId: TEST_APP.agentId,
      timeZone: 'Asia/Shanghai',
    })
  })

  test('a page that is named comes signed with both tickets; where WeCom is slow, who is signed in comes without', async () => {
    const { browser } = await signedIn(service, 'a1')
    const page = '/sidebar/?brand=default'
    const asked = `/api/v1/session?page=${encodeURIComponent(page)}`
    const { signatures } = (await browser.call('GET', asked)).json() as Session
    expect(signatures!.url).toBe(`http://127.0.0.1:8686${page}`)
    for (const kind of ['config', 'agent_config'] as const) {
      const { timestamp, nonceStr, signature } = signatures![kind]
      const { ticket } = wecom.world.issueTicket(kind === 'config' ? 'corp' : TEST_APP.agentId)
      const plain = `jsapi_ticket=${ticket}&noncestr=${nonceStr}&timestamp=${timestamp}&url=${signatures!.url}`
      expect(signature).toBe(createHash('sha1').update(plain).digest('hex'))
    }
    // A little less than WeCom keeps its tickets.
    const { expiresInSeconds } = wecom.world.issueTicket('corp')
    expect(signatures!.validSeconds).toBeLessThanOrEqual(expiresInSeconds)
    expect(signatures!.validSeconds).toBeGreaterThanOrEqual(Math.max(0, expiresInSeconds - 600))
    expect((await browser.call('GET', '/api/v1/session?page=https://elsewhere.example/')).status).toBe(400)
    const never = { sign: () => new Promise<never>(() => {}) }
    expect(await signPage(never, { page: 'http://127.0.0.1:8686/sidebar/', now: 0 })).toBeNull()
  })

  test('the sidebar’s page comes signed for its address, the same for everybody, while WeCom takes it', async () => {
    const get = (url: string, headers: Record<string, string> = {}) => service.app.inject({ url, headers })
    const signaturesIn = (body: string) => {
      const [, told] = /<meta name="wecom-signatures" content="([^"]*)"/.exec(body) ?? []
      return told === undefined ? null : (JSON.parse(told.replaceAll('&quot;', '"')) as PageSignatures)
    }
    const first = await get('/sidebar/')
    expect(first.headers['cache-control']).toBe('private, max-age=600')
    const signatures = signaturesIn(first.body)!
    expect(signatures.url).toBe('http://127.0.0.1:8686/sidebar/')
    for (const kind of ['config', 'agent_config'] as const) {
      const { timestamp, nonceStr, signature } = signatures[kind]
      const { ticket } = wecom.world.issueTicket(kind === 'config' ? 'corp' : TEST_APP.agentId)
      const plain = `jsapi_ticket=${ticket}&noncestr=${nonceStr}&timestamp=${timestamp}&url=${signatures.url}`
      expect(signature).toBe(createHash('sha1').update(plain).digest('hex'))
    }
    // Its first script stands in it, and no other may.
    const script = /<script>([\s\S]*?)<\/script>/.exec(first.body)![1]!
    const hash = createHash('sha256').update(script).digest('base64')
    expect(first.headers['content-security-policy']).toContain(`script-src 'self' 'sha256-${hash}';`)
    // Whoever has it is told so; packed it is the same.
    const etag = String(first.headers['etag'])
    expect((await get('/sidebar/', { 'if-none-match': etag })).statusCode).toBe(304)
    const packed = await get('/sidebar/', { 'accept-encoding': 'gzip, br' })
    expect(packed.headers['content-encoding']).toBe('br')
    expect(brotliDecompressSync(packed.rawPayload).toString()).toBe(first.body)
    expect(signaturesIn((await get('/sidebar/?brand=default')).body)!.url).toBe('http://127.0.0.1:8686/sidebar/?brand=default') // prettier-ignore
    // Of what anybody may put into an address nothing is signed.
    for (const other of ['?brand=nobody', '?more=1', '?brand=default&more=1', '?brand=%64efault']) {
      const { body, headers } = await get(`/sidebar/${other}`)
      expect([other, signaturesIn(body), headers['cache-control']]).toEqual([other, null, 'no-cache'])
    }
    expect((await get('/sidebar/index.html')).statusCode).toBe(404)
    // The worker is found by its name, so a browser asks whether there is a newer one.
    expect((await get('/sidebar/worker.js')).headers['cache-control']).toBe('no-cache')
    // Near their end it is kept as long as they last; after it, signed anew.
    const before = now
    now += (signatures.validSeconds - 100) * 1000
    expect((await get('/sidebar/')).headers['cache-control']).toBe('private, max-age=70')
    now += 100_000
    expect(signaturesIn((await get('/sidebar/')).body)!.config.timestamp).toBeGreaterThan(signatures.config.timestamp)
    now = before
  })

  test('where nobody can sign the page it comes unsigned, and is asked for again next time', async () => {
    const app = Fastify()
    const failing = vi.fn().mockRejectedValue(new Error('no database'))
    sidebarPage(app, {
      file: join(pageFolder(), 'sidebar', 'index.html'),
      signerOf: () => Promise.resolve({ app: {}, sign: failing }),
      now: () => now,
    })
    const answer = await app.inject('/sidebar/')
    expect([answer.statusCode, answer.headers['cache-control']]).toEqual([200, 'no-cache'])
    expect(failing).toHaveBeenCalledTimes(1)
    await app.close()
  })

  test('the authorise address carries what WeCom demands', async () => {
    const browser = openBrowser(service)
    const login = await browser.call('GET', '/auth/wecom/login')
    expect(login.status).toBe(302)
    const url = new URL(String(login.headers['location']))
    expect(url.hash).toBe('#wechat_redirect')
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      appid: TEST_APP.corpId,
      agentid: TEST_APP.agentId,
      response_type: 'code',
      scope: 'snsapi_base',
      redirect_uri: 'http://127.0.0.1:8686/auth/wecom/callback',
      state: expect.stringMatching(/^[A-Za-z0-9]{16,128}$/) as string,
    })
    const scan = new URL(String((await browser.call('GET', '/auth/wecom/login?scan=1')).headers['location']))
    expect(scan.pathname).toBe('/wwlogin/sso/login')
    expect(scan.searchParams.get('login_type')).toBe('CorpApp')
  })

  test.each([
    ['stranger', 403, 'unknown_userid'],
    ['gone', 403, 'associate_inactive'],
    ['wmTestCustomer', 403, 'not_a_member'],
  ])('%s gets a page that says whom to ask, and no session', async (userid, status, code) => {
    const browser = openBrowser(service)
    const answer = await signIn(browser, userid)
    expect(answer.status).toBe(status)
    expect(answer.text).toContain(code)
    expect(answer.text).toMatch(/店长|总部/)
    expect([...browser.cookies.keys()]).toEqual([])
    expect((await browser.call('GET', '/api/v1/session')).status).toBe(401)
  })

  test('headquarters named in the settings comes in before anybody was told of', async () => {
    const { browser } = await signedIn(service, 'boss')
    expect((await browser.call('GET', '/api/v1/session')).json()).toMatchObject({ role: 'headquarters' })
  })

  test('a state that is not ours, or comes twice, is refused', async () => {
    const browser = openBrowser(service)
    await browser.call('GET', '/auth/wecom/login')
    expect((await browser.call('GET', '/auth/wecom/callback?code=x&state=forged')).status).toBe(400)
    const other = openBrowser(service)
    expect((await other.call('GET', '/auth/wecom/callback?code=x&state=')).status).toBe(400)
    expect([...other.cookies.keys()]).toEqual([])
  })

  test('a code is good once', async () => {
    const browser = openBrowser(service)
    const login = await browser.call('GET', '/auth/wecom/login')
    const state = new URL(String(login.headers['location'])).searchParams.get('state')
    const answer = await browser.call('GET', `/auth/wecom/callback?code=used-up&state=${state}`)
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('code_invalid')
  })

  test.each([
    ['//evil.example/', '/sidebar/'],
    ['/\\evil.example', '/sidebar/'],
    ['https://evil.example/', '/sidebar/'],
    ['/sidebar/\r\nset-cookie:x=1', '/sidebar/'],
    ['/api/v1/session', '/sidebar/'],
    ['/sidebar/../api/', '/sidebar/'],
    ['/sidebar/?brand=default', '/sidebar/?brand=default'],
    ['/console/', '/console/'],
  ])('after sign-in %j leads to %s', async (redirect, expected) => {
    const answer = await signIn(openBrowser(service), 'a1', redirect)
    expect(answer.status).toBe(302)
    expect(answer.headers['location']).toBe(expected)
  })

  test('a refresh token is changed each time, and an old one that comes again ends the session', async () => {
    const { browser } = await signedIn(service, 'a1')
    const first = browser.cookies.get('daogou_refresh')!
    expect((await browser.call('POST', '/auth/refresh')).status).toBe(204)
    const second = browser.cookies.get('daogou_refresh')!
    expect(second).not.toBe(first)
    const thief = openBrowser(service)
    thief.cookies.set('daogou_refresh', first)
    expect((await thief.call('POST', '/auth/refresh')).status).toBe(401)
    expect((await browser.call('POST', '/auth/refresh')).status).toBe(401)
    expect((await browser.call('GET', '/api/v1/session')).status).toBe(401)
  })

  test('signing out ends the session, also for a copied access token', async () => {
    const { browser } = await signedIn(service, 'a1')
    const copied = openBrowser(service)
    copied.cookies.set('daogou_access', browser.cookies.get('daogou_access')!)
    expect((await browser.call('POST', '/auth/logout')).status).toBe(204)
    expect((await copied.call('GET', '/api/v1/session')).status).toBe(401)
  })

  test('somebody sees where else he is signed in, and ends one of it or all', async () => {
    const [own, second, third] = await Promise.all([1, 2, 3].map(() => signedIn(service, 'a1')))
    const list = async (from: SignedIn) =>
      ((await from.browser.call('GET', '/api/v1/sessions')).json() as { items: { sessionId: string; isThis: boolean }[] }) // prettier-ignore
      .items
    const before = await list(own!)
    expect(before.filter(({ isThis }) => isThis)).toHaveLength(1)
    expect(before[0]).toMatchObject({ app: 'browser', system: 'other', seenAt: expect.any(String) as unknown })
    const { sessionId } = (await list(second!)).find(({ isThis }) => isThis)!

    // Only with the page's own word, and nobody else's.
    expect((await own!.browser.call('DELETE', `/api/v1/sessions/${sessionId}`)).status).toBe(403)
    expect((await remove(await signedIn(service, 'boss'), `/sessions/${sessionId}`)).status).toBe(404)

    expect((await remove(own!, `/sessions/${sessionId}`)).json()).toEqual({ ended: 1 })
    expect((await second!.browser.call('GET', '/api/v1/session')).status).toBe(401)
    expect((await second!.browser.call('POST', '/auth/refresh')).status).toBe(401)
    expect((await third!.browser.call('GET', '/api/v1/session')).status).toBe(200)
    expect((await list(own!)).map(one => one.sessionId)).not.toContain(sessionId)

    expect((await remove(own!, '/sessions')).status).toBe(200)
    expect((await third!.browser.call('GET', '/api/v1/session')).status).toBe(401)
    expect(await list(own!)).toMatchObject([{ isThis: true }])
  })

  test('headquarters ends the sessions of somebody, or of everybody else, and it is on record', async () => {
    const associate = await signedIn(service, 'a1')
    const office = await signedIn(service, 'boss')
    const everyone = '/sessions?of=everyone'
    const his = '/associates/a1/sessions'
    for (const path of [everyone, his]) expect((await remove(associate, path)).status).toBe(403)
    expect((await remove(office, his)).status).toBe(200)
    expect((await associate.browser.call('GET', '/api/v1/session')).status).toBe(401)

    const again = await signedIn(service, 'a1')
    expect((await remove(office, everyone)).status).toBe(200)
    expect((await again.browser.call('POST', '/auth/refresh')).status).toBe(401)
    expect((await office.browser.call('GET', '/api/v1/session')).status).toBe(200)
    const { items } = await service.get<{ items: object[] }>('/activity?action=sessions.ended')
    expect(items).toMatchObject([
      { actor: 'boss', subject: 'sessions' },
      { actor: 'boss', subject: 'associates/a1' },
    ])
  })

  test('who leaves is out at once', async () => {
    const { browser } = await signedIn(service, 'leaver')
    now += 60_000
    await service.ingest('associates', [{ associateId: 'leaver', activeTo: new Date(now - 1000).toISOString() }])
    expect((await browser.call('GET', '/api/v1/session')).status).toBe(403)
    expect((await browser.call('POST', '/auth/refresh')).status).toBe(401)
    expect((await browser.call('GET', '/api/v1/session')).status).toBe(401)
  })

  test.each([
    [
      'no algorithm',
      (token: string) => `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${token.split('.')[1]}.`,
    ],
    ['another signature', (token: string) => `${token.split('.').slice(0, 2).join('.')}.${'A'.repeat(43)}`],
    ['no token at all', () => 'nonsense'],
  ])('an access token with %s is none', async (_what, forge) => {
    const { browser } = await signedIn(service, 'a1')
    browser.cookies.set('daogou_access', forge(browser.cookies.get('daogou_access')!))
    expect((await browser.call('GET', '/api/v1/session')).status).toBe(401)
  })

  test('tokens made for another audience, or expired, are none', async () => {
    const { browser } = await signedIn(service, 'a1')
    const claims = service.app.jwt.decode<Record<string, unknown>>(browser.cookies.get('daogou_access')!)!
    const base = { sub: claims['sub'] as string, bid: 1, sid: claims['sid'] as string }
    for (const options of [
      { aud: 'somebody-else', iss: 'daogou', expiresIn: 600 },
      { aud: 'daogou-web', iss: 'somebody-else', expiresIn: 600 },
      { aud: 'daogou-web', iss: 'daogou', expiresIn: -10 },
    ]) {
      browser.cookies.set('daogou_access', service.app.jwt.sign(base, options))
      expect((await browser.call('GET', '/api/v1/session')).status).toBe(401)
    }
  })

  test('pages of ours are signed with the right ticket, others are not signed', async () => {
    const { browser } = await signedIn(service, 'a1')
    const url = 'http://127.0.0.1:8686/sidebar/?x=1#/customer'
    for (const kind of ['config', 'agent_config']) {
      const answer = await browser.call('POST', '/api/v1/wecom/signature', { body: { url, kind } })
      expect(answer.status).toBe(200)
      expect(answer.json()).toMatchObject({
        corpId: TEST_APP.corpId,
        agentId: TEST_APP.agentId,
        signature: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
      })
    }
    for (const foreign of ['https://evil.example/', 'http://127.0.0.1:8686.evil.example/', 'javascript:1']) {
      const answer = await browser.call('POST', '/api/v1/wecom/signature', { body: { url: foreign, kind: 'config' } })
      expect(answer.status).toBe(422)
    }
    expect(
      (await openBrowser(service).call('POST', '/api/v1/wecom/signature', { body: { url, kind: 'config' } })).status,
    ).toBe(401)
  })

  test('cookies are out of reach of scripts and other sites', async () => {
    const browser = openBrowser(service)
    const answer = await signIn(browser, 'a1')
    const set = [answer.headers['set-cookie']].flat().map(String)
    for (const name of ['daogou_access', 'daogou_refresh']) {
      const cookie = set.find(text => text.startsWith(`${name}=`) && !text.includes('Max-Age=0'))
      expect(cookie).toMatch(/HttpOnly/)
      expect(cookie).toMatch(/SameSite=Lax/)
      expect(cookie).not.toMatch(/Secure/)
    }
  })
})
