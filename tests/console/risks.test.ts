import { readdir, readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { deeds } from '../../console/features/activity/deeds.ts'
import { associateItem, lineItem, linkItem, LONG_BEFORE, memberItem, orderItem, planBody, storeItem, touchItem } from '../builders/items.ts' // prettier-ignore
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage, type Opened } from './support.ts'

/** What looks wrong and what is done about it, and the record of who did what: the real service, the real pages. */

let stage: ConsoleStage
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const at = (days: number, minutes = 0) => new Date(Date.now() - days * DAY_MS - minutes * MINUTE_MS).toISOString()
const PHONE = '13900000012'

beforeAll(async () => {
  stage = await startConsoleStage()
  const { service } = stage
  const person = (associateId: string, name: string, over: object = {}) => associateItem({ associateId, name, ...over })
  await service.ingest('stores', [storeItem({ name: '示例一店' })])
  await service.ingest('members', [memberItem({ memberNo: 'OWN', phone: PHONE }), memberItem({ memberNo: 'TWIN', phone: PHONE })]) // prettier-ignore
  await service.ingest('associates', [
    person('boss', '示例总部', { role: 'headquarters', storeCode: null, kind: 'office' }),
    person('audit', '示例审计', { role: 'auditor', storeCode: null, kind: 'office' }),
    person('head', '示例店长', { role: 'manager' }),
    person('A1', '导购甲'),
    person('A2', '导购乙', { memberNo: 'OWN' }),
  ])
  const rules = [
    { id: 'share', role: 'sharer', when: {}, rateBps: 400, bearer: 'headquarters' },
    { id: 'till', role: 'closer', when: {}, rateBps: 300, bearer: 'selling_store' },
  ]
  await service.post('/plans', { ...planBody({ holdDays: 0, rules }), effectiveFrom: LONG_BEFORE, retroactive: true })
  await service.ingest('share-links', [
    linkItem({ createdAt: at(40) }),
    linkItem({ linkCode: 'L2', createdAt: at(40) }),
  ])
  const sold = (orderNo: string, paidAt: string, over: object = {}) =>
    orderItem({ source: 'till', orderNo, channel: 'in_store', sellingStore: 'S1', paidAt, lines: [lineItem({ paidFen: 50_000 })], ...over }) // prettier-ignore
  await service.ingest('touches', [
    ...[3, 8, 0].map((minutes, i) => touchItem({ touchId: `scan-${i}`, kind: 'scan', at: at(2 + i, minutes) })),
    ...Array.from({ length: 240 }, (_, i) =>
      touchItem({ touchId: `flood-${i}`, linkCode: 'L2', memberNo: null, visitorId: `v${i % 6}`, at: at(1, i / 10) }),
    ),
  ])
  await service.ingest('orders', [
    ...[0, 1, 2].map(i => sold(`R-${i}`, at(2 + i), { memberNo: 'M1' })),
    sold('R-9', at(3), { memberNo: 'TWIN', closer: 'A2' }),
  ])
  await service.settled()
  expect((await service.post('/risks/scan', {})).status).toBe(200)
}, 120_000)
afterAll(() => stage?.close())
afterEach(() => stage.clear())

const seen = async ({ page }: Opened, text: string | RegExp) => await page.getByText(text).first().waitFor()
const owed = async (orderNo: string) => {
  const path = `/entitlements?source=till&orderNo=${orderNo}`
  const { items } = await stage.service.get<{ items: { role: string; payee: string; amountFen: number; availableAt: string }[] }>(path) // prettier-ignore
  return items.map(row => `${row.role} ${row.payee} ${row.amountFen}${row.availableAt > '2999' ? ' held' : ''}`).sort()
}

test('a habit at the till is seen at a glance, held, and reversed', async () => {
  const opened = await stage.open('boss', '/risks')
  const { page } = opened
  await seen(opened, /导购甲 在 示例一店 有 3 笔订单/)
  await seen(opened, /一小时内被点开 240 次/)
  await seen(opened, /和 导购乙 本人用同一个手机号/)
  await expectSound(opened)
  await photograph(page, 'risks-1280-zh')
  await page.getByRole('button', { name: /付款前才扫码/ }).click()
  await seen(opened, '付款前 8 分钟扫码')
  await settle(page)
  await expectSound(opened)
  await photograph(page, 'risk-1280-zh')
  expect(await owed('R-0')).toEqual(['sharer A1 2000'])
  await page.getByRole('button', { name: '暂缓', exact: true }).click()
  await seen(opened, '3 笔订单的提成 ¥60.00 暂时不能结算')
  await page.getByRole('textbox', { name: '原因' }).fill('先核实监控')
  await page.getByRole('button', { name: '暂缓', exact: true }).click()
  await seen(opened, 'boss 暂缓了订单')
  expect(await owed('R-0')).toEqual(['sharer A1 2000 held'])
  await page.getByRole('button', { name: '收回提成' }).click()
  await seen(opened, '取消导购甲 的分享导购')
  await settle(page)
  await expectSound(opened)
  await photograph(page, 'risk-reverse-1280-zh')
  await page.getByRole('textbox', { name: '原因' }).fill('监控显示在收银台扫码')
  await page.getByRole('button', { name: '收回提成' }).click()
  await seen(opened, 'boss 收回了提成')
  expect(await owed('R-0')).toEqual([])
  await stage.service.settled()
  expect(await stage.service.get('/audit')).toMatchObject({ items: [] })
})

