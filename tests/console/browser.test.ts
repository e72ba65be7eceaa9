import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { MockServer } from '../sidebar/mock-server.ts'
import { launchChromium } from '../support/chromium.ts'
import { webRoot } from '../support/web.ts'
import { startConsoleMock } from './mock-server.ts'
import { expectSound, openPage, openWindow, photograph, settle, type OpenOptions, VIEWS } from './support.ts'

/** All that a page fetches before it stands there for the first time, its chart with it; gzip. */
const firstUseMaxBytes = 250 * 1024
const transferId = '018f0000-0000-7000-8000-0000000000b1'

let browser: Browser
let mock: MockServer
const windows = new Map<string, Promise<BrowserContext>>()

beforeAll(async () => {
  mock = await startConsoleMock(webRoot)
  browser = await launchChromium()
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await mock?.close()
})

beforeEach(() => {
  mock.reset()
  mock.role = 'headquarters'
})

afterEach(async () => {
  for (const context of await Promise.all(windows.values())) await context.close()
  windows.clear()
})

async function open(hash: string, options: OpenOptions = {}) {
  const key = JSON.stringify(options)
  const window = windows.get(key) ?? openWindow(browser, options)
  windows.set(key, window)
  return await openPage(await window, { url: mock.url, hash })
}

const pages: [name: string, role: MockServer['role'], hash: string, zh: string, en: string][] = [
  ['performance', 'headquarters', '/performance', '从分享到成交', 'From share to sale'],
  ['orders', 'headquarters', '/performance?orders=stores:S-JA', 'D-20261121-1', 'D-20261121-1'],
  ['order', 'auditor', '/performance?orders=stores:S-JA&order=pos/D-20261121-0', '超出期限', 'outside of the window'],
  ['communities', 'headquarters', '/community', '苏州示例加盟店', 'What elsewhere paid'],
  ['community', 'franchisee', '/', '这段时间变化最大的', 'What changed most'],
  ['handovers', 'manager', '/handover', '离职后还没人接的客户', 'Customers of leavers'],
  ['handover', 'headquarters', `/handover/${transferId}`, '90 天内已经交接过两次', 'Transferred twice in 90 days'],
  ['begin', 'headquarters', '/handover?begin=demo-a4', '全部客户', 'All customers'],
]

describe('every page at both widths', () => {
  test.each(pages)('%s', async (name, role, hash, zh, en) => {
    mock.role = role
    for (const [width, language] of VIEWS) {
      const opened = await open(hash, { width, language })
      await opened.page
        .getByText(language === 'zh' ? zh : en)
        .first()
        .waitFor()
      await settle(opened.page)
      // axe sees no widths: once is enough.
      await expectSound(opened, width === 390)
      await photograph(opened.page, `${name}-${width}-${language}`)
    }
  })

  test('in the dark', async () => {
    for (const hash of ['/performance', '/community/S-SZ']) {
      const opened = await open(hash, { isDark: true })
      await expectSound(opened)
      await photograph(opened.page, `dark-${hash.split('/')[1]}`)
    }
  })
})

test.each(['/performance', '/community/S-SZ'])('the first use of %s stays small, its chart with it', async hash => {
  const { page, assets } = await open(hash)
  await page.locator('.trend canvas').first().waitFor()
  let bytes = 0
  for (const path of ['/console/index.html', ...assets]) bytes += gzipSync(await readFile(webRoot + path)).length
  expect([...assets].some(path => path.includes('LineChart'))).toBe(true)
  expect(bytes).toBeLessThan(firstUseMaxBytes)
})

