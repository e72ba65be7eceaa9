/// <reference lib="dom" />
import { readdir, readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import * as demo from './demo-data.ts'
import { expectSound, mock, open, settle } from './panes.ts'
import { photograph, webRoot, type BridgeCall, type OpenOptions } from './support.ts'

/** The first load, everything that the customer card needs, gzip. */
const firstLoadMaxBytes = 60 * 1024

const session = 'GET /api/v1/session'
/** Where the page was not signed when it was given. */
const signedSession = `${session}?page=%2Fsidebar%2F`
const card = 'GET /api/v1/cards/customer?externalUserid=wm-gold'

describe('session', () => {
  test('an expired access token is refreshed silently', async () => {
    mock.faults['/api/v1/session'] = { status: 401, code: 'session.expired' }
    const { page } = await open()
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    const asked = mock.calls.filter(call => call !== card)
    expect(asked.slice(0, 3)).toEqual([session, 'POST /auth/refresh', session])
  })

  test('without a session WeCom signs in and comes back to the same tab of the same brand', async () => {
    mock.faults['/api/v1/session'] = { status: 401, code: 'session.missing' }
    mock.faults['/auth/refresh'] = { status: 401 }
    const { page } = await open({ path: '/sidebar/?brand=second#/earnings' })
    await page.getByText('11 月提成').waitFor()
    const redirect = encodeURIComponent('/sidebar/?brand=second#/earnings')
    expect(mock.calls).toContain(`GET /auth/wecom/login?redirect=${redirect}`)
  })

  test('a session that never sticks ends on a page that says so, not in a circle', async () => {
    mock.faults['/api/v1/session'] = { status: 401, code: 'session.missing', times: 99 }
    mock.faults['/auth/refresh'] = { status: 401, times: 99 }
    const sidebar = await open()
    await sidebar.page.getByRole('alert').waitFor()
    expect(await sidebar.page.getByRole('alert').innerText()).toContain('登录状态没有保存下来')
    expect(mock.calls.filter(call => call.includes('/auth/wecom/login'))).toHaveLength(1)
    await photograph(sidebar.page, 'failure-session-missing')
  })
})

describe('the first second', () => {
  const signedAs = (calls: BridgeCall[]) =>
    calls.filter(({ name }) => name === 'agentConfig').map(({ params }) => params['nonceStr'])

  test('the page alone knows how to ask who is signed in and for the card, at the same time', async () => {
    mock.delaysMs['/api/v1/session'] = 3000
    const sidebar = await open({ path: '/none' })
    // What draws the screen does not come at all.
    await sidebar.page.route('**/assets/**', route => route.abort())
    await sidebar.page.goto(`${mock.url}/sidebar/`)
    await expect.poll(() => mock.calls, { timeout: 2500 }).toEqual([session, card])
    expect(signedAs(await sidebar.bridgeCalls())).toEqual(['demo'])
  })

  test('a page that was given without signatures asks for them with the session, also one of another address', async () => {
    mock.signsPage = false
    const { page } = await open()
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    expect(mock.calls).toEqual([signedSession, card])
    Object.assign(mock, { signsPage: '/sidebar/', calls: [] })
    await page.goto(`${mock.url}/sidebar/?brand=default`)
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    expect(mock.calls).toEqual([`${session}?page=${encodeURIComponent('/sidebar/?brand=default')}`, card])
  })

  test('signatures that WeCom no longer takes are asked for anew, unseen', async () => {
    const refused = { err_msg: 'agentConfig:fail', errCode: 40093 }
    const { page, bridgeCalls } = await open({
      bridge: { answers: { agentConfig: [refused, { err_msg: 'agentConfig:ok', checkResult: {} }] } },
    })
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    expect(signedAs(await bridgeCalls())).toEqual(['demo', 'demo'])
    expect(mock.bodies['/api/v1/wecom/signature']).toEqual([{ url: `${mock.url}/sidebar/`, kind: 'agent_config' }])
  })

  test('a session that has run out is renewed once for all that was asked with it', async () => {
    mock.delaysMs['/api/v1/session'] = 1500
    mock.faults['/api/v1/session'] = { status: 401, code: 'session.expired' }
    mock.faults['/api/v1/cards/customer'] = { status: 401, code: 'session.expired' }
    const { page } = await open()
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    expect(mock.calls.filter(call => call === 'POST /auth/refresh')).toHaveLength(1)
  })

  test('whoever is signed out goes to the sign-in once, and comes back to the card', async () => {
    mock.faults['/api/v1/session'] = { status: 401, code: 'session.missing', times: 1 }
    mock.faults['/api/v1/cards/customer'] = { status: 401, code: 'session.missing', times: 1 }
    mock.faults['/auth/refresh'] = { status: 401, times: 2 }
    const { page } = await open()
    await page.waitForURL(/\/sidebar\//)
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    expect(mock.calls.filter(call => call.includes('/auth/wecom/login'))).toHaveLength(1)
  })

  test('a card that failed ahead says so, and is asked for again by a tap', async () => {
    mock.faults['/api/v1/cards/customer'] = { status: 500, code: 'internal' }
    const { page } = await open()
    await page.getByRole('alert').waitFor()
    await page.getByRole('button', { name: '重试' }).click()
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
  })

  test('beside another tab the card is not asked for', async () => {
    const { page } = await open()
    await settle(page)
    mock.calls.length = 0
    await page.goto('about:blank')
    await page.goto(`${mock.url}/sidebar/#/share`)
    await page.locator('article').first().waitFor()
    expect(mock.calls).not.toContain(card)
  })

  test('what the browser keeps names nobody', async () => {
    const { page } = await open()
    await settle(page)
    expect(await page.evaluate(() => [{ ...localStorage }, { ...sessionStorage }])).toEqual([{}, {}])
  })

  test('the page itself draws what stands for a customer, as the screen does after it', async () => {
    mock.delaysMs['/api/v1/cards/customer'] = 3000
    const { page } = await open()
    await page.locator('.tabs').waitFor()
    const plain = (html: string) =>
      html
        .replace(/\s+>/g, '>')
        .replace(/>\s+</g, '><')
        .replace(/(for-ears">)[^<]*/, '$1')
    const drawn = plain(await page.locator('main .stack').evaluate(element => element.outerHTML))
    const html = plain(await readFile(`${webRoot}/sidebar/index.html`, 'utf8'))
    expect(html).toContain(drawn.replace(/<!--[^>]*-->/g, ''))
  })

  test('the first script stands in the page before its style, and what comes later takes from it', async () => {
    const html = await readFile(`${webRoot}/sidebar/index.html`, 'utf8')
    const at = html.indexOf('<script>')
    expect(at).toBeGreaterThan(0)
    expect(html.indexOf('<link rel="stylesheet"')).toBeGreaterThan(at)
    expect((await readdir(`${webRoot}/assets`)).join()).not.toContain('ahead')
  })
})

describe('the last card, after the page is loaded anew', () => {
  type Pane = Awaited<ReturnType<typeof open>>
  const cardPath = '/api/v1/cards/customer'
  const heading = (page: Page) => page.getByRole('heading', { name: '陈晓' })
  /** Of whom the worker holds a card. */
  const held = (page: Page) =>
    page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration('/sidebar/')
      if (!registration?.active) return undefined
      const { port1, port2 } = new MessageChannel()
      registration.active.postMessage({ deed: 'recall', externalUserid: 'wm-gold' }, [port2])
      const last = await new Promise<{ card: { member: { name: string } } } | null>(resolve => {
        port1.onmessage = ({ data }) => resolve(data as never)
      })
      return last && last.card.member.name
    })

  /** A pane whose card the worker holds. */
  async function seen(): Promise<Pane> {
    const pane = await open({})
    await heading(pane.page).waitFor()
    await expect.poll(() => held(pane.page), { timeout: 10_000 }).toBe('陈晓')
    return pane
  }
  /** Nothing is answered until told; then he has another name. */
  async function holdAnswers(page: Page): Promise<() => void> {
    let release = (): void => {}
    const released = new Promise<void>(resolve => (release = resolve))
    await page.route('**/api/v1/**', async route => {
      await released
      const response = await route.fetch()
      await route.fulfill({ response, body: (await response.text()).replace('陈晓', '陈晓晓') })
    })
    return release
  }

  test('it is there before the service answers, and is refreshed', async () => {
    const pane = await seen()
    const { page } = pane
    const answer = await holdAnswers(page)
    mock.calls.length = 0
    await page.reload()
    await heading(page).waitFor()
    await page.getByText(`${demo.session.name} · `).waitFor()
    expect(mock.calls).toEqual([])
    answer()
    await page.getByRole('heading', { name: '陈晓晓' }).waitFor()
    await expectSound(pane)
  })

  test('who comes from the sign-in sees nothing of it', async () => {
    const { page } = await seen()
    await holdAnswers(page)
    await page.evaluate(() => sessionStorage.setItem('daogou.login', String(Date.now())))
    await page.reload()
    await page.waitForSelector('.tabs')
    await page.waitForTimeout(1500)
    expect(await heading(page).count()).toBe(0)
  })

  test('another session takes it away, with all that was seen before', async () => {
    const { page } = await seen()
    const other = { ...demo.session, associateId: 'demo-other', csrfToken: 'other', name: '乙' }
    await page.route('**/api/v1/session*', route => route.fulfill({ json: other }))
    await page.route(`**${cardPath}*`, async route => {
      await new Promise(resolve => setTimeout(resolve, 300))
      await route.fulfill({ status: 404, json: { code: 'not_found', message: 'There is nothing.' } })
    })
    await page.reload()
    await page.getByRole('alert').waitFor()
    expect(await heading(page).count()).toBe(0)
    await expect.poll(() => held(page)).toBeNull()
  })

  test('the console leaves nothing of it', async () => {
    const { page } = await seen()
    await page.goto(`${mock.url}/console/`)
    await page.getByRole('button', { name: '退出' }).waitFor()
    await expect.poll(() => held(page)).toBeNull()
  })

  test('a session that is no more takes it away: to the sign-in, or to what is wrong', async () => {
    for (const [status, code] of [
      [401, 'session.missing'],
      [403, 'session.refused'],
    ] as const) {
      const { page, context } = await seen()
      const answer = await holdAnswers(page)
      mock.faults['/api/v1/session'] = { status, code, times: 2 }
      mock.faults[cardPath] = { status, code, times: 2 }
      mock.faults['/auth/refresh'] = { status: 401, times: 2 }
      // What comes back from the sign-in stays away.
      await page.route('**/auth/wecom/login*', route => route.fulfill({ body: 'sign in', contentType: 'text/plain' }))
      await page.reload()
      await heading(page).waitFor()
      answer()
      if (status === 401) await page.waitForURL('**/auth/wecom/login*')
      else await page.getByRole('alert').waitFor()
      expect(await heading(page).count()).toBe(0)
      await expect.poll(() => held(page)).toBeNull()
      await context.close()
      mock.reset()
    }
  })

  test('a card that is refused is not shown again', async () => {
    const { page } = await seen()
    const answer = await holdAnswers(page)
    mock.faults[cardPath] = { status: 404, code: 'not_found' }
    await page.reload()
    await heading(page).waitFor()
    answer()
    await page.getByRole('alert').waitFor()
    await expect.poll(() => held(page)).toBeNull()
  })

  test('it lies in no storage', async () => {
    const { page } = await seen()
    const stored = await page.evaluate(async () => [
      { ...localStorage },
      { ...sessionStorage },
      await caches.keys(),
      await indexedDB.databases(),
    ])
    expect(stored).toEqual([{}, {}, [], []])
  })
})

describe('poster', () => {
  const path = '/sidebar/#/share'
  const code = 'GET /api/v1/share-links/demoA/mini-program-code'

  test.each([
    ['zh', true, '海报'],
    ['en', false, 'Poster'],
  ] as const)('in %s, with a mini program: %s', async (language, hasMiniProgram, name) => {
    mock.hasMiniProgram = hasMiniProgram
    const sidebar = await open({ path, language, width: 300 })
    const { page } = sidebar
    await page.getByRole('button', { name }).first().click()
    const picture = page.locator('.poster-picture')
    await picture.waitFor()
    expect(await picture.evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight])).toEqual([
      750, 1042,
    ])
    const save = page.getByRole('link', { name: /下载图片|Download/ })
    expect(await save.getAttribute('href')).toMatch(/^data:image\/jpeg;base64,/)
    expect(await save.getAttribute('download')).toContain('羊毛双面大衣')
    expect(mock.bodies['/api/v1/share']).toMatchObject([
      { sentTo: null, channel: 'poster', target: { kind: 'product' } },
    ])
    expect(mock.calls.filter(call => call === code)).toHaveLength(hasMiniProgram ? 1 : 0)
    await expectSound(sidebar)
    await photograph(page, `poster-${language}`)
    // Put away and brought back, it is the same share.
    await page.getByRole('button', { name }).first().click()
    await page.getByRole('button', { name }).first().click()
    await picture.waitFor()
    expect(mock.bodies['/api/v1/share']).toHaveLength(1)
  })

  test('without its code there is none: told, and drawn by a retry with the same link', async () => {
    mock.faults['/api/v1/share-links/demoA/mini-program-code'] = { status: 503, code: 'mini_program.unreachable' }
    const { page } = await open({ path })
    await page.getByRole('button', { name: '海报' }).first().click()
    expect(await page.getByRole('alert').innerText()).toContain('mini_program.unreachable')
    await page.getByRole('button', { name: '重试' }).click()
    await page.locator('.poster-picture').waitFor()
    expect(mock.bodies['/api/v1/share']).toHaveLength(1)
  })

  test('a link without a page in the mini program has the code of its address', async () => {
    mock.faults['/api/v1/share-links/demoA/mini-program-code'] = { status: 409, code: 'mini_program.no_page' }
    const { page } = await open({ path })
    await page.getByRole('button', { name: '海报' }).first().click()
    await page.locator('.poster-picture').waitFor()
  })
})

