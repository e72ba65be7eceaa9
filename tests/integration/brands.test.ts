import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSecrets } from '../../server/features/brands/domain.ts'
import { changeBrand, createBrand } from '../../server/features/brands/service.ts'
import { startWorkers } from '../../server/workers/all.ts'
import { createVault } from '../../server/lib/vault.ts'
import { startTestService, type TestService } from '../support/service.ts'
import {
  eventXml,
  joinWecoms,
  openBrowser,
  sealed,
  signedIn,
  signIn,
  startTestWecom,
  TEST_APP,
  TEST_CALLBACK,
  type TestWecom,
} from '../support/wecom.ts'

const SINCE = '2025-01-01T00:00:00+08:00'
const APP = { corpId: 'wwtest0000000002', agentId: '1000055', secret: 'second-agent-secret' }
const CALLBACK = { token: 'second-callback-token', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' }
const SECRETS = [
  `WECOM_SECRET=${APP.secret}`,
  `WECOM_CALLBACK_TOKEN=${CALLBACK.token}`,
  `WECOM_CALLBACK_AES_KEY="${CALLBACK.aesKey}"`,
].join('\n')
const CREATE = ['create', '--slug', 'second', '--name', '第二品牌', '--corp-id', APP.corpId, '--agent-id', APP.agentId]

let one: TestWecom
let two: TestWecom
let joined: Awaited<ReturnType<typeof joinWecoms>>
let service: TestService
beforeAll(async () => {
  one = await startTestWecom({
    staff: ['li', 'boss'],
    customers: [
      { name: '甲的顾客', externalUserid: 'wmOne', follows: [{ userid: 'li', createdAt: Date.now() - 1000 }] },
    ],
  })
  two = await startTestWecom({
    app: APP,
    staff: ['li', 'boss', 'chief'],
    customers: [
      { name: '乙的顾客', externalUserid: 'wmTwo', follows: [{ userid: 'li', createdAt: Date.now() - 1000 }] },
    ],
  })
  joined = await joinWecoms([one, two])
  service = await startTestService({ env: { ...joined.env, BOOTSTRAP_HEADQUARTERS: 'boss' } })
})
afterAll(async () => {
  await service.close()
  await joined.close()
  await one.close()
  await two.close()
})

/** A command line tool, as its user runs it. */
function run(tool: string, args: readonly string[], input = ''): Promise<{ code: number; out: string; err: string }> {
  const env = {
    ...process.env,
    DATABASE_URL: service.databaseUrl,
    DATA_KEY: service.settings.dataKey.toString('base64'),
    SESSION_SECRET: 'x',
    MIGRATE: 'false',
  }
  return new Promise(resolve => {
    const child = execFile(
      process.execPath,
      ['--import', './server/cli/typescript.mjs', `server/cli/${tool}.ts`, ...args],
      { env },
      (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    )
    child.stdin!.end(input)
  })
}

const until = async (isSo: () => Promise<boolean>) => {
  for (let i = 0; i < 500 && !(await isSo()); i++) await sleep(20)
  expect(await isSo()).toBe(true)
}

const tell = async (key: string, kind: string, item: object) => {
  const headers = { authorization: `Bearer ${key}` }
  const answer = await service.app.inject({ method: 'POST', url: `/api/v1/${kind}`, headers, payload: [item] })
  expect(answer.json()).toMatchObject([{ status: 'created' }])
}

describe('a second brand', () => {
  let key = ''

  test('is made by the tool: secrets come by standard input, and every fault is named', async () => {
    const wrong = await run('brands', ['create', '--slug', 'Second!', '--corp-id', 'x'], 'WECOM_CALLBACK_TOKEN=t\n')
    expect(wrong.code).toBe(2)
    for (const name of ['--slug', '--name', '--agent-id', 'WECOM_SECRET', 'together']) expect(wrong.err).toContain(name)
    expect(readSecrets('export WECOM_SECRET="a=b"\n# no\nSECRET=hush\nhush')).toEqual({
      secrets: { secret: 'a=b' },
      unknown: ['SECRET', 'a line without NAME='],
    })

    const made = await run('brands', [...CREATE, '--headquarters', 'chief'], SECRETS)
    expect([made.code, made.out]).toEqual([0, '2\n'])
    expect(made.err).toContain('/wecom/callback/second')
    const [listed, created] = await Promise.all([
      run('brands', ['list']),
      run('keys', ['create', '--brand', 'second', '--scopes', 'ingest,read,admin']),
    ])
    const again = createBrand(service.pool, {
      vault: createVault(service.settings.dataKey),
      slug: 'third',
      setup: {
        name: '第三',
        zone: 'Asia/Shanghai',
        ...APP,
        secrets: { secret: 'x', callbackToken: null, callbackAesKey: null, miniProgramSecret: null },
        verifyFile: null,
        miniProgramAppId: null,
        headquarters: [],
      },
      now: Date.now(),
    })
    await expect(again).rejects.toThrow('is the brand second’s already')
    expect(listed.out).toBe(
      '1\tdefault\tTest\tAsia/Shanghai\tfrom the environment\n' +
        `2\tsecond\t第二品牌\tAsia/Shanghai\t${APP.corpId}\t${APP.agentId}\tcallbacks\n`,
    )
    key = created.out.trim()
    expect(key).toMatch(/^dg_2_/)
    const [kept] = await service.pool<{ text: string }[]>`SELECT s::text AS text FROM brand_settings AS s`
    expect(kept!.text).not.toContain(APP.secret)
  })

  test('is there in a process that runs, and its people come in by their own corporation', async () => {
    await service.ingest('stores', [{ storeCode: 'S1', name: '一店', type: 'direct' }])
    await service.ingest('associates', [{ associateId: 'li', name: '甲李', storeCode: 'S1', activeFrom: SINCE }])
    await tell(key, 'stores', { storeCode: 'S1', name: '乙店', type: 'direct' })
    await tell(key, 'associates', { associateId: 'li', name: '乙李', storeCode: 'S1', activeFrom: SINCE })

    const browser = openBrowser(service)
    const back = await signIn(browser, 'li', '/sidebar/?brand=second#/tasks')
    expect([back.status, back.headers['location']]).toEqual([302, '/sidebar/?brand=second#/tasks'])
    expect((await browser.call('GET', '/api/v1/session')).json()).toMatchObject({
      brand: 'second',
      brandName: '第二品牌',
      name: '乙李',
      storeName: '乙店',
      corpId: APP.corpId,
      agentId: APP.agentId,
    })
    const session = (await browser.call('GET', '/api/v1/session')).json() as { csrfToken: string }
    const signature = await browser.call('POST', '/api/v1/wecom/signature', {
      body: { url: 'http://127.0.0.1:8686/sidebar/?brand=second', kind: 'agent_config' },
      headers: { 'x-daogou-csrf': session.csrfToken },
    })
    expect(signature.json()).toMatchObject({ corpId: APP.corpId, agentId: APP.agentId })

    // On a page of the other brand that session is none: it is asked anew, whatever the cookies are.
    const onOther = await browser.call('GET', '/api/v1/session', { headers: { 'x-daogou-brand': 'default' } })
    expect([onOther.status, onOther.json()]).toMatchObject([401, { code: 'session.missing' }])
    const there = await browser.call('GET', '/api/v1/session', { headers: { 'x-daogou-brand': 'second' } })
    expect(there.status).toBe(200)

    const { browser: own } = await signedIn(service, 'li')
    expect((await own.call('GET', '/api/v1/session')).json()).toMatchObject({ brand: 'default', name: '甲李' })
    const named = await own.call('GET', '/auth/wecom/login?redirect=/sidebar/&brand=second')
    expect(new URL(String(named.headers['location'])).searchParams.get('appid')).toBe(APP.corpId)
    const nowhere = await own.call('GET', '/auth/wecom/login?redirect=/sidebar/?brand=nobody')
    expect([nowhere.status, nowhere.text.includes('unknown_brand')]).toEqual([404, true])
  })

  test('has headquarters of its own: those of the environment are the default brand’s', async () => {
    expect((await signIn(openBrowser(service), 'boss', '/sidebar/?brand=second')).status).toBe(403)
    const chief = openBrowser(service)
    expect((await signIn(chief, 'chief', '/sidebar/?brand=second')).status).toBe(302)
    expect((await chief.call('GET', '/api/v1/session')).json()).toMatchObject({ role: 'headquarters', brand: 'second' })
    // Who is named like a headquarters person of the first brand is nobody special in the second.
    await tell(key, 'associates', { associateId: 'boss', name: '同名', storeCode: 'S1', activeFrom: SINCE })
    const boss = openBrowser(service)
    await signIn(boss, 'boss', '/sidebar/?brand=second')
    expect((await boss.call('GET', '/api/v1/session')).json()).toMatchObject({ role: 'associate' })
  })

  test('is called back at its own address, with its own keys', async () => {
    const post = (path: string, xml: string, keys?: Parameters<typeof sealed>[1]) => {
      const { query, body } = sealed(xml, keys)
      return service.app.inject({
        method: 'POST',
        url: `${path}?${query}`,
        headers: { 'content-type': 'text/xml' },
        payload: body,
      })
    }
    const own = { corpId: APP.corpId, ...CALLBACK }
    const event = (n: number) => eventXml({ Event: 'nobody_knows', CreateTime: 1_700_000_000 + n })
    expect((await post('/wecom/callback', event(1))).statusCode).toBe(200)
    expect((await post('/wecom/callback/second', event(2), own)).statusCode).toBe(200)
    expect((await post('/wecom/callback/second', event(3))).statusCode).toBe(403)
    expect((await post('/wecom/callback', event(4), own)).statusCode).toBe(403)
    expect((await post('/wecom/callback/nobody', event(5), own)).statusCode).toBe(404)
    const { query, secret } = sealed('echo', own)
    const echo = await service.app.inject(`/wecom/callback/second?${query}&echostr=${encodeURIComponent(secret)}`)
    expect([echo.statusCode, echo.body]).toEqual([200, 'echo'])
    const rows = await service.pool`SELECT brand_id AS "brandId", at FROM wecom_inbox ORDER BY brand_id`
    expect(rows.map(row => [row['brandId'], (row['at'] as number) - 1_700_000_000_000])).toEqual([[1, 1000], [2, 2000]]) // prettier-ignore
  })

  test('has workers of its own, which see its own WeCom alone', async () => {
    const errors: unknown[] = []
    const workers = startWorkers({
      data: { pool: service.pool, vault: createVault(service.settings.dataKey) },
      settings: service.settings,
      brands: service.app.brands,
      miniProgramOf: service.app.miniProgramOf,
      threads: null,
      warn: (error, text) => errors.push([text, error]),
    })
    const friends = () => service.pool<{ brandId: number; externalUserid: string; userid: string }[]>`
      SELECT brand_id AS "brandId", external_userid AS "externalUserid", userid FROM wecom_friends ORDER BY 1`
    try {
      await until(async () => (await friends()).length === 2)
      expect(await friends()).toEqual([
        { brandId: 1, externalUserid: 'wmOne', userid: 'li' },
        { brandId: 2, externalUserid: 'wmTwo', userid: 'li' },
      ])
      const waiting = () => service.pool`SELECT FROM wecom_inbox WHERE status = 'waiting'`
      await until(async () => (await waiting()).length === 0)
    } finally {
      await workers.stop()
    }
    expect(errors).toEqual([])
  })

  test('has short links of its own, below the one address', async () => {
    await service.ingest('share-links', [
      {
        linkCode: 'one-1',
        associateId: 'li',
        channel: 'poster',
        target: { kind: 'product', ref: 'k1', title: '甲的' },
      },
    ])
    const item = { associateId: 'li', channel: 'poster', target: { kind: 'product', ref: 'k1', title: '乙的' } }
    await tell(key, 'share-links', { linkCode: 'two-1', ...item })
    const headers = { authorization: `Bearer ${key}` }
    const taken = await service.app.inject({ method: 'POST', url: '/api/v1/share-links', headers, payload: [{ linkCode: 'one-1', ...item }] }) // prettier-ignore
    expect(taken.json()).toMatchObject([{ status: 'rejected', error: { code: 'link_code_taken' } }])
    for (const [code, title] of [
      ['one-1', '甲的'],
      ['two-1', '乙的'],
    ] as const) {
      // prettier-ignore
      expect((await service.app.inject(`/s/${code}`)).body).toContain(title)
    }
    const clicks = await service.pool`SELECT brand_id AS "brandId", link_code AS code FROM touches ORDER BY 1`
    expect(clicks.map(row => [row['brandId'], row['code']])).toEqual([[1, 'one-1'], [2, 'two-1']]) // prettier-ignore
  })

  test('its key sees nothing of the first', async () => {
    const headers = { authorization: `Bearer ${key}` }
    const own = (await service.app.inject({ url: '/api/v1/wecom/health', headers })).json<{
      counts: { friends: number }
    }>()
    expect(own.counts.friends).toBe(1)
    await service.ingest('orders', [
      { source: 'pos', orderNo: '1', channel: 'in_store', sellingStore: 'S1', paidAt: SINCE, lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 1 }] }, // prettier-ignore
    ])
    expect((await service.app.inject({ url: '/api/v1/orders', headers })).json()).toMatchObject({ items: [] })
    expect((await service.app.inject({ url: '/api/v1/orders/pos/1/commission', headers })).statusCode).toBe(404)
  })

  test('may be set up anew while the service runs; the default one is the environment’s', async () => {
    const before = service.app.brands.find(2)!
    const args = ['set', 'second', '--secrets', '--verify-file', 'WW_verify_second.txt']
    expect((await run('brands', args, 'WECOM_SECRET=renewed\n')).code).toBe(0)
    const vault = createVault(service.settings.dataKey)
    const refused = changeBrand(service.pool, { vault, slug: 'default', change: { name: 'x' }, now: Date.now() })
    await expect(refused).rejects.toThrow('environment')
    await until(() => Promise.resolve(service.app.brands.find(2) !== before))
    const brand = service.app.brands.find(2)!
    expect(brand.wecom!.app).toMatchObject({ ...APP, secret: 'renewed' })
    expect(brand.callbackKeys).toEqual({ corpId: APP.corpId, ...CALLBACK })
    expect((await service.app.inject('/WW_verify_second.txt')).body).toBe('second')
    expect((await service.app.inject('/WW_verify_other.txt')).statusCode).toBe(404)
    // A token that was got with the secret before is no good for this one.
    expect(await service.pool`SELECT FROM wecom_tokens WHERE brand_id = 2`).not.toEqual([])
    await expect(brand.wecom!.call('department/simplelist')).rejects.toMatchObject({ errcode: 40001 })
    expect(service.app.brands.find(1)!.wecom!.app).toMatchObject(TEST_APP)
    expect(service.app.brands.find(1)!.callbackKeys).toMatchObject(TEST_CALLBACK)
  })
})
