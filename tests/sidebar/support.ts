/// <reference lib="dom" />
import { mkdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { bridgePath, startMockServer, type MockServer } from './mock-server.ts'

export const artifacts = fileURLToPath(new URL('../../artifacts/sidebar/', import.meta.url))
export { webRoot } from '../support/web.ts'

export { launchChromium as launchBrowser } from '../support/chromium.ts'

export interface OpenOptions {
  width?: number
  height?: number
  language?: 'zh' | 'en'
  scheme?: 'Light' | 'Dark'
  /** null: an ordinary browser. */
  wecomVersion?: string | null
  path?: string
  /** Without what came after Chromium 87 and Safari 14. */
  isOld?: boolean
  bridge?: {
    entry?: string
    externalUserid?: string
    chatId?: string
    lateMs?: number
    absent?: boolean
    answers?: Record<string, object | null | (object | null)[]>
  }
}

interface Bridge {
  calls: BridgeCall[]
}

export interface BridgeCall {
  name: string
  params: Record<string, unknown>
}

export interface Opened {
  page: Page
  context: BrowserContext
  /** What the page complained about: errors, refused content, rejections that nobody filtered. */
  complaints: string[]
  /** Addresses that are not ours. */
  foreign: string[]
  /** Calls of WeCom's bridge. */
  bridgeCalls: () => Promise<BridgeCall[]>
}

/** Opens the sidebar as WeCom would: user agent, bridge, then the page with its real SDK. */
export async function openSidebar(browser: Browser, mock: MockServer, options: OpenOptions = {}): Promise<Opened> {
  const { width = 360, height = 760, language = 'zh', scheme = 'Light', wecomVersion = '4.1.36' } = options
  const chrome =
    'Mozilla/5.0 (Linux; Android 11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Mobile Safari/537.36'
  const context = await browser.newContext({
    viewport: { width, height },
    locale: language === 'zh' ? 'zh-CN' : 'en-GB',
    userAgent:
      wecomVersion === null
        ? chrome
        : `${chrome} wxwork/${wecomVersion} MicroMessenger/7.0.1 Language/${language} ColorScheme/${scheme}`,
    deviceScaleFactor: width > 600 ? 1 : 2,
  })
  const page = await context.newPage()
  const complaints: string[] = []
  const foreign: string[] = []
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => {
    if (message.type() === 'error' && !message.text().includes('Failed to load resource'))
      complaints.push(message.text())
  })
  page.on('request', request => {
    if (!request.url().startsWith(mock.url) && !/^(blob|data):/.test(request.url())) foreign.push(request.url())
  })
  if (options.isOld) await page.addInitScript(removeNewerThanChromium87)
  if (wecomVersion !== null) {
    const setup = { entry: 'single_chat_tools', externalUserid: 'wm-gold', chatId: 'wr-group', ...options.bridge }
    const script = await readFile(bridgePath, 'utf8')
    await page.addInitScript({ content: `window.daogouBridge = ${JSON.stringify(setup)}\n${script}` })
  }
  await page.goto(`${mock.url}${options.path ?? '/sidebar/'}`)
  return {
    page,
    context,
    complaints,
    foreign,
    bridgeCalls: () => page.evaluate(() => (window as unknown as { daogouBridge: Bridge }).daogouBridge.calls),
  }
}

/** What an associate's old phone lacks; a call of any of them then throws here as it would there. */
function removeNewerThanChromium87(): void {
  const newer: [object, string[]][] = [
    [Object, ['hasOwn', 'groupBy']],
    [Array.prototype, ['at', 'findLast', 'findLastIndex', 'toSorted', 'toReversed', 'toSpliced', 'with']],
    [String.prototype, ['at', 'isWellFormed', 'toWellFormed']],
    [AbortSignal, ['timeout', 'any']],
    [Promise, ['withResolvers', 'try']],
    [Crypto.prototype, ['randomUUID']],
    [URL, ['canParse', 'parse']],
    [window, ['structuredClone', 'WeakRef', 'FinalizationRegistry']],
  ]
  for (const [owner, names] of newer) for (const name of names) Reflect.deleteProperty(owner, name)
}

/** Kept as artefacts, to be looked at; where nobody looks they only take time. */
export async function photograph(page: Page, name: string, isWhole = true): Promise<void> {
  if (process.env['CI'] === 'true') return
  await mkdir(artifacts, { recursive: true })
  const size = page.viewportSize()
  // The whole page in a viewport of its height: the tab bar then stands below everything, not across it.
  if (isWhole && size) {
    const height = await page.evaluate(() => document.documentElement.scrollHeight)
    await page.setViewportSize({ ...size, height: Math.max(height, size.height) })
  }
  await page.screenshot({ path: `${artifacts}${name}.png`, animations: 'disabled' })
  if (size) await page.setViewportSize(size)
}

export { startMockServer, type MockServer }