describe('another chat, or no network', () => {
  const stand = (page: Page, told: object) =>
    page.evaluate(told => {
      Object.assign((window as unknown as { daogouBridge: object }).daogouBridge, told)
      document.dispatchEvent(new Event('visibilitychange'))
    }, told)
  const card = '/api/v1/cards/customer'

  test('the page follows to another chat; a card that was open is there at once, and refreshed', async () => {
    const { page } = await open()
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    mock.delaysMs[card] = 1500
    await stand(page, { externalUserid: 'wm-colleague' })
    // Nothing of the one before is left to be taken for the other's.
    await page.waitForSelector('[aria-busy]')
    expect(await page.getByRole('heading', { name: '陈晓' }).count()).toBe(0)
    // Back before the answer came: it is dropped, and the card is there before its own answer.
    await stand(page, { externalUserid: 'wm-gold' })
    await page.getByRole('heading', { name: '陈晓' }).waitFor({ timeout: 1000 })
    await page.waitForTimeout(2000)
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toContain('陈晓')
    const asked = mock.calls.filter(call => call.includes(card)).map(call => call.split('=')[1])
    expect(asked).toEqual(['wm-gold', 'wm-colleague', 'wm-gold'])
    mock.delaysMs = {}
    await stand(page, { entry: 'group_chat_tools' })
    await page.getByText('近 7 天进群').waitFor()
    await page.getByRole('link', { name: '分享', exact: true }).click()
    await page.getByRole('button', { name: '发到群里' }).first().waitFor()
    await stand(page, { entry: 'single_chat_tools' })
    await page.getByRole('button', { name: '发给顾客' }).first().waitFor()
  })

  test('without a network what was shown stays, marked with its time; buttons say so; then it is read again', async () => {
    const sidebar = await open({ path: '/sidebar/#/share' })
    const { page, context } = sidebar
    await page.getByRole('button', { name: '发给顾客' }).first().waitFor()
    await page.getByRole('link', { name: '客户' }).click()
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    await page.waitForTimeout(5500) // the words of failures are fetched ahead
    await context.setOffline(true)
    await page.getByText(/没有网络，显示的是 \d\d:\d\d 的内容/).waitFor()
    await stand(page, { externalUserid: 'wm-stranger' })
    await page.getByText('网络连不上').waitFor()
    await stand(page, { externalUserid: 'wm-gold' })
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    // Questionnaire and notes, tags, remark: none of them can be opened now.
    const cannot = page.getByRole('button', { name: '没有网络' })
    expect(await cannot.count()).toBe(3)
    for (const button of await cannot.all()) expect(await button.isDisabled()).toBe(true)
    for (const width of [300, 360]) {
      await page.setViewportSize({ width, height: 760 })
      await expectSound(sidebar, false)
      await photograph(page, `offline-${width}`, false)
    }
    const before = mock.calls.length
    await context.setOffline(false)
    await page.getByText(/没有网络/).waitFor({ state: 'detached' })
    await expect.poll(() => mock.calls.slice(before)).toEqual([`GET ${card}?externalUserid=wm-gold`])
    await page.getByRole('link', { name: '分享' }).click()
    await page.getByRole('button', { name: '发给顾客' }).first().waitFor()
    await context.setOffline(true)
    await page.getByRole('button', { name: '没有网络' }).first().waitFor()
    expect(await page.getByRole('button', { name: '没有网络' }).first().isDisabled()).toBe(true)
    await context.setOffline(false)
    await page.getByRole('button', { name: '发给顾客' }).first().waitFor()
    expect(mock.calls.filter(call => call.startsWith('POST') && !call.includes('signature'))).toEqual([])
  })

  test('a view that does not come without a network says so in its place, and comes with the network', async () => {
    const { page, context } = await open()
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    await page.waitForTimeout(5500) // the words of failures are fetched ahead
    await context.setOffline(true)
    await page.getByRole('link', { name: '分享' }).click()
    await page.getByText('网络连不上').waitFor()
    // Nothing is lost by it: the tabs are there, and the card as it was.
    await page.getByRole('link', { name: '客户' }).click()
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    await page.getByRole('link', { name: '分享' }).click()
    await page.getByRole('button', { name: '重试' }).click()
    await page.getByText('网络连不上').waitFor()
    await context.setOffline(false)
    await page.getByRole('button', { name: '发给顾客' }).first().waitFor()
  })

  test('the hash that WeCom’s sign-in leaves behind is the first place, and its tab says so', async () => {
    const { page } = await open({ path: '/sidebar/#wechat_redirect' })
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    expect(await page.getByRole('link', { name: '客户' }).getAttribute('aria-current')).toBe('page')
  })

  test('a session that ends is renewed behind what is typed', async () => {
    const { page } = await open({ path: '/sidebar/#/share' })
    await settle(page)
    await page.evaluate(() => Object.assign(window, { isSamePage: true }))
    mock.faults['/api/v1/catalogue'] = { status: 401, code: 'session.expired' }
    await page.getByRole('searchbox').fill('围巾')
    await expect.poll(() => page.locator('article').count()).toBe(1)
    expect(mock.calls).toContain('POST /auth/refresh')
    expect(await page.getByRole('searchbox').inputValue()).toBe('围巾')
    expect(await page.evaluate(() => 'isSamePage' in window)).toBe(true)
  })
})

