/// <reference lib="dom" />
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { startSimulator } from '../../simulator/listen.ts'
import { createWorld, type World } from '../../simulator/world.ts'
import { findChromium } from '../support/chromium.ts'
import { startStubService, type StubService } from './stub-service.ts'
import { smallCorp } from './world.ts'

const shop = {
  miniProgram: { appId: 'wx0000000000000001', name: '演示商城' },
  products: [{ sku: 'SKU-1', name: '演示大衣', priceFen: 159_900 }],
  stores: [{ storeCode: 'S1', name: '演示·上海静安店', associates: ['demo-a01', 'demo-a02'] }],
}

let shellDir: string
let browser: Browser
let world: World
let wecom: Awaited<ReturnType<typeof startSimulator>>
let service: StubService
let page: Page
let complaints: string[]

beforeAll(async () => {
  shellDir = await mkdtemp(join(tmpdir(), 'daogou-shell-'))
  const configFile = fileURLToPath(new URL('../../simulator/shell/vite.config.ts', import.meta.url))
  await build({ configFile, logLevel: 'error', build: { outDir: shellDir, emptyOutDir: true } })
  const { path, env } = await findChromium()
  browser = await chromium.launch({
    executablePath: path,
    args: ['--no-sandbox'],
    env: { ...(process.env as Record<string, string>), ...env },
  })
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await rm(shellDir, { recursive: true, force: true })
})

