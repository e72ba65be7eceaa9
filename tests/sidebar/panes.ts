/// <reference lib="dom" />
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'
import {
  launchBrowser,
  openSidebar,
  startMockServer,
  webRoot,
  type MockServer,
  type Opened,
  type OpenOptions,
} from './support.ts'

/** What every file of browser tests has: one browser, a service to speak with, and panes that are closed behind it. */

// A page, its sign-in and a look by axe take seconds on a machine that does other things as well.
vi.setConfig({ testTimeout: 40_000 })

export let mock: MockServer
let browser: Browser
let opened: Opened[] = []

beforeAll(async () => {
  mock = await startMockServer(webRoot)
  browser = await launchBrowser()
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await mock?.close()
})

beforeEach(() => mock.reset())

afterEach(async () => {
  for (const { context } of opened) await context.close()
  opened = []
})

export async function open(options: OpenOptions = {}): Promise<Opened> {
  const sidebar = await openSidebar(browser, mock, options)
  opened.push(sidebar)
  return sidebar
}

/** The page has said what it has to say: nothing loads any more. */
export async function settle(page: Page): Promise<void> {
  await page.waitForFunction(
    () => document.querySelector('main .card') !== null && document.querySelector('[aria-busy]') === null,
  )
}

/** What must hold of every screen: nothing wider than the pane, every target large enough, nothing serious in axe. */
export async function expectSound({ page, complaints, foreign }: Opened, isLookedInto = true): Promise<void> {
  expect(complaints).toEqual([])
  expect(foreign).toEqual([])
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0)
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('a, button, input')]
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
      .map(({ id, nodes }) => id + ': ' + nodes.map(node => node.html + ' ' + node.failureSummary).join('; ')))`)
  expect(faults).toEqual([])
}