describe('the real SDK', () => {
  test('signs as the app, once, for the page without its hash', async () => {
    mock.hasTickets = false
    const { page, bridgeCalls } = await open({ path: '/sidebar/?brand=demo#/share' })
    await settle(page)
    await page.getByRole('link', { name: '业绩' }).click()
    await page.getByText('11 月提成').waitFor()
    expect(mock.bodies['/api/v1/wecom/signature']).toEqual([
      { url: `${mock.url}/sidebar/?brand=demo`, kind: 'agent_config' },
    ])
    expect((await bridgeCalls()).map(call => call.name)).toEqual(['agentConfig', 'getContext', 'getCurExternalContact'])
  })

  test('an old client is configured as corporation and as app', async () => {
    mock.hasTickets = false
    const { page, bridgeCalls } = await open({ wecomVersion: '3.0.20' })
    await settle(page)
    expect((await bridgeCalls()).map(call => call.name).slice(0, 2)).toEqual(['preVerifyJSAPI', 'agentConfig'])
    const kinds = (mock.bodies['/api/v1/wecom/signature'] as { kind: string }[]).map(({ kind }) => kind)
    expect(kinds.sort()).toEqual(['agent_config', 'config'])
  })

  test('a bridge that comes late is waited for', async () => {
    const { page } = await open({ bridge: { lateMs: 700 } })
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
  })
})

describe('customer card', () => {
  test('answers in one request, after one that says who asks and signs the page', async () => {
    const { page } = await open()
    await settle(page)
    expect(mock.calls).toEqual([session, 'GET /api/v1/cards/customer?externalUserid=wm-gold'])
  })

  test('nothing moves when the data comes', async () => {
    mock.delaysMs['/api/v1/cards/customer'] = 600
    const { page } = await open()
    const tops = () =>
      page.evaluate(() =>
        [...document.querySelectorAll('main .card')].map(card => Math.round(card.getBoundingClientRect().top)),
      )
    await page.waitForFunction(() => document.querySelectorAll('.skeleton').length === 5)
    const before = await tops()
    await photograph(page, 'customer-loading', false)
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    expect((await tops()).slice(0, 5)).toEqual(before)
  })

  test('coupons in hand say what they are worth, until when, and by whose share', async () => {
    const { page } = await open()
    await page.getByText('手上的券').waitFor()
    const parts = await page.locator('section', { hasText: '手上的券' }).locator('.parts span').allInnerTexts()
    expect(parts).toEqual(['满 ¥1,000.00 减 ¥100.00', '11-30 到期', '你的分享', '礼品券', '长期有效'])
  })

  test('whoever has the right finds the whole phone behind the masked one', async () => {
    const { page } = await open()
    await page.getByRole('button', { name: '138****5678' }).click()
    await page.getByRole('link', { name: '13812345678' }).waitFor()
    expect(mock.bodies['/api/v1/customers/phone']).toEqual([{ externalUserid: 'wm-gold' }])
  })

  test('without consent it says that the trail is withheld', async () => {
    const { page } = await open({ bridge: { externalUserid: 'wm-colleague' } })
    await page.getByText('顾客没有同意记录浏览').waitFor()
  })

  test('a stranger gets the enrolment page in one tap, recorded as sent', async () => {
    const { page, bridgeCalls } = await open({ bridge: { externalUserid: 'wm-stranger' } })
    await page.getByRole('button', { name: '发送入会邀请' }).click()
    await page.getByText('入会邀请已发出').waitFor()
    expect(mock.bodies['/api/v1/share']).toMatchObject([
      { target: { kind: 'enrol', ref: null }, sentTo: { externalUserid: 'wm-stranger' }, channel: 'single_chat' },
    ])
    expect((await bridgeCalls()).map(call => call.name)).toContain('sendChatMessage')
    expect(mock.calls).toContain('POST /api/v1/share/demoA/sent')
    await photograph(page, 'stranger-sent')
  })
})

