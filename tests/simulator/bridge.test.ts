/// <reference lib="dom" />
import type * as wecom from '@wecom/jssdk'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createWorld, type World } from '../../simulator/world.ts'
import { findChromium } from '../support/chromium.ts'
import { startStubService, type StubService } from './stub-service.ts'
import { smallCorp } from './world.ts'

/** The page's own modules put the SDK and a signing function there. */
declare global {
  interface Window {
    ww: typeof wecom
    sign: (kind: string) => (url: string) => Promise<{ timestamp: string; nonceStr: string; signature: string }>
  }
}

let browser: Browser
let world: World
let service: StubService
let page: Page

beforeAll(async () => {
  const { path, env } = await findChromium()
  browser = await chromium.launch({
    executablePath: path,
    args: ['--no-sandbox'],
    env: { ...(process.env as Record<string, string>), ...env },
  })
})
afterAll(() => browser.close())
beforeEach(async () => {
  world = createWorld(smallCorp)
  service = await startStubService(world)
  page = await browser.newPage()
})
afterEach(async () => {
  await page.close()
  await service.close()
})

const product = {
  msgtype: 'news' as const,
  news: { link: 'http://127.0.0.1/s/abc', title: '演示大衣', desc: '', imgUrl: 'http://127.0.0.1/coat.png' },
}

async function open(query = '?sim=1'): Promise<void> {
  await page.goto(`${service.url}/sidebar/${query}`)
  await page.waitForSelector('html[data-ready]')
}

/** What the sidebar does when it starts; gives what the SDK makes of the client's answers. */
function register(agentTicket = '1000002', agentId = '1000002'): Promise<string> {
  return page.evaluate(
    async ({ agentTicket, agentId }) => {
      addEventListener('unhandledrejection', event => event.preventDefault())
      window.ww.register({
        corpId: 'ww0000000000000demo',
        agentId,
        jsApiList: ['getContext', 'getCurExternalContact', 'getCurExternalChat', 'sendChatMessage'],
        getConfigSignature: window.sign('corp'),
        getAgentConfigSignature: window.sign(agentTicket),
      })
      return await window.ww.ensureConfigReady().then(
        () => 'ok',
        (error: unknown) => JSON.stringify(error),
      )
    },
    { agentTicket, agentId },
  )
}

type Call = 'getContext' | 'getCurExternalContact' | 'getCurExternalChat'

const call = (name: Call): Promise<Record<string, unknown>> =>
  page.evaluate(
    name => window.ww[name]().then(
      result => ({ ...result }),
      (error: object) => ({ ...error }),
    ),
    name,
  ) // prettier-ignore

const send = (message: object = product): Promise<Record<string, unknown>> =>
  page.evaluate(
    message =>
      window.ww.sendChatMessage(message as Parameters<typeof window.ww.sendChatMessage>[0]).then(
        result => ({ ...result }),
        (error: object) => ({ ...error }),
      ),
    message,
  )

const callNames = () => world.seat('main').calls.map(({ name, result }) => `${name} ${result}`)

