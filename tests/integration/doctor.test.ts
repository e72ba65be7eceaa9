import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Brand } from '../../server/features/brands/service.ts'
import { examineBrand, examineDatabase, type Finding } from '../../server/features/doctor/service.ts'
import { planSync, syncStep } from '../../server/features/mirror/sync.ts'
import { createVault } from '../../server/lib/vault.ts'
import type { Settings } from '../../server/settings.ts'
import { createTestDatabase } from '../support/postgres.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { eventXml, sealed, startTestWecom, TEST_APP, type TestWecom } from '../support/wecom.ts'
import { refusal, startWecomStub } from '../support/wecom-stub.ts'

let wecom: TestWecom
let service: TestService
let publicUrl: string
let settings: Settings
beforeAll(async () => {
  wecom = await startTestWecom({ staff: ['li', 'boss'] })
  service = await startTestService({
    env: { ...wecom.env, BOOTSTRAP_HEADQUARTERS: 'boss', WECOM_VERIFY_FILE: 'WW_verify_abc.txt' },
    worker: false,
  })
  await service.app.listen({ port: 0, host: '127.0.0.1' })
  publicUrl = `http://127.0.0.1:${(service.app.server.address() as AddressInfo).port}`
  settings = { ...service.settings, publicUrl }
  wecom.world.agents.get(TEST_APP.agentId)!.trustedDomains = [new URL(publicUrl).host]
})
afterAll(async () => {
  await service.close()
  await wecom.close()
})

interface Changes {
  settings?: Partial<Settings>
  brand?: Partial<Brand>
  dataKey?: Buffer
}

async function examine(changes: Changes = {}): Promise<Finding[]> {
  const findings: Finding[] = []
  const examined = {
    pool: service.pool,
    vault: createVault(changes.dataKey ?? settings.dataKey),
    settings: { ...settings, ...changes.settings },
    brand: { ...service.app.brands.find(1)!, ...changes.brand },
    now: Date.now,
  }
  for await (const finding of examineBrand(examined)) findings.push(finding)
  return findings
}

/** What is wrong, and nothing else: each step with what is found and what to do. */
const wrong = (findings: readonly Finding[]) =>
  findings.filter(({ status }) => status === 'bad').map(({ step, found, next }) => [step, `${found} ${next}`] as const)

async function withFault(path: string, errcode: number): Promise<Finding[]> {
  const { faults } = wecom.world
  faults.push({ path: `/cgi-bin/${path}`, errcode })
  try {
    return await examine()
  } finally {
    faults.splice(0, faults.length)
  }
}

describe('what is set up well', () => {
  test('has nothing to do', async () => {
    const findings = await examine()
    expect(wrong(findings)).toEqual([])
    const good = findings.filter(({ status }) => status === 'good').map(({ step }) => step)
    expect(good).toEqual([
      'address.reachable',
      'address.verify_file',
      'wecom.settings',
      'wecom.token',
      'wecom.app',
      'wecom.domain',
      'wecom.visible_range',
      'wecom.customers',
      'wecom.config_ticket',
      'wecom.agent_ticket',
      'callback.echo',
      'data_key',
      'people',
    ])
  })

  test('the command says so, line by line, and ends with 0; with nothing set it says what is missing', async () => {
    const run = (env: Record<string, string>): Promise<{ code: unknown; out: string }> =>
      new Promise(resolve =>
        execFile(
          process.execPath,
          ['--import', './server/cli/typescript.mjs', 'server/cli/doctor.ts'],
          { env: { PATH: process.env['PATH'], ...env } },
          (error, out) => resolve({ code: error?.code ?? 0, out }),
        ),
      )
    const [well, bare] = await Promise.all([
      run({
        ...wecom.env,
        PUBLIC_URL: publicUrl,
        DATABASE_URL: service.databaseUrl,
        DATA_KEY: settings.dataKey.toString('base64'),
        SESSION_SECRET: 'x',
        BOOTSTRAP_HEADQUARTERS: 'boss',
      }),
      run({}),
    ])
    expect(well.out).toContain('All is well.')
    expect(well.out).not.toContain('✗')
    expect(well.out.match(/^✓/gm)!.length).toBeGreaterThanOrEqual(16)
    expect(well.code).toBe(0)
    expect(well.out).not.toContain(TEST_APP.secret)
    expect([bare.code, bare.out]).toEqual([1, expect.stringMatching(/^✗ [^]*DATABASE_URL[^]*→/) as string])
  })
})