describe('tags and remark of a friend', () => {
  const tagsPath = '/api/v1/customers/wm-gold/tags'
  const remarkPath = '/api/v1/customers/wm-gold/remark'
  const edit = async (options: OpenOptions = {}) => {
    const sidebar = await open(options)
    await settle(sidebar.page)
    await sidebar.page.getByRole('button', { name: '改标签' }).click()
    await sidebar.page.getByRole('searchbox').waitFor()
    return sidebar
  }

  test('a tap marks, says so, and is undone by another', async () => {
    const { page } = await edit()
    await page.getByRole('button', { name: '羊毛', exact: true }).click()
    await page.getByText('已加上「羊毛」').last().waitFor()
    await photograph(page, 'tags-undo', false)
    expect(await page.getByRole('button', { name: '✓ 羊毛' }).getAttribute('aria-pressed')).toBe('true')
    // The card above has it as well.
    expect(await page.locator('.h-identity').innerText()).toContain('羊毛')
    await page.getByRole('button', { name: '撤销' }).click()
    await page.getByRole('button', { name: '羊毛', exact: true }).waitFor()
    expect(mock.bodies[tagsPath]).toEqual([{ add: ['et-1-0'] }, { remove: ['et-1-0'] }])
    expect(await page.locator('.h-identity').innerText()).not.toContain('羊毛')
  })

  for (const language of ['zh', 'en'] as const)
    test(`without a network an open editor says that no tag can be changed, and changes none, in ${language}`, async () => {
      const sidebar = await open({ language })
      const { page, context } = sidebar
      await settle(page)
      await page.getByRole('button', { name: language === 'zh' ? '改标签' : 'Edit tags' }).click()
      const tag = page.getByRole('button', { name: '羊毛', exact: true })
      await tag.click()
      await page.getByText('「羊毛」').or(page.getByText('“羊毛”')).last().waitFor()
      await context.setOffline(true)
      const told = language === 'zh' ? '没有网络，现在不能改标签' : 'No network: tags cannot be changed now'
      await page.getByText(told).waitFor()
      // Neither by a tap, nor by the keyboard, nor back; and nothing is sent when the network is there again.
      expect(await page.locator('.toast button').isDisabled()).toBe(true)
      await expectSound(sidebar, false)
      await photograph(page, `tags-offline-${language}`, false)
      const other = page.locator('.tag-choice[aria-pressed="false"]').first()
      expect(await other.getAttribute('aria-disabled')).toBe('true')
      await other.click({ force: true })
      await page.getByRole('searchbox').fill('羊毛')
      await page.getByRole('searchbox').press('Enter')
      await context.setOffline(false)
      await page.getByText(told).waitFor({ state: 'detached' })
      expect(mock.bodies[tagsPath]).toEqual([{ add: ['et-1-0'] }])
      expect(await page.getByRole('alert').count()).toBe(0)
      await page.getByRole('searchbox').press('Enter')
      await expect.poll(() => mock.bodies[tagsPath]).toEqual([{ add: ['et-1-0'] }, { remove: ['et-1-0'] }])
    })

  test('the keyboard alone finds a tag, marks it and leaves', async () => {
    const { page } = await edit()
    await page.keyboard.type('真丝')
    expect(await page.locator('.tag-choice').allInnerTexts()).toEqual(['真丝'])
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: '✓ 真丝' }).waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Space')
    await expect.poll(() => mock.bodies[tagsPath]).toEqual([{ add: ['et-1-1'] }, { remove: ['et-1-1'] }])
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: '改标签' }).waitFor()
  })

  test('while it is saved it says so; where that fails nothing is marked, and the reason stands there', async () => {
    mock.delaysMs[tagsPath] = 400
    const detail = '应用没有客户联系接口权限 The app may not call the customer APIs'
    mock.faults[tagsPath] = { status: 409, code: 'wecom.refused', detail }
    const sidebar = await edit()
    const { page } = sidebar
    const tag = page.getByRole('button', { name: '170' })
    await tag.click()
    expect(await tag.getAttribute('aria-disabled')).toBe('true')
    await tag.dispatchEvent('click') // a second tap is no second change
    await page.getByRole('alert').getByText('应用没有客户联系接口权限').waitFor()
    expect(await tag.getAttribute('aria-pressed')).toBe('false')
    await photograph(page, 'tags-failed', false)
    expect(mock.bodies[tagsPath]).toHaveLength(1)
    await expectSound(sidebar)
    await tag.click()
    await page.getByRole('button', { name: '✓ 170' }).waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  test('a remark is written, and written back', async () => {
    const { page } = await open()
    await settle(page)
    await page.getByRole('button', { name: '改备注' }).click()
    await page.getByLabel('备注', { exact: true }).fill('陈姐')
    await page.getByLabel('电话').fill('不是电话')
    await page.getByRole('button', { name: '保存' }).click()
    await page.getByText('电话格式不对。').waitFor()
    expect(mock.bodies[remarkPath]).toBeUndefined()
    await page.getByLabel('电话').fill('')
    await page.keyboard.press('Enter')
    await page.getByText('备注已保存').last().waitFor()
    expect(await page.locator('.friend-facts').innerText()).toContain('陈姐')
    await page.getByRole('button', { name: '撤销' }).click()
    await expect.poll(() => mock.bodies[remarkPath]).toEqual([{ remark: '陈姐' }, { remark: '陈女士' }])
    await page.locator('.friend-facts').getByText('陈女士').waitFor()
  })

  test.each(['zh', 'en'] as const)('fits panes of any width in %s', async language => {
    const sidebar = await open({ language })
    await settle(sidebar.page)
    for (const button of [/改标签|Edit tags/, /改备注|Edit remark/]) {
      await sidebar.page.getByRole('button', { name: button }).click()
      await sidebar.page.locator('.tag-editor, .remark-editor').waitFor()
      for (const width of [300, 360, 1280]) {
        await sidebar.page.setViewportSize({ width, height: 760 })
        await expectSound(sidebar, width === 360)
        await photograph(sidebar.page, `${button.source.includes('tags') ? 'tags' : 'remark'}-${width}-${language}`)
      }
      await sidebar.page.keyboard.press('Escape')
    }
  })

  test('is asked for when somebody edits, and again where that failed; of who is no friend it is not there', async () => {
    mock.faults['/api/v1/customers/wm-gold/wecom'] = { status: 500, code: 'internal_error' }
    const { page } = await open()
    await settle(page)
    expect(mock.calls.filter(call => call.includes('/wecom') && call.includes('/customers/'))).toEqual([])
    await page.getByRole('button', { name: '改备注' }).click()
    await page.getByText('暂时读不到企业微信里的标签和备注（internal_error）。').waitFor()
    await page.getByRole('button', { name: '改备注' }).click()
    await page.getByLabel('备注', { exact: true }).waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
    await page.keyboard.press('Escape')
    await page.locator('.friend-facts').getByText('喜欢羊毛大衣').waitFor()
    const former = await open({ bridge: { externalUserid: 'wm-extreme' } })
    await settle(former.page)
    expect(await former.page.getByText('标签与备注').count()).toBe(0)
  })
})

