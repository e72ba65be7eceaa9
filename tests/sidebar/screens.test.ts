import { describe, expect, test } from 'vitest'
import { expectSound, mock, open, settle } from './panes.ts'
import { photograph, type OpenOptions } from './support.ts'
import { isThorough } from '../support/thorough.ts'

/** Every screen, and every failure, as they are seen. */

const screens: [string, OpenOptions, Record<'zh' | 'en', string>][] = [
  ['customer', {}, { zh: '归属导购', en: 'Attributed to' }],
  ['stranger', { bridge: { externalUserid: 'wm-stranger' } }, { zh: '发送入会邀请', en: 'Send invitation' }],
  [
    'unknown',
    { bridge: { externalUserid: 'wm-nobody' } },
    { zh: '还没有把这位顾客同步过来', en: 'not synchronised this customer' },
  ],
  ['colleague', { bridge: { externalUserid: 'wm-colleague' } }, { zh: '这是王芳的顾客', en: "王芳's customer" }],
  ['extreme', { bridge: { externalUserid: 'wm-extreme' } }, { zh: '还没有归属导购', en: 'Attributed to nobody yet' }],
  ['group', { bridge: { entry: 'group_chat_tools' } }, { zh: '近 7 天进群', en: 'joined, 7 d' }],
  [
    'group-unknown',
    { bridge: { entry: 'group_chat_tools', chatId: 'wr-x' } },
    { zh: '还没有把这个群', en: 'not synchronised this group' },
  ],
  ['home', { bridge: { entry: 'normal' } }, { zh: '今天的提成', en: 'Commission today' }],
  ['none', { bridge: { entry: 'chat_attachment' } }, { zh: '这里没有顾客', en: 'No customer here' }],
  ['share', { path: '/sidebar/#/share' }, { zh: '成交约得 ¥111.93', en: 'A sale earns about ¥111.93' }],
  ['share-home', { path: '/sidebar/#/share', bridge: { entry: 'normal' } }, { zh: '复制链接', en: 'Copy link' }],
  ['tasks', { path: '/sidebar/#/tasks' }, { zh: '逾期 2 天', en: '2 days late' }],
  ['earnings', { path: '/sidebar/#/earnings' }, { zh: '11 月提成', en: 'Commission in November' }],
]

