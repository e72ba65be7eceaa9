/// <reference lib="dom" />
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { brand, standardPlan } from '../builders/brand.ts'
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage, VIEWS } from './support.ts'

/** Plans against the real service: read, drafted by clicking, tried, tested on a span, published. */

const PAID = '2026-03-10T12:00:00+08:00'
let stage: ConsoleStage

beforeAll(async () => {
  stage = await startConsoleStage()
  const { service } = stage
  await service.ingest('stores', brand.stores)
  await service.ingest('associates', brand.associates)
  await service.ingest('products', [
    { sku: 'k1', name: '跑鞋', category: 'shoes', priceFen: 59_900 },
    { sku: 'k2', name: '衬衫', category: 'shirts', priceFen: 19_900 },
  ])
  expect((await service.post('/plans', standardPlan)).status).toBe(201)
  await service.ingest(
    'orders',
    [
      ['1', 'k1', 'shoes', 'a1', 'S1', 59_900],
      ['2', 'k2', 'shirts', 'a3', 'S2', 19_900],
    ].map(([orderNo, sku, category, closer, sellingStore, paidFen]) => ({
      source: 'pos',
      orderNo,
      channel: 'in_store',
      sellingStore,
      closer,
      paidAt: PAID,
      lines: [{ lineNo: 1, sku, category, quantity: 1, paidFen }],
    })),
  )
  await service.settled()
}, 120_000)
afterAll(() => stage?.close())
afterEach(() => stage.clear())

const drafts = async () => (await stage.service.get<{ items: { name: string }[] }>('/plans/drafts')).items
interface Kept {
  revision: number
  content: { rules: { id: string; role?: string; rateBps?: number; when?: object }[]; holdDays: number }
}
const kept = (name: string) => stage.service.get<Kept>(`/plans/drafts/${encodeURIComponent(name)}`)
const isSaved = (page: Page) => page.getByText(/已保存/).waitFor()
const openDraft = (name: string, rest = '') => `/plans/drafts/${encodeURIComponent(name)}${rest}`

/** A draft that is there without clicking. */
async function putDraft(name: string, over: object = {}, revision = 0) {
  const { retroactive: _, ...content } = { ...standardPlan, version: 2, effectiveFrom: '2999-01-01T00:00:00+08:00' }
  const answer = await stage.service.app.inject({
    method: 'PUT',
    url: `/api/v1/plans/drafts/${encodeURIComponent(name)}`,
    headers: { authorization: `Bearer ${stage.service.settings.bootstrapApiKey}` },
    payload: { revision, content: { ...content, ...over }, basedOn: { code: 'standard', version: 1 } },
  })
  expect(answer.statusCode).toBeLessThan(300)
}

describe('every page at both widths', () => {
  beforeAll(async () => {
    await putDraft('夏季方案', {
      rules: [
        ...standardPlan.rules.slice(1),
        {
          id: 'till-shoes',
          role: 'closer',
          when: { categories: ['shoes'], homeStoreTypes: ['franchise'] },
          rateBps: 500,
        },
      ],
      rewards: [
        { id: 'new', event: 'friend_added', amountFen: 500, to: 'associate', bearer: 'headquarters', keepDays: 30 },
      ],
    })
  })
  const pages: [name: string, who: string, hash: string, zh: string, en: string][] = [
    ['plans', 'auditor', '/plans', '正在执行', 'In force'],
    ['begin', 'boss', '/plans?begin=new', '草稿名称', 'Name of the draft'],
    ['version', 'auditor', '/plans/versions/standard/1', '方案内容', 'What the plan says'],
    ['edit', 'boss', openDraft('夏季方案'), '还有 1 处要改', '1 to mend'],
    ['read', 'auditor', openDraft('夏季方案'), '适用于所有订单', 'For every order'],
    ['try', 'boss', openDraft('夏季方案', '?tab=try&on=supposed'), '按草稿', 'Opening associate'],
    ['backtest', 'boss', openDraft('夏季方案', '?tab=backtest'), '还没有回测过', 'has not been tested'],
    ['compare', 'boss', openDraft('夏季方案', '?tab=compare'), '改了什么', 'What differs'],
    ['publish', 'boss', openDraft('夏季方案', '?publish=1'), '还有地方要改', 'still to be mended'],
  ]
  test.each(pages)('%s', async (name, who, hash, zh, en) => {
    for (const [width, language] of VIEWS) {
      const opened = await stage.open(who, hash, { width, language })
      if (name === 'edit') {
        await opened.page
          .getByRole('button', { name: /till-shoes/ })
          .filter({ hasText: /修改|Edit/ })
          .click()
      }
      await opened.page
        .getByText(language === 'zh' ? (name === 'try' ? '归属导购' : zh) : en)
        .first()
        .waitFor()
      await settle(opened.page)
      await expectSound(opened, width === 390)
      await photograph(opened.page, `plans-${name}-${width}-${language}`)
    }
  })
})