describe('share', () => {
  const path = '/sidebar/#/share'
  const sent = 'POST /api/v1/share/demoA/sent'
  const first = (page: Page) => page.locator('article').first()

  test('one tap sends the mini-program card into this chat and records it', async () => {
    const { page, bridgeCalls } = await open({ path })
    await first(page).getByRole('button', { name: '发给顾客' }).click()
    await page.getByText('已发到会话里，并记在你名下').waitFor()
    expect((await bridgeCalls()).at(-1)).toMatchObject({
      name: 'sendChatMessage',
      params: { msgtype: 'miniprogram', miniprogram: { appid: 'wx-demo', page: 'pages/product.html?scene=demoA' } },
    })
    expect(mock.calls.filter(call => call === sent)).toHaveLength(1)
    await photograph(page, 'share-sent')
  })

  test('where no mini program is configured the link goes, into the group as well', async () => {
    mock.hasMiniProgram = false
    const { page, bridgeCalls } = await open({ path, bridge: { entry: 'group_chat_tools' } })
    await first(page).getByRole('button', { name: '发到群里' }).click()
    await page.getByText('已发到会话里，并记在你名下').waitFor()
    expect((await bridgeCalls()).at(-1)).toMatchObject({
      params: { msgtype: 'news', news: { link: `${mock.url}/s/demoA`, title: '羊毛双面大衣' } },
    })
    expect(mock.bodies['/api/v1/share']).toMatchObject([{ sentTo: { chatId: 'wr-group' }, channel: 'group_chat' }])
  })

  test('called off: not recorded, and the next try uses the same link', async () => {
    const { page } = await open({
      path,
      bridge: {
        answers: { sendChatMessage: [{ err_msg: 'sendChatMessage:cancel' }, { err_msg: 'sendChatMessage:ok' }] },
      },
    })
    await first(page).getByRole('button', { name: '发给顾客' }).click()
    await page.getByText('没有发送，也没有记录').waitFor()
    expect(mock.calls).not.toContain(sent)
    await first(page).getByRole('button', { name: '发给顾客' }).click()
    await page.getByText('已发到会话里').waitFor()
    expect(mock.bodies['/api/v1/share']).toHaveLength(1)
  })

  test('refused by WeCom: told with its code, not recorded', async () => {
    const sidebar = await open({
      path,
      bridge: { answers: { sendChatMessage: { err_msg: 'sendChatMessage:fail invalid imgUrl' } } },
    })
    await first(sidebar.page).getByRole('button', { name: '发给顾客' }).click()
    // The SDK has made the words lower case.
    expect(await sidebar.page.getByRole('alert').innerText()).toContain('sendChatMessage:fail invalid imgurl')
    expect(mock.calls).not.toContain(sent)
    await expectSound(sidebar)
    await photograph(sidebar.page, 'share-failed')
  })

  test('a lost record is told again, and asked with the same id where the link’s answer was lost', async () => {
    mock.faults['/api/v1/share'] = { status: 0, isCut: true, times: 9 }
    mock.faults['/api/v1/share/demoA/sent'] = { status: 503 }
    const { page } = await open({ path })
    await first(page).getByRole('button', { name: '发给顾客' }).click()
    await page.getByRole('alert').waitFor()
    delete mock.faults['/api/v1/share']
    await page.getByRole('button', { name: '重试' }).click()
    await page.getByText('已发到会话里，并记在你名下').waitFor()
    const ids = (mock.bodies['/api/v1/share'] as { shareId: string }[]).map(({ shareId }) => shareId)
    expect(new Set(ids).size).toBe(1)
    expect(mock.calls.filter(call => call === sent)).toHaveLength(2)
  })

  test('a link is copied with its own code and not recorded as sent', async () => {
    const { page, context } = await open({ path })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await first(page).getByRole('button', { name: '链接' }).click()
    await page.getByText('链接已复制').waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`${mock.url}/s/demoA`)
    expect(mock.bodies['/api/v1/share']).toMatchObject([{ sentTo: null, channel: 'other' }])
    expect(mock.calls).not.toContain(sent)
  })

  test('half-typed pinyin is not searched, the chosen word is', async () => {
    const { page, context } = await open({ path })
    await settle(page)
    await page.getByRole('searchbox').focus()
    const devtools = await context.newCDPSession(page)
    await devtools.send('Input.imeSetComposition', { text: 'wei jin', selectionStart: 7, selectionEnd: 7 })
    await page.waitForTimeout(500)
    expect(mock.calls.filter(call => call.includes('query='))).toEqual([])
    await devtools.send('Input.insertText', { text: '围巾' })
    await page.locator('article').nth(1).waitFor({ state: 'detached' })
    expect(mock.calls.filter(call => call.includes('query='))).toEqual([
      `GET /api/v1/catalogue?externalUserid=wm-gold&query=${encodeURIComponent('围巾')}`,
    ])
    await page.getByRole('searchbox').fill('没有的')
    await page.getByText('没有找到「没有的」').waitFor()
    await photograph(page, 'share-empty')
  })

  test.each(['zh', 'en'] as const)('coupons are listed and sent by the same tap, in %s', async language => {
    const sidebar = await open({ path, language })
    const { page } = sidebar
    await page.getByRole('button', { name: { zh: '优惠券', en: 'Coupons' }[language] }).click()
    await page.getByText({ zh: '从你的分享领了 12 张，核销 5 张', en: '12 claimed and 5 used' }[language]).waitFor()
    await expectSound(sidebar)
    await photograph(page, `coupons-${language}`)
    await page.getByRole('button', { name: { zh: '更多', en: 'More' }[language] }).click()
    await page.locator('article').nth(2).waitFor()
    await page.locator('article').nth(1).getByRole('button').first().click()
    await page.getByText({ zh: '已发到会话里，并记在你名下', en: 'It is in the chat' }[language]).waitFor()
    expect(mock.bodies['/api/v1/share']).toMatchObject([{ target: { kind: 'coupon', ref: 'C-90' } }])
    await page.getByRole('searchbox').fill('方巾')
    await page.locator('article').nth(1).waitFor({ state: 'detached' })
    expect(mock.calls.filter(call => /catalogue.*query=%/.test(call))).toEqual([])
  })

  test.each(['zh', 'en'] as const)('the library is narrowed, and its words are copied, in %s', async language => {
    const sidebar = await open({ path, language })
    const { page } = sidebar
    await page.getByRole('button', { name: { zh: '素材', en: 'Library' }[language] }).click()
    await page.locator('article').nth(2).waitFor()
    await expectSound(sidebar)
    await photograph(page, `library-${language}`)
    await page
      .getByRole('button', { name: { zh: '复制文案', en: 'Copy text' }[language] })
      .first()
      .click()
    await page.getByText({ zh: '✓ 文案已复制', en: '✓ Text copied' }[language]).waitFor()
    await page.getByRole('combobox').first().selectOption('live')
    await page.locator('article').nth(1).waitFor({ state: 'detached' })
    await page.locator('article').first().getByRole('button').first().click()
    await page.getByText({ zh: '已发到会话里，并记在你名下', en: 'It is in the chat' }[language]).waitFor()
    const target = { kind: 'material', ref: '018f0000-0000-7000-8000-00000000a002' }
    expect(mock.bodies['/api/v1/share']).toMatchObject([{ target }])
    await page.getByRole('searchbox').fill('大衣')
    await page.getByText({ zh: '没有符合条件的素材', en: 'Nothing fits' }[language]).waitFor()
  })

  test('products go on the shelf, in one’s own order, and down again', async () => {
    const sidebar = await open({ path })
    const { page } = sidebar
    await page.getByRole('button', { name: '＋货架' }).first().click()
    await page.getByRole('button', { name: '✓ 货架' }).waitFor()
    await page.getByRole('button', { name: '＋货架' }).first().click()
    await page.getByRole('button', { name: '✓ 货架' }).nth(1).waitFor()
    await page.getByRole('button', { name: '货架', exact: true }).click()
    await page.locator('article').nth(1).waitFor()
    await expectSound(sidebar)
    await photograph(page, 'shelf')
    const names = () => page.locator('article h2').allInnerTexts()
    const [first, second] = await names()
    await page.getByRole('button', { name: '上移' }).click()
    await expect.poll(names).toEqual([second, first])
    mock.faults['/api/v1/me/shelf'] = { status: 503 }
    await page.getByRole('button', { name: '移出' }).first().click()
    await page.getByText('没有改成，请再试一次').waitFor()
    expect(await names()).toEqual([second, first])
    await page.getByRole('button', { name: '移出' }).first().click()
    await expect.poll(names).toEqual([first])
  })

  test.each(['zh', 'en'] as const)(
    'today’s posts are ticked off, and the tick is taken back, in %s',
    async language => {
      mock.hasPosts = true
      const sidebar = await open({ path, language, bridge: { entry: 'normal' } })
      const { page } = sidebar
      // What is to be posted today comes first by itself.
      await page.getByText('早安！').waitFor()
      expect(mock.calls.filter(call => call.includes('/catalogue'))).toEqual([])
      await expectSound(sidebar)
      await photograph(page, `posts-${language}`)
      await page
        .getByRole('button', { name: { zh: '用过了', en: 'Mark as used' }[language] })
        .first()
        .click()
      await page.getByRole('button', { name: { zh: '✓ 已用过', en: '✓ Used' }[language] }).click()
      await page
        .getByRole('button', { name: { zh: '用过了', en: 'Mark as used' }[language] })
        .first()
        .waitFor()
      await expect
        .poll(() => mock.calls.filter(call => call.includes('/posts/p1')))
        .toEqual(['POST /api/v1/me/posts/p1/used', 'POST /api/v1/me/posts/p1/undo'])
    },
  )

  test('coupons that failed to load are asked again in place', async () => {
    mock.faults['/api/v1/me/coupons'] = { status: 503 }
    const { page } = await open({ path })
    await page.getByRole('button', { name: '优惠券' }).click()
    await page.getByRole('alert').waitFor()
    await page.getByRole('button', { name: '重试' }).click()
    await page.getByRole('heading', { name: '双十一满减券' }).waitFor()
  })

  test('the next page comes below', async () => {
    const { page } = await open({ path })
    await page.getByRole('button', { name: '更多' }).click()
    await page.getByText('今天的方案对它不付提成').waitFor()
    expect(await page.locator('article').count()).toBe(4)
    await photograph(page, 'share-all')
  })
})

