import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { chromium, type Browser, type FrameLocator, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generateBrand } from '../../simulator/brand/generate.ts'
import { openPool } from '../../server/database.ts'
import { buildPages } from '../../simulator/build.ts'
import { DEMO_KEY, setStage, settled, type Stage } from '../../simulator/stage.ts'
import { findChromium } from '../support/chromium.ts'
import { createTestDatabase, templateDatabase, type TestDatabase } from '../support/postgres.ts'

const ARTIFACTS = 'artifacts/story'

/** Two free ports, one after the other: the service's and the simulated WeCom's. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = await tryPort(0)
    if (port !== null && (await tryPort(port + 1)) !== null) return port
  }
}

function tryPort(port: number): Promise<number | null> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null))
    })
  })
}

/** The product's story, played in a real browser through the real SDK, against the real service. */
describe('an associate shares, the customer buys, the commission appears with its reason', () => {
  let database: TestDatabase
  let stage: Stage
  let browser: Browser
  beforeAll(async () => {
    mkdirSync(ARTIFACTS, { recursive: true })
    buildPages(() => {})
    database = await createTestDatabase({ template: templateDatabase })
    const brand = generateBrand({ seed: 'story', now: Date.now(), stores: 3, associates: 14, members: 300, days: 45 })
    stage = await setStage({
      brand,
      port: await freePort(),
      env: {
        DATABASE_URL: database.url,
        DATA_KEY: Buffer.alloc(32, 5).toString('base64'),
        SESSION_SECRET: 'a secret for the story that is long enough',
        RATE_LIMIT: '0',
      },
      say: () => {},
    })
    const { path, env } = await findChromium(() => {})
    browser = await chromium.launch({
      executablePath: path,
      env: { ...process.env, ...env } as Record<string, string>,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    })
  })
  afterAll(async () => {
    await browser?.close()
    await stage?.close()
    await database?.drop()
  })

  const open = async (
    width: number,
    height: number,
  ): Promise<{ page: Page; sidebar: FrameLocator; faults: string[] }> => {
    const page = await browser.newPage({ viewport: { width, height } })
    const faults: string[] = []
    page.on('pageerror', error => faults.push(error.message))
    page.on('console', message => {
      if (message.type() === 'error') faults.push(message.text())
    })
    await page.goto(`${stage.url}/simulator/`)
    return { page, sidebar: page.frameLocator('iframe'), faults }
  }
  const tab = (sidebar: FrameLocator, name: string) => sidebar.getByRole('link', { name, exact: true })
  const commissionToday = async () => {
    const answer = await fetch(
      `${stage.url}/api/v1/entitlements?payeeKind=associate&payee=${stage.cast.associate}&limit=500&from=${encodeURIComponent(new Date(Date.now() - 600_000).toISOString())}`,
      { headers: { authorization: `Bearer ${DEMO_KEY}` } },
    )
    const { items } = (await answer.json()) as { items: { role: string; amountFen: number; ruleId: string }[] }
    return items
  }

  test('online: the card is sent, opened and bought from, and what was promised is what is owed', async () => {
    const { page, sidebar, faults } = await open(1280, 800)
    await sidebar.getByText('归属导购').waitFor()
    await page.screenshot({ path: `${ARTIFACTS}/1-customer.png` })

    await tab(sidebar, '分享').click()
    const item = sidebar.locator('li, article').filter({ hasText: '成交约得' }).first()
    const promised = /成交约得\s*¥([\d,.]+)/.exec(await item.innerText())
    expect(promised).not.toBeNull()
    await item.getByRole('button', { name: /发给顾客/ }).click()
    await sidebar.getByText('已发到会话里').waitFor()
    await page.screenshot({ path: `${ARTIFACTS}/2-sent.png` })

    const phone = page.locator('.phone').last()
    await phone.getByText('小程序').last().click()
    await phone.getByRole('button', { name: /立即购买|Buy now/ }).click()
    await expect.poll(async () => (await commissionToday()).length, { timeout: 20_000 }).toBeGreaterThan(0)
    await settled(stage.url)
    const owed = await commissionToday()
    expect(owed.map(entry => entry.role)).toContain('sharer')
    const owedFen = owed.reduce((sum, entry) => sum + entry.amountFen, 0)
    expect(owedFen).toBe(Math.round(Number(promised![1]!.replaceAll(',', '')) * 100))
    await page.screenshot({ path: `${ARTIFACTS}/3-bought.png` })

    await tab(sidebar, '业绩').click()
    const shown = (owedFen / 100).toFixed(2)
    await sidebar.getByText(shown).first().waitFor()
    await page.screenshot({ path: `${ARTIFACTS}/4-earnings.png` })
    // The newest order is open, and says why.
    await sidebar
      .getByText(/因为这一单直接带着你分享的|顾客点开了你的分享/)
      .first()
      .waitFor()
    await page.screenshot({ path: `${ARTIFACTS}/5-why.png`, fullPage: true })
    expect(faults).toEqual([])
    await page.close()
  })

  test.each([
    ['新朋友', /还不是会员|会员/, 'stranger'],
    ['同事的客户', /同事|归属/, 'colleague'],
    ['客户群', /群/, 'group'],
  ])('%s has a page of its own', async (chat, text, name) => {
    const { page, sidebar } = await open(1280, 800)
    await page.getByText(chat).first().click()
    await expect.poll(() => sidebar.locator('body').innerText(), { timeout: 20_000 }).toMatch(text)
    await page.screenshot({ path: `${ARTIFACTS}/chat-${name}.png` })
    await page.close()
  })

  describe('whatever is wrong with WeCom', () => {
    const breakIt = async (...names: string[]) => {
      const answer = await fetch(`${stage.url}/simulator/api/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ names }),
      })
      expect(((await answer.json()) as { faults: string[] }).faults).toEqual(names)
    }
    const others = () =>
      [...stage.world.customers.values()]
        .map(customer => customer.name)
        .filter(name => name !== stage.cast.goldMember.name)

    test.each([
      'untrusted_domain',
      'bad_signature',
      'wrong_ticket',
      'slow',
      'wecom_down',
      'wecom_slow',
      'untrusted_ip',
      'no_permission',
      'out_of_limit',
    ])('%s: the right customer or what is wrong, and all is well when it is over', async name => {
      stage.world.open('main', { externalUserid: stage.cast.goldMember.externalUserid })
      await breakIt(name)
      const { page, sidebar } = await open(1280, 800)
      // The card, or what is wrong with its code: in the page, or where WeCom cannot say who it is before there is one.
      const end = sidebar.getByText('归属导购').or(sidebar.getByRole('alert')).or(sidebar.locator('p.code'))
      await end.first().waitFor({ timeout: 25_000 })
      const said = await sidebar.locator('body').innerText()
      expect(others().filter(other => said.includes(other))).toEqual([])
      await page.screenshot({ path: `${ARTIFACTS}/fault-${name}.png` })
      await breakIt()
      await page.reload()
      await sidebar.getByText('归属导购').waitFor({ timeout: 25_000 })
      await page.close()
    })

    test.each(['events_doubled', 'events_unheard'])('%s: each event counts once', async name => {
      await breakIt(name)
      const stranger = [...stage.world.customers.values()].find(customer => customer.follows.length === 0)
      const { externalUserid } = stranger ?? { externalUserid: stage.cast.goldMember.externalUserid }
      const pool = openPool(database.url, { max: 1 })
      const eventsOf = async () => (await pool`
        SELECT FROM friend_events WHERE external_userid = ${externalUserid} AND associate_id = ${stage.cast.associate}`).length // prettier-ignore
      const before = await eventsOf()
      stage.world.unfriend(stage.cast.associate, externalUserid, 'customer')
      stage.world.befriend(stage.cast.associate, externalUserid)
      await expect.poll(eventsOf, { timeout: 30_000 }).toBe(before + 2)
      // What came twice would be there by now.
      await new Promise(wake => setTimeout(wake, 1500))
      expect(await eventsOf()).toBe(before + 2)
      await breakIt()
      await pool.end()
    })
  })

  test('on a phone-wide screen one pane shows at a time, and nothing is cut off', async () => {
    const { page } = await open(360, 740)
    await page.locator('#app').getByRole('button').first().waitFor()
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    expect(overflow).toBeLessThanOrEqual(0)
    await page.screenshot({ path: `${ARTIFACTS}/phone-wide.png` })
    await page.close()
  })

  test('somebody whom the service does not know sees whom to ask, not a blank page', async () => {
    const context = await browser.newContext({ viewport: { width: 360, height: 740 } })
    const page = await context.newPage()
    const login = await page.request.get(`${stage.url}/auth/wecom/login`, { maxRedirects: 0 })
    await page.goto(`${login.headers()['location']!.split('#')[0]}&as=demo-unknown`)
    await page.getByText('还没有为你开通').waitFor()
    expect((await context.cookies()).map(cookie => cookie.name)).not.toContain('daogou_access')
    await page.screenshot({ path: `${ARTIFACTS}/refused.png` })
    await context.close()
  })
})
