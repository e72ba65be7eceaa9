/// <reference lib="dom" />
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { drawPng } from '../../server/lib/png.ts'
import { brand, standardPlan } from '../builders/brand.ts'
import { bridgePath } from '../sidebar/mock-server.ts'
import { askerOf } from '../support/askers.ts'
import { tell } from '../support/people.ts'
import { TEST_KEY } from '../support/service.ts'
import { startTestWecom, type TestWecom } from '../support/wecom.ts'
import { settle, startConsoleStage, type ConsoleStage } from './support.ts'

/**
 * Texts that would run somewhere else, in everything that people type and in every name that WeCom or a mall sends: the
 * real pages show them as they are, and nothing runs.
 */

const MARK = 'window.__xss'
/** Each breaks out of another place: text, attributes, scripts, templates, addresses. */
const EVIL = `<img src=x onerror=${MARK}=1>`
const WORST = `"'><script>${MARK}=2</script><svg/onload=${MARK}=3>{{constructor.constructor('${MARK}=4')()}}\${${MARK}=5}</title></textarea><iframe srcdoc="<script>parent.__xss=6</script>">`
const SCRIPT_URL = `javascript:${MARK}=7`
const PICTURES = ['https://pictures.invalid/"onerror="x.png', SCRIPT_URL, `data:text/html,<script>${MARK}=8</script>`]
const evil = (n: number | string) => `${n}${EVIL}`
const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()
const today = () => new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10)

let wecom: TestWecom
let stage: ConsoleStage
let settlementId: string
let disputeId: string
let materialId: string

beforeAll(async () => {
  wecom = await startTestWecom({
    staff: brand.associates.map(({ associateId }) => associateId),
    customers: [
      { name: evil('friend'), externalUserid: 'wmX', follows: [{ userid: 'a1', remark: WORST.slice(0, 20) }] },
    ],
    tagGroups: [{ name: EVIL, tags: [EVIL] }],
  })
  stage = await startConsoleStage({ env: wecom.env })
  const { service } = stage
  const named = <T extends { name: string }>(items: readonly T[]) =>
    items.map((item, i) => ({ ...item, name: evil(i) }))
  await tell(service, {
    stores: named(brand.stores).map(store => ({ ...store, region: evil('region') })),
    associates: named(brand.associates),
    members: [{ memberNo: 'm1', name: WORST, level: EVIL, tags: [EVIL, WORST.slice(0, 100)], openingStore: 'S1', openingAssociate: 'a1' }], // prettier-ignore
    products: PICTURES.map((imageUrl, i) => ({ sku: `k${i}`, name: WORST, category: EVIL, priceFen: 10_000, imageUrl, path: SCRIPT_URL })), // prettier-ignore
    coupons: [{ couponCode: EVIL, name: WORST.slice(0, 100), kind: 'gift' }],
    groups: [{ chatId: 'g1', name: WORST.slice(0, 100), storeCode: 'S1', owner: 'a1' }],
    identities: [{ kind: 'external_userid', value: 'wmX', memberNo: 'm1', at: ago(30) }],
    'member-assignments': [{ memberNo: 'm1', from: ago(20), attributedAssociate: 'a1', reason: WORST.slice(0, 200) }],
    'share-links': [
      { linkCode: 'x', associateId: 'a1', target: { kind: 'page', ref: EVIL, title: WORST, imageUrl: PICTURES[0], path: SCRIPT_URL }, channel: 'single_chat', createdAt: ago(9) },
    ],
    touches: [{ touchId: 't1', linkCode: 'x', at: ago(8), kind: 'visit', memberNo: 'm1', page: { kind: 'page', ref: EVIL, title: WORST } }],
  }) // prettier-ignore
  expect((await service.post('/plans', { ...standardPlan, code: EVIL, holdDays: 0 })).status).toBe(201)
  const order = (orderNo: string, more: object = {}) => ({
    source: evil('mall'),
    orderNo,
    channel: 'in_store',
    sellingStore: 'S1',
    closer: 'a2',
    paidAt: ago(2),
    lines: [{ lineNo: 1, sku: 'k0', name: WORST, category: EVIL, quantity: 1, paidFen: 50_000 }],
    ...more,
  })
  await tell(service, { orders: [order('o1', { memberNo: 'm1' }), order(EVIL, { closer: undefined })] })
  const put = async (path: string, body: object) => {
    const headers = { authorization: `Bearer ${TEST_KEY}` }
    return (await service.app.inject({ method: 'PUT', url: `/api/v1${path}`, headers, payload: body })).statusCode
  }
  const posted = async (path: string, body: object) => {
    const answer = await service.post(path, body)
    expect({ path, ...answer }).toMatchObject({ status: expect.toSatisfy((status: number) => status < 300) as number })
    return answer.body
  }
  materialId = String((await posted('/materials', { kind: 'product', ref: 'k0', title: WORST.slice(0, 120), text: WORST, campaign: EVIL, category: EVIL }))['materialId']) // prettier-ignore
  await posted('/posts', { day: today(), from: '00:00', to: '24:00', places: ['moments'], text: WORST })
  await posted('/adjustments', { payeeKind: 'associate', payee: 'a1', bearerKind: 'headquarters', amountFen: 100, reason: WORST }) // prettier-ignore
  await posted('/keys', { name: EVIL, scopes: ['read'] })
  await posted('/task-rules', { kind: 'asleep', days: 30, title: EVIL, text: WORST })
  const field = { key: 'q', label: EVIL, kind: 'choice', options: [EVIL] }
  expect(await put('/settings/questionnaire', { fields: [field] })).toBe(200)
  expect(await put(`/plans/drafts/${encodeURIComponent('d1')}`, { revision: 0, content: { code: EVIL, rules: [{ id: EVIL }] } })).toBeLessThan(300) // prettier-ignore
  const a1 = await askerOf(service, 'a1')
  const own = [
    await a1.post('/disputes', { source: evil('mall'), orderNo: 'o1', role: 'closer', text: WORST }),
    await a1.post('/customers/notes', { noteId: '018f0000-0000-7000-8000-0000000000aa', externalUserid: 'wmX', text: WORST }), // prettier-ignore
  ]
  expect(own.map(({ status }) => status)).toEqual([201, 201])
  disputeId = String(own[0]!.body['disputeId'])
  settlementId = String((await posted('/settlements', { cutoff: new Date().toISOString() }))['settlementId'])
  // Where an address is meant to be followed, one that runs is refused at once.
  const refused = { kind: 'product', ref: 'k1', title: 'x' }
  expect((await service.post('/materials', { ...refused, pictures: [SCRIPT_URL] })).status).toBe(422)
  expect((await service.post('/materials', { ...refused, url: SCRIPT_URL })).status).toBe(422)
  const link = {
    linkCode: 'y',
    associateId: 'a1',
    target: { kind: 'page', ref: 'y', url: SCRIPT_URL },
    channel: 'other',
  }
  expect(await service.ingest('share-links', [link])).toMatchObject([{ status: 'rejected' }])
  await service.settled()
}, 120_000)
afterAll(async () => {
  await stage?.close()
  await wecom?.close()
})

