import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { associateItem, lineItem, linkItem, LONG_BEFORE, orderItem, planBody, storeItem, touchItem } from '../builders/items.ts' // prettier-ignore
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage, type Opened } from './support.ts'

/** Disputes, unattributed sales, and the orders behind a figure: the real service, the real pages. */

let stage: ConsoleStage
const daysAgo = (count: number) => new Date(Date.now() - count * 86_400_000).toISOString()
const sold = (orderNo: string, over: object = {}) =>
  orderItem({ source: 'till', orderNo, channel: 'in_store', sellingStore: 'S1', paidAt: daysAgo(5), lines: [lineItem({ paidFen: 39_900 })], ...over }) // prettier-ignore

beforeAll(async () => {
  stage = await startConsoleStage()
  const { service } = stage
  const person = (associateId: string, name: string, over: object = {}) => associateItem({ associateId, name, ...over })
  await service.ingest('stores', [
    storeItem({ name: '示例一店', region: '华东' }),
    storeItem({ storeCode: 'S2', name: '示例加盟店', region: '华南', type: 'franchise', franchiseeId: 'F1' }),
  ])
  await service.ingest('associates', [
    person('boss', '示例总部', { role: 'headquarters', storeCode: null, kind: 'office' }),
    person('audit', '示例审计', { role: 'auditor', storeCode: null, kind: 'office' }),
    person('head', '示例店长', { role: 'manager' }),
    person('A1', '导购甲'),
    person('A2', '导购乙'),
    person('A3', '导购丙', { storeCode: 'S2' }),
  ])
  await service.post('/plans', {
    ...planBody({
      holdDays: 0,
      rules: [
        { id: 'share', role: 'sharer', when: {}, rateBps: 400, bearer: 'headquarters' },
        { id: 'till', role: 'closer', when: {}, rateBps: 300, bearer: 'selling_store' },
      ],
    }),
    effectiveFrom: LONG_BEFORE,
    retroactive: true,
  })
  await service.ingest('share-links', [linkItem({ createdAt: daysAgo(20), channel: 'group_chat' })])
  await service.ingest('touches', [touchItem({ at: daysAgo(7) })])
  await service.ingest('orders', [
    sold('T-1', { closer: 'A2' }),
    sold('T-2', { closer: 'A1', memberNo: 'M2' }),
    sold('T-3', { closer: 'A3', sellingStore: 'S2', memberNo: 'M2' }),
    ...[4, 5, 6].map(i => sold(`T-${i}`, { memberNo: null, paidAt: daysAgo(i) })),
    sold('T-7', { channel: 'online', sellingStore: null, memberNo: 'M1', paidAt: daysAgo(6) }),
  ])
  await service.settled()
  const file = async (orderNo: string, associateId: string, text: string) => {
    const body = { source: 'till', orderNo, role: 'closer', associateId, text }
    expect((await service.post('/disputes', body)).status).toBe(201)
  }
  await file('T-1', 'A1', '这位顾客是我接待的，小票上写错了人')
  await file('T-2', 'A2', '我帮她试的鞋')
}, 120_000)
afterAll(() => stage?.close())
afterEach(() => stage.clear())

const seen = async ({ page }: Opened, text: string | RegExp) => await page.getByText(text).first().waitFor()
interface Owed {
  role: string
  payee: string
  amountFen: number
}
const owed = async (orderNo: string) =>
  (await stage.service.get<{ items: Owed[] }>(`/entitlements?source=till&orderNo=${orderNo}`)).items
    .map(({ role, payee, amountFen }) => `${role} ${payee} ${amountFen}`)
    .sort()
const disputes = async (query: string) =>
  (await stage.service.get<{ items: { orderNo: string; status: string; decision: { reason: string; decidedBy: string } | null }[] }>(`/disputes?${query}`)).items // prettier-ignore

test('a dispute is looked into, upheld with a reason, and booked', async () => {
  expect(await owed('T-1')).toEqual(['closer A2 1197', 'sharer A1 1596'])
  const opened = await stage.open('boss', '/disputes')
  const { page } = opened
  await seen(opened, '导购甲 认为自己是成交导购')
  // The oldest first.
  expect(await page.locator('.queue-row strong').allTextContents()).toEqual([
    '导购甲 认为自己是成交导购',
    '导购乙 认为自己是成交导购',
  ])
  await expectSound(opened)
  await photograph(page, 'disputes-1280-zh')
  await page.getByRole('button', { name: /导购甲 认为/ }).click()
  await seen(opened, '如果支持，谁多谁少')
  await settle(page)
  await expectSound(opened)
  await photograph(page, 'dispute-1280-zh')
  await page.getByText('看这笔订单的完整说明').click()
  await seen(opened, '返回订单')
  await page.getByText('返回订单').click()
  await page.getByRole('button', { name: '支持申诉' }).click()
  await seen(opened, '导购甲 成为这笔订单的成交导购')
  await seen(opened, '导购乙（A2）：−¥11.97')
  await seen(opened, '会通知：导购甲（A1）、导购乙（A2）')
  expect(await owed('T-1')).toEqual(['closer A2 1197', 'sharer A1 1596'])
  await settle(page)
  await photograph(page, 'dispute-uphold-1280-zh')
  await page.getByRole('textbox', { name: '原因' }).fill('监控可见')
  await page.getByRole('button', { name: '支持申诉' }).click()
  await page.getByRole('button', { name: /导购甲 认为/ }).waitFor({ state: 'detached' })
  expect(await owed('T-1')).toEqual(['closer A1 1197', 'sharer A1 1596'])
  expect(await disputes('status=upheld')).toMatchObject([
    { orderNo: 'T-1', decision: { reason: '监控可见', decidedBy: 'boss' } },
  ])
  await page.getByLabel('状态').selectOption('upheld')
  await seen(opened, '“监控可见”')
  expect(page.url()).toContain('status=upheld')
})