describe('the real SDK, beside a customer', () => {
  beforeEach(() => void world.open(world.sit('main', 'demo-a02').seatId, { externalUserid: 'wmDemoGold' }))

  it('registers, learns who is there and sends', async () => {
    await open()
    expect(await register()).toBe('ok')
    expect(await call('getContext')).toMatchObject({ entry: 'single_chat_tools' })
    expect(await call('getCurExternalContact')).toMatchObject({ userId: 'wmDemoGold' })
    expect(await call('getCurExternalChat')).toMatchObject({
      errMsg: 'getCurExternalChat:fail without context of external contact',
    })
    expect(await send()).toMatchObject({ errMsg: 'sendChatMessage:ok' })
    expect(world.messagesOf('single:demo-a02:wmDemoGold').at(-1)).toMatchObject({
      from: { kind: 'staff', id: 'demo-a02' },
      body: { kind: 'link', title: '演示大衣', url: 'http://127.0.0.1/s/abc' },
    })
    expect(callNames()[0]).toBe('agentConfig agentConfig:ok')
  })

  it.each([
    ['corp', '42012', 'ticket no available'],
    ['1000003', '42012', 'ticket no available'],
    ['no-such-ticket', '40093', '40093'],
  ])('is refused with the ticket of %s: %s', async (ticket, code, words) => {
    await open()
    const refusal = await register(ticket)
    expect(refusal).toContain('agentConfig:fail')
    expect(refusal).toContain(`e=${code}`)
    expect(refusal).toContain(words)
    expect(await call('getCurExternalContact')).toMatchObject({ errMsg: 'agentConfig:fail' })
  })

  it('is refused where the domain is not trusted, or the app is not there', async () => {
    await open()
    expect(await register('1000002', '9')).toContain('40056')
    world.agent('1000002').trustedDomains = ['elsewhere.example']
    await page.reload()
    await page.waitForSelector('html[data-ready]')
    expect(await register()).toContain('50001')
  })

  it('is verified anew with each call: another address needs another signature', async () => {
    await open()
    await register()
    await page.evaluate(() => history.pushState(null, '', '?sim=1&other=1'))
    expect(await call('getCurExternalContact')).toMatchObject({ userId: 'wmDemoGold' })
    expect(callNames().filter(line => line.startsWith('agentConfig'))).toHaveLength(2)
    const forged = await page.evaluate(
      () =>
        new Promise(resolve => {
          const { WeixinJSBridge } = window as unknown as {
            WeixinJSBridge: { invoke: (name: string, params: object, callback: (result: unknown) => void) => void }
          }
          WeixinJSBridge.invoke('getCurExternalContact', { verifySignature: 'f'.repeat(40) }, resolve)
        }),
    )
    expect(forged).toEqual({ err_msg: 'getCurExternalContact:fail no permission' })
  })

  it('may not call what it has not named, nor what the client does not have', async () => {
    await open()
    await register()
    const profile = () =>
      page.evaluate(() => window.ww.openUserProfile({ type: 2, userid: 'wmDemoGold' }).catch(String))
    await profile()
    expect(callNames().at(-1)).toBe('openUserProfile openUserProfile:fail no permission')
    world.seat('main').client.missingApis = ['getContext']
    expect(await call('getContext')).toMatchObject({ errMsg: 'getContext:fail function not exist' })
  })

  it('sends only what a chat can show', async () => {
    // The SDK lowers the case of what the client says.
    await open()
    await register()
    expect(await send({ msgtype: 'news', news: { ...product.news, imgUrl: 'coat.png' } })).toMatchObject({
      errMsg: 'sendChatMessage:fail invalid imgurl',
    })
    const card = { appid: 'wx0000000000000001', title: '演示', imgUrl: product.news.imgUrl, page: 'pages/a.html?dg=1' }
    expect(await send({ msgtype: 'miniprogram', miniprogram: card })).toMatchObject({ errMsg: 'sendChatMessage:ok' })
    expect(await send({ msgtype: 'miniprogram', miniprogram: { ...card, appid: 'wxOther' } })).toMatchObject({
      errMsg: 'sendChatMessage:fail invalid appid',
    })
    expect(await send({ msgtype: 'text', text: { content: '' } })).toMatchObject({
      errMsg: 'sendChatMessage:fail invalid content',
    })
  })

  it('asks the member first where the client does, who may call it off', async () => {
    const seat = world.seat('main')
    seat.client.asksBeforeSend = true
    await open()
    await register()
    const answers = [false, true]
    world.subscribe(event => {
      if (event.kind === 'confirm') world.answerConfirm(event.confirmId, answers.shift()!)
    })
    expect(await send()).toMatchObject({ errMsg: 'sendChatMessage:cancel' })
    expect(await send()).toMatchObject({ errMsg: 'sendChatMessage:ok' })
    expect(world.messagesOf('single:demo-a02:wmDemoGold')).toHaveLength(2)
  })

  it('waits for a bridge that comes late', async () => {
    world.seat('main').client.lateMs = 700
    await open()
    expect(await page.evaluate(() => 'WeixinJSBridge' in window)).toBe(false)
    expect(await register()).toBe('ok')
    expect(await call('getCurExternalContact')).toMatchObject({ userId: 'wmDemoGold' })
  })

  it('asks an old client for preVerifyJSAPI first', async () => {
    world.seat('main').client.version = '3.0.20'
    await open()
    expect(await register()).toBe('ok')
    expect(await call('getContext')).toMatchObject({ entry: 'single_chat_tools' })
    expect(callNames().slice(0, 2)).toEqual(['preVerifyJSAPI preVerifyJSAPI:ok', 'agentConfig agentConfig:ok'])
  })

  it('sees the language and colours of the client in its user agent', async () => {
    Object.assign(world.seat('main').client, { language: 'en', colorScheme: 'Dark' })
    await open()
    expect(await page.evaluate(() => navigator.userAgent)).toMatch(
      / wxwork\/4\.1\.36 MicroMessenger\/7\.0\.1 Language\/en ColorScheme\/Dark$/,
    )
  })

  it('fails on demand', async () => {
    world.faults.push({ path: 'getCurExternalContact', errMsg: 'getCurExternalContact:fail no permission', times: 1 })
    await open()
    await register()
    expect(await call('getCurExternalContact')).toMatchObject({ errMsg: 'getCurExternalContact:fail no permission' })
    expect(await call('getCurExternalContact')).toMatchObject({ userId: 'wmDemoGold' })
  })
})