describe('tasks', () => {
  const path = '/sidebar/#/tasks'
  const taskOf = (page: Page, name: string) => page.locator('article', { hasText: name })

  test('overdue come first, and nothing moves when they come', async () => {
    mock.delaysMs['/api/v1/tasks'] = 500
    const { page } = await open({ path })
    const tops = () =>
      page.evaluate(() =>
        [...document.querySelectorAll('main .card')].map(card => Math.round(card.getBoundingClientRect().top)),
      )
    await page.waitForFunction(() => document.querySelectorAll('.skeleton').length === 4)
    const before = await tops()
    await page.getByText('逾期 2 天').waitFor()
    expect((await tops()).slice(0, 4)).toEqual(before)
    expect(await page.locator('article').first().innerText()).toContain('周敏')
    expect(await page.getByRole('link', { name: '任务' }).innerText()).toContain('任务 3')
  })

  test('the chat opens where there is one; where it cannot be, it says how', async () => {
    const { page, bridgeCalls } = await open({
      path,
      bridge: {
        answers: {
          openEnterpriseChat: [
            { err_msg: 'openEnterpriseChat:ok' },
            { err_msg: 'openEnterpriseChat:fail no permission' },
          ],
        },
      },
    })
    await page.getByRole('button', { name: '打开会话 周敏' }).click()
    await expect.poll(async () => (await bridgeCalls()).at(-1)?.params).toMatchObject({ externalUserIds: 'wm-zhou' })
    await page.getByRole('button', { name: '打开会话 周敏' }).click()
    await page.getByText('打不开会话').waitFor()
    await page.getByText('没有会话可打开').waitFor()
  })

  test('beside the customer one tap sends it, and with that it is done; undone it is open again', async () => {
    const { page } = await open({ path })
    await page.getByRole('button', { name: '发送「羊毛双面大衣」' }).click()
    await page.getByText('已完成 · 发送给顾客').waitFor()
    expect(mock.bodies['/api/v1/tasks/018f0000-0000-7000-8000-0000000000a2/done']).toEqual([{ linkCode: 'demoA' }])
    await expect.poll(() => page.getByRole('link', { name: '任务' }).innerText()).toContain('任务 2')
    await photograph(page, 'tasks-done')
    await page.getByRole('button', { name: '撤销' }).click()
    await page.getByRole('button', { name: '发送「羊毛双面大衣」' }).waitFor()
  })

  test('called off, it stays open', async () => {
    const { page } = await open({
      path,
      bridge: { answers: { sendChatMessage: { err_msg: 'sendChatMessage:cancel' } } },
    })
    await page.getByRole('button', { name: '发送「羊毛双面大衣」' }).click()
    await page.getByText('没有发送，任务还在').waitFor()
    expect(mock.calls.filter(call => call.includes('/done'))).toEqual([])
  })

  test('done or left out with a reason; a lost answer is asked again', async () => {
    const sidebar = await open({ path })
    const { page } = sidebar
    await page.getByRole('button', { name: '不做 周敏' }).click()
    await photograph(page, 'tasks-reason')
    await expectSound(sidebar)
    mock.faults['/api/v1/tasks/018f0000-0000-7000-8000-0000000000a1/skip'] = { status: 503, code: 'internal' }
    await page.getByRole('button', { name: '联系不上' }).click()
    await page.getByRole('button', { name: '重试' }).click()
    await page.getByText('不做 · 联系不上').waitFor()
    await page.getByRole('button', { name: '完成 会员 VIP0077' }).click()
    await page.getByRole('textbox', { name: '其他，写一句' }).fill('写了信')
    await page.keyboard.press('Enter')
    await taskOf(page, '会员 VIP0077').getByText('已完成 · 写了信').waitFor()
    await expectSound(sidebar)
  })

  test('the text is copied; the next page comes below', async () => {
    const { page, context } = await open({ path })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('button', { name: '复制话术 周敏' }).click()
    await page.getByText('已复制').waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('羊绒围巾还合适吗')
    await page.getByRole('button', { name: '更多' }).click()
    await page.getByText('上次购买 08-12，100 天没买').waitFor()
    await page.getByText('还没有人负责').waitFor()
    await photograph(page, 'tasks-all')
  })

  test('a list that failed is asked again in place', async () => {
    mock.faults['/api/v1/tasks'] = { status: 503, code: 'internal' }
    const { page } = await open({ path })
    await page.getByRole('alert').waitFor()
    await page.getByRole('button', { name: '重试' }).click()
    await page.getByText('逾期 2 天').waitFor()
  })
})