test('an auditor looks and changes nothing, a manager has no such page; in English on a phone', async () => {
  const audit = await stage.open('audit', '/risks?kind=click_flood', { width: 390, language: 'en' })
  await seen(audit, /was clicked 240 times/)
  await expectSound(audit)
  await photograph(audit.page, 'risks-390-en')
  await audit.page.getByRole('button', { name: /Flood of clicks/ }).click()
  await seen(audit, 'Clicks within an hour')
  await settle(audit.page)
  await expectSound(audit)
  await photograph(audit.page, 'risk-390-en')
  expect(await audit.page.getByRole('button', { name: 'Hold' }).count()).toBe(0)
  const head = await stage.open('head', '/risks')
  expect(await head.page.getByRole('link', { name: '风险' }).count()).toBe(0)
  await head.page.locator('.failure').waitFor()
})

test('who did what is read in sentences, narrowed down and taken away as a file', async () => {
  const opened = await stage.open('boss', '/activity')
  const { page } = opened
  await seen(opened, '因风险收回了提成')
  await settle(page)
  await expectSound(opened)
  await photograph(page, 'activity-1280-zh')
  await page.getByRole('combobox', { name: '做了什么' }).fill('暂缓')
  await page.getByRole('option', { name: '因风险暂缓了订单' }).click()
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1)
  expect(page.url()).toContain('action=risk.held')
  await seen(opened, '先核实监控')
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: '导出 CSV' }).click(),
  ])
  const file = await readFile((await download.path())!, 'utf8')
  expect(file).toContain('risk.held')
  expect(file.trim().split('\r\n')).toHaveLength(2)
  const { items } = await stage.service.get<{ items: { action: string; details: unknown }[] }>('/activity?limit=500')
  expect(items[0]).toMatchObject({ action: 'activity.exported' })
  expect(JSON.stringify(items)).not.toContain(PHONE)

  const english = await stage.open('audit', '/activity', { width: 390, language: 'en' })
  await seen(english, 'put a risk’s orders on hold')
  await settle(english.page)
  await expectSound(english)
  await photograph(english.page, 'activity-390-en')
})

/** What looks like a kind and is none: figures of SQL, files, events that other systems are told of. */
const NO_KINDS = new Set(['bought.associate_id', 'shared.associate_id', 'card.png', 'dispute.decided'])
const MADE_OF: Record<string, readonly string[]> = {
  dispute: ['upheld', 'rejected'],
  settlement: ['approved', 'paid'],
  webhook: ['created', 'changed', 'removed', 'tested', 'replayed'],
}

test('every kind of activity that the service writes has words in both languages', async () => {
  const root = new URL('../../server/', import.meta.url)
  const paths = (await readdir(root, { recursive: true })).filter(path => path.endsWith('.ts'))
  const codes = new Set([...(await readFile(new URL('errors.ts', root), 'utf8')).matchAll(/'([a-z_]+\.[a-z_]+)'/g)].map(found => found[1])) // prettier-ignore
  const missing = new Set<string>()
  let kinds = 0
  for (const path of paths) {
    const source = await readFile(new URL(path, root), 'utf8')
    if (!source.includes('insertActivity') && !/\baction[:,]/.test(source)) continue
    const plain = [...source.matchAll(/'([a-z_]+\.[a-z_]+)'/g)].map(found => found[1]!)
    const made = [...source.matchAll(/`([a-z_]+)\.\$\{[^`]*`/g)].flatMap(([, room]) =>
      (MADE_OF[room!] ?? []).map(what => `${room}.${what}`),
    )
    for (const kind of [...plain, ...made]) {
      if (codes.has(kind) || NO_KINDS.has(kind)) continue
      kinds++
      if (!deeds[kind]?.every(text => text !== '')) missing.add(`${path} ${kind}`)
    }
  }
  expect([...missing]).toEqual([])
  expect(kinds).toBeGreaterThan(60)
})