describe('what is chosen from a long list, whose code comes when somebody turns to it', () => {
  const isThere = ({ assets }: { assets: Set<string> }) => [...assets].some(path => path.includes('ConsolePickSelect'))

  test('is not fetched before', async () => {
    const opened = await open('/performance')
    await opened.page.getByRole('combobox', { name: '门店' }).waitFor()
    expect(isThere(opened)).toBe(false)
    await opened.page.getByRole('combobox', { name: '门店' }).hover()
    await opened.page.locator('.el-select').first().waitFor()
    expect(isThere(opened)).toBe(true)
  })

  test('what was clicked or typed meanwhile is not lost, nor is the place of the keyboard', async () => {
    const { page } = await open('/performance')
    const place = async () => await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))
    let come = () => {}
    const gate = new Promise<void>(resolve => (come = resolve))
    await page.route('**/ConsolePickSelect-*.js', async route => {
      await gate
      await route.continue()
    })
    const before = await page.getByRole('combobox', { name: '门店' }).boundingBox()
    await page.getByRole('combobox', { name: '门店' }).focus()
    await page.keyboard.type('苏州')
    come()
    await page.getByRole('option', { name: /苏州/ }).first().waitFor()
    expect(await place()).toBe('门店')
    const options = await page.getByRole('option').filter({ visible: true }).allTextContents()
    expect(options).toEqual(['苏州', '苏州示例加盟店 · S-SZ'])
    // Nothing moves where it becomes what it looked like.
    const after = await page.locator('.el-select', { has: page.getByRole('combobox', { name: '门店' }) }).boundingBox()
    expect(after).toEqual(before)
    await page.keyboard.press('Enter')
    await page.waitForURL(/store=/)
  })

  for (const late of ['ConsolePickSelect-*.js', 'performance/stores?*'])
    test(`what was typed and entered before ${late} came is chosen then`, async () => {
      const { page } = await open('/performance')
      let come = () => {}
      const gate = new Promise<void>(resolve => (come = resolve))
      await page.route(`**/${late}`, async route => {
        await gate
        await route.continue()
      })
      await page.getByRole('combobox', { name: '门店' }).click()
      if (!late.endsWith('.js')) await page.locator('.el-select-dropdown__empty').filter({ visible: true }).waitFor()
      await page.keyboard.type('S-SZ')
      await page.keyboard.press('Enter')
      come()
      await page.waitForURL(/store=S-SZ/)
      await page.locator('.el-select').getByText('苏州示例加盟店').waitFor()
      await page.locator('input[aria-label=门店][aria-expanded=false]').waitFor()
    })

  test('a click opens it', async () => {
    const { page } = await open('/performance')
    const face = (await page.getByRole('combobox', { name: '大区' }).boundingBox())!
    const come = page.waitForResponse(/ConsolePickSelect-/)
    await page.mouse.move(face.x + 20, face.y + 20)
    await page.mouse.down()
    await (await come).finished()
    await page.mouse.up()
    await page.locator('.el-select-dropdown__item').filter({ visible: true }).first().waitFor()
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-expanded'))).toBe('true')
  })

  test('speaks the console’s language', async () => {
    const { page } = await open('/performance', { language: 'en' })
    await page.getByRole('combobox', { name: 'Region' }).fill('nothing of that name')
    await page.getByText('No matching data').waitFor()
  })
})

test('an associate is told that the console is not for him, and nothing is asked for', async () => {
  mock.role = 'associate'
  const opened = await open('/performance')
  await opened.page.getByText('管理台是给店长、加盟商和总部用的').waitFor()
  expect(await opened.page.getByRole('link', { name: '打开侧边栏' }).getAttribute('href')).toBe('/sidebar/')
  expect(mock.calls).toEqual(['GET /api/v1/session'])
  await expectSound(opened)
})

test('without a session one is sent to scan, and back to where one was', async () => {
  mock.faults['/api/v1/session'] = { status: 401, code: 'session.missing', times: 2 }
  const { page } = await open('/performance?span=last7')
  expect(mock.calls.find(call => call.includes('/auth/wecom/login'))).toBe(
    `GET /auth/wecom/login?redirect=${encodeURIComponent('/console/#/performance?span=last7')}&scan=1`,
  )
  expect(page.url()).toContain('#/performance?span=last7')
})

test('what is looked at stands in the address, is asked for so, and comes back by it', async () => {
  const { page } = await open(
    '/performance?span=own&from=2026-11-01&until=2026-11-15&before=year&grain=week&store=S-JA',
  )
  const asked = mock.calls.filter(call => call.includes('/performance/summary')).at(-1)
  expect(asked).toBe('GET /api/v1/performance/summary?from=2026-11-01&to=2026-11-16&storeCode=S-JA&before=year')
  expect(mock.calls.some(call => call.includes('/performance/trend') && call.includes('grain=week'))).toBe(true)
  await page.getByRole('button', { name: '门店', exact: true }).click()
  await settle(page)
  await page.getByRole('button', { name: '订单数', exact: true }).click()
  await settle(page)
  expect(mock.calls.at(-1)).toContain('/performance/stores?from=2026-11-01&to=2026-11-16&storeCode=S-JA&sort=orders')
  expect(page.url()).toContain('table=stores')
  await page.getByRole('button', { name: '静安示例店' }).click()
  await page.getByText('D-20261121-0').click()
  await page.getByText('考虑过的分享').waitFor()
  await page.goBack()
  await page.getByText('D-20261121-2').waitFor()
  expect(mock.calls.filter(call => call.includes('/api/v1/performance/orders?')).at(-1)).toContain(
    `from=${encodeURIComponent('2026-10-31T16:00:00.000Z')}`,
  )
})