describe('what is written down about a customer', () => {
  async function opened() {
    const sidebar = await open()
    await sidebar.page.getByRole('button', { name: '查看与填写' }).click()
    await sidebar.page.getByText('边填边保存').waitFor()
    return sidebar
  }
  const answers = () =>
    mock.bodies['/api/v1/customers/answers'] as { field: string; value: unknown; answerId: string }[]

  test('answers are saved as they are typed, and taken back', async () => {
    const sidebar = await opened()
    const { page } = sidebar
    const size = page.getByRole('textbox', { name: '尺码' })
    await size.fill('L')
    await page.getByText('✓ 已保存').waitFor()
    await size.pressSequentially(' 偏大')
    await expect.poll(() => answers().map(({ value }) => value)).toEqual(['L', 'L 偏大'])
    await page.getByRole('button', { name: '撤销 尺码' }).click()
    await expect.poll(() => answers().at(-1)).toMatchObject({ field: 'size', value: 'L' })
    expect(await size.inputValue()).toBe('L')
    await page.getByRole('button', { name: '藏青' }).click()
    await expect.poll(() => answers().at(-1)).toMatchObject({ field: 'colour', value: ['驼色', '藏青', '米白'] })
    await page.getByRole('button', { name: '周末' }).click()
    await expect.poll(() => answers().at(-1)).toMatchObject({ field: 'visit', value: '周末' })
    await page.getByRole('textbox', { name: '身高（厘米）' }).fill('高')
    await page.getByText('要填数字').waitFor()
    await page.getByRole('textbox', { name: '身高（厘米）' }).fill('168.5')
    await expect.poll(() => answers().at(-1)).toMatchObject({ field: 'height', value: 168.5 })
    for (const width of [300, 360, 1280]) {
      await page.setViewportSize({ width, height: 760 })
      await expectSound(sidebar, width === 360)
      await photograph(page, `profile-${width}`)
    }
  })

  test('an answer that was not saved says so, and is sent again by a tap with the same id', async () => {
    const { page } = await opened()
    mock.faults['/api/v1/customers/answers'] = { status: 503, code: 'internal' }
    await page.getByRole('textbox', { name: '尺码' }).fill('S')
    await page.getByText('没有保存').waitFor()
    await page.getByRole('button', { name: '重试 尺码' }).click()
    await page.getByText('✓ 已保存').waitFor()
    expect(answers().map(({ value }) => value)).toEqual(['S', 'S'])
    expect(new Set(answers().map(({ answerId }) => answerId)).size).toBe(1)
  })

  test('notes are added, one’s own deleted and brought back; a follow-up becomes a task', async () => {
    const { page } = await opened()
    await page.getByRole('textbox', { name: '备注' }).fill('喜欢咖啡')
    await page.getByRole('button', { name: '添加', exact: true }).click()
    await page.getByText('喜欢咖啡').waitFor()
    expect(await page.getByRole('button', { name: '删除' }).count()).toBe(2)
    await page.getByRole('button', { name: '删除' }).nth(1).click()
    await page.getByText('备注已删除').waitFor()
    await page.getByRole('button', { name: '撤销' }).click()
    await page.getByText('对羊毛过敏').waitFor()
    await page.getByRole('textbox', { name: '做什么' }).fill('新款到店告诉她')
    await page.context().setOffline(true)
    await expect.poll(() => page.getByRole('button', { name: '没有网络' }).count()).toBeGreaterThan(1)
    expect(await page.getByRole('button', { name: '添加跟进' }).count()).toBe(0)
    await page.context().setOffline(false)
    await page.getByRole('button', { name: '添加跟进' }).click()
    await page.getByText('已加到任务里').waitFor()
    expect(mock.bodies['/api/v1/tasks']).toMatchObject([
      { externalUserid: 'wm-gold', dueDay: '2026-11-21', text: '新款到店告诉她' },
    ])
  })
})

describe('home', () => {
  const home = { bridge: { entry: 'normal' } }

  test('today’s tasks and my customers, by segment and searched for; half-typed pinyin is not searched', async () => {
    const { page, context } = await open(home)
    await settle(page)
    await page.getByText('3 件，逾期 1').waitFor()
    await page.getByRole('button', { name: '最近看过 1' }).click()
    await expect.poll(() => page.locator('.home-customer').count()).toBe(1)
    await page.getByRole('button', { name: '全部 4' }).click()
    await page.locator('.home-customer').nth(3).waitFor()
    await page.getByRole('searchbox').focus()
    const devtools = await context.newCDPSession(page)
    await devtools.send('Input.imeSetComposition', { text: 'chen', selectionStart: 4, selectionEnd: 4 })
    await page.waitForTimeout(500)
    expect(mock.calls.filter(call => call.includes('q='))).toEqual([])
    await devtools.send('Input.insertText', { text: '陈' })
    await expect.poll(() => mock.calls.filter(call => call.includes('q='))).toHaveLength(1)
    await expect.poll(() => page.locator('.home-customer').count()).toBe(1)
    await page.getByRole('searchbox').fill('没有')
    await page.getByText('你的顾客里没有「没有」').waitFor()
  })

  test('a customer opens as his card', async () => {
    const { page } = await open(home)
    await page.getByRole('link', { name: /陈晓/ }).click()
    await page.getByRole('heading', { name: '陈晓' }).waitFor()
    expect(mock.calls.at(-1)).toBe('GET /api/v1/cards/customer?externalUserid=wm-gold')
  })

  test('what WeCom tells is turned off kind by kind; what was not saved is as before', async () => {
    const sidebar = await open(home)
    const { page } = sidebar
    await page.getByRole('button', { name: '企业微信提醒我什么' }).click()
    await page.getByText('21:00 到 09:00 不提醒').waitFor()
    expect(await page.getByText('结算单出来了').count()).toBe(0)
    const kind = (name: string) => page.getByRole('switch', { name })
    await kind('顾客打开了我的链接').click()
    await expect.poll(() => mock.bodies['/api/v1/me/messages']?.at(-1)).toMatchObject({ kinds: { link_opened: false, sold: true, friend_lost: false } }) // prettier-ignore
    mock.faults['/api/v1/me/messages'] = { status: 500 }
    await kind('新任务').click()
    await page.getByText('没有保存').waitFor()
    expect(await kind('新任务').getAttribute('aria-checked')).toBe('true')
    expect(await kind('顾客打开了我的链接').getAttribute('aria-checked')).toBe('false')
    await expectSound(sidebar, true)
    await photograph(page, 'home-messages')
  })

  test('a manager sees the day of the team', async () => {
    mock.role = 'manager'
    const sidebar = await open(home)
    await settle(sidebar.page)
    await sidebar.page.getByText('2 件申诉等你处理').waitFor()
    await sidebar.page.getByText('落后目标').waitFor()
    await sidebar.page.getByRole('button', { name: '全店会员', exact: true }).click()
    await sidebar.page.getByRole('searchbox').fill('没有')
    await sidebar.page.getByText('门店的顾客里没有「没有」').waitFor()
    await sidebar.page.getByRole('searchbox').fill('')
    for (const width of [300, 360, 1280]) {
      await sidebar.page.setViewportSize({ width, height: 760 })
      await expectSound(sidebar, width === 360)
      await photograph(sidebar.page, `home-manager-${width}`)
    }
  })
})