test('what narrows a list down is seen, and taken back at once', async () => {
  const opened = await stage.open('audit', '/disputes?status=withdrawn&kind=claim', { width: 390 })
  const { page } = opened
  await seen(opened, '没有这样的申诉')
  await expectSound(opened)
  await page.getByRole('button', { name: '清除筛选' }).click()
  await seen(opened, /认为/)
  expect(page.url()).toMatch(/\/disputes$/)
  expect(await page.getByRole('button', { name: '清除筛选' }).count()).toBe(0)
  // An address that was sent with a kind that there is no longer says so, instead of nothing.
  const old = await stage.open('boss', '/coupons?state=of-old')
  await settle(old.page)
  expect(await old.page.getByLabel('状态').evaluate((pick: HTMLSelectElement) => pick.selectedOptions[0]?.text)).toBe(
    'of-old',
  )
})

test('a manager decides his own people’s, an auditor changes nothing; in English on a phone', async () => {
  const audit = await stage.open('audit', '/disputes', { width: 390, language: 'en' })
  await seen(audit, '导购乙 says he is the closer')
  await expectSound(audit)
  await photograph(audit.page, 'disputes-390-en')
  await audit.page.getByRole('button', { name: /导购乙 says/ }).click()
  await seen(audit, 'Who would gain and lose')
  await settle(audit.page)
  await expectSound(audit)
  await photograph(audit.page, 'dispute-390-en')
  expect(await audit.page.getByRole('button', { name: 'Uphold' }).count()).toBe(0)

  const head = await stage.open('head', '/disputes')
  await head.page.getByRole('button', { name: /导购乙 认为/ }).click()
  await head.page.getByRole('button', { name: '驳回申诉' }).click()
  await head.page.getByRole('textbox', { name: '原因' }).fill('小票无误')
  await head.page.getByRole('button', { name: '驳回申诉' }).click()
  await seen(head, '没有待处理的申诉')
  expect(await disputes('status=rejected')).toMatchObject([{ orderNo: 'T-2', decision: { decidedBy: 'head' } }])
})

test('sales that nobody has are given to somebody, several at once', async () => {
  const opened = await stage.open('boss', '/unattributed')
  const { page } = opened
  await seen(opened, 'T-4')
  await settle(page)
  await expectSound(opened)
  await photograph(page, 'unattributed-1280-zh')
  for (const orderNo of ['T-4', 'T-5']) await page.getByLabel(`选择 ${orderNo}`).check()
  await page.getByRole('button', { name: '认定 2 笔' }).click()
  await seen(opened, '请先选择导购')
  await page.getByRole('combobox', { name: '认定给谁' }).fill('导购乙')
  await page.getByRole('option', { name: '导购乙 · A2' }).click()
  await page.getByRole('textbox', { name: '原因' }).fill('交接班时漏填')
  await settle(page)
  await expectSound(opened)
  await photograph(page, 'unattributed-claim-1280-zh')
  await page.getByRole('button', { name: '确认认定' }).click()
  await page.getByText('T-4').waitFor({ state: 'detached' })
  for (const orderNo of ['T-4', 'T-5']) expect(await owed(orderNo)).toEqual(['closer A2 1197'])
  expect(await owed('T-6')).toEqual([])
  await seen(opened, 'T-6')

  const english = await stage.open('head', '/unattributed', { width: 390, language: 'en' })
  await seen(english, 'T-6')
  await settle(english.page)
  await expectSound(english)
  await photograph(english.page, 'unattributed-390-en')
})

test('a figure opens the orders that it was summed from, and their sum is the figure', async () => {
  const opened = await stage.open('boss', '/performance')
  const { page } = opened
  const cell = page.getByRole('row', { name: /导购甲/ }).getByRole('button', { name: /^净销售额/ })
  const figure = (await cell.textContent())!.trim()
  await cell.click()
  await page.locator('.drill-total .figure-value').waitFor()
  expect((await page.locator('.drill-total .figure-value').textContent())!.trim()).toBe(figure)
  await settle(page)
  await expectSound(opened)
  await photograph(page, 'drill-down-1280-zh')
  expect(page.url()).toContain('orders=associates:A1')
  const fenOf = (text: string) => Math.round(Number(text.replace(/[¥,\s]/g, '')) * 100)
  const parts = await page.locator('.console-drawer tbody tr td:nth-child(2)').allTextContents()
  expect(parts.reduce((sum, text) => sum + fenOf(text), 0)).toBe(fenOf(figure))

  const english = await stage.open('audit', '/performance?orders=regions:华东&figure=inStoreFen', {
    width: 390,
    language: 'en',
  })
  await english.page.locator('.drill-total').waitFor()
  await settle(english.page)
  await expectSound(english)
  await photograph(english.page, 'drill-down-390-en')
})