describe('a draft', () => {
  test('is made by clicking: a fault is seen and mended, rules are moved, the last change is undone', async () => {
    const opened = await stage.open('boss', '/plans')
    const { page } = opened
    await page.getByRole('button', { name: '新建草稿' }).click()
    await page.getByLabel('草稿名称').fill('双十一')
    await page.getByRole('button', { name: '开始编辑' }).click()
    await page.getByText('可以发布').waitFor()

    await page.getByRole('button', { name: '添加规则' }).click()
    await page.getByText('比例和每件金额要填一个').waitFor()
    const rule = page.locator('.plan-rule').last()
    await rule.getByLabel('给谁').selectOption('closer')
    await rule.getByRole('textbox', { name: '净额的比例' }).fill('120')
    await page.getByText('比例：超出了允许的范围').waitFor()
    await rule.getByRole('textbox', { name: '净额的比例' }).fill('5')
    await rule.getByLabel('添加条件').selectOption('categories')
    await page.getByText('品类：填得不对，或还没有选').waitFor()
    await rule.locator('[data-condition=categories] input').fill('sho')
    await page.getByRole('option', { name: 'shoes' }).click()
    await page.keyboard.press('Escape')
    await page.getByText('可以发布').waitFor()
    await rule.getByText('品类是 shoes：成交导购得净额的 5%，由总部承担。').waitFor()
    await isSaved(page)
    expect((await kept('双十一')).content.rules.at(-1)).toEqual({
      id: 'rule-1',
      role: 'closer',
      when: { categories: ['shoes'] },
      rateBps: 500,
      bearer: 'headquarters',
    })

    // By keyboard and by dragging.
    await page.getByRole('button', { name: 'rule-1 上移' }).focus()
    await page.keyboard.press('Enter')
    await page.getByText('rule-1 移到了第 4 位').waitFor()
    const [grip, first] = [page.locator('.plan-rule').nth(3).locator('.plan-grip'), page.locator('.plan-rule').first()]
    await grip.scrollIntoViewIfNeeded()
    const [from, to] = [(await grip.boundingBox())!, (await first.boundingBox())!]
    await page.mouse.move(from.x + 10, from.y + 10)
    await page.mouse.down()
    await page.mouse.move(to.x + 10, to.y + 4, { steps: 4 })
    await page.mouse.up()
    await page.getByText('rule-1 移到了第 1 位').waitFor()
    await expect
      .poll(async () => (await kept('双十一')).content.rules.map(({ id }) => id))
      .toEqual(['rule-1', 'share-shoes', 'share', 'till', 'care'])
    await page.getByLabel('多少天后可以结算').fill('10')
    await expect.poll(async () => (await kept('双十一')).content.holdDays).toBe(10)
    await page.getByRole('button', { name: '撤销上一步' }).click()
    await expect.poll(async () => (await kept('双十一')).content.holdDays).toBe(7)
    await expectSound(opened)
  })

  test('that somebody else saved is not written over: who and when, and then one chooses', async () => {
    await putDraft('两人')
    const { page } = await stage.open('boss', openDraft('两人'))
    await page.getByText('可以发布').waitFor()
    await putDraft('两人', { holdDays: 30 }, 1)
    await page.getByLabel('付款前多少天内').fill('20')
    await page.getByText(/改过这份草稿。你的改动还没有保存/).waitFor()
    await page.getByRole('button', { name: '看对方的版本，放弃我的改动' }).click()
    await expect.poll(() => page.getByLabel('多少天后可以结算').inputValue()).toBe('30')
    await page.getByLabel('付款前多少天内').fill('21')
    await expect.poll(async () => (await kept('两人')).revision).toBe(3)
  })

  test('is deleted after asking', async () => {
    await putDraft('不要了')
    const { page } = await stage.open('boss', openDraft('不要了'))
    await page.getByRole('button', { name: '删除草稿' }).click()
    await page.locator('form').getByRole('button', { name: '删除草稿' }).click()
    await page.getByRole('heading', { name: '提成方案' }).waitFor()
    expect((await drafts()).map(({ name }) => name)).not.toContain('不要了')
  })
})