describe('other places', () => {
  it('a group has a chat and no customer', async () => {
    world.sit('main', 'demo-a02')
    world.open('main', { chatId: 'wrDemoGroup' })
    await open()
    await register()
    expect(await call('getContext')).toMatchObject({ entry: 'group_chat_tools' })
    expect(await call('getCurExternalChat')).toMatchObject({ chatId: 'wrDemoGroup' })
    expect(await call('getCurExternalContact')).toMatchObject({
      errMsg: 'getCurExternalContact:fail without context of external contact',
    })
    expect(await send()).toMatchObject({ errMsg: 'sendChatMessage:ok' })
    expect(world.messagesOf('group:wrDemoGroup')).toHaveLength(1)
  })

  it('the workbench has neither, and a profile sends nothing', async () => {
    world.sit('main', 'demo-a02')
    await open()
    await register()
    expect(await call('getContext')).toMatchObject({ entry: 'normal' })
    expect(await send()).toMatchObject({ errMsg: 'sendChatMessage:fail without context of external contact' })
    world.open('main', { externalUserid: 'wmDemoGold', entry: 'contact_profile' })
    expect(await call('getCurExternalContact')).toMatchObject({ userId: 'wmDemoGold' })
    expect(await send()).toMatchObject({ errMsg: 'sendChatMessage:fail without context of external contact' })
  })

  it('each seat is a client of its own', async () => {
    world.sit('left', 'demo-a02')
    world.open('left', { externalUserid: 'wmDemoGold' })
    world.sit('right', 'demo-a02')
    world.open('right', { externalUserid: 'wmDemoStranger' })
    await open('?sim=right')
    await register()
    expect(await call('getCurExternalContact')).toMatchObject({ userId: 'wmDemoStranger' })
  })

  it('an ordinary tab is not in WeCom, also where the browser has been at the simulator', async () => {
    await open()
    expect(await page.evaluate(() => window.ww.env.isWeCom)).toBe(true)
    await open('')
    expect(await page.evaluate(() => window.ww.env.isWeCom)).toBe(false)
    expect(await page.evaluate(() => 'WeixinJSBridge' in window)).toBe(false)
  })
})
