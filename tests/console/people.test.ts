import { readFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { AssociateDetail, StoreDetail } from '../../server/features/people/schema.ts'
import { createKey } from '../../server/features/auth/service.ts'
import { tell } from '../support/people.ts'
import { expectSound, photograph, settle, startConsoleStage, type ConsoleStage, VIEWS } from './support.ts'

/** The pages of stores and people against the real service, at a clock of its own. */

const SINCE = '2025-01-01T00:00:00+08:00'
const PAID = '2026-05-20T12:00:00+08:00'
const NOW = Date.parse('2026-06-10T12:00:00+08:00')

let stage: ConsoleStage
beforeAll(async () => {
  stage = await startConsoleStage({ now: () => NOW })
  const { service } = stage
  await tell(service, {
    stores: [
      { storeCode: 'S-JA', name: '静安示例店', type: 'direct', region: '华东', wecomDepartmentId: 12 },
      { storeCode: 'S-SZ', name: '苏州示例店', type: 'franchise', region: '华东', franchiseeId: 'F-1' },
      { storeCode: 'S-GZ', name: '广州示例店', type: 'direct', region: '华南' },
    ],
    associates: [
      { associateId: 'demo-hq', name: '示例总部', kind: 'office', role: 'headquarters', activeFrom: SINCE },
      { associateId: 'demo-aud', name: '示例审计', kind: 'office', role: 'auditor', activeFrom: SINCE },
      {
        associateId: 'demo-f',
        name: '示例加盟',
        kind: 'office',
        role: 'franchisee',
        franchiseeId: 'F-1',
        activeFrom: SINCE,
      },
      { associateId: 'demo-m', name: '示例店长', storeCode: 'S-JA', role: 'manager', activeFrom: SINCE },
      { associateId: 'demo-1', name: '示例一', storeCode: 'S-JA', activeFrom: SINCE, memberNo: 'm-own' },
      { associateId: 'demo-2', name: '示例二', storeCode: 'S-JA', activeFrom: SINCE, invitedBy: 'demo-1' },
      { associateId: 'demo-3', name: '示例三', storeCode: 'S-SZ', activeFrom: SINCE, payeeType: 'individual' },
      {
        associateId: 'demo-4',
        name: '示例四',
        storeCode: 'S-JA',
        activeFrom: SINCE,
        activeTo: '2026-06-01T00:00:00+08:00',
      },
    ],
    members: [{ memberNo: 'm-1', name: '示例会员', openingStore: 'S-JA', openingAssociate: 'demo-4' }],
    'member-assignments': [{ memberNo: 'm-1', from: SINCE, attributedAssociate: 'demo-4' }],
    orders: [0, 1, 2].map(i => ({
      source: 'pos',
      orderNo: `o-${i}`,
      channel: 'in_store',
      sellingStore: 'S-JA',
      closer: 'demo-1',
      memberNo: 'm-1',
      paidAt: PAID,
      lines: [{ lineNo: 1, sku: 'k', quantity: 1, paidFen: 10_000 }],
    })),
    'opening-balances': [{ balanceNo: 'b1', payeeKind: 'associate', payee: 'demo-4', amountFen: -3_000 }],
  })
  await service.settled()
  // What somebody owes takes two to say.
  const { items } = await service.get<{ items: { adjustmentId: string }[] }>('/adjustments')
  const key = await createKey(service.pool, { brandId: 1, name: 'second', scopes: ['admin'], now: NOW })
  const answer = await service.app.inject({
    method: 'POST',
    url: `/api/v1/adjustments/${items[0]!.adjustmentId}/confirm`,
    headers: { authorization: `Bearer ${key}` },
  })
  expect(answer.statusCode).toBe(200)
}, 120_000)
afterEach(() => stage.clear())
afterAll(() => stage.close())

const store = (code: string) => stage.service.get<StoreDetail>(`/stores/${code}`)
const associate = (id: string) => stage.service.get<AssociateDetail>(`/associates/${id}`)

describe('every page at both widths', () => {
  test.each([
    ['stores', 'demo-aud', '/people', '静安示例店', 'Franchisee'],
    ['store', 'demo-f', '/people?store=S-SZ', '变更记录', 'from the beginning'],
    ['associates', 'demo-m', '/people?tab=associates', '示例店长', '示例二'],
    ['leaver', 'demo-m', '/people?tab=associates&associate=demo-4', '已离职，名下还有', 'He owes ¥30.00'],
    ['roles', 'demo-aud', '/people?tab=roles', '自己名下所有门店', 'Sees'],
    ['new-associate', 'demo-hq', '/people?tab=associates&new=associates', '看看影响', 'See what it does'],
    ['import', 'demo-hq', '/people?import=stores', '第一行是列名', 'The first line'],
  ] as const)('%s', async (name, who, hash, zh, en) => {
    for (const [width, language] of VIEWS) {
      const opened = await stage.open(who, hash, { width, language })
      await opened.page
        .getByText(language === 'zh' ? zh : en)
        .first()
        .waitFor()
      await settle(opened.page)
      await photograph(opened.page, `people-${name}-${width}`)
      await expectSound(opened)
    }
  })
})

describe('who sees what', () => {
  test('a manager his store, a franchisee his stores, neither changes anything; others are not there', async () => {
    const manager = (await stage.open('demo-m', '/people')).page
    await manager.getByText('静安示例店').waitFor()
    expect(await manager.getByText('苏州示例店').count()).toBe(0)
    expect(await manager.getByRole('button', { name: '新建门店' }).count()).toBe(0)
    await manager.goto(`${stage.url}/console/#/people?store=S-GZ`)
    await manager.getByText('它不存在，或者不在你能看到的范围里。').waitFor()
    const franchisee = (await stage.open('demo-f', '/people?tab=associates')).page
    await franchisee.getByText('示例三').waitFor()
    expect(await franchisee.getByText('示例一').count()).toBe(0)
  })
})

describe('where somebody is signed in', () => {
  test.each(VIEWS)('is seen and ended by himself, %d %s', async (width, language) => {
    const said = language === 'zh' ? zh : en
    const elsewhere = (await stage.open('demo-aud', '/people')).page
    const opened = await stage.open('demo-aud', '/people', { width, language })
    const { page } = opened
    await page.getByRole('button', { name: said.mine }).click()
    await page.getByText(said.here).waitFor()
    await page.getByRole('button', { name: said.others }).waitFor()
    await settle(page)
    await photograph(page, `sessions-${width}`)
    await expectSound(opened)
    await page.getByRole('button', { name: said.others }).click()
    await page.getByText(said.alone).waitFor()
    const status = await elsewhere.evaluate(async () => (await fetch('/api/v1/session')).status)
    expect(status).toBe(401)
    expect(await page.evaluate(async () => (await fetch('/api/v1/session')).status)).toBe(200)
  })
  const zh = { mine: '我的登录', here: '就是这里', others: '结束其他全部登录', alone: '只在这里登录着。' }
  const en = { mine: 'Where I am signed in', here: 'This one', others: 'End all others', alone: 'You are signed in here alone.' } // prettier-ignore

  test('headquarters ends all of somebody, after it was said what that does', async () => {
    const his = (await stage.open('demo-m', '/people')).page
    await his.getByText('静安示例店').waitFor()
    const { page } = await stage.open('demo-hq', '/people?tab=associates&associate=demo-m')
    await page.getByRole('button', { name: '结束他的全部登录' }).click()
    await page.getByText('示例店长 在侧边栏和管理台的登录马上都结束').waitFor()
    expect(await his.evaluate(async () => (await fetch('/api/v1/session')).status)).toBe(200)
    await settle(page)
    await photograph(page, 'sessions-end')
    await page.getByRole('button', { name: '结束他的全部登录' }).last().click()
    await page.getByText('他的登录都已结束。').waitFor()
    expect(await his.evaluate(async () => (await fetch('/api/v1/session')).status)).toBe(401)
  })
})

describe('a store', () => {
  test('turns franchise on a day: what it does is said first, then saved and on record', async () => {
    const { page } = await stage.open('demo-hq', '/people?store=S-JA')
    await page.getByRole('button', { name: '修改' }).click()
    const form = page.getByRole('dialog')
    await form.getByLabel('类型').selectOption('franchise')
    await form.getByLabel('加盟商').fill('F-1')
    await page.getByLabel('从哪天起生效').fill('2026-05-15')
    await page.getByRole('button', { name: '看看影响' }).click()
    await page.getByText('类型从「直营」变为「加盟」').waitFor()
    await page.getByText('其中已有 3 单会重新算').first().waitFor()
    expect((await store('S-JA')).types).toHaveLength(1)
    await page.getByRole('button', { name: '确认保存' }).click()
    await page.getByText('已保存。').waitFor()
    const after = await store('S-JA')
    expect(after).toMatchObject({ type: 'franchise', franchiseeId: 'F-1' })
    expect(after.types.at(-1)).toEqual({ value: 'franchise', from: '2026-05-14T16:00:00.000Z' })
    const { items } = await stage.service.get<{ items: { actor: string; action: string; details: object }[] }>(
      '/activity?subject=stores/S-JA',
    )
    expect(items[0]).toMatchObject({ actor: 'demo-hq', action: 'store.changed', details: { type: 'franchise' } })
  })

  test('is found by name and type, and the address says how', async () => {
    const { page } = await stage.open('demo-hq', '/people')
    await page.getByRole('searchbox').fill('示例店')
    await page.getByLabel('类型').selectOption('franchise')
    await page.waitForURL(/type=franchise/)
    await page.waitForURL(/search=/)
    await page.getByText('苏州示例店').waitFor()
    expect(await page.getByText('广州示例店').count()).toBe(0)
  })
})

describe('somebody', () => {
  test('is made; faults stand at their fields', async () => {
    const { page } = await stage.open('demo-hq', '/people?tab=associates&new=associates')
    await page.getByLabel('账号').fill('demo-9')
    await page.getByLabel('姓名').fill('示例九')
    await page.getByRole('button', { name: '看看影响' }).click()
    await page.getByRole('alert').getByText('必填。').waitFor()
    await page.getByRole('dialog').getByRole('combobox', { name: '门店' }).click()
    await page.getByRole('option', { name: '广州示例店' }).click()
    await page.getByRole('button', { name: '看看影响' }).click()
    await page.getByText('会新建').waitFor()
    await page.getByRole('button', { name: '确认保存' }).click()
    await page.getByText('已保存。').waitFor()
    expect(await associate('demo-9')).toMatchObject({
      name: '示例九',
      storeCode: 'S-GZ',
      kind: 'store',
      role: 'associate',
    })
  })

  test('leaves: the day is said with what it does, and what is open leads to a handover', async () => {
    const { page } = await stage.open('demo-hq', '/people?tab=associates&associate=demo-1&edit=1')
    await page.getByLabel('最后工作日').fill('2026-05-19')
    await page.getByRole('button', { name: '看看影响' }).click()
    await page.getByText('从 5 月 20 日 00:00 起在职情况变了').waitFor()
    await page.getByText('3 单会重新算').waitFor()
    await page.getByRole('button', { name: '确认保存' }).click()
    await page.getByText('已保存。').waitFor()
    expect(await associate('demo-1')).toMatchObject({ work: 'left', activeTo: '2026-05-19T16:00:00.000Z' })
    await page.goto(`${stage.url}/console/#/people?tab=associates&associate=demo-4`)
    await page.getByText('他欠公司 ¥30.00').waitFor()
    await page.getByRole('link', { name: '去交接' }).click()
    await page.waitForURL(/handover\?begin=demo-4/)
    await page.getByText('示例四').first().waitFor()
  })

  test('does not change his own role', async () => {
    const { page } = await stage.open('demo-hq', '/people?tab=associates&associate=demo-hq&edit=1')
    await page.getByRole('dialog').getByLabel('角色').selectOption('auditor')
    await page.getByRole('button', { name: '看看影响' }).click()
    await page.getByText('不能改自己的角色').waitFor()
  })
})

describe('a file', () => {
  test('is looked at line by line, taken, and what was refused is kept', async () => {
    const { page } = await stage.open('demo-hq', '/people?import=associates')
    const csv = [
      '账号,姓名,门店编号,角色,入职时间,备注',
      'demo-21,示例廿一,S-GZ,导购,2026-06-01,x',
      'demo-22,示例廿二,S-XX,导购,2026-06-01,x',
      'demo-23,示例廿三,S-GZ,经理,昨天,x',
      'demo-3,示例三,,店长,,x',
    ].join('\r\n')
    await page.locator('input[type=file]').setInputFiles({
      name: 'people.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from(csv),
    })
    await page.getByText('新建 1，修改 1，不变 0').waitFor()
    await page.getByText('2 行有问题，不会导入').waitFor()
    await page.getByText('门店编号 没有这个门店编号。').waitFor()
    await page.getByText('角色 没有这个选项。').waitFor()
    await page.getByText('不用的列: 备注').waitFor()
    await settle(page)
    await photograph(page, 'people-import-faults-1280')
    expect((await stage.service.get<{ items: unknown[] }>('/associates?search=demo-21')).items).toEqual([])
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: '下载没导入的行' }).click(),
    ])
    const kept = await readFile(await download.path(), 'utf8')
    expect(kept).toContain('demo-22,示例廿二,S-XX,导购,2026-06-01,x,3,门店编号 没有这个门店编号。')
    await page.getByRole('button', { name: '导入 2 行' }).click()
    await page.getByText('已导入 2 行。').waitFor()
    expect(await associate('demo-21')).toMatchObject({ storeCode: 'S-GZ', activeFrom: '2026-05-31T16:00:00.000Z' })
    expect(await associate('demo-3')).toMatchObject({ role: 'manager', storeCode: 'S-SZ' })
  })

  test('as it was exported changes nothing when it is taken back', async () => {
    const { page } = await stage.open('demo-hq', '/people?tab=associates')
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: '导出 CSV' }).click(),
    ])
    const exported = await readFile(await download.path())
    await page.goto(`${stage.url}/console/#/people?import=associates`)
    await page.locator('input[type=file]').setInputFiles({
      name: 'associates.csv',
      mimeType: 'text/csv',
      buffer: exported,
    })
    await page.getByText('新建 0，修改 0，不变').waitFor()
    expect(await page.getByText('行有问题').count()).toBe(0)
  })
})