describe('earnings', () => {
  test('each order opens into its sentences, by keyboard as well', async () => {
    const sidebar = await open({ path: '/sidebar/#/earnings' })
    const { page } = sidebar
    await page
      .getByText('因为 11 月 17 日 21:14 顾客点开了你在私聊分享的「羊毛双面大衣」，3 天后在小程序下单。')
      .waitFor()
    const second = page.locator('.earned-head').nth(1)
    expect(await second.getAttribute('aria-expanded')).toBe('false')
    await second.focus()
    await page.keyboard.press('Enter')
    expect(await second.getAttribute('aria-expanded')).toBe('true')
    await page.getByText('超出的按比例减，这一项从 ¥40.02 减到 ¥35.02').waitFor()
    await page.locator('.earned-head').nth(2).click()
    await page.getByText('退款后提成按净额重算，扣回 ¥12.00').waitFor()
    await page.getByRole('button', { name: '更多' }).click()
    await page.locator('.earned-head').nth(3).click()
    await page.getByText('订单已取消，提成 ¥95.94 全部扣回').waitFor()
    await expectSound(sidebar)
    await photograph(page, 'earnings-open')
  })

  test.each(['zh', 'en'] as const)(
    'a part of an order is disputed, and what became of it is told, in %s',
    async language => {
      const sidebar = await open({ path: '/sidebar/#/earnings', language })
      const { page } = sidebar
      const first = page.locator('.earned').first()
      await first.getByRole('button', { name: { zh: /申诉/, en: /Dispute/ }[language] }).click()
      const file = first.getByRole('button', { name: { zh: '提交申诉', en: 'File it' }[language] })
      expect(await file.isDisabled()).toBe(true)
      await first.getByRole('combobox').selectOption('closer')
      await first.getByRole('textbox').fill('她来店里试穿，是我接待的')
      for (const width of [300, 360]) {
        await page.setViewportSize({ width, height: 760 })
        await expectSound(sidebar, width === 360)
        await photograph(page, `dispute-${width}-${language}`)
      }
      mock.faults['/api/v1/disputes'] = { status: 503, code: 'internal' }
      await file.click()
      await first.getByRole('alert').waitFor()
      await first.getByRole('button', { name: { zh: '重试', en: 'Try again' }[language] }).click()
      await first.getByText({ zh: '等店长处理', en: 'with the manager' }[language]).waitFor()
      const posted = (mock.bodies['/api/v1/disputes'] ?? []).filter(body => body !== null)
      expect(posted).toHaveLength(2)
      expect(posted[1]).toMatchObject({ role: 'closer', text: '她来店里试穿，是我接待的' })
      await first.getByRole('button', { name: { zh: '撤回', en: 'Withdraw' }[language] }).click()
      await first.getByText({ zh: '已撤回', en: 'withdrawn' }[language]).waitFor()
      // Of the second order the answer is there.
      await page.locator('.earned-head').nth(1).click()
      await page.getByText('小票上写的是王芳').waitFor()
      await page.getByText({ zh: '完成 64.13%', en: '64.13% reached' }[language]).waitFor()
      await page.getByRole('button', { name: { zh: '看我的结算单', en: 'My statements' }[language] }).click()
      await page.getByText('¥4,123.50').waitFor()
      await page.getByText({ zh: '为负，转到下期', en: 'carried over' }[language]).waitFor()
      await expectSound(sidebar)
      await photograph(page, `earnings-all-${language}`)
    },
  )

  test('today, and the choice of language is kept', async () => {
    const { page } = await open({ path: '/sidebar/#/earnings' })
    await page.getByRole('button', { name: '今天' }).click()
    await page.getByText('今天的提成').waitFor()
    await photograph(page, 'earnings-today')
    await page.getByRole('button', { name: 'English' }).click()
    await page.getByText('Commission today').waitFor()
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('en')
    await page.reload()
    await page.getByText('Commission in November').waitFor()
  })
})

test.each(['/sidebar/', '/sidebar/#/share', '/sidebar/#/earnings', '/sidebar/#/tasks'])(
  '%s works in an old web view',
  async path => {
    const { page, complaints } = await open({ path, isOld: true })
    await settle(page)
    expect(await page.getByRole('alert').count()).toBe(0)
    expect(complaints).toEqual([])
    if (path.endsWith('share')) {
      await page.getByRole('button', { name: '发给顾客' }).first().click()
      await page.getByText('已发到会话里，并记在你名下').waitFor()
    }
  },
)

test('no files need each other in a circle: one of them would run before what it needs', async () => {
  const folder = `${webRoot}/assets/`
  const names = (await readdir(folder)).filter(name => name.endsWith('.js'))
  const needs = new Map<string, string[]>()
  for (const name of names) {
    const content = await readFile(folder + name, 'utf8')
    needs.set(
      name,
      [...content.matchAll(/(?:from|import)\s*["']\.\/([^"']+)["']/g)].map(([, needed]) => needed!),
    )
  }
  expect([...needs.values()].flat().length).toBeGreaterThan(20)
  const isDone = new Set<string>()
  const walk = (name: string, path: readonly string[]): void => {
    expect(path).not.toContain(name)
    if (isDone.has(name)) return
    for (const needed of needs.get(name) ?? []) walk(needed, [...path, name])
    isDone.add(name)
  }
  for (const name of names) walk(name, [])
})

test('the first load is small, ours alone, and leaves the other tabs for later', async () => {
  const files: string[] = []
  const sidebar = await open({ path: '/none' })
  sidebar.page.on('request', request => {
    const { pathname } = new URL(request.url())
    if (pathname.startsWith('/sidebar/') || pathname.startsWith('/assets/')) files.push(pathname)
  })
  await sidebar.page.goto(`${mock.url}/sidebar/`)
  await settle(sidebar.page)
  const sizes = await Promise.all(
    files.map(async file => {
      const content = await readFile(webRoot + (file.endsWith('/') ? `${file}index.html` : file))
      return { file, bytes: gzipSync(content, { level: 9 }).length }
    }),
  )
  const totalBytes = sizes.reduce((sum, { bytes }) => sum + bytes, 0)
  const table = [...sizes, { file: 'first load, gzip', bytes: totalBytes }]
  console.log(table.map(({ file, bytes }) => `${String(bytes).padStart(7)} ${file}`).join('\n'))
  expect(files.join()).not.toMatch(/ShareView|EarningsView|GroupView|HomeView|TasksView/)
  expect(totalBytes).toBeLessThanOrEqual(firstLoadMaxBytes)
})