describe('each fault of WeCom’s leads to its own advice', () => {
  test.each([
    ['gettoken', 40013, 'wecom.token', /WECOM_CORP_ID.*我的企业 → 企业信息/],
    ['gettoken', 40001, 'wecom.token', /WECOM_SECRET is wrong.*应用管理/],
    ['gettoken', 40091, 'wecom.token', /WECOM_SECRET is wrong/],
    ['agent/get', 60020, 'wecom.app', /127\.0\.0\.1 is not trusted.*企业可信IP/],
    ['agent/get', 301002, 'wecom.app', /not of one app/],
    ['department/simplelist', 60011, 'wecom.visible_range', /可见范围/],
    ['externalcontact/get_follow_user_list', 48002, 'wecom.customers', /可调用接口的应用/],
    ['externalcontact/get_follow_user_list', 84074, 'wecom.customers', /可调用接口的应用/],
    ['get_jsapi_ticket', 301021, 'wecom.config_ticket', /suspended/],
    ['ticket/get', 42012, 'wecom.agent_ticket', /of one app/],
  ])('%s %i', async (path, errcode, step, advice) => {
    const findings = await withFault(path, errcode)
    const found = wrong(findings)
    expect(found.map(([name]) => name)).toContain(step)
    // One fault has one cause: whatever cannot be asked any more is not called wrong.
    expect(new Set(found.map(([, text]) => advice.test(text)))).toEqual(new Set([true]))
    if (path === 'gettoken') expect(findings.find(each => each.step === 'wecom.customers')!.status).toBe('unknown')
  })

  test('a domain that is not trusted, an app of another secret, nobody to have customers', async () => {
    const agent = wecom.world.agents.get(TEST_APP.agentId)!
    const { trustedDomains } = agent
    agent.trustedDomains = ['elsewhere.example.com']
    expect(wrong(await examine())).toEqual([
      ['wecom.domain', expect.stringMatching(/elsewhere.*网页授权及JS-SDK/) as string],
    ])
    agent.trustedDomains = trustedDomains
    const { wecom: built } = service.app.brands.find(1)!
    const other = { ...built!, app: { ...built!.app, agentId: '1000009' } }
    expect(wrong(await examine({ brand: { wecom: other } })).map(([step]) => step)).toEqual([
      'wecom.app',
      'wecom.domain',
    ])
    for (const person of wecom.world.staff.values()) person.status = 4
    expect(wrong(await examine())).toEqual([['wecom.customers', expect.stringContaining('使用范围') as string]])
    for (const person of wecom.world.staff.values()) person.status = 1
  })

  test('WeCom out of reach, and not set up at all', async () => {
    const { wecom: built } = service.app.brands.find(1)!
    const away = { ...built!, app: { ...built!.app, apiUrl: 'http://127.0.0.1:1' } }
    expect(wrong(await examine({ brand: { wecom: away } }))).toEqual([
      ['wecom.token', expect.stringMatching(/no answer.*firewall/) as string],
    ])
    expect(wrong(await examine({ brand: { wecom: null } }))).toEqual([
      ['wecom.settings', expect.stringContaining('docs/wecom-setup.md') as string],
    ])
    expect(wrong(await examine({ brand: { wecom: null, slug: 'second', brandId: 2 } }))[0]).toEqual([
      'wecom.settings',
      expect.stringContaining('npm run brands -- set second') as string,
    ])
  })
})