test('a headline opens the orders behind it, of the region that is looked at', async () => {
  const { page } = await open('/performance?span=last7&region=%E5%8D%8E%E4%B8%9C')
  await page
    .getByRole('region', { name: '主要数字' })
    .getByRole('button', { name: /^退款.*看订单$/ })
    .click()
  await page.getByRole('dialog').getByText('按退款日期计').waitFor()
  const asked = new URLSearchParams(
    mock.calls
      .filter(call => call.includes('/performance/orders?'))
      .at(-1)!
      .split('?')[1],
  )
  expect([asked.get('region'), asked.get('figure'), asked.get('table')]).toEqual(['华东', 'refundFen', null])
})

test('a figure that no orders make opens the table in which its parts stand', async () => {
  const { page } = await open('/performance?span=last7')
  await page.getByRole('button', { name: /^分享 .*看明细$/ }).first().click() // prettier-ignore
  await settle(page)
  expect(mock.calls.findLast(call => call.includes('/performance/links?'))).toContain('sort=clicks')
  expect(page.url()).toContain('table=links')
  await page.goBack()
  await settle(page)
  await page.getByRole('button', { name: /^加好友 .*看明细$/ }).first().click() // prettier-ignore
  await settle(page)
  expect(mock.calls.findLast(call => call.includes('/performance/associates?'))).toContain('sort=newFriends')
  await page.getByRole('columnheader', { name: '加好友' }).waitFor()
  // Of somebody alone: the page is narrowed to him.
  await page.locator('.sheet').getByRole('button', { name: /^分享 .*看明细$/ }).first().click() // prettier-ignore
  await settle(page)
  expect(new URL(page.url()).hash).toMatch(/associate=.*table=links|table=links.*associate=/)
})

test('a table grows page by page, shows the columns chosen, and is had as a file', async () => {
  const { page } = await open('/performance')
  const rows = page.locator('.sheet tbody tr').filter({ hasText: '示例' })
  expect(await rows.count()).toBe(5)
  await page.getByRole('button', { name: '再看一页' }).click()
  await expect.poll(() => rows.count()).toBe(10)
  await page.getByText('选择列').click()
  await page.getByLabel('流失好友').check()
  await page.getByRole('button', { name: '流失好友' }).waitFor()
  expect(page.url()).toContain('lostFriends')
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: '导出 CSV' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('performance-associates.csv')
  expect(await readFile(await download.path(), 'utf8')).toContain('657282.00')
  await page.getByText('已导出').waitFor()
})

test.each([
  ['zh', '请把时间选短一些，或只看一个大区、一家门店。'],
  ['en', 'Choose fewer days, or look at one region or one store.'],
] as const)(
  'what was too much to add up says to ask for less, not that the service is away: %s',
  async (language, help) => {
    const fault = { status: 422, code: 'figures.too_much', times: 1 }
    mock.faults['/api/v1/performance/summary'] = fault
    mock.faults['/api/v1/performance/associates'] = { ...fault, times: 2 }
    const opened = await open('/performance', { language })
    const { page } = opened
    await page.getByRole('alert').getByText(help).first().waitFor()
    await expectSound(opened)
    await page
      .getByRole('button', { name: language === 'zh' ? '重试' : 'Try again' })
      .first()
      .click()
    await page.locator('.trend canvas').first().waitFor()
  },
)

test.each([
  ['zh', /^这里的数字算到 11 月 22 日 18:30，之后收到的订单和浏览还在汇总。/, '刷新'],
  ['en', /^These figures hold what came in until Nov 22, 18:30\./, 'Refresh'],
] as const)('what much at once left to be added up is said above the figures: %s', async (language, text, refresh) => {
  const opened = await open('/performance', { language })
  const { page } = opened
  await settle(page)
  expect(await page.locator('.note.warn').count()).toBe(0)
  const summary = '**/api/v1/performance/summary*'
  await page.route(summary, async route => {
    const response = await route.fetch()
    await route.fulfill({ response, json: { ...(await response.json()), summedUntil: '2026-11-22T10:30:00.000Z' } })
  })
  await page.reload()
  const note = page.getByRole('status').filter({ hasText: text })
  await note.waitFor()
  await expectSound(opened)
  await page.unroute(summary)
  await note.getByRole('button', { name: refresh }).click()
  await note.waitFor({ state: 'detached' })
})