test('an order is tried, one that there is and one made up; a span is tested; it is published, and in force', async () => {
  const rules = [
    { id: 'till-5', role: 'closer', when: { categories: ['shoes'] }, rateBps: 500, bearer: 'headquarters' },
  ]
  await putDraft('上线', { rules: [...rules, ...standardPlan.rules] })
  const opened = await stage.open('boss', openDraft('上线', '?tab=try&order=pos/1'))
  const { page } = opened
  await page.getByText('这一单现在一共付 ¥17.97，按草稿付 ¥29.95。').waitFor()
  await page.getByText('till-5 · 5%').waitFor()
  await page.getByRole('button', { name: '假设一单' }).click()
  await page.getByRole('combobox', { name: '成交导购' }).fill('a2')
  await page.getByRole('option', { name: '导购 a2 · a2' }).click()
  await page.getByRole('combobox', { name: '商品 1' }).fill('跑')
  await page.getByRole('option', { name: /跑鞋/ }).click()
  await page.getByLabel('实付 1').fill('100')
  await page.getByRole('button', { name: '试算' }).click()
  await page.getByText('按草稿付 ¥5.00。').waitFor()
  await expectSound(opened)
  await photograph(page, 'plans-tried-1280-zh')

  await page.getByRole('button', { name: '回测', exact: true }).click()
  await page.getByLabel('时间段').selectOption('own')
  await page.locator('input[type=date]').first().fill('2026-03-01')
  await page.locator('input[type=date]').last().fill('2026-03-31')
  await page.getByRole('button', { name: '开始回测' }).click()
  await page.getByText('+¥11.98').first().waitFor()
  await page.getByRole('heading', { name: '多拿的导购' }).waitFor()
  await page
    .locator('td.named', { hasText: /^导购 a\d · a\d$/ })
    .first()
    .waitFor()
  await expectSound(opened)
  await photograph(page, 'plans-tested-1280-zh')
  // On a phone no table is moved sideways: each difference stands under what was paid and would be.
  await page.setViewportSize({ width: 360, height: 760 })
  const tables = page.locator('main .sheet-box')
  expect(await tables.evaluateAll(all => all.map(one => one.scrollWidth - one.clientWidth))).toEqual(
    Array.from({ length: await tables.count() }, () => 0),
  )
  const difference = page.locator('td[data-name="差额"]').first()
  expect((await difference.boundingBox())!.x).toBeLessThan(360)
  await expectSound(opened)
  await page.setViewportSize({ width: 1280, height: 860 })
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: '导出 CSV' }).last().click(),
  ])
  expect(download.suggestedFilename()).toBe('backtest-orders.csv')
  await page.getByRole('button', { name: '1', exact: true }).click()
  await page.getByText('方案 standard 第 1 版').waitFor()
  await page.keyboard.press('Escape')

  // From a day that is over: what is booked is booked anew.
  await page.getByRole('button', { name: '发布' }).click()
  await page.getByLabel('从哪天起执行').fill('2026-03-01')
  await page.getByText('要从过去的日期执行，必须重新计算。').waitFor()
  await page.getByLabel('重新计算那天以后已经付款的订单').check()
  await page.getByRole('button', { name: '下一步' }).click()
  await page.getByText(/2 笔订单的回测：现方案 ¥23.94，新方案 ¥35.92，多付 ¥11.98（50.0%）/).waitFor()
  await photograph(page, 'plans-confirm-1280-zh')
  await page.getByRole('button', { name: '确认发布' }).click()
  await page.getByText(/重新计算完成/).waitFor()
  await page.getByText('正在执行').first().waitFor()
  await expectSound(opened)
  await photograph(page, 'plans-published-1280-zh')
  await stage.service.settled()
  const owed = await stage.service.get<{ items: { ruleId: string; amountFen: number }[] }>(
    '/entitlements?orderNo=1&source=pos',
  )
  expect(owed.items).toMatchObject([{ ruleId: 'till-5', amountFen: 2995 }])
  expect((await drafts()).map(({ name }) => name)).not.toContain('上线')
})

test('whoever has not the whole brand has no plans, and an auditor changes nothing', async () => {
  const manager = await stage.open('manager1', '/plans')
  expect(await manager.page.getByRole('link', { name: '提成方案' }).count()).toBe(0)
  await manager.page.locator('.failure').waitFor()
  const auditor = await stage.open('auditor', '/plans')
  await auditor.page.getByText('正在执行').first().waitFor()
  expect(await auditor.page.getByRole('button', { name: '新建草稿' }).count()).toBe(0)
})