/** Whatever ran, was refused by the policy, or was made of a text that is none of ours: the sidebar's head has one script of its own. */
const ran = (page: Page) =>
  page.evaluate(() => ({
    mark: (window as unknown as { __xss?: unknown }).__xss ?? null,
    refused: (window as unknown as { violations: string[] }).violations,
    made: [
      ...document.querySelectorAll(
        '[onerror],[onload],iframe[srcdoc],body script:not([src]),script:not([src]) ~ script:not([src]),a[href]',
      ),
    ]
      .filter(
        element => !(element instanceof HTMLAnchorElement) || /^\s*(javascript|data|vbscript):/i.test(element.href),
      )
      .map(element => element.outerHTML),
  }))
const NOTHING = { mark: null, refused: [], made: [] }

const watched = (page: Page) =>
  page.addInitScript(() => {
    const violations: string[] = []
    Object.assign(window, { violations })
    document.addEventListener('securitypolicyviolation', event => {
      violations.push(`${event.violatedDirective} ${event.blockedURI}`)
    })
  })

test('the console shows it on every page, and runs none of it', async () => {
  const { page: first } = await stage.open('boss', '/performance')
  const page = await first.context().newPage()
  await watched(page)
  const dialogs: string[] = []
  page.on('dialog', dialog => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  await page.goto(`${stage.url}/console/#/performance`)
  await settle(page)
  const source = encodeURIComponent(evil('mall'))
  const places = [
    '/performance?table=stores', '/performance?table=associates', '/performance?table=products', '/performance?table=links',
    '/performance?table=groups', '/performance?table=regions', '/community', '/community/S1', '/plans', `/plans/versions/${encodeURIComponent(EVIL)}/1`,
    '/plans/drafts/d1', '/settlements', `/settlements/${settlementId}`, `/settlements/${settlementId}/print`, '/adjustments', '/targets',
    '/materials', '/calendar', '/tasks', '/coupons', '/people', '/people?tab=associates', '/handover', '/disputes', `/disputes/${disputeId}`,
    '/unattributed', '/risks', '/activity', '/integration/keys', '/integration/webhooks', '/settings', `/orders/${source}/o1`,
  ] // prettier-ignore
  let showing = 0
  for (const place of places) {
    await page.evaluate(hash => (location.hash = hash), place)
    await settle(page)
    const text = await page.evaluate(() => document.querySelector('main')?.innerText ?? '')
    if (text.includes(MARK)) showing++
    expect({ place, ...(await ran(page)) }).toEqual({ place, ...NOTHING })
  }
  console.log(`${places.length} places of the console, ${showing} of which show such a text; nothing ran`)
  expect(showing).toBeGreaterThan(15)
  expect(dialogs).toEqual([])
  await page.close()
})

test('the sidebar and the page of a link do so too', async () => {
  const { page: first } = await stage.open('a1', '/performance')
  const context = first.context()
  const page = await context.newPage()
  await watched(page)
  const setup = { entry: 'single_chat_tools', externalUserid: 'wmX' }
  await page.addInitScript({ content: `window.daogouBridge = ${JSON.stringify(setup)}\n${await readFile(bridgePath, 'utf8')}` }) // prettier-ignore
  let sessions = 0
  page.on('request', request => (sessions += request.url().includes('/api/v1/session') ? 1 : 0))
  // WeCom signs the page for its public address.
  const { publicUrl } = stage.service.settings
  await page.route(`${publicUrl}/**`, async route => {
    const response = await route.fetch({ url: route.request().url().replace(publicUrl, stage.url) })
    await route.fulfill({ response })
  })
  await page.goto(`${publicUrl}/sidebar/`)
  await page
    .getByText('归属导购')
    .first()
    .waitFor()
    .catch(async (error: unknown) => {
      throw new Error(await page.evaluate(() => document.body.innerText), { cause: error })
    })
  // The page's head asked for the session; its answer is not kept, and yet not asked for again.
  expect(sessions).toBe(1)
  for (const hash of ['/', '/share', '/earnings', '/tasks', '/customers/wmX']) {
    await page.evaluate(to => (location.hash = to), hash)
    await page.waitForFunction(() => document.querySelector('[aria-busy=true]') === null)
    await page.getByText(EVIL).first().waitFor()
    expect({ hash, ...(await ran(page)) }).toEqual({ hash, ...NOTHING })
  }
  await page.goto(`${publicUrl}/s/x`)
  expect(await page.title()).toContain(MARK)
  expect(await ran(page)).toEqual(NOTHING)
  await page.close()
})

test('pictures are pictures, whatever they are called', async () => {
  const upload = (type: string, payload: Buffer) =>
    stage.service.app.inject({
      method: 'POST',
      url: '/api/v1/materials/pictures',
      headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': type },
      payload,
    })
  const svg = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="${MARK}=1"><script>${MARK}=1</script></svg>`)
  expect((await upload('image/svg+xml', svg)).statusCode).toBe(415)
  for (const type of ['image/png', 'image/jpeg']) {
    for (const bytes of [
      svg,
      Buffer.from(`<html><script>${MARK}=1</script>`),
      Buffer.from('GIF89a'),
      Buffer.alloc(0),
    ]) {
      expect((await upload(type, bytes)).statusCode).toBeGreaterThanOrEqual(400)
    }
  }
  // A picture with a page behind it is served as a picture, and taken for nothing else.
  const both = Buffer.concat([drawPng(2, 2, () => [1, 2, 3]), svg])
  const { url } = (await upload('image/jpeg', both)).json<{ url: string }>()
  const { headers } = await stage.service.app.inject(url)
  expect(headers).toMatchObject({
    'content-type': 'image/png',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'cross-origin',
  })
  expect(materialId).toMatch(/^[0-9a-f-]{36}$/)
})

test('two pages whose token has run out take turns: neither takes the other for a thief', async () => {
  const { page: first } = await stage.open('manager1', '/community')
  const context = first.context()
  const second = await context.newPage()
  await second.goto(`${stage.url}/console/#/people`)
  await settle(second)
  let refreshes = 0
  context.on('request', request => (refreshes += request.url().endsWith('/auth/refresh') ? 1 : 0))
  await context.clearCookies({ name: 'daogou_access' })
  const go = async (page: Page, hash: string) => {
    await page.evaluate(to => (location.hash = to), hash)
    await page.locator('main h1').first().waitFor()
  }
  await Promise.all([go(first, '/performance'), go(second, '/disputes')])
  await Promise.all([settle(first), settle(second)])
  const status = await second.evaluate(async () => (await fetch('/auth/refresh', { method: 'POST' })).status)
  expect({ status, urls: [first.url(), second.url()].map(url => new URL(url).pathname) }).toEqual({
    status: 204,
    urls: ['/console/', '/console/'],
  })
  expect(refreshes).toBeLessThanOrEqual(3)
})
