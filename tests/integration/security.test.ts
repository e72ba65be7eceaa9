import { createHmac, generateKeyPairSync, sign as signWith } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parse as parseCsv } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKey } from '../../server/features/auth/service.ts'
import { standardPlan } from '../builders/brand.ts'
import { tell } from '../support/people.ts'
import { startTestService, TEST_KEY, type TestService } from '../support/service.ts'
import {
  openBrowser,
  sealed,
  signedIn,
  signIn,
  startTestWecom,
  type Browser,
  type TestWecom,
} from '../support/wecom.ts'
import { readXlsx } from '../support/xlsx.ts'

/**
 * Attacks and what becomes of them; printed as a table at the end. docs/security.md says which requirement of OWASP ASVS
 * each belongs to.
 */

const table: [string, string, string][] = []
const note = (area: string, attack: string, outcome: string | number) => table.push([area, attack, String(outcome)])

const KEY = { authorization: `Bearer ${TEST_KEY}` }
const SINCE = '2025-01-01T00:00:00+08:00'
const SECRET_FILE = 'nothing that a browser may have'
let wecom: TestWecom
/** By http and without limits. */
let service: TestService
/** By https, with few requests a minute. */
let strict: TestService
let folder: string
let origin: string
let slowHead: Promise<string>
const REQUESTS_PER_MINUTE = 150
const clock = Date.parse('2026-05-20T12:00:00+08:00')

const people = {
  stores: [{ storeCode: 'S1', name: '一店', type: 'direct' }],
  associates: [
    ...['a1', 'a2', 'hq', 'demoted', 'mallory'].map(associateId => ({
      associateId,
      name: associateId,
      storeCode: 'S1',
      activeFrom: SINCE,
      ...(['hq', 'demoted'].includes(associateId) ? { role: 'headquarters' } : {}),
    })),
  ],
}
const link = (linkCode: string, target: object = {}) => ({
  linkCode,
  associateId: 'a1',
  target: { kind: 'product', ref: 'k1', title: '大衣', ...target },
  channel: 'single_chat',
})

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'daogou-security-'))
  const webRoot = join(folder, 'web')
  for (const name of ['sidebar', 'console', 'assets']) mkdirSync(join(webRoot, name), { recursive: true })
  for (const name of ['sidebar', 'console']) {
    writeFileSync(join(webRoot, name, 'index.html'), `<!doctype html><title>${name}</title>`)
  }
  writeFileSync(join(webRoot, 'assets', 'app-1.js'), 'void 0')
  writeFileSync(join(folder, 'secret.txt'), SECRET_FILE)
  wecom = await startTestWecom({
    staff: people.associates.map(({ associateId }) => associateId),
    customers: [
      { name: '甲', externalUserid: 'wmKnown', follows: [{ userid: 'mallory' }] },
      { name: '乙', externalUserid: 'wmFree', follows: [{ userid: 'mallory' }] },
    ],
  })
  service = await startTestService({
    env: { ...wecom.env, ALLOWED_REDIRECTS: 'shop.example' },
    webRoot,
    worker: false,
  })
  const env = {
    PUBLIC_URL: 'https://127.0.0.1:8686',
    RATE_LIMIT: String(REQUESTS_PER_MINUTE),
    TRUST_PROXY: '127.0.0.9',
  }
  strict = await startTestService({ env: { ...wecom.env, ...env }, webRoot, worker: false, now: () => clock })
  origin = await service.app.listen({ port: 0, host: '127.0.0.1' })
  slowHead = sendSlowly(service)
  for (const one of [service, strict])
    await one.pool`
    INSERT INTO wecom_friends (brand_id, userid, external_userid, since, tag_ids, is_told, seen_at)
    VALUES (1, 'mallory', 'wmKnown', now(), '{}', true, now()), (1, 'mallory', 'wmFree', now(), '{}', true, now())`
  await tell(service, { ...people, 'share-links': [link('known', { url: 'https://shop.example/' })] })
}, 120_000)