describe('our own side', () => {
  test('the address: https for the real WeCom, reachable, with its file', async () => {
    const real = { ...settings.wecom, apiUrl: 'https://qyapi.weixin.qq.com' }
    expect(wrong(await examine({ settings: { wecom: real } }))).toEqual([
      ['address.https', expect.stringMatching(/https pages only.*certificate/) as string],
    ])
    const steps = wrong(await examine({ settings: { publicUrl: 'http://127.0.0.1:1' } })).map(([step]) => step)
    expect(steps).toEqual(['address.reachable', 'wecom.domain', 'callback.echo'])
    const file = { name: 'WW_verify_other.txt', content: 'other' }
    expect(wrong(await examine({ brand: { verifyFile: file } }))).toEqual([
      ['address.verify_file', expect.stringMatching(/HTTP 404.*as it is/) as string],
    ])
  })

  test('the callback address: set up, with the same keys as the service that runs', async () => {
    const keys = service.app.brands.find(1)!.callbackKeys!
    expect(wrong(await examine({ brand: { callbackKeys: null } }))).toEqual([
      ['callback.echo', expect.stringContaining(`${publicUrl}/wecom/callback`) as string],
    ])
    expect(wrong(await examine({ brand: { callbackKeys: { ...keys, token: 'other' } } }))).toEqual([
      ['callback.echo', expect.stringMatching(/HTTP 403.*another token or key/) as string],
    ])
  })

  test('what is kept: the key that opens it, events set aside, what a sync could not see', async () => {
    const { query, body } = sealed(eventXml({ Event: 'nobody_knows' }))
    const headers = { 'content-type': 'text/xml' }
    await service.app.inject({ method: 'POST', url: `/wecom/callback?${query}`, headers, payload: body })
    expect(wrong(await examine({ dataKey: Buffer.alloc(32, 1) }))).toEqual([
      ['data_key', expect.stringContaining('the service had') as string],
    ])
    const events = (await examine()).find(({ step }) => step === 'callback.events')
    expect(events).toMatchObject({ status: 'good' })
    await service.pool`UPDATE wecom_inbox SET status = 'set_aside'`
    expect(wrong(await examine()).map(([step]) => step)).toEqual(['callback.set_aside'])
    await service.pool`UPDATE wecom_inbox SET status = 'done'`

    const agent = wecom.world.agents.get(TEST_APP.agentId)!
    const walk = async () => {
      const dependencies = {
        pool: service.pool,
        vault: createVault(settings.dataKey),
        publicUrl,
        wecom: service.app.wecom!,
        brandId: 1,
        now: Date.now,
      }
      await planSync(service.pool, { brandId: 1, now: Date.now() })
      const leaseId = randomUUID()
      while ((await syncStep(dependencies, { leaseId })) === 'worked');
    }
    agent.mayReadCustomers = false
    await walk()
    agent.mayReadCustomers = true
    expect(wrong(await examine())).toEqual([['sync', expect.stringContaining('可调用接口的应用') as string]])
  })

  test('the mini-program, whose secret may be wrong', async () => {
    const stub = await startWecomStub(() => refusal(40125))
    const miniProgram = { appId: 'wx1', secret: 'no' }
    const found = wrong(
      await examine({
        brand: { miniProgram },
        settings: { miniProgram: { ...settings.miniProgram, apiUrl: stub.url } },
      }),
    ).filter(([step]) => step !== 'sync')
    await stub.close()
    expect(found).toEqual([['mini_program.token', expect.stringContaining('MINIPROGRAM_SECRET is wrong') as string]])
  })

  test('the database: away, not there, another clock, not migrated', async () => {
    const look = async (url: string, now = Date.now) => {
      const findings: Finding[] = []
      for await (const finding of examineDatabase({ url, settings, now })) findings.push(finding)
      return findings
    }
    expect((await look(service.databaseUrl)).map(({ status }) => status)).toEqual(['good', 'good', 'good', 'good'])
    const elsewhere = new URL(service.databaseUrl)
    elsewhere.pathname = '/nowhere'
    expect(wrong(await look(elsewhere.href))).toEqual([
      ['database.reachable', expect.stringContaining('CREATE DATABASE') as string],
    ])
    expect(wrong(await look(service.databaseUrl, () => Date.now() + 60_000))).toEqual([
      ['database.clock', expect.stringMatching(/60 s away.*NTP/) as string],
    ])
    const empty = await createTestDatabase({ template: 'template0' })
    const found = wrong(await look(empty.url))
    await empty.drop()
    expect(found.map(([step]) => step)).toEqual(['database.migrated', 'database.rights'])
    expect(found[0]![1]).toMatch(/lacks \d+ migrations, from 0000_heart.*npm run db:migrate/)
  })
})
