import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { associateItem, LONG_BEFORE, orderItem, planBody, storeItem } from '../builders/items.ts'
import { book } from '../support/ledger.ts'
import { tell as tellAll } from '../support/people.ts'
import type { TestService } from '../support/service.ts'
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage, type Opened, VIEWS } from './support.ts'

/**
 * Settling a month by hand, and what a franchisee sees of it: the real service, the real pages. A chain of three stores:
 * S1 is direct, S2 belongs to F1, S3 to F2.
 */

let stage: ConsoleStage

const daysAgo = (count: number) => new Date(Date.now() - count * 86_400_000).toISOString()
const AVAILABLE = daysAgo(3)

interface Settlement {
  settlementId: string
  status: string
  totalFen: number
  carriedCount: number
}
interface Statement {
  payee: string
  totalFen: number
  payment: string
  payments: { status: string; reference: string | null; reason: string | null }[]
}
const settlements = async () => (await stage.service.get<{ items: Settlement[] }>('/settlements')).items
const statementOf = async (settlementId: string, payee: string) =>
  (await stage.service.get<{ items: Statement[] }>(`/settlements/${settlementId}/statements?payee=${payee}`)).items[0]!

/** Nothing of it may be refused. */
const tell = (service: TestService, kind: string, items: readonly object[]) => tellAll(service, { [kind]: items })

beforeAll(async () => {
  stage = await startConsoleStage()
  const { service } = stage
  const person = (associateId: string, name: string, over: object = {}) => associateItem({ associateId, name, ...over })
  await tell(service, 'stores', [
    storeItem({ name: '示例一店' }),
    storeItem({ storeCode: 'S2', name: '示例加盟店', type: 'franchise', franchiseeId: 'F1' }),
    storeItem({ storeCode: 'S3', name: '另一加盟店', type: 'franchise', franchiseeId: 'F2' }),
  ])
  await tell(service, 'associates', [
    person('boss', '示例总部', { role: 'headquarters', kind: 'office', storeCode: null }),
    person('audit', '示例审计', { role: 'auditor', kind: 'office', storeCode: null }),
    person('owner', '示例加盟商', { role: 'franchisee', franchiseeId: 'F1', kind: 'office', storeCode: null }),
    person('A1', '导购甲', { payeeType: 'employee' }),
    person('A2', '导购乙', { payeeType: 'individual' }),
    person('A3', '导购丙', { storeCode: 'S2', payeeType: 'employee' }),
    person('A4', '导购丁', { storeCode: 'S3' }),
  ])
  await service.post('/plans', {
    ...planBody({
      holdDays: 0,
      rules: [{ id: 'till', role: 'closer', when: {}, rateBps: 300, bearer: 'selling_store' }],
    }),
    effectiveFrom: LONG_BEFORE,
    retroactive: true,
  })
  await tell(service, 'orders', [
    orderItem({ orderNo: 'T-1', channel: 'in_store', sellingStore: 'S1', closer: 'A1', paidAt: daysAgo(5) }),
  ])
  await service.settled()
  // Last month's, approved; then what came since.
  const row = (payee: string, amountFen: number, over: object = {}) => ({
    payee,
    amountFen,
    availableAt: AVAILABLE,
    bookedAt: daysAgo(4),
    ...over,
  })
  await book(service.pool, 1, [
    row('A1', 9_000, { availableAt: daysAgo(40) }),
    row('A2', 5_000, { availableAt: daysAgo(40) }),
  ])
  const { body } = await service.post('/settlements', { cutoff: daysAgo(30) })
  await service.post(`/settlements/${String(body['settlementId'])}/approve`, {})
  await book(service.pool, 1, [
    row('A1', 180_050, { orderNo: 'T-9' }),
    row('A2', -2_300, { orderNo: 'T-8' }),
    row('A3', 12_345, { bearer: 'S2', role: 'closer' }),
    row('A4', 777, { bearer: 'S3' }),
    row('S2', 45_600, { payeeKind: 'store', role: 'home_store' }),
    row('S3', 33_300, { payeeKind: 'store', role: 'home_store' }),
    row('headquarters', 4_400, { payeeKind: 'headquarters', bearer: 'S2', role: 'headquarters' }),
    row('S2', 100, {
      payeeKind: 'store',
      role: 'home_store',
      availableAt: new Date(Date.now() + 86_400_000).toISOString(),
    }),
  ])
}, 120_000)
afterAll(() => stage?.close())
afterEach(() => stage.clear())

const seen = async (opened: Opened, text: string) => await opened.page.getByText(text).first().waitFor()