describe('every screen at every width in both languages', () => {
  for (const [name, options, text] of screens) {
    test.each(['zh', 'en'] as const)(`${name} in %s`, async language => {
      const sidebar = await open({ ...options, language })
      await settle(sidebar.page)
      expect(await sidebar.page.locator('main').innerText()).toContain(text[language])
      // English is the longer of the two: where it is narrow it shows.
      for (const width of language === 'zh' ? [320, 360, 1280] : [320, 360]) {
        await sidebar.page.setViewportSize({ width, height: 760 })
        // axe sees no widths: once is enough.
        await expectSound(sidebar, width === 360 && language === 'zh')
        await photograph(sidebar.page, `${name}-${width}-${language}`)
      }
    })
  }

  test.each(['customer', 'colleague', 'share', 'earnings', 'tasks'])('%s in the dark, as WeCom says', async name => {
    const options = screens.find(screen => screen[0] === name)![1]
    const sidebar = await open({ ...options, scheme: 'Dark' })
    await settle(sidebar.page)
    expect(await sidebar.page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(20, 23, 26)')
    await expectSound(sidebar)
    await photograph(sidebar.page, `${name}-dark`)
  })
})

const refusal = (errMsg: object) => ({ bridge: { answers: { agentConfig: errMsg } } })
const failures: [string, OpenOptions, (() => void) | null, string, string, string][] = [
  ['not-in-wecom', { wecomVersion: null }, null, 'NOT_IN_WECOM', '请在企业微信里打开', 'Please open this in WeCom'],
  [
    'untrusted-domain',
    refusal({ err_msg: 'agentConfig:fail', errCode: 50001 }),
    null,
    '50001',
    '域名没有被企业微信信任',
    'does not trust this domain',
  ],
  [
    'wrong-ticket',
    refusal({ err_msg: 'ticket no available more info at https://open.work.weixin.qq.com/devtool/query?e=42012' }),
    null,
    '42012',
    '签名用错了票据',
    'wrong ticket',
  ],
  [
    'bad-signature',
    refusal({
      err_Info: 'fail',
      errMsg: 'agentConfig:fail',
      hint: "Hint: '0404162454:fpjmyibrj7g:40093'. More info at https://open.work.weixin.qq.com/devtool/query?e=40093",
    }),
    null,
    '40093',
    '企业微信不认这个签名',
    'rejects the signature',
  ],
  [
    'wrong-corp',
    refusal({ err_msg: 'agentConfig:fail', errCode: 40013 }),
    null,
    '40013',
    '企业或应用对不上',
    'does not match',
  ],
  [
    'no-permission',
    { bridge: { answers: { getCurExternalContact: { err_msg: 'getCurExternalContact:fail no permission' } } } },
    null,
    'fail no permission',
    '企业微信没有给权限',
    'gives no permission',
  ],
  [
    'old-client',
    { wecomVersion: '2.4.0', bridge: { answers: { getContext: { err_msg: 'getContext:fail function not exist' } } } },
    null,
    'function not exist',
    '企业微信版本太旧',
    'too old',
  ],
  [
    'unknown-userid',
    { path: '/sidebar/?refused=unknown_userid' },
    null,
    'unknown_userid',
    '还没有你的导购档案',
    'not registered as an associate',
  ],
  [
    'not-a-member',
    { path: '/sidebar/?refused=not_a_member' },
    null,
    'not_a_member',
    '你不是这家企业的成员',
    'not a member of this corporation',
  ],
  [
    'session-refused',
    {},
    () => (mock.faults['/api/v1/session'] = { status: 403, code: 'session.refused', times: 9 }),
    'session.refused',
    '你的账号已停用',
    'no longer active',
  ],
  [
    'network-down',
    {},
    () => (mock.faults['/api/v1/session'] = { status: 0, isCut: true, times: 99 }),
    'NETWORK',
    '网络连不上',
    'No network',
  ],
  [
    'service-down',
    {},
    () => {
      mock.hasTickets = false
      mock.faults['/api/v1/wecom/signature'] = { status: 503, code: 'wecom.unavailable', times: 9 }
    },
    'wecom.unavailable',
    '服务暂时不可用',
    'unavailable',
  ],
]

describe('every failure says what, what to do, and its code', () => {
  for (const [i, [name, options, fault, code, zh, en]] of failures.entries()) {
    const languages = (['zh', 'en'] as const).filter((_, k) => isThorough || k === i % 2)
    test.each(languages)(`${name} in %s`, async language => {
      fault?.()
      const sidebar = await open({ ...options, language })
      await sidebar.page.getByRole('alert').waitFor()
      const said = await sidebar.page.getByRole('alert').innerText()
      expect(said).toContain(language === 'zh' ? zh : en)
      expect(said).toContain(code)
      await expectSound(sidebar, language === 'zh')
      await photograph(sidebar.page, `failure-${name}-${language}`)
    })
  }

  test('the diagnosis can be copied, and names no customer', async () => {
    const { page, context } = await open(failures[3]![1])
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('button', { name: '复制诊断信息' }).click()
    await page.getByRole('button', { name: '已复制' }).waitFor()
    const copied = await page.evaluate(() => navigator.clipboard.readText())
    expect(copied).toContain('bad_signature · 40093')
    expect(copied).toContain('WeCom 4.1.36 · SDK 2.4.4')
    expect(copied).not.toContain('wm-gold')
  })

  test('a bridge that never answers is a time-out, and a tap on retry starts anew', async () => {
    const { page, bridgeCalls } = await open({ bridge: { answers: { agentConfig: null } } })
    await page.getByRole('alert').waitFor({ timeout: 15_000 })
    expect(await page.getByRole('alert').innerText()).toContain('TIMEOUT agentConfig')
    expect((await bridgeCalls()).map(call => call.name)).toEqual(['agentConfig'])
    await photograph(page, 'failure-time-out')
    await page.getByRole('button', { name: '重试' }).click()
    await page.waitForSelector('[aria-busy]')
    await expect.poll(bridgeCalls).toHaveLength(1)
  })

  test('no bridge at all is told apart', async () => {
    const { page } = await open({ bridge: { absent: true } })
    await page.getByRole('alert').waitFor({ timeout: 15_000 })
    expect(await page.getByRole('alert').innerText()).toContain('NO_BRIDGE agentConfig')
  })

  test('a network that comes back is met by retry, in place', async () => {
    mock.faults['/api/v1/session'] = { status: 0, isCut: true, times: 99 }
    const { page } = await open()
    await page.getByRole('alert').waitFor()
    delete mock.faults['/api/v1/session']
    await page.getByRole('button', { name: '重试' }).click()
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
  })

  test('a card that failed is asked again without starting anew', async () => {
    mock.faults['/api/v1/cards/customer'] = { status: 500, code: 'internal' }
    const { page } = await open()
    await page.getByRole('alert').waitFor()
    await page.getByRole('button', { name: '重试' }).click()
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    expect(mock.calls.filter(call => call.includes('/session'))).toHaveLength(1)
  })
})