beforeEach(async () => {
  world = createWorld(smallCorp)
  world.sit('main', 'demo-a02')
  wecom = await startSimulator({ world, port: 0 })
  service = await startStubService(world, { wecomUrl: wecom.url, shop, shellDir })
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  complaints = []
  // The stub has no /auth/logout.
  page.on('console', message => {
    if (message.type() === 'error' && !message.location().url.endsWith('/auth/logout')) complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(error.message))
})

afterEach(async () => {
  await page.close()
  await service.close()
  await wecom.close()
  // The service's policy is as strict as it gets: nothing may be refused by it.
  expect(complaints).toEqual([])
})

const who = () => page.frameLocator('iframe').locator('#who')
const phone = () => page.locator('.phone')

async function openChat(name: string): Promise<void> {
  await page.goto(`${service.url}/simulator/`)
  await page.locator('.chats').getByRole('button', { name }).click()
  await page.locator('.conversation h2', { hasText: name }).waitFor()
}

it('signs the sidebar in as whoever sits there, without asking', async () => {
  await page.goto(`${service.url}/simulator/`)
  await expect.poll(() => who().textContent()).toBe('demo-a02')
  await page.locator('.who select').selectOption('demo-a03')
  await expect.poll(() => who().textContent()).toBe('demo-a03')
  expect(await page.locator('.chats li').count()).toBe(2) // one customer, and the way to the workbench of narrow screens
})

it('opens the sidebar beside each chat, with the bridge in it', async () => {
  await openChat('演示顾客甲')
  expect(world.seat('main')).toMatchObject({ entry: 'single_chat_tools', externalUserid: 'wmDemoGold' })
  const frame = page.frames().find(each => each.url().includes('/sidebar/'))!
  await frame.waitForSelector('html[data-ready]')
  expect(await frame.evaluate(() => 'WeixinJSBridge' in window)).toBe(true)
  await page.locator('.chats').getByRole('button', { name: '演示新品群' }).click()
  await expect.poll(() => world.seat('main').entry).toBe('group_chat_tools')
})

it('plays the story: what the associate sends is opened, bought and sent back on the phone', async () => {
  await openChat('演示顾客甲')
  const chatKey = 'single:demo-a02:wmDemoGold'
  const url = `${service.url}/s/abc`
  world.say(
    chatKey,
    { kind: 'staff', id: 'demo-a02' },
    { kind: 'link', title: '演示大衣', description: '', imageUrl: '', url },
  )
  await phone().getByRole('button', { name: '演示大衣' }).click()
  await phone().getByText('分享码 abc').waitFor()
  await phone().getByRole('button', { name: '立即购买' }).click()
  await phone().getByText('下单成功').waitFor()
  await phone().getByRole('button', { name: '返回' }).last().click()
  await phone().getByRole('button', { name: '到店' }).click()
  await phone().getByRole('button', { name: /收款/ }).click()
  await phone().getByText('已付款').waitFor()
  await phone().getByRole('button', { name: '订单' }).click()
  await phone().getByRole('button', { name: '退款' }).first().click()
  await phone().getByText('已退').waitFor()
  expect(service.received.map(({ call }) => call)).toEqual(['identities', 'orders', 'orders', 'refunds'])
  expect(service.received[1]?.items).toMatchObject([{ channel: 'online', shareCode: 'abc', memberNo: 'D-M00001' }])
  expect(service.received[2]?.items).toMatchObject([{ channel: 'in_store', closer: 'demo-a02', sellingStore: 'S1' }])
})

it('lets both sides write, and asks before the sidebar sends', async () => {
  await openChat('演示顾客乙')
  await page.locator('.conversation input').fill('您好')
  await page.keyboard.press('Enter')
  await phone().getByText('您好').waitFor()
  await phone().locator('input').fill('有大衣吗')
  await page.keyboard.press('Enter')
  await page.locator('.conversation').getByText('有大衣吗').waitFor()
  const answer = world.confirm('main', { kind: 'text', text: '演示' })
  await page.getByRole('alertdialog').getByRole('button', { name: '取消' }).click()
  expect(await answer).toBe(false)
})

it('shows one column at a time on a narrow screen, and nothing wider than it', async () => {
  await page.setViewportSize({ width: 360, height: 740 })
  await openChat('演示顾客甲')
  for (const [tab, part] of [
    ['聊天', '.chats'],
    ['会话', '.conversation'],
    ['侧边栏', '.pane'],
    ['顾客手机', '.phone'],
  ] as const) {
    await page.locator('.tabs').getByRole('button', { name: tab }).click()
    const shown = await page
      .locator('.chats, .conversation, .pane, .phone')
      .evaluateAll(parts => parts.filter(each => each.checkVisibility()).map(each => each.className))
    expect(shown).toHaveLength(1)
    expect(await page.locator(part).isVisible()).toBe(true)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
  }
})

it('speaks the language of the simulated client', async () => {
  world.seat('main').client.language = 'en'
  await page.goto(`${service.url}/simulator/`)
  await page.getByText('Signed in as').waitFor()
  expect(await page.locator('html').getAttribute('lang')).toBe('en')
})

it('keeps the sidebar between 300 and 400 pixels', async () => {
  await page.goto(`${service.url}/simulator/`)
  const handle = page.getByRole('separator')
  const widthOf = () => page.locator('iframe').evaluate(frame => frame.clientWidth)
  await handle.focus()
  for (let i = 0; i < 12; i += 1) await page.keyboard.press('ArrowRight')
  expect(await widthOf()).toBe(300)
  for (let i = 0; i < 15; i += 1) await page.keyboard.press('ArrowLeft')
  expect(await widthOf()).toBe(400)
})

it('shows what the app wrote to who sits there, as it comes', async () => {
  await page.goto(`${service.url}/simulator/`)
  await page.locator('.rail button').last().click()
  const write = (userid: string, title: string) => {
    const description = '<div class="gray">11月22日 10:32</div><div class="normal">李&lt;明&gt;打开了链接</div>'
    const url = `${service.url}/sidebar/#/tasks?card=${title}`
    world.appMessages.deliver({ userid, agentId: '1', at: Date.now(), title, description, url, btntxt: '查看' })
    world.emit({ kind: 'app_message', userid })
  }
  write('demo-a01', '给别人的')
  write('demo-a02', '你的链接有人打开了')
  await page.getByText('你的链接有人打开了').waitFor()
  await page.getByText('李<明>打开了链接').waitFor()
  expect(await page.getByText('给别人的').count()).toBe(0)
})