describe('a settlement, from the draft to the payment', () => {
  test('is drafted after a look at what it will hold', async () => {
    const opened = await stage.open('boss', '/settlements')
    const { page } = opened
    await seen(opened, '现在的账')
    await expectSound(opened)
    await photograph(page, 'settlements-1280-zh')
    await page.getByRole('button', { name: '做一份草稿' }).click()
    await seen(opened, '会算进来')
    await page.getByText('1 个收款方合计是负数').waitFor()
    await settle(page)
    await photograph(page, 'settlements-draft-1280-zh')
    await page.getByRole('button', { name: '开始做草稿' }).click()
    await page.waitForURL(/settlements\/[0-9a-f-]{36}/)
    await seen(opened, '变动最大的')
    const [draft] = await settlements()
    // 300 of the order, and what was booked; A2's debt is carried.
    expect(draft).toMatchObject({
      status: 'draft',
      carriedCount: 1,
      totalFen: 300 + 180_050 + 12_345 + 777 + 45_600 + 33_300 + 4_400,
    })
    await settle(page)
    await expectSound(opened)
    await photograph(page, 'settlement-1280-zh')
  })

  test('is looked through: searched, narrowed down, opened to the order and why', async () => {
    const [draft] = await settlements()
    const opened = await stage.open('audit', `/settlements/${draft!.settlementId}`)
    const { page } = opened
    const names = () => page.locator('section[aria-label="结算单"] tbody tr').allTextContents()
    expect(await names()).toHaveLength(7)
    await page.getByRole('searchbox').fill('导购丙')
    await page.getByRole('searchbox').blur()
    await settle(page)
    await page.waitForFunction(() => document.querySelectorAll('section[aria-label="结算单"] tbody tr').length === 1)
    expect((await names())[0]).toContain('¥123.45')
    await page.getByRole('searchbox').fill('')
    await page.getByRole('searchbox').blur()
    await page.getByLabel('结转', { exact: true }).selectOption('true')
    await page.getByText('导购乙 · A2').last().waitFor()
    await page.waitForFunction(() => document.querySelectorAll('section[aria-label="结算单"] tbody tr').length === 1)
    await page.getByRole('button', { name: '导购乙 · A2' }).last().click()
    await seen(opened, '合计是负数：他欠的比挣的多')
    await page.goto(`${stage.url}/console/#/settlements/${draft!.settlementId}?payee=associate:A1`)
    await page.getByRole('button', { name: /T-1 · 第 1 行/ }).click()
    await seen(opened, '返回订单')
    await seen(opened, 'till')
    // An auditor changes nothing.
    expect(await page.getByRole('button', { name: '批准' }).count()).toBe(0)
  })

  test('clears bearer by payee, lists invoices, is taken away as files', async () => {
    const [draft] = await settlements()
    const opened = await stage.open('boss', `/settlements/${draft!.settlementId}?tab=clearing`)
    const { page } = opened
    await seen(opened, '→ 导购丙 · A3')
    await photograph(page, 'settlement-clearing-1280-zh')
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: '导出 JSON' }).click()
    const stream = await (await download).createReadStream()
    let text = ''
    for await (const part of stream) text += String(part)
    expect(JSON.parse(text)).toHaveLength(7)
    await page.getByRole('button', { name: '发票清单' }).click()
    await seen(opened, '服务门店分成')
    await page.getByRole('button', { name: '加盟商', exact: true }).click()
    await page.getByRole('button', { name: 'F1' }).click()
    await seen(opened, '总部和其他门店应付你 ¥456.00。')
  })

  test('is approved in two steps, paid one by one and as a whole; what failed is tried again', async () => {
    const [draft] = await settlements()
    const { settlementId } = draft!
    const opened = await stage.open('boss', `/settlements/${settlementId}`)
    const { page } = opened
    await page.getByRole('button', { name: '批准' }).click()
    await seen(opened, '6 张结算单')
    await seen(opened, '有 1 位导购没有登记收款类型')
    await settle(page)
    await photograph(page, 'settlement-approve-1280-zh')
    expect((await settlements())[0]!.status).toBe('draft')
    await page.getByRole('button', { name: '核对过了，下一步' }).click()
    await page.getByRole('button', { name: '确认批准' }).click()
    await page.getByRole('button', { name: '全部记为已付' }).waitFor()
    expect((await settlements())[0]!.status).toBe('approved')

    await page.goto(`${stage.url}/console/#/settlements/${settlementId}?payee=associate:A1`)
    await page.getByLabel('付款失败').check()
    await page.getByLabel('失败原因').fill('账号有误')
    await page.getByRole('button', { name: '记为付款失败' }).click()
    await seen(opened, '上一次没有付成')
    expect(await statementOf(settlementId, 'A1')).toMatchObject({
      payment: 'failed',
      payments: [{ reason: '账号有误' }],
    })
    await page.getByLabel('付款凭证号').fill('BANK-2')
    await page.getByRole('button', { name: '记为已付 ¥1,803.50' }).click()
    await page.getByText('BANK-2').waitFor()
    await photograph(page, 'statement-1280-zh')
    expect(await statementOf(settlementId, 'A1')).toMatchObject({ payment: 'paid' })

    await page.goto(`${stage.url}/console/#/settlements/${settlementId}?do=pay`)
    await page.getByLabel('付款凭证号').fill('BATCH-7')
    await page.getByRole('button', { name: '全部记为已付' }).last().click()
    await page.getByText('已付清').first().waitFor()
    expect((await settlements())[0]!.status).toBe('paid')
    expect((await statementOf(settlementId, 'A3')).payments).toMatchObject([{ status: 'paid', reference: 'BATCH-7' }])
  })

  test('is printed: before tax, without the menu, its rows on paper', async () => {
    const [paid] = await settlements()
    const opened = await stage.open('boss', `/settlements/${paid!.settlementId}/print?payee=associate:A1`)
    const { page } = opened
    await seen(opened, '收款方签字')
    await expectSound(opened)
    await page.emulateMedia({ media: 'print' })
    expect(await page.locator('.side').isVisible()).toBe(false)
    expect(await page.getByText('税前').count()).toBeGreaterThan(2)
    await photograph(page, 'statement-print')
  })

  test('is ink on white also for whom the screen is dark, each of its pages numbered', async () => {
    const [paid] = await settlements()
    const hash = `/settlements/${paid!.settlementId}/print?payee=associate:A1`
    const opened = await stage.open('boss', hash, { isDark: true })
    const { page } = opened
    await seen(opened, '收款方签字')
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    const colours = await page.evaluate(() => {
      const of = (element: Element) => getComputedStyle(element)
      return [of(document.querySelector('.paper-sum td')!).color, of(document.querySelector('.paper')!).backgroundColor]
    })
    expect(colours).toEqual(['rgb(0, 0, 0)', 'rgb(255, 255, 255)'])
    const pages = await page.evaluate(() =>
      [...document.styleSheets]
        .flatMap(sheet => [...sheet.cssRules])
        .flatMap(rule => (rule instanceof CSSMediaRule ? [...rule.cssRules] : [rule]))
        .filter(rule => rule instanceof CSSPageRule)
        .map(rule => rule.cssText),
    )
    expect(pages.join()).toContain('counter(pages)')
  })

  test('what is not known yet is not told as nothing', async () => {
    const opened = await stage.open('boss', '/activity')
    const { page } = opened
    let answer = () => {}
    const asked = new Promise<void>(resolve => (answer = resolve))
    await page.route('**/settlements/preview*', async route => {
      await asked
      await route.continue()
    })
    await page.getByRole('link', { name: '结算', exact: true }).click()
    await seen(opened, '现在的账')
    expect(await page.locator('.now tfoot').innerText()).not.toContain('¥')
    answer()
    await page.locator('.now tfoot').getByText('¥').first().waitFor()
    // Who made it is named, not the code that a record has of him.
    await seen(opened, '接口密钥')
    expect(await page.getByText('key:').count()).toBe(0)
  })

  test('is read on a phone in English', async () => {
    const [paid] = await settlements()
    for (const hash of ['/settlements', `/settlements/${paid!.settlementId}`]) {
      const opened = await stage.open('boss', hash, { width: 390, language: 'en' })
      await seen(opened, 'before tax')
      await expectSound(opened)
      await photograph(opened.page, `${hash === '/settlements' ? 'settlements' : 'settlement'}-390-en`)
    }
  })
})

