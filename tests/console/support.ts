/// <reference lib="dom" />
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import axe from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
import { signIn } from '../../server/features/auth/sessions.ts'
import { launchChromium } from '../support/chromium.ts'
import { startTestService, type TestService } from '../support/service.ts'
import { isThorough } from '../support/thorough.ts'
import { webRoot } from '../support/web.ts'

/**
 * How a page is looked at: wide in Chinese and narrow in English. Each run takes the narrow one, where less has room; what
 * is wide and Chinese is what the stories of each page are played in.
 */
export const VIEWS = (
  [
    [1280, 'zh'],
    [390, 'en'],
  ] as const
).filter(([width]) => isThorough || width === 390)

const artifacts = fileURLToPath(new URL('../../artifacts/console/', import.meta.url))

export interface OpenOptions {
  width?: number
  language?: 'zh' | 'en'
  isDark?: boolean
}

/** A page of the console, with what it complained about and what it fetched of ours. */
export interface Opened {
  page: Page
  complaints: string[]
  /** Address of each file of the build that was asked for. */
  assets: Set<string>
}

/** A window as somebody has it; its pages share what it has fetched and who is signed in. */
export const openWindow = (browser: Browser, { width = 1280, language = 'zh', isDark = false }: OpenOptions = {}) =>
  browser.newContext({
    viewport: { width, height: 860 },
    locale: language === 'zh' ? 'zh-CN' : 'en-GB',
    timezoneId: 'Asia/Shanghai',
    colorScheme: isDark ? 'dark' : 'light',
    acceptDownloads: true,
  })

/** Opens a page of a console that stands at an address. */
export async function openPage(context: BrowserContext, { url, hash }: { url: string; hash: string }): Promise<Opened> {
  const page = await context.newPage()
  const complaints: string[] = []
  const assets = new Set<string>()
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => {
    if (message.type() === 'error' && !message.text().includes('Failed to load resource'))
      complaints.push(message.text())
  })
  page.on('request', request => {
    const { origin, pathname } = new URL(request.url())
    if (origin !== url && request.url().startsWith('http')) complaints.push(`foreign ${request.url()}`)
    if (pathname.startsWith('/assets/')) assets.add(pathname)
  })
  await page.goto(`${url}/console/#${hash}`)
  await settle(page)
  return { page, complaints, assets }
}

/** The page has said what it has to say: nothing loads, nothing moves any more. */
export async function settle(page: Page): Promise<void> {
  await page.waitForFunction(
    () =>
      document.querySelector('main h1') !== null &&
      document.querySelector('[aria-busy=true]') === null &&
      document.querySelectorAll('.trend canvas').length === document.querySelectorAll('.trend').length &&
      document.querySelector('[class*="-enter-active"]') === null,
  )
}

/** Nothing wider than the window, nothing refused by the policy, targets that a thumb meets, nothing serious in axe. */
export async function expectSound({ page, complaints }: Opened, isLookedInto = true): Promise<void> {
  expect(complaints).toEqual([])
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0)
  const small = await page.evaluate(() =>
    [
      ...document.querySelectorAll(
        'a:not(.skip), button, select, summary, .el-select__wrapper, input:not([class^=el-], [type=checkbox], [type=radio], [type=file])',
      ),
    ]
      .map(element => ({ text: element.textContent, size: element.getBoundingClientRect() }))
      .filter(({ size }) => size.height > 0 && (size.height < 44 || size.width < 44))
      .map(({ text, size }) => `${text} ${size.width}×${size.height}`),
  )
  expect(small).toEqual([])
  if (!isLookedInto) return
  await page.evaluate(axe.source)
  const faults = await page.evaluate<string[]>(`axe.run(document, { resultTypes: ['violations'] }).then(result =>
    result.violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => id + ' ' + nodes.map(node => node.html + ' ' + node.failureSummary).join(' ')))`)
  expect(faults).toEqual([])
}

/** Kept to be looked at; not where nobody looks. */
export async function photograph(page: Page, name: string): Promise<void> {
  if (process.env['CI'] === 'true') return
  await mkdir(artifacts, { recursive: true })
  await page.screenshot({ path: `${artifacts}${name}.png`, fullPage: true, animations: 'disabled' })
}

/** The real service with the built pages, and a browser before it. */
export interface ConsoleStage {
  service: TestService
  url: string
  /** A page of the console as an associate of the brand sees it who signed in. */
  open(associateId: string, hash: string, options?: OpenOptions): Promise<Opened>
  /** Closes the pages that are open; for `afterEach`. */
  clear(): Promise<void>
  close(): Promise<void>
}

/**
 * @param env beyond what every test service has
 * @param now the service's clock; the browser's stays the real one
 */
export async function startConsoleStage(
  options: { env?: Record<string, string>; now?: () => number } = {},
): Promise<ConsoleStage> {
  const now = options.now ?? Date.now
  const service = await startTestService({ ...options, webRoot })
  const url = await service.app.listen({ port: 0, host: '127.0.0.1' })
  const browser = await launchChromium()
  const windows = new Map<string, Promise<BrowserContext>>()
  const windowOf = (associateId: string, options: OpenOptions) => {
    const key = JSON.stringify([associateId, options])
    const known = windows.get(key)
    if (known) return known
    const opening = openWindow(browser, options).then(async context => {
      await context.addCookies(await cookiesOf(service, associateId, { url, now: now() }))
      return context
    })
    windows.set(key, opening)
    return opening
  }
  return {
    service,
    url,
    open: async (associateId, hash, opened = {}) => await openPage(await windowOf(associateId, opened), { url, hash }),
    async clear() {
      for (const context of await Promise.all(windows.values())) {
        for (const page of context.pages()) await page.close()
      }
    },
    async close() {
      await browser.close()
      await service.close()
    },
  }
}

/** Signed in without the way through WeCom: the session's first refresh hands out what a browser holds. */
async function cookiesOf(service: TestService, associateId: string, at: { url: string; now: number }) {
  const result = await signIn(service.pool, {
    brandId: 1,
    userid: associateId,
    bootstrapHeadquarters: [],
    now: at.now,
  })
  if (result.status !== 'signed_in') throw new Error(`${associateId} may not come in: ${result.status}`)
  const answer = await service.app.inject({
    method: 'POST',
    url: '/auth/refresh',
    headers: { cookie: `daogou_refresh=${result.tokens.refreshToken}` },
  })
  if (answer.statusCode >= 300) throw new Error(`${associateId} got no session: ${answer.statusCode} ${answer.body}`)
  return answer.cookies.map(({ name, value }) => ({ name, value, url: at.url, httpOnly: true }))
}