describe('distinct people, who take longer to count than sums,', () => {
  const isOfPeople = (url: URL) => url.searchParams.get('figures')?.includes('buyers') === true
  const table = (page: Page) => page.getByRole('region', { name: '门店', exact: true })
  const first = (page: Page) => table(page).locator('tbody tr').first().locator('td.figure').allTextContents()

  test('come into the table afterwards', async () => {
    const { page } = await open('/performance?table=stores')
    await settle(page)
    const whole = await first(page)
    let come = () => {}
    const gate = new Promise<void>(resolve => (come = resolve))
    await page.route(isOfPeople, async route => {
      await gate
      await route.continue()
    })
    await page.reload()
    await table(page).locator('.bone').first().waitFor()
    const sums = await first(page)
    expect(sums.filter(text => text.trim() !== '').length).toBe(whole.length - 2)
    expect(await table(page).getAttribute('aria-busy')).toBe('true')
    const before = await table(page).boundingBox()
    await photograph(page, 'performance-counting-1280-zh')
    come()
    await table(page).locator('.bone').first().waitFor({ state: 'detached' })
    expect(await first(page)).toEqual(whole)
    expect(await table(page).boundingBox()).toEqual(before)
    expect(await table(page).getAttribute('aria-busy')).toBe('false')
  })

  test('leave the sums where they fail, and are counted again', async () => {
    const opened = await open('/performance?table=stores')
    const { page } = opened
    await settle(page)
    const whole = await first(page)
    let isAway = true
    await page.route(isOfPeople, async route => {
      if (!isAway) return await route.continue()
      await route.fulfill({ status: 422, json: { code: 'figures.too_much', title: 'Too much' } })
    })
    await page.reload()
    await page.getByRole('alert').getByText('请把时间选短一些').waitFor()
    expect((await first(page)).filter(text => text === '–')).toHaveLength(2)
    await expectSound(opened)
    isAway = false
    await page.getByRole('button', { name: '重试' }).click()
    await page.getByRole('alert').waitFor({ state: 'detached' })
    await settle(page)
    expect(await first(page)).toEqual(whole)
  })

  test('are not asked for where none is shown', async () => {
    const { page } = await open('/performance?table=products')
    await settle(page)
    expect(mock.calls.filter(call => call.includes('/performance/products'))).toHaveLength(1)
    await page.getByText('选择列').click()
    await page.getByRole('checkbox', { name: '成交会员' }).check()
    await settle(page)
    expect(mock.calls.filter(call => call.includes('/performance/products'))).toHaveLength(2)
  })
})

test('what failed says why with its code, and is asked for again', async () => {
  mock.faults['/api/v1/performance/summary'] = { status: 503, code: 'demo.away' }
  const opened = await open('/performance')
  await opened.page.getByText('demo.away').waitFor()
  await expectSound(opened)
  const retry = (await opened.page.getByRole('button', { name: '重试' }).boundingBox())!
  expect(retry.width).toBeLessThan(200)
  await opened.page.getByRole('button', { name: '重试' }).click()
  await opened.page.getByText('从分享到成交').waitFor()
  mock.faults['/api/v1/community/stores/S-GZ'] = { status: 404, code: 'not_found' }
  const hidden = await open('/community/S-GZ')
  await hidden.page.getByText('它不存在，或者不在你能看到的范围里。').waitFor()
})

test('the median of a large region comes to the page once it is known', async () => {
  const opened = await open('/community/S-SZ')
  const { page } = opened
  let isKnown = false
  await page.route('**/api/v1/community/stores/S-SZ?*', async route => {
    const answer = await (await route.fetch()).json()
    await route.fulfill({ json: isKnown ? answer : { ...answer, regionMedian: null, isRegionMedianPending: true } })
  })
  await page.reload()
  await page.getByText('中位数正在计算').waitFor()
  await expectSound(opened)
  isKnown = true
  await page.getByText('和大区比').waitFor({ timeout: 8000 })
  expect(await page.getByText('中位数正在计算').count()).toBe(0)
})

describe('handover', () => {
  test('an auditor looks, and changes nothing', async () => {
    mock.role = 'auditor'
    const { page } = await open(`/handover/${transferId}`)
    await page.getByText('40096').first().waitFor()
    expect(await page.getByRole('button', { name: '撤销归属' }).count()).toBe(0)
  })
})