afterAll(async () => {
  await Promise.all([service?.close(), strict?.close()])
  await wecom?.close()
  rmSync(folder, { recursive: true, force: true })
  const widths = [0, 1].map(i => Math.max(...table.map(row => row[i]!.length)))
  console.log(
    ['attacks and what became of them', ...table.map(row => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  '))].join('\n'), // prettier-ignore
  )
})

const statusOf = async (browser: Browser, headers: Record<string, string> = {}) =>
  (await browser.call('GET', '/api/v1/session', { headers })).status
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('tokens', () => {
  test('an access token is taken as we made it, for what we made it, and no longer than it says', async () => {
    const { browser } = await signedIn(service, 'a1')
    const good = browser.cookies.get('daogou_access')!
    const refresh = browser.cookies.get('daogou_refresh')!
    const claims = service.app.jwt.decode<Record<string, unknown>>(good)!
    const secret = service.settings.sessionSecret
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = publicKey.export({ type: 'spki', format: 'pem' })
    const made = (
      header: object,
      changed: object = {},
      how: string | ((text: string) => string) = secret,
      digest = 'sha256',
    ) => {
      const text = `${encoded({ typ: 'JWT', ...header })}.${encoded({ ...claims, ...changed })}`
      const signature = typeof how === 'string' ? createHmac(digest, how).update(text).digest('base64url') : how(text)
      return `${text}.${signature}`
    }
    const byRsa = (text: string) => signWith('sha256', Buffer.from(text), privateKey).toString('base64url')
    const seconds = Math.floor(Date.now() / 1000)
    const HS256 = { alg: 'HS256' }
    const forged: Record<string, string> = {
      'alg none': made({ alg: 'none' }, {}, () => ''),
      'alg NONE, signed': made({ alg: 'NONE' }),
      'no alg': made({}),
      'alg HS512 with our secret': made({ alg: 'HS512' }, {}, secret, 'sha512'),
      'alg RS256, own key pair': made({ alg: 'RS256', jwk: publicKey.export({ format: 'jwk' }) }, {}, byRsa),
      'alg RS256, HMAC by our secret': made({ alg: 'RS256' }),
      'alg HS256, HMAC by a public key': made(HS256, {}, String(pem)),
      'key named in jku and kid': made({ ...HS256, kid: '/dev/null', jku: 'https://evil.example/k' }, {}, ''),
      'swapped key': made(HS256, {}, 'another secret'),
      'claims changed, signature kept': `${encoded(HS256)}.${encoded({ ...claims, sub: 'hq' })}.${good.split('.')[2]!}`,
      expired: made(HS256, { iat: seconds - 700, exp: seconds - 1 }),
      'without exp': made(HS256, { exp: undefined }),
      'not yet': made(HS256, { nbf: seconds + 600 }),
      'other audience': made(HS256, { aud: 'another' }),
      'other issuer': made(HS256, { iss: 'another' }),
      'other brand': made(HS256, { bid: 2 }),
      'other session': made(HS256, { sid: '018f0000-0000-7000-8000-000000000001' }),
      'refresh token in its place': refresh,
      'CSRF token in its place': (await browser.call('GET', '/api/v1/session')).text.match(/"csrfToken":"([^"]+)"/)![1]!, // prettier-ignore
      '8 kB of nonsense': 'x'.repeat(8000),
    }
    // What we make ourselves in this way is good, so the others are refused for what they say.
    browser.cookies.set('daogou_access', made(HS256))
    expect(await statusOf(browser)).toBe(200)
    for (const [attack, token] of Object.entries(forged)) {
      browser.cookies.set('daogou_access', token)
      const status = await statusOf(browser)
      note('access token', attack, status)
      expect([attack, status]).toEqual([attack, 401])
    }
    for (const [attack, token] of Object.entries({
      'access token as a key': good,
      'refresh token as a key': refresh,
    })) {
      const status = await statusOf(openBrowser(service), { authorization: `Bearer ${token}` })
      note('access token', attack, status)
      expect([attack, status]).toEqual([attack, 401])
    }
    const thief = openBrowser(service)
    thief.cookies.set('daogou_refresh', good)
    expect((await thief.call('POST', '/auth/refresh')).status).toBe(401)
    note('refresh token', 'access token in its place', 401)
  })

  test('a refresh token is good once; one that comes again ends the family', async () => {
    const { browser } = await signedIn(service, 'a1')
    const old = browser.cookies.get('daogou_refresh')!
    expect((await browser.call('POST', '/auth/refresh')).status).toBe(204)
    const thief = openBrowser(service)
    thief.cookies.set('daogou_refresh', old)
    const replayed = (await thief.call('POST', '/auth/refresh')).status
    const heir = (await browser.call('POST', '/auth/refresh')).status
    note('refresh token', 'replayed; then the newest of its family', `${replayed}; ${heir}`)
    expect([replayed, heir]).toEqual([401, 401])

    // Two at once are one that comes again: pages of one browser therefore take turns (sidebar/lib/api.ts).
    const { browser: twice } = await signedIn(service, 'a1')
    const token = twice.cookies.get('daogou_refresh')!
    const both = await Promise.all(
      [1, 2].map(() =>
        service.app.inject({ method: 'POST', url: '/auth/refresh', headers: { cookie: `daogou_refresh=${token}` } }),
      ),
    )
    const statuses = both.map(({ statusCode }) => statusCode).sort()
    note('refresh token', 'twice at once', statuses.join(' and '))
    expect(statuses).toEqual([204, 401])
    for (const [attack, value] of Object.entries({
      'of another session': token.replace(/\.[^.]+\./, '.018f0000-0000-7000-8000-000000000001.'),
      'of another brand': `2${token.slice(1)}`,
      'with a letter changed': `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
    })) {
      thief.cookies.set('daogou_refresh', value)
      expect([attack, (await thief.call('POST', '/auth/refresh')).status]).toEqual([attack, 401])
      note('refresh token', attack, 401)
    }
  })

  test('who has lost a role has lost it with the token that he holds; who signed out, with every copy', async () => {
    const { browser } = await signedIn(service, 'demoted')
    expect((await browser.call('GET', '/api/v1/keys')).status).toBe(200)
    await tell(service, { associates: [{ associateId: 'demoted', role: 'associate' }] })
    const after = (await browser.call('GET', '/api/v1/keys')).status
    note('access token', 'of somebody whose role was taken away', after)
    expect(after).toBe(403)
    const copy = openBrowser(service)
    for (const [name, value] of browser.cookies) copy.cookies.set(name, value)
    expect((await browser.call('POST', '/auth/logout')).status).toBe(204)
    const left = [await statusOf(copy), (await copy.call('POST', '/auth/refresh')).status]
    note('access token', 'a copy after signing out; its refresh token', left.join('; '))
    expect(left).toEqual([401, 401])
  })
})

describe('other sites’ pages', () => {
  test('a write needs our token, our page and our type of body', async () => {
    const { browser, csrf } = await signedIn(service, 'hq')
    const { csrf: anothers } = await signedIn(service, 'a1')
    const put = (headers: Record<string, string>, body: unknown = { enabled: false }) =>
      browser.call('PUT', '/api/v1/settings/binding', { headers, body })
    const form = (type: string, payload: string) => ({ ...csrf, 'content-type': type, payload })
    expect((await put(csrf)).status).not.toBe(403)
    const before = (await browser.call('GET', '/api/v1/settings/binding')).text
    const foreign: Record<string, Record<string, string>> = {
      'without our token': {},
      'with somebody else’s token': anothers,
      'with an empty token': { 'x-daogou-csrf': '' },
      'from another origin, with our token': { ...csrf, origin: 'https://evil.example' },
      'from a like-named origin': { ...csrf, origin: 'http://127.0.0.1.evil.example:8686' },
      'from a sandboxed frame': { ...csrf, origin: 'null' },
      'Sec-Fetch-Site: cross-site': { ...csrf, 'sec-fetch-site': 'cross-site' },
      'Sec-Fetch-Site: same-site': { ...csrf, 'sec-fetch-site': 'same-site' },
    }
    for (const [attack, headers] of Object.entries(foreign)) {
      const { status, text } = await put(headers)
      note('forged request', `PUT ${attack}`, status)
      expect([attack, status, text.includes('session.csrf')]).toEqual([attack, 403, true])
    }
    for (const [type, payload] of [
      ['application/x-www-form-urlencoded', 'enabled=false'],
      ['multipart/form-data; boundary=x', '--x--'],
      ['text/plain', '{"enabled":false}'],
    ] as const) {
      const answer = await service.app.inject({
        method: 'POST',
        url: '/api/v1/materials',
        ...form(type, payload),
        headers: { ...csrf, 'content-type': type, cookie: cookieOf(browser) },
      })
      note('forged request', `a form’s ${type.split(';')[0]!}`, answer.statusCode)
      expect([type, answer.statusCode === 415]).toEqual([type, true])
    }
    for (const path of ['/auth/logout', '/auth/refresh']) {
      for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
        const { status } = await browser.call('POST', path, { headers: headers as Record<string, string> })
        note('forged request', `POST ${path} with ${Object.keys(headers)[0]!} of another site`, status)
        expect(status).toBe(403)
      }
    }
    const overridden = await browser.call('GET', '/api/v1/settings/binding?_method=PUT', {
      headers: { 'x-http-method-override': 'PUT', 'x-method-override': 'DELETE' },
    })
    expect([400, 200]).toContain(overridden.status)
    expect((await browser.call('GET', '/api/v1/settings/binding')).text).toBe(before)
    expect(await statusOf(browser)).toBe(200)
  })

  test('nobody else’s script may read: there is no CORS', async () => {
    const { browser } = await signedIn(service, 'a1')
    for (const who of ['https://evil.example', 'null', 'http://127.0.0.1:8686']) {
      const read = await browser.call('GET', '/api/v1/session', { headers: { origin: who } })
      const asked = await service.app.inject({
        method: 'OPTIONS',
        url: '/api/v1/session',
        headers: { origin: who, 'access-control-request-method': 'PUT' },
      })
      const allowed = [read.headers, asked.headers].flatMap(headers =>
        Object.keys(headers).filter(name => name.startsWith('access-control-')),
      )
      expect(allowed).toEqual([])
    }
    note('forged request', 'reading from another origin', 'no Access-Control-Allow-Origin')
  })

  test('a sign-in ends where it began: fixed, missing, foreign, used and forged states are none', async () => {
    const begin = async (browser: Browser) => {
      const login = await browser.call('GET', '/auth/wecom/login')
      const url = new URL(String(login.headers['location']))
      url.hash = ''
      url.searchParams.set('as', 'mallory')
      const back = new URL((await fetch(url, { redirect: 'manual' })).headers.get('location')!)
      return { state: url.searchParams.get('state')!, callback: back.pathname + back.search }
    }
    const attempts: Record<string, () => Promise<{ browser: Browser; url: string }>> = {
      'mallory’s code and state in another browser': async () => ({
        browser: openBrowser(service),
        url: (await begin(openBrowser(service))).callback,
      }),
      'mallory’s answer to a sign-in that the victim began': async () => {
        const browser = openBrowser(service)
        await begin(browser)
        return { browser, url: (await begin(openBrowser(service))).callback }
      },
      'no state': async () => {
        const browser = openBrowser(service)
        const { callback } = await begin(browser)
        return { browser, url: callback.replace(/&?state=[^&]*/, '') }
      },
      'state without its cookie': async () => {
        const browser = openBrowser(service)
        const { callback } = await begin(browser)
        browser.cookies.clear()
        return { browser, url: callback }
      },
      'a cookie that we did not sign': async () => {
        const browser = openBrowser(service)
        const { callback, state } = await begin(browser)
        browser.cookies.set('daogou_sign_in', `${encoded({ state, redirect: 'https://evil.example/', brand: 'default' })}.${'A'.repeat(43)}`) // prettier-ignore
        return { browser, url: callback }
      },
      'a state that was used': async () => {
        const browser = openBrowser(service)
        const { callback } = await begin(browser)
        const [cookie] = [...browser.cookies]
        expect((await browser.call('GET', callback)).status).toBe(302)
        browser.cookies.clear()
        browser.cookies.set(...cookie!)
        return { browser, url: callback }
      },
    }
    for (const [attack, prepare] of Object.entries(attempts)) {
      const { browser, url } = await prepare()
      const { status } = await browser.call('GET', url)
      note('sign-in', attack, status)
      expect([attack, status, browser.cookies.has('daogou_access')]).toEqual([attack, 400, false])
    }
  })

  test('a session that was there before a sign-in is not the one after it', async () => {
    const { browser: mallory } = await signedIn(service, 'mallory')
    const victim = openBrowser(service)
    for (const [name, value] of mallory.cookies) victim.cookies.set(name, value)
    expect((await signIn(victim, 'a1')).status).toBe(302)
    expect((await mallory.call('GET', '/api/v1/session')).json()).toMatchObject({ associateId: 'mallory' })
    expect((await victim.call('GET', '/api/v1/session')).json()).toMatchObject({ associateId: 'a1' })
    for (const name of ['daogou_access', 'daogou_refresh']) {
      expect(victim.cookies.get(name)).not.toBe(mallory.cookies.get(name))
    }
    note('sign-in', 'a session fixed before', 'other tokens after')
  })
})

describe('what browsers are told', () => {
  const PATHS = [
    '/', '/sidebar/', '/console/', '/assets/app-1.js', '/pages.css', '/s/known', '/s/nobody', '/auth/wecom/login',
    '/auth/wecom/callback', '/healthz', '/metrics', '/api/openapi.json', '/api/docs/', '/api/v1/session', '/api/v1/orders',
    '/api/v1/members', '/nowhere', '/%zz', `/api/v1/orders/a/${'x'.repeat(600)}/commission`, '/api/v1/orders?limit=x',
  ] // prettier-ignore

  test('every answer carries the policy, whatever it is', async () => {
    for (const url of PATHS) {
      for (const [one, headers] of [
        [service, KEY],
        [strict, {}],
      ] as const) {
        const answer = await one.app.inject({ url, headers })
        const policy = String(answer.headers['content-security-policy'] ?? '')
        const told = {
          url,
          object: policy.includes("object-src 'none'"),
          base: policy.includes("base-uri 'none'"),
          frames: policy.includes("frame-ancestors 'self'"),
          script: !/script-src[^;]*('unsafe-|https?:|data:|\*)/.test(policy),
          sniff: answer.headers['x-content-type-options'],
          referrer: answer.headers['referrer-policy'],
          hsts: String(answer.headers['strict-transport-security'] ?? ''),
          banner: [answer.headers['server'], answer.headers['x-powered-by']].filter(Boolean),
        }
        expect(told).toEqual({
          url,
          object: true,
          base: true,
          frames: true,
          script: true,
          sniff: 'nosniff',
          referrer: 'strict-origin-when-cross-origin',
          hsts: one === strict ? 'max-age=31536000; includeSubDomains' : '',
          banner: [],
        })
        const cache = String(answer.headers['cache-control'] ?? '')
        const isPublic = ['/assets/app-1.js', '/pages.css'].includes(url) || url.startsWith('/api/docs/')
        // The pages are the same for everybody; the sidebar's need not be asked for again for ten minutes.
        const ofPage: Record<string, string> = { '/sidebar/': 'private, max-age=600', '/console/': 'no-cache' }
        expect([url, cache === 'no-store' || isPublic || cache === ofPage[url]]).toEqual([url, true])
        if (answer.body.length > 0) expect([url, answer.headers['content-type']]).toEqual([url, expect.any(String)])
        expect(answer.headers['access-control-allow-origin']).toBeUndefined()
      }
    }
    const malformed = await service.app.inject({ method: 'POST', url: '/api/v1/stores', headers: { ...KEY, 'content-type': 'application/json' }, payload: '{' }) // prettier-ignore
    expect(malformed.headers['x-content-type-options']).toBe('nosniff')
    note('headers', `${PATHS.length} addresses by http and https`, 'CSP, nosniff, no-store, no banner; HSTS by https')
    // WeCom’s desktop client shows the sidebar in a frame of its own pages, and nobody else may.
    const policy = String((await service.app.inject('/sidebar/')).headers['content-security-policy'])
    expect(/frame-ancestors ([^;]*)/.exec(policy)![1]!.split(' ')).toEqual(["'self'", 'https://*.work.weixin.qq.com', 'https://work.weixin.qq.com', 'https://*.weixin.qq.com']) // prettier-ignore
  })

  test('cookies: out of scripts’ reach, of this host alone by https', async () => {
    await tell(strict, { ...people, 'share-links': [link('visit')] })
    const browser = openBrowser(strict)
    const login = await browser.call('GET', '/auth/wecom/login')
    const visit = await browser.call('GET', '/s/visit')
    const done = await signIn(browser, 'a1')
    expect(done.status).toBe(302)
    const set = [login, visit, done].flatMap(answer => [answer.headers['set-cookie']].flat().map(String))
    expect(set.length).toBeGreaterThan(4)
    for (const cookie of set) {
      expect(cookie).toMatch(/^__Host-daogou_\w+=/)
      for (const attribute of ['HttpOnly', 'Secure', 'SameSite=Lax', 'Path=/']) expect(cookie).toContain(attribute)
      expect(cookie).not.toMatch(/Domain=/i)
      expect(cookie.split(';')[0]!.length).toBeLessThan(4096)
    }
    note('headers', `${set.length} cookies by https`, '__Host-, HttpOnly, Secure, Lax')
  })
})

describe('addresses', () => {
  /** As sent, without a client that makes it tidy. */
  const raw = (path: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
      const asked = requestHttp(origin, { path, headers }, answer => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, text: Buffer.concat(chunks).toString() })) // prettier-ignore
      })
      asked.on('error', reject)
      asked.end()
    })

  test('files beside the pages are out of reach', async () => {
    const ways = [
      '/../secret.txt', '/assets/../../secret.txt', '/%2e%2e/secret.txt', '/assets/..%2f..%2fsecret.txt', '/..%5csecret.txt',
      '/assets/%2e%2e/%2e%2e/secret.txt', '//../secret.txt', '/sidebar/../../secret.txt', '/assets/app-1.js/../../../secret.txt',
      '/....//secret.txt', '/%252e%252e/secret.txt', '/..%c0%afsecret.txt', '/secret.txt%00.js', '/assets/', '/assets', '/.env',
      '/.git/config', '/package.json', '/assets/app-1.js%00', '/assets/app-1.js.map', '/WW_verify_../secret.txt',
      '/WW_verify_%2e%2e%2fsecret.txt', '/api/v1/pictures/..%2f..%2fsecret.txt', '/api/v1/pictures/%2e%2e', '/api/docs/static/..%2f..%2f..%2fpackage.json',
      '/api/docs/static/%2e%2e/%2e%2e/package.json', '/server/main.ts', '/../../etc/passwd', '/file:///etc/passwd',
    ] // prettier-ignore
    for (const path of ways) {
      const { status, text } = await raw(path)
      expect([path, status >= 400, text.includes(SECRET_FILE) || text.includes('"dependencies"') || text.includes('root:')]).toEqual([path, true, false]) // prettier-ignore
    }
    note('addresses', `${ways.length} ways to files beside the pages`, '400 or 404')
  })

  test('no redirect leads elsewhere, whatever the request says of itself', async () => {
    const evil = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' } // prettier-ignore
    expect((await raw('/', evil)).headers['location']).toBe('/sidebar/')
    expect((await raw('/sidebar', evil)).headers['location']).toBe('/sidebar/')
    const login = new URL(String((await raw('/auth/wecom/login', evil)).headers['location']))
    expect(login.searchParams.get('redirect_uri')).toBe('http://127.0.0.1:8686/auth/wecom/callback')
    note('addresses', 'Host and X-Forwarded-Host of another site', 'not believed')
    const redirects = [
      '//evil.example', '/\\evil.example', '/%5cevil.example', '/sidebar/%0d%0aset-cookie:a=b', '/sidebar/\\..\\\\evil.example',
      '/sidebar/..//evil.example', '/sidebar/../..//evil.example/', '/sidebar//evil.example', '/sidebar/@evil.example', 'javascript:alert(1)', '/sidebar/?brand=nobody',
      '/sidebar/?brand=//evil.example', 'https:evil.example', '%2f%2fevil.example', '/\t/evil.example', '/sidebar/\u2028x', 'x'.repeat(9000),
    ] // prettier-ignore
    for (const redirect of redirects) {
      const browser = openBrowser(service)
      const begun = await browser.call('GET', `/auth/wecom/login?redirect=${encodeURIComponent(redirect)}`)
      if (begun.status !== 302) {
        expect([redirect, [400, 404].includes(begun.status)]).toEqual([redirect, true])
        continue
      }
      const done = await signIn(openBrowser(service), 'a1', redirect)
      const target = new URL(String(done.headers['location']), 'http://ours.example')
      expect([redirect, target.origin]).toEqual([redirect, 'http://ours.example'])
      expect([redirect, /^\/(sidebar|console)\//.test(target.pathname)]).toEqual([redirect, true])
    }
    note('addresses', `${redirects.length} addresses to go to after sign-in`, 'our own pages')
    const split = await raw('/s/known%0d%0aset-cookie:%20a=b%0d%0a')
    expect([split.status, split.headers['set-cookie']]).toEqual([404, undefined])
    note('addresses', 'CR and LF in a link code', 404)
  })

  test('what cannot be a request is refused, and only the methods that there are work', async () => {
    const port = Number(new URL(origin).port)
    const exchange = (text: string) =>
      new Promise<string>(resolve => {
        const socket = connect(port, '127.0.0.1')
        let heard = ''
        socket.setTimeout(3000, () => socket.destroy())
        socket.on('data', chunk => {
          heard += String(chunk)
          if (heard.includes('\r\n')) socket.end()
        })
        socket.on('error', () => {})
        socket.on('close', () => resolve(heard.split('\r\n')[0] ?? ''))
        socket.write(text)
      })
    const host = 'Host: 127.0.0.1\r\n'
    const attempts: Record<string, [string, RegExp]> = {
      'both lengths (smuggling)': [`POST /auth/logout HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, / 400 /], // prettier-ignore
      'two lengths': [`POST /auth/logout HTTP/1.1\r\n${host}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`, / 400 /],
      'a bare LF in a header': [`GET / HTTP/1.1\r\n${host}a: b\n c: d\r\n\r\n`, / 400 /],
      '64 kB of headers': [`GET / HTTP/1.1\r\n${host}a: ${'x'.repeat(65_536)}\r\n\r\n`, / 431 /],
      'no host': ['GET / HTTP/1.1\r\n\r\n', / 400 /],
      TRACE: [`TRACE / HTTP/1.1\r\n${host}\r\n`, / (404|405) /],
      CONNECT: [`CONNECT evil.example:443 HTTP/1.1\r\n${host}\r\n`, /^$|4\d\d/],
    }
    for (const [attack, [text, expected]] of Object.entries(attempts)) {
      const answer = await exchange(text)
      note('addresses', attack, answer.replace(/^HTTP\/1\.1 /, '') || 'closed')
      expect([attack, expected.test(answer)]).toEqual([attack, true])
    }
  })
})

describe('files for spreadsheets', () => {
  const FORMULAS = ['=cmd|\' /C calc\'!A0', '+1+1', '-1+1', '@SUM(A1)', '\t=1', '\r=1', '＝1+1', '=HYPERLINK("https://evil.example","x")', '=1,"x"\n=2'] // prettier-ignore

  test('whatever is listed can be had as a file in which no text is a formula and every number is one', async () => {
    const paidAt = '2026-05-10T12:00:00+08:00'
    await tell(service, {
      stores: FORMULAS.map((name, i) => ({ storeCode: `=S${i}`, name, type: 'direct', region: name })),
      associates: FORMULAS.map((name, i) => ({ associateId: `-a${i}`, name, storeCode: `=S${i}`, activeFrom: SINCE })),
      products: FORMULAS.map((name, i) => ({ sku: `@k${i}`, name, category: name, priceFen: 1 })),
      members: FORMULAS.map((name, i) => ({ memberNo: `+m${i}`, name })),
      groups: FORMULAS.map((name, i) => ({ chatId: `=g${i}`, name, storeCode: `=S${i}` })),
      'share-links': FORMULAS.map((title, i) => ({
        ...link(`=l${i}`, { title, ref: `@k${i}` }),
        associateId: `-a${i}`,
      })),
    })
    expect((await service.post('/plans', standardPlan)).status).toBe(201)
    const lines = (paidFen: number) => [{ lineNo: 1, sku: '@k0', name: '=1+1', quantity: 1, paidFen }]
    await tell(service, {
      orders: FORMULAS.map((_, i) => ({ source: '=mall', orderNo: `=o${i}`, channel: 'in_store', sellingStore: `=S${i}`, closer: `-a${i}`, memberNo: `+m${i}`, paidAt, lines: lines(10_000) })), // prettier-ignore
    })
    const earlier = { source: '=mall', channel: 'in_store', sellingStore: '=S0', memberNo: '+m0', paidAt, lines: lines(500) } // prettier-ignore
    await tell(service, { orders: [{ ...earlier, orderNo: '@nobody' }] })
    await service.post('/settlements', { cutoff: new Date().toISOString() }).then(async ({ body }) => {
      const approver = await createKey(service.pool, { brandId: 1, name: '=key', scopes: ['ingest', 'read', 'admin'], now: Date.now() }) // prettier-ignore
      const approved = await service.app.inject({ method: 'POST', url: `/api/v1/settlements/${String(body['settlementId'])}/approve`, headers: { authorization: `Bearer ${approver}` }, payload: {} }) // prettier-ignore
      expect([200, 409]).toContain(approved.statusCode)
    })
    // After it was settled money is taken back: amounts below zero.
    await tell(service, {
      refunds: FORMULAS.map((_, i) => ({ source: '=mall', refundNo: `-r${i}`, orderNo: `=o${i}`, refundedAt: '2026-05-11T12:00:00+08:00', lines: [{ lineNo: 1, quantity: 1, refundFen: 10_000 }] })), // prettier-ignore
    })
    await service.ingest('members', [{ memberNo: '=x', wrong: '=1+1' }])
    const { body: second } = await service.post('/settlements', { cutoff: new Date().toISOString() })
    const fill: Record<string, string> = {
      settlementId: String(second['settlementId']), payeeKind: 'associate', payee: '-a0', storeCode: '=S0', source: '=mall',
      franchiseeId: 'F', orderNo: '=o0', associateId: '-a0', jobId: '018f0000-0000-7000-8000-000000000001',
    } // prettier-ignore
    const query: Record<string, string> = { from: '2026-05-01', to: '2026-06-01', month: '2026-05', table: 'associates', figure: 'orders' } // prettier-ignore
    const files: string[] = []
    let [texts, negatives] = [0, 0]
    for (const { path, required } of await lists()) {
      const url = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(fill[name] ?? 'x'))
      const asked = `${url}?${new URLSearchParams(Object.fromEntries(['from', 'to', ...required].filter(name => required.includes(name) || /performance|attainment|community/.test(path)).flatMap(name => (query[name] ? [[name, query[name]]] : []))))}` // prettier-ignore
      const csv = await service.app.inject({ url: asked, headers: { ...KEY, accept: 'text/csv' } })
      if (!String(csv.headers['content-type']).startsWith('text/csv')) continue
      files.push(path)
      expect([path, csv.headers['content-disposition'], csv.headers['cache-control']]).toEqual([path, expect.stringMatching(/^attachment; filename="[A-Za-z0-9-]+\.csv"$/), 'no-store']) // prettier-ignore
      for (const cell of (parseCsv(csv.body, { bom: true }) as string[][]).flat()) {
        if (/^-\d+(\.\d+)?$/.test(cell)) negatives++
        else if (/^[=+\-@\t\r＝＋－＠]/.test(cell)) throw new Error(`${path}: ${JSON.stringify(cell)}`)
        if (/^'[=+\-@\t\r＝]/.test(cell)) texts++
      }
      const xlsx = await service.app.inject({ url: asked, headers: { ...KEY, accept: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet' } }) // prettier-ignore
      expect([path, xlsx.statusCode]).toEqual([path, 200])
      readXlsx(xlsx.rawPayload) // throws at a formula
    }
    note('files', `formulas in names and ids, in ${files.length} files, CSV and XLSX`, `${texts} cells as text`)
    note('files', 'amounts below zero', `${negatives} stay numbers`)
    expect(files.length).toBeGreaterThanOrEqual(15)
    expect(texts).toBeGreaterThan(50)
    expect(negatives).toBeGreaterThan(0)
  })

  /** Every GET of the document. */
  async function lists() {
    const document = (await service.app.inject('/api/openapi.json')).json<OpenApi>()
    return Object.entries(document.paths)
      .filter(([path, item]) => item.get !== undefined && path.startsWith('/api/v1/'))
      .map(([path, item]) => ({
        path,
        required: (item.get!.parameters ?? [])
          .filter(one => one.in === 'query' && one.required)
          .map(({ name }) => name),
      }))
  }
})

interface OpenApi {
  paths: Record<
    string,
    Record<
      string,
      {
        parameters?: {
          in: string
          name: string
          required?: boolean
          schema: { maximum?: number; maxLength?: number }
        }[]
        responses?: Record<string, { content?: Record<string, { schema?: Json }> }>
      }
    >
  >
}
type Json = { properties?: Record<string, Json>; items?: Json; type?: string; maxItems?: number; anyOf?: Json[] }

describe('too much, too often, too slow', () => {
  test('every list that is paged has a bound; the document names those that are whole', async () => {
    const document = (await service.app.inject('/api/openapi.json')).json<OpenApi>()
    const unbounded: string[] = []
    let paged = 0
    for (const [path, { get }] of Object.entries(document.paths)) {
      const answer = get?.responses?.['200']?.content?.['application/json']?.schema
      if (!get || answer?.properties?.['nextCursor'] === undefined) continue
      paged++
      const limit = get.parameters?.find(({ name }) => name === 'limit')
      if (!limit || !(limit.schema.maximum! <= 500)) unbounded.push(path)
    }
    note('limits', `${paged} lists that are paged`, 'limit of 500 at most')
    expect(unbounded).toEqual([])
    expect(paged).toBeGreaterThan(20)
  })

  test('a body that is too large, too deep, packed or no object is refused, and quickly', async () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`
    const json = { ...KEY, 'content-type': 'application/json' }
    const attempts: [string, string, Record<string, string>, string | Buffer, number[]][] = [
      ['200,000 arrays in each other', '/api/v1/orders', json, nested(200_000), [200, 422]],
      ['50,000 objects in each other', '/api/v1/plans', json, deep, [422]],
      ['50,000 objects in an item', '/api/v1/members', json, `[${deep}]`, [200]],
      ['a field as deep', '/api/v1/members', json, `[{"memberNo":"deep","tags":${nested(100_000)}}]`, [200]],
      ['1001 items', '/api/v1/members', json, JSON.stringify(Array.from({ length: 1001 }, () => ({}))), [413]],
      ['300,000 tags', '/api/v1/members', json, `[{"memberNo":"many","tags":[${'"",'.repeat(299_999)}""]}]`, [200]],
      ['more than may come', '/api/v1/members', json, `["${'x'.repeat(17_000_000)}"]`, [413]],
      ['packed 1:1000', '/api/v1/members', { ...json, 'content-encoding': 'gzip' }, gzipSync('['.repeat(1_000_000)), [400, 415]], // prettier-ignore
      ['no JSON', '/api/v1/members', json, '\u0000', [400]],
      ['half a character', '/api/v1/members', json, Buffer.from([0x22, 0xff, 0x22]), [422, 400]],
      ['nothing', '/api/v1/members', json, '', [400]],
    ]
    for (const [attack, url, headers, payload, expected] of attempts) {
      const before = process.cpuUsage()
      const answer = await service.app.inject({ method: 'POST', url, headers, payload })
      const ms = process.cpuUsage(before).user / 1000
      const results = answer.statusCode === 200 ? answer.json<{ status: string }[]>() : []
      note('bodies', attack, results.length > 0 ? `200 ${results[0]!.status}` : answer.statusCode)
      expect([attack, expected.includes(answer.statusCode)]).toEqual([attack, true])
      for (const { status } of results) expect([attack, status]).toEqual([attack, 'rejected'])
      expect([attack, ms < 5000]).toEqual([attack, true])
    }
  })

  test('names that a program would trip over are refused or kept as they are', async () => {
    const before = Object.keys(Object.prototype)
    const json = { ...KEY, 'content-type': 'application/json' }
    const send = async (url: string, payload: string) =>
      await service.app.inject({ method: 'POST', url, headers: json, payload })
    for (const key of ['__proto__', 'constructor']) {
      const poison = `{"${key}":{"prototype":{"isAdmin":true},"isAdmin":true}`
      for (const [url, payload] of [
        ['/api/v1/members', `[${poison},"memberNo":"p"}]`],
        ['/api/v1/plans', `${poison}}`],
        ['/api/v1/orders', `[{"source":"s","lines":[${poison}}]}]`],
      ] as const) {
        const answer = await send(url, payload)
        const isRefused = answer.statusCode >= 400 || answer.json<{ status: string }[]>().every(({ status }) => status === 'rejected') // prettier-ignore
        expect([key, url, isRefused]).toEqual([key, url, true])
      }
      note('bodies', `${key} as a field`, 'refused')
    }
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined()
    expect(Object.keys(Object.prototype)).toEqual(before)
    for (const url of [
      '/api/v1/orders?__proto__[x]=1',
      '/api/v1/orders?memberNo=a&memberNo=b',
      '/api/v1/orders?memberNo[$ne]=x',
      '/api/v1/members/__proto__/storefront',
      '/api/v1/associates/constructor',
      '/api/v1/settings/__proto__',
    ]) {
      // prettier-ignore
      const { statusCode } = await service.app.inject({ url, headers: KEY })
      expect([url, statusCode >= 400 && statusCode < 500]).toEqual([url, true])
    }
    note('bodies', 'a parameter twice, as an object, or called __proto__', '4xx')
    // The last of two fields of one name is taken, by everything that reads: there is one parser.
    const twice = await send('/api/v1/stores', '[{"storeCode":"D1","name":"eins","name":"zwei","type":"direct"}]')
    expect(twice.json()).toMatchObject([{ status: 'created' }])
    expect((await service.get<{ name: string }>('/stores/D1')).name).toBe('zwei')
    note('bodies', 'a field twice', 'the last, everywhere')
    const odd = { rtl: '\u202Egnp.exe', zeroWidth: 'a\u200Bb', emoji: '👩‍👩‍👧', quote: `'; DROP TABLE members; --` }
    for (const [what, name] of Object.entries(odd)) {
      await tell(service, { stores: [{ storeCode: `odd-${what}`, name, type: 'direct' }] })
      expect((await service.get<{ name: string }>(`/stores/odd-${what}`)).name).toBe(name)
    }
    const kept = await service.ingest('stores', ['a\u0000b', '\ud800', '\u0000'].map((name, i) => ({ storeCode: `nul-${i}`, name, type: 'direct' }))) // prettier-ignore
    expect(kept.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    note('bodies', 'right to left, zero width; NUL, half a character', 'kept as typed; rejected')
    const amounts = ['9007199254740993', '1e400', '-1', '1.5', '"1"', 'true', '1e3', '-0', '2147483648', 'NaN', '0x10']
    const order = (paidFen: string, n: number) =>
      `[{"source":"n","orderNo":"n${n}","channel":"online","paidAt":"2026-05-01T00:00:00+08:00","lines":[{"lineNo":1,"sku":"k","quantity":1,"paidFen":${paidFen}}]}]` // prettier-ignore
    const taken: string[] = []
    for (const [n, amount] of amounts.entries()) {
      const answer = await send('/api/v1/orders', order(amount, n))
      if (answer.statusCode === 200 && answer.json<{ status: string }[]>()[0]!.status === 'created') taken.push(amount)
    }
    note('bodies', `amounts ${amounts.join(' ')}`, `taken: ${taken.join(' ')}`)
    expect(taken.filter(amount => !['1e3', '-0', '2147483648'].includes(amount))).toEqual([])
    // tests/support/fuzz.ts sends a corpus of these through every parameter.
    const sql = [`' OR '1'='1`, `'; SELECT pg_sleep(9); --`, '1) UNION SELECT key_hash FROM api_keys --', '\\', '%_', '$1', '${1}'] // prettier-ignore
    for (const text of sql) {
      for (const path of [
        `orders?memberNo=`,
        'associates?q=',
        'stores?q=',
        'activity?actor=',
        'performance/products?sort=',
      ]) {
        // prettier-ignore
        const begunMs = performance.now()
        const answer = await service.app.inject({ url: `/api/v1/${path}${encodeURIComponent(text)}`, headers: KEY })
        expect([path, text, answer.statusCode < 500, performance.now() - begunMs < 5000]).toEqual([
          path,
          text,
          true,
          true,
        ])
        if (answer.statusCode === 200 && path.startsWith('orders'))
          expect(answer.json<{ items: [] }>().items).toEqual([])
      }
    }
    note('bodies', `${sql.length} pieces of SQL in 5 parameters`, 'text, or 4xx')
  })

  test('an event that names entities is none, though WeCom’s keys sealed it', async () => {
    const bomb = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('')
    const events = {
      'a file as an entity': '<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml><Event>&x;</Event></xml>',
      'an address as an entity': '<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/x.dtd"><xml><Event>x</Event></xml>',
      'a billion laughs': `<!DOCTYPE xml [<!ENTITY l0 "ha">${bomb}]><xml><Event>&l9;</Event></xml>`,
      '50,000 elements in each other': `<xml>${'<a>'.repeat(50_000)}${'</a>'.repeat(50_000)}</xml>`,
      '__proto__ as an element': '<xml><__proto__><isAdmin>1</isAdmin></__proto__></xml>',
    }
    for (const [attack, xml] of Object.entries(events)) {
      const { url, body } = sealed(xml)
      const before = process.cpuUsage()
      const { statusCode } = await service.app.inject({ method: 'POST', url, payload: body })
      note('events', attack, statusCode)
      expect([attack, statusCode < 500, process.cpuUsage(before).user < 2_000_000]).toEqual([attack, true, true])
    }
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined()
    const outer = `<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml><Encrypt>&x;</Encrypt></xml>`
    expect((await service.app.inject({ method: 'POST', url: sealed('<xml/>').url, payload: outer })).statusCode).toBe(
      403,
    )
  })

  test('patterns do not run away', async () => {
    const long = 100_000
    const texts = { spaces: ' '.repeat(long), digits: '1'.repeat(long), dashes: '-'.repeat(long), mixed: '1 -'.repeat(long / 3), accept: 'a/b;q=0.1,'.repeat(1000) } // prettier-ignore
    let worst = 0
    for (const text of Object.values(texts)) {
      const items = [
        { memberNo: 'r', phone: text },
        { memberNo: 'r', name: text, birthday: text, joinedAt: text },
      ]
      for (const send of [
        () => service.ingest('members', items),
        () => service.ingest('orders', [{ source: 'x', orderNo: 'x', paidAt: text, phone: text, channel: 'online', lines: [] }]), // prettier-ignore
        () => service.app.inject({ url: '/api/v1/orders', headers: { ...KEY, accept: text.slice(0, 8000) } }),
        () => service.app.inject({ url: '/s/known', headers: { 'user-agent': text.slice(0, 8000) } }),
        () =>
          service.app.inject({ url: '/api/v1/orders', headers: { authorization: `Bearer ${text.slice(0, 8000)}` } }),
        () => service.app.inject({ url: `/auth/wecom/login?redirect=${encodeURIComponent(text.slice(0, 4000))}` }),
      ]) {
        const before = process.cpuUsage()
        await send()
        const { user } = process.cpuUsage(before)
        worst = Math.max(worst, user / 1000)
      }
    }
    note('bodies', `${Object.keys(texts).length} long texts for every pattern`, 'less than 2 s of a processor each')
    expect(worst).toBeLessThan(2000)
  })

  test('who sends his head slowly is shown the door', async () => {
    const { server } = service.app
    expect([server.requestTimeout, server.timeout, server.keepAliveTimeout]).toEqual([60_000, 300_000, 72_000])
    expect(await slowHead).toMatch(/^HTTP\/1\.1 408 /)
    note('limits', 'a head that never ends; a body', '408 after 15 s; after 60 s')
  }, 30_000)
})

describe('guessing', () => {
  let minute = 0
  const from = (remoteAddress: string, url: string, headers: Record<string, string> = {}) =>
    strict.app.inject({ url, remoteAddress, headers })
  const over = async (times: number, ask: (n: number) => Promise<{ statusCode: number; headers: object }>) => {
    const counts: Record<number, number> = {}
    let last = {}
    for (let n = 0; n < times; n++) {
      const answer = await ask(n)
      counts[answer.statusCode] = (counts[answer.statusCode] ?? 0) + 1
      last = answer.headers
    }
    return { counts, last: last as Record<string, unknown> }
  }

  test('link codes: an address has few wrong ones a minute, and cannot say that it is another', async () => {
    minute++
    await tell(strict, { 'share-links': [link('often', { url: 'https://127.0.0.1:8686/sidebar/' })] })
    expect((await from('203.0.113.1', '/s/often')).statusCode).toBe(302)
    const { counts, last } = await over(100, n =>
      from('203.0.113.1', `/s/guess${n}`, { 'x-forwarded-for': `198.51.100.${n}`, 'x-real-ip': '198.51.100.9' }),
    )
    expect(counts[404]).toBeLessThanOrEqual(60)
    expect(counts[429]).toBeGreaterThanOrEqual(40)
    expect(Number(last['retry-after'])).toBeGreaterThan(0)
    expect((await from('203.0.113.1', '/s/often')).statusCode).toBe(302)
    expect((await from('203.0.113.2', '/s/guess0')).statusCode).toBe(404)
    note('guessing', '100 link codes from one address (12 of 55 signs: 69 bits)', `${counts[404]} looked for, ${counts[429]} × 429`) // prettier-ignore
    note('guessing', 'the same with X-Forwarded-For', 'not believed; a link that worked goes on working')
  })

  test('keys: made-up ones are the address’s, and a right one has a limit of its own', async () => {
    const right = { authorization: `Bearer ${TEST_KEY}` }
    expect((await from('203.0.113.3', '/api/v1/orders', right)).statusCode).toBe(200)
    const { counts } = await over(REQUESTS_PER_MINUTE + 20, n =>
      from('203.0.113.3', '/api/v1/orders', { authorization: `Bearer dg_1_${String(n).padStart(32, 'x')}` }),
    )
    expect(counts[200]).toBeUndefined()
    expect(counts[429]).toBeGreaterThanOrEqual(20)
    expect((await from('203.0.113.3', '/api/v1/orders', right)).statusCode).toBe(200)
    note('guessing', `${REQUESTS_PER_MINUTE + 20} made-up keys (192 bits) from one address`, `${counts[401]} × 401, ${counts[429]} × 429`) // prettier-ignore
  })

  test('somebody signed in is one, from wherever he asks', async () => {
    const { browser } = await signedIn(strict, 'a2')
    const { counts, last } = await over(REQUESTS_PER_MINUTE + 10, n =>
      from(`198.51.100.${n % 200}`, '/api/v1/session', { cookie: cookieOf(browser) }),
    )
    expect(counts[429]).toBeGreaterThanOrEqual(9)
    expect(Number(last['retry-after'])).toBeGreaterThan(0)
    note('limits', `${REQUESTS_PER_MINUTE + 10} requests of a person from 200 addresses`, `${counts[429]} × 429`)
  })

  test('phones: somebody signed in cannot try whose the brand knows', async () => {
    await tell(strict, { members: [{ memberNo: 'm1', phone: '13800138000' }] })
    const { browser, csrf } = await signedIn(strict, 'mallory')
    const tryPhone = (externalUserid: string, phone: string) =>
      browser.call('POST', '/api/v1/customers/link', { headers: csrf, body: { externalUserid, phone } })
    await tell(strict, { identities: [{ kind: 'external_userid', value: 'wmKnown', memberNo: 'm9', at: SINCE }] })
    const known = [await tryPhone('wmKnown', '13800138000'), await tryPhone('wmKnown', '13900139000')]
    expect(known.map(({ status }) => status)).toEqual([409, 409])
    expect(new Set(known.map(({ text }) => text.replace(/"requestId":"[^"]*"/, ''))).size).toBe(1)
    note('guessing', 'phones with a friend who is known', 'right and wrong look alike')
    const statuses: number[] = []
    for (let n = 0; n < 8; n++) statuses.push((await tryPhone('wmFree', `1390013900${n}`)).status)
    expect(statuses.filter(status => status === 404).length).toBeLessThanOrEqual(5)
    expect(statuses.at(-1)).toBe(429)
    note('guessing', '8 phones with a friend who is not', statuses.join(' '))
    expect(minute).toBe(1)
  })
})

test('nothing that opens a door can be read from the database', async () => {
  const { browser } = await signedIn(service, 'a1')
  const key = await createKey(service.pool, { brandId: 1, name: 'rest', scopes: ['read'], now: Date.now() })
  const refresh = browser.cookies.get('daogou_refresh')!.split('.')[2]!
  const tables = await service.pool<{ name: string }[]>`
    SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace`
  let dump = ''
  for (const { name } of tables) {
    const [row] = await service.pool.unsafe<{ text: string | null }[]>(`SELECT string_agg(t::text, ' ') AS text FROM "${name}" t`) // prettier-ignore
    dump += row?.text ?? ''
  }
  const secrets = { key: key.slice(-24), refresh, access: browser.cookies.get('daogou_access')!.split('.')[2]!, wecom: wecom.env['WECOM_SECRET']!, bootstrap: TEST_KEY } // prettier-ignore
  const isIn = (secret: string) => [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret, 'base64url').toString('hex')].some(form => dump.includes(form)) // prettier-ignore
  expect(dump).toContain('rest')
  expect(Object.entries(secrets).filter(([, secret]) => isIn(secret))).toEqual([])
  note('at rest', `${Object.keys(secrets).join(', ')} in ${tables.length} tables`, 'found nowhere')
})

const cookieOf = (browser: Browser) => [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')

/** A head whose lines come one by one and never end, where a head may take one second. */
function sendSlowly({ app }: TestService): Promise<string> {
  app.server.headersTimeout = 1000
  const { port } = app.server.address() as AddressInfo
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    let heard = ''
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n')
    const timer = setInterval(() => socket.write('x: y\r\n'), 100)
    socket.on('data', chunk => (heard += String(chunk)))
    socket.on('error', () => {})
    socket.on('close', () => {
      clearInterval(timer)
      resolve(heard)
    })
  })
}