test('a draft is discarded, and its rows are free', async () => {
  await book(stage.service.pool, 1, [{ payee: 'A4', amountFen: 60, availableAt: AVAILABLE, bookedAt: daysAgo(4) }])
  const { body } = await stage.service.post('/settlements', { cutoff: new Date().toISOString() })
  const opened = await stage.open('boss', `/settlements/${String(body['settlementId'])}`)
  await opened.page.getByRole('button', { name: '作废草稿' }).click()
  await opened.page.getByRole('button', { name: '作废', exact: true }).click()
  await seen(opened, '各期结算')
  // The way back has that name too.
  await expect.poll(async () => (await settlements()).map(one => one.status)).toEqual(['paid', 'approved'])
})

test('a franchisee sees his own both ways, and nobody else’s', async () => {
  const opened = await stage.open('owner', '/settlements')
  const { page } = opened
  await seen(opened, '总部和其他门店应付你 ¥456.00。')
  await seen(opened, '你的门店承担 ¥167.45。')
  await seen(opened, '+¥288.55')
  await page.getByRole('link', { name: '看这一期' }).click()
  await seen(opened, '导购丙 · A3')
  const text = (await page.locator('main').textContent()) ?? ''
  for (const foreign of ['F2', 'S3', '另一加盟店', '导购甲', '导购丁']) expect(text).not.toContain(foreign)
  expect(await page.getByRole('link', { name: '调整' }).count()).toBe(0)
  for (const [width, language] of VIEWS) {
    for (const [name, hash] of [
      ['own-settlements', '/settlements'],
      ['own-settlement', `/settlements/${(await settlements())[0]!.settlementId}`],
    ] as const) {
      const shown = await stage.open('owner', hash, { width, language })
      await expectSound(shown)
      await photograph(shown.page, `${name}-${width}-${language}`)
    }
  }
})
